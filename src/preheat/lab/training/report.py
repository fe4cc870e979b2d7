"""A run's report: one HTML page made of what the run folder holds.

The page asks for nothing outside itself and has no scripts (its own policy forbids both), so it can be mailed, kept and
opened offline. The same folder gives the same page, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import RunError, refusal
from preheat.files import replacing
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.records import RunData, read_run
from preheat.lab.training.settings import SETTINGS
from preheat.view import inline_svg, plot_series
from preheat.view import report as words
from preheat.view.echarts import report_options
from preheat.view.image import COLORS
from preheat.view.report import NOT_RECORDED, Chart, count, drawings, fill, listing, number, of, value
from preheat.view.samples import mean_width, running_mean, sample, thin, thinned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# --- The settings of a run beside their defaults: what was chosen comes first ---------------------------------------


_UNKNOWN = "not a setting of this release"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting: its value and default as one would type them, whether they differ, and what it is."""

    name: str
    value: str
    default: str
    changed: bool
    meaning: str


def setting_rows(config: Mapping[str, Any]) -> list[SettingRow]:
    """Every setting of a run, those that differ from their default first.

    A default that depends on the model, the schedule or the data is the one for those of the run.

    >>> first = setting_rows({"batch_size": 32, "epochs": 5, "model": "small"})[0]
    >>> first.name, first.value, first.default, first.changed
    ('epochs', '5', '8', True)
    """
    chosen = {name: config[name] for name in ("model", "schedule", "data") if name in config}
    filled = TrainConfig.model_validate(chosen).filled().model_dump()
    own = TrainConfig.model_validate({}).model_dump()
    defaults = {**filled, **{name: own[name] for name in chosen}}
    rows = [_row(name, setting, defaults) for name, setting in config.items()]
    return sorted(rows, key=lambda row: not row.changed)


def _row(name: str, setting: Any, defaults: Mapping[str, Any]) -> SettingRow:
    if name not in defaults:
        return SettingRow(name, value(setting), _UNKNOWN, True, "")
    return SettingRow(name, value(setting), value(defaults[name]), setting != defaults[name], SETTINGS[name].help)


# --- What a confusion matrix says of each class ---------------------------------------------------------------------
# Matrix   rows are the true classes, columns the guesses; entries count rows of the test split.
# Scores   precision = right / guessed, recall = right / true, F1 = 2 right / (guessed + true). Where one would divide
#          by zero there is no score (None): a class that was never guessed has no precision.


@dataclass(frozen=True, slots=True)
class ClassScores:
    """One class: how many rows have it, how many were guessed to, and the scores, each in [0, 1] or None."""

    name: str
    rows: int
    guessed: int
    right: int

    @property
    def precision(self) -> float | None:
        """Of the rows guessed to be of the class, the share that is."""
        return self.right / self.guessed if self.guessed else None

    @property
    def recall(self) -> float | None:
        """Of the rows of the class, the share that was found."""
        return self.right / self.rows if self.rows else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both."""
        return 2 * self.right / (self.guessed + self.rows) if self.guessed + self.rows else None


def by_class(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[ClassScores]:
    """The scores of every class, in the order of ``classes``.

    Raises:
        RunError: if the matrix is not square, as many rows as there are classes.

    >>> sport, trade = by_class(["sport", "trade"], [[8, 2], [1, 9]])
    >>> sport.rows, sport.guessed, sport.recall, trade.precision
    (10, 9, 0.8, 0.8181818181818182)
    """
    many = len(classes)
    if [len(row) for row in confusion] != [many] * many:
        shape = f"{len(confusion)} rows of {sorted({len(row) for row in confusion})}"
        advice = "Restore result.json, or remove confusion from it."
        raise RunError(refusal("confusion", f"{many} rows of {many} counts, one for each class", shape, advice))
    return [
        ClassScores(name, sum(confusion[index]), sum(row[index] for row in confusion), confusion[index][index])
        for index, name in enumerate(classes)
    ]


def worst_pairs(confusion: Sequence[Sequence[int]], most: int) -> list[tuple[int, int, int]]:
    """The most frequent mistakes: (true class, guess, rows) by index, most rows first.

    >>> worst_pairs([[8, 2, 0], [1, 9, 0], [3, 0, 5]], most=2)
    [(2, 0, 3), (0, 1, 2)]
    """
    pairs = [
        (true, guess, rows)
        for true, counts in enumerate(confusion)
        for guess, rows in enumerate(counts)
        if rows and true != guess
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))[:most]


# --- A run's events (spikes, skipped updates, resumes): marked on the curves, and in a table with the schedule there


# Kinds with a color of their own; any other is marked as one of "other events".
_KINDS = {"resume": "c8", "spike": "c7", "skip": "c6", "stop": "c5"}
_OTHER = "c4"
MOST_MARKS = 100  # of a kind: more would be a block of color
MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Marks:
    """Updates to mark on the curves, by the legend's words for a kind, in a fixed order; what their colors mean."""

    drawn: dict[str, list[float]]
    legend: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the table of events, in words."""

    update: str
    kind: str
    text: str
    lr: str
    border: str


def marks_of(events: list[dict[str, Any]]) -> Marks:
    """Where the events are; of a kind with very many, evenly chosen ones.

    >>> marks_of([{"update": 3, "event": "spike"}, {"update": 9, "event": "moved"}]).legend
    [('mark c7', 'spike (1)'), ('mark c4', 'other events (1)')]
    """
    updates_by_kind: dict[str, list[float]] = {**{kind: [] for kind in _KINDS}, "other events": []}
    for event in events:
        if isinstance(event.get("update"), int):
            updates_by_kind[event["event"] if event.get("event") in _KINDS else "other events"].append(event["update"])
    drawn: dict[str, list[float]] = {}
    legend = []
    for kind, updates in updates_by_kind.items():
        marked = updates[:: -(-len(updates) // MOST_MARKS) or 1]
        some = f", {len(marked)} of them marked" if len(marked) < len(updates) else ""
        words = f"{kind} ({len(updates):,}{some})"
        drawn[words] = marked
        if updates:
            legend.append((f"mark {_KINDS.get(kind, _OTHER)}", words))
    return Marks(drawn, legend)


def event_rows(run: RunData) -> list[EventRow]:
    """The last events, newest last, each with the learning rate there and the nearest border of the schedule."""
    return [_event_row(run, event) for event in run.events[-MOST_ROWS:]]


def _event_row(run: RunData, event: dict[str, Any]) -> EventRow:
    update = event.get("update")
    return EventRow(
        update=count(update),
        kind=str(event.get("event", NOT_RECORDED)),
        text=str(event.get("text", "")),
        lr=_rate_at(run, update),
        border=_nearest_border(run, update),
    )


def _rate_at(run: RunData, update: int | None) -> str:
    """The rate of the update as used, and as a share of the peak."""
    import numpy as np

    at = np.flatnonzero(run.columns["update"] == update)
    if update is None or not len(at):
        return NOT_RECORDED
    lr = float(run.columns["lr"][at[-1]])
    return f"{number(lr)} ({number(lr / run.lr, 3)} of the peak)"


def _nearest_border(run: RunData, update: int | None) -> str:
    borders = [round(border) for border in run.schedule.borders] if not run.schedule.waits_for else []
    if update is None or not borders:
        return "none"
    border = min(borders, key=lambda border: abs(border - update))
    if border == update:
        return f"here, at {count(border)}"
    return f"{count(border)}, {count(abs(border - update))} {'later' if border > update else 'before'}"


# --- The curves of a run's report -----------------------------------------------------------------------------------
# Words stay out of the drawings, but for the numbers on the axes: the page sets them, in fonts that have every script
# and in a size that can be read where the drawing is small.


if TYPE_CHECKING:
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
    step = max(1, -(-len(names) // len(COLORS)))
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


# --- A run's report: one HTML page made of what the run folder holds ------------------------------------------------


NAME = "report.html"
_MOST_CLASSES = 25  # in the matrix; of more classes the most frequent mistakes are listed
_MOST_LINES = 200  # of a table


def write_run_report(folder: str | os.PathLike[str]) -> Path:
    """Write ``report.html`` into a run folder, whole or not at all; an earlier one is replaced.

    Args:
        folder: a run folder, finished or not; only ``config.json`` has to be there.

    Returns:
        The path of the page.

    Raises:
        RunError: if the folder is no run, of another format, or a file in it is damaged.
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    page = render(read_run(Path(folder)))
    path = Path(folder) / NAME
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path


def render(run: RunData) -> str:
    """The page as text."""
    charts, missing = draw_charts(run, marks_of(run.events))
    return fill(
        "preheat.lab.training/report.html.jinja",
        name=run.path.resolve().name,
        run=run,
        state=_state(run),
        tiles=_tiles(run),
        charts=charts,
        drawn=drawings(charts),
        missing=missing,
        speed=_speed(run),
        events=event_rows(run),
        more_events=max(0, len(run.events) - MOST_ROWS),
        schedule=_schedule(run),
        evaluations=_evaluations(run),
        more_evaluations=max(0, len(run.validation) - _MOST_LINES),
        test=_test(run),
        settings=setting_rows(run.header["config"]),
    )


def _state(run: RunData) -> str:
    """Whether the run is complete, or how far it got."""
    if run.result is not None:
        made = run.result["updates"]
        how = "Complete:" if made >= run.total else "Ended early, and scored:"
        return f"{how} {made:,} of {run.total:,} updates."
    if not run.done:
        return f"Unfinished: no update of {run.total:,} is recorded yet."
    return f"Unfinished: {run.done:,} of {run.total:,} updates are recorded, and there is no test score."


def _tiles(run: RunData) -> list[tuple[str, str, str]]:
    """The numbers people look for first: what, how much, and a remark."""
    tiles = []
    if run.result is not None:
        rows = run.header.get("rows", {}).get("test")
        remark = f"best checkpoint, {words.count(rows)} rows" if rows else "best checkpoint"
        for key, what in (("accuracy", "Test accuracy"), ("macro_f1", "Test macro F1"), ("loss", "Test loss")):
            tiles.append((what, words.score(run.result["test"].get(key)), remark))
    for key, score in run.header.get("ceiling", {}).items():
        name = f"Bayes-optimal {key.replace('_', '-')}"
        tiles.append((name, words.score(score), "the best there is to reach: synthetic headlines"))
    best = _best(run)
    if best is not None:
        line = run.validation[best]
        remark = f"after update {words.count(line['update'])}" + ("" if run.result else ", the best so far")
        tiles.append(("Validation accuracy", words.score(line.get("accuracy")), remark))
    tiles.append(("Updates", words.count(run.done), f"of {words.count(run.total)}"))
    updates, rates = run.numbers("lr")
    if len(rates):
        top = int(rates.argmax())
        tiles.append(("Largest learning rate", words.number(rates[top]), f"at update {words.count(updates[top])}"))
    seconds = run.result.get("seconds") if run.result else _sum(run, "seconds")
    tiles.append(("Time", words.duration(seconds), "as measured at the end" if run.result else "of recorded updates"))
    return tiles


def _sum(run: RunData, name: str) -> float | None:
    """The sum of what is recorded; None where nothing is."""
    _, values = run.numbers(name)
    return float(values.sum()) if len(values) else None


def _speed(run: RunData) -> str:
    """Tokens a second, in words."""
    import numpy as np

    _, speeds = run.numbers("tokens_per_second")
    if not len(speeds):
        return f"Tokens a second: {words.NOT_RECORDED}."
    slow, usual, fast = (words.number(part, 3) for part in np.quantile(speeds, [0.05, 0.5, 0.95]))
    tokens = _sum(run, "tokens")
    return (
        f"Tokens a second: {usual} at the median, between {slow} and {fast} at nine updates of ten;"
        f" {words.count(tokens)} tokens in all, in {words.duration(_sum(run, 'seconds'))} of updates."
    )


def _schedule(run: RunData) -> dict[str, str]:
    schedule = run.schedule
    waits = schedule.waits_for
    described = f"waits for {waits}" if waits else schedule.describe(run.lr, run.total)
    return {"text": str(schedule), "words": described, "plan": str(run.header.get("plan", words.NOT_RECORDED))}


def _best(run: RunData) -> int | None:
    """Which evaluation belongs to the best checkpoint; before the run is finished, the most accurate one so far."""
    if run.result is not None:
        number = str(run.result.get("best", "")).rpartition("-")[2]
        update = int(number) if number.isdecimal() else None
        return next((at for at, line in enumerate(run.validation) if line["update"] == update), None)
    scored = [(line["accuracy"], -at) for at, line in enumerate(run.validation) if line.get("accuracy") is not None]
    return -max(scored)[1] if scored else None


def _evaluations(run: RunData) -> list[tuple[dict[str, Any], bool]]:
    """The last evaluations and the best one, and whether each is it."""
    best = _best(run)
    skipped = max(0, len(run.validation) - _MOST_LINES)
    return [(line, at == best) for at, line in enumerate(run.validation) if at >= skipped or at == best]


def _test(run: RunData) -> dict[str, Any] | None:
    """The test scores, and from the confusion matrix, where there is one, those of each class."""
    if run.result is None:
        return None
    test: dict[str, Any] = {"scores": run.result["test"], "matrix": [], "pairs": [], "classes": [], "more": 0}
    confusion = run.result.get("confusion")
    if confusion is not None:
        names: Sequence[str] = run.header["classes"]
        scores = by_class(names, confusion)
        if len(names) <= _MOST_CLASSES:
            test["matrix"] = [
                (one, [_cell(rows, one.rows, right=place == at) for place, rows in enumerate(confusion[at])])
                for at, one in enumerate(scores)
            ]
        else:
            pairs = worst_pairs(confusion, _MOST_CLASSES)
            test["pairs"] = [(names[true], names[guess], rows) for true, guess, rows in pairs]
        if len(scores) > _MOST_LINES:
            test["more"] = len(scores) - _MOST_LINES
            scores = sorted(scores, key=lambda one: -1.0 if one.f1 is None else one.f1)[:_MOST_LINES]
        test["classes"] = scores
    return test


def _cell(rows: int, of: int, *, right: bool) -> tuple[int, str, str]:
    """A cell of the matrix: its count, the class that colors it, and how strongly, from 0 to 1."""
    return rows, "right" if right else "wrong", f"{rows / of if of else 0:.2f}"
