"""What a study found, cell by cell: mean and spread over seeds, and a ranking only where intervals are apart.

Interval the mean over seeds, plus and minus t times the standard deviation over the root of their number: with normal
         losses 95 % of such intervals hold the mean over all seeds.
Ranking  by validation loss after the last update, among runs of one horizon: a longer run is another question.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from preheat.errors import RunError, refusal
from preheat.files import replacing
from preheat.lab.studies.findings import Estimate, Findings, Horizon, Line, Point, analyze_study, interval
from preheat.lab.studies.table import RunRow, StudyTable, read_study
from preheat.lab.training.config import BBC, SYNTHETIC
from preheat.view import inline_svg, plot_against, plot_series
from preheat.view.echarts import report_options, with_margins
from preheat.view.image import COLORS
from preheat.view.report import Chart, drawings, duration, fill
from preheat.view.samples import thin

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# --- The pictures of a study: losses and accuracies over peaks, sensitivities, and the curves of the best cells
# Each is one figure, written as PNG with its legend, and set into the page as a drawing with the legend beside it.


_MOST_LINES = len(COLORS)  # of a picture; of more the best
_APART = 1.03  # between the peaks of neighboring lines, so that their intervals can be told apart
_ROOM = 0.06  # above and below the values


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        name: of its file and section.
        title, unit: heading.
        draw: makes the figure; with its legend in it or without.
        options: the same to look into.
        legend: names of the lines, in the order of their colors.
        note: what it shows, in words.
    """

    name: str
    title: str
    unit: str
    draw: Callable[[bool], Figure]
    legend: tuple[str, ...]
    note: str
    options: dict[str, Any]

    def chart(self) -> Chart:
        """As part of a page."""
        figure = self.draw(False)
        figure.axes[0].set_ylabel("")  # the heading says it, in a size that can be read on a phone
        figure.set_size_inches(7.8, 3.4)
        legend = [(f"line c{number}", name) for number, name in enumerate(self.legend, 1)]
        svg = inline_svg(figure, prefix=self.name, label=f"{self.title}. {self.note}")
        return Chart(self.name, self.title, self.unit, svg, legend, [self.note], self.options)


def pictures_of(table: StudyTable, horizon: Horizon, findings: Findings) -> list[Picture]:
    """All pictures of one horizon that there are numbers for."""
    lines = [one.line for one in horizon.compared if one.line.best is not None][:_MOST_LINES]
    if not lines:
        return []
    lines.sort(key=lambda line: (line.schedule, str(line.warmup)))
    found = []
    if max(len(line.points) for line in lines) > 1:
        found.append(_losses(horizon, lines, findings))
        if any(point.accuracy for line in lines for point in line.points):  # none where every run went wrong
            found.append(_accuracies(horizon, lines))
        if any(line.sensitivities() for line in lines):
            found.append(_sensitivities(horizon, lines, findings))
    return [*found, *_curves(table, horizon, lines, findings)]


def _losses(horizon: Horizon, lines: Sequence[Line], findings: Findings) -> Picture:
    top = findings.initial
    low = min(_low(point.loss) for line in lines for point in line.points if point.loss)
    room = _ROOM * max(top - low, _ROOM)
    limits = (low - room, top + room)

    def loss(point: Point) -> Estimate | None:
        return point.loss

    def draw(legend: bool) -> Figure:
        return _over_peaks(lines, loss, "validation loss (nats)", limits, legend=legend)

    note = (
        f"Mean over seeds with its 95 % interval, after {horizon.updates:,} updates. Losses count at most as that of an"
        f" untrained model, {top:.3f}, the upper edge; a run whose numbers went bad counts as one. Crossed: half of"
        " the seeds came less than half as far as the best cell."
    )
    options = _options_over_peaks(lines, loss, limits)
    return Picture(
        f"loss-{horizon.updates}", "Loss over the peak", "validation, cross-entropy in nats", draw, _names(lines), note,
        options,
    )  # fmt: skip


def _accuracies(horizon: Horizon, lines: Sequence[Line]) -> Picture:
    def accuracy(point: Point) -> Estimate | None:
        return point.accuracy

    def draw(legend: bool) -> Figure:
        return _over_peaks(lines, accuracy, "validation accuracy", (0.0, 1.0), legend=legend)

    note = "Mean over the seeds that are done, with its 95 % interval."
    name, options = f"accuracy-{horizon.updates}", _options_over_peaks(lines, accuracy, (0.0, 1.0))
    return Picture(name, "Accuracy over the peak", "validation", draw, _names(lines), note, options)


def _sensitivities(horizon: Horizon, lines: Sequence[Line], findings: Findings) -> Picture:
    known = [(line, found) for line in lines if (found := line.sensitivity()) is not None]
    series = {line.name: ([number], [found.mean]) for number, (line, found) in enumerate(known, 1)}
    margins = {line.name: [found.margin or 0.0] for line, found in known}

    top = max((found.mean + (found.margin or 0.0) for _, found in known), default=1.0)

    def draw(legend: bool) -> Figure:
        figure = plot_against(series, xlabel="", ylabel="LR sensitivity (nats)", margins=margins, legend=legend)
        axes = figure.axes[0]
        axes.set_xticks([])
        axes.set_xlim(0.4, len(known) + 0.6)
        return figure

    note = (
        f"How much loss a wrong peak costs on average, peaks from {findings.lowest:g} to {findings.highest:g} taken"
        " evenly in their logarithm (Wortsman et al. 2023); 95 % interval over seeds. Another range, other numbers."
    )
    options = with_margins(report_options(series, xlabel="", reach=len(known) + 0.6, limits=(0.0, 1.05 * top)), margins)
    return Picture(f"sensitivity-{horizon.updates}", "LR sensitivity", "nats", draw, tuple(series), note, options)


def _curves(table: StudyTable, horizon: Horizon, lines: Sequence[Line], findings: Findings) -> list[Picture]:
    """Learning rates and training losses of each line at its best peak."""
    rates: dict[str, Any] = {}
    losses: dict[str, Any] = {}
    for line in lines:
        best = line.best
        assert best is not None
        cell = (line.schedule, line.warmup, best.lr, line.horizon)
        runs = [row for row in table.rows if row.cell == cell and row.state == "done"]
        if not runs:
            continue
        name = f"{line.name}, peak {best.lr:g}"
        records = table.records(runs[0].name)
        rates[name] = _thinned([record["lr"] for record in records])
        losses[name] = _thinned([mean(at) for at in zip(*(findings.losses[row.name] for row in runs), strict=False)])
    if not rates:
        return []

    def draw(series: Mapping[str, Any], label: str) -> Callable[[bool], Figure]:
        return lambda legend: plot_series(series, ylabel=label, legend=legend)

    updates, names = horizon.updates, tuple(rates)
    return [
        Picture(
            f"rates-{updates}", "Learning rates of the best cells", "", draw(rates, "learning rate"), names,
            "Each line at its best peak.", report_options(rates, reach=updates),
        ),
        Picture(
            f"training-{updates}", "Training loss of the best cells", "cross-entropy in nats",
            draw(losses, "training loss (nats)"), names, "Running means over a fortieth of the run, then over seeds.",
            report_options(losses, reach=updates),
        ),
    ]  # fmt: skip


def _over_peaks(
    lines: Sequence[Line],
    value: Callable[[Point], Estimate | None],
    label: str,
    limits: tuple[float, float],
    *,
    legend: bool,
) -> Figure:
    series, margins = {}, {}
    for place, line in enumerate(lines):
        shift = _APART ** (place - (len(lines) - 1) / 2)
        known = [(point.lr * shift, found) for point in line.points if (found := value(point)) is not None]
        series[line.name] = ([lr for lr, _ in known], [found.mean for _, found in known])
        margins[line.name] = [found.margin or 0.0 for _, found in known]
    figure = plot_against(
        series, xlabel="peak learning rate", ylabel=label, margins=margins, log_x=True, limits=limits, legend=legend
    )
    for (line, (places, values)), color in zip(zip(lines, series.values(), strict=True), COLORS, strict=False):
        failing = [place for place, point in enumerate(point for point in line.points if value(point)) if point.fails]
        at = [places[place] for place in failing], [values[place] for place in failing]
        figure.axes[0].plot(*at, marker="x", markersize=11, markeredgewidth=1.6, linestyle="none", color=color)
    return figure


def _options_over_peaks(
    lines: Sequence[Line], value: Callable[[Point], Estimate | None], limits: tuple[float, float]
) -> dict[str, Any]:
    """As :func:`_over_peaks`, each point at its very peak: lines can be hidden where intervals lie on each other."""
    series, margins, crossed = {}, {}, {}
    for line in lines:
        known = [(point, found) for point in line.points if (found := value(point)) is not None]
        series[line.name] = ([point.lr for point, _ in known], [found.mean for _, found in known])
        margins[line.name] = [found.margin or 0.0 for _, found in known]
        crossed[line.name] = [index for index, (point, _) in enumerate(known) if point.fails]
    options = report_options(series, xlabel="peak learning rate", log_x=True, limits=limits)
    return with_margins(options, margins, crossed)


def _names(lines: Sequence[Line]) -> tuple[str, ...]:
    return tuple(line.name for line in lines)


def _low(found: Estimate | None) -> float:
    return 0.0 if found is None else found.mean - (found.margin or 0.0)


def _thinned(values: Sequence[float]) -> tuple[list[int], list[float]]:
    import numpy as np

    array = np.array(values, dtype=float)
    chosen = thin(array, 600)
    return chosen.tolist(), array[chosen].tolist()


# --- What a study found, cell by cell: mean and spread over seeds, and a ranking only where intervals are apart


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
        return f"{cell.wrong} of {cell.wrong + cell.seeds + cell.missing} went wrong"
    if cell.loss is None or best is None or best.loss is None:
        return "not trained yet"
    if cell is best:
        return "lowest mean"
    if cell.margin is None or best.margin is None or cell.loss - cell.margin <= best.loss + best.margin:
        least = min(cell.seeds, best.seeds)
        return f"not distinguishable with {least} seed{'s' * (least > 1)}"
    return "worse"


def study_report_text(table: StudyTable) -> str:
    """The report for a terminal."""
    return text_of(table, analyze_study(table))


def text_of(table: StudyTable, findings: Findings | None) -> str:
    """The report of a study whose findings are known."""
    lines = [f"question: {table.question}"] if table.question else []
    lines += [data_of(table), cost_of(table)] if table.folder.exists else [cost_of(table)]
    cells = summarize_cells(table)
    for horizon in dict.fromkeys(cell.horizon for cell in cells):
        rows = [_words(cell) for cell in cells if cell.horizon == horizon]
        heads = ("schedule", "warm-up", "lr", "seeds", "loss", "± 95 %", "spread", "accuracy", "")
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines += ["", f"{horizon:,} updates: validation loss at the end, lowest first"]
        lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *rows)]
    if findings is not None:
        for one in findings.horizons:
            lines += ["", f"{one.updates:,} updates: what that says, {_counted(findings)}"]
            lines += [f"- {sentence}" for sentence in one.advice]
    return "\n".join(lines)


def _counted(findings: Findings) -> str:
    """How a line's loss is another number than its best cell's."""
    return f"each seed at the peak the others choose, losses at most an untrained model's {findings.initial:.4f}"


def data_of(table: StudyTable) -> str:
    """What was trained on; rows that were made are called so."""
    name = table.folder.header()["design"].get("train", {}).get("data", BBC)
    return f"data: {name}" + (", made headlines and not news" if name == SYNTHETIC else "")


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
    ratio = f" ({trained / alone:.0%})" if alone else ""
    return f"runs: {len(done)} of {len(table.rows)}; {trained:,} updates trained for {alone:,} updates of runs{ratio}"


# --- A study's report as files: one HTML page that asks for nothing outside itself, and its pictures as PNG ---------


NAME, PICTURES = "report.html", "pictures"
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
        advice = "Go on with preheat study resume."
        raise RunError(refusal("study", "one with a run that has begun", str(folder), advice))
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
    horizons, charts = [], []
    for horizon in findings.horizons:
        pictures = pictures_of(table, horizon, findings)
        (table.folder.path / PICTURES).mkdir(exist_ok=True)
        for picture in pictures:
            _write(picture.draw(True), table.folder.path / PICTURES / f"{picture.name}.png")
        drawn = [picture.chart() for picture in pictures]
        charts += drawn
        horizons.append({"of": horizon, "charts": drawings(drawn), "failures": _failures(horizon)})
    cells = summarize_cells(table)
    return fill(
        "preheat.lab.studies/report.html.jinja",
        charts=charts,
        name=table.folder.path.resolve().name,
        question=header["question"],
        cost=f"{data_of(table)}; {cost_of(table)}",
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


def _write(figure: Any, path: Path) -> None:
    with replacing(path) as beside:
        figure.savefig(beside, format="png", metadata={"Software": None})


def _tiles(table: StudyTable, findings: Findings) -> list[tuple[str, str, str]]:
    """The numbers people look for first."""
    states = [row.state for row in table.rows]
    ended = sum(state != "missing" for state in states)
    wrong = states.count("went wrong")
    stages = {stage for path in table.stages.values() for stage in path}
    results = [result for stage in stages if (result := table.folder.result(stage)) is not None]
    seeds = len({row.seed for row in table.rows})
    return [
        ("Runs", f"{ended:,}", f"of {len(states):,}" + (f"; {wrong} with bad numbers" if wrong else "")),
        ("Seeds", str(seeds), "of every cell"),
        ("Initial loss", f"{findings.initial:.4f}", "of an untrained model, in nats"),
        ("Time", duration(sum(result["seconds"] for result in results)), "of all stages together"),
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
            cells.append((f"{failed} of {many}" if many else "", f"{failed / many if many else 0:.2f}"))
        rows.append((one.line.name, cells))
    return {"peaks": [f"{peak:g}" for peak in peaks], "rows": rows}
