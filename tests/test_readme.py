"""The README's Python examples run as written, in order, and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from recommender import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_examples_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        exec(compile(example, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "1 ferry-radar-report" in printed
    assert "\nshort [" in printed


def test_the_examples_of_extending_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), re.DOTALL
    )
    exec(compile(example, "extending.md", "exec"), {})
    assert "nan" in capsys.readouterr().out


def test_settings_example_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "s.toml").write_text(example, encoding="utf-8")
    assert Settings.from_toml(tmp_path / "s.toml") == Settings()


def test_every_command_named_exists() -> None:
    named = set(re.findall(r"^recommender (\w+)", README, flags=re.MULTILINE))
    text = subprocess.run([sys.executable, "-m", "recommender", "--help"], capture_output=True, text=True).stdout
    listed = {
        "ab",
        "block",
        "evaluate",
        "info",
        "learn",
        "precompute",
        "preview",
        "purge",
        "recommend",
        "refresh",
        "rollback",
        "rules",
        "tune",
        "withdraw",
        "withhold",
    }
    assert named == listed
    assert all(command in text for command in named)
