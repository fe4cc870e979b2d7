"""Which positions of a schedule a view shows: about 2,000 points and every border of a phase, whatever the horizon."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Schedule
from preheat.schedule.lengths import count, positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# --- Fewer points for the same picture: of every stretch of a curve the lowest and the highest, so that spikes survive


THINNED = 2000


def thin(values: NDArray[np.float64], most: int = THINNED) -> NDArray[np.int64]:
    """Which points to draw.

    Args:
        values: one curve, shape (n,); NaN where there is a gap.
        most: at most so many points, even, >= 4.

    Returns:
        Indices into ``values``, rising: all of them up to ``most``; else the first, the last, and of each of equally
        long stretches the lowest and the highest. A stretch without any number gives one index, so that its gap stays.

    >>> import numpy as np
    >>> spiky = np.zeros(10_000)
    >>> spiky[5_004] = 9.0
    >>> 5_004 in thin(spiky, most=100), len(thin(spiky, most=100)) <= 100
    (True, True)
    """
    import numpy as np

    many = len(values)
    if many <= most:
        return np.arange(many)
    edges = np.linspace(0, many, (most - 2) // 2 + 1).astype(np.int64)
    starts = edges[:-1]
    chosen = [np.array([0, many - 1])]
    for reduce, missing in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        filled: Any = np.where(np.isnan(values), missing, values)
        extremes = np.repeat(reduce.reduceat(filled, starts), np.diff(edges))
        at = np.flatnonzero(filled == extremes)
        # Of several equal extremes in a stretch the first.
        _, first = np.unique(np.searchsorted(edges, at, side="right"), return_index=True)
        chosen.append(at[first])
    return np.unique(np.concatenate(chosen))


def thinned(places: NDArray[Any], values: NDArray[np.float64], most: int = THINNED) -> tuple[list[float], list[float]]:
    """The points that :func:`thin` chooses, ready to draw."""
    chosen = thin(values, most)
    return places[chosen].tolist(), values[chosen].tolist()


def mean_width(many: int) -> int:
    """Over how many updates to average a curve of ``many``."""
    return max(2, many // 40)


def running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The mean of each value and the ``width`` - 1 before it, of those that are numbers; NaN where none is.

    >>> import numpy as np
    >>> running_mean(np.array([1.0, np.nan, 3.0, 5.0]), 2).tolist()
    [1.0, 1.0, 3.0, 4.0]
    """
    import numpy as np

    known = ~np.isnan(values)
    sums = _window_sums(np.where(known, values, 0.0), width)
    many = _window_sums(known.astype(np.float64), width)
    with np.errstate(invalid="ignore"):
        return np.where(many > 0, sums / many, np.nan)


def _window_sums(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The sum over each value and the ``width`` - 1 before it, from sums over stretches of 1, 2, 4, ... values.

    Differences of one long running sum would be quicker, but a loss of 1e12 would leave its rounding in all the rest.
    """
    import numpy as np

    width = min(width, len(values))
    total, covered = np.zeros(len(values)), 0
    stretch, span = values, 1
    while width:
        if width & 1:
            total[covered:] += stretch[: len(values) - covered]
            covered += span
        longer = stretch.copy()
        longer[span:] += stretch[:-span]
        stretch, span, width = longer, 2 * span, width >> 1
    return total


# --- Which positions of a schedule a view shows: about 2,000 points and every border of a phase, whatever the horizon


POINTS = 2000
# Up to so many points one by one: a microsecond each, against the 100 ms that loading NumPy takes.
_ONE_BY_ONE = 1000

Curves = Schedule | Sequence[Schedule] | Mapping[str, Schedule]


@dataclass(frozen=True, slots=True)
class Sampled:
    """One curve ready to draw: whole positions (rising) and the learning rate, or factor, at each."""

    label: str
    positions: list[int]
    values: list[float]
    borders: list[int]


def named(curves: Curves) -> dict[str, Schedule]:
    """The schedules by the label they are shown with."""
    if isinstance(curves, Schedule):
        return {"schedule": curves}
    if isinstance(curves, Mapping):
        return dict(curves)
    if isinstance(curves, (list, tuple)):
        return {f"schedule {number}": schedule for number, schedule in enumerate(curves, 1)}
    return {}


def sample(curves: Curves, updates: int | None = None, lr: float = 1.0, points: int | None = POINTS) -> list[Sampled]:
    """Each schedule over positions 0..``updates``, times ``lr``.

    Args:
        curves: a schedule, several, or several by label.
        updates: last position shown; None takes the longest horizon among the schedules.
        lr: the peak learning rate; 1.0 shows shares of the peak.
        points: most positions taken between the borders of phases, >= 2; None takes every one.
    """
    schedules = named(curves)
    if not schedules or not all(isinstance(schedule, Schedule) for schedule in schedules.values()):
        raise ScheduleError(refusal("curves", "one Schedule or more", curves, "Give preheat schedules."))
    lr = positive("lr", lr, "It is the peak learning rate.")
    last = _horizon(list(schedules.values())) if updates is None else int(count("updates", updates, 1))
    return [_sampled(label, schedule, last, lr, points) for label, schedule in schedules.items()]


def _horizon(schedules: list[Schedule]) -> int:
    horizons = [math.ceil(schedule.horizon) for schedule in schedules if schedule.horizon is not None]
    if horizons:
        return max(horizons)
    advice = "These schedules have no end: say how many updates to show."
    raise ScheduleError(refusal("updates", "given", None, advice))


def _sampled(label: str, schedule: Schedule, last: int, lr: float, points: int | None) -> Sampled:
    borders = [math.ceil(border) for border in schedule.borders if border < last]
    near = [position for border in borders for position in (border - 1, border)]
    many = min(points or last + 1, last + 1)
    if many <= _ONE_BY_ONE:
        # NumPy rounds halves to the even number as round() does, so these are the very positions it would give.
        spread = {round(index * (last / (many - 1))) for index in range(many)} if many > 1 else set()
        chosen = sorted({*spread, 0, *near, last})
        return Sampled(label, chosen, [lr * schedule(position) for position in chosen], borders)
    import numpy as np

    even = np.linspace(0, last, many).round().astype(np.int64)
    positions = np.union1d(even, np.array([0, *near, last], dtype=np.int64))
    return Sampled(label, positions.tolist(), (lr * schedule(positions)).tolist(), borders)
