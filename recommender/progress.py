"""The type of progress callbacks."""

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called with (stage, done, total); total is None while unknown."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Ignore the progress."""
