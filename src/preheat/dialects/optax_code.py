"""Schedules as optax code: the functions people use where one fits, else one a phase, joined."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from preheat.dialects.common.flat import Piece, flat
from preheat.dialects.common.outline import Outline
from preheat.schedule import Phase
from preheat.schedule.combine import Clip
from preheat.schedule.curves import Constant, Cosine, Exponential, Linear, OneMinusPower, Polynomial
from preheat.schedule.factors import known

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NEAR = 1e-12  # of the peak: no further knot is needed


def write(asked: Outline) -> Iterator[str]:
    """Programs that make the schedule, the plainest first."""
    scale = float(asked.schedule(range(asked.total + 1)).max())
    base = float(f"{asked.peak / scale:.15g}")
    schedule, floor = asked.schedule, ""
    clipped = schedule if isinstance(schedule, Clip) and schedule.ceiling is None else None
    if clipped is not None and clipped.floor is not None:
        schedule, floor = clipped.of, f", end_value={known(clipped.floor) * base!r}"
    pieces = flat(schedule, asked.total)
    if pieces is not None:
        for expression in (*_named(pieces, base, floor), *_steps(pieces, base), joined(pieces, base, floor)):
            if expression is not None:
                yield program(expression)
    for expression in (*_fitted(asked), *_through(asked)):
        yield program(expression)


def program(expression: str) -> str:
    """An expression as a program.

    >>> print(program("optax.constant_schedule(0.1)"))
    import optax
    <BLANKLINE>
    schedule = optax.constant_schedule(0.1)
    """
    return f"import optax\n\nschedule = {expression}"


def joined(pieces: list[Piece], base: float, floor: str = "") -> str | None:
    """One schedule a phase; None for what optax has no function for."""
    made: list[str] = []
    borders: list[int] = []
    for index, piece in enumerate(pieces):
        late = piece.phase.skip + int(piece.phase.convention == "native")
        begin = piece.begin
        if late and not isinstance(piece.phase.curve, (Linear, Constant)):
            # The curve has begun before: let it, if the rate before is where it begins.
            begin -= int(late)
            if late != 1 or not index or abs(_last(pieces[index - 1]) - piece.start) > 1e-12:
                return None
        expression = _expression(piece, base, floor)
        if expression is None:
            return None
        made.append(expression)
        borders.append(begin)
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
        return f"optax.exponential_decay({start!r}, {_whole(curve.steps)}, {curve.rate!r}{stairs}{floor})"
    if not isinstance(phase.length, int):
        return None
    if isinstance(curve, Cosine) and curve == Cosine(power=curve.power) and start and _same(curve.power, goal <= start):
        more = f", alpha={goal / start!r}" if goal else ""
        more += f", exponent={curve.power!r}" if curve.power != 1 else ""
        return f"optax.cosine_decay_schedule({start!r}, {phase.length}{more})"
    falls = isinstance(curve, Polynomial) and curve.k == 1 and goal <= start
    if falls or (isinstance(curve, OneMinusPower) and goal > start):
        power = curve.power  # type: ignore[attr-defined]
        return f"optax.polynomial_schedule({start!r}, {goal!r}, {power!r}, {phase.length})"
    return None


def _same(power: float, falls: bool) -> bool:
    """Whether optax' cosine is ours: a rising one is the falling one mirrored, which a power would tell apart."""
    return falls or power == 1


def _line(phase: Phase, base: float) -> str:
    first, last = phase.at(0, phase.updates), phase.value(phase.length, 0)
    steps = int(phase.updates or 0) - int(phase.convention == "native")
    if not steps:
        return f"optax.constant_schedule({first * base!r})"
    return f"optax.linear_schedule({first * base!r}, {last * base!r}, {steps})"


def _whole(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _named(pieces: list[Piece], base: float, floor: str) -> Iterator[str]:
    """A climb and one curve, where optax has a function for the two."""
    climb, *others = pieces
    if not others or not isinstance(climb.phase.curve, Linear) or climb.goal != 1 or climb.phase.skip:
        return
    first = float(climb.phase.at(0, climb.phase.updates))
    native = climb.phase.convention == "native"
    rates = f"init_value={first * base!r}, peak_value={base!r}, warmup_steps={climb.begin + (climb.end or 0) - native}"
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
        more = f"transition_steps={_whole(curve.steps)}, decay_rate={curve.rate!r}"
        more += ", staircase=True" if curve.staircase else ""
        yield f"optax.warmup_exponential_decay_schedule({rates}, {more}{floor})"


def _steps(pieces: list[Piece], base: float) -> Iterator[str]:
    """Constant stretches."""
    if len(pieces) > 1 and all(isinstance(piece.phase.curve, Constant) and piece.start for piece in pieces):
        scales = {after.begin: after.start / before.start for before, after in pairwise(pieces)}
        yield f"optax.piecewise_constant_schedule({pieces[0].start * base!r}, {scales!r})"


def _through(asked: Outline) -> Iterator[str]:
    """Straight lines through knots, more of them the nearer."""
    values = asked.factors[: asked.total] * asked.peak
    for most in (8, 16, 48):
        knots = _knots(values, most)
        lead = knots[1] if not values[0] else 0  # scales multiply, so nothing would come of a start at 0
        inner = [float(values[knot]) for knot in knots if knot >= lead]
        if len(inner) < 2 or not all(inner[:-1]):
            continue
        borders = [knot - lead for knot in knots if knot > lead]
        scales = {knot: after / before for knot, (before, after) in zip(borders, pairwise(inner), strict=True)}
        lines = f"optax.piecewise_interpolate_schedule('linear', {inner[0]!r}, {scales!r})"
        climb = f"optax.linear_schedule(0.0, {inner[0]!r}, {lead})"
        yield f"optax.join_schedules([{climb}, {lines}], boundaries=[{lead}])" if lead else lines


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


def _fitted(asked: Outline) -> Iterator[str]:
    """The run's own lengths and floors in the functions that most people use."""
    peak = asked.peak
    for warmup in asked.climbs:
        for start in asked.starts:
            rates = f"init_value={start * peak!r}, peak_value={peak!r}, warmup_steps={warmup}"
            yield f"optax.warmup_constant_schedule({rates})"
            for floor in asked.floors:
                for total in (asked.total, asked.total - 1):
                    end = f"decay_steps={total}, end_value={floor * peak!r}"
                    for exponent in (1.0, 1.5, 2.0, 3.0) if floor <= 1 else ():
                        yield f"optax.warmup_cosine_decay_schedule({rates}, {end}, exponent={exponent!r})"
                    climb = f"optax.linear_schedule({start * peak!r}, {peak!r}, {warmup})"
                    for power in asked.option("power", 1.0, 2.0, 0.5):
                        length = total - warmup
                        fall = f"optax.polynomial_schedule({peak!r}, {floor * peak!r}, {power!r}, {length})"
                        yield f"optax.join_schedules([{climb}, {fall}], boundaries=[{warmup}])"
