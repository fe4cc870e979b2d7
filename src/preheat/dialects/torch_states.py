"""The saved states of torch's schedulers, told apart by their keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from preheat.dialects.common.fields import Fields
from preheat.dialects.torch_classes import build
from preheat.dialects.torch_cycles import Part, Reading
from preheat.errors import ConfigError, refusal
from preheat.schedule import Schedule

# The first whose keys are all there.
_STATES: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (name, frozenset(keys.split()))
    for name, keys in (
        ("SequentialLR", "_milestones _schedulers"),
        ("ChainedScheduler", "_schedulers _last_lr"),
        ("OneCycleLR", "_schedule_phases total_steps"),
        ("CyclicLR", "max_lrs total_size"),
        ("CosineAnnealingWarmRestarts", "T_0 T_mult"),
        ("CosineAnnealingLR", "T_max base_lrs"),
        ("ReduceLROnPlateau", "patience num_bad_epochs"),
        ("LinearLR", "start_factor base_lrs"),
        ("ConstantLR", "factor total_iters base_lrs"),
        ("PolynomialLR", "power total_iters base_lrs"),
        ("LambdaLR", "lr_lambdas base_lrs"),
        ("StepLR", "step_size base_lrs"),
        ("MultiStepLR", "milestones base_lrs"),
        ("ExponentialLR", "gamma base_lrs"),
    )
)
OWN_KEYS = {"schedules", "position", "fingerprint", "groups"}


@dataclass(frozen=True, slots=True)
class Saved:
    """What a scheduler's saved state says.

    Attributes:
        schedules: one a parameter group, from update 0 of the run, as shares of that group's base.
        bases: the base learning rate of each group.
        position: updates completed when it was saved.
        notes: what a reader should know.
        also: schedules of other numbers of the first group (``momentum``, ``betas[0]``).
    """

    schedules: tuple[Schedule, ...]
    bases: tuple[float, ...]
    position: int
    notes: tuple[str, ...] = ()
    also: Mapping[str, Schedule] = field(default_factory=dict)


def saved(
    state: Mapping[str, Any],
    groups: list[Mapping[str, Any]] | None = None,
    *,
    peak: float | None = None,
    onwards: bool = False,
) -> Saved:
    """The schedule, base values and position in ``scheduler.state_dict()``.

    Args:
        state: plain data; also that of :class:`preheat.torch.Scheduler`.
        groups: the optimizer's ``state_dict()["param_groups"]``, where OneCycleLR keeps its rates.
        peak: the peak learning rate of the first group, for a OneCycleLR without ``groups``.
        onwards: what torch itself does past the end (CosineAnnealingLR climbs again) instead of holding.

    Raises:
        ConfigError: naming what the state lacks, or that it follows a metric or a function.

    >>> state = {"T_max": 100, "eta_min": 0.0, "base_lrs": [0.5], "last_epoch": 100}
    >>> found = saved(state)
    >>> found.position, found.bases[0] * found.schedules[0](found.position)
    (100, 0.0)
    """
    if {*state} >= OWN_KEYS:
        return _own_state(Fields(state))
    name = state_class(state)
    if name is None:
        advice = "It is recognised by keys such as T_max, _milestones or lr_lambdas."
        raise ConfigError(refusal("state", "that of a torch scheduler", ", ".join(map(str, state)), advice))
    count = len(_base_rates(Fields(state)))
    found = []
    for index in range(count):
        group = groups[index] if groups is not None and index < len(groups) else None
        reading = Reading(None, peak if index == 0 else None, index, group, onwards)
        found.append((read_state(state, reading), reading))
    first, reading = found[0]
    bases = tuple(_known_base(part) for part, _ in found)
    position = _position(Fields(state))
    notes = [*reading.notes, *_disagreement(state, first, position)]
    if len({*bases}) > 1:
        notes.append(f"the groups have base rates {', '.join(map(str, bases))}: this is the schedule of the first")
    return Saved(tuple(part.schedule for part, _ in found), bases, position, tuple(dict.fromkeys(notes)), first.also)


def state_class(state: Mapping[str, Any]) -> str | None:
    """The class a state belongs to, by its keys."""
    return next((name for name, keys in _STATES if keys <= {*state}), None)


def read_state(state: Mapping[str, Any], reading: Reading) -> Part:
    """One scheduler's state, those inside it too, for the parameter group that ``reading`` is about."""
    name = state_class(state)
    fields = Fields(state, name or "state")
    if name in ("SequentialLR", "ChainedScheduler"):
        inside = fields.list("_schedulers")
        parts = [read_state(_state_in(part, fields), reading) for part in inside]
        return build(name, fields, reading, parts)
    if name is None:
        raise fields.refusal(
            "_schedulers", "states of torch schedulers", f"One has the keys {', '.join(map(str, state))}."
        )
    if name == "LambdaLR":
        advice = "It holds no shape. Say which schedule it was: its name, warm-up and horizon."
        raise fields.refusal("lr_lambdas", "known: a function of the update is not saved", advice)
    if name != "ReduceLROnPlateau":
        rates = _base_rates(fields)
        reading.base = rates[min(reading.index, len(rates) - 1)]
    return build(name, fields, reading)


def _state_in(part: Any, fields: Fields) -> Mapping[str, Any]:
    if not isinstance(part, Mapping):
        raise fields.refusal("_schedulers", "a list of states", "Each is a mapping.")
    return part


def _base_rates(fields: Fields) -> list[float]:
    """The base rate of each group, also of a scheduler made of others."""
    if "_schedulers" in fields and "base_lrs" not in fields:
        inside = fields.list("_schedulers")
        if not inside:
            raise fields.refusal("_schedulers", "one state at least", "It holds no scheduler.")
        return _base_rates(Fields(_state_in(inside[0], fields), "_schedulers[0]"))
    if "base_lrs" not in fields and "patience" in fields:
        return [1.0]  # it is refused for another reason
    rates: list[float] = fields.numbers("base_lrs", low=0.0)
    if not rates:
        raise fields.refusal("base_lrs", "one rate at least", "Each parameter group has one.")
    return rates


def _position(fields: Fields) -> int:
    if "last_epoch" in fields or "_schedulers" not in fields:
        return max(0, int(fields.count("last_epoch", 0, low=-1)))
    return _position(Fields(_state_in(fields.list("_schedulers")[0], fields), "_schedulers[0]"))


def _known_base(part: Part) -> float:
    assert part.base is not None
    return part.base


def _disagreement(state: Mapping[str, Any], part: Part, position: int) -> list[str]:
    """A note where the rate that was saved is not the schedule's."""
    last = state.get("_last_lr")
    value = last[0] if isinstance(last, (list, tuple)) and last else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or part.base is None:
        return []
    horizon = part.schedule.horizon
    if horizon is not None and position > horizon:  # what torch does there is another thing
        return []
    ours = part.base * part.schedule(position)
    if abs(ours - value) <= 1e-6 * part.base:
        return []
    return [f"the saved rate at update {position} is {value:g}, the schedule's {ours:g}: somebody else wrote it"]


def _own_state(fields: Fields) -> Saved:
    """The state of preheat's own scheduler."""
    schedules = fields.section("schedules")
    rates = schedules.section("lr").raw
    if "*" not in rates:
        raise schedules.refusal("lr", "given for all groups ('*')", "The state is damaged.")
    groups = fields.section("groups")
    names = [*groups.raw]
    if not names:
        raise fields.refusal("groups", "one at least", "The state is damaged.")
    bases = [Fields(groups.raw[name], f"groups.{name}").rate("lr") for name in names]
    others = {key: rules for key, rules in schedules.raw.items() if key != "lr" and isinstance(rules, Mapping)}
    try:
        each = [Schedule.from_dict(rates.get(name, rates["*"])) for name in names]
        also = {str(key): Schedule.from_dict(rules["*"]) for key, rules in others.items() if "*" in rules}
    except (AttributeError, TypeError, KeyError) as error:
        raise fields.refusal("schedules", "readable", f"The state is damaged: {error}.") from None
    lr = [schedule.for_base(base) for schedule, base in zip(each, bases, strict=True)]
    notes = ["groups have schedules of their own: this is that of the first"] if len({*lr}) > 1 else []
    return Saved(tuple(lr), tuple(bases), fields.count("position"), tuple(notes), also)
