"""Impressions of the Microsoft News Dataset (MIND; Wu et al. 2020), from its file behaviors.tsv."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recommender.errors import RowError
from recommender.reading.formats import shown_name
from recommender.reading.read import ReadReport, Rejected

NO_SOURCE, TOO_FEW = "no known story read before", "fewer than 2 known items shown"
COLUMNS = 5


def impressions(path: Path, report: ReadReport) -> Iterator[dict[str, Any]]:
    """Rows of behaviors.tsv: list_id, session, time, history, shown and the set clicked.

    Times carry no zone in MIND and are taken as UTC.
    """
    return tsv_rows(path, COLUMNS, _impression, report)


def as_list(row: Mapping[str, Any], known: Collection[str], left_out: dict[str, int]) -> dict[str, Any] | None:
    """Make a row of a click log of an impression; None, and counted, where too few of its stories are known.

    Its source is the last known story of the reader's history; what was shown are the other known stories.
    """
    history = row["history"]
    source = next((name for name in reversed(history) if name in known), None)
    shown = [name for name in row["shown"] if name in known and name != source]
    if source is None or len(shown) < 2:
        reason = NO_SOURCE if source is None else TOO_FEW
        left_out[reason] = left_out.get(reason, 0) + 1
        return None
    rest = {name: row[name] for name in ("list_id", "session", "time")}
    return {**rest, "source": source, "shown": shown, "clicked": [name for name in shown if name in row["clicked"]]}


def tsv_rows(path: Path, columns: int, parse: Any, report: ReadReport) -> Iterator[dict[str, Any]]:
    """Rows of a file without header, quoting or escapes."""
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


def _impression(values: list[str]) -> Mapping[str, Any]:
    name, reader, time, history, shown = (value.strip() for value in values)
    if not name or not reader:
        raise RowError("no reader" if name else "missing id")
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
        "list_id": name,
        "session": reader,
        "time": moment,
        "history": history.split(),
        "shown": list(items),
        "clicked": clicked,
    }
