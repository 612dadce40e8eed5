"""Find the system that a name on the command line or in `evaluate` stands for."""

from __future__ import annotations

from pathlib import Path

from recommender.errors import SettingsError
from recommender.evaluation.systems.baselines import BASELINES
from recommender.evaluation.systems.system import OwnSystem, PublishedSystem, System
from recommender.plugins import names, plugin
from recommender.settings import Settings
from recommender.storage.database import is_database, redacted
from recommender.storage.versions import folder_kind


def make_system(spec: str, *, cache: Path | None = None) -> System:
    """Make a system by its name.

    Parameters
    ----------
    spec : str
        A built-in name, such as 'default' or 'tfidf'; a TOML file of settings; or a folder or database URL with
        published lists. `NAME=SPEC` gives it another name in reports.
    cache : path, optional
        Vector cache.

    Raises
    ------
    SettingsError
        If it is none of these.

    Examples
    --------
    >>> make_system("ours=default").name
    'ours'
    """
    label, sign, rest = spec.partition("=")
    named = sign and label and "/" not in label and not Path(spec).exists()
    name, what = (label, rest) if named else ("", spec)
    if what == "default":
        return OwnSystem(name or what, Settings(), cache, "recommender with default settings")
    if (make := BASELINES.get(what) or plugin("systems", what)) is not None:
        made: System = make(name or what, cache)
        return made
    if what.endswith(".toml"):
        return OwnSystem(
            name or Path(what).stem, Settings.from_toml(what), cache, f"recommender with {Path(what).name}"
        )
    if is_database(what) or folder_kind(what) == "lists":
        return PublishedSystem(name or Path(redacted(what)).resolve().name, what)
    known = ", ".join(["default", *BASELINES, *names("systems")])
    raise SettingsError(
        f"unknown system {spec!r}; expected one of {known}, a .toml file of settings, or a folder or database URL with "
        "published lists"
    )


def identity(system: System) -> str | None:
    """Name everything beside the articles that decides about a system's answers; None if that is not known.

    Published lists have none: they are only looked up.

    Examples
    --------
    >>> identity(make_system("bm25")), identity(make_system("default")) == identity(make_system("ours=default"))
    ('Bm25', True)
    """
    if isinstance(system, OwnSystem):
        return f"{system.settings.fingerprint()} {system.ranker} {system.embedder.fingerprint}"
    kind = type(system)
    return kind.__name__ if kind in BASELINES.values() else None
