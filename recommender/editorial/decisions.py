"""The decisions of an overlay at one moment, as a value: who was withdrawn, withheld, blocked, pinned and boosted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

Action = Literal["withdraw", "restore", "withhold", "release", "block", "unblock", "pin", "unpin", "boost", "unboost"]
Pair = tuple[str, str | None]
PinEntry = tuple[str, str, int, str | None, str]
BoostEntry = tuple[str, float, str | None, str]
Entry = str | Pair | PinEntry | BoostEntry
KINDS: dict[Action, tuple[str, bool]] = {
    "withdraw": ("withdrawn", True),
    "restore": ("withdrawn", False),
    "withhold": ("withheld", True),
    "release": ("withheld", False),
    "block": ("blocked", True),
    "unblock": ("blocked", False),
    "pin": ("pinned", True),
    "unpin": ("pinned", False),
    "boost": ("boosted", True),
    "unboost": ("boosted", False),
}
"""The field of `Decisions` that each action changes, and whether it adds to it."""
_ONCE = ("pinned", "boosted")


def inverse(action: Action) -> Action:
    """Return the action that undoes another.

    Examples
    --------
    >>> inverse("withdraw"), inverse("unpin")
    ('restore', 'pin')
    """
    name, adds = KINDS[action]
    return next(other for other, kind in KINDS.items() if kind == (name, not adds))


def _entry_key(name: str, entry: Any) -> Any:
    """Return the key of an entry among those of its kind: item and story of a pin, the section of a boost."""
    if name == "boosted":
        return entry if isinstance(entry, str) else entry[0]
    return entry[:2] if name == "pinned" else entry


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayPin:
    """An item that editors put at a place of a published list, without a new run."""

    item: str
    story: str
    position: int  # 1 is the first; a position beyond the list is its last
    until: datetime | None = None  # last moment at which the pin holds
    by: str = ""  # who pinned the item, for the reason shown

    def holds(self, now: datetime) -> bool:
        """Check whether the pin has not ended at a moment."""
        return self.until is None or now <= self.until


@dataclass(frozen=True)
class Decisions:
    """All decisions that hold, and what was undone last; replaced as a whole, so that no reader sees half a change."""

    withdrawn: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    blocked: frozenset[Pair] = frozenset()  # item and story; None = under every story
    pinned: frozenset[PinEntry] = frozenset()  # item, story, position, end as text or None, who
    boosted: frozenset[BoostEntry] = frozenset()  # section, factor, end as text or None, who
    undone: Mapping[str, frozenset[Entry]] = field(default_factory=dict)  # by kind, such as 'withdrawn'

    def apply(self, action: Action, entries: Iterable[Any]) -> Decisions:
        """Return the decisions after an action, whose entries may come from JSON.

        Examples
        --------
        >>> Decisions().apply("pin", [["b", "a", 2, None, "night desk"]]).apply("unpin", [["b", "a"]]).pinned
        frozenset()
        """
        name, adds = KINDS[action]
        changed = frozenset(entry if isinstance(entry, str) else tuple(entry) for entry in entries)
        before: frozenset[Any] = getattr(self, name)
        undone = self.undone.get(name, frozenset())
        keys = frozenset(_entry_key(name, entry) for entry in changed)
        if name in _ONCE:  # an item has one position in a list, a section one factor
            before = frozenset(entry for entry in before if _entry_key(name, entry) not in keys)
        fields: dict[str, Any] = {
            name: before | changed if adds else before - changed,
            "undone": {**self.undone, name: undone - keys if adds else undone | keys},
        }
        return replace(self, **fields)

    def effective_entries(self, action: Action, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries for which an action changes something."""
        name, adds = KINDS[action]
        present: frozenset[Any] = getattr(self, name)
        if not adds:
            present = frozenset(_entry_key(name, entry) for entry in present)
        return [entry for entry in entries if (entry in present) != adds]

    @cached_property
    def pins(self) -> dict[str, tuple[OverlayPin, ...]]:
        """The pins of each story that has any, in the order of their positions."""
        pins_of_story: dict[str, list[OverlayPin]] = {}
        for item, story, position, until, by in sorted(self.pinned, key=lambda entry: (entry[2], entry[0])):
            end = None if until is None else datetime.fromisoformat(until)
            pin = OverlayPin(item=item, story=story, position=position, until=end, by=by)
            pins_of_story.setdefault(story, []).append(pin)
        return {story: tuple(pins) for story, pins in pins_of_story.items()}

    def factors(self, now: datetime) -> dict[str, float]:
        """Return the factor of each section whose boost has not ended at a moment."""
        boosts = ((section, factor, until) for section, factor, until, _ in self.boosted)
        return {
            section: factor
            for section, factor, until in boosts
            if until is None or now <= datetime.fromisoformat(until)
        }
