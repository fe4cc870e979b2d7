"""A study's report: every cell with its spread over seeds, figures, and one page that asks for nothing outside itself.

Interval the mean over seeds, plus and minus t times the standard deviation over the root of their number: with normal
         losses 95 % of such intervals hold the mean over all seeds.
Ranking  by validation loss after the last update, among runs of one horizon: a longer run is another question.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from preheat.errors import RunError, refusal
from preheat.files import replacing
from preheat.lab.studies.findings import Estimate, Findings, Horizon, Line, Point, analyze_study, interval
from preheat.lab.studies.table import RunRow, StudyTable, read_study
from preheat.lab.training.config import BBC, SYNTHETIC
from preheat.messages import _, columns, joined, plural
from preheat.view import Axis, Figure, Series, to_image
from preheat.view.figure import COLORS, thinned
from preheat.view.report import count, duration, fill

# --- The figures of a study -----------------------------------------------------------------------------------------


# Symbols of eight lines at one peak then cover a third of the way to a peak twice as high.
_APART = 1.03  # between the peaks of neighboring lines, so that their intervals can be told apart
_ROOM = 0.06  # of the values, above and below them
_POINTS = 600  # of a curve: eight of them are in a picture


def figures_of(table: StudyTable, horizon: Horizon, findings: Findings) -> list[Figure]:
    """All figures of one horizon that there are numbers for; of more than eight lines the best."""
    lines = drawn_lines(horizon)
    figures = []
    if max((len(line.points) for line in lines), default=0) > 1:
        figures.append(loss_figure(horizon, findings))
        if any(point.accuracy for line in lines for point in line.points):  # none where every run went wrong
            figures.append(accuracy_figure(horizon))
        if any(line.sensitivities() for line in lines):
            figures.append(_sensitivity_figure(horizon, lines, findings))
    return [*figures, *_curve_figures(table, horizon, lines, findings)]


def drawn_lines(horizon: Horizon) -> list[Line]:
    """The lines that are drawn, in the order of their colors, which are the same in every figure of the horizon."""
    lines = [one.line for one in horizon.compared if one.line.best is not None][:COLORS]
    return sorted(lines, key=lambda line: (line.schedule, str(line.warmup)))


def loss_figure(horizon: Horizon, findings: Findings) -> Figure:
    """The final validation loss of every line over its peaks, with intervals over seeds."""
    lines, top = drawn_lines(horizon), findings.initial
    # The upper end is the loss of an untrained model: nothing counts as worse, so nothing is cut off.
    low = min(_low(point.loss) for line in lines for point in line.points if point.loss)
    room = _ROOM * max(top - low, _ROOM)
    note = _(
        "Mean over seeds with its 95 % interval, after {updates:,} updates. Losses count at most as that of an"
        " untrained model, {loss:.3f}, the upper edge; a run whose numbers went bad counts as one. Crossed: half of"
        " the seeds came less than half as far as the best cell.",
        updates=horizon.updates, loss=top,
    )  # fmt: skip
    axis = Axis(title=_("validation loss"), unit=_("cross-entropy in nats"), low=low - room, high=top + room)
    name = f"loss-{horizon.updates}"
    return _over_peaks(name, _("Loss over the peak"), axis, note, lines, lambda point: point.loss)


def accuracy_figure(horizon: Horizon) -> Figure:
    """The final validation accuracy of every line over its peaks, with intervals over seeds."""
    note = _("Mean over the seeds that are done, with its 95 % interval.")
    axis = Axis(title=_("validation accuracy"), low=0.0, high=1.0)
    name, title = f"accuracy-{horizon.updates}", _("Accuracy over the peak")
    return _over_peaks(name, title, axis, note, drawn_lines(horizon), lambda point: point.accuracy)


def _over_peaks(
    name: str, title: str, axis: Axis, note: str, lines: Sequence[Line], value: Callable[[Point], Estimate | None]
) -> Figure:
    series = []
    for index, line in enumerate(lines, 1):
        known = [(point, estimate) for point in line.points if (estimate := value(point)) is not None]
        series.append(
            Series(
                label=line.name, role=index,
                x=[point.lr for point, _unused in known], y=[estimate.mean for _unused, estimate in known],
                margins=[estimate.margin or 0.0 for _unused, estimate in known],
                crossed=[at for at, (point, _unused) in enumerate(known) if point.fails],
            )
        )  # fmt: skip
    peaks = Axis(title=_("peak learning rate"), log=True)
    return Figure(name=name, title=title, x=peaks, y=axis, series=tuple(series), notes=(note,), apart=_APART)


def _sensitivity_figure(horizon: Horizon, lines: Sequence[Line], findings: Findings) -> Figure:
    known = [
        (index, line.name, estimate)
        for index, line in enumerate(lines, 1)
        if (estimate := line.sensitivity()) is not None
    ]
    series = tuple(
        Series(label=name, role=index, x=[place], y=[estimate.mean], margins=[estimate.margin or 0.0])
        for place, (index, name, estimate) in enumerate(known, 1)
    )
    note = _(
        "How much loss a wrong peak costs on average, peaks from {lowest:g} to {highest:g} taken evenly in their"
        " logarithm (Wortsman et al. 2023); 95 % interval over seeds. Another range, other numbers.",
        lowest=findings.lowest, highest=findings.highest,
    )  # fmt: skip
    top = max((estimate.mean + (estimate.margin or 0.0) for *_name, estimate in known), default=1.0)
    # Half a place of room on both sides, so that symbols do not touch the frame.
    beside = Axis(low=0.4, high=len(known) + 0.6)  # places without numbers: the lines stand beside each other
    title = _("LR sensitivity")
    axis = Axis(title=title, unit=_("nats"), low=0.0, high=1.05 * top)
    return Figure(name=f"sensitivity-{horizon.updates}", title=title, x=beside, y=axis, series=series, notes=(note,))


def _curve_figures(table: StudyTable, horizon: Horizon, lines: Sequence[Line], findings: Findings) -> list[Figure]:
    """Learning rates and training losses of each line at its best peak."""
    rates, losses = [], []
    for index, line in enumerate(lines, 1):
        best = line.best
        assert best is not None
        cell = (line.schedule, line.warmup, best.lr, line.horizon)
        runs = [row for row in table.rows if row.cell == cell and row.state == "done"]
        if not runs:
            continue
        name = _("{line}, peak {peak:g}", line=line.name, peak=best.lr)
        # Seeds of a cell share their schedule, so one run has the rates of all; their losses are averaged.
        records = table.records(runs[0].name)
        rates.append(_curve(name, index, [record["lr"] for record in records]))
        means = zip(*(findings.losses[row.name] for row in runs), strict=False)
        losses.append(_curve(name, index, [mean(at) for at in means]))
    if not rates:
        return []
    updates = Axis(title=_("update"), high=horizon.updates)
    return [
        Figure(
            name=f"rates-{horizon.updates}", title=_("Learning rates of the best cells"), x=updates,
            y=Axis(title=_("learning rate")), series=tuple(rates), notes=(_("Each line at its best peak."),),
        ),
        Figure(
            name=f"training-{horizon.updates}", title=_("Training loss of the best cells"), x=updates,
            y=Axis(title=_("training loss"), unit=_("cross-entropy in nats")), series=tuple(losses),
            notes=(_("Running means over a fortieth of the run, then over seeds."),),
        ),
    ]  # fmt: skip


def _curve(label: str, role: int, values: Sequence[float]) -> Series:
    import numpy as np

    x, y = thinned(np.arange(len(values)), np.array(values, dtype=float), _POINTS)
    return Series(label=label, role=role, x=x, y=y)


def _low(estimate: Estimate | None) -> float:
    return 0.0 if estimate is None else estimate.mean - (estimate.margin or 0.0)


# --- Cell by cell, in words -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CellSummary:
    """The runs that differ in their seed alone.

    Attributes:
        schedule, warmup, lr, horizon: what they have in common.
        seeds: runs that are done.
        wrong: runs whose numbers went bad.
        missing: runs that are not there yet.
        loss: mean final validation loss of those done; None without any.
        spread: its standard deviation over seeds; None below two.
        margin: half the 95 % interval of the mean; None below two.
        accuracy: mean final accuracy.
        verdict: in words, against the best of the horizon.
    """

    schedule: str
    warmup: int | float | str | None
    lr: float
    horizon: int
    seeds: int
    wrong: int
    missing: int
    loss: float | None
    spread: float | None
    margin: float | None
    accuracy: float | None
    verdict: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def summarize_cells(table: StudyTable) -> list[CellSummary]:
    """Every cell of a study, by horizon and then by loss, each with its verdict."""
    cells: dict[Any, list[RunRow]] = {}
    for row in table.rows:
        cells.setdefault(row.cell, []).append(row)
    summaries = [_summary(rows) for rows in cells.values()]
    summaries.sort(key=lambda cell: (cell.horizon, math.inf if cell.loss is None else cell.loss))
    best: dict[int, CellSummary] = {}
    for cell in summaries:
        # A cell in which a seed went wrong is never the best, however low its others end.
        if cell.loss is not None and not cell.wrong:
            best.setdefault(cell.horizon, cell)
    return [_judged(cell, best.get(cell.horizon)) for cell in summaries]


def _summary(rows: list[RunRow]) -> CellSummary:
    losses = [row.loss for row in rows if row.loss is not None]
    accuracies = [row.accuracy for row in rows if row.accuracy is not None]
    first = rows[0]
    return CellSummary(
        *(first.schedule, first.warmup, first.lr, first.horizon),
        seeds=len(losses),
        wrong=sum(row.state == "went wrong" for row in rows),
        missing=sum(row.state == "missing" for row in rows),
        loss=mean(losses) if losses else None,
        spread=stdev(losses) if len(losses) > 1 else None,
        margin=interval(losses),
        accuracy=mean(accuracies) if accuracies else None,
    )


def _judged(cell: CellSummary, best: CellSummary | None) -> CellSummary:
    return CellSummary(**{**cell.to_dict(), "verdict": _verdict(cell, best)})


def _verdict(cell: CellSummary, best: CellSummary | None) -> str:
    """How a cell compares with the best of its horizon."""
    if cell.wrong:
        return _("{wrong} of {runs} went wrong", wrong=cell.wrong, runs=cell.wrong + cell.seeds + cell.missing)
    if cell.loss is None or best is None or best.loss is None:
        return _("not trained yet")
    if cell is best:
        return _("lowest mean")
    # Intervals that touch do not rank: the order of two means would be that of their seeds.
    if cell.margin is None or best.margin is None or cell.loss - cell.margin <= best.loss + best.margin:
        least = min(cell.seeds, best.seeds)
        return plural("not distinguishable with {n} seed", "not distinguishable with {n} seeds", least)
    return _("worse")


def study_report_text(table: StudyTable) -> str:
    """The report for a terminal."""
    return text_of(table, analyze_study(table))


def text_of(table: StudyTable, findings: Findings | None) -> str:
    """The report of a study whose findings are known."""
    lines: list[str] = [_("question: {question}", question=table.question)] if table.question else []
    lines += [data_of(table), cost_of(table)] if table.folder.exists else [cost_of(table)]
    cells = summarize_cells(table)
    for horizon in dict.fromkeys(cell.horizon for cell in cells):
        rows = [_words(cell) for cell in cells if cell.horizon == horizon]
        lines += ["", _("{updates:,} updates: validation loss at the end, lowest first", updates=horizon)]
        lines.append(columns([_HEADS, *rows]))
    if findings is not None:
        for one in findings.horizons:
            # A line's loss is another number than its best cell's.
            says = _(
                "{updates:,} updates: what that says, each seed at the peak the others choose, losses at most an"
                " untrained model's {loss:.4f}",
                updates=one.updates, loss=findings.initial,
            )  # fmt: skip
            lines += ["", says, *(joined("", ["- ", sentence]) for sentence in one.advice)]
    return joined("\n", lines)


_HEADS = (
    _("schedule"), _("warm-up"), _("lr"), _("seeds"), _("loss"), _("± 95 %"), _("spread"), _("accuracy"), "",
)  # fmt: skip


def data_of(table: StudyTable) -> str:
    """What was trained on; rows that were made are called so."""
    name = table.folder.header()["design"].get("train", {}).get("data", BBC)
    if name == SYNTHETIC:
        return _("data: {name}, made headlines and not news", name=name)
    return _("data: {name}", name=name)


def _words(cell: CellSummary) -> tuple[str, ...]:
    def number(value: float | None, digits: int = 4) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    warmup = "-" if cell.warmup is None else str(cell.warmup)
    figures = (number(cell.loss), number(cell.margin), number(cell.spread), number(cell.accuracy, 3))
    return (cell.schedule, warmup, f"{cell.lr:g}", str(cell.seeds), *figures, cell.verdict)


def cost_of(table: StudyTable) -> str:
    """What was trained, against brute force."""
    done = [row for row in table.rows if row.state != "missing"]
    stages = dict.fromkeys(stage for row in table.rows for stage in table.stages[row.name])
    results = [result for stage in stages if (result := table.folder.result(stage)) is not None]
    trained = sum(
        (result["failed"]["update"] if result["failed"] is not None else result["until"]) - result["start"]
        for result in results
    )
    alone = sum(row.updates for row in table.rows)
    if not alone:
        return _("runs: {done} of {runs}", done=len(done), runs=len(table.rows))
    return _(
        "runs: {done} of {runs}; {trained:,} updates trained, {alone:,} without sharing ({share:.0%})",
        done=len(done), runs=len(table.rows), trained=trained, alone=alone, share=trained / alone,
    )  # fmt: skip


# --- A study's report as files: one HTML page that asks for nothing outside itself, and its pictures as PNG ---------


NAME, PICTURES = "report.html", "pictures"
# A table of more is not read, and is what makes a page large; index.sqlite has every cell.
_MOST_CELLS = 400  # of a table


def write_study_report(folder: str | os.PathLike[str]) -> Path:
    """Write ``report.html`` and ``pictures/*.png`` into a study's folder; earlier ones are replaced.

    Args:
        folder: the study's, finished or not.

    Returns:
        The path of the page.

    Raises:
        RunError: if the folder is no study's, or none of its runs has begun.
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    table = read_study(folder)
    findings = analyze_study(table)
    if findings is None:
        advice = _("Go on with preheat study resume.")
        raise RunError(refusal("study", _("one with a run that has begun"), str(folder), advice))
    return write_page(table, findings)


def write_page(table: StudyTable, findings: Findings) -> Path:
    """Write the page and the pictures of a study whose findings are known; the path of the page."""
    path = table.folder.path / NAME
    page = _render(table, findings)
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path


def _render(table: StudyTable, findings: Findings) -> str:
    """The page as text; its pictures are written on the way."""
    header = table.folder.header()
    horizons, figures = [], []
    (table.folder.path / PICTURES).mkdir(exist_ok=True)
    for horizon in findings.horizons:
        drawn = figures_of(table, horizon, findings)
        for figure in drawn:
            to_image(figure, table.folder.path / PICTURES / f"{figure.name}.png")
        figures += drawn
        horizons.append({"of": horizon, "figures": drawn, "failures": _failures(horizon)})
    cells = summarize_cells(table)
    return fill(
        "preheat.lab.studies/report.html.jinja",
        figures=figures,
        name=table.folder.path.resolve().name,
        question=header["question"],
        cost=joined("; ", [data_of(table), cost_of(table)]),
        tiles=_tiles(table, findings),
        horizons=horizons,
        findings=findings,
        cells=cells[:_MOST_CELLS],
        more_cells=max(0, len(cells) - _MOST_CELLS),
        header=header,
        design=json.dumps(
            {key: value for key, value in header["design"].items() if value}, indent=2, ensure_ascii=False
        ),
    )


def _tiles(table: StudyTable, findings: Findings) -> list[tuple[str, str, str]]:
    """The numbers people look for first."""
    states = [row.state for row in table.rows]
    ended = sum(state != "missing" for state in states)
    wrong = states.count("went wrong")
    stages = {stage for path in table.stages.values() for stage in path}
    results = [result for stage in stages if (result := table.folder.result(stage)) is not None]
    seeds = len({row.seed for row in table.rows})
    runs = _("of {total}", total=count(len(states)))
    if wrong:
        runs = _("of {total}; {wrong} with bad numbers", total=count(len(states)), wrong=wrong)
    return [
        (_("Runs"), f"{ended:,}", runs),
        (_("Seeds"), str(seeds), _("of every cell")),
        (_("Initial loss"), f"{findings.initial:.4f}", _("of an untrained model, in nats")),
        (_("Time"), duration(sum(result["seconds"] for result in results)), _("of all stages together")),
    ]


def _failures(horizon: Horizon) -> dict[str, Any]:
    """How many seeds failed, by line and peak."""
    peaks = sorted({point.lr for one in horizon.compared for point in one.line.points})
    rows = []
    for one in sorted(horizon.compared, key=lambda each: (each.line.schedule, str(each.line.warmup))):
        known = {point.lr: point for point in one.line.points}
        cells = []
        for peak in peaks:
            point = known.get(peak)
            many = 0 if point is None else len(point.losses)
            failed = 0 if point is None else len(point.failed)
            words = _("{part:,} of {whole:,}", part=failed, whole=many) if many else ""
            cells.append((words, f"{failed / many if many else 0:.2f}"))
        rows.append((one.line.name, cells))
    return {"peaks": [f"{peak:g}" for peak in peaks], "rows": rows}
