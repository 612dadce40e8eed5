"""JSON objects -> the stories that they wrap."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recommender.reading.formats.documents import (
    are_objects,
    contentful_entries,
    ghost_posts,
    graph_nodes,
    json_api_stories,
)
from recommender.reading.formats.rows import BadRow
from recommender.reading.formats.shapes.shape import Row, first_of, get_path
from recommender.reading.names import known_names

# Paths through objects to the lists of their stories.
_DOTTED_PATHS = (
    "response.results", "response.docs", "hits.hits", "feed.entry", "channel.item", "rss.channel.item",
    "data.articles", "data.posts", "data.items", "@graph", "data", "articles", "items", "results", "posts", "entries",
    "stories", "docs", "news", "content_elements", "records", "rows", "documents", "hits", "value", "list", "content",
    "nodes", "response", "result", "payload", "item", "itemListElement", "article", "story", "objects", "Items",
    "_items", "responses", "pages", "edges", "features", "data.stories", "data.results", "data.nodes", "data.edges",
    "data.children", "data.allPosts", "data.news", "data.content", "response.data", "response.articles",
    "response.items", "response.posts", "response.stories", "response.content", "result.data", "result.articles",
    "result.items", "result.posts", "result.stories", "result.records",
    "result.points", "props", "pageProps",
)  # fmt: skip
_PATHS = tuple(tuple(path.split(".")) for path in _DOTTED_PATHS)
# Paths to the names of columns and to rows: of pandas, BigQuery, Snowflake, Databricks, sheets of Google, Athena, RDS.
_COLUMN_PATHS = (
    ("columns",), ("meta",), ("fields",), ("headers",), ("schema", "fields"), ("resultSetMetaData", "rowType"),
    ("manifest", "schema", "columns"), ("ResultSet", "ResultSetMetadata", "ColumnInfo"), ("columnMetadata",),
    ("table", "cols"),
)  # fmt: skip
_ROW_PATHS = ("data",), ("rows",), ("result", "data_array"), ("ResultSet", "Rows"), ("table", "rows"), ("records",)
_CELL_KEYS = ("v", "VarCharValue", "stringValue", "longValue", "doubleValue", "booleanValue")
_SHEET_DATE = re.compile(r"Date\((\d{4}(?:,\d{1,3}){2,6})\)")
_MAX_DEPTH = 3  # of objects around a list
_STORY_KEYS = frozenset((
    "title", "headline", "headlines", "webTitle", "body", "text", "_source", "attributes", "fields", "name",
    "articleBody", "post_title", "Title", "Headline", "systemdata",
))  # fmt: skip
_TITLE_KEYS = frozenset(("title", "headline", "headlines", "webTitle", "post_title"))
_GRAPHQL_KEYS = _TITLE_KEYS | {"frontmatter"}
_COLUMN_KEYS = _TITLE_KEYS | {"body", "text", "id"}
_BODY_KEYS = ("body", "text", "content_html", "content_text", "articleBody")
_FEED_LISTS = ("items", "entries", "articles", "results", "posts", "stories", "itemListElement", "@graph", "docs")
_LISTS = ("nodes", "edges", "items", "results", "data")  # of an answer of GraphQL
_OTHER_THAN_STORIES = (
    "categor", "tag", "author", "user", "person", "page", "comment", "media", "image", "asset", "menu", "site",
    "section",
)  # fmt: skip
_SINGLE_STORIES = (
    "article", "story", "post", "data", "result", "item", "Item", "document", "doc", "node", "news", "value", "payload",
    "detail", "record", "entry",
)  # fmt: skip
# Of a message about a change: what is done, where the story then stands, where it or its key stood before, and when.
_ACTION_KEYS = ("op", "operation", "operationType", "eventName", "event", "action", "detail-type", "type")
_DELETIONS = ("d", "delete", "deleted", "remove", "removed", "unpublish", "unpublished", "trash", "trashed")
_CHANGES = (
    "c", "i", "r", "u", "create", "created", "insert", "inserted", "update", "updated", "modify", "modified", "replace",
    "replaced", "publish", "published", "load", "read", "snapshot", "upsert",
)  # fmt: skip
_AFTER = ("after", "fullDocument", "NewImage", "new", "record", "data", "detail", "entry", "value")
_BEFORE = ("before", "fullDocumentBeforeChange", "documentKey", "OldImage", "Keys", "old", "old_record")
_EVENT_TIMES = ("ts_ms", "ts", "clusterTime", "time", "timestamp")


def rows_within(value: Row) -> Iterator[Any]:
    """Yield the stories that an object wraps; the object itself where it wraps none.

    Examples
    --------
    >>> list(rows_within({"status": "ok", "data": [{"id": 1, "title": "Ferry aground"}]}))
    [{'id': 1, 'title': 'Ferry aground'}]
    >>> list(rows_within({"17": {"title": "Ferry aground"}, "18": {"title": "Storm"}}))
    [{'id': '17', 'title': 'Ferry aground'}, {'id': '18', 'title': 'Storm'}]
    """
    for unwrap in UNWRAPPERS:
        if (stories := unwrap(value)) is not None:
            for story in stories:
                yield story if isinstance(story, dict) else BadRow(f"JSON {type(story).__name__}, expected an object")
            return
    filled = [name for name, part in value.items() if part != []]
    is_story = not known_names(filled).isdisjoint(("id", "title", "body"))
    if is_story or not _has_empty_list(value):
        yield value


def _has_empty_list(value: Row) -> bool:
    """Check whether an answer has a list of stories that is empty."""
    if any(get_path(value, *path) == [] for path in _PATHS):
        return True
    data = value.get("data")  # of GraphQL
    parts = list(data.values()) if isinstance(data, Mapping) and not value.get("errors") else []
    return bool(parts) and all(part == [] or any(get_path(part, name) == [] for name in _LISTS) for part in parts)


def _changed_story(value: Row) -> list[Any] | None:
    """Find the story that a message is about, as databases and webhooks send them; one that was deleted is marked."""
    if not _STORY_KEYS.isdisjoint(value):
        return None
    event = value
    for name in ("payload", "dynamodb"):  # of Kafka Connect, and of streams of DynamoDB
        if isinstance(value.get(name), Mapping):
            event = {**value, **value[name]}
    actions = [event, event["metadata"]] if isinstance(event.get("metadata"), Mapping) else [event]
    action = next((one[name] for one in actions for name in _ACTION_KEYS if isinstance(one.get(name), str)), "")
    action = "".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+", action)[-1:]).casefold()  # story.published, StoryPublished
    is_deletion = action in _DELETIONS
    if not _STORY_KEYS.isdisjoint(event) or not (is_deletion or action in _CHANGES):
        return None
    stories = [event[name] for name in (*_AFTER, *_BEFORE * is_deletion) if isinstance(event.get(name), Mapping)]
    needed = {"id"} if is_deletion else {"id", "title"}
    if (story := next((story for story in stories if needed <= known_names(story)), None)) is None:
        return None
    time = next(({"updated_at": event[name]} for name in _EVENT_TIMES if event.get(name)), {})
    if is_deletion:
        return [{**story, **time, "status": "deleted"}]
    return [story if "updated_at" in known_names(story) else {**story, **time}]


def wraps_stories(value: Mapping[str, Any]) -> bool:
    """Check whether an object wraps stories, and is none itself."""
    return next(rows_within(dict(value)), value) != value


def _rows_by_column(value: Row) -> list[Any] | None:
    """Read columns by name, as pandas writes them: lists, or objects by one index."""
    if _COLUMN_KEYS.isdisjoint(value) or len(value) < 2:
        return None
    columns = list(value.values())
    if all(isinstance(column, Mapping) for column in columns):
        index = list(columns[0])
        if index and all(list(column) == index for column in columns):
            return [{name: column[key] for name, column in value.items()} for key in index]
    elif all(isinstance(column, list) for column in columns) and columns[0] and len(set(map(len, columns))) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    return None


def _object_itself(value: Row) -> list[Any] | None:
    """Recognise an object that is a story: it may contain lists of its own, such as `content`."""
    if isinstance(value.get("data"), list) and isinstance(value.get("included"), list):
        return None
    return [value] if not _STORY_KEYS.isdisjoint(value) and not _is_feed(value) else None


def _is_feed(value: Row) -> bool:
    lists = [value[name] for name in _FEED_LISTS if are_objects(value.get(name))]
    if value.get("id") is not None and "@graph" not in value and "version" not in value:
        lists = [stories for stories in lists if all(map(_is_story, stories))]  # not what a story only leads to
    return bool(lists) and not any(value.get(name) for name in _BODY_KEYS)


def _is_story(value: Row) -> bool:
    fields = known_names(value)
    return (
        "title" in fields and not fields.isdisjoint(("body", "published_at")) and not fields.isdisjoint(("id", "url"))
    )


def _usual_list(value: Row) -> list[Any] | None:
    for path in _PATHS:
        found = get_path(value, *path)
        if are_objects(found):
            return _unwrap_each(found)
        if isinstance(found, Mapping) and len(found) > 1 and (stories := _stories_by_id(dict(found))):
            return stories
    return None


def _nested_list(value: Row, depth: int = 0) -> list[Any] | None:
    """Find a list in an object under one of the usual names, and in objects within that."""
    if depth >= _MAX_DEPTH:
        return None
    for path in _PATHS:
        inner = value.get(path[0]) if len(path) == 1 else None
        if isinstance(inner, Mapping):
            stories = _usual_list(dict(inner)) or _nested_list(dict(inner), depth + 1)
            if stories:
                return stories
    return None


def _unwrap_each(stories: list[Any]) -> list[Any]:
    """Unwrap the objects of a list where each wraps a story, or a page of them."""
    for name in ("node", "item", "document", "doc"):
        if all(isinstance(story.get(name), dict) and _STORY_KEYS.isdisjoint(story) for story in stories):
            return [story[name] for story in stories]
    pages = [_usual_list(story) if _STORY_KEYS.isdisjoint(story) else None for story in stories]
    if pages and all(page is not None for page in pages):  # of several answers
        return [story for page in pages for story in page or ()]
    return list(stories)


def _graphql_lists(value: Row) -> list[Any] | None:
    """Find the lists of an answer of GraphQL: of any name in `data`, as they are or by nodes or edges.

    Lists of what are no stories, such as `categories` next to `posts`, count where they are alone.
    """
    data = value.get("data")
    lists: dict[str, list[Any]] = {}
    for name, part in data.items() if isinstance(data, Mapping) else ():
        candidates = [part, *(get_path(part, key) for key in _LISTS)]
        stories = next((_unwrap_each(candidate) for candidate in candidates if are_objects(candidate)), None)
        if stories is None and isinstance(part, Mapping) and not _TITLE_KEYS.isdisjoint(part):
            stories = [part]  # a story by itself
        if stories:
            lists[name] = stories
    chosen = [stories for name, stories in lists.items() if _are_stories(name, stories)]
    if not chosen and len(lists) == 1:
        chosen = list(lists.values())
    return [story for stories in chosen for story in stories] or None


def names_others(name: str) -> bool:
    """Check whether the name of a list or a file says that it is of what are no stories, such as authors."""
    return any(word in name.rpartition("/")[2].casefold() for word in _OTHER_THAN_STORIES)


def _are_stories(name: str, items: list[Any]) -> bool:
    if names_others(name):
        return False
    return any(isinstance(item, Mapping) and not _GRAPHQL_KEYS.isdisjoint(item) for item in items)


def _single_story(value: Row) -> list[Any] | None:
    """Find the one story that an object wraps, such as `{"article": {...}}`."""
    is_only_key = len(value) == 1
    for name in list(value) if is_only_key else _SINGLE_STORIES:
        story = value.get(name)
        if not isinstance(story, Mapping) or _TITLE_KEYS.isdisjoint(story):
            continue
        if is_only_key or value.get("id") is None or "id" in known_names(story):
            return [story]
    return None


def _rows_below_names(value: Row) -> list[Any] | None:
    """Read rows next to or below the names of their columns, as pandas, databases and sheets of Google write them."""
    columns = next((found for path in _COLUMN_PATHS if (found := get_path(value, *path))), None)
    rows = next((found for path in _ROW_PATHS if isinstance(found := get_path(value, *path), list) and found), None)
    if isinstance(value.get("values"), list) and isinstance(value.get("range"), str):
        columns, *rows = value["values"] or [None]
        if isinstance(columns, list):  # empty cells at the end of a row are left out
            rows = [[*row, *[None] * (len(columns) - len(row))] if isinstance(row, list) else row for row in rows]
    if not (isinstance(columns, list) and rows):
        return None
    cells = [_cells(row) for row in rows]
    if not all(row is not None and len(row) == len(columns) for row in cells):
        return None
    stories = [_row_of_cells(columns, row or []) for row in cells]
    return stories[1:] if list(stories[0].values()) == list(stories[0]) else stories  # names of columns, of Athena


def _cells(row: Any) -> list[Any] | None:
    """List the cells of a row: as they are, or in an object as BigQuery, Google Sheets and Athena write it."""
    if isinstance(row, Mapping) and len(row) == 1:
        row = next((row[name] for name in ("f", "c", "Data") if name in row), None)
    return row if isinstance(row, list) else None


def _row_of_cells(columns: list[Any], cells: list[Any]) -> Row:
    row = {}
    for column, cell in zip(columns, cells, strict=True):
        inner = column.get("fields") if isinstance(column, Mapping) else None
        if isinstance(cell, Mapping) and "v" in cell and cell.keys() <= {"v", "f"}:
            cell = _date_of_sheet(cell["v"])
        elif isinstance(cell, Mapping) and len(cell) == 1:
            (name,) = cell
            cell = None if name == "isNull" else cell[name] if name in _CELL_KEYS else cell
        parts = _cells(cell) if inner else None
        if parts is not None and len(parts) == len(inner or ()):
            cell = _row_of_cells(inner or [], parts)
        name = first_of(column, "name", "Name", "label") if isinstance(column, Mapping) else column
        row[str(name)] = cell
    return row


def _date_of_sheet(value: Any) -> Any:
    """Write a date that a sheet of Google calls, ``Date(2026,10,27)``, whose months count from 0; others stay."""
    match = _SHEET_DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    year, month, *rest = map(int, match[1].split(","))
    day, hour, minute, second = (*rest[:4], *(0,) * 4)[:4]
    return f"{year}-{month + 1:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def _stories_by_id(value: Row) -> list[Any] | None:
    if not value or not all(isinstance(story, dict) and not _STORY_KEYS.isdisjoint(story) for story in value.values()):
        return None
    return [{"id": key, **story} for key, story in value.items()]


def _lists_by_name(value: Row) -> list[Any] | None:
    """Join lists of stories by section or day, where an object contains nothing else."""
    if not value or not all(are_objects(stories) and all(map(_is_story, stories)) for stories in value.values()):
        return None
    return [story for stories in value.values() for story in stories]


def _only_list(value: Row) -> list[Any] | None:
    """Find the only list of stories in an object that is none itself, whatever the names of the objects around it."""
    lists = list(_lists_of_stories(value, 0))
    is_wrapper = len(lists) == 1 and known_names(value).isdisjoint(("id", "title", "body", "url"))
    return lists[0] if is_wrapper else None


def _lists_of_stories(value: Any, depth: int) -> Iterator[list[Any]]:
    for part in value.values() if isinstance(value, Mapping) and depth <= _MAX_DEPTH else ():
        if are_objects(part) and all(map(_is_story, part)):
            yield part
        else:
            yield from _lists_of_stories(part, depth + 1)


UNWRAPPERS: tuple[Callable[[Row], list[Any] | None], ...] = (
    _changed_story,
    _rows_by_column,
    ghost_posts,
    contentful_entries,
    json_api_stories,
    _object_itself,
    graph_nodes,
    _rows_below_names,
    _usual_list,
    _graphql_lists,
    _single_story,
    _nested_list,
    _stories_by_id,
    _lists_by_name,
    _only_list,
)
"""Functions that find stories in an object, or return None; the first that finds some counts."""
