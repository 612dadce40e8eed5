"""`Article`, the unit of input, and the Arrow schema of a table of articles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from recommender.articles.text import teaser

TIME = pa.timestamp("us", tz="UTC")
LINK = pa.struct(
    [("target", pa.large_string()), ("anchor", pa.large_string()), ("time", TIME), ("kind", pa.large_string())]
)
UNDATED = np.iinfo(np.int64).min  # sorts before every date
DAY_US = 86_400_000_000
HOUR_US = DAY_US // 24

SCHEMA = pa.schema(
    [
        ("id", pa.large_string()),
        ("title", pa.large_string()),
        ("body", pa.large_string()),
        ("lead", pa.large_string()),
        ("section", pa.large_string()),
        ("tags", pa.large_list(pa.large_string())),
        ("language", pa.large_string()),
        ("author", pa.large_string()),
        ("source", pa.large_string()),
        ("url", pa.large_string()),
        ("image_url", pa.large_string()),
        ("published_at", TIME),
        ("updated_at", TIME),
        ("expires_at", TIME),
        ("canonical_id", pa.large_string()),
        ("access", pa.large_string()),
        ("sensitivity", pa.large_string()),
        ("kind", pa.large_string()),
        ("links", pa.large_list(LINK)),
        ("extra", pa.large_string()),  # JSON object
        ("line", pa.large_string()),  # derived: one line of text for a reader
    ]
)


@dataclass(frozen=True, slots=True)
class Link:
    """One link that an editor put into a story.

    Attributes
    ----------
    target : str
        URL or id of the story that it leads to.
    anchor : str
        The linked words; empty where they are not known.
    time : datetime or None
        When the link was set, with a time zone; None = with the story.
    kind : str or None
        A word of your own, such as 'background'.

    Examples
    --------
    >>> Link("https://courier.example/local/ferry-aground", anchor="ran aground").anchor
    'ran aground'
    """

    target: str
    anchor: str = ""
    time: datetime | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One story. Only `id` and a `title` or `body` are needed.

    Attributes
    ----------
    id : str
        Unique in the archive; the same id again is a newer version.
    title, body, lead : str
        Plain text. Empty where missing; a title alone is a valid story (video, gallery).
    tags : tuple of str
    published_at, updated_at, expires_at : datetime or None
        With a time zone.
    access : {'free', 'paid'}
    kind : str
        'news', 'live', 'opinion', 'evergreen' or a word of your own.
    links : tuple of Link
        What editors linked from its text.
    extra : mapping
        Further fields that came with the story; kept, never interpreted.

    Examples
    --------
    >>> Article(id="story-42", title="Ferry aground").access
    'free'
    """

    id: str
    title: str = ""
    body: str = ""
    lead: str = ""
    section: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    author: str | None = None
    source: str | None = None
    url: str | None = None
    image_url: str | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    canonical_id: str | None = None
    access: str = "free"
    sensitivity: str | None = None
    kind: str = "news"
    links: tuple[Link, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return the article as a row of `SCHEMA`."""
        row = {name: getattr(self, name) for name in FIELDS}
        row["links"] = [_link_row(link) for link in self.links]
        row["extra"] = _extra_text(self.extra)
        row["line"] = teaser(self.lead, self.body, title=self.title)
        return row


FIELDS = tuple(f.name for f in fields(Article))


def row_digest(row: Mapping[str, Any]) -> bytes:
    """Compute a digest of the columns of a row that came with the story."""
    values = [row[name] for name in SCHEMA.names if name != "line"]
    return hashlib.blake2b(orjson.dumps(values), digest_size=16).digest()


def to_table(articles: Iterable[Article]) -> pa.Table:
    """Convert articles to an Arrow table of `SCHEMA`."""
    articles = list(articles)
    columns: dict[str, list[Any]] = {name: [getattr(article, name) for article in articles] for name in FIELDS}
    columns["links"] = [links and [_link_row(link) for link in links] for links in columns["links"]]
    columns["extra"] = [_extra_text(extra) for extra in columns["extra"]]
    columns["line"] = [teaser(article.lead, article.body, title=article.title) for article in articles]
    return pa.Table.from_arrays([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _link_row(link: Link) -> dict[str, Any]:
    return {"target": link.target, "anchor": link.anchor, "time": link.time, "kind": link.kind}


def _extra_text(extra: Mapping[str, Any]) -> str | None:
    return orjson.dumps(dict(extra), default=str).decode() if extra else None
