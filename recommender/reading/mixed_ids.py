"""Ids in memory that are numbers in some rows and the same as text in others: nobody can tell whether they are one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recommender.articles.id_types import id_text
from recommender.errors import InputError
from recommender.reading.names import recognise


def refuse_mixed_ids(data: Any, mapping: Mapping[str, str]) -> None:
    """Refuse a frame or a list of rows with an id both as a number and as text.

    Raises
    ------
    InputError
        With the id.

    Examples
    --------
    >>> refuse_mixed_ids([{"id": 2, "title": "Ferry"}, {"id": 3, "title": "Storm"}], {})
    """
    numbers, texts = set(), set()
    for value in _ids(data, mapping):
        if isinstance(value, str):
            texts.add(value.strip())
        elif isinstance(text := id_text(value), str):
            numbers.add(text)
    if both := sorted(numbers & texts):
        raise InputError(
            f"the id {both[0]} is a number in some rows and text in others, {len(both):,} such ids in all; "
            "expected one type: make all ids numbers, or all text"
        )


def _ids(data: Any, mapping: Mapping[str, str]) -> Iterable[Any]:
    if isinstance(data, list):
        first = next((row for row in data if isinstance(row, Mapping)), {})
        columns = recognise(first, mapping).get("id", ())
        return (row.get(column) for column in columns[:1] for row in data if isinstance(row, Mapping))
    # of frames only columns of pandas may hold values of several types
    if type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns"):
        columns = recognise([name for name in data.columns if isinstance(name, str)], mapping).get("id", ())
        kinds = {column: str(data.dtypes[column]) for column in columns[:1] if list(data.columns).count(column) == 1}
        return (value for column, kind in kinds.items() if kind == "object" for value in data[column])
    return ()
