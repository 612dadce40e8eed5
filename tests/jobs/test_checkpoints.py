"""A job that was killed redoes only the rest, to the same bytes; with other inputs it says so and starts anew."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import PublishedLists, Recommender, Settings, SnapshotError
from recommender.cli.app import app
from recommender.editorial.overlay import NAME, Overlay
from recommender.editorial.rules import Block, Rules
from recommender.embedders import make_embedder
from recommender.evaluation import load_set
from recommender.jobs.precompute import precompute
from recommender.jobs.purge import purge
from recommender.search.pools import Checkpoint, Pools, Queries
from recommender.search.retriever import Retriever
from recommender.storage import checkpoints
from recommender.storage.checkpoints import Ledger, Ledgers, clear
from recommender.storage.versions import VersionedFolder
from tests.cli.test_cli import dump
from tests.faults.world import WordEmbedder
from tests.support.checkerboard import START, checkerboard
from tests.support.interrupted import (
    AS_OF,
    CHANGES,
    SETTINGS,
    SHARD,
    STORIES,
    TEXTS,
    Stopped,
    content,
    kill,
    run,
    shards,
    small_shards,
    stop,
)

WHOLE = -(-len(STORIES) // SHARD)
VECTORS = -(-len(STORIES) // TEXTS)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over all stories with its snapshot, and nothing else."""
    root = tmp_path_factory.mktemp("undisturbed")
    done = run("precompute", root, archive=root / "snapshot")
    assert done.result["resumed"] == 0
    assert done.result["embedded"] == len(STORIES)
    assert not any(path.name == checkpoints.FOLDER for path in root.rglob("*"))
    return root


@pytest.fixture(scope="module")
def broken_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stopped when nearly all lists were made."""
    root = tmp_path_factory.mktemp("broken-off")
    stop("precompute", root, ("writing", len(STORIES) - 5), archive=root / "snapshot")
    assert {stage: len(files) for stage, files in shards(root).items()} == {
        "vectors": VECTORS,
        "pools": WHOLE - 1,
        "lists": WHOLE - 1,
    }
    return root


# -- killed -----------------------------------------------------------------------------------


def test_a_killed_precompute_embeds_only_the_rest(undisturbed: Path, tmp_path: Path) -> None:
    kill("precompute", tmp_path, ("embedding", 4 * TEXTS), archive=tmp_path / "snapshot")
    assert len(shards(tmp_path)["vectors"]) == 4
    again = run("precompute", tmp_path, archive=tmp_path / "snapshot")
    assert again.resumed == {"vectors": 4}
    assert again.result["resumed"] == 4
    assert again.result["embedded"] == len(STORIES) - 4 * TEXTS
    assert again.said == []
    assert content(tmp_path) == content(undisturbed)


def test_a_killed_precompute_searches_only_for_the_rest(undisturbed: Path, tmp_path: Path) -> None:
    kill("precompute", tmp_path, Path("out/.resume/pools-*/00002.*"), archive=tmp_path / "snapshot")
    held = shards(tmp_path)
    assert len(held["vectors"]) == VECTORS
    assert len(held["pools"]) >= 3
    again = run("precompute", tmp_path, archive=tmp_path / "snapshot")
    assert again.result["embedded"] == 0
    assert again.resumed == {stage: len(files) for stage, files in held.items()}
    assert again.result["resumed"] == sum(map(len, held.values()))
    assert content(tmp_path) == content(undisturbed)


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_precompute_killed_twice_makes_only_the_other_lists(format: str, tmp_path: Path) -> None:
    run("precompute", tmp_path / "once", format=format)
    root = tmp_path / "killed"
    kill("precompute", root, ("embedding", 5 * TEXTS), format=format)
    kill("precompute", root, ("selecting", 3 * SHARD + 1), format=format)
    assert len(shards(root)["lists"]) == 3
    again = run("precompute", root, format=format)
    assert again.resumed == {"vectors": VECTORS, "pools": WHOLE - 1, "lists": 3}
    assert again.result["embedded"] == 0
    assert again.result["lists"] == len(STORIES)
    assert content(root) == content(tmp_path / "once")


def test_a_database_is_written_from_the_shards_of_the_named_folder(tmp_path: Path) -> None:
    places = [f"sqlite:///{tmp_path / name}.db" for name in ("once", "killed")]
    run("precompute", tmp_path, place=places[0], format="sql")
    assert not list(tmp_path.rglob("*-????????????"))  # for a database nothing is kept but where it is asked for
    resume = tmp_path / "kept"
    kill("precompute", tmp_path, ("selecting", 2 * SHARD + 1), place=places[1], format="sql", resume=resume)
    again = run("precompute", tmp_path, place=places[1], format="sql", resume=resume)
    assert again.result["resumed"] == VECTORS + WHOLE - 1 + 2
    once, killed = (PublishedLists.open(place) for place in places)
    assert [killed.json(story) for story in killed.ids()] == [once.json(story) for story in once.ids()]
    assert not resume.exists()


@pytest.mark.parametrize("at", [Path("out/.resume/vectors-*/00001.*"), Path("out/.resume/lists-*/00001.*")])
def test_a_killed_refresh_redoes_only_the_rest(at: Path, undisturbed: Path, tmp_path: Path) -> None:
    once, root = (Path(shutil.copytree(undisturbed, tmp_path / name)) for name in ("once", "killed"))
    whole = run("refresh", once)
    assert whole.result["embedded"] == len(CHANGES)
    assert whole.result["recomputed"] > 2 * SHARD
    kill("refresh", root, at)
    held = {stage: len(files) for stage, files in shards(root).items()}
    again = run("refresh", root)
    assert again.resumed == held
    assert again.result["embedded"] == max(len(CHANGES) - held["vectors"] * TEXTS, 0)
    assert held["vectors"] >= 2
    assert held.get("lists", 0) >= 2 * ("lists" in str(at))
    assert again.said == []
    assert content(root) == content(once)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of the sample set: no test waits for a model to load."""
    path = tmp_path_factory.mktemp("cache") / "vectors.sqlite"
    Recommender(cache=path).fit_table(load_set("sample").catalog.table)
    return path


def test_a_killed_evaluation_asks_only_the_other_systems(cache: Path, tmp_path: Path) -> None:
    once = run("evaluate", tmp_path / "once", cache=cache)
    kill("evaluate", tmp_path / "killed", ("recent on sample", 1), cache=cache)
    again = run("evaluate", tmp_path / "killed", cache=cache)
    assert again.result["resumed"] == 2
    assert again.resumed == {"tfidf on sample": 1, "bm25 on sample": 1}
    asked = {stage for stage, _ in again.stages if not stage.startswith("resumed")}
    assert asked == {"recent on sample"}
    assert once.result["found"] == again.result["found"]
    assert not (tmp_path / "killed" / checkpoints.FOLDER).exists()


def test_a_killed_search_for_settings_tries_only_the_rest(tmp_path: Path) -> None:
    once = run("tune", tmp_path / "once")
    kill("tune", tmp_path / "killed", ("tuning", 6))
    again = run("tune", tmp_path / "killed")
    assert again.result["resumed"] == 6
    assert once.result["found"] == again.result["found"]
    assert not (tmp_path / "killed" / checkpoints.FOLDER).exists()


def test_the_command_line_says_what_it_takes_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stories, out = dump(tmp_path / "stories.jsonl", STORIES), tmp_path / "out"
    command = ["precompute", str(stories), "--lists", str(out), "--model", "tfidf", "--set", "selection.related_at=0.1"]

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "selecting" and done > 3 * SHARD:
            raise Stopped

    with small_shards():
        with pytest.raises(Stopped):
            precompute(
                [str(stories)],
                out,
                settings=Settings().override({"embedding.model": "tfidf", "selection.related_at": 0.1}),
                progress=progress,
            )
        app(command, standalone_mode=False)
    told = capsys.readouterr()
    assert f"resumed lists: 3 of {WHOLE} shards were finished" in told.err.splitlines()
    assert re.search(rf"resumed  {WHOLE - 1 + 3} shards that an interrupted run had finished", told.out)
    assert not (out / checkpoints.FOLDER).exists()


def test_without_dates_pools_are_found_once_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment is then that of the call, and decides only about what may be shown."""
    searched, pools = [], Retriever.pools

    def counted(self: Retriever, queries: Queries, checkpoint: Checkpoint | None = None) -> Pools:
        searched.append(len(queries))
        return pools(self, queries, checkpoint)

    monkeypatch.setattr(Retriever, "pools", counted)
    options = {"stories": checkerboard(per_topic=78, dated=False), "as_of": None}
    run("precompute", tmp_path / "once", **options)
    assert searched == [len(STORIES)]
    stop("precompute", tmp_path / "again", ("writing", len(STORIES) - 5), **options)
    again = run("precompute", tmp_path / "again", **options)
    assert again.result["resumed"] == VECTORS + len(STORIES) // SHARD + WHOLE - 1
    assert again.said == []
    assert content(tmp_path / "again") == content(tmp_path / "once")


# -- other inputs -----------------------------------------------------------------------------


def _changed(name: str) -> dict[str, Any]:
    return {
        "stories": {"stories": [*STORIES[:-1], {**STORIES[-1], "title": "harbour ferry corrected"}]},
        "settings": {"settings": {"selection.k": 2}},
        "rules": {"rules": Rules(blocks=(Block(item="t0-s3"),))},
        "moment": {"as_of": AS_OF + timedelta(days=1)},
    }[name]


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ("stories", ("vectors", "pools", "lists")),
        ("settings", ("pools", "lists")),
        ("rules", ("pools", "lists")),
        ("moment", ("pools", "lists")),
    ],
)
def test_changed_inputs_are_named_and_start_anew(
    change: str, stages: tuple[str, ...], broken_off: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(broken_off, tmp_path / "changed"))
    held = {stage: len(files) for stage, files in shards(root).items()}
    again = run("precompute", root, archive=root / "snapshot", **_changed(change))
    assert len(again.said) == len(stages)
    for stage, said in zip(stages, again.said, strict=True):
        assert re.match(
            f"{held[stage]} finished shards of {stage} \\(precompute\\) cannot be used: the {change} (and .* )?changed",
            said,
        )
    assert list(again.resumed) == [stage for stage in ("vectors",) if stage not in stages]
    fresh = tmp_path / "fresh"
    run("precompute", fresh, archive=fresh / "snapshot", **_changed(change))
    assert content(root) == content(fresh)


def test_another_version_of_the_library_starts_anew(
    broken_off: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(broken_off, tmp_path / "out"))
    monkeypatch.setattr("recommender.jobs.run_identity.__version__", "99.0")
    again = run("precompute", root)
    assert [said.partition(": ")[2] for said in again.said] == ["the library changed; it starts over"] * 2


class OtherWords(WordEmbedder):
    """Another model."""

    fingerprint = "other words"


def test_vectors_of_another_model_are_not_used(broken_off: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(broken_off, tmp_path / "out"))
    again = run("precompute", root, embedder=OtherWords())
    assert again.result["embedded"] == len(STORIES)
    assert again.said[0].endswith("the embedding changed; it starts over")


def test_a_story_withdrawn_meanwhile_is_in_no_list(broken_off: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(broken_off, tmp_path / "out"))
    Overlay(root / "out" / NAME).record("withdraw", ["t0-s7"])
    again = run("precompute", root)
    assert len(again.said) == 2
    assert all(said.endswith("withdrawals changed; it starts over") for said in again.said)
    assert again.resumed == {"vectors": VECTORS}
    assert again.result["lists"] == len(STORIES) - 1
    text = b"".join(content(root / "out" / "versions").values())
    assert b'"t0-s7"' not in text
    assert not (root / "out" / checkpoints.FOLDER).exists()


def test_an_evaluation_of_another_system_or_depth_asks_again(cache: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours.toml"
    options = {"systems": ["random", str(ours), "recent"], "cache": cache}
    ours.write_text('embedding.model = "tfidf"\nselection.k = 4\n', encoding="utf-8")
    stop("evaluate", tmp_path, ("recent on sample", 1), **options)
    ours.write_text('embedding.model = "tfidf"\nselection.k = 3\n', encoding="utf-8")
    again = run("evaluate", tmp_path, **options)
    assert again.said == [
        "1 finished shard of ours on sample (evaluate) cannot be used: the system changed; it starts over"
    ]
    assert again.resumed == {"random on sample": 1}
    stop("evaluate", tmp_path, ("ours on sample", 1), **options)
    again = run("evaluate", tmp_path, k=4, **options)
    said = "1 finished shard of random on sample (evaluate) cannot be used: the number of items changed; it starts over"
    assert again.said == [said]
    assert again.result["resumed"] == 0


def test_a_set_has_another_fingerprint_with_another_judgment() -> None:
    one, other = load_set("sample"), load_set("sample").split()[0]
    assert one.fingerprint() == load_set("sample").fingerprint() != other.fingerprint()


# -- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cut", "altered", "empty"])
def test_damaged_shards_are_made_again(how: str, broken_off: Path, undisturbed: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(broken_off, tmp_path / "out"))
    total = sum(map(len, shards(root).values()))
    damaged = [files[1] for files in shards(root).values()]
    for path in damaged:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes({"cut": data[: len(data) // 2], "altered": data, "empty": b""}[how])
    again = run("precompute", root, archive=root / "snapshot")
    assert sorted(again.said) == sorted(
        f"the finished shard {path} is damaged and is computed again" for path in damaged
    )
    assert again.result["resumed"] == total - 3
    assert again.result["embedded"] == TEXTS
    assert content(root) == content(undisturbed)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"stories": "other"}', b"{}", None])
def test_a_damaged_ledger_starts_anew(text: bytes | None, broken_off: Path, undisturbed: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(broken_off, tmp_path / "out"))
    (header,) = root.glob("out/.resume/lists-*/inputs.json")
    header.unlink() if text is None else header.write_bytes(text)
    again = run("precompute", root, archive=root / "snapshot")
    assert again.said == [
        f"{WHOLE - 1} finished shards of lists (precompute) cannot be used: {header} is damaged; it starts over"
    ]
    assert again.result["resumed"] == VECTORS + WHOLE - 1
    assert content(root) == content(undisturbed)


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_any_finished_shards_lead_to_the_same_bytes(data: st.DataObject, undisturbed: Path, broken_off: Path) -> None:
    with TemporaryDirectory() as folder:
        root = Path(shutil.copytree(broken_off, Path(folder) / "root"))
        every = [path for files in shards(root).values() for path in files]
        kept = data.draw(st.sets(st.sampled_from(range(len(every)))))
        for number, path in enumerate(every):
            if number not in kept:
                path.unlink()
        (root / "out" / checkpoints.FOLDER / every[0].parent.name / ".00003.123").write_bytes(b"half a shard")
        again = run("precompute", root, archive=root / "snapshot")
        assert again.result["resumed"] == len(kept)
        assert again.said == []
        assert content(root) == content(undisturbed)


# -- the folder -------------------------------------------------------------------------------


def test_small_archives_keep_nothing(tmp_path: Path) -> None:
    seen = []

    def progress(stage: str, done: int, total: int | None) -> None:
        seen.append((tmp_path / "out" / checkpoints.FOLDER).exists())

    options = Settings.of({"embedding": {"model": "tfidf"}})
    precompute(checkerboard(), tmp_path / "out", settings=options, progress=progress)
    assert len(seen) > 5
    assert not any(seen)


def test_readers_and_versions_pass_over_the_folder(undisturbed: Path, broken_off: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(undisturbed / "out", tmp_path / "out"))
    before = {story: PublishedLists.open(out).json(story) for story in PublishedLists.open(out).ids()}
    shutil.copytree(broken_off / "out" / checkpoints.FOLDER, out / checkpoints.FOLDER)
    lists = PublishedLists.open(out)
    assert {story: lists.json(story) for story in lists.ids()} == before
    assert len(VersionedFolder(out, "lists").versions()) == 1
    with pytest.raises(SnapshotError, match="no published lists"):
        PublishedLists.open(broken_off / "out")


@pytest.mark.parametrize("place", ["out", "snapshot", "kept"])
def test_a_purge_deletes_the_shards(place: str, tmp_path: Path) -> None:
    secret = {"id": "secret", "title": "Zebedee Quillfeather harbour ferry", "published_at": START}
    options = {"archive": tmp_path / "snapshot", "embedder": make_embedder(SETTINGS.embedding)}
    run("precompute", tmp_path, **options)
    resume = {"snapshot": tmp_path / "snapshot" / checkpoints.FOLDER, "kept": tmp_path / "kept"}.get(place)
    stop("precompute", tmp_path, ("writing", len(STORIES)), stories=[*STORIES, secret], resume=resume, **options)
    held = [path for path in tmp_path.rglob("*") if path.is_file() and b"Quillfeather" in path.read_bytes()]
    assert {path.parent.name.partition("-")[0] for path in held} == {"lists"}
    assert "finished shards of an interrupted run deleted" in purge(tmp_path / place, "secret")
    assert not any(path.name == "inputs.json" for path in tmp_path.rglob("*"))
    assert b"Quillfeather" not in b"".join(content(tmp_path).values())


def test_a_job_outlives_the_deletion_of_its_shards(undisturbed: Path, tmp_path: Path) -> None:
    def progress(stage: str, done: int, total: int | None) -> None:
        if stage in ("selecting", "embedding"):
            clear(tmp_path / "out" / checkpoints.FOLDER)

    run("precompute", tmp_path, progress, archive=tmp_path / "snapshot")
    assert content(tmp_path) == content(undisturbed)


def test_other_files_of_a_named_folder_stay(tmp_path: Path) -> None:
    mine = tmp_path / "backup-0123456789ab"
    mine.mkdir()
    (mine / "mine.0123456789abcdef").write_text("mine", encoding="utf-8")
    (mine / "inputs.txt").write_text("mine", encoding="utf-8")
    Ledger(tmp_path, "vectors", {"a": "1"}).keep("00000", a=np.arange(3))
    assert clear(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]
    assert len(list(mine.iterdir())) == 2


def test_a_job_deletes_only_its_own_ledgers(tmp_path: Path) -> None:
    precompute, refresh = (Ledgers(tmp_path / "both", job) for job in ("precompute", "refresh"))
    for one in (precompute, refresh):
        opened = one.open("lists", {"of": one.job})
        assert opened is not None
        opened.keep("00000", a=np.arange(3))
    refresh.clear()
    again = precompute.open("lists", {"of": "precompute"})
    assert again is not None
    assert again.names == ["00000"]
    precompute.clear()
    assert not (tmp_path / "both").exists()


# -- the class --------------------------------------------------------------------------------


def test_two_processes_may_add_the_same_shard(tmp_path: Path) -> None:
    one, other = (Ledger(tmp_path, "s", {"a": "1"}) for _ in range(2))
    one.keep("00000", a=np.arange(3))
    other.keep("00000", a=np.arange(3))
    other.keep("00001", a=np.arange(4))
    assert one.names == other.names == ["00000", "00001"]
    assert len(list(one.folder.iterdir())) == 3  # equal shards are equal files


def test_a_process_that_outlives_its_job_adds_nothing_to_the_next(tmp_path: Path) -> None:
    late = Ledger(tmp_path, "s", {"a": "1"})
    late.keep("00000", a=np.arange(3))
    with pytest.warns(UserWarning, match="1 finished shard of s cannot be used: the a changed"):
        now = Ledger(tmp_path, "s", {"a": "2"})
    late.keep("00001", a=np.arange(3))
    assert now.names == []
    assert now.arrays("00001") is None


def test_a_shard_that_fails_is_not_there(tmp_path: Path) -> None:
    held = Ledger(tmp_path, "s", {})
    schema = pa.schema([("n", pa.int64())])

    def made() -> Any:
        yield pa.RecordBatch.from_pydict({"n": [1]}, schema=schema)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(held.batches("00000", made(), schema))
    assert held.names == []
    assert [path.name for path in held.folder.iterdir()] == ["inputs.json"]
    batch = pa.RecordBatch.from_pydict({"n": [1, 2]}, schema=schema)
    assert list(held.batches("00000", iter([batch]), schema)) == [batch]
    assert list(held.batches("00000", iter([]), schema)) == [batch]
    assert held.resumed == 1


def test_stages_whose_names_begin_alike_are_apart(tmp_path: Path) -> None:
    Ledger(tmp_path, "lists", {"a": "1"}).keep("0", a=np.arange(1))
    Ledger(tmp_path, "lists of b", {"a": "2"}).keep("0", a=np.arange(1))
    assert Ledger(tmp_path, "lists", {"a": "1"}).names == ["0"]
