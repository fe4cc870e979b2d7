"""The charts of an audit: a log's rates, the plan's or the recognised curve behind them, and where they part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from preheat.inspect.auditing.finding import Finding
from preheat.inspect.auditing.observed import observed
from preheat.inspect.auditing.recognise import Recognised
from preheat.schedule import Schedule
from preheat.view import inline_svg, plot_series
from preheat.view.report import Chart
from preheat.view.report.options import report_options
from preheat.view.report.thinning import thin
from preheat.view.report.words import count, number
from preheat.view.samples import sample

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Counts, Floats
    from preheat.inspect.logs import Series

_SIZE = (7.8, 3.2)
_PLACE = (0.078, 0.15, 0.9, 0.78)  # of the axes in it: left, bottom, width, height


def audit_chart(schedule: Schedule, finding: Finding, name: str) -> Chart:
    """The plan of one group and what it logged; the first rate that is not the plan's is marked."""
    base = base_of(schedule, finding)
    title = f"Plan and log: {finding.group}"
    if finding.parts is None or finding.equal:
        note = (
            "Log and plan do not part."
            if finding.parts is None
            else f"{finding.sentence[0].upper()}{finding.sentence[1:]}."
        )
        return _chart(name, title, note, "plan", schedule, base, finding.updates, finding.rates)
    at = int(np.flatnonzero(finding.updates == finding.parts)[0])
    apart = f"{number(finding.rates[at])} instead of {number(finding.planned[at])}"
    note = f"They part at update {count(finding.parts)}, the first whose rate is not the plan's: {apart}."
    return _chart(name, title, note, "plan", schedule, base, finding.updates, finding.rates, finding.parts)


def recognised_chart(series: Series, known: Recognised, first: int, name: str) -> Chart:
    """A log's rates and the schedule that was recognised in them."""
    seen = observed(series, first)
    how = "Every logged rate agrees" if known.exact else "The nearest known shape"
    note = f"{how}; the largest distance is {number(known.error)}, at update {count(known.error_at)}."
    title = f"Log and what it looks like: {series.name}"
    return _chart(name, title, note, "recognised", known.schedule, known.base_lr, seen.updates, seen.rates)


def base_of(schedule: Schedule, finding: Finding) -> float:
    """The peak that the plan's rates of a finding were made with; 0 where all of them are 0."""
    top = int(finding.planned.argmax())
    factor = float(schedule(int(finding.updates[top])))
    return float(finding.planned[top]) / factor if factor else 0.0


def _chart(
    name: str, title: str, note: str, curve: str, schedule: Schedule, base: float, updates: Counts, rates: Floats,
    parts: int | None = None,
) -> Chart:  # fmt: skip
    chosen = thin(rates)
    at, last = updates[chosen], int(updates[-1])
    if base:
        # The log may have a row in a thousand: the curve is drawn between them too, and known at each of them.
        every = np.union1d(sample(schedule, updates=max(1, last), lr=base)[0].positions, at).astype(np.int64)
        planned = base * schedule(every)
    else:
        every, planned = at, np.zeros(len(at))
    # The curve comes last and lies on top: dots that are on it would hide it.
    series = {"log": (at.tolist(), rates[chosen].tolist()), curve: (every.tolist(), planned.tolist())}
    marks, legend = {}, [("dot c1", "log"), ("line c2", curve)]
    if parts is not None:
        words = f"they part, at update {count(parts)}"
        marks[words] = [float(parts)]
        legend.append(("mark c8", words))
    figure = plot_series(series, ylabel="", points=["log"], marks=list(marks.values()), legend=False)
    figure.axes[0].set_xlim(-0.02 * last, 1.02 * max(last, 1))
    figure.axes[0].set_position(_PLACE)
    figure.set_size_inches(*_SIZE)
    svg = inline_svg(figure, prefix=name, label=f"{title}. {note}")
    options = report_options(series, points=["log"], marks=marks, reach=max(last, 1))
    options["series"][1]["z"] = 3
    return Chart(name, title, "learning rate", svg, legend, [note], options)
