"""Schedules inside functions that a framework traces and compiles: what cannot be there, said when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from preheat._driver.runs import as_schedule
from preheat.errors import ScheduleError, refusal
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.combine import Repeat, Strict, UserFunction, everything_in
from preheat.schedule.lengths import Timeline, positive
from preheat.schedule.metric import MetricFactor

# What is in a schedule but cannot be in a compiled function, each with the way out.
_REFUSED: tuple[tuple[Callable[[Schedule], bool], str], ...] = (
    (
        lambda part: isinstance(part, MetricFactor),
        _("No report reaches it there: use the framework's own plateau rule."),
    ),
    (lambda part: isinstance(part, UserFunction), _("A Python function runs on plain integers: write it with phases.")),
    (lambda part: isinstance(part, Strict), _("Compiled code raises nothing: leave after_end('error') out.")),
    (
        lambda part: isinstance(part, Repeat) and part.growth != 1.0 and part.times is None,
        _("Every growing cycle is laid out there: say how many, repeat(times=...)."),
    ),
)


def traceable(schedule: Schedule | str, name: str, base: Any, total: int | Timeline | None) -> tuple[Schedule, float]:
    """The schedule of a peak learning rate ``base``, with nothing in it that cannot be traced, and that rate.

    ``name`` is what messages call the rate.

    Raises:
        ScheduleError: naming the part and what to do, also where lengths still wait for ``total``.
    """
    given = as_schedule(schedule)
    rate = positive(name, base, _("It is the peak learning rate."))
    resolved = (given if total is None else given.over(total)).for_base(rate)
    resolved._refuse_waiting()
    for part in everything_in(resolved):
        for is_refused, advice in _REFUSED:
            if is_refused(part):
                raise ScheduleError(refusal("schedule", _("one that can be compiled"), str(part), advice))
    return resolved, rate


def refuse_floats(dtype: str, count: Any) -> None:
    """Refuse counts that are not whole: float32 skips some beyond 2 ** 24."""
    if "int" not in dtype:
        advice = _("Count completed updates in an integer type.")
        raise ScheduleError(refusal("count", _("an integer or an array of them"), count, advice))
