"""Input made to do harm: nothing leaves its folder, nothing runs, limits are told, good rows stay where they are."""

from __future__ import annotations

import ast
import contextlib
import csv
import gzip
import io
import shutil
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

import recommender
from benchmarks.common import cell
from recommender import PublishedLists, Recommender, Rules, Settings, SettingsError, SnapshotError
from recommender.cli.app import main
from recommender.errors import InputError, RecommenderError
from recommender.evaluation import ClickLog, evaluate, own_set
from recommender.evaluation.data.judgments import read_judgments
from recommender.evaluation.report.write import write_report
from recommender.jobs.precompute import precompute
from recommender.jobs.purge import purge
from recommender.preview import write_preview
from recommender.preview.site import page_name
from recommender.publishing import open_publisher
from recommender.reading.read import read_articles
from recommender.reading.report import ReadReport
from recommender.settings import ReadingSettings
from tests.conftest import Visit
from tests.publishing.test_places import FORMATS, format_of, place_of
from tests.support.checkerboard import checkerboard

TFIDF = Settings.of(
    {"embedding": {"model": "tfidf"}, "selection": {"related_at": 0.05, "fill": (), "k": 3, "reserves": 2}}
)
ATTACK = (
    "<img src=x onerror=pwned=1><script>pwned=1</script>\u2028</script><svg onload=pwned=1>"
    "\x1b[2J\x9b2J\u202e\"'{{7*7}}${7*7}"
)
IDS = [
    "../../escape",
    "/etc/passwd",
    "..\\..\\escape",
    "a/../../b",
    "CON",
    ".",
    "..",
    "-rf",
    "*",
    "x" * 1_000,
    "pаypal",  # a Cyrillic letter
    "paypal",
    "fi",
    "\u202egnp.exe",
    "a\nb\r\nc",
    "\x1b]0;owned\x07",
    "'; DROP TABLE recommender_lists; --",
    '"; DELETE FROM recommender_items; --',
    "%s %(id)s :id ? {0}",
    "=cmd|' /C calc'!A0",
    "</script><script>pwned=1</script>",
    'x","article_id":"t0-s0',
]


def hostile_stories() -> list[dict[str, Any]]:
    words = ("harbour ferry captain", "opera tenor soprano")
    return [
        {
            "id": name,
            "title": f"{words[n % 2]} {n}",
            "body": f"{words[n % 2]} number{n}",
            "published_at": f"2020-01-{n + 1:02d}",
        }
        for n, name in enumerate(IDS)
    ]


# -- readers ----------------------------------------------------------------------------------


def sound(read: Callable[[], Any]) -> Any:
    """What a reader gives, or the error of ours that it ends with; anything else fails the test."""
    try:
        return read()
    except RecommenderError as error:
        return error


def counted(report: ReadReport) -> bool:
    whole_files = sum(row.line == 0 for row in report.rejected)
    return (
        report.read
        == report.accepted + report.superseded + report.unpublished.total() + len(report.rejected) - whole_files
    )


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(
        ["2026-13-45", "0001-01-01", "9999-12-31T23:59:59Z", "1e999", "9" * 5_000, "=1+1", "\ufeff", "\x00"]
    )
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
NAMES = (
    "id",
    "title",
    "body",
    "tags",
    "published_at",
    "updated_at",
    "access",
    "kind",
    "extra",
    "url",
    "author",
    "",
    "ID",
)
rows = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), values, max_size=8)


def told(row: dict[str, Any]) -> bytes:
    """A row as JSON, or what a broken writer makes of it."""
    try:
        return orjson.dumps(row)
    except (TypeError, orjson.JSONEncodeError):
        return repr(row).encode(errors="surrogatepass")


GOOD = b'{"id": "%s", "title": "Good"}'
lines = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"")),
    rows.map(told).map(lambda data: data.replace(b"\n", b"")),
    st.integers(1, 3_000).map(lambda depth: b'{"id":1,"title":"t","extra":' + b"[" * depth + b"]" * depth + b"}"),
)


@settings(max_examples=25)
@given(bad=st.lists(lines, max_size=5))
@example(bad=[b"\xef\xbb\xbf{}", b"\xff\xfe", b"{", b'{"id":"\\ud800","title":"t"}', b"NaN", b'{"id":NaN}'])
def test_good_rows_stand_whatever_is_between_them(bad: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.jsonl"
    path.write_bytes(b"\n".join([GOOD % b"first-good", *bad, GOOD % b"last-good"]))
    table, report = read_articles(path)
    assert {"first-good", "last-good"} <= set(table["id"].to_pylist())
    assert counted(report)
    assert all(row.line <= len(bad) + 2 for row in report.rejected)
    assert report.rejected_jsonl().count(b"\n") == len(report.rejected)


@settings(max_examples=25)
@given(
    data=st.binary(max_size=200), name=st.sampled_from(["csv", "tsv", "csv.gz", "jsonl.zst", "parquet", "parquet.gz"])
)
def test_any_bytes_are_rows_or_reasons(data: bytes, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz.{name}"
    head = b"id,title\ngood,Good\n" if name == "csv" else b""
    path.write_bytes(head + data)
    table, report = read_articles(path)
    assert counted(report)
    if head and b'"' not in data[:1]:
        assert "good" in table["id"].to_pylist()
    for read in (read_judgments, ClickLog.read):
        found = sound(lambda read=read: read(path))
        assert not isinstance(found, InputError) or "fuzz" in str(found)


@settings(max_examples=25)
@given(raw=st.lists(rows, max_size=4))
def test_rows_in_memory_are_rows_or_reasons(raw: list[dict[str, Any]]) -> None:
    _, report = read_articles(raw)
    assert counted(report)
    _, report = ClickLog.read(raw)
    assert counted(report)


def whole_parquet(path: Path) -> bytes:
    tags = [["a", "b"], None] * 50
    table = pa.table({"id": [f"s{n}" for n in range(100)], "title": ["Ferry"] * 100, "tags": tags})
    pq.write_table(table, path, compression="none")
    return path.read_bytes()


@settings(max_examples=25)
@given(where=st.floats(0, 1), byte=st.integers(1, 255), cut=st.booleans())
def test_damaged_parquet_is_rows_or_reasons(
    where: float, byte: int, cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    data = bytearray(whole_parquet(path))
    at = min(int(where * len(data)), len(data) - 1)
    if cut:
        del data[at:]
    data[at : at + 1] = bytes([data[at] ^ byte]) if at < len(data) else b""
    path.write_bytes(data)
    _, report = read_articles(path)
    assert counted(report)


@pytest.mark.parametrize("zone", ["Nonsense/Zone", "../../etc/passwd", ""])
def test_a_column_with_a_time_zone_that_is_none(tmp_path: Path, zone: str) -> None:
    moments = pa.array([0, None], pa.timestamp("us", tz=zone))
    pq.write_table(pa.table({"id": ["a", "b"], "title": ["t", "t"], "published_at": moments}), tmp_path / "a.parquet")
    _, report = read_articles(tmp_path / "a.parquet")
    assert counted(report)


# -- bombs ------------------------------------------------------------------------------------

SMALL = ReadingSettings(max_line_bytes=20_000, max_expansion=3)


@pytest.mark.parametrize("fill", [b"\n", b"x", b'{"id":1}\n', b"a\n", b'"\n",'], ids=repr)
@pytest.mark.parametrize("name", ["jsonl.gz", "jsonl.zst", "csv.gz", "csv.zst"])
def test_a_bomb_is_not_unpacked_beyond_its_limit(tmp_path: Path, name: str, fill: bytes) -> None:
    data = b"id,title\n" * ("csv" in name) + GOOD % b"a" * ("jsonl" in name) + b"\n" + fill * (4_000_000 // len(fill))
    packed = gzip.compress(data, 1) if name.endswith("gz") else zstandard.ZstdCompressor().compress(data)
    path = tmp_path / f"bomb.{name}"
    path.write_bytes(packed)
    allowed = 3 * len(packed) + 20_000
    table, report = read_articles(path, settings=SMALL)
    assert len(table) <= 2
    assert report.read <= allowed
    assert any("reading.max_" in row.reason for row in report.rejected)
    assert "the rows before it were kept" in report.rejected[-1].reason or fill == b"x"


def test_real_archives_are_not_taken_for_bombs(tmp_path: Path) -> None:
    table = b"".join(orjson.dumps(story) + b"\n" for story in checkerboard(500))
    for name, data in (("a.jsonl.gz", gzip.compress(table)), ("a.jsonl.zst", zstandard.compress(table))):
        (tmp_path / name).write_bytes(data)
        _, report = read_articles(tmp_path / name)
        assert (report.accepted, report.rejected) == (2_000, [])


def test_a_parquet_dictionary_does_not_become_as_many_copies(tmp_path: Path) -> None:
    limits = ReadingSettings(max_line_bytes=4_000_000, max_expansion=20)
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 3_000, pa.int32()), pa.array(["x" * 2_000_000]))
    many = pa.array([["y" * 100_000] * 20] * 10)
    ids = pa.array([str(n) for n in range(3_000)])
    for name, columns in (
        ("body", {"id": ids, "title": ids, "body": long}),
        ("tags", {"id": ids[:10], "title": ids[:10], "tags": many}),
    ):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet", compression="zstd", store_schema=False)
        assert (tmp_path / f"{name}.parquet").stat().st_size < 60_000
        before = pa.default_memory_pool().max_memory()
        table, report = read_articles(tmp_path / f"{name}.parquet", settings=limits)
        assert pa.default_memory_pool().max_memory() - before < 60 << 20
        assert len(table) == 2  # what is beyond the limits costs itself alone
        assert not any(table["tags"].to_pylist())
        assert "reading.max_expansion" in report.rejected[-1].reason


def test_parquet_with_dictionaries_reads_as_without(tmp_path: Path) -> None:
    stories = [{**story, "tags": [story["section"], "news"]} for story in checkerboard(40)]
    for use in (True, False):
        pq.write_table(pa.Table.from_pylist(stories), tmp_path / f"{use}.parquet", use_dictionary=use)
    read = [read_articles(tmp_path / f"{use}.parquet")[0] for use in (True, False)]
    assert read[0].equals(read[1])
    assert len(read[0]) == 160


def test_a_file_of_nothing_but_bad_rows_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(b"1\n" * 60)
    with pytest.raises(InputError, match=r"news\.jsonl, line 51: .*reading\.max_rejected"):
        read_articles(path, settings=ReadingSettings(max_rejected=50))


def test_a_title_that_lists_would_repeat_is_limited() -> None:
    table, report = read_articles([{"id": 1, "title": "t" * 10_001}])
    assert table["title"].to_pylist() == ["t" * 10_000]
    assert "(reading.max_field_chars)" in report.notes.lines()[0]


@pytest.mark.parametrize(
    ("field", "value"), [("url", "u" * 10_001), ("section", "s" * 10_001), ("tags", ["t" * 10_001])]
)
def test_a_field_that_lists_would_repeat_is_limited(field: str, value: Any) -> None:
    table, report = read_articles([{"id": 1, "title": "t", field: value}])
    assert table[field].to_pylist() in ([None], [[]])
    assert report.notes.counts.total() == 1


def test_a_time_of_many_characters_takes_no_time() -> None:
    start = time.process_time()
    table, report = read_articles([{"id": 1, "title": "t", "published_at": "1" + " " * 1_000_000 + "1"}])
    assert table["published_at"].to_pylist() == [None]
    assert report.notes.counts.total() == 1
    assert time.process_time() - start < 2


def test_the_click_log_of_a_list_of_all_stories_takes_no_time() -> None:
    names = [str(n) for n in range(30_000)]
    start = time.process_time()
    log, report = ClickLog.read([{"shown": names, "clicked": names}, {"shown": [*names, names[-1]], "clicked": []}])
    assert (len(log), report.rejected[0].reason) == (1, "'29999' is shown twice")
    assert time.process_time() - start < 3


# -- rules, settings, judgments ---------------------------------------------------------------


@settings(max_examples=25)
@given(
    data=st.binary(max_size=80) | st.text(max_size=80).map(lambda t: t.encode(errors="replace")), kind=st.integers(0, 3)
)
@example(data=b"x = " + b"[" * 5_000, kind=0)
@example(data=b"no_list = [0x" + b"f" * 6_000 + b"]", kind=0)
@example(data=b"k = " + b"1" * 5_000, kind=3)
@example(data=b"[selection]\nk = 1000000000", kind=3)
@example(data=b"[ranking]\nhalf_life_days = nan", kind=3)
@example(data=b'{"pins": ' + b"[" * 900 + b"]" * 900 + b"}", kind=1)
@example(data=b"rule,value\nevergreen_slots," + b"1" * 5_000, kind=2)
@example(data=b'pins = [{story = "a", item = "b", position = 9223372036854775808}]', kind=0)
@example(data=b".".join([b"a"] * 2_000) + b" = 1", kind=0)
def test_rules_and_settings_are_read_or_refused(
    data: bytes, kind: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz-{kind}.{('toml', 'json', 'csv', 'toml')[kind]}"
    path.write_bytes(data)
    found = sound(lambda: Settings.from_toml(path) if kind == 3 else Rules.read(path))
    if isinstance(found, RecommenderError):
        assert isinstance(found, SettingsError)
        assert str(path) in str(found)
        assert len(str(found)) < 20_000


@settings(max_examples=30)
@given(given_rules=st.dictionaries(st.sampled_from([*Rules.model_fields, "other"]), values, max_size=3))
def test_rules_of_anything_are_rules_or_refused(given_rules: dict[str, Any]) -> None:
    assert isinstance(sound(lambda: Rules.of(given_rules)), Rules | SettingsError)


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(?:\w*)*x", r"(a|aa)+$", r"((ab)?c*)*d", r"(?:a{1,9}){2,}b", r"(a?){30}a{30}"]
)
def test_a_title_expression_that_may_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(SettingsError, match="may take for ever"):
        Rules.of({"series": [{"name": "n", "title": pattern}]})


@pytest.mark.parametrize(
    "pattern", [r"^Markets? at (noon|close), \d+", r"\(live\)+", r"[(+*|]+", r"(?:\d\d)+", r"(?i)quiz.*$"]
)
def test_other_title_expressions_are_not(pattern: str) -> None:
    assert Rules.of({"series": [{"name": "n", "title": pattern}]}).series[0].title == pattern


def test_a_slow_title_expression_looks_at_the_start_of_a_title_alone() -> None:
    rules = Rules.of({"series": [{"name": "n", "title": ".*.*=$"}]})
    start = time.process_time()
    stories = [{"id": n, "title": "a" * 9_000, "body": f"harbour ferry {n}"} for n in range(2)]
    assert len(Recommender(TFIDF, rules=rules).fit(stories).catalog) == 2
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    "data",
    [
        "a,b,grade,votes\nx,y,1,99999999999999999999",
        "a,b,grade,votes\nx,y,1,-1",
        "a,b,grade\nx,y,1e308",
        "a,b,grade\nx,y,inf",
        "a,b,grade\nx,x,1",
        "story,item,grade\nx,y,nan",
        "a,b\nx,y",
        "",
    ],
)
def test_judgments_that_cannot_be_used_are_refused_with_the_file(tmp_path: Path, data: str) -> None:
    path = tmp_path / "judged.csv"
    path.write_text(data)
    with pytest.raises(InputError, match=r"judged\.csv"):
        read_judgments(path)


@settings(max_examples=30)
@given(
    data=st.binary(max_size=80) | st.lists(st.text("ab0 19.-e\n\t", max_size=12)).map(lambda t: " ".join(t).encode())
)
def test_qrels_are_read_or_refused(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.qrels"
    path.write_bytes(data)
    found = sound(lambda: read_judgments(path))
    assert not isinstance(found, RecommenderError) or "fuzz.qrels" in str(found)


# -- snapshots and published lists ------------------------------------------------------------


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published lists in both formats and a snapshot."""
    root = tmp_path_factory.mktemp("places")
    precompute(checkerboard(12), root / "jsonl", settings=TFIDF, archive=root / "snapshot")
    precompute(checkerboard(12), root / "parquet", settings=TFIDF, format="parquet")
    return root


def forged(places: Path, root: Path, kind: str, forge: Callable[[Path, dict[str, Any]], Any]) -> Path:
    """A copy in which someone altered files or the manifest, with checksums that are right again."""
    place = root / kind
    shutil.copytree(places / kind, place)
    (folder,) = (place / "versions").iterdir()
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    forge(folder, manifest)
    for name in manifest["files"] if isinstance(manifest.get("files"), dict) else ():
        path = folder / name
        if path.is_file() and isinstance(manifest["files"][name], dict):
            manifest["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256(path.read_bytes()).hexdigest()}
    data = manifest.pop("raw", None) or orjson.dumps(manifest)
    (folder / "manifest.json").write_bytes(data)
    pointer = {"folder": folder.name, "manifest_sha256": sha256(data).hexdigest()}
    (place / "CURRENT").write_bytes(orjson.dumps(pointer))
    return place


def saves(name: str, array: Any, pickled: bool = False) -> Callable[[Path, dict[str, Any]], None]:
    return lambda folder, _: np.save(folder / name, array, allow_pickle=pickled)


class Payload:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, ("/tmp/never-made-by-a-snapshot", "w")


def sets(**values: Any) -> Callable[[Path, dict[str, Any]], None]:
    return lambda _, manifest: manifest.update(values)


def names_outside(folder: Path, manifest: dict[str, Any]) -> None:
    (folder.parent / "outside").write_bytes(b"secret")
    manifest["files"]["../outside"] = {"bytes": 6, "sha256": sha256(b"secret").hexdigest()}


def links(folder: Path, manifest: dict[str, Any]) -> None:
    name = min(manifest["files"])
    moved = (folder / name).rename(folder.parent / "moved")
    (folder / name).symlink_to(moved)


def beyond_the_end(name: str) -> Callable[[Path, dict[str, Any]], None]:
    def forge(folder: Path, _: dict[str, Any]) -> None:
        data = (folder / name).read_bytes()
        shape = data.index(b"(") + 1
        (folder / name).write_bytes(data[:shape] + b"9" + data[shape + 1 :])

    return forge


FORGED: dict[str, tuple[str, Callable[[Path, dict[str, Any]], Any]]] = {
    "a pickle": ("snapshot", saves("vectors.npy", np.array([Payload()], dtype=object), pickled=True)),
    "a pickled mask": ("snapshot", saves("alive.npy", np.array([Payload()] * 48, dtype=object), pickled=True)),
    "floats for vectors": ("snapshot", saves("vectors.npy", np.zeros((48, 8)))),
    "vectors of too few rows": ("snapshot", saves("vectors.npy", np.zeros((3, 8), np.int16))),
    "vectors without dimension": ("snapshot", saves("vectors.npy", np.zeros(48, np.int16))),
    "words beyond the vocabulary": ("snapshot", saves("search.words.npy", np.full((48, 64), 1 << 30, np.int32))),
    "words of another number than weights": ("snapshot", saves("search.words.npy", np.zeros((48, 3), np.int32))),
    "more rows than the file": ("snapshot", beyond_the_end("search.words.npy")),
    "terms beyond the vocabulary": ("snapshot", saves("terms.indices.npy", np.full(9_999, 1 << 30, np.int32))),
    "terms before the first": ("snapshot", saves("terms.indptr.npy", np.array([0, -5, *[0] * 47], np.int32))),
    "pools of rows that are none": ("snapshot", saves("pools.rows.npy", np.full((48, 144), 1 << 30, np.int32))),
    "pools of few stories": ("snapshot", saves("pools.rows.npy", np.zeros((2, 144), np.int32))),
    "derived columns of text": ("snapshot", saves("derived.id_rank.npy", np.array(["x"] * 48))),
    "a base beyond the rows": ("snapshot", sets(base=10**9)),
    "a negative base": ("snapshot", sets(base=-1)),
    "no settings": ("snapshot", sets(settings=None)),
    "pools that are a text": ("snapshot", sets(pools="x")),
    "an index that is not there": ("snapshot", sets(index={"kind": "HNSW32"})),
    "articles of another schema": (
        "snapshot",
        lambda folder, _: pa.ipc.new_file(str(folder / "articles.arrow"), pa.schema([("id", pa.string())])).close(),
    ),
    "an index of lists of another schema": (
        "jsonl",
        lambda folder, _: pa.ipc.new_file(str(folder / "index.arrow"), pa.schema([("id", pa.string())])).close(),
    ),
    "files outside": ("snapshot", names_outside),
    "lists outside": ("jsonl", names_outside),
    "a link": ("jsonl", links),
    "a format of lists that is a path": ("jsonl", sets(format_of_lists="../../x")),
    "a format that is a text": ("parquet", sets(format="1")),
    "files that are a list": ("jsonl", sets(files=["lists.jsonl"])),
    "a manifest that is a list": ("jsonl", sets(raw=b"[1]")),
    "a manifest that is no JSON": ("snapshot", sets(raw=b"\xff{")),
    "no index in the manifest": ("jsonl", lambda _, manifest: manifest["files"].pop("index.arrow")),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_version_is_refused_and_runs_nothing(places: Path, tmp_path: Path, what: str) -> None:
    kind, forge = FORGED[what]
    place = forged(places, tmp_path, kind, forge)
    with pytest.raises(SnapshotError) as told:
        Recommender.load(place) if kind == "snapshot" else PublishedLists.open(place)
    assert str(place) in str(told.value)
    assert not Path("/tmp/never-made-by-a-snapshot").exists()


ACROSS_A_CLUSTER = ("ray.py", "shards.py")  # their nodes tell one another through Ray, which pickles by itself


def test_nothing_from_a_file_is_unpickled_or_run() -> None:
    for path in sorted(Path(recommender.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            given_options = {one.arg: ast.unparse(one.value) for one in node.keywords} if name else {}
            assert given_options.get("allow_pickle", "False") == "False", path
            assert name not in ("eval", "exec", "pickle.load", "os.system", "yaml.load"), path
            assert name != "pickle.loads" or path.name in ACROSS_A_CLUSTER, path
            assert "shell" not in given_options, path


# -- ids, SQL, folders ------------------------------------------------------------------------


def below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


@pytest.mark.parametrize("format", FORMATS)
def test_ids_are_names_of_nothing_but_stories(format: str, tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    place = place_of(inside, format)
    loose = {"selection.series_limit": False, "selection.same_report_hours": None, "selection.repeat_hours": None}
    settings = TFIDF.override(loose)
    precompute(hostile_stories(), place, settings=settings, format=format_of(format), archive=inside / "snapshot")
    lists = PublishedLists.open(place)
    assert sorted(lists.ids()) == sorted(IDS)
    for name in IDS:
        found = lists.get(name)
        assert found.items
        assert {item.article_id for item in found.items} <= set(IDS) - {name}
        assert [one["article_id"] for one in orjson.loads(lists.json(name))["items"]] == [i.article_id for i in found]
    write_preview(lists, inside / "site", archive=inside / "snapshot")
    assert {path.stem for path in (inside / "site" / "stories").iterdir()} == set(map(page_name, IDS))
    for name in IDS[:-2]:
        assert lists.withdraw(name) == 1
        assert lists.get(name).status == "withdrawn"
    lists.block(IDS[-1], story=IDS[-2])
    assert sorted(PublishedLists.open(place).ids()) == sorted(IDS[-2:])
    for where in (place, inside / "snapshot"):
        purge(where, IDS[:3])
    for name in ("", "\udcff", "\ud800x", "a\x00b", "no' OR '1'='1"):
        assert PublishedLists.open(place).get(name).status == "unknown"
    for name in ("\udcff", "\ud800x"):
        with pytest.raises(SettingsError, match="not valid UTF-8"):
            lists.withdraw(name)
    top = {path.partition("/")[0] for path in below(inside)}
    assert top <= {"out", "snapshot", "site", "lists.db", "lists.db-wal", "lists.db-shm"}
    assert below(tmp_path) == {"a", "a/b", "a/b/c"} | {f"a/b/c/{path}" for path in below(inside)}
    others = [path for path in below(inside) if not path.startswith("site/stories/")]
    outside = {path for path in others if any(mark in path for mark in ("escape", "passwd", "x" * 50, "paypal"))}
    assert outside == set()


def test_an_overlay_follows_what_was_undone_and_does_not_repeat_itself(tmp_path: Path) -> None:
    for place in (str(tmp_path / "out"), f"sqlite:///{tmp_path}/lists.db"):
        overlay, own = open_publisher(place).overlay, open_publisher(tmp_path / f"own{place[:3]}").overlay
        own.record("withdraw", ["own"])
        for number in range(50):
            overlay.record("withdraw", [f"s{number}"])
            overlay.record("block", [("item", f"s{number}")])
            own.adopt(overlay)
        overlay.record("restore", ["s7"])
        overlay.record("unblock", [("item", "s7")])
        own.adopt(overlay)
        assert own.withdrawn == overlay.withdrawn | {"own"}
        assert own.blocked == overlay.blocked
        assert own.path is not None
        assert own.path.stat().st_size < 50 * 200


# -- text on its way out ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *((f"{start}1+cmd", f"'{start}1+cmd") for start in "=+-@\t\r"),
        ("-12.5", "-12.5"),
        ("+3e5", "+3e5"),
        (-4, -4),
        ("ferry", "ferry"),
    ],
)
def test_cells_that_a_spreadsheet_would_compute_are_text(value: object, written: object) -> None:
    assert cell(value) == written


def test_csv_is_written_nowhere_but_through_those_cells() -> None:
    root = Path(recommender.__file__).parent
    writers = ("csv.writer", "csv.DictWriter", "to_csv", "write_csv", "savetxt")
    for path in sorted(root.rglob("*.py")):
        assert not any(name in path.read_text(encoding="utf-8") for name in writers), path
    for path in sorted((root.parent / "benchmarks").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert ("csv.writer(" in text) <= ("map(cell, " in text), path


FIELDS = ("title", "lead", "section", "author", "source", "url", "image_url", "sensitivity", "kind", "canonical_id")


def attacked(folder: Path) -> Path:
    """A file of stories that hold an attack in every field, and articles around them."""
    rows = [{**story, "section": ATTACK} for story in checkerboard(6)]
    for number, field in enumerate((*FIELDS, "body", "tags", "id", "extra")):
        story = {**checkerboard(1)[0], "id": f"attack-{number}", "body": f"harbour ferry captain own{number}"}
        value: Any = f"{ATTACK} {story.get(field, '')} {number}"
        value = [value] if field == "tags" else {value: value} if field == "extra" else value
        rows.append({**story, field: value})
    urls = ("javascript:pwned=1", "data:text/html,<script>pwned=1</script>", " jAvAsCrIpT:pwned=1", "https://a/\x1b[2J")
    rows += [
        {**checkerboard(1)[0], "id": f"url-{n}", "url": url, "body": f"harbour ferry captain url{n}"}
        for n, url in enumerate(urls)
    ]
    path = folder / "news.jsonl"
    # as it would stand in a field of text: tags that a reader must not take for markup, and those that it must
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def run(*arguments: object) -> tuple[int, str, str]:
    """The command line in this process: status, output, errors."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr("sys.argv", ["recommender", *map(str, arguments)])
        patch.setattr("warnings.showwarning", lambda *_, **__: None)
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def quiet(text: str) -> bool:
    """Whether a terminal would only show it."""
    return all(char.isprintable() or char == "\n" for char in text)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacked")
    path = attacked(folder)
    rules = folder / "rules.json"
    pins = [{"story": "t0-s0", "item": "attack-0", "by": ATTACK}]
    rules.write_bytes(
        orjson.dumps({"pins": pins, "no_list": [ATTACK], "boosts": [{"by": "tag", "value": ATTACK, "factor": 2}]})
    )
    arguments = ("precompute", path, "--lists", folder / "out", "--archive", folder / "snapshot", "--rules", rules)
    status, out, err = run(*arguments, "--model", "tfidf", "--set", "selection.related_at=0.05")
    assert status == 0, err
    assert quiet(out + err)
    assert ATTACK[:20] in out  # a finding of the rules
    return folder


@pytest.mark.filterwarnings("ignore:no story has the id")
def test_nothing_reaches_a_terminal_but_text(published: Path) -> None:
    out, snapshot = published / "out", published / "snapshot"
    shown = 0
    for place in (("--lists", out), ("--archive", snapshot)):
        status, told, err = run("recommend", "t0-s0", "attack-0", "attack-2", *place)
        assert (status, err) == (0, "")
        assert quiet(told)
        shown += "[2J" in told
        status, told, _ = run("recommend", "t0-s0", *place, "--json")
        assert quiet(told)
        assert told.count("\n") == 1
        assert "attack-0" in {item["article_id"] for item in orjson.loads(told)["items"]}
        assert any("\x1b" in item["title"] + (item["section"] or "") for item in orjson.loads(told)["items"])
    assert shown == 2
    for arguments in (
        ("info", "--lists", out),
        ("info", "--archive", snapshot),
        ("rules", published / "rules.json", "--lists", out),
        ("recommend", "\x1b[2Jno\nerror: such", "--lists", out),
        ("withdraw", "\udcff", "--lists", out),
        ("precompute", published / "news.jsonl", "--lists", published / "x", "--column", "title=\x1b[2J"),
        ("precompute", published / "\x1b[2J.jsonl", "--lists", published / "x"),
    ):
        status, told, err = run(*arguments)
        assert quiet(told + err), arguments
        assert "Traceback" not in err
        assert err.count("\n") <= 1
        assert status in (0, 1, 2)


def test_json_for_programs_keeps_its_value(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from recommender.cli.display import print_json

    value = {"a": "é\x9b\u202e\U000e0001\x7f 🦊"}
    print_json(orjson.dumps(value))
    told = capsys.readouterr().out
    assert quiet(told)
    assert orjson.loads(told) == value


def test_no_field_runs_in_a_page(published: Path, visit: Visit) -> None:
    lists = PublishedLists.open(published / "out")
    write_preview(lists, published / "site", archive=published / "snapshot", ids=["t0-s0", "attack-0", "attack-1"])
    judged = published / "pairs.csv"
    with judged.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerows([["a", "b", "grade"], ["t0-s0", "attack-0", 2], ["t0-s1", "attack-2", 1], ["t1-s0", "t1-s1", 1]])
    found = evaluate(["tfidf", "recent"], own_set(published / "news.jsonl", judged, name=ATTACK))
    write_report([found], published / "report", settings={ATTACK: ATTACK})
    pages = [published / "site" / "index.html", *sorted((published / "site" / "stories").iterdir())]
    page = visit.page
    for path in (*pages, published / "report" / "report.html"):
        page.goto(path.as_uri())
        assert page.evaluate("typeof pwned") == "undefined", path
        assert page.locator("img, iframe, object, embed, [onerror], [onload], svg[onload]").count() == 0, path
        links = page.eval_on_selector_all("[href], [src], [action]", "all => all.map(e => e.href || e.src || e.action)")
        assert not [one for one in links if isinstance(one, str) and not one.startswith(("file:", "http:", "https:"))]
        assert "49" not in page.title()
    page.goto(pages[0].as_uri())
    page.keyboard.press("/")
    page.keyboard.type("harbour")
    page.locator("#results li").first.wait_for()
    assert page.evaluate("typeof pwned") == "undefined"
    assert page.locator("#results img, #results script, #results svg").count() == 0
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith("file:")] == []
