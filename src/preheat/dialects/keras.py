"""Keras learning-rate schedules, as ``keras.optimizers.schedules.serialize`` and saved optimizers hold them.

Shape    {"class_name": ..., "config": {...}}; the whole optimizer's too, whose ``learning_rate`` it then is.
Fields   CosineDecay: initial_learning_rate, decay_steps, alpha (0), warmup_target, warmup_steps (0).
         CosineDecayRestarts: initial_learning_rate, first_decay_steps, t_mul (2), m_mul (1), alpha (0).
         PolynomialDecay: initial_learning_rate, decay_steps, end_learning_rate (1e-4), power (1), cycle (False).
         ExponentialDecay, InverseTimeDecay: initial_learning_rate, decay_steps, decay_rate, staircase (False).
         PiecewiseConstantDecay: boundaries, values.
Step     update n reads the schedule at n, the completed updates. A warm-up is n / warmup_steps; ``decay_steps`` leaves
         it out, so the end falls on update warmup_steps + decay_steps.
Ends     the end value is held. PiecewiseConstantDecay still has the old value at a boundary: it changes one update
         later than torch's and optax'. PolynomialDecay with ``cycle`` starts over along a longer curve each time.
Floors   alpha is a share of the peak, end_learning_rate a rate; both rescale.
Read     Keras 3.15: src/optimizers/schedules/learning_rate_schedule.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported, Outline
from preheat.dialects.fields import Fields
from preheat.dialects.phases import hold, plateaus, warm_up
from preheat.dialects.writing import Piece, flat
from preheat.errors import ConfigError, refusal
from preheat.messages import _
from preheat.schedule import Phase, Schedule
from preheat.schedule.curves import Constant, Cosine, Exponential, Linear, Polynomial, PowerLaw
from preheat.schedule.lengths import Count
from preheat.schedule.sequence import PhaseSchedule

# One phase for each: longer rows are slow to make and nothing to read.
_MOST = 10_000  # cycles or steps that are laid out


def read(config: Fields | Any, context: Context) -> Imported:
    """A serialized schedule, or an optimizer that has one."""
    if not isinstance(config, Fields):
        raise ConfigError(refusal("config", _("a serialized schedule"), config, _("Give its class_name and config.")))
    inner = config.raw.get("config")
    rate = inner.get("learning_rate") if isinstance(inner, Mapping) else None
    if isinstance(rate, Mapping):
        return read(Fields(rate, "config.learning_rate"), context)
    name = config.word("class_name", _READERS)
    fields = config.section("config")
    notes: list[str] = []
    schedule, base = _READERS[name](fields, context, notes)
    fields.value("name", None)
    fields.finish()
    if base <= 0:
        advice = _("At 0 there would be nothing to train with.")
        raise fields.refusal("initial_learning_rate", _("a peak above zero"), advice)
    return Imported(schedule, context.rate("initial_learning_rate", base), tuple(notes), total=context.total)


# The classes, each with the rate its factors are shares of.


_Read = tuple[Schedule, float]


def _cosine(fields: Fields, _context: Context, notes: list[str]) -> _Read:
    start, length = _start(fields), _length(fields)
    floor = fields.number("alpha", 0.0, low=0.0, advice=_("It is a share of the peak."))
    target = fields.number("warmup_target", None, low=0.0, advice=_("It is a learning rate."))
    warmup = fields.count("warmup_steps", 0)
    # Keras makes no warm-up without a target, and says nothing.
    if target is None and warmup:
        notes.append(_("warmup_steps={warmup} does nothing without warmup_target", warmup=warmup))
    rise: tuple[Phase, ...] = ()
    base = start
    if target is not None:
        base = float(target)
        rise = warm_up(warmup, start / base) if base else ()
        if warmup and start > base:
            notes.append(_("warmup_target is below initial_learning_rate: the warm-up falls"))
    descent = Phase(curve=Cosine(), length=length, start=1.0, end=floor)
    return PhaseSchedule((*rise, descent)), base


def _restarts(fields: Fields, _context: Context, _notes: list[str]) -> _Read:
    start, length = _start(fields), _length(fields, "first_decay_steps")
    floor = fields.number("alpha", 0.0, low=0.0, high=1.0, advice=_("It is a share of the peak."))
    # Below 1 the periods would add up to an end, after which Keras has none.
    growth = fields.number("t_mul", 2.0, low=1.0, advice=_("Periods that shrink come to an end."))
    scale = fields.number("m_mul", 1.0, low=0.0, high=1.0, advice=_("It multiplies the height of each period."))
    descent = PhaseSchedule((Phase(curve=Cosine(), length=length, start=1.0, end=floor),))
    return descent.repeat(growth=growth, scale=scale, floor=floor), start


def _polynomial(fields: Fields, context: Context, notes: list[str]) -> _Read:
    start, length = _start(fields), _length(fields)
    end = fields.number("end_learning_rate", 1e-4, low=0.0, advice=_("It is a learning rate."))
    curve = Polynomial(fields.number("power", 1.0))
    floor = end / start if start else 0.0
    if not fields.flag("cycle"):
        return PhaseSchedule((_falling(curve, length, floor),)), start
    total = context.updates("cycle")
    cycles = math.ceil(total / length)
    if length != int(length) or cycles > _MOST:
        raise fields.refusal(
            "decay_steps", _("a whole number with cycle, {most} cycles at most", most=_MOST), _("Take longer ones.")
        )
    phases: list[Phase] = [_falling(curve, length, floor)]
    # The curve is stretched to cycle * length each time, and what came before is skipped.
    for cycle in range(2, cycles + 1):  # the end of a cycle is used once before the next begins
        phases += [hold(1, floor), _falling(curve, cycle * length, floor, (cycle - 1) * length + 1)]
    notes.append(
        _("with cycle the curve starts over, as long again each time: laid out for {total} updates", total=total)
    )
    return PhaseSchedule(tuple(phases)).until(total), start


def _falling(curve: Polynomial, length: Count, floor: float, skip: Count = 0) -> Phase:
    if floor <= 1.0:
        return Phase(curve=curve, length=length, start=1.0, end=floor, skip=skip)
    raise ConfigError(
        refusal(
            "end_learning_rate",
            _("at most initial_learning_rate"),
            _("{floor:g} times it", floor=floor),
            _("It is what is decayed to."),
        )
    )


def _exponential(fields: Fields, _context: Context, _notes: list[str]) -> _Read:
    start, length = _start(fields), _length(fields)
    rate = fields.number("decay_rate", low=0.0)
    if not 0 < rate <= 1:
        raise fields.refusal("decay_rate", _("in (0, 1]"), _("Larger ones run away."))
    curve = Exponential(rate, length, staircase=fields.flag("staircase"))
    return PhaseSchedule((Phase(curve=curve, length=None, start=1.0),)), start


def _inverse_time(fields: Fields, context: Context, notes: list[str]) -> _Read:
    start, length = _start(fields), _length(fields)
    rate = fields.number("decay_rate", low=0.0)
    if not rate:
        return PhaseSchedule((hold(None),)), start
    if not fields.flag("staircase"):
        return PhaseSchedule((Phase(curve=PowerLaw(1.0, length / rate), length=None, start=1.0),)), start
    total = context.updates("staircase")
    steps = math.ceil(total / length)
    if steps > _MOST or length != int(length):
        raise fields.refusal(
            "decay_steps", _("a whole number, {most} steps at most", most=_MOST), _("Take smaller rates.")
        )
    notes.append(_("the staircase is laid out for {total} updates", total=total))
    return plateaus([1.0 / (1.0 + rate * step) for step in range(steps)], length), start


def _piecewise(fields: Fields, _context: Context, _notes: list[str]) -> _Read:
    borders, values = (fields.numbers(name, low=0.0) for name in ("boundaries", "values"))
    if not borders or len(borders) != len(values) - 1:
        raise fields.refusal("values", _("one more than boundaries"), _("Each boundary is between two values."))
    if any(after <= before for before, after in pairwise(borders)) or borders[0] < 0:
        raise fields.refusal("boundaries", _("rising from 0 on"), _("Sort them."))
    base = max(values)
    if not base:
        return PhaseSchedule((hold(None, 0.0),)), base
    # The boundary itself still has the old value.
    # Keras compares with <=, where torch and optax change at the boundary.
    edges = [0, *(math.floor(border) + 1 for border in borders)]
    lengths = [after - before for before, after in pairwise(edges)]
    holds = [hold(length, value / base) for length, value in zip([*lengths, None], values, strict=True)]
    return PhaseSchedule(tuple(holds)), base


def _start(fields: Fields) -> float:
    return float(fields.number("initial_learning_rate", low=0.0, advice=_("It is a learning rate.")))


def _length(fields: Fields, name: str = "decay_steps") -> Count:
    length: Count = fields.number(name, low=0.0)
    if length <= 0:
        raise fields.refusal(name, _("> 0"), _("Keras refuses it too."))
    return int(length) if length == int(length) else length


_READERS = {
    "CosineDecay": _cosine,
    "CosineDecayRestarts": _restarts,
    "PolynomialDecay": _polynomial,
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse_time,
    "PiecewiseConstantDecay": _piecewise,
}


# Writing.


def write(asked: Outline) -> Iterator[dict[str, Any]]:
    """Every class with the lengths, floors and powers of the outline."""
    base = asked.peak
    pieces = flat(asked.schedule, asked.total) or []
    if pieces:
        # What is exact first; then what most people write, whose nearest wins where nothing is exact.
        yield from _held_pieces(pieces, base / max(piece.start for piece in pieces))
        yield from _one_piece(pieces[0], base)
    for warmup in asked.warmups:
        for start in asked.starts:
            for floor in asked.floors:
                for length in (asked.total - warmup, asked.total - warmup - 1, *asked.decays):
                    if length > 0 and floor <= 1:
                        yield _cosine_of(base, length, floor, start, warmup)
    for floor in asked.floors:
        for power in asked.option("power", 1.0, 2.0, 0.5):
            for length in dict.fromkeys((asked.total, asked.total - 1, *asked.decays)):
                if length > 0:
                    yield _of("PolynomialDecay", base, length, end_learning_rate=floor * base, power=power)
    yield _of("ExponentialDecay", base, asked.total, decay_rate=1.0)


def _cosine_of(base: float, length: int, floor: float, start: float, warmup: int) -> dict[str, Any]:
    if not warmup:
        return _of("CosineDecay", base, length, alpha=floor)
    return _of("CosineDecay", base * start, length, alpha=floor, warmup_target=base, warmup_steps=warmup)


def _of(name: str, base: float, length: Count, **more: Any) -> dict[str, Any]:
    config = {"initial_learning_rate": base, "decay_steps": length, **more}
    return {"class_name": name, "config": config}


def _one_piece(piece: Piece, base: float) -> Iterator[dict[str, Any]]:
    """What a curve without a warm-up is called."""
    curve, floor = piece.phase.curve, piece.goal / piece.start if piece.start else 0.0
    length = piece.phase.length
    if isinstance(curve, Exponential) and not floor:
        yield _of("ExponentialDecay", base, curve.steps, decay_rate=curve.rate, staircase=curve.staircase)
    if isinstance(curve, PowerLaw) and curve.power == 1 and not floor:
        yield _of("InverseTimeDecay", base, curve.timescale, decay_rate=1.0)
    if isinstance(curve, Cosine) and isinstance(length, int):
        # Whether it repeats, and how, is in the pieces that follow: the nearest of the three is taken.
        for growth in (1.0, 2.0, 3.0):
            more = {"first_decay_steps": length, "t_mul": growth, "alpha": floor}
            yield {"class_name": "CosineDecayRestarts", "config": {"initial_learning_rate": base, **more}}
    if isinstance(curve, (Linear, Polynomial)) and isinstance(length, int):
        power = getattr(curve, "power", 1.0)
        yield _of("PolynomialDecay", base, length, end_learning_rate=floor * base, power=power, cycle=True)


def _held_pieces(pieces: list[Piece], scale: float) -> Iterator[dict[str, Any]]:
    """Constant stretches."""
    if len(pieces) > 1 and all(isinstance(piece.phase.curve, Constant) for piece in pieces):
        borders = [piece.begin - 1 for piece in pieces[1:]]
        values = [piece.start * scale for piece in pieces]
        yield {"class_name": "PiecewiseConstantDecay", "config": {"boundaries": borders, "values": values}}


# The dialect.


def matches(config: Any) -> int:
    """3 for one of its classes, bare or as an optimizer's learning rate."""
    if not isinstance(config, Mapping):
        return 0
    inner = config.get("config")
    rate = inner.get("learning_rate") if isinstance(inner, Mapping) else None
    schedule = rate if isinstance(rate, Mapping) else config
    return 3 if isinstance(schedule.get("class_name"), str) and schedule["class_name"] in _READERS else 0


def _example(name: str, label: str = "", **config: Any) -> Example:
    return Example(label or name, {"class_name": name, "config": config}, {"total": 100})


DIALECT = Dialect(
    name="keras",
    title=_("Keras schedules"),
    source="Keras 3.15",
    convention=_("update n reads the schedule at n; decay_steps leaves the warm-up out; a boundary has the old value"),
    read=read,
    matches=matches,
    examples=(
        _example("CosineDecay", initial_learning_rate=0.1, decay_steps=100, alpha=0.1),
        _example(
            "CosineDecay",
            _("CosineDecay with warm-up"),
            initial_learning_rate=0.0,
            decay_steps=90,
            warmup_target=0.1,
            warmup_steps=10,
        ),
        _example("CosineDecayRestarts", initial_learning_rate=0.1, first_decay_steps=10),
        _example("PolynomialDecay", initial_learning_rate=0.1, decay_steps=100, power=2.0),
        _example(
            "PolynomialDecay", _("PolynomialDecay cycling"), initial_learning_rate=0.1, decay_steps=30, cycle=True
        ),
        _example("ExponentialDecay", initial_learning_rate=0.1, decay_steps=20, decay_rate=0.9, staircase=True),
        _example("InverseTimeDecay", initial_learning_rate=0.1, decay_steps=20, decay_rate=0.5),
        _example("PiecewiseConstantDecay", boundaries=[50, 80], values=[0.1, 0.01, 0.001]),
    ),
    write=write,
)
