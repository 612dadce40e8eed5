"""Block sizes of the search and of the making of lists, in one value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Block sizes, and the size from which on a story is compared with its reach only."""

    exact: int = 50_000  # up to so many stories each is compared with all of them
    near: int = 2_000  # approximate number of stories within the reach of a story
    rank: int = 32  # number of these in the sample from which the reach is estimated
    spare: int = 16  # rows of a pool beyond its candidates: so many may be lost before a story must search again
    stories: int = 1_024  # stories that search together
    offered: int = 32_768  # stories to whose pools new rows are offered at a time
    lists: int = 512  # stories whose lists are made together


LIMITS = Limits()
"""The default sizes."""
