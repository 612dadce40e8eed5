"""A gate for continuous integration: find what got worse than in an earlier report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from recommender.errors import InputError
from recommender.evaluation.report.write import FORMAT
from recommender.evaluation.results import Evaluation
from recommender.statistics import bootstrap


def regressions(evaluations: Sequence[Evaluation], baseline: str | Path) -> list[str]:
    """Find what is worse than in an earlier report, one line each.

    A measure with values by story has fallen if the 95 % interval of its difference from then, paired by story, lies
    below 0; a measure of pairs if it lies below the interval that it had then. A count of `safety` may not grow.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        Of the same sets and systems as then; others are new and cannot have got worse.
    baseline : path
        A `report.json` that `write_report` wrote.

    Raises
    ------
    InputError
        If the file cannot be read, or holds none of these sets and systems.
    """
    try:
        document = orjson.loads(Path(baseline).read_bytes())
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}")
        then = {(one["name"], system["system"]): (one, system) for one in document["sets"] for system in one["systems"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read {baseline}: {error}; expected a report.json of `recommender evaluate`"
        ) from error
    found: list[str] = []
    compared = 0
    for evaluation in evaluations:
        for system in evaluation.systems:
            if (evaluation.name, system.system) not in then:
                continue
            compared += 1
            old_set, old = then[evaluation.name, system.system]
            where = f"{system.system} on {evaluation.name}"
            found += [
                f"{where}: {name} {count}, was {old['safety'].get(name, 0)}"
                for name, count in system.safety.items()
                if count > old["safety"].get(name, 0)
            ]
            for part, values in system.per_story.items():
                for name, array in values.items():
                    before = old["per_story"].get(part, {}).get(name)
                    if before is not None and (part == "replay" or list(evaluation.stories) == old_set["stories"]):
                        found += _fallen(f"{where}: {name} ({part})", array, before)
            for name, figure in system.figures.get("pairs", {}).items():
                before = old["figures"].get("pairs", {}).get(name)
                if before and before["low"] is not None and figure.value < before["low"]:
                    found.append(f"{where}: {name} (pairs) {figure.value:.3f}, was {before['value']:.3f}")
    if not compared:
        raise InputError(f"{baseline} holds none of the sets and systems evaluated now")
    return found


def _fallen(where: str, now: np.ndarray[Any, np.dtype[np.float64]], then: Sequence[float | None]) -> list[str]:
    before = np.array([np.nan if value is None else value for value in then])
    if len(before) != len(now):
        return [f"{where}: {len(now)} stories, were {len(before)}"]
    now = np.round(now, 6)  # as the report wrote them
    difference = bootstrap(now - before, np.arange(len(now)))
    return [f"{where} {np.nanmean(now):.3f}, was {np.nanmean(before):.3f}"] if difference.high < 0 else []
