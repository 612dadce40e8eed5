"""Digests of everything that decides about the lists of a run: they name the version and say which shards are good."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.columns import to_micros
from recommender.editorial.overlay import ordered
from recommender.facade import Recommender
from recommender.lists.records import RECORD
from recommender.plugins import releases
from recommender.search.limits import LIMITS
from recommender.search.scope import Filters
from recommender.storage.digests import hash_table
from recommender.version import __version__


@dataclass(frozen=True)
class Inputs:
    """Everything that decides about the lists of a fitted archive.

    Attributes
    ----------
    as_of : datetime, optional
        The moment; none where time does not count.
    version : str
        Twelve hex digits: same input, same name, same bytes.
    parts : mapping of str to str
        The same and what an earlier run fitted, by the name that a message calls it.
    """

    as_of: datetime | None
    version: str
    parts: Mapping[str, str]

    @classmethod
    def of(cls, rec: Recommender, as_of: datetime | None) -> Inputs:
        """Identify an archive before its pools are found; `as_of` as for `precompute`."""
        moment = as_of or rec.newest()
        overlay, rules, settings = rec.overlay, rec.rules.model_dump_json(), rec.settings.fingerprint()
        withdrawals = repr((ordered(overlay.withdrawn), ordered(overlay.blocked)))
        sizes = [] if rec.archive.limits == LIMITS else [repr(rec.archive.limits)]
        added = (*releases("rules"), *sizes)
        digest = hashlib.sha256()
        hash_table(digest, rec.catalog.table)
        digest.update(np.packbits(rec.catalog.alive).data)
        stories = digest.hexdigest()
        digest.update(np.ascontiguousarray(rec.archive.vectors).data)
        vectors = digest.hexdigest()
        told = _state(rec) if moment is None else moment.isoformat()
        digest.update(repr((settings, __version__, told, RECORD.to_string(), *added)).encode())
        ranker = "" if rec.archive.ranker is None else rec.archive.ranker.sha256
        digest.update(ranker.encode())
        digest.update(rules.encode())
        digest.update(rec.catalog.boilerplate.digest.encode())
        digest.update(withdrawals.encode())
        tfidf = rec.archive.tfidf
        fitted = hashlib.sha256(repr(rec.related_at).encode() + np.ascontiguousarray(tfidf.idf).tobytes())
        fitted.update(rec.catalog.boilerplate.digest.encode())
        hash_table(fitted, pa.table({"name": tfidf.names}))
        digest.update(fitted.digest())  # the same stories, as a refresh and as a whole run leave them, differ in it
        parts = {
            "stories": stories,
            "vectors": vectors,
            "words and cut": fitted.hexdigest(),
            "settings": settings,
            "ranker": ranker,
            "rules": rules,
            "withdrawals": withdrawals,
            "library": f"{__version__}, {RECORD.to_string()}",
            **({"added rules and sizes": ", ".join(added)} if added else {}),
            "moment": told,
        }
        plain = {name: hashlib.sha256(text.encode()).hexdigest()[:32] for name, text in parts.items()}
        return cls(moment, digest.hexdigest()[:12], plain)

    def with_rows(self, rows: NDArray[np.int64]) -> dict[str, str]:
        """Identify `parts`, and the rows that lists are made for."""
        return {**self.parts, "lists to make": hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()}


def _state(rec: Recommender) -> str:
    """Digest what the present decides where time does not count: which stories may be shown, which rules hold."""
    now = datetime.now(UTC)
    allowed = rec.archive.scope(to_micros(now), Filters(), rec.overlay.withdrawn).allowed
    dated = (*rec.rules.pins, *rec.rules.boosts, *rec.rules.desk)
    return repr((hashlib.sha256(allowed.data).hexdigest(), [rule.holds(now) for rule in dated]))
