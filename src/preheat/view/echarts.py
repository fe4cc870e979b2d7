"""Charts to look into: what a page draws with ECharts, as plain data.

Colours are the page's variables (:mod:`preheat.view.colours`), so one chart serves light and dark; ECharts has to draw
it as SVG for that. The names of series, axes and marks are text and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from preheat.view.colours import CURVES

_FEW = 30  # points up to which each has a dot
_ROOM = 1.3  # beside the outermost places of a logarithmic axis
_DASHES = ("solid", "dashed", "dotted")  # as the legend of a report shows them


def chart_options(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    faint: Sequence[str] = (),
    points: Sequence[str] = (),
    dashed: Sequence[str] = (),
    borders: Mapping[float, str] | None = None,
    marks: Mapping[str, Sequence[float]] | None = None,
    level: float | None = None,
    log: bool = False,
    log_x: bool = False,
    reach: float | None = None,
    from_zero: bool = True,
) -> dict[str, Any]:
    """The ECharts option of curves over updates, or over anything else.

    Args:
        series: label to (places, values); a value that is not finite leaves a gap.
        xlabel: what the places are.
        ylabel: what the values are, with their unit if they have one.
        faint: labels drawn in the background.
        points: labels drawn as dots only.
        dashed: labels drawn as dashed lines.
        borders: places marked by thin vertical lines, each with its label.
        marks: places of events by kind, in the last colours.
        level: a value marked by a horizontal line.
        log: a logarithmic axis of values; values of 0 and below are left out.
        log_x: a logarithmic axis of places.
        reach: where the axis of places ends; None ends it with the curves.
        from_zero: whether the axis of values begins at 0, unless it is logarithmic.

    Returns:
        Text, numbers, lists and dictionaries only.

    >>> chart = chart_options({"linear": ([0, 1], [1.0, 0.5])}, xlabel="update", ylabel="learning rate")
    >>> chart["series"][0]["name"], chart["series"][0]["data"], chart["xAxis"]["name"]
    ('linear', [[0, 1.0], [1, 0.5]], 'update')
    """
    lines = [
        _line(label, places, values, CURVES[index % len(CURVES)], log=log, faint=label in faint,
              points=label in points, dashed=label in dashed)
        for index, (label, (places, values)) in enumerate(series.items())
    ]  # fmt: skip
    if lines:
        lines[0]["markLine"] = _mark_lines(borders or {}, marks or {}, level)
    last = reach if reach is not None else max((places[-1] for places, _ in series.values() if len(places)), default=1)
    place_axis = _logarithmic(series) if log_x else {"type": "value", "min": 0, "max": last}
    return {
        "animation": False,
        "grid": {"left": 72, "right": 40, "top": 44, "bottom": 56, "outerBoundsMode": "none"},
        "textStyle": {"fontFamily": "system-ui, sans-serif"},
        "legend": {
            "show": len(lines) > 1, "top": 0, "type": "scroll", "textStyle": {"color": "var(--ink)"},
            "itemHeight": 8, "pageTextStyle": {"color": "var(--ink)"},
        },
        "tooltip": {
            "trigger": "axis", "axisPointer": {"type": "line"}, "confine": True, "backgroundColor": "var(--paper)",
            "borderColor": "var(--line)", "textStyle": {"color": "var(--ink)"},
        },
        "xAxis": {**place_axis, "name": xlabel, "nameGap": 30, **_axis(), "splitLine": {"show": False}},
        "yAxis": {"type": "log" if log else "value", "scale": not from_zero, "name": ylabel, "nameGap": 52, **_axis()},
        # The wheel scrolls the page; with the control key it zooms.
        "dataZoom": [{"type": "inside", "filterMode": "none", "zoomOnMouseWheel": "ctrl", "moveOnMouseWheel": False}],
        "series": lines,
    }  # fmt: skip


def _logarithmic(series: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, Any]:
    """An axis that ends a little beside the outermost places, and not at the next power of ten."""
    places = [place for at, _ in series.values() for place in at if place > 0]
    return {"type": "log", **({"min": min(places) / _ROOM, "max": max(places) * _ROOM} if places else {})}


def _axis() -> dict[str, Any]:
    return {
        "nameLocation": "middle",
        "nameTextStyle": {"color": "var(--ink)"},
        "axisLabel": {"color": "var(--ink)", "hideOverlap": True},
        "axisLine": {"lineStyle": {"color": "var(--soft)"}},
        "splitLine": {"lineStyle": {"color": "var(--grid)"}},
    }


def _line(
    label: str, places: Sequence[float], values: Sequence[float], colour: str, *, log: bool, faint: bool, points: bool,
    dashed: bool,
) -> dict[str, Any]:  # fmt: skip
    data = [
        [place, value if math.isfinite(value) and not (log and value <= 0) else None]
        for place, value in zip(places, values, strict=True)
    ]
    style = {"color": colour, "width": 0 if points else 1 if faint else 2, "opacity": 0.4 if faint else 1}
    return {
        "type": "line",
        "name": label,
        "data": data,
        "showSymbol": points or (len(data) <= _FEW and not dashed),
        "symbol": "circle",
        "symbolSize": 4 if points else 6,
        "itemStyle": {"color": colour, "opacity": style["opacity"]},
        "lineStyle": {**style, "type": "dashed" if dashed else "solid"},
        "emphasis": {"disabled": True},
        "z": 1 if faint or dashed else 2,
    }


def _mark_lines(
    borders: Mapping[float, str], marks: Mapping[str, Sequence[float]], level: float | None
) -> dict[str, Any]:
    lines: list[dict[str, Any]] = [
        {"xAxis": place, "label": {"formatter": label}, "lineStyle": {"color": "var(--soft)", "type": "dotted"}}
        for place, label in borders.items()
    ]
    for kind, (name, places) in enumerate(marks.items()):
        style = {"color": CURVES[-1 - kind % len(CURVES)], "type": _DASHES[kind % len(_DASHES)]}
        lines += [{"xAxis": place, "name": name, "label": {"show": False}, "lineStyle": style} for place in places]
    if level is not None:
        lines.append({"yAxis": level, "label": {"show": False}, "lineStyle": {"color": "var(--level)"}})
    return {
        "symbol": "none", "silent": True, "animation": False, "data": lines, "z": 0,
        "label": {"color": "var(--quiet)", "fontSize": 11, "position": "end", "rotate": 0},
    }  # fmt: skip
