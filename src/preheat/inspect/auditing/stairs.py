"""Rates that stay and jump: a few plateaus, or a curve that moves only every so many updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from preheat.inspect.auditing.observed import Observed
from preheat.schedule import Phase, PhaseSchedule
from preheat.schedule.curves import Constant, Exponential

if TYPE_CHECKING:
    from preheat.inspect.auditing.observed import Counts

_MOST_PLATEAUS = 6
_LEAST_STAIRS = 4


def first_of_each(seen: Observed) -> Counts:
    """Indices of the points at which the rate is another one than at the point before."""
    moved = np.abs(np.diff(seen.rates)) > 2 * np.minimum(seen.rounding[1:], seen.rounding[:-1])
    return np.concatenate(([0], np.flatnonzero(moved) + 1))


def plateaus(seen: Observed) -> PhaseSchedule | None:
    """A few constant stretches, or a fall by equal ratios in equal steps, as a schedule; None for anything else.

    Its factors are shares of the highest rate.
    """
    begins = first_of_each(seen)
    sizes = np.diff(np.append(begins, len(seen)))
    if len(begins) < 2 or (sizes[:-1] < 2).any():
        return None
    factors = [float(f"{rate / seen.peak:.6g}") for rate in seen.rates[begins]]
    lengths = np.diff([0, *(int(seen.updates[index]) for index in begins[1:])]).tolist()
    if len(begins) > _LEAST_STAIRS and len(set(lengths)) == 1 and factors[0] == 1.0:
        curve = Exponential(rate=factors[1], steps=float(lengths[0]), staircase=True)
        stepped = PhaseSchedule((Phase(curve=curve, length=None),))
        if seen.agrees(seen.peak * stepped(seen.updates)).all():
            return stepped
    if len(begins) > _MOST_PLATEAUS:
        return None
    return PhaseSchedule(
        tuple(
            Phase(curve=Constant(), length=length, start=factor, end=factor)
            for length, factor in zip([*lengths, None], factors, strict=True)
        )
    )


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
