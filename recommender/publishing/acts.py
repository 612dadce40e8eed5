"""Acts of editors: checked, written to the journal, then to the overlay, where every reader sees them at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import orjson

from recommender.editorial.decisions import KINDS, Action, Decisions, Entry, inverse
from recommender.editorial.journal import JOURNAL, Journal
from recommender.editorial.overlay import Overlay, boost_entry, pin_entry
from recommender.errors import RowError, SettingsError
from recommender.publishing import PublishedLists
from recommender.reading.times import to_time
from recommender.storage.database import is_database

ACTIONS: tuple[Action, ...] = get_args(Action)
_UNDER_STORIES = ("block", "unblock", "pin", "unpin")
_MAX_TEXT = 500  # characters of who and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One decision of an editor."""

    what: Action
    item: str  # id of a story; of a boost the section
    who: str
    why: str
    story: str | None = None  # in whose list an item is pinned or blocked; None of a block = everywhere
    position: int = 1  # of a pin
    factor: float = 1.0  # of a boost
    until: datetime | None = None

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Act:
        """Read the fields of a form or of a JSON object; a `SettingsError` names what is missing or impossible."""
        fields = dict(fields)
        if fields.get("what") == "block-everywhere":  # a choice of the desk's forms
            fields |= {"what": "block", "story": None}
        text = {name: str(fields.get(name) or "").strip() for name in ("what", "item", "story", "until", "who", "why")}
        action = next((action for action in ACTIONS if action == text["what"]), None)
        if action is None:
            raise SettingsError(f"what is {text['what']!r}, expected one of {', '.join(ACTIONS)}")
        for name, question in (("item", "which story or section"), ("who", "who decides"), ("why", "why")):
            if not text[name]:
                raise SettingsError(f"{name} is empty: say {question}")
        if len(text["who"]) > _MAX_TEXT or len(text["why"]) > _MAX_TEXT:
            raise SettingsError(f"who and why may have {_MAX_TEXT} characters each")
        if action in ("pin", "unpin") and not text["story"]:
            raise SettingsError("story is empty: say in whose list")
        return cls(
            what=action,
            item=str(fields["item"]),
            story=str(fields["story"]) if text["story"] and action in _UNDER_STORIES else None,
            position=_parse_position(fields.get("position")),
            factor=_parse_factor(fields.get("factor")),
            until=parse_end(text["until"]),
            who=text["who"],
            why=text["why"],
        )

    @property
    def entry(self) -> Entry:
        """The entry of the act in the overlay."""
        if self.what == "pin":
            return pin_entry(self.item, self.story or "", self.position, self.until, self.who)
        if self.what == "boost":
            return boost_entry(self.item, self.factor, self.until, self.who)
        if self.what == "unpin":
            return self.item, self.story or ""
        return (self.item, self.story) if self.what in _UNDER_STORIES else self.item

    def check(self, lists: PublishedLists) -> None:
        """Raise an error if the act names an unknown story or section, since a mistyped one would have no effect."""
        if self.what in ("boost", "unboost"):
            lists.require_known_section(self.item)
        else:
            lists.require_known([self.item, *([self.story] if self.story else [])])


def _parse_position(value: Any) -> int:
    text = str(value or 1)
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise SettingsError(f"position is {text[:40]!r}, expected a place of the list, such as 1")
    return int(text)


def _parse_factor(value: Any) -> float:
    try:
        return float(value or 1)
    except (TypeError, ValueError):
        raise SettingsError(f"factor is {str(value)[:40]!r}, expected a number, such as 2") from None


def parse_end(text: str | None) -> datetime | None:
    """Read the moment when a decision ends; a date without a time means the end of that day.

    Raises `SettingsError` if the text is no moment, or the moment has passed.
    """
    try:
        end = to_time(text) if text else None
    except RowError as error:
        raise SettingsError(f"until: {error}") from None
    if end is None:
        return None
    if (end.hour, end.minute, end.second) == (0, 0, 0):
        end += timedelta(days=1, seconds=-1)
    if end <= datetime.now(UTC):
        raise SettingsError(f"until: {text} has passed")
    return end


def open_journal(place: str | Path, path: str | Path | None = None) -> Journal | None:
    """Open the given file as a journal, else the journal in the folder of the lists; None for a database."""
    if path is None and is_database(place):
        return None
    return Journal(Path(place) / JOURNAL if path is None else Path(path))


def perform(
    journal: Journal | None,
    overlay: Overlay,
    acts: Sequence[Act],
    token: str,
    lists: PublishedLists | None = None,
    undoes: str | None = None,
    *,
    purged_too: bool = False,
) -> list[dict[str, Any]]:
    """Write acts of one kind to the journal and then to the overlay, and return the entries of effective acts.

    The journal is written first, so that every effect is recorded even if the process ends in between. Without one
    only the overlay is written.

    Raises `PublishError` if journal or overlay cannot be written, and `SettingsError` if a story to be restored was
    purged; nothing is done then.

    Parameters
    ----------
    token : str
        Name of the token that was used, or 'command line'.
    lists : PublishedLists, optional
        Lists from which the journal records the items before and after an act.
    undoes : str, optional
        Id of the entry that is undone.
    purged_too : bool, default False
        Whether to restore stories that were purged by the journal.
    """
    journal_entries: list[dict[str, Any]] = []
    overlay_entries: list[Entry] = []
    with nullcontext(None) if journal is None else journal.writing() as add:
        overlay.refresh()
        decisions = overlay.decisions
        is_restore = acts and acts[0].what == "restore"
        purged = journal.purged() if journal and is_restore and not purged_too else {}
        for act in acts:
            if act.item in purged:
                raise SettingsError(_describe_purged(purged[act.item]))
            if decisions.effective_entries(act.what, [act.entry]):
                after = decisions.apply(act.what, [act.entry])
                states = _state(act, decisions, lists), _state(act, after, lists)
                journal_entries.append(_journal_entry(act, token, undoes, *states))
                overlay_entries.append(act.entry)
                decisions = after
        if add and journal_entries:
            add(*journal_entries)
        if overlay_entries:
            overlay.record(acts[0].what, overlay_entries)
    return journal_entries


def _describe_purged(entry: Mapping[str, Any]) -> str:
    item, why = entry["item"], f" ({entry['why']})" if entry.get("why") else ""
    return (
        f"{item} was purged on {entry['time'][:10]} by {entry['who']}{why}: its text is deleted, and once it is "
        "restored, the next delivery of the story shows it again; nothing was done. To allow that: recommender "
        f"restore {item} --purged-too"
    )


def record_purge(journal: Journal, overlay: Overlay, items: Sequence[str], who: str, why: str) -> None:
    """Write to the journal that the stored data of stories will be deleted.

    Raises `PublishError` if the journal cannot be written.
    """
    with journal.writing() as add:
        for item in items:
            before = {"holds": item in overlay.decisions.withdrawn, "list": []}
            act = Act(what="withdraw", item=item, who=who, why=why)
            entry = _journal_entry(act, "command line", None, before, {"holds": True, "list": []})
            add({**entry, "what": "purge"})


def pin_notes(item: str, story: str, position: int, overlay: Overlay, lists: PublishedLists | None) -> list[str]:
    """Describe how a list differs from a pin: the item is not shown, is at another place, or displaces another pin.

    Without `lists` only decisions that hide the item or the list are described.
    """
    decisions = overlay.decisions
    if (hidden := _hidden(item, story, overlay)) or lists is None:
        return [hidden] if hidden else []
    record = orjson.loads(lists.jsons([story], decisions)[0])
    ranks = {shown["article_id"]: shown["rank"] for shown in record["items"]}
    if record["status"] in ("unknown", "not_computed"):
        return [f"{story} has no list yet: not shown until it has one"]
    if item not in ranks:
        known = lists.get(item).status not in ("unknown", "not_computed")
        return [f"another pin is at place {position}" if known else f"{item} is not public yet: not shown until it is"]
    notes = []
    if ranks[item] != position:
        count = len(ranks)
        place = f"shown at {ranks[item]}"
        notes.append(f"the list has {count} places: {place}" if position > count else f"{place}, next to other pins")
    now = datetime.now(UTC)
    notes += [
        f"{pin.item}, pinned at {pin.position}, is not shown any more: there is no place left for it"
        for pin in decisions.pins.get(story, ())
        if pin.item not in ranks and pin.holds(now) and not _hidden(pin.item, story, overlay)
    ]
    return notes


def _hidden(item: str, story: str, overlay: Overlay) -> str:
    """Describe the decision that hides a pinned item, or the list that it is pinned in; empty if there is none."""
    decisions = overlay.decisions
    if item in decisions.withdrawn:
        return f"{item} is withdrawn: not shown until restore"
    if item in overlay.unpublished:
        return f"{item} is not published any more: not shown until it is published again"
    if not decisions.blocked.isdisjoint(((item, None), (item, story))):
        return f"{item} is blocked: not shown until unblock"
    if story in decisions.withdrawn:
        return f"{story} is withdrawn: its list is not shown until restore"
    return f"the list of {story} is withheld: not shown until release" if story in decisions.withheld else ""


def state_after(act: Act) -> str:
    """Describe the state after an act.

    Examples
    --------
    >>> state_after(Act(what="pin", item="b", story="a", position=2, who="night desk", why="undoes unpin"))
    'b is pinned at place 2 of the list of a'
    """
    where = "every list" if act.story is None else f"the list of {act.story}"
    words: dict[Action, str] = {
        "withdraw": f"{act.item} is withdrawn from every list",
        "restore": f"{act.item} is not withdrawn any more: it may appear in lists again",
        "withhold": f"no list is shown under {act.item}",
        "release": f"the list of {act.item} is shown again",
        "block": f"{act.item} is blocked in {where}",
        "unblock": f"{act.item} is not blocked in {where} any more",
        "pin": f"{act.item} is pinned at place {act.position} of {where}",
        "unpin": f"{act.item} is not pinned in {where} any more",
        "boost": f"section {act.item} is boosted by {act.factor:g}",
        "unboost": f"section {act.item} is not boosted any more",
    }
    return words[act.what]


def undoing_act(entry: Mapping[str, Any] | None, who: str, why: str) -> Act:
    """Return the act that undoes an entry of the journal.

    Raises `SettingsError` if there is no such act.
    """
    if entry is not None and entry.get("what") == "purge":
        raise SettingsError(
            f"a purge cannot be undone: the text of {entry['item']} is deleted. It stays withdrawn until recommender "
            f"restore {entry['item']} --purged-too, and comes back only when it is delivered again after that"
        )
    if entry is None or entry.get("what") not in KINDS:
        raise SettingsError("the journal has no such act; `recommender journal` shows the ids of those it has")
    before = entry["before"]["holds"]
    earlier = before if isinstance(before, dict) else None  # a pin or boost of another place or strength
    what = entry["what"].removeprefix("un") if earlier else inverse(entry["what"])
    fields = {**entry, "what": what, "who": who, "why": why or f"undoes {entry['what']}"}
    return Act.from_fields({**fields, **(earlier or {"until": None})})


def _journal_entry(
    act: Act, token: str, undoes: str | None, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(8),
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "who": act.who,
        "token": token,
        "what": act.what,
        "item": act.item,
        "story": act.story,
        "position": act.position if act.what == "pin" else None,
        "factor": act.factor if act.what == "boost" else None,
        "until": None if act.until is None else act.until.isoformat(),
        "why": act.why,
        "undoes": undoes,
        "before": before,
        "after": after,
    }


def _state(act: Act, decisions: Decisions, lists: PublishedLists | None) -> dict[str, Any]:
    """Return the decision on the entry of an act, and the items of the list that the act may change."""
    holds: Any
    if act.what in ("pin", "unpin"):
        pins = [entry for entry in decisions.pinned if entry[:2] == (act.item, act.story)]
        holds = {"position": pins[0][2], "until": pins[0][3]} if pins else None
    elif act.what in ("boost", "unboost"):
        boosts = [entry for entry in decisions.boosted if entry[0] == act.item]
        holds = {"factor": boosts[0][1], "until": boosts[0][2]} if boosts else None
    elif act.what in ("block", "unblock"):
        holds = (act.item, act.story) in decisions.blocked
    else:
        holds = act.item in (decisions.withheld if act.what in ("withhold", "release") else decisions.withdrawn)
    shown: list[str] = []
    if lists is not None and act.what not in ("boost", "unboost"):
        record = orjson.loads(lists.jsons([act.story or act.item], decisions)[0])
        shown = [item["article_id"] for item in record["items"]]
    return {"holds": holds, "list": shown}
