"""What the terminal shows of a run."""

from __future__ import annotations

import pytest

from recommender.cli.display import print_summary
from recommender.jobs.summary import Summary


def test_stories_by_words_alone_were_not_embedded_before(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(Summary(stories=40, embedded=30, by_words={"ja": 9}, seconds={"reading": 1.0}), "lists")
    assert "30 (1 had a text embedded before)" in capsys.readouterr().out
