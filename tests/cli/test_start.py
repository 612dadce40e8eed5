"""The first commands of a newcomer: settings to edit, the demo, and options that hold for every command."""

from __future__ import annotations

import subprocess
from contextlib import chdir
from pathlib import Path

import orjson
import pytest

from recommender import Settings, SettingsError
from recommender.cli.options import load_settings
from recommender.settings.toml import template
from tests.conftest import NEWSROOM
from tests.support.processes import cli

TFIDF = ("--model", "tfidf")


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    with chdir(folder):
        return cli(*arguments)


def test_the_template_holds_every_setting_at_its_default() -> None:
    text = template(Settings())
    every = [line[1:] if line[:1] == "#" and line[1:2] != " " else line for line in text.splitlines()]
    said = "\n".join(every)
    for stage, values in Settings():
        for name in type(values).model_fields:
            assert f"\n{name} = " in said, f"{stage}.{name}"


def test_the_template_is_the_defaults_with_and_without_its_comments(tmp_path: Path) -> None:
    text = template(Settings())
    (tmp_path / "commented.toml").write_text(text)
    assert Settings.from_toml(tmp_path / "commented.toml") == Settings()
    lines = (line[1:] if line[:1] == "#" and line[1:2] != " " else line for line in text.splitlines())
    (tmp_path / "set.toml").write_text("\n".join(lines))
    assert Settings.from_toml(tmp_path / "set.toml") == Settings()


def test_load_settings_the_current_folder_are_read_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, []) == Settings()
    Path("recommender.toml").write_text("[selection]\nk = 3\n")
    Path("other.toml").write_text("[selection]\nk = 4\n")
    assert load_settings(None, []).selection.k == 3
    assert "recommender.toml" in capsys.readouterr().err
    assert load_settings(Path("other.toml"), ["selection.reserves=2"], {"embedding.model": "tfidf"}) == Settings.of(
        {"selection": {"k": 4, "reserves": 2}, "embedding": {"model": "tfidf"}}
    )
    with pytest.raises(SettingsError, match="no NAME=VALUE form"):
        load_settings(None, ["selection.k"])


def test_init_never_overwrites_a_file(tmp_path: Path) -> None:
    assert run(tmp_path, "init").returncode == 0
    before = (tmp_path / "recommender.toml").read_text()
    done = run(tmp_path, "init")
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert (tmp_path / "recommender.toml").read_text() == before


def test_git_leaves_the_demo_out_and_it_may_be_made_again(tmp_path: Path) -> None:
    for _ in range(2):
        done = run(tmp_path, "demo")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "recommender-demo" / ".gitignore").read_text() == "*\n"


def test_a_dry_run_tells_what_would_be_published_and_changes_nothing(tmp_path: Path) -> None:
    rows = NEWSROOM.read_bytes().splitlines(keepends=True)
    (tmp_path / "first.jsonl").write_bytes(b"".join(rows[:60]))
    (tmp_path / "next.jsonl").write_bytes(b"".join(rows[60:70]))
    dry = run(tmp_path, "precompute", "first.jsonl", "--lists", "l", "--archive", "a", *TFIDF, "--dry-run", "--json")
    told = orjson.loads(dry.stdout)
    assert not told["published"]
    assert not (tmp_path / "l" / "CURRENT").exists()
    assert not (tmp_path / "a" / "CURRENT").exists()
    done = run(tmp_path, "precompute", "first.jsonl", "--lists", "l", "--archive", "a", *TFIDF, "--json")
    assert orjson.loads(done.stdout)["version"] == told["version"]
    current = [(tmp_path / name / "CURRENT").read_bytes() for name in "la"]
    about = orjson.loads(run(tmp_path, "info", "--archive", "a", "--check", "--json").stdout)
    assert (about["kind"], about["settings"]["embedding"]["model"]) == ("archive", "tfidf")
    assert about["checked"].startswith("all ")
    dry = run(tmp_path, "--quiet", "refresh", "next.jsonl", "--lists", "l", "--archive", "a", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.startswith("would publish version ")
    assert len(dry.stdout.splitlines()) == 1
    assert dry.stderr == ""
    assert current == [(tmp_path / name / "CURRENT").read_bytes() for name in "la"]
    done = run(tmp_path, "--verbose", "refresh", "next.jsonl", "--lists", "l", "--archive", "a")
    assert dry.stdout.split()[3] == done.stdout.split()[2]
    assert "searching: " in done.stderr
