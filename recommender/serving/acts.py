"""What editors do: checked, written to the journal, then to the overlay, where every reader sees it at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import orjson

from recommender.editorial.decisions import Action, Decisions, Entry
from recommender.editorial.journal import Journal
from recommender.editorial.overlay import pin_entry
from recommender.errors import RowError, SettingsError
from recommender.publishing import PublishedLists
from recommender.reading.times import to_time

ACTIONS: tuple[Action, ...] = get_args(Action)
INVERSE: dict[str, Action] = {
    "withdraw": "restore",
    "restore": "withdraw",
    "withhold": "release",
    "release": "withhold",
    "block": "unblock",
    "unblock": "block",
    "pin": "unpin",
    "unpin": "pin",
}
_MOST = 500  # characters of who and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One decision of an editor.

    Attributes
    ----------
    what : str
        As the commands are called: withdraw, restore, withhold, release, block, unblock, pin, unpin.
    item : str
    story : str or None
        Whose list it is about; None of a block = everywhere.
    position : int
    until : datetime or None
    who, why : str
    """

    what: Action
    item: str
    story: str | None
    position: int
    until: datetime | None
    who: str
    why: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Act:
        """Read a form or a JSON object.

        Raises
        ------
        SettingsError
            Naming what is missing or impossible.
        """
        given = dict(given)
        if given.get("what") == "block-everywhere":  # a choice of the desk's forms
            given |= {"what": "block", "story": None}
        text = {name: str(given.get(name) or "").strip() for name in ("what", "item", "story", "until", "who", "why")}
        action = next((one for one in ACTIONS if one == text["what"]), None)
        if action is None:
            raise SettingsError(f"what is {text['what']!r}, expected one of {', '.join(ACTIONS)}")
        for name, asked in (("item", "which story"), ("who", "who decides"), ("why", "why")):
            if not text[name]:
                raise SettingsError(f"{name} is empty: say {asked}")
        if len(text["who"]) > _MOST or len(text["why"]) > _MOST:
            raise SettingsError(f"who and why may have {_MOST} characters each")
        if action in ("pin", "unpin") and not text["story"]:
            raise SettingsError("story is empty: say in whose list")
        return cls(
            what=action,
            item=str(given["item"]),
            story=(str(given["story"]) if text["story"] else None) if action in _UNDER_STORIES else None,
            position=_position(given.get("position")),
            until=_end(text["until"]),
            who=text["who"],
            why=text["why"],
        )

    @property
    def entry(self) -> Entry:
        """The entry that the overlay keeps of the act."""
        if self.what == "pin":
            return pin_entry(self.item, self.story or "", self.position, self.until, self.who)
        if self.what == "unpin":
            return self.item, self.story or ""
        return (self.item, self.story) if self.what in _UNDER_STORIES else self.item


_UNDER_STORIES = ("block", "unblock", "pin", "unpin")


def _position(given: Any) -> int:
    text = str(given or 1)
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise SettingsError(f"position is {text[:40]!r}, expected a place of the list, such as 1")
    return int(text)


def _end(text: str) -> datetime | None:
    try:
        found = to_time(text) if text else None
    except RowError as error:
        raise SettingsError(f"until: {error}") from None
    if found is None:
        return None
    if (found.hour, found.minute, found.second) == (0, 0, 0):
        found += timedelta(days=1, seconds=-1)  # a day that is named counts as a whole
    if found <= datetime.now(UTC):
        raise SettingsError(f"until: {text} has passed")
    return found


class Acts:
    """Does what editors decide.

    Parameters
    ----------
    journal : Journal
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def do(self, lists: PublishedLists, act: Act, token: str, undoes: str | None = None) -> dict[str, Any]:
        """Write an act to the journal and then to the overlay; gives the entry of the journal.

        The journal comes first: nothing has an effect that it does not tell, however a process ends.

        Raises
        ------
        SettingsError
            If the act would change nothing.
        PublishError
            If journal or overlay cannot be written.
        """
        with self.journal.writing() as add:
            lists.tombstones.refresh()
            before = lists.tombstones.decisions
            if not before.news(act.what, [act.entry]):
                raise SettingsError("that holds already; nothing was done")
            after = before.after(act.what, [act.entry])
            entry = {
                "id": secrets.token_hex(8),
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "who": act.who,
                "token": token,
                "what": act.what,
                "item": act.item,
                "story": act.story,
                "position": act.position if act.what == "pin" else None,
                "until": None if act.until is None else act.until.isoformat(),
                "why": act.why,
                "undoes": undoes,
                "before": self._state(lists, act, before),
                "after": self._state(lists, act, after),
            }
            add(entry)
            lists.tombstones.record(act.what, [act.entry])
        return entry

    def undo(self, lists: PublishedLists, entry_id: str, who: str, why: str, token: str) -> dict[str, Any]:
        """Undo an act of the journal.

        Raises
        ------
        SettingsError
            If there is no such act, or another has changed the same since.
        """
        found = self.journal.find(entry_id)
        if found is None or found.get("what") not in INVERSE:
            raise SettingsError("the journal has no such act")
        pinned = found["before"]["holds"] if found["what"] in ("pin", "unpin") else None
        what = "pin" if pinned else INVERSE[found["what"]]
        values = {**found, "what": what, "who": who, "why": why or f"undoes {found['what']}"}
        act = Act.of({**values, **(pinned or {"until": None})})
        return self.do(lists, act, token, undoes=entry_id)

    def _state(self, lists: PublishedLists, act: Act, decisions: Decisions) -> dict[str, Any]:
        """Give what holds of the entry of an act, and the list that it is about, under some decisions."""
        holds: Any
        if act.what in ("pin", "unpin"):
            pins = [entry for entry in decisions.pinned if entry[:2] == (act.item, act.story)]
            holds = {"position": pins[0][2], "until": pins[0][3]} if pins else None
        elif act.what in ("block", "unblock"):
            holds = (act.item, act.story) in decisions.blocked
        elif act.what in ("withhold", "release"):
            holds = act.item in decisions.withheld
        else:
            holds = act.item in decisions.withdrawn
        record = orjson.loads(lists.jsons([act.story or act.item], decisions)[0])
        return {"holds": holds, "list": [item["article_id"] for item in record["items"]]}


def decided_of(decisions: Decisions, article_id: str) -> list[dict[str, Any]]:
    """List what editors decided of a story and its list, each as the act that undoes it."""
    found: list[dict[str, Any]] = []
    if article_id in decisions.withdrawn:
        found.append({"what": "restore", "item": article_id, "story": None, "told": "Withdrawn from every list"})
    if article_id in decisions.withheld:
        found.append({"what": "release", "item": article_id, "story": None, "told": "Its list is withheld"})
    if (article_id, None) in decisions.blocked:
        found.append({"what": "unblock", "item": article_id, "story": None, "told": "Blocked in every list"})
    found += [
        {"what": "unblock", "item": item, "story": article_id, "told": "Blocked in this list:"}
        for item in sorted(item for item, story in decisions.blocked if story == article_id)
    ]
    for pin in decisions.pins.get(article_id, ()):
        end = f" until {pin.until:%Y-%m-%d %H:%M} UTC" if pin.until else ""
        told = f"Pinned at place {pin.position}{end}:"
        found.append({"what": "unpin", "item": pin.item, "story": article_id, "told": told})
    return found
