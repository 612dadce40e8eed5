"""The commands that compare versions and answer why an item is in a list, or is not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli.display import cleaned, out, print_json, print_table
from recommender.cli.options import JsonOption, Lists, archive_option
from recommender.errors import SettingsError

if TYPE_CHECKING:
    from recommender.publishing import PublishedLists
    from recommender.publishing.comparison import Comparison

_MAX_SHOWN = 20  # lists and sections that are shown


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A version of --lists, or a folder or database of lists.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one, such as 'current'.")] = "current",
    lists: Annotated[
        str | None, typer.Option("--lists", metavar="DIR|URL", help="Published lists with the versions A and B.")
    ] = None,
    json: JsonOption = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with all differences.")] = None,
) -> None:
    """Compare two versions: changed lists by section, added and removed items; A may be 'previous'."""
    import orjson

    from recommender.publishing.comparison import compare

    comparison = compare(_open_version(before, lists), _open_version(after, lists))
    if html is not None:
        from recommender.preview.pages import comparison_page
        from recommender.storage.atomic import write_atomically

        write_atomically(html, comparison_page(comparison))
    if json:
        print_json(orjson.dumps(comparison.to_dict()))
    else:
        _print(comparison)


def _open_version(name: str, lists: str | None) -> PublishedLists:
    from recommender.publishing import PublishedLists

    if lists is None:
        if name in ("current", "previous"):
            raise SettingsError(f"{name!r} is a version of --lists, which was not given: add --lists DIR")
        return PublishedLists.open(name)
    if name == "current":
        return PublishedLists.open(lists)
    if name == "previous":
        kept = PublishedLists.versions(lists)
        current = next(number for number, version in enumerate(kept) if version.current)
        earlier = [version.name for version in kept[:current] if version.name != kept[current].name]
        if not earlier:
            names = ", ".join(dict.fromkeys(version.name for version in kept))
            raise SettingsError(
                f"there is no version before the current one, {kept[current].name}, that differs from it, as after a "
                f"rollback; name one of those that are kept: {names}"
            )
        name = earlier[-1]
    return PublishedLists.open(lists, name)


def _print(comparison: Comparison) -> None:
    share = len(comparison.changed) / max(comparison.stories, 1)
    added, gone = len(comparison.added), len(comparison.gone)
    rows = [
        ("versions", f"{comparison.before} and {comparison.after}"),
        ("stories", f"{comparison.stories:,} of both, {added:,} added, {gone:,} removed"),
        ("lists", f"{len(comparison.changed):,} differ ({share:.1%})"),
    ]
    for name, text in rows:
        out.print(cleaned(f"{name:>10}  {text}"), markup=False)
    touched = comparison.sections_by_change
    if touched:
        out.print()
        print_table(
            [
                {"section": name or "none", "stories": f"{both:,}", "lists that differ": f"{changed:,}"}
                for name, both, changed in touched[:_MAX_SHOWN]
            ]
        )
        if touched[_MAX_SHOWN:]:
            out.print(f"and {len(touched) - _MAX_SHOWN:,} more sections")
    for title, items in (("most added", comparison.came), ("most removed", comparison.went)):
        if items:
            out.print(f"\n{title}")
            for _, name, count in items[:5]:
                out.print(cleaned(f"{count:>6,}  {name}"), markup=False)
    for change in comparison.changed[:_MAX_SHOWN]:
        out.print(cleaned(f"\n{change.title}  ({change.article_id})"), markup=False)
        for sign, changed_items in (("+", change.came), ("-", change.went)):
            for _, name in changed_items:
                out.print(cleaned(f"     {sign} {name}"), markup=False)
        if not change.came and not change.went:
            out.print("     the same items in another order")
    if len(comparison.changed) > _MAX_SHOWN:
        out.print(f"\nand {len(comparison.changed) - _MAX_SHOWN:,} more lists; --json or --html FILE shows all")


def why(
    story: Annotated[str, typer.Argument(metavar="STORY", help="Id of the story.")],
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Id of the item.")],
    lists: Lists,
    archive: Annotated[
        Path | None,
        archive_option(help="Archive saved by the same run, for items that are not listed."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Explain why an item is in the list of a story or not, and what would let it in."""
    import orjson

    from recommender.errors import UnknownArticleError, did_you_mean
    from recommender.preview.words import why as explain_item
    from recommender.publishing import PublishedLists

    published = PublishedLists.open(lists)
    read_next, other = published.get(story), published.get(item)
    if read_next.status == "unknown":
        meant = did_you_mean(story, published.ids())
        raise UnknownArticleError(f"no story of the published lists has the id {story!r}{meant}")
    rejected = None
    if archive is not None:
        from recommender.facade import Recommender

        rec = Recommender.load(archive)
        rejected = rec.explain_rejected([story])[story] if story in rec.catalog else None
    answer = explain_item(read_next, other, rejected, item in published.overlay.unpublished)
    if json:
        print_json(orjson.dumps({"story": story, "item": item, **asdict(answer)}))
        return
    if answer.rule == "unknown":
        others = (article_id for article_id in published.ids() if article_id != story)
        raise UnknownArticleError(f"no story of the published lists has the id {item!r}{did_you_mean(item, others)}")
    figures = "" if answer.score is None else f" Its score is {answer.score:.3f}."
    out.print(cleaned(f"{answer.sentence}{figures}"), markup=False)
    if answer.remedy:
        out.print(cleaned(answer.remedy), markup=False)
