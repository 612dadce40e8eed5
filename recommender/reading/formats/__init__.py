"""Formats of files and rows: a reader a file, registered in `stream.FORMATS`; shapes of rows in `shapes.SHAPES`."""

from recommender.reading.formats.rows import BadRow
from recommender.reading.formats.stream import FORMATS, Stream, format_of, shown_name

__all__ = ["FORMATS", "BadRow", "Stream", "format_of", "shown_name"]
