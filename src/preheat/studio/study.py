"""A study as its page shows it: findings, cells, and lines over their peaks as charts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preheat.studio.chinese import STUDIES
from preheat.studio.words import Words
from preheat.study.estimates import Estimate
from preheat.study.findings import Horizon, find
from preheat.study.lines import Point
from preheat.study.report import CellSummary, cost_of, summarise
from preheat.study.table import read
from preheat.view.colours import CURVES
from preheat.view.echarts import chart_options

MEASURES = ("loss", "accuracy")
_APART = 1.02  # lines are set a little beside one another, so that their intervals can be told apart


@dataclass(frozen=True, slots=True)
class StudyLook:
    """What is shown of a study.

    Attributes:
        question: what it is to answer.
        cost: what was trained, against brute force.
        horizons: findings by the length of runs; none before any run has begun.
        summaries: every cell.
    """

    question: str
    cost: str
    horizons: tuple[Horizon, ...]
    summaries: list[CellSummary]

    def cells(self, horizon: int) -> list[tuple[str, ...]]:
        """The cells of one horizon as a table has them."""
        return [
            (cell.schedule, "–" if cell.warmup is None else str(cell.warmup), f"{cell.lr:g}", str(cell.seeds),
             _number(cell.loss), _number(cell.margin), _number(cell.accuracy, 3), cell.verdict)
            for cell in self.summaries
            if cell.horizon == horizon
        ]  # fmt: skip


def lines_of(horizon: Horizon) -> list[tuple[str, ...]]:
    """The lines of one horizon as a table has them."""
    rows: list[tuple[str, ...]] = []
    for one in horizon.compared:
        best, usable = one.line.best, one.line.usable()
        rows.append(
            (one.line.name, "–" if best is None else f"{best.lr:g}", _words(one.loss), one.verdict,
             _words(one.line.sensitivity()), "–" if usable is None else usable.words(), one.line.boundary())
        )  # fmt: skip
    return rows


def study_look(folder: Path) -> StudyLook:
    """Read a study.

    Raises:
        RunError: if the folder is none.
    """
    table = read(folder)
    found = find(table)
    horizons = () if found is None else found.horizons
    return StudyLook(table.question, cost_of(table), horizons, summarise(table))


def over_peaks(horizon: Horizon, measure: str, words: Words) -> dict[str, Any]:
    """A measure of every line over its peaks, with intervals over seeds."""
    lines = [one.line for one in horizon.compared][: len(CURVES)]
    series: dict[str, tuple[list[float], list[float]]] = {}
    bars: dict[str, list[tuple[float, float, float]]] = {}
    for place, line in enumerate(lines):
        shift = _APART ** (place - (len(lines) - 1) / 2)
        known = [(point.lr * shift, found) for point in line.points if (found := _measured(point, measure))]
        name = STUDIES.told(line.name, words.language)
        series[name] = ([at for at, _ in known], [found.mean for _, found in known])
        bars[name] = [(at, found.mean, found.margin) for at, found in known if found.margin]
    options = chart_options(series, xlabel=words["peak"], ylabel=words[measure], log_x=True, from_zero=False)
    options["tooltip"]["trigger"] = "item"  # the points of several lines never lie above one another
    for line, (name, margins) in zip([*options["series"]], bars.items(), strict=True):
        options["series"].append(_bars(name, margins, line["lineStyle"]["color"]))
    return options


def _measured(point: Point, measure: str) -> Estimate | None:
    return point.loss if measure == "loss" else point.accuracy


def _bars(name: str, margins: list[tuple[float, float, float]], colour: str) -> dict[str, Any]:
    """Intervals as pieces of a line of the same name, which the legend hides with it."""
    data: list[list[float | None]] = []
    for at, mean, margin in margins:
        data += [[at, mean - margin], [at, mean + margin], [at, None]]
    return {
        "type": "line", "name": name, "data": data, "symbol": "none", "silent": True, "tooltip": {"show": False},
        "lineStyle": {"color": colour, "width": 1}, "itemStyle": {"color": colour},
    }  # fmt: skip


def _words(found: Estimate | None) -> str:
    return "–" if found is None else found.words(4)


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
