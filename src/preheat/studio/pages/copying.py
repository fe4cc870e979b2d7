"""The edited schedule as text to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.studio.chinese import SCHEDULES
from preheat.studio.copies import Copy, copy_as, targets
from preheat.studio.frame import Section, text

if TYPE_CHECKING:
    from preheat.studio.pages.design import DesignPage


class CopyPanel:
    """What it is copied as, the text, and how exact that is."""

    def __init__(self, page: DesignPage) -> None:
        self._page = page
        words = page.words
        with Section(words["copy"], "codes"):
            with ui.element("div").classes("ph-line"):
                self._target = ui.select(
                    targets(), value="python", label=words["copy"], on_change=self.show
                ).props("dense options-dense").classes("min-w-[16rem]").mark("target")  # fmt: skip
                ui.button(words["copy.do"], icon="content_copy", on_click=self._copy).props("flat dense").mark("copy")
            self._text = text("pre").mark("copy-text").props('tabindex="0"')
            self._notes = text("p").classes("ph-quiet").mark("copy-notes")
        ui.timer(0.0, self.show, once=True)

    async def show(self) -> None:
        """Keep in step with the design."""
        design, target = self._page.design, str(self._target.value)
        try:
            found = await run.io_bound(copy_as, design, design.on, target)
        except PreheatError as error:
            found = Copy("", (str(error),))
        if found is not None and design == self._page.design and target == self._target.value:
            self._text.text = found.text
            language = self._page.words.language
            self._notes.text = ". ".join(SCHEDULES.told(note, language) for note in found.notes)

    def _copy(self) -> None:
        ui.clipboard.write(self._text.text)
        ui.notify(self._page.words["copied"])
