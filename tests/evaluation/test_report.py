"""Reports of evaluations: the same figures in all three files, and nothing but the files."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import InputError, PublishError
from recommender.evaluation.report import plots, write
from recommender.evaluation.report.tables import summary_table
from recommender.evaluation.report.wording import MARKS, PARTS, number, p_value, signed, verdict
from recommender.evaluation.report.write import MEANINGS, to_html, to_markdown, write_report
from recommender.evaluation.results import Comparison, Evaluation, Example, SystemResult
from recommender.statistics import Estimate, short
from tests.conftest import Visit
from tests.support.colours import stands_out

NAN = float("nan")
MEASURES = ("nDCG@5", "P@5", "Judged@5")
HOSTILE = (
    "<script>pwned = 1</script>",
    '"><img src=http://evil.example/x onerror=pwned=1>',
    "عنوان عربي טכסט \u202e evil",
    "🦊 fox | pipe `tick` [link](javascript:pwned=1) *star*\n# heading",
    "",
)
SETTINGS = {"k": 5, "seed": 1, "bootstrap": {"resamples": 1000}, "path": Path("a/b"), "share": NAN}


def estimate(rng: np.random.Generator) -> Estimate:
    value, half = rng.uniform(0.2, 0.9), rng.uniform(0.01, 0.09)
    return Estimate(value, value - half, value + half)


def evaluation(
    systems: int = 4,
    stories: int = 40,
    *,
    seed: int = 0,
    parts: tuple[Any, ...] = ("relevance", "list"),
    titles: tuple[str, ...] = ("A plain title",),
    verdicts: tuple[str, ...] = ("better", "worse", "no loss", "not shown", "identical", "undecided"),
    name: str = "cnrec",
    examples: int = 5,
) -> Evaluation:
    """A made-up evaluation of so many systems; the second is the baseline, or the only one."""
    rng = np.random.default_rng(seed)
    names = ["default", "tfidf", "bm25", "random"][:systems] + [f"system-{i}" for i in range(4, systems)]
    baseline = names[min(1, systems - 1)]
    measures = {part: ("AUC", "Spearman") if part == "pairs" else MEASURES for part in parts}
    ranked = [part for part in parts if part != "pairs"]
    results = tuple(
        SystemResult(
            system=system,
            about=f"About {system}",
            figures={part: {measure: estimate(rng) for measure in measures[part]} for part in parts},
            condensed={part: {measure: estimate(rng) for measure in MEASURES[:2]} for part in ranked},
            per_story={part: {m: rng.integers(0, 5, stories) / 4 for m in MEASURES} for part in ranked},
            quality={"distance": rng.uniform(0.2, 0.8), "exposure of the top 100": 123.456, "undated": NAN},
            safety={"hidden items": 0, "items from the future": 0},
            unanswered=i,
            items=4.9,
            seconds_fit=12.345,
            seconds_story=0.0123 * 10**i if i < 4 else rng.uniform(0.001, 1),
            ages_days=rng.exponential(60, stories * 5),
        )
        for i, system in enumerate(names)
    )
    comparisons = []
    for i, system in enumerate(one for one in names if one != baseline):
        for part in parts:
            for j, measure in enumerate(measures[part]):
                value = 0.0214 - 0.011 * i
                wins, ties, losses = (0, 0, 0) if part == "pairs" else (20, 15, 5)
                comparisons.append(
                    Comparison(
                        part=part,
                        measure=measure,
                        system=system,
                        baseline=baseline,
                        difference=Estimate(value, value - 0.017, value + 0.017),
                        p=0.004 * (j + 1),
                        p_holm=0.0104 * (j + 1),
                        effect=0.3,
                        wins=wins,
                        ties=ties,
                        losses=losses,
                        verdict=verdicts[(i + j) % len(verdicts)],
                    )
                )

    def item(i: int) -> tuple[str, str, float | None]:
        return f"item-{i}", titles[i % len(titles)], (2.0, 0.0, None)[i % 3]

    shown = tuple(
        Example(
            f"story-{i}",
            titles[i % len(titles)],
            {system: 0.1 * j for j, system in enumerate(names)},
            {system: tuple(item(i + j + at) for at in range(5)) for j, system in enumerate(names)},
            (("wanted-1", titles[-1], 3.0),),
        )
        for i in range(examples if ranked else 0)
    )
    return Evaluation(
        name=name,
        about="Judged pairs of news stories.",
        licence="MIT",
        protocol="at_publication",
        k=5,
        relevant=1.0,
        headline=("pairs", "AUC") if not ranked else (ranked[-1], "nDCG@5"),
        stories=tuple(f"story-{i}" for i in range(stories if ranked else 0)),
        counts={"articles": 1234, "judged pairs": 5678, "groups": 31},
        notes=("Weak labels: a click is no judgment.",),
        systems=results,
        baseline=baseline,
        comparisons=tuple(comparisons),
        worst=shown,
        changed=shown[:2],
        stability=dict.fromkeys(names, 0.5),
    )


def void() -> Evaluation:
    """NaN wherever a float may stand, and no comparison with a verdict to tell."""
    nothing = Estimate(NAN, NAN, NAN)
    one = evaluation(2, 3)
    empty = np.full(3, NAN)
    systems = tuple(
        replace(
            result,
            figures={part: dict.fromkeys(found, nothing) for part, found in result.figures.items()},
            condensed={part: dict.fromkeys(found, nothing) for part, found in result.condensed.items()},
            per_story={part: dict.fromkeys(found, empty) for part, found in result.per_story.items()},
            quality=dict.fromkeys(result.quality, NAN),
            items=NAN,
            seconds_fit=NAN,
            seconds_story=NAN,
            ages_days=empty,
        )
        for result in one.systems
    )
    blank = {"difference": nothing, "p": NAN, "p_holm": NAN, "effect": NAN, "verdict": "not shown"}
    comparisons = tuple(replace(c, **blank) for c in one.comparisons)  # type: ignore[arg-type]
    values = tuple(replace(e, values=dict.fromkeys(e.values, NAN)) for e in one.worst)
    return replace(
        one,
        systems=systems,
        comparisons=comparisons,
        worst=values,
        changed=(),
        stability=dict.fromkeys(one.stability, NAN),
    )


CASES: Mapping[str, Evaluation] = {
    "one system": evaluation(1),
    "four systems": evaluation(4, parts=("relevance", "list", "pairs")),
    "pairs only": evaluation(3, parts=("pairs",)),
    "lists only": evaluation(2, parts=("list",)),
    "nothing but NaN": void(),
    "no comparisons": replace(evaluation(3), comparisons=(), worst=(), changed=(), notes=(), counts={}),
    "hostile": evaluation(3, titles=HOSTILE),
}
case = pytest.mark.parametrize("one", CASES.values(), ids=CASES.keys())


class Page(HTMLParser):
    """What a page would load, the cells of its tables, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self._label = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        self.references += given.get("aria-labelledby", "").split()
        for name in ("src", "href", "xlink:href", "srcset", "poster", "action", "data", "background"):
            if name in given:
                (self.references if given[name].startswith("#") else self.loads).append(given[name].lstrip("#"))
        self.references += re.findall(r"url\(#([^)]+)\)", " ".join(given.values()))
        assert not [name for name in given if name.startswith("on")]
        if given.get("role") == "region":
            self._label = given["aria-label"]
        elif tag == "table":
            self.tables[self._label] = []
        elif tag == "tr":
            self.tables[self._label].append([])
        elif tag in ("td", "th"):
            self.tables[self._label][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.open:
            raise AssertionError(f"</{tag}> closes nothing")
        while self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            # an interval and a mark stand in elements of their own
            cells = self.tables[self._label][-1]
            cells[-1] = f"{cells[-1]} {data.strip()}".strip()


_DRAWN: dict[tuple[int, ...], tuple[str, tuple[Evaluation, ...]]] = {}


def html(*evaluations: Evaluation) -> str:
    """Draw a page of these evaluations, once: they are held, so that no other gets the same id."""
    key = tuple(map(id, evaluations))
    if key not in _DRAWN:
        _DRAWN[key] = drawn(*evaluations), evaluations
    return _DRAWN[key][0]


def drawn(*evaluations: Evaluation) -> str:
    return to_html(evaluations, settings=SETTINGS)


def grid(one: Evaluation, title: str) -> dict[str, dict[str, str]]:
    """A table of the page by row and column; 'judged items only' goes with the row above it."""
    head, *rows = Page(html(one)).tables[title]
    found: dict[str, dict[str, str]] = {}
    last = ""
    for name, *cells in rows:
        last = name if name != "judged items only" else f"{last.partition(' (')[0]} ({name})"
        found[last] = dict(zip(head[1:], cells, strict=True))
    return found


def markdown_grid(text: str, title: str) -> dict[str, dict[str, str]]:
    block = text.split(f"### {title}\n\n")[1].split("\n\n")[0].splitlines()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block if line.startswith("|")]
    found: dict[str, dict[str, str]] = {}
    last = ""
    for name, *cells in (lines[0], *lines[2:]):
        last = name if not name.startswith("· ") else f"{last.partition(' (')[0]} ({name[2:]})"
        found[last] = dict(zip(lines[0][1:], cells, strict=True))
    return found


class TestFiles:
    @case
    def test_json_holds_every_value_and_no_nan(self, one: Evaluation, tmp_path: Path) -> None:
        paths = write_report([one, one], tmp_path / "new" / "folder", settings=SETTINGS)
        assert [path.name for path in paths] == ["report.html", "report.md", "report.json"]
        assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(path.name for path in paths)
        data = paths[2].read_bytes()
        held = orjson.loads(data)
        assert held["format"] == 1
        assert held["sets"] == [one.to_dict()] * 2
        assert held["settings"] == {
            "k": 5,
            "seed": 1,
            "bootstrap": {"resamples": 1000},
            "path": "a/b",
            "share": None,
        }
        assert not re.search(rb"\bNaN\b|Infinity", data)
        assert list(held["sets"][0]) == sorted(held["sets"][0])

    @case
    def test_same_input_same_bytes(self, one: Evaluation, tmp_path: Path) -> None:
        first, second = (
            [path.read_bytes() for path in write_report([one], tmp_path / name, settings=SETTINGS)] for name in "ab"
        )
        assert first == second

    def test_drawing_leaves_the_settings_of_matplotlib_alone(self) -> None:
        import matplotlib

        with matplotlib.rc_context({"svg.fonttype": "path", "axes.facecolor": "red"}):
            before = dict(matplotlib.rcParams)
            mine = drawn(CASES["four systems"])
            assert dict(matplotlib.rcParams) == before
        assert mine == drawn(CASES["four systems"])

    def test_a_crash_leaves_the_old_report_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_report([CASES["one system"]], tmp_path, settings={})
        old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        write_report([CASES["four systems"]], tmp_path / "other", settings={})
        new = {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()}
        shutil.rmtree(tmp_path / "other")
        move = os.replace
        for survivors in range(3):
            calls = iter(range(3))

            def crash(*paths: Any, calls: Iterator[int] = calls, survivors: int = survivors) -> None:
                if next(calls) == survivors:
                    raise KeyboardInterrupt
                move(*paths)

            with monkeypatch.context() as patch:
                patch.setattr(os, "replace", crash)
                with pytest.raises(KeyboardInterrupt):
                    write_report([CASES["four systems"]], tmp_path, settings={})
            held = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
            written = ["report.html", "report.md", "report.json"][:survivors]
            assert held == {name: new[name] if name in written else data for name, data in old.items()}
            write_report([CASES["one system"]], tmp_path, settings={})

    def test_nothing_is_written_when_a_file_cannot_be_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_report([CASES["one system"]], tmp_path, settings={})
        old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        monkeypatch.setattr(Evaluation, "to_dict", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_report([CASES["four systems"]], tmp_path, settings={})
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old

    def test_what_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="expected at least one"):
            write_report([], tmp_path, settings={})
        (tmp_path / "file").touch()
        with pytest.raises(PublishError, match="choose another folder"):
            write_report([CASES["one system"]], tmp_path / "file", settings={})


class TestPage:
    @case
    def test_nothing_is_loaded_and_every_reference_is_inside(self, one: Evaluation) -> None:
        text = html(one, one)
        page = Page(text)
        assert page.loads == []
        assert "@import" not in text
        assert set(re.findall(r"url\((.)", text)) <= {"#"}
        assert len(set(page.ids)) == len(page.ids)
        assert set(page.references) <= set(page.ids)
        assert "purl.org" not in text

    def test_hostile_text_stays_text(self) -> None:
        text = html(replace(CASES["hostile"], name=HOSTILE[0], about=HOSTILE[1], notes=HOSTILE))
        assert text.count("<script") == 1
        assert "<img" not in text
        assert "&lt;script&gt;pwned = 1&lt;/script&gt;" in text
        assert "\u202e" not in text.split("</header>")[1].split("Where ")[1]

    def test_hostile_systems_are_drawn_as_text(self) -> None:
        names = ["$x_1$ --> <script>pwned=1</script>", "🦊 ลิง عربي", 'a"b&c']
        rng = np.random.default_rng(3)
        made = [
            plots.against(
                [plots.Point(n, 0.5 + i, estimate(rng)) for i, n in enumerate(names)], names[0], x="x", y="y"
            ),
            plots.differences({name: rng.normal(size=9) for name in names}, what="$nDCG$"),
            plots.ages({name: rng.exponential(9, 9) for name in names}),
        ]
        for svg in made:
            assert svg is not None
            root = ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))
            words = " ".join(element.text or "" for element in root.iter("text"))
            assert "$x_1$ -->" in words
            assert "🦊 ลิง عربي" in words
            assert root.find("title") is not None
            assert 'a"b&c' in (root.findtext("desc") or "")

    def test_wide_and_long_evaluations_stay_light(self) -> None:
        large = evaluation(20, 2_000, examples=30)
        text = html(large)
        assert len(text) < 1_000_000  # so that six sets stay below six million
        assert text.count('<details class="story"') == 20 + 2
        assert "14 more systems are in report.json" in text

    def test_plots_that_have_nothing_to_show_are_left_out(self) -> None:
        assert html(CASES["nothing but NaN"]).count("<svg") == 0
        assert html(CASES["four systems"]).count("<svg") == 4
        assert html(CASES["one system"]).count("<svg") == 3  # no differences from itself


class TestFigures:
    def test_plots_tell_the_figures_of_the_evaluation(self) -> None:
        one = CASES["four systems"]
        told = re.findall(r"<desc[^>]*>([^<]*)</desc>", html(one))
        apart = {
            s.system: s.per_story["list"]["nDCG@5"] - one.systems[1].per_story["list"]["nDCG@5"] for s in one.systems
        }
        del apart["tfidf"]
        assert (
            "; ".join(
                f"{name}: {(d > 0).sum()} better, {(d == 0).sum()} same, {(d < 0).sum()} worse"
                for name, d in apart.items()
            )
            == told[2]
        )
        for of, x in ((told[0], [s.quality["distance"] for s in one.systems]), (told[1], [12.3, 123, 1230, 12300])):
            figures = [s.figures["list"]["nDCG@5"] for s in one.systems]
            names = [s.system for s in one.systems]
            assert of == "; ".join(f"{n}: {y} at {at:.3g}" for n, y, at in zip(names, figures, x, strict=True))

    @case
    def test_tables_hold_the_figures_of_the_evaluation(self, one: Evaluation) -> None:
        text = to_markdown([one])
        titles = [title for part, (title, _) in PARTS.items() if any(s.figures.get(part) for s in one.systems)]
        assert titles
        for title in titles:
            part = next(part for part, (name, _) in PARTS.items() if name == title)
            page, plain = grid(one, title), markdown_grid(text, title)
            assert list(page) == list(plain)[1:]
            for result in one.systems:
                for figures, suffix in ((result.figures, ""), (result.condensed, " (judged items only)")):
                    for measure, found in figures.get(part, {}).items():
                        mark = _mark(one, part, measure, result.system) if not suffix else ""
                        row = result.system + suffix
                        value = "-" if math.isnan(found.value) else short(found.value)
                        interval = "" if math.isnan(found.value) else f"[{short(found.low)}, {short(found.high)}]"
                        mark = mark if interval else ""
                        assert page[row][measure].split() == f"{value} {mark} {interval}".split()
                        assert plain[row][measure].split() == f"{value} {interval} {mark}".split()

    @case
    def test_tables_hold_the_comparisons(self, one: Evaluation) -> None:
        tables = Page(html(one)).tables
        rows = {row[0]: row[1:] for title, table in tables.items() if "Comparisons" in title for row in table[1:]}
        assert len(rows) == len(one.comparisons)
        for c in one.comparisons:
            difference, p, p_holm, effect, *counts, said = rows[
                f"{c.system} - {c.baseline}, {c.measure} {PARTS[c.part][1]}"
            ]
            assert difference == signed(c.difference)
            assert (p, p_holm) == (short(c.p), short(c.p_holm))
            assert effect.lstrip("+") == short(c.effect)
            assert counts == (["-"] * 3 if c.part == "pairs" else [str(c.wins), str(c.ties), str(c.losses)])
            assert said == f"{c.verdict} {MARKS[c.verdict]}".strip()

    def test_lists_and_speed(self) -> None:
        one = CASES["four systems"]
        lists, speed = grid(one, "Make-up of the lists"), grid(one, "Speed")
        for result in one.systems:
            row = lists[result.system]
            assert (row["items"], row["unanswered"]) == ("4.900", str(result.unanswered))
            assert row["overlap with tfidf"] == ".500"
            assert row["distance"] == short(result.quality["distance"])
            assert (row["exposure of the top 100"], row["undated"]) == ("123.5", "-")
            assert list(speed[result.system].values()) == ["12.3", number(result.seconds_story * 1000)]

    def test_bold_is_only_what_was_shown(self) -> None:
        def bold(verdicts: tuple[str, ...]) -> list[str]:
            # nDCG@5 of the list: the first measure of the last part
            text = html(evaluation(3, parts=("list",), verdicts=verdicts)).split("Quality of the final list</fig")[1]
            return re.findall(r"<bdi>([^<]+)</bdi></th><td[^>]*><b>", text.split("</table>")[0])

        assert bold(("better", "not shown")) == ["default"]
        assert bold(("better",)) == ["default", "bm25"]
        assert bold(("worse",)) == ["tfidf"]
        assert bold(("worse", "not shown")) == []
        for noise in ("no loss", "not shown", "identical", "undecided"):
            assert bold((noise,)) == []

    def test_a_safety_count_is_loud_and_zero_is_quiet(self) -> None:
        safe = evaluation(2)
        assert "Safety: all counts are 0 (hidden items, items from the future)." in html(safe)
        assert "unsafe" not in html(safe).split("</style>")[1]
        assert "UNSAFE" not in to_markdown([safe])
        bad = replace(safe.systems[1], safety={"hidden items": 3, "items from the future": 0})
        unsafe = replace(safe, systems=(safe.systems[0], bad))
        text = html(safe, unsafe)
        assert text.index('<div class="unsafe" role="alert">') < text.index("In short")
        assert "tfidf on cnrec: 3 × hidden items; expected 0" in text
        assert "- **UNSAFE** tfidf on cnrec: 3 × hidden items; expected 0" in to_markdown([unsafe]).splitlines()
        rows = grid(unsafe, "Safety")
        assert [row["hidden items"] for row in rows.values()] == ["0", "3"]
        assert html(unsafe).count('class="alarm"') == 1

    def test_meanings_are_told_of_measures_that_are_there(self) -> None:
        text = html(CASES["four systems"])
        assert f'<abbr title="{escape(MEANINGS["nDCG"])}">nDCG@5</abbr>' in text
        explained = text.split("What the measures mean")[1].split("</dl>")[0]
        assert escape(MEANINGS["distance"]) in explained
        assert escape(MEANINGS["Success"]) not in explained
        assert f"- nDCG@5: {MEANINGS['nDCG']}" in to_markdown([CASES["four systems"]])


def _mark(one: Evaluation, part: str, measure: str, system: str) -> str:
    found = [c for c in one.comparisons if (c.part, c.measure, c.system) == (part, measure, system)]
    return MARKS[found[0].verdict] if found else ""


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


class TestSentences:
    def of(self, said: str, one: Evaluation | None = None) -> str:
        one = one or evaluation(2, parts=("list",), verdicts=(said,))
        return verdict(one, one.comparisons[0])

    def test_one_for_each_verdict(self) -> None:
        figures = "nDCG@5 of the list +.021 [.004, .038], p = .010 after Holm"
        assert self.of("better") == f"default is better than tfidf on cnrec: {figures}."
        assert self.of("worse") == f"default is worse than tfidf on cnrec: {figures}."
        assert self.of("not shown") == f"No difference shown between default and tfidf on cnrec: {figures}."
        assert self.of("no loss") == f"No loss of default against tfidf on cnrec, and no gain shown: {figures}."
        assert self.of("identical").endswith("are identical on cnrec: the same nDCG@5 of the list for every story.")

    def test_only_shown_gains_are_called_better(self) -> None:
        for said in MARKS:
            assert ("better" in self.of(said)) == (said == "better")

    def test_identical_lists(self) -> None:
        one = evaluation(2, parts=("list",), verdicts=("identical",))
        same = replace(one, stability={"default": 1.0, "tfidf": 1.0})
        assert self.of("", same) == "default and tfidf give identical lists on cnrec."

    @pytest.mark.parametrize(
        ("ours", "theirs", "words"),
        [
            (0.70, 0.82, "12 points fewer of its items were judged"),
            (0.9, 0.8, "10 points more of its items were judged"),
            (NAN, 0.8, "the shares of their items that were judged differ too much"),
        ],
    )
    def test_undecided_tells_why(self, ours: float, theirs: float, words: str) -> None:
        one = evaluation(2, parts=("list",), verdicts=("undecided",))
        shares = {"default": ours, "tfidf": theirs}
        systems = tuple(
            replace(s, figures={"list": {**s.figures["list"], "Judged@5": Estimate(shares[s.system], 0, 1)}})
            for s in one.systems
        )
        sentence = self.of("", replace(one, systems=systems))
        assert sentence.startswith(f"Undecided between default and tfidf on cnrec: {words} (")

    def test_one_system_is_told_without_a_comparison(self) -> None:
        one = CASES["one system"]
        figure = one.systems[0].figures["list"]["nDCG@5"]
        assert f"- default on cnrec: nDCG@5 of the list {figure}, not compared." in _unescaped(to_markdown([one]))

    def test_how_far_it_carries_comes_from_the_counts(self) -> None:
        text = _unescaped(to_markdown([evaluation(2)]))
        told = text.split("### How far this carries")[1]
        assert "40 stories in 31 groups carry these figures." in told
        assert "a difference in nDCG@5 of the list reaches ±.017 (median of 1)" in told
        assert "corrected" not in told, "a single comparison needs no correction"
        many = _unescaped(to_markdown([evaluation(4)])).split("### How far this carries")[1]
        assert "corrected for the 3 systems compared on a measure (Holm)" in many
        assert "nothing can be said about gains" in to_markdown([CASES["nothing but NaN"]])
        assert "Judged pairs without stories in 31 groups" in to_markdown([CASES["pairs only"]])

    @given(st.floats(-2, 2), st.floats(0, 1))
    def test_the_sign_is_that_of_the_figure_shown(self, value: float, p: float) -> None:
        text = signed(Estimate(value, value, value)).split()[0]
        assert float(text) == pytest.approx(value, abs=0.0005 + 1e-12)
        assert text.startswith("+") == (float(text) > 0)
        assert text.startswith("-") == (float(text) < 0)
        shown = p_value(p, "p")
        assert shown == "p < .001" if p < 0.001 else float(shown.removeprefix("p = ")) == pytest.approx(p, abs=0.00051)


class TestMarkdown:
    def test_hostile_titles_stay_in_their_place(self) -> None:
        text = to_markdown([replace(CASES["hostile"], about=HOSTILE[3], notes=HOSTILE)])
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", text)
        assert "# heading" not in [line.strip() for line in text.splitlines()]
        assert r"\<script>pwned = 1\</script>" in text
        assert r"\| pipe \`tick\` [link\](javascript:pwned=1) \*star\*" in text
        assert not re.search(r"(?<!\\)<", text)

    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("# head", r"\# head"),
            ("> quote", r"\> quote"),
            ("- item", r"\- item"),
            ("[a]: http://evil.example", r"[a\]: http://evil.example"),
            ("![a](b)", r"![a\](b)"),
            ("[a][b]", r"[a\][b\]"),
            ("_a_ __b__", r"\_a\_ \_\_b\_\_"),
            ("exposure_top_100 .5 [.4, .6], p < .001", "exposure_top_100 .5 [.4, .6], p < .001"),
            ("a\nb\x1b[31mc\x00", "a b [31mc"),
        ],
    )
    def test_only_what_markdown_acts_on_is_escaped(self, text: str, plain: str) -> None:
        assert write._md(text) == plain

    def test_columns_stand_under_each_other(self) -> None:
        one = CASES["four systems"]
        wide = replace(one, systems=(replace(one.systems[0], system="記事推薦"), *one.systems[1:]))
        lines = [re.sub("[記事推薦]", "xx", line) for line in to_markdown([wide]).splitlines()]
        tables = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
        for table in filter(None, (block.strip() for block in tables)):
            assert len({tuple(m.start() for m in re.finditer(r"\|", line)) for line in table.splitlines()}) == 1

    def test_examples_are_short(self) -> None:
        text = to_markdown([evaluation(4, examples=9, titles=("Ferry aground",))])
        block = text.split("### Where default does worst\n\n")[1].split("\n\n")[0].splitlines()
        assert [line for line in block if line.startswith("- ")] == ["- Ferry aground"] * 5
        assert block[1] == "  - default .000: " + "; ".join(
            f"Ferry aground ({word})" for word in ("2 ✓", "0", "unjudged", "2 ✓", "0")
        )
        assert block[3] == "  - wanted: Ferry aground (3 ✓)"


@case
def test_summary_table(one: Evaluation) -> None:
    rows = summary_table(one)
    assert [row["system"] for row in rows] == [result.system for result in one.systems]
    part, measure = one.headline
    found = {c.system: c for c in one.comparisons if (c.part, c.measure) == (part, measure)}
    for row, result in zip(rows, one.systems, strict=True):
        assert list(row) == list(rows[0])
        assert all(isinstance(value, str) for value in row.values())
        assert row[f"{measure} {PARTS[part][1]}"] == str(result.figures[part][measure])
        assert row["verdict"] == (found[result.system].verdict if result.system in found else "")
        if result.system in found:
            assert row[f"against {one.baseline}"] == signed(found[result.system].difference)


class TestPlots:
    def test_a_row_tells_wins_ties_and_losses(self) -> None:
        found = np.array([0.5, 0.0, 1e-12, -0.25, NAN, -1.0, -0.1])
        svg = plots.differences({"b": found, "none": np.full(3, NAN)}, what="nDCG@5")
        assert svg is not None
        assert "<desc" in svg
        assert "b: 1 better, 2 same, 3 worse</desc>" in svg

    @given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=700))
    def test_any_differences_can_be_drawn(self, values: list[float]) -> None:
        svg = plots.differences({"b": np.array(values)}, what="x")
        assert svg is not None
        up, down = sum(v > 0 for v in values), sum(v < 0 for v in values)
        assert f"b: {up} better, {len(values) - up - down} same, {down} worse" in svg
        assert ("var(--up)" in svg) == (up > 0)
        assert ("var(--down)" in svg) == (down > 0)
        assert len(svg) < 12_000

    def test_ages_are_counted_up_to_and_with_each_limit(self) -> None:
        svg = plots.ages({"a": np.array([0.0, 1.0, 1.5, 7.0, 30.0, 365.0, 5000.0, 9000.0]), "none": np.zeros(0)})
        assert svg is not None
        assert "a: 0 % future, 25 % 1 day, 25 % 1 week, 12 % 1 month, 0 % 3 months, 12 % 1 year" in svg
        assert ">future" not in svg.split("</desc>")[1]
        future = plots.ages({"a": np.array([-0.5, 2.0])})
        assert future is not None
        assert "50 % future" in future
        assert ">future" in future.split("</desc>")[1]

    def test_a_point_without_a_place_is_left_out(self) -> None:
        one = Estimate(0.5, NAN, NAN)
        assert plots.against([plots.Point("a", 0.0, one)], "a", x="x", y="y", log=True) is None
        svg = plots.against([plots.Point("a", 0.0, one), plots.Point("b", 1.0, one)], "a", x="x", y="y", log=True)
        assert svg is not None
        assert "b: .500 [-, -] at 1</desc>" in svg


# -- in a browser -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    sets = [*CASES.values(), evaluation(20, 300, name="twenty-systems-on-a-set-with-a-very-long-name")]
    folder = tmp_path_factory.mktemp("report")
    return write_report(sets, folder, settings=SETTINGS)[0].as_uri()


@pytest.fixture
def page(visit: Visit, address: str) -> Iterator[Any]:
    visit.page.context.set_offline(True)
    visit.page.goto(address)
    yield visit.page
    assert (visit.requests, visit.complaints) == ([address], [])


class TestBrowser:
    def test_everything_shows_and_nothing_runs(self, page: Any) -> None:
        assert page.evaluate("typeof pwned") == "undefined"
        assert page.locator("main img").count() == 0
        assert page.locator("h2").first.is_visible()
        outside = "xpath=//*[not(ancestor::details)]/self::"
        assert page.locator(f"{outside}table").count() > 20
        for kind in ("table", "*[name()='svg']"):
            for found in page.locator(f"{outside}{kind}").all():
                box = found.bounding_box()
                assert box is not None
                assert box["width"] > 100
                assert box["height"] > 40

    @pytest.mark.parametrize("width", [320, 390, 1280])
    def test_nothing_is_wider_than_the_screen_and_text_has_contrast(self, page: Any, width: int) -> None:
        page.set_viewport_size({"width": width, "height": 844})
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width == 390:
            boxes = "[...document.querySelectorAll('.box')].filter(e => e.scrollWidth > e.clientWidth).length"
            assert page.evaluate(boxes) > 5  # wide tables scroll in their own box
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            self.assert_contrast(page)

    def assert_contrast(self, page: Any) -> None:
        """Every element with text of its own against the nearest background behind it."""
        shown = page.evaluate(
            """() => {
              const found = new Map();
              for (const e of document.querySelectorAll('body *')) {
                if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest('script, title, desc'))
                  continue;
                const style = getComputedStyle(e), ink = e instanceof SVGElement ? style.fill : style.color;
                let behind = e;
                while (behind && /^rgba\\(.*, 0\\)$/.test(getComputedStyle(behind).backgroundColor))
                  behind = behind.parentElement;
                const pair = [ink, getComputedStyle(behind ?? document.body).backgroundColor];
                found.set(pair.join(), pair);
              }
              return [...found.values()];
            }"""
        )
        assert len(shown) > 4
        for ink, paper in shown:
            assert stands_out(ink, paper), (ink, paper)

    def test_details_open_with_the_keyboard(self, page: Any) -> None:
        story = page.locator("details.story").first
        assert not story.locator("ol").first.is_visible()
        story.locator("summary").focus()
        page.keyboard.press("Enter")
        assert story.locator("ol").first.is_visible()
        assert story.locator("ol").count() == 2  # the only system's list and what was wanted

    def test_a_heading_sorts_its_table(self, page: Any) -> None:
        table = page.locator("#set-2 ~ .tables table.sorts").first
        head = table.locator("thead th").nth(1)
        assert head.inner_text() == "nDCG@5"
        figures = "(t) => [...t.tBodies].map(b => Number(b.rows[0].cells[1].dataset.value))"
        before = table.evaluate(figures)
        head.get_by_role("button").focus()
        page.keyboard.press("Enter")
        assert table.evaluate(figures) == sorted(before, reverse=True) != before
        assert head.get_attribute("aria-sort") == "descending"
        page.keyboard.press("Enter")
        assert table.evaluate(figures) == sorted(before)
        assert all(len(body.locator("tr").all()) == 2 for body in table.locator("tbody").all())

    def test_svgs_have_names(self, page: Any) -> None:
        named = page.get_by_role("img", name="nDCG@5 of the list against distance")
        assert named.count() > 2
        assert "default: " in (named.first.locator("desc").text_content() or "")
