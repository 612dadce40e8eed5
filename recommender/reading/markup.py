"""HTML in a field -> plain text, and the links in its running text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from selectolax.lexbor import LexborHTMLParser, LexborNode

from recommender.articles.openers import LINK_LABELS
from recommender.articles.urls import leads_to_a_page
from recommender.errors import RowError
from recommender.reading import leftovers

MAX_TAGS = 20_000
"""The most tags of a text: lexbor is quadratic in nesting, half a second at this bound, minutes beyond."""
_BLOCKS = (
    "p,div,br,li,ul,ol,dt,dd,tr,td,th,caption,h1,h2,h3,h4,h5,h6,blockquote,figure,figcaption,"
    "section,article,header,footer,aside,nav,hr,pre,main,address,details,summary,form,fieldset,legend,center,menu,dir,"
    "dialog,option,button"
)
_PICTURES = "img,picture,svg,video,audio,object,embed,iframe"  # no word goes on behind one
_AFTER_SIBLING = ",".join(f"* + {tag}" for tag in ("a", "span", "b", "strong", "i", "em", "u", "small", "font"))
_NO_TEXT = "script,style,noscript,template,iframe"
_NO_PROSE = "nav,header,footer,aside,figure"  # whose links are not those of the story's sentences
# Newswire copy contains tickers such as <IBM>, <P> and <T>: a closing tag, <br>, an attribute, a small letter or the
# beginning of the text make HTML.
_TAG = (
    r"<(?:/(?:p|div|span|a|b|i|u|s|em|strong|h[1-6]|ul|ol|li|dl|dt|dd|table|tr|td|th|script|style|figure|blockquote|pre|"
    r"section|article|html|body|font|center|small|big|tt|strike|code|cite|q|sub|sup|mark|time|abbr|header|footer)\s*>"
    r"|br\s*/?>|hr\s*/?>|!--|(?:p|div|a|img|span|figure|iframe|script|style|font|table|td|h[1-6])\s+[a-z-]+\s*="
    r"|(?-i:(?:p|li|ul|ol|h[1-6]|blockquote|strong|em|div|span|center|b|i|u)>))"
)
_HTML = rf"{_TAG}|^\s*<p>"
_HTML_PATTERN = re.compile(_HTML, re.IGNORECASE | re.ASCII)
_PREFORMATTED = re.compile(r"<(?:pre|textarea)\b", re.IGNORECASE)
_BLOCK_BEGINS = re.compile(
    r"\s*</?(?:p|div|li|ul|ol|h[1-6]|br|tr|td|table|blockquote|section|article)\b", re.IGNORECASE
)
_ANY_TAG = re.compile(r"<[^<>]*>")
_WRAP_WIDTHS = range(50, 121)  # characters that programs wrap lines at
_CODE = re.compile(r"<(?:code|pre|tt|kbd|samp)\b", re.IGNORECASE)  # where escaped tags are meant to be seen
_ENTITY_PATTERN = r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}\d{0,2});"
_ENTITY = re.compile(_ENTITY_PATTERN, re.IGNORECASE | re.ASCII)
_MAX_ESCAPES = 3  # times that HTML may have been escaped
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_MAX_LABEL_WORDS = 4  # of a label that ends in a colon
_MAX_LABEL = 40  # characters
_LABELS = frozenset((
    *LINK_LABELS,
    "more", "background", "watch", "listen", "in pictures", "video", "gallery", "explainer", "meer", "mehr",
))  # fmt: skip
_PRIVATE_USE = range(0xE000, 0xF900)  # characters


class Anchor(NamedTuple):
    """A link as a text contains it: the address and the words that carry it."""

    href: str
    text: str


@dataclass(slots=True)
class _Block:
    """Lines that belong together, as a paragraph: the links that touch them, and what stands outside of these."""

    links: set[int]
    in_table: bool
    lines: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)  # of what stands outside, all before the first link

    @property
    def is_link_list(self) -> bool:
        """Whether the block is nothing but links: besides them only bullets, punctuation, and one short label."""
        if not self.links:
            return False
        text = "".join(self.outside)
        words = _WORD.findall(text)
        if all(word.isdecimal() and len(word) < 3 for word in words):  # 1. 2. 3. are bullets too
            return True
        if _is_label(text.strip()):
            return True
        head = "".join(self.before).rstrip(" \xa0\"'“”‘’>»–—-")
        return head.endswith((":", "：")) and len(words) <= _MAX_LABEL_WORDS and words == _WORD.findall(head)


def _is_label(text: str) -> bool:
    return len(text) <= _MAX_LABEL and " ".join(_WORD.findall(text)).casefold().replace("’", "'") in _LABELS


def to_text(markup: str) -> str:
    r"""Convert a field that may contain HTML to plain text; plain text is returned as it is, ends stripped.

    Examples
    --------
    >>> to_text("<p>Storm&nbsp;hits <b>coast</b></p><script>track()</script><p>More.</p>")
    'Storm hits coast\n\nMore.'
    >>> to_text("IBM <IBM> and AT&T <T> rise")
    'IBM <IBM> and AT&T <T> rise'
    """
    return to_text_and_links(markup)[0]


def is_plain(text: str) -> bool:
    """Check whether a text contains nothing to convert: stripped, it is what `to_text` returns.

    Examples
    --------
    >>> is_plain("Ferry aground"), is_plain("Fish &amp; chips")
    (True, False)
    """
    return not _is_html(text) and not ("&" in text and _ENTITY.search(text)) and not leftovers.are_in(text)


def _is_html(text: str) -> bool:
    return "<" in text and _HTML_PATTERN.search(text) is not None


def are_plain(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Check which texts are plain, as `is_plain` does, and without a NUL; a missing one is not.

    Examples
    --------
    >>> are_plain(pa.array(["Ferry aground", "Fish &amp; chips", "AT&T"], pa.large_string())).tolist()
    [True, False, True]
    """
    differs = pc.match_substring_regex(texts, rf"{_HTML}|{_ENTITY_PATTERN}|{leftovers.ANY}|\x00", ignore_case=True)
    return np.asarray(pc.fill_null(pc.invert(differs), False).to_numpy(zero_copy_only=False), dtype=bool)


def to_text_and_links(markup: str) -> tuple[str, list[Anchor]]:
    r"""Convert a field that may contain HTML to plain text, and find the links of its sentences in order.

    A paragraph that is nothing but links, such as "Read more: ...", is left out with its links, unless all of the text
    would go; cells of tables stay. Links in `nav`, `header`, `footer`, `aside` and `figure` are none of the story's.

    Examples
    --------
    >>> to_text_and_links('<p>It <a href="/ferry">ran aground</a>.</p><p>See also: <a href="/cup">Cup final</a></p>')
    ('It ran aground.', [Anchor(href='/ferry', text='ran aground')])
    """
    if is_plain(markup):
        return markup.strip(), []
    markup = _as_html(leftovers.tidy(markup))
    text, anchors = _read_html(markup)
    text = leftovers.drop_invisible(unescape(text))
    if _is_html(text) and not _CODE.search(markup):  # it was escaped within HTML
        text, anchors = _read_html(text)
    return text.strip(), anchors


def _as_html(text: str) -> str:
    """Undo the escaping of tags, and write links of Markdown as tags."""
    unescaped = text
    for _ in range(_MAX_ESCAPES):
        if _is_html(unescaped):
            return leftovers.from_markdown(unescaped, has_tags=True)[0]
        escaped, unescaped = unescaped, html.unescape(unescaped)
        if unescaped == escaped:
            break
    return leftovers.from_markdown(text)[0]


def _read_html(markup: str) -> tuple[str, list[Anchor]]:
    """Take the text and the links from HTML; other text is returned as it is."""
    if not _is_html(markup):
        return markup, []
    if markup.count("<") > MAX_TAGS:
        raise RowError(f"more than {MAX_TAGS:,} HTML tags in one field")
    if "\n" in markup.strip() and not _PREFORMATTED.search(markup):
        markup = _join_wrapped_lines(markup)
    tree = LexborHTMLParser(markup)
    _separate_words(tree)
    for node in tree.css(_NO_TEXT):
        node.decompose()
    links = [node for node in tree.css("a[href]") if leads_to_a_page(node.attributes.get("href") or "")]
    marks = _unused_characters(tree.body.text() if tree.body else "") if links else ""
    for node in tree.css(_BLOCKS):
        node.insert_before("\n" + marks[-1:])
        node.insert_after("\n" + marks[-1:])
    if marks:
        return _read_marked(tree, links, marks)
    text = tree.body.text() if tree.body else ""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n\n".join(line for line in lines if line), []


def _join_wrapped_lines(markup: str) -> str:
    r"""Join the lines of a source that a program wrapped, as no paragraph ends with them.

    Examples
    --------
    >>> _join_wrapped_lines("<p>It ran\naground.\nNobody was hurt.</p>")
    '<p>It ran aground.\nNobody was hurt.</p>'
    """
    lines = ((line, _ANY_TAG.sub("", line).strip()) for line in markup.split("\n"))
    parts: list[str] = []
    for _, group in groupby(lines, key=lambda line: bool(line[1])):
        block = list(group)
        width = max(len(words) for _, words in block)
        before = ""
        for line, words in block:
            joins = _continues(before, words, width) and not _BLOCK_BEGINS.match(line)
            parts += (" ", line.lstrip()) if joins else ("\n", line)
            before = words
    return "".join(parts[1:])


def _continues(before: str, words: str, width: int) -> bool:
    """Check whether a line goes on with the sentence of the one before, which is full or precedes a small letter."""
    if not before or not words:
        return False
    is_full = width in _WRAP_WIDTHS and len(before) + 1 + len(words.split(maxsplit=1)[0]) > width
    return words[0].islower() or (is_full and words[0].isalnum())


def _separate_words(tree: LexborHTMLParser) -> None:
    """Insert blanks between words that a page shows apart: around pictures, and between links and other boxes.

    Editors' programs cut words into boxes as well, but none before a capital.
    """
    for node in tree.css(_PICTURES):
        node.insert_before(" ")
    for node in tree.css(_AFTER_SIBLING):
        before = node.prev
        if before is None or before.tag == "-text":
            continue
        end, start = before.text(deep=False)[-1:], node.text(deep=False)[:1]
        if (before.tag == node.tag == "a") or (end.islower() and start.isupper()):
            node.insert_before(" ")


def unescape(text: str) -> str:
    """Replace entities by their characters; those of double escaping as well."""
    for _ in range(2):
        if "&" in text and _ENTITY.search(text):
            text = html.unescape(text).replace("\xa0", " ")
    return text


def _unused_characters(text: str) -> str:
    """Find seven characters of private use that a text does not contain; empty if it contains nearly all."""
    used = set(text)
    free = "".join(islice((letter for letter in map(chr, _PRIVATE_USE) if letter not in used), 7))
    return free if used and len(free) == 7 else ""


def _read_marked(tree: LexborHTMLParser, links: list[LexborNode], marks: str) -> tuple[str, list[Anchor]]:
    """Read text and links of a tree; characters mark links and other elements, so that one pass finds all."""
    for number, nodes in enumerate((links, tree.css(_NO_PROSE), tree.css("table"))):
        for node in nodes:
            node.insert_before(marks[2 * number])
            node.insert_after(marks[2 * number + 1])
    assert tree.body is not None
    reader = _MarkedText(marks)
    reader.read(tree.body.text())
    kept = _without_link_lists(reader.blocks)
    texts = ("\n\n".join(line for block in blocks for line in block.lines) for blocks in (kept, reader.blocks))
    in_prose = {number for block in reader.blocks if block.lines and not block.is_link_list for number in block.links}
    anchors = [
        Anchor(node.attributes["href"] or "", " ".join("".join(reader.link_words[number]).split()))
        for number, node in enumerate(links)
        if number in in_prose and number in reader.links_in_prose
    ]
    return next(filter(None, texts), ""), anchors


def _without_link_lists(blocks: Iterable[_Block]) -> list[_Block]:
    """Leave out blocks that are nothing but links, and the labels that announce them; cells of tables stay."""
    kept: list[_Block] = []
    for block in blocks:
        if block.in_table or not block.is_link_list:
            kept.append(block)
            continue
        while kept and not kept[-1].lines:
            kept.pop()
        if kept and _is_label(" ".join(kept[-1].lines)):
            kept.pop()
    return kept


class _MarkedText:
    """Reads a text in which characters mark links, elements that are no prose, tables and blocks.

    A line of the source ends no block, as a sentence may go on in the next; without any tag for blocks a blank line
    does. Links are numbered in their order; `links_in_prose` are those in no element next to the text.
    """

    def __init__(self, marks: str) -> None:
        self.blocks = [_Block(set(), in_table=False)]
        self.link_words: list[list[str]] = []
        self.links_in_prose: set[int] = set()
        self._marks = marks
        self._open_links: list[int] = []
        self._depth_no_prose = self._depth_tables = 0

    def read(self, text: str) -> None:
        """Read the blocks of a text."""
        block_mark = self._marks[6]
        has_blocks = block_mark in text
        pieces = re.compile(f"([{self._marks}])")
        after_blank = False
        for raw in text.split("\n"):
            if raw.startswith(block_mark) or (after_blank and not has_blocks):
                self.blocks.append(_Block(set(self._open_links[-1:]), in_table=self._depth_tables > 0))
            words: list[str] = []
            for piece in pieces.split(raw):
                mark = self._marks.find(piece) if piece else -1
                if mark >= 0:
                    self._read_mark(mark)
                elif piece:
                    words.append(piece)
                    self._add(piece)
            self._end_line()
            line = " ".join("".join(words).split())
            after_blank = not line
            if line:
                self.blocks[-1].lines.append(line)

    def _read_mark(self, mark: int) -> None:
        number = len(self.link_words)
        if mark == 0:
            self._open_links.append(number)
            self.blocks[-1].links.add(number)
            if not self._depth_no_prose:
                self.links_in_prose.add(number)
            self.link_words.append([])
        elif mark == 1:
            del self._open_links[-1:]
        elif mark in (2, 3):
            self._depth_no_prose += 1 if mark == 2 else -1
        elif mark in (4, 5):
            self._depth_tables += 1 if mark == 4 else -1

    def _add(self, piece: str) -> None:
        block = self.blocks[-1]
        if self._open_links:
            self.link_words[self._open_links[-1]].append(piece)
        else:
            block.outside.append(piece)
            if not block.links:
                block.before.append(piece)

    def _end_line(self) -> None:
        if self._open_links:
            self.link_words[self._open_links[-1]].append(" ")
        self.blocks[-1].outside.append(" ")
