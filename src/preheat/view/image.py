"""Schedules and recorded values as images, drawn with matplotlib (no window, no global state)."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, missing_extra, refusal
from preheat.files import replacing
from preheat.view.samples import Curves, sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# --- The colors of every page: variables of a style sheet, for light and for dark screens --------------------------
# ``--paper`` (background), ``--ink`` (words), ``--quiet`` (lesser words), ``--line`` and ``--panel`` (tables, boxes),
# ``--grid``, ``--soft`` and ``--level`` (in drawings), ``--c1`` to ``--c8`` (curves), ``--right`` and ``--wrong``
# (heat).


LIGHT = {
    "paper": "#fff", "ink": "#1c1917", "quiet": "#57534e", "line": "#d6d3d1", "panel": "#f5f5f4",
    "grid": "#ebebeb", "soft": "#78716c", "level": "#666",
    "c1": "#c2410c", "c2": "#1d4ed8", "c3": "#15803d", "c4": "#7e22ce",
    "c5": "#0e7490", "c6": "#a16207", "c7": "#be185d", "c8": "#4b5563",
    "right": "29 78 216", "wrong": "194 65 12",
}  # fmt: skip
DARK = {
    "paper": "#171717", "ink": "#ededec", "quiet": "#b5b2ae", "line": "#44403c", "panel": "#232221",
    "grid": "#33302e", "soft": "#a8a29e", "level": "#b5b2ae",
    "c1": "#fb923c", "c2": "#7ea6ff", "c3": "#4ade80", "c4": "#d0a2ff",
    "c5": "#4fd1e5", "c6": "#facc15", "c7": "#f783b8", "c8": "#a9b4c2",
    "right": "96 140 255", "wrong": "234 100 40",
}  # fmt: skip
CURVES = tuple(f"var(--c{number})" for number in range(1, 9))


def variables(colors: dict[str, str]) -> str:
    """Declarations of a style sheet.

    >>> variables(LIGHT)[:30]
    '--paper: #fff; --ink: #1c1917;'
    """
    return " ".join(f"--{name}: {value};" for name, value in colors.items())


# --- Schedules and recorded values as images, drawn with matplotlib (no window, no global state) --------------------


COLORS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#0e7490", "#a16207", "#be185d", "#4b5563")
_DASHES = ("-", "--", "-.")  # of marks; borders are dotted
_FEW = 20  # marks of a kind that may cross the whole picture
_FORMATS = ("png", "svg", "pdf")


def plot(
    curves: Curves,
    *,
    path: str | os.PathLike[str] | None = None,
    updates: int | None = None,
    lr: float = 1.0,
    title: str | None = None,
    log: bool = False,
) -> Figure:
    """Draw one schedule or several in one picture, the borders of their phases marked.

    Args:
        curves: a schedule, a list of them, or a dictionary of labels and schedules.
        path: ``.png``, ``.svg`` or ``.pdf`` file to write; None only returns the figure.
        updates: last position shown; None shows the longest horizon.
        lr: the peak learning rate; 1.0 shows shares of the peak.
        title: shown above the picture.
        log: a logarithmic learning-rate axis; values of 0 are left out.

    Returns:
        The ``matplotlib.figure.Figure``.

    Raises:
        MissingExtraError: if matplotlib is not installed.

    >>> from preheat import get_schedule
    >>> figure = plot(get_schedule("warmupcosine", warmup=100, total=3600), lr=1e-4)
    >>> figure.axes[0].get_ylabel()
    'learning rate'
    """
    figure, axes = _canvas(title)
    sampled = sample(curves, updates, lr)
    for curve, color in zip(sampled, _colors(len(sampled)), strict=True):
        axes.plot(curve.positions, curve.values, color=color, label=curve.label, linewidth=1.8)
    _draw_borders(axes, sorted({border for curve in sampled for border in curve.borders if border}))
    axes.set_xlabel("update")
    axes.set_ylabel("learning rate" if lr != 1.0 else "share of the peak")
    if log:
        axes.set_yscale("log")
    _finish(axes, legend=len(sampled) > 1)
    _save(figure, path)
    return figure


def plot_series(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    path: str | os.PathLike[str] | None = None,
    ylabel: str,
    title: str | None = None,
    faint: Sequence[str] = (),
    points: Sequence[str] = (),
    dashed: Sequence[str] = (),
    borders: Sequence[int] = (),
    level: float | None = None,
    marks: Sequence[Sequence[float]] = (),
    log: bool = False,
    legend: bool | None = None,
) -> Figure:
    """Draw recorded values against updates, as a run's ``lr.png`` and ``loss.png`` are.

    Args:
        series: label to (updates, values); a single point is drawn as a dot.
        path: file to write, as for :func:`plot`.
        ylabel: what the values are, with their unit if they have one.
        title: shown above the picture.
        faint: labels drawn in the background (raw values behind an average).
        points: labels drawn as dots instead of lines.
        dashed: labels drawn as dashed lines (a plan behind what was done).
        borders: updates where phases hand over, marked by dotted lines with their numbers.
        level: a value marked by a horizontal dashed line.
        marks: updates to mark by vertical lines, short ones where there are many; a list for each kind, which have the
            last colors, in reverse.
        log: a logarithmic axis of values; values of 0 and below are left out.
        legend: whether to name the series in the picture; None does so for two or more.
    """
    figure, axes = _canvas(title)
    _draw_lines(axes, series, faint, points, dashed)
    if level is not None:
        axes.axhline(level, color="0.4", linestyle="--", linewidth=1)
    whole_height = axes.get_xaxis_transform()
    for updates, color, dashes in zip(marks, reversed(COLORS), _DASHES * 2, strict=False):
        low = 0 if len(updates) <= _FEW else 0.94
        lines: dict[str, Any] = {"colors": color, "linestyles": dashes, "linewidth": 0.9, "zorder": 1.4}
        axes.vlines(updates, low, 1, transform=whole_height, **lines)
    axes.set_xlabel("update")
    axes.set_ylabel(ylabel)
    if log:
        axes.set_yscale("log", nonpositive="mask")
    _finish(axes, legend=len(series) > 1 if legend is None else legend)
    _draw_borders(axes, borders)
    _save(figure, path)
    return figure


def plot_against(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    path: str | os.PathLike[str] | None = None,
    faint: Sequence[str] = (),
    lines: Mapping[str, float] | None = None,
    margins: Mapping[str, Sequence[float]] | None = None,
    log_x: bool = False,
    limits: tuple[float, float] | None = None,
    legend: bool = True,
) -> Figure:
    """Draw values against something else than updates, a learning rate say.

    Args:
        series: label to (places, values); a single point is drawn as a dot.
        xlabel: what the places are, with their unit if they have one.
        ylabel: what the values are, likewise.
        path: file to write, as for :func:`plot`.
        faint: labels drawn in the background (raw values behind an average).
        lines: label to a place, drawn as vertical lines.
        margins: label to the half height of an interval at each of its places; 0 draws none.
        log_x: a logarithmic axis of places.
        limits: lowest and highest value shown; None shows all of them, from 0.
        legend: whether to name the series in the picture.
    """
    figure, axes = _canvas(None)
    _draw_lines(axes, series, faint)
    for (label, (places, values)), color in zip(series.items(), _colors(len(series)), strict=True):
        if margins and label in margins:
            axes.errorbar(places, values, margins[label], fmt="none", ecolor=color, elinewidth=1, capsize=2.5)
    for label, place in (lines or {}).items():
        axes.axvline(place, color="0.35", linestyle="--", linewidth=1.2, label=label)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if log_x:
        axes.set_xscale("log")
    _finish(axes, legend=legend)
    if limits:
        axes.set_ylim(*limits)
    _save(figure, path)
    return figure


def _draw_lines(
    axes: Axes,
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    faint: Sequence[str] = (),
    points: Sequence[str] = (),
    dashed: Sequence[str] = (),
) -> None:
    for (label, (places, values)), color in zip(series.items(), _colors(len(series)), strict=True):
        style: dict[str, Any] = {"alpha": 0.3, "linewidth": 0.8} if label in faint else {"linewidth": 1.8}
        if label in points:
            style = {"linestyle": "none", "marker": ".", "markersize": 4}
        elif len(places) < 30:
            style["marker"] = "o"
        if len(places) == 1:
            style["linestyle"] = "none"
        if label in dashed:
            style |= {"linestyle": "--", "marker": "", "linewidth": 1.2, "zorder": 1.5}  # lines are at 2
        axes.plot(places, values, color=color, label=label, **style)


def _canvas(title: str | None) -> tuple[Figure, Axes]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("matplotlib", "plot") from None
    figure = Figure(figsize=(7.2, 4.0), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    if title:
        axes.set_title(title, pad=16)
    return figure, axes


def _draw_borders(axes: Axes, borders: Sequence[int]) -> None:
    """A dotted line at each border, and above it the update, where there is room."""
    for border in borders:
        axes.axvline(border, color="0.6", linestyle=":", linewidth=1)
    left, right = axes.get_xlim()
    for border in _apart(borders, (right - left) / 20):
        axes.text(
            border, 1.01, f"{border:,}", transform=axes.get_xaxis_transform(), fontsize=8, color="0.4", ha="center"
        )


def _apart(borders: Sequence[int], least: float) -> list[int]:
    """Those borders whose numbers would not be written over each other."""
    chosen: list[int] = []
    for border in borders:
        if not chosen or border - chosen[-1] >= least:
            chosen.append(border)
    return chosen


def _colors(many: int) -> list[str]:
    return [COLORS[index % len(COLORS)] for index in range(many)]


def _finish(axes: Axes, *, legend: bool) -> None:
    if axes.get_yscale() == "linear":
        axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_xlabel() == "update":
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value == int(value) else "")
    else:
        axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.yaxis.set_major_formatter(lambda value, _: _short(value))
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        between = "25" if high / low < 100 else ""  # powers of ten alone say little about a narrow range
        axes.yaxis.set_minor_formatter(lambda value, _: _short(value) if f"{value:e}"[0] in between else "")
    if legend:
        axes.legend(frameon=False)


def _short(value: float) -> str:
    """A tick as people write learning rates: 8e-5, 0.02, 1."""
    if not 0 < abs(value) < 1e-3:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.3e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _save(figure: Figure, path: str | os.PathLike[str] | None) -> None:
    """Write the figure, whole or not at all."""
    if path is None:
        return
    kind = Path(path).suffix[1:].lower()
    if kind not in _FORMATS:
        raise ConfigError(refusal("path", "a .png, .svg or .pdf file", str(path), "Name one of these."))
    # No date and fixed ids: the same picture is the same file.
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    import matplotlib

    with replacing(path) as beside, matplotlib.rc_context({"svg.hashsalt": "preheat", "svg.fonttype": "none"}):
        figure.savefig(beside, format=kind, metadata=metadata)


# --- A matplotlib figure as an SVG element that lives inside an HTML page: colored by the page, with ids of its own
# Colors  become the page's variables, so that one drawing serves a light, a dark and a printed page:
#          ``--ink`` (axes and words), ``--grid``, ``--soft`` (borders of phases), ``--level``, and ``--c1`` to
#          ``--c8``.
# Words    stay text, in the page's font, and can be searched and read aloud.
# Ids      matplotlib numbers them anew in every figure: here each has the figure's prefix.


_VARIABLES = {
    "#000000": "ink",
    "#ebebeb": "grid",
    "#999999": "soft",
    "#666666": "level",
    **{color: f"c{number}" for number, color in enumerate(COLORS, 1)},
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def inline_svg(figure: Figure, *, prefix: str, label: str) -> str:
    """The figure as one ``<svg>`` element, as wide as its place.

    Args:
        figure: what :func:`preheat.view.plot` or :func:`preheat.view.plot_series` returned; it is left as it is, but
            for its background, which becomes transparent.
        prefix: begins every id; one for each figure of a page: a letter, then letters, digits and hyphens.
        label: what the drawing shows, in words, for those who do not see it.

    >>> from preheat.view import plot_series
    >>> drawing = inline_svg(plot_series({"lr": ([0, 1], [0.0, 0.1])}, ylabel="lr"), prefix="a", label="Rises to 0.1.")
    >>> drawing[:53], "var(--c1)" in drawing
    ('<svg role="img" aria-label="Rises to 0.1." id="a" vie', True)
    """
    import matplotlib

    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": prefix, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata=_NO_METADATA)
    drawing = text.getvalue()
    box = re.search(r'viewBox="[^"]*"', drawing)
    assert box is not None  # every SVG of matplotlib has one
    body = drawing[drawing.index(">", box.end()) + 1 : drawing.rindex("</svg>")]
    return f'<svg role="img" aria-label="{escape(label)}" id="{prefix}" {box[0]}>{_adapted(body, prefix)}</svg>'


def _adapted(body: str, prefix: str) -> str:
    """The drawing without what the page does better, with its ids and colors changed."""
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    # Groups are numbered anew in each figure and nothing points to them; what is pointed to has a hash for a name.
    body = re.sub(r'<g id="[^"]*">', "<g>", body)
    body = re.sub(r'(id="|url\(#|xlink:href="#)', rf"\1{prefix}-", body)
    body = re.sub(r" font-family: [^;]*;", "", body)
    body = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", body)
    body = re.sub(r"#[0-9a-f]{6}\b", lambda found: _variable(found[0]), body)
    return re.sub(r"\s*\n\s*", " ", body)


def _variable(color: str) -> str:
    return f"var(--{_VARIABLES[color]})" if color in _VARIABLES else color
