"""optax schedules: the calls that make them, as text or as data.

Shape    text such as ``optax.warmup_cosine_decay_schedule(0.0, 1e-3, 100, 1000)``, also with names assigned before and
         inside an optimizer's call, read and never run; or ``{"function": "linear_schedule", "init_value": ...}`` with
         the arguments beside the name or under ``kwargs``.
Fields   those of the functions, with optax' defaults.
Step     update n uses ``schedule(count)`` with count = n. A warm-up is n / W; ``decay_steps`` of the warm-up schedules
         is the whole run, warm-up included; boundaries change at the update itself.
Ends     the end value is held.
Floors   ``end_value`` is a rate, ``alpha`` a share; both rescale, exponential_decay's ``end_value`` clips.
W = 0    warmup_cosine_decay starts at the peak; warmup_constant_schedule stays at ``init_value`` for ever.
Read     optax 0.2.8: schedules/_schedule.py, _join.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from preheat.dialects.definition import Context, Dialect, Example, Imported, Outline
from preheat.dialects.fields import Fields
from preheat.dialects.loading import Call, last_call, run_of_calls
from preheat.dialects.phases import cut, hold, warm_up
from preheat.dialects.writing import Piece, flat
from preheat.errors import ConfigError, refusal, unknown_name
from preheat.messages import _, joined, plural
from preheat.schedule import Phase, Schedule
from preheat.schedule.combine import Clip
from preheat.schedule.curves import Constant, Cosine, Curve, Exponential, Linear, OneMinusPower, Polynomial
from preheat.schedule.lengths import known
from preheat.schedule.sequence import PhaseSchedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read(config: Fields | Any, context: Context) -> Imported:
    """A call, or data that names a function and its arguments."""
    notes: list[str] = []
    call: Any = config.raw if isinstance(config, Fields) else config
    if isinstance(config, str):
        # The last one made, also inside an optimizer's call: what comes before is what it is made of.
        call = last_call(run_of_calls(config), _FUNCTIONS)
        if call is None:
            advice = _("Known: {names}.", names=joined(", ", _FUNCTIONS))
            raise ConfigError(refusal("config", _("code that makes an optax schedule"), config[:80], advice))
    part = _part_of(call, notes)
    # Shares of the highest rate anywhere, which need not be that of the peak_value.
    base = part.peak or context.peak
    if not base:
        raise ConfigError(refusal("schedule", _("above zero somewhere"), 0.0, _("Nothing would train.")))
    schedule = part.over(base)
    return Imported(schedule, context.rate("peak_value", base), tuple(dict.fromkeys(notes)), total=context.total)


# Functions and what makes their schedules, as shares of a base that is known only when all parts are.


@dataclass(frozen=True, slots=True)
class _Part:
    """One schedule: its highest rate, and what makes it as shares of a base."""

    peak: float
    over: Callable[[float], Schedule]


def _part_of(call: Any, notes: list[str]) -> _Part:
    """The schedule of a call, or of a mapping or a plain rate in its place; adds to ``notes``."""
    if isinstance(call, (int, float)) and not isinstance(call, bool):
        # join_schedules takes plain rates too: optax makes constants of them.
        call = Call("constant_schedule", (call,), {})
    if isinstance(call, Call):
        name = call.function
    elif isinstance(call, Mapping):
        name = _named_in(call) or ""
    else:
        raise ConfigError(refusal("schedule", _("the call of an optax function"), call, _("Write it out.")))
    if name not in _FUNCTIONS:
        raise ConfigError(unknown_name("function", _("a schedule function known here"), name or call, _FUNCTIONS))
    parameters, make = _FUNCTIONS[name]
    if isinstance(call, Call):
        fields = call.fields(parameters.split())
    else:
        given = call.get("kwargs")
        plain = {key: value for key, value in call.items() if key not in ("function", "name")}
        fields = Fields(given if isinstance(given, Mapping) else plain, name)
    part = make(fields, notes)
    fields.finish()
    return part


def _named_in(config: Mapping[str, Any]) -> str | None:
    """The function that a mapping names."""
    for key in ("function", "name"):
        if isinstance(config.get(key), str):
            return str(config[key]).rpartition(".")[2]
    return None


def _constant(fields: Fields, _notes: list[str]) -> _Part:
    return _held(_rate(fields, "value"))


def _linear(fields: Fields, notes: list[str]) -> _Part:
    return _moved(fields, notes, 1.0)


def _polynomial(fields: Fields, notes: list[str]) -> _Part:
    return _moved(fields, notes, fields.number("power"))


def _moved(fields: Fields, notes: list[str], power: float) -> _Part:
    start, end = _rate(fields, "init_value"), _rate(fields, "end_value")
    length = fields.count("transition_steps", low=-(2**53))
    # optax warns of a negative one and takes 0; of transition_steps it warns too, and stays constant.
    begin = max(0, fields.count("transition_begin", 0, low=-(2**53)))
    if length <= 0:
        notes.append(_("with transition_steps={length} optax stays at init_value for ever", length=length))
        return _held(start)
    if power == 1:
        curve: Curve = Linear()
    else:  # the formula stays as it is when it rises, where a phase runs its curve backwards
        curve = OneMinusPower(power) if end > start else Polynomial(power)
    waiting = (start,) if begin else ()
    return _Part(
        max(start, end),
        lambda base: _row(
            *(hold(begin, value / base) for value in waiting),
            Phase(curve=curve, length=length, start=start / base, end=end / base),
        ),
    )


def _exponential(fields: Fields, notes: list[str]) -> _Part:
    start = _rate(fields, "init_value")
    curve, begin = _exponential_curve(fields, notes)
    floor = fields.number("end_value", None, low=0.0, advice=_("It is a learning rate."))
    if curve is None:
        return _held(start)

    def over(base: float) -> Schedule:
        fall = Phase(curve=curve, length=None, start=start / base)
        schedule: Schedule = _row(hold(begin, start / base), fall) if begin else _row(fall)
        return schedule if floor is None else schedule.clip(floor=floor / base)

    return _Part(max(start, floor or 0.0), over)


def _exponential_curve(fields: Fields, notes: list[str]) -> tuple[Curve | None, int]:
    """The curve and the updates before it; None where optax stays at init_value."""
    length, rate = fields.number("transition_steps"), fields.number("decay_rate", low=0.0)
    # optax' own rules: a decay_rate of 0 is no decay, not a fall to 0.
    begin, stairs = max(0, fields.count("transition_begin", 0, low=-(2**53))), fields.flag("staircase")
    if length <= 0 or rate == 0:
        notes.append(
            _(
                "with transition_steps={length} and decay_rate={rate} optax stays at init_value for ever",
                length=length,
                rate=rate,
            )
        )
        return None, begin
    if rate > 1:
        raise fields.refusal("decay_rate", _("in [0, 1]"), _("A rate that grows without end is no schedule here."))
    return Exponential(rate, length, stairs), begin


def _cosine(fields: Fields, _notes: list[str]) -> _Part:
    start, length = _rate(fields, "init_value"), fields.count("decay_steps", low=1, advice=_("optax refuses it too."))
    alpha = fields.number("alpha", 0.0, low=0.0, advice=_("It is a share of init_value."))
    exponent = fields.number("exponent", 1.0)
    # A phase that rises runs its curve backwards, which is the same curve only for an exponent of 1.
    if alpha > 1 and exponent != 1:
        raise fields.refusal("alpha", _("at most 1 with an exponent"), _("It would be another curve."))
    curve = Cosine(power=exponent)
    return _Part(
        start * max(1.0, alpha),
        lambda base: _row(Phase(curve=curve, length=length, start=start / base, end=alpha * start / base)),
    )


def _piecewise_constant(fields: Fields, _notes: list[str]) -> _Part:
    knots = _given_knots(fields)
    # Scales multiply: each is of the value before it, not of init_value.
    values = list(
        accumulate((scale for _unused, scale in knots), lambda a, b: a * b, initial=_rate(fields, "init_value"))
    )
    lengths = [after - before for before, after in pairwise([0, *(border for border, _unused in knots)])]

    def over(base: float) -> Schedule:
        held = [hold(n, value / base) for n, value in zip([*lengths, None], values, strict=True) if n != 0]
        return PhaseSchedule(tuple(held))

    return _Part(max(values), over)


def _piecewise_interpolate(fields: Fields, _notes: list[str]) -> _Part:
    shape = fields.word("interpolate_type", ("linear", "cosine"))
    return _interpolated(shape, _rate(fields, "init_value"), _given_knots(fields))


def _interpolated(shape: str, start: float, knots: Sequence[tuple[int, float]]) -> _Part:
    values = list(accumulate((scale for _unused, scale in knots), lambda a, b: a * b, initial=start))
    borders = [0, *(border for border, _unused in knots)]
    curve = Linear() if shape == "linear" else Cosine()

    def over(base: float) -> Schedule:
        phases = [
            Phase(curve=curve, length=after - before, start=low / base, end=high / base)
            for (before, after), (low, high) in zip(pairwise(borders), pairwise(values), strict=True)
        ]
        return PhaseSchedule((*phases, hold(None, values[-1] / base)))

    return _Part(max(values), over)


def _given_knots(fields: Fields) -> list[tuple[int, float]]:
    """``boundaries_and_scales``, sorted; whole numbers in text, as JSON has them, are boundaries too."""
    given = fields.value("boundaries_and_scales", {})
    if not isinstance(given, Mapping):
        raise fields.refusal("boundaries_and_scales", _("a mapping of updates to scales"), _("As in {{100: 0.1}}."))
    # Keys of a dictionary in JSON are text: they are checked as numbers like any others.
    inside = Fields({"keys": [*given]}, fields.path("boundaries_and_scales"))
    borders = inside.numbers("keys", low=0, whole=True)
    scales = Fields({str(index): scale for index, scale in enumerate(given.values())}, inside.where)
    pairs = zip(borders, (scales.number(name, low=0.0) for name in scales.raw), strict=True)
    return sorted(pairs)


def _cosine_onecycle(fields: Fields, _notes: list[str]) -> _Part:
    total, start, div, final = _cycle(fields)
    # Two knots at one update are one, as in the dictionary that optax makes; so below.
    knots = {int(fields.number("pct_start", 0.3, low=0.0, high=1.0) * total): div, total: 1.0 / (div * final)}
    return _interpolated("cosine", start, sorted(knots.items()))


def _linear_onecycle(fields: Fields, _notes: list[str]) -> _Part:
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
            raise fields.refusal(name, _("> 0"), _("It divides a rate."))
    return total, peak / div, div, final


def _warmup_constant(fields: Fields, notes: list[str]) -> _Part:
    start, peak = _rate(fields, "init_value"), _rate(fields, "peak_value")
    warmup = fields.count("warmup_steps", low=0)
    if not warmup:
        # Its linear_schedule of 0 steps returns init_value, and no other schedule follows.
        notes.append(_("with warmup_steps=0 optax stays at init_value for ever: peak_value is never used"))
        return _Part(start or peak, lambda base: _row(hold(None, start / base)))
    return _Part(
        max(start, peak),
        lambda base: _row(*_rise(warmup, start, peak, base), hold(None, peak / base)),
    )


def _warmup_cosine(fields: Fields, _notes: list[str]) -> _Part:
    start, peak, end = _rate(fields, "init_value"), _rate(fields, "peak_value"), _rate(fields, "end_value", 0.0)
    warmup, total = fields.count("warmup_steps"), fields.count("decay_steps")
    exponent = fields.number("exponent", 1.0)
    if total <= warmup:
        raise fields.refusal(
            "decay_steps",
            _("above warmup_steps={warmup}", warmup=warmup),
            _("It counts the whole run, warm-up included."),
        )
    if not peak:
        # optax divides end_value by a peak of 0 to get alpha, and takes 0 for it.
        return _Part(start, lambda base: _row(*_rise(warmup, start, 0.0, base), hold(None, 0.0)))
    if end > peak and exponent != 1:
        raise fields.refusal("end_value", _("at most peak_value with an exponent"), _("It would be another curve."))
    curve = Cosine(power=exponent)
    return _Part(
        max(start, peak, end),
        lambda base: _row(
            *_rise(warmup, start, peak, base),
            Phase(curve=curve, length=total - warmup, start=peak / base, end=end / base),
        ),
    )


def _rise(warmup: int, start: float, peak: float, base: float) -> tuple[Phase, ...]:
    # The plainest phase where it is one, so that it is written back as a warm-up.
    if start == 0 and peak == base:
        return warm_up(warmup)
    return (Phase(curve=Linear(), length=warmup, start=start / base, end=peak / base),) if warmup else ()


def _warmup_exponential(fields: Fields, notes: list[str]) -> _Part:
    start, peak, warmup = _rate(fields, "init_value"), _rate(fields, "peak_value"), fields.count("warmup_steps")
    # What follows the warm-up is its exponential_decay from the peak, its count begun anew at the border.
    rest = Fields({**{key: fields.value(key, None) for key in _AFTER_WARMUP}, "init_value": peak}, fields.where)
    after = _exponential(rest, notes)
    return _Part(
        max(start, after.peak),
        lambda base: PhaseSchedule((*_rise(warmup, start, peak, base), after.over(base))),
    )


_AFTER_WARMUP = ("transition_steps", "decay_rate", "transition_begin", "staircase", "end_value")


def _sgdr(fields: Fields, notes: list[str]) -> _Part:
    cycles = fields.list("cosine_kwargs")
    if not cycles:
        raise fields.refusal("cosine_kwargs", _("one cycle at least"), _("Each is a mapping."))
    inside = [Fields(cycle, f"{fields.path('cosine_kwargs')}[{index}]") for index, cycle in enumerate(cycles)]
    parts = [_warmup_cosine(cycle, notes) for cycle in inside]
    for cycle in inside:
        cycle.finish()
    # Each cycle's decay_steps has its warm-up in it, so that their sum is the run.
    borders = list(accumulate(cycle.count("decay_steps") for cycle in inside))
    return _joined(parts, borders[:-1])


def _join(fields: Fields, notes: list[str]) -> _Part:
    parts = [_part_of(call, notes) for call in fields.list("schedules")]
    borders = fields.numbers("boundaries", low=0, whole=True)
    if not parts or len(borders) != len(parts) - 1 or sorted(borders) != borders:
        advice = plural("There is {n} schedule.", "There are {n} schedules.", len(parts))
        raise fields.refusal("boundaries", _("a rising number between each two schedules"), advice)
    return _joined(parts, borders)


def _joined(parts: Sequence[_Part], borders: Sequence[int]) -> _Part:
    # optax counts each schedule from its own border on; those cut to nothing are left out.
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

    return _Part(max(part.peak for part in parts), over)


def _rate(fields: Fields, name: str, *default: Any) -> float:
    return float(fields.number(name, *default, low=0.0, advice=_("It is a learning rate.")))


def _row(*phases: Phase) -> PhaseSchedule:
    return PhaseSchedule(phases)


def _held(value: float) -> _Part:
    return _Part(value, lambda base: _row(hold(None, value / base)))


# What each function takes, in order, and what makes the schedule.
_FUNCTIONS: dict[str, tuple[str, Callable[[Fields, list[str]], _Part]]] = {
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


# Writing: the functions people use where one fits, else one a phase, joined.


_NEAR = 1e-12  # of the peak: no further knot is needed


def write(asked: Outline) -> Iterator[str]:
    """Programs that make the schedule, the plainest first."""
    # The rate that factors of 1 stand for. Fifteen digits, so that it reads as it was given.
    scale = float(asked.schedule(range(asked.total + 1)).max())
    base = float(f"{asked.peak / scale:.15g}")
    schedule, floor = asked.schedule, ""
    # exponential_decay alone cuts off at a floor, by its end_value.
    clipped = schedule if isinstance(schedule, Clip) and schedule.ceiling is None else None
    if clipped is not None and clipped.floor is not None:
        schedule, floor = clipped.of, f", end_value={known(clipped.floor) * base!r}"
    pieces = flat(schedule, asked.total)
    if pieces is not None:
        for expression in (*_with_warmup(pieces, base, floor), *_steps(pieces, base), _in_a_row(pieces, base, floor)):
            if expression is not None:
                yield _program(expression)
    for expression in (*_fitted(asked), *_through(asked)):
        yield _program(expression)


def _program(expression: str) -> str:
    """An expression as a program.

    >>> print(_program("optax.constant_schedule(0.1)"))
    import optax
    <BLANKLINE>
    schedule = optax.constant_schedule(0.1)
    """
    return f"import optax\n\nschedule = {expression}"


def _with_warmup(pieces: list[Piece], base: float, floor: str) -> Iterator[str]:
    """A warm-up and one curve, where optax has a function for the two."""
    rise, *others = pieces
    if not others or not isinstance(rise.phase.curve, Linear) or rise.goal != 1 or rise.phase.skip:
        return
    first = float(rise.phase.at(0, rise.phase.updates))
    native = rise.phase.convention == "native"
    rates = f"init_value={first * base!r}, peak_value={base!r}, warmup_steps={rise.begin + (rise.end or 0) - native}"
    after = others[0]
    curve, late = after.phase.curve, after.phase.skip + int(after.phase.convention == "native")
    if isinstance(curve, Constant) and after.end is None and after.start == 1:
        yield f"optax.warmup_constant_schedule({rates})"
    if late != int(native) or after.start != 1:
        return
    if isinstance(curve, Cosine) and curve == Cosine(power=curve.power) and isinstance(after.phase.length, int):
        total = after.begin - late + after.phase.length
        more = f", end_value={after.goal * base!r}" if after.goal else ""
        more += f", exponent={curve.power!r}" if curve.power != 1 else ""
        yield f"optax.warmup_cosine_decay_schedule({rates}, decay_steps={total}{more})"
    if isinstance(curve, Exponential) and not after.goal:
        more = f"transition_steps={_plain(curve.steps)}, decay_rate={curve.rate!r}"
        more += ", staircase=True" if curve.staircase else ""
        yield f"optax.warmup_exponential_decay_schedule({rates}, {more}{floor})"


def _steps(pieces: list[Piece], base: float) -> Iterator[str]:
    """Constant stretches."""
    if len(pieces) > 1 and all(isinstance(piece.phase.curve, Constant) and piece.start for piece in pieces):
        scales = {after.begin: after.start / before.start for before, after in pairwise(pieces)}
        yield f"optax.piecewise_constant_schedule({pieces[0].start * base!r}, {scales!r})"


def _in_a_row(pieces: list[Piece], base: float, floor: str = "") -> str | None:
    """One schedule a phase; None for what optax has no function for."""
    made: list[str] = []
    borders: list[int] = []
    for index, piece in enumerate(pieces):
        # Updates that its curve has done before the piece begins; optax counts from 0.
        late = piece.phase.skip + int(piece.phase.convention == "native")
        begin = piece.begin
        if late and not isinstance(piece.phase.curve, (Linear, Constant)):
            # The curve has begun before: let it begin an update early, where the rate is the one it begins at.
            begin -= int(late)
            if late != 1 or not index or abs(_last(pieces[index - 1]) - piece.start) > 1e-12:
                return None
        expression = _expression(piece, base, floor)
        if expression is None:
            return None
        made.append(expression)
        borders.append(begin)
    # Every function of optax holds what it has reached: a level at the end is nothing to write.
    if len(made) > 1 and pieces[-2].arrival == pieces[-1].start and isinstance(pieces[-1].phase.curve, Constant):
        made.pop()
    if len(made) == 1:
        return made[0]
    inside = "".join(f"        {expression},\n" for expression in made)
    return f"optax.join_schedules(\n    [\n{inside}    ],\n    boundaries={borders[1 : len(made)]!r},\n)"


def _last(piece: Piece) -> float:
    """The factor of the last update of a piece."""
    updates = piece.updates or 0
    length = piece.phase.updates
    return float(piece.phase.at(updates - 1, (length or updates) - updates + 1))


def _expression(piece: Piece, base: float, floor: str) -> str | None:
    phase, curve = piece.phase, piece.phase.curve
    start, goal = piece.start * base, piece.goal * base
    if isinstance(curve, Constant):
        return f"optax.constant_schedule({start!r})"
    if isinstance(curve, Linear) and phase.updates is not None:
        return _line(phase, base)
    if isinstance(curve, Exponential) and not goal:
        stairs = ", staircase=True" if curve.staircase else ""
        return f"optax.exponential_decay({start!r}, {_plain(curve.steps)}, {curve.rate!r}{stairs}{floor})"
    if not isinstance(phase.length, int):
        return None
    # optax' cosine is ours: a rising one is the falling one mirrored, which a power would tell apart.
    mirrored = isinstance(curve, Cosine) and goal > start and curve.power != 1
    if isinstance(curve, Cosine) and curve == Cosine(power=curve.power) and start and not mirrored:
        more = f", alpha={goal / start!r}" if goal else ""
        more += f", exponent={curve.power!r}" if curve.power != 1 else ""
        return f"optax.cosine_decay_schedule({start!r}, {phase.length}{more})"
    falls = isinstance(curve, Polynomial) and curve.k == 1 and goal <= start
    if falls or (isinstance(curve, OneMinusPower) and goal > start):
        power = curve.power  # type: ignore[attr-defined]
        return f"optax.polynomial_schedule({start!r}, {goal!r}, {power!r}, {phase.length})"
    return None


def _line(phase: Phase, base: float) -> str:
    first, last = phase.at(0, phase.updates), phase.value(phase.length, 0)
    # One step less where the last update is at the end already.
    steps = int(phase.updates or 0) - int(phase.convention == "native")
    if not steps:
        return f"optax.constant_schedule({first * base!r})"
    return f"optax.linear_schedule({first * base!r}, {last * base!r}, {steps})"


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _fitted(asked: Outline) -> Iterator[str]:
    """The run's own lengths and floors in the functions that most people use."""
    peak = asked.peak
    for warmup in asked.warmups:
        for start in asked.starts:
            rates = f"init_value={start * peak!r}, peak_value={peak!r}, warmup_steps={warmup}"
            yield f"optax.warmup_constant_schedule({rates})"
            for floor in asked.floors:
                for total in (asked.total, asked.total - 1):
                    end = f"decay_steps={total}, end_value={floor * peak!r}"
                    # Where no function is the curve, a power of the cosine comes near most of them.
                    for exponent in (1.0, 1.5, 2.0, 3.0) if floor <= 1 else ():
                        yield f"optax.warmup_cosine_decay_schedule({rates}, {end}, exponent={exponent!r})"
                    rise = f"optax.linear_schedule({start * peak!r}, {peak!r}, {warmup})"
                    for power in asked.option("power", 1.0, 2.0, 0.5):
                        length = total - warmup
                        fall = f"optax.polynomial_schedule({peak!r}, {floor * peak!r}, {power!r}, {length})"
                        yield f"optax.join_schedules([{rise}, {fall}], boundaries=[{warmup}])"


def _through(asked: Outline) -> Iterator[str]:
    """Straight lines through knots, more of them the nearer."""
    values = asked.factors[: asked.total] * asked.peak
    # A few knots are readable, and 48 hold any smooth curve within a thousandth of its peak; the nearest is
    # taken anyway.
    for most in (8, 16, 48):
        knots = _knots(values, most)
        lead = knots[1] if not values[0] else 0  # scales multiply, so nothing would come of a start at 0
        inner = [float(values[knot]) for knot in knots if knot >= lead]
        if len(inner) < 2 or not all(inner[:-1]):
            continue
        borders = [knot - lead for knot in knots if knot > lead]
        scales = {knot: after / before for knot, (before, after) in zip(borders, pairwise(inner), strict=True)}
        lines = f"optax.piecewise_interpolate_schedule('linear', {inner[0]!r}, {scales!r})"
        rise = f"optax.linear_schedule(0.0, {inner[0]!r}, {lead})"
        yield f"optax.join_schedules([{rise}, {lines}], boundaries=[{lead}])" if lead else lines


def _knots(values: NDArray[np.float64], most: int) -> list[int]:
    """The update furthest from the lines so far, again and again (Ramer, Douglas and Peucker)."""
    import numpy as np

    every = np.arange(len(values))
    knots = [0, len(values) - 1]
    while len(knots) < most:
        apart = np.abs(values - np.interp(every, knots, values[knots]))
        if apart.max() <= _NEAR * values.max():
            break
        knots = sorted({*knots, int(apart.argmax())})
    return knots


# The dialect.


def matches(config: Any) -> int:
    """3 for data that names one of the functions, 2 for code that calls one."""
    if isinstance(config, Mapping):
        return 3 if _named_in(config) in _FUNCTIONS else 0
    if isinstance(config, str):
        return 2 if re.search(rf"\b({'|'.join(_FUNCTIONS)})\s*\(", config) else 0
    return 0


def _example(call: str) -> Example:
    return Example(call.partition("(")[0], f"optax.{call}", {"total": 100})


DIALECT = Dialect(
    name="optax",
    title=_("optax schedules"),
    source="optax 0.2.8",
    convention=_(
        "update n uses schedule(n): n / W in the warm-up; decay_steps of the warm-up schedules is the whole run"
    ),
    read=read,
    matches=matches,
    examples=(
        _example("constant_schedule(0.1)"),
        _example("linear_schedule(init_value=0.1, end_value=0.01, transition_steps=100)"),
        _example("polynomial_schedule(0.1, 0.01, 2.0, 100)"),
        _example("exponential_decay(0.1, transition_steps=10, decay_rate=0.9, end_value=0.05)"),
        _example("cosine_decay_schedule(0.1, decay_steps=100, alpha=0.1, exponent=1.5)"),
        _example("piecewise_constant_schedule(0.1, {50: 0.1, 80: 0.5})"),
        _example("piecewise_interpolate_schedule('cosine', 0.1, {20: 5.0, 100: 0.1})"),
        _example("cosine_onecycle_schedule(transition_steps=100, peak_value=0.1)"),
        _example("linear_onecycle_schedule(transition_steps=100, peak_value=0.1)"),
        _example("warmup_constant_schedule(init_value=0.0, peak_value=0.1, warmup_steps=10)"),
        _example("warmup_cosine_decay_schedule(0.0, 0.1, warmup_steps=10, decay_steps=100, end_value=0.01)"),
        _example("warmup_exponential_decay_schedule(0.0, 0.1, 10, transition_steps=20, decay_rate=0.5)"),
        Example(
            "sgdr_schedule",
            {
                "function": "optax.sgdr_schedule",
                "cosine_kwargs": [
                    {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 5, "decay_steps": 40},
                    {"init_value": 0.0, "peak_value": 0.05, "warmup_steps": 5, "decay_steps": 60},
                ],
            },
            {"total": 100},
        ),
        Example(
            "join_schedules",
            "warmup = optax.linear_schedule(0.0, 0.1, 10)\n"
            "schedule = optax.join_schedules([warmup, optax.cosine_decay_schedule(0.1, 90)], boundaries=[10])",
            {"total": 100},
        ),
    ),
    write=write,
)
