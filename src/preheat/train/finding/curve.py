"""The curve of a range test, made ready for reading: cut where the loss is lost, smoothed without lag.

Cut        after the lowest running average, the first loss above all losses before it ends the curve, and counts as
           they do: what comes later are the heights of a divergence, which would leak into the average of the fall.
Smoothing  s_k = sum_j b**|j - k| loss_j / sum_j b**|j - k|: exponential weights to both sides, divided by their sum.
           A one-sided average lags by b / (1 - b) updates, nine at b = 0.9: over seven decades in 100 updates that is
           a factor of 4 in the learning rate, and another factor for every number of updates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses against learning rates, as the rules of suggestion read them.

    Attributes:
        lrs: rising learning rates up to the cut, shape (n,).
        smoothed: their smoothed losses.
        noise: standard deviation of a smoothed value, from the differences of neighbouring raw ones.
        complete: whether the curve reaches the end of the range.
        rises: whether the test ended at a higher loss than it began with.
    """

    lrs: Floats
    smoothed: Floats
    noise: float
    complete: bool
    rises: bool

    @property
    def least(self) -> int:
        """Index of the lowest smoothed loss."""
        return int(self.smoothed.argmin())

    @property
    def fall(self) -> float:
        """How far the smoothed loss falls from its beginning to its lowest value."""
        return float(self.smoothed[0] - self.smoothed.min())

    @property
    def falls(self) -> bool:
        """Whether that is more than noise does: the lowest of a hundred flat values lies 3 deviations down or so."""
        return self.fall > 4 * self.noise

    @property
    def still_falls(self) -> bool:
        """Whether the loss is lowest where the range ends, so that the curve says nothing of what comes after."""
        return self.complete and self.least >= len(self.lrs) - 2

    def slopes(self) -> Floats:
        """The slope of the smoothed loss at each point, per decade of the learning rate."""
        return np.gradient(self.smoothed, np.log10(self.lrs))


def curve_of(lrs: Sequence[float], losses: Sequence[float], smoothing: float, complete: bool) -> Curve:
    """The curve of a test's points.

    Args:
        lrs: rising learning rates, one at least.
        losses: a loss each; only the last may be no finite number.
        smoothing: weight of one point over that of its neighbour, in [0, 1).
        complete: whether the test came to the end of its range.
    """
    values = np.asarray(losses, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Curve(finite, finite, 0.0, complete=False, rises=True)
    best = int(np.argmin(running_averages(finite, smoothing)))
    highest = finite[: best + 1].max()
    above = np.flatnonzero(finite[best + 1 :] > highest)
    end = best + 2 + int(above[0]) if len(above) else len(finite)
    kept = np.minimum(finite[:end], highest)
    one = _noise(kept)
    tenth = max(1, len(finite) // 10)
    risen = float(np.median(finite[-tenth:]) - np.median(finite[:tenth])) > 4 * one
    return Curve(
        np.asarray(lrs[:end], dtype=np.float64), smooth(kept, smoothing), one * _left(smoothing),
        complete=complete and end == len(values), rises=risen or len(finite) < len(values),
    )  # fmt: skip


def smooth(values: Floats, smoothing: float) -> Floats:
    """Exponential weights to both sides, the formula on top of this file.

    >>> smooth(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), 0.5).round(3).tolist()
    [0.129, 0.211, 0.4, 0.211, 0.129]
    """
    places = np.arange(len(values))
    weights = smoothing ** np.abs(np.subtract.outer(places, places))
    averaged: Floats = weights @ values / weights.sum(axis=1)
    return averaged


def running_averages(values: Floats, smoothing: float) -> Floats:
    """Exponential averages of each value and those before it, with bias correction.

    >>> running_averages(np.array([1.0, 0.0, 0.0]), 0.5).round(3).tolist()
    [1.0, 0.333, 0.143]
    """
    averages = np.empty_like(values)
    total = weight = 0.0
    for index, value in enumerate(values):
        total, weight = smoothing * total + value, smoothing * weight + 1
        averages[index] = total / weight
    return averages


def _noise(values: Floats) -> float:
    """The standard deviation of one value, from the median step between neighbours, which no trend or spike moves."""
    return float(np.median(np.abs(np.diff(values)))) / (0.6745 * math.sqrt(2)) if len(values) > 2 else 0.0


def _left(smoothing: float) -> float:
    """The share of one value's noise that is left in the smoothed one."""
    square = smoothing**2
    return math.sqrt((1 + square) / (1 - square)) * (1 - smoothing) / (1 + smoothing)
