"""The curves a recogniser knows: a straight climb, a plateau, a descent along one of the field's curves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.inspect.auditing.decimals import shortest_between
from preheat.schedule import Phase, PhaseSchedule
from preheat.schedule.curve_names import named_curve
from preheat.schedule.curves import Constant, Curve, Exponential, Linear, PowerLaw

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Counts, Floats, Observed
    from preheat.inspect.auditing.search import Point

_RATES = (0.1, 0.5, 0.9, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 0.999, 0.9999)
_LINE = Linear()
_LEAST = 4
_NEAR = 1e-3


@dataclass(frozen=True, slots=True)
class Family:
    """Schedules that differ in lengths, peak, start and floor only.

    Attributes:
        curve: what it descends along; None stays at the peak.
        plateau: whether a plateau comes between climb and descent.
        rise: what it climbs along.
        native: the step convention: False is transformers'.
        waits: whether the curve's own time scale is the length of the climb.
        starts: whether the climb begins above 0.
        floors: whether the descent ends above 0.
    """

    curve: Curve | None
    plateau: bool = False
    rise: Curve = _LINE
    native: bool = False
    waits: bool = False
    starts: bool = False
    floors: bool = False

    @property
    def endless(self) -> bool:
        """Whether there is no horizon to find."""
        return self.curve is None or self.curve.endless

    def lengths(self, point: Point) -> tuple[int, int, int]:
        """Climb, plateau and descent in updates, from the numbers searched (climb, end of the plateau, horizon)."""
        warmup = point[0]
        held = point[1] - warmup if self.plateau else 0
        return warmup, held, 0 if self.endless else point[-1] - warmup - held

    def start_of(self, warmup: int, top: int, last: int) -> Iterator[Point]:
        """Where to begin the search, given the update of the highest rate and one past the last."""
        if self.endless:
            yield (warmup,)
            return
        for end in (last, round(1.3 * last), 2 * last, max(top + 2, last * 2 // 3)):
            if not self.plateau:
                yield warmup, max(end, warmup + 1)
                continue
            for held in (top, (top + end) // 2, end * 9 // 10):
                yield warmup, max(held, warmup), max(end, held + 1, warmup + 1)

    def basis(self, updates: Counts, point: Point) -> tuple[Floats, Floats, Floats] | None:
        """How much of peak, floor and start is in the factor of each update; None for lengths that cannot be."""
        warmup, held, descent = self.lengths(point)
        if min(warmup, held) < 0 or (descent < 1 and not self.endless):
            return None
        clock = np.asarray(updates + self.native, dtype=np.float64)
        climbed = self._climbed(clock, warmup)
        done = np.maximum(clock - warmup - held, 0.0)
        fallen = 1.0 - self._height(done, descent, warmup)
        climbing = clock < warmup
        return (
            np.where(climbing, climbed, 1.0 - fallen),
            np.where(climbing, 0.0, fallen),
            np.where(climbing, 1.0 - climbed, 0.0),
        )

    def _climbed(self, clock: Floats, warmup: int) -> Floats:
        if not warmup:
            return np.ones(len(clock))
        done = np.clip(clock, 0.0, warmup)
        risen: Floats = self.rise.fall(warmup - done, done, warmup, np) + 0.0 * done
        return risen

    def _height(self, done: Floats, descent: int, warmup: int) -> Any:
        if self.curve is None:
            return np.ones(len(done))
        curve = self._timed(warmup)
        if self.endless:
            return curve.fall(done, done, None, np)
        done = np.minimum(done, descent)
        return curve.fall(done, descent - done, descent, np)

    def _timed(self, warmup: int) -> Curve:
        assert self.curve is not None
        if self.waits and warmup and isinstance(self.curve, PowerLaw):
            return replace(self.curve, timescale=float(warmup))
        return self.curve

    def schedule(self, point: Point, start: float, floor: float) -> PhaseSchedule:
        """The schedule with these lengths, from ``start`` by way of 1 to ``floor``."""
        warmup, held, descent = self.lengths(point)
        convention = "native" if self.native else "transformers"
        phases: list[Phase] = []
        if warmup:
            phases.append(Phase(curve=self.rise, length=warmup, start=start, end=1.0, convention=convention))
        if held:
            phases.append(Phase(curve=Constant(), length=held, convention=convention))
        if self.curve is None:
            phases.append(Phase(curve=Constant(), length=None, convention=convention))
        else:
            length = None if self.endless else descent
            curve = self._timed(warmup)
            phases.append(Phase(curve=curve, length=length, end=floor, convention=convention))
        return PhaseSchedule(tuple(phases))


def families(seen: Observed) -> Iterator[list[Family]]:
    """All of them, the plainest first; together those that differ in floor, start and convention, the freest first."""
    for family in chain(_plain(), _exponentials(seen), _rare()):
        yield [
            replace(family, native=native, starts=starts, floors=floors)
            for floors in ((False,) if family.endless else (True, False))
            for starts in (True, False)
            for native in (False, True)
        ]


def _plain() -> Iterator[Family]:
    cosine, linear = named_curve("cosine"), named_curve("linear")
    yield Family(None)
    yield Family(linear)
    yield Family(cosine)
    yield Family(PowerLaw(), waits=True)
    for name in ("linear", "1-sqrt", "cosine"):
        yield Family(named_curve(name), plateau=True)


def _rare() -> Iterator[Family]:
    cosine, linear = named_curve("cosine"), named_curve("linear")
    for power in (2.0, 0.5, 3.0, 1.5, 0.9):
        yield Family(named_curve("polynomial", power=power))
    for cycles in (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0):
        yield Family(named_curve("cosine_restarts", cycles=cycles))
    for cycles in (1.0, 1.5, 2.0, 2.5):
        yield Family(named_curve("cosine", cycles=cycles))
    yield Family(cosine, rise=cosine)
    yield Family(linear, rise=cosine)
    for name in ("1-sqrt", "1-square", "rex", "half_cosine", "mirror_cosine", "cosine_envelope", "tanh"):
        yield Family(named_curve(name))
    yield Family(named_curve("rex", beta=0.9))
    for ratio in (0.5, 0.1, 0.01):
        yield Family(named_curve("geometric", ratio=ratio), plateau=True)
        yield Family(named_curve("geometric", ratio=ratio))
    for timescale in (10_000.0, 1000.0):
        yield Family(PowerLaw(timescale=timescale))


def _exponentials(seen: Observed) -> Iterator[Family]:
    """Falls by equal ratios, with a rate people write and the updates it takes; for those that look like one."""
    tail = seen.part(slice(int(seen.rates.argmax()), None))
    above = tail.part(tail.rates > 0)
    if len(above) < _LEAST or len(above) < len(tail):
        return
    slope, level = np.polyfit(above.updates, np.log(above.rates), 1)
    apart = np.abs(np.exp(slope * above.updates + level) - above.rates)
    if slope >= 0 or apart.max() > _NEAR * seen.peak:
        return
    for rate in _RATES:
        steps = math.log(rate) / slope
        if round(steps) >= 1 and abs(steps - round(steps)) < _NEAR * steps:
            yield Family(Exponential(rate, float(round(steps))))
    yield Family(Exponential(shortest_between(math.exp(slope * (1 + 1e-6)), math.exp(slope * (1 - 1e-6)))))
