"""Settings: what an earlier version called otherwise is refused with the name of today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recommender import Settings, SettingsError


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"floor": 0.2}, ["floor is now related_at"]),
        ({"event_limit": False}, ["event_limit is now same_report_hours and repeat_hours", "'none' to switch it off"]),
        ({"event_gap_hours": 72}, ["event_gap_hours is now repeat_hours"]),
        ({"event_span_days": 14}, ["event_span_days is now repeat_hours"]),
        ({"fill": ["window"]}, ["fill 'window' is now 'more'"]),
        ({"fill": ["caps", "recent"]}, ["fill 'caps' is now 'more'", "fill 'recent' is now 'more'"]),
        ({"fill": ["more", "same_section"]}, ["fill 'same_section' is now 'more'"]),
        ({"floor": 0.2, "event_limit": True}, ["floor is now related_at", "event_limit is now"]),
    ],
)
def test_a_name_of_before_is_refused_with_that_of_today(
    values: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    lines = [f"{name} = {str(value).lower() if isinstance(value, bool) else value}" for name, value in values.items()]
    (tmp_path / "s.toml").write_text("\n".join(["[selection]", *lines]), encoding="utf-8")
    dotted = {f"selection.{name}": value for name, value in values.items()}
    for give in (
        lambda: Settings.of({"selection": values}),
        lambda: Settings.from_toml(tmp_path / "s.toml"),
        lambda: Settings().override(dotted),
    ):
        with pytest.raises(SettingsError) as caught:
            give()
        for word in words:
            assert word in str(caught.value)


def test_a_file_that_is_no_toml_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"selection": {"k": 3}}')
    with pytest.raises(SettingsError, match=r"cannot read settings from .*a\.json, expected a file of TOML: "):
        Settings.from_toml(tmp_path / "a.json")


def test_what_never_was_a_setting_is_refused_plainly() -> None:
    for values in ({"roof": 1}, {"fill": ["everything"]}):
        with pytest.raises(SettingsError) as caught:
            Settings.of({"selection": values})
        assert "is now" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"selection": {"kk": 3}}, "selection.kk: there is no such name; expected one of k, reserves, related_at,"),
        ({"selection": {"k": "many"}}, "selection.k: expected a whole number (given: 'many')"),
        ({"selection": {"related_at": "high"}}, "selection.related_at: expected a number or 'auto' (given: 'high')"),
        ({"retrieval": {"same_language": "maybe"}}, "same_language: expected true or false (given: 'maybe')"),
        ({"selection": {"fill": 3}}, "selection.fill: expected a list (given: 3)"),
        ({"ranking": {"rankr": None}}, "did you mean 'ranker'? (given: none)"),  # as it is written on the command line
        ({"ranking": {"anchor": "as_of"}}, "ranking: set beside a ranker: anchor"),
    ],
)
def test_what_was_expected_is_told_in_plain_words(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of(values)
    assert words in str(caught.value)


def test_none_switches_the_time_rules_off(tmp_path: Path) -> None:
    names = ("related_at", "same_report_hours", "repeat_hours")
    (tmp_path / "s.toml").write_text("[selection]\nfill = []\n" + "".join(f'{name} = "none"\n' for name in names))
    found = Settings.from_toml(tmp_path / "s.toml").selection
    assert [getattr(found, name) for name in (*names, "fill")] == [None, None, None, ()]
    with pytest.raises(SettingsError, match=r"expected more than 0 \(given: 0\)"):
        Settings.of({"selection": {"repeat_hours": 0}})
