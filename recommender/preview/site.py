"""The static site of published lists: an index, a page for each story, and the data of the search."""

from __future__ import annotations

import hashlib
import heapq
import json
import re
import shutil
from base64 import b32encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from recommender.errors import UnknownArticleError, WithdrawnArticleError, did_you_mean
from recommender.lists.readnext import MORE, ReadNext, Rejected
from recommender.preview.pages import STATES, STATIC, headline, story_values, templates, warnings_of
from recommender.preview.replace import MARKER, check_replaceable, replacing
from recommender.progress import Progress, silent
from recommender.publishing import PublishedLists

NEWEST = 100  # stories of the index
FOLDER = "stories"
SCRIPTS = ("search.js", "preview.js")
_SAFE_NAME = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,99}")  # of files, also where upper and lower case are the same
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_HASH_LENGTH, _SLUG_LENGTH = 12, 60  # characters in the name of a page


def write_preview(
    lists: PublishedLists,
    to: str | Path,
    *,
    archive: str | Path | None = None,
    ids: Sequence[str] = (),
    sample: int = 20,
    images: bool = True,
    progress: Progress = silent,
) -> int:
    """Write a static site that shows published lists, and return the number of pages.

    The site can be opened from a disk and from a web server.

    The folder is replaced as a whole once every page is written: pages of stories withdrawn since the last run are then
    gone, and an interrupted run leaves the old site. The same lists give the same bytes.

    Parameters
    ----------
    lists : PublishedLists
        The lists to show.
    to : path
        Folder of the site: a new or empty one, or that of an earlier preview.
    archive : path, optional
        Folder of the archive that the same run saved: pages of `ids` then also show the rejected candidates.
    ids : sequence of str
        Stories that get a page; by default all.
    sample : int, default 20
        Number of stories whose rejected candidates are shown if `ids` is empty; the same stories each time.
    images : bool, default True
        Show the pictures of stories, which a browser fetches from their addresses.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    PublishError
        If the folder holds something else, cannot be written, or another process is writing it.
    UnknownArticleError, WithdrawnArticleError
        If one of `ids` is not published or was withdrawn.
    """
    target = Path(to).resolve()
    check_replaceable(target, [place for place in (lists.place, archive) if place is not None])
    _check_known(lists, ids)
    rejected = {} if archive is None else _rejected(lists, archive, ids, sample, progress)
    with replacing(target) as new:
        while True:
            live = frozenset(lists.ids())
            n_pages = _write_site(lists, live.intersection(ids) if ids else live, rejected, new, images, progress)
            if live == frozenset(lists.ids()):  # otherwise stories were withdrawn meanwhile
                return n_pages


@lru_cache(maxsize=1 << 17)
def page_name(article_id: str) -> str:
    """Return the name of a story's page without suffix: its id or, where that is unsafe, words of it and a hash.

    Examples
    --------
    >>> page_name("story-42"), page_name("../../etc/Passwd")[:-12]
    ('story-42', 'etc-Passwd~')
    """
    if _SAFE_NAME.fullmatch(article_id):
        return article_id
    digest = hashlib.sha256(article_id.encode(errors="surrogatepass")).digest()
    slug = _UNSAFE.sub("-", article_id)[:_SLUG_LENGTH].strip("-")
    return f"{slug}~{b32encode(digest).decode().lower()[:_HASH_LENGTH]}"


def _write_site(
    published: PublishedLists,
    live: frozenset[str],
    rejected: Mapping[str, Sequence[Rejected]],
    folder: Path,
    images: bool,
    progress: Progress,
) -> int:
    """Write all files of the site, and return the number of pages."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / FOLDER).mkdir(parents=True)
    (folder / MARKER).write_text("This folder is written by `recommender preview` and replaced as a whole.\n")
    for name in ("style.css", "icon.svg", *SCRIPTS):
        (folder / name).write_bytes((STATIC / name).read_bytes())
    pages = templates(
        layout="site.html",
        static="../",
        home="../index.html",
        scripts=SCRIPTS,
        pictures=images,
        address=_file_name,
        language=published.manifest.get("settings", {}).get("reading", {}).get("site_language") or "",
        version=published.version,
        as_of=published.as_of,
        live=live,
    )
    story_page, rows = pages.get_template("story.html"), list[dict[str, Any]]()
    progress("pages", 0, len(live))
    for read_next, candidates in _public_stories(published, live, rejected):
        page = story_page.render(story_values(read_next, candidates))
        _write(folder / FOLDER / _file_name(read_next.article_id), page)
        rows.append(_row(read_next))
        if not len(rows) % 100:
            progress("pages", len(rows), len(live))
    progress("pages", len(live), len(live))
    rows.sort(key=_newest_first)
    stories = _totals(rows)
    _write(folder / "search-data.js", _search_data(rows, list(stories["sections"])))
    index = pages.get_template("index.html").render(
        static="",
        home="index.html",
        address=lambda article_id: f"{FOLDER}/{_file_name(article_id)}",
        stories=stories,
        rows=[row for row in rows if row["status"] != "not_computed"][:NEWEST],
        looked_at=[row for row in rows if row["id"] in rejected],
    )
    _write(folder / "index.html", index)
    return len(rows) + 1


def _public_stories(
    published: PublishedLists, live: frozenset[str], rejected: Mapping[str, Sequence[Rejected]]
) -> Iterator[tuple[ReadNext, Sequence[Rejected] | None]]:
    """Yield the list and the rejected candidates of each story."""
    for article_id in published.ids():
        read_next = published.get(article_id) if article_id in live else None
        if read_next is None or read_next.story is None:
            continue  # without a story it was withdrawn a moment ago, so that the site will be written again
        candidates = rejected.get(article_id)
        if candidates is not None:
            candidates = [item for item in candidates if published.get(item.article_id).story is not None]
        yield read_next, candidates


def _row(read_next: ReadNext) -> dict[str, Any]:
    """Return the values of a story that the index and the search show."""
    story = read_next.story
    assert story is not None
    title = headline(story, read_next.article_id)
    more = sum(item.source in MORE for item in read_next.items)
    return {
        "id": read_next.article_id,
        "title": title,
        "section": story.section or "",
        "outlet": story.outlet or "",
        "published_at": story.published_at,
        "status": read_next.status,
        "related": len(read_next.items) - more,
        "more": more,
        "k": read_next.k,
        "warnings": warnings_of(
            title, read_next.status, read_next.k, [item.title or item.line for item in read_next.items]
        ),
    }


def _newest_first(row: Mapping[str, Any]) -> tuple[float, str]:
    moment = row["published_at"]
    return (-moment.timestamp() if moment else float("inf"), row["id"])


def _file_name(article_id: str) -> str:
    return f"{page_name(article_id)}.html"


def _totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    statuses = Counter(row["status"] for row in rows)
    listed = [row for row in rows if row["status"] not in ("withheld", "not_computed")]
    return {
        "count": len(rows),
        "sections": dict(sorted(Counter(row["section"] for row in rows if row["section"]).items())),
        "statuses": statuses,
        "places": sum(row["k"] for row in listed),
        "filled": sum(row["more"] for row in listed),
    }


def _check_known(published: PublishedLists, ids: Sequence[str]) -> None:
    for article_id in ids:
        status = published.get(article_id).status
        if status == "withdrawn":
            raise WithdrawnArticleError(f"article {article_id!r} was withdrawn; restore() brings it back")
        if status == "unknown":
            hint = did_you_mean(article_id, published.ids())
            raise UnknownArticleError(f"no article with id {article_id!r} in {published.place}{hint}")


def _rejected(
    published: PublishedLists, archive: str | Path, ids: Sequence[str], sample: int, progress: Progress
) -> Mapping[str, Sequence[Rejected]]:
    """Find the rejected candidates of the given stories, or of a sample that is the same each time."""
    from recommender.facade import Recommender

    progress("rejected", 0, None)
    rec = Recommender.load(archive)
    if not ids:
        known = (name for name in published.ids() if name in rec.catalog and name not in rec.overlay.withdrawn)
        ids = heapq.nsmallest(sample, known, key=lambda name: hashlib.sha256(name.encode(errors="replace")).digest())
    distinct_ids = list(dict.fromkeys(ids))
    rejected = rec.explain_rejected(distinct_ids)
    progress("rejected", len(distinct_ids), len(distinct_ids))
    return rejected


def _search_data(rows: Sequence[Mapping[str, Any]], sections: Sequence[str]) -> str:
    """Return the data of the search as a script, since pages on a disk may not fetch JSON."""
    section_numbers = {section: number for number, section in enumerate(sections)}
    texts = [_describe_list(row) for row in rows]
    text_numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    states, moments = list(STATES), [row["published_at"] for row in rows]
    data = {
        "ids": [row["id"] for row in rows],
        "pages": {number: name for number, row in enumerate(rows) if (name := page_name(row["id"])) != row["id"]},
        "titles": [row["title"] for row in rows],
        "sections": sections,
        "section": [section_numbers.get(row["section"], -1) for row in rows],
        "lists": list(text_numbers),
        "list": [text_numbers[text] for text in texts],
        "states": states,
        "state": [states.index(row["status"]) for row in rows],
        "day": [moment and int(moment.timestamp() // 86_400) for moment in moments],
    }
    return f"window.previewData={script_json(data)};\n"


def _describe_list(row: Mapping[str, Any]) -> str:
    """Describe a list for a result of the search."""
    is_filled = row["status"] in ("filled", "short")
    state = f"{row['related']} of {row['k']} related" if is_filled else STATES[row["status"]].lower()
    return f"{state}, {row['warnings']}" if row["warnings"] else state


def script_json(value: Any) -> str:
    r"""Return a value as JSON that is safe inside of a script of an HTML page.

    Examples
    --------
    >>> script_json("</script>\u2028")
    '"\\u003c/script\\u003e\\u2028"'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode(errors="replace"))
