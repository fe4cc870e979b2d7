"""What the schedulers of torch are read with and as, and the two that cycle: OneCycleLR and CyclicLR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from preheat.dialects.common.fields import Fields
from preheat.schedule import Phase, Schedule, get_schedule
from preheat.schedule.curves import Linear
from preheat.schedule.factors import absolute
from preheat.schedule.sequence import PhaseSchedule


@dataclass(frozen=True, slots=True)
class Part:
    """One scheduler as a schedule.

    Attributes:
        schedule: shares of ``base``.
        base: a learning rate; None if it is the optimizer's own and nobody told it.
        also: other numbers it drives.
        multiplies: whether it multiplies what the group holds, as members of a chain do, or writes its own rate.
    """

    schedule: Schedule
    base: float | None = None
    also: Mapping[str, Schedule] = field(default_factory=dict)
    multiplies: bool = False


@dataclass(slots=True)
class Reading:
    """What schedulers are read with.

    Attributes:
        base: the optimizer's own learning rate in the group that is read.
        peak: the peak learning rate, as the caller knows it.
        index: the group's.
        group: the group in the optimizer's state.
        onwards: whether to do what torch does past the end, instead of holding.
        momentum: what a cycled momentum is called in the group.
        notes: what the reader should know, filled while reading.
    """

    base: float | None = None
    peak: float | None = None
    index: int = 0
    group: Mapping[str, Any] | None = None
    onwards: bool = False
    momentum: str = "betas[0]"
    notes: list[str] = field(default_factory=list)

    def share(self, fields: Fields, name: str) -> float:
        """A learning rate in a field, 0 if absent, as a share of the base rate."""
        value = fields.number(name, 0.0, low=0.0, advice="It is a learning rate.")
        if value and not self.base:
            raise fields.refusal(name, "a share of a known rate", "Give peak= (--lr), the optimizer's own rate.")
        return absolute(value).share(self.base) if value and self.base else 0.0


def rate_in(fields: Fields, *default: float) -> float:
    """A factor that multiplies the rate again and again."""
    gamma: float = fields.number("gamma", *default, low=0.0, advice="It multiplies the rate.")
    if not 0 < gamma <= 1:
        raise fields.refusal("gamma", "in (0, 1]", "Other rates run away, or are 0 at once.")
    return gamma


def cyclic(fields: Fields, reading: Reading) -> Part:
    """CyclicLR, whose base rate is its highest one."""
    saved = "max_lrs" in fields
    if saved:
        size, ratio = fields.number("total_size", low=1.0), fields.number("step_ratio", low=0.0, high=1.0)
        up = round(size * ratio)
        down = round(size - up)
        low, high = _of_group(fields, "base_lrs", reading), _of_group(fields, "max_lrs", reading)
    else:
        up = fields.count("step_size_up", 2000, low=1)
        down = fields.count("step_size_down", up, low=1)
        low, high = fields.number("base_lr", low=0.0), fields.number("max_lr", low=0.0)
        fields.refuse("scale_fn", "scale_mode", why="Take one of the three modes.", unless=("cycle", "iterations"))
    if high <= 0:
        raise fields.refusal("max_lrs" if saved else "max_lr", "> 0", "It is the peak learning rate.")
    if low > high:
        raise fields.refusal("base_lrs" if saved else "base_lr", f"at most the highest rate, {high}", "Swap them.")
    fields.refuse("_scale_fn_custom", why="Its shape is a function of the user's own.")
    mode = fields.word("mode", ("triangular", "triangular2", "exp_range"), "triangular")
    decay: dict[str, Any] = {"rate": rate_in(fields, 1.0)} if mode == "exp_range" else {}
    fields.value("gamma", None)
    schedule = get_schedule(mode, up=up, down=down, floor=low / high, **decay)
    also = {}
    if fields.flag("cycle_momentum", True):
        names = ("base_momentums", "max_momentums") if saved else ("base_momentum", "max_momentum")
        least, most = (
            _of_group(fields, name, reading) if saved else fields.number(name, default, low=0.0, high=1.0)
            for name, default in zip(names, (0.8, 0.9), strict=True)
        )
        if mode == "exp_range":
            reading.notes.append("CyclicLR moves the momentum too: in this mode it is left out")
        elif most > 0:
            wave = _triangle(up, down, least / most)
            also[_momentum(fields, reading)] = wave.repeat(scale=0.5 if mode == "triangular2" else 1.0, floor=1.0)
    return Part(schedule, float(high), also)


def _triangle(up: int, down: int, low: float) -> PhaseSchedule:
    falling = Phase(curve=Linear(), length=up, start=1.0, end=low)
    return PhaseSchedule((falling, Phase(curve=Linear(), length=down, start=low, end=1.0)))


def _of_group(fields: Fields, name: str, reading: Reading) -> float:
    values = fields.numbers(name, low=0.0)
    if not values:
        raise fields.refusal(name, "one number at least", "Each parameter group has one.")
    value: float = values[min(reading.index, len(values) - 1)]
    return value


def _momentum(fields: Fields, reading: Reading) -> str:
    """What the cycled momentum is called in the optimizer: SGD has it by itself, Adam among its betas."""
    if "use_beta1" not in fields:
        return reading.momentum
    return "betas[0]" if fields.flag("use_beta1") else "momentum"


def one_cycle(fields: Fields, reading: Reading) -> Part:
    """OneCycleLR, whose base rate is its peak."""
    if "_schedule_phases" in fields:
        return _one_cycle_saved(fields, reading)
    epochs, each = fields.count("epochs", None, low=1), fields.count("steps_per_epoch", None, low=1)
    total = fields.count("total_steps", None if epochs is None or each is None else epochs * each, low=1)
    if total is None:
        raise fields.refusal("total_steps", "given, or epochs and steps_per_epoch", "Say how long the cycle is.")
    options = {
        "pct_start": fields.number("pct_start", 0.3, low=0.0, high=1.0),
        "shape": _shape(fields, "anneal_strategy", "cos"),
        "three_phase": fields.flag("three_phase"),
    }
    peak = fields.rate("max_lr")
    divisors = {name: fields.number(name, default) for name, default in _DIVISORS.items()}
    schedule = get_schedule("one_cycle", total=total, **options, **divisors)
    momenta = {
        "base_momentum": fields.number("base_momentum", 0.85, low=0.0, high=1.0),
        "max_momentum": fields.number("max_momentum", 0.95, low=0.0, high=1.0),
    }
    also = {}
    if fields.flag("cycle_momentum", True):
        also[_momentum(fields, reading)] = get_schedule("one_cycle_momentum", total=total, **options, **momenta)
    reading.notes.append(_PAST_ONE_CYCLE)
    return Part(schedule, peak, also)


_DIVISORS = {"div_factor": 25.0, "final_div_factor": 1e4}
_PAST_ONE_CYCLE = "past total_steps torch raises; here the end value is held"


def _shape(fields: Fields, name: str, *default: str) -> str:
    return "linear" if fields.word(name, ("cos", "linear"), *default) == "linear" else "cosine"


def _one_cycle_saved(fields: Fields, reading: Reading) -> Part:
    """From a state, which has the start rate; the others are in the optimizer's group, or told."""
    total, phases = fields.count("total_steps", low=1), fields.list("_schedule_phases")
    if len(phases) not in (2, 3) or not all(isinstance(phase, Mapping) for phase in phases):
        raise fields.refusal("_schedule_phases", "two phases or three", "The state is damaged.")
    knot = Fields(phases[0], fields.path("_schedule_phases[0]")).number("end_step", low=0.0)
    start = _of_group(fields, "base_lrs", reading)
    group = Fields(reading.group or {}, "optimizer.param_groups")
    peak = group.rate("max_lr", None) or reading.peak
    if peak is None or not start:
        advice = "OneCycleLR keeps its peak in the optimizer's groups: hand over those too, or give peak= (--lr)."
        raise fields.refusal("base_lrs", "beside a known peak rate", advice)
    final = group.number("min_lr", None, low=0.0)
    if final is None:
        reading.notes.append("final_div_factor is taken as torch's own 1e4: the state does not hold it")
        final = start / 1e4
    options = {"pct_start": (knot + 1) / total, "shape": _shape(fields, "_anneal_func_type", "cos")}
    options["three_phase"] = len(phases) == 3
    if final <= 0:
        raise group.refusal("min_lr", "> 0", "torch divides the start rate by a number.")
    schedule = get_schedule(
        "one_cycle", total=total, div_factor=peak / start, final_div_factor=start / final, **options
    )
    reading.notes.append(_PAST_ONE_CYCLE)
    also: dict[str, Schedule] = {}
    if fields.flag("cycle_momentum", True):
        low, high = (group.number(name, None, low=0.0, high=1.0) for name in ("base_momentum", "max_momentum"))
        if low is None or high is None:
            reading.notes.append("it moves the momentum too, between bounds in the optimizer's groups")
        else:
            momenta = {"base_momentum": low, "max_momentum": high}
            also[_momentum(fields, reading)] = get_schedule("one_cycle_momentum", total=total, **options, **momenta)
    return Part(schedule, float(peak), also)
