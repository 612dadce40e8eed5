"""The short forms of `python -m tests.faults`, `.flips` and `.readers`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.faults import __main__ as faults
from tests.faults.flips import flip
from tests.faults.readers import contend

ROOT = os.getuid() == 0 and shutil.which("mount") is not None


def test_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = [kind for kind in faults.KINDS if ROOT or kind not in ("disk", "rights")]  # these two need root
    status = faults.main(["--runs", "12", "--seed", "1", "--kind", *kinds])
    assert status == 0, capsys.readouterr().out


def test_damage_is_reported_or_harmless(tmp_path: Path) -> None:
    counts, wrong = flip(32, 1, tmp_path)
    assert wrong == []
    assert sum(count for (_, outcome), count in counts.items() if outcome == "reported") >= 10


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_readers_beside_a_writer_see_whole_versions(format: str, tmp_path: Path) -> None:
    found = contend(str(tmp_path / "out"), format, 60, 2, versions=4, pause=0.5)
    assert found["wrong"] == []
    assert found["withdrawals"] >= 3
    assert found["fewest_versions_seen"] >= 4
