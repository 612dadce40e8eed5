"""Raw rows of one stream -> articles, one at a time: what this says of a row holds, however it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from recommender.articles.article import FIELDS, Article
from recommender.errors import RowError
from recommender.reading.convert import UnsettledOrder
from recommender.reading.fields import Unpublished, to_article
from recommender.reading.formats import BadRow, Stream
from recommender.reading.formats.json_document import rows_of_line
from recommender.reading.formats.shapes import converter_of
from recommender.reading.names import fold
from recommender.reading.plan import Plan
from recommender.reading.report import ReadReport, Rejected
from recommender.reading.times import days_first
from recommender.reading.values import plain
from recommender.settings import ReadingSettings


class RowReader:
    """Makes articles of the rows of one stream, and tells in a report what became of them.

    Parameters
    ----------
    stream : Stream
    mapping : mapping
        Field -> column, for names that are not recognised.
    settings : ReadingSettings
    drafts : bool
        Read rows that are no published stories like all others.
    report : ReadReport, optional
        What becomes of them is told there.
    """

    def __init__(
        self,
        stream: Stream,
        mapping: Mapping[str, str],
        settings: ReadingSettings,
        drafts: bool,
        report: ReadReport | None = None,
    ) -> None:
        self.stream, self.settings, self.report = stream, settings, report or ReadReport()
        self._mapping, self._drafts = mapping, drafts
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._shapes: dict[tuple[Any, ...], Callable[[dict[str, Any]], dict[str, Any]] | None] = {}

    def read(self, line: int, raw: Any) -> tuple[Article, str | None] | None:
        """Read the article of a row, and what says that it is no published story; None where the row is rejected."""
        try:
            if isinstance(raw, BadRow):
                raise RowError(str(raw))
            raw = self.shaped(raw)
            return self._article(raw), None
        except Unpublished as row:
            return row.article, row.reason
        except RowError as error:
            told_id = _given_id(raw, self._plans.get(tuple(raw))) if isinstance(raw, Mapping) else None
            reason = (_error_answer(raw) or str(error)).encode(errors="replace").decode()
            self.report.rejected.append(Rejected(self.stream.name, line, reason, told_id))
            return None

    def shaped(self, raw: Article | Mapping[str, Any]) -> Mapping[str, Any]:
        """Rename and unpack the columns of a row, so that all are known by name."""
        if isinstance(raw, Article):
            raw = {name: getattr(raw, name) for name in FIELDS}
        shape = self._shape(tuple(raw))
        return raw if shape is None else shape({name: plain(value) for name, value in raw.items()})

    def _shape(self, names: tuple[Any, ...]) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
        if names not in self._shapes:
            self._shapes[names] = converter_of(names)
        return self._shapes[names]

    def is_simple(self, names: tuple[str, ...]) -> bool:
        """Tell whether a missing column and one that holds null are the same in all rows with some of these names.

        So it is where no field has two columns, nothing wraps stories, and no order of columns is kept.
        """
        if self._mapping or not names or self._shape(names) is not None:
            return False
        columns = Plan.of(names, {}, self.settings, ReadReport(), self._drafts).columns
        probes = [orjson.dumps({name: value}) for name in names for value in ("", ["text"])]
        return (
            "id" in columns
            and all(len(some) == 1 for some in columns.values())
            and len({fold(name) for name in names}) == len(names)
            and "extra" not in names
            and len(set(names).difference(*columns.values())) <= 1
            and all(rows_of_line(probe, self.settings.max_line_bytes) == [orjson.loads(probe)] for probe in probes)
        )

    def plan(self, names: tuple[Any, ...]) -> Plan:
        """Plan how rows with these columns become articles."""
        if names not in self._plans:
            given = {field: column for field, column in self._mapping.items() if column in names}
            self._plans[names] = Plan.of(names, given, self.settings, self.report, self._drafts)
        return self._plans[names]

    def _article(self, raw: Mapping[str, Any]) -> Article:
        """Read the article of a row; a column of dates such as 3/4 is looked through for their order first."""
        names = tuple(raw)
        while True:
            try:
                return to_article(raw, self.plan(names))
            except UnsettledOrder as unsettled:
                column = unsettled.column
                shows = days_first(_texts(self.stream, column))
                plans = self._plans.items()
                self._plans.update(
                    {names: plan.with_order(column, shows) for names, plan in plans if column in plan.forms}
                )


def _texts(stream: Stream, column: str) -> Iterator[str]:
    """Read the texts that a column of a stream holds."""
    for _, raw in stream.rows():
        value = raw.get(column) if isinstance(raw, Mapping) else None
        if isinstance(value, str):
            yield value


def _error_answer(raw: Any) -> str | None:
    """Say what an interface answered in place of stories, as ``{"code": ..., "message": ...}``."""
    if not isinstance(raw, Mapping) or not all(isinstance(raw.get(name), str) for name in ("code", "message")):
        return None
    return f"an error in place of a story: {raw['code'][:60]}, {raw['message'][:200]}; ask the interface again"


def _given_id(raw: Mapping[str, Any], plan: Plan | None) -> str | None:
    columns = plan.columns.get("id", ()) if plan is not None else ()
    values = (raw.get(column) for column in columns)
    value = next((one for one in values if plain(one) is not None and not (isinstance(one, str) and not one)), None)
    try:
        return None if value is None else str(value)[:200].encode(errors="replace").decode()
    except ValueError:  # an integer of thousands of digits
        return None
