"""What systems leave in texts besides HTML: shortcodes, CDATA, Markdown, invisible characters, broken encodings."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING

from striprtf.striprtf import rtf_to_text

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

_MOJIBAKE_FIRST = "\u00c2\u00c3\u00e2\u00c5\u00c4\u00d0\u00d1\u00f0"
_MOJIBAKE_PAIR = f"[{_MOJIBAKE_FIRST}][\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u2122]"
_MOJIBAKE = re.compile(_MOJIBAKE_PAIR)
# Look-behinds stand after the letters that they go with: a search finds these many times faster.
_INVISIBLE_PATTERN = re.compile(
    "[\u00ad\u2060\ufeff\u200b](?<![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]\u200b)"
)  # Thai words end with a zero-width space
_LATIN = "[A-Za-z0-9\u00c0-\u024f]"
_JOINERS = re.compile(f"[\u200c\u200d](?<={_LATIN}.)[\u200c\u200d]*(?={_LATIN})")
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_FRONT = re.compile(r"\A\s*---[ \t]*\n(?:[\w-]+:.*\n|[ \t]+.*\n|-[ \t].*\n)+---[ \t]*(?:\n|\Z)")
_MEDIA = "caption|embed|gallery|video|audio|playlist|youtube|twitter|tweet|instagram|facebook|vimeo|soundcloud"
_WHOLE_SHORTCODE = re.compile(
    rf"\[({_MEDIA})\b[^\]]{{0,1000}}\](?:(?:(?!\[/?\1\b).){{0,2000}}\[/\1\])", re.DOTALL | re.IGNORECASE
)
_SHORTCODE = re.compile(
    rf"\[/?(?:{_MEDIA}|"
    r"contact-form(?:-7)?|advertisement|(?:vc|et_pb|fusion|su|elementor|wp)_\w+)(?:\s[^\]]{0,1000})?/?\]"
    r"|\[/?[a-z][\w-]*(?:\s+[\w-]+=(?:\"[^\"\]]{0,500}\"|'[^'\]]{0,500}'|[\u201c\u201d\u2033][^\]]{0,500}|[^\s\]]{1,500})){1,50}\s*/?\]",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"\{\{[<%].{0,300}?[>%]\}\}|\{\{[^{}\n]{0,100}\}\}|\{%.{0,300}?%\}", re.DOTALL)
_IMAGE = re.compile(r"!\[[^\[\]\n]{0,500}\]\([^\s()]*(?:\([^\s()]*\))?[^\s()]*(?:\s+\"[^\"\n]*\")?\)")
_LINK = re.compile(
    r"\[([^\[\]\n]{1,500})\]\(((?:https?://|/|#|mailto:)[^\s()]*(?:\([^\s()]*\))?[^\s()]*)(?:\s+(?:&quot;|\")[^\"\n]*(?:&quot;|\"))?\)"
)
_STRONG = re.compile(r"\*\*(?<![\w*]\*\*)(?=\S)([^*\n]{1,500}?)(?<=\S)\*\*(?![\w*])")
_EMPHASIS = re.compile(r"([*_])(?<![\w*_].)(?=\S)([^*_\n]{1,500}?)(?<=\S)\1(?![\w*_])")
_HEADING = re.compile(r"^#{1,6} +(?=\S)", re.MULTILINE)
_QUOTE = re.compile(r"^(?:&gt;|>) ?", re.MULTILINE)
_WRAPPED = re.compile(r"\n(?<=[^\s#]\n)(?=[^\s#>*\-+|\d])")
_C1_BYTES = re.compile(rb"\xc2[\x80-\x84\x86-\x9f]")  # of UTF-8, whose first byte a search finds many times faster
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_SURROGATE = re.compile("[\ud800-\udfff]")
_C1 = {  # letters of Windows that were read as Latin-1, which has none there; 0x85 ends a line elsewhere
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x85, 0x8D, 0x8F, 0x90, 0x9D)
}
# of RTF; and of JSON or SQL, in a text that was written so twice
_ESCAPE = r"\A\s*\{\\rtf1|\\u[0-9a-f]{4}|(?:\\r\\n|\\n\\n)|[.!?>]\\n(?-i:[A-Z<])"
_ESCAPED = re.compile(_ESCAPE, re.IGNORECASE)
_ESCAPED_END = re.compile(r"\\r\\n|\\n\\n|[.!?>]\\n[A-Z<]")
APPENDED = "appeared first on"
"""Words of the end of texts in feeds of WordPress: "The post ... appeared first on ..."."""
_BB = r"/(?:b|i|u|url|quote|color|size|font|list|img|center|code)\]"
_BB_END = re.compile(rf"\[{_BB}", re.IGNORECASE)
_BB_IMAGE = re.compile(r"\[(img|youtube)\b[^\]]{0,100}\][^\[\]]{0,500}\[/\1\]", re.IGNORECASE)
_BB_LINK = re.compile(r"\[url=[\"']?([^\]\"'\s]{1,500})[\"']?\]([^\[\]\n]{1,500})\[/url\]", re.IGNORECASE)
_BB_TAG = re.compile(
    r"\[/?(?:b|i|u|s|url|quote|color|size|font|list|center|left|right|code|h[1-6])(?:=[^\]\n]{0,500})?\]", re.IGNORECASE
)
_BRACKET = (  # how shortcodes, CDATA and links of Markdown begin, and few brackets of running text
    rf"\[(?:{_BB}|/?(?:{_MEDIA}|contact-form|advertisement|(?:vc|et_pb|fusion|su|elementor|wp)_)"
    r"|CDATA\[|/?[a-z][^\[\]=]*=|[^\[\]\n]*\]\()"
)
_LINE_START = r"(?m:^#{1,6} |^[ \t]*---[ \t]*\n)"
_BRACKET_PATTERN, _LINE_PATTERN = re.compile(_BRACKET, re.IGNORECASE | re.ASCII), re.compile(_LINE_START)
ANY = (
    rf"{_BRACKET}|{_ESCAPE}|{APPENDED}|[\x80-\x84\x86-\x9f]"
    rf"|\{{[{{%]|\*\*|{_LINE_START}|\r|[{_INVISIBLE}]|(?-i:{_MOJIBAKE_PAIR})"
)
"""What `are_in` looks for as one pattern, without case."""


def are_in(text: str) -> bool:
    """Check whether a text contains what anything here changes; most texts contain none of it.

    Each sign is searched by itself, which is many times faster than one pattern for all of them. One character is found
    many times faster than two.

    Examples
    --------
    >>> are_in("The **mayor** resigns"), are_in("The mayor [of Gull Point] resigns")
    (True, False)
    """
    if "\r" in text or ("*" in text and "**" in text) or ("{" in text and ("{{" in text or "{%" in text)):
        return True
    if "[" in text and _BRACKET_PATTERN.search(text):
        return True
    if (("#" in text and "# " in text) or "---" in text) and _LINE_PATTERN.search(text):
        return True
    if APPENDED in text or ("\\" in text and _ESCAPED.search(text)):
        return True
    return not text.isascii() and (_has_invisible(text) or _is_mojibake(text) or _has_c1(text))


def _has_invisible(text: str) -> bool:
    return any(sign in text for sign in _INVISIBLE)


def _has_c1(text: str) -> bool:
    return _C1_BYTES.search(text.encode(errors="surrogatepass")) is not None


def _is_mojibake(text: str) -> bool:
    return any(sign in text for sign in _MOJIBAKE_FIRST) and _MOJIBAKE.search(text) is not None


def _from_rtf(text: str) -> str:
    """Convert a text in RTF, as editorial systems of Windows write it, to plain text; a damaged one stays."""
    try:
        plain = rtf_to_text(text, errors="replace")
    except (ValueError, TypeError, LookupError, OverflowError):
        return text
    plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return "\n".join(" ".join(line.split()) for line in plain.strip().split("\n"))


def tidy(text: str) -> str:
    r"""Drop what is no text: front matter, shortcodes, marks of CDATA, invisible characters.

    A text whose bytes were once read in the wrong encoding is repaired where that is certain.

    Examples
    --------
    >>> tidy('The mayor\u00e2\u20ac\u2122s plan [gallery ids="1,2"]')
    'The mayor’s plan '
    """
    if text.lstrip().startswith(r"{\rtf1"):
        text = _from_rtf(text)
    if _is_mojibake(text):
        text = _repair_encoding(text)
    if not text.isascii() and _has_c1(text):
        text = text.translate(_C1)
    if "\\" in text and _ESCAPED.search(text):
        text = _unescape(text)
    text = drop_invisible(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "---" in text:
        text = _FRONT.sub("", text)
    if "CDATA" in text or "]]>" in text:
        text = _CDATA.sub("", text)
    if "[/" in text and _BB_END.search(text):
        text = _BB_LINK.sub(r"[\2](\1)", _BB_IMAGE.sub("", text.replace("[*]", "\n")))
        text = _BB_TAG.sub("", text)
    if "[" in text:
        text = _SHORTCODE.sub("", _WHOLE_SHORTCODE.sub("", text))
    return _TEMPLATE.sub("", text) if "{" in text else text


def _unescape(text: str) -> str:
    r"""Read what was escaped twice: letters as `\\u00e9`, and lines where the text has none otherwise.

    Examples
    --------
    >>> _unescape(r"One \u2019 two\n\nThree")
    'One ’ two\n\nThree'
    """
    if "\n" not in text and _ESCAPED_END.search(text):
        text = text.replace(r"\r\n", "\n").replace(r"\n", "\n").replace(r"\t", " ").replace(r"\"", '"')
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "")


def drop_invisible(text: str) -> str:
    """Drop invisible characters, such as soft hyphens; joiners of scripts that need them stay.

    Examples
    --------
    >>> drop_invisible("har" + chr(0xAD) + "bour")
    'harbour'
    """
    if text.isascii() or not _has_invisible(text):
        return text
    text = _INVISIBLE_PATTERN.sub("", text)
    return _JOINERS.sub("", text) if "\u200c" in text or "\u200d" in text else text


def from_markdown(text: str, has_tags: bool = False) -> tuple[str, bool]:
    """Convert Markdown to plain text, or to HTML where it has links; the second value says whether it is HTML.

    A text is Markdown if it has its links, images, bold words or headings; any other is returned as it is. With
    `has_tags` it contains HTML as well, which stays.

    Examples
    --------
    >>> from_markdown("The **mayor** resigns")
    ('The mayor resigns', False)
    >>> from_markdown("The [mayor](https://courier.example/m) resigns")
    ('The <a href="https://courier.example/m">mayor</a> resigns', True)
    """
    plain = _IMAGE.sub("", text) if "[" in text and "![" in text else text
    if "*" in plain and "**" in plain:
        plain = _STRONG.sub(r"\1", plain)
    if "#" in plain and "\n" in text and "# " in plain:
        plain = _HEADING.sub("", plain)
    has_links = "[" in plain and "](" in plain and _LINK.search(plain) is not None
    if plain == text and not has_links:
        return text, False
    plain = _WRAPPED.sub(" ", plain)
    if has_tags:
        return _LINK.sub(_to_anchor, plain), True
    plain = _EMPHASIS.sub(r"\2", _QUOTE.sub("", plain))
    if not has_links:
        return plain, False
    return _LINK.sub(_to_anchor, html.escape(plain, quote=False)), True


def _to_anchor(link: re.Match[str]) -> str:
    return f'<a href="{html.escape(html.unescape(link[2]))}">{link[1]}</a>'


def _repair_encoding(text: str) -> str:
    from ftfy import fix_encoding  # slow to import, and seldom needed

    return fix_encoding(text, config=_fixer_config())


@cache
def _fixer_config() -> TextFixerConfig:
    """Return the settings of ftfy that guess nothing."""
    from ftfy import TextFixerConfig

    return TextFixerConfig(restore_byte_a0=False, replace_lossy_sequences=False, fix_c1_controls=False)
