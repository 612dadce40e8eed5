"""What `deploy/` and the page on operations tell to run exists, with its options."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from recommender.cli.app import app

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "deploy").iterdir())
PAGES = [ROOT / "docs" / "operations.md", ROOT / "docs" / "serving.md"]


def commands(text: str) -> list[list[str]]:
    """Command lines of `recommender` in a text, up to what the shell does with them."""
    found = re.findall(r"(?:^|[/ `])recommender ((?:--quiet )?[a-z-]+ [^`\n|#>&(;]*)", text)
    return [shlex.split(re.split(r" or | which | and |   ", line)[0]) for line in found if " -- " not in line]


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=lambda path: path.name)
def test_every_option_that_is_named_exists(path: Path) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    checked = 0
    for words in commands(path.read_text(encoding="utf-8")):
        name, *rest = [word for word in words if word != "--quiet"]
        if name not in known:
            continue
        options = {option for one in known[name].params for option in one.opts}
        for word in rest:
            if word.startswith("--"):
                assert word in options, (path.name, name, word)
                checked += 1
    assert checked or path.name == "Dockerfile"


def test_the_image_is_made_of_what_a_wheel_is_built_from() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"pyproject.toml", "constraints.txt", "recommender", project["readme"]} <= sent
    assert all((ROOT / name).exists() for name in sent)


def test_the_image_starts_the_server_with_options_that_exist() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    instructions = [line.split()[0] for line in text.splitlines() if re.match(r"[A-Z]+ ", line)]
    assert instructions[0] == "FROM"
    assert instructions.index("USER") < instructions.index("CMD")
    (words,) = re.findall(r"^CMD \[(.*)\]$", text, re.MULTILINE)
    name, *rest = [word.strip(' "') for word in words.split(",")]
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    options = {option for one in known[name].params for option in one.opts}
    assert {word for word in rest if word.startswith("--")} <= options
