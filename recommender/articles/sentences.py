"""Find where the first sentence of a text ends; abbreviations and ordinals end none."""

from __future__ import annotations

import re

# A sentence ends after a small letter or a digit, so that "U.S." and "J. K." do not; a letter without case is small.
_CAPITALS = "".join(chr(point) for point in range(0x530) if chr(point).isupper())
_STOPS = "।॥؟۔។៕"  # end a sentence after any character
_END = re.compile(  # begins with a set of signs, since a search for them is many times faster
    rf"""[.!?{_STOPS}](?:(?<=[^\W_{_CAPITALS}][.!?])|(?<=["”\x27’)%»\u0900-\u0d7f][.!?])|(?<=[{_STOPS}]))"""
    r"""["”\x27’)»]*(?=\s|$)(?<!\.$)"""
)
_WORDS = (
    "Sen Sens Rep Reps Gov Govs Gen Mr Mrs Ms Mx Messrs Dr Drs St Ste Ft Mt Jr Sr Lt Col Sgt Capt Cmdr Cpl Maj Adm "
    "Rev Hon Prof Supt Const Cst Det Insp Atty Inc Corp Co Cos Ltd Bros vs v dr prof mr Hr Hrn Fr Frl bzw vgl inkl "
    "evtl ggf sog ca z d u o MM Mme Mmes Mlle Me Sra Srta Sres Dra Sto Sta dhr mevr mw drs bijv resp"
)
_BEFORE_WORDS = frozenset(_WORDS.split())  # followed by a name or by more of the sentence
_NUMBERED = (
    "No Nos Nr nr Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun Art art "
    "Abs Kap Vol vol Fig fig Bd núm nº pág p pp"
)
_BEFORE_NUMBERS = frozenset(_NUMBERED.split())  # before anything but a number they may end a sentence
_ORDINAL = "Januar Jänner Februar März April Mai Juni Juli August September Oktober November Dezember Jahrhundert"
_MONTHS = tuple(_ORDINAL.split())
_OPENING = "(\"'“‘„«[-–—"


def sentence_end(text: str, least: int) -> int | None:
    """Find where the first sentence that is longer than `least` characters ends.

    Examples
    --------
    >>> text = "It was Sen. Ada Reed on Oct. 5. Nobody replied."
    >>> text[: sentence_end(text, 5)]
    'It was Sen. Ada Reed on Oct. 5.'
    >>> sentence_end("Nobody replied to Sen. Ada Reed", 5)
    """
    for end in _END.finditer(text, least):
        dot = end.start()
        word = text[text.rfind(" ", 0, dot) + 1 : dot].lstrip(_OPENING)
        if word in _BEFORE_WORDS:
            continue
        after = text[end.end() + 1 : end.end() + 13]
        if word in _BEFORE_NUMBERS and after[:1].isdigit():
            continue
        if len(word) < 3 and word.isdigit() and after.startswith(_MONTHS):
            continue
        if text[dot] == "." and after[:1].islower():  # as "of London, Ont. was"
            continue
        return end.end()
    return None
