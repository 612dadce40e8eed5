"""The named sets, loaded from a folder of data, a package, or the sample newsroom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from recommender.articles.links import link_groups
from recommender.errors import InputError, MissingExtraError
from recommender.evaluation.data.event_sets import current_events, ecbplus, refnews, wikinews_sources
from recommender.evaluation.data.files import need_files, read_sound_rows
from recommender.evaluation.data.judgments import Judgments, next_click, read_judgments
from recommender.evaluation.data.sets import NEWSROOM, EvaluationSet


def cnrec(data: Path) -> EvaluationSet:
    """Load CNRec: the share of six judges who would follow the link from one story to the other."""
    folder = data / "cnrec"
    need_files(folder, ("articles.jsonl", "pairs.csv"), "CNRec is at https://github.com/kevinj22/CNRec")
    judgments = read_judgments(folder / "pairs.csv", grade="follow", relevant=0.5)
    judged = EvaluationSet.of(
        "cnrec",
        folder / "articles.jsonl",
        judgments,
        about="pairs of English news of August 2014; grade = share of six judges who would follow the link",
        licence="published for research with the paper of Joseph and Jiang (2019)",
        notes=("Topics come in blocks of ten articles: intervals and tests go by block.",),
        part="development",
    )
    # Ids end in consecutive numbers, and blocks of ten have one topic.
    numbers = {article_id: article_id.rpartition("-")[2] for article_id in judged.catalog.ids.to_pylist()}
    if invalid := [article_id for article_id, number in numbers.items() if not number.isdecimal()]:
        raise InputError(
            f"{folder / 'articles.jsonl'}: the id {invalid[0]!r} does not end in a number, as those of CNRec do"
        )
    return replace(judged, group={article_id: f"block {int(number) // 10}" for article_id, number in numbers.items()})


def sts22(data: Path) -> EvaluationSet:
    """Load the English pairs of SemEval-2022 task 8: how similar the stories of two articles are."""
    folder = data / "sts22"
    need_files(folder, ("pairs.jsonl.gz",), "SemEval-2022 task 8 is at https://zenodo.org/record/6507872")
    path = folder / "pairs.jsonl.gz"
    articles, judged = [], []
    group: dict[str, str] = {}
    for line, pair in read_sound_rows(path, ("pair_id", "text1", "text2", "overall")):
        if (pair.get("lang1"), pair.get("lang2")) != ("en", "en"):
            continue
        sides = [f"{pair['pair_id']}-{side}" for side in "ab"]
        for side, content in zip(sides, (pair["text1"], pair["text2"]), strict=True):
            articles.append({"id": side, "body": content, "language": "en"})
        if not (isinstance(pair["overall"], int | float) and 1 <= pair["overall"] <= 4):
            raise InputError(f"{path}, line {line}: overall {pair['overall']!r}, expected 1 to 4")
        judged.append((*sides, 4.0 - pair["overall"]))
        group |= dict.fromkeys(sides, str(pair["pair_id"]))
    return EvaluationSet.of(
        "sts22",
        articles,
        Judgments.of(judged, relevant=2.5, symmetric=True),
        about="pairs of English news of 2020; grade = 4 - overall dissimilarity; from 2.5 on one event",
        licence="annotations for research (Chen et al. 2022); the texts belong to their publishers",
        uses=("pairs",),
        # Each pair has its own two articles, so it is one group.
        group=group,
        part="development",
        notes=("Measures similarity, not whether a reader would follow the link.",),
    )


_FIELDS = ("id", "title", "body", "lead", "published_at", "updated_at", "section", "tags", "language", "author", "url")
"""Fields that are read from a file of linked stories; others describe how the stories were collected."""


def cbc(data: Path) -> EvaluationSet:
    """Load the stories of CBC of January 2020, with the links that its journalists put into them."""
    return _linked(
        "cbc",
        data / "cbc",
        # As a name, "Anonymous" would make half of the archive agree.
        lambda story: {**story, "author": None if story.get("author") == "Anonymous" else story.get("author")},
        month="2020-01",
        about="English stories of a Canadian broadcaster, January 2020; grade 1 = its journalists linked to the item",
        licence="none is stated; the texts belong to CBC: for measurement, not for redistribution",
        note="Only January 2020 is the archive. The older stories of the file were collected because a story linked to "
        "them: among them nearly every one is wanted, which would make the pool too easy.",
    )


def nos(data: Path) -> EvaluationSet:
    """Load the Dutch stories of NOS of January 2020, with the "see also" links that its editors set."""
    return _linked(
        "nos",
        data / "nos",
        # An embedder has to know that the texts are Dutch, and too few words are left to detect that.
        lambda story: {**story, "language": story.get("language") or "nl"},
        about="Dutch stories of a public broadcaster, January 2020; grade 1 = an editor set a 'see also' link",
        licence="none is stated; the texts belong to NOS: for measurement, not for redistribution",
        note="The texts come lower-cased, without stop words and digits, and their titles are guessed from the first "
        "words: names, numbers and leads tell less here than in a newsroom.",
    )


def _linked(
    name: str,
    folder: Path,
    correct: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    about: str,
    licence: str,
    note: str,
    month: str = "",
) -> EvaluationSet:
    """Load the stories of a newsroom (of one month) with its links, to evaluate them in time order."""
    need_files(folder, ("articles.jsonl.gz", "links.csv"), "its format is told in data/sets.toml")
    path, links = folder / "articles.jsonl.gz", folder / "links.csv"
    stories, n_outside = [], 0
    for _, row in read_sound_rows(path, ("id", "published_at")):
        if str(row["published_at"]).startswith(month):
            stories.append(correct({field: row[field] for field in _FIELDS if row.get(field) is not None}))
        else:
            n_outside += 1
    judged = [(row["story"], row["item"], 1.0) for _, row in read_sound_rows(links, ("story", "item"))]
    linked = EvaluationSet.of(
        name,
        stories,
        Judgments.of(judged, relevant=1.0),
        about=about,
        licence=licence,
        protocol="at_publication",
        part="development",
        notes=(
            note,
            "Links are incomplete: an item without a link may be as good. Read differences, recall and RR.",
            "Articles that links join count as one group: intervals, tests and folds go by group.",
        ),
    )
    # Stories outside of the archive count too: two stories that link to the same one have a topic in common.
    group = link_groups([story for story, *_ in judged], [item for _, item, _ in judged])
    counts = dict(linked.counts)
    if n_outside:
        counts["stories outside the archive"] = n_outside
        counts["links with an end outside the archive"] = counts.pop("judgments of unknown articles")
    return replace(linked, group=group, counts=counts)


def lee(data: Path | None = None) -> EvaluationSet:
    """Load Lee et al. (2005): 50 short news texts with the mean similarity that students saw between any two."""
    spec = find_spec("gensim")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the Lee corpus comes with gensim; install it with: pip install 'recommender[lee]'")
    folder = Path(spec.submodule_search_locations[0]) / "test" / "test_data"
    names = ("lee.cor", "lee_background.cor", "similarities0-1.txt")
    need_files(folder, names, "reinstall gensim: its wheel carries them")
    texts = (folder / names[0]).read_text(encoding="utf-8", errors="replace").splitlines()
    background = (folder / names[1]).read_text(encoding="utf-8", errors="replace").splitlines()
    matrix = np.loadtxt(folder / names[2])
    if len(texts) != 50 or matrix.shape != (50, 50):
        raise InputError(f"{folder}: {len(texts)} texts and a {matrix.shape} matrix, expected 50 and (50, 50)")
    ids = [f"lee-{number:02}" for number in range(50)]
    articles = [{"id": article_id, "body": text} for article_id, text in zip(ids, texts, strict=True)]
    articles += [{"id": f"background-{number:03}", "body": text} for number, text in enumerate(background) if text]
    first, second = np.triu_indices(50, 1)
    judged = [(ids[a], ids[b], matrix[a, b]) for a, b in zip(first, second, strict=True)]
    return EvaluationSet.of(
        "lee",
        articles,
        Judgments.of(judged, relevant=0.5, symmetric=True, complete=ids),
        about="50 news texts of 2001 among 350; grade = mean similarity that 8 to 12 students saw",
        licence="free for research (Lee, Pincombe & Welsh 2005); carried by gensim",
        part="development",
        notes=("Items from the 300 background texts were not judged and count as misses in full scores.",),
    )


def reuters21578(data: Path, *, stories: int = 4_000, asked: int = 200, seed: int = 0) -> EvaluationSet:
    """Load the newest stories of Reuters-21578 in time, with shared topics as weak labels.

    `asked` stories with topics are drawn from the later half.
    """
    path = data / "reuters21578.jsonl.gz"
    need_files(data, (path.name,), "Reuters-21578 is at https://archive.ics.uci.edu/dataset/137")
    rows = [row for _, row in read_sound_rows(path, ("id", "published_at"))]
    rows = sorted(rows, key=lambda row: (row["published_at"], row["id"]))[-stories:]
    # Half of the stories are on earnings and takeovers, so sharing those topics means little.
    topics = {row["id"]: frozenset(row.pop("tags", None) or ()) - {"earn", "acq"} for row in rows}
    topics = {story: names for story, names in topics.items() if names}
    late = [row["id"] for row in rows[len(rows) // 2 :] if row["id"] in topics]
    if not late:
        raise InputError(f"{path}: no story of the later half has a topic besides earnings and takeovers")
    rng = np.random.default_rng(seed)
    chosen = sorted(rng.choice(late, min(asked, len(late)), replace=False).tolist())
    judged = [
        (story, item, len(topics[story] & topics[item]) / len(topics[story] | topics[item]))
        for story in chosen
        for item in topics
        if item != story and topics[story] & topics[item]
    ]
    return EvaluationSet.of(
        "reuters21578",
        rows,
        Judgments.of(judged, relevant=0.5, complete=topics),
        about="newswire of 1987; grade = overlap of the topics, earnings and takeovers apart",
        licence="free for research (Lewis 1997); the texts belong to Reuters",
        protocol="at_publication",
        group={story: "+".join(sorted(topics[story])) for story in chosen},
        part="development",
        notes=("Weak labels: a shared topic is not a link that a reader would follow.",),
    )


def mind(data: Path) -> EvaluationSet:
    """Load MIND: what readers clicked next, after the story they read last."""
    from recommender.evaluation.data.mind import ABOUT, LICENCE, read_mind

    folder = next((place for place in (data / "mind", data / "mind_sample") if place.is_dir()), data / "mind")
    read = read_mind(folder)
    return EvaluationSet.of(
        "mind",
        read.articles,
        next_click(read.log),
        about=ABOUT,
        licence=LICENCE,
        clicks=read.log,
        part="development",
        notes=(
            "Clicks tell what readers took of what they were shown, not what is related.",
            "The front page of MSN was personalised: its lists did not stand under a story.",
        ),
    )


def sample(data: Path | None = None) -> EvaluationSet:
    """Load the sample newsroom with its editor's picks."""
    names = ("articles.jsonl", "editor_picks.jsonl", "events.jsonl")
    places = [place for place in (data and data / "newsroom", data) if place]
    folder = next((place for place in places if (place / names[1]).exists()), NEWSROOM)
    need_files(folder, names, "they come with recommender: install it again")
    events = [row for _, row in read_sound_rows(folder / names[2])]
    return EvaluationSet.of(
        "sample",
        folder / names[0],
        read_judgments(folder / names[1]),
        about="a made-up newsroom; an editor's picks for 30 stories, the best with the greatest grade",
        licence="MIT",
        events={row["id"]: row["event"] for row in events if row["event"]},
        part="development",
        notes=("Small and written by the project itself: it shows that nothing broke, not how good anything is.",),
    )


SETS: Mapping[str, Callable[[Path], EvaluationSet]] = {
    "cbc": cbc,
    "nos": nos,
    "cnrec": cnrec,
    "sts22": sts22,
    "lee": lee,
    "mind": mind,
    "reuters21578": reuters21578,
    "sample": sample,
    "wikinews_sources": wikinews_sources,
    "ecbplus": ecbplus,
    "refnews": refnews,
    "current_events": current_events,
}


def load_set(name: str, data: str | Path | None = None) -> EvaluationSet:
    """Load a named set; `data` is the folder of the sets that no package contains.

    Raises
    ------
    InputError
        If there is no such set, or its files are missing or damaged.
    MissingExtraError
        If the package that contains the set is not installed.
    """
    if name not in SETS:
        raise InputError(f"unknown set {name!r}; expected one of {', '.join(SETS)}, or your own --articles and --pairs")
    return SETS[name](Path(data) if data is not None else Path())
