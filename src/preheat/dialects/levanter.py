"""levanter's ``optimizer`` section, alone or in a training configuration.

Fields   learning_rate (6e-4), lr_schedule (cosine) constant|cosine|linear|inv_sqrt|inv|power, or a mapping with that as
         its type and exponent (1), timescale (10000), batch_size, seq_length, a (4.6), b (-0.51); min_lr_ratio (0.1),
         warmup (0.01), decay (what the warm-up leaves), rewarmup (0), cycles or cycle_length or haps, cooldown (0);
         trainer.num_train_steps. Lengths up to 1 are shares, rounded down: cooldown and cycle_length of the run, the
         others of their cycle. Above 1 they are updates.
Cycle    a line from where the cycle before has arrived (0 at first) to the peak, a plateau, the decay. Update n stands
         at n: optax counts completed updates.
Decay    inv_sqrt (timescale / (W + k))^1/2, at most 1, and inv 1 / (1 + (1 / ratio - 1) k / D) from k = 1 on; neither
         below min_lr_ratio. power is a learning rate of its own, batch a (batch length k)^b, at most the peak.
Ends     the end value falls on update T, one after the last.
Also     adamc_weight_decay: the weight decay moves as the rate.
Read     levanter 928e69f, optim/config.py; optax 0.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import hold
from preheat.errors import ConfigError, refusal
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Cosine, Linear, PowerLaw


@dataclass(frozen=True, slots=True)
class _Cycle:
    """What a decay is made of: its section, the updates of its cycle's warm-up and of itself, the floor, the peak."""

    own: Fields
    warmup: int
    decay: int
    floor: float
    peak: float | None


def _inverse_sqrt(cycle: _Cycle) -> Schedule:
    scale = cycle.own.number("timescale", 10_000, low=1.0)
    # It counts from the beginning of the run, and is held at 1 until timescale.
    fall = Phase(curve=PowerLaw(timescale=scale), length=None, start=1.0, skip=max(0, cycle.warmup - scale))
    return _not_below(PhaseSchedule((hold(max(0, scale - cycle.warmup)), fall)), cycle.floor)


def _inverse(cycle: _Cycle) -> Schedule:
    if not 0 < cycle.floor < 1:
        rule = _("above 0 and below 1 for inv")
        raise ConfigError(refusal("optimizer.min_lr_ratio", rule, cycle.floor, _("The decay is made of it.")))
    # So that it arrives at the ratio after the decay, were it not cut off there.
    curve = PowerLaw(1.0, cycle.decay / (1.0 / cycle.floor - 1.0))
    return _not_below(PhaseSchedule((Phase(curve=curve, length=None, start=1.0),)).shift(1).shift(-1), cycle.floor)


def _power(cycle: _Cycle) -> Schedule:
    own = cycle.own
    batch, length = own.count("batch_size", low=1), own.count("seq_length", low=1)
    # levanter's own, those of the paper on the power scheduler (arXiv:2408.13359).
    amplitude, power = own.number("a", 4.6, low=0.0), -own.number("b", -0.51)
    if cycle.peak is None:
        raise own.refusal(
            "type", _("one that needs no learning rate"), _("power is a rate of its own: give peak= (--lr).")
        )
    if not amplitude or power <= 0:
        raise own.refusal("b", _("below 0, and a above 0"), _("The rate falls with the tokens."))
    # The update at which the power law falls below the peak: until there it is held.
    reached = (batch * amplitude * (batch * length) ** -power / cycle.peak) ** (1.0 / power)
    fall = Phase(curve=PowerLaw(power, reached), length=None, start=1.0)
    return PhaseSchedule((hold(reached), fall))


def _not_below(schedule: Schedule, floor: float) -> Schedule:
    return schedule.clip(floor=floor) if floor else schedule


_DECAYS: dict[str, Callable[[_Cycle], Schedule]] = {
    "constant": lambda _unused: PhaseSchedule((hold(None),)),
    "cosine": lambda cycle: PhaseSchedule(
        (Phase(curve=Cosine(power=cycle.own.number("exponent", 1.0)), length=cycle.decay, start=1.0, end=cycle.floor),)
    ),
    "linear": lambda cycle: PhaseSchedule((Phase(curve=Linear(), length=cycle.decay, start=1.0, end=cycle.floor),)),
    "inv_sqrt": _inverse_sqrt,
    "inv": _inverse,
    "power": _power,
}


def read(fields: Fields, context: Context) -> Imported:
    """A levanter configuration, or its optimizer section, as a schedule."""
    notes: list[str] = []
    own = fields.section("optimizer") if "optimizer" in fields else fields
    rate = own.rate("learning_rate", None)
    if rate is None and context.peak is None:
        rate = 6e-4
        notes.append(_("learning_rate is left at levanter's own 6e-4"))
    peak = context.rate("optimizer.learning_rate", rate)
    own.refuse("warmup_ratio", why=_("levanter takes it as warmup now."))
    steps = fields.section("trainer", {}).count("num_train_steps", None, low=1)
    total = context.updates("trainer.num_train_steps", steps)
    cooldown = _length(own, "cooldown", 0.0, total)
    floor = float(own.number("min_lr_ratio", 0.1, low=0.0, high=1.0))
    parts: list[Schedule | Phase] = []
    arrived = 0.0
    borders = _borders(own, total - cooldown)
    for index, (begin, end) in enumerate(pairwise(borders)):
        cycle = _cycle(own, "rewarmup" if index else "warmup", end - begin, floor, peak)
        fall = _decay(own, cycle)
        stable = end - begin - cycle.warmup - cycle.decay
        parts += [Phase(curve=Linear(), length=cycle.warmup, start=arrived, end=1.0)] if cycle.warmup else []
        parts += [hold(stable)] if stable else []
        parts.append(fall.until(cycle.decay))
        # A re-warm-up begins where the cycle before has arrived.
        arrived = fall._at(cycle.decay)
    parts += [Phase(curve=Linear(), length=cooldown, start=arrived, end=floor)] if cooldown else []
    schedule = PhaseSchedule(tuple(parts))
    also: dict[str, Schedule] = {"weight_decay": schedule} if own.flag("adamc_weight_decay") else {}
    return Imported(schedule, peak, tuple(notes), total=total, also=also)


def _cycle(own: Fields, field: str, length: int, floor: float, peak: float | None) -> _Cycle:
    # The first cycle has levanter's default of 1 %; the others have none.
    warmup = _length(own, field, 0.01 if field == "warmup" else 0.0, length)
    decay = _length(own, "decay", None, length)
    decay = length - warmup if decay is None else decay
    if warmup >= length or warmup + decay > length:
        rule = _(
            "at most the cycle's {length} updates together with {field}={warmup}, which leaves one",
            length=length,
            field=field,
            warmup=warmup,
        )
        raise own.refusal("decay", rule, _("It is {decay} updates.", decay=decay))
    return _Cycle(own, warmup, decay, floor, peak)


def _decay(own: Fields, cycle: _Cycle) -> Schedule:
    """The decay by its name, or by the mapping that has it as its type."""
    given = own.value("lr_schedule", "cosine")
    section = Fields(given if isinstance(given, Mapping) else {"type": given}, own.path("lr_schedule"))
    name = section.word("type", _DECAYS)
    if not cycle.decay and name != "constant":
        raise own.refusal("decay", _("above 0 updates for {curve}", curve=name), _("Lengthen it."))
    schedule = _DECAYS[name](_Cycle(section, cycle.warmup, cycle.decay, cycle.floor, cycle.peak))
    section.finish()
    return schedule


def _length(own: Fields, name: str, default: float | None, whole: int) -> Any:
    """A share of ``whole`` up to 1, rounded down, or a whole number of updates."""
    value = own.number(name, default, low=0.0, high=2**53)
    # 1 is all of it, not one update: levanter asks for <= 1 as well.
    if value is None or value <= 1:
        return None if value is None else int(value * whole)
    if value != int(value):
        raise own.refusal(name, _("a share up to 1, or a whole number of updates"), _("Change it."))
    return int(value)


def _borders(own: Fields, total: int) -> list[int]:
    """Where cycles begin and end."""
    # Three ways to say the same; haps are the updates at which a cycle begins.
    given = [name for name in ("cycle_length", "haps", "cycles") if name in own]
    if len(given) > 1:
        raise own.refusal(given[1], _("left out beside {given}", given=given[0]), _("They say the same."))
    inner: list[int] = []
    if given and isinstance(own.value(given[0]), list):
        items = [Fields({"end": item}, own.path(given[0])).count("end", low=1) for item in own.list(given[0])]
        inner = [*accumulate(items)] if given == ["cycle_length"] else items
    elif given == ["cycle_length"]:
        length = _length(own, "cycle_length", None, total)
        if not length:
            raise own.refusal("cycle_length", _("one update at least"), _("Lengthen it."))
        inner = [index * length for index in range(1, total // length)]
    elif given == ["cycles"]:
        number = own.count("cycles", low=1)
        inner = [int(total / number * (index + 1)) for index in range(min(number, total) - 1)]
    elif given:
        raise own.refusal(given[0], _("a list of updates"), _("Write it in brackets."))
    # Ends may be listed with the last one or without.
    borders = [0, *inner] if inner and inner[-1] == total else [0, *inner, total]
    if any(before >= after for before, after in pairwise(borders)):
        raise own.refusal(
            given[0] if given else "cooldown", _("rising, and inside the {total} updates", total=total), _("Change it.")
        )
    return borders


def matches(config: Any) -> int:
    """3 for its optimizer section with a field of its own, 2 for a rate beside ``trainer.num_train_steps``."""
    if not isinstance(config, Mapping):
        return 0
    own, trainer = config.get("optimizer", config), config.get("trainer")
    if not isinstance(own, Mapping):
        return 0
    if {"lr_schedule", "min_lr_ratio", "rewarmup", "cycle_length", "adamc_weight_decay"} & {*own}:
        return 3
    return 2 * int("learning_rate" in own and isinstance(trainer, Mapping) and "num_train_steps" in trainer)


def _example(name: Any, **own: Any) -> Example:
    optimizer = {"type": "adam", "learning_rate": 1e-3, "lr_schedule": name, "warmup": 10, **own}
    title = name if isinstance(name, str) else str(name["type"])
    return Example(title, {"optimizer": optimizer, "trainer": {"num_train_steps": 100}})


DIALECT = Dialect(
    name="levanter",
    title="levanter",
    source="levanter 928e69f",
    convention=_("update n runs at n / W in the warm-up; the end value falls on update T, one after the last"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(name) for name in _DECAYS if name not in ("inv_sqrt", "power")),
        _example({"type": "inv_sqrt", "timescale": 20}),
        _example({"type": "power", "batch_size": 8, "seq_length": 1024}),
        _example("linear", decay=0.2),
        _example("cosine", cycles=4, rewarmup=0.1),
    ),
)
