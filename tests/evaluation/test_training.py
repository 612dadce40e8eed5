"""Rankers that learn from links: whatever they learned, they are measured on what they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.errors import InputError, SettingsError
from recommender.evaluation import (
    Evaluation,
    EvaluationSet,
    Fold,
    HeldOut,
    Judgments,
    SystemResult,
    by_group,
    by_time,
    chronological,
    cross_validated,
    evaluate,
    link_groups,
    pooled,
)
from recommender.evaluation.protocol import ask, stories_to_evaluate
from recommender.evaluation.report.tables import summary_table
from recommender.evaluation.report.wording import reliability, verdicts
from recommender.evaluation.report.write import to_html, to_json, to_markdown
from recommender.evaluation.results import TRAINED_HERE
from recommender.evaluation.systems.baselines import Random, TfidfCosine
from recommender.statistics import bootstrap, randomisation, stratified_bootstrap

START = datetime(2024, 1, 1, tzinfo=UTC)
GROUPS, SIZE = 12, 4
HOURS = (0, 2, 5, 9)  # of the stories of a group, after its first
IDS = [[f"g{group:02}-{number}" for number in range(SIZE)] for group in range(GROUPS)]
ALL = [one for group in IDS for one in group]


def articles() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(80)]
    return [
        {
            "id": IDS[group][number],
            "title": " ".join(rng.choice(words, 4)),
            "body": " ".join([*rng.choice(words, 25), f"subject{group}"]),
            "language": "en",
            "published_at": START + timedelta(hours=4 * group + HOURS[number], minutes=group),
        }
        for group in range(GROUPS)
        for number in range(SIZE)
    ]


# every story links to all that came before it in its group, and one group to a later story
LINKS = [(group[a], group[b], 1.0) for group in IDS for a in range(SIZE) for b in range(a)] + [
    (IDS[3][0], IDS[3][2], 1.0)
]


def newsroom(name: str = "made up", **values: Any) -> EvaluationSet:
    made = Judgments.of(values.pop("links", LINKS), relevant=1.0)
    values = {"protocol": "at_publication", "part": "development", **values}
    made_set = EvaluationSet.of(name, articles(), made, **values)
    group = link_groups(made.table["story"].to_pylist(), made.table["item"].to_pylist())
    return replace(made_set, group=values.get("group", group))


class Cheat(Random):
    """Knows by heart the links that it was given, and else shows any order."""

    def __init__(self, links: pa.Table | None = None, name: str = "cheat", trained_on: tuple[str, ...] = ()) -> None:
        super().__init__(name)
        self.trained_on = trained_on
        self._known: set[tuple[str, str]] = set()
        self._remember(links)

    def _remember(self, links: pa.Table | None) -> None:
        for row in [] if links is None else links.to_pylist():
            self._known |= {(row["story"], row["item"]), (row["item"], row["story"])}

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        super().fit(articles, links)
        self._remember(links)

    def scores(self, stories: pa.Table) -> NDArray[np.float64]:
        held = self.articles["id"].to_pylist()
        known = [[(story, item) in self._known for item in held] for story in stories["id"].to_pylist()]
        return super().scores(stories) + np.array(known, dtype=float).reshape(len(stories), len(held))


class Recorder(Random):
    """Tells what it was given."""

    def __init__(self, links: pa.Table, seen: list[Recorder]) -> None:
        super().__init__("recorder")
        self.given, self.fitted, self.asked = links, [], set()
        seen.append(self)

    given: pa.Table
    fitted: list[tuple[list[str], pa.Table | None]]
    asked: set[str]

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        super().fit(articles, links)
        self.fitted.append((articles["id"].to_pylist(), links))

    def scores(self, stories: pa.Table) -> NDArray[np.float64]:
        self.asked |= set(stories["id"].to_pylist())
        return super().scores(stories)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache") / "vectors.sqlite"


def result_of(found: Evaluation, name: str) -> SystemResult:
    return next(one for one in found.systems if one.system == name)


def ends(links: pa.Table) -> set[str]:
    return {*links["story"].to_pylist(), *links["item"].to_pylist()}


# -- one that learned the answers by heart --------------------------------------------------------


@pytest.fixture(scope="module")
def by_heart(cache: Path) -> Evaluation:
    judged = newsroom()
    links = judged.judgments.links()
    systems = [Random("random"), Cheat(links, "cheat", ("made up",)), Cheat(links, "elsewhere", ("another set",))]
    return evaluate(systems, judged, cache=cache)


class TestTrainedOnTheSet:
    def test_it_gets_no_verdict_however_good_it_looks(self, by_heart: Evaluation) -> None:
        cheat = result_of(by_heart, "cheat")
        assert cheat.training == TRAINED_HERE
        assert cheat.figures["relevance"]["nDCG@5"].value == 1
        compared = [one for one in by_heart.comparisons if one.system == "cheat"]
        assert compared
        for one in compared:
            assert one.verdict == TRAINED_HERE
            assert np.isnan([one.p, one.p_holm]).all()

    def test_the_same_of_one_trained_elsewhere_has_one(self, by_heart: Evaluation) -> None:
        assert result_of(by_heart, "elsewhere").training == "left out"
        assert result_of(by_heart, "random").training == ""
        said = {(one.part, one.measure): one for one in by_heart.comparisons if one.system == "elsewhere"}
        one = said["relevance", "nDCG@5"]
        assert one.verdict == "better"
        assert one.p_holm == one.p  # one system is tested, not two

    @pytest.mark.parametrize("by", ["name", "set", "judgments"])
    def test_a_set_is_recognised_by_name_or_digest(self, cache: Path, by: str) -> None:
        judged = newsroom()
        mark = {"name": judged.name, "set": judged.fingerprint(), "judgments": judged.judgments.fingerprint()}[by]
        found = evaluate([Random("random"), Cheat(None, "cheat", ("x", mark))], judged, cache=cache)
        assert result_of(found, "cheat").training == TRAINED_HERE

    def test_a_baseline_that_was_trained_here_judges_nobody(self, cache: Path) -> None:
        judged = newsroom()
        found = evaluate(
            [Cheat(judged.judgments.links(), "cheat", ("made up",)), Random("random")], judged, cache=cache
        )
        assert {one.verdict for one in found.comparisons} == {TRAINED_HERE}
        assert any("cheat was trained on this set" in sentence for sentence in verdicts(found))

    def test_pairs_too(self, cache: Path) -> None:
        pairs = Judgments.of([*LINKS, *((ALL[n], ALL[-n - 1], 0.0) for n in range(20))], relevant=1.0, symmetric=True)
        judged = EvaluationSet.of("pairs", articles(), pairs)
        systems = [Random("random"), Cheat(pairs.links(), "cheat", ("pairs",)), TfidfCosine("tfidf")]
        found = evaluate(systems, judged, cache=cache)
        said = {one.system: one for one in found.comparisons if (one.part, one.measure) == ("pairs", "AUC")}
        assert said["cheat"].difference.value > 0.3
        assert (said["cheat"].verdict, np.isnan(said["cheat"].p)) == (TRAINED_HERE, True)
        assert said["tfidf"].p_holm == said["tfidf"].p

    def test_every_report_says_so(self, by_heart: Evaluation) -> None:
        document = orjson.loads(to_json([by_heart], settings={}))["sets"][0]
        assert [one["training"] for one in document["systems"]] == ["", TRAINED_HERE, "left out"]
        told = next(one for one in document["comparisons"] if one["system"] == "cheat")
        assert (told["p"], told["p_holm"], told["verdict"]) == (None, None, TRAINED_HERE)
        assert document["groups"] == list(by_heart.groups)
        sentence = next(one for one in verdicts(by_heart) if one.startswith("No verdict on cheat against random"))
        assert "cheat was trained on this set" in sentence
        assert any(one.startswith("elsewhere (left out) is better than random") for one in verdicts(by_heart))
        page, text = to_html([by_heart], settings={}), to_markdown([by_heart])
        for made in (page, text):
            assert sentence in made
            assert "cheat (trained on this set)" in made
            assert "elsewhere (left out)" in made
            assert "learned these links by heart" in made
            assert "†" in made
        assert [row["training"] for row in summary_table(by_heart)] == ["", TRAINED_HERE, "left out"]
        assert summary_table(by_heart)[1]["verdict"] == TRAINED_HERE
        assert "p values are corrected" not in reliability(by_heart)  # one comparison is left

    def test_alone_it_is_named_too(self, cache: Path) -> None:
        found = evaluate([Cheat(None, "cheat", ("made up",))], newsroom(), cache=cache)
        assert verdicts(found)[0].startswith("cheat (trained on this set) on made up: nDCG@5")

    def test_links_alone_leave_nothing_undecided(self, by_heart: Evaluation) -> None:
        """Where only wanted items are judged, the better system has more judged items: that is no reason to doubt."""
        assert not any(name.startswith("Judged") for name in by_heart.systems[0].figures["relevance"])
        assert by_heart.systems[0].condensed == {}
        assert "undecided" not in {one.verdict for one in by_heart.comparisons}
        assert summary_table(by_heart)[0]["judged"] == "-"

    def test_without_training_nothing_is_said_of_it(self, cache: Path) -> None:
        found = evaluate(["random", "recent"], newsroom(), cache=cache)
        assert all("training" not in row for row in summary_table(found))
        assert "by heart" not in to_markdown([found])


# -- cross-validated ------------------------------------------------------------------------------


class TestCrossValidated:
    def test_what_was_learned_by_heart_helps_nothing(self, cache: Path) -> None:
        found = cross_validated(Cheat, newsroom(), against=["random"], cache=cache)
        learned, chance = result_of(found, "learned"), result_of(found, "random")
        assert learned.training == "cross-validated"
        for measure, values in learned.per_story["relevance"].items():
            np.testing.assert_array_equal(values, chance.per_story["relevance"][measure])
        assert {one.verdict for one in found.comparisons} == {"identical"}
        assert (found.counts["folds"], found.counts["stories of the largest group"]) == (5, 3)

    def test_a_whole_set_learned_before_is_told_whatever_the_folds(self, cache: Path) -> None:
        judged = newsroom()
        whole = judged.judgments.links()
        found = cross_validated(lambda _: Cheat(whole, "x", ("made up",)), judged, against=["random"], cache=cache)
        assert result_of(found, "learned").figures["relevance"]["nDCG@5"].value == 1
        assert result_of(found, "learned").training == TRAINED_HERE
        assert {one.verdict for one in found.comparisons} == {TRAINED_HERE}

    @pytest.mark.parametrize("protocol", ["at_publication", "archive"])
    def test_no_link_of_an_asked_group_is_ever_given(self, cache: Path, protocol: str) -> None:
        judged = newsroom(protocol=protocol)
        seen: list[Recorder] = []
        cross_validated(lambda links: Recorder(links, seen), judged, folds=4, against=["random"], cache=cache)
        assert len(seen) == 4
        assert sorted(one for system in seen for one in system.asked) == stories_to_evaluate(judged)[0]
        every = {(row["story"], row["item"]) for row in judged.judgments.links().to_pylist()}
        for system in seen:
            groups = {judged.group[one] for one in system.asked}
            given = {(row["story"], row["item"]) for row in system.given.to_pylist()}
            assert given == {link for link in every if judged.group[link[0]] not in groups}
            for held, links in system.fitted:
                assert links is not None
                now = {(row["story"], row["item"]) for row in links.to_pylist()}
                assert now == {link for link in given if set(link) <= set(held)}  # and nothing of the future

    def test_the_answers_are_those_of_one_system_asked_for_all(self, cache: Path) -> None:
        """Folds change what is learned from links, and nothing else: vocabularies are of the same moments."""
        judged = newsroom()
        found = cross_validated(lambda _: TfidfCosine("x"), judged, against=["tfidf"], cache=cache)
        assert {one.verdict for one in found.comparisons} == {"identical"}
        learned, plain = result_of(found, "learned"), result_of(found, "tfidf")
        for part, values in plain.per_story.items():
            for measure, one in values.items():
                np.testing.assert_array_equal(learned.per_story[part][measure], one, f"{part} {measure}")

    def test_several_makers_stand_side_by_side(self, cache: Path) -> None:
        makers: Mapping[str, Callable[[pa.Table], Any]] = {"a": Cheat, "b": lambda _: TfidfCosine("x")}
        found = cross_validated(makers, newsroom(), against=["random"], cache=cache)
        assert [one.system for one in found.systems] == ["random", "a", "b"]
        assert [one.training for one in found.systems] == ["", "cross-validated", "cross-validated"]

    def test_intervals_go_by_linked_groups_even_if_the_set_names_none(self, cache: Path) -> None:
        found = cross_validated(Cheat, newsroom(group={}), against=["random"], cache=cache)
        assert found.counts["groups"] == GROUPS
        values = result_of(found, "random").per_story["relevance"]["nDCG@5"]
        assert result_of(found, "random").figures["relevance"]["nDCG@5"] == bootstrap(values, np.array(found.groups))

    def test_what_cannot_be_held_out_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="folds is 1, expected at least 2"):
            by_group(newsroom(), folds=1)
        chain = [(b, a, 1.0) for a, b in pairwise(ALL)]
        with pytest.raises(InputError, match="are 1 groups; expected two"):
            by_group(newsroom(links=chain))
        with pytest.raises(InputError, match="made up judges pairs, not lists"):
            by_group(replace(newsroom(), uses=("pairs",)))

    def test_fewer_groups_than_folds(self) -> None:
        _, parts = by_group(newsroom(links=LINKS[:18]), folds=9)
        assert len(parts) == 3


links_of = st.lists(st.tuples(st.sampled_from(ALL[:24]), st.sampled_from(ALL[:24])), min_size=3, max_size=20)


@settings(max_examples=60, deadline=None)
@given(links_of, st.dictionaries(st.sampled_from(ALL[:24]), st.sampled_from("xyz"), max_size=6), st.integers(2, 5))
def test_folds_share_no_story_link_or_group(pairs: list[tuple[str, str]], own: dict[str, str], folds: int) -> None:
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    if not pairs:
        return
    judged = newsroom(links=[(*pair, 1.0) for pair in pairs], protocol="archive", group=own)
    try:
        made, parts = by_group(judged, folds=folds)
    except InputError:
        return
    stories = stories_to_evaluate(judged)[0]
    assert sorted(one for part in parts for one in part.stories) == stories
    for part in parts:
        touched = ends(part.links)
        assert not touched & part.stories
        assert not {made.group.get(one, one) for one in touched} & {made.group.get(one, one) for one in part.stories}
        assert not {own[one] for one in touched if one in own} & {own[one] for one in part.stories if one in own}
        # nothing is withheld beyond the groups of the fold
        closed = {made.group.get(one, one) for one in part.stories}
        assert len(part.links) == sum(made.group[story] not in closed for story, _ in set(pairs))


# -- chronological --------------------------------------------------------------------------------


class TestChronological:
    def test_only_groups_that_are_older_altogether_are_learned(self) -> None:
        judged = newsroom()
        part, (fold,) = by_time(judged, share=0.7)
        when = dict(zip(judged.catalog.ids.to_pylist(), judged.catalog.published.tolist(), strict=True))
        stories = stories_to_evaluate(judged)[0]
        cut = min(when[one] for one in fold.stories)
        assert len(fold.stories) == pytest.approx(0.3 * len(stories), abs=1)
        newer = sorted(story for story in stories if when[story] >= cut)
        assert stories_to_evaluate(part)[0] == sorted(fold.stories) == newer
        newest = {group: max(when[one] for one in IDS[group]) for group in range(GROUPS)}
        learned = {int(one[1:3]) for one in ends(fold.links)}
        assert learned == {group for group in newest if newest[group] < cut}
        straddling = [one for one in stories if newest[int(one[1:3])] >= cut and when[one] < cut]
        assert part.counts["older stories left out"] == len(straddling) > 0
        assert part.counts["links to learn from"] == len(fold.links)
        assert len(part.catalog) == len(judged.catalog)

    def test_what_was_learned_by_heart_helps_nothing(self, cache: Path) -> None:
        found = chronological(Cheat, newsroom(), against=["random"], cache=cache)
        assert result_of(found, "learned").training == "chronological"
        assert {one.verdict for one in found.comparisons} == {"identical"}
        assert any(one.startswith("learned (chronological) and random") for one in verdicts(found))
        assert 0 < len(found.stories) < len(stories_to_evaluate(newsroom())[0])

    def test_what_cannot_be_split_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="share is 1, expected a number between 0 and 1"):
            by_time(newsroom(), share=1)
        with pytest.raises(InputError, match="groups that are older altogether; expected some of both"):
            by_time(newsroom(), share=0.01)
        undated = EvaluationSet.of(
            "undated", [{**one, "published_at": None} for one in articles()], Judgments.of(LINKS, relevant=1.0)
        )
        with pytest.raises(InputError, match="undated has no dates; use cross_validated"):
            by_time(undated)


# -- the protocol itself --------------------------------------------------------------------------


@pytest.mark.parametrize("side", [0, 1])
def test_a_link_that_touches_an_asked_story_is_refused(side: int) -> None:
    judged = newsroom()
    stories = stories_to_evaluate(judged)[0]
    link = [stories[0], "g11-0"][:: -1 if side else 1]
    links = pa.table({"story": [link[0]], "item": [link[1]]})
    with pytest.raises(InputError, match=f"cheat may not learn from the link of '{link[0]}' to '{link[1]}'"):
        ask(Cheat(), judged, stories, k=5, depth=10, links=links)


def test_every_story_is_in_one_fold() -> None:
    judged = newsroom()
    stories = stories_to_evaluate(judged)[0]
    none = judged.judgments.links().slice(0, 0)
    one, rest = Fold(frozenset(stories[:1]), none), Fold(frozenset(stories[1:]), none)
    for folds, count in (((rest,), 0), ((one, one, rest), 2)):
        system = HeldOut("x", "", Cheat, folds, "cross-validated")
        with pytest.raises(InputError, match=rf"'{stories[0]}' is in {count} folds; expected every story in one"):
            system.answers(judged, stories, k=5, depth=10)
    with pytest.raises(InputError, match="made up has none to ask"):
        HeldOut("x", "", Cheat, (one, rest), "cross-validated").answers(judged, [], k=5, depth=10)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=8))
def test_link_groups_join_what_links_reach(pairs: list[tuple[str, str]]) -> None:
    found = link_groups([a for a, _ in pairs], [b for _, b in pairs])
    reached = {one: {one} for pair in pairs for one in pair}
    for _ in pairs:
        for a, b in pairs:
            both = reached[a] | reached[b]
            reached |= dict.fromkeys(both, both)
    assert found == {one: min(group) for one, group in reached.items()}


def test_link_groups_need_both_ends() -> None:
    with pytest.raises(InputError, match="2 stories and 1 items"):
        link_groups(["a", "b"], ["c"])


# -- over several newsrooms -----------------------------------------------------------------------


class TestPooled:
    @pytest.fixture(scope="class")
    def both(self, cache: Path) -> list[Evaluation]:
        first, second = newsroom("first"), newsroom("second", links=LINKS[:30])
        return [evaluate(["random", TfidfCosine("tfidf")], one, cache=cache) for one in (first, second)]

    def test_it_is_the_mean_over_all_stories(self, both: list[Evaluation]) -> None:
        found = pooled(both, "tfidf", "random")
        apart = [
            result_of(one, "tfidf").per_story["relevance"]["nDCG@5"]
            - result_of(one, "random").per_story["relevance"]["nDCG@5"]
            for one in both
        ]
        every = np.concatenate(apart)
        assert found.difference.value == pytest.approx(every.mean())
        assert found.difference == stratified_bootstrap(apart, [np.array(one.groups) for one in both])
        groups = np.concatenate([np.array(both[0].groups), np.array(both[1].groups) + 100])
        assert found.p == found.p_holm == randomisation(every, groups)
        assert found.verdict == "better"
        assert found.wins + found.ties + found.losses == len(every)

    def test_one_set_is_its_own_comparison(self, both: list[Evaluation]) -> None:
        for part in ("relevance", "list"):
            found = pooled(both[:1], "tfidf", "random", part=part)  # type: ignore[arg-type]
            alone = next(one for one in both[0].comparisons if (one.part, one.measure) == (part, "nDCG@5"))
            assert found == alone

    def test_lists_are_another_part(self, both: list[Evaluation]) -> None:
        assert pooled(both, "tfidf", "random", "RR", part="list").part == "list"
        assert pooled(both, "random", "random").verdict == "identical"

    def test_what_does_not_go_together_is_refused(self, both: list[Evaluation], cache: Path) -> None:
        with pytest.raises(InputError, match="the sets are first, first; expected one and more, each once"):
            pooled([both[0], both[0]], "tfidf", "random")
        with pytest.raises(InputError, match="the sets are none"):
            pooled([], "tfidf", "random")
        with pytest.raises(InputError, match="bm25 was not evaluated on first; its systems are random, tfidf"):
            pooled(both, "bm25", "random")
        with pytest.raises(InputError, match="first has no nDCG@7 by story of the relevance of tfidf; expected one of"):
            pooled(both, "tfidf", "random", "nDCG@7")
        crossed = cross_validated(
            {"tfidf": lambda _: TfidfCosine("x")}, newsroom("third"), against=["random"], cache=cache
        )
        with pytest.raises(InputError, match="tfidf is not trained, cross-validated in these sets"):
            pooled([*both, crossed], "tfidf", "random")

    def test_one_that_knows_a_set_gets_no_verdict_on_all(self, cache: Path) -> None:
        made = [
            evaluate(["random", Cheat(one.judgments.links(), "cheat", ("first",))], one, cache=cache)
            for one in (newsroom("first"), newsroom("second"))
        ]
        found = pooled(made, "cheat", "random")
        assert (found.verdict, np.isnan(found.p)) == (TRAINED_HERE, True)
        assert pooled(made[1:], "cheat", "random").verdict == "better"


class TestStratifiedBootstrap:
    def test_of_one_set_it_is_the_plain_one(self) -> None:
        rng = np.random.default_rng(0)
        values, groups = rng.normal(size=50), rng.integers(0, 12, 50)
        values[3] = np.nan
        assert stratified_bootstrap([values], [groups], seed=4) == bootstrap(values, groups, seed=4)

    def test_sets_are_drawn_apart(self) -> None:
        """Two equal sets vary less than one: drawn with the same numbers they would vary as much."""
        values, groups = np.random.default_rng(1).normal(size=60), np.arange(60)
        one, two = stratified_bootstrap([values], [groups]), stratified_bootstrap([values] * 2, [groups] * 2)
        assert (two.high - two.low) / (one.high - one.low) == pytest.approx(0.5**0.5, rel=0.1)

    def test_a_difference_between_sets_is_no_noise(self) -> None:
        rng = np.random.default_rng(2)
        values = [rng.normal(0, 0.1, 40), rng.normal(5, 0.1, 40)]
        found = stratified_bootstrap(values, [np.arange(40)] * 2)
        assert found.high - found.low < 0.1

    def test_intervals_hold_the_truth(self) -> None:
        """Groups of two newsrooms with shared ups and downs: 95 of 100 intervals hold the mean."""
        rng = np.random.default_rng(3)
        held = 0
        for _ in range(300):
            values, groups = [], []
            for number in (15, 40):
                code = np.repeat(np.arange(number), 3)
                values.append(rng.normal(size=number)[code] + rng.normal(size=len(code)))
                groups.append(code)
            found = stratified_bootstrap(values, groups, times=400)
            held += found.low <= 0 <= found.high
        assert 0.92 <= held / 300 <= 0.985

    def test_sets_without_a_value(self) -> None:
        empty = np.array([np.nan])
        assert np.isnan(stratified_bootstrap([empty], [np.zeros(1, int)]).value)
        values, groups = np.array([1.0, 2.0, 3.0]), np.arange(3)
        found = stratified_bootstrap([values, empty], [groups, np.zeros(1, int)])
        assert found == bootstrap(values, groups)
        alone = stratified_bootstrap([values, np.ones(2)], [groups, np.zeros(2, int)])
        assert np.isnan([alone.low, alone.high]).all()  # nothing tells how a single group varies
