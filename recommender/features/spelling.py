"""How an archive writes its names: the spelling of a term, and the word that completes it, such as a first name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import pairwise
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
_LED = 0.6  # share of a name's occurrences right before another, from which on it is a part of longer ones
_PAIRED = 0.3  # share of a name's occurrences beside its commonest neighbour, from which on they belong together


@dataclass(frozen=True, eq=False)
class Spelling:
    """Names of an archive by term, frozen with the vocabulary.

    Attributes
    ----------
    written : pyarrow.StringArray, length v
        The commonest spelling of each term as a name; null = it is no name.
    before, after : ndarray of int32, shape (v,)
        The name that mostly stands right before or after it, as "Livia" before "Santoro"; -1 = none.
    bare : ndarray of bool, shape (v,)
        Names that mostly stand before others, and tell little without: first names, titles, "National".
    phrase : pyarrow.StringArray, length v
        What a pair of characters stands for, see `phrases`; null = of a word.
    common : ndarray of bool, shape (v,)
        Words that tell nothing in their language, see `common_words`.
    """

    written: pa.StringArray
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    bare: NDArray[np.bool_]
    phrase: pa.StringArray
    common: NDArray[np.bool_]

    @classmethod
    def fit(cls, table: pa.Table, tfidf: Tfidf, common: NDArray[np.bool_] | None = None) -> Spelling:
        """Learn the names of stories that a vocabulary was fitted on."""
        runs = _phrases(table)
        place = {term: number for number, term in enumerate(tfidf.terms)}
        spelled: dict[int, Counter[str]] = {}
        pairs: Counter[tuple[int, int]] = Counter()
        led = np.zeros(len(place))
        for phrase, count in runs.items():
            numbers = []
            for word in phrase.split(" "):
                number = place.get(fold(word), -1)
                numbers.append(number)
                if number >= 0:
                    spelled.setdefault(number, Counter())[word] += count
            for left, right in pairwise(numbers):
                led[left] += count if left >= 0 else 0
                if left >= 0 and right >= 0:
                    pairs[left, right] += count
        frequency = tfidf.shares * tfidf.stories
        total = np.zeros(len(place))
        written: list[str | None] = [None] * len(place)
        for number, forms in spelled.items():
            total[number] = sum(forms.values())
            if total[number] >= _NAMED * frequency[number]:
                written[number] = min(forms, key=lambda form: (-forms[form], form))
        before, after = (np.full(len(place), -1, dtype=np.int32) for _ in range(2))
        best = np.zeros((2, len(place)))
        for (left, right), count in sorted(pairs.items()):
            for side, (number, other) in enumerate(((right, left), (left, right))):
                if count > best[side, number] and count >= _PAIRED * total[number]:
                    best[side, number] = count
                    (before, after)[side][number] = other
        # of both neighbours the commoner one completes a name
        before[best[0] < best[1]], after[best[0] >= best[1]] = -1, -1
        bare = (led > 0) & (led >= _LED * total)
        if common is None:
            common = np.zeros(len(place), dtype=bool)
        return cls(pa.array(written, pa.string()), before, after, bare, phrases(table, tfidf.names), common)

    @property
    def is_name(self) -> NDArray[np.bool_]:
        """Which terms are names, (v,)."""
        return np.asarray(self.written.is_valid().to_numpy(zero_copy_only=False), dtype=bool)

    def among(self, terms: NDArray[np.int64]) -> Spelling:
        """Keep the names of some terms, which are numbered anew."""
        number = np.full(len(self.before) + 1, -1, dtype=np.int32)  # the last: of -1
        number[terms] = np.arange(len(terms))
        written, phrase = (strings.take(pa.array(terms)) for strings in (self.written, self.phrase))
        before, after = number[self.before[terms]], number[self.after[terms]]
        return Spelling(written, before, after, self.bare[terms], phrase, self.common[terms])

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
        kept = "bare" in table.column_names  # archives saved by earlier versions have none
        bare = table["bare"].to_numpy().astype(bool) if kept else np.zeros(terms, dtype=bool)
        return cls(written, before, after, bare, phrase, table["common"].to_numpy().astype(bool))


def _phrases(table: pa.Table) -> dict[str, int]:
    """Count how often each run of names occurs in all stories."""
    found: Counter[str] = Counter()
    for block in name_texts(table):
        runs = pc.replace_substring_regex(pc.utf8_trim_whitespace(block), r"\s{2,}|\s*\n\s*", "\n")
        counted: Iterable[pa.StructScalar] = pc.value_counts(pc.list_flatten(pc.split_pattern(runs, "\n")))
        for one in counted:
            found[one["values"].as_py()] += one["counts"].as_py()
    found.pop("", None)
    return found
