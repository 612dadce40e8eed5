"""How fast stories are embedded, beside sentence-transformers as its manual says.

    python -m benchmarks.embed [--data DATA] [--n 512] [--precision bfloat16]

Three ways take turns on the same parts of the same stories: the default embedder on its prepared texts;
`SentenceTransformer.encode` with its defaults on the same texts; and the usual way, whole stories into `encode`, which
reads 256 tokens of them. Texts are Reuters stories with `--data`, else the sample newsroom's, repeated with their
words turned round.
The rate of arithmetic counts the model's products over real tokens, padding excluded, and stands
beside the rate of bare float32 products measured between the parts. `overlap_same_tokens` is what precision and shapes
of batches change of the nearest ten in float32; `overlap_encode` also holds that the defaults read longer texts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender import SentenceTransformerEmbedder
from recommender.articles.article import Article, to_table
from recommender.articles.text import whole_texts
from recommender.embedders.precision import Precision
from recommender.reading.read import read_articles
from recommender.settings import EmbeddingSettings

NEWSROOM = Path(__file__).parents[2] / "data" / "newsroom" / "articles.jsonl"
PARTS = 4
NEIGHBOURS = 10


def measure(n: int = 512, data: Path | None = None, precision: Precision = "float32") -> dict[str, Any]:
    """Figures of `n` stories; ratios are of times, so greater is faster than the other way.

    Parameters
    ----------
    n : int, default 512
    data : path, optional
        Folder with reuters21578.jsonl.gz.
    precision : {'float32', 'bfloat16'}
        Of our embedder.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    embedder = SentenceTransformerEmbedder(EmbeddingSettings(precision=precision))
    peer = SentenceTransformer(embedder._folder, device="cpu")
    table = stories(n, data)
    prepared, whole = embedder.prepare(table), [text for block in whole_texts(table) for text in block.to_pylist()]

    def encode(texts: list[str]) -> NDArray[np.float32]:
        return np.asarray(peer.encode(texts, normalize_embeddings=True, show_progress_bar=False))

    ways: dict[str, tuple[Callable[[list[str]], NDArray[Any]], list[str]]] = {
        "ours": (embedder.encode, prepared),
        "encode": (encode, prepared),
        "encode whole": (encode, whole),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    vectors: dict[str, list[NDArray[Any]]] = {name: [] for name in ways}
    bare = 0.0
    for act, texts in ways.values():
        act(texts[:8])  # loads and warms
    for part in np.array_split(np.arange(n), PARTS):
        bare = max(bare, product_rate())
        for name, (act, texts) in ways.items():
            begin = time.perf_counter()
            vectors[name].append(act(texts[part[0] : part[-1] + 1]))
            seconds[name].append(time.perf_counter() - begin)
    found = {name: np.concatenate(parts).astype(np.float32) for name, parts in vectors.items()}
    tokens = embedder.model.preprocess(prepared)["attention_mask"].sum(1).numpy()
    peer.max_seq_length = embedder.model.max_seq_length
    ours = np.array(seconds["ours"])
    rate = flops(embedder.model, tokens) / ours.sum() / 1e9
    return {
        "n": n,
        "texts": "reuters" if data else "newsroom",
        "precision": precision,
        "threads": torch.get_num_threads(),
        "mean_tokens": round(float(tokens.mean()), 1),
        "stories_per_second": {name: round(n / sum(each), 1) for name, each in seconds.items()},
        "ratio_to_encode": _ratio(seconds["encode"], ours),
        "ratio_to_encode_whole": _ratio(seconds["encode whole"], ours),
        "gflops": round(rate, 1),
        "bare_float32_gflops": round(bare, 1),
        "share_of_bare_float32": round(rate / bare, 3),
        "overlap_same_tokens": overlap(found["ours"], encode(prepared)),
        "overlap_encode": overlap(found["ours"], found["encode"]),
        "hours_per_million": {name: round(sum(each) / n * 1e6 / 3600, 2) for name, each in seconds.items()},
    }


def _ratio(seconds: list[float], ours: NDArray[np.float64]) -> dict[str, float]:
    """Of all parts together, and of the worst and the best part."""
    parts = np.array(seconds) / ours
    total = sum(seconds) / ours.sum()
    return {name: round(float(x), 2) for name, x in (("all", total), ("least", parts.min()), ("most", parts.max()))}


def stories(n: int, data: Path | None) -> pa.Table:
    """`n` stories drawn from Reuters, or the newsroom's in turn, each time from a later word on."""
    if data:
        with gzip.open(data / "reuters21578.jsonl.gz", "rt", encoding="utf-8") as file:
            lines = file.readlines()
        drawn = np.sort(np.random.default_rng(0).choice(len(lines), n, replace=False))
        return read_articles([json.loads(lines[line]) for line in drawn])[0]
    rows = read_articles(NEWSROOM)[0].to_pylist()
    found = []
    for number in range(n):
        turn, place = divmod(number, len(rows))
        words = f"{rows[place]['lead']} {rows[place]['body']}".split()
        start = 7 * turn % max(len(words), 1)
        found.append(Article(id=str(number), title=rows[place]["title"], body=" ".join(words[start:] + words[:start])))
    return to_table(found)


def flops(model: Any, tokens: NDArray[np.int64]) -> float:
    """Products and sums of the transformer's layers for texts of these lengths."""
    import torch

    layers = model[0].auto_model.encoder
    linear = [layer.weight for layer in layers.modules() if isinstance(layer, torch.nn.Linear)]
    hidden, depth = model[0].auto_model.config.hidden_size, model[0].auto_model.config.num_hidden_layers
    lengths = tokens.astype(np.float64)
    return float(2 * sum(w.numel() for w in linear) * lengths.sum() + 4 * hidden * depth * (lengths**2).sum())


def product_rate(seconds: float = 0.5) -> float:
    """Measure the best rate of a bare float32 product of the model's size on all threads, GFlop/s."""
    import torch

    a, b, out = torch.randn(2048, 384), torch.randn(384, 1536), torch.empty(2048, 1536)
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - begin)
    return 2 * a.shape[0] * a.shape[1] * b.shape[1] / best / 1e9


def overlap(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Mean share of the nearest ten by `expected` that are among the nearest ten by `found`."""
    nearest = [_nearest(vectors) for vectors in (found, expected)]
    shared = [len(set(a) & set(b)) for a, b in zip(*nearest, strict=True)]
    return round(float(np.mean(shared)) / NEIGHBOURS, 4)


def _nearest(vectors: NDArray[Any]) -> list[list[int]]:
    cosines = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBOURS].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with reuters21578.jsonl.gz")
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.n, arguments.data, arguments.precision), indent=1))


if __name__ == "__main__":
    main()
