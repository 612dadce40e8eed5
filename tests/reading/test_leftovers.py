"""What systems leave in texts: escaped HTML, shortcodes, Markdown, invisible characters, broken encodings."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.reading.markup import Anchor, are_plain, is_plain, to_text, to_text_and_links
from recommender.reading.read import read_articles


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("&lt;p&gt;Storm &amp;amp; rain&lt;/p&gt;&lt;p&gt;More&lt;/p&gt;", "Storm & rain\n\nMore"),
        ("&amp;lt;p&amp;gt;Storm&amp;lt;/p&amp;gt;", "Storm"),
        ("<p>Fish &amp;amp; chips</p>", "Fish & chips"),
        ("<div>&lt;p&gt;One&lt;/p&gt;&lt;p&gt;Two&lt;/p&gt;</div>", "One\n\nTwo"),
        ("<p>Write <code>&lt;p&gt;</code> here</p>", "Write <p> here"),
        ("<p>One<p>Two", "One\n\nTwo"),
        ("<P>One<P>Two", "One\n\nTwo"),
        ("<font color=red>Red</font> <center>flag</center>", "Red\n\nflag"),
        ("Read <em>this", "Read this"),
        ('<p>On <a href="/a">Ada Reed</a><a href="/b">port council</a> today</p>', "On Ada Reed port council today"),
        ("<p>Ada <span>Reed</span><span>GOP</span> and <b>Bo</b><i>Mayor</i></p>", "Ada Reed GOP and Bo Mayor"),
        ("<p><span>T</span><span>he p</span><b>ort</b> of H<sub>2</sub>O</p>", "The port of H2O"),
        ('<p>The port<img src="/a.jpg">Ada Reed</p>', "The port Ada Reed"),
        (
            "<p>The port</p><address>Gull Point</address><details><summary>More</summary>Fog</details>",
            "The port\n\nGull Point\n\nMore\n\nFog",
        ),
        ("<!-- wp:paragraph -->Storm", "Storm"),
        ("<p>By <b>Ann</b>\nPort Ellery: A ferry\n  ran</p>", "By Ann\n\nPort Ellery: A ferry ran"),
        (f"<b>A</b> {'ferry ' * 11}at\nPort Ellery\nMore.", f"A {'ferry ' * 11}at Port Ellery\n\nMore."),
        ("<p>Results\n* Ellery 1\n* Gull Point 2</p>", "Results\n\n* Ellery 1\n\n* Gull Point 2"),
        ("The [plan](/p) <br>of the\n**mayor**\n\n## Why\n\nFog.", "The plan\n\nof the mayor\n\nWhy\n\nFog."),
        ("<p>Rated ** by <b>critics</b> # 1</p>", "Rated ** by critics # 1"),
        ("<![CDATA[Storm hits]]>", "Storm hits"),
        ("<![CDATA[<p>Storm</p>]]>", "Storm"),
        ('[caption id="a" width="3"]<img src="x"/> The wall[/caption] Text.', "Text."),
        ('Storm. [gallery ids="1,2"]', "Storm."),
        ("[embed]https://video.example/1[/embed]\nStorm.", "Storm."),
        ('[vc_row][vc_column width="1/2"]Storm.[/vc_column][/vc_row]', "Storm."),
        ('{{< figure src="x.jpg" >}} Storm.', "Storm."),
        ("{% include ad.html %}Storm.", "Storm."),
        (
            "[b]The port[/b] [i]of[/i] [color=red]Ellery[/color] [img]/a.jpg[/img]is shut.",
            "The port of Ellery is shut.",
        ),
        ("[quote]Fog[/quote][list][*]One[*]Two[/list]", "Fog\nOne\nTwo"),
        ("The mayor [b] and [the] port", "The mayor [b] and [the] port"),
        (
            r"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}{\*\generator x;}\f0\fs24 Storm \b hits\b0 .\par Ca\'e9 \{x\}}",
            "Storm hits.\nCaé {x}",
        ),
        (
            r"{\rtf1\ansi\ansicpg1250\uc1 M\'b3awa i \u321?\'f3d\u378\'9f\line{\field{\*\fldinst x}{\fldrslt Fog}}}",
            "Mława i Łódź\nFog",
        ),
        (r"{\rtf1", ""),
        (r"{\rtf1\ansi Fog \u-10179?\u-8704?.}", "Fog \U0001f600."),
        (r"{\rtf1\ansi{\info{\title Hidden}}{\header Page}Fog}", "Fog"),
        (r"{\rtf1\ansi Fog \u-99999999? and \'zz}", r"{\rtf1\ansi Fog \u-99999999? and \'zz}"),  # damaged: stays
        (r"{\rtf is a format", r"{\rtf is a format"),
        ("---\ntitle: Storm\ntags:\n- sea\n---\nStorm hits.", "Storm hits."),
        ("The **mayor** resigns.\n\n## Why\n\nIt _rains_.", "The mayor resigns.\n\nWhy\n\nIt rains."),
        ("![A wall](wall.jpg)The wall", "The wall"),
        ("One.\r\n\r\nTwo.\rThree.", "One.\n\nTwo.\nThree."),
        ("har\u00adbour \u200bwall\ufeff", "harbour wall"),
        ("&shy;har&shy;bour", "harbour"),
        ("The mayor\u00e2\u20ac\u2122s caf\u00c3\u00a9 for \u00c2\u00a35", "The mayor’s café for £5"),
    ],
)
def test_only_the_text_is_left(given: str, text: str) -> None:
    assert to_text(given) == text


@pytest.mark.parametrize(
    "text",
    [
        "IBM <IBM> and <P> and <T> rise",
        "a < b & c > d",
        "He said [sic] and [it was late], see [1] (2).",
        "5 ** 3 and a*b*c",
        "# 1 in the league",
        "snake_case_name and __init__",
        "NÃO, ESPAÑA, Ärzte, âge, Ångström",
        "می\u200cخواهم",
        "ตัวอย่าง\u200bภาษาไทย",
        "👩\u200d🚒",
        "--- and --- again",
    ],
)
def test_what_only_looks_odd_stays(text: str) -> None:
    assert to_text(text) == text


def test_links_of_markdown_are_links() -> None:
    text = "The [mayor](https://courier.example/mayor) of\nGull Point resigns.\n\nRead more: [Storm](/storm)"
    assert to_text_and_links(text) == (
        "The mayor of Gull Point resigns.",
        [Anchor("https://courier.example/mayor", "mayor")],
    )


@pytest.mark.parametrize("field", ["title", "body", "lead", "section", "author", "tags"])
def test_every_field_is_tidied(field: str) -> None:
    row: dict[str, Any] = {"id": 1, "title": "Ferry", field: "<b>Arts</b> &amp;amp; Caf\u00c3\u00a9\u00ads"}
    table, report = read_articles([row] * 20)
    assert not report.rejected
    value = table[field][0].as_py()
    assert (value[0] if field == "tags" else value) == "Arts & Cafés"


@given(st.lists(st.text("aé€™Ãâ<&;[]*# \n-{%\u00ad\u200b\u200c\u2060\ufeff’文\u00a0Ñð—", max_size=12), max_size=8))
def test_what_is_told_as_plain_comes_back_as_it_is(texts: list[str]) -> None:
    for text, plain in zip(texts, are_plain(pa.array(texts, pa.large_string())).tolist(), strict=True):
        assert is_plain(text) or not plain
        assert to_text(text) == text.strip() or not is_plain(text)


PARTS = [
    *(
        "<p>",
        "</P>",
        "<br/>",
        "<BR>",
        "<!--",
        "<IBM>",
        "&amp;",
        "&#39;",
        "&#X41;",
        "AT&T",
        "[caption id=1]",
        "[/GALLERY]",
    ),
    *(
        "[vc_row]",
        "[he]",
        "[the mayor](/a)",
        "CDATA[",
        "[CDATA[",
        "{{a}}",
        "{% a",
        "{ a",
        "**bold**",
        "5 * 3",
        "\\u00e9",
    ),
    *("\\r\\n", "\\n\\n", "\\U00E9", "\r", "\n# Head", "\n---\n", "--- a", "appeared first on", "\x80", "\x85", "\x9f"),
    *(
        "\xad",
        "\u200b",
        "\u200c",
        "\u200d",
        "\u2060",
        "\ufeff",
        "\u2019",
        "é",
        "\xa0",
        "\0",
        "Ã©",
        "â€™",
        "Å¡",
        "Ð¸",
        "Ñ\x81",
    ),
    *("ðŸ", "Â£", "Ä‡", "Ñoño", "文", "\n<p>"),
]


@given(st.lists(st.lists(st.sampled_from(PARTS) | st.text(max_size=5), max_size=3), min_size=1, max_size=8))
def test_long_texts_are_told_as_plain_as_short_ones_are(texts: list[list[str]]) -> None:
    short = ["".join(parts) for parts in texts]
    found = are_plain(pa.array([f"a{text}" for text in short], pa.large_string()))
    long = [f"{'a ferry ' * 300}a{text}{' a ferry' * 300}" for text in short]
    *told, missing = are_plain(pa.array([*long, None], pa.large_string())).tolist()
    assert not missing
    for text, plain, as_short in zip(long, told, found, strict=True):
        assert plain or not as_short
        assert (is_plain(text) and "\0" not in text) or not plain


@given(st.text(max_size=200))
def test_any_text_is_read_and_reading_the_outcome_adds_nothing(text: str) -> None:
    letters = [letter for letter in to_text(text) if letter.isalnum()]
    assert len(letters) <= len(text)
