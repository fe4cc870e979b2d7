"""A schedule with its warm-up and horizon, over all peaks tried: how it depends on the peak, and where it fails.

Initial loss   of an untrained model: the mean over the study's runs of the loss of their first batch, which is taken
               before any update.
Failure        numbers that are no longer finite, or less than half of what the best cell of the horizon has gained:
               a final loss above the middle between the initial one and that cell's mean. The boundary is looked for
               above the best peak: below it runs have only not come far enough.
Capped loss    the final validation loss, at most the initial one; the initial one for a run whose numbers went bad.
Sensitivity    the mean over the peaks, evenly in their logarithm (trapezoids), of the capped loss less the lowest: how
               much a wrong peak costs. It depends on the range, which is always said with it.
               Wortsman et al. 2023, arXiv:2309.14322.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from preheat.study.estimates import Estimate, estimate
from preheat.study.table import RunRow

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
        return bool(self.losses) and 2 * len(self.failed) >= len(self.losses)


@dataclass(frozen=True, slots=True)
class Usable:
    """Neighbouring peaks about as good as the best.

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
        ends = {(True, True): ", or more on both sides", (True, False): ", or lower", (False, True): ", or higher"}
        more = ends.get((self.at_low, self.at_high), "")
        if self.at_low and self.at_high and self.low == self.high:
            return "one peak tried"
        if self.low == self.high:
            return f"{self.low:g} alone{more}"
        return f"{self.low:g} to {self.high:g} ({self.high / self.low:.3g}x){more}"


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
        return self.schedule if self.warmup is None else f"{self.schedule}, warm-up {self.warmup}"

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
        found = {}
        for seed in self.seeds:
            chosen = self.best_without(seed) if len(self.seeds) > 1 else self.best
            if chosen is not None:
                found[seed] = chosen.losses[seed]
        return found

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
        while low > 0 and good[low - 1]:
            low -= 1
        while high < len(good) - 1 and good[high + 1]:
            high += 1
        return Usable(self.points[low].lr, self.points[high].lr, low == 0, high == len(good) - 1)

    def boundary(self) -> str:
        """From which peak on, above the best, half of the seeds fail, in words."""
        best = self.best
        if best is None:
            return "not trained yet"
        if len(self.points) == 1:
            return "one peak tried"
        ended = [point for point in self.points if point.losses and point.lr >= best.lr]
        first = next((place for place, point in enumerate(ended) if point.fails), None)
        if first is None:
            return f"above {ended[-1].lr:g}, the highest tried"
        if first == 0:
            return "no peak that was tried trains"
        return f"between {ended[first - 1].lr:g} and {ended[first].lr:g}"


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
        limit = (initial + best.get(horizon, initial)) / 2
        grouped.setdefault((schedule, warmup, horizon), []).append(_point(lr, same, initial, limit))
    return [Line(*key, initial, tuple(sorted(points, key=lambda one: one.lr))) for key, points in grouped.items()]


def _point(lr: float, rows: Sequence[RunRow], initial: float, limit: float) -> Point:
    ended = [row for row in rows if row.state != "missing"]
    losses = {row.seed: _capped(row, initial) for row in ended}
    accuracies = {row.seed: row.accuracy for row in ended if row.accuracy is not None}
    failed = tuple(seed for seed, loss in losses.items() if loss > limit or loss >= initial)
    return Point(lr, losses, accuracies, failed, len(rows) - len(ended))


def _capped(row: RunRow, initial: float) -> float:
    return initial if row.loss is None else min(row.loss, initial)
