"""Articles of SPIP: rows of `spip_articles`, whose texts are marked in a way of its own."""

from __future__ import annotations

import re
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, fill, without

_TEXTS = ("surtitre", "titre", "soustitre", "descriptif", "chapo", "texte", "ps")
_LINK = re.compile(r"\[([^\[\]\n]*?)->([^\[\]\s]*)\]")
_HEADING, _MARK = re.compile(r"\{\{\{(.*?)\}\}\}", re.DOTALL), re.compile(r"\{{1,2}([^{}]*)\}{1,2}")
_MODEL = re.compile(r"<(?:doc|img|emb|modele)\d+(?:\|[^<>]*)?>")


def _convert(row: Row) -> Row:
    texts = {name: _to_html(row[name]) for name in _TEXTS if name in row}
    story = fill({**without(row, "statut", "surtitre", "soustitre", "maj"), **texts}, updated_at=row.get("maj"))
    return {**story, "status": "published" if row["statut"] in ("publie", "publié") else "unpublished"}


def _to_html(value: Any) -> Any:
    """Convert what SPIP marks to HTML: headings, bold and italic words, links; pictures are left out."""
    if not isinstance(value, str):
        return value
    text = _MARK.sub(r"\1", _HEADING.sub(r"\n\n\1\n\n", _MODEL.sub("", value)))
    return _LINK.sub(lambda link: f'<a href="{link[2]}">{link[1]}</a>' if "/" in link[2] else link[1], text)


SHAPE = Shape(name="SPIP", any_of=(("id_article", "titre", "statut"),), convert=_convert)
