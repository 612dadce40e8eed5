"""The read API: what it answers, what it refuses, and that nobody sees half of two versions."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from recommender import PublishedLists
from recommender.publishing import open_publisher
from recommender.serving.config import Config
from recommender.serving.tokens import Tokens
from tests.serving.conftest import MOMENT, ODD, SETTINGS, STORIES, Served
from tests.support.checkerboard import checkerboard


def publish_again(place: Path, titles: str = "harbour ferry") -> str:
    """Another version: every headline begins with other words."""
    from recommender.jobs.precompute import precompute

    stories = [{**story, "title": f"{titles} {story['title']}"} for story in checkerboard()]
    return precompute(stories, place, settings=SETTINGS, as_of=MOMENT, allow_shrink=True).version


class TestLists:
    def test_a_list_is_given_as_it_is_stored(self, served: Served) -> None:
        answer = served.get("/v1/read-next/t0-s0")
        assert answer.status_code == 200
        assert answer.content == PublishedLists.open(served.place).json("t0-s0")
        assert answer.headers["cache-control"] == "no-cache"
        again = served.get("/v1/read-next/t0-s0", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert served.get("/v1/read-next/t0-s0", headers={"if-none-match": '"other"'}).status_code == 200

    def test_who_keeps_lists_is_told_for_how_long(self, place: Path, tmp_path: Path) -> None:
        kept = Served(place, tmp_path, max_age=30).get("/v1/read-next/t0-s0")
        assert kept.headers["cache-control"] == "public, max-age=30"

    def test_places_can_be_fewer_or_as_many_as_there_are_reserves(self, served: Served) -> None:
        whole = served.get("/v1/read-next/t0-s0").json()
        for k in (1, 4, 5, 50):
            found = served.get("/v1/read-next/t0-s0", params={"k": k}).json()
            assert [item["article_id"] for item in found["items"]] == [
                item["article_id"] for item in (*whole["items"], *whole["reserves"])
            ][:k]
            assert found["status"] == ("short" if k == 50 else "filled" if "more" in str(found["items"]) else "ok")
        for k in ("0", "-1", "many", "101", "1.5", "１"):
            assert served.get("/v1/read-next/t0-s0", params={"k": k}).status_code == 400

    def test_unknown_and_withdrawn_stories_have_statuses_of_their_own(self, served: Served) -> None:
        assert served.get("/v1/read-next/nobody").status_code == 404
        assert served.get("/v1/read-next/nobody").json()["items"] == []
        before = served.get("/v1/read-next/t0-s1").headers["etag"]
        PublishedLists.open(served.place).withdraw("t0-s0")
        assert served.get("/v1/read-next/t0-s0").status_code == 410
        after = served.get("/v1/read-next/t0-s1", headers={"if-none-match": before})
        assert after.status_code == 200
        assert "t0-s0" not in {item["article_id"] for item in after.json()["items"]}

    @pytest.mark.parametrize("path", [f"/v1/read-next/{quote(ODD, safe='')}", f"/v1/read-next?id={quote(ODD)}"])
    def test_an_id_may_hold_anything(self, path: str, served: Served) -> None:
        assert served.get(path.replace("#", "%23")).json()["article_id"] == ODD

    @pytest.mark.parametrize(
        "path",
        ["..%2F..%2Fetc%2Fpasswd", "%00", "%ff%fe", "a" * 3_000, "..%5C..%5Cwindows", "%2e%2e%2fCURRENT", "CURRENT"],
    )
    def test_an_id_is_never_a_path(self, path: str, served: Served) -> None:
        answer = served.get(f"/v1/read-next/{path}")
        assert answer.status_code == 404
        assert answer.json()["status"] == "unknown"
        assert served.get(f"/static/{path}").status_code == 404

    def test_many_lists_come_from_one_version(self, served: Served) -> None:
        found = served.post("/v1/read-next/batch", json={"ids": ["t0-s0", "nobody", "t1-s1"], "k": 1}).json()
        assert [(one["article_id"], one["status"]) for one in found["lists"]][1] == ("nobody", "unknown")
        assert {one["version"] for one in found["lists"]} == {found["version"]}
        assert [len(one["items"]) for one in found["lists"]] == [1, 0, 1]
        numbers = served.post("/v1/read-next/batch", json={"ids": [17, "17"]}).json()
        assert [one["article_id"] for one in numbers["lists"]] == ["17", "17"], "as in Python"
        for wrong in (
            {},
            {"ids": []},
            {"ids": "t0-s0"},
            {"ids": [1.5]},
            {"ids": [True]},
            {"ids": ["a"] * 201},
            {"ids": ["a"], "k": 0},
        ):
            assert served.post("/v1/read-next/batch", json=wrong).status_code == 400
        for body in (b"", b"{", b"[]", b"\xff"):
            assert served.post("/v1/read-next/batch", content=body).status_code == 400

    def test_a_draft_gets_a_list_that_obeys_the_overlay_of_the_published_lists(
        self, place: Path, tmp_path: Path
    ) -> None:
        served = Served(place, tmp_path, archive=str(place.parent / "archive"))
        draft = {"title": "Harbour ferry captain speaks", "body": "The harbour ferry captain.", "k": 2}
        first = served.post("/v1/read-next", json=draft).json()
        assert len(first["items"]) == 2
        PublishedLists.open(place).withdraw(first["items"][0]["article_id"])
        second = served.post("/v1/read-next", json=draft).json()
        assert first["items"][0]["article_id"] not in {item["article_id"] for item in second["items"]}
        assert served.post("/v1/read-next", json={"section": "news"}).status_code == 400

    def test_a_draft_needs_an_archive(self, served: Served) -> None:
        answer = served.post("/v1/read-next", json={"title": "Harbour ferry"})
        assert answer.status_code == 501
        assert "--archive" in answer.json()["error"]

    @pytest.mark.parametrize(
        ("method", "address", "code", "error"),
        [
            ("GET", "/v1/readnext/t1-s3", 404, "nothing is at /v1/readnext/t1-s3; /v1/docs lists"),
            ("PUT", "/v1/stories", 405, "PUT is not answered at /v1/stories; /v1/docs lists"),
            ("GET", "/desk/story/t1-s3", 404, "nothing is at /desk/story/t1-s3; /v1/docs lists"),
        ],
    )
    def test_a_wrong_address_is_told(self, served: Served, method: str, address: str, code: int, error: str) -> None:
        answer = served.client.request(method, address)
        assert (answer.status_code, error in answer.text) == (code, True)


class TestStories:
    def test_stories_are_found_by_words_their_beginnings_and_misspelled(self, served: Served) -> None:
        def found(**query: Any) -> list[str]:
            return [story["id"] for story in served.get("/v1/stories", params=query).json()["stories"]]

        assert found(q="opera TENOR topic1word3") == ["t1-s3"]
        assert found(q="topic1word3 opr") == []
        assert found(q="glac") == [f"t2-s{number}" for number in range(5, -1, -1)]
        assert found(q="glaceir morane") == found(q="glacier moraine")
        assert served.get("/v1/stories", params={"q": "glaceir"}).json()["meant"] == ["glacier"]
        assert found(q="t3-s2")[0] == "t3-s2"
        assert found(q='"; DROP TABLE stories; --') == []
        assert found(q="zzzzqqq") == []
        assert found(section="section3", limit=2) == ["t3-s5", "t3-s4"]
        assert found(section="section3", limit=2, offset=2) == ["t3-s3", "t3-s2"]
        assert found(status="not_computed") == ["embargoed"]
        assert served.get("/v1/stories", params={"limit": 0}).status_code == 400
        answer = served.get("/v1/stories", params={"status": "weak"})
        assert (answer.status_code, answer.json()["error"][:40]) == (400, "status is 'weak', expected one of ok, fi")

    def test_withdrawn_stories_are_not_found(self, served: Served) -> None:
        assert served.get("/v1/stories", params={"q": "topic1word3"}).json()["total"] == 1
        PublishedLists.open(served.place).withdraw("t1-s3")
        assert served.get("/v1/stories", params={"q": "topic1word3"}).json()["total"] == 0


class TestVersions:
    def test_a_new_version_and_a_rollback_are_seen_without_a_restart(self, served: Served) -> None:
        old = served.get("/v1/versions").json()["serving"]
        assert served.get("/v1/stories", params={"q": "lighthouse"}).json()["total"] == 0
        new = publish_again(served.place, "lighthouse")
        wait_for(lambda: served.get("/healthz").json()["version"] == new)
        assert served.get("/v1/read-next/t0-s0").json()["version"] == new
        wait_for(lambda: served.get("/v1/stories", params={"q": "lighthouse"}).json()["total"] == 24)
        told = served.get("/v1/versions").json()
        assert [one["version"] for one in told["versions"]] == [new, old]
        assert [one["current"] for one in told["versions"]] == [True, False]
        open_publisher(served.place).rollback()
        wait_for(lambda: served.get("/healthz").json()["version"] == old)

    def test_a_version_that_cannot_be_read_leaves_the_last_and_is_told(self, served: Served) -> None:
        old = served.get("/healthz").json()["version"]
        pointer = served.place / "CURRENT"
        kept = pointer.read_bytes()
        pointer.write_bytes(b"{}")
        wait_for(lambda: served.get("/healthz").json()["status"] == "stale")
        assert served.get("/v1/read-next/t0-s0").json()["version"] == old
        pointer.write_bytes(kept)
        wait_for(lambda: served.get("/healthz").json()["status"] == "ok")

    def test_readers_during_publishes_and_withdrawals_see_whole_lists(self, served: Served) -> None:
        done, torn = threading.Event(), []
        ids = [story["id"] for story in checkerboard()]

        def read() -> None:
            while not done.is_set():
                found = served.post("/v1/read-next/batch", json={"ids": ids}).json()
                one = {record["version"] for record in found["lists"]} == {found["version"]}
                shown = {item["article_id"] for record in found["lists"] for item in record["items"]}
                gone = {record["article_id"] for record in found["lists"] if record["status"] == "withdrawn"}
                if not one or shown & gone:
                    torn.append(found)

        reader = threading.Thread(target=read)
        reader.start()
        lists = PublishedLists.open(served.place)
        for number in range(4):
            lists.withdraw(f"t{number}-s1")
            publish_again(served.place, f"edition {number}")
            lists.restore(f"t{number}-s1")
        done.set()
        reader.join()
        assert not torn

    def test_a_damaged_overlay_gives_no_list_and_no_secret(self, served: Served) -> None:
        (served.place / "tombstones.jsonl").write_bytes(b"{}\n")
        client = served.client
        client._transport.raise_server_exceptions = False
        for path in ("/v1/read-next/t0-s0", "/healthz"):
            assert client.get(path).status_code == 503
        assert str(served.place) not in client.get("/v1/read-next/t0-s0").text


def wait_for(true: Any) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about")


class TestWhoComesIn:
    def test_reading_on_this_machine_needs_no_token_and_a_wrong_one_is_told(self, served: Served) -> None:
        assert served.get("/v1/versions").status_code == 200
        for header in (served.bearer(), served.bearer(served.reader)):
            assert served.get("/v1/versions", headers=header).status_code == 200
        answer = served.get("/v1/versions", headers=served.bearer("wrong"))
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")

    def test_another_address_needs_a_token_for_all_but_the_health_and_the_door(
        self, place: Path, tmp_path: Path
    ) -> None:
        served = Served(place, tmp_path, host="0.0.0.0")
        assert served.get("/healthz").status_code == 200
        for path in ("/v1/read-next/t0-s0", "/v1/stories", "/metrics", "/v1/openapi.json", "/v1/docs"):
            assert served.get(path).status_code == 401
            assert served.get(path, headers=served.bearer(served.reader)).status_code == 200

    def test_another_address_without_tokens_is_refused(self, place: Path) -> None:
        with pytest.raises(ValueError, match="add --tokens FILE"):
            Config(lists=str(place), host="0.0.0.0")

    def test_a_deleted_line_ends_a_token_at_once(self, served: Served) -> None:
        path = Path(served.config.tokens or "")
        path.write_text("# nobody\n")
        assert served.get("/v1/versions", headers=served.bearer()).status_code == 401

    def test_no_secret_is_in_the_file_or_the_log(self, served: Served, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            served.get("/v1/versions", headers=served.bearer())
            served.get("/v1/versions", headers=served.bearer("wrong-secret"))
        assert served.secret not in Path(served.config.tokens or "").read_text()
        assert served.secret not in caplog.text
        assert "wrong-secret" not in caplog.text
        assert Path(served.config.tokens or "").stat().st_mode & 0o077 == 0

    def test_lines_of_another_form_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "tokens").write_text("ana write secret\n")
        with pytest.raises(ValueError, match="line 1: expected NAME"):
            Tokens(tmp_path / "tokens")

    @pytest.mark.parametrize(
        "headers",
        [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}],
    )
    def test_writes_from_other_sites_are_refused(self, headers: dict[str, str], served: Served) -> None:
        answer = served.post("/v1/read-next/batch", json={"ids": ["t0-s0"]}, headers=headers)
        assert answer.status_code == 403

    def test_a_name_that_leads_here_from_elsewhere_is_refused(self, place: Path, tmp_path: Path) -> None:
        served = Served(place, tmp_path, names=("desk.courier.example",))
        assert served.get("/healthz", headers={"host": "evil.example"}).status_code == 400
        assert served.get("/healthz", headers={"host": "desk.courier.example"}).status_code == 200
        assert served.get("/healthz", headers={"host": "127.0.0.1:8080"}).status_code == 200


class TestLimits:
    def test_a_body_that_is_too_large_is_not_read(self, place: Path, tmp_path: Path) -> None:
        served = Served(place, tmp_path, max_body=1_000)
        assert served.post("/v1/read-next/batch", content=b" " * 1_001).status_code == 413
        streamed = served.post("/v1/read-next/batch", content=iter([b" " * 600] * 2))  # without a length
        assert streamed.status_code == 413

    def test_who_asks_too_often_is_told_to_wait(self, place: Path, tmp_path: Path) -> None:
        served = Served(place, tmp_path, rate=0.5)
        codes = [served.get("/v1/read-next/t0-s0").status_code for _ in range(3)]
        assert codes == [200, 429, 429]
        assert served.get("/v1/read-next/t0-s0", headers=served.bearer()).status_code == 200


def test_figures_for_prometheus(served: Served) -> None:
    for path in ("t0-s0", "t0-s1", "nobody"):
        served.get(f"/v1/read-next/{path}")
    text = served.get("/metrics").text
    assert 'recommender_requests_total{route="read_next",status="200"} 2.0' in text
    assert 'recommender_requests_total{route="read_next",status="404"} 1.0' in text
    assert 'recommender_lists_total{status="unknown"} 1.0' in text
    assert f"recommender_stories {len(STORIES)}.0" in text


def test_every_path_of_the_document_answers_and_its_page_names_all(served: Served) -> None:
    document = served.get("/v1/openapi.json").json()
    page = served.get("/v1/docs").text
    for path, methods in document["paths"].items():
        assert path in page
        if "get" in methods:
            asked = path.replace("{id}", "t0-s0") + ("?id=t0-s0" if path == "/v1/read-next" else "")
            assert served.get(asked).status_code == 200
    found = served.get("/v1/read-next/t0-s0").json()
    assert set(found) == set(document["components"]["schemas"]["List"]["properties"])
    assert set(found["items"][0]) == set(document["components"]["schemas"]["Item"]["properties"])


def test_pages_load_nothing_from_elsewhere_and_bar_inline_code(served: Served) -> None:
    answer = served.get("/v1/docs")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for address in re.findall(r'(?:src|href)="([^"]*)"', answer.text):
        assert address.startswith(("/", "#"))
    assert json.loads(served.get("/v1/openapi.json").content)["openapi"] == "3.1.0"
