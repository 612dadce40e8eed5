from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from recommender.lists import RECORD
from recommender.rows import to_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Any value of an Arrow type, None among them."""
    if pa.types.is_struct(kind):
        found: st.SearchStrategy[Any] = st.fixed_dictionaries({field.name: values(field.type) for field in kind})
    elif pa.types.is_list(kind):
        found = st.lists(values(kind.value_type), max_size=3)
    elif pa.types.is_timestamp(kind):
        found = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
    elif pa.types.is_floating(kind):
        found = st.floats(allow_nan=False)
    elif pa.types.is_integer(kind):
        found = st.integers(-9, 9)
    elif pa.types.is_boolean(kind):
        found = st.booleans()
    else:
        found = TEXT
    return st.none() | found


ODD = pa.schema([("b", pa.bool_()), ("l", pa.list_(pa.list_(pa.int32())))])


@given(st.data())
def test_rows_are_those_of_arrow_itself(data: st.DataObject) -> None:
    for schema in (RECORD, ODD):
        row = st.fixed_dictionaries({field.name: values(field.type) for field in schema})
        rows = data.draw(st.lists(row, max_size=6))
        table = pa.Table.from_pylist(rows, schema=schema)
        for part in (table, table.slice(1, 3), pa.concat_tables([table, table])):
            assert to_rows(part) == part.to_pylist()
        for batch in table.slice(2).to_batches():
            assert to_rows(batch) == batch.to_pylist()


def test_other_types_are_left_to_arrow() -> None:
    table = pa.table({"d": pa.array([0, None], pa.date32()), "naive": pa.array([0, None], pa.timestamp("s"))})
    assert to_rows(table) == table.to_pylist()
