"""The page of studies: what the report says, with the horizon and the measure to choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.lab.studies.findings import Estimate, Horizon, Point, analyze_study
from preheat.lab.studies.report import CellSummary, cost_of, summarize_cells
from preheat.lab.studies.table import read_study
from preheat.studio.charts import chart
from preheat.studio.chinese import STUDIES
from preheat.studio.frame import Section, Visit, framed, refusal_box, say, text
from preheat.studio.pages.choosing import Chooser, inside, studies_in
from preheat.studio.pages.design import table
from preheat.studio.words import Words
from preheat.view.echarts import chart_options
from preheat.view.image import CURVES

# --- A study as its page shows it: findings, cells, and lines over their peaks as charts ----------------------------


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
    table = read_study(folder)
    found = analyze_study(table)
    horizons = () if found is None else found.horizons
    return StudyLook(table.question, cost_of(table), horizons, summarize_cells(table))


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


def _bars(name: str, margins: list[tuple[float, float, float]], color: str) -> dict[str, Any]:
    """Intervals as pieces of a line of the same name, which the legend hides with it."""
    data: list[list[float | None]] = []
    for at, mean, margin in margins:
        data += [[at, mean - margin], [at, mean + margin], [at, None]]
    return {
        "type": "line", "name": name, "data": data, "symbol": "none", "silent": True, "tooltip": {"show": False},
        "lineStyle": {"color": color, "width": 1}, "itemStyle": {"color": color},
    }  # fmt: skip


def _words(found: Estimate | None) -> str:
    return "–" if found is None else found.words(4)


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


# --- The page of studies: what the report says, with the horizon and the measure to choose --------------------------


# What to begin with, where there is no study.
FIRST = "preheat study run --data synthetic --warmup 0 --warmup 10% --lr 1e-3 --lr 1e-2 --horizon 200"


class StudiesPage:
    """One chosen study."""

    def __init__(self, visit: Visit, folder: Path) -> None:
        self._visit = visit
        self._chooser = Chooser(visit, "study", folder, studies_in(folder))
        self._measure = MEASURES[0]
        self._horizon = 0
        self._look: StudyLook | None = None

    def build(self) -> None:
        """Make the page."""
        words = self._visit.words
        if not self._chooser.names:
            self._chooser.say_none(words["studies.none"], FIRST)
            return
        with ui.element("div").classes("ph-line"):
            self._chooser.build_list(words["studies.choose"], self._choose)
            ui.select(
                {name: words[name] for name in MEASURES}, value=self._measure, label=words["measure"],
                on_change=self._set_measure,
            ).props("dense options-dense").mark("measure")  # fmt: skip
            self._chooser.build_link()
        self._place = ui.element("div")
        ui.timer(0.0, self._read, once=True)

    async def _read(self) -> None:
        refusal = ""
        try:
            place = inside(self._chooser.folder, self._chooser.chosen)
            self._look = await run.io_bound(study_look, place)
        except PreheatError as error:
            self._look, refusal = None, str(error)
        self._horizon = self._look.horizons[0].updates if self._look is not None and self._look.horizons else 0
        self._show(refusal)

    def _show(self, refusal: str = "") -> None:
        words, look = self._visit.words, self._look
        self._place.clear()
        with self._place:
            if refusal:
                refusal_box(refusal)
            if look is None:
                return
            if look.question:
                text("p", look.question)
            say(text("p").classes("ph-quiet").mark("cost"), look.cost, words, STUDIES)
            if not look.horizons:
                text("p", words["studies.empty"])
                return
            if len(look.horizons) > 1:
                ui.toggle(
                    {one.updates: f"{one.updates:,}" for one in look.horizons}, value=self._horizon,
                    on_change=self._set_horizon,
                ).mark("horizon")  # fmt: skip
            self._show_horizon(look)

    def _show_horizon(self, look: StudyLook) -> None:
        words = self._visit.words
        horizon = next(one for one in look.horizons if one.updates == self._horizon)
        title = words["peaks"].format(measure=words[self._measure], updates=f"{horizon.updates:,}")
        with Section(title, "peaks"):
            chart(over_peaks(horizon, self._measure, words), words[self._measure], "chart-peaks")
            text("p", words["interval"]).classes("ph-quiet")
        with Section(words["advice"], "advice"), ui.element("ul"):
            for sentence in horizon.advice:
                say(text("li"), sentence, words, STUDIES)
        with Section(words["lines"], "lines"), ui.element("div").classes("ph-wide").mark("lines"):
            keys = ("name", "best", "loss", "verdict", "sensitivity", "usable", "fails")
            heads = tuple(words["loss" if key == "loss" else f"line.{key}"] for key in keys)
            table(heads, self._told(lines_of(horizon)), (1, 2, 4))
        with Section(words["cells"], "cells"), ui.element("div").classes("ph-wide").mark("cells"):
            heads = tuple(
                words[key]
                for key in ("cell.schedule", "warmup", "peak", "cell.seeds", "loss", "cell.margin", "accuracy",
                            "cell.verdict")
            )  # fmt: skip
            table(heads, self._told(look.cells(horizon.updates)), range(1, 7))

    def _told(self, rows: list[tuple[str, ...]]) -> list[list[str]]:
        return [[STUDIES.told(cell, self._visit.language) for cell in row] for row in rows]

    def _choose(self) -> None:
        ui.timer(0.0, self._read, once=True)

    def _set_measure(self, event: Any) -> None:
        self._measure = str(event.value)
        self._show()

    def _set_horizon(self, event: Any) -> None:
        self._horizon = int(event.value)
        self._show()


def studies_page(visit: Visit, folder: Path) -> None:
    """The page at ``/studies``."""
    with framed(visit, urlencode(visit.pairs)):
        text("h1", visit.words["studies"])
        StudiesPage(visit, folder).build()
