"""Phases in sequence: the schedule that every named schedule is built as."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.curves import CURVES, Constant, Curve, Scalar
from preheat.schedule.lengths import (
    Absolute,
    Count,
    Factor,
    Length,
    as_factor,
    as_length,
    choice,
    count,
    in_updates,
    known,
    share_of,
)

if TYPE_CHECKING:
    from preheat.schedule.lengths import Timeline


# --- A phase: one curve, its length, and the factors it runs between ------------------------------------------------


CONVENTIONS = ("transformers", "native")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of a schedule.

    Args:
        curve: the shape, falling from ``start`` to ``end`` or, mirrored in time, rising.
        length: updates the whole curve takes, >= 0; None runs for ever (endless curves only); or a length with a unit
            (``"10%"``, ``"2 epochs"``, ``"rest"``), which :meth:`Schedule.over` turns into updates.
        start: factor where the phase begins, >= 0 (1.0 is the peak); None goes on from where the phase before
            arrived (from 1.0 in a first phase). A learning rate as :func:`~preheat.schedule.lengths.absolute`.
        end: factor the phase moves towards, >= 0; None is 0. A constant phase has its start for an end.
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
    start: Factor | None = None
    end: Factor | None = None
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
            object.__setattr__(self, "end", 0.0)

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
        late = int(self.convention == "native")
        return self.value(done + self.skip + late, left - late, xp)

    def laid_out(self, begin: Count, end: float) -> tuple[Any, ...]:
        """What one value of the phase takes, where it owns the positions from ``begin`` to ``end``.

        As ``(mirrored, fall, low, height, done at position 0, left at position 0, length)``: a training loop asks for a
        value an update, and looking these up each time would cost more than the curve.
        """
        late = int(self.convention == "native")
        start, low = known(1.0 if self.start is None else self.start), known(0.0 if self.end is None else self.end)
        mirrored = start < low and not self.curve.endless
        if mirrored:
            start, low = low, start
        whole = self.length is None or (begin == int(begin) and end == int(end))
        fall = self.curve.fall if whole else _clamped(self.curve.fall)
        return mirrored, fall, low, start - low, self.skip + late - begin, end - late, self.length

    def value(self, done: Any, left: Any, xp: Any = Scalar) -> Any:
        """The factor ``done`` updates into the curve itself."""
        mirrored, fall, low, height, *_ = self.laid_out(0, 0)
        if mirrored:
            done, left = left, done
        return low + height * fall(done, left, self.length, xp)

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


def _clamped(fall: Callable[..., Any]) -> Callable[..., Any]:
    """``fall`` for a phase that ends between two updates: the last one does not reach past the end."""

    def within(done: Any, left: Any, length: Any, xp: Any) -> Any:
        done, left = xp.where(done < 0, 0 * done, done), xp.where(left < 0, 0 * left, left)
        return fall(
            xp.where(done > length, length + 0 * done, done),
            xp.where(left > length, length + 0 * left, left),
            length,
            xp,
        )

    return within


# --- Lengths into updates: what ``over(plan)`` does to the phases of a sequence -------------------------------------


def over(schedule: Schedule, run: int | Timeline | None) -> Schedule:
    """``schedule`` resolved for ``run``: updates, a plan, or None where nobody knows the length."""
    plan = None if run is None or isinstance(run, int) else run
    total = run if isinstance(run, int) or run is None else run.updates
    if total is not None:
        total = int(count("updates", total, 1))
    return schedule._resolved(total, plan)


def resolve_phases(parts: tuple[Phase | Schedule, ...], total: Count | None, plan: Timeline | None) -> tuple[Any, ...]:
    """The parts of a sequence with their lengths in updates; the rest is what they leave of ``total``.

    Lengths that say nothing about the run (plain updates only) are left alone, whatever the total: the horizon of a
    schedule and the length of a run are two numbers.
    """
    relative = any(part.waits_for == "a plan" for part in parts)
    resolved = [_in_updates(part, total, plan) for part in parts]
    if not relative or total is None:
        return _without_total(resolved)
    spent = _spent(resolved)
    if spent is None:  # an endless phase takes what is left
        return tuple(resolved)
    left = total - spent
    if left < 0 or (left and not any(_is_rest(part) for part in resolved)):
        sums = " + ".join(f"{_taken(part):g}" for part in resolved if not _is_rest(part))
        advice = (
            "Shorten a phase." if left < 0 else "Lengthen a phase, or let one take the rest (leave its length out)."
        )
        raise ScheduleError(refusal("phases", f"{total} updates together", f"{sums} = {spent:g}", advice))
    return tuple(replace(part, length=left + part.skip) if _is_rest(part) else part for part in resolved)  # type: ignore[type-var,union-attr]


def _in_updates(part: Phase | Schedule, total: Count | None, plan: Timeline | None) -> Phase | Schedule:
    if isinstance(part, Schedule):
        return part._resolved(total, plan)
    if not isinstance(part.length, Length) or part.length.unit == "rest":
        return part
    return replace(part, length=in_updates("length", part.length, total, plan))


def _without_total(parts: list[Any]) -> tuple[Any, ...]:
    """A last phase that has the rest of an unknown run goes on for ever, if its curve can."""
    for part in parts:
        if _is_rest(part) and not (part is parts[-1] and part.curve.endless):
            advice = "Give the run's length, or a phase that can run for ever last: hold, inverse_sqrt, power_law."
            raise ScheduleError(refusal("updates", "known for a phase that takes the rest", None, advice))
    return tuple(replace(part, length=None) if _is_rest(part) else part for part in parts)


def _is_rest(part: Phase | Schedule) -> bool:
    return isinstance(part, Phase) and isinstance(part.length, Length)


def _taken(part: Phase | Schedule) -> Count | None:
    return part.updates if isinstance(part, Phase) else part.horizon


def _spent(parts: list[Any]) -> Count | None:
    """Updates of all parts but the rest; None if one is endless."""
    taken = [_taken(part) for part in parts if not _is_rest(part)]
    return None if None in taken else sum(taken)  # type: ignore[arg-type]


# --- Phases in sequence: the schedule that every named schedule is built as -----------------------------------------


if TYPE_CHECKING:
    Part = Phase | Schedule


_BLOCK = 16_384  # positions worked on at once: what fits into a processor's cache is done twice as fast


@dataclass(frozen=True, slots=True)
class PhaseSchedule(Schedule):
    """Phases one after the other; any of them may be a whole schedule, which then takes its horizon.

    Args:
        phases: at least one; only the last may be endless.

    A phase owns the positions from its beginning up to, not including, its end; a phase of length 0 owns none, but
    where it arrives counts for what follows. Past the last phase its arrival is held.

    >>> from preheat.schedule.curves import Linear
    >>> climb = Phase(curve=Linear(), length=2, start=0.0, end=1.0)
    >>> fall = Phase(curve=Linear(), length=4, start=1.0, end=0.0)
    >>> PhaseSchedule((climb, fall))(range(8))
    array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
    """

    phases: tuple[Part, ...]
    _spans: tuple[tuple[Count, float, Part], ...] = field(init=False, repr=False, compare=False)
    _layout: tuple[tuple[float, Count, Part, Any], ...] = field(init=False, repr=False, compare=False)
    _held: float = field(init=False, repr=False, compare=False, default=0.0)

    def __post_init__(self) -> None:
        flat: list[Part] = []
        for phase in self.phases:
            flat += phase.phases if isinstance(phase, PhaseSchedule) else [phase]
        object.__setattr__(self, "phases", tuple(flat))
        if not self.phases or not all(isinstance(phase, (Phase, Schedule)) for phase in self.phases):
            raise ScheduleError(refusal("phases", "one Phase or more", self.phases, "Give at least one phase."))
        if sum(isinstance(phase, Phase) and _unit(phase) == "rest" for phase in self.phases) > 1:
            advice = "Only one phase can take what the others leave: give the others a length."
            raise ScheduleError(refusal("length", "rest in one phase at most", "rest", advice))
        object.__setattr__(self, "_spans", () if self.waits_for else tuple(self._lay_out()))
        layout = [
            (end, begin, phase, phase.laid_out(begin, end) if isinstance(phase, Phase) else _inner(phase, begin))
            for begin, end, phase in self._spans
            if end > begin
        ]
        object.__setattr__(self, "_layout", tuple(layout))

    def _lay_out(self) -> Iterator[tuple[Count, float, Part]]:
        """Each phase, its start known, with the positions of its beginning and its end."""
        begin: Count = 0
        arrived = 1.0
        for index, phase in enumerate(self.phases):
            known_phase = phase.following(arrived)
            updates = known_phase.updates if isinstance(known_phase, Phase) else known_phase.horizon
            if updates is None:
                if index < len(self.phases) - 1:
                    advice = "Only the last phase may be endless: give it a length, or cut it with until()."
                    raise ScheduleError(refusal("length", "given before the last phase", None, advice))
                yield begin, math.inf, known_phase
                arrived = known_phase.arrival if isinstance(known_phase, Phase) else 0.0
            else:
                yield begin, begin + updates, known_phase
                arrived = known_phase.arrival if isinstance(known_phase, Phase) else known_phase._at(updates)
                begin += updates
        object.__setattr__(self, "_held", arrived)

    @property
    def horizon(self) -> Count | None:
        self._refuse_waiting()
        end = self._spans[-1][1]
        return None if end == math.inf else cast("Count", end)

    @property
    def borders(self) -> tuple[Count, ...]:
        self._refuse_waiting()
        found: list[Count] = []
        for begin, end, phase in self._spans:
            if isinstance(phase, Schedule):
                found += [begin + border for border in phase.borders if begin + border < end]
            if begin < end < math.inf:
                found.append(cast("Count", end))
        return tuple(dict.fromkeys(found))

    @property
    def waits_for(self) -> str:
        return next((phase.waits_for for phase in self.phases if phase.waits_for), "")

    def _at(self, position: Count) -> float:
        for end, begin, phase, layout in self._layout:
            if position < end:
                return _inside(phase, begin, layout, position, Scalar)  # type: ignore[no-any-return]
        if not self._spans:
            self._refuse_waiting()
        return self._held

    def _from(self, position: int) -> Iterator[float]:
        for end, _, _, layout in self._layout:
            if not layout or end == math.inf:
                break
            mirrored, fall, low, height, done, left, length = layout
            for here in range(position, math.ceil(end)):
                if mirrored:
                    yield low + height * fall(left - here, here + done, length, Scalar)
                else:
                    yield low + height * fall(here + done, left - here, length, Scalar)
            position = max(position, math.ceil(end))
        yield from Schedule._from(self, position)

    def _value(self, position: Any, xp: Any) -> Any:
        if xp is Scalar:
            return self._at(position)
        self._refuse_waiting()
        if xp.__name__ == "numpy":
            return self._over(position, xp)
        value = self._held + 0.0 * position
        for end, begin, phase, layout in reversed(self._layout):
            value = xp.where(position < end, _inside(phase, begin, layout, position, xp), value)
        return value

    def _over(self, positions: Any, xp: Any) -> Any:
        if xp.__name__ != "numpy":
            return self._value(positions, xp) + 0.0 * positions
        self._refuse_waiting()
        factors = xp.full(positions.shape, self._held)
        if positions.ndim == 1:
            for first in range(0, len(positions), _BLOCK):
                self._fill(factors[first : first + _BLOCK], positions[first : first + _BLOCK], xp)
        else:
            self._fill(factors, positions, xp)
        return factors

    def _fill(self, factors: Any, positions: Any, xp: Any) -> None:
        """Write the factors at ``positions`` into ``factors``, phase by phase."""
        ordered = positions.ndim == 1 and bool((positions[1:] >= positions[:-1]).all())
        for end, begin, phase, layout in self._layout:
            if ordered:  # slices are views: no copy in, none out
                chosen: Any = slice(*xp.searchsorted(positions, (begin, end)))
            else:
                chosen = (positions >= begin) & (positions < end)
            here = positions[chosen]
            if here.size:
                factors[chosen] = _inside(phase, begin, layout, here, xp)

    def following(self, arrived: float) -> PhaseSchedule:
        return replace(self, phases=(self.phases[0].following(arrived), *self.phases[1:]))

    def for_base(self, base: float) -> Schedule:
        return replace(self, phases=tuple(phase.for_base(base) for phase in self.phases))

    def with_convention(self, convention: str) -> Schedule:
        return replace(self, phases=tuple(phase.with_convention(convention) for phase in self.phases))

    def _report(self, metric: float, position: int, *, climbing: bool) -> Schedule:
        phases = list(self.phases)
        for index, (begin, _, phase) in enumerate(self._spans):
            if isinstance(phase, Schedule):
                phases[index] = phase._report(metric, int(position - begin), climbing=climbing)
        return replace(self, phases=tuple(phases))

    def fresh(self) -> Schedule:
        return replace(self, phases=tuple(part.fresh() if isinstance(part, Schedule) else part for part in self.phases))

    @property
    def warmup_updates(self) -> Count:
        climbed: Count = 0
        for begin, end, phase in self._spans:
            if isinstance(phase, Schedule):
                return begin + phase.warmup_updates
            if end == begin or (_rises(phase) and end < math.inf):
                climbed = cast("Count", end)
            else:
                break
        return climbed

    def _resolved(self, total: Any, plan: Any) -> Schedule:

        return PhaseSchedule(resolve_phases(self.phases, total, plan))

    def _stretched(self, ratio: float) -> Schedule:
        return replace(self, phases=tuple(phase._stretched(ratio) for phase in self.phases))


def then(before: Schedule, after: Any) -> PhaseSchedule:
    """``before`` for its horizon, then ``after``; sequences of phases join into one.

    >>> from preheat import hold, warmup
    >>> (warmup(4) >> hold())(range(6))
    Traceback (most recent call last):
    ...
    preheat.errors.ScheduleError: schedule must be resolved; got 'warmup 4 > hold'. Call over(total) or over(plan).
    """
    if not isinstance(after, Schedule):
        raise ScheduleError(refusal("schedule", "a Schedule on both sides of >>", after, "Compose schedules."))
    return PhaseSchedule((before, after))


def _rises(phase: Phase) -> bool:
    return phase.start is not None and phase.end is not None and known(phase.start) < known(phase.end)


def _unit(phase: Phase) -> str:
    return phase.length.unit if isinstance(phase.length, Length) else "updates"


def _inner(schedule: Schedule, begin: Count) -> tuple[()] | None:
    """None for a schedule asked for the updates since its beginning; an empty layout for one asked for whole ones.

    Native phases look one update ahead, so between two updates they would look past their end.
    """
    return () if begin != int(begin) and _looks_ahead(schedule) else None


def _looks_ahead(part: Part) -> bool:
    if isinstance(part, Phase):
        return part.convention == "native" and not part.curve.endless
    inside = part.phases if isinstance(part, PhaseSchedule) else part.parts
    return any(_looks_ahead(one) for one in inside)


def _inside(phase: Part, begin: Count, layout: Any, position: Any, xp: Any) -> Any:
    """The factor at positions that a phase owns."""
    if not layout:
        since = position - begin
        return phase._value(since if layout is None else xp.floor(since), xp)  # type: ignore[union-attr]
    mirrored, fall, low, height, done, left, length = layout
    if mirrored:
        return low + height * fall(left - position, position + done, length, xp)
    return low + height * fall(position + done, left - position, length, xp)
