"""YAML -> rows: a list of stories, an object around one, or one document a story."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from recommender.reading.formats.file import File
from recommender.reading.formats.json_document import rows_of_value
from recommender.reading.formats.rows import BadRow, LimitExceeded, Rows
from recommender.reading.names import known_names

# Every value stays a text, as in CSV: ids such as 007 and titles such as "No" would be changed else. It ignores tags.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_KEY = re.compile(r"^[ \t]*(?:- +)?:?(\w[\w -]{0,40}):(?:\s|$)", re.MULTILINE)
_ITEM = re.compile(r"^ *- +(?:!\S+ *)?(?:\n +)?:?\w[\w -]{0,40}:(?:\s|$)|^---[ \t\r]*\n:?\w[\w -]{0,40}:", re.MULTILINE)
_MAX_DEPTH = 100  # of lists in lists: thousands would overflow the stack of the loader
_MAX_EXPANSION = 1 << 20  # characters that aliases may stand for in any file
_TOP_ITEM = re.compile(r"^(?=- )", re.MULTILINE)


def is_yaml(text: str) -> bool:
    """Check whether a text surely contains YAML of stories, and no settings."""
    fields = known_names(_KEY.findall(text))
    has_story = (
        "title" in fields and not fields.isdisjoint(("id", "url")) and not fields.isdisjoint(("body", "published_at"))
    )
    return has_story and _ITEM.search(text, len("---")) is not None


def rows_of_yaml(file: File) -> Rows:
    """Read the stories of all documents of a file; a story that is no YAML costs itself alone where it can."""
    with file.utf8() as stream:
        data = stream.read(file.limits.max_line_bytes + 1)
    if len(data) > file.limits.max_line_bytes:
        raise LimitExceeded(f"YAML of more than {file.limits.max_line_bytes:,} bytes (reading.max_line_bytes)")
    text = data.decode("utf-8-sig", errors="replace")
    try:
        rows = list(_read(text, 1))
    except yaml.YAMLError as error:
        pieces = _TOP_ITEM.split(text)
        rows = list(_read_each(pieces)) if len(pieces) > 2 else [(_line_of(error), _bad(error))]
    yield from rows


def _read_each(pieces: list[str]) -> Rows:
    """Read the items of a list one by one."""
    line = 1
    for piece in pieces:
        try:
            yield from list(_read(piece, line))
        except yaml.YAMLError as error:
            yield line, _bad(error)
        line += piece.count("\n")


def _bad(error: Exception) -> BadRow:
    problem = getattr(error, "problem", None) or str(error)
    hint = "; texts with a colon and a blank need quotes" if "mapping values" in problem else ""
    return BadRow(f"bad YAML: {' '.join(problem.split())[:200]}{hint}")


def _line_of(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 1


def _read(text: str, first_line: int) -> Iterator[tuple[int, Any]]:
    if _expansion(text) > max(len(text), _MAX_EXPANSION):
        raise yaml.YAMLError("aliases that stand for too much; write the file without them")
    loader = _LOADER(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            for item in node.value if isinstance(node, yaml.SequenceNode) else [node]:
                for row in rows_of_value(_plain(loader.construct_document(item))):
                    yield first_line + item.start_mark.line, row
    finally:
        loader.dispose()


def _expansion(text: str) -> float:
    r"""Count the characters that aliases stand for: a few lines of aliases within each other may mean terabytes.

    Examples
    --------
    >>> _expansion("- &a [fog, sea]\n- &b [*a, *a]\n- *b"), _expansion("&a [*a]")
    (37.0, inf)
    """
    sizes: dict[str, float] = {}
    open_nodes: list[tuple[str | None, float]] = [(None, 0.0)]
    total = 0.0
    for event in yaml.parse(text, Loader=_LOADER):
        anchor, size = getattr(event, "anchor", None), 0.0
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((anchor, 1.0))
            if len(open_nodes) > _MAX_DEPTH:
                raise yaml.YAMLError(f"nested deeper than {_MAX_DEPTH} lists and objects")
            continue
        if isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor, math.inf)  # not known within itself
            total += size
        elif isinstance(event, yaml.ScalarEvent):
            size = len(event.value) + 1.0
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_nodes.pop()
        if anchor is not None and not isinstance(event, yaml.AliasEvent):
            sizes[anchor] = size
        outer, outer_size = open_nodes.pop()
        open_nodes.append((outer, outer_size + size))
    return total


def _plain(value: Any) -> Any:
    """Take the signs of nothing from the values of an object, and those of Ruby's symbols from its names."""
    if not isinstance(value, dict):
        return value
    return {str(name).removeprefix(":"): None if part == "~" else _plain(part) for name, part in value.items()}
