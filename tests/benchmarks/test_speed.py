"""The benchmark of speed: archives of any size, contenders, and rows."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from benchmarks.cases import CASES, Case, Contender, Job
from benchmarks.scale import Plan, Recipe, ScaleArchive, Seeds, generate

from benchmarks import cases, peers, reads, scale, speed
from recommender import Recommender, Settings
from recommender.articles.article import DAY_US
from recommender.features.vectors import SCALE

ROOT = Path(__file__).parents[2]
N = 300


@pytest.fixture(scope="module")
def seeds() -> Seeds:
    return Seeds.read(settings=Settings.of({"embedding": {"model": "tfidf"}}))


@pytest.fixture(scope="module")
def archive(seeds: Seeds, tmp_path_factory: pytest.TempPathFactory) -> ScaleArchive:
    return generate(tmp_path_factory.mktemp("archive"), seeds, Recipe(N))


@pytest.fixture
def job(archive: ScaleArchive, tmp_path: Path) -> Job:
    return Job(str(archive.folder), str(tmp_path), str(tmp_path), N, k=10, pairs=1e12)


class TestScale:
    def test_same_recipe_same_stories_in_any_block(
        self, seeds: Seeds, archive: ScaleArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scale, "_BLOCK", 77)
        again = generate(tmp_path, seeds, Recipe(N))
        assert pq.read_table(again.articles).equals(pq.read_table(archive.articles))
        assert np.array_equal(again.vectors(), archive.vectors())
        other = generate(tmp_path, seeds, Recipe(N, seed=1))
        assert not np.array_equal(other.vectors(), archive.vectors())

    def test_what_is_there_stays(self, seeds: Seeds, archive: ScaleArchive) -> None:
        before = archive.articles.stat().st_mtime_ns
        generate(archive.folder, seeds, Recipe(N))
        assert archive.articles.stat().st_mtime_ns == before

    @pytest.mark.filterwarnings("ignore:.*uses words only")
    def test_stories_are_read_whole_and_meet_their_vectors(self, archive: ScaleArchive) -> None:
        rec = Recommender(embedder=archive.embedder()).fit(archive.articles, strict=True)
        assert rec.report.accepted == N
        assert rec.catalog.ids.to_pylist() == [f"synthetic-{row:07d}" for row in range(N)]
        assert np.array_equal(rec.archive.vectors, archive.vectors())
        length = np.linalg.norm(archive.vectors().astype(float), axis=1)
        assert np.allclose(length, SCALE, rtol=0.002)
        assert np.allclose(archive.unit_vectors() * SCALE, archive.vectors(), atol=1e-3)

    def test_texts_are_sentences_of_the_mixed_stories(self, seeds: Seeds, archive: ScaleArchive) -> None:
        plan = Plan.of(seeds, Recipe(N))
        sentences = seeds.sentences.to_pylist()
        for row, body in enumerate(pq.read_table(archive.articles)["body"].to_pylist()):
            own = [sentences[seeds.first[seed] : seeds.first[seed + 1]] for seed in plan.parents[row]]
            assert all(any(sentence in body for sentence in told) for told in own)
            rest = body
            for sentence in sorted((one for told in own for one in told), key=len, reverse=True):
                rest = rest.replace(sentence, "")
            assert not rest.strip()

    def test_plan_keeps_to_the_recipe(self, seeds: Seeds) -> None:
        recipe = Recipe(20_000, years=4, events=0.3, copies=0.02)
        plan = Plan.of(seeds, recipe)
        assert (np.diff(plan.published) >= 0).all()
        assert abs(np.ptp(plan.published) / DAY_US - 4 * 365.25) < 5
        assert np.allclose(plan.weights.sum(axis=1), 1, atol=1e-6)
        told = np.concatenate([plan.parents, plan.start, plan.noise, plan.cut[:, None]], axis=1)
        copies = 1 - len(np.unique(told, axis=0)) / recipe.n
        assert 0.015 < copies < 0.025
        # dates are spread evenly, whatever is an event
        assert np.histogram(plan.published, bins=8)[0].std() < 0.1 * recipe.n / 8
        # events: stories of one main seed within two days of each other, beyond what chance brings
        near = plan.published[1:] - plan.published[:-1] < 2 * DAY_US
        assert (plan.parents[1:, 0] == plan.parents[:-1, 0])[near].mean() > 2 / len(seeds)

    def test_mixtures_are_near_what_they_are_mixed_of(self, seeds: Seeds, archive: ScaleArchive) -> None:
        plan = Plan.of(seeds, Recipe(N))
        unit = seeds.vectors.astype(float) / SCALE
        found = np.einsum("nd,npd->np", archive.vectors() / SCALE, unit[plan.parents])
        assert (found[:, 0] > found.mean()).mean() > 0.9
        shown = scale.nearness(archive.vectors(), sample=100)
        assert shown["nearest 1"][2] > shown["nearest 10"][2] > shown["random"][2]


class TestAllLists:
    def test_ours_is_exact(self, job: Job) -> None:
        figures = cases.our_lists(job)
        assert cases.recall(job, Path(job.scratch), Path(), slack=0) == 1.0
        assert figures["projected"] is False
        assert figures["queries"] == N

    @pytest.mark.parametrize(
        ("peer", "module"),
        [
            (peers.faiss_flat, "faiss"),
            (peers.sentence_transformers, "sentence_transformers"),
            (peers.scikit_learn, "sklearn"),
            (peers.usearch, "usearch"),
            (peers.txtai, "txtai"),
            (peers.thirty, "numpy"),
        ],
    )
    def test_peers_search_what_they_should(self, job: Job, peer: peers.Peer, module: str) -> None:
        pytest.importorskip(module)
        cases.peer_lists(peer)(job)
        assert cases.recall(job, Path(job.scratch), Path()) >= 0.99

    def test_a_search_of_some_is_projected_to_all(self, job: Job) -> None:
        some = replace(job, pairs=N * 30)
        assert len(some.rows()) == 30
        figures = cases.our_lists(some)
        assert figures["projected"] is True
        assert figures["seconds"] == pytest.approx(figures["build"] + figures["search"] * 10)
        assert cases.recall(some, Path(job.scratch), Path()) == 1.0

    def test_recall_counts_what_is_missing(self, job: Job) -> None:
        cases.our_lists(job)
        path = Path(job.scratch) / "found.npz"
        with np.load(path) as held:
            rows, found = held["rows"], held["found"]
        far = (rows[:, None] + N // 2 + np.arange(5)) % N
        np.savez(path, rows=rows, found=np.concatenate([found[:, :6], far], axis=1))
        assert 0.5 <= cases.recall(job, path.parent, Path()) < 0.75
        np.savez(path, rows=rows, found=np.repeat(rows[:, None], 11, axis=1))  # itself, again and again
        assert cases.recall(job, path.parent, Path()) == 0

    def test_equal_scores_are_equally_right(self, tmp_path: Path) -> None:
        np.save(tmp_path / "vectors.npy", np.tile(np.int16([[SCALE, 0], [0, SCALE]]), (4, 1)))
        np.savez(tmp_path / "found.npz", rows=np.array([0]), found=np.array([[6, 4, 0]]))
        tied = Job(str(tmp_path), str(tmp_path), str(tmp_path), 8, k=2, pairs=1e12)
        assert cases.recall(tied, tmp_path, Path()) == 1.0

    @pytest.mark.parametrize("make", [peers.product_numpy, peers.product_torch, peers.product_faiss])
    def test_products_are_products(self, make: Any) -> None:
        rng = np.random.default_rng(0)
        a, b = (rng.standard_normal((size, 8), dtype=np.float32) for size in (3, 5))
        product = make(a, b)
        product()
        out = next(cell.cell_contents for cell in product.__closure__ if np.shape(cell.cell_contents) == (3, 5))
        assert np.allclose(np.asarray(out), a @ b.T, atol=1e-5)


def test_overlap_of_equal_and_of_other_vectors(job: Job, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folders = [tmp_path / name for name in "abc"]
    vectors = rng.normal(size=(60, 8))
    for folder, held in zip(folders, (vectors, 3 * vectors, rng.normal(size=(60, 8))), strict=True):
        folder.mkdir()
        np.save(folder / "vectors.npy", held)
    assert cases.overlap(job, folders[0], folders[1]) == 1.0
    assert cases.overlap(job, folders[2], folders[1]) < 0.5


@pytest.fixture(scope="module")
def small(seeds: Seeds, tmp_path_factory: pytest.TempPathFactory) -> ScaleArchive:
    return generate(tmp_path_factory.mktemp("small"), seeds, Recipe(60))


@pytest.mark.parametrize("name", ["build", "call", "refresh", "memory"])
@pytest.mark.filterwarnings("ignore:.*uses words only")
def test_every_case_runs(name: str, small: ScaleArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "_CALLS", 10)
    monkeypatch.setattr(reads, "import_seconds", lambda code="": 0.1)
    case = CASES[name]
    job = Job(str(small.folder), str(tmp_path), str(tmp_path), 60, k=10, pairs=1e12)
    if case.prepare:
        case.find("prepare")(job)
    for one in case.contenders:
        figures = case.find(one.name)(job)
        assert figures["seconds"] > 0
        assert figures.get("lists", 60) == 60
        json.dumps(figures)


def run(tmp_path: Path, *arguments: str) -> None:
    speed.main([*arguments, "--model", "tfidf", "--rounds", "1", "--work", str(tmp_path / "work")])


class TestRunner:
    def test_one_line_a_case_and_missing_peers_are_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(cases, "find_spec", lambda name: None if name == "usearch" else True)
        result = tmp_path / "speed.json"
        run(tmp_path, "all-lists", "--n", str(N), "--k", "10", "--only", "usearch exact", "--json", "--to", str(result))
        captured = capsys.readouterr()
        (line,) = captured.out.splitlines()
        row = json.loads(line)
        assert (row["case"], row["n"], row["recall"]) == ("all-lists", N, 1.0)
        assert row["ratio"] == pytest.approx(row["seconds"] / row["peers"]["FAISS IndexFlatIP"]["seconds"], rel=1e-3)
        assert row["peers"]["FAISS IndexFlatIP"]["recall"] == 1.0
        assert row["ours"]["peak_mib"] > 50
        assert row["stories"] == "synthetic from newsroom"
        assert "usearch not installed" in row["skipped"]["usearch exact"]
        assert "usearch exact skipped" in captured.err
        assert {"cpu", "faiss-cpu"} <= set(row["machine"])
        assert {"flags", "torch", "faiss", "pools"} <= set(row["kernels"])
        assert json.loads(result.read_text(encoding="utf-8"))["rows"] == [row]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["quick"], "unknown case 'quick'; expected one of embed, build"),
            (["--real"], "--real needs --data"),
            (["--only", "annoy"], "unknown peer 'annoy'"),
            (["--n", "1"], "at least 2"),
        ],
    )
    def test_impossible_wishes(
        self, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            run(tmp_path, *arguments)
        assert message in capsys.readouterr().err

    def test_a_failing_peer_is_named_and_a_failing_reference_stops(
        self, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def apart(case: Case, name: str, job: Job) -> dict[str, Any]:
            if name == "bad":
                raise speed.ContenderFailed("bad: out of memory")
            turns.append(name)
            return {"seconds": float(len(turns)), "peak_mib": 1.0}

        monkeypatch.setattr(speed, "run_apart", apart)
        names = ["ours", "reference", "bad", "other"]
        ours, reference, bad, other = (Contender(name, lambda job: {}) for name in names)
        turns: list[str] = []
        row = speed.measure(Case("build", "", (ours, reference, bad, other)), job, rounds=2)
        assert turns == ["ours", "reference", "other"] * 2
        assert row["failed"] == {"bad": "bad: out of memory"}
        assert row["ours"]["seconds"] == 1
        assert row["ours"]["seconds_median"] == 2.5
        assert row["ratio"] == 0.5  # least to least: 1 to 2
        assert row["ours"]["ratios"] == [1 / 2, 4 / 5]  # and by rounds
        assert row["peers"]["other"]["ratio"] == 1.5
        with pytest.raises(speed.ContenderFailed):
            speed.measure(Case("build", "", (ours, bad)), job, rounds=1)

    def test_a_process_that_fails_tells_why(self, job: Job) -> None:
        with pytest.raises(speed.ContenderFailed, match=r"all-lists, FAISS IndexFlatIP: .*vectors\.npy"):
            speed.run_apart(CASES["all-lists"], "FAISS IndexFlatIP", replace(job, archive="/nowhere"))

    def test_peak_memory_is_the_own(self) -> None:
        held = np.ones(60_000_000)  # 460 MiB
        program = "from benchmarks.common import peak_mib; print(peak_mib())"
        peak = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
        assert 5 < float(peak.stdout) < held.nbytes / 2**20

    def test_a_row_replaces_its_elder(self, tmp_path: Path) -> None:
        path = tmp_path / "speed.json"
        old, new, other = ({"case": "build", "stories": "s", "n": n, "x": x} for n, x in ((5, 1), (5, 2), (3, 3)))
        speed.merge(path, [old])
        speed.merge(path, [new, {**other, "case": "embed"}, other])
        held = json.loads(path.read_text(encoding="utf-8"))["rows"]
        assert [(row["case"], row["n"], row["x"]) for row in held] == [
            ("embed", 3, 3),
            ("build", 3, 3),
            ("build", 5, 2),
        ]
