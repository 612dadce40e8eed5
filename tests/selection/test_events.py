"""Whether two stories report one event, how they relate, and what becomes of events in a list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from pyversity import Strategy, diversify

from recommender import Article, GivenVectors, Recommender, Settings, relations, same_event_probability
from recommender.archive.archive import Archive
from recommender.articles.article import HOUR_US, UNDATED
from recommender.embedders import Embedder, make_embedder
from recommender.features.tfidf import row_cosines
from recommender.features.vectors import SCALE, cosines, quantise
from recommender.selection.events import EventTest
from recommender.selection.same_event import COPY_VECTORS, COPY_WORDS, FEWEST_TERMS, SameEvent
from recommender.settings import EmbeddingSettings, SelectionSettings

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def model() -> Embedder:
    return make_embedder(EmbeddingSettings(tokens=128))


def story(title: str, body: str, hours: float | None = 0) -> Article:
    published = None if hours is None else NOON + hours * HOUR
    return Article(id=title[:20], title=title, body=body, published_at=published)


FIRE = story(
    "Fire destroys the grain terminal at Port Ellery",
    "A fire destroyed the grain terminal at Port Ellery early on Monday. Forty firefighters fought the flames for six "
    "hours, the fire service said. Nobody was hurt, and the cause is not yet known.",
)
FIRE_TOO = story(
    "Port Ellery grain terminal burns down",
    "The grain terminal at Port Ellery burned down early on Monday. The fire service said forty firefighters fought "
    "the fire for six hours and that nobody was hurt.",
    3,
)
FIRE_LATER = story(
    "Welding spark caused the Port Ellery grain terminal fire",
    "A welder's spark started the fire that destroyed the grain terminal at Port Ellery on Monday, investigators "
    "of the fire service said. Forty firefighters had fought the flames for six hours.",
    40,
)
BOAT = story(
    "Fire service at Port Ellery gets a new boat",
    "The fire service at Port Ellery has bought a boat that pumps water from the harbour, firefighters said on Monday.",
    20,
)
OPERA = story(
    "City opera names Emeka Duval its next director",
    "Emeka Duval will lead the city opera from the autumn. The board chose the conductor unanimously.",
)


def test_probability_of_written_examples() -> None:
    pairs = [(FIRE, FIRE), (FIRE, FIRE_TOO), (FIRE, FIRE_LATER), (FIRE, BOAT), (FIRE, OPERA), (BOAT, OPERA)]
    same, again, later, topic, other, another = same_event_probability(pairs)
    assert same > 0.98
    assert min(again, later) > 0.6
    assert topic < 0.5
    assert max(other, another) < 0.1


def test_order_and_company_do_not_matter(model: Embedder) -> None:
    stories = [FIRE, FIRE_TOO, BOAT]
    pairs = [(a, b) for a in stories for b in stories]
    together = same_event_probability(pairs, embedder=model).reshape(3, 3)
    np.testing.assert_allclose(together, together.T, rtol=1e-6)
    for a, b in pairs[1:3]:
        np.testing.assert_allclose(
            same_event_probability([(a, b)], embedder=model), together.ravel()[pairs.index((a, b))], rtol=1e-6
        )


def test_nothing_asked_nothing_answered() -> None:
    assert same_event_probability([]).shape == (0,)
    assert same_event_probability(iter(())).dtype == np.float64
    assert relations([]) == []


def test_relations_of_written_examples() -> None:
    copied = Article(id="copy", title=FIRE.title, body=FIRE.body, published_at=NOON + 900 * HOUR)
    too_late = Article(id="late", title=FIRE_TOO.title, body=FIRE_TOO.body, published_at=NOON + 73 * HOUR)
    undated = Article(id="undated", title=FIRE_TOO.title, body=FIRE_TOO.body)
    found = relations(
        [
            (FIRE, copied),
            (FIRE, FIRE_TOO),
            (FIRE_TOO, FIRE),
            (FIRE, FIRE_LATER),
            (FIRE, BOAT),
            (FIRE, OPERA),
            (FIRE, too_late),
            (FIRE, undated),
        ]
    )
    assert found == [
        *("copy", "same_report", "same_report", "development", "same_topic", "different", "development"),
        "same_report",
    ]
    wide = SelectionSettings(same_report_hours=1000)
    assert relations([(FIRE, FIRE_LATER)], settings=wide) == ["same_report"]


# -- the pairwise test in an archive --------------------------------------------------------------


PLACES = ("Ellery", "Marlow", "Tarn", "Quill", "Dover", "Aster", "Brisk", "Corvo", "Delph", "Ennor")


def newsroom(reports: int, dated: bool = True, seed: int = 0) -> list[Article]:
    """Ten events with some reports each, three hours apart, among two hundred other stories."""
    rng = np.random.default_rng(seed)
    words = np.array([f"word{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}" for n in range(100)])
    made = []
    for event, place in enumerate(PLACES):
        told = [f"{place.lower()}{letter}" for letter in "abcdefghijkl"]
        for report in range(reports):
            body = [*rng.choice(told, 9, replace=False), *rng.choice(words, 12)]
            made.append((f"e{event}r{report}", " ".join(body), 240 * event + 3 * report))
    made += [(f"o{n}", " ".join(rng.choice(words, 24)), int(rng.integers(0, 2400))) for n in range(200)]
    return [
        Article(id=name, title="", body=body, published_at=NOON + hours * HOUR if dated else None)
        for name, body, hours in made
    ]


def fitted(stories: Sequence[Article], **more: Any) -> Archive:
    settings = Settings.of({"embedding": {"model": "tfidf"}, "ranking": {"ranker": "none"}})
    return Recommender(settings, **more).fit(stories).archive


def expected(archive: Archive, a: int, b: int, time: bool) -> float:
    """The logit of the model's formula, in NumPy."""
    model, scale = archive.event_test.model, archive.neighbours.scale.astype(np.float64)
    words = float((archive.terms[a].toarray().astype(np.float64) @ archive.terms[b].toarray().T)[0, 0])
    beyond = min(words - max(min(scale[a, 0], scale[b, 0]), model.least_words_scale), model.most)
    shared = set(archive.terms[a].indices.tolist()) & set(archive.terms[b].indices.tolist())
    rare = min(np.log1p(archive.table.rarity[sorted(shared)].astype(np.float64).sum()), model.most_rare)
    if np.isnan(scale[[a, b], 1]).any():
        logit = model.intercept_alone + model.words_alone * beyond + model.rare_alone * rare
    else:
        cosine = float(archive.vectors[a].astype(np.int64) @ archive.vectors[b].astype(np.int64)) / SCALE**2
        gap = cosine - max(min(scale[a, 1], scale[b, 1]), model.least_dense_scale)
        logit = model.intercept + model.words * beyond + model.rare * rare + model.dense * gap
    times = archive.catalog.published[[a, b]]
    if time and archive.dated and (times != UNDATED).all():
        logit -= model.slope * np.log((1 + abs(int(times[0]) - int(times[1])) / HOUR_US) / (1 + model.hours))
    return logit


@pytest.fixture(scope="module", params=["dated", "undated", "some without vectors", "no vectors"])
def archive(request: pytest.FixtureRequest) -> Archive:
    stories = newsroom(3, dated=request.param != "undated")
    if request.param.endswith("vectors"):
        kept = 0 if request.param == "no vectors" else 2
        rng = np.random.default_rng(1)
        vectors = {story.id: rng.exponential(size=16) * (place % 3 < kept) for place, story in enumerate(stories)}
        return replace(fitted(stories, embedder=GivenVectors(vectors)), calibration="minilm-lead")
    undated = [replace(story, published_at=None) for story in stories[::7]]
    return fitted([*undated, *(story for place, story in enumerate(stories) if place % 7)])


@pytest.mark.parametrize("time", [True, False])
def test_probability_is_that_of_the_formula(archive: Archive, time: bool) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, len(archive.catalog), (2, 300))
    found = archive.event_test.probability(a, b, time=time)
    wanted = [expected(archive, int(one), int(other), time) for one, other in zip(a, b, strict=True)]
    np.testing.assert_allclose(np.log(found / (1 - found)), wanted, atol=1e-4)
    assert archive.event_test.probability(b, a, time=time).tobytes() == found.tobytes()
    for place in range(5):
        alone = archive.event_test.probability(a[place : place + 1], b[place : place + 1], time=time)
        assert alone[0] == found[place]


def test_pairs_are_joined_where_the_probability_says_so(archive: Archive) -> None:
    rng = np.random.default_rng(3)
    size = len(archive.catalog)
    a, b = rng.integers(0, size, (2, 2_000))
    limits = SelectionSettings(event_threshold_own=0.6, event_threshold_untimed=0.8, event_threshold_undated=0.9)
    test = replace(archive.event_test, settings=limits)
    sure = rng.random(2_000) < 0.5
    found = test.is_same_event(a, b, sure)
    timed = test.probability(a, b)
    published = archive.catalog.published
    undated = (published[a] == UNDATED) | (published[b] == UNDATED) | (not archive.dated)
    few = np.minimum(np.diff(archive.terms.indptr)[a], np.diff(archive.terms.indptr)[b]) < 12
    unsure = np.where(undated, (timed >= 0.9) & ~few, timed >= 0.8)
    wanted = np.where(sure, timed >= 0.6, unsure) & ~(undated & few)
    assert found.any()
    assert (found == wanted).all()
    assert (found == test.is_same_event(b, a, sure)).all()
    for place in range(8):
        one = slice(place, place + 1)
        assert test.is_same_event(a[one], b[one], sure[one])[0] == found[place]
    # stories as queries are joined as rows are
    stories = np.unique(a)
    queries = archive.queries(stories)
    dense = cosines(archive.vectors[a], archive.vectors, b[:, None])[:, 0]
    asked = archive.outlets.codes[stories], np.searchsorted(stories, a), dense, b, sure
    assert (test.is_event_of_story(queries, *asked) == found).all()
    # two outlets are joined from a lower probability on
    both = replace(
        test, outlets=np.arange(size, dtype=np.int32), settings=limits.model_copy(update={"event_threshold": 0.3})
    )
    assert (both.is_same_event(a, b, sure) == (np.where(sure, timed >= 0.3, unsure) | (found & (a == b)))).all()


@pytest.mark.parametrize("dated", [True, False])
def test_an_event_does_not_fade_as_it_gets_more_reports(dated: bool) -> None:
    for reports in (2, 4, 8):
        archive = fitted(newsroom(reports, dated))
        rows = {name: row for row, name in enumerate(archive.catalog.ids.to_pylist())}
        pairs = [(f"e{n}r0", f"e{n}r{other}") for n in range(10) for other in range(1, reports)]
        others = [(f"e{n}r0", f"e{(n + 1) % 10}r0") for n in range(10)] + [(f"e{n}r0", f"o{n}") for n in range(10)]
        told = [
            archive.event_test.probability(*(np.array([rows[pair[side]] for pair in some]) for side in (0, 1)))
            for some in (pairs, others)
        ]
        assert (told[0] >= 0.6).mean() >= 0.9, reports
        assert told[1].max() < 0.2


def test_reports_a_week_apart_are_less_likely_one_event_than_those_of_an_hour() -> None:
    stories = newsroom(3)
    archive = fitted([*stories[1:], replace(stories[0], published_at=NOON + 24 * 7 * HOUR)])
    a, b, c = (archive.catalog.rows([f"e0r{n}"]) for n in range(3))
    test = archive.event_test
    assert test.probability(b, c)[0] > test.probability(b, c, time=False)[0]
    assert test.probability(a, b)[0] < test.probability(a, b, time=False)[0]


def test_the_shipped_models_say_where_they_come_from() -> None:
    content = json.loads(files("recommender.selection").joinpath("same_event.json").read_text(encoding="utf-8"))
    assert set(content["provenance"]) == {"made_by", "data", "protocol", "figures"}
    for use in ("archive", "pairs"):
        for name, model in content[use].items():
            assert model["words"] > 0, (use, name)
            assert (model["dense"] > 0) is (name != "words")
    small, large = (SameEvent.load("archive", "minilm-lead", stories) for stories in (100, 100_000))
    assert small.intercept > large.intercept
    assert SameEvent.load("archive", "unheard of", 100) == SameEvent.load("archive", "words", 100)


# -- time rules in lists ------------------------------------------------------------------------

PLAIN = Settings.of(
    {
        "embedding": {"model": "tfidf"},
        "ranking": {"ranker": "none", "dense_weight": 0.5, "lexical_weight": 0.5, "half_life_days": 3650},
        "selection": {
            "k": 20,
            "related_at": 0.01,
            "fill": (),
            "caps": (),
            "series_limit": False,
            "event_threshold_own": 0.02,
        },
    }
)
EVENT = "harbour ferry captain aground rocks fog rescue island passengers lifeboat"


def row(article_id: str, words: str, hours: float | None, **more: Any) -> dict[str, Any]:
    published = None if hours is None else NOON + hours * HOUR
    first, *others = (f"{article_id}{letter}" for letter in "pqrstu")  # enough to be no copy
    title, body = f"{first} {words}", " ".join(others)
    return {"id": article_id, "title": title, "body": body, "published_at": published, **more}


def shown(stories: Sequence[dict[str, Any]], under: str, **selection: Any) -> list[str]:
    rec = Recommender(PLAIN.override({f"selection.{name}": value for name, value in selection.items()}))
    rec.fit([*stories, row("later", "unrelated opera tenor", 24 * 60)])
    return [item.article_id for item in rec.recommend(under)]


ASKED = row("asked", "harbour council budget island ferry", -24 * 30)


def test_of_reports_within_a_day_the_best_placed_is_shown() -> None:
    event = [row(f"r{n}", EVENT, 11 * n) for n in range(7)]  # 0 to 66 hours
    free = shown([ASKED, *event], "asked", repeat_hours=None)
    found = shown([ASKED, *event], "asked")
    assert sorted(free) == [f"r{n}" for n in range(7)]
    assert found[0] == free[0]
    hours = [11 * int(article_id[1:]) for article_id in found]
    assert all(abs(a - b) > 24 for n, a in enumerate(hours) for b in hours[:n])
    assert len(found) >= 2
    assert len(shown([ASKED, *event], "asked", repeat_hours=9)) == 7


def test_reports_of_its_own_event_within_six_hours_tell_the_same_and_others_stay() -> None:
    event = [row("early", EVENT, -30), row("own", EVENT, 0), row("soon", EVENT, 5), row("later", EVENT, 40)]
    rec = Recommender(PLAIN).fit([*event, row("far", "unrelated opera tenor", 24 * 60)])
    found = rec.recommend("own")
    assert {item.article_id for item in found if item.source == "related"} == {"early", "later"}
    kinds = {item.article_id: [reason.kind for reason in item.reasons] for item in found}
    assert "development" in kinds["early"]
    assert "development" in kinds["later"]
    (gone,) = [one for one in rec.explain_rejected(["own"])["own"] if one.rule == "same_report"]
    assert gone.article_id == "soon"
    every = Recommender(PLAIN.override({"selection.same_report_hours": None, "selection.repeat_hours": None}))
    every.fit([*event, row("far", "unrelated opera tenor", 24 * 60)])
    assert {item.article_id for item in every.recommend("own")} == {"early", "soon", "later"}


def test_what_a_repeat_repeats_is_named() -> None:
    twin = row("twin", EVENT, 9) | {"body": "A text of its own, on the harbour ferry that ran aground."}
    copies = [twin | {"id": name, "title": name.capitalize()} for name in ("first", "second")]
    stories = [ASKED, row("asked-too", ASKED["title"], 24 * 30) | {"body": ASKED["body"]}, row("a", EVENT, 0), *copies]
    rec = Recommender(PLAIN.override({"selection.event_threshold_own": 0.02})).fit(stories)
    kept_out = {one.article_id: (one.rule, one.detail) for one in rec.explain_rejected(["asked"])["asked"]}
    assert kept_out["asked-too"] == ("copy", "copy of the story")
    (shown,) = [item for item in rec.recommend("asked") if item.article_id in ("a", "first", "second")]
    others = {name: told for name, told in kept_out.items() if name != "asked-too"}
    assert len(others) == 2
    assert {told[0] for told in others.values()} <= {"repeat", "copy"}
    assert all(told[1].endswith(f" “{shown.title}”") for told in others.values())


def test_a_report_of_which_only_the_day_is_known_needs_a_surer_test() -> None:
    day = NOON.replace(hour=0)
    stories = [row("own", EVENT, 0), row("same", EVENT, 0) | {"published_at": day}, row("far", "opera tenor", 24 * 60)]
    limits = {"event_threshold_own": 0.02, "event_threshold_untimed": 1.0}
    assert shown(stories, "own", **limits) == ["same"]
    assert shown(stories, "own", **limits | {"event_threshold_untimed": 0.02}) == []
    assert shown(stories, "own", **limits | {"same_report_hours": 24}) == []  # a day is surely within a day


@pytest.mark.parametrize(
    ("outlets", "expected"),
    [
        (("courier", "courier", "courier"), 2),  # one newsroom: both are developments
        (("courier", "courier", "herald"), 2),
        (("courier", "herald", "post"), 1),  # papers of many: one report is enough, whoever published both
        ((None, None, "post"), 2),
        ((None, None, None), 2),
    ],
)
def test_stories_of_one_outlet_are_told_apart_where_it_published_most_of_the_archive(
    outlets: tuple[str | None, ...], expected: int
) -> None:
    asked, *others = (ASKED | {"source": outlets[0]}, *(row(f"o{n}", f"tenor{n}", 24 * n) for n in range(2, 6)))
    sources = (outlets[1], outlets[2], outlets[0], outlets[1])
    others = [{**story, "source": source} for story, source in zip(others, sources, strict=True)]
    event = [row("a", EVENT, 0, source="agency"), row("b", EVENT, 5, source="agency")]
    limits = {"event_threshold": 0.02, "event_threshold_own": 1.0}
    found = shown([asked, *others, *event], "asked", **limits)
    assert len({"a", "b"} & set(found)) == expected


def test_without_a_date_only_a_surer_test_joins() -> None:
    stories = [ASKED, row("a", EVENT, 0), row("b", EVENT, None)]
    limits = {"timeless_slots": 1, "event_threshold": 0.1}
    assert sorted(shown(stories, "asked", event_threshold_undated=1.0, **limits)) == ["a", "b"]
    assert len(shown(stories, "asked", event_threshold_undated=0.02, **limits)) == 1


def test_in_an_archive_without_dates_the_surer_test_alone_joins() -> None:
    stories = [row("q", "harbour council budget", None), *(row(f"r{n}", EVENT, None) for n in range(3))]
    stories += [row("x", "opera tenor soprano", None)]
    loose = Recommender(PLAIN.override({"selection.event_threshold_undated": 0.3})).fit(stories)
    sure = Recommender(PLAIN.override({"selection.event_threshold_undated": 1.0})).fit(stories)
    every = sure.recommend("q")
    assert len(every) == 3
    assert [item.article_id for item in loose.recommend("q")] == [every.items[0].article_id]
    assert [item.article_id for item in loose.recommend("r0")] == ["q"]
    assert len(sure.recommend("r0")) == 3


@pytest.mark.parametrize(("hours", "live"), [(47.9, True), (48.1, False), (2000, False)])
def test_live_pages_go_after_two_days(hours: float, live: bool) -> None:
    page = row("page", EVENT, -hours, kind="live")
    rec = Recommender(PLAIN).fit([ASKED, page, row("now", "unrelated opera tenor", 0)])
    assert ("page" in [item.article_id for item in rec.recommend("asked")]) is live
    rec = Recommender(PLAIN.override({"selection.live_hours": None})).fit([ASKED, page, row("now", "opera", 0)])
    assert "page" in [item.article_id for item in rec.recommend("asked")]


def test_caps_do_not_bring_an_event_back() -> None:
    """More opinion pieces than a list has places stand before two reports of one event."""
    opinions = [
        row(
            f"o{n:02d}",
            f"harbour council budget island ferry view{'abcdefghijkl'[n]} "
            + " ".join(f"own{'abcdefghijkl'[n]}{letter}" for letter in "pqrstuv"),
            24 * n,
            kind="opinion",
        )
        for n in range(12)
    ]
    reports = [row("r0", EVENT, 24 * 20), row("r1", EVENT, 24 * 20 + 5)]
    found = shown([ASKED, *opinions, *reports], "asked", k=5, caps=[{"by": "kind", "value": "opinion", "at_most": 2}])
    assert len(found) == 3
    assert len({"r0", "r1"} & set(found)) == 1


# -- diversity ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_diversity_in_a_list_is_mmr_over_the_scores(seed: int) -> None:
    vectors = {f"s{n}": vector for n, vector in enumerate(np.random.default_rng(seed).exponential(size=(12, 4)))}
    stories = [row(article_id, f"title {article_id}", 0) for article_id in vectors]
    settings = Settings.of(
        {
            "ranking": {"ranker": "none", "dense_weight": 1, "lexical_weight": 0},
            "selection": {
                "k": 5,
                "reserves": 0,
                "related_at": None,
                "same_report_hours": None,
                "repeat_hours": None,
                "series_limit": False,
            },
        }
    )
    ranked = Recommender(settings, embedder=GivenVectors(vectors)).fit(stories).recommend("s0", k=11).items
    rec = Recommender(settings.override({"selection.diversity": 0.6}), embedder=GivenVectors(vectors)).fit(stories)
    theirs = diversify(
        np.array([vectors[item.article_id] for item in ranked]),
        np.array([item.score for item in ranked]),
        5,
        strategy=Strategy.MMR,
        diversity=0.6,
    )
    found = rec.recommend("s0")
    assert [item.article_id for item in found] == [ranked[place].article_id for place in theirs.indices]
    assert [item.article_id for item in found] != [item.article_id for item in ranked[:5]]
    assert any(reason.kind == "variety" for item in found for reason in item.reasons)


def test_diversity_and_caps_together_leave_no_place_empty() -> None:
    settings = PLAIN.override(
        {
            "selection.diversity": 0.3,
            "selection.k": 5,
            "selection.same_report_hours": None,
            "selection.repeat_hours": None,
            "selection.caps": [{"by": "kind", "value": "opinion", "at_most": 2}],
        }
    )
    opinions = [row(f"o{chr(97 + n)}", EVENT, n, kind="opinion") for n in range(20)]
    news = [row(f"n{chr(97 + n)}", "harbour ferry quay tide", 200 + n) for n in range(10)]
    found = Recommender(settings).fit([row("asked", EVENT, 0), *opinions, *news]).recommend("asked")
    assert found.status == "ok"
    assert len([item for item in found if item.article_id.startswith("o")]) == 2


@pytest.mark.parametrize("seed", range(4))
def test_near_copies_are_those_of_both_cosines(seed: int) -> None:
    """The sketches that spare most comparisons lose none."""
    rng, n = np.random.default_rng(seed), 60
    terms = sp.random_array((n, 400), density=0.1, rng=rng, format="lil", dtype=np.float32)
    for copy in range(0, n, 3):  # rows that differ from the one before by more and more words
        terms[copy + 1] = terms[copy]
        terms[copy + 1, rng.integers(0, 400, copy // 6)] = 0.5
    terms = sp.csr_matrix(terms)
    terms.data /= np.repeat(sp.linalg.norm(terms, axis=1), np.diff(terms.indptr)).astype(np.float32)
    vectors = quantise(np.repeat(rng.normal(size=(n // 3, 16)), 3, axis=0) + rng.normal(size=(n, 16)) / 2)
    settings, dates = SelectionSettings(), np.zeros(n, np.int64)
    model = SameEvent.load("archive", "")
    test = EventTest(
        vectors=vectors,
        terms=terms,
        rarity=np.zeros(terms.shape[1], dtype=np.float32),
        scale=np.where(rng.random((n, 2)) < 0.2, np.nan, 0).astype(np.float32),
        published=dates,
        outlets=dates.astype(np.int32),
        model=model,
        settings=settings,
        timed=True,
    )
    rows = np.tile(np.append(np.arange(n), -1), (n, 1))
    is_open = rng.random(rows.shape) < 0.9
    found = test.is_near_copy(np.arange(n), rows, test.sketches(rows), is_open)
    assert not test.is_near_copy(np.full(n, -1), rows, test.sketches(rows), is_open).any()
    a, b = np.divmod(np.arange(n * n), n)
    dense = cosines(vectors[a], vectors, b[:, None])[:, 0].reshape(n, n)
    lacks_vector = ~(test.has_vector[:, None] & test.has_vector)
    words = row_cosines(terms, terms, a, b).reshape(n, n)
    is_long = np.minimum(np.diff(terms.indptr)[:, None], np.diff(terms.indptr)) >= FEWEST_TERMS
    expected = (lacks_vector | (dense >= COPY_VECTORS)) & (words >= COPY_WORDS) & is_long & is_open[:, :n]
    assert np.array_equal(found[:, :n], expected)
    assert not found[:, n].any()
    assert n < expected.sum() < 2 * n
