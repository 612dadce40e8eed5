"""What an input contains in columns that no field is read from."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from recommender.errors import RowError
from recommender.reading.names import EMBARGOES, fold
from recommender.reading.report import Notes
from recommender.reading.status import STATUS_NAMES
from recommender.reading.time_format import TimeFormat
from recommender.reading.time_texts import AmbiguousDate
from recommender.reading.times import to_time
from recommender.settings import ReadingSettings

_READ = STATUS_NAMES.union(map(fold, EMBARGOES))  # they are no fields, but decide whether a story is shown
_SAMPLE = 1_000  # stories without a date that are looked at
_MIN_UNDATED = 0.1  # share of the stories, from which on a date is searched elsewhere
_MIN_TIMES = 0.9  # share of those stories with a time in a column of times
_HAS_SIGNS = re.compile(r"\d\D+\d")  # unlike an id, which may be read as seconds since 1970
_UNDATED = "stories have no date, but times in the column {!r}: --column {} reads it"


def unused_columns(table: pa.Table) -> tuple[str, ...]:
    """Return the columns that nothing of any story was read from, in order."""
    names = dict.fromkeys(name for details in _details(table) for name in details)
    return tuple(name for name in names if fold(name) not in _READ)


def note_unread_times(table: pa.Table, settings: ReadingSettings, notes: Notes) -> None:
    """Note a column of times that is not read, though a tenth of the stories or more have no date."""
    is_undated = pc.is_null(table["published_at"])
    count = pc.sum(is_undated).as_py() or 0
    if not count or count < _MIN_UNDATED * len(table):
        return
    sample = table.select(["extra"]).filter(is_undated).slice(0, _SAMPLE)
    format, times, examples = TimeFormat.from_settings(settings), Counter[str](), dict[str, str]()
    for details in _details(sample):
        for name, value in details.items():
            if _is_time(value, format):
                times[name] += 1
                examples.setdefault(name, str(value))
    for name, found in times.items():
        if found >= _MIN_TIMES * len(sample):
            notes.add(_UNDATED.format(name, shlex.quote(f"published_at={name}")), examples[name], count)
            return


def _details(table: pa.Table) -> Iterator[Mapping[str, Any]]:
    for text in table["extra"].to_pylist():
        if text:
            yield orjson.loads(text)


def _is_time(value: Any, format: TimeFormat) -> bool:
    if not isinstance(value, str) or not _HAS_SIGNS.search(value):
        return False
    try:
        return to_time(value, format=format) is not None
    except AmbiguousDate:
        return True
    except RowError:
        return False
