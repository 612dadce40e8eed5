"""Markdown with front matter, as Hugo and Jekyll keep it -> one row a file."""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePath
from typing import Any

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
_WITHIN = re.compile(  # links to files of the site, whose addresses nothing tells
    r"(?<!!)\[([^\[\]\n]{1,500})\]\((?!https?://|/|#|mailto:)[^()\s]{1,500}(?:[ \t]+\"[^\"\n]*\")?\)"
)
_HEADING = re.compile(r"\s*# +([^\n]*\S)")
_UNDERLINE = re.compile(r"(?<=\S\n)(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)  # of a heading
_LONGEST_FRONT = 1 << 16  # characters
_LANGUAGE = re.compile(r"(.+)\.([a-z]{2}(?:-[A-Za-z]{2,4})?)")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")


class _NoAliases(yaml.SafeLoader):  # type: ignore[misc]
    """YAML in which nothing stands for something else: a few lines of such could stand for terabytes."""

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
    yield 1, _page(text, file.name, bool(file.called))


def _page(text: str, path: PurePath, called: bool) -> Any:
    found = _FRONT.match(text)
    try:
        if found is not None:
            if len(found[2]) > _LONGEST_FRONT:
                return BadRow(f"front matter of {len(found[2]):,} characters; the limit is {_LONGEST_FRONT:,}")
            values = tomllib.loads(found[2]) if found[1] == "+++" else _NoAliases(found[2]).get_single_data()
            body = text[found.end() :]
        elif text.lstrip("\ufeff").startswith("{"):
            end = text.index("\n}") + 2
            values, body = orjson.loads(text[:end].lstrip("\ufeff")), text[end:]
        elif headed := _HEAD.match(text):  # of Pelican and MultiMarkdown
            lines = (line.partition(":") for line in headed[0].strip().split("\n"))
            values, body = {name.casefold(): value.strip() for name, _, value in lines}, text[headed.end() :]
        else:
            return BadRow("no front matter; a page begins with --- or +++")
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        return BadRow(f"front matter that cannot be read: {' '.join(str(error).split())[:200]}")
    if not isinstance(values, dict):
        return BadRow(f"front matter is {type(values).__name__}, expected names and values")
    if path.suffix.lower() == ".mdx":
        body = _SCRIPT.sub("", body)
    name = page_name(path)
    dated = _DATE.fullmatch(name)  # as Jekyll names them
    above = (path.parent.parent if _is_index(path) else path.parent).as_posix() if called else "."
    row = {"id": values.get("slug") or name, "body": _with_addresses(body.lstrip())}
    told = known_names(map(str, values))
    if "title" not in told and (heading := _HEADING.match(body)):
        row |= {"title": heading[1], "body": row["body"].partition("\n")[2]}
    elif "title" not in told and dated:
        row["title"] = dated[2].replace("-", " ").capitalize()
    if dated:  # where the page itself does not tell
        row["date_created"] = dated[1]
    if above != ".":  # another page is called the same
        row["id"] = f"{above}/{row['id']}"
    if path.stem == "_index":
        row["type"] = "section page"
    elif "title" not in row and "title" not in told and "published_at" not in told:  # a part of other pages
        row["type"] = "webpage"
    language = _LANGUAGE.fullmatch(path.stem)
    taxonomies = values.pop("taxonomies", None)  # of Zola
    values = {**(taxonomies if isinstance(taxonomies, dict) else {}), **values}
    return {**row, **({"language": language[2]} if language else {}), **{str(key): one for key, one in values.items()}}


def _with_addresses(body: str) -> str:
    r"""Put addresses that stand apart from the text, as `[mayor]: https://c.example/m`, to their links.

    Examples
    --------
    >>> _with_addresses("The [mayor][m] resigns.\n\n[m]: https://c.example/m")
    'The [mayor](https://c.example/m) resigns.\n\n'
    """
    body = _WITHIN.sub(r"\1", _UNDERLINE.sub("", body))
    found = {one[1].casefold(): one[2] for one in _ADDRESS.finditer(body)}
    if not found:
        return body

    def link(one: re.Match[str]) -> str:
        address = found.get((one[2] or one[1]).casefold())
        return one[0] if address is None else f"[{one[1]}]({address})"

    return _REFERENCE.sub(link, _ADDRESS.sub("", body))


def page_name(path: PurePath) -> str:
    """Name a page by its file, or by the folder of an index."""
    return path.parent.name if _is_index(path) else path.stem


def _is_index(path: PurePath) -> bool:
    return path.stem.partition(".")[0] in ("index", "_index") and bool(path.parent.name)
