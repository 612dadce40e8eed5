"""Fit `recommender/same_event.json`, the model of "two stories report the same event", and cross-validate it.

    python -m benchmarks.same_event --data DATA

Pairs: the English ones of STS22; same event = overall score of at most 1.5 (1 = most similar, 4 = unrelated). The
direction comes from a ridge regression on the overall score, which uses all grades; a logistic regression
along it gives the probability. Figures: five folds of pairs, ten shuffles, everything fitted inside the folds; in
brackets the 95 % interval over 1,000 resamplings of the pairs.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import KFold

import recommender
from benchmarks.common import write_result
from recommender.articles import Article, to_table
from recommender.embedders import make_embedder
from recommender.events import PUBLIC_TOKENS
from recommender.index import cosines
from recommender.lexical import Tfidf, row_cosines, term_frequencies
from recommender.settings import EmbeddingSettings
from recommender.text import whole_texts

CASES = {
    "minilm-lead": EmbeddingSettings(),
    f"minilm-lead-{PUBLIC_TOKENS}": EmbeddingSettings(tokens=PUBLIC_TOKENS),
    "minilm-chunks": EmbeddingSettings(text="chunks"),
    "words": None,
}


def fit(features: np.ndarray, overall: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and intercept on (m, 2) features; a constant feature has coefficient 0."""
    spread = features.std(axis=0)
    scale = np.where(spread > 0, spread, 1)
    direction = Ridge(10.0).fit(features / scale, -overall).coef_ / scale
    along = features @ direction
    model = LogisticRegression(C=1e4).fit(along[:, None], overall <= 1.5)
    return direction * model.coef_[0, 0], float(model.intercept_[0])


def cross_validated(features: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """Held-out probabilities, mean over ten shuffles."""
    held_out = np.zeros((10, len(overall)))
    for seed in range(10):
        for train, test in KFold(5, shuffle=True, random_state=seed).split(features):
            coefficients, intercept = fit(features[train], overall[train])
            held_out[seed, test] = 1 / (1 + np.exp(-(features[test] @ coefficients + intercept)))
    return held_out.mean(axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with sts22/")
    arguments = parser.parse_args()
    with gzip.open(arguments.data / "sts22" / "pairs.jsonl.gz", "rt", encoding="utf-8") as file:
        pairs = [pair for pair in map(json.loads, file) if pair["lang1"] == pair["lang2"] == "en"]
    overall = np.array([pair["overall"] for pair in pairs])
    sides = [
        to_table([Article(id=str(n), body=pair[f"text{side}"]) for n, pair in enumerate(pairs)]) for side in (1, 2)
    ]
    both = pa.concat_tables(sides)
    tfidf, terms = Tfidf.fit(whole_texts(both).to_pylist())
    plain = term_frequencies(terms, tfidf.idf)
    a, b = np.arange(len(pairs)), np.arange(len(pairs)) + len(pairs)
    words = row_cosines(plain, plain, a, b)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(pairs), (1000, len(pairs)))
    same = overall <= 1.5
    models, rows = {}, []
    for name, settings in CASES.items():
        dense = np.zeros(len(pairs))
        if settings:
            embedder = make_embedder(settings)
            vectors = embedder.encode(embedder.prepare(both))
            dense = cosines(vectors[a], vectors, b[:, None])[:, 0]
        features = np.stack([dense, words], axis=1)
        coefficients, intercept = fit(features, overall)
        models[name] = {
            "dense": round(float(coefficients[0]), 3),
            "words": round(float(coefficients[1]), 3),
            "intercept": round(intercept, 3),
        }
        probability = cross_validated(features, overall)
        row = {"model": name, "pairs": len(pairs), "same event": int(same.sum())}
        for measure, score in (("AUC", roc_auc_score), ("AP", average_precision_score), ("Brier", brier_score_loss)):
            spread = [score(same[draw], probability[draw]) for draw in draws]
            low, high = np.quantile(spread, (0.025, 0.975))
            row[measure] = f"{score(same, probability):.3f} [{low:.3f}, {high:.3f}]"
        for threshold in (0.5, 0.6, 0.7, 0.8):
            told = probability >= threshold
            row[f"at {threshold}"] = f"precision {same[told].mean():.2f}, recall {told[same].mean():.2f}"
        rows.append(row)
        print(models[name], row, flush=True)
    content = {
        "provenance": "benchmarks/same_event.py on the 161 English pairs of STS22 (overall score of at most 1.5)",
        "models": models,
    }
    path = Path(recommender.__file__).with_name("same_event.json")
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(write_result("same_event", {"folds": 5, "shuffles": 10, "bootstrap": 1000, "seed": 0}, rows))


if __name__ == "__main__":
    main()
