"""How an archive writes its names: the spelling of a term, and the word that completes it, such as a first name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.scripts import fold
from recommender.features.phrases import phrases
from recommender.features.texts import name_texts
from recommender.features.tfidf import Tfidf

_NAMED = 0.5  # share of the stories with a term that write it as a name, from which on it is one
_LED = 0.6  # share of a name's occurrences beside others, from which on it is a part of longer ones
_PAIRED = 0.3  # share of a name's occurrences beside its commonest neighbour, from which on they belong together
_HYPHEN, _APOSTROPHE = "\u2010", "\u02bc"  # stand for those before a capital, and count as letters
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
        Names that tell little without others: what mostly stands before one, such as first names and titles, or behind
        ever other ones, such as "Circuit" and "Smith".
    phrase : pyarrow.StringArray, length v
        What a pair of characters stands for, see `phrases`; null = of a word.
    common : ndarray of bool, shape (v,)
        Words that tell nothing in their language or section, see `common_words`, and names that pages run together, as
        "BarrBarr".
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
    def fit(cls, table: pa.Table, tfidf: Tfidf, common: NDArray[np.bool_] | None = None) -> Spelling:
        """Learn the names of stories that a vocabulary was fitted on."""
        runs = _phrases(table)
        place = {term: number for number, term in enumerate(tfidf.terms)}
        spelled: dict[int, Counter[str]] = {}
        pairs: Counter[tuple[int, int, str]] = Counter()
        led, trailed = np.zeros(len(place)), np.zeros(len(place))
        for phrase, count in runs.items():
            before_it = None
            for word, joint in _words(phrase):
                number = place.get(fold(re.split("[’\u02bc]", word)[-1]), -1)  # "toole" of "O'Toole"
                if number >= 0:
                    spelled.setdefault(number, Counter())[word.replace(_APOSTROPHE, "'")] += count
                if before_it is not None:
                    if joint == " ":
                        led[before_it] += count if before_it >= 0 else 0
                        trailed[number] += count if number >= 0 else 0
                    if before_it >= 0 and number >= 0:
                        pairs[before_it, number, joint] += count
                before_it = number
        total = np.zeros(len(place))
        written: list[str | None] = [None] * len(place)
        for number, forms in spelled.items():
            total[number] = sum(forms.values())
            written[number] = min(forms, key=lambda form: (-forms[form], form))
        is_name = (total > 0) & (total >= _NAMED * tfidf.shares * tfidf.stories)
        leads = (led > 0) & (led >= _LED * total)
        before, after = (np.full(len(place), -1, dtype=np.int32) for _ in range(2))
        hyphens = np.zeros((2, len(place)), dtype=bool)
        best = np.zeros((2, len(place)))
        for (left, right, joint), count in sorted(pairs.items()):
            for side, (number, other) in enumerate(((right, left), (left, right))):
                if side == 1 and leads[other]:
                    continue
                if count > best[side, number] and count >= (_PAIRED if is_name[other] else _LED) * total[number]:
                    best[side, number] = count
                    (before, after)[side][number], hyphens[side, number] = other, joint == "-"
        best[0, leads] = -1  # what stands before a first name completes nothing, nor does it itself behind a title
        # of both neighbours the commoner one completes a name
        hyphen = np.where(best[0] < best[1], hyphens[1], hyphens[0])
        before[best[0] < best[1]], after[best[0] >= best[1]] = -1, -1
        bare = leads | (trailed > 0) & (trailed >= _LED * total) & (best[0] < _LED * trailed)
        common = np.zeros(len(place), dtype=bool) if common is None else common.copy()
        for number in np.flatnonzero(is_name).tolist():
            parts = [place.get(fold(part), -1) for part in _JOINED.split(written[number] or "")]
            # the parts of a true name, such as "BlackBerry", are rarer
            joined = (one >= 0 and is_name[one] and total[one] >= _COMMONER * total[number] for one in parts)
            common[number] |= len(parts) > 1 and all(joined)
        names = pa.array(written, pa.string())
        return cls(names, is_name, before, after, hyphen, bare, phrases(table, tfidf.names), common)

    def among(self, terms: NDArray[np.int64]) -> Spelling:
        """Keep the names of some terms, which are numbered anew."""
        number = np.full(len(self.before) + 1, -1, dtype=np.int32)  # the last: of -1
        number[terms] = np.arange(len(terms))
        written, phrase = (strings.take(pa.array(terms)) for strings in (self.written, self.phrase))
        before, after = number[self.before[terms]], number[self.after[terms]]
        is_name, hyphen, bare, common = (
            column[terms] for column in (self.is_name, self.hyphen, self.bare, self.common)
        )
        return Spelling(written, is_name, before, after, hyphen, bare, phrase, common)

    def save(self, folder: Path, name: str) -> None:
        """Write to a file of a folder."""
        table = pa.table({one.name: getattr(self, one.name) for one in fields(self)})
        with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    @classmethod
    def load(cls, folder: Path, name: str, terms: int) -> Spelling:
        """Read what `save` wrote for a vocabulary of so many terms."""
        with pa.memory_map(str(folder / f"{name}.arrow")) as source:
            table = pa.ipc.open_file(source).read_all().combine_chunks()
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
            **{one: table[one].to_numpy() for one in ("is_name", "hyphen", "bare") if one in table.column_names},
        }
        is_name, hyphen, bare, common = (
            column.astype(bool) for column in (*flags.values(), table["common"].to_numpy())
        )
        return cls(written, is_name, before, after, hyphen, bare, phrase, common)


def _words(phrase: str) -> Iterator[tuple[str, str]]:
    """Split a run of names into words, each with what joins it to the one before."""
    for run in phrase.split(" "):
        for place, word in enumerate(run.split(_HYPHEN)):
            yield word, "-" if place else " "


def _phrases(table: pa.Table) -> dict[str, int]:
    """Count how often each run of names occurs in all stories."""
    found: Counter[str] = Counter()
    texts = table.select(["lead", "body"])
    for mark, instead in (("-", _HYPHEN), ("'", _APOSTROPHE)):
        for place, name in enumerate(texts.column_names):
            marked = pc.replace_substring_regex(texts[name], rf"(\pL){mark}(\p{{Lu}})", rf"\1{instead}\2")
            texts = texts.set_column(place, name, marked)
    for block in name_texts(texts):
        runs = pc.replace_substring_regex(pc.utf8_trim_whitespace(block), r"\s{2,}|\s*\n\s*", "\n")
        counted: Iterable[pa.StructScalar] = pc.value_counts(pc.list_flatten(pc.split_pattern(runs, "\n")))
        for one in counted:
            found[one["values"].as_py()] += one["counts"].as_py()
    found.pop("", None)
    return found
