"""Sets: one's own, miniature folders in the formats of the named ones, and their two parts."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.errors import InputError, MissingExtraError, SettingsError
from recommender.evaluation.data import named
from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.data.named import SETS, load_set, reuters21578
from recommender.evaluation.data.sets import NEWSROOM, EvaluationSet, own_set
from recommender.evaluation.protocol import stories_to_evaluate
from recommender.reading.clicks import ClickLog

START = datetime(2024, 1, 1, tzinfo=UTC)


def jsonl(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def articles(size: int, dated: bool = True) -> list[dict[str, Any]]:
    return [
        {"id": f"s{n:02}", "title": f"story {n}", "published_at": START + timedelta(days=n) if dated else None}
        for n in range(size)
    ]


def rows_of(judged: EvaluationSet) -> list[tuple[str, str, float]]:
    return [(row["story"], row["item"], row["grade"]) for row in judged.judgments.table.to_pylist()]


# -- one's own ------------------------------------------------------------------------------------


def test_own_set(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(jsonl([*articles(4), {"title": "no id"}]))
    (tmp_path / "p.csv").write_text("a,b,liking,follow\ns00,s01,3,0\ns00,s02,1,1\ns00,gone,1,1\nlost,gone,1,1\n")
    made = own_set(tmp_path / "a.jsonl", tmp_path / "p.csv", grade="liking", relevant=2)
    assert (made.name, made.about, made.licence) == ("own", "judgments of p.csv", "your own")
    assert rows_of(made) == [("s00", "s01", 3.0), ("s00", "s02", 1.0)]
    assert (made.judgments.relevant, made.judgments.symmetric, made.uses) == (2, True, ("lists", "pairs"))
    assert made.counts == {"rejected articles": 1, "judgments of unknown articles": 2}
    assert (made.protocol, made.part, made.dated) == ("archive", "all", True)
    timed = own_set(tmp_path / "a.jsonl", tmp_path / "p.csv", name="mine", protocol="at_publication")
    assert (timed.name, timed.protocol, timed.judgments.relevant) == ("mine", "at_publication", 0.5)


def test_judgments_with_a_direction_are_no_pairs() -> None:
    assert EvaluationSet.of("x", articles(2), Judgments.of([("s00", "s01", 1)])).uses == ("lists",)


def test_without_dates_a_set_is_undated() -> None:
    judgments = Judgments.of([("s00", "s01", 1)])
    for protocol in (None, "archive", "at_publication"):
        made = EvaluationSet.of("x", articles(4, dated=False), judgments, protocol=protocol)  # type: ignore[arg-type]
        assert (made.protocol, made.dated) == ("undated", False)
    half = [*articles(2), *({**row, "id": f"u{row['id']}"} for row in articles(2, dated=False))]
    assert EvaluationSet.of("x", half, judgments, protocol="at_publication").protocol == "at_publication"
    assert EvaluationSet.of("x", half[1:], Judgments.of([("s01", "us00", 1)])).protocol == "undated"


def test_what_makes_no_set(tmp_path: Path) -> None:
    judgments = Judgments.of([("s00", "s01", 1)])
    with pytest.raises(InputError, match="x: no usable article was given"):
        EvaluationSet.of("x", [{"title": "no id"}], judgments)
    with pytest.raises(InputError, match="none of 1 judgments names two of the 1 articles; the first names 's00'"):
        EvaluationSet.of("x", articles(1), judgments)
    with pytest.raises(SettingsError, match="unknown protocol 'later'; expected archive or at_publication"):
        EvaluationSet.of("x", articles(2), judgments, protocol="later")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such file"):
        own_set(tmp_path / "none.jsonl", NEWSROOM / "editor_picks.jsonl")
    with pytest.raises(InputError, match="no file"):
        own_set(NEWSROOM / "articles.jsonl", tmp_path / "none.csv")


def test_groups() -> None:
    made = EvaluationSet.of("x", articles(4), Judgments.of([("s00", "s01", 1)]), group={"s00": "g", "s03": "g"})
    codes = made.groups_of(["s03", "s01", "s00", "s02", "s01"])
    assert codes[0] == codes[2]
    assert codes[1] == codes[4]
    assert len(set(codes.tolist())) == 3
    assert sorted(set(codes.tolist())) == [0, 1, 2]
    assert made.groups_of([]).shape == (0,)
    odd = EvaluationSet.of("x", articles(4), Judgments.of([("s00", "s01", 1)]), group={"s00": "s01"})
    assert len(set(odd.groups_of(["s00", "s01"]).tolist())) == 2, "a group may have the name of a story"


# -- parts ----------------------------------------------------------------------------------------


@st.composite
def splittable(draw: st.DrawFn) -> EvaluationSet:
    size = draw(st.integers(4, 16))
    ids = [f"s{n:02}" for n in range(size)]
    pair = st.tuples(st.sampled_from(ids), st.sampled_from(ids)).filter(lambda one: one[0] != one[1])
    pairs = draw(st.lists(pair, min_size=2, max_size=60))
    symmetric = draw(st.booleans())
    judgments = Judgments.of([(*one, 1.0) for one in pairs], symmetric=symmetric, complete=draw(st.sets(pair.map(min))))
    group = draw(st.dictionaries(st.sampled_from(ids), st.sampled_from("xyz")))
    return EvaluationSet.of("made up", articles(size), judgments, group=group)


@settings(deadline=None)
@given(splittable(), st.sampled_from(["group", "time"]), st.floats(0.1, 0.9), st.integers(0, 5))
def test_no_judgment_crosses_and_no_group_is_torn(made: EvaluationSet, by: Any, share: float, seed: int) -> None:
    try:
        parts = made.split(by, share=share, seed=seed)
    except InputError as error:
        assert "part of this split would hold no judgments" in str(error)  # noqa: PT017
        return
    again = made.split(by, share=share, seed=seed)
    assert [part.part for part in parts] == ["development", "test"]
    assert [rows_of(part) for part in parts] == [rows_of(part) for part in again]
    assert all(len(part.judgments) for part in parts)
    assert set(rows_of(parts[0])) | set(rows_of(parts[1])) <= set(rows_of(made))
    sides = [{name for row in rows_of(part) for name in row[:2]} for part in parts]
    assert not sides[0] & sides[1]
    if by == "group":
        groups = [{made.group[name] for name in side if name in made.group} for side in sides]
        assert not groups[0] & groups[1]
    else:
        assert max(sides[0]) < min(sides[1]), "ids are in order of time"
    for part, side in zip(parts, sides, strict=True):
        assert part.catalog is made.catalog, "the archive stays whole"
        assert part.judgments.relevant == made.judgments.relevant
        assert not part.judgments.complete & (sides[0] | sides[1]) - side, "what was taken out is not grade 0"


def test_the_share_and_the_seed_of_a_split() -> None:
    ids = [f"s{n:02}" for n in range(40)]
    pairs = [(a, b, 1.0) for a in ids for b in ids if a != b]
    made = EvaluationSet.of("x", articles(40), Judgments.of(pairs))
    for share in (0.25, 0.5, 0.75):
        for by in ("group", "time"):
            development, test = made.split(by, share=share)  # type: ignore[arg-type]
            assert (len(development.judgments.stories), len(test.judgments.stories)) == (40 * share, 40 * (1 - share))
    drawn = {tuple(made.split(seed=seed)[0].judgments.stories) for seed in range(5)}
    assert len(drawn) == 5
    assert made.split("time", seed=1)[0].judgments.stories == ids[:20]


def test_an_impossible_split_is_refused() -> None:
    made = EvaluationSet.of("x", articles(2), Judgments.of([("s00", "s01", 1)]))
    for by in ("group", "time"):
        with pytest.raises(InputError, match=r"x: the (development|test) part of this split would hold no judgments"):
            made.split(by)  # type: ignore[arg-type]
    undated = EvaluationSet.of("x", articles(2, dated=False), Judgments.of([("s00", "s01", 1)]))
    with pytest.raises(InputError, match="x has no dates; split it by group"):
        undated.split("time")
    ids = [f"s{n:02}" for n in range(8)]
    many = EvaluationSet.of("x", articles(8), Judgments.of([(a, b, 1.0) for a in ids for b in ids if a != b]))
    for share in (0.0, 1.0):
        with pytest.raises(InputError, match="would hold no judgments"):
            many.split(share=share)


def test_a_click_log_is_split_with_the_judgments() -> None:
    ids = [f"s{n:02}" for n in range(8)]
    judgments = Judgments.of([(a, b, 1.0) for a in ids for b in ids if a != b])
    log = ClickLog.of({"source": a, "shown": [b for b in ids if b != a], "clicked": []} for a in ids)
    made = EvaluationSet.of("x", articles(8), judgments, clicks=log)
    parts = made.split("time")
    assert [part.clicks.table["source"].to_pylist() for part in parts if part.clicks] == [ids[:4], ids[4:]]
    few = EvaluationSet.of("x", articles(8), judgments, clicks=ClickLog(log.table.slice(0, 2))).split("time")
    assert few[0].clicks is not None
    assert few[1].clicks is None


# -- named sets -----------------------------------------------------------------------------------


def write_cnrec(folder: Path, ids: Sequence[str]) -> Path:
    (folder / "cnrec").mkdir()
    rows = [{"id": name, "title": f"story {name}", "body": "text"} for name in ids]
    (folder / "cnrec" / "articles.jsonl").write_bytes(jsonl(rows))
    (folder / "cnrec" / "pairs.csv").write_text(
        "a,b,follow,similarity,follow_votes\n"
        f"{ids[0]},{ids[1]},0.5,1,3\n{ids[0]},{ids[2]},0.1667,2,1\n{ids[1]},cnrec-999,1,2,6\n"
    )
    return folder


def test_cnrec(tmp_path: Path) -> None:
    made = load_set("cnrec", write_cnrec(tmp_path, ["cnrec-008", "cnrec-009", "cnrec-010", "cnrec-019"]))
    assert rows_of(made) == [("cnrec-008", "cnrec-009", 0.5), ("cnrec-008", "cnrec-010", 0.1667)]
    assert (made.judgments.relevant, made.judgments.symmetric) == (0.5, True)
    assert (made.protocol, made.part, made.uses) == ("undated", "development", ("lists", "pairs"))
    assert made.counts["judgments of unknown articles"] == 1
    groups = made.groups_of(["cnrec-008", "cnrec-009", "cnrec-010", "cnrec-019"]).tolist()
    assert (groups[0] == groups[1], groups[1] == groups[2], groups[2] == groups[3]) == (True, False, True)


def test_cnrec_with_other_ids(tmp_path: Path) -> None:
    write_cnrec(tmp_path, ["cnrec-008", "cnrec-009", "final"])
    with pytest.raises(InputError, match="the id 'final' does not end in a number"):
        load_set("cnrec", tmp_path)


PAIR = {"pair_id": "1_2", "lang1": "en", "lang2": "en", "text1": "one", "text2": "two", "overall": 1.0}


def write_sts22(folder: Path, data: bytes) -> Path:
    (folder / "sts22").mkdir(exist_ok=True)
    (folder / "sts22" / "pairs.jsonl.gz").write_bytes(gzip.compress(data))
    return folder


def test_sts22(tmp_path: Path) -> None:
    rows = [
        PAIR,
        {**PAIR, "pair_id": "3_4", "overall": 4},
        {**PAIR, "pair_id": "5_6", "lang2": "de"},
        {**PAIR, "pair_id": "7_8", "text2": "", "overall": 2.3333},
    ]
    made = load_set("sts22", write_sts22(tmp_path, jsonl(rows)))
    assert rows_of(made) == [("1_2-a", "1_2-b", 3.0), ("3_4-a", "3_4-b", 0.0)]
    assert (made.judgments.relevant, made.uses, made.protocol) == (2.5, ("pairs",), "undated")
    assert made.counts == {"rejected articles": 1, "judgments of unknown articles": 1}
    groups = made.groups_of(["1_2-a", "1_2-b", "3_4-a", "3_4-b"]).tolist()
    assert groups == [0, 0, 1, 1], "a pair is resampled as one"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (jsonl([PAIR, {**PAIR, "overall": 5}]), "line 2: overall 5, expected 1 to 4"),
        (jsonl([PAIR, {**PAIR, "overall": "high"}]), "line 2: overall 'high', expected 1 to 4"),
        (jsonl([{**PAIR, "text1": None}]), "line 1: no text1; expected pair_id, text1, text2, overall"),
        (jsonl([PAIR]) + b"{", "line 2: bad JSON"),
    ],
)
def test_sts22_damaged(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_set("sts22", write_sts22(tmp_path, data))


def wire(number: int, tags: Sequence[str] | None) -> dict[str, Any]:
    moment = (datetime(1987, 3, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()
    return {"id": f"r{number:03}", "title": f"wire {number}", "body": "text", "published_at": moment, "tags": tags}


def write_reuters(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    (folder / "reuters21578.jsonl.gz").write_bytes(gzip.compress(jsonl(rows)))
    return folder


def test_reuters21578(tmp_path: Path) -> None:
    topics = [
        ["crude"],
        ["crude", "ship"],
        ["earn"],
        [],
        ["grain"],
        ["ship"],
        ["crude", "acq"],
        ["ship", "crude"],
        None,
    ]
    rows = [wire(number, tags) for number, tags in enumerate(topics)]
    made = reuters21578(write_reuters(tmp_path, rows[::-1]))
    assert len(made.catalog) == 9
    assert made.catalog.table["tags"].to_pylist() == [[]] * 9, "the labels are hidden from the systems"
    assert (made.protocol, made.judgments.relevant, made.judgments.symmetric) == ("at_publication", 0.5, False)
    assert rows_of(made) == [
        *[("r005", "r001", 0.5), ("r005", "r007", 0.5)],
        *[("r006", "r000", 1.0), ("r006", "r001", 0.5), ("r006", "r007", 0.5)],
        *[("r007", "r000", 0.5), ("r007", "r001", 1.0), ("r007", "r005", 0.5), ("r007", "r006", 0.5)],
    ]
    assert made.group == {"r004": "grain", "r005": "ship", "r006": "crude", "r007": "crude+ship"}
    assert made.judgments.complete == {f"r00{number}" for number in (0, 1, 4, 5, 6, 7)}
    stories, judgments, counts = stories_to_evaluate(made)
    assert stories == ["r005", "r006", "r007"]
    assert counts["judgments of later items"] == 2
    assert len(judgments) == 7


def test_the_size_and_the_seed_of_reuters(tmp_path: Path) -> None:
    folder = write_reuters(tmp_path, [wire(number, ["crude"]) for number in range(40)])
    made = reuters21578(folder, stories=30, asked=5)
    assert made.catalog.ids.to_pylist() == [f"r{number:03}" for number in range(10, 40)]
    assert len(made.judgments.stories) == 5
    assert min(made.judgments.stories) >= "r025"
    assert rows_of(made) == rows_of(reuters21578(folder, stories=30, asked=5))
    assert made.judgments.stories != reuters21578(folder, stories=30, asked=5, seed=1).judgments.stories


def test_reuters_damaged(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no story of the later half has a topic"):
        load_set("reuters21578", write_reuters(tmp_path, [wire(number, ["earn"]) for number in range(9)]))
    with pytest.raises(InputError, match="line 2: no published_at; expected id, published_at"):
        load_set("reuters21578", write_reuters(tmp_path, [wire(0, []), {"id": "r1"}]))
    packed = (write_reuters(tmp_path, [wire(0, ["earn"])]) / "reuters21578.jsonl.gz").read_bytes()
    for damaged, message in ((packed[:-8] + bytes(8), "damaged file"), (b"not packed", "line 1: bad JSON")):
        (tmp_path / "reuters21578.jsonl.gz").write_bytes(damaged)
        with pytest.raises(InputError, match=message):
            load_set("reuters21578", tmp_path)


@pytest.mark.parametrize("name", ["mind", "mind_sample"])
def test_mind(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    news = [f"N{number}\tnews\tworld\ttitle {number}\tabstract\turl\t[]\t[]" for number in range(1, 6)]
    (folder / "news.tsv").write_text("\n".join(news) + "\n")
    (folder / "behaviors.tsv").write_text(
        "1\tU1\t11/12/2019 2:14:46 PM\tN1 N2\tN3-1 N4-0 N9-0\n"
        "2\tU2\t11/12/2019 3:14:46 PM\tN2\tN3-0 N5-1 N4-0\n"
        "3\tU3\t11/12/2019 3:14:46 PM\t\tN3-1 N4-0\n"
    )
    made = load_set("mind", tmp_path)
    assert rows_of(made) == [("N2", "N3", 1.0), ("N2", "N4", 0.0), ("N2", "N5", 1.0)]
    assert (made.protocol, made.uses, made.judgments.symmetric) == ("undated", ("lists",), False)
    assert made.clicks is not None
    assert made.clicks.table["shown"].to_pylist() == [["N3", "N4"], ["N3", "N5", "N4"]]
    assert len(made.catalog) == 5


@pytest.mark.skipif(find_spec("gensim") is None, reason="gensim carries the Lee corpus")
def test_lee() -> None:
    made = load_set("lee")
    assert len(made.catalog) == 350
    assert len(made.judgments) == 50 * 49 / 2
    assert (made.protocol, made.judgments.symmetric, made.judgments.relevant) == ("undated", True, 0.5)
    assert len(made.judgments.complete) == 50
    assert made.judgments.grades.min() >= 0
    assert made.judgments.grades.max() <= 1
    assert (made.judgments.grades >= 0.5).mean() < 0.2
    ids = made.catalog.ids.to_pylist()
    bodies = dict(zip(ids, made.catalog.table["body"].to_pylist(), strict=True))
    # the two texts that all students saw as one event
    best = made.judgments.table.take([int(np.argmax(made.judgments.grades))]).to_pylist()[0]
    shared = set(bodies[best["story"]].casefold().split()) & set(bodies[best["item"]].casefold().split())
    assert len(shared) > 10


def test_lee_without_gensim(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> ModuleSpec | None:
        assert name == "gensim"
        return None

    monkeypatch.setattr(named, "find_spec", none)
    with pytest.raises(MissingExtraError, match=r"pip install 'recommender\[lee\]'"):
        load_set("lee")


def test_lee_in_a_gensim_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = ModuleSpec("gensim", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(named, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match=r"no lee.cor and lee_background.cor and similarities0-1.txt"):
        load_set("lee")
    folder = tmp_path / "test" / "test_data"
    folder.mkdir(parents=True)
    for name in ("lee.cor", "lee_background.cor"):
        (folder / name).write_text("a text\n")
    (folder / "similarities0-1.txt").write_text("1 0\n0 1\n")
    with pytest.raises(InputError, match=r"1 texts and a \(2, 2\) matrix, expected 50 and \(50, 50\)"):
        load_set("lee")


def test_sample(tmp_path: Path) -> None:
    made = load_set("sample")
    assert (len(made.catalog), len(made.judgments.stories), made.protocol) == (110, 30, "archive")
    assert made.judgments.complete == set(made.catalog.ids.to_pylist())
    assert made.events is not None
    assert set(made.events) <= set(made.catalog.ids.to_pylist())
    folder = tmp_path / "newsroom"
    folder.mkdir()
    for name in ("articles.jsonl", "events.jsonl"):
        (folder / name).write_bytes((NEWSROOM / name).read_bytes())
    picks = (NEWSROOM / "editor_picks.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "editor_picks.jsonl").write_bytes(b"".join(picks[:3]))
    for data in (tmp_path, folder):
        assert len(load_set("sample", data).judgments.stories) == 3
    (folder / "events.jsonl").unlink()
    with pytest.raises(InputError, match=r"no events.jsonl in .*newsroom"):
        load_set("sample", tmp_path)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("cnrec", "github.com/kevinj22/CNRec"),
        ("sts22", "zenodo.org"),
        ("reuters21578", "archive.ics.uci.edu"),
        ("mind", "msnews.github.io"),
    ],
)
def test_missing_files_say_where_they_are(tmp_path: Path, name: str, place: str) -> None:
    with pytest.raises(InputError, match=place) as caught:
        load_set(name, tmp_path)
    assert str(tmp_path) in str(caught.value)


# -- newsrooms with their own links ---------------------------------------------------------------


def write_newsroom(
    data: Path, name: str, stories: Sequence[dict[str, Any]], links: Sequence[str], header: str = "story,item"
) -> Path:
    folder = data / name
    folder.mkdir(exist_ok=True)
    (folder / "articles.jsonl.gz").write_bytes(gzip.compress(jsonl(stories)))
    (folder / "links.csv").write_text("\n".join((header, *links)) + "\n")
    return data


def told(name: str, when: str, **values: Any) -> dict[str, Any]:
    return {"id": name, "title": f"title of {name}", "body": f"body of {name}", "published_at": when, **values}


CBC = [
    told("1.10", "2019-12-31T23:59:59Z", src="linked", language="en", author="Ada"),
    told("1.50", "2020-01-02T10:00:00Z", src="landing", language="en", author="Anonymous", section="news/world"),
    told("1.60", "2020-01-03T10:00:00Z", src="linked", kind="follow-up", item_published_before_story=1, language="en"),
    told("1.7", "2020-01-04T10:00:00Z", src="landing", language="en", author="Ada"),
    told("1.8", "2020-02-01T00:00:00Z", src="landing", language="en"),
    told("1.9", "2020-01-31T23:59:59Z", src="landing", language="en"),
]
CBC_LINKS = (
    "1.60,1.50,simlinks,1",
    "1.7,1.10,simlinks,1",
    "1.9,1.10,simlinks,1",
    "1.50,1.60,relalinks,0",
    "1.9,1.7,x,1",
)


def test_cbc_is_january_alone(tmp_path: Path) -> None:
    header = "story,item,kind,item_published_before_story"
    made = load_set("cbc", write_newsroom(tmp_path, "cbc", CBC, CBC_LINKS, header))
    assert made.catalog.ids.to_pylist() == ["1.50", "1.60", "1.7", "1.9"]  # a number would lose its last 0
    assert rows_of(made) == [("1.50", "1.60", 1.0), ("1.60", "1.50", 1.0), ("1.9", "1.7", 1.0)]
    assert (made.protocol, made.part, made.uses) == ("at_publication", "development", ("lists",))
    assert (made.judgments.relevant, made.judgments.symmetric, made.judgments.complete) == (1.0, False, frozenset())
    assert made.counts == {
        "rejected articles": 0,
        "stories outside the archive": 2,
        "links with an end outside the archive": 2,
    }
    assert "too easy" in made.notes[0]
    assert stories_to_evaluate(made)[0] == ["1.60", "1.9"]


def test_fields_that_tell_how_a_set_was_collected_are_dropped(tmp_path: Path) -> None:
    made = load_set("cbc", write_newsroom(tmp_path, "cbc", CBC, CBC_LINKS, "story,item,kind,x"))
    table = made.catalog.table
    assert table["extra"].null_count == len(table)
    assert table["kind"].to_pylist() == ["news"] * 4  # the default: what came is not the newsroom's
    assert table["author"].to_pylist() == [None, None, "Ada", None]  # "Anonymous" is no name that two stories share
    assert table["section"].to_pylist() == ["news/world", None, None, None]


def test_links_through_stories_outside_the_archive_join_groups(tmp_path: Path) -> None:
    links = ("1.7,1.10", "1.9,1.10", "1.60,1.50", "1.7,1.50")
    made = load_set("cbc", write_newsroom(tmp_path, "cbc", CBC, links[:3]))
    assert made.groups_of(["1.7", "1.9", "1.60", "1.50"]).tolist() == [0, 0, 1, 1]
    made = load_set("cbc", write_newsroom(tmp_path, "cbc", CBC, links))
    assert made.groups_of(["1.7", "1.9", "1.60", "1.50"]).tolist() == [0, 0, 0, 0]


def test_nos_is_dutch(tmp_path: Path) -> None:
    stories = [
        told("nos0", "2020-01-02T10:00:00", owner="sport", title_is_guess=True, text="t", url=None),
        told("nos1", "2020-01-03T10:00:00", language="nl", section="voetbal"),
        told("nos2", "2019-12-03T10:00:00"),
    ]
    made = load_set("nos", write_newsroom(tmp_path, "nos", stories, ["nos1,nos0", "nos0,nos2"]))
    table = made.catalog.table
    assert table["id"].to_pylist() == ["nos2", "nos0", "nos1"]  # all of them
    assert table["language"].to_pylist() == ["nl"] * 3
    assert table["section"].to_pylist() == [None, None, "voetbal"]
    assert table["body"].to_pylist()[1] == "body of nos0"
    assert table["extra"].null_count == 3
    assert set(made.group.values()) == {"nos0"}
    assert "stories outside the archive" not in made.counts


def test_damaged_newsrooms_say_where(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no articles.jsonl.gz and links.csv in .*nos; .*data/sets.toml"):
        load_set("nos", tmp_path)
    with pytest.raises(InputError, match=r"links.csv, line 2: no story and item; expected story, item"):
        load_set("nos", write_newsroom(tmp_path, "nos", CBC, ["1.7,1.9"], "a,b"))
    with pytest.raises(InputError, match="line 1: no published_at"):
        load_set("nos", write_newsroom(tmp_path, "nos", [{"id": "x", "title": "t"}], ["x,y"]))


def test_a_set_is_known_by_name_and_digests(tmp_path: Path) -> None:
    made = load_set("cbc", write_newsroom(tmp_path, "cbc", CBC, CBC_LINKS[:1], "story,item,kind,x"))
    other = load_set("cbc", write_newsroom(tmp_path, "cbc", CBC, CBC_LINKS, "story,item,kind,x"))
    assert made.known_as == {"cbc", made.fingerprint(), made.judgments.fingerprint()}
    assert made.known_as & other.known_as == {"cbc"}
    assert made.judgments.fingerprint() in replace(made, name="x", protocol="archive", part="all").known_as


def test_an_unknown_set_is_refused() -> None:
    with pytest.raises(InputError, match="unknown set 'cnrek'; expected one of cbc, nos, cnrec, sts22, lee"):
        load_set("cnrek")


def test_every_named_set_tells_what_it_is(tmp_path: Path) -> None:
    make: dict[str, Callable[[], Path]] = {
        "cnrec": lambda: write_cnrec(tmp_path, ["c-1", "c-2", "c-3"]),
        "sts22": lambda: write_sts22(tmp_path, jsonl([PAIR])),
        "reuters21578": lambda: write_reuters(tmp_path, [wire(number, ["crude"]) for number in range(4)]),
        "sample": lambda: tmp_path,
        "cbc": lambda: write_newsroom(tmp_path, "cbc", CBC, CBC_LINKS, "story,item,kind,x"),
        "nos": lambda: write_newsroom(tmp_path, "nos", CBC, ["1.7,1.9"]),
    }
    for name, write in make.items():
        made = SETS[name](write())
        assert made.name == name
        assert made.about
        assert made.licence
        assert made.notes
        assert made.part == "development"
