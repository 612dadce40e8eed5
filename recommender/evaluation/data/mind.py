"""The Microsoft News Dataset (MIND; Wu et al. 2020): articles and a click log from its two files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommender.errors import InputError, RowError
from recommender.reading.behaviors import NO_SOURCE, TOO_FEW, read_impressions, read_tsv, to_click_row
from recommender.reading.clicks import ClickLog
from recommender.reading.report import ReadReport

ABOUT = "MIND: Microsoft News, six weeks of 2019, stories with title and abstract, clicks of anonymous readers"
LICENCE = "Microsoft Research License: research only"


@dataclass(frozen=True, eq=False)
class Mind:
    """Articles, which have no dates, and the click log of MIND.

    The source of a list is the last known story of the reader's history; its items are the known stories shown, other
    than the source. MIND shuffled the shown stories, so places mean nothing. A session is a reader.
    """

    articles: list[dict[str, Any]]  # rows for `Recommender.fit`
    log: ClickLog
    report: ReadReport  # of both files; the first of several rows of a story is used
    left_out: dict[str, int]  # undamaged impressions that are not in the log, by reason


def read_mind(folder: str | Path) -> Mind:
    """Read news.tsv and behaviors.tsv of one part of MIND (train or dev); times are read as UTC."""
    folder = Path(folder)
    for name in ("news.tsv", "behaviors.tsv"):
        if not (folder / name).is_file():
            raise InputError(
                f"no {name} in {folder}; MIND can be had from https://msnews.github.io/ ({LICENCE}): unpack "
                "news.tsv and behaviors.tsv into one folder"
            )
    report = ReadReport()
    articles: dict[str, dict[str, Any]] = {}
    for article in read_tsv(folder / "news.tsv", 8, _article, report):
        if articles.setdefault(article["id"], article) is not article:
            report.superseded += 1
    left_out = Counter({NO_SOURCE: 0, TOO_FEW: 0})

    def lists() -> Iterator[dict[str, Any]]:
        for row in read_impressions(folder / "behaviors.tsv", report):
            if (shown := to_click_row(row, articles, left_out)) is not None:
                yield shown

    log = ClickLog.of(lists())
    report.accepted = report.read - report.superseded - len(report.rejected)
    return Mind(list(articles.values()), log, report, dict(left_out))


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
