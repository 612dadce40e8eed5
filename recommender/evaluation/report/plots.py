"""Plots of a report as SVG elements: small, readable on a phone and in print, safe for colour-blind readers."""

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

BARS = 120  # most bars of one system: more than a phone has pixels for
AGES = {  # greatest age in days of each column; below 0 an item was not out when its list was made
    "future": -1e-6,
    "1 day": 1.0,
    "1 week": 7.0,
    "1 month": 30.0,
    "3 months": 91.0,
    "1 year": 365.0,
    "5 years": 1826.0,
    "older": np.inf,
}
# drawn in these colours, which then become the page's own, so that plots follow its dark theme
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
    """One system in a plane: what it costs and how good it is."""

    system: str
    x: float
    y: Estimate


def against(
    points: Sequence[Point], baseline: str, *, x: str, y: str, log: bool = False, key: str = "against"
) -> str | None:
    """Plot the quality of each system against something else, with 95 % intervals.

    Parameters
    ----------
    points : sequence of Point
        Those without a finite place are left out.
    baseline : str
        The system that is drawn as a hollow square.
    x, y : str
        Labels of the axes.
    log : bool, default False
        Whether x is logarithmic.
    key : str
        Must differ among the plots of a page.

    Returns
    -------
    str or None
        None without a point.

    Examples
    --------
    >>> against([Point("a", 0.2, Estimate(0.5, 0.4, 0.6))], "a", x="distance", y="nDCG@5")[:16]
    '<svg role="img" '
    >>> against([Point("a", float("nan"), Estimate(0.5, 0.4, 0.6))], "a", x="distance", y="nDCG@5")
    """
    shown = [p for p in points if np.isfinite([p.x, p.y.value]).all() and (p.x > 0 or not log)]
    if not shown:
        return None
    with _style():
        axes = _axes(max(2.7, 0.7 + 0.19 * len(shown)), right=0.72, above=0.22)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if _spread(shown) > 100 else (1.0, 2.0, 5.0)))
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
        told = "; ".join(f"{p.system}: {p.y} at {p.x:.3g}" for p in shown)
        return _svg(axes, key, f"{y} against {x}", told)


def differences(values: Mapping[str, NDArray[np.float64]], *, what: str, key: str = "differences") -> str | None:
    """Plot the differences of each story from the baseline, sorted: one row for each system.

    Parameters
    ----------
    values : mapping of system to ndarray of float64, shape (q,)
        NaN is left out. Of more than `BARS` stories evenly spaced ones are drawn, the first and the last among them.
    what : str
        The measure.
    key : str
        Must differ among the plots of a page.

    Returns
    -------
    str or None
        None without a value.

    Examples
    --------
    >>> svg = differences({"b": np.array([0.5, 0.0, -0.25])}, what="nDCG@5")
    >>> "b: 1 better, 1 same, 1 worse" in svg
    True
    """
    rows = {name: np.sort(found[np.isfinite(found)])[::-1] for name, found in values.items()}
    rows = {name: found for name, found in rows.items() if len(found)}
    if not rows:
        return None
    top = _nice(max(float(np.abs(found).max()) for found in rows.values()))
    with _style():
        axes = _axes(0.44 + 1.7 * _ROW * len(rows))
        ticks: list[float] = []
        told = []
        for row, (name, found) in enumerate(rows.items()):
            zero = -3.2 * top * row
            picked = found[np.linspace(0, len(found) - 1, min(BARS, len(found))).round().astype(int)]
            edges = np.linspace(0, 1, len(picked) + 1)
            for held, colour in ((picked > 0, UP), (picked < 0, DOWN)):
                if held.any():
                    at = np.flatnonzero(held)
                    axes.stairs(
                        zero + picked[at], edges[at[0] : at[-1] + 2], baseline=zero, fill=True, color=colour, lw=0
                    )
            axes.plot([0, 1], [zero, zero], color=SOFT, linewidth=0.6)
            up, down = int((found > 1e-9).sum()), int((found < -1e-9).sum())
            counts = f"{up:,} better, {len(found) - up - down:,} same, {down:,} worse"
            axes.text(0, zero + 1.15 * top, f"{_cut(name, 22)}: {counts}", va="bottom", parse_math=False)
            told.append(f"{name}: {counts}")
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
        return _svg(axes, key, f"Difference of each story: {what}", "; ".join(told))


def ages(values: Mapping[str, NDArray[np.float64]], *, key: str = "ages") -> str | None:
    """Plot the shares of shown items by age: one row of columns for each system.

    Parameters
    ----------
    values : mapping of system to ndarray of float64
        Days.
    key : str
        Must differ among the plots of a page.

    Returns
    -------
    str or None
        None without a value.

    Examples
    --------
    >>> "0 % future, 50 % 1 day, 0 % 1 week, 50 % 1 month" in ages({"a": np.array([0.5, 9.0])})
    True
    """
    edges = np.array(list(AGES.values()))
    finite = {name: found[np.isfinite(found)] for name, found in values.items()}
    shares = {
        name: np.bincount(np.searchsorted(edges, found, "left"), minlength=len(AGES)) / len(found)
        for name, found in finite.items()
        if len(found)
    }
    if not shares:
        return None
    first = 0 if any(share[0] for share in shares.values()) else 1
    names = list(AGES)[first:]
    with _style():
        axes = _axes(0.44 + 1.25 * _ROW * len(shares))
        most = max(float(share[first:].max()) for share in shares.values())
        told = []
        for row, (name, share) in enumerate(shares.items()):
            colours = [DOWN if name == "future" else UP for name in names]
            axes.bar(range(len(names)), share[first:] / most, 0.9, bottom=_PITCH * -row, color=colours)
            for at, part in enumerate(share[first:]):
                if part >= 0.005:
                    place = _PITCH * -row + part / most
                    axes.text(at, place, f"{part:.0%}", ha="center", va="bottom", fontsize=7.5, color=SOFT)
            axes.axhline(_PITCH * -row, color=SOFT, linewidth=0.6)
            axes.text(-0.5, _PITCH * -row + 1.25, _cut(name, 30), parse_math=False)
            parts = (f"{part:.0%} {label}".replace("%", " %") for label, part in zip(AGES, share, strict=True))
            told.append(f"{name}: {', '.join(parts)}")
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names], fontsize=8)
        axes.set_yticks([])
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_ylim(-0.1 - _PITCH * (len(shares) - 1), _PITCH)
        return _svg(axes, key, "Age of shown items, up to", "; ".join(told))


def _style() -> AbstractContextManager[None]:
    return matplotlib.style.context(["default", _STYLE])


def _axes(height: float, right: float = 0.985, above: float = 0.02) -> Axes:
    figure = Figure((_WIDTH, height))
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.115, right=right, bottom=0.42 / height, top=1 - above / height)
    return axes


def _label(axes: Axes, points: Sequence[Point]) -> None:
    """Write names beside the plot in the order of the points, moved apart, each with a line to its point."""
    order = sorted(points, key=lambda point: point.y.value)
    to_axes = axes.transData + axes.transAxes.inverted()
    at = np.array([to_axes.transform((point.x, point.y.value)) for point in order])
    step = 12 / (axes.get_window_extent().height / axes.figure.dpi * 72)  # of 12 points
    place = at[:, 1].copy()
    for i in range(1, len(place)):
        place[i] = max(place[i], place[i - 1] + step)
    place -= max(0.0, place[-1] - 1)
    for i in range(len(place) - 2, -1, -1):
        place[i] = min(place[i], place[i + 1] - step)
    for point, (x, y), label in zip(order, at, place, strict=True):
        axes.plot([x, 1.02], [y, label], transform=axes.transAxes, color=HAIR, lw=0.8, clip_on=False, zorder=1)
        axes.text(
            1.03, label, _cut(point.system, 15), transform=axes.transAxes, va="center", fontsize=9, parse_math=False
        )


def _svg(axes: Axes, key: str, title: str, told: str) -> str:
    """Draw the figure as an element for a page, with a title and a description for those who cannot see it."""
    held = io.StringIO()
    # browsers have the letters that matplotlib's own font lacks
    with matplotlib.rc_context({"svg.hashsalt": key}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*[Gg]lyph")
        figure = axes.get_figure(root=True)
        assert figure
        figure.savefig(held, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = held.getvalue()
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
        f'<title id="{key}-t">{escape(title)}</title><desc id="{key}-d">{escape(told)}</desc>'
        f"{re.sub(chr(10) + ' *', chr(10), drawn).strip()}</svg>"
    )


def _spread(points: Sequence[Point]) -> float:
    return max(point.x for point in points) / min(point.x for point in points)


def _nice(top: float) -> float:
    """Round up to the next of .01, .02, .05, .1 ... 1, 2, 5 ..."""
    if top < 0.01:
        return 0.01
    power = 10 ** np.floor(np.log10(top))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= top * (1 - 1e-9)))


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
