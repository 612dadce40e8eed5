"""Remove the links to other stories that a page sets into running sentences."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.scripts import CAPITAL

_END = "MORE"
_LONGEST = 1_000  # characters from a name to the end of its links
_AFTER = re.compile(r"MORE(?<=[a-z ]MORE)(?![\w-])")  # begins with plain letters, which are found many times faster
_NAME = rf"{CAPITAL}[\w.'’-]*"
_SMALL = "de|del|di|da|van|von|der|den|la|le|bin|al"
# "Ada Reed Ada Jane ReedStorm hits the coast Rates rise MORE": a name, the whole name run together with headlines
_BEGIN = re.compile(
    rf"(?P<shown>(?<![\w'’-])(?P<last>{CAPITAL}[\w'’-]+)(?:,? [JS]r\.?)?(?:['’]s)?)(?:,? |(?={CAPITAL}))"
    rf"(?:(?:{_NAME}|\({_NAME}\)|{_SMALL}) ){{0,6}}?(?P=last)(?:,? [JS]r\.?)?"
    rf"(?=[^\W_a-z]|[‘'“\"\[(#]| (?:[‘'“\"\d]|{CAPITAL}))"
)


def without_inserts(texts: pa.Array) -> pa.Array:
    """Return texts without the links that a page sets behind the names of people.

    Such a link is the whole name, run together with the headlines of other stories and closed by MORE in capitals.

    Parameters
    ----------
    texts : pyarrow.Array of large_string

    Examples
    --------
    >>> text = "Mayor Ada Reed Ada Jane ReedStorm hits the coast Rates rise MORE resigned."
    >>> without_inserts(pa.array([text], pa.large_string())).to_pylist()
    ['Mayor Ada Reed resigned.']
    """
    has_end = pc.fill_null(pc.match_substring(texts, _END), False)
    if not pc.any(has_end).as_py():
        return texts
    kept = pa.array([_without(text) for text in texts.filter(has_end).to_pylist()], texts.type)
    return pc.replace_with_mask(texts, has_end, kept)


def _without(text: str) -> str:
    parts, start = [], 0
    for end in _AFTER.finditer(text):
        begin = end.start() - (text[end.start() - 1] == " ")
        since = max(start, text.rfind("\n", start, begin) + 1, begin - _LONGEST)
        name_end = _find_shown_name(text, since, end.end())
        if name_end:
            parts.append(text[start:name_end])
            start = end.end()
    return "".join(parts) + text[start:] if parts else text


def _find_shown_name(text: str, since: int, stop: int) -> int:
    """Find where the name ends that links stand behind; 0 where there is none."""
    match, name_end = _BEGIN.search(text, since, stop), 0
    while match:  # a first name may recur as well as the last name behind it
        name_end = match.end("shown")
        match = _BEGIN.match(text, name_end + 1, stop)
    return name_end
