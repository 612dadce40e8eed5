"""Two versions side by side: which lists differ, what came in and what went."""

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

_AT_ONCE = 1_000  # lists that are read by what editors had decided at one moment
_TOP = 20  # items that are told of those that came in or went


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
        some = [(name, both, differ) for name, (both, differ) in self.sections.items() if differ]
        return sorted(some, key=lambda one: (-one[2], one[0]))

    def __len__(self) -> int:
        return len(self.changed)

    def __repr__(self) -> str:
        return f"<Comparison of {self.before} and {self.after}: {len(self)} of {self.stories} lists differ>"

    def without(self, hidden: Collection[str]) -> Comparison:
        """Leave out stories that nobody may see by now; the counts stay."""
        if not hidden:
            return self

        def shown(items: tuple[Any, ...]) -> Any:
            return tuple(item for item in items if item[0] not in hidden)

        changed = tuple(
            replace(one, before=shown(one.before), after=shown(one.after))
            for one in self.changed
            if one.article_id not in hidden
        )
        return replace(self, changed=changed, came=shown(self.came), went=shown(self.went))

    def to_table(self) -> pa.Table:
        """Write what came in and what went as an Arrow table, a row for each item and list."""
        rows = [
            {"story": one.article_id, "section": one.section, "change": change, "article_id": name, "title": title}
            for one in self.changed
            for change, items in (("came", one.came), ("went", one.went))
            for name, title in items
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
                "article_id": one.article_id,
                "title": one.title,
                "section": one.section,
                "before": items(one.before),
                "after": items(one.after),
                "came": items(one.came),
                "went": items(one.went),
            }
            for one in self.changed
        ]
        sections = {name: {"stories": both, "changed": some} for name, (both, some) in self.sections.items()}
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
    old = {name: (section, items) for name, _, section, items in _shown(before)}
    changed, added, seen = [], [], set()
    sections: dict[str, list[int]] = {}
    came: Counter[tuple[str, str]] = Counter()
    went: Counter[tuple[str, str]] = Counter()
    for name, title, section, items in _shown(after):
        if name not in old:
            added.append(name)
            continue
        seen.add(name)
        counts = sections.setdefault(section or "", [0, 0])
        counts[0] += 1
        first = old[name][1]
        if [one for one, _ in first] == [one for one, _ in items]:
            continue
        counts[1] += 1
        change = ListChange(article_id=name, title=title, section=section, before=first, after=items)
        changed.append(change)
        came.update(change.came)
        went.update(change.went)
    changed.sort(key=lambda one: (-len(one.came) - len(one.went), one.article_id))
    return Comparison(
        before=before.version,
        after=after.version,
        stories=len(seen),
        added=tuple(sorted(added)),
        gone=tuple(sorted(old.keys() - seen)),
        changed=tuple(changed),
        sections={name: (both, some) for name, (both, some) in sorted(sections.items())},
        came=_most(came),
        went=_most(went),
    )


def _most(counts: Counter[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, title, count) for (name, title), count in ordered[:_TOP])


def all_records(lists: PublishedLists) -> Iterator[dict[str, Any]]:
    """Read all lists of a version as readers see them now; of a database as they are stored, in one go."""
    if is_database(lists.place):
        for batch in lists.records():
            yield from batch.to_pylist()
        return
    ids = lists.ids()
    while some := list(islice(ids, _AT_ONCE)):
        for line in lists.jsons(some):
            record = orjson.loads(line)
            if record["status"] not in ("unknown", "withdrawn"):  # between two looks
                yield record


def _shown(lists: PublishedLists) -> Iterator[tuple[str, str, str | None, tuple[tuple[str, str], ...]]]:
    for record in all_records(lists):
        story = record.get("story") or {"title": "", "section": None}
        items = tuple((item["article_id"], item["title"] or item["line"]) for item in record["items"])
        yield record["article_id"], story["title"] or record["article_id"], story["section"], items
