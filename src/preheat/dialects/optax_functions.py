"""optax' schedule functions, from their arguments."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from preheat.dialects.common.calls import Call
from preheat.dialects.common.fields import Fields
from preheat.dialects.common.ramps import cut, hold, ramp
from preheat.errors import ConfigError, refusal
from preheat.schedule import Phase, Schedule
from preheat.schedule.curves import Cosine, Curve, Exponential, Linear, OneMinusPower, Polynomial
from preheat.schedule.sequence import PhaseSchedule


@dataclass(frozen=True, slots=True)
class Part:
    """One schedule: its highest rate, and what makes it as shares of a base."""

    peak: float
    over: Callable[[float], Schedule]


def part_of(call: Any, notes: list[str]) -> Part:
    """The schedule of a call, or of a mapping or a plain rate in its place; adds to ``notes``."""
    if isinstance(call, (int, float)) and not isinstance(call, bool):
        call = Call("constant_schedule", (call,), {})
    if isinstance(call, Call):
        name = call.function
    elif isinstance(call, Mapping):
        name = named_in(call) or ""
    else:
        raise ConfigError(refusal("schedule", "the call of an optax function", call, "Write it out."))
    if name not in FUNCTIONS:
        near = difflib.get_close_matches(name, FUNCTIONS, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else "Others are not known here."
        raise ConfigError(refusal("function", f"one of {', '.join(FUNCTIONS)}", name or call, advice))
    parameters, make = FUNCTIONS[name]
    if isinstance(call, Call):
        fields = call.fields(parameters.split())
    else:
        given = call.get("kwargs")
        plain = {key: value for key, value in call.items() if key not in ("function", "name")}
        fields = Fields(given if isinstance(given, Mapping) else plain, name)
    part = make(fields, notes)
    fields.finish()
    return part


def named_in(config: Mapping[str, Any]) -> str | None:
    """The function that a mapping names."""
    for key in ("function", "name"):
        if isinstance(config.get(key), str):
            return str(config[key]).rpartition(".")[2]
    return None


def _rate(fields: Fields, name: str, *default: Any) -> float:
    return float(fields.number(name, *default, low=0.0, advice="It is a learning rate."))


def _row(*phases: Phase) -> PhaseSchedule:
    return PhaseSchedule(phases)


def _held(value: float) -> Part:
    return Part(value, lambda base: _row(hold(None, value / base)))


def _constant(fields: Fields, _notes: list[str]) -> Part:
    return _held(_rate(fields, "value"))


def _linear(fields: Fields, notes: list[str]) -> Part:
    return _moved(fields, notes, 1.0)


def _polynomial(fields: Fields, notes: list[str]) -> Part:
    return _moved(fields, notes, fields.number("power"))


def _moved(fields: Fields, notes: list[str], power: float) -> Part:
    start, end = _rate(fields, "init_value"), _rate(fields, "end_value")
    length = fields.count("transition_steps", low=-(2**53))
    begin = max(0, fields.count("transition_begin", 0, low=-(2**53)))
    if length <= 0:
        notes.append(f"with transition_steps={length} optax stays at init_value for ever")
        return _held(start)
    if power == 1:
        curve: Curve = Linear()
    else:  # the formula stays as it is when it rises, where a phase runs its curve backwards
        curve = OneMinusPower(power) if end > start else Polynomial(power)
    waiting = (start,) if begin else ()
    return Part(
        max(start, end),
        lambda base: _row(
            *(hold(begin, value / base) for value in waiting),
            Phase(curve=curve, length=length, start=start / base, end=end / base),
        ),
    )


def _exponential(fields: Fields, notes: list[str]) -> Part:
    start = _rate(fields, "init_value")
    curve, begin = _exponential_curve(fields, notes)
    floor = fields.number("end_value", None, low=0.0, advice="It is a learning rate.")
    if curve is None:
        return _held(start)

    def over(base: float) -> Schedule:
        fall = Phase(curve=curve, length=None, start=start / base)
        schedule: Schedule = _row(hold(begin, start / base), fall) if begin else _row(fall)
        return schedule if floor is None else schedule.clip(floor=floor / base)

    return Part(max(start, floor or 0.0), over)


def _exponential_curve(fields: Fields, notes: list[str]) -> tuple[Curve | None, int]:
    """The curve and the updates before it; None where optax stays at init_value."""
    length, rate = fields.number("transition_steps"), fields.number("decay_rate", low=0.0)
    begin, stairs = max(0, fields.count("transition_begin", 0, low=-(2**53))), fields.flag("staircase")
    if length <= 0 or rate == 0:
        notes.append(f"with transition_steps={length} and decay_rate={rate} optax stays at init_value for ever")
        return None, begin
    if rate > 1:
        raise fields.refusal("decay_rate", "in [0, 1]", "A rate that grows without end is no schedule here.")
    return Exponential(rate, length, stairs), begin


def _cosine(fields: Fields, _notes: list[str]) -> Part:
    start, length = _rate(fields, "init_value"), fields.count("decay_steps", low=1, advice="optax refuses it too.")
    alpha = fields.number("alpha", 0.0, low=0.0, advice="It is a share of init_value.")
    exponent = fields.number("exponent", 1.0)
    if alpha > 1 and exponent != 1:
        raise fields.refusal("alpha", "at most 1 with an exponent", "It would be another curve.")
    curve = Cosine(power=exponent)
    return Part(
        start * max(1.0, alpha),
        lambda base: _row(Phase(curve=curve, length=length, start=start / base, end=alpha * start / base)),
    )


def _knots(fields: Fields) -> list[tuple[int, float]]:
    """``boundaries_and_scales``, sorted; whole numbers in text, as JSON has them, are boundaries too."""
    given = fields.value("boundaries_and_scales", {})
    if not isinstance(given, Mapping):
        raise fields.refusal("boundaries_and_scales", "a mapping of updates to scales", "As in {100: 0.1}.")
    inside = Fields({"keys": [*given]}, fields.path("boundaries_and_scales"))
    borders = inside.numbers("keys", low=0, whole=True)
    scales = Fields({str(index): scale for index, scale in enumerate(given.values())}, inside.where)
    pairs = zip(borders, (scales.number(name, low=0.0) for name in scales.raw), strict=True)
    return sorted(pairs)


def _piecewise_constant(fields: Fields, _notes: list[str]) -> Part:
    knots = _knots(fields)
    values = list(accumulate((scale for _, scale in knots), lambda a, b: a * b, initial=_rate(fields, "init_value")))
    lengths = [after - before for before, after in pairwise([0, *(border for border, _ in knots)])]

    def over(base: float) -> Schedule:
        held = [hold(n, value / base) for n, value in zip([*lengths, None], values, strict=True) if n != 0]
        return PhaseSchedule(tuple(held))

    return Part(max(values), over)


def _piecewise_interpolate(fields: Fields, _notes: list[str]) -> Part:
    shape = fields.word("interpolate_type", ("linear", "cosine"))
    return _interpolated(shape, _rate(fields, "init_value"), _knots(fields))


def _interpolated(shape: str, start: float, knots: Sequence[tuple[int, float]]) -> Part:
    values = list(accumulate((scale for _, scale in knots), lambda a, b: a * b, initial=start))
    borders = [0, *(border for border, _ in knots)]
    curve = Linear() if shape == "linear" else Cosine()

    def over(base: float) -> Schedule:
        phases = [
            Phase(curve=curve, length=after - before, start=low / base, end=high / base)
            for (before, after), (low, high) in zip(pairwise(borders), pairwise(values), strict=True)
        ]
        return PhaseSchedule((*phases, hold(None, values[-1] / base)))

    return Part(max(values), over)


def _cosine_onecycle(fields: Fields, _notes: list[str]) -> Part:
    total, start, div, final = _cycle(fields)
    knots = {int(fields.number("pct_start", 0.3, low=0.0, high=1.0) * total): div, total: 1.0 / (div * final)}
    return _interpolated("cosine", start, sorted(knots.items()))


def _linear_onecycle(fields: Fields, _notes: list[str]) -> Part:
    total, start, div, final = _cycle(fields)
    top, back = (
        int(fields.number(name, share, low=0.0, high=1.0) * total)
        for name, share in (("pct_start", 0.3), ("pct_final", 0.85))
    )
    return _interpolated("linear", start, sorted({top: div, back: 1.0 / div, total: 1.0 / final}.items()))


def _cycle(fields: Fields) -> tuple[int, float, float, float]:
    """Updates, start rate, and the two divisors."""
    total, peak = fields.count("transition_steps", low=1), fields.rate("peak_value")
    div, final = fields.number("div_factor", 25.0), fields.number("final_div_factor", 1e4)
    for name, value in (("div_factor", div), ("final_div_factor", final)):
        if value <= 0:
            raise fields.refusal(name, "> 0", "It divides a rate.")
    return total, peak / div, div, final


def _warmup_constant(fields: Fields, notes: list[str]) -> Part:
    start, peak = _rate(fields, "init_value"), _rate(fields, "peak_value")
    warmup = fields.count("warmup_steps", low=0)
    if not warmup:
        notes.append("with warmup_steps=0 optax stays at init_value for ever: peak_value is never used")
        return Part(start or peak, lambda base: _row(hold(None, start / base)))
    return Part(
        max(start, peak),
        lambda base: _row(*_climb(warmup, start, peak, base), hold(None, peak / base)),
    )


def _warmup_cosine(fields: Fields, _notes: list[str]) -> Part:
    start, peak, end = _rate(fields, "init_value"), _rate(fields, "peak_value"), _rate(fields, "end_value", 0.0)
    warmup, total = fields.count("warmup_steps"), fields.count("decay_steps")
    exponent = fields.number("exponent", 1.0)
    if total <= warmup:
        raise fields.refusal(
            "decay_steps", f"above warmup_steps={warmup}", "It counts the whole run, warm-up included."
        )
    if not peak:
        return Part(start, lambda base: _row(*_climb(warmup, start, 0.0, base), hold(None, 0.0)))
    if end > peak and exponent != 1:
        raise fields.refusal("end_value", "at most peak_value with an exponent", "It would be another curve.")
    curve = Cosine(power=exponent)
    return Part(
        max(start, peak, end),
        lambda base: _row(
            *_climb(warmup, start, peak, base),
            Phase(curve=curve, length=total - warmup, start=peak / base, end=end / base),
        ),
    )


def _climb(warmup: int, start: float, peak: float, base: float) -> tuple[Phase, ...]:
    if start == 0 and peak == base:
        return ramp(warmup)
    return (Phase(curve=Linear(), length=warmup, start=start / base, end=peak / base),) if warmup else ()


def _warmup_exponential(fields: Fields, notes: list[str]) -> Part:
    start, peak, warmup = _rate(fields, "init_value"), _rate(fields, "peak_value"), fields.count("warmup_steps")
    rest = Fields({**{key: fields.value(key, None) for key in _AFTER_WARMUP}, "init_value": peak}, fields.where)
    after = _exponential(rest, notes)
    return Part(
        max(start, after.peak),
        lambda base: PhaseSchedule((*_climb(warmup, start, peak, base), after.over(base))),
    )


_AFTER_WARMUP = ("transition_steps", "decay_rate", "transition_begin", "staircase", "end_value")


def _sgdr(fields: Fields, notes: list[str]) -> Part:
    cycles = fields.list("cosine_kwargs")
    if not cycles:
        raise fields.refusal("cosine_kwargs", "one cycle at least", "Each is a mapping.")
    inside = [Fields(cycle, f"{fields.path('cosine_kwargs')}[{index}]") for index, cycle in enumerate(cycles)]
    parts = [_warmup_cosine(cycle, notes) for cycle in inside]
    for cycle in inside:
        cycle.finish()
    borders = list(accumulate(cycle.count("decay_steps") for cycle in inside))
    return _joined(parts, borders[:-1])


def _join(fields: Fields, notes: list[str]) -> Part:
    parts = [part_of(call, notes) for call in fields.list("schedules")]
    borders = fields.numbers("boundaries", low=0, whole=True)
    if not parts or len(borders) != len(parts) - 1 or sorted(borders) != borders:
        advice = f"There are {len(parts)} schedules."
        raise fields.refusal("boundaries", "a rising number between each two schedules", advice)
    return _joined(parts, borders)


def _joined(parts: Sequence[Part], borders: Sequence[int]) -> Part:
    ends: list[int | None] = [*borders, None]

    def over(base: float) -> Schedule:
        taken: list[Phase | Schedule] = []
        begin = 0
        for part, end in zip(parts, ends, strict=True):
            if end is None:
                taken.append(part.over(base))
            elif end > begin:
                taken.append(cut(part.over(base), end - begin))
                begin = end
        return PhaseSchedule(tuple(taken))

    return Part(max(part.peak for part in parts), over)


# What each function takes, in order, and what makes the schedule.
FUNCTIONS: dict[str, tuple[str, Callable[[Fields, list[str]], Part]]] = {
    "constant_schedule": ("value", _constant),
    "linear_schedule": ("init_value end_value transition_steps transition_begin", _linear),
    "polynomial_schedule": ("init_value end_value power transition_steps transition_begin", _polynomial),
    "exponential_decay": (
        "init_value transition_steps decay_rate transition_begin staircase end_value",
        _exponential,
    ),
    "cosine_decay_schedule": ("init_value decay_steps alpha exponent", _cosine),
    "piecewise_constant_schedule": ("init_value boundaries_and_scales", _piecewise_constant),
    "piecewise_interpolate_schedule": ("interpolate_type init_value boundaries_and_scales", _piecewise_interpolate),
    "cosine_onecycle_schedule": (
        "transition_steps peak_value pct_start div_factor final_div_factor",
        _cosine_onecycle,
    ),
    "linear_onecycle_schedule": (
        "transition_steps peak_value pct_start pct_final div_factor final_div_factor",
        _linear_onecycle,
    ),
    "warmup_constant_schedule": ("init_value peak_value warmup_steps", _warmup_constant),
    "warmup_cosine_decay_schedule": (
        "init_value peak_value warmup_steps decay_steps end_value exponent",
        _warmup_cosine,
    ),
    "warmup_exponential_decay_schedule": (
        "init_value peak_value warmup_steps transition_steps decay_rate transition_begin staircase end_value",
        _warmup_exponential,
    ),
    "sgdr_schedule": ("cosine_kwargs", _sgdr),
    "join_schedules": ("schedules boundaries", _join),
}
