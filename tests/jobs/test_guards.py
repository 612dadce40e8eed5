"""A bad input never replaces good published lists: refused with the figures and what allows it, nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommender import InputError, PublishedLists, PublishError, Recommender, Settings, SettingsError
from recommender.cli import jobs as commands
from recommender.jobs.options import JobKeywords, JobOptions
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh
from recommender.publishing import open_publisher
from tests.support.checkerboard import checkerboard

SETTINGS = Settings.of({"embedding": {"model": "tfidf"}})
Row = dict[str, Any]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    precompute(rows(), tmp_path / "lists", settings=SETTINGS, archive=tmp_path / "archive")
    return tmp_path


def rows() -> list[Row]:
    return [dict(one) for one in checkerboard(per_topic=12)]


def each(change: Callable[[int, Row], Row]) -> list[Row]:
    return [change(number, one) for number, one in enumerate(rows())]


def state(folder: Path) -> tuple[str, list[bytes]]:
    lists = PublishedLists.open(folder / "lists")
    return lists.version, [lists.json(article_id) for article_id in sorted(lists.ids())]


BAD = {
    "rejected rows": (
        each(lambda n, one: one | {"id": None, "url": None} if n % 3 == 0 else one),
        "max_rejected_share",
    ),
    "no dates": (each(lambda n, one: one | {"published_at": None}), "max_jump"),
    "no bodies": (each(lambda n, one: one | {"body": ""}), "max_jump"),
    "no sections": (each(lambda n, one: one | {"section": None}), "max_jump"),
    "the future": (
        each(lambda n, one: one | {"published_at": datetime.now(UTC) + timedelta(days=900 + n)}),
        "max_future_share",
    ),
    "the epoch": (
        each(lambda n, one: one | {"published_at": datetime(1970, 1, 2, tzinfo=UTC)}),
        "so dates are read wrongly",
    ),
    "an old export": (
        each(lambda n, one: one | {"published_at": one["published_at"] - timedelta(days=3)}),
        "more than a day before",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_input_is_refused_with_what_allows_it(good: Path, kind: str) -> None:
    before = state(good)
    changed, allowed_by = BAD[kind]
    with pytest.raises(PublishError, match=allowed_by) as refused:
        precompute(changed, good / "lists", settings=SETTINGS, allow_shrink=True)
    assert "othing was published" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert state(good) == before


def test_what_the_message_names_allows_it(good: Path) -> None:
    for kind in ("no sections", "an old export", "rejected rows"):
        changed, _ = BAD[kind]
        assert precompute(changed, good / "lists", settings=SETTINGS, allow_shrink=True, allow_worse=True).lists
    old, _ = BAD["an old export"]
    assert precompute(
        old, good / "lists", settings=SETTINGS, allow_shrink=True, as_of=datetime(2020, 1, 20, tzinfo=UTC)
    ).lists


def test_a_first_version_may_lack_dates_bodies_and_sections(tmp_path: Path) -> None:
    bare = each(lambda n, one: {"id": one["id"], "title": one["title"]})
    assert precompute(bare, tmp_path / "lists", settings=SETTINGS).lists == len(bare)
    shares = PublishedLists.open(tmp_path / "lists").manifest["shares"]
    assert shares["stories without a date"] == shares["stories without a body"] == 1


def test_a_first_version_of_which_dates_cannot_be_read_is_refused(tmp_path: Path) -> None:
    thai = each(lambda n, one: one | {"published_at": f"2569-11-{1 + n % 28:02}"})
    with pytest.raises(PublishError, match="dates could not be read"):
        precompute(thai, tmp_path / "lists", settings=SETTINGS)
    assert precompute(thai, tmp_path / "lists", settings=SETTINGS, allow_worse=True).lists == len(thai)


@pytest.mark.parametrize("place", ["lists", "sqlite"])
def test_lists_that_come_out_empty_are_refused(tmp_path: Path, place: str) -> None:
    where = str(tmp_path / "lists") if place == "lists" else f"sqlite:///{tmp_path}/lists.db"
    strict = SETTINGS.override({"selection.related_at": 1.0, "selection.fill": ()})
    many = [one | {"id": f"{one['id']}-{n}"} for n in range(3) for one in rows()]
    assert len(many) > 100
    with pytest.raises(PublishError, match=r"empty or not computed \(100%\).*max_first_share.*by lists: unrelated 50"):
        precompute(many, where, settings=strict)
    precompute(rows(), where, settings=SETTINGS)
    before = PublishedLists.open(where).version
    with pytest.raises(PublishError, match=r"100%, 0% in the last version.*max_jump"):
        precompute(rows(), where, settings=strict)
    assert PublishedLists.open(where).version == before


def test_a_refresh_keeps_to_the_same_guards(good: Path) -> None:
    before = state(good)
    future = [
        one | {"id": f"new{n}", "published_at": datetime.now(UTC) + timedelta(days=400)}
        for n, one in enumerate(rows() * 2)
    ]
    with pytest.raises(PublishError, match="max_future_share"):
        refresh(future, good / "lists", good / "archive")
    assert state(good) == before
    bare = [{"id": one["id"], "title": one["title"], "updated_at": "2030-01-01T00:00:00Z"} for one in rows()]
    with pytest.raises(PublishError, match=r"without a date.*max_jump"):
        refresh(bare, good / "lists", good / "archive")
    assert state(good) == before
    assert refresh(bare, good / "lists", good / "archive", allow_worse=True).version
    assert PublishedLists.open(good / "lists").manifest["shares"]["stories without a date"] == 1


def test_a_refresh_with_bad_rows_alone_is_refused(good: Path) -> None:
    before = state(good)
    for bad in ([{"id": None}] * 3, [{"title": "no id"}]):
        with pytest.raises(InputError, match=f"no usable story among {len(bad)} rows"):
            refresh(bad, good / "lists", good / "archive")
    assert state(good) == before
    assert refresh([], good / "lists", good / "archive").version == before[0]


def test_lists_and_archive_must_belong_together(good: Path, tmp_path: Path) -> None:
    before = state(good)
    others = [one | {"id": f"other-{one['id']}"} for one in rows()]
    precompute(others, tmp_path / "others", settings=SETTINGS, archive=tmp_path / "archive of others")
    with pytest.raises(PublishError, match="do not belong together"):
        refresh([], good / "lists", tmp_path / "archive of others")
    assert state(good) == before


def test_a_withdrawal_in_the_archive_alone_is_told(good: Path) -> None:
    rec = Recommender.load(good / "archive")
    rec.withdraw("t0-s1")
    told = refresh([], good / "lists", good / "archive").findings
    assert any("'t0-s1', are withdrawn from the archive but not" in one for one in told)
    PublishedLists.open(good / "lists").withdraw("t0-s1")
    assert refresh([], good / "lists", good / "archive").findings == ()


@pytest.mark.parametrize("sql", [False, True])
def test_publishing_the_same_again_pushes_no_other_version_out(tmp_path: Path, sql: bool) -> None:
    where = f"sqlite:///{tmp_path}/lists.db" if sql else str(tmp_path / "lists")
    first = precompute(rows()[:40], where, settings=SETTINGS, archive=tmp_path / "archive").version
    precompute(rows(), where, settings=SETTINGS, archive=tmp_path / "archive")
    for _ in range(4):
        refresh([], where, tmp_path / "archive")
    publisher = open_publisher(where)
    assert first in publisher.rollback()


def test_an_input_without_a_story_says_why(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(
        b"\n".join(orjson.dumps({"id": str(n), "status": "draft", "title": "x"}) for n in range(3)) + b"\n{}\n"
    )
    with pytest.raises(InputError, match=r"no usable story among 4 rows: 3 status draft; 1 .*rejected\.jsonl"):
        precompute(bad, tmp_path / "lists", settings=SETTINGS)


def test_an_option_that_no_job_has_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    for job, odd, meant in ((precompute, "setings", "settings"), (refresh, "dryrun", "dry_run")):
        places = [tmp_path / "lists", tmp_path / "archive"][: 1 if job is precompute else 2]
        with pytest.raises(SettingsError, match=f"{job.__name__} has no option '{odd}'; did you mean '{meant}'?"):
            job([], *places, **{odd: True})


def test_the_keywords_of_a_job_are_its_options_in_python_and_on_the_command_line() -> None:
    options = {one.name for one in fields(JobOptions)}
    assert JobKeywords.__annotations__.keys() == options
    for command in (commands.precompute, commands.refresh):  # a program alone gives the other two
        given = {name.replace("column", "columns") for name in signature(command).parameters}
        assert options - {"recommender", "progress"} <= given


def test_a_pin_of_a_copy_is_told(tmp_path: Path) -> None:
    body = "The ferry ran onto the rocks of Gull Point before sunrise and two dozen people were hurt in the fog. " * 5
    stories = [{"id": name, "title": f"Headline {name}", "body": body} for name in ("story", "copy")]
    stories.append({"id": "other", "title": "Opera names a director", "body": "The opera has a new director."})
    rules = {
        "pins": [{"story": "story", "item": item, "position": 1 + (item == "other")} for item in ("copy", "other")]
    }
    summary = precompute(stories, tmp_path, settings=Settings().override({"embedding.model": "tfidf"}), rules=rules)
    assert summary.findings == ("pin of 'copy' under 'story': the item is a copy of the story and is left out",)
    assert [item.article_id for item in PublishedLists.open(tmp_path).get("story")] == ["other"]
