"""Human judgments of article pairs: which item is how good under which story."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
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
from recommender.reading.formats import KNOWN, BadRow, Stream, is_readable
from recommender.storage.digests import hash_table

PAIR = (("a", "b"), ("id1", "id2"), ("article_a", "article_b"))
STORY = ("story", "source", "query", "query_id", "qid", "article_id", "id")
ITEM = ("item", "target", "candidate", "recommended", "doc_id", "docno", "document")
GRADE = ("grade", "follow", "relevance", "rel", "label", "score", "judgment", "similarity")
PICKS = ("picks", "items")
_GREATEST = 1e9  # grade: sums of greater ones may not be finite

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
    picks : bool
        Whether an editor chose from the whole archive: there every pair counts as judged.

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
        """Make judgments of (story, item, grade) or (story, item, grade, votes).

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
        good = pc.and_(pc.is_finite(table["grade"]), pc.greater_equal(table["grade"], 0))
        bad = pc.invert(pc.fill_null(good, False))
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
        """Write out both directions of symmetric judgments; others stay as they are."""
        if not self.symmetric:
            return self
        back = self.table.rename_columns(["item", "story", "grade", "votes"]).select(SCHEMA.names)
        both = pa.concat_tables([self.table, back]).sort_by([("story", "ascending"), ("item", "ascending")])
        return replace(self, table=both, symmetric=False)

    def among(self, stories: Collection[str], items: Collection[str] | None = None) -> Judgments:
        """Keep those whose story is among `stories` and whose item among `items` (default: `stories`).

        `complete` shrinks with them: a pair that is left out was judged, but is not grade 0.
        """
        names = pa.array(sorted(stories), pa.large_string())
        others = names if items is None else pa.array(sorted(items), pa.large_string())
        held = pc.and_(
            pc.is_in(self.table["story"].combine_chunks(), names), pc.is_in(self.table["item"].combine_chunks(), others)
        )
        complete = self.complete.intersection(stories, stories if items is None else items)
        return replace(self, table=self.table.filter(held), complete=complete)

    def topics(self) -> dict[str, str]:
        """Group articles that relevant pairs join, directly or through others; article -> first id of its group.

        Empty where one topic would hold more than half of the articles: then the pairs tell no topics apart.
        """
        stories, items = (self.table[side].to_pylist() for side in ("story", "item"))
        alone = {article_id: article_id for article_id in (*stories, *items)}
        links = self.links()
        topics = alone | link_groups(links["story"].to_pylist(), links["item"].to_pylist())
        if max(Counter(topics.values()).values(), default=0) > len(topics) / 2:
            return {}
        return topics

    def links(self) -> pa.Table:
        """List the relevant pairs as links from a story to an item, columns story and item.

        Symmetric judgments give a link each way.
        """
        held = self.directed()
        return held.where(held.grades >= held.relevant).table.select(["story", "item"])

    def fingerprint(self) -> str:
        """Digest the grades alone, whatever set they stand in."""
        digest = hashlib.sha256()
        hash_table(digest, self.table)
        return digest.hexdigest()

    def where(self, held: NDArray[np.bool_]) -> Judgments:
        """Keep those that a mask in the order of the table keeps."""
        return replace(self, table=self.table.filter(pa.array(held)))


def read_judgments(path: str | Path, *, grade: str | None = None, relevant: float | None = None) -> Judgments:
    """Read judgments from a file, by its columns.

    JSONL, CSV, TSV or Parquet (also .gz, .zst), one judgment a row: a pair without direction (`a`, `b`), or a story
    and an item, with a grade (`grade`, `follow`, `relevance`, `label`, `score` ...) and, if known, `votes`; or one row
    a story with the `picks` of an editor, best first: of n picks the first has grade n, the last 1. Any other file is
    read as TREC qrels: story, a word that is ignored, item, grade.

    Parameters
    ----------
    path : path
    grade : str, optional
        Column with the grade, where it has another name.
    relevant : float, optional
        See `Judgments.of`; 1 for picks.

    Raises
    ------
    InputError
        If the file is missing, its columns are not recognised, or any row is damaged: figures from part of the
        judgments would be other figures.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no file {path}; expected judgments as CSV, TSV, JSONL, Parquet or TREC qrels")
    if not is_readable(path):
        return _read_qrels(path, relevant)
    rows = list(read_sound_rows(path))
    if not rows:
        raise InputError(f"{path} holds no judgments")
    first = rows[0][1]
    names = list(first)
    known = {name.strip().casefold(): name for name in names}
    story = next((known[name] for name in STORY if name in known), None)
    picks = next((known[name] for name in PICKS if name in known and isinstance(first[known[name]], list)), None)
    if story and picks:
        return _from_picks(path, [(line, row.get(story), row.get(picks)) for line, row in rows], relevant)
    pair = next(((known[a], known[b]) for a, b in PAIR if a in known and b in known), None)
    item = next((known[name] for name in ITEM if name in known), None)
    value = grade if grade in names else next((known[name] for name in GRADE if name in known), None)
    if grade is not None and grade not in names:
        raise InputError(f"{path} has no column {grade!r}; its columns: {', '.join(names)}")
    if value is None or not (pair or (story and item)):
        raise InputError(
            f"{path}: its columns are {', '.join(names)}; expected a, b and grade, or story, item and grade, "
            f"or story and picks"
        )
    a, b = pair or (str(story), str(item))
    votes = known.get("votes", "")
    judged = []
    for line, row in rows:
        try:
            judged.append((_id(row[a]), _id(row[b]), _grade(row[value]), _votes(row.get(votes))))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{path}, line {line}: {error}; expected {a}, {b} and a number as {value}") from None
    with _named(path):
        return Judgments.of(judged, relevant=relevant, symmetric=pair is not None)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_sound_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read (line, row) of a file of which every row must be sound.

    Raises
    ------
    InputError
        At the first that is not.
    """
    for line, row in Stream(path.name, path).rows():
        if isinstance(row, BadRow):
            raise InputError(f"{path}, line {line}: {row}")
        yield line, row


def _id(value: object) -> str:
    if value is None or not str(value).strip():
        raise ValueError("an id is missing")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as in articles: a column of numbers with gaps is read as floats
    str(value).encode()  # raises where bytes are no UTF-8
    return str(value).strip()


def _grade(value: Any) -> float:
    grade = float(value)
    if not 0 <= grade <= _GREATEST:
        raise ValueError(f"the grade is {grade}, expected a number from 0 to {_GREATEST:,.0f}")
    return grade


def _votes(value: Any) -> int | None:
    votes = None if value is None or value == "" or value != value else int(value)
    if votes is not None and not 0 <= votes < 1 << 31:
        raise ValueError(f"the votes are {votes}, expected a number of people")
    return votes


def _from_picks(path: Path, rows: Sequence[tuple[int, Any, Any]], relevant: float | None) -> Judgments:
    judged = []
    for line, story, picks in rows:
        try:
            if not isinstance(picks, list):
                raise ValueError(f"the picks are {picks!r}")
            judged += [(_id(story), _id(item), float(len(picks) - place)) for place, item in enumerate(picks)]
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}; expected a story and a list of ids") from None
    with _named(path):
        return replace(Judgments.of(judged, relevant=1.0 if relevant is None else relevant), picks=True)


def _read_qrels(path: Path, relevant: float | None) -> Judgments:
    judged = []
    for line, text in enumerate(path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n"), 1):
        parts = text.split()
        if not parts:
            continue
        try:
            story, _, item, value = parts
            grade = float(value)
            judged.append((_id(story), _id(item), 0.0 if grade < 0 else _grade(value)))  # TREC marks spam with -1, -2
        except ValueError:
            raise InputError(
                f"{path}, line {line}: {text[:80]!r} is no TREC judgment (story 0 item grade); "
                f"other formats end in {KNOWN}"
            ) from None
    with _named(path):
        return Judgments.of(judged, relevant=1.0 if relevant is None else relevant)


def _one_way(
    rows: list[tuple[str, str, object, object]],
) -> list[tuple[str, str, object, object]]:
    """Count both directions of a pair as the one that was given first."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    found = []
    for story, item, grade, votes in rows:
        key = first.setdefault((min(story, item), max(story, item)), (story, item))
        found.append((*key, grade, votes))
    return found
