"""Schedules as curves: which positions a view shows, and the figure of several schedules.

About 2,000 evenly spaced positions and both sides of every border of a phase, whatever the horizon, so that a warm-up
of a hundred updates in a million keeps its corner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.errors import ScheduleError, refusal
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.lengths import count, positive

if TYPE_CHECKING:
    from preheat.view.figure import Figure, Mark

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
        return {_("schedule"): curves}
    if isinstance(curves, Mapping):
        return dict(curves)
    if isinstance(curves, (list, tuple)):
        return {_("schedule {number}", number=number): schedule for number, schedule in enumerate(curves, 1)}
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
        raise ScheduleError(refusal("curves", _("one Schedule or more"), curves, _("Give preheat schedules.")))
    lr = positive("lr", lr, _("It is the peak learning rate."))
    last = _horizon(list(schedules.values())) if updates is None else int(count("updates", updates, 1))
    return [_sampled(label, schedule, last, lr, points) for label, schedule in schedules.items()]


def _horizon(schedules: list[Schedule]) -> int:
    horizons = [math.ceil(schedule.horizon) for schedule in schedules if schedule.horizon is not None]
    if horizons:
        return max(horizons)
    advice = _("These schedules have no end: say how many updates to show.")
    raise ScheduleError(refusal("updates", _("given"), None, advice))


def _sampled(label: str, schedule: Schedule, last: int, lr: float, points: int | None) -> Sampled:
    borders = [math.ceil(border) for border in schedule.borders if border < last]
    # Both sides of a border, so that a jump is upright and a corner sharp.
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


def schedule_figure(
    curves: Curves,
    *,
    updates: int | None = None,
    lr: float = 1.0,
    log: bool = False,
    points: int = POINTS,
    endless: bool = False,
) -> Figure:
    """Schedules in one picture, the borders of their phases marked.

    Args:
        curves: a schedule, several, or several by label.
        updates: last position shown; None takes the longest horizon among the schedules.
        lr: the peak learning rate; 1.0 shows shares of the peak.
        log: a logarithmic axis of values.
        points: most positions of a curve taken between the borders of phases, >= 2.
        endless: whether schedules without an end may be shown without ``updates``: to twice their last border.

    >>> from preheat import get_schedule
    >>> figure = schedule_figure(get_schedule("linear", warmup=100, total=1000), lr=1e-4)
    >>> figure.y.title, [mark.position for mark in figure.marks]
    ('learning rate', [100])
    """
    from preheat.view.figure import Axis, Figure, Series

    schedules = named(curves)
    if endless and updates is None and all(schedule.horizon is None for schedule in schedules.values()):
        last = max((border for schedule in schedules.values() for border in schedule.borders), default=0)
        updates = max(1000, 2 * math.ceil(last))
    sampled = sample(curves, updates, lr, points)
    borders = sorted({border for curve in sampled for border in curve.borders if border})
    return Figure(
        x=Axis(title=_("update"), high=max(1, sampled[0].positions[-1])),
        y=Axis(title=_("learning rate") if lr != 1.0 else _("share of the peak"), log=log),
        series=tuple(
            Series(label=curve.label, role=index, x=curve.positions, y=curve.values)
            for index, curve in enumerate(sampled, 1)
        ),
        marks=tuple(border_mark(border) for border in borders),
    )


def border_mark(border: int) -> Mark:
    """Where a schedule changes phase, with the update above it."""
    from preheat.view.figure import Mark

    return Mark(position=border, label=_("a phase hands over"), text=f"{border:,}")
