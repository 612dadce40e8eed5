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
    near : int, default 3,000
        Stories beyond that which share the most words with a story, about: with these it is compared.
    rank : int, default 64
        Of them in a sample, by which their number is judged.
    inside : int, default 1,000
        Stories of the cells that a story looks into, about: with these too.
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
    near: int = 3_000
    rank: int = 64
    inside: int = 1_000
    spare: int = 16
    stories: int = 1_024
    offered: int = 32_768
    lists: int = 512


LIMITS = Limits()
"""The sizes where nothing else is asked for."""
