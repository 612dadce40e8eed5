"""Formats of files and rows: a reader a file, registered in `registry.FORMATS`; shapes of rows in `shapes.SHAPES`."""

from recommender.reading.formats.registry import FORMATS, KNOWN, Format, format_named
from recommender.reading.formats.rows import BadRow
from recommender.reading.formats.stream import PASSED_OVER, Stream, is_readable, shown_name

__all__ = ["FORMATS", "KNOWN", "PASSED_OVER", "BadRow", "Format", "Stream", "format_named", "is_readable", "shown_name"]
