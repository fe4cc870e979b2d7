"""A phase: one curve, its length, and the factors it runs between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.checks import Count, choice, count
from preheat.schedule.curve_names import CURVES
from preheat.schedule.curves import Constant, Curve
from preheat.schedule.factors import Absolute, Factor, as_factor, known, share_of
from preheat.schedule.lengths import Length, as_length
from preheat.schedule.namespaces import Scalar

CONVENTIONS = ("transformers", "native")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of a schedule.

    Args:
        curve: the shape, falling from ``start`` to ``end`` or, mirrored in time, rising.
        length: updates the whole curve takes, >= 0; None runs for ever (endless curves only); or a length with a unit
            (``"10%"``, ``"2 epochs"``, ``"rest"``), which :meth:`Schedule.over` turns into updates.
        start: factor where the phase begins, >= 0 (1.0 is the peak); None goes on from where the phase before
            arrived (from 1.0 in a first phase). A learning rate as :func:`~preheat.schedule.factors.absolute`.
        end: factor the phase moves towards, >= 0; for a constant phase None or equal to ``start``.
        skip: updates of the curve left out at its beginning, in [0, length].
        convention: ``"transformers"``: update j of the phase stands at j / length, so that its first update is at
            ``start`` and ``end`` is reached one update after its last. ``"native"``: it stands at (j + 1) / length, so
            that its first update has left ``start`` and its last is at ``end``.

    >>> from preheat.schedule.curves import Linear
    >>> climb = Phase(curve=Linear(), length=4, start=0.0, end=1.0)
    >>> climb.at(1, 3)
    0.25
    """

    curve: Curve
    length: Count | Length | None
    start: Factor | None = 1.0
    end: Factor | None = 0.0
    skip: Count = 0
    convention: str = "transformers"

    def __post_init__(self) -> None:
        if type(self.curve) not in CURVES.values():
            advice = f"Known curves: {', '.join(CURVES)}."
            raise ScheduleError(refusal("curve", "a curve of preheat.schedule.curves", self.curve, advice))
        choice("convention", self.convention, CONVENTIONS)
        self._check_factors()
        if self.length is None:
            if not self.curve.endless:
                raise ScheduleError(refusal("length", f"given for {self.curve}", None, "This curve needs an end."))
        elif isinstance(self.length, (str, Length)):
            object.__setattr__(self, "length", as_length("length", self.length))
        else:
            object.__setattr__(self, "length", count("length", self.length, whole=False))
        object.__setattr__(self, "skip", count("skip", self.skip, whole=False))
        if isinstance(self.length, (int, float)) and self.skip > self.length:
            advice = f"The curve is {self.length} updates long."
            raise ScheduleError(refusal("skip", "at most length", self.skip, advice))

    def _check_factors(self) -> None:
        for name in ("start", "end"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_factor(name, getattr(self, name)))
        if isinstance(self.curve, Constant):
            if self.end is not None and self.start != self.end:
                advice = "A constant phase starts and ends at the same factor."
                raise ScheduleError(refusal("end", f"equal to start={self.start}", self.end, advice))
            object.__setattr__(self, "end", self.start)
            object.__setattr__(self, "convention", "native")  # it stands the same in both
        elif self.end is None:
            raise ScheduleError(refusal("end", "a factor", None, "Say where the phase goes."))

    @property
    def updates(self) -> Count | None:
        """Updates the phase takes of the run; None for ever.

        Raises:
            ScheduleError: while the length still waits for a plan.
        """
        if isinstance(self.length, Length):
            advice = "Resolve it first: schedule.over(total) or schedule.over(plan)."
            raise ScheduleError(refusal("length", "in updates", str(self.length), advice))
        return None if self.length is None else self.length - self.skip

    @property
    def arrival(self) -> float:
        """The factor that is held when nothing follows: the end, or where an endless curve was cut."""
        length = self.updates
        if not length or self.length is None:
            return known(self.end) if self.end is not None else 1.0
        return float(self.value(self.length, 0))

    def at(self, done: Any, left: Any, xp: Any = Scalar) -> Any:
        """The factor of the update that begins ``done`` updates into the phase, ``left`` before its end.

        ``done`` and ``left`` are one number each or arrays of ``xp``; the phase is taken as its convention says.
        """
        if self.convention == "native":
            done, left = done + self.skip + 1, left - 1
            if self.length is not None:  # where it ends between two updates, it is at its end by the first of them
                done, left = xp.where(left < 0, self.length, done), xp.where(left < 0, 0.0, left)
            return self.value(done, left, xp)
        return self.value(done + self.skip, left, xp)

    def value(self, done: Any, left: Any, xp: Any = Scalar) -> Any:
        """The factor ``done`` updates into the curve itself."""
        start, end = 1.0 if self.start is None else self.start, self.end
        if isinstance(start, Absolute) or isinstance(end, Absolute):
            start, end = known(start), known(end)  # type: ignore[arg-type]
        if end is None:
            end = start
        if start < end and not self.curve.endless:
            return start + (end - start) * self.curve.fall(left, done, self.length, xp)
        return end + (start - end) * self.curve.fall(done, left, self.length, xp)

    @property
    def waits_for(self) -> str:
        """``"a plan"`` while the length has a unit, ``"a base"`` while a factor is a learning rate, else nothing."""
        if isinstance(self.length, Length):
            return "a plan"
        return "a base" if isinstance(self.start, Absolute) or isinstance(self.end, Absolute) else ""

    def following(self, arrived: float) -> Phase:
        """The phase with its start known: ``arrived`` where it has none of its own."""
        return self if self.start is not None else replace(self, start=arrived, end=self._end_after(arrived))

    def _end_after(self, arrived: float) -> Factor | None:
        return arrived if isinstance(self.curve, Constant) else self.end

    def for_base(self, base: float) -> Phase:
        """The phase with learning rates turned into shares of ``base``."""
        if not isinstance(self.start, Absolute) and not isinstance(self.end, Absolute):
            return self
        start = None if self.start is None else share_of(self.start, base)
        return replace(self, start=start, end=None if self.end is None else share_of(self.end, base))

    def with_convention(self, convention: str) -> Phase:
        """The same phase in another step convention."""
        return replace(self, convention=convention)

    def _stretched(self, ratio: float) -> Phase:
        """The phase ``ratio`` times as long, its own time scales too."""
        length = self.length * ratio if isinstance(self.length, (int, float)) else self.length
        return replace(self, curve=self.curve.stretched(ratio), length=length, skip=self.skip * ratio)
