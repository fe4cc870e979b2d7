"""What readers build schedules of: warm-ups in the step conventions of the field, levels, and cuts.

W is the warm-up's length in the source's own words, ``start`` the factor it begins at. Which convention a framework
has was measured: see each dialect.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Constant, Curve, Linear
from preheat.schedule.lengths import Count

Phases = tuple[Phase, ...]


def warm_up(warmup: Count, start: float = 0.0, curve: Curve | None = None) -> Phases:
    """n / W for n < W: update 0 at ``start``, the peak at update W. transformers, optax, Megatron, most others."""
    return (Phase(curve=curve or Linear(), length=warmup, start=start, end=1.0),) if warmup else ()


def early_warm_up(warmup: Count, start: float = 0.0, curve: Curve | None = None) -> Phases:
    """(n + 1) / W for n < W: the peak at update W - 1. torchtitan, fairseq's ``fixed``, OLMo's trainers."""
    if not warmup:
        return ()
    return (Phase(curve=curve or Linear(), length=warmup, start=start, end=1.0, convention="native"),)


def wide_warm_up(warmup: Count, start: float = 0.0) -> Phases:
    """(n + 1) / (W + 1) for n <= W: the peak at update W, update 0 above ``start``. NeMo's warm-up policies."""
    return (Phase(curve=Linear(), length=warmup + 1, start=start, end=1.0, convention="native"),) if warmup else ()


def hold(updates: Count | None, factor: float = 1.0) -> Phase:
    """A constant factor for so many updates; None: for ever."""
    return Phase(curve=Constant(), length=updates, start=factor, end=factor)


def cut(schedule: Schedule, updates: Count) -> Schedule:
    """The first updates of a schedule, for another one to follow; a hold without end is simply that long."""
    if not schedule.waits_for and schedule.horizon == updates:
        return schedule
    # So that it reads as a level of so many updates, and is written back as one.
    if isinstance(schedule, PhaseSchedule) and len(schedule.phases) == 1:
        phase = schedule.phases[0]
        if isinstance(phase, Phase) and isinstance(phase.curve, Constant):
            return PhaseSchedule((Phase(curve=Constant(), length=updates, start=phase.start),))
    return schedule.until(updates)


def plateaus(factors: Iterable[float], every: Count) -> PhaseSchedule:
    """Each factor for ``every`` updates, the last one then held: what a rate set once an epoch is to the optimizer."""
    # Equal neighbors are one level: a rate that changes every 30 epochs is not 30 phases.
    runs = [(factor, sum(1 for _ in same)) for factor, same in groupby(factors)]
    return PhaseSchedule(tuple(hold(every * times, factor) for factor, times in runs))
