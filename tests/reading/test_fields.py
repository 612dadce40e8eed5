"""One raw row to one article: times, HTML, column names, limits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.articles.article import FIELDS, Article
from recommender.errors import RowError
from recommender.reading.fields import Unpublished, to_article
from recommender.reading.markup import to_text
from recommender.reading.names import ALIASES, TIMES, fold, recognise
from recommender.reading.plan import Plan
from recommender.reading.read import read_articles
from recommender.reading.report import ReadReport
from recommender.reading.times import to_time
from recommender.settings import ReadingSettings

LIMITS = ReadingSettings()
MOMENT = datetime(2026, 3, 3, 6, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)
SECONDS = 1_772_519_400


def plan(raw: Mapping[str, Any], mapping: Mapping[str, str] | None = None, **limits: Any) -> Plan:
    return Plan.from_columns(raw, mapping or {}, ReadingSettings(**limits), ReadReport())


def article(raw: Mapping[str, Any], mapping: Mapping[str, str] | None = None, **limits: Any) -> Article:
    return to_article(raw, plan(raw, mapping, **limits))


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-03T06:30:00Z",
        "2026-03-03T07:30:00+01:00",
        "2026-03-03T01:30-05:00",
        "2026-03-03 06:30",
        "2026/03/03 06:30:00",
        "20260303T063000Z",
        "  2026-03-03T06:30:00Z\n",
        "Tue, 03 Mar 2026 06:30:00 GMT",
        "Tue, 03 Mar 2026 01:30:00 EST",
        "Tue, 03 Mar 2026 07:30:00 +0100",
        "3 Mar 2026 06:30:00 -0000",
        datetime(2026, 3, 3, 6, 30),
        datetime(2026, 3, 3, 7, 30, tzinfo=timezone(timedelta(hours=1))),
        Decimal(SECONDS),
        *(number * unit for number in (SECONDS,) for unit in (1, 10**3, 10**6, 10**9)),
        *(str(SECONDS * unit) for unit in (1, 10**3, 10**6, 10**9)),
        float(SECONDS),
        f"{SECONDS}.0",
    ],
    ids=repr,
)
def test_a_moment_is_read_in_every_form(value: Any) -> None:
    assert to_time(value) == MOMENT


@pytest.mark.parametrize(
    "value", ["2026-03-03", "2026/03/03", "20260303", 20260303, 20260303.0, "20260303.0", date(2026, 3, 3)]
)
def test_a_date_is_its_first_moment(value: Any) -> None:
    assert to_time(value) == MIDNIGHT


def test_times_come_back_in_utc() -> None:
    found = to_time("2026-03-03T07:30:00+01:00")
    assert found is not None
    assert found.tzinfo is UTC
    assert found.hour == 6


def test_fractions_and_times_before_1970() -> None:
    assert to_time("1772519400.5") == MOMENT + timedelta(seconds=0.5)
    assert to_time("1912-04-15T05:40:00Z") == datetime(1912, 4, 15, 5, 40, tzinfo=UTC)
    assert to_time("-1821464400") == datetime(1912, 4, 13, 5, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["", "  ", "nan", "NaT", "None", "null", "N/A", float("nan"), "0", 0, "0001-01-01T00:00:00+14:00"]
)
def test_words_for_a_missing_time(value: Any) -> None:
    assert to_time(value) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("yesterday", "'yesterday'"),
        ("03/04/2026", "'03/04/2026'"),
        ("2026-13-01", "'2026-13-01'"),
        ("2026-03-03T25:00:00Z", "2026-03-03T25"),
        ("Tue, 03 Mar 2026 07:30:00 +9999999", "+9999999"),
        ("2026", "'2026'"),
        (2026, "'2026'"),  # a year is not 2026 seconds after 1970
        (20261303, "'20261303'"),
        ("9" * 400, "'999"),
        (10**400, "'1000"),
        (float("inf"), "'inf'"),
        (Decimal("NaN"), "'NaN'"),
        (True, "'True'"),
        ([2026, 3, 3], "[2026, 3, 3]"),
        ({"year": 2026}, "year"),
        (b"2026-03-03", "2026-03-03"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31"),
        ("2026-03-03\x00", "2026-03-03"),
        ("\udce9", "udce9"),
    ],
)
def test_an_unreadable_time_is_named(value: Any, shown: str) -> None:
    with pytest.raises(RowError, match="unreadable date in published_at") as refused:
        to_time(value, "published_at")
    assert shown in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("field", ["id", "title"])
def test_a_number_too_long_to_print_is_refused(field: str) -> None:
    # Python refuses to print integers of more than 4,300 digits
    with pytest.raises(RowError):
        article({"id": 1, "title": "t", field: 10**5_000})


@pytest.mark.parametrize("field", ["published_at", "access", "tags", "mood"])
def test_a_number_too_long_to_print_costs_an_optional_field_alone(field: str) -> None:
    raw = {"id": 1, "title": "t", field: 10**5_000}
    how = plan(raw)
    assert to_article(raw, how) == Article(id="1", title="t")
    assert how.report.notes.counts.total() == 1


@settings(max_examples=100, deadline=None)
@given(st.datetimes(datetime(1973, 4, 1), datetime(2100, 1, 1)), st.sampled_from([1, 10**3, 10**6]))
def test_numbers_text_and_datetimes_agree(moment: datetime, unit: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    number = int(moment.timestamp()) * unit
    assert to_time(moment) == to_time(number) == to_time(str(number)) == to_time(moment.isoformat()) == moment


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"[0-9TZ:+\-/ .,WMar]{1,40}", fullmatch=True) | st.floats() | st.integers())
def test_any_time_is_read_or_refused(value: Any) -> None:
    try:
        found = to_time(value)
    except RowError:
        return
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("Plain text,  as it is. ", "Plain text,  as it is."),
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("<div><div><p>One.</p></div><section><h2>Two</h2>Three</section></div>", "One.\n\nTwo\n\nThree"),
        ("First line<br>second<br/>third<br />fourth", "First line\n\nsecond\n\nthird\n\nfourth"),
        ("<p>A <b>bold</b> <a href='/x'>link</a>, kept</p>", "A bold link, kept"),
        ("<p>Text</p><script>alert('x < y')</script><style>p{}</style><p>More</p>", "Text\n\nMore"),
        ("<p>Text</p><noscript>Enable it</noscript><iframe src='x'>no</iframe>", "Text"),
        ("<ul><li>One</li><li>Two</li></ul>", "One\n\nTwo"),
        ("<table><tr><th>Won</th><th>Lost</th></tr><tr><td>3</td><td>1</td></tr></table>", "Won\n\nLost\n\n3\n\n1"),
        ("<dl><dt>Who</dt><dd>Crews</dd></dl><p>x</p>", "Who\n\nCrews\n\nx"),
        ("<p>Storm&nbsp;hits&#8217;s &lt;coast&gt; &amp; more</p>", "Storm hits’s <coast> & more"),
        ("Storm&nbsp;hits &quot;coast&quot; &#x2014; more", 'Storm hits "coast" — more'),
        ("<!-- ad --><p>Text</p>", "Text"),
        ("<p>Unclosed <b>tags</p><p>go <i>on", "Unclosed tags\n\ngo on"),
        ("<P CLASS='x'>Upper</P>", "Upper"),
        ("<p></p><p> </p>", ""),
    ],
)
def test_html_becomes_text(markup: str, text: str) -> None:
    assert to_text(markup) == text


@pytest.mark.parametrize(
    "text",
    [
        "IBM <IBM> and AT&T <T> rise",
        "Shares of <B> and <A>, then <I>",
        "if a < b and b > c, then 5 <6",
        "Ernst & Young; M&S; R&D",
        "Q&A: what next?",
        "<3 from the crowd",
        "",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert to_text(text) == text


@pytest.mark.parametrize("markup", ["<div>" * 200_000 + "x" + "</div>" * 200_000, "<p>x</p>" + "<b" * 200_000])
def test_a_flood_of_tags_is_refused_quickly(markup: str) -> None:
    start = time.process_time()
    with pytest.raises(RowError, match="20,000 HTML tags"):
        to_text(markup)
    assert time.process_time() - start < 2


def test_deep_nesting_within_the_limit_is_read() -> None:
    assert to_text("<div>" * 5_000 + "x" + "</div>" * 5_000) == "x"


TAGS = ["br", "script", "template", "svg", "table", "td", "html", "body", "frameset", "plaintext", "textarea", "select"]
PIECES = st.sampled_from(
    [
        *(f"<{tag}>" for tag in TAGS),
        *(f"</{tag}>" for tag in TAGS),
        *("<p>", "</p>", "<a href=", "<!--", "-->", "<![CDATA[", "&amp;", "&#0;", "&#xD800;", "&nbsp", "&#9999999;"),
        *("<", ">", "'", '"', " ", "\n", "x", "é", "\x00"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.text() | st.lists(PIECES, max_size=40).map("".join))
def test_any_html_gives_text_or_a_row_error(markup: str) -> None:
    try:
        text = to_text(markup)
    except RowError:
        return
    assert text == text.strip()
    if "\x00" not in markup:
        assert "\x00" not in text


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "extra"])
def test_every_alias_is_recognised(field: str) -> None:
    for name in (field, *ALIASES.get(field, ())):
        camel = name.split("_")[0] + "".join(part.title() for part in name.split("_")[1:])
        for variant in (name, name.upper(), name.replace("_", "-"), name.replace("_", " ").title(), camel):
            assert recognise([variant, "mood"], {}) == {field: (variant,)}


def test_no_name_stands_for_two_fields() -> None:
    pairs = {(fold(name), field) for field in FIELDS for name in (field, *ALIASES.get(field, ()))}
    assert len({name for name, _ in pairs}) == len(pairs)


@pytest.mark.parametrize("field", list(ALIASES))
def test_a_fields_own_name_wins(field: str) -> None:
    for alias in ALIASES[field]:
        assert recognise([alias, field], {}) == {field: (field, alias)}


def test_the_first_of_several_aliases_wins() -> None:
    assert recognise(["head", "headline"], {})["title"] == ("headline", "head")
    assert recognise(["created", "pub_date"], {})["published_at"] == ("pub_date", "created")


def test_a_german_export_is_read_by_its_own_names() -> None:
    row = {
        "uid": 7, "Überschrift": "Fähre", "Vorspann": "Im Nebel.", "Inhalt": "Sie lief auf.",
        "Erschienen am": "02.03.2026", "Geändert am": "03.03.2026",
    }  # fmt: skip
    story = read_articles([row])[0].to_pylist()[0]
    assert [story[name] for name in ("id", "title", "lead", "body")] == ["7", "Fähre", "Im Nebel.", "Sie lief auf."]
    assert (story["published_at"].day, story["updated_at"].day, story["extra"]) == (2, 3, None)


def test_a_uid_is_an_id_only_where_nothing_else_is() -> None:
    rows = [{"uid": 7, "title": "Ferry", "url": f"https://c.example/{number}"} for number in range(2)]
    assert len(read_articles(rows)[0]) == 2


def test_of_two_spellings_the_first_column_wins() -> None:
    assert recognise(["Title", "TITLE"], {}) == {"title": ("Title",)}


def test_a_mapping_wins() -> None:
    assert recognise(["title", "kop"], {"title": "kop"}) == {"title": ("kop",)}


def test_a_mapped_column_feeds_no_other_field() -> None:
    assert recognise(["headline", "text"], {"lead": "headline"}) == {"lead": ("headline",), "body": ("text",)}


def test_columns_that_are_not_names_are_left() -> None:
    assert article({"id": 1, "title": "Ferry aground", 7: "seven"}).extra == {"7": "seven"}


def test_a_full_row() -> None:
    found = article(
        {
            "GUID": 42,
            "Headline": " Ferry &amp; crew ",
            "body_html": "<p>A ferry ran aground.</p>",
            "Teaser": "In fog",
            "Desk": ["News", "Local"],
            "keywords": "ferry; fog | sea,,",
            "lang": "EN-gb",
            "authors": ["Ann", "Bo"],
            "link": "https://example.org/42",
            "pubDate": "Tue, 03 Mar 2026 07:30:00 +0100",
            "lastmod": SECONDS,
            "paywall": True,
            "type": "Opinion",
            "mood": "grim",
            "rating": 4,
            "empty": "",
            "none": None,
        }
    )
    assert found == Article(
        id="42",
        title="Ferry & crew",
        body="A ferry ran aground.",
        lead="In fog",
        section="News",
        tags=("ferry", "fog", "sea", "Local"),
        language="en",
        author="Ann, Bo",
        url="https://example.org/42",
        published_at=MOMENT,
        updated_at=MOMENT,
        access="paid",
        kind="opinion",
        extra={"mood": "grim", "rating": 4},
    )


@pytest.mark.parametrize("value", [None, "", "  ", float("nan"), "NaN", "null", "N/A"])
def test_missing_values_count_as_absent(value: Any) -> None:
    raw = {"id": 1, "title": "Ferry aground", "section": value, "published_at": value, "kind": value}
    assert article(raw) == Article(id="1", title="Ferry aground")


@pytest.mark.parametrize("value", ["null", "none", "nan"])
def test_an_id_may_be_a_word_for_missing(value: str) -> None:
    assert article({"id": value, "title": "Ferry aground"}).id == value


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (["a", " b ", None, "", 3], ("a", "b", "3")),
        (("a",), ("a",)),
        ('["a, b", "c"]', ("a, b", "c")),
        ("a, b;c|d", ("a", "b", "c", "d")),
        ("[]", ()),
        ("", ()),
        (float("nan"), ()),
    ],
)
def test_tags(value: Any, tags: tuple[str, ...]) -> None:
    assert article({"id": 1, "title": "t", "tags": value}).tags == tags


@pytest.mark.parametrize(
    ("value", "access"),
    [
        ("free", "free"),
        ("Premium", "paid"),
        (0, "free"),
        (1, "paid"),
        (False, "free"),
        ("metered", "paid"),
        (None, "free"),
    ],
)
def test_access(value: Any, access: str) -> None:
    assert article({"id": 1, "title": "t", "access": value}).access == access


def test_an_object_named_extra_is_the_field_itself() -> None:
    raw = {"id": 1, "title": "t", "extra": {"mood": "grim"}, "rating": 4}
    assert article(raw).extra == {"mood": "grim", "rating": 4}
    assert article(raw, {"extra": "extra"}).extra == {"mood": "grim", "rating": 4}
    assert article({"id": 1, "title": "t", "extra": "a word"}).extra == {"extra": "a word"}


def test_the_text_backslash_u0000_is_no_nul() -> None:
    assert article({"id": 1, "title": "t", "code": r"\u0000"}).extra == {"code": r"\u0000"}


def deep(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"title": "t"}, "missing id"),
        ({"id": "", "title": "t"}, "missing id"),
        ({"id": "  ", "title": "t"}, "missing id"),
        ({"id": None, "title": "t"}, "missing id"),
        ({"id": float("nan"), "title": "t"}, "missing id"),
        ({}, "missing id"),
        ({"id": "x" * 1_001, "title": "t"}, "id of 1001 characters; the limit is 1000"),
        ({"id": 1}, "neither title nor body"),
        ({"id": 1, "title": " ", "body": "<p> </p>"}, "neither title nor body"),
        ({"id": 1, "title": float("nan"), "body": None, "lead": "only"}, "neither title nor body"),
        ({"id": True, "title": "t"}, "id is bool, expected text"),
        ({"id": "1\x00", "title": "t"}, "NUL byte in id"),
        ({"id": "caf\udce9", "title": "t"}, "id is not valid UTF-8"),
    ],
)
def test_why_a_row_is_refused(raw: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowError) as refused:
        article(raw)
    assert str(refused.value).startswith(reason)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("section", {"code": 7}, "section is dict, expected text"),
        ("author", "a" * 10_001, "author of N characters; the limit is N"),
        ("author", [[["a"]]], "author is list, expected text"),
        ("url", True, "url is bool, expected text"),
        ("tags", {"a": 1}, "an object of unknown keys"),
        ("access", "maybe", "access"),
        ("extra", "text", "extra is str, expected an object"),
        ("published_at", "soon", "times in published_at could not be read"),
        ("published_at", "03/04/2026", "dates in published_at may have day or month first"),
        ("updated_at", [2026, 3], "times in updated_at could not be read"),
        ("expires_at", {"year": 2026}, "times in expires_at could not be read"),
    ],
)
def test_an_optional_field_that_cannot_be_used_costs_itself_alone(field: str, value: Any, told: str) -> None:
    raw = {"id": 1, "title": "Ferry aground", "column": value}
    how = plan(raw, {field: "column"}).with_order("column", None) if field in TIMES else plan(raw, {field: "column"})
    assert to_article(raw, how) == Article(id="1", title="Ferry aground")
    ((line, count),) = how.report.notes.counts.items()
    assert (count, told in line) == (1, True)
    assert len(line) < 200
    assert len(how.report.notes.examples[line]) < 100


@pytest.mark.parametrize("value", ["caf\udce9", 2**70, deep(600), "a\x00b", "\\\x00"])
def test_a_further_column_that_cannot_be_kept_costs_itself_alone(value: Any) -> None:
    raw = {"id": 1, "title": "Ferry aground", "mood": value, "rating": 4}
    how = plan(raw)
    assert to_article(raw, how).extra == {"rating": 4}
    assert how.report.notes.counts == {"values of further columns could not be kept": 1}


@pytest.mark.parametrize("value", [["x"] * 1_001, "x," * 1_001])
def test_more_tags_than_the_limit_are_left_out(value: Any) -> None:
    raw = {"id": 1, "title": "t", "tags": value}
    how = plan(raw)
    assert to_article(raw, how).tags == ("x",) * 1_000
    assert how.report.notes.counts.total() == 1


def test_a_tag_that_cannot_be_used_costs_itself_alone() -> None:
    raw = {"id": 1, "title": "t", "tags": ["sea", "caf\udce9", "x" * 10_001, [["a"]], None, "port"]}
    how = plan(raw)
    assert to_article(raw, how).tags == ("sea", "café", "port")
    assert how.report.notes.counts["tags could not be used, and were left out"] == 2


def test_the_limit_of_an_id_is_a_setting() -> None:
    with pytest.raises(RowError, match="the limit is"):
        article({"id": 123, "title": "t"}, max_id_chars=2)
    assert article({"id": 123, "title": "t"})


@pytest.mark.parametrize("field", ["title", "lead", "body"])
@pytest.mark.parametrize(
    ("value", "kept", "told"),
    [
        ("t" * 1_000_001, "t" * 1_000_000, "characters, and were cut there (reading.max_"),
        ("caf\udce9", "café", "not valid UTF-8"),
        ("fog\ud83d", "fog", "not valid UTF-8"),
        ("fog \ud83d\ude00", "fog 😀", "not valid UTF-8"),
        ("<p>fog" * 20_001, None, "more than 20,000 HTML tags"),
    ],
)
def test_a_text_that_cannot_be_used_as_it_is_costs_no_row(field: str, value: str, kept: str | None, told: str) -> None:
    raw = {"id": 1, "title": "t", "body": "b", field: value}
    how = plan(raw, max_field_chars=1_000_000)
    found = getattr(to_article(raw, how), field)
    assert found == kept if kept else 20_000 <= found.count("fog") <= 20_001
    assert told in next(iter(how.report.notes.counts))


def test_the_limit_of_texts_is_a_setting() -> None:
    assert article({"id": 1, "body": "four"}, max_body_chars=3).body == "fou"


def test_the_limit_of_tags_is_a_setting() -> None:
    raw = {"id": 1, "title": "t", "tags": ["a"]}
    assert article(raw, max_tags=0).tags == ()
    assert article(raw).tags == ("a",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from([*FIELDS, *(name for names in ALIASES.values() for name in names)]) | st.text(max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=8), st.booleans())
def test_any_row_gives_an_article_or_a_row_error(raw: dict[str, Any], sound: bool) -> None:
    if sound:  # so that the other fields are reached as well
        raw = {**raw, "id": "1", "title": "t"}
    try:
        found = article(raw)
    except (RowError, Unpublished):
        return
    assert found.id
    assert found.title or found.body
    row = found.row()
    assert all(value is None or value.encode() is not None for value in row.values() if isinstance(value, str | None))


@pytest.mark.parametrize("text", ["2026-03-03 06:30:00 UTC", "2026-03-03T06:30:00z", "2026-03-03 06:30Z"])
def test_times_as_databases_print_them(text: str) -> None:
    assert to_time(text) == MOMENT


@pytest.mark.parametrize("count", [1, 40])
def test_an_id_whose_last_digits_are_lost_is_no_other_id(tmp_path: Path, count: int) -> None:
    great = [12345678901234567890123 + number for number in range(count)]
    whole = [2**63 + number for number in range(count)]
    lines = [f'{{"id": {number}, "title": "Ferry"}}\n' for number in (*great, *whole, "12.0")]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    table, report = read_articles(tmp_path / "a.jsonl")
    assert table["id"].to_pylist() == [*map(str, whole), "12"]
    assert {one.reason.partition(" is ")[2][:8] for one in report.rejected} == {"a number"}
    assert len(report.rejected) == count
