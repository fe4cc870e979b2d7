"""A design as a chart: the same values that train, at most some hundreds of points a curve."""

from __future__ import annotations

import math
from typing import Any

from preheat.schedule import Schedule
from preheat.studio.design import Design
from preheat.view.echarts import chart_options
from preheat.view.samples import Sampled, sample

POINTS = 400  # of a curve, besides those at its borders: every one travels at every move of a slider
_MOST_LINES = 40  # epochs or checkpoints that are marked


def label(design: Design, index: int) -> str:
    """What a curve is called: its number and its words."""
    words = design.curves[index]
    return f"{index + 1}. {words if len(words) <= 60 else words[:57] + '...'}"


def drawn(design: Design, schedules: dict[int, Schedule]) -> list[Sampled]:
    """The curves as learning rates over updates."""
    named = {label(design, index): one for index, one in schedules.items()}
    return sample(named, design.updates, design.lr, POINTS) if named else []


def chart_of(design: Design, schedules: dict[int, Schedule], words: Any) -> dict[str, Any]:
    """The chart of those curves that are schedules.

    Args:
        design: what is shown.
        schedules: the curves that can be drawn, by their number.
        words: of the page's language, by key.
    """
    curves = drawn(design, schedules)
    scale = design.scale
    series = {one.label: ([position * scale for position in one.positions], one.values) for one in curves}
    options = chart_options(
        series,
        xlabel=words[f"axis.{design.axis}"],
        ylabel=words["rate"],
        borders=_borders(design, schedules.get(design.on), words),
        marks=_marks(design, words),
        log=design.log,
        reach=design.updates * scale,
    )
    # Colors go by a curve's number, whatever else is drawn.
    for line, index in zip(options["series"], schedules, strict=True):
        color = f"var(--c{index + 1})"
        line["itemStyle"]["color"] = line["lineStyle"]["color"] = color
        line["lineStyle"]["width"] = 3 if index == design.on and len(schedules) > 1 else 2
        line["showSymbol"] = False
    for mark in options["series"][0]["markLine"]["data"] if options["series"] else []:
        if mark.get("name") == words["mark.epoch"]:  # many, so they stay behind everything else
            mark["lineStyle"] = {"color": "var(--line)", "type": "solid"}
    return options


def marked(design: Design, words: Any) -> str:
    """What the marks mean that have no label of their own; empty where there is none."""
    return "; ".join(
        words[f"{key}.is"] for key in ("mark.epoch", "mark.checkpoint") if words[key] in _marks(design, words)
    )


def _borders(design: Design, schedule: Schedule | None, words: Any) -> dict[float, str]:
    """The borders of the edited curve, the end of its warm-up by name."""
    if schedule is None:
        return {}
    climb = schedule.warmup_updates
    found: dict[float, str] = {}
    for border in schedule.borders[:_MOST_LINES]:
        if 0 < border < design.updates:
            place = f"{math.ceil(border):,}"
            found[border * design.scale] = f"{words['mark.warmup']} {place}" if border == climb else place
    return found


def _marks(design: Design, words: Any) -> dict[str, list[float]]:
    """Where epochs end and checkpoints are written; evenly chosen ones where there are many."""
    found = {}
    for name, every in (("mark.epoch", design.epoch), ("mark.checkpoint", design.every)):
        if every and every < design.updates:
            many = math.ceil(design.updates / every) - 1
            step = -(-many // _MOST_LINES)
            found[words[name]] = [number * every * design.scale for number in range(step, many + 1, step)]
    return found
