"""What a study says: its lines held against each other, a recommendation with its reason, and when runs may be stopped.

Line        a schedule with its warm-up and horizon, over all peaks tried.
Initial     loss of an untrained model: the mean over the study's runs of the loss of their first batch, which is taken
            before any update.
Failure     numbers that are no longer finite, or less than half of what the best cell of the horizon has gained: a
            final loss above the middle between the initial one and that cell's mean. The boundary is looked for above
            the best peak: below it runs have only not come far enough.
Capped      the final validation loss, at most the initial one; the initial one for a run whose numbers went bad.
Sensitivity the mean over the peaks, evenly in their logarithm (trapezoids), of the capped loss less the lowest: how
            much a wrong peak costs. It depends on the range, which is always said with it. Wortsman et al. 2023,
            arXiv:2309.14322.
Comparison  at each line's best peak. The peak at which a seed counts is the best of the other seeds, so that a line is
            not flattered by the choice; differences are taken seed by seed, which all lines share, and lines are ranked
            only where the 95 % interval of the mean difference leaves out 0.
Early stop  Spearman between training losses on the way (running means) and final validation losses, of the means of
            cells over their seeds, before any advice.
Answers     for :mod:`preheat.advice`: the runs as logs, as short runs to fit a law to, and as outcomes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any

from preheat.advice import EarlyStoppingCheck, FinishedRun, RunLog, ShortRun, check_early_stopping, run_log
from preheat.errors import DataError, refusal
from preheat.lab.studies.folder import StudyFolder
from preheat.lab.studies.table import RunRow, StudyTable, read_study
from preheat.lab.training.config import UNTUNED, TrainConfig, untuned_of
from preheat.lab.training.records import read_json
from preheat.messages import _, data, joined, plural
from preheat.schedule import Schedule

# --- Means over seeds ------------------------------------------------------------------------------------------------


# A table, because SciPy would be a dependency for thirty numbers.
# 97.5 % quantiles of Student's t, for 1 to 30 degrees of freedom.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131),
    *(2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: of the values.
        margin: half its 95 % interval; None below two seeds.
        seeds: how many.
    """

    mean: float
    margin: float | None
    seeds: int

    @property
    def apart(self) -> bool:
        """Whether the interval is known and does not hold 0."""
        # With one seed nothing is known to be apart.
        return self.margin is not None and abs(self.mean) > self.margin

    def words(self, digits: int = 4) -> str:
        """``0.5060 ± 0.0110``."""
        return f"{self.mean:.{digits}f}" + ("" if self.margin is None else f" ± {self.margin:.{digits}f}")


def estimate(values: Sequence[float]) -> Estimate | None:
    """The mean of values, one a seed; None of none."""
    return Estimate(mean(values), interval(values), len(values)) if values else None


def differences(values: Mapping[int, float], others: Mapping[int, float]) -> Estimate | None:
    """The mean difference over the seeds that both have; None without any."""
    return estimate([value - others[seed] for seed, value in values.items() if seed in others])


def interval(values: Sequence[float]) -> float | None:
    """Half the 95 % interval of a mean (Student's t: for normal values); None below two values.

    >>> round(interval([1.0, 2.0, 3.0]), 3)
    2.484
    """
    degrees = len(values) - 1
    if degrees < 1:
        return None
    # Above 30 degrees: the normal quantile and a term in 1 / degrees that meets the table at 30.
    quantile = _T[degrees - 1] if degrees <= len(_T) else 1.96 + 2.46 / degrees
    return quantile * stdev(values) / math.sqrt(len(values))


# --- Lines -----------------------------------------------------------------------------------------------------------


USABLE = 0.01  # of the lowest loss: how much more a usable peak may have


@dataclass(frozen=True, slots=True)
class Point:
    """The runs of a line at one peak.

    Attributes:
        lr: the peak.
        losses: capped loss by seed, of the runs that have ended.
        accuracies: by seed, of those that are done.
        failed: seeds that failed, wholly or by half.
        missing: runs that are not there yet.
    """

    lr: float
    losses: dict[int, float]
    accuracies: dict[int, float]
    failed: tuple[int, ...]
    missing: int

    @property
    def loss(self) -> Estimate | None:
        """Capped loss over seeds."""
        return estimate([*self.losses.values()])

    @property
    def accuracy(self) -> Estimate | None:
        """Accuracy over the seeds that are done."""
        return estimate([*self.accuracies.values()])

    @property
    def fails(self) -> bool:
        """Whether at least half of the seeds failed."""
        # Half of the seeds: with two of them one failure is already a peak one would not take.
        return bool(self.losses) and 2 * len(self.failed) >= len(self.losses)


@dataclass(frozen=True, slots=True)
class Usable:
    """Neighboring peaks about as good as the best.

    Attributes:
        low, high: the outermost of them.
        at_low, at_high: whether that is the end of what was tried: it may reach further.
    """

    low: float
    high: float
    at_low: bool
    at_high: bool

    def words(self) -> str:
        """``0.0003 to 0.001 (3.3x)``, with what is known of the ends."""
        if self.at_low and self.at_high and self.low == self.high:
            return _("one peak tried")
        if self.low == self.high:
            peaks = _("{peak:g} alone", peak=self.low)
        else:
            peaks = _("{low:g} to {high:g} ({times:.3g}x)", low=self.low, high=self.high, times=self.high / self.low)
        ends = {
            (True, True): _("{peaks}, or more on both sides", peaks=peaks),
            (True, False): _("{peaks}, or lower", peaks=peaks),
            (False, True): _("{peaks}, or higher", peaks=peaks),
        }
        return ends.get((self.at_low, self.at_high), peaks)


@dataclass(frozen=True, slots=True)
class Line:
    """A schedule with its warm-up and horizon.

    Attributes:
        schedule: name or words.
        warmup: as given; None where the schedule says it.
        horizon: updates.
        initial: loss of an untrained model.
        points: by rising peak.
    """

    schedule: str
    warmup: int | float | str | None
    horizon: int
    initial: float
    points: tuple[Point, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """For people: schedule and warm-up."""
        if self.warmup is None:
            return self.schedule
        return _("{schedule}, warm-up {warmup}", schedule=self.schedule, warmup=self.warmup)

    @property
    def seeds(self) -> list[int]:
        """Those that have ended at every peak."""
        each = [{*point.losses} for point in self.points]
        return sorted(set.intersection(*each)) if each else []

    @property
    def best(self) -> Point | None:
        """The peak with the lowest mean of capped losses; None before any run has ended."""
        known = [point for point in self.points if point.losses]
        return min(known, key=lambda point: mean(point.losses.values()), default=None)

    def best_without(self, seed: int) -> Point | None:
        """The best peak as the other seeds have it."""
        others = {point.lr: [loss for one, loss in point.losses.items() if one != seed] for point in self.points}
        known = [point for point in self.points if others[point.lr]]
        return min(known, key=lambda point: mean(others[point.lr]), default=None)

    def held_out(self) -> dict[int, float]:
        """By seed, its loss at the peak that the others choose, so that no run is judged by a choice it had a part in.

        A single seed has nobody to choose for it: its lowest loss.
        """
        losses = {}
        for seed in self.seeds:
            # Chosen by its own seed the best peak would look better than it is, the more so the more peaks were
            # tried.
            chosen = self.best_without(seed) if len(self.seeds) > 1 else self.best
            if chosen is not None:
                losses[seed] = chosen.losses[seed]
        return losses

    def sensitivities(self) -> dict[int, float]:
        """LR sensitivity by seed, in nats; empty with one peak."""
        if len(self.points) < 2:
            return {}
        peaks = [point.lr for point in self.points]
        return {seed: sensitivity(peaks, [point.losses[seed] for point in self.points]) for seed in self.seeds}

    def sensitivity(self) -> Estimate | None:
        """LR sensitivity over seeds, in nats; None with one peak."""
        return estimate([*self.sensitivities().values()])

    def usable(self, share: float = USABLE) -> Usable | None:
        """Peaks around the best whose mean loss is at most ``share`` above its."""
        best = self.best
        if best is None:
            return None
        most = (1 + share) * mean(best.losses.values())
        good = [bool(point.losses) and mean(point.losses.values()) <= most for point in self.points]
        low = high = self.points.index(best)
        # Outward from the best, as far as neighbors are good: an island further out is not a range to aim for.
        while low > 0 and good[low - 1]:
            low -= 1
        while high < len(good) - 1 and good[high + 1]:
            high += 1
        return Usable(self.points[low].lr, self.points[high].lr, low == 0, high == len(good) - 1)

    def boundary(self) -> str:
        """From which peak on, above the best, half of the seeds fail, in words."""
        best = self.best
        if best is None:
            return _("not trained yet")
        if len(self.points) == 1:
            return _("one peak tried")
        ended = [point for point in self.points if point.losses and point.lr >= best.lr]
        first = next((place for place, point in enumerate(ended) if point.fails), None)
        if first is None:
            return _("above {peak:g}, the highest tried", peak=ended[-1].lr)
        if first == 0:
            return _("no peak that was tried trains")
        return _("between {low:g} and {high:g}", low=ended[first - 1].lr, high=ended[first].lr)


def sensitivity(peaks: Sequence[float], losses: Sequence[float]) -> float:
    """Mean of loss less the lowest loss over rising peaks, evenly in their logarithm.

    >>> round(sensitivity([1e-4, 1e-3, 1e-2], [1.0, 0.5, 1.5]), 6)
    0.375
    """
    best = min(losses)
    at = [math.log(peak) for peak in peaks]
    over = [loss - best for loss in losses]
    area = sum((at[i + 1] - at[i]) * (over[i] + over[i + 1]) / 2 for i in range(len(at) - 1))
    return area / (at[-1] - at[0])


def lines_of(rows: Sequence[RunRow], initial: float) -> list[Line]:
    """Every line of a study, in the order of its design."""
    cells: dict[Any, list[RunRow]] = {}
    for row in rows:
        cells.setdefault(row.cell, []).append(row)
    best: dict[int, float] = {}
    for same in cells.values():
        losses = [_capped(row, initial) for row in same if row.state != "missing"]
        if losses:
            best[same[0].horizon] = min(mean(losses), best.get(same[0].horizon, initial))
    grouped: dict[tuple[str, int | float | str | None, int], list[Point]] = {}
    for (schedule, warmup, lr, horizon), same in cells.items():
        # The middle between an untrained model and the best cell.
        limit = (initial + best.get(horizon, initial)) / 2
        grouped.setdefault((schedule, warmup, horizon), []).append(_point(lr, same, initial, limit))
    return [Line(*key, initial, tuple(sorted(points, key=lambda one: one.lr))) for key, points in grouped.items()]


def _point(lr: float, rows: Sequence[RunRow], initial: float, limit: float) -> Point:
    ended = [row for row in rows if row.state != "missing"]
    losses = {row.seed: _capped(row, initial) for row in ended}
    accuracies = {row.seed: row.accuracy for row in ended if row.accuracy is not None}
    # A run at the initial loss failed also where the best cell has gained nothing.
    failed = tuple(seed for seed, loss in losses.items() if loss > limit or loss >= initial)
    return Point(lr, losses, accuracies, failed, len(rows) - len(ended))


def _capped(row: RunRow, initial: float) -> float:
    return initial if row.loss is None else min(row.loss, initial)


# --- Comparison and advice -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """A line among those of its horizon.

    Attributes:
        line: itself.
        loss: over seeds, at peaks that the other seeds chose; None while runs are missing.
        behind: how much more that is than the best line's, seed by seed; None for the best, and without common seeds.
        target: updates until its training loss, smoothed and the mean over seeds, came to what every line reaches in
            the end; None where no run of its best cell is done.
        total_rate: sum of the learning rates of its best cell's runs.
    """

    line: Line
    loss: Estimate | None
    behind: Estimate | None
    target: int | None
    total_rate: float | None

    @property
    def verdict(self) -> str:
        """In words, against the best line of the horizon."""
        if self.loss is None:
            return _("not trained yet")
        if self.behind is None:
            return _("lowest")
        if self.behind.margin is None:
            return _("one seed tells no difference")
        if self.behind.apart:
            return _("worse by {loss}", loss=self.behind.words())
        return _("not distinguishable with {seeds} seeds", seeds=self.behind.seeds)


def advice(compared: Sequence[Compared], rungs: EarlyStoppingCheck | None, why: str, untuned: int) -> list[str]:
    """What to take, and why."""
    known = [one for one in compared if one.loss is not None]
    if not known:
        return [_("No line has a seed that has ended at every peak yet.")]
    best, others = known[0], known[1:]
    assert best.loss is not None
    if best.loss.mean >= best.line.initial:
        return [
            _(
                "No line came below the loss of an untrained model, {loss:.4f}: nothing was learned, so nothing is"
                " ranked. Train longer, at other peaks, or a larger model.",
                loss=best.line.initial,
            )
        ]
    said: list[str] = [
        _("Lowest loss, {loss}: {line}, {peak}.", loss=best.loss.words(), line=best.line.name, peak=_at_peak(best.line))
    ]
    if best.loss.margin is None:
        said.append(_("One seed tells no difference: add seeds with --extend."))
    told = [(one.line.name, one.behind) for one in others if one.behind is not None and one.behind.margin is not None]
    close = [name for name, behind in told if not behind.apart]
    worse = [_("{line} by {loss}", line=name, loss=behind.words()) for name, behind in told if behind.apart]
    if close:
        said.append(_("Not distinguishable from it: {lines}.", lines=joined("; ", close)))
    if worse:
        said.append(_("Worse: {lines}.", lines=joined("; ", worse)))
    return [*said, *_of_warmup(known, untuned), *_of_range(best.line), _early(rungs, why)]


def _at_peak(line: Line) -> str:
    usable, best = line.usable(), line.best
    assert usable is not None
    assert best is not None
    if len(line.points) == 1:
        return _("peak {peak:g}", peak=best.lr)
    return _("peak {peak:g}; within 1 % of it: {peaks}", peak=best.lr, peaks=usable.words())


def _of_range(line: Line) -> list[str]:
    """Whether the peaks tried are enough to believe the best."""
    if len(line.points) == 1:
        return [_("One peak was tried: at the best peak of each line the order may be another.")]
    if line.best in (line.points[0], line.points[-1]):
        return [_("The best peak is the last one tried on its side: widen the range before believing it.")]
    return []


def _of_warmup(known: Sequence[Compared], untuned: int) -> list[str]:
    """What the warm-up changed, of each schedule that was tried with several."""
    said: list[str] = []
    for schedule in dict.fromkeys(one.line.schedule for one in known):
        lines = [one.line for one in known if one.line.schedule == schedule]
        lines.sort(key=lambda line: _updates_of_warmup(line, untuned))
        first, others = lines[0], lines[1:]
        gained = [differences(line.held_out(), first.held_out()) for line in others]
        # Said only where no length differs: otherwise the ranking above says which does.
        if others and not any(one is not None and one.apart for one in gained):
            seeds = min((one.seeds for one in gained if one is not None), default=0)
            said.append(
                plural(
                    "{schedule}: at its best peak the length of the warm-up makes no difference that {n} seed shows.",
                    "{schedule}: at its best peak the length of the warm-up makes no difference that {n} seeds show.",
                    seeds, schedule=schedule,
                )
            )  # fmt: skip
        spared = {line.warmup: differences(line.sensitivities(), first.sensitivities()) for line in others}
        words = [_changed(one, warmup) for warmup, one in spared.items() if one is not None]
        if words:
            said.append(
                _(
                    "{schedule}: LR sensitivity compared with warm-up {warmup}: {differences}.",
                    schedule=schedule, warmup=first.warmup, differences=joined("; ", words),
                )
            )  # fmt: skip
        if others and words:
            limits = [_("{peaks} (warm-up {warmup})", peaks=line.boundary(), warmup=line.warmup) for line in lines]
            said.append(
                _(
                    "{schedule}: the peak at which half of the seeds fail: {limits}.",
                    schedule=schedule, limits=joined("; ", limits),
                )
            )  # fmt: skip
    if len({one.line.warmup for one in known}) > 1:
        said.append(_("Adam's untuned warm-up (Ma & Yarats 2019) would be {updates} updates.", updates=untuned))
    return said


def _changed(difference: Estimate, warmup: object) -> str:
    words = f"{'+' if difference.mean > 0 else ''}{difference.words()}"
    if difference.apart:
        return _("{difference} (warm-up {warmup})", difference=words, warmup=warmup)
    return _("{difference} (warm-up {warmup}, not distinguishable)", difference=words, warmup=warmup)


def _updates_of_warmup(line: Line, untuned: int) -> tuple[bool, float]:
    """What warm-ups are ordered by: whether the length has a unit of its own, which the table knows no updates of."""
    if line.warmup == UNTUNED:
        return False, untuned
    if isinstance(line.warmup, str):
        if line.warmup.endswith("%"):
            return False, float(line.warmup.removesuffix("%")) / 100 * line.horizon
        return True, float(line.warmup.split()[0])
    if isinstance(line.warmup, float) and line.warmup < 1:
        return False, line.warmup * line.horizon
    return False, line.warmup or 0


def _early(rungs: EarlyStoppingCheck | None, why: str) -> str:
    if rungs is None:
        return _("Whether runs may be stopped early is not known: {why}", why=why)
    half = rungs.rung(0.5)
    if rungs.groups == 1:
        known = _(
            "Spearman between training loss half-way and final loss, over peaks and warm-ups: {spearman:.2f}",
            spearman=half.agreement,
        )
    elif half.within is None:
        known = _(
            "Spearman between training loss half-way and final loss, across shapes: {spearman:.2f}",
            spearman=half.agreement,
        )
    else:
        known = _(
            "Spearman between training loss half-way and final loss, across shapes: {spearman:.2f} (within a shape"
            " {within:.2f})",
            spearman=half.agreement, within=half.within,
        )  # fmt: skip
    if half.agreement >= rungs.least:
        return _(
            "{known}: runs like these may be stopped there ({least:g} is asked for).", known=known, least=rungs.least
        )
    return _(
        "{known}: runs like these are to be run to their end ({least:g} is asked for).", known=known, least=rungs.least
    )


# --- The findings ----------------------------------------------------------------------------------------------------


RUNGS = (0.2, 0.5, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Horizon:
    """All that a study says of one horizon.

    Attributes:
        updates: the horizon.
        compared: its lines, the lowest loss first.
        aim: the training loss that ``Compared.target`` counts to.
        rungs: whether its runs might have been stopped early; None with the reason in ``no_rungs``.
        no_rungs: why there is no check.
        advice: sentences: what to take, and why.
    """

    updates: int
    compared: tuple[Compared, ...]
    aim: float | None
    rungs: EarlyStoppingCheck | None
    no_rungs: str
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a study says.

    Attributes:
        initial: loss of an untrained model, in nats.
        lowest, highest: the peaks tried, between which every sensitivity is taken.
        untuned: Adam's untuned warm-up for the study's second beta, in updates.
        horizons: by rising horizon.
        losses: training loss of every update of a run, by its name, running means.
    """

    initial: float
    lowest: float
    highest: float
    untuned: int
    horizons: tuple[Horizon, ...]
    losses: Mapping[str, Sequence[float]] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        return {
            "initial_loss": self.initial,
            "peaks": [self.lowest, self.highest],
            "untuned_warmup": self.untuned,
            "horizons": [_horizon_data(one) for one in self.horizons],
        }


def analyze_study(table: StudyTable) -> Findings | None:
    """All that the runs of a study say so far; None before any has begun."""
    records = {row.name: table.records(row.name) for row in table.rows}
    firsts = [lines[0]["loss"] for lines in records.values() if lines and lines[0]["update"] == 0]
    if not firsts:
        return None
    initial = mean(firsts)
    losses = {name: smooth([line["loss"] for line in lines]) for name, lines in records.items() if lines}
    rates = {name: sum(line["lr"] for line in lines) for name, lines in records.items()}
    untuned = untuned_of(table.folder.header()["design"].get("train") or {})
    peaks = [row.lr for row in table.rows]
    lines = lines_of(table.rows, initial)
    horizons = tuple(
        _horizon([line for line in lines if line.horizon == updates], table.rows, losses, rates, untuned)
        for updates in sorted({line.horizon for line in lines})
    )
    return Findings(initial, min(peaks), max(peaks), untuned, horizons, losses)


def _horizon(
    lines: list[Line],
    rows: Sequence[RunRow],
    losses: Mapping[str, Sequence[float]],
    rates: Mapping[str, float],
    untuned: int,
) -> Horizon:
    updates = lines[0].horizon
    of_best = {line.name: _best_runs(line, rows) for line in lines}
    curves = {name: mean_curve([losses[row.name] for row in runs]) for name, runs in of_best.items() if runs}
    # The highest end of all lines: the loss that every one of them reaches.
    aim = max((curve[-1] for curve in curves.values()), default=None)
    held = {line.name: line.held_out() for line in lines}
    # The best line by held-out losses, against which the others are compared seed by seed.
    first = min(
        (line for line in lines if held[line.name]), key=lambda line: mean(held[line.name].values()), default=None
    )
    compared = []
    for line in lines:
        runs = of_best[line.name]
        behind = None if first is None or line is first else differences(held[line.name], held[first.name])
        total = mean(rates[row.name] for row in runs) if runs else None
        target = None if aim is None or not runs else _reached(curves[line.name], aim)
        compared.append(Compared(line, estimate([*held[line.name].values()]), behind, target, total))
    compared.sort(key=lambda one: (one.loss is None, one.loss.mean if one.loss else 0.0))
    rungs, why = _rungs([row for row in rows if row.horizon == updates], losses)
    return Horizon(updates, tuple(compared), aim, rungs, why, tuple(advice(compared, rungs, why, untuned)))


def _best_runs(line: Line, rows: Sequence[RunRow]) -> list[RunRow]:
    """The finished runs of a line at its best peak."""
    best = line.best
    cell = None if best is None else (line.schedule, line.warmup, best.lr, line.horizon)
    return [row for row in rows if row.cell == cell and row.state == "done"]


def mean_curve(curves: Sequence[Sequence[float]]) -> list[float]:
    """The mean over runs of one length, update by update."""
    return [mean(at) for at in zip(*curves, strict=True)]


def smooth(losses: Sequence[float | None]) -> list[float]:
    """The running mean over a fortieth of a run: batches differ more than updates do."""
    import numpy as np

    from preheat.view.figure import mean_width, running_mean

    values = np.array([np.nan if loss is None else loss for loss in losses], dtype=float)
    means: list[float] = running_mean(values, mean_width(len(values))).tolist()
    return means


def _reached(losses: Sequence[float], aim: float) -> int:
    """Updates made when the loss first was at or below ``aim``, as it is in the end."""
    return next(update + 1 for update, loss in enumerate(losses) if loss <= aim)


def cell_logs(rows: Sequence[RunRow], losses: Mapping[str, Sequence[float]]) -> tuple[list[RunLog], list[str]]:
    """A log of every cell and its shape: the mean over its seeds, since those see other batches.

    Args:
        rows: runs of one length.
        losses: running means of the training losses, by the names of the runs; a log ends with the validation loss.
    """
    cells: dict[Any, list[RunRow]] = {}
    for row in rows:
        if row.state == "done":
            cells.setdefault(row.cell, []).append(row)
    logs = []
    for same in cells.values():
        way = mean_curve([losses[row.name] for row in same])
        final = mean(float(row.loss or 0.0) for row in same)
        logs.append(run_log(same[0].name, range(len(way) + 1), [*way, final]))
    return logs, [same[0].schedule for same in cells.values()]


def _rungs(rows: Sequence[RunRow], losses: Mapping[str, Sequence[float]]) -> tuple[EarlyStoppingCheck | None, str]:
    logs, shapes = cell_logs(rows, losses)
    try:
        return check_early_stopping(logs, RUNGS, groups=shapes if len({*shapes}) > 1 else None), ""
    except DataError as error:
        return None, error.args[0]


def _horizon_data(one: Horizon) -> dict[str, Any]:
    return {
        "updates": one.updates,
        "lines": [_line_data(each) for each in one.compared],
        "training_loss_aimed_at": one.aim,
        "rungs": None if one.rungs is None else one.rungs.to_dict(),
        "advice": [*one.advice],
        "advice_messages": [data(sentence) for sentence in one.advice],
    }


def _line_data(one: Compared) -> dict[str, Any]:
    def plain(value: Estimate | None) -> dict[str, Any] | None:
        return None if value is None else {"mean": value.mean, "margin": value.margin, "seeds": value.seeds}

    line, usable = one.line, one.line.usable()
    best = line.best
    return {
        "schedule": line.schedule,
        "warmup": line.warmup,
        "loss": plain(one.loss),
        "behind": plain(one.behind),
        "verdict": one.verdict,
        "best_peak": None if best is None else best.lr,
        "usable": None if usable is None else [usable.low, usable.high],
        "sensitivity": plain(line.sensitivity()),
        "boundary": line.boundary(),
        "updates_to_target": one.target,
        "sum_of_lr": one.total_rate,
    }


# --- For preheat.advice ----------------------------------------------------------------------------------------------


def is_study(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is a study's."""
    return StudyFolder(path).exists


def study_logs(folder: str | os.PathLike[str], updates: int | None = None) -> tuple[list[RunLog], list[str]]:
    """A log of every cell (of this length), the mean over its finished seeds, and the shape each belongs to.

    Its training losses are running means, its end is the validation loss, as in the study's report: the losses of
    single batches would order the runs by chance.

    Raises:
        DataError: if there is none, or no length is given and the runs have several: at one share of each they are no
            rungs.
    """
    table = read_study(folder)
    rows = [row for row in table.rows if updates in (None, row.horizon)]
    rows = _done(table, rows, None if updates is None else _of_length(updates))
    lengths = sorted({row.horizon for row in rows})
    if len(lengths) > 1:
        advice = _("Ask about those of one length: preheat rung-check --updates N.")
        raise DataError(refusal(_("runs of the study"), _("of one length"), lengths, advice))
    return cell_logs(rows, {row.name: smooth([line["loss"] for line in table.records(row.name)]) for row in rows})


def study_probes(folder: str | os.PathLike[str], lr: float) -> list[ShortRun]:
    """The finished runs at one peak, to fit a law to."""
    table = read_study(folder)
    rule = _("one with finished runs at the peak {peak:g}", peak=lr)
    rows = _done(table, [row for row in table.rows if math.isclose(row.lr, lr, rel_tol=1e-9)], rule)
    return [ShortRun.from_log(_log(table, row), updates=row.updates) for row in rows]


def study_outcomes(folder: str | os.PathLike[str], updates: int) -> list[FinishedRun]:
    """The finished runs of one length: a final validation loss for every schedule and peak, the mean over seeds.

    Cells of which a seed went wrong are left out.
    """
    table = read_study(folder)
    rows = [row for row in table.rows if row.horizon == updates]
    # A cell of which a seed went wrong would have the mean of the lucky ones.
    wrong = {row.cell for row in rows if row.state == "went wrong"}
    cells: dict[object, list[RunRow]] = {}
    for row in _done(table, rows, _of_length(updates)):
        if row.cell not in wrong:
            cells.setdefault(row.cell, []).append(row)
    return [
        FinishedRun(_schedule(table, same[0]), same[0].lr, mean(float(row.loss or 0.0) for row in same))
        for same in cells.values()
    ]


def _of_length(updates: int) -> str:
    return _("one with finished runs of {updates} updates", updates=updates)


def _done(table: StudyTable, rows: tuple[RunRow, ...] | list[RunRow], rule: str | None) -> list[RunRow]:
    done = [row for row in rows if row.state == "done"]
    if not done:
        advice = _("It is {folder}: look with preheat study report.", folder=table.folder.path)
        raise DataError(refusal("study", rule or _("one with finished runs"), len(done), advice))
    return done


def _log(table: StudyTable, row: RunRow) -> RunLog:
    records = table.records(row.name)
    return run_log(row.name, *([line[key] for line in records] for key in ("update", "loss", "lr")))


def _schedule(table: StudyTable, row: RunRow) -> Schedule:
    """What a run followed. Its last stage may be one that a longer run goes on from: of equal rates, so long."""
    settings = read_json(table.folder.stage(table.stages[row.name][-1]) / "config.json")["config"]
    config = TrainConfig.model_validate(settings)
    return config.build_schedule(config.max_updates or row.horizon)
