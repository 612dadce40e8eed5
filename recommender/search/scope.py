"""The moment and the filters of a call -> the rows that may be shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.articles.columns import has_tag, is_in, to_micros
from recommender.errors import SettingsError, did_you_mean
from recommender.settings import RetrievalSettings


@dataclass(frozen=True, slots=True)
class Filters:
    """Limits of one call, on top of the settings. Every filter that is given must hold.

    Attributes
    ----------
    after, before : datetime, optional
        Publication time, both ends included; without a zone it is UTC.
    days_before_as_of : int, optional
        At most so many days older than `as_of`; replaces the window of the settings.
    days_around_story : int, optional
        At most so many days from the story's own day; replaces the window of the settings.
    sections, languages, kinds : tuple of str
        Only these values.
    tags : tuple of str
        At least one of these.
    exclude : tuple of str
        Ids that must not appear.

    Examples
    --------
    >>> Filters(sections=("sport",), days_around_story=30).sections
    ('sport',)
    """

    after: datetime | None = None
    before: datetime | None = None
    days_before_as_of: int | None = None
    days_around_story: int | None = None
    sections: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("sections", "languages", "kinds", "tags", "exclude"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise SettingsError(f"Filters.{name} is the text {value!r}; expected a tuple such as ({value!r},)")
            object.__setattr__(self, name, tuple(value))
        for name in ("days_before_as_of", "days_around_story"):
            days = getattr(self, name)
            if days is not None and not isinstance(days, Integral):
                raise SettingsError(f"Filters.{name} is {days!r}, expected a whole number")

    def unknown_values(self, catalog: Catalog) -> Iterator[str]:
        """Describe each value that no story has, with one that may be meant."""
        named = {"section": self.sections, "language": self.languages, "kind": self.kinds, "tag": self.tags}
        for column, values in named.items():
            known = catalog.filter_values[column] if values else frozenset()
            for value in values:
                if (value.casefold() if column == "kind" else value) not in known:  # kinds are stored folded
                    meant = did_you_mean(value, sorted(known))
                    yield f"no story has the {column} {value!r}, which the filters name{meant}"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The rows that may be shown at one moment."""

    as_of: int  # microseconds; later stories do not exist yet
    allowed: NDArray[np.bool_]  # (n,); current, not superseded, not withdrawn, not expired, passing the filters
    language: NDArray[np.int32]  # (n,)
    timed: bool  # False for an archive without dates: no window, no freshness
    # the window, see `Filters`; none = the whole archive
    days_before: int | None
    days_around: int | None

    @property
    def windowed(self) -> bool:
        """Whether candidates are limited to a window of days."""
        return self.timed and (self.days_before is not None or self.days_around is not None)


def make_scope(
    catalog: Catalog,
    language: NDArray[np.int32],
    withdrawn: NDArray[np.int64],
    as_of: int,
    filters: Filters,
    settings: RetrievalSettings,
    timed: bool,
) -> Scope:
    """Combine all conditions that do not depend on the story into one mask."""
    allowed = catalog.alive & ~catalog.superseded & (catalog.expires > as_of) & (catalog.published <= as_of)
    allowed[withdrawn] = False
    allowed[catalog.known_rows(filters.exclude)] = False
    for column, values in (("section", filters.sections), ("kind", filters.kinds), ("language", filters.languages)):
        if values:
            allowed &= is_in(catalog.table, column, values)
    if filters.tags:
        allowed &= has_tag(catalog.table, filters.tags)
    if filters.after is not None:
        allowed &= catalog.published >= to_micros(filters.after)
    if filters.before is not None:
        allowed &= (catalog.published <= to_micros(filters.before)) & (catalog.published != UNDATED)
    days_before = filters.days_before_as_of
    if days_before is None and filters.days_around_story is None and filters.after is None and filters.before is None:
        days_before = settings.window_days
    return Scope(
        as_of=as_of,
        allowed=allowed,
        language=language,
        timed=timed,
        days_before=days_before,
        days_around=filters.days_around_story,
    )
