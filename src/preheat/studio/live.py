"""A run as it is, finished or not: read anew only when its records have grown, and drawn as charts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preheat.studio.chinese import RUNS
from preheat.studio.words import Words
from preheat.train.reporting.charts import FEW, SPIKY
from preheat.train.reporting.events import MOST_MARKS, EventRow, event_rows
from preheat.train.reporting.folder import RunData, read_run
from preheat.view.echarts import chart_options
from preheat.view.report.thinning import mean_width, running_mean, thinned
from preheat.view.samples import sample

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
