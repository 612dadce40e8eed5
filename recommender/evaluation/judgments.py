"""Human judgments of article pairs: which item is how good under which story."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.errors import InputError

SCHEMA = pa.schema(
    [
        ("story", pa.large_string()),
        ("item", pa.large_string()),
        ("grade", pa.float64()),
        ("votes", pa.int64()),  # judges behind the grade; null = not told
    ]
)


@dataclass(frozen=True, eq=False)
class Judgments:
    """Grades of items under stories.

    Attributes
    ----------
    table : pyarrow.Table
        Columns story, item, grade (finite, at least 0) and votes; sorted by (story, item), each pair once.
    relevant : float
        The least grade that counts as relevant in measures that know only yes and no.
    symmetric : bool
        Whether a grade holds in both directions: a pair stands once in `table`, as it was given.
    complete : frozenset of str
        Ids among which every pair was judged: one that is not in `table` has grade 0. Empty by default.

    Examples
    --------
    >>> judged = Judgments.of([("a", "b", 2.0), ("a", "c", 0.0)], symmetric=True)
    >>> judged.relevant, judged.directed().table.num_rows, judged.directed().stories
    (1.0, 4, ['a', 'b', 'c'])
    """

    table: pa.Table
    relevant: float
    symmetric: bool = False
    complete: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        rows: Iterable[Sequence[object]],
        *,
        relevant: float | None = None,
        symmetric: bool = False,
        complete: Collection[str] = (),
    ) -> Judgments:
        """From (story, item, grade) or (story, item, grade, votes).

        Of a pair given more than once the mean counts, its votes added up. Pairs of a story with itself are left out.

        Parameters
        ----------
        rows : iterable of sequences
        relevant : float, optional
            Default: half of the greatest grade.
        symmetric : bool, default False
        complete : collection of str, optional

        Raises
        ------
        InputError
            If a grade is negative or not finite, or nothing is left.
        """
        given = [(str(row[0]), str(row[1]), row[2], row[3] if len(row) > 3 else None) for row in rows]
        given = [row for row in given if row[0] != row[1]]
        if symmetric:
            given = _one_way(given)
        if not given:
            raise InputError("no judgments were given; expected rows of story, item and grade")
        stories, items, grades, votes = zip(*given, strict=True)
        table = pa.table([stories, items, pa.array(grades, pa.float64()), pa.array(votes, pa.int64())], schema=SCHEMA)
        bad = pc.invert(pc.and_(pc.is_finite(table["grade"]), pc.greater_equal(table["grade"], 0)))
        if pc.any(bad).as_py():
            row = table.filter(bad).slice(0, 1).to_pylist()[0]
            raise InputError(
                f"the grade of {row['story']!r} and {row['item']!r} is {row['grade']}; expected a number of 0 and more"
            )
        table = table.group_by(["story", "item"]).aggregate([("grade", "mean"), ("votes", "sum")])
        table = table.rename_columns(SCHEMA.names).sort_by([("story", "ascending"), ("item", "ascending")])
        top = pc.max(table["grade"]).as_py()
        return cls(table.cast(SCHEMA), top / 2 if relevant is None else relevant, symmetric, frozenset(complete))

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def stories(self) -> list[str]:
        """Stories with judgments in the role of the story, sorted."""
        return sorted(pc.unique(self.table["story"]).to_pylist())

    @cached_property
    def grades(self) -> NDArray[np.float64]:
        """Grades in the order of the table."""
        return np.asarray(self.table["grade"].to_numpy())

    def directed(self) -> Judgments:
        """Symmetric judgments with both directions written out; others as they are."""
        if not self.symmetric:
            return self
        back = self.table.rename_columns(["item", "story", "grade", "votes"]).select(SCHEMA.names)
        both = pa.concat_tables([self.table, back]).sort_by([("story", "ascending"), ("item", "ascending")])
        return replace(self, table=both, symmetric=False)

    def among(self, stories: Collection[str], items: Collection[str] | None = None) -> Judgments:
        """Those whose story is among `stories` and whose item among `items` (default: `stories`)."""
        names = pa.array(sorted(stories), pa.large_string())
        others = names if items is None else pa.array(sorted(items), pa.large_string())
        held = pc.and_(
            pc.is_in(self.table["story"].combine_chunks(), names), pc.is_in(self.table["item"].combine_chunks(), others)
        )
        return replace(self, table=self.table.filter(held))


def _one_way(
    rows: list[tuple[str, str, object, object]],
) -> list[tuple[str, str, object, object]]:
    """Both directions of a pair under the one that was given first."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    found = []
    for story, item, grade, votes in rows:
        key = first.setdefault((min(story, item), max(story, item)), (story, item))
        found.append((*key, grade, votes))
    return found
