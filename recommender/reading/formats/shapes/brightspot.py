"""Rows of Brightspot, as its database keeps them: what the system adds is named `cms.content.draft` and the like."""

from __future__ import annotations

from collections.abc import Collection

from recommender.reading.formats.shapes import long_names
from recommender.reading.formats.shapes.shape import Row, Shape, with_kind, without


def _convert(row: Row) -> Row:
    story = long_names.SHAPE.convert(without(row, "_type", "_label"))
    package, _, kind = str(row["_type"]).rpartition(".")
    return with_kind({**story, "type": kind}) if package else story  # else the number of a type


class _Brightspot(Shape):
    def matches(self, names: Collection[str]) -> bool:
        """Check whether rows have columns of the system besides those that Sanity has, too."""
        return super().matches(names) and any(isinstance(name, str) and name.startswith("cms.") for name in names)


SHAPE = _Brightspot(name="Brightspot", any_of=(("_id", "_type"),), convert=_convert)
