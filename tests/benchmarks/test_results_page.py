"""`docs/results.md` is what the benchmark makes of its result file, to the letter."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.quality import HISTORY, LEFT_OUT, SYSTEMS, document

from recommender.evaluation import SETS

ROOT = Path(__file__).parents[2]
RESULT = json.loads((ROOT / "benchmarks" / "results" / "quality.json").read_text(encoding="utf-8"))


def test_the_page_is_generated() -> None:
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == document(RESULT)


def test_every_system_stands_on_every_set_with_intervals() -> None:
    assert [one["name"] for one in RESULT["rows"]] == list(SETS)
    for one in RESULT["rows"]:
        part, measure = one["headline"]
        first = ("left-out",) if one["name"] in LEFT_OUT else ()
        assert [system["system"] for system in one["systems"]] == [*first, *SYSTEMS]
        for system in one["systems"]:
            figure = system["figures"][part][measure]
            assert figure["low"] <= figure["value"] <= figure["high"]


def test_the_page_says_where_the_first_system_is_not_the_best() -> None:
    page, unbeaten = document(RESULT), 0
    for one in RESULT["rows"]:
        first = one["systems"][0]["system"]
        better = [said for said in one["verdicts"] if f" is better than {first}" in said]
        assert all(said in page for said in better)
        unbeaten += not better
    assert page.count("No system is shown to be better than ") == unbeaten


def test_the_history_ends_with_the_result() -> None:
    last = json.loads(HISTORY.read_text(encoding="utf-8").splitlines()[-1])
    assert last["seconds"] == RESULT["seconds"]
    assert set(last["headlines"]) == set(SETS)
