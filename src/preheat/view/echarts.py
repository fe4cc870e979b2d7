"""A figure to look into: an option of ECharts, as plain data, and the library that draws it.

Colors are the page's variables (:mod:`preheat.view.figure`), so one chart serves light and dark; ECharts has to draw
it as SVG for that. The names of series, axes and marks are text and nothing else. Marks and levels are series without
points, so that a legend can hide them.
"""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path
from typing import Any

from preheat.view.figure import FEW, FONTS, Axis, Figure, Mark, Series

# The data are most of a page's size, and every digit of a float would double them.
_DIGITS = 7  # of a value in a report: more than a screen can show or a hint tells
_MANY = 20  # marks of one label from which on they are pale, and let the curves be seen
_DIM = 0.25
# A cross for a point, where the drawing has one too.
_CROSS = "path://M0,1L1,0L5,4L9,0L10,1L6,5L10,9L9,10L5,6L1,10L0,9L4,5Z"
_STYLES: dict[str, dict[str, Any]] = {
    "line": {"width": 2, "opacity": 1},
    "faint": {"width": 1, "opacity": 0.5},
    "plan": {"width": 7, "opacity": 0.3},
    "points": {"width": 0, "opacity": 1},
}
_ORDER = {"plan": 1, "faint": 2}  # a plan lies below what was done, values below their mean; lines come before


def to_echarts(
    figure: Figure, *, legend: bool = False, digits: int | None = _DIGITS, language: str | None = None
) -> dict[str, Any]:
    """The ECharts option of a figure.

    Args:
        figure: what to draw.
        legend: whether the chart has its own legend and titles; a page that has them beside it leaves them out.
        digits: significant digits of a value; None keeps every one.
        language: of its words; None is the reader's.

    Returns:
        Text, numbers, lists and dictionaries only.

    >>> linear = Series(label="linear", role=1, x=[0, 1], y=[1.0, 0.5])
    >>> spike = Mark(position=1, label="spike", kind="event", role="spike")
    >>> option = to_echarts(Figure(series=(linear,), marks=(spike,)))
    >>> option["series"][0]["data"], [one["name"] for one in option["series"]], option["xAxis"]["name"]
    ([[0, 1.0], [1, 0.5]], ['linear', 'spike'], 'update')
    """
    figure = figure.told(language)
    labels = [*(one.label for one in figure.series), *(mark.label for mark in figure.marks)]
    named = [label for label in dict.fromkeys(labels) if label]
    titled = legend and bool(figure.y.title)
    return {
        "animation": False,
        "grid": {
            "left": 72 if titled else 64, "right": 40 if legend else 20, "top": 44 if legend else 20,
            # ECharts would move the axes to fit their numbers, and then an update would not stand below itself.
            "bottom": (56 if legend else 44) if figure.x.title else 16, "outerBoundsMode": "none",
        },
        "textStyle": {"fontFamily": FONTS},
        "legend": {
            "show": legend and len(named) > 1, "data": named, "top": 0, "type": "scroll", "itemHeight": 8,
            "textStyle": {"color": "var(--ink)"}, "pageTextStyle": {"color": "var(--ink)"},
        },
        "tooltip": {
            # Places that are only beside each other have no axis to point at.
            "trigger": "axis" if figure.x.title else "item", "confine": True, "backgroundColor": "var(--paper)",
            "axisPointer": {"type": "line", "lineStyle": {"color": "var(--soft)"}},
            "borderColor": "var(--line)", "textStyle": {"color": "var(--ink)"},
        },
        "xAxis": _x_axis(figure, digits),
        "yAxis": _y_axis(figure, digits, titled=titled),
        **(_WHEEL if legend else _MOUSE),
        "series": [*(_series(figure, one, digits) for one in figure.series), *_mark_series(figure)],
    }  # fmt: skip


# In the studio the wheel scrolls the page; with the control key it zooms.
_WHEEL: dict[str, Any] = {
    "dataZoom": [{"type": "inside", "filterMode": "none", "zoomOnMouseWheel": "ctrl", "moveOnMouseWheel": False}]
}
# A report leaves the wheel to the page altogether, since ECharts' way to zoom with the mouse takes it away; charts.js
# zooms by dragging instead. The toolbox is out of sight: only what it does with the mouse is wanted.
_MOUSE: dict[str, Any] = {
    "dataZoom": [
        {"type": "slider", "show": False, "filterMode": "none", axis: 0} for axis in ("xAxisIndex", "yAxisIndex")
    ],
    "toolbox": {"left": -100, "itemSize": 1, "feature": {"dataZoom": {"filterMode": "none"}}},
}


# --- axes -----------------------------------------------------------------------------------------------------------


def _x_axis(figure: Figure, digits: int | None) -> dict[str, Any]:
    axis, (low, high) = figure.x, figure.x_span()
    option = {**_axis(axis), "min": _rounded(low, digits), "max": _rounded(high, digits), "nameGap": 26}
    option["splitLine"] = {"show": False}
    if axis.whole:
        option["minInterval"] = 1
    if axis.log:  # the ends are no round numbers
        option["axisLabel"] |= {"showMinLabel": False, "showMaxLabel": False}
    if not axis.title:
        option |= {"axisLabel": {"show": False}, "axisTick": {"show": False}}
    return option


def _y_axis(figure: Figure, digits: int | None, *, titled: bool) -> dict[str, Any]:
    """The axis of values, which ends where ECharts likes, unless the figure or a level beyond the curves says where."""
    axis = figure.y
    option = {**_axis(axis), "name": axis.words if titled else "", "nameGap": 52}
    ends = {"min": axis.low, "max": axis.high}
    # ECharts fits an axis to curves alone: a norm that is never clipped would hide the level it is clipped to.
    low, high = figure.y_span()
    values = [point[1] for one in figure.series for point in one.drawn(figure.x, axis) if point is not None]
    for mark in figure.of("level") if values else ():
        if mark.position > max(values):
            ends["max"] = high
        elif mark.position < min(values) and axis.log:
            ends["min"] = low
    for (end, value), label in zip(ends.items(), ("showMinLabel", "showMaxLabel"), strict=True):
        if value is not None:
            option[end] = _rounded(value, digits)
            option["axisLabel"][label] = value == float(f"{value:.1g}")  # one that is not round has no number
    return option


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "type": "log" if axis.log else "value",
        "name": axis.words,
        "nameLocation": "middle",
        "nameTextStyle": {"color": "var(--ink)"},
        "axisLabel": {"color": "var(--ink)", "hideOverlap": True},
        "axisLine": {"lineStyle": {"color": "var(--soft)"}},
        "splitLine": {"lineStyle": {"color": "var(--grid)"}},
    }


# Whole numbers up to here have no point, which is shorter in a page; JSON writers refuse those above 2^63.
_LARGEST_WHOLE = 2**53


def _rounded(value: float, digits: int | None) -> float:
    if abs(value) <= _LARGEST_WHOLE and value == int(value):
        return int(value)
    return value if digits is None else float(f"{value:.{digits}g}")


# --- series and marks -----------------------------------------------------------------------------------------------


def _series(figure: Figure, series: Series, digits: int | None) -> dict[str, Any]:
    color, style = _color(series.color), _STYLES[series.style]
    data: list[Any] = []
    for place, point in zip(series.x, series.drawn(figure.x, figure.y), strict=True):
        data.append([_place(place), None if point is None else _value(point[1], digits)])
    for index, margin in enumerate(series.margins):
        data[index].append(_value(margin, digits))  # a third number, for the hint
    for index in series.crossed:
        data[index] = {"value": data[index], "symbol": _CROSS, "symbolSize": 13}
    # Dots of a plan would hide the used rates above it.
    few = len(data) < FEW and series.style in ("line", "faint")
    option = {
        "type": "line",
        "name": series.label,
        "data": data,
        "showSymbol": few or series.style == "points",
        "symbol": "circle",
        "symbolSize": 4 if series.style == "points" else 6,
        "itemStyle": {"color": color, "opacity": style["opacity"]},
        "lineStyle": {"color": color, **style},
        "emphasis": {"disabled": True},  # a hovered curve would fade the others
        "z": _ORDER.get(series.style, 3),
    }
    if any(series.margins):
        option["markLine"] = _intervals(figure, series, color)
    return option


def _place(place: float) -> float:
    return int(place) if abs(place) <= _LARGEST_WHOLE and place == int(place) else place


def _value(value: float, digits: int | None) -> float:
    return value if digits is None else float(f"{value:.{digits}g}")


def _intervals(figure: Figure, series: Series, color: str) -> dict[str, Any]:
    """A vertical line at each point that has an interval; ECharts leaves out one of which an end is out of sight."""
    low = -math.inf if figure.y.low is None else figure.y.low
    high = math.inf if figure.y.high is None else figure.y.high
    lines = [
        [{"coord": [place, max(low, value - margin)]}, {"coord": [place, min(high, value + margin)]}]
        for place, value, margin in zip(series.x, series.y, series.margins, strict=True)
        if margin
    ]
    style = {"color": color, "type": "solid", "width": 1}
    return {**_STILL, "label": {"show": False}, "lineStyle": style, "data": lines}


_STILL: dict[str, Any] = {"symbol": "none", "silent": True, "animation": False}


def _mark_series(figure: Figure) -> list[dict[str, Any]]:
    """The marks as series without points, one for each label."""
    texts = figure.texts()
    kinds: dict[str, list[tuple[str, Mark]]] = {}
    for index, mark in enumerate(figure.marks):
        kinds.setdefault(mark.label, []).append((texts.get(index, ""), mark))
    label = {"color": "var(--quiet)", "fontSize": 11, "position": "end", "rotate": 0}
    return [
        {
            "type": "line", "name": name, "data": [],
            "lineStyle": {"color": _mark_color(marks[0][1]), "type": _mark_dash(marks[0][1])},
            "itemStyle": {"color": _mark_color(marks[0][1])},
            "markLine": {
                **_STILL, "label": label, "z": 0,
                "data": [_mark_line(text, mark, pale=len(marks) > _MANY) for text, mark in marks],
            },
        }
        for name, marks in kinds.items()
    ]  # fmt: skip


def _mark_line(text: str, mark: Mark, *, pale: bool) -> dict[str, Any]:
    label = {"formatter": text, "color": _mark_color(mark)} if text else {"show": False}
    if mark.kind == "border" and text:
        label = {"formatter": text}
    style = {"color": _mark_color(mark), "type": _mark_dash(mark), **({"opacity": _DIM} if pale else {})}
    return {("yAxis" if mark.kind == "level" else "xAxis"): mark.position, "label": label, "lineStyle": style}


def _mark_color(mark: Mark) -> str:
    variables = {"border": "var(--soft)", "level": "var(--level)", "grid": "var(--line)"}
    return variables.get(mark.kind) or _color(mark.color)


def _mark_dash(mark: Mark) -> str:
    return {"border": "dotted", "level": "dashed", "grid": "solid"}.get(mark.kind, mark.dash)


def _color(of: int) -> str:
    return f"var(--c{of})"


# --- ECharts itself, where nicegui is installed: its wheel holds the library as one module; no copy of it is kept here


_DIST = Path("elements", "echart", "dist")
# What would end a script inside a page or hide its end, and what would load another file.
_UNFIT = re.compile(r"""</script|<!--|\bimport\s*[{*"']""", re.IGNORECASE)


def echarts_library() -> tuple[str, str] | None:
    """The library as text to be set into a module script, and the name it has there.

    nicegui is looked for, not imported. None where it is not installed, or holds the library in another way.

    Returns:
        Source without exports and without anything that would be loaded, and the name of the ``echarts`` object in it.
    """
    folder = _folder()
    if folder is None:
        return None
    try:
        index = (folder / "index.js").read_text(encoding="utf-8")
        chunk = re.search(r'import\{([^}]*)\}from"\./([\w.-]+\.js)"', index)
        inner = None if chunk is None else _inner(chunk[1], _inner(_exports(index), "echarts"))
        if chunk is None or inner is None:
            return None
        source = (folder / chunk[2]).read_text(encoding="utf-8")
    except OSError:
        return None
    name = _inner(_exports(source), inner)
    if name is None or _UNFIT.search(source):
        return None
    return _alone(source), name


def _folder() -> Path | None:
    try:
        package = importlib.util.find_spec("nicegui")
    except ValueError:  # a stand-in for the package that says nothing of where it is
        return None
    places = [] if package is None else list(package.submodule_search_locations or [])
    return Path(places[0]) / _DIST if places else None


def _exports(source: str) -> str:
    """What stands in the braces of a module's last export; empty where there is none."""
    exports = re.findall(r"\bexport\{([^}]*)\}", source)
    return exports[-1] if exports else ""


def _inner(names: str, outer: str | None) -> str | None:
    """What is called ``outer`` after the braces of an import or an export, by its name before them.

    >>> _inner("a as echarts,b", "echarts"), _inner("a as echarts,b", "b"), _inner("a as echarts,b", "c")
    ('a', 'b', None)
    """
    known = {pair[-1]: pair[0] for pair in (part.split(" as ") for part in names.split(","))}
    return known.get(outer or "")


def _alone(source: str) -> str:
    """The module without its exports, its further parts (never asked for: they draw in space) and its source map."""
    source = re.sub(r"\bexport\{[^}]*\};?", "", source)
    source = re.sub(r'\bimport\("[^"]*"\)', "Promise.reject()", source)
    return re.sub(r"^//# sourceMappingURL=.*$", "", source, flags=re.MULTILINE).strip()
