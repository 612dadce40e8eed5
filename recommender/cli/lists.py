"""The commands that read published lists or a saved archive, and return to an earlier version."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommender.cli.display import bars, cleaned, describe_by_words, describe_links, out, print_json, print_list
from recommender.cli.options import (
    ArchiveOrNone,
    JsonOption,
    Lists,
    ListsOrNone,
    StoryIds,
    archive_option,
    open_overlay,
    place_of,
)
from recommender.errors import UnknownArticleError, did_you_mean
from recommender.storage.database import is_database, redacted

if TYPE_CHECKING:
    from recommender.lists.readnext import ReadNext
    from recommender.publishing import PublishedLists


def recommend(
    article_ids: StoryIds,
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    k: Annotated[int | None, typer.Option(help="Items of a list; more than published needs --archive.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one list per line.")] = False,
) -> None:
    """Show the Read next lists of stories, as readers see them or as JSON."""
    import orjson

    place, kind = place_of(lists, archive)
    refuse_unknown: Callable[[], object]
    if kind == "snapshot":
        from recommender.facade import Recommender

        rec = Recommender.load(place)
        known = [article_id for article_id in article_ids if article_id in rec.catalog]
        found = rec.recommend_many(known, k=k) if known else []
        refuse_unknown = partial(rec.catalog.rows, article_ids)
    else:
        from recommender.publishing import PublishedLists

        published = PublishedLists.open(place)
        lists_of_ids = [published.get(article_id) for article_id in article_ids]
        found = [read_next for read_next in lists_of_ids if read_next.status != "unknown"]
        unknown = [read_next.article_id for read_next in lists_of_ids if read_next.status == "unknown"]
        refuse_unknown = partial(_refuse_unknown, unknown, published)
        if k is not None:
            found = [_first(read_next, k) for read_next in found]
    for read_next in found:
        if json:
            print_json(orjson.dumps(asdict(read_next), option=orjson.OPT_UTC_Z))
        else:
            print_list(read_next)
    refuse_unknown()  # after the lists of known ids were shown


def _refuse_unknown(unknown: list[str], published: PublishedLists) -> None:
    for article_id in unknown[:1]:
        if article_id in published.overlay.unpublished:
            raise UnknownArticleError(
                f"article {article_id!r} has no list: by its status in the input it is a draft or the like, or was "
                "taken back"
            )
        meant = did_you_mean(article_id, published.ids())
        raise UnknownArticleError(f"no article with id {article_id!r} in {redacted(published.place)}{meant}")


def _first(read_next: ReadNext, k: int) -> ReadNext:
    """Keep the first `k` items; warns where more are asked for than the version contains."""
    published = len(read_next.items) + len(read_next.reserves)
    if k > max(published, read_next.k):
        message = f"{read_next.article_id}: {k} items were requested, {published} were published; more needs --archive"
        warnings.warn(message, stacklevel=2)
    return read_next.first(k) if read_next.k else read_next


def preview(
    lists: Lists,
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the site: new, empty, or from an earlier preview.")
    ],
    archive: Annotated[
        Path | None,
        archive_option(help="Archive saved by the same run: also shows rejected candidates."),
    ] = None,
    ids: Annotated[
        list[str], typer.Option("--id", metavar="ID", help="Write only the page of this story; may be repeated.")
    ] = [],  # noqa: B006
    ids_file: Annotated[
        typer.FileText | None, typer.Option("--ids", metavar="FILE", help="Write only the pages of the ids in a file.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Number of stories with rejected candidates, without --id and --ids.")
    ] = 20,
    images: Annotated[bool, typer.Option("--images/--no-images", help="Show pictures of stories.")] = True,
) -> None:
    """Write a static site to browse published lists, as readers and as editors see them."""
    from recommender.preview import write_preview
    from recommender.publishing import PublishedLists

    published = PublishedLists.open(lists)
    all_ids = [*ids, *(line.strip() for line in ids_file or () if line.strip())]
    with bars() as progress:
        pages = write_preview(
            published, to, archive=archive, ids=all_ids, sample=sample, images=images, progress=progress
        )
    out.print(f"wrote {pages:,} pages; open {to / 'index.html'}", markup=False)


def rollback(
    lists: Lists,
    version: Annotated[
        str | None, typer.Option(metavar="NAME", help="Version to return to (default: the one before the current).")
    ] = None,
) -> None:
    """Return to an earlier published version."""
    from recommender.publishing import open_publisher

    out.print(f"current version: {open_publisher(lists).rollback(version)}")


def info(
    lists: ListsOrNone = None,
    archive: ArchiveOrNone = None,
    check: Annotated[bool, typer.Option("--check", help="Compare every file of a folder with its checksum.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also show unchanged settings.")] = False,
    json: JsonOption = False,
) -> None:
    """Describe published lists or a saved archive: kind, version, moment, counts, settings."""
    import orjson

    from recommender.storage.versions import VersionedFolder

    place, kind = place_of(lists, archive)
    if kind == "snapshot":
        manifest = VersionedFolder(place, kind).current().manifest
    else:
        from recommender.publishing import PublishedLists

        manifest = PublishedLists.open(place).manifest
    details = {name: value for name, value in manifest.items() if name not in ("files", "settings", "rules")}
    if kind == "snapshot":
        index = manifest.get("index") or {"kind": "none: all stories are compared", "recall": 1.0}
        details |= {"kind": "archive", "index": index["kind"], "recall": index["recall"]}
    if not is_database(place):
        folder = VersionedFolder(place, kind)
        if check:
            folder.current().check()
            details["checked"] = f"all {len(manifest['files'])} files match their checksums"
        details["versions kept"] = [path.name for path in folder.versions()]
    overlay = open_overlay(lists, archive)
    details |= {"withdrawn": len(overlay.withdrawn), "withheld": len(overlay.withheld), "blocked": len(overlay.blocked)}
    details |= {"pinned": len(overlay.decisions.pinned), "boosted": len(overlay.decisions.boosted)}
    details |= {"not published": len(overlay.unpublished)} if overlay.unpublished else {}
    if json:
        by_key = {name.replace(" ", "_"): value for name, value in details.items()}
        print_json(orjson.dumps({**by_key, "settings": manifest["settings"], "rules": manifest.get("rules", {})}))
    else:
        _print_info(details, manifest["settings"] if every else _changed_settings(manifest["settings"]))


def _changed_settings(settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    from recommender.settings import Settings

    defaults = Settings().model_dump(mode="json")
    return {
        stage: {name: value for name, value in values.items() if value != defaults.get(stage, {}).get(name, value)}
        for stage, values in settings.items()
    }


def _print_info(details: dict[str, Any], settings: dict[str, dict[str, Any]]) -> None:
    if ranker := details.get("ranker"):
        described = ranker if isinstance(ranker, dict) else {"name": "saved with the archive", "sha256": ranker}
        details["ranker"] = f"{described['name']} ({described['sha256'][:12]})"
    if not details.get("time_counts", True):
        details |= {"as_of": "none", "time_counts": "no: fewer than half of the stories carry a date"}
    if by_words := details.pop("by_words", None):
        details["by words alone"] = describe_by_words(by_words)
    if shares := details.get("shares"):
        details["shares"] = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
    if links := details.get("links"):
        details["links"] = describe_links(links["links"], links["stories"], links["unresolved"])
    if dropped := details.pop("boilerplate", None):
        details["boilerplate"] = f"{dropped['passages']:,} passages that recur are left out"
    if pools := details.get("pools"):
        moment = datetime.fromtimestamp(pools["as_of"] / 1e6, UTC).isoformat() if pools["timed"] else "any time"
        details["pools"] = f"for lists of {pools['k']} at {moment}"
    if "base" in details:
        details["rows"] = f"{details['rows']:,}, of which {details.pop('base'):,} were fitted"
    shown = (name for name in details if name != "limits" and (name, details[name]) != ("reach", None))
    details = {name: "none" if details[name] is None else details[name] for name in shown}
    if versions := details.get("versions kept"):
        details["versions kept"] = ", ".join(versions)
    for name, value in details.items():
        out.print(cleaned(f"{name.replace('_', ' '):>22}  {value}"), markup=False)
    for stage, values in settings.items():
        for name, value in values.items():
            out.print(cleaned(f"{stage + '.' + name:>30} = {value}"), markup=False, style="dim")
