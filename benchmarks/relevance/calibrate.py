"""Write `recommender/ranking/calibration.json`: the relevance at which a reader follows the link with probability .5.

    python -m benchmarks.calibrate --data DATA

A logistic regression of the votes (each of the six judges of a CNRec pair counts once) on the fused
relevance under the default weights; judged pairs only, so the point is that of plausible candidates.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import recommender
from benchmarks.common import cnrec, relevance_matrix, relevance_only
from recommender import Settings

JUDGES = 6
CASES = {
    "minilm-lead": {"embedding__text": "lead"},
    "minilm-chunks": {"embedding__text": "chunks"},
    "tfidf": {"embedding__model": "tfidf"},
}


def half_way(relevance: np.ndarray, follow: np.ndarray) -> float:
    """Relevance where the fitted probability of following is .5."""
    values = np.concatenate([relevance, relevance])[:, None]
    followed = np.concatenate([np.ones(len(follow)), np.zeros(len(follow))])
    weight = np.concatenate([follow, 1 - follow]) * JUDGES
    model = LogisticRegression(C=1e6).fit(values, followed, sample_weight=weight)
    return float(-model.intercept_[0] / model.coef_[0, 0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cnrec/")
    arguments = parser.parse_args()
    judged = cnrec(arguments.data)
    a, b = judged.a, judged.b
    found = {}
    for name, values in CASES.items():
        _, matrix = relevance_matrix(judged.articles, relevance_only(**values))
        found[name] = round(half_way((matrix[a, b] + matrix[b, a]) / 2, judged.follow), 3)
    ranking = Settings().ranking
    content = {
        "provenance": "benchmarks/calibrate.py on the 1,023 judged pairs of the CNRec development half",
        "weights": [ranking.dense_weight, ranking.lexical_weight],
        "follow_at_half": found,
    }
    path = Path(recommender.__file__).parent / "ranking" / "calibration.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
