"""The design page: schedules drawn while they are written, by the functions that train."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nicegui import ui

from preheat.errors import PreheatError
from preheat.schedule import Schedule
from preheat.studio.charts import chart, redraw
from preheat.studio.design import AXES, Design
from preheat.studio.drawing import chart_of, marked
from preheat.studio.frame import Visit, framed, refusal_box, text
from preheat.studio.history import History
from preheat.studio.pages.copying import CopyPanel
from preheat.studio.pages.curves import CurveList
from preheat.studio.pages.numbers import NumbersPanel
from preheat.studio.pages.phases import PhaseEditor
from preheat.studio.pages.settings import RunSettings

if TYPE_CHECKING:
    from nicegui.events import KeyEventArguments

_QUIET = 0.35  # seconds without a change before the slower parts follow


class DesignPage:
    """One opened design: its history, and the parts that show it.

    Attributes:
        visit: how it was opened.
        history: of the design.
        schedules: the curves that can be drawn, by number.
        refusals: why the others cannot.
    """

    def __init__(self, visit: Visit, design: Design) -> None:
        self.visit = visit
        self.words = visit.words
        self.history = History(design)
        self.schedules: dict[int, Schedule] = {}
        self.refusals: dict[int, str] = {}
        self._following: asyncio.Task[None] | None = None

    @property
    def design(self) -> Design:
        """What is shown."""
        return self.history.now

    def build(self) -> None:
        """Make the page."""
        self._resolve()
        self._toolbar()
        self.chart = chart(self._chart(), self.words["chart"], "chart")
        self._marked = text("p", marked(self.design, self.words)).classes("ph-quiet ph-marked")
        self.phases = PhaseEditor(self)
        with ui.element("div").classes("ph-columns"):
            with ui.element("div"):
                self.curves = CurveList(self)
                self.settings = RunSettings(self)
                self.copying = CopyPanel(self)
            self.numbers = NumbersPanel(self)
        ui.keyboard(self._key, ignore=["input", "select", "textarea"])
        ui.timer(0.0, self.numbers.show, once=True)

    # --- changes -----------------------------------------------------------------------------------------------------

    def change(self, design: Design, kind: str = "") -> None:
        """Show another design; changes of one kind in quick succession are one step of the history."""
        self._show(self.history.change(design, at=time.monotonic(), kind=kind))

    def undo(self) -> None:
        """Show the design before."""
        self._show(self.history.undo())

    def redo(self) -> None:
        """Show the design that was undone last."""
        self._show(self.history.redo())

    def _show(self, design: Design) -> None:
        self._resolve()
        redraw(self.chart, self._chart())
        self._marked.text = marked(design, self.words)
        for part in (self.phases, self.curves, self.settings):
            part.show()
        self._undo.set_enabled(self.history.can_undo)
        self._redo.set_enabled(self.history.can_redo)
        if self._axis.value != design.axis:
            self._axis.value = design.axis
        if self._log.value != design.log:
            self._log.value = design.log
        if self._following is not None:
            self._following.cancel()
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        """What need not keep up with a slider: the address, the numbers, the text to copy."""
        await asyncio.sleep(_QUIET)
        with self.chart.client:
            query = self.design.to_query()
            ui.navigate.history.replace(self.visit.link("design", query))
            for kind, link in self._downloads.items():
                link.props["href"] = f"/design/curve.{kind}?{query}"
                link.update()
            await self.copying.show()
            await self.numbers.show()

    def _resolve(self) -> None:
        self.schedules, self.refusals = {}, {}
        for index in range(len(self.design.curves)):
            try:
                self.schedules[index] = self.design.schedule(index)
                self.schedules[index](0)  # what a function of the user's refuses, it refuses here
            except PreheatError as error:
                self.schedules.pop(index, None)
                self.refusals[index] = str(error)

    def _chart(self) -> dict[str, Any]:
        return chart_of(self.design, self.schedules, self.words)

    # --- the toolbar -------------------------------------------------------------------------------------------------

    def _toolbar(self) -> None:
        words, query = self.words, self.design.to_query()
        with ui.element("div").classes("ph-line"):
            self._undo = ui.button(words["undo"], on_click=self.undo).props("flat dense").mark("undo")
            self._redo = ui.button(words["redo"], on_click=self.redo).props("flat dense").mark("redo")
            self._undo.disable()
            self._redo.disable()
            self._log = ui.switch(words["log"], value=self.design.log, on_change=self._set_log).mark("log")
            self._axis = ui.select(
                {axis: words[f"axis.{axis}"] for axis in AXES},
                value=self.design.axis, label=words["axis"], on_change=self._set_axis,
            ).props("dense options-dense").mark("axis")  # fmt: skip
            ui.button(words["link"], on_click=self._copy_link).props("flat dense").classes("ph-copy-link")
            ui.label(words["download"])
            self._downloads = {
                kind: ui.link(kind.upper(), f"/design/curve.{kind}?{query}").props(f'download="curve.{kind}"')
                for kind in ("png", "svg", "csv")
            }

    def _set_log(self) -> None:
        self.change(replace(self.design, log=self._log.value))

    def _set_axis(self) -> None:
        try:
            self.change(replace(self.design, axis=self._axis.value))
        except PreheatError as error:  # an axis of epochs, and nobody has said how long one is
            ui.notify(str(error))
            self._axis.value = self.design.axis

    def _copy_link(self) -> None:
        ui.clipboard.write(f"{self.visit.base}{self.visit.link('design', self.design.to_query())}")
        ui.notify(self.words["copied"])

    def _key(self, event: KeyEventArguments) -> None:
        if event.action.keydown and (event.modifiers.ctrl or event.modifiers.meta) and event.key.name.lower() == "z":
            if event.modifiers.shift:
                self.redo()
            else:
                self.undo()


def design_page(visit: Visit) -> None:
    """The page at ``/``."""
    refusal = ""
    try:
        design = Design.from_query(visit.pairs)
    except PreheatError as error:
        design, refusal = Design(), str(error)
    with framed(visit, design.to_query()):
        text("h1", visit.words["design"])
        if refusal:
            refusal_box(refusal)
        DesignPage(visit, design).build()
