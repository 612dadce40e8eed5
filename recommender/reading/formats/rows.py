"""What readers of files yield: a line and its row, or why it could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias


class BadRow(ValueError):
    """A row that could not even be parsed."""


class LimitExceeded(Exception):
    """A file goes beyond a limit, and nothing after that can be told apart."""


Rows: TypeAlias = Iterator[tuple[int, Any]]
"""(line, raw row or BadRow)."""
