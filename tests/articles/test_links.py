"""Links between stories: what a target means, and which links are left out."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from recommender import InputError
from recommender.articles.article import SCHEMA, Article, Link, row_digest, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.link_tables import LINKS, add_links, link_table, without_links_to
from recommender.articles.links import LinkReport, resolve_links

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def story(name: str, *targets: str | Link, hours: float | None = 0, **values: Any) -> Article:
    links = tuple(one if isinstance(one, Link) else Link(one) for one in targets)
    published = None if hours is None else NOON + timedelta(hours=hours)
    values = {"title": name, "body": f"text of {name}", "url": f"https://courier.example/{name}"} | values
    return Article(id=name, links=links, published_at=published, **values)


def catalog(*stories: Article) -> Catalog:
    return Catalog.from_table(to_table(stories))


def pairs(*stories: Article, **options: Any) -> list[tuple[str, str]]:
    found = resolve_links(catalog(*stories), **options)
    return [(row["story"], row["item"]) for row in found.table.to_pylist()]


def adds_up(report: LinkReport) -> bool:
    others = (report.unknown_stories, report.unresolved, report.self_links, report.from_our_list)
    return report.found == report.links + sum(others) + report.duplicates + report.too_common


def test_links_are_a_column_of_stories() -> None:
    link = Link("https://courier.example/a", "ran aground", NOON, "background")
    rows = to_table([story("a"), story("b", link)])["links"].to_pylist()
    assert rows == [[], [{"target": link.target, "anchor": link.anchor, "time": NOON, "kind": "background"}]]
    one, other = (to_table([article]).to_pylist()[0] for article in (story("b"), story("b", link)))
    assert row_digest(one) != row_digest(other)


def test_a_target_is_an_id_or_a_url() -> None:
    found = pairs(
        story("a"), story("b", "a"), story("c", "http://www.courier.example/a/?utm_source=x#y"), story("d", "/a")
    )
    assert found == [("b", "a"), ("c", "a"), ("d", "a")]


def test_an_id_that_is_a_url_is_both() -> None:
    guid = "https://www.courier.example/x/"
    assert pairs(Article(id=guid, title="x"), story("b", "courier.example/x")) == [("b", guid)]


def test_details_are_kept_and_pairs_are_in_order() -> None:
    found = resolve_links(catalog(story("a"), story("c", Link("a", "words", NOON, "x"), "b"), story("b", "a")))
    assert found.table.schema == LINKS
    rows = [tuple(row.values()) for row in found.table.to_pylist()]
    assert rows == [("b", "a", "", None, None), ("c", "a", "words", NOON, "x"), ("c", "b", "", None, None)]
    assert len(found) == 3


def test_what_is_no_story_is_counted() -> None:
    found = resolve_links(catalog(story("a", "nowhere", "https://elsewhere.example/a", "/zz"), story("b", "a")))
    assert found.report == LinkReport(found=4, links=1, stories=1, unresolved=3)


def test_links_to_oneself_are_counted() -> None:
    twins = [story(name, url="https://courier.example/same") for name in ("t1", "t2")]
    older = story("a", "a", "https://courier.example/a#top", "copy")
    found = resolve_links(
        catalog(
            older,
            story("copy", body="text of a"),
            *twins,
            story("t0", "https://courier.example/same", url=twins[0].url),
        )
    )
    assert found.report == LinkReport(found=4, self_links=4)


def test_of_two_stories_with_one_url_the_newest_counts() -> None:
    shared = "https://courier.example/live"
    stories = [story(name, hours=hours, url=shared) for name, hours in (("old", 0), ("new", 5), ("undated", None))]
    assert pairs(*stories, story("b", shared)) == [("b", "new")]


def test_of_several_links_the_earliest_counts() -> None:
    late, early = (Link("a", anchor, NOON + timedelta(hours=hours)) for anchor, hours in (("late", 2), ("early", 1)))
    found = resolve_links(catalog(story("a"), story("b", late, early)))
    assert found.table["anchor"].to_pylist() == ["early"]
    assert found.report == LinkReport(found=2, links=1, stories=1, duplicates=1)
    assert (
        resolve_links(catalog(story("a"), story("b", late, Link("a", "at once")))).table["anchor"][0].as_py()
        == "at once"
    )


def test_a_superseded_version_stands_for_the_shown_one() -> None:
    first, second = story("v1", canonical_id="v2", body="first words"), story("v2", body="other words", hours=1)
    assert pairs(first, second, story("b", "v1", hours=2)) == [("b", "v2")]
    elsewhere = [story(f"w{n}", canonical_id="gone", body=f"{n}", hours=n) for n in range(3)]
    assert pairs(*elsewhere, story("b", "w0", "w1", hours=9)) == [("b", "w2")]


def test_a_copy_stands_for_the_one_that_the_story_could_show() -> None:
    copies = [story(f"c{hours}", body="same words", hours=hours) for hours in (0, 4, 8)]
    found = pairs(
        *copies, *(story(f"s{hours}", "c8", "c0", hours=hours) for hours in (-1, 2, 5, 9)), story("u", "c0", hours=None)
    )
    assert found == [("s-1", "c0"), ("s2", "c0"), ("s5", "c4"), ("s9", "c8"), ("u", "c8")]


def test_versions_that_name_each_other_stay_themselves() -> None:
    assert pairs(story("a", canonical_id="b"), story("b", canonical_id="a"), story("c", "a")) == [("c", "a")]


def test_replaced_rows_do_not_count() -> None:
    held = catalog(story("a"), story("b", "a"), story("c"))
    more = held.append(to_table([story("b", "c")]), held.rows(["b"]))
    assert [(row["story"], row["item"]) for row in resolve_links(more).table.to_pylist()] == [("b", "c")]


@pytest.mark.parametrize(
    ("stories", "linking", "dropped"),
    [
        (199, 150, 0),  # too few stories with links
        (200, 10, 0),  # ten of them are not many
        (200, 11, 11),
        (1_000, 20, 0),  # two percent are not more than two percent
        (1_000, 21, 21),
    ],
)
def test_what_very_many_link_to_is_left_out(stories: int, linking: int, dropped: int) -> None:
    # each story links to the one before it, and the last ones to the page of contacts as well
    made = [
        story(f"s{n:04d}", f"s{max(n - 1, 0):04d}", *(["contact"] if n > stories - linking else []))
        for n in range(stories + 1)
    ]
    found = resolve_links(catalog(*made, story("contact")))
    assert found.report.stories == stories
    assert found.report.too_common == dropped
    assert adds_up(found.report)
    assert ("contact" in found.table["item"].to_pylist()) == (not dropped)


def test_further_links_name_stories_by_id_or_url() -> None:
    more = pa.table({"story": ["b", "http://courier.example/b", "gone", None], "item": ["a", "c", "a", "a"]})
    found = resolve_links(catalog(story("a"), story("b"), story("c")), more)
    assert [(row["story"], row["item"]) for row in found.table.to_pylist()] == [("b", "a"), ("b", "c")]
    assert found.report == LinkReport(found=3, links=2, stories=1, unknown_stories=1)


def test_links_from_our_own_lists_are_left_out() -> None:
    day = timedelta(days=1)
    stories = [
        *(story(name) for name in ("x", "y")),
        story("kept", "x"),  # as published, before the list
        story("edited", "x", "y", updated_at=NOON + 2 * day),
        story("timed", Link("x", time=NOON), Link("y", time=NOON + 2 * day), updated_at=NOON + 3 * day),
    ]
    shown = {"kept": ["x"], "edited": {"x"}, "timed": {"x", "y"}, "gone": ["x"]}
    found = resolve_links(catalog(*stories), shown=shown, as_of=NOON + day)
    assert [(row["story"], row["item"]) for row in found.table.to_pylist()] == [
        ("edited", "y"),
        ("kept", "x"),
        ("timed", "x"),
    ]
    assert found.report.from_our_list == 2
    assert adds_up(found.report)
    assert resolve_links(catalog(*stories), shown=shown).report.from_our_list == 4
    assert resolve_links(catalog(*stories), shown={}).report.from_our_list == 0


def test_a_copy_that_was_shown_counts_as_shown() -> None:
    copies = [story(name, body="same") for name in ("x1", "x2")]
    found = resolve_links(catalog(*copies, story("b", "x2", updated_at=NOON)), shown={"b": ["x1"]})
    assert found.report.from_our_list == 1


def test_an_archive_without_links() -> None:
    found = resolve_links(catalog(story("a"), story("b")))
    assert (found.table, found.report) == (LINKS.empty_table(), LinkReport())
    assert len(resolve_links(catalog(story("a")), LINKS.empty_table())) == 0


def test_the_order_of_rows_does_not_matter() -> None:
    rng = random.Random(7)
    names = [f"s{n}" for n in range(60)]
    made = [
        story(
            name, *rng.choices([*names, "gone"], k=4), hours=rng.choice([None, *range(9)]), body=f"{rng.randrange(40)}"
        )
        for name in names
    ]
    first = resolve_links(catalog(*made))
    rng.shuffle(made)
    again = resolve_links(catalog(*made))
    assert first.table.equals(again.table)
    assert first.report == again.report
    assert adds_up(first.report)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (pa.table({"story": ["a"]}), "story.*expected story and item: rename or add item"),
        (pa.table({"story": ["a"], "item": [["b"]]}), "column item of a table of links is list"),
        (pa.table({"story": ["a"], "item": ["b"], "time": ["soon"]}), "column time"),
    ],
)
def test_a_table_of_something_else_is_refused(table: pa.Table, told: str) -> None:
    with pytest.raises(InputError, match=told):
        link_table(table)


def test_links_are_added_to_stories() -> None:
    table = to_table([story("a", Link("x", "own")), story("b"), story("c", "a")])
    more = link_table(
        pa.table({"story": ["c", "a", "gone", "b"], "item": ["x", "c", "a", "/a"], "kind": [None, "k", None, None]})
    )
    linked, unknown, beyond = add_links(table, more, most=10)
    assert linked.schema == SCHEMA
    targets = [[one["target"] for one in links] for links in linked["links"].to_pylist()]
    assert targets == [["x", "c"], ["/a"], ["a", "x"]]
    assert linked["links"][0][1]["kind"].as_py() == "k"
    assert (unknown, beyond) == (1, 0)
    assert linked.drop_columns("links").equals(table.drop_columns("links"))
    few, _, beyond = add_links(table, more, most=1)
    assert [len(links) for links in few["links"].to_pylist()] == [1, 1, 1]
    assert beyond == 2


def test_links_to_some_stories_are_taken_out() -> None:
    held = catalog(story("a"), story("b", "a", "https://courier.example/a", "c", "nowhere"), story("c", "a"))
    left = without_links_to(held, held.ids.to_numpy() == "a")
    assert [[one["target"] for one in links] for links in left["links"].to_pylist()] == [[], ["c", "nowhere"], []]
    assert left.schema == SCHEMA


@pytest.mark.parametrize(
    "target",
    ["x" * 10_000, "http://" + "a." * 4_000, "https://courier.example/" + "%41" * 3_000, "\u202ea", "[", "http://[::1"],
)
def test_odd_targets_are_no_story(target: str) -> None:
    assert resolve_links(catalog(story("a"), story("b", target, "a"))).report.unresolved == 1
