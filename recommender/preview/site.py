"""Published lists -> pages: a front, a page for each story, and the data of the search."""

from __future__ import annotations

import hashlib
import heapq
import json
import re
import shutil
from base64 import b32encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from recommender.errors import SettingsError, UnknownArticleError, WithdrawnArticleError
from recommender.lists.readnext import MORE, ReadNext, Recommendation, Rejected, Story
from recommender.preview.replace import MARKER, check_replaceable, replacing
from recommender.preview.words import rule_labels
from recommender.progress import Progress, silent
from recommender.publishing import PublishedLists

FRONT = 41  # stories on the front page
SHOWN = 20  # rejected candidates of one rule that a page lists
FOLDER = "stories"

_HERE = Path(__file__).parent
_STATIC = ("preview.css", "combobox.js", "preview.js")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LINK = re.compile(r"https?://[^\s\x00-\x20]+", re.IGNORECASE)
STATES = ("Full", "Filled up", "Short", "Empty", "Withheld", "Not computed yet")
STATUSES = {
    "withheld": "Withheld: no list is shown under this story.",
    "not_computed": "No list yet: this story is published after the moment that the lists are for.",
}


def write_preview(
    lists: PublishedLists,
    to: str | Path,
    *,
    archive: str | Path | None = None,
    ids: Sequence[str] = (),
    sample: int = 20,
    progress: Progress = silent,
) -> int:
    """Write a static site that shows published lists; it opens from a disk and from a web server.

    The folder is replaced as a whole once every page is written, so pages of stories withdrawn or gone
    since the last run go with it, and an interrupted run leaves the old site. The same lists give the same bytes.

    Parameters
    ----------
    lists : PublishedLists
        What is shown.
    to : path
        Folder of the site: a new or empty one, or that of an earlier preview.
    archive : path, optional
        Folder of the archive that the same run saved: pages of `ids` then also tell which candidates were rejected.
    ids : sequence of str
        Stories whose rejected candidates are told.
    sample : int, default 20
        How many stories are drawn for that where `ids` is empty; the same stories each time.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    int
        Pages written.

    Raises
    ------
    PublishError
        If the folder holds something else, cannot be written, or another process is writing it.
    SettingsError
        If `ids` are given without an archive.
    UnknownArticleError, WithdrawnArticleError
        If one of `ids` is not published or was withdrawn.
    """
    target = Path(to).resolve()
    check_replaceable(target, [place for place in (lists.place, archive) if place is not None])
    rejected = _rejected(lists, archive, ids, sample, progress)
    with replacing(target) as new:
        while True:
            live = frozenset(lists.ids())
            pages = _write_site(lists, live, rejected, new, progress)
            if live == frozenset(lists.ids()):  # nothing was withdrawn meanwhile
                return pages


@lru_cache(maxsize=1 << 17)
def page_name(article_id: str) -> str:
    """Name the file of a story's page, without its suffix: 128 bits of a hash, safe whatever the id holds.

    Examples
    --------
    >>> page_name("../../etc/passwd")
    'g5knnsz2hdqrqxs3hawv6pxt6e'
    """
    digest = hashlib.sha256(article_id.encode(errors="surrogatepass")).digest()[:16]
    return b32encode(digest).decode().rstrip("=").lower()


def time_label(moment: datetime | None) -> str:
    """Write a time as a reader sees it, in UTC; midnight is taken for a bare date.

    Examples
    --------
    >>> time_label(datetime(2026, 5, 7, 8, 5, tzinfo=UTC)), time_label(datetime(2026, 5, 7)), time_label(None)
    ('7 May 2026, 08:05', '7 May 2026', 'Undated')
    """
    if moment is None:
        return "Undated"
    day = f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    return f"{day}, {moment:%H:%M}" if (moment.hour, moment.minute) != (0, 0) else day


def safe_link(url: str | None) -> str:
    """Give the URL if it is one that may be followed, else nothing.

    Examples
    --------
    >>> safe_link("https://news.example/1"), safe_link("javascript:alert(1)")
    ('https://news.example/1', '')
    """
    return url if url and _LINK.fullmatch(url) else ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the front page and the search keep of a story."""

    key: tuple[int, str]
    name: str
    title: str
    section: str
    published_at: datetime | None
    line: str
    state: int
    """Place in `STATES`."""

    @classmethod
    def of(cls, found: ReadNext, story: Story) -> _Entry:
        moment = story.published_at
        key = (-_micros(moment) if moment else 1 << 63, found.article_id)
        return cls(
            key,
            page_name(found.article_id),
            headline(story, found.article_id),
            story.section or "",
            moment,
            story.line if story.title else "",
            _state(found),
        )


def _state(found: ReadNext) -> int:
    return ("ok", "filled", "short", "empty", *STATUSES).index(found.status)


def _micros(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)


def headline(shown: Story | Recommendation, article_id: str) -> str:
    """Name an item by its title, else its first line, else its id."""
    return shown.title or shown.line or article_id


def _write_site(
    published: PublishedLists,
    live: frozenset[str],
    rejected: Mapping[str, Sequence[Any]],
    folder: Path,
    progress: Progress,
) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / FOLDER).mkdir(parents=True)
    (folder / MARKER).write_text("This folder is written by `recommender preview` and replaced as a whole.\n")
    for name in _STATIC:
        (folder / name).write_bytes((_HERE / "static" / name).read_bytes())
    pages = _templates(published)
    entries: list[_Entry] = []
    looked_at: list[_Entry] = []
    progress("pages", 0, len(live))
    story_page = pages.get_template("story.html")
    for done, article_id in enumerate(published.ids(), 1):
        found = published.get(article_id)
        if found.story is None:
            continue  # withdrawn a moment ago: the site is written once more
        entry = _Entry.of(found, found.story)
        turned_down = _by_rule(rejected[article_id], live) if article_id in rejected else None
        _write(folder / FOLDER / f"{entry.name}.html", _story_page(story_page, found, entry, live, turned_down))
        entries.append(entry)
        if turned_down is not None:
            looked_at.append(entry)
        if not done % 100:
            progress("pages", done, len(live))
    progress("pages", len(live), len(live))
    entries.sort(key=lambda entry: entry.key)
    looked_at.sort(key=lambda entry: entry.key)
    sections = Counter(entry.section for entry in entries if entry.section)
    states = Counter(entry.state for entry in entries)
    _write(folder / "search-data.js", _search_data(entries, sorted(sections)))
    front = pages.get_template("front.html").render(
        root="",
        stories=list(islice((entry for entry in entries if STATES[entry.state] != "Not computed yet"), FRONT)),
        sections=dict(sorted(sections.items())),
        states={name: states[state] for state, name in enumerate(STATES)},
        looked_at=looked_at,
        count=len(entries),
    )
    _write(folder / "index.html", front)
    return len(entries) + 1


def _templates(published: PublishedLists) -> Environment:
    pages = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    settings = published.manifest.get("settings", {})
    as_of = published.manifest.get("as_of")
    pages.globals |= {
        "label": lru_cache(maxsize=1 << 16)(time_label),
        "stamp": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z",
        "address": lambda article_id: f"{page_name(article_id)}.html",
        "safe_link": safe_link,
        "headline": headline,
        "language": settings.get("reading", {}).get("site_language") or "",
        "version": published.version,
        "as_of": time_label(datetime.fromisoformat(as_of)) if as_of else "",
        "folder": FOLDER,
    }
    return pages


def _story_page(
    template: Template,
    found: ReadNext,
    entry: _Entry,
    live: frozenset[str],
    rejected: list[tuple[str, list[Any], int]] | None,
) -> str:
    own = [item for item in found.items if item.source not in MORE]
    more = [item for item in found.items if item.source in MORE]
    return template.render(
        root="../",
        found=found,
        entry=entry,
        own=own,
        more=more,
        status=STATUSES.get(found.status, ""),
        live=live,
        rejected=rejected,
    )


def _by_rule(rejected: Iterable[Any], live: frozenset[str]) -> list[tuple[str, list[Any], int]]:
    """Group rejected candidates by rule: its name, the first of them, and how many more there are."""
    rules: dict[str, list[Any]] = {}
    for candidate in rejected:
        if candidate.article_id in live:
            rules.setdefault(candidate.rule, []).append(candidate)
    labels = rule_labels()
    return [(labels.get(rule, rule), held[:SHOWN], len(held[SHOWN:])) for rule, held in rules.items()]


def _rejected(
    published: PublishedLists, archive: str | Path | None, ids: Sequence[str], sample: int, progress: Progress
) -> Mapping[str, Sequence[Rejected]]:
    if archive is None:
        if ids:
            raise SettingsError(
                "rejected candidates of single stories need a saved archive: give that of the run as --archive"
            )
        return {}
    for article_id in ids:
        status = published.get(article_id).status
        if status == "withdrawn":
            raise WithdrawnArticleError(f"article {article_id!r} was withdrawn; restore() brings it back")
        if status == "unknown":
            raise UnknownArticleError(f"no article with id {article_id!r} in {published.place}")
    from recommender.facade import Recommender

    progress("rejected", 0, None)
    rec = Recommender.load(archive)
    if not ids:
        known = (i for i in published.ids() if i in rec.catalog and i not in rec.tombstones.withdrawn)
        ids = heapq.nsmallest(sample, known, key=page_name)
    wanted = list(dict.fromkeys(ids))
    found = rec.explain_rejected(wanted)
    progress("rejected", len(wanted), len(wanted))
    return found


def _search_data(entries: Sequence[_Entry], sections: Sequence[str]) -> str:
    """Write titles, sections and days of all stories, newest first, as a script: pages on disk may not fetch JSON."""
    place = {section: number for number, section in enumerate(sections)}
    data = {
        "names": "".join(entry.name for entry in entries),
        "titles": [entry.title for entry in entries],
        "sections": sections,
        "section": [place.get(entry.section, -1) for entry in entries],
        "list": "".join(str(entry.state) for entry in entries),
        "day": [_micros(e.published_at) // 86_400_000_000 if e.published_at else None for e in entries],
    }
    return f"window.previewData={script_json(data)};\n"


def script_json(value: Any) -> str:
    r"""Write JSON that stays a value wherever a script holds it.

    Examples
    --------
    >>> script_json("</script>\u2028")
    '"\\u003c/script\\u003e\\u2028"'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode(errors="replace"))
