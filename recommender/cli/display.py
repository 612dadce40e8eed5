"""What the command line shows: progress bars, the closing summary, lists as a reader sees them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console

from recommender.lists.readnext import MORE, ReadNext

if TYPE_CHECKING:
    from recommender.jobs.summary import Summary
    from recommender.progress import Progress


class _Terminal(Console):
    """A console that shows control characters of what it is given as blanks: to a terminal they are commands."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as `rich.console.Console.print` does; texts keep their line ends."""
        super().print(*(cleaned(item, "\n") if isinstance(item, str) else item for item in objects), **options)


out, err = (_Terminal(stderr=stderr, highlight=False, soft_wrap=True) for stderr in (False, True))


_STATE = {"shows_progress": True}
SUPERSEDED, COPIES = "(older versions of a story)", "(stories that repeat the text of another)"
"""What two counts of stories mean."""


def be_quiet() -> None:
    """Show results and errors alone from now on."""
    _STATE["shows_progress"] = False


@contextmanager
def bars() -> Iterator[Progress]:
    """Show progress bars on a terminal; elsewhere only what was resumed."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=err, disable=not (err.is_terminal and _STATE["shows_progress"]), transient=True
    ) as bars:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int | None) -> None:
            if stage.startswith("resumed "):  # once, and where no bars are shown as well
                if _STATE["shows_progress"]:
                    of = f" of {total}" if total else ""
                    err.print(f"{stage}: {done}{of} shards were finished", markup=False)
                return
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield progress


def print_summary(summary: Summary, output: str, json: bool = False) -> None:
    """Show what a run did, or print it as JSON; of a run that is to be quiet, only where its lists are."""
    if json:
        print_json(orjson.dumps(asdict(summary), option=orjson.OPT_UTC_Z))
        return
    from recommender.reading.report import counted

    as_of = (
        f"{summary.as_of:%Y-%m-%d %H:%M} UTC"
        if summary.as_of
        else f"none: {describe_undated(summary.dated, summary.stories)}"
    )
    moment = "`as of`" if summary.as_of else "this run"
    done = "published" if summary.published else "would publish"
    out.print(f"{done} version {summary.version} to {output}", markup=False)
    if not _STATE["shows_progress"]:
        return
    where = f", see {summary.rejected_file}" if summary.rejected_file else ""
    rows = [
        ("as of", as_of),
        ("stories", f"{summary.stories:,}"),
        ("lists", _count_lists(summary)),
        ("empty lists", describe_empty(summary)) if summary.empty_because else None,
        *_describe_changes(summary),
        ("not computed yet", f"{summary.not_computed:,} published after {moment}") if summary.not_computed else None,
        ("rejected rows", f"{summary.rejected:,}{where}") if summary.rejected else None,
        ("superseded", f"{summary.superseded:,} {SUPERSEDED}") if summary.superseded else None,
        ("copies", f"{summary.copies:,} {COPIES}") if summary.copies else None,
        ("withdrawn", f"{summary.withdrawn:,}") if summary.withdrawn else None,
        ("no list", f"{summary.withheld:,} (stories, by the rules)") if summary.withheld else None,
        ("links", describe_links(summary.links, summary.stories_with_links, summary.unresolved_links))
        if summary.links or summary.unresolved_links
        else None,
        ("not published", f"{sum(summary.unpublished.values()):,} rows: {counted(Counter(summary.unpublished))}")
        if summary.unpublished
        else None,
        *(("note", line) for line in summary.notes),
        *(("note", finding) for finding in summary.findings),
        ("vanished", f"{summary.vanished:,} stories of the last version are missing") if summary.vanished else None,
        ("resumed", f"{summary.resumed:,} shards that an interrupted run had finished") if summary.resumed else None,
        ("embedded", _count_embedded(summary)),
        ("ranker", summary.ranker or "none"),
        ("by words alone", describe_by_words(summary.by_words)) if summary.by_words else None,
        ("related from", _describe_related(summary)),
        ("seconds", ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in summary.seconds.items())),
        ("speed", f"{summary.stories_per_second:,.0f} stories a second"),
        ("peak memory", f"{summary.peak_memory:,.0f} MiB"),
    ]
    for row in rows:
        if row:
            out.print(f"{row[0]:>17}  {row[1]}", markup=False)


def _count_embedded(summary: Summary) -> str:
    """Count the texts that were embedded, and the stories whose text had been; those by words alone have no vector."""
    before = max(summary.stories - summary.embedded - sum(summary.by_words.values()), 0)
    return f"{summary.embedded:,} ({before:,} had a text embedded before)"


def describe_empty(summary: Summary) -> str:
    """Describe which rules left lists empty, on one line."""
    from recommender.selection.rules import every_rule

    labels = {rule.name: f"{rule.name} ({rule.label[:1].lower()}{rule.label[1:]})" for rule in every_rule()}
    looked_at = sum(summary.empty_because.values())
    of = f" of {looked_at} looked at" if looked_at < summary.empty else ""
    because = ", ".join(
        f"{count} by {labels[rule]}" if rule in labels else f"{count} without a candidate"
        for rule, count in summary.empty_because.items()
    )
    return f"most candidates left out{of}: {because}; recommender why STORY ITEM --archive DIR explains one"


def describe_undated(dated: int, stories: int) -> str:
    """Describe why time does not count in an archive of which fewer than half of the stories carry a date.

    Examples
    --------
    >>> describe_undated(18, 40)
    '18 of 40 stories carry a date, fewer than half: time does not count'
    """
    what = f"{dated:,} of {stories:,} stories carry a date, fewer than half" if dated else "no story carries a date"
    return f"{what}: time does not count"


def describe_by_words(languages: Mapping[str, int]) -> str:
    """Describe which stories are compared by words alone, on one line.

    Examples
    --------
    >>> describe_by_words({"nl": 1_234, "de": 56})
    '1,290 stories in a language that the model does not know (nl, de)'
    """
    names = sorted(languages, key=lambda name: (-languages[name], name))
    return f"{sum(languages.values()):,} stories in a language that the model does not know ({', '.join(names[:5])})"


def describe_links(links: int, stories: int, unresolved: int) -> str:
    """Describe how many links of editors there are, on one line.

    Examples
    --------
    >>> describe_links(1_234, 400, 56)
    '1,234 in 400 stories (56 unresolved)'
    """
    return f"{links:,} in {stories:,} stories ({unresolved:,} unresolved)"


def _describe_related(summary: Summary) -> str:
    if summary.related_at is None:
        return "none"
    return f"relevance {summary.related_at:.3f}" + (
        ", if also close by words and meaning" if summary.also_close else ""
    )


def _count_lists(summary: Summary) -> str:
    counts = [
        f"{count:,} {name}"
        for name, count in (
            ("all related", summary.ok),
            ("filled with more", summary.filled),
            ("short", summary.short),
            ("empty", summary.empty),
        )
        if count or name == "all related"
    ]
    return f"{summary.lists:,} ({', '.join(counts)})"


def _describe_changes(summary: Summary) -> list[tuple[str, str]]:
    changes = summary.changes
    if changes is None:
        return []
    stories = f"{changes.added:,} added, {changes.replaced:,} replaced, {changes.unchanged:,} as before"
    if changes.unpublished:
        stories += f", {changes.unpublished:,} not published any more"
    lists = f"{summary.recomputed:,} of {summary.lists:,} lists"
    if summary.changed is not None:
        lists += f"; {summary.changed:,} of them show other items than before"
    return [("changes", stories), ("recomputed", lists)]


def print_list(read_next: ReadNext) -> None:
    """Show a list as a reader sees it, each item with its reasons."""
    note = "" if read_next.status == "ok" else f"  ({read_next.status.replace('_', ' ')})"
    title = "" if read_next.story is None else read_next.story.title or read_next.story.line
    id_ = f"  [dim]{_safe(read_next.article_id)}[/]" if title else ""
    out.print(f"[bold]Read next after {_safe(title or read_next.article_id)}[/]{id_}{note}")
    if read_next.status == "empty":
        out.print(f"{'':30}[dim]no story may be shown here; recommender why STORY ITEM explains why one is not[/]")
    for item in read_next.items:
        title = item.title or item.line or item.article_id
        when = f"{item.published_at.astimezone(UTC):%d %b %Y}" if item.published_at else "undated"
        out.print(f"{item.rank:>3}  [dim]{when:<11}  {_safe(item.section or '–'):<9}[/]  [bold]{_safe(title)}[/]")
        if item.line and item.line != title:
            out.print(f"{'':30}{_safe(item.line)}")
        why = "; ".join([*(["the next best"] if item.source in MORE else []), *map(str, item.reasons)])
        out.print(f"{'':30}[italic dim]{_safe(why)} · {item.score:.3f}[/]")
    out.print()


def print_table(rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows with the same names as a table; the first column to the left."""
    # rich's tables cut what is too wide for the terminal, and a figure cut off is none
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        first, *rest = (_safe(text) for text in line)
        padded = [text.rjust(width) for text, width in zip(rest, widths[1:], strict=True)]
        out.print("  ".join([first.ljust(widths[0]), *padded]), style=None if number else "dim")


def _safe(text: str) -> str:
    """Make article text safe for a terminal: no control characters, no markup."""
    from rich.markup import escape

    return escape(cleaned(text))


def cleaned(text: str, kept: str = "") -> str:
    r"""Replace control and direction characters by blanks, but for those that are kept.

    Examples
    --------
    >>> cleaned("Ferry\x1b[2J aground\n")
    'Ferry [2J aground '
    """
    return "".join(c if c.isprintable() or c in kept else " " for c in text)


def print_json(data: bytes) -> None:
    """Print one line of JSON; what a terminal would act on is escaped, which is the same value to a program."""
    text = "".join(
        c if c.isprintable() else "\\u" + c.encode("utf-16-be").hex("|", 2).replace("|", "\\u") for c in data.decode()
    )
    sys.stdout.write(text + "\n")
