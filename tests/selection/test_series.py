"""Recurring formats: how they are told, and that a list holds one of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recommender import Recommender, Settings
from recommender.articles.article import Article, to_table
from recommender.selection.series import Series, is_table, template
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


@pytest.mark.parametrize(
    ("titles", "one"),
    [
        (["Markets at noon, 12 May", "Markets at noon, 3 June", "MARKETS  at noon, 30 Sept."], True),
        (["Friday quiz: who sank the Marisol?", "Monday quiz: who found the astrolabe?"], True),
        (["Morning briefing: strike ends", "Morning briefing: snow falls"], True),
        (["Weather for 3/4", "Weather for 12/11"], True),
        (["Letters to the editor: on dogs", "Letters to the editor: on buses"], True),
        (["Markets at noon, 12 May", "Markets at close, 12 May"], False),
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
    assert ("quiz0", "quiz1") in seen  # a later edition may follow an earlier one
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
    assert rec.archive.series[0].templates == ()
