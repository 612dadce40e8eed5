"""A built wheel holds every module and file of the package, and runs the sample without the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "recommender"):
        (source / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("the build tools cannot be downloaded")
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_it_holds_everything(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in (ROOT / "recommender").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {path.relative_to(ROOT).as_posix() for path in files}
    assert wanted <= held
    assert any(name.endswith("LICENSE") for name in held)
    assert not any(name.startswith(("tests", "benchmarks")) for name in held)


def test_it_runs_the_sample(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    for path in (ROOT / "recommender").rglob("*.nb[ic]"):  # machine code of the same files: compiling it takes long
        kept = tmp_path / "site" / path.relative_to(ROOT)
        kept.parent.mkdir(exist_ok=True)
        shutil.copy2(path, kept)
    for path in (tmp_path / "site").rglob("*.py"):
        shutil.copystat(ROOT / path.relative_to(tmp_path / "site"), path)  # it is told by the time of its file
    around = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    stories = ROOT / "data" / "newsroom" / "articles.jsonl"
    command = [sys.executable, "-m", "recommender", "precompute", str(stories), "--lists", "lists", "--model", "tfidf"]
    done = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "110 (" in done.stdout
    for arguments in (
        ["recommend", "opera-resigns", "--lists", "lists"],
        ["preview", "--lists", "lists", "--to", "site-of-lists"],
    ):
        done = subprocess.run([*command[:3], *arguments], cwd=tmp_path, env=around, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "site-of-lists" / "index.html").exists()
