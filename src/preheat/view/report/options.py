"""Charts to look into, as reports have them: marks and levels are lines of their own, which the legend can hide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from preheat.view.echarts import chart_options

_DIGITS = 7  # of a value: more than a screen can show or a hint tells
_BESIDE = 0.03  # of a logarithmic axis: left free at both ends
_FAINT, _DIM = 0.5, 0.25  # of curves behind others, of marks where there are many
_OVER = 1.2  # times a level beyond the curves: where the axis ends
_MANY = 20  # marks of a kind
_ROOM = 20  # of an axis: the part of it that the number above a border needs
# A cross for a point, where the drawing has one too.
_CROSS = "path://M0,1L1,0L5,4L9,0L10,1L6,5L10,9L9,10L5,6L1,10L0,9L4,5Z"


def report_options(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str = "update",
    borders: tuple[str, Sequence[float]] = ("", ()),
    marks: Mapping[str, Sequence[float]] | None = None,
    level: tuple[str, float | None] = ("", None),
    reach: float | None = None,
    limits: tuple[float, float] | None = None,
    **how: Any,
) -> dict[str, Any]:
    """The ECharts option of a report's chart; the page's legend and heading say what the chart itself leaves out.

    Args:
        series: the legend's words for a curve, to (places, values).
        xlabel: what the places are; "" stands for places that are only beside each other: their numbers are left out.
        borders: the legend's words for borders of phases, and where they are.
        marks: the legend's words for a kind of event, to its places.
        level: the legend's words for a horizontal line, and its value; None draws none.
        reach: where the axis of places ends; None ends it with the curves.
        limits: lowest and highest value shown; None shows all of them.
        how: as for :func:`preheat.view.echarts.chart_options`.

    >>> options = report_options({"used": ([0, 9], [0.0, 0.1])}, marks={"spike (1)": [4]}, level=("clipped", 1.0))
    >>> [line["name"] for line in options["series"]]
    ['used', 'spike (1)', 'clipped']
    """
    rounded = {
        label: ([_whole(place) for place in places], [_rounded(value) for value in values])
        for label, (places, values) in series.items()
    }
    options = chart_options(
        rounded, xlabel=xlabel, ylabel="", borders=_numbered(borders[1], reach), marks=marks, level=level[1],
        reach=reach, **how,
    )  # fmt: skip
    _detach_lines(options, borders[0], level[0])
    _suit_page(options, xlabel)
    if how.get("log_x"):
        _limit(options["xAxis"], _around([place for places, _ in series.values() for place in places]))
    if limits is not None:
        _limit(options["yAxis"], limits)
    if level[1] is not None:
        _make_room(options, level[1])
    return options


def _suit_page(options: dict[str, Any], xlabel: str) -> None:
    """Leave the legend to the page, and the wheel too: ECharts' own way to zoom with the mouse takes it away."""
    options |= {"grid": {"left": 64, "right": 20, "top": 20, "bottom": 44 if xlabel else 16}}
    options["legend"] = {"show": False}
    options["tooltip"]["axisPointer"]["lineStyle"] = {"color": "var(--soft)"}
    options["xAxis"]["nameGap"] = 26
    if not xlabel:
        options["xAxis"] |= {"axisLabel": {"show": False}, "axisTick": {"show": False}}
        options["tooltip"]["trigger"] = "item"
    for line in options["series"]:
        if line.get("lineStyle", {}).get("opacity", 1) < 1:
            line["lineStyle"]["opacity"] = _FAINT
    zoom = {"type": "slider", "show": False, "filterMode": "none"}
    options["dataZoom"] = [{**zoom, "xAxisIndex": 0}, {**zoom, "yAxisIndex": 0}]
    # Out of sight: only what it does with the mouse is wanted.
    options["toolbox"] = {"left": -100, "itemSize": 1, "feature": {"dataZoom": {"filterMode": "none"}}}


def with_margins(
    options: dict[str, Any], margins: Mapping[str, Sequence[float]], crossed: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """The option whose points have intervals: a vertical line each, and a third number for the hint.

    Args:
        options: as :func:`report_options` made them; changed in place.
        margins: half the height of the interval at each point, by series; 0 draws none.
        crossed: indices of the points drawn as crosses, by series.
    """
    low, high = (options["yAxis"].get(end, other) for end, other in (("min", -math.inf), ("max", math.inf)))
    for line in options["series"]:
        name, style = line["name"], {"color": line["lineStyle"]["color"], "type": "solid", "width": 1}
        known = [(*point, _rounded(margin)) for point, margin in zip(line["data"], margins[name], strict=True)]
        crosses = (crossed or {}).get(name, ())
        line["data"] = [
            {"value": list(point), "symbol": _CROSS, "symbolSize": 13} if index in crosses else list(point)
            for index, point in enumerate(known)
        ]
        line["markLine"] = {
            "symbol": "none", "silent": True, "animation": False, "label": {"show": False}, "lineStyle": style,
            "data": [[{"coord": [place, max(low, value - margin)]}, {"coord": [place, min(high, value + margin)]}]
                     for place, value, margin in known if margin],
        }  # fmt: skip
    return options


def _limit(axis: dict[str, Any], limits: tuple[float, float]) -> None:
    """An axis from one value to another; one that is not round has no number of its own."""
    for end, label, value in zip(("min", "max"), ("showMinLabel", "showMaxLabel"), limits, strict=True):
        axis[end] = _rounded(value)
        axis["axisLabel"][label] = value == float(f"{value:.1g}")


def _make_room(options: dict[str, Any], level: float) -> None:
    """A level beyond all values is shown as well: axes follow the curves alone."""
    values = [value for line in options["series"] for _, value in line["data"] if value is not None]
    axis = options["yAxis"]
    if values and level > max(values):
        axis["max"] = _rounded(level * _OVER)
        axis["axisLabel"]["showMaxLabel"] = False
    elif values and level < min(values) and axis["type"] == "log":
        axis["min"] = _rounded(level / _OVER)
        axis["axisLabel"]["showMinLabel"] = False


def _around(places: Sequence[float]) -> tuple[float, float]:
    """A little more than the places take on a logarithmic axis."""
    low, high = min(places), max(places)
    ratio = max((high / low) ** _BESIDE, 1 + _BESIDE)
    return low / ratio, high * ratio


def _whole(place: float) -> float:
    """An update as a whole number, which is shorter in a page."""
    return int(place) if place == int(place) else place


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _numbered(borders: Sequence[float], reach: float | None) -> dict[float, str]:
    """Each border with its number, left out where it would stand in the one before."""
    room = (reach or max(borders, default=0)) / _ROOM
    found: dict[float, str] = {}
    last = -room
    for border in borders:
        apart = border - last >= room
        found[border] = f"{border:,}" if apart else ""
        last = border if apart else last
    return found


def _detach_lines(options: dict[str, Any], borders: str, level: str) -> None:
    """Lines that are no curve become series without points, each under the legend's words for it."""
    lines = options["series"][0].pop("markLine", None) if options["series"] else None
    if not lines:
        return
    kinds: dict[str, list[dict[str, Any]]] = {}
    for line in lines["data"]:
        name = level if "yAxis" in line else line.get("name", borders)
        if not line["label"].get("formatter", " "):
            line["label"] = {"show": False}
        kinds.setdefault(name, []).append(line)
    options["series"] += [
        {"type": "line", "name": name, "data": [], "markLine": {**lines, "data": _dimmed(data)}}
        for name, data in kinds.items()
    ]


def _dimmed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Very many lines of a kind let the curves be seen through them."""
    for line in lines if len(lines) > _MANY else ():
        line["lineStyle"]["opacity"] = _DIM
    return lines
