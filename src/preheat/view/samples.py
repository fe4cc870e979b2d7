"""Which positions of a schedule a view shows: about 2,000 points and every border of a phase, whatever the horizon."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Schedule
from preheat.schedule.checks import count, positive

POINTS = 2000

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
    import numpy as np

    borders = [math.ceil(border) for border in schedule.borders if border < last]
    near = [position for border in borders for position in (border - 1, border)]
    even = np.linspace(0, last, min(points or last + 1, last + 1)).round().astype(np.int64)
    positions = np.union1d(even, np.array([0, *near, last], dtype=np.int64))
    return Sampled(label, positions.tolist(), (lr * schedule(positions)).tolist(), borders)
