"""Make systems by their names, and identify systems whose answers can be kept."""

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
    has_label = sign and label and "/" not in label and not Path(spec).exists()
    name, source = (label, rest) if has_label else ("", spec)
    if source == "default":
        return OwnSystem(name or source, Settings(), cache, "recommender with default settings")
    if (make := BASELINES.get(source) or plugin("systems", source)) is not None:
        system: System = make(name or source, cache)
        return system
    if source.endswith(".toml"):
        path = Path(source)
        return OwnSystem(name or path.stem, Settings.from_toml(source), cache, f"recommender with {path.name}")
    if is_database(source) or folder_kind(source) == "lists":
        return PublishedSystem(name or Path(redacted(source)).resolve().name, source)
    known = ", ".join(["default", *BASELINES, *names("systems")])
    raise SettingsError(
        f"unknown system {spec!r}; expected one of {known}, a .toml file of settings, or a folder or database URL with "
        "published lists"
    )


def identity_of(system: System) -> str | None:
    """Return a text that identifies everything but the articles that a system's answers depend on; None if unknown.

    Published lists have no identity, since they are only looked up.

    Examples
    --------
    >>> identity_of(make_system("bm25")), identity_of(make_system("default")) == identity_of(make_system("a=default"))
    ('Bm25', True)
    """
    if isinstance(system, OwnSystem):
        return f"{system.settings.fingerprint()} {system.ranker} {system.embedder.fingerprint}"
    kind = type(system)
    return kind.__name__ if kind in BASELINES.values() else None
