"""What the terminal shows of a run."""

from __future__ import annotations

import sys

import pytest

from recommender.cli.app import main
from recommender.cli.display import print_summary
from recommender.jobs.summary import Summary


def test_stories_by_words_alone_were_not_embedded_before(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(Summary(stories=40, embedded=30, by_words={"ja": 9}, seconds={"reading": 1.0}), "lists")
    assert "30 (1 had a text embedded before)" in capsys.readouterr().out


def test_a_run_without_a_moment_says_how_many_stories_carry_a_date(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(Summary(stories=40, dated=18, not_computed=2), "lists")
    some = capsys.readouterr().out
    assert "as of  none: 18 of 40 stories carry a date, fewer than half: time does not count" in some
    assert "not computed yet  2 published after this run" in some
    print_summary(Summary(stories=40), "lists")
    assert "as of  none: no story carries a date: time does not count" in capsys.readouterr().out


def test_an_interrupted_command_says_what_it_leaves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        error = KeyboardInterrupt()
        error.add_note("nothing was published")
        raise error

    monkeypatch.setattr("recommender.jobs.precompute.precompute", interrupted)
    monkeypatch.setattr(sys, "argv", ["recommender", "precompute", __file__, "--lists", "out"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted; nothing was published\n"
