"""Links as a newsroom has them, in sentences, columns and files -> `Link` values and tables of links."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from recommender.articles.article import Link
from recommender.articles.link_tables import LINKS, add_links, link_table
from recommender.articles.urls import absolute_url, leads_to_a_page
from recommender.errors import InputError, RowError
from recommender.reading.formats import KNOWN, BadRow, Stream, is_readable, shown_name
from recommender.reading.markup import Anchor
from recommender.reading.names import find_columns
from recommender.reading.times import to_time
from recommender.settings import ReadingSettings

_TARGET_KEYS = ("url", "href", "target", "id")
_ANCHOR_KEYS = ("anchor", "text")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RELATIVE_STARTS = ("/", "./", "../", "?")
_ALIASES = {
    "story": ("source", "from", "story_id", "source_id"),
    "item": ("target", "to", "item_id", "target_id"),
    "anchor": ("text",),
    "time": ("date", "timestamp"),
    "kind": ("type",),
}
_MAX_NAMED = 3  # bad rows of a file that an error names
_CHUNK = 10_000  # rows turned into Arrow at a time


def is_other_than_links(value: Any) -> bool:
    """Check whether a column called `links` has an object, such as the addresses of JSON:API, and no list of links.

    Examples
    --------
    >>> is_other_than_links({"self": "https://api.courier.example/1"}), is_other_than_links(["ferry-aground"])
    (True, False)
    """
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return False
    return isinstance(value, Mapping)


def story_links(
    anchors: Iterable[Anchor], value: Any, base: str | None, limits: ReadingSettings, left_out: Counter[str]
) -> tuple[Link, ...]:
    """Make the links of a story from those of its sentences and its column `links`; bad ones are left out and counted.

    `anchors` are links of sentences. `value` is a list of URLs or ids, of objects with url, href, target or id, JSON of
    either, or text with blanks, `;` or `|` between the links; None = no column. Relative URLs start from `base`.
    `left_out` counts links that cannot be used, by reason.

    Examples
    --------
    >>> [link.target for link in story_links([], "vote; /ferry", "https://c.eu/a", ReadingSettings(), Counter())]
    ['vote', 'https://c.eu/ferry']
    """
    links: list[Link] = []
    for target, details in _link_details(anchors, value, base, left_out):
        try:
            link = _to_link(target, details, limits)
        except RowError as error:
            left_out[str(error)] += 1
            continue
        if link is None:
            continue
        if len(links) >= limits.max_links:
            left_out[f"more than {limits.max_links:,} links of one story (reading.max_links)"] += 1
        else:
            links.append(link)
    return tuple(links)


def _link_details(
    anchors: Iterable[Anchor], value: Any, base: str | None, left_out: Counter[str]
) -> Iterable[tuple[Any, Mapping[str, Any]]]:
    """Yield the target and further details of each link; addresses are joined to the base."""
    for anchor in anchors:
        yield absolute_url(anchor.href, base), {"anchor": anchor.text}
    for item in _list_items(value, left_out):
        target, details = item, {}
        if isinstance(item, Link):
            target, details = item.target, {"anchor": item.anchor, "time": item.time, "kind": item.kind}
        elif isinstance(item, Mapping):
            details = {name.strip().casefold(): value for name, value in item.items() if isinstance(name, str)}
            target = next((details[name] for name in _TARGET_KEYS if details.get(name)), None)
        if isinstance(target, str) and target.strip().startswith(_RELATIVE_STARTS):
            target = absolute_url(target, base)
        yield target, details


def _list_items(value: Any, left_out: Counter[str]) -> Iterable[Any]:
    if isinstance(value, str):
        text = value.strip()
        if text[:1] == "[":
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError:
                left_out["links that are no JSON list"] += 1
                return ()
        else:
            value = [part for part in re.split(r"[\s;|]+", text) if part]
    if isinstance(value, list | tuple):
        return [item for item in value if item is not None]
    return () if value is None else (value,)


def _to_link(target: Any, details: Mapping[str, Any], limits: ReadingSettings) -> Link | None:
    """Make a link; None where it leads to no page."""
    target = _to_text(target, "a link")
    if not leads_to_a_page(target):
        return None
    if len(target) > limits.max_field_chars:
        raise RowError("a link longer than reading.max_field_chars")
    anchor = next((_to_line(details[name], limits) for name in _ANCHOR_KEYS if details.get(name)), "")
    kind = _to_line(details.get("kind"), limits).casefold()
    try:
        time = None if details.get("time") is None else to_time(details["time"], "a link")
    except RowError:
        raise RowError("a link with an unreadable time") from None
    return Link(target, anchor, time, kind or None)


def _to_text(value: Any, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError(f"{what} that is {type(value).__name__}, expected text")
    try:
        text = str(value).strip()
        text.encode()
    except ValueError:
        raise RowError(f"{what} that is not valid UTF-8, or too large a number") from None
    if _CONTROL.search(text):
        raise RowError(f"{what} with control characters")
    return text


def _to_line(value: Any, limits: ReadingSettings) -> str:
    """Return the words of a link on one line, cut to the limit; empty if they cannot be used."""
    if not isinstance(value, str):
        return ""
    text = " ".join(_CONTROL.sub(" ", value[: 4 * limits.max_field_chars]).split())[: limits.max_field_chars]
    return text.encode(errors="ignore").decode()


def load_links(links: str | Path | pa.Table | None, settings: ReadingSettings) -> pa.Table | None:
    """Load links as a table of `LINKS`, from a file or a table; None stays None.

    Examples
    --------
    >>> load_links(pa.table({"story": ["b"], "item": ["a"]}), ReadingSettings()).num_columns
    5
    """
    if links is None:
        return None
    if not isinstance(links, str | Path | pa.Table):
        raise InputError(f"links are a {type(links).__name__}, expected a file or a table with columns story and item")
    return link_table(links) if isinstance(links, pa.Table) else read_links(links, settings=settings)


def with_links(table: pa.Table, more: pa.Table | None, settings: ReadingSettings) -> pa.Table:
    """Add further links to the stories that they name, so that they are saved with these.

    `more` is what `load_links` returned. A warning counts the links whose story is not there, and those beyond
    `max_links` of a story.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> stories = to_table([Article(id="a", title="Ferry"), Article(id="b", title="Inquiry")])
    >>> more = load_links(pa.table({"story": ["b"], "item": ["a"]}), ReadingSettings())
    >>> with_links(stories, more, ReadingSettings())["links"][1][0]["target"].as_py()
    'a'
    """
    if more is None:
        return table
    table, unknown, beyond = add_links(table, more, settings.max_links)
    if unknown:
        warnings.warn(f"{unknown:,} of {len(more):,} links name a story that is not in the archive", stacklevel=3)
    if beyond:
        warnings.warn(
            f"{beyond:,} of {len(more):,} links are left out: no story has more than {settings.max_links:,} "
            "(reading.max_links)",
            stacklevel=3,
        )
    return table


def read_links(path: str | Path, *, settings: ReadingSettings | None = None, strict: bool = False) -> pa.Table:
    r"""Read a file of links between stories, one a row.

    Parameters
    ----------
    path : path
        Ends in .jsonl, .ndjson, .csv, .tsv or .parquet, optionally .gz or .zst. Columns `story` and `item` (or source
        and target, or from and to) contain ids or URLs; `anchor`, `time` and `kind` are optional. Picks of an editor,
        `id` with a list `picks`, are read too.
    settings : ReadingSettings, optional
        Limits.
    strict : bool, default False
        Refuse the file for a single bad row. Otherwise bad rows are left out, and a warning counts them and names the
        first.

    Returns
    -------
    pyarrow.Table
        Columns of `LINKS`.

    Raises
    ------
    InputError
        If the file is missing, of an unknown kind, lacks a column, or contains no link that can be used.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "links.csv"
    ...     _ = file.write_text("from,to\nmill-deal,mill-vote\n")
    ...     read_links(file).select(["story", "item"]).to_pylist()
    [{'story': 'mill-deal', 'item': 'mill-vote'}]
    """
    limits, path = settings or ReadingSettings(), Path(path)
    name = shown_name(path)
    if not path.is_file():
        raise InputError(f"no such file of links: {name}; give a file with the columns story and item")
    if not is_readable(path):
        raise InputError(f"unknown kind of file of links: {name}; expected {KNOWN}")
    bad: list[tuple[int, str]] = []
    chunks = [LINKS.empty_table()]
    limits = limits.model_copy(update={"header": ()})  # which names the columns of stories
    rows = _read_rows(Stream(name, path, limits=limits), bad, strict)
    while chunk := list(islice(rows, _CHUNK)):
        chunks.append(pa.Table.from_pylist(chunk, schema=LINKS))
    table = pa.concat_tables(chunks).combine_chunks()
    if bad:
        reasons = "; ".join(f"line {line}: {reason}" for line, reason in bad[:_MAX_NAMED])
        message = f"{len(bad):,} of {len(bad) + len(table):,} rows of links cannot be used: {name}, {reasons}"
        if strict or not len(table):
            raise InputError(f"{message}; expected an id or URL under story and item in every row")
        warnings.warn(message, stacklevel=2)
    if not len(table):
        raise InputError(f"no links in {name}; expected rows with the columns story and item")
    return table


def _read_rows(stream: Stream, bad: list[tuple[int, str]], strict: bool) -> Iterable[dict[str, Any]]:
    """Read rows of `LINKS`; reasons of bad ones are added to `bad`, and the first ends the reading if `strict`."""
    limits = stream.limits
    columns: dict[tuple[str, ...], dict[str, str]] = {}
    for line, raw in _expand_picks(stream.rows()):
        try:
            if isinstance(raw, BadRow):
                raise RowError(str(raw))
            names = tuple(raw)
            if names not in columns:
                columns[names] = _find_columns(names, stream.name)
            yield _to_row({field: raw[column] for field, column in columns[names].items()}, limits)
        except RowError as error:
            bad.append((line, str(error)))
            if strict:
                return
            if len(bad) > limits.max_rejected:
                raise InputError(
                    f"{stream.name}, line {line}: {error}; these are more than {limits.max_rejected:,} bad rows "
                    "(reading.max_rejected): is this a file of links?"
                ) from None


def _to_row(values: Mapping[str, Any], limits: ReadingSettings) -> dict[str, Any]:
    ids = {}
    for field in ("story", "item"):
        if values[field] is None or values[field] == "":
            raise RowError(f"no {field}")
        ids[field] = _to_text(values[field], field)
        if len(ids[field]) > limits.max_field_chars:
            raise RowError(f"{field} longer than reading.max_field_chars")
    link = _to_link(ids["item"], values, limits)
    if link is None:
        raise RowError("an item that is no page")
    return {"story": ids["story"], "item": link.target, "anchor": link.anchor, "time": link.time, "kind": link.kind}


def _expand_picks(rows: Iterable[tuple[int, Any]]) -> Iterable[tuple[int, Any]]:
    """Expand picks of an editor, `id` with a list `picks`, to one row a pick; other rows stay."""
    for line, raw in rows:
        if isinstance(raw, Mapping) and isinstance(raw.get("picks"), list) and "id" in raw:
            for pick in raw["picks"]:
                yield line, {"story": raw["id"], "item": pick, "kind": "pick"}
        else:
            yield line, raw


def _find_columns(names: tuple[Any, ...], file: str) -> dict[str, str]:
    """Find which column of a row feeds which field; without story and item it is no row of links."""
    columns = find_columns(names, _ALIASES)
    for field in ("story", "item"):
        if field not in columns:
            given = ", ".join(str(name)[:60] for name in names[:20])
            raise InputError(
                f"no column {field} in the links of {file}; found {given or 'none'}; expected "
                f"{' or '.join((field, *_ALIASES[field][:2]))}: rename a column"
            )
    return columns
