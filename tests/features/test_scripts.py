"""Words of every script: how they are cut, and what is a name, a copy, a table, a sentence, a language."""

from __future__ import annotations

import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recommender import Recommender, Settings
from recommender.articles.article import Article, to_table
from recommender.articles.copies import Marks, oldest_copies
from recommender.articles.headlines import Headlines
from recommender.articles.languages import text_languages
from recommender.articles.scripts import fold
from recommender.articles.text import teaser
from recommender.features.phrases import phrases
from recommender.features.texts import name_texts
from recommender.features.tokens import count_terms
from recommender.selection.series import is_table, template

NEWS = Path(__file__).parents[1] / "support" / "languages"
"""News of nine languages: subject, headline and body of thirty stories each, five of a subject, oldest first."""
INFLECTED = {"el": 0.7, "he": 0.75, "ru": 0.75, "hi": 0.8, "ar": 0.85}
"""Share of a list that is of the story's subject, where words change their ends and no vectors help."""


def news(language: str) -> list[tuple[str, str, str]]:
    lines = (NEWS / f"{language}.tsv").read_text(encoding="utf-8").splitlines()
    return [(subject, title, body) for subject, title, body in (line.split("\t") for line in lines)]


LANGUAGES = sorted(path.stem for path in NEWS.glob("*.tsv"))


def terms(text: str) -> list[str]:
    (found,) = count_terms([text])
    return sorted(found.terms)


@pytest.fixture(scope="module", params=LANGUAGES)
def newsroom(request: pytest.FixtureRequest) -> tuple[str, Recommender]:
    language: str = request.param
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = [
        {"id": f"{subject}-{n % 5}", "title": title, "body": body, "published_at": noon + timedelta(days=5 * (n % 5))}
        for n, (subject, title, body) in enumerate(news(language))
    ]
    settings = Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 4}})
    return language, Recommender(settings).fit(rows)


def test_lists_keep_to_their_subject_and_reasons_to_words_of_the_stories(newsroom: tuple[str, Recommender]) -> None:
    language, rec = newsroom
    assert rec.archive.site == language
    texts = {story["id"]: f"{story['title']} {story['body']}".lower() for story in rec.catalog.table.to_pylist()}
    uses = Counter(word for text in texts.values() for word in set(terms(text)))
    same, shown = 0, 0
    for found in rec.recommend_many(list(texts)):
        shown += len(found.items)
        same += sum(item.article_id.split("-")[0] == found.article_id.split("-")[0] for item in found.items)
        for item in found.items:
            told = [word.lower() for reason in item.reasons for word, _ in reason.terms]
            assert all(uses[word] <= 3 for word in told if word in uses and language not in ("ja", "ko", "zh"))
            if language not in ("ja", "ko", "zh"):  # a phrase is what a pair nearly always stands in
                assert all(word in texts[item.article_id] and word in texts[found.article_id] for word in told)
            else:
                assert all(any(word in text for text in texts.values()) for word in told)
    assert shown == 4 * len(texts)
    assert same >= INFLECTED.get(language, 0.9) * shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_composed_and_decomposed_have_the_same_terms_and_are_copies(language: str) -> None:
    text = " ".join(f"{title} {body}" for _, title, body in news(language)[:12])
    composed, taken_apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert terms(composed) == terms(taken_apart) == terms(text)
    if language != "ko":  # nobody writes Korean in single letters
        bodies = pa.array([composed, taken_apart], pa.large_string())
        assert oldest_copies(bodies, Marks.from_texts(bodies), np.arange(2)).tolist() == [0, 0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_headline_is_enough_to_tell_the_language(language: str) -> None:
    titles = [title for _, title, _ in news(language)]
    assert text_languages(titles) == [language] * len(titles)
    assert text_languages([*titles[:3], "Ferry aground off Gull Point"], [language, "en"]) == [*[language] * 3, "en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_prose_is_no_table_and_its_line_is_a_sentence(language: str) -> None:
    for _, title, body in news(language):
        assert not is_table(body)
        line = teaser("", f"{body} {body} {body} {body} {body}")
        assert line == body or line.endswith(("…", "。")) or line.startswith(body), title


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("हिन्दी समाचार पत्रिका", ["पत्रिका", "समाचार", "हिन्दी"]),  # vowel signs and viramas are no blanks
        ("தமிழ் செய்திகள்", ["செய்திகள்", "தமிழ்"]),
        ("مُحَمَّد محمـــد", ["محمد"]),  # signs and tatweel
        ("שָׁלוֹם שלום", ["שלום"]),
        ('צה"ל צה״ל', ["צה״ל"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("İSTANBUL istanbul", ["istanbul"]),
        ("Straße STRASSE", ["strasse", "straße"]),
        ("Ｔｏｋｙｏ ２０２６ ﾃﾚﾋﾞ", ["2026", "tokyo", "テレ", "レビ"]),
        ("٢٠٢٦ २०२६ 2026", ["2026"]),
        ("Donau\u00addampfer", ["donaudampfer"]),
        ("ΟΔΟΣ οδός", ["οδος", "οδός"]),
        ("กรุงเทพ", ["กรุ", "งเท", "รุง", "เทพ"]),
        ("ព្រះ​មហា", ["ព្រះ", "មហា"]),  # parted by a blank of no width
        ("မြန်မာ", ["မြန်", "န်မာ"]),
        ("도서관을", ["관을", "도서", "서관"]),
    ],
)
def test_words_are_cut_as_their_script_cuts_them(text: str, wanted: list[str]) -> None:
    assert terms(text) == sorted(wanted)


LETTERS = sorted({one for language in LANGUAGES for row in news(language) for one in row[2]} | set("ÄßéñİıŞğąřőữ I0٣"))


@given(st.text(st.sampled_from(LETTERS), max_size=60))
@example("\u0130\u093c")
def test_folding_twice_is_folding_once_and_the_form_does_not_matter(text: str) -> None:
    assert fold(text) == fold(fold(text))
    assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text))


def test_capitals_of_every_alphabet_mark_names() -> None:
    bodies = [
        "Вчера Ангела Меркель и Ёлкин были в Москве.",
        "Der Minister Öztürk war in Übach mit Émile.",
        "Ο πρόεδρος Μακρόν στην Αθήνα με τον Έλον",
        "Ông chủ tịch Đặng ở Hà Nội",
        "कागज़ कारखाने में आग लगी और दमकल आई",
    ]
    table = to_table([Article(id=str(n), title="-", body=body) for n, body in enumerate(bodies)])
    (found,) = name_texts(table)
    assert [text.split() for text in found.to_pylist()] == [
        ["Ангела", "Меркель", "Ёлкин", "Москве"],
        ["Minister", "Öztürk", "Übach", "Émile"],
        ["Μακρόν", "Αθήνα", "Έλον"],
        ["Đặng", "Hà", "Nội"],
        [],
    ]


def test_pairs_of_characters_are_told_as_the_words_they_stand_in() -> None:
    bodies = ["製紙工場の火災", "製紙工場が再開", "印刷工場へ出荷", "도서관을 짓는다", "도서관이 연다", "เปิดห้องสมุด"]
    table = to_table([Article(id=str(n), title="", body=body) for n, body in enumerate(bodies)])
    pairs = ["製紙", "紙工", "工場", "도서", "서관", "ห้อ", "ferry"]
    told = phrases(table, pa.array(pairs)).to_pylist()
    assert told == ["製紙工場", "製紙工場", "工場", "도서관", "도서관", "", None]


def test_headlines_in_wide_characters_are_long_enough_to_be_told_apart() -> None:
    titles = ["製紙工場で火災、十台が出動", "【速報】製紙工場で火災、十台が出動", "雨が降る"]
    first, second, short = Headlines.from_titles(pa.array(titles, pa.large_string())).words.to_pylist()
    assert first == second
    assert short is None


def test_dates_inside_japanese_and_korean_headlines_are_blanked() -> None:
    assert template("11月27日の天気") == template("１２月3日の天気")
    assert template("3월 5일 날씨") == template("12월 25일 날씨")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("青葉市長選で山本花子氏が当選した。投票率は五割だった。", "青葉市長選で山本花子氏が当選した。"),
        ("L'ouverture du musée a été saluée par tous à Orléans-la-Forêt. Une fête suit.", None),
        ("नगर निगम ने नदी के किनारे नया पुल बनाने का फ़ैसला किया है। काम वसंत में शुरू होगा।", None),
        ("Городской совет решил построить новый мост через реку Ключевую. Работы начнутся весной.", None),
        ("หอสมุดแห่งใหม่เปิดแล้ว" * 20, ("หอสมุดแห่งใหม่เปิดแล้ว" * 8)[:158] + " …"),
    ],
)
def test_the_line_of_text_ends_with_the_sentence(body: str, line: str | None) -> None:
    ends = [place for place in (body.find(". "), body.find("। ")) if place >= 0]
    found = teaser("", body)
    assert found == (line if line is not None else body[: min(ends) + 1])
    assert len(found) <= 160
