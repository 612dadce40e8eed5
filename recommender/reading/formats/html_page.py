"""HTML pages -> a row each: their JSON-LD, what their head says for others to show, and their article."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

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
    "og:updated_time": "updated_at",
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
_TYPES = ("article", "news", "newsarticle")  # of Open Graph
_MARKED = (
    "[itemprop=articleBody]:not(meta)",
    "[itemtype$=Article], [itemtype$=BlogPosting]",
    "body.single-post",
    ".h-entry",
)
_DATES = "[itemprop=datePublished], time.published, article time[datetime], main time[datetime], time[datetime]"
_BODIES = (
    "[itemprop=articleBody]:not(meta)",
    "article .article-body, article .entry-content, article .story-body, article .post-content",
    "article",
    ".article-body, .entry-content, .story-body, .post-content",
    "main",
)
_FRAME = re.compile(r"\A\s*(?://\s*)?<!(?:\[CDATA\[|--)|(?://\s*)?(?:\]\]|--)>\s*\Z|;\s*\Z")  # around a script
_NO_TEXT = "script,style,nav,footer,aside,figure,noscript,template"
_BESIDE = "header,form,h1,:not(p) > time[datetime]"
_PARAGRAPH, _LEAST = 40, 200  # characters of a paragraph of running text, and of an article
_STUB = 600  # characters: a shorter body in JSON-LD may only be the beginning


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
    is_story = head.pop("og:type", None) in _TYPES or "published_at" in head or _is_marked(tree)
    if told is None and not is_story:
        # not by its address: a page beside a story may name that of the story
        return {"id": name, "title": head.get("title"), "type": "webpage"}
    if "published_at" not in head and (date := _date(tree)):
        head["published_at"] = date
    row = {**told} if told is not None else {}
    given = str(row.get("articleBody") or row.get("text") or "")
    if row:  # an adapter reads the rest by its own names
        names = {"title": "headline", "published_at": "datePublished", "updated_at": "dateModified"}
        more = {names.get(key, key): value for key, value in head.items()}
        named = {"section": "articleSection", "language": "inLanguage", "tags": "keywords"}
        row |= {key: value for key, value in more.items() if not row.get(key) and not row.get(named.get(key, key))}
    else:
        row = {"id": head.get("url") or name, **head}
    if len(given) < _STUB and (body := _body(tree)) is not None and len(body.text()) > 2 * len(given):
        row["articleBody"] = body.html
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
    if "title" not in found and title is not None and (words := " ".join(title.text().split())):
        headings = [" ".join(one.text().split()) for one in tree.css("h1")]
        found["title"] = next((one for one in headings if one and words.startswith(one)), words)
    site = found.get("site_name")
    if site and (cut := re.fullmatch(rf"(.*\S)\s+[-–—|•·]\s+{re.escape(site)}", found.get("title", ""), re.IGNORECASE)):
        found["title"] = cut[1]
    if canonical is not None and (address := (canonical.attributes.get("href") or "").strip()):
        found["url"] = address
    if page is not None and page.attributes.get("lang"):
        found.setdefault("language", page.attributes["lang"])
    return {**found, **({"tags": list(dict.fromkeys(filter(None, tags)))} if tags else {})}


def _article(tree: LexborHTMLParser) -> dict[str, Any] | None:
    """Find the article that the page describes in JSON-LD, if it does."""
    for node in tree.css('script[type="application/ld+json"]'):
        try:
            value = json.loads(_FRAME.sub("", node.text(deep=True)), strict=False)
        except (ValueError, RecursionError):
            continue
        for one in value if isinstance(value, list) else [value]:
            for row in rows_within(one) if isinstance(one, dict) else ():
                inner = row.get("mainEntity") if isinstance(row, Mapping) else None
                row = inner if isinstance(inner, Mapping) and inner.get("headline") else row  # of a WebPage
                kind = row.get("@type") if isinstance(row, Mapping) else None
                if any(word in str(kind) for word in ("Article", "BlogPosting")):
                    return dict(row)
    return None


def _is_marked(tree: LexborHTMLParser) -> bool:
    """Tell whether the elements of a page say that it is one story, no list of several."""
    return any(len(tree.css(one)) == 1 for one in _MARKED)


def _date(tree: LexborHTMLParser) -> str | None:
    """Find when a page was published, where its head does not tell."""
    for selector in _DATES.split(", "):
        for node in tree.css(selector):
            value = node.attributes.get("datetime") or node.attributes.get("content")
            if value:
                return value.strip()
    return None


def _body(tree: LexborHTMLParser) -> LexborNode | None:
    """Find the element of the article in a page, and take out of it what stands beside the text."""
    for beside in tree.css(_NO_TEXT):
        beside.decompose()
    found, letters = _together(tree)
    for selector in _BODIES:
        nodes: list[LexborNode] = tree.css(selector)
        node = max(nodes, key=lambda one: len(one.text()), default=None)
        if node is not None and 2 * len(node.text()) > letters:
            found = node
            break
    for beside in found.css(_BESIDE) if found is not None else ():
        beside.decompose()
    return found


def _together(tree: LexborHTMLParser) -> tuple[LexborNode | None, float]:
    """Find the element with the most text in paragraphs of its own; those of its children count half."""
    letters: dict[int, float] = {}
    nodes: dict[int, LexborNode] = {}
    for paragraph in tree.css("p"):
        size: float = len(paragraph.text().strip())
        node = paragraph.parent
        for _ in range(2 if size >= _PARAGRAPH else 0):
            if node is None:
                break
            nodes[node.mem_id] = node
            letters[node.mem_id] = letters.get(node.mem_id, 0) + size
            node, size = node.parent, size / 2
    best = max(letters, key=letters.__getitem__, default=None)
    return (nodes[best], letters[best]) if best is not None and letters[best] >= _LEAST else (None, 0)
