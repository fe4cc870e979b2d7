"""Schedules as the arrays that the bound and the laws work on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Schedule, parse
from preheat.schedule.checks import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST = 20_000_000  # updates: an array of them is 160 MB, and a score of them takes 3 GB and 10 seconds


def resolved(schedule: Schedule | str, updates: int | None, lr: float = 1.0) -> tuple[Schedule, int]:
    """A schedule, or one in words, with its lengths known, and the updates of its run.

    Raises:
        ScheduleError: if there is neither a run length nor a horizon, or the run is too long for one array.
    """
    given = parse(schedule) if isinstance(schedule, str) else schedule
    if not isinstance(given, Schedule):
        raise ScheduleError(refusal("schedule", "a Schedule, or one in words", given, "Compose one, or name it."))
    known = (given.over(updates) if given.waits_for == "a plan" else given).for_base(lr)
    length = known.horizon if updates is None else count("updates", updates, 2)
    if length is None:
        raise ScheduleError(refusal("updates", "given", None, "This schedule has no end: say how long the run is."))
    length = math.ceil(length)
    if not 2 <= length <= MOST:
        advice = "Score a shorter run of the same shape: for a fixed shape the bound falls as 1 / sqrt(updates)."
        raise ScheduleError(refusal("updates", f"in [2, {MOST}]", length, advice))
    return known, length


def factors(schedule: Schedule, updates: int) -> Floats:
    """The factor of every update, shape (updates,).

    Raises:
        ScheduleError: if no update, or only one, is above 0.
    """
    values: Any = schedule(np.arange(updates))
    if np.count_nonzero(values) < 2:
        advice = "Updates at 0 change nothing."
        raise ScheduleError(refusal("schedule", "above 0 for two updates at least", str(schedule), advice))
    return values  # type: ignore[no-any-return]


def climb_of(values: Floats) -> int:
    """Updates before the first of those at the peak: the warm-up, as the values have it.

    >>> climb_of(np.array([0.0, 0.5, 1.0, 1.0, 0.5])), climb_of(np.array([1.0, 0.5]))
    (2, 0)
    """
    return int(np.argmax(values >= values.max() * (1.0 - 1e-12)))


def same_climb(one: Floats, other: Floats) -> bool:
    """Whether two runs climb alike: two step conventions of one climb do."""
    length = max(climb_of(one), climb_of(other))
    if not length:
        return True
    apart = np.abs(one[:length] / one.max() - other[:length] / other.max()).max()
    return abs(climb_of(one) - climb_of(other)) <= 1 and bool(apart <= 1.5 / length)


def linear_after(values: Floats) -> Floats:
    """The same climb, then a straight line to 0, which falls on the update after the last: what a shape is held to."""
    climb, length = climb_of(values), len(values)
    line = np.arange(length - climb, 0, -1) / (length - climb)
    return np.concatenate([values[:climb] / values.max(), line])


def norms_over(given: Sequence[float] | Floats | None, updates: int) -> Floats:
    """Gradient norms as one for each update; fewer are each held over an equal stretch."""
    if given is None:
        return np.ones(updates)
    norms = np.asarray(given, dtype=np.float64)
    if norms.ndim != 1 or not 0 < len(norms) <= updates:
        advice = f"Give one for each of the {updates} updates, or fewer, each of an equal stretch of the run."
        raise ScheduleError(refusal("grad_norms", "a list of numbers", f"shape {norms.shape}", advice))
    if not np.isfinite(norms).all() or (norms <= 0).any():
        bad = norms[~(np.isfinite(norms) & (norms > 0))][0].item()
        raise ScheduleError(refusal("grad_norms", "finite and > 0", bad, "Leave out updates that were not made."))
    return norms[np.arange(updates) * len(norms) // updates]
