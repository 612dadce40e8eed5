"""Make texts from title, lead and body: those that are embedded and compared, and the line that readers see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice

import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.openers import is_scrap, skip_caption
from recommender.articles.scripts import characters
from recommender.articles.sentences import sentence_end

LINE_CHARS = 160
_LONGEST_CAPTIONS = 1_600  # characters of captions and the like before a story
_LOOKED_AT = 600  # characters of the story that its line may come from
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_WIDE_END = re.compile("[。！？][」』”）]*")  # no blank follows
_SIGNS = ".!?…。！？।॥؟۔។៕"
_ENDS = re.compile(rf"[{_SIGNS}][\"”\x27’)»」]*(?:\s|$)")  # any sentence at all
_NEAR = 300  # characters of a body in which its first sentence must begin
_OFTEN_ENOUGH = 190  # characters of a body that mostly are enough for a line, since few are blanks
_SHORTEST = 41  # characters of a sentence before its full stop
_SHORTEST_WIDE = 12
# the button of a page, run together with the text: "Read Story Transcript Ada Reed has ..."
_LABEL = re.compile(r"(?:(?:Read|View|Show) )?(?:(?:Full|Story|Episode|the) )?Transcript (?=[“\"‘'A-Z])")


def lead_texts(articles: pa.Table, tokens: int) -> list[str]:
    """Join title, lead and body, cut to the first `tokens` words.

    A word is at least one token, so a tokenizer that truncates to `tokens` gets all it can use, and a change further
    down the story changes neither the text nor its cached vector.

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
    # A prefix with `count` words of ordinary length is enough, and faster to split than the whole body.
    words = chain(head.split(), lead.split(), body[: 40 * count].split())
    return " ".join(islice(words, count))


def whole_texts(articles: pa.Table, size: int = 2_048) -> Iterator[pa.LargeStringArray]:
    """Join title, lead and body to one text each, a block of stories at a time."""
    newline = pa.scalar("\n", pa.large_string())
    for start in range(0, len(articles), size):
        block = articles.slice(start, size)
        yield pc.binary_join_element_wise(block["title"], block["lead"], block["body"], newline).combine_chunks()


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


def _story_part(body: str, begin: int) -> tuple[int, int]:
    """Find where the line of a body may begin, and where it must end: behind captions, credits and labels.

    The part begins with the first paragraph that has a sentence, since headings and captions have none.
    """
    begin = _skip_scraps(body, begin)
    while begin > 0 and 0 < (after_caption := skip_caption(body, begin)) <= _LONGEST_CAPTIONS:
        begin = after_caption
    at, stop = begin, min(begin + _LOOKED_AT, len(body))
    end = body.find("\n\n", at, stop)
    if end < 0 or (end > at and body[end - 1] in _SIGNS):  # true of most bodies
        return at, stop
    while at <= begin + _NEAR and (sentence := _ENDS.search(body, at, stop)):
        end = body.find("\n\n", at, sentence.start())  # single lines may end in mid-sentence
        if end < 0:
            if at == begin or not skip_caption(body, at):
                return at, stop
            end = body.find("\n\n", sentence.start(), stop)
            if end < 0:
                break
        at = end + 2
    return begin, stop


def _skip_scraps(body: str, begin: int) -> int:
    """Find the first line that is no label, link, credit or the like; `begin` where there is none nearby."""
    at = begin
    while at - begin < _LOOKED_AT and 0 <= (end := body.find("\n", at, at + LINE_CHARS)) < len(body) - 2:
        if not is_scrap(body[at:end]):
            return at
        at = end + 1
    return at if at - begin < _LOOKED_AT else begin


def _one_line(text: str) -> str:
    """Replace blanks of any kind by single ones."""
    line = text.replace("\n\n", " ").replace("\n", " ") if "\n" in text else text
    return line.strip() if line.isprintable() and "  " not in line else " ".join(text.split())


def teaser(lead: str, body: str, title: str = "") -> str:
    r"""Choose a line of text for readers: the lead, or the body's first sentence, at most 160 characters.

    A body that repeats the title as its first line begins behind it.

    Examples
    --------
    >>> teaser("", "The ferry ran aground at 6.40 in thick fog off Gull Point. Nobody died.")
    'The ferry ran aground at 6.40 in thick fog off Gull Point.'
    >>> teaser("", "青葉市長選で山本花子氏が当選した。投票率は五割だった。")
    '青葉市長選で山本花子氏が当選した。'
    >>> teaser("", "What we know\n\nThe ferry ran aground in fog.")
    'The ferry ran aground in fog.'
    """
    if lead:
        return _shorten(_one_line(lead))
    begin = _title_end(title, body)
    after_caption = skip_caption(body, begin)
    start, stop = _story_part(body, after_caption if begin < after_caption <= _LONGEST_CAPTIONS else begin)
    text = _one_line(body[start : min(start + _OFTEN_ENOUGH, stop)])
    if len(text) <= LINE_CHARS < stop - start:
        text = _one_line(body[start:stop])
    if label := _LABEL.match(text):
        text = text[label.end() :]
    if text.isascii() or not _WIDE.search(text, 0, 20):
        text = text[: sentence_end(text, _SHORTEST)]
    elif sentence := _WIDE_END.search(text, _SHORTEST_WIDE):
        text = text[: sentence.end()]
    return _shorten(text)


def _title_end(title: str, body: str) -> int:
    """Find where a body continues behind the title, if its first line repeats that and more follows; else 0."""
    if not title or not body.startswith(title) or body[len(title) : len(title) + 1] != "\n":
        return 0
    return len(body) - len(body[len(title) :].lstrip()) if body[len(title) :].strip() else 0


def _shorten(text: str) -> str:
    if len(text) <= LINE_CHARS:
        return text
    blank = text.rfind(" ", 0, LINE_CHARS - 1)
    if blank < LINE_CHARS // 2:  # no blanks between words; a letter stays with its marks
        return "".join(characters(text[:LINE_CHARS])[:-1])[: LINE_CHARS - 2] + " …"
    return text[:blank].rstrip(",;:-–— ") + " …"
