"""The script that people write today: embed every article, compare each with all, sort, keep the best.

    python -m benchmarks.thirty_lines articles.jsonl lists.jsonl

No window, no floor, no rules, no copies or events told apart: what `recommender` is compared with.
"""

import json
import sys
from collections.abc import Sequence

import numpy as np

BLOCK = 1_000


def embed(articles: list[dict[str, str]]) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer("all-MiniLM-L6-v2")
    return model.encode([f"{article['title']}\n{article['body']}" for article in articles], normalize_embeddings=True)


def related(ids: list[str], vectors: np.ndarray, k: int, stories: Sequence[int]) -> dict[str, list[dict[str, object]]]:
    """Find the k nearest of some stories, by place, among all."""
    lists = {}
    for start in range(0, len(stories), BLOCK):
        block = stories[start : start + BLOCK]
        similarity = vectors[block] @ vectors.T
        order = np.argsort(-similarity, axis=1)[:, : k + 1]
        for story, scores, best in zip(block, similarity, order, strict=True):
            items = [{"id": ids[row], "score": float(scores[row])} for row in best if row != story]
            lists[ids[story]] = items[:k]
    return lists


def main(source: str, target: str) -> None:
    with open(source, encoding="utf-8") as file:
        articles = [json.loads(line) for line in file]
    ids = [article["id"] for article in articles]
    lists = related(ids, embed(articles), 5, range(len(ids)))
    with open(target, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": story, "items": items}) + "\n" for story, items in lists.items())


if __name__ == "__main__":
    main(*sys.argv[1:])
