"""A strip of phases over the run: every border can be dragged, or moved by the arrow keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from nicegui import ui

from preheat.studio.rows import Row

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

    def __init__(self, resize: Callable[[int, int], None], words: Mapping[str, str]) -> None:
        self._resize = resize
        self._words = words
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
            label.text = f"{self._words[f'kind.{row.kind}']} {row.length if row.length != 'rest' else f'{taken:,.0f}'}"
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
                    handle = ui.element("div").classes("ph-handle").props(
                        f'role="slider" tabindex="0" aria-valuemin=0 aria-label="{self._words["border"]} {at + 1}"'
                    )  # fmt: skip
                    handle.mark(f"border-{at}")
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
