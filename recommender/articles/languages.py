"""Find the languages of stories: named, by script or by words; and warn of those that a model does not know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache, lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.columns import encode

UNKNOWN, MIXED = "und", "mul"  # as ISO 639-2 has them
_SHARE = 0.05
_SAMPLE = 500  # stories without a language whose language is detected
_OPENING = 400  # characters of a body that its language is detected from
_SURE = 20  # words of a text whose language is detected without the other texts
_PLAUSIBLE = 5  # best guesses of a short text's language, of which one must be likely
_AGREED = 0.6  # share of short texts that must seem to be in the same language to prove it
_SHORT = 20  # texts in Latin letters that prove it: a few in invented words may seem to be in any language


def unknown_language_warning(
    articles: pa.Table, known: Collection[str] | None, site_language: str | None
) -> str | None:
    """Return the warning of stories in languages that the model does not know; None if it knows 95 % of them.

    Stories that name no language have the site's; without that, the language of a sample is detected.
    """
    if known is None or not len(articles):
        return None
    named, unnamed = _count_named(articles)
    if unnamed and site_language:
        named[site_language] += unnamed
    elif unnamed:
        named.update(_estimate_unnamed(articles, unnamed))
    counts: Counter[str] = Counter()
    for language, count in named.items():
        counts[drop_region(language)] += count
    unknown = {language: count for language, count in counts.most_common() if language and language not in known}
    share = sum(unknown.values()) / max(sum(counts.values()), 1)
    if share <= _SHARE:
        return None
    return (
        f"{share:.0%} of the stories are in a language that the model does not know "
        f"({', '.join(list(unknown)[:5])}): their lists use words only; a multilingual model "
        "(--model paraphrase-multilingual-MiniLM-L12-v2) compares their meaning too"
    )


def is_in_known_language(articles: pa.Table, known: Collection[str] | None, site: str) -> NDArray[np.bool_]:
    """Mark the stories in a language that an embedder knows, (n,); those that name none have the site's.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> table = to_table([Article(id="1", title="Fähre", language="de-AT"), Article(id="2", title="Ferry")])
    >>> is_in_known_language(table, {"en"}, "en").tolist()
    [False, True]
    """
    if known is None:
        return np.ones(len(articles), dtype=bool)
    codes, names = encode(pc.fill_null(articles["language"], site))
    is_known = np.array([drop_region(name) in {*known, UNKNOWN} for name in names] or [True])
    return np.asarray(is_known[codes])


def unknown_languages(articles: pa.Table, known: Collection[str] | None, site: str) -> dict[str, int]:
    """Count the stories in each language that an embedder does not know.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> table = to_table([Article(id="1", title="Fähre", language="de"), Article(id="2", title="Ferry")])
    >>> unknown_languages(table, {"en"}, "en")
    {'de': 1}
    """
    unknown = articles["language"].filter(pa.array(~is_in_known_language(articles, known, site)))
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(pc.fill_null(unknown, site)).to_pylist()}


def detect_languages(articles: pa.Table, likely: Collection[str] = ()) -> pa.Table:
    """Fill in the language of each story that names none, where its letters or words show it.

    `likely`: languages that a short text may be in; default those of the other stories.
    """
    column = articles["language"].to_pylist()
    rows = [row for row, name in enumerate(column) if name is None]
    for row, language in zip(rows, text_languages(_openings(articles, rows), likely), strict=True):
        column[row] = language
    index = articles.schema.get_field_index("language")
    return articles.set_column(index, articles.schema.field(index), pa.array(column, pa.large_string()))


def with_site_language(articles: pa.Table, given: str | None = None) -> tuple[pa.Table, str]:
    """Return the table and the language of stories that name none; of a mixed site each story's language is detected.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> with_site_language(to_table([Article(id="1", title="Fähre")]), "de")[1]
    'de'
    """
    site = given or site_language(articles)
    return (detect_languages(articles) if site == MIXED else articles), site


def _openings(articles: pa.Table, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
    block = articles.select(["title", "lead", "body"]).take(pa.array(rows, pa.int64()))
    return [f"{story['title']} {story['lead']} {story['body'][:_OPENING]}" for story in block.to_pylist()]


def text_languages(texts: Sequence[str], likely: Collection[str] = ()) -> list[str | None]:
    """Detect the language of each text by its script, else by its words; None where neither is clear.

    A text of few words, such as a headline, can only be in a likely language: one of `likely`, by default those of a
    twentieth of the longer texts, or the one that most of the short texts in its script seem to be in.

    Examples
    --------
    >>> text_languages(["Der Stadtrat beschließt den Haushalt", "市議会が予算案を可決"], likely=["de", "en"])
    ['de', 'ja']
    """
    languages = [
        script_language(text) or (_rank_by_words(text)[0] if len(text.split()) >= _SURE else None) for text in texts
    ]
    if not likely:
        counts = Counter(language for language in languages if language is not None)
        likely = {language for language, count in counts.items() if count >= _SHARE * counts.total()}
    short: dict[str, dict[int, tuple[str, ...]]] = {}
    for index, text in enumerate(texts):
        if languages[index] is None and sum(map(str.isalpha, text)) >= _LETTERS:
            short.setdefault(_shared_script(text), {})[index] = _rank_by_words(text)
    for script, ranked in short.items():
        usual, count = Counter(names[0] for names in ranked.values()).most_common(1)[0]
        agreed = count >= _AGREED * len(ranked) and (script != _LATIN or len(ranked) >= _SHORT)
        for index, names in ranked.items():
            fits = [name for name in names[:_PLAUSIBLE] if name in likely or (agreed and name == usual)]
            languages[index] = fits[0] if fits else None
    return languages


def _shared_script(text: str) -> str:
    """Find the script of several languages in which a text has most of its letters; Latin for all others."""
    letters = sum(map(str.isalpha, text))
    for name, pattern in _SHARED.items():
        if 2 * len(pattern.findall(text)) > letters:
            return name
    return _LATIN


@lru_cache(2 * _SAMPLE)  # a run asks about the same sample when it reads stories and when it compares them
def _rank_by_words(text: str) -> tuple[str, ...]:
    """Return the languages that a text may be in, the likeliest first."""
    from py3langid import rank

    return tuple(dict.fromkeys(subtag(name) or name for name, _ in rank(text)[: 2 * _PLAUSIBLE]))


_SCRIPTS = {
    "ja": "\u3040-\u30ff",  # kana: Chinese characters among them are Japanese
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
_LETTERS = 8  # letters of a script, or of a text, that are enough to detect its language
_OF_ALL = 0.2  # share of a text's letters from which on a script shows its language


def script_language(text: str) -> str | None:
    """Detect the language of a text in a script that only one language uses; None for other scripts.

    A headline is enough, and no blanks between words are needed. Cyrillic, Arabic and Devanagari are the scripts of
    several languages, which `text_languages` detects by their words.

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
    language = max(counts, key=lambda name: counts[name])
    return language if counts[language] >= max(_OF_ALL * letters, min(_LETTERS, letters), 1) else None


@cache
def subtag(language: str) -> str | None:
    """Return the primary subtag of a language as people write it, such as 'en' of 'EN_us', 'eng' or 'English'.

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
        tag = langcodes.standardize_tag(word.split(".")[0].split(",")[0].strip().replace("_", "-"), macro=True)
    except ValueError:
        return None
    code = tag.split("-")[0].casefold()
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
# Codes of countries that people write for their language, where no language has that code.
_NAMED_BY_COUNTRY = {"cz": "cs", "dk": "da", "gr": "el", "jp": "ja", "ua": "uk", "cn": "zh", "vn": "vi", "rs": "sr"}
_NAMED = {
    name: code for language in _NAMES.split(",") for code, *names in (language.split(),) for name in names
} | _NAMED_BY_COUNTRY


def drop_region(language: str) -> str:
    """Return a language without its region: 'en' of 'en-US' and 'EN_us'."""
    return language.replace("_", "-").split("-")[0].casefold()


def site_language(articles: pa.Table) -> str:
    """Find the language of stories that name none: the commonest named one, if at least half of all name theirs.

    Otherwise it is the commonest in a sample of those stories, since sites often mark only their foreign stories, or
    `MIXED` where a twentieth of the sample is in other languages.
    """
    named, unnamed = _count_named(articles)
    if not unnamed or sum(named.values()) >= unnamed:
        return named.most_common(1)[0][0] if named else UNKNOWN
    detected = _estimate_unnamed(articles, unnamed)
    detected.pop("", None)
    if not detected:
        return UNKNOWN
    language, count = detected.most_common(1)[0]
    return language if count >= (1 - _SHARE) * sum(detected.values()) else MIXED


def _count_named(articles: pa.Table) -> tuple[Counter[str], int]:
    """Count the stories that name each language, and those that name none."""
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(articles["language"]).to_pylist()}
    unnamed = counts.pop(None, 0)
    return Counter(counts), unnamed


def _estimate_unnamed(articles: pa.Table, unnamed: int) -> Counter[str]:
    """Estimate from a sample how many of the unnamed stories are in each language; '' where the text is not clear."""
    rows = np.flatnonzero(articles["language"].is_null().to_numpy())
    sample = _openings(articles, rows[:: max(len(rows) // _SAMPLE, 1)])
    counts = Counter(language or "" for language in text_languages(sample))
    scale = unnamed / max(len(sample), 1)
    return Counter({language: round(count * scale) for language, count in counts.items()})
