"""The scheduler classes of torch as schedules, from a constructor's arguments or the fields of a state."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from preheat.dialects.common.calls import Call, Function
from preheat.dialects.common.fields import Fields
from preheat.dialects.common.lambdas import FORMS, phase_in
from preheat.dialects.common.ramps import cut, hold
from preheat.dialects.torch_cycles import Part, Reading, cyclic, one_cycle, rate_in
from preheat.errors import ConfigError, refusal
from preheat.schedule import Phase, Schedule
from preheat.schedule.combine import Product
from preheat.schedule.curves import Cosine, Curve, Exponential, Linear, Polynomial
from preheat.schedule.sequence import PhaseSchedule

_ADVICE = "torch refuses it too."
_SPELLINGS = ("class", "class_path", "_target_")


def _single(curve: Curve, length: Any, start: float = 1.0, end: float | None = None) -> PhaseSchedule:
    return PhaseSchedule((Phase(curve=curve, length=length, start=start, end=end),))


def _cosine(fields: Fields, reading: Reading) -> Part:
    updates, floor = fields.count("T_max", low=1), reading.share(fields, "eta_min")
    if reading.onwards:
        wave = _single(Cosine(cycles=1.0), 2 * updates, 1.0, floor)
        return Part(wave.repeat(), reading.base)
    reading.notes.append("past T_max torch climbs again; here the end value is held")
    return Part(_single(Cosine(), updates, 1.0, floor), reading.base, multiplies=not floor)


def _linear(fields: Fields, reading: Reading) -> Part:
    start = fields.number("start_factor", 1.0 / 3, low=0.0, high=1.0, advice=_ADVICE)
    if start <= 0:
        raise fields.refusal("start_factor", "in (0, 1]", _ADVICE)
    end = fields.number("end_factor", 1.0, low=0.0, high=1.0, advice=_ADVICE)
    return Part(_single(Linear(), fields.count("total_iters", 5, low=1), start, end), reading.base, multiplies=True)


def _constant(fields: Fields, reading: Reading) -> Part:
    factor = fields.number("factor", 1.0 / 3, low=0.0, high=1.0, advice=_ADVICE)
    updates = fields.count("total_iters", 5)
    if factor == 1.0:
        return Part(PhaseSchedule((hold(None),)), reading.base, multiplies=True)
    if factor == 0:
        raise fields.refusal("factor", "> 0", "torch divides by it at the end.")
    if not updates:
        raise fields.refusal("total_iters", ">= 1", "With 0 torch keeps the factor in one way of stepping only.")
    return Part(PhaseSchedule((hold(updates, factor), hold(None))), reading.base, multiplies=True)


def _polynomial(fields: Fields, reading: Reading) -> Part:
    curve = Polynomial(fields.number("power", 1.0))
    return Part(_single(curve, fields.count("total_iters", 5, low=1)), reading.base, multiplies=True)


def _exponential(fields: Fields, reading: Reading) -> Part:
    return Part(_single(Exponential(rate_in(fields)), None), reading.base, multiplies=True)


def _step(fields: Fields, reading: Reading) -> Part:
    curve = Exponential(rate_in(fields, 0.1), fields.count("step_size", low=1), staircase=True)
    return Part(_single(curve, None), reading.base, multiplies=True)


def _multistep(fields: Fields, reading: Reading) -> Part:
    gamma = fields.number("gamma", 0.1, low=0.0, high=1.0, advice="It multiplies the rate.")
    given = fields.value("milestones")
    if isinstance(given, Mapping):  # a Counter: how often each milestone counts
        times = Fields(given, fields.path("milestones"))
        given = [name for name in given for _ in range(times.count(str(name), low=0))]
    else:
        given = fields.list("milestones")
    borders = [0, *sorted(Fields({"milestones": given}, fields.where).numbers("milestones", low=0, whole=True))]
    holds = [
        hold(after - before, gamma**index) for index, (before, after) in enumerate(pairwise(borders)) if after > before
    ]
    return Part(PhaseSchedule((*holds, hold(None, gamma ** (len(borders) - 1)))), reading.base, multiplies=True)


def _restarts(fields: Fields, reading: Reading) -> Part:
    period, growth = fields.count("T_0", low=1), fields.count("T_mult", 1, low=1)
    descent = _single(Cosine(), period, 1.0, reading.share(fields, "eta_min"))
    return Part(descent.repeat(growth=float(growth)), reading.base)


def _lambda(fields: Fields, reading: Reading) -> Part:
    value = fields.value("lr_lambda")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    phase = phase_in(value) if isinstance(value, Function) else None
    if phase is None:
        advice = f"Write the schedule with phases, or as one of: {'; '.join(FORMS)}."
        raise fields.refusal("lr_lambda", "a formula known here", advice)
    if phase.length is not None:
        reading.notes.append("past its end a lambda goes on along its formula; here the end value is held")
    return Part(PhaseSchedule((phase,)), reading.base)


def _sequential(fields: Fields, reading: Reading, parts: Sequence[Part]) -> Part:
    name = "_milestones" if "_milestones" in fields else "milestones"
    milestones = fields.numbers(name, low=0, whole=True)
    if len(milestones) != len(parts) - 1 or sorted(milestones) != milestones:
        advice = f"There are {len(parts)} schedulers."
        raise fields.refusal(name, "a rising number between each two schedulers", advice)
    base = _base(parts, reading)
    taken = []
    for part, (begin, end) in zip(parts, pairwise([0, *milestones, None]), strict=True):
        schedule = _rebased(part, base, fields)
        if end is None:
            taken.append(schedule)
        elif end > begin:
            taken.append(cut(schedule, end - begin))
    return Part(PhaseSchedule(tuple(taken)), base)


def _chained(fields: Fields, reading: Reading, parts: Sequence[Part]) -> Part:
    if not all(part.multiplies for part in parts):
        rule = "made of schedulers that multiply the rate"
        advice = "Those with a floor, and CyclicLR, OneCycleLR, LambdaLR and warm restarts, overwrite it."
        raise ConfigError(refusal("ChainedScheduler.schedulers", rule, f"{len(parts)} schedulers", advice))
    base = _base(parts, reading)
    schedules = [_rebased(part, base, fields) for part in parts]
    return Part(schedules[0] if len(schedules) == 1 else Product(tuple(schedules)), base, multiplies=True)


def _base(parts: Sequence[Part], reading: Reading) -> float | None:
    """The rate the whole is a share of: the largest of its parts'."""
    bases = [part.base for part in parts if part.base is not None]
    return max(bases) if bases else reading.base


def _rebased(part: Part, base: float | None, fields: Fields) -> Schedule:
    if part.base == base:
        return part.schedule
    if part.base is None or base is None:
        raise fields.refusal("schedulers", "of one known base rate", "Give peak= (--lr), the optimizer's own rate.")
    return part.schedule * (part.base / base)


def _metric(fields: Fields, _reading: Reading) -> Part:
    advice = "It follows a metric: multiply a schedule by preheat.plateau()."
    raise fields.refusal("patience", "absent: a function of the update", advice)


def _product(fields: Fields, _reading: Reading) -> Part:
    raise fields.refusal("lr_lambda", "of a LambdaLR", "MultiplicativeLR multiplies up a function of the past.")


# What a class takes after the optimizer, in order, and what makes the schedule.
_SINGLE: dict[str, tuple[str, Callable[[Fields, Reading], Part]]] = {
    "CosineAnnealingLR": ("T_max eta_min", _cosine),
    "LinearLR": ("start_factor end_factor total_iters", _linear),
    "ConstantLR": ("factor total_iters", _constant),
    "PolynomialLR": ("total_iters power", _polynomial),
    "ExponentialLR": ("gamma", _exponential),
    "StepLR": ("step_size gamma", _step),
    "MultiStepLR": ("milestones gamma", _multistep),
    "CosineAnnealingWarmRestarts": ("T_0 T_mult eta_min", _restarts),
    "CyclicLR": (
        "base_lr max_lr step_size_up step_size_down mode gamma scale_fn scale_mode cycle_momentum base_momentum"
        " max_momentum",
        cyclic,
    ),
    "OneCycleLR": (
        "max_lr total_steps epochs steps_per_epoch pct_start anneal_strategy cycle_momentum base_momentum max_momentum"
        " div_factor final_div_factor three_phase",
        one_cycle,
    ),
    "LambdaLR": ("lr_lambda", _lambda),
    "MultiplicativeLR": ("lr_lambda", _product),
    "ReduceLROnPlateau": ("mode factor patience", _metric),
}
_COMPOSED = {"SequentialLR": _sequential, "ChainedScheduler": _chained}
CLASSES = (*_SINGLE, *_COMPOSED)


def build(name: str, fields: Fields, reading: Reading, parts: Sequence[Part] = ()) -> Part:
    """The schedule of the class ``name``; ``parts`` are those of the schedulers inside it."""
    return _COMPOSED[name](fields, reading, parts) if name in _COMPOSED else _SINGLE[name][1](fields, reading)


def spelled_class(config: Any) -> str | None:
    """The class that a mapping names."""
    if isinstance(config, Mapping):
        for name in _SPELLINGS:
            if isinstance(config.get(name), str):
                return str(config[name]).rpartition(".")[2]
    return None


def build_spelled(config: Call | Fields, reading: Reading) -> Part:
    """The schedule of a call, or of a mapping that names the class and its arguments."""
    raw: Call | Mapping[str, Any] = config if isinstance(config, Call) else config.raw
    name = raw.function if isinstance(raw, Call) else spelled_class(raw) or ""
    if name not in CLASSES:
        near = difflib.get_close_matches(name, CLASSES, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else "Others are not known here."
        raise ConfigError(refusal("class", f"one of {', '.join(CLASSES)}", name or raw, advice))
    fields = _arguments(name, raw)
    parts: list[Part] = []
    if name in _COMPOSED:
        inside = fields.list("schedulers")
        if not inside or not all(isinstance(one, (Call, Mapping)) for one in inside):
            raise fields.refusal("schedulers", "a list of schedulers", "Give one at least.")
        parts = [build_spelled(one if isinstance(one, Call) else Fields(one), reading) for one in inside]
    part = build(name, fields, reading, parts)
    fields.refuse("last_epoch", why="Read the state to go on from it.", unless=(-1,))
    for ignored in ("optimizer", "verbose", *_SPELLINGS, "_partial_"):
        fields.value(ignored, None)
    fields.finish()
    return part


def _arguments(name: str, raw: Call | Mapping[str, Any]) -> Fields:
    if isinstance(raw, Call):
        if name == "ChainedScheduler":
            return raw.fields(("schedulers", "optimizer"))
        parameters = _SINGLE[name][0].split() if name in _SINGLE else ["schedulers", "milestones"]
        return raw.fields(("optimizer", *parameters, "last_epoch"))
    if isinstance(raw.get("init_args"), Mapping):
        return Fields(raw["init_args"], name)
    return Fields(raw, name)
