"""Fit `recommender/selection/same_event.json`, models of "two stories report the same event", and judge them left out.

    python -m benchmarks.events.same_event --data DATA [--write] [--only CASE ...]

Four sets of stories with known events (`event_sets.py`): each story against its 20 nearest. Every set weighs the same.
Figures are of models fitted on the other three; in brackets the 95 % interval over 200 draws of events. Two more are
only measured: Wikinews among 12,757 other stories, which tells how the odds fall with the size of an archive, and 200
hand-checked pairs of Reuters.

The texts are fitted with all dates hidden. What time says is not fitted but set: the labelled sets are thin in time, so
that nearly all near pairs of a day are one event there, and a fit would trust a common day far too much. With a slope
of .6 and nothing said at a distance of a day the left-out probabilities hold.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

import recommender
from benchmarks.common import RESULTS, write_result
from benchmarks.events.event_sets import FITTED, MEASURED, Compared, EventSet, compared
from recommender.selection.same_event import PUBLIC_TOKENS
from recommender.settings import EmbeddingSettings

ARCHIVE_CASES = {
    "minilm-lead": EmbeddingSettings(),
    "minilm-chunks": EmbeddingSettings(text="chunks"),
    "tfidf": EmbeddingSettings(model="tfidf"),
    "words": None,
}
PAIR_CASES = {f"minilm-lead-{PUBLIC_TOKENS}": EmbeddingSettings(tokens=PUBLIC_TOKENS), **ARCHIVE_CASES}
TIME = {"slope": 0.6, "hours": 24.0}
SIZE = {"stories": 2_500, "growth": 0.25}
MOST, MOST_RARE = 0.4, 1.5
TEXTS = ("dense", "words", "rare")
DRAWS = 200
SIZES = ((2, 3), (4, 5), (6, 9), (10, 10_000))
FILE = Path(recommender.__file__).parent / "selection" / "same_event.json"
Model = dict[str, float]


def least_scales(parts: list[Compared]) -> tuple[float, float]:
    """Find the local scale, by words and by vectors, that nine of ten stories exceed."""
    found = [
        np.quantile(part.scale[~np.isnan(part.scale).any(axis=1)] if dense else part.scale[:, :1], 0.1, axis=0)
        for part in parts
        for dense in [not np.isnan(part.scale[:, 1]).all()]
    ]
    least = np.mean(found, axis=0)
    return round(float(least[0]), 3), round(float(least[1]), 3) if len(least) > 1 else 0.0


def texts(part: Compared, use: str, least: tuple[float, float]) -> np.ndarray:
    """Give what a model of the texts looks at, (m, 3) in an archive: vectors, words, rare words; (m, 2) without one."""
    if use == "pairs":
        return np.stack([part.dense, part.plain], axis=1)
    dense = np.nan_to_num(part.dense - np.maximum(part.scale[:, 1], least[1]))
    words = np.minimum(part.words - np.maximum(part.scale[:, 0], least[0]), MOST)
    return np.stack([dense, words, np.minimum(np.log1p(part.rare), MOST_RARE)], axis=1)


def offset(part: Compared, use: str) -> float:
    """Compute what the size of the archive takes from the logit."""
    return SIZE["growth"] * float(np.log(SIZE["stories"] / part.stories)) if use == "archive" else 0.0


def time(part: Compared) -> np.ndarray:
    """Compute what time adds to the logit."""
    told = TIME["slope"] * (np.log1p(TIME["hours"]) - np.log1p(np.nan_to_num(part.hours)))
    return np.where(np.isnan(part.hours), 0.0, told)


def fit(parts: list[Compared], use: str) -> Model:
    """Logistic regression with the offset of each archive's size, by Newton's method; each set weighs the same."""
    least = least_scales(parts) if use == "archive" else (0.0, 0.0)
    x = np.concatenate([texts(part, use, least) for part in parts])
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    shift = np.concatenate([np.full(len(part.same), offset(part, use)) for part in parts])
    weight = np.concatenate([np.full(len(part.same), 1000 / len(part.same)) for part in parts])
    same = np.concatenate([part.same for part in parts])
    ridge, found = np.diag([*np.ones(x.shape[1] - 1), 1e-6]), np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(x @ found + shift)))
        slope = x.T @ (weight * (same - p)) - ridge @ found
        found = found + np.linalg.solve((x * (weight * p * (1 - p))[:, None]).T @ x + ridge, slope)
    names = (*TEXTS[: x.shape[1] - 1], "intercept")
    model = dict(zip(names, (round(float(value), 3) for value in found), strict=True))
    if use == "archive":
        model |= {"least_words_scale": least[0], "least_dense_scale": least[1], "most": MOST, "most_rare": MOST_RARE}
    return model


def probability(model: Model, part: Compared, use: str, dated: bool) -> np.ndarray:
    """P(same event) of the pairs of a set, with their dates or without."""
    least = model.get("least_words_scale", 0.0), model.get("least_dense_scale", 0.0)
    x = texts(part, use, least)
    logit = x @ [model[name] for name in TEXTS[: x.shape[1]]] + model["intercept"] + offset(part, use)
    return np.asarray(1 / (1 + np.exp(-(logit + time(part) * dated))))


def recall_at(same: np.ndarray, p: np.ndarray, weight: np.ndarray, precision: float) -> float:
    """Find the greatest recall at a precision."""
    order = np.argsort(-p, kind="stable")
    right, told = np.cumsum((same * weight)[order]), np.cumsum(weight[order])
    reached = np.flatnonzero(right >= precision * np.maximum(told, 1e-9))
    return float(right[reached[-1]] / max(right[-1], 1e-9)) if len(reached) else 0.0


def measures(part: Compared, p: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Figures of one set under weights of its pairs; NaN where nothing is told."""
    same = part.same

    def share(of: np.ndarray, among: np.ndarray) -> float:
        total = float((weight * among).sum())
        return float((weight * (of & among)).sum()) / total if total else np.nan

    bin_ = (p >= 0.5) & (p < 0.6)
    found = {
        "AUC": roc_auc_score(same, p, sample_weight=weight),
        "AP": average_precision_score(same, p, sample_weight=weight),
        "recall at precision .9": recall_at(same, p, weight, 0.9),
        "observed at .5 to .6": share(same, bin_),
    }
    for threshold in (0.5, 0.6, 0.75):
        found[f"precision at {threshold}"] = share(same, p >= threshold)
        found[f"recall at {threshold}"] = share(p >= threshold, same)
    for low, high in SIZES:
        sized = same & (part.size >= low) & (part.size <= high)
        if sized.any():
            found[f"recall at 0.6, events of {low} to {min(high, int(part.size.max()))}"] = share(p >= 0.6, sized)
    return found


def weights(part: Compared) -> Iterator[np.ndarray]:
    """Weights of the pairs as events are drawn; a pair of two numbered events weighs their mean."""
    named = part.group >= 0
    _, place = np.unique(part.group, return_inverse=True)
    place = place.reshape(part.group.shape)
    rng = np.random.default_rng(0)
    numbered = np.unique(place[named])
    for _ in range(DRAWS):
        drawn = np.zeros(place.max() + 1)
        drawn[numbered] = rng.multinomial(len(numbered), np.full(len(numbered), 1 / len(numbered)))
        yield (drawn[place] * named).sum(axis=1) / named.sum(axis=1)


def report(part: Compared, p: np.ndarray) -> dict[str, str]:
    """Figures with their intervals; copies, which are told by another test, do not count."""
    kept = ~part.copy
    part, p = part.only(kept), p[kept]
    found = measures(part, p, np.ones(len(p)))
    draws = [measures(part, p, weight) for weight in weights(part)]
    rows = {"pairs": f"{len(p)}, {part.same.sum()} of one event"}
    for name, value in found.items():
        low, high = np.nanquantile([draw[name] for draw in draws], (0.025, 0.975))
        rows[name] = f"{value:.3f} [{low:.3f}, {high:.3f}]"
    return rows


def judged(parts: dict[str, Compared], use: str, case: str) -> Iterator[dict[str, Any]]:
    """Figures of each set by a model fitted without it, with dates hidden and, where there are any, with them."""
    for name, part in parts.items():
        own = "wikinews" if name == "wide" else name
        model = fit([parts[other] for other in FITTED if other != own], use)
        for dated in (False, True):
            if not dated or (~np.isnan(part.hours)).any():
                row = {"use": use, "model": case, "on": part.name, "dates": "used" if dated else "hidden"}
                yield {**row, **report(part, probability(model, part, use, dated))}


def growth(parts: dict[str, Compared], use: str) -> float:
    """How much the odds fall with the logarithm of an archive's size, as far as texts do not tell."""
    model = fit([parts[name] for name in FITTED], use)
    shift = []
    for name in ("wikinews", "wide"):
        part = parts[name]
        p = probability(model, part, use, dated=False)
        x, found = np.log(p / (1 - p)) - offset(part, use), 0.0
        for _ in range(50):
            q = 1 / (1 + np.exp(-(x + found)))
            found += float((part.same - q).sum() / (q * (1 - q)).sum())
        shift.append(found)
    return (shift[0] - shift[1]) / float(np.log(parts["wide"].stories / parts["wikinews"].stories))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with events/, allsides.jsonl.gz, reuters21578")
    parser.add_argument("--write", action="store_true", help="write the coefficients and the figures")
    parser.add_argument("--only", nargs="+", choices=[*PAIR_CASES], help="cases to fit; the others stay as they are")
    arguments = parser.parse_args()
    held, rows = _held(arguments.only or [])
    models = {use: dict(held[use]) for use in ("archive", "pairs")}
    sets: dict[str, EventSet] = {name: make(arguments.data) for name, make in {**FITTED, **MEASURED}.items()}
    for case in arguments.only or PAIR_CASES:
        settings = PAIR_CASES[case]
        measured = sets if case == "minilm-lead" or settings is None else {name: sets[name] for name in FITTED}
        parts = {name: compared(one, case, settings) for name, one in measured.items()}
        for use, cases in (("pairs", PAIR_CASES), ("archive", ARCHIVE_CASES)):
            if case in cases:
                models[use][case] = fit([parts[name] for name in FITTED], use)
                print(use, case, models[use][case], flush=True)
                for row in judged(parts, use, case):
                    rows.append(row)
                    print(json.dumps(row), flush=True)
        if "wide" in parts:
            rows.append({"use": "archive", "model": case, "growth": round(growth(parts, "archive"), 3)})
            print(rows[-1], flush=True)
        if arguments.write:
            _write(sets, models, rows)


def _held(again: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Models and figures of the cases that are not made again."""
    if not again:
        return {"archive": {}, "pairs": {}}, []
    rows = json.loads((RESULTS / "same_event.json").read_text(encoding="utf-8"))["rows"]
    return json.loads(FILE.read_text(encoding="utf-8")), [row for row in rows if row["model"] not in again]


def _write(sets: dict[str, EventSet], models: dict[str, dict[str, Model]], rows: list[dict[str, Any]]) -> None:
    """Write the coefficients with their provenance, and the figures."""
    data = {name: f"{len(sets[name].table)} stories, {sets[name].event.max() + 1} events" for name in FITTED}
    content = {
        "provenance": {
            "made_by": "python -m benchmarks.events.same_event",
            "data": data,
            "protocol": "each story of an event against its 20 nearest; dates hidden; every set weighs the same",
            "figures": "benchmarks/results/same_event.json",
        },
        "time": TIME,
        "size": SIZE,
        **{use: {case: models[use][case] for case in PAIR_CASES if case in models[use]} for use in models},
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(write_result("same_event", {"nearest": 20, "bootstrap": DRAWS, "seed": 0, **TIME, **SIZE}, rows))


if __name__ == "__main__":
    main()
