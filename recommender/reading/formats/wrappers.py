"""JSON objects -> the stories that they wrap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recommender.reading.formats.rows import BadRow
from recommender.reading.names import known_names

Row = dict[str, Any]

# Where objects hold their stories; a path through objects, from the outside.
_WRAPPERS = (
    *(("response", "results"), ("response", "docs"), ("hits", "hits"), ("feed", "entry"), ("channel", "item")),
    *(("rss", "channel", "item"), ("data", "articles"), ("data", "posts"), ("data", "items"), ("@graph",)),
    *((name,) for name in ("data", "articles", "items", "results", "posts", "entries", "stories", "docs", "news")),
    *((name,) for name in ("content_elements", "records", "rows", "documents", "hits", "value", "list", "content")),
    *(
        (name,)
        for name in ("nodes", "response", "result", "payload", "item", "itemListElement", "article", "story", "objects")
    ),
    *((name,) for name in ("Items", "responses", "pages", "edges", "features")),
    *(("data", name) for name in ("stories", "results", "nodes", "edges", "children", "allPosts", "news", "content")),
    *(("response", name) for name in ("data", "articles", "items", "posts", "stories", "content")),
    *(("result", name) for name in ("data", "articles", "items", "posts", "stories", "records")),
)
_DEEPEST = 3  # objects around a list
_STORY = frozenset(
    (
        *("title", "headline", "headlines", "webTitle", "body", "text", "_source", "attributes", "fields", "name"),
        *("articleBody", "post_title", "Title", "Headline", "systemdata"),
    )
)
_TOLD = frozenset(("title", "headline", "headlines", "body", "text", "webTitle", "post_title", "id"))


def rows_within(value: Row) -> Iterator[Any]:
    """Take the stories that an object wraps out of it; the object itself where it wraps none.

    Examples
    --------
    >>> list(rows_within({"status": "ok", "data": [{"id": 1, "title": "Ferry aground"}]}))
    [{'id': 1, 'title': 'Ferry aground'}]
    >>> list(rows_within({"17": {"title": "Ferry aground"}, "18": {"title": "Storm"}}))
    [{'id': '17', 'title': 'Ferry aground'}, {'id': '18', 'title': 'Storm'}]
    """
    for wrapped in WRAPPED:
        if (found := wrapped(value)) is not None:
            for one in found:
                yield one if isinstance(one, dict) else BadRow(f"JSON {type(one).__name__}, expected an object")
            return
    yield value


def wraps_stories(value: Mapping[str, Any]) -> bool:
    """Tell whether an object wraps stories, and is none itself."""
    return next(rows_within(dict(value)), value) != value


def _columns(value: Row) -> list[Any] | None:
    """Read columns by name, as pandas writes them: lists, or objects by one index."""
    if _TOLD.isdisjoint(value) or len(value) < 2:
        return None
    columns = list(value.values())
    if all(isinstance(one, Mapping) for one in columns):
        index = list(columns[0])
        if index and all(list(one) == index for one in columns):
            return [{name: column[at] for name, column in value.items()} for at in index]
    elif all(isinstance(one, list) for one in columns) and columns[0] and len({len(one) for one in columns}) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    return None


def _itself(value: Row) -> list[Any] | None:
    """Recognise an object that is a story: it may hold lists of its own, such as `content`."""
    if isinstance(value.get("data"), list) and isinstance(value.get("included"), list):
        return None
    return [value] if not _STORY.isdisjoint(value) and not _is_feed(value) else None


def _is_feed(value: Row) -> bool:
    """Tell whether a title is that of a feed or of a list."""
    lists = ("items", "entries", "articles", "results", "posts", "stories", "itemListElement", "@graph", "docs")
    held = [value[name] for name in lists if _objects(value.get(name))]
    if value.get("id") is not None and "@graph" not in value and "version" not in value:
        held = [some for some in held if all(_is_told(one) for one in some)]  # not what a story only leads to
    return bool(held) and not any(
        value.get(name) for name in ("body", "text", "content_html", "content_text", "articleBody")
    )


def _is_told(value: Row) -> bool:
    fields = known_names(value)
    return "title" in fields and not fields.isdisjoint(("body", "published_at"))


def _objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _ghost(value: Row) -> list[Any] | None:
    """Read posts of a Ghost export, with the names of their tags and authors."""
    parts = value.get("db")
    if not isinstance(parts, list):
        parts = [value] if isinstance(value.get("data"), Mapping) and "meta" in value else None
    if parts is None:
        return None
    found: list[Any] = []
    for part in parts:
        data = part.get("data") if isinstance(part, Mapping) else None
        posts = data.get("posts") if isinstance(data, Mapping) else None
        if isinstance(data, Mapping) and isinstance(posts, list):
            names = {field: _joined(data, *tables) for field, tables in _GHOST.items()}
            for post in posts:
                if isinstance(post, Mapping):
                    key = post.get("id") if _hashable(post.get("id")) else None
                    more = {field: by.get(key) for field, by in names.items() if field not in post}
                    post = {**post, **{field: one for field, one in more.items() if one}}
                    if post.get("page") in (1, True, "1"):  # of older versions, which had no `type`
                        post["type"] = "page"
                found.append(post)
    return found or None


_GHOST = {"tags": ("posts_tags", "tag_id", "tags"), "authors": ("posts_authors", "author_id", "users")}


def _joined(data: Mapping[str, Any], pairs: str, key: str, table: str) -> dict[Any, list[str]]:
    """Find names by the id of a post."""
    named = {one.get("id"): one.get("name") for one in _mappings(data.get(table)) if _hashable(one.get("id"))}
    found: dict[Any, list[tuple[Any, str]]] = {}
    for pair in _mappings(data.get(pairs)):
        post, other = pair.get("post_id"), pair.get(key)
        name = named.get(other) if _hashable(other) else None
        if _hashable(post) and name and not str(name).startswith("#"):  # a tag of the editors alone
            found.setdefault(post, []).append((pair.get("sort_order") or 0, str(name)))
    return {post: [name for _, name in sorted(names, key=lambda one: str(one[0]))] for post, names in found.items()}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _hashable(value: Any) -> bool:
    return isinstance(value, str | int)


def _contentful(value: Row) -> list[Any] | None:
    """Read entries of Contentful, of an answer or of an export; what they only refer to is filled in."""
    exported, listed = value.get("entries"), value.get("items")
    entries = [one for one in _mappings(exported or listed) if isinstance(one.get("sys"), Mapping)]
    if not entries or not all("fields" in one for one in entries):
        return None
    includes = value.get("includes")
    beside = [one for some in includes.values() for one in _mappings(some)] if isinstance(includes, Mapping) else []
    named = {}
    for one in (*entries, *_mappings(value.get("assets")), *beside):
        about = one.get("sys")
        if isinstance(about, Mapping) and _hashable(about.get("id")):
            named[about["id"]] = one.get("fields")
    found = []
    for one in entries:
        fields = one["fields"]
        if isinstance(fields, Mapping):
            one = {**one, "fields": {name: _followed(held, named, 0) for name, held in fields.items()}}
        if exported and one["sys"].get("version") and not one["sys"].get("publishedVersion"):
            one = {**one, "status": "draft"}
        found.append(one)
    return found


def _followed(value: Any, named: Mapping[Any, Any], depth: int) -> Any:
    """Put entries in the place of links to them, in a value, by language or in a list."""
    if isinstance(value, list):
        return [_followed(one, named, depth) for one in value]
    if not isinstance(value, Mapping) or depth > 1:
        return value
    about = value.get("sys")
    if isinstance(about, Mapping) and about.get("type") == "Link" and _hashable(about.get("id")):
        return named.get(about["id"], value)
    return {name: _followed(one, named, depth + 1) for name, one in value.items()} if len(value) < 9 else value


def _json_api(value: Row) -> list[Any] | None:
    """Read stories of a JSON:API document, with the names of what they are related to."""
    data, included = value.get("data"), value.get("included")
    if isinstance(data, dict) and "attributes" in data:
        data = [data]
    if not _objects(data) or not all("attributes" in one for one in data or ()):
        return None
    named = {
        (one.get("type"), one.get("id")): one.get("attributes")
        for one in _mappings(included)
        if _hashable(one.get("type")) and _hashable(one.get("id"))
    }
    return [{**one, "relationships": _related(one.get("relationships"), named)} for one in data or ()]


def _related(relationships: Any, named: Mapping[Any, Any]) -> dict[str, list[Any]]:
    """Find what each relationship leads to, as far as it is included."""
    found = {}
    for name, one in relationships.items() if isinstance(relationships, Mapping) else ():
        data = one.get("data") if isinstance(one, Mapping) else None
        parts = _mappings(data if isinstance(data, list) else [data])
        keys = [(part.get("type"), part.get("id")) for part in parts]
        held = [named[key] for key in keys if all(map(_hashable, key)) and isinstance(named.get(key), Mapping)]
        if held:
            found[name] = held
    return found


def _graph(value: Row) -> list[Any] | None:
    """Read nodes of a JSON-LD graph; what they only refer to is filled in."""
    graph = value.get("@graph")
    if not _objects(graph):
        return None
    nodes = {node["@id"]: node for node in graph or () if isinstance(node.get("@id"), str)}
    articles = [node for node in graph or () if "article" in str(node.get("@type")).casefold() or "headline" in node]
    return [{name: _resolved(one, nodes) for name, one in node.items()} for node in articles or graph or ()]


def _resolved(value: Any, nodes: Mapping[str, Row]) -> Any:
    """Put nodes in the place of what refers to them, in a value or in the values of a list."""
    return [_node(one, nodes) for one in value] if isinstance(value, list) else _node(value, nodes)


def _node(value: Any, nodes: Mapping[str, Row]) -> Any:
    if isinstance(value, Mapping) and set(value) <= {"@id", "@type"} and isinstance(value.get("@id"), str):
        return nodes.get(value["@id"], value)
    return value


def _listed(value: Row) -> list[Any] | None:
    """Find a list under one of the usual names."""
    for path in _WRAPPERS:
        found: Any = value
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        if _objects(found):
            return _inner(found)
        if isinstance(found, Mapping) and len(found) > 1 and (stories := _by_id(dict(found))):
            return stories
    return None


def _nested(value: Row, depth: int = 0) -> list[Any] | None:
    """Find a list in an object under one of the usual names, and in objects within that."""
    held = (value.get(name) for name, *deeper in _WRAPPERS if not deeper)
    inner = (dict(one) for one in held if isinstance(one, Mapping) and depth < _DEEPEST)
    return next((found for one in inner if (found := _listed(one) or _nested(one, depth + 1))), None)


def _answer(value: Row) -> list[Any] | None:
    """Find the lists of an answer of GraphQL: of any name in `data`, as they are or by nodes or edges.

    Lists of what are no stories, such as `categories` beside `posts`, count where they are alone.
    """
    data = value.get("data")
    held = {}
    for name, part in data.items() if isinstance(data, Mapping) else ():
        some = [part, *(part.get(one) for one in _LISTS if isinstance(part, Mapping))]
        found = next((_inner(one) for one in some if _objects(one)), None)
        if found is None and isinstance(part, Mapping) and not _TITLES.isdisjoint(part):
            found = [part]  # a story by itself
        if found:
            held[name] = found
    stories = [some for name, some in held.items() if not _is_beside(name) and _are_told(some)]
    return [one for some in stories or list(held.values())[: len(held) == 1] for one in some] or None


_LISTS = ("nodes", "edges", "items", "results", "data")
_TITLES = frozenset(("title", "headline", "headlines", "webTitle", "post_title"))
_BESIDE = (
    "categor",
    "tag",
    "author",
    "user",
    "person",
    "page",
    "comment",
    "media",
    "image",
    "asset",
    "menu",
    "site",
    "section",
)


def _is_beside(name: str) -> bool:
    """Tell whether a list of this name holds what is no story."""
    words = name.casefold()
    return any(word in words for word in _BESIDE)


def _are_told(some: list[Any]) -> bool:
    return any(isinstance(one, Mapping) and not (_TITLES | {"frontmatter"}).isdisjoint(one) for one in some)


def _alone(value: Row) -> list[Any] | None:
    """Find the one story that an object wraps, such as `{"article": {...}}`."""
    for name in list(value) if len(value) == 1 else _STORIES:
        held = value.get(name)
        has_id = len(value) == 1 or value.get("id") is None or (isinstance(held, Mapping) and "id" in known_names(held))
        if has_id and isinstance(held, Mapping) and not _TITLES.isdisjoint(held):
            return [held]
    return None


_STORIES = ("article", "story", "post", "data", "result", "item", "Item", "document", "doc", "node", "news")


def _inner(found: list[Any]) -> list[Any]:
    """Take what each object of a list wraps by itself."""
    for inner in ("node", "item", "document", "doc"):
        if all(isinstance(one.get(inner), dict) and _STORY.isdisjoint(one) for one in found):
            return [one[inner] for one in found]
    pages = [_listed(one) if _STORY.isdisjoint(one) else None for one in found]
    if pages and all(page is not None for page in pages):  # of several answers
        return [one for page in pages for one in page or ()]
    return list(found)


def _split(value: Row) -> list[Any] | None:
    """Read rows beside or below the names of their columns, as pandas, databases and sheets of Google write them."""
    names = next((value[name] for name in ("columns", "meta", "fields", "headers") if value.get(name)), None)
    rows = value.get("data") if isinstance(value.get("data"), list) else value.get("rows")
    if isinstance(value.get("values"), list) and isinstance(value.get("range"), str):
        names, *rows = value["values"] or [None]
        if isinstance(names, list):  # empty cells at the end of a row are left out
            rows = [[*row, *[None] * (len(names) - len(row))] if isinstance(row, list) else row for row in rows]
    if not (isinstance(names, list) and isinstance(rows, list) and rows):
        return None
    names = [one.get("name") if isinstance(one, Mapping) else one for one in names]
    if not all(isinstance(one, list) and len(one) == len(names) for one in rows):
        return None
    return [dict(zip(map(str, names), row, strict=True)) for row in rows]


def _by_id(value: Row) -> list[Any] | None:
    """Read stories that stand by their ids."""
    if not value or not all(isinstance(one, dict) and not _STORY.isdisjoint(one) for one in value.values()):
        return None
    return [{"id": key, **one} for key, one in value.items()]


WRAPPED: tuple[Callable[[Row], list[Any] | None], ...] = (
    *(_columns, _ghost, _contentful, _json_api, _itself, _graph, _split, _listed, _answer, _alone, _nested, _by_id),
)
"""What finds stories in an object, or None; the first that does counts."""
