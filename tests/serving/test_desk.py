"""The desk: what its pages show, and what editors do there."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any
from urllib.parse import quote

import pytest

from recommender import PublishedLists
from recommender.editorial.journal import Journal
from recommender.jobs.precompute import precompute
from recommender.publishing.acts import record_purge
from recommender.publishing.comparison import Comparison, compare
from recommender.serving.changes import Changes
from recommender.serving.middleware import COOKIE
from tests.serving.conftest import MOMENT, ODD, SETTINGS, Served
from tests.serving.test_api import publish_again, wait_for
from tests.support.checkerboard import checkerboard


@pytest.fixture
def desk(served: Served) -> Served:
    """An editor who has logged in."""
    answer = served.post("/desk/login", data={"token": served.secret})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    return served


def page(desk: Served, article_id: str, more: str = "") -> str:
    return desk.get(f"/desk/story?id={quote(article_id, safe='')}{more}").text


def key(desk: Served) -> str:
    return re.findall(r'name="key" value="([0-9a-f]{64})"', page(desk, "t0-s0"))[0]


def act(desk: Served, **fields: Any) -> Any:
    return desk.post("/desk/act", data={"key": key(desk), "who": "Ana", "why": "a reason", **fields})


def shown(desk: Served, story: str = "t0-s0") -> list[str]:
    return [item["article_id"] for item in desk.get(f"/v1/read-next/{story}").json()["items"]]


def journal(desk: Served) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (desk.place / "journal.jsonl").read_text().splitlines()]


class TestActs:
    def test_a_pin_has_its_effect_at_once_and_is_undone(self, desk: Served) -> None:
        before = shown(desk)
        done = act(desk, what="pin", item="t2-s2", story="t0-s0", position="2", back="t0-s0")
        assert done.status_code == 303
        assert shown(desk) == [before[0], "t2-s2", before[1]]
        text = desk.get(done.headers["location"]).text
        assert "<b>Done:</b> Pinned" in text
        assert "Pinned by Ana" in text
        (entry,) = journal(desk)
        assert entry["before"] == {"holds": None, "list": before}
        assert entry["after"] == {"holds": {"position": 2, "until": None}, "list": shown(desk)}
        assert [entry[name] for name in ("who", "token", "what", "why")] == ["Ana", "ana", "pin", "a reason"]
        assert act(desk, undoes=entry["id"], back="t0-s0").status_code == 303
        assert shown(desk) == before
        assert journal(desk)[1]["undoes"] == entry["id"]

    def test_a_pin_of_what_is_withdrawn_says_that_nobody_sees_it(self, desk: Served) -> None:
        act(desk, what="withdraw", item="t2-s2")
        done = act(desk, what="pin", item="t2-s2", story="t0-s0", position="2", back="t0-s0")
        note = "t2-s2 is withdrawn: not shown until restore"
        assert f"But {note}" in desk.get(done.headers["location"]).text
        asked = {"what": "pin", "item": "t2-s2", "story": "t0-s0", "position": 1, "who": "Ana", "why": "news"}
        assert desk.post("/v1/acts", json=asked, headers=desk.bearer()).json()["notes"] == [note]
        assert "notes" not in journal(desk)[-1]

    def test_undoing_a_later_pin_brings_back_the_earlier_place(self, desk: Served) -> None:
        act(desk, what="pin", item="t2-s2", story="t0-s0", position="3")
        act(desk, what="pin", item="t2-s2", story="t0-s0", position="1")
        assert shown(desk)[0] == "t2-s2"
        act(desk, undoes=journal(desk)[-1]["id"])
        assert shown(desk)[2] == "t2-s2"

    @pytest.mark.parametrize("what", ["withdraw", "block", "block-everywhere"])
    def test_an_item_goes_at_once_and_comes_back(self, what: str, desk: Served) -> None:
        before = shown(desk)
        act(desk, what=what, item=before[0], story="t0-s0", back="t0-s0")
        assert shown(desk)[0] == before[1]
        act(desk, undoes=journal(desk)[0]["id"])
        assert shown(desk) == before

    def test_a_withheld_story_says_so_and_offers_the_way_back(self, desk: Served) -> None:
        act(desk, what="withhold", item="t0-s0", back="t0-s0")
        assert "no list is shown under this story" in page(desk, "t0-s0")
        assert 'name="what" value="release"' in page(desk, "t0-s0")
        assert desk.get("/v1/read-next/t0-s0").json()["status"] == "withheld"
        act(desk, what="release", item="t0-s0")
        assert shown(desk)

    def test_a_withdrawn_story_keeps_a_page_that_can_restore_it(self, desk: Served) -> None:
        act(desk, what="withdraw", item="t0-s0", back="t0-s0")
        assert "This story was withdrawn" in page(desk, "t0-s0")
        assert 'name="what" value="restore"' in page(desk, "t0-s0")

    def test_a_purged_story_is_not_restored_and_its_purge_has_no_way_back(self, desk: Served) -> None:
        overlay = PublishedLists.open(desk.place).overlay
        record_purge(Journal(desk.place / "journal.jsonl"), overlay, ["t0-s0"], "Ana", "court order")
        overlay.record("withdraw", ["t0-s0"])
        for fields in ({"what": "restore", "item": "t0-s0"}, {"undoes": journal(desk)[0]["id"]}):
            refused = act(desk, **fields)
            assert (refused.status_code, "--purged-too" in refused.text) == (400, True)
        assert desk.get("/v1/read-next/t0-s0").json()["status"] == "withdrawn"
        told = desk.get("/desk/journal").text
        assert "Purged <bdi>“t0-s0”</bdi>: its text is deleted" in told
        assert 'name="undoes"' not in told

    @pytest.mark.parametrize(
        ("fields", "status", "words"),
        [
            ({"what": "withdraw", "item": "t0-s0", "why": " "}, 400, "say why"),
            ({"what": "withdraw", "item": "t0-s0", "who": ""}, 400, "say who decides"),
            ({"what": "withdraw", "item": "t0-s9"}, 404, "no story has the id"),
            ({"what": "bury", "item": "t0-s0"}, 400, "expected one of"),
            ({"what": "pin", "item": "t0-s0", "story": "t0-s0"}, 400, "under itself"),
            ({"what": "pin", "item": "t0-s1"}, 400, "in whose list"),
            ({"what": "pin", "item": "t0-s1", "story": "t0-s0", "position": "first"}, 400, "position"),
            ({"what": "pin", "item": "t0-s1", "story": "t0-s0", "until": "2020-01-01"}, 400, "has passed"),
            ({"what": "restore", "item": "t0-s0"}, 400, "that is already so"),
            ({"undoes": "0000"}, 400, "no such act"),
        ],
    )
    def test_what_cannot_be_done_is_told_and_leaves_no_trace(
        self, fields: dict[str, str], status: int, words: str, desk: Served
    ) -> None:
        done = act(desk, **fields)
        assert done.status_code == status
        assert words in done.text
        assert not (desk.place / "journal.jsonl").exists() or not journal(desk)

    def test_a_program_may_act_and_remember_a_story_that_is_not_published_yet(self, served: Served) -> None:
        asked = {"what": "withdraw", "item": "to-come", "who": "legal", "why": "an order"}
        assert served.post("/v1/acts", json=asked, headers=served.bearer()).status_code == 404
        done = served.post("/v1/acts", json={**asked, "unknown_too": True}, headers=served.bearer())
        assert done.json()["after"]["holds"] is True
        assert "to-come" in PublishedLists.open(served.place).overlay.withdrawn

    def test_a_rules_file_is_never_written(self, desk: Served, tmp_path: Path) -> None:
        act(desk, what="block", item="t0-s1", story="t0-s0")
        act(desk, what="pin", item="t2-s2", story="t0-s0")
        changed = {path.name for path in desk.place.iterdir()}
        assert changed == {
            *(path.name for path in (desk.place.parent / "lists").iterdir()),
            "journal.jsonl",
            "tombstones.jsonl",
            "tombstones.head",
        }

    def test_a_line_that_was_cut_costs_no_other(self, desk: Served) -> None:
        act(desk, what="withhold", item="t0-s0")
        with (desk.place / "journal.jsonl").open("a") as file:
            file.write('{"who": "An')  # what a killed process leaves
        act(desk, what="release", item="t0-s0")
        text = desk.get("/desk/journal").text
        assert "Withheld the list" in text
        assert "Released the list" in text

    def test_a_section_is_lifted_at_once_and_let_go_in_the_journal(self, tmp_path: Path) -> None:
        stories = [{**one, "section": f"part{number % 2}"} for number, one in enumerate(checkerboard())]
        precompute(stories, tmp_path / "lists", settings=SETTINGS, as_of=MOMENT)
        with (desk := Served(tmp_path / "lists", tmp_path)).client:
            desk.post("/desk/login", data={"token": desk.secret})
            before = desk.get("/v1/read-next/t0-s0")
            done = act(desk, what="boost", item="part1", factor="50")
            assert "lists show other items or another order" in desk.get(done.headers["location"]).text
            after = desk.get("/v1/read-next/t0-s0", headers={"if-none-match": before.headers["etag"]})
            assert after.status_code == 200
            assert after.json()["items"][0]["section"] == "part1"
            assert "lifted ×50" in desk.get("/desk").text
            (entry,) = (json.loads(line) for line in desk.get("/desk/journal.jsonl").text.splitlines())
            assert (entry["what"], entry["item"], entry["factor"], entry["before"]["holds"]) == (
                "boost",
                "part1",
                50,
                None,
            )
            act(desk, undoes=entry["id"])
            assert desk.get("/v1/read-next/t0-s0").content == before.content
            for wrong in ({"item": "part7"}, {"item": "part1", "factor": "0"}, {"item": "part1", "factor": "many"}):
                assert act(desk, what="boost", **wrong).status_code in (400, 404)


class TestWhoMayAct:
    def test_nobody_acts_without_a_token_that_may_write(self, served: Served) -> None:
        asked = {"what": "withdraw", "item": "t0-s0", "who": "Ana", "why": "a reason"}
        assert served.post("/v1/acts", json=asked).status_code == 401
        assert served.post("/v1/acts", json=asked, headers=served.bearer("wrong")).status_code == 401
        assert served.post("/v1/acts", json=asked, headers=served.bearer(served.reader)).status_code == 403
        assert served.post("/desk/act", data=asked).status_code == 401
        assert not PublishedLists.open(served.place).overlay.withdrawn

    def test_a_form_of_another_site_is_refused(self, desk: Served) -> None:
        fields = {"what": "withdraw", "item": "t0-s0", "who": "Ana", "why": "a reason"}
        assert desk.post("/desk/act", data=fields).status_code == 403
        assert desk.post("/desk/act", data={**fields, "key": "0" * 64}).status_code == 403
        right = {**fields, "key": key(desk)}
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "same-site"}, {"origin": "null"}):
            assert desk.post("/desk/act", data=right, headers=headers).status_code == 403
        assert not PublishedLists.open(desk.place).overlay.withdrawn
        assert desk.post("/desk/act", data=right, headers={"origin": "http://localhost"}).status_code == 303

    def test_a_wrong_token_does_not_log_in(self, served: Served) -> None:
        answer = served.post("/desk/login", data={"token": "wrong"})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        served.client.cookies.set(COOKIE, "wrong")
        assert served.get("/desk").status_code == 200  # as anybody on this machine
        assert "Log in" in served.get("/desk").text

    def test_elsewhere_the_desk_is_behind_the_door(self, place: Path, tmp_path: Path) -> None:
        served = Served(place, tmp_path, host="0.0.0.0")
        answer = served.get("/desk/story?id=t0-s0")
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk/login")
        assert served.get("/desk/login").status_code == 200
        assert served.get("/static/style.css").status_code == 200
        served.post("/desk/login", data={"token": served.reader})
        assert served.get("/desk/story?id=t0-s0").status_code == 200
        assert "may write" in served.get("/desk/story?id=t0-s0").text
        served.post("/desk/logout")
        assert served.get("/desk").status_code == 303

    def test_the_journal_is_given_to_who_has_a_token(self, desk: Served) -> None:
        act(desk, what="withhold", item="t0-s0")
        assert desk.get("/desk/journal.jsonl").text == (desk.place / "journal.jsonl").read_text()
        desk.post("/desk/logout")
        assert desk.get("/desk/journal.jsonl").status_code == 401


class TestPages:
    def test_the_control_room_tells_totals_and_finds_stories(self, desk: Served) -> None:
        text = desk.get("/desk").text
        assert "Newest stories with weak lists" in text or "All related" in text
        assert "harbour ferry captain topic0word3" in desk.get("/desk?q=topic0word3").text
        assert "No story matches" in desk.get("/desk?q=zzzqqq").text
        assert "shown is what has" in desk.get("/desk?q=glaceir").text
        only = desk.get("/desk?section=section3&sort=oldest").text
        assert only.index("topic3word0") < only.index("topic3word5")
        assert "topic2word1" not in re.sub(r"(?s)<form.*?</form>", "", only)
        assert desk.get("/desk?sort=upwards").status_code == 400
        assert desk.get("/desk?offset=-1").status_code == 400

    def test_a_story_shows_its_list_with_reasons_and_bars(self, desk: Served) -> None:
        text = page(desk, "t0-s0")
        for title in (item["title"] for item in desk.get("/v1/read-next/t0-s0").json()["items"]):
            assert title in html.unescape(text)
        assert "Both on:" in text or "Same running story" in text
        assert "<svg" in text
        assert "running story, a day later" in text
        assert "Published a day later" not in text  # the reason tells it
        assert "style=" not in text
        assert desk.get("/desk/story?id=nobody").status_code == 404
        assert desk.get("/desk/story").status_code == 404

    def test_what_the_rules_kept_out_is_told_with_what_would_let_it_in(self, place: Path, tmp_path: Path) -> None:
        served = Served(place, tmp_path, archive=str(place.parent / "archive"))
        assert "Show what the rules kept out" in page(served, "t0-s0")
        PublishedLists.open(place).block("t0-s3", story="t0-s0")
        text = page(served, "t0-s0", "&rejected=1")
        assert "Blocked by an editorial rule" in text
        assert "Unblock it" in text
        assert "Pin it now" not in text  # nobody has logged in
        served.post("/desk/login", data={"token": served.secret})
        kept_out = page(served, "t0-s0", "&rejected=1").partition('id="kept-out"')[2]
        assert '<input type="hidden" name="item" value="t0-s3">' in kept_out
        act(served, what="pin", item="t2-s2", story="t0-s0", position="3", back="t0-s0")
        assert shown(served)[2] == "t2-s2"

    def test_hostile_text_never_becomes_markup(self, desk: Served) -> None:
        act(
            desk, what="pin", item=ODD, story="t0-s0", who="<script>pwned=1</script>", why="<img src=x onerror=pwned=1>"
        )
        act(desk, what="block", item=ODD, story="t1-s1")
        addresses = ["/desk", "/desk/journal", f"/desk/story?id={quote(ODD, safe='')}", "/desk/story?id=t0-s0"]
        addresses += ["/desk/story?id=t1-s1", "/desk?q=%3Cscript%3Epwned", "/desk/story?id=%3Cscript%3E"]
        for address in addresses:
            answer = desk.get(address)
            text = answer.text
            scripts = re.findall(r'<script src="/static/(\w+\.js)" defer></script>', text)
            assert scripts in ([], ["search.js", "desk.js"]), address
            assert len(re.findall("<script", text)) == len(re.findall("</script>", text)) == len(scripts), address
            assert "<img" not in text
            assert 'href="javascript' not in text
            assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', text))
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")

    def test_stories_are_filtered_by_outlet_and_sorted_by_each_column(self, tmp_path: Path) -> None:
        stories = [{**one, "source": ("The Wire", "Courier")[number % 2]} for number, one in enumerate(checkerboard())]
        precompute(stories, tmp_path / "lists", settings=SETTINGS, as_of=MOMENT)
        with (served := Served(tmp_path / "lists", tmp_path)).client:
            text = served.get("/desk?outlet=Courier").text
            assert ">12 stories</caption>" in text
            assert "<bdi>The Wire</bdi>" not in text
            found = served.get("/v1/stories?outlet=Courier&limit=50").json()
            assert {story["outlet"] for story in found["stories"]} == {"Courier"}
            for sort, column in (("title", "title"), ("section", "section"), ("outlet", "outlet")):
                text = served.get(f"/desk?sort={sort}").text
                assert 'aria-sort="ascending"' in text
                shown = re.findall(r'dir="auto">(.*?)</a></th>\n<td><bdi>(.*?)</bdi></td>\n<td><bdi>(.*?)</bdi>', text)
                place = ("title", "section", "outlet").index(column)
                assert [one[place] for one in shown] == sorted(one[place] for one in shown)
            for sort in ("warned", "weakest", "oldest"):
                assert served.get(f"/desk?sort={sort}").status_code == 200

    def test_pictures_are_shown_unless_they_are_not_wanted(self, tmp_path: Path) -> None:
        stories = [{**one, "image_url": f"https://courier.example/{one['id']}.jpg"} for one in checkerboard()]
        precompute(stories, tmp_path / "lists", settings=SETTINGS, as_of=MOMENT)
        for images in (True, False):
            answer = Served(tmp_path / "lists", tmp_path, images=images).get("/desk/story?id=t0-s0")
            assert ('<img src="https://courier.example/t0-s0.jpg"' in answer.text) == images
            assert ("img-src 'self' https: http:;" in answer.headers["content-security-policy"]) == images

    def test_the_control_room_tells_boilerplate_and_what_the_version_changed(self, tmp_path: Path) -> None:
        ask = "<p>Sign up to our <b>daily</b> newsletter.</p>"
        stories = [{**one, "body": f"{one['body']}. {ask}"} for one in checkerboard()]
        precompute(stories, tmp_path / "lists", settings=SETTINGS, as_of=MOMENT)
        with (desk := Served(tmp_path / "lists", tmp_path)).client:
            text = desk.get("/desk").text
            assert "Boilerplate found: 1 passage" in text
            assert "<q>Sign up to our daily newsletter.</q>" in text
            assert "What this version changed" not in text  # there is no version before
            changed = [{**one, "title": f"lighthouse {one['title']}"} for one in stories[1:]]
            precompute(changed, tmp_path / "lists", settings=SETTINGS, as_of=MOMENT, allow_shrink=True)
            wait_for(lambda: "What this version changed" in desk.get("/desk").text)
            text = desk.get("/desk").text
            assert "0 stories came, 1 went" in text
            gone = re.findall(r'(?s)<caption>(?:Added to|Removed from) most lists.*?id=([^"&]+)"', text)
            for one in gone:
                PublishedLists.open(desk.place).withdraw(one, unknown_too=True)
            listed = re.findall(r"(?s)<caption>(?:Came|Went).*?</table>", desk.get("/desk").text)
            assert not any(f'id={one}"' in part for one in gone for part in listed)

    def test_a_takedown_holds_in_what_the_version_changed_before_its_stories_are_read(self, desk: Served) -> None:
        precompute(checkerboard()[1:], desk.place, settings=SETTINGS, as_of=MOMENT, allow_shrink=True)
        lists, changes = PublishedLists.open(desk.place), Changes(desk.place)
        changes.follow(lists)
        comparison = changes.latest(lists)
        assert comparison is not None
        taken_down = comparison.came[0][0]
        PublishedLists.open(desk.place).withdraw(taken_down)
        comparison = changes.latest(lists)
        assert comparison is not None
        assert taken_down not in [item[0] for item in comparison.came]

    def test_a_comparison_is_made_once_until_something_is_decided(
        self, desk: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish_again(desk.place, "lighthouse")
        changes, made = Changes(str(desk.place)), list[Comparison]()

        def counted(*both: PublishedLists) -> Comparison:
            comparison = compare(*both)
            if current_thread() is main_thread():  # the desk compares the versions as well, in another thread
                made.append(comparison)
            return comparison

        monkeypatch.setattr("recommender.serving.changes.compare", counted)
        lists = PublishedLists.open(desk.place)
        before, after = (one.name for one in PublishedLists.versions(desk.place))
        assert changes.latest(lists) is None
        changes.follow(lists)
        changes.follow(lists)
        assert changes.latest(lists) is changes.between(before, after, lists) is made[0]
        assert len(made) == 1
        lists.withdraw("t0-s1")
        assert changes.between(before, after, lists).stories == made[0].stories - 1
        assert len(made) == 2

    def test_what_the_desk_cannot_read_keeps_no_version_from_readers(
        self, desk: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fails(lists: PublishedLists) -> None:
            raise OSError("the disk is gone")

        monkeypatch.setattr("recommender.serving.state.Stories", fails)
        for word in ("lighthouse", "harbour"):
            new = publish_again(desk.place, word)
            wait_for(lambda new=new: desk.get("/healthz").json()["version"] == new)
        wait_for(lambda: "the disk is gone" in caplog.text)

    def test_stories_are_found_by_misspelled_words_but_not_by_pieces_of_ids(self, tmp_path: Path) -> None:
        stories = [{**one, "id": f"harbuor{number}"} for number, one in enumerate(checkerboard())]
        precompute(stories, tmp_path / "lists", settings=SETTINGS, as_of=MOMENT)
        served = Served(tmp_path / "lists", tmp_path)
        assert served.get("/v1/stories?q=harbour1").json()["meant"] == ["harbour"]
        assert served.get("/v1/stories?q=harbuor1").json()["meant"] == []
        many = " ".join(f"harbuor{number}x" for number in range(60))
        assert served.get(f"/v1/stories?q={quote(many)}").status_code == 200

    def test_a_piece_of_a_headline_without_spaces_is_found(self, tmp_path: Path) -> None:
        stories = [
            {**one, "title": f"\u6e2f\u306e\u30d5\u30a7\u30ea\u30fc{number}"}
            for number, one in enumerate(checkerboard())
        ]
        precompute(stories, tmp_path / "lists", settings=SETTINGS, as_of=MOMENT)
        served = Served(tmp_path / "lists", tmp_path)
        for piece in ("\u30d5\u30a7\u30ea", "\u306e"):
            assert served.get(f"/v1/stories?q={quote(piece)}").json()["total"] == len(stories)

    def test_lists_that_tell_something_twice_are_found(self, tmp_path: Path) -> None:
        stories = [
            {**one, "title": f"The harbour ferry ran aground in the {'thick ' * (number % 2)}fog"}
            for number, one in enumerate(checkerboard())
        ]
        precompute(stories, tmp_path / "lists", settings=SETTINGS, as_of=MOMENT)
        served = Served(tmp_path / "lists", tmp_path)
        found = served.get("/v1/stories?status=warned&limit=50").json()
        assert found["total"] > 0
        assert any("headlines nearly alike" in one["warnings"] for one in found["stories"])
        assert f"Warnings ({found['total']})" in served.get("/desk").text

    def test_versions_are_compared(self, desk: Served) -> None:
        assert "Only one version is kept" in desk.get("/desk/versions").text
        new = publish_again(desk.place, "lighthouse")
        wait_for(lambda: desk.get("/healthz").json()["version"] == new)
        text = desk.get("/desk/versions").text
        assert "Lists that differ most" in text or "No list differs" in text
        assert desk.get("/desk/versions?a=000009-nothing").status_code == 404

    def test_a_database_needs_a_file_for_the_journal(self, place: Path, tmp_path: Path) -> None:
        from tests.serving.conftest import STORIES

        url = f"sqlite:///{tmp_path}/lists.db"
        precompute(STORIES, url, settings=SETTINGS, as_of=MOMENT)
        served = Served(Path(url), tmp_path, lists=url)
        assert served.get("/v1/read-next/t0-s0").status_code == 200
        assert served.get("/desk").status_code == 200
        asked = {"what": "withdraw", "item": "t0-s0", "who": "Ana", "why": "a reason"}
        refused = served.post("/v1/acts", json=asked, headers=served.bearer())
        assert (refused.status_code, "--journal FILE" in refused.text) == (409, True)
        served = Served(Path(url), tmp_path, lists=url, journal=str(tmp_path / "journal.jsonl"))
        assert served.post("/v1/acts", json=asked, headers=served.bearer()).status_code == 200
        assert served.get("/v1/read-next/t0-s0").status_code == 410
