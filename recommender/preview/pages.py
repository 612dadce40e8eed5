"""Templates of the static site, of the desk and of the page of a comparison, and the functions that they call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from rapidfuzz.fuzz import token_sort_ratio

from recommender.lists.apart import apart_text
from recommender.lists.readnext import MORE, ReadNext, Recommendation, Rejected, Story
from recommender.preview.words import reasons_of, remedy, rule_labels
from recommender.publishing.comparison import Comparison

STATIC = Path(__file__).parent / "static"
STATES = {
    "ok": "All related",
    "filled": "Filled up",
    "short": "Short",
    "empty": "Empty",
    "withheld": "Withheld",
    "not_computed": "Not yet public",
}
"""The names of the statuses that totals count."""
_NO_LIST = {
    "withheld": "Withheld: no list is shown under this story.",
    "not_computed": "No list yet: this story is published after the moment that the lists are for.",
}
PARTS = {  # families of features, and components
    "words": ("Words", "Both use the same words."),
    "title": ("Headlines", "The headlines are about the same thing."),
    "lead": ("Beginnings", "Both begin alike."),
    "names": ("People, places", "Both name the same people, places or bodies."),
    "standing": ("Stands out", "Few other stories are as close to the story."),
    "hubness": ("Specific", "The item is close to few stories, not to many."),
    "embedding": ("Meaning", "Both are close in meaning."),
    "time": ("Time", "Both were published close together."),
    "section": ("Section", "Both are in the same section."),
    "dense": ("Alike in meaning", "The cosine of the vectors."),
    "lexical": ("Alike in words", "The cosine of the words over the whole texts."),
    "relevance": ("Relevance", "How well the item goes with the story."),
    "freshness": ("Freshness", "What age leaves of the relevance; 1 = all."),
    "boost": ("Boost", "The factor of the rules; 1 = none."),
}
_NEARLY_ALIKE = 85  # per cent of two headlines, their words sorted, from which on both may report one event
_MAX_BARS, _MIN_CONTRIBUTION = 5, 0.005  # families of features that are shown
_MAX_REJECTED = 20  # candidates that are shown of one rule
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LINK = re.compile(r"https?://[^\s\x00-\x20]+", re.IGNORECASE)


def templates(*loaders: BaseLoader, **values: Any) -> Environment:
    """Load the templates, those of `loaders` first, with values for every page."""
    environment = Environment(
        loader=ChoiceLoader([*loaders, FileSystemLoader(STATIC.parent / "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "label": lru_cache(maxsize=1 << 16)(time_label),
        "stamp": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z",
        "moment": lambda value: datetime.fromisoformat(value) if isinstance(value, str) else value,
        "safe_link": safe_link,
        "headline": headline,
        "reasons_of": _sentence,
        "spaced": spaced,
        "strongest": _strongest,
        "apart": _apart,
        "part": lambda name: PARTS.get(name, (name, "")),
        "components": _components,
        "state_names": STATES,
        "no_list": _NO_LIST,
        "acts_on": None,
        "filter_address": "",
        "language": "",
        "ask_rejected": None,
        "pin_in": None,
        **values,
    }
    return environment


def comparison_page(comparison: Comparison) -> bytes:
    """Return the comparison of two versions as an HTML page that loads no other file."""
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    page = templates(address=lambda article_id: "").get_template("compared.html")  # without links to stories
    return page.render(found=comparison, style=style).encode(errors="replace")


def time_label(moment: datetime | None) -> str:
    """Return a time as readers see it, in UTC; midnight counts as a date without a time.

    Examples
    --------
    >>> time_label(datetime(2026, 5, 7, 8, 5)), time_label(datetime(2026, 5, 7)), time_label(None)
    ('7 May 2026, 08:05', '7 May 2026', 'Undated')
    """
    if moment is None:
        return "Undated"
    day = f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    return f"{day}, {moment:%H:%M}" if (moment.hour, moment.minute) != (0, 0) else day


def safe_link(url: str | None) -> str:
    """Return a URL if its scheme is safe to follow, else an empty string.

    Examples
    --------
    >>> safe_link("https://news.example/1"), safe_link("javascript:alert(1)")
    ('https://news.example/1', '')
    """
    return url if url and _LINK.fullmatch(url) else ""


def headline(shown: Story | Recommendation, article_id: str) -> str:
    """Return the title of an item, else its first line, else its id."""
    return shown.title or shown.line or article_id


def spaced(section: str) -> str:
    """Return the name of a section with spaces.

    Examples
    --------
    >>> spaced("supreme_court")
    'supreme court'
    """
    return section.replace("_", " ")


def story_values(read_next: ReadNext, rejected: Iterable[Rejected] | None) -> dict[str, Any]:
    """Return the values that the page of a story shows."""
    items = (*read_next.items, *read_next.reserves)
    return {
        "found": read_next,
        "parts": [
            (is_more, list(part)) for is_more, part in groupby(read_next.items, lambda item: item.source in MORE)
        ],
        "article_id": read_next.article_id,
        "warnings": warnings_of(
            headline(read_next.story, read_next.article_id) if read_next.story else "",
            read_next.status,
            read_next.k,
            [headline(item, item.article_id) for item in read_next.items],
        ),
        "scale": max((abs(value) for item in items for value in item.contributions.values()), default=1.0) or 1.0,
        "rejected": None if rejected is None else _by_rule(rejected),
    }


def _sentence(item: Recommendation) -> str:
    text = reasons_of(item)
    return text[:1].upper() + text[1:]


def _strongest(item: Recommendation) -> list[tuple[str, float]]:
    """Return the families with the largest contributions to the score of an item, positive ones first."""
    shown = [part for part in item.contributions.items() if abs(part[1]) >= _MIN_CONTRIBUTION]
    largest = sorted(shown, key=lambda part: -abs(part[1]))[:_MAX_BARS]
    return sorted(largest, key=lambda part: -part[1])


def _components(item: Recommendation) -> list[tuple[str, float]]:
    """Return the components of a score without factors of 1."""
    return [
        (name, value) for name, value in item.components.items() if name not in ("freshness", "boost") or value != 1
    ]


def _apart(read_next: ReadNext, item: Recommendation) -> str:
    """Describe the time between a story and an item, unless a reason does so."""
    published = None if read_next.story is None else read_next.story.published_at
    if published is None or item.published_at is None:
        return ""
    text = apart_text(int((item.published_at - published).total_seconds() // 3600))
    return "" if any(text in reason.text for reason in item.reasons) else text


def _by_rule(rejected: Iterable[Rejected]) -> list[dict[str, Any]]:
    """Group rejected candidates by the rule that rejects them."""
    by_rule: dict[str, list[Rejected]] = {}
    for candidate in rejected:
        by_rule.setdefault(candidate.rule, []).append(candidate)
    labels = rule_labels()
    return [
        {
            "rule": labels.get(rule, rule),
            "remedy": remedy(rule),
            "shown": candidates[:_MAX_REJECTED],
            "more": len(candidates[_MAX_REJECTED:]),
        }
        for rule, candidates in by_rule.items()
    ]


def warnings_of(title: str, status: str, k: int, items: Sequence[str]) -> str:
    """Describe what an editor should check in a list, by the titles of its items; '' for nothing.

    Examples
    --------
    >>> warnings_of("Ferry aground", "short", 3, ["Ferry aground", "Opera"])
    '1 place empty, its own headline again'
    >>> warnings_of("Opera", "ok", 2, ["Ferry runs aground in fog", "In fog ferry runs aground"])
    'two headlines nearly alike'
    """
    if status in _NO_LIST:
        return ""
    story_title, titles = title.casefold(), [item.casefold() for item in items]
    pairs = combinations(dict.fromkeys((story_title, *titles)), 2)
    has_similar = any(token_sort_ratio(*pair, score_cutoff=_NEARLY_ALIKE) for pair in pairs)
    empty = k - len(items)
    warnings = [
        f"{empty} place{'s' * (empty > 1)} empty" if empty > 0 else "",
        "one headline twice" if len(set(titles)) < len(titles) else "",
        "its own headline again" if story_title in titles else "",
        "two headlines nearly alike" if has_similar else "",
    ]
    return ", ".join(filter(None, warnings))
