"""A phase: one curve, its length, and the factors it runs between."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.checks import Count, count, number
from preheat.schedule.curves import CURVE_NAMES, Constant, Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of a schedule.

    Args:
        curve: the shape, falling from ``start`` to ``end`` or, mirrored in time, rising.
        length: updates the whole curve takes, >= 0; None runs for ever (constant and inverse_sqrt only).
        start: factor where the phase begins, >= 0 (1.0 is the peak).
        end: factor the phase moves towards, >= 0; reached one update after its last.
        skip: updates of the curve left out at its beginning, in [0, length]. A climb that skips one starts at
            ``1 / length`` instead of 0: this is how a schedule avoids a first update at zero.

    >>> from preheat.schedule.curves import Linear
    >>> Phase(curve=Linear(), length=4, start=0.0, end=1.0).at(1, 3)
    0.25
    """

    curve: Curve
    length: Count | None
    start: float = 1.0
    end: float = 0.0
    skip: Count = 0

    def __post_init__(self) -> None:
        if type(self.curve) not in CURVE_NAMES:
            advice = f"Known curves: {', '.join(sorted(CURVE_NAMES.values()))}."
            raise ScheduleError(refusal("curve", "a curve of preheat.schedule.curves", self.curve, advice))
        for name in ("start", "end"):
            object.__setattr__(self, name, _factor(name, getattr(self, name)))
        if self.length is None:
            if not self.curve.endless:
                raise ScheduleError(refusal("length", f"given for {self.curve}", None, "This curve needs an end."))
        else:
            object.__setattr__(self, "length", count("length", self.length, whole=False))
        object.__setattr__(self, "skip", count("skip", self.skip, whole=False))
        if self.length is not None and self.skip > self.length:
            advice = f"The curve is {self.length} updates long."
            raise ScheduleError(refusal("skip", "at most length", self.skip, advice))
        if isinstance(self.curve, Constant) and self.start != self.end:
            advice = "A constant phase starts and ends at the same factor."
            raise ScheduleError(refusal("end", f"equal to start={self.start}", self.end, advice))

    @property
    def updates(self) -> Count | None:
        """Updates the phase takes of the run; None for ever."""
        return None if self.length is None else self.length - self.skip

    def at(self, done: Any, left: Any, xp: Any = math) -> Any:
        """The factor ``done`` updates into the curve, ``left`` updates before its end (one position or an array)."""
        if self.start < self.end:
            return self.start + (self.end - self.start) * self.curve.fall(left, done, self.length, xp)
        return self.end + (self.start - self.end) * self.curve.fall(done, left, self.length, xp)


def _factor(name: str, value: Any) -> float:
    plain = number(name, value, "A factor of 1.0 is the peak.")
    if plain < 0:
        raise ScheduleError(refusal(name, ">= 0", value, "A learning rate cannot be negative."))
    return float(plain)
