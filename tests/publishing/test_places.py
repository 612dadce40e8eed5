from __future__ import annotations

import errno
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import PublishedLists, PublishError, ReadNext, Recommender, SettingsError, SnapshotError
from recommender.articles.ids import SortedIds
from recommender.editorial.overlay import Overlay
from recommender.jobs.precompute import precompute
from recommender.lists.records import RECORD
from recommender.publishing import open_publisher
from recommender.storage.atomic import write_atomically
from recommender.storage.versions import VersionedFolder
from tests.support import postgresql
from tests.support.checkerboard import ANY_CHANGE, WITHIN_TOPICS, checkerboard
from tests.support.processes import forkserver

SETTINGS = WITHIN_TOPICS.override({**ANY_CHANGE, "selection.k": 3, "selection.reserves": 2})
FORMATS = ("jsonl", "parquet", "sql", "postgresql")


def place_of(folder: Path, format: str) -> str:
    if format == "postgresql":
        return postgresql.shared().schema(f"s{zlib.crc32(bytes(folder)):x}")
    return f"sqlite:///{folder / 'lists.db'}" if format == "sql" else str(folder / "out")


def format_of(kind: str) -> str:
    return "sql" if kind == "postgresql" else kind


def run(place: str, format: str, stories: list[dict] | None = None, **options: object) -> str:
    return precompute(stories or checkerboard(), place, settings=SETTINGS, format=format_of(format), **options).version  # type: ignore[arg-type]


@pytest.mark.parametrize("format", FORMATS)
class TestContract:
    """What holds for every sink."""

    def test_lists_read_back_are_those_of_the_facade(self, format: str, tmp_path: Path) -> None:
        stories = checkerboard()
        stories[4] |= {"url": "https://news.example/1", "tags": ["a"], "body": 'quotes " and \\ and ünïcode ☃\n\nlines'}
        version = run(place_of(tmp_path, format), format, stories)
        lists = PublishedLists.open(place_of(tmp_path, format))
        rec = Recommender(SETTINGS).fit(stories)
        assert lists.version == version
        assert sorted(lists.ids()) == sorted(story["id"] for story in stories)
        for story in stories:
            found, expected = lists.get(story["id"]), rec.recommend(story["id"])
            assert found.items == expected.items
            assert found.reserves == expected.reserves
            assert (found.status, found.k, found.as_of) == (expected.status, 3, expected.as_of)
            assert (found.version, found.settings) == (version, expected.settings)
        assert expected.settings != SETTINGS.fingerprint(), "it is of the ranker, too"
        for batch in lists.records(["article_id", "items.article_id"]):
            assert format != "parquet" or batch.schema.names == ["article_id", "items"]
            for record in batch.select(["article_id", "items"]).to_pylist():
                ids = [item["article_id"] for item in record["items"]]
                assert ids == [item.article_id for item in lists.get(record["article_id"])]

    def test_every_status(self, format: str, tmp_path: Path) -> None:
        place = place_of(tmp_path, format)
        stories = [*checkerboard(), {"id": "alone", "title": "nothing like the rest", "published_at": "2020-01-02"}]
        stories.append({"id": "embargoed", "title": "harbour ferry", "published_at": "2999-01-01"})
        run(place, format, stories)
        lists = PublishedLists.open(place)
        assert lists.get("t0-s0").status == "ok"
        assert (lists.get("alone").status, lists.get("alone").shortfall) == ("empty", 3)
        assert lists.get("embargoed").status == "not_computed"
        for unknown in ("no-such-id", None, 2.5):
            assert lists.get(unknown).status == "unknown"  # type: ignore[arg-type]
        assert lists.withhold("t0-s1") == 1
        assert (lists.get("t0-s1").status, len(lists.get("t0-s1"))) == ("withheld", 0)
        assert "t0-s1" in {item.article_id for found in map(lists.get, ["t0-s0", "t0-s2"]) for item in found}
        assert lists.release("t0-s1") == 1
        assert lists.get("t0-s1").status == "ok"
        assert lists.withdraw("t0-s1") == 1
        assert lists.get("t0-s1").status == "withdrawn"

    def test_reserves_take_the_places_of_withdrawn_items(self, format: str, tmp_path: Path) -> None:
        place = place_of(tmp_path, format)
        run(place, format)
        lists, other = PublishedLists.open(place), PublishedLists.open(place)
        before = lists.get("t1-s0")
        gone = before.items[0].article_id
        assert other.withdraw(gone) == 1
        assert other.withdraw(gone) == 0
        after = lists.get("t1-s0")
        assert [i.article_id for i in after] == [i.article_id for i in (*before.items[1:], before.reserves[0])]
        assert [i.rank for i in after] == [1, 2, 3]
        assert after.status == "ok"
        for article_id in lists.ids():
            found = lists.get(article_id)
            assert gone not in [i.article_id for i in (*found.items, *found.reserves)]
        assert lists.restore(gone) == 1
        assert lists.get("t1-s0") == before

    def test_json_is_the_same_list(self, format: str, tmp_path: Path) -> None:
        place = place_of(tmp_path, format)
        stories = [*checkerboard(), {"id": "alone", "title": "nothing like the rest", "published_at": "2020-01-02"}]
        stories[4] |= {"title": 'harbour "article_id":"t0-s2" quoted', "body": "\t\\ ünïcode ☃"}
        run(place, format, stories)
        lists = PublishedLists.open(place)
        every = [*lists.ids(), "no-such-id"]

        def check() -> None:
            for story in every:
                line = lists.json(story)
                assert b"\n" not in line
                assert ReadNext.of(orjson.loads(line)) == lists.get(story), story

        check()
        first = lists.get("t1-s0").items
        lists.block(first[0].article_id, story="t1-s0")
        lists.block(lists.get("t2-s0").items[1].article_id)
        check()
        assert [item["article_id"] for item in orjson.loads(lists.json("t1-s0"))["items"][:2]] == [
            item.article_id for item in first[1:3]
        ]
        lists.withdraw(["t0-s1", "t0-s3", 'a "quoted" id'], unknown_too=True)
        lists.withhold("t2-s1")
        check()
        assert orjson.loads(lists.json("t0-s1"))["status"] == "withdrawn"
        assert (orjson.loads(lists.json("t2-s1"))["status"], lists.get("t2-s1").status) == ("withheld", "withheld")
        assert not any(b"t0-s1" in lists.json(story) for story in lists.ids())

    def test_a_list_is_of_the_moment_it_was_asked_for(self, format: str, tmp_path: Path) -> None:
        run(place_of(tmp_path, format), format)
        lists = PublishedLists.open(place_of(tmp_path, format))
        looked_at = lists.get("t0-s0")
        gone = looked_at.items[0].article_id
        before = lists.get("t0-s0")
        lists.withdraw(gone)
        after = lists.get("t0-s0")
        lists.restore(gone)
        assert before == looked_at
        assert gone not in [item.article_id for item in after]

    def test_a_withdrawn_story_stays_withdrawn_in_later_versions(self, format: str, tmp_path: Path) -> None:
        place = place_of(tmp_path, format)
        run(place, format)
        PublishedLists.open(place).withdraw("t0-s0")
        run(place, format)
        lists = PublishedLists.open(place)
        assert lists.get("t0-s0").status == "withdrawn"
        assert all("t0-s0" not in [i.article_id for i in lists.get(story)] for story in lists.ids())
        assert len(lists.get("t0-s1")) == 3

    def test_readers_keep_their_version_until_they_refresh(self, format: str, tmp_path: Path) -> None:
        place = place_of(tmp_path, format)
        first = run(place, format)
        lists = PublishedLists.open(place)
        before = lists.get("t0-s0")
        second = run(place, format, checkerboard(per_topic=7))
        assert first != second
        assert lists.get("t0-s0") == before
        assert lists.get("t0-s6").status == "unknown"
        assert lists.refresh()
        assert lists.version == second
        assert lists.get("t0-s6").status == "ok"
        assert not lists.refresh()

    def test_the_last_versions_are_kept_and_rolled_back_to(self, format: str, tmp_path: Path) -> None:
        place = place_of(tmp_path, format)
        versions = [run(place, format, checkerboard(per_topic=n)) for n in (5, 6, 7, 8)]
        publisher = open_publisher(place, format_of(format))
        assert versions[2] in publisher.rollback()
        assert PublishedLists.open(place).version == versions[2]
        assert versions[1] in publisher.rollback()
        with pytest.raises(SnapshotError, match="no version"):
            publisher.rollback()
        with pytest.raises(SnapshotError, match="no version"):
            publisher.rollback(versions[0])
        publisher.rollback(versions[3])
        PublishedLists.open(place).withdraw("t0-s1")
        publisher.rollback(versions[2])
        assert PublishedLists.open(place).get("t0-s1").status == "withdrawn"

    def test_a_failing_run_leaves_the_old_version(self, format: str, tmp_path: Path) -> None:
        place = place_of(tmp_path, format)
        version = run(place, format)

        def failing(stage: str, done: int, total: int | None) -> None:
            if stage == "writing":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(place, format, checkerboard(per_topic=9), progress=failing)
        lists = PublishedLists.open(place)
        assert lists.version == version
        assert lists.get("t0-s8").status == "unknown"
        assert run(place, format, checkerboard(per_topic=9)) != version

    def test_nothing_published_yet(self, format: str, tmp_path: Path) -> None:
        with pytest.raises(SnapshotError, match="no "):
            PublishedLists.open(place_of(tmp_path, format))

    def test_hostile_ids(self, format: str, tmp_path: Path) -> None:
        place = place_of(tmp_path, format)
        strange = ["../../etc", "a/b", "'; DROP TABLE x; --", "ü" * 300, "\u202eabc", " spaced id ", "é", "e\u0301"]
        stories = [{"id": i, "title": f"harbour ferry captain {n}", "body": str(n)} for n, i in enumerate(strange)]
        run(place, format, stories)
        lists = PublishedLists.open(place)
        for article_id in (i.strip() for i in strange):
            assert lists.get(article_id).article_id == article_id
            assert lists.get(article_id).status == "ok"
        assert {path.name for path in tmp_path.iterdir()} <= {"out", "lists.db", "lists.db-wal", "lists.db-shm"}


def readers_see_one_version(place: str, versions: dict[str, int], stop: Callable[[], bool]) -> list[str]:
    """Read until told to stop; returns what was wrong."""
    faults = []
    while not stop():
        lists = PublishedLists.open(place)
        try:
            known = {lists.get(f"t{t}-s0").version for t in range(4)}
            newest = lists.get(f"t0-s{versions[lists.version] - 1}").status
            beyond = lists.get(f"t0-s{versions[lists.version]}").status
        except SnapshotError as error:  # so many versions were published meanwhile that this one went, and it says so
            if "no longer kept" not in str(error):
                faults.append(str(error))
            continue
        if known != {lists.version}:
            faults.append(f"mixed {known}")
        if (newest, beyond) != ("ok", "unknown"):
            faults.append(f"{lists.version}: {newest}, {beyond}")
    return faults


def _read(place: str, versions: dict[str, int], done: object, faults: object) -> None:
    faults.put(readers_see_one_version(place, versions, done.is_set))  # type: ignore[attr-defined]


@pytest.mark.parametrize("format", FORMATS)
def test_readers_through_a_switch_see_one_version_whole(format: str, tmp_path: Path) -> None:
    place = place_of(tmp_path, format)
    versions = (
        {run(place_of(tmp_path / "dry", format), format, checkerboard(per_topic=n)): n for n in (5, 6)}
        if ((tmp_path / "dry").mkdir() is None)
        else {}
    )
    run(place, format, checkerboard(per_topic=5))
    context = forkserver()
    done, faults = context.Event(), context.Queue()
    reader = context.Process(target=_read, args=(place, versions, done, faults))
    reader.start()
    for n in (6, 5, 6, 5, 6, 5):
        run(place, format, checkerboard(per_topic=n), allow_shrink=True)
    done.set()
    assert faults.get(timeout=60) == []
    reader.join(60)


IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)


@given(st.sets(IDS, max_size=300), st.lists(IDS, max_size=20))
def test_every_id_is_found_and_no_other(held: set[str], asked: list[str]) -> None:
    ordered = sorted(held)
    ids = SortedIds(pa.array(ordered, pa.large_string()))
    assert [ids.find(one) for one in ordered] == list(range(len(ordered)))
    assert [ids.find(one) for one in asked] == [ordered.index(one) if one in held else None for one in asked]


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
@settings(max_examples=25)
@given(shown=st.lists(IDS, max_size=8, unique=True), data=st.data())
def test_withdrawn_ids_of_any_spelling_are_in_no_list(format: str, shown: list[str], data: st.DataObject) -> None:
    """Quotes, backslashes and control characters are escaped in the stored text."""
    item = {"title": '"article_id":"x"', "line": "", "source": "related", "score": 1.0, "components": {}, "reasons": []}
    items = [{**item, "rank": rank, "article_id": one} for rank, one in enumerate(shown, 1)]
    record = {
        "article_id": "story",
        "status": "ok",
        "k": 2,
        "version": "v",
        "settings": "",
        "story": {"title": "", "line": ""},
    }
    record |= {"items": items[:2], "reserves": items[2:]}
    some = st.lists(st.sampled_from(shown) if shown else IDS, max_size=4)
    with TemporaryDirectory() as folder:
        publisher = open_publisher(folder, format)
        with publisher.writing():
            publisher.publish([pa.RecordBatch.from_pylist([record], schema=RECORD)], {"version": "v"}, 1)
        lists = PublishedLists.open(folder)
        withdrawn, blocked = data.draw(some), data.draw(some)
        lists.withdraw([*withdrawn, "never shown"], unknown_too=True)
        for one in blocked:
            lists.block(one, story=data.draw(st.sampled_from([None, "story", "another"])), unknown_too=True)
        elsewhere = {item for item, story in lists.overlay.blocked if story == "another"} - {
            item for item, story in lists.overlay.blocked if story != "another"
        }
        left = [one for one in shown if one not in withdrawn and (one not in blocked or one in elsewhere)]
        found = lists.get("story")
        assert [one.article_id for one in (*found.items, *found.reserves)] == left
        assert len(found) == min(len(left), 2)
        assert ReadNext.of(orjson.loads(lists.json("story"))) == found


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    for format in ("jsonl", "parquet"):
        out = tmp_path / format
        a, b = run(str(out), format), run(str(out), format, checkerboard()[::-1])
        assert a == b
        first, second = ((path / f"lists.{format}").read_bytes() for path in VersionedFolder(out, "lists").versions())
        assert first == second


def _read_everything(place: Path) -> None:
    lists = PublishedLists.open(place)
    for article_id in list(lists.ids()):
        lists.get(article_id)


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_damage_is_reported_with_the_file(format: str, tmp_path: Path) -> None:
    run(str(tmp_path), format)
    folder = VersionedFolder(tmp_path, "lists").current().folder
    good = {path: path.read_bytes() for path in (*folder.iterdir(), tmp_path / "CURRENT")}
    for path, data in good.items():
        for damaged in (data[: len(data) // 2], data[: len(data) // 2] + b"\x00\xff" + data[len(data) // 2 + 2 :]):
            path.write_bytes(damaged)
            with pytest.raises(SnapshotError, match="damaged"):
                _read_everything(tmp_path)
            path.write_bytes(data)
    assert PublishedLists.open(tmp_path).get("t0-s0").status == "ok"


def test_foreign_and_newer_folders_are_refused(tmp_path: Path) -> None:
    Recommender(SETTINGS).fit(checkerboard()).save(tmp_path / "snap")
    with pytest.raises(SnapshotError, match="holds a saved archive, expected published lists"):
        PublishedLists.open(tmp_path / "snap")
    run(str(tmp_path / "lists"), "jsonl")
    with pytest.raises(SnapshotError, match="holds published lists, expected a saved archive"):
        Recommender(SETTINGS).fit(checkerboard()).save(tmp_path / "lists")
    assert PublishedLists.open(tmp_path / "lists").get("t0-s0").status == "ok"
    run(str(tmp_path / "newer"), "jsonl")
    newer = VersionedFolder(tmp_path / "newer", "lists")
    manifest = newer.current().folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 99', 1))
    newer.switch(manifest.parent)
    with pytest.raises(SnapshotError, match=r"format 99.*upgrade"):
        PublishedLists.open(tmp_path / "newer")
    with pytest.raises(SnapshotError):
        Recommender.load(tmp_path / "nothing")


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    Recommender(SETTINGS).fit(checkerboard()).save(tmp_path)
    folder = VersionedFolder(tmp_path, "snapshot").current().folder
    for path in folder.iterdir():
        data = path.read_bytes()
        path.write_bytes(data[:-3] + bytes(b ^ 1 for b in data[-3:]))
        with pytest.raises(SnapshotError, match="damaged"):
            Recommender.load(tmp_path)
        path.write_bytes(data)
    assert len(Recommender.load(tmp_path).catalog) == 24


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with VersionedFolder(tmp_path, "lists").writing(), pytest.raises(PublishError, match="another process"):
        run(str(tmp_path), "jsonl")


def test_damaged_overlay_stop_every_reader(tmp_path: Path) -> None:
    run(str(tmp_path), "jsonl")
    lists = PublishedLists.open(tmp_path)
    lists.withdraw(["t0-s0"])
    with (tmp_path / "tombstones.jsonl").open("ab") as file:
        file.write(b'{"action": "withdraw", "ids": ["t0-')  # a writer died here
    assert PublishedLists.open(tmp_path).get("t0-s0").status == "withdrawn"
    lists.withdraw(["t0-s1"])
    assert PublishedLists.open(tmp_path).get("t0-s1").status == "withdrawn"
    path = tmp_path / "tombstones.jsonl"
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for damaged, told in (
        (whole[:first], "cut"),
        (b"", "cut"),
        (whole.replace(b"t0-s1", b"t0-s2"), "line 2 is damaged"),
        (b"x" * len(whole) + b"\n", "line 1 is damaged"),
        (whole[:-1] + b"\v", "altered"),  # its last line is not one that is being written
    ):
        path.write_bytes(damaged)
        with pytest.raises(SnapshotError, match=rf"tombstones.jsonl.*{told}"):
            PublishedLists.open(tmp_path)
        with pytest.raises(SnapshotError, match=rf"tombstones.jsonl.*{told}"):
            lists.withdraw(["t0-s2"])
        assert path.read_bytes() == damaged
    path.unlink()
    with pytest.raises(SnapshotError, match="missing"):
        PublishedLists.open(tmp_path)
    path.write_bytes(whole)
    assert PublishedLists.open(tmp_path).get("t0-s1").status == "withdrawn"
    assert lists.get("t0-s1").status == "withdrawn"
    path.write_bytes(altered := whole[:-1] + b"\v")  # behind the back of one that has read it
    with pytest.raises(SnapshotError, match="altered"):
        lists.withdraw(["t0-s2"])
    assert path.read_bytes() == altered


def test_every_flip_of_a_bit_of_the_overlay_is_reported_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "tombstones.jsonl"
    overlay = Overlay(path)
    overlay.record("withdraw", ["a", "b"])
    overlay.record("block", [("c", None), ("d", "a")])
    overlay.record("restore", ["b"])
    overlay.refresh()
    whole, reported = path.read_bytes(), []
    for place in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = Overlay(path)
        except SnapshotError as error:
            reported.append(str(error))
        else:
            assert (found.withdrawn, found.withheld, found.blocked) == (overlay.withdrawn, set(), overlay.blocked)
    assert all(str(path) in error for error in reported)
    assert len(reported) > 7 * len(whole)


def test_sql_rows_are_plain_columns(tmp_path: Path) -> None:
    run(place_of(tmp_path, "sql"), "sql")
    with sqlite3.connect(tmp_path / "lists.db") as database:
        query = (
            "SELECT article_id, title, score FROM recommender_items JOIN recommender_versions USING (seq) "
            "WHERE current AND list_of = 't0-s0' AND NOT reserve ORDER BY rank"
        )
        rows = database.execute(query).fetchall()
    items = PublishedLists.open(place_of(tmp_path, "sql")).get("t0-s0").items
    assert [row[0] for row in rows] == [item.article_id for item in items]


def test_unusable_places(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown format 'xml'"):
        open_publisher(tmp_path, "xml")
    (tmp_path / "file").write_text("")
    with pytest.raises(PublishError, match="cannot write"):
        run(str(tmp_path / "file" / "out"), "jsonl")
    with pytest.raises(PublishError, match="cannot write"):
        run(f"sqlite:///{tmp_path}/no/such/folder/lists.db", "sql")
    with pytest.raises(SettingsError, match="database URL"):
        run("nonsense://x", "sql")


@pytest.mark.parametrize("format", ["jsonl", "parquet", "sql"])
def test_pictures_and_outlets_are_shown_and_what_is_no_address_is_not(format: str, tmp_path: Path) -> None:
    pictures = ["https://courier.example/1.jpg", "data:image/png;base64,AAAA", "javascript:alert(1)", None]
    stories = [
        {**story, "image_url": pictures[number % 4], "url": f"https://www.courier.example/{number}"}
        for number, story in enumerate(checkerboard())
    ]
    stories[1] |= {"source": "The Wire"}
    place = f"sqlite:///{tmp_path}/lists.db" if format == "sql" else str(tmp_path / "lists")
    run(place, format, stories)
    lists = PublishedLists.open(place)
    shown = {item.article_id: item for one in lists.ids() for item in (*lists.get(one).items, *lists.get(one).reserves)}
    shown |= {one: lists.get(one).story for one in lists.ids()}
    for number, story in enumerate(stories):
        told = shown[story["id"]]
        assert told.image_url == (pictures[0] if number % 4 == 0 else None)
        assert told.outlet == ("The Wire" if number == 1 else "courier.example")


def test_a_database_that_an_earlier_version_made_is_read_and_then_written(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path}/lists.db"
    run(place, "sql")
    before = PublishedLists.open(place).json("t0-s0")
    with sqlite3.connect(tmp_path / "lists.db") as database:
        for table in ("recommender_lists", "recommender_items"):
            for column in ("image_url", "outlet"):
                database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    assert PublishedLists.open(place).json("t0-s0") == before
    run(place, "sql")
    assert PublishedLists.open(place).json("t0-s0") == before


def test_a_link_leads_other_programs_to_the_version_that_readers_see(tmp_path: Path) -> None:
    for number in range(2):
        run(str(tmp_path), "jsonl", [{**one, "title": f"{one['title']} {number}"} for one in checkerboard()])
        folder = VersionedFolder(tmp_path, "lists").current().folder
        assert (tmp_path / "current").resolve() == folder.resolve()
        assert (tmp_path / "current" / "lists.jsonl").read_bytes() == (folder / "lists.jsonl").read_bytes()
    open_publisher(tmp_path).rollback()
    assert (tmp_path / "current").resolve() == VersionedFolder(tmp_path, "lists").current().folder.resolve()
    (tmp_path / "current").unlink()
    (tmp_path / "current").write_text("a file of somebody else")
    run(str(tmp_path), "jsonl")
    assert (tmp_path / "current").read_text() == "a file of somebody else"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("4096 requested and 0 written"), "4096 requested and 0 written"),
        (OSError("Not enough free space to write 9 bytes"), "Not enough free space to write 9 bytes"),
    ],
)
def test_a_full_disk_names_the_file_and_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    before = run(str(tmp_path / "out"), "jsonl")

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr("recommender.publishing.folder.to_json", full)
    with pytest.raises(
        PublishError, match=rf"cannot write .*/out/\.staging: {reason}; nothing was published, and the l"
    ):
        run(str(tmp_path / "out"), "jsonl")
    assert PublishedLists.open(tmp_path / "out").version == before
    monkeypatch.undo()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=reason) as stopped:
        write_atomically(tmp_path / "file", b"text")
    assert stopped.value.filename == (str(tmp_path / "file") if error.errno else None)


def test_a_full_disk_names_the_array_of_an_archive_and_says_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("Not enough free space to write 24378368 bytes after offset 128")

    monkeypatch.setattr("numpy.save", full)
    with pytest.raises(PublishError) as stopped:
        run(str(tmp_path / "out"), "jsonl", archive=tmp_path / "archive")
    told, version = str(stopped.value), PublishedLists.open(tmp_path / "out").version
    for words in (
        f"cannot write {tmp_path}/archive/.staging/vectors.npy: Not enough free space",
        "the archive is as it was before",
        f"version {version} of the lists was published: the same command saves the archive",
    ):
        assert words in told
