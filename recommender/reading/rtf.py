"""Texts in RTF, as editorial systems of Windows write them -> plain text."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"(?P<brace>[{}])|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,6})? ?|(?P<bytes>(?:\\'[0-9a-fA-F]{2})+)"
    r"|\\(?P<sign>[^a-zA-Z])|(?P<text>[^\\{}\r\n]+)"
)
_SIGNS = {
    **dict.fromkeys(("par", "line", "row", "sect", "page"), "\n"),
    **dict.fromkeys(("tab", "cell", "emspace", "enspace"), " "),
    **{"emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•"},
}
_NO_TEXT = (  # of which what follows is none
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "headerl", "headerr", "headerf", "footer",
    "footerl", "footerr", "footerf",
)  # fmt: skip


def from_rtf(text: str) -> str:
    r"""Convert a text in RTF to plain text.

    Examples
    --------
    >>> from_rtf(r"{\rtf1\ansi\ansicpg1252{\fonttbl\f0 Arial;}\b The ferry\b0  ran.\par In a caf\'e9\u8230?}")
    'The ferry ran.\nIn a café…'
    """
    page = re.search(r"\\ansicpg(125\d|874|932|936|949|950)\b", text)
    encoding = f"cp{page[1]}" if page else "cp1252"
    parts: list[str] = []
    is_hidden, outer, replaced = False, list[bool](), 0  # characters in place of the last one, for old programs
    for token in _TOKEN.finditer(text):
        part = ""
        if token["brace"] == "{":
            outer.append(is_hidden)
        elif token["brace"]:
            is_hidden = outer.pop() if outer else False
        elif token["word"] in _NO_TEXT or token["sign"] == "*":
            is_hidden = True
        elif token["word"] == "u" and token["number"]:
            parts.append("" if is_hidden else chr(int(token["number"]) % 65_536))
            replaced = 1
            continue
        elif token["bytes"]:
            part = bytes.fromhex(token["bytes"].replace("\\'", "")).decode(encoding, "replace")
        else:
            part = token["text"] or {"~": " ", "_": "-", "\n": "\n"}.get(token["sign"] or "", token["sign"] or "")
            part = _SIGNS.get(token["word"], "") if token["word"] else part
        parts.append("" if is_hidden else part[replaced:])
        replaced = 0
    whole = "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return "\n".join(" ".join(line.split()) for line in whole.strip().split("\n"))
