"""The page of studies: what the report says, with the horizon and the measure to choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.studio.charts import chart
from preheat.studio.chinese import STUDIES
from preheat.studio.found import inside, studies_in
from preheat.studio.frame import Section, Visit, framed, refusal_box, say, text
from preheat.studio.pages.choosing import Chooser
from preheat.studio.pages.numbers import table
from preheat.studio.study import MEASURES, StudyLook, lines_of, over_peaks, study_look

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
