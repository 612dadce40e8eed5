"""HTML pages and their JSON-LD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from recommender.reading.read import read_articles

LD = {
    "@context": "https://schema.org",
    "@type": "NewsArticle",
    "headline": "Ferry aground",
    "datePublished": "2026-11-27T08:00:00Z",
    "author": [{"@type": "Person", "name": "Ann"}],
}
GRAPH = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "WebPage", "@id": "https://c.example/1", "name": "Ferry aground - Courier"},
        {**LD, "@id": "https://c.example/1#article", "author": {"@id": "#ann"}, "image": {"@id": "#img"}},
        {"@type": "Person", "@id": "#ann", "name": "Ann"},
        {"@type": "ImageObject", "@id": "#img", "url": "https://c.example/i.jpg"},
    ],
}
ARTICLE = (
    '<nav>menu</nav><article><h1>Ferry aground</h1><p>It <a href="/x">ran aground</a>.</p><script>x</script></article>'
)
META = """<meta property="og:title" content="Ferry aground"><meta property="og:type" content="article">
<meta property="article:published_time" content="2026-11-27T08:00:00Z"><meta name="author" content="Ann">
<meta property="og:image" content="https://c.example/i.jpg"><meta property="article:tag" content="sea">"""


def page(head: str, body: str = ARTICLE) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><title>Ferry aground - Courier</title>{head}'
        f'<link rel="canonical" href="https://c.example/1"></head><body>{body}</body></html>'
    )


def scripted(value: Any) -> str:
    return f'<script type="application/ld+json">{orjson.dumps(value).decode()}</script>'


@pytest.mark.parametrize(
    "head",
    [scripted(LD), scripted([{"@type": "WebSite", "name": "x"}, LD]), scripted(GRAPH), META, META + scripted(LD)],
)
@pytest.mark.parametrize("name", ["a.html", "a.htm", "page"])
def test_a_page_is_a_story(tmp_path: Path, head: str, name: str) -> None:
    (tmp_path / name).write_text(page(head))
    table, report = read_articles(tmp_path)
    (row,) = table.to_pylist()
    told = (row["title"], row["body"], row["author"], row["url"], row["language"], row["kind"])
    assert told == ("Ferry aground", "It ran aground.", "Ann", "https://c.example/1", "en", "news")
    assert row["published_at"].hour == 8
    assert [link["target"] for link in row["links"]] == ["https://c.example/x"]
    assert report.rejected == []


def test_a_page_that_is_no_story_is_counted_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html><head><title>Courier</title></head><body>Front page</body></html>")
    (tmp_path / "broken.html").write_text(page('<script type="application/ld+json">{"@type":</script>'))
    (tmp_path / "a.html").write_text(page(scripted({**LD, "articleBody": "Its own text."})))
    table, report = read_articles(tmp_path)
    assert table["body"].to_pylist() == ["Its own text."]
    assert (report.unpublished, report.rejected) == ({"type webpage": 2}, [])


def test_pages_in_folders_may_be_called_the_same(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        text = page(META).replace('<link rel="canonical" href="https://c.example/1">', "")
        (tmp_path / folder / "index.html").write_text(text)
        (tmp_path / folder / "ferry.md").write_text("---\ntitle: Ferry\n---\n")
    table, _ = read_articles(tmp_path)
    assert sorted(table["id"].to_pylist()) == ["a/ferry", "a/index.html", "b/ferry", "b/index.html"]


def test_a_page_of_nothing_but_tags_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<html>" + "<div>" * 60_000)
    _, report = read_articles(tmp_path / "a.html")
    assert "HTML tags in one page" in report.rejected[0].reason


def test_what_a_page_leads_to_is_not_its_story(tmp_path: Path) -> None:
    others = {
        "@type": "ItemList",
        "itemListElement": [{"item": {**LD, "headline": "Fog", "url": "https://c.example/2"}}],
    }
    profile = '<meta property="article:author" content="https://social.example/ann"><meta name="author" content="Ann">'
    (tmp_path / "a.html").write_text(page(scripted(others) + scripted({**LD, "url": "https://c.example/1"}) + profile))
    (row,) = read_articles(tmp_path)[0].to_pylist()
    assert (row["id"], row["title"], row["author"]) == ("https://c.example/1", LD["headline"], "Ann")


def test_json_ld_of_a_list_and_of_paid_stories(tmp_path: Path) -> None:
    value = {
        "@type": "ItemList",
        "itemListElement": [
            {"@type": "ListItem", "item": {**LD, "isAccessibleForFree": "False", "url": "https://c.example/1"}}
        ],
    }
    (tmp_path / "a.json").write_bytes(orjson.dumps(value))
    (row,) = read_articles(tmp_path / "a.json")[0].to_pylist()
    assert (row["id"], row["access"]) == ("https://c.example/1", "paid")


@pytest.mark.parametrize("depth", [300, 900, 20_000])
def test_deep_json_ld_costs_at_most_its_page(tmp_path: Path, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    node = f'{{"@type": "NewsArticle", "headline": "Deep", "about": {deep}}}'
    text = f'<script type="application/ld+json">{{"@graph": [{node}]}}</script>'
    (tmp_path / "a.html").write_text(page(text))
    (tmp_path / "b.html").write_text(page(META).replace("https://c.example/1", "https://c.example/2"))
    table, report = read_articles(tmp_path)
    assert "https://c.example/2" in table["id"].to_pylist()
    assert report.read == 2


PROSE = "".join(
    f"<p>The harbour master said on day {day} that the ferry would stay where it is.</p>" for day in range(6)
)
NAMED = """<meta property="og:title" content="Ferry aground | Courier"><meta property="og:type" content="article">
<meta property="og:site_name" content="Courier">"""
MICRODATA = """<div itemscope itemtype="https://schema.org/NewsArticle"><h1>Ferry aground</h1>
<meta itemprop="datePublished" content="2026-11-27T08:00:00Z"><div itemprop="articleBody">It ran.</div></div>"""
HENTRY = """<article class="h-entry"><header><h1>Ferry aground</h1></header><section>It ran.</section>
<footer><time class="dt-published" datetime="2026-11-27T08:00:00Z">today</time></footer></article>"""
MEDIUM = """<article class="h-entry"><header><h1 class="p-name">Ferry aground</h1></header>
<section class="p-summary">In fog</section><section class="e-content"><p>It ran.</p></section>
<footer><p>By <a class="p-author">Ann</a> on <time class="dt-published" datetime="2026-11-27T08:00:00Z">today</time></p>
<p><a href="https://c.example/1" class="p-canonical">Link</a></p></footer></article>"""
BESIDE = "<footer><p>The Courier is published by the harbour company of Port Ellery.</p></footer>"


@pytest.mark.parametrize(
    "body",
    [
        f"<div><div>{PROSE}</div></div>",
        f"<div>{PROSE.replace('<p>', '<div><p>').replace('</p>', '</p></div>')}</div>",  # each in a box of its own
        f"<article><p>Short.</p></article><article><p>Teaser.</p></article><section>{PROSE}</section>",
        f'<meta itemprop="articleBody" content="The harbour master"><main>{PROSE}</main>',
    ],
)
@pytest.mark.parametrize("given", ["", "The harbour master said …"])
def test_the_text_of_a_page_is_found_where_most_paragraphs_stand_together(
    tmp_path: Path, body: str, given: str
) -> None:
    (tmp_path / "a.html").write_text(page(scripted({**LD, "articleBody": given}), f"{body}{BESIDE}"))
    (row,) = read_articles(tmp_path)[0].to_pylist()
    assert row["body"].count("The harbour master said on day") == 6
    assert not any(beside in row["body"] for beside in ("Teaser", "published by"))


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ('<script type="application/ld+json">//<![CDATA[\n' + orjson.dumps(LD).decode() + "\n//]]></script>", ARTICLE),
        (scripted({**LD, "headline": "Ferry\taground"}).replace("\\t", "\t"), ARTICLE),
        (scripted({"@type": "WebPage", "mainEntity": LD}), ARTICLE),
        (NAMED, ARTICLE.replace("<h1>", '<time datetime="2026-11-27T08:00Z">8</time><h1>')),
        ("", MICRODATA),
        ("", HENTRY),
        ("", MEDIUM),
    ],
    ids=[
        "CDATA",
        "tab in a text",
        "main entity",
        "name of the site, time in the page",
        "microdata",
        "microformat",
        "Medium",
    ],
)
def test_what_a_page_says_is_read_where_it_stands(tmp_path: Path, head: str, body: str) -> None:
    (tmp_path / "a.html").write_text(page(head, body))
    (row,) = read_articles(tmp_path)[0].to_pylist()
    assert (row["title"], row["published_at"].hour, row["body"][:6]) == ("Ferry aground", 8, "It ran")


def test_a_microformat_names_the_author_the_lead_and_the_address(tmp_path: Path) -> None:
    (tmp_path / "2026-11-27_Ferry.html").write_text(f"<html>{MEDIUM}")
    (tmp_path / "draft_Fog.html").write_text("<html>" + MEDIUM.replace("c.example/1", "c.example/2"))
    table, report = read_articles(tmp_path)
    (row,) = table.to_pylist()
    assert [row[name] for name in ("author", "lead", "url")] == ["Ann", "In fog", "https://c.example/1"]
    assert report.unpublished == {"status draft": 1}
