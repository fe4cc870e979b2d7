"""The critical step size along a direction, by a line search that needs losses only.

Definition  eta_c is the smallest step size whose loss is above the loss of no step. For one quadratic,
            0.5 * lam * x**2 under gradient descent, eta_c = 2 / lam: hence critical sharpness, 2 / eta_c.
Search      double or halve from a start until the loss crosses that of no step, then bisect in the logarithm.
Source      Kalra et al. 2026, arXiv:2601.16979.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from preheat.schedule.checks import count, number, positive

REACH = 2.0**40  # a rate in a warm-up may be this far below what the loss can take


@dataclass(frozen=True, slots=True)
class CriticalLR:
    """What a line search along an update found.

    Attributes:
        lr: the critical learning rate, the geometric mean of ``bracket``; None where there is none.
        bracket: the largest size tried below it that does not raise the loss, and the smallest that does.
        loss: the loss of no step.
        evaluations: how often the loss was computed.
        reason: why there is none; empty where there is one.
        tried: every size above 0 that was tried with its loss, in that order.
    """

    lr: float | None
    bracket: tuple[float, float] | None
    loss: float
    evaluations: int
    reason: str = ""
    tried: tuple[tuple[float, float], ...] = ()

    @property
    def sharpness(self) -> float | None:
        """Critical sharpness, 2 / ``lr``; None where there is no critical learning rate."""
        return None if self.lr is None else 2 / self.lr

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON; what is not finite becomes None."""
        return {
            "lr": self.lr,
            "bracket": self.bracket and list(self.bracket),
            "loss": finite_or_none(self.loss),
            "evaluations": self.evaluations,
            "reason": self.reason,
            "tried": [[size, finite_or_none(loss)] for size, loss in self.tried],
        }

    def __str__(self) -> str:
        if self.bracket is None:
            return f"no critical learning rate, because {self.reason}"
        low, high = self.bracket
        return f"critical learning rate {self.lr:.4g} (between {low:.4g} and {high:.4g}, {self.evaluations} losses)"


def line_search(
    loss_along: Callable[[float], float],
    start: float,
    *,
    reach: float = REACH,
    bisections: int = 3,
    rounding: float = 0.0,
) -> CriticalLR:
    """The smallest step size that raises the loss, along one direction.

    Args:
        loss_along: from a step size >= 0 to the loss there, the same number each time.
        start: the size tried first, > 0. From within a factor of 2 of the answer it takes 6 losses or 7.
        reach: sizes from ``start / reach`` to ``start * reach`` are tried, > 1.
        bisections: each halves the logarithm of the bracket, which begins at a factor of 2: after 3 its ends are 9 %
            apart.
        rounding: losses that differ by less than this share of the loss are equal, >= 0.

    Returns:
        The critical size, or why there is none. A loss that is not finite counts as above. Where the loss crosses
        several times, one crossing is found, not always the first; convex functions have one.

    Raises:
        ScheduleError: for a start, a reach or a count that cannot be.

    >>> found = line_search(lambda size: 0.5 * (1 - 4 * size) ** 2, start=0.1)  # 0.5 * 4 * x**2 from x = 0.5
    >>> round(found.lr, 2), [round(end, 2) for end in found.bracket], found.evaluations
    (0.5, [0.48, 0.52], 8)
    """
    start = positive("start", start, "It is the step size tried first.")
    reach = positive("reach", reach, "It is a factor above 1.")
    bisections = int(count("bisections", bisections, advice="3 leave 9 %."))
    level = float(loss_along(0.0))
    blur = number("rounding", rounding) * abs(level)
    tried: dict[float, float] = {}

    def above(size: float) -> bool:
        tried[size] = float(loss_along(size))
        return not tried[size] <= level + blur  # NaN is above

    def found(lr: float | None, bracket: tuple[float, float] | None, reason: str = "") -> CriticalLR:
        return CriticalLR(lr, bracket, level, 1 + len(tried), reason, tuple(tried.items()))

    if not math.isfinite(level):
        return found(None, None, f"the loss is {level} before any step")
    size = start
    if not above(start):
        while tried[size] <= level + blur and size * 2 <= start * reach:
            size *= 2
            above(size)
    if not tried[size] <= level + blur and not any(loss < level - blur for loss in tried.values()):
        size = start  # it raises the loss, or gives the same one
        while not tried[size] < level - blur and size / 2 >= start / reach:
            size /= 2
            above(size)
    raising = [size for size, loss in tried.items() if not loss <= level + blur]
    reason = _why_none(level, blur, tried, raising)
    if reason:
        return found(None, None, reason)
    high = min(raising)
    low = max(size for size, loss in tried.items() if size < high and loss <= level + blur)
    for _ in range(bisections):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if above(middle) else (middle, high)
    return found(math.sqrt(low * high), (low, high))


def _why_none(level: float, blur: float, tried: dict[float, float], raising: list[float]) -> str:
    """Why the sizes tried hold no crossing; empty if they do."""
    least, most = min(tried), max(tried)
    if all(abs(loss - level) <= blur for loss in tried.values()):
        return f"the loss stays at {level:.6g} along the direction, up to a size of {most:.3g}"
    if not raising:
        return f"the loss never rises above {level:.6g}, up to a size of {most:.3g}"
    if any(loss < level - blur for loss in tried.values()):
        return ""
    if not any(math.isfinite(loss) for loss in tried.values()):
        return f"the loss is not finite at any size down to {least:.3g}"
    return f"the direction raises the loss at every size that changes it, from {least:.3g} to {most:.3g}"


def finite_or_none(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None
