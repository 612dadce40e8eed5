"""Articles of SPIP: rows of `spip_articles`, whose texts are marked in a way of its own."""

from __future__ import annotations

import re
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, filled, without

_TEXTS = ("surtitre", "titre", "soustitre", "descriptif", "chapo", "texte", "ps")
_LINK = re.compile(r"\[([^\[\]\n]*?)->([^\[\]\s]*)\]")
_HEADING, _MARK = re.compile(r"\{\{\{(.*?)\}\}\}", re.DOTALL), re.compile(r"\{{1,2}([^{}]*)\}{1,2}")
_MODEL = re.compile(r"<(?:doc|img|emb|modele)\d+(?:\|[^<>]*)?>")


def _plain(row: Row) -> Row:
    texts = {name: _text(row[name]) for name in _TEXTS if name in row}
    plain = filled({**without(row, "statut", "surtitre", "soustitre", "maj"), **texts}, updated_at=row.get("maj"))
    return {
        **plain,
        "status": "published" if row["statut"] in ("publie", "publié") else "unpublished",
    }


def _text(value: Any) -> Any:
    """Write as HTML what SPIP marks: headings, bold and italic words, links; pictures are left out."""
    if not isinstance(value, str):
        return value
    text = _MARK.sub(r"\1", _HEADING.sub(r"\n\n\1\n\n", _MODEL.sub("", value)))
    return _LINK.sub(lambda one: f'<a href="{one[2]}">{one[1]}</a>' if "/" in one[2] else one[1], text)


SHAPE = Shape(name="SPIP", any_of=(frozenset(("id_article", "titre", "statut")),), plain=_plain)
