"""Means over seeds, with their 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

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
    quantile = _T[degrees - 1] if degrees <= len(_T) else 1.96 + 2.46 / degrees
    return quantile * stdev(values) / math.sqrt(len(values))
