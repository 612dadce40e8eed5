"""The stories of one version, to be found by words, section, age and state of their list."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from recommender.lists.readnext import MORE
from recommender.preview.pages import STATES, warnings_of
from recommender.publishing import PublishedLists
from recommender.publishing.comparison import all_records

SORTS = {
    "newest": "n",
    "oldest": "n DESC",
    "weakest": "own, n",
    "warned": "warnings = '', n",
    "title": "title COLLATE NOCASE, n",
    "section": "section = '', section COLLATE NOCASE, n",
    "outlet": "outlet = '', outlet COLLATE NOCASE, n",
}
WARNED = "warned"
"""Asked for as a status: lists that somebody should look at."""
_LISTED = ("ok", "filled", "short", "empty")
_WORD = re.compile(r"\w+")
_ALIKE, _SPELLINGS = 0.7, 5  # of a word that no headline has: least likeness, and words that are taken for it
_MOST_WORDS = 20  # of a search
_MOST_SHOWN = 8  # items that stand in most lists
_SCHEMA = """
CREATE TABLE stories (n INTEGER PRIMARY KEY, id TEXT, title TEXT, section TEXT, published TEXT, status TEXT,
    own INTEGER, more INTEGER, places INTEGER, outlet TEXT, warnings TEXT);
CREATE INDEX by_section ON stories (section, n);
CREATE INDEX by_outlet ON stories (outlet, n);
CREATE INDEX by_title ON stories (title COLLATE NOCASE, n);
CREATE INDEX by_status ON stories (status, n);
CREATE INDEX by_id ON stories (id);
CREATE VIRTUAL TABLE words USING fts5 (title, id, content='', tokenize='unicode61 remove_diacritics 2', prefix='2 3');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, col);
"""
_SHOWN = "id, title, section, published, status, own, more, places, outlet, warnings"
_COLUMNS = ("id", "title", "section", "published_at", "status", "related", "more", "k", "outlet", "warnings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which stories are asked for.

    Attributes
    ----------
    text : str
        Words, or beginnings of words, of the headline; or an id.
    section, status, outlet : str or None
    days : int or None
        Published at most so many days before the moment that the lists are for.
    sort : str
        One of `SORTS`.
    limit, offset : int
    """

    text: str = ""
    section: str | None = None
    status: str | None = None
    outlet: str | None = None
    days: int | None = None
    sort: str = "newest"
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Stories that were found.

    Attributes
    ----------
    version : str
    total : int
    rows : list of dict
        id, title, section, published_at, status, related, more, k, outlet, warnings.
    meant : list of str
        Words that were taken for those given, which no headline has.
    """

    version: str
    total: int
    rows: list[dict[str, Any]]
    meant: list[str]


class Stories:
    """All stories of one version, in a database in memory.

    Parameters
    ----------
    lists : PublishedLists
        The version; what editors decide later is not in the figures, and leaves the rows.

    Attributes
    ----------
    most_shown : list of ((str, str), int)
        Id and headline of the items that stand in most lists, and in how many.
    sections, statuses, outlets : dict of str to int
    places, filled, empty_places : int
        Places of all lists, those that the next best fills, and those that stayed empty.
    warned : int
        Lists that somebody should look at.
    """

    def __init__(self, lists: PublishedLists) -> None:
        self.lists = lists
        self._lock = Lock()
        self._memory = sqlite3.connect(":memory:", check_same_thread=False)
        self._memory.executescript(_SCHEMA)
        rows, shown = [], Counter[tuple[str, str]]()
        for record in all_records(lists):
            rows.append(_row(record))
            shown.update((item["article_id"], item["title"] or item["line"]) for item in record["items"])
        self.most_shown = shown.most_common(_MOST_SHOWN)
        rows.sort(key=lambda row: row[0])
        rows.sort(key=lambda row: row[3] or "", reverse=True)  # the newest first, those without a date last
        with self._memory:
            numbered = [(number, *row) for number, row in enumerate(rows, 1)]
            self._memory.executemany("INSERT INTO stories VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", numbered)
            words = ((number, row[1], row[0]) for number, row in enumerate(rows, 1))
            self._memory.executemany("INSERT INTO words (rowid, title, id) VALUES (?, ?, ?)", words)
            self._memory.execute("INSERT INTO words (words) VALUES ('optimize')")
        spelled = self._memory.execute("SELECT term FROM vocabulary WHERE col = 'title' ORDER BY cnt DESC, term")
        self._vocabulary: list[str] = [word for (word,) in spelled]  # of two that are as near the commoner is meant
        self.sections, self.outlets = dict(self._counted("section")), dict(self._counted("outlet"))
        self.statuses = {name: count for name, count in self._counted("status") if name in STATES}
        self.warned = sum(bool(row[9]) for row in rows)
        self.filled = sum(row[6] for row in rows)
        self.places = sum(row[7] for row in rows if row[4] in _LISTED)
        self.empty_places = sum(row[7] - row[5] - row[6] for row in rows if row[4] in _LISTED)

    @property
    def count(self) -> int:
        """How many stories there are."""
        return sum(self.statuses.values())

    def find(self, wanted: Wanted) -> Found:
        """Find the stories that hold every word, the newest first; spelled nearly so, if none does."""
        with self._lock:
            words = list(dict.fromkeys(_WORD.findall(_plain(wanted.text))))[:_MOST_WORDS]
            meant: list[str] = []
            match = " ".join(f'"{word}"*' for word in words)
            total, rows = self._found(wanted, match)
            # scripts without spaces have no beginnings of words; Thai is the first of them
            if words and not total and max(wanted.text) >= "\u0e00":
                total, rows = self._found(wanted, "", like=wanted.text)
            if words and not total:
                match, meant = self._nearly(words)
                total, rows = self._found(wanted, match) if match else (0, [])
        self.lists.overlay.refresh()
        hidden = self.lists.overlay.hidden
        told = [dict(zip(_COLUMNS, row, strict=True)) for row in rows if row[0] not in hidden]
        return Found(version=self.lists.version, total=total - len(rows) + len(told), rows=told, meant=meant)

    def weak(self, count: int) -> list[dict[str, Any]]:
        """Find the newest stories of whose list less than half is related."""
        hidden = self.lists.overlay.hidden
        with self._lock:
            rows = self._memory.execute(
                f"""
                SELECT {_SHOWN} FROM stories
                WHERE status IN ('ok', 'filled', 'short', 'empty') AND own * 2 < places ORDER BY n LIMIT ?""",
                [count + len(hidden)],
            ).fetchall()
        return [dict(zip(_COLUMNS, row, strict=True)) for row in rows if row[0] not in hidden][:count]

    def _found(self, wanted: Wanted, match: str, like: str = "") -> tuple[int, list[tuple[Any, ...]]]:
        where, values = ["1"], list[Any]()
        if match:
            where.append("n IN (SELECT rowid FROM words WHERE words MATCH ?)")
            values.append(match)
        if like:
            where.append("(instr(lower(title), lower(?)) OR id = ?)")
            values += [like.strip()] * 2
        for column, value in (("section", wanted.section), ("status", wanted.status), ("outlet", wanted.outlet)):
            if column == "status" and value == WARNED:
                where.append("warnings != ''")
            elif value:
                where.append(f"{column} = ?")
                values.append(value)
        if wanted.days is not None and self.lists.as_of is not None:
            where.append("published >= ?")
            values.append((self.lists.as_of - timedelta(days=wanted.days)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        condition = " AND ".join(where)
        (total,) = self._memory.execute(f"SELECT count(*) FROM stories WHERE {condition}", values).fetchone()
        query = f"""
            SELECT {_SHOWN} FROM stories WHERE {condition}
            ORDER BY {SORTS[wanted.sort]} LIMIT ? OFFSET ?"""
        return total, self._memory.execute(query, [*values, wanted.limit, wanted.offset]).fetchall()

    def _nearly(self, words: list[str]) -> tuple[str, list[str]]:
        """Make a query of words of headlines that are spelled nearly as those given; also gives the first of each."""
        parts, meant = [], []
        # all words at once: that compares several words of headlines by one instruction
        likeness = cdist(words, self._vocabulary, scorer=OSA.normalized_similarity, score_cutoff=_ALIKE)
        for row in likeness:
            near = np.flatnonzero(row)
            alike = [self._vocabulary[place] for place in near[np.argsort(-row[near], kind="stable")[:_SPELLINGS]]]
            if not alike:
                return "", []
            parts.append("(" + " OR ".join(f'"{one}"' for one in alike) + ")")
            meant.append(alike[0])
        return " AND ".join(parts), meant

    def _counted(self, column: str) -> list[tuple[str, int]]:
        query = f"SELECT {column}, count(*) FROM stories WHERE {column} != '' GROUP BY {column} ORDER BY {column}"
        return self._memory.execute(query).fetchall()

    def close(self) -> None:
        """Give the memory of the search index back."""
        with self._lock, closing(self._memory):
            pass


def _row(record: dict[str, Any]) -> tuple[Any, ...]:
    story = record.get("story") or {"title": "", "section": None, "published_at": None, "line": ""}
    published = story["published_at"]
    if isinstance(published, datetime):
        published = published.strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = [(item["title"] or item["line"], item["source"]) for item in record["items"]]
    more = sum(source in MORE for _, source in shown)
    title = story["title"] or story["line"] or record["article_id"]
    warnings = warnings_of(title, record["status"], record["k"], [one for one, _ in shown])
    told = (record["status"], len(shown) - more, more, record["k"], story.get("outlet") or "", warnings)
    return record["article_id"], title, story["section"] or "", published, *told


def _plain(text: str) -> str:
    """Drop accents and case of a text."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(one for one in decomposed if not unicodedata.combining(one)).casefold()
