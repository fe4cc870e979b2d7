"""Charts on a page: options drawn by the ECharts that NiceGUI brings."""

from __future__ import annotations

from typing import Any

from nicegui import ui

# Numbers as people write learning rates: 0.05, 3e-4, 1,200. Keys that begin with a colon are code to NiceGUI.
_NUMBER = """(value) => {
  if (typeof value !== 'number') return '–';
  const short = Number(value.toPrecision(6)), size = Math.abs(short);
  return size && (size < 1e-3 || size >= 1e7) ? short.toExponential().replace('+', '') : short.toLocaleString('en');
}"""


def chart(options: dict[str, Any], label: str, marker: str) -> ui.echart:
    """A chart as wide as its place.

    Args:
        options: as :func:`preheat.view.echarts.chart_options` makes them.
        label: what it shows, for those who do not see it.
        marker: what tests call it.
    """
    made = ui.echart(with_numbers(options), renderer="svg").classes("ph-chart").mark(marker)
    made.props["role"], made.props["aria-label"] = "img", label
    return made


def redraw(made: ui.echart, options: dict[str, Any]) -> None:
    """Draw other options in the same place."""
    made.props["options"] = with_numbers(options)
    made.update()


def with_numbers(options: dict[str, Any]) -> dict[str, Any]:
    """The options with numbers written short, on the axes and beside the pointer."""
    axes = {
        name: {**options[name], "axisLabel": {**options[name]["axisLabel"], ":formatter": _NUMBER}}
        for name in ("xAxis", "yAxis")
    }
    return {**options, **axes, "tooltip": {**options["tooltip"], ":valueFormatter": _NUMBER}}
