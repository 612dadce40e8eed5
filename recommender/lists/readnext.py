"""A list as a value: `ReadNext`, its items and their reasons; needs nothing but Python itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

Status = Literal["ok", "filled", "short", "empty", "withheld", "withdrawn", "unknown", "not_computed"]
MOST_REASONS = 2  # of an item
_WITH_LIST = ("ok", "filled", "short", "empty")  # the other statuses say why there is no list
MORE = ("more", "window", "caps", "same_section", "recent")  # the last four: lists of earlier versions


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is there.

    Attributes
    ----------
    kind : str
        For programs: shared_terms, meaning, pinned, development, same_section ...
    text : str
        For readers.
    weight : float
        Its part of the relevance, see `Recommendation.contributions`; 0 for a fact that is not part of it.
    terms : tuple of (str, float)
        The telling terms that both stories share, with the part of each.
    """

    kind: str
    text: str
    weight: float
    terms: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Reason:
        """Make a reason from that of a record."""
        terms = tuple((term["term"], term["weight"]) for term in record.get("terms") or ())
        return cls(record["kind"], record["text"], record["weight"], terms)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item of a list.

    Attributes
    ----------
    rank : int
        1 is the first.
    article_id, title, line : str
    url, section : str or None
    published_at : datetime or None
    source : str
        How it came in: 'related', 'evergreen' (a related piece that is undated or evergreen), 'pinned', or 'more' (the
        next best, where fewer than k are related).
    score : float
        Relevance after boosts, lowered for an item that is not close to the story; a pinned or more varied item may
        stand above a higher one.
    components : mapping of str to float
        dense, lexical, relevance, freshness, boost.
    reasons : tuple of Reason
    contributions : mapping of str to float
        What each family of features adds to the log odds of the relevance, or to a weighted sum; empty in lists of
        earlier versions.
    image_url, outlet : str or None
        A picture on the web; who published it.
    """

    rank: int
    article_id: str
    title: str
    url: str | None
    section: str | None
    published_at: datetime | None
    line: str
    source: str
    score: float
    components: Mapping[str, float]
    reasons: tuple[Reason, ...]
    contributions: Mapping[str, float] = field(default_factory=dict)
    image_url: str | None = None
    outlet: str | None = None

    @property
    def relevance(self) -> float:
        """How well the item goes with the story, before boosts: with a ranker the probability of a link."""
        return self.components["relevance"]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Recommendation:
        """Make an item from that of a record."""
        published = _time(record["published_at"])
        reasons = tuple(map(Reason.of, record["reasons"]))
        families = record.get("contributions") or {}  # null for families that the ranker does not read
        contributions = {family: value for family, value in families.items() if value is not None}
        return cls(**{**record, "published_at": published, "contributions": contributions, "reasons": reasons})


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that is not in a list.

    Attributes
    ----------
    article_id, title : str
    section : str or None
    published_at : datetime or None
    relevance, score : float
    rule : str
        What rejected it: the name of a selection rule (see `recommender.selection.rules`), or 'rank' (others were
        better, or with diversity more varied).
    detail : str
        The caps that the list has reached, or what it is to the item that kept it out, as "same report as “...”".
    """

    article_id: str
    title: str
    section: str | None
    published_at: datetime | None
    relevance: float
    score: float
    rule: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What a reader sees of the story that a list stands under."""

    title: str
    url: str | None
    section: str | None
    published_at: datetime | None
    line: str
    image_url: str | None = None
    outlet: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ReadNext:
    """The ranked list under one story.

    Attributes
    ----------
    article_id : str
    status : str
        'ok' (k related items), 'filled' (k items, some of them 'more'), 'short' (fewer), 'empty', 'withheld' (no list
        for this story), 'withdrawn', 'unknown' (no such story), 'not_computed' (known, but not public at `as_of`).
    items : tuple of Recommendation
    reserves : tuple of Recommendation
        Further items, which take the place of withdrawn ones.
    k : int
        Items asked for.
    version, settings : str
        Of the published version, and fingerprint of the settings; empty where there is none.
    as_of : datetime or None
        Moment that the list is for.
    story : Story or None
        The story itself; None where it is unknown or withdrawn.
    """

    article_id: str
    status: Status
    items: tuple[Recommendation, ...] = ()
    reserves: tuple[Recommendation, ...] = ()
    k: int = 0
    version: str = ""
    as_of: datetime | None = None
    settings: str = ""
    story: Story | None = None

    @property
    def shortfall(self) -> int:
        """Places that stayed empty."""
        return max(self.k - len(self.items), 0)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Recommendation:
        return self.items[place]

    @classmethod
    def of(
        cls,
        record: Mapping[str, Any],
        withdrawn: frozenset[str] = frozenset(),
        blocked: frozenset[tuple[str, str | None]] = frozenset(),
        pinned: Sequence[tuple[int, Mapping[str, Any]]] = (),
    ) -> ReadNext:
        """Make a list from a record as it stands now, see `current`."""
        record = current(record, withdrawn, blocked, pinned)
        story = record.get("story")  # lists published by earlier versions have none
        return cls(
            record["article_id"],
            record["status"],
            tuple(map(Recommendation.of, record["items"])),
            tuple(map(Recommendation.of, record["reserves"])),
            record["k"],
            record["version"] or "",
            _time(record["as_of"]),
            record["settings"],
            Story(**{**story, "published_at": _time(story["published_at"])}) if story else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Convert the list to plain values, for JSON."""
        return asdict(self)

    def to_table(self) -> Any:
        """Write the items as an Arrow table, a row for each; `.to_pandas()` makes a data frame of it."""
        from recommender.lists.records import to_table  # which needs Arrow

        return to_table([self.to_dict()])

    def __repr__(self) -> str:
        shown = ", ".join(repr(item.article_id) for item in self.items)
        return f"<ReadNext under {self.article_id!r}: {self.status}, [{shown}]>"

    def first(self, k: int) -> ReadNext:
        """Resize the list to `k` places: fewer keep the first items, more take in reserves."""
        items = (*self.items, *self.reserves)
        status = status_of([item.source for item in items[:k]], k) if items else self.status
        return replace(self, status=status, k=k, items=items[:k], reserves=items[k:])

    def with_ids(self, convert: Callable[[str], Any] | None) -> ReadNext:
        """Replace all ids of the list by what `convert` returns for their text; None leaves them."""
        if convert is None:
            return self
        items, reserves = (
            tuple(replace(item, article_id=convert(item.article_id)) for item in part)
            for part in (self.items, self.reserves)
        )
        return replace(self, article_id=convert(self.article_id), items=items, reserves=reserves)

    def without_list(self, status: Status) -> ReadNext:
        """Remove all items, and set another status."""
        return replace(self, status=status, items=(), reserves=())


def current(
    record: Mapping[str, Any],
    withdrawn: frozenset[str] = frozenset(),
    blocked: frozenset[tuple[str, str | None]] = frozenset(),
    pinned: Sequence[tuple[int, Mapping[str, Any]]] = (),
) -> dict[str, Any]:
    """Apply editors' later decisions to a record.

    Reserves take the places of items withdrawn or blocked (item, story or None) since; `pinned` are places, ascending,
    and the items that stand there, each a record of an item.
    """
    story, k = record["article_id"], record["k"]
    pinned_ids = {item["article_id"] for _, item in pinned}

    def stays(item: Mapping[str, Any]) -> bool:
        article_id = item["article_id"]
        return article_id not in withdrawn and blocked.isdisjoint(((article_id, None), (article_id, story)))

    items = [item for item in (*record["items"], *record["reserves"]) if stays(item)]
    if pinned_ids:
        items = [item for item in items if item["article_id"] not in pinned_ids]
        for position, item in pinned:
            if stays(item):
                items.insert(min(position, k) - 1, item)
    return _with_items(record, renumbered(items), k)


def renumbered(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items of a record with their ranks in this order."""
    return [item if item["rank"] == rank else {**item, "rank": rank} for rank, item in enumerate(items, 1)]


def resized(record: Mapping[str, Any], k: int) -> dict[str, Any]:
    """Resize a record to `k` places: fewer keep the first items, more take in reserves.

    Examples
    --------
    >>> items = [{"article_id": name, "source": "related"} for name in "bcd"]
    >>> found = resized({"status": "ok", "k": 2, "items": items[:2], "reserves": items[2:]}, 4)
    >>> [item["article_id"] for item in found["items"]], found["status"]
    (['b', 'c', 'd'], 'short')
    """
    return _with_items(record, [*record["items"], *record["reserves"]], k)


def _with_items(record: Mapping[str, Any], items: list[dict[str, Any]], k: int) -> dict[str, Any]:
    status = record["status"]
    if status in _WITH_LIST:
        status = status_of([item["source"] for item in items[:k]], k)
    return {**record, "status": status, "k": k, "items": items[:k], "reserves": items[k:]}


def status_of(sources: Sequence[str], k: int) -> Status:
    """Derive the status of a list of `k` places from how its items came in.

    Examples
    --------
    >>> status_of(["related", "more"], 2), status_of(["related"], 2), status_of([], 2)
    ('filled', 'short', 'empty')
    """
    if len(sources) < k:
        return "short" if sources else "empty"
    return "filled" if any(source in MORE for source in sources) else "ok"


def without(records: Iterable[dict[str, Any]], ids: frozenset[str]) -> tuple[list[dict[str, Any]], bool]:
    """Remove some stories from records, as story and as item; returns the records, and whether any was removed.

    Times of the returned records are datetimes.
    """
    kept, is_any_removed = [], False
    for record in records:
        if record["article_id"] in ids:
            is_any_removed = True
            continue
        before = len(record["items"]) + len(record["reserves"])
        record = current(record, ids)
        is_any_removed |= len(record["items"]) + len(record["reserves"]) < before
        for name in ("items", "reserves"):
            record[name] = [{**item, "published_at": _time(item["published_at"])} for item in record[name]]
        if story := record.get("story"):
            record["story"] = {**story, "published_at": _time(story["published_at"])}
        kept.append({**record, "as_of": _time(record["as_of"])})
    return kept, is_any_removed


def _time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
