"""HTML pages -> a row each: their JSON-LD, the metadata of their head, and their article; or those of their tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from recommender.reading.formats.file import File
from recommender.reading.formats.html_table import rows_of_tables
from recommender.reading.formats.rows import BadRow, Rows
from recommender.reading.formats.wrappers import rows_within

_MAX_TAGS = 50_000  # lexbor is quadratic in nesting
_META_FIELDS = {
    name: field
    for field, names in {
        "title": "og:title twitter:title parsely-title",
        "description": "og:description description",
        "image": "og:image",
        "url": "og:url",
        "site_name": "og:site_name",
        "published_at": "article:published_time og:article:published_time date dc.date parsely-pub-date pubdate "
        "publishdate publish-date dc.date.issued dcterms.issued sailthru.date",
        "updated_at": "article:modified_time og:updated_time lastmod dc.date.modified dcterms.modified",
        "section": "article:section parsely-section",
        "author": "article:author author byl dc.creator parsely-author sailthru.author",
        "language": "og:locale",
        "robots": "robots",
    }.items()
    for name in names.split()
}
_META_TAGS = ("article:tag", "og:article:tag", "news_keywords", "keywords", "parsely-tags")
_STORY_TYPES = ("article", "news", "newsarticle")  # of Open Graph
_STORY_MARKS = (
    "[itemprop=articleBody]:not(meta)",
    "[itemtype$=Article], [itemtype$=BlogPosting]",
    "body.single-post",
    ".h-entry",
)
_MICROFORMAT = {"description": ".p-summary", "author": ".p-author", "url": "a.p-canonical, a.u-url"}  # of .h-entry
_DATE_ELEMENTS = (
    "[itemprop=datePublished]",
    "time.published",
    "article time[datetime]",
    "main time[datetime]",
    "time[datetime]",
)
_BODY_ELEMENTS = (
    "[itemprop=articleBody]:not(meta)",
    "article .article-body, article .entry-content, article .story-body, article .post-content, .h-entry .e-content",
    "article",
    ".article-body, .entry-content, .story-body, .post-content",
    "main",
)
_SCRIPT_FRAME = re.compile(r"\A\s*(?://\s*)?<!(?:\[CDATA\[|--)|(?://\s*)?(?:\]\]|--)>\s*\Z|;\s*\Z")
_LISTS = ("ItemList", "BreadcrumbList")  # of what a page leads to
_NO_TEXT = "script,style,nav,footer,aside,figure,noscript,template"
_NOT_OF_BODY = "header,form,h1,:not(p) > time[datetime]"
_MIN_PARAGRAPH, _MIN_ARTICLE = 40, 200  # characters of a paragraph of running text, and of an article
_MAX_STUB = 600  # characters: a shorter body in JSON-LD may only be the beginning
# field of the head -> the name that JSON-LD has for it
_JSON_LD_TEXTS = {"title": "headline", "published_at": "datePublished", "updated_at": "dateModified"}
_JSON_LD_NAMES = {"section": "articleSection", "language": "inLanguage", "tags": "keywords"}


def rows_of_page(file: File) -> Rows:
    """Read the story of a page; one that is no story, nor has tables of stories, is of type `webpage`."""
    with file.utf8() as stream:
        data = stream.read(file.limits.max_line_bytes + 1)
    if len(data) > file.limits.max_line_bytes:
        yield 1, BadRow(f"a page longer than {file.limits.max_line_bytes:,} bytes (reading.max_line_bytes)")
    elif data.count(b"<") > _MAX_TAGS:
        yield 1, BadRow(f"more than {_MAX_TAGS:,} HTML tags in one page")
    elif data.strip():
        if file.name.suffix.lower() in (".json", ".xml", ".csv"):
            file.note("files are pages of HTML, maybe of an error, whatever their names say", file.name.name)
        tree = LexborHTMLParser(data.decode(errors="replace").replace("\x00", ""))
        row = _row_of_page(tree, file.story_name)
        rows = list(rows_of_tables(tree)) if row.get("type") == "webpage" else []
        yield from rows or [(1, row)]


def _row_of_page(tree: LexborHTMLParser, name: str) -> dict[str, Any]:
    head = _read_head(tree)
    article = _json_ld_article(tree)
    is_story = head.pop("og:type", None) in _STORY_TYPES or "published_at" in head or _is_marked_as_story(tree)
    if article is None and not is_story:
        # not by its address: a page next to a story may name that of the story
        return {"id": name, "title": head.get("title"), "type": "webpage"}
    if "published_at" not in head and (date := _find_date(tree)):
        head["published_at"] = date
    row = _merge_head(article, head) if article else {"id": head.get("url") or name, **head}
    text = str((article or {}).get("articleBody") or (article or {}).get("text") or "")
    if len(text) < _MAX_STUB and (body := _find_body(tree)) is not None and len(body.text()) > 2 * len(text):
        row["articleBody"] = body.html
    if name.startswith("draft_") and tree.css_first(".h-entry") is not None:  # of Medium
        row["status"] = "draft"
    if not row.get("url") and not row.get("@id") and "id" not in row:
        row["id"] = name
    return row


def _merge_head(article: dict[str, Any], head: dict[str, Any]) -> dict[str, Any]:
    """Add what only the head says to the article of JSON-LD, under the names that the adapter of JSON-LD reads."""
    row = dict(article)
    for field, value in head.items():
        name = _JSON_LD_TEXTS.get(field, field)
        if not article.get(name) and not article.get(_JSON_LD_NAMES.get(name, name)):
            row[name] = value
    return row


def _read_head(tree: LexborHTMLParser) -> dict[str, Any]:
    fields, tags = _read_meta(tree)
    if "title" not in fields and (title := _find_title(tree)):
        fields["title"] = title
    if site := fields.get("site_name"):
        ending = re.fullmatch(rf"(.*\S)\s+[-–—|•·]\s+{re.escape(site)}", fields.get("title", ""), re.IGNORECASE)
        if ending:
            fields["title"] = ending[1]
    entries = tree.css(".h-entry")
    for field, selector in _MICROFORMAT.items() if len(entries) == 1 else ():
        if (node := entries[0].css_first(selector)) is not None:
            value = node.attributes.get("href") if field == "url" else " ".join(node.text().split())
            fields.setdefault(field, value or "")
    canonical, page = tree.css_first("link[rel=canonical]"), tree.css_first("html")
    if canonical is not None and (address := (canonical.attributes.get("href") or "").strip()):
        fields["url"] = address
    if page is not None and page.attributes.get("lang"):
        fields["language"] = page.attributes["lang"]
    if tags:
        fields["tags"] = list(dict.fromkeys(filter(None, tags)))
    return fields


def _read_meta(tree: LexborHTMLParser) -> tuple[dict[str, Any], list[str]]:
    fields: dict[str, Any] = {}
    tags: list[str] = []
    for node in tree.css("meta"):
        key = (node.attributes.get("property") or node.attributes.get("name") or "").strip().casefold()
        value = (node.attributes.get("content") or "").strip()
        if not value:
            continue
        if key in _META_TAGS:
            is_list = "keywords" in key or "parsely" in key
            tags += [tag.strip() for tag in value.split(",")] if is_list else [value]
        elif key == "og:type":
            fields.setdefault(key, value.casefold())
        elif key in _META_FIELDS and not (_META_FIELDS[key] == "author" and urlsplit(value).scheme):  # of a profile
            fields.setdefault(_META_FIELDS[key], value)
    return fields, tags


def _find_title(tree: LexborHTMLParser) -> str | None:
    """Find the title of a page: of its heading where the title begins with that, as the name of the site may follow."""
    title = tree.css_first("title")
    text = " ".join(title.text().split()) if title is not None else ""
    if not text:
        return None
    headings = (" ".join(node.text().split()) for node in tree.css("h1"))
    return next((heading for heading in headings if heading and text.startswith(heading)), text)


def _json_ld_article(tree: LexborHTMLParser) -> dict[str, Any] | None:
    for row in _json_ld_rows(tree):
        main = row.get("mainEntity")
        if isinstance(main, Mapping) and main.get("headline"):  # of a WebPage
            row = dict(main)
        if any(word in str(row.get("@type")) for word in ("Article", "BlogPosting")):
            return row
    return None


def _json_ld_rows(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    for node in tree.css('script[type="application/ld+json"]'):
        try:
            value = json.loads(_SCRIPT_FRAME.sub("", node.text(deep=True)), strict=False)
        except (ValueError, RecursionError):
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and item.get("@type") not in _LISTS:
                yield from (dict(row) for row in rows_within(item) if isinstance(row, Mapping))


def _is_marked_as_story(tree: LexborHTMLParser) -> bool:
    """Check whether the elements of a page say that it is one story, no list of several."""
    return any(len(tree.css(selector)) == 1 for selector in _STORY_MARKS)


def _find_date(tree: LexborHTMLParser) -> str | None:
    for selector in _DATE_ELEMENTS:
        for node in tree.css(selector):
            value = node.attributes.get("datetime") or node.attributes.get("content")
            if value:
                return value.strip()
    return None


def _find_body(tree: LexborHTMLParser) -> LexborNode | None:
    """Find the element of the article in a page, and remove what stands next to the text."""
    for node in tree.css(_NO_TEXT):
        node.decompose()
    body, size = _densest_element(tree)
    for selector in _BODY_ELEMENTS:
        nodes: list[LexborNode] = tree.css(selector)
        longest = max(nodes, key=lambda node: len(node.text()), default=None)
        if longest is not None and 2 * len(longest.text()) > size:
            body = longest
            break
    for node in body.css(_NOT_OF_BODY) if body is not None else ():
        node.decompose()
    return body


def _densest_element(tree: LexborHTMLParser) -> tuple[LexborNode | None, float]:
    """Find the element with the most text in paragraphs of its own; those of its children count half."""
    sizes: dict[int, float] = {}
    nodes: dict[int, LexborNode] = {}
    for paragraph in tree.css("p"):
        size: float = len(paragraph.text().strip())
        node = paragraph.parent
        for _ in range(2 if size >= _MIN_PARAGRAPH else 0):
            if node is None:
                break
            nodes[node.mem_id] = node
            sizes[node.mem_id] = sizes.get(node.mem_id, 0) + size
            node, size = node.parent, size / 2
    best = max(sizes, key=sizes.__getitem__, default=None)
    return (nodes[best], sizes[best]) if best is not None and sizes[best] >= _MIN_ARTICLE else (None, 0)
