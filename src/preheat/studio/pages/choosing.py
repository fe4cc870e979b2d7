"""What the pages of runs and of studies begin with: one of the folders below the one that is served, and its report."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from preheat.errors import RunError, refusal
from preheat.lab.studies.folder import STAGES, STUDY
from preheat.lab.training.records import RECORDS
from preheat.messages import _
from preheat.studio.frame import Visit, text

# A folder of projects, each with a folder of runs, is three deep.
_DEEP = 3  # folders below the one that is served
_MOST = 500  # that are listed: nobody reads on in a longer list, and each is a line of the page
_MOST_LOOKED_AT = 20_000  # folders: somebody's home may have more, and a page waits for them


def inside(folder: Path, name: str) -> Path:
    """A folder below ``folder`` by its relative name.

    Raises:
        RunError: for a name that leads out of it, also by a link.
    """
    advice = _("Choose one on its page.")
    if not name or "\0" in name or len(name) > 1000:
        raise RunError(refusal("name", _("that of a folder"), name[:80], advice))
    place = (folder / name).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise RunError(refusal("name", _("that of a folder inside the one served"), name[:80], advice))
    return place


def runs_in(folder: Path) -> list[str]:
    """Run folders, the one written to last first, by their names relative to ``folder``; stages of studies are none."""
    places = (place for place in _folders(folder) if place.parent.name != STAGES)
    return _newest(folder, places, RECORDS)


def studies_in(folder: Path) -> list[str]:
    """Study folders, likewise."""
    return _newest(folder, _folders(folder), STUDY)


def _newest(folder: Path, places: Iterable[Path], holds: str) -> list[str]:
    """Those of ``places`` that hold a file, the one whose file was written to last first."""
    written: dict[Path, float] = {}
    for place in places:
        with suppress(OSError):  # it is no such folder, or was removed meanwhile
            known = (place / holds).stat()
            if stat.S_ISREG(known.st_mode):
                written[place] = known.st_mtime
    newest = sorted(written, key=lambda place: -written[place])[:_MOST]
    return [str(place.relative_to(folder)) for place in newest]


def _folders(folder: Path) -> Iterator[Path]:
    """``folder`` and those below it, hidden ones and links left out."""
    for path, names, _unused in islice(os.walk(folder), _MOST_LOOKED_AT):
        place = Path(path)
        depth = len(place.relative_to(folder).parts)
        names[:] = [] if depth >= _DEEP else sorted(name for name in names if not name.startswith("."))
        yield place


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
        """That there is ``none`` to choose, and the command to ``begin`` with."""
        text("p", self._visit.tell(none))
        text("p", self._visit.tell(_("Start one with"))).classes("ph-quiet")
        text("pre", begin)

    def build_list(self, label: str, on_change: Callable[[], None]) -> None:
        """The list; ``on_change`` is called when another folder has been chosen, and is in the address."""

        def take(event: Any) -> None:
            self.chosen = str(event.value)
            self._point()
            on_change()
            self._visit.move(urlencode({self._kind: self.chosen}))

        names = list(dict.fromkeys(filter(None, (self.chosen, *self.names))))
        ui.select(
            names, value=self.chosen, label=label, with_input=True, on_change=take
        ).props("dense options-dense").classes("min-w-[16rem]").mark(self._kind)  # fmt: skip

    def build_link(self) -> None:
        """The way to the report of what is chosen."""
        self._report = ui.link(self._visit.tell(_("Open the report")), "", new_tab=True).mark("report")
        self._point()

    def _point(self) -> None:
        self._report.props["href"] = (
            f"/report/{self._kind}?{urlencode({'name': self.chosen, 'lang': self._visit.language})}"
        )
        self._report.update()
