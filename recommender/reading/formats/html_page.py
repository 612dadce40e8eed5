"""HTML pages -> a row each: their JSON-LD, what their head says for others to show, and their article."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from selectolax.lexbor import LexborHTMLParser, LexborNode

from recommender.reading.formats.file import File
from recommender.reading.formats.rows import BadRow, Rows
from recommender.reading.formats.wrappers import rows_within

_MOST_TAGS = 50_000  # lexbor is quadratic in nesting
_HEAD = {
    "og:title": "title",
    "twitter:title": "title",
    "og:description": "description",
    "description": "description",
    "og:image": "image",
    "og:url": "url",
    "og:site_name": "site_name",
    "article:published_time": "published_at",
    "article:modified_time": "updated_at",
    "article:section": "section",
    "article:author": "author",
    "author": "author",
    "og:article:published_time": "published_at",
    "date": "published_at",
    "dc.date": "published_at",
    "parsely-pub-date": "published_at",
    "parsely-section": "section",
    "parsely-title": "title",
}
_TAGS = ("article:tag", "og:article:tag", "news_keywords", "keywords", "parsely-tags")
_BODIES = (
    "[itemprop=articleBody]",
    "article .article-body, article .entry-content, article .story-body, article .post-content",
    "article",
    ".article-body, .entry-content, .story-body, .post-content",
    "main",
)
_BESIDE = "script,style,nav,header,footer,aside,form,figure,noscript,template,h1"


def rows_of_page(file: File) -> Rows:
    """Read the story of a page; a page that does not say that it is a story is of type `webpage`."""
    with file.utf8() as stream:
        data = stream.read(file.limits.max_line_bytes + 1)
    if len(data) > file.limits.max_line_bytes:
        yield 1, BadRow(f"a page longer than {file.limits.max_line_bytes:,} bytes (reading.max_line_bytes)")
    elif data.count(b"<") > _MOST_TAGS:
        yield 1, BadRow(f"more than {_MOST_TAGS:,} HTML tags in one page")
    elif data.strip():
        tree = LexborHTMLParser(data.decode(errors="replace").replace("\x00", ""))
        yield 1, _row(tree, file.called or file.name.name)


def _row(tree: LexborHTMLParser, name: str) -> dict[str, Any]:
    head = _head(tree)
    told = _article(tree)
    if told is None and head.pop("og:type", None) != "article" and "published_at" not in head:
        # not by its address: a page beside a story may name that of the story
        return {"id": name, "title": head.get("title"), "type": "webpage"}
    head.pop("og:type", None)
    row = {**told} if told is not None else {}
    has_body = bool(row.get("articleBody") or row.get("text"))
    if row:  # an adapter reads the rest by its own names
        names = {"title": "headline", "published_at": "datePublished", "updated_at": "dateModified"}
        more = {names.get(key, key): value for key, value in head.items()}
        named = {"section": "articleSection", "language": "inLanguage", "tags": "keywords"}
        row |= {key: value for key, value in more.items() if not row.get(key) and not row.get(named.get(key, key))}
    else:
        row = {"id": head.get("url") or name, **head}
    if not has_body and (body := _body(tree)):
        row["articleBody"] = body
    if not row.get("url") and not row.get("@id") and "id" not in row:
        row["id"] = name
    return row


def _head(tree: LexborHTMLParser) -> dict[str, Any]:
    """Read what the head says of the page."""
    found: dict[str, Any] = {}
    tags: list[str] = []
    for node in tree.css("meta"):
        key = (node.attributes.get("property") or node.attributes.get("name") or "").strip().casefold()
        value = (node.attributes.get("content") or "").strip()
        if not value:
            continue
        if key in _TAGS:
            tags += [one.strip() for one in value.split(",")] if "keywords" in key or "parsely" in key else [value]
        elif key == "og:type":
            found.setdefault(key, value.casefold())
        elif key in _HEAD:
            found.setdefault(_HEAD[key], value)
    author = found.get("author", "")
    if urlsplit(author).scheme:  # of a page of theirs
        del found["author"]
    title, canonical, page = tree.css_first("title"), tree.css_first("link[rel=canonical]"), tree.css_first("html")
    if title is not None and title.text().strip():
        found.setdefault("title", title.text().strip())
    if canonical is not None and (address := (canonical.attributes.get("href") or "").strip()):
        found["url"] = address
    if page is not None and page.attributes.get("lang"):
        found.setdefault("language", page.attributes["lang"])
    return {**found, **({"tags": list(dict.fromkeys(filter(None, tags)))} if tags else {})}


def _article(tree: LexborHTMLParser) -> dict[str, Any] | None:
    """Find the article that the page describes in JSON-LD, if it does."""
    for node in tree.css('script[type="application/ld+json"]'):
        try:
            value = orjson.loads(node.text(deep=True).strip())
        except orjson.JSONDecodeError:
            continue
        for one in value if isinstance(value, list) else [value]:
            for row in rows_within(one) if isinstance(one, dict) else ():
                kind = row.get("@type") if isinstance(row, Mapping) else None
                if any(word in str(kind) for word in ("Article", "BlogPosting")):
                    return dict(row)
    return None


def _body(tree: LexborHTMLParser) -> str | None:
    """Find the markup of the article in a page, without what stands beside it."""
    for selector in _BODIES:
        nodes: list[LexborNode] = tree.css(selector)
        if nodes:
            node = max(nodes, key=lambda one: len(one.text()))
            for beside in node.css(_BESIDE):
                beside.decompose()
            return node.html
    return None
