"""A schedule in words and numbers: what people read before they burn hours."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

from preheat.schedule.checks import positive
from preheat.schedule.curves import CURVE_NAMES, Constant

if TYPE_CHECKING:
    from preheat.schedule.phases import Phase
    from preheat.schedule.sequence import PhaseSchedule


def describe(schedule: PhaseSchedule, lr: float) -> str:
    """One line a phase, then the learning rates that matter (six digits)."""
    lr = positive("lr", lr, "It is the peak learning rate.")
    lines, begin = [], 0.0
    for phase in schedule.phases:
        end = math.inf if phase.updates is None else begin + phase.updates
        if end > begin:
            lines.append(f"updates {_updates(begin, end)}: {_phase(phase, lr)}")
        begin = end
    return "\n".join([*lines, _values(schedule, lr)])


def one_line(schedule: PhaseSchedule) -> str:
    """The phases on one line, as factors: ``linear 0 -> 1 over 100 > cosine 1 -> 0 over 3500``."""
    parts = []
    for phase in schedule.phases:
        reach = "without end" if phase.updates is None else f"over {phase.updates:g}"
        parts.append(f"{_phase(phase, 1.0).replace(',', '')} {reach}")
    return " > ".join(parts)


def peak_position(schedule: PhaseSchedule) -> int:
    """The first position with the largest factor, among the borders of the phases (where curves have their tops)."""
    candidates = {0, *(math.ceil(border) for border in schedule.borders)}
    return min(candidates, key=lambda position: (-schedule(position), position))


def _updates(begin: float, end: float) -> str:
    first = math.ceil(begin)
    return f"{first} on" if math.isinf(end) else f"{first} to {math.ceil(end) - 1}"


def _phase(phase: Phase, lr: float) -> str:
    options = [f"{value:g}" for value in (getattr(phase.curve, item.name) for item in fields(phase.curve))]
    name = CURVE_NAMES[type(phase.curve)] + (f"({', '.join(options)})" if options else "")
    if isinstance(phase.curve, Constant):
        return f"{name}, {lr * phase.start:g}"
    return f"{name}, {lr * phase.start:g} -> {lr * phase.end:g}"


def _values(schedule: PhaseSchedule, lr: float) -> str:
    peak = peak_position(schedule)
    parts = [
        f"learning rate at update 0: {lr * schedule(0):g}",
        f"peak {lr * schedule(peak):g} at update {peak}",
    ]
    if schedule.horizon is not None:
        last = max(0, math.ceil(schedule.horizon) - 1)
        parts.append(f"at the last update, {last}: {lr * schedule(last):g}")
        parts.append(f"then held at {lr * schedule(last + 1):g}")
    return "; ".join(parts)
