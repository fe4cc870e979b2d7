"""Schedules in the terminal, drawn with plotext."""

from __future__ import annotations

import math
import shutil

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
    colour: bool = False,
    log: bool = False,
) -> str:
    """The curve of one schedule or several as lines of text; phase borders are vertical lines.

    Args:
        curves: a schedule, a list of them, or a dictionary of labels and schedules.
        updates: last position shown; None shows the longest horizon.
        lr: the peak learning rate; 1.0 shows shares of the peak.
        width: columns; None takes the terminal's, at most 100.
        height: rows.
        colour: add ANSI colours.
        log: show the decimal logarithm; values of 0 are left out.
    """
    try:
        import plotext
    except ImportError:
        raise missing_extra("plotext", "cli") from None
    width = width or min(100, shutil.get_terminal_size((80, 24)).columns)
    sampled = sample(curves, updates, lr, points=4 * width)
    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, height)
    for border in sorted({border for curve in sampled for border in curve.borders if border}):
        figure.line(border, "v")
    for index, curve in enumerate(sampled):
        points = zip(curve.positions, curve.values, strict=True)
        shown = [(at, math.log10(value) if log else value) for at, value in points if value > 0 or not log]
        signal = figure.signal(*zip(*shown, strict=True), marker=_MARKERS[index % len(_MARKERS)])
        signal.lines()
        figure.draw(signal)
    what = "learning rate" if lr != 1.0 else "share of the peak"
    figure.title(f"{'log10 of the ' if log else ''}{what} by update")
    text = figure.build().string(colorless=not colour)
    lines = [line.rstrip() for line in text.splitlines()]
    if len(sampled) > 1:  # plotext puts its legend over the curves
        samples = zip(_MARKERS * len(sampled), sampled, strict=False)
        lines.append("      " + "   ".join(f"{_SIGNS.get(marker, marker)} {curve.label}" for marker, curve in samples))
    return "\n".join(lines)
