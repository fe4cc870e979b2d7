"""The page of studies: what the report says, with the horizon and the measure to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.lab.studies.findings import Estimate, Findings, Horizon, analyze_study
from preheat.lab.studies.report import (
    CellSummary,
    accuracy_figure,
    cost_of,
    drawn_lines,
    loss_figure,
    summarize_cells,
)
from preheat.lab.studies.table import read_study
from preheat.messages import _, in_context
from preheat.studio.charts import chart, told
from preheat.studio.frame import NAMES, Section, Visit, framed, refusal_box, say, table, text
from preheat.studio.pages.choosing import Chooser, inside, studies_in
from preheat.view import Figure

MEASURES: dict[str, str] = {"loss": _("loss"), "accuracy": _("accuracy")}
# What to begin with, where there is no study.
FIRST = "preheat study run --data synthetic --warmup 0 --warmup 10% --lr 1e-3 --lr 1e-2 --horizon 200"


# --- What is shown of a study ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StudyLook:
    """What is shown of a study.

    Attributes:
        question: what it is to answer.
        cost: what was trained, against brute force.
        findings: what it says; None before any run has begun.
        summaries: every cell.
    """

    question: str
    cost: str
    findings: Findings | None
    summaries: list[CellSummary]

    @property
    def horizons(self) -> tuple[Horizon, ...]:
        """The findings by the length of runs."""
        return () if self.findings is None else self.findings.horizons

    def figure(self, horizon: Horizon, measure: str) -> Figure | None:
        """The report's figure of a measure over the peaks; None where no line has a best one."""
        if self.findings is None or not drawn_lines(horizon):
            return None
        return loss_figure(horizon, self.findings) if measure == "loss" else accuracy_figure(horizon)

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
    study = read_study(folder)
    return StudyLook(study.question, cost_of(study), analyze_study(study), summarize_cells(study))


def _words(estimate: Estimate | None) -> str:
    return "–" if estimate is None else estimate.words(4)


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


# --- The page -------------------------------------------------------------------------------------------------------


class StudiesPage:
    """One chosen study."""

    def __init__(self, visit: Visit, folder: Path) -> None:
        self._visit = visit
        self._chooser = Chooser(visit, "study", folder, studies_in(folder))
        self._measure = "loss"
        self._horizon = 0
        self._look: StudyLook | None = None

    def build(self) -> None:
        """Make the page."""
        tell = self._visit.tell
        if not self._chooser.names:
            self._chooser.say_none(_("No study in this folder yet: {folder}", folder=self._chooser.folder), FIRST)
            return
        with ui.element("div").classes("ph-line"):
            self._chooser.build_list(tell(in_context("choose", "Study")), self._choose)
            ui.select(
                {name: tell(words) for name, words in MEASURES.items()}, value=self._measure, label=tell(_("Measure")),
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
            self._look, refusal = None, self._visit.tell(error)
        # Another study need not have the length that was chosen.
        self._horizon = self._look.horizons[0].updates if self._look is not None and self._look.horizons else 0
        self._show(refusal)

    def _show(self, refusal: str = "") -> None:
        tell, look = self._visit.tell, self._look
        self._place.clear()
        with self._place:
            if refusal:
                refusal_box(refusal)
            if look is None:
                return
            if look.question:
                text("p", look.question)
            say(text("p").classes("ph-quiet").mark("cost"), look.cost, self._visit)
            if not look.horizons:
                text("p", tell(_("None of its runs has begun.")))
                return
            if len(look.horizons) > 1:
                ui.toggle(
                    {one.updates: f"{one.updates:,}" for one in look.horizons}, value=self._horizon,
                    on_change=self._set_horizon,
                ).mark("horizon")  # fmt: skip
            self._show_horizon(look)

    def _show_horizon(self, look: StudyLook) -> None:
        tell = self._visit.tell
        horizon = next(one for one in look.horizons if one.updates == self._horizon)
        title = _("{measure}, {updates:,} updates", measure=MEASURES[self._measure], updates=horizon.updates)
        figure = look.figure(horizon, self._measure)
        if figure is not None:
            with Section(tell(title), "peaks"):
                chart(told(figure, self._visit), tell(title), "chart-peaks")
                text("p", tell(_("Bars: 95 % intervals over seeds."))).classes("ph-quiet")
        with Section(tell(_("What that says")), "advice"), ui.element("ul"):
            for sentence in horizon.advice:
                say(text("li"), sentence, self._visit)
        with (
            Section(tell(_("Lines, the lowest loss first")), "lines"),
            ui.element("div").classes("ph-wide").props("tabindex=0").mark("lines"),
        ):
            heads = (
                _("Schedule, warm-up"), _("Best peak"), _("loss"), _("Against the lowest"), _("LR sensitivity"),
                _("Peaks within 1 %"), _("Half of the seeds fail"),
            )  # fmt: skip
            table(self._told([heads])[0], self._told(lines_of(horizon)), (1, 2, 4))
        with (
            Section(tell(_("All cells")), "cells"),
            ui.element("div").classes("ph-wide").props("tabindex=0").mark("cells"),
        ):
            columns = (
                _("Schedule"), _("Warm-up"), _("Peak learning rate"), _("Seeds"), _("loss"), _("± 95 %"),
                _("accuracy"), _("Verdict"),
            )  # fmt: skip
            table(self._told([columns])[0], self._told(look.cells(horizon.updates)), range(1, 7))

    def _told(self, rows: Sequence[tuple[str, ...]]) -> list[list[str]]:
        return [[self._visit.tell(cell) for cell in row] for row in rows]

    def _choose(self) -> None:
        ui.timer(0.0, self._read, once=True)

    def _set_measure(self, event: Any) -> None:
        # Shown anew from what was read: both measures are in it.
        self._measure = str(event.value)
        self._show()

    def _set_horizon(self, event: Any) -> None:
        self._horizon = int(event.value)
        self._show()


def studies_page(visit: Visit, folder: Path) -> None:
    """The page at ``/studies``."""
    with framed(visit):
        text("h1", visit.tell(NAMES["studies"]))
        StudiesPage(visit, folder).build()
