"""DeepSpeed's OneCycle as phases: up and down in a line or in stairs, for the rate and, mirrored, for the momentum."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from preheat.dialects.common.fields import Fields
from preheat.dialects.common.ramps import Phases, hold
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Linear

MANY = 10_000  # stairs a schedule may have


def cycle(params: Fields, rest: float, top: float) -> Phases:
    """From ``rest`` to ``top`` and back, in a line or in stairs; update n stands at n."""
    up = params.count("cycle_first_step_size", 2000, low=1)
    down = params.count("cycle_second_step_size", up, low=1)
    first = params.count("cycle_first_stair_count", 0)
    second = params.count("cycle_second_stair_count", first)
    climb: Phases = (Phase(curve=Linear(), length=up, start=rest, end=top),)
    fall: Phases = (Phase(curve=Linear(), length=down, start=top, end=rest),)
    if first:
        climb = tuple(_stairs(params, "cycle_first_stair_count", up, first, rest, top))
    if second:
        stairs = [*_stairs(params, "cycle_second_stair_count", down, second, rest, top)]
        shorter = hold(stairs[0].length - 1, rest)  # type: ignore[operator]
        fall = (hold(1, top), *reversed(stairs[1:]), shorter)
    return (*climb, *fall)


def _stairs(params: Fields, name: str, updates: int, stairs: int, rest: float, top: float) -> Iterator[Phase]:
    """Step k of so many, at rest + (top - rest) k / stairs."""
    if stairs > min(updates, MANY):
        raise params.refusal(name, f"at most {min(updates, MANY)}", "0 makes it smooth.")
    borders = [-(-step * updates // stairs) for step in range(stairs + 1)]
    for step, (begin, end) in enumerate(pairwise(borders)):
        yield hold(end - begin, rest + (top - rest) * step / stairs)


def momentum(params: Fields) -> tuple[Schedule | None, float]:
    """The mirrored cycle of betas[0] (None where it is off), and cycle_max_mom, of which it is a share.

    The constructor starts it at the wrong end: update 0 runs at cycle_min_mom.
    """
    largest = params.number("cycle_max_mom", 0.9, low=0.0, high=1.0)
    smallest = params.number("cycle_min_mom", 0.8, low=0.0, high=1.0)
    growing = params.number("decay_mom_rate", 0.0) and params.number("decay_step_size", 0)
    if not params.flag("cycle_momentum", True):
        return None, largest
    if growing:
        raise params.refusal("decay_mom_rate", "0", "The momentum would grow without end.")
    if largest == 0 or smallest > largest:
        raise params.refusal("cycle_min_mom", f"at most cycle_max_mom={largest}, above 0", "Lower it.")
    low = smallest / largest
    return PhaseSchedule((hold(1, low), PhaseSchedule(cycle(params, 1.0, low)).shift(1))), largest
