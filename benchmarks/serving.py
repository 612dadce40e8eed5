"""Readers of `recommender serve` while a writer publishes and withdraws: reads a second, p99, torn and withdrawn lists.

    python -m benchmarks.serving --lists lists --to benchmarks/results/serving.json

The published lists are copied; every version that the writer publishes carries a mark in each headline, so that a list
of two versions is seen. Clients and server share the machine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
import orjson
import pyarrow as pa

from recommender import PublishedLists
from recommender.lists.records import RECORD
from recommender.publishing import open_publisher

_TITLE = b'"title":"'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", required=True, type=Path, help="folder of published lists, which is copied")
    parser.add_argument("--stories", type=int, default=1_000, help="of the lists, so that the writer keeps up")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = measured(options, Path(folder))
    print(json.dumps(found, indent=2))
    if options.to:
        options.to.write_text(json.dumps(found, indent=2) + "\n")


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    place = folder / "lists"
    shutil.copytree(options.lists, place, ignore=shutil.ignore_patterns("cache", ".resume"))
    edition(place, 0, options.stories)
    lists = PublishedLists.open(place)
    ids = list(lists.ids())
    firsts = ((one, item.article_id) for one in ids for item in lists.get(one).items[:1])
    story, watched = next((one, item) for one, item in firsts if item in ids)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "recommender", "serve", "--lists", place, "--port", port, "--rate", 0]
    server = subprocess.Popen(
        [*map(str, command), "--workers", str(options.workers)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        wait_until_up(port)
        before = processor_seconds(server.pid)
        found = read_and_write(options, place, port, ids, story, watched)
        spent = processor_seconds(server.pid) - before
        return {**found, "server_processor_ms_a_read": round(spent / max(found["reads"], 1) * 1e3, 3)}
    finally:
        server.terminate()
        server.wait(30)


def processor_seconds(pid: int) -> float:
    """Read the seconds that a process and its children have taken of the processor."""
    found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(found[11]) + int(found[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(processor_seconds(int(child)) for child in children)


def read_and_write(
    options: argparse.Namespace, place: Path, port: int, ids: list[str], story: str, watched: str
) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    until = time.monotonic() + options.seconds + 5
    results = context.Queue()
    clients = [
        context.Process(target=read, args=(port, ids, story, watched, until - options.seconds, until, seed, results))
        for seed in range(options.clients)
    ]
    for client in clients:
        client.start()
    editions, gone = write(place, watched, until)
    told = [results.get(timeout=60) for _ in clients]
    for client in clients:
        client.join()
    seconds = np.concatenate([np.array(one["seconds"]) for one in told])
    shown = [span for one in told for span in one["shown"]]
    wrong = sum(any(away <= start and end <= back for away, back in gone) for start, end in shown)
    return {
        "stories": len(ids),
        "clients": options.clients,
        "workers": options.workers,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 1),
        "seconds": options.seconds,
        "reads": len(seconds),
        "reads_a_second": round(len(seconds) / options.seconds),
        "p50_ms": round(float(np.quantile(seconds, 0.5)) * 1e3, 2),
        "p99_ms": round(float(np.quantile(seconds, 0.99)) * 1e3, 2),
        "versions_published": editions,
        "versions_seen": len(set().union(*(one["versions"] for one in told))),
        "withdrawals": len(gone),
        "failed": sum(one["failed"] for one in told),
        "torn_lists": sum(one["torn"] for one in told),
        "withdrawn_items_shown": wrong,
    }


def edition(place: Path, number: int, most: int | None = None) -> None:
    """Publish the current lists once more, each headline marked with the number of the edition."""
    lists = PublishedLists.open(place)
    name = f"edition{number:05d}"

    def marked(record: dict[str, Any]) -> dict[str, Any]:
        items = {part: [retitled(item) for item in record[part]] for part in ("items", "reserves")}
        return {**record, **items, "story": retitled(record["story"]), "version": name}

    def retitled(shown: dict[str, Any]) -> dict[str, Any]:
        return {**shown, "title": f"{name} {shown['title'].rpartition('§')[2]}".replace(" ", "§", 1)}

    records = [record for batch in lists.records() for record in batch.to_pylist()][:most]
    batches = [pa.RecordBatch.from_pylist(list(map(marked, records)), schema=RECORD)]
    manifest = {key: value for key, value in lists.manifest.items() if key not in _SEALED}
    publisher = open_publisher(place)
    with publisher.writing():
        publisher.publish(batches, {**manifest, "version": name, "stories": len(records)}, 3)


_SEALED = ("kind", "format", "library", "files", "format_of_lists")


def write(place: Path, watched: str, until: float) -> tuple[int, list[tuple[float, float]]]:
    """Publish, withdraw and restore until the end; gives the editions, and when the item was gone for certain."""
    lists, number, gone = PublishedLists.open(place), 0, []
    while time.monotonic() < until:
        number += 1
        edition(place, number)
        for _ in range(3):
            lists.withdraw(watched)
            away = time.monotonic()
            time.sleep(0.2)
            gone.append((away, time.monotonic()))
            lists.restore(watched)
            time.sleep(0.1)
    return number, gone


def read(
    port: int, ids: list[str], story: str, watched: str, begin: float, until: float, seed: int, results: Any
) -> None:
    """One client: asks for one list after another over one connection, and looks at each."""
    order = random.Random(seed)
    needle = b'"article_id":' + orjson.dumps(watched)
    seconds, shown, versions, torn, failed = [], [], set(), 0, 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        time.sleep(max(begin - time.monotonic(), 0))
        while (start := time.monotonic()) < until:
            asked = story if order.random() < 0.1 else order.choice(ids)
            status, body = get(connection, f"/v1/read-next/{quote(asked, safe='')}")
            end = time.monotonic()
            seconds.append(end - start)
            if status == 410:
                continue
            failed += status != 200
            version = body.partition(b'"version":"')[2].partition(b'"')[0]
            versions.add(version.decode())
            torn += body.count(_TITLE) != body.count(_TITLE + version + "§".encode())
            if needle in body.partition(b'"items":')[2]:
                shown.append((start, end))
    results.put({"seconds": seconds, "shown": shown, "versions": versions, "torn": torn, "failed": failed})


def get(connection: socket.socket, path: str) -> tuple[int, bytes]:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(1 << 16)
    return int(head[9:12]), body


def wait_until_up(port: int) -> None:
    for _ in range(600):
        try:
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
