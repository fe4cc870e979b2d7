"""What a scheduler is asked to follow, as a value: a shared schedule, groups with their own, other hyperparameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.frameworks.targets import Rule, named_rules, rule_for
from preheat.schedule import Schedule
from preheat.schedule.operations import resume

EVERY = "*"  # all groups without a rule of their own


@dataclass(frozen=True, slots=True)
class Spec:
    """Schedules by what they drive.

    Attributes:
        rules: key (``lr``, ``weight_decay``, ...) -> group name or ``"*"`` -> schedule.
    """

    rules: dict[str, dict[str, Schedule]] = field(default_factory=dict)

    @property
    def shared(self) -> Schedule:
        """The learning rate's schedule where a group has none of its own."""
        return self.rules["lr"][EVERY]

    def of(self, key: str, name: str) -> Schedule | None:
        """The schedule of one number in one group; None if it is left alone."""
        rules = self.rules.get(key, {})
        return rules.get(name, rules.get(EVERY))

    def map(self, change: Callable[[Schedule], Schedule]) -> Spec:
        """Every schedule changed."""
        return Spec({key: {name: change(one) for name, one in rules.items()} for key, rules in self.rules.items()})

    def to_data(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {key: {name: one.to_dict() for name, one in rules.items()} for key, rules in self.rules.items()}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Spec:
        """The spec that :meth:`to_data` wrote."""
        return Spec(
            {
                key: {name: Schedule.from_dict(one) for name, one in rules.items()}
                for key, rules in data.items()
            }
        )  # fmt: skip

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what was asked for, whatever metrics have been reported since."""
        data = self.map(lambda one: one.fresh()).to_data()
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def resumed(saved: Spec, new: Spec, position: int, policy: str, bridge: int, ratios: Mapping[str, float]) -> Spec:
    """The spec of a run that goes on from ``saved`` with ``new``; see :func:`preheat.schedule.operations.resume`.

    ``ratios`` are saved base / new base of the learning rate by group: what the past amounts to on the new base.
    """
    rules: dict[str, dict[str, Schedule]] = {}
    one_ratio = set(ratios.values()) <= {1.0}
    for key in dict.fromkeys((*saved.rules, *new.rules)):
        names = {**saved.rules.get(key, {}), **new.rules.get(key, {})}
        if key == "lr" and not one_ratio:
            names = dict.fromkeys((EVERY, *ratios), new.shared)
        for name in names:
            before, after = saved.of(key, name), new.of(key, name)
            if before is None or after is None:
                if after is not None:
                    rules.setdefault(key, {})[name] = after
                continue
            ratio = ratios.get(name, 1.0) if key == "lr" else 1.0
            if ratio == 1.0 and before.fresh() == after:  # nothing to go over to
                rules.setdefault(key, {})[name] = before
                continue
            past = before if ratio == 1.0 else before * ratio
            rules.setdefault(key, {})[name] = resume(past, after, position, policy, bridge=bridge)
    return Spec(rules)


def build_spec(schedule: Schedule, groups: Mapping[str, Rule], also: Mapping[str, Any], names: list[str]) -> Spec:
    """The schedules of everything that is to be driven."""
    rules: dict[str, dict[str, Schedule]] = {
        "lr": {EVERY: schedule, **{name: rule_for(groups, name, schedule) for name in groups}}
    }
    for key, rule in also.items():
        if key == "lr":
            raise ScheduleError(refusal("also", "about other numbers than lr", key, "Give lr as schedule and groups."))
        own = {EVERY: rule} if isinstance(rule, Schedule) else named_rules(f"also[{key!r}]", rule, names)
        for name, one in own.items():
            if not isinstance(one, Schedule):
                raise ScheduleError(refusal(f"also[{key!r}]", "a Schedule", one, f"For group {name}."))
        rules[key] = dict(own)  # type: ignore[arg-type]
    return Spec(rules)
