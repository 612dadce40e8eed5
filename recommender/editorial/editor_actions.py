"""The methods for editors that archives and published lists share: withdraw, withhold, block, pin, boost, and undo."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from recommender.articles.id_types import Id, id_text, id_texts
from recommender.editorial.decisions import Action, Entry
from recommender.editorial.overlay import Overlay, boost_entry, pin_entry, validated_entries
from recommender.errors import SettingsError, UnknownArticleError, did_you_mean


class EditorActions:
    """Decisions of editors, which hold at once, in every version, until they are undone.

    Each method returns for how many ids it changed something. An unknown id may be mistyped: `UnknownArticleError` is
    raised then, and nothing done; with `unknown_too` the decision is kept for when the story comes in.
    """

    overlay: Overlay

    def withdraw(self, ids: Id | Iterable[Id], *, unknown_too: bool = False) -> int:
        """Take stories out of every list. Published lists and saved archives write this immediately."""
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
        """Put an item at a position of the list under one story, instead of any other position that it has there.

        A withdrawn, blocked or unpublished item is not shown, even if it is pinned.

        Parameters
        ----------
        item, story : str
        position : int, default 1
        until : datetime, optional
            Last moment at which the pin holds; without a zone: UTC.
        by : str
            Who pinned the item, for the reason shown.
        unknown_too : bool, default False

        Raises
        ------
        SettingsError
            If the position is not in 1 to 1,000, or the item is the story itself.
        """
        return self._decide("pin", [pin_entry(id_text(item), id_text(story), position, until, by)], unknown_too)

    def unpin(self, item: Id, *, story: Id) -> int:
        """Undo `pin`; pins of the rules stay."""
        return self.overlay.record("unpin", [(id_text(item), id_text(story))])

    def boost(self, section: str, factor: float, *, until: datetime | None = None, by: str = "") -> int:
        """Lift a section in every list (factor above 1) or lower it, in place of an earlier boost of this section.

        Published lists are reordered at once, with their reserves; from the next run on all candidates count.

        Raises
        ------
        SettingsError
            If no story is in the section, or the factor is not above 0 and up to 100.
        """
        self.require_known_section(section)
        return self.overlay.record("boost", [boost_entry(section, factor, until, by)])

    def unboost(self, section: str) -> int:
        """Undo `boost`; boosts of the rules stay."""
        return self.overlay.record("unboost", [section])

    def sections(self) -> set[str]:
        """Return the sections of all stories."""
        raise NotImplementedError

    def require_known(self, ids: Iterable[str]) -> None:
        """Raise `UnknownArticleError` if an id is neither that of a story nor in the overlay."""
        self.overlay.refresh()
        decisions = self.overlay.decisions
        known = self.overlay.hidden.union(decisions.withheld, entry_ids(decisions.blocked), entry_ids(decisions.pinned))
        if unknown := self._unknown_ids([article_id for article_id in dict.fromkeys(ids) if article_id not in known]):
            suggestion = did_you_mean(unknown[0], self._article_ids()) if len(unknown) == 1 else ""
            names = ", ".join(map(repr, unknown[:5])) + (" ..." if len(unknown) > 5 else "")
            raise UnknownArticleError(
                f"no story has the id {names}{suggestion}; nothing was done: correct it, or give unknown_too to "
                "remember it for when it comes in"
            )

    def require_known_section(self, section: str) -> None:
        """Raise `SettingsError` if no story is in a section."""
        if section not in (known := self.sections()):
            raise SettingsError(f"no story is in section {section!r}{did_you_mean(section, known)}")

    def _decide(self, action: Action, entries: Iterable[Entry], unknown_too: bool) -> int:
        validated = validated_entries(entries)
        if not unknown_too:
            self.require_known(entry_ids(validated))
        return self.overlay.record(action, validated)

    def _unknown_ids(self, ids: Iterable[str]) -> list[str]:
        raise NotImplementedError

    def _article_ids(self) -> Iterable[str]:
        """Return the ids of all stories."""
        raise NotImplementedError


def entry_ids(entries: Iterable[Entry]) -> list[str]:
    """Return the ids of stories in entries; a pin or block has two."""
    keys = ((entry,) if isinstance(entry, str) else entry[:2] for entry in entries)
    return [str(article_id) for key in keys for article_id in key if article_id is not None]
