"""Recurring formats: market tables, briefings, quizzes, earnings lines; editions of one are one series."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.columns import as_array
from recommender.articles.copies import BLOCK, Marks
from recommender.settings import SeriesRule

_SKELETON_WORDS = 10  # of a body that are neither names nor figures; fewer do not make a template
_TITLE = 300  # characters of a title that rules look at: their expressions are editors', the titles anybody's
_EDITIONS = 3  # days on which a template must appear to be a series, or pages that must follow it
_TABLE_WORDS = 20  # first words of the body that are looked at
_TABLE_OPENING = 12 * _TABLE_WORDS  # characters that hold them
_TABLE_FIGURES = 0.2  # share of them that are figures, from which on the body is a table
_TABLE_PROSE = 0.05  # share of them that belong to sentences, up to which it is one
_FIGURES = re.compile(r"[$£€(]?\d.*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|nil|cts|pct|mln")
_PROSE = re.compile(  # words that hold sentences together, in the languages whose figures look like English ones
    r"the|an?|of|to|in|is|was|were|be|has|have|had|said|that|for|with|by|on|and|its?|will|"
    r"der|die|das|den|dem|des|und|ist|war|wird|ein|eine[mnr]?|am|im|zum|zur|von|vor|bei|mit|auf|aus|für|gegen|nach|sich|"
    r"le|la|les|du|de|en|un|une|et|est|sont|au|aux|dans|par|pour|sur|ce|se|qui|que|d'une?|"
    r"el|los|las|del|una|y|con|por|para|al|il|di|che|per|da|nel|della|do|dos|no|na|em|com|um|uma|os|"
    r"het|een|van|op|te|zijn|werd|voor|met|och|att|som|av|på|med|til|og|det|er|af|"
    r"w|z|po|się|jest|nie|od|za|na|że|ve|bir|için|ja|oli|az|és|egy|și|în|la|cu|dan|yang|dengan|của|và|trong|"
    r"и|в|во|на|с|со|по|из|для|не|что|от|до|за|к|у|о|об|как|та|з|із|від|що|це|се|е|да|"
    r"και|το|τα|του|της|των|τον|την|στο|στη|στην|στον|με|από|για|οι|η|ο|που|"
    r"של|את|על|עם|לא|הוא|היא|כי|גם|في|من|على|إلى|عن|مع|أن|التي|الذي|و|در|به|از|که|را|با|است|"
    r"میں|کے|کی|کا|سے|نے|اور|को|में|के|की|का|से|ने|और|है|हैं|पर|.*다\."
)
_TABLE_RUN = 5  # words in a row that may stand without a figure: captions are short in any language
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTHS_ABROAD = (  # German, French, Spanish, Italian, Dutch, Portuguese
    "januar|jänner|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|mars|avril|juin|juillet|août|"
    "septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|"
    "noviembre|diciembre|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre|januari|februari|"
    "maart|mei|augustus|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro"
)
_WHEN = re.compile(
    rf"\b(?:{_MONTHS}|{_MONTHS_ABROAD}|{_DAYS}|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|mon|tue|wed|thu|fri|"
    r"sat|sun)\b\.?"
    r"|\b(?:first|second|third|fourth|1st|2nd|3rd|\d+th)\b"
)
_NUMBER = re.compile(r"(?<![\w-])\d+(?:[.,:/-]\d+)*(?!\w)|\d+(?=[年月日時分回号년월일시])")
_FORMAT = re.compile(
    r"\b(?:quiz|crossword|sudoku|horoscopes?|weather|forecast|briefing|newsletter|round-?up|diary|letters|"
    r"obituaries|lottery|fixtures|tide times|markets?|week in pictures|what's on)\b"
)


_PLACE = re.compile(rf"({_FORMAT.pattern} (?:in|for|at|im|für|à|en|para|per|voor)) [^\W\d_]+(?:[ '-][^\W\d_]+)*$")
_ANYWHERE = "~"  # in the place of one
_CLAUSE = re.compile(r"[;:|]|,(?!\d)| [–—-] ")
_CHANGES = re.compile(
    r"\b(?:(?:add|gain|jump|climb|soar|surge|plunge|slip|slump|slow|dip|edge|tick|decline|increase|decrease|drop|total|"
    r"advance|create|widen|narrow|ease|hit|reach)(?:s|d|ed|ped)?|rises?|rose|falls?|fell|lost|loses?|sheds?|grows?|"
    r"grew|up|down|higher|lower|unchanged|steady)\b"
)
_SCALE = re.compile(r"(?<=#)(?:k|m|bn?)\b|\b(?:million|billion|trillion|mln|bln|the|economy)\b|(?<=\b[a-z])\.")
_FIGURE = re.compile(r"(?<![\w-])\d+(?:[.,:/-]\d+)*(?=(?:k|m|bn?)?\b|\W|$)")
_RELEASE = re.compile(r".*?(?:!.*?#|#.*?!).*?@")  # a change by a figure, up to the month that it is told of
_MEASURED = re.compile(r"[^\W\d_]{3,}")
_NOT_MEASURED = re.compile(r"\b(?:for|from|points?)\b")
_PERCENT = re.compile(r"(?<=#) ?(?:%|(?:percent|per cent|pct|prozent)\b)")
_AFTER_FORMAT = re.compile(r"\s*(?:$|[@#&,–—-]|(?:in|for|at|on|of|to|from|and|with|im|für|à|en|para|per|voor)\b)")
_NO_FORMAT = re.compile(r"\b(?:extreme|severe|adverse|bad|wild) weather\b")


def template(title: str) -> str:
    """Blank the dates and numbers of a title, so that editions of one format have one.

    A label before a colon stands alone if it names a recurring format, without the place that it is for. Of figures for
    a month only the clause that tells them counts, whether they rose or fell.

    Examples
    --------
    >>> template("Markets at noon, 12 May"), template("Markets at noon, 3 June")
    ('markets at noon, # @', 'markets at noon, # @')
    >>> template("Friday quiz: who sank the Marisol?"), template("Weather in Gull Point: fog")
    ('@ quiz', 'weather in ~')
    >>> template("Retail sales rise 0.4% in May, the third month"), template("Report: Retail sales fell 1.1% in June")
    ('retail sales ! #% in @', 'retail sales ! #% in @')
    """
    undated = _WHEN.sub("@", " ".join(title.casefold().split()))
    if "@" in undated and (release := _release(undated)):
        return release
    blank = _NUMBER.sub("#", undated)
    label, colon, _ = blank.partition(":")
    if colon and _is_format(label):
        return _PLACE.sub(rf"\1 {_ANYWHERE}", label.strip())
    return _CHANGES.sub("!", blank) if "@" in blank else blank


def _is_format(label: str) -> bool:
    """Check whether a label names a format: one that only contains its name is a subject ("stock market crash")."""
    match = _FORMAT.search(label)
    return match is not None and bool(_AFTER_FORMAT.match(label, match.end())) and not _NO_FORMAT.search(label)


def _release(undated: str) -> str:
    """Find the clause of a title that tells by what figure something changed in a month; empty where none does."""
    for clause in _CLAUSE.split(undated):
        blank = _SCALE.sub("", _FIGURE.sub("#", _CHANGES.sub("!", clause)))
        match = _RELEASE.match(_PERCENT.sub("%", " ".join(blank.split())))
        if match and _MEASURED.search(_NOT_MEASURED.sub("", match.group())):
            return match.group()
    return ""


def is_table(body: str) -> bool:
    """Check whether a body opens as a table or a row of figures.

    Examples
    --------
    >>> is_table("Shr 37 cts vs 14 cts Net 850,000 vs 290,000 Revs 14.3 mln vs 9,2 mln Avg shrs 2,300 vs 2,100")
    True
    >>> is_table("The ferry ran aground at 6.40 in thick fog off Gull Point and nobody of the 214 aboard died.")
    False
    """
    words = body[:_TABLE_OPENING].casefold().split()[:_TABLE_WORDS]
    if len(words) < 8:
        return False
    is_figure = [_FIGURES.fullmatch(word) is not None for word in words]
    if sum(is_figure) < _TABLE_FIGURES * len(words):  # as in nearly every body: the longer expression is not needed
        return False
    pairs = zip(words, is_figure, strict=True)
    signs = "".join("#" if figure else "p" if _PROSE.fullmatch(word) else "w" for word, figure in pairs)
    longest = max(map(len, signs.split("#")))
    return signs.count("p") <= _TABLE_PROSE * len(words) and longest <= _TABLE_RUN


class FormatKeys(NamedTuple):
    """What recurring formats are found by, for each story; computed once."""

    template: NDArray[np.uint64]  # (n,); digest of the title's template; 0 where that is empty
    place: NDArray[np.bool_]  # (n,); whether the template stands for a page of each of many places
    table: NDArray[np.bool_]  # (n,); whether the body is a table
    skeleton: NDArray[np.uint64]  # (n,); digest of the body without names and figures; 0 where little is left
    text: NDArray[np.uint64]  # (n,); digest of the body

    @classmethod
    def from_table(cls, table: pa.Table, marks: Marks | None = None) -> FormatKeys:
        """Compute the keys of all stories of a table; `marks` are those of its bodies, if known."""
        if marks is None:
            marks = Marks.from_texts(as_array(table["body"]))
        digest, place, is_tabular = (np.empty(len(table), kind) for kind in (np.uint64, bool, bool))
        for start in range(0, len(table), BLOCK):  # texts as Python's are twice as large
            block, part = table.slice(start, BLOCK), slice(start, start + BLOCK)
            templates = list(map(template, block["title"].to_pylist()))
            openings = pc.utf8_slice_codeunits(block["body"], 0, _TABLE_OPENING).to_pylist()
            digest[part] = [_digest(name) for name in templates]
            place[part] = [name.endswith(_ANYWHERE) for name in templates]
            is_tabular[part] = [is_table(opening) for opening in openings]
        skeleton = np.where(marks.plain >= _SKELETON_WORDS, marks.skeleton, 0).astype(np.uint64)
        return cls(digest, place, is_tabular, skeleton, marks.digest)

    def take(self, rows: NDArray[np.int64]) -> FormatKeys:
        """Return the keys of the stories in some rows."""
        return FormatKeys._make(column[rows] for column in self)

    def append(self, other: FormatKeys) -> FormatKeys:
        """Append the keys of further stories."""
        return FormatKeys._make(np.concatenate(columns) for columns in zip(self, other, strict=True))


@dataclass(frozen=True)
class Series:
    """The recurring formats of an archive: rules, tables, titles of three days or more, pages of a template."""

    rules: tuple[SeriesRule, ...]
    templates: tuple[str, ...]
    skeletons: tuple[int, ...] = ()  # digests of what pages of one template have in common

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        rules: Sequence[SeriesRule],
        keys: FormatKeys | None = None,
        is_current: NDArray[np.bool_] | None = None,
    ) -> Series:
        """Find the templates that recur in an archive; undated stories and pages of places count as a day each.

        Parameters
        ----------
        table : pyarrow.Table, n rows
        keys : FormatKeys, optional
            Those of the table, if they are known.
        is_current : ndarray of bool, shape (n,), optional
            The rows that count; default all.
        """
        keys = keys or FormatKeys.from_table(table)
        is_counted = np.ones(len(table), dtype=bool) if is_current is None else is_current
        day = pc.fill_null(table["published_at"].cast(pa.date32()).cast(pa.int32()), -1).to_numpy().astype(np.int64)
        day = np.where((day < 0) | keys.place, -1 - np.arange(len(table)), day)
        title_rows = _rows_of_recurring(keys.template, day, is_counted)
        titles = table["title"].take(pa.array(title_rows)).to_pylist()
        page_rows = _rows_of_recurring(keys.skeleton, keys.text.astype(np.int64), is_counted)
        skeletons = sorted(keys.skeleton[page_rows].tolist())
        return cls(tuple(rules), tuple(sorted(map(template, titles))), tuple(skeletons))

    @cached_property
    def _template_digests(self) -> list[int]:
        return list(map(_digest, self.templates))

    def codes(self, table: pa.Table, keys: FormatKeys | None = None) -> NDArray[np.int64]:
        """Find the number of the series of each row, (n,); -1 where a story belongs to none."""
        keys = keys or FormatKeys.from_table(table)
        first = 1 + len(self.rules)  # 0 is for tables
        by_title = _number(keys.template, self._template_digests, first)
        by_skeleton = _number(keys.skeleton, self.skeletons, first + len(self.templates))
        codes = np.where(by_title >= 0, by_title, by_skeleton)
        codes[keys.table] = 0
        for number, rule in reversed(list(enumerate(self.rules, 1))):
            codes[_matches(rule, table)] = number
        return codes


def mark_older_editions(
    series: NDArray[np.int64], published: NDArray[np.int64], kept: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mark the places of each list that hold another edition than the newest of their series, (q, c).

    Of several at one time the first counts, and one that is kept goes before all others.

    Parameters
    ----------
    series : ndarray of int64, shape (q, c)
        Number of the series at each place; negative = none.
    published : ndarray of int64, shape (q, c)
    kept : ndarray of bool, shape (q, c)
        Places that nothing takes out.

    Examples
    --------
    >>> mark_older_editions(np.array([[7, 5, 7, 7, -1]]), np.array([[1, 9, 3, 3, 2]]), np.zeros((1, 5), bool)).tolist()
    [[True, False, False, True, False]]
    """
    is_older = np.zeros(series.shape, dtype=bool)
    sorted_series = np.sort(np.where(series < 0, -1 - np.arange(series.shape[1]), series), axis=1)
    rows = np.flatnonzero(
        (sorted_series[:, 1:] == sorted_series[:, :-1]).any(axis=1)
    )  # few lists have a series that recurs
    order = np.lexsort((-published[rows], ~kept[rows], series[rows]), axis=1)
    group = np.take_along_axis(series[rows], order, axis=1)
    recurs = np.zeros(group.shape, dtype=bool)
    recurs[:, 1:] = (group[:, 1:] == group[:, :-1]) & (group[:, 1:] >= 0)
    recurs_in_place = np.zeros(group.shape, dtype=bool)
    np.put_along_axis(recurs_in_place, order, recurs, axis=1)
    is_older[rows] = recurs_in_place
    return is_older


def _rows_of_recurring(
    digests: NDArray[np.uint64], editions: NDArray[np.int64], is_counted: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Find a row of each digest, other than 0, that enough different editions have."""
    rows = np.flatnonzero((digests != 0) & is_counted)
    order = rows[np.lexsort((editions[rows], digests[rows]))]
    digest, edition = digests[order], editions[order]
    is_new_digest = np.append(True, digest[1:] != digest[:-1])[: len(digest)]
    is_new_edition = is_new_digest | np.append(True, edition[1:] != edition[:-1])[: len(digest)]
    first = np.flatnonzero(is_new_digest)
    count = np.add.reduceat(is_new_edition.astype(np.int64), first) if len(first) else first
    return np.asarray(order[first[count >= _EDITIONS]])


def _number(digests: NDArray[np.uint64], known: Sequence[int], first: int) -> NDArray[np.int64]:
    """Find the index of each digest among the known ones, counted from `first`; -1 where it is none of them."""
    if not known:
        return np.full(len(digests), -1, dtype=np.int64)
    known_digests = np.fromiter(known, np.uint64, len(known))
    order = np.argsort(known_digests)
    place = np.minimum(np.searchsorted(known_digests[order], digests), len(order) - 1)
    is_known = known_digests[order][place] == digests
    return np.asarray(np.where(is_known, first + order[place], -1), dtype=np.int64)


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") if name else 0


def _matches(rule: SeriesRule, table: pa.Table) -> NDArray[np.bool_]:
    """Check which stories a rule names, by title, section and tag."""
    is_match = np.ones(len(table), dtype=bool)
    if rule.title is not None:
        pattern = re.compile(rule.title)
        is_match &= [bool(pattern.search(title[:_TITLE])) for title in table["title"].to_pylist()]
    if rule.section is not None:
        is_match &= [section == rule.section for section in table["section"].to_pylist()]
    if rule.tag is not None:
        is_match &= [rule.tag in tags for tags in table["tags"].to_pylist()]
    return is_match
