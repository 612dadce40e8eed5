"""`docs/results.md` and `docs/benchmarks.md` are what the benchmarks make of their result files, to the letter."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest
from benchmarks.quality import HISTORY, LEFT_OUT, NEWSROOMS, POOLED, SYSTEMS, conclusions, document, headline

from benchmarks import page
from recommender.evaluation import SETS
from recommender.evaluation.systems.baselines import BASELINES

ROOT = Path(__file__).parents[2]
RESULT = json.loads((ROOT / "benchmarks" / "results" / "quality.json").read_text(encoding="utf-8"))


def test_the_page_is_generated() -> None:
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == document(RESULT)


def test_the_page_of_speed_is_generated() -> None:
    assert (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == page.document()


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
    text, unbeaten = document(RESULT), 0
    for one in RESULT["rows"]:
        first = one["systems"][0]["system"]
        better = [said for said in one["verdicts"] if f" is better than {first}" in said]
        assert all(said in text for said in better)
        unbeaten += not better
    assert text.count("No system is shown to be better than ") == unbeaten


def test_lists_are_measured_without_grades_too() -> None:
    for one in RESULT["rows"]:
        for system in one["systems"]:
            if not system["quality"]:
                continue
            repeats = system["intervals"]["repeats"]
            assert repeats["low"] <= repeats["value"] <= repeats["high"]
            assert sum(system["statuses"].values()) == one["counts"]["stories evaluated"]


def test_both_newsrooms_are_compared_together_with_every_baseline() -> None:
    assert NEWSROOMS == ("cbc", "nos")
    compared = [(row["part"], row["measure"], row["baseline"]) for row in RESULT["pooled"]]
    assert compared == [(*one, name) for one in POOLED for name in BASELINES]


@pytest.mark.parametrize(
    ("by_set", "over_both", "said"),
    [
        ("not shown", "better", ("no baseline is shown to be better", "is shown to be better than TF-IDF's")),
        ("worse", "not shown", ("no baseline is shown to be better", "is not shown to be better than TF-IDF's")),
        ("better", "worse", ("a baseline is shown to be better", "is shown to be worse than TF-IDF's")),
    ],
)
def test_the_page_says_what_is_shown_and_no_more(by_set: str, over_both: str, said: tuple[str, str]) -> None:
    result = deepcopy(RESULT)
    for one in result["rows"]:
        for compared in one["comparisons"]:
            distinct = compared["measure"] == f"distinct nDCG@{one['k']}"
            compared["verdict"] = by_set if distinct and compared["system"] == "bm25" else "not shown"
    for row in result["pooled"]:
        row["verdict alone"] = over_both
    found = list(conclusions(result))
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))
    assert ("bm25 on cbc" in found[0]) == (by_set == "better")
    assert all(name in found[0] for name in ("cbc", "nos", "reuters21578", "sample"))
    assert "wikinews_sources" not in found[0], "its lists are not judged"


def test_the_history_ends_with_the_result() -> None:
    last = json.loads(HISTORY.read_text(encoding="utf-8").splitlines()[-1])
    assert last["headlines"] == {one["name"]: headline(one) for one in RESULT["rows"]}
