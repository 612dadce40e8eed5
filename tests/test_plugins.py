"""Packages add rules, embedders, formats and more by entry points."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recommender.selection.rules import Rule

ROOT = Path(__file__).parent.parent
PACKAGE = """
from pathlib import Path

from recommender.embedders.tfidf_svd import TfidfSvdEmbedder
from recommender.jobs.engines.local import LocalEngine
from recommender.publishing.folder import FilePublisher
from recommender.reading.formats import Format
from recommender.selection.rules.rule import Rule

NOTHING = Rule("nothing", "What stands on a Friday", rejects=lambda ranked, stories, selection: ranked.rows == 0)
def small(settings): return TfidfSvdEmbedder(2)
def rows(file):
    with file.text() as text:
        yield 1, {"id": "one", "title": text.read()}
ADDED = Format(name="added", suffixes=(".added",), recognises=lambda head: head.text.startswith("ADDED"), rows=rows)
def engine(address): return LocalEngine()
def sink(place, format): return FilePublisher(Path(place))
def system(name, cache): return name
"""
POINTS = {
    "rules": "NOTHING",
    "embedders": "small",
    "formats": "ADDED",
    "engines": "engine",
    "sinks": "sink",
    "systems": "system",
}
PROGRAM = """
from pathlib import Path
from recommender import Recommender, Settings
from recommender.evaluation.systems.registry import make_system
from recommender.jobs.engines import make_engine
from recommender.publishing import open_publisher
from recommender.selection.rules import every_rule

Path("a.added").write_text("ADDED ferry")
stories = [{"id": name, "title": f"Ferry {name}"} for name in "abc"]
rec = Recommender(Settings.of({"embedding": {"model": "added"}})).fit(stories)
print(every_rule()[-1].name, every_rule()[-1].label)
print(rec.embedder.dim, [item.article_id for item in rec.recommend("c")])
print([one.rule for one in rec.explain_rejected(["c"])["c"]])
print(Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit("a.added").catalog.ids.to_pylist())
print(type(make_engine("added")).__name__, type(open_publisher("x", "added")).__name__, make_system("added"))
print(rec.archive.fingerprint == rec.settings.fingerprint())
"""
REFUSED = """
from recommender import Recommender, Settings, SettingsError
from recommender.selection.rules import every_rule

for ask in (every_rule, lambda: Recommender(Settings.of({"embedding": {"model": "added"}})).embedder):
    try:
        ask()
    except SettingsError as error:
        print(error)
"""


def install(folder: Path, points: dict[str, str]) -> dict[str, str]:
    """Put a package where Python finds it; the environment in which it does."""
    (folder / "added.py").write_text(PACKAGE)
    told = folder / "added-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: added\nVersion: 1.0\n")
    lines = [f"[recommender.{kind}]\nadded = added:{what}\n" for kind, what in points.items()]
    (told / "entry_points.txt").write_text("\n".join(lines))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def run(folder: Path, points: dict[str, str], program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    around = install(folder, points)
    command = [sys.executable, "-W", "ignore", "-c", program]
    return subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True)


def test_what_a_package_adds_is_known_everywhere(tmp_path: Path) -> None:
    done = run(tmp_path, POINTS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "nothing What stands on a Friday",
        "2 ['b']",
        "['nothing']",
        "['one']",
        "LocalEngine FilePublisher added",
        "False",
    ]


@pytest.mark.parametrize("name", ["alone", "beside"])
def test_a_rule_with_the_argument_names_of_earlier_versions_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"rule 'old' is given alone= or beside=.*give rejects= and rejects_after="):
        Rule("old", "Of an earlier version", **{name: lambda ranked, stories, selection: None})


def test_what_cannot_be_imported_is_told_with_its_package(tmp_path: Path) -> None:
    done = run(tmp_path, {**POINTS, "rules": "MISSING", "embedders": "MISSING"}, REFUSED)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    for kind, line in zip(("rules", "embedders"), told, strict=True):
        assert f"added adds 'added' to recommender.{kind}, but added:MISSING cannot be imported" in line
        assert "mend or uninstall added" in line
