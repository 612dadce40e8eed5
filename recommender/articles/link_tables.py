"""Convert links between tables of links and the column `links` of stories."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import LINK, TIME
from recommender.articles.catalog import Catalog
from recommender.articles.columns import as_array
from recommender.articles.link_targets import LinkTargets
from recommender.errors import InputError

LINKS = pa.schema(
    [
        ("story", pa.large_string()),
        ("item", pa.large_string()),
        ("anchor", pa.large_string()),
        ("time", TIME),
        ("kind", pa.large_string()),
    ]
)
"""Columns of a table of links: the story that links, what it links to, the words, the time and the kind of the link."""

_Rows: TypeAlias = NDArray[np.int64]


def link_table(table: pa.Table) -> pa.Table:
    """Return a table of links with the columns of `LINKS`; rows without a story or item are left out.

    Raises `InputError` if a column is missing or of another type.

    Examples
    --------
    >>> link_table(pa.table({"story": ["a"], "item": ["b"]}))["anchor"].to_pylist()
    ['']
    """
    for name in ("story", "item"):
        if name not in table.column_names:
            given = ", ".join(table.column_names) or "none"
            raise InputError(f"a table of links has the columns {given}; expected story and item: rename or add {name}")
    columns = []
    for field in LINKS:
        try:
            column = (
                table[field.name].cast(field.type)
                if field.name in table.column_names
                else pa.nulls(len(table), field.type)
            )
        except pa.ArrowException as error:
            given = table[field.name].type
            raise InputError(
                f"column {field.name} of a table of links is {given}, expected {field.type}: {error}"
            ) from None
        columns.append(pc.fill_null(column, "") if field.name == "anchor" else column)
    table = pa.Table.from_arrays(columns, schema=LINKS)
    return table.filter(pc.and_(table["story"].is_valid(), table["item"].is_valid()))


def add_links(table: pa.Table, more: pa.Table, most: int) -> tuple[pa.Table, int, int]:
    """Add links of a table to the column `links` of the stories that they name by id or URL.

    Parameters
    ----------
    table : pyarrow.Table, columns of `SCHEMA`
    more : pyarrow.Table, columns of `LINKS`
    most : int
        Links that one story may have; those of the story itself come first.

    Returns
    -------
    table : pyarrow.Table
    unknown : int
        Links whose story is not in the table.
    beyond : int
        Links left out because a story would have had more than `most`.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> stories = to_table([Article(id="a", title="Ferry"), Article(id="b", title="Inquiry")])
    >>> more = link_table(pa.table({"story": ["b", "x"], "item": ["a", "a"]}))
    >>> linked, unknown, beyond = add_links(stories, more, most=10)
    >>> [[link["target"] for link in links] for links in linked["links"].to_pylist()], unknown
    ([[], ['a']], 1)
    """
    rows = LinkTargets(Catalog(table, np.ones(len(table), dtype=bool), 0)).rows(more["story"])
    linking_rows, links = flat_links(table)
    known = rows >= 0
    story = np.concatenate([linking_rows, rows[known]])
    order = np.argsort(story, kind="stable")
    story = story[order]
    rank_in_story = np.arange(len(story)) - np.searchsorted(story, story)
    kept = (rank_in_story < most) | (order < len(linking_rows))
    links = pa.concat_arrays([links, link_structs(more).filter(pa.array(known))]).take(pa.array(order[kept]))
    return _with_lists(table, story[kept], links), int((~known).sum()), int((~kept).sum())


def without_links_to(catalog: Catalog, gone: NDArray[np.bool_]) -> pa.Table:
    """Return a catalog's table without the links that lead to the marked rows, (n,)."""
    story, links = flat_links(catalog.table)
    if not len(links):
        return catalog.table
    item, _ = LinkTargets(catalog).find(links.field("target"), story)
    kept = (item < 0) | ~gone[item]
    return _with_lists(catalog.table, story[kept], links.filter(pa.array(kept)))


def flat_links(table: pa.Table) -> tuple[_Rows, pa.StructArray]:
    """Return the row of each link of a table, and all links."""
    column = as_array(table["links"])
    return pc.list_parent_indices(column).to_numpy().astype(np.int64), pc.list_flatten(column)


def _with_lists(table: pa.Table, story: _Rows, links: pa.StructArray) -> pa.Table:
    """Replace the links of a table; `story` is the row of each new link, ascending."""
    offsets = np.searchsorted(story, np.arange(len(table) + 1))
    column = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), links)
    place = table.column_names.index("links")
    return table.set_column(place, table.schema.field("links"), column.cast(pa.large_list(LINK)))


def link_structs(more: pa.Table) -> pa.StructArray:
    """Convert rows of `LINKS` to links in the form of the column `links`."""
    columns = [as_array(more[name]) for name in ("item", "anchor", "time", "kind")]
    return pa.StructArray.from_arrays(columns, fields=list(LINK))
