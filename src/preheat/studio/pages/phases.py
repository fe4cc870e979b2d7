"""The phases of the edited schedule: a strip whose borders can be dragged, and a row for each phase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import ui

from preheat.errors import PreheatError
from preheat.studio import rows as editing
from preheat.studio.frame import Section
from preheat.studio.pages.strip import Strip
from preheat.studio.rows import KINDS, MOVING, Row, rows_of

if TYPE_CHECKING:
    from preheat.studio.pages.design import DesignPage


class PhaseEditor:
    """Rows that are made anew when phases come, go or move, and kept in step while one is dragged."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        self._shape: Any = None
        self._fields: list[dict[str, Any]] = []
        self._dragged: int | None = None
        self.strip = Strip(self.resize, page.words)
        with Section(page.words["phases"], "phases") as part:
            self._title = part.heading
            self._none = ui.label(page.words["phases.none"]).classes("ph-quiet").mark("phases-none")
            self._rows = ui.element("div")
            with ui.element("div").classes("ph-line") as self._add:
                for kind in KINDS:
                    ui.button(page.words[f"add.{kind}"], on_click=partial(self._append, kind)).props("flat dense").mark(
                        f"add-{kind}"
                    )
                ui.label(page.words["phases.help"]).classes("ph-quiet")
        self.show()

    @property
    def _words(self) -> str:
        return self._page.design.curves[self._page.design.on]

    def show(self) -> None:
        """Keep in step with the design."""
        design = self._page.design
        self._title.text = f"{self._page.words['phases']} {design.on + 1}"
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
        words = self._page.words
        with ui.element("div").classes("ph-phase").mark(f"phase-{at}") as line:
            line.on("dragover.prevent", js_handler="() => {}").on("drop.prevent", partial(self._drop, at))
            # Only this may be taken hold of: a slider, or text in a field, is dragged for itself.
            grip = ui.label(f"⠿ {words[f'kind.{row.kind}']}").classes("ph-grip").props('draggable="true"')
            grip.on("dragstart", partial(self._pick, at))
            self._curve(at, row)
            fields = self._inputs(at, row)
            with ui.element("div").classes("ph-line"):
                self._button("earlier", "arrow_upward", at, at > 0, partial(self._move, at, at - 1))
                self._button("later", "arrow_downward", at, at < many - 1, partial(self._move, at, at + 1))
                self._button("remove", "delete", at, many > 1, partial(self._remove, at))
            with ui.element("div").classes("ph-slide"):
                fields["slide"] = self._slider(at, row)
        return fields

    def _curve(self, at: int, row: Row) -> None:
        if row.kind == "hold":
            ui.label("")  # the place stays, so that columns do
            return
        curves = list(dict.fromkeys([row.curve, *MOVING]))
        ui.select(
            curves, value=row.curve, label=self._page.words["curve"], with_input=True,
            on_change=partial(self._choose, at),
        ).props("dense options-dense").mark(f"curve-{at}")  # fmt: skip

    def _inputs(self, at: int, row: Row) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, key in (("length", "length"), ("start", "from"), ("end", "to")):
            if name == "end" and row.kind == "hold":
                ui.label("")
                continue
            field = ui.input(
                self._page.words[key], value=getattr(row, name), on_change=partial(self._write, at, name)
            ).props("dense debounce=250 autocomplete=off").mark(f"{name}-{at}")  # fmt: skip
            fields[name] = field.without_auto_validation()
        return fields

    def _slider(self, at: int, row: Row) -> ui.slider:
        words, updates = self._page.words, self._page.design.updates
        taken = updates if row.updates is None else row.updates
        slider = ui.slider(min=1, max=updates, step=max(1, updates // 1000), value=taken)
        slider.on_value_change(partial(self._slide, at, slider))
        label = f"{words['length']}: {words[f'kind.{row.kind}']} {at + 1}"
        return slider.props(f'aria-label="{label}"').mark(f"slide-{at}")

    def _button(self, key: str, icon: str, at: int, enabled: bool, act: Callable[[], None]) -> None:
        words = self._page.words
        button = ui.button(icon=icon, on_click=act).props(f'flat dense round aria-label="{words[key]} {at + 1}"')
        button.tooltip(words[key]).mark(f"{key}-{at}")
        button.set_enabled(enabled)

    # --- changes -----------------------------------------------------------------------------------------------------

    def _put(self, words: str, kind: str = "") -> None:
        design = self._page.design
        curves = [*design.curves[: design.on], words, *design.curves[design.on + 1 :]]
        self._page.change(replace(design, curves=tuple(curves)), kind)

    def _try(self, change: Callable[[], str], kind: str = "") -> str | None:
        """Make a change; the refusal where it cannot be."""
        try:
            words = change()
        except PreheatError as error:
            return str(error)
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
