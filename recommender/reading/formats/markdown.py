"""Markdown with front matter, as Hugo and Jekyll keep it -> one row a file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import orjson
import yaml

from recommender.reading.formats.packing import opened
from recommender.reading.formats.rows import BadRow, Rows
from recommender.settings import ReadingSettings

_FRONT = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*\r?\n(.*?)\r?\n\1[ \t]*(?:\r?\n|$)", re.DOTALL)
_LONGEST_FRONT = 1 << 16  # characters
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")


class _NoAliases(yaml.SafeLoader):  # type: ignore[misc]
    """YAML in which nothing stands for something else: a few lines of such could stand for terabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def rows_of_markdown(path: Path, limits: ReadingSettings) -> Rows:
    """The story of a page: its front matter, in YAML, TOML or JSON, and its text."""
    with opened(path, limits) as stream:
        data = stream.read(limits.max_line_bytes)
    if not data:
        return
    try:
        text = data.decode()
    except UnicodeDecodeError as wrong:
        yield 1, BadRow(f"not valid UTF-8 at byte {wrong.start}; convert the file's encoding")
        return
    yield 1, _page(text, path)


def _page(text: str, path: Path) -> Any:
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
        else:
            return BadRow("no front matter; a page begins with --- or +++")
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        return BadRow(f"front matter that cannot be read: {' '.join(str(error).split())[:200]}")
    if not isinstance(values, dict):
        return BadRow(f"front matter is {type(values).__name__}, expected names and values")
    name = path.parent.name if path.stem in ("index", "_index") else path.name.split(".")[0]
    dated = _DATE.fullmatch(name)  # as Jekyll names them
    row = {"id": values.get("slug") or name, **({"date": dated[1]} if dated else {}), "body": body}
    return {**row, **{str(key): value for key, value in values.items()}}
