"""The short form of `python -m tests.soak`."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests.soak import watch
from tests.soak.__main__ import run


@pytest.mark.parametrize("window", [None, 4])
def test_a_week_of_a_newsroom_leaves_nothing_behind(window: int | None, tmp_path: Path) -> None:
    gc.collect()
    gc.freeze()  # the soak collects every hour, and need not go through what other tests have left
    found = run(days=6, stories=20, refreshes=4, seed=0, format="parquet", root=tmp_path, tell=False, window=window)
    assert found["wrong"] == []
    assert found["counts"]["refreshes"] == 24
    assert found["lists_compared"] > 250
    assert found["candidates_compared"] > 500
    assert all(found["counts"].get(what, 0) >= 1 for what in ("epochs", "compactions", "withdraw", "restore"))


def test_growth_beyond_the_archive_is_told() -> None:
    process = watch.Process(list(range(100)), [], [], [5] * 100, [3] * 100)
    process.in_use = process.resident = [watch.MIB * 200] * 100
    assert list(process.wrong()) == []
    process.in_use = [watch.MIB * 200 + at * watch.MIB // 10 for at in range(100)]
    process.files = [5 + at // 60 for at in range(100)]
    told = list(process.wrong())
    assert [one.split(" grew")[0] for one in told] == ["memory in use", "open files"]
