"""Markdown with front matter, as Hugo and Jekyll keep it -> one row a file."""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePath, PurePosixPath
from typing import Any
from urllib.parse import unquote

import orjson
import yaml

from recommender.reading.formats.file import File
from recommender.reading.formats.rows import BadRow, Rows
from recommender.reading.names import known_names

_FRONT = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*\r?\n(.*?)\r?\n\1[ \t]*(?:\r?\n|$)", re.DOTALL)
_SCRIPT = re.compile(r"^(?:import|export)\s[^\n]*$|^</?[A-Z][^>\n]*>[ \t]*$", re.MULTILINE)
_HEAD = re.compile(r"\ufeff?(?=(?:\w[\w-]{0,30}:.*\n){0,20}?[Tt]itle:)(?:\w[\w-]{0,30}:[ \t].*\n)+(?:[ \t]*\n|$)")
_ADDRESS = re.compile(
    r"^ {0,3}\[([^\[\]^\n][^\[\]\n]{0,200})\]:[ \t]*<?([^\s<>]+)>?(?:[ \t]+[\"'(][^\n]*)?$", re.MULTILINE
)
_REFERENCE = re.compile(r"\[([^\[\]\n]{1,500})\](?!\()(?:\[([^\[\]\n]{0,200})\])?")
_LOCAL_LINK = re.compile(  # to files of the site, which are known by the names of their pages
    r"(?<!!)\[([^\[\]\n]{1,500})\]\((?!https?://|/|#|mailto:)([^()\s]{1,500})(?:[ \t]+\"[^\"\n]*\")?\)"
)
_HEADING = re.compile(r"\s*# +([^\n]*\S)")
_UNDERLINE = re.compile(r"(?<=\S\n)(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)  # of a heading
_MAX_FRONT = 1 << 16  # characters
_LANGUAGE = re.compile(r"(.+)\.([a-z]{2}(?:-[A-Za-z]{2,4})?)")
_NAMED, _ALIAS = re.compile(r"^(\w[\w-]{0,40}):[ \t]+(\S.*)$", re.MULTILINE), re.compile(r"[:\[,-] *\*\w")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:-\d{4}(?=\.))?[-.](.+)")


class _NoAliases(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without aliases: a few lines with them could expand to terabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def rows_of_markdown(file: File) -> Rows:
    """Read the story of a page: its front matter, in YAML, TOML or JSON, and its text."""
    with file.utf8() as stream:
        data = stream.read(file.limits.max_line_bytes)
    if not data:
        return
    try:
        text = data.decode()
    except UnicodeDecodeError as wrong:
        yield 1, BadRow(f"not valid UTF-8 at byte {wrong.start}; convert the file's encoding")
        return
    yield 1, _read_page(text, file.name, bool(file.member_name))


def _read_page(text: str, path: PurePath, is_member: bool) -> Any:
    try:
        parts = _split_front_matter(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        return BadRow(f"front matter that cannot be read: {' '.join(str(error).split())[:200]}")
    if isinstance(parts, BadRow):
        return parts
    values, body = parts
    if not isinstance(values, dict):
        return BadRow(f"front matter is {type(values).__name__}, expected names and values")
    if path.suffix.lower() == ".mdx":
        body = _SCRIPT.sub("", body)
    row = _row_of_page(values, body, path, is_member)
    if language := _LANGUAGE.fullmatch(path.stem):
        row["language"] = language[2]
    taxonomies = values.pop("taxonomies", None)  # of Zola
    values = {**(taxonomies if isinstance(taxonomies, dict) else {}), **values}
    return {**row, **{str(name): value for name, value in values.items()}}


def _split_front_matter(text: str) -> tuple[Any, str] | BadRow:
    if front := _FRONT.match(text):
        if len(front[2]) > _MAX_FRONT:
            return BadRow(f"front matter of {len(front[2]):,} characters; the limit is {_MAX_FRONT:,}")
        values = tomllib.loads(front[2]) if front[1] == "+++" else _read_yaml(front[2])
        return values, text[front.end() :]
    if text.lstrip("\ufeff").startswith("{"):
        end = text.index("\n}") + 2
        return orjson.loads(text[:end].lstrip("\ufeff")), text[end:]
    if head := _HEAD.match(text):  # of Pelican and MultiMarkdown
        lines = (line.partition(":") for line in head[0].strip().split("\n"))
        return {name.casefold(): value.strip() for name, _, value in lines}, text[head.end() :]
    return BadRow("no front matter; a page begins with --- or +++")


def _read_yaml(text: str) -> Any:
    """Read YAML; where people forgot the quotes that it needs, its lines of a name and a value."""
    try:
        return _NoAliases(text).get_single_data()
    except yaml.YAMLError:
        lines = dict(_NAMED.findall(text))
        if not any(name in lines for name in ("title", "Title")) or "*" in "".join(_ALIAS.findall(text)):
            raise
        return {name: value.strip().strip("'\"") for name, value in lines.items()}


def _row_of_page(values: dict[Any, Any], body: str, path: PurePath, is_member: bool) -> dict[str, Any]:
    """Make a row of what a page shows by its name, its folder and its text."""
    name = page_name(path)
    dated_name = _DATE.fullmatch(name)  # as Jekyll and Statamic name them
    folder = (path.parent.parent if _is_index(path) else path.parent).as_posix() if is_member else "."
    text, links = _without_local_links(_with_addresses(body.lstrip()))
    row: dict[str, Any] = {"id": values.get("slug") or name, "body": text}
    if links:
        row["links"] = links
    fields = known_names(map(str, values))
    if "title" not in fields and (heading := _HEADING.match(body)):
        row |= {"title": heading[1], "body": row["body"].partition("\n")[2]}
    elif "title" not in fields and dated_name:
        row["title"] = dated_name[2].replace("-", " ").capitalize()
    if dated_name:  # where the front matter has no date
        row["date_created"] = dated_name[1]
    if folder != ".":  # another page has the same name
        row["id"] = f"{folder}/{row['id']}"
    if values.get("permalink") is False:  # of Eleventy: no page is made
        row["draft"] = True
    if path.stem == "_index":
        row["type"] = "section page"
    elif values.get("layout") in ("page", "home") and not dated_name:  # of Jekyll
        row["type"] = "page"
    elif "title" not in row and fields.isdisjoint(("title", "published_at")):  # a part of other pages
        row["type"] = "webpage"
    return row


def _with_addresses(body: str) -> str:
    r"""Add addresses that stand apart from the text, as `[mayor]: https://c.example/m`, to their links.

    Examples
    --------
    >>> _with_addresses("The [mayor][m] resigns.\n\n[m]: https://c.example/m")
    'The [mayor](https://c.example/m) resigns.\n\n'
    """
    body = _UNDERLINE.sub("", body)
    addresses = {match[1].casefold(): match[2] for match in _ADDRESS.finditer(body)}
    if not addresses:
        return body

    def link(match: re.Match[str]) -> str:
        address = addresses.get((match[2] or match[1]).casefold())
        return match[0] if address is None else f"[{match[1]}]({address})"

    return _REFERENCE.sub(link, _ADDRESS.sub("", body))


def _without_local_links(body: str) -> tuple[str, list[dict[str, str]]]:
    """Replace links to files of the site by their words; links to other pages are returned.

    Examples
    --------
    >>> _without_local_links("After [the fog](../001-fog/), see [a map](map.pdf).")
    ('After the fog, see a map.', [{'target': '001-fog', 'anchor': 'the fog'}])
    """
    links = [(_linked_page(address), words) for words, address in _LOCAL_LINK.findall(body)]
    return _LOCAL_LINK.sub(r"\1", body), [{"target": page, "anchor": words} for page, words in links if page]


def _linked_page(address: str) -> str:
    """Return the name of the page that a relative address leads to, which is its id; empty for other files."""
    path = PurePosixPath(unquote(re.split("[?#]", address)[0]))
    if path.suffix and path.suffix.lower() not in (".md", ".markdown", ".mdx", ".html", ".htm"):
        return ""
    name = page_name(path) if path.suffix else path.name
    return "" if name == ".." else name


def page_name(path: PurePath) -> str:
    """Return the name of a page: that of its file, or of the folder of an index."""
    return path.parent.name if _is_index(path) else path.stem


def _is_index(path: PurePath) -> bool:
    return path.stem.partition(".")[0] in ("index", "_index") and bool(path.parent.name)
