"""Recurring formats: market tables, briefings, quizzes, earnings lines; editions of one are one series."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.settings import SeriesRule

_TITLE = 300  # characters of a title that rules look at: their expressions are editors', the titles anybody's
_EDITIONS = 3  # days on which a template must appear to be a series
_TABLE_WORDS = 20  # first words of the body that are looked at
_TABLE_OPENING = 12 * _TABLE_WORDS  # characters that hold them
_TABLE_FIGURES = 0.2  # share of them that are figures, from which on the body is a table
_TABLE_PROSE = 0.05  # share of them that belong to sentences, up to which it is one
_FIGURES = re.compile(r"[$£€(]?\d.*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|nil|cts|pct|mln")
_PROSE = re.compile(r"the|an?|of|to|in|is|was|were|be|has|have|had|said|that|for|with|by|on|and|its?|will")
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_WHEN = re.compile(
    rf"\b(?:{_MONTHS}|{_DAYS}|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)\b\.?"
    r"|\b(?:first|second|third|fourth|1st|2nd|3rd|\d+th)\b"
)
_NUMBER = re.compile(r"(?<![\w-])\d+(?:[.,:/-]\d+)*(?!\w)")
_FORMAT = re.compile(
    r"\b(?:quiz|crossword|sudoku|horoscopes?|weather|forecast|briefing|newsletter|round-?up|diary|letters|"
    r"obituaries|lottery|fixtures|tide times|markets?|week in pictures|what's on)\b"
)


def template(title: str) -> str:
    """The title with dates and numbers blanked; a label before a colon alone if it names a recurring format.

    Examples
    --------
    >>> template("Markets at noon, 12 May"), template("Markets at noon, 3 June")
    ('markets at noon, # @', 'markets at noon, # @')
    >>> template("Friday quiz: who sank the Marisol?")
    '@ quiz'
    """
    blank = _NUMBER.sub("#", _WHEN.sub("@", " ".join(title.casefold().split())))
    label, colon, _ = blank.partition(":")
    return label.strip() if colon and _FORMAT.search(label) else blank


def is_table(body: str) -> bool:
    """Whether a body opens as a table or a row of figures.

    Examples
    --------
    >>> is_table("Shr 37 cts vs 14 cts Net 850,000 vs 290,000 Revs 14.3 mln vs 9,2 mln Avg shrs 2,300 vs 2,100")
    True
    >>> is_table("The ferry ran aground at 6.40 in thick fog off Gull Point and nobody of the 214 aboard died.")
    False
    """
    words = body[:_TABLE_OPENING].casefold().split()[:_TABLE_WORDS]
    figures = sum(bool(_FIGURES.fullmatch(word)) for word in words)
    prose = sum(bool(_PROSE.fullmatch(word)) for word in words)
    return len(words) >= 8 and figures >= _TABLE_FIGURES * len(words) and prose <= _TABLE_PROSE * len(words)


class Looks(NamedTuple):
    """What tells the recurring formats of stories one by one, so that it need not be looked at again.

    Attributes
    ----------
    template : ndarray of uint64, shape (n,)
        Digest of the title's template; 0 where that is empty.
    table : ndarray of bool, shape (n,)
        Whether the body is a table.
    """

    template: NDArray[np.uint64]
    table: NDArray[np.bool_]

    @classmethod
    def of(cls, table: pa.Table) -> Looks:
        """Those of all stories of a table."""
        digests = map(_digest, map(template, table["title"].to_pylist()))
        openings = pc.utf8_slice_codeunits(table["body"], 0, _TABLE_OPENING).to_pylist()
        return cls(np.fromiter(digests, np.uint64, len(table)), np.fromiter(map(is_table, openings), bool, len(table)))

    def take(self, rows: NDArray[np.int64]) -> Looks:
        """Those of some stories."""
        return Looks(self.template[rows], self.table[rows])

    def beside(self, other: Looks) -> Looks:
        """Followed by those of other stories."""
        return Looks(np.append(self.template, other.template), np.append(self.table, other.table))


@dataclass(frozen=True)
class Series:
    """The recurring formats of an archive: rules first, then tables, then titles that recur on three days or more.

    Attributes
    ----------
    rules : tuple of SeriesRule
    templates : tuple of str
    """

    rules: tuple[SeriesRule, ...]
    templates: tuple[str, ...]

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        rules: Sequence[SeriesRule],
        looks: Looks | None = None,
        current: NDArray[np.bool_] | None = None,
    ) -> Series:
        """Find the templates that recur in an archive; undated stories count as a day each.

        Parameters
        ----------
        table : pyarrow.Table, n rows
        rules : sequence of SeriesRule
        looks : Looks, optional
            Those of the table, if they are known.
        current : ndarray of bool, shape (n,), optional
            The rows that count; default all.
        """
        looks = looks or Looks.of(table)
        found = looks.template.astype(bool) if current is None else looks.template.astype(bool) & current
        rows = np.flatnonzero(found)
        day = pc.fill_null(table["published_at"].cast(pa.date32()).cast(pa.int32()), -1).to_numpy().astype(np.int64)
        day = np.where(day < 0, -1 - np.arange(len(table)), day)[rows]
        order = np.lexsort((day, looks.template[rows]))
        name, day = looks.template[rows][order], day[order]
        new = np.append(True, name[1:] != name[:-1])[: len(name)]
        another_day = new | np.append(True, day[1:] != day[:-1])[: len(day)]
        first = np.flatnonzero(new)
        editions = np.add.reduceat(another_day.astype(np.int64), first) if len(first) else first
        shown = table["title"].take(pa.array(rows[order][first[editions >= _EDITIONS]]))
        return cls(tuple(rules), tuple(sorted(map(template, shown.to_pylist()))))

    def codes(self, table: pa.Table, looks: Looks | None = None) -> NDArray[np.int64]:
        """Number of the series of each row, (n,); -1 where a story belongs to none."""
        looks = looks or Looks.of(table)
        codes = np.full(len(table), -1, dtype=np.int64)
        if self.templates:
            digests = np.fromiter(map(_digest, self.templates), np.uint64, len(self.templates))
            order = np.argsort(digests)
            place = np.minimum(np.searchsorted(digests[order], looks.template), len(order) - 1)
            codes = np.where(digests[order][place] == looks.template, 1 + len(self.rules) + order[place], -1)
        codes[looks.table] = 0
        for number, rule in reversed(list(enumerate(self.rules, 1))):
            codes[_holds(rule, table, table["title"].to_pylist())] = number
        return codes


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") if name else 0


def _holds(rule: SeriesRule, table: pa.Table, titles: list[str]) -> NDArray[np.bool_]:
    holds = np.ones(len(table), dtype=bool)
    if rule.title is not None:
        pattern = re.compile(rule.title)
        holds &= [bool(pattern.search(title[:_TITLE])) for title in titles]
    if rule.section is not None:
        holds &= [section == rule.section for section in table["section"].to_pylist()]
    if rule.tag is not None:
        holds &= [rule.tag in tags for tags in table["tags"].to_pylist()]
    return holds
