"""Hypotheses about a run that followed its plan up to an update and did something else from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.inspect.auditing.clock import Explanation, Reference, fitted_base, levels
from preheat.inspect.auditing.observed import Observed
from preheat.inspect.auditing.reshaping import other_lengths

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Floats

_FEW_ODD = 0.03  # of the points: one wrong value or two, not another curve
_LEAST_PREFIX = 2
_RUN = 3  # points in a row that have to be wrong before a curve is left for good
_FAR = 200_000  # positions a resumed clock may be off by


def in_pieces(seen: Observed, plan: Reference) -> Explanation | None:
    """The plan, or the plan logged one update late, up to some update; then something else."""
    if not plan.base:
        return None
    best: tuple[int, int, Floats] | None = None
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
    for what in (_frozen, _rising, _moved, _shorter, _scaled, _elsewhere):
        found = what(seen, plan, left, late, predicted)
        if found is not None:
            return found
    return None


def frozen(seen: Observed, plan: Reference) -> Explanation | None:
    """One rate all along, where the plan moves."""
    if seen.moves or len(seen) < _LEAST_PREFIX:
        return None
    factors = plan.schedule(seen.updates)
    base = plan.base if plan.base is not None else 1.0
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
    every = plan.schedule(np.arange(last + int(few.updates[-1]) + 1)) * (plan.base or 0.0)
    nearest = sorted(range(-int(few.updates[0]), last), key=abs) if last <= _FAR else []
    for offset in nearest:
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
