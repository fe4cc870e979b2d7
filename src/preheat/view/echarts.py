"""Charts to look into: what a page draws with ECharts, as plain data.

Colors are the page's variables (:mod:`preheat.view.image`), so one chart serves light and dark; ECharts has to draw
it as SVG for that. The names of series, axes and marks are text and nothing else.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from preheat.view.image import CURVES

# --- ECharts itself, where nicegui is installed: its wheel holds the library as one module. No copy of it is kept here


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
        found = importlib.util.find_spec("nicegui")
    except ValueError:  # a stand-in for the package that says nothing of where it is
        return None
    places = [] if found is None else list(found.submodule_search_locations or [])
    return Path(places[0]) / _DIST if places else None


def _exports(source: str) -> str:
    """What stands in the braces of a module's last export; empty where there is none."""
    found = re.findall(r"\bexport\{([^}]*)\}", source)
    return found[-1] if found else ""


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


# --- Charts to look into: what a page draws with ECharts, as plain data ---------------------------------------------


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
        marks: places of events by kind, in the last colors.
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
    label: str, places: Sequence[float], values: Sequence[float], color: str, *, log: bool, faint: bool, points: bool,
    dashed: bool,
) -> dict[str, Any]:  # fmt: skip
    data = [
        [place, value if math.isfinite(value) and not (log and value <= 0) else None]
        for place, value in zip(places, values, strict=True)
    ]
    style = {"color": color, "width": 0 if points else 1 if faint else 2, "opacity": 0.4 if faint else 1}
    return {
        "type": "line",
        "name": label,
        "data": data,
        "showSymbol": points or (len(data) <= _FEW and not dashed),
        "symbol": "circle",
        "symbolSize": 4 if points else 6,
        "itemStyle": {"color": color, "opacity": style["opacity"]},
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


# --- Charts to look into, as reports have them: marks and levels are lines of their own, which the legend can hide


_DIGITS = 7  # of a value: more than a screen can show or a hint tells
_BESIDE = 0.03  # of a logarithmic axis: left free at both ends
_FAINT, _DIM = 0.5, 0.25  # of curves behind others, of marks where there are many
_OVER = 1.2  # times a level beyond the curves: where the axis ends
_MANY = 20  # marks of a kind
_BORDER_ROOM = 20  # of an axis: the part of it that the number above a border needs
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
    room = (reach or max(borders, default=0)) / _BORDER_ROOM
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
