"""Rates that stay and jump: a few plateaus, or a curve that moves only every so many updates."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from preheat.inspect.auditing.observed import Observed
from preheat.schedule import Phase, PhaseSchedule
from preheat.schedule.curves import Constant, Exponential, Linear

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Counts

_MOST_PLATEAUS = 6
_LEAST_STAIRS = 4


def first_of_each(seen: Observed) -> Counts:
    """Indices of the points at which the rate is another one than at the point before."""
    moved = np.abs(np.diff(seen.rates)) > 2 * np.minimum(seen.rounding[1:], seen.rounding[:-1])
    return np.concatenate(([0], np.flatnonzero(moved) + 1))


def plateaus(seen: Observed) -> PhaseSchedule | None:
    """A few constant stretches, or falls by equal ratios in equal steps, perhaps after a climb; None for anything else.

    Its factors are shares of the highest rate.
    """
    top = int(seen.rates.argmax())
    climb = _climb(seen, top)
    stretches = seen.part(slice(top, None)) if climb is not None else seen
    begun = climb.length if climb is not None else 0
    begins = first_of_each(stretches)
    sizes = np.diff(np.append(begins, len(stretches)))
    if len(begins) < 2 or (sizes[:-1] < 2).any():
        return None
    factors = [float(f"{rate / seen.peak:.6g}") for rate in stretches.rates[begins]]
    lengths = np.diff([begun, *(int(stretches.updates[index]) for index in begins[1:])]).tolist()
    phases = (climb,) if climb is not None else ()
    if len(begins) > _LEAST_STAIRS and factors[0] == 1.0:
        usual = int(np.median(lengths))
        # Rows that miss move the borders.
        for steps, convention in product((usual, usual - 1, usual + 1), ("transformers", "native")):
            curve = Exponential(rate=factors[1], steps=float(max(1, steps)), staircase=True)
            stepped = PhaseSchedule((*phases, Phase(curve=curve, length=None, convention=convention)))
            if seen.agrees(seen.peak * stepped(seen.updates)).all():
                return stepped
    if len(begins) > _MOST_PLATEAUS:
        return None
    held = [
        Phase(curve=Constant(), length=length, start=factor, end=factor)
        for length, factor in zip([*lengths, None], factors, strict=True)
    ]
    whole = PhaseSchedule((*phases, *held))
    return whole if seen.agrees(seen.peak * whole(seen.updates)).all() else None


def _climb(seen: Observed, top: int) -> Phase | None:
    """A straight climb from 0 to the point ``top``, in either step convention."""
    if top < 1 or seen.rates[top] <= seen.rates[0]:
        return None
    slope = float((seen.rates[top] - seen.rates[0]) / (seen.updates[top] - seen.updates[0]))
    for late, convention in ((0, "transformers"), (1, "native")):
        length = round(seen.peak / slope) if slope else 0
        if length > late:
            phase = Phase(curve=Linear(), length=length, start=0.0, end=1.0, convention=convention)
            before = seen.part(slice(0, top))
            if before.agrees(seen.peak * PhaseSchedule((phase,))(before.updates)).all():
                return phase
    return None


def every(seen: Observed) -> int | None:
    """Every how many updates the rate moves, where it is more than one; None where it moves at will.

    Asked of logs that have nearly every update: of others one cannot tell.
    """
    if len(seen) < 2 or np.median(np.diff(seen.updates)) > 1:
        return None
    begins = seen.updates[first_of_each(seen)][1:]
    if len(begins) < _LEAST_STAIRS:
        return None
    shared = int(np.gcd.reduce(np.diff(begins)))
    return shared if shared > 1 else None
