"""Frozen settings, one small class per stage; read from TOML, identified by a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from recommender.errors import SettingsError, did_you_mean
from recommender.settings.stages import (
    Cap,
    Column,
    EmbeddingSettings,
    Fill,
    PublishSettings,
    RankingSettings,
    ReadingSettings,
    RetrievalSettings,
    SelectionSettings,
    SeriesRule,
)
from recommender.settings.toml import read_toml, without_nones
from recommender.settings.validation import Stage, validate

__all__ = [
    "Cap",
    "Column",
    "EmbeddingSettings",
    "Fill",
    "PublishSettings",
    "RankingSettings",
    "ReadingSettings",
    "RetrievalSettings",
    "SelectionSettings",
    "SeriesRule",
    "Settings",
    "read_toml",
    "validate",
]


class Settings(Stage):
    """Everything that can change a list, frozen.

    Examples
    --------
    >>> settings = Settings.model_validate({"selection": {"k": 3}})
    >>> settings.selection.k, settings.ranking.half_life_days
    (3, 90.0)
    """

    reading: ReadingSettings = ReadingSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    ranking: RankingSettings = RankingSettings()
    selection: SelectionSettings = SelectionSettings()
    publish: PublishSettings = PublishSettings()

    @classmethod
    def relevance_only(cls) -> Self:
        """Order by relevance alone: no freshness, window, language rule or limits, and all items count as related.

        Examples
        --------
        >>> Settings.relevance_only().ranking.half_life_days is None
        True
        """
        return cls(
            retrieval=RetrievalSettings(window_days=None, same_language=False),
            ranking=RankingSettings(ranker="none", half_life_days=None),
            selection=SelectionSettings(
                related_at=None,
                drop_copies=False,
                same_report_hours=None,
                repeat_hours=None,
                live_hours=None,
                series_limit=False,
                caps=(),
                timeless_slots=None,
            ),
        )

    @property
    def before_selection(self) -> Self:
        """The same settings for the ranking alone: no age, window, rule or limit takes an item out."""
        alone = self.relevance_only()
        retrieval = alone.retrieval.model_copy(update={"candidates": self.retrieval.candidates})
        selection = alone.selection.model_copy(update={"reserves": 0})
        ranking = self.ranking.without_age
        return self.model_copy(update={"retrieval": retrieval, "ranking": ranking, "selection": selection})

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read settings from a TOML file with one table per stage, such as ``[selection]``.

        Raises
        ------
        SettingsError
            If the file is missing, is not TOML, or holds an unknown or impossible setting.
        """
        return cls.of(without_nones(read_toml(path, "settings")), origin=str(path))

    @classmethod
    def of(cls, values: Mapping[str, Any] | Settings, origin: str = "settings") -> Self:
        """Create settings from nested values, and validate them; `origin` names their source in errors.

        Raises
        ------
        SettingsError
            If a name is unknown or a value impossible; the message lists each fault.
        """
        if not isinstance(values, Mapping | Settings):
            raise SettingsError(
                f"{origin}: got a {type(values).__name__}, expected Settings or a mapping such as "
                "{'selection': {'k': 3}}; Settings.from_toml(path) reads a file"
            )
        return validate(cls, values if isinstance(values, Settings) else dict(values), origin)

    def override(self, dotted: dict[str, Any]) -> Self:
        """Copy the settings with values replaced by dotted name, such as ``{"selection.k": 3}``.

        Raises
        ------
        SettingsError
            If a name or value is not a setting.
        """
        values = self.model_dump()
        for name, value in dotted.items():
            stage, _, field = name.partition(".")
            if stage not in values or not field:
                names = [f"{stage_name}.{setting}" for stage_name, settings in values.items() for setting in settings]
                suggestion = did_you_mean(name, names)
                raise SettingsError(f"unknown setting {name!r}; expected STAGE.NAME, such as selection.k{suggestion}")
            values[stage][field] = value
        return type(self).of(without_nones(values))

    def with_columns(self, columns: Mapping[str, str] | None) -> Self:
        """Add columns of fields to `reading.columns`, so that later inputs of the same archive are read alike."""
        return self.model_copy(update={"reading": self.reading.with_columns(columns)}) if columns else self

    def fingerprint(self) -> str:
        """Compute sixteen hex digits that change exactly when a setting does; `reading.columns` only names columns."""
        values = self.model_dump_json(exclude={"reading": {"columns"}})
        return hashlib.sha256(values.encode()).hexdigest()[:16]
