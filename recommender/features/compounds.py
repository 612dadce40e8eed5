"""Find the compound words that some terms are mostly a part of, for reasons: "anti-Semitism" of "semitism"."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.scripts import fold
from recommender.articles.text import whole_texts

_STORIES = 5_000  # stories that compounds are learned from
_BOUND = 0.6  # share of a term's uses in compounds from which on the term says nothing by itself
_SURE = 0.6  # share of its uses in one compound from which on the term stands for it
_LEAST = 2  # uses of that compound
_BETWEEN = "[^\\pL\\pM\\pN_\u2010\u2011'\u2019-]+"
_EDGES = "-'\u2010\u2011\u2019"
_ANY_JOINT = f"[{_EDGES}]"
_JOINT = re.compile("[-\u2010\u2011]|(?<=\\w\\w)['\u2019](?=\\w\\w)")  # not as in "Trump's"


def compounds(table: pa.Table, terms: pa.StringArray) -> pa.StringArray:
    """Find the compound that each term mostly stands in, (v,); null = none, '' = ever different ones.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> bodies = ["Anti-Semitism and pro-choice", "a rise of anti-Semitism", "anti-Semitism", "an anti-war choice"]
    >>> table = to_table([Article(id=str(n), title="", body=body) for n, body in enumerate(bodies)])
    >>> compounds(table, pa.array(["semitism", "war", "choice", "rise"])).to_pylist()
    ['anti-Semitism', '', None, None]
    """
    uses: Counter[str] = Counter()  # of each term
    forms: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)  # spellings of each compound, by its parts
    for word, count in _count_words(table).items():
        parts = tuple(part for part in _JOINT.split(fold(word)) if part)
        uses.update(dict.fromkeys(parts, count))
        if len(parts) > 1:
            forms[parts][word.strip(_EDGES)] += count
    bound: Counter[str] = Counter()  # uses of each term in compounds
    best: dict[str, tuple[int, tuple[str, ...]]] = {}
    for parts, spellings in forms.items():
        count = spellings.total()
        for part in set(parts):
            bound[part] += count
            best[part] = max(best.get(part, (0, ())), (count, parts))
    found: list[str | None] = [None] * len(terms)
    for number, term in enumerate(terms.to_pylist()):
        if bound[term] and bound[term] >= _BOUND * uses[term]:
            count, parts = best[term]
            is_sure = count >= max(_SURE * uses[term], _LEAST)
            spellings = forms[parts]
            found[number] = min(spellings, key=lambda form: (-spellings[form], form)) if is_sure else ""
    return pa.array(found, pa.string())


def _count_words(table: pa.Table) -> Counter[str]:
    """Count the words of a sample of stories, as they are written; none if the sample has no compounds."""
    step = max(len(table) // _STORIES, 1)
    words: Counter[str] = Counter()
    sample = table.take(pa.array(np.arange(0, len(table), step)))
    if not any(pc.any(pc.match_substring_regex(texts, _ANY_JOINT)).as_py() for texts in whole_texts(sample)):
        return words  # no compounds: their uses need not be compared with those of any word
    for texts in whole_texts(sample):
        counted = pc.value_counts(pc.list_flatten(pc.split_pattern_regex(texts, _BETWEEN)))
        counts = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
        words.update(dict(counts))
    return words
