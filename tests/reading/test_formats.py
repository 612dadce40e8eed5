"""Files of every layout, and rows as systems answer them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pprint
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.articles.catalog import Catalog
from recommender.articles.links import resolve_links
from recommender.errors import InputError
from recommender.reading.read import read_articles
from recommender.settings import ReadingSettings

STORIES = [
    {"id": "a", "title": "Ferry [aground], again", "body": 'A "ferry" ran\naground.', "date": "2026-11-20"},
    {"id": "b", "title": "Crew} safe", "body": "All {were} taken; off", "date": "2026-11-21"},
]
NAMES = list(STORIES[0])


def read(folder: Path, name: str, data: bytes | str, **limits: Any) -> tuple[list[dict[str, Any]], Any]:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    table, report = read_articles(path, settings=ReadingSettings(**limits))
    counted = report.accepted + report.superseded + report.unpublished.total() + len(report.rejected)
    assert report.read == counted
    return table.to_pylist(), report


def titles(rows: list[dict[str, Any]]) -> list[str]:
    return [row["title"] for row in rows]


LAYOUTS = {
    "array": json.dumps(STORIES),
    "array, pretty": json.dumps(STORIES, indent=2),
    "array with a byte order mark": "\ufeff" + json.dumps(STORIES),
    "data": json.dumps({"data": STORIES}),
    "articles, pretty": json.dumps({"status": "ok", "totalResults": 2, "articles": STORIES}, indent=4),
    "response": json.dumps({"response": {"status": "ok", "results": STORIES}}),
    "hits": json.dumps(
        {"hits": {"total": 2, "hits": [{"_index": "n", "_id": s["id"], "_source": s} for s in STORIES]}}
    ),
    "ghost": json.dumps({"db": [{"data": {"posts": STORIES, "tags": [{"id": 1}]}}]}),
    "lines": "\n".join(map(json.dumps, STORIES)),
    "objects, pretty": "\n".join(json.dumps(story, indent=1) for story in STORIES),
    "one after another": "".join(map(json.dumps, STORIES)),
    "array of rows below their names": json.dumps([list(STORIES[0]), *(list(story.values()) for story in STORIES)]),
    "the same, pretty": json.dumps([list(STORIES[0]), *(list(story.values()) for story in STORIES)], indent=1),
    "JSONP": f"/**/ typeof show === 'function' && show({json.dumps({'posts': STORIES})});",
    "JSONP on lines": f"jQuery17_2(\n{json.dumps(STORIES, indent=1)}\n)",
    "a script": f"window.__DATA__ = {json.dumps({'articles': STORIES})};\n",
    "a module": f"export default {json.dumps(STORIES, indent=1)};",
    "guarded": f")]}}'\n{json.dumps(STORIES)}",
    "printed by Python": repr(STORIES),
    "the same, on lines": pprint.pformat(STORIES, width=40),
    "BigQuery": json.dumps(
        {
            "schema": {"fields": [{"name": name} for name in NAMES]},
            "rows": [{"f": [{"v": story[name]} for name in NAMES]} for story in STORIES],
        }
    ),
    "Athena": json.dumps(
        {
            "ResultSet": {
                "ResultSetMetadata": {"ColumnInfo": [{"Name": name} for name in NAMES]},
                "Rows": [
                    {"Data": [{"VarCharValue": row[name]} for name in NAMES]}
                    for row in [{name: name for name in NAMES}, *STORIES]
                ],
            }
        }
    ),
    "Snowflake": json.dumps(
        {
            "resultSetMetaData": {"rowType": [{"name": name.upper()} for name in NAMES]},
            "data": [list(story.values()) for story in STORIES],
        }
    ),
    "Databricks": json.dumps(
        {
            "manifest": {"schema": {"columns": [{"name": name} for name in NAMES]}},
            "result": {"data_array": [list(story.values()) for story in STORIES]},
        }
    ),
    "RDS": json.dumps(
        {
            "columnMetadata": [{"name": name} for name in NAMES],
            "records": [[{"stringValue": value} for value in story.values()] for story in STORIES],
        }
    ),
    "Next.js": json.dumps({"props": {"pageProps": {"articles": STORIES}}, "page": "/"}),
    "sequence of texts": "".join(f"\x1e{json.dumps(story)}\n" for story in STORIES),
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("name", ["news.json", "news.jsonl"])
def test_json_of_every_layout(tmp_path: Path, layout: str, name: str) -> None:
    if name == "news.jsonl" and layout == "one after another":
        pytest.skip("a line of JSON lines holds one object")
    rows, report = read(tmp_path, name, LAYOUTS[layout])
    assert titles(rows) == titles(STORIES)
    assert report.rejected == []


YAML = {
    "a list": yaml.safe_dump(STORIES, sort_keys=False),
    "an object around one": yaml.safe_dump({"articles": STORIES}, sort_keys=False),
    "by id": yaml.safe_dump({story["id"]: dict(list(story.items())[1:]) for story in STORIES}),
    "documents": yaml.safe_dump_all(STORIES, explicit_start=True),
    "of Ruby": "".join(f"- !ruby/hash:Post\n  :id: {s['id']}\n  :title: {json.dumps(s['title'])}\n" for s in STORIES),
}


@pytest.mark.parametrize("layout", list(YAML))
@pytest.mark.parametrize("mark", ["", "---\n"])
def test_yaml_of_every_layout(tmp_path: Path, layout: str, mark: str) -> None:
    rows, report = read(tmp_path, "a.yaml", mark + YAML[layout].removeprefix(mark))
    assert (titles(rows), report.rejected) == (titles(STORIES), [])


def test_values_of_yaml_are_read_as_they_are_written(tmp_path: Path) -> None:
    text = "- id: 007\n  title: No\n  lead: ~\n  tags: &t [sea, fog]\n- {id: 12:30:45, title: 1e3, tags: *t}\n"
    rows, _ = read(tmp_path, "a.yml", text)
    assert [(row["id"], row["title"], row["lead"], row["tags"]) for row in rows] == [
        ("007", "No", "", ["sea", "fog"]),
        ("12:30:45", "1e3", "", ["sea", "fog"]),
    ]


def test_a_story_that_is_no_yaml_costs_itself_alone(tmp_path: Path) -> None:
    text = "- id: 1\n  title: Council: tax up\n- id: 2\n  title: Fog\n  body: |\n    It\n    - lifted\n"
    rows, report = read(tmp_path, "a.yaml", text)
    assert [(row["id"], row["body"]) for row in rows] == [("2", "It\n- lifted")]
    assert [(bad.line, bad.reason.rpartition("; ")[2]) for bad in report.rejected] == [
        (1, "texts with a colon and a blank need quotes")
    ]


@pytest.mark.parametrize("nested", [False, True])
def test_yaml_that_expands_to_more_than_it_holds_is_refused(tmp_path: Path, nested: bool) -> None:
    levels = "".join(f"- &{outer} [{', '.join([f'*{inner}'] * 9)}]\n" for inner, outer in pairwise("abcdefgh"))
    _, report = read(tmp_path, "a.yaml", f"- &a [fog]\n{levels}" if nested else "title: &a [*a]\n")
    assert "bad YAML: aliases that stand for too much" in {bad.reason.partition(";")[0] for bad in report.rejected}


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 60_000 + "x", "".join(f"{' ' * n}a:\n" for n in range(200))])
def test_yaml_that_is_nested_too_deep_is_refused(tmp_path: Path, text: str) -> None:
    (bad,) = read(tmp_path, "a.yaml", text)[1].rejected
    assert bad.reason.startswith("bad YAML: nested deeper than 100")


def test_of_a_folder_only_yaml_of_stories_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    for name, text in {
        "_config.yml": "---\ntitle: The Courier\nurl: https://c.example\nnav:\n- title: Home\n  url: /\n",
        "_posts/2026-11-27-fog.md": "---\ntitle: Fog\n---\nIt lifted.\n",
        "_drafts/storm.md": "---\ntitle: Storm\n---\nIt comes.\n",
        "data/authors.yaml": "- name: Ann\n  title: Editor\n",
        "data/briefs.yaml": YAML["a list"],
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.make_archive(str(folder), "zip", folder)
    for source in (folder, tmp_path / "site.zip"):
        table, report = read_articles(source)
        assert sorted(table["title"].to_pylist()) == [*sorted(titles(STORIES)), "Fog"]
        assert report.rejected == []


def test_what_python_printed_costs_a_row_where_it_is_no_text(tmp_path: Path) -> None:
    text = (
        "[{'_id': ObjectId('5f'), 'title': \"It's\", 'lead': nan, 'date': datetime.datetime(2026, 11, 27, 7, 5)},\n"
        " {'id': 2, 'title': Lazy(1, 2)}]"
    )
    rows, report = read(tmp_path, "printed.txt", text)
    assert [(row["id"], row["title"], row["published_at"].isoformat()) for row in rows] == [
        ("5f", "It's", "2026-11-27T07:05:00+00:00")
    ]
    (bad,) = report.rejected
    assert (bad.line, bad.reason) == (2, "an object that Python printed, with what is no text or number: Lazy(1, 2)")
    (bad,) = read(tmp_path, "printed.txt", text[:-1])[1].rejected
    assert (
        bad.reason == "a list that Python printed and that is damaged: '[' was never closed (line 1); nothing was read"
    )


def test_a_record_of_bigquery_keeps_its_names(tmp_path: Path) -> None:
    fields = [{"name": "id"}, {"name": "title"}, {"name": "author", "fields": [{"name": "name"}, {"name": "email"}]}]
    cells = [{"v": "1"}, {"v": "Ferry"}, {"v": {"f": [{"v": "Ann"}, {"v": "a@courier.example"}]}}]
    rows, _ = read(tmp_path, "a.json", json.dumps({"schema": {"fields": fields}, "rows": [{"f": cells}]}))
    assert [(row["title"], row["author"]) for row in rows] == [("Ferry", "Ann")]


def test_rows_of_an_array_may_lack_their_last_values(tmp_path: Path) -> None:
    rows, report = read(tmp_path, "a.json", '[["id", "title", "body"], [1, "Ferry"], [2], [3, "Storm", "x", "y"]]')
    assert titles(rows) == ["Ferry"]
    assert [one.reason for one in report.rejected] == ["neither title nor body", "JSON list, expected an object"]


def test_a_sequence_of_pretty_texts_is_read(tmp_path: Path) -> None:
    text = "".join(f"\x1e{json.dumps(story, indent=1)}\n" for story in STORIES)
    for name in ("a.json-seq", "a.download"):
        assert titles(read(tmp_path, name, text)[0]) == titles(STORIES)


def test_utf_16_is_told_by_its_mark(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        mark = "" if encoding == "utf-16" else "\ufeff"
        assert titles(read(tmp_path, "a.json", (mark + json.dumps(STORIES)).encode(encoding))[0]) == titles(STORIES)
        text = mark + "id,title\na,Übermäßig\n"
        assert titles(read(tmp_path, "a.csv", text.encode(encoding))[0]) == ["Übermäßig"]


def test_a_document_in_pieces_is_read_as_a_whole(tmp_path: Path) -> None:
    stories = [{"id": str(n), "title": f"Story {n}", "body": "word " * n} for n in range(600)]
    rows, _ = read(tmp_path, "a.json", json.dumps(stories, indent=1))
    assert titles(rows) == titles(stories)
    rows, _ = read(tmp_path, "a.json", json.dumps(stories))
    assert titles(rows) == titles(stories)


def test_nan_is_missing(tmp_path: Path) -> None:
    rows, report = read(tmp_path, "a.jsonl", '{"id": 1, "title": "t", "lead": NaN, "score": -Infinity}\n')
    assert (titles(rows), rows[0]["lead"], report.rejected) == (["t"], "", [])


@pytest.mark.parametrize("count", [1, 40])
def test_a_number_too_great_to_be_held_costs_no_story(tmp_path: Path, count: int) -> None:
    row = '{"id": %d, "title": "t", "published_at": 1e400, "views": -1e999}\n'
    rows, report = read(tmp_path, "a.jsonl", "".join(row % number for number in range(count)))
    assert [(one["title"], one["published_at"]) for one in rows] == [("t", None)] * count
    assert report.rejected == []


def test_a_broken_document_keeps_what_came_before(tmp_path: Path) -> None:
    rows, report = read(tmp_path, "a.json", '[\n{"id": 1, "title": "t"},\n{"id": 2, "title"\n')
    assert titles(rows) == ["t"]
    assert (report.rejected[0].line, report.rejected[0].reason[:9]) == (3, "bad JSON:")


def test_a_bad_line_of_a_json_file_costs_itself_alone(tmp_path: Path) -> None:
    rows, report = read(tmp_path, "part-00000.json", '{"id": 1, "title": "a"}\n{"id": 2,\n{"id": 3, "title": "c"}\n')
    assert titles(rows) == ["a", "c"]
    assert report.rejected[0].line == 2


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '[{"id": 1, "title": ' + "[" * 50_000])
def test_deep_json_is_refused(tmp_path: Path, text: str) -> None:
    rows, report = read(tmp_path, "a.json", text)
    assert rows == []
    assert len(report.rejected) == 1


def test_a_value_beyond_the_limit_ends_a_document(tmp_path: Path) -> None:
    text = json.dumps([{"id": 1, "title": "t"}, {"id": 2, "title": "x" * 9_000_000}])
    rows, report = read(tmp_path, "a.json", text, max_line_bytes=1_000_000)
    assert titles(rows) == ["t"]
    assert "reading.max_line_bytes" in report.rejected[0].reason


# -- separated values --------------------------------------------------------------------------

CELLS = st.text(alphabet=st.sampled_from("ab ,;|\t\"'\n=é東"), max_size=8).filter(lambda cell: '="' not in cell)
"""Of any text but formulas, which sheets write around values."""


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
    st.sampled_from(",;|\t"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_separated_values_of_every_dialect(
    tmp_path_factory: pytest.TempPathFactory, cells: Any, mark: str, quoting: Any, encoding: str, end: str, told: bool
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=mark, quoting=quoting, lineterminator=end)
    writer.writerow(["id", "title", "one", "two"])
    for number, (one, two) in enumerate(cells):
        writer.writerow([number, "Ferry aground", one, two])
    text = f"sep={mark}{end}" * told + file.getvalue()
    rows, report = read(tmp_path_factory.getbasetemp(), "dialect.csv", text.encode(encoding))
    assert report.rejected == []
    kept = [orjson.loads(row["extra"] or "{}") for row in rows]
    assert [(one.get("one", ""), one.get("two", "")) for one in kept] == cells


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    lines = [f"{n},Story {n},Text {n}" for n in range(50)]
    lines[3] = '3,Story 3,"Text 3'
    lines[30] = '30,"Story, 30","Text ""30"""'
    rows, report = read(tmp_path, "a.csv", "\n".join(["id,title,body", *lines]) + "\n")
    assert len(rows) == 49
    assert [(row.line, row.reason[:31]) for row in report.rejected] == [(5, "a quote that is never closed: i")]
    assert rows[29]["body"] == 'Text "30"'


def test_a_quote_that_runs_beyond_the_limit_costs_one_row(tmp_path: Path) -> None:
    lines = ['0,"Story 0', *(f"{n},Story {n}" for n in range(1, 500))]
    rows, report = read(tmp_path, "a.csv", "\n".join(["id,title", *lines]) + "\n", max_line_bytes=1_000)
    assert len(rows) == 499
    assert len(report.rejected) == 1


# -- folders -----------------------------------------------------------------------------------


def test_folders_in_folders_are_read_and_what_is_passed_over_is_told(tmp_path: Path) -> None:
    for name, story in (("a.jsonl", {"id": 1, "title": "a"}), ("2026/11/b.json", {"id": 2, "title": "b"})):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(orjson.dumps(story))
    for other in ("2026/photo.jpg", ".hidden/c.jsonl", "lists/versions/1/lists.jsonl"):
        (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / other).write_text("nothing")
    (tmp_path / "lists" / "CURRENT").write_text("1")
    table, report = read_articles(tmp_path)
    assert sorted(table["title"].to_pylist()) == ["a", "b"]
    assert report.rejected == []
    assert report.notes.lines() == [
        "1 files are no articles by their names, and were passed over, such as 2026/photo.jpg"
    ]


# -- feeds and pages ---------------------------------------------------------------------------

RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>Courier</title>
<item><title>Ferry &amp; crew</title><link>https://c.example/1</link><guid isPermaLink="false">g1</guid>
<description>In fog</description><content:encoded><![CDATA[<p>A ferry <b>ran</b> aground.</p>]]></content:encoded>
<pubDate>Fri, 27 Nov 2026 10:00:00 +0100</pubDate><dc:creator>Ann</dc:creator><category>sea</category>
<category>port</category><media:thumbnail url="https://c.example/1.jpg"/></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Courier</title><entry><id>g1</id>
<title>Ferry &amp; crew</title>
<link rel="self" href="https://c.example/self"/><link rel="alternate" href="https://c.example/1"/>
<summary>In fog</summary><content type="html">&lt;p&gt;A ferry &lt;b&gt;ran&lt;/b&gt; aground.&lt;/p&gt;</content>
<published>2026-11-27T09:00:00Z</published><author><name>Ann</name></author><category term="sea"/>
<category term="port"/></entry></feed>"""


@pytest.mark.parametrize("feed", [RSS, ATOM], ids=["RSS", "Atom"])
def test_feeds(tmp_path: Path, feed: str) -> None:
    (row,), _ = read(tmp_path, "feed.xml", feed)
    told = {name: row[name] for name in ("id", "title", "lead", "body", "url", "author", "tags")}
    assert told == {
        "id": "g1",
        "title": "Ferry & crew",
        "lead": "In fog",
        "body": "A ferry ran aground.",
        "url": "https://c.example/1",
        "author": "Ann",
        "tags": ["sea", "port"],
    }
    assert row["published_at"].isoformat() == "2026-11-27T09:00:00+00:00"


def test_a_wordpress_export(tmp_path: Path) -> None:
    item = """<item><title>{title}</title><link>https://c.example/{n}</link><guid>https://c.example/?p={n}</guid>
<content:encoded><![CDATA[Text {n}]]></content:encoded><excerpt:encoded><![CDATA[Lead {n}]]></excerpt:encoded>
<wp:post_id>{n}</wp:post_id><wp:post_date_gmt>2026-11-27 09:00:00</wp:post_date_gmt><wp:status>{status}</wp:status>
<wp:post_type>{kind}</wp:post_type><category domain="category">Local</category>
<category domain="post_tag">sea</category></item>"""
    items = [("Ferry", 1, "publish", "post"), ("Draft", 2, "draft", "post"), ("About", 3, "publish", "page")]
    body = "".join(item.format(title=title, n=n, status=status, kind=kind) for title, n, status, kind in items)
    spaces = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:wp="http://wordpress.org/export/1.2/" '
    spaces += 'xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"'
    (row,), report = read(tmp_path, "wordpress.xml", f"<rss {spaces}><channel>{body}</channel></rss>")
    assert (row["id"], row["title"], row["body"], row["lead"], row["section"], row["tags"]) == (
        *("1", "Ferry", "Text 1", "Lead 1"),
        *("Local", ["sea"]),
    )
    assert report.unpublished == {"status draft": 1, "post_type page": 1}


def test_posts_of_wordpress_have_the_names_of_their_authors_and_links_by_number(tmp_path: Path) -> None:
    author = "<wp:author><wp:author_login><![CDATA[{0}]]></wp:author_login>"
    author += "<wp:author_display_name><![CDATA[{1}]]></wp:author_display_name></wp:author>"
    item = "<item><title>Post {0}</title><link>https://c.example/news/{0}</link><dc:creator>{1}</dc:creator>"
    item += "<wp:post_id>{0}</wp:post_id><content:encoded><![CDATA[{2}]]></content:encoded></item>"
    many = [author.format(f"login{number}", f"Name {number}") for number in range(2_000)]
    link = '<a href="{}">Words</a> and more.'
    links = (link.format(f"https://{host}?p=7") for host in ("www.c.example/", "other.example/", "c.example/index.php"))
    bodies = ["Text", *links]
    posts = [item.format(7 + n, f"login{1_999 - n}" if n else "bo", body) for n, body in enumerate(bodies)]
    spaces = 'xmlns:wp="http://wordpress.org/export/1.2/"'
    rows, _ = read(tmp_path, "w.xml", f"<rss {spaces}><channel>{''.join(many)}{''.join(posts)}</channel></rss>")
    assert [row["author"] for row in rows] == ["bo", "Name 1998", "Name 1997", "Name 1996"]
    found = resolve_links(Catalog.from_table(read_articles(tmp_path / "w.xml")[0])).table.to_pylist()
    assert [(row["story"], row["item"]) for row in found] == [("10", "7"), ("8", "7")]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><rss><item><title>&b;</title></item></rss>'
)


@pytest.mark.parametrize("text", [BOMB, "<rss><item><title>x</rss>", "<a>" * 5_000, "no feed at all", "<rss><item>"])
def test_xml_that_is_no_feed_is_refused(tmp_path: Path, text: str) -> None:
    rows, report = read(tmp_path, "feed.xml", text)
    assert rows == []
    assert len(report.rejected) == 1


@pytest.mark.parametrize(
    "front",
    [
        '---\ntitle: "Ferry: aground"\ndate: 2026-11-27T10:00:00+01:00\ntags: [sea, port]\n---\n',
        '+++\ntitle = "Ferry: aground"\ndate = 2026-11-27T10:00:00+01:00\ntags = ["sea", "port"]\n+++\n',
        '{\n"title": "Ferry: aground", "date": "2026-11-27T10:00:00+01:00", "tags": ["sea", "port"]\n}\n',
    ],
)
def test_pages_with_front_matter(tmp_path: Path, front: str) -> None:
    (row,), _ = read(tmp_path, "ferry-aground.md", front + "A ferry ran aground.\n\n---\n\nMore.\n")
    assert (row["id"], row["title"], row["tags"]) == ("ferry-aground", "Ferry: aground", ["sea", "port"])
    assert row["published_at"].isoformat() == "2026-11-27T09:00:00+00:00"
    assert row["body"].startswith("A ferry ran aground.")
    assert row["body"].endswith("More.")


def test_a_page_tells_its_date_and_whether_it_is_a_draft(tmp_path: Path) -> None:
    (row,), _ = read(tmp_path, "2026-11-27-ferry.md", "---\ntitle: Ferry\n---\nText\n")
    assert (row["id"], row["published_at"].isoformat()) == ("2026-11-27-ferry", "2026-11-27T00:00:00+00:00")
    rows, report = read(tmp_path, "a.md", "---\ntitle: Ferry\ndraft: true\n---\nText\n")
    assert (rows, report.unpublished) == ([], {"draft true": 1})


@pytest.mark.parametrize(
    "text",
    [
        "# A page\n",
        "---\na: &x [1]\nb: *x\n---\n",
        "---\n- a\n---\n",
        "---\na: [\n---\n",
        "---\na: !!python/x y\n---\n",
    ],
)
def test_front_matter_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    rows, report = read(tmp_path, "a.md", text)
    assert rows == []
    assert "front matter" in report.rejected[0].reason


def test_the_section_of_a_page_is_its_first_category(tmp_path: Path) -> None:
    (row,), _ = read(tmp_path, "a.md", "---\ntitle: Fog\ncategories: [News, City]\ntags: [sea]\n---\nText\n")
    assert (row["section"], row["tags"]) == ("News", ["sea", "City"])


def test_relative_links_of_pages_lead_to_pages(tmp_path: Path) -> None:
    for name, text in (
        ("001-fog/index.md", "Fog."),
        ("002-ferry.md", "A ferry ran aground."),
        ("003-port.md", "[Fog](../001-fog/), [a ferry](./002-ferry.md#top), [a map](map.pdf) and [home](../)."),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"---\ntitle: Page {name}\n---\n{text}\n")
    table, _ = read_articles(tmp_path)
    assert table["body"].to_pylist()[-1] == "Fog, a ferry, a map and home."
    found = resolve_links(Catalog.from_table(table))
    assert [(row["item"], row["anchor"]) for row in found.table.to_pylist()] == [
        ("001-fog", "Fog"),
        ("002-ferry", "a ferry"),
    ]
    assert found.report.unresolved == 0


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.md", "Title: Fog\nDate: 2026-11-27\nTags: sea, ice\n\nIt ran.\n", {"title": "Fog", "tags": ["sea", "ice"]}),
        ("2026-11-27-fog-rolls-in.md", "---\nlayout: post\n---\nIt ran.\n", {"title": "Fog rolls in"}),
        ("2026-11-27-a.md", "---\ntitle: Fog\ndate: 2026-11-27 or so\n---\nIt ran.\n", {"title": "Fog"}),
        ("2026-11-27-a.md", "---\nauthor: Ann\n---\n# Fog\n\nIt ran.\n", {"title": "Fog", "author": "Ann"}),
        ("2026-11-27.fog-rolls-in.md", "---\nid: 1\n---\nIt ran.\n", {"id": "1", "title": "Fog rolls in"}),
        ("2026-11-27-0930.fog.md", "---\nid: 1\n---\nIt ran.\n", {"id": "1", "title": "Fog"}),
    ],
    ids=["Pelican", "no title", "a date that cannot be read", "a heading as title", "Statamic", "Statamic with a time"],
)
def test_what_a_page_of_markdown_says_otherwise(tmp_path: Path, name: str, text: str, expected: dict[str, Any]) -> None:
    ((row,), report) = read(tmp_path, name, text)
    assert {field: row[field] for field in expected} == expected
    assert (row["body"], row["published_at"].day, report.rejected) == ("It ran.", 27, [])


def test_addresses_of_markdown_may_stand_apart_and_parts_of_pages_are_no_stories(tmp_path: Path) -> None:
    text = """---
title: Fog
---
The [mayor] and [her crew][Crew] saw [a file](b.md).

Then
----
Fog.

[mayor]: https://c.example/m
[crew]: /crew "The crew"
"""
    ((row,), _) = read(tmp_path, "a.md", text)
    assert row["body"] == "The mayor and her crew saw a file.\n\nThen\n\nFog."
    assert [link["target"] for link in row["links"]] == ["https://c.example/m", "/crew", "b"]
    rows, report = read(tmp_path, "part.md", "---\nheadless: true\n---\nA part.\n")
    assert (rows, report.unpublished) == ([], {"type webpage": 1})


# -- rows of systems ---------------------------------------------------------------------------

SYSTEMS: dict[str, dict[str, Any]] = {
    "WordPress REST": {
        "id": 7, "date": "2026-11-27T10:00:00", "date_gmt": "2026-11-27T09:00:00", "slug": "ferry", "status": "publish",
        "type": "post", "link": "https://c.example/1", "title": {"rendered": "Ferry &#8217; crew"},
        "content": {"rendered": "<p>A ferry ran aground.</p>", "protected": False}, "author": 3, "categories": [2],
        "excerpt": {"rendered": "<p>In fog</p>"}, "_links": {"self": [{"href": "https://c.example/wp-json"}]},
    },
    "Ghost": {
        "id": "7", "uuid": "u", "title": "Ferry ’ crew", "html": "<p>A ferry ran aground.</p>", "status": "published",
        "visibility": "members", "published_at": "2026-11-27T09:00:00.000Z", "custom_excerpt": "In fog",
        "url": "https://c.example/1", "type": "post",
    },
    "Drupal JSON:API": {
        "type": "node--article", "id": "7", "links": {"self": {"href": "https://c.example/jsonapi"}},
        "attributes": {"title": "Ferry ’ crew", "status": True, "created": "2026-11-27T09:00:00+00:00",
                       "url": "https://c.example/1",
                       "body": {"value": "A ferry ran aground.", "processed": "<p>A ferry ran aground.</p>",
                                "summary": "In fog"}, "field_summary": "x", "summary": "In fog"},
    },
    "Arc XP": {
        "_id": "7", "type": "story", "headlines": {"basic": "Ferry ’ crew"}, "description": {"basic": "In fog"},
        "display_date": "2026-11-27T09:00:00Z", "canonical_url": "https://c.example/1",
        "content_elements": [{"type": "text", "content": "A ferry ran aground."}, {"type": "image", "url": "x.jpg"}],
        "credits": {"by": [{"type": "author", "name": "Ann"}]}, "taxonomy": {"tags": [{"text": "sea"}]},
    },
    "Guardian": {
        "id": "7", "type": "article", "sectionName": "Local", "webPublicationDate": "2026-11-27T09:00:00Z",
        "webTitle": "Ferry ’ crew", "webUrl": "https://c.example/1",
        "fields": {"trailText": "In fog", "bodyText": "A ferry ran aground."},
    },
    "New York Times": {
        "_id": "7", "headline": {"main": "Ferry ’ crew", "kicker": None}, "abstract": "In fog",
        "body": "A ferry ran aground.", "pub_date": "2026-11-27T09:00:00+0000", "web_url": "https://c.example/1",
        "byline": {"original": "By Ann"}, "keywords": [{"name": "subject", "value": "sea"}],
    },
    "JSON Feed": {
        "id": "7", "url": "https://c.example/1", "title": "Ferry ’ crew", "content_html": "<p>A ferry ran aground.</p>",
        "summary": "In fog", "date_published": "2026-11-27T10:00:00+01:00", "authors": [{"name": "Ann"}],
    },
    "JSON-LD": {
        "@context": "https://schema.org", "@type": ["NewsArticle", "Thing"], "@id": "7", "headline": "Ferry ’ crew",
        "articleBody": "A ferry ran aground.", "description": "In fog", "datePublished": "2026-11-27T09:00:00Z",
        "mainEntityOfPage": {"@type": "WebPage", "@id": "https://c.example/1"}, "isAccessibleForFree": "True",
    },
    "ninjs": {
        "uri": "7", "versioncreated": "2026-11-27T09:00:00Z", "type": "text", "pubstatus": "usable",
        "headlines": [{"role": "main", "value": "Ferry ’ crew"}], "description_text": "In fog",
        "bodies": [{"role": "main", "value": "A ferry ran aground."}], "subjects": [{"name": "sea"}],
        "url": "https://c.example/1",
    },
    "MongoDB": {
        "_id": {"$oid": "7"}, "title": "Ferry ’ crew", "text": "A ferry ran aground.", "summary": "In fog",
        "url": "https://c.example/1", "published": {"$date": {"$numberLong": "1795770000000"}},
    },
}  # fmt: skip


@pytest.mark.parametrize("system", list(SYSTEMS))
def test_rows_of_systems(system: str) -> None:
    table, report = read_articles([SYSTEMS[system]])
    (row,) = table.to_pylist()
    told = (row["id"], row["title"], row["body"], row["lead"], row["url"], row["kind"], row["access"])
    assert told == ("7", "Ferry ’ crew", "A ferry ran aground.", "In fog", "https://c.example/1", "news", "free")
    assert row["published_at"].isoformat() == "2026-11-27T09:00:00+00:00"
    assert row["links"] == []
    assert report.notes.counts == {}
    assert report.unknown_statuses == {}


def test_an_unknown_file_names_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.pages").write_bytes(b"any")
    with pytest.raises(InputError, match=r"expected \.jsonl, .*--input-format"):
        read_articles(tmp_path / "a.pages")


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([".json", ".xml", ".md", ".csv", ".jsonl"]), st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_in_any_format_are_read_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes | str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{kind}"
    path.write_bytes(data if isinstance(data, bytes) else data.encode(errors="surrogatepass"))
    table, report = read_articles(path)
    whole = [row for row in report.rejected if not row.line]
    assert report.read == len(table) + report.superseded + len(report.rejected) - len(whole)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        (
            "a.sql",
            b"-- MySQL dump 10.13\n\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `posts`;\n",
            "a dump of SQL",
        ),
        ("a.sql.gz", gzip.compress(b"INSERT INTO posts VALUES (1, 'Ferry');\n", mtime=0), "a dump of SQL"),
        ("dump", b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n", "a dump of SQL"),
        ("a.dump", b"PGDMP\x01\x0e\x00", "a dump of PostgreSQL"),
        ("a.db", b"SQLite format 3\0" + bytes(84), "--query with sqlite:///"),
        ("a.duckdb", bytes(8) + b"DUCK" + bytes(84), "a database of DuckDB"),
        ("a.7z", b"7z\xbc\xaf'\x1c" + bytes(84), "packed as .zip"),
        ("a.avro", b"Obj\x01" + bytes(84), "converted to Parquet"),
        ("a.pkl", b"\x80\x04\x95" + bytes(84), "a pickle of Python"),
        ("a.pdf", b"%PDF-1.7\n", "a PDF"),
        ("a.warc", b"WARC/1.0\r\n", "files of HTML"),
        ("a.mhtml", b"From: <Saved by Blink>\r\nSubject: a\r\n b\r\nMIME-Version: 1.0\r\n", "saved as HTML"),
        ("export.txt", b"AUTHOR: Ann\nTITLE: Ferry\nSTATUS: Publish\n-----\n", "an export of Movable Type"),
        ("a.abc", b"", "unknown kind of file"),
        ("a.abc", b"-- " * 3000, "unknown kind of file"),
    ],
)
def test_what_is_known_and_not_read_is_told_by_its_kind(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=told):
        read_articles(tmp_path / name)
