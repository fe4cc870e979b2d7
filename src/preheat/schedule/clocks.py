"""Schedules on another clock: repeated, cut, shifted, stretched, blended in."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count, count, number, ratio
from preheat.schedule.factors import as_factor, known
from preheat.schedule.metric import MetricFactor
from preheat.schedule.namespaces import Scalar, quotient
from preheat.schedule.phases import Phase
from preheat.schedule.sequence import PhaseSchedule


@dataclass(frozen=True, slots=True)
class Repeat(Schedule):
    """Cycles of one schedule: cycle i is ``growth^i`` times as long and ``scale^i`` times as high above ``floor``.

    Warm restarts (SGDR, Loshchilov & Hutter 2017, arXiv:1608.03983), cyclic rates (Smith 2017, arXiv:1506.01186) and
    repeated cool-downs. After the last cycle its end is held. Lengths of other units inside are shares of one cycle.
    Keras grows cycles by 2 unless told, torch by whole numbers only, fairseq shrinks the floor too (``floor=0``).
    """

    of: Schedule
    times: int | None = None
    growth: float = 1.0
    scale: float = 1.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.times is not None:
            object.__setattr__(self, "times", count("times", self.times, 1, advice="It counts the cycles."))
        growth = number("growth", self.growth)
        if growth < 1:
            raise ScheduleError(refusal("growth", ">= 1", self.growth, "1 keeps every cycle as long as the first."))
        object.__setattr__(self, "growth", float(growth))
        object.__setattr__(self, "scale", ratio("scale", self.scale, "1 keeps every cycle as high as the first."))
        object.__setattr__(self, "floor", ratio("floor", self.floor))
        if any(isinstance(part, MetricFactor) for part in everything_in(self.of)):
            advice = "Multiply the repetition by it instead."
            raise ScheduleError(
                refusal("schedule", "without a metric-driven part to be repeated", str(self.of), advice)
            )
        if not self.waits_for and not self.of.horizon:
            advice = "A cycle needs an end: give its phases a length, or cut it with until()."
            raise ScheduleError(refusal("schedule", "at least one update long", str(self.of), advice))

    @property
    def horizon(self) -> Count | None:
        return None if self.times is None else self._begin(self.times)

    @property
    def borders(self) -> tuple[Count, ...]:
        """Those of every cycle; of an endless repetition, of its first eight."""
        found: list[Count] = []
        for cycle in range(8 if self.times is None else min(self.times, 1000)):
            found += [self._begin(cycle) + border for border in self._cycle(cycle).borders]
        return tuple(found)

    def _begin(self, cycle: int) -> Count:
        """The position where a cycle begins."""
        length = self.of.horizon
        assert length is not None
        if self.growth == 1.0:
            return length * cycle
        begin = length * (self.growth**cycle - 1.0) / (self.growth - 1.0)
        return int(begin) if begin == int(begin) else begin

    def _cycle(self, cycle: int) -> Schedule:
        return self.of if self.growth == 1.0 or not cycle else self.of._stretched(self.growth**cycle)

    def _scaled(self, cycle: Any, value: Any) -> Any:
        return value if self.scale == 1.0 else self.floor + (value - self.floor) * self.scale**cycle

    def _at(self, position: Count) -> float:
        self._refuse_waiting()
        cycle = self._cycle_at(position)
        begin = self._begin(cycle)
        return float(self._scaled(cycle, self._cycle(cycle)._at(position - begin)))

    def _cycle_at(self, position: Count) -> int:
        """The cycle that owns a position (the last one, past the horizon)."""
        length = self.of.horizon
        assert length is not None
        if self.growth == 1.0:
            cycle = int(position // length)
        else:
            cycle = int(math.log(1.0 + position * (self.growth - 1.0) / length) / math.log(self.growth))
            while position < self._begin(cycle):  # the logarithm may be off in its last bit
                cycle -= 1
            while position >= self._begin(cycle + 1):
                cycle += 1
        return cycle if self.times is None else min(cycle, self.times - 1)

    def _value(self, position: Any, xp: Any) -> Any:
        if xp is Scalar:
            return self._at(position)
        self._refuse_waiting()
        length = self.of.horizon
        if self.growth == 1.0:
            cycle = xp.floor(quotient(position, length))
            if self.times is not None:
                cycle = xp.where(cycle >= self.times, self.times - 1.0, cycle)
            return self._scaled(cycle, self.of._value(position - cycle * length, xp))
        value = 0.0 * position
        for cycle in range(self._cycles_for(position, xp)):
            begin = self._begin(cycle)
            here = self._scaled(cycle, self._cycle(cycle)._value(xp.where(position < begin, 0.0, position - begin), xp))
            value = xp.where(position >= begin, here, value)
        return value

    def _cycles_for(self, position: Any, xp: Any) -> int:
        """How many cycles the positions reach into; a traced array says nothing, so there the count has to be given."""
        if xp.__name__ in ("numpy", "torch"):
            return self._cycle_at(float(position.max())) + 1 if 0 not in position.shape else 0
        if self.times is None:
            advice = "Positions are unknown while a function is traced: say how many cycles."
            raise ScheduleError(refusal("times", "given for growing cycles", None, advice))
        return self.times

    def _resolved(self, total: Any, plan: Any) -> Schedule:
        if self.of.waits_for != "a plan":
            return self
        if self.times is None and total is not None:
            return self._with(lambda part: part._resolved(total, plan))
        if self.times is None or total is None:
            return self._with(lambda part: part._resolved(None, plan))
        first = total / self.times
        if self.growth != 1.0:
            first = total * (self.growth - 1.0) / (self.growth**self.times - 1.0)
        return self._with(lambda part: part._resolved(int(first) if first == int(first) else first, plan))


@dataclass(frozen=True, slots=True)
class Until(Schedule):
    """The first ``updates`` updates of a schedule; what it would have used next is held, and is where a part that
    follows goes on from.
    """

    of: Schedule
    updates: Count

    def __post_init__(self) -> None:
        object.__setattr__(self, "updates", count("updates", self.updates, whole=False))

    @property
    def horizon(self) -> Count | None:
        return self.updates

    @property
    def borders(self) -> tuple[Count, ...]:
        inner = tuple(border for border in self.of.borders if border < self.updates)
        return (*inner, self.updates) if self.updates else inner

    @property
    def climb(self) -> Count:
        return min(self.of.climb, self.updates)

    def _value(self, position: Any, xp: Any) -> Any:
        return self.of._value(xp.where(position < self.updates, position, self.updates + 0 * position), xp)

    def _stretched(self, ratio: float) -> Schedule:
        return Until(self.of._stretched(ratio), self.updates * ratio)


@dataclass(frozen=True, slots=True)
class Shift(Schedule):
    """``of(k + updates)``; for a negative shift the first value is held for as long."""

    of: Schedule
    updates: Count

    def __post_init__(self) -> None:
        object.__setattr__(self, "updates", number("updates", self.updates, "Give a whole number of updates."))

    @property
    def horizon(self) -> Count | None:
        return None if self.of.horizon is None else max(0, self.of.horizon - self.updates)

    @property
    def borders(self) -> tuple[Count, ...]:
        return tuple(border - self.updates for border in self.of.borders if border > self.updates)

    def _report(self, metric: float, position: int, *, climbing: bool) -> Schedule:
        return self._with(lambda part: part._report(metric, int(position + self.updates), climbing=climbing))

    @property
    def climb(self) -> Count:
        return max(0, self.of.climb - self.updates)

    def _value(self, position: Any, xp: Any) -> Any:
        moved = position + self.updates
        return self.of._value(xp.where(moved < 0, 0 * position, moved) if self.updates < 0 else moved, xp)

    def _stretched(self, ratio: float) -> Schedule:
        return Shift(self.of._stretched(ratio), self.updates * ratio)


@dataclass(frozen=True, slots=True)
class Blend(Schedule):
    """``of``, come to from ``start``: the gap at update 0 closes in a straight line and is gone after ``updates``.

    Formula  the middle one of ``start``, ``of(k)`` and ``of(k) + gap (1 - k / updates)`` with gap = start - of(0).

    So no value lies outside start and schedule, and no step is larger than the schedule's own plus gap / updates.
    ``start`` None goes on from where the part before arrived.
    """

    of: Schedule
    updates: int
    start: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "updates", count("updates", self.updates))
        if self.start is not None:
            object.__setattr__(self, "start", known(as_factor("start", self.start)))

    @property
    def horizon(self) -> Count | None:
        return None if self.of.horizon is None else max(self.of.horizon, self.updates)

    @property
    def borders(self) -> tuple[Count, ...]:
        return tuple(sorted({*self.of.borders, *([self.updates] if self.updates else [])}))

    def following(self, arrived: float) -> Schedule:
        return self if self.start is not None else replace(self, start=arrived)

    def _value(self, position: Any, xp: Any) -> Any:
        value = self.of._value(position, xp)
        if not self.updates or self.start is None:
            return value
        gap = self.start - self.of._at(0)
        left = self.updates - position
        start, value = self.start + 0.0 * position, value + 0.0 * position
        line = value + gap * xp.where(left > 0, left / self.updates, 0.0 * position)
        low, high = xp.where(start < value, start, value), xp.where(start < value, value, start)
        line = xp.where(line < low, low, line)
        return xp.where(left > 0, xp.where(line > high, high, line), value)

    def _stretched(self, ratio: float) -> Schedule:
        return replace(self, of=self.of._stretched(ratio), updates=round(self.updates * ratio))


def everything_in(schedule: Schedule) -> list[Schedule]:
    """A schedule and all that is inside it."""
    return [schedule, *(found for part in schedule.parts for found in everything_in(part))]


def stretch(schedule: Schedule, horizon: int) -> Schedule:
    """``schedule`` over another horizon, its borders rounded to whole updates."""
    horizon = int(count("horizon", horizon, 1))
    if not schedule.horizon:
        advice = "Only a schedule with an end has a length to change."
        raise ScheduleError(refusal("schedule", "with a horizon", str(schedule), advice))
    stretched = schedule._stretched(horizon / schedule.horizon)
    return _with_whole_borders(stretched) if isinstance(stretched, PhaseSchedule) else stretched


def _with_whole_borders(schedule: PhaseSchedule) -> PhaseSchedule:
    """The same phases, each border moved to the nearest whole update."""
    phases: list[Phase | Schedule] = []
    exact: Count = 0
    for phase in schedule.phases:
        if not isinstance(phase, Phase) or phase.updates is None or phase.skip:
            return schedule
        begin = math.floor(exact + 0.5)
        exact += phase.updates
        phases.append(replace(phase, length=math.floor(exact + 0.5) - begin))
    return PhaseSchedule(tuple(phases))
