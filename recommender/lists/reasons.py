"""Why an item is there: the parts of its relevance as data, and at most two reasons that an editor would say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import HOUR_US, UNDATED
from recommender.articles.catalog import Catalog
from recommender.articles.columns import as_array, outlets
from recommender.features.families import FAMILIES
from recommender.features.texts import AS_NAME, AS_WORD, Subjects
from recommender.features.tfidf import heaviest_shared
from recommender.lists.block import Block
from recommender.lists.readnext import MOST_REASONS
from recommender.lists.records import REASON, TERM
from recommender.lists.wording import Wording
from recommender.ranking.score import DEVELOPMENT, EVERGREEN, MORE, PINNED, VARIETY, Contributions

_NAMES, _WORDS = 2, 3  # shared terms that a reason tells
_LOOKED_AT = 9  # shared terms among which those to be told are sought
_ALIKE = 0.6  # share of the longer of two terms that both begin with, from which on they are forms of one word
_LETTERS = 24  # of a term that are compared
_STEM = 4  # letters that both begin with, at least, where one of them is not the whole beginning of the other
_TEXTS = ("words", "title", "lead")  # families that look at shared words
_SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class _Reasons:
    """Reasons of one kind: the items that have it, in ascending order, with text, weight, and place among reasons."""

    kind: str
    items: NDArray[np.int64]
    text: pa.Array | str
    weight: NDArray[np.float64] | float
    place: int
    terms: pa.ListArray | None = None


def explain(block: Block) -> pa.ListArray:
    """Find the reasons of each item, in the order of `block.chosen.rows[block.chosen.rows >= 0]`.

    First why an item has its place where the relevance does not say it (an editor's pin or boost, variety), then the
    running story, shared names, shared words, and facts that a reader can check. The first two of them are kept.
    """
    selected, queries, stories, catalog, parts = (
        block.chosen,
        block.queries,
        block.stories,
        block.catalog,
        block.contributions,
    )
    held = selected.rows >= 0
    rows, source, notes = selected.rows[held], selected.source[held], selected.notes[held]
    story = np.nonzero(held)[0]
    boost = selected.boost[held]
    own_time, time = queries.published[story], catalog.published[rows]
    pinned = np.flatnonzero(source == PINNED)
    development = np.flatnonzero((notes & DEVELOPMENT > 0) & (source != MORE))
    apart = _apart(own_time[development], time[development])
    running = pc.if_else(
        pc.equal(apart, ""), "same running story", pc.binary_join_element_wise("same running story", apart, ", ")
    )
    unique, place = np.unique(rows, return_inverse=True)
    publishers = np.column_stack(
        [
            block.wording.named(outlets(stories))[story],
            block.wording.named(outlets(catalog.table.select(["source", "url"]).take(pa.array(unique))))[place],
        ]
    )
    shared = _Shared(
        Subjects.from_parts(queries.features.parts, queries.at, block.idf),
        Subjects.from_parts(block.texts, unique, block.idf),
        story,
        place,
        block.wording,
    )
    of_names, names, told_beside = _shared_names(shared, publishers)
    of_words, words, terms = _shared_words(shared, told_beside)
    # the next best shares a few words as any two stories do, or a storm's name with a councillor: they explain nothing
    telling = source[of_words] != MORE
    of_words, words, terms = of_words[telling], words.filter(pa.array(telling)), terms.filter(pa.array(telling))
    telling = (source[of_names] != MORE) | pc.match_substring_regex(names, _SURE_NAMES).to_numpy(zero_copy_only=False)
    of_names, names = of_names[telling], names.filter(pa.array(telling))
    section = as_array(catalog.table["section"]).take(pa.array(rows))
    own_section = as_array(stories["section"]).take(pa.array(story))
    same_section = pc.fill_null(pc.equal(section, own_section), False).to_numpy(zero_copy_only=False)
    same = np.flatnonzero(same_section)
    also = pc.binary_join_element_wise("also in ", _told(section.take(pa.array(same)).cast(pa.string())), "")
    newer = (time > own_time) & (own_time != UNDATED) & (time != UNDATED)
    by_texts, by_names = parts.total(*_TEXTS), parts.total("names")
    told = [
        _Reasons("pinned", pinned, _pins(stories, story[pinned], catalog, rows[pinned], block.pinned_by), 0.0, 0),
        _Reasons("boosted", np.flatnonzero(boost > 1), "lifted by an editorial rule", 0.0, 1),
        _Reasons("buried", np.flatnonzero(boost < 1), "lowered by an editorial rule", 0.0, 1),
        _Reasons("variety", np.flatnonzero(notes & VARIETY), "for variety", 0.0, 2),
        _Reasons("development", development, running, 0.0, 3),
        _Reasons("names", of_names, names, by_names[of_names], 4),
        _Reasons("shared_terms", of_words, words, by_texts[of_words], 5, terms),
        _Reasons("same_section", same, also, parts.total("section")[same], 6),
        _Reasons("background", np.flatnonzero(source == EVERGREEN), "background, whatever the date", 0.0, 7),
        _Reasons("newer", np.flatnonzero(newer), "newer than this story", 0.0, 9),
    ]
    # that it is newer is no reason why it is there
    bare = np.setdiff1d(np.arange(len(rows)), np.concatenate([one.items for one in told[:-1]]))
    far = source[bare] == MORE
    told.append(_Reasons("meaning", bare[far], "no closer story left", 0.0, 8))
    return _gathered([*told, _strongest(parts, bare[~far])], len(rows))


_SURE_NAMES = r"^both mention \S+ \S"
"""Of two names, or of several words: one of a word may mean another."""


def _told(sections: pa.Array) -> pa.Array:
    """Write sections as readers know them: the last of a path, and words for a name made for addresses.

    Examples
    --------
    >>> _told(pa.array(["news/canada/nova-scotia", "race_and_racism", "Op-Ed"])).to_pylist()
    ['nova scotia', 'race and racism', 'Op-Ed']
    """
    last = pc.replace_substring_regex(sections, r"^.*/\s*([^/]*[^/\s])\s*/?$", r"\1")
    made = pc.match_substring_regex(last, r"^[a-z0-9]+(?:[_-][a-z0-9]+)+$")
    return pc.if_else(made, pc.replace_substring_regex(last, "[_-]", " "), last)


def _strongest(parts: Contributions, items: NDArray[np.int64]) -> _Reasons:
    """Make the family that adds most the reason of items that have no other."""
    best = parts.values[items].argmax(axis=1)
    sentences = [_clause(FAMILIES[name].about) if name in FAMILIES else "close in meaning" for name in parts.families]
    text = pa.array(sentences, pa.string()).take(pa.array(best))
    return _Reasons("meaning", items, text, parts.values[items, best], 8)


def _clause(sentence: str) -> str:
    """Make a sentence part of a list of reasons.

    Examples
    --------
    >>> _clause("The stories begin alike.")
    'the stories begin alike'
    """
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _pins(
    stories: pa.Table,
    story: NDArray[np.int64],
    catalog: Catalog,
    rows: NDArray[np.int64],
    pinned_by: Mapping[tuple[str, str], str],
) -> pa.Array:
    pairs = zip(
        stories["id"].take(pa.array(story)).to_pylist(), catalog.ids.take(pa.array(rows)).to_pylist(), strict=True
    )
    names = (pinned_by.get(pair, "") for pair in pairs)
    return pa.array([f"pinned by {name}" if name else "pinned" for name in names], pa.string())


def _apart(own: NDArray[np.int64], time: NDArray[np.int64]) -> pa.Array:
    """Say how long before or after a story an item was published, as "two days earlier"; '' = not known."""
    known = (own != UNDATED) & (time != UNDATED)
    gap = np.where(known, time, 0) - np.where(known, own, 0)
    texts = {int(one): apart_text(int(one)) for one in np.unique(gap // HOUR_US)}
    return pa.array(
        [texts[one] if sure else "" for one, sure in zip((gap // HOUR_US).tolist(), known.tolist(), strict=True)],
        pa.string(),
    )


def apart_text(hours: int) -> str:
    """Write a distance in time as an editor would.

    Examples
    --------
    >>> apart_text(-49), apart_text(2), apart_text(0), apart_text(24 * 400)
    ('two days earlier', 'two hours later', 'within the hour', 'a year later')
    """
    size, side = abs(hours), "earlier" if hours < 0 else "later"
    if size < 1:
        return "within the hour"
    for least, name in ((24 * 365, "year"), (24 * 60, "month"), (324, "week"), (22, "day"), (1, "hour")):
        if size >= least:
            unit = {"year": 24 * 365, "month": 24 * 30.4, "week": 24 * 7, "day": 24, "hour": 1}[name]
            count = max(round(size / unit), 1)
            number = "an" if name == "hour" else "a"
            told = number if count == 1 else _SMALL[count - 1] if count <= len(_SMALL) else f"{count:,}"
            return f"{told} {name}{'' if count == 1 else 's'} {side}"
    return ""


@dataclass(frozen=True)
class _Shared:
    """Stories and items by place, (m,) each, with what they are about."""

    stories: Subjects
    items: Subjects
    story: NDArray[np.int64]
    item: NDArray[np.int64]
    wording: Wording

    def heaviest(self, wanted: NDArray[np.bool_], mark: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find terms that one of both is about, and the other tells in its beginning or again and again; -1 = none."""
        term, product = heaviest_shared(self.stories.terms, self.items.terms, self.story, self.item, wanted, _LOOKED_AT)
        line, place = np.nonzero(term >= 0)
        asked = term[line, place].astype(np.int64)
        about = self.stories.is_about(self.story[line], asked, mark) | self.items.is_about(self.item[line], asked, mark)
        found = np.full(term.shape, -1, dtype=np.int64)
        found[line[about], place[about]] = asked[about]
        return found, product


def _shared_names(
    shared: _Shared, publishers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], pa.Array, NDArray[np.int64]]:
    """Find the items that share names, none of them of who published either, and put the names in words.

    The last is what completes the names that are told, of all items; -1 = none.
    """
    wording = shared.wording
    term, _ = shared.heaviest(wording.names, AS_NAME)
    held = term >= 0
    other = np.where(held, wording.neighbour(np.maximum(term, 0)), -1)
    line, place = np.nonzero(other >= 0)
    asked = other[line, place]
    both = np.zeros(term.shape, dtype=bool)
    both[line, place] = shared.stories.has_term(shared.story[line], asked) & shared.items.has_term(
        shared.item[line], asked
    )
    # a name that completes one before it, is completed by one, or by the same word, tells nothing new
    other = np.where(both, other, -1)
    held &= (both | ~_bare(wording, term)) & ~(term[:, :, None] == publishers[:, None, :]).any(axis=2)
    base = np.where(held, wording.base[np.maximum(term, 0)], -1) if len(wording.base) else term
    for number in range(1, term.shape[1]):
        own, mine = term[:, number, None], other[:, number, None]
        known = (other[:, :number] == own) | (mine >= 0) & ((term[:, :number] == mine) | (other[:, :number] == mine))
        known |= base[:, :number] == base[:, number, None]
        held[:, number] &= ~(known & held[:, :number]).any(axis=1)
    held &= ~_forms_told(wording.terms, np.where(held, term, -1))
    held &= np.cumsum(held, axis=1) <= _NAMES
    counts = held.sum(axis=1)
    owners = np.flatnonzero(counts)
    written = wording.written(term[held], both[held], other[held])
    offsets = np.concatenate([[0], np.cumsum(counts[owners])]).astype(np.int32)
    told = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), written), " and ")
    return owners, pc.binary_join_element_wise("both mention ", told, ""), np.where(held, other, -1)


def _bare(wording: Wording, term: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which names say nothing alone, such as first names."""
    if not len(wording.bare):  # stories without a word
        return np.zeros(term.shape, dtype=bool)
    return wording.bare[np.maximum(term, 0)]


def _shared_words(shared: _Shared, told: NDArray[np.int64]) -> tuple[NDArray[np.int64], pa.Array, pa.ListArray]:
    """Find the items that share telling words, none of them told before.

    Gives the words in a text, and each with its part of the cosine.
    """
    wording = shared.wording
    term, product = shared.heaviest(wording.words, AS_WORD)
    term[(term[:, :, None] == told[:, None, :]).any(axis=2)] = -1
    if wording.tells_phrases:
        term[_told_before(wording.terms, term)] = -1
    top = (term >= 0) & ~_forms_told(wording.terms, term)
    top &= np.cumsum(top, axis=1) <= _WORDS
    counts = top.sum(axis=1)
    owners = np.flatnonzero(counts)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts[owners])]).astype(np.int32))
    words = wording.terms.take(pa.array(term[top]))
    weights = pa.array(product[top].astype(np.float64).round(6))
    terms = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([words, weights], fields=list(TERM)))
    text = pc.binary_join(pa.ListArray.from_arrays(offsets, words), ", ")
    return owners, pc.binary_join_element_wise("both on: ", text, ""), terms


def _forms_told(terms: pa.StringArray, found: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which terms are forms of a word that stands before them in their line: both mostly begin alike."""
    again = np.zeros(found.shape, dtype=bool)
    if not (found >= 0).any():
        return again
    names = terms.take(pa.array(np.maximum(found, 0).ravel())).dictionary_encode()
    code = names.indices.to_numpy().reshape(found.shape)
    letters = np.array(pc.utf8_slice_codeunits(names.dictionary, 0, _LETTERS).to_pylist(), f"U{_LETTERS}")
    letters = letters.view(np.uint32).reshape(len(letters), -1)
    size = (letters > 0).sum(axis=1)
    for later in range(1, found.shape[1]):
        for earlier in range(later):
            both = np.flatnonzero((found[:, later] >= 0) & (found[:, earlier] >= 0))
            own, told = code[both, later], code[both, earlier]
            shorter, longer = np.minimum(size[own], size[told]), np.maximum(size[own], size[told])
            common = np.minimum(np.cumprod(letters[own] == letters[told], axis=1).sum(axis=1), shorter)
            again[both, later] |= (common >= _ALIKE * longer) & ((common == shorter) | (common >= _STEM))
    return again


def _told_before(terms: pa.StringArray, found: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which phrases share words with one that stands before them in their line."""
    names = terms.take(pa.array(np.maximum(found, 0).ravel())).dictionary_encode()
    code = np.where(found >= 0, names.indices.to_numpy().reshape(found.shape), -1).astype(np.int64)
    phrase = names.dictionary.to_pylist()
    again = np.zeros(found.shape, dtype=bool)
    for later in range(1, found.shape[1]):
        for earlier in range(later):
            both = (code[:, later] >= 0) & (code[:, earlier] >= 0)
            key, place = np.unique(code[both, later] * len(phrase) + code[both, earlier], return_inverse=True)
            ours, theirs = np.divmod(key, max(len(phrase), 1))
            same = [phrase[a] in phrase[b] or phrase[b] in phrase[a] for a, b in zip(ours, theirs, strict=True)]
            again[both, later] |= np.array(same, dtype=bool)[place]
    return again


def _gathered(told: list[_Reasons], count: int) -> pa.ListArray:
    """Keep the first reasons of each item, as records."""
    told = [one for one in told if len(one.items)] or told[:1]
    sizes = [len(one.items) for one in told]
    owner = np.concatenate([one.items for one in told]).astype(np.int64)
    place = np.concatenate([np.full(n, one.place) for one, n in zip(told, sizes, strict=True)])
    weight = np.concatenate([np.broadcast_to(one.weight, n) for one, n in zip(told, sizes, strict=True)])
    kind = pa.concat_arrays([pa.repeat(one.kind, n) for one, n in zip(told, sizes, strict=True)])
    text = pa.concat_arrays(
        [
            pa.repeat(one.text, n) if isinstance(one.text, str) else as_array(one.text).cast(pa.string())
            for one, n in zip(told, sizes, strict=True)
        ]
    )
    terms = pa.concat_arrays(
        [
            pa.array([], pa.list_(TERM)) if not n else one.terms if one.terms is not None else _no_terms(n)
            for one, n in zip(told, sizes, strict=True)
        ]
    )
    order = np.lexsort((place, owner))
    nth = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
    order = order[nth < MOST_REASONS]
    columns = [kind, text, pa.array(weight.astype(np.float64).round(6)), terms]
    reasons = pa.StructArray.from_arrays(columns, fields=list(REASON)).take(pa.array(order))
    counts = np.bincount(owner[order], minlength=count)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), reasons)


def _no_terms(count: int) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], TERM))
