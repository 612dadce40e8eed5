"""Published lists -> pages: an index, a page for each story, and the data of the search."""

from __future__ import annotations

import hashlib
import heapq
import json
import re
import shutil
from base64 import b32encode
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
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
_PLAIN = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,99}")  # names of files that differ on any system, whatever the case
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_HASHED, _SLUG = 12, 60  # characters of a hash, and of what an id says, in the name of a page
_DAY = 86_400


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
        Stories that get a page; by default all.
    sample : int, default 20
        Of how many stories rejected candidates are told where `ids` is empty; the same stories each time.
    images : bool, default True
        Show the pictures of stories, which a browser fetches from their addresses.
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
    UnknownArticleError, WithdrawnArticleError
        If one of `ids` is not published or was withdrawn.
    """
    target = Path(to).resolve()
    check_replaceable(target, [place for place in (lists.place, archive) if place is not None])
    _check_known(lists, ids)
    rejected = {} if archive is None else _rejected(lists, archive, ids, sample, progress)
    wanted = frozenset(ids)
    with replacing(target) as new:
        while True:
            live = frozenset(lists.ids())
            pages = _write_site(lists, live & wanted if wanted else live, rejected, new, images, progress)
            if live == frozenset(lists.ids()):  # nothing was withdrawn meanwhile
                return pages


@lru_cache(maxsize=1 << 17)
def page_name(article_id: str) -> str:
    """Name the file of a story's page, without its suffix: its id, or where that is unsafe, words of it and a hash.

    Examples
    --------
    >>> page_name("story-42"), page_name("../../etc/Passwd")[:-12]
    ('story-42', 'etc-Passwd~')
    """
    if _PLAIN.fullmatch(article_id):
        return article_id
    digest = hashlib.sha256(article_id.encode(errors="surrogatepass")).digest()
    slug = _UNSAFE.sub("-", article_id)[:_SLUG].strip("-")
    return f"{slug}~{b32encode(digest).decode().lower()[:_HASHED]}"


def _row(found: ReadNext) -> dict[str, Any]:
    """Keep of a story what the index and the search show."""
    story = found.story
    assert story is not None
    title = headline(story, found.article_id)
    shown = [(item.title or item.line, item.source) for item in found.items]
    return {
        "id": found.article_id,
        "title": title,
        "section": story.section or "",
        "outlet": story.outlet or "",
        "published_at": story.published_at,
        "status": found.status,
        "related": sum(source not in MORE for _, source in shown),
        "more": sum(source in MORE for _, source in shown),
        "k": found.k,
        "warnings": warnings_of(title, found.status, found.k, [one for one, _ in shown]),
    }


def _newest_first(row: Mapping[str, Any]) -> tuple[float, str]:
    moment = row["published_at"]
    return (-moment.timestamp() if moment else float("inf"), row["id"])


def _write_site(
    published: PublishedLists,
    live: frozenset[str],
    rejected: Mapping[str, Sequence[Rejected]],
    folder: Path,
    images: bool,
    progress: Progress,
) -> int:
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
        address=_beside,
        language=published.manifest.get("settings", {}).get("reading", {}).get("site_language") or "",
        version=published.version,
        as_of=published.as_of,
        live=live,
    )
    rows: list[dict[str, Any]] = []
    progress("pages", 0, len(live))
    story_page = pages.get_template("story.html")
    for article_id in published.ids():
        if article_id not in live:
            continue
        found = published.get(article_id)
        if found.story is None:
            continue  # withdrawn a moment ago: the site is written once more
        told = rejected.get(article_id)
        shown = None if told is None else [one for one in told if published.get(one.article_id).story is not None]
        _write(folder / FOLDER / f"{page_name(article_id)}.html", story_page.render(story_values(found, shown)))
        rows.append(_row(found))
        if not len(rows) % 100:
            progress("pages", len(rows), len(live))
    progress("pages", len(live), len(live))
    rows.sort(key=_newest_first)
    stories = _totals(rows)
    _write(folder / "search-data.js", _search_data(rows, list(stories["sections"])))
    index = pages.get_template("index.html").render(
        static="",
        home="index.html",
        address=lambda article_id: f"{FOLDER}/{_beside(article_id)}",
        stories=stories,
        rows=[row for row in rows if row["status"] != "not_computed"][:NEWEST],
        looked_at=[row for row in rows if row["id"] in rejected],
    )
    _write(folder / "index.html", index)
    return len(rows) + 1


def _beside(article_id: str) -> str:
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
            meant = did_you_mean(article_id, published.ids())
            raise UnknownArticleError(f"no article with id {article_id!r} in {published.place}{meant}")


def _rejected(
    published: PublishedLists, archive: str | Path, ids: Sequence[str], sample: int, progress: Progress
) -> Mapping[str, Sequence[Rejected]]:
    from recommender.facade import Recommender

    progress("rejected", 0, None)
    rec = Recommender.load(archive)
    if not ids:
        known = (i for i in published.ids() if i in rec.catalog and i not in rec.overlay.withdrawn)
        ids = heapq.nsmallest(sample, known, key=lambda one: hashlib.sha256(one.encode(errors="replace")).digest())
    wanted = list(dict.fromkeys(ids))
    found = rec.explain_rejected(wanted)
    progress("rejected", len(wanted), len(wanted))
    return found


def _search_data(rows: Sequence[Mapping[str, Any]], sections: Sequence[str]) -> str:
    """Write what the search knows of all stories, newest first, as a script: pages on disk may not fetch JSON."""
    place = {section: number for number, section in enumerate(sections)}
    told = [_told(row) for row in rows]
    lists = {text: number for number, text in enumerate(dict.fromkeys(told))}
    names = list(STATES)
    data = {
        "ids": [row["id"] for row in rows],
        "pages": {number: name for number, row in enumerate(rows) if (name := page_name(row["id"])) != row["id"]},
        "titles": [row["title"] for row in rows],
        "sections": sections,
        "section": [place.get(row["section"], -1) for row in rows],
        "lists": list(lists),
        "list": [lists[text] for text in told],
        "states": names,
        "state": [names.index(row["status"]) for row in rows],
        "day": [_day(row["published_at"]) for row in rows],
    }
    return f"window.previewData={script_json(data)};\n"


def _told(row: Mapping[str, Any]) -> str:
    """Describe a list in a line of the search."""
    listed = row["status"] in ("filled", "short")
    state = f"{row['related']} of {row['k']} related" if listed else STATES[row["status"]].lower()
    return f"{state}, {row['warnings']}" if row["warnings"] else state


def _day(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() // _DAY)


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
