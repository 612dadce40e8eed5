"""Learning from clicks: places are told apart from wishes, and nothing of a reader is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from recommender import InputError, LearnReport, Recommender
from recommender.archive.clicked import Clicked, clicked_pairs
from recommender.cli.app import app
from recommender.ranking import learn as learning
from recommender.ranking.learn import feature_names
from recommender.ranking.propensity import MOST_WEIGHT, estimate_propensities
from recommender.ranking.ranker import Ranker
from recommender.reading.behaviors import read_clicks
from recommender.reading.clicks import ClickLog
from tests.support.newsroom import LOOKED_AT, click_log, fitted, newsroom


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    """A planted rule needs few trees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "ROUNDS", 12)
        patch.setattr(learning, "MODELS", 1)
        yield


@pytest.fixture(scope="module")
def stories() -> list[dict[str, Any]]:
    return [{**one, "links": []} for one in newsroom("section")]


@pytest.fixture(scope="module")
def rec(stories: list[dict[str, Any]]) -> Recommender:
    return fitted(stories)


@pytest.fixture(scope="module")
def lists(stories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return click_log(stories)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, lists: list[dict[str, Any]]) -> Path:
    path = tmp_path_factory.mktemp("log") / "clicks.jsonl"
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in lists))
    return path


@pytest.fixture(scope="module")
def report(rec: Recommender, log: Path) -> LearnReport:
    return rec.learn(clicks=log)


def test_a_planted_rule_is_found_in_clicks_and_called_better(report: LearnReport) -> None:
    assert report.better
    assert report.families["section"] > 0.05
    assert report.trained >= 50 <= report.tested
    assert np.isnan(report.missed)


def test_planted_position_bias_is_found(report: LearnReport) -> None:
    assert report.clicks is not None
    places = report.clicks.places
    assert not places.assumed
    assert places.pairs > 1000
    assert places.values == pytest.approx(LOOKED_AT, abs=0.05)


def test_what_is_learned_goes_by_wishes_and_not_by_places(rec: Recommender, report: LearnReport, log: Path) -> None:
    """The trees are those of clicks that every reader who looked gave: the same order of same and other section."""
    read, _ = read_clicks(log, set())
    clicked = Clicked.from_log(rec.archive, read)
    pairs = clicked_pairs(rec.archive, clicked, feature_names(), group=np.zeros(len(rec.catalog), np.int64))
    chosen, offered = pairs.counts
    same = pairs.values[:, pairs.features.index("section.same")] > 0
    rates = [chosen[part].sum() / offered[part].sum() for part in (same, ~same)]
    assert rates == pytest.approx([0.9, 0.1], abs=0.03)
    bare = [clicks_without_places(read, part) for part in (True, False)]
    assert bare[0] / bare[1] < rates[0] / rates[1] / 1.5  # what stands below is clicked less than it is wished for


def clicks_without_places(log: ClickLog, same: bool) -> float:
    stories = {one["id"]: one for one in newsroom("section")}
    hits = [
        hit
        for source, item, hit in zip(
            *(log.items[name].to_pylist() for name in ("source", "item", "clicked")), strict=True
        )
        if (stories[source]["section"] == stories[item]["section"]) == same
    ]
    return float(np.mean(hits))


def test_places_are_assumed_where_items_keep_theirs(rec: Recommender, lists: list[dict[str, Any]]) -> None:
    steady = {}
    for one in lists:
        steady.setdefault(one["source"], one)
    always = [
        {**steady[one["source"]], "clicked": [i for i in one["clicked"] if i in steady[one["source"]]["shown"]]}
        for one in lists
    ]
    clicked = Clicked.from_log(rec.archive, ClickLog.of(always))
    places = clicked.report.places
    assert places.assumed
    assert places.values == pytest.approx(1 / np.arange(1, 7))
    assert places.weights(np.array([1, 6, 40])).tolist() == pytest.approx([1, 6, 6])
    far = estimate_propensities(np.arange(30), np.arange(1, 31), np.zeros(30, bool))
    assert far.assumed
    assert far.weights(np.array([4, 30])).tolist() == [4, MOST_WEIGHT]


def test_longer_lists_do_not_look_like_lower_places(rec: Recommender) -> None:
    """In a list of two an item is clicked three times as often as in one of six, and place makes no difference."""
    rng, made = np.random.default_rng(0), []
    for number in range(50, 150):
        for length in (2, 6) * 30:
            shown = [f"s{one}" for one in rng.permutation(np.arange(number - 6, number))[:length]]
            hits = rng.random(length) < 1 / length
            made.append(
                {
                    "source": f"s{number}",
                    "shown": shown,
                    "clicked": [one for one, hit in zip(shown, hits, strict=True) if hit],
                }
            )
    places = Clicked.from_log(rec.archive, ClickLog.of(made)).report.places
    assert not places.assumed
    assert places.values == pytest.approx(np.ones(6), abs=0.15)


def test_places_that_no_item_connects_are_not_compared() -> None:
    pair = np.repeat(np.arange(8), 200)
    place = np.where(pair < 4, 1, 3) + np.arange(len(pair)) % 2
    found = estimate_propensities(pair, place, np.arange(len(pair)) % 3 == 0)
    assert found.assumed


def test_sessions_only_group(rec: Recommender, lists: list[dict[str, Any]], report: LearnReport) -> None:
    """Who reads what is seen by intervals alone: the ranker is the same, whatever sessions are called."""
    other = rec.learn(clicks=ClickLog.of({**one, "session": None} for one in lists).table)
    assert replace(other.ranker, provenance={}).trees.value.tolist() == report.ranker.trees.value.tolist()
    clicked = Clicked.from_log(
        rec.archive, log := ClickLog.of({**one, "session": f"r{n // 24}"} for n, one in enumerate(lists))
    )
    pairs = [sorted(pair) for pair in zip(*(side.tolist() for side in clicked.sessions(log)), strict=True)]
    sources = set(rec.catalog.rows([row["source"] for row in lists]).tolist())
    assert {one for pair in pairs for one in pair} <= sources
    assert any(one != other for one, other in pairs)


def test_nothing_of_a_reader_or_a_story_is_kept(report: LearnReport, log: Path, tmp_path: Path) -> None:
    stories = tmp_path / "stories.jsonl"
    stories.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in newsroom("section")))
    broken = tmp_path / "clicks.jsonl"
    broken.write_bytes(
        log.read_bytes() + b'{"source": "s5", "shown": ["s1", "s2"], "clicked": ["s3"], "session": "reader-x"}\n'
    )
    own = tmp_path / "own.json"
    done = CliRunner().invoke(
        app, ["learn", str(stories), "--to", str(own), "--model", "tfidf", "--clicks", str(broken)]
    )
    assert done.exit_code == 0, done.output
    assert "1 rows rejected" in done.output
    assert "items shown at several places" in done.output
    for told in (done.output, own.read_text(), report.ranker.to_json().decode()):
        assert not re.search(r"reader(\d|-x)", told)
        assert "topic" not in told
        assert '"s5"' not in told
        assert "'s3'" not in told
    assert Ranker.load(own).provenance["clicks"]["places"] == "estimated"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clicks.jsonl", "own.json", "stories.jsonl"]


def test_impressions_of_mind_are_clicks(rec: Recommender, lists: list[dict[str, Any]], tmp_path: Path) -> None:
    rows = [
        "\t".join(
            [
                str(number),
                "U1",
                "11/12/2019 2:14:46 PM",
                f"unknown {one['source']}",
                " ".join(f"{item}-{int(item in one['clicked'])}" for item in one["shown"]),
            ]
        )
        for number, one in enumerate(lists)
    ]
    path = tmp_path / "behaviors.tsv"
    path.write_text("\n".join(rows))
    read, _ = read_clicks(path, set(rec.catalog.ids.to_pylist()))
    held = Clicked.from_log(rec.archive, read)
    wanted = Clicked.from_log(rec.archive, ClickLog.of(lists))
    assert held.stories.tolist() == wanted.stories.tolist()
    assert (held.chosen != wanted.chosen).nnz == 0
    assert (held.offered != wanted.offered).nnz == 0


def test_links_and_clicks_are_learned_together(lists: list[dict[str, Any]]) -> None:
    linked = fitted(newsroom("section"))
    alone, both = linked.learn(), linked.learn(clicks=ClickLog.of(lists).table)
    assert both.better
    assert both.trained + both.tested > alone.trained + alone.tested
    assert both.missed == alone.missed


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (b'{"source": "s1", "shown": ["s2", "s3"], "clicked": ["s2"]}\n', "1 stories link .* or have clicks; learning"),
        (b'{"source": "s1", "shown": [], "clicked": []}\n', "no list of .*clicks.jsonl can be used, of 1 rows"),
    ],
)
def test_too_few_clicks_are_refused_with_what_is_needed(
    rows: bytes, told: str, rec: Recommender, tmp_path: Path
) -> None:
    path = tmp_path / "clicks.jsonl"
    path.write_bytes(rows)
    with pytest.raises(InputError, match=told):
        rec.learn(clicks=path)
