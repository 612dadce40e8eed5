"""Many addresses of one page have one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.articles import urls
from recommender.articles.urls import TRACKING, absolute_url, leads_to_a_page, normalise_url

FERRY = "courier.example/local/ferry-aground"

_PIECES = (
    *("http:", "https:", "//", "/", "www.", "m.", "amp.", "amp", ".amp", ".html", "?", "&", "=", "#", "%", "%2", "%25"),
    *("%34%31", "%2e%2E", "..", ".", ":80", ":443", ":", "@", " ", "\t", "utm_x", "ref", "p=1", "é", "\udce9", "İ"),
    *("ß", "a.b", "A", "localhost", "[::1]", "[", "\\", "\x00", "1", "amp=1", "outputType=amp", "\u3000", "mailto:"),
    *("%c3%a9", "%2F", "%3f", "|"),
)
TEXTS = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join) | st.text(max_size=40)


@pytest.mark.parametrize(
    "url",
    [
        "https://courier.example/local/ferry-aground",
        "http://courier.example/local/ferry-aground/",
        "//courier.example/local/ferry-aground",
        "courier.example/local/ferry-aground",
        "HTTPS://WWW.Courier.Example/local/ferry-aground",
        "https://m.courier.example/local/ferry-aground",
        "https://amp.courier.example/local/ferry-aground",
        "https://www.m.courier.example./local/ferry-aground",
        "http://courier.example:80/local/ferry-aground",
        "https://courier.example:443/local//ferry-aground//",
        "https://reader:secret@courier.example/local/ferry-aground",
        "https://courier.example/local/ferry-aground#comments",
        "https://courier.example/local/ferry-aground?",
        "https://courier.example/local/ferry-aground?utm_source=mail&UTM_Campaign=x&fbclid=1&CMP=twt",
        "https://courier.example/local/ferry-aground?ref=home&src=rss&ito=1490",
        "https://courier.example/local/ferry%2Daground",
        "https://courier.example/./sport/../local/ferry-aground",
        "https://courier.example/amp/local/ferry-aground",
        "https://courier.example/local/ferry-aground/amp/",
        "https://courier.example/local/ferry-aground.amp",
        "https://courier.example/local/ferry-aground?amp=1",
        "https://courier.example/local/ferry-aground?amp",
        "https://courier.example/local/ferry-aground?outputType=amp",
        "  https://courier.example/local/\n\tferry-aground ",
    ],
)
def test_addresses_of_one_page_are_one(url: str) -> None:
    assert normalise_url(url) == FERRY


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://courier.example/?p=123", "courier.example?p=123"),
        ("https://courier.example/a?id=2&utm_medium=x&page=1", "courier.example/a?id=2&page=1"),
        ("https://courier.example/a?b=1&a=2", "courier.example/a?b=1&a=2"),  # in their own order
        ("https://courier.example/a?ref_id=7", "courier.example/a?ref_id=7"),
        ("https://courier.example/A", "courier.example/A"),  # a path may tell capitals apart
        ("https://courier.example:8080/a", "courier.example:8080/a"),
        ("https://news.courier.example/a", "news.courier.example/a"),
        ("https://www.com/a", "www.com/a"),
        ("https://courier.example/ferry.amp.html", "courier.example/ferry.html"),
        ("https://courier.example/amp", "courier.example/amp"),  # a section may be called so
        ("https://courier.example/amplifier/x", "courier.example/amplifier/x"),
        ("https://courier.example/caf%c3%a9", "courier.example/caf%C3%A9"),
        ("https://courier.example/café", "courier.example/caf%C3%A9"),
        ("https://courier.example/100%", "courier.example/100%25"),
        ("https://courier.example/a%2Fb", "courier.example/a%2Fb"),
        ("https://courier.example", "courier.example"),
        ("/local/ferry/", "/local/ferry"),
        ("mailto:desk@courier.example", "mailto:desk@courier.example"),
        ("", ""),
    ],
)
def test_what_tells_pages_apart_stays(url: str, normal: str) -> None:
    assert normalise_url(url) == normal


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("/sport/cup", "courier.example/sport/cup"),
        ("../sport/cup?utm_source=x", "courier.example/sport/cup"),
        ("?p=2", "courier.example/local/a?p=2"),
        ("//other.example/x", "other.example/x"),
        ("https://other.example/x", "other.example/x"),
        ("http://[broken", "[broken"),
    ],
)
def test_relative_addresses_are_joined(url: str, normal: str) -> None:
    assert normalise_url(url, "https://www.courier.example/local/a") == normal


def test_every_tracking_parameter_goes() -> None:
    assert all(name == name.casefold() for name in TRACKING)
    for name in TRACKING:
        assert normalise_url(f"https://{FERRY}?{name}=1&p=2&{name.upper()}=3") == f"{FERRY}?p=2"


@settings(max_examples=1_000)
@given(TEXTS)
def test_normal_twice_is_normal_once(text: str) -> None:
    once = normalise_url(text)
    assert normalise_url(once) == once


@settings(max_examples=100)
@given(TEXTS, TEXTS)
def test_no_text_is_an_error(text: str, base: str) -> None:
    assert isinstance(normalise_url(text, base), str)
    assert isinstance(absolute_url(text, base), str)
    assert isinstance(leads_to_a_page(text), bool)


@settings(max_examples=100)
@given(st.from_regex(urls._PLAIN, fullmatch=True))
def test_the_short_way_comes_to_the_same(text: str) -> None:
    short, plain = normalise_url(text), urls._PLAIN
    try:
        urls._PLAIN = urls.re.compile("(?!)()")
        assert normalise_url(text) == short
    finally:
        urls._PLAIN = plain


@pytest.mark.parametrize(
    "url", ["mailto:a@b.example", "TEL:+31201234", " JavaScript:void(0)", "java\tscript:x", "#top", ""]
)
def test_some_links_lead_to_no_page(url: str) -> None:
    assert not leads_to_a_page(url)
