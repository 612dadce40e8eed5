"""The items that were chosen for many stories, kept until the lists are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Contributions, Ranked


@dataclass(frozen=True)
class Choices:
    """The items that were chosen for many stories, in arrays that are written block by block."""

    chosen: Ranked  # (q, w)
    families: tuple[str, ...]
    values: NDArray[np.float64]  # (q, w, len(families)); what each family of features adds to the log odds of each item

    @classmethod
    def empty(cls, stories: int, width: int, like: tuple[Ranked, Contributions]) -> Choices:
        """Make room for the choices of so many stories, of up to `width` items each."""
        rows, *columns = (np.zeros((stories, width), dtype=values.dtype) for values in like[0]._columns())
        rows[:] = -1
        families = like[1].families
        return cls(Ranked(rows, *columns), families, np.zeros((stories, width, len(families))))

    def put(self, stories: NDArray[np.int64], chosen: Ranked, contributions: Contributions) -> None:
        """Write what was chosen for the stories at some indices."""
        width = self.chosen.rows.shape[1]
        for whole, part in zip(self.chosen._columns(), chosen.pad(width)._columns(), strict=True):
            whole[stories] = part
        story, column = np.nonzero(chosen.has_item)
        self.values[stories[story], column] = contributions.values

    def take(self, stories: slice) -> tuple[Ranked, Contributions]:
        """Return what was chosen for the stories of a slice."""
        chosen = Ranked(*(values[stories] for values in self.chosen._columns()))
        return chosen.keep(chosen.has_item), Contributions(self.families, self.values[stories][chosen.has_item])
