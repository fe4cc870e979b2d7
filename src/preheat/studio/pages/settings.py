"""What surrounds the schedules: the run's length, the peak, epochs, tokens and checkpoints."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import ui

from preheat.errors import PreheatError
from preheat.studio.frame import Section

if TYPE_CHECKING:
    from preheat.studio.design import Design
    from preheat.studio.pages.design import DesignPage

# Field of a design: its label, and whether it counts whole things.
_FIELDS = {
    "updates": ("updates", True),
    "lr": ("peak", False),
    "epoch": ("per.epoch", False),
    "tokens": ("per.update", False),
    "every": ("every", True),
}
_OPTIONAL = ("epoch", "tokens", "every")


class RunSettings:
    """Five numbers; three of them may be left empty."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        self._fields: dict[str, ui.input] = {}
        with Section(page.words["run"], "run"), ui.element("div").classes("ph-fields"):
            for name, (key, _) in _FIELDS.items():
                field = ui.input(page.words[key], value=_text(page.design, name), on_change=partial(self._set, name))
                field.props(f"dense debounce=250 inputmode={'numeric' if _FIELDS[name][1] else 'decimal'}").mark(name)
                field.without_auto_validation()
                if name in _OPTIONAL:
                    field.props(f'hint="{page.words["optional"]}"')
                self._fields[name] = field

    def show(self) -> None:
        """Keep in step with the design."""
        for name, field in self._fields.items():
            if _value(name, field.value) != getattr(self._page.design, name):
                field.value = _text(self._page.design, name)

    def _set(self, name: str) -> None:
        field = self._fields[name]
        value = _value(name, field.value)
        if value == getattr(self._page.design, name):
            field.error = None
            return
        try:
            if value is None and name not in _OPTIONAL:
                value = field.value  # what is no number is refused by its name, with what was written
            new: dict[str, Any] = {name: value}
            design = replace(self._page.design, **new)
        except PreheatError as error:
            field.error = str(error)
            return
        field.error = None
        self._page.change(design, f"set-{name}")


def _value(name: str, text: str) -> float | str | None:
    """The number in a field, the text where it is none; None for an empty one."""
    word = (text or "").strip().replace(",", "").replace("_", "")
    if not word:
        return None
    try:
        number = float(word)
    except ValueError:
        return word
    return int(number) if _FIELDS[name][1] and number.is_integer() else number


def _text(design: Design, name: str) -> str:
    value = getattr(design, name)
    return "" if value is None else f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)
