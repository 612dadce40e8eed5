"""Learn how an archive writes its names: the spelling of a term, and the word that completes it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.columns import as_mask, map_table, write_table
from recommender.articles.scripts import fold
from recommender.features.compounds import compounds
from recommender.features.credits import credited_words
from recommender.features.phrases import phrases
from recommender.features.texts import name_texts
from recommender.features.tfidf import Tfidf

_BLOCK = 2_048  # stories whose names are read together
_NAMED = 0.5  # share of the stories with a term that write it as a name, from which on the term is a name
_LED = 0.6  # share of a name's occurrences next to other names, from which on it is a part of longer names
_PAIRED = 0.3  # share of a name's occurrences next to its commonest neighbour, from which on they belong together
_WHOLE, _FEWEST_WHOLE = 0.8, 3  # share and number of the uses of a name with its neighbour within one longer name
_CREDITED, _FEWEST_CREDITED = 0.4, 2  # share and number of the uses of a name that are credits of pictures
_TITLE = 2  # uses of a word for each one before a name, from which on it is a title
_LONGER = 2  # words that a longer name has before both, or behind them
_HYPHEN, _APOSTROPHE, _BLANK = "\u2010", "\u02bc", "\u2423"  # replace those within a name, and count as letters
_WITHIN_NAMES = (  # what is replaced, and by what: "Jean-Luc", "O'Toole", "Bank of Canada", "Grade 4"
    (r"(\pL)-(\p{Lu})", rf"\1{_HYPHEN}\2"),
    (r"(\pL)'(\p{Lu})", rf"\1{_APOSTROPHE}\2"),
    (r"(\b\p{Lu}\pL+) (of|of the|for|de|de la|du|des|del|di|da|do|van|von|der) (\p{Lu})", rf"\1{_BLANK}\2{_BLANK}\3"),
    (r"(\b\p{Lu}\pL+) (\d)", rf"\1{_BLANK}\2"),
)
_MAY_BE_WITHIN = r"[-']| (?:of|for|de|du|des|del|di|da|do|van|von|der|\d)"  # a part of each of these patterns
_JOINT = re.compile(f"( |{_HYPHEN}|{_BLANK}(?:[a-z ]+{_BLANK})?)")
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
    joint : pyarrow.StringArray, length v
        What stands between both: a blank, "-" as in "Roybal-Allard", " of " as in "Bank of Canada".
    whole : pyarrow.StringArray, length v
        The longer name that both nearly always are a part of, as "New South Wales" of "South Wales"; null = none.
    bare : ndarray of bool, shape (v,)
        Names that say little without others: those mostly before a name, such as first names and titles, or next to
        ever different names and numbers, such as "Circuit", "Saint" and "Grade".
    phrase : pyarrow.StringArray, length v
        The phrase that a pair of characters stands for, see `phrases`, or the compound that a part of a word stands
        for, see `compounds`; null = the term is a word, '' = it says nothing by itself.
    common : ndarray of bool, shape (v,)
        Words that say nothing in their language or section, see `common_words`, or that stories use in passing, see
        `passing_words`, and names that pages run together, as "BarrBarr", or that mostly stand in credits of pictures.
    """

    written: pa.StringArray
    is_name: NDArray[np.bool_]
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    joint: pa.StringArray
    whole: pa.StringArray
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
        runs = _name_runs(table)
        uses = _count_uses(runs, numbers)
        total = np.zeros(len(numbers))
        written: list[str | None] = [None] * len(numbers)
        for number, forms in uses.forms.items():
            total[number] = sum(forms.values())
            written[number] = min(forms, key=lambda form: (-forms[form], form))
        is_name = (total > 0) & (total >= _NAMED * tfidf.shares * tfidf.stories)
        leads = (uses.followed > 0) & (uses.followed >= _LED * total)
        before, after, joint, count = _partners(uses.pairs, total, is_name, leads)
        # a last name mostly stands alone, or behind one and the same first name
        has_first_name = (before >= 0) & is_name[before] & as_mask(pc.equal(joint, " ")) & (count >= _LED * uses.joined)
        is_part = (uses.joined > 0) & (uses.joined >= _LED * total) & ~has_first_name
        common = np.zeros(len(numbers), dtype=bool) if common is None else common.copy()
        if passing is not None:
            common |= passing & ~is_name
        for number in np.flatnonzero(is_name).tolist():
            parts = [numbers.get(fold(part), -1) for part in _JOINED.split(written[number] or "")]
            # The parts of a true name, such as "BlackBerry", are rarer.
            joined = (part >= 0 and is_name[part] and total[part] >= _COMMONER * total[number] for part in parts)
            common[number] |= len(parts) > 1 and all(joined)
        for word, credited in credited_words(table).items():
            number = numbers.get(word, -1)
            if number >= 0 and is_name[number] and credited >= max(_CREDITED * total[number], _FEWEST_CREDITED):
                common[number] = True
        names = pa.array(written, pa.string())
        phrase = pc.coalesce(phrases(table, tfidf.names), compounds(table, tfidf.names))
        whole = _wholes(runs, numbers, (before, after), total, is_name)
        return cls(names, is_name, before, after, joint, whole, leads | is_part, phrase, common)

    def select_terms(self, terms: NDArray[np.int64]) -> Spelling:
        """Return the names of the terms in `terms`, which are numbered in that order."""
        number = np.full(len(self.before) + 1, -1, dtype=np.int32)  # the last entry is for -1
        number[terms] = np.arange(len(terms))
        strings = (self.written, self.joint, self.whole, self.phrase)
        written, joint, whole, phrase = (column.take(pa.array(terms)) for column in strings)
        before, after = number[self.before[terms]], number[self.after[terms]]
        is_name, bare, common = (column[terms] for column in (self.is_name, self.bare, self.common))
        return Spelling(written, is_name, before, after, joint, whole, bare, phrase, common)

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
        if "joint" not in table.column_names:  # archives saved by earlier versions
            table = table.append_column("joint", pa.repeat(" ", terms))
        if "whole" not in table.column_names:
            table = table.append_column("whole", pa.nulls(terms, pa.string()))
        written, joint, whole, phrase = (
            table[name].combine_chunks() if terms else pa.array([], pa.string())
            for name in ("written", "joint", "whole", "phrase")
        )
        before, after = (table[side].to_numpy().astype(np.int32) for side in ("before", "after"))
        if terms and not -1 <= min(before.min(), after.min()) <= max(before.max(), after.max()) < terms:
            raise ValueError(f"{name}.arrow names neighbours beyond its {terms} terms")
        flags = {
            "is_name": written.is_valid().to_numpy(zero_copy_only=False),  # archives saved by earlier versions
            "bare": np.zeros(terms, dtype=bool),
            **{name: table[name].to_numpy() for name in ("is_name", "bare") if name in table.column_names},
        }
        is_name, bare, common = (column.astype(bool) for column in (*flags.values(), table["common"].to_numpy()))
        return cls(written, is_name, before, after, joint, whole, bare, phrase, common)


@dataclass(frozen=True, eq=False)
class _NameUses:
    """How often names are used, by the number of their term."""

    forms: dict[int, Counter[str]]  # spellings of each term
    pairs: Counter[tuple[int, int, str]]  # neighbours within a run, and what joins them, as `Spelling.joint`
    # (v,); uses with another name behind a blank after the name, and within a longer run
    followed: NDArray[np.float64]
    joined: NDArray[np.float64]


def _count_uses(runs: dict[str, int], numbers: dict[str, int]) -> _NameUses:
    uses = _NameUses({}, Counter(), np.zeros(len(numbers)), np.zeros(len(numbers)))
    for run, count in runs.items():
        words, joints, found = _split_run(run, numbers)
        for number, word in zip(found, words, strict=True):
            if number >= 0:
                uses.forms.setdefault(number, Counter())[word.replace(_APOSTROPHE, "'")] += count
                uses.joined[number] += count if joints else 0
        for left, right, joint in zip(found, found[1:], joints, strict=False):
            if left >= 0 and joint == " ":
                uses.followed[left] += count
            if left >= 0 and right >= 0:
                uses.pairs[left, right, joint.replace(_HYPHEN, "-").replace(_BLANK, " ")] += count
    return uses


def _split_run(run: str, numbers: dict[str, int]) -> tuple[list[str], list[str], list[int]]:
    """Split a run of names into its words, what joins them, and the numbers of their terms; -1 = no term."""
    parts = _JOINT.split(run)
    words = parts[::2]
    return words, parts[1::2], [numbers.get(fold(re.split("[’\u02bc]", word)[-1]), -1) for word in words]  # of O'Toole


def _wholes(
    runs: dict[str, int],
    numbers: dict[str, int],
    partners: tuple[NDArray[np.int32], NDArray[np.int32]],
    total: NDArray[np.float64],
    is_name: NDArray[np.bool_],
) -> pa.StringArray:
    """Find the longer name that each name nearly always is a part of where its neighbour stands beside it.

    What stands before a name that begins with a true name, as those of people, is a title unless it stands before few
    others: "Prime Minister" Ada Moss, but "Keisha" Lance Bottoms and "Heinz-"Christian Strache.
    """
    uses = Counter[int]()
    longer = defaultdict[int, Counter[tuple[str, tuple[int, ...]]]](Counter)
    for run, count in runs.items():
        parts, (words, joints, found) = _JOINT.split(run), _split_run(run, numbers)
        for place, (left, right) in enumerate(pairwise(found)):
            for number in _completed(left, right, *partners):
                uses[number] += count
                for first in range(max(place - _LONGER, 0), place + 1):
                    for last in range(place + 2, min(place + 2 + _LONGER, len(words)) + 1):
                        form = "".join(parts[2 * first : 2 * last - 1])
                        blank = next((n for n in range(place, first, -1) if joints[n - 1] != _HYPHEN), first)
                        longer[number][form, (left, *found[first:blank])] += count
    wholes: list[str | None] = [None] * len(numbers)
    for number, forms in longer.items():
        least = max(_WHOLE * uses[number], _FEWEST_WHOLE)
        sure = [
            form
            for (form, (left, *titles)), count in forms.items()
            if count >= least
            and not (is_name[left] and any(title < 0 or total[title] > _TITLE * count for title in titles))
        ]
        if form := max(sure, key=lambda form: (len(_JOINT.split(form)), form), default=""):
            wholes[number] = form.replace(_HYPHEN, "-").replace(_BLANK, " ").replace(_APOSTROPHE, "'")
    return pa.array(wholes, pa.string())


def _completed(left: int, right: int, before: NDArray[np.int32], after: NDArray[np.int32]) -> list[int]:
    """List which of two neighbours the other one completes."""
    if left < 0 or right < 0:
        return []
    return [*[right] * bool(before[right] == left), *[left] * bool(after[left] == right)]


def _partners(
    pairs: Counter[tuple[int, int, str]],
    total: NDArray[np.float64],
    is_name: NDArray[np.bool_],
    leads: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.int32], pa.StringArray, NDArray[np.float64]]:
    """Find the neighbour that completes each name: `before`, `after`, `joint`, and how often one stands before."""
    partners = np.full((2, len(total)), -1, dtype=np.int32)
    joints = np.full((2, len(total)), " ", dtype=object)
    counts = np.zeros((2, len(total)))
    for (left, right, joint), count in sorted(pairs.items()):
        for side, (number, other) in enumerate(((right, left), (left, right))):
            if side == 1 and leads[other]:
                continue
            if count > counts[side, number] and count >= (_PAIRED if is_name[other] else _LED) * total[number]:
                counts[side, number] = count
                partners[side, number], joints[side, number] = other, joint
    counts[0, leads] = -1  # a title before a first name completes nothing, nor does a first name behind a title
    is_after = counts[0] < counts[1]  # the commoner neighbour completes a name
    before, after = np.where(is_after, -1, partners[0]), np.where(is_after, partners[1], -1)
    return before, after, pa.array(np.where(is_after, joints[1], joints[0]), pa.string()), counts[0]


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
    """Replace what stands within names by letters, so that each name is one word."""
    for column, name in enumerate(texts.column_names):
        marked = texts[name]
        if not pc.any(pc.match_substring_regex(marked, _MAY_BE_WITHIN)).as_py():
            continue  # compiling the patterns takes longer than to read a few short texts
        for pattern, replacement in _WITHIN_NAMES:
            marked = pc.replace_substring_regex(marked, pattern, replacement)
        texts = texts.set_column(column, name, marked)
    return texts
