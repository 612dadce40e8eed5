"""A warning when the archive speaks languages that the model does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SHARE = 0.05
_SAMPLE = 500  # stories without a language whose language is detected


def unknown_language_warning(
    articles: pa.Table, known: Collection[str] | None, site_language: str | None
) -> str | None:
    """What to tell the user, or None if the model knows at least 95 % of the stories.

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
        counts[language.replace("_", "-").split("-")[0].casefold()] += count
    strange = {language: count for language, count in counts.most_common() if language and language not in known}
    share = sum(strange.values()) / max(sum(counts.values()), 1)
    if share <= _SHARE:
        return None
    return (
        f"{share:.0%} of the stories are in a language that the model does not know "
        f"({', '.join(list(strange)[:5])}); use a multilingual model "
        "(--model paraphrase-multilingual-MiniLM-L12-v2) or no model at all (--model tfidf)"
    )


def site_language(articles: pa.Table) -> str:
    """The language of stories that name none: the commonest named one, if at least half of all name theirs.

    Otherwise the commonest among a sample of the unnamed, for sites often mark only their foreign stories.
    """
    named, unnamed = _named(articles)
    if not unnamed or sum(named.values()) >= unnamed:
        return named.most_common(1)[0][0] if named else "und"
    detected = _detected(articles, unnamed)
    detected.pop("", None)
    return detected.most_common(1)[0][0] if detected else "und"


def _named(articles: pa.Table) -> tuple[Counter[str], int]:
    """How many stories name each language, and how many none."""
    counts = {one["values"]: one["counts"] for one in pc.value_counts(articles["language"]).to_pylist()}
    unnamed = counts.pop(None, 0)
    return Counter(counts), unnamed


def _detected(articles: pa.Table, unnamed: int) -> Counter[str]:
    """Languages of the stories that name none, by a sample; '' where the text is too short to tell."""
    from py3langid import classify

    rows = np.flatnonzero(articles["language"].is_null().to_numpy())
    step = max(len(rows) // _SAMPLE, 1)
    sample = articles.select(["title", "lead", "body"]).take(pa.array(rows[::step]))
    found: Counter[str] = Counter()
    for story in sample.to_pylist():
        text = f"{story['title']} {story['lead']} {story['body'][:400]}"
        language = classify(text)[0] if len(text.split()) >= 20 else ""
        found[language] += 1
    scale = unnamed / max(len(sample), 1)
    return Counter({language: round(count * scale) for language, count in found.items()})
