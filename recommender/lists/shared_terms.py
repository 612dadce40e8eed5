"""Names and words that a story and an item share, and which of them a reason tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.columns import outlets
from recommender.features.texts import AS_NAME, AS_WORD, Subjects
from recommender.features.tfidf import heaviest_shared
from recommender.lists.block import Block
from recommender.lists.word_loops import mark_repeated_forms
from recommender.lists.wording import Wording

_NAMES, _WORDS = 2, 3  # shared terms that a reason tells
_LOOKED_AT = 9  # shared terms among which those to be told are sought
_LETTERS = 24  # of a term that are compared


@dataclass(frozen=True)
class SharedNames:
    """The names that a reason tells of each item: those of `is_told`, each with the name that completes it."""

    names: NDArray[np.int64]  # (m, n); terms, the heaviest first; -1 = none
    # (m, n); the name that stands before or after it, as a first name before a last name, in both stories; -1 = none
    completions: NDArray[np.int64]
    is_told: NDArray[np.bool_]  # (m, n)


@dataclass(frozen=True)
class SharedWords:
    """The words that a reason tells of each item: those of `is_told`, each with its part of the cosine."""

    words: NDArray[np.int64]  # (m, n); terms, the heaviest first; -1 = none
    weights: NDArray[np.float32]  # (m, n)
    is_told: NDArray[np.bool_]  # (m, n)


@dataclass(frozen=True, kw_only=True)
class SharedTerms:
    """Find what pairs of stories and items share."""

    # what they are about
    stories: Subjects
    items: Subjects
    # (m,); rows of `stories` and `items`
    story: NDArray[np.int64]
    item: NDArray[np.int64]
    outlet_terms: NDArray[np.int64]  # (m, w); terms in the names of their outlets; negative = none
    wording: Wording

    @classmethod
    def from_block(cls, block: Block) -> SharedTerms:
        """Compare the items of all lists of a block, in their order, with the stories of the lists."""
        has_item = block.chosen.has_item
        story = np.nonzero(has_item)[0]
        item_rows, item = np.unique(block.chosen.rows[has_item], return_inverse=True)
        item_sources = block.catalog.table.select(["source", "url"]).take(pa.array(item_rows))
        story_outlets = block.wording.outlet_terms(outlets(block.stories))
        item_outlets = block.wording.outlet_terms(outlets(item_sources))
        return cls(
            stories=Subjects.from_parts(block.queries.features.parts, block.queries.at, block.idf),
            items=Subjects.from_parts(block.texts, item_rows, block.idf),
            story=story,
            item=item,
            outlet_terms=np.column_stack([story_outlets[story], item_outlets[item]]),
            wording=block.wording,
        )

    def names(self) -> SharedNames:
        """Find the names to tell: none of an outlet, none that says little by itself, and none twice."""
        wording = self.wording
        names, _ = self._heaviest(wording.is_name, AS_NAME)
        completions = self._shared_completions(names)
        is_told = (names >= 0) & ((completions >= 0) | ~wording.says_little(names))
        is_told &= ~_is_among(names, self.outlet_terms)
        is_told &= ~_mask_repeated_names(is_told, names, completions, wording.base_forms(names))
        is_told &= ~_mask_repeated_forms(wording.terms, np.where(is_told, names, -1))
        is_told &= np.cumsum(is_told, axis=1) <= _NAMES
        return SharedNames(names, completions, is_told)

    def words(self, names: SharedNames) -> SharedWords:
        """Find the words to tell: none that completes a name that is told, and none twice."""
        words, weights = self._heaviest(self.wording.is_word, AS_WORD)
        completions = np.where(names.is_told, names.completions, -1)
        words[_is_among(words, completions)] = -1
        return self._without_repeats(words, weights)

    def passing_terms(self, pairs: NDArray[np.int64]) -> SharedWords:
        """Find words and names to tell of `pairs` that share nothing that one of both stories is about.

        A name counts if both stories write it as one: "Grand Forks" and a pair of forks have nothing in common.
        """
        is_word, is_name = self.wording.is_word, self.wording.is_name & ~self.wording.needs_completion
        story, item = self.story[pairs], self.item[pairs]
        found, weights = heaviest_shared(
            self.stories.whole, self.items.whole, story, item, is_word | is_name, _LOOKED_AT
        )
        terms: NDArray[np.int64] = found.astype(np.int64)
        row, column = np.nonzero(terms >= 0)
        term = terms[row, column]
        is_kept = self.stories.has_name(story[row], term) & self.items.has_name(item[row], term) | is_word[term]
        terms[row[~is_kept], column[~is_kept]] = -1
        terms[_is_among(terms, self.outlet_terms[pairs])] = -1
        return self._without_repeats(terms, weights)

    def _without_repeats(self, words: NDArray[np.int64], weights: NDArray[np.float32]) -> SharedWords:
        words[_mask_repeated_phrases(self.wording.terms, self.wording.is_phrase, words)] = -1
        is_told = (words >= 0) & ~_mask_repeated_forms(self.wording.terms, words)
        is_told &= np.cumsum(is_told, axis=1) <= _WORDS
        return SharedWords(words, weights, is_told)

    def _heaviest(self, is_wanted: NDArray[np.bool_], mark: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the heaviest shared terms that one of both stories is about, with their parts of the cosine.

        A term counts if the other story at least has it in its beginning or again and again; -1 = no term.
        """
        terms, weights = heaviest_shared(
            self.stories.terms, self.items.terms, self.story, self.item, is_wanted, _LOOKED_AT
        )
        row, column = np.nonzero(terms >= 0)
        term = terms[row, column].astype(np.int64)
        is_about = self.stories.is_about(self.story[row], term, mark) | self.items.is_about(self.item[row], term, mark)
        heaviest = np.full(terms.shape, -1, dtype=np.int64)
        heaviest[row[is_about], column[is_about]] = term[is_about]
        return heaviest, weights

    def _shared_completions(self, names: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the name that completes each name, where both stories use that too; -1 = none."""
        completions = np.where(names >= 0, self.wording.completions(np.maximum(names, 0)), -1)
        row, column = np.nonzero(completions >= 0)
        term = completions[row, column]
        is_shared = np.zeros(names.shape, dtype=bool)
        is_shared[row, column] = self.stories.has_term(self.story[row], term) & self.items.has_term(
            self.item[row], term
        )
        return np.where(is_shared, completions, -1)


def _is_among(terms: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Check which terms, (m, n), are among the `others` of the same row."""
    return np.asarray((terms[:, :, None] == others[:, None, :]).any(axis=2))


def _mask_repeated_names(
    is_told: NDArray[np.bool_],
    names: NDArray[np.int64],
    completions: NDArray[np.int64],
    base_forms: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Mark names that an earlier name of the row tells: it completes that one, is completed by it or the same word."""
    is_repeated = np.zeros(names.shape, dtype=bool)
    for later in np.flatnonzero(is_told.any(axis=0)).tolist():
        name, completion = names[:, later, None], completions[:, later, None]
        earlier_names, earlier_completions = names[:, :later], completions[:, :later]
        completes = earlier_completions == name
        is_completed = (completion >= 0) & ((earlier_names == completion) | (earlier_completions == completion))
        is_same_word = base_forms[:, :later] == base_forms[:, later, None]
        is_known = (completes | is_completed | is_same_word) & is_told[:, :later] & ~is_repeated[:, :later]
        is_repeated[:, later] = is_known.any(axis=1)
    return is_repeated


def _mask_repeated_forms(names: pa.StringArray, terms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark terms that are forms of a word that stands before them in their row: both mostly begin alike."""
    is_repeated, is_term = np.zeros(terms.shape, dtype=bool), terms >= 0
    if not is_term.any():
        return is_repeated
    used, inverse = np.unique(terms[is_term], return_inverse=True)
    used_names = pc.utf8_slice_codeunits(names.take(pa.array(used)), 0, _LETTERS)
    letters = np.array(used_names.to_pylist(), f"U{_LETTERS}").view(np.uint32).reshape(len(used), -1)
    code = np.full(terms.shape, -1)
    code[is_term] = inverse
    mark_repeated_forms(len(terms), code, letters, (letters > 0).sum(axis=1), is_repeated)
    return is_repeated


def _mask_repeated_phrases(
    names: pa.StringArray, is_phrase: NDArray[np.bool_], terms: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mark terms that contain one that stands before them in their row, or are part of it; one of both is a phrase."""
    is_repeated = np.zeros(terms.shape, dtype=bool)
    later, earlier = np.tril_indices(terms.shape[1], -1)
    one, other = terms[:, later], terms[:, earlier]
    is_pair = (one >= 0) & (other >= 0)
    if not is_pair.any():  # there may be no terms at all
        return is_repeated
    is_pair &= is_phrase[np.maximum(one, 0)] | is_phrase[np.maximum(other, 0)]
    row, pair = np.nonzero(is_pair)
    pairs, inverse = np.unique(np.stack([one[row, pair], other[row, pair]], axis=1), axis=0, return_inverse=True)
    ones, others = (names.take(pa.array(terms)).to_pylist() for terms in pairs.T)
    overlaps = np.array([a in b or b in a for a, b in zip(ones, others, strict=True)], dtype=bool)
    overlaps = overlaps[inverse.ravel()]
    is_repeated[row[overlaps], later[pair[overlaps]]] = True
    return is_repeated
