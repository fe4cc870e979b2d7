"""Hypotheses about the lengths: the plan's shape with another warm-up, another horizon, another floor, another peak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.errors import ScheduleError
from preheat.inspect.auditing.clock import Explanation, Reference, believable, fitted_base
from preheat.inspect.auditing.decimals import shortest_between
from preheat.inspect.auditing.observed import SLACK, Observed
from preheat.inspect.auditing.search import Point, descend
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Linear, PowerLaw
from preheat.schedule.factors import known

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Floats

_POINTS = 150  # looked at during a search
_STARTS = 3
_STRETCHES = (
    0.1,
    0.15,
    0.2,
    0.25,
    0.33,
    0.5,
    0.67,
    0.75,
    0.8,
    0.9,
    1.0,
    1.1,
    1.25,
    1.33,
    1.5,
    2.0,
    3.0,
    4.0,
    6.0,
    10.0,
)


def other_base(seen: Observed, plan: Reference) -> Explanation | None:
    """The plan times a number: another group's rate, another peak."""
    if plan.base is None:
        return None
    factors = plan.schedule(seen.updates)
    base = fitted_base(seen, factors)
    if not base or not believable(seen, base * factors) or base == plan.base:
        return None
    return Explanation("other-group", base * factors, numbers={"base": base, "ratio": base / plan.base})


def other_floor(seen: Observed, plan: Reference, *, round_only: bool = False) -> Explanation | None:
    """The plan with another end value in its last descent.

    A straight line to another floor may be one to another horizon: ``round_only`` asks for a floor of two digits.
    """
    schedule = plan.schedule
    if not isinstance(schedule, PhaseSchedule) or not seen.moves:
        return None
    index = _last_descent(schedule)
    base = plan.base
    if index is None or not base:
        return None
    # A descent is linear in its end value: two ends tell how much each point moves with it.
    at_zero, at_one = (base * _with_end(schedule, index, end)(seen.updates) for end in (0.0, 1.0))
    lever = at_one - at_zero
    touched = lever > 0.05 * base
    if not touched.any():
        return None
    part = seen.part(touched)
    gap, width = part.rates - at_zero[touched], SLACK * part.rounding
    low = float(((gap - width) / lever[touched]).max())
    high = float(((gap + width) / lever[touched]).min())
    if not max(low, 0.0) <= high:
        return None
    floor = shortest_between(max(low, 0.0), high)
    predicted = at_zero + floor * lever
    held = known(_phase(schedule, index).end or 0.0)
    if floor == held or (round_only and floor != float(f"{floor:.1e}")) or not believable(seen, predicted):
        return None
    return Explanation("other-floor", predicted, numbers={"floor": floor, "planned": held, "base": base})


def other_lengths(seen: Observed, plan: Reference) -> Explanation | None:
    """The plan with another warm-up, another horizon, or both."""
    if not seen.moves:
        return None
    few = seen.thinned(_POINTS)
    found: list[tuple[float, Point, bool]] = []
    for keep in (False, True):
        costs = [(_cost(few, plan, keep, point), point) for point in _starts(few, plan)]
        for cost, start in sorted(costs)[:_STARTS]:
            if cost < np.inf:
                best, least = descend(partial(_cost, few, plan, keep), start, (0, 1), (2**40, 2**41))
                found.append((least, best, keep))
    for _, (warmup, horizon), keep in sorted(found)[:2]:
        shaped = reshaped(plan.schedule, warmup, horizon, keep)
        if shaped is not None:
            predicted = Reference(shaped, plan.base).rates(seen.updates, seen)
            if believable(seen, predicted):
                return _lengths(plan.schedule, shaped, predicted)
    return None


def _lengths(planned: Schedule, found: Schedule, predicted: Floats) -> Explanation | None:
    warmup, horizon = int(found.climb), found.horizon
    numbers: dict[str, Any] = {
        "warmup": warmup,
        "planned_warmup": int(planned.climb),
        "horizon": horizon,
        "planned_horizon": planned.horizon,
        "schedule": found,
    }
    if (warmup, horizon) == (planned.climb, planned.horizon):
        return None
    kind = "other-warm-up" if horizon == planned.horizon else "other-horizon"
    return Explanation(kind, predicted, numbers=numbers)


def _cost(seen: Observed, plan: Reference, keep: bool, point: Point) -> float:
    shaped = reshaped(plan.schedule, point[0], point[1], keep)
    if shaped is None:
        return float("inf")
    apart = seen.rates - Reference(shaped, plan.base).rates(seen.updates, seen)
    return float(np.square(apart).sum())


def _starts(seen: Observed, plan: Reference) -> Iterator[Point]:
    """Warm-ups and horizons to begin a search at: the plan's, what the log's highest point and end say, multiples."""
    top, last = int(seen.updates[seen.rates.argmax()]), int(seen.updates[-1]) + 1
    climb, horizon = int(plan.schedule.climb), plan.schedule.horizon
    climbs = dict.fromkeys([climb, top, 0, *(round(climb * ratio) for ratio in (0.25, 0.5, 2, 4))])
    if horizon is None:
        yield from ((warmup, warmup + 1) for warmup in climbs)
        return
    ends = dict.fromkeys([int(horizon), last, *(max(1, round(horizon * ratio)) for ratio in _STRETCHES)])
    yield from ((warmup, end) for warmup in climbs for end in ends if warmup < end)


def reshaped(schedule: Schedule, warmup: int, horizon: int, keep: bool = False) -> Schedule | None:
    """``schedule`` with a climb of ``warmup`` updates and an end at ``horizon``; None where it cannot be.

    Args:
        schedule: phases in a row, or anything with an end (which is stretched as a whole).
        warmup: updates of the climb; a schedule without one gets a straight one.
        horizon: where the last phase ends; of no meaning for one without an end.
        keep: whether the last phase keeps its length, and what lies before it gives way.
    """
    try:
        if not isinstance(schedule, PhaseSchedule) or not all(isinstance(part, Phase) for part in schedule.phases):
            same = warmup == schedule.climb or not schedule.climb
            return schedule.stretch(horizon) if schedule.horizon and same and not keep else None
        return _reshaped(schedule, warmup, horizon, keep)
    except ScheduleError:
        return None


def _reshaped(schedule: PhaseSchedule, warmup: int, horizon: int, keep: bool) -> Schedule | None:
    phases = [_phase(schedule, index) for index in range(len(schedule.phases))]
    climbing, done = 0, 0
    while climbing < len(phases) and done < schedule.climb:
        done += int(phases[climbing].updates or 0)
        climbing += 1
    rest = [_timed(phase, schedule.climb, warmup) for phase in phases[climbing:]]
    lengths = [phase.updates for phase in rest]
    if None not in lengths:
        shared = _shared([int(length or 0) for length in lengths], horizon - warmup, keep)
        if shared is None:
            return None
        rest = [replace(phase, length=phase.skip + length) for phase, length in zip(rest, shared, strict=True)]
    elif keep:
        return None
    return PhaseSchedule((*_climb(phases[:climbing], rest, warmup), *rest))


def _climb(climbing: list[Phase], rest: list[Phase], warmup: int) -> tuple[Phase, ...]:
    if not warmup:
        return ()
    if not climbing:
        return (Phase(curve=Linear(), length=warmup, start=0.0, end=1.0, convention=rest[0].convention),)
    total = sum(int(phase.updates or 0) for phase in climbing)
    lengths = _shared([int(phase.updates or 0) for phase in climbing], warmup, keep=False) if total else None
    if lengths is None:
        return tuple(climbing)
    return tuple(replace(phase, length=phase.skip + length) for phase, length in zip(climbing, lengths, strict=True))


def _timed(phase: Phase, climb: Any, warmup: int) -> Phase:
    """An inverse square root whose time scale is the warm-up keeps it so."""
    curve = phase.curve
    if isinstance(curve, PowerLaw) and curve.timescale == climb and warmup:
        return replace(phase, curve=replace(curve, timescale=float(warmup)))
    return phase


def _shared(lengths: list[int], total: int, keep: bool) -> list[int] | None:
    """``total`` updates over phases in proportion to ``lengths``; with ``keep`` the last moving one keeps its own."""
    if keep:
        moving = max((index for index, length in enumerate(lengths) if length), default=0)
        if not any(lengths[:moving]) or total < lengths[moving]:
            return None
        before = _shared(lengths[:moving], total - lengths[moving], keep=False)
        return None if before is None else [*before, *lengths[moving:]]
    whole = sum(lengths)
    if total < 0 or (not whole and total):
        return None
    borders = [round(sum(lengths[: index + 1]) * total / whole) if whole else 0 for index in range(len(lengths))]
    return [after - before for before, after in zip([0, *borders], borders, strict=False)]


def _phase(schedule: PhaseSchedule, index: int) -> Phase:
    part = schedule.phases[index]
    assert isinstance(part, Phase)
    return part


def _last_descent(schedule: PhaseSchedule) -> int | None:
    """The last phase that falls."""
    if not all(isinstance(part, Phase) for part in schedule.phases):
        return None
    falls = [
        index
        for index in range(len(schedule.phases))
        if _phase(schedule, index).updates != 0
        and not _phase(schedule, index).curve.endless
        and (_phase(schedule, index).start is None or known(_phase(schedule, index).start or 0.0) >= 1.0)
    ]
    return falls[-1] if falls else None


def _with_end(schedule: PhaseSchedule, index: int, end: float) -> PhaseSchedule:
    """The schedule whose phase ``index`` ends at another factor, and what only held that factor holds the new one."""
    phases = [*schedule.phases[:index], replace(_phase(schedule, index), end=end)]
    phases += [replace(_phase(schedule, later), start=end, end=end) for later in range(index + 1, len(schedule.phases))]
    return PhaseSchedule(tuple(phases))
