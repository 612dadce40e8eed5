"""Tables of HTML whose columns are those of stories -> rows: what many systems export as a file of Excel."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from recommender.reading.formats.rows import BadRow, Rows
from recommender.reading.formats.spreadsheet import find_header
from recommender.reading.names import known_names

_MARKUP = "p,br,a,div,li,em,strong,b,i"  # of texts that are more than one line


def rows_of_tables(tree: LexborHTMLParser) -> Rows:
    """Read the rows of all tables with columns of stories, numbered by their place among all rows of tables."""
    line = 0
    for table in tree.css("table"):
        if len(table.css("table")) > 1:  # of layout, around others
            continue
        rows = [list(_cells(row)) for row in table.css("tr")]
        header = find_header([[text for text, _ in row] for row in rows])
        names = [text for text, _ in rows[header]] if header is not None else []
        if header is not None and _are_of_stories(names):
            texts = [known_names([name]) <= {"body", "lead"} for name in names]
            for number, row in enumerate(rows[header + 1 :], line + header + 2):
                if len(row) != len(names):
                    yield number, BadRow(f"{len(row)} cells, expected {len(names)} as in the header")
                elif any(text for text, _ in row) and [text for text, _ in row] != names:  # as below many tables
                    cells = (markup if is_text else text for (text, markup), is_text in zip(row, texts, strict=True))
                    yield number, dict(zip(names, cells, strict=True))
        line += len(rows)


def _are_of_stories(names: list[str]) -> bool:
    fields = known_names(names)
    return {"id", "title"} <= fields and not fields.isdisjoint(("body", "published_at", "url"))


def _cells(row: LexborNode) -> Iterator[tuple[str, str]]:
    """Yield each cell of a row as text and with its markup; one that spans columns is followed by empty ones."""
    for cell in row.css("th,td"):
        text = " ".join(cell.text().split())
        yield text, (cell.html or "") if cell.css_first(_MARKUP) is not None else text
        width = cell.attributes.get("colspan") or "1"
        yield from [("", "")] * (int(width) - 1 if width.isdecimal() and len(width) < 4 else 0)
