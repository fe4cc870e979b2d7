"""NeMo's own learning-rate policies as phases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from preheat.dialects.common.fields import Fields
from preheat.dialects.common.ramps import hold, wide_ramp
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Cosine, Curve, Linear, OneMinusPower, Polynomial, PowerLaw


@dataclass(frozen=True, slots=True)
class Run:
    """A policy of NeMo's own: T, W, the update that ends a hold (None without one), the floor."""

    fields: Fields
    total: int
    warmup: int
    held: int | None
    floor: float
    notes: list[str]

    def rescaled(self, curve: Curve, origin: int | None = None, length: int | None = None) -> Schedule:
        """The curve from ``origin`` (W) down to the floor at T, joined on its way where the warm-up is later."""
        return self._joined(curve, self.warmup if origin is None else origin, length, self.floor)

    def cut(self, curve: Curve, origin: int | None = None, length: int | None = None) -> Schedule:
        """The curve from ``origin`` (W) to 0 at T, but never below the floor."""
        return self._joined(curve, self.warmup if origin is None else origin, length, None)

    def _joined(self, curve: Curve, origin: int, length: int | None, end: float | None) -> Schedule:
        first = self.warmup + 1 if self.warmup else 0
        length = self.total - origin if length is None else length
        begin = max(first, origin)
        fall = Phase(curve=curve, length=length, start=1.0, end=end or 0.0, skip=min(begin - origin, length))
        falling: Schedule = PhaseSchedule((hold(begin - first), fall))
        if end is None and self.floor:
            falling = falling.clip(floor=self.floor)
        return PhaseSchedule((*wide_ramp(self.warmup), falling, hold(0, self.floor)))

    def cliff(self) -> int:
        """Updates from W up to and with T, after which the rate falls to the floor at once."""
        self.notes.append(f"after update {self.total} NeMo falls to min_lr={self.fields.number('min_lr', 0)} at once")
        return self.total + 1 - self.warmup


def _constant(run: Run) -> Schedule:
    held = max(run.cliff() + run.warmup, run.held or 0)
    first = run.warmup + 1 if run.warmup else 0
    return PhaseSchedule((*wide_ramp(run.warmup), hold(held - first), hold(0, run.floor)))


def _polynomial(run: Run) -> Schedule:
    run.fields.flag("cycle")  # it would start again after T, where min_lr is taken
    return run.rescaled(Polynomial(run.fields.number("power", 1.0)))


def _polynomial_after_hold(run: Run) -> Schedule:
    curve = Polynomial(run.fields.number("power", 1.0))
    if run.held is not None:
        run.fields.flag("cycle")
        return run.rescaled(curve, run.held)
    run.fields.refuse("cycle", why="Without a hold the rate would climb again.", unless=(False, "false", "False"))
    return run.rescaled(curve, _end_of_hold(run), run.total - run.warmup)


def _square_root(run: Run) -> Schedule:
    if run.warmup:
        run.notes.append(f"the square root counts from update 0: it drops after update {run.warmup}")
    return run.cut(Polynomial(0.5), 0)


def _inverse_root(run: Run) -> Schedule:
    fall = Phase(curve=PowerLaw(timescale=run.warmup + 1), length=run.cliff(), skip=int(run.warmup > 0))
    return PhaseSchedule((*wide_ramp(run.warmup), fall, hold(0, run.floor)))


def _noam_after_hold(run: Run) -> Schedule:
    if not run.warmup:
        raise run.fields.refusal("warmup_steps", "above 0 for NoamHoldAnnealing", "NeMo refuses it too.")
    origin = run.warmup if run.held is None else run.held
    curve = PowerLaw(run.fields.number("decay_rate", 0.5), timescale=run.warmup)
    return run.cut(curve, origin, run.cliff() + run.warmup - origin)


def _end_of_hold(run: Run) -> int:
    if run.held is None and run.warmup:
        run.notes.append(f"without a hold the decay counts from update 0: it drops after update {run.warmup}")
    return run.held or 0


POLICIES: dict[str, Callable[[Run], Schedule]] = {
    "WarmupPolicy": _constant,
    "WarmupHoldPolicy": _constant,
    "WarmupAnnealing": lambda run: run.rescaled(Linear()),
    "CosineAnnealing": lambda run: run.rescaled(Cosine()),
    "SquareAnnealing": lambda run: run.cut(Polynomial(2.0)),
    "SquareRootAnnealing": _square_root,
    "InverseSquareRootAnnealing": _inverse_root,
    "PolynomialDecayAnnealing": _polynomial,
    "PolynomialHoldDecayAnnealing": _polynomial_after_hold,
    "NoamHoldAnnealing": _noam_after_hold,
    "WarmupHoldAnnealLinear": lambda run: run.rescaled(Linear(), _end_of_hold(run)),
    "WarmupHoldAnnealOneMinusSquareRoot": lambda run: run.cut(OneMinusPower(0.5), _end_of_hold(run)),
}
