"""Count the names in credits of pictures, as "Saul Loeb/AFP": nobody would call them a reason."""

from __future__ import annotations

import re
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.scripts import fold

_AGENCY = (
    "AP|AP Photo|AFP|Reuters|REUTERS|Getty|Getty Images|EPA|DPA|dpa|APA|PA|ANP|TT|NTB|Shutterstock|Bloomberg|imago|"
    "Imago|Keystone|KEYSTONE|picture alliance|Alamy|Belga|ANSA|Xinhua|TASS"
)
_SIGN = re.compile(r" ?/ ?|(?<=hoto|foto|Foto|mage) by |(?<=hoto|foto|Foto|Bild): ")
_NAMES = r"(?:[A-ZÀ-ÖØ-Þ](?:\.|[\w'’-]*) ){0,2}[A-ZÀ-ÖØ-Þ][\w'’-]+"
_BEFORE, _AFTER = re.compile(rf"{_NAMES}$"), re.compile(_NAMES)
_AGENCY_BEFORE, _AGENCY_AFTER = re.compile(rf"\b(?:{_AGENCY})$"), re.compile(rf"(?:{_AGENCY})\b")
_WINDOW = 60  # characters


def credited_words(table: pa.Table) -> Counter[str]:
    """Count how often each word is a part of a name in a credit.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> body = "Fog. Saul Loeb/AFP (AP Photo/Jo Lee) Foto: APA/Ada Moss. A and/or B, Photo by Ann Bell."
    >>> sorted(credited_words(to_table([Article(id="1", title="Fog", body=body)])))
    ['ada', 'ann', 'bell', 'jo', 'lee', 'loeb', 'moss', 'saul']
    """
    words: Counter[str] = Counter()
    bodies = table["body"].filter(pc.fill_null(pc.match_substring_regex(table["body"], "/|[Pp]hoto by |oto: "), False))
    for body in bodies:
        text = str(body)
        for sign in _SIGN.finditer(text):
            before, after = text[max(sign.start() - _WINDOW, 0) : sign.start()], text[sign.end() : sign.end() + _WINDOW]
            if "/" not in sign[0] or _AGENCY_BEFORE.search(before):
                name = None if _AGENCY_AFTER.match(after) else _AFTER.match(after)
            else:
                name = _BEFORE.search(before) if _AGENCY_AFTER.match(after) else None
            words.update(fold(word) for word in (name[0].split() if name else ()))
    return words
