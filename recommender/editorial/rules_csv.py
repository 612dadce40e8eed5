"""Editorial rules as spreadsheets write them: a CSV with one rule a row."""

from __future__ import annotations

import codecs
import csv
from io import StringIO
from typing import Any

from recommender.errors import SettingsError

_PLURAL = {"pin": "pins", "block": "blocks", "boost": "boosts", "cap": "caps", "series": "series"}
_SEPARATORS = (",", ";", "\t")
_LISTS = ("topics", "values", "light_sections", "light_kinds")


def read_csv(data: bytes, origin: str) -> dict[str, Any]:
    """Read the rules of a CSV, one a row, as nested values; `origin` names the file in errors.

    Raises `SettingsError` if a row has more cells than columns, or names no rule, and `csv.Error` if a quote is not
    closed.
    """
    values: dict[str, Any] = {}
    text = _decode(data)
    header = text.partition("\n")[0].rstrip("\r")
    lines = StringIO(text, newline="")
    names_separator = header.casefold().startswith("sep=")
    if names_separator:
        lines.readline()
    reader = csv.DictReader(lines, delimiter=_separator(header), strict=True)
    for row in reader:
        number = reader.line_num + names_separator
        if any(cell.strip() for cell in row.get(None) or ()):
            raise SettingsError(f"{origin}, line {number}: more cells than columns: {row[None]}")
        cells = {name: cell.strip() for name, cell in row.items() if name and isinstance(cell, str) and cell.strip()}
        if not cells:
            continue
        rule = cells.pop("rule", "")
        fields = {name: cell.split("|") if name in _LISTS else cell for name, cell in cells.items()}
        if rule in _PLURAL:
            values.setdefault(_PLURAL[rule], []).append(fields)
        elif rule == "no_list":
            if set(cells) != {"story"}:
                raise SettingsError(f"{origin}, line {number}: no_list needs a story and nothing else; found {cells}")
            values.setdefault("no_list", []).append(cells["story"])
        elif rule == "sensitive":
            values["sensitive"] = fields
        elif rule == "evergreen_slots":
            value = cells.get("value", "")
            values["evergreen_slots"] = int(value) if value in ("0", "1") else value
        else:
            raise SettingsError(
                f"{origin}, line {number}: unknown rule {rule!r}; expected one of "
                f"{', '.join([*_PLURAL, 'no_list', 'sensitive', 'evergreen_slots'])}"
            )
    return values


def _decode(data: bytes) -> str:
    """Decode a CSV as spreadsheets write it: UTF-8, UTF-16 with its mark, or Windows-1252."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def _separator(header: str) -> str:
    """Return what separates the columns of a header: the mark that makes the most; ``sep=;`` names it."""
    if header.casefold().startswith("sep=") and len(header) == 5:
        return header[4]
    return max(_SEPARATORS, key=header.count)
