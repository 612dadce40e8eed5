"""A warning when the archive speaks languages that the model does not know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

UNKNOWN, MIXED = "und", "mul"  # as ISO 639-2 has them
_SHARE = 0.05
_SAMPLE = 500  # stories without a language whose language is detected


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
        f"({', '.join(list(strange)[:5])}); use a multilingual model "
        "(--model paraphrase-multilingual-MiniLM-L12-v2) or no model at all (--model tfidf)"
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


def detected_languages(articles: pa.Table) -> pa.Table:
    """Name the language of each story that names none and is long enough to tell."""
    from py3langid import classify

    column = articles["language"].to_pylist()
    rows = [row for row, name in enumerate(column) if name is None]
    sample = articles.select(["title", "lead", "body"]).take(pa.array(rows, pa.int64()))
    for row, story in zip(rows, sample.to_pylist(), strict=True):
        column[row] = _language_of(story, classify)
    place = articles.schema.get_field_index("language")
    return articles.set_column(place, articles.schema.field(place), pa.array(column, pa.large_string()))


def _language_of(story: Mapping[str, str], classify: Callable[[str], tuple[str, float]]) -> str | None:
    text = f"{story['title']} {story['lead']} {story['body'][:400]}"
    if by_script := script_language(text):
        return by_script
    return classify(text)[0] if len(text.split()) >= 20 else None


_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),  # kana: beside them Chinese characters are Japanese
    "ko": re.compile("[\uac00-\ud7af\u1100-\u11ff]"),
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
    "el": re.compile("[\u0370-\u03ff]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "ka": re.compile("[\u10a0-\u10ff]"),
    "hy": re.compile("[\u0530-\u058f]"),
}
_LETTERS = 8  # of a script that tell its language
_OF_ALL = 0.2  # share of a text's letters from which on a script tells its language


def script_language(text: str) -> str | None:
    """Tell the language of a text by a script that one language alone uses; None where the script does not tell.

    A headline is enough, and no blanks between words are needed.

    Examples
    --------
    >>> script_language("青葉市長選で山本氏が当選"), script_language("Ferry aground")
    ('ja', None)
    """
    if text.isascii():
        return None
    letters = sum(map(str.isalpha, text))
    counts = {language: len(pattern.findall(text)) for language, pattern in _SCRIPTS.items()}
    if counts["ja"]:
        counts["ja"] += counts.pop("zh")
    language = max(counts, key=lambda one: counts[one])
    return language if counts[language] >= max(_OF_ALL * letters, min(_LETTERS, letters), 1) else None


@cache
def subtag(language: str) -> str | None:
    """Find the primary subtag of a language as people write it, such as 'en' of 'EN_us', 'eng' or 'English'.

    Examples
    --------
    >>> [subtag(name) for name in ("en-GB", "EN_us", "eng", "English", "de-DE.UTF-8", "und")]
    ['en', 'en', 'en', 'en', 'de', None]
    """
    import langcodes

    word = language.strip().casefold()
    if word in _NAMED:
        return _NAMED[word]
    try:
        found = langcodes.standardize_tag(word.split(".")[0].split(",")[0].strip().replace("_", "-"), macro=True)
    except ValueError:
        return word or None
    code = found.split("-")[0].casefold()
    return None if code in ("und", "mul", "zxx", "mis") else code


_NAMES = (
    "ar arabic العربية,bg bulgarian български,bn bengali বাংলা,ca catalan català,cs czech čeština,da danish dansk,"
    "de german deutsch,el greek ελληνικά,en english,es spanish español castellano,et estonian eesti,eu basque euskara,"
    "fa persian farsi فارسی,fi finnish suomi,fr french français,ga irish gaeilge,gl galician galego,he hebrew עברית,"
    "hi hindi हिन्दी,hr croatian hrvatski,hu hungarian magyar,id indonesian,is icelandic íslenska,it italian italiano,"
    "ja japanese 日本語,ko korean 한국어,lt lithuanian lietuvių,lv latvian latviešu,ms malay,nl dutch nederlands,"
    "no norwegian norsk,pl polish polski,pt portuguese português,ro romanian română,ru russian русский,sk slovak "
    "slovenčina,sl slovenian slovenščina,sr serbian српски srpski,sv swedish svenska,sw swahili kiswahili,"
    "ta tamil தமிழ்,te telugu తెలుగు,th thai ไทย,tr turkish türkçe,uk ukrainian українська,"
    "ur urdu اردو,vi vietnamese,zh chinese 中文"
)
_NAMED = {name: code for one in _NAMES.split(",") for code, *names in (one.split(),) for name in names}


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
    """Detect the languages of the stories that name none, by a sample; '' where the text is too short to tell."""
    from py3langid import classify

    rows = np.flatnonzero(articles["language"].is_null().to_numpy())
    step = max(len(rows) // _SAMPLE, 1)
    sample = articles.select(["title", "lead", "body"]).take(pa.array(rows[::step]))
    found: Counter[str] = Counter()
    for story in sample.to_pylist():
        found[_language_of(story, classify) or ""] += 1
    scale = unnamed / max(len(sample), 1)
    return Counter({language: round(count * scale) for language, count in found.items()})
