"""A file of SQLite as a source: it is read, and stays as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from recommender import InputError, SqlQuery

pytest.importorskip("sqlalchemy")


def news(path: Path, journal: str = "delete") -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("CREATE TABLE stories (id INTEGER, title TEXT)")
        connection.execute("INSERT INTO stories VALUES (1, 'Ferry aground'), (2, 'Opera director resigns')")
    connection.close()
    return path


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("name", ["news.db", "news of 100 % ? #1.db"])
def test_reading_leaves_the_file_as_it_is(name: str, journal: str, tmp_path: Path) -> None:
    path = news(tmp_path / name, journal)
    before = path.read_bytes()
    assert [row["id"] for row in SqlQuery(f"sqlite:///{str(path).replace('?', '%3F')}", "stories")] == [1, 2]
    with pytest.raises(InputError, match="readonly database"):
        list(SqlQuery(f"sqlite:///{str(path).replace('?', '%3F')}", "DELETE FROM stories RETURNING id"))
    assert path.read_bytes() == before


def test_what_a_newsroom_writes_meanwhile_is_read_once_it_is_there(tmp_path: Path) -> None:
    path = news(tmp_path / "news.db", "wal")
    writer = sqlite3.connect(path)
    writer.execute("INSERT INTO stories VALUES (3, 'Storm closes the port')")
    writer.commit()  # it stands in the log beside the file
    assert len(list(SqlQuery(f"sqlite:///{path}", "stories"))) == 3
    writer.execute("INSERT INTO stories VALUES (4, 'Storm is over')")
    writer.commit()
    writer.close()
    assert len(list(SqlQuery(f"sqlite:///{path}", "stories"))) == 4


def test_a_mistyped_path_is_told_and_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: .*newz\.db"):
        list(SqlQuery(f"sqlite:///{tmp_path}/newz.db", "stories"))
    assert not list(tmp_path.iterdir())
