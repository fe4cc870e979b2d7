"""A run's report: one HTML page made of what the run folder holds.

The page asks for nothing outside itself and has no scripts (its own policy forbids both), so it can be mailed, kept and
opened offline. The same folder gives the same page, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import RunError, refusal
from preheat.files import replacing
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.records import KINDS, RunData, read_run
from preheat.lab.training.settings import SETTINGS
from preheat.messages import _, joined
from preheat.view import report as words
from preheat.view.figure import (
    COLORS,
    NOT_RECORDED,
    POINTS,
    Axis,
    Figure,
    Mark,
    Series,
    averaged,
    mean_width,
    number,
    running_mean,
    thin,
    thinned,
)
from preheat.view.report import count, fill, listing, of, value
from preheat.view.sampling import border_mark, sample

if TYPE_CHECKING:
    from preheat.view.figure import Column


# --- The settings of a run beside their defaults: what was chosen comes first ---------------------------------------


_UNKNOWN = _("not a setting of this release")


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
        lengths = sorted({len(row) for row in confusion})
        shape = _("{rows} rows of {lengths}", rows=len(confusion), lengths=str(lengths))
        advice = _("Restore result.json, or remove confusion from it.")
        raise RunError(
            refusal(
                "confusion", _("{classes} rows of {classes} counts, one for each class", classes=many), shape, advice
            )
        )
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


# With a color of their own; any other is one of "other events". Where room is little, the first have their numbers.
_KINDS = ("spike", "skip", "resume", "stop")
MOST_MARKS = 100  # of a kind: more would be a block of color
# As many rows as people scroll through; the file beside the report has all of them.
MOST_ROWS = 200  # of the table
_NUMBERED = 5  # events of a kind that have their update above them; of more, numbers would be noise


def marks_of(events: list[dict[str, Any]]) -> tuple[Mark, ...]:
    """Where the events are; of a kind with very many, evenly chosen ones.

    >>> [mark.label for mark in marks_of([{"update": 3, "event": "spike"}, {"update": 9, "event": "moved"}])]
    ['spike (1)', 'other events (1)']
    """
    updates: dict[str, list[int]] = {kind: [] for kind in (*_KINDS, "other")}
    for event in events:
        if isinstance(event.get("update"), int):
            updates[event["event"] if event.get("event") in _KINDS else "other"].append(event["update"])
    marks = []
    for kind, at in updates.items():
        chosen = at[:: -(-len(at) // MOST_MARKS) or 1]
        what = _("other events") if kind == "other" else KINDS[kind]
        if len(chosen) < len(at):
            label = _("{event} ({many:,}, {marked} of them marked)", event=what, many=len(at), marked=len(chosen))
        else:
            label = _("{event} ({many:,})", event=what, many=len(at))
        marks += [
            Mark(position=update, label=label, kind="event", role=kind,
                 text=f"{update:,}" if len(at) <= _NUMBERED else "")
            for update in chosen
        ]  # fmt: skip
    return tuple(marks)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the table of events, in words."""

    update: str
    kind: str
    text: str
    lr: str
    border: str


def event_rows(run: RunData) -> list[EventRow]:
    """The last events, newest last, each with the learning rate there and the nearest border of the schedule."""
    return [_event_row(run, event) for event in run.events[-MOST_ROWS:]]


def _event_row(run: RunData, event: dict[str, Any]) -> EventRow:
    update = event.get("update")
    return EventRow(
        update=count(update),
        kind=KINDS.get(event.get("event", ""), event.get("event", NOT_RECORDED)),
        text=event.get("text", ""),
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
    return _("{lr} ({share} of the peak)", lr=number(lr), share=number(lr / run.lr, 3))


def _nearest_border(run: RunData, update: int | None) -> str:
    borders = [round(border) for border in run.schedule.borders] if not run.schedule.waits_for else []
    if update is None or not borders:
        return _("none")
    border = min(borders, key=lambda border: abs(border - update))
    if border == update:
        return _("here, at {border}", border=count(border))
    away = count(abs(border - update))
    if border > update:
        return _("{border}, {updates} later", border=count(border), updates=away)
    return _("{border}, {updates} before", border=count(border), updates=away)


# --- The figures of a run -------------------------------------------------------------------------------------------
# Words stay out of the drawings, but for the numbers on the axes: the page sets them, in fonts that have every script
# and in a size that can be read where the drawing is small.


_MOST_BORDERS = 60  # of a schedule: more phases are drawn, but not marked
# A usual first loss is 2 to 5 times the median; a spike worth a logarithmic axis is far beyond that.
_SPIKY = 20  # a largest loss so many times the median hides the rest of the curve on a linear axis


def figures_of(run: RunData, points: int = POINTS) -> tuple[list[Figure], list[str]]:
    """Every figure the records have numbers for, and what there is none of.

    Args:
        run: what to draw.
        points: at most about so many of a curve.
    """
    makers: dict[str, Callable[[RunData, int], Figure | None]] = {
        _("learning rate"): rate_figure,
        _("learning rates of parameter groups"): _group_figure,
        _("loss"): loss_figure,
        _("gradient norm"): _norm_figure,
        _("update-to-weight ratio"): _ratio_figure,
        _("critical learning rate"): _critical_figure,
    }
    drawn = {what: maker(run, points) for what, maker in makers.items()}
    return [figure for figure in drawn.values() if figure], [what for what, figure in drawn.items() if not figure]


def rate_figure(run: RunData, points: int = POINTS) -> Figure | None:
    """The rate every update used, over the planned curve; None where no rate is recorded."""
    import numpy as np

    updates, used = run.numbers("lr")
    if not len(used):
        return None
    chosen = thin(used, points)
    at = updates[chosen]
    series = [Series(label=_("used"), role="used", x=at.tolist(), y=used[chosen].tolist())]
    top, last = int(used.argmax()), len(used) - 1
    # In words as well: it describes the drawing to those who do not see it.
    notes: list[str] = [
        _(
            "Update {first} used {first_lr}, update {top} the most, {top_lr}, and update {last}, the last one recorded,"
            " {last_lr}.",
            first=count(updates[0]), first_lr=number(used[0]), top=count(updates[top]), top_lr=number(used[top]),
            last=count(updates[last]), last_lr=number(used[last]),
        )
    ]  # fmt: skip
    marks: list[Mark] = []
    if not run.schedule.waits_for:
        planned = sample(run.schedule, updates=max(1, run.total - 1), lr=run.lr, points=points)[0]
        borders = [border for border in planned.borders if border]
        gap = abs(used - run.lr * run.schedule(updates.astype(int))).max() / (max(planned.values) or 1.0)
        if gap:
            notes.append(_("Used and planned rates differ by at most {share} of the planned peak.", share=number(gap)))
        else:
            notes.append(_("Used and planned rates are the same."))
        # Also where the used ones are drawn: both are known where one is looked at.
        every = np.union1d(planned.positions, at).astype(np.int64)
        rates = (run.lr * run.schedule(every)).tolist()
        series.append(Series(label=_("planned"), role="planned", x=every.tolist(), y=rates, style="plan"))
        label = _("a phase hands over")
        if len(borders) > _MOST_BORDERS:
            label = _("a phase hands over, the first {times} times", times=_MOST_BORDERS)
        marks = [replace(border_mark(border), label=label) for border in borders[:_MOST_BORDERS]]
    return _figure(run, "lr", (_("Learning rate"), _("learning rate")), series, notes, marks=marks)


def _group_figure(run: RunData, points: int) -> Figure | None:
    """The rate of each parameter group; of many groups eight, evenly chosen."""
    names = list(run.groups)
    if len(names) < 2:
        return None
    # Evenly chosen: groups are usually layers in order, so the first eight would all be of the lowest.
    shown = names[:: max(1, -(-len(names) // COLORS))]
    series = []
    for index, name in enumerate(shown, 1):
        x, y = thinned(*run.groups[name], points)
        series.append(Series(label=name, role=index, x=x, y=y))
    last = {name: float(run.groups[name][1][-1]) for name in names}
    low, high = min(names, key=last.__getitem__), max(names, key=last.__getitem__)
    notes = [
        _(
            "{groups} groups; where last recorded, from {low_lr} ({low}) to {high_lr} ({high}).",
            groups=len(names), low_lr=number(last[low]), low=low, high_lr=number(last[high]), high=high,
        )
    ]  # fmt: skip
    if len(shown) < len(names):
        notes.append(_("{groups} of them are drawn.", groups=len(shown)))
    titles = _("Learning rates of parameter groups"), _("learning rates of parameter groups")
    # Groups have the colors that events have too: no events here.
    return _figure(run, "groups", titles, series, notes, events=False)


def loss_figure(run: RunData, points: int = POINTS) -> Figure | None:
    """Each update's loss, its running mean, and the validation loss; None where no loss is recorded."""
    import numpy as np

    updates, losses = run.columns["update"], run.columns["loss"]
    known = losses[~np.isnan(losses)]
    if not len(known):
        return None
    series = [*averaged(updates, losses, points)]
    width = mean_width(len(losses))
    notes = [
        _(
            "The mean of the last {updates} updates is {mean}; the first update had {first}.",
            updates=count(width), mean=number(running_mean(losses, width)[-1]), first=number(losses[0]),
        )
    ]  # fmt: skip
    held = [line for line in run.validation if line.get("loss") is not None]
    if held:
        at, validation = (np.array([line[key] for line in held], dtype=float) for key in ("update", "loss"))
        x, y = thinned(at, validation, points)
        series.append(Series(label=_("validation"), role="validation", x=x, y=y))
        best = int(validation.argmin())
        notes.append(
            _(
                "The lowest validation loss is {loss}, after {updates} updates.",
                loss=number(validation[best]), updates=count(at[best]),
            )
        )  # fmt: skip
    if len(known) < len(losses):
        lost = updates[np.isnan(losses)].tolist()
        notes.append(
            _("Not finite at {part} updates: {updates}.", part=of(len(lost), len(losses)), updates=listing(lost))
        )
    log = bool(known.min() > 0 and known.max() > _SPIKY * np.median(known))
    return _figure(run, "loss", (_("Loss"), _("loss")), series, notes, unit=_("cross-entropy in nats"), log=log)


def _norm_figure(run: RunData, points: int) -> Figure | None:
    """The gradient's norm before clipping, and the level it is clipped to."""
    import numpy as np

    updates, norms = run.numbers("grad_norm")
    if not len(norms):
        return None
    top = int(norms.argmax())
    notes = [
        _(
            "The median is {median}, the largest {largest} at update {update}.",
            median=number(np.median(norms)), largest=number(norms[top]), update=count(updates[top]),
        )
    ]  # fmt: skip
    clip = run.header["config"].get("clip") or None
    marks = []
    if clip:
        marks.append(Mark(position=clip, label=_("clipped to {norm}", norm=number(clip)), kind="level"))
        clipped = run.columns["clipped"]
        known = clipped[~np.isnan(clipped)]
        if len(known):
            part = of(int(known.sum()), len(known))
            notes.append(_("Clipped to {norm}: {part} updates.", norm=number(clip), part=part))
        else:
            notes.append(_("Clipped to {norm}: not recorded.", norm=number(clip)))
    else:
        notes.append(_("Gradients were not clipped."))
    missing = len(run.columns["update"]) - len(norms)
    if missing:
        part = of(missing, len(run.columns["update"]))
        notes.append(_("Not recorded or not finite at {part} updates.", part=part))
    # Norms and ratios range over decades: always logarithmic, so that two runs can be compared.
    series = averaged(updates, _positive(norms), points)
    return _figure(run, "norm", (_("Gradient norm"), _("gradient norm")), series, notes, marks=marks, log=True)


def _ratio_figure(run: RunData, points: int) -> Figure | None:
    """How far an update moves the weights, as a share of their size."""
    import numpy as np

    updates, ratios = run.numbers("update_ratio")
    if not len(ratios):
        return None
    top = int(ratios.argmax())
    notes = [
        _(
            "Measured at {part} updates: the median is {median}, the largest {largest} at update {update}.",
            part=of(len(ratios), len(run.columns["update"])),
            median=number(np.median(ratios)), largest=number(ratios[top]), update=count(updates[top]),
        )
    ]  # fmt: skip
    series = averaged(updates, _positive(ratios), points)
    unit = _("norm of the change over norm of the weights")
    titles = _("Update-to-weight ratio"), _("update-to-weight ratio")
    return _figure(run, "ratio", titles, series, notes, unit=unit, log=True)


def _critical_figure(run: RunData, points: int) -> Figure | None:
    """The rate beyond which the loss would rise along the update, where it was measured, against the one used."""
    import numpy as np

    used = run.columns["lr"]
    measured = (run.columns["critical_lr"] > 0) & ~np.isnan(used)
    updates, critical = run.columns["update"][measured], run.columns["critical_lr"][measured]
    if not len(critical):
        return None
    # Above 1 the update overshot: the loss rose along it.
    share = used[measured] / critical
    top = int(share.argmax())
    notes = [
        _(
            "Measured at {part} updates: the rate used was at most {share} of the critical one, at update {update}, and"
            " above it at {above}.",
            part=of(len(critical), len(used)), share=number(share[top]), update=count(updates[top]),
            above=of(int((share > 1).sum()), len(share)),
        )
    ]  # fmt: skip
    if not used.all():
        notes.append(_("Rates of 0 have no place on this axis and are left out."))
    x, y = thinned(run.columns["update"], _positive(used), points)
    at, rates = thinned(updates, critical, points)
    series = (
        Series(label=_("used"), role="used", x=x, y=y),
        Series(label=_("critical, where it was measured"), role="critical", x=at, y=rates, style="points"),
    )
    titles = _("Critical learning rate"), _("critical learning rate")
    return _figure(run, "critical", titles, series, notes, log=True)


def _figure(
    run: RunData,
    name: str,
    titles: tuple[str, str],
    series: Sequence[Series],
    notes: Sequence[str],
    *,
    marks: Sequence[Mark] = (),
    unit: str = "",
    log: bool = False,
    events: bool = True,
) -> Figure:
    """A figure whose axis of updates is that of all of the run's, so that an update stands below itself.

    ``titles`` are of the figure and of its axis of values.
    """
    title, measured = titles
    # A logarithmic axis without a positive value has no range.
    log = log and any(value > 0 for one in series for value in one.y)
    return Figure(
        name=name,
        title=title,
        x=Axis(title=_("update"), high=max(run.total, run.done)),
        y=Axis(title=measured, unit=unit, log=log),
        series=tuple(series),
        marks=(*marks, *(marks_of(run.events) if events else ())),
        notes=tuple(notes),
    )


def _positive(values: Column) -> Column:
    """Values a logarithmic axis has a place for; NaN for the others, before the thinning chooses the lowest."""
    import numpy as np

    return np.where(values > 0, values, np.nan)


# --- A run's report: one HTML page made of what the run folder holds ------------------------------------------------


NAME = "report.html"
# A matrix of 25 is as wide as a page; a browser lays out 200 rows of a table at once without a pause.
_MOST_CLASSES = 25  # in the matrix; of more classes the most frequent mistakes are listed
_MOST_LINES = 200  # of a table
_NAMED = 50  # classes named in a row


def write_run_report(folder: str | os.PathLike[str]) -> Path:
    """Write ``report.html`` into a run folder, whole or not at all; an earlier one is replaced.

    Args:
        folder: a run folder, finished or not; only ``config.json`` has to be there.

    Returns:
        The path of the page.

    Raises:
        RunError: if the folder is no run, of another format, or a file in it is damaged.
        MissingExtraError: if Jinja2 is not installed.
    """
    page = render(read_run(Path(folder)))
    path = Path(folder) / NAME
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path


def render(run: RunData) -> str:
    """The page as text."""
    figures, missing = figures_of(run)
    return fill(
        "preheat.lab.training/report.html.jinja",
        name=run.path.resolve().name,
        run=run,
        state=_state(run),
        tiles=_tiles(run),
        figures=figures,
        drawn=figures,
        missing=joined(", ", missing),
        speed=_speed(run),
        events=event_rows(run),
        more_events=max(0, len(run.events) - MOST_ROWS),
        schedule=_schedule(run),
        evaluations=_evaluations(run),
        more_evaluations=max(0, len(run.validation) - _MOST_LINES),
        test=_test(run),
        settings=setting_rows(run.header["config"]),
        classes=_classes(run.header["classes"]),
    )


def _classes(classes: Sequence[str]) -> str:
    """How many classes there are, and the first of them."""
    shown = joined(", ", classes[:_NAMED])
    if len(classes) > _NAMED:
        return _("{many:,}: {classes} and others", many=len(classes), classes=shown)
    return joined(": ", [f"{len(classes):,}", shown])


def _state(run: RunData) -> str:
    """Whether the run is complete, or how far it got."""
    if run.result is not None:
        made = run.result["updates"]
        if made >= run.total:
            return _("Complete: {made:,} of {total:,} updates.", made=made, total=run.total)
        return _("Ended early, and scored: {made:,} of {total:,} updates.", made=made, total=run.total)
    if not run.done:
        return _("Unfinished: no update of {total:,} is recorded yet.", total=run.total)
    return _(
        "Unfinished: {made:,} of {total:,} updates are recorded, and there is no test score.",
        made=run.done, total=run.total,
    )  # fmt: skip


def _tiles(run: RunData) -> list[tuple[str, str, str]]:
    """The numbers people look for first: what, how much, and a remark."""
    tiles: list[tuple[str, str, str]] = []
    if run.result is not None:
        rows = run.header.get("rows", {}).get("test")
        remark = _("best checkpoint, {rows} rows", rows=words.count(rows)) if rows else _("best checkpoint")
        for key, what in _TESTED.items():
            tiles.append((what, words.score(run.result["test"].get(key)), remark))
    for key, score in run.header.get("ceiling", {}).items():
        remark = _("the best there is to reach: synthetic headlines")
        tiles.append((_CEILINGS.get(key, key), words.score(score), remark))
    best = _best(run)
    if best is not None:
        line = run.validation[best]
        update = words.count(line["update"])
        remark = _("after update {update}", update=update)
        if not run.result:
            remark = _("after update {update}, the best so far", update=update)
        tiles.append((_("Validation accuracy"), words.score(line.get("accuracy")), remark))
    tiles.append((_("Updates"), words.count(run.done), _("of {total}", total=words.count(run.total))))
    updates, rates = run.numbers("lr")
    if len(rates):
        top = int(rates.argmax())
        remark = _("at update {update}", update=words.count(updates[top]))
        tiles.append((_("Largest learning rate"), number(rates[top]), remark))
    seconds = run.result.get("seconds") if run.result else _sum(run, "seconds")
    remark = _("as measured at the end") if run.result else _("of recorded updates")
    tiles.append((_("Time"), words.duration(seconds), remark))
    return tiles


_TESTED = {"accuracy": _("Test accuracy"), "macro_f1": _("Test macro F1"), "loss": _("Test loss")}
_CEILINGS = {"accuracy": _("Bayes-optimal accuracy"), "cross_entropy": _("Bayes-optimal cross-entropy")}


def _sum(run: RunData, name: str) -> float | None:
    """The sum of what is recorded; None where nothing is."""
    _unused, values = run.numbers(name)
    return float(values.sum()) if len(values) else None


def _speed(run: RunData) -> str:
    """Tokens a second, in words."""
    import numpy as np

    _unused, speeds = run.numbers("tokens_per_second")
    if not len(speeds):
        return _("Tokens a second: not recorded.")
    slow, usual, fast = (number(part, 3) for part in np.quantile(speeds, [0.05, 0.5, 0.95]))
    return _(
        "Tokens a second: {usual} at the median, between {slow} and {fast} at nine updates of ten;"
        " {tokens} tokens in all, in {time} of updates.",
        usual=usual, slow=slow, fast=fast,
        tokens=words.count(_sum(run, "tokens")), time=words.duration(_sum(run, "seconds")),
    )  # fmt: skip


def _schedule(run: RunData) -> dict[str, str]:
    schedule = run.schedule
    waits = schedule.waits_for
    described = _("waits for {what}", what=waits) if waits else schedule.describe(run.lr, run.total)
    return {"text": str(schedule), "words": described, "plan": run.header.get("plan", NOT_RECORDED)}


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
