"""The interface of evaluated systems: recommenders, published lists and baselines."""

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
    """Items of stories, best first."""

    rows: NDArray[np.int64]  # (q, w); rows of the stories that the system was given; -1 = none, always last
    scores: NDArray[np.float64]  # (q, w); NaN without a score
    sources: NDArray[np.object_]  # (q, w); `Recommendation.source` of each item; '' without an item

    @classmethod
    def empty(cls, stories: int, width: int) -> Ranking:
        """Make a ranking without items."""
        shape = (stories, width)
        return cls(np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan), np.full(shape, "", dtype=object))

    def put(self, stories: NDArray[np.int64] | slice, other: Ranking) -> None:
        """Write another ranking into the lists of the given stories."""
        width = other.rows.shape[1]
        self.rows[stories, :width], self.scores[stories, :width] = other.rows, other.scores
        self.sources[stories, :width] = other.sources

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the ranking as arrays without objects, which `from_arrays` reads."""
        return {f"{name}.rows": self.rows, f"{name}.scores": self.scores, f"{name}.sources": self.sources.astype(str)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Ranking:
        """Build a ranking from the result of `arrays` under that name."""
        rows, scores, sources = (arrays[f"{name}.{part}"] for part in ("rows", "scores", "sources"))
        return cls(rows, scores, sources.astype(object))

    @classmethod
    def from_lists(
        cls, lists: Sequence[ReadNext], rows: dict[str, int], width: int, *, reserves: bool = False
    ) -> Ranking:
        """Convert lists to rows by article id; items without a row are left out."""
        ranking = cls.empty(len(lists), width)
        for number, read_next in enumerate(lists):
            items = [*read_next.items, *(read_next.reserves if reserves else ())]
            items = [item for item in items if item.article_id in rows][:width]
            ranking.rows[number, : len(items)] = [rows[item.article_id] for item in items]
            ranking.scores[number, : len(items)] = [item.score for item in items]
            ranking.sources[number, : len(items)] = [item.source for item in items]
        return ranking


class System(Protocol):
    """The interface that every evaluated system implements.

    Rows number the stories given to `fit` and `add`, in that order. Lists may be asked for stories that were not given,
    and no story is an item of its own list.

    Attributes
    ----------
    trained_on : tuple of str
        Names or digests (`EvaluationSet.known_as`) of the sets that its ranker was trained on; on those it gets no
        verdict. Links given to `fit` do not count.
    """

    name: str
    about: str
    trained_on: tuple[str, ...]

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        """Fit on these stories, columns of `articles.SCHEMA`, in place of all earlier ones.

        `links` are links between these stories, columns story and item, that a ranker may learn from. They are given
        only if the evaluation trains, and never touch a story that is evaluated.
        """

    def add(self, articles: pa.Table) -> None:
        """Add stories without fitting again."""

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        """Rank the given stories by relevance to each story, before any selection; (q, depth)."""

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
        See `System`; default: as the file of the ranker says.
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

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        self._ids = articles["id"].to_pylist()
        self._lists = Recommender(self.settings, embedder=self.embedder, cache=self.cache)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning about languages at each of hundreds of fits
            self._lists.fit_table(articles)
        self._refresh()

    def add(self, articles: pa.Table) -> None:
        self._ids += articles["id"].to_pylist()
        self._lists.update(articles)
        self._refresh()

    def _refresh(self) -> None:
        self._ranking = self._lists.under(self.settings.before_selection)
        self._rows = {article_id: row for row, article_id in enumerate(self._ids)}

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        return self._recommend(self._ranking, stories, depth)

    def lists(self, stories: pa.Table, k: int) -> Ranking:
        return self._recommend(self._lists, stories, k)

    def _recommend(self, rec: Recommender, stories: pa.Table, k: int) -> Ranking:
        ids = stories["id"].to_pylist()
        # The moment is that of the newest story, so that results do not depend on the clock.
        newest = datetime.fromtimestamp(max(int(self._lists.catalog.published.max()), 0) / 1e6, UTC)
        moment = max([newest, *(time for time in stories["published_at"].to_pylist() if time is not None)])
        if all(article_id in self._rows for article_id in ids):
            lists = rec.recommend_many(ids, k=k, as_of=moment)
        else:
            lists = [rec.recommend_for(story, k=k, as_of=moment) for story in stories.to_pylist()]
        return Ranking.from_lists(lists, self._rows, k)

    def relevance(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64] | None:
        return self._ranking.relevance([self._ids[row] for row in a], [self._ids[row] for row in b])


class PublishedSystem:
    """Lists that a job has published.

    The ranking before selection is the list followed by its reserves. `trained_on`: see `System`.
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
        self._rows = {article_id: row for row, article_id in enumerate(self._ids)}

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        return Ranking.from_lists(self._get(stories), self._rows, depth, reserves=True)

    def lists(self, stories: pa.Table, k: int) -> Ranking:
        return Ranking.from_lists(self._get(stories), self._rows, k)

    def _get(self, stories: pa.Table) -> list[ReadNext]:
        return [self._published.get(article_id) for article_id in stories["id"].to_pylist()]

    def relevance(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64] | None:
        return None
