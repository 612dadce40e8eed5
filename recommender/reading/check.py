"""Describe what an input contains, before anything is published of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, UNDATED
from recommender.articles.boilerplate import ONLY_BY_FORM, Boilerplate, Passage
from recommender.articles.catalog import Catalog
from recommender.articles.languages import MIXED, UNKNOWN, unknown_language_warning, with_site_language
from recommender.articles.links import resolve_links
from recommender.progress import Progress, silent
from recommender.reading.read import Source, read_articles
from recommender.reading.report import ReadReport
from recommender.reading.unread import unused_columns
from recommender.settings import ReadingSettings

FIELDS = (
    *("title", "body", "lead", "section", "tags", "language", "author", "source", "url", "image_url"),
    *("published_at", "updated_at", "expires_at", "canonical_id", "kind", "access", "sensitivity", "links"),
)
_MAX_VALUES = 8  # of a column
_DEFAULTS = {"kind": "news", "access": "free"}  # what stands where an input says nothing


@dataclass(frozen=True)
class Check:
    """What was found in an input.

    Attributes
    ----------
    rows, stories, rejected, superseded, unpublished : int
        Rows that were read, and what became of them.
    reasons : dict of str to int
        Why rows were rejected or are not published, the commonest first.
    filled : dict of str to float
        Share of the stories that have each field; of `kind` and `access` one other than 'news' and 'free', which also
        stand where an input says nothing.
    without_clock : float
        Share of the dates that stand at midnight: of these only the day is known.
    languages, kinds, sections : dict of str to int
        The commonest values.
    copies : int
        Stories that repeat the text of another.
    links, unresolved_links : int
        Links between stories, and those that lead to none.
    boilerplate : tuple of Passage
        What recurs across the stories, and leaves the texts that they are compared by, the commonest first.
    by_form : int
        Stories that lose a byline, a dateline, or paragraphs of links, captions and credits.
    unused : tuple of str
        Columns that no field was read from; stories keep what they contain.
    findings : tuple of str
        What was repaired or left out, with an example each.
    """

    rows: int
    stories: int
    rejected: int
    superseded: int
    unpublished: int
    reasons: dict[str, int]
    filled: dict[str, float]
    newest: datetime | None
    oldest: datetime | None
    without_clock: float
    languages: dict[str, int]
    kinds: dict[str, int]
    sections: dict[str, int]
    copies: int
    links: int
    unresolved_links: int
    boilerplate: tuple[Passage, ...]
    by_form: int
    unused: tuple[str, ...]
    findings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Convert the check to values that JSON can represent."""
        fields = asdict(self)
        for name in ("newest", "oldest"):
            fields[name] = fields[name] and fields[name].isoformat()
        return fields


def check(
    articles: Source,
    *,
    now: datetime,
    settings: ReadingSettings | None = None,
    columns: Mapping[str, str] | None = None,
    format: str | None = None,
    known_languages: Collection[str] | None = None,
    progress: Progress = silent,
) -> tuple[Check, ReadReport]:
    """Read an input, arguments as of `read_articles`, and describe it; its times are compared with `now`.

    `known_languages` are those that the model knows; None = all.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> found, _ = check([{"id": 1, "title": "Ferry aground"}, {"id": 2}], now=datetime.now(UTC))
    >>> found.stories, found.rejected, found.filled["title"]
    (1, 1, 1.0)
    """
    settings = settings or ReadingSettings()
    table, report = read_articles(articles, settings=settings, columns=columns, format=format, progress=progress)
    catalog = Catalog.from_table(table)
    with catalog.with_boilerplate(Boilerplate.from_settings(catalog.table, settings)) as catalog:
        copies = len(table) - len(np.unique(catalog.copy_group))
    report.boilerplate = catalog.boilerplate.passages
    links = resolve_links(catalog).report
    dated = catalog.published[catalog.published != UNDATED]
    reasons = Counter(row.reason for row in report.rejected) + report.unpublished
    warning = unknown_language_warning(table, known_languages, settings.site_language)
    with_language, site = with_site_language(table, settings.site_language) if len(table) else (table, UNKNOWN)
    return Check(
        rows=report.read + sum(not row.line for row in report.rejected),  # files that gave none count as one
        stories=len(table),
        rejected=len(report.rejected),
        superseded=report.superseded,
        unpublished=sum(report.unpublished.values()),
        reasons=dict(reasons.most_common(_MAX_VALUES)),
        filled={name: round(_share_filled(table[name], _DEFAULTS.get(name, "")), 4) for name in FIELDS},
        newest=_to_datetime(dated.max()) if len(dated) else None,
        oldest=_to_datetime(dated.min()) if len(dated) else None,
        without_clock=round(float((dated % DAY_US == 0).mean()), 4) if len(dated) else 0.0,
        languages=_commonest(pc.fill_null(with_language["language"], UNKNOWN if site == MIXED else site)),
        kinds=_commonest(table["kind"]),
        sections=_commonest(table["section"]),
        copies=copies,
        links=links.links,
        unresolved_links=links.unresolved,
        boilerplate=report.boilerplate,
        by_form=_count_by_form(catalog.table) if settings.drop_boilerplate else 0,
        unused=unused_columns(table),
        findings=(*report.findings(now), *_describe_future(dated, now), *([warning] if warning else [])),
    ), report


def _describe_future(dated: NDArray[np.int64], now: datetime) -> list[str]:
    ahead = dated[dated > int(now.timestamp() * 1e6) + DAY_US]
    if not len(ahead):
        return []
    latest = _to_datetime(ahead.max())
    until = f", the latest on {latest:%Y-%m-%d}" if latest else ""
    return [
        f"{len(ahead):,} stories are dated more than a day in the future{until}, and wait until then: if that is "
        "wrong, see reading.day_first, reading.date_format and reading.time_zone"
    ]


def _count_by_form(table: pa.Table) -> int:
    """Count stories that lose something though nothing recurs."""
    bodies = ONLY_BY_FORM.cleaned(table)["body"]
    return int(pc.sum(pc.not_equal(bodies, table["body"])).as_py() or 0)


def _share_filled(column: pa.ChunkedArray, nothing: str) -> float:
    if not len(column):
        return 0.0
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        is_filled = pc.greater(pc.fill_null(pc.list_value_length(column), 0), 0)
    elif pa.types.is_timestamp(column.type):
        is_filled = pc.is_valid(column)
    else:
        is_filled = pc.fill_null(pc.not_equal(column.cast(pa.large_string()), nothing), False)
    return float(pc.mean(is_filled.cast(pa.float64())).as_py())


def _commonest(column: pa.ChunkedArray) -> dict[str, int]:
    counts = pc.value_counts(column.drop_null()).to_pylist()
    counts.sort(key=lambda count: (-count["counts"], count["values"]))
    return {count["values"]: count["counts"] for count in counts[:_MAX_VALUES]}


def _to_datetime(micros: np.int64) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(micros) / 1e6, UTC)
    except (ValueError, OverflowError):
        return None
