"""Compare headlines without labels and names of sites, for stories that have no other text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_LABELS = (  # kinds of pieces, as they stand in front of a headline or behind it
    "live|live updates?|live ?blog|live coverage|live-?ticker|breaking|breaking news|developing|just in|alert|urgent|"
    "flash|update|updated?|correct(?:ed|ion)|exclusive|first on [a-z]+|video|videos|watch|listen|audio|podcast|photos?|"
    "in pictures|in photos|pictures|gallery|slideshow|opinions?|op-?eds?(?: columnist| contributor)?|editorials?|"
    "comment|commentary|column|columnist|contributor|perspective|viewpoint|analysis|news analysis|explainer|explained|"
    "fact ?box|fact ?check|interview|feature|special report|"
    "eil|eilmeldung|liveblog|kommentar|meinung|analyse|exklusiv|bilder|fotostrecke|"
    "en direct|direct|vidéo|vidéos|tribune|édito|exclusif|en images|infographie|"
    "en vivo|en directo|última hora|vídeo|opinión|análisis|exclusiva|fotos|ao vivo|opinião|análise|exclusivo|"
    "opinie|exclusief|in beeld|diretta|in diretta|ultim.ora|esclusiva|foto|"
    "видео|срочно|молния|эксклюзив|мнение|відео|терміново|عاجل|فيديو|بالفيديو|صور|بالصور|वीडियो|속보|단독|영상|快讯|视频|图集|速報|動画|独自"
)
_WIRE = r"^(?:(?:UPDATE|WRAPUP|RPT|REFILE|CORRECTED|CORRECTION|EXCLUSIVE|FACTBOX)(?: ?\d+)? ?- ?)+"  # as agencies write
_BEFORE = rf"^(?:【[^】]{{1,12}}】 ?|[\[(](?:{_LABELS})[\])] |(?:{_LABELS}) ?(?:[:|•»] ?| [–—-] ))+"
_BEHIND = rf"(?: [\[(](?:{_LABELS})[\])]| ?[|•] ?(?:{_LABELS})| [–—-] (?:{_LABELS}))+$"
_SITE = r"^(?P<head>.*[^ ]) (?:\||–|—|-) (?P<site>[^|–—\d]{1,40})$"
_SITE_TITLES = 3  # headlines behind which a name must stand to be a site's
_LEAST = 16  # characters that make a headline unique: "oil prices rise" comes every week
_WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]"  # characters that say as much as two letters
_NAMES = 2  # names behind one headline: a section and a site


class Headlines(NamedTuple):
    """Headlines without labels, with and without names of sites."""

    titles: pa.Array  # length n
    # length n each; without labels; then also without the last name behind it, whether it is a site's or not; then
    # without two
    forms: tuple[pa.Array, ...]
    words: pa.Array  # length n; equal for two headlines that are the same; null where too little is left to compare

    @classmethod
    def from_titles(cls, titles: pa.Array) -> Headlines:
        """Prepare the headlines of a large_string array for comparison.

        A site is the last name behind a bar or a dash, in three headlines or more, or behind the whole headline of
        another story.

        Examples
        --------
        >>> titles = ["UPDATE 1-Ferry aground off Gull Point", "Video: Ferry aground off Gull Point | The Courier"]
        >>> Headlines.from_titles(pa.array([*titles, "Mayor resigns"], pa.large_string())).words.to_pylist()
        ['ferry aground off gull point', 'ferry aground off gull point', None]
        """
        forms = _forms(titles)
        headlines = forms[0]
        for shorter in forms[1:]:
            headlines = pc.if_else(pc.is_in(shorter, forms[0]), shorter, headlines)
        for _ in range(_NAMES):
            headlines = _without_labels(_without_sites(headlines))
        return cls(titles, tuple(map(_words, forms)), _words(headlines))

    @property
    def keys(self) -> pa.Array:
        """Keys that are equal where two headlines are: their words, or the whole of a headline with too few words."""
        kind = pc.if_else(pc.is_valid(self.words), "words ", "title ").cast(pa.large_string())
        return pc.binary_join_element_wise(kind, pc.coalesce(self.words, self.titles), pa.scalar("", pa.large_string()))

    def is_same(self, title: str) -> NDArray[np.bool_]:
        """Mark the headlines that are the same as a headline from outside, (n,)."""
        words = [_words(form)[0] for form in _forms(pa.array([title], pa.large_string()))]
        masks = [pc.equal(self.titles, title), *(pc.equal(self.words, form) for form in words)]
        masks += [pc.equal(form, words[0]) for form in self.forms]
        return np.asarray(np.any([pc.fill_null(mask, False).to_numpy(zero_copy_only=False) for mask in masks], axis=0))


def _forms(titles: pa.Array) -> list[pa.Array]:
    """Return headlines without labels, then also without one and two names behind them."""
    plain = pc.replace_substring_regex(_single_blanks(pc.utf8_normalize(titles, "NFC"), r"\s+"), _WIRE, "")
    forms = [_without_labels(pc.utf8_lower(_single_blanks(plain)))]
    for _ in range(_NAMES):
        head = pc.struct_field(pc.extract_regex(forms[-1], _SITE), "head")
        forms.append(_without_labels(pc.coalesce(head, forms[-1])))
    return forms


def _words(titles: pa.Array) -> pa.Array:
    """Return the letters and digits of headlines; null where they are too few to compare."""
    words = _single_blanks(pc.replace_substring_regex(titles, "['’]", ""), r"[^\p{L}\p{M}\p{N}]+")
    length = pc.add(pc.utf8_length(words), pc.count_substring_regex(words, _WIDE))
    return pc.if_else(pc.greater_equal(length, _LEAST), words, pa.scalar(None, pa.large_string()))


def _single_blanks(texts: pa.Array, separator: str = " +") -> pa.Array:
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, separator, " "))


def _without_labels(titles: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(pc.replace_substring_regex(titles, _BEFORE, ""), _BEHIND, "")


def _without_sites(titles: pa.Array) -> pa.Array:
    parts = pc.extract_regex(titles, _SITE)
    head, site = pc.struct_field(parts, "head"), pc.struct_field(parts, "site")
    pairs = pa.table({"head": head, "site": site}).drop_null()
    behind = pairs.group_by(["site", "head"]).aggregate([]).group_by("site").aggregate([("head", "count")])
    sites = behind.filter(pc.greater_equal(behind["head_count"], _SITE_TITLES))["site"].combine_chunks()
    return pc.if_else(pc.and_(pc.is_valid(head), pc.is_in(site, sites)), head, titles)
