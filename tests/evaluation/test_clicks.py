"""Click logs: reading, judgments, replay, A/B tests, sample sizes, and MIND."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import orjson
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import ndcg_score, roc_auc_score

from recommender import Recommender, Settings
from recommender.errors import InputError, SettingsError
from recommender.evaluation.data.judgments import Judgments, next_click
from recommender.evaluation.data.mind import read_mind
from recommender.evaluation.data.sets import own_set
from recommender.evaluation.measures.ab import ab_test, design_effect, sample_size
from recommender.evaluation.measures.replay import replay
from recommender.reading.behaviors import NO_SOURCE, TOO_FEW, read_clicks
from recommender.reading.click_rows import SCHEMA
from recommender.reading.clicks import ClickLog, refuse_many_rejected
from recommender.reading.links import read_links
from recommender.settings import ReadingSettings

START = datetime(2026, 3, 3, 6, 30, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "source": "ferry-1",
        "list_id": "L1",
        "version": "new",
        "shown": ["harbour-2", "storm-3", "pilot-4"],
        "clicked": ["storm-3"],
        "time": START,
        "session": "anna",
    },
    {
        "source": None,
        "list_id": "L2",
        "version": None,
        "shown": ["pilot-4"],
        "clicked": [],
        "time": None,
        "session": None,
    },
    {
        "source": "storm-3",
        "list_id": "L3",
        "version": "old",
        "shown": ["ferry-1", "élan-5"],
        "clicked": ["élan-5", "ferry-1"],
        "time": START + timedelta(minutes=4),
        "session": "anna",
    },
]


def _jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _separated(rows: Iterable[Mapping[str, Any]], mark: str) -> bytes:
    names = ["Story", "impression_id", "variant", "Items", "clicks", "timestamp", "user_id"]
    lines = [mark.join(names)]
    for row in rows:
        values = [" ".join(v) if isinstance(v, list) else v for v in row.values()]
        lines.append(mark.join("" if v is None else str(v) for v in values))
    return ("\n".join(lines) + "\n").encode()


# reading


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("log.jsonl", _jsonl(ROWS)),
        ("log.jsonl.gz", gzip.compress(_jsonl(ROWS))),
        ("log.ndjson.zst", zstandard.compress(_jsonl(ROWS))),
        ("log.csv", _separated(ROWS, ",")),
        ("log.tsv", _separated(ROWS, "\t")),
    ],
)
def test_every_kind_of_file_reads_the_same(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    log, report = ClickLog.read(tmp_path / name)
    assert log.table.schema == SCHEMA
    assert log.table.to_pylist() == ROWS
    assert (report.read, report.accepted, report.rejected) == (3, 3, [])
    assert ClickLog.read(log.table)[0].table.equals(log.table)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"clicked": []}, "nothing was shown; expected ids in a column shown or items"),
        ({"shown": [], "clicked": []}, "nothing was shown; expected ids in a column shown or items"),
        ({"shown": ["a"]}, "no clicked column; expected clicked or clicks, empty where nothing was clicked"),
        ({"shown": ["a"], "clicked": ["b"]}, "a click on 'b', which was not shown"),
        ({"shown": ["a", "b", "a"], "clicked": []}, "'a' is shown twice"),
        ({"shown": ["a", None], "clicked": []}, "an empty id in shown"),
        ({"shown": ["a", {}], "clicked": []}, "shown is dict, expected text"),
        ({"shown": 7, "clicked": []}, "shown is int, expected a list or text"),
        ({"shown": "[a b", "clicked": []}, "shown is not a JSON list: '[a b'"),
        ({"shown": ["a"], "clicked": [], "version": True}, "version is bool, expected text"),
        ({"shown": ["a"], "clicked": [], "source": "\ud800"}, "source is not valid UTF-8; convert the file's encoding"),
        (
            {"shown": ["a"], "clicked": [], "time": "noon"},
            "unreadable date in time: 'noon'; expected ISO 8601, RFC 822 or an epoch number",
        ),
        ("text", "str, expected Article or dict"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(row: Any, reason: str) -> None:
    log, report = ClickLog.read([ROWS[0], row, ROWS[2]])
    assert log.table.to_pylist() == [ROWS[0], ROWS[2]]
    assert [(one.line, one.reason) for one in report.rejected] == [(2, reason)]
    with pytest.raises(InputError, match="<lists>, line 2"):
        ClickLog.of([ROWS[0], row])


_BAD = [
    b'{"shown": ["a"], "clicked": ["z"]}',
    b'{"shown": ["a"], "clicked": ["a"], "time": "31 o\'clock"}',
    b'{"clicked": []}',
    b'{"shown": ["a"',
    b"\xff\xfe",
    b"[1, 2]",
]


@given(st.lists(st.one_of(st.integers(0, 10**6), st.sampled_from(_BAD)), max_size=30))
@settings(max_examples=60)
def test_damaged_rows_leave_the_others_as_they_are(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    good = {n: {"source": f"s{n}", "shown": [f"a{n}", f"b{n}"], "clicked": [f"b{n}"], "list_id": str(n)} for n in rows}
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    path.write_bytes(b"".join((row if isinstance(row, bytes) else orjson.dumps(good[row])) + b"\n" for row in rows))
    log, report = ClickLog.read(path)
    kept = log.table.select(["source", "shown", "clicked", "list_id"]).to_pylist()
    assert kept == [good[row] for row in rows if not isinstance(row, bytes)]
    assert [one.line for one in report.rejected] == [n for n, row in enumerate(rows, 1) if isinstance(row, bytes)]
    assert report.read == len(rows) == report.accepted + len(report.rejected)


def test_csv_rows_of_the_wrong_width_or_encoding_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("story,shown,clicks\nsé,a b,a\n".encode() + b"s,a b,a,b\ns\xff,a b,\ns,a b,b\ns,a b\n")
    log, report = ClickLog.read(path)
    assert log.table["clicked"].to_pylist() == [["a"], ["b"], []], "a last cell that is left out is empty"
    assert log.table["list_id"].to_pylist() == ["2", "5", "6"]
    assert [(one.line, one.reason[:9]) for one in report.rejected] == [(3, "4 columns"), (4, "source is")]


def test_numbers_are_names_and_columns_can_be_mapped() -> None:
    rows = [{"page": 12, "shown": "[3, 4.0]", "clicked": [4, 4, "4"], "version": float("nan"), "session": " "}]
    row = ClickLog.read(rows, columns={"source": "page"})[0].table.to_pylist()[0]
    assert row["source"] == "12"
    assert (row["shown"], row["clicked"], row["version"], row["session"]) == (["3", "4"], ["4"], None, None)
    with pytest.raises(InputError, match="unknown field 'story'"):
        ClickLog.read(rows, columns={"story": "page"})


def test_a_source_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("x")
    for source, message in (
        (tmp_path / "no.jsonl", "no such file"),
        (tmp_path / "log.txt", "unknown kind"),
        (ROWS[0], "one dict"),
    ):
        with pytest.raises(InputError, match=message):
            ClickLog.read(source)
    empty, report = ClickLog.read([])
    assert len(empty) == 0
    assert report.read == 0


@pytest.mark.parametrize("sign", ["|", ";", ",", ", ", " | ", " "])
@pytest.mark.parametrize("rows", [ROWS, [{**row, "clicked": []} for row in ROWS]], ids=["clicked", "no click"])
def test_ids_of_one_text_are_separated_by_the_sign_that_the_column_uses(sign: str, rows: list[dict[str, Any]]) -> None:
    texts = [{**row, "shown": sign.join(row["shown"]), "clicked": sign.join(row["clicked"])} for row in rows]
    assert ClickLog.of(texts).table.to_pylist() == rows


def test_ids_may_have_the_signs_in_them_that_separate_others() -> None:
    for shown, clicked, sign in (("x|1 y|2", "y|2", " "), ("a,1;b,2", "b,2", ";"), ("a;1|b;2", "", "|")):
        assert ClickLog.of([{"shown": shown, "clicked": clicked}]).table["shown"].to_pylist() == [shown.split(sign)]


def test_a_log_of_which_little_was_left_gives_no_verdict(tmp_path: Path) -> None:
    quiet = [{"shown": "a b", "clicked": "", "version": "ab"[n % 2]} for n in range(40)]
    (tmp_path / "clicks.jsonl").write_bytes(_jsonl([*quiet, *[{"shown": "a b", "clicked": "z", "version": "a"}] * 3]))
    with pytest.raises(InputError, match=r"3 of 3 rows with a click of clicks.jsonl were rejected, such as line 41"):
        refuse_many_rejected(*ClickLog.read(tmp_path / "clicks.jsonl"), "clicks.jsonl")
    (tmp_path / "clicks.jsonl").write_bytes(_jsonl([quiet[0], {"shown": "a a", "clicked": ""}, {"shown": "a"}]))
    with pytest.raises(
        InputError, match=r"2 of 3 rows of .*clicks.jsonl were rejected, such as line 2: 'a' is shown twice"
    ):
        read_clicks(tmp_path / "clicks.jsonl", {"a", "b"})
    with pytest.raises(InputError, match="2 of 3 rows"):
        own_set([{"id": "a", "title": "Ferry"}], clicks=tmp_path / "clicks.jsonl")
    refuse_many_rejected(*ClickLog.read(ROWS), "clicks.jsonl")


def test_a_log_that_lost_a_tenth_of_its_rows_gives_no_verdict() -> None:
    good, bad = {"shown": "a b", "clicked": ""}, {"shown": "a b", "clicked": "", "time": "05/11/2026"}
    refuse_many_rejected(*ClickLog.read([good] * 9 + [bad]), "log")
    with pytest.raises(InputError, match=r"2 of 10 rows of log were rejected, such as line 9: .* reading.day_first"):
        refuse_many_rejected(*ClickLog.read([good] * 8 + [bad] * 2), "log")


def test_all_times_of_a_log_show_whether_the_day_comes_first(tmp_path: Path) -> None:
    for file, sign in (("dots.csv", "."), ("strokes.csv", "/")):
        times = (f"01{sign}11{sign}2025 10:00", f"28{sign}11{sign}2025")
        (tmp_path / file).write_text("shown,clicked,time\n" + "".join(f"a b,,{time}\n" for time in times), "utf-8")
    rows = ({"shown": "a b", "clicked": "", "time": f"0{day}.11.2025"} for day in (1, 2))
    for source in (tmp_path / "dots.csv", tmp_path / "strokes.csv", rows):
        log, report = ClickLog.read(source)
        assert (report.rejected, {time.month for time in log.table["time"].to_pylist()}) == ([], {11})


def test_the_header_of_stories_is_none_of_logs_and_links(tmp_path: Path) -> None:
    reading = ReadingSettings(header=("id", "title", "body"))
    (tmp_path / "log.csv").write_text("shown,clicked\na b,a\n", encoding="utf-8")
    assert len(ClickLog.read(tmp_path / "log.csv", settings=reading)[0]) == 1
    (tmp_path / "links.csv").write_text("story,item\na,b\n", encoding="utf-8")
    assert len(read_links(tmp_path / "links.csv", settings=reading)) == 1


def test_settings_tell_how_the_times_of_a_log_are_meant() -> None:
    row = {"shown": "a b", "clicked": "", "time": "05/11/2026 10:00"}
    assert ClickLog.read([row])[1].rejected[0].reason.endswith("reading.day_first = true or false tells")
    log, _ = ClickLog.read([row], settings=ReadingSettings(day_first=True, time_zone="Europe/Berlin"))
    assert log.table["time"].to_pylist() == [datetime(2026, 11, 5, 9, tzinfo=UTC)]


# parts of a log


def test_items_are_the_shown_lists_one_by_one() -> None:
    log = ClickLog.of(ROWS)
    assert [tuple(row.values()) for row in log.items.to_pylist()] == [
        (0, 1, "ferry-1", "harbour-2", False),
        (0, 2, "ferry-1", "storm-3", True),
        (0, 3, "ferry-1", "pilot-4", False),
        (1, 1, None, "pilot-4", False),
        (2, 1, "storm-3", "ferry-1", True),
        (2, 2, "storm-3", "élan-5", True),
    ]
    later = log.between(START + timedelta(minutes=1))  # a part of a table, not a table of its own
    assert later.items["item"].to_pylist() == ["ferry-1", "élan-5"]
    assert later.items["list"].to_pylist() == [0, 0]


def test_groups_are_sessions_then_sources_then_lists() -> None:
    given_ = [("s", "x"), ("s", "y"), (None, "x"), (None, "x"), (None, "s"), (None, None), (None, None)]
    log = ClickLog.of({"session": s, "source": x, "shown": ["a"], "clicked": []} for s, x in given_)
    assert log.groups.tolist() == [0, 0, 1, 1, 2, 3, 4]


def test_paths_follow_time_and_keep_unknown_sessions_apart() -> None:
    rows = [
        {"session": "r", "source": "b", "shown": ["c", "d"], "clicked": ["c"], "time": START + timedelta(hours=1)},
        {"session": "r", "source": "a", "shown": ["b"], "clicked": ["b"], "time": START},
        {"source": "a", "shown": ["d"], "clicked": ["d"], "time": START},
        {"source": "a", "shown": ["d"], "clicked": [], "time": START},
    ]
    assert sorted(ClickLog.of(rows).paths()) == [["a"], ["a", "b", "b", "c"], ["a", "d"]]


_HOURS = st.lists(st.integers(0, 40), min_size=1, max_size=40)


@given(_HOURS, st.one_of(st.floats(0.01, 0.99), st.integers(-1, 41)))
@settings(max_examples=150)
def test_a_split_divides_by_time(hours: list[int], at: float) -> None:
    moments = [START + timedelta(hours=hour) for hour in hours]
    log = ClickLog.of({"shown": ["a"], "clicked": [], "time": moment} for moment in moments)
    where = at if isinstance(at, float) else START + timedelta(hours=at)
    try:
        past, future = log.split(where)
    except InputError:
        if isinstance(where, float):  # nothing is earlier than the moment at this share
            assert sorted(moments)[int(at * len(moments))] == min(moments)
        else:
            assert not min(moments) < where <= max(moments)
        return
    before, after = (part.table["time"].to_pylist() for part in (past, future))
    assert max(before) < min(after)
    assert sorted(before + after) == sorted(moments)
    assert before == [moment for moment in moments if moment < min(after)]  # in the order of the log
    if isinstance(where, float):
        cut = sorted(moments)[int(at * len(moments))]
        assert len(before) == sum(moment < cut for moment in moments)
    else:
        assert max(before) < where <= min(after)


def test_undated_lists_stop_a_split_and_are_in_no_part() -> None:
    log = ClickLog.of(ROWS)
    with pytest.raises(InputError, match="1 of 3 lists have no time"):
        log.split(0.5)
    dated = log.between()
    assert dated.table["list_id"].to_pylist() == ["L1", "L3"]
    assert [len(part) for part in dated.split(0.5)] == [1, 1]
    assert [len(part) for part in dated.split(datetime(2026, 3, 3, 6, 31))] == [1, 1]  # without a zone: UTC
    assert len(log.between(START, START)) == 0
    for share in (0, 1.0, float("nan")):
        with pytest.raises(SettingsError, match="between 0 and 1"):
            dated.split(share)
    with pytest.raises(InputError, match="leaves 0 lists"):
        ClickLog.of([]).split(0.5)


# judgments


def _random_log(seed: int, lists: int = 60, *, names: int = 9, dated: bool = True) -> ClickLog:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(lists):
        order = rng.permutation(names)[: rng.integers(2, names)]
        shown = [f"n{item}" for item in order[1:]] or ["n0"]
        rows.append(
            {
                "source": f"n{order[0]}" if rng.random() < 0.9 else None,
                "shown": shown,
                "clicked": [name for name in shown if rng.random() < 0.3],
                "session": f"r{rng.integers(12)}" if rng.random() < 0.8 else None,
                "time": START + timedelta(minutes=int(rng.integers(500))) if dated else None,
            }
        )
    return ClickLog.of(rows)


def _grades(judged: Judgments) -> dict[tuple[str, str], tuple[float, int]]:
    return {(row["story"], row["item"]): (row["grade"], row["votes"]) for row in judged.table.to_pylist()}


@pytest.mark.parametrize("seed", range(4))
def test_next_click_counts_as_by_hand(seed: int) -> None:
    log = _random_log(seed)
    wanted: dict[tuple[str, str], tuple[float, int]] = {}
    for row in log.table.to_pylist():
        for item in row["shown"] if row["source"] else ():
            grade, votes = wanted.get((row["source"], item), (0.0, 0))
            wanted[row["source"], item] = (max(grade, float(item in row["clicked"])), votes + 1)
    judged = next_click(log)
    assert _grades(judged) == wanted
    assert judged.relevant == 1
    assert not judged.symmetric


def test_next_click_needs_sources() -> None:
    with pytest.raises(InputError, match="no list of the log tells the story"):
        next_click(ClickLog.of([{"shown": ["a"], "clicked": ["a"]}]))


# replay


def _by_name(values: Mapping[tuple[str, str], float]) -> Any:
    return lambda sources, items: np.array([values[pair] for pair in zip(sources, items, strict=True)])


@pytest.mark.parametrize("levels", [2, 4, 1_000_000])
def test_replay_agrees_with_scikit_learn_and_permutations(levels: int) -> None:
    log = _random_log(levels % 7)
    rng = np.random.default_rng(1)
    pairs = [(f"n{a}", f"n{b}") for a in range(9) for b in range(9)]
    values = dict(zip(pairs, rng.integers(levels, size=81).astype(float).tolist(), strict=True))
    found = replay(log, _by_name(values))
    rows = log.table.to_pylist()
    wanted = [n for n, r in enumerate(rows) if r["source"] and 0 < len(r["clicked"]) < len(r["shown"])]
    assert found.rows.tolist() == wanted
    assert found.left_out == len(rows) - len(wanted) > 0
    assert found.groups.tolist() == log.groups[wanted].tolist()
    for place, n in enumerate(wanted):
        row = rows[n]
        hit = np.array([name in row["clicked"] for name in row["shown"]])
        for measured, scores in (
            (found.values, np.array([values[row["source"], name] for name in row["shown"]])),
            (found.logged, -np.arange(len(hit), dtype=float)),
        ):
            assert measured["AUC"][place] == pytest.approx(roc_auc_score(hit, scores))
            for k in (5, 10):
                assert measured[f"nDCG@{k}"][place] == pytest.approx(ndcg_score([hit], [scores], k=k))
            assert measured["RR"][place] == pytest.approx(_reciprocal_rank(hit, scores))
    assert found.mean == {name: pytest.approx(found.values[name].mean()) for name in found.values}
    assert found.logged_mean == {name: pytest.approx(found.logged[name].mean()) for name in found.values}


def _reciprocal_rank(hit: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> float:
    """Mean over every order of equal scores."""
    groups = [np.flatnonzero(scores == score) for score in sorted(set(scores), reverse=True)]
    rank = 1
    for group in groups:
        if hit[group].any():
            orders = list(itertools.permutations(hit[group]))
            return float(np.mean([1 / (rank + order.index(True)) for order in orders]))
        rank += len(group)
    raise AssertionError


def test_replay_agrees_with_ir_measures() -> None:
    log = _random_log(3, 80)
    rng = np.random.default_rng(0)
    values = {(f"n{a}", f"n{b}"): rng.random() for a in range(9) for b in range(9)}
    found = replay(log, _by_name(values))
    rows = log.table.take(pa.array(found.rows)).to_pylist()
    qrels = {str(n): {name: int(name in r["clicked"]) for name in r["shown"]} for n, r in enumerate(rows)}
    run = {str(n): {name: values[r["source"], name] for name in r["shown"]} for n, r in enumerate(rows)}
    measures = [ir_measures.parse_measure(name) for name in ("RR", "nDCG@5", "nDCG@10")]
    oracle = ir_measures.calc_aggregate(measures, qrels, run)
    assert {name: found.mean[name] for name in ("RR", "nDCG@5", "nDCG@10")} == {
        str(measure): pytest.approx(value) for measure, value in oracle.items()
    }


@given(st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_shown_order_decides_nothing_in_a_replay(random: Any) -> None:
    rows = _random_log(2, 25).table.to_pylist()
    mixed = [{**row, "shown": random.sample(row["shown"], len(row["shown"]))} for row in rows]
    steps = _by_name({(f"n{a}", f"n{b}"): float((a * b) % 3) for a in range(9) for b in range(9)})
    one, other = (replay(ClickLog.of(log), steps) for log in (rows, mixed))
    for name in one.values:
        assert one.values[name] == pytest.approx(other.values[name])


def test_replay_asks_once_for_every_distinct_pair() -> None:
    calls: list[list[tuple[str, str]]] = []

    def relevance(sources: Sequence[str], items: Sequence[str]) -> np.ndarray[Any, Any]:
        calls.append(list(zip(sources, items, strict=True)))
        return np.full(len(items), -np.inf)

    rows = [{"source": "a", "shown": ["b", "c"], "clicked": [name]} for name in "bcb"]
    unused = [{"source": "z", "shown": ["b", "c"], "clicked": []}, {"shown": ["y", "c"], "clicked": ["y"]}]
    found = replay(ClickLog.of([*rows, *unused]), relevance)
    assert [sorted(call) for call in calls] == [[("a", "b"), ("a", "c")]]
    assert found.mean["AUC"] == 0.5
    assert found.left_out == 2


def test_a_long_tied_list_has_its_expected_reciprocal_rank() -> None:
    shown = [f"n{i}" for i in range(3_000)]
    log = ClickLog.of([{"source": "a", "shown": shown, "clicked": shown[:1]}])
    found = replay(log, lambda sources, items: np.zeros(len(items)))
    assert found.mean["RR"] == pytest.approx(np.mean(1 / np.arange(1, 3_001)))


def test_replay_refuses_what_it_cannot_measure() -> None:
    with pytest.raises(InputError, match="nothing to replay"):
        replay(ClickLog.of([{"source": "a", "shown": ["b", "c"], "clicked": ["b", "c"]}]), _by_name({}))
    log = ClickLog.of([{"source": "a", "shown": ["b", "c"], "clicked": ["b"]}])
    for wrong in (np.zeros(3), np.zeros((2, 1)), np.array([1.0, np.nan])):
        with pytest.raises(InputError, match="the relevance of 2 pairs"):
            replay(log, lambda sources, items, wrong=wrong: wrong)


# A/B


def _versions(second: Any, through: Any, *, session: Any = None, time: Any = None) -> ClickLog:
    return ClickLog.of(
        {
            "version": "b" if second[n] else "a",
            "shown": ["x", "y"],
            "clicked": ["x"] if through[n] else [],
            "session": None if session is None else f"r{session[n]}",
            "time": None if time is None else START + timedelta(hours=float(time[n])),
        }
        for n in range(len(second))
    )


def test_a_better_version_is_found() -> None:
    rng = np.random.default_rng(4)
    second = rng.random(6_000) < 0.5
    session = rng.integers(2_000, size=6_000)
    log = _versions(
        second, rng.random(6_000) < np.where(second, 0.13, 0.10), session=session, time=rng.random(6_000) * 48
    )
    result = ab_test(log, "a", "b")
    assert result.p < 0.01
    assert 0 < result.difference.low < 0.03 < result.difference.high
    assert result.difference.value == pytest.approx(result.click_through["b"].value - result.click_through["a"].value)
    assert result.lists == {"a": int((~second).sum()), "b": int(second.sum())}
    assert result.groups == {name: len(set(session[mask])) for name, mask in (("a", ~second), ("b", second))}
    back = ab_test(log, "b", "a")
    assert back.difference.value == -result.difference.value
    assert back.p == pytest.approx(result.p)
    again = ab_test(log, "a", "b")
    assert again.difference == result.difference


def test_independent_lists_have_the_two_proportion_z_test() -> None:
    rng = np.random.default_rng(2)
    second = np.arange(4_000) % 2 == 0
    through = rng.random(4_000) < 0.1
    result = ab_test(_versions(second, through), "a", "b")
    one, other, both = through[~second].mean(), through[second].mean(), through.mean()
    error = np.sqrt(both * (1 - both) * 4 / 4_000)
    assert result.p == pytest.approx(2 * norm.sf(abs(other - one) / error), abs=0.001)
    assert result.difference.high - result.difference.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_two_equal_versions_are_seldom_called_different() -> None:
    """400 A/A logs with sessions that differ; 5 % alarms are wanted: 20, and 6 to 38 for four standard deviations."""
    rng = np.random.default_rng(0)
    session = np.repeat(np.arange(80), 4)
    alarms = {"p": 0, "interval": 0, "naive": 0}
    for _ in range(400):
        second = np.repeat(rng.random(80) < 0.5, 4)
        through = rng.random(320) < np.repeat(rng.beta(0.6, 1.4, size=80), 4)
        result = ab_test(_versions(second, through, session=session), "a", "b", times=200)
        alarms["p"] += result.p < 0.05
        alarms["interval"] += not result.difference.low <= 0 <= result.difference.high
        both = through.mean()
        error = np.sqrt(both * (1 - both) * (1 / second.sum() + 1 / (~second).sum()))
        alarms["naive"] += abs(result.difference.value) > 1.96 * error
    assert 6 <= alarms["p"] <= 38
    assert 6 <= alarms["interval"] <= 45  # few resamples
    assert alarms["naive"] > 45  # what forgetting the sessions would do


def test_without_any_click_nothing_differs() -> None:
    result = ab_test(_versions([0, 0, 1, 1], [0, 0, 0, 0]), "a", "b", times=20)
    assert (result.p, result.difference.value, result.difference.low, result.difference.high) == (1, 0, 0, 0)
    small = ab_test(_versions([0, 1], [0, 1]), "a", "b", times=20)
    assert small.difference.value == 1
    assert small.p == pytest.approx(2 * norm.sf(np.sqrt(2)))  # two lists prove nothing


def test_versions_that_cannot_be_compared_are_refused() -> None:
    log = _versions([0, 0, 1, 1], [0, 1, 0, 1], time=[0, 5, 7, 9])
    with pytest.raises(InputError, match=r"not shown at the same time \(2\.0 hours between them\)"):
        ab_test(log, "a", "b")
    assert ab_test(_versions([0, 0, 1, 1], [0, 1, 0, 1], time=[0, 8, 7, 9]), "a", "b", times=20).lists == {
        "a": 2,
        "b": 2,
    }
    with pytest.raises(InputError, match="no list of version 'c'"):
        ab_test(log, "a", "c")
    for wrong in ({"b": "a"}, {"b": "b", "times": 0}):
        with pytest.raises(SettingsError, match="two different versions"):
            ab_test(log, "a", **wrong)  # type: ignore[arg-type]


# how many lists


@pytest.mark.parametrize(("rate", "difference"), [(0.02, 0.01), (0.3, -0.05), (0.1, 0.03)])
def test_the_sample_size_has_the_power_asked_for(rate: float, difference: float) -> None:
    size = sample_size(rate, difference)
    rng = np.random.default_rng(0)
    one, other = (rng.binomial(size, share, size=4_000) / size for share in (rate, rate + difference))
    both = (one + other) / 2
    z = (other - one) / np.sqrt(both * (1 - both) * 2 / size)
    assert 0.77 < np.mean(np.abs(z) > 1.96) < 0.83


def test_the_sample_size_of_a_textbook() -> None:
    # R: power.prop.test(p1 = .50, p2 = .75, power = .90) gives n = 76.7
    assert sample_size(0.5, 0.25, power=0.9) == 77
    assert sample_size(0.5, 0.25, power=0.9, design_effect=2) == 154


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0},
        {"rate": 1.2},
        {"rate": float("nan")},
        {"difference": 0},
        {"difference": 0.95},
        {"difference": -0.1},
        {"power": 1},
        {"power": 0.01},
        {"alpha": 0},
        {"design_effect": 0},
        {"design_effect": float("nan")},
    ],
)
def test_impossible_sample_sizes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        sample_size(**{"rate": 0.1, "difference": 0.01, **wrong})  # type: ignore[arg-type]


def test_design_effects_of_known_clusters() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(3_000) < 0.2
    assert design_effect(values, np.arange(3_000)) == pytest.approx(1)
    assert design_effect(values, rng.integers(500, size=3_000)) == pytest.approx(1, abs=0.2)
    assert design_effect(np.repeat(values, 3), np.repeat(np.arange(3_000), 3)) == pytest.approx(3, abs=0.01)
    # lists of a session share its rate: 1 + (m - 1) * correlation, with 1 / (0.6 + 1.4 + 1) for a beta
    rates = np.repeat(rng.beta(0.6, 1.4, size=4_000), 4)
    found = design_effect(rng.random(16_000) < rates, [f"r{n // 4}" for n in range(16_000)])
    assert found == pytest.approx(1 + 3 / 3, abs=0.1)


@pytest.mark.parametrize(
    ("clicked", "clusters", "message"),
    [
        ([], [], "0 lists of no session; expected lists of at least two sessions"),
        ([1, 0], [1, 1], "2 lists of one session; expected lists of at least two sessions"),
        ([1, 1], [1, 2], "all lists were clicked"),
        ([0, 0], [1, 2], "no list was clicked"),
        ([1, 0, 1], [1, 2], "expected"),
        ([[1, 0]], [1, 2], "expected"),
    ],
)
def test_a_design_effect_needs_clusters_and_clicks(clicked: Any, clusters: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        design_effect(clicked, clusters)


# MIND

NEWS = [
    ["N1", "news", "local", 'The "Gull" runs aground', "Fog, they say.", "https://x.org/N1", "[]", "[]"],
    ["N2", "sports", "golf", '"Open quote', "", "https://x.org/N2", "[]", "[]"],
    ["N3", "news", "", "Harbour\u2028 shut \x85", "A day, 'at least'", "", "[]", "[]"],
    ["N4", "news", "local", "Pilot held", "", "https://x.org/N4", "", ""],
]
BEHAVIORS = [
    ["1", "U1", "11/12/2019 2:14:46 PM", "N9 N2 N8", "N1-0 N9-1 N3-1 N4-0"],
    ["2", "U1", "11/12/2019 12:00:01 AM", "N9 N2 N8 N1", "N1-0 N3-1 N4-0"],  # N1 is the source
    ["3", "U2", "11/13/2019 9:05:00 AM", "", "N1-0 N3-1"],
    ["4", "U3", "11/13/2019 9:05:00 AM", "N9 N8", "N1-0 N3-1"],
    ["5", "U4", "11/13/2019 9:05:00 AM", "N4", "N1-1 N8-0 N9-0"],
    ["6", "U4", "11/13/2019 9:05:00 AM", "N2", "N1-1 N1-0 N3-0"],  # an item twice: clicked
]


def _mind(folder: Path, news: Iterable[Any] = NEWS, behaviors: Iterable[Any] = BEHAVIORS) -> Path:
    for name, rows in (("news.tsv", news), ("behaviors.tsv", behaviors)):
        lines = [row if isinstance(row, bytes) else "\t".join(row).encode() for row in rows]
        (folder / name).write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


def test_mind_as_it_comes(tmp_path: Path, tfidf: Settings) -> None:
    mind = read_mind(_mind(tmp_path))
    assert mind.articles[:2] == [
        {
            "id": "N1",
            "title": 'The "Gull" runs aground',
            "lead": "Fog, they say.",
            "section": "news",
            "tags": ("local",),
            "url": "https://x.org/N1",
            "language": "en",
        },
        {
            "id": "N2",
            "title": '"Open quote',
            "lead": "",
            "section": "sports",
            "tags": ("golf",),
            "url": "https://x.org/N2",
            "language": "en",
        },
    ]
    assert [(row["id"], row["tags"], row["url"]) for row in mind.articles[2:]] == [
        ("N3", (), None),
        ("N4", ("local",), "https://x.org/N4"),
    ]
    rows = [(r["list_id"], r["session"], r["source"], r["shown"], r["clicked"]) for r in mind.log.table.to_pylist()]
    assert rows == [
        ("1", "U1", "N2", ["N1", "N3", "N4"], ["N3"]),
        ("2", "U1", "N1", ["N3", "N4"], ["N3"]),
        ("6", "U4", "N2", ["N1", "N3"], ["N1"]),
    ]
    assert mind.log.table["time"].to_pylist()[:2] == [
        datetime(2019, 11, 12, 14, 14, 46, tzinfo=UTC),
        datetime(2019, 11, 12, 0, 0, 1, tzinfo=UTC),
    ]
    assert mind.left_out == {NO_SOURCE: 2, TOO_FEW: 1}
    assert (mind.report.read, mind.report.accepted, mind.report.rejected) == (10, 10, [])
    fitted = Recommender(tfidf).fit(mind.articles)
    assert sorted(fitted.catalog.ids.to_pylist()) == ["N1", "N2", "N3", "N4"]


def test_damaged_lines_of_mind_are_rejected_alone(tmp_path: Path) -> None:
    news = [
        NEWS[0],
        ["N5", "news", "local", "cut"],
        ["", *NEWS[1][1:]],
        ["N6", "news", "local", " ", "no title", "", "", ""],
        b"N7\t\xff\t\t\t\t\t\t",
        *NEWS[1:],
        NEWS[0],
    ]
    behaviors = [
        ["1", "U1", "noon", "N1", "N2-0 N3-1"],
        BEHAVIORS[0],
        ["2", "U1", "11/12/2019 2:14:46 PM", "N1", "N2 N3"],
        ["3", "U1", "11/12/2019 2:14:46 PM", "N1", ""],
        ["4", "", "11/12/2019 2:14:46 PM", "N1", "N2-0"],
        b"",
        *BEHAVIORS[1:],
    ]
    (tmp_path / "bad").mkdir()
    (tmp_path / "good").mkdir()
    bad, good = read_mind(_mind(tmp_path / "bad", news, behaviors)), read_mind(_mind(tmp_path / "good"))
    assert bad.articles == good.articles
    assert bad.log.table.equals(good.log.table)
    assert bad.left_out == good.left_out
    assert [(Path(one.file).name, one.line, one.reason) for one in bad.report.rejected] == [
        ("news.tsv", 2, "4 columns, expected 8"),
        ("news.tsv", 3, "missing id"),
        ("news.tsv", 4, "no title"),
        ("news.tsv", 5, "not valid UTF-8 at byte 3"),
        ("behaviors.tsv", 1, "unreadable time 'noon'; expected 11/12/2019 2:14:46 PM"),
        ("behaviors.tsv", 3, "shown item 'N2' without -0 or -1 (the test part of MIND tells no clicks)"),
        ("behaviors.tsv", 4, "nothing was shown"),
        ("behaviors.tsv", 5, "no reader"),
        ("behaviors.tsv", 6, "1 columns, expected 5"),
    ]
    assert bad.report.superseded == 1
    assert bad.report.read == bad.report.accepted + bad.report.superseded + len(bad.report.rejected)


@pytest.mark.parametrize("missing", ["news.tsv", "behaviors.tsv"])
def test_without_its_files_mind_says_where_it_is(tmp_path: Path, missing: str) -> None:
    (_mind(tmp_path) / missing).unlink()
    with pytest.raises(InputError, match=rf"no {missing} in .*https://msnews.github.io/ .*research only"):
        read_mind(tmp_path)


def test_a_log_among_the_articles_of_an_archive() -> None:
    rows = [
        {"source": "a", "shown": ["b", "gone", "c"], "clicked": ["c", "gone"]},
        {"source": "gone", "shown": ["a", "b"], "clicked": ["a"]},
        {"source": "b", "shown": ["a", "gone"], "clicked": ["a"]},
        {"source": "c", "shown": ["b", "a"], "clicked": []},
        {"source": None, "shown": ["b", "a"], "clicked": ["a"]},
    ]
    kept = ClickLog.of(rows).among(["a", "b", "c"]).table.select(["source", "shown", "clicked"]).to_pylist()
    assert kept == [
        {"source": "a", "shown": ["b", "c"], "clicked": ["c"]},
        {"source": "c", "shown": ["b", "a"], "clicked": []},
    ]
    assert ClickLog.of(rows).among(["a", "b", "c", "gone"]).table["source"].to_pylist() == ["a", "gone", "b", "c"]
    assert not len(ClickLog.of(rows).among([]))


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.lists(st.sampled_from("abcdef"), unique=True, min_size=1)), min_size=1
    )
)
def test_among_is_what_plain_python_keeps(lists: list[tuple[str, list[str]]]) -> None:
    log = ClickLog.of({"source": a, "shown": shown, "clicked": shown[1:2]} for a, shown in lists)
    known = set("abe")
    found = log.among(known).table.select(["source", "shown", "clicked"]).to_pylist()
    plain = [(a, [i for i in shown if i in known], [i for i in shown[1:2] if i in known]) for a, shown in lists]
    assert [tuple(row.values()) for row in found] == [one for one in plain if one[0] in known and len(one[1]) >= 2]
