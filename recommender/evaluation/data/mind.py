"""The Microsoft News Dataset (MIND; Wu et al. 2020): articles, a click log and reading histories from its two files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recommender.errors import InputError, RowError
from recommender.evaluation.data.clicks import ClickLog
from recommender.reading.formats import shown_name
from recommender.reading.report import ReadReport, Rejected

ABOUT = "MIND: Microsoft News, six weeks of 2019, stories with title and abstract, clicks of anonymous readers"
LICENCE = "Microsoft Research License: research only"
NO_SOURCE, TOO_FEW = "no known story read before", "fewer than 2 known items shown"


@dataclass(frozen=True, eq=False)
class Mind:
    """What `read_mind` found.

    Attributes
    ----------
    articles : list of dict
        Rows for `Recommender.fit`: id, title, lead, section, tags, url, language. MIND dates no story.
    log : ClickLog
        Source: the last known story of the reader's history. Shown: known stories other than the source. MIND shuffled
        what it shows, so places mean nothing. Session: the reader.
    histories : dict of str to tuple of str
        Reader -> clicks in order, known stories or not: the longest history given; no empty ones.
    report : ReadReport
        Rows of both files; damaged ones with file, line and reason; of a story given twice the first counts.
    left_out : dict of str to int
        Sound impressions that are not in the log, by reason.
    """

    articles: list[dict[str, Any]]
    log: ClickLog
    histories: dict[str, tuple[str, ...]]
    report: ReadReport
    left_out: dict[str, int]


def read_mind(folder: str | Path) -> Mind:
    """Read news.tsv and behaviors.tsv of one part of MIND (train or dev).

    Times carry no zone in MIND and are taken as UTC.

    Parameters
    ----------
    folder : path

    Raises
    ------
    InputError
        If a file is missing.
    """
    folder = Path(folder)
    for name in ("news.tsv", "behaviors.tsv"):
        if not (folder / name).is_file():
            raise InputError(
                f"no {name} in {folder}; MIND can be had from https://msnews.github.io/ ({LICENCE}): unpack "
                "news.tsv and behaviors.tsv into one folder"
            )
    report = ReadReport()
    articles: dict[str, dict[str, Any]] = {}
    for article in _read(folder / "news.tsv", 8, _article, report):
        if articles.setdefault(article["id"], article) is not article:
            report.superseded += 1
    known = {name: name for name in articles}  # one string object an id
    histories: dict[str, tuple[str, ...]] = {}
    left_out = {NO_SOURCE: 0, TOO_FEW: 0}

    def lists() -> Iterator[dict[str, Any]]:
        for row in _read(folder / "behaviors.tsv", 5, _impression, report):
            history = row.pop("history")
            if len(history) > len(histories.get(row["session"], ())):
                histories[row["session"]] = tuple(history)
            source = next((known[name] for name in reversed(history) if name in known), None)
            shown = [known[name] for name in row["shown"] if name in known and name != source]
            if source is None or len(shown) < 2:
                left_out[NO_SOURCE if source is None else TOO_FEW] += 1
                continue
            clicked = [name for name in shown if name in row["clicked"]]
            yield {**row, "source": source, "shown": shown, "clicked": clicked}

    log = ClickLog.of(lists())
    report.accepted = report.read - report.superseded - len(report.rejected)
    return Mind(list(articles.values()), log, histories, report, left_out)


def _read(path: Path, columns: int, parse: Any, report: ReadReport) -> Iterator[dict[str, Any]]:
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


def _article(values: list[str]) -> dict[str, Any]:
    name, category, subcategory, title, abstract, url, *_ = (value.strip() for value in values)
    if not name or not title:
        raise RowError("no title" if name else "missing id")
    return {
        "id": name,
        "title": title,
        "lead": abstract,
        "section": category or None,
        "tags": (subcategory,) if subcategory else (),
        "url": url or None,
        "language": "en",
    }


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
