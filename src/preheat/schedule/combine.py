"""Schedules made of others at the same update: product, minimum, maximum, floors, and what follows the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count, choice
from preheat.schedule.curves import Constant
from preheat.schedule.factors import Absolute, Factor, as_factor, known, share_of
from preheat.schedule.phases import Phase
from preheat.schedule.sequence import PhaseSchedule


@dataclass(frozen=True, slots=True)
class Several(Schedule):
    """Abstract: several schedules, each at the same update."""

    of: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", tuple(self.of))
        if not self.of or not all(isinstance(part, Schedule) for part in self.of):
            raise ScheduleError(refusal("schedules", "one Schedule or more", self.of, "Compose schedules."))

    @property
    def horizon(self) -> Count | None:
        return max((part.horizon for part in self.of if part.horizon is not None), default=None)

    @property
    def borders(self) -> tuple[Count, ...]:
        return tuple(sorted({border for part in self.of for border in part.borders}))


class Product(Several):
    """The product of the factors; its horizon is the longest of theirs."""

    __slots__ = ()

    def _value(self, position: Any, xp: Any) -> Any:
        return math.prod(part._value(position, xp) for part in self.of)


class Minimum(Several):
    """The least of the factors."""

    __slots__ = ()

    def _value(self, position: Any, xp: Any) -> Any:
        return reduce(lambda a, b: xp.where(a <= b, a, b), _values(self, position, xp))


class Maximum(Several):
    """The largest of the factors: OLMo's max_scheduler."""

    __slots__ = ()

    def _value(self, position: Any, xp: Any) -> Any:
        return reduce(lambda a, b: xp.where(a >= b, a, b), _values(self, position, xp))


@dataclass(frozen=True, slots=True)
class _Around(Schedule):
    """Abstract: one schedule, changed at every update."""

    of: Schedule

    @property
    def horizon(self) -> Count | None:
        return self.of.horizon

    @property
    def borders(self) -> tuple[Count, ...]:
        return self.of.borders


@dataclass(frozen=True, slots=True)
class Clip(_Around):
    """Cut off below ``floor`` and above ``ceiling``, each a share of the peak, a learning rate or None."""

    floor: Factor | None = None
    ceiling: Factor | None = None

    def __post_init__(self) -> None:
        for name in ("floor", "ceiling"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_factor(name, getattr(self, name)))
        if isinstance(self.floor, float) and isinstance(self.ceiling, float) and self.floor > self.ceiling:
            raise ScheduleError(refusal("floor", f"at most ceiling={self.ceiling}", self.floor, "Lower it."))

    @property
    def waits_for(self) -> str:
        return self.of.waits_for or ("a base" if Absolute in (type(self.floor), type(self.ceiling)) else "")

    def for_base(self, base: float) -> Schedule:
        floor, ceiling = (None if bound is None else share_of(bound, base) for bound in (self.floor, self.ceiling))
        return Clip(self.of.for_base(base), floor, ceiling)

    def _value(self, position: Any, xp: Any) -> Any:
        value = self.of._value(position, xp)
        if self.floor is not None:
            floor = known(self.floor)
            value = xp.where(value < floor, floor, value)
        if self.ceiling is not None:
            ceiling = known(self.ceiling)
            value = xp.where(value > ceiling, ceiling, value)
        return value


@dataclass(frozen=True, slots=True)
class Lift(_Around):
    """Rescaled to run between ``floor`` and the peak: ``floor + (1 - floor) * factor``."""

    floor: Factor

    def __post_init__(self) -> None:
        object.__setattr__(self, "floor", as_factor("floor", self.floor))

    @property
    def waits_for(self) -> str:
        return self.of.waits_for or ("a base" if isinstance(self.floor, Absolute) else "")

    def for_base(self, base: float) -> Schedule:
        return Lift(self.of.for_base(base), share_of(self.floor, base))

    def _value(self, position: Any, xp: Any) -> Any:
        floor = known(self.floor)
        return floor + (1.0 - floor) * self.of._value(position, xp)


class Strict(_Around):
    """Refuses to be read past its horizon: what ``after_end("error")`` gives.

    The factor at the horizon itself, which no update of the run uses, is an error too.
    """

    __slots__ = ()

    def _value(self, position: Any, xp: Any) -> Any:
        horizon = self.horizon
        last = position if not hasattr(position, "max") else (position.max() if position.size else -1)
        if horizon is not None and last >= horizon:
            advice = "The schedule ends there: plan more updates, or let it hold with after_end('hold')."
            raise ScheduleError(refusal("position", f"below the horizon, {horizon:g}", int(last), advice))
        return self.of._value(position, xp)


def product(first: Schedule, second: Any) -> Schedule:
    """``first * second``; a number is a constant factor, and products of products are one."""
    if not isinstance(second, Schedule):
        second = constant(as_factor("factor", second))
    parts: list[Schedule] = []
    for side in (first, second):
        parts += side.of if isinstance(side, Product) else [side]
    return Product(tuple(parts))


def constant(factor: Factor) -> PhaseSchedule:
    """``factor`` for ever."""
    return PhaseSchedule((Phase(curve=Constant(), length=None, start=factor, end=factor),))


def after_end(schedule: Schedule, then: str) -> Schedule:
    """``schedule`` with what follows its horizon said: hold, zero, repeat or error."""
    choice("then", then, ("hold", "zero", "repeat", "error"))
    if then == "zero":
        return schedule >> PhaseSchedule((Phase(curve=Constant(), length=0, start=0.0),))
    if then == "repeat":
        return schedule.repeat()
    if then == "error":
        return Strict(schedule)
    return schedule.of if isinstance(schedule, Strict) else schedule


def minimum(*schedules: Schedule) -> Schedule:
    """The least factor of several schedules at every update."""
    return Minimum(schedules)


def maximum(*schedules: Schedule) -> Schedule:
    """The largest factor of several schedules at every update.

    >>> from preheat import get_schedule
    >>> cosine, root = get_schedule("cosine", warmup=10, total=100), get_schedule("inverse_sqrt", warmup=10)
    >>> maximum(cosine, root)(100) == root(100)
    True
    """
    return Maximum(schedules)


def _values(several: Several, position: Any, xp: Any) -> list[Any]:
    """Every factor as an array of its own, so that ``where`` can choose among them."""
    return [part._value(position, xp) + 0.0 * position for part in several.of]
