"""What is odd about a row is mended or dropped and told: it costs no row, one by one and in blocks alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from recommender.reading.read import read_articles


def read(**values: Any) -> tuple[dict[str, Any], list[str]]:
    """Read a story with some values by itself, and many of it as a block, which must give the same."""
    row = {"id": "a", "title": "Ferry aground", **values}
    table, report = read_articles([row])
    many, reports = read_articles([{**row, "id": str(number)} for number in range(40)])
    found, *others = table.drop_columns("id").to_pylist() + many.drop_columns("id").to_pylist()
    assert others == [found] * 40
    assert reports.notes.counts == {what: 40 * count for what, count in report.notes.counts.items()}
    return found, list(report.notes.counts)


@pytest.mark.parametrize(
    ("values", "section", "tags"),
    [
        ({"section": ["Local", "Sea"]}, "Local", ["Sea"]),
        ({"sections": [{"name": "Local", "id": 4}, {"name": "Sea"}], "tags": ["fog"]}, "Local", ["fog", "Sea"]),
        ({"categories": ["Local", "Sea", 7]}, "Local", ["Sea"]),
        ({"section": "['Local', 'Sea']"}, "Local", ["Sea"]),
        ({"section": [], "tags": ["fog"]}, None, ["fog"]),
        ({"Dachzeile": "Hafen", "section": "Lokales"}, "Lokales", ["Hafen"]),
        ({"kicker": "Opinion", "tags": "fog; sea"}, None, ["fog", "sea", "Opinion"]),
    ],
)
def test_further_sections_and_words_above_headlines_are_tags(values: Any, section: str | None, tags: list[str]) -> None:
    found, notes = read(**values)
    assert (found["section"], found["tags"], notes) == (section, tags, [])


def test_leads_that_repeat_the_title_are_told_apart_from_those_that_are_cut() -> None:
    assert read(lead="Ferry aground")[1] == ["leads repeat the title, and were left out"]
    cut = read(lead="It ran […]", body="It ran aground in fog.")[1]
    assert cut == ["leads are the beginning of the body, cut by a machine, and were left out"]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        (b'{"id": 1, "title": "Ferry\taground"}', "Ferry aground"),
        (b'{"id": 1, "title": "Ferry \\ud83d aground"}', "Ferry aground"),
        ('{"id": 1, "title": "F\xe4hre"}'.encode("latin-1"), "F\xe4hre"),
        (b'{"id": 1, "title": "Fer\x00ry"}', "Ferry"),
    ],
)
@pytest.mark.parametrize("indented", [False, True])
def test_a_text_with_what_json_forbids_costs_no_row(tmp_path: Path, line: bytes, title: str, indented: bool) -> None:
    path = tmp_path / "a.json"
    other = orjson.dumps({"id": 2, "title": "Frühling, größer, später"})
    path.write_bytes(b"[\n" + line + b",\n" + other + b"\n]\n" if indented else line + b"\n" + other + b"\n")
    table, report = read_articles(path)
    assert (" ".join(table["title"][0].as_py().split()), report.rejected) == (title, [])


def test_an_id_of_16_bytes_is_a_uuid() -> None:
    table, _ = read_articles([{"id": bytes(range(0xF0, 0x100)), "title": "Ferry aground"}])
    assert table["id"].to_pylist() == ["f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff"]
