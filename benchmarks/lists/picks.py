"""Lists of the sample newsroom against an editor's picks, with each part of the selection on and off.

    python -m benchmarks.picks

For the 30 stories that an editor picked for: precision (share of shown items that were picked), recall (share of
picks shown), nDCG@5 (binary), items whose event the list or the story already has ("event again", from the
sample's own event labels), and empty places. In brackets: standard error over stories. The sample is too small to
tune on; it shows what each step does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from recommender import Recommender, Settings

NEWSROOM = Path(__file__).parents[2] / "data" / "newsroom"
PLAIN = {
    "selection.same_report_hours": None,
    "selection.repeat_hours": None,
    "selection.series_limit": False,
    "selection.live_hours": None,
}
LIVE = {"selection.live_hours": 48.0}
CASES: dict[str, dict[str, Any]] = {
    "relevance alone": PLAIN,
    "+ live pages under 48 hours": {**PLAIN, **LIVE},
    "+ one item a series": {**PLAIN, **LIVE, "selection.series_limit": True},
    "+ one report of an event (default)": {},
    "what is related alone": {"selection.fill": ()},
    "event threshold .5": {"selection.event_threshold": 0.5},
    "event threshold .7": {"selection.event_threshold": 0.7},
    "diversity .1": {"selection.diversity": 0.1},
    "diversity .3": {"selection.diversity": 0.3},
}


def measure(rec: Recommender, picks: dict[str, list[str]], event: dict[str, str | None]) -> dict[str, Any]:
    """Figures of one setting."""
    rows = []
    for found in rec.recommend_many(list(picks)):
        shown, wanted = [item.article_id for item in found], picks[found.article_id]
        hits = [item in wanted for item in shown]
        gain = sum(1 / np.log2(place + 2) for place, hit in enumerate(hits) if hit)
        ideal = sum(1 / np.log2(place + 2) for place in range(min(len(wanted), 5)))
        seen = [event.get(item) for item in shown if event.get(item)]
        own = max(seen.count(event.get(found.article_id)) - 1, 0)
        others = [name for name in seen if name != event.get(found.article_id)]
        again = own + len(others) - len(set(others))
        rows.append((sum(hits), len(shown), len(wanted), gain / ideal, again, found.shortfall))
    table = np.array(rows, dtype=float)
    error = table[:, 3].std(ddof=1) / np.sqrt(len(table))
    return {
        "items": int(table[:, 1].sum()),
        "precision": round(table[:, 0].sum() / table[:, 1].sum(), 3),
        "recall": round(table[:, 0].sum() / table[:, 2].sum(), 3),
        "nDCG@5": f"{table[:, 3].mean():.3f} ({error:.3f})",
        "event again": int(table[:, 4].sum()),
        "empty places": int(table[:, 5].sum()),
    }


def main() -> None:
    """Measure every case."""
    with (NEWSROOM / "editor_picks.jsonl").open(encoding="utf-8") as file:
        picks = {row["id"]: row["picks"] for row in map(json.loads, file)}
    with (NEWSROOM / "events.jsonl").open(encoding="utf-8") as file:
        event = {row["id"]: row["event"] for row in map(json.loads, file)}
    rows = []
    for name, values in CASES.items():
        rec = Recommender(Settings().override(values)).fit(NEWSROOM / "articles.jsonl")
        related = rec.related_at and round(rec.related_at, 3)
        rows.append({"selection": name, "related from": related, **measure(rec, picks, event)})
        print(" | ".join(str(value) for value in rows[-1].values()), flush=True)
    print(write_result("picks", {"stories": len(picks), "k": 5}, rows))


if __name__ == "__main__":
    main()
