"""The preview site: what is written, and what a browser makes of it."""

from __future__ import annotations

import html
import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from recommender import (
    PublishedLists,
    PublishError,
    ReadNext,
    Reason,
    Recommender,
    Rejected,
    Settings,
    UnknownArticleError,
    WithdrawnArticleError,
)
from recommender.features.families import FAMILIES
from recommender.jobs.precompute import precompute
from recommender.preview import write_preview
from recommender.preview.pages import PARTS, safe_link, story_values
from recommender.preview.replace import MARKER
from recommender.preview.site import page_name, script_json
from tests.cli.test_cli import refused
from tests.conftest import Visit
from tests.support.checkerboard import checkerboard
from tests.support.colours import assert_readable_in_both_schemes
from tests.support.processes import cli

SETTINGS = Settings.of(
    {"embedding": {"model": "tfidf"}, "selection": {"related_at": 0.05, "fill": (), "k": 3, "reserves": 2}}
)
HOSTILE = "../../<evil>\"'&\u202e" + "x" * 900
# as it is after reading, which drops what a browser would run for a headline
ATTACK = "<xss onfocus=pwned=1 autofocus tabindex=0> <SCRIPT>pwned=1 \"' \u202eשלום\u202c harbour ferry"
STORIES = [
    *checkerboard(),
    {
        "id": HOSTILE,
        "title": ATTACK.replace("<", "&lt;"),
        "body": "harbour ferry captain &lt;/script>&lt;script>pwned=1&lt;/script>",
        "section": '"><img src=//evil.example/x onerror=pwned=1>',
        "url": "javascript:pwned=1",
        "published_at": "2020-01-05T12:30:00Z",
    },
    {
        "id": "linked",
        "title": "Çelik’s harbour ferry",
        "url": "https://news.example/?a=1&b=\"'<",
        "body": "harbour ferry",
    },
    {"id": "untitled", "body": "The captain of the harbour ferry speaks. More below."},
    {"id": "embargoed", "title": "harbour ferry tomorrow", "body": "harbour ferry", "published_at": "2999-01-01"},
]


class Edited(PublishedLists):
    """The list of `t0-s0` ends with an item that filled a place, and the reasons of the first are hostile."""

    def get(self, article_id: str) -> ReadNext:
        found = super().get(article_id)
        if article_id != "t0-s0" or not found.items:
            return found
        reason = Reason("shared_terms", f"both on: {ATTACK}", 0.2, ((ATTACK, 0.125),))
        first = replace(found.items[0], reasons=(reason,), url="javascript:pwned=1")
        last = replace(found.items[-1], source="more")
        return replace(found, items=(first, *found.items[1:-1], last), status="filled")


def published(folder: Path, **options: Any) -> Edited:
    precompute(STORIES, folder, settings=SETTINGS, as_of=datetime(2020, 2, 1, tzinfo=UTC), **options)
    return Edited.open(folder)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published lists, for copies."""
    folder = tmp_path_factory.mktemp("made") / "lists"
    published(folder)
    return folder


@pytest.fixture
def lists(made: Path, tmp_path: Path) -> Edited:
    return Edited.open(shutil.copytree(made, tmp_path / "lists"))  # type: ignore[return-value]


def contents(site: Path) -> dict[str, bytes]:
    return {str(path.relative_to(site)): path.read_bytes() for path in sorted(site.rglob("*")) if path.is_file()}


def page(site: Path, article_id: str) -> str:
    return (site / "stories" / f"{page_name(article_id)}.html").read_text(encoding="utf-8")


def told(monkeypatch: pytest.MonkeyPatch, *candidates: Rejected) -> list[list[str]]:
    """The facade tells these rejected candidates of every story; gives what it was asked."""
    asked: list[list[str]] = []

    def explain_rejected(self: Recommender, ids: list[str]) -> dict[str, list[Rejected]]:
        asked.append(list(ids))
        return {article_id: list(candidates) for article_id in ids}

    monkeypatch.setattr(Recommender, "explain_rejected", explain_rejected)
    return asked


class TestPages:
    def test_every_story_has_a_page_and_the_same_lists_give_the_same_bytes(self, lists: Edited, tmp_path: Path) -> None:
        assert write_preview(lists, tmp_path / "a") == len(STORIES) + 1
        assert write_preview(lists, tmp_path / "deep" / "b") == len(STORIES) + 1
        written = contents(tmp_path / "a")
        assert written == contents(tmp_path / "deep" / "b")
        names = {f"stories/{page_name(story['id'])}.html" for story in STORIES}
        assert set(written) == {
            "index.html",
            "style.css",
            "icon.svg",
            "search.js",
            "preview.js",
            "search-data.js",
            MARKER,
            *names,
        }
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "deep", "lists"]

    @pytest.mark.parametrize("format", ["parquet", "sql"])
    def test_every_sink_gives_the_same_pages(self, format: str, lists: Edited, tmp_path: Path) -> None:
        place = f"sqlite:///{tmp_path / 'lists.db'}" if format == "sql" else str(tmp_path / "other")
        precompute(STORIES, place, settings=SETTINGS, as_of=datetime(2020, 2, 1, tzinfo=UTC), format=format)
        write_preview(lists, tmp_path / "a")
        write_preview(Edited.open(place), tmp_path / "b")
        assert contents(tmp_path / "a") == contents(tmp_path / "b")

    def test_text_of_articles_never_becomes_markup(self, lists: Edited, tmp_path: Path) -> None:
        write_preview(lists, tmp_path / "site")
        for name, data in contents(tmp_path / "site").items():
            text = data.decode()
            if name.endswith(".html"):
                assert len(re.findall("<script", text)) == len(re.findall("</script>", text)) == 2, name
                scripts = re.findall(r'<script src="(?:\.\./)?(\w+\.js)" defer></script>', text)
                assert scripts == ["search.js", "preview.js"], name
                assert "<img" not in text
                assert 'href="javascript' not in text
        data = (tmp_path / "site" / "search-data.js").read_text(encoding="utf-8")
        assert not set("<>&\u2028\u2029") & set(data)
        assert 'href="https://news.example/?a=1&amp;b=&#34;&#39;&lt;"' in page(tmp_path / "site", "linked")

    def test_a_story_without_a_title_is_shown_by_its_line(self, lists: Edited, tmp_path: Path) -> None:
        write_preview(lists, site := tmp_path / "site")
        story = lists.get("untitled").story
        assert story is not None
        assert story.title
        assert story.line == ""
        assert f'<h1 dir="auto" lang="">{story.title}</h1>' in page(site, "untitled")
        assert f">{story.title}</a>" in (site / "index.html").read_text(encoding="utf-8")

    def test_states_of_lists_are_said(self, lists: Edited, tmp_path: Path) -> None:
        lists.withhold("t1-s0")
        write_preview(lists, site := tmp_path / "site")
        assert "Withheld: no list" in page(site, "t1-s0")
        assert "No list yet" in page(site, "embargoed")
        assert "harbour ferry tomorrow" not in (site / "index.html").read_text(encoding="utf-8")
        assert "places empty" not in page(site, "t0-s1")
        for story in list(lists.ids()):
            if story.startswith("t1-s") and story not in ("t1-s0", "t1-s1"):
                lists.withdraw(story)
        write_preview(lists, site)
        assert "To look at: 2 places empty" in page(site, "t1-s1")

    def test_filled_places_stand_under_a_heading_of_their_own(self, lists: Edited, tmp_path: Path) -> None:
        write_preview(lists, site := tmp_path / "site")
        text = page(site, "t0-s0")
        last = lists.get("t0-s0").items[-1]
        shown = f">{last.title or last.line}</a>"
        assert text.index(">Read next</h2>") < text.index(">More: the next best</h2>") < text.index(shown)
        assert ">More: the next best</h2>" not in page(site, "t0-s1")
        assert "In reserve, for the places of what is withdrawn" in page(site, "t0-s1")
        assert "Filled up (1)" in (site / "index.html").read_text(encoding="utf-8")

    def test_a_pin_behind_the_next_best_stands_behind_them_on_the_page(self, lists: Edited) -> None:
        found = lists.get("t0-s0")
        sources = ("pinned", "more", "pinned")
        items = tuple(replace(item, source=source) for item, source in zip(found.items, sources, strict=True))
        parts = story_values(replace(found, items=items), None)["parts"]
        assert [(is_more, [item.rank for item in shown]) for is_more, shown in parts] == [
            (False, [1]),
            (True, [2]),
            (False, [3]),
        ]

    def test_withdrawn_stories_vanish_with_their_pages(self, lists: Edited, tmp_path: Path) -> None:
        write_preview(lists, site := tmp_path / "site")
        gone = lists.get("t0-s0").items[0]
        assert gone.title.encode() in b"".join(contents(site).values())
        lists.withdraw(gone.article_id)
        write_preview(lists, site)
        whole = b"".join(contents(site).values())
        assert gone.title.encode() not in whole
        assert page_name(gone.article_id).encode() not in whole
        assert f"stories/{page_name(gone.article_id)}.html" not in contents(site)

    def test_a_story_withdrawn_while_pages_are_written_is_in_none(self, lists: Edited, tmp_path: Path) -> None:
        gone = lists.get("t0-s0").items[0]

        def progress(stage: str, done: int, total: int | None) -> None:
            if stage == "pages" and done == total and gone.article_id in set(lists.ids()):
                PublishedLists.open(lists.place).withdraw(gone.article_id)

        assert write_preview(lists, tmp_path / "site", progress=progress) == len(STORIES)
        assert gone.title.encode() not in b"".join(contents(tmp_path / "site").values())

    def test_reasons_bars_and_numbers_of_every_item_and_reserve_are_on_the_page(
        self, lists: Edited, tmp_path: Path
    ) -> None:
        write_preview(lists, site := tmp_path / "site")
        found, text = lists.get("t0-s1"), html.unescape(page(site, "t0-s1"))
        assert found.reserves
        assert text.count("<svg") >= len(found.items)
        for item in (*found.items, *found.reserves):
            assert item.title in text
            assert str(item.reasons[0])[1:] in text
            factors = {"freshness", "boost"}  # of which 1 says nothing
            for value in (item.score, *(value for name, value in item.components.items() if name not in factors)):
                assert "none" if value is None else f"<dd>{value:.3f}</dd>" in text
            for _, weight in (term for reason in item.reasons for term in reason.terms):
                assert f"<dd>{weight:.3f}</dd>" in text

    def test_the_index_tells_length_status_and_warnings(self, lists: Edited, tmp_path: Path) -> None:
        for story in list(lists.ids()):
            if story.startswith("t1-s") and story not in ("t1-s0", "t1-s1"):
                lists.withdraw(story)
        lists.withhold("t2-s0")
        write_preview(lists, site := tmp_path / "site")
        text = (site / "index.html").read_text(encoding="utf-8")
        row = text[text.index(f">{lists.get('t1-s1').story.title}</a>") :]  # type: ignore[union-attr]
        assert row.index("1 of 3 related") < row.index("2 places empty") < row.index("</tr>")
        assert "<dt>Withheld</dt><dd>1</dd>" in text

    def test_addresses_hold_the_id_or_words_of_it(self, lists: Edited, tmp_path: Path) -> None:
        write_preview(lists, site := tmp_path / "site")
        assert (site / "stories" / "t0-s0.html").is_file()
        assert page_name(HOSTILE).startswith("evil-x")
        assert len({page_name(f"Ä{number}/") for number in range(1_000)}) == 1_000
        assert len(page_name("x" * 5_000)) < 100

    def test_only_some_stories_get_a_page(self, lists: Edited, tmp_path: Path) -> None:
        site = tmp_path / "site"
        assert write_preview(lists, site, ids=["t0-s0", "t0-s1"]) == 3
        assert sorted(path.name for path in (site / "stories").iterdir()) == ["t0-s0.html", "t0-s1.html"]
        text = page(site, "t0-s0")
        addresses = re.findall(r'href="([\w-]+)\.html"', text)
        assert set(addresses) <= {"t0-s0", "t0-s1"}

    def test_pictures_are_shown_unless_they_are_not_wanted(self, tmp_path: Path) -> None:
        stories = [{**one, "image_url": f"https://courier.example/{one['id']}.jpg"} for one in checkerboard()]
        precompute(stories, tmp_path / "lists", settings=SETTINGS)
        lists = PublishedLists.open(tmp_path / "lists")
        write_preview(lists, site := tmp_path / "site")
        text = page(site, "t0-s0")
        for item in lists.get("t0-s0"):
            assert f'<img src="https://courier.example/{item.article_id}.jpg" alt=""' in text
        assert "img-src 'self' https: http:;" in text
        write_preview(lists, site, images=False)
        assert "<img" not in page(site, "t0-s0")
        assert "img-src 'self';" in page(site, "t0-s0")


class TestRejected:
    @pytest.fixture(scope="class")
    def fitted(self) -> Recommender:
        return Recommender(SETTINGS).fit(STORIES)

    @pytest.fixture
    def snapshot(self, fitted: Recommender, tmp_path: Path) -> Path:
        fitted.save(tmp_path / "snap")
        return tmp_path / "snap"

    def test_they_stand_under_their_rule(
        self, lists: Edited, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lists.withdraw("t3-s1")
        asked = told(
            monkeypatch,
            Rejected("t1-s0", ATTACK, "section1", datetime(2020, 1, 1, 1, tzinfo=UTC), 0.031, 0.03, "unrelated"),
            Rejected("t3-s1", "withdrawn since", None, None, 0.5, 0.5, "copy"),
            Rejected("t2-s0", "Another", None, None, 0.4321, 0.4, "a_new_rule"),
            Rejected("t2-s1", "A third", None, None, 0.4, 0.4, "cap", "access = paid, at most 2"),
        )
        write_preview(lists, site := tmp_path / "site", archive=snapshot, ids=["t0-s0"])
        assert asked == [["t0-s0"]]
        text = page(site, "t0-s0")
        assert "Not close enough to the story" in text
        assert "a_new_rule" in text
        assert "access = paid, at most 2" in text
        assert "0.432" in text
        assert "withdrawn since" not in text
        assert "<script>pwned" not in text
        assert not (site / "stories" / "t0-s1.html").exists()
        assert "stories/t0-s0.html#kept-out" in (site / "index.html").read_text(encoding="utf-8")

    def test_without_ids_a_sample_is_drawn_the_same_each_time(
        self, lists: Edited, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = told(monkeypatch)
        lists.withdraw("t3-s1")
        Recommender.load(snapshot).withdraw("t3-s2")
        for _ in range(2):
            write_preview(lists, tmp_path / "site", archive=snapshot, sample=5)
        write_preview(lists, tmp_path / "site", archive=snapshot, sample=1_000)
        assert asked[0] == asked[1]
        assert len(set(asked[0])) == 5
        assert set(asked[2]) == {story["id"] for story in STORIES} - {"t3-s1", "t3-s2"}
        assert "No candidate was rejected." in page(tmp_path / "site", asked[0][0])

    def test_ids_that_cannot_be_told_are_refused(self, lists: Edited, snapshot: Path, tmp_path: Path) -> None:
        lists.withdraw("t3-s1")
        with pytest.raises(UnknownArticleError, match=r"'t0-s00' in .*; did you mean 't0-s0'"):
            write_preview(lists, tmp_path / "site", archive=snapshot, ids=["t0-s00"])
        with pytest.raises(WithdrawnArticleError):
            write_preview(lists, tmp_path / "site", archive=snapshot, ids=["t3-s1"])
        assert not (tmp_path / "site").exists()


class TestFolder:
    def test_what_is_no_preview_is_left_alone(self, lists: Edited, tmp_path: Path) -> None:
        foreign = tmp_path / "foreign"
        foreign.mkdir()
        (foreign / "thesis.txt").write_text("years of work")
        (tmp_path / "file").touch()
        for place, words in ((foreign, "holds no preview"), (tmp_path / "file", "is a file"), (lists.place, "holds")):
            with pytest.raises(PublishError, match=words):
                write_preview(lists, place)
        (tmp_path / MARKER).touch()
        with pytest.raises(PublishError, match="which the preview reads"):
            write_preview(lists, tmp_path)
        assert contents(foreign) == {"thesis.txt": b"years of work"}
        (empty := tmp_path / "empty").mkdir()
        write_preview(lists, empty)
        write_preview(lists, empty)

    def test_an_interrupted_run_leaves_the_old_site(
        self, lists: Edited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_preview(lists, site := tmp_path / "site")
        before = contents(site)
        lists.withdraw("t0-s1")
        for broken in ("site._search_data", "site._row", "replace._swap"):
            with monkeypatch.context() as patch:
                patch.setattr(f"recommender.preview.{broken}", _interrupt)
                with pytest.raises(KeyboardInterrupt):
                    write_preview(lists, site)
            assert contents(site) == before
        renames = iter((os.rename, _interrupt, os.rename))
        with monkeypatch.context() as patch:
            patch.setattr("recommender.preview.replace.os.rename", lambda *paths: next(renames)(*paths))
            with pytest.raises(KeyboardInterrupt):
                write_preview(lists, site)
        assert contents(site) == before
        # what runs leave that were killed while writing and between the two renames
        (tmp_path / ".site.preview" / "new").mkdir(parents=True)
        site.rename(tmp_path / ".site.preview" / "old")
        with monkeypatch.context() as patch:
            patch.setattr("recommender.preview.site._row", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                write_preview(lists, site)
        assert contents(site) == before
        write_preview(lists, site)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lists", "site"]

    def test_only_one_writer(self, lists: Edited, tmp_path: Path) -> None:
        def progress(stage: str, done: int, total: int | None) -> None:
            if done == 0:
                with pytest.raises(PublishError, match="another process"):
                    write_preview(lists, tmp_path / "site")

        write_preview(lists, tmp_path / "site", progress=progress)
        assert (tmp_path / "site" / "index.html").is_file()

    def test_names_are_safe_whatever_the_id_and_whatever_the_case(self) -> None:
        ids = [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "A",
            "a",
            "é",
            "e\u0301",
            "\x00",
            "\ud800",
            "x" * 1_000,
            "x" * 1_001,
            "CON",
        ]
        names = [page_name(i) for i in ids]
        assert len({name.lower() for name in names}) == len(ids)
        assert all(re.fullmatch(r"[\w-]*(~[a-z2-7]{12})?", name, re.ASCII) for name in names)

    def test_every_family_of_features_is_put_in_words(self) -> None:
        assert FAMILIES.keys() <= PARTS.keys()

    def test_links_and_scripts(self) -> None:
        refused = ["javascript:x", " https://a", "https:/a", "https://a b", "//a", "data:x", "ht\ntps://a", "", None]
        assert [safe_link(url) for url in refused] == [""] * len(refused)
        assert safe_link("HTTP://news.example/ü") == "HTTP://news.example/ü"
        assert script_json("</script>&\u2029\"'") == '"\\u003c/script\\u003e\\u0026\\u2029\\"\'"'


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("lists")
def test_command_line(tmp_path: Path) -> None:
    done = cli("preview", "--lists", tmp_path / "lists", "--to", tmp_path / "site")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"wrote {len(STORIES) + 1} pages" in done.stdout
    refused(cli("preview", "--lists", tmp_path / "lists", "--to", tmp_path / "lists"), "choose another folder")
    refused(cli("preview", "--lists", tmp_path / "nothing", "--to", tmp_path / "site"), "no published lists in")


# -- in a browser -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preview")
    write_preview(Edited.open(made), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module", params=["file", "http"])
def root(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Address of the site, from the disk and from a web server."""
    if request.param == "file":
        yield site.as_uri()
        return
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Tab:
    page: Any
    root: str
    complaints: list[str]

    def story(self, article_id: str) -> None:
        self.page.goto(f"{self.root}/stories/{page_name(article_id)}.html")

    def search(self, text: str) -> list[str]:
        self.page.keyboard.press("/")
        self.page.wait_for_selector("#said:empty", state="attached")
        self.page.keyboard.insert_text(text)  # one change, so no results of half a query
        self.page.wait_for_selector("#said:not(:empty)")
        return self.page.locator("#results .title").all_text_contents()  # type: ignore[no-any-return]


@pytest.fixture
def tab(visit: Visit, root: str) -> Iterator[Tab]:
    yield Tab(visit.page, root, visit.complaints)
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(root + "/")] == []


class TestBrowser:
    def test_hostile_text_is_shown_and_runs_nothing(self, tab: Tab) -> None:
        tab.page.goto(f"{tab.root}/index.html")
        assert any(title.startswith(ATTACK[:40]) for title in tab.search("pwned"))
        for article_id in (HOSTILE, "t0-s0"):
            tab.story(article_id)
            for one in tab.page.locator("summary").all():
                one.click()
            assert tab.page.evaluate("typeof pwned") == "undefined"
            assert tab.page.locator("img").count() == 0
            assert tab.page.locator('a[href^="javascript" i]').count() == 0
            assert ATTACK[:40] in tab.page.locator("main").inner_text()
        tab.story(HOSTILE)
        assert tab.page.locator("h1").inner_text() == ATTACK
        assert "javascript:pwned=1" in tab.page.locator(".address").inner_text()

    def test_inline_code_is_barred_by_policy(self, tab: Tab) -> None:
        tab.page.goto(f"{tab.root}/index.html")
        tab.page.evaluate(
            "const s = document.createElement('script'); s.textContent = 'pwned = 1'; document.body.append(s);"
        )
        assert tab.page.evaluate("typeof pwned") == "undefined"
        assert "Content Security Policy" in tab.complaints.pop()

    def test_search_with_the_keyboard(self, tab: Tab) -> None:
        tab.page.goto(f"{tab.root}/index.html")
        assert tab.search("celik FERRY") == ["Çelik’s harbour ferry"]
        box = tab.page.locator("#q")
        assert box.get_attribute("aria-expanded") == "true"
        tab.page.keyboard.press("Escape")
        tab.page.wait_for_selector("#results[hidden]", state="attached")
        titles = tab.search("tenor")
        assert len(titles) == 6
        assert titles[0].endswith("topic1word5")  # the newest first
        tab.page.keyboard.press("ArrowDown")
        tab.page.keyboard.press("ArrowDown")
        chosen = tab.page.locator('[aria-selected="true"]')
        assert chosen.get_attribute("id") == box.get_attribute("aria-activedescendant")
        wanted = chosen.locator(".title").inner_text()
        assert wanted == titles[1]
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_url("**/stories/*")
        assert tab.page.locator("h1").inner_text() == wanted
        assert tab.search("no such words") == []
        assert tab.page.locator("#said").inner_text() == "No story matches."

    def test_enter_does_not_wait_for_the_pause_in_typing(self, tab: Tab) -> None:
        tab.story("t0-s0")
        tab.page.keyboard.press("/")
        tab.page.keyboard.type("topic2word3")
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_url(f"**/stories/{page_name('t2-s3')}.html")

    def test_filters_list_stories_without_a_word(self, tab: Tab) -> None:
        tab.page.goto(f"{tab.root}/index.html")
        tab.page.locator("#section").select_option(label="section2 (6)")
        tab.page.wait_for_selector("#results li")
        assert tab.page.locator("#results li").count() == 6
        tab.page.locator("#section").select_option("")
        tab.page.locator("#list").select_option(label="Not yet public (1)")
        tab.page.wait_for_selector("#results li:only-child")
        assert "harbour ferry tomorrow" in tab.page.locator("#results").inner_text()

    def test_a_list_leads_from_story_to_story(self, tab: Tab) -> None:
        tab.story("t0-s0")
        assert tab.page.locator("main h2").all_inner_texts()[:2] == ["Read next", "More: the next best"]
        item = tab.page.locator(".rail li").first
        title = item.locator("h3 a").inner_text()
        assert re.match(r"\d+ Jan 2020", item.locator(".seen .meta").inner_text())
        first = tab.page.url
        item.locator("a").click()
        tab.page.wait_for_url(lambda url: url != first)
        assert tab.page.locator("h1").inner_text() == title
        tab.page.locator(".brand a").click()
        tab.page.wait_for_url("**/index.html")

    def test_words_that_are_misspelled_and_ids_are_found(self, tab: Tab) -> None:
        tab.page.goto(f"{tab.root}/index.html")
        assert tab.search("captian topic0word3") == [STORIES[3]["title"]]
        assert "for “captain topic0word3”" in tab.page.locator("#said").inner_text()
        tab.page.keyboard.press("Escape")
        tab.page.wait_for_selector("#results[hidden]", state="attached")
        assert tab.search("t2-s3")[0] == next(one["title"] for one in STORIES if one["id"] == "t2-s3")
        assert "related" in tab.page.locator("#results .meta").first.inner_text()

    def test_figures_are_told_on_demand_and_what_says_nothing_is_left_out(self, tab: Tab) -> None:
        tab.story("t0-s1")
        figures = tab.page.locator(".figures").first
        assert not figures.locator("dl").first.is_visible()
        because = tab.page.locator(".because").first.inner_text()
        assert "running story, a day earlier" in because
        assert "Published" not in because  # the reason tells it
        assert "Few other stories" in str(tab.page.locator(".bars li").first.get_attribute("title"))
        figures.locator("summary").focus()
        tab.page.keyboard.press("Enter")
        assert "Alike in meaning" in figures.locator("dl").first.inner_text()
        assert "Boost" not in figures.inner_text()
        assert "What speaks for it and against it" in figures.inner_text()
        assert not tab.page.locator(".best .rail").is_visible()
        tab.page.locator(".best > summary").click()
        assert tab.page.locator(".best .rail > li").count() == 2

    @pytest.mark.parametrize("width", [320, 390, 1280])
    def test_nothing_is_wider_than_the_screen_and_text_has_contrast(self, tab: Tab, width: int) -> None:
        tab.page.set_viewport_size({"width": width, "height": 844})
        for address in ("index.html", *(f"stories/{page_name(i)}.html" for i in (HOSTILE, "t0-s0", "linked"))):
            tab.page.goto(f"{tab.root}/{address}")
            assert_readable_in_both_schemes(tab.page, width, address)

    def test_a_withdrawn_story_is_gone_after_the_next_run(self, visit: Visit, lists: Edited, tmp_path: Path) -> None:
        write_preview(lists, tmp_path / "site")
        page = visit.page
        gone = lists.get("t0-s0").items[0]
        tab = Tab(page, (tmp_path / "site").as_uri(), visit.complaints)
        page.goto(f"{tab.root}/index.html")
        assert tab.search(gone.title) == [gone.title]
        lists.withdraw(gone.article_id)
        write_preview(lists, tmp_path / "site")
        page.goto(f"{tab.root}/index.html")
        assert gone.title not in tab.search(gone.title)
        tab.story("t0-s0")
        assert gone.title not in page.content()

    def test_the_skip_link_is_the_first_stop_and_focus_is_seen(self, tab: Tab) -> None:
        tab.story("t0-s0")
        tab.page.keyboard.press("Tab")
        focused = tab.page.locator(":focus")
        assert focused.inner_text() == "Skip to the story"
        assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        tab.page.keyboard.press("Enter")
        assert tab.page.evaluate("document.activeElement.id") == "main"
