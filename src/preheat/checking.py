"""Pre-flight checks: what a schedule will do that its author may not have meant.

Every finding is read off the values and the phases, never off a name. Severity: an ``error`` wastes the run, a
``warning`` is usually a mistake, a ``note`` is worth knowing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Schedule, parse
from preheat.schedule.combine import everything_in
from preheat.schedule.lengths import Absolute, count, positive
from preheat.schedule.metric import MetricFactor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# --- How two schedules differ: where first, how far at most, and how much over the run ------------------------------


_BLOCK = 1_000_000
_SAME = 1e-12  # of the larger value: rounding, not a difference


@dataclass(frozen=True, slots=True)
class Difference:
    """What :func:`diff` found, in learning rates (shares of the peak for ``lr=1``).

    Attributes:
        updates: updates compared.
        first: first update at which the two differ; None if they never do.
        gap: largest distance.
        gap_at: the update it is at.
        values: what the two have there.
        area: sum of the distances over all updates.
        sums: sum of each one's learning rates.
    """

    updates: int
    first: int | None
    gap: float
    gap_at: int
    values: tuple[float, float]
    area: float
    sums: tuple[float, float]

    @property
    def same(self) -> bool:
        """Whether the two agree at every update, to rounding."""
        return self.first is None

    def __str__(self) -> str:
        if self.same:
            return f"no difference over {self.updates} updates"
        return (
            f"first difference at update {self.first}; largest at update {self.gap_at}:"
            f" {self.values[0]:g} and {self.values[1]:g} ({self.gap:g} apart);"
            f" area between them {self.area:g}, sums {self.sums[0]:g} and {self.sums[1]:g}, over {self.updates} updates"
        )


def diff(first: Schedule | str, second: Schedule | str, *, updates: int | None = None, lr: float = 1.0) -> Difference:
    """Compare two schedules update by update.

    Args:
        first: a schedule, or one in words.
        second: the other.
        updates: updates compared; None takes the longer horizon.
        lr: peak learning rate of both.

    Raises:
        ScheduleError: if neither has an end and no number of updates is given.

    >>> print(diff("warmup 10 > hold forever", "warmup 20 > hold forever", updates=100))
    first difference at update 0; largest at update 9: 1 and 0.5 (0.5 apart);
    area between them 5, sums 95.5 and 90.5, over 100 updates
    """
    import numpy as np

    lr = positive("lr", lr, "It is the peak learning rate.")
    pair = [_known(one, updates, lr) for one in (first, second)]
    horizons = [math.ceil(one.horizon) for one in pair if one.horizon is not None]
    if updates is None and not horizons:
        raise ScheduleError(refusal("updates", "given", None, "Neither schedule has an end: say how many to compare."))
    last = max(horizons) if updates is None else int(count("updates", updates, 1))
    start, gap, gap_at, area, sums = None, 0.0, 0, 0.0, np.zeros(2)
    for begin in range(0, last, _BLOCK):
        positions = np.arange(begin, min(begin + _BLOCK, last))
        values = lr * np.stack([one(positions) for one in pair])
        apart = np.abs(values[0] - values[1])
        apart[apart <= _SAME * values.max(axis=0)] = 0.0
        if start is None and apart.any():
            start = begin + int(np.flatnonzero(apart)[0])
        if apart.max() > gap:
            gap, gap_at = float(apart.max()), begin + int(apart.argmax())
        area += float(apart.sum())
        sums += values.sum(axis=1)
    there = (lr * pair[0](gap_at), lr * pair[1](gap_at))
    return Difference(last, start, gap, gap_at, there, area, (float(sums[0]), float(sums[1])))


def _known(schedule: Schedule | str, updates: int | None, lr: float) -> Schedule:
    given = parse(schedule) if isinstance(schedule, str) else schedule
    return (given.over(updates) if given.waits_for == "a plan" else given).for_base(lr)


# --- Pre-flight checks: what a schedule will do that its author may not have meant ----------------------------------


_MOST = 2_000_000  # updates looked at one by one; of longer runs the beginning, the end and every border
_JUMP = 0.05  # of the peak in one update, where the updates around it move a tenth of that at most
_LOW = 0.01
_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a schedule does.

    Attributes:
        code: short name, stable: ``ends-before-run``.
        severity: ``error``, ``warning`` or ``note``.
        message: what happens, with its numbers.
        advice: what to do about it.
    """

    code: str
    severity: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}. {self.advice} [{self.code}]"


@dataclass(frozen=True, slots=True)
class _Run:
    """A schedule over a run, evaluated once for all rules."""

    schedule: Schedule
    updates: int
    lr: float
    positions: NDArray[np.int64]
    factors: NDArray[np.float64]
    asked: bool  # whether the run's length was given

    @property
    def peak(self) -> float:
        return float(self.factors.max())

    def rate(self, factor: float) -> str:
        """A factor as people read it: times the learning rate, or as a share of the peak where none is given."""
        return f"{self.lr * factor:.4g}"


def check(
    schedule: Schedule | str, *, updates: int | None = None, lr: float = 1.0, bases: Sequence[float] | None = None
) -> list[Finding]:
    """What a schedule will do that its author may not have meant, the worst first.

    Args:
        schedule: a schedule, or one in words.
        updates: length of the run; None takes the horizon.
        lr: the peak learning rate, for the numbers in messages.
        bases: base values of parameter groups; absolute floors are held against each. None takes ``lr``.

    Returns:
        The findings; an empty list if there is nothing to say.

    Raises:
        ScheduleError: if there is neither a run length nor a horizon.

    >>> for finding in check("transformers: warmup 100 > linear 900", updates=2000):
    ...     print(finding.severity, finding.code)
    error ends-before-run
    warning first-update-at-zero
    warning mostly-near-zero
    """
    lr = positive("lr", lr, "It is the peak learning rate.")
    given = parse(schedule) if isinstance(schedule, str) else schedule
    bases = [positive("bases", base, "It is a learning rate.") for base in (bases or [lr])]
    run = _evaluated(given.over(updates) if given.waits_for == "a plan" else given, updates, lr, bases[0])
    found = [finding for rule in _RULES for finding in rule(run)]
    found += _floors_above(given, bases)
    return sorted(found, key=lambda finding: _SEVERITIES.index(finding.severity))


def _evaluated(schedule: Schedule, updates: int | None, lr: float, base: float) -> _Run:
    import numpy as np

    known = schedule.for_base(base)
    length = known.horizon if updates is None else count("updates", updates, 1)
    if not length:
        advice = "This schedule has no end: say how long the run is."
        raise ScheduleError(refusal("updates", "given", updates, advice))
    last = math.ceil(length)
    if last <= _MOST:
        positions = np.arange(last)
    else:
        near = [math.ceil(border) + step for border in known.borders for step in range(-2, 3)]
        ends = [*range(1000), *range(last - 1000, last)]
        even = np.linspace(0, last - 1, 100_000).astype(np.int64)
        positions = np.union1d(even, np.array([at for at in (*near, *ends) if 0 <= at < last]))
    return _Run(known, last, lr, positions, known(positions), updates is not None)


# --- the rules -------------------------------------------------------------------------------------------------------


def _nothing_trained(run: _Run) -> Iterator[Finding]:
    if run.peak == 0.0:
        yield Finding("always-zero", "error", "every update runs at 0", "Raise the schedule above 0.")


def _first_update(run: _Run) -> Iterator[Finding]:
    first, climb = float(run.factors[0]), run.schedule.warmup_updates
    if first == 0.0 and run.peak:
        advice = 'Take the native convention (with_convention("native")), which begins one step higher.'
        yield Finding("first-update-at-zero", "warning", "update 0 runs at 0 and trains nothing", advice)
    elif climb and first >= run.peak:
        message = f"update 0 runs at the peak already, before a warm-up of {climb:g} updates"
        yield Finding("first-update-at-peak", "warning", message, "Check where the warm-up starts.")
    elif not climb and first >= 0.99 * run.peak and len(run.factors) > 1:
        message = f"update 0 runs at {run.rate(first)}, the peak"
        yield Finding("no-warm-up", "note", message, "Add a warm-up if training shakes at first.")


def _warmup_length(run: _Run) -> Iterator[Finding]:
    climb = run.schedule.warmup_updates
    if climb >= run.updates:
        reached = f"the highest rate is {run.rate(run.peak)}"
        message = f"the warm-up of {climb:g} updates is not over after {run.updates}: {reached}"
        yield Finding("warm-up-not-finished", "error", message, "Shorten it, or plan more updates.")
    elif climb > run.updates / 2:
        message = f"the warm-up takes {climb:g} of {run.updates} updates"
        yield Finding("long-warm-up", "warning", message, "More than half of the run is usually too much.")


def _run_length(run: _Run) -> Iterator[Finding]:
    horizon = run.schedule.horizon
    if horizon is None or not run.asked:
        return
    if horizon < run.updates:
        held = float(run.factors[-1])
        message = f"the schedule ends after {horizon:g} of {run.updates} updates; the rest run at {run.rate(held)}"
        severity = "error" if not held and horizon < 0.9 * run.updates else "warning"
        yield Finding("ends-before-run", severity, message, "Shape it for the run, or say so with extend().")
    elif horizon > run.updates:
        message = f"the run stops after {run.updates} of {horizon:g} updates, at {run.rate(float(run.factors[-1]))}"
        yield Finding("ends-after-run", "warning", message, "Shape it for the run, unless the run goes on later.")


def _end_value(run: _Run) -> Iterator[Finding]:
    horizon = run.schedule.horizon
    if horizon is None or run.updates != math.ceil(horizon) or not run.peak:
        return
    last, end = float(run.factors[-1]), run.schedule(run.updates)
    bottom = float(run.factors[int(min(run.schedule.warmup_updates, run.updates - 1)) :].min())
    if last >= 0.99 * run.peak and bottom < 0.9 * run.peak:
        message = f"the last update is back at {run.rate(last)}, the peak"
        yield Finding("ends-at-peak", "warning", message, "Half a wave (cycles 0.5) falls once.")
    elif last - end > 1e-9 * run.peak:
        message = f"the last update runs at {run.rate(last)}; the end value, {run.rate(end)}, comes one update later"
        yield Finding("end-value-not-used", "note", message, "The native convention reaches it by the last update.")
    if end > run.factors[0] and run.schedule.warmup_updates:
        message = f"the warm-up begins at {run.rate(float(run.factors[0]))}, below the end value {run.rate(end)}"
        yield Finding("warm-up-below-floor", "note", message, "clip(floor=...) keeps the whole run above it.")


def _jumps(run: _Run) -> Iterator[Finding]:
    import numpy as np

    next_to = np.diff(run.positions) == 1
    steps = np.where(next_to, np.diff(run.factors), 0.0)
    size = np.abs(steps)
    before, after = np.concatenate(([0.0], size[:-1])), np.concatenate((size[1:], [0.0]))
    alone = (size > _JUMP * run.peak) & (size > 10 * np.maximum(before, after))
    for index in np.flatnonzero(alone)[:5]:
        at, step = int(run.positions[index + 1]), float(steps[index])
        values = f"{run.rate(float(run.factors[index]))} -> {run.rate(float(run.factors[index + 1]))}"
        if step < 0:
            yield Finding("jump", "warning", f"the rate drops at update {at}: {values}", "Bring the phases together.")
        elif at >= 0.95 * run.updates:
            message = f"the rate restarts at update {at}, {run.updates - at} before the end: {values}"
            yield Finding("late-restart", "warning", message, "Let the cycles divide the run.")
        else:
            yield Finding(
                "restart", "note", f"the rate jumps up at update {at}: {values}", "Expected of restarts only."
            )


def _levels(run: _Run) -> Iterator[Finding]:
    import numpy as np

    if run.peak > 1.0 + 1e-9:
        message = f"the highest rate is {run.peak:.4g} times the base value"
        yield Finding("above-base", "warning", message, "A factor of 1 is the peak.")
    low = float(np.mean(run.factors < _LOW * run.peak)) if len(run.factors) == run.updates and run.peak else 0.0
    if low > 0.5:
        message = f"{100 * low:.0f} % of the updates run below 1 % of the peak"
        yield Finding("mostly-near-zero", "warning", message, "A shorter run would do as much.")


def _metrics(run: _Run) -> Iterator[Finding]:
    for part in everything_in(run.schedule):
        if isinstance(part, MetricFactor) and part.during_warmup and run.schedule.warmup_updates:
            message = "a metric may change the rate while it still climbs"
            yield Finding("metric-in-warm-up", "note", message, "Leave during_warmup out to let it wait.")


_RULES: tuple[Callable[[_Run], Iterator[Finding]], ...] = (
    _nothing_trained,
    _warmup_length,
    _run_length,
    _first_update,
    _end_value,
    _jumps,
    _levels,
    _metrics,
)


def _floors_above(schedule: Schedule, bases: Sequence[float]) -> list[Finding]:
    """Learning rates named in the schedule that are above some group's base value."""
    named = sorted({rate.value for part in everything_in(schedule) for rate in _absolutes(part)})
    return [
        Finding(
            "floor-above-base",
            "error",
            f"the learning rate {rate:g} of the schedule is above the base value {base:g} of a group",
            "Lower it, or give it as a share of the peak.",
        )
        for rate in named
        for base in bases
        if rate > base
    ]


def _absolutes(part: Any) -> Iterator[Absolute]:
    if isinstance(part, Absolute):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from _absolutes(item)
    elif is_dataclass(part):
        for item in fields(part):
            value = getattr(part, item.name)
            if item.init and not isinstance(value, Schedule):
                yield from _absolutes(value)
