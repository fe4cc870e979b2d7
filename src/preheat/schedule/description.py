"""A schedule in words and numbers: what people read before they burn hours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from preheat.schedule.curves import Constant, name_of
from preheat.schedule.lengths import count, positive
from preheat.schedule.sequence import Phase, PhaseSchedule

if TYPE_CHECKING:
    from preheat.schedule.base import Schedule

_SUMMED = 2_000_000  # updates added up one by one; of longer runs as many, evenly spaced
_LOW = 0.01  # of the peak: below this an update does next to nothing


def describe(schedule: Schedule, lr: float = 1.0, updates: int | None = None) -> str:
    """One line a phase, the learning rates that matter (six digits), their sum, horizon against run length."""
    schedule._refuse_waiting()
    lr = positive("lr", lr, "It is the peak learning rate.")
    run = None if updates is None else int(count("updates", updates, 1))
    lines = _phases(schedule, lr) if isinstance(schedule, PhaseSchedule) else [str(schedule)]
    lines.append(_values(schedule, lr, run))
    last = run or (None if schedule.horizon is None else math.ceil(schedule.horizon))
    if last:
        lines.append(_sums(schedule, lr, last))
    if run is not None and schedule.horizon is not None and run != schedule.horizon:
        lines.append(_mismatch(schedule, lr, run))
    return "\n".join(lines)


def peak_position(schedule: Schedule) -> int:
    """The first position with the largest factor among the borders of the phases, where curves have their tops."""
    candidates = {0}
    for border in schedule.borders:
        candidates |= {max(0, math.ceil(border) - 1), math.ceil(border)}
    return min(candidates, key=lambda position: (-schedule(position), position))


def _phases(schedule: PhaseSchedule, lr: float) -> list[str]:
    lines = []
    for begin, end, phase in schedule._spans:
        if end > begin:
            first = math.ceil(begin)
            reach = f"{first} on" if math.isinf(end) else f"{first} to {math.ceil(end) - 1}"
            lines.append(f"updates {reach}: {_phase(phase, lr) if isinstance(phase, Phase) else phase}")
    return lines


def _phase(phase: Phase, lr: float) -> str:
    name, options = name_of(phase.curve)
    words = name + (f"({', '.join(f'{value:g}' for value in options.values())})" if options else "")
    start, end = phase.value(0, phase.length or 0) if phase.start is None else phase.start, phase.end
    assert not isinstance(start, str)
    if isinstance(phase.curve, Constant):
        return f"{words}, {lr * float(start):g}"  # type: ignore[arg-type]
    return f"{words}, {lr * float(start):g} -> {lr * float(end):g}"  # type: ignore[arg-type]


def _values(schedule: Schedule, lr: float, run: int | None) -> str:
    peak = peak_position(schedule)
    parts = [
        f"learning rate at update 0: {lr * schedule(0):g}",
        f"peak {lr * schedule(peak):g} at update {peak}",
    ]
    if schedule.horizon is not None:
        last = max(0, math.ceil(schedule.horizon) - 1)
        parts.append(f"at the last update, {last}: {lr * schedule(last):g}")
        parts.append(f"then held at {lr * schedule(last + 1):g}")
    elif run is not None:
        parts.append(f"at the last update, {run - 1}: {lr * schedule(run - 1):g}")
    return "; ".join(parts)


def _sums(schedule: Schedule, lr: float, updates: int) -> str:
    """The area under the curve, and how much of the run is spent near zero."""
    import numpy as np

    exact = updates <= _SUMMED
    factors = schedule(np.arange(updates) if exact else np.linspace(0, updates - 1, _SUMMED).astype(np.int64))
    share = updates / len(factors)
    total, peak = share * float(factors.sum()), float(factors.max())
    low = round(share * int((factors < _LOW * peak).sum()))
    return (
        f"sum of the learning rates: {'' if exact else 'about '}{lr * total:g},"
        f" as {total / peak if peak else 0:.6g} updates at the peak; {low} updates below 1 % of the peak"
    )


def _mismatch(schedule: Schedule, lr: float, run: int) -> str:
    horizon = schedule.horizon
    if horizon is not None and run < horizon:
        return (
            f"the run stops at update {run} of {horizon:g}: the learning rate is {lr * schedule(run - 1):g} there,"
            " and the rest of the schedule is never used"
        )
    held = lr * schedule(run - 1)
    return f"the run goes on for {run - (horizon or 0):g} updates past the schedule's end, at {held:g}"
