"""Sizes of the pieces that a search works on, in one value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes of a search.

    Attributes
    ----------
    spare : int, default 16
        Rows of a pool, beyond its candidates, that may fall away before a story must search again.
    stories : int, default 1,024
        That search together.
    block : int, default 2,048
        Rows that are multiplied at a time.
    offered : int, default 32,768
        Stories that newcomers are offered to at a time.
    """

    spare: int = 16
    stories: int = 1_024
    block: int = 2_048
    offered: int = 32_768


LIMITS = Limits()
"""The sizes of every search."""
