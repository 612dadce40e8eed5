"""A real server: stories in, lists out, and what holds when it is killed, locked or read by SQL."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from psycopg.rows import dict_row

from recommender import (
    InputError,
    PublishedLists,
    PublishError,
    Recommender,
    SettingsError,
    SnapshotError,
    SqlQuery,
)
from recommender.evaluation.systems.registry import make_system
from recommender.jobs.precompute import precompute
from recommender.lists.records import RECORD
from recommender.publishing import open_publisher
from recommender.storage.database import redacted
from tests.support.checkerboard import WITHIN_TOPICS, checkerboard
from tests.support.postgresql import PASSWORD, running, shared
from tests.support.processes import cli, forkserver

# `related_at` is a value of the weighted sum here
SUM = {"ranking.ranker": "none", "ranking.dense_weight": 0.5, "ranking.lexical_weight": 0.5}
SETTINGS = WITHIN_TOPICS.override({**SUM, "selection.k": 3, "selection.reserves": 2})


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    return shared().schema(f"t{zlib.crc32(request.node.name.encode()):x}")


@pytest.fixture
def sql(place: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(place, autocommit=True, row_factory=dict_row) as connection:  # type: ignore[arg-type]
        yield connection


def publish(place: str, stories: list[dict] | SqlQuery | None = None, **options: object) -> str:
    return precompute(stories or checkerboard(), place, settings=SETTINGS, format="sql", **options).version  # type: ignore[arg-type]


class TestStories:
    def fill(self, sql: psycopg.Connection) -> list[dict]:
        columns = "id uuid, headline text, body text, published timestamptz, tags text[], number numeric"
        sql.execute(f"CREATE TABLE stories ({columns})")
        stories = [
            {name: story.get(name) for name in ("title", "body", "published_at")}
            | {"id": str(UUID(int=number)), "tags": ["100 %", "a:b"]}
            for number, story in enumerate(checkerboard())
        ]
        rows = [(s["id"], s["title"], s["body"], s["published_at"], s["tags"], 1.5) for s in stories]
        with sql.cursor() as cursor, cursor.copy("COPY stories FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return stories

    @pytest.mark.parametrize(
        "query",
        [
            "stories",
            "SELECT id, headline AS title, body, published AS published_at, tags FROM stories WHERE id::text <> '%:x'",
        ],
    )
    def test_a_table_or_a_query_is_an_archive(self, query: str, place: str, sql: psycopg.Connection) -> None:
        stories = self.fill(sql)
        columns = {"title": "headline", "published_at": "published"} if query == "stories" else None
        found = Recommender(SETTINGS).fit(SqlQuery(place, query), columns=columns)
        expected = Recommender(SETTINGS).fit(stories)
        ids = [story["id"] for story in stories]
        assert found.recommend_many(ids) == expected.recommend_many(ids)
        assert found.catalog.table["tags"][0].as_py() == ["100 %", "a:b"]

    def test_a_query_that_fails_half_way_publishes_nothing(self, place: str, sql: psycopg.Connection) -> None:
        sql.execute("CREATE TABLE many AS SELECT n AS id, 'Ferry ' || n AS title FROM generate_series(1, 5000) AS n")
        with pytest.raises(InputError, match=r"cannot read from .*division by zero"):
            publish(place, SqlQuery(place, "SELECT id, title, 1 / (4000 - id) AS section FROM many ORDER BY id"))
        assert sql.execute("SELECT count(*) AS n FROM recommender_versions").fetchone() == {"n": 0}
        with pytest.raises(InputError, match="does not exist"):
            list(SqlQuery(place, "no_such_table"))

    def test_a_query_cannot_change_anything(self, place: str, sql: psycopg.Connection) -> None:
        self.fill(sql)
        sql.execute("CREATE SEQUENCE numbers")
        for query, why in (("DELETE FROM stories RETURNING id", "syntax"), ("SELECT nextval('numbers')", "read-only")):
            with pytest.raises(InputError, match=why):
                list(SqlQuery(place, query))
        assert sql.execute("SELECT count(*) AS n FROM stories").fetchone() == {"n": len(checkerboard())}

    def test_a_database_without_a_query_is_refused(self, place: str) -> None:
        with pytest.raises(InputError, match="expected SqlQuery"):
            publish(place, place)  # type: ignore[arg-type]


class TestSecrets:
    def run(self, place: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return cli(*arguments, environment={"NEWS_DB": place})

    def test_the_address_stands_in_a_variable_and_the_password_nowhere(
        self, place: str, sql: psycopg.Connection, tmp_path: Path
    ) -> None:
        TestStories().fill(sql)
        said = []
        snapshot = str(tmp_path / "snapshot")
        query = "SELECT id, headline AS title, body, published AS published_at FROM stories"
        options = ["--model", "tfidf", "--set", "selection.related_at=0.1", "--archive", snapshot]
        for target in ("env:NEWS_DB", place):
            done = self.run(place, "precompute", target, "--query", query, "--lists", target, *options)
            assert done.returncode == 0, done.stderr
            story = str(UUID(int=0))
            read = self.run(place, "recommend", story, "--lists", target)
            assert "Read next after" in read.stdout
            unknown = self.run(place, "recommend", "nobody", "--lists", target)
            assert unknown.returncode == 2
            other = f"{PASSWORD}!"
            wrong = self.run(place.replace(PASSWORD, other), "info", "--lists", target.replace(PASSWORD, other))
            assert wrong.returncode == 2
            assert "password authentication failed" in wrong.stderr
            twice = self.run(place, "precompute", target, target, "--query", query, "--lists", target)
            assert "reads from one database" in twice.stderr
            said += [part for one in (done, read, unknown, wrong, twice) for part in (one.stdout, one.stderr)]
        stored = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        stored += [str(row).encode() for row in sql.execute("SELECT manifest FROM recommender_versions").fetchall()]
        assert len(stored) > 5
        address = place.replace(f"press:{PASSWORD}@", "") + f"&user=press&password={PASSWORD}"
        system = make_system(address)
        said += [system.name, system.about, redacted(place.partition("?")[0].rpartition("/")[0])]
        assert not any(PASSWORD in text for text in said)
        assert not any(PASSWORD.encode() in data for data in stored)

    def test_a_variable_that_is_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NEWS_DB", raising=False)
        with pytest.raises(SettingsError, match="NEWS_DB is not set"):
            PublishedLists.open("env:NEWS_DB")
        monkeypatch.setenv("NEWS_DB", f"nonsense-with-{PASSWORD}")
        with pytest.raises(SettingsError, match="no database URL") as caught:
            PublishedLists.open("env:NEWS_DB")
        assert PASSWORD not in str(caught.value)


def seen(sql: psycopg.Connection) -> dict[str, list[tuple]]:
    """What the view shows: items of each story."""
    lists: dict[str, list[tuple]] = {}
    for row in sql.execute("SELECT * FROM current_lists ORDER BY story_id, rank").fetchall():
        parts = row["components"].pop("contributions")
        parts = {name: value for name, value in parts.items() if value is not None}
        item = (row["rank"], row["article_id"], row["title"], row["score"], row["components"], parts, row["source"])
        item = (*item, row["status"])
        lists.setdefault(row["story_id"], []).append(item)
    return lists


def test_the_view_shows_what_readers_see(place: str, sql: psycopg.Connection) -> None:
    publish(place)
    lists = PublishedLists.open(place)

    def check() -> None:
        lists.refresh()
        expected = {
            found.article_id: [
                (i.rank, i.article_id, i.title, i.score, dict(i.components), i.contributions, i.source, found.status)
                for i in found
            ]
            for found in map(lists.get, lists.ids())
        }
        assert seen(sql) == {story: items for story, items in expected.items() if items}

    check()
    first = lists.get("t1-s0").items
    lists.withdraw(["t0-s0", 'it"s', first[0].article_id], unknown_too=True)
    check()
    lists.block(first[1].article_id, story="t1-s0")
    lists.block(lists.get("t2-s0").items[0].article_id)
    lists.withhold("t3-s1")
    check()
    lists.restore("t0-s0")
    lists.unblock(first[1].article_id, story="t1-s0")
    lists.release("t3-s1")
    check()
    publish(place, checkerboard(per_topic=7))
    check()
    open_publisher(place, "sql").rollback()
    check()


def test_a_status_in_the_view_follows_withdrawals_as_it_does_in_python(place: str, sql: psycopg.Connection) -> None:
    """Three related items and one in reserve that is not, of which one after another is withdrawn."""
    full = SETTINGS.override({"selection.fill": ("more",), "selection.reserves": 1, "embedding.svd_dim": 4})
    precompute(checkerboard(per_topic=4), place, settings=full, format="sql")
    lists = PublishedLists.open(place)
    said = []
    for _ in range(5):
        found = lists.get("t0-s0")
        rows = sql.execute("SELECT status FROM current_lists WHERE story_id = 't0-s0'").fetchall()
        assert [row["status"] for row in rows] == [found.status] * len(found)
        said.append((found.status, [item.source for item in found]))
        if found.items:
            lists.withdraw(found.items[0].article_id)
            lists.refresh()
    assert said == [
        ("ok", ["related"] * 3),
        ("filled", ["related", "related", "more"]),
        ("short", ["related", "more"]),
        ("short", ["more"]),
        ("empty", []),
    ]
    sql.execute("UPDATE recommender_items SET source = 'recent' WHERE list_of = 't2-s3' AND rank = 3")  # as before
    row = sql.execute("SELECT DISTINCT status FROM current_lists WHERE story_id = 't2-s3'").fetchone()
    assert row == {"status": PublishedLists.open(place).get("t2-s3").status} == {"status": "filled"}


def test_an_older_view_is_replaced_and_the_newest_left_to_its_readers(place: str, sql: psycopg.Connection) -> None:
    publish(place)
    before = sql.execute("SELECT pg_get_viewdef('current_lists') AS said").fetchone()
    sql.execute("DROP VIEW current_lists")
    columns = "story_id, rank, article_id, title, url, section, published_at, line, source, score, components, reasons"
    assert before is not None
    sql.execute(f"CREATE VIEW current_lists AS SELECT {columns} FROM ({before['said'].rstrip(';')}) AS newer")
    open_publisher(place, "sql").check_writable()
    assert sql.execute("SELECT pg_get_viewdef('current_lists') AS said").fetchone() == before
    with psycopg.connect(place) as reader, ThreadPoolExecutor(1) as pool:
        reader.execute("SELECT * FROM current_lists").fetchall()  # holds the view until its transaction ends
        opened = pool.submit(open_publisher(place, "sql").check_writable)
        try:
            opened.result(timeout=60)
        finally:
            reader.rollback()


def _hold(place: str, held: object) -> None:
    with open_publisher(place, "sql").writing():
        held.set()  # type: ignore[attr-defined]
        time.sleep(600)


def test_a_writer_may_follow_another_at_once(place: str) -> None:
    for _ in range(30):
        with open_publisher(place, "sql").writing():
            pass


def test_a_second_writer_is_refused_and_a_dead_one_forgotten(place: str) -> None:
    publish(place)
    context = forkserver()
    held = context.Event()
    writer = context.Process(target=_hold, args=(place, held))
    writer.start()
    assert held.wait(60)
    with pytest.raises(PublishError, match="another process is writing"):
        publish(place)
    assert PublishedLists.open(place).withdraw("t0-s0") == 1  # editors need not wait
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    for _ in range(100):
        try:
            publish(place)
        except PublishError:
            time.sleep(0.1)
        else:
            break
    else:
        pytest.fail("the lock outlived its writer")


def test_many_may_come_first(place: str) -> None:
    at_once = threading.Barrier(8)
    places = [shared().schema(f"first{number}") for number in range(5)]

    def come(number: int) -> None:
        publisher = open_publisher(places[number // 8], "sql")
        at_once.wait(60)
        publisher.check_writable()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come, range(40)))


def test_a_server_killed_in_mid_publish_keeps_the_old_version() -> None:
    shared()  # or the test is skipped
    with running() as server:
        before = publish(server.url)
        lists = {story: PublishedLists.open(server.url).get(story) for story in ("t0-s0", "t3-s4")}

        def killing(stage: str, done: int, total: int | None) -> None:
            if stage == "writing":
                server.kill()

        with pytest.raises(PublishError, match=r"cannot write to .*stays as it was"):
            publish(server.url, checkerboard(per_topic=9), progress=killing)
        server.start()
        after = PublishedLists.open(server.url)
        assert after.version == before
        assert {story: after.get(story) for story in lists} == lists
        assert after.get("t0-s8").status == "unknown"
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT DISTINCT seq FROM recommender_lists").fetchall() == [(1,)]
        newer = publish(server.url, checkerboard(per_topic=9))
        assert PublishedLists.open(server.url).version == newer != before


def test_a_reader_is_told_when_its_version_is_gone(place: str) -> None:
    publish(place)  # the first of more than are kept
    lists = PublishedLists.open(place)
    for per_topic in (7, 8, 9, 10):
        publish(place, checkerboard(per_topic=per_topic))
    with pytest.raises(SnapshotError, match="no longer kept"):
        lists.get("t0-s0")
    assert lists.refresh()
    assert lists.get("t0-s0").status == "ok"


MANY = 20_000


def made(version: str, count: int = MANY) -> Iterator[pa.RecordBatch]:
    """Lists of two items, whose titles name the version."""
    reason = {"kind": "meaning", "text": "close in meaning", "weight": 0.5, "terms": []}
    components = {"dense": 0.5, "lexical": 0.1, "relevance": 0.4, "freshness": 1.0, "boost": 1.0}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    told = {"title": version, "url": None, "section": "News", "published_at": moment, "line": ""}
    item = {**told, "source": "related", "score": 0.4, "components": components, "reasons": [reason]}
    for start in range(0, count, 2_000):
        yield pa.RecordBatch.from_pylist(
            [
                {
                    "article_id": f"s{n}",
                    "status": "ok",
                    "k": 2,
                    "version": version,
                    "as_of": moment,
                    "settings": "",
                    "story": told,
                    "reserves": [],
                    "items": [{**item, "rank": rank, "article_id": f"s{(n + rank) % count}"} for rank in (1, 2)],
                }
                for n in range(start, min(start + 2_000, count))
            ],
            schema=RECORD,
        )


def write(place: str, version: str) -> None:
    publisher = open_publisher(place, "sql")
    details = {"version": version, "k": 2, "as_of": None, "settings_fingerprint": "", "settings": {}, "rules": {}}
    with publisher.writing():
        publisher.publish(made(version), details, 2)


def _read(place: str, seed: int, done: object, found: object) -> None:
    """Read random lists until told to stop; put how many, and what was wrong."""
    rng, reads, faults = np.random.default_rng(seed), 0, set()
    while not done.is_set():  # type: ignore[attr-defined]
        lists = PublishedLists.open(place)
        for n in rng.integers(MANY, size=20).tolist():
            one = lists.get(f"s{n}")
            if [i.article_id for i in one] != [f"s{(n + 1) % MANY}", f"s{(n + 2) % MANY}"]:
                faults.add(f"{one.status}: {[i.article_id for i in one]}")
            if {i.title for i in one} | {one.version} != {lists.version}:
                faults.add(f"mixed: {lists.version} and {[i.title for i in one]}")
            reads += 1
    found.put((reads, sorted(faults)))  # type: ignore[attr-defined]


def test_readers_run_through_switches_of_many_lists(place: str, sql: psycopg.Connection) -> None:
    write(place, "v0")
    context = forkserver()
    done, found = context.Event(), context.Queue()
    readers = [context.Process(target=_read, args=(place, seed, done, found)) for seed in range(2)]
    for reader in readers:
        reader.start()
    write(place, "v1")
    done.set()
    for reads, faults in [found.get(timeout=60) for _ in readers]:
        assert faults == []
        assert reads > 20
    for reader in readers:
        reader.join(60)
    assert sql.execute("SELECT count(*) AS n FROM current_lists").fetchone() == {"n": 2 * MANY}
    batches = list(PublishedLists.open(place).records())
    assert sum(len(batch) for batch in batches) == MANY
    assert batches[0].to_pylist()[0]["items"][0]["title"] == "v1"


def test_purged_stories_leave_no_row(place: str, sql: psycopg.Connection) -> None:
    from recommender.jobs.purge import purge

    stories = checkerboard()
    stories[3] |= {"title": "Zanzibarfish of the harbour", "body": "unmistakable quuxword"}
    publish(place, stories)
    publish(place, [*stories, {"id": "later", "title": "harbour"}])
    assert purge(place, stories[3]["id"]) == "2 versions rewritten"
    for table in ("recommender_lists", "recommender_items", "recommender_versions"):
        assert "anzibarfish" not in str(sql.execute(f"SELECT * FROM {table}").fetchall())
    assert PublishedLists.open(place).get(stories[3]["id"]).status == "withdrawn"
