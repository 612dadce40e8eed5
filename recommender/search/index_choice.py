"""Which kind of index serves an archive of some size: a table of measured costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["flat", "ivf_pq", "ivf_sq8", "hnsw"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # the cheaper to build, the earlier

LATENCY = 0.05
"""Seconds that the search for a draft may take by default, about as long as its embedding."""
MEMORY = 2 * 2**30
"""Bytes that an index may take by default, beside the memory-mapped vectors."""
LINKS = 32  # neighbours of a row in the graph of `hnsw`; twice as many on its lowest level


@dataclass(frozen=True)
class Cost:
    """Seconds of one query: `fixed + per_component * n * d`; for approximate kinds a bound."""

    fixed: float
    per_component: float


COSTS: dict[Kind, Cost] = {
    "flat": Cost(0.0, 4.7e-10),
    "ivf_pq": Cost(4.9e-4, 1.2e-12),
    "ivf_sq8": Cost(9.6e-4, 1.2e-12),
    "hnsw": Cost(4.7e-4, 2.1e-11),
}
"""From `benchmarks/results/index_kinds.json`, two significant digits; a test holds the two together."""

EFFORT: dict[Kind, int] = {"flat": 0, "ivf_pq": 32, "ivf_sq8": 32, "hnsw": 64}
"""Cells probed, or `efSearch`, to start with; raised after a build until the recall wanted is reached."""


@dataclass(frozen=True)
class Plan:
    """A kind of index with its parameters.

    Attributes
    ----------
    kind : {'flat', 'ivf_pq', 'ivf_sq8', 'hnsw'}
    cells : int
        Inverted lists of 'ivf_...'.
    links : int
        Neighbours of a row in the graph of 'hnsw'.
    effort : int
        Cells probed (`nprobe`), or rows kept in sight while walking the graph (`efSearch`).
    """

    kind: Kind
    cells: int = 0
    links: int = 0
    effort: int = 0

    @classmethod
    def of(cls, kind: Kind, n: int) -> Plan:
        """Give the usual parameters of a kind for `n` rows.

        Examples
        --------
        >>> Plan.of("ivf_pq", 1_000_000).cells
        4096
        """
        cells = 2 ** round(math.log2(4 * math.sqrt(max(n, 1)))) if kind.startswith("ivf") else 0
        return cls(kind, cells, LINKS if kind == "hnsw" else 0, EFFORT[kind])

    def memory(self, n: int, d: int) -> int:
        """Estimate the bytes beside the vectors for `n` rows of `d` components, within a few per cent."""
        centroids = 4 * self.cells * d
        return {
            "flat": 0,
            "ivf_pq": (n + 16 * self.cells) * (d // 4) + 8 * n + centroids,
            "ivf_sq8": n * (d + 8) + centroids,
            "hnsw": n * (d + 8 * self.links + 4 * self.links // 15 + 20),
        }[self.kind]

    def seconds(self, n: int, d: int) -> float:
        """Estimate the seconds of one query on the machine of the measurement."""
        cost = COSTS[self.kind]
        return cost.fixed + cost.per_component * n * d


def choose_index(n: int, d: int, memory: int = MEMORY, latency: float = LATENCY) -> Plan:
    """Choose the kind of index for `n` vectors of `d` components.

    Exact search wherever it is fast enough; otherwise the kind cheapest to build that is; where none is, the
    fastest that fits into memory.

    Parameters
    ----------
    n, d : int
    memory : int
        Bytes that it may take beside the vectors themselves, which are memory-mapped.
    latency : float
        Seconds that one query may take.

    Examples
    --------
    >>> choose_index(10_000, 384).kind
    'flat'
    >>> choose_index(1_000_000, 384).kind
    'ivf_pq'
    """
    fit = [plan for plan in (Plan.of(kind, n) for kind in KINDS) if plan.memory(n, d) <= memory]
    fast = [plan for plan in fit if plan.seconds(n, d) <= latency]
    return fast[0] if fast else min(fit, key=lambda plan: plan.seconds(n, d))
