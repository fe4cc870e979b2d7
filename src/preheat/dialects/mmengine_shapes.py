"""The scheduler types of mmengine as schedules over their own steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from preheat.dialects.common.fields import Fields
from preheat.dialects.common.ramps import hold
from preheat.schedule import Phase, Schedule, get_schedule
from preheat.schedule.curves import Cosine, Curve, Exponential, Linear, OneMinusPower, Polynomial
from preheat.schedule.sequence import PhaseSchedule


@dataclass(frozen=True, slots=True)
class Scheduler:
    """One entry of the list.

    Attributes:
        kind: its type without the ending.
        drives: the number it moves: ``lr``, ``momentum`` or another of the group.
        fields: its fields, counts of epochs turned into updates where it is converted.
        begin: the first step it moves at.
        end: the step after the last; None if nobody says.
        unit: updates a step takes.
        notes: what the reader should know.
        base: what the number is before anybody moves it, if known.
        reached: the share of it that the others have reached when this one begins.
    """

    kind: str
    drives: str
    fields: Fields
    begin: int
    end: int | None
    unit: int
    notes: list[str]
    base: float | None = None
    reached: float = 1.0

    @property
    def steps(self) -> int:
        """Steps it moves."""
        if self.end is None:
            advice = "Say where it ends, or how long the run is (total=)."
            raise self.fields.refusal("end", f"known for {self.kind}", advice)
        return self.end - self.begin


def _row(*phases: Phase) -> Schedule:
    return PhaseSchedule(phases)


def _constant(one: Scheduler) -> Schedule:
    factor = one.fields.number("factor", 1.0 / 3, low=0.0, high=1.0, advice="mmengine refuses it too.")
    if factor == 0:
        raise one.fields.refusal("factor", "> 0", "mmengine divides by it at the end.")
    if one.end is None:
        return _row(hold(None, factor))
    return _row(hold(one.steps - 1, factor), hold(None)) if one.steps > 1 else _row(hold(None, factor))


def _linear(one: Scheduler) -> Schedule:
    start = one.fields.number("start_factor", 1.0 / 3, low=0.0, high=1.0, advice="mmengine refuses it too.")
    end = one.fields.number("end_factor", 1.0, low=0.0, high=1.0, advice="mmengine refuses it too.")
    if start == 0:
        raise one.fields.refusal("start_factor", "> 0", "From 0 mmengine divides by 0 at the second step.")
    if one.steps == 1:
        return _row(hold(None, start))
    return _row(Phase(curve=Linear(), length=one.steps - 1, start=start, end=end))


def _exponential(one: Scheduler) -> Schedule:
    return _row(Phase(curve=Exponential(_gamma(one.fields)), length=None, start=1.0))


def _step(one: Scheduler) -> Schedule:
    curve = Exponential(_gamma(one.fields, 0.1), one.fields.count("step_size", low=1), staircase=True)
    return _row(Phase(curve=curve, length=None, start=1.0))


def _gamma(fields: Fields, *default: float) -> float:
    gamma: float = fields.number("gamma", *default, low=0.0, advice="It multiplies the rate.")
    if not 0 < gamma <= 1:
        raise fields.refusal("gamma", "in (0, 1]", "It multiplies the rate.")
    return gamma


def _multistep(one: Scheduler) -> Schedule:
    gamma = one.fields.number("gamma", 0.1, low=0.0, high=1.0, advice="It multiplies the rate.")
    times = Counter(one.fields.numbers("milestones", low=0, whole=True))
    borders = sorted(times)
    powers = [0, *accumulate(times[border] for border in borders)]
    lengths = [after - before for before, after in pairwise([0, *borders])]
    holds = [hold(length, gamma**power) for length, power in zip(lengths, powers, strict=False) if length]
    return _row(*holds, hold(None, gamma ** powers[-1]))


def _floor(one: Scheduler) -> float:
    """The value it moves to, as a share of what the rate is when it begins."""
    absolute, share = (one.fields.number(name, None, low=0.0) for name in ("eta_min", "eta_min_ratio"))
    if absolute is not None and share is not None:
        raise one.fields.refusal("eta_min_ratio", "left out beside eta_min", "mmengine refuses both.")
    if share is not None:
        return float(share) / one.reached
    if absolute and one.base is None:
        raise one.fields.refusal("eta_min", "a share of a known rate", "Give peak= (--lr) or the optimizer's lr.")
    return float(absolute) / (one.base * one.reached) if absolute and one.base else 0.0


def _cosine(one: Scheduler) -> Schedule:
    length = one.fields.count("T_max", None, low=0) or one.steps
    if one.end is not None and length < one.steps - 1:
        one.notes.append("past T_max mmengine's cosine climbs again; here the end value is held")
    return _row(Phase(curve=Cosine(), length=length, start=1.0, end=_floor(one)))


def _poly(one: Scheduler) -> Schedule:
    power, floor = one.fields.number("power", 1.0), _floor(one)
    if one.steps == 1:
        return _row(hold(None))
    # The formula stays as it is when it rises, where a phase runs its curve backwards.
    curve: Curve = OneMinusPower(power) if floor > 1 else Polynomial(power)
    return _row(Phase(curve=curve, length=one.steps - 1, start=1.0, end=floor))


def _restarts(one: Scheduler) -> Schedule:
    periods = one.fields.numbers("periods", low=1, whole=True)
    weights = one.fields.numbers("restart_weights", [1], low=0.0)
    if not periods or len(periods) != len(weights):
        raise one.fields.refusal("restart_weights", "as many as periods", "Each period has its own.")
    if "eta_min" not in one.fields and "eta_min_ratio" not in one.fields:
        raise one.fields.refusal("eta_min", "given, or eta_min_ratio in its place", "mmengine asks for one of them.")
    floor = _floor(one)
    tops = [weight / one.reached for weight in weights]
    phases = [Phase(curve=Cosine(), length=n, start=top, end=floor) for n, top in zip(periods, tops, strict=True)]
    return PhaseSchedule(tuple(phases)).until(sum(periods) - 1)  # the last step of the last period stays


def _one_cycle(one: Scheduler) -> Schedule:
    fields = one.fields
    total = fields.count("total_steps", None, low=1) or one.steps
    fields.rate("eta_max")
    return get_schedule(
        "one_cycle",
        total=total,
        pct_start=fields.number("pct_start", 0.3, low=0.0, high=1.0),
        div_factor=fields.number("div_factor", 25.0),
        final_div_factor=fields.number("final_div_factor", 1e4),
        shape="linear" if fields.word("anneal_strategy", ("cos", "linear"), "cos") == "linear" else "cosine",
        three_phase=fields.flag("three_phase"),
    )


SHAPES: dict[str, Callable[[Scheduler], Schedule]] = {
    "Constant": _constant,
    "Linear": _linear,
    "Exponential": _exponential,
    "Step": _step,
    "MultiStep": _multistep,
    "CosineAnnealing": _cosine,
    "Poly": _poly,
    "CosineRestart": _restarts,
    "OneCycle": _one_cycle,
}
