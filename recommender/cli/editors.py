"""The commands of editors: what they decide holds at once, in every version."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli.display import cleaned, out
from recommender.cli.options import ArchiveOrNone, Lists, ListsOrNone, StoryIds, moment_of, open_tombstones, place_of

if TYPE_CHECKING:
    from recommender.editorial.decisions import Action

# name -> what is told when it is done, and the help text
STORIES: dict[Action, tuple[str, str]] = {
    "restore": ("restored", "Undo `withdraw`."),
    "withhold": ("withheld", "Show no list under stories, at once, until `release`; they may stand in other lists."),
    "release": ("released", "Undo `withhold`."),
}
ITEMS: dict[Action, tuple[str, str]] = {
    "block": ("blocked", "Keep items out of every list, or of one, at once, until `unblock`."),
    "unblock": ("unblocked", "Undo `block` with the same arguments."),
}


def on_stories(action: Action, done: str) -> Callable[..., None]:
    """Make the command that records an action on stories."""

    def command(article_ids: StoryIds, lists: ListsOrNone = None, archive: ArchiveOrNone = None) -> None:
        _tell_unknown(lists, article_ids)
        out.print(f"{done}: {open_tombstones(lists, archive).record(action, article_ids)}")

    return command


def withdraw(
    article_ids: StoryIds,
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    unknown_too: Annotated[
        bool, typer.Option("--unknown-too", help="Remember ids that are not known, for when they come in.")
    ] = False,
) -> None:
    """Take stories out of every list, at once, in every version, until `restore`."""
    place, kind = place_of(lists, archive)
    if unknown_too:  # needs no version that can be read
        done = open_tombstones(lists, archive).record("withdraw", article_ids)
    elif kind == "snapshot":
        from recommender.facade import Recommender

        done = Recommender.load(place).withdraw(article_ids, unknown_too=unknown_too)
    else:
        from recommender.publishing import PublishedLists

        done = PublishedLists.open(place).withdraw(article_ids, unknown_too=unknown_too)
    out.print(f"withdrawn: {done}")


def _tell_unknown(lists: str | None, article_ids: list[str]) -> None:
    """Warn of ids that the published lists do not know: what was meant to go at once may still stand."""
    from recommender.errors import SnapshotError
    from recommender.publishing import PublishedLists

    if lists is None:
        return
    try:
        published = PublishedLists.open(lists)
    except SnapshotError:
        return
    if odd := [one for one in article_ids if published.get(one).status == "unknown"]:
        warnings.warn(f"no story of the published lists has the id {', '.join(map(repr, odd[:5]))}", stacklevel=2)


def on_items(action: Action, done: str) -> Callable[..., None]:
    """Make the command that records an action on items of lists."""

    def command(
        items: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of the items.")],
        lists: ListsOrNone = None,
        archive: ArchiveOrNone = None,
        story: Annotated[
            str | None, typer.Option(metavar="ID", help="Only in the list under this story (default: in every list).")
        ] = None,
    ) -> None:
        _tell_unknown(lists, [*items, *([story] if story else [])])
        out.print(f"{done}: {open_tombstones(lists, archive).record(action, [(item, story) for item in items])}")

    return command


def pin(
    item: Annotated[str, typer.Argument(metavar="ID", help="Id of the item.")],
    story: Annotated[str, typer.Option(metavar="ID", help="Story whose list it stands in.")],
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    position: Annotated[int, typer.Option(help="Its place in the list.")] = 1,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Last moment at which it holds.")] = None,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who pinned it, for the reason shown.")] = "",
) -> None:
    """Put an item at a place of the list under a story, at once, until `unpin`."""
    from recommender.editorial.overlay import pin_entry

    _tell_unknown(lists, [item, story])
    entry = pin_entry(item, story, position, moment_of(until, "--until"), by)
    out.print(f"pinned: {open_tombstones(lists, archive).record('pin', [entry])}")


def unpin(
    item: Annotated[str, typer.Argument(metavar="ID", help="Id of the item.")],
    story: Annotated[str, typer.Option(metavar="ID", help="Story whose list it stands in.")],
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
) -> None:
    """Undo `pin`; pins of the rules stay."""
    _tell_unknown(lists, [item, story])
    out.print(f"unpinned: {open_tombstones(lists, archive).record('unpin', [(item, story)])}")


def rules(
    file: Annotated[Path, typer.Argument(help="Editorial rules (.toml, .json, .csv).")],
    lists: Lists,
    apply: Annotated[bool, typer.Option("--apply", help="Put its blocks and no_list into effect at once.")] = False,
) -> None:
    """Check a file of rules against published lists; exit status 1 if anything is odd."""
    from datetime import UTC, datetime

    from recommender.editorial.rules import Rules
    from recommender.publishing import PublishedLists

    wanted, published = Rules.read(file), PublishedLists.open(lists)
    findings = wanted.check(frozenset(published.ids()), datetime.now(UTC))
    for finding in findings:
        out.print(cleaned(finding), markup=False)
    counts = (
        f"{len(value)} {name}"
        for name in ("pins", "blocks", "no_list", "boosts", "caps", "series")
        if (value := getattr(wanted, name))
    )
    out.print(f"{file}: {', '.join(counts) or 'no rules'}; {len(findings)} odd", markup=False)
    if apply:
        out.print(f"in effect at once: {published.apply(wanted)} new blocks and stories without a list")
    if findings:
        raise typer.Exit(1)
