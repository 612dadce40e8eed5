"""The commands of offline evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from recommender.cli.display import bars, err, out, print_json, print_table
from recommender.cli.options import (
    SETTINGS_FILE,
    JsonOption,
    SettingsOption,
    SettingsOptions,
    grouped,
    load_settings,
)
from recommender.errors import SettingsError

if TYPE_CHECKING:
    from recommender.evaluation import EvaluationSet
    from recommender.settings import ReadingSettings

Cache = Annotated[
    Path | None, typer.Option(help="Vector cache file (default: for `evaluate` in the --to folder, else none).")
]
Seed = Annotated[int, typer.Option(help="Seed of all random draws.")]


class Protocol(StrEnum):
    """Which stories may be shown."""

    archive = "archive"
    at_publication = "at_publication"


@dataclass(frozen=True, kw_only=True)
class SetOptions:
    """The judged sets to measure on."""

    on: Annotated[
        list[str],
        typer.Option(
            "--on", metavar="SET", help="cbc, nos, cnrec, sts22, lee, mind, reuters21578 or sample; repeatable."
        ),
    ] = field(default_factory=list)
    data: Annotated[Path | None, typer.Option(help="Folder of the named sets that no package contains.")] = None
    articles: Annotated[
        list[str], typer.Option(help="Your own archive (.jsonl, .csv, .parquet ...); may be repeated.")
    ] = field(default_factory=list)
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", help="Your judgments: a, b, grade; or story, item, grade; links; picks; TREC qrels."),
    ] = None
    clicks: Annotated[Path | None, typer.Option(help="Your click log: source, shown, clicked, time ...")] = None
    grade: Annotated[str | None, typer.Option(help="Column of --pairs with the grade.")] = None
    relevant: Annotated[float | None, typer.Option(help="Lowest relevant grade (default: half of the greatest).")] = (
        None
    )

    def load(self, protocol: Protocol | None = None, reading: ReadingSettings | None = None) -> list[EvaluationSet]:
        """Load the sets; those with dates follow the protocol that is asked for."""
        from recommender.evaluation import load_set, own_set

        if bool(self.articles) != bool(self.pairs or self.clicks):
            raise SettingsError("--articles needs --pairs or --clicks, and they need --articles")
        if not self.on and not self.articles:
            raise SettingsError("nothing to evaluate on: give --on SET, or --articles FILE with --pairs FILE")
        sets = [load_set(name, self.data) for name in self.on]
        if self.articles:
            sets.append(
                own_set(
                    self.articles,
                    self.pairs,
                    clicks=self.clicks,
                    grade=self.grade,
                    relevant=self.relevant,
                    reading=reading,
                )
            )
        return [replace(judged, protocol=protocol.value) if protocol and judged.dated else judged for judged in sets]


@grouped
def evaluate(
    systems: Annotated[
        list[str],
        typer.Argument(
            help="Systems; the first is the baseline. Built in: default, tfidf, bm25, recent, random, section, "
            "tfidf-svd, minilm, semantic-search, more-like-this; else a .toml file of settings, or published lists "
            "(folder or URL). NAME=SYSTEM renames."
        ),
    ],
    *,
    sets: SetOptions,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help=f"TOML file whose table [reading] counts for --articles and --clicks (default: {SETTINGS_FILE} in the "
            "current folder).",
        ),
    ] = None,
    protocol: Annotated[
        Protocol | None, typer.Option(help="Whether later stories may be shown (default: defined by the set).")
    ] = None,
    k: Annotated[int, typer.Option(min=1, help="Items of a list.")] = 5,
    measure: Annotated[list[str], typer.Option(help="Further measure, such as P@3; may be repeated.")] = [],  # noqa: B006
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for report.html, report.md and report.json.")
    ] = None,
    cache: Cache = None,
    seed: Seed = 0,
    fail_below: Annotated[
        Path | None, typer.Option(help="An earlier report.json; exit with status 1 if anything got worse.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare systems on judgments, with intervals, tests and a report."""
    from recommender.evaluation import evaluate as measure_systems
    from recommender.evaluation.report.gate import regressions
    from recommender.evaluation.report.tables import summary_table
    from recommender.evaluation.report.wording import verdicts
    from recommender.evaluation.report.write import to_json, write_report
    from recommender.storage.checkpoints import FOLDER, Ledgers

    reading = load_settings(settings_file, []).reading if sets.articles else None
    judged_sets = sets.load(protocol, reading)
    if cache is None and to is not None:
        cache = to / "cache" / "vectors.sqlite"
    with bars() as progress:
        ledgers = Ledgers(to and to / FOLDER, "evaluate", progress)
        evaluations = [
            measure_systems(
                systems, judged, k=k, measures=measure, cache=cache, seed=seed, ledgers=ledgers, progress=progress
            )
            for judged in judged_sets
        ]
    settings = {"systems": systems, "k": k, "measures": measure, "seed": seed}
    report = None if to is None else write_report(evaluations, to, settings=settings)[0]
    if json:
        print_json(to_json(evaluations, settings=settings).rstrip())
    else:
        for evaluation in evaluations:
            out.print(f"\n[bold]{evaluation.name}[/]: {evaluation.about} ({evaluation.protocol.replace('_', ' ')})")
            print_table(summary_table(evaluation))
            for sentence in verdicts(evaluation):
                out.print(f"  {sentence}", markup=False)
        if report is not None:
            out.print(f"\nreport: {report}", markup=False)
    ledgers.clear()
    if fail_below is not None:
        worse = regressions(evaluations, fail_below)
        for line in worse:
            err.print(f"worse: {line}", markup=False)
        if worse:
            raise typer.Exit(1)
        if not json:
            out.print(f"nothing is worse than in {fail_below}", markup=False)


@grouped
def tune(
    to: Annotated[Path, typer.Option(metavar="FILE", help="Settings file to write (.toml).")],
    *,
    sets: SetOptions,
    settings_file: SettingsOption = None,
    setting: Annotated[
        list[str],
        typer.Option(
            metavar="STAGE.NAME", help="Setting to tune; may be repeated (default: all that the sets can judge)."
        ),
    ] = [],  # noqa: B006
    measure: Annotated[str, typer.Option(help="Measure to raise.")] = "nDCG@5",
    cache: Cache = None,
    seed: Seed = 0,
    json: JsonOption = False,
) -> None:
    """Choose the settings that order items best, by cross-validation on judgments, and write them to a file.

    Without a gain that a test shows, the file keeps the settings that you started with.
    With a ranker only settings of lists are tuned; use `recommender learn` to improve the order. Your own
    judgments are split: one half tunes, the other measures the result.
    """
    from recommender.evaluation import OwnSystem, write_settings
    from recommender.evaluation import evaluate as measure_systems
    from recommender.evaluation import tune as search_settings
    from recommender.evaluation.report.wording import verdicts
    from recommender.storage.checkpoints import FOLDER, Ledgers

    start = load_settings(settings_file, [])
    parts = [
        (judged, None) if judged.part == "development" else judged.split(seed=seed)
        for judged in sets.load(reading=start.reading)
    ]
    with bars() as progress:
        ledgers = Ledgers(to.with_name(f"{to.name}{FOLDER}"), "tune", progress)
        tuned = search_settings(
            [development for development, _ in parts],
            start=start,
            names=setting or None,
            measure=measure,
            cache=cache,
            seed=seed,
            ledgers=ledgers,
            progress=progress,
        )
    write_settings(tuned, to)
    ledgers.clear()
    notes = list(tuned.notes)
    tests = [test for _, test in parts if test is not None] if tuned.shown else []
    for test in tests:
        systems = [OwnSystem("start", start, cache), OwnSystem("tuned", tuned.settings, cache)]
        sentences = verdicts(measure_systems(systems, test, cache=cache, seed=seed))
        notes += [f"on the part that was not tuned on: {sentence}" for sentence in sentences]
    if json:
        summary = {"settings": str(to), "shown": tuned.shown, "chosen": tuned.chosen, "gain": tuned.gain, "p": tuned.p}
        print_json(orjson.dumps({**summary, "trials": tuned.trials, "notes": notes}, default=dict))
        return
    for trial in tuned.trials:
        tried = ", ".join(f"{name.partition('.')[2]} {value}" for name, value in trial.values.items())
        out.print(f"  {tried}: {trial.mean:.3f} ({trial.difference.value:+.3f})", markup=False, style="dim")
    for note in notes:
        out.print(note, markup=False)
    out.print(f"settings: {to}", markup=False)


@grouped
def ab(
    log: Annotated[Path, typer.Argument(help="Click log with versions: source, shown, clicked, version, time ...")],
    a: Annotated[str, typer.Argument(help="Old version.")],
    b: Annotated[str, typer.Argument(help="New version.")],
    *,
    settings: SettingsOptions,
    power: Annotated[float, typer.Option(help="Power: probability of detecting --difference.")] = 0.8,
    difference: Annotated[
        float, typer.Option(help="Difference in click-through rate to detect, for the sample size.")
    ] = 0.005,
    seed: Seed = 0,
    json: JsonOption = False,
) -> None:
    """Compare two versions of lists by logged clicks, and compute how many lists a difference needs."""
    from recommender.evaluation import ClickLog, ab_test, design_effect, sample_size
    from recommender.reading.clicks import refuse_many_rejected

    clicks, report = ClickLog.read(log, settings=settings.load().reading)
    refuse_many_rejected(clicks, report, log.name)
    if report.rejected:
        first = report.rejected[0]
        err.print(f"warning: {len(report.rejected)} rows rejected; line {first.line}: {first.reason}", markup=False)
    test = ab_test(clicks, a, b, seed=seed)
    rate, need = test.click_through[a].value, None
    if 0 < rate < 1:
        clicked = clicks.items.group_by("list").aggregate([("clicked", "max")])["clicked_max"].to_numpy()
        effect = max(design_effect(clicked, clicks.groups), 1.0)
        need = sample_size(rate, difference, power=power, design_effect=effect)
    if json:
        print_json(orjson.dumps({**vars(test), "needed": need}, default=dict))
        return
    for version in (a, b):
        shown = test.click_through[version].value
        out.print(f"{version:>12}  {test.lists[version]:,} lists, {shown:.3%} with a click", markup=False)
    sign = "shown" if test.p < 0.05 else "not shown"
    low, high = test.difference.low, test.difference.high
    out.print(f"{'difference':>12}  {test.difference.value:+.3%} [{low:+.3%}, {high:+.3%}], p = {test.p:.3f}: {sign}")
    if need is None:
        out.print(f"{'needed':>12}  unknown: of a version with {rate:.0%} click-through no spread is known")
        return
    out.print(f"{'needed':>12}  {need:,} lists a version to see {difference:+.3%} (power {power:.0%})", markup=False)
