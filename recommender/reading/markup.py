"""HTML in a field -> plain text."""

from __future__ import annotations

import html
import re

from selectolax.lexbor import LexborHTMLParser

from recommender.errors import RowError

_MOST_TAGS = 20_000  # lexbor is quadratic in nesting: half a second at this bound, minutes beyond
_BLOCKS = (
    "p,div,br,li,ul,ol,dt,dd,tr,td,th,caption,h1,h2,h3,h4,h5,h6,blockquote,figure,figcaption,"
    "section,article,header,footer,aside,nav,hr,pre"
)
_SILENT = "script,style,noscript,template,iframe"
# Newswire copy holds tickers such as <IBM> and <T>: only a closing tag, <br> or an attribute makes HTML.
_MARKUP = re.compile(
    r"</(?:p|div|span|a|b|i|em|strong|h[1-6]|ul|ol|li|table|script|style|figure|blockquote|section|article|html|body)\s*>"
    r"|<br\s*/?>|<(?:p|div|a|img|span|figure|iframe|script|style)\s+[a-z-]+\s*=",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}\d{0,2});", re.IGNORECASE)


def to_text(markup: str) -> str:
    r"""Plain text of a field that may hold HTML; plain text comes back as it is, ends stripped.

    Examples
    --------
    >>> to_text("<p>Storm&nbsp;hits <b>coast</b></p><script>track()</script><p>More.</p>")
    'Storm hits coast\n\nMore.'
    >>> to_text("IBM <IBM> and AT&T <T> rise")
    'IBM <IBM> and AT&T <T> rise'
    """
    if _MARKUP.search(markup):
        if markup.count("<") > _MOST_TAGS:
            raise RowError(f"more than {_MOST_TAGS:,} HTML tags in one field")
        tree = LexborHTMLParser(markup)
        for node in tree.css(_SILENT):
            node.decompose()
        for node in tree.css(_BLOCKS):
            node.insert_before("\n")
            node.insert_after("\n")
        text = tree.body.text() if tree.body else ""
        lines = (" ".join(line.split()) for line in text.split("\n"))
        return "\n\n".join(line for line in lines if line)
    if _ENTITY.search(markup):
        markup = html.unescape(markup).replace("\xa0", " ")
    return markup.strip()
