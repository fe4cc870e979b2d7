"""What may have happened to a plan: hypotheses in the order they are tried, and what each means in words.

A hypothesis takes a log and the plan it is held against. It gives an :class:`Explanation` where it agrees with nearly
every point to the digits they are written with, and None otherwise. Three kinds of them:

The clock    the plan is right, but its positions are not the updates:
             position = update + offset            the log is one update late, or the run began elsewhere
             position = scale * update + offset    several scheduler steps an update: processes, micro-batches
             position = (update + offset) // every one scheduler step every so many updates: once an epoch
             position = update - skipped so far    updates that mixed precision skipped
The lengths  the plan's shape with another warm-up, horizon, floor or peak.
In pieces    the run followed its plan up to some update, and did something else from there.

To add a cause: write its hypothesis, name it in :func:`explanations`, say it in the words below and in ``_WORDS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.auditing.observed import SLACK, Observed, shortest_between
from preheat.auditing.recognition import Point, descend, recognize
from preheat.errors import ScheduleError
from preheat.messages import _, joined, plural
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Linear, PowerLaw
from preheat.schedule.lengths import known

if TYPE_CHECKING:
    from preheat.auditing.observed import Counts, Floats

SHARE = 0.985  # of the points that an explanation has to explain: a row or two of a log may be wrong
_LEAST_LEVELS = 4  # different rates that have to agree: a plateau alone agrees with every clock


@dataclass(frozen=True, slots=True)
class Reference:
    """What the log is held against.

    Attributes:
        schedule: the plan, resolved.
        base: the learning rate its factors multiply; None takes whatever makes the two agree best.
    """

    schedule: Schedule
    base: float | None

    def rates(self, positions: Counts, seen: Observed) -> Floats:
        """The plan's learning rates at ``positions``, one for each point of ``seen``."""
        factors = self.schedule(positions)
        return factors * (self.base if self.base is not None else fitted_base(seen, factors))


@dataclass(frozen=True, slots=True)
class Explanation:
    """A hypothesis that agrees with the log.

    Attributes:
        kind: stable name of what happened.
        predicted: the learning rates it gives for every point of the log.
        scale: scheduler positions an update moves, on average.
        offset: position of update 0.
        numbers: what its sentence needs.
    """

    kind: str
    predicted: Floats
    scale: float = 1.0
    offset: float = 0.0
    numbers: dict[str, Any] = field(default_factory=dict)


def explanations(seen: Observed, plan: Reference, epoch: float | None, total: int | None) -> Iterator[Explanation]:
    """Whatever explains the log, the plainest first: of two that do, the first is what people mean.

    Args:
        seen: the log's rates.
        plan: what they are held against.
        epoch: updates in an epoch, where they are known.
        total: updates of the run, where the log says so.
    """
    # Where the peak is left to the log, hypotheses that keep the plan's beginning take it from there.
    begun = plan if plan.base is not None else Reference(plan.schedule, base_of_beginning(seen, plan))
    yield from _tried(
        lambda: frozen(seen, plan),
        lambda: shifted(seen, plan),
        lambda: other_base(seen, plan),
        # A floor of two digits comes before other clocks and lengths, any other one after them: with a free floor a
        # straight line fits what another horizon explains.
        lambda: other_floor(seen, begun, round_only=True),
        lambda: fast(seen, plan),
        lambda: slow(seen, plan, epoch),
        lambda: other_lengths(seen, plan),
        lambda: other_floor(seen, begun),
        lambda: skipped(seen, begun),
        lambda: in_pieces(seen, begun),
        lambda: other_schedule(seen, total),
        lambda: unexplained(seen, plan),
    )


def clock_explanations(seen: Observed, plan: Reference) -> Iterator[Explanation]:
    """As :func:`explanations`, for positions of a scheduler: what concerns peaks, floors and lengths is left out."""
    yield from _tried(
        lambda: frozen(seen, plan),
        lambda: shifted(seen, plan),
        lambda: fast(seen, plan),
        lambda: slow(seen, plan, None),
        lambda: skipped(seen, plan),
        lambda: in_pieces(seen, plan),
        lambda: unexplained(seen, plan),
    )


def _tried(*hypotheses: Callable[[], Explanation | None]) -> Iterator[Explanation]:
    for hypothesis in hypotheses:
        explanation = hypothesis()
        if explanation is not None:
            yield explanation


def other_schedule(seen: Observed, total: int | None) -> Explanation | None:
    """Another curve altogether, recognized exactly: a nearest one would explain anything."""
    nearest = recognize(seen, total)
    if nearest is None or not nearest.exact:
        return None
    rates = nearest.base_lr * nearest.schedule(seen.updates)
    return Explanation("other-schedule", rates, numbers={"text": str(nearest), "schedule": nearest.schedule})


def unexplained(seen: Observed, plan: Reference) -> Explanation:
    """What is left to say: where the rates leave the plan."""
    predicted = plan.rates(seen.updates, seen)
    apart = np.flatnonzero(~seen.agrees(predicted))
    return Explanation("unexplained", predicted, numbers={"at": int(seen.updates[apart[0]])})


# --- What all hypotheses use: the base value a log asks for, and whether a prediction can be believed ----------------


def fitted_base(seen: Observed, factors: Floats) -> float:
    """The base value that makes factors agree with the rates: the shortest number that fits every point.

    Where none fits them all, the median of the ratios.
    """
    # Near 0 the rounding of a rate covers every ratio: such points say nothing of the base.
    large = factors > 0.05 * factors.max() if len(factors) and factors.max() > 0 else np.zeros(len(factors), bool)
    if not large.any():
        return 0.0
    part, shares = seen.part(large), factors[large]
    low = float(((part.rates - SLACK * part.rounding) / shares).max())
    high = float(((part.rates + SLACK * part.rounding) / shares).min())
    return shortest_between(low, high) if low <= high else float(np.median(part.rates / shares))


def base_of_beginning(seen: Observed, plan: Reference) -> float:
    """The base value that explains the longest beginning of the log; 0.0 if none explains any."""
    best, chosen, size = 1, 0.0, len(seen)
    while size > 1:
        base = fitted_base(seen.part(slice(0, size)), plan.schedule(seen.updates[:size]))
        wrong = np.flatnonzero(~seen.agrees(base * plan.schedule(seen.updates)))
        agreeing = int(wrong[0]) if len(wrong) else len(seen)
        if base and agreeing > best:
            best, chosen = agreeing, base
        # Where the log leaves the plan nobody knows yet: ever shorter beginnings are asked, by a quarter each.
        size = size * 3 // 4
    return fitted_base(seen.part(slice(0, best)), plan.schedule(seen.updates[:best])) if chosen else 0.0


def levels(seen: Observed) -> int:
    """How many different rates there are, to their rounding."""
    # A grid twice as wide as one rate can scatter: two spellings of one rate rarely count as two.
    return len(np.unique(np.round(seen.rates / (4 * seen.rounding.max())))) if len(seen) else 0


def believable(seen: Observed, predicted: Floats, share: float = SHARE) -> bool:
    """Whether a prediction explains nearly every point, and enough different ones."""
    agreeing = seen.agrees(predicted)
    return bool(agreeing.mean() >= share) and levels(seen.part(agreeing)) >= _LEAST_LEVELS


# --- The clock -------------------------------------------------------------------------------------------------------


_SHIFTS = 64  # updates a clock may be off by, all tried
_SCALES = 1024  # scheduler steps an update, all tried: as many processes as large runs have
_OFFSETS_UP_TO = 64  # scales for which every offset is tried, not only the usual ones
_RARE = 2000  # updates between two scheduler steps, all tried
_SKIPS_AT_ONCE = 40  # skipped updates in a row; more is a jump


def shifted(seen: Observed, plan: Reference) -> Explanation | None:
    """The same curve some updates earlier or later."""
    few = seen.thinned()
    # The nearest first, since a slow curve agrees with several shifts to the digits it is written with. A few points
    # refuse nearly all of them; only what passes is held against the whole log.
    for offset in chain.from_iterable((step, -step) for step in range(1, _SHIFTS + 1)):
        if believable(few, plan.rates(np.maximum(few.updates + offset, 0), few)):
            predicted = plan.rates(np.maximum(seen.updates + offset, 0), seen)
            if believable(seen, predicted):
                return Explanation(_shift_kind(offset), predicted, 1.0, float(offset), _shift_numbers(offset))
    return None


def _shift_kind(offset: int) -> str:
    return "logged-late" if offset == 1 else "ahead" if offset > 0 else "skipped-updates"


def _shift_numbers(offset: int) -> dict[str, Any]:
    return {"offset": offset} if offset > 0 else {"lag": -offset, "lost": ((0, -offset),)}


def fast(seen: Observed, plan: Reference) -> Explanation | None:
    """Several positions an update. Past the end of the schedule nothing is asked: some climb again there."""
    few = seen.thinned()
    for scale, offset in _paces():
        positions = scale * few.updates + offset
        inside = _inside(positions, plan)
        if inside.sum() >= _LEAST_LEVELS and _agrees_inside(few, plan, positions, inside):
            whole = scale * seen.updates + offset
            if _agrees_inside(seen, plan, whole, _inside(whole, plan)):
                numbers = {"scale": scale, "offset": offset}
                return Explanation("fast-clock", plan.rates(whole, seen), float(scale), float(offset), numbers)
    return None


def _paces() -> Iterator[tuple[int, int]]:
    """Scales with the offsets that are usual: none, the last micro-batch of an update, logged after it; then others."""
    for scale in range(2, _SCALES + 1):
        yield from ((scale, offset) for offset in (0, scale - 1, scale))
    # Up to _SCALES all offsets would be half a million pairs.
    for scale in range(2, _OFFSETS_UP_TO + 1):
        yield from ((scale, offset) for offset in range(1, scale - 1))


def _inside(positions: Counts, plan: Reference) -> Any:
    horizon = plan.schedule.horizon
    return np.ones(len(positions), bool) if horizon is None else positions <= horizon


def _agrees_inside(seen: Observed, plan: Reference, positions: Counts, inside: Any) -> bool:
    part = seen.part(inside)
    return len(part) > 0 and believable(part, plan.rates(positions[inside], part))


def slow(seen: Observed, plan: Reference, epoch: float | None) -> Explanation | None:
    """One position every so many updates; ``epoch`` is the number of updates in one, if known."""
    few = seen.thinned()
    for every in _intervals(seen, epoch):
        for offset in dict.fromkeys((0, 1, every - 1)):
            if believable(few, plan.rates((few.updates + offset) // every, few)):
                predicted = plan.rates((seen.updates + offset) // every, seen)
                if believable(seen, predicted):
                    numbers = {"every": every, "offset": offset, "epoch": epoch}
                    return Explanation("slow-clock", predicted, 1.0 / every, offset / every, numbers)
    return None


def _intervals(seen: Observed, epoch: float | None) -> Iterable[int]:
    """Numbers of updates between two scheduler steps: an epoch first, what the changes of the rate share, then all."""
    likely: list[int] = []
    if epoch is not None:
        # Logs count epochs in fractions, and an incomplete last batch makes one longer or shorter.
        likely += [round(epoch) + near for near in (0, 1, -1)]
    changes = seen.updates[1:][np.abs(np.diff(seen.rates)) > 2 * seen.rounding[1:]]
    if len(changes) > 1:
        likely.append(int(np.gcd.reduce(np.diff(changes))))
    last = int(seen.updates.max()) if len(seen) else 0
    every = (*likely, *range(2, min(_RARE, last) + 1))
    return [interval for interval in dict.fromkeys(every) if interval > 1]


def skipped(seen: Observed, plan: Reference) -> Explanation | None:
    """The position falls behind by one update here and there, and never catches up."""
    base = plan.base
    if not base:
        return None
    lags = np.zeros(len(seen), dtype=np.int64)
    lost: list[tuple[int, int]] = []
    at, lag = 0, 0
    while True:
        agreeing = seen.agrees(base * plan.schedule(np.maximum(seen.updates - lag, 0)))
        wrong = np.flatnonzero(~agreeing[at:])
        if not len(wrong):
            break
        at += int(wrong[0])
        more = _more_lag(seen, plan, at, lag)
        # A lag at every tenth point is another clock or curve, which skips could imitate point by point.
        if more is None or len(lost) >= max(3, len(seen) // 10):
            return None
        lost.append((int(seen.updates[at]), more - lag))
        lag = more
        lags[at:] = lag
    predicted = base * plan.schedule(np.maximum(seen.updates - lags, 0))
    if not lost or not believable(seen, predicted):
        return None
    return Explanation("skipped-updates", predicted, 1.0, float(-lag), {"lost": tuple(lost), "lag": lag})


def _more_lag(seen: Observed, plan: Reference, at: int, lag: int) -> int | None:
    """The smallest larger lag that explains the point at ``at``."""
    point = seen.part(slice(at, at + 1))
    for more in range(lag + 1, lag + 1 + _SKIPS_AT_ONCE):
        if point.agrees((plan.base or 0.0) * plan.schedule(np.maximum(point.updates - more, 0)))[0]:
            return more
    return None


# --- The lengths -----------------------------------------------------------------------------------------------------


_POINTS = 150  # looked at during a search; all of them decide
_STARTS = 3  # of all starts: a search is made from those where the plan comes nearest
# Of the planned horizon, to begin at: totals mistaken by processes, accumulation, epochs or a rounding.
_STRETCHES = (
    *(0.1, 0.15, 0.2, 0.25, 0.33, 0.5, 0.67, 0.75, 0.8, 0.9),
    *(1.0, 1.1, 1.25, 1.33, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0),
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
    # Points that hardly move with the floor would bound it by their rounding alone.
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
    nearest: list[tuple[float, Point, bool]] = []
    # A mistaken total stretches every phase, or leaves a cool-down given in updates as long as it was.
    for keep in (False, True):
        costs = [(_cost(few, plan, keep, point), point) for point in _starts(few, plan)]
        for cost, start in sorted(costs)[:_STARTS]:
            if cost < np.inf:
                best, least = descend(partial(_cost, few, plan, keep), start, (0, 1), (2**40, 2**41))
                nearest.append((least, best, keep))
    # Two, since the nearest on few points need not be the one that all of them agree with.
    for _cost_there, (warmup, horizon), keep in sorted(nearest)[:2]:
        shaped = reshaped(plan.schedule, warmup, horizon, keep)
        if shaped is not None:
            predicted = Reference(shaped, plan.base).rates(seen.updates, seen)
            if believable(seen, predicted):
                return _lengths(plan.schedule, shaped, predicted)
    return None


def _lengths(planned: Schedule, shaped: Schedule, predicted: Floats) -> Explanation | None:
    warmup, horizon = int(shaped.warmup_updates), shaped.horizon
    numbers: dict[str, Any] = {
        "warmup": warmup,
        "planned_warmup": int(planned.warmup_updates),
        "horizon": horizon,
        "planned_horizon": planned.horizon,
        "schedule": shaped,
    }
    # The plan's own lengths explain nothing: it was held against the log before.
    if (warmup, horizon) == (planned.warmup_updates, planned.horizon):
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
    planned, horizon = int(plan.schedule.warmup_updates), plan.schedule.horizon
    warmups = dict.fromkeys([planned, top, 0, *(round(planned * ratio) for ratio in (0.25, 0.5, 2, 4))])
    if horizon is None:
        yield from ((warmup, warmup + 1) for warmup in warmups)
        return
    ends = dict.fromkeys([int(horizon), last, *(max(1, round(horizon * ratio)) for ratio in _STRETCHES)])
    yield from ((warmup, end) for warmup in warmups for end in ends if warmup < end)


def reshaped(schedule: Schedule, warmup: int, horizon: int, keep: bool = False) -> Schedule | None:
    """``schedule`` with a warm-up of ``warmup`` updates and an end at ``horizon``; None where it cannot be.

    Args:
        schedule: phases in a row, or anything with an end (which is stretched as a whole).
        warmup: updates of the warm-up; a schedule without one gets a straight one.
        horizon: where the last phase ends; of no meaning for one without an end.
        keep: whether the last phase keeps its length, and what lies before it gives way.
    """
    try:
        if not isinstance(schedule, PhaseSchedule) or not all(isinstance(part, Phase) for part in schedule.phases):
            same = warmup == schedule.warmup_updates or not schedule.warmup_updates
            return schedule.stretch(horizon) if schedule.horizon and same and not keep else None
        return _reshaped(schedule, warmup, horizon, keep)
    except ScheduleError:
        return None


def _reshaped(schedule: PhaseSchedule, warmup: int, horizon: int, keep: bool) -> Schedule | None:
    phases = [_phase(schedule, index) for index in range(len(schedule.phases))]
    climbing, done = 0, 0
    while climbing < len(phases) and done < schedule.warmup_updates:
        done += int(phases[climbing].updates or 0)
        climbing += 1
    rest = [_timed(phase, schedule.warmup_updates, warmup) for phase in phases[climbing:]]
    lengths = [phase.updates for phase in rest]
    if None not in lengths:
        shared = _shared([int(length or 0) for length in lengths], horizon - warmup, keep)
        if shared is None:
            return None
        rest = [replace(phase, length=phase.skip + length) for phase, length in zip(rest, shared, strict=True)]
    elif keep:
        return None
    return PhaseSchedule((*_warmup_phases(phases[:climbing], rest, warmup), *rest))


def _warmup_phases(climbing: list[Phase], rest: list[Phase], warmup: int) -> tuple[Phase, ...]:
    if not warmup:
        return ()
    if not climbing:
        return (Phase(curve=Linear(), length=warmup, start=0.0, end=1.0, convention=rest[0].convention),)
    total = sum(int(phase.updates or 0) for phase in climbing)
    lengths = _shared([int(phase.updates or 0) for phase in climbing], warmup, keep=False) if total else None
    if lengths is None:
        return tuple(climbing)
    return tuple(replace(phase, length=phase.skip + length) for phase, length in zip(climbing, lengths, strict=True))


def _timed(phase: Phase, planned: Any, warmup: int) -> Phase:
    """An inverse square root whose time scale is the warm-up keeps it so."""
    curve = phase.curve
    if isinstance(curve, PowerLaw) and curve.timescale == planned and warmup:
        return replace(phase, curve=replace(curve, timescale=float(warmup)))
    return phase


def _shared(lengths: list[int], total: int, keep: bool) -> list[int] | None:
    """``total`` updates over phases in proportion to ``lengths``; with ``keep`` the last moving one keeps its own."""
    # What lies before it has to give way: without a length there, or with too few updates, it cannot.
    if keep:
        moving = max((index for index, length in enumerate(lengths) if length), default=0)
        if not any(lengths[:moving]) or total < lengths[moving]:
            return None
        before = _shared(lengths[:moving], total - lengths[moving], keep=False)
        return None if before is None else [*before, *lengths[moving:]]
    whole = sum(lengths)
    if total < 0 or (not whole and total):
        return None
    # Borders are rounded and not lengths: rounded lengths need not add up to the total.
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


# --- In pieces -------------------------------------------------------------------------------------------------------


_FEW_ODD = 0.03  # of the points: one wrong value or two, not another curve
_LEAST_PREFIX = 2
_RUN = 3  # points in a row that have to be wrong before a curve is left for good
_FAR = 200_000  # positions a resumed clock may be off by


def in_pieces(seen: Observed, plan: Reference) -> Explanation | None:
    """The plan, or the plan logged one update late, up to some update; then something else."""
    if not plan.base:
        return None
    best: tuple[int, int, Floats] | None = None
    # A log one update late leaves the plan at once: both are tried, and the longer beginning counts.
    for late in (0, 1):
        predicted = plan.rates(seen.updates + late, seen)
        left = _left_at(seen, predicted)
        if best is None or left > best[0]:
            best = (left, late, predicted)
    assert best is not None
    left, late, predicted = best
    odd = ~seen.agrees(predicted)
    if odd.any() and odd.mean() <= _FEW_ODD:
        return _odd(seen, predicted, odd, late)
    if left < _LEAST_PREFIX or left == len(seen):
        return None
    # From what says most to what says least: a frozen tail begins with a step as well.
    for what in (_frozen, _rising, _moved, _shorter, _scaled, _elsewhere):
        explanation = what(seen, plan, left, late, predicted)
        if explanation is not None:
            return explanation
    return None


def frozen(seen: Observed, plan: Reference) -> Explanation | None:
    """One rate all along, where the plan moves."""
    if seen.moves or len(seen) < _LEAST_PREFIX:
        return None
    factors = plan.schedule(seen.updates)
    base = plan.base if plan.base is not None else 1.0
    # A plan that stands still itself cannot be frozen.
    if np.ptp(factors) * base <= 2 * seen.rounding.max():
        return None
    numbers = {"at": int(seen.updates[0]), "rate": float(np.median(seen.rates)), "base": plan.base}
    return Explanation("frozen", np.full(len(seen), numbers["rate"]), 0.0, 0.0, numbers)


def _left_at(seen: Observed, predicted: Floats) -> int:
    """The index from which on the log leaves a prediction for good: the first of several wrong points in a row."""
    wrong = ~seen.agrees(predicted)
    for index in np.flatnonzero(wrong).tolist():
        if wrong[index : index + _RUN].all():
            return int(index)
    return len(seen)


def _odd(seen: Observed, predicted: Floats, odd: Any, late: int) -> Explanation:
    at = [int(update) for update in seen.updates[odd]]
    first = int(np.flatnonzero(odd)[0])
    numbers = {"what": "odd", "at": at[0], "updates": at, "found": float(seen.rates[first]),
               "planned": float(predicted[first]), "late": late}  # fmt: skip
    return Explanation("jump", np.where(odd, seen.rates, predicted), 1.0, float(late), numbers)


def _frozen(seen: Observed, plan: Reference, left: int, late: int, predicted: Floats) -> Explanation | None:
    begin = _constant_from(seen, left)
    tail = seen.part(slice(begin, None))
    if len(tail) < _RUN or tail.moves or np.ptp(predicted[begin:]) <= 2 * tail.rounding.max():
        return None
    rate = float(tail.rates[-1])
    numbers = {"at": int(seen.updates[begin]), "rate": rate, "base": plan.base, "late": late}
    return Explanation("frozen", np.where(np.arange(len(seen)) < left, predicted, rate), 1.0, float(late), numbers)


def _constant_from(seen: Observed, left: int) -> int:
    """The index from which on the rate is the one it ends with."""
    moving = np.abs(seen.rates - seen.rates[-1]) > 2 * seen.rounding
    last = np.flatnonzero(moving)
    begin = int(last[-1]) + 1 if len(last) else 0
    # Where the rate comes to rest only later, it went on moving after it left the plan: that is no freezing.
    return begin if begin <= left + 1 else left


def _rising(seen: Observed, plan: Reference, left: int, late: int, predicted: Floats) -> Explanation | None:
    horizon = plan.schedule.horizon
    if horizon is None or seen.updates[left] + late < horizon - 1:
        return None
    tail = seen.part(slice(left, None))
    if tail.rates[:_RUN].mean() >= tail.rates.max() or tail.rates.max() <= predicted[left:].max():
        return None
    numbers = {"at": int(tail.updates[0]), "horizon": horizon, "rate": tail.peak, "last": int(tail.updates[-1])}
    return Explanation("rises-past-end", np.where(np.arange(len(seen)) < left, predicted, seen.rates), numbers=numbers)


def _moved(seen: Observed, plan: Reference, left: int, late: int, predicted: Floats) -> Explanation | None:
    """The same plan from another position on."""
    tail = seen.part(slice(left, None))
    if not tail.moves:
        return None
    few = tail.thinned(60)
    last = int(min(_FAR, (plan.schedule.horizon or 0) + few.updates[-1]))
    # One table for all offsets: asking the schedule for each would be up to 200,000 calls.
    every = plan.schedule(np.arange(last + int(few.updates[-1]) + 1)) * (plan.base or 0.0)
    nearest = sorted(range(-int(few.updates[0]), last), key=abs) if last <= _FAR else []
    for offset in nearest:
        # A plateau agrees with every offset: it takes several different rates.
        if few.agrees(every[np.maximum(few.updates + offset, 0)][: len(few)]).all() and levels(few) >= _RUN:
            rates = plan.rates(np.maximum(tail.updates + offset, 0), tail)
            if tail.share(rates) > 1 - _FEW_ODD:
                whole = np.concatenate([predicted[:left], rates])
                position = int(tail.updates[0]) + offset
                return _jump(seen, left, late, whole, what="moved", position=position, offset=offset)
    return None


def _shorter(seen: Observed, plan: Reference, left: int, late: int, predicted: Floats) -> Explanation | None:
    """The plan with other lengths from there on: resumed for another total."""
    tail = seen.part(slice(left, None))
    other = other_lengths(tail, plan) if len(tail) >= _RUN and levels(tail) >= _RUN else None
    if other is None:
        return None
    whole = np.concatenate([predicted[:left], other.predicted])
    return _jump(seen, left, late, whole, what="other-lengths", **other.numbers)


def _scaled(seen: Observed, plan: Reference, left: int, late: int, predicted: Floats) -> Explanation | None:
    """The plan times another number from there on."""
    tail = seen.part(slice(left, None))
    factors = plan.schedule(tail.updates + late)
    base = fitted_base(tail, factors)
    if not base or len(tail) < _RUN or tail.share(base * factors) < 1 - _FEW_ODD or levels(tail) < _RUN:
        return None
    whole = np.concatenate([predicted[:left], base * factors])
    return _jump(seen, left, late, whole, what="scaled", base=base, planned_base=plan.base)


def _elsewhere(seen: Observed, _plan: Reference, left: int, late: int, predicted: Floats) -> Explanation | None:
    """No curve of ours, but a step larger than the plan's own around it."""
    step = abs(float(seen.rates[left] - seen.rates[left - 1]))
    usual = float(np.abs(np.diff(predicted[max(0, left - _RUN) : left + _RUN])).max()) if len(seen) > 1 else 0.0
    # A missing row makes a step of two: a jump is more than three of the plan's own, or of the rounding's.
    if step <= 3 * usual + 4 * float(seen.rounding[left]):
        return None
    whole = np.where(np.arange(len(seen)) < left, predicted, seen.rates)
    return _jump(seen, left, late, whole, what="elsewhere")


def _jump(seen: Observed, left: int, late: int, predicted: Floats, **numbers: Any) -> Explanation:
    numbers = {
        "at": int(seen.updates[left]),
        "before": int(seen.updates[left - 1]),
        "from": float(seen.rates[left - 1]),
        "to": float(seen.rates[left]),
        "late": late,
        **numbers,
    }
    return Explanation("jump", predicted, 1.0, float(late), numbers)


# --- What each of them means: what happened, and what it usually comes from ------------------------------------------


Words = tuple[str, str]

# Of a scheduler alone and of a log the cause is the same.
_RESUMED = _("The run was resumed and its scheduler's position was not restored, was restored twice, or counts epochs.")


def words_for(kind: str, numbers: dict[str, Any]) -> Words:
    """What happened, and the likely cause with what to do about it."""
    return _WORDS[kind](numbers)


def clock_words_for(kind: str, numbers: dict[str, Any]) -> Words:
    """As :func:`words_for`, where the positions of a scheduler are all that is known."""
    at = numbers.get("at")
    if kind == "equal":
        return _("the scheduler moved by one position an update"), ""
    if kind == "frozen":
        position = numbers["rate"]
        sentence = _("frozen: the scheduler stays at position {position:g} from the first update on", position=position)
        if at:
            sentence = _(
                "frozen: the scheduler stays at position {position:g} from update {at} on", position=position, at=at
            )
        return sentence, _say_frozen(numbers)[1]
    if kind == "jump" and numbers["what"] == "odd":
        sentence = _(
            "the scheduler's position is {position:g} at update {at}, then right again",
            position=numbers["found"],
            at=at,
        )
        return sentence, _say_jump(numbers)[1]
    if kind == "jump":
        sentence = _(
            "the scheduler's position jumps at update {at}: {before:g} -> {after:g}",
            at=at,
            before=numbers["from"],
            after=numbers["to"],
        )
        return sentence, _RESUMED
    if kind == "unexplained":
        return _("the scheduler's positions follow no rule; they leave the updates at update {at}", at=at), ""
    return words_for(kind, numbers)


def _say_equal(_numbers: dict[str, Any]) -> Words:
    return _("as planned"), ""


def _say_late(_numbers: dict[str, Any]) -> Words:
    return (
        _("logged one update late: each rate is the one the next update used"),
        _(
            "The log line is written after scheduler.step() (transformers' Trainer did so until 2025): the training is"
            " right, its picture is not; log the rate before the step. Or the scheduler was stepped once before the"
            " first update."
        ),
    )


def _say_ahead(numbers: dict[str, Any]) -> Words:
    ahead = numbers["offset"]
    return (
        plural(
            "{n} update ahead: the schedule began at position {n}",
            "{n} updates ahead: the schedule began at position {n}",
            ahead,
        ),
        _("The scheduler was stepped before the first update, or the run goes on from an earlier one."),
    )


def _say_fast(numbers: dict[str, Any]) -> Words:
    scale, offset = numbers["scale"], numbers["offset"]
    if offset == 0:
        cause = _(
            "{scale} processes: Accelerate's wrapper steps the scheduler once for each of them. Count the total and the"
            " warm-up times {scale} there, or use preheat's scheduler, which follows the optimizer.",
            scale=scale,
        )
    elif offset == scale - 1:
        cause = _(
            "{scale} micro-batches to an update, with scheduler.step() after each of them. Step it only after"
            " optimizer.step().",
            scale=scale,
        )
    else:
        cause = _(
            "Either {scale} processes: Accelerate's wrapper steps the scheduler once for each of them. Count the total"
            " and the warm-up times {scale} there, or use preheat's scheduler, which follows the optimizer. Or {scale}"
            " micro-batches to an update, with scheduler.step() after each of them. Step it only after"
            " optimizer.step().",
            scale=scale,
        )
    return _("the schedule moves {scale} times per update", scale=scale), cause


def _say_slow(numbers: dict[str, Any]) -> Words:
    every, epoch = numbers["every"], numbers["epoch"]
    if epoch is not None and abs(every - epoch) <= 1:
        return (
            _("stepped per epoch: the schedule moves once every {updates} updates, which is an epoch", updates=every),
            _(
                "scheduler.step() is called once an epoch: Lightning does so unless interval is 'step', and so do loops"
                " written for schedules that count epochs."
            ),
        )
    return (
        _("the schedule moves once every {updates} updates", updates=every),
        _(
            "If an epoch has {updates} updates: scheduler.step() is called once an epoch: Lightning does so unless"
            " interval is 'step', and so do loops written for schedules that count epochs. Otherwise it is stepped at"
            " every log or save, or {updates} updates are counted as one by accumulation that both the loop and the"
            " trainer do.",
            updates=every,
        ),
    )


def _say_skipped(numbers: dict[str, Any]) -> Words:
    lag, lost = numbers["lag"], numbers["lost"]
    ends = plural(
        "the schedule ends {n} update short of its end", "the schedule ends {n} updates short of its end", lag
    )
    if lost[0][0] == 0:
        return (
            plural(
                "{n} skipped update at the beginning: the schedule runs {n} behind all along",
                "{n} skipped updates at the beginning: the schedule runs {n} behind all along",
                lag,
            ),
            _(
                "Mixed precision skips the first updates while it looks for its loss scale, or the scheduler gives its"
                " first value twice, as DeepSpeed's do: {ends}.",
                ends=ends,
            ),
        )
    shown = [
        _("{many} by update {at}", many=many, at=at) if many > 1 else _("by update {at}", at=at)
        for at, many in lost[:8]
    ]
    return (
        plural(
            "{n} skipped update: the schedule fell behind ({where}) and never caught up",
            "{n} skipped updates: the schedule fell behind ({where}) and never caught up",
            lag,
            where=joined(", ", [*shown, *(["..."] if len(lost) > 8 else [])]),
        ),
        _(
            "Mixed precision skipped those updates (overflowing gradients), the scheduler waited, and the step numbers"
            " went on: {ends}.",
            ends=ends,
        ),
    )


def _say_horizon(numbers: dict[str, Any]) -> Words:
    horizons = {"horizon": numbers["horizon"], "planned_horizon": numbers["planned_horizon"]}
    sentence = _("another horizon: the schedule is shaped for {horizon} updates, not {planned_horizon}", **horizons)
    if numbers["warmup"] != numbers["planned_warmup"]:
        sentence = _(
            "another horizon: the schedule is shaped for {horizon} updates, not {planned_horizon}, and warms up over"
            " {warmup}, not {planned_warmup}",
            warmup=numbers["warmup"],
            planned_warmup=numbers["planned_warmup"],
            **horizons,
        )
    return (
        sentence,
        _(
            "The total was counted otherwise: epochs, accumulation, the number of processes or the last incomplete"
            " batch (preheat plan shows the arithmetic)."
        ),
    )


def _say_warmup(numbers: dict[str, Any]) -> Words:
    logged, planned = numbers["warmup"], numbers["planned_warmup"]
    cause = _("A share was taken of another total, or rounded otherwise, or a count was read as a share.")
    if not logged:
        cause = _(
            "The schedule ignores its warm-up (transformers' 'constant' does), or warmup_steps did not get through."
        )
    return _("another warm-up: {warmup} updates, not {planned_warmup}", warmup=logged, planned_warmup=planned), cause


def _say_floor(numbers: dict[str, Any]) -> Words:
    return (
        _(
            "another floor: it falls to {floor:.4g}, not {planned_floor:.4g}",
            floor=numbers["floor"] * numbers["base"],
            planned_floor=numbers["planned"] * numbers["base"],
        ),
        _("A floor given as a rate was taken for a share, or transformers made it a share of another group's rate."),
    )


def _say_group(numbers: dict[str, Any]) -> Words:
    group = numbers.get("group")
    cause = _(
        "The log shows another parameter group (layer-wise decay, a head of its own), or the peak was changed or"
        " scaled by the trainer."
    )
    if group is not None:
        cause = _("It is the rate that group {group} should have.", group=group)
    return (
        _(
            "another group: the plan at {ratio:.6g} of its rate, with a peak of {peak:.6g}",
            ratio=numbers["ratio"],
            peak=numbers["base"],
        ),
        cause,
    )


def _say_frozen(numbers: dict[str, Any]) -> Words:
    at, rate = numbers["at"], numbers["rate"]
    if not at:
        return (
            _("frozen: the rate stays at {rate:.6g} from the first update on, where the plan moves", rate=rate),
            _(
                "Nobody calls scheduler.step(), or it drives another optimizer than the one that is stepped, or its end"
                " came early."
            ),
        )
    return (
        _("frozen: the rate stays at {rate:.6g} from update {at} on, where the plan moves", rate=rate, at=at),
        _(
            "Nobody calls scheduler.step() any more, or it drives another optimizer than the one that is stepped, or"
            " its end came early."
        ),
    )


def _say_rising(numbers: dict[str, Any]) -> Words:
    return (
        _(
            "rising past the end: after the schedule's {horizon:g} updates the rate climbs again, to {rate:.4g} at"
            " update {last}",
            horizon=numbers["horizon"],
            rate=numbers["rate"],
            last=numbers["last"],
        ),
        _(
            "transformers' and torch's cosines are waves and go up again past their end. Plan the updates that are"
            " trained, or take a schedule that holds."
        ),
    )


def _say_jump(numbers: dict[str, Any]) -> Words:
    what = numbers["what"]
    if what == "odd":
        return _say_odd(numbers)
    step = {"at": numbers["at"], "before": numbers["from"], "after": numbers["to"]}
    if what == "moved":
        return (
            _(
                "a jump at update {at}: {before:.4g} -> {after:.4g}; the schedule goes on from position {position}",
                position=numbers["position"],
                **step,
            ),
            _RESUMED,
        )
    if what == "other-lengths":
        return (
            _(
                "a jump at update {at}: {before:.4g} -> {after:.4g}; from there on the plan is shaped for {horizon}"
                " updates instead of {planned_horizon}",
                horizon=numbers["horizon"],
                planned_horizon=numbers["planned_horizon"],
                **step,
            ),
            _("The run was resumed with another total: transformers' schedules take the new one at once."),
        )
    if what == "scaled":
        return (
            _(
                "a jump at update {at}: {before:.4g} -> {after:.4g}; from there on the peak is {peak:.6g} instead of"
                " {planned_peak:.6g}",
                peak=numbers["base"],
                planned_peak=numbers["planned_base"],
                **step,
            ),
            _("The run was resumed with another learning rate or batch scaling, or a callback changed it."),
        )
    return (
        _(
            "a jump at update {at}: {before:.4g} -> {after:.4g}, and nothing like the plan from there on",
            **step,
        ),
        _("A resume, a restart, or somebody else writes the rate."),
    )


def _say_odd(numbers: dict[str, Any]) -> Words:
    several = numbers["updates"]
    rates = {"found": numbers["found"], "planned": numbers["planned"], "first": several[0]}
    sentence = _(
        "off the plan at update {first}: {found:.4g} instead of {planned:.4g}, then back on it",
        **rates,
    )
    if len(several) > 1:
        sentence = _(
            "off the plan at {many} updates, the first {first}: {found:.4g} instead of {planned:.4g}, then back on it",
            many=len(several),
            **rates,
        )
    return (
        sentence,
        _(
            "After a resume the first update runs at what the scheduler's constructor wrote, until it is stepped; or"
            " somebody else writes the rate."
        ),
    )


def _say_shape(numbers: dict[str, Any]) -> Words:
    return (
        _("another schedule: {schedule}", schedule=numbers["text"]),
        _("Another name or other options got through than the plan has."),
    )


def _say_unexplained(numbers: dict[str, Any]) -> Words:
    return (
        _("not the plan, and nothing known explains it; the two part at update {at}", at=numbers["at"]),
        _("Look at the picture; if the rate follows a metric (plateau) or noise, no plan can say it."),
    )


_WORDS: dict[str, Callable[[dict[str, Any]], Words]] = {
    "equal": _say_equal,
    "logged-late": _say_late,
    "ahead": _say_ahead,
    "fast-clock": _say_fast,
    "slow-clock": _say_slow,
    "skipped-updates": _say_skipped,
    "other-horizon": _say_horizon,
    "other-warm-up": _say_warmup,
    "other-floor": _say_floor,
    "other-group": _say_group,
    "frozen": _say_frozen,
    "rises-past-end": _say_rising,
    "jump": _say_jump,
    "other-schedule": _say_shape,
    "unexplained": _say_unexplained,
}
KINDS = tuple(_WORDS)
