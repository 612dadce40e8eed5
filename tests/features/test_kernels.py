"""Compiled loops find the bits that NumPy finds, and the numbers of plain Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.compute.kernels import kernel
from recommender.features import tfidf
from recommender.features import vectors as integers
from recommender.features.tfidf import Tfidf
from tests.support import oracles
from tests.support.processes import run_code

WORDS = [f"w{number}" for number in range(60)]


def archive(seed: int, stories: int = 40) -> tuple[sp.csr_matrix, NDArray[np.float32], np.random.Generator]:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(0, 30))) for _ in range(stories)]
    model, terms = Tfidf.fit([*texts, "w1"])
    return terms, model.idf, rng


def rows_of(rng: np.random.Generator, shape: tuple[int, ...], stories: int) -> NDArray[np.int64]:
    return rng.integers(-1, stories, size=shape)


def same(one: NDArray[Any], other: NDArray[Any]) -> None:
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("queries", [0, 1, 7, 200])
@given(seed=st.integers(0, 2**31))
@settings(max_examples=15)
def test_lexical_cosines(queries: int, seed: int) -> None:
    terms, _, rng = archive(seed)
    asked = terms[rng.integers(0, terms.shape[0], queries)]
    rows = rows_of(rng, (queries, 9), terms.shape[0])
    found = tfidf.cosines(asked, terms, rows)
    same(found, oracles.cosines(asked, terms, rows))
    dense = asked.toarray().astype(np.float64) @ terms.toarray().astype(np.float64).T
    wanted = np.where(rows >= 0, np.take_along_axis(dense, np.maximum(rows, 0), axis=1), 0)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@given(seed=st.integers(0, 2**31), pairs=st.sampled_from([0, 1, 50, 3000]))
@settings(max_examples=25)
def test_row_cosines(seed: int, pairs: int) -> None:
    terms, _, rng = archive(seed)
    a, b = rng.integers(0, terms.shape[0], (2, pairs))
    found = tfidf.row_cosines(terms, terms, a, b)
    same(found, oracles.row_cosines(terms, terms, a, b))
    dense = terms.toarray().astype(np.float64)
    np.testing.assert_allclose(found, (dense[a] * dense[b]).sum(axis=1), atol=1e-6)


@given(seed=st.integers(0, 2**31), count=st.integers(1, 4), pairs=st.sampled_from([0, 1, 50, 900]))
@settings(max_examples=25)
def test_heaviest_shared(seed: int, count: int, pairs: int) -> None:
    terms, _, rng = archive(seed)
    a, b = rng.integers(0, terms.shape[0], (2, pairs))
    wanted = rng.random(terms.shape[1]) < 0.7
    names, products = tfidf.heaviest_shared(terms, terms, a, b, wanted, count)
    for one, other in zip((names, products), oracles.heaviest_shared(terms, terms, a, b, wanted, count), strict=True):
        same(one, other)
    dense = terms.toarray()
    for pair in range(min(pairs, 20)):
        product = np.where(wanted, dense[a[pair]] * dense[b[pair]], 0)
        best = sorted(np.flatnonzero(product).tolist(), key=lambda term: (-product[term], term))[:count]
        assert names[pair].tolist() == best + [-1] * (count - len(best))


@pytest.mark.parametrize("width", [1, 5, 64])
@pytest.mark.parametrize("function", ["dots", "gram"])
def test_products_of_vectors(function: str, width: int) -> None:
    rng = np.random.default_rng(width)
    vectors = integers.quantise(rng.normal(size=(300, 48)))
    for stories in (0, 1, 90):
        rows = np.sort(rows_of(rng, (stories, width), 300))[:, ::-1]  # empty places last
        asked = (vectors, rng.integers(0, 300, stories)) if function == "dots" else ()
        compiled: Callable[..., NDArray[Any]] = getattr(integers, function)
        plain: Callable[..., NDArray[Any]] = getattr(oracles, function)
        found, other = compiled(*asked, vectors, rows), plain(*asked, vectors, rows)
        held = rows >= 0
        read = held if asked else held[:, :, None] & held[:, None, :]
        same(np.where(read, found, 0), np.where(read, other, 0))


def test_lines_are_shared_out_whole_and_once() -> None:
    @kernel(least=10)
    def squares(start: int, stop: int, values: Any, found: Any) -> None:
        for line in range(start, stop):
            found[line] += values[line] * values[line]

    for lines in (0, 1, 10, 11, 1000):
        values, found = np.arange(lines), np.zeros(lines, dtype=np.int64)
        squares(lines, values, found)
        np.testing.assert_array_equal(found, values**2)


def test_machine_code_is_kept_for_later_processes_and_serves_arrays_of_saved_archives(tmp_path: Path) -> None:
    code = (
        "import numpy as np; from recommender.features.vectors import gram\n"
        "vectors, rows = np.ones((2, 3), dtype=np.int16), np.zeros((1, 1), dtype=np.int64)\n"
        "gram(vectors, rows); vectors.flags.writeable = False; gram(vectors, rows)"
    )
    kept = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}, check=True)
        kept.append({path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb*")})
    assert len(kept[0]) == 2  # an index and the code
    assert kept[0] == kept[1]


def test_machine_code_that_names_a_class_of_an_earlier_version_is_replaced(tmp_path: Path) -> None:
    loops = """
from recommender.compute.kernels import kernel
@kernel(least=10)
def double(start, stop, pair, found):
    for row in range(start, stop):
        found[row] = 2 * pair.values[row]
"""
    types = "from typing import NamedTuple; import numpy as np\nclass {name}(NamedTuple):\n    values: np.ndarray\n"
    code = "import numpy as np; import types_of, loops_of\nfound = np.zeros(30); pair = types_of.{name}(np.ones(30))\n"
    code += "loops_of.double(30, pair, found); assert (found == 2).all()"
    (tmp_path / "loops_of.py").write_text(loops)
    for name in ("Pair", "Renamed", "Renamed"):
        (tmp_path / "types_of.py").write_text(types.format(name=name))
        assert run_code(code.format(name=name), tmp_path) == 0


def test_a_change_of_a_part_in_another_file_is_noticed(tmp_path: Path) -> None:
    loops = """
from parts_of import times
from recommender.compute.kernels import kernel
@kernel(least=10, parts=(times,))
def multiply(start, stop, values, found):
    for row in range(start, stop):
        found[row] = times(values[row])
"""
    code = "import sys, numpy as np; from loops_of import multiply\nfound = np.zeros(30)\n"
    code += "multiply(30, np.ones(30), found); assert (found == int(sys.argv[1])).all(), found"
    (tmp_path / "loops_of.py").write_text(loops)
    for factor in ("2", "30", "30"):
        (tmp_path / "parts_of.py").write_text(f"def times(value):\n    return {factor} * value\n")
        assert run_code(code, tmp_path, factor) == 0


def test_without_a_folder_to_keep_machine_code_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import caching

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])

    @kernel(least=10)
    def ones(start: int, stop: int, found: Any) -> None:
        found[start:stop] = 1

    found = np.zeros(3)
    ones(3, found)
    assert found.all()


def test_memory_mapped_arrays(tmp_path: Any) -> None:
    terms, _, rng = archive(3)
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{name}.npy", getattr(terms, name))
    parts = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("data", "indices", "indptr")]
    mapped = sp.csr_matrix(tuple(parts), shape=terms.shape, copy=False)
    rows = rows_of(rng, (5, 6), terms.shape[0])
    same(tfidf.cosines(terms[:5], mapped, rows), tfidf.cosines(terms[:5], terms, rows))
