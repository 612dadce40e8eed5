"""Click logs of related-article lists: judgments from them, replay, A/B tests and how many lists one needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from math import ceil, isnan, sqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import norm

from recommender.articles import TIME
from recommender.errors import InputError, RowError, SettingsError
from recommender.evaluation.judgments import Judgments
from recommender.evaluation.results import Estimate
from recommender.fields import fold, to_time
from recommender.formats import FORMATS, BadRow, Stream, format_of, shown_name
from recommender.reading import ReadReport, Rejected

_NAMES = pa.large_list(pa.large_string())
SCHEMA = pa.schema(
    [
        ("source", pa.large_string()),  # the story under which the list stood
        ("list_id", pa.large_string()),
        ("version", pa.large_string()),
        ("shown", _NAMES),
        ("clicked", _NAMES),
        ("time", TIME),
        ("session", pa.large_string()),  # reader or session
    ]
)
# The first name found wins. Compared without case and "_- ".
ALIASES: dict[str, tuple[str, ...]] = {
    "source": ("article_id", "article", "story", "story_id"),
    "list_id": ("list", "impression", "impression_id"),
    "version": ("variant", "arm"),
    "shown": ("items", "recommendations"),
    "clicked": ("clicks",),
    "time": ("timestamp", "datetime", "date", "shown_at"),
    "session": ("session_id", "user", "user_id", "reader", "reader_id"),
}
MEASURES = ("AUC", "RR", "nDCG@5", "nDCG@10")
_KINDS = [[pa.scalar(kind, pa.large_string()), pa.scalar("", pa.large_string())] for kind in "abc"]
_CHUNK = 10_000  # rows turned into Arrow at a time

Relevance = Callable[[Sequence[str], Sequence[str]], NDArray[np.floating]]
"""Relevance of each item under the source at the same place: two sequences of m ids -> shape (m,)."""


@dataclass(frozen=True, eq=False)
class ClickLog:
    """Lists as they were shown, and what was clicked in them.

    Attributes
    ----------
    table : pyarrow.Table
        Columns of `SCHEMA`, one row a list, in the order they were read. `shown` has each item once, in the order of
        the list; `clicked` is a part of it. `source`, `version`, `time` and `session` may be null.

    Examples
    --------
    >>> log = ClickLog.of([{"story": "a", "items": ["b", "c"], "clicks": ["c"], "time": "2026-03-03T06:30Z"}])
    >>> len(log), log.table["clicked"].to_pylist()
    (1, [['c']])
    """

    table: pa.Table

    @classmethod
    def read(
        cls,
        source: str | Path | pa.Table | Iterable[Mapping[str, Any]],
        *,
        columns: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> tuple[ClickLog, ReadReport]:
        """Read a log.

        Parameters
        ----------
        source : path, pyarrow.Table, or iterable of dict
            A file ends in .jsonl, .ndjson, .csv, .tsv or .parquet, optionally .gz or .zst. `shown` and `clicked` are
            lists of ids, or one text with spaces between them. A row without `list_id` is named by its line.
        columns : mapping, optional
            Field -> column, for names that are not in `ALIASES`.
        strict : bool, default False
            Raise at the first bad row instead of rejecting it.

        Returns
        -------
        log : ClickLog
        report : ReadReport
            Rows that were left out, with line and reason: nothing shown, an item shown twice, a click on something
            that was not shown, an unreadable time.

        Raises
        ------
        InputError
            If the file is missing or of an unknown kind, `columns` names no field, or, in strict mode, a row is bad.

        Examples
        --------
        >>> log, report = ClickLog.read([{"shown": "b c", "clicked": "b"}, {"shown": "b c", "clicked": "d"}])
        >>> len(log), report.rejected[0].line, report.rejected[0].reason
        (1, 2, "a click on 'd', which was not shown")
        """
        if unknown := set(columns or {}).difference(SCHEMA.names):
            raise InputError(
                f"unknown field {min(unknown)!r} in a column mapping; expected one of {', '.join(SCHEMA.names)}"
            )
        report = ReadReport()
        rows = _accepted(_stream(source), columns or {}, strict, report)
        tables = [SCHEMA.empty_table()]
        while chunk := list(islice(rows, _CHUNK)):
            tables.append(pa.Table.from_pylist(chunk, schema=SCHEMA))
        log = cls(pa.concat_tables(tables).combine_chunks())
        report.accepted = len(log)
        return log, report

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> ClickLog:
        """A log of rows in memory, as `read` takes them; raises InputError at the first bad one."""
        return cls.read(rows, strict=True)[0]

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def items(self) -> pa.Table:
        """One row a shown item: `list` (row in `table`), `place` (from 1), `source`, `item`, `clicked`."""
        shown, clicked = (self.table[name].combine_chunks() for name in ("shown", "clicked"))
        rows, hits = (np.repeat(np.arange(len(self)), _lengths(lists)) for lists in (shown, clicked))
        item = pc.list_flatten(shown)
        names = pa.concat_arrays([item, pc.list_flatten(clicked)]).dictionary_encode()
        codes, width = names.indices.to_numpy().astype(np.int64), len(names.dictionary)
        hit = np.isin(rows * width + codes[: len(rows)], hits * width + codes[len(rows) :])
        starts = np.cumsum(_lengths(shown)) - _lengths(shown)
        return pa.table(
            {
                "list": rows,
                "place": np.arange(len(rows)) - starts[rows] + 1,
                "source": self.table["source"].combine_chunks().take(pa.array(rows)),
                "item": item,
                "clicked": hit,
            }
        )

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """Codes of what is resampled together, shape (n,): session, where unknown source, where unknown the list."""
        given = (self.table["session"], self.table["source"], pa.chunked_array([np.arange(len(self))]))
        # a session may have the name of a source
        named = (
            pc.binary_join_element_wise(column.cast(SCHEMA.field("session").type), *kind)
            for column, kind in zip(given, _KINDS, strict=True)
        )
        return _codes(pc.coalesce(*named))

    def between(self, start: datetime | None = None, end: datetime | None = None) -> ClickLog:
        """The lists shown at `start` or later and before `end`; those without a time are in no such part."""
        held = pc.is_valid(self.table["time"])
        if start is not None:
            held = pc.and_(held, pc.greater_equal(self.table["time"], _moment(start)))
        if end is not None:
            held = pc.and_(held, pc.less(self.table["time"], _moment(end)))
        return ClickLog(self.table.filter(pc.fill_null(held, False)))

    def split(self, at: datetime | float) -> tuple[ClickLog, ClickLog]:
        """Past and future: what is tuned on the first part is tested on the second.

        Parameters
        ----------
        at : datetime or float
            The first moment of the future, or the share of lists in the past, in (0, 1); lists of one moment stay
            together in the future.

        Raises
        ------
        InputError
            If a list has no time, or a part would be empty.
        SettingsError
            If a share is not in (0, 1).

        Examples
        --------
        >>> log = ClickLog.of({"shown": ["a"], "clicked": None, "time": f"2026-03-0{day}"} for day in (4, 1, 2, 3))
        >>> past, future = log.split(0.5)
        >>> [one.day for one in past.table["time"].to_pylist()], len(future)
        ([1, 2], 2)
        """
        if undated := self.table["time"].null_count:
            raise InputError(
                f"{undated:,} of {len(self):,} lists have no time and belong to neither past nor future; "
                "leave them out first with between()"
            )
        if not isinstance(at, datetime):
            if not 0 < at < 1:
                raise SettingsError(f"the share of the past is {at}; expected a number between 0 and 1")
            times = self.table["time"].combine_chunks().sort()
            at = times[int(at * len(times))].as_py() if len(times) else datetime.min
        parts = self.between(end=at), self.between(start=at)
        if not all(map(len, parts)):
            raise InputError(
                f"a split at {at} leaves {len(parts[0]):,} lists before and {len(parts[1]):,} after it; "
                "expected some in both"
            )
        return parts

    def paths(self) -> list[list[str]]:
        """What each session read, in order of time: the source of each list and then its clicks.

        A list without a session is a path of its own.
        """
        table = self.table.append_column("row", pa.array(np.arange(len(self))))
        table = table.sort_by([("time", "ascending"), ("row", "ascending")])
        paths: dict[str | int, list[str]] = {}
        for row in table.select(["row", "session", "source", "clicked"]).to_pylist():
            path = paths.setdefault(row["row"] if row["session"] is None else row["session"], [])
            path.extend([row["source"]] * (row["source"] is not None) + row["clicked"])
        return list(paths.values())


def _stream(source: str | Path | pa.Table | Iterable[Mapping[str, Any]]) -> Stream:
    if isinstance(source, Mapping):
        raise InputError("one dict was given, expected an iterable of them: ClickLog.read([row, ...])")
    if not isinstance(source, str | Path):
        return Stream("<lists>", data=source)
    path = Path(source)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    if not format_of(path):
        raise InputError(f"unknown kind of file: {path}; expected {', '.join(FORMATS)} (or .gz, .zst)")
    return Stream(shown_name(path), path)


def _accepted(
    stream: Stream, mapping: Mapping[str, str], strict: bool, report: ReadReport
) -> Iterator[dict[str, object]]:
    known: dict[tuple[str, ...], dict[str, str]] = {}
    for line, raw in stream.rows():
        report.read += 1
        try:
            if isinstance(raw, BadRow):
                raise RowError(str(raw))
            if not isinstance(raw, Mapping):
                raise RowError(f"{type(raw).__name__}, expected dict")
            names = tuple(raw)
            if names not in known:
                known[names] = _recognised(names, mapping)
            yield _row(raw, known[names], line)
        except RowError as error:
            if strict:
                raise InputError(f"{stream.name}, line {line}: {error}") from None
            report.rejected.append(Rejected(stream.name, line, str(error)))


def _recognised(columns: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Which column feeds which field: first `mapping`, then the known names."""
    by_name = {fold(column): column for column in reversed(columns) if isinstance(column, str)}
    found = {}
    for field in SCHEMA.names:
        names = [fold(name) for name in (field, *ALIASES[field])]
        column = mapping.get(field, next((by_name[name] for name in names if name in by_name), None))
        if column is not None:
            found[field] = column
    return found


def _row(raw: Mapping[str, Any], columns: Mapping[str, str], line: int) -> dict[str, object]:
    given = {field: raw.get(column) for field, column in columns.items()}
    if "clicked" not in given:  # not the same as no clicks
        raise RowError("no clicked column; expected clicked or clicks, empty where nothing was clicked")
    shown = _ids(given.get("shown"), "shown")
    clicked = list(dict.fromkeys(_ids(given["clicked"], "clicked")))
    if not shown:
        raise RowError("nothing was shown; expected ids in a column shown or items")
    if len(set(shown)) < len(shown):
        raise RowError(f"{next(name for name in shown if shown.count(name) > 1)!r} is shown twice")
    if foreign := [name for name in clicked if name not in shown]:
        raise RowError(f"a click on {foreign[0]!r}, which was not shown")
    time = given.get("time")
    return {
        **{field: _text(given.get(field), field) for field in ("source", "version", "session")},
        "list_id": _text(given.get("list_id"), "list_id") or str(line),
        "shown": shown,
        "clicked": clicked,
        "time": None if time is None else to_time(time),
    }


def _ids(value: object, field: str) -> list[str]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value) if value.lstrip().startswith("[") else value.split()
        except orjson.JSONDecodeError:
            raise RowError(f"{field} is not a JSON list: {value[:60]!r}") from None
    if value is None or (isinstance(value, float) and isnan(value)):
        return []
    if not isinstance(value, list | tuple):
        raise RowError(f"{field} is {type(value).__name__}, expected a list or text")
    names = [_text(part, field) for part in value]
    if None in names:
        raise RowError(f"an empty id in {field}")
    return [name for name in names if name]


def _text(value: object, field: str) -> str | None:
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowError(f"{field} is {type(value).__name__}, expected text")
    try:
        text = str(value).strip()
        text.encode()
    except ValueError:
        raise RowError(f"{field} is not valid UTF-8; convert the file's encoding") from None
    return text or None


def _moment(time: datetime) -> pa.Scalar:
    return pa.scalar(to_time(time), TIME)


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.list_value_length(lists).to_numpy(), dtype=np.int64)


def _codes(names: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(names.combine_chunks().dictionary_encode().indices.to_numpy(), dtype=np.int64)


def next_click(log: ClickLog) -> Judgments:
    """Judgments from clicks: what readers of a story went on to.

    Grade 1 = clicked under the story at least once, 0 = shown under it and never clicked; votes = times shown.
    Only what the logged lists showed is judged, and a click depends on the place in the list as well as on the item
    (Joachims et al. 2005), so these grades favour the system that was logged.

    Raises
    ------
    InputError
        If no list tells its source.

    Examples
    --------
    >>> log = ClickLog.of([{"source": "a", "shown": ["b", "c"], "clicked": [clicked]} for clicked in "bb"])
    >>> next_click(log).table.select(["item", "grade", "votes"]).to_pylist()
    [{'item': 'b', 'grade': 1.0, 'votes': 2}, {'item': 'c', 'grade': 0.0, 'votes': 2}]
    """
    items = log.items.filter(pc.is_valid(log.items["source"]))
    if not len(items):
        raise InputError("no list of the log tells the story under which it stood; expected a column source or story")
    pairs = items.group_by(["source", "item"]).aggregate([("clicked", "max"), ("clicked", "count")])
    columns = (pairs[name].to_pylist() for name in ("source", "item", "clicked_max", "clicked_count"))
    return Judgments.of(
        ((source, item, float(hit), times) for source, item, hit, times in zip(*columns, strict=True)), relevant=1.0
    )


def co_click(
    read: ClickLog | Mapping[str, Sequence[str]] | Iterable[Sequence[str]],
    *,
    window: int = 1,
    least: int = 2,
    grade: Literal["readers", "ppmi"] = "readers",
) -> Judgments:
    """Judgments from what the same readers read one after the other, in either order.

    Popular stories are next to everything, and readers click what they are shown, at the top first: these are weak
    labels. "ppmi" takes the popularity out of the grade, not out of the choice of pairs.

    Parameters
    ----------
    read : ClickLog, or ids in order of reading, one sequence a reader
        Of a log the `paths` of its sessions; a mapping stands for its values.
    window : int, default 1
        Two stories belong together at most so many places apart; a story twice in a row counts as once.
    least : int, default 2
        Pairs of fewer readers are left out.
    grade : {'readers', 'ppmi'}, default 'readers'
        'readers': the number of readers, relevant from `least`. 'ppmi': positive pointwise mutual information in bits
        (Church and Hanks 1990) over pairs of readers, relevant from 1, together twice as often as by chance.

    Raises
    ------
    InputError
        If no pair is left.
    SettingsError
        If a parameter is out of its range.

    Examples
    --------
    >>> judged = co_click([["a", "b", "c"], ["b", "a"], ["c", "a"]])
    >>> judged.table.to_pylist(), judged.symmetric
    ([{'story': 'a', 'item': 'b', 'grade': 2.0, 'votes': 2}], True)
    """
    if window < 1 or least < 1 or grade not in ("readers", "ppmi"):
        raise SettingsError(
            f"window {window}, least {least}, grade {grade!r}; expected 1 and more, and readers or ppmi"
        )
    paths = list(read.paths() if isinstance(read, ClickLog) else read.values() if isinstance(read, Mapping) else read)
    names = pa.array(chain.from_iterable(paths), pa.large_string()).dictionary_encode()
    codes = names.indices.to_numpy().astype(np.int64)
    reader = np.repeat(np.arange(len(paths)), np.array([len(path) for path in paths], dtype=np.int64))
    new = np.ones(len(codes), dtype=bool)
    new[1:] = (codes[1:] != codes[:-1]) | (reader[1:] != reader[:-1])
    codes, reader, width = codes[new], reader[new], len(names.dictionary)
    keys, readers = [], []
    for step in range(1, window + 1):
        one, other = codes[:-step], codes[step:]
        held = (reader[:-step] == reader[step:]) & (one != other)
        keys.append((np.minimum(one, other) * width + np.maximum(one, other))[held])
        readers.append(reader[step:][held])
    pairs, pair = np.unique(np.concatenate(keys), return_inverse=True)
    once = np.unique(pair * len(paths) + np.concatenate(readers))  # a reader counts once
    votes = np.bincount(once // max(len(paths), 1), minlength=len(pairs))
    low, high = np.divmod(pairs, max(width, 1))
    grades = votes.astype(np.float64)
    if grade == "ppmi":
        each = np.bincount(low, votes, width) + np.bincount(high, votes, width)
        grades = np.maximum(np.log2(votes * each.sum() / (each[low] * each[high])), 0)
    held = votes >= least
    if not held.any():
        raise InputError(
            f"no two stories were read by {least} readers at most {window} places apart; lower least or widen window"
        )
    told = names.dictionary.to_pylist()
    rows = zip(low[held].tolist(), high[held].tolist(), grades[held].tolist(), votes[held].tolist(), strict=True)
    return Judgments.of(
        ((*sorted((told[a], told[b])), value, count) for a, b, value, count in rows),
        relevant=1.0 if grade == "ppmi" else float(least),
        symmetric=True,
    )


@dataclass(frozen=True, eq=False)
class Replay:
    """Logged lists in another order, measured by their clicks.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Rows of the log that count.
    values, logged : mapping of measure to ndarray of float64, shape (m,)
        Of the system's order and of the logged one.
    groups : ndarray of int64, shape (m,)
        What to resample together, as in `ClickLog.groups`.
    left_out : int
        Lists of the log without a source, without a click, or with clicks on everything.
    """

    rows: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    logged: Mapping[str, NDArray[np.float64]]
    groups: NDArray[np.int64]
    left_out: int

    @property
    def mean(self) -> dict[str, float]:
        """Mean of each measure, system's order."""
        return {name: float(values.mean()) for name, values in self.values.items()}

    @property
    def logged_mean(self) -> dict[str, float]:
        """Mean of each measure, logged order."""
        return {name: float(values.mean()) for name, values in self.logged.items()}


def replay(log: ClickLog, relevance: Relevance) -> Replay:
    """Order what each list showed by a system's relevance, and measure where the clicks end up.

    The measures of MIND (Wu et al. 2020) with clicks as grades of 1: AUC, reciprocal rank of the first click (MIND's
    own script averages over all clicks), nDCG@5 and nDCG@10 (Jarvelin and Kekalainen 2002). Equal relevance counts as
    the mean over all orders of the equal items (McSherry and Najork 2008), so the logged order decides nothing. The
    system only reorders what was shown, and clicks were drawn by the logged places: the logged order has an advantage.

    Parameters
    ----------
    log : ClickLog
        Lists with a source, at least one click and one item without a click.
    relevance : callable
        Called once with every distinct pair: sources and items, sequences of m ids; returns shape (m,).

    Raises
    ------
    InputError
        If no list counts, or the relevance is not m numbers.

    Examples
    --------
    >>> log = ClickLog.of([{"source": "a", "shown": ["b", "c", "d"], "clicked": ["d"]}])
    >>> found = replay(log, lambda sources, items: np.array([item == "d" for item in items], dtype=float))
    >>> found.mean["RR"], round(found.logged_mean["RR"], 3)
    (1.0, 0.333)
    """
    items = log.items
    lists, hit = items["list"].to_numpy(), items["clicked"].to_numpy()
    clicks, shown = np.bincount(lists, hit, len(log)), np.bincount(lists, minlength=len(log))
    counts = (clicks > 0) & (clicks < shown) & pc.is_valid(log.table["source"]).to_numpy()
    if not counts.any():
        raise InputError("no list of the log has a source, a click and an item without one; there is nothing to replay")
    items, hit = items.filter(pa.array(counts[lists])), hit[counts[lists]]
    lists = (np.cumsum(counts) - 1)[items["list"].to_numpy()]
    sources, names = _codes(items["source"]), _codes(items["item"])
    _, first, pair = np.unique(sources * (names.max() + 1) + names, return_index=True, return_inverse=True)
    asked = items.take(pa.array(first))
    scores = np.asarray(relevance(asked["source"].to_pylist(), asked["item"].to_pylist()), dtype=np.float64)
    if scores.shape != (len(first),) or np.isnan(scores).any():
        raise InputError(
            f"the relevance of {len(first):,} pairs has shape {scores.shape} and {np.isnan(scores).sum()} NaN; "
            f"expected ({len(first)},) and none (-inf = last)"
        )
    return Replay(
        np.flatnonzero(counts),
        _measured(lists, scores[pair], hit),
        _measured(lists, -items["place"].to_numpy().astype(np.float64), hit),
        log.groups[counts],
        int((~counts).sum()),
    )


def _measured(
    lists: NDArray[np.int64], scores: NDArray[np.float64], clicked: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """Expected measures over random orders of ties; `lists` ascending from 0, each with clicked and other items."""
    order = np.lexsort((-scores, lists))
    scores, hit = scores[order], clicked[order].astype(np.float64)
    size, clicks = np.bincount(lists), np.bincount(lists, hit)
    rank = np.arange(len(lists)) - (np.cumsum(size) - size)[lists] + 1
    tied = np.ones(len(lists), dtype=bool)
    tied[1:] = (lists[1:] != lists[:-1]) | (scores[1:] != scores[:-1])
    start, tie = np.flatnonzero(tied), np.cumsum(tied) - 1
    ties, hits = np.bincount(tie)[tie], np.bincount(tie, hit)[tie]
    expected = hits / ties  # clicks at this rank
    rank_sum = np.bincount(lists, expected * (size[lists] + 1 - rank))
    found: dict[str, NDArray[np.float64]] = {"AUC": (rank_sum - clicks * (clicks + 1) / 2) / (clicks * (size - clicks))}
    # P(the first of h clicks among t ties is the jth) = C(t - j, h - 1) / C(t, h)
    place = np.arange(len(lists)) - start[tie] + 1
    before = np.cumsum(hit) - hit
    leading = (before[start][tie] == before[np.cumsum(size) - size][lists]) & (hits > 0)
    t, j, h = ties[leading], place[leading], hits[leading]
    first = np.exp(_log_choose(t - j, h - 1) - _log_choose(t, h))
    found["RR"] = np.bincount(lists[leading], first / rank[leading]).astype(np.float64)
    for k in (5, 10):
        gain = np.where(rank <= k, expected / np.log2(rank + 1), 0)
        ideal = np.cumsum(1 / np.log2(np.arange(k) + 2))[np.minimum(clicks, k).astype(np.int64) - 1]
        found[f"nDCG@{k}"] = np.bincount(lists, gain) / ideal
    return found


def _log_choose(n: NDArray[np.floating], k: NDArray[np.floating]) -> NDArray[np.float64]:
    """Natural logarithm of the binomial coefficient; -inf where k > n."""
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))


@dataclass(frozen=True, eq=False)
class ABResult:
    """Version b against version a.

    Attributes
    ----------
    a, b : str
    lists, groups : mapping of version to int
        Lists shown, and the sessions (or sources) that they come from.
    click_through, clicks : mapping of version to Estimate
        Share of lists with a click, and clicks per list.
    difference, clicks_difference : Estimate
        The same, b - a.
    p, clicks_p : float
        Two-sided, of the differences.
    by_place : mapping of version to ndarray of float64, shape (longest list,)
        Share of lists with a click at each place, of those that have the place.
    overlap_hours : float
        How long both versions were shown; NaN where undated. Outside it time is compared as well as versions.
    """

    a: str
    b: str
    lists: Mapping[str, int]
    groups: Mapping[str, int]
    click_through: Mapping[str, Estimate]
    clicks: Mapping[str, Estimate]
    difference: Estimate
    clicks_difference: Estimate
    p: float
    clicks_p: float
    by_place: Mapping[str, NDArray[np.float64]]
    overlap_hours: float


def ab(log: ClickLog, a: str, b: str, *, times: int = 1000, seed: int = 0) -> ABResult:
    """Compare two versions that were shown side by side to randomly divided readers.

    Lists of one session are not independent. The intervals resample whole sessions (percentile bootstrap, Field and
    Welsh 2007), or sources where sessions are unknown; p is a score test whose variance adds up within them (Liang and
    Zeger 1986), which for independent lists is the two-proportion z test. Both want some forty groups and more.

    Parameters
    ----------
    log : ClickLog
        Lists of other versions are left out.
    a, b : str
        Names in `version`.
    times : int, default 1000
        Resamples.
    seed : int, default 0

    Raises
    ------
    InputError
        If a version has no list, or the second began after the first had ended.
    SettingsError
        If `times` is below 1 or a is b.

    Examples
    --------
    >>> shown = [{"version": "ab"[i % 2], "shown": ["x", "y"], "clicked": ["x"] * (i % 5 == 0 or i % 4 == 1)}
    ...          for i in range(800)]
    >>> result = ab(ClickLog.of(shown), "a", "b")
    >>> print(result.difference, result.p < 0.001)
    .400 [.336, .460] True
    """
    if times < 1 or a == b:
        raise SettingsError(f"times {times}, versions {a!r} and {b!r}; expected at least 1 and two different versions")
    log = ClickLog(log.table.filter(pc.fill_null(pc.is_in(log.table["version"], pa.array([a, b])), False)))
    second = pc.equal(log.table["version"], b).to_numpy()
    lists = {a: int((~second).sum()), b: int(second.sum())}
    if missing := [name for name in (a, b) if not lists[name]]:
        raise InputError(f"no list of version {missing[0]!r} in the log; see its column version")
    overlap = _overlap_hours(log.table["time"].cast(pa.int64()), second)
    if overlap < 0:
        raise InputError(
            f"versions {a!r} and {b!r} were not shown at the same time ({-overlap:.1f} hours between them), so a "
            "difference may be one of the news; expected readers divided at random between both"
        )
    clicks = _lengths(log.table["clicked"].combine_chunks()).astype(np.float64)
    through = np.minimum(clicks, 1)
    weights = [mask * value for value in (np.ones(len(log)), through, clicks) for mask in (~second, second)]
    sums = np.stack([np.bincount(log.groups, weight) for weight in weights], axis=1)  # (groups, 6)
    rng, count = np.random.default_rng(seed), len(sums)
    drawn = np.stack([np.bincount(rng.integers(count, size=count), minlength=count) @ sums for _ in range(times)])
    drawn = drawn[(drawn[:, :2] > 0).all(axis=1)]  # both versions are there
    rates, value = (sample[..., 2:] / sample[..., [0, 1, 0, 1]] for sample in (drawn, sums.sum(axis=0)))
    rates, value = (
        np.concatenate([one, one[..., 1::2] - one[..., ::2]], axis=-1) for one in (rates, value)
    )  # a, b, a, b, b - a, b - a
    if len(rates):
        low, high = np.percentile(rates, [2.5, 97.5], axis=0)
    else:
        low, high = np.full((2, 6), np.nan)
    found = [Estimate(*map(float, one)) for one in zip(value, low, high, strict=True)]
    return ABResult(
        a,
        b,
        lists,
        {name: int((sums[:, column] > 0).sum()) for column, name in enumerate((a, b))},
        {a: found[0], b: found[1]},
        {a: found[2], b: found[3]},
        found[4],
        found[5],
        _score_test(through, second, log.groups),
        _score_test(clicks, second, log.groups),
        {name: _by_place(log.items, mask) for name, mask in ((a, ~second), (b, second))},
        overlap,
    )


def _score_test(values: NDArray[np.float64], second: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """Two-sided p of equal means of both versions, residuals from the common mean summed within groups."""
    share = np.where(second, 1 / second.sum(), -1 / (~second).sum()) * (values - values.mean())
    spread = float(np.sum(np.bincount(groups, share) ** 2))
    return float(2 * norm.sf(abs(share.sum()) / sqrt(spread))) if spread > 0 else 1.0


def _overlap_hours(times: pa.ChunkedArray, second: NDArray[np.bool_]) -> float:
    parts = [times.filter(pa.array(mask)).drop_null().to_numpy() for mask in (~second, second)]
    if not all(map(len, parts)):
        return float("nan")
    return float(min(part.max() for part in parts) - max(part.min() for part in parts)) / 3.6e9


def _by_place(items: pa.Table, held: NDArray[np.bool_]) -> NDArray[np.float64]:
    mask = held[items["list"].to_numpy()]
    place = items["place"].to_numpy()[mask] - 1
    return np.bincount(place, items["clicked"].to_numpy()[mask]) / np.bincount(place)


def sample_size(
    rate: float, difference: float, *, power: float = 0.8, alpha: float = 0.05, design_effect: float = 1.0
) -> int:
    """Lists needed of each version, so that a difference in click-through is found.

    Normal approximation of two proportions, two-sided, without continuity correction (Fleiss, Levin and Paik 2003,
    section 4.2), times the design effect.

    Parameters
    ----------
    rate : float
        Click-through of the version in use, in (0, 1).
    difference : float
        The smallest difference worth finding, absolute: 0.002 = from 2.0 % to 2.2 %.
    power : float, default 0.8
        Chance of finding it, between `alpha` and 1.
    alpha : float, default 0.05
        Chance of a false alarm.
    design_effect : float, default 1.0
        See `design_effect`.

    Raises
    ------
    SettingsError
        If a value is impossible.

    Examples
    --------
    >>> sample_size(0.02, 0.002), sample_size(0.02, 0.002, design_effect=1.5)
    (80682, 121023)
    """
    other = rate + difference
    if not (0 < rate < 1 and 0 < other < 1 and difference):
        raise SettingsError(
            f"rate {rate} and difference {difference}; expected shares of lists: the rate and their sum between "
            "0 and 1, and some difference"
        )
    if not (0 < alpha < power < 1 and 0 < design_effect < np.inf):
        raise SettingsError(
            f"power {power}, alpha {alpha}, design_effect {design_effect}; expected 0 < alpha < power < 1 and a design "
            "effect above 0"
        )
    mean = (rate + other) / 2
    apart = norm.isf(alpha / 2) * sqrt(2 * mean * (1 - mean))
    found = norm.ppf(power) * sqrt(rate * (1 - rate) + other * (1 - other))
    needed: float = design_effect * ((apart + found) / difference) ** 2
    return ceil(needed)


def design_effect(clicked: ArrayLike, clusters: ArrayLike) -> float:
    """How many times more lists are needed because those of one session resemble each other (Kish 1965).

    The variance of the click-through with lists summed within clusters, over that of as many independent lists.

    Parameters
    ----------
    clicked : array_like of bool or float, shape (n,)
        Whether a list was clicked.
    clusters : array_like, shape (n,)
        Session of each list.

    Returns
    -------
    float
        1 if every list has a session of its own.

    Raises
    ------
    InputError
        If there are fewer than two clusters, or all lists were clicked or none.

    Examples
    --------
    >>> round(design_effect([1, 1, 0, 0, 1, 1, 0, 0], [1, 1, 2, 2, 3, 3, 4, 4]), 2)
    2.33
    """
    values = np.asarray(clicked, dtype=np.float64)
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if values.ndim != 1 or values.shape != codes.shape:
        raise InputError(f"clicked has shape {values.shape}, clusters {codes.shape}; expected (n,) twice")
    rest, n, g = values - values.mean() if len(values) else values, len(values), len(names)
    if g < 2 or not rest.any():
        raise InputError(f"{n} lists of {g} clusters, all clicked or none; expected two clusters, and some clicked")
    together = np.sum(np.bincount(codes, rest) ** 2) * g / (g - 1)
    return float(together / (np.sum(rest**2) * n / (n - 1)))
