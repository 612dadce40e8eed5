"""Judgments from files, and measures against ir_measures and plain Python."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path

import ir_measures
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recommender.errors import InputError, SettingsError
from recommender.evaluation.data.judgments import Judgments, read_judgments
from recommender.evaluation.measures.relevance import MEANINGS, Measure, integer_grades, per_story

ROWS = [("a", "b", 2.0, 3), ("a", "c", 0.0, 3), ("b c", "a", 1.0, 2)]


def rows_of(judged: Judgments) -> list[tuple[str, str, float]]:
    return [(row["story"], row["item"], row["grade"]) for row in judged.table.to_pylist()]


# -- judgments ------------------------------------------------------------------------------------


def test_judgments_are_sorted_and_each_pair_stands_once() -> None:
    judged = Judgments.of([("b", "a", 1), ("a", "c", 1, 4), ("a", "b", 3), ("a", "c", 0, 2), ("a", "a", 9)])
    assert rows_of(judged) == [("a", "b", 3.0), ("a", "c", 0.5), ("b", "a", 1.0)]
    assert judged.table["votes"].to_pylist() == [None, 6, None]
    assert (judged.relevant, judged.stories, len(judged)) == (1.5, ["a", "b"], 3)
    assert judged.grades.tolist() == [3.0, 0.5, 1.0]


def test_both_directions_of_a_symmetric_pair_are_one_pair() -> None:
    judged = Judgments.of([("b", "a", 1), ("a", "b", 0), ("c", "a", 1)], symmetric=True)
    assert rows_of(judged) == [("b", "a", 0.5), ("c", "a", 1.0)]
    both = judged.directed()
    assert rows_of(both) == [("a", "b", 0.5), ("a", "c", 1.0), ("b", "a", 0.5), ("c", "a", 1.0)]
    assert not both.symmetric
    assert both.directed() is both


def test_among_and_where_keep_what_they_say() -> None:
    judged = Judgments.of([("a", "b", 1), ("a", "c", 1), ("b", "c", 1)], complete="abc", relevant=1)
    assert rows_of(judged.among("ab")) == [("a", "b", 1.0)]
    assert rows_of(judged.among("a", "cd")) == [("a", "c", 1.0)]
    assert rows_of(judged.among("xyz")) == []
    assert judged.among("xyz").stories == []
    assert rows_of(judged.where(np.array([False, True, True]))) == [("a", "c", 1.0), ("b", "c", 1.0)]
    assert judged.among("ab").complete == {"a", "b"}, "what was taken out of the table is not grade 0"
    assert judged.among("ab", "bc").complete == {"b"}


@pytest.mark.parametrize("grade", [-0.5, math.nan, math.inf, None])
def test_a_grade_that_is_none_is_refused(grade: float | None) -> None:
    with pytest.raises(InputError, match="the grade of 'a' and 'c' is"):
        Judgments.of([("a", "b", 1.0), ("a", "c", grade)])


def test_no_judgments_are_refused() -> None:
    for rows in ([], [("a", "a", 1.0)]):
        with pytest.raises(InputError, match="no judgments were given"):
            Judgments.of(rows)


# -- reading --------------------------------------------------------------------------------------


def packed(path: Path, data: bytes) -> Path:
    pack: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}
    path.write_bytes(pack.get(path.suffix, bytes)(data))
    return path


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_reads_alike(tmp_path: Path, kind: str, ending: str) -> None:
    names = ("story", "item", "grade", "votes")
    if kind == "parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(dict(zip(names, zip(*ROWS, strict=True), strict=True))), sink)
        data = sink.getvalue().to_pybytes()
    elif kind == "jsonl":
        data = b"\n".join(orjson.dumps(dict(zip(names, row, strict=True))) for row in ROWS)
    else:
        mark = {"csv": ",", "tsv": "\t"}[kind]
        data = "\n".join(mark.join(map(str, row)) for row in (names, *ROWS)).encode()
    judged = read_judgments(packed(tmp_path / f"judged.{kind}{ending}", data))
    assert rows_of(judged) == [row[:3] for row in ROWS]
    assert judged.table["votes"].to_pylist() == [3, 3, 2]
    assert (judged.symmetric, judged.relevant) == (False, 1.0)


@pytest.mark.parametrize(
    ("header", "symmetric"),
    [
        ("a,b,follow", True),
        ("id1,id2,similarity", True),
        ("article_a,article_b,label", True),
        ("qid,docno,rel", False),
        ("Source, Target ,Relevance", False),
        ("id,recommended,score", False),
        ("article_id,candidate,judgment", False),
        ("query,document,grade", False),
    ],
)
def test_column_names(tmp_path: Path, header: str, symmetric: bool) -> None:
    path = tmp_path / "j.csv"
    path.write_text(f"{header}\n x ,y,1\n")
    judged = read_judgments(path)
    assert rows_of(judged) == [("x", "y", 1.0)]
    assert judged.symmetric == symmetric


def test_the_header_of_cnrec(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b,follow,similarity,follow_votes\nx,y,0.8333,1.5,6\ny,x,0.5,1,6\nx,z,0.1667,0,6\n")
    judged = read_judgments(path, relevant=0.5)
    assert rows_of(judged) == [("x", "y", pytest.approx(0.66665)), ("x", "z", 0.1667)]
    assert (judged.symmetric, judged.relevant) == (True, 0.5)
    assert rows_of(read_judgments(path, grade="similarity"))[0] == ("x", "y", 1.25)
    assert read_judgments(path, grade="similarity").relevant == 0.625
    with pytest.raises(InputError, match="has no column 'liking'; its columns: a, b, follow, similarity"):
        read_judgments(path, grade="liking")


def test_picks_of_an_editor(tmp_path: Path) -> None:
    path = tmp_path / "picks.jsonl"
    path.write_text(
        '{"id": "s", "event": null, "picks": ["b", "a", "c"]}\n{"id": 7, "picks": ["s"]}\n{"id": "t", "picks": []}\n'
    )
    judged = read_judgments(path)
    assert rows_of(judged) == [("7", "s", 1.0), ("s", "a", 2.0), ("s", "b", 3.0), ("s", "c", 1.0)]
    assert judged.relevant == 1.0
    assert read_judgments(path, relevant=2).relevant == 2


@pytest.mark.parametrize("header", ["story,item", "from,to", "source_id,target_id"])
def test_links_without_a_grade_have_grade_1(tmp_path: Path, header: str) -> None:
    (tmp_path / "links.csv").write_text(f"{header}\ns1,d1\ns2,d2\n", encoding="utf-8")
    judged = read_judgments(tmp_path / "links.csv")
    assert rows_of(judged) == [("s1", "d1", 1.0), ("s2", "d2", 1.0)]
    assert not judged.symmetric


def test_qrels_of_trec(tmp_path: Path) -> None:
    path = tmp_path / "qrels.txt"
    path.write_text("\ufeffs1 0 d1 2\ns1 Q0 d2 -2\n\ns2\t0\td1\t0.5\r\n", encoding="utf-8")
    judged = read_judgments(path)
    assert rows_of(judged) == [("s1", "d1", 2.0), ("s1", "d2", 0.0), ("s2", "d1", 0.5)]
    assert judged.relevant == 1.0


def test_ids_that_a_table_holds_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "j.parquet"
    pq.write_table(pa.table({"story": [1.0, 2.0], "item": [2, 3], "grade": [1, 0], "votes": [4.0, math.nan]}), path)
    judged = read_judgments(path)
    assert rows_of(judged) == [("1", "2", 1.0), ("2", "3", 0.0)]
    assert judged.table["votes"].to_pylist() == [4, None]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("j.csv", b"a,b,grade\nx,y,1\nx,z,good\n", 3),
        ("j.csv", b"a,b,grade\nx,y,1\nx,z,-1\n", 3),
        ("j.csv", b"a,b,grade\nx,y,nan\n", 2),
        ("j.csv", b"a,b,grade\nx,,1\n", 2),
        ("j.csv", b"a,b,grade\nx,y\n", 2),
        ("j.csv", b"a,b,grade\nx,\xc3\xa9,1\nx,\xff,1\n", 3),
        ("j.csv", b"a,b,grade,votes\nx,y,1,many\n", 2),
        ("j.jsonl", b'{"a": "x", "b": "y", "grade": 1}\n{"a": "x"', 2),
        ("j.jsonl", b'{"a": "x", "b": "y", "grade": 1}\n{"a": "x", "grade": 1}\n', 2),
        ("j.jsonl", b'{"a": "x", "b": "y", "grade": 1}\n[1]\n', 2),
        ("j.jsonl", b'{"a": "x", "b": "y", "grade": 1}\n{"a": "x", "b": null, "grade": 1}\n', 2),
        ("p.jsonl", b'{"id": "x", "picks": ["y"]}\n{"id": "z", "picks": "y"}\n', 2),
        ("p.jsonl", b'{"id": "x", "picks": ["y"]}\n\n{"id": "z", "picks": ["y", null]}\n', 3),
        ("p.jsonl", b'{"id": "x", "picks": ["y"]}\n{"picks": ["y"]}\n', 2),
        ("qrels", b"x 0 y 1\nx 0 z\n", 2),
        ("qrels", b"x 0 y 1\nx 0 z nan\n", 2),
        ("qrels", b"x 0 \xff 1\n", 1),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, name: str, text: bytes, line: int) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(InputError, match=rf"{name}, line {line}: "):
        read_judgments(tmp_path / name)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b,grade\n" + b"".join(b"x%d,y,1\n" % n for n in range(500)))
    (tmp_path / "j.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(InputError, match="truncated file"):
        read_judgments(tmp_path / "j.csv.gz")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("j.csv", "", "holds no judgments"),
        ("j.csv", "a,b,grade\n", "holds no judgments"),
        ("j.csv", "x,y,z\n1,2,3\n", "its columns are x, y, z; expected a, b and grade"),
        ("j.csv", "story,grade\n1,2\n", "its columns are story, grade"),
        ("j.csv", "a,b,grade\nx,x,1\n", "no judgments were given"),
        ("qrels.txt", "", "no judgments were given"),
    ],
)
def test_a_file_without_judgments_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_judgments(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*gone.csv; expected judgments as"):
        read_judgments(tmp_path / "gone.csv")


# -- measures: names ------------------------------------------------------------------------------


@given(st.sampled_from(sorted(MEANINGS)), st.integers(1, 1000))
def test_a_measure_prints_and_parses(name: str, cutoff: int) -> None:
    measure = Measure(name, None if name in ("AP", "RR", "SetF", "AUC", "Spearman", "Pearson") else cutoff)
    assert Measure.parse(str(measure)) == measure
    assert Measure.parse(f" {str(measure).upper()} ") == Measure.parse(str(measure).lower()) == measure
    assert measure.meaning
    assert measure.part == ("pairs" if name in ("AUC", "Spearman", "Pearson") else "ranking")


@pytest.mark.parametrize(
    "text",
    ["", "nDCG@", "nDCG@0", "nDCG@-1", "nDCG@2.5", "nDCG5", "MAP", "P", "R", "Success", "Judged", "AUC@5", "AP@5"],
)
def test_no_measure(text: str) -> None:
    with pytest.raises(SettingsError, match=r"expected one of|needs a cut-off|has no cut-off"):
        Measure.parse(text)


# -- measures: values -----------------------------------------------------------------------------

ITEMS = [f"i{number}" for number in range(12)]
NAMES = ("nDCG", "nDCG@1", "nDCG@3", "nDCG@10", "AP", "RR", "P@1", "P@5", "R@2", "R@10", "Success@3", "Judged@3")


def oracle(measure: Measure, known: dict[str, float], items: list[str], relevant: float) -> float:
    """From the definitions."""
    k = measure.cutoff or 1000
    top = items[:k]
    good = {item for item in known if known[item] >= relevant}
    hits = [item in good for item in items]
    if measure.name == "Judged":
        return sum(item in known for item in top) / len(top) if top else math.nan
    if measure.name == "nDCG":
        best = sorted(known.values(), reverse=True)[:k]
        ideal = sum(grade / math.log2(2 + rank) for rank, grade in enumerate(best))
        gained = sum(known.get(item, 0) / math.log2(2 + rank) for rank, item in enumerate(top))
        return gained / ideal if ideal else math.nan
    if not good:
        return math.nan
    if measure.name == "AP":
        return sum(sum(hits[: rank + 1]) / (rank + 1) for rank, hit in enumerate(hits) if hit) / len(good)
    if measure.name == "RR":
        return 1 / (1 + hits.index(True)) if True in hits else 0.0
    count = sum(hits[:k])
    return {"P": count / k, "R": count / len(good), "Success": float(count > 0)}[measure.name]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, dict[str, float]], dict[str, list[str]], float]:
    stories = [f"s{number}" for number in range(draw(st.integers(1, 5)))]
    most, of = draw(st.sampled_from([(3, 1), (6, 6), (500, 100)]))  # whole grades, votes of six, hundredths
    grades = st.integers(0, most).map(lambda n: n / of)
    judged = {story: draw(st.dictionaries(st.sampled_from(ITEMS), grades, max_size=8)) for story in stories}
    lists = {story: draw(st.lists(st.sampled_from(ITEMS), unique=True, max_size=12)) for story in stories}
    return judged, lists, draw(st.sampled_from([0.5, 1.0, 2.0]))


@settings(max_examples=60, deadline=None)
@given(worlds(), st.booleans())
@example(({"s0": {"i0": 0.52}, "s1": {"i0": 0.01, "i1": 0.02}}, {"s0": [], "s1": ["i0"]}, 0.5), False)  # hundredths
def test_measures_by_their_definitions(
    world: tuple[dict[str, dict[str, float]], dict[str, list[str]], float], condensed: bool
) -> None:
    judged, lists, relevant = world
    rows = [(story, item, grade) for story, known in judged.items() for item, grade in known.items()]
    rows = rows or [("s0", "i0", 1.0)]
    judgments = Judgments.of(rows, relevant=relevant)
    known: dict[str, dict[str, float]] = {story: {} for story in judged}
    for story, item, grade in rows:
        known[story][item] = grade
    measures = [Measure.parse(name) for name in NAMES]
    found = per_story(measures, judgments, list(lists), list(lists.values()), condensed=condensed)
    assert list(found) == list(NAMES)
    for name, values in found.items():
        for story, value in zip(lists, values.tolist(), strict=True):
            items = [item for item in lists[story] if item in known[story] or not condensed]
            expected = oracle(Measure.parse(name), known[story], items, relevant)
            assert value == pytest.approx(expected, abs=1e-3, nan_ok=True), (name, story)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(ITEMS), st.integers(0, 4), min_size=1), st.permutations(ITEMS))
def test_measures_are_those_of_ir_measures(known: dict[str, int], items: list[str]) -> None:
    known |= {"i0": 3}
    judgments = Judgments.of([("s", item, grade) for item, grade in known.items()], relevant=2)
    qrels = [ir_measures.Qrel("s", item, grade) for item, grade in known.items()]
    run = [ir_measures.ScoredDoc("s", item, 1 / (1 + rank)) for rank, item in enumerate(items)]
    measures = [Measure.parse(name) for name in NAMES]
    theirs = ir_measures.calc_aggregate([one.in_ir_measures(2) for one in measures], qrels, run)
    found = per_story(measures, judgments, ["s"], [items])
    assert {name: values[0] for name, values in found.items()} == {
        str(one): pytest.approx(theirs[one.in_ir_measures(2)], abs=1e-12) for one in measures
    }


def test_the_stories_are_answered_in_the_order_asked() -> None:
    judgments = Judgments.of([(story, "x", 1.0) for story in "abc"], relevant=1)
    found = per_story([Measure.parse("RR")], judgments, ["c", "a", "b"], [["x"], [], ["y", "x"]])
    assert found["RR"].tolist() == [1.0, 0.0, 0.5]


def test_an_empty_list_is_a_miss_and_neither_judged_nor_unjudged() -> None:
    judgments = Judgments.of([("a", "x", 1.0), ("b", "x", 1.0)])
    measures = [Measure.parse(name) for name in NAMES]
    found = per_story(measures, judgments, ["a", "b"], [[], ["x"]])
    assert all(found[str(one)][0] == 0 for one in measures if one.name != "Judged")
    assert np.isnan(found["Judged@3"][0])
    assert found["Judged@3"][1] == 1
    nothing = per_story(measures, judgments, ["a", "b"], [[], []])
    assert all((nothing[str(one)] == 0).all() for one in measures if one.name != "Judged")


def test_without_a_relevant_item_a_binary_measure_has_no_value() -> None:
    judgments = Judgments.of([("a", "x", 1.0), ("a", "y", 0.0), ("b", "x", 2.0), ("c", "x", 0.0)], relevant=2)
    found = per_story([Measure.parse(name) for name in NAMES], judgments, ["a", "b", "c"], [["y", "x"]] * 3)
    assert found["AP"].tolist() == pytest.approx([math.nan, 0.5, math.nan], nan_ok=True)
    assert found["nDCG"].tolist() == pytest.approx([1 / math.log2(3)] * 2 + [math.nan], nan_ok=True)
    assert found["Judged@3"].tolist() == [1.0, 0.5, 0.5]


def test_condensed_lists_and_complete_judgments() -> None:
    measures = [Measure.parse("P@1"), Measure.parse("Judged@2")]
    judgments = Judgments.of([("a", "x", 1.0)])
    rankings = [["u", "x"]]
    plain = per_story(measures, judgments, ["a"], rankings)
    condensed = per_story(measures, judgments, ["a"], rankings, condensed=True)
    assert (plain["P@1"][0], plain["Judged@2"][0], condensed["P@1"][0]) == (0.0, 0.5, 1.0)
    whole = Judgments.of([("a", "x", 1.0)], complete=["a", "x", "u"])
    condensed = per_story(measures, whole, ["a"], rankings, condensed=True)
    assert (condensed["P@1"][0], condensed["Judged@2"][0]) == (0.0, 1.0), "u was judged: its grade is 0"
    part = Judgments.of([("a", "x", 1.0)], complete=["x", "u"])
    assert per_story(measures, part, ["a"], rankings)["Judged@2"][0] == 0.5, "the story is not among them"


def test_condensed_to_nothing_is_a_miss() -> None:
    judgments = Judgments.of([("a", "x", 1.0)])
    found = per_story([Measure.parse("nDCG@5")], judgments, ["a"], [["u", "v"]], condensed=True)
    assert found["nDCG@5"].tolist() == [0.0]


# -- measures: grades as integers -----------------------------------------------------------------


def ndcg(grades: np.ndarray, order: list[int]) -> float:
    discount = 1 / np.log2(np.arange(len(grades)) + 2)
    return float((grades[order] * discount).sum() / (np.sort(grades)[::-1] * discount).sum())


@given(st.integers(1, 12), st.data())
def test_shares_of_votes_become_votes(judges: int, data: st.DataObject) -> None:
    votes = data.draw(st.lists(st.integers(0, judges), min_size=1, max_size=8))
    for digits in (4, 15):
        grades = np.array([round(vote / judges, digits) for vote in votes])
        whole, least = integer_grades(grades, round(1 / judges, digits))
        assert least == (whole[whole > 0].min() if whole.any() else 1)
        top = max(*whole, 1)
        assert (whole * max(*votes, 1) == np.array(votes) * top).all(), "the same proportions"


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.sampled_from([1e-6, 1e-3, 0.5, 1.0, 40.0]), st.data())
def test_gains_keep_their_proportions(shares: list[float], scale: float, data: st.DataObject) -> None:
    grades = np.round([1.0, *shares], 4) * scale
    order = data.draw(st.permutations(range(len(grades))))
    whole, _ = integer_grades(grades, scale / 2)
    assert ndcg(whole.astype(float), list(order)) == pytest.approx(ndcg(grades, list(order)), abs=1e-3)


@given(st.lists(st.floats(0, 3, width=32), min_size=1, max_size=10), st.data())
def test_what_is_relevant_stays_relevant(values: list[float], data: st.DataObject) -> None:
    grades = np.array(values)
    relevant = data.draw(st.one_of(st.sampled_from(values), st.floats(0.01, 3)))
    whole, least = integer_grades(grades, relevant)
    top = grades.max()
    assert (whole[(grades >= relevant) & (grades > 1e-3 * top)] >= least).all()
    assert (whole[grades < relevant - 2e-3 * top] < least).all()


def test_the_threshold_of_a_grade_that_no_denominator_fits() -> None:
    judgments = Judgments.of([("a", "x", 0.71234567), ("a", "y", 0.1234567), ("b", "x", 3.14159)], relevant=0.71234567)
    found = per_story([Measure.parse("RR")], judgments, ["a"], [["y", "x"]])
    assert found["RR"].tolist() == [0.5]


def test_setf_charges_for_bad_items() -> None:
    """Two good items of three: F is 4/5 of two shown, 2/3 with a bad one, and 0 of an empty list."""
    judged = Judgments.of([("s", "a", 1), ("s", "b", 1), ("s", "c", 1), ("s", "x", 0)])
    found = [
        per_story([Measure("SetF")], judged, ["s"], [shown])["SetF"][0] for shown in (["a", "b"], ["a", "b", "x"], [])
    ]
    assert found == pytest.approx([0.8, 2 / 3, 0.0])


def test_topics_are_what_relevant_pairs_join() -> None:
    pairs = [("a", "b", 1.0), ("b", "c", 1.0), ("d", "e", 1.0), ("c", "d", 0.2), ("f", "a", 0.0), ("g", "h", 0.0)]
    judged = Judgments.of(pairs, symmetric=True)
    assert judged.topics() == dict(zip("abcdefgh", "aaaddfgh", strict=True))
    joined = Judgments.of([*pairs, ("c", "e", 1.0)], symmetric=True)
    assert joined.topics() == {}  # five of eight in one topic tell none apart
