"""A gate for continuous integration: it finds what is worse than in an earlier report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from recommender.errors import InputError
from recommender.evaluation.report.write import FORMAT
from recommender.evaluation.results import Evaluation, SystemResult
from recommender.statistics import bootstrap


def regressions(evaluations: Sequence[Evaluation], baseline: str | Path) -> list[str]:
    """Return a line for each figure that is worse than in an earlier report.

    A measure with values by story is worse if the 95 % interval of its difference, paired by story, lies below 0; a
    measure of pairs if it lies below its earlier interval; a count of `safety` if it has grown. Sets and systems that
    the earlier `report.json` does not have are ignored; without any in common, `InputError` is raised.
    """
    try:
        document = orjson.loads(Path(baseline).read_bytes())
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}")
        earlier = {
            (judged["name"], system["system"]): (judged, system)
            for judged in document["sets"]
            for system in judged["systems"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read {baseline}: {error}; expected a report.json of `recommender evaluate`"
        ) from error
    pairs = [
        (evaluation, system, *earlier[evaluation.name, system.system])
        for evaluation in evaluations
        for system in evaluation.systems
        if (evaluation.name, system.system) in earlier
    ]
    if not pairs:
        raise InputError(f"{baseline} holds none of the sets and systems evaluated now")
    return [line for pair in pairs for line in _compare(*pair)]


def _compare(
    evaluation: Evaluation, system: SystemResult, old_set: dict[str, Any], old: dict[str, Any]
) -> Iterator[str]:
    where = f"{system.system} on {evaluation.name}"
    for name, count in system.safety.items():
        if count > (before := old["safety"].get(name, 0)):
            yield f"{where}: {name} {count}, was {before}"
    for part, values in system.per_story.items():
        for name, array in values.items():
            before = old["per_story"].get(part, {}).get(name)
            if before is not None and (part == "replay" or list(evaluation.stories) == old_set["stories"]):
                yield from _compare_values(f"{where}: {name} ({part})", array, before)
    for name, figure in system.figures.get("pairs", {}).items():
        before = old["figures"].get("pairs", {}).get(name)
        if before and before["low"] is not None and figure.value < before["low"]:
            yield f"{where}: {name} (pairs) {figure.value:.3f}, was {before['value']:.3f}"


def _compare_values(where: str, values: NDArray[np.float64], old_values: Sequence[float | None]) -> Iterator[str]:
    before = np.array([np.nan if value is None else value for value in old_values])
    if len(before) != len(values):
        yield f"{where}: {len(values)} stories, were {len(before)}"
        return
    values = np.round(values, 6)  # as in the report
    if bootstrap(values - before, np.arange(len(values))).high < 0:
        yield f"{where} {np.nanmean(values):.3f}, was {np.nanmean(before):.3f}"
