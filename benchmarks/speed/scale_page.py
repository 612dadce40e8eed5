"""Pages of scale and their plots, from result files: what was measured, the curves, and how far they carry."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recommender.evaluation.report.plots import HAIR, INK, SOFT, UP

DOCS = Path(__file__).parents[2] / "docs"
OURS = "recommender"
PLOTS = {"seconds": "time", "peak_mib": "memory"}  # figure -> what its file is called after the page

PEERS = ("#b04a00", "#2f7d4f", "#7a4fa3", "#8a6d00", "#a23b72", "#4d6a79")  # colours of their lines

_FROM = 10_000  # stories; below this, fixed costs hide the curve
_DAY = 86_400.0
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "scale",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}


@dataclass(frozen=True)
class Curve:
    """``value = factor * n ** exponent``, fitted to logarithms."""

    factor: float
    exponent: float
    sizes: tuple[int, ...]

    @classmethod
    def fit(cls, points: Mapping[int, float]) -> Curve | None:
        """Least squares over the sizes from 10,000 stories on; None with fewer than two.

        Examples
        --------
        >>> curve = Curve.fit({10_000: 2.0, 100_000: 200.0})
        >>> round(curve.exponent, 6), round(curve(1_000_000))
        (2.0, 20000)
        """
        sizes = tuple(sorted(n for n in points if n >= _FROM))
        if len(sizes) < 2:
            return None
        exponent, log_factor = np.polyfit(np.log(sizes), np.log([points[n] for n in sizes]), 1)
        return cls(float(np.exp(log_factor)), float(exponent), sizes)

    def __call__(self, n: float) -> float:
        """Compute the value at a size."""
        return float(self.factor * n**self.exponent)

    def reach(self, value: float) -> float:
        """Compute the size at which the value is reached."""
        return float((value / self.factor) ** (1 / self.exponent))


def synthetic(rows: Sequence[Mapping[str, Any]], case: str) -> list[Mapping[str, Any]]:
    """Rows of a case over synthetic stories, by size; those from Reuters where there are any."""
    found = [row for row in rows if row["case"] == case and row["stories"].startswith("synthetic")]
    best = [row for row in found if row["stories"].endswith("reuters21578")] or found
    return sorted(best, key=lambda row: row["n"])


def lines(rows: Sequence[Mapping[str, Any]], case: str, figure: str) -> dict[str, dict[int, float]]:
    """Collect a figure of every contender by size; memory of searching some stories is not that of all."""
    found: dict[str, dict[int, float]] = {}
    for row in synthetic(rows, case):
        for name, figures in ((OURS, row["ours"]), *row["peers"].items()):
            if figure == "seconds" or not figures.get("projected"):
                found.setdefault(name, {})[row["n"]] = figures[figure]
    return found


def plot(series: Mapping[str, Mapping[int, float]], title: str) -> str:
    """Curves on logarithmic axes, each with its name and its exponent at the end, as SVG."""
    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure((6.4, 3.6), facecolor="white")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        figure.subplots_adjust(left=0.1, right=0.6, bottom=0.13, top=0.91)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ends: list[tuple[float, float, str, str]] = []
        colours = {name: PEERS[place % len(PEERS)] for place, name in enumerate(n for n in series if n != OURS)}
        for name, points in series.items():
            sizes = sorted(points)
            values = [points[n] for n in sizes]
            colour = colours.get(name, UP)
            axes.plot(sizes, values, "o-", color=colour, markersize=4, linewidth=2 if name == OURS else 1)
            curve = Curve.fit(points)
            if curve:
                ends_of = np.array([curve.sizes[0], curve.sizes[-1]], dtype=float)
                axes.plot(ends_of, [curve(n) for n in ends_of], ":", color=INK, linewidth=1)
            ends.append((sizes[-1], values[-1], f"{name}, n^{curve.exponent:.2f}" if curve else name, colour))
        axes.grid(color=HAIR, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("stories")
        axes.set_title(title, loc="left", fontsize="medium", color=SOFT)
        axes.autoscale_view()
        ends.sort(key=lambda end: end[1])
        to_axes = axes.transData + axes.transAxes.inverted()
        at = to_axes.transform([(n, value) for n, value, *_ in ends])
        for (x, y), place, (_, _, label, colour) in zip(at, _apart(at[:, 1]), ends, strict=True):
            axes.plot([x, 1.03], [y, place], transform=axes.transAxes, color=HAIR, lw=0.8, clip_on=False)
            axes.text(1.04, place, label, color=colour, transform=axes.transAxes, va="center", parse_math=False)
        held = io.StringIO()
        figure.savefig(held, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return held.getvalue()


def _apart(places: NDArray[np.float64], step: float = 0.065) -> NDArray[np.float64]:
    """Rising places moved apart, none above 1."""
    order = np.arange(len(places))
    moved = np.maximum.accumulate(places - step * order) + step * order
    return np.asarray(np.minimum(moved, 1 - step * order[::-1]))


# -- the page -----------------------------------------------------------------------------------------------------

HEAD = """# {title}

Made by `python -m benchmarks.speed --plot` from `benchmarks/results/{result}.json`; not to be edited.
Every contender ran in a process of its own, in turns with the others.
Seconds are the least of all rounds; a ratio is ours over the reference's, below 1 where we are faster or smaller.
\\* marks what was timed on some stories or blocks: the time is projected to all, the peak memory is that of the part.

Stories called synthetic are mixtures of real ones (`benchmarks/scale.py`): near neighbours are as near as in the real
archive and words agree with vectors, but they are not news, and nothing here says how good lists are
([results](results.md) does)."""

BEYOND = """What goes first is time, not space: where each story is compared with all, ten times the stories
cost a hundred times the products, while vectors grow by ten. Ways on, in this order:

- A window. With `retrieval.window_days` a story meets only the stories near it in time, and cost grows with the
  stories a window holds, not with the square of the archive.
- Refreshing rather than computing: new stories are compared with the archive, the archive not with itself.
- Shards: all lists of a block of stories need the vectors and nothing of other blocks, so blocks go to as many machines
  as there are.
- Reach. Since these figures were taken, a story in an archive of more than 50,000 is compared with some thousands
  that share its words or lie near it (`python -m benchmarks.search`). An inverted file over vectors of both has to
  read half of the rows, or more, before it finds .995 of the true first five (by hand)."""


def number(value: float) -> str:
    """Three digits, or all before the point.

    Examples
    --------
    >>> number(0.01234), number(1234.5)
    ('0.0123', '1,234')
    """
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Seconds for people.

    Examples
    --------
    >>> duration(0.0042), duration(75), duration(9000), duration(864000), duration(1e9)
    ('4.2 ms', '75 s', '2.5 h', '10 days', '31.7 years')
    """
    for limit, unit, name in (
        (1.0, 1e-3, "ms"),
        (120.0, 1.0, "s"),
        (7_200.0, 60.0, "min"),
        (2 * _DAY, 3_600.0, "h"),
        (730 * _DAY, _DAY, "days"),
    ):
        if seconds < limit:
            return f"{number(seconds / unit)} {name}"
    return f"{number(seconds / (365.25 * _DAY))} years"


def size(mib: float) -> str:
    """MiB for people.

    Examples
    --------
    >>> size(512), size(3_000), size(4e6)
    ('512 MiB', '2.93 GiB', '3.81 TiB')
    """
    for unit, name in ((1, "MiB"), (1_024, "GiB")):
        if mib < 1_024 * unit:
            return f"{number(mib / unit)} {name}"
    return f"{number(mib / 2**20)} TiB"


def count(n: float) -> str:
    """Write a number of stories, two digits of it.

    Examples
    --------
    >>> count(1_234_567)
    '1,200,000'
    """
    digits = 10 ** max(int(np.floor(np.log10(n))) - 1, 0)
    return f"{int(round(n / digits) * digits):,}"


def _figure(figures: Mapping[str, Any]) -> str:
    return duration(figures["seconds"]) + ("\\*" if figures.get("projected") else "")


def _case(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write the sizes of one case, and every peer at each."""
    yield f"\n## {rows[0]['case']}\n"
    products = any(row["products"] for row in rows)
    fraction = " of the bare product |" if products else ""
    yield f"| stories | n | contender | time | peak memory | recall | ratio |{fraction}"
    yield "|---|---|---|---|---|---|---|" + ("---|" if products else "")
    for row in rows:
        shown = ((OURS, row["ours"]), *row["peers"].items(), *row["products"].items())
        for name, figures in shown:
            ratio = "-" if name == row["reference"] or "ratio" not in figures else number(figures["ratio"])
            recall = "-" if figures.get("recall") is None else f"{figures['recall']:.4f}"
            memory = size(figures["peak_mib"]) + ("\\*" if figures.get("projected") else "")
            cells = [row["stories"], f"{row['n']:,}", name, _figure(figures), memory, recall, ratio]
            if products:
                best = min(one["seconds"] for one in row["products"].values())
                cells.append(f"{best / figures['seconds']:.0%}")
            yield f"| {' | '.join(cells)} |"
        for name, reason in (*row["skipped"].items(), *row["failed"].items()):
            yield f"| {row['stories']} | {row['n']:,} | {name} | {reason} |" + " |" * (4 if products else 3)
    by = "peak memory" if rows[0]["by"] == "peak_mib" else "time"
    yield f"\nThe ratio is by {by}, to {rows[0]['reference']}."


def _extras(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write what a case tells besides."""
    named = {
        "p99": ("p99 of a call", duration),
        "cold_p99": ("p99 of first calls, which may wait for the disk", duration),
        "load": ("loading an archive", duration),
        "save": ("saving one", duration),
        "stories_per_second": ("`recommend_many`", lambda rate: f"{rate:,.0f} stories/s"),
        "articles_per_second": ("embedding", lambda rate: f"{rate:,.0f} stories/s"),
        "gflops": ("product", lambda rate: f"{rate:,.0f} GFLOP/s"),
    }
    for row in rows:
        told = [f"{what} {say(row['ours'][name])}" for name, (what, say) in named.items() if name in row["ours"]]
        if "touched" in row["ours"]:
            lists = row["ours"]["touched"], duration(row["ours"]["lists_seconds"])
            told.append(
                f"{row['ours']['changes']:,} stories changed, {lists[0]:,} lists made again in {lists[1]} besides"
            )
        if stages := row["ours"].get("stages"):
            told.append(", ".join(f"{stage} {duration(seconds)}" for stage, seconds in stages.items()))
        if told:
            yield f"\n{row['stories']}, n = {row['n']:,}: {', '.join(told)}."


def _costs(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write what the curves give for larger archives."""
    seconds, memory = (lines(rows, "all-lists", figure).get(OURS, {}) for figure in PLOTS)
    time, space = Curve.fit(seconds), Curve.fit(memory)
    whole, peak = (Curve.fit(lines(rows, "memory", figure).get(OURS, {})) for figure in PLOTS)
    yield "\n## What ten million and a billion stories would cost\n"
    if time is None:
        yield f"All lists have not been measured at two sizes from {_FROM:,} stories on, so there is no curve yet."
        return
    last = synthetic(rows, "all-lists")[-1]
    dim = last["archive"]["dim"]
    yield (
        f"By the curves fitted to n = {', '.join(f'{n:,}' for n in time.sizes)}: time of all lists grows as "
        f"n^{time.exponent:.2f}"
        + (f", memory as n^{space.exponent:.2f}" if space else "")
        + (f"; a whole run as n^{whole.exponent:.2f}" if whole else "")
        + (f", its memory as n^{peak.exponent:.2f}" if peak else "")
        + ". Carried on, not measured:\n"
    )
    yield "| stories | all lists | peak memory | vectors | whole run | peak memory |"
    yield "|---|---|---|---|---|---|"
    for n in (1e6, 1e7, 1e9):
        cells = (
            f"{n:,.0f}",
            duration(time(n)),
            size(space(n)) if space else "-",
            size(n * dim * 2 / 2**20),
            duration(whole(n)) if whole else "-",
            size(peak(n)) if peak else "-",
        )
        yield f"| {' | '.join(cells)} |"
    gib = last["kernels"]["memory_gib"]
    yield "\n## Where one machine ends\n"
    ends = [f"all lists take a day at about {count(time.reach(_DAY))} stories"]
    ends += [f"and a week at {count(time.reach(7 * _DAY))}"]
    ends += [f"vectors alone fill its {gib:g} GiB at {count(gib * 2**30 / (2 * dim))}"]
    if peak:
        ends += [f"a whole run would need all of its memory at {count(peak.reach(gib * 1_024))}"]
    cores = last["kernels"]["cores"]
    yield f"On this machine ({cores} cores, {gib:g} GiB): {'; '.join(ends)}.\n"
    yield BEYOND


def document(result: Mapping[str, Any], name: str) -> str:
    """Write the page of a result file of some name."""
    rows = result["rows"]
    text = [HEAD.format(title=page(name).replace("_", ": ").capitalize(), result=name)]
    machines: dict[str, None] = {}
    for row in rows:
        at, kernels = row["machine"], row["kernels"]
        versions = ", ".join(f"{name} {value}" for name, value in at.items() if name != "cpu")
        machines[
            f"Measured on {kernels['cores']} cores of {at['cpu']}, {kernels['memory_gib']:g} GiB, "
            f"{' '.join(kernels['flags'])}; torch {kernels['torch']}; FAISS {kernels['faiss']}; "
            f"numba {kernels['numba']}; {versions}; "
            f"recommender {row['settings']['version']}, {row['settings']['rounds']} rounds, "
            f"seed {row['settings']['seed']}."
        ] = None
    text += [f"\n{line}" for line in machines] or ["\nNothing has been measured yet."]
    for case in dict.fromkeys(row["case"] for row in rows):
        held = [row for row in rows if row["case"] == case]
        text += [*_case(held), *_extras(held)]
    for figure, file in _plots_of(rows, name).items():
        what = "Time" if figure == "seconds" else "Peak memory"
        text.append(f"\n![{what} of all lists against the number of stories]({file})")
    text += _costs(rows)
    return "\n".join(text) + "\n"


def page(name: str) -> str:
    """Name the page of a result file of some name.

    Examples
    --------
    >>> page("speed"), page("speed_zen4")
    ('scale', 'scale_zen4')
    """
    return name.replace("speed", "scale", 1)


def _plots_of(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, str]:
    """Figure -> file, of those that were measured at two sizes: single points make no curve."""
    return {
        figure: f"{page(name)}_{what}.svg"
        for figure, what in PLOTS.items()
        if any(len(points) > 1 for points in lines(rows, "all-lists", figure).values())
    }


def plots(result: Mapping[str, Any], name: str) -> dict[str, str]:
    """File name -> SVG, of what was measured."""
    titles = {"seconds": "All lists: seconds", "peak_mib": "All lists: peak memory, MiB"}
    rows = result["rows"]
    return {
        file: plot(lines(rows, "all-lists", figure), titles[figure]) for figure, file in _plots_of(rows, name).items()
    }


def files(path: Path) -> dict[str, str]:
    """File name -> text, of the page and the plots of a result file."""
    result = json.loads(path.read_text(encoding="utf-8"))
    return {f"{page(path.stem)}.md": document(result, path.stem), **plots(result, path.stem)}


def write(path: Path, folder: Path = DOCS) -> Iterator[Path]:
    """Write page and plots of a result file; yields their paths."""
    for name, text in files(path).items():
        (folder / name).write_text(text, encoding="utf-8")
        yield folder / name
