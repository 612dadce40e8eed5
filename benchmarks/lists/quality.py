"""Every baseline and our default on all development sets, with intervals: the quality of lists in one command.

    python -m benchmarks.quality --data DATA

Writes `results/quality.json`, adds a line to `results/quality_history.jsonl` and makes `docs/results.md` from them.
`--docs` only does the last.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, machine, write_result
from recommender.evaluation import SETS, Evaluation, evaluate, load_set
from recommender.evaluation.report.wording import carries, verdicts
from recommender.evaluation.systems.baselines import BASELINES
from recommender.statistics import short
from recommender.version import __version__

SYSTEMS = ("default", *BASELINES)
DOCS = Path(__file__).parents[2] / "docs" / "results.md"
HISTORY = RESULTS / "quality_history.jsonl"
_HEAVY = ("per_story", "ages_days", "scores")
_MADE = ("items", "same event again", "distance", "coverage")


def slim(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation without what is by story, with its sentences."""
    found = evaluation.to_dict()
    for name in ("stories", "worst", "changed"):
        del found[name]
    for system in found["systems"]:
        for name in _HEAVY:
            del system[name]
    return {**found, "verdicts": verdicts(evaluation), "carries": carries(evaluation)}


def estimate(figure: dict[str, float | None] | None) -> str:
    """A figure with its interval."""
    if figure is None or figure["value"] is None:
        return "-"
    low, high = (short(float("nan") if figure[side] is None else figure[side]) for side in ("low", "high"))
    return f"{short(figure['value'])} [{low}, {high}]"


def table(one: dict[str, Any]) -> Iterator[str]:
    """Systems of one set."""
    part, measure = one["headline"]
    columns = [(part, measure)] if part == "list" else [(part, name) for name in one["systems"][0]["figures"][part]]
    if part == "list":
        columns = [("relevance", measure), *columns]
        columns += [("pairs", "AUC")] if "pairs" in one["systems"][0]["figures"] else []
    said = {(c["part"], c["measure"], c["system"]): c["verdict"] for c in one["comparisons"]}
    marks = {"better": " ▲", "worse": " ▼"}
    heads = {"relevance": "{} before selection", "list": "{} of the list", "pairs": "{} of pairs"}
    made = _MADE if one["systems"][0]["quality"] else ()
    titles = [heads.get(p, "{}").format(name) for p, name in columns]
    yield "| system | " + " | ".join([*titles, *made, "ms a story"]) + " |"
    yield "|---|" + "---|" * (len(columns) + len(made) + 1)
    for system in one["systems"]:
        cells = [
            estimate(system["figures"].get(p, {}).get(name)) + marks.get(said.get((p, name, system["system"]), ""), "")
            for p, name in columns
        ]
        cells += [short(float("nan") if (v := system["quality"][name]) is None else v) for name in made]
        time_each = f"{1000 * system['seconds_story']:.1f}" if made else "-"
        yield f"| {system['system']} | " + " | ".join([*cells, time_each]) + " |"


HEAD = """# How good the lists are

Made by `python -m benchmarks.quality` from `benchmarks/results/quality.json`; not to be edited. Every figure has its
95 % interval. ▲ and ▼ mark a difference from `default` that is shown (Holm-corrected p below .05 and an interval
without 0); no mark does not mean no difference.

Relevance before selection and the final list are told apart: selection takes out repeats of an event and further
editions of a series. Judges grade items one by one, so these rules cost nDCG and show in *same event again*: items a
list whose event the list already has.
"""

END = """
## How far this carries

The ranker of the default was trained on the links of cbc and nos: its figures there tell what it remembers, not what it
would do in a newsroom that it never saw. For that see the rankers that learned from the other newsroom alone:
`benchmarks/results/learn_default.json`, nDCG@5 .676 and .744, where words alone have .654 and .705.

All sets are small, and most are old and in English. cnrec, sts22 and lee say whether two texts are related, not what a
reader opens; the topics of reuters21578 are labels of a newswire's clerks; the clicks of mind were made on a
personalised front page; sample was written by this project. What a weighted sum calls related was calibrated on cnrec
and the event test on sts22: figures there lean to their side. A newsroom should trust its own judgments or clicks more:
`recommender evaluate default tfidf --articles FILE --pairs FILE`.
"""


def document(result: dict[str, Any]) -> str:
    """`docs/results.md` of a result file."""
    at, settings = result["machine"], result["settings"]
    versions = ", ".join(f"{name} {value}" for name, value in at.items() if name != "cpu")
    lines = [
        HEAD,
        f"{result['seconds']:.0f} s in all on {settings['cores']} cores of {at['cpu']}; {versions}; "
        f"recommender {settings['version']}, seed {settings['seed']}.",
    ]
    for one in result["rows"]:
        better = [said for said in one["verdicts"] if " is better than default" in said]
        lines += [
            f"\n## {one['name']}\n",
            f"{one['about']}. Protocol: {one['protocol'].replace('_', ' ')}. Licence: {one['licence']}.",
            *one["notes"],
            "",
            *table(one),
            "",
            *(better or ["No system is shown to be better than the default."]),
            "",
            one["carries"],
        ]
    return "\n".join(lines) + "\n" + END


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with cnrec/, sts22/, mind_sample/, reuters21578.jsonl.gz")
    parser.add_argument("--cache", type=Path, help="vector cache (default: none, everything is embedded)")
    parser.add_argument("--docs", action="store_true", help="only make docs/results.md from the last result")
    arguments = parser.parse_args()
    if not arguments.docs:
        if arguments.data is None:
            parser.error("--data is needed")
        started = time.perf_counter()
        rows = []
        for name in SETS:
            begun = time.perf_counter()
            found = evaluate(SYSTEMS, load_set(name, arguments.data), cache=arguments.cache)
            rows.append(slim(found))
            print(f"{name}: {time.perf_counter() - begun:.0f} s", *verdicts(found), sep="\n  ", flush=True)
        seconds = time.perf_counter() - started
        settings = {"systems": SYSTEMS, "k": 5, "seed": 0, "version": __version__, "cores": os.cpu_count()}
        path = write_result("quality", settings, rows)
        result = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**result, "seconds": round(seconds, 1)}, indent=1) + "\n", encoding="utf-8")
        line = {
            "version": __version__,
            "seconds": round(seconds, 1),
            "cpu": machine()["cpu"],
            "headlines": {
                one["name"]: {
                    s["system"]: s["figures"][one["headline"][0]][one["headline"][1]]["value"] for s in one["systems"]
                }
                for one in rows
            },
        }
        with HISTORY.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{seconds:.0f} s", path)
    DOCS.write_text(document(json.loads((RESULTS / "quality.json").read_text(encoding="utf-8"))), encoding="utf-8")
    print(DOCS)


if __name__ == "__main__":
    main()
