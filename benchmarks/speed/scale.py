"""Synthetic archives of any size up to a million stories and beyond, with the texture of a real one.

    python -m benchmarks.scale FOLDER --n 1000000 [--data DATA] [--cache FILE]
    python -m benchmarks.scale --check [--data DATA] [--cache FILE]

Real stories are the seeds: those of Reuters-21578 under DATA, else the sample newsroom. A synthetic story is a
mixture of a seed with two of its nearest: its vector is the unit mixture of their vectors plus a little noise, its
body their sentences in the same shares, its title a head of one and a tail of another. So the words agree with the
vectors, and near neighbours are as near as in the real archive (`--check` compares them). Some stories come in events:
two to five within 48 hours that share their main seed; one in a hundred is a copy.

No synthetic story is ever called real: every id starts with ``synthetic-``. Everything follows from the seed of the
generator, whatever the size of a block. FOLDER gets `articles.parquet`, in publication order, `vectors.npy`, int16 in
the same order, and `archive.json`, which tells how they were made.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.common import nearest_rows
from recommender import GivenVectors, Recommender, Settings
from recommender.articles.article import DAY_US, TIME
from recommender.features.vectors import SCALE, cosines, quantise

NEWSROOM = Path(__file__).parents[2] / "data" / "newsroom" / "articles.jsonl"
END_US = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e6)  # the day after the newest story
ID = "synthetic-{:07d}"

_NEAR = 32  # nearest seeds that a mixture may take in
_DENSE = 8  # of them tell how dense a neighbourhood is
_SENTENCE = re.compile(r"(?<=[a-z\d\"%)][.!?])\s+")
_PIECE = 30  # longest sentence, words; tables and lists are cut into such pieces
_SLOTS = 9  # most sentences of a body
_WORDS = 110  # of a body, about
_CUTS = (1 / 3, 1 / 2, 2 / 3)  # where a title may pass from one seed to the other
_BLOCK = 20_000  # stories written at a time
_VERSION = 1  # of the generator: raise it when the same recipe makes another archive

SCHEMA = pa.schema(
    [
        ("id", pa.large_string()),
        ("title", pa.large_string()),
        ("body", pa.large_string()),
        ("section", pa.large_string()),
        ("language", pa.large_string()),
        ("published_at", TIME),
    ]
)


@dataclass(frozen=True)
class Recipe:
    """What decides about a synthetic archive, besides its seeds.

    Attributes
    ----------
    n : int
        Stories.
    seed : int
    years : float
        Time that they are spread over.
    noise : float
        Length of the noise that is added to a unit vector, in units of the main seed's `gap`: stories of a dense
        neighbourhood stay close. The default was fitted to Reuters, see `--check`.
    events : float
        Share of stories that belong to an event of two to five.
    copies : float
        Share of stories that repeat another.
    """

    n: int
    seed: int = 0
    years: float = 10.0
    noise: float = 0.95
    events: float = 0.2
    copies: float = 0.01


@dataclass(frozen=True, eq=False)
class Seeds:
    """Real stories to mix.

    Attributes
    ----------
    vectors : ndarray of int16, shape (m, d)
    near : ndarray of int64, shape (m, 32)
        The nearest of each, or as many as there are.
    gap : ndarray of float32, shape (m,)
        Distance to its neighbourhood: the root of 1 less the mean cosine to the eight nearest.
    sections : LargeStringArray, length m
    heads, tails : LargeStringArray, length 3 m
        Titles cut at three places.
    sentences : LargeStringArray
    words : ndarray of int64
        Of each sentence.
    first : ndarray of int64, shape (m + 1,)
        The first sentence of each seed.
    """

    name: str
    vectors: NDArray[np.int16]
    near: NDArray[np.int64]
    gap: NDArray[np.float32]
    sections: pa.LargeStringArray
    heads: pa.LargeStringArray
    tails: pa.LargeStringArray
    sentences: pa.LargeStringArray
    words: NDArray[np.int64]
    first: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.vectors)

    @classmethod
    def read(cls, data: Path | None = None, cache: Path | None = None, settings: Settings | None = None) -> Seeds:
        """Reuters-21578 under `data`, or the sample newsroom, embedded for real; `cache` keeps the vectors."""
        source = data / "reuters21578.jsonl.gz" if data else NEWSROOM
        rec = Recommender(settings, cache=cache).fit(source)
        return cls.of("reuters21578" if data else "newsroom", rec.catalog.table, rec.archive.vectors)

    @classmethod
    def of(cls, name: str, table: pa.Table, vectors: NDArray[np.int16]) -> Seeds:
        """Seeds from a table of stories and their vectors."""
        count = len(vectors)
        near = nearest_rows(vectors, vectors, _NEAR + 1)
        own = near == np.arange(count)[:, None]
        own[~own.any(axis=1), -1] = True  # copies may crowd a story out of its own list
        near = near[~own].reshape(count, -1)
        heads: list[str] = []
        tails: list[str] = []
        sentences: list[str] = []
        first = [0]
        for title, body in zip(table["title"].to_pylist(), table["body"].to_pylist(), strict=True):
            words = title.split() or body.split()[:8]
            cuts = [max(round(cut * len(words)), 1) for cut in _CUTS]
            heads += [" ".join(words[:cut]) for cut in cuts]
            tails += [" ".join(words[cut:]) for cut in cuts]
            sentences += _sentences(body or title)
            first.append(len(sentences))
        strings = pa.large_string()
        tags = (section or (tags or ["general"])[0] for section, tags in _columns(table, "section", "tags"))
        return cls(
            name,
            vectors,
            near,
            np.sqrt(np.maximum(1 - cosines(vectors, vectors, near[:, :_DENSE]).mean(axis=1), 0)),
            pa.array(tags, strings),
            pa.array(heads, strings),
            pa.array(tails, strings),
            pa.array(sentences, strings),
            np.array([sentence.count(" ") + 1 for sentence in sentences]),
            np.array(first),
        )


def _columns(table: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def _sentences(body: str) -> list[str]:
    found = []
    for sentence in _SENTENCE.split(" ".join(body.split())):
        words = sentence.split()
        found += [" ".join(words[start : start + _PIECE]) for start in range(0, max(len(words), 1), _PIECE)]
    return found


@dataclass(frozen=True, eq=False)
class Plan:
    """Every choice about n stories, in publication order; texts and vectors follow from it without chance.

    Attributes
    ----------
    parents : ndarray of int64, shape (n, 3)
        Seeds, the main one first.
    weights : ndarray of float32, shape (n, 3)
        Their shares.
    start : ndarray of int64, shape (n, 3)
        The sentence of each that is taken first.
    noise : ndarray of int64, shape (n, 2)
        Seeds whose difference is the direction of the noise, so that noise has the shape of the data.
    cut : ndarray of int64, shape (n,)
    published : ndarray of int64, shape (n,)
        Microseconds since 1970.
    """

    parents: NDArray[np.int64]
    weights: NDArray[np.float32]
    start: NDArray[np.int64]
    noise: NDArray[np.int64]
    cut: NDArray[np.int64]
    published: NDArray[np.int64]

    @classmethod
    def of(cls, seeds: Seeds, recipe: Recipe) -> Plan:
        """Draw all choices."""
        rng = np.random.default_rng(recipe.seed)
        n, count = recipe.n, len(seeds)
        sizes = rng.integers(2, 6, size=n // 2 + 1)
        sizes = sizes[np.cumsum(sizes) <= recipe.events * n]
        event = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), len(sizes) + np.arange(n - sizes.sum())])
        events = int(event.max(initial=-1)) + 1
        together = np.arange(n) < sizes.sum()
        main = rng.integers(count, size=events)[event]
        partners = seeds.near[main[:, None], rng.integers(seeds.near.shape[1], size=(n, 2))]
        # one event is told with less from elsewhere
        share = np.where(together, rng.uniform(0.75, 0.9, n), rng.uniform(0.5, 0.8, n))
        rest = rng.uniform(0.0, 0.5, n)
        weights = np.stack([share, (1 - share) * (1 - rest), (1 - share) * rest], axis=1).astype(np.float32)
        span = recipe.years * 365.25 * DAY_US
        even = (rng.permutation(events) + rng.random(events)) / max(events, 1)
        published = (END_US - span + even[event] * span).astype(np.int64)
        published += np.where(together, rng.integers(0, 2 * DAY_US, n), 0)
        plan = cls(
            np.concatenate([main[:, None], partners], axis=1),
            weights,
            rng.integers(1 << 30, size=(n, 3)),
            rng.integers(count, size=(n, 2)),
            rng.integers(len(_CUTS), size=n),
            np.minimum(published, END_US - 1),
        )
        order = np.argsort(plan.published, kind="stable")
        source = order.copy()
        # a copy repeats a story that came shortly before it
        copied = np.flatnonzero(rng.random(n) < recipe.copies)
        source[copied] = order[np.maximum(copied - rng.integers(1, 100, len(copied)), 0)]
        return replace(plan.take(source), published=plan.published[order])

    def __len__(self) -> int:
        return len(self.cut)

    def take(self, rows: NDArray[np.int64] | slice) -> Plan:
        """Take some stories."""
        return Plan(
            self.parents[rows],
            self.weights[rows],
            self.start[rows],
            self.noise[rows],
            self.cut[rows],
            self.published[rows],
        )


def vectors_of(seeds: Seeds, plan: Plan, noise: float) -> NDArray[np.int16]:
    """Mix unit vectors with noise, and quantise them; (n, d)."""
    unit = seeds.vectors.astype(np.float32) / SCALE
    mixed = np.einsum("np,npd->nd", plan.weights, unit[plan.parents])
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    away = unit[plan.noise[:, 0]] - unit[plan.noise[:, 1]]
    away *= noise * seeds.gap[plan.parents[:, :1]] / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return quantise(mixed + away)


def table_of(seeds: Seeds, plan: Plan, first: int) -> pa.Table:
    """Stories as a table of `SCHEMA`; `first` is the number of the first."""
    n = len(plan)
    # slots of a body by share, one of each seed at least; a seed's sentences in their own order, within its words
    slots = np.maximum(np.rint(plan.weights * _SLOTS).astype(np.int64), 1)
    slots[:, 0] = _SLOTS - slots[:, 1:].sum(axis=1)
    ends = np.cumsum(slots, axis=1)
    owner = (np.arange(_SLOTS)[None, :, None] >= ends[:, None, :2]).sum(axis=2)
    opening = np.take_along_axis(ends - slots, owner, axis=1)
    turn = np.arange(_SLOTS) - opening
    parent = np.take_along_axis(plan.parents, owner, axis=1)
    held = seeds.first[parent + 1] - seeds.first[parent]
    sentence = seeds.first[parent] + (np.take_along_axis(plan.start, owner, axis=1) + turn) % held
    words = np.where(turn < held, seeds.words[sentence], 0)
    told = np.cumsum(words, axis=1)
    told -= np.take_along_axis(told - words, opening, axis=1)
    within = told <= np.take_along_axis(plan.weights, owner, axis=1) * _WORDS
    kept = (turn < held) & (within | (turn == 0))
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), seeds.sentences.take(pa.array(sentence[kept])))
    heads, tails = (
        side.take(pa.array(seed * len(_CUTS) + plan.cut))
        for side, seed in ((seeds.heads, plan.parents[:, 0]), (seeds.tails, plan.parents[:, 1]))
    )
    space = pa.scalar(" ", pa.large_string())
    return pa.table(
        {
            "id": pa.array((ID.format(first + row) for row in range(n)), pa.large_string()),
            "title": pc.utf8_trim_whitespace(pc.binary_join_element_wise(heads, tails, space)),
            "body": pc.binary_join(lists, space),
            "section": seeds.sections.take(pa.array(plan.parents[:, 0])),
            "language": pa.repeat(pa.scalar("en", pa.large_string()), n),
            "published_at": pa.array(plan.published, pa.int64()).cast(TIME),
        },
        schema=SCHEMA,
    )


@dataclass(frozen=True)
class ScaleArchive:
    """A folder that `generate` wrote."""

    folder: Path

    @property
    def articles(self) -> Path:
        """The stories as Parquet, in publication order."""
        return self.folder / "articles.parquet"

    @property
    def made(self) -> dict[str, Any]:
        """How it was made."""
        found: dict[str, Any] = json.loads((self.folder / "archive.json").read_text(encoding="utf-8"))
        return found

    def vectors(self) -> NDArray[np.int16]:
        """Vectors in the order of the stories, memory-mapped."""
        return np.asarray(np.load(self.folder / "vectors.npy", mmap_mode="r"))

    def unit_vectors(self) -> NDArray[np.float32]:
        """Read all as unit vectors in memory; the file stays mapped no longer than a block."""
        shape = self.vectors().shape
        unit = np.empty(shape, dtype=np.float32)
        for start in range(0, shape[0], _BLOCK):
            np.divide(self.vectors()[start : start + _BLOCK], np.float32(SCALE), out=unit[start : start + _BLOCK])
        return unit

    def embedder(self) -> GivenVectors:
        """Make an embedder that knows these stories."""
        ids = pq.read_table(self.articles, columns=["id"])["id"]
        return GivenVectors.aligned(ids, self.vectors())


def generate(folder: Path, seeds: Seeds, recipe: Recipe) -> ScaleArchive:
    """Write an archive block by block; one that is there already and was made in the same way stays."""
    made = {
        "generator": _VERSION,
        "seeds": seeds.name,
        "real_stories": len(seeds),
        "dim": seeds.vectors.shape[1],
        **asdict(recipe),
    }
    archive = ScaleArchive(folder)
    if (folder / "archive.json").exists() and archive.made == made:
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "archive.json").unlink(missing_ok=True)  # written last: an interrupted run is made anew
    plan = Plan.of(seeds, recipe)
    shape = (recipe.n, seeds.vectors.shape[1])
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.int16, shape=shape)
    with pq.ParquetWriter(archive.articles, SCHEMA, compression="zstd") as writer:
        for start in range(0, recipe.n, _BLOCK):
            part = plan.take(slice(start, start + _BLOCK))
            vectors[start : start + len(part)] = vectors_of(seeds, part, recipe.noise)
            writer.write_table(table_of(seeds, part, start))
    vectors.flush()
    (folder / "archive.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return archive


def real(folder: Path, data: Path, cache: Path | None = None) -> ScaleArchive:
    """Put the real stories of Reuters-21578 in the same form, to be reported beside the synthetic ones."""
    rec = Recommender(cache=cache).fit(data / "reuters21578.jsonl.gz")
    folder.mkdir(parents=True, exist_ok=True)
    table = rec.catalog.table
    section = pa.array([(tags or ["general"])[0] for tags in table["tags"].to_pylist()], pa.large_string())
    columns = {name: table[name] for name in SCHEMA.names} | {"section": section}
    pq.write_table(pa.table(columns, schema=SCHEMA), folder / "articles.parquet", compression="zstd")
    np.save(folder / "vectors.npy", rec.archive.vectors)
    made = {"seeds": "reuters21578", "real_stories": len(table), "dim": rec.archive.vectors.shape[1], "n": len(table)}
    (folder / "archive.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return ScaleArchive(folder)


def nearness(vectors: NDArray[np.int16], sample: int = 2_000) -> dict[str, list[float]]:
    """Quantiles of the cosine to the 1st, 5th and 10th nearest of a sample of stories, and to random ones."""
    rows = np.sort(np.random.default_rng(0).choice(len(vectors), min(sample, len(vectors)), replace=False))
    found = nearest_rows(vectors[rows], vectors, 11)
    unit = vectors[rows].astype(np.float64) / SCALE
    near = np.einsum("qd,qkd->qk", unit, vectors[found].astype(np.float64) / SCALE)
    near[found == rows[:, None]] = 2  # the story itself comes first, among copies as well
    near = -np.sort(-near, axis=1)[:, 1:]
    at = [0.1, 0.25, 0.5, 0.75, 0.9]
    columns = {f"nearest {k}": near[:, k - 1] for k in (1, 5, 10) if k <= near.shape[1]}
    columns["random"] = (unit[1:] * unit[:-1]).sum(axis=1)[np.random.default_rng(1).permutation(len(unit) - 1)]
    return {name: [round(float(q), 3) for q in np.quantile(column, at)] for name, column in columns.items()}


def main() -> None:
    """Generate an archive, or compare the nearness of its stories with that of the real ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--data", type=Path, help="folder with reuters21578.jsonl.gz; default: the sample newsroom")
    parser.add_argument("--cache", type=Path, help="vector cache file of an earlier run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--years", type=float, default=10.0)
    parser.add_argument("--noise", type=float, default=Recipe.noise)
    parser.add_argument("--check", action="store_true", help="compare with the real stories, at their number")
    arguments = parser.parse_args()
    seeds = Seeds.read(arguments.data, arguments.cache)
    n = len(seeds) if arguments.check else arguments.n
    recipe = Recipe(n, arguments.seed, arguments.years, arguments.noise)
    if arguments.check:
        print("quantiles .10 .25 .50 .75 .90 of the cosine")
        mixed = vectors_of(seeds, Plan.of(seeds, recipe), recipe.noise)
        for name, vectors in (("real", seeds.vectors), ("synthetic", mixed)):
            for column, values in nearness(vectors).items():
                print(f"{name:10} {column:10}", *(f"{value:6.3f}" for value in values))
        return
    if arguments.folder is None:
        parser.error("a folder to write to is needed")
    began = time.perf_counter()
    archive = generate(arguments.folder, seeds, recipe)
    size = sum(file.stat().st_size for file in archive.folder.iterdir()) / 2**20
    print(f"{n:,} synthetic stories in {archive.folder}: {size:,.0f} MiB, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
