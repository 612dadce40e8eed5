"""Impressions of the Microsoft News Dataset (MIND; Wu et al. 2020), from its file behaviors.tsv, as a click log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from recommender.errors import InputError, RowError
from recommender.reading.clicks import ClickLog, refuse_many_rejected
from recommender.reading.formats import shown_name
from recommender.reading.report import ReadReport, Rejected
from recommender.settings import ReadingSettings

NO_SOURCE, TOO_FEW = "no known story read before", "fewer than 2 known items shown"
COLUMNS = 5


def read_impressions(path: Path, report: ReadReport) -> Iterator[dict[str, Any]]:
    """Read rows of behaviors.tsv: list_id, session, time, history, shown and the set clicked.

    Times carry no zone in MIND and are taken as UTC.
    """
    return read_tsv(path, COLUMNS, _parse_impression, report)


def to_click_row(
    row: Mapping[str, Any], known: Container[str], left_out: Counter[str], *, every: bool = False
) -> dict[str, Any] | None:
    """Make a row of a click log from an impression; None, and counted, where too few of its stories are known.

    Its source is the last known story of the reader's history. What was shown are the other known stories, or `every`
    other one, each at the place that it had.
    """
    source = next((id_ for id_ in reversed(row["history"]) if id_ in known), None)
    shown = [id_ for id_ in row["shown"] if id_ != source and (every or id_ in known)]
    if source is None or len(shown) < 2:
        left_out[NO_SOURCE if source is None else TOO_FEW] += 1
        return None
    same = {name: row[name] for name in ("list_id", "session", "time")}
    return {**same, "source": source, "shown": shown, "clicked": [id_ for id_ in shown if id_ in row["clicked"]]}


def read_clicks(
    source: str | Path | pa.Table | ClickLog, known: Container[str], settings: ReadingSettings | None = None
) -> tuple[ClickLog, ReadReport]:
    """Read what readers were shown and clicked: a click log, see `ClickLog.read`, or MIND's behaviors.tsv.

    MIND names no source: it is the last story of the reader's history among the `known` ids. `InputError` is raised
    if the file is missing or no list can be used.
    """
    if isinstance(source, ClickLog):
        return source, ReadReport(read=len(source), accepted=len(source))
    if isinstance(source, str | Path) and _is_behaviors(Path(source)):
        report = ReadReport()
        rows = (to_click_row(row, known, Counter(), every=True) for row in read_impressions(Path(source), report))
        log = ClickLog.of(row for row in rows if row is not None)
        report.accepted = len(log)
    else:
        log, report = ClickLog.read(source, settings=settings)
    name = shown_name(Path(source)) if isinstance(source, str | Path) else "the click log"
    if not len(log):
        raise InputError(
            f"no list of {name} can be used, of {report.read:,} rows; expected the columns source, shown and clicked, "
            "or MIND's behaviors.tsv with stories of this archive in the histories"
        )
    refuse_many_rejected(log, report, name)
    return log, report


def _is_behaviors(path: Path) -> bool:
    if path.suffix.lower() != ".tsv" or not path.is_file():
        return False
    with path.open("rb") as file:
        first = file.readline(1 << 20).decode(errors="replace").rstrip("\r\n").split("\t")
    try:
        return len(first) == COLUMNS and bool(_parse_impression(first))
    except RowError:
        return False


def read_tsv(path: Path, columns: int, parse: Any, report: ReadReport) -> Iterator[dict[str, Any]]:
    """Read rows of a file without header, quoting or escapes."""
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            report.read += 1
            try:
                values = raw.decode().rstrip("\r\n").split("\t")
                if len(values) != columns:
                    raise RowError(f"{len(values)} columns, expected {columns}")
                row = parse(values)
            except UnicodeDecodeError as error:
                report.rejected.append(Rejected(shown_name(path), line, f"not valid UTF-8 at byte {error.start}"))
            except RowError as error:
                report.rejected.append(Rejected(shown_name(path), line, str(error)))
            else:
                yield row


def _parse_impression(values: list[str]) -> Mapping[str, Any]:
    id_, reader, time, history, shown = (value.strip() for value in values)
    if not id_ or not reader:
        raise RowError("no reader" if id_ else "missing id")
    try:
        moment = datetime.strptime(time, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
    except ValueError:
        raise RowError(f"unreadable time {time[:60]!r}; expected 11/12/2019 2:14:46 PM") from None
    items: dict[str, bool] = {}
    for part in shown.split():
        item, _, click = part.rpartition("-")
        if not item or click not in ("0", "1"):
            raise RowError(f"shown item {part[:60]!r} without -0 or -1 (the test part of MIND tells no clicks)")
        items[item] = items.get(item, False) or click == "1"
    if not items:
        raise RowError("nothing was shown")
    clicked = {item for item, click in items.items() if click}
    return {
        "list_id": id_,
        "session": reader,
        "time": moment,
        "history": history.split(),
        "shown": list(items),
        "clicked": clicked,
    }
