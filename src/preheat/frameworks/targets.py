"""What a scheduler writes in an optimizer: groups by name, hyperparameters by key, each with a base and a schedule."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Schedule
from preheat.schedule.checks import number

Group = dict[str, Any]
Rule = Schedule | float
_KEY = re.compile(r"([A-Za-z_]\w*)(?:\[(\d+)\])?")
_SHARES = {"betas", "momentum", "alpha", "rho", "dampening"}  # [0, 1); everything else is >= 0
_CHECKED = 1_000_000  # updates of a schedule that are looked at one by one


@dataclass(slots=True)
class Target:
    """One number in one group.

    Attributes:
        group: the optimizer's dictionary.
        name: the group's ``name``, or its index as text.
        key: ``lr``, ``weight_decay``, ``betas[0]``, ...
        base: the value that a factor of 1 stands for.
        schedule: what the user asked for; absolute floors and all.
        joined: the position its clock starts at.
    """

    group: Group
    name: str
    key: str
    base: float
    schedule: Schedule
    joined: int = 0

    def effective(self) -> Schedule:
        """The schedule on the scheduler's own clock, floors resolved for this base."""
        resolved = self.schedule.for_base(self.base) if self.base else self.schedule
        return resolved.shift(-self.joined) if self.joined else resolved

    def read(self) -> Any:
        """What the group holds."""
        field, index = split_key(self.key)
        return self.group[field] if index is None else self.group[field][index]

    def write(self, value: float) -> None:
        """Put ``value`` into the group: into a tensor in place, into a tuple by a new tuple."""
        field, index = split_key(self.key)
        held = self.group[field]
        slot = held if index is None else held[index]
        if hasattr(slot, "fill_"):
            slot.fill_(value)
        elif index is None:
            self.group[field] = value
        else:
            self.group[field] = type(held)((*held[:index], value, *held[index + 1 :]))

    def check_range(self) -> None:
        """Refuse values that the optimizer could not work with, anywhere on the way."""
        field, _ = split_key(self.key)
        if self.key == "lr" or not self.base:
            return
        import numpy as np

        schedule = self.effective()
        last = _CHECKED if schedule.horizon is None else math.ceil(schedule.horizon)
        positions = np.unique(np.linspace(0, last, min(last + 1, _CHECKED), dtype=np.int64))
        values = self.base * schedule(positions)
        worst = int(values.argmax())
        if field in _SHARES and values[worst] >= 1.0:
            advice = f"It gets there at update {int(positions[worst])}: lower its schedule or its base, {self.base:g}."
            raise ScheduleError(refusal(f"{self.key} of group {self.name}", "below 1", float(values[worst]), advice))


def split_key(key: str) -> tuple[str, int | None]:
    """``"betas[0]"`` as the field and the index in it.

    >>> split_key("betas[0]"), split_key("weight_decay")
    (('betas', 0), ('weight_decay', None))
    """
    found = _KEY.fullmatch(key)
    if found is None:
        advice = "As in weight_decay or betas[0]."
        raise ScheduleError(refusal("hyperparameter", "the name of a number in the groups", key, advice))
    return found[1], None if found[2] is None else int(found[2])


def group_names(groups: list[Group]) -> list[str]:
    """Each group's ``name``, or its index as text; no two alike."""
    names = [str(group.get("name", index)) for index, group in enumerate(groups)]
    for name in names:
        if names.count(name) > 1:
            advice = "Give every group a name of its own."
            raise ScheduleError(refusal("group names", "different", name, advice))
    return names


def rule_for(rules: Mapping[Any, Rule], name: str, default: Schedule) -> Schedule:
    """The schedule of the group called ``name``: its own, the shared one times a number, or the shared one."""
    rule = rules.get(name, default)
    if isinstance(rule, Schedule):
        return rule
    return default * float(number(f"groups[{name!r}]", rule, "Give a Schedule, or a number times the shared one."))


def named_rules(what: str, rules: Any, names: list[str]) -> dict[str, Rule]:
    """Rules with their groups' names as text; a rule for no group is refused."""
    if not isinstance(rules, Mapping):
        advice = "As in {'head': schedule, 'embeddings': 0.1}."
        raise ScheduleError(refusal(what, "a dictionary of groups", rules, advice))
    named = {str(name): rule for name, rule in rules.items()}
    for name in named:
        if name not in names:
            raise ScheduleError(refusal(what, "named after groups", name, f"There are: {', '.join(names)}."))
    return named


def base_value(group: Group, key: str) -> float:
    """The number a group holds under ``key``.

    Raises:
        ScheduleError: if there is none.
    """
    field, index = split_key(key)
    held = group.get(field)
    try:
        value = held if index is None else held[index]  # type: ignore[index]
        if isinstance(value, bool) or value is None:
            raise TypeError
        return float(value)
    except (TypeError, IndexError, ValueError):
        known = ", ".join(name for name, value in group.items() if name not in ("params", "name") and value is not None)
        advice = f"The optimizer's groups hold {known}."
        raise ScheduleError(refusal("hyperparameter", "a number in the groups", key, advice)) from None


def holds_tensors(group: Group) -> bool:
    """Whether a number of the group, or one of its betas, is a tensor: what compiled optimizers are given."""
    held = [value for key, value in group.items() if key != "params"]
    return any(hasattr(value, "fill_") for one in held for value in (one if isinstance(one, tuple) else (one,)))


def refuse_shared_tensors(targets: list[Target]) -> None:
    """Refuse two schedules for one tensor: an optimizer's default ``lr`` tensor is the same object in every group."""
    holders: dict[int, Target] = {}
    for target in targets:
        held = target.read()
        if hasattr(held, "fill_"):
            first = holders.setdefault(id(held), target)
            if (first.base, first.effective()) != (target.base, target.effective()):
                advice = "Give each group a tensor of its own: they are to hold different values."
                both = f"one shared by groups {first.name} and {target.name}"
                raise ScheduleError(refusal(target.key, "a tensor of each group's own", both, advice))


def mark(held: Any, value: float) -> Any:
    """What is kept to notice foreign writes: for a tensor its value, itself and its write counter (no device wait)."""
    return (value, held, held._version) if hasattr(held, "fill_") else held


def is_ours(held: Any, shown: Any) -> bool:
    """Whether a group still holds what was written."""
    if hasattr(held, "fill_"):
        return isinstance(shown, tuple) and held is shown[1] and held._version == shown[2]
    return bool(held is shown or (not isinstance(shown, tuple) and held == shown))
