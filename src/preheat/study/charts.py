"""The pictures of a study: losses and accuracies over peaks, sensitivities, and the curves of the best cells.

Each is one figure, written as PNG with its legend, and set into the page as a drawing with the legend beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING, Any

from preheat.study.estimates import Estimate
from preheat.study.findings import Findings, Horizon
from preheat.study.lines import Line, Point
from preheat.study.table import StudyTable
from preheat.view import inline_svg, plot_against, plot_series
from preheat.view.image import COLOURS
from preheat.view.report.chart import Chart
from preheat.view.report.options import report_options, with_margins
from preheat.view.report.thinning import thin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LINES = len(COLOURS)  # of a picture; of more the best
_APART = 1.03  # between the peaks of neighbouring lines, so that their intervals can be told apart
_ROOM = 0.06  # above and below the values


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        name: of its file and section.
        title, unit: heading.
        draw: makes the figure; with its legend in it or without.
        options: the same to look into.
        legend: names of the lines, in the order of their colours.
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
    for (line, (places, values)), colour in zip(zip(lines, series.values(), strict=True), COLOURS, strict=False):
        failing = [place for place, point in enumerate(point for point in line.points if value(point)) if point.fails]
        at = [places[place] for place in failing], [values[place] for place in failing]
        figure.axes[0].plot(*at, marker="x", markersize=11, markeredgewidth=1.6, linestyle="none", color=colour)
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
