"""Documents that keep stories apart from what they refer to -> stories with names of tags, authors and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, get_path

_GHOST_TABLES = {"tags": ("posts_tags", "tag_id", "tags"), "authors": ("posts_authors", "author_id", "users")}


def objects(value: Any) -> list[Mapping[str, Any]]:
    """List the objects of a list; none of anything else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def are_objects(value: Any) -> bool:
    """Check whether a value is a list of objects, and not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _is_key(value: Any) -> bool:
    return isinstance(value, str | int)


def ghost_posts(value: Row) -> list[Any] | None:
    """Read posts of a Ghost export, with the names of their tags and authors."""
    parts = value.get("db")
    if not isinstance(parts, list):
        parts = [value] if isinstance(value.get("data"), Mapping) and "meta" in value else []
    posts: list[Any] = []
    for data in (get_path(part, "data") for part in parts):
        listed = get_path(data, "posts")
        if isinstance(listed, list):
            names = {field: _ghost_names(data, *tables) for field, tables in _GHOST_TABLES.items()}
            posts += [_ghost_post(post, names) if isinstance(post, Mapping) else post for post in listed]
    return posts or None


def _ghost_names(data: Mapping[str, Any], pairs: str, key: str, table: str) -> dict[Any, list[str]]:
    names = {row.get("id"): row.get("name") for row in objects(data.get(table)) if _is_key(row.get("id"))}
    ordered: dict[Any, list[tuple[Any, str]]] = {}
    for pair in objects(data.get(pairs)):
        post, other = pair.get("post_id"), pair.get(key)
        name = names.get(other) if _is_key(other) else None
        if _is_key(post) and name and not str(name).startswith("#"):  # tags with # are for editors alone
            ordered.setdefault(post, []).append((pair.get("sort_order") or 0, str(name)))
    return {post: [name for _, name in sorted(tags, key=lambda tag: str(tag[0]))] for post, tags in ordered.items()}


def _ghost_post(post: Mapping[str, Any], names: Mapping[str, dict[Any, list[str]]]) -> Row:
    key = post.get("id") if _is_key(post.get("id")) else None
    row = {**post, **{field: by_id[key] for field, by_id in names.items() if field not in post and by_id.get(key)}}
    if row.get("page") in (1, True, "1"):  # of older versions, which had no `type`
        row["type"] = "page"
    return row


def contentful_entries(value: Row) -> list[Any] | None:
    """Read entries of Contentful, of an answer or of an export; what they only refer to is filled in."""
    is_export = bool(value.get("entries"))
    listed = value.get("entries") or value.get("items")
    entries = [entry for entry in objects(listed) if isinstance(entry.get("sys"), Mapping)]
    if not entries or not all("fields" in entry for entry in entries):
        return None
    includes = value.get("includes")
    included = [item for items in includes.values() for item in objects(items)] if isinstance(includes, Mapping) else []
    fields_by_id = {
        id_: item.get("fields")
        for item in (*entries, *objects(value.get("assets")), *included)
        if _is_key(id_ := get_path(item, "sys", "id"))
    }
    return [_contentful_entry(entry, fields_by_id, is_export) for entry in entries]


def _contentful_entry(entry: Mapping[str, Any], fields_by_id: Mapping[Any, Any], is_export: bool) -> Row:
    fields = entry["fields"]
    row = dict(entry)
    if isinstance(fields, Mapping):
        row["fields"] = {name: _follow_links(field, fields_by_id, 0) for name, field in fields.items()}
    if is_export and entry["sys"].get("version") and not entry["sys"].get("publishedVersion"):
        row["status"] = "draft"
    return row


def _follow_links(value: Any, fields_by_id: Mapping[Any, Any], depth: int) -> Any:
    """Replace links to entries by their fields, in a value, by language or in a list."""
    if isinstance(value, list):
        return [_follow_links(item, fields_by_id, depth) for item in value]
    if not isinstance(value, Mapping) or depth > 1:
        return value
    system = value.get("sys")
    if isinstance(system, Mapping) and system.get("type") == "Link" and _is_key(system.get("id")):
        return fields_by_id.get(system["id"], value)
    if len(value) >= 9:
        return value
    return {name: _follow_links(item, fields_by_id, depth + 1) for name, item in value.items()}


def json_api_stories(value: Row) -> list[Any] | None:
    """Read stories of a JSON:API document, with the names of what they are related to."""
    data, included = value.get("data"), value.get("included")
    if isinstance(data, dict) and "attributes" in data:
        data = [data]
    if not isinstance(data, list) or not are_objects(data) or not all("attributes" in story for story in data):
        return None
    attributes = {
        (item.get("type"), item.get("id")): item.get("attributes")
        for item in objects(included)
        if _is_key(item.get("type")) and _is_key(item.get("id"))
    }
    return [{**story, "relationships": _related_attributes(story.get("relationships"), attributes)} for story in data]


def _related_attributes(relationships: Any, attributes: Mapping[Any, Any]) -> dict[str, list[Any]]:
    related = {}
    for name, relationship in relationships.items() if isinstance(relationships, Mapping) else ():
        data = get_path(relationship, "data")
        keys = [(item.get("type"), item.get("id")) for item in objects(data if isinstance(data, list) else [data])]
        found = [attributes[key] for key in keys if all(map(_is_key, key)) and isinstance(attributes.get(key), Mapping)]
        if found:
            related[name] = found
    return related


def graph_nodes(value: Row) -> list[Any] | None:
    """Read nodes of a JSON-LD graph; what they only refer to is filled in."""
    graph = value.get("@graph")
    if not isinstance(graph, list) or not are_objects(graph):
        return None
    nodes = {node["@id"]: node for node in graph if isinstance(node.get("@id"), str)}
    articles = [node for node in graph if "article" in str(node.get("@type")).casefold() or "headline" in node]
    return [{name: _resolve(part, nodes) for name, part in node.items()} for node in articles or graph]


def _resolve(value: Any, nodes: Mapping[str, Row], is_item: bool = False) -> Any:
    if isinstance(value, list) and not is_item:
        return [_resolve(item, nodes, is_item=True) for item in value]
    if isinstance(value, Mapping) and set(value) <= {"@id", "@type"} and isinstance(value.get("@id"), str):
        return nodes.get(value["@id"], value)
    return value
