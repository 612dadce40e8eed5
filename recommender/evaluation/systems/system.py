"""What can be evaluated: one small interface for our own lists, published lists and baselines."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.embedders import make_embedder
from recommender.embedders.protocol import vector_space
from recommender.facade import Recommender
from recommender.lists.readnext import ReadNext
from recommender.publishing import PublishedLists
from recommender.ranking.ranker import find_ranker
from recommender.settings import Settings
from recommender.storage.database import redacted


@dataclass(frozen=True, eq=False)
class Ranking:
    """Items of stories, best first.

    Attributes
    ----------
    rows : ndarray of int64, shape (q, w)
        Rows of the archive that the system holds; -1 = none, always after the others.
    scores : ndarray of float64, shape (q, w)
        NaN where a system has none.
    sources : ndarray of object, shape (q, w)
        How an item came in, as in `Recommendation.source`; '' where there is none.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    sources: NDArray[np.object_]

    @classmethod
    def empty(cls, stories: int, width: int) -> Ranking:
        """Make a ranking without items."""
        shape = (stories, width)
        return cls(np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan), np.full(shape, "", dtype=object))

    def put(self, at: NDArray[np.int64] | slice, other: Ranking) -> None:
        """Write the items of other stories into the lines at some places."""
        width = other.rows.shape[1]
        self.rows[at, :width], self.scores[at, :width] = other.rows, other.scores
        self.sources[at, :width] = other.sources

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Write the ranking as arrays without objects, which `from_arrays` reads."""
        return {f"{name}.rows": self.rows, f"{name}.scores": self.scores, f"{name}.sources": self.sources.astype(str)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Ranking:
        """Rebuild a ranking from what `arrays` gave under that name."""
        rows, scores, sources = (arrays[f"{name}.{part}"] for part in ("rows", "scores", "sources"))
        return cls(rows, scores, sources.astype(object))

    @classmethod
    def of(cls, lists: Sequence[ReadNext], row: dict[str, int], width: int, *, reserves: bool = False) -> Ranking:
        """Convert lists to rows; items that `row` does not know are left out."""
        found = cls.empty(len(lists), width)
        for line, one in enumerate(lists):
            items = [*one.items, *(one.reserves if reserves else ())]
            items = [item for item in items if item.article_id in row][:width]
            found.rows[line, : len(items)] = [row[item.article_id] for item in items]
            found.scores[line, : len(items)] = [item.score for item in items]
            found.sources[line, : len(items)] = [item.source for item in items]
        return found


class System(Protocol):
    """What every system answers.

    Rows count the stories given to `fit` and `add`, in that order. A story that is asked for need not be held, and an
    id that is held never recommends itself.

    Attributes
    ----------
    name, about : str
    trained_on : tuple of str
        Names or digests (`EvaluationSet.known_as`) of the sets that its ranker was trained on before; empty for most.
        On those sets it gets no verdict. Links given to `fit` do not count.
    """

    name: str
    about: str
    trained_on: tuple[str, ...]

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        """Learn from these stories, columns of `articles.SCHEMA`, and hold them; what was held is forgotten.

        `links` are links between these stories, columns story and item, for a ranker to learn from. A system may
        ignore them. None is given unless the evaluation trains, and never one that touches a story to be asked.
        """

    def add(self, articles: pa.Table) -> None:
        """Hold more stories; what was learned stays."""

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        """Rank the held stories by relevance to each story, before any selection; (q, depth)."""

    def lists(self, stories: pa.Table, k: int) -> Ranking:
        """Make the final list of each story; (q, k)."""

    def relevance(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Score rows `b` under rows `a`, (m,); None if the system knows only its lists."""


class OwnSystem:
    """`Recommender` under some settings.

    Parameters
    ----------
    name : str
    settings : Settings
    cache : path, optional
        Vector cache, shared by systems.
    about : str, optional
    trained_on : tuple of str, optional
        See `System`; default: what the ranker's file says.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        cache: Path | None = None,
        about: str = "",
        *,
        trained_on: tuple[str, ...] = (),
    ) -> None:
        self.name, self.settings, self.cache = name, settings, cache
        self.about = about or f"recommender with settings {settings.fingerprint()}"
        self.embedder = make_embedder(settings.embedding)
        ranker = find_ranker(settings.ranking.ranker, vector_space(self.embedder), self.embedder.fingerprint)
        self.ranker = "" if ranker is None else ranker.sha256
        self.trained_on = trained_on or (() if ranker is None else tuple(ranker.provenance.get("data", {})))
        plain = Settings.relevance_only()
        self._plain = plain.model_copy(
            update={
                "reading": settings.reading,
                "embedding": settings.embedding,
                "retrieval": plain.retrieval.model_copy(update={"candidates": settings.retrieval.candidates}),
                "ranking": settings.ranking.without_age,
                "selection": plain.selection.model_copy(update={"reserves": 0}),
            }
        )

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        self._ids = articles["id"].to_pylist()
        self._lists = Recommender(self.settings, embedder=self.embedder, cache=self.cache)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of languages: one warning a fit would be hundreds
            self._lists.fit_table(articles)
        self._refresh()

    def add(self, articles: pa.Table) -> None:
        self._ids += articles["id"].to_pylist()
        self._lists.update(articles)
        self._refresh()

    def _refresh(self) -> None:
        self._rank = self._lists.under(self._plain)
        self._row = {article_id: row for row, article_id in enumerate(self._ids)}

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        return self._answer(self._rank, stories, depth)

    def lists(self, stories: pa.Table, k: int) -> Ranking:
        return self._answer(self._lists, stories, k)

    def _answer(self, rec: Recommender, stories: pa.Table, k: int) -> Ranking:
        ids = stories["id"].to_pylist()
        times = [time for time in stories["published_at"].to_pylist() if time is not None]
        # nothing below asks the clock: the moment is that of the newest story held or asked for
        moment = max([*times, self._newest])
        if all(article_id in self._row for article_id in ids):
            found = rec.recommend_many(ids, k=k, as_of=moment)
        else:
            found = [rec.recommend_for(story, k=k, as_of=moment) for story in stories.to_pylist()]
        return Ranking.of(found, self._row, k)

    @property
    def _newest(self) -> datetime:
        return datetime.fromtimestamp(max(int(self._lists.catalog.published.max()), 0) / 1e6, UTC)

    def relevance(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64] | None:
        names = self._ids
        return self._rank.relevance([names[row] for row in a], [names[row] for row in b])


class PublishedSystem:
    """Lists that a job has published: what stands there is what is measured.

    Its ranking before selection is the list with its reserves. `trained_on`: see `System`.
    """

    def __init__(self, name: str, place: str, *, trained_on: tuple[str, ...] = ()) -> None:
        self.name, self.about = name, f"lists published in {Path(redacted(place)).name}"
        self.trained_on = trained_on
        self._published = PublishedLists.open(place)

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        self._ids: list[str] = []
        self.add(articles)

    def add(self, articles: pa.Table) -> None:
        self._ids += articles["id"].to_pylist()
        self._row = {article_id: row for row, article_id in enumerate(self._ids)}

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        return Ranking.of(self._get(stories), self._row, depth, reserves=True)

    def lists(self, stories: pa.Table, k: int) -> Ranking:
        return Ranking.of(self._get(stories), self._row, k)

    def _get(self, stories: pa.Table) -> list[ReadNext]:
        return [self._published.get(article_id) for article_id in stories["id"].to_pylist()]

    def relevance(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64] | None:
        return None
