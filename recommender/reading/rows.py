"""Raw rows of one stream -> articles, one at a time; faster ways to read rows give the same."""

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
from recommender.reading.formats.wrappers import names_others
from recommender.reading.names import fold, known_names
from recommender.reading.nested import value_at
from recommender.reading.plan import Plan
from recommender.reading.report import ReadReport, Rejected
from recommender.reading.time_texts import is_day_first
from recommender.reading.values import plain
from recommender.settings import ReadingSettings

_ERRORS = ("code", "error", "errors", "fault", "faultstring", "message", "detail", "error_description")


class RowReader:
    """Converts the rows of one stream to articles, and reports what became of them; arguments as of `read_articles`."""

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
        self._paths = [column for column in mapping.values() if "." in column]
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._converters: dict[tuple[Any, ...], Callable[[dict[str, Any]], dict[str, Any]] | None] = {}

    def read(self, line: int, raw: Any) -> tuple[Article, str | None] | None:
        """Read the article of a row, and why it is no published story; None where the row is rejected."""
        try:
            if isinstance(raw, BadRow):
                raise RowError(str(raw))
            raw = self.normalize(raw)
            return self._article(raw), None
        except Unpublished as row:
            return row.article, row.reason
        except RowError as error:
            id_ = _given_id(raw, self._plans.get(tuple(raw))) if isinstance(raw, Mapping) else None
            reason = (_api_error(raw) or str(error)).encode(errors="replace").decode()
            self.report.rejected.append(Rejected(self.stream.name, line, reason, id_))
            return None

    def normalize(self, raw: Article | Mapping[str, Any]) -> Mapping[str, Any]:
        """Rename and unpack the columns of a row, so that all are known by name."""
        if isinstance(raw, Article):
            raw = {name: getattr(raw, name) for name in FIELDS}
        nested = {path: value for path in self._paths if path not in raw and (value := value_at(raw, path)) is not None}
        convert = self._converter(tuple(raw))
        if convert is not None:
            raw = convert({name: plain(value) for name, value in raw.items()})
        return {**raw, **nested} if nested else raw

    def _converter(self, names: tuple[Any, ...]) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
        if names not in self._converters:
            self._converters[names] = converter_of(names)
        return self._converters[names]

    def is_simple(self, names: tuple[str, ...]) -> bool:
        """Check whether a missing column and one that contains null are the same in all rows with some of these names.

        So it is where no field has two columns, nothing wraps stories, and no order of columns is kept.
        """
        if self._mapping or not names or self._converter(names) is not None:
            return False
        columns = Plan.from_columns(names, {}, self.settings, ReadReport(), self._drafts).columns
        probes = [orjson.dumps({name: value}) for name in names for value in ("", ["text"])]
        return (
            "id" in columns
            and all(len(sources) == 1 for sources in columns.values())
            and len({fold(name) for name in names}) == len(names)
            and "extra" not in names
            and len(set(names).difference(*columns.values())) <= 1
            and all(rows_of_line(probe, self.settings.max_line_bytes) == [orjson.loads(probe)] for probe in probes)
        )

    def plan(self, names: tuple[Any, ...]) -> Plan:
        """Plan how rows with these columns become articles."""
        if names not in self._plans:
            mapping = {field: column for field, column in self._mapping.items() if column in names}
            self.report.mapped.update(mapping)
            plan = Plan.from_columns(names, mapping, self.settings, self.report, self._drafts)
            if names_others(self.stream.name) and set(map(fold, plan.columns.get("title", ()))) == {"name"}:
                plan = plan.without("title")  # a table of authors or topics next to stories
            self._plans[names] = plan
        return self._plans[names]

    def _article(self, raw: Mapping[str, Any]) -> Article:
        """Read the article of a row; a column of dates such as 3/4 is searched for their order first."""
        names = tuple(raw)
        while True:
            try:
                return to_article(raw, self.plan(names))
            except UnsettledOrder as unsettled:
                column = unsettled.column
                day_first = is_day_first(column_texts(self.stream, column))
                for planned, plan in list(self._plans.items()):
                    if column in plan.formats:
                        self._plans[planned] = plan.with_order(column, day_first)


def column_texts(stream: Stream, column: str) -> Iterator[str]:
    """Read the texts of one column of a stream."""
    for _, raw in stream.rows():
        value = value_at(raw, column) if isinstance(raw, Mapping) else None
        if isinstance(value, str):
            yield value


def _api_error(raw: Any) -> str | None:
    """Return what an API answered in place of stories, as ``{"error": {"code": ..., "message": ...}}``."""
    if not isinstance(raw, Mapping) or not known_names(raw).isdisjoint(("id", "title", "body")):
        return None
    words = dict.fromkeys(word for name in _ERRORS if (word := _error_text(raw.get(name))))
    return f"an error in place of a story: {', '.join(words)}; ask the interface again" if words else None


def _error_text(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Mapping):
        return ", ".join(filter(None, map(_error_text, map(value.get, _ERRORS))))
    return "" if value is None else str(value)[:200]


def _given_id(raw: Mapping[str, Any], plan: Plan | None) -> str | None:
    values = (raw.get(column) for column in plan.columns.get("id", ())) if plan is not None else ()
    filled = (value for value in values if plain(value) is not None and not (isinstance(value, str) and not value))
    value = next(filled, None)
    try:
        return None if value is None else str(value)[:200].encode(errors="replace").decode()
    except ValueError:  # an integer of thousands of digits
        return None
