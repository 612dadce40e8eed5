"""Digests of everything that decides about the lists of a run: they name the version and its checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.columns import to_micros
from recommender.editorial.overlay import sorted_entries
from recommender.facade import Recommender
from recommender.lists.records import RECORD
from recommender.plugins import releases
from recommender.search.limits import LIMITS
from recommender.search.scope import Filters
from recommender.storage.digests import hash_table
from recommender.version import __version__


@dataclass(frozen=True)
class Inputs:
    """Everything that decides about the lists of a fitted archive."""

    as_of: datetime | None  # the moment; none where time does not count
    version: str  # twelve hex digits: same input, same name, same bytes
    parts: Mapping[str, str]  # digest of each input and of what an earlier run fitted, by the name that messages use

    @classmethod
    def from_recommender(cls, rec: Recommender, as_of: datetime | None) -> Inputs:
        """Digest an archive before its pools are found; `as_of` as for `precompute`."""
        moment = as_of or rec.newest()
        overlay, rules, settings = rec.overlay, rec.rules.model_dump_json(), rec.settings.fingerprint()
        withdrawals = repr((sorted_entries(overlay.withdrawn), sorted_entries(overlay.blocked)))
        changed_limits = [] if rec.archive.limits == LIMITS else [repr(rec.archive.limits)]
        additions = (*releases("rules"), *changed_limits)
        digest = hashlib.sha256()
        hash_table(digest, rec.catalog.table)
        digest.update(np.packbits(rec.catalog.alive).data)
        stories = digest.hexdigest()
        digest.update(np.ascontiguousarray(rec.archive.vectors).data)
        vectors = digest.hexdigest()
        moment_text = _present_state(rec) if moment is None else moment.isoformat()
        digest.update(repr((settings, __version__, moment_text, RECORD.to_string(), *additions)).encode())
        ranker = "" if rec.archive.ranker is None else rec.archive.ranker.sha256
        digest.update(ranker.encode())
        digest.update(rules.encode())
        digest.update(rec.catalog.boilerplate.digest.encode())
        digest.update(withdrawals.encode())
        tfidf = rec.archive.tfidf
        fitted = hashlib.sha256(repr(rec.related_at).encode() + np.ascontiguousarray(tfidf.idf).tobytes())
        fitted.update(rec.catalog.boilerplate.digest.encode())
        hash_table(fitted, pa.table({"name": tfidf.names}))
        digest.update(fitted.digest())  # the same stories may be fitted differently by a refresh and by a whole run
        parts = {
            "stories": stories,
            "vectors": vectors,
            "words and cut": fitted.hexdigest(),
            "settings": settings,
            "ranker": ranker,
            "rules": rules,
            "withdrawals": withdrawals,
            "library": f"{__version__}, {RECORD.to_string()}",
            **({"added rules and sizes": ", ".join(additions)} if additions else {}),
            "moment": moment_text,
        }
        digests = {name: hashlib.sha256(text.encode()).hexdigest()[:32] for name, text in parts.items()}
        return cls(moment, digest.hexdigest()[:12], digests)

    def with_rows(self, rows: NDArray[np.int64]) -> dict[str, str]:
        """Return `parts` with a digest of the rows that lists are made for."""
        return {**self.parts, "lists to make": hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()}


def _present_state(rec: Recommender) -> str:
    """Describe what depends on the present where time does not count: which stories may be shown, which rules hold."""
    now = datetime.now(UTC)
    allowed = rec.archive.scope(to_micros(now), Filters(), rec.overlay.withdrawn).allowed
    rules = (*rec.rules.pins, *rec.rules.boosts, *rec.rules.desk)
    return repr((hashlib.sha256(allowed.data).hexdigest(), [rule.holds(now) for rule in rules]))
