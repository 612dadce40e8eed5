"""The FAISS index: of any factory string, saved, grown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import Recommender, Settings
from recommender.errors import SettingsError, SnapshotError
from recommender.features.vectors import SCALE, cosines, quantise
from recommender.jobs.precompute import precompute
from recommender.jobs.purge import purge
from recommender.search.index import FILE, SearchIndex
from tests.faults.world import WordEmbedder

N = 600


def world(seed: int = 0, rows: int = N) -> np.ndarray:
    rng = np.random.default_rng(seed)
    topics = rng.normal(size=(9, 24))
    return quantise(topics[rng.integers(0, 9, rows)] + 0.5 * rng.normal(size=(rows, 24)))


VECTORS = world()
KINDS = ("Flat", "IVF16,SQ8", "IVF16,PQ12x4fs", "HNSW16", "IVF16,Flat", "PCA16,IVF16,SQ8", "SQfp16")


@pytest.fixture(scope="module")
def built() -> dict[str, SearchIndex]:
    return {factory: SearchIndex.build(VECTORS, factory) for factory in KINDS}


@pytest.mark.parametrize("kind", KINDS)
class TestContract:
    """What holds for every index."""

    def test_ids_are_rows(self, kind: str, built: dict[str, SearchIndex]) -> None:
        _, rows = built[kind].faiss.search(VECTORS[:50].astype(np.float32) / SCALE, 1)
        assert (rows[:, 0] == np.arange(50)).mean() > 0.4
        assert built[kind].faiss.ntotal == N

    def test_states_the_recall_that_brute_force_finds(self, kind: str, built: dict[str, SearchIndex]) -> None:
        products = VECTORS.astype(np.int64) @ VECTORS.astype(np.int64).T
        np.fill_diagonal(products, 0)
        true = np.argsort(-products, axis=1, kind="stable")[:, :10]
        _, near = built[kind].faiss.search(VECTORS.astype(np.float32) / SCALE, 11)
        recall = np.mean([np.isin(wanted, found).mean() for wanted, found in zip(true, near, strict=True)])
        assert built[kind].report.recall == pytest.approx(recall, abs=0.03)  # it looks at 200 of 600

    def test_saved_and_mapped_it_finds_the_same(self, kind: str, built: dict[str, SearchIndex], tmp_path: Path) -> None:
        index = built[kind]
        report = index.save(tmp_path, VECTORS)
        again = SearchIndex.load(tmp_path, report.to_json(), VECTORS)
        queries = world(3, 20).astype(np.float32) / SCALE
        assert np.array_equal(again.faiss.search(queries, 8)[1], index.faiss.search(queries, 8)[1])
        (tmp_path / "copy").mkdir()
        assert again.save(tmp_path / "copy", VECTORS) == report
        assert (tmp_path / "copy" / FILE).read_bytes() == (tmp_path / FILE).read_bytes()

    def test_rows_added_since_are_saved_with_it(self, kind: str, built: dict[str, SearchIndex], tmp_path: Path) -> None:
        added = world(4, 30)
        every = np.concatenate([VECTORS, added])
        mapped = SearchIndex.load(tmp_path, built[kind].save(tmp_path, VECTORS).to_json(), VECTORS)
        for number, index in enumerate((built[kind], mapped)):
            folder = tmp_path / str(number)
            folder.mkdir()
            report = index.save(folder, every)
            grown = SearchIndex.load(folder, report.to_json(), every)
            assert grown.faiss.ntotal == report.rows == N + 30
            found = grown.faiss.search(added.astype(np.float32) / SCALE, 1)[1][:, 0]
            assert (found == np.arange(N, N + 30)).mean() > 0.8
        assert built[kind].faiss.ntotal == N


def test_a_factory_string_that_faiss_does_not_know() -> None:
    with pytest.raises(SettingsError, match=r"retrieval\.index is 'IFV16', which FAISS does not know"):
        SearchIndex.build(VECTORS, "IFV16")


def test_an_index_for_more_rows_than_there_are() -> None:
    with pytest.raises(SettingsError, match="cannot build over 20 stories"):
        SearchIndex.build(VECTORS[:20], "IVF64,Flat")


@pytest.mark.parametrize("kind", ["IVF64,Flat", "PCA16,IVF64,SQ8", "IVF16,PQ12x4fs,RFlat", "IVF64_HNSW16,PQ12x4"])
def test_few_rows_are_trained_on_without_a_word_on_standard_error(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    SearchIndex.build(VECTORS, kind, 0.0)
    assert capfd.readouterr() == ("", "")


def test_an_index_that_finds_too_little_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"finds 0\.\d+ of the ten nearest, less than retrieval.min_recall = 0.99"):
        SearchIndex.build(world(5, 3_000), "PQ2x4", 0.99)


def test_more_cells_are_probed_until_it_finds_enough() -> None:
    vectors = quantise(np.random.default_rng(6).normal(size=(2_000, 24)))
    few, many = (SearchIndex.build(vectors, "IVF64,Flat", least) for least in (0.0, 0.999))
    assert many.report.recall >= 0.999 > few.report.recall
    assert many.report.effort > few.report.effort


def test_a_file_of_other_vectors_is_refused(tmp_path: Path) -> None:
    report = SearchIndex.build(VECTORS, "IVF16,SQ8").save(tmp_path, VECTORS).to_json()
    for other in (VECTORS[:, :12], VECTORS[:10]):
        with pytest.raises(SnapshotError, match="does not fit its vectors"):
            SearchIndex.load(tmp_path, report, other)
    (tmp_path / FILE).write_bytes(b"no index")
    with pytest.raises(SnapshotError, match="no index that FAISS can read"):
        SearchIndex.load(tmp_path, report, VECTORS)


class TestArchive:
    """An archive whose settings name an index."""

    @pytest.fixture
    def rec(self) -> Recommender:
        options = Settings().override({"retrieval.index": "IVF16,SQ8", "retrieval.candidates": 20})
        return Recommender(options, embedder=WordEmbedder()).fit(stories(0, 400))

    def test_it_is_saved_with_its_index(self, rec: Recommender, tmp_path: Path) -> None:
        rec.save(tmp_path)
        again = Recommender.load(tmp_path, embedder=WordEmbedder())
        assert again.archive.index is not None
        assert again.archive.index.report.recall >= 0.99
        assert again.index.ntotal == 400
        draft = {"id": "draft", "title": "ferry radar t3w1 t3w4"}
        assert again.recommend_for(draft) == rec.recommend_for(draft)

    def test_added_stories_are_found_and_grow_the_saved_index(self, rec: Recommender, tmp_path: Path) -> None:
        rec.save(tmp_path)
        again = Recommender.load(tmp_path, embedder=WordEmbedder())
        again.update([{"id": "late", "title": "t3w1 t5w2 t7w3 t1w8 t2w4", "published_at": "2024-06-01"}])
        archive = again.archive
        assert again.index.search(archive.vectors[400:].astype(np.float32) / SCALE, 1)[1].tolist() == [[400]]
        again.save(tmp_path)
        assert Recommender.load(tmp_path, embedder=WordEmbedder()).index.ntotal == 401

    def test_a_damaged_index_is_found_before_it_is_read(self, rec: Recommender, tmp_path: Path) -> None:
        rec.save(tmp_path)
        (path,) = tmp_path.rglob(FILE)
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(SnapshotError, match=FILE):
            Recommender.load(tmp_path, embedder=WordEmbedder())

    def test_the_default_index_holds_all_vectors_and_is_not_saved(self, rec: Recommender, tmp_path: Path) -> None:
        draft = {"id": "draft", "title": "ferry radar t3w1 t3w4"}
        plain = rec.under(rec.settings.override({"retrieval.index": "auto"}))
        rec.archive = rec.archive.indexed()
        assert plain.recommend_for(draft).items == rec.recommend_for(draft).items
        assert (plain.index.ntotal, type(plain.index).__name__) == (400, "IndexFlat")
        plain.save(tmp_path)
        assert not list(tmp_path.rglob(FILE))

    def test_the_index_holds_what_was_added_since_it_was_asked_for(self, tmp_path: Path) -> None:
        rec = Recommender(Settings(), embedder=WordEmbedder()).fit(stories(0, 300))
        assert rec.index.ntotal == 300
        rec.update(stories(300, 310))
        assert rec.index.ntotal == 310

    def test_a_single_story_has_an_index(self) -> None:
        assert Recommender(Settings(), embedder=WordEmbedder()).fit(stories(0, 1)).index.ntotal == 1

    def test_an_index_is_saved_though_the_archive_that_it_was_mapped_from_is_gone(
        self, rec: Recommender, tmp_path: Path
    ) -> None:
        rec.save(tmp_path / "a")
        held = Recommender.load(tmp_path / "a", embedder=WordEmbedder())
        other = Recommender.load(tmp_path / "a", embedder=WordEmbedder())
        other.update(stories(400, 410))
        other.save(tmp_path / "a")
        held.save(tmp_path / "b")
        assert Recommender.load(tmp_path / "b", embedder=WordEmbedder()).index.ntotal == 400

    def test_an_unknown_index_is_refused_before_any_work(self, tmp_path: Path) -> None:
        settings = Settings().override({"retrieval.index": "nonsense", "embedding.model": "tfidf"})
        with pytest.raises(SettingsError, match="which FAISS does not know"):
            precompute(stories(0, 40), tmp_path / "lists", settings=settings)
        assert not (tmp_path / "lists" / "CURRENT").exists()

    def test_an_index_that_finds_too_little_publishes_nothing(self, tmp_path: Path) -> None:
        override = {"retrieval.index": "PQ1x1", "retrieval.min_recall": 1.0, "embedding.model": "tfidf"}
        with pytest.raises(SettingsError, match="min_recall"):
            precompute(
                stories(0, 400),
                tmp_path / "lists",
                settings=Settings().override(override),
                archive=tmp_path / "archive",
            )
        assert not (tmp_path / "lists" / "CURRENT").exists()

    def test_stories_are_deleted_though_too_few_are_left_for_the_index(self, tmp_path: Path) -> None:
        override = {"retrieval.index": "IVF32,Flat", "retrieval.min_recall": 0.0, "embedding.model": "tfidf"}
        place = tmp_path / "archive"
        precompute(stories(0, 40), tmp_path / "lists", settings=Settings().override(override), archive=place)
        purge(place, [f"s{number}" for number in range(15)])
        assert len(Recommender.load(place).catalog) == 25

    def test_an_index_of_ones_own_that_finds_too_little_is_refused(self, tmp_path: Path) -> None:
        rec = Recommender(
            Settings().override({"retrieval.index": "PQ1x1", "retrieval.min_recall": 1.0}), embedder=WordEmbedder()
        ).fit(stories(0, 400))
        with pytest.raises(SettingsError, match="min_recall"):
            rec.save(tmp_path)


def stories(start: int, stop: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(start)
    found = []
    for number in range(start, stop):
        topic = number % 8
        words = [f"t{topic}w{word}" for word in rng.integers(0, 9, 6)]
        found.append(
            {
                "id": f"s{number}",
                "title": " ".join(words),
                "published_at": f"2024-0{1 + number % 5}-{1 + number % 28:02}",
            }
        )
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 600), st.integers(0, 2**32 - 1))
def test_float32_dot_products_are_exact_in_any_order(rows: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = quantise(rng.normal(size=(rows, dim)) ** 3)  # some components dominate
    exact = vectors.astype(np.int64) @ vectors.astype(np.int64).T
    assert np.abs(exact).max() < 2**24
    order = rng.permutation(dim)
    floats = vectors.astype(np.float32)
    assert np.array_equal(floats @ floats.T, exact)
    assert np.array_equal(floats[:, order] @ floats[:, order].T, exact)
    everyone = np.broadcast_to(np.arange(rows), (rows, rows))
    assert np.array_equal(cosines(vectors, vectors, everyone), (exact / SCALE**2).astype(np.float32))


def test_cosines_of_missing_candidates_are_zero() -> None:
    vectors = quantise(np.eye(2))
    assert cosines(vectors, vectors, np.array([[0, -1], [-1, 1]])).tolist() == [[1, 0], [0, 1]]


def test_quantised_cosines_are_close_to_the_true_ones() -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 384))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    everyone = np.broadcast_to(np.arange(200), (200, 200))
    found = cosines(quantise(vectors), quantise(vectors), everyone)
    assert np.abs(found - unit @ unit.T).max() < 1e-3


def test_a_zero_vector_stays_zero() -> None:
    assert quantise(np.zeros((1, 4))).tolist() == [[0, 0, 0, 0]]
