"""The commands of editors: what they decide holds at once, in every version, and stands in the journal."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommender.cli.display import cleaned, out, print_json
from recommender.cli.options import ArchiveOrNone, JsonOption, Lists, ListsOrNone, StoryIds, open_overlay, place_of
from recommender.editorial.decisions import KINDS
from recommender.errors import SettingsError, SnapshotError, UnknownArticleError

if TYPE_CHECKING:
    from recommender.editorial.decisions import Action
    from recommender.editorial.editor_actions import EditorActions
    from recommender.editorial.journal import Journal
    from recommender.publishing import PublishedLists

ByOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who decides, for the journal (default: your login name).")
]
WhyOption = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the journal.")]
JournalOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Journal of what editors did (default: journal.jsonl beside the overlay)."),
]
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
UntilOption = Annotated[str | None, typer.Option(metavar="TIME", help="Last moment or day of its effect.")]
Section = Annotated[str, typer.Argument(metavar="SECTION", help="Name of the section.")]

# name -> what is told when it is done, and the help text; each with the command that undoes it
STORIES: dict[Action, tuple[str, str]] = {
    "withdraw": ("withdrawn", "Remove stories from every list, at once, in every version, until `restore`."),
    "withhold": ("withheld", "Show no list under stories, at once, until `release`; they may appear in other lists."),
}
STORIES_BACK: dict[Action, tuple[str, str]] = {
    "restore": ("restored", "Undo `withdraw`."),
    "release": ("released", "Undo `withhold`."),
}


def _act(
    action: Action,
    items: list[str],
    lists: str | None,
    archive: Path | None,
    by: str | None,
    why: str,
    journal: Path | None,
    *,
    unknown_too: bool = False,
    **more: Any,
) -> str:
    """Write one act an item to the journal and the overlay; gives how many changed something, and what is not seen."""
    from recommender.publishing.acts import Act, open_journal, perform, pin_notes

    place, _ = place_of(lists, archive)
    acts = [Act(what=action, item=item, who=by or _login(), why=why, **more) for item in items]
    overlay = open_overlay(lists, archive)
    published = _published(lists)
    held: EditorActions | None = published
    if held is None and not unknown_too and KINDS[action][1]:
        held = _loaded(archive)
    named = [*items, *([more["story"]] if more.get("story") else [])]
    if held is not None and not unknown_too:
        _check(held, action, named)
    count = len(perform(open_journal(place, journal), overlay, acts, "command line", published))
    as_before = [f"{len(acts) - count} as before"] if count < len(acts) else []
    notes = pin_notes(items[0], more["story"], more["position"], overlay, published) if action == "pin" else []
    return cleaned("; ".join([str(count), *as_before, *notes]))


def _login() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return "unknown"


def _published(lists: str | None) -> PublishedLists | None:
    """Open published lists; None for those that cannot be read: a takedown does not wait until they can."""
    from recommender.publishing import PublishedLists

    try:
        return None if lists is None else PublishedLists.open(lists)
    except SnapshotError:
        return None


def _loaded(archive: Path | None) -> EditorActions | None:
    from recommender.facade import Recommender

    return None if archive is None else Recommender.load(archive)


def _check(held: EditorActions, action: Action, named: list[str]) -> None:
    """Refuse what is not known; of what undoes an act only warn, for it does no harm."""
    try:
        if action in ("boost", "unboost"):
            held.require_known_section(named[0])
        else:
            held.require_known(named)
    except (UnknownArticleError, SettingsError) as error:
        if KINDS[action][1]:
            raise type(error)(str(error).replace("unknown_too", "--unknown-too")) from None
        warnings.warn(str(error).partition("; nothing was")[0], stacklevel=2)


def on_stories(action: Action, done: str) -> Callable[..., None]:
    """Make the command that records an action on stories."""

    def command(
        article_ids: StoryIds,
        lists: ListsOrNone = None,
        archive: ArchiveOrNone = None,
        by: ByOption = None,
        why: WhyOption = "",
        journal: JournalOption = None,
        unknown_too: UnknownToo = False,
    ) -> None:
        told = _act(action, article_ids, lists, archive, by, why, journal, unknown_too=unknown_too)
        out.print(f"{done}: {told}", markup=False)

    return command


def back_on_stories(action: Action, done: str) -> Callable[..., None]:
    """Make the command that undoes an action on stories."""

    def command(
        article_ids: StoryIds,
        lists: ListsOrNone = None,
        archive: ArchiveOrNone = None,
        by: ByOption = None,
        why: WhyOption = "",
        journal: JournalOption = None,
    ) -> None:
        out.print(f"{done}: {_act(action, article_ids, lists, archive, by, why, journal)}", markup=False)

    return command


def block(
    items: ItemIds,
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    story: OneStory = None,
    by: ByOption = None,
    why: WhyOption = "",
    journal: JournalOption = None,
    unknown_too: UnknownToo = False,
) -> None:
    """Keep items out of every list, or of one, at once, until `unblock`."""
    done = _act("block", items, lists, archive, by, why, journal, story=story, unknown_too=unknown_too)
    out.print(f"blocked: {done}", markup=False)


def unblock(
    items: ItemIds,
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    story: OneStory = None,
    by: ByOption = None,
    why: WhyOption = "",
    journal: JournalOption = None,
) -> None:
    """Undo `block` with the same arguments."""
    out.print(f"unblocked: {_act('unblock', items, lists, archive, by, why, journal, story=story)}", markup=False)


def pin(
    item: ItemId,
    story: UnderStory,
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    position: Annotated[int, typer.Option(help="Position in the list.")] = 1,
    until: UntilOption = None,
    by: ByOption = None,
    why: WhyOption = "",
    journal: JournalOption = None,
    unknown_too: UnknownToo = False,
) -> None:
    """Put an item at a position in the list of a story, at once, until `unpin`; `--by` is shown as its reason."""
    from recommender.publishing.acts import parse_end

    more: dict[str, Any] = {"story": story, "position": position, "until": parse_end(until), "unknown_too": unknown_too}
    out.print(f"pinned: {_act('pin', [item], lists, archive, by, why, journal, **more)}", markup=False)


def unpin(
    item: ItemId,
    story: UnderStory,
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    by: ByOption = None,
    why: WhyOption = "",
    journal: JournalOption = None,
) -> None:
    """Undo `pin`; pins of the rules stay."""
    out.print(f"unpinned: {_act('unpin', [item], lists, archive, by, why, journal, story=story)}", markup=False)


def boost(
    section: Section,
    factor: Annotated[float, typer.Option(help="Above 1 raises, below 1 lowers.")],
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    until: UntilOption = None,
    by: ByOption = None,
    why: WhyOption = "",
    journal: JournalOption = None,
) -> None:
    """Raise or lower a section in all lists: items and reserves at once, all candidates from the next run."""
    from recommender.publishing.acts import parse_end

    more: dict[str, Any] = {"factor": factor, "until": parse_end(until)}
    out.print(f"boosted: {_act('boost', [section], lists, archive, by, why, journal, **more)}", markup=False)


def unboost(
    section: Section,
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    by: ByOption = None,
    why: WhyOption = "",
    journal: JournalOption = None,
) -> None:
    """Undo `boost`; boosts of the rules stay."""
    out.print(f"unboosted: {_act('unboost', [section], lists, archive, by, why, journal)}", markup=False)


def undo(
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="Id of an act, as shown by `recommender journal`.")],
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    by: ByOption = None,
    why: WhyOption = "",
    journal: JournalOption = None,
) -> None:
    """Undo an act of the journal, whoever did it."""
    from recommender.publishing.acts import holds_now, perform, undoing_act

    held = _journal(lists, archive, journal)
    act = undoing_act(held.find(entry), by or _login(), why)
    done = perform(held, open_overlay(lists, archive), [act], "command line", _published(lists), entry)
    out.print(cleaned(f"{'undone' if done else 'as before'}: {holds_now(act)}"), markup=False)


def list_acts(
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    journal: JournalOption = None,
    count: Annotated[int, typer.Option(min=1, help="Maximum number, newest first.")] = 20,
    json: JsonOption = False,
) -> None:
    """List what editors did: when, who, what and why, with the id for `undo`."""
    import orjson

    for entry in _journal(lists, archive, journal).newest(count):
        if json:
            print_json(orjson.dumps(entry))
            continue
        what = " ".join(str(entry[name]) for name in ("what", "item") if entry.get(name))
        under = f" under {entry['story']}" if entry.get("story") else ""
        how = f" ×{entry['factor']:g}" if entry.get("factor") else ""
        how += f" at place {entry['position']}" if entry.get("position") else ""
        how += f" until {entry['until'][:16]}" if entry.get("until") else ""
        why = f": {entry['why']}" if entry.get("why") else ""
        told = f"{entry['id']}  {entry['time'][:16]}  {entry['who']}  {what}{under}{how}{why}"
        out.print(cleaned(told), markup=False)


def _journal(lists: str | None, archive: Path | None, named: Path | None) -> Journal:
    from recommender.publishing.acts import open_journal

    place, _ = place_of(lists, archive)
    found = open_journal(place, named)
    if found is None:
        raise SettingsError("lists in a database have no journal beside them: name its file with --journal FILE")
    return found


def rules(
    file: Annotated[Path, typer.Argument(help="Editorial rules (.toml, .json, .csv).")],
    lists: Lists,
    apply: Annotated[bool, typer.Option("--apply", help="Put its blocks and no_list into effect at once.")] = False,
    json: JsonOption = False,
) -> None:
    """Check a file of rules against published lists; exit with status 1 if there are findings."""
    from datetime import UTC, datetime

    import orjson

    from recommender.editorial.rules import Rules
    from recommender.publishing import PublishedLists

    wanted, published = Rules.read(file), PublishedLists.open(lists)
    findings = wanted.check(frozenset(published.ids()), datetime.now(UTC))
    counts = {name: len(getattr(wanted, name)) for name in ("pins", "blocks", "no_list", "boosts", "caps", "series")}
    applied = published.apply(wanted) if apply else None
    if json:
        print_json(orjson.dumps({"file": str(file), "rules": counts, "findings": findings, "applied": applied}))
    else:
        for finding in findings:
            out.print(cleaned(finding), markup=False)
        told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        out.print(f"{file}: {told or 'no rules'}; {len(findings)} odd", markup=False)
        if apply:
            out.print(f"in effect at once: {applied} new blocks and stories without a list")
    if findings:
        raise typer.Exit(1)
