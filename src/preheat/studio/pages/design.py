"""The design page: schedules drawn while they are written, by the functions that train.

:class:`DesignPage` holds the design and its history. Each part of the page (the list of schedules, the phases with
their strip, the run, the text to copy, the numbers) reads the design from it, hands a changed one to
:meth:`DesignPage.change`, and is asked to ``show`` the one that comes of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.messages import _, in_context, joined
from preheat.schedule import Schedule
from preheat.studio import design as editing
from preheat.studio.charts import chart, redraw, told
from preheat.studio.design import (
    AXES,
    KINDS,
    MOST_CURVES,
    MOVING,
    STARTS,
    TITLE,
    Copy,
    Design,
    History,
    Numbers,
    Row,
    copy_as,
    figure_of,
    numbers_of,
    rows_of,
    targets,
)
from preheat.studio.fields import as_page_says, read_count, read_number
from preheat.studio.frame import NAMES, Section, Visit, framed, refusal_box, say, table, text

if TYPE_CHECKING:
    from nicegui.events import KeyEventArguments

    from preheat.view import Figure


# A drag sends a move every 30 ms: what takes 100 ms to work out waits until it rests.
_QUIET = 0.35  # seconds without a change before the slower parts follow
# What fields are called, by what refusals call them.
LABELS: dict[str, str] = {
    "updates": _("Updates"),
    "lr": _("Peak learning rate"),
    "epoch": _("Updates in an epoch"),
    "tokens": _("Tokens in an update"),
    "every": _("Updates between checkpoints"),
    "axis": _("Axis"),
    "text": _("Schedule"),
    "schedule": _("Schedule"),
    "length": in_context("a phase", "Length"),
    "start": in_context("a phase", "From"),
    "end": in_context("a phase", "To"),
}


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
        self.chart = chart(self._figure(), self.visit.tell(TITLE), "chart", bold=self._bold)
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
        redraw(self.chart, self._figure(), bold=self._bold)
        for part in (self.phases, self.curves, self.settings):
            part.show()
        self._undo.set_enabled(self.history.can_undo)
        self._redo.set_enabled(self.history.can_redo)
        if self._axis.value != design.axis:
            self._axis.value = design.axis
        if self._log.value != design.log:
            self._log.value = design.log
        # Only the last of many changes is followed up.
        if self._following is not None:
            self._following.cancel()
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        """What need not keep up with a slider: the address, the numbers, the text to copy."""
        await asyncio.sleep(_QUIET)
        with self.chart.client:
            query = self.design.to_query()
            self.visit.move(query)
            for kind, link in self._downloads.items():
                link.props["href"] = self._download(kind)
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
                self.refusals[index] = self.visit.tell(as_page_says(error, LABELS))

    def _figure(self) -> Figure:
        return told(figure_of(self.design, self.schedules), self.visit)

    @property
    def _bold(self) -> int | None:
        """Which drawn curve is the edited one, where there are several."""
        drawn = [*self.schedules]
        return drawn.index(self.design.on) if len(drawn) > 1 and self.design.on in drawn else None

    # --- the toolbar -------------------------------------------------------------------------------------------------

    def _toolbar(self) -> None:
        tell = self.visit.tell
        with ui.element("div").classes("ph-line"):
            self._undo = ui.button(tell(_("Undo")), on_click=self.undo).props("flat dense").mark("undo")
            self._redo = ui.button(tell(_("Redo")), on_click=self.redo).props("flat dense").mark("redo")
            self._undo.disable()
            self._redo.disable()
            self._log = ui.switch(tell(_("Logarithmic rate")), value=self.design.log, on_change=self._set_log).mark(
                "log"
            )
            self._axis = ui.select(
                {axis: tell(name) for axis, name in AXES.items()},
                value=self.design.axis, label=tell(LABELS["axis"]), on_change=self._set_axis,
            ).props("dense options-dense").mark("axis")  # fmt: skip
            ui.button(tell(_("Copy link")), on_click=self._copy_link).props("flat dense").classes("ph-copy-link")
            ui.label(tell(_("Download")))
            self._downloads = {
                kind: ui.link(kind.upper(), self._download(kind)).props(f'download="curve.{kind}"')
                for kind in ("png", "svg", "csv")
            }

    def _download(self, kind: str) -> str:
        return f"/design/curve.{kind}?{self.design.to_query()}&lang={self.visit.language}"

    def _set_log(self) -> None:
        self.change(replace(self.design, log=self._log.value))

    def _set_axis(self) -> None:
        try:
            self.change(replace(self.design, axis=self._axis.value))
        except PreheatError as error:  # an axis of epochs, and nobody has said how long one is
            ui.notify(self.visit.tell(as_page_says(error, LABELS)))
            self._axis.value = self.design.axis

    def _copy_link(self) -> None:
        self.visit.move(self.design.to_query())
        ui.clipboard.write(self.visit.shared())
        ui.notify(self.visit.tell(_("Copied")))

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
        design, refusal = Design(), visit.tell(error)
    visit.queries[visit.page] = design.to_query()
    with framed(visit):
        text("h1", visit.tell(NAMES["design"]))
        if refusal:
            refusal_box(refusal)
        DesignPage(visit, design).build()


# --- The schedules: each in words, with its refusal below it ----------------------------------------------------------


class CurveList:
    """The list, made anew where the number of schedules changes and kept in step otherwise."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        self._inputs: list[ui.input] = []
        self._numbers: list[ui.element] = []
        with Section(page.visit.tell(_("Schedules")), "schedules"):
            self._list = ui.element("div")
            with ui.element("div").classes("ph-line"):
                self._add = ui.button(page.visit.tell(_("Add a schedule")), on_click=self._append).props("flat dense")
                self._add.mark("add-schedule")
                starts = {str(name): page.visit.tell(name) for name in STARTS}
                self._start = ui.select(
                    starts, label=page.visit.tell(_("Start from")), with_input=True, on_change=self._begin
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
        tell = self._page.visit.tell
        self._list.clear()
        self._inputs, self._numbers = [], []
        with self._list:
            for index, written in enumerate(self._page.design.curves):
                with ui.element("div").classes(f"ph-curve ph-c{index + 1}").style(f"--of: var(--c{index + 1})"):
                    number = text("button", index + 1).classes("ph-number").props('type="button"')
                    number.props["aria-label"] = tell(_("Edit schedule {number}", number=index + 1))
                    number.on("click", partial(self._select, index)).mark(f"edit-{index}")
                    field = ui.input(
                        tell(_("Schedule in words, or a name")), value=written, on_change=partial(self._write, index)
                    ).props("dense debounce=250 spellcheck=false autocomplete=off").classes("w-full")  # fmt: skip
                    field.without_auto_validation().mark(f"words-{index}")
                    with ui.element("div").classes("ph-line"):
                        duplicate = ui.button(icon="content_copy", on_click=partial(self._duplicate, index))
                        duplicate.props["aria-label"] = tell(_("Duplicate schedule {number}", number=index + 1))
                        duplicate.props("flat dense round").tooltip(tell(_("Duplicate"))).mark(f"duplicate-{index}")
                        remove = ui.button(icon="delete", on_click=partial(self._remove, index))
                        remove.props["aria-label"] = tell(_("Remove schedule {number}", number=index + 1))
                        remove.props("flat dense round").tooltip(tell(_("Remove"))).mark(f"remove-schedule-{index}")
                        remove.set_enabled(len(self._page.design.curves) > 1)
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


# --- The phases of the edited schedule: a strip whose borders can be dragged, and a row for each ----------------------


_ADD: dict[str, str] = {"warmup": _("Add warm-up"), "hold": _("Add hold"), "decay": _("Add decay")}


class PhaseEditor:
    """Rows that are made anew when phases come, go or move, and kept in step while one is dragged."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        self._shape: Any = None
        self._fields: list[dict[str, Any]] = []
        self._dragged: int | None = None
        self.strip = Strip(self.resize, page.visit)
        tell = page.visit.tell
        with Section(tell(_("Phases")), "phases") as part:
            self._title = part.heading
            none = _("This schedule is made of schedules, or cannot be read: edit it as text.")
            self._none = ui.label(tell(none)).classes("ph-quiet").mark("phases-none")
            self._rows = ui.element("div")
            with ui.element("div").classes("ph-line") as self._add:
                for kind, words in _ADD.items():
                    button = ui.button(tell(words), on_click=partial(self._append, kind))
                    button.props("flat dense").mark(f"add-{kind}")
                ui.label(tell(_("Drag a border, or focus it and use the arrow keys."))).classes("ph-quiet")
        self.show()

    @property
    def _words(self) -> str:
        return self._page.design.curves[self._page.design.on]

    def show(self) -> None:
        """Keep in step with the design."""
        design = self._page.design
        self._title.text = self._page.visit.tell(_("Phases of schedule {number}", number=design.on + 1))
        rows = self._known_rows()
        self._none.set_visibility(rows is None)
        self._add.set_visibility(rows is not None)
        self.strip.show(rows or [], design.updates, design.on)
        shape = None if rows is None else (design.on, [(row.kind, row.curve) for row in rows])
        if shape != self._shape:
            self._shape = shape
            self._build(rows or [])
        for fields, row in zip(self._fields, rows or [], strict=True):
            self._fill(fields, row)

    def _known_rows(self) -> list[Row] | None:
        """The rows of the edited schedule; None where it has none, or cannot be read."""
        design = self._page.design
        return rows_of(design, design.on) if design.on in self._page.schedules else None

    def _fill(self, fields: dict[str, Any], row: Row) -> None:
        for name in ("length", "start", "end"):
            if name in fields and fields[name].value != getattr(row, name):
                fields[name].value = getattr(row, name)
        slider, updates = fields["slide"], self._page.design.updates
        if slider.props["max"] != updates:
            slider.props(f"max={updates} step={max(1, updates // 1000)}")
        taken = min(updates, updates - row.first if row.updates is None else row.updates)
        if slider.value != taken:
            slider.value = taken

    def _build(self, rows: list[Row]) -> None:
        self._rows.clear()
        self._fields = []
        with self._rows:
            for at, row in enumerate(rows):
                self._fields.append(self._row(at, row, len(rows)))

    def _row(self, at: int, row: Row, many: int) -> dict[str, Any]:
        """One row, and its fields by name."""
        tell = self._page.visit.tell
        with ui.element("div").classes("ph-phase").mark(f"phase-{at}") as line:
            line.on("dragover.prevent", js_handler="() => {}").on("drop.prevent", partial(self._drop, at))
            # Only this may be taken hold of: a slider, or text in a field, is dragged for itself.
            grip = ui.label(f"⠿ {tell(KINDS[row.kind])}").classes("ph-grip").props('draggable="true"')
            grip.on("dragstart", partial(self._pick, at))
            self._curve(at, row)
            fields = self._inputs(at, row)
            with ui.element("div").classes("ph-line"):
                earlier, later = (
                    _("Move phase {number} earlier", number=at + 1),
                    _("Move phase {number} later", number=at + 1),
                )
                self._button("earlier", "arrow_upward", at, earlier, at > 0, partial(self._move, at, at - 1))
                self._button("later", "arrow_downward", at, later, at < many - 1, partial(self._move, at, at + 1))
                remove = _("Remove phase {number}", number=at + 1)
                self._button("remove", "delete", at, remove, many > 1, partial(self._remove, at))
            with ui.element("div").classes("ph-slide"):
                fields["slide"] = self._slider(at, row)
        return fields

    def _curve(self, at: int, row: Row) -> None:
        if row.kind == "hold":
            ui.label("")  # the place stays, so that columns do
            return
        curves = list(dict.fromkeys([row.curve, *MOVING]))
        ui.select(
            curves, value=row.curve, label=self._page.visit.tell(_("Curve")), with_input=True,
            on_change=partial(self._choose, at),
        ).props("dense options-dense").mark(f"curve-{at}")  # fmt: skip

    def _inputs(self, at: int, row: Row) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name in ("length", "start", "end"):
            if name == "end" and row.kind == "hold":
                ui.label("")
                continue
            field = ui.input(
                self._page.visit.tell(LABELS[name]), value=getattr(row, name), on_change=partial(self._write, at, name)
            ).props("dense debounce=250 autocomplete=off").mark(f"{name}-{at}")  # fmt: skip
            fields[name] = field.without_auto_validation()
        return fields

    def _slider(self, at: int, row: Row) -> ui.slider:
        updates = self._page.design.updates
        taken = updates if row.updates is None else row.updates
        slider = ui.slider(min=1, max=updates, step=max(1, updates // 1000), value=taken)
        slider.on_value_change(partial(self._slide, at, slider))
        words = _("Length of phase {number}, {kind}", number=at + 1, kind=KINDS[row.kind])
        slider.props["aria-label"] = self._page.visit.tell(words)
        return slider.mark(f"slide-{at}")

    def _button(self, name: str, icon: str, at: int, words: str, enabled: bool, act: Callable[[], None]) -> None:
        told = self._page.visit.tell(words)
        button = ui.button(icon=icon, on_click=act).props("flat dense round")
        button.props["aria-label"] = told
        button.tooltip(told).mark(f"{name}-{at}")
        button.set_enabled(enabled)

    # --- changes ---------------------------------------------------------------------------------------------------

    def _put(self, words: str, kind: str = "") -> None:
        design = self._page.design
        curves = [*design.curves[: design.on], words, *design.curves[design.on + 1 :]]
        self._page.change(replace(design, curves=tuple(curves)), kind)

    def _try(self, change: Callable[[], str], kind: str = "") -> str | None:
        """Make a change; the refusal where it cannot be."""
        try:
            words = change()
        except PreheatError as error:
            return self._page.visit.tell(as_page_says(error, LABELS))
        if words != self._words:
            self._put(words, kind)
        return None

    def resize(self, at: int, updates: int) -> None:
        """A phase ``updates`` long, as dragged."""
        design = self._page.design
        wanted = min(max(updates, 1), design.updates)
        self._try(lambda: editing.dragged(design, design.on, at, wanted), f"slide-{at}")

    def _slide(self, at: int, slider: ui.slider) -> None:
        rows = self._known_rows()
        if rows is None or at >= len(rows):
            return
        taken = rows[at].updates
        if slider.value is not None and slider.value != taken and not _is_rest(rows[at], slider.value, self._page):
            self.resize(at, int(slider.value))

    def _write(self, at: int, name: str) -> None:
        field = self._fields[at][name] if at < len(self._fields) else None
        if field is not None:
            field.error = self._edit(at, **{name: field.value or ""})

    def _choose(self, at: int, event: Any) -> None:
        refusal = self._edit(at, curve=event.value) if event.value else None
        if refusal:
            ui.notify(refusal)

    def _edit(self, at: int, **new: str) -> str | None:
        return self._try(lambda: editing.changed(self._words, at, **new), f"{next(iter(new))}-{at}")

    def _append(self, kind: str) -> None:
        rows = self._known_rows() or []
        at = 0 if kind == "warmup" else len(rows) if kind == "decay" else max(1, len(rows) - 1)
        refusal = self._try(lambda: editing.added(self._words, at, kind))
        if refusal:
            ui.notify(refusal)

    def _remove(self, at: int) -> None:
        self._try(lambda: editing.removed(self._words, at))

    def _move(self, at: int, to: int) -> None:
        self._try(lambda: editing.moved(self._words, at, to))

    def _pick(self, at: int) -> None:
        self._dragged = at

    def _drop(self, at: int) -> None:
        if self._dragged is not None and self._dragged != at:
            self._move(self._dragged, at)
        self._dragged = None


def _is_rest(row: Row, value: float, page: DesignPage) -> bool:
    """Whether a slider only shows how far an endless phase reaches."""
    return row.updates is None and value == min(page.design.updates, page.design.updates - row.first)


# The handle follows the pointer until it is let go; what is sent is the share of the strip left of it.
_DRAG = """(event) => {
  const handle = event.currentTarget;
  if (event.type === 'pointerdown') { handle.setPointerCapture(event.pointerId); return; }
  if (!handle.hasPointerCapture(event.pointerId)) return;
  const box = handle.closest('.ph-strip').getBoundingClientRect();
  emit((event.clientX - box.left) / box.width);
}"""
_KEYS = {"ArrowLeft": -1, "ArrowRight": 1, "ArrowDown": -1, "ArrowUp": 1}


class Strip:
    """Segments as wide as their phases, kept in place while one is dragged."""

    def __init__(self, resize: Callable[[int, int], None], visit: Visit) -> None:
        self._resize = resize
        self._visit = visit
        self._box = ui.element("div").classes("ph-strip").mark("strip")
        self._segments: list[tuple[ui.element, ui.element, ui.label]] = []
        self._rows: list[Row] = []
        self._updates = 1
        self._shape: Any = None

    def show(self, rows: list[Row], updates: int, curve: int) -> None:
        """The phases of a run of ``updates``."""
        self._rows, self._updates = rows, updates
        self._box.set_visibility(bool(rows))
        shape = (curve, [row.kind for row in rows])
        if shape != self._shape:
            self._shape = shape
            self._build()
        for (segment, handle, label), row in zip(self._segments, rows, strict=True):
            taken = self._taken(row)
            segment.style(f"width: {100 * taken / updates:.4f}%")
            length = row.length if row.length != "rest" else f"{taken:,.0f}"
            label.text = f"{self._visit.tell(KINDS[row.kind])} {length}"
            end = row.first + taken
            handle.set_visibility(row is not rows[-1] or row.length.isdigit())  # the end of the run stays where it is
            handle.props(f'aria-valuenow={end:.0f} aria-valuemax={updates} aria-valuetext="{end:,.0f}"')

    def _taken(self, row: Row) -> float:
        left = max(0.0, self._updates - row.first)
        return left if row.updates is None else min(row.updates, left)

    def _build(self) -> None:
        self._box.clear()
        self._segments = []
        with self._box:
            for at in range(len(self._rows)):
                with ui.element("div").classes("ph-segment") as segment:
                    label = ui.label("")
                    handle = ui.element("div").classes("ph-handle").mark(f"border-{at}")
                    handle.props('role="slider" tabindex="0" aria-valuemin=0')
                    handle.props["aria-label"] = self._visit.tell(_("End of phase {number}", number=at + 1))
                    handle.on("pointerdown", js_handler=_DRAG)
                    handle.on("pointermove", partial(self._drag, at), throttle=0.03, js_handler=_DRAG)
                    for key in _KEYS:
                        handle.on(f"keydown.{key.replace('Arrow', '').lower()}.prevent", partial(self._press, at, key))
                self._segments.append((segment, handle, label))

    def _drag(self, at: int, event: Any) -> None:
        share = min(1.0, max(0.0, float(event.args)))
        self._resize(at, round(share * self._updates - self._rows[at].first))

    def _press(self, at: int, key: str) -> None:
        step = max(1, self._updates // 100)
        self._resize(at, round(self._taken(self._rows[at]) + _KEYS[key] * step))


# --- What surrounds the schedules: the run's length, the peak, epochs, tokens and checkpoints -------------------------


# Fields of a design, and whether they count whole things.
_FIELDS = {"updates": True, "lr": False, "epoch": False, "tokens": False, "every": True}
_OPTIONAL = ("epoch", "tokens", "every")


class RunSettings:
    """Five numbers; three of them may be left empty."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        self._fields: dict[str, ui.input] = {}
        tell = page.visit.tell
        with Section(tell(in_context("settings", "Run")), "run"), ui.element("div").classes("ph-fields"):
            for name, whole in _FIELDS.items():
                field = ui.input(tell(LABELS[name]), value=_text(page.design, name), on_change=partial(self._set, name))
                field.props(f"dense debounce=250 inputmode={'numeric' if whole else 'decimal'}").mark(name)
                field.without_auto_validation()
                if name in _OPTIONAL:
                    field.props["hint"] = tell(_("may be left empty"))
                self._fields[name] = field

    def show(self) -> None:
        """Keep in step with the design."""
        for name, field in self._fields.items():
            # What is being written (1e-3 for 0.001) stays as it is, also while it is no number yet.
            if field.error is None and _value(name, field.value) != getattr(self._page.design, name):
                field.value = _text(self._page.design, name)

    def _set(self, name: str) -> None:
        field = self._fields[name]
        try:
            value = _value(name, field.value)
            if value == getattr(self._page.design, name):
                field.error = None
                return
            # An empty one is refused by its name where it may not be empty.
            new: dict[str, Any] = {name: "" if value is None and name not in _OPTIONAL else value}
            design = replace(self._page.design, **new)
        except PreheatError as error:
            field.error = self._page.visit.tell(as_page_says(error, LABELS))
            return
        field.error = None
        self._page.change(design, f"set-{name}")


def _value(name: str, text: str) -> float | None:
    """The number in a field; None for an empty one."""
    return read_count(name, text) if _FIELDS[name] else read_number(name, text)


def _text(design: Design, name: str) -> str:
    value = getattr(design, name)
    return "" if value is None else f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


# --- The edited schedule as text to paste -----------------------------------------------------------------------------


class CopyPanel:
    """What it is copied as, the text, and how exact that is."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        tell = page.visit.tell
        with Section(tell(_("Copy as")), "codes"):
            with ui.element("div").classes("ph-line"):
                self._target = ui.select(
                    {name: tell(title) for name, title in targets().items()},
                    value="python", label=tell(_("Copy as")), on_change=self.show,
                ).props("dense options-dense").classes("min-w-[16rem]").mark("target")  # fmt: skip
                ui.button(tell(_("Copy")), icon="content_copy", on_click=self._copy).props("flat dense").mark("copy")
            self._text = text("pre").mark("copy-text").props('tabindex="0"')
            self._notes = text("p").classes("ph-quiet ph-lines").mark("copy-notes")
        ui.timer(0.0, self.show, once=True)

    async def show(self) -> None:
        """Keep in step with the design."""
        design, target = self._page.design, str(self._target.value)
        if design.on not in self._page.schedules:  # why, its field says
            self._text.text = ""
            unread = _("Nothing to copy: schedule {number} cannot be read.", number=design.on + 1)
            self._notes.text = self._page.visit.tell(unread)
            return
        try:
            copy = await run.io_bound(copy_as, design, design.on, target)
        except PreheatError as error:
            copy = Copy("", (self._page.visit.tell(error),))
        if copy is not None and design == self._page.design and target == self._target.value:
            self._text.text = copy.text
            self._notes.text = self._page.visit.tell(joined("\n", copy.notes))

    def _copy(self) -> None:
        ui.clipboard.write(self._text.text)
        ui.notify(self._page.visit.tell(_("Copied")))


# --- Beside the drawing: what the edited schedule does in numbers, what may be wrong with it, and how all score -------


_SEVERITIES: dict[str, str] = {"error": _("error"), "warning": _("warning"), "note": _("note")}


class NumbersPanel:
    """Three parts, worked out beside the server's loop."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        tell = page.visit.tell
        with ui.element("div"):
            with Section(tell(_("What it does")), "numbers"):
                self._describe = text("pre").mark("describe")
            with Section(tell(_("Pre-flight check")), "findings"):
                self._findings = ui.element("div").mark("findings")
            with Section(tell(_("Score")), "score"):
                helping = _(
                    "Bound on the last iterate over that of a straight line with the same warm-up; each at its own best"
                    " peak. Lower is better. It cannot choose a warm-up."
                )
                ui.label(tell(helping)).classes("ph-quiet")
                self._scores = ui.element("div").classes("ph-wide").props("tabindex=0").mark("scores")

    async def show(self) -> None:
        """Keep in step with the design."""
        page = self._page
        design, schedules = page.design, dict(page.schedules)
        numbers = await run.io_bound(numbers_of, design, schedules)
        if numbers is None or design != page.design:
            return
        # Why it cannot be read, its field says.
        unread = _("Nothing to say: schedule {number} cannot be read.", number=design.on + 1)
        say(self._describe, numbers.describe if design.on in schedules else unread, page.visit)
        self._show_findings(design.on, numbers, checked=design.on in schedules)
        self._show_scores(numbers)

    def _show_findings(self, on: int, numbers: Numbers, *, checked: bool) -> None:
        visit = self._page.visit
        self._findings.clear()
        with self._findings:
            if not checked:
                unread = _("Nothing was checked: schedule {number} cannot be read.", number=on + 1)
                ui.label(visit.tell(unread)).classes("ph-quiet")
                return
            if not numbers.findings:
                ui.label(visit.tell(_("Nothing found."))).classes("ph-quiet")
                return
            with ui.element("ul"):
                for finding in numbers.findings:
                    words = _("{message}. {advice}", message=finding.message, advice=finding.advice)
                    say(text("li"), joined(": ", [_SEVERITIES[finding.severity], words]), visit)

    def _show_scores(self, numbers: Numbers) -> None:
        tell, design = self._page.visit.tell, self._page.design
        self._scores.clear()
        with self._scores:
            if numbers.too_long:
                ui.label(tell(_("Not scored: the run is longer than 2,000,000 updates."))).classes("ph-quiet")
                return
            rows = [
                (editing.label(design, index), "–", tell(score)) if isinstance(score, PreheatError) else
                (editing.label(design, index), f"{score.ratio:.4f}", f"{score.peak_ratio:.4f}")
                for index, score in numbers.scores.items()
            ]  # fmt: skip
            if not rows:
                return
            heads = (_("Schedule"), _("bound, over that of linear decay"), _("best peak, over that of linear decay"))
            table([tell(head) for head in heads], rows, (1, 2))
