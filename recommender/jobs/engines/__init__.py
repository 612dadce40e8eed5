"""Where the steps of a job are computed: in this process, on a Ray cluster, or by an engine of your own."""

from __future__ import annotations

from collections.abc import Callable

from recommender.errors import SettingsError
from recommender.jobs.engines.protocol import Engine
from recommender.plugins import names, plugin


def _local(address: str | None) -> Engine:
    from recommender.jobs.engines.local import LocalEngine

    return LocalEngine()


def _ray(address: str | None) -> Engine:
    from recommender.jobs.engines.ray import RayEngine

    return RayEngine(address)


ENGINES: dict[str, Callable[[str | None], Engine]] = {"local": _local, "ray": _ray}
"""Functions that make each engine, given the address of its cluster; an engine is imported only when it is used."""


def make_engine(engine: str | Engine, address: str | None = None) -> Engine:
    """Make the engine of a name; an engine is returned as it is.

    Raises `SettingsError` if there is no engine of this name.
    """
    if not isinstance(engine, str):
        return engine
    make = ENGINES.get(engine) or plugin("engines", engine)
    if make is None:
        known = ", ".join([*ENGINES, *names("engines")])
        raise SettingsError(f"unknown engine {engine!r}; expected one of {known}, or an engine itself")
    made_engine: Engine = make(address)
    return made_engine
