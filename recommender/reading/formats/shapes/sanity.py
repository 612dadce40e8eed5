"""Documents of Sanity, as its interface answers them and as it exports them."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, with_kind, within, without


def _plain(row: Row) -> Row:
    kind = str(row["_type"])
    plain = {**without(row, "_type", "_createdAt", "_updatedAt", "_rev"), "type": kind}
    if kind.startswith(("sanity.", "system.")):  # pictures, files and what the studio keeps for itself
        plain["type"] = "attachment"
    if str(row["_id"]).startswith(("drafts.", "versions.")):
        plain["status"] = "draft"
    times = {"created_at": row.get("_createdAt"), "updated_at": row.get("_updatedAt")}
    address = within(row.get("mainImage"), "asset", "url")
    return with_kind({**times, **without(plain, "mainImage"), **({"image": address} if address else {})})


SHAPE = Shape(name="Sanity", any_of=(frozenset(("_id", "_type")),), plain=_plain)
