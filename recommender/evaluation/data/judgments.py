"""Judgments of article pairs, by people or by clicks: the grades of items under stories."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.links import link_groups
from recommender.errors import InputError
from recommender.evaluation.data.files import read_sound_rows
from recommender.reading.clicks import ClickLog
from recommender.reading.formats import KNOWN, is_readable
from recommender.reading.names import find_columns
from recommender.storage.digests import hash_table

_ALIASES = {
    "a": ("id1", "article_a"),
    "b": ("id2", "article_b"),
    "story": ("source", "query", "query_id", "qid", "article_id", "from", "story_id", "source_id", "id"),
    "item": ("target", "candidate", "recommended", "doc_id", "docno", "document", "to", "item_id", "target_id"),
    "grade": ("follow", "relevance", "rel", "label", "score", "judgment", "similarity"),
    "picks": ("items",),
    "votes": (),
}
_MAX_GRADE = 1e9  # sums of greater grades may not be finite

SCHEMA = pa.schema(
    [
        ("story", pa.large_string()),
        ("item", pa.large_string()),
        ("grade", pa.float64()),
        ("votes", pa.int64()),  # number of judges; null = unknown
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
        The least grade that counts as relevant in binary measures.
    symmetric : bool
        Whether a grade applies in both directions; `table` has such a pair once, in the direction given first.
    complete : frozenset of str
        Ids of articles of which every pair was judged: a pair that is not in `table` has grade 0.
    picks : bool
        Whether an editor chose from the whole archive, so that every pair counts as judged.

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
    picks: bool = False

    @classmethod
    def of(
        cls,
        rows: Iterable[Sequence[object]],
        *,
        relevant: float | None = None,
        symmetric: bool = False,
        complete: Collection[str] = (),
    ) -> Judgments:
        """Build judgments from rows of (story, item, grade) or (story, item, grade, votes).

        A pair that is given more than once has the mean grade and the sum of the votes. Pairs of a story with itself
        are left out.

        Parameters
        ----------
        rows : iterable of sequences
        relevant : float, optional
            Default: half of the highest grade.
        symmetric : bool, default False
        complete : collection of str, optional

        Raises
        ------
        InputError
            If a grade is negative or not finite, or nothing is left.
        """
        judged = [(str(row[0]), str(row[1]), row[2], row[3] if len(row) > 3 else None) for row in rows]
        judged = [row for row in judged if row[0] != row[1]]
        if symmetric:
            judged = _in_first_direction(judged)
        if not judged:
            raise InputError("no judgments were given; expected rows of story, item and grade")
        stories, items, grades, votes = zip(*judged, strict=True)
        table = pa.table([stories, items, pa.array(grades, pa.float64()), pa.array(votes, pa.int64())], schema=SCHEMA)
        is_valid = pc.and_(pc.is_finite(table["grade"]), pc.greater_equal(table["grade"], 0))
        is_bad = pc.invert(pc.fill_null(is_valid, False))
        if pc.any(is_bad).as_py():
            row = table.filter(is_bad).slice(0, 1).to_pylist()[0]
            raise InputError(
                f"the grade of {row['story']!r} and {row['item']!r} is {row['grade']}; expected a number of 0 and more"
            )
        table = table.group_by(["story", "item"]).aggregate([("grade", "mean"), ("votes", "sum")])
        table = table.rename_columns(SCHEMA.names).sort_by([("story", "ascending"), ("item", "ascending")])
        if relevant is None:
            relevant = pc.max(table["grade"]).as_py() / 2
        return cls(table.cast(SCHEMA), relevant, symmetric, frozenset(complete))

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def stories(self) -> list[str]:
        """Ids that have judgments as a story, sorted."""
        return sorted(pc.unique(self.table["story"]).to_pylist())

    @cached_property
    def grades(self) -> NDArray[np.float64]:
        """Grades in the order of the table."""
        return np.asarray(self.table["grade"].to_numpy())

    def directed(self) -> Judgments:
        """Return both directions of symmetric judgments as rows; others stay as they are."""
        if not self.symmetric:
            return self
        reverse = self.table.rename_columns(["item", "story", "grade", "votes"]).select(SCHEMA.names)
        both = pa.concat_tables([self.table, reverse]).sort_by([("story", "ascending"), ("item", "ascending")])
        return replace(self, table=both, symmetric=False)

    def among(self, stories: Collection[str], items: Collection[str] | None = None) -> Judgments:
        """Return the judgments with a story in `stories` and an item in `items` (default: `stories`).

        `complete` shrinks as well: a pair that is left out was judged, so its grade is not 0.
        """
        items = stories if items is None else items
        is_kept = pc.and_(
            pc.is_in(self.table["story"].combine_chunks(), pa.array(sorted(stories), pa.large_string())),
            pc.is_in(self.table["item"].combine_chunks(), pa.array(sorted(items), pa.large_string())),
        )
        return replace(self, table=self.table.filter(is_kept), complete=self.complete.intersection(stories, items))

    def topics(self) -> dict[str, str]:
        """Group articles that relevant pairs join, directly or through others; article -> first id of its group.

        Empty if one topic would contain more than half of the articles: then the pairs do not separate topics.
        """
        stories, items = (self.table[side].to_pylist() for side in ("story", "item"))
        links = self.links()
        topics = {article_id: article_id for article_id in (*stories, *items)}
        topics |= link_groups(links["story"].to_pylist(), links["item"].to_pylist())
        if max(Counter(topics.values()).values(), default=0) > len(topics) / 2:
            return {}
        return topics

    def links(self) -> pa.Table:
        """Return the relevant pairs as links, columns story and item; symmetric judgments in both directions."""
        directed = self.directed()
        return directed.where(directed.grades >= directed.relevant).table.select(["story", "item"])

    def fingerprint(self) -> str:
        """Compute a hex digest of the grades, which does not depend on their set."""
        digest = hashlib.sha256()
        hash_table(digest, self.table)
        return digest.hexdigest()

    def where(self, mask: NDArray[np.bool_]) -> Judgments:
        """Return the judgments that a mask in the order of the table selects."""
        return replace(self, table=self.table.filter(pa.array(mask)))


def next_click(log: ClickLog) -> Judgments:
    """Build judgments from clicks: the items that readers of a story opened next.

    Grade 1 = clicked under the story at least once, 0 = shown under it and never clicked; votes = times shown.
    Only shown items are judged, and a click depends on the place in the list as well as on the item (Joachims et al.
    2005), so these grades favour the system that was logged.

    Raises
    ------
    InputError
        If no list has a source.

    Examples
    --------
    >>> log = ClickLog.of([{"source": "a", "shown": ["b", "c"], "clicked": [clicked]} for clicked in "bb"])
    >>> next_click(log).table.select(["item", "grade", "votes"]).to_pylist()
    [{'item': 'b', 'grade': 1.0, 'votes': 2}, {'item': 'c', 'grade': 0.0, 'votes': 2}]
    """
    items = log.items.filter(pc.is_valid(log.items["source"]))
    if not len(items):
        raise InputError("no list of the log tells the story under which it stood; expected a column source or story")
    pairs = items.group_by(["source", "item"]).aggregate([("clicked", "max"), ("clicked", "count")])
    columns = (pairs[name].to_pylist() for name in ("source", "item", "clicked_max", "clicked_count"))
    return Judgments.of(
        ((source, item, float(hit), times) for source, item, hit, times in zip(*columns, strict=True)), relevant=1.0
    )


def read_judgments(path: str | Path, *, grade: str | None = None, relevant: float | None = None) -> Judgments:
    """Read judgments from a file, whose columns are recognised by their names.

    JSONL, CSV, TSV or Parquet (also .gz, .zst) with a judgment per row: a pair without direction (`a`, `b`), or a story
    and an item, with a grade (`grade`, `follow`, `relevance`, `label`, `score` ...) and, if known, `votes`; or with a
    row per story and the `picks` of an editor, best first: of n picks the first has grade n, the last 1. A story and an
    item without a grade are a link, of grade 1. Any other file is read as TREC qrels: story, a word that is ignored,
    item, grade.

    Parameters
    ----------
    path : path
    grade : str, optional
        Name of the column with the grade, if it is not recognised.
    relevant : float, optional
        See `Judgments.of`; 1 for picks.

    Raises
    ------
    InputError
        If the file is missing, its columns are not recognised, or any row is damaged: part of the judgments would
        give other figures.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no file {path}; expected judgments as CSV, TSV, JSONL, Parquet or TREC qrels")
    is_table = is_readable(path)
    judged, symmetric, are_picks = _read_table(path, grade) if is_table else (_read_qrels(path), False, False)
    if relevant is None and (are_picks or not is_table):
        relevant = 1.0
    try:
        judgments = Judgments.of(judged, relevant=relevant, symmetric=symmetric)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return replace(judgments, picks=are_picks)


_Rows = list[tuple[str, str, float, int | None]]
"""Story, item, grade and votes."""


def _read_table(path: Path, grade: str | None) -> tuple[_Rows, bool, bool]:
    """Read judgments by column, and return whether they are pairs without direction, and whether they are picks."""
    rows = list(read_sound_rows(path))
    if not rows:
        raise InputError(f"{path} holds no judgments")
    first = rows[0][1]
    names = list(first)
    found = find_columns(names, _ALIASES)
    story, item, picks = found.get("story"), found.get("item"), found.get("picks")
    if story and picks and isinstance(first[picks], list):
        return _from_picks(path, [(line, row.get(story), row.get(picks)) for line, row in rows]), False, True
    pair = (found["a"], found["b"]) if {"a", "b"} <= found.keys() else None
    value = grade or found.get("grade")
    if grade is not None and grade not in names:
        raise InputError(f"{path} has no column {grade!r}; its columns: {', '.join(names)}")
    are_links = value is None and pair is None and story is not None and item is not None
    if (value is None and not are_links) or not (pair or (story and item)):
        raise InputError(
            f"{path}: its columns are {', '.join(names)}; expected a, b and grade, or story, item and grade, "
            f"or story and item of links, or story and picks"
        )
    a, b = pair or (str(story), str(item))
    votes, wanted = found.get("votes", ""), "" if value is None else f" and a number as {value}"
    judged: _Rows = []
    for line, row in rows:
        try:
            ids = _parse_id(row[a]), _parse_id(row[b])
            judged.append((*ids, 1.0 if value is None else _parse_grade(row[value]), _parse_votes(row.get(votes))))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{path}, line {line}: {error}; expected {a}, {b}{wanted}") from None
    return judged, pair is not None, False


def _parse_id(value: object) -> str:
    if value is None or not str(value).strip():
        raise ValueError("an id is missing")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of numbers with gaps is read as floats, in articles as well
    str(value).encode()  # raises a ValueError if the text is not valid UTF-8
    return str(value).strip()


def _parse_grade(value: Any) -> float:
    grade = float(value)
    if not 0 <= grade <= _MAX_GRADE:
        raise ValueError(f"the grade is {grade}, expected a number from 0 to {_MAX_GRADE:,.0f}")
    return grade


def _parse_votes(value: Any) -> int | None:
    votes = None if value is None or value == "" or value != value else int(value)
    if votes is not None and not 0 <= votes < 1 << 31:
        raise ValueError(f"the votes are {votes}, expected a number of people")
    return votes


def _from_picks(path: Path, rows: Sequence[tuple[int, Any, Any]]) -> _Rows:
    judged: _Rows = []
    for line, story, picks in rows:
        try:
            if not isinstance(picks, list):
                raise ValueError(f"the picks are {picks!r}")
            judged += [(_parse_id(story), _parse_id(item), float(len(picks) - n), None) for n, item in enumerate(picks)]
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}; expected a story and a list of ids") from None
    return judged


def _read_qrels(path: Path) -> _Rows:
    judged: _Rows = []
    for line, text in enumerate(path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n"), 1):
        parts = text.split()
        if not parts:
            continue
        try:
            story, _, item, value = parts
            grade = float(value)
            # TREC marks spam with negative grades.
            judged.append((_parse_id(story), _parse_id(item), 0.0 if grade < 0 else _parse_grade(value), None))
        except ValueError:
            raise InputError(
                f"{path}, line {line}: {text[:80]!r} is no TREC judgment (story 0 item grade); "
                f"other formats end in {KNOWN}"
            ) from None
    return judged


def _in_first_direction(rows: list[tuple[str, str, object, object]]) -> list[tuple[str, str, object, object]]:
    """Return all rows of a pair in the direction that was given first."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    return [
        (*first.setdefault((min(story, item), max(story, item)), (story, item)), grade, votes)
        for story, item, grade, votes in rows
    ]
