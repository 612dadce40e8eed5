"""Recurring formats: how they are told, and that a list holds one of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender import Recommender, Settings
from recommender.articles.article import Article, to_table
from recommender.selection.series import Series, is_table, mark_older_editions, template
from recommender.settings import SeriesRule
from tests.support.checkerboard import START

SETTINGS = Settings.of(
    {
        "reading": {"site_language": "en"},  # a table of numbers looks like another language
        "embedding": {"model": "tfidf"},
        "ranking": {"ranker": "none", "dense_weight": 0.5, "lexical_weight": 0.5, "half_life_days": 3650},
        "selection": {"k": 20, "related_at": 0.01, "fill": (), "same_report_hours": None, "repeat_hours": None},
    }
)
TABLE = "Shr 37 cts vs 14 cts Net 850,000 vs 290,000 Revs 14.3 mln vs 9.2 mln Avg shrs 2,300,000 vs 2,100,000"
PROSE = "The harbour board said on Monday that it will sell the old ferry to a firm of the island."

FIGURES_IN_PROSE = (
    "Der SV Adlershof gewinnt am 12. Spieltag 3:1 gegen 1860 Rot-Weiß vor 4.500 Zuschauern, darunter 300 Gäste.",
    "Sur les 172 entreprises contrôlées en 2018, 89% sont en infraction, contre 71% en 2017 et 60% en 2015.",
    "Klub wygrał 3:1 mecz rozegrany w hali 12 maja, widzów przyszło blisko 4500, bilety sprzedano po 20 zł.",
)


@pytest.mark.parametrize(
    ("titles", "one"),
    [
        (["Markets at noon, 12 May", "Markets at noon, 3 June", "MARKETS  at noon, 30 Sept."], True),
        (["Friday quiz: who sank the Marisol?", "Monday quiz: who found the astrolabe?"], True),
        (["Morning briefing: strike ends", "Morning briefing: snow falls"], True),
        (["Weather for 3/4", "Weather for 12/11"], True),
        (["Letters to the editor: on dogs", "Letters to the editor: on buses"], True),
        (["Weather in Alderton: sun and showers", "Weather in Gull Point: fog"], True),
        (["Treasury balances rose on Feb 25", "Treasury balances fell on March 5"], True),
        (["Arbeitslosenquote im März bei 5,9 Prozent", "Arbeitslosenquote im Juli bei 5,1 Prozent"], True),
        (["U.S. economy adds 164,000 jobs in April", "Report: US added 1.2 million jobs in May, a record"], True),
        (["Retail sales rise 0.4% in May", "Retail sales fell 1.1 percent in June"], True),
        (["Retail sales rise 0.4% in May", "Retail sales fell 1.1% in June as prices rose"], True),
        (["Retail sales rise 0.4% in May", "House prices rise 0.4% in May"], False),
        (["Markets at noon, 12 May", "Markets at close, 12 May"], False),
        (["Stock market crash: what we know", "Stock market crash: banks shut"], False),
        (["Extreme weather: three die in floods", "Extreme weather: roads close"], False),
        (["Northgate blaze: council to investigate", "Northgate blaze: fund opens"], False),
    ],
)
def test_titles_of_one_format_have_one_template(titles: list[str], one: bool) -> None:
    templates = set(map(template, titles))
    assert (len(templates) == 1) is one


@pytest.mark.parametrize(
    "title",
    [
        "Ferry aground off Gull Point",
        "Mayor: the bridge will open",  # a label that names no format
        "Diary dispute: the mayor answers",  # a label that contains the name of one
        "A380 lands at Port Ellery",  # a number inside a word
        "Covid-19 ward closes",
        "12",
        "May",
        "",
        "Twenty people are hurt as a bus with 30 aboard leaves the road on 12 May",  # too long for a format
    ],
)
def test_a_title_is_no_format_for_recurring_within_two_days(title: str) -> None:
    stories = [
        Article(id=str(n), title=title, body="x", published_at=datetime(2026, 5, 4 + n % 2, tzinfo=UTC))
        for n in range(9)
    ]
    table = to_table(stories)
    assert Series.fit(table, ()).codes(table).tolist() == [-1] * 9
    later = to_table(
        [*stories, Article(id="later", title=title, body="x", published_at=datetime(2026, 5, 9, tzinfo=UTC))]
    )
    assert (Series.fit(later, ()).codes(later) >= 0).all() == bool(title)


def test_tables_are_told_by_their_figures() -> None:
    assert is_table(TABLE)
    assert is_table("Gold 4,012.3 Silver 48.2 Copper 10,430 Zinc 2,950 Tin 33,100 Lead 1,990")
    assert not is_table(PROSE)
    assert not is_table("The ferry carried 214 people, 12 of whom were hurt in the 6.40 crossing of 3 May.")
    assert not is_table("Gold 4,012.3")
    for prose in FIGURES_IN_PROSE:
        assert not is_table(prose)
    assert not is_table("")


def codes(stories: list[Article], *rules: SeriesRule) -> list[int]:
    table = to_table(stories)
    return Series.fit(table, rules).codes(table).tolist()


def test_three_editions_make_a_series() -> None:
    def markets(count: int) -> list[Article]:
        return [Article(id=str(n), title=f"Markets at noon, {n} May", body=PROSE) for n in range(1, count + 1)]

    assert codes(markets(2)) == [-1, -1]
    three = codes([*markets(3), Article(id="x", title="Ferry aground")])
    assert len(set(three[:3])) == 1
    assert three[0] >= 0
    assert three[3] == -1


def page(place: str, number: int) -> str:
    return (
        f"{place} will have sunny spells and showers on Tuesday with a high of {number} degrees. "
        f"Winds from the west will reach {2 * number} kilometres an hour in {place}."
    )


def test_pages_of_one_template_are_one_series() -> None:
    places = ["Alderton", "Gull Point", "Port Ellery", "Eskwick"]
    pages = [Article(id=place, title=f"Tuesday in {place}", body=page(place, n)) for n, place in enumerate(places, 9)]
    story = Article(id="story", title="Storm ahead", body=PROSE)
    found = codes([*pages, story])
    assert len(set(found[:4])) == 1
    assert found[0] >= 0
    assert found[4] == -1
    assert codes([*pages[:2], story]) == [-1] * 3
    copies = [Article(id=str(n), title=f"x{'abcde'[n]}", body=page("Alderton", 9)) for n in range(5)]
    assert codes(copies) == [-1] * 5
    titles = [Article(id=place, title=f"Weather in {place}: fog", body=f"Fog at {place}.") for place in places]
    assert len(set(codes(titles))) == 1
    assert codes(titles)[0] >= 0


def test_rules_go_before_tables_and_tables_before_templates() -> None:
    stories = [Article(id=str(n), title=f"Markets at noon, {n} May", body=PROSE) for n in range(1, 4)]
    stories += [Article(id="table", title="Markets at noon, 4 May", body=TABLE)]
    stories += [Article(id="ruled", title="Markets at noon, 5 May", body=TABLE, section="money", tags=("x", "daily"))]
    plain = codes(stories)
    assert plain[3] == plain[4] != plain[0] == plain[1] == plain[2]
    for rule in ({"title": "5 May$"}, {"section": "money"}, {"tag": "daily"}, {"title": "noon", "tag": "daily"}):
        ruled = codes(stories, SeriesRule(name="x", **rule))
        assert ruled[4] not in ruled[:4]
        assert len(set(ruled[:3])) == 1
    assert codes(stories, SeriesRule(name="x", title="noon", tag="none")) == [code + (code > 0) for code in plain]
    first = codes(stories, SeriesRule(name="a", title="noon"), SeriesRule(name="b", tag="daily"))
    assert len(set(first)) == 1  # the first rule that holds


def editions(words: list[str], **more: Any) -> list[dict[str, Any]]:
    """Editions of three formats, a story for each number, and two plain ones; all share words."""
    stories = []
    for number in range(5):
        day = {"published_at": START + timedelta(days=10 * number), **more}
        name = f"word{'abcde'[number]}"
        stories += [
            {
                "id": f"quiz{number}",
                "title": f"Friday quiz: {words[0]} {name}",
                "body": f"harbour ferry {name}q",
                **day,
            },
            {"id": f"noon{number}", "title": f"Markets at noon, {number + 1} May", "body": f"harbour {name}n", **day},
            {"id": f"table{number}", "title": f"harbour firm {name}", "body": f"{TABLE} {name}", **day},
        ]
    late = START + timedelta(days=60)
    stories += [
        {
            "id": f"plain{n}",
            "title": "harbour ferry quiz markets noon firm",
            "body": f"{PROSE} {n}",
            "published_at": late,
        }
        for n in range(2)
    ]
    return stories


def kind(article_id: str) -> str:
    return article_id.rstrip("0123456789")


def test_a_list_holds_one_of_each_series_and_no_earlier_edition() -> None:
    rec = Recommender(SETTINGS).fit(editions(["harbour"]))
    everyone = rec.catalog.ids.to_pylist()
    seen = set()
    for found in rec.recommend_many(everyone):
        shown = [item.article_id for item in (*found.items, *found.reserves)]
        series = [kind(i) for i in shown if kind(i) != "plain"]
        assert len(set(series)) == len(series)
        own = [i for i in shown if kind(i) == kind(found.article_id) != "plain"]
        assert all(int(i[-1]) > int(found.article_id[-1]) for i in own)
        seen.update((found.article_id, i) for i in own)
    assert ("quiz0", "quiz4") in seen  # a later edition may follow an earlier one
    unlimited = Recommender(SETTINGS.override({"selection.series_limit": False})).fit(editions(["harbour"]))
    assert len([i for i in unlimited.recommend("plain0") if kind(i.article_id) == "quiz"]) == 5


def test_a_series_rule_in_the_settings_counts_in_lists() -> None:
    settings = SETTINGS.override({"selection.series": [{"name": "all", "title": "quiz:|noon,|firm word"}]})
    rec = Recommender(settings).fit(editions(["harbour"]))
    found = rec.recommend("plain0")
    assert len([item for item in found if kind(item.article_id) != "plain"]) == 1
    draft = {"id": "draft", "title": "Markets at noon, 9 May", "body": "harbour", "published_at": START}
    shown = [item.article_id for item in rec.recommend_for(draft)]
    assert len([i for i in shown if kind(i) != "plain"]) <= 1


def test_a_draft_edition_has_no_earlier_one_under_it() -> None:
    rec = Recommender(SETTINGS).fit(editions(["harbour"]))
    draft = {"id": "draft", "title": "Markets at noon, 9 May", "body": "harbour", "published_at": START + timedelta(25)}
    shown = [item.article_id for item in rec.recommend_for(draft)]
    assert not {"noon0", "noon1", "noon2"} & set(shown)
    assert {"noon3", "noon4"} & set(shown)


def test_older_versions_of_a_story_are_no_editions() -> None:
    rec = Recommender(SETTINGS).fit([{"id": "guide", "title": "How to read a tide table", "body": "first"}])
    for number in range(4):
        rec.update([{"id": "guide", "title": "How to read a tide table", "body": f"version {number}"}])
    assert rec.archive.formats.series.templates == ()


@given(seed=st.integers(0, 2**20))
def test_the_newest_edition_stays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (3, int(rng.integers(1, 12)))
    series, published = rng.integers(-1, 3, shape), rng.integers(0, 4, shape)
    kept = rng.random(shape) < 0.2
    found = mark_older_editions(series, published, kept)
    for line in range(3):
        for number in range(-1, 3):
            places = np.flatnonzero(series[line] == number)
            stays = min(places, key=lambda at: (not kept[line, at], -published[line, at], at), default=None)
            assert [not found[line, at] for at in places] == [number < 0 or at == stays for at in places]
