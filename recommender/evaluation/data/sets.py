"""Sets to evaluate on: articles with judgments, one's own or named ones from a folder."""

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
from recommender.evaluation.data.clicks import next_click
from recommender.evaluation.data.judgments import Judgments, read_judgments
from recommender.reading.clicks import ClickLog, refuse_mostly_rejected
from recommender.reading.read import Source, read_articles
from recommender.storage.digests import hash_table

Use = Literal["lists", "rankings", "pairs"]
Protocol = Literal["archive", "at_publication", "undated"]
NEWSROOM = Path(__file__).parent / "newsroom"


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Articles and what people said of them.

    Attributes
    ----------
    name, about, licence : str
    catalog : Catalog
        The archive, in publication order.
    judgments : Judgments
        Of ids in the archive only.
    uses : tuple of {'lists', 'rankings', 'pairs'}
        What the grades bear on: rankings and lists under stories; rankings alone, where the grades want what a list
        leaves out; scores of judged pairs.
    protocol : {'archive', 'at_publication', 'undated'}
        'archive': the whole archive may be shown, later stories included, as on a page today. 'at_publication': under a
        story stand only older ones, and all that is fitted is fitted on them. 'undated': without time.
    group : mapping of article id to group name
        Stories that are not independent, such as those of one topic; one not named is a group of its own.
    events : mapping of article id to event name, or None
        Where editors said which stories report one event.
    clicks : ClickLog, optional
        Lists that were shown, with what readers clicked.
    part : {'all', 'development', 'test'}
        Tuning accepts only development parts.
    counts : mapping of str to int
        What was left out and why.
    notes : tuple of str
        What a reader of figures must know.
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
        **values: Any,
    ) -> EvaluationSet:
        """Make a set of judgments and of articles in any form that `Recommender.fit` takes.

        Judgments that name an article which is not there are left out and counted.

        Parameters
        ----------
        protocol : {'archive', 'at_publication'}, optional
            Default 'archive'; an archive without dates is always 'undated'.
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
        table, report = read_articles(articles)
        if not len(table):
            raise InputError(f"{name}: no usable article was given")
        catalog = Catalog.from_table(table)
        known = catalog.ids.to_pylist()
        held = judgments.among(known)
        if judgments.picks:
            held = replace(held, complete=frozenset(known))
        if not len(held):
            example = judgments.table.slice(0, 1).to_pylist()[0]
            raise InputError(
                f"{name}: none of {len(judgments)} judgments names two of the {len(known)} articles; "
                f"the first names {example['story']!r} and {example['item']!r}"
            )
        counts = {
            "rejected articles": len(report.rejected),
            "judgments of unknown articles": len(judgments) - len(held),
        }
        log = values.get("clicks")
        if log is not None:
            values["clicks"] = log.among(known)
            counts["lists of unknown articles"] = len(log) - len(values["clicks"])
        uses: tuple[Use, ...] = ("lists", "pairs") if held.symmetric else ("lists",)
        made = cls(name, about, licence, catalog, held, uses, protocol or "archive", counts=counts)
        made = replace(made, **values)
        return made if made.dated else replace(made, protocol="undated")

    @cached_property
    def dated(self) -> bool:
        """Whether at least half of the articles carry a date."""
        return bool((self.catalog.published != UNDATED).mean() >= 0.5)

    @property
    def asks_stories(self) -> bool:
        """Whether rankings and lists are made under the stories of the set."""
        return not {"lists", "rankings"}.isdisjoint(self.uses)

    def fingerprint(self) -> str:
        """Compute a hex digest of the articles and of all that was said of them."""
        judgments, digest = self.judgments, hashlib.sha256()
        for table in (self.catalog.table, judgments.table, *([self.clicks.table] if self.clicks is not None else ())):
            hash_table(digest, table)
        told = (judgments.relevant, judgments.symmetric, judgments.picks, sorted(judgments.complete), self.uses)
        events = None if self.events is None else sorted(self.events.items(), key=str)
        digest.update(repr((told, self.protocol, self.part, sorted(self.group.items()), events)).encode())
        return digest.hexdigest()

    @cached_property
    def known_as(self) -> frozenset[str]:
        """Words by which a ranker may tell that it was trained on this set.

        The name, the fingerprint of the set and that of its judgments: see `System.trained_on`.
        """
        return frozenset({self.name, self.fingerprint(), self.judgments.fingerprint()})

    def groups_of(self, ids: list[str]) -> NDArray[np.int64]:
        """Find the group number of each article, (n,), counted from 0 in order of name."""
        names = [self.group.get(article_id, f"\0{article_id}") for article_id in ids]
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    def split(
        self, by: Literal["group", "time"] = "group", *, share: float = 0.5, seed: int = 0
    ) -> tuple[EvaluationSet, EvaluationSet]:
        """Split the judgments into a development part and a test part; the archive stays whole in both.

        Judgments between the parts are in neither; lists of a click log go with their source. By time a group may
        stand in both.

        Parameters
        ----------
        by : {'group', 'time'}
            Groups drawn at random, or the older stories for development and the newer for the test.
        share : float, default 0.5
            Of the judged stories (by group: of the groups), that go to development.
        seed : int, default 0

        Raises
        ------
        InputError
            If a part would hold no judgments, or time is asked of a set without dates.
        """
        ids = sorted({*self.judgments.table["story"].to_pylist(), *self.judgments.table["item"].to_pylist()})
        if by == "time":
            if not self.dated:
                raise InputError(f"{self.name} has no dates; split it by group")
            published = self.catalog.published[self.catalog.rows(ids)]
            stories = self.catalog.published[self.catalog.rows(self.judgments.directed().stories)]
            first = published < np.quantile(stories, share, method="higher")
        else:
            code = self.groups_of(ids)
            order = np.random.default_rng(seed).permutation(code.max() + 1)
            first = np.isin(code, order[: round(share * len(order))])
        early = [article_id for article_id, held in zip(ids, first, strict=True) if held]
        late = [article_id for article_id, held in zip(ids, first, strict=True) if not held]
        parts = (self._part("development", early), self._part("test", late))
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
) -> EvaluationSet:
    """Make a set of your own articles with judgments, a click log, or both.

    Parameters
    ----------
    articles : path, list of paths, table or iterable
    pairs : path, optional
        See `read_judgments`; default: what readers clicked, see `next_click`.
    clicks : path, optional
        See `ClickLog.read`.
    name : str, default 'own'
    grade : str, optional
        Column with the grade.
    relevant : float, optional
        The least grade that counts as relevant; default half of the greatest.
    protocol : {'archive', 'at_publication'}, optional

    Examples
    --------
    >>> judged = own_set(NEWSROOM / "articles.jsonl", NEWSROOM / "editor_picks.jsonl")
    >>> len(judged.catalog), len(judged.judgments), judged.protocol
    (110, 89, 'archive')
    """
    log = None
    counts: dict[str, int] = {}
    if clicks is not None:
        log, report = ClickLog.read(clicks)
        refuse_mostly_rejected(log, report, Path(clicks).name)
        counts = {"rejected lists of the log": len(report.rejected)}
    if pairs is not None:
        judgments = read_judgments(pairs, grade=grade, relevant=relevant)
    elif log is not None:
        judgments = next_click(log)
    else:
        raise InputError("neither judgments nor a click log were given")
    about = " and ".join(Path(one).name for one in (pairs, clicks) if one is not None)
    made = EvaluationSet.of(name, articles, judgments, about=f"judgments of {about}", protocol=protocol, clicks=log)
    group = made.judgments.topics() if made.judgments.symmetric else {}
    notes = ("Articles that relevant pairs join count as one topic: intervals and tests go by topic.",) if group else ()
    return replace(made, counts={**made.counts, **counts}, group=group, notes=notes)
