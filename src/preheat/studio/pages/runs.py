"""The page of runs: the figures of a run's report while it is written, with what happened on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.lab.training.records import read_run
from preheat.lab.training.report import EventRow, event_rows, figures_of
from preheat.messages import _, in_context
from preheat.studio.charts import chart, redraw, told
from preheat.studio.frame import NAMES, Section, Visit, framed, refusal_box, table, text
from preheat.studio.pages.choosing import Chooser, inside, runs_in
from preheat.view import Figure

FIRST = "preheat train --data synthetic --out runs/first"  # what to begin with, where there is no run

_EVERY = 1.0  # seconds between looks at a run that goes on
_PATIENCE = 4  # times as long as a look took, the next one waits: a million updates are read in seconds
# About two pixels a point; the report has all it can draw.
_POINTS = 600  # of a curve, which travels to the browser at every look


@dataclass(frozen=True, slots=True)
class Look:
    """What is shown of a run.

    Attributes:
        done: updates made.
        total: updates planned.
        finished: whether it has a result.
        figures: those of its report.
        events: newest last.
    """

    done: int
    total: int
    finished: bool
    figures: list[Figure]
    events: list[EventRow]


def look_at(folder: Path) -> Look:
    """Read a run, finished or not.

    Raises:
        RunError: if the folder is none, or a file in it is damaged.
    """
    data = read_run(folder)
    return Look(data.done, data.total, data.result is not None, figures_of(data, _POINTS)[0], event_rows(data))


def stamp(folder: Path) -> tuple[int, ...]:
    """Sizes of what a run writes to: equal while nothing was added."""
    # A file that is not there counts as well: one that appears is news.
    files = (folder / name for name in ("records.jsonl", "evaluations.jsonl", "events.jsonl", "result.json"))
    return tuple(map(_size, files))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


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
        tell = self._visit.tell
        if not self._chooser.names:
            self._chooser.say_none(_("No run in this folder yet: {folder}", folder=self._chooser.folder), FIRST)
            return
        with ui.element("div").classes("ph-line"):
            self._chooser.build_list(tell(in_context("choose", "Run")), self._choose)
            self._state = ui.label("").mark("state").props('role="status"')
            self._chooser.build_link()
        self._refusal = refusal_box("")
        self._place = ui.element("div")
        with Section(tell(_("Events")), "events"):
            self._events = ui.element("div").classes("ph-wide").props("tabindex=0").mark("events")
        ui.timer(_EVERY, self.look)

    async def look(self) -> None:
        """Show what was added since the last look."""
        begun = time.monotonic()
        # A look may take longer than the timer's beat: the next one does not join it.
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
            # Before the files are read: what is added meanwhile shows at the next look.
            seen = stamp(place)
            if seen == self._seen:
                return
            look = await run.io_bound(look_at, place)
        except PreheatError as error:
            self._refuse(self._visit.tell(error))
            return
        # Another run may have been chosen while this one was read.
        if look is not None and name == self._chooser.chosen:
            self._seen = seen
            self._refuse("")
            self._show(look)

    def _refuse(self, message: str) -> None:
        self._refusal.text = message
        self._refusal.set_visibility(bool(message))

    def _show(self, look: Look) -> None:
        tell = self._visit.tell
        made = _("{done:,} / {total:,} updates made", done=look.done, total=look.total)
        if look.finished:
            made = _("finished: {done:,} / {total:,} updates made", done=look.done, total=look.total)
        self._state.text = tell(made)
        for figure in (told(one, self._visit) for one in look.figures):
            # Drawn in place: a new chart would lose what the reader has zoomed to.
            if figure.name in self._charts:
                redraw(self._charts[figure.name], figure)
            else:
                with self._place, Section(figure.title, figure.name):
                    self._charts[figure.name] = chart(figure, figure.title, f"chart-{figure.name}")
        self._events.clear()
        with self._events:
            if not look.events:
                text("p", tell(_("No event is recorded."))).classes("ph-quiet")
            else:
                heads = (
                    in_context("table", "Update"), _("Event"), _("What happened"), _("Learning rate"),
                    _("Nearest border of the schedule"),
                )  # fmt: skip
                rows = [(one.update, one.kind, one.text, one.lr, one.border) for one in reversed(look.events)]
                table([tell(head) for head in heads], [[tell(cell) for cell in row] for row in rows])

    def _choose(self) -> None:
        self._seen = None
        self._place.clear()
        self._charts = {}


def runs_page(visit: Visit, folder: Path) -> None:
    """The page at ``/runs``."""
    with framed(visit):
        text("h1", visit.tell(NAMES["runs"]))
        RunsPage(visit, folder).build()
