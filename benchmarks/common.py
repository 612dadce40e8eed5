"""What every benchmark shares: the judgments, the machine, and where results go."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from recommender import Recommender, Settings

RESULTS = Path(__file__).parent / "results"


def nearest_rows(queries: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
    """Find the rows of the k greatest products of integer vectors for each query, exactly, by FAISS."""
    import faiss

    floats = (np.ascontiguousarray(values, dtype=np.float32) for values in (queries, vectors))
    return faiss.knn(*floats, min(k, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)[1]


@dataclass(frozen=True)
class Judged:
    """Articles, and pairs `(a, b)` of their places with the share of six judges that would follow the link."""

    articles: list[dict[str, Any]]
    a: np.ndarray
    b: np.ndarray
    follow: np.ndarray


def cell(value: object) -> object:
    """Make a value safe for a CSV that a spreadsheet may open: a text that it would compute gets an apostrophe.

    Examples
    --------
    >>> cell("=HYPERLINK(A1)"), cell("-12.5"), cell(-12.5)
    ("'=HYPERLINK(A1)", '-12.5', -12.5)
    """
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def cnrec(data: Path) -> Judged:
    """Load the CNRec development half."""
    with (data / "cnrec" / "articles.jsonl").open(encoding="utf-8") as file:
        articles = [json.loads(line) for line in file]
    with (data / "cnrec" / "pairs.csv").open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file))
    place = {article["id"]: row for row, article in enumerate(articles)}
    a, b = (np.array([place[pair[side]] for pair in pairs]) for side in ("a", "b"))
    follow = np.array([float(pair["follow"]) for pair in pairs])
    return Judged(articles, a, b, follow)


def relevance_matrix(articles: list[dict[str, Any]], settings: Settings) -> tuple[list[str], np.ndarray]:
    """Relevance of every story for every other through the public calls, float64 (n, n)."""
    rec = Recommender(settings).fit(articles)
    ids = [article["id"] for article in articles]
    place = {article_id: row for row, article_id in enumerate(ids)}
    matrix = np.zeros((len(ids), len(ids)))
    for found in rec.recommend_many(ids, k=len(ids)):
        for item in found:
            matrix[place[found.article_id], place[item.article_id]] = item.components["relevance"]
    return ids, matrix


def relevance_only(**values: Any) -> Settings:
    """Pure relevance settings with values replaced by dotted name, dots written as two underscores."""
    return Settings.relevance_only().override({name.replace("__", "."): value for name, value in values.items()})


def machine() -> dict[str, Any]:
    """Processor and versions that a result was measured with."""
    told = dict(re.findall(r"^(cpu family|model|model name)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M))
    numbers = f"family {told.get('cpu family')}, model {told.get('model')}"  # where the host hides the name
    packages = ("numpy", "scipy", "scikit-learn", "faiss-cpu", "torch", "sentence-transformers", "pyarrow")
    return {
        "cpu": f"{told['model name']} ({numbers})" if "model name" in told else platform.processor(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def cpu_flags() -> frozenset[str]:
    """Instruction sets of the processor, as Linux names them; empty elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"flags\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return frozenset(found[1].split()) if found else frozenset()


def native_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself."""
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


def kernels() -> dict[str, Any]:
    """Which code the libraries run on this machine, and with how many threads."""
    import faiss
    import torch
    from threadpoolctl import threadpool_info

    wanted = re.compile(r"avx|amx|fma|f16c|bf16|asimd|sve")
    pools = [
        " ".join(str(pool.get(name) or "") for name in ("internal_api", "version", "architecture", "num_threads"))
        for pool in threadpool_info()
    ]
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "flags": sorted(flag for flag in cpu_flags() if wanted.search(flag)),
        "torch": f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads",
        "faiss": faiss.get_compile_options().strip(),
        "numba": version("numba"),
        "pools": sorted({" ".join(pool.split()) for pool in pools}),
        "environment": {name: os.environ[name] for name in sorted(os.environ) if _KNOB.match(name)},
    }


_KNOB = re.compile(r"(OMP|MKL|OPENBLAS|NUMBA|TORCH|ATEN|DNNL|ONEDNN)_")


def peak_mib() -> float:
    """Peak memory of this process, MiB.

    Linux counts what the parent held before it started a program into `ru_maxrss`, so the high-water mark of the
    process's own memory is read where there is one.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    if found:
        return int(found[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def write_result(name: str, settings: dict[str, Any], rows: Iterable[dict[str, Any]]) -> Path:
    """Write one result file with the machine, versions and settings beside the figures."""
    path = RESULTS / f"{name}.json"
    content = {"machine": machine(), "settings": settings, "rows": list(rows)}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path
