"""Rankers as files, and the compiled walk of their trees against plain Python and scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from recommender import Recommender, Settings, SettingsError, precompute
from recommender.features.families import FAMILIES
from recommender.ranking.learn import feature_names, monotone_directions
from recommender.ranking.ranker import Ranker
from recommender.ranking.trees import Trees, trees_from_sklearn
from tests.support.checkerboard import checkerboard

SHIPPED = ("minilm-lead", "lexical")


def walked(ranker: Ranker, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The oracle: every tree walked node by node."""
    found = np.full(len(values), ranker.base)
    inner = ranker.trees.feature.shape[1]
    for line, row in enumerate(values):
        for tree in range(len(ranker.trees.feature)):
            node = 0
            while node < inner:
                value = row[ranker.trees.feature[tree, node]]
                limit, missing = ranker.trees.threshold[tree, node], ranker.trees.missing_left[tree, node]
                left = bool(missing) if np.isnan(value) else bool(value <= limit)
                node = 2 * node + (1 if left else 2)
            found[line] += ranker.trees.value[tree, node - inner]
    return found


def ranker_of_trees(features: tuple[str, ...], trees: Trees, base: float = 0.0) -> Ranker:
    return Ranker(
        name="made",
        features=features,
        trees=trees,
        base=base,
        calibration=(1.0, 0.0),
        embedder="",
        related_at=None,
        provenance={},
    )


def made(trees: Trees, features: int, base: float = 0.0) -> Ranker:
    return ranker_of_trees(tuple(f"words.f{n}" for n in range(features)), trees, base)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 9), st.integers(0, 150))
def test_the_compiled_walk_is_the_plain_one(seed: int, depth: int, count: int, lines: int) -> None:
    rng = np.random.default_rng(seed)
    inner = 2**depth - 1
    trees = Trees(
        rng.integers(0, 5, (count, inner)).astype(np.int32),
        rng.integers(-3, 4, (count, inner)).astype(np.float32),  # values often equal a threshold
        rng.random((count, inner)) < 0.5,
        rng.normal(size=(count, inner + 1)),
        rng.integers(0, 9, (count, inner + 1)).astype(np.float64),
    )
    values = rng.integers(-3, 4, (lines, 5)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    ranker = made(trees, 5, base=0.25)
    assert ranker.raw(values).tolist() == walked(ranker, values).tolist()
    # the parts of the families and what an average pair scores are the score
    parts = ranker.contributions(values)
    assert parts.shape == (lines, 1)
    average = ranker.base + trees.mean[:, 0].sum()
    assert (average + parts[:, 0]).tolist() == pytest.approx(ranker.raw(values).tolist(), abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.floats(0, 1))
def test_two_rankers_together_give_the_weighted_mean_of_their_scores(
    seed: int, depth: int, other: int, share: float
) -> None:
    rng = np.random.default_rng(seed)

    def of(depth: int, features: tuple[str, ...]) -> Ranker:
        shape = (3, 2**depth - 1)
        trees = Trees(
            rng.integers(0, len(features), shape).astype(np.int32),
            rng.normal(size=shape).astype(np.float32),
            rng.random(shape) < 0.5,
            rng.normal(size=(3, 2**depth)),
            rng.integers(1, 9, (3, 2**depth)).astype(np.float64),
        )
        return ranker_of_trees(features, trees, float(rng.normal()))

    one, two = (
        of(depth, ("words.cosine", "title.cosine", "time.distance")),
        of(other, ("time.distance", "words.cosine")),
    )
    both = one.average_with(two, share)
    values = rng.normal(size=(50, 3)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    wanted = share * one.raw(values) + (1 - share) * two.raw(values[:, [2, 0]])
    np.testing.assert_allclose(both.raw(values), wanted, atol=1e-9)
    average = both.base + both.trees.mean[:, 0].sum()
    np.testing.assert_allclose(average + both.contributions(values).sum(axis=1), wanted, atol=1e-9)
    assert Ranker.from_json(both.to_json(), "both").provenance["averaged with"]["sha256"] == two.sha256


def parted(ranker: Ranker, row: NDArray[np.float32]) -> dict[str, float]:
    """The oracle of contributions: each step of a walk counts for the family whose feature was looked at."""
    found = dict.fromkeys(ranker.families, 0.0)
    trees, inner = ranker.trees, ranker.trees.feature.shape[1]

    def below(tree: int, node: int) -> list[int]:
        if node >= inner:
            return [node - inner]
        return [*below(tree, 2 * node + 1), *below(tree, 2 * node + 2)]

    def mean(tree: int, node: int) -> float:
        leaves = below(tree, node)
        return float(np.average(trees.value[tree, leaves], weights=trees.count[tree, leaves]))

    for tree in range(len(trees.feature)):
        node = 0
        while node < inner:
            column = trees.feature[tree, node]
            missing = bool(trees.missing_left[tree, node])
            left = missing if np.isnan(row[column]) else bool(row[column] <= trees.threshold[tree, node])
            below_it = 2 * node + (1 if left else 2)
            family = ranker.features[column].partition(".")[0]
            found[family] += ranker.calibration[0] * (mean(tree, below_it) - mean(tree, node))
            node = below_it
    return found


@pytest.mark.parametrize("name", SHIPPED)
def test_contributions_are_told_by_family(name: str) -> None:
    rng, ranker = np.random.default_rng(7), Ranker.default(name)
    values = rng.random((4, len(ranker.features))).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    for row, parts in zip(values, ranker.contributions(values), strict=True):
        assert parts.tolist() == pytest.approx(list(parted(ranker, row).values()), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_trees_score_as_scikit_learn_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(800, 4)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    wanted = np.nan_to_num(values[:, 0]) * np.isnan(values[:, 1]) + values[:, 2] > 0.3
    model = HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=6, max_depth=4, random_state=seed)
    model.fit(values, wanted)
    trees = trees_from_sklearn([predictor.nodes for (predictor,) in model._predictors], 1.0)
    ranker = made(trees, 4, float(model._baseline_prediction.ravel()[0]))
    assert ranker.raw(values).tolist() == pytest.approx(model.decision_function(values).tolist(), abs=1e-12)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_rankers_read_known_features_and_are_monotone(name: str) -> None:
    ranker = Ranker.default(name)
    known = {column for family in FAMILIES.values() for column in family.names}
    assert set(ranker.features) <= known
    assert ("embedding.cosine" in ranker.features) == (name == "minilm-lead")
    rng = np.random.default_rng(0)
    values = rng.random((200, len(ranker.features))).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    for place, way in enumerate(monotone_directions(ranker.features)):
        if way:
            low, high = values.copy(), values.copy()
            low[:, place], high[:, place] = 0.1, 30.0
            difference = ranker.raw(high) - ranker.raw(low)
            assert (way * difference >= -1e-12).all(), ranker.features[place]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_rankers_tell_where_they_come_from(name: str) -> None:
    told = Ranker.default(name).provenance
    assert set(told["data"]) == {"cbc", "nos"}
    assert "left out, cbc" in told["figures"]


def test_a_file_holds_the_ranker(tmp_path: Path) -> None:
    ranker = Ranker.default("lexical")
    ranker.save(tmp_path / "ranker.json")
    again = Ranker.load(tmp_path / "ranker.json")
    assert again.sha256 == ranker.sha256
    values = np.random.default_rng(0).random((50, len(ranker.features))).astype(np.float32)
    assert again.raw(values).tolist() == ranker.raw(values).tolist()


def _harmed(**changes: Any) -> bytes:
    held = orjson.loads(Ranker.default("lexical").to_json())
    trees = changes.pop("trees", {})
    return orjson.dumps({**held, **changes, "trees": {**held["trees"], **trees}})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is no ranker"),
        (b"[]", "is no ranker"),
        (b'{"kind": "lists"}', "is no ranker"),
        (_harmed(format=99), "format 99"),
        (_harmed(features=["words.cosine"]), "is no ranker"),
        (_harmed(calibration=[0, 1]), "is no ranker"),
        (_harmed(calibration=[-1, 1]), "is no ranker"),
        (_harmed(trees={"value": []}), "is no ranker"),
        (_harmed(trees={"value": [[1.0, 2.0, 3.0]]}), "is no ranker"),
        (_harmed(trees={"feature": [[-1]]}), "is no ranker"),
        (_harmed(trees={"threshold": None}), "is no ranker"),
        (_harmed(features=["words.cosine", *(f"mood.{n}" for n in range(len(Ranker.default("lexical").features) - 1))]),
         "unknown features"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_ranker_is_refused_before_any_work(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "ranker.json"
    path.write_bytes(data)
    settings = Settings.of({"embedding": {"model": "tfidf"}, "ranking": {"ranker": str(path)}})
    with pytest.raises(SettingsError, match=told) as error:
        Recommender(settings).fit(checkerboard())
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    settings = Settings.of({"embedding": {"model": "tfidf"}, "ranking": {"ranker": str(tmp_path / "none.json")}})
    with pytest.raises(SettingsError, match=r"none\.json"):
        Recommender(settings).fit(checkerboard())


def test_a_ranker_of_another_embedder_is_refused(tmp_path: Path) -> None:
    replace(Ranker.default("lexical"), embedder="another").save(tmp_path / "ranker.json")
    settings = Settings.of({"embedding": {"model": "tfidf"}, "ranking": {"ranker": str(tmp_path / "ranker.json")}})
    with pytest.raises(SettingsError, match="learned with the embedder another"):
        Recommender(settings).fit(checkerboard())
    with pytest.raises(SettingsError, match="learned with the embedder another"):
        precompute(checkerboard(), tmp_path / "lists", settings=settings)
    assert not (tmp_path / "lists" / "CURRENT").exists()


def asks_of(family: str) -> Ranker:
    """A ranker of one question about one family."""
    names = feature_names()
    place = next(at for at, name in enumerate(names) if name.startswith(f"{family}."))
    trees = Trees(
        np.array([[place]], np.int32),
        np.zeros((1, 1), np.float32),
        np.ones((1, 1), bool),
        np.array([[-1.0, 1.0]]),
        np.ones((1, 2)),
    )
    return ranker_of_trees(names, trees)


def test_a_ranker_tells_which_families_decide() -> None:
    assert asks_of("section").deciding_families == {"section"}
    assert Ranker.default("lexical").deciding_families <= set(FAMILIES)
    assert "embedding" in Ranker.default("minilm-lead").deciding_families
    deep = Trees(
        np.array([[0, 1, 2]], np.int32),
        np.zeros((1, 3), np.float32),
        np.ones((1, 3), bool),
        np.array([[1.0, 2.0, 5.0, 5.0]]),  # padded on the right
        np.ones((1, 4)),
    )
    assert replace(asks_of("section"), features=("words.a", "time.b", "section.c"), trees=deep).deciding_families == {
        "words",
        "time",
    }


def test_an_archive_without_what_the_ranker_was_learned_with_works_and_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "ranker.json"
    asks_of("section").save(path)
    settings = Settings.of({"embedding": {"model": "tfidf"}, "ranking": {"ranker": str(path)}})
    bare = [{**story, "section": None} for story in checkerboard()]
    with pytest.warns(UserWarning, match="was learned with sections, which this archive lacks") as told:
        rec = Recommender(settings).fit(bare)
    assert len(told) == 1
    assert len(rec.recommend(bare[0]["id"])) > 0
    asks_of("words").save(path)
    Recommender(settings).fit(bare)  # nothing to tell
    asks_of("section").save(path)
    Recommender(settings).fit([{**story, "section": "news"} for story in checkerboard()])


def test_weights_beside_a_ranker_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"set beside a ranker: half_life_days"):
        Settings.of({"ranking": {"half_life_days": 30}})
    assert Settings.of({"ranking": {"ranker": "none", "half_life_days": 30}}).ranking.half_life_days == 30
    assert (
        Settings().override({"ranking.ranker": "none", "ranking.half_life_days": "none"}).ranking.half_life_days is None
    )
