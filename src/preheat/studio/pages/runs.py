"""The page of runs: learning rate, loss and gradient norm while they are written, with what happened on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import run, ui

from preheat.errors import PreheatError
from preheat.lab.training.records import RunData, read_run
from preheat.lab.training.report import FEW, MOST_MARKS, SPIKY, EventRow, event_rows
from preheat.studio.charts import chart, redraw
from preheat.studio.chinese import RUNS
from preheat.studio.frame import Section, Visit, framed, refusal_box, text
from preheat.studio.pages.choosing import Chooser, inside, runs_in
from preheat.studio.pages.design import table
from preheat.studio.words import Words
from preheat.view.echarts import chart_options
from preheat.view.samples import mean_width, running_mean, sample, thinned

# --- A run as it is, finished or not: read anew only when its records have grown, and drawn as charts ---------------


_POINTS = 600


@dataclass(frozen=True, slots=True)
class Look:
    """What is shown of a run.

    Attributes:
        done: updates made.
        total: updates planned.
        finished: whether it has a result.
        charts: by name, each an option of ECharts: ``rate``, ``loss`` and ``norm``, where there are numbers.
        events: newest last.
    """

    done: int
    total: int
    finished: bool
    charts: dict[str, dict[str, Any]]
    events: list[EventRow]


def stamp(folder: Path) -> tuple[int, ...]:
    """Sizes of what a run writes to: equal while nothing was added."""
    files = (folder / name for name in ("records.jsonl", "evaluations.jsonl", "events.jsonl", "result.json"))
    return tuple(map(_size, files))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def look_at(folder: Path, words: Words) -> Look:
    """Read a run.

    Raises:
        RunError: if the folder is none, or a file in it is damaged.
    """
    run = read_run(folder)
    charts = {"rate": _rates(run, words), "loss": _losses(run, words), "norm": _norms(run, words)}
    known = {name: chart for name, chart in charts.items() if chart is not None}
    return Look(run.done, run.total, run.result is not None, known, event_rows(run))


def _rates(run: RunData, words: Words) -> dict[str, Any] | None:
    updates, used = run.numbers("lr")
    if not len(used):
        return None
    series: dict[str, Any] = {words["used"]: thinned(updates, used, _POINTS)}
    borders: dict[float, str] = {}
    if not run.schedule.waits_for:
        (planned,) = sample(run.schedule, max(1, run.total), run.lr, _POINTS)
        series[words["planned"]] = (planned.positions, planned.values)
        borders = {border: f"{border:,}" for border in planned.borders if 0 < border < run.total}
    return _chart(run, series, words["rate"], words, borders=borders, dashed=[words["planned"]])


def _losses(run: RunData, words: Words) -> dict[str, Any] | None:
    import numpy as np

    updates, losses = run.numbers("loss")
    if not len(losses):
        return None
    series = _averaged(updates, losses, words)
    held = [line for line in run.validation if line.get("loss") is not None]
    if held:
        series[words["validation"]] = ([line["update"] for line in held], [line["loss"] for line in held])
    log = bool(losses.min() > 0 and losses.max() > SPIKY * np.median(losses))
    return _chart(run, series, words["loss"], words, log=log, faint=[words["each"]] if len(losses) >= FEW else [])


def _norms(run: RunData, words: Words) -> dict[str, Any] | None:
    updates, norms = run.numbers("grad_norm")
    if not len(norms):
        return None
    series = _averaged(updates, norms, words)
    clip = run.header["config"].get("clip") or None
    faint = [words["each"]] if len(norms) >= FEW else []
    return _chart(run, series, words["norm"], words, log=bool((norms > 0).all()), level=clip, faint=faint)


def _averaged(updates: Any, values: Any, words: Words) -> dict[str, Any]:
    series = {words["each"]: thinned(updates, values, _POINTS)}
    if len(values) >= FEW:
        series[words["mean"]] = thinned(updates, running_mean(values, mean_width(len(values))), _POINTS)
    return series


def _chart(run: RunData, series: dict[str, Any], ylabel: str, words: Words, **how: Any) -> dict[str, Any]:
    """All charts of a run share their axis, and show where its events were."""
    marks: dict[str, list[float]] = {}
    for event in run.events:
        if isinstance(event.get("update"), int):
            kind = RUNS.told(str(event.get("event")), words.language)
            marks.setdefault(kind, []).append(event["update"])
    some = {kind: at[:: -(-len(at) // MOST_MARKS)] for kind, at in marks.items()}
    return chart_options(
        series, xlabel=words["axis.update"], ylabel=ylabel, marks=some, reach=max(run.total, run.done), **how
    )


# --- The page of runs: learning rate, loss and gradient norm while they are written, with what happened on the way


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
