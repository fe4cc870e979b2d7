"""What the pages of runs and of studies begin with: one of the folders below the one that is served, and its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from preheat.studio.frame import Visit, text


class Chooser:
    """A list of folders, of which one is chosen: the one in the address, else the first.

    Attributes:
        folder: the one that is served.
        names: those below it.
        chosen: one of them, or what the address names; empty where there is none.
    """

    def __init__(self, visit: Visit, kind: str, folder: Path, names: list[str]) -> None:
        self._visit = visit
        self._kind = kind  # run or study: in addresses
        self.folder = folder
        self.names = names
        self.chosen = visit.value(kind) or (names[0] if names else "")

    def say_none(self, none: str, begin: str) -> None:
        """That there is nothing to choose, in the words ``none``, and the command to ``begin`` with."""
        words = self._visit.words
        text("p", f"{none}{words['colon']}{self.folder}")
        text("p", words["runs.start"]).classes("ph-quiet")
        text("pre", begin)

    def build_list(self, label: str, on_change: Callable[[], None]) -> None:
        """The list; ``on_change`` is called when another folder has been chosen, and is in the address."""

        def take(event: Any) -> None:
            self.chosen = str(event.value)
            self._point()
            on_change()
            ui.navigate.history.replace(self._visit.link(self._visit.page, urlencode({self._kind: self.chosen})))

        names = list(dict.fromkeys(filter(None, (self.chosen, *self.names))))
        ui.select(
            names, value=self.chosen, label=label, with_input=True, on_change=take
        ).props("dense options-dense").classes("min-w-[16rem]").mark(self._kind)  # fmt: skip

    def build_link(self) -> None:
        """The way to the report of what is chosen."""
        self._report = ui.link(self._visit.words["report"], "", new_tab=True).mark("report")
        self._point()

    def _point(self) -> None:
        self._report.props["href"] = f"/report/{self._kind}?{urlencode({'name': self.chosen})}"
        self._report.update()
