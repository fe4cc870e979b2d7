"""A logged curve beside a predicted one: which points agree, to the digits they are written with.

And the number people meant: the one with the fewest digits in an interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from preheat.auditing.logs import Series

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

SEARCHED = 400  # points a search looks at; the answer is held against all of them
_NEIGHBORS = 8  # points below which nothing can stand off the others
_FAR_OFF = 0.02  # of the peak: less is a curve of its own, or rounding
SLACK = 1.02  # on half a unit of the last digit: half-way cases are rounded both ways


@dataclass(frozen=True, slots=True)
class Observed:
    """Learning rates by update, as a log has them.

    Attributes:
        updates: which update each belongs to, rising; shape (n,), int64, from 0.
        rates: the learning rates.
        rounding: how far each may be from the rate that was used.
    """

    updates: Counts
    rates: Floats
    rounding: Floats

    def __len__(self) -> int:
        return len(self.updates)

    @property
    def peak(self) -> float:
        """The highest rate."""
        return float(self.rates.max())

    @property
    def moves(self) -> bool:
        """Whether the rate ever changes by more than its rounding."""
        return bool(np.ptp(self.rates) > 2 * self.rounding.max())

    def part(self, chosen: slice | NDArray[np.bool_] | Counts) -> Observed:
        """Some of the points."""
        return Observed(self.updates[chosen], self.rates[chosen], self.rounding[chosen])

    def thinned(self, points: int = SEARCHED) -> Observed:
        """About ``points`` of them: the first ones whole, where warm-ups are, the others evenly."""
        if len(self) <= points:
            return self
        even = np.linspace(0, len(self) - 1, points - points // 4).round().astype(np.int64)
        # Turns are where schedules differ: the points around the largest changes of slope are kept as well.
        bends = np.abs(np.diff(self.rates, 2, prepend=self.rates[:1], append=self.rates[-1:]))
        sharp = np.argsort(bends)[-points // 8 :]
        near = np.concatenate([even, np.arange(points // 8), sharp])
        chosen = np.unique(near)
        return Observed(self.updates[chosen], self.rates[chosen], self.rounding[chosen])

    def without_odd(self) -> Observed:
        """The points without those few that stand far off a line between their neighbors, which are on one."""
        if len(self) < _NEIGHBORS:
            return self
        # Off a line between the neighbors: a spike by all of its height, the two points beside it by half of it, points
        # further away not at all. A corner is off too, but the points beside it are not.
        before, here, after = self.rates[:-2], self.rates[1:-1], self.rates[2:]
        off = np.abs(here - (before + after) / 2)
        beside = np.minimum(np.roll(off, 1), np.roll(off, -1))
        around = np.maximum(np.roll(off, 2), np.roll(off, -2))
        odd = np.flatnonzero((off > _FAR_OFF * self.peak) & (beside > off / 3) & (off > 8 * around)) + 1
        # np.roll takes the neighbors of the ends from the other side.
        odd = odd[(odd > 2) & (odd < len(self) - 3)]
        return self if not len(odd) or len(odd) > 0.01 * len(self) else self.part(~np.isin(np.arange(len(self)), odd))

    def agrees(self, predicted: Floats) -> NDArray[np.bool_]:
        """Which points lie within their rounding of a prediction."""
        near: NDArray[np.bool_] = np.abs(self.rates - predicted) <= SLACK * self.rounding
        return near

    def share(self, predicted: Floats) -> float:
        """The share of points that agree."""
        return float(self.agrees(predicted).mean()) if len(self) else 0.0

    def distance(self, predicted: Floats) -> tuple[float, int]:
        """The largest distance from a prediction, and the update it is at."""
        apart = np.abs(self.rates - predicted)
        at = int(apart.argmax())
        return float(apart[at]), int(self.updates[at])


def observed(series: Series, first: int) -> Observed:
    """The points of a logged series, where step number ``first`` belongs to update 0."""
    updates = series.steps - first
    kept = updates >= 0
    return Observed(updates[kept], series.rates[kept], series.rounding[kept])


def shortest_between(low: float, high: float) -> float:
    """The decimal with the fewest significant digits in [low, high].

    >>> shortest_between(0.000099984, 0.00010002), shortest_between(-1e-9, 1e-9), shortest_between(0.3332, 0.3334)
    (0.0001, 0.0, 0.3333)
    """
    if low <= 0.0 <= high:
        return 0.0
    middle = (low + high) / 2
    for digits in range(16):
        near = float(f"{middle:.{digits}e}")
        if low <= near <= high:
            return near
        # An interval narrower than its distance from the middle's own rounding may still hold a short number.
        unit = 10.0 ** (math.floor(math.log10(abs(middle))) - digits)
        for other in (math.ceil(low / unit), math.floor(high / unit)):
            short = float(f"{other * unit:.{digits}e}")
            if low <= short <= high:
                return short
    return middle
