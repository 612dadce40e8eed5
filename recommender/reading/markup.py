"""HTML in a field -> plain text, and the links in its running text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from functools import reduce
from itertools import groupby, islice
from operator import or_
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from selectolax.lexbor import LexborHTMLParser, LexborNode

from recommender.articles.openers import LINK_LABELS
from recommender.articles.urls import leads_to_a_page
from recommender.errors import RowError
from recommender.reading.leftovers import ODD, RARE, RARE_BYTES, is_odd, of_markdown, tidied, visible

_MOST_TAGS = 20_000  # lexbor is quadratic in nesting: half a second at this bound, minutes beyond
_BLOCKS = (
    "p,div,br,li,ul,ol,dt,dd,tr,td,th,caption,h1,h2,h3,h4,h5,h6,blockquote,figure,figcaption,"
    "section,article,header,footer,aside,nav,hr,pre,main,address,details,summary,form,fieldset,legend,center,menu,dir,"
    "dialog,option,button"
)
_PICTURES = "img,picture,svg,video,audio,object,embed,iframe"  # no word goes on behind one
_INLINE = ",".join(f"* + {tag}" for tag in ("a", "span", "b", "strong", "i", "em", "u", "small", "font"))
_SILENT = "script,style,noscript,template,iframe"
_BESIDE = "nav,header,footer,aside,figure"  # whose links are not those of the story's sentences
# Newswire copy holds tickers such as <IBM>, <P> and <T>: a closing tag, <br>, an attribute, a small letter or the
# beginning of the text make HTML.
_TAG = (
    r"<(?:/(?:p|div|span|a|b|i|u|s|em|strong|h[1-6]|ul|ol|li|dl|dt|dd|table|tr|td|th|script|style|figure|blockquote|pre|"
    r"section|article|html|body|font|center|small|big|tt|strike|code|cite|q|sub|sup|mark|time|abbr|header|footer)\s*>"
    r"|br\s*/?>|hr\s*/?>|!--|(?:p|div|a|img|span|figure|iframe|script|style|font|table|td|h[1-6])\s+[a-z-]+\s*="
    r"|(?-i:(?:p|li|ul|ol|h[1-6]|blockquote|strong|em|div|span|center|b|i|u)>))"
)
_TAGGED = rf"{_TAG}|^\s*<p>"
_MARKUP = re.compile(_TAGGED, re.IGNORECASE | re.ASCII)
_PRINTED = re.compile(r"<(?:pre|textarea)\b", re.IGNORECASE)
_BLOCK_BEGINS = re.compile(
    r"\s*</?(?:p|div|li|ul|ol|h[1-6]|br|tr|td|table|blockquote|section|article)\b", re.IGNORECASE
)
_ANY_TAG = re.compile(r"<[^<>]*>")
_WIDTHS = range(50, 121)  # characters that programs wrap lines at
_CODE = re.compile(r"<(?:code|pre|tt|kbd|samp)\b", re.IGNORECASE)  # where escaped tags are meant to be seen
_SOME_ENTITY = r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}\d{0,2});"
_ENTITY = re.compile(_SOME_ENTITY, re.IGNORECASE | re.ASCII)
_RARE = (r"<[/!A-Za-z]", r"&[#A-Za-z]", r"\x00", *RARE)
_LONG = 2_000  # bytes of a text on average
_ESCAPED = 3  # times that HTML may have been escaped
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_MOST_WORDS = 4  # of a label that ends in a colon
_LONGEST_LABEL = 40  # characters
_LABELS = frozenset(
    (
        *LINK_LABELS,
        *("more", "background", "watch", "listen", "in pictures", "video", "gallery", "explainer", "meer", "mehr"),
    )
)


class Anchor(NamedTuple):
    """A link as a text holds it: the address and the words that carry it."""

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
    def is_rail(self) -> bool:
        """Whether the block is nothing but links."""
        return bool(self.links) and _is_rail("".join(self.outside), "".join(self.before))


def _is_label(text: str) -> bool:
    """Tell whether a text only announces links."""
    return len(text) <= _LONGEST_LABEL and " ".join(_WORD.findall(text)).casefold().replace("’", "'") in _LABELS


def _is_rail(outside: str, before: str) -> bool:
    """Tell whether a text is nothing but links: beside them only bullets, punctuation, and one short label."""
    words = _WORD.findall(outside)
    if all(word.isdecimal() and len(word) < 3 for word in words):  # 1. 2. 3. are bullets too
        return True
    if _is_label(outside.strip()):
        return True
    head = before.rstrip(" \xa0\"'“”‘’>»–—-")
    return head.endswith((":", "：")) and len(words) <= _MOST_WORDS and words == _WORD.findall(head)


def to_text(markup: str) -> str:
    r"""Convert a field that may hold HTML to plain text; plain text comes back as it is, ends stripped.

    Examples
    --------
    >>> to_text("<p>Storm&nbsp;hits <b>coast</b></p><script>track()</script><p>More.</p>")
    'Storm hits coast\n\nMore.'
    >>> to_text("IBM <IBM> and AT&T <T> rise")
    'IBM <IBM> and AT&T <T> rise'
    """
    return to_text_and_links(markup)[0]


def is_plain(text: str) -> bool:
    """Tell whether a text holds nothing that is read as more than itself: stripped, it is what `to_text` gives.

    Examples
    --------
    >>> is_plain("Ferry aground"), is_plain("Fish &amp; chips")
    (True, False)
    """
    return not _is_tagged(text) and not ("&" in text and _ENTITY.search(text)) and not is_odd(text)


def _is_tagged(text: str) -> bool:
    return "<" in text and _MARKUP.search(text) is not None


def are_plain(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Tell whether each text is plain, as `is_plain` says, and without a NUL; a missing one is not.

    Examples
    --------
    >>> are_plain(pa.array(["Ferry aground", "Fish &amp; chips", "AT&T"], pa.large_string())).tolist()
    [True, False, True]
    """
    if texts.nbytes > _LONG * len(texts):
        rare = _hold_rare_signs(texts)
        plain = ~rare
        plain[rare] = _are_plain(texts.filter(rare))
        return plain
    return _are_plain(texts)


def _are_plain(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    odd = pc.match_substring_regex(texts, rf"{_TAGGED}|{_SOME_ENTITY}|{ODD}|\x00", ignore_case=True)
    return np.asarray(pc.fill_null(pc.invert(odd), False).to_numpy(zero_copy_only=False), dtype=bool)


def _hold_rare_signs(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Tell which texts may not be plain, or are missing.

    A search leaps to the signs that a pattern begins with; so many patterns take half as long as one for all of them,
    which reads byte by byte. All are looked for in one go: between two, another thread may hold the interpreter's lock.
    """
    from pyarrow import acero  # slow to import, and not needed for short texts

    table = pa.table({"text": texts, "data": texts.cast(pa.large_binary())})
    columns = (("text", _RARE), ("data", RARE_BYTES))
    found = [pc.match_substring_regex(pc.field(name), one) for name, patterns in columns for one in patterns]
    steps = [
        acero.Declaration("table_source", acero.TableSourceNodeOptions(table)),
        acero.Declaration("project", acero.ProjectNodeOptions([reduce(or_, found)], ["rare"])),
    ]
    rare = acero.Declaration.from_sequence(steps).to_table(use_threads=False)["rare"]
    return np.asarray(pc.fill_null(rare, True).to_numpy(), dtype=bool)


def to_text_and_links(markup: str) -> tuple[str, list[Anchor]]:
    r"""Convert a field that may hold HTML to plain text, and find the links of its sentences in order.

    A paragraph that is nothing but links, such as "Read more: ...", gives none and leaves the text, unless all of it
    would go; cells of tables stay. Links in `nav`, `header`, `footer`, `aside` and `figure` are none of the story's.

    Examples
    --------
    >>> to_text_and_links('<p>It <a href="/ferry">ran aground</a>.</p><p>See also: <a href="/cup">Cup final</a></p>')
    ('It ran aground.', [Anchor(href='/ferry', text='ran aground')])
    """
    if is_plain(markup):
        return markup.strip(), []
    markup = _as_html(tidied(markup))
    text, links = _read(markup)
    text = visible(unescaped(text))
    if _is_tagged(text) and not _CODE.search(markup):  # it was escaped within HTML
        text, links = _read(text)
    return text.strip(), links


def _as_html(text: str) -> str:
    """Undo the escaping of tags, and write links of Markdown as tags."""
    raw = text
    for _ in range(_ESCAPED):
        if _is_tagged(raw):
            return of_markdown(raw, has_tags=True)[0]
        raw, before = html.unescape(raw), raw
        if raw == before:
            break
    found, is_html = of_markdown(text)
    return found if is_html or found != text else text


def _read(markup: str) -> tuple[str, list[Anchor]]:
    """Take the text and the links from HTML; other text comes back as it is."""
    if _is_tagged(markup):
        if markup.count("<") > _MOST_TAGS:
            raise RowError(f"more than {_MOST_TAGS:,} HTML tags in one field")
        if "\n" in markup.strip() and not _PRINTED.search(markup):
            markup = _unwrapped(markup)
        tree = LexborHTMLParser(markup)
        _part(tree)
        for node in tree.css(_SILENT):
            node.decompose()
        links = [node for node in tree.css("a[href]") if leads_to_a_page(node.attributes.get("href") or "")]
        marks = _unused(tree.body.text() if tree.body else "") if links else ""
        for node in tree.css(_BLOCKS):
            node.insert_before("\n" + marks[-1:])
            node.insert_after("\n" + marks[-1:])
        if marks:
            return _marked(tree, links, marks)
        text = tree.body.text() if tree.body else ""
        lines = (" ".join(line.split()) for line in text.split("\n"))
        return "\n\n".join(line for line in lines if line), []
    return markup, []


def _unwrapped(markup: str) -> str:
    r"""Join the lines of a source that a program wrapped, as no paragraph ends with them.

    Examples
    --------
    >>> _unwrapped("<p>It ran\naground.\nNobody was hurt.</p>")
    '<p>It ran aground.\nNobody was hurt.</p>'
    """
    lines = ((line, _ANY_TAG.sub("", line).strip()) for line in markup.split("\n"))
    found: list[str] = []
    for _, block in groupby(lines, key=lambda one: bool(one[1])):
        before, held = "", list(block)
        widest = max(len(words) for _, words in held)
        for line, words in held:
            joins = _goes_on(before, words, widest) and not _BLOCK_BEGINS.match(line)
            found += (" ", line.lstrip()) if joins else ("\n", line)
            before = words
    return "".join(found[1:])


def _goes_on(before: str, words: str, widest: int) -> bool:
    """Tell whether a line goes on with the sentence of the one before, full or before a small letter."""
    if not before or not words:
        return False
    is_full = widest in _WIDTHS and len(before) + 1 + len(words.split(maxsplit=1)[0]) > widest
    return words[0].islower() or (is_full and words[0].isalnum())


def _part(tree: LexborHTMLParser) -> None:
    """Put blanks where words abut that a page shows apart: around pictures, and between links and other boxes.

    Editors' programs cut words into boxes as well, but none before a capital.
    """
    for node in tree.css(_PICTURES):
        node.insert_before(" ")
    for node in tree.css(_INLINE):
        before = node.prev
        if before is None or before.tag == "-text":
            continue
        ends, begins = (one.text(deep=False) for one in (before, node))
        if (before.tag == node.tag == "a") or (ends[-1:].islower() and begins[:1].isupper()):
            node.insert_before(" ")


def unescaped(text: str) -> str:
    """Replace entities by the characters that they stand for; those of double escaping as well."""
    for _ in range(2):
        if "&" in text and _ENTITY.search(text):
            text = html.unescape(text).replace("\xa0", " ")
    return text


def _unused(text: str) -> str:
    """Find seven characters of private use that a text does not hold; empty if it holds nearly all."""
    held = set(text)
    free = "".join(islice((one for one in map(chr, range(0xE000, 0xF900)) if one not in held), 7))
    return free if held and len(free) == 7 else ""


def _marked(tree: LexborHTMLParser, links: list[LexborNode], marks: str) -> tuple[str, list[Anchor]]:
    """Read text and links of a tree; characters mark links and other places, so that one pass finds all."""
    for nodes, at in ((links, 0), (tree.css(_BESIDE), 2), (tree.css("table"), 4)):
        for node in nodes:
            node.insert_before(marks[at])
            node.insert_after(marks[at + 1])
    assert tree.body is not None
    blocks, words, counted = _blocks(tree.body.text(), marks)
    running: set[int] = set()
    kept: list[_Block] = []
    for block in blocks:
        if not block.is_rail:
            running |= block.links if block.lines else set()
            kept.append(block)
        elif block.in_table:
            kept.append(block)
        else:
            while kept and not kept[-1].lines:
                kept.pop()
            if kept and _is_label(" ".join(kept[-1].lines)):  # it announced these links
                kept.pop()
    texts = ("\n\n".join(line for block in some for line in block.lines) for some in (kept, blocks))
    found = [
        Anchor(node.attributes["href"] or "", " ".join("".join(words[number]).split()))
        for number, node in enumerate(links)
        if number in running and number in counted
    ]
    return next(filter(None, texts), ""), found


def _blocks(text: str, marks: str) -> tuple[list[_Block], list[list[str]], set[int]]:
    """Find blocks, the words of each link, and the links that stand in running text; links count up in their order.

    A line of the source ends no block, as a sentence may go on in the next; without any tag for blocks a blank line
    does.
    """
    start = marks[6]
    plain = start not in text
    words, counted = list[list[str]](), set[int]()
    open_, beside, tables = list[int](), 0, 0
    pieces = re.compile(f"([{marks}])")
    block = _Block(set(), in_table=False)
    blocks, blank = [block], False
    for raw in text.split("\n"):
        if raw.startswith(start) or (plain and blank):
            block = _Block(set(open_[-1:]), in_table=tables > 0)
            blocks.append(block)
        seen: list[str] = []
        for piece in pieces.split(raw):
            mark = marks.find(piece) if piece else -1
            if mark == 0:
                open_.append(len(words))
                block.links.add(len(words))
                if not beside:
                    counted.add(len(words))
                words.append([])
            elif mark == 1:
                del open_[-1:]
            elif mark in (2, 3):
                beside += 1 if mark == 2 else -1
            elif mark in (4, 5):
                tables += 1 if mark == 4 else -1
            elif mark < 0 and piece:
                seen.append(piece)
                if open_:
                    words[open_[-1]].append(piece)
                else:
                    block.outside.append(piece)
                    if not block.links:
                        block.before.append(piece)
        if open_:
            words[open_[-1]].append(" ")  # a line ends within it
        block.outside.append(" ")
        line = " ".join("".join(seen).split())
        blank = not line
        if line:
            block.lines.append(line)
    return blocks, words, counted
