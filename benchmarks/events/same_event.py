"""Fit `recommender/selection/same_event.json`, models of "two stories report the same event", and cross-validate them.

    python -m benchmarks.same_event --data DATA

For pairs without an archive: the English pairs of STS22; same event = overall score of at most 1.5 (1 = most similar,
4 = unrelated). The direction comes from a ridge regression on the overall score, which uses all grades; a
logistic regression along it gives the probability. For archives: the same pairs, with the IDF of their own texts, and
the 100 hand-checked Reuters pairs of `labels/reuters_event_labels_1.csv`, with the IDF of Reuters; a logistic
regression. Figures: five folds of pairs, ten shuffles, everything fitted inside the folds; in brackets the 95 %
interval over 1,000 resamplings of the pairs.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import KFold

import recommender
from benchmarks.common import write_result
from recommender.articles.article import Article, to_table
from recommender.articles.text import whole_texts
from recommender.embedders import make_embedder
from recommender.features.tfidf import Tfidf, rarest_shared, row_cosines, term_frequencies
from recommender.features.vectors import cosines
from recommender.reading.read import read_articles
from recommender.selection.events import PUBLIC_TOKENS, RAREST, greatest_shared
from recommender.settings import EmbeddingSettings

SAME = 1.5
LABELS = Path(__file__).parents[1] / "labels"
ARCHIVE_CASES = {
    "minilm-lead": EmbeddingSettings(),
    "minilm-chunks": EmbeddingSettings(text="chunks"),
    "tfidf": EmbeddingSettings(model="tfidf"),
    "words": None,
}
PAIR_CASES = {f"minilm-lead-{PUBLIC_TOKENS}": EmbeddingSettings(tokens=PUBLIC_TOKENS), **ARCHIVE_CASES}
Fit = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, float]]


def fit_graded(features: np.ndarray, overall: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and intercept from overall scores; a constant feature has coefficient 0."""
    spread = features.std(axis=0)
    scale = np.where(spread > 0, spread, 1)
    direction = Ridge(10.0).fit(features / scale, -overall).coef_ / scale
    along = features @ direction
    model = LogisticRegression(C=1e4).fit(along[:, None], overall <= SAME)
    return direction * model.coef_[0, 0], float(model.intercept_[0])


def fit_labels(features: np.ndarray, overall: np.ndarray) -> tuple[np.ndarray, float]:
    """The same by plain logistic regression on the labels."""
    spread = features.std(axis=0)
    scale = np.where(spread > 0, spread, 1)
    model = LogisticRegression().fit(features / scale, overall <= SAME)
    return model.coef_[0] / scale, float(model.intercept_[0])


def cross_validated(features: np.ndarray, overall: np.ndarray, fit: Fit) -> np.ndarray:
    """Held-out probabilities, mean over ten shuffles."""
    held_out = np.zeros((10, len(overall)))
    for seed in range(10):
        for train, test in KFold(5, shuffle=True, random_state=seed).split(features):
            coefficients, intercept = fit(features[train], overall[train])
            held_out[seed, test] = 1 / (1 + np.exp(-(features[test] @ coefficients + intercept)))
    return held_out.mean(axis=0)


def report(probability: np.ndarray, same: np.ndarray) -> dict[str, str]:
    """Measures with their intervals."""
    draws = np.random.default_rng(0).integers(0, len(same), (1000, len(same)))
    found = {"pairs": f"{len(same)}, {same.sum()} of one event"}
    for measure, score in (("AUC", roc_auc_score), ("AP", average_precision_score), ("Brier", brier_score_loss)):
        low, high = np.quantile([score(same[draw], probability[draw]) for draw in draws], (0.025, 0.975))
        found[measure] = f"{score(same, probability):.3f} [{low:.3f}, {high:.3f}]"
    for threshold in (0.5, 0.6, 0.7, 0.8):
        told = probability >= threshold
        precision = same[told].mean() if told.any() else np.nan
        found[f"at {threshold}"] = f"precision {precision:.2f}, recall {told[same].mean():.2f}"
    return found


@dataclass(frozen=True)
class Pairs:
    """Texts of pairs, and how they were judged."""

    left: pa.Table
    right: pa.Table
    overall: np.ndarray
    idf_of: pa.Table

    def words(self) -> np.ndarray:
        """Cosine of the term frequencies."""
        tfidf, terms = Tfidf.fit(whole_texts(self.both))
        plain = term_frequencies(terms, tfidf.idf)
        return row_cosines(plain, plain, *self.places)

    def rare(self) -> np.ndarray:
        """IDF of the rarest shared terms, as a share of the greatest that two can share."""
        tfidf, _ = Tfidf.fit(whole_texts(self.idf_of))
        terms = tfidf.transform(whole_texts(self.both))
        return rarest_shared(terms, terms, *self.places, tfidf.idf, RAREST) / greatest_shared(tfidf.idf)

    def dense(self, settings: EmbeddingSettings | None) -> np.ndarray:
        """Cosine of the vectors; 0 without a model."""
        if settings is None:
            return np.zeros(len(self.overall))
        embedder = make_embedder(settings)
        embedder.fit(self.idf_of)
        vectors = embedder.encode(embedder.prepare(self.both))
        a, b = self.places
        return cosines(vectors[a], vectors, b[:, None])[:, 0]

    @property
    def both(self) -> pa.Table:
        """Left texts, then right ones."""
        return pa.concat_tables([self.left, self.right])

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of `both` by pair."""
        return np.arange(len(self.overall)), np.arange(len(self.overall)) + len(self.overall)


def sts22(data: Path) -> Pairs:
    """The English pairs of STS22."""
    with gzip.open(data / "sts22" / "pairs.jsonl.gz", "rt", encoding="utf-8") as file:
        pairs = [pair for pair in map(json.loads, file) if pair["lang1"] == pair["lang2"] == "en"]
    left, right = (
        to_table([Article(id=str(n), body=pair[f"text{side}"]) for n, pair in enumerate(pairs)]) for side in (1, 2)
    )
    return Pairs(left, right, np.array([pair["overall"] for pair in pairs]), pa.concat_tables([left, right]))


def reuters(data: Path) -> Pairs:
    """The hand-checked pairs; "same" counts as an overall score of 1, all else as 4."""
    articles, _ = read_articles(data / "reuters21578.jsonl.gz")
    with (LABELS / "reuters_event_labels_1.csv").open(encoding="utf-8", newline="") as file:
        labels = list(csv.DictReader(file))
    place = {article_id: row for row, article_id in enumerate(articles["id"].to_pylist())}
    left, right = (articles.take([place[row[side]] for row in labels]) for side in ("a", "b"))
    overall = np.array([1.0 if row["label"] == "same" else 4.0 for row in labels])
    return Pairs(left, right, overall, articles)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with sts22/ and reuters21578.jsonl.gz")
    arguments = parser.parse_args()
    news, wire = sts22(arguments.data), reuters(arguments.data)
    overall = np.concatenate([news.overall, wire.overall])
    of_wire = np.arange(len(overall)) >= len(news.overall)
    words, rare = news.words(), np.concatenate([news.rare(), wire.rare()])
    models: dict[str, dict[str, dict[str, float]]] = {"pairs": {}, "archive": {}}
    rows = []

    def add(use: str, name: str, features: np.ndarray, overall: np.ndarray, fit: Fit) -> None:
        coefficients, intercept = fit(features, overall)
        values = zip(("dense", "words", "intercept"), (*coefficients, intercept), strict=True)
        models[use][name] = {key: round(float(value), 3) for key, value in values}
        probability, same = cross_validated(features, overall, fit), overall <= SAME
        news_only = slice(0, len(news.overall))
        rows.append({"use": use, "model": name, "on": "STS22", **report(probability[news_only], same[news_only])})
        if use == "archive":
            rows.append({"use": use, "model": name, "on": "Reuters", **report(probability[of_wire], same[of_wire])})
        print(models[use][name], *rows[-2:], sep="\n", flush=True)

    for name, settings in PAIR_CASES.items():
        add("pairs", name, np.stack([news.dense(settings), words], axis=1), news.overall, fit_graded)
    for name, settings in ARCHIVE_CASES.items():
        dense = np.concatenate([news.dense(settings), wire.dense(settings)])
        add("archive", name, np.stack([dense, rare], axis=1), overall, fit_labels)
    content = {
        "provenance": "benchmarks/same_event.py: 161 English pairs of STS22 (overall score of at most 1.5); "
        "for archives also the 100 hand-checked pairs of benchmarks/labels/reuters_event_labels_1.csv",
        **models,
    }
    path = Path(recommender.__file__).parent / "selection" / "same_event.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(write_result("same_event", {"folds": 5, "shuffles": 10, "bootstrap": 1000, "seed": 0}, rows))


if __name__ == "__main__":
    main()
