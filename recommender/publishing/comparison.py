"""Comparison of two versions: the lists that differ, and the items that came in and went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

from recommender.publishing.published import PublishedLists
from recommender.storage.database import is_database

_BLOCK = 1_000  # lists that are read together, by the decisions of editors at one moment
_TOP = 20  # named items of those that came in or went


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """The list of one story in two versions, as ids and titles of the items."""

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
    """The differences between two versions, which are given by name."""

    before: str
    after: str
    stories: int  # number of stories that both versions have
    added: tuple[str, ...]  # ids of stories that only the version after has
    gone: tuple[str, ...]  # ids of stories that only the version before has
    changed: tuple[ListChange, ...]  # lists that differ; those with the most new and missing items first
    sections: dict[str, tuple[int, int]]  # stories in both, and their lists that differ, by section; '' = none
    came: tuple[tuple[str, str, int], ...]  # items that came into the most lists: id, title, number of lists
    went: tuple[tuple[str, str, int], ...]  # items that went from the most lists

    @property
    def sections_by_change(self) -> list[tuple[str, int, int]]:
        """Name, stories and lists that differ of each section with such lists, the most changed first."""
        sections = [(name, stories, differ) for name, (stories, differ) in self.sections.items() if differ]
        return sorted(sections, key=lambda section: (-section[2], section[0]))

    def __len__(self) -> int:
        return len(self.changed)

    def __repr__(self) -> str:
        return f"<Comparison of {self.before} and {self.after}: {len(self)} of {self.stories} lists differ>"

    def without(self, hidden: Collection[str]) -> Comparison:
        """Return the comparison without stories that are hidden by now; the counts stay."""
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

        def dicts(items: Iterable[tuple[object, ...]]) -> list[dict[str, object]]:
            return [dict(zip(("article_id", "title", "lists"), item, strict=False)) for item in items]

        changed = [
            {
                **{name: getattr(change, name) for name in ("article_id", "title", "section")},
                **{name: dicts(getattr(change, name)) for name in ("before", "after", "came", "went")},
            }
            for change in self.changed
        ]
        return {
            "before": self.before,
            "after": self.after,
            "stories": self.stories,
            "added": list(self.added),
            "gone": list(self.gone),
            "lists_changed": len(self.changed),
            "sections": {name: {"stories": both, "changed": n} for name, (both, n) in self.sections.items()},
            "came": dicts(self.came),
            "went": dicts(self.went),
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
    while block := list(islice(ids, _BLOCK)):
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
