"""The language of stories: as they name it, by their script, by their words; and what to tell of those not known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

UNKNOWN, MIXED = "und", "mul"  # as ISO 639-2 has them
_SHARE = 0.05
_SAMPLE = 500  # stories without a language whose language is detected
_OPENING = 400  # characters of a body that tell its language
_SURE = 20  # words that tell the language of a text, whatever that of the others is
_PLAUSIBLE = 5  # likeliest languages of a short text, of which one must be likely
_AGREED = 0.6  # share of short texts that must seem to be in one language, where nothing else tells it
_SHORT = 20  # texts in Latin letters that show it: a few in invented words may seem to be in any language


def unknown_language_warning(
    articles: pa.Table, known: Collection[str] | None, site_language: str | None
) -> str | None:
    """Write the warning of stories in languages that the model does not know; None if it knows 95 % of them.

    Stories that name no language have the site's; if that is not given either, a sample is detected.
    """
    if known is None or not len(articles):
        return None
    named, unnamed = _named(articles)
    if unnamed and site_language:
        named[site_language] += unnamed
    elif unnamed:
        named.update(_detected(articles, unnamed))
    counts: Counter[str] = Counter()
    for language, count in named.items():
        counts[primary(language)] += count
    strange = {language: count for language, count in counts.most_common() if language and language not in known}
    share = sum(strange.values()) / max(sum(counts.values()), 1)
    if share <= _SHARE:
        return None
    return (
        f"{share:.0%} of the stories are in a language that the model does not know "
        f"({', '.join(list(strange)[:5])}): their lists go by words alone; a multilingual model "
        "(--model paraphrase-multilingual-MiniLM-L12-v2) compares their meaning too"
    )


def known_rows(articles: pa.Table, known: Collection[str] | None, site: str) -> NDArray[np.bool_]:
    """Tell the stories in a language that an embedder knows, (n,); those that name none have the site's.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> table = to_table([Article(id="1", title="Fähre", language="de-AT"), Article(id="2", title="Ferry")])
    >>> known_rows(table, {"en"}, "en").tolist()
    [False, True]
    """
    if known is None:
        return np.ones(len(articles), dtype=bool)
    named = pc.fill_null(articles["language"], site).combine_chunks().dictionary_encode()
    names = named.dictionary.to_pylist()
    fits = np.array([primary(name) in {*known, UNKNOWN} for name in names] or [True])
    return np.asarray(fits[named.indices.to_numpy()])


def unknown_languages(articles: pa.Table, known: Collection[str] | None, site: str) -> dict[str, int]:
    """Count the stories in each language that an embedder does not know.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> table = to_table([Article(id="1", title="Fähre", language="de"), Article(id="2", title="Ferry")])
    >>> unknown_languages(table, {"en"}, "en")
    {'de': 1}
    """
    strange = articles["language"].filter(pa.array(~known_rows(articles, known, site)))
    return {one["values"]: one["counts"] for one in pc.value_counts(pc.fill_null(strange, site)).to_pylist()}


def detected_languages(articles: pa.Table, likely: Collection[str] = ()) -> pa.Table:
    """Name the language of each story that names none, where its letters or its words tell it.

    Parameters
    ----------
    articles : pyarrow.Table
    likely : collection of str, optional
        Languages that a text too short to tell may be in; default those of the other stories.
    """
    column = articles["language"].to_pylist()
    rows = [row for row, name in enumerate(column) if name is None]
    for row, language in zip(rows, languages_of(_openings(articles, rows), likely), strict=True):
        column[row] = language
    place = articles.schema.get_field_index("language")
    return articles.set_column(place, articles.schema.field(place), pa.array(column, pa.large_string()))


def with_site_language(articles: pa.Table, given: str | None = None) -> tuple[pa.Table, str]:
    """Find the language of stories that name none, `given` or the site's; where there are several, name each story's.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> with_site_language(to_table([Article(id="1", title="Fähre")]), "de")[1]
    'de'
    """
    site = given or site_language(articles)
    return (detected_languages(articles) if site == MIXED else articles), site


def _openings(articles: pa.Table, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
    some = articles.select(["title", "lead", "body"]).take(pa.array(rows, pa.int64()))
    return [f"{one['title']} {one['lead']} {one['body'][:_OPENING]}" for one in some.to_pylist()]


def languages_of(texts: Sequence[str], likely: Collection[str] = ()) -> list[str | None]:
    """Tell the language of each text: by its script, else by its words; None where neither tells.

    Of a text of few words, such as a headline, only a language counts that is likely: one of `likely`, or that a
    twentieth of the longer texts are in, else the one that most of the short texts in this script seem to be in.

    Examples
    --------
    >>> languages_of(["Der Stadtrat beschließt den Haushalt", "市議会が予算案を可決"], likely=["de", "en"])
    ['de', 'ja']
    """
    found = [script_language(text) or (_by_words(text)[0] if len(text.split()) >= _SURE else None) for text in texts]
    if not likely:
        counts = Counter(language for language in found if language is not None)
        likely = {language for language, count in counts.items() if count >= _SHARE * counts.total()}
    short: dict[str, dict[int, list[str]]] = {}
    for place, text in enumerate(texts):
        if found[place] is None and sum(map(str.isalpha, text)) >= _LETTERS:
            short.setdefault(_shared_script(text), {})[place] = _by_words(text)
    for script, ranked in short.items():
        usual, count = Counter(names[0] for names in ranked.values()).most_common(1)[0]
        agreed = count >= _AGREED * len(ranked) and (script != _LATIN or len(ranked) >= _SHORT)
        for place, names in ranked.items():
            fits = [name for name in names[:_PLAUSIBLE] if name in likely or (agreed and name == usual)]
            found[place] = fits[0] if fits else None
    return found


def _shared_script(text: str) -> str:
    """Find the script of several languages in which a text has most of its letters; Latin for all others."""
    letters = sum(map(str.isalpha, text))
    for name, pattern in _SHARED.items():
        if 2 * len(pattern.findall(text)) > letters:
            return name
    return _LATIN


def _by_words(text: str) -> list[str]:
    """Guess the languages of a text, the likeliest first."""
    from py3langid import rank

    return list(dict.fromkeys(subtag(name) or name for name, _ in rank(text)[: 2 * _PLAUSIBLE]))


_SCRIPTS = {
    "ja": "\u3040-\u30ff",  # kana: beside them Chinese characters are Japanese
    "ko": "\uac00-\ud7af\u1100-\u11ff",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff",
    "th": "\u0e00-\u0e7f",
    "lo": "\u0e80-\u0eff",
    "km": "\u1780-\u17ff",
    "my": "\u1000-\u109f",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u0590-\u05ff",
    "ka": "\u10a0-\u10ff",
    "hy": "\u0530-\u058f",
    "bn": "\u0980-\u09ff",
    "pa": "\u0a00-\u0a7f",
    "gu": "\u0a80-\u0aff",
    "or": "\u0b00-\u0b7f",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f",
    "si": "\u0d80-\u0dff",
}
_LATIN = "Latin"
_SHARED = {
    "Cyrillic": re.compile("[\u0400-\u052f]"),
    "Arabic": re.compile("[\u0620-\u06ff\u0750-\u077f]"),
    "Devanagari": re.compile("[\u0900-\u097f]"),
}
_OF_ONE = re.compile("|".join(f"([{letters}])" for letters in _SCRIPTS.values()))
_LETTERS = 8  # of a script that tell its language; of a text that its words may tell
_OF_ALL = 0.2  # share of a text's letters from which on a script tells its language


def script_language(text: str) -> str | None:
    """Tell the language of a text by a script that one language alone uses; None where the script does not tell.

    A headline is enough, and no blanks between words are needed. Cyrillic, Arabic and Devanagari are of several
    languages, which `languages_of` tells by their words.

    Examples
    --------
    >>> script_language("青葉市長選で山本氏が当選"), script_language("Ferry aground")
    ('ja', None)
    """
    if text.isascii():
        return None
    codes = list(_SCRIPTS)
    counts = Counter(codes[match.lastindex - 1] for match in _OF_ONE.finditer(text) if match.lastindex)
    if not counts:
        return None
    letters = sum(map(str.isalpha, text))
    if counts["ja"]:
        counts["ja"] += counts.pop("zh", 0)
    language = max(counts, key=lambda one: counts[one])
    return language if counts[language] >= max(_OF_ALL * letters, min(_LETTERS, letters), 1) else None


@cache
def subtag(language: str) -> str | None:
    """Find the primary subtag of a language as people write it, such as 'en' of 'EN_us', 'eng' or 'English'.

    Examples
    --------
    >>> [subtag(name) for name in ("en-GB", "EN_us", "eng", "English (US)", "de-DE.UTF-8", "und", "default")]
    ['en', 'en', 'en', 'en', 'de', None, None]
    """
    import langcodes

    word = language.strip().casefold()
    first = re.split(r"[\s(,;|]", word, maxsplit=1)[0]  # "English (US)", "Norsk bokmål"
    if word in _NAMED or first in _NAMED:
        return _NAMED.get(word) or _NAMED[first]
    try:
        found = langcodes.standardize_tag(word.split(".")[0].split(",")[0].strip().replace("_", "-"), macro=True)
    except ValueError:
        return None
    code = found.split("-")[0].casefold()
    code = _NAMED.get(code, code)
    return None if code in ("und", "mul", "zxx", "mis", "all") or not langcodes.tag_is_valid(code) else code


_NAMES = (
    "ar arabic العربية,bg bulgarian български,bn bengali বাংলা,ca catalan català,cs czech čeština,da danish dansk,"
    "de german deutsch,el greek ελληνικά,en english,es spanish español castellano,et estonian eesti,eu basque euskara,"
    "fa persian farsi فارسی,fi finnish suomi,fr french français,ga irish gaeilge,gl galician galego,he hebrew עברית,"
    "hi hindi हिन्दी,hr croatian hrvatski,hu hungarian magyar,id indonesian,is icelandic íslenska,it italian italiano,"
    "ja japanese 日本語,ko korean 한국어,lt lithuanian lietuvių,lv latvian latviešu,ms malay,nl dutch nederlands,"
    "no norwegian norsk nb nn bokmål nynorsk,pl polish polski,pt portuguese português,ro romanian română,"
    "ru russian русский,sk slovak "
    "slovenčina,sl slovenian slovenščina,sr serbian српски srpski,sv swedish svenska,sw swahili kiswahili,"
    "ta tamil தமிழ்,te telugu తెలుగు,th thai ไทย,tr turkish türkçe,uk ukrainian українська,"
    "ur urdu اردو,vi vietnamese,zh chinese 中文"
)
# countries that people write for their language, where no language has that code
_NAMED_BY_COUNTRY = {"cz": "cs", "dk": "da", "gr": "el", "jp": "ja", "ua": "uk", "cn": "zh", "vn": "vi", "rs": "sr"}
_NAMED = {
    name: code for one in _NAMES.split(",") for code, *names in (one.split(),) for name in names
} | _NAMED_BY_COUNTRY


def primary(language: str) -> str:
    """Drop the region of a language: 'en' of 'en-US' and 'EN_us'."""
    return language.replace("_", "-").split("-")[0].casefold()


def site_language(articles: pa.Table) -> str:
    """Find the language of stories that name none: the commonest named one, if at least half of all name theirs.

    Otherwise the commonest among a sample of the unnamed, for sites often mark only their foreign stories; `MIXED`
    where a twentieth of the sample is in other languages.
    """
    named, unnamed = _named(articles)
    if not unnamed or sum(named.values()) >= unnamed:
        return named.most_common(1)[0][0] if named else UNKNOWN
    detected = _detected(articles, unnamed)
    detected.pop("", None)
    if not detected:
        return UNKNOWN
    language, count = detected.most_common(1)[0]
    return language if count >= (1 - _SHARE) * sum(detected.values()) else MIXED


def _named(articles: pa.Table) -> tuple[Counter[str], int]:
    """Count how many stories name each language, and how many none."""
    counts = {one["values"]: one["counts"] for one in pc.value_counts(articles["language"]).to_pylist()}
    unnamed = counts.pop(None, 0)
    return Counter(counts), unnamed


def _detected(articles: pa.Table, unnamed: int) -> Counter[str]:
    """Detect the languages of the stories that name none, by a sample; '' where the text does not tell."""
    rows = np.flatnonzero(articles["language"].is_null().to_numpy())
    sample = _openings(articles, rows[:: max(len(rows) // _SAMPLE, 1)])
    found = Counter(language or "" for language in languages_of(sample))
    scale = unnamed / max(len(sample), 1)
    return Counter({language: round(count * scale) for language, count in found.items()})
