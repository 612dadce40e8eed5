"""What those who read or make lists offer to editors: withdraw, withhold, block, pin, boost, and to undo each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from recommender.articles.id_types import Id, id_text, id_texts
from recommender.editorial.decisions import Action, Entry
from recommender.editorial.overlay import Overlay, boost_entry, named, pin_entry
from recommender.errors import SettingsError, UnknownArticleError, did_you_mean


class Decided:
    """What editors decide after the lists were made: it holds at once, in every version, and until it is undone.

    Those who read or make lists inherit it. Each method returns for how many ids it changed something. An id that is
    not known may be mistyped: `UnknownArticleError` is raised then, and nothing done; `unknown_too` remembers it, for
    when it comes in.
    """

    overlay: Overlay

    def withdraw(self, ids: Id | Iterable[Id], *, unknown_too: bool = False) -> int:
        """Take stories out of every list. For published lists and a saved archive this is written immediately."""
        return self._decide("withdraw", id_texts(ids), unknown_too)

    def restore(self, ids: Id | Iterable[Id]) -> int:
        """Undo `withdraw`: the stories may stand in lists again."""
        return self.overlay.record("restore", id_texts(ids))

    def withhold(self, ids: Id | Iterable[Id], *, unknown_too: bool = False) -> int:
        """Show no list under these stories; they may stand in others."""
        return self._decide("withhold", id_texts(ids), unknown_too)

    def release(self, ids: Id | Iterable[Id]) -> int:
        """Undo `withhold`: the lists are shown again."""
        return self.overlay.record("release", id_texts(ids))

    def block(self, item: Id, *, story: Id | None = None, unknown_too: bool = False) -> int:
        """Keep an item out of every list, or of the list under one story."""
        return self._decide("block", [(id_text(item), id_text(story))], unknown_too)

    def unblock(self, item: Id, *, story: Id | None = None) -> int:
        """Undo `block` with the same arguments; blocks of the rules stay."""
        return self.overlay.record("unblock", [(id_text(item), id_text(story))])

    def pin(
        self,
        item: Id,
        *,
        story: Id,
        position: int = 1,
        until: datetime | None = None,
        by: str = "",
        unknown_too: bool = False,
    ) -> int:
        """Put an item at a place of the list under one story, instead of any other place that it has there.

        What is withdrawn, blocked or not published is not shown by it.

        Parameters
        ----------
        item, story : str
        position : int, default 1
        until : datetime, optional
            Last moment at which it holds; without a zone: UTC.
        by : str
            Who pinned it, for the reason shown.
        unknown_too : bool, default False

        Raises
        ------
        SettingsError
            If the position is no place of a list, or the item is the story itself.
        """
        return self._decide("pin", [pin_entry(id_text(item), id_text(story), position, until, by)], unknown_too)

    def unpin(self, item: Id, *, story: Id) -> int:
        """Undo `pin`; pins of the rules stay."""
        return self.overlay.record("unpin", [(id_text(item), id_text(story))])

    def boost(self, section: str, factor: float, *, until: datetime | None = None, by: str = "") -> int:
        """Lift a section in every list (factor above 1) or lower it, instead of any other boost that it has here.

        Published lists are reordered at once, with their reserves; from the next run on all candidates count.

        Raises
        ------
        SettingsError
            If no story is in the section, or the factor is not above 0 and up to 100.
        """
        self.refuse_unknown_section(section)
        return self.overlay.record("boost", [boost_entry(section, factor, until, by)])

    def unboost(self, section: str) -> int:
        """Undo `boost`; boosts of the rules stay."""
        return self.overlay.record("unboost", [section])

    def sections(self) -> set[str]:
        """Collect the sections of the stories at hand."""
        raise NotImplementedError

    def refuse_unknown(self, ids: Iterable[str]) -> None:
        """Raise `UnknownArticleError` if neither the stories at hand nor the overlay know an id."""
        self.overlay.refresh()
        held = self.overlay.decisions
        known = self.overlay.hidden.union(held.withheld, ids_of(held.blocked), ids_of(held.pinned))
        if odd := self._unknown([one for one in dict.fromkeys(ids) if one not in known]):
            meant = did_you_mean(odd[0], self._known()) if not odd[1:] else ""
            raise UnknownArticleError(
                f"no story has the id {', '.join(map(repr, odd[:5]))}{' ...' if odd[5:] else ''}{meant}; nothing was "
                "done: correct it, or remember it for when it comes in with unknown_too (--unknown-too)"
            )

    def refuse_unknown_section(self, section: str) -> None:
        """Raise `SettingsError` if no story at hand is in a section."""
        if section not in (known := self.sections()):
            raise SettingsError(f"no story is in section {section!r}{did_you_mean(section, known)}")

    def _decide(self, action: Action, entries: Iterable[Entry], unknown_too: bool) -> int:
        wanted = named(entries)
        if not unknown_too:
            self.refuse_unknown(ids_of(wanted))
        return self.overlay.record(action, wanted)

    def _unknown(self, ids: Iterable[str]) -> list[str]:
        raise NotImplementedError

    def _known(self) -> Iterable[str]:
        """List the ids of the stories at hand."""
        raise NotImplementedError


def ids_of(entries: Iterable[Entry]) -> list[str]:
    """List the stories that entries name; a pin or block names two."""
    pairs = ((one,) if isinstance(one, str) else one[:2] for one in entries)
    return [str(one) for pair in pairs for one in pair if one is not None]
