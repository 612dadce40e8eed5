"""Bytes -> the encoding that their text is written in."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # before that of UTF-16, which begins like it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MAX_CHARACTER = 4  # bytes of a character that may be cut at the end
_SAMPLE = 8_192  # bytes of lines that are not ASCII, which the encoding is guessed by
_CANDIDATES = [
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874", "koi8_r"),
    *("iso8859_2", "iso8859_5", "iso8859_7", "cp932", "euc_jp", "gb18030", "big5", "euc_kr"),
]
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9._-]{1,40})""", re.IGNORECASE)
_MAX_DECLARED = 4_096  # bytes of a page that may declare its encoding
# encoding that pages declare -> the one that browsers read them by, which has more letters
_SUPERSETS = {
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "iso8859-1": "cp1252", "iso8859-9": "cp1254",
    "euc_kr": "cp949", "tis-620": "cp874", "iso8859-11": "cp874",
}  # fmt: skip
_KANA, _MIN_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc]"), 0.25
_EAST_ASIAN = ("cp932", "euc_jp", "gb18030", "euc_kr", "big5")
_EAST_ASIAN_LETTERS = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e]")
_WESTERN = frozenset(
    "àâäáãåæçèéêëìíîïñòóôöõøùúûüýÿœšžßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØÙÚÛÜÝŒŠŽ¿¡“”‘’„‚‹›«»–—…•€£°§·\xa0´©®™ªº½²"
)
_OLD_WESTERN = ("cp1252", "mac_roman", "cp850")  # the first is the likeliest
# letters and signs as they stand in words only where an encoding is wrong
_UNLIKELY = re.compile(
    "(?<=[a-z])[À-ÖØ-ÞŒŠŽŸ](?![A-Z])|(?<=[^\\W\\d_])[†‡‰ˆ˜™¨´¸¤¦§¶±×÷¬¢£¥©®ªº¹²³¼½¾¿¡„‚‹›«»•°ƒ∂∑∏π∫Ω√≈∆◊ﬁﬂ](?=[^\\W\\d_])"
    "|[\x80-\x9f\ufffd\u2500-\u259f]|(?<![^\\W\\d_])[¸ˆ˜¨¯˙˚˝˛ˇ]"
)
_UNLIKELY_CAPITALS = re.compile("(?<=[a-z])[ĄĆĘŁŃŚŹŻČĎĚŇŘŤŮĽĹŔŐŰĐĂŞŢĞİ](?![A-Z])|(?<=[^\\W\\d_])[“”](?=[^\\W\\d_])")
# letters of languages besides ASCII, and the encodings that they are written in; of equal ones the first counts
_WEST = (
    "àâæçéèêëîïôœùûüÿ", "äöüßé", "áéíóúüñ", "ãáàâçéêíóôõúü", "àèéìíòóùú", "åäöéü", "æøåéôö", "ëïéèóüöáê", "áéíóúýþæöð",
    "äöõüšž",
)  # fmt: skip
_CENTRE = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ")
_ALPHABETS = {**dict.fromkeys(_OLD_WESTERN, _WEST), "cp1250": _CENTRE, "iso8859_2": _CENTRE, "cp1254": ("çğıi̇öşüâîû",)}
_MIN_ALPHABET = 0.98
_MIN_WESTERN = 0.95
_MIN_CUT = 1 << 12  # bytes from which on a part may end within a character
_SURROGATES = "".join(map(chr, range(0xDC80, 0xDD00)))
_WRONG, _GOOD = re.compile(f"[{_SURROGATES}]"), re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")
_ODD_SIGNS = re.compile(r"(?<=\w)[^\x00-\x7f\w\s’–—](?=\w)|(?<=[^\W\d_])[\xb2\xb3\xb9\xbc-\xbe]")
_RUNS = re.compile(rb"[\x80-\xff]+")


def detect_encoding(data: bytes, max_wrong: int = 0) -> str:
    """Guess the encoding of a text by a part of it: 'ascii' where all is ASCII, else 'utf-8' unless it cannot be.

    Up to `max_wrong` bytes that are no UTF-8 are damage.

    Examples
    --------
    >>> detect_encoding("Café".encode()), detect_encoding("Les cafés".encode("cp1252")), detect_encoding(b"Port")
    ('utf-8', 'cp1252', 'ascii')
    """
    for mark, name in _BYTE_ORDER_MARKS.items():
        # two bytes alone may be damage: text in UTF-16 contains blanks and ends of lines
        if data.startswith(mark) and (name == "utf-8" or b"\x00" in data[len(mark) : 1_024]):
            return name
    if utf_16 := _detect_utf_16(data):
        return utf_16
    if data.isascii():
        return "ascii"
    text = data.decode("utf-8", "surrogateescape")
    end = text[-_MAX_CHARACTER:]
    # a character may be cut at the end of the part
    text = text[: len(text) - len(end)] + (end.rstrip(_SURROGATES) if len(data) >= _MIN_CUT else end)
    wrong, good = len(_WRONG.findall(text)), len(_GOOD.findall(text))
    if wrong <= max(good, max_wrong) or b"\x00" in data:
        return "utf-8"
    return _declared_encoding(data) or _detect_legacy(data)


def _declared_encoding(data: bytes) -> str | None:
    """Return the encoding that a page of HTML declares, if it is one and no UTF."""
    declared = _DECLARED.search(data[:_MAX_DECLARED]) if data.lstrip()[:1] == b"<" else None
    if declared is None or not is_encoding(declared[1].decode()):
        return None
    name = codecs.lookup(declared[1].decode()).name
    return None if name.startswith(("utf", "ascii")) else _SUPERSETS.get(name, name)


def _detect_utf_16(data: bytes) -> str | None:
    """Recognise UTF-16 without its mark: every other byte of most letters is zero."""
    part = data[:1_024]
    if len(part) < 8 or b"\x00" not in part:
        return None
    even, odd = part[::2].count(0) / len(part[::2]), part[1::2].count(0) / len(part[1::2])
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else None


def _detect_legacy(data: bytes) -> str:
    runs = [run[0] for run in _RUNS.finditer(data)]
    # single letters between ASCII are those of Europe; other alphabets and scripts stand in runs
    if len(b"".join(runs)) < 2.5 * len(runs):
        sample = b"\n".join(line for line in data.splitlines() if not line.isascii())[:_SAMPLE]
        western = [name for name in _OLD_WESTERN if _is_western(b"".join(runs)[:_SAMPLE].decode(name, "replace"))]
        likeliest = min(western, key=lambda name: len(_UNLIKELY.findall(sample.decode(name, "replace"))), default=None)
        of_letters = _detect_alphabet(sample)
        if of_letters is not None and (likeliest is None or of_letters not in _OLD_WESTERN):
            return of_letters
        if likeliest is not None:
            return likeliest
    if japanese := next((name for name in ("cp932", "euc_jp") if _is_written_in(data, name, _KANA, _MIN_KANA)), None):
        return japanese
    lines = [line for line in data.splitlines() if not line.isascii()]
    matches = list(from_bytes(b"\n".join(lines)[:_SAMPLE], cp_isolation=_CANDIDATES))
    if matches:  # the likeliest first; signs within words are none of its language
        return min(matches, key=lambda match: len(_ODD_SIGNS.findall(str(match)))).encoding
    # too short for statistics
    return next((name for name in _EAST_ASIAN if _is_written_in(data, name, _EAST_ASIAN_LETTERS, 0.9)), "utf-8")


def _detect_alphabet(sample: bytes) -> str | None:
    """Find the first encoding in which a text has the letters of one language; None where there is none.

    Letters that are the same in most prove nothing: those that differ must be of that language too.
    """
    western = sample.decode("cp1252", "replace")
    shares = {}
    for name, alphabets in _ALPHABETS.items():
        text = sample.decode(name, "replace")
        for pattern in (_UNLIKELY, _UNLIKELY_CAPITALS):
            text = pattern.sub("\ufffd", text)
        pairs = [pair for pair in zip(text, western, strict=True) if not pair[0].isascii()]
        letters = [a.lower() for a, b in pairs if a.isalpha() or a == "\ufffd" or a != b]
        differing = [a.lower() for a, b in pairs if a != b]
        shares[name] = max(min(_share(letters, alphabet), _share(differing, alphabet)) for alphabet in alphabets)
    likeliest = max(shares, key=lambda name: shares[name])
    return likeliest if shares[likeliest] >= _MIN_ALPHABET else None


def _share(letters: list[str], alphabet: str) -> float:
    return sum(letter in alphabet for letter in letters) / len(letters) if letters else 1.0


def _is_western(letters: str) -> bool:
    return sum(letter in _WESTERN for letter in letters) >= _MIN_WESTERN * len(letters)


def _is_written_in(data: bytes, name: str, expected: re.Pattern[str], share: float) -> bool:
    """Check whether a text in an encoding has more than a share of the letters that are expected of it."""
    try:
        text = codecs.getincrementaldecoder(name)().decode(data)  # a character may be cut at the end
    except UnicodeDecodeError:
        return False
    letters = [letter for letter in text if not letter.isascii()]
    return sum(bool(expected.match(letter)) for letter in letters) > share * len(letters)


def is_encoding(name: str) -> bool:
    """Check whether a name is that of a text encoding."""
    try:
        return codecs.lookup(name)._is_text_encoding
    except LookupError:
        return False
