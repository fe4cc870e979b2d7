"""What a scheduler drives in a torch optimizer: groups by name, numbers in them by key, each with base and schedule.

:class:`Target` is one number in one group, and :class:`Spec` says which schedule each number follows. Optimizers are
taken as they are found: inside wrappers, restored, with tensors for numbers. In the hands of an engine that steps them
in parts they are refused.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal, unknown_name
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.lengths import number
from preheat.schedule.operations import resume

if TYPE_CHECKING:
    from torch.optim import Optimizer


# --- one number in one group ------------------------------------------------------------------------------------------


Group = dict[str, Any]
Rule = Schedule | float
_KEY = re.compile(r"([A-Za-z_]\w*)(?:\[(\d+)\])?")
# What the optimizers of torch.optim take for a share of an old value: at 1 nothing new would ever come in.
_SHARES = {"betas", "momentum", "alpha", "rho", "dampening"}
# Updates of a schedule that are looked at one by one: 30 ms and 24 MB, and few runs are longer.
_CHECKED = 1_000_000


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
        # A base of 0 has no shares; whatever multiplies it is 0.
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
        if hasattr(slot, "fill_"):  # compiled and captured optimizers hold on to the tensor itself
            slot.fill_(value)
        elif index is None:
            self.group[field] = value
        else:
            self.group[field] = type(held)((*held[:index], value, *held[index + 1 :]))


def check_ranges(targets: list[Target]) -> None:
    """Refuse values that the optimizer could not work with, anywhere on the way.

    A schedule is looked at once, however many groups follow it: over 10^6 updates that takes 30 ms.
    """
    highest: dict[Schedule, tuple[int, float]] = {}
    for target in targets:
        if target.key == "lr" or not target.base:
            continue
        schedule = target.effective()
        if schedule not in highest:
            highest[schedule] = _highest(schedule)
        update, factor = highest[schedule]
        value = target.base * factor
        if split_key(target.key)[0] in _SHARES and value >= 1.0:
            advice = _(
                "It gets there at update {update}: lower its schedule or its base, {base:g}.",
                update=update,
                base=target.base,
            )
            raise ScheduleError(
                refusal(_("{key} of group {group}", key=target.key, group=target.name), _("below 1"), value, advice)
            )


def _highest(schedule: Schedule) -> tuple[int, float]:
    """The first update at which a schedule is highest, and its factor there; of a long one among a million updates."""
    import numpy as np

    last = _CHECKED if schedule.horizon is None else math.ceil(schedule.horizon)
    # Of longer runs evenly spaced updates: rising whole numbers already, so nothing is sorted or made unique.
    positions = np.arange(last + 1) if last < _CHECKED else np.linspace(0, last, _CHECKED, dtype=np.int64)
    factors = schedule(positions)
    worst = int(factors.argmax())
    return int(positions[worst]), float(factors[worst])


@functools.cache  # asked for at every read and write of a number that is not a plain learning rate
def split_key(key: str) -> tuple[str, int | None]:
    """``"betas[0]"`` as the field and the index in it.

    >>> split_key("betas[0]"), split_key("weight_decay")
    (('betas', 0), ('weight_decay', None))
    """
    match = _KEY.fullmatch(key)
    if match is None:
        advice = _("As in weight_decay or betas[0].")
        raise ScheduleError(refusal("hyperparameter", _("the name of a number in the groups"), key, advice))
    return match[1], None if match[2] is None else int(match[2])


def group_names(groups: list[Group]) -> list[str]:
    """Each group's ``name``, or its index as text; no two alike."""
    names = [str(group.get("name", index)) for index, group in enumerate(groups)]
    # Saved states and rules go by name: two alike would share a base value.
    for name in names:
        if names.count(name) > 1:
            advice = _("Give every group a name of its own.")
            raise ScheduleError(refusal(_("group names"), _("different"), name, advice))
    return names


def rule_for(rules: Mapping[Any, Rule], name: str, default: Schedule) -> Schedule:
    """The schedule of the group called ``name``: its own, the shared one times a number, or the shared one."""
    rule = rules.get(name, default)
    if isinstance(rule, Schedule):
        return rule
    return default * float(number(f"groups[{name!r}]", rule, _("Give a Schedule, or a number times the shared one.")))


def named_rules(what: str, rules: Any, names: list[str]) -> dict[str, Rule]:
    """Rules with their groups' names as text; a rule for no group is refused."""
    if not isinstance(rules, Mapping):
        advice = _("As in {{'head': schedule, 'embeddings': 0.1}}.")
        raise ScheduleError(refusal(what, _("a dictionary of groups"), rules, advice))
    named = {str(name): rule for name, rule in rules.items()}
    for name in named:
        if name not in names:
            raise ScheduleError(unknown_name(what, _("named after groups"), name, names))
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
        known = [name for name, value in group.items() if name not in ("params", "name") and value is not None]
        raise ScheduleError(unknown_name("hyperparameter", _("a number in the groups"), key, known)) from None


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
                advice = _("Give each group a tensor of its own: they are to hold different values.")
                both = _("one shared by groups {first} and {second}", first=first.name, second=target.name)
                raise ScheduleError(refusal(target.key, _("a tensor of each group's own"), both, advice))


def mark(held: Any, value: float) -> Any:
    """What is kept to notice foreign writes: for a tensor its value, itself and its write counter (no device wait)."""
    return (value, held, held._version) if hasattr(held, "fill_") else held


def is_ours(held: Any, shown: Any) -> bool:
    """Whether a group still holds what was written."""
    if hasattr(held, "fill_"):
        return isinstance(shown, tuple) and held is shown[1] and held._version == shown[2]
    # Identity first: nan is not equal to itself.
    return bool(held is shown or (not isinstance(shown, tuple) and held == shown))


# --- which schedule each number follows -------------------------------------------------------------------------------


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
        # Reported metrics change a schedule; whether the same was asked for does not depend on them.
        data = self.map(lambda one: one.fresh()).to_data()
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def resumed(saved: Spec, new: Spec, position: int, policy: str, bridge: int, ratios: Mapping[str, float]) -> Spec:
    """The spec of a run that goes on from ``saved`` with ``new``; see :func:`preheat.schedule.operations.resume`.

    ``ratios`` are saved base / new base of the learning rate by group: what the past amounts to on the new base.
    """
    rules: dict[str, dict[str, Schedule]] = {}
    # Where bases have changed, by ratios of their own, every group needs a past of its own.
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
            raise ScheduleError(
                refusal("also", _("about other numbers than lr"), key, _("Give lr as schedule and groups."))
            )
        own = {EVERY: rule} if isinstance(rule, Schedule) else named_rules(f"also[{key!r}]", rule, names)
        for name, one in own.items():
            if not isinstance(one, Schedule):
                raise ScheduleError(
                    refusal(f"also[{key!r}]", _("a Schedule"), one, _("For group {group}.", group=name))
                )
        rules[key] = dict(own)  # type: ignore[arg-type]
    return Spec(rules)


# --- optimizers as they are found: inside wrappers, restored, or in the hands of an engine ----------------------------


def innermost(optimizer: Optimizer) -> Optimizer:
    """The optimizer that is really stepped: wrappers such as Accelerate's keep it in ``.optimizer``."""
    from torch.optim import Optimizer

    inner = getattr(optimizer, "optimizer", None)
    return innermost(inner) if isinstance(inner, Optimizer) else optimizer


def refuse_without_initial_lr(optimizer: Optimizer) -> None:
    """Refuse to go on after an update in groups that carry no base value."""
    if not all("initial_lr" in group for group in optimizer.param_groups):
        advice = _("Load the optimizer's state first, or resume with the scheduler's own state.")
        raise ScheduleError(refusal("last_epoch", _("-1 for groups without initial_lr"), _("a later update"), advice))


def refuse_parts() -> None:
    """Refuse another list of groups before an update where DeepSpeed is at work: ZeRO 1 and 2 step group by group."""
    if "deepspeed" in sys.modules:
        raise _by_an_engine(_("ZeRO, which takes its groups away to step them one by one"))


def refuse_sharded(groups: list[dict[str, Any]]) -> None:
    """Refuse parameters that ZeRO 3 has cut up: it steps the optimizer once for each piece."""
    if any(hasattr(weight, "ds_id") for group in groups for weight in group["params"]):
        raise _by_an_engine(_("ZeRO 3, which steps it piece by piece"))


def _by_an_engine(engine: str) -> ScheduleError:
    advice = _("Give deepspeed.initialize(lr_scheduler=preheat.deepspeed.scheduler(schedule, config)) instead.")
    return ScheduleError(refusal("optimizer", _("stepped once an update"), engine, advice))
