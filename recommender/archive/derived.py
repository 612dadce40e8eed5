"""Values that an archive derives: computed when first asked for, and kept while their sources stay the same."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.articles.columns import encode, outlets
from recommender.articles.copies import Marks
from recommender.articles.languages import site_language
from recommender.articles.links import ResolvedLinks, resolve_links
from recommender.features.hubness import Neighbours
from recommender.features.spelling import Spelling
from recommender.features.table import FeatureTable, section_codes, section_levels
from recommender.features.texts import TextParts, term_rarity
from recommender.features.tfidf import Tfidf
from recommender.lists.wording import Wording
from recommender.search.keys import mask_distinctive_words
from recommender.selection.series import FormatKeys, Series
from recommender.settings import SeriesRule

_FORMAT_KEYS = "looks_"  # before the names of the columns of `FormatKeys`
_Part = TypeVar("_Part")


class Saved(NamedTuple):
    """Derived values that are saved with an archive: columns by row, and the names that their codes stand for."""

    columns: dict[str, NDArray[Any]]
    names: dict[str, list[str]]


class Languages(NamedTuple):
    """Code of each row's language, code of each name, and the site's language, which a story without one has."""

    codes: NDArray[np.int32]
    code_of: dict[str, int]
    site: str


class Outlets(NamedTuple):
    """Code of who published each row, -1 = not known, and their names."""

    codes: NDArray[np.int32]
    names: list[str]

    def codes_of(self, stories: pa.Table) -> NDArray[np.int32]:
        """Find the codes of the outlets of stories from outside, (q,); -1 = no outlet of the archive."""
        codes = pc.index_in(outlets(stories), pa.array(self.names, pa.large_string()), skip_nulls=True)
        return np.asarray(pc.fill_null(codes, -1).to_numpy(), dtype=np.int32)


class RecurringFormats(NamedTuple):
    """The recurring formats, and the number of each row's; -1 = none, or not asked for."""

    series: Series
    codes: NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class StoryFacts:
    """Values derived from the stories only; those given as `known_...` are not derived again."""

    catalog: Catalog
    site_language: str | None
    known_languages: Languages | None = field(default=None, compare=False)
    known_outlets: Outlets | None = field(default=None, compare=False)
    known_format_keys: FormatKeys | None = field(default=None, compare=False)

    @cached_property
    def dated(self) -> bool:
        """Whether time counts: at least half of the current stories carry a date."""
        published = self.catalog.published[self.catalog.alive]
        return bool(len(published)) and bool((published != UNDATED).mean() >= 0.5)

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """Publication times of the current stories, in order."""
        return np.sort(self.catalog.published[self.catalog.alive], kind="stable")

    @cached_property
    def languages(self) -> Languages:
        """The language of each row."""
        if self.known_languages is not None:
            return self.known_languages
        site = self.site_language or site_language(self.catalog.table)
        codes, names = self.catalog.codes("language", default=site)
        return Languages(codes, {name: code for code, name in enumerate(names)}, site)

    @cached_property
    def mixed(self) -> bool:
        """Whether a twentieth of the stories are in other languages than the commonest."""
        codes = self.languages.codes[self.catalog.alive]
        return bool(len(codes)) and bool(np.bincount(codes + 1).max() < 0.95 * len(codes))

    @property
    def common_languages(self) -> tuple[str, ...]:
        """Names of the languages that a twentieth of the stories are in."""
        codes, code_of, _ = self.languages
        counts = np.bincount(codes[self.catalog.alive], minlength=len(code_of))
        return tuple(name for name, code in code_of.items() if counts[code] >= 0.05 * counts.sum())

    @cached_property
    def outlets(self) -> Outlets:
        """The outlet that published each row."""
        if self.known_outlets is not None:
            return self.known_outlets
        codes, names = encode(outlets(self.catalog.table))
        return Outlets(codes.astype(np.int32), names)

    @cached_property
    def has_main_outlet(self) -> bool:
        """Whether one outlet published at least half of the current stories whose outlet is known, if any is."""
        codes = self.outlets.codes[self.catalog.alive]
        counts = np.bincount(codes[codes >= 0])
        return bool(2 * counts.max(initial=0) >= counts.sum())

    @cached_property
    def format_keys(self) -> FormatKeys:
        """What recurring formats are found by, for every row."""
        if self.known_format_keys is not None:
            return self.known_format_keys
        return find_format_keys(self.catalog.table, self.catalog.cleaned(), self.catalog.marks)

    @cached_property
    def section_levels(self) -> dict[tuple[str, ...], int]:
        """Number of every level of every section's path."""
        return section_levels(self.catalog.table["section"])

    @cached_property
    def links(self) -> ResolvedLinks:
        """Editors' links between the stories."""
        return resolve_links(self.catalog)


@dataclass(frozen=True, eq=False, kw_only=True)
class Vocabulary:
    """Values derived from the vocabulary."""

    tfidf: Tfidf
    spelling: Spelling

    @cached_property
    def is_distinctive(self) -> NDArray[np.bool_]:
        """The mask of the words that stories may be searched by, (v,)."""
        return mask_distinctive_words(self.tfidf)

    @cached_property
    def wording(self) -> Wording:
        """The terms that reasons may tell, and how they are written."""
        return Wording.fit(self.tfidf, self.spelling)


@dataclass(frozen=True, eq=False, kw_only=True)
class Formats:
    """The recurring formats of the stories under some rules; None where series do not count."""

    stories: StoryFacts
    rules: tuple[SeriesRule, ...] | None
    known: RecurringFormats | None = field(default=None, compare=False)

    @cached_property
    def recurring(self) -> RecurringFormats:
        """The formats, and the number of each row's."""
        if self.known is not None:
            return self.known
        catalog = self.stories.catalog
        if self.rules is None:
            return RecurringFormats(Series((), ()), np.full(len(catalog), -1, dtype=np.int64))
        keys = self.stories.format_keys
        series = Series.fit(catalog.table, self.rules, keys, catalog.alive)  # older versions are no editions
        return RecurringFormats(series, series.codes(catalog.table, keys))


@dataclass(frozen=True, eq=False, kw_only=True)
class Compared:
    """Values that stories are compared by."""

    stories: StoryFacts
    vectors: NDArray[np.int16]
    parts: TextParts
    neighbours: Neighbours
    tfidf: Tfidf

    @cached_property
    def table(self) -> FeatureTable:
        """What the ranker's features are made of, by row."""
        catalog = self.stories.catalog
        return FeatureTable(
            vectors=self.vectors,
            parts=self.parts,
            published=catalog.published,
            sections=section_codes(catalog.table["section"], self.stories.section_levels),
            hubness=self.neighbours.hubness,
            scale=self.neighbours.scale,
            rarity=term_rarity(self.tfidf),
        )


@dataclass(frozen=True, kw_only=True)
class Derived:
    """All that is derived, in parts that stay or go together."""

    stories: StoryFacts
    vocabulary: Vocabulary
    formats: Formats
    compared: Compared

    @classmethod
    def from_values(
        cls,
        *,
        catalog: Catalog,
        site_language: str | None,
        series_rules: tuple[SeriesRule, ...] | None,
        tfidf: Tfidf,
        spelling: Spelling,
        vectors: NDArray[np.int16],
        parts: TextParts,
        neighbours: Neighbours,
        before: Derived | None = None,
    ) -> Derived:
        """Prepare derived values; a part of an earlier state that was derived from the same values is used again."""
        stories = StoryFacts(catalog=catalog, site_language=site_language)
        stories = _reuse(None if before is None else before.stories, stories)
        vocabulary = Vocabulary(tfidf=tfidf, spelling=spelling)
        vocabulary = _reuse(None if before is None else before.vocabulary, vocabulary)
        formats = Formats(stories=stories, rules=series_rules)
        formats = _reuse(None if before is None else before.formats, formats)
        compared = Compared(stories=stories, vectors=vectors, parts=parts, neighbours=neighbours, tfidf=tfidf)
        compared = _reuse(None if before is None else before.compared, compared)
        return cls(stories=stories, vocabulary=vocabulary, formats=formats, compared=compared)

    @property
    def format_keys(self) -> FormatKeys | None:
        """What recurring formats are found by, for every row; None where the settings switch series off."""
        return None if self.formats.rules is None else self.stories.format_keys

    def with_format_keys(self, keys: FormatKeys | None) -> Derived:
        """Return a copy with known format keys, which need not be derived again."""
        return self._with(replace(self.stories, known_format_keys=keys), None)

    def to_saved(self) -> Saved:
        """Collect what is slow to derive, to be stored and given to `with_saved`."""
        stories, (series, codes) = self.stories, self.formats.recurring
        columns = {
            **stories.catalog.derived_columns(),
            "language": stories.languages.codes,
            "outlet": stories.outlets.codes,
        }
        columns["series"] = codes
        if self.format_keys is not None:
            columns |= {f"{_FORMAT_KEYS}{name}": column for name, column in self.format_keys._asdict().items()}
        names = {
            "languages": list(stories.languages.code_of),
            "site": [stories.languages.site],
            "outlets": stories.outlets.names,
            "templates": list(series.templates),
            "skeletons": list(map(str, series.skeletons)),
        }
        return Saved(columns, names)

    def with_saved(self, saved: Saved) -> Derived:
        """Return a copy with saved values, which need not be derived again."""
        columns, names = saved
        keys = {name.removeprefix(_FORMAT_KEYS): columns[name] for name in columns if name.startswith(_FORMAT_KEYS)}
        code_of = {name: code for code, name in enumerate(names["languages"])}
        stories = replace(
            self.stories,
            known_languages=Languages(columns["language"], code_of, names["site"][0]),
            known_outlets=Outlets(columns["outlet"], names["outlets"]),
            known_format_keys=FormatKeys(**keys) if keys else None,
        )
        skeletons = tuple(map(int, names.get("skeletons", ())))
        series = Series(self.formats.rules or (), tuple(names["templates"]), skeletons)
        return self._with(stories, RecurringFormats(series, columns["series"]))

    def _with(self, stories: StoryFacts, recurring: RecurringFormats | None) -> Derived:
        formats = replace(self.formats, stories=stories, known=recurring)
        return replace(self, stories=stories, formats=formats, compared=replace(self.compared, stories=stories))


def find_format_keys(stories: pa.Table, cleaned: pa.Table, marks: Marks | None = None) -> FormatKeys:
    """Find what recurring formats are found by: titles as they are, bodies without boilerplate."""
    body = stories.column_names.index("body")
    return FormatKeys.from_table(stories.set_column(body, "body", cleaned["body"]), marks)


def _reuse(before: _Part | None, after: _Part) -> _Part:
    """Return the earlier of two parts, if both are derived from the same values, else the later."""
    if before is None:
        return after
    sources = [source.name for source in fields(after) if source.compare]  # type: ignore[arg-type]
    is_same = all(_is_same(getattr(before, name), getattr(after, name)) for name in sources)
    return before if is_same else after


def _is_same(before: Any, after: Any) -> bool:
    """Check whether two sources are the same: texts and tuples by value, all others by identity."""
    return before is after or (isinstance(before, str | tuple) and bool(before == after))
