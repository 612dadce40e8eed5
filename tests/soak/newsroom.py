"""A newsroom that publishes, corrects, withdraws and restores, and knows what readers may see."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, product
from typing import Any

START = datetime(2025, 1, 1, tzinfo=UTC)
SECTIONS = ("city", "world", "sport", "culture", "money")
_WORDS = ["".join(part) for part in product(("ba", "do", "fi", "ku", "le", "mo", "ra", "si", "tu", "ne"), repeat=4)]
_THREAD_DAYS = 12  # how long a running story goes on, on average
_RECENT = 300  # stories that may still be changed


@dataclass
class Thread:
    """A running story: its words come back in each of its reports."""

    words: list[str]
    section: str


class Newsroom:
    """What happens, decided by a seed; nothing of a text is kept but that of the newest stories.

    Attributes
    ----------
    spans : dict of str to (datetime or None, datetime or None)
        Story -> its publication and expiry.
    withdrawn, withheld : set of str
    blocked : set of str
        Items that no list may hold.
    """

    def __init__(self, seed: int, stories_per_day: float) -> None:
        self._rng = random.Random(seed)
        self._per_day = stories_per_day
        self._numbers = count()
        self._threads: list[Thread] = []
        self._recent: list[dict[str, Any]] = []
        self._owed = {"new": 0.0, "changed": 0.0, "withdraw": 0.0, "restore": 0.0, "withhold": 0.0, "block": 0.0}
        self.spans: dict[str, tuple[datetime | None, datetime | None]] = {}
        self.withdrawn: set[str] = set()
        self.withheld: set[str] = set()
        self.blocked: set[str] = set()

    def hour(self, now: datetime, hours: float) -> list[dict[str, Any]]:
        """Stories that are new or changed since the last call, `hours` ago."""
        made = [self._story(now, hours) for _ in range(self._due("new", self._per_day, hours))]
        changed = self._due("changed", 0.3 * self._per_day, hours) if self._recent else 0
        made += [self._changed(self._rng.choice(self._recent), now) for _ in range(changed)]
        newest = {story["id"]: story for story in made}  # one feed tells of a story once
        for story in newest.values():
            self.spans[story["id"]] = (story.get("published_at"), story.get("expires_at"))
        held = {story["id"]: story for story in self._recent} | newest
        self._recent = list(held.values())[-_RECENT:]
        return list(newest.values())

    def decisions(self, hours: float) -> list[tuple[str, str]]:
        """(action, id) of editors since the last call."""
        ids = [story["id"] for story in self._recent]
        rate = self._per_day / 100
        found = [("withdraw", self._rng.choice(ids)) for _ in range(self._due("withdraw", 3 * rate, hours))]
        restored = self._due("restore", rate, hours)
        known = sorted(self.withdrawn)
        found += [("restore", self._rng.choice(known)) for _ in range(restored if known else 0)]
        for _ in range(self._due("withhold", 0.5 * rate, hours)):
            undo = bool(self.withheld) and self._rng.random() < 0.5
            story = self._rng.choice(sorted(self.withheld) if undo else ids)
            found.append(("release" if undo else "withhold", story))
        for _ in range(self._due("block", 0.5 * rate, hours)):
            undo = bool(self.blocked) and self._rng.random() < 0.5
            item = self._rng.choice(sorted(self.blocked) if undo else ids)
            found.append(("unblock" if undo else "block", item))
        return found

    def decided(self, action: str, article_id: str) -> None:
        """Note that a decision is in effect."""
        held = {"withdraw": self.withdrawn, "restore": self.withdrawn, "withhold": self.withheld}
        held |= {"release": self.withheld, "block": self.blocked, "unblock": self.blocked}
        (held[action].add if action in ("withdraw", "withhold", "block") else held[action].discard)(article_id)

    def public(self, article_id: str, now: datetime) -> bool:
        """Whether a story may be an item of a list made for a moment."""
        published, expires = self.spans[article_id]
        shown = article_id not in self.withdrawn and article_id not in self.blocked
        return shown and (published is None or published <= now) and (expires is None or expires > now)

    def _due(self, what: str, per_day: float, hours: float) -> int:
        self._owed[what] += per_day * hours / 24
        whole = int(self._owed[what])
        self._owed[what] -= whole
        return whole

    def _story(self, now: datetime, hours: float) -> dict[str, Any]:
        rng, number = self._rng, next(self._numbers)
        if not self._threads or rng.random() < 1 / _THREAD_DAYS:
            words = [_WORDS[int(len(_WORDS) * rng.random() ** 2)] for _ in range(14)]
            self._threads.append(Thread(words, rng.choice(SECTIONS)))
            self._threads = self._threads[-int(_THREAD_DAYS * max(self._per_day / 12, 1)) :]
        thread = rng.choice(self._threads)
        if self._recent and rng.random() < 0.02:  # the wire sends a text twice
            story = {**rng.choice(self._recent), "id": f"s{number:06d}"}
        else:
            story = {"id": f"s{number:06d}", "section": thread.section, "language": "en", **self._text(thread)}
            if rng.random() < 0.02:
                story["title"] = f"Markets at noon, {now.day} {now:%B}"
            story["kind"] = rng.choices(("news", "opinion", "live", "evergreen"), (90, 6, 3, 1))[0]
        published: datetime | None = now - timedelta(minutes=rng.randrange(max(int(60 * hours), 1)))
        if rng.random() < 0.03:
            published = now + timedelta(minutes=rng.randrange(1, 36 * 60))  # an embargo
        if rng.random() < 0.002:
            published = None
        expires = now + timedelta(hours=rng.randrange(1, 20 * 24)) if rng.random() < 0.03 else None
        return {**story, "published_at": published, "expires_at": expires, "updated_at": now}

    def _text(self, thread: Thread) -> dict[str, str]:
        rng = self._rng
        common = [_WORDS[int(len(_WORDS) * rng.random() ** 3)] for _ in range(25)]
        body = rng.choices(thread.words, k=30) + common
        rng.shuffle(body)
        return {"title": " ".join(rng.sample(thread.words, 5)).capitalize(), "body": " ".join(body)}

    def _changed(self, story: dict[str, Any], now: datetime) -> dict[str, Any]:
        rng = self._rng
        what = rng.random()
        if what < 0.4:
            words = story["body"].split()
            rng.shuffle(words)
            story = {**story, "body": " ".join(words[:-4] + rng.sample(_WORDS, 4))}
        elif what < 0.7:
            story = {**story, "title": f"{story['title']} {rng.choice(_WORDS)}"}
        elif what < 0.85:
            story = {**story, "section": rng.choice(SECTIONS)}
        else:
            story = {**story, "expires_at": now + timedelta(hours=rng.randrange(1, 200))}
        return {**story, "updated_at": now}
