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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, machine, write_result
from recommender.evaluation import SETS, Evaluation, evaluate, load_set, pooled
from recommender.evaluation.report.wording import carries, p_value, signed, verdicts
from recommender.evaluation.systems.baselines import BASELINES
from recommender.statistics import Estimate, holm, short, verdict
from recommender.version import __version__

SYSTEMS = ("default", *BASELINES)
DOCS = Path(__file__).parents[2] / "docs" / "results.md"
RANKERS = Path(__file__).parents[1] / "rankers"
HISTORY = RESULTS / "quality_history.jsonl"
LEFT_OUT = {name: RANKERS / f"minilm-lead-without-{name}.json" for name in ("cbc", "nos")}
"""Rankers for the sets that the shipped one was trained on: they never saw the newsroom."""
NEWSROOMS = tuple(LEFT_OUT)
"""Sets with the links of journalists: over both together `left-out` is compared with each baseline."""
BY_LIST = ("items", "related", "repeats", "own reports", "distance")
OF_ALL = ("coverage",)
MARKS = {"better": " ▲", "worse": " ▼"}
POOLED = (("relevance", "nDCG@5"), ("list", "nDCG@5"), ("list", "distinct nDCG@5"))
_HEAVY = ("per_story", "ages_days")


def systems_of(name: str, folder: Path) -> tuple[str, ...]:
    """Name the systems of a set, first the one that the others are compared with."""
    if name not in LEFT_OUT:
        return SYSTEMS
    settings = folder / "left-out.toml"
    settings.write_text(f'[ranking]\nranker = "{LEFT_OUT[name]}"\n', encoding="utf-8")
    return (str(settings), *SYSTEMS)


def slim(evaluation: Evaluation) -> dict[str, Any]:
    """Leave out of an evaluation what is by story or not on the page, and add its sentences."""
    found = evaluation.to_dict()
    for name in ("stories", "worst", "changed", "stability"):
        del found[name]
    for system in found["systems"]:
        for name in _HEAVY:
            del system[name]
    return {**found, "verdicts": verdicts(evaluation), "carries": carries(evaluation)}


def estimate(figure: dict[str, float | None] | None) -> str:
    """Write a figure with its interval, which is left out where all values are alike."""
    if figure is None or figure["value"] is None:
        return "-"
    if figure["low"] == figure["value"] == figure["high"]:
        return short(figure["value"])
    low, high = (short(float("nan") if figure[side] is None else figure[side]) for side in ("low", "high"))
    return f"{short(figure['value'])} [{low}, {high}]"


def table(one: dict[str, Any]) -> Iterator[str]:
    """Systems of one set by judged measures."""
    part, measure = one["headline"]
    systems = one["systems"]
    columns = [(part, measure)]
    if part == "list":
        columns = [("relevance", measure), (part, measure), (part, f"distinct {measure}")]
    if part in ("pairs", "replay"):
        columns = [(part, name) for name in systems[0]["figures"][part]]
    elif "pairs" in systems[0]["figures"]:
        columns += [("pairs", "AUC")]
    said = {(c["part"], c["measure"], c["system"]): c["verdict"] for c in one["comparisons"]}
    heads = {"relevance": "{} before selection", "list": "{} of the list", "pairs": "{} of pairs"}
    yield "| system | " + " | ".join(heads.get(p, "{}").format(name) for p, name in columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for system in systems:
        name = system["system"]
        cells = [
            estimate(system["figures"].get(p, {}).get(m)) + MARKS.get(said.get((p, m, name), ""), "")
            for p, m in columns
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"


def lists_table(one: dict[str, Any]) -> Iterator[str]:
    """Write a table of what the lists of the systems of one set are like."""
    systems = one["systems"]
    statuses = list(systems[0]["statuses"])
    yield "| system | " + " | ".join([*BY_LIST, *OF_ALL, " / ".join(statuses)]) + " |"
    yield "|---|" + "---|" * (len(BY_LIST) + len(OF_ALL) + 1)
    for system in systems:
        cells = [estimate(system["intervals"][name]) for name in BY_LIST]
        cells += [short(float("nan") if (v := system["quality"][name]) is None else v) for name in OF_ALL]
        counts = " / ".join(f"{system['statuses'][status]:,}" for status in statuses)
        yield f"| {system['system']} | " + " | ".join([*cells, counts]) + " |"


HEAD = """# How good the lists are

Made by `python -m benchmarks.quality` from `benchmarks/results/quality.json`; not to be edited. Every figure has its
95 % interval, unless all stories or lists have one value. ▲ and ▼ mark a difference from the first system that is shown
(Holm-corrected p below .05 and an interval without 0); no mark does not mean no difference.

Relevance before selection and the final list are told apart: the list also leaves out what tells the same as the
story, repeats within a day, copies and older editions of a series. *nDCG* grades items one by one, so that these rules
cost it. *Distinct nDCG* is the same measure, but an item gains nothing if a better placed one reports its event within
a day, or is its copy. *Repeats* are such items of a list, *own reports* those of the event of the story itself: by
labels in the sample and in the sets of labelled events, elsewhere by a test that no list is made with, TF-IDF >= .30
on one calendar day (>= .60 where the archive has no dates).
The ranker of `default` learned from cbc and nos: there `left-out`, whose ranker never saw the newsroom, is what the
others are compared with. *related* is the share of items that do not only fill the list up; a baseline calls all that
it shows related. The last column counts the lists by status.
"""

END = """
## How far this carries

All sets are small, and most are old and in English. cnrec, sts22 and lee say whether two texts are related, not what a
reader opens; the topics of reuters21578 are labels of a newswire's clerks; the clicks of mind were made on a
personalised front page; sample was written by this project; events were labelled for other ends than lists. What counts
as related was chosen on cnrec: figures there lean to the default's side. The test that tells repeats without labels is
measured itself by `python -m benchmarks.retold` (`benchmarks/results/retold.json`). A newsroom should trust its own
judgments or clicks more: `recommender evaluate default tfidf --articles FILE --pairs FILE`.
"""


def pool(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """`left-out` against each baseline over both newsrooms, corrected for the number of baselines (Holm)."""
    rows: list[dict[str, Any]] = []
    for part, measure in POOLED:
        found = [pooled(evaluations, "left-out", name, measure, part=part) for name in BASELINES]
        for one, p in zip(found, holm([one.p for one in found]), strict=True):
            said = verdict(one.difference, float(p), identical=False, judged_gap=0.0)
            difference = {side: round(getattr(one.difference, side), 6) for side in ("value", "low", "high")}
            alone = {"p": round(one.p, 6), "p_holm": round(float(p), 6)}
            row = {"part": part, "measure": measure, "baseline": one.baseline, "difference": difference}
            rows.append({**row, **alone, "verdict": said, "verdict alone": one.verdict})
    return rows


def conclusions(result: dict[str, Any]) -> Iterator[str]:
    """Say what the measure that charges for repeats shows, as far as it is shown and no further."""
    better: dict[str, list[str]] = {}
    for one in result["rows"]:
        compared = [c for c in one["comparisons"] if (c["part"], c["measure"]) == ("list", f"distinct nDCG@{one['k']}")]
        if compared:
            better[one["name"]] = [
                c["system"] for c in compared if c["verdict"] == "better" and c["system"] in BASELINES
            ]
    beaten = [f"{', '.join(names)} on {name}" for name, names in better.items() if names]
    sets = ", ".join(better)
    yield (
        f"By distinct nDCG@5 a baseline is shown to be better than the default's final list: {'; '.join(beaten)}."
        if beaten
        else f"By distinct nDCG@5 no baseline is shown to be better than the default's final list on {sets}."
    ) + " (On cbc and nos the default is the one left out.)"
    tfidf = next(row for row in result["pooled"] if (row["measure"], row["baseline"]) == ("distinct nDCG@5", "tfidf"))
    shown = {"better": "is shown to be better", "worse": "is shown to be worse"}
    yield (
        f"Over cbc and nos together the final list of the left-out default "
        f"{shown.get(tfidf['verdict alone'], 'is not shown to be better')} than TF-IDF's: "
        f"{signed(Estimate(**tfidf['difference']))}, {p_value(tfidf['p'], 'p')}."
    )


def pooled_table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Differences over both newsrooms."""
    heads = {"relevance": "{} before selection", "list": "{} of the list"}
    yield "| left-out less | " + " | ".join(heads[part].format(measure) for part, measure in POOLED) + " |"
    yield "|---|" + "---|" * len(POOLED)
    for name in dict.fromkeys(row["baseline"] for row in rows):
        mine = {(row["part"], row["measure"]): row for row in rows if row["baseline"] == name}
        told = [f"{signed(Estimate(**mine[one]['difference']))}{MARKS.get(mine[one]['verdict'], '')}" for one in POOLED]
        yield f"| {name} | " + " | ".join(told) + " |"


def document(result: dict[str, Any]) -> str:
    """`docs/results.md` of a result file."""
    at, settings = result["machine"], result["settings"]
    versions = ", ".join(f"{name} {value}" for name, value in at.items() if name != "cpu")
    lines = [
        HEAD,
        f"Measured on {at['cpu']}; {versions}; recommender {settings['version']}, seed {settings['seed']}. "
        "How fast it is, `benchmarks.speed` and `benchmarks.pipeline` tell.",
        "\n## What is shown\n",
        *conclusions(result),
        "",
        f"The difference of `left-out` from each baseline over the stories of {' and '.join(NEWSROOMS)} together: "
        "groups are drawn within each newsroom, marks are corrected for the number of baselines (Holm).",
        "",
        *pooled_table(result["pooled"]),
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
            *([*lists_table(one), ""] if one["systems"][0]["quality"] else []),
            *(better or [f"No system is shown to be better than {first}."]),
            "",
            one["carries"],
        ]
    return "\n".join(lines) + "\n" + END


def measure(data: Path, cache: Path | None, names: Sequence[str]) -> None:
    """Evaluate the sets that are named, and write them beside those that are not."""
    last = json.loads((RESULTS / "quality.json").read_text(encoding="utf-8"))
    rows = {one["name"]: one for one in last["rows"]}
    newsrooms = []
    for name in names:
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            found = evaluate(systems_of(name, Path(folder)), load_set(name, data), cache=cache)
        rows[name] = slim(found)
        newsrooms += [found] if name in NEWSROOMS else []
        print(f"{name}: {time.perf_counter() - begun:.0f} s", *verdicts(found), sep="\n  ", flush=True)
    print(write([rows[name] for name in SETS if name in rows], pool(newsrooms) if newsrooms else last["pooled"]))


def write(rows: Sequence[dict[str, Any]], both: Sequence[dict[str, Any]]) -> Path:
    """Write the result file, with a line in the history: the headline of every system on every set."""
    settings = {"systems": SYSTEMS, "k": 5, "seed": 0, "version": __version__, "cores": os.cpu_count()}
    path = write_result("quality", settings, rows)
    result = {**json.loads(path.read_text(encoding="utf-8")), "pooled": both}
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    line = {"version": __version__, "cpu": machine()["cpu"], "headlines": {one["name"]: headline(one) for one in rows}}
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return path


def headline(one: dict[str, Any]) -> dict[str, float]:
    """Figure of each system of a set by its headline measure."""
    part, measure = one["headline"]
    return {system["system"]: system["figures"][part][measure]["value"] for system in one["systems"]}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with cnrec/, sts22/, mind_sample/, reuters21578.jsonl.gz")
    parser.add_argument("--cache", type=Path, help="vector cache (default: none, everything is embedded)")
    parser.add_argument("--only", nargs="+", choices=SETS, help="sets to measure; the rows of others stay as they are")
    parser.add_argument("--docs", action="store_true", help="only make docs/results.md from the last result")
    arguments = parser.parse_args()
    if not arguments.docs:
        if arguments.data is None:
            parser.error("--data is needed")
        if arguments.only and 0 < len(set(NEWSROOMS) & set(arguments.only)) < len(NEWSROOMS):
            parser.error(f"{' and '.join(NEWSROOMS)} are compared together: name both")
        measure(arguments.data, arguments.cache, arguments.only or list(SETS))
    DOCS.write_text(document(json.loads((RESULTS / "quality.json").read_text(encoding="utf-8"))), encoding="utf-8")
    print(DOCS)


if __name__ == "__main__":
    main()
