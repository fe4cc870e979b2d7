"""Schedules made of others: on another clock, at the same update, and a user's own function.

Another clock    repeated, cut, shifted, blended in: the schedule inside is asked for another position.
The same update  product, minimum, maximum, floors and ceilings: the factors of the schedules inside are combined.
A function       of the user's own, named by its import path, so that a checkpoint or a worker process finds it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, ClassVar

from preheat.errors import ScheduleError, refusal
from preheat.limits import MOST_BORDERS, MOST_GROWING_CYCLES, MOST_UPDATES
from preheat.messages import _
from preheat.schedule.base import A_BASE, A_PLAN, AFTER_END, Schedule, allowed_function, kind
from preheat.schedule.curves import Scalar, quotient
from preheat.schedule.lengths import Absolute, Count, Factor, as_factor, choice, count, known, number, ratio, share_of
from preheat.schedule.metric import MetricFactor

# --- On another clock -------------------------------------------------------------------------------------------------


# Cycles whose borders are listed. Peaks are looked for at borders, and no later cycle is higher than the first.
_ENDLESS_CYCLES, _MOST_CYCLES = 8, 1000
_LEAST_GROWTH = 1.000001  # nearer to 1, sums of cycles lose their digits


@kind("repeat")
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
    # Looked up once: to look through all that is inside, at every level and for every value, made eight levels endless.
    _waiting: bool = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_waiting", bool(self.waits_for))
        if self.times is not None:
            object.__setattr__(self, "times", count("times", self.times, 1, advice=_("It counts the cycles.")))
        growth = number("growth", self.growth)
        if growth < 1:
            raise ScheduleError(
                refusal("growth", _(">= 1"), self.growth, _("1 keeps every cycle as long as the first."))
            )
        if 1 < growth < _LEAST_GROWTH:
            advice = _("Cycles that grow by less than a millionth are equal: leave growth out.")
            raise ScheduleError(refusal("growth", _("1, or >= {least}", least=_LEAST_GROWTH), self.growth, advice))
        object.__setattr__(self, "growth", float(growth))
        object.__setattr__(self, "scale", ratio("scale", self.scale, _("1 keeps every cycle as high as the first.")))
        object.__setattr__(self, "floor", ratio("floor", self.floor))
        # A report belongs to one update; repeated, the same factor would stand for several.
        if any(isinstance(part, MetricFactor) for part in everything_in(self.of)):
            advice = _("Multiply the repetition by it instead.")
            raise ScheduleError(
                refusal("schedule", _("without a metric-driven part to be repeated"), str(self.of), advice)
            )
        # A cycle of no update would never be left.
        if not self.waits_for and not self.of.horizon:
            advice = _("A cycle needs an end: give its phases a length, or cut it with until().")
            raise ScheduleError(refusal("schedule", _("at least one update long"), str(self.of), advice))
        if self.times is not None and self.of.horizon and not self.waits_for and not self._ends_in_reach(self.times):
            rule = _("at most {most:g} updates together", most=MOST_UPDATES)
            raise ScheduleError(refusal("times", rule, self.times, _("Repeat it less often, or with less growth.")))

    def _ends_in_reach(self, times: int) -> bool:
        try:
            return self._begin(times) <= MOST_UPDATES
        except OverflowError:
            return False

    @property
    def horizon(self) -> Count | None:
        return None if self.times is None else self._begin(self.times)

    @property
    def borders(self) -> tuple[Count, ...]:
        """Those of every cycle (of the first thousand); of an endless repetition, of its first eight."""
        borders: list[Count] = []
        # Repetitions in repetitions: their numbers multiply, so what is listed is bounded and not only the cycles.
        inside = self.of.borders if self.growth == 1.0 else None
        for cycle in range(_ENDLESS_CYCLES if self.times is None else min(self.times, _MOST_CYCLES)):
            begin = self._begin(cycle)
            borders += [begin + border for border in (self._cycle(cycle).borders if inside is None else inside)]
            if len(borders) >= MOST_BORDERS:
                break
        return tuple(borders[:MOST_BORDERS])

    def _begin(self, cycle: int) -> Count:
        """The position where a cycle begins."""
        length = self.of.horizon
        assert length is not None
        if self.growth == 1.0:
            return length * cycle
        begin = length * (self.growth**cycle - 1.0) / (self.growth - 1.0)  # a geometric sum: O(1) at any update
        return int(begin) if begin == int(begin) else begin

    def _cycle(self, cycle: int) -> Schedule:
        return self.of if self.growth == 1.0 or not cycle else self.of._stretched(self.growth**cycle)

    def _scaled(self, cycle: Any, value: Any) -> Any:
        # Equal cycles skip the sums: floor + (value - floor) is not value to the last bit.
        return value if self.scale == 1.0 else self.floor + (value - self.floor) * self.scale**cycle

    def _at(self, position: Count) -> float:
        if self._waiting:
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
            # Equal cycles are one schedule asked modulo its length; growing ones are laid out one by one.
            cycle = xp.floor(quotient(position, length))
            if self.times is not None:
                cycle = xp.where(cycle >= self.times, self.times - 1.0, cycle)
            return self._scaled(cycle, self.of._value(position - cycle * length, xp))
        value = 0.0 * position  # an array of the right kind to write into
        for cycle in range(self._cycles_for(position, xp)):
            begin = self._begin(cycle)
            here = self._scaled(cycle, self._cycle(cycle)._value(xp.where(position < begin, 0.0, position - begin), xp))
            value = xp.where(position >= begin, here, value)
        return value

    def _cycles_for(self, position: Any, xp: Any) -> int:
        """How many cycles the positions reach into; a traced array says nothing, so there the count has to be given."""
        if xp.__name__ in ("numpy", "torch"):
            cycles = self._cycle_at(float(position.max())) + 1 if 0 not in position.shape else 0
            if cycles > MOST_GROWING_CYCLES:
                advice = _("Ask for fewer updates at once, or let cycles grow faster.")
                rule = _("within {most:,} cycles of growing length", most=MOST_GROWING_CYCLES)
                raise ScheduleError(refusal("positions", rule, cycles, advice))
            return cycles
        if self.times is None:
            advice = _("Positions are unknown while a function is traced: say how many cycles.")
            raise ScheduleError(refusal("times", _("given for growing cycles"), None, advice))
        return self.times

    def _resolved(self, total: Any, plan: Any) -> Schedule:
        if self.of.waits_for != A_PLAN:
            return self
        # Without a number of cycles the run says nothing of one cycle's length: shares are of the run itself.
        if self.times is None and total is not None:
            return self._with(lambda part: part._resolved(total, plan))
        if self.times is None or total is None:
            return self._with(lambda part: part._resolved(None, plan))
        # Lengths inside are shares of one cycle, so the run is divided first.
        first = total / self.times
        if self.growth != 1.0:
            first = total * (self.growth - 1.0) / (self.growth**self.times - 1.0)
        return self._with(lambda part: part._resolved(int(first) if first == int(first) else first, plan))


@kind("until")
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
    def warmup_updates(self) -> Count:
        return min(self.of.warmup_updates, self.updates)

    def _value(self, position: Any, xp: Any) -> Any:
        # "+ 0 * position" makes an array of the same type, which torch's where() asks for.
        return self.of._value(xp.where(position < self.updates, position, self.updates + 0 * position), xp)

    def _stretched(self, ratio: float) -> Schedule:
        return Until(self.of._stretched(ratio), self.updates * ratio)


@kind("shift")
@dataclass(frozen=True, slots=True)
class Shift(Schedule):
    """``of(k + updates)``; for a negative shift the first value is held for as long."""

    of: Schedule
    updates: Count

    def __post_init__(self) -> None:
        object.__setattr__(self, "updates", number("updates", self.updates, _("Give a whole number of updates.")))

    @property
    def horizon(self) -> Count | None:
        return None if self.of.horizon is None else max(0, self.of.horizon - self.updates)

    @property
    def borders(self) -> tuple[Count, ...]:
        return tuple(border - self.updates for border in self.of.borders if border > self.updates)

    def _report(self, metric: float, position: int, *, in_warmup: bool) -> Schedule:
        return self._with(lambda part: part._report(metric, int(position + self.updates), in_warmup=in_warmup))

    @property
    def warmup_updates(self) -> Count:
        return max(0, self.of.warmup_updates - self.updates)

    def _value(self, position: Any, xp: Any) -> Any:
        # Before its beginning a schedule has no values: a negative shift waits at the first one.
        moved = position + self.updates
        return self.of._value(xp.where(moved < 0, 0 * position, moved) if self.updates < 0 else moved, xp)

    def _stretched(self, ratio: float) -> Schedule:
        return Shift(self.of._stretched(ratio), self.updates * ratio)


@kind("blend")
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
        # The line alone would overshoot where the schedule moves toward the start by itself: hence the middle one.
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
    return [schedule, *(inner for part in schedule.parts for inner in everything_in(part))]


# --- A user's own function --------------------------------------------------------------------------------------------


@kind("function")
@dataclass(frozen=True, slots=True)
class UserFunction(Schedule):
    """``function(position) -> factor``, found at ``path`` (``"package.module:name"``).

    Args:
        path: where it can be imported from; imported when the first value is asked for, not when a file is read.
        length: updates the function is shaped for; None if it has no end.

    Raises:
        ScheduleError: at once, if what was read from somewhere else names it (:func:`preheat.schedule.base.foreign`);
            when used, if nothing callable is there or it returns anything but a finite number >= 0.
    """

    path: str
    length: int | None = None
    # A list, since a frozen dataclass takes no assignment: empty until the first value is asked for.
    _function: list[Callable[[int], float]] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        module, colon, name = str(self.path).partition(":")
        # Checked as text alone: reading a file must not run what it names.
        if not colon or not all(word.isidentifier() for word in (*module.split("."), *name.split("."))):
            advice = _("Name a function that can be imported.")
            raise ScheduleError(refusal("path", _("written package.module:name"), self.path, advice))
        if self.length is not None:
            object.__setattr__(self, "length", count("length", self.length, 1))
        function = allowed_function(self.path)
        object.__setattr__(self, "_function", [] if function is None else [function])

    def __reduce__(self) -> Any:
        return UserFunction, (self.path, self.length)  # by its path: functions themselves need not pickle

    @property
    def horizon(self) -> Count | None:
        return self.length

    @property
    def borders(self) -> tuple[Count, ...]:
        return () if self.length is None else (self.length,)

    def _value(self, position: Any, xp: Any) -> Any:
        if xp is Scalar:
            return self._call(position)
        if xp.__name__ != "numpy":
            advice = _("A Python function runs on plain integers: write the curve with phases.")
            raise ScheduleError(refusal("xp", _("numpy for a user's own function"), xp.__name__, advice))
        return xp.array([self._call(one) for one in position.flat], dtype=float).reshape(position.shape)

    def _call(self, position: Count) -> float:
        if not self._function:
            self._function.append(_import(self.path))
        if position != int(position):
            raise ScheduleError(
                refusal("position", _("whole for a user's own function"), position, _("Do not stretch it."))
            )
        factor = self._function[0](int(position))
        # Asked for once an update: its name is made up only where it is needed.
        if type(factor) is not float or not 0.0 <= factor < math.inf:
            name, advice = _("the value of {path}", path=self.path), _("A factor of 1.0 is the peak.")
            if number(name, factor, advice) < 0:
                raise ScheduleError(refusal(name, _(">= 0"), factor, advice))
        return float(factor)

    def _stretched(self, ratio: float) -> Schedule:  # noqa: ARG002 - it is refused, whatever it is
        advice = _("preheat cannot stretch a function: write the curve with phases.")
        raise ScheduleError(refusal("schedule", _("made of phases to be stretched"), self.path, advice))


def from_function(function: Callable[[int], float], length: int | None = None) -> UserFunction:
    """A schedule of a function of the completed updates, importable by name.

    Lambdas, local functions and those of ``__main__`` are refused at once: no saved state or worker process could
    find them again.

    >>> import math
    >>> from_function(math.log1p)(0)
    0.0
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    path = f"{module}:{name}"
    if module in (None, "__main__") or not _is_at(function, path):
        advice = _("Define it at the top of a module that can be imported.")
        raise ScheduleError(refusal("function", _("importable by its name"), function, advice))
    schedule = UserFunction(path, length)
    schedule(0)  # what returns no factor is refused here and not in the first update of a run
    return schedule


def _is_at(function: Any, path: str) -> bool:
    try:
        return _import(path) is function
    except ScheduleError:
        return False


def _import(path: str) -> Callable[[int], float]:
    from functools import reduce
    from importlib import import_module

    module, _unused, name = path.partition(":")
    try:
        function: Any = reduce(getattr, name.split("."), import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        advice = _("It could not be imported: {error}.", error=error)
        raise ScheduleError(refusal("path", _("the place of a function"), path, advice)) from None
    if not callable(function):
        raise ScheduleError(refusal("path", _("the place of a function"), path, _("It is not callable.")))
    return function  # type: ignore[no-any-return]


# --- At the same update -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Several(Schedule):
    """Abstract: several schedules, each at the same update."""

    _several: ClassVar[bool] = True

    of: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", tuple(self.of))
        if not self.of or not all(isinstance(part, Schedule) for part in self.of):
            raise ScheduleError(refusal("schedules", _("one Schedule or more"), self.of, _("Compose schedules.")))

    @property
    def horizon(self) -> Count | None:
        return max((part.horizon for part in self.of if part.horizon is not None), default=None)

    @property
    def borders(self) -> tuple[Count, ...]:
        return tuple(sorted({border for part in self.of for border in part.borders}))


@kind("product")
class Product(Several):
    """The product of the factors; its horizon is the longest of theirs."""

    __slots__ = ()

    def _value(self, position: Any, xp: Any) -> Any:
        # From the left, as the text reads: another order rounds differently.
        return math.prod(part._value(position, xp) for part in self.of)

    def _multiplied(self) -> tuple[Schedule, ...]:
        return self.of

    def _words(self, convention: str) -> str:
        return " * ".join(part._factor_words(convention) for part in self.of)


@kind("min")
class Minimum(Several):
    """The least of the factors."""

    __slots__ = ()

    def _value(self, position: Any, xp: Any) -> Any:
        return reduce(lambda a, b: xp.where(a <= b, a, b), _values(self, position, xp))


@kind("max")
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


@kind("clip")
@dataclass(frozen=True, slots=True)
class Clip(_Around):
    """Cut off below ``floor`` and above ``ceiling``, each a share of the peak, a learning rate or None."""

    floor: Factor | None = None
    ceiling: Factor | None = None

    def __post_init__(self) -> None:
        for name in ("floor", "ceiling"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_factor(name, getattr(self, name)))
        # A share and a learning rate cannot be compared before the base is known.
        if isinstance(self.floor, float) and isinstance(self.ceiling, float) and self.floor > self.ceiling:
            raise ScheduleError(
                refusal("floor", _("at most ceiling={ceiling}", ceiling=self.ceiling), self.floor, _("Lower it."))
            )

    @property
    def waits_for(self) -> str:
        return self.of.waits_for or (A_BASE if Absolute in (type(self.floor), type(self.ceiling)) else "")

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


@kind("lift")
@dataclass(frozen=True, slots=True)
class Lift(_Around):
    """Rescaled to run between ``floor`` and the peak: ``floor + (1 - floor) * factor``."""

    floor: Factor

    def __post_init__(self) -> None:
        object.__setattr__(self, "floor", as_factor("floor", self.floor))

    @property
    def waits_for(self) -> str:
        return self.of.waits_for or (A_BASE if isinstance(self.floor, Absolute) else "")

    def for_base(self, base: float) -> Schedule:
        return Lift(self.of.for_base(base), share_of(self.floor, base))

    def _value(self, position: Any, xp: Any) -> Any:
        floor = known(self.floor)
        return floor + (1.0 - floor) * self.of._value(position, xp)


@kind("strict")
class Strict(_Around):
    """Refuses to be read past its horizon: what ``after_end("error")`` gives.

    The factor at the horizon itself, which no update of the run uses, is an error too.
    """

    __slots__ = ()

    def _value(self, position: Any, xp: Any) -> Any:
        horizon = self.horizon
        # Of an empty array there is no largest position; a traced one has no value, and is refused by its driver.
        last = position if not hasattr(position, "max") else (position.max() if position.size else -1)
        if horizon is not None and last >= horizon:
            advice = _("The schedule ends there: plan more updates, or let it hold with after_end('hold').")
            raise ScheduleError(
                refusal("position", _("below the horizon, {horizon:g}", horizon=horizon), int(last), advice)
            )
        return self.of._value(position, xp)

    def after_end(self, then: str) -> Schedule:
        """What follows the horizon; ``"hold"`` takes the strictness off again."""
        return self.of if choice("then", then, AFTER_END) == "hold" else super().after_end(then)


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
