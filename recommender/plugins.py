"""What installed packages add: entry points in the groups `recommender.rules`, `recommender.embedders` and so on."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from recommender.errors import SettingsError


def plugins(kind: str) -> dict[str, Any]:
    """Load what installed packages add of a kind, by the names that they gave it.

    A package adds a rule, say, by two lines of its ``pyproject.toml``::

        [project.entry-points."recommender.rules"]
        stale_opinion = "our_newsroom.rules:STALE_OPINION"

    Raises
    ------
    SettingsError
        If one cannot be imported: lists made without it would not be those that were wanted.

    Examples
    --------
    >>> plugins("rules")
    {}
    """
    found = {}
    for point in _points(kind):
        try:
            found[point.name] = point.load()
        except Exception as error:  # whatever the code of others raises
            package = point.dist.name if point.dist else "an installed package"
            raise SettingsError(
                f"{package} adds {point.name!r} to recommender.{kind}, but {point.value} cannot be imported "
                f"({type(error).__name__}: {error}); mend or uninstall {package}"
            ) from error
    return found


def releases(kind: str) -> tuple[str, ...]:
    """Name what installed packages add of a kind, with their releases: what decides about lists beside the settings.

    Examples
    --------
    >>> releases("rules")
    ()
    """
    return tuple(f"{point.name}={point.value} {point.dist.version if point.dist else ''}" for point in _points(kind))


def _points(kind: str) -> list[EntryPoint]:
    return sorted(entry_points(group=f"recommender.{kind}"), key=lambda point: point.name)
