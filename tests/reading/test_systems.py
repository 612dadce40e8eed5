"""Answers of systems as a whole: with the names of tags and authors, sections and pictures beside the stories."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recommender.reading.read import read_articles

WORDPRESS = [
    {
        "id": 7, "date": "2026-11-27T10:00:00", "date_gmt": "2026-11-27T09:00:00", "slug": "ferry", "status": "publish",
        "type": "post", "link": "https://c.example/1", "guid": {"rendered": "https://c.example/?p=7"},
        "title": {"rendered": "Ferry"}, "content": {"rendered": "<p>It ran aground.</p>"}, "author": 3,
        "excerpt": {"rendered": "<p>In fog</p>"}, "categories": [2], "tags": [5], "featured_media": 9,
        "format": "standard", "template": "", "_links": {"self": [{"href": "https://c.example/wp-json"}]},
        "_embedded": {
            "author": [{"id": 3, "name": "Ann"}], "wp:featuredmedia": [{"source_url": "https://c.example/i.jpg"}],
            "wp:term": [[{"taxonomy": "category", "name": "Local"}], [{"taxonomy": "post_tag", "name": "sea"}]],
        },
    }
]  # fmt: skip
GHOST = {
    "db": [{"meta": {"version": "5"}, "data": {
        "posts": [
            {"id": "7", "uuid": "u", "title": "Ferry", "slug": "f", "status": "published", "visibility": "public",
             "html": '<p>It ran <a href="__GHOST_URL__/x/">aground</a>.</p>', "type": "post",
             "custom_excerpt": "In fog", "published_at": "2026-11-27T09:00:00.000Z", "feature_image": "https://c.example/i.jpg",
             "canonical_url": "https://c.example/1"},
            {"id": "8", "uuid": "v", "title": "Draft", "slug": "d", "html": "<p>x</p>", "status": "draft",
             "visibility": "public", "type": "post"},
        ],
        "tags": [{"id": "t1", "name": "sea"}, {"id": "t2", "name": "#internal"}],
        "posts_tags": [{"post_id": "7", "tag_id": "t1"}, {"post_id": "7", "tag_id": "t2"}],
        "users": [{"id": "u1", "name": "Ann"}], "posts_authors": [{"post_id": "7", "author_id": "u1"}],
    }}]
}  # fmt: skip
DRUPAL = {
    "jsonapi": {"version": "1.0"}, "links": {"self": {"href": "https://c.example/jsonapi"}},
    "data": [{
        "type": "node--article", "id": "7", "links": {"self": {"href": "https://c.example/jsonapi/7"}},
        "attributes": {
            "title": "Ferry", "status": True, "langcode": "en", "created": "2026-11-27T09:00:00+00:00",
            "body": {"processed": "<p>It ran aground.</p>", "value": "x", "summary": "In fog"},
            "path": {"alias": "https://c.example/1"}, "field_image": {"url": "https://c.example/i.jpg"},
        },
        "relationships": {
            "uid": {"data": {"type": "user--user", "id": "u1"}},
            "field_tags": {"data": [{"type": "term", "id": "t1"}]},
            "field_section": {"data": {"type": "term", "id": "t2"}},
        },
    }],
    "included": [
        {"type": "user--user", "id": "u1", "attributes": {"display_name": "Ann"}},
        {"type": "term", "id": "t1", "attributes": {"name": "sea"}},
        {"type": "term", "id": "t2", "attributes": {"name": "Local"}},
    ],
}  # fmt: skip
ARC = {
    "type": "results", "count": 1,
    "content_elements": [{
        "_id": "7", "type": "story", "headlines": {"basic": "Ferry"}, "description": {"basic": "In fog"},
        "first_publish_date": "2026-11-27T09:00:00Z", "canonical_url": "https://c.example/1",
        "content_elements": [
            {"type": "text", "content": "It ran aground."}, {"type": "image", "url": "x"},
            {"type": "list", "items": [{"type": "text", "content": "One."}]},
        ],
        "credits": {"by": [{"type": "author", "name": "Ann"}]},
        "taxonomy": {"tags": [{"text": "sea"}], "primary_section": {"_id": "/local", "name": "Local"}},
        "promo_items": {"basic": {"type": "image", "url": "https://c.example/i.jpg"}},
    }],
}  # fmt: skip
GUARDIAN = {
    "response": {"status": "ok", "results": [{
        "id": "7", "type": "article", "sectionName": "Local", "webPublicationDate": "2026-11-27T09:00:00Z",
        "webTitle": "Ferry", "webUrl": "https://c.example/1",
        "fields": {"headline": "Ferry", "trailText": "In fog", "body": "<p>It ran aground.</p>",
                   "thumbnail": "https://c.example/i.jpg"},
        "tags": [{"type": "keyword", "webTitle": "sea"}, {"type": "contributor", "webTitle": "Ann"}],
    }]}
}  # fmt: skip
NEW_YORK_TIMES = {
    "status": "OK", "response": {"docs": [{
        "_id": "7", "uri": "nyt://article/7", "web_url": "https://c.example/1", "abstract": "In fog",
        "headline": {"main": "Ferry", "kicker": None}, "lead_paragraph": "It ran aground.", "document_type": "article",
        "section_name": "Local", "byline": {"original": "By Ann"}, "pub_date": "2026-11-27T09:00:00+0000",
        "keywords": [{"name": "subject", "value": "sea"}],
        "multimedia": {"default": {"url": "https://c.example/i.jpg"}},
    }]}
}  # fmt: skip
NINJS = {
    "uri": "7", "standard": {"name": "ninjs", "version": "3.0"}, "type": "text", "pubstatus": "usable", "by": "Ann",
    "firstcreated": "2026-11-27T09:00:00Z", "versioncreated": "2026-11-27T10:00:00Z", "url": "https://c.example/1",
    "headlines": [{"role": "short", "value": "F"}, {"role": "main", "value": "Ferry"}],
    "descriptions": [{"role": "summary", "value": "In fog"}],
    "bodies": [{"role": "main", "contenttype": "text/plain", "value": "It ran aground."},
               {"role": "main", "contenttype": "text/html", "value": "<p>It ran aground.</p>"}],
    "subjects": [{"name": "sea"}], "section": "Local",
    "associations": [{"name": "main", "renditions": [{"href": "https://c.example/i.jpg"}]}],
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "WordPress": WORDPRESS, "Ghost": GHOST, "Drupal": DRUPAL, "Arc XP": ARC, "Guardian": GUARDIAN,
    "New York Times": NEW_YORK_TIMES, "ninjs": NINJS,
}  # fmt: skip


@pytest.mark.parametrize("system", list(ANSWERS))
@pytest.mark.parametrize("indent", [None, 2])
def test_answers_as_a_whole(tmp_path: Path, system: str, indent: int | None) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ANSWERS[system], indent=indent))
    table, report = read_articles(tmp_path / "a.json")
    (row,) = table.to_pylist()
    names = ("id", "title", "lead", "url", "author", "tags", "image_url", "kind", "access")
    assert {name: row[name] for name in names} == {
        "id": "7",
        "title": "Ferry",
        "lead": "In fog",
        "url": "https://c.example/1",
        "author": "Ann",
        "tags": ["sea"],
        "image_url": "https://c.example/i.jpg",
        "kind": "news",
        "access": "free",
    }
    assert row["body"].startswith("It ran aground.")
    assert row["section"] == (None if system == "Ghost" else "Local")
    assert row["published_at"].isoformat() == "2026-11-27T09:00:00+00:00"
    assert all("wp-json" not in link["target"] and "jsonapi" not in link["target"] for link in row["links"])
    assert report.rejected == []


@pytest.mark.parametrize(
    "layout",
    [
        {"id": {"0": 1, "1": 2}, "title": {"0": "A", "1": "B"}},
        {"id": [1, 2], "title": ["A", "B"]},
        {"columns": ["id", "title"], "index": [0, 1], "data": [[1, "A"], [2, "B"]]},
        {"1": {"title": "A"}, "2": {"title": "B"}},
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "Courier",
            "items": [{"id": "1", "title": "A"}, {"id": "2", "title": "B"}],
        },
        {"data": {"posts": {"x": 1}, "stories": [{"id": 1, "title": "A"}, {"id": 2, "title": "B"}]}},
        {"data": [{"id": 1, "attributes": {"title": "A"}}, {"id": 2, "attributes": {"title": "B"}}], "meta": {}},
        {
            "items": [
                {"sys": {"id": str(n)}, "fields": {"title": {"en-US": title}}} for n, title in ((1, "A"), (2, "B"))
            ]
        },
        {"data": {"edges": [{"node": {"id": 1, "title": "A"}}, {"node": {"id": 2, "title": "B"}}]}},
    ],
)
def test_layouts_of_pandas_feeds_and_interfaces(tmp_path: Path, layout: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(layout))
    table, report = read_articles(tmp_path / "a.json")
    assert table.select(["id", "title"]).to_pylist() == [{"id": "1", "title": "A"}, {"id": "2", "title": "B"}]
    assert report.rejected == []


def post(id: int, excerpt: str = "", protected: bool = False) -> dict[str, Any]:
    content = "" if protected else '<p>The ferry ran aground off <a href="#">the point</a>.</p>'
    return {
        "id": id,
        "date_gmt": "2026-03-02T07:00:00",
        "slug": f"ferry-{id}",
        "status": "publish",
        "title": {"rendered": "Ferry aground"},
        "content": {"rendered": content, "protected": protected},
        "excerpt": {"rendered": excerpt, "protected": protected},
    }


def test_posts_of_wordpress_with_a_password_are_not_published() -> None:
    table, report = read_articles([post(1), post(2, protected=True)])
    assert table["id"].to_pylist() == ["1"]
    assert report.unpublished == {"status password protected": 1}


def test_a_cut_beginning_of_the_body_is_no_lead_nor_is_an_empty_excerpt() -> None:
    cut, written = "<p>The ferry ran aground [&hellip;]</p>\n", "<p>Fog at the point [&hellip;]</p>"
    table, report = read_articles([post(1), post(2, cut), post(3, written)])
    assert table["lead"].to_pylist() == ["", "", "Fog at the point […]"]
    assert table["links"].to_pylist() == [[], [], []]
    assert report.notes.lines() == ["1 leads are the beginning of the body, cut by a machine, and were left out"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"code": "rest_no_route", "message": "No route", "data": {"status": 404}}, "rest_no_route, No route"),
        ({"error": {"code": 401, "message": "Unauthorized"}}, "401, Unauthorized"),
        ({"errors": [{"message": "No field 'x'", "locations": []}], "data": None}, "No field 'x'"),
        ({"error": "invalid_grant", "error_description": "Expired"}, "invalid_grant, Expired"),
        ({"detail": "Not found."}, "Not found."),
        ({"fault": {"faultstring": "Rate limit", "detail": {"errorcode": "x"}}}, "Rate limit"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_an_error_of_an_interface_is_told_as_such(tmp_path: Path, answer: Any, told: str, in_file: bool) -> None:
    (tmp_path / "a.json").write_text(json.dumps(answer))
    _, report = read_articles(tmp_path / "a.json" if in_file else [post(1), answer])
    assert [row.reason for row in report.rejected] == [f"an error in place of a story: {told}; ask the interface again"]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"articles": [], "total": 0},
        {"response": {"status": "ok", "results": []}},
        {"hits": {"hits": []}},
        {"data": {"posts": {"nodes": []}}},
        {"data": {"posts": {"edges": [], "pageInfo": {"hasNextPage": False}}, "pages": []}},
    ],
)
def test_an_answer_without_stories_is_told_and_the_other_pages_are_read(tmp_path: Path, answer: Any) -> None:
    (tmp_path / "1.json").write_text(json.dumps({"articles": [{"id": 1, "title": "Ferry"}]}))
    (tmp_path / "2.json").write_text(json.dumps(answer))
    table, report = read_articles([tmp_path / "1.json", tmp_path / "2.json"])
    assert [row.reason for row in report.rejected] == ["no story in the file, whose list is empty"]
    assert table["id"].to_pylist() == ["1"]


def test_a_page_of_an_error_in_place_of_an_answer_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("<html><body><h1>502 Bad Gateway</h1></body></html>")
    _, report = read_articles(tmp_path / "a.json")
    assert report.notes.lines() == [
        "1 files are pages of HTML, maybe of an error, whatever their names say, such as a.json"
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"posts": {"nodes": [{"id": "7", "title": "Ferry"}]}}},
        {"data": {"posts": {"edges": [{"node": {"id": "7", "title": "Ferry"}}], "pageInfo": {"hasNextPage": False}}}},
        {"data": {"allArticles": [{"id": "7", "title": "Ferry"}]}},
    ],
)
def test_answers_of_graphql(tmp_path: Path, answer: Any) -> None:
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(answer), encoding="utf-8")
    assert read_articles(path)[0].select(["id", "title"]).to_pylist() == [{"id": "7", "title": "Ferry"}]


def test_answers_of_newsapi_are_cut_and_hold_places_of_what_was_taken_down() -> None:
    about = {"urlToImage": None, "publishedAt": "2026-11-27T09:00:00Z"}
    rows = [
        {"title": "Ferry", "url": "https://c.example/1", "content": "It ran … [+2000 chars]", **about},
        {"title": "[Removed]", "url": "https://removed.example", "content": "[Removed]", **about},
    ]
    table, report = read_articles(rows)
    assert table["body"].to_pylist() == ["It ran …"]
    assert report.unpublished == {"status removed": 1}


def test_sections_of_strapi_stand_in_relations() -> None:
    section = {"data": {"id": 1, "attributes": {"name": "Port"}}}
    table, _ = read_articles([{"id": 7, "attributes": {"title": "Ferry", "category": section}}])
    assert table["section"].to_pylist() == ["Port"]


def test_bylines_of_ninjs_3() -> None:
    row = {"uri": "urn:7", "headlines": [{"value": "Ferry"}], "bylines": [{"value": "By Ann Rook"}]}
    assert read_articles([row])[0]["author"].to_pylist() == ["Ann Rook"]


def test_a_mark_that_a_story_is_published_is_no_time() -> None:
    rows = [
        {"id": 1, "title": "Ferry", "published": True, "date": "2026-11-27"},
        {"id": 2, "title": "Fog", "published": "true", "date": "2026-11-28"},
    ]
    table, report = read_articles(rows)
    assert [time.day for time in table["published_at"].to_pylist()] == [27, 28]
    assert not report.notes.counts


TIME = "2026-11-27T09:00:00Z"
INNER: dict[str, dict[str, Any]] = {
    "Airtable": {"id": 7, "createdTime": TIME, "fields": {"Title": "Ferry", "Date": "2026-11-27", "Body": "x"}},
    "Webflow": {
        "id": 7,
        "lastPublished": TIME,
        "isDraft": False,
        "fieldData": {"name": "Ferry", "post-body": "<p>x</p>"},
    },
    "Prismic": {
        "id": 7,
        "uid": "ferry",
        "type": "article",
        "first_publication_date": TIME,
        "data": {"title": [{"type": "heading1", "text": "Ferry"}], "body": [{"type": "paragraph", "text": "x"}]},
    },
    "Storyblok": {
        "id": 7,
        "uuid": "u",
        "name": "internal",
        "full_slug": "news/ferry",
        "first_published_at": TIME,
        "published_at": "2026-11-28",
        "content": {"component": "article", "headline": "Ferry", "text": "x"},
    },
    "Wagtail": {"id": 7, "title": "Ferry", "body": "x", "meta": {"type": "news.Page", "first_published_at": TIME}},
    "Umbraco": {
        "name": "Ferry",
        "createDate": TIME,
        "id": 7,
        "properties": {"bodyText": {"markup": "<p>x</p>", "blocks": []}},
    },
    "Payload": {
        "id": 7,
        "title": "Ferry",
        "content": {"root": {"type": "root", "children": [
            {"type": "paragraph", "children": [{"type": "text", "text": "x"}]},
        ]}},
        "meta": {"title": "Ferry | Courier"},
        "publishedAt": TIME,
    },
    "Liferay": {
        "id": 7,
        "title": "Ferry",
        "datePublished": TIME,
        "contentFields": [{"name": "content", "dataType": "string", "contentFieldValue": {"data": "<p>x</p>"}}],
    },
    "DatoCMS": {
        "id": 7,
        "title": "Ferry",
        "_publishedAt": "2026-11-28",
        "_firstPublishedAt": TIME,
        "content": {"value": {"schema": "dast", "document": {"type": "root", "children": [
            {"type": "paragraph", "children": [{"type": "span", "value": "x"}]},
        ]}}},
    },
}  # fmt: skip


@pytest.mark.parametrize("system", INNER)
@pytest.mark.parametrize("in_file", [False, True])
def test_fields_in_an_object_of_their_own(tmp_path: Path, system: str, in_file: bool) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(INNER[system]))
    table, report = read_articles(tmp_path / "a.jsonl" if in_file else [INNER[system]])
    (found,) = table.to_pylist()
    assert [found[name] for name in ("id", "title", "body", "kind")] == ["7", "Ferry", "x", "news"]
    assert found["published_at"].day == 27
    assert not report.rejected


def test_times_of_firestore_and_titles_by_language() -> None:
    row = {"id": 7, "title": {"de": "Hafen", "fr": "Port"}, "publishedAt": {"_seconds": 1795770000, "_nanoseconds": 0}}
    (found,) = read_articles([row])[0].to_pylist()
    assert (found["title"], found["published_at"].day) == ("Hafen", 27)


def test_a_language_that_is_none_is_missing_and_told() -> None:
    rows = [{"id": at, "title": "Ferry", "language": code} for at, code in enumerate(("us", "default", "und", "en-GB"))]
    table, report = read_articles(rows)
    assert table["language"].to_pylist() == [None, None, None, "en"]
    assert report.notes.counts.total() == 2


def test_an_export_of_blogger_holds_more_than_posts(tmp_path: Path) -> None:
    def entry(number: int, kind: str, more: str = "") -> str:
        scheme = "http://schemas.google.com/g/2005#kind"
        term = f"http://schemas.google.com/blogger/2008/kind#{kind}"
        return f"<entry><id>{number}</id><title>{kind}</title><category scheme='{scheme}' term='{term}'/>{more}</entry>"

    draft = "<app:control xmlns:app='http://www.w3.org/2007/app'><app:draft>yes</app:draft></app:control>"
    entries = [
        entry(1, "post", "<category term='sea'/>"),
        entry(2, "post", draft),
        entry(3, "comment"),
        entry(4, "page"),
    ]
    path = tmp_path / "blog.xml"
    path.write_text(f'<feed xmlns="http://www.w3.org/2005/Atom">{"".join(entries)}</feed>', encoding="utf-8")
    table, report = read_articles(path)
    assert table.select(["id", "tags", "kind"]).to_pylist() == [{"id": "1", "tags": ["sea"], "kind": "news"}]
    assert report.unpublished.total() == 3


def test_lines_with_commas_between_them(tmp_path: Path) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text('{"id": 1, "title": "Ferry"},\n{"id": 2, "title": "Fog"},\n', encoding="utf-8")
    assert read_articles(path)[0]["title"].to_pylist() == ["Ferry", "Fog"]


FERRY = {"title": "Ferry", "body": "It ran aground."}
STORM = {"title": "Storm", "body": "It blew."}
NINE = datetime(2026, 11, 27, 9, tzinfo=UTC)
DRAFT_ENTRY = {
    "sys": {"id": "2", "version": 1, "contentType": {"sys": {"id": "article"}}},
    "fields": {"title": {"en": "D"}},
}
OF_CONTENTFUL = {
    "entries": [
        {
            "sys": {"id": "7", "version": 3, "publishedVersion": 2, "contentType": {"sys": {"id": "article"}}},
            "fields": {
                "title": {"en": "Ferry"},
                "body": {"en": "It ran aground."},
                "author": {"en": {"sys": {"type": "Link", "linkType": "Entry", "id": "a"}}},
                "image": {"en": {"sys": {"type": "Link", "linkType": "Asset", "id": "i"}}},
            },
        },
        DRAFT_ENTRY,
        {"sys": {"id": "a", "contentType": {"sys": {"id": "author"}}}, "fields": {"name": {"en": "Ann"}}},
    ],
    "assets": [{"sys": {"id": "i"}, "fields": {"file": {"en": {"url": "//c.example/i.jpg"}}}}],
}
GRAPHQL = {
    "databaseId": 7, "id": "cG9zdDo3", "uri": "/ferry/", "link": "https://c.example/1", **FERRY,
    "author": {"node": {"name": "Ann"}}, "categories": {"nodes": [{"name": "Local"}, {"name": "Sea"}]},
    "tags": {"edges": [{"node": {"name": "sea"}}, {"node": {"name": "fog"}}]}, "language": {"code": "EN"},
    "featuredImage": {"node": {"sourceUrl": "https://c.example/i.jpg"}},
}  # fmt: skip
NAMED = {
    "id": "7", **FERRY, "author": "Ann", "section": "Local", "tags": ["sea", "fog"], "language": "en",
    "url": "https://c.example/1", "image_url": "https://c.example/i.jpg",
}  # fmt: skip
BULK = """\
{"index": {"_index": "news", "_id": "7"}}
{"title": "Ferry", "body": "It ran aground."}
{"create":{"_id":8}}
{"title": "Storm", "body": "It blew."}
{"delete": {"_index": "news", "_id": "9"}}
{"index": {}}
{"id": "10", "title": "Fog", "body": "It came."}
"""
FURTHER: dict[str, tuple[Any, list[dict[str, Any]], dict[str, int]]] = {
    "WPGraphQL": ({"data": {"posts": {"nodes": [GRAPHQL], "pageInfo": {"hasNextPage": False}}}}, [NAMED], {}),
    "two lists of GraphQL": (
        {"data": {"news": {"nodes": [{"id": 7, **FERRY}]}, "opinion": [{"id": 8, **STORM}]}},
        [{"id": "7", **FERRY}, {"id": "8", **STORM}],
        {},
    ),
    "GraphQL with lists of other things": (
        {
            "data": {
                "allArticle": [{"id": 7, **FERRY}],
                "allTag": [{"id": 1, "name": "sea"}],
                "pages": [{"id": 2, **STORM}],
            }
        },
        [{"id": "7", **FERRY}],
        {},
    ),
    "one story of GraphQL": ({"data": {"post": {"id": 7, **FERRY}}}, [{"id": "7", **FERRY}], {}),
    "Gatsby": (
        {
            "data": {
                "allMarkdownRemark": {
                    "edges": [{"node": {"id": "7", "html": "It ran aground.", "frontmatter": {"title": "Ferry"}}}]
                }
            }
        },
        [{"id": "7", **FERRY}],
        {},
    ),
    "Solr": (
        {
            "response": {
                "docs": [
                    {"id": "7", "title_s": "Ferry", "body_txt_en": ["It ran aground."], "_version_": 1},
                    {"id": "8", "title_s": "Storm", "status_s": "draft", "_version_": 1},
                    {
                        "id": "9",
                        "title": "Fog",
                        "title_s": "",
                        "body_t": "Thick.",
                        "published_dt": "2026-11-27T09:00:00Z",
                    },
                ]
            }
        },
        [{"id": "7", **FERRY}, {"id": "9", "title": "Fog", "body": "Thick.", "published_at": NINE}],
        {"status draft": 1},
    ),
    "Solr of Drupal": (
        [{"id": "x-7", "ss_title": "Ferry", "tm_X3b_en_body": ["It ran aground."], "bs_status": True, "its_views": 3}],
        [{"id": "x-7", **FERRY}],
        {},
    ),
    "the shell of MongoDB": (
        """{ "_id" : ObjectId("7"), "title" : "Ferry", "body" : "It ran aground.", "n" : NumberLong(3) }
        { "_id" : ObjectId("8"), "title" : "UUID(1), ISODate(\\"2\\")", "date" : ISODate("2026-11-27T09:00:00Z") }""",
        [{"id": "7", **FERRY}, {"id": "8", "title": 'UUID(1), ISODate("2")', "published_at": NINE}],
        {},
    ),
    "the shell of MongoDB, printed prettily": (
        """{
            "_id" : ObjectId("7"),
            "title" : "Ferry", "body" : "It ran aground.",
            "published_at" : new Date(1795770000000), "size" : BinData(0, "QQ==")
        }
        {
            "_id" : UUID("8"), "title" : "Storm", "updated_at" : Timestamp(1795770000, 1)
        }""",
        [{"id": "7", **FERRY, "published_at": NINE}, {"id": "8", "title": "Storm", "updated_at": NINE}],
        {},
    ),
    "Ghost without HTML": (
        {
            "db": [
                {
                    "meta": {},
                    "data": {
                        "posts": [
                            {
                                "id": "7",
                                "uuid": "u",
                                "slug": "f",
                                "title": "Ferry",
                                "status": "published",
                                "visibility": "public",
                                "html": None,
                                "mobiledoc": json.dumps(
                                    {
                                        "cards": [],
                                        "markups": [],
                                        "sections": [[1, "p", [[0, [], 0, "It ran aground."]]]],
                                    }
                                ),
                            }
                        ]
                    },
                }
            ]
        },
        [{"id": "7", **FERRY}],
        {},
    ),
    "a bulk request": (
        BULK,
        [{"id": "7", **FERRY}, {"id": "8", **STORM}, {"id": "10", "title": "Fog"}],
        {"status deleted": 1},
    ),
    "fields of hits": (
        {"hits": {"hits": [{"_index": "n", "_id": "7", "fields": {name: [one] for name, one in FERRY.items()}}]}},
        [{"id": "7", **FERRY}],
        {},
    ),
    "several answers": (
        {"responses": [{"hits": {"hits": [{"_id": n, "_source": one}]}} for n, one in (("7", FERRY), ("8", STORM))]},
        [{"id": "7", **FERRY}, {"id": "8", **STORM}],
        {},
    ),
    "Typesense": ({"hits": [{"document": {"id": "7", **FERRY}, "highlights": []}]}, [{"id": "7", **FERRY}], {}),
    "Algolia": ({"hits": [{"objectID": "7", **FERRY}]}, [{"id": "7", **FERRY}], {}),
    "CouchDB": (
        {"rows": [{"id": "7", "key": "7", "value": {}, "doc": {"_id": "7", **FERRY}}]},
        [{"id": "7", **FERRY}],
        {},
    ),
    "DynamoDB": (
        {
            "Items": [
                {"id": {"S": "7"}, "tags": {"L": [{"S": "sea"}]}, **{name: {"S": one} for name, one in FERRY.items()}}
            ]
        },
        [{"id": "7", "tags": ["sea"], **FERRY}],
        {},
    ),
    "Firestore": (
        {
            "documents": [
                {
                    "name": "projects/p/documents/news/7",
                    "createTime": "2026-11-27T09:00:00Z",
                    "fields": {name: {"stringValue": one} for name, one in FERRY.items()},
                }
            ]
        },
        [{"id": "7", **FERRY}],
        {},
    ),
    "Firebase": ({"news": {"-N7": FERRY, "-N8": STORM}}, [{"id": "-N7", **FERRY}, {"id": "-N8", **STORM}], {}),
    "MongoDB": (
        {
            "_id": {"$binary": {"base64": "yO2rw/c4TKO2jauSqRR4ow==", "subType": "04"}},
            "date": {"$timestamp": {"t": 1795770000, "i": 1}},
            **FERRY,
        },
        [{"id": "c8edabc3-f738-4ca3-b68d-ab92a91478a3", **FERRY}],
        {},
    ),
    "an export of Contentful": (
        OF_CONTENTFUL,
        [{"id": "7", "author": "Ann", "image_url": "https://c.example/i.jpg", **FERRY}],
        {"status draft": 1, "type author": 1},
    ),
    "Sanity": (
        "\n".join(
            json.dumps(one)
            for one in (
                {"_id": "7", "_type": "post", "_createdAt": "2026-11-27T09:00:00Z", **FERRY},
                {"_id": "drafts.7", "_type": "post", **STORM},
                {"_id": "image-7", "_type": "sanity.imageAsset", "url": "https://c.example/i.jpg"},
            )
        ),
        [{"id": "7", **FERRY}],
        {"status draft": 1, "type attachment": 1},
    ),
    "Brightspot": (
        "\n".join(
            json.dumps(
                {
                    "_id": str(number),
                    "_type": f"brightspot.core.{kind}",
                    "cms.content.publishDate": 1795770000000,
                    **one,
                }
            )
            for number, (kind, one) in enumerate(
                (
                    ("article.Article", FERRY),
                    ("article.Article", {**STORM, "cms.content.draft": True}),
                    ("tag.Tag", STORM),
                ),
                7,
            )
        ),
        [{"id": "7", "published_at": datetime(2026, 11, 27, 9, tzinfo=UTC), "kind": "news", **FERRY}],
        {"draft true": 1, "type tag": 1},
    ),
    "Strapi 4": (
        {
            "data": [
                {"id": 7, "attributes": {**FERRY, "publishedAt": "2026-11-27T09:00:00Z"}},
                {"id": 8, "attributes": {**STORM, "publishedAt": None}},
            ]
        },
        [{"id": "7", **FERRY}],
        {"status draft": 1},
    ),
    "Strapi 5": (
        {
            "data": [
                {
                    "id": 7,
                    "documentId": "x",
                    "title": "Ferry",
                    "publishedAt": "2026-11-27T09:00:00Z",
                    "blocks": [{"__component": "shared.rich-text", "id": 1, "body": "It ran aground."}],
                },
                {"id": 8, "documentId": "y", **STORM, "publishedAt": None},
            ]
        },
        [{"id": "7", **FERRY}],
        {"status draft": 1},
    ),
    "Drupal's REST": (
        [
            {
                "nid": [{"value": 7}],
                "type": [{"target_id": "article"}],
                "title": [{"value": "Ferry"}],
                "body": [{"value": "It ran aground."}],
            },
            {
                "nid": [{"value": 8}],
                "type": [{"target_id": "page"}],
                "title": [{"value": "About"}],
                "body": [{"value": "Us"}],
            },
        ],
        [{"id": "7", **FERRY}],
        {"type page": 1},
    ),
    "ninjs 3.0": (
        {
            "total": 3,
            "item": [
                {
                    "uri": "urn:7",
                    "type": "text",
                    "pubStatus": "usable",
                    "firstCreated": "2026-11-27T08:00:00Z",
                    "versionCreated": "2026-11-27T09:00:00Z",
                    "headlines": [{"role": "main", "value": "Ferry"}],
                    "bodies": [
                        {"role": "text", "contentType": "text/plain", "value": "It"},
                        {"role": "whole", "contentType": "text/html", "value": "<p>It ran aground.</p>"},
                    ],
                },
                {
                    "uri": "urn:8",
                    "versionCreated": "2026-11-27",
                    "type": "picture",
                    "headline": "Fog",
                    "body_text": "A",
                },
                {"uri": "urn:9", "versionCreated": "2026-11-27", "headline": "Fog", "state": "fetched"},
            ],
        },
        [
            {
                "id": "urn:7",
                "published_at": datetime(2026, 11, 27, 8, tzinfo=UTC),
                "updated_at": datetime(2026, 11, 27, 9, tzinfo=UTC),
                **FERRY,
            }
        ],
        {"post_type attachment": 1, "state fetched": 1},
    ),
    "a feed with an id of its own": (
        {
            "id": "https://c.example/feed",
            "title": "Courier",
            "entries": [{"id": "7", "title": "Ferry", "published": "2026-11-27", "content": "It ran aground."}],
        },
        [{"id": "7", **FERRY}],
        {},
    ),
    "Livingdocs": (
        [
            {
                "systemdata": {"documentId": number, "documentType": "article", **times},
                "metadata": {"language": {"locale": "en"}},
                "content": [
                    {"component": "head", "content": {"title": "Ferry"}},
                    {"component": "p", "content": {"text": "It ran aground."}},
                    {"component": "image", "content": {"text": "A caption"}},
                ],
            }
            for number, times in ((7, {"firstPublishedAt": "2026-11-27T08:00:00Z"}), (8, {}))
        ],
        [{"id": "7", "language": "en", "published_at": datetime(2026, 11, 27, 8, tzinfo=UTC), **FERRY}],
        {"status draft": 1},
    ),
    "SPIP": (
        [
            {"id_article": 7, "titre": "Ferry", "statut": "publie", "texte": "{{It}} ran {aground}. [Fog->art12]"},
            {"id_article": 8, "titre": "Fog", "statut": "prepa", "texte": "Soon"},
        ],
        [{"id": "7", "title": "Ferry", "body": "It ran aground. Fog"}],
        {"status unpublished": 1},
    ),
    "Directus": (
        [{"id": 7, "translations": [{"languages_code": "en-GB", **FERRY}, {"languages_code": "de", "title": "F"}]}],
        [{"id": "7", "language": "en", **FERRY}],
        {},
    ),
    "Arc XP": (
        {
            "_id": "7",
            "headlines": {"basic": "Ferry"},
            "taxonomy": {"sections": [{"name": "Local"}]},
            "content_elements": [
                {"type": "text", "content": "It ran aground."},
                {"type": "reference", "referent": {"id": "x"}},
                {"type": "list", "items": [{"type": "list", "items": [{"type": "text", "content": "Fog"}]}]},
                {"type": "table", "rows": [[{"type": "text", "content": "1"}, {"type": "text", "content": "2"}]]},
            ],
        },
        [{"id": "7", "title": "Ferry", "section": "Local", "body": "It ran aground.\n\nFog\n\n1 2"}],
        {},
    ),
    "DatoCMS": (
        {
            "data": [
                {
                    "id": 7,
                    "type": "item",
                    "attributes": FERRY,
                    "meta": {"status": "published", "published_at": "2026-11-27"},
                },
                {"id": 8, "type": "item", "attributes": FERRY, "meta": {"status": "draft"}},
            ]
        },
        [{"id": "7", "kind": "news", "published_at": datetime(2026, 11, 27, tzinfo=UTC), **FERRY}],
        {"status draft": 1},
    ),
    "sheets of Google": (
        "google.visualization.Query.setResponse("
        + json.dumps(
            {
                "table": {
                    "cols": [{"id": "A", "label": "id"}, {"id": "B", "label": "title"}, {"id": "C", "label": "date"}],
                    "rows": [
                        {"c": [{"v": 7.0, "f": "7"}, {"v": "Ferry"}, {"v": "Date(2026,10,27,9,5,0)", "f": "Nov 27"}]},
                        {"c": [{"v": 8.0}, {"v": "Fog"}, None]},
                    ],
                }
            }
        )
        + ");",
        [
            {"id": "7", "title": "Ferry", "published_at": datetime(2026, 11, 27, 9, 5, tzinfo=UTC)},
            {"id": "8", "title": "Fog", "published_at": None},
        ],
        {},
    ),
    "Plone": (
        {
            "items_total": 2,
            "items": [
                {"@id": "https://c.example/1", "@type": "News Item", **FERRY, "effective": "2026-11-27",
                 "created": "2026-11-26", "review_state": "published"},
                {"@id": "https://c.example/2", "@type": "News Item", **FERRY, "review_state": "private"},
            ],
        },
        [{"id": "https://c.example/1", **FERRY, "published_at": datetime(2026, 11, 27, tzinfo=UTC)}],
        {"review_state private": 1},
    ),
    "HAL": ({"_embedded": {"news": [{"id": 7, **FERRY}]}, "page": {"size": 20}}, [{"id": "7", **FERRY}], {}),
    "SharePoint": ({"d": {"results": [{"__metadata": {"id": "x"}, "Id": 7, **FERRY}]}}, [{"id": "7", **FERRY}], {}),
    "Qdrant": ({"result": {"points": [{"id": 7, "payload": FERRY}]}, "status": "ok"}, [{"id": "7", **FERRY}], {}),
    "Django": ([{"model": "news.article", "pk": 7, "fields": FERRY}], [{"id": "7", **FERRY}], {}),
    "Salesforce": (
        [{"Id": "7", "Title": "Ferry", "Body__c": "It ran aground.", "PublishStatus": "Online"}],
        [{"id": "7", **FERRY}],
        {},
    ),
    "Eve": ({"_items": [{"_id": "7", **FERRY}], "_meta": {"page": 1}}, [{"id": "7", **FERRY}], {}),
    "people of two names": (
        [{"id": 7, **FERRY, "author": {"first_name": "Ann", "last_name": "Lee", "slug": "ann", "title": "Reporter"}}],
        [{"id": "7", "author": "Ann Lee", **FERRY}],
        {},
    ),
    "authors and categories within objects that join tables": (
        [{"id": 7, **FERRY, "authors": [{"id": 1, "author": {"name": "Ann"}}, {"person": {"firstName": "Bo"}}],
          "categories": [{"category": {"name": "Local"}}]}],
        [{"id": "7", "author": "Ann, Bo", "section": "Local"}],
        {},
    ),
    "Joomla": (
        [
            {"id": id_, "title": "Ferry", "introtext": "<p>It ran aground.</p>", "fulltext": full, "catid": 2,
             "state": 1, "access": access, "created_by_alias": "Ann", "category_title": "Local"}
            for id_, full, access in ((7, "", 1), (8, "<p>It sank.</p>", 2))
        ],
        [
            {"id": "7", **FERRY, "access": "free", "author": "Ann", "section": "Local"},
            {"id": "8", "body": "It ran aground.\n\nIt sank.", "access": "paid"},
        ],
        {},
    ),
    "Apple News": (
        {
            "version": "1.7", "identifier": "7", "title": "Ferry", "language": "en", "layout": {"columns": 7},
            "metadata": {"authors": ["Ann"], "canonicalURL": "https://c.example/1", "datePublished": "2026-11-27"},
            "components": [
                {"role": "title", "text": "Ferry"},
                {"role": "body", "text": "It ran", "format": "html"},
                {"role": "photo", "URL": "bundle://a.jpg", "caption": "A ferry"},
                {"role": "container", "components": [{"role": "body", "text": "aground."}]},
            ],
        },
        [
            {"id": "7", "title": "Ferry", "body": "It ran\n\naground.", "author": "Ann", "url": "https://c.example/1",
             "published_at": datetime(2026, 11, 27, tzinfo=UTC)}
        ],
        {},
    ),
    "JSON printed twice": (json.dumps(json.dumps([{"id": 7, **FERRY}])), [{"id": "7", **FERRY}], {}),
    "WordPress.com": (
        {
            "found": 1,
            "posts": [
                {
                    "ID": 7,
                    **FERRY,
                    "URL": "https://c.example/1",
                    "tags": {"sea": {"ID": 1, "name": "sea"}},
                    "categories": {"Local": {"ID": 2, "name": "Local"}},
                    "author": {"ID": 1, "login": "ann", "name": "Ann"},
                }
            ],
        },
        [{"id": "7", "tags": ["sea"], "section": "Local", "author": "Ann", **FERRY}],
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("system", FURTHER)
def test_an_answer_gives_its_stories(system: str, tmp_path: Path) -> None:
    answer, expected, unpublished = FURTHER[system]
    path = tmp_path / "answer.json"
    path.write_text(answer if isinstance(answer, str) else json.dumps(answer))
    table, report = read_articles(path)
    rows = table.to_pylist()
    assert [{name: row[name] for name in given} for row, given in zip(rows, expected, strict=True)] == expected
    assert (report.rejected, dict(report.unpublished)) == ([], unpublished)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (['{"index": {"_id": "8"}}', '{"index": {"_id": "7"}}', json.dumps(FERRY)], "an action without its document"),
        (['{"index": {"_id": "7"}}', json.dumps(FERRY), '{"index": {"_id": "8"}}'], "an action without its document"),
        (
            ['{"index": {"_id": "7"}}', json.dumps(FERRY), '{"update": {"_id": "8"}}', '{"doc": {"title": "Fog"}}'],
            "an update of a part",
        ),
        (['{"index": {"_id": "7"}}', json.dumps(FERRY), '{"index": {"_id": "8"}}', '{"title": broken'], "bad JSON"),
    ],
)
def test_a_bulk_request_that_is_damaged_costs_the_damaged_document(
    lines: list[str], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "bulk.ndjson"
    path.write_text("\n".join(lines))
    table, report = read_articles(path)
    assert table["id"].to_pylist() == ["7"]
    (rejected,) = report.rejected
    assert rejected.reason.startswith(reason)


def test_comments_trash_and_pages_of_a_blog_are_no_stories(tmp_path: Path) -> None:
    def entry(number: int, kind: str, status: str = "LIVE", more: str = "") -> str:
        return (
            f"<entry><id>p{number}</id><blogger:type>{kind}</blogger:type><blogger:status>{status}</blogger:status>"
            f"<title>Ferry</title><content type='html'>&lt;p&gt;It ran.&lt;/p&gt;</content>{more}</entry>"
        )

    trashed = "<blogger:trashed>2026-11-27T09:30:00Z</blogger:trashed>"
    entries = [
        entry(1, "POST", more="<blogger:trashed/>"), entry(2, "COMMENT"), entry(3, "PAGE"), entry(4, "POST", "DRAFT"),
        entry(5, "POST", "SOFT_TRASHED"), entry(6, "POST", more=trashed),
    ]  # fmt: skip
    path = tmp_path / "feed.atom"
    spaces = "xmlns='http://www.w3.org/2005/Atom' xmlns:blogger='http://schemas.google.com/blogger/2018'"
    path.write_text(f"<?xml version='1.0'?><feed {spaces}>{''.join(entries)}</feed>")
    table, report = read_articles(path)
    assert table.select(["id", "kind"]).to_pylist() == [{"id": "p1", "kind": "news"}]
    assert (report.unpublished.total(), report.rejected, report.unknown_statuses.total()) == (5, [], 0)


def test_a_number_names_no_author_and_embedded_names_count_before_logins(tmp_path: Path) -> None:
    post = {**WORDPRESS[0], "_embedded": {}}
    posts = [
        {**post, "id": 1, "author": "3"},
        {**post, "id": 2, "author": "ann", "_embedded": {"author": [{"id": 3, "name": "Ann Bell"}]}},
        {**post, "id": 3, "yoast_head_json": {"author": "Ann Bell"}},
        {"id": 4, "title": "Ferry", "author": "17"},
    ]
    table, report = read_articles(posts)
    assert table["author"].to_pylist() == [None, "Ann Bell", "Ann Bell", None]
    (told,) = report.notes.lines()
    assert told.startswith("1 values of author could not be used, and were left out (author is a number")


def test_posts_of_wordpress_are_known_by_few_of_their_fields(tmp_path: Path) -> None:
    for kept in (("date_gmt",), ("_embedded",), ("date_gmt", "_embedded", "author", "categories", "tags")):
        post = {name: WORDPRESS[0][name] for name in ("id", "title", "content", *kept)}
        (tmp_path / "posts.json").write_text(json.dumps([post]))
        (row,) = read_articles(tmp_path / "posts.json")[0].to_pylist()
        names = ("Ann", "Local", ["sea"]) if "_embedded" in kept else (None, None, [])
        assert (row["title"], row["author"], row["section"], row["tags"]) == ("Ferry", *names)


def test_pages_of_older_exports_of_ghost_are_no_stories(tmp_path: Path) -> None:
    posts = [{"id": 1, "title": "A", "status": "published", "page": 0}, {"id": 2, "title": "B", "page": 1}]
    (tmp_path / "ghost.json").write_text(json.dumps({"meta": {"version": "1"}, "data": {"posts": posts}}))
    table, report = read_articles(tmp_path / "ghost.json")
    assert (table["id"].to_pylist(), dict(report.unpublished)) == (["1"], {"type page": 1})


def test_superdesk_and_pages_of_mdx_are_read(tmp_path: Path) -> None:
    item = {
        "guid": "urn:7", "type": "text", "versioncreated": "2026-11-27T10:00:00+0000", "pubstatus": "usable",
        "firstpublished": "2026-11-27T09:00:00+0000", "headline": "Ferry", "body_html": "<p>It ran.</p>",
    }  # fmt: skip
    table, _ = read_articles([item, {**item, "guid": "urn:8", "pubstatus": "canceled"}])
    (row,) = table.to_pylist()
    assert (row["id"], row["kind"], row["published_at"].hour, row["updated_at"].hour) == ("urn:7", "news", 9, 10)
    page = "---\ntitle: Ferry\n---\nimport Map\n\n<Map />\n\nIt ran {{ site.name }} <Map/> aground.\n"
    (tmp_path / "a.mdx").write_text(page)
    assert read_articles(tmp_path / "a.mdx")[0]["body"].to_pylist() == ["It ran  <Map/> aground."]


def test_arc_stories_that_are_not_published_and_their_times() -> None:
    story = {
        "_id": "A1", "type": "story", "headlines": {"basic": "Ferry"}, "content_elements": [], "canonical_url": "/a",
        "display_date": "2026-11-20T08:00:00Z", "publish_date": "2026-11-25T08:00:00Z", "revision": {"published": True},
        "content_restrictions": {"content_code": "metered"},
    }  # fmt: skip
    table, report = read_articles([story, {**story, "_id": "A2", "revision": {"published": False}}])
    (row,) = table.to_pylist()
    assert (row["id"], row["access"], f"{row['published_at']:%d}") == ("A1", "paid", "20")
    assert report.unpublished == {"status unpublished": 1}


def test_what_dynamodb_and_drupal_write_for_nothing_and_for_types_is_known() -> None:
    row = {"id": {"S": "1"}, "title": {"S": "Ferry"}, "lead": {"NULL": True}, "type": [{"target_id": "article"}]}
    table, report = read_articles([row])
    assert (table["lead"][0].as_py(), table["kind"][0].as_py(), report.notes.counts) == ("", "article", {})


def test_a_letter_of_ghost_and_a_post_hidden_from_search_engines_are_not_shown() -> None:
    letter = {"id": "1", "uuid": "u", "title": "Letter", "slug": "s", "html": "<p>Hi</p>", "visibility": "public"}
    post = {"id": 2, "title": {"rendered": "Fog"}, "slug": "fog", "date_gmt": "2026-11-20T08:00:00"}
    _, report = read_articles([{**letter, "status": "sent"}])
    assert report.unpublished == {"status unpublished": 1}
    _, report = read_articles([{**post, "yoast_head_json": {"robots": {"index": "noindex"}}}])
    assert report.unpublished == {"robots noindex": 1}


def _debezium(before: Any, after: Any, op: str, at: int) -> dict[str, Any]:
    return {"before": before, "after": after, "op": op, "ts_ms": 1795770000000 + at, "source": {"table": "stories"}}


FERRY, FOG = {"id": 1, "title": "Ferry", "body": "It ran."}, {"id": 2, "title": "Fog", "body": "It lifted."}
# messages that create 1 and 2, and delete 2
CHANGES: dict[str, list[dict[str, Any]]] = {
    "Debezium": [
        _debezium(None, FERRY, "r", 0), _debezium(None, FOG, "c", 1), _debezium(FOG, None, "d", 2),
    ],
    "Debezium, a story that returns": [
        _debezium(None, FOG, "c", 0), _debezium(FERRY, None, "d", 1), _debezium(None, FERRY, "c", 2),
        _debezium({"id": 2}, None, "d", 3),
    ],
    "Kafka Connect": [
        {"schema": {"type": "struct"}, "payload": payload}
        for payload in (_debezium(None, FERRY, "c", 0), _debezium(FOG, None, "d", 1))
    ],
    "AWS DMS": [
        {"data": FERRY, "metadata": {"operation": "load", "table-name": "stories"}},
        {"data": FOG, "metadata": {"operation": "delete", "table-name": "stories"}},
    ],
    "Maxwell": [
        {"database": "cms", "type": "insert", "ts": 1795770000, "data": FERRY},
        {"database": "cms", "type": "delete", "ts": 1795770000, "data": FOG, "old": {"title": "Ice"}},
    ],
    "MongoDB": [
        {"_id": {"_data": "8"}, "operationType": "insert", "fullDocument": {"_id": 1, **FERRY}},
        {"_id": {"_data": "9"}, "operationType": "delete", "documentKey": {"_id": 2}},
    ],
    "DynamoDB": [
        {"eventName": "INSERT", "dynamodb": {"NewImage": {"id": {"N": "1"}, "title": {"S": "Ferry"}}}},
        {"eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"N": "2"}}}},
    ],
    "CloudEvents": [
        {"specversion": "1.0", "type": "story.published", "id": "e1", "source": "cms", "data": FERRY},
        {"specversion": "1.0", "type": "story.unpublished", "id": "e2", "source": "cms", "data": FOG},
    ],
    "a webhook": [{"type": "INSERT", "record": FERRY}, {"type": "DELETE", "record": None, "old_record": FOG}],
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("in_file", [False, True])
def test_messages_about_changes_give_stories_and_those_that_were_deleted(
    tmp_path: Path, kind: str, in_file: bool
) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, CHANGES[kind])))
    table, report = read_articles(tmp_path / "a.jsonl" if in_file else CHANGES[kind])
    assert table.select(["id", "title"]).to_pylist() == [{"id": "1", "title": "Ferry"}]
    assert (report.unpublished, report.rejected) == ({"status deleted": 1}, [])
    assert list(report.taken_back) == ["2"]


def test_a_story_in_a_message_that_says_nothing_of_a_change_is_read(tmp_path: Path) -> None:
    rows = [{"topic": "stories", "offset": 3, "key": "1", "value": FERRY}, {"type": "story", "data": FOG}]
    assert read_articles(rows)[0]["title"].to_pylist() == ["Ferry", "Fog"]
    # a type that looks like a change, around a story without an id of its own
    table, _ = read_articles([{"id": 7, "type": "update", "data": {"title": "Ice", "body": "It froze."}}])
    assert table.select(["id", "title"]).to_pylist() == [{"id": "7", "title": "Ice"}]


def test_a_row_with_a_text_and_an_empty_list_is_rejected_not_lost(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "title": "Ferry"}\n{"body": "It ran.", "items": []}\n')
    _, report = read_articles(tmp_path / "a.jsonl")
    assert [row.reason for row in report.rejected] == ["missing id"]


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("_yoast_wpseo_meta-robots-noindex", "1", False),
        ("_yoast_wpseo_meta-robots-noindex", "2", True),
        ("_aioseop_noindex", "on", False),
        ("rank_math_robots", 'a:1:{i:0;s:7:"noindex";}', False),
        ("rank_math_robots", 'a:1:{i:0;s:5:"index";}', True),
    ],
)
def test_plugins_of_wordpress_hide_posts_of_an_export(tmp_path: Path, key: str, value: str, shown: bool) -> None:
    meta = (
        f"<wp:postmeta><wp:meta_key>{key}</wp:meta_key><wp:meta_value><![CDATA[{value}]]></wp:meta_value></wp:postmeta>"
    )
    item = f"<item><title>Ferry</title><wp:post_id>1</wp:post_id><wp:status>publish</wp:status>{meta}</item>"
    (tmp_path / "a.xml").write_text(f"<rss><channel>{item}</channel></rss>")
    table, report = read_articles(tmp_path / "a.xml")
    assert (len(table), report.unpublished.total()) == (shown, not shown)


LIVE = {
    "@type": "LiveBlogPosting",
    "@id": "https://c.example/live",
    "headline": "Ferry",
    "datePublished": "2026-11-27T09:00:00Z",
    "liveBlogUpdate": [
        {"@type": "BlogPosting", "headline": "Fog lifts", "articleBody": "<p>It lifted.</p>"},
        {"@type": "BlogPosting", "articleBody": "It ran aground."},
    ],
}


@pytest.mark.parametrize("name", ["a.jsonl", "a.html"])
def test_the_entries_of_a_live_page_are_its_text(tmp_path: Path, name: str) -> None:
    text = json.dumps(LIVE)
    page = f'<html><head><script type="application/ld+json">{text}</script></head><body></body></html>'
    (tmp_path / name).write_text(page if name == "a.html" else text)
    (row,) = read_articles(tmp_path / name)[0].to_pylist()
    assert (row["kind"], row["body"]) == ("live", "Fog lifts\n\nIt lifted.\n\nIt ran aground.")


def test_entries_without_ids_are_parts_of_a_story() -> None:
    posts = [{"title": "10:00", "body": "It ran."}, {"title": "9:00", "body": "Fog."}]
    table, report = read_articles([{"id": 4, "title": "Ferry", "type": "live", "posts": posts}])
    assert (table["id"].to_pylist(), report.rejected) == (["4"], [])


@pytest.mark.parametrize("count", [1, 40])
def test_ids_that_a_spreadsheet_shortened_are_refused(tmp_path: Path, count: int) -> None:
    rows = "".join(f"{number},Ferry,{number}\n1.2{number}E+11,Fog,\n" for number in range(count))
    (tmp_path / "a.csv").write_text(f"id,title,body\n{rows}1E+5,Ice,\n")
    table, report = read_articles(tmp_path / "a.csv")
    assert table["id"].to_pylist() == [*map(str, range(count)), "1E+5"]
    assert report.rejected[0].reason == (
        "id 1.20E+11 was shortened by a spreadsheet; give its column the format of text"
    )
    assert len(report.rejected) == count


def test_a_list_within_a_row_is_not_read_in_its_place(tmp_path: Path) -> None:
    row = {"id": 1, "manchete": "Ferry", "relacionadas": [{"id": 2, "title": "Fog", "date": "2026-11-27"}]}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    table, _ = read_articles(tmp_path / "a.jsonl", columns={"title": "manchete"})
    assert table["id"].to_pylist() == ["1"]
