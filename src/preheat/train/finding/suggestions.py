"""What the curve of a range test suggests: one rule a function, each a learning rate or the reason why there is none.

All rules read the smoothed loss against the logarithm of the learning rate, so that neither the spacing nor the number
of points moves a suggestion (Lightning's took slopes by index: issue 14248 there). Sources: Smith 2015,
arXiv:1506.01186, for the test; fastai (fastai/fastai pull request 3377) for the rules' names.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from preheat.train.finding.curve import FEWEST, Curve
from preheat.train.finding.search import CriticalLR

# The "slide" rule's numbers are fastai's, 15 points and 0.005 a point of its own test: 100 points over 8 decades.
_WINDOW = 15 * 0.08  # decades
_LEVEL = 0.005 / 0.08  # loss per decade


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A learning rate that one rule reads off a range test.

    Attributes:
        name: the rule.
        lr: the first group's learning rate; None where the rule finds none.
        reason: what the rule saw, or why it finds none.
    """

    name: str
    lr: float | None
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {f'{self.lr:.3g}, {self.reason}' if self.lr else f'none, because {self.reason}'}"


def suggest(curve: Curve, critical: CriticalLR) -> tuple[Suggestion, ...]:
    """Every rule's suggestion, in one order always."""
    rules: dict[str, Callable[[Curve], tuple[float | None, str]]] = {
        "steepest": _steepest,
        "minimum / 10": _below_minimum,
        "valley": _valley,
        "slide": _slide,
    }
    why_none = _unreadable(curve)
    read = [Suggestion(name, *((None, why_none) if why_none else rule(curve))) for name, rule in rules.items()]
    return (*read, _critical(critical))


def _unreadable(curve: Curve) -> str:
    """What keeps every rule from reading the curve; empty if nothing does."""
    many = len(curve.lrs)
    if many < FEWEST:
        early = ": the loss rises at once, so start lower, unless the model is trained already" if curve.rises else ""
        return f"{FEWEST} points are needed and {many} can be read{early}"
    if curve.falls:
        return ""
    if curve.fall > 0:
        return f"the smoothed loss falls by {curve.fall:.3g} at most, which is within the noise of the batches"
    return "the loss never falls below its beginning"


def _steepest(curve: Curve) -> tuple[float | None, str]:
    """Where the smoothed loss falls fastest, before its lowest value."""
    slopes = curve.slopes()[: curve.least + 1]
    at = int(slopes.argmin())
    if curve.still_falls and at >= len(curve.lrs) - 2:
        return None, f"the loss falls fastest at the end of the range, {curve.lrs[-1]:.3g}: raise it"
    if at == 0:
        return None, f"the loss falls fastest at the start of the range, {curve.lrs[0]:.3g}: lower it"
    return float(curve.lrs[at]), f"the loss falls fastest there, by {-slopes[at]:.3g} a decade"


def _below_minimum(curve: Curve) -> tuple[float | None, str]:
    """A tenth of the rate with the lowest smoothed loss."""
    if curve.still_falls:
        return None, f"the loss still falls at the end of the range, {curve.lrs[-1]:.3g}: raise it"
    lowest = float(curve.lrs[curve.least])
    return lowest / 10, f"a tenth of {lowest:.3g}, where the loss is lowest"


def _valley(curve: Curve) -> tuple[float | None, str]:
    """Half-way, in decades, through the longest falling subsequence of the smoothed losses.

    fastai's rule as its code has it (its documentation speaks of two thirds).
    """
    first, last, many = longest_fall(curve.smoothed.tolist())
    if many < FEWEST // 2:
        return None, f"the longest falling run has {many} points"
    if curve.complete and last >= len(curve.lrs) - 2:
        return None, f"the longest fall goes on to the end of the range, {curve.lrs[-1]:.3g}: raise it"
    low, high = float(curve.lrs[first]), float(curve.lrs[last])
    return math.sqrt(low * high), f"half-way through the longest fall, from {low:.3g} to {high:.3g}"


def _slide(curve: Curve) -> tuple[float | None, str]:
    """A window slid down from the right until the slopes at its ends agree: its left end one point before that."""
    decades, slopes = np.log10(curve.lrs).tolist(), curve.slopes().tolist()
    found = None
    for right in range(len(decades) - 1, 0, -1):
        left = bisect.bisect_right(decades, decades[right] - _WINDOW + 1e-9) - 1
        if left < 0:
            return None, f"no {_WINDOW:g} decades of the curve have the same slope at both ends"
        if abs(slopes[right] - slopes[left]) <= _LEVEL:
            break
        found = left
    if found is None:
        return (
            None,
            f"the slope at the curve's end is that of {_WINDOW:g} decades before: there is no turn to slide from",
        )
    return float(curve.lrs[found]), f"{_WINDOW:g} decades to the left of where the curve turns up, roughly"


def _critical(critical: CriticalLR) -> Suggestion:
    """The bound from the other measurement."""
    if critical.lr is None:
        return Suggestion("critical", None, critical.reason)
    words = "above it the first update raises the loss: a bound on the peak, which may lie far below"
    return Suggestion("critical", critical.lr, words)


def longest_fall(values: list[float]) -> tuple[int, int, int]:
    """The longest strictly falling subsequence: index of its first value, of its last, and how many they are.

    >>> longest_fall([5.0, 9.0, 4.0, 6.0, 3.0, 7.0])
    (1, 4, 3)
    """
    tails: list[float] = []  # for each length, minus the largest last value of a fall that long
    ends: list[int] = []
    before: list[int | None] = []
    for index, value in enumerate(values):
        length = bisect.bisect_left(tails, -value)
        before.append(ends[length - 1] if length else None)
        if length == len(tails):
            tails.append(-value)
            ends.append(index)
        else:
            tails[length], ends[length] = -value, index
    first = last = ends[-1]
    while (earlier := before[first]) is not None:
        first = earlier
    return first, last, len(ends)
