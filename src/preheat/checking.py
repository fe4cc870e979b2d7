"""Looking at schedules before they cost anything: what one will do, and how two differ.

:func:`check` says what a schedule will do that its author may not have meant. Every finding is read off the values and
the phases, never off a name. Severity: an ``error`` wastes the run, a ``warning`` is usually a mistake, a ``note`` is
worth knowing. :func:`diff` compares two schedules update by update.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal
from preheat.messages import _
from preheat.schedule import Schedule, parse
from preheat.schedule.combine import everything_in
from preheat.schedule.lengths import Absolute, count, positive
from preheat.schedule.metric import MetricFactor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SEVERITIES = {"error": _("error"), "warning": _("warning"), "note": _("note")}  # the worst first, with their names
# Updates looked at one by one (0.2 s), and the net that longer runs are looked at through (0.02 s).
_MOST, _NET = 2_000_000, 100_000
# A jump: this share of the peak in one update, where the updates around it move a tenth of that at most. So a restart
# is one, and so are phases that do not meet; a steep warm-up is none, since each of its steps is like the next.
_JUMP = 0.05
_LOW = 0.01  # of the peak; below it an update moves the weights by next to nothing
_BLOCK = 1_000_000  # updates compared at a time
_SAME = 1e-12  # of the larger value: rounding, not a difference


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
        return _(
            "{severity}: {message}. {advice} [{code}]",
            severity=_SEVERITIES[self.severity],
            message=self.message,
            advice=self.advice,
            code=self.code,
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """A schedule over a run, evaluated once for all rules.

    Attributes:
        schedule: resolved for the run and the first base value.
        updates: length of the run.
        lr: the peak, for messages.
        positions: the updates looked at, rising, the first and the last among them; all, unless the run is long.
        factors: what these use.
        asked: whether the run's length was given.
    """

    schedule: Schedule
    updates: int
    lr: float
    positions: NDArray[np.int64]
    factors: NDArray[np.float64]
    asked: bool

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
    lr = positive("lr", lr, _("It is the peak learning rate."))
    given = parse(schedule) if isinstance(schedule, str) else schedule
    bases = [positive("bases", base, _("It is a learning rate.")) for base in (bases or [lr])]
    run = _evaluated(_over(given, updates), updates, lr, bases[0])
    findings = [finding for rule in _RULES for finding in rule(run)]
    findings += _floors_above(given, bases)
    return sorted(findings, key=lambda finding: [*_SEVERITIES].index(finding.severity))


def _evaluated(schedule: Schedule, updates: int | None, lr: float, base: float) -> _Run:
    known = schedule.for_base(base)
    length = known.horizon if updates is None else count("updates", updates, 1)
    if not length:
        advice = _("This schedule has no end: say how long the run is.")
        raise ScheduleError(refusal("updates", _("given"), updates, advice))
    last = math.ceil(length)
    positions = _looked_at(known, last)
    return _Run(known, last, lr, positions, known(positions), updates is not None)


def _looked_at(schedule: Schedule, last: int) -> NDArray[np.int64]:
    """Every update of a run; of a long one both ends, an even net, and four updates around whatever may be a jump.

    A jump is at a border of two phases, or inside one (a staircase, somebody's function) where the net sees two values
    far apart. Only one that is undone within the same mesh of the net, a hundred-thousandth of the run, is not seen.
    """
    import numpy as np

    if last <= _MOST:
        return np.arange(last)
    borders = [math.ceil(border) for border in schedule.borders]
    net = np.linspace(0, last - 1, _NET).astype(np.int64)
    ends = [*range(1000), *range(last - 1000, last)]
    jumps = np.array([*borders, *_closed_in(schedule, net)], np.int64)
    around = (jumps[:, None] + np.arange(-2, 3)).ravel()
    return np.union1d(net, [*ends, *around[(around >= 0) & (around < last)]])


def _closed_in(schedule: Schedule, net: NDArray[np.int64]) -> NDArray[np.int64]:
    """The updates before which the schedule moves most, in each mesh of ``net`` in which it moves by a jump or more."""
    import numpy as np

    factors = schedule(net)
    (wide,) = np.nonzero(np.abs(np.diff(factors)) > _JUMP * factors.max())
    low, high = net[wide], net[wide + 1]
    before, after = factors[wide], factors[wide + 1]
    while (high - low > 1).any():  # halving: 14 times for 10^9 updates
        middle = (low + high) // 2
        value = schedule(middle)
        first = np.abs(value - before) > np.abs(after - value)  # the half in which it moves more
        high, after = np.where(first, middle, high), np.where(first, value, after)
        low, before = np.where(first, low, middle), np.where(first, before, value)
    return high


# --- the rules ------------------------------------------------------------------------------------------------------
# They go by ``run.positions``, never by an index: of a long run only some updates are looked at.


def _nothing_trained(run: _Run) -> Iterator[Finding]:
    if run.peak == 0.0:
        yield Finding("always-zero", "error", _("every update runs at 0"), _("Raise the schedule above 0."))


def _first_update(run: _Run) -> Iterator[Finding]:
    first, warmup = float(run.factors[0]), run.schedule.warmup_updates
    if first == 0.0 and run.peak:
        advice = _('Take the native convention (with_convention("native")), which begins one step higher.')
        yield Finding("first-update-at-zero", "warning", _("update 0 runs at 0 and trains nothing"), advice)
    elif warmup and first >= run.peak:
        message = _("update 0 runs at the peak already, before a warm-up of {warmup:g} updates", warmup=warmup)
        yield Finding("first-update-at-peak", "warning", message, _("Check where the warm-up starts."))
    # Nearly the peak: the first update of a native cosine or line is a little below it.
    elif not warmup and first >= 0.99 * run.peak and run.updates > 1:
        message = _("update 0 runs at {rate}, the peak", rate=run.rate(first))
        yield Finding("no-warm-up", "note", message, _("Add a warm-up if training is unstable at first."))


def _warmup_length(run: _Run) -> Iterator[Finding]:
    warmup = run.schedule.warmup_updates
    if warmup >= run.updates:
        message = _(
            "the warm-up of {warmup:g} updates is not over after {updates}: the highest rate is {rate}",
            warmup=warmup,
            updates=run.updates,
            rate=run.rate(run.peak),
        )
        yield Finding("warm-up-not-finished", "error", message, _("Shorten it, or plan more updates."))
    elif warmup > run.updates / 2:
        message = _("the warm-up takes {warmup:g} of {updates} updates", warmup=warmup, updates=run.updates)
        yield Finding("long-warm-up", "warning", message, _("More than half of the run is usually too much."))


def _run_length(run: _Run) -> Iterator[Finding]:
    horizon = run.schedule.horizon
    if horizon is None or not run.asked:
        return
    if horizon < run.updates:
        held = float(run.factors[-1])
        message = _(
            "the schedule ends after {horizon:g} of {updates} updates; the rest run at {rate}",
            horizon=horizon,
            updates=run.updates,
            rate=run.rate(held),
        )
        # At a floor the rest may be meant, and a few updates at 0 are often a rounding of epochs.
        severity = "error" if not held and horizon < 0.9 * run.updates else "warning"
        yield Finding("ends-before-run", severity, message, _("Shape it for the run, or say so with extend()."))
    elif horizon > run.updates:
        message = _(
            "the run stops after {updates} of {horizon:g} updates, at {rate}",
            updates=run.updates,
            horizon=horizon,
            rate=run.rate(float(run.factors[-1])),
        )
        yield Finding("ends-after-run", "warning", message, _("Shape it for the run, unless the run goes on later."))


def _end_value(run: _Run) -> Iterator[Finding]:
    horizon = run.schedule.horizon
    if horizon is None or run.updates != math.ceil(horizon) or not run.peak:
        return
    last, end = float(run.factors[-1]), run.schedule(run.updates)
    warmed_up = run.positions >= int(min(run.schedule.warmup_updates, run.updates - 1))
    bottom = float(run.factors[warmed_up].min())
    # Back at the peak after a fall: a constant rate, or a shallow decay, ends near its peak because it was meant to.
    if last >= 0.99 * run.peak and bottom < 0.9 * run.peak:
        message = _("the last update is back at {rate}, the peak", rate=run.rate(last))
        yield Finding("ends-at-peak", "warning", message, _("Half a wave (cycles 0.5) falls once."))
    elif last - end > 1e-9 * run.peak:
        message = _(
            "the last update runs at {rate}; the end value, {end}, comes one update later",
            rate=run.rate(last),
            end=run.rate(end),
        )
        yield Finding("end-value-not-used", "note", message, _("The native convention reaches it by the last update."))
    if end > run.factors[0] and run.schedule.warmup_updates:
        message = _(
            "the warm-up begins at {rate}, below the end value {end}",
            rate=run.rate(float(run.factors[0])),
            end=run.rate(end),
        )
        yield Finding("warm-up-below-floor", "note", message, _("clip(floor=...) keeps the whole run above it."))


def _jumps(run: _Run) -> Iterator[Finding]:
    import numpy as np

    next_to = np.diff(run.positions) == 1  # of a long run not all are: what lies between two far ones is no jump
    steps = np.where(next_to, np.diff(run.factors), 0.0)
    size = np.abs(steps)
    before, after = np.concatenate(([0.0], size[:-1])), np.concatenate((size[1:], [0.0]))
    alone = (size > _JUMP * run.peak) & (size > 10 * np.maximum(before, after))
    for index in np.flatnonzero(alone)[:5]:  # a schedule of a hundred restarts says it five times, not a hundred
        at, step = int(run.positions[index + 1]), float(steps[index])
        rates = {
            "update": at,
            "before": run.rate(float(run.factors[index])),
            "after": run.rate(float(run.factors[index + 1])),
        }
        if step < 0:
            message = _("the rate drops at update {update}: {before} -> {after}", **rates)
            yield Finding("jump", "warning", message, _("Let each phase begin where the one before ends."))
        elif at >= 0.95 * run.updates:  # the last cycle is cut off: it ends near the peak, whatever its floor
            message = _(
                "the rate restarts at update {update}, {left} before the end: {before} -> {after}",
                left=run.updates - at,
                **rates,
            )
            yield Finding("late-restart", "warning", message, _("Choose cycles that divide the run evenly."))
        else:
            message = _("the rate jumps up at update {update}: {before} -> {after}", **rates)
            yield Finding("restart", "note", message, _("Only restarts should do that."))


def _levels(run: _Run) -> Iterator[Finding]:
    import numpy as np

    if run.peak > 1.0 + 1e-9:  # products of several factors may round above 1
        message = _("the highest rate is {factor:.4g} times the base value", factor=run.peak)
        yield Finding("above-base", "warning", message, _("A factor of 1 is the peak."))
    # Each stands for the updates up to the next that was looked at: itself, unless the run is long.
    stands_for = np.diff(run.positions, append=run.updates)
    low = float(stands_for[run.factors < _LOW * run.peak].sum()) / run.updates if run.peak else 0.0
    if low > 0.5:
        message = _("{percent:.0f} % of the updates run below 1 % of the peak", percent=100 * low)
        yield Finding("mostly-near-zero", "warning", message, _("A shorter run would do as much."))


def _metrics(run: _Run) -> Iterator[Finding]:
    for part in everything_in(run.schedule):
        if isinstance(part, MetricFactor) and part.during_warmup and run.schedule.warmup_updates:
            message = _("a metric may change the rate during the warm-up")
            yield Finding("metric-in-warm-up", "note", message, _("Leave during_warmup out to make it wait."))


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
            _(
                "the learning rate {rate:g} of the schedule is above the base value {base:g} of a group",
                rate=rate,
                base=base,
            ),
            _("Lower it, or give it as a share of the peak."),
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
            # Computed fields repeat the given ones, and everything_in() hands out the schedules inside by themselves.
            if item.init and not isinstance(value, Schedule):
                yield from _absolutes(value)


# --- how two schedules differ ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """How two schedules differ, in learning rates (shares of the peak for ``lr=1``).

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
            return _("no difference over {updates} updates", updates=self.updates)
        return _(
            "first difference at update {first}; largest at update {largest}: {here:g} and {there:g} ({gap:g} apart);"
            " area between them {area:g}, sums {sum:g} and {other_sum:g}, over {updates} updates",
            first=self.first,
            largest=self.gap_at,
            here=self.values[0],
            there=self.values[1],
            gap=self.gap,
            area=self.area,
            sum=self.sums[0],
            other_sum=self.sums[1],
            updates=self.updates,
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

    lr = positive("lr", lr, _("It is the peak learning rate."))
    given = [parse(one) if isinstance(one, str) else one for one in (first, second)]
    pair = [_over(one, updates).for_base(lr) for one in given]
    horizons = [math.ceil(one.horizon) for one in pair if one.horizon is not None]
    if updates is None and not horizons:
        raise ScheduleError(
            refusal("updates", _("given"), None, _("Neither schedule has an end: say how many to compare."))
        )
    last = max(horizons) if updates is None else int(count("updates", updates, 1))
    start, gap, gap_at, area, sums = None, 0.0, 0, 0.0, np.zeros(2)
    for begin in range(0, last, _BLOCK):  # so that a run of 10^8 updates takes no more memory than one of 10^6
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


def _over(schedule: Schedule, updates: int | None) -> Schedule:
    """``schedule`` with its shares of the run resolved; without a number of updates it still waits, and says so."""
    return schedule.over(updates) if schedule.waits_for == "a plan" else schedule
