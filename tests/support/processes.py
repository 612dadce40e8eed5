"""Processes of their own that start quickly: forked from one that has imported what a job asks for."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory

NOWHERE = Path(os.devnull)
_LONGEST = 300  # seconds


def forkserver() -> ForkServerContext:
    """Where they come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preloaded"])
    return context


def start(
    *arguments: object, environment: Mapping[str, str] | None = None, out: Path = NOWHERE, err: Path = NOWHERE
) -> ForkServerProcess:
    """`python -m recommender` with streams, environment and exit status of its own."""
    command = ["recommender", *map(str, arguments)]
    around = {**os.environ, **(environment or {})}
    process = forkserver().Process(target=_cli, args=(command, around, os.getcwd(), out, err))
    process.start()
    return process


def cli(*arguments: object, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The same, to its end."""
    with TemporaryDirectory() as folder:
        out, err = (Path(folder) / name for name in ("out", "err"))
        process = start(*arguments, environment=environment, out=out, err=err)
        process.join(_LONGEST)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired("recommender", _LONGEST)
        assert process.exitcode is not None
        told = (path.read_text(encoding="utf-8") for path in (out, err))
        return subprocess.CompletedProcess(arguments, process.exitcode, *told)


def _cli(command: list[str], environment: dict[str, str], folder: str, out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in ((1, out), (2, err)):
        with path.open("wb") as stream:
            os.dup2(stream.fileno(), number)
    sys.argv = command
    runpy.run_module("recommender", run_name="__main__", alter_sys=True)


def run_code(code: str, folder: Path, *arguments: str) -> int | None:
    """`python -c` that imports the modules of a folder, too; its exit status."""
    process = forkserver().Process(target=_code, args=(code, str(folder), arguments))
    process.start()
    process.join(_LONGEST)
    return process.exitcode


def _code(code: str, folder: str, arguments: tuple[str, ...]) -> None:
    sys.path.insert(0, folder)
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})
