"""The curves of a run's report.

Words stay out of the drawings, but for the numbers on the axes: the page sets them, in fonts that have every script and
in a size that can be read where the drawing is small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from preheat.train.reporting.events import Marks
from preheat.train.reporting.folder import RunData
from preheat.view import inline_svg, plot_series
from preheat.view.image import COLOURS
from preheat.view.report.chart import Chart
from preheat.view.report.options import report_options
from preheat.view.report.thinning import mean_width, running_mean, thin, thinned
from preheat.view.report.words import NOT_RECORDED, count, listing, number, of
from preheat.view.samples import sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

_SIZE = (7.8, 2.9)  # inches: wide and low, so that two are seen at a time
_PLACE = (0.078, 0.16, 0.9, 0.77)  # of the axes in it: left, bottom, width, height
_MOST_BORDERS = 60
_VISIBLE = 0.005  # of the peak: about a pixel of the drawing
FEW = 60  # values that need no mean to be read
_DOTTED = 30  # points from which on the house style draws none, only the line
SPIKY = 20  # a largest loss so many times the median hides the rest of the curve on a linear axis


def draw_charts(run: RunData, marks: Marks) -> tuple[list[Chart], list[str]]:
    """Every chart the records have numbers for, and what there is none of."""
    makers: dict[str, Callable[[RunData, Marks], Chart | None]] = {
        "learning rate": rate_chart,
        "learning rates of parameter groups": group_chart,
        "loss": loss_chart,
        "gradient norm": norm_chart,
        "update-to-weight ratio": ratio_chart,
        "critical learning rate": critical_chart,
    }
    drawn = {what: maker(run, marks) for what, maker in makers.items()}
    return [chart for chart in drawn.values() if chart], [what for what, chart in drawn.items() if not chart]


def rate_chart(run: RunData, marks: Marks) -> Chart | None:
    """The rate every update used, and the planned curve where it differs or has not been reached."""
    import numpy as np

    updates, used = run.numbers("lr")
    if not len(used):
        return None
    chosen = thin(used)
    series, legend = {"used": (updates[chosen].tolist(), used[chosen].tolist())}, [("line c1", "used")]
    top, last = int(used.argmax()), len(used) - 1
    notes = [
        f"Update {count(updates[0])} used {number(used[0])}, update {count(updates[top])} the most,"
        f" {number(used[top])}, and update {count(updates[last])}, the last one recorded, {number(used[last])}."
    ]
    borders: list[int] = []
    reach = run.done
    if not run.schedule.waits_for:
        planned = sample(run.schedule, updates=max(1, run.total - 1), lr=run.lr)[0]
        borders = [border for border in planned.borders if border][:_MOST_BORDERS]
        gap = abs(used - run.lr * run.schedule(updates.astype(int))).max() / (max(planned.values) or 1.0)
        differ = f"differ by at most {number(gap)} of the planned peak" if gap else "are the same"
        notes.append(f"Used and planned rates {differ}.")
        if gap > _VISIBLE or run.done < run.total:
            reach = max(run.done, run.total)
            # Also where the used ones are drawn: both are known where one is looked at.
            at = np.union1d(planned.positions, updates[chosen]).astype(np.int64)
            series["planned"] = (at.tolist(), (run.lr * run.schedule(at)).tolist())
            legend.append(("dash c2", "planned"))
    if borders:
        first = f", the first {_MOST_BORDERS} times" if len(borders) == _MOST_BORDERS else ""
        legend.append(("border", f"a phase hands over{first}"))
    how: dict[str, Any] = {"dashed": ["planned"], "borders": borders, "reach": reach}
    return _chart(run, "lr", "Learning rate", series, legend, notes, marks, **how)


def group_chart(run: RunData, _: Marks) -> Chart | None:
    """The rate of each parameter group; of many groups eight, evenly chosen."""
    names = list(run.groups)
    if len(names) < 2:
        return None
    step = max(1, -(-len(names) // len(COLOURS)))
    shown = names[::step]
    series = {name: thinned(*run.groups[name]) for name in shown}
    last = {name: float(run.groups[name][1][-1]) for name in names}
    low, high = min(names, key=last.__getitem__), max(names, key=last.__getitem__)
    notes = [
        f"{len(names)} groups; where last recorded, from {number(last[low])} ({low}) to {number(last[high])} ({high})."
    ]
    if step > 1:
        notes.append(f"{len(shown)} of them are drawn.")
    legend = [(f"line c{index}", name) for index, name in enumerate(shown, 1)]
    return _chart(run, "groups", "Learning rates of parameter groups", series, legend, notes, Marks({}, []))


def loss_chart(run: RunData, marks: Marks) -> Chart | None:
    """Each update's loss, its running mean, and the validation loss."""
    import numpy as np

    updates, losses = run.columns["update"], run.columns["loss"]
    known = losses[~np.isnan(losses)]
    if not len(known):
        return None
    series, legend, faint = _averaged(updates, losses)
    width = mean_width(len(losses))
    notes = [
        f"The mean of the last {count(width)} updates is {number(running_mean(losses, width)[-1])};"
        f" the first update had {number(losses[0])}."
    ]
    held = [line for line in run.validation if line.get("loss") is not None]
    if held:
        at, validation = (np.array([line[key] for line in held], dtype=float) for key in ("update", "loss"))
        legend.append((f"{'dot' if len(held) < _DOTTED else 'line'} c{len(series) + 1}", "validation"))
        series["validation"] = thinned(at, validation)
        best = int(validation.argmin())
        notes.append(f"The lowest validation loss is {number(validation[best])}, after {count(at[best])} updates.")
    if len(known) < len(losses):
        lost = updates[np.isnan(losses)].tolist()
        notes.append(f"Not finite at {of(len(lost), len(losses))} updates: {listing(lost)}.")
    log = bool(known.min() > 0 and known.max() > SPIKY * np.median(known))
    how: dict[str, Any] = {"unit": "cross-entropy in nats", "faint": faint, "log": log}
    return _chart(run, "loss", "Loss", series, legend, notes, marks, **how)


def norm_chart(run: RunData, marks: Marks) -> Chart | None:
    """The gradient's norm before clipping, and the level it is clipped to."""
    import numpy as np

    updates, norms = run.numbers("grad_norm")
    if not len(norms):
        return None
    top = int(norms.argmax())
    notes = [
        f"The median is {number(np.median(norms))}, the largest {number(norms[top])} at update {count(updates[top])}."
    ]
    series, legend, faint = _averaged(updates, _positive(norms))
    clip = run.header["config"].get("clip") or None
    clipped = run.columns["clipped"]
    known = clipped[~np.isnan(clipped)]
    if clip:
        legend.append(("level", f"clipped to {number(clip)}"))
        many = of(int(known.sum()), len(known)) + " updates" if len(known) else NOT_RECORDED
        notes.append(f"Clipped to {number(clip)}: {many}.")
    else:
        notes.append("Gradients were not clipped.")
    missing = len(run.columns["update"]) - len(norms)
    if missing:
        notes.append(f"Not recorded or not finite at {of(missing, len(run.columns['update']))} updates.")
    how: dict[str, Any] = {"log": True, "level": clip, "faint": faint}
    return _chart(run, "norm", "Gradient norm", series, legend, notes, marks, **how)


def ratio_chart(run: RunData, marks: Marks) -> Chart | None:
    """How far an update moves the weights, as a share of their size."""
    import numpy as np

    updates, ratios = run.numbers("update_ratio")
    if not len(ratios):
        return None
    top = int(ratios.argmax())
    notes = [
        f"Measured at {of(len(ratios), len(run.columns['update']))} updates: the median is {number(np.median(ratios))},"
        f" the largest {number(ratios[top])} at update {count(updates[top])}."
    ]
    series, legend, faint = _averaged(updates, _positive(ratios))
    how: dict[str, Any] = {"unit": "norm of the change over norm of the weights", "faint": faint, "log": True}
    return _chart(run, "ratio", "Update-to-weight ratio", series, legend, notes, marks, **how)


def critical_chart(run: RunData, marks: Marks) -> Chart | None:
    """The rate beyond which the loss would rise along the update, where it was measured, against the one used."""
    import numpy as np

    used = run.columns["lr"]
    measured = (run.columns["critical_lr"] > 0) & ~np.isnan(used)
    updates, critical = run.columns["update"][measured], run.columns["critical_lr"][measured]
    if not len(critical):
        return None
    share = used[measured] / critical
    top = int(share.argmax())
    notes = [
        f"Measured at {of(len(critical), len(used))} updates: the rate used was at most {number(share[top])} of the"
        f" critical one, at update {count(updates[top])}, and above it at {of(int((share > 1).sum()), len(share))}.",
    ]
    if not used.all():
        notes.append("Rates of 0 have no place on this axis and are left out.")
    measured_at = "critical, where it was measured"
    series = {"used": thinned(run.columns["update"], _positive(used)), measured_at: thinned(updates, critical)}
    legend = [("line c1", "used"), ("dot c2", measured_at)]
    how: dict[str, Any] = {"log": True, "points": [measured_at]}
    return _chart(run, "critical", "Critical learning rate", series, legend, notes, marks, **how)


def _chart(
    run: RunData,
    name: str,
    title: str,
    series: dict[str, Any],
    legend: Sequence[tuple[str, str]],
    notes: list[str],
    marks: Marks,
    unit: str = "",
    reach: int | None = None,
    log: bool = False,
    level: float | None = None,
    borders: Sequence[int] = (),
    **how: Any,
) -> Chart:
    """A chart as a drawing and to look into. The legend's words name its series; they are no part of the drawing."""
    reach = reach or run.done
    log = log and any(value > 0 for _, values in series.values() for value in values)
    words = {style: text for style, text in legend if style in ("border", "level")}
    options = report_options(
        series, marks=marks.drawn, reach=reach, log=log, level=(words.get("level", ""), level),
        borders=(words.get("border", ""), borders), **how,
    )  # fmt: skip
    how |= {"level": level, "borders": borders, "marks": list(marks.drawn.values()), "log": log}
    figure = plot_series(series, ylabel="", legend=False, **how)
    # The same axis at the same place in all of them, so that an update stands below itself.
    figure.axes[0].set_xlim(-0.02 * reach, 1.02 * reach)
    figure.axes[0].set_position(_PLACE)
    figure.set_size_inches(*_SIZE)
    svg = inline_svg(figure, prefix=name, label=f"{title}. {notes[0]}")
    unit = ", ".join(part for part in (unit, "logarithmic axis" if log else "") if part)
    return Chart(name, title, unit, svg, [*legend, *marks.legend], notes, options)


def _averaged(updates: Column, values: Column) -> tuple[dict[str, Any], list[tuple[str, str]], list[str]]:
    """A noisy curve: series, legend, and what is faint: the values, where there are enough for a mean before them."""
    import numpy as np

    each = "each update"
    if len(values) < FEW:
        return {each: thinned(updates, values)}, [("line c1", each)], []
    width = mean_width(len(values))
    means, mean = running_mean(values, width), f"mean of {count(width)}"
    chosen = np.union1d(thin(values), thin(means))  # for both: each is known where the other is looked at
    at = updates[chosen].tolist()
    series = {each: (at, values[chosen].tolist()), mean: (at, means[chosen].tolist())}
    return series, [("faint c1", each), ("line c2", mean)], [each]


def _positive(values: Column) -> Column:
    """Values a logarithmic axis has a place for; NaN for the others, before the thinning chooses the lowest."""
    import numpy as np

    return np.where(values > 0, values, np.nan)
