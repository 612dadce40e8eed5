"""Why an item is there: at most two reasons that an editor would say, as records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import HOUR_US, UNDATED
from recommender.articles.columns import as_array, as_mask
from recommender.features.families import FAMILIES
from recommender.lists.apart import TIME_UNITS, apart_text
from recommender.lists.block import Block
from recommender.lists.readnext import MOST_REASONS
from recommender.lists.records import REASON, TERM
from recommender.lists.shared_terms import SharedNames, SharedTerms, SharedWords
from recommender.ranking.score import DEVELOPMENT, EVERGREEN, MORE, PINNED, VARIETY

_TEXTS = ("words", "title", "lead")  # families that look at shared words
_HEAVY_WORD = 0.015  # part of the cosine from which on a word explains the next best
_PASSING_WORD = 0.01  # part of the cosine from which on a word explains an item that nothing else does
_NO_TERM = pa.array([], TERM)
_SURE_NAMES = r"^both mention \S+ \S"  # of two names, or of several words: one of a single word may mean another


@dataclass(frozen=True)
class _Reasons:
    """Reasons of one kind: the items that have it, in ascending order, each with its text, weight and terms."""

    kind: str
    items: NDArray[np.int64]
    text: pa.Array | str
    weight: NDArray[np.float64] | float = 0.0
    terms: pa.ListArray | None = None


@dataclass(frozen=True, kw_only=True)
class _Items:
    """The items of all lists of a block, one after another, (m,) each; `story` is the index of the story of each."""

    block: Block
    story: NDArray[np.int64]
    rows: NDArray[np.int64]
    source: NDArray[np.int8]
    notes: NDArray[np.int8]
    boost: NDArray[np.float64]
    published: NDArray[np.int64]
    story_published: NDArray[np.int64]

    @classmethod
    def from_block(cls, block: Block) -> _Items:
        chosen, has_item = block.chosen, block.chosen.has_item
        story, rows = np.nonzero(has_item)[0], chosen.rows[has_item]
        return cls(
            block=block,
            story=story,
            rows=rows,
            source=chosen.source[has_item],
            notes=chosen.notes[has_item],
            boost=chosen.boost[has_item],
            published=block.catalog.published[rows],
            story_published=block.queries.published[story],
        )


def explain(block: Block) -> pa.ListArray:
    """Find the reasons of each item, in the order of `block.chosen.rows[block.chosen.has_item]`.

    First why an item has its place where the relevance does not say it (an editor's pin or boost, variety), then the
    running story, shared names, shared words, and facts that a reader can check. The first two of them are kept.
    """
    items, shared = _Items.from_block(block), SharedTerms.from_block(block)
    names = shared.names()
    reasons = [
        _pinned(items),
        _Reasons("boosted", np.flatnonzero(items.boost > 1), "lifted by an editorial rule"),
        _Reasons("buried", np.flatnonzero(items.boost < 1), "lowered by an editorial rule"),
        _Reasons("variety", np.flatnonzero(items.notes & VARIETY), "for variety"),
        _running_story(items),
        _shared_names(items, shared, names),
        _shared_words(items, shared, shared.words(names)),
        _same_section(items),
        _Reasons("background", np.flatnonzero(items.source == EVERGREEN), "background, whatever the date"),
    ]
    is_explained = np.zeros(len(items.rows), dtype=bool)
    is_explained[np.concatenate([kind.items for kind in reasons])] = True
    in_common = _in_common(items, shared, np.flatnonzero(~is_explained))
    is_explained[in_common.items] = True
    unexplained = np.flatnonzero(~is_explained)
    is_more = items.source[unexplained] == MORE
    reasons += [
        in_common,
        _Reasons("meaning", unexplained[is_more], "no closer story left"),
        _strongest_family(items, unexplained[~is_more]),
        _newer(items),  # last, and not among `explained`: that an item is newer is no reason why it is there
    ]
    return _keep_first(reasons, len(items.rows))


def _pinned(items: _Items) -> _Reasons:
    """Explain by a pin: "pinned by the night desk"."""
    pinned = np.flatnonzero(items.source == PINNED)
    if not len(pinned):
        return _Reasons("pinned", pinned, "pinned")
    story_ids = items.block.stories["id"].take(pa.array(items.story[pinned])).to_pylist()
    item_ids = items.block.catalog.ids.take(pa.array(items.rows[pinned])).to_pylist()
    editors = [items.block.pinned_by.get(pair, "") for pair in zip(story_ids, item_ids, strict=True)]
    texts = [f"pinned by {editor}" if editor else "pinned" for editor in editors]
    return _Reasons("pinned", pinned, pa.array(texts, pa.string()))


def _running_story(items: _Items) -> _Reasons:
    """Explain by the story's own event: "same running story, two days earlier"."""
    developments = np.flatnonzero((items.notes & DEVELOPMENT > 0) & (items.source != MORE))
    if not len(developments):
        return _Reasons("development", developments, "same running story")
    apart = _time_apart(items.story_published[developments], items.published[developments])
    with_time = pc.binary_join_element_wise("same running story", apart, ", ")
    text = pc.if_else(pc.equal(apart, ""), "same running story", with_time)
    return _Reasons("development", developments, text)


def _shared_names(items: _Items, shared: SharedTerms, names: SharedNames) -> _Reasons:
    """Explain by names that both stories mention: "both mention Livia Santoro and NATO"."""
    counts = names.is_told.sum(axis=1)
    owners = np.flatnonzero(counts)
    spelled = shared.wording.spell(names.names[names.is_told], names.completions[names.is_told])
    joined = pc.binary_join(pa.ListArray.from_arrays(_offsets(counts[owners]), spelled), " and ")
    text = pc.binary_join_element_wise("both mention ", joined, "")
    # a storm's name is a councillor's, too: under the next best a single word explains nothing
    is_sure = (items.source[owners] != MORE) | as_mask(pc.match_substring_regex(text, _SURE_NAMES))
    owners, text = owners[is_sure], text.filter(pa.array(is_sure))
    return _Reasons("names", owners, text, items.block.contributions.total("names")[owners])


def _shared_words(items: _Items, shared: SharedTerms, words: SharedWords) -> _Reasons:
    """Explain by words that both stories are about, each with its part of the cosine: "both on: granite, quay".

    Under the next best they are what little both have "in common: granite".
    """
    is_more = items.source == MORE
    # the next best shares a few words as any two stories do: light ones explain nothing
    is_told = words.is_told & ~(is_more[:, None] & (words.weights < _HEAVY_WORD))
    owners = np.flatnonzero(is_told.any(axis=1))
    prefixes = pc.if_else(pa.array(is_more[owners]), "in common: ", "both on: ")
    return _terms(items, owners, prefixes, words.words[owners], words.weights[owners], is_told[owners], shared)


def _in_common(items: _Items, shared: SharedTerms, unexplained: NDArray[np.int64]) -> _Reasons:
    """Explain by what both stories mention in passing: "in common: Volkswagen, court"."""
    terms = shared.passing_terms(unexplained)
    is_told = terms.is_told & (terms.weights >= _PASSING_WORD)
    has_terms = is_told.any(axis=1)
    owners = unexplained[has_terms]
    return _terms(
        items, owners, "in common: ", terms.words[has_terms], terms.weights[has_terms], is_told[has_terms], shared
    )


def _terms(
    items: _Items,
    owners: NDArray[np.int64],
    prefixes: pa.Array | str,
    terms: NDArray[np.int64],
    weights: NDArray[np.float32],
    is_told: NDArray[np.bool_],
    shared: SharedTerms,
) -> _Reasons:
    """Tell the terms of `owners` that are to be told, each with its part of the cosine."""
    offsets = _offsets(is_told.sum(axis=1))
    written = shared.wording.written.take(pa.array(terms[is_told]))
    parts = pa.array(weights[is_told].astype(np.float64).round(6))
    weighted = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([written, parts], fields=list(TERM)))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, written), ", ")
    text = pc.binary_join_element_wise(prefixes, joined, "")
    return _Reasons("shared_terms", owners, text, items.block.contributions.total(*_TEXTS)[owners], weighted)


def _same_section(items: _Items) -> _Reasons:
    """Explain by the section: "also in nova scotia"."""
    sections = as_array(items.block.catalog.table["section"]).take(pa.array(items.rows))
    story_sections = as_array(items.block.stories["section"]).take(pa.array(items.story))
    same = np.flatnonzero(as_mask(pc.fill_null(pc.equal(sections, story_sections), False)))
    if not len(same):
        return _Reasons("same_section", same, "")
    names = _section_names(sections.take(pa.array(same)).cast(pa.string()))
    text = pc.binary_join_element_wise("also in ", names, "")
    return _Reasons("same_section", same, text, items.block.contributions.total("section")[same])


def _strongest_family(items: _Items, unexplained: NDArray[np.int64]) -> _Reasons:
    """Explain items without another reason by the family of features that adds most to their score."""
    contributions = items.block.contributions
    strongest = contributions.values[unexplained].argmax(axis=1)
    clauses = [
        _to_clause(FAMILIES[family].about) if family in FAMILIES else "close in meaning"
        for family in contributions.families
    ]
    text = pa.array(clauses, pa.string()).take(pa.array(strongest))
    return _Reasons("meaning", unexplained, text, contributions.values[unexplained, strongest])


def _newer(items: _Items) -> _Reasons:
    has_dates = (items.story_published != UNDATED) & (items.published != UNDATED)
    newer = np.flatnonzero(has_dates & (items.published > items.story_published))
    return _Reasons("newer", newer, "newer than this story")


def _keep_first(reasons: list[_Reasons], n_items: int) -> pa.ListArray:
    """Return the first reasons of each item as records; kinds that come first go first."""
    reasons = [kind for kind in reasons if len(kind.items)] or reasons[:1]
    sizes = [len(kind.items) for kind in reasons]
    owner = np.concatenate([kind.items for kind in reasons]).astype(np.int64)
    order = np.argsort(owner, kind="stable")
    nth = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
    order = order[nth < MOST_REASONS]
    weights = np.concatenate([np.broadcast_to(kind.weight, size) for kind, size in zip(reasons, sizes, strict=True)])
    columns = [
        pa.concat_arrays([pa.repeat(kind.kind, size) for kind, size in zip(reasons, sizes, strict=True)]),
        pa.concat_arrays([_texts(kind) for kind in reasons]),
        pa.array(weights.astype(np.float64).round(6)),
        pa.concat_arrays([_no_terms(len(kind.items)) if kind.terms is None else kind.terms for kind in reasons]),
    ]
    records = pa.StructArray.from_arrays(columns, fields=list(REASON)).take(pa.array(order))
    return pa.ListArray.from_arrays(_offsets(np.bincount(owner[order], minlength=n_items)), records)


def _texts(reasons: _Reasons) -> pa.Array:
    if isinstance(reasons.text, str):
        return pa.repeat(reasons.text, len(reasons.items))
    return as_array(reasons.text).cast(pa.string())


def _no_terms(count: int) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), _NO_TERM)


def _offsets(counts: NDArray[np.int64]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))


def _section_names(sections: pa.Array) -> pa.Array:
    """Write sections as readers know them: the last of a path, and words for a name made for addresses.

    Examples
    --------
    >>> _section_names(pa.array(["news/canada/nova-scotia", "race_and_racism", "Op-Ed"])).to_pylist()
    ['nova scotia', 'race and racism', 'Op-Ed']
    """
    last = pc.replace_substring_regex(sections, r"^.*/\s*([^/]*[^/\s])\s*/?$", r"\1")
    is_of_address = pc.match_substring_regex(last, r"^[a-z0-9]+(?:[_-][a-z0-9]+)+$")
    return pc.if_else(is_of_address, pc.replace_substring_regex(last, "[_-]", " "), last)


def _to_clause(sentence: str) -> str:
    """Make a sentence part of a list of reasons.

    Examples
    --------
    >>> _to_clause("The stories begin alike.")
    'the stories begin alike'
    """
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _time_apart(story_published: NDArray[np.int64], published: NDArray[np.int64]) -> pa.Array:
    """Write how long before or after a story an item was published, as "two days earlier"; '' = not known."""
    has_dates = (story_published != UNDATED) & (published != UNDATED)
    hours = (np.where(has_dates, published, 0) - np.where(has_dates, story_published, 0)) // HOUR_US
    _, first, group = np.unique(_as_told(hours), return_index=True, return_inverse=True)
    texts = pa.array([*map(apart_text, hours[first].tolist()), ""], pa.string())
    return texts.take(pa.array(np.where(has_dates, group, len(first))))


def _as_told(hours: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give distances in time, (m,), numbers: those of one number have one text, and there are far fewer texts.

    Examples
    --------
    >>> numbers = _as_told(np.array([70, 72, 96, -72]))
    >>> (numbers == numbers[0]).tolist(), apart_text(70), apart_text(72)
    ([True, True, False, False], 'three days later', 'three days later')
    """
    size = np.abs(hours)
    unit = np.searchsorted([least for _, least, _ in reversed(TIME_UNITS)], size, side="right")  # 0: within the hour
    lengths = np.array([1.0, *(length for _, _, length in reversed(TIME_UNITS))])
    count = np.maximum(np.rint(size / lengths[unit]), 1).astype(np.int64)
    return np.asarray(np.sign(hours) * (count * len(lengths) + unit))
