"""The README's Python examples run as written, in order, and its commands exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.main import get_command

from recommender import Settings
from recommender.cli.app import app
from recommender.embedders.sentence import SentenceTransformerEmbedder
from recommender.evaluation.systems.baselines import BASELINES
from recommender.jobs.engines import ENGINES
from recommender.publishing.published import SINKS
from recommender.reading.formats import FORMATS
from recommender.selection.rules import RULES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
USAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")


VECTORS: dict[str, dict[str, NDArray[np.int16]]] = {}
"""Of texts, by embedder."""


@pytest.fixture(autouse=True)
def embed_each_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples fit the same stories again and again; a vector does not depend on the texts beside it."""
    encode = SentenceTransformerEmbedder.encode

    def encode_new(self: SentenceTransformerEmbedder, texts: Sequence[str]) -> NDArray[np.int16]:
        known = VECTORS.setdefault(self.fingerprint, {})
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, encode(self, new), strict=True))
        return np.stack([known[text] for text in texts])

    monkeypatch.setattr(SentenceTransformerEmbedder, "encode", encode_new)


def test_python_examples_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    printed = {}
    for name, text, count in (("README.md", README, 2), ("usage.md", USAGE, 6)):
        names: dict[str, object] = {}
        examples = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
        assert len(examples) == count
        for example in examples:
            exec(compile(example, name, "exec"), names)
        printed[name] = capsys.readouterr().out
    assert printed["README.md"] == "".join(re.findall(r"```\n((?:1\.|filled) .*?)```", README, flags=re.DOTALL))
    assert "1 ferry-radar-report" in printed["usage.md"]
    assert "\nfilled [" in printed["usage.md"]


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 120
    for text, folder in ((README, ROOT), (USAGE, ROOT / "docs")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert (folder / target).exists(), target


def extending() -> dict[str, str]:
    """The example of each section."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    found = {}
    for section in text.split("\n## ")[1:]:
        (found[section.partition("\n")[0]],) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return found


@pytest.fixture
def run_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str], tuple[str, dict[str, Any]]]]:
    """Runs the example of a section of extending.md; what it registers is gone afterwards."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)

    def run(section: str) -> tuple[str, dict[str, Any]]:
        names: dict[str, Any] = {}
        before = [set(registry) for registry in (SINKS, ENGINES, BASELINES)]
        exec(compile(extending()[section], "extending.md", "exec"), names)
        for registry, known in zip((SINKS, ENGINES, BASELINES), before, strict=True):
            for name in set(registry) - known:
                registry.pop(name)
        return capsys.readouterr().out, names

    rules, formats = len(RULES), len(FORMATS)
    yield run
    del RULES[rules:], FORMATS[formats:]


def test_the_examples_of_extending_are_short_and_of_each_part() -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    linked = re.findall(r"\(#([\w-]+)\)", text)
    assert [name.lower().replace(" ", "-") for name in extending()] == linked
    for name, example in extending().items():
        assert sum(map(bool, example.splitlines())) <= 25, name


def test_the_example_of_a_rule_keeps_old_opinion_out(run_example: Callable[[str], tuple[str, dict[str, Any]]]) -> None:
    said, names = run_example("A selection rule")
    rec, rejected = names["rec"], ast.literal_eval(said)
    stories = {row["id"]: row for row in rec.catalog.table.to_pylist()}
    newest = max(row["published_at"] for row in stories.values() if row["published_at"])
    month = timedelta(days=30)
    old = {i for i, row in stories.items() if row["kind"] == "opinion" and row["published_at"] < newest - month}
    assert rejected
    assert set(rejected) <= old
    shown = {item.article_id for found in rec.recommend_many(list(stories)) for item in (*found.items, *found.reserves)}
    assert not old & shown
    RULES.pop()
    assert old & {item.article_id for found in rec.recommend_many(list(stories)) for item in found}


@pytest.mark.filterwarnings("ignore:no ranker ships")
@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("A family of features", r"nan"),
        ("An embedder", r"\['[a-z-]+', '[a-z-]+'\]"),
        ("An input format", r"\['Ferry aground', 'Opera director resigns'\] no title after the id"),
        ("A sink", r"^110$"),
        ("A job engine", r"^110 lists of version (\w{12})\n\1$"),
        ("An evaluated system", r"\['[a-z-]+', "),
    ],
)
def test_the_other_examples_of_extending_run(
    run_example: Callable[[str], tuple[str, dict[str, Any]]], section: str, says: str
) -> None:
    said, _ = run_example(section)
    assert re.search(says, said.strip()), said


def test_settings_example_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", USAGE, flags=re.DOTALL)
    (tmp_path / "s.toml").write_text(example, encoding="utf-8")
    assert Settings.from_toml(tmp_path / "s.toml") == Settings()


def test_usage_names_every_command_and_no_other() -> None:
    named = set(re.findall(r"^recommender (\w+)", USAGE, flags=re.MULTILINE))
    assert named == get_command(app).commands.keys()  # type: ignore[attr-defined]
    assert set(re.findall(r"^recommender (\w+)", README, flags=re.MULTILINE)) < named
