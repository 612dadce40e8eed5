"""Comparison of two versions: which lists differ, which items came in and which went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

from recommender.publishing.published import PublishedLists
from recommender.storage.database import is_database

_AT_ONCE = 1_000  # lists that are read together, by the decisions of editors at one moment
_TOP = 20  # items that are named of those that came in or went


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """One list that differs.

    Attributes
    ----------
    article_id, title : str
    section : str or None
    before, after : tuple of (str, str)
        Id and title of each item, in order.
    """

    article_id: str
    title: str
    section: str | None
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]

    @property
    def came(self) -> tuple[tuple[str, str], ...]:
        """Items that were not in the list."""
        return tuple(item for item in self.after if item[0] not in dict(self.before))

    @property
    def went(self) -> tuple[tuple[str, str], ...]:
        """Items that are not in the list any more."""
        return tuple(item for item in self.before if item[0] not in dict(self.after))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison:
    """What differs between two versions.

    Attributes
    ----------
    before, after : str
        Names of the versions.
    stories : int
        Stories of both.
    added, gone : tuple of str
        Ids of stories that only one of them has.
    changed : tuple of ListChange
        Lists that differ; those with most new items first.
    sections : dict of str to (int, int)
        Stories of both, and how many of their lists differ, by section; '' = none.
    came, went : tuple of (str, str, int)
        Id and title of items that came into, or went from, most lists, and of how many.
    """

    before: str
    after: str
    stories: int
    added: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[ListChange, ...]
    sections: dict[str, tuple[int, int]]
    came: tuple[tuple[str, str, int], ...]
    went: tuple[tuple[str, str, int], ...]

    @property
    def sections_by_change(self) -> list[tuple[str, int, int]]:
        """Sections with lists that differ, most of them first: name, stories, lists that differ."""
        sections = [(name, stories, differ) for name, (stories, differ) in self.sections.items() if differ]
        return sorted(sections, key=lambda section: (-section[2], section[0]))

    def __len__(self) -> int:
        return len(self.changed)

    def __repr__(self) -> str:
        return f"<Comparison of {self.before} and {self.after}: {len(self)} of {self.stories} lists differ>"

    def without(self, hidden: Collection[str]) -> Comparison:
        """Return the comparison without stories that nobody may see by now; the counts stay."""
        if not hidden:
            return self

        def shown(items: tuple[Any, ...]) -> Any:
            return tuple(item for item in items if item[0] not in hidden)

        changed = tuple(
            replace(change, before=shown(change.before), after=shown(change.after))
            for change in self.changed
            if change.article_id not in hidden
        )
        return replace(self, changed=changed, came=shown(self.came), went=shown(self.went))

    def to_table(self) -> pa.Table:
        """Return the items that came in and went as an Arrow table, a row for each item and list."""
        rows = [
            {"story": change.article_id, "section": change.section, "change": kind, "article_id": item, "title": title}
            for change in self.changed
            for kind, items in (("came", change.came), ("went", change.went))
            for item, title in items
        ]
        names = ("story", "section", "change", "article_id", "title")
        return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.large_string()) for name in names]))

    def to_dict(self) -> dict[str, Any]:
        """Convert the comparison to plain values, for JSON."""

        def items(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
            return [{"article_id": name, "title": title} for name, title in pairs]

        def counted(items: tuple[tuple[str, str, int], ...]) -> list[dict[str, Any]]:
            return [{"article_id": name, "title": title, "lists": count} for name, title, count in items]

        changed = [
            {
                "article_id": change.article_id,
                "title": change.title,
                "section": change.section,
                "before": items(change.before),
                "after": items(change.after),
                "came": items(change.came),
                "went": items(change.went),
            }
            for change in self.changed
        ]
        sections = {name: {"stories": both, "changed": differ} for name, (both, differ) in self.sections.items()}
        return {
            "before": self.before,
            "after": self.after,
            "stories": self.stories,
            "added": list(self.added),
            "gone": list(self.gone),
            "lists_changed": len(self.changed),
            "sections": sections,
            "came": counted(self.came),
            "went": counted(self.went),
            "changed": changed,
        }


def compare(before: PublishedLists, after: PublishedLists) -> Comparison:
    """Compare the lists of two versions as readers see them now, item by item."""
    old_items = {article_id: items for article_id, _, _, items in _shown_lists(before)}
    changed, added, in_both = [], [], set()
    stories_of, changed_of = Counter[str](), Counter[str]()  # by section
    came, went = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for article_id, title, section, items in _shown_lists(after):
        if article_id not in old_items:
            added.append(article_id)
            continue
        in_both.add(article_id)
        stories_of[section or ""] += 1
        if [item for item, _ in old_items[article_id]] == [item for item, _ in items]:
            continue
        changed_of[section or ""] += 1
        change = ListChange(
            article_id=article_id, title=title, section=section, before=old_items[article_id], after=items
        )
        changed.append(change)
        came.update(change.came)
        went.update(change.went)
    changed.sort(key=lambda change: (-len(change.came) - len(change.went), change.article_id))
    return Comparison(
        before=before.version,
        after=after.version,
        stories=len(in_both),
        added=tuple(sorted(added)),
        gone=tuple(sorted(old_items.keys() - in_both)),
        changed=tuple(changed),
        sections={name: (count, changed_of[name]) for name, count in sorted(stories_of.items())},
        came=_most_frequent(came),
        went=_most_frequent(went),
    )


def _most_frequent(counts: Counter[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, title, count) for (name, title), count in ordered[:_TOP])


def all_records(lists: PublishedLists) -> Iterator[dict[str, Any]]:
    """Yield all lists of a version as readers see them now; those of a database as they are stored."""
    if is_database(lists.place):
        for batch in lists.records():
            yield from batch.to_pylist()
        return
    ids = lists.ids()
    while block := list(islice(ids, _AT_ONCE)):
        for line in lists.jsons(block):
            record = orjson.loads(line)
            if record["status"] not in ("unknown", "withdrawn"):  # withdrawn since the ids were read
                yield record


def _shown_lists(lists: PublishedLists) -> Iterator[tuple[str, str, str | None, tuple[tuple[str, str], ...]]]:
    """Yield the id, title, section and items of each list."""
    for record in all_records(lists):
        story = record.get("story") or {"title": "", "section": None}
        items = tuple((item["article_id"], item["title"] or item["line"]) for item in record["items"])
        yield record["article_id"], story["title"] or record["article_id"], story["section"], items
