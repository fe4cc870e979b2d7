"""Lengths into updates: what ``over(plan)`` does to the phases of a sequence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count, count
from preheat.schedule.lengths import Length, in_updates
from preheat.schedule.phases import Phase

if TYPE_CHECKING:
    from preheat.schedule.lengths import Timeline


def over(schedule: Schedule, run: int | Timeline | None) -> Schedule:
    """``schedule`` resolved for ``run``: updates, a plan, or None where nobody knows the length."""
    plan = None if run is None or isinstance(run, int) else run
    total = run if isinstance(run, int) or run is None else run.updates
    if total is not None:
        total = int(count("updates", total, 1))
    return schedule._resolved(total, plan)


def resolve_phases(parts: tuple[Phase | Schedule, ...], total: Count | None, plan: Timeline | None) -> tuple[Any, ...]:
    """The parts of a sequence with their lengths in updates; the rest is what they leave of ``total``.

    Lengths that say nothing about the run (plain updates only) are left alone, whatever the total: the horizon of a
    schedule and the length of a run are two numbers.
    """
    relative = any(part.waits_for == "a plan" for part in parts)
    resolved = [_in_updates(part, total, plan) for part in parts]
    if not relative or total is None:
        return _without_total(resolved)
    spent = _spent(resolved)
    if spent is None:  # an endless phase takes what is left
        return tuple(resolved)
    left = total - spent
    if left < 0 or (left and not any(_is_rest(part) for part in resolved)):
        sums = " + ".join(f"{_taken(part):g}" for part in resolved if not _is_rest(part))
        advice = (
            "Shorten a phase." if left < 0 else "Lengthen a phase, or let one take the rest (leave its length out)."
        )
        raise ScheduleError(refusal("phases", f"{total} updates together", f"{sums} = {spent:g}", advice))
    return tuple(replace(part, length=left + part.skip) if _is_rest(part) else part for part in resolved)  # type: ignore[type-var,union-attr]


def _in_updates(part: Phase | Schedule, total: Count | None, plan: Timeline | None) -> Phase | Schedule:
    if isinstance(part, Schedule):
        return part._resolved(total, plan)
    if not isinstance(part.length, Length) or part.length.unit == "rest":
        return part
    return replace(part, length=in_updates("length", part.length, total, plan))


def _without_total(parts: list[Any]) -> tuple[Any, ...]:
    """A last phase that has the rest of an unknown run goes on for ever, if its curve can."""
    for part in parts:
        if _is_rest(part) and not (part is parts[-1] and part.curve.endless):
            advice = "Give the run's length, or a phase that can run for ever last: hold, inverse_sqrt, power_law."
            raise ScheduleError(refusal("updates", "known for a phase that takes the rest", None, advice))
    return tuple(replace(part, length=None) if _is_rest(part) else part for part in parts)


def _is_rest(part: Phase | Schedule) -> bool:
    return isinstance(part, Phase) and isinstance(part.length, Length)


def _taken(part: Phase | Schedule) -> Count | None:
    return part.updates if isinstance(part, Phase) else part.horizon


def _spent(parts: list[Any]) -> Count | None:
    """Updates of all parts but the rest; None if one is endless."""
    taken = [_taken(part) for part in parts if not _is_rest(part)]
    return None if None in taken else sum(taken)  # type: ignore[arg-type]
