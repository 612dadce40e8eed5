"""A PostgreSQL server of Debian's package for tests: on loopback, at a free port, stopped by its pid."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

_SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PASSWORD = "s3cret-of-the-press"


class Server:
    """A server in a folder of its own; it refuses to run as root, so it then runs as the package's user."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, _SERVERS[-1]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        made = [self.bin / "initdb", "-D", folder / "data", "-U", "press", "-A", "scram-sha-256", "--pwfile", secret]
        self._run([*made, "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"])

    def _run(self, command: list[str | Path]) -> None:
        subprocess.run(command, user=self._user, check=True, capture_output=True, cwd=self.folder)

    @property
    def url(self) -> str:
        """Address with the password."""
        return f"postgresql://press:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def schema(self, name: str) -> str:
        """Address of a schema of its own, made where missing."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"')
        return f"{self.url}?options=-csearch_path%3D{name}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        options += " -c fsync=off"  # tests kill it, but not the machine under it
        command = [self.bin / "postgres", "-D", self.folder / "data", *options.split()]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(command, user=self._user, stdout=log, stderr=log, cwd=self.folder)
        for _ in range(300):
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError((self.folder / "log").read_text())

    def kill(self) -> None:
        """End it without warning, with all its children."""
        self.process.kill()
        self.process.wait()
        data = self.folder / "data"
        (data / "postmaster.pid").unlink(missing_ok=True)
        time.sleep(0.5)  # the children notice that their parent is gone

    def stop(self) -> None:
        """End it without waiting for its clients."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


@contextmanager
def running() -> Iterator[Server]:
    """A running server, gone afterwards."""
    folder = Path(mkdtemp(prefix="pg-", dir="/tmp"))  # its user must be able to enter
    try:
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def shared() -> Server:
    """The server that tests share, each with a schema of its own; skips the test where none is installed."""
    if not _SERVERS:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    held = ExitStack()
    atexit.register(held.close)
    return held.enter_context(running())
