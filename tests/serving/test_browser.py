"""The desk in a browser: with the keyboard alone, on a phone and on a desk, in the dark and in the light."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from recommender import PublishedLists
from recommender.serving.tokens import make_token
from tests.conftest import Visit
from tests.serving.conftest import ODD
from tests.serving.test_api import publish_again
from tests.serving.test_server import forked
from tests.support.colours import assert_readable, assert_readable_in_both_schemes


@dataclass
class Tab:
    page: Any
    root: str
    place: Path
    complaints: list[str]

    def story(self, article_id: str) -> None:
        self.page.goto(f"{self.root}/desk/story?id={quote(article_id, safe='')}")

    def titles(self) -> list[str]:
        rail = self.page.locator("section[aria-labelledby=next] .rail h3")
        return [text.split(" ", 1)[1] for text in rail.all_inner_texts()]

    def tab_to(self, selector: str) -> None:
        """Press the tab key until an element has the focus."""
        for _ in range(120):
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector}")


@pytest.fixture
def tab(visit: Visit, place: Path, tmp_path: Path) -> Iterator[Tab]:
    secret = make_token(tmp_path / "tokens", "ana", "write")
    with forked(place, "--tokens", tmp_path / "tokens", "--rate", 0) as root:
        page = visit.page
        page.goto(f"{root}/desk/login")
        page.locator("input[name=token]:focus").wait_for()
        page.keyboard.type(secret)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk")
        yield Tab(page, root, place, visit.complaints)
        page.goto("about:blank")
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(root + "/")] == []


def test_with_the_keyboard_alone_a_story_is_found_an_item_blocked_and_brought_back(tab: Tab) -> None:
    keys = tab.page.keyboard
    keys.press("/")
    keys.type("topic0word0")
    tab.page.wait_for_selector("#results li:first-child:has-text('topic0word0')")  # not those of half the word
    keys.press("ArrowDown")
    keys.press("Enter")
    tab.page.wait_for_url("**/desk/story*")
    before = tab.titles()
    tab.tab_to(".rail .act summary")
    keys.press("Enter")
    tab.tab_to("input[name=what]")
    keys.press("ArrowDown")  # from a pin to a block in this list
    tab.tab_to(".rail input[name=why]")
    keys.type("told twice")
    keys.press("Enter")
    tab.page.wait_for_selector(".effect")
    assert tab.titles()[0] == before[1]
    assert "Blocked" in tab.page.locator(".effect").inner_text()
    assert tab.page.locator(".effect del").all_inner_texts() == [before[0]]
    tab.tab_to(".effect .act summary")
    keys.press("Enter")
    tab.tab_to(".effect input[name=why]")
    keys.type("a mistake")
    keys.press("Enter")
    tab.page.locator(".effect", has_text="Unblocked").wait_for()
    assert tab.titles() == before


def test_an_editor_pins_a_story_that_the_words_find_and_withdraws_it(tab: Tab) -> None:
    tab.story("t0-s0")
    tab.page.locator(".act.whole summary").click()
    form = tab.page.locator(".act.whole form").last
    form.locator("[name=item]").press_sequentially("topic2word2")
    tab.page.wait_for_selector("#suggested option[value='t2-s2']", state="attached")
    form.locator("[name=item]").fill("t2-s2")
    form.locator("[name=position]").fill("2")
    form.locator("[name=why]").fill("belongs here")
    form.locator("button").click()
    tab.page.wait_for_selector(".effect")
    assert tab.titles()[1].endswith("topic2word2")
    assert "Pinned by ana" in tab.page.locator(".rail > li").nth(1).inner_text()
    tab.story("t2-s2")
    tab.page.locator(".act.whole summary").click()
    form = tab.page.locator(".act.whole form").first
    form.locator("[value=withdraw]").check()
    form.locator("[name=why]").fill("a court order")
    form.locator("button").click()
    tab.page.wait_for_selector(".effect")
    assert "This story was withdrawn" in tab.page.locator("main").inner_text()
    tab.story("t0-s0")
    assert not any(title.endswith("topic2word2") for title in tab.titles())
    tab.page.goto(f"{tab.root}/desk/journal")
    assert "a court order" in tab.page.locator(".journal li").first.inner_text()


def test_versions_stand_side_by_side(tab: Tab) -> None:
    lists = PublishedLists.open(tab.place)
    publish_again(tab.place, "lighthouse")
    tab.page.goto(f"{tab.root}/desk/versions")
    assert "stories" in tab.page.locator("main .facts").inner_text()
    assert lists.version in tab.page.locator("select[name=a]").inner_text()
    tab.tab_to("select[name=b]")
    tab.page.keyboard.press("ArrowDown")  # the version before beside itself
    tab.tab_to(".filters button")
    tab.page.keyboard.press("Enter")
    tab.page.locator("main .note", has_text="Choose two versions").wait_for()


def test_stories_are_sorted_and_filtered_and_a_section_is_lifted_with_the_keyboard_alone(tab: Tab) -> None:
    keys = tab.page.keyboard
    tab.page.goto(f"{tab.root}/desk")
    tab.tab_to("thead th:nth-child(4) a")
    keys.press("Enter")
    tab.page.locator("[aria-sort=ascending]").wait_for()
    first = tab.page.locator(".stories tbody tr").last
    assert first.locator("td").nth(2).inner_text() == "Undated" or tab.page.locator(".turn a").count()
    tab.tab_to("select[name=section]")
    keys.type("section2")
    tab.tab_to(".filters button")
    keys.press("Enter")
    tab.page.wait_for_url("**section=section2**")
    assert set(tab.page.locator(".stories td:nth-child(2)").all_inner_texts()) == {"section2"}
    tab.page.goto(f"{tab.root}/desk")
    tab.tab_to("section[aria-labelledby=boosts] .act summary")
    keys.press("Enter")
    tab.tab_to("select[name=factor]")
    keys.type("Lower s")
    tab.tab_to("section[aria-labelledby=boosts] input[name=why]")
    keys.type("enough of it")
    keys.press("Enter")
    tab.page.wait_for_selector(".effect")
    assert "lowered ×0.25" in tab.page.locator(".effect").inner_text()
    assert PublishedLists.open(tab.place).overlay.decisions.boosted
    tab.tab_to(".effect .act summary")
    keys.press("Enter")
    tab.tab_to(".effect input[name=why]")
    keys.type("a mistake")
    keys.press("Enter")
    tab.page.locator(".effect", has_text="ended").wait_for()
    assert not PublishedLists.open(tab.place).overlay.decisions.boosted


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_a_story_is_found_withheld_and_released_in_the_journal(tab: Tab, scheme: str) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 844})
    tab.page.emulate_media(color_scheme=scheme)
    tab.page.goto(f"{tab.root}/desk")
    tab.page.locator("#q").press_sequentially("glaceir topic2word1")  # misspelled
    tab.page.locator("#said", has_text="for “glacier").wait_for()
    tab.page.locator("#results a").first.click()
    tab.page.locator(".act.whole summary").click()
    form = tab.page.locator(".act.whole form").first
    form.locator("[value=withhold]").check()
    form.locator("[name=why]").fill("not tonight")
    form.locator("button").click()
    tab.page.locator("main .note", has_text="no list is shown").wait_for()
    assert_readable(tab.page, 390, scheme, "the effect of an act")
    tab.page.locator("nav a", has_text="Journal").click()
    tab.page.locator(".journal summary").first.click()
    form = tab.page.locator(".journal form").first
    form.locator("[name=why]").fill("it may")
    form.locator("button").click()
    tab.page.locator(".journal .effect", has_text="Released").wait_for()
    assert not PublishedLists.open(tab.place).overlay.withheld


def test_hostile_text_is_shown_and_runs_nothing(tab: Tab) -> None:
    PublishedLists.open(tab.place).pin(ODD, story="t0-s0", by="<script>pwned=1</script>")
    for address in ("/desk", "/desk/story?id=t0-s0", f"/desk/story?id={quote(ODD, safe='')}", "/desk?q=pwned"):
        tab.page.goto(tab.root + address)
        assert tab.page.evaluate("typeof pwned") == "undefined"
        assert tab.page.locator("img").count() == 0
        assert tab.page.locator('a[href^="javascript" i]').count() == 0
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("pwned")
    tab.page.wait_for_selector("#results li")
    assert tab.page.evaluate("typeof pwned") == "undefined"
    tab.page.evaluate(
        "const s = document.createElement('script'); s.textContent = 'pwned = 1'; document.body.append(s);"
    )
    assert tab.page.evaluate("typeof pwned") == "undefined"
    assert "Content Security Policy" in tab.complaints.pop()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_and_text_has_contrast(tab: Tab, width: int) -> None:
    PublishedLists.open(tab.place).pin(ODD, story="t0-s0")
    tab.page.set_viewport_size({"width": width, "height": 844})
    addresses = ("/desk", "/desk/story?id=t0-s0", "/desk/journal", "/desk/versions", "/desk/login", "/v1/docs")
    for address in (*addresses, f"/desk/story?id={quote(ODD, safe='')}"):
        tab.page.goto(tab.root + address)
        tab.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert_readable_in_both_schemes(tab.page, width, address)
