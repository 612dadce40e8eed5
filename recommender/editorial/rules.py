"""Editorial rules as data: pins, blocks, no list, sensitive stories, boosts, caps, series."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from recommender.articles.catalog import Catalog
from recommender.articles.columns import has_tag, is_in
from recommender.articles.id_types import id_text
from recommender.editorial.decisions import BoostEntry
from recommender.editorial.rules_csv import read_csv
from recommender.errors import SettingsError, did_you_mean
from recommender.settings import Cap, SeriesRule, read_toml, validate

StoryId: TypeAlias = Annotated[str, BeforeValidator(id_text)]
"""The id of a story, which may be written as a whole number."""
_SUGGESTED = 10  # unknown names for which a similar one is sought, since each is compared with all


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Dated(_Rule):
    until: datetime | None = Field(None, description="last moment at which the rule holds; without a zone: UTC")

    @field_validator("until")
    @classmethod
    def _zoned(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value

    def holds(self, as_of: datetime) -> bool:
        """Check whether the rule has not expired at a moment."""
        return self.until is None or as_of <= self.until


class Pin(_Dated):
    """Put `item` at `position` of the list under `story`."""

    story: StoryId
    item: StoryId
    position: int = Field(1, ge=1, le=1_000)
    by: str = Field("", description="who pinned it, for the reason shown")


class Block(_Rule):
    """Keep `item` out of every list or, with `story`, of one; or keep two topics (tags or sections) apart."""

    item: StoryId | None = None
    story: StoryId | None = None
    topics: tuple[str, str] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.item is None) == (self.topics is None) or (self.topics is not None and self.story is not None):
            raise ValueError("needs an item, an item and a story, or a pair of topics")
        return self


class Sensitive(_Rule):
    """Stories with a `sensitivity` in `values` have no light item, and stand neither next to nor under a light one."""

    values: tuple[str, ...] = ("death", "suicide", "abuse", "court")
    light_sections: tuple[str, ...] = ()
    light_kinds: tuple[str, ...] = ()


class Boost(_Dated):
    """Multiply the score by `factor`: above 1 lifts, below 1 buries; neither makes an item related."""

    by: Literal["section", "tag", "kind", "author"]
    value: str
    factor: float = Field(gt=0, le=100)


class Rules(_Rule):
    """Decisions of editors, as data.

    Examples
    --------
    >>> rules = Rules.of({"pins": [{"story": "a", "item": "b", "by": "the night desk"}], "no_list": ["c"]})
    >>> rules.pins[0].position, rules.no_list
    (1, ('c',))
    """

    pins: tuple[Pin, ...] = ()
    blocks: tuple[Block, ...] = ()
    no_list: tuple[StoryId, ...] = Field((), description="stories that get no list at all")
    sensitive: Sensitive | None = None
    boosts: tuple[Boost, ...] = ()
    caps: tuple[Cap, ...] = Field((), description="further limits, such as at most two paid items")
    series: tuple[SeriesRule, ...] = Field((), description="recurring formats")
    evergreen_slots: Literal[0, 1] | None = Field(None, description="overrides `selection.timeless_slots`")
    desk: tuple[Boost, ...] = Field(
        (), description="boosts that editors set at the desk, as a run found them in the overlay; no file names them"
    )

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read rules from a file: .toml, .json, or .csv with one rule a row.

        A CSV has the columns ``rule`` (pin, block, no_list, sensitive, boost, cap, series, evergreen_slots) and the
        fields of the rules, separated by commas, semicolons or tabs; several values in one cell are separated by
        ``|``.

        Raises
        ------
        SettingsError
            If the file cannot be read or a rule is impossible; the message lists each fault.
        """
        path = Path(path)
        if path.suffix.casefold() == ".toml":
            return cls.of(read_toml(path, "rules"), origin=str(path))
        try:
            data = path.read_bytes()
            if path.suffix.casefold() == ".csv":
                values = read_csv(data, str(path))
            elif path.suffix.casefold() == ".json":
                values = orjson.loads(data)
            else:
                raise SettingsError(f"{path}: rules are read from .toml, .json or .csv files")
        except (OSError, UnicodeDecodeError, orjson.JSONDecodeError, csv.Error) as error:
            raise SettingsError(f"cannot read rules from {path}: {error}") from error
        return cls.of(values, origin=str(path))

    @classmethod
    def of(cls, values: Mapping[str, Any] | Rules, origin: str = "rules") -> Self:
        """Create rules from nested values, and validate them; `origin` names their source in errors."""
        if not isinstance(values, Mapping | Rules):
            raise SettingsError(
                f"{origin}: got a {type(values).__name__}, expected Rules or a mapping such as "
                "{'no_list': ['story-1']}; Rules.read(path) reads a file"
            )
        return validate(cls, values if isinstance(values, Rules) else dict(values), origin)

    def with_desk_boosts(self, boosted: Collection[BoostEntry]) -> Self:
        """Return the rules with the boosts of the overlay, in place of those of an earlier run."""
        boosts = tuple(
            Boost.model_validate({"by": "section", "value": section, "factor": factor, "until": until})
            for section, factor, until, _ in sorted(boosted)
        )
        return self if boosts == self.desk else self.model_copy(update={"desk": boosts})

    def check(
        self,
        known: Collection[str],
        as_of: datetime | None = None,
        values: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> tuple[str, ...]:
        """Find unknown ids and values, contradictions and expired rules, and describe each in a sentence.

        Parameters
        ----------
        known : collection of str
            Ids of the archive.
        as_of : datetime, optional
            Moment at which a rule counts as expired.
        values : mapping of str to collection of str
            The values that stories have, by column, as `known_values` finds them; other columns are not checked.
        """
        dated: tuple[Pin | Boost, ...] = (*self.pins, *self.boosts)
        expired = () if as_of is None else (rule for rule in dated if not rule.holds(as_of))
        faults = [
            *self._unknown_ids(known),
            *self._unknown_values(values),
            *self._contradictory_pins(),
            *self._contradictory_boosts(),
            *(f"{_name(rule)}: expired on {rule.until:%Y-%m-%d %H:%M}" for rule in expired),
        ]
        return tuple(dict.fromkeys(faults))

    def _unknown_ids(self, known: Collection[str]) -> Iterator[str]:
        ids = [
            *((_name(pin), article_id) for pin in self.pins for article_id in (pin.story, pin.item)),
            *(
                ("block", article_id)
                for block in self.blocks
                for article_id in (block.item, block.story)
                if article_id is not None
            ),
            *(("no_list", article_id) for article_id in self.no_list),
        ]
        unknown = [(rule, article_id) for rule, article_id in ids if article_id not in known]
        suggestions = {article_id: did_you_mean(article_id, known) for _, article_id in unknown[:_SUGGESTED]}
        for rule, article_id in unknown:
            yield f"{rule}: no story {article_id!r} in the archive{suggestions.get(article_id, '')}"

    def _unknown_values(self, values: Mapping[str, Collection[str]]) -> Iterator[str]:
        unknown: list[tuple[str, str, str, set[str]]] = []
        for rule, columns, value in self.named_values():
            if all(column in values for column in columns):
                known = set().union(*(values[column] for column in columns))
                if (value.casefold() if columns == ("kind",) else value) not in known:  # kinds are stored folded
                    unknown.append((rule, " or ".join(columns), value, known))
        for number, (rule, columns_text, value, known) in enumerate(unknown):
            meant = did_you_mean(value, known) if number < _SUGGESTED else ""
            yield f"{rule}: no story has the {columns_text} {value!r}{meant}"

    def named_values(self) -> Iterator[tuple[str, tuple[str, ...], str]]:
        """Yield each value of a column that a rule names: the rule, the columns that may hold it, and the value."""
        for boost in self.boosts:
            yield _name(boost), (boost.by,), boost.value
        for block in self.blocks:
            for topic in block.topics or ():
                yield "block", ("section", "tag"), topic
        for cap in self.caps:
            if cap.value is not None:
                yield "cap", (cap.by,), cap.value
        for rule in self.series:
            for column, value in (("section", rule.section), ("tag", rule.tag)):
                if value is not None:
                    yield f"series {rule.name!r}", (column,), value
        if self.sensitive is not None:
            columns = {"values": "sensitivity", "light_sections": "section", "light_kinds": "kind"}
            for name in sorted(self.sensitive.model_fields_set, key=list(columns).index):
                for value in getattr(self.sensitive, name):
                    yield f"sensitive, {name}", (columns[name],), value

    def known_values(self, catalog: Catalog) -> dict[str, set[str]]:
        """Collect the values that the current stories of a catalog have in the columns that these rules name."""
        known = {}
        for name in {column for _, columns, _ in self.named_values() for column in columns}:
            column = catalog.table["tags" if name == "tag" else name].filter(pa.array(catalog.alive))
            values = pc.list_flatten(column) if name == "tag" else column
            known[name] = {value for value in values.unique().to_pylist() if value}
        return known

    def counts(self) -> dict[str, int]:
        """Count the rules of each kind."""
        counts = {name: len(getattr(self, name)) for name in ("pins", "blocks", "no_list", "boosts", "caps", "series")}
        single = {name: int(getattr(self, name) is not None) for name in ("sensitive", "evergreen_slots")}
        return counts | single

    def _contradictory_pins(self) -> Iterator[str]:
        blocked_everywhere = {block.item for block in self.blocks if block.item is not None and block.story is None}
        blocked_pairs = {(block.story, block.item) for block in self.blocks if block.story is not None}
        items: dict[tuple[str, int], str] = {}
        positions: dict[tuple[str, str], int] = {}
        for pin in self.pins:
            if pin.item == pin.story:
                yield f"{_name(pin)}: a story cannot stand under itself; the pin is ignored"
            if pin.item in blocked_everywhere or (pin.story, pin.item) in blocked_pairs:
                yield f"{_name(pin)}: the item is blocked there; the block wins"
            if pin.story in self.no_list:
                yield f"{_name(pin)}: the story has no list (no_list); the pin is ignored"
            other = items.setdefault((pin.story, pin.position), pin.item)
            if other != pin.item:
                yield f"{_name(pin)}: position {pin.position} is also given to {other!r}; both are shown in turn"
            first = positions.setdefault((pin.story, pin.item), pin.position)
            if first != pin.position:
                yield f"{_name(pin)}: given to positions {first} and {pin.position}; the first of them counts"

    def _contradictory_boosts(self) -> Iterator[str]:
        factors: dict[tuple[str, str], float] = {}
        for boost in self.boosts:
            first = factors.setdefault((boost.by, boost.value), boost.factor)
            if first != boost.factor:
                yield f"{_name(boost)}: factors {first:g} and {boost.factor:g}; both apply"


NO_RULES = Rules()


def _name(rule: Pin | Boost) -> str:
    if isinstance(rule, Pin):
        return f"pin of {rule.item!r} under {rule.story!r}"
    return f"boost of {rule.by} {rule.value!r}"


@dataclass(frozen=True)
class RuleMarks:
    """The properties of n stories that rules depend on."""

    topics: NDArray[np.bool_]  # (n, t, 2); membership in the two topics of each of the t blocked pairs
    sensitive: NDArray[np.bool_]  # (n,)
    light: NDArray[np.bool_]  # (n,)

    @classmethod
    def from_table(cls, table: pa.Table, rules: Rules) -> RuleMarks:
        """Compute the marks of the rows of a table of `articles.SCHEMA`."""
        pairs = [block.topics for block in rules.blocks if block.topics is not None]
        topics = np.zeros((len(table), len(pairs), 2), dtype=bool)
        for number, pair in enumerate(pairs):
            for side, topic in enumerate(pair):
                topics[:, number, side] = is_in(table, "section", [topic]) | has_tag(table, [topic])
        sensitive = rules.sensitive
        if sensitive is None:
            none = np.zeros(len(table), dtype=bool)
            return cls(topics, none, none)
        is_light = is_in(table, "section", sensitive.light_sections) | is_in(table, "kind", sensitive.light_kinds)
        return cls(topics, is_in(table, "sensitivity", sensitive.values), is_light)


@dataclass(frozen=True, kw_only=True)
class RowRules:
    """The rules of a moment, as arrays over the rows of a catalog."""

    rules: Rules
    blocked: NDArray[np.bool_]  # (n,); rows that stand in no list
    pairs: NDArray[np.int64]  # (p,); ``story * n + item`` of blocks under one story
    no_list: NDArray[np.bool_]  # (n,)
    boost: NDArray[np.float64]  # (n,)
    pins: dict[int, list[tuple[int, int]]]  # story row -> (position, item row), in order of position
    pinned_by: dict[tuple[str, str], str]  # story and item -> who pinned it
    marks: RuleMarks  # n rows

    @classmethod
    def compile(
        cls, rules: Rules, catalog: Catalog, as_of: datetime, blocks: Collection[tuple[str, str | None]]
    ) -> RowRules:
        """Compile rules; `blocks` are those of the overlay, (item, story or None)."""
        n_rows = len(catalog)
        blocks = {(block.item, block.story) for block in rules.blocks if block.item is not None}.union(blocks)
        blocked, no_list = np.zeros(n_rows, dtype=bool), np.zeros(n_rows, dtype=bool)
        blocked[catalog.known_rows(item for item, story in blocks if story is None)] = True
        no_list[catalog.known_rows(rules.no_list)] = True
        pairs = [
            catalog.row(story) * n_rows + catalog.row(item)
            for item, story in blocks
            if story is not None and story in catalog and item in catalog
        ]
        return cls(
            rules=rules,
            blocked=blocked,
            pairs=np.array(sorted(pairs), dtype=np.int64),
            no_list=no_list,
            boost=_boost_factors(rules, catalog.table, as_of),
            pins=_pins_by_row(rules.pins, catalog, as_of),
            pinned_by={(pin.story, pin.item): pin.by for pin in rules.pins},
            marks=RuleMarks.from_table(catalog.table, rules),
        )

    def pinned_rows(self, stories: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the pinned rows of stories and their positions, int64 (q, p), in order of position; -1 = none."""
        width = max((len(self.pins.get(story, ())) for story in stories.tolist()), default=0)
        rows = np.full((len(stories), width), -1, dtype=np.int64)
        positions = rows.copy()
        if width:
            for row, story in enumerate(stories.tolist()):
                for column, (position, item) in enumerate(self.pins.get(story, ())):
                    rows[row, column], positions[row, column] = item, position
        return rows, positions


def _boost_factors(rules: Rules, table: pa.Table, as_of: datetime) -> NDArray[np.float64]:
    """Multiply the factors of the boosts that hold for each row, (n,)."""
    factors = np.ones(len(table))
    for boost in (*rules.boosts, *rules.desk):
        if boost.holds(as_of):
            matches = has_tag(table, [boost.value]) if boost.by == "tag" else is_in(table, boost.by, [boost.value])
            factors[matches] *= boost.factor
    return factors


def _pins_by_row(pins: Iterable[Pin], catalog: Catalog, as_of: datetime) -> dict[int, list[tuple[int, int]]]:
    """Find the pins that hold under each story row, as (position, item row), in order of position."""
    positions: dict[int, dict[int, int]] = {}
    for pin in pins:
        if pin.holds(as_of) and pin.story in catalog and pin.item in catalog and pin.item != pin.story:
            position_of = positions.setdefault(catalog.row(pin.story), {})
            item = catalog.row(pin.item)
            position_of[item] = min(pin.position, position_of.get(item, pin.position))
    return {
        story: sorted((position, item) for item, position in position_of.items())
        for story, position_of in positions.items()
    }
