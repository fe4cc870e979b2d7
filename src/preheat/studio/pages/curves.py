"""The schedules of a design: each in words, with its refusal below it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nicegui import ui

from preheat.studio.chinese import SCHEDULES
from preheat.studio.design import MOST_CURVES
from preheat.studio.frame import Section, text
from preheat.studio.starting import STARTS

if TYPE_CHECKING:
    from preheat.studio.pages.design import DesignPage


class CurveList:
    """The list, made anew where the number of schedules changes and kept in step otherwise."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        self._inputs: list[ui.input] = []
        self._numbers: list[ui.element] = []
        with Section(page.words["schedules"], "schedules"):
            self._list = ui.element("div")
            with ui.element("div").classes("ph-line"):
                self._add = ui.button(page.words["add.schedule"], on_click=self._append).props("flat dense")
                self._add.mark("add-schedule")
                starts = {name: SCHEDULES.told(name, page.words.language) for name in STARTS}
                self._start = ui.select(
                    starts, label=page.words["start"], with_input=True, on_change=self._begin
                ).props("dense options-dense clearable").classes("min-w-[16rem]").mark("start")  # fmt: skip
        self._build()

    def show(self) -> None:
        """Keep in step with the design."""
        design = self._page.design
        if len(self._inputs) != len(design.curves):
            self._build()
            return
        for index, (field, number, words) in enumerate(zip(self._inputs, self._numbers, design.curves, strict=True)):
            if field.value != words:
                field.value = words
            self._mark(index, field, number)
        self._add.set_enabled(len(design.curves) < MOST_CURVES)

    def _mark(self, index: int, field: ui.input, number: ui.element) -> None:
        field.error = self._page.refusals.get(index)
        number.props(f'aria-pressed="{str(index == self._page.design.on).lower()}"')
        number.update()

    def _build(self) -> None:
        words = self._page.words
        self._list.clear()
        self._inputs, self._numbers = [], []
        with self._list:
            for index, written in enumerate(self._page.design.curves):
                with ui.element("div").classes(f"ph-curve ph-c{index + 1}").style(f"--of: var(--c{index + 1})"):
                    number = text("button", index + 1).classes("ph-number").props(
                        f'type="button" aria-label="{words["edit"]}: {index + 1}"'
                    ).on("click", partial(self._select, index)).mark(f"edit-{index}")  # fmt: skip
                    field = ui.input(
                        words["schedule"], value=written, on_change=partial(self._write, index)
                    ).props("dense debounce=250 spellcheck=false autocomplete=off").classes("w-full")  # fmt: skip
                    field.without_auto_validation().mark(f"words-{index}")
                    with ui.element("div").classes("ph-line"):
                        for key, icon, act in (
                            ("copy.schedule", "content_copy", self._duplicate),
                            ("remove", "delete", self._remove),
                        ):
                            button = ui.button(icon=icon, on_click=partial(act, index)).props("flat dense round")
                            button.props(f'aria-label="{words[key]} {index + 1}"').tooltip(words[key])
                            button.mark(f"{key}-{index}")
                            button.set_enabled(key != "remove" or len(self._page.design.curves) > 1)
                self._inputs.append(field)
                self._numbers.append(number)
                self._mark(index, field, number)
        self._add.set_enabled(len(self._inputs) < MOST_CURVES)

    def _change(self, index: int, curves: list[str], kind: str = "") -> None:
        page = self._page
        page.change(replace(page.design, curves=tuple(curves), on=min(index, len(curves) - 1)), kind)

    def _write(self, index: int) -> None:
        written = self._inputs[index].value
        curves = list(self._page.design.curves)
        if curves[index] != written:
            curves[index] = written
            self._change(index, curves, f"words-{index}")

    def _select(self, index: int) -> None:
        self._page.change(replace(self._page.design, on=index))

    def _append(self) -> None:
        self._change(len(self._inputs), [*self._page.design.curves, "warmup 10% > linear to 0"])

    def _duplicate(self, index: int) -> None:
        curves = list(self._page.design.curves)
        if len(curves) < MOST_CURVES:
            curves.insert(index + 1, curves[index])
            self._change(index + 1, curves)

    def _remove(self, index: int) -> None:
        curves = list(self._page.design.curves)
        del curves[index]
        self._change(max(0, index - 1), curves)

    def _begin(self) -> None:
        """The edited schedule becomes a named one."""
        if self._start.value:
            curves = list(self._page.design.curves)
            curves[self._page.design.on] = STARTS[self._start.value]
            self._start.value = None
            self._change(self._page.design.on, curves)
