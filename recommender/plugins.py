"""Load the parts that installed packages add by entry points, such as those of `recommender.rules`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from recommender.errors import SettingsError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def plugins(kind: str) -> dict[str, Any]:
    """Load the parts of a kind that installed packages add, by name.

    A package adds a rule, say, by two lines of its ``pyproject.toml``::

        [project.entry-points."recommender.rules"]
        stale_opinion = "our_newsroom.rules:STALE_OPINION"

    Raises
    ------
    SettingsError
        If one cannot be imported, since lists without it would not be those that were wanted.

    Examples
    --------
    >>> plugins("rules")
    {}
    """
    return {point.name: _loaded(kind, point) for point in _points(kind)}


def plugin(kind: str, name: str) -> Any:
    """Load the part of a kind that a package adds under a name; None if there is none.

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
    """Return the names of the parts of a kind that installed packages add, without importing them.

    Examples
    --------
    >>> names("formats")
    ()
    """
    return tuple(point.name for point in _points(kind))


def releases(kind: str) -> tuple[str, ...]:
    """Return names and releases of the parts of a kind that installed packages add, as they may change lists.

    Examples
    --------
    >>> releases("rules")
    ()
    """
    return tuple(f"{point.name}={point.value} {point.dist.version if point.dist else ''}" for point in _points(kind))


def _loaded(kind: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # other packages may raise anything
        package = point.dist.name if point.dist else "an installed package"
        raise SettingsError(
            f"{package} adds {point.name!r} to recommender.{kind}, but {point.value} cannot be imported "
            f"({type(error).__name__}: {error}); mend or uninstall {package}"
        ) from error


@cache
def _points(kind: str) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # slow to import, and not needed to read lists

    return tuple(sorted(entry_points(group=f"recommender.{kind}"), key=lambda point: point.name))
