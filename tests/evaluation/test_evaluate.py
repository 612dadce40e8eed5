"""evaluate() from end to end, with systems whose quality is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from recommender import Settings
from recommender.articles.article import UNDATED
from recommender.errors import InputError, SettingsError
from recommender.evaluation import Comparison, Evaluation, Judgments, evaluate
from recommender.evaluation.answered import Case
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.evaluate import _has_scale_of_reference
from recommender.evaluation.measures.safety import SAFETY
from recommender.evaluation.results import Part
from recommender.evaluation.systems.system import OwnSystem, Ranking, System
from recommender.reading.clicks import ClickLog

START = datetime(2024, 1, 1, tzinfo=UTC)
SIZE, BLOCK = 40, 5  # stories, and stories of one topic
IDS = [f"s{number:02}" for number in range(SIZE)]
WORDS = ("ferry", "opera", "mayor", "glacier", "mill", "bread", "chess", "storm")
GRADE = {1: 3.0, 2: 2.0, 3: 1.0, 4: 1.0}  # by distance within a topic


def grade_of(a: int, b: int) -> float:
    return GRADE[abs(a - b)] if a // BLOCK == b // BLOCK and a != b else 0.0


PAIRS = [
    (IDS[a], IDS[b], grade_of(a, b))
    for a in range(SIZE)
    for b in range(a + 1, SIZE)
    if grade_of(a, b) or a % 3 == b % 3
]
IDEAL = {
    IDS[a]: sorted((IDS[b] for b in range(SIZE) if grade_of(a, b)), key=lambda b: (-grade_of(a, IDS.index(b)), b))
    for a in range(SIZE)
}


def articles() -> list[dict[str, Any]]:
    return [
        {
            "id": name,
            "title": f"{WORDS[number // BLOCK]} {number}",
            "body": f"News of the {WORDS[number // BLOCK]}, number {number}.",
            "section": "city",
            "language": "en",
            "published_at": START + timedelta(days=number),
        }
        for number, name in enumerate(IDS)
    ]


def judged(pairs: Sequence[Sequence[object]] = PAIRS, *, complete: bool = True, **values: Any) -> EvaluationSet:
    made = Judgments.of(pairs, relevant=2, symmetric=True, complete=IDS if complete else ())
    return EvaluationSet.of("made up", articles(), made, **{"about": "topics", "notes": ("small",), **values})


class Fake:
    """Shows what it was told to show."""

    trained_on: tuple[str, ...] = ()

    def __init__(
        self, name: str, lists: Mapping[str, Sequence[str]], scores: NDArray[np.float64] | None = None
    ) -> None:
        self.name, self.about, self._lists, self._scores = name, f"a fake, {name}", lists, scores

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        self._row: dict[str, int] = {}
        self.add(articles)

    def add(self, articles: pa.Table) -> None:
        for name in articles["id"].to_pylist():
            self._row[name] = len(self._row)

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        found = Ranking.empty(len(stories), depth)
        for line, story in enumerate(stories["id"].to_pylist()):
            rows = [self._row[item] for item in self._lists.get(story, ()) if item in self._row][:depth]
            found.rows[line, : len(rows)] = rows
            found.scores[line, : len(rows)] = np.linspace(1, 0.5, len(rows))
            found.sources[line, : len(rows)] = "related"
        return found

    def lists(self, stories: pa.Table, k: int) -> Ranking:
        return self.rank(stories, k)

    def relevance(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64] | None:
        return None if self._scores is None else self._scores[a, b]


def others(story: str, count: int) -> list[str]:
    """Stories of other topics."""
    number = IDS.index(story)
    return [IDS[(number - BLOCK * (1 + n)) % SIZE] for n in range(count)]


RELATED = np.array([[grade_of(a, b) for b in range(SIZE)] for a in range(SIZE)])
NOISE = RELATED + np.abs(np.random.default_rng(0).normal(0, 2, (SIZE, SIZE)))
MIDDLING = {story: [*others(story, 1), *items] for story, items in IDEAL.items()}
ANSWERED = IDS[::2]


def systems() -> list[System]:
    return [
        Fake("middling", MIDDLING, NOISE),
        Fake("best", IDEAL, RELATED),
        Fake("worst", {story: others(story, 6) for story in IDS}, -RELATED),
        Fake("copy", MIDDLING, NOISE),
        Fake("easy", {story: IDEAL[story] for story in ANSWERED}),
    ]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of the reference, embedded once."""
    return tmp_path_factory.mktemp("cache") / "vectors.sqlite"


@pytest.fixture(scope="module")
def found(cache: Path) -> Evaluation:
    return evaluate(systems(), judged(group={name: f"topic {n // BLOCK}" for n, name in enumerate(IDS)}), cache=cache)


def verdicts(found: Evaluation, part: Part, measure: str) -> dict[str, str]:
    return {one.system: one.verdict for one in found.comparisons if (one.part, one.measure) == (part, measure)}


def comparison(found: Evaluation, part: Part, measure: str, system: str) -> Comparison:
    return next(one for one in found.comparisons if (one.part, one.measure, one.system) == (part, measure, system))


def ndcg(story: str, items: Sequence[str], k: int) -> float:
    a = IDS.index(story)
    gained = sum(grade_of(a, IDS.index(item)) / math.log2(2 + rank) for rank, item in enumerate(items[:k]))
    ideal = sum(grade_of(a, IDS.index(item)) / math.log2(2 + rank) for rank, item in enumerate(IDEAL[story][:k]))
    return gained / ideal


def test_planted_systems_are_told_apart(found: Evaluation) -> None:
    expected = {"best": "better", "worst": "worse", "copy": "identical", "easy": "worse"}
    for part in ("relevance", "list"):
        assert verdicts(found, part, "nDCG@5") == expected  # type: ignore[arg-type]
        assert verdicts(found, part, "RR") == {**expected, "easy": "not shown"}  # type: ignore[arg-type]
    assert verdicts(found, "pairs", "AUC") == {"best": "better", "worst": "worse", "copy": "identical"}
    assert verdicts(found, "pairs", "Spearman") == {"best": "better", "worst": "worse", "copy": "identical"}
    assert found.baseline == "middling"
    assert {one.baseline for one in found.comparisons} == {"middling"}
    assert not {one.measure for one in found.comparisons if one.measure.startswith("Judged")}
    best = comparison(found, "list", "nDCG@5", "best")
    assert (best.wins, best.ties, best.losses) == (40, 0, 0)
    assert best.difference.low > 0
    assert best.p <= best.p_holm < 0.05
    assert comparison(found, "list", "nDCG@5", "copy").difference.value == 0


def test_figures_are_plain_means(found: Evaluation) -> None:
    assert found.stories == tuple(IDS)
    lists = {"middling": MIDDLING, "best": IDEAL, "easy": {story: IDEAL[story] for story in ANSWERED}}
    for result in found.systems:
        for part in ("relevance", "list"):
            for name, values in result.per_story[part].items():
                assert values.shape == (SIZE,)
                told = result.figures[part][name]
                assert told.value == pytest.approx(np.nanmean(values), abs=1e-12)
                assert told.low <= told.value + 1e-12 or math.isnan(told.low)
                assert told.value <= told.high + 1e-12 or math.isnan(told.high)
        if result.system in lists:
            expected = [ndcg(story, lists[result.system].get(story, ()), 5) for story in IDS]
            assert result.per_story["list"]["nDCG@5"].tolist() == pytest.approx(expected, abs=1e-9)
            assert result.per_story["relevance"]["nDCG@10"].tolist() == pytest.approx(
                [ndcg(story, lists[result.system].get(story, ()), 10) for story in IDS], abs=1e-9
            )


def test_what_is_measured(found: Evaluation) -> None:
    result = found.systems[0]
    assert list(result.figures) == ["relevance", "list", "pairs"]
    assert list(result.figures["relevance"]) == ["nDCG@5", "nDCG@10", "AP", "RR", "R@10", "Judged@5"]
    assert list(result.figures["list"]) == ["nDCG@5", "distinct nDCG@5", "RR", "P@5", "R@5", "Judged@5"]
    assert list(result.figures["pairs"]) == ["AUC", "Spearman", "Pearson"]
    assert list(found.systems[4].figures) == ["relevance", "list"], "it scores no pairs"
    assert set(result.safety) == set(SAFETY)
    assert (found.k, found.relevant, found.headline, found.protocol) == (5, 2.0, ("list", "nDCG@5"), "archive")
    assert (found.name, found.about, found.licence, found.notes) == ("made up", "topics", "your own", ("small",))
    assert found.stability["copy"] == 1
    assert found.stability["worst"] < found.stability["best"] < 1
    assert list(found.stability) == ["best", "worst", "copy", "easy"]


def test_unanswered_stories_count_as_zero(found: Evaluation) -> None:
    easy = found.systems[4]
    assert easy.unanswered == 20
    assert easy.items == 2.0
    assert easy.quality["empty lists"] == 0.5
    assert easy.figures["list"]["nDCG@5"].value == pytest.approx(0.5)
    assert easy.per_story["list"]["nDCG@5"][1::2].tolist() == [0.0] * 20
    assert easy.figures["list"]["Judged@5"].value == 1, "nothing that it shows is unjudged"
    assert len(easy.ages_days) == 80
    assert comparison(found, "list", "nDCG@5", "easy").losses == 20
    assert [result.unanswered for result in found.systems[:4]] == [0] * 4


def test_counts(found: Evaluation) -> None:
    assert found.counts == {
        "articles": 40,
        "judged pairs": len(PAIRS),
        "stories evaluated": 40,
        "groups": 8,
        "articles without judgments": 0,
        "judged stories without a good item": 0,
        "rejected articles": 0,
        "judgments of unknown articles": 0,
    }


def test_intervals_and_tests_go_by_group(found: Evaluation, cache: Path) -> None:
    alone = evaluate(systems()[:3], judged(), cache=cache)
    assert alone.counts["groups"] == 40
    assert comparison(alone, "list", "nDCG@5", "best").p < comparison(found, "list", "nDCG@5", "best").p
    assert comparison(found, "list", "nDCG@5", "best").p == pytest.approx(2 / 2**8)


def test_examples(found: Evaluation) -> None:
    headline = np.array([result.per_story["list"]["nDCG@5"] for result in found.systems])
    worst = sorted(range(SIZE), key=lambda at: headline[0][at])[:20]
    assert [one.story for one in found.worst] == [IDS[at] for at in worst]
    apart = np.abs(headline[1:] - headline[0]).max(axis=0)
    assert [one.story for one in found.changed] == [IDS[at] for at in np.argsort(-apart, kind="stable")[:20]]
    for one in (*found.worst, *found.changed):
        at = IDS.index(one.story)
        assert one.title == f"{WORDS[at // BLOCK]} {at}"
        assert one.values == {result.system: headline[n, at] for n, result in enumerate(found.systems)}
        assert [item for item, _, _ in one.lists["best"]] == IDEAL[one.story][:5]
        assert [item for item, _, _ in one.lists["middling"]] == MIDDLING[one.story][:5]
        assert len(one.lists["easy"]) == (4 if one.story in ANSWERED else 0)
        for item, title, grade in (entry for shown in one.lists.values() for entry in shown):
            assert title.endswith(f" {IDS.index(item)}")
            assert grade == grade_of(at, IDS.index(item)), "all were judged: what is not in the table is 0"
        assert [(item, grade) for item, _, grade in one.wanted] == [
            (item, grade_of(at, IDS.index(item))) for item in IDEAL[one.story]
        ]


def plain(found: Evaluation) -> dict[str, Any]:
    told = found.to_dict()
    for result in told["systems"]:
        assert result.pop("seconds_fit") >= 0
        assert result.pop("seconds_story") >= 0
    return told


def test_one_seed_one_result(cache: Path) -> None:
    first, again, other = (evaluate(systems()[:3], judged(), cache=cache, seed=seed) for seed in (1, 1, 2))
    assert orjson.dumps(plain(first)) == orjson.dumps(plain(again))
    assert plain(first) != plain(other)
    figures = [one.systems[0].figures["list"]["nDCG@5"].value for one in (first, other)]
    assert figures[0] == figures[1], "the seed moves intervals, not figures"


def test_lists_of_unjudged_items_decide_nothing(cache: Path) -> None:
    few = [pair for pair in PAIRS if pair[2]]
    made = judged(few, complete=False)
    strange = {story: [*others(story, 2), *items] for story, items in IDEAL.items()}
    named = evaluate([Fake("best", IDEAL), Fake("strange", strange), Fake("same", IDEAL)], made, cache=cache)
    assert verdicts(named, "list", "nDCG@5") == {"strange": "undecided", "same": "identical"}
    assert named.systems[1].figures["list"]["Judged@5"].value == pytest.approx(0.6)
    assert named.systems[1].condensed["list"]["nDCG@5"].value == pytest.approx(
        np.mean([ndcg(story, IDEAL[story][:3], 5) for story in IDS])
    )
    assert named.systems[1].condensed["relevance"]["nDCG@5"].value == pytest.approx(1)
    example = next(one for one in named.changed if one.lists["strange"])
    assert [grade for _, _, grade in example.lists["strange"]][:2] == [None, None]
    shorter = evaluate([Fake("best", IDEAL), Fake("few", {IDS[0]: IDEAL[IDS[0]]})], made, cache=cache)
    assert verdicts(shorter, "list", "nDCG@5") == {"few": "worse"}, "an empty list hides nothing"


def test_a_set_of_pairs_only(cache: Path) -> None:
    made = replace(judged(), uses=("pairs",))
    named = evaluate([systems()[0], systems()[1], systems()[4]], made, cache=cache)
    assert (named.stories, named.headline, named.worst, named.changed) == ((), ("pairs", "AUC"), (), ())
    assert verdicts(named, "pairs", "AUC") == {"best": "better"}
    assert named.systems[1].figures["pairs"]["AUC"].value == 1
    assert named.systems[2].figures == {}
    assert (dict(named.systems[0].per_story), dict(named.systems[0].quality), named.stability) == ({}, {}, {})
    assert {one.part for one in named.comparisons} == {"pairs"}
    assert orjson.dumps(named.to_dict())
    silent = evaluate([systems()[4], systems()[0]], made, cache=cache)
    assert silent.comparisons == (), "there is nothing to compare with a system without scores"


def test_another_k_and_further_measures(cache: Path) -> None:
    named = evaluate(systems()[:2], judged(), k=2, measures=["P@3", "ndcg@2", "AUC"], cache=cache)
    expected = ["nDCG@2", "distinct nDCG@2", "RR", "P@2", "R@2", "Judged@2", "P@3"]
    assert list(named.systems[0].figures["list"]) == expected
    assert list(named.systems[0].figures["relevance"])[-2:] == ["nDCG@2", "P@3"]
    assert (named.k, named.headline) == (2, ("list", "nDCG@2"))
    assert named.systems[0].items == 2
    assert named.systems[0].per_story["list"]["nDCG@2"].tolist() == pytest.approx(
        [ndcg(story, MIDDLING[story], 2) for story in IDS], abs=1e-9
    )
    assert all(len(one.lists["best"]) == 2 and len(one.wanted) == 2 for one in named.worst)


def test_what_is_refused(cache: Path) -> None:
    made = judged()
    for names in ([], ["tfidf", "tfidf"], ["x=tfidf", "x=random"]):
        with pytest.raises(SettingsError, match=r"the systems are .*; expected one and more, each name once"):
            evaluate(names, made, cache=cache)
    with pytest.raises(SettingsError, match="unknown system 'best'"):
        evaluate(["best"], made, cache=cache)
    with pytest.raises(SettingsError, match="unknown measure 'accuracy'"):
        evaluate(["tfidf"], made, measures=["accuracy"], cache=cache)
    for k in (0, -1):
        with pytest.raises(SettingsError, match=f"k is {k}, expected at least 1"):
            evaluate(["tfidf"], made, k=k, cache=cache)
    hopeless = judged([(IDS[0], IDS[1], 0.0), (IDS[2], IDS[3], 0.0)], uses=("lists",))
    later = EvaluationSet.of("x", articles(), Judgments.of([(IDS[0], IDS[1], 1)]), protocol="at_publication")
    for empty in (hopeless, later):
        with pytest.raises(InputError, match="no story has an item with a grade above 0 that may stand under it"):
            evaluate(["tfidf"], empty, cache=cache)


def test_progress_is_told(cache: Path) -> None:
    heard: list[tuple[str, int, int | None]] = []
    evaluate(systems()[:2], judged(), cache=cache, progress=lambda *told: heard.append(told))
    assert heard == [("middling on made up", 40, 40), ("best on made up", 40, 40)]


def test_with_the_past_alone(cache: Path) -> None:
    named = evaluate(systems()[:3], judged(protocol="at_publication"), cache=cache)
    # the first of each topic has nothing older to be shown
    assert named.stories == tuple(name for number, name in enumerate(IDS) if number % BLOCK)
    assert named.counts["judgments of later items"] == len(PAIRS)
    assert named.counts["judged stories without a good item"] == 8
    assert named.systems[1].figures["list"]["nDCG@5"].value == pytest.approx(1)
    assert verdicts(named, "list", "nDCG@5") == {"best": "better", "worst": "worse"}
    assert all(result.safety["future"] == 0 for result in named.systems)
    assert all((result.ages_days > 0).all() for result in named.systems)
    assert "pairs" not in named.systems[0].figures
    assert {IDS.index(item) < IDS.index(one.story) for one in named.worst for item, _, _ in one.lists["best"]} == {True}


def test_without_dates_nothing_has_an_age(cache: Path) -> None:
    rows = [{**row, "published_at": None} for row in articles()]
    made = EvaluationSet.of("undated", rows, judged().judgments)
    named = evaluate(
        [*systems()[:2], OwnSystem("ours", Settings.of({"embedding": {"model": "tfidf"}}))], made, cache=cache
    )
    assert named.protocol == "undated"
    assert all(len(result.ages_days) == 0 for result in named.systems)
    assert verdicts(named, "list", "nDCG@5")["best"] == "better"
    assert (made.catalog.published == UNDATED).all()


def test_the_lists_of_a_click_log_are_replayed(cache: Path) -> None:
    rows = [
        {
            "source": story,
            "shown": [*others(story, 3), *IDEAL[story][::3]],
            "clicked": IDEAL[story][:1],
            "session": story,
        }
        for story in IDS
    ]
    rows.append({"source": None, "shown": IDS[:3], "clicked": IDS[:1]})
    made = judged(clicks=ClickLog.of(rows))
    silent, middling, best, worst = systems()[4], *systems()[:3]
    named = evaluate([middling, best, worst, silent], made, cache=cache)
    assert named.systems[1].figures["replay"]["RR"].value == 1
    assert named.systems[2].figures["replay"]["AUC"].value == 0
    assert "replay" not in named.systems[3].figures
    assert verdicts(named, "replay", "AUC") == {"best": "better", "worst": "worse"}
    assert named.systems[0].per_story["replay"]["RR"].shape == (40,)
    assert (named.counts["lists replayed"], named.counts["lists not replayed"]) == (40, 0)
    assert named.counts["lists of unknown articles"] == 1
    first = evaluate([silent, best], made, cache=cache)
    assert verdicts(first, "replay", "AUC") == {}
    assert first.counts["lists replayed"] == 40
    assert first.systems[1].figures["replay"]["RR"].value == 1
    timed = evaluate([best], replace(made, protocol="at_publication"), cache=cache)
    assert "replay" not in timed.systems[0].figures, "a log of the whole archive says nothing of the past"


def test_real_systems_by_name(cache: Path) -> None:
    named = evaluate(["tfidf", "random", "lexical=bm25"], judged(), cache=cache)
    assert [result.system for result in named.systems] == ["tfidf", "random", "lexical"]
    assert verdicts(named, "list", "nDCG@5")["random"] == "worse"
    assert all(set(result.safety.values()) == {0} for result in named.systems)
    one = evaluate(["tfidf"], judged(), cache=cache)
    assert (one.comparisons, one.changed, one.stability) == ((), (), {})
    assert one.systems[0].figures["list"] == named.systems[0].figures["list"]


def test_without_a_cache_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    small = EvaluationSet.of("small", articles()[:4], Judgments.of([(IDS[0], IDS[1], 1)]))
    assert evaluate([Fake("best", IDEAL)], small).systems[0].figures["list"]["RR"].value == 1
    assert list(tmp_path.iterdir()) == []


def test_on_whose_lists_the_cut_of_the_reference_bears(cache: Path) -> None:
    """Another model, ranking, cut or length of list means another cut: what it calls related is not at fault."""
    made = judged()
    case = Case.from_set(made, 5, (), cache)
    timed = Case.from_set(replace(made, protocol="at_publication"), 5, (), cache)

    def own(dotted: dict[str, Any]) -> OwnSystem:
        return OwnSystem("own", Settings().override(dotted), cache)

    assert _has_scale_of_reference(own({}), case)
    assert _has_scale_of_reference(own({"selection.reserves": 0}), case)
    assert _has_scale_of_reference(own({"selection.fill": ()}), case)
    assert not _has_scale_of_reference(own({}), timed)
    assert not _has_scale_of_reference(Fake("fake", IDEAL), case)
    for name, value in {
        "embedding.model": "tfidf",
        "ranking.ranker": "none",
        "selection.related_at": 0.1,
        "selection.k": 20,
    }.items():
        assert not _has_scale_of_reference(own({name: value}), case), name
