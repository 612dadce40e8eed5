"""Normalise letters that have several forms, and split scripts that have no blanks between words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

# A text without any of these characters only needs small letters; `features.tokens` looks for them among bytes.
_SPECIAL = re.compile("[\u00ad\u0130\u0300-\u037f\u0580-\u1fff\u3000-\ud7ff\uf000-\U0010ffff]")
_UNSEEN = "\u00ad\u034f\u200c-\u200f\u2060\ufeff\ufe00-\ufe0f"  # hyphens, joiners, directions: inside words
_ARABIC_SIGNS = "\u0610-\u061a\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
_HEBREW_POINTS = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
_DROPPED = re.compile(f"[{_UNSEEN}{_ARABIC_SIGNS}{_HEBREW_POINTS}]+")
_FORMS = re.compile(
    "[\ufb00-\ufb06\ufb13-\ufdff\ufe70-\ufefc\uff01-\uffee]+"
)  # ligatures, positional, full and half width
_DOTS = re.compile("(?<=i)\u0307+")  # of Python's small form of a Turkish capital
_GERSHAYIM = re.compile('(?<=[\u05d0-\u05ea])["\u05f4\u201d](?=[\u05d0-\u05ea])')
_HAN_KANA = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_HANGUL = "\uac00-\ud7a3"
_STACKED = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u109d\u1780-\u17d3"
_GAPLESS = re.compile(f"[{_HAN_KANA}]{{2,}}|[{_HANGUL}]{{3,}}|[{_STACKED}]+")
CAPITAL = "[" + "".join(chr(point) for point in range(0x590) if chr(point).isupper()) + "]"
"""Matches a capital letter."""
PAIR = f"^(?:[{_HAN_KANA}]{{2}}|[{_HANGUL}]{{2}}|[{_STACKED}]+)$"
"""Matches the pairs of `pair_characters`, and Korean words of two syllables."""
_CLUSTER = re.compile(  # a letter with all that is written around it
    "[\u0e40-\u0e44\u0ec0-\u0ec4]?[^\u0e40-\u0e44\u0ec0-\u0ec4]"
    "(?:[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u105e-\u1060"
    "\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u109a-\u109d\u17b4-\u17d1\u17d3]|\u17d2[^\u17d2]|\u1039[^\u1039])*"
    "|."
)


def fold(text: str) -> str:
    """Write a text in small letters, and each of its words in one form, however it was typed.

    Letters are composed (NFC) and of ordinary width, digits are those of ASCII, and signs that only help to read are
    dropped: Arabic vowel signs and tatweel, Hebrew points, soft hyphens, joiners.

    Examples
    --------
    >>> fold("Cafe\u0301 \uff21\uff22\uff23\uff11\uff12 \u0660\u0661 \u0645\u064f\u062d\u0645\u0640\u062f")
    'café abc12 01 محمد'
    """
    folded = text.lower()
    if folded.isascii() or not _SPECIAL.search(text):
        return folded
    folded = _DROPPED.sub("", unicodedata.normalize("NFC", text).lower())
    folded = unicodedata.normalize("NFC", _DOTS.sub("", folded))
    folded = _FORMS.sub(_compatible, folded)
    return _GERSHAYIM.sub("\u05f4", _digits().sub(_decimal, folded))


def pair_characters(text: str) -> str:
    """Write text that has no blanks between its words as overlapping pairs of characters, which count as words.

    Korean words of three syllables or more are written so, too, since their last ones are particles. A character is a
    letter with all that is written around it.

    Examples
    --------
    >>> pair_characters("青葉市長 ferry")
    ' 青葉 葉市 市長  ferry'
    """
    return _GAPLESS.sub(_pairs, text)


def characters(text: str) -> list[str]:
    """Split a text without blanks into letters, each with the signs around it.

    Examples
    --------
    >>> characters("กรุงเทพ"), characters("市長")
    (['ก', 'รุ', 'ง', 'เท', 'พ'], ['市', '長'])
    """
    return list(text) if text[0] >= "\u3000" else _CLUSTER.findall(text)


def _compatible(run: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", run.group()).lower()


def _decimal(run: re.Match[str]) -> str:
    return "".join(str(unicodedata.decimal(digit)) for digit in run.group())


@cache
def _digits() -> re.Pattern[str]:
    """Return a pattern of the digits beyond ASCII."""
    zeros = [chr(point) for point in range(128, 0x20000) if unicodedata.decimal(chr(point), -1) == 0]
    return re.compile("[" + "".join(f"{zero}-{chr(ord(zero) + 9)}" for zero in zeros) + "]+")


def _pairs(run: re.Match[str]) -> str:
    parts = characters(run.group())
    pairs = [first + second for first, second in pairwise(parts)]
    return " " + " ".join(pairs or parts) + " "


@cache
def is_letter(point: int) -> bool:
    """Check whether a character stands inside words: a letter, a digit, or a mark on one.

    Examples
    --------
    >>> is_letter(ord("\u093f")), is_letter(ord("\u2019"))
    (True, False)
    """
    character = chr(point)
    return character.isalnum() or point == 0x5F4 or unicodedata.category(character) in ("Mn", "Mc")
