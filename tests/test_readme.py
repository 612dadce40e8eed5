"""The README's Python examples run as written, in order, and its commands exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recommender import Settings
from recommender.selection import pipeline

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
USAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")


def test_python_examples_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    printed = {}
    for name, text, count in (("README.md", README, 2), ("usage.md", USAGE, 5)):
        names: dict[str, object] = {}
        examples = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
        assert len(examples) == count
        for example in examples:
            exec(compile(example, name, "exec"), names)
        printed[name] = capsys.readouterr().out
    (said,) = re.findall(r"```\n(1\. .*?)```", README, flags=re.DOTALL)
    assert printed["README.md"].startswith(said)
    assert "\nfilled [" in printed["README.md"]
    assert "1 ferry-radar-report" in printed["usage.md"]
    assert "\nfilled [" in printed["usage.md"]


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 120
    for text, folder in ((README, ROOT), (USAGE, ROOT / "docs")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert (folder / target).exists(), target


def test_the_examples_of_extending_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(pipeline, "RULES", pipeline.RULES)  # which an example replaces
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    family, rule = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(family, "extending.md", "exec"), {})
    assert "nan" in capsys.readouterr().out
    names: dict[str, Any] = {}
    exec(compile(rule, "extending.md", "exec"), names)
    rec, rejected = names["rec"], ast.literal_eval(capsys.readouterr().out)
    stories = {row["id"]: row for row in rec.catalog.table.to_pylist()}
    month = timedelta(days=30)
    newest = max(row["published_at"] for row in stories.values() if row["published_at"])
    old = {i for i, row in stories.items() if row["kind"] == "opinion" and row["published_at"] < newest - month}
    assert rejected
    assert set(rejected) <= old
    shown = {item.article_id for found in rec.recommend_many(list(stories)) for item in (*found.items, *found.reserves)}
    assert not old & shown
    monkeypatch.undo()
    assert old & {item.article_id for found in rec.recommend_many(list(stories)) for item in found}


def test_settings_example_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", USAGE, flags=re.DOTALL)
    (tmp_path / "s.toml").write_text(example, encoding="utf-8")
    assert Settings.from_toml(tmp_path / "s.toml") == Settings()


def test_every_command_named_exists() -> None:
    named = set(re.findall(r"^recommender (\w+)", USAGE, flags=re.MULTILINE))
    assert set(re.findall(r"^recommender (\w+)", README, flags=re.MULTILINE)) < named
    text = subprocess.run([sys.executable, "-m", "recommender", "--help"], capture_output=True, text=True).stdout
    listed = {
        "ab",
        "block",
        "check",
        "demo",
        "diff",
        "evaluate",
        "info",
        "init",
        "learn",
        "pin",
        "precompute",
        "preview",
        "purge",
        "recommend",
        "refresh",
        "rollback",
        "rules",
        "serve",
        "tune",
        "why",
        "withdraw",
        "withhold",
    }
    assert named == listed
    assert all(command in text for command in named)
