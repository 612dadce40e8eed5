"""Relevance on the CNRec development half, for text budgets, embedders and weights.

    python -m benchmarks.relevance --data DATA

Measures: AUC of "most judges would follow the link" over all judged pairs and over the hard pairs (both
stories in one block of ten ids, that is one topic group), Spearman with the votes, and nDCG@5 when every
story ranks all others (unjudged = 0). In brackets: standard error by resampling stories, 500 times, seed 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import ndcg_score, roc_auc_score

from benchmarks.common import cnrec, relevance_matrix, relevance_only, write_result

CASES = {
    "title + 48 tokens": {"embedding__tokens": 48},
    "title + 64 tokens": {"embedding__tokens": 64},
    "title + 96 tokens": {"embedding__tokens": 96},
    "title + 128 tokens": {"embedding__tokens": 128},
    "title + 256 tokens": {"embedding__tokens": 256},
    "chunks": {"embedding__text": "chunks"},
    "tfidf + SVD": {"embedding__model": "tfidf"},
}
WEIGHTS = {"dense": (1.0, 0.0), "dense + lexical": (0.5, 0.5), "lexical": (0.0, 1.0)}


def measure(matrix: np.ndarray, a: np.ndarray, b: np.ndarray, follow: np.ndarray, group: np.ndarray) -> dict[str, str]:
    """Compute the four measures with their standard errors."""
    similarity = (matrix + matrix.T) / 2
    gains = np.zeros_like(matrix)
    gains[a, b] = gains[b, a] = follow
    off = ~np.eye(len(matrix), dtype=bool)
    scores, truth = matrix[off].reshape(len(matrix), -1), gains[off].reshape(len(matrix), -1)
    judged = truth.sum(axis=1) > 0
    per_story = np.array([ndcg_score([t], [s], k=5) for t, s in zip(truth[judged], scores[judged], strict=True)])
    stories = np.flatnonzero(judged)
    rng = np.random.default_rng(0)

    def figures(pairs: np.ndarray, rows: np.ndarray) -> list[float]:
        value, vote = similarity[a[pairs], b[pairs]], follow[pairs]
        hard = group[a[pairs]] == group[b[pairs]]
        return [
            float(roc_auc_score(vote >= 0.5, value)),
            float(roc_auc_score(vote[hard] >= 0.5, value[hard])),
            float(spearmanr(value, vote).statistic),
            float(per_story[rows].mean()),
        ]

    point = figures(np.arange(len(a)), np.arange(len(stories)))
    draws = []
    for _ in range(500):
        weight = np.bincount(rng.integers(0, len(matrix), len(matrix)), minlength=len(matrix))
        pairs = np.repeat(np.arange(len(a)), weight[a] * weight[b])
        draws.append(figures(pairs, np.repeat(np.arange(len(stories)), weight[stories])))
    error = np.std(draws, axis=0)
    names = ("AUC", "hard AUC", "Spearman", "pool nDCG@5")
    return {name: f"{p:.3f} ({e:.3f})" for name, p, e in zip(names, point, error, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cnrec/")
    arguments = parser.parse_args()
    judged = cnrec(arguments.data)
    articles = judged.articles
    group = np.array([int(article["id"].rpartition("-")[2]) // 10 for article in articles])
    rows = []
    for case, values in CASES.items():
        for name, (dense, lexical) in WEIGHTS.items():
            if name == "lexical" and case != "title + 64 tokens":
                continue
            weights = {"ranking__dense_weight": dense, "ranking__lexical_weight": lexical}
            _, matrix = relevance_matrix(articles, relevance_only(**values, **weights))
            shown = "TF-IDF alone" if name == "lexical" else case
            rows.append({"text": shown, "score": name, **measure(matrix, judged.a, judged.b, judged.follow, group)})
            print(" | ".join(str(value) for value in rows[-1].values()), flush=True)
    print(write_result("relevance", {"bootstrap": 500, "seed": 0}, rows))


if __name__ == "__main__":
    main()
