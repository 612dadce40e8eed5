"""The commands of editors: their decisions apply at once, in every version, and are in the journal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommender.cli.display import cleaned, out, print_json
from recommender.cli.options import (
    ArchiveOrNone,
    JsonOption,
    Lists,
    ListsOrNone,
    StoryIds,
    archive_option,
    grouped,
    open_overlay,
    place_of,
)
from recommender.editorial.decisions import KINDS
from recommender.errors import SettingsError, SnapshotError, UnknownArticleError

if TYPE_CHECKING:
    from recommender.editorial.decisions import Action
    from recommender.editorial.editor_actions import EditorActions
    from recommender.editorial.journal import Journal
    from recommender.editorial.rules import Rules
    from recommender.publishing import PublishedLists

UnknownToo = Annotated[
    bool, typer.Option("--unknown-too", help="Also accept unknown ids, for stories that arrive later.")
]
UnderStory = Annotated[str, typer.Option("--story", metavar="ID", help="Story whose list is changed.")]
OneStory = Annotated[
    str | None,
    typer.Option("--story", metavar="ID", help="Only in the list under this story (default: in every list)."),
]
ItemIds = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of the items.")]
ItemId = Annotated[str, typer.Argument(metavar="ID", help="Id of the item.")]
JournalFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Journal of what editors did (default: journal.jsonl beside the overlay)."),
]
UntilOption = Annotated[str | None, typer.Option(metavar="TIME", help="Last moment or day of its effect.")]
Section = Annotated[str, typer.Argument(metavar="SECTION", help="Name of the section.")]


@dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    """The lists or the archive that editors act on, and the journal of it."""

    lists: ListsOrNone = None
    archive: ArchiveOrNone = None
    journal: JournalFile = None

    def open_journal(self) -> Journal:
        """Open the journal; lists in a database have none unless its file is named."""
        from recommender.publishing.acts import open_journal

        place, _ = place_of(self.lists, self.archive)
        journal = open_journal(place, self.journal)
        if journal is None:
            raise SettingsError("lists in a database have no journal beside them: name its file with --journal FILE")
        return journal

    def open_lists(self) -> PublishedLists | None:
        """Open published lists; None for those that cannot be read: a takedown does not wait until they can."""
        from recommender.publishing import PublishedLists

        try:
            return None if self.lists is None else PublishedLists.open(self.lists)
        except SnapshotError:
            return None


@dataclass(frozen=True, kw_only=True)
class WhoOptions:
    """Who decides, and why."""

    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who decides, for the journal (default: your login name).")
    ] = None
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the journal.")] = ""

    @property
    def who(self) -> str:
        """Who decides."""
        try:
            return self.by or getuser()
        except (KeyError, OSError):  # a user without a name, as in a container
            return "unknown"


@dataclass(frozen=True, kw_only=True)
class ActOptions(WhoOptions, PlaceOptions):
    """Where an act is recorded, by whom and why."""

    def record(
        self, action: Action, items: list[str], *, unknown_too: bool = False, purged_too: bool = False, **details: Any
    ) -> str:
        """Record one act for each item; return how many changed something, and what readers do not see."""
        from recommender.publishing.acts import Act, open_journal, perform, pin_notes

        place, _ = place_of(self.lists, self.archive)
        acts = [Act(what=action, item=item, who=self.who, why=self.why, **details) for item in items]
        overlay = open_overlay(self.lists, self.archive)
        published = self.open_lists()
        actions: EditorActions | None = published
        if actions is None and not unknown_too and KINDS[action][1] and self.archive is not None:
            from recommender.facade import Recommender

            actions = Recommender.load(self.archive)
        if actions is not None and not unknown_too:
            _require_known(actions, action, [*items, *([details["story"]] if details.get("story") else [])])
        journal = open_journal(place, self.journal)
        count = len(perform(journal, overlay, acts, "command line", published, purged_too=purged_too))
        as_before = [f"{len(acts) - count} as before"] if count < len(acts) else []
        notes = (
            pin_notes(items[0], details["story"], details["position"], overlay, published) if action == "pin" else []
        )
        return cleaned("; ".join([str(count), *as_before, *notes]))


def _require_known(actions: EditorActions, action: Action, names: list[str]) -> None:
    """Refuse what is not known; of what undoes an act only warn, for it does no harm."""
    try:
        if action in ("boost", "unboost"):
            actions.require_known_section(names[0])
        else:
            actions.require_known(names)
    except (UnknownArticleError, SettingsError) as error:
        if KINDS[action][1]:
            raise type(error)(str(error).replace("unknown_too", "--unknown-too")) from None
        warnings.warn(str(error).partition("; nothing was")[0], stacklevel=2)


@grouped
def withdraw(article_ids: StoryIds, *, act: ActOptions, unknown_too: UnknownToo = False) -> None:
    """Remove stories from every list, at once, in every version, until `restore`."""
    out.print(f"withdrawn: {act.record('withdraw', article_ids, unknown_too=unknown_too)}", markup=False)


@grouped
def restore(
    article_ids: StoryIds,
    *,
    act: ActOptions,
    purged_too: Annotated[
        bool, typer.Option("--purged-too", help="Also stories that were purged: shown when they are delivered again.")
    ] = False,
) -> None:
    """Undo `withdraw`; a story that was purged is refused."""
    out.print(f"restored: {act.record('restore', article_ids, purged_too=purged_too)}", markup=False)


@grouped
def withhold(article_ids: StoryIds, *, act: ActOptions, unknown_too: UnknownToo = False) -> None:
    """Show no list under stories, at once, until `release`; they may appear in other lists."""
    out.print(f"withheld: {act.record('withhold', article_ids, unknown_too=unknown_too)}", markup=False)


@grouped
def release(article_ids: StoryIds, *, act: ActOptions) -> None:
    """Undo `withhold`."""
    out.print(f"released: {act.record('release', article_ids)}", markup=False)


@grouped
def block(items: ItemIds, *, story: OneStory = None, act: ActOptions, unknown_too: UnknownToo = False) -> None:
    """Keep items out of every list, or of one, at once, until `unblock`."""
    out.print(f"blocked: {act.record('block', items, story=story, unknown_too=unknown_too)}", markup=False)


@grouped
def unblock(items: ItemIds, *, story: OneStory = None, act: ActOptions) -> None:
    """Undo `block` with the same arguments."""
    out.print(f"unblocked: {act.record('unblock', items, story=story)}", markup=False)


@grouped
def pin(
    item: ItemId,
    story: UnderStory,
    *,
    position: Annotated[int, typer.Option(help="Position in the list.")] = 1,
    until: UntilOption = None,
    act: ActOptions,
    unknown_too: UnknownToo = False,
) -> None:
    """Put an item at a position in the list of a story, at once, until `unpin`; `--by` is shown as its reason."""
    from recommender.publishing.acts import parse_end

    details: dict[str, Any] = {"story": story, "position": position, "until": parse_end(until)}
    out.print(f"pinned: {act.record('pin', [item], unknown_too=unknown_too, **details)}", markup=False)


@grouped
def unpin(item: ItemId, story: UnderStory, *, act: ActOptions) -> None:
    """Undo `pin`; pins of the rules stay."""
    out.print(f"unpinned: {act.record('unpin', [item], story=story)}", markup=False)


@grouped
def boost(
    section: Section,
    factor: Annotated[float, typer.Option(help="Above 1 raises, below 1 lowers.")],
    *,
    until: UntilOption = None,
    act: ActOptions,
) -> None:
    """Raise or lower a section in all lists: items and reserves at once, all candidates from the next run."""
    from recommender.publishing.acts import parse_end

    out.print(f"boosted: {act.record('boost', [section], factor=factor, until=parse_end(until))}", markup=False)


@grouped
def unboost(section: Section, *, act: ActOptions) -> None:
    """Undo `boost`; boosts of the rules stay."""
    out.print(f"unboosted: {act.record('unboost', [section])}", markup=False)


@grouped
def undo(
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="Id of an act, as shown by `recommender journal`.")],
    *,
    act: ActOptions,
) -> None:
    """Undo an act of the journal, whoever did it."""
    from recommender.publishing.acts import perform, state_after, undoing_act

    journal = act.open_journal()
    reverse = undoing_act(journal.find(entry), act.who, act.why)
    overlay = open_overlay(act.lists, act.archive)
    done = perform(journal, overlay, [reverse], "command line", act.open_lists(), entry)
    out.print(cleaned(f"{'undone' if done else 'as before'}: {state_after(reverse)}"), markup=False)


@grouped
def list_acts(
    *,
    place: PlaceOptions,
    count: Annotated[int, typer.Option(min=1, help="Maximum number, newest first.")] = 20,
    json: JsonOption = False,
) -> None:
    """List what editors did: when, who, what and why, with the id for `undo`."""
    import orjson

    for entry in place.open_journal().newest(count):
        if json:
            print_json(orjson.dumps(entry))
        else:
            out.print(cleaned(_describe_act(entry)), markup=False)


def _describe_act(entry: Mapping[str, Any]) -> str:
    what = " ".join(str(entry[name]) for name in ("what", "item") if entry.get(name))
    under = f" under {entry['story']}" if entry.get("story") else ""
    how = f" ×{entry['factor']:g}" if entry.get("factor") else ""
    how += f" at place {entry['position']}" if entry.get("position") else ""
    how += f" until {entry['until'][:16]}" if entry.get("until") else ""
    why = f": {entry['why']}" if entry.get("why") else ""
    return f"{entry['id']}  {entry['time'][:16]}  {entry['who']}  {what}{under}{how}{why}"


def _values_of_stories(editorial_rules: Rules, published: PublishedLists, archive: Path | None) -> dict[str, set[str]]:
    """Collect the values that stories have in the columns that rules name; lists know the sections alone."""
    if archive is not None:
        from recommender.facade import Recommender

        return editorial_rules.known_values(Recommender.load(archive).catalog)
    names_sections = any("section" in columns for _, columns, _ in editorial_rules.named_values())
    return {"section": published.sections()} if names_sections else {}


def _apply(
    editorial_rules: Rules,
    lists: str | Path,
    published: PublishedLists,
    who: WhoOptions,
    journal: Path | None,
    why: str,
    unknown_too: bool,
) -> int:
    """Put blocks and `no_list` of rules into effect, with an entry of the journal for each that is new."""
    from recommender.publishing.acts import Act, open_journal, perform

    by, why = who.who, who.why or why
    blocks = [
        Act(what="block", item=block.item, story=block.story, who=by, why=why)
        for block in editorial_rules.blocks
        if block.item is not None
    ]
    withheld = [Act(what="withhold", item=story, who=by, why=why) for story in editorial_rules.no_list]
    names = [name for act in (*blocks, *withheld) for name in (act.item, act.story) if name is not None]
    if not unknown_too:
        _require_known(published, "block", names)
    opened = open_journal(lists, journal)
    return sum(
        len(perform(opened, published.overlay, acts, "command line", published)) for acts in (blocks, withheld) if acts
    )


@grouped
def rules(
    file: Annotated[Path, typer.Argument(help="Editorial rules (.toml, .json, .csv).")],
    lists: Lists,
    archive: Annotated[
        Path | None,
        archive_option(help="Archive of the same run: checks the names of tags, kinds, sources and the like as well."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Put its blocks and no_list into effect at once.")] = False,
    unknown_too: UnknownToo = False,
    json: JsonOption = False,
    *,
    who: WhoOptions,
    journal: JournalFile = None,
) -> None:
    """Check a file of rules against published lists; exit with status 1 if there are findings."""
    from datetime import UTC, datetime

    import orjson

    from recommender.editorial.rules import Rules
    from recommender.publishing import PublishedLists

    editorial_rules, published = Rules.read(file), PublishedLists.open(lists)
    values = _values_of_stories(editorial_rules, published, archive)
    findings = editorial_rules.check(frozenset(published.ids()), datetime.now(UTC), values)
    counts = editorial_rules.counts()
    applied = (
        _apply(editorial_rules, lists, published, who, journal, f"rules of {file.name}", unknown_too) if apply else None
    )
    if json:
        print_json(orjson.dumps({"file": str(file), "rules": counts, "findings": findings, "applied": applied}))
    else:
        for finding in findings:
            out.print(cleaned(finding), markup=False)
        counted = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        out.print(f"{file}: {counted or 'no rules'}; {len(findings)} odd", markup=False)
        not_checked = {column for _, columns, _ in editorial_rules.named_values() for column in columns} - set(values)
        if not_checked:
            names = ", ".join(sorted(not_checked))
            out.print(f"not checked: names of {names}; --archive DIR checks them", markup=False)
        if apply:
            out.print(f"in effect at once: {applied} new blocks and stories without a list")
            n_at_once = len(editorial_rules.no_list) + sum(block.item is not None for block in editorial_rules.blocks)
            if sum(counts.values()) > n_at_once:
                out.print("the other rules take effect with the next precompute")
    if findings:
        raise typer.Exit(1)
