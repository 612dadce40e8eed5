"""Ids in memory that are numbers in some rows and the same as text in others: they may be one story or two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recommender.articles.id_types import id_text
from recommender.errors import InputError
from recommender.reading.formats.frames import is_of_pandas
from recommender.reading.names import recognise


def refuse_mixed_ids(data: Any, mapping: Mapping[str, str]) -> None:
    """Raise `InputError` if a frame or a list of rows has an id both as a number and as text.

    Examples
    --------
    >>> refuse_mixed_ids([{"id": 2, "title": "Ferry"}, {"id": 3, "title": "Storm"}], {})
    """
    numbers, texts = set(), set()
    for value in _id_values(data, mapping):
        if isinstance(value, str):
            texts.add(value.strip())
        elif isinstance(text := id_text(value), str):
            numbers.add(text)
    if mixed := sorted(numbers & texts):
        raise InputError(
            f"the id {mixed[0]} is a number in some rows and text in others, {len(mixed):,} such ids in all; "
            "expected one type: make all ids numbers, or all text"
        )


def _id_values(data: Any, mapping: Mapping[str, str]) -> Iterable[Any]:
    if isinstance(data, list):
        first = next((row for row in data if isinstance(row, Mapping)), {})
        columns = recognise(first, mapping).get("id", ())
        return (row.get(column) for column in columns[:1] for row in data if isinstance(row, Mapping))
    # of frames only columns of pandas may contain values of several types
    if is_of_pandas(data) and hasattr(data, "columns"):
        names = list(data.columns)
        columns = recognise([name for name in names if isinstance(name, str)], mapping).get("id", ())
        unique = [column for column in columns[:1] if names.count(column) == 1]
        return (value for column in unique if str(data.dtypes[column]) == "object" for value in data[column])
    return ()
