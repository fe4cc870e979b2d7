"""Figures on a page: the same as in reports, in the page's language, drawn by the ECharts that NiceGUI brings."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from typing import Any

from nicegui import ui

from preheat.studio.frame import Visit
from preheat.view import Axis, Figure, to_echarts

_NUMBER = (resources.files("preheat.view") / "number.js").read_text(encoding="utf-8")
# Fewer digits on an axis than beside the pointer. Keys that begin with a colon are code to NiceGUI.
_ON_AXIS = f"(value) => (\n{_NUMBER})(value, 4)"
_ABOVE_HINT = f"(at) => (\n{_NUMBER})(at.value)"  # ECharts' own has decimals: update 3,734.00
_IN_HINT = f"(value) => typeof value === 'number' ? (\n{_NUMBER})(value) : '–'"


def chart(figure: Figure, label: str, marker: str, *, bold: int | None = None) -> ui.echart:
    """A chart as wide as its place.

    Args:
        figure: what it shows.
        label: the same in words, for those who do not see it.
        marker: what tests call it.
        bold: index of a series that is drawn stronger than the others.
    """
    made = ui.echart(_option(figure, bold), renderer="svg").classes("ph-chart").mark(marker)
    made.props["role"], made.props["aria-label"] = "img", label
    return made


def redraw(made: ui.echart, figure: Figure, *, bold: int | None = None) -> None:
    """Draw another figure in the same place."""
    made.props["options"] = _option(figure, bold)
    made.update()


def _option(figure: Figure, bold: int | None) -> dict[str, Any]:
    # Every digit: what a page shows is what trains, to the last bit.
    option = to_echarts(figure, legend=True, digits=None)
    for name in ("xAxis", "yAxis"):
        option[name]["axisLabel"][":formatter"] = _ON_AXIS
    option["tooltip"][":valueFormatter"] = _IN_HINT
    option["xAxis"]["axisPointer"] = {"label": {":formatter": _ABOVE_HINT}}
    if bold is not None:
        option["series"][bold]["lineStyle"]["width"] += 1
    return option


def told(figure: Figure, here: Visit) -> Figure:
    """A figure in the language of a page; its numbers and its roles stay, and names that are no messages."""
    say = here.tell

    def axis(one: Axis) -> Axis:
        return replace(one, title=say(one.title), unit=say(one.unit))

    return replace(
        figure,
        title=say(figure.title),
        x=axis(figure.x),
        y=axis(figure.y),
        series=tuple(replace(one, label=say(one.label)) for one in figure.series),
        marks=tuple(replace(one, label=say(one.label), text=say(one.text)) for one in figure.marks),
    )
