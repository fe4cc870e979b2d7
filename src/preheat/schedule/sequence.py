"""Phases in sequence: the schedule that every named schedule is built as."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count
from preheat.schedule.factors import known
from preheat.schedule.lengths import Length
from preheat.schedule.namespaces import Scalar
from preheat.schedule.phases import Phase

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
    def climb(self) -> Count:
        climbed: Count = 0
        for begin, end, phase in self._spans:
            if isinstance(phase, Schedule):
                return begin + phase.climb
            if end == begin or (_rises(phase) and end < math.inf):
                climbed = cast("Count", end)
            else:
                break
        return climbed

    def _resolved(self, total: Any, plan: Any) -> Schedule:
        from preheat.schedule.resolving import resolve_phases

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
