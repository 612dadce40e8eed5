"""What installed packages add: entry points in the groups `recommender.rules`, `recommender.embedders` and so on."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from recommender.errors import SettingsError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


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
    return {point.name: _loaded(kind, point) for point in _points(kind)}


def plugin(kind: str, name: str) -> Any:
    """Load what a package adds of a kind under a name; None if there is nothing.

    Raises
    ------
    SettingsError
        If it cannot be imported.

    Examples
    --------
    >>> plugin("embedders", "no such")
    """
    return next((_loaded(kind, point) for point in _points(kind) if point.name == name), None)


def names(kind: str) -> tuple[str, ...]:
    """Name what installed packages add of a kind; nothing of theirs is imported.

    Examples
    --------
    >>> names("formats")
    ()
    """
    return tuple(point.name for point in _points(kind))


def releases(kind: str) -> tuple[str, ...]:
    """Name what installed packages add of a kind, with their releases: what decides about lists beside the settings.

    Examples
    --------
    >>> releases("rules")
    ()
    """
    return tuple(f"{point.name}={point.value} {point.dist.version if point.dist else ''}" for point in _points(kind))


def _loaded(kind: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # whatever the code of others raises
        package = point.dist.name if point.dist else "an installed package"
        raise SettingsError(
            f"{package} adds {point.name!r} to recommender.{kind}, but {point.value} cannot be imported "
            f"({type(error).__name__}: {error}); mend or uninstall {package}"
        ) from error


@cache
def _points(kind: str) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # who only reads lists needs none

    return tuple(sorted(entry_points(group=f"recommender.{kind}"), key=lambda point: point.name))
