"""Learning from links: a rule that is planted is found, noise is not, and nothing leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from recommender import InputError, LearnReport, PublishedLists, Recommender
from recommender.archive.linked import candidates_at_publication, linked_pairs
from recommender.articles.links import connected_rows, resolve_links
from recommender.cli.app import app
from recommender.cli.learn import print_report
from recommender.ranking import learn as learning
from recommender.ranking.learn import LinkedPairs, feature_names, pair_weights
from recommender.ranking.ndcg import chance_by_story, ndcg_by_story
from recommender.ranking.ranker import Ranker
from recommender.statistics import Estimate, bootstrap, fold_of
from tests.support import searching
from tests.support.newsroom import fitted, newsroom


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    """A planted rule needs few trees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "ROUNDS", 12)
        patch.setattr(learning, "MODELS", 1)
        yield


@pytest.fixture(scope="module")
def rec() -> Recommender:
    return fitted(newsroom("section"))


@pytest.fixture(scope="module")
def report(rec: Recommender) -> LearnReport:
    return rec.learn(name="planted")


@pytest.fixture(scope="module")
def stories_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The newsroom in a file."""
    return dumped(newsroom("section"), tmp_path_factory.mktemp("stories") / "stories.jsonl")


def dumped(stories: list[dict[str, Any]], path: Path) -> Path:
    rows = ({name: value for name, value in one.items() if name != "topic"} for one in stories)
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in rows))
    return path


def test_a_planted_rule_is_found_and_called_better(report: LearnReport) -> None:
    assert report.better
    assert not report.worse
    assert report.learned.value > 0.9 > report.present.value
    assert report.verdict.startswith("better than the ranker lexical")
    assert report.families["section"] > 0.05
    assert report.split == "chronological"
    assert [stories for stories, _ in report.curve] == sorted(stories for stories, _ in report.curve)
    assert report.needed is None


def test_of_few_stories_the_shipped_ranker_counts_beside_what_they_teach(report: LearnReport) -> None:
    linking = {stories: learning.own_share(some_pairs(stories)) for stories in (100, 899, 900)}
    assert linking == {100: 0.5, 899: pytest.approx(0.9, abs=0.001), 900: 1.0}
    beside = report.ranker.provenance["averaged with"]
    assert beside["sha256"] == Ranker.default("lexical").sha256
    assert 0 < beside["share"] < 0.5


def some_pairs(stories: int) -> LinkedPairs:
    """Stories with a linked candidate and one that is not, and as many without a link."""
    story = np.arange(2 * stories).repeat(2)
    linked = (np.arange(4 * stories) % 2 == 0) & (story < stories)
    ones = np.ones(2 * stories, np.int64)
    return LinkedPairs(np.zeros((len(story), 1), np.float32), linked, story, ones, ones, ("words.cosine",))


def test_learning_changes_nothing_of_the_archive_and_repeats(rec: Recommender, report: LearnReport) -> None:
    before = rec.archive
    again = rec.learn(name="planted")
    assert rec.archive is before
    assert again.gain == report.gain
    assert again.ranker.sha256 == report.ranker.sha256


def test_a_ranker_holds_no_text_and_no_id(report: LearnReport) -> None:
    data = report.ranker.to_json().decode()
    assert "topic" not in data
    assert "s17" not in data
    assert report.ranker.provenance["nDCG@5"]["of"] == "the fit on the training stories alone"


def test_as_many_candidates_count_as_related_as_before(rec: Recommender, report: LearnReport) -> None:
    held, own = rec.archive.ranker, report.ranker
    assert held is not None
    assert held.related_at is not None
    assert own.related_at is not None
    rows = [rec.catalog.rows(rec.links.table[side].to_pylist()) for side in ("story", "item")]
    pairs, _ = linked_pairs(rec.archive, *rows, feature_names())
    before = held.probability(held.raw(pairs.select_features(held.features).values)) >= held.related_at
    after = own.probability(own.raw(pairs.values)) >= own.related_at
    assert after.mean() == pytest.approx(before.mean(), abs=0.05)  # few trees give many equal values


def test_a_learned_ranker_orders_lists(rec: Recommender, report: LearnReport, tmp_path: Path) -> None:
    report.ranker.save(tmp_path / "ranker.json")
    own = rec.under(
        rec.settings.override(
            {
                "ranking.ranker": str(tmp_path / "ranker.json"),
                "selection.same_report_hours": None,
                "selection.repeat_hours": None,
            }
        )
    )
    topic = {one["id"]: (one["topic"], one["section"]) for one in newsroom("section")}
    found = own.recommend_many([f"s{number}" for number in range(300, 400)], k=2)
    same = [topic[item.article_id] == topic[one.article_id] for one in found for item in one]
    before = [
        topic[item.article_id] == topic[one.article_id]
        for one in rec.recommend_many([one.article_id for one in found], k=2)
        for item in one
    ]
    assert np.mean(same) > 0.95 > np.mean(before)


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_links_are_refused(seed: int) -> None:
    with pytest.raises(InputError, match=r"no better than chance: nDCG@5 .* The links look drawn at random"):
        fitted(newsroom("shuffled", seed)).learn()


def test_items_that_change_places_are_refused_and_no_file_is_written(rec: Recommender, tmp_path: Path) -> None:
    bare = dumped([{**one, "links": []} for one in newsroom("section")], tmp_path / "stories.jsonl")
    links = rec.links.table
    order = np.random.default_rng(0).permutation(len(links))
    mixed = tmp_path / "links.csv"
    pairs = zip(links["story"].to_pylist(), links["item"].take(pa.array(order)).to_pylist(), strict=True)
    mixed.write_text("story,item\n" + "".join(f"{story},{item}\n" for story, item in pairs))
    command = [
        "learn",
        str(bare),
        "--to",
        str(tmp_path / "own.json"),
        "--model",
        "tfidf",
        "--links",
        str(mixed),
    ]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, InputError)
    assert "no better than chance" in str(done.exception)
    assert not (tmp_path / "own.json").exists()


def test_chance_is_the_mean_of_random_orders() -> None:
    rng = np.random.default_rng(0)
    story = np.repeat(np.arange(3), [4, 9, 2])
    pairs = LinkedPairs(
        np.zeros((15, 1), np.float32),
        rng.random(15) < 0.4,
        story,
        np.array([3, 4, 0]),
        np.arange(3),
        ("words.cosine",),
    )
    clicks = replace(pairs, chosen=rng.random(15), offered=rng.integers(1, 5, 15).astype(float))
    for one in (pairs, clicks):
        drawn = [ndcg_by_story(one, rng.random(15)) for _ in range(4000)]
        assert chance_by_story(one) == pytest.approx(np.mean(drawn, axis=0), abs=0.02)


def test_too_few_links_are_refused_with_the_number_needed(rec: Recommender) -> None:
    few = fitted(newsroom("section", count=60))
    with pytest.raises(InputError, match="learning needs 100: 50 to train and 50 to test"):
        few.learn()


def test_candidates_and_links_are_older_than_the_story(rec: Recommender) -> None:
    catalog = rec.catalog
    rows = np.arange(5, 300, 40)
    found = candidates_at_publication(rec.archive, rows, 50)
    assert (catalog.published[found.rows] < catalog.published[rows][:, None])[found.rows >= 0].all()
    # a link that was set to a newer story, later
    stories, items = np.array([10, 10]), np.array([300, 4])
    pairs, asked = linked_pairs(rec.archive, stories, items, ("words.cosine",))
    assert asked.tolist() == [10]
    assert pairs.links.tolist() == [1]


def test_candidates_at_publication_are_the_best_of_brute_force(rec: Recommender) -> None:
    archive, rows = rec.archive, np.array([50, 200, 419])
    every = searching.products(archive.searched, archive.searched)
    for row, found in zip(rows, candidates_at_publication(archive, rows, 20).rows, strict=True):
        products = every[row]
        older = [at for at in range(len(every)) if archive.catalog.published[at] < archive.catalog.published[row]]
        older = [at for at in older if products[at] > 0]
        wanted = sorted(older, key=lambda at: (-products[at], archive.catalog.id_rank[at]))[:20]
        assert found[found >= 0].tolist() == wanted


def test_each_story_weighs_the_same() -> None:
    pairs = LinkedPairs(
        np.zeros((7, 1), np.float32),
        np.array([True, False, False, True, True, False, False]),
        np.array([0, 0, 0, 1, 1, 1, 2]),
        np.array([1, 2, 0]),
        np.array([0, 1, 2]),
        ("words.cosine",),
    )
    up, down = pair_weights(pairs)
    assert np.bincount(pairs.story, weights=up, minlength=3).tolist() == [1, 1, 0]
    assert not up[~pairs.linked].any()
    assert not down[pairs.linked].any()
    assert up[6] == down[6] == 0
    assert down[1] + down[2] == down[5] > 0


def test_ndcg_counts_links_that_were_no_candidates() -> None:
    pairs = LinkedPairs(
        np.zeros((4, 1), np.float32),
        np.array([False, True, False, True]),
        np.zeros(4, np.int64),
        np.array([3]),
        np.array([0]),
        ("words.cosine",),
    )
    value = ndcg_by_story(pairs, np.array([0.9, 0.8, 0.1, 0.2]))
    best = sum(1 / np.log2(place + 2) for place in range(3))
    assert value.tolist() == pytest.approx([(1 / np.log2(3) + 1 / np.log2(4)) / best])


def test_groups_are_joined_by_links_and_stay_in_one_fold() -> None:
    group = connected_rows(6, np.array([0, 1, 4]), np.array([1, 2, 5]))
    assert group[0] == group[1] == group[2] != group[3]
    assert group[4] == group[5]
    groups = np.repeat(np.arange(20), 3)
    fold = fold_of(groups, 4, seed=1)
    assert all(len(set(fold[groups == one])) == 1 for one in range(20))
    assert np.bincount(fold).tolist() == [15, 15, 15, 15]


def test_one_group_of_stories_tells_nothing(report: LearnReport) -> None:
    alone = bootstrap(np.full(60, 0.2), np.zeros(60, np.int64))
    found = replace(report, gain=alone)
    assert not found.better
    assert not found.worse
    assert found.verdict.startswith("no difference to the ranker lexical shown")


def test_an_interval_holds_the_mean() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, 300)
    found = bootstrap(values, np.repeat(np.arange(100), 3))
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(values.mean())


def test_all_families_can_be_missing() -> None:
    ranker = Ranker.default("lexical")
    assert np.isfinite(ranker.raw(np.full((3, len(ranker.features)), np.nan, np.float32))).all()
    assert set(ranker.features) <= set(feature_names())


def test_the_command_writes_a_ranker_that_precompute_takes(stories_file: Path, tmp_path: Path) -> None:
    stories = stories_file
    own, model = tmp_path / "ranker.json", ("--model", "tfidf", "--set", "embedding.svd_dim=16")
    done = CliRunner().invoke(app, ["learn", str(stories), "--to", str(own), *model])
    assert done.exit_code == 0, done.output
    assert "better than the ranker lexical" in done.output
    assert "family of features" in done.output
    done = CliRunner().invoke(app, ["learn", str(stories), "--to", str(own), *model, "--json"])
    told = json.loads(done.stdout)
    assert (told["ranker"], told["gain"]["value"] > 0, "better" in told["verdict"]) == (str(own), True, True)
    lists = tmp_path / "lists"
    done = CliRunner().invoke(app, ["precompute", str(stories), "--lists", str(lists), *model, "--ranker", str(own)])
    assert done.exit_code == 0, done.output
    told = CliRunner().invoke(app, ["info", "--lists", str(lists)]).output
    assert Ranker.load(own).sha256[:12] in told
    # the ranker in use has seen the stories that are tested: it would win against any that has not
    again = ["learn", str(stories), "--to", str(tmp_path / "again.json"), *model, "--json"]
    done = CliRunner().invoke(app, [*again, "--set", f"ranking.ranker={own}"])
    assert json.loads(done.stdout)["compared"] == "lexical", done.output


def test_a_loss_is_told_without_a_ranker_that_was_not_written(
    report: LearnReport, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(replace(report, gain=Estimate(-0.2, -0.3, -0.1)), Path("ranker.json"))
    told = capsys.readouterr().out
    assert "worse than the ranker lexical" in told
    assert told.endswith("of a fit on the stories to train. No ranker was written: ranker.json is as it was.\n")
    assert "fitted on all" not in told


def test_headlines_as_anchors_teach_nothing(rec: Recommender) -> None:
    stories = newsroom("section")
    by_id = {one["id"]: one for one in stories}
    leaky = [
        {
            **one,
            "links": [],
            "body": f"{one['body']} "
            + " ".join(f'and <a href="{i}">{by_id[i]["title"]}</a> too' for i in one["links"]),
        }  # type: ignore[attr-defined]
        for one in stories
    ]
    planted = fitted(leaky)
    assert len(planted.links) == len(rec.links)
    anchors = planted.links.table["anchor"].to_pylist()
    rows = [planted.catalog.rows(planted.links.table[side].to_pylist()) for side in ("story", "item")]
    names = ("title.in_story", "words.cosine")
    with_anchors, _ = linked_pairs(planted.archive, *rows, names)
    without, _ = linked_pairs(planted.archive, *rows, names, anchors=anchors)
    plain, _ = linked_pairs(rec.archive, *rows, names)

    def mean(pairs: LinkedPairs) -> float:
        return float(pairs.values[pairs.linked, 0].mean() - pairs.values[~pairs.linked, 0].mean())

    assert mean(with_anchors) > mean(plain) + 0.1
    assert abs(mean(without) - mean(plain)) < 0.03


def test_links_that_our_own_lists_showed_first_do_not_count(tmp_path: Path) -> None:
    from recommender import precompute

    rec = fitted(newsroom("section", count=200))
    precompute(rec.catalog.table, tmp_path, recommender=rec)
    lists = PublishedLists.open(tmp_path)
    assert lists.as_of == rec.newest()  # all of these links were set before the lists were made
    every, left = (resolve_links(rec.catalog, shown=given).report for given in (None, lists.shown()))
    assert left.from_our_list > 0
    assert left.links == every.links - left.from_our_list


def test_a_newsroom_that_only_took_over_our_lists_teaches_nothing(tmp_path: Path) -> None:
    """Journalists who put our own items into their stories later do not teach the ranker that we were right."""
    from recommender import precompute

    bare = [{**one, "links": []} for one in newsroom("section")]
    rec = fitted(bare)
    precompute(rec.catalog.table, tmp_path, recommender=rec)
    lists = PublishedLists.open(tmp_path)
    assert lists.as_of is not None
    later = (lists.as_of + timedelta(days=1)).isoformat()
    shown = {one: [item.article_id for item in lists.get(one)] for one in lists.ids()}
    taken = fitted([{**one, "links": shown.get(one["id"], []), "updated_at": later} for one in bare])
    assert len(taken.links) > 1_000
    assert taken.learn().tested > 50  # what nobody told cannot be known
    with pytest.raises(InputError, match=r"^0 stories link to an older story"):
        taken.learn(lists=tmp_path)


def test_links_that_were_added_later_teach_nothing(rec: Recommender, report: LearnReport) -> None:
    """A story that is updated with a link to what came after it is learned from as it was."""
    stories = newsroom("section")
    for number, one in enumerate(stories[:-30]):
        one["links"] = [*one["links"], stories[number + 10]["id"], stories[number + 11]["id"]]
        one["updated_at"] = stories[-1]["published_at"]
    later = fitted(stories).learn(name="planted")
    assert later.links.links > report.links.links + 500
    assert later.ranker.trees.value.tolist() == report.ranker.trees.value.tolist()
    assert later.gain.value == report.gain.value


def test_picks_of_an_editor_are_links(tmp_path: Path) -> None:
    stories = newsroom("section")
    picks = tmp_path / "picks.jsonl"
    picks.write_bytes(b"".join(orjson.dumps({"id": one["id"], "picks": one["links"]}) + b"\n" for one in stories))
    bare = fitted([{**one, "links": []} for one in stories])
    found = bare.learn(picks=picks)
    assert found.better
    assert found.links.links == sum(len(one["links"]) for one in stories)  # type: ignore[misc, arg-type]
