"""Oddities of what tools and people export: each kind by an example, read as one row and in a block of rows."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recommender.reading.read import read_articles
from recommender.settings import ReadingSettings

STORY = {"title": "Ferry aground", "body": "It ran aground in fog. Nobody was hurt."}
MANY = 40  # rows that are read as a block

# what a row holds beside the story, and what comes of it
VALUES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a printed object as a title": ({"title": "{'main': 'Fog', 'kicker': None}"}, {"title": "Fog"}),
    "a printed object as a body": ({"body": '{"value": "<p>Fog</p>", "format": "html"}'}, {"body": "Fog"}),
    "a title on lines": ({"title": "Ferry\n   aground"}, {"title": "Ferry aground"}),
    "a section on lines": ({"section": "Local\n News"}, {"section": "Local News"}),
    "a byline": ({"byline": "By Ann Bell"}, {"author": "Ann Bell"}),
    "a byline in French": ({"author": "Par Ann Bell"}, {"author": "Ann Bell"}),
    "bylines in German": ({"author": ["Von Ann Bell", "Von Bo Day"]}, {"author": "Ann Bell, Bo Day"}),
    "a name that begins like a German byline": ({"author": "Von Miller"}, {"author": "Von Miller"}),
    "columns that say what they are of": (
        {"article_published": "2026-11-27", "storyAuthor": "Ann", "news_tags": "sea", "post_summary": "Fog"},
        {"published_at": datetime(2026, 11, 27), "author": "Ann", "tags": ["sea"], "lead": "Fog"},
    ),
    "columns of objects that were made flat": (
        {"title": None, "body": None, "title.rendered": "Fog", "content.rendered": "It lifted.", "author.id": 3,
         "author.name": "Ann", "author.url": "u", "seo.title": "Fog!", "_embedded.section.name": "Local"},
        {"id": "0", "title": "Fog", "body": "It lifted.", "author": "Ann", "section": None, "url": None},
    ),
    "columns of hits of a search that were made flat": (
        {"id": None, "title": None, "body": None, "_source.id": 7, "_source.headline": "Fog", "_source.text": "Thick.",
         "_source.section.name": "Local", "cms.content.publishDate": "2026-11-27"},
        {"id": "7", "title": "Fog", "body": "Thick.", "section": "Local", "published_at": datetime(2026, 11, 27)},
    ),
    "names of columns with types": (
        {"id": None, "title": None, "body": None, "id:ID": 7, "title:string": "Fog", "body:string": "Thick."},
        {"id": "7", "title": "Fog", "body": "Thick."},
    ),
    "types of Avro and BigQuery": (
        {"title": {"string": "Fog"}, "tags": {"list": [{"element": "sea"}, {"element": "fog"}]}, "section": {"v": "A"}},
        {"title": "Fog", "tags": ["sea", "fog"], "section": "A"},
    ),
    "authors in lists and bylines": (
        {"author": [[{"@type": "Person", "name": "Ann"}], {"@type": "Person", "byline": "Bo"}]},
        {"author": "Ann, Bo"},
    ),
    "an author of RSS": ({"author": "ann@courier.example (Ann Bell)"}, {"author": "Ann Bell"}),
    "a name that begins like a byline": ({"author": "Byron Bell"}, {"author": "Byron Bell"}),
    "a part of a body that is none": (
        {"body": [{"type": "text", "content": "Fog."}, {"type": "odd", "held": {"x": 1}}]},
        {"body": "Fog."},
    ),
    "lines of the source of a body": (
        {"body": "<p>It ran\n   aground.</p>\n<p>The\n<a href='/1'>crew</a> swam.</p>"},
        {"body": "It ran aground.\n\nThe crew swam."},
    ),
    "a lead that repeats the title": ({"lead": "Ferry aground"}, {"lead": ""}),
    "a lead that names the desk and repeats the title": (
        {"title": "A ferry runs aground in fog", "lead": "FERRY/FOG (PIX):A ferry runs aground in fog"},
        {"lead": ""},
    ),
    "a time that cannot be read, and one that can": (
        {"pub_date": "Mon, 16 Jun 20081", "post_date": "2026-11-27"},
        {"published_at": datetime(2026, 11, 27)},
    ),
    "a feed as programs write it in JSON": ({"body": None, "content:encoded": "<p>Fog.</p>"}, {"body": "Fog."}),
    "Chorus": (
        {
            "author": {"fullOrUserName": "Ann"},
            "body": {
                "components": [
                    {"__typename": "EntryBodyParagraph", "contents": {"html": "It <a href='/1'>ran</a>."}},
                    {"__typename": "EntryBodyImage", "contents": {"html": "A picture"}},
                    {"__typename": "EntryBodyList", "items": [{"line": {"html": "Fog."}}]},
                ]
            },
        },
        {"author": "Ann", "body": "It ran.\n\nFog."},
    ),
    "an array as NumPy prints it": ({"tags": "['sea' 'fog']"}, {"tags": ["sea", "fog"]}),
    "a set as Python prints it": ({"tags": "{'sea', 'fog', 'ice', 'ebb'}"}, {"tags": ["sea", "fog", "ice", "ebb"]}),
    "lists in a list": ({"tags": [["sea", "fog"], ["ice"]]}, {"tags": ["sea", "fog", "ice"]}),
    "tags on lines": ({"tags": "sea\nfog"}, {"tags": ["sea", "fog"]}),
    "objects of tags": ({"tags": [{"tag": "sea"}, {"keyword": "fog"}]}, {"tags": ["sea", "fog"]}),
    "a country for a language": ({"language": "cz"}, {"language": "cs"}),
    "a language with its country": ({"language": "English (US)"}, {"language": "en"}),
    "a written form of Norwegian": ({"language": "nb-NO"}, {"language": "no"}),
    "signs of Windows read as Latin-1": ({"title": "It\x92s \x93on\x94"}, {"title": "It’s “on”"}),
    "lines that were escaped twice": ({"body": 'One\\r\\n\\r\\nTwo \\"x\\"'}, {"body": 'One\n\nTwo "x"'}),
    "letters that were escaped twice": ({"title": "L\\u2019\\u00e9t\\u00e9 \\ud83d\\ude00"}, {"title": "L’été 😀"}),
    "a path of Windows": ({"body": "See C:\\new\\notes."}, {"body": "See C:\\new\\notes."}),
    "a lead cut with an ellipsis": ({"lead": "It ran aground in f…"}, {"lead": ""}),
    "a lead cut twice": ({"lead": "It ran aground in &#8230; [&hellip;]"}, {"lead": ""}),
    "a lead that ends so by itself": ({"lead": "And then…"}, {"lead": "And then…"}),
    "a lead with a link to the rest": (
        {"lead": "The fog <a href='/1'>Read more »</a>"},
        {"lead": "The fog", "links": []},
    ),
    "a lead cut before the rest": (
        {"lead": "It ran aground&hellip; <a href='/1'>Continue reading <b>Ferry</b></a>"},
        {"lead": "", "links": []},
    ),
    "a lead that speaks of reading": (
        {"lead": "A survey is out. Read more books, it says"},
        {"lead": "A survey is out. Read more books, it says"},
    ),
    "what WordPress appends in feeds": (
        {"body": "<p>Fog.</p><p>The post <a href='/1'>Ferry</a> appeared first on <a href='/'>Courier</a>.</p>"},
        {"body": "Fog.", "links": []},
    ),
    "a day and a time of day": (
        {"date": "27.11.2026", "time": "14:30"},
        {"published_at": datetime(2026, 11, 27, 14, 30)},
    ),
    "a day and a time of a sheet": (
        {"Datum": datetime(2026, 11, 27), "Uhrzeit": time(14, 30)},
        {"published_at": datetime(2026, 11, 27, 14, 30)},
    ),
    "a day and a time of a database": (
        {"pub_date": date(2026, 11, 27), "pub_time": "2:30 PM"},
        {"published_at": datetime(2026, 11, 27, 14, 30)},
    ),
    "a whole time beside one of day": (
        {"date": "2026-11-27T14:30:00", "time": "09:00"},
        {"published_at": datetime(2026, 11, 27, 14, 30)},
    ),
    "when it is to be published": ({"publish_at": "2999-01-01"}, {"published_at": datetime(2999, 1, 1)}),
    "when it is scheduled": (
        {"published_at": "2026-11-27", "scheduled_for": "2999-01-01"},
        {"published_at": datetime(2999, 1, 1)},
    ),
    "when it was taken down": ({"unpublished_at": "2026-11-28"}, {"expires_at": datetime(2026, 11, 28)}),
    **{
        f"a time in an object of {name}": ({"published_at": value}, {"published_at": datetime(2026, 11, 27, 10)})
        for name, value in {
            "Parse": {"__type": "Date", "iso": "2026-11-27T10:00:00Z"},
            "seconds": {"epoch": 1795773600},
            "a day and a time": {"date": "2026-11-27", "time": "10:00"},
            "two zones": {"local": "2026-11-27T11:00:00", "utc": "2026-11-27T10:00:00"},
        }.items()
    },
    "parts of a day": (
        {"published_at": {"year": 2026, "month": 11, "day": 27}},
        {"published_at": datetime(2026, 11, 27)},
    ),
    "an address with an entity": ({"url": "https://c.example/?a=1&amp;b=2"}, {"url": "https://c.example/?a=1&b=2"}),
    "a flag of access": ({"is_premium": True}, {"access": "paid"}),
    "TYPO3": (
        {"id": None, "uid": 7, "bodytext": "Fog.", "body": None, "starttime": 0, "endtime": 1795773600, "hidden": 0},
        {"id": "7", "body": "Fog.", "expires_at": datetime(2026, 11, 27, 10)},
    ),
    "names of one word in two": (
        {"title": None, "body": None, "displayTitle": "Fog", "storyBody": "Thick.", "publishDateTime": "2026-11-27"},
        {"title": "Fog", "body": "Thick.", "published_at": datetime(2026, 11, 27)},
    ),
    "news-please": ({"date_publish": "2026-11-27 10:00:00"}, {"published_at": datetime(2026, 11, 27, 10)}),
    "the text of cnn_dailymail": (
        {"title": None, "body": None, "article": "Fog.", "highlights": "Thick."},
        {"title": "", "body": "Fog.", "lead": "Thick."},
    ),
    "trafilatura": (
        {"id": None, "source": "https://c.example/1", "hostname": "c.example", "source-hostname": "Courier",
         "fingerprint": "f"},
        {"id": "https://c.example/1", "url": "https://c.example/1", "source": "Courier"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_odd_values_are_read(kind: str) -> None:
    values, expected = VALUES[kind]
    row = {"id": "0", **STORY, **values}
    others = [{**row, "id": f"more {number}"} for number in range(MANY)] if row["id"] else []
    for rows in ([row], [row, *others]):
        table, report = read_articles(rows)
        found = table.slice(0, 1).to_pylist()[0]
        for field, value in expected.items():
            got = found[field].replace(tzinfo=None) if isinstance(found[field], datetime) else found[field]
            assert got == value, (field, len(rows))
        assert (report.rejected, len(table)) == ([], len(rows))


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        *(({name: True}, False) for name in ("spiked", "is_killed", "expired", "embargo", "is_removed", "scheduled")),
        *(({name: False}, True) for name in ("spiked", "is_killed", "expired", "embargo", "live", "archived", "new")),
        ({"approved": "no"}, False),
        ({"released": 0}, False),
        ({"archived": True}, True),
        ({"stage": "draft"}, False),
        ({"Published": "N"}, False),
        *(({"status": word}, False) for word in
          ("черновик", "下書き", "草稿", "taslak", "nieopublikowany", "ready to publish")),
        *(({"status": word}, True) for word in
          ("опубликовано", "公開", "已发布", "yayında", "opublikowany", "julkaistu")),
    ],
    ids=repr,
)  # fmt: skip
def test_flags_and_words_of_further_languages(values: dict[str, Any], shown: bool) -> None:
    table, report = read_articles([{"id": 1, **STORY, **values}, {"id": 2, **STORY}])
    assert (len(table), report.unknown_statuses, report.notes.counts) == (1 + shown, {}, {})


def test_a_flag_hides_by_setting() -> None:
    rows = [{"id": 1, **STORY, "is_archived": "1"}, {"id": 2, **STORY, "is_archived": "0"}]
    assert len(read_articles(rows)[0]) == 2
    table, report = read_articles(rows, settings=ReadingSettings(hidden_values=("archived",)))
    assert (table["id"].to_pylist(), report.unpublished) == (["2"], {"is_archived 1": 1})


ROWS = [{"id": "1", "title": "Fog"}, {"id": "2", "title": "Ice"}]
FILES = {
    "zeros before lines": ("a.jsonl", "".join(f"\0\0{json.dumps(row)}\n" for row in ROWS)),
    "lines of arrays": ("a.jsonl", "\n".join(json.dumps([row]) for row in ROWS)),
    "pages of an answer": ("a.jsonl", "\n".join(json.dumps({"page": 1, "articles": [row]}) for row in ROWS)),
    "lists by section": (
        "a.json",
        json.dumps({"Local": [{**ROWS[0], "body": "x"}], "Sport": [{**ROWS[1], "body": "y"}]}),
    ),
    "two arrays": ("a.json", "\n".join(json.dumps([row], indent=1) for row in ROWS)),
    "objects around objects": ("a.json", json.dumps({"payload": {"data": {"items": ROWS}}, "meta": {"n": 2}})),
    "Event Registry": ("a.json", json.dumps({"articles": {"results": ROWS, "page": 1}})),
    "objects as Python shows them": ("a.jsonl", "\n".join(str({**row, "x": None}) for row in ROWS)),
    "a sheet of Google": (
        "a.json",
        json.dumps({"range": "A1:C3", "values": [["id", "title", "body"], ["1", "Fog"], ["2", "Ice", ""]]}),
    ),
    "ClickHouse": (
        "a.json",
        json.dumps({"meta": [{"name": "id"}, {"name": "title"}], "data": [["1", "Fog"], ["2", "Ice"]], "rows": 2}),
    ),
    "GeoJSON": (
        "a.geojson",
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {"type": "Feature", "id": row["id"], "properties": {"title": row["title"]}} for row in ROWS
                ],
            }
        ),
    ),
    "GNews": (
        "a.json",
        json.dumps(
            {
                "articles": [
                    {**row, "content": "Thick [12 chars]", "image": None, "publishedAt": None, "source": {"name": "C"}}
                    for row in ROWS
                ]
            }
        ),
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_odd_files_are_read(kind: str, tmp_path: Path) -> None:
    name, text = FILES[kind]
    (tmp_path / name).write_text(text)
    table, report = read_articles(tmp_path / name)
    assert (table.select(["id", "title"]).to_pylist(), report.rejected) == (ROWS, [])


def test_missing_values_of_frames_are_none_in_rows_of_systems() -> None:
    posts = pd.DataFrame(
        {"ID": [1, 2], "post_title": ["Fog", "Ice"], "post_content": ["a", "b"], "post_status": ["publish"] * 2}
    )
    for missing in (None, float("nan"), pd.NA, pd.NaT):
        posts["post_password"] = pd.Series([missing, "secret"], dtype=object)
        for source in (posts, posts.to_dict("records")):
            table, report = read_articles(source)
            assert (table["id"].to_pylist(), report.unpublished.total()) == (["1"], 1), missing
    frame = pd.DataFrame(
        {"id": pd.array([1, None], dtype="Int64"), "title": ["Fog", "Ice"], "tags": [np.array(["a"])] * 2}
    )
    table, report = read_articles(frame)
    assert (table["id"].to_pylist(), [one.reason for one in report.rejected]) == (["1"], ["missing id"])


@pytest.mark.parametrize("run", [" ", "…", "@", "\n", "The post ", "Read more ", "\\n\\n", "'a' "])
def test_long_runs_of_what_is_looked_for_come_to_an_end(run: str) -> None:
    text = f"It ran {run * 60_000} x appeared first on"
    row = {
        "id": 1,
        "title": "Ferry",
        "lead": f"{text}…",
        "body": text,
        "author": f"By {run * 3_000} (",
        "tags": f"[{text}]",
    }
    assert read_articles([row])[1].accepted == 1
