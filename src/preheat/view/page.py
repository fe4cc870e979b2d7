"""Schedules as HTML: a drawing and the numbers that matter, without scripts, for notebooks and for files."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from preheat.view.samples import Curves, Sampled, named, sample

_WIDTH, _HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 18, 34
_COLORS = ("#c2410c", "#2563eb", "#15803d", "#7e22ce", "#0e7490", "#a16207", "#be185d", "#6b7280")
# currentColor is the text's own color, so the drawing can be read on light and on dark pages.
_STYLE = "font:12px system-ui,sans-serif;max-width:660px"

Scale = Callable[[float], float]


def to_html(curves: Curves, *, updates: int | None = None, lr: float = 1.0) -> str:
    """One self-contained HTML fragment: the curves as SVG, and below it what ``describe()`` says of each.

    Args:
        curves: a schedule, a list of them, or a dictionary of labels and schedules. One that still waits for a plan or
            a base value is shown as its text.
        updates: last position drawn; None takes the longest horizon, or 1000 where there is none.
        lr: the peak learning rate; 1.0 shows shares of the peak.

    >>> from preheat import get_schedule, parse
    >>> "<svg" in to_html(get_schedule("linear", warmup=10, total=100)), "<svg" in to_html(parse("cosine 50%"))
    (True, False)
    """
    schedules = named(curves)
    ready = {label: schedule for label, schedule in schedules.items() if not schedule.waits_for}
    parts = [to_svg(ready, updates=updates, lr=lr)] if ready else []
    for label, schedule in schedules.items():
        text = schedule.describe(lr) if label in ready else f"waits for {schedule.waits_for}"
        heading = f"<b>{escape(label)}</b> " if len(schedules) > 1 else ""
        parts.append(f"<p>{heading}<code>{escape(str(schedule))}</code></p>")
        parts.append(f'<pre style="white-space:pre-wrap;font-size:11px">{escape(text)}</pre>')
    return f'<div style="{_STYLE}">{"".join(parts)}</div>'


def to_svg(curves: Curves, *, updates: int | None = None, lr: float = 1.0) -> str:
    """The curves as one SVG element: axes, borders of phases, a legend where there are several. Standard library only.

    Arguments as :func:`to_html`.
    """
    schedules = named(curves)
    if updates is None and all(schedule.horizon is None for schedule in schedules.values()):
        updates = max(1000, *(2 * math.ceil(border) for one in schedules.values() for border in (0, *one.borders)))
    sampled = sample(schedules, updates, lr, points=_WIDTH)
    last = max(1, sampled[0].positions[-1])
    top = max(max(curve.values) for curve in sampled) or 1.0

    def x(position: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * position / last

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top

    shapes = [*_grid(last, top, x, y, "learning rate" if lr != 1.0 else "share of the peak"), *_borders(sampled, x)]
    for index, curve in enumerate(sampled):
        points = " ".join(
            f"{x(at):.1f},{y(value):.1f}" for at, value in zip(curve.positions, curve.values, strict=True)
        )
        color = _COLORS[index % len(_COLORS)]
        shapes.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        if len(sampled) > 1:
            shapes.append(
                f'<text x="{_WIDTH - _RIGHT}" y="{_TOP + 14 * (index + 1)}" text-anchor="end" fill="{color}">'
                f"{escape(curve.label)}</text>"
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img"'
        f' style="color:inherit;font:11px system-ui,sans-serif" fill="currentColor">{"".join(shapes)}</svg>'
    )


def _grid(last: int, top: float, x: Scale, y: Scale, unit: str) -> list[str]:
    """The axes with a few round numbers on each."""
    lines = []
    for value in _ticks(top):
        level = f"{y(value):.1f}"
        lines.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{level}" y2="{level}" stroke="currentColor" opacity=".15"/>'
            f'<text x="{_LEFT - 6}" y="{level}" dy=".35em" text-anchor="end">{value:.3g}</text>'
        )
    for position in _ticks(last):
        place = f"{x(position):.1f}"
        lines.append(f'<text x="{place}" y="{_HEIGHT - 18}" text-anchor="middle">{position:,.0f}</text>')
    lines.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end" opacity=".7">update</text>')
    lines.append(f'<text x="{_LEFT}" y="10" opacity=".7">{unit}</text>')
    return lines


def _borders(sampled: list[Sampled], x: Scale) -> list[str]:
    return [
        f'<line x1="{x(border):.1f}" x2="{x(border):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="currentColor"'
        ' opacity=".4" stroke-dasharray="2 3"/>'
        for border in sorted({border for curve in sampled for border in curve.borders if border})
    ]


def _ticks(top: float) -> list[float]:
    """Four to six round values from 0 to ``top``."""
    step = 10.0 ** math.floor(math.log10(top))
    for part in (0.2, 0.5, 1.0, 2.0):
        if top / (step * part) <= 6:
            step *= part
            break
    return [step * index for index in range(int(top / step + 1e-9) + 1)]
