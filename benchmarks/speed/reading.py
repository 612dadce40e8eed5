"""How fast stories are read: whole blocks of rows, beside one row after another.

    python -m benchmarks.reading --data DATA [--passes 5] [--write]

Both ways take turns on the same files of the data folder, `allsides.jsonl.gz` and `reuters21578.jsonl.gz`, packed as
they are and unpacked; tables and reports are compared. Figures are microseconds a story, the best of some passes:
`cpu` is processor time of all threads; `main` that of the thread that makes articles, beside which one unpacks and
another parses in `beside`, so that on two idle cores a clock shows the greater of `main` and half of `cpu`, or a little
more; `wall` is what it showed, which other work on the machine lengthens. Parts that a reader cannot do without are
measured alone: `unpacking` by Python's gzip, taking a file apart into `lines`, and `orjson` on each line.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pyarrow as pa

from benchmarks.common import write_result
from recommender.articles.article import to_table
from recommender.reading.blocks import BlockReader
from recommender.reading.columns import HIDDEN, READ
from recommender.reading.formats import Stream
from recommender.reading.report import ReadReport
from recommender.reading.rows import RowReader
from recommender.settings import ReadingSettings

FILES = ("allsides.jsonl.gz", "reuters21578.jsonl.gz")
_KINDS = ("wall", "cpu", "main")
_CHUNK = 10_000  # articles turned into Arrow at a time


def one_by_one(path: Path) -> tuple[pa.Table, ReadReport]:
    """Rows of a file, each read by itself."""
    reader = RowReader(Stream(str(path), path), {}, ReadingSettings(), drafts=False)
    tables, some = [READ.empty_table()], []
    for line, raw in reader.stream.rows(reader.report.notes):
        reader.report.read += 1
        if (found := reader.read(line, raw)) is not None:
            some.append(found)
        if len(some) == _CHUNK:
            tables.append(_table(some))
            some = []
    return pa.concat_tables([*tables, _table(some)]).combine_chunks(), reader.report


def _table(some: list[Any]) -> pa.Table:
    hidden = pa.array([reason for _, reason in some], READ.field(HIDDEN).type)
    return to_table(article for article, _ in some).append_column(READ.field(HIDDEN), hidden)


def in_blocks(path: Path) -> tuple[pa.Table, ReadReport]:
    """Rows of a file, read as `read_articles` does."""
    reader = RowReader(Stream(str(path), path), {}, ReadingSettings(), drafts=False)
    tables = list(BlockReader(reader).tables())
    return pa.concat_tables([READ.empty_table(), *tables]).combine_chunks(), reader.report


def unpacking(path: Path) -> None:
    """Bytes of a file, as Python's gzip unpacks them."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while file.read(1 << 17):
            pass


def lines(path: Path) -> None:
    """Lines of a file, unpacked."""
    for _ in Stream(str(path), path).lines():
        pass


def parsing(path: Path) -> None:
    """Lines of a file that is not packed, each through orjson."""
    with path.open("rb", 1 << 17) as file:
        for line in file:
            orjson.loads(line)


def measure(path: Path, passes: int) -> dict[str, Any]:
    """Figures of one file."""
    (table, report), (expected, told) = in_blocks(path), one_by_one(path)
    if not table.equals(expected) or report != told:
        raise AssertionError(f"{path.name}: blocks and rows differ")
    ways: dict[str, Callable[[Path], object]] = {
        "one_by_one": one_by_one,
        "in_blocks": in_blocks,
        "unpacking": unpacking,
        "lines": lines,
        **({} if path.suffix == ".gz" else {"orjson": parsing}),
    }
    del table, expected
    took: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for _ in range(passes):
        for name, way in ways.items():
            wall, cpu, main = time.perf_counter(), time.process_time(), time.thread_time()
            way(path)
            took[name].append((time.perf_counter() - wall, time.process_time() - cpu, time.thread_time() - main))
    best = {
        name: {kind: round(min(one[at] for one in some) / report.read * 1e6, 2) for at, kind in enumerate(_KINDS)}
        for name, some in took.items()
    }
    rows, blocks = best["one_by_one"], best["in_blocks"]
    blocks["beside"] = round(blocks["cpu"] - blocks["main"], 2)
    return {
        "file": path.name,
        "stories": report.read,
        "microseconds": best,
        "ratio_wall": round(rows["wall"] / blocks["wall"], 2),
        "ratio_cpu": round(rows["cpu"] / blocks["cpu"], 2),
        "ratio_on_two_cores": round(rows["cpu"] / max(blocks["main"], blocks["cpu"] / 2), 2),
    }


def run(data: Path, passes: int) -> Iterable[dict[str, Any]]:
    """Figures of all files, packed and not."""
    for name in FILES:
        yield measure(data / name, passes)
        with TemporaryDirectory() as folder:
            plain = Path(folder) / name.removesuffix(".gz")
            plain.write_bytes(gzip.decompress((data / name).read_bytes()))
            yield measure(plain, passes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the files")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/results")
    given = parser.parse_args()
    rows = []
    for row in run(given.data, given.passes):
        rows.append(row)
        print(orjson.dumps(row, option=orjson.OPT_INDENT_2).decode(), flush=True)
    if given.write:
        write_result("reading", {"passes": given.passes}, rows)


if __name__ == "__main__":
    main()
