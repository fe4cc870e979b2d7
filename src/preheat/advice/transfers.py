"""A learning rate carried to another shape or horizon, and the cool-down that lets a longer run keep its peak.

Rule      best peak of the target = best peak of the source * peak*(target) / peak*(source), peak* that of the bound.
Source    Schaipp et al. 2025, arXiv:2501.18965, sections 5.1 and 5.2.
Measured  124M Llama, 50k updates, ln(best peak of linear / of a cool-down over a share c): real 0.82, 0.67, 0.47, 0.31,
          0.16, 0.07 for c = 0.1, 0.2, 0.4, 0.6, 0.8, 0.9; by the bound 0.77, 0.66, 0.50, 0.34, 0.18, 0.09.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.advice.last_iterate import Answer, factors, norms_over, noted, resolved, same_warmup, terms, warmup_of
from preheat.errors import ScheduleError, refusal
from preheat.messages import _, data, joined
from preheat.schedule import Phase, PhaseSchedule, Schedule, decay, hold
from preheat.schedule.curves import CURVES
from preheat.schedule.lengths import choice, count, positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FLOOR = 0.01  # of the peak: a run that ends above it ends on a floor
_NEAR = 0.9  # of the peak: a highest rate above it is that of a decay whose first update is a step below already
_LONG = 4.0  # times as many updates: beyond, measured runs leave the rule
ASSUMES = (
    _("assumes: the source rate is the best of its own shape and horizon; same model, data, batch, weight decay."),
    _("measured: right to 5 % between linear cool-downs of 10 to 90 % of a run; a third too much for a floor of 10 %."),
    _(
        "cannot say: whether the rate is stable; over horizons the best peak falls as updates ** -0.5 here, and in some"
        " measured runs as updates ** -0.3."
    ),
)


@dataclass(frozen=True, slots=True)
class Transfer(Answer):
    """A peak learning rate for another schedule.

    Attributes:
        source, target: the schedules' texts.
        source_updates, target_updates: lengths of their runs.
        source_lr: the peak known to be good for the source.
        lr: the peak for the target.
        ratio: ``lr / source_lr``.
        notes: what makes it doubtful here.
    """

    source: str
    target: str
    source_updates: int
    target_updates: int
    source_lr: float
    lr: float
    ratio: float
    notes: tuple[str, ...]

    def explain(self) -> str:
        """The rate, where it comes from, doubts, and what it assumes."""
        lines = [
            _(
                "from {lr:.4g}: {schedule} over {updates} updates",
                lr=self.source_lr,
                schedule=self.source,
                updates=self.source_updates,
            ),
            _(
                "to   {lr:.4g}: {schedule} over {updates} updates ({ratio:.4g} times)",
                lr=self.lr,
                schedule=self.target,
                updates=self.target_updates,
                ratio=self.ratio,
            ),
        ]
        return joined("\n", [*lines, *noted(self.notes), *ASSUMES])

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {
            **plain, "notes": list(self.notes), "note_messages": [data(note) for note in self.notes],
            "assumptions": list(ASSUMES),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LongerRun(Answer):
    """A longer run whose cool-down is chosen so that the peak stays the best one.

    Attributes:
        schedule: what the longer run follows: the same warm-up, the peak, then the cool-down.
        updates: its length.
        cooldown_at: update its cool-down begins at; a checkpoint from there or before can go on.
        cooldown: the cool-down's share of the run, in (0, 1].
        was: the share the shorter run's had.
        ratio: best peak of the longer run over the shorter's: 1 but where no cool-down is long enough.
        notes: what to mind.
    """

    schedule: Schedule
    updates: int
    cooldown_at: int
    cooldown: float
    was: float
    ratio: float
    notes: tuple[str, ...]

    def explain(self) -> str:
        """The cool-down, what it needs, and what it assumes."""
        lines = [
            str(self.schedule),
            _(
                "over {updates} updates: cool-down from update {start}, {cooldown:.1%} of the run"
                " (it was {was:.1%}); best peak {ratio:.4g} times the shorter run's",
                updates=self.updates,
                start=self.cooldown_at,
                cooldown=self.cooldown,
                was=self.was,
                ratio=self.ratio,
            ),
        ]
        return joined("\n", [*lines, *noted(self.notes), *ASSUMES])

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "schedule"}
        return {
            **plain, "schedule": self.schedule.to_dict(), "text": str(self.schedule), "notes": list(self.notes),
            "note_messages": [data(note) for note in self.notes], "assumptions": list(ASSUMES),
        }  # fmt: skip


def transfer(
    lr: float,
    source: Schedule | str,
    target: Schedule | str,
    *,
    updates: int | None = None,
    target_updates: int | None = None,
    grad_norms: Sequence[float] | Floats | None = None,
) -> Transfer:
    """The peak learning rate for another shape or horizon, from one that is known to be good.

    Args:
        lr: the best peak of the source, > 0.
        source: the schedule it is the best peak of, or one in words.
        target: the schedule to run.
        updates: length of the source's run; None takes its horizon.
        target_updates: length of the target's run; None takes its horizon, or ``updates``.
        grad_norms: measured norms of a run, as in :func:`preheat.advice.bound`; None takes constant ones.

    Raises:
        ScheduleError: for rates <= 0, runs without end, and norms that do not fit.

    >>> there = transfer(1e-3, "hold 80% > linear to 0", "linear to 0", updates=4000)
    >>> round(there.ratio, 2)
    1.95
    >>> round(transfer(1e-3, "linear to 0", "linear to 0", updates=1000, target_updates=4000).ratio, 2)
    0.5
    """
    lr = positive("lr", lr, _("It is the best peak of the source."))
    first, length = resolved(source, updates, lr)
    # A target with an end of its own keeps it: only one that waits for a length takes the source's.
    wanted = updates if target_updates is None and _endless(target) else target_updates
    second, target_length = resolved(target, wanted, lr)
    values, target_values = factors(first, length), factors(second, target_length)
    # Distance and gradient size cancel from the ratio: nothing of the task has to be known.
    ratio = _best(target_values, grad_norms) / _best(values, grad_norms)
    notes = _notes(values, target_values, grad_norms is not None)
    return Transfer(str(source), str(target), length, target_length, lr, lr * ratio, ratio, notes)


def transfer_horizon(
    schedule: Schedule | str, to: int, *, updates: int | None = None, shape: str = "linear"
) -> LongerRun:
    """The longer run that keeps the peak: the cool-down whose best peak is that of the shorter run.

    Args:
        schedule: a warm-up, a peak and a cool-down, or any of these in words.
        to: length of the longer run, above that of the shorter.
        updates: length of the shorter run; None takes its horizon.
        shape: the curve of the new cool-down, which ends at 0.

    Raises:
        ScheduleError: for a run that is no longer than before, or a schedule that is never at its peak.

    >>> longer = transfer_horizon("warmup 300 > hold > linear 20% to 0", 100_000, updates=50_000)
    >>> round(longer.cooldown, 2), longer.ratio
    (0.64, 1.0)
    """
    known, length = resolved(schedule, updates)
    to = int(
        count(
            "to",
            to,
            length + 1,
            advice=_("It is the longer run's length; the shorter has {updates} updates.", updates=length),
        )
    )
    choice("shape", shape, tuple(CURVES))
    values = factors(known, length)
    peak = float(values.max())
    at_peak = np.flatnonzero(values >= peak * (1.0 - 1e-12))
    warmup, left = int(at_peak[0]), int(at_peak[-1]) + 1
    # Restarts come back to the peak, and what rises after it is no cool-down.
    if len(at_peak) < left - warmup or (np.diff(values[left - 1 :]) > 1e-12).any():
        advice = _("A cool-down comes after the peak; of restarts there is more than one.")
        raise ScheduleError(refusal("schedule", _("one that stays at its peak, then falls"), str(schedule), advice))
    rise, warmup = _rise(known, warmup, left)
    wanted = _best(values, None)
    # A decay whose first update is a step below its peak already: the longer one falls from the peak too.
    if left == 1 and _NEAR < peak < 1.0:
        peak = 1.0

    def longer(at: int) -> Schedule:
        fall = decay(shape, to - at, 0.0)
        if at > warmup or (rise is None and peak != 1.0):
            return hold(at - warmup, at=peak) >> fall if rise is None else rise >> hold(at - warmup, at=peak) >> fall
        return fall if rise is None else rise >> fall

    # The best peak falls the later the cool-down begins: the latest start that still allows the old peak.
    begins = _latest(lambda at: _best(factors(longer(at), to), None) >= wanted, warmup, to - 2)
    ratio = 1.0 if begins is not None else _best(factors(longer(warmup), to), None) / wanted
    at = warmup if begins is None else begins
    notes = (*_mind(at, left, ratio), *_horizon_notes(length, to))
    if values[-1] > _FLOOR * peak:
        notes += (
            _(
                "the shorter run ends at {floor:.2g} of its peak, this one at 0: of floors the bound asks for too"
                " large a change",
                floor=values[-1] / peak,
            ),
        )
    return LongerRun(longer(at), to, at, (to - at) / to, (length - left) / length, ratio, notes)


def _rise(schedule: Schedule, warmup: int, left: int) -> tuple[Schedule | None, int]:
    """The warm-up alone, and its length: whole phases where they end at the peak, which reads better than a cut."""
    phases = schedule.phases if isinstance(schedule, PhaseSchedule) else ()
    if phases and all(isinstance(one, Phase) and one.updates for one in phases[:-1]):
        for many, border in enumerate((0, *schedule.borders)):
            if warmup <= border <= left and many < len(phases):
                return (PhaseSchedule(phases[:many]) if many else None), int(border)
    return (schedule.until(warmup) if warmup else None), warmup


def _latest(holds: Any, low: int, high: int) -> int | None:
    """The largest update for which ``holds``, which is true up to it and false after; None if it never is."""
    # Halving: some 17 bounds for 100,000 updates, where each takes the whole run to work out.
    if not holds(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _mind(at: int, left: int, ratio: float) -> tuple[str, ...]:
    if ratio < 1.0:
        return (
            _(
                "no cool-down keeps the peak over so many updates: this one falls from the warm-up on; lower the peak"
                " to {ratio:.3g} times",
                ratio=ratio,
            ),
        )
    if at < left:
        return (
            _(
                "the cool-down begins before the shorter run's, which left its peak at update {left}: go on from a"
                " checkpoint of update {start} or before",
                left=left,
                start=at,
            ),
        )
    return ()


def _endless(schedule: Schedule | str) -> bool:
    """Whether a schedule needs to be told how long its run is."""
    return isinstance(schedule, str) or bool(schedule.waits_for) or schedule.horizon is None


def _best(values: Floats, norms: Sequence[float] | Floats | None) -> float:
    kept = values > 0
    return terms(values[kept], norms_over(norms, len(values))[kept]).best_peak


def _notes(source: Floats, target: Floats, measured: bool) -> tuple[str, ...]:
    notes = []
    # Measured: a cosine to 10 % took 1.15 times the rate of a cool-down over 20 %; the bound asks for 1.55.
    floors = {name: values[-1] / values.max() for name, values in (("source", source), ("target", target))}
    if abs(floors["source"] - floors["target"]) > _FLOOR:
        notes.append(
            _(
                "one of them ends on a floor (the source at {source:.2g}, the target at {target:.2g} of its peak):"
                " there the bound asks for too large a change",
                **floors,
            )
        )
    if not measured and not same_warmup(source, target):
        notes.append(
            _(
                "the warm-ups differ ({source} and {target} updates), and constant gradient norms"
                " cannot tell what that does to the peak",
                source=warmup_of(source),
                target=warmup_of(target),
            )
        )
    return (*notes, *_horizon_notes(len(source), len(target)))


def _horizon_notes(source: int, target: int) -> tuple[str, ...]:
    """Both laws of the horizon, where they are far apart."""
    # Up to _LONG times as long the two laws are within a third of each other: 4 ** 0.2 is 1.32.
    times = max(source, target) / min(source, target)
    if times <= _LONG:
        return ()
    return (
        _(
            "one run is {times:.3g} times as long: with updates ** -0.3 the factor of the horizon would be"
            " {slow:.3g}, with -0.5 it is {fast:.3g}",
            times=times,
            slow=math.pow(target / source, -0.3),
            fast=math.pow(target / source, -0.5),
        ),
    )
