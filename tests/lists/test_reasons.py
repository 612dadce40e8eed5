"""Reasons that an editor would say: the running story, names in their own spelling, rare words, and at most two."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from recommender import Recommender, Rules, Settings
from recommender.lists.apart import apart_text
from recommender.lists.readnext import MOST_REASONS
from recommender.lists.reasons import _as_told
from tests.support.checkerboard import checkerboard

NOON = datetime(2026, 3, 2, 12, 7, tzinfo=UTC)
OPTIONS = {"embedding.model": "tfidf", "selection.caps": ()}
FILLER = " ".join(f"filler{a}{b}" for a in "abcdefghij" for b in "klmnopqrst")


def story(article_id: str, title: str, body: str, hours: float = 0, **more: Any) -> dict[str, Any]:
    published = NOON + timedelta(hours=hours)
    return {"id": article_id, "title": title, "body": body, "published_at": published, **more}


def newsroom() -> list[dict[str, Any]]:
    """A story, two that share names or words with it, and many that make up a vocabulary."""
    return [
        story("mayor", "Mayor Santoro opens quay", "In rain the mayor Livia Santoro opened the granite quay of NATO."),
        story("train", "Trains late", "It was said that Livia Santoro rode a late train with McKay.", -30),
        story("stone", "Granite quay cracks", "The granite of the quay shows cracks in the granite wall.", -50),
        *(story(f"f{n}", f"{FILLER[n * 10 : n * 10 + 9]}", f"{FILLER} own{'abcdefghijkl'[n]}", n) for n in range(12)),
    ]


def told(rec: Recommender, under: str) -> dict[str, list[str]]:
    return {item.article_id: [str(reason) for reason in item.reasons] for item in rec.recommend(under, k=14)}


def test_names_are_told_in_their_own_spelling_and_words_as_words() -> None:
    rec = Recommender(Settings().override(OPTIONS)).fit(newsroom())
    found = told(rec, "mayor")
    assert "both mention Livia Santoro" in found["train"]
    assert any("granite" in one and one.startswith("both on: ") for one in found["stone"])
    assert not any("santoro" in one for one in found["train"]), "told once, as a name"


def test_at_most_two_reasons_and_never_none() -> None:
    rec = Recommender(Settings().override({"embedding.model": "tfidf", "selection.k": 12})).fit(checkerboard())
    for found in rec.recommend_many(rec.catalog.ids.to_pylist()):
        assert len(found) == 12
        for item in found:
            assert 1 <= len(item.reasons) <= MOST_REASONS
            assert all(reason.text for reason in item.reasons)


def test_the_commonest_words_are_no_reason() -> None:
    common = "council meeting"
    words = [f"word{a}{b}" for a in "abcdefghijklm" for b in "abcdefghij"]
    stories = [story(f"s{n:02d}", f"{common} {words[n]}", f"{common} {words[n]} {words[n + 1]}", n) for n in range(60)]
    rec = Recommender(Settings().override(OPTIONS)).fit(stories)
    terms = {
        term
        for found in rec.recommend_many(["s10", "s20"])
        for item in found
        for one in item.reasons
        for term in one.terms
    }
    assert not {"council", "meeting"} & {term for term, _ in terms}


def test_stop_words_of_a_handful_of_german_stories_are_no_reason() -> None:
    texts = {
        "Brücke gesperrt": "Die Brücke über den Fluss bleibt gesperrt, weil die Stadt nicht genug Geld hat. "
        "Wir haben das nicht gewusst, sagt der Bürgermeister.",
        "Kein Geld für das Theater": "Das Theater wird nicht saniert. "
        "Der Stadtrat hat das Geld nicht bewilligt, und wir müssen warten.",
        "Schule bekommt Dach": "Die Schule bekommt ein neues Dach. "
        "Das hat der Stadtrat beschlossen, und wir freuen uns.",
        "Fluss steigt": "Der Fluss ist um zwei Meter gestiegen. Die Brücke ist nicht in Gefahr, sagt die Feuerwehr.",
        "Chor singt im Theater": "Der Chor singt am Samstag im Theater. "
        "Karten gibt es nicht mehr, sagt die Leiterin des Chors.",
        "Neuer Trainer": "Der Verein hat einen neuen Trainer. "
        "Er kommt aus der zweiten Liga und hat nicht lange überlegt.",
    }
    rec = Recommender(Settings().override(OPTIONS)).fit(
        [{"id": title, "title": title, "body": body} for title, body in texts.items()]
    )
    reasons = {title: told(rec, title) for title in texts}
    assert "Brücke" in " ".join(reasons["Brücke gesperrt"]["Fluss steigt"])
    every = " ".join(reason for found in reasons.values() for one in found.values() for reason in one).lower()
    assert not {"das", "der", "die", "hat", "nicht", "und", "wir"} & set(re.findall(r"\w+", every))


def test_a_pin_and_a_boost_are_told_first() -> None:
    rules = Rules.of(
        {
            "pins": [{"story": "t0-s0", "item": "t3-s3", "by": "Ada"}],
            "boosts": [{"by": "section", "value": "section1", "factor": 3}],
        }
    )
    rec = Recommender(Settings().override({**OPTIONS, "selection.k": 8}), rules=rules).fit(checkerboard())
    items = {item.article_id: item for item in rec.recommend("t0-s0")}
    assert str(items["t3-s3"].reasons[0]) == "pinned by Ada"
    lifted = [item for item in items.values() if item.section == "section1" and item.source != "pinned"]
    assert lifted
    assert {item.reasons[0].kind for item in lifted} == {"boosted"}


@pytest.mark.parametrize("ranker", ["auto", "none"])
def test_contributions_say_what_the_relevance_is_made_of(ranker: str) -> None:
    rec = Recommender(Settings().override({**OPTIONS, "ranking.ranker": ranker})).fit(checkerboard())
    items = rec.recommend("t0-s0").items
    for item in items:
        if ranker == "none":
            assert set(item.contributions) == {"words", "embedding"}
            assert sum(item.contributions.values()) == pytest.approx(item.relevance, abs=1e-3)
        else:
            assert rec.archive.ranker is not None
            assert set(item.contributions) == set(rec.archive.ranker.families)
    totals = [sum(item.contributions.values()) / item.components["freshness"] for item in items if ranker == "auto"]
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (-1, "an hour earlier"),
        (21, "21 hours later"),
        (23, "a day later"),
        (-24 * 13, "13 days earlier"),
        (24 * 21, "three weeks later"),
        (-24 * 100, "three months earlier"),
        (24 * 365 * 3, "three years later"),
    ],
)
def test_distances_in_time_are_words(hours: int, text: str) -> None:
    assert apart_text(hours) == text


def test_distances_that_are_told_together_have_one_text() -> None:
    hours = np.arange(-24 * 365 * 5, 24 * 365 * 5 + 1)
    texts: dict[int, str] = {}
    for number, gap in zip(_as_told(hours).tolist(), hours.tolist(), strict=True):
        assert texts.setdefault(number, apart_text(gap)) == apart_text(gap)


def test_titles_page_debris_and_bare_first_names_are_no_reason() -> None:
    stories = newsroom()
    stories[0]["body"] += 3 * " Later Steve Moss, Gov and Getty toggle of the Images File saw a Harbour Disease."
    stories[1]["body"] += 3 * " Later Steve Rook, Gov and Getty toggle of the Images File saw a Harbour Disease."
    rec = Recommender(Settings().override(OPTIONS)).fit(stories)
    text = " ".join(told(rec, "mayor")["train"])
    assert "both mention" in text
    assert not {"Steve", "Gov", "Getty", "getty", "toggle", "Images", "File"} & set(text.replace(",", "").split())


def test_a_surname_that_is_a_first_name_too_is_a_reason() -> None:
    stories = newsroom()
    for one in stories[:2]:
        one["body"] = (
            one["body"].replace("Livia Santoro", "the clerk") + " It was Rick Scott who spoke, and Scott left."
        )
    text = " ".join(told(Recommender(Settings().override(OPTIONS)).fit(stories), "mayor")["train"])
    assert "Scott" in text


def test_a_word_and_its_plural_are_told_once() -> None:
    stories = newsroom()
    for one in stories[:2]:
        one["body"] = one["body"].replace("Livia Santoro", "a Disease of many Diseases and a Disease of few Diseases")
    rec = Recommender(Settings().override(OPTIONS)).fit(stories)
    (names,) = (text for text in told(rec, "mayor")["train"] if text.startswith("both mention"))
    assert names in {"both mention Disease", "both mention Diseases"}


def test_the_next_best_is_not_called_close_and_tells_no_shared_words() -> None:
    rec = Recommender(Settings().override({**OPTIONS, "selection.k": 30})).fit(checkerboard())
    found = [item for one in rec.recommend_many(rec.catalog.ids.to_pylist()) for item in one if item.source == "more"]
    assert found
    texts = {str(reason) for item in found for reason in item.reasons}
    assert not any("as close" in text or "running story" in text for text in texts)
    assert not any(reason.kind == "shared_terms" for item in found for reason in item.reasons)
    assert all(item.reasons for item in found)


@pytest.mark.parametrize(
    "more", [{"source": "The Courier"}, {"source": "Courier Online News"}, {"url": "https://www.courier.example/a"}]
)
def test_who_published_a_story_is_no_reason(more: dict[str, str]) -> None:
    stories = newsroom()
    for number, one in enumerate(stories[:2]):
        one["body"] += 3 * " It was told to the Courier in Oslo."
        if number:
            one |= more
    text = " ".join(told(Recommender(Settings().override(OPTIONS)).fit(stories), "mayor")["train"])
    assert "Courier" not in text
    assert "both mention" in text


LONG = "(far down)"  # stands for more words than a beginning has


def shared(first: tuple[str, str], second: tuple[str, str]) -> str:
    """Tell why the second of two stories stands under the first."""
    stories = newsroom()[3:]
    for number, (name, (title, body)) in enumerate((("one", first), ("two", second))):
        own = " ".join(f"{name}{a}{b}" for a in "abcdefghij" for b in "klmnopqr")
        text = body.replace(LONG, own) if LONG in body else f"{body} {own}" if body else ""
        stories.append(story(name, title, text, 2_000 * number))
    stories = [{**one, "language": "en"} for one in stories]
    every = Settings().override(OPTIONS | {"selection.related_at": 0.0})
    return "; ".join(told(Recommender(every).fit(stories), "one")["two"])


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (("Lock repaired", "A lock is shut."), ("Ships wait", "The lock is shut."), "lock"),
        (("Repairs", "A lock, the lock and that lock."), ("Ships wait", f"{LONG} a lock, one lock"), "lock"),
        (("Lock repaired", "It is shut."), ("Lock opened", "Ships pass."), ""),  # in headlines alone
        (("Lock repaired", "A lock is shut."), ("Ships wait", f"{LONG} a lock"), ""),  # in passing in one
        (("Repairs", f"{LONG} a lock, one lock, the lock"), ("Ships", f"{LONG} a lock, one lock, the lock"), ""),
        (("Lock repaired", ""), ("Lock opened", ""), "lock"),  # stories without a text
    ],
)
def test_a_word_is_a_reason_if_a_story_is_about_it(first: tuple[str, str], second: tuple[str, str], words: str) -> None:
    assert ("both on: lock" in shared(first, second)) == bool(words)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("Quay of Rome", "It is in Rome."), ("Ships", f"{LONG} and Rome, and Rome"), True),
        (("Quay", f"{LONG} and Rome, of Rome, in Rome"), ("Ships", f"{LONG} and Rome, and Rome"), True),
        (("Quay of Rome", "It is in Rome."), ("Ships", f"{LONG} and Rome"), False),  # in passing in one
        (("Quay", "It is in Rome."), ("Ships", "They go to Rome."), False),  # in passing in both
    ],
)
def test_a_name_is_a_reason_if_a_story_is_about_it(
    first: tuple[str, str], second: tuple[str, str], expected: bool
) -> None:
    assert ("both mention Rome" in shared(first, second)) == expected


def test_heavy_words_are_what_the_next_best_has_in_common() -> None:
    far = Settings().override(OPTIONS | {"selection.related_at": 1.0})
    found = told(Recommender(far).fit(newsroom()), "mayor")
    assert any("granite" in reason and reason.startswith("in common: ") for reason in found["stone"])
    assert not any(reason.startswith("both on: ") for reasons in found.values() for reason in reasons)


def test_an_item_that_nothing_else_explains_has_words_in_common_in_passing() -> None:
    ending = "And there was a lorry with granite for Volkswagen."
    words = FILLER.split()
    stories = [
        story("quay", "Harbour news", f"{' '.join(words[:40])}. {ending}", language="en"),
        story("wall", "Old stones", f"{' '.join(words[40:80])}. {ending}", -30, language="en"),
        *(story(f"f{n}", words[n + 80], f"{words[n + 80]} and a lorry", n, language="en") for n in range(12)),
    ]
    rec = Recommender(Settings().override({**OPTIONS, "selection.related_at": 1.0})).fit(stories)
    reason = next(item for item in rec.recommend("quay") if item.article_id == "wall").reasons[0]
    assert reason.kind == "shared_terms"
    assert reason.text.startswith("in common: ")
    told_terms = dict(reason.terms)
    assert {"granite", "Volkswagen"} <= told_terms.keys(), "in their own spelling"
    assert "lorry" not in told_terms, "as nearly all stories have it"


def test_forms_of_a_word_are_told_once() -> None:
    text = "An auction of one, the auctions of two, auctioned as an auction, auctions or auctioned; a vase, the vase."
    assert shared(("Auction, auctions, auctioned, vase", text), ("A vase and an auction", text)).count("auction") == 1


def test_double_names_are_told_whole() -> None:
    text = "It is said that Ada Roybal-Allard and Brian O'Toole came; then Roybal-Allard and O'Toole left."
    found = shared(("Roybal-Allard and O'Toole", text), ("Ships", text))
    assert "Roybal-Allard" in found
    assert "O'Toole" in found
    assert "both on" not in found


def test_what_completes_a_name_is_no_word_of_its_own() -> None:
    text = "Yesterday the Oval Office of one; today the Oval Office of two; an office again, and an office."
    found = shared(("Oval Office", text), ("Office", text))
    assert "both mention Oval Office" in found
    assert "both on" not in found


def test_names_that_pages_run_together_are_no_reason() -> None:
    text = "In haste Barr met Graham; later Barr and Graham left, and with Barr went Graham; so Barr saw Graham, "
    text += "then Barr. At last Graham came, and so did BarrGraham."
    found = shared(("Barr and BarrGraham", text), ("BarrGraham and Barr", text))
    assert "Barr" in found
    assert "BarrGraham" not in found


def test_who_took_the_pictures_is_no_reason() -> None:
    text = (
        "In fog Ada Moss/AFP and again Ada Moss/AFP; a picture (AP Photo/Jo Lee) of Gull Point, and (AP Photo/Jo Lee). "
    )
    found = shared(("Gull Point", text), ("Fog", text * 2))
    assert "Gull Point" in found
    assert not any(name in found for name in ("Moss", "Ada", "Lee"))


def test_that_an_item_is_newer_is_no_reason_of_its_own() -> None:
    stories = [
        story(f"s{n}", f"{FILLER[n * 10 : n * 10 + 9]}", f"{FILLER} own{'abcdefghijkl'[n]}", n) for n in range(12)
    ]
    found = told(Recommender(Settings().override(OPTIONS)).fit(stories), "s0")
    assert all(reasons != ["newer than this story"] for reasons in found.values())


def test_what_half_of_a_section_is_about_is_no_reason() -> None:
    def local(n: int) -> dict[str, Any]:
        own = [f"{'abcdefghijklmnopqrstuvwx'[n]}own{a}{b}" for a in "abcdefghij" for b in "klmno"]
        name = "Brenna Oster" if n < 2 else "Ada"
        text = (
            f"It is in {own[0]} Halden that {name} sang in {own[1]} Halden; then {own[2]} {name} left. "
            if n < 12
            else ""
        )
        return story(f"l{n}", f"Day {own[0]}", text + " ".join(own), 99 * n, section="halden")

    away = [{**one, "id": f"{one['id']}{n}", "section": f"away{n}"} for n in range(9) for one in newsroom()[3:]]
    stories = [{**one, "language": "en"} for one in (*map(local, range(22)), *away)]
    found = told(Recommender(Settings().override(OPTIONS)).fit(stories), "l0")["l1"]
    assert found == ["both mention Brenna Oster", "also in halden"]


def test_one_word_of_a_name_does_not_explain_the_next_best() -> None:
    """Storm Ada and the councillor Ada Brink are two."""
    stories = [
        story("mayor", "Mayor resigns", "The mayor of Halden resigns, said the councillor Ada, her friend Ada."),
        story("storm", "Storm Ada nears", "On the coast they wait for Ada, and Ada may come by night.", -30),
        story("brink", "Theatre reopens", "The old theatre reopens, said Livia Brink; Livia Brink will sing.", -50),
        story("critic", "A critic and her cat", "She wrote of cats, did Livia Brink, and Livia Brink smiled.", -70),
        *(story(f"f{n}", f"{FILLER[n * 10 : n * 10 + 9]}", f"{FILLER} own{'abcdefghijkl'[n]}", n) for n in range(12)),
    ]
    sure = Recommender(Settings().override(OPTIONS | {"selection.related_at": 0.0})).fit(stories)
    unsure = Recommender(Settings().override(OPTIONS | {"selection.related_at": 1.0})).fit(stories)
    assert "both mention Ada" in told(sure, "mayor")["storm"]
    assert told(unsure, "mayor")["storm"][0] == "in common: Ada"
    assert "both mention Livia Brink" in told(unsure, "brink")["critic"]


def test_stories_without_a_common_word_have_lists() -> None:
    recommender = Recommender(Settings.of({"embedding": {"model": "tfidf"}}))
    recommender.fit([{"id": "a", "title": "One"}, {"id": "b", "title": "Two"}])
    assert [item.article_id for item in recommender.recommend("a")] == ["b"]
