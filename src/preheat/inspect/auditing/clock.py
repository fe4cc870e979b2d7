"""Hypotheses about the clock: the plan is the right one, but its positions are not the updates.

position = update + offset        the log is one update late, the run began elsewhere
position = scale * update + offset  several scheduler steps an update: N processes, micro-batches
position = (update + offset) // every  a scheduler step every so many updates: once an epoch
position = update - skipped so far  updates that AMP skipped
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.inspect.auditing.decimals import shortest_between
from preheat.inspect.auditing.observed import SLACK, Observed

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Counts, Floats
    from preheat.schedule import Schedule

_SHIFTS = 64  # updates a clock may be off by, all tried
_SCALES = 1024  # scheduler steps an update, all tried
_OFFSETS_UP_TO = 64  # scales for which every offset is tried, not only the usual ones
_RARE = 2000  # updates between two scheduler steps, all tried
_LEAST_LEVELS = 4  # different rates that have to agree before a clock is believed
_SKIPS_AT_ONCE = 40  # skipped updates in a row; more is a jump
SHARE = 0.985  # of the points that an explanation has to explain


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


def fitted_base(seen: Observed, factors: Floats) -> float:
    """The base value that makes factors agree with the rates: the shortest number that fits every point.

    Where none fits them all, the median of the ratios.
    """
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
        size = size * 3 // 4
    return fitted_base(seen.part(slice(0, best)), plan.schedule(seen.updates[:best])) if chosen else 0.0


def levels(seen: Observed) -> int:
    """How many different rates there are, to their rounding."""
    return len(np.unique(np.round(seen.rates / (4 * seen.rounding.max())))) if len(seen) else 0


def believable(seen: Observed, predicted: Floats, share: float = SHARE) -> bool:
    """Whether a prediction explains nearly every point, and enough different ones."""
    agreeing = seen.agrees(predicted)
    return bool(agreeing.mean() >= share) and levels(seen.part(agreeing)) >= _LEAST_LEVELS


# --- shifted ---------------------------------------------------------------------------------------------------------


def shifted(seen: Observed, plan: Reference) -> Explanation | None:
    """The same curve some updates earlier or later."""
    few = seen.thinned()
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


# --- another pace ----------------------------------------------------------------------------------------------------


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
        likely += [round(epoch) + near for near in (0, 1, -1)]
    changes = seen.updates[1:][np.abs(np.diff(seen.rates)) > 2 * seen.rounding[1:]]
    if len(changes) > 1:
        likely.append(int(np.gcd.reduce(np.diff(changes))))
    last = int(seen.updates.max()) if len(seen) else 0
    every = (*likely, *range(2, min(_RARE, last) + 1))
    return [interval for interval in dict.fromkeys(every) if interval > 1]


# --- skipped ---------------------------------------------------------------------------------------------------------


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
