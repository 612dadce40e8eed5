"""Links as newsrooms have them: in sentences, in columns and in files."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from recommender import InputError, Recommender, Settings, SettingsError, SnapshotError, read_links
from recommender.archive import snapshot
from recommender.articles.article import SCHEMA, Article, Link
from recommender.articles.links import LINKS, link_table
from recommender.cli.app import app
from recommender.jobs.precompute import precompute
from recommender.jobs.purge import purge
from recommender.jobs.refresh import refresh
from recommender.reading.fields import to_article
from recommender.reading.links import with_links
from recommender.reading.markup import Anchor, to_text, to_text_and_links
from recommender.reading.plan import Plan
from recommender.reading.read import read_articles
from recommender.reading.report import ReadReport
from recommender.settings import ReadingSettings
from tests.conftest import NEWSROOM

URL = "https://courier.example/local/b"


def article(raw: Mapping[str, Any], left_out: Counter[str] | None = None, **limits: Any) -> Article:
    raw = {"id": "b", "title": "t", "url": URL} | dict(raw)
    report = ReadReport()
    found = to_article(raw, Plan.from_columns(raw, {}, ReadingSettings(**limits), report))
    if left_out is not None:
        left_out += report.links_left_out
    return found


def targets(raw: Mapping[str, Any], **limits: Any) -> list[str]:
    return [link.target for link in article(raw, **limits).links]


# -- sentences ---------------------------------------------------------------------------------


def test_links_of_sentences_are_found_in_their_order() -> None:
    body = "<p>It <a href='/a'>ran <b>aground</b> again</a>, <a class=x href=c>then</a> sank.</p>"
    body += "<p>So <a href='//d.example/e'>it</a> is.</p>"
    text, found = to_text_and_links(body)
    assert text == "It ran aground again, then sank.\n\nSo it is."
    assert found == [Anchor("/a", "ran aground again"), Anchor("c", "then"), Anchor("//d.example/e", "it")]
    links = article({"lead": "<p>See <a href='/lead'>this</a> now.</p>", "body": body}).links
    assert [link.target for link in links] == [
        "https://courier.example/lead",
        "https://courier.example/a",
        "https://courier.example/local/c",
        "https://d.example/e",
    ]
    assert links[1].anchor == "ran aground again"


@pytest.mark.parametrize("place", ["nav", "header", "footer", "aside", "figure"])
def test_links_beside_the_story_do_not_count(place: str) -> None:
    body = f"<{place}><p>Elsewhere <a href='/x'>more</a> news</p></{place}><p>It <a href='/a'>ran</a> aground.</p>"
    text, found = to_text_and_links(body)
    assert [anchor.href for anchor in found] == ["/a"]
    assert text == "Elsewhere more news\n\nIt ran aground."  # what a reader sees stays


def test_a_link_on_a_line_of_its_own_stays_in_its_sentence() -> None:
    body = "<p>The ferry\n  <a href='/a'>ran\n aground</a>\n\nat seven.</p>"
    assert to_text_and_links(body) == ("The ferry ran aground\n\nat seven.", [Anchor("/a", "ran aground")])
    body = "The ferry\n<a href='/a'>ran aground</a>.\n\nRead more: <a href='/x'>Cup final</a>\n\nThe end."
    assert to_text_and_links(body) == ("The ferry ran aground.\n\nThe end.", [Anchor("/a", "ran aground")])


def test_figures_within_sentences_end_where_they_end() -> None:
    body = "<figure><aside>a <a href='/x'>x</a></aside> b <a href='/y'>y</a></figure> and <a href='/a'>after</a> it"
    assert to_text_and_links(body)[1] == [Anchor("/a", "after")]


@pytest.mark.parametrize(
    "rail",
    [
        "<p><a href='/x'>Ferry sinks</a></p>",
        "<p>Read more: <a href='/x'>Ferry sinks</a></p>",
        "<p><b>READ ALSO</b> <a href='/x'>Ferry sinks</a>.</p>",
        "<p>Lees ook: <a href='/x'>Veerboot zinkt</a></p>",
        "<p>Lees ook <a href='/x'>Veerboot zinkt</a></p>",
        "<p>À lire aussi : <a href='/x'>Le ferry</a> »</p>",
        "<p>&bull; <a href='/x'>One</a> | <a href='/y'>Two</a></p>",
        "<p>1. <a href='/x'>One</a></p>",
        "<ul><li><a href='/x'>One</a></li><li>– <a href='/y'>Two</a>;</li></ul>",
        "<h3>Read also</h3><ul><li><a href='/x'>One</a></li><li><a href='/y'>Two</a></li></ul>",
        "<p>More on the ferry: <a href='/x'>One</a></p>",
        "<a href='/x'><h2>Ferry sinks</h2><p>All were saved.</p></a>",
        "<p><a href='/x'><img src='x.jpg'></a></p>",
        "<aside><p>See also <a href='/x'>Ferry sinks</a></p></aside>",
    ],
)
def test_lines_of_nothing_but_links_are_no_part_of_the_story(rail: str) -> None:
    before, after = "<p>The ferry left at six.</p>", "<p>It <a href='/a'>ran aground</a> at seven.</p>"
    text, found = to_text_and_links(before + rail + after)
    assert text == "The ferry left at six.\n\nIt ran aground at seven."
    assert found == [Anchor("/a", "ran aground")]


@pytest.mark.parametrize(
    "line",
    [
        "The minister of transport said this: <a href='/x'>we knew</a>",
        "<a href='/x'>The ferry</a> sank",
        "The ferry (<a href='/x'>picture</a>)",
        "More than <a href='/x'>forty</a>",
    ],
)
def test_sentences_with_links_stay(line: str) -> None:
    text, found = to_text_and_links(f"<p>{line}</p><p>Then it rained.</p>")
    assert text.count("\n\n") == 1
    assert [anchor.href for anchor in found] == ["/x"]


def test_a_text_of_nothing_but_links_stays_and_gives_none() -> None:
    assert to_text_and_links("<p><a href='/x'>One</a></p><p><a href='/y'>Two</a></p>") == ("One\n\nTwo", [])


def test_tables_keep_their_words() -> None:
    body = "<table><tr><td><a href='/x'>United</a></td><td>37</td></tr></table><p>They <a href='/a'>won</a> again.</p>"
    assert to_text_and_links(body) == ("United\n\n37\n\nThey won again.", [Anchor("/a", "won")])


@pytest.mark.parametrize("href", ["mailto:desk@courier.example", "tel:+3120", "javascript:go()", "#top", "", " "])
def test_some_links_never_count(href: str) -> None:
    text, found = to_text_and_links(
        f"<p><a href='{href}'>Write to us</a></p><p>It <a href='{href}'>ran</a> <a name=x>a</a>.</p>"
    )
    assert (text, found) == ("Write to us\n\nIt ran a.", [])


def test_text_without_links_is_as_it_was() -> None:
    assert to_text("it\n\nran <a href='/x'>a</a> b\n\n\nc") == "it\n\nran a b\n\nc"
    private = "".join(map(chr, range(0xE000, 0xE020)))
    assert to_text_and_links(f"<p>{private} b <a href='/a'>b{private}</a></p>") == (
        f"{private} b b{private}",
        [Anchor("/a", f"b{private}")],
    )
    every = "".join(map(chr, range(0xE000, 0xF900)))
    assert to_text_and_links(f"<p>{every} c <a href='/a'>b</a></p>") == (f"{every} c b", [])


PARTS = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<a href='/x'>",
            "<a href=y>",
            "</a>",
            "<aside>",
            "</aside>",
            "<table><td>",
        ),
        *(
            "</table>",
            "<li>",
            "<br>",
            "\n",
            "word",
            " two words ",
            "See also:",
            "•",
            "<a>",
            "<script>",
            "</script>",
            "&amp;",
        ),
        *("\ue000", "<b>", "</b>", "<nav>", "<svg>", "<a href='mailto:x'>"),
    ]
)


@settings(max_examples=150)
@given(st.lists(PARTS, max_size=25).map("".join))
def test_links_never_change_the_words_of_a_text(markup: str) -> None:
    """Only whole lines may go; with addresses that lead nowhere none does."""
    text, found = to_text_and_links(markup)
    plain = to_text(markup.replace("'/x'", "'#x'").replace("href=y", "href=#y"))
    lines = plain.split("\n\n")
    left = iter(lines)
    assert all(line in left for line in text.split("\n\n"))  # in their order
    assert bool(text) == bool(plain)
    assert all(anchor.href in ("/x", "y") for anchor in found)


# -- addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "limits", "target"),
    [
        ({}, {}, "https://courier.example/a"),
        ({}, {"site_url": "https://other.example"}, "https://courier.example/a"),  # the story's own URL comes first
        ({"url": None}, {"site_url": "https://other.example/x/"}, "https://other.example/a"),
        ({"url": None}, {}, "/a"),
        ({"url": None, "id": "https://guid.example/9"}, {}, "https://guid.example/a"),
        ({"url": "/local/b"}, {"site_url": "https://other.example"}, "https://other.example/a"),
    ],
)
def test_relative_addresses_start_from_the_story(raw: dict[str, Any], limits: dict[str, Any], target: str) -> None:
    assert targets({"body": "<p>It <a href='/a'>ran</a>.</p>"} | raw, **limits) == [target]
    assert targets({"links": ["/a", "a"]} | raw, **limits) == [target, "a"]  # without a slash it is an id


def test_relative_urls_of_stories_start_from_the_site() -> None:
    assert article({"url": "/local/b"}, site_url="https://courier.example").url == URL
    assert article({"url": "/local/b"}).url == "/local/b"
    with pytest.raises(SettingsError, match="site_url"):
        Settings.of({"reading": {"site_url": "courier.example"}})


# -- columns -----------------------------------------------------------------------------------

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "links"),
    [
        (["a", "https://x.example/c"], [Link("a"), Link("https://x.example/c")]),
        ([7, None, ""], [Link("7")]),
        ("a; https://x.example/c\n|d", [Link("a"), Link("https://x.example/c"), Link("d")]),
        ('["a", {"url": "/c"}]', [Link("a"), Link("https://courier.example/c")]),
        ([{"href": "/c", "text": " two\n words "}], [Link("https://courier.example/c", "two words")]),
        (
            [{"Target": "a", "anchor": "x", "time": "2026-03-03T12:00:00Z", "kind": " Background "}],
            [Link("a", "x", NOON, "background")],
        ),
        ([{"id": 7, "url": None}], [Link("7")]),
        ([{"id": "a", "url": "https://x.example/c"}], [Link("https://x.example/c")]),
        ((Link("a", "x", NOON, "k"),), [Link("a", "x", NOON, "k")]),
        ({"self": "https://api.courier.example/1"}, []),
        ('{"self": {"href": "https://api.courier.example/1"}}', []),
        (["mailto:desk@courier.example", "#top"], []),
        (None, []),
        (float("nan"), []),
        (7, [Link("7")]),
    ],
)
def test_a_column_of_links_in_every_form(value: Any, links: list[Link]) -> None:
    assert list(article({"links": value}).links) == links


@pytest.mark.parametrize("value", [{"self": "x"}, '{"self": "x"}'])
def test_addresses_of_an_answer_are_kept_as_they_were(value: Any) -> None:
    assert article({"links": value}).extra == {"links": value}


def test_underscored_links_are_none() -> None:
    raw = {"_links": {"self": "x"}}
    assert article(raw).links == ()
    assert article(raw).extra == raw
    assert targets({"_links": ["x"], "Links": ["a"]}) == ["a"]


def test_related_stories_are_read_when_they_are_named() -> None:
    rows = [{"id": "a", "title": "t"}, {"id": "b", "title": "t", "related": ["a"]}]
    assert read_articles(rows)[0]["links"].to_pylist() == [[], []]
    table, _ = read_articles(rows, columns={"links": "related"})
    assert [[one["target"] for one in links] for links in table["links"].to_pylist()] == [[], ["a"]]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([True], "bool"),
        ([["a"]], "list"),
        ([{"url": {"x": 1}}], "dict"),
        ([{"text": "no target"}], "NoneType"),
        (["a\x00b"], "control characters"),
        (["a\x1b[2J"], "control characters"),
        (["\udce9"], "UTF-8"),
        ([10**5_000], "too large a number"),
        (["x" * 10_001], "max_field_chars"),
        ([{"url": "a", "time": "soon"}], "unreadable time"),
        ("[not json", "JSON"),
        (1.5, "float"),
    ],
)
def test_a_bad_link_never_costs_the_row(value: Any, reason: str) -> None:
    left_out = Counter[str]()
    assert article({"links": value}, left_out).links == ()
    assert reason in " ".join(left_out)
    assert left_out.total() == 1
    rows = [{"id": "a", "title": "t", "links": value}]
    _, report = read_articles(rows)
    assert (report.accepted, report.links_left_out) == (1, left_out)


def test_bad_details_cost_only_themselves() -> None:
    link = {"url": "a", "text": {"x": 1}, "anchor": 7, "kind": ["k"]}
    assert article({"links": [link]}).links == (Link("a"),)
    odd = {"url": "a", "text": "x\x00y \udce9z" + "w" * 20_000, "kind": "k\x1b"}
    (found,) = article({"links": [odd]}).links
    assert found.anchor.startswith("x y z")
    assert 9_990 < len(found.anchor) <= 10_000
    assert found.kind == "k"


def test_a_flood_of_links_is_cut() -> None:
    start, left_out = time.process_time(), Counter[str]()
    assert len(article({"links": [f"s{n}" for n in range(100_000)]}, left_out).links) == 1_000
    assert left_out == {"more than 1,000 links of one story (reading.max_links)": 99_000}
    assert len(article({"links": " ".join(f"s{n}" for n in range(100_000))}, max_links=3).links) == 3
    assert article({"links": ["a"]}, max_links=0).links == ()
    body = "<p>" + "it <a href='/a'>ran</a> " * 9_000 + "</p>"
    assert len(article({"body": body}).links) == 1_000
    huge = f"<p>It <a href='/{'x' * 100_000}'>ran</a> and <a href='/a'>sank</a>.</p>"
    assert targets({"body": huge}) == ["https://courier.example/a"]
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    "markup", ["<a href='/x'>" * 9_000 + "x", "<div><a href='/x'>" * 5_000 + "x", "<table><td><a href=/x>" * 5_000]
)
def test_a_flood_of_open_links_is_read_quickly(markup: str) -> None:
    start = time.process_time()
    to_text_and_links(markup)
    assert time.process_time() - start < 20


def test_files_keep_links(tmp_path: Path) -> None:
    links = [{"target": "a", "anchor": "x", "time": NOON, "kind": None}]
    rows = [{"id": "a", "title": "t"}, {"id": "b", "title": "t", "links": links}]
    whole, _ = read_articles(rows)
    assert whole.schema == SCHEMA
    (tmp_path / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    pq.write_table(whole, tmp_path / "whole.parquet")
    pq.write_table(pa.Table.from_pylist([rows[1], rows[0]]), tmp_path / "rows.parquet")
    for name in ("rows.jsonl", "whole.parquet", "rows.parquet"):
        table, _ = read_articles(tmp_path / name)
        assert table.sort_by("id")["links"].to_pylist() == [[], links], name
    again, _ = read_articles(whole)
    assert again.equals(whole)


# -- files of links ----------------------------------------------------------------------------


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.csv", "story,item,kind\nb,a,x\nb,https://courier.example/c,\n"),
        ("l.tsv", "source\ttarget\tkind\nb\ta\tx\nb\thttps://courier.example/c\t\n"),
        ("l.jsonl", '{"from": "b", "to": "a", "type": "X"}\n{"From": "b", "To": "https://courier.example/c"}\n'),
    ],
)
def test_a_file_of_links(tmp_path: Path, name: str, text: str) -> None:
    table = read_links(write(tmp_path / name, text))
    assert table.schema == LINKS
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("b", "a", "", None, "x"),
        ("b", "https://courier.example/c", "", None, None),
    ]


def test_a_parquet_file_of_links(tmp_path: Path) -> None:
    pq.write_table(pa.table({"story": ["b"], "item": [7], "time": [NOON]}), tmp_path / "l.parquet")
    assert [tuple(row.values()) for row in read_links(tmp_path / "l.parquet").to_pylist()] == [
        ("b", "7", "", NOON, None)
    ]


def test_bad_rows_of_links_are_counted_with_their_line(tmp_path: Path) -> None:
    file = write(
        tmp_path / "l.jsonl",
        '{"story": "b", "item": "a"}\nnot json\n{"story": "b", "item": ""}\n{"story": "b", "item": "#x"}\n',
    )
    with pytest.warns(
        UserWarning, match=r"3 of 4 rows of links cannot be used: .*l.jsonl, line 2: bad JSON.*line 3: no item; line 4"
    ):
        assert len(read_links(file)) == 1
    with pytest.raises(InputError, match=r"1 of 2 rows.*line 2.*expected an id or URL under story and item"):
        read_links(file, strict=True)
    with pytest.raises(InputError, match="more than 1 bad rows"):
        read_links(file, settings=ReadingSettings(max_rejected=1))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("none.csv", None, "no such file of links.*none.csv; give a file"),
        ("l.txt", "a,b", "unknown kind of file of links.*expected .jsonl"),
        (
            "l.csv",
            "story,other\nb,a\n",
            "no column item in the links of .*l.csv; found story, other; expected item or target or to",
        ),
        ("l.csv", "", "no links in .*l.csv; expected rows with the columns story and item"),
        ("l.csv", "story,item\n", "no links in"),
        ("l.csv", "story,item\na,\n", "1 of 1 rows of links cannot be used"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, text: str | None, told: str) -> None:
    if text is not None:
        write(tmp_path / name, text)
    with pytest.raises(InputError, match=told):
        read_links(tmp_path / name)


# -- archives ----------------------------------------------------------------------------------

STORIES = [
    {"id": "a", "title": "Ferry aground off Gull Point", "url": "https://courier.example/a"},
    {
        "id": "b",
        "title": "Inquiry into the ferry",
        "body": "<p>It <a href='https://courier.example/a'>ran aground</a>.</p>",
    },
    {"id": "c", "title": "Opera names a director", "links": ["nowhere"]},
]


def links_of(rec: Recommender) -> list[tuple[str, str]]:
    return [(row["story"], row["item"]) for row in rec.links.table.to_pylist()]


def test_links_of_an_archive(tmp_path: Path, tfidf: Settings) -> None:
    more = write(tmp_path / "l.csv", "from,to\nc,a\ngone,a\n")
    with pytest.warns(UserWarning, match="1 of 2 links name a story that is not in the archive"):
        rec = Recommender(tfidf).fit(STORIES, links=more)
    assert links_of(rec) == [("b", "a"), ("c", "a")]
    assert rec.links.report.unresolved == 1
    assert rec.links is rec.links  # resolved once
    rec.save(tmp_path / "snap")
    loaded = Recommender.load(tmp_path / "snap")
    assert loaded.links.table.equals(rec.links.table)
    loaded.update([{"id": "d", "title": "Ferry afloat", "links": ["b"]}])
    assert links_of(loaded) == [("b", "a"), ("c", "a"), ("d", "b")]
    assert links_of(loaded.compact()) == [("b", "a"), ("c", "a"), ("d", "b")]
    table = pa.table({"story": ["c"], "item": ["b"]})
    assert links_of(Recommender(tfidf).fit(STORIES, links=table)) == [("b", "a"), ("c", "b")]


def test_a_story_keeps_the_links_of_a_file_until_it_changes(tfidf: Settings) -> None:
    rec = Recommender(tfidf).fit(STORIES, links=pa.table({"story": ["c"], "item": ["a"]}))
    assert rec.update(STORIES).unchanged == 3
    assert links_of(rec) == [("b", "a"), ("c", "a")]
    assert rec.update([STORIES[2] | {"links": ["b"]}]).replaced == 1
    assert links_of(rec) == [("b", "a"), ("c", "b")]


def test_links_beyond_the_limit_are_left_out() -> None:
    table, _ = read_articles(STORIES)
    more = link_table(pa.table({"story": ["b", "b"], "item": ["c", "x"]}))
    with pytest.warns(UserWarning, match="1 of 2 links are left out: no story has more than 2"):
        linked = with_links(table, more, ReadingSettings(max_links=2))
    assert [len(links) for links in linked["links"].to_pylist()] == [0, 2, 1]


def test_a_run_tells_of_its_links(tmp_path: Path, tfidf: Settings) -> None:
    out, snap, more = tmp_path / "out", tmp_path / "snap", write(tmp_path / "l.csv", "story,item\nc,b\n")
    first = precompute(STORIES, out, settings=tfidf, archive=snap)
    second = precompute(STORIES, out, settings=tfidf, archive=snap, links=more)
    assert first.version != second.version
    assert [(one.links, one.stories_with_links, one.unresolved_links) for one in (first, second)] == [
        (1, 1, 1),
        (2, 2, 1),
    ]
    changed = refresh([{"id": "d", "title": "Ferry afloat", "links": ["a"]}], out, snap)
    assert (changed.links, changed.stories_with_links, changed.unresolved_links) == (3, 3, 1)
    assert "1 story deleted" in purge(snap, "a")
    left = Recommender.load(snap)
    targets = [link["target"] for links in left.catalog.table["links"].to_pylist() for link in links]
    assert sorted(targets) == ["b", "nowhere"]


def test_the_command_line_tells_of_links(tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False).stdout

    out, snap, more = tmp_path / "out", tmp_path / "snap", write(tmp_path / "l.csv", "story,item\nc,b\n")
    stories = write(tmp_path / "a.jsonl", "\n".join(orjson.dumps(one).decode() for one in STORIES))
    told = "links  2 in 2 stories (1 unresolved)"
    where = ("--lists", out, "--archive", snap, "--model", "tfidf")
    assert told in run("precompute", stories, *where, "--links", more)
    assert told in run("info", "--lists", out)
    assert told in run("info", "--archive", snap)
    with pytest.raises(InputError, match="no such file of links"):
        run("precompute", stories, *where, "--links", tmp_path / "none.csv")
    stories.write_bytes(orjson.dumps(STORIES[0]))
    assert "links  " not in run("precompute", stories, *where, "--allow-shrink")
    assert "links  " not in run("info", "--lists", out)


def test_a_snapshot_of_stories_without_links_is_refused(tmp_path: Path, tfidf: Settings) -> None:
    old = pa.schema([field for field in SCHEMA if field.name != "links"])
    rec = Recommender(tfidf).fit(STORIES[:2])
    rec.links  # noqa: B018 - before the column goes
    without = rec.catalog.table.drop_columns("links")
    assert without.schema == old
    vars(rec.catalog)["table"] = without
    snapshot.write(tmp_path / "snap", rec.archive, rec.embedder)
    with pytest.raises(
        SnapshotError, match="earlier version of recommender, whose stories had no links: run precompute"
    ):
        Recommender.load(tmp_path / "snap")


def test_the_sample_newsroom_has_links() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table, report = read_articles(NEWSROOM)
    rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit_table(table)
    found = rec.links.report
    assert (found.links, found.stories) == (120, 72)
    assert found.unresolved == found.self_links == found.duplicates == report.links_left_out.total() == 0
    assert all(rec.links.table["anchor"].to_pylist())
    published = dict(zip(table["id"].to_pylist(), table["published_at"].to_pylist(), strict=True))
    for row in rec.links.table.to_pylist():
        story, item = published[row["story"]], published[row["item"]]
        assert story is None or item is None or item < story


def test_a_table_of_links_is_told_where_stories_are_expected(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("story,item,kind\na,b,links\n")
    (bad,) = read_articles(tmp_path / "links.csv")[1].rejected
    assert bad.reason == "a row of a table of links, not a story: --links reads it"
