"""The server as it is started: workers, a graceful stop, the example of the docs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from recommender import PublishedLists
from recommender.serving.tokens import make_token
from tests.serving.conftest import ODD
from tests.support.processes import cli, start

DOCS = Path(__file__).parent.parent.parent / "docs" / "serving.md"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def answers(root: str) -> bool:
    try:
        urlopen(f"{root}/healthz", timeout=5).close()
    except (URLError, OSError):
        time.sleep(0.1)
        return False
    return True


@contextmanager
def running(place: Path, *options: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server, and its process."""
    port = free_port()
    command = [sys.executable, "-m", "recommender", "serve", "--lists", place, "--port", port, *options]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    root = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if answers(root):
                break
            assert process.poll() is None, process.communicate()[1]
        yield root, process
    finally:
        if process.poll() is None:
            workers = workers_of(process.pid) if Path("/proc").exists() else []
            process.send_signal(signal.SIGKILL)
            for worker in workers:  # they would go on without it
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
        process.wait(60)
        if process.stderr:
            process.stderr.close()


@contextmanager
def forked(place: Path, *options: object) -> Iterator[str]:
    """The address of a server of one process that starts quickly."""
    root = f"http://127.0.0.1:{(port := free_port())}"
    process = start("serve", "--lists", place, "--port", port, *options)
    try:
        for _ in range(600):
            if answers(root):
                break
            assert process.is_alive(), process.exitcode
        yield root
    finally:
        process.kill()
        process.join(60)


def test_the_example_of_the_docs_gives_what_a_page_shows(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    with running(place) as (root, process):
        monkeypatch.setenv("READ_NEXT", root)
        names: dict[str, object] = {}
        exec(code, names)
        read_next = names["read_next"]
        assert callable(read_next)
        for _ in range(50):  # a busy machine may take longer than a page waits
            if found := read_next("t0-s0"):
                break
        assert len(found) == 3
        assert "harbour ferry" in found[0]["title"]
        assert read_next("nobody") == []
        assert any(read_next(ODD) for _ in range(50))
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGTERM)
        assert "Finished server process" in told
        assert read_next("t0-s0") == []


def test_workers_share_their_figures_and_a_killed_one_is_replaced(place: Path) -> None:
    with running(place, "--workers", 2, "--rate", 0) as (root, process):
        for _ in range(40):
            urlopen(f"{root}/v1/read-next/t0-s0", timeout=30).close()
        counted(root, 40)
        os.kill(workers_of(process.pid)[-1], signal.SIGKILL)
        for _ in range(5):
            urlopen(f"{root}/v1/read-next/t0-s0", timeout=30).close()
        counted(root, 45)


def counted(root: str, expected: int) -> None:
    """Wait until the figures tell so many lists: a request is counted once its answer has gone out."""
    for _ in range(100):
        with urlopen(f"{root}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        (count,) = re.findall(r'requests_total\{route="read_next",status="200"\} ([\d.]+)', text)
        if float(count) == expected:
            return
        time.sleep(0.05)
    raise AssertionError(f"{count} lists were counted, expected {expected}")


def test_a_killed_worker_loses_no_act(place: Path, tmp_path: Path) -> None:
    secret = make_token(tmp_path / "tokens", "cms", "write")
    with running(place, "--workers", 2, "--rate", 0, "--tokens", tmp_path / "tokens") as (root, process):
        for number in range(4):
            act = {"what": "withdraw", "item": f"t{number}-s0", "who": "legal", "why": "an order"}
            headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
            urlopen(Request(f"{root}/v1/acts", json.dumps(act).encode(), headers), timeout=30).close()
            for worker in workers_of(process.pid):
                os.kill(worker, signal.SIGKILL)
            for _ in range(300):  # until others have taken their places
                with suppress(OSError):
                    urlopen(f"{root}/healthz", timeout=5).close()
                    break
                time.sleep(0.1)
    expected = {f"t{number}-s0" for number in range(4)}
    assert PublishedLists.open(place).overlay.withdrawn == expected
    journal = (place / "journal.jsonl").read_text().splitlines()
    assert {json.loads(line)["item"] for line in journal} == expected


def workers_of(parent: int) -> list[int]:
    """Processes that another started to answer."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    if not children.exists():
        pytest.skip("this system does not tell the children of a process")
    found = [int(one) for one in children.read_text().split()]
    return [one for one in found if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def test_what_cannot_be_served_is_one_clear_line(place: Path, tmp_path: Path) -> None:
    done = cli("serve", "--lists", tmp_path / "nothing")
    assert (done.returncode, "no published lists in" in done.stderr) == (2, True)
    done = cli("serve", "--lists", place, "--host", "0.0.0.0")
    assert (done.returncode, "add --tokens FILE" in done.stderr) == (2, True)


def test_without_the_extra_the_command_says_how_to_install_it(place: Path) -> None:
    code = "import sys; sys.modules['starlette'] = None; from recommender.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "--lists", place], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2
    assert "pip install 'recommender[serve]'" in done.stderr


def test_a_token_is_printed_once_and_comes_in(place: Path, tmp_path: Path) -> None:
    secret = cli("token", "cms", "--tokens", tmp_path / "tokens", "--right", "read").stdout.strip()
    assert len(secret) > 40
    assert secret not in (tmp_path / "tokens").read_text()
    refused = cli("token", "two words", "--tokens", tmp_path / "tokens")
    assert refused.returncode == 2
