"""Learn how an archive writes its names: the spelling of a term, and the word that completes it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.columns import map_table, write_table
from recommender.articles.scripts import fold
from recommender.features.compounds import compounds
from recommender.features.phrases import phrases
from recommender.features.texts import name_texts
from recommender.features.tfidf import Tfidf

_BLOCK = 2_048  # stories whose names are read together
_NAMED = 0.5  # share of the stories with a term that write it as a name, from which on the term is a name
_LED = 0.6  # share of a name's occurrences next to other names, from which on it is a part of longer names
_PAIRED = 0.3  # share of a name's occurrences next to its commonest neighbour, from which on they belong together
_HYPHEN, _APOSTROPHE = "\u2010", "\u02bc"  # replace those before a capital, and count as letters
_JOINED = re.compile(r"(?<=[a-zß-ÿ]{3})(?=[A-Z])")  # inside "BarrBarr", but not inside "McKay" or "MacKay"
_COMMONER = 5  # times that the parts of such a run are used for each use of it


@dataclass(frozen=True, eq=False)
class Spelling:
    """Names of an archive by term, frozen with the vocabulary.

    Attributes
    ----------
    written : pyarrow.StringArray, length v
        The commonest spelling of each term as a name or a part of one, such as "Office"; null = it is never one.
    is_name : ndarray of bool, shape (v,)
        Terms that most stories write as a name.
    before, after : ndarray of int32, shape (v,)
        The name that mostly stands right before or after it, as "Livia" before "Santoro"; -1 = none.
    hyphen : ndarray of bool, shape (v,)
        Whether a hyphen stands between both, as in "Roybal-Allard".
    bare : ndarray of bool, shape (v,)
        Names that say little without others: those mostly before a name, such as first names and titles, or behind
        ever different names, such as "Circuit" and "Smith".
    phrase : pyarrow.StringArray, length v
        The phrase that a pair of characters stands for, see `phrases`, or the compound that a part of a word stands
        for, see `compounds`; null = the term is a word, '' = it says nothing by itself.
    common : ndarray of bool, shape (v,)
        Words that say nothing in their language or section, see `common_words`, or that stories use in passing, see
        `passing_words`, and names that pages run together, as "BarrBarr".
    """

    written: pa.StringArray
    is_name: NDArray[np.bool_]
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    hyphen: NDArray[np.bool_]
    bare: NDArray[np.bool_]
    phrase: pa.StringArray
    common: NDArray[np.bool_]

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        tfidf: Tfidf,
        common: NDArray[np.bool_] | None = None,
        passing: NDArray[np.bool_] | None = None,
    ) -> Spelling:
        """Learn the names of stories that a vocabulary was fitted on.

        `common` terms say nothing, nor do `passing` ones that are no names.
        """
        numbers = {term: number for number, term in enumerate(tfidf.terms)}
        uses = _count_uses(_name_runs(table), numbers)
        total = np.zeros(len(numbers))
        written: list[str | None] = [None] * len(numbers)
        for number, forms in uses.forms.items():
            total[number] = sum(forms.values())
            written[number] = min(forms, key=lambda form: (-forms[form], form))
        is_name = (total > 0) & (total >= _NAMED * tfidf.shares * tfidf.stories)
        leads = (uses.followed > 0) & (uses.followed >= _LED * total)
        before, after, hyphen, count_before = _partners(uses.pairs, total, is_name, leads)
        trails = (uses.preceded > 0) & (uses.preceded >= _LED * total) & (count_before < _LED * uses.preceded)
        common = np.zeros(len(numbers), dtype=bool) if common is None else common.copy()
        if passing is not None:
            common |= passing & ~is_name
        for number in np.flatnonzero(is_name).tolist():
            parts = [numbers.get(fold(part), -1) for part in _JOINED.split(written[number] or "")]
            # The parts of a true name, such as "BlackBerry", are rarer.
            joined = (part >= 0 and is_name[part] and total[part] >= _COMMONER * total[number] for part in parts)
            common[number] |= len(parts) > 1 and all(joined)
        names = pa.array(written, pa.string())
        phrase = pc.coalesce(phrases(table, tfidf.names), compounds(table, tfidf.names))
        return cls(names, is_name, before, after, hyphen, leads | trails, phrase, common)

    def select_terms(self, terms: NDArray[np.int64]) -> Spelling:
        """Return the names of the terms in `terms`, which are numbered in that order."""
        number = np.full(len(self.before) + 1, -1, dtype=np.int32)  # the last entry is for -1
        number[terms] = np.arange(len(terms))
        written, phrase = (strings.take(pa.array(terms)) for strings in (self.written, self.phrase))
        before, after = number[self.before[terms]], number[self.after[terms]]
        is_name, hyphen, bare, common = (
            column[terms] for column in (self.is_name, self.hyphen, self.bare, self.common)
        )
        return Spelling(written, is_name, before, after, hyphen, bare, phrase, common)

    def save(self, folder: Path, name: str) -> None:
        """Write to a file of a folder."""
        write_table(
            folder / f"{name}.arrow", pa.table({field.name: getattr(self, field.name) for field in fields(self)})
        )

    @classmethod
    def load(cls, folder: Path, name: str, terms: int) -> Spelling:
        """Read what `save` wrote for a vocabulary of `terms` terms."""
        table = map_table(folder / f"{name}.arrow").combine_chunks()
        if len(table) != terms:
            raise ValueError(f"{name}.arrow holds {len(table)} terms of {terms}")
        written, phrase = (
            table[name].combine_chunks() if terms else pa.array([], pa.string()) for name in ("written", "phrase")
        )
        before, after = (table[side].to_numpy().astype(np.int32) for side in ("before", "after"))
        if terms and not -1 <= min(before.min(), after.min()) <= max(before.max(), after.max()) < terms:
            raise ValueError(f"{name}.arrow names neighbours beyond its {terms} terms")
        flags = {
            "is_name": written.is_valid().to_numpy(zero_copy_only=False),  # archives saved by earlier versions
            "hyphen": np.zeros(terms, dtype=bool),
            "bare": np.zeros(terms, dtype=bool),
            **{name: table[name].to_numpy() for name in ("is_name", "hyphen", "bare") if name in table.column_names},
        }
        is_name, hyphen, bare, common = (
            column.astype(bool) for column in (*flags.values(), table["common"].to_numpy())
        )
        return cls(written, is_name, before, after, hyphen, bare, phrase, common)


@dataclass(frozen=True, eq=False)
class _NameUses:
    """How often names are used, by the number of their term.

    Attributes
    ----------
    forms : dict of int to Counter of str
        Spellings of each term.
    pairs : Counter of (int, int, str)
        Neighbours within a run, and what joins them: a blank or a hyphen.
    followed, preceded : ndarray of float, shape (v,)
        Uses with another name behind a blank after the name, and before it.
    """

    forms: dict[int, Counter[str]]
    pairs: Counter[tuple[int, int, str]]
    followed: NDArray[np.float64]
    preceded: NDArray[np.float64]


def _count_uses(runs: dict[str, int], numbers: dict[str, int]) -> _NameUses:
    uses = _NameUses({}, Counter(), np.zeros(len(numbers)), np.zeros(len(numbers)))
    for run, count in runs.items():
        previous = None
        for word, joint in _words(run):
            number = numbers.get(fold(re.split("[’\u02bc]", word)[-1]), -1)  # "toole" of "O'Toole"
            if number >= 0:
                uses.forms.setdefault(number, Counter())[word.replace(_APOSTROPHE, "'")] += count
            if previous is not None:
                if joint == " ":
                    uses.followed[previous] += count if previous >= 0 else 0
                    uses.preceded[number] += count if number >= 0 else 0
                if previous >= 0 and number >= 0:
                    uses.pairs[previous, number, joint] += count
            previous = number
    return uses


def _partners(
    pairs: Counter[tuple[int, int, str]],
    total: NDArray[np.float64],
    is_name: NDArray[np.bool_],
    leads: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_], NDArray[np.float64]]:
    """Find the neighbour that completes each name: `before`, `after`, `hyphen`, and how often one stands before."""
    partners = np.full((2, len(total)), -1, dtype=np.int32)
    hyphens = np.zeros((2, len(total)), dtype=bool)
    counts = np.zeros((2, len(total)))
    for (left, right, joint), count in sorted(pairs.items()):
        for side, (number, other) in enumerate(((right, left), (left, right))):
            if side == 1 and leads[other]:
                continue
            if count > counts[side, number] and count >= (_PAIRED if is_name[other] else _LED) * total[number]:
                counts[side, number] = count
                partners[side, number], hyphens[side, number] = other, joint == "-"
    counts[0, leads] = -1  # a title before a first name completes nothing, nor does a first name behind a title
    is_after = counts[0] < counts[1]  # the commoner neighbour completes a name
    before, after = np.where(is_after, -1, partners[0]), np.where(is_after, partners[1], -1)
    return before, after, np.where(is_after, hyphens[1], hyphens[0]), counts[0]


def _words(run: str) -> Iterator[tuple[str, str]]:
    """Split a run of names into words, each with what joins it to the word before."""
    for part in run.split(" "):
        for index, word in enumerate(part.split(_HYPHEN)):
            yield word, "-" if index else " "


def _name_runs(table: pa.Table) -> dict[str, int]:
    """Count how often each run of names occurs in all stories."""
    counts: Counter[str] = Counter()
    for start in range(0, len(table), _BLOCK):
        for names in name_texts(_with_marks(table.select(["lead", "body"]).slice(start, _BLOCK))):
            runs = pc.replace_substring_regex(pc.utf8_trim_whitespace(names), r"\s{2,}|\s*\n\s*", "\n")
            counted = pc.value_counts(pc.list_flatten(pc.split_pattern(runs, "\n")))
            for run, count in zip(
                counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True
            ):
                counts[run] += count
    counts.pop("", None)
    return counts


def _with_marks(texts: pa.Table) -> pa.Table:
    """Mark the hyphens and apostrophes that stand within names."""
    for mark, substitute in (("-", _HYPHEN), ("'", _APOSTROPHE)):
        for column, name in enumerate(texts.column_names):
            marked = pc.replace_substring_regex(texts[name], rf"(\pL){mark}(\p{{Lu}})", rf"\1{substitute}\2")
            texts = texts.set_column(column, name, marked)
    return texts
