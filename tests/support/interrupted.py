"""Long jobs on a small newsroom with small shards, in processes that can be killed, and what they leave."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from recommender import Recommender, Settings
from recommender.editorial.rules import Rules
from recommender.evaluation import evaluate, load_set, tune
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh
from recommender.progress import Progress
from recommender.search.limits import Limits
from recommender.storage import checkpoints
from recommender.storage.checkpoints import Ledgers
from tests.faults.world import WordEmbedder
from tests.support.checkerboard import ANY_CHANGE, START, WITHIN_TOPICS, checkerboard
from tests.support.processes import forkserver

STORIES = checkerboard(per_topic=78)
CHANGES = [
    {"id": f"new-{n}", "title": f"harbour ferry captain topic0word{n}", "published_at": START + timedelta(days=n)}
    for n in range(150)
]
FEW = {"retrieval.candidates": 20, "selection.related_at": 0.1, "selection.k": 3, "selection.reserves": 2}
SETTINGS = WITHIN_TOPICS.override({**ANY_CHANGE, **FEW})
AS_OF = START + timedelta(days=400)
SHARD, TEXTS = 64, 48

Stop = tuple[str, int]
"""Stage and count at which a job stands still until it is killed."""


@dataclass
class Run:
    """What one run told.

    Attributes
    ----------
    result : dict
        The summary, evaluation or tuned settings as plain values.
    stages : list of (stage, done)
        Every call of progress.
    said : list of str
        Warnings.
    """

    result: dict[str, Any] = field(default_factory=dict)
    stages: list[tuple[str, int]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def resumed(self) -> dict[str, int]:
        """Finished shards by stage, as told when they were found."""
        return {stage.removeprefix("resumed "): n for stage, n in self.stages if stage.startswith("resumed ")}


@contextmanager
def small_shards() -> Iterator[None]:
    """Shards of a few dozen stories, and blocks that fit."""
    before = checkpoints.SHARD, checkpoints.TEXTS
    checkpoints.SHARD, checkpoints.TEXTS = SHARD, TEXTS
    try:
        yield
    finally:
        checkpoints.SHARD, checkpoints.TEXTS = before


def _precompute(root: Path, progress: Progress, **options: Any) -> dict[str, Any]:
    settings = SETTINGS.override(options.pop("settings", {}))
    rules, embedder = options.pop("rules", Rules()), options.pop("embedder", WordEmbedder())
    rec = Recommender(settings, rules=rules, embedder=embedder, limits=Limits(stories=16))
    stories, as_of = options.pop("stories", STORIES), options.pop("as_of", AS_OF)
    place = options.pop("place", root / "out")
    return asdict(precompute(stories, place, recommender=rec, as_of=as_of, progress=progress, **options))


def _refresh(root: Path, progress: Progress, **options: Any) -> dict[str, Any]:
    rec = Recommender.load(root / "snapshot", embedder=WordEmbedder())
    changes = options.pop("stories", CHANGES)
    found = refresh(changes, root / "out", root / "snapshot", recommender=rec, as_of=AS_OF, progress=progress)
    return asdict(found)


def _evaluate(root: Path, progress: Progress, **options: Any) -> dict[str, Any]:
    ledgers = Ledgers(root / checkpoints.FOLDER, "evaluate", progress)
    systems = options.pop("systems", ["tfidf", "bm25", "recent"])
    found = evaluate(systems, load_set("sample"), ledgers=ledgers, progress=progress, **options)
    plain, resumed = found.to_dict(), ledgers.resumed
    for system in plain["systems"]:
        del system["seconds_fit"], system["seconds_story"]
    ledgers.clear()
    return {"resumed": resumed, "found": plain}


def _tune(root: Path, progress: Progress, **options: Any) -> dict[str, Any]:
    ledgers = Ledgers(root / checkpoints.FOLDER, "tune", progress)
    start = Settings.of({"embedding": {"model": "tfidf"}})
    found = tune(load_set("sample"), start=start, ledgers=ledgers, progress=progress, **options)
    resumed = ledgers.resumed
    ledgers.clear()
    return {"resumed": resumed, "found": repr(found)}


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "precompute": _precompute,
    "refresh": _refresh,
    "evaluate": _evaluate,
    "tune": _tune,
}


def run(job: str, root: Path, progress: Progress | None = None, **options: Any) -> Run:
    """A job from start to end in this process."""
    told = Run()

    def heard(stage: str, done: int, total: int | None) -> None:
        told.stages.append((stage, done))
        if progress is not None:
            progress(stage, done, total)

    with small_shards(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        told.result = JOBS[job](root, heard, **options)
    told.said = [str(one.message) for one in caught if "shard" in str(one.message)]
    return told


class Stopped(Exception):
    """Raised where a job is to stop."""


def stop(job: str, root: Path, at: Stop, **options: Any) -> None:
    """Break a job off in this process: quicker than `kill`, and as good where only what is left matters."""

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == at[0] and done >= at[1]:
            raise Stopped

    try:
        run(job, root, progress, **options)
    except Stopped:
        return
    raise AssertionError(f"{job} ended before {at}")


def kill(job: str, root: Path, at: Stop | Path, **options: Any) -> None:
    """SIGKILL a job in a process of its own: at a count of a stage, or as soon as a file of that pattern is there."""
    context = forkserver()
    told = context.SimpleQueue()
    place = at if isinstance(at, tuple) else None
    process = context.Process(target=_work, args=(job, root, place, options, told))
    process.start()
    deadline = time.monotonic() + 60
    while told.empty() and time.monotonic() < deadline:
        if isinstance(at, Path) and any(root.glob(str(at))):
            break
        if not process.is_alive():
            break
        time.sleep(0.0005)
    assert process.is_alive(), f"{job} ended before {at}"
    process.kill()
    process.join()
    assert process.exitcode == -9


def _work(job: str, root: Path, at: Stop | None, options: dict[str, Any], told: Any) -> None:
    def progress(stage: str, done: int, total: int | None) -> None:
        if at is not None and stage == at[0] and done >= at[1]:
            told.put("here")
            time.sleep(60)

    run(job, root, progress, **options)


def content(root: Path) -> dict[str, bytes]:
    """Every file that a job has left, by its path, but the lock's."""
    files = [path for path in root.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def shards(root: Path) -> dict[str, list[Path]]:
    """The finished shards below a folder, by stage."""
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob(f"{checkpoints.FOLDER}/*/*")):
        if path.suffix and path.suffix != ".json" and not path.name.startswith("."):
            found.setdefault(path.parent.name.split("-")[0], []).append(path)
    return found
