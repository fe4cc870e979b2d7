"""The page of runs: learning rate, loss and gradient norm while they are written, with what happened on the way."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlencode

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.studio.charts import chart, redraw
from preheat.studio.chinese import RUNS
from preheat.studio.found import inside, runs_in
from preheat.studio.frame import Section, Visit, framed, refusal_box, text
from preheat.studio.live import Look, look_at, stamp
from preheat.studio.pages.choosing import Chooser
from preheat.studio.pages.numbers import table

_EVERY = 1.0  # seconds between looks at a run that goes on
_PATIENCE = 4  # times as long as a look took, the next one waits: a million updates are read in seconds


FIRST = "preheat train --data synthetic --out runs/first"  # what to begin with, where there is no run


class RunsPage:
    """One chosen run, looked at again while it grows."""

    def __init__(self, visit: Visit, folder: Path) -> None:
        self._visit = visit
        self._chooser = Chooser(visit, "run", folder, runs_in(folder))
        self._seen: tuple[int, ...] | None = None
        self._charts: dict[str, ui.echart] = {}
        self._looking = False
        self._rest_until = 0.0

    def build(self) -> None:
        """Make the page."""
        words = self._visit.words
        if not self._chooser.names:
            self._chooser.say_none(words["runs.none"], FIRST)
            return
        with ui.element("div").classes("ph-line"):
            self._chooser.build_list(words["runs.choose"], self._choose)
            self._state = ui.label("").mark("state").props('role="status"')
            self._chooser.build_link()
        self._refusal = refusal_box("")
        self._place = ui.element("div")
        with Section(words["events"], "events"):
            self._events = ui.element("div").classes("ph-wide").mark("events")
        ui.timer(_EVERY, self.look)

    async def look(self) -> None:
        """Show what was added since the last look."""
        begun = time.monotonic()
        if self._looking or begun < self._rest_until:
            return
        self._looking = True
        try:
            await self._look()
        finally:
            self._looking = False
            now = time.monotonic()
            self._rest_until = now + _PATIENCE * (now - begun)

    async def _look(self) -> None:
        name = self._chooser.chosen
        try:
            place = inside(self._chooser.folder, name)
            seen = stamp(place)
            if seen == self._seen:
                return
            look = await run.io_bound(look_at, place, self._visit.words)
        except PreheatError as error:
            self._refuse(str(error))
            return
        if look is not None and name == self._chooser.chosen:
            self._seen = seen
            self._refuse("")
            self._show(look)

    def _refuse(self, message: str) -> None:
        self._refusal.text = message
        self._refusal.set_visibility(bool(message))

    def _show(self, look: Look) -> None:
        words = self._visit.words
        made = f"{look.done:,} / {look.total:,} {words['state.running']}"
        self._state.text = f"{words['state.done']}{words['colon']}{made}" if look.finished else made
        for name, options in look.charts.items():
            if name not in self._charts:
                with self._place, Section(str(options["yAxis"]["name"]), name):
                    self._charts[name] = chart(options, str(options["yAxis"]["name"]), f"chart-{name}")
            else:
                redraw(self._charts[name], options)
        self._events.clear()
        with self._events:
            if not look.events:
                text("p", words["events.none"]).classes("ph-quiet")
            else:
                heads = tuple(words[f"event.{key}"] for key in ("update", "kind", "text", "lr", "border"))
                rows = [(one.update, one.kind, one.text, one.lr, one.border) for one in reversed(look.events)]
                table(heads, [[RUNS.told(cell, words.language) for cell in row] for row in rows])

    def _choose(self) -> None:
        self._seen = None
        self._place.clear()
        self._charts = {}


def runs_page(visit: Visit, folder: Path) -> None:
    """The page at ``/runs``."""
    with framed(visit, urlencode(visit.pairs)):
        text("h1", visit.words["runs"])
        RunsPage(visit, folder).build()
