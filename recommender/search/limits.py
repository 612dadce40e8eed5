"""Block sizes of the search and of the making of lists, in one value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Block sizes, and the size from which on a story is compared with its reach only.

    Attributes
    ----------
    exact : int, default 50,000
        Up to so many stories each is compared with all of them.
    near : int, default 2,000
        Approximate number of stories within the reach of a story.
    rank : int, default 32
        Number of these in the sample from which the reach is estimated.
    spare : int, default 16
        Rows of a pool beyond its candidates: so many may be lost before a story must search again.
    stories : int, default 1,024
        Stories that search together.
    offered : int, default 32,768
        Stories to whose pools new rows are offered at a time.
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
"""The default sizes."""
