"""Every kind of index answers as exact search does: the rows allowed, exact order, the recall it states."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import Filters, Recommender, Settings
from recommender.editorial.overlay import Tombstones
from recommender.embedders import GivenVectors
from recommender.errors import SettingsError, SnapshotError
from recommender.features.vectors import quantise
from recommender.search import approximate
from recommender.search.approximate import LEAST_ROWS, LEAST_SHARE, ApproximateIndex, Drafts, Report, build_index
from recommender.search.index import FlatIndex, VectorIndex
from recommender.search.index_choice import COSTS, EFFORT, KINDS, LATENCY, Cost, Kind, Plan, choose_index
from recommender.storage.versions import VersionedFolder
from tests.support.processes import cli

N, D, K = 3_000, 30, 10  # 30 components: product quantisers need a multiple of four
APPROXIMATE = [kind for kind in KINDS if kind != "flat"]
EVERY = slice(0, N)
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def random_vectors(n: int = N, seed: int = 0) -> np.ndarray:
    return quantise(np.random.default_rng(seed).normal(size=(n, D)))


def clustered_vectors() -> np.ndarray:
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(40, D))
    return quantise(centres[rng.integers(40, size=N)] + 0.3 * rng.normal(size=(N, D)))


def zeros_and_copies() -> np.ndarray:
    vectors = random_vectors(seed=2)
    vectors[::50] = 0
    vectors[1::50] = vectors[1]
    return vectors


WORLDS = {"random": random_vectors(), "clustered": clustered_vectors(), "zeros and copies": zeros_and_copies()}
QUERIES = {name: np.concatenate([vectors[5::100], random_vectors(20, seed=9)]) for name, vectors in WORLDS.items()}
_built: dict[tuple[str, str], tuple[VectorIndex, Report]] = {}


def built(kind: Kind, world: str) -> tuple[VectorIndex, Report]:
    """Each index once; no test changes it."""
    if (kind, world) not in _built:
        _built[kind, world] = build_index(WORLDS[world], Plan.of(kind, N))
    return _built[kind, world]


def scores(queries: np.ndarray, vectors: np.ndarray, found: np.ndarray) -> np.ndarray:
    exact = np.einsum("qd,qkd->qk", queries.astype(np.int64), vectors[found].astype(np.int64))
    return np.where(found >= 0, exact, -(2**40))


def oracle(queries: np.ndarray, vectors: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """The k greatest scores among `rows`, by brute force."""
    return -np.sort(-(queries.astype(np.int64) @ vectors[rows].astype(np.int64).T), axis=1)[:, :k]


ROWS = {
    "all": EVERY,
    "slice": slice(400, 2_200),
    "short slice": slice(2_990, N),
    "half": np.sort(np.random.default_rng(3).choice(N, N // 2, replace=False)),
    "least share": np.sort(np.random.default_rng(4).choice(N, int(LEAST_SHARE * N) + 1, replace=False)),
    "few": np.arange(7, N, 300),
    "one": np.array([1_234]),
    "unsorted": np.random.default_rng(5).permutation(N)[:2_000],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("world", WORLDS)
class TestContract:
    """What holds for every kind of index, whatever the vectors."""

    def test_states_its_recall(self, kind: Kind, world: str) -> None:
        index, report = built(kind, world)
        assert report.recall >= approximate.RECALL
        assert report.used.kind == kind, "the kind asked for reaches it here"
        assert isinstance(index, FlatIndex if kind == "flat" else ApproximateIndex)

    @pytest.mark.parametrize("rows", ROWS)
    def test_finds_what_brute_force_finds_among_the_rows_allowed(self, kind: Kind, world: str, rows: str) -> None:
        vectors, queries, allowed = WORLDS[world], QUERIES[world], ROWS[rows]
        among = np.arange(N)[allowed]
        found = built(kind, world)[0].search(queries, K, allowed)
        assert found.dtype == np.int64
        assert found.shape == (len(queries), K)
        count = min(K, len(among))
        assert np.isin(found[:, :count], among).all()
        assert (found[:, count:] == -1).all()
        assert all(len(set(line)) == count for line in found[:, :count].tolist())
        own = scores(queries, vectors, found)[:, :count]
        assert (np.diff(own, axis=1) <= 0).all(), "best first, by exact scores"
        least = oracle(queries, vectors, among, K)[:, -1:]
        assert (own >= least).mean() >= (0.95 if len(among) >= LEAST_SHARE * N else 1)

    def test_more_wanted_than_there_is(self, kind: Kind, world: str) -> None:
        index = built(kind, world)[0]
        rows = ROWS["half"]
        found = index.search(QUERIES[world][:3], N, rows)
        assert np.array_equal(np.sort(found[:, : len(rows)], axis=1), np.broadcast_to(rows, (3, len(rows))))
        assert (found[:, len(rows) :] == -1).all()

    def test_nothing_allowed_nothing_asked_nothing_wanted(self, kind: Kind, world: str) -> None:
        index, queries = built(kind, world)[0], QUERIES[world]
        assert (index.search(queries, 2, slice(9, 9)) == -1).all()
        assert (index.search(queries, 2, np.array([], dtype=np.int64)) == -1).all()
        assert index.search(queries[:0], 2, EVERY).shape == (0, 2)
        assert index.search(queries, 0, EVERY).shape == (len(queries), 0)

    def test_alone_equals_in_a_batch(self, kind: Kind, world: str) -> None:
        index, queries = built(kind, world)[0], QUERIES[world]
        found = scores(queries, WORLDS[world], index.search(queries, K, ROWS["half"]))
        for place in range(0, len(queries), 9):
            alone = index.search(queries[place : place + 1], K, ROWS["half"])
            assert np.array_equal(scores(queries[place : place + 1], WORLDS[world], alone)[0], found[place])


@pytest.mark.parametrize("kind", APPROXIMATE)
class TestApproximate:
    """What approximate kinds add: files, rows appended since, ties, and a recall that may be out of reach."""

    def test_equal_scores_are_in_the_order_of_rows(self, kind: Kind) -> None:
        index = built(kind, "zeros and copies")[0]
        copies = np.arange(1, N, 50)
        found = index.search(WORLDS["zeros and copies"][1:2], 10, EVERY)[0]
        assert np.isin(found, copies).all()
        assert (np.diff(found) > 0).all()

    def test_built_again_it_is_the_same(self, kind: Kind, tmp_path: Path) -> None:
        first, report = built(kind, "clustered")
        again, other = build_index(WORLDS["clustered"].copy(), Plan.of(kind, N))
        assert isinstance(first, ApproximateIndex)
        assert isinstance(again, ApproximateIndex)
        assert report == other
        first.save(tmp_path / "first")
        again.save(tmp_path / "again")
        assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()

    def test_loaded_it_is_the_same(self, kind: Kind, tmp_path: Path) -> None:
        index, report = built(kind, "random")
        assert isinstance(index, ApproximateIndex)
        index.save(tmp_path / "index.faiss")
        plan = Report.of(report.to_json()).used
        loaded = ApproximateIndex.load(tmp_path / "index.faiss", WORLDS["random"], plan)
        for rows in ROWS.values():
            expected = index.search(QUERIES["random"], K, rows)
            assert np.array_equal(loaded.search(QUERIES["random"], K, rows), expected)

    def test_a_file_of_other_vectors_is_refused(self, kind: Kind, tmp_path: Path) -> None:
        index, report = built(kind, "random")
        assert isinstance(index, ApproximateIndex)
        index.save(tmp_path / "index.faiss")
        for vectors in (WORLDS["random"][:-1], WORLDS["random"][:, :16]):
            with pytest.raises(SnapshotError, match="does not fit"):
                ApproximateIndex.load(tmp_path / "index.faiss", vectors, report.used)
        (tmp_path / "index.faiss").write_bytes(b"not an index at all")
        with pytest.raises(SnapshotError, match="no index"):
            ApproximateIndex.load(tmp_path / "index.faiss", WORLDS["random"], report.used)

    @pytest.mark.parametrize("rows", [slice(0, N + 60), slice(N, N + 60), np.arange(0, N + 60, 2), np.arange(N, N + 9)])
    def test_rows_added_since_are_found(self, kind: Kind, rows: slice | np.ndarray) -> None:
        index = built(kind, "random")[0]
        assert isinstance(index, ApproximateIndex)
        vectors = np.concatenate([WORLDS["random"], random_vectors(60, seed=7)])
        queries = vectors[N - 30 :]
        found = index.over(vectors).search(queries, K, rows)
        among = np.arange(N + 60)[rows]
        count = min(K, len(among))
        assert np.isin(found[:, :count], among).all()
        least = oracle(queries, vectors, among, K)[:, -1:]
        assert (scores(queries, vectors, found)[:, :count] >= least).mean() >= 0.95
        for place, row in enumerate(range(N - 30, N + 60)):
            if row >= N and row in among:
                assert found[place, 0] == row, "a row of the tail finds itself, as its search is exact"

    def test_effort_rises_until_the_recall_is_reached(self, kind: Kind) -> None:
        _, report = build_index(WORLDS["random"], replace(Plan.of(kind, N), effort=1))
        efforts = [effort for effort, _ in report.tried]
        assert efforts == [2**step for step in range(len(efforts))]
        assert all(recall < approximate.RECALL for _, recall in report.tried[:-1])
        assert report.recall == report.tried[-1][1] >= approximate.RECALL
        assert report.used.effort == efforts[-1]

    def test_where_no_effort_reaches_it_search_is_exact_and_the_report_says_so(self, kind: Kind) -> None:
        index, report = build_index(WORLDS["random"], Plan.of(kind, N), recall=1.01)
        assert isinstance(index, FlatIndex)
        assert (report.used.kind, report.recall) == ("flat", 1.0)
        assert report.wanted.kind == kind
        assert report.tried

    def test_few_rows_need_no_index(self, kind: Kind) -> None:
        index, report = build_index(random_vectors(LEAST_ROWS - 1), Plan.of(kind, LEAST_ROWS - 1))
        assert isinstance(index, FlatIndex)
        assert report.used.kind == "flat"

    @settings(max_examples=40)
    @given(
        data=st.data(),
        k=st.integers(1, 40),
        share=st.floats(0, 1),
        seed=st.integers(0, 2**32 - 1),
    )
    def test_nothing_outside_the_rows_is_ever_found(
        self, kind: Kind, data: st.DataObject, k: int, share: float, seed: int
    ) -> None:
        index = built(kind, "clustered")[0]
        if data.draw(st.booleans(), label="slice"):
            start = data.draw(st.integers(0, N), label="start")
            rows: slice | np.ndarray = slice(start, min(start + int(share * N), N))
        else:
            rows = np.flatnonzero(np.random.default_rng(seed).random(N) < share)
        among = np.arange(N)[rows]
        found = index.search(QUERIES["clustered"][:8], k, rows)
        assert np.isin(found, np.append(among, -1)).all()
        assert ((found >= 0).sum(axis=1) == min(k, len(among))).all()
        assert all(len(set(line[line >= 0])) == (line >= 0).sum() for line in found)


class TestChoose:
    """A pure table, and its constants."""

    def test_the_constants_are_those_measured(self) -> None:
        from benchmarks.index_kinds import costs

        measured = json.loads((RESULTS / "index_kinds.json").read_text(encoding="utf-8"))["rows"]
        assert costs(measured) == COSTS

    def test_the_estimated_size_is_the_measured_one(self) -> None:
        measured = json.loads((RESULTS / "index_kinds.json").read_text(encoding="utf-8"))["rows"]
        large = [row for row in measured if row["n"] >= 50_000 and row["bytes"]]
        assert {row["kind"] for row in large} == set(APPROXIMATE)
        for row in large:
            assert Plan.of(row["kind"], row["n"]).memory(row["n"], row["d"]) == pytest.approx(row["bytes"], rel=0.05)

    def test_every_build_measured_reached_the_recall(self) -> None:
        measured = json.loads((RESULTS / "index_kinds.json").read_text(encoding="utf-8"))["rows"]
        assert all(row["recall_checked"] >= approximate.RECALL for row in measured)

    @given(st.integers(1, 10**9), st.integers(1, 4_096), st.integers(0, 2**40), st.floats(1e-6, 10))
    def test_it_fits_into_memory_and_is_as_fast_as_any_that_does(
        self, n: int, d: int, memory: int, latency: float
    ) -> None:
        plan = choose_index(n, d, memory, latency)
        assert plan.memory(n, d) <= memory
        others = [other for other in (Plan.of(kind, n) for kind in KINDS) if other.memory(n, d) <= memory]
        assert plan.seconds(n, d) <= max(latency, min(other.seconds(n, d) for other in others))
        if Plan("flat").seconds(n, d) <= latency:
            assert plan.kind == "flat", "exact wherever that is fast enough"

    def test_no_memory_means_exact(self) -> None:
        assert choose_index(10**8, 384, memory=0).kind == "flat"

    def test_a_million_is_searched_through_an_index(self) -> None:
        assert choose_index(1_000_000, 640).kind != "flat"


class TestDrafts:
    """What a snapshot keeps: the index, its report through JSON, and rows that came later."""

    @pytest.mark.parametrize("kind", APPROXIMATE)
    def test_through_a_folder_and_json_it_is_the_same(self, kind: Kind, tmp_path: Path) -> None:
        vectors, queries = WORLDS["clustered"], QUERIES["clustered"]
        drafts = Drafts.build(vectors, Plan.of(kind, N))
        drafts.save(tmp_path)
        loaded = Drafts.load(tmp_path, vectors, json.loads(json.dumps(drafts.report.to_json())))
        assert loaded.report == drafts.report
        assert loaded.report.used.kind == kind
        assert loaded.report.recall >= approximate.RECALL
        assert np.array_equal(loaded.index.search(queries, K, EVERY), drafts.index.search(queries, K, EVERY))

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_counts_the_rows_added_since(self, kind: Kind) -> None:
        drafts = Drafts.build(WORLDS["random"], Plan.of(kind, N))
        more = np.concatenate([WORLDS["random"], random_vectors(60, seed=7)])
        longer = drafts.over(more)
        assert (drafts.tail, longer.tail) == (0, 60)
        assert longer.index.search(more[-1:], 1, slice(0, N + 60))[0, 0] == N + 59

    def test_a_recall_out_of_reach_warns_and_is_reported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(approximate, "_MOST_EFFORT", 1)
        monkeypatch.setitem(approximate._OVERFETCH, "hnsw", 0)
        monkeypatch.setattr(approximate, "_MARGIN", 1)
        with pytest.warns(UserWarning, match="searched exactly"):
            drafts = Drafts.build(WORLDS["random"], replace(Plan.of("hnsw", N), effort=1))
        assert (drafts.report.wanted.kind, drafts.report.used.kind, drafts.report.recall) == ("hnsw", "flat", 1.0)
        assert drafts.report.tried[0][1] < approximate.RECALL
        drafts.save(tmp_path)
        assert not list(tmp_path.iterdir())
        loaded = Drafts.load(tmp_path, WORLDS["random"], json.loads(json.dumps(drafts.report.to_json())))
        assert isinstance(loaded.index, FlatIndex)
        assert loaded.report == drafts.report


STORIES = 1_500
GIVEN = {f"s{row}": vector for row, vector in enumerate(random_vectors(STORIES + 200, seed=11) / 4064)}
START = datetime(2020, 1, 1, tzinfo=UTC)


def stories(start: int, stop: int, dated: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "id": f"s{row}",
            "title": f"word{row % 97}",
            "body": f"word{row % 89}",
            "section": f"section{row % 3}",
            "language": ("en", "de")[row % 5 == 0],
            **({"published_at": START + timedelta(days=row)} if dated else {}),
        }
        for row in range(start, stop)
    ]


@cache
def fitted(dated: bool) -> Recommender:
    """The archive that all share, each under settings of its own."""
    return Recommender(Settings.relevance_only(), embedder=GivenVectors(GIVEN)).fit(stories(0, STORIES, dated))


def recommender(kind: str, dated: bool = False, **override: Any) -> Recommender:
    chosen = {"retrieval.index": kind} | {name.replace("__", "."): value for name, value in override.items()}
    rec = fitted(dated).under(Settings.relevance_only().override(chosen))
    rec.tombstones = Tombstones()
    return rec


def manifest(root: Path) -> dict[str, Any]:
    return VersionedFolder(root, "snapshot").current().manifest


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each approximate search was allowed to find."""
    seen: list[int] = []
    search = ApproximateIndex.search

    def recorded(self: ApproximateIndex, queries: np.ndarray, k: int, rows: slice | np.ndarray) -> np.ndarray:
        seen.append(len(np.arange(len(self.vectors))[rows]))
        return search(self, queries, k, rows)

    monkeypatch.setattr(ApproximateIndex, "search", recorded)
    return seen


class TestSnapshot:
    """Drafts are searched through the index of a snapshot, stories of the archive never."""

    @pytest.mark.parametrize(("kind", "used"), [("ivf", "ivf_pq"), ("hnsw", "hnsw")])
    def test_it_keeps_the_index_with_its_recall(self, kind: str, used: str, tmp_path: Path) -> None:
        rec = recommender(kind)
        assert rec.index_recall == 1.0, "exact until a snapshot is saved"
        rec.save(tmp_path)
        kept = manifest(tmp_path)
        assert kept["index"]["used"]["kind"] == used
        assert kept["index"]["recall"] >= approximate.RECALL
        assert kept["index"]["rows"] == STORIES
        assert approximate.FILE in kept["files"]
        loaded = Recommender.load(tmp_path, embedder=GivenVectors(GIVEN))
        assert loaded.index_recall == rec.index_recall == kept["index"]["recall"]
        for draft in stories(STORIES, STORIES + 5):
            assert loaded.recommend_for(draft) == rec.recommend_for(draft)
        told = cli("info", "--archive", tmp_path).stdout
        assert f"index  {used}" in told
        assert f"recall  {kept['index']['recall']}" in told

    @pytest.mark.parametrize("kind", ["ivf", "hnsw"])
    @pytest.mark.parametrize(
        ("override", "filters"),
        [
            ({}, None),
            ({"selection__related_at": 0.3}, None),
            ({"retrieval__same_language": True}, None),
            ({"retrieval__window_days": 300}, None),
            ({"retrieval__window_days": 900}, Filters(sections=("section1",))),
            ({}, Filters(sections=("section1", "section2"), languages=("en",), exclude=("s1", "s2"))),
            ({}, Filters(days_around_story=700)),
            ({}, Filters(after=START + timedelta(days=500))),
            ({"ranking__half_life_days": 90}, None),
        ],
    )
    def test_drafts_find_what_exact_search_finds(
        self, kind: str, override: dict[str, Any], filters: Filters | None, tmp_path: Path, searches: list[int]
    ) -> None:
        rec = recommender(kind, dated=True, **override)
        gone = {f"s{row}" for row in range(0, STORIES, 7)}
        rec.withdraw(gone)
        drafts = stories(STORIES, STORIES + 20, dated=True)
        exact = [rec.recommend_for(draft, filters=filters) for draft in drafts]
        assert not searches
        rec.save(tmp_path)
        searches.clear()  # those that measured its recall
        assert [rec.recommend_for(draft, filters=filters) for draft in drafts] == exact
        # once among all rows of the moment, and again without those withdrawn where too many of the best are
        assert len(drafts) <= len(searches) <= 2 * len(drafts)
        assert sum(len(found) for found in exact)
        assert not gone & {item.article_id for found in exact for item in (*found.items, *found.reserves)}

    def test_stories_of_the_archive_never_meet_it(self, tmp_path: Path, searches: list[int]) -> None:
        rec = recommender("ivf")
        before = rec.recommend_many(["s0", "s1"])
        rec.save(tmp_path)
        searches.clear()
        assert rec.recommend_many(["s0", "s1"]) == before
        rec.explain_rejected(["s0"])
        rec.recommend_for(stories(1, 2)[0])
        assert not searches

    @pytest.mark.filterwarnings("ignore:no ranker ships for this embedder")
    @pytest.mark.parametrize("kind", ["ivf", "hnsw"])
    def test_under_a_ranker_drafts_find_nearly_what_exact_search_finds(self, kind: str, tmp_path: Path) -> None:
        """A ranker looks at where a candidate stands among all, so that one that was missed moves others a little."""
        learned = {"ranking__half_life_days": 90.0, "ranking__ranker": "auto"}
        rec = recommender(kind, dated=True, **learned)
        assert rec.archive.ranker is not None
        drafts = stories(STORIES, STORIES + 40, dated=True)
        exact = [{item.article_id for item in rec.recommend_for(draft)} for draft in drafts]
        rec.save(tmp_path)
        found = [{item.article_id for item in rec.recommend_for(draft)} for draft in drafts]
        same = sum(len(a & b) for a, b in zip(exact, found, strict=True))
        assert sum(map(len, exact)) > 100
        assert same >= 0.95 * sum(map(len, exact))

    def test_withdrawn_stories_are_not_among_the_rows_where_it_searches_again(
        self, tmp_path: Path, searches: list[int]
    ) -> None:
        rec = recommender("ivf")
        rec.save(tmp_path)
        draft = stories(STORIES, STORIES + 1)[0]
        searches.clear()
        rec.recommend_for(draft)
        assert searches == [STORIES]
        rec.withdraw([f"s{row}" for row in range(0, STORIES, 3)])
        searches.clear()
        rec.recommend_for(draft)
        assert searches == [STORIES, STORIES - STORIES // 3]

    @pytest.mark.parametrize("kind", ["ivf", "hnsw"])
    def test_it_serves_however_candidates_are_ranked(self, kind: str, tmp_path: Path, searches: list[int]) -> None:
        """A search knows no ages, so that the one index is right for a ranking that does."""
        rec = recommender(kind, dated=True, ranking__half_life_days=90)
        exact = recommender("flat", dated=True, ranking__half_life_days=90)
        rec.save(tmp_path)
        assert manifest(tmp_path)["index"]["wanted"]["kind"].startswith(kind)
        ageless = rec.under(rec.settings.override({"ranking.half_life_days": None}))
        assert ageless.archive.drafts is rec.archive.drafts
        draft = stories(STORIES, STORIES + 1, dated=True)[0]
        searches.clear()
        aged, plain = (one.recommend_for(draft) for one in (rec, ageless))
        assert len(searches) == 2
        assert [(one.article_id, one.score) for one in aged] == [
            (one.article_id, one.score) for one in exact.recommend_for(draft)
        ]
        assert [one.article_id for one in aged] != [one.article_id for one in plain]

    @pytest.mark.parametrize("kind", ["auto", "flat"])
    def test_a_small_archive_is_searched_exactly(self, kind: str, tmp_path: Path) -> None:
        rec = recommender(kind)
        rec.save(tmp_path)
        assert rec.archive.drafts is None
        assert rec.index_recall == 1.0
        assert manifest(tmp_path)["index"] is None
        assert approximate.FILE not in manifest(tmp_path)["files"]
        assert "recall  1.0" in cli("info", "--archive", tmp_path).stdout

    def test_auto_counts_the_rows_that_a_window_leaves(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        d = recommender("flat").archive.search.shape[1]
        # exact search of 300 rows is fast enough here, of 1,500 it is not
        monkeypatch.setitem(COSTS, "flat", Cost(0.0, LATENCY / (500 * d)))
        for days, kind in ((300, None), (None, "ivf_pq")):
            rec = recommender("auto", dated=True, retrieval__window_days=days)
            rec.save(tmp_path / str(days))
            drafts = rec.archive.drafts
            assert (drafts and drafts.report.wanted.kind) == kind

    @pytest.mark.parametrize(
        ("name", "value", "stays"),
        [("selection.k", 3, True), ("retrieval.index", "flat", False), ("ranking.lexical_weight", 0.4, True)],
    )
    def test_settings_that_it_depends_on_leave_it_behind(
        self, name: str, value: Any, stays: bool, tmp_path: Path
    ) -> None:
        rec = recommender("ivf")
        rec.save(tmp_path)
        drafts = rec.under(rec.settings.override({name: value})).archive.drafts
        assert drafts is (rec.archive.drafts if stays else None)

    def test_unknown_kinds_are_refused(self) -> None:
        with pytest.raises(SettingsError, match=r"retrieval\.index"):
            Settings.of({"retrieval": {"index": "ivf_pq"}})

    def test_added_stories_are_found_and_too_many_ask_for_another_build(self, tmp_path: Path) -> None:
        rec = recommender("ivf", selection__drop_copies=False)
        rec.save(tmp_path)
        rec = Recommender.load(tmp_path, embedder=GivenVectors(GIVEN))
        rec.update(stories(STORIES, STORIES + 60))
        held = rec.archive.drafts
        assert held is not None
        assert held.tail == 60
        draft = {**stories(STORIES + 1, STORIES + 2)[0], "id": "draft"}
        rec.embedder = GivenVectors({**GIVEN, "draft": GIVEN[f"s{STORIES + 1}"]})
        assert rec.recommend_for(draft).items[0].article_id == f"s{STORIES + 1}"
        rec.save(tmp_path)
        assert rec.archive.drafts is held, "a short tail is searched exactly"
        again = Recommender.load(tmp_path, embedder=rec.embedder)
        assert again.archive.drafts is not None
        assert again.archive.drafts.tail == 60
        assert again.recommend_for(draft) == rec.recommend_for(draft)
        rec.update(stories(STORIES + 60, STORIES + 200))
        rec.save(tmp_path)
        assert rec.archive.drafts is not None
        assert rec.archive.drafts.report.rows == STORIES + 200
        assert rec.compact().archive.drafts is None

    def test_a_damaged_file_is_found_before_it_is_read(self, tmp_path: Path) -> None:
        recommender("ivf").save(tmp_path)
        path = VersionedFolder(tmp_path, "snapshot").current().folder / approximate.FILE
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        with pytest.raises(SnapshotError, match=r"index\.faiss does not match its checksum"):
            Recommender.load(tmp_path, embedder=GivenVectors(GIVEN))

    def test_a_recall_out_of_reach_is_in_the_manifest(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        rec = recommender("hnsw")
        monkeypatch.setattr(approximate, "_MOST_EFFORT", 1)
        monkeypatch.setitem(EFFORT, "hnsw", 1)
        monkeypatch.setitem(approximate._OVERFETCH, "hnsw", 0)
        monkeypatch.setattr(approximate, "_MARGIN", 1)
        with pytest.warns(UserWarning, match="drafts are searched exactly"):
            rec.save(tmp_path)
        kept = manifest(tmp_path)["index"]
        assert (kept["wanted"]["kind"], kept["used"]["kind"], kept["recall"]) == ("hnsw", "flat", 1.0)
        assert kept["tried"][0][1] < approximate.RECALL
        loaded = Recommender.load(tmp_path, embedder=GivenVectors(GIVEN))
        draft = stories(STORIES, STORIES + 1)[0]
        assert loaded.recommend_for(draft) == rec.recommend_for(draft)
