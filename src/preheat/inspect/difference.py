"""How two schedules differ: where first, how far at most, and how much over the run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Schedule, parse
from preheat.schedule.checks import count, positive

_BLOCK = 1_000_000
_SAME = 1e-12  # of the larger value: rounding, not a difference


@dataclass(frozen=True, slots=True)
class Difference:
    """What :func:`diff` found, in learning rates (shares of the peak for ``lr=1``).

    Attributes:
        updates: updates compared.
        first: first update at which the two differ; None if they never do.
        gap: largest distance.
        gap_at: the update it is at.
        values: what the two have there.
        area: sum of the distances over all updates.
        sums: sum of each one's learning rates.
    """

    updates: int
    first: int | None
    gap: float
    gap_at: int
    values: tuple[float, float]
    area: float
    sums: tuple[float, float]

    @property
    def same(self) -> bool:
        """Whether the two agree at every update, to rounding."""
        return self.first is None

    def __str__(self) -> str:
        if self.same:
            return f"no difference over {self.updates} updates"
        return (
            f"first difference at update {self.first}; largest at update {self.gap_at}:"
            f" {self.values[0]:g} and {self.values[1]:g} ({self.gap:g} apart);"
            f" area between them {self.area:g}, sums {self.sums[0]:g} and {self.sums[1]:g}, over {self.updates} updates"
        )


def diff(first: Schedule | str, second: Schedule | str, *, updates: int | None = None, lr: float = 1.0) -> Difference:
    """Compare two schedules update by update.

    Args:
        first: a schedule, or one in words.
        second: the other.
        updates: updates compared; None takes the longer horizon.
        lr: peak learning rate of both.

    Raises:
        ScheduleError: if neither has an end and no number of updates is given.

    >>> print(diff("warmup 10 > hold forever", "warmup 20 > hold forever", updates=100))
    first difference at update 0; largest at update 9: 1 and 0.5 (0.5 apart);
    area between them 5, sums 95.5 and 90.5, over 100 updates
    """
    import numpy as np

    lr = positive("lr", lr, "It is the peak learning rate.")
    pair = [_known(one, updates, lr) for one in (first, second)]
    horizons = [math.ceil(one.horizon) for one in pair if one.horizon is not None]
    if updates is None and not horizons:
        raise ScheduleError(refusal("updates", "given", None, "Neither schedule has an end: say how many to compare."))
    last = max(horizons) if updates is None else int(count("updates", updates, 1))
    start, gap, gap_at, area, sums = None, 0.0, 0, 0.0, np.zeros(2)
    for begin in range(0, last, _BLOCK):
        positions = np.arange(begin, min(begin + _BLOCK, last))
        values = lr * np.stack([one(positions) for one in pair])
        apart = np.abs(values[0] - values[1])
        apart[apart <= _SAME * values.max(axis=0)] = 0.0
        if start is None and apart.any():
            start = begin + int(np.flatnonzero(apart)[0])
        if apart.max() > gap:
            gap, gap_at = float(apart.max()), begin + int(apart.argmax())
        area += float(apart.sum())
        sums += values.sum(axis=1)
    there = (lr * pair[0](gap_at), lr * pair[1](gap_at))
    return Difference(last, start, gap, gap_at, there, area, (float(sums[0]), float(sums[1])))


def _known(schedule: Schedule | str, updates: int | None, lr: float) -> Schedule:
    given = parse(schedule) if isinstance(schedule, str) else schedule
    return (given.over(updates) if given.waits_for == "a plan" else given).for_base(lr)
