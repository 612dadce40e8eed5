"""The search for stories of one version by words, section, age and status of their list."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections import Counter
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
"""The status by which a search finds lists with warnings."""
_LISTED = ("ok", "filled", "short", "empty")
_WORD = re.compile(r"\w+")
_MIN_SIMILARITY, _MAX_SPELLINGS = 0.7, 5  # of the words that replace one which no headline has
_MAX_WORDS = 20  # of a search
_MOST_SHOWN = 8  # items that are in most lists
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
class StoryQuery:
    """A search for stories."""

    text: str = ""  # words, or beginnings of words, of the headline; or an id
    section: str | None = None
    status: str | None = None
    outlet: str | None = None
    days: int | None = None  # greatest age at the moment that the lists are for
    sort: str = "newest"  # a key of `SORTS`
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Stories that were found."""

    version: str
    total: int
    rows: list[dict[str, Any]]  # those of one page, by the names of `_COLUMNS`
    meant: list[str]  # words that were searched for instead of given words that no headline has


class Stories:
    """All stories of one version, in a database in memory.

    Later decisions of editors remove rows, but do not change the figures.
    """

    def __init__(self, lists: PublishedLists) -> None:
        self.lists = lists
        self._lock = Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.executescript(_SCHEMA)
        rows, shown = [], Counter[tuple[str, str]]()
        for record in all_records(lists):
            rows.append(_row(record))
            shown.update((item["article_id"], item["title"] or item["line"]) for item in record["items"])
        self.most_shown = shown.most_common(_MOST_SHOWN)  # id and headline of the items in the most lists, with counts
        rows.sort(key=lambda row: row[0])
        rows.sort(key=lambda row: row[3] or "", reverse=True)  # the newest first, those without a date last
        with self._database:
            numbered = [(number, *row) for number, row in enumerate(rows, 1)]
            self._database.executemany("INSERT INTO stories VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", numbered)
            words = ((number, row[1], row[0]) for number, row in enumerate(rows, 1))
            self._database.executemany("INSERT INTO words (rowid, title, id) VALUES (?, ?, ?)", words)
            self._database.execute("INSERT INTO words (words) VALUES ('optimize')")
        spelled = self._database.execute("SELECT term FROM vocabulary WHERE col = 'title' ORDER BY cnt DESC, term")
        self._vocabulary: list[str] = [word for (word,) in spelled]  # the commoner of two equally similar words first
        self.sections, self.outlets = dict(self._count_by("section")), dict(self._count_by("outlet"))
        self.statuses = {name: count for name, count in self._count_by("status") if name in STATES}
        self.warned = sum(bool(row[9]) for row in rows)  # lists with warnings
        self.filled = sum(row[6] for row in rows)  # places that the next best fills
        self.places = sum(row[7] for row in rows if row[4] in _LISTED)

    @property
    def count(self) -> int:
        """Number of stories."""
        return sum(self.statuses.values())

    def find(self, query: StoryQuery) -> SearchResult:
        """Find the stories with all words of a query; if there are none, those with words of similar spelling."""
        with self._lock:
            words = list(dict.fromkeys(_WORD.findall(_without_accents(query.text))))[:_MAX_WORDS]
            meant: list[str] = []
            match = " ".join(f'"{word}"*' for word in words)
            total, rows = self._select(query, match)
            # Scripts without spaces, of which Thai has the lowest code, have no beginnings of words to match.
            if words and not total and max(query.text) >= "\u0e00":
                total, rows = self._select(query, "", substring=query.text)
            if words and not total:
                match, meant = self._match_similar(words)
                total, rows = self._select(query, match) if match else (0, [])
        self.lists.overlay.refresh()
        shown = _public(rows, self.lists.overlay.hidden)
        return SearchResult(version=self.lists.version, total=total - len(rows) + len(shown), rows=shown, meant=meant)

    def weak(self, count: int) -> list[dict[str, Any]]:
        """Find the newest stories with a list of which less than half is related."""
        hidden = self.lists.overlay.hidden
        with self._lock:
            rows = self._database.execute(
                f"SELECT {_SHOWN} FROM stories WHERE status IN {_LISTED} AND own * 2 < places ORDER BY n LIMIT ?",
                [count + len(hidden)],
            ).fetchall()
        return _public(rows, hidden)[:count]

    def _select(self, query: StoryQuery, match: str, substring: str = "") -> tuple[int, list[tuple[Any, ...]]]:
        """Count the stories of a query, and read the rows of its page."""
        where, values = ["1"], list[Any]()
        if match:
            where.append("n IN (SELECT rowid FROM words WHERE words MATCH ?)")
            values.append(match)
        if substring:
            where.append("(instr(lower(title), lower(?)) OR id = ?)")
            values += [substring.strip()] * 2
        for column, value in (("section", query.section), ("status", query.status), ("outlet", query.outlet)):
            if column == "status" and value == WARNED:
                where.append("warnings != ''")
            elif value:
                where.append(f"{column} = ?")
                values.append(value)
        if query.days is not None and self.lists.as_of is not None:
            where.append("published >= ?")
            values.append((self.lists.as_of - timedelta(days=query.days)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        condition = " AND ".join(where)
        (total,) = self._database.execute(f"SELECT count(*) FROM stories WHERE {condition}", values).fetchone()
        statement = f"SELECT {_SHOWN} FROM stories WHERE {condition} ORDER BY {SORTS[query.sort]} LIMIT ? OFFSET ?"
        return total, self._database.execute(statement, [*values, query.limit, query.offset]).fetchall()

    def _match_similar(self, words: list[str]) -> tuple[str, list[str]]:
        """Return a match of words of headlines that are similar to the given ones, and the most similar of each."""
        parts, meant = [], []
        # All words are compared in one call, which is vectorised.
        similarity = cdist(words, self._vocabulary, scorer=OSA.normalized_similarity, score_cutoff=_MIN_SIMILARITY)
        for row in similarity:
            similar = np.flatnonzero(row)
            best = similar[np.argsort(-row[similar], kind="stable")[:_MAX_SPELLINGS]]
            spellings = [self._vocabulary[number] for number in best]
            if not spellings:
                return "", []
            parts.append("(" + " OR ".join(f'"{spelling}"' for spelling in spellings) + ")")
            meant.append(spellings[0])
        return " AND ".join(parts), meant

    def _count_by(self, column: str) -> list[tuple[str, int]]:
        query = f"SELECT {column}, count(*) FROM stories WHERE {column} != '' GROUP BY {column} ORDER BY {column}"
        return self._database.execute(query).fetchall()


def _public(rows: list[tuple[Any, ...]], hidden: frozenset[str]) -> list[dict[str, Any]]:
    """Convert rows to dicts, without stories that nobody may see."""
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows if row[0] not in hidden]


def _row(record: dict[str, Any]) -> tuple[Any, ...]:
    story = record.get("story") or {"title": "", "section": None, "published_at": None, "line": ""}
    published = story["published_at"]
    if isinstance(published, datetime):
        published = published.strftime("%Y-%m-%dT%H:%M:%SZ")
    titles = [item["title"] or item["line"] for item in record["items"]]
    more = sum(item["source"] in MORE for item in record["items"])
    title = story["title"] or story["line"] or record["article_id"]
    warnings = warnings_of(title, record["status"], record["k"], titles)
    figures = (record["status"], len(titles) - more, more, record["k"], story.get("outlet") or "", warnings)
    return record["article_id"], title, story["section"] or "", published, *figures


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
