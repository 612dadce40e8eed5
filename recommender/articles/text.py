"""Title, lead and body -> the text that is embedded, the whole text, and the line a reader sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain, islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.openers import ENDING, LONGEST_CAPTION, LONGEST_LABEL, LONGEST_SCRAP, beside, is_scrap
from recommender.articles.scripts import characters
from recommender.articles.sentences import sentence_end

LINE_CHARS = 160
_MOST_BESIDE = 1_600  # characters of captions and the like before a story
_LOOKED_AT = 600  # characters behind them
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_WIDE_END = re.compile("[。！？][」』”）]*")  # no blank follows
_SIGNS = ".!?…。！？।॥؟۔។៕"
_ENDS = re.compile(rf"[{_SIGNS}][\"”\x27’)»」]*(?:\s|$)")  # any sentence at all
_NEAR = 300  # characters of a body in which its first sentence is looked for
_OFTEN_ENOUGH = 190  # characters of a body, of which few are blanks
_SHORTEST = 41  # characters of a sentence before its full stop
_SHORTEST_WIDE = 12
# How a line begins or ends that may be a scrap or a caption; it is looked at more closely.
_ODD_LINE = (
    rf"\A(?:[^A-Za-z]|[^\n]{{0,{LONGEST_LABEL}}}(?::|caption)|[^\n]*[{ENDING}]\n"
    rf"|(?:[^\n]{{0,{LONGEST_SCRAP}}}|[^\n]{{0,{LONGEST_LABEL}}}[^A-Za-z0-9\n])\n)"
)
_ODD_SIGN = r"[^\x20-\x7e\n]|[ \n]{2}"


def lead_texts(articles: pa.Table, tokens: int) -> list[str]:
    """Join title, lead and body, cut to the first `tokens` words.

    A word is at least one token, so a tokenizer that truncates to `tokens` sees all it can use,
    and a change further down the story leaves the text, and so its cached vector, alone.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> lead_texts(to_table([Article(id="1", title="Ferry aground", body="A ferry ran aground.")]), 4)
    ['Ferry aground. A ferry']
    """
    columns = (articles[name].to_pylist() for name in ("title", "lead", "body"))
    return [_first_words(title, lead, body, tokens) for title, lead, body in zip(*columns, strict=True)]


def _first_words(title: str, lead: str, body: str, count: int) -> str:
    head = f"{title}." if title and title[-1].isalnum() else title
    # a prefix long enough for `count` words of ordinary length spares splitting the whole body
    words = chain(head.split(), lead.split(), body[: 40 * count].split())
    return " ".join(islice(words, count))


def whole_texts(articles: pa.Table, size: int = 2_048) -> Iterator[pa.LargeStringArray]:
    """Join title, lead and body to one text each, a block of stories at a time."""
    newline = pa.scalar("\n", pa.large_string())
    for start in range(0, len(articles), size):
        some = articles.slice(start, size)
        yield pc.binary_join_element_wise(some["title"], some["lead"], some["body"], newline).combine_chunks()


def chunk_texts(title: str, body: str, words: int, stride: int) -> list[str]:
    """Cut a body into overlapping chunks, each headed by the title; at least one.

    Examples
    --------
    >>> chunk_texts("T", "a b c d e", words=3, stride=2)
    ['T. a b c', 'T. c d e']
    """
    head = f"{title}. " if title else ""
    tokens = body.split()
    starts = range(0, max(len(tokens) - (words - stride), 1), stride)
    return [head + " ".join(tokens[start : start + words]) for start in starts]


def _from_a_sentence(body: str, begin: int) -> tuple[int, int]:
    """Find the part of a body that its line is made of, behind what stands beside the story.

    It begins with the first paragraph that holds a sentence: headings and captions do not.
    """
    begin = _behind_scraps(body, begin)
    while begin > 0 and 0 < (behind := beside(body, begin)) <= _MOST_BESIDE:
        begin = behind
    at, stop = begin, min(begin + _LOOKED_AT, len(body))
    end = body.find("\n\n", at, stop)
    if end < 0 or (end > at and body[end - 1] in _SIGNS):  # as most are
        return at, stop
    while at <= begin + _NEAR and (found := _ENDS.search(body, at, stop)):
        end = body.find("\n\n", at, found.start())  # single lines may end in mid-sentence
        if end < 0:
            if at == begin or not beside(body, at):
                return at, stop
            end = body.find("\n\n", found.start(), stop)
            if end < 0:
                break
        at = end + 2
    return begin, stop


def _behind_scraps(body: str, begin: int) -> int:
    """Pass over lines before the text that are labels, links, credits and the like; 0 where nothing else follows."""
    at = begin
    while at - begin < _LOOKED_AT and 0 <= (end := body.find("\n", at, at + LINE_CHARS)) < len(body) - 2:
        if not is_scrap(body[at:end]):
            return at
        at = end + 1
    return at if at - begin < _LOOKED_AT else begin


def _one_line(text: str) -> str:
    """Put one blank where there are blanks of any kind."""
    line = text.replace("\n\n", " ").replace("\n", " ") if "\n" in text else text
    return line.strip() if line.isprintable() and "  " not in line else " ".join(text.split())


def teaser(lead: str, body: str, whole: Callable[[], str] | None = None) -> str:
    r"""Choose one line of text for a reader: the lead, or the body's first sentence, at most 160 characters.

    Of a body of which only the beginning is given, `whole` gives the rest too, where that is needed.

    Examples
    --------
    >>> teaser("", "The ferry ran aground at 6.40 in thick fog off Gull Point. Nobody died.")
    'The ferry ran aground at 6.40 in thick fog off Gull Point.'
    >>> teaser("", "青葉市長選で山本花子氏が当選した。投票率は五割だった。")
    '青葉市長選で山本花子氏が当選した。'
    >>> teaser("", "What we know\n\nThe ferry ran aground in fog.")
    'The ferry ran aground in fog.'
    """
    at = stop = 0
    if not lead:
        behind = beside(body, 0)
        if whole and (behind or len(body) <= LONGEST_CAPTION):
            body = whole()
            behind = beside(body, 0)
        at, stop = _from_a_sentence(body, behind if behind <= _MOST_BESIDE else 0)
    text = _one_line(lead or body[at : min(at + _OFTEN_ENOUGH, stop)])
    if not lead and len(text) <= LINE_CHARS < stop - at:
        text = _one_line(body[at:stop])
    wide = not text.isascii() and _WIDE.search(text, 0, 20) is not None
    if not lead and wide and (found := _WIDE_END.search(text, _SHORTEST_WIDE)):
        text = text[: found.end()]
    elif not lead and not wide:
        text = text[: sentence_end(text, _SHORTEST)]
    return _shortened(text)


def _shortened(text: str) -> str:
    if len(text) <= LINE_CHARS:
        return text
    blank = text.rfind(" ", 0, LINE_CHARS - 1)
    if blank < LINE_CHARS // 2:  # words without blanks between them: a letter stays with its marks
        return "".join(characters(text[:LINE_CHARS])[:-1])[: LINE_CHARS - 2] + " …"
    return text[:blank].rstrip(",;:-–— ") + " …"


def wire_lines(bodies: pa.LargeStringArray) -> list[str | None]:
    r"""Choose lines as `teaser` does, many at once, for bodies of one paragraph in lines; None for others.

    Examples
    --------
    >>> wire = "The ferry to Gull Point on the far side of the bay\nran aground in fog. " + "Nobody died.\nFog. " * 9
    >>> wire_lines(pa.array([wire, f"What we know\n\n{wire}"], pa.large_string()))
    ['The ferry to Gull Point on the far side of the bay ran aground in fog.', None]
    """
    found: list[str | None] = [None] * len(bodies)
    rows = np.flatnonzero(pc.invert(pc.fill_null(pc.match_substring_regex(bodies, r"\n\n"), True)).to_numpy(False))
    texts = bodies.take(pa.array(rows))
    heads = pc.utf8_slice_codeunits(texts, 0, _OFTEN_ENOUGH)
    usual = np.asarray(pc.equal(pc.utf8_length(heads), _OFTEN_ENOUGH).to_numpy(False))
    for some, odd in ((texts, _ODD_LINE), (heads, _ODD_SIGN)):
        usual &= ~pc.match_substring_regex(some, odd).to_numpy(False)
    heads = pc.replace_substring(heads.filter(usual), "\n", " ").to_pylist()
    for at, head in zip(rows[usual].tolist(), heads, strict=True):
        found[at] = _shortened(head[: sentence_end(head, _SHORTEST)])
    return found
