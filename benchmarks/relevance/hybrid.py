"""Whether another mix of signals than the default beats it on the CNRec development half, beyond the noise.

    python -m benchmarks.hybrid --data DATA

The default is half the MiniLM cosine of title and 64 tokens, half the TF-IDF cosine of the whole text. Every
variant is compared with it on the same pairs by the four measures of `benchmarks.relevance`. In brackets: 95 %
interval of the paired difference, resampling the 15 topic groups (blocks of ten ids) 2,000 times, seed 0; pairs
inside a group come along once per draw of it, pairs across groups once per draw of both. Fifteen groups are few,
so the intervals are rough, and rather too short.

Weights that are learned or chosen come from grouped cross-validation: five folds of three groups. A pair is scored
with weights from the pairs that touch neither of its two folds; a ranking (nDCG) needs the same weights for all its
candidates, and has those from the pairs that do not touch the story's fold. The intervals hold these weights fixed.

A measure says "gain" if its interval lies above 0, "loss" if it lies below 0 or the difference is below -.005,
else "noise". With so many intervals a few lie above 0 by chance: "gain together" says whether a difference is also
above 0 by bounds that hold for the whole table at once (greatest standardised deviation). "embedding cost" is the
time of embedding what the variant needs, as a multiple of the default's.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics import ndcg_score
from sklearn.preprocessing import normalize

from benchmarks.common import Judged, cnrec, write_result
from recommender.articles.text import chunk_texts, lead_texts, whole_texts
from recommender.embedders.sentence import SentenceTransformerEmbedder
from recommender.features.tfidf import Tfidf
from recommender.features.vectors import SCALE, quantise
from recommender.reading.read import read_articles
from recommender.settings import EmbeddingSettings

Matrix = NDArray[np.float64]
Weights = dict[str, float]

MEASURES = ("AUC", "hard AUC", "Spearman", "pool nDCG@5")
DRAWS, SEED, FOLDS, RRF = 2000, 0, 5, 60
DEFAULT: Weights = {"lead 64": 0.5, "tfidf": 0.5}
GRID = (0.3, 0.4, 0.5, 0.6, 0.7)
LEARNED = {
    "lead 64, tfidf": ("lead 64", "tfidf"),
    "lead 64, tfidf, names": ("lead 64", "tfidf", "names"),
    "lead 64, title, chunk max, tfidf, names": ("lead 64", "title", "chunk max", "tfidf", "names"),
}

NEEDS = {  # kinds of text behind a signal, where it is not one of its own name
    "chunk mean": ("chunks",),
    "chunk max": ("chunks",),
    "lead to best chunk": ("lead 64", "chunks"),
    "lead + chunk mean": ("lead 64", "chunks"),
}

# words with a capital that follow a lower-case word, and the capitalised words right after
_NAMES = re.compile(r"(?<=[a-z,] )[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")


def _beside(*dense: str, lexical: str = "tfidf") -> Weights:
    """Half the mean of some dense cosines, half a lexical one."""
    return {**dict.fromkeys(dense, 0.5 / len(dense)), lexical: 0.5}


FIXED: dict[str, Weights] = {
    "dense alone": {"lead 64": 1.0},
    "tfidf alone": {"tfidf": 1.0},
    **{f"dense weight {w}": {"lead 64": w, "tfidf": 1 - w} for w in GRID if w != 0.5},
    **{f"{name} for lead 64": _beside(name) for name in ("lead 48", "lead 96", "lead 128")},
    "chunk mean for lead 64": _beside("chunk mean"),
    "chunk max for lead 64": _beside("chunk max"),
    "lead to best chunk for lead 64": _beside("lead to best chunk"),
    "lead + chunk mean vector for lead 64": _beside("lead + chunk mean"),
    "lead 64 and chunk mean": _beside("lead 64", "chunk mean"),
    "lead 64 and chunk max": _beside("lead 64", "chunk max"),
    "lead 64 and lead to best chunk": _beside("lead 64", "lead to best chunk"),
    "title for lead 64": _beside("title"),
    "title and body 64 for lead 64": _beside("title", "body 64"),
    "lead 64 and title": _beside("lead 64", "title"),
    "lead 64 and body 64": _beside("lead 64", "body 64"),
    "names .1": {"lead 64": 0.45, "tfidf": 0.45, "names": 0.1},
    "names .2": {"lead 64": 0.4, "tfidf": 0.4, "names": 0.2},
    "half of tfidf to names": {"lead 64": 0.5, "tfidf": 0.25, "names": 0.25},
    **{f"{name} for tfidf": _beside("lead 64", lexical=name) for name in ("bigrams", "title twice", "BM25")},
}


@dataclass(frozen=True)
class Variant:
    """A score (n, n) for pairs, its embedding cost, a remark, and the score for rankings where that is another."""

    score: Matrix
    cost: float = 1.0
    remark: str = ""
    ranking: Matrix | None = None


@dataclass(frozen=True)
class Signals:
    """Cosines (n, n) by name, and the seconds that embedding each kind of text took."""

    cosine: dict[str, Matrix]
    seconds: dict[str, float]

    def mix(self, weights: Weights) -> Matrix:
        """Weighted sum."""
        return sum((weight * self.cosine[name] for name, weight in weights.items()), np.zeros(()))

    def cost(self, names: Iterable[str]) -> float:
        """Embedding seconds of what some signals need, as a multiple of the default's."""
        kinds = {kind for name in names for kind in NEEDS.get(name, (name,)) if kind in self.seconds}
        return round(sum(self.seconds[kind] for kind in kinds) / self.seconds["lead 64"], 1)


def signals(articles: list[dict[str, Any]]) -> Signals:
    """All cosines of a set of articles, each kind of text embedded once."""
    table, _ = read_articles(articles)
    place = {article_id: row for row, article_id in enumerate(table["id"].to_pylist())}
    table = table.take([place[article["id"]] for article in articles])
    titles, leads, texts = (table[name].to_pylist() for name in ("title", "lead", "body"))
    bodies = [f"{lead} {text}" for lead, text in zip(leads, texts, strict=True)]
    short = {tokens: SentenceTransformerEmbedder(EmbeddingSettings(tokens=tokens)) for tokens in (48, 64, 96, 128)}
    whole = SentenceTransformerEmbedder(EmbeddingSettings(text="chunks"))
    words, stride = whole.settings.chunk_words, whole.settings.chunk_stride
    chunks = [chunk_texts(title, body, words, stride) for title, body in zip(titles, bodies, strict=True)]
    owner = np.repeat(np.arange(len(chunks)), [len(pieces) for pieces in chunks])
    kinds = {
        **{f"lead {tokens}": (short[tokens], lead_texts(table, tokens)) for tokens in short},
        "title": (short[64], titles),
        "body 64": (short[64], [" ".join(body.split()[:64]) for body in bodies]),
        "chunks": (whole, [piece for pieces in chunks for piece in pieces]),
    }
    unit: dict[str, Matrix] = {}
    seconds = {}
    for name, (embedder, texts) in kinds.items():
        embedder.encode(texts[:8])  # the model is loaded outside the measured time
        start = time.perf_counter()
        unit[name] = embedder.encode(texts) / SCALE
        seconds[name] = round(time.perf_counter() - start, 2)
    pieces = unit.pop("chunks")
    mean = np.zeros_like(unit["lead 64"])
    np.add.at(mean, owner, pieces)
    unit["chunk mean"] = quantise(mean) / SCALE
    unit["lead + chunk mean"] = quantise(unit["lead 64"] + unit["chunk mean"]) / SCALE
    cosine = {name: vectors @ vectors.T for name, vectors in unit.items()}
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    to_best = np.maximum.reduceat(unit["lead 64"] @ pieces.T, first, axis=1)
    cosine["lead to best chunk"] = (to_best + to_best.T) / 2
    cosine["chunk max"] = np.maximum.reduceat(np.maximum.reduceat(pieces @ pieces.T, first, axis=0), first, axis=1)
    return Signals(
        cosine
        | lexical_cosines(
            [text for block in whole_texts(table) for text in block.to_pylist()], lead_texts(table, 64), bodies
        ),
        seconds,
    )


def lexical_cosines(texts: list[str], leads: list[str], bodies: list[str]) -> dict[str, Matrix]:
    """Cosines of unit rows of terms: the default's, and its variants."""
    names = [" ".join(match[0] for match in _NAMES.finditer(body)) for body in bodies]
    twice = [f"{lead}\n{text}" for lead, text in zip(leads, texts, strict=True)]
    rows = {
        "tfidf": Tfidf.fit(texts)[1],
        "bigrams": TfidfVectorizer(sublinear_tf=True, stop_words="english", ngram_range=(1, 2)).fit_transform(texts),
        "title twice": Tfidf.fit(twice)[1],
        "BM25": bm25(texts),
        "names": Tfidf.fit(names)[1],
    }
    return {name: (terms @ terms.T).toarray().astype(np.float64) for name, terms in rows.items()}


def bm25(texts: list[str], k1: float = 1.2, b: float = 0.75) -> Any:
    """Make unit rows with BM25's saturation, length norm and idf in both stories of a pair."""
    counts = CountVectorizer(stop_words="english", dtype=np.float64).fit_transform(texts).tocoo()
    length = np.asarray(counts.sum(axis=1)).ravel()
    norm = k1 * (1 - b + b * length / length.mean())
    df = np.bincount(counts.col, minlength=counts.shape[1])
    idf = np.log1p((counts.shape[0] - df + 0.5) / (df + 0.5))
    counts.data = counts.data * (k1 + 1) / (counts.data + norm[counts.row]) * idf[counts.col]
    return normalize(counts.tocsr())


def reciprocal_ranks(cosine: Matrix) -> Matrix:
    """`1 / (60 + rank)` of every story in the row of each, itself last."""
    others = cosine - 1e9 * np.eye(len(cosine))
    return 1 / (RRF + rankdata(-others, axis=1))


def standardised(cosine: Matrix, per_story: bool) -> Matrix:
    """Mean 0 and deviation 1 over all other stories, or over those of each row."""
    other = np.ma.array(cosine, mask=np.eye(len(cosine), dtype=bool))
    axis = 1 if per_story else None
    centre, spread = other.mean(axis=axis, keepdims=True), other.std(axis=axis, keepdims=True)
    return np.asarray((cosine - centre) / spread)


class Scale:
    """The four measures on all draws at once.

    Parameters
    ----------
    judged : Judged
    group : ndarray of int, shape (n,)
        Topic group of each article.
    """

    def __init__(self, judged: Judged, group: NDArray[np.int64]) -> None:
        self.judged = judged
        a, b = group[judged.a], group[judged.b]
        groups = int(group.max()) + 1
        rng = np.random.default_rng(SEED)
        drawn = np.stack([np.bincount(rng.integers(0, groups, groups), minlength=groups) for _ in range(DRAWS)])
        drawn = np.vstack([np.ones(groups), drawn])  # the first "draw" is the data as they are
        self.hard = a == b
        self.pair_weight = np.where(self.hard, drawn[:, a], drawn[:, a] * drawn[:, b])
        self.gains = np.zeros((len(group), len(group)))
        self.gains[judged.a, judged.b] = self.gains[judged.b, judged.a] = judged.follow
        self.stories = np.flatnonzero(self.gains.any(axis=1))
        weight = drawn[:, group[self.stories]]
        self.story_share = weight / weight.sum(axis=1, keepdims=True)
        self.vote_rank = weighted_ranks(judged.follow, self.pair_weight)

    def __call__(self, variant: Variant) -> Matrix:
        """Measures of a variant, shape (1 + draws, 4); the first row is the data as they are."""
        value, weight = pair_values(variant.score, self.judged), self.pair_weight
        positive = self.judged.follow >= 0.5
        return np.column_stack(
            [
                weighted_auc(value, positive, weight),
                weighted_auc(value[self.hard], positive[self.hard], weight[:, self.hard]),
                weighted_correlation(weighted_ranks(value, weight), self.vote_rank, weight),
                self.story_share @ self.ndcg(variant.score if variant.ranking is None else variant.ranking),
            ]
        )

    def ndcg(self, matrix: Matrix) -> Matrix:
        """nDCG@5 of each story with a vote, among all others."""
        others = ~np.eye(len(matrix), dtype=bool)
        pairs = ((self.gains[row][others[row]], matrix[row][others[row]]) for row in self.stories)
        return np.array([ndcg_score([truth], [score], k=5) for truth, score in pairs])


def pair_values(score: Matrix, judged: Judged) -> Matrix:
    """Score of each judged pair: the mean of both directions, rounded so that equal ones tie."""
    return ((score + score.T) / 2)[judged.a, judged.b].round(12)


def weighted_ranks(value: Matrix, weight: Matrix) -> Matrix:
    """Mean ranks of `value` (m,) when pair j is there `weight[:, j]` times, shape (draws, m)."""
    order = np.argsort(value, kind="stable")
    _, start, level = np.unique(value[order], return_index=True, return_inverse=True)
    per_level = np.add.reduceat(weight[:, order], start, axis=1)
    found = np.empty_like(weight)
    found[:, order] = (np.cumsum(per_level, axis=1) - per_level / 2)[:, level]
    return found


def weighted_auc(value: Matrix, positive: NDArray[np.bool_], weight: Matrix) -> Matrix:
    """AUC of each draw, from the sum of ranks; ties count half."""
    ones, all_ = (weight * positive).sum(axis=1), weight.sum(axis=1)
    ranks = (weight * positive * weighted_ranks(value, weight)).sum(axis=1)
    return (ranks - ones**2 / 2) / (ones * (all_ - ones))


def weighted_correlation(x: Matrix, y: Matrix, weight: Matrix) -> Matrix:
    """Pearson correlation of each draw."""
    share = weight / weight.sum(axis=1, keepdims=True)
    x, y = (z - (share * z).sum(axis=1, keepdims=True) for z in (x, y))
    xy, xx, yy = ((share * p).sum(axis=1) for p in (x * y, x * x, y * y))
    return xy / np.sqrt(xx * yy)


def logistic(values: Matrix, follow: Matrix) -> Matrix:
    """Weights >= 0 with sum 1 of a logistic regression of the votes on components (m, c)."""

    def loss(theta: Matrix) -> tuple[float, Matrix]:
        logit = values @ theta[:-1] + theta[-1]
        residual = 1 / (1 + np.exp(-logit)) - follow
        ridge = 1e-4 * theta[:-1]
        slope = np.append(values.T @ residual / len(values) + ridge, residual.mean())
        return float(np.mean(np.logaddexp(0, logit) - follow * logit) + ridge @ theta[:-1] / 2), slope

    count = values.shape[1]
    start = np.append(np.ones(count), -1.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * count + [(None, None)]).x[:-1]
    return found / found.sum()


class Folds:
    """Grouped cross-validation over pairs of folds."""

    def __init__(self, judged: Judged, group: NDArray[np.int64]) -> None:
        self.judged = judged
        shuffled = np.random.default_rng(SEED).permutation(int(group.max()) + 1)
        self.of = np.argsort(shuffled)[group] % FOLDS

    def mixed(self, parts: list[Matrix], fit: Callable[[NDArray[np.int64]], Matrix]) -> tuple[Matrix, Matrix, Matrix]:
        """Scores for pairs and for rankings with weights `fit(training pairs)`, and the mean weights."""
        a, b = self.of[self.judged.a], self.of[self.judged.b]
        weights = np.zeros((FOLDS, FOLDS, len(parts)))
        for f, g in zip(*np.triu_indices(FOLDS), strict=True):
            train = np.flatnonzero(~np.isin(a, [f, g]) & ~np.isin(b, [f, g]))
            weights[f, g] = weights[g, f] = fit(train)
        own = weights.diagonal().T  # without the pairs that touch one fold
        stack = np.stack(parts, axis=-1)
        pairs = (stack * weights[self.of[:, None], self.of]).sum(axis=-1)
        return pairs, (stack * own[self.of][:, None]).sum(axis=-1), own.mean(axis=0)

    def learned(self, parts: list[Matrix]) -> tuple[Matrix, Matrix, Matrix]:
        """`mixed` by a logistic regression of the votes on the parts."""
        values = np.column_stack([pair_values(part, self.judged) for part in parts])
        return self.mixed(parts, lambda train: logistic(values[train], self.judged.follow[train]))

    def chosen(self, parts: list[Matrix], hard: NDArray[np.bool_]) -> tuple[Matrix, Matrix, Matrix]:
        """`mixed` by the one part with the best mean of AUC, hard AUC and Spearman on the training pairs."""
        values = [pair_values(part, self.judged) for part in parts]

        def best(train: NDArray[np.int64]) -> Matrix:
            follow, within, one = self.judged.follow[train], hard[train], np.ones((1, len(train)))
            votes, positive = weighted_ranks(follow, one), follow >= 0.5
            marks = [
                weighted_auc(value, positive, one)
                + weighted_auc(value[within], positive[within], one[:, within])
                + weighted_correlation(weighted_ranks(value, one), votes, one)
                for value in (value[train] for value in values)
            ]
            return np.eye(len(parts))[int(np.argmax(marks))]

        return self.mixed(parts, best)


def variants(found: Signals, folds: Folds, hard: NDArray[np.bool_]) -> dict[str, Variant]:
    """Every variant by name."""
    cosine = found.cosine
    both, three = [cosine["lead 64"], cosine["tfidf"]], [cosine[name] for name in ("lead 64", "tfidf", "names")]
    table = {
        **{name: Variant(found.mix(weights), found.cost(weights)) for name, weights in FIXED.items()},
        "RRF of lead 64, tfidf": Variant(sum(map(reciprocal_ranks, both))),
        "RRF of lead 64, tfidf, names": Variant(sum(map(reciprocal_ranks, three))),
        "z-scores over all pairs": Variant(sum(standardised(part, False) for part in both)),
        "z-scores in each story's row": Variant(sum(standardised(part, True) for part in both)),
    }
    grid = [found.mix({"lead 64": w, "tfidf": 1 - w}) for w in GRID]
    pairs, ranking, share = folds.chosen(grid, hard)
    table["dense weight chosen in folds"] = Variant(pairs, 1.0, f"mean dense weight {share @ GRID:.2f}", ranking)
    sums = {"default": DEFAULT, **FIXED}
    pairs, ranking, share = folds.chosen([standardised(found.mix(weights), False) for weights in sums.values()], hard)
    picks = ", ".join(f"{name} {part:.0%}" for name, part in zip(sums, share, strict=True) if part)
    cost = found.cost(name for weights in sums.values() for name in weights)
    table["weighted sum chosen in folds"] = Variant(pairs, cost, picks, ranking)
    for name, parts in LEARNED.items():
        pairs, ranking, share = folds.learned([cosine[part] for part in parts])
        remark = "mean weights " + ", ".join(f"{part} {w:.2f}" for part, w in zip(parts, share, strict=True))
        table[f"logistic in folds: {name}"] = Variant(pairs, found.cost(parts), remark, ranking)
    return table


def mark(point: float, low: float, high: float) -> str:
    """Gain, loss or noise."""
    if low > 0:
        return "gain"
    return "loss" if high < 0 or point < -0.005 else "noise"


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cnrec/")
    judged = cnrec(parser.parse_args().data)
    group = np.array([int(article["id"].rpartition("-")[2]) // 10 for article in judged.articles])
    measure = Scale(judged, group)
    found = signals(judged.articles)
    default = measure(Variant(found.mix(DEFAULT)))
    table = variants(found, Folds(judged, group), measure.hard)
    difference = np.stack([measure(variant) - default for variant in table.values()])
    point, draws = difference[:, 0], difference[:, 1:]
    low, high = np.quantile(draws, [0.025, 0.975], axis=1)
    error = draws.std(axis=1)
    # the greatest standardised deviation anywhere in the table: bounds that hold together
    together = np.quantile((np.abs(draws - point[:, None]) / error[:, None]).max(axis=(0, 2)), 0.95)
    rows: list[dict[str, Any]] = [
        {"variant": "default", **{name: f"{x:.3f}" for name, x in zip(MEASURES, default[0], strict=True)}}
    ]
    for i, (name, variant) in enumerate(table.items()):
        shown = {
            m: f"{point[i, j]:+.3f} [{low[i, j]:+.3f}, {high[i, j]:+.3f}] {mark(point[i, j], low[i, j], high[i, j])}"
            for j, m in enumerate(MEASURES)
        }
        marks = {text.rpartition(" ")[2] for text in shown.values()}
        rows.append(
            {
                "variant": name,
                **shown,
                "gain without loss": "gain" in marks and "loss" not in marks,
                "gain together": bool((point[i] - together * error[i] > 0).any()),
                "embedding cost": variant.cost,
                **({"remark": variant.remark} if variant.remark else {}),
            }
        )
    for row in rows:
        print(" | ".join(str(value) for value in row.values()))
    settings = {
        "draws": DRAWS,
        "seed": SEED,
        "folds": FOLDS,
        "deviations that hold for the whole table": round(float(together), 2),
        "embedding seconds": found.seconds,
    }
    print(write_result("hybrid", settings, rows))


if __name__ == "__main__":
    main()
