"""Which shared terms a reason may name, and how they are written."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

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
    "gov govs gen mr mrs ms dr sen sens rep reps lt col sgt capt fla calif ariz jr sr inc corp ltd "
    "nbsp amp href newsletter"
)
_BARE = (  # the ends of longer names, which stand for nothing alone
    "district county state states street avenue section title president committee commission council college "
    "university institute school association foundation department bureau journal representatives minority majority "
    "affairs protection prevention reserve centers centre"
)
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
    """The vocabulary as reasons use it.

    Attributes
    ----------
    terms : pyarrow.StringArray, length v
        As a reason tells them.
    words, names : ndarray of bool, shape (v,)
        Terms that a reason may tell as words, and as names.
    bare : ndarray of bool, shape (v,)
        Names that tell something with the one that completes them only, such as first names: what mostly stands before
        another name, and the commonest ends of names.
    base : ndarray of int64, shape (v,)
        The term that another is a form of, as "disease" of "diseases" and "russia" of "russian"; itself where there is
        none.
    spelling : Spelling
    """

    terms: pa.Array
    words: NDArray[np.bool_]
    names: NDArray[np.bool_]
    bare: NDArray[np.bool_]
    base: NDArray[np.int64]
    spelling: Spelling

    @classmethod
    def of(cls, tfidf: Tfidf, spelling: Spelling) -> Wording:
        """Leave out what is short, holds a digit, names a day or month, or is among the most frequent terms."""
        telling = pc.match_substring_regex(tfidf.names, _TELLING).to_numpy(zero_copy_only=False).astype(bool)
        telling[np.argsort(tfidf.idf, kind="stable")[: int(COMMON * len(telling))]] = False
        telling &= tfidf.shares <= max(FREQUENT, FEW / max(tfidf.stories, 1))
        telling &= ~spelling.common
        # a pair of characters tells what its phrase tells
        phrase = spelling.phrase
        telling &= pc.fill_null(pc.greater(pc.utf8_length(phrase), 0), True).to_numpy(zero_copy_only=False)
        calendar_word = pc.is_in(tfidf.names, pa.array([*_CALENDAR, *_DEBRIS.split()], tfidf.names.type))
        telling &= ~calendar_word.to_numpy(zero_copy_only=False).astype(bool)
        names = telling & spelling.is_name
        bare = pc.is_in(tfidf.names, pa.array(_BARE.split(), tfidf.names.type)).to_numpy(zero_copy_only=False)
        told = pc.coalesce(phrase, tfidf.names)
        return cls(told, telling & ~names, names, bare.astype(bool) | spelling.bare, _bases(tfidf.names), spelling)

    @cached_property
    def tells_phrases(self) -> bool:
        """Whether several terms may be told as one."""
        return bool(self.spelling.phrase.null_count < len(self.terms))

    def named(self, publishers: pa.Array) -> NDArray[np.int64]:
        """Find the term that is the name of an outlet, as "courier" of "courier.example", (m,); -2 = none."""
        encoded = publishers.dictionary_encode()  # an archive has few outlets
        names = pc.replace_substring_regex(encoded.dictionary, r"^the |^(?:[^ ]*\.)?([^. ]+)\.[a-z]{2,}$", r"\1")
        place = np.array([*(self._place.get(name, -2) for name in names.to_pylist()), -2], dtype=np.int64)
        return np.asarray(place[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)])

    @cached_property
    def _place(self) -> dict[str, int]:
        """The place of each term."""
        terms = self.terms.to_pylist()
        return {terms[place]: place for place in reversed(range(len(terms))) if terms[place] is not None}

    def written(self, term: NDArray[np.int64], shared: NDArray[np.bool_], other: NDArray[np.int64]) -> pa.Array:
        """Write names, each with the neighbour that completes it where both stories share that too.

        Parameters
        ----------
        term : ndarray of int64, shape (m,)
        shared : ndarray of bool, shape (m,)
            Whether both stories use the neighbour.
        other : ndarray of int64, shape (m,)
            See `neighbour`.
        """
        spelled = self.spelling.written
        alone = spelled.take(pa.array(term))
        beside = spelled.take(pa.array(np.where(shared, other, 0), mask=~shared))
        first = pa.array(self.spelling.before[term] >= 0)
        joint = pa.array(np.where(self.spelling.hyphen[term], "-", " "), pa.string())
        pair = pc.if_else(
            first,
            pc.binary_join_element_wise(beside, alone, joint),
            pc.binary_join_element_wise(alone, beside, joint),
        )
        return pc.coalesce(pair, alone)

    def neighbour(self, term: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the name that completes a name, as a first name a last name, (m,); -1 = none."""
        if not len(self.spelling.before):  # stories without a word
            return np.full(term.shape, -1, dtype=np.int64)
        before, after = self.spelling.before[term], self.spelling.after[term]
        return np.where(before >= 0, before, after).astype(np.int64)


def _bases(names: pa.Array) -> NDArray[np.int64]:
    """Find the term that each is a form of, (v,); itself where there is none.

    Examples
    --------
    >>> _bases(pa.array(["iran", "iranian", "russia", "russian", "russians", "human", "ukraine", "ukrainian"])).tolist()
    [0, 0, 2, 2, 3, 5, 6, 6]
    """
    base = np.arange(len(names))
    for ending, instead in reversed(_FORMS):
        places = np.flatnonzero(pc.match_substring_regex(names, ending).to_numpy(zero_copy_only=False))
        found = pc.index_in(pc.replace_substring_regex(names.take(pa.array(places)), ending, instead), names)
        held = found.is_valid().to_numpy(zero_copy_only=False)
        base[places[held]] = found.drop_null().to_numpy()
    return base
