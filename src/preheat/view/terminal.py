"""Schedules in the terminal, drawn with plotext."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence

from preheat.errors import missing_extra
from preheat.view.samples import Curves, sample

_MARKERS = ("braille", "•", "x", "+", "o", "*")
_SIGNS = {"braille": "⣀"}


def draw(
    curves: Curves,
    *,
    updates: int | None = None,
    lr: float = 1.0,
    width: int | None = None,
    height: int = 18,
    color: bool = False,
    log: bool = False,
) -> str:
    """The curve of one schedule or several as lines of text; phase borders are vertical lines.

    Args:
        curves: a schedule, a list of them, or a dictionary of labels and schedules.
        updates: last position shown; None shows the longest horizon.
        lr: the peak learning rate; 1.0 shows shares of the peak.
        width: columns; None takes the terminal's, at most 100.
        height: rows.
        color: add ANSI colors.
        log: show the decimal logarithm; values of 0 are left out.
    """
    width = width or _terminal_width()
    sampled = sample(curves, updates, lr, points=4 * width)
    series = {curve.label: (curve.positions, curve.values) for curve in sampled}
    borders = sorted({border for curve in sampled for border in curve.borders if border})
    what = "learning rate" if lr != 1.0 else "share of the peak"
    return draw_series(series, what=what, borders=borders, width=width, height=height, color=color, log=log)


def draw_series(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    what: str = "learning rate",
    borders: Sequence[float] = (),
    points: Sequence[str] = (),
    width: int | None = None,
    height: int = 18,
    color: bool = False,
    log: bool = False,
) -> str:
    """Values against updates as lines of text.

    Args:
        series: label to (updates, values).
        what: what the values are, for the title.
        borders: updates marked by vertical lines.
        points: labels drawn as dots instead of lines.
        width: columns; None takes the terminal's, at most 100.
        height: rows.
        color: add ANSI colors.
        log: show the decimal logarithm; values of 0 are left out.
    """
    try:
        import plotext
    except ImportError:
        raise missing_extra("plotext", "cli") from None
    figure = plotext.figure
    figure.clear()
    figure.plot_size(width or _terminal_width(), height)
    for border in borders:
        figure.line(border, "v")
    for marker, (label, (updates, values)) in zip(_MARKERS * len(series), series.items(), strict=False):
        pairs = zip(updates, values, strict=True)
        shown = [(at, math.log10(value) if log else value) for at, value in pairs if value > 0 or not log]
        signal = figure.signal(*zip(*shown, strict=True), marker=marker)
        if label not in points:
            signal.lines()
        figure.draw(signal)
    figure.title(f"{'log10 of the ' if log else ''}{what} by update")
    text = figure.build().string(colorless=not color)
    lines = [line.rstrip() for line in text.splitlines()]
    if len(series) > 1:  # plotext puts its legend over the curves
        samples = zip(_MARKERS * len(series), series, strict=False)
        lines.append("      " + "   ".join(f"{_SIGNS.get(marker, marker)} {label}" for marker, label in samples))
    return "\n".join(lines)


def _terminal_width() -> int:
    return min(100, shutil.get_terminal_size((80, 24)).columns)
