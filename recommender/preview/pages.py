"""What the pages of the static site and of the desk are made of: templates, and what they call."""

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

from recommender.lists.readnext import MORE, ReadNext, Recommendation, Rejected, Story
from recommender.lists.reasons import apart_text
from recommender.preview.words import reasons_of, remedy, rule_labels

STATIC = Path(__file__).parent / "static"
STATES = {
    "ok": "All related",
    "filled": "Filled up",
    "short": "Short",
    "empty": "Empty",
    "withheld": "Withheld",
    "not_computed": "Not yet public",
}
"""What each status of a list is called; those that a page of totals counts."""
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
    "hubness": ("Not generic", "The item is not close to everything."),
    "embedding": ("Meaning", "Both are close in meaning."),
    "time": ("Time", "Both were published close together."),
    "section": ("Section", "Both stand in the same section."),
    "dense": ("Alike in meaning", "The cosine of the vectors."),
    "lexical": ("Alike in words", "The cosine of the words over the whole texts."),
    "relevance": ("Relevance", "How well the item goes with the story."),
    "freshness": ("Freshness", "What age leaves of the relevance; 1 = all."),
    "boost": ("Boost", "The factor of the rules; 1 = none."),
}
_ALIKE = 85  # per cent of two headlines, their words sorted, from which on both may tell one event
_BARS, _LEAST = 5, 0.005  # families that say most, and the least that is said
_SHOWN = 20  # rejected candidates of one rule
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LINK = re.compile(r"https?://[^\s\x00-\x20]+", re.IGNORECASE)


def templates(*more: BaseLoader, **values: Any) -> Environment:
    """Load the templates, with further ones before them, and with values that every page has."""
    pages = Environment(
        loader=ChoiceLoader([*more, FileSystemLoader(STATIC.parent / "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.globals |= {
        "label": lru_cache(maxsize=1 << 16)(time_label),
        "stamp": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z",
        "moment": _moment,
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
    return pages


def time_label(moment: datetime | None) -> str:
    """Write a time as a reader sees it, in UTC; midnight is taken for a bare date.

    Examples
    --------
    >>> time_label(datetime(2026, 5, 7, 8, 5)), time_label(datetime(2026, 5, 7)), time_label(None)
    ('7 May 2026, 08:05', '7 May 2026', 'Undated')
    """
    if moment is None:
        return "Undated"
    day = f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    return f"{day}, {moment:%H:%M}" if (moment.hour, moment.minute) != (0, 0) else day


def _moment(given: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(given) if isinstance(given, str) else given


def safe_link(url: str | None) -> str:
    """Give the URL if it is one that may be followed, else nothing.

    Examples
    --------
    >>> safe_link("https://news.example/1"), safe_link("javascript:alert(1)")
    ('https://news.example/1', '')
    """
    return url if url and _LINK.fullmatch(url) else ""


def headline(shown: Story | Recommendation, article_id: str) -> str:
    """Name an item by its title, else its first line, else its id."""
    return shown.title or shown.line or article_id


def spaced(section: str) -> str:
    """Write the name of a section in words.

    Examples
    --------
    >>> spaced("supreme_court")
    'supreme court'
    """
    return section.replace("_", " ")


def story_values(found: ReadNext, rejected: Iterable[Rejected] | None) -> dict[str, Any]:
    """Gather what the page of a story shows."""
    shown = (*found.items, *found.reserves)
    return {
        "found": found,
        "parts": [(is_more, list(items)) for is_more, items in groupby(found.items, lambda item: item.source in MORE)],
        "article_id": found.article_id,
        "warnings": warnings_of(
            headline(found.story, found.article_id) if found.story else "",
            found.status,
            found.k,
            [headline(item, item.article_id) for item in found.items],
        ),
        "scale": max((abs(value) for item in shown for value in item.contributions.values()), default=1.0) or 1.0,
        "rejected": None if rejected is None else _by_rule(rejected),
    }


def _sentence(item: Recommendation) -> str:
    text = reasons_of(item)
    return text[:1].upper() + text[1:]


def _strongest(item: Recommendation) -> list[tuple[str, float]]:
    """Find the families that say most for or against an item, those that speak for it first."""
    said = [part for part in item.contributions.items() if abs(part[1]) >= _LEAST]
    loudest = sorted(said, key=lambda part: -abs(part[1]))[:_BARS]
    return sorted(loudest, key=lambda part: -part[1])


def _components(item: Recommendation) -> list[tuple[str, float]]:
    """List the components of a score; a factor of 1 says nothing."""
    return [
        (name, value) for name, value in item.components.items() if name not in ("freshness", "boost") or value != 1
    ]


def _apart(found: ReadNext, item: Recommendation) -> str:
    """Say how far an item's time is from the story's, where no reason does."""
    own = None if found.story is None else found.story.published_at
    if own is None or item.published_at is None:
        return ""
    told = apart_text(int((item.published_at - own).total_seconds() // 3600))
    return "" if any(told in reason.text for reason in item.reasons) else told


def _by_rule(rejected: Iterable[Rejected]) -> list[dict[str, Any]]:
    """Group rejected candidates by the rule that keeps them out, in words."""
    rules: dict[str, list[Rejected]] = {}
    for one in rejected:
        rules.setdefault(one.rule, []).append(one)
    labels = rule_labels()
    return [
        {"rule": labels.get(rule, rule), "remedy": remedy(rule), "shown": some[:_SHOWN], "more": len(some[_SHOWN:])}
        for rule, some in rules.items()
    ]


def warnings_of(title: str, status: str, k: int, items: Sequence[str]) -> str:
    """Say what somebody should look at in a list, by the titles of its items; '' for nothing.

    Examples
    --------
    >>> warnings_of("Ferry aground", "short", 3, ["Ferry aground", "Opera"])
    '1 place empty, its own headline again'
    >>> warnings_of("Opera", "ok", 2, ["Ferry runs aground in fog", "In fog ferry runs aground"])
    'two headlines nearly alike'
    """
    if status in _NO_LIST:
        return ""
    own, titles = title.casefold(), [one.casefold() for one in items]
    pairs = combinations(dict.fromkeys((own, *titles)), 2)
    empty = k - len(items)
    told = [
        f"{empty} place{'s' * (empty > 1)} empty" if empty > 0 else "",
        "one headline twice" if len(set(titles)) < len(titles) else "",
        "its own headline again" if own in titles else "",
        "two headlines nearly alike" if any(token_sort_ratio(*pair, score_cutoff=_ALIKE) for pair in pairs) else "",
    ]
    return ", ".join(filter(None, told))
