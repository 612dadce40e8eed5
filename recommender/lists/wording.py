"""Which terms a reason may tell, and how they are written."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.columns import as_mask
from recommender.features.common import COMMON, FEW, FREQUENT
from recommender.features.spelling import Spelling
from recommender.features.tfidf import Tfidf
from recommender.reading.months import MONTHS

_WEEK_DAYS = (
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag lundi mardi mercredi jeudi "
    "vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo lunedì martedì mercoledì "
    "giovedì venerdì sabato domenica segunda terça quarta quinta maandag dinsdag woensdag donderdag vrijdag "
    "zaterdag zondag måndag tisdag onsdag torsdag fredag lördag söndag mandag tirsdag lørdag søndag "
    "понедельник вторник среду четверг пятницу субботу воскресенье δευτέρα τρίτη τετάρτη πέμπτη παρασκευή "
    "σάββατο κυριακή सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार "
)
_CALENDAR = [
    name.lower()
    for names in (calendar.day_name, calendar.day_abbr, calendar.month_name, calendar.month_abbr)
    for name in names
    if name
]
_CALENDAR += [name for name in MONTHS if len(name) > 4]  # shorter ones are words of other languages
_CALENDAR += _WEEK_DAYS.split()
_DEBRIS = (  # of pages, pictures and agencies, and titles
    "getty toggle www http https com html afp ap reuters photo photos image images file caption shutterstock click "
    "gov govs gen mr mrs ms dr sen sens rep reps lt col sgt capt cpl coun insp fla calif ariz ont que jr sr inc corp "
    "ltd nbsp amp href newsletter enlarge transcript advertisement subscribe"
)
_BARE = (  # the ends of longer names, which stand for nothing by themselves
    "district county state states street avenue section title president committee commission council college "
    "university institute school association foundation department bureau journal representatives minority majority "
    "affairs protection prevention reserve centers centre appeal appeals circuit court courts cove airport hospital"
)
_OUTLET_WORDS = 4  # of the name of an outlet, as "NPR Online News"
_TELLING = r"^(?:\D{3,}|[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]{2})$"

# endings of terms, and what stands there in the term that they are a form of: "diseases", "Russian", "Iranian",
# "Ukrainian", "Israeli"
_FORMS = (
    ("s$", ""),
    (r"(\w{3}a)n$", r"\1"),
    (r"(\w{3})ian$", r"\1"),
    (r"(\w{4})ian$", r"\1e"),
    (r"(\w{3}[lqns])i$", r"\1"),
)


@dataclass(frozen=True, eq=False)
class Wording:
    """The vocabulary as reasons use it."""

    terms: pa.Array  # length v; as a reason writes them
    # (v,); terms that a reason may tell as words, and as names
    is_word: NDArray[np.bool_]
    is_name: NDArray[np.bool_]
    # (v,); names that say something only with the one that completes them, such as first names: what mostly stands
    # before another name, and the commonest ends of names
    needs_completion: NDArray[np.bool_]
    # (v,); the term that another is a form of, as "disease" of "diseases" and "russia" of "russian"; itself where there
    # is none
    base: NDArray[np.int64]
    spelling: Spelling

    @classmethod
    def fit(cls, tfidf: Tfidf, spelling: Spelling) -> Wording:
        """Choose the terms that reasons may tell.

        What is short, holds a digit, names a day or month, or is among the most frequent terms is none of them.
        """
        is_telling = as_mask(pc.match_substring_regex(tfidf.names, _TELLING))
        is_telling[np.argsort(tfidf.idf, kind="stable")[: int(COMMON * len(is_telling))]] = False
        is_telling &= tfidf.shares <= max(FREQUENT, FEW / max(tfidf.stories, 1))
        is_telling &= ~spelling.common
        # a pair of characters without a phrase is part of one that another pair stands for
        is_telling &= as_mask(pc.fill_null(pc.greater(pc.utf8_length(spelling.phrase), 0), True))
        is_telling &= ~_is_in(tfidf.names, [*_CALENDAR, *_DEBRIS.split()])
        is_name = is_telling & spelling.is_name
        return cls(
            terms=pc.coalesce(spelling.phrase, tfidf.names),
            is_word=is_telling & ~is_name,
            is_name=is_name,
            needs_completion=_is_in(tfidf.names, _BARE.split()) | spelling.bare,
            base=_base_forms(tfidf.names),
            spelling=spelling,
        )

    @cached_property
    def written(self) -> pa.Array:
        """The terms with names in their own spelling, string (v,)."""
        is_spelled = pa.array(self.is_name & ~self.is_phrase)
        return pc.if_else(is_spelled, self.spelling.written, self.terms)

    @cached_property
    def is_phrase(self) -> NDArray[np.bool_]:
        """Which terms stand for a phrase, bool (v,)."""
        return as_mask(self.spelling.phrase.is_valid())

    def outlet_terms(self, outlets: pa.Array) -> NDArray[np.int64]:
        """Find the terms in the name of each outlet, as "courier" of "courier.example", (m, 4); -2 = none."""
        encoded = outlets.dictionary_encode()  # an archive has few outlets
        names = pc.replace_substring_regex(encoded.dictionary, r"^(?:[^ ]*\.)?([^. ]+)\.[a-z]{2,}$", r"\1").to_pylist()
        terms = np.full((len(names) + 1, _OUTLET_WORDS), -2, dtype=np.int64)  # the last row is for stories without one
        for row, name in enumerate(names):
            for column, word in enumerate(re.findall(r"\w+", name)[:_OUTLET_WORDS]):
                terms[row, column] = self._numbers.get(word, -2)
        return np.asarray(terms[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The number of each term; of equal ones the first."""
        terms = self.terms.to_pylist()
        return {terms[number]: number for number in reversed(range(len(terms))) if terms[number] is not None}

    def says_little(self, names: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Check which names say something only with the one that completes them; -1 = no name."""
        return _lookup(self.needs_completion, names, np.zeros(names.shape, dtype=bool))

    def base_forms(self, terms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Look up the terms that others are forms of; -1 = no term."""
        return _lookup(self.base, terms, terms)

    def completions(self, names: NDArray[np.int64]) -> NDArray[np.int64]:
        """Look up the name that completes a name, as a first name a last name; -1 = none."""
        none = np.full(names.shape, -1, dtype=np.int64)
        before, after = _lookup(self.spelling.before, names, none), _lookup(self.spelling.after, names, none)
        return np.where(before >= 0, before, after).astype(np.int64)

    def spell(self, names: NDArray[np.int64], completions: NDArray[np.int64]) -> pa.Array:
        """Write names in their own spelling, each with the name that completes it, (m,); -1 = no completion."""
        spelling, named = self.spelling, pa.array(names)
        compound = spelling.phrase.take(named)
        name = pc.coalesce(compound, spelling.written.take(named))
        completes = (completions >= 0) & ~as_mask(compound.is_valid())
        completion = spelling.written.take(pa.array(completions, mask=~completes))
        joint = spelling.joint.take(named)
        whole = pc.if_else(
            pa.array(spelling.before[names] >= 0),
            pc.binary_join_element_wise(completion, name, joint),
            pc.binary_join_element_wise(name, completion, joint),
        )
        longer = pc.if_else(whole.is_valid(), spelling.whole.take(named), None)
        return pc.coalesce(longer, whole, name)


def _lookup(values: NDArray[Any], terms: NDArray[np.int64], default: NDArray[Any]) -> NDArray[Any]:
    """Look up the values of terms; the default where the vocabulary is empty, as of stories without a word."""
    return np.asarray(values[np.maximum(terms, 0)]) if len(values) else default


def _is_in(names: pa.Array, words: list[str]) -> NDArray[np.bool_]:
    return as_mask(pc.is_in(names, pa.array(words, names.type)))


def _base_forms(names: pa.Array) -> NDArray[np.int64]:
    """Find the term that each is a form of, (v,); itself where there is none.

    Examples
    --------
    >>> names = ["iran", "iranian", "russia", "russian", "russians", "human", "ukraine", "ukrainian"]
    >>> _base_forms(pa.array(names)).tolist()
    [0, 0, 2, 2, 3, 5, 6, 6]
    """
    base = np.arange(len(names))
    for ending, base_ending in reversed(_FORMS):
        terms = np.flatnonzero(as_mask(pc.match_substring_regex(names, ending)))
        base_names = pc.replace_substring_regex(names.take(pa.array(terms)), ending, base_ending)
        numbers = pc.index_in(base_names, names)
        base[terms[as_mask(numbers.is_valid())]] = numbers.drop_null().to_numpy()
    return base
