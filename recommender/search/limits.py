"""Sizes of the pieces that a search, and the making of lists, work on, in one value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes of the pieces that work is done in, and from which on a search looks near alone.

    Attributes
    ----------
    exact : int, default 50,000
        Stories up to which each is compared with all of them.
    near : int, default 2,000
        Stories beyond that which may be nearest to a story, about: with these it is compared.
    rank : int, default 32
        Of them in a sample, by which their number is judged.
    spare : int, default 16
        Rows of a pool, beyond its candidates, that may fall away before a story must search again.
    stories : int, default 1,024
        That search together.
    offered : int, default 32,768
        Stories that newcomers are offered to at a time.
    lists : int, default 512
        Stories whose lists are made together.
    """

    exact: int = 50_000
    near: int = 2_000
    rank: int = 32
    spare: int = 16
    stories: int = 1_024
    offered: int = 32_768
    lists: int = 512


LIMITS = Limits()
"""The sizes where nothing else is asked for."""
