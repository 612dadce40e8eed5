"""Evaluation sets: articles with judgments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.errors import InputError, SettingsError
from recommender.evaluation.data.judgments import Judgments, next_click, read_judgments
from recommender.reading.clicks import ClickLog, refuse_many_rejected
from recommender.reading.read import Source, read_articles
from recommender.settings import ReadingSettings
from recommender.storage.digests import hash_table

Use = Literal["lists", "rankings", "pairs"]
Protocol = Literal["archive", "at_publication", "undated"]
NEWSROOM = Path(__file__).parent / "newsroom"


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Articles with judgments, events and clicks.

    Attributes
    ----------
    catalog : Catalog
        The archive, in publication order.
    judgments : Judgments
        Judgments of articles in the archive.
    uses : tuple of {'lists', 'rankings', 'pairs'}
        What the grades judge: rankings and lists of stories; only rankings, if items that a list leaves out have good
        grades; scores of pairs.
    protocol : {'archive', 'at_publication', 'undated'}
        'archive': lists may show the whole archive, newer stories included, as on a page today. 'at_publication': lists
        show only older stories, and systems are fitted on those. 'undated': without time.
    group : mapping of article id to group name
        Articles that are not independent, such as those of one topic; other articles are groups of their own.
    events : mapping of article id to event name, or None
        Labels of the stories that report one event.
    clicks : ClickLog, optional
        Lists that were shown, with the clicks of readers.
    part : {'all', 'development', 'test'}
        Tuning accepts only development parts.
    counts : mapping of str to int
        Counts of what was left out, by reason.
    notes : tuple of str
        What readers of the figures must know.
    """

    name: str
    about: str
    licence: str
    catalog: Catalog
    judgments: Judgments
    uses: tuple[Use, ...] = ("lists", "pairs")
    protocol: Protocol = "archive"
    group: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] | None = None
    clicks: ClickLog | None = None
    part: Literal["all", "development", "test"] = "all"
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        articles: Source,
        judgments: Judgments,
        *,
        about: str = "",
        licence: str = "your own",
        protocol: Protocol | None = None,
        reading: ReadingSettings | None = None,
        **values: Any,
    ) -> EvaluationSet:
        """Build a set from judgments and articles, in any form that `Recommender.fit` takes.

        Judgments of unknown articles are left out and counted.

        Parameters
        ----------
        protocol : {'archive', 'at_publication'}, optional
            Default: 'archive'; an archive without dates is always 'undated'.
        reading : ReadingSettings, optional
            How the articles are read.
        **values
            Further attributes.

        Raises
        ------
        InputError
            If no article is usable or no judgment names two of them.
        SettingsError
            If there is no such protocol.
        """
        if protocol not in (None, "archive", "at_publication"):
            raise SettingsError(f"unknown protocol {protocol!r}; expected archive or at_publication")
        table, report = read_articles(articles, settings=reading)
        if not len(table):
            raise InputError(f"{name}: no usable article was given")
        catalog = Catalog.from_table(table)
        known = catalog.ids.to_pylist()
        usable = judgments.among(known)
        if judgments.picks:
            usable = replace(usable, complete=frozenset(known))
        if not len(usable):
            example = judgments.table.slice(0, 1).to_pylist()[0]
            raise InputError(
                f"{name}: none of {len(judgments)} judgments names two of the {len(known)} articles; "
                f"the first names {example['story']!r} and {example['item']!r}"
            )
        counts = {
            "rejected articles": len(report.rejected),
            "judgments of unknown articles": len(judgments) - len(usable),
        }
        log = values.get("clicks")
        if log is not None:
            values["clicks"] = log.among(known)
            counts["lists of unknown articles"] = len(log) - len(values["clicks"])
        uses: tuple[Use, ...] = ("lists", "pairs") if usable.symmetric else ("lists",)
        judged = cls(name, about, licence, catalog, usable, uses, protocol or "archive", counts=counts)
        judged = replace(judged, **values)
        return judged if judged.dated else replace(judged, protocol="undated")

    @cached_property
    def dated(self) -> bool:
        """Whether at least half of the articles have a date."""
        return bool((self.catalog.published != UNDATED).mean() >= 0.5)

    @property
    def asks_stories(self) -> bool:
        """Whether systems are asked for rankings and lists of the stories of the set."""
        return not {"lists", "rankings"}.isdisjoint(self.uses)

    def fingerprint(self) -> str:
        """Compute a hex digest of the articles and of all judgments, events and clicks."""
        judgments, digest = self.judgments, hashlib.sha256()
        for table in (self.catalog.table, judgments.table, *([self.clicks.table] if self.clicks is not None else ())):
            hash_table(digest, table)
        values = (judgments.relevant, judgments.symmetric, judgments.picks, sorted(judgments.complete), self.uses)
        events = None if self.events is None else sorted(self.events.items(), key=str)
        digest.update(repr((values, self.protocol, self.part, sorted(self.group.items()), events)).encode())
        return digest.hexdigest()

    @cached_property
    def known_as(self) -> frozenset[str]:
        """The name and the fingerprints of set and judgments, by which `System.trained_on` may name this set."""
        return frozenset({self.name, self.fingerprint(), self.judgments.fingerprint()})

    def groups_of(self, ids: list[str]) -> NDArray[np.int64]:
        """Return the group number of each article, (n,), counted from 0 in order of name."""
        names = [self.group.get(article_id, f"\0{article_id}") for article_id in ids]
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    def split(
        self, by: Literal["group", "time"] = "group", *, share: float = 0.5, seed: int = 0
    ) -> tuple[EvaluationSet, EvaluationSet]:
        """Split the judgments into a development part and a test part; both keep the whole archive.

        Judgments between the parts are in neither; lists of a click log go with their source. If split by time, a group
        may be in both.

        Parameters
        ----------
        by : {'group', 'time'}
            Groups drawn at random, or older stories for development and newer ones for the test.
        share : float, default 0.5
            Share of the judged stories (by group: of the groups) that go to development.
        seed : int, default 0

        Raises
        ------
        InputError
            If a part would contain no judgments, or time is asked of a set without dates.
        """
        ids = sorted({*self.judgments.table["story"].to_pylist(), *self.judgments.table["item"].to_pylist()})
        if by == "time":
            if not self.dated:
                raise InputError(f"{self.name} has no dates; split it by group")
            published = self.catalog.published[self.catalog.rows(ids)]
            stories = self.catalog.published[self.catalog.rows(self.judgments.directed().stories)]
            is_development = published < np.quantile(stories, share, method="higher")
        else:
            codes = self.groups_of(ids)
            order = np.random.default_rng(seed).permutation(codes.max() + 1)
            is_development = np.isin(codes, order[: round(share * len(order))])
        names = np.array(ids, dtype=object)
        parts = (
            self._part("development", names[is_development].tolist()),
            self._part("test", names[~is_development].tolist()),
        )
        for part in parts:
            if not len(part.judgments):
                raise InputError(f"{self.name}: the {part.part} part of this split would hold no judgments")
        return parts

    def _part(self, part: Literal["development", "test"], ids: list[str]) -> EvaluationSet:
        clicks = self.clicks
        if clicks is not None:
            clicks = ClickLog(clicks.table.filter(pc.is_in(clicks.table["source"], pa.array(ids, pa.large_string()))))
        return replace(self, part=part, judgments=self.judgments.among(ids), clicks=clicks or None)


def own_set(
    articles: Source,
    pairs: str | Path | None = None,
    *,
    clicks: str | Path | None = None,
    name: str = "own",
    grade: str | None = None,
    relevant: float | None = None,
    protocol: Protocol | None = None,
    reading: ReadingSettings | None = None,
) -> EvaluationSet:
    """Build a set from your own articles with judgments, a click log, or both.

    Parameters
    ----------
    articles : path, list of paths, table or iterable
    pairs : path, optional
        See `read_judgments`; default: the clicks, see `next_click`.
    clicks : path, optional
        See `ClickLog.read`.
    name : str, default 'own'
    grade : str, optional
        Column with the grade.
    relevant : float, optional
        The least grade that counts as relevant; default: half of the highest.
    protocol : {'archive', 'at_publication'}, optional
    reading : ReadingSettings, optional
        How articles and clicks are read.

    Examples
    --------
    >>> judged = own_set(NEWSROOM / "articles.jsonl", NEWSROOM / "editor_picks.jsonl")
    >>> len(judged.catalog), len(judged.judgments), judged.protocol
    (110, 89, 'archive')
    """
    log = None
    counts: dict[str, int] = {}
    if clicks is not None:
        log, report = ClickLog.read(clicks, settings=reading)
        refuse_many_rejected(log, report, Path(clicks).name)
        counts = {"rejected lists of the log": len(report.rejected)}
    if pairs is not None:
        judgments = read_judgments(pairs, grade=grade, relevant=relevant)
    elif log is not None:
        judgments = next_click(log)
    else:
        raise InputError("neither judgments nor a click log were given")
    about = " and ".join(Path(file).name for file in (pairs, clicks) if file is not None)
    judged = EvaluationSet.of(
        name, articles, judgments, about=f"judgments of {about}", protocol=protocol, reading=reading, clicks=log
    )
    group = judged.judgments.topics() if judged.judgments.symmetric else {}
    notes = ("Articles that relevant pairs join count as one topic: intervals and tests go by topic.",) if group else ()
    return replace(judged, counts={**judged.counts, **counts}, group=group, notes=notes)
