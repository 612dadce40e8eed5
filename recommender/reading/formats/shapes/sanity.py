"""Documents of Sanity, as its interface answers them and as it exports them."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, get_path, with_kind, without


def _convert(row: Row) -> Row:
    kind = str(row["_type"])
    story = {**without(row, "_type", "_createdAt", "_updatedAt", "_rev"), "type": kind}
    if kind.startswith(("sanity.", "system.")):  # pictures, files and what the studio keeps for itself
        story["type"] = "attachment"
    if str(row["_id"]).startswith(("drafts.", "versions.")):
        story["status"] = "draft"
    times = {"created_at": row.get("_createdAt"), "updated_at": row.get("_updatedAt")}
    address = get_path(row.get("mainImage"), "asset", "url")
    return with_kind({**times, **without(story, "mainImage"), **({"image": address} if address else {})})


SHAPE = Shape(name="Sanity", any_of=(("_id", "_type"),), convert=_convert)
