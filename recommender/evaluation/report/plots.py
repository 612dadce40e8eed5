"""Plots of a report as SVG elements: small, readable on a phone and in print, safe for colour-blind readers.

The `key` of a plot must be unique on its page. A plot without data is None.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from recommender.statistics import Estimate, short

MAX_BARS = 120  # of one system: a phone has pixels for no more
AGES = {  # greatest age in days of each column; below 0 an item was published after the moment of its list
    "future": -1e-6,
    "1 day": 1.0,
    "1 week": 7.0,
    "1 month": 30.0,
    "3 months": 91.0,
    "1 year": 365.0,
    "5 years": 1826.0,
    "older": np.inf,
}
# Plots are drawn in these colours, which are then replaced by those of the page, so that they follow its dark theme.
INK, SOFT, HAIR, UP, DOWN = "#1c1b19", "#5c584f", "#d9d4c8", "#00639c", "#b04a00"
_THEME = {INK: "var(--ink)", SOFT: "var(--soft)", HAIR: "var(--hair)", UP: "var(--up)", DOWN: "var(--down)"}
_STYLE = {
    "svg.fonttype": "none",  # text stays text: small, searchable, in the reader's font
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "figure.facecolor": "none",
}
_WIDTH, _ROW = 4.6, 0.62  # inches
_PITCH = 1.75  # height of a row with its name, where its columns have 1


@dataclass(frozen=True, slots=True)
class Point:
    """One system in a plot of its quality (y) against something else (x)."""

    system: str
    x: float
    y: Estimate


def against(
    points: Sequence[Point], baseline: str, *, x: str, y: str, log: bool = False, key: str = "against"
) -> str | None:
    """Plot the quality of each system against something else, with 95 % intervals.

    Points that are not finite are left out; the baseline is a hollow square. `x` and `y` are the labels of the axes,
    and `log` makes x logarithmic.

    Examples
    --------
    >>> against([Point("a", 0.2, Estimate(0.5, 0.4, 0.6))], "a", x="distance", y="nDCG@5")[:16]
    '<svg role="img" '
    >>> against([Point("a", float("nan"), Estimate(0.5, 0.4, 0.6))], "a", x="distance", y="nDCG@5")
    """
    shown = [point for point in points if np.isfinite([point.x, point.y.value]).all() and (point.x > 0 or not log)]
    if not shown:
        return None
    with _style():
        axes = _axes(max(2.7, 0.7 + 0.19 * len(shown)), right=0.72, above=0.22)
        if log:
            axes.set_xscale("log")
            spread = max(point.x for point in shown) / min(point.x for point in shown)
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if spread > 100 else (1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        for point in shown:
            low, high = (end if np.isfinite(end) else point.y.value for end in (point.y.low, point.y.high))
            axes.plot([point.x, point.x], [low, high], color=SOFT, linewidth=1, zorder=2)
            marker, face = ("s", "none") if point.system == baseline else ("o", UP)
            axes.plot([point.x], [point.y.value], marker, color=UP, markerfacecolor=face, markersize=5.5, zorder=3)
        axes.margins(0.12)
        axes.autoscale_view()
        axes.yaxis.set_major_formatter(lambda value, _: short(value))
        axes.grid(color=HAIR, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(x)
        axes.set_title(_cut(y, 40), loc="left", fontsize="medium", color=SOFT, parse_math=False)
        _label(axes, shown)
        description = "; ".join(f"{point.system}: {point.y} at {point.x:.3g}" for point in shown)
        return _svg(axes, key, f"{y} against {x}", description)


def differences(values: Mapping[str, NDArray[np.float64]], *, what: str, key: str = "differences") -> str | None:
    """Plot the sorted differences of all stories from the baseline, a row for each system.

    `what` names the measure. NaN is left out. Of more than `MAX_BARS` stories evenly spaced ones are drawn, the first
    and the last among them.

    Examples
    --------
    >>> svg = differences({"b": np.array([0.5, 0.0, -0.25])}, what="nDCG@5")
    >>> "b: 1 better, 1 same, 1 worse" in svg
    True
    """
    rows = {name: np.sort(array[np.isfinite(array)])[::-1] for name, array in values.items()}
    rows = {name: array for name, array in rows.items() if len(array)}
    if not rows:
        return None
    top = _round_up(max(float(np.abs(array).max()) for array in rows.values()))
    with _style():
        axes = _axes(0.44 + 1.7 * _ROW * len(rows))
        ticks: list[float] = []
        descriptions = []
        for row, (name, array) in enumerate(rows.items()):
            zero = -3.2 * top * row
            _draw_bars(axes, array, zero)
            up, down = int((array > 1e-9).sum()), int((array < -1e-9).sum())
            counts = f"{up:,} better, {len(array) - up - down:,} same, {down:,} worse"
            axes.text(0, zero + 1.15 * top, f"{_cut(name, 22)}: {counts}", va="bottom", parse_math=False)
            descriptions.append(f"{name}: {counts}")
            ticks += [zero - top, zero, zero + top]
        axes.set_yticks(ticks, [short(-top), "0", short(top)] * len(rows), fontsize=8)
        axes.set_xticks([0, 1], ["best story", "worst story"])
        best, worst = axes.get_xticklabels()
        best.set_horizontalalignment("left")
        worst.set_horizontalalignment("right")
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_xlim(0, 1)
        axes.set_ylim(ticks[-3] - 0.15 * top, 1.85 * top)
        return _svg(axes, key, f"Difference of each story: {what}", "; ".join(descriptions))


def _draw_bars(axes: Axes, values: NDArray[np.float64], zero: float) -> None:
    drawn = values[np.linspace(0, len(values) - 1, min(MAX_BARS, len(values))).round().astype(int)]
    edges = np.linspace(0, 1, len(drawn) + 1)
    for mask, colour in ((drawn > 0, UP), (drawn < 0, DOWN)):
        if mask.any():
            bars = np.flatnonzero(mask)
            bar_edges = edges[bars[0] : bars[-1] + 2]
            axes.stairs(zero + drawn[bars], bar_edges, baseline=zero, fill=True, color=colour, lw=0)
    axes.plot([0, 1], [zero, zero], color=SOFT, linewidth=0.6)


def ages(values: Mapping[str, NDArray[np.float64]], *, key: str = "ages") -> str | None:
    """Plot the shares of shown items by age in days, a row of columns for each system.

    Examples
    --------
    >>> "0 % future, 50 % 1 day, 0 % 1 week, 50 % 1 month" in ages({"a": np.array([0.5, 9.0])})
    True
    """
    edges = np.array(list(AGES.values()))
    finite = {name: array[np.isfinite(array)] for name, array in values.items()}
    shares = {
        name: np.bincount(np.searchsorted(edges, array, "left"), minlength=len(AGES)) / len(array)
        for name, array in finite.items()
        if len(array)
    }
    if not shares:
        return None
    first = 0 if any(share[0] for share in shares.values()) else 1
    names = list(AGES)[first:]
    with _style():
        axes = _axes(0.44 + 1.25 * _ROW * len(shares))
        largest = max(float(share[first:].max()) for share in shares.values())
        colours = [DOWN if name == "future" else UP for name in names]
        descriptions = []
        for row, (name, share) in enumerate(shares.items()):
            zero = _PITCH * -row
            axes.bar(range(len(names)), share[first:] / largest, 0.9, bottom=zero, color=colours)
            for column, part in enumerate(share[first:]):
                if part >= 0.005:
                    top = zero + part / largest
                    axes.text(column, top, f"{part:.0%}", ha="center", va="bottom", fontsize=7.5, color=SOFT)
            axes.axhline(zero, color=SOFT, linewidth=0.6)
            axes.text(-0.5, zero + 1.25, _cut(name, 30), parse_math=False)
            parts = (f"{part:.0%} {label}".replace("%", " %") for label, part in zip(AGES, share, strict=True))
            descriptions.append(f"{name}: {', '.join(parts)}")
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names], fontsize=8)
        axes.set_yticks([])
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_ylim(-0.1 - _PITCH * (len(shares) - 1), _PITCH)
        return _svg(axes, key, "Age of shown items, up to", "; ".join(descriptions))


def _style() -> AbstractContextManager[None]:
    return matplotlib.style.context(["default", _STYLE])


def _axes(height: float, right: float = 0.985, above: float = 0.02) -> Axes:
    figure = Figure((_WIDTH, height))
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.115, right=right, bottom=0.42 / height, top=1 - above / height)
    return axes


def _label(axes: Axes, points: Sequence[Point]) -> None:
    """Write names next to the plot in the order of the points, moved apart, each with a line to its point."""
    in_order = sorted(points, key=lambda point: point.y.value)
    to_axes = axes.transData + axes.transAxes.inverted()
    positions = np.array([to_axes.transform((point.x, point.y.value)) for point in in_order])
    step = 12 / (axes.get_window_extent().height / axes.figure.dpi * 72)  # 12 points
    heights = positions[:, 1].copy()
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + step)
    heights -= max(0.0, heights[-1] - 1)
    for i in range(len(heights) - 2, -1, -1):
        heights[i] = min(heights[i], heights[i + 1] - step)
    for point, (x, y), height in zip(in_order, positions, heights, strict=True):
        axes.plot([x, 1.02], [y, height], transform=axes.transAxes, color=HAIR, lw=0.8, clip_on=False, zorder=1)
        axes.text(
            1.03, height, _cut(point.system, 15), transform=axes.transAxes, va="center", fontsize=9, parse_math=False
        )


def _svg(axes: Axes, key: str, title: str, description: str) -> str:
    """Return the figure as an element for a page, with a title and a description for readers who cannot see it."""
    file = io.StringIO()
    # Warnings are about letters that the font of matplotlib lacks, but browsers have.
    with matplotlib.rc_context({"svg.hashsalt": key}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*[Gg]lyph")
        figure = axes.get_figure(root=True)
        assert figure
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = file.getvalue()
    box = re.search(r'viewBox="([^"]+)"', text)
    body = re.search(r"<svg[^>]*>(.*)</svg>", text, re.DOTALL)
    assert box
    assert body
    drawn = re.sub(r'<g id="[^"]*"', "<g", body[1])
    drawn = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r' d="[^"]+"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), drawn)
    drawn = re.sub("|".join(_THEME), lambda colour: _THEME[colour[0]], drawn)
    return (
        f'<svg role="img" viewBox="{box[1]}" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{escape(title)}</title><desc id="{key}-d">{escape(description)}</desc>'
        f"{re.sub(chr(10) + ' *', chr(10), drawn).strip()}</svg>"
    )


def _round_up(top: float) -> float:
    """Round up to the next of .01, .02, .05, .1 ... 1, 2, 5 ..."""
    if top < 0.01:
        return 0.01
    power = 10 ** np.floor(np.log10(top))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= top * (1 - 1e-9)))


def _cut(name: str, length: int) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
