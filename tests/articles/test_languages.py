"""Languages told by script, and archives in a script whose words have no blanks between them."""

from __future__ import annotations

import pytest

from recommender import Recommender, Settings
from recommender.articles.languages import script_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("図書館が新しくなった", "ja"),
        ("北京市政府公布新规定", "zh"),
        ("서울시가 새 도서관을 열었다", "ko"),
        ("เปิดห้องสมุดใหม่ในกรุงเทพ", "th"),
        ("Νέα βιβλιοθήκη στην Αθήνα", "el"),
        ("ספרייה חדשה נפתחה בתל אביב", "he"),
        ("Ferry aground off Gull Point", None),
        ("Новая библиотека в городе", None),  # a script of several languages
        ("Sushi (寿司) restaurant opens on the quay near the old fish market hall", None),
        ("", None),
    ],
)
def test_a_headline_is_enough_where_the_script_tells(text: str, language: str | None) -> None:
    assert script_language(text) == language


STORIES = (
    ("fire-1", "工場で火災、消防車十台が出動", "港の製紙工場で火災があり、消防車十台が出動した。けが人はいない。"),
    (
        "fire-2",
        "製紙工場の火災、原因は電気系統",
        "製紙工場の火災について、消防は電気系統の故障が原因だったと発表した。",
    ),
    ("fire-3", "製紙工場が操業を再開", "火災で止まっていた港の製紙工場が三週間ぶりに操業を再開した。"),
    ("vote-1", "県知事選に三人が立候補", "来月の県知事選に現職と新人二人が立候補を届け出た。"),
    ("vote-2", "県知事選、現職が再選", "県知事選は現職が新人二人を破って再選された。投票率は五割だった。"),
    ("team-1", "地元球団が優勝", "地元の野球球団が最終戦に勝ち、十年ぶりの優勝を決めた。"),
)


@pytest.mark.filterwarnings("ignore:.*in a language that the model does not know")
def test_lists_of_japanese_stories_keep_to_their_subject() -> None:
    rows = [
        {"id": name, "title": title, "body": body, "published_at": f"2026-03-{day:02d}T08:00:00Z"}
        for day, (name, title, body) in enumerate(STORIES, 2)
    ]
    rec = Recommender(Settings.of({"selection": {"k": 2, "reserves": 0}})).fit(rows)
    assert rec.archive.site == "ja"
    for name, others in (("fire-1", {"fire-2", "fire-3"}), ("vote-1", {"vote-2"})):
        items = rec.recommend(name).items
        assert {item.article_id for item in items[: len(others)]} == others
        assert all(item.source == "related" for item in items[: len(others)])
