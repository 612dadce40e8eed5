"""`diff` and `why`: two versions side by side, and why an item is in a list or is not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recommender import PublishedLists, ReadNext, Recommender, Rejected, Settings
from recommender.jobs.precompute import precompute
from recommender.lists.readnext import Story
from recommender.preview.words import remedy, why
from recommender.publishing.comparison import compare
from recommender.selection import rules
from recommender.selection.rules import Rule
from tests.cli.test_cli import refused
from tests.support.checkerboard import checkerboard
from tests.support.processes import cli

SETTINGS = Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 3, "reserves": 1}})
MOMENT = datetime(2020, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions: the second lacks a story and has a new one, whose headline is markup."""
    folder = tmp_path_factory.mktemp("made")
    stories = checkerboard()
    precompute(stories, folder / "lists", settings=SETTINGS, as_of=MOMENT)
    later = {**stories[5], "id": "t0-new", "title": "<b>harbour ferry captain</b> again &lt;script>"}
    changed = [*stories[1:], later]
    moment = MOMENT
    precompute(
        changed, folder / "lists", archive=folder / "archive", settings=SETTINGS, as_of=moment, allow_shrink=True
    )
    return folder


@pytest.fixture
def lists(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made / "lists", tmp_path / "lists")


def test_two_versions_are_compared_item_by_item(lists: Path) -> None:
    old, new = PublishedLists.versions(lists)
    found = compare(PublishedLists.open(lists, old.name), PublishedLists.open(lists, new.name))
    assert (found.added, found.gone, found.stories) == (("t0-new",), ("t0-s0",), 23)
    assert {change.section for change in found.changed} >= {"section0"}
    for change in found.changed:
        before, after = dict(change.before), dict(change.after)
        assert dict(change.came).keys() == after.keys() - before.keys()
        assert dict(change.went).keys() == before.keys() - after.keys()
        assert list(before) != list(after)
    assert sum(some for _, some in found.sections.values()) == len(found.changed)
    assert len(found) == len(found.changed) > 0
    table = found.to_table()
    assert table.num_rows == sum(len(one.came) + len(one.went) for one in found.changed)
    assert (
        repr(found) == f"<Comparison of {found.before} and {found.after}: {len(found)} of {found.stories} lists differ>"
    )
    same = compare(PublishedLists.open(lists), PublishedLists.open(lists))
    assert (same.changed, same.added, same.gone) == ((), (), ())


def test_versions_are_compared_on_the_command_line(lists: Path, tmp_path: Path) -> None:
    told = cli("diff", "previous", "current", "--lists", lists, "--html", tmp_path / "page.html")
    assert told.returncode == 0, told.stderr
    assert "1 added, 1 removed" in told.stdout
    assert "section0" in told.stdout
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "Lists that differ most" in page
    found = json.loads(cli("diff", "000001", "000002", "--lists", lists, "--json").stdout)
    assert (found["added"], found["lists_changed"]) == (["t0-new"], len(found["changed"]))
    assert json.loads(cli("diff", lists, lists, "--json").stdout)["changed"] == []
    refused(cli("diff", "previous", "current"), "add --lists DIR")
    assert cli("rollback", "--lists", lists).returncode == 0
    kept = ", ".join(version.name for version in PublishedLists.versions(lists))
    refused(cli("diff", "previous", "--lists", lists), "there is no version before the current one", f"kept: {kept}")
    refused(cli("diff", "000009", "--lists", lists), "no version 000009")


def test_why_an_item_is_listed_or_not(lists: Path, made: Path) -> None:
    published = PublishedLists.open(lists)
    found = published.get("t0-s1")
    first, reserve = found.items[0], found.reserves[0]
    told = cli("why", "t0-s1", first.article_id, "--lists", lists).stdout
    assert told.startswith("It is at place 1: ")
    assert str(first.reasons[0]) in told
    assert "beyond the 3 of the list" in cli("why", "t0-s1", reserve.article_id, "--lists", lists).stdout
    listed = {item.article_id for item in (*found.items, *found.reserves)}
    other = next(one for one in published.ids() if one not in listed and one != "t0-s1")
    assert "A saved archive shows the rule" in cli("why", "t0-s1", other, "--lists", lists).stdout
    asked = cli("why", "t0-s1", other, "--lists", lists, "--archive", made / "archive", "--json")
    answer = json.loads(asked.stdout)
    assert answer["place"] is None
    assert answer["rule"] != ""
    assert answer["remedy"] != ""
    published.withdraw(first.article_id)
    assert "It was withdrawn" in cli("why", "t0-s1", first.article_id, "--lists", lists).stdout
    refused(cli("why", "t0-s1", "t1-s22", "--lists", lists), "has the id 't1-s22'; did you mean 't1-s2'?")
    told = cli("why", "t0-s1", "t0-s11", "--lists", lists).stderr  # the only id like it may be that of the story asked
    assert "t0-s1'" not in told
    gone = next(one for one in ("t0-s2", "t0-s3") if one != first.article_id)
    published.overlay.take_back({gone: (None, None)}, ())
    assert "by its status in the input it is a draft" in cli("why", "t0-s1", gone, "--lists", lists).stdout
    refused(cli("recommend", gone, "--lists", lists), f"article '{gone}' has no list", "a draft")
    refused(cli("why", "t0-s11", "t0-s1", "--lists", lists), "has the id 't0-s11'; did you mean 't0-s1'?")


def test_what_keeps_an_undated_report_out_is_told_without_hours() -> None:
    story = ReadNext("a", "short", k=3, story=Story("Ferry aground", None, None, None, ""))
    item = ReadNext("b", "ok", k=3)
    for published, hours in ((None, False), (datetime(2026, 5, 1, tzinfo=UTC), True)):
        dated = replace(story, story=replace(story.story, published_at=published))  # type: ignore[type-var]
        candidate = Rejected("b", "Ferry aground", None, published, 0.5, 0.5, "same_report")
        answer = why(dated, item, [candidate])
        assert ("hours" in answer.sentence + answer.remedy) == hours
        assert "pin" in answer.remedy


def test_a_rule_of_another_package_tells_truly_whether_a_pin_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    for protects in (True, False):
        monkeypatch.setattr(rules, "RULES", [Rule("own", "Kept out by our own rule", protects_pins=protects)])
        told = remedy("own")
        assert told == ("A pin puts it there all the same." if protects else "No pin puts it there.")


def test_the_cap_that_keeps_an_item_out_is_named() -> None:
    stories = checkerboard()
    stories[1]["access"] = "paid"
    caps = ({"by": "access", "value": "paid", "at_most": 0}, {"by": "section", "at_most": 9}, {"by": "source"})
    settings = SETTINGS.override({"selection.caps": [{"at_most": 1, **cap} for cap in caps]})
    rec = Recommender(settings).fit(stories)
    found, item = rec.recommend_many(["t0-s0", stories[1]["id"]])
    answer = why(found, item, rec.explain_rejected(["t0-s0"])["t0-s0"])
    assert answer.rule == "cap"
    assert answer.sentence.endswith(": access = paid, at most 0.")  # the others are not reached, or do not count it
