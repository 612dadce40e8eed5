"""Every baseline and our default on all development sets, with intervals: the quality of lists in one command.

    python -m benchmarks.quality --data DATA

Writes `results/quality.json`, adds a line to `results/quality_history.jsonl` and makes `docs/results.md` from them.
`--docs` only does the last.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
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
RANKERS = Path(__file__).parents[1] / "rankers"
HISTORY = RESULTS / "quality_history.jsonl"
LEFT_OUT = {name: RANKERS / f"minilm-lead-without-{name}.json" for name in ("cbc", "nos")}
"""Rankers for the sets that the shipped one was trained on: they never saw the newsroom."""
_HEAVY = ("per_story", "ages_days", "scores")
_MADE = ("items", "same event again", "distance", "coverage")


def systems_of(name: str, folder: Path) -> tuple[str, ...]:
    """The systems of a set, first the one that the others are compared with."""
    if name not in LEFT_OUT:
        return SYSTEMS
    settings = folder / "left-out.toml"
    settings.write_text(f'[ranking]\nranker = "{LEFT_OUT[name]}"\n', encoding="utf-8")
    return (str(settings), *SYSTEMS)


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
95 % interval. ▲ and ▼ mark a difference from the first system that is shown (Holm-corrected p below .05
and an interval without 0); no mark does not mean no difference.

Relevance before selection and the final list are told apart: the list also leaves out what tells the same as the
story, repeats within a day, copies and older editions of a series. Judges grade items one by one, so these rules cost
nDCG and show in *same event again*: items a list whose event the list already has. The ranker of `default` learned
from cbc and nos: there `left-out`, whose ranker never saw the newsroom, is what the others are compared with.
"""

END = """
## How far this carries

All sets are small, and most are old and in English. cnrec, sts22 and lee say whether two texts are related, not what a
reader opens; the topics of reuters21578 are labels of a newswire's clerks; the clicks of mind were made on a
personalised front page; sample was written by this project. What counts as related was chosen on cnrec: figures there
lean to the default's side. A newsroom should trust its own judgments or clicks more:
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
        first = one["systems"][0]["system"]
        better = [said for said in one["verdicts"] if f" is better than {first}" in said]
        lines += [
            f"\n## {one['name']}\n",
            f"{one['about']}. Protocol: {one['protocol'].replace('_', ' ')}. Licence: {one['licence']}.",
            *one["notes"],
            "",
            *table(one),
            "",
            *(better or [f"No system is shown to be better than {first}."]),
            "",
            one["carries"],
        ]
    return "\n".join(lines) + "\n" + END


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with cnrec/, sts22/, mind_sample/, reuters21578.jsonl.gz")
    parser.add_argument("--cache", type=Path, help="vector cache (default: none, everything is embedded)")
    parser.add_argument("--only", nargs="+", choices=SETS, help="sets to measure; the rows of others stay as they are")
    parser.add_argument("--docs", action="store_true", help="only make docs/results.md from the last result")
    arguments = parser.parse_args()
    if not arguments.docs:
        if arguments.data is None:
            parser.error("--data is needed")
        started = time.perf_counter()
        rows = []
        last = json.loads((RESULTS / "quality.json").read_text(encoding="utf-8")) if arguments.only else {"rows": []}
        kept = {one["name"]: one for one in last["rows"]}
        for name in SETS:
            if arguments.only and name not in arguments.only:
                rows.append(kept[name])
                continue
            begun = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                systems = systems_of(name, Path(folder))
                found = evaluate(systems, load_set(name, arguments.data), cache=arguments.cache)
            rows.append(slim(found))
            print(f"{name}: {time.perf_counter() - begun:.0f} s", *verdicts(found), sep="\n  ", flush=True)
        seconds = time.perf_counter() - started + last.get("seconds", 0.0)
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
