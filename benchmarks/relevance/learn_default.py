"""Learn the rankers that ship with the package, and measure them: left out, and cross-validated.

    python -m benchmarks.learn_default --data DATA [--write] [--cache FILE]

From the development links of cbc (stories of January 2020 alone) and nos. `--write` writes
`recommender/ranking/{minilm-lead,lexical}.json`, the left-out rankers of `benchmarks/rankers/`, and
`benchmarks/results/learn_default.json`. Only coefficients and figures are written, no text and no id.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

import recommender
from benchmarks.common import write_result
from recommender import Recommender, Settings
from recommender.archive.learn import ndcg_by_story
from recommender.archive.linked import linked_pairs
from recommender.evaluation import load_set
from recommender.features.pairs import Pairs
from recommender.ranking.closeness import Closeness, Odds
from recommender.ranking.learn import LinkedPairs, feature_names, learn
from recommender.ranking.ranker import Ranker
from recommender.statistics import Estimate, bootstrap, fold_of, stratified_bootstrap
from recommender.version import __version__

SETS = ("cbc", "nos")
COUNTS = (50, 100, 200, 400)
CUTS = (0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05)
KEPT = 0.8  # of the pairs that most judges would follow
# by `python -m benchmarks.closeness`: few items that readers called unrelated stay
LEAST = {"words": 0.86, "both": 0.9}
TERMS, FEW, LIKELY = 10, 6.0, 0.3  # by the same command: fewer short items that are unrelated are called related
FOLDS = 5
Column: TypeAlias = NDArray[np.float32]
RANKERS = Path(__file__).parents[1] / "rankers"
SHIPPED = Path(recommender.__file__).parent / "ranking"
ABOUT = {
    "cbc": "development links of one English broadcaster, stories of January 2020",
    "nos": "development links of one Dutch broadcaster, January 2020, preprocessed text",
}


def pairs_of(name: str, data: Path, cache: Path) -> tuple[LinkedPairs, dict[str, float]]:
    """Stories of a set with links beside their candidates at publication; and the recall of linked items."""
    judged = load_set(name, data)
    rec = Recommender(Settings.of({"ranking": {"ranker": "none"}}), cache=cache).fit_table(judged.catalog.table)
    links = judged.judgments.links()
    stories, items = (rec.catalog.rows(links[side].to_pylist()) for side in ("story", "item"))
    pairs, rows = linked_pairs(rec.archive, stories, items, feature_names())
    groups = judged.groups_of(rec.catalog.ids.take(rows).to_pylist())
    recall = {}
    for count in COUNTS:
        some, _ = linked_pairs(rec.archive, stories, items, ("words.cosine",), count=count)
        recall[str(count)] = round(float(some.linked.sum()) / float(some.links.sum()), 4)
    return replace(pairs, group=groups), recall


def held_pairs(data: Path, cache: Path | None) -> tuple[dict[str, LinkedPairs], dict[str, dict[str, float]]]:
    """Pairs of every set, and their recall, by name; without a cache all texts are embedded."""
    with tempfile.TemporaryDirectory() as folder:
        found = {name: pairs_of(name, data, cache or Path(folder) / "vectors.sqlite") for name in SETS}
    return {name: pairs for name, (pairs, _) in found.items()}, {name: recall for name, (_, recall) in found.items()}


def left_out(held: dict[str, LinkedPairs], name: str, seeds: int) -> NDArray[np.float64]:
    """NDCG@5 by story of rankers that learned from the other sets alone, the mean of some seeds."""
    others = LinkedPairs.concatenate([part for other, part in held.items() if other != name])
    scores = [
        ndcg_by_story(held[name], learn(others, name="x", seed=seed, calibrate=False).raw(held[name].values))
        for seed in range(seeds)
    ]
    return np.mean(scores, axis=0)


def cross_validated(held: dict[str, LinkedPairs], name: str, seeds: int) -> NDArray[np.float64]:
    """NDCG@5 by story of rankers that learned from the other groups of the set, and from the other sets."""
    own, others = held[name], [part for other, part in held.items() if other != name]
    found = np.zeros(len(own))
    for seed in range(seeds):
        fold = fold_of(own.group, FOLDS, seed=seed)
        for number in range(FOLDS):
            ranker = learn(
                LinkedPairs.concatenate([own.take(fold != number), *others]), name="x", seed=seed, calibrate=False
            )
            part = own.take(fold == number)
            found[fold == number] += ndcg_by_story(part, ranker.raw(part.values)) / seeds
    return found


def related(ranker: Ranker, data: Path, cache: Path) -> tuple[Ranker, dict[str, Any]]:
    """Let a ranker tell what is related, by CNRec's judged pairs; also gives how that tells those pairs apart.

    The probability of a link cannot be compared between archives, so its cut takes out only what is plainly unrelated:
    the greatest that keeps `KEPT` of the pairs that most judges would follow. Closeness is fitted on all of them.
    """
    judged = load_set("cnrec", data)
    with tempfile.TemporaryDirectory() as folder:
        ranker.save(Path(folder) / "ranker.json")
        settings = Settings.of({"ranking": {"ranker": str(Path(folder) / "ranker.json")}})
        rec = Recommender(settings, cache=cache).fit_table(judged.catalog.table)
    pairs = judged.judgments.table
    stories, items = pairs["story"].to_pylist(), pairs["item"].to_pylist()
    chance, follow = rec.relevance(stories, items), pairs["grade"].to_numpy() >= 0.5
    cut = max(one for one in CUTS if (follow & (chance >= one)).sum() >= KEPT * follow.sum())
    words, titles, meaning, shared = compare(rec, stories, items)
    by_words = odds((words, titles), follow, LEAST["words"])
    both = odds((words, titles, meaning), follow, LEAST["both"]) if "embedding" in ranker.families else None
    closeness = Closeness(words=by_words, both=both, terms=TERMS, few=FEW, likely=LIKELY)
    kept = (chance >= cut) & closeness.is_close(words, titles, meaning, shared, chance)
    return replace(ranker, related_at=cut, closeness=closeness), {
        "cut": cut,
        "pairs": len(pairs),
        "kept": int(kept.sum()),
        "share of kept that most would follow": round(float(follow[kept].mean()), 4),
        "share of left out that most would follow": round(float(follow[~kept].mean()), 4),
        "share of what most would follow that is kept": round(float(kept[follow].mean()), 4),
    }


def compare(rec: Recommender, stories: Sequence[str], items: Sequence[str]) -> tuple[Column, Column, Column, Column]:
    """Compute what closeness goes by, for pairs of ids: see `Closeness.is_close`."""
    at, rows = rec.catalog.rows(stories), rec.catalog.rows(items)[:, None]
    pairs = Pairs(rec.archive.table, at, rec.archive.table, rows, rows >= 0)
    return pairs.texts["whole_whole"][:, 0], pairs.titles[:, 0], pairs.dense[:, 0], pairs.texts["shared"][:, 0]


def odds(cosines: Sequence[Column], follow: NDArray[np.bool_], least: float) -> Odds:
    """Fit the log odds that most judges would follow, by logistic regression."""
    values = np.nan_to_num(np.stack(cosines, axis=1)).astype(np.float64)
    model = LogisticRegression(C=1e6, max_iter=1_000).fit(values, follow)
    base, words, title, meaning = (round(float(n), 3) for n in (model.intercept_[0], *model.coef_[0], 0.0)[:4])
    return Odds(base=base, words=words, title=title, meaning=meaning, least=least)


def fit_related(data: Path, cache: Path | None) -> None:
    """Fit what is related on CNRec again, and write it into the rankers that are there."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("minilm-lead", "lexical"):
            shipped = SHIPPED / f"{name}.json"
            fitted, figures = related(Ranker.load(shipped), data, cache or Path(folder) / "vectors.sqlite")
            print(name, fitted.related_at, fitted.closeness, figures, flush=True)
            for path in (shipped, *sorted(RANKERS.glob(f"{name}-without-*.json"))):
                ranker = Ranker.load(path)
                provenance = {**ranker.provenance, "related": {"on CNRec": figures}}
                replace(ranker, related_at=fitted.related_at, closeness=fitted.closeness, provenance=provenance).save(
                    path
                )


def told(one: Estimate) -> list[float]:
    return [round(value, 4) for value in (one.value, one.low, one.high)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cbc and nos")
    parser.add_argument("--cache", type=Path, help="file of the vector cache")
    parser.add_argument("--seeds", type=int, default=3, help="seeds that figures are the mean of")
    parser.add_argument("--write", action="store_true", help="write rankers and figures")
    parser.add_argument("--related", action="store_true", help="keep all trees; fit only what is related, and write it")
    arguments = parser.parse_args()
    if arguments.related:
        return fit_related(arguments.data, arguments.cache)
    whole, recall = held_pairs(arguments.data, arguments.cache)
    rows: list[dict[str, Any]] = [
        {"set": name, "recall of linked items among candidates": found} for name, found in recall.items()
    ]
    for row in rows:
        print(row, flush=True)
    embedder = Recommender().embedder.space
    for ranker, without in (("minilm-lead", ()), ("lexical", ("embedding",))):
        held = {name: part.select_features(feature_names(without=without)) for name, part in whole.items()}
        figures: dict[str, Any] = {}
        for kind, measure in (("left out", left_out), ("cross-validated", cross_validated)):
            gains = {}
            for name, part in held.items():
                value = measure(held, name, arguments.seeds)
                words = ndcg_by_story(part, part.select_features(("words.cosine",)).values[:, 0].astype(np.float64))
                gains[name] = value - words
                figures[f"{kind}, {name}"] = {
                    "nDCG@5": told(bootstrap(value, part.group)),
                    "words alone": told(bootstrap(words, part.group)),
                    "gain": told(bootstrap(gains[name], part.group)),
                }
                print(ranker, kind, name, figures[f"{kind}, {name}"], flush=True)
            figures[f"{kind}, pooled gain"] = told(
                stratified_bootstrap([gains[name] for name in held], [part.group for part in held.values()])
            )
            print(ranker, kind, "pooled gain", figures[f"{kind}, pooled gain"], flush=True)
        rows += [{"ranker": ranker, "figure": name, "value": value} for name, value in figures.items()]
        if not arguments.write:
            continue
        about = {
            "data": ABOUT,
            "stories": {name: len(part) for name, part in held.items()},
            "protocol": "links to older stories among older candidates; groups of linked stories stay together",
            "figures": figures,
            "made by": "python -m benchmarks.learn_default",
            "versions": {"recommender": __version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__},
            "python": platform.python_version(),
            "seed": 0,
        }
        made: dict[Path, Ranker] = {
            SHIPPED / f"{ranker}.json": learn(
                LinkedPairs.concatenate(list(held.values())),
                name=ranker,
                embedder="" if without else embedder,
                provenance=about,
            )
        }
        for name in SETS:
            others = LinkedPairs.concatenate([part for other, part in held.items() if other != name])
            made[RANKERS / f"{ranker}-without-{name}.json"] = learn(
                others,
                name=f"{ranker} without {name}",
                embedder="" if without else embedder,
                provenance={**about, "data": {other: text for other, text in ABOUT.items() if other != name}},
            )
        shipped = SHIPPED / f"{ranker}.json"
        with tempfile.TemporaryDirectory() as folder:
            one, judges = related(made[shipped], arguments.data, arguments.cache or Path(folder) / "vectors.sqlite")
        rows.append({"ranker": ranker, "figure": "related, on CNRec", "value": judges})
        print(rows[-1], flush=True)
        RANKERS.mkdir(exist_ok=True)
        for path, made_one in made.items():
            told_too = {**made_one.provenance, "related": {"on CNRec": judges}}
            replace(made_one, related_at=one.related_at, closeness=one.closeness, provenance=told_too).save(path)
    if arguments.write:
        write_result("learn_default", {"seeds": arguments.seeds, "folds": FOLDS}, rows)


if __name__ == "__main__":
    main()
