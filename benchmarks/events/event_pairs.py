"""Draw pairs of stories around the event threshold for labelling by hand, or summarise the labels.

    python -m benchmarks.event_pairs draw --archive ARCHIVE --sheet SHEET.jsonl --pairs PAIRS.csv
    python -m benchmarks.event_pairs summary --labels LABELS.csv --pairs PAIRS.csv [--archive ARCHIVE]

`draw` compares each of 3,000 stories (seed 0) with its 30 nearest of the same 72 hours, leaves out copies and
tables, and takes 20 pairs from each stratum of P(same event), shuffled. PAIRS keeps ids, probability and the
number of such pairs in the stratum; the sheet shows the texts alone. The judge writes a,b,label: same (one event or its
immediate follow-up), topic or different. `summary` weights each stratum by its number of pairs; with `--archive` the
probability is that of the model in use and not of the one that drew the pairs.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from benchmarks.common import cell, nearest_rows
from recommender.archive import snapshot
from recommender.archive.archive import Archive
from recommender.articles.article import DAY_US
from recommender.features.tfidf import row_cosines
from recommender.features.vectors import cosines
from recommender.selection.same_event import is_copy

STRATA = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
EACH, STORIES, NEAREST = 20, 3_000, 30


def near_pairs(archive: Archive, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of rows within 72 hours, and P(same event) of each."""
    catalog, series = archive.catalog, archive.formats.codes
    found = set()
    for row in rng.choice(len(catalog), min(STORIES, len(catalog)), replace=False):
        time = int(catalog.published[row])
        window = np.flatnonzero((catalog.published >= time - 3 * DAY_US) & (catalog.published <= time + 3 * DAY_US))
        nearest = window[nearest_rows(archive.vectors[row : row + 1], archive.vectors[window], NEAREST)[0]]
        found |= {(min(row, other), max(row, other)) for other in nearest.tolist() if other not in (-1, row)}
    a, b = np.array(sorted(found)).T
    dense = cosines(archive.vectors[a], archive.vectors, b[:, None])[:, 0]
    kept = (
        ~is_copy(dense, row_cosines(archive.terms, archive.terms, a, b))
        & (series[a] != 0)
        & (series[b] != 0)
        & (catalog.copy_group[a] != catalog.copy_group[b])
    )
    return a[kept], b[kept], archive.event_test.probability(a[kept], b[kept])


def draw(folder: Path, sheet: Path, pairs: Path) -> None:
    """Write the sheet to label and the pairs behind it."""
    archive, _ = snapshot.load(folder)
    rng = np.random.default_rng(0)
    a, b, probability = near_pairs(archive, rng)
    stratum = np.digitize(probability, STRATA) - 1
    chosen = np.concatenate([rng.permutation(np.flatnonzero(stratum == s))[:EACH] for s in range(len(STRATA) - 1)])
    chosen = rng.permutation(chosen)
    ids = archive.catalog.ids.to_pylist()
    with pairs.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["a", "b", "probability", "stratum", "pairs_in_stratum"])
        for pair in chosen:
            s = stratum[pair]
            found = [ids[a[pair]], ids[b[pair]], f"{probability[pair]:.4f}", STRATA[s], int((stratum == s).sum())]
            out.writerow(map(cell, found))
    with sheet.open("w", encoding="utf-8") as file:
        for pair in chosen:
            stories = archive.catalog.table.take([int(a[pair]), int(b[pair])]).to_pylist()
            shown = [
                {
                    "id": s["id"],
                    "time": f"{s['published_at']:%Y-%m-%d %H:%M}",
                    "title": s["title"],
                    "text": s["body"][:900],
                }
                for s in stories
            ]
            file.write(json.dumps({"a": shown[0], "b": shown[1]}) + "\n")


def summary(labels: Path, pairs: Path, folder: Path | None) -> None:
    """Print precision by stratum, and at each threshold of the drawn model or, with a saved archive, of its own."""
    with labels.open(encoding="utf-8", newline="") as file:
        label = {(row["a"], row["b"]): row["label"] for row in csv.DictReader(file)}
    with pairs.open(encoding="utf-8", newline="") as file:
        drawn = list(csv.DictReader(file))
    same = np.array([label[row["a"], row["b"]] == "same" for row in drawn])
    stratum = np.array([float(row["stratum"]) for row in drawn])
    size = np.array([int(row["pairs_in_stratum"]) for row in drawn])
    for s in sorted(set(stratum)):
        print(f"P from {s}: {same[stratum == s].sum()} of {(stratum == s).sum()} same event")
    weight = size / np.array([(stratum == s).sum() for s in stratum])
    probability = np.array([float(row["probability"]) for row in drawn])
    if folder is not None:
        archive, _ = snapshot.load(folder)
        a, b = (archive.catalog.rows([row[side] for row in drawn]) for side in ("a", "b"))
        probability = archive.event_test.probability(a, b)
    draws = np.random.default_rng(0).integers(0, len(drawn), (2000, len(drawn)))
    for threshold in (0.5, 0.6, 0.7, 0.75, 0.8, 0.9):
        told = weight * (probability >= threshold)
        right = told * same
        spread = right[draws].sum(axis=1) / np.maximum(told[draws].sum(axis=1), 1e-9)
        low, high = np.quantile(spread, (0.025, 0.975))
        precision = right.sum() / told.sum()
        print(f"threshold {threshold}: precision {precision:.3f} [{low:.3f}, {high:.3f}], {(told > 0).sum()} pairs")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument("--archive", type=Path, required=True)
    drawing.add_argument("--sheet", type=Path, required=True)
    summing = commands.add_parser("summary")
    summing.add_argument("--labels", type=Path, required=True)
    summing.add_argument("--archive", type=Path)
    for command in (drawing, summing):
        command.add_argument("--pairs", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.command == "draw":
        draw(arguments.archive, arguments.sheet, arguments.pairs)
    else:
        summary(arguments.labels, arguments.pairs, arguments.archive)


if __name__ == "__main__":
    main()
