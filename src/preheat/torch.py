"""The PyTorch driver: the optimizer's own updates drive the clock.

Before an update the driver writes ``base * schedule(position)`` into every parameter group; after an update that
really happened the position grows by one. So it does not matter how often ``step()`` is called, whether AMP skips an
update, or in which order optimizer, scheduler and saved states are loaded.
"""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from preheat._driver.layers import group_table as group_table
from preheat._driver.layers import layer_groups as layer_groups
from preheat._driver.pace import Pace as Pace
from preheat._driver.targets import (
    EVERY,
    Group,
    Rule,
    Spec,
    Target,
    base_value,
    build_spec,
    group_names,
    holds_tensors,
    innermost,
    is_ours,
    mark,
    named_rules,
    refuse_parts,
    refuse_sharded,
    refuse_shared_tensors,
    refuse_without_initial_lr,
    resumed,
)
from preheat.errors import ScheduleError, StateError, missing_extra, refusal
from preheat.schedule import Schedule
from preheat.schedule.combine import Strict, everything_in
from preheat.schedule.lengths import choice, count, number
from preheat.schedule.operations import changed_fields

if TYPE_CHECKING:
    import torch


# --- What every update used: factors, and the base values they belong to, so that an update costs one number


@dataclass(slots=True)
class Segment:
    """Updates during which groups, base values and schedules stayed the same.

    Attributes:
        bases: (group name, key) -> (base value, number of the factor column).
        columns: the factors used, one column a distinct schedule.
    """

    bases: dict[tuple[str, str], tuple[float, int]]
    columns: list[array[float]]


@dataclass(slots=True)
class UsageLog:
    """The chapters of a run, in order."""

    chapters: list[Segment] = field(default_factory=list)

    def begin(self, bases: dict[tuple[str, str], tuple[float, int]], columns: int) -> Segment:
        """Open a chapter; one in which nothing happened is replaced."""
        if self.chapters and not any(self.chapters[-1].columns):
            self.chapters.pop()
        chapter = Segment(bases, [array("d") for _ in range(columns)])
        self.chapters.append(chapter)
        return chapter

    def used(self, group: str, key: str) -> list[float]:
        """The values of one number, an update each; a group that joined late has fewer."""
        values: list[float] = []
        for chapter in self.chapters:
            if (group, key) in chapter.bases:
                base, column = chapter.bases[group, key]
                values += [base * factor for factor in chapter.columns[column]]
        return values


# --- What a scheduler tells: the learning rates that were used, the ones that come, and what trainers read ----------


COMPOSE = "The optimizer's updates move the clock: compose schedules, or load a state, to start elsewhere."


class Readings:
    """The reading half of :class:`~preheat.torch.Scheduler`; abstract without it."""

    _spec: Spec
    _targets: list[Target]
    _rates: list[Target]
    _columns: list[int]
    _plain: bool
    _factor: float
    _factors: list[float]
    _position: int
    _previewed: int
    _chapter: Segment
    _record: UsageLog

    def _shown_rates(self) -> list[float]:
        return [float(target.read()) for target in self._rates]

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The learning rate shown in each group, as plain floats: the one the next update uses once ``step()`` ran."""
        factors = [self._factor if self._plain else self._factors[column] for column in self._columns]
        return [t.base * factor for t, factor in zip(self._targets, factors, strict=True) if t.key == "lr"]

    def get_lr(self) -> list[Any]:
        """The learning rate of the coming update for each group, as plain floats."""
        position = self._position + self._previewed
        return [target.base * target.effective()(position) for target in self._rates]

    @property
    def schedule(self) -> Schedule:
        """The schedule of the groups without one of their own."""
        return self._spec.shared

    @property
    def base_lrs(self) -> list[float]:
        """Each group's base learning rate."""
        return [target.base for target in self._rates]

    @property
    def position(self) -> int:
        """Completed updates."""
        return self._position

    @property
    def history(self) -> list[float]:
        """The learning rate used by every update since this object was made or loaded, in the first group."""
        return self.group_history(self._rates[0].name)

    @property
    def used_lr(self) -> float | None:
        """The learning rate the latest update used, in the first group; None before the first."""
        column = self._chapter.columns[self._columns[0]] if self._columns else None
        if column:
            return self._rates[0].base * column[-1]
        history = self.history
        return history[-1] if history else None

    @property
    def next_lr(self) -> float:
        """The learning rate the coming update will use, in the first group."""
        return float(self.get_lr()[0])

    def group_history(self, group: str | int, key: str = "lr") -> list[float]:
        """As :attr:`history`, for any group (by name or index) and any driven number, ``"weight_decay"`` say."""
        return self._record.used(str(group), key)

    @property
    def last_epoch(self) -> int:
        """torch's name for the position (while previewing: for the value shown)."""
        return self._position + self._previewed

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        raise ScheduleError(refusal("last_epoch", "left to the optimizer's updates", value, COMPOSE))


# --- A scheduler's saved state: plain data out, checked data in, and what happens when the two do not fit -----------


STATE_VERSION = 1
_KEYS = {"version", "position", "previewed", "skipped", "schedules", "fingerprint", "groups"}
_DAMAGED = "The state is damaged."


def saved_state(scheduler: Scheduler) -> dict[str, Any]:
    """Position, groups with their base values, and the schedules with the fingerprint of those asked for."""
    groups: dict[str, dict[str, Any]] = {}
    for target in scheduler._targets:
        group = groups.setdefault(target.name, {})
        group[target.key] = target.base
        if target.joined:
            group["joined"] = target.joined
    return {
        "version": STATE_VERSION,
        "position": scheduler._position,
        "previewed": scheduler._previewed,
        "skipped": list(scheduler.skipped),
        "schedules": scheduler._spec.to_data(),
        "fingerprint": scheduler._given.fingerprint,
        "groups": groups,
    }


def read_state(state: Any) -> dict[str, Any]:
    """``state`` with every field checked and the schedules read; nothing is changed yet."""
    if not isinstance(state, Mapping) or set(state) != _KEYS:
        keys = sorted(map(str, state)) if isinstance(state, Mapping) else state
        raise StateError(refusal("state_dict", "one that preheat wrote", keys, "Load the state of this scheduler."))
    if state["version"] != STATE_VERSION:
        advice = "It was written by another release of preheat."
        raise StateError(refusal("version", str(STATE_VERSION), state["version"], advice))
    for name in ("position", "previewed"):
        value = state[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise StateError(refusal(name, "an int >= 0", value, _DAMAGED))
    try:
        spec = Spec.from_data(state["schedules"])
        bases = {
            (name, key): float(number(f"groups[{name!r}].{key}", value, _DAMAGED))
            for name, group in state["groups"].items()
            for key, value in group.items()
            if key != "joined"
        }
        joined = {name: int(group.get("joined", 0)) for name, group in state["groups"].items()}
        if spec.of("lr", EVERY) is None:
            raise KeyError("lr")
    except (AttributeError, TypeError, KeyError, ScheduleError) as error:
        raise StateError(refusal("state_dict", "readable", str(error), _DAMAGED)) from None
    return {**state, "spec": spec, "bases": bases, "joined": joined}


def load_state(scheduler: Scheduler, state: dict[str, Any], policy: str, bridge: int) -> None:
    """Put a checked state into a scheduler, by ``policy`` where it belongs to other schedules or base values."""
    saved: Spec = state["spec"]
    asked = scheduler._asked
    bases = {slot: base for slot, base in state["bases"].items() if slot in asked}
    missing = {name for name, _ in state["bases"]} - {name for name, _ in asked}
    if missing:
        names = ", ".join(sorted(missing))
        advice = f"The optimizer has no such group; it has {', '.join(dict.fromkeys(name for name, _ in asked))}."
        raise StateError(refusal("groups", "those of the saved state", f"no {names}", advice))
    other_schedule = state["fingerprint"] != scheduler._given.fingerprint
    other_base = any(base != asked[slot] for slot, base in bases.items())
    if (other_schedule or other_base) and policy == "error":
        raise _difference(scheduler, state, other_schedule)
    position = state["position"]
    if policy in ("error", "keep", "rebase") or not (other_schedule or other_base):
        spec = saved
    else:
        ratios = {
            name: base / asked[name, key] for (name, key), base in bases.items() if key == "lr" and asked[name, key]
        }
        spec = resumed(saved, scheduler._given, position, policy, bridge, ratios)
    kept = policy in ("error", "keep")
    scheduler._position, scheduler._previewed = position, state["previewed"]
    scheduler.skipped = list(state["skipped"])
    scheduler._spec = spec
    scheduler._updating = scheduler._usual = False
    scheduler._record.chapters.clear()
    for target in scheduler._targets:
        slot = (target.name, target.key)
        target.base = bases.get(slot, asked[slot]) if kept else asked[slot]
        target.schedule = spec.of(target.key, target.name) or target.schedule
        target.joined = state["joined"].get(target.name, target.joined)
    scheduler._compile()
    scheduler._publish()


def _difference(scheduler: Scheduler, state: dict[str, Any], other_schedule: bool) -> StateError:
    """The refusal that shows what is another thing now, and which learning rates it would change."""
    saved: Spec = state["spec"]
    position = state["position"]
    lines = []
    if other_schedule:
        before_data, now_data = (one.map(lambda part: part.fresh()).to_data() for one in (saved, scheduler._given))
        lines += [line.removeprefix("lr.*.") for line in changed_fields(before_data, now_data)]
    lines += [
        f"base {key} of group {name}: {base:g} -> {scheduler._asked[name, key]:g}"
        for (name, key), base in state["bases"].items()
        if scheduler._asked.get((name, key), base) != base
    ]
    slot, base = next(item for item in state["bases"].items() if item[0][1] == "lr")
    before, after = saved.of("lr", slot[0]), scheduler._given.of("lr", slot[0])
    assert before is not None
    assert after is not None
    now = scheduler._asked.get(slot, base)
    advice = (
        f"{'; '.join(lines[:8])}{' ...' if len(lines) > 8 else ''}. At update {position} the learning rate was"
        f" {base * before.for_base(base)(position):g} and would be {now * after.for_base(now)(position):g}."
        " Say what wins: resume='keep', 'replace', 'rescale', 'bridge' (with bridge=updates) or 'rebase'."
    )
    return StateError(refusal("schedule", f"the saved one, {saved.shared}", str(scheduler._given.shared), advice))


# --- The PyTorch driver: the optimizer's own updates drive the clock ------------------------------------------------


try:
    import torch
    from torch.optim import Optimizer as Optimizer
    from torch.optim.lr_scheduler import LRScheduler
except ImportError as error:
    raise missing_extra("torch", "train") from error

_LOG = logging.getLogger("preheat")
_RATE = itemgetter("lr")
_JOIN = ("current", "fresh")
RESUME = ("error", "keep", "replace", "rescale", "bridge", "rebase")


class Scheduler(Readings, LRScheduler):  # type: ignore[misc] # torch keeps base_lrs as a list anyone may write to
    """Drives the learning rates of an optimizer, and other numbers in its groups, along schedules.

    Attach it and train: nothing has to be called. ``step()`` may be called as with any torch scheduler, once, never or
    several times per update; it only shows the next value in the groups.

    Args:
        optimizer: any torch optimizer. Each group's ``lr`` is its base value, the peak.
        schedule: completed updates to a share of the peak.
        last_epoch: -1 starts at update 0; ``n`` goes on after update n, from groups that carry ``initial_lr``
            (torch's convention for resuming without a scheduler state).
        groups: rules for groups by their ``name`` (or index): a schedule of their own, or a number that multiplies
            the shared one.
        also: schedules for other numbers in the groups, as ``{"weight_decay": schedule, "betas[0]": schedule}``, on
            the same clock; their base is what each group holds. A dictionary by group name limits one to some groups.
            The whole way is checked: betas and momentum stay in [0, 1).
        join: what a group added later follows: ``"current"`` the shared schedule at the present position,
            ``"fresh"`` the shared schedule from its own beginning; a Schedule multiplies the present value by a climb
            of its own, from its own beginning.
        on_foreign: what happens when somebody else has written a driven number: ``"error"``, ``"warn"`` (logged, and
            written over) or ``"adopt"`` (the value becomes the one the schedule has there, so the base changes).
        on_skip: ``"hold"`` counts real updates; ``"advance"`` counts attempts, so that a schedule ends on time.
        resume: what loading the state of another schedule or other base values does: ``"error"``; ``"keep"`` the saved
            ones; ``"replace"``, ``"rescale"`` or ``"bridge"`` to the new ones (:func:`preheat.resume`); ``"rebase"``
            keeps the saved schedule on the new base values.
        bridge: updates that a bridge takes.

    Attributes:
        position: completed updates (attempts, with ``on_skip="advance"``).
        skipped: positions before which an update was attempted and skipped.
        history: the learning rate used by every update since the scheduler was made or loaded (first group).

    A loop that calls ``step()`` and never the optimizer sees the successive values, as people draw curves; the first
    real update starts from the right position all the same. A second scheduler on the same optimizer takes over from
    the first. Use it for anything that torch's own ``SequentialLR`` does by composing schedules, not schedulers.

    >>> import torch
    >>> from preheat.schedule import get_schedule
    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.SGD([weight], lr=0.1)
    >>> scheduler = Scheduler(optimizer, get_schedule("warmuplinear", warmup=2, total=4))
    >>> for _ in range(4):
    ...     weight.sum().backward()
    ...     optimizer.step()
    >>> scheduler.history
    [0.0, 0.05, 0.1, 0.05]
    """

    # LRScheduler.__init__ is left out on purpose: it replaces optimizer.step to warn about call orders that cannot
    # matter here, and steps once. What trainers read of a scheduler is provided below.
    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Schedule,
        last_epoch: int = -1,
        *,
        groups: Mapping[Any, Rule] | None = None,
        also: Mapping[str, Any] | None = None,
        join: str | Schedule = "current",
        on_foreign: str = "error",
        on_skip: str = "hold",
        resume: str = "error",
        bridge: int = 0,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ScheduleError(refusal("optimizer", "a torch optimizer", optimizer, "Give the optimizer to drive."))
        if not isinstance(schedule, Schedule):
            advice = "Make one with preheat.get_schedule."
            raise ScheduleError(refusal("schedule", "a preheat Schedule", schedule, advice))
        start = int(count("last_epoch", last_epoch, -1, advice="-1 starts at update 0.")) + 1
        self.join = join if isinstance(join, Schedule) else choice("join", join, _JOIN)
        self.on_foreign = choice("on_foreign", on_foreign, ("error", "warn", "adopt"))
        self.on_skip = choice("on_skip", on_skip, ("hold", "advance"))
        self.resume = choice("resume", resume, RESUME)
        self.bridge = int(count("bridge", bridge, 1 if resume == "bridge" else 0))
        self.optimizer = innermost(optimizer)
        names = group_names(self.optimizer.param_groups)
        self._given = self._spec = build_spec(schedule, named_rules("groups", groups or {}, names), also or {}, names)
        self._position = start
        self._previewed = 0  # calls of step() while no update has happened yet
        self._updating = False  # whether this object has seen an update
        self._usual = False  # whether step() has nothing to do but to write
        self._stepped_at = start  # the position when step() was last called
        self.skipped: list[int] = []
        self._record = UsageLog()
        self._step_count = 1  # read by Accelerate
        if start and driver_of(self.optimizer) is None:
            refuse_without_initial_lr(self.optimizer)
        earlier = self._take_over()
        try:
            self._targets = self._new_targets(names, self.optimizer.param_groups)
            self._asked = {(target.name, target.key): target.base for target in self._targets}
            self._compile()
        except ScheduleError:
            self._let_go()
            if earlier is not None:
                earlier._take_over()
                earlier._publish()
            raise
        self._publish()

    # --- what is driven --------------------------------------------------------------------------------------------

    def _new_targets(self, names: list[str], groups: list[Group], joined: int = 0) -> list[Target]:
        """A target for every number of ``groups`` that the spec has a schedule for."""
        targets = []
        for name, group in zip(names, groups, strict=True):
            for key in self._spec.rules:
                schedule = self._spec.of(key, name)
                if schedule is None:
                    continue
                held = "initial_lr" if key == "lr" and "initial_lr" in group else key
                target = Target(group, name, key, base_value(group, held), schedule, joined)
                target.check_range()
                targets.append(target)
        return targets

    def _compile(self) -> None:
        """Lay out who is written what: equal schedules are evaluated once, plain learning rates take the short way."""
        order = {id(group): index for index, group in enumerate(self.optimizer.param_groups)}
        self._targets.sort(key=lambda target: order[id(target.group)])
        refuse_shared_tensors(self._targets)
        effective = [target.effective() for target in self._targets]
        for schedule in effective:
            schedule._refuse_waiting()
        self._lines = list(dict.fromkeys(effective))
        columns = [self._lines.index(schedule) for schedule in effective]
        self._columns = columns
        self._rates = [target for target in self._targets if target.key == "lr"]
        self._groups = self.optimizer.param_groups
        self._bases = [target.base for target in self._targets]
        self._plain = len(self._lines) == 1 and all(
            target.key == "lr" and not isinstance(target.group["lr"], torch.Tensor) for target in self._targets
        )
        self._count = len(self._rates)
        self._even = self._plain and len(set(self._bases)) == 1
        self._base = self._bases[0]
        self._shown_by_all: float | None = None
        self._shown: list[Any] = [None] * len(self._targets)
        self._factors = [0.0] * len(self._lines)
        self._shown_at = -1  # the position whose values the groups hold; -1 if there is something to settle first
        horizons = [schedule.horizon for schedule in self._lines]
        self._end = math.inf if None in horizons else max(math.ceil(h) for h in horizons if h is not None)
        strict = any(isinstance(part, Strict) for schedule in self._lines for part in everything_in(schedule))
        self._last_shown = self._end if strict else math.inf
        bases = {
            (target.name, target.key): (target.base, column)
            for target, column in zip(self._targets, columns, strict=True)
        }
        self._chapter: Segment = self._record.begin(bases, len(self._lines))
        self._use = self._chapter.columns[0].append

    def _regroup(self) -> None:
        """Groups have joined, left, or been replaced by load_state_dict: find every target's group again."""
        groups = self.optimizer.param_groups
        if groups is not self._groups:
            refuse_parts()
        known = {id(target.group) for target in self._targets}
        present = {id(group) for group in groups}
        left = {target.name for target in self._targets if id(target.group) not in present}
        if left:
            _LOG.info("parameter groups left: %s", ", ".join(sorted(left)))
            self._targets = [target for target in self._targets if target.name not in left]
        names = group_names(groups)
        new = [(name, group) for name, group in zip(names, groups, strict=True) if id(group) not in known]
        for name, group in new:
            while any(target.name == name for target in self._targets):
                name = f"{name}'"  # an index that was taken before groups left
            joining = self._new_targets([name], [group])
            for target in joining:
                self._let_join(target)
            self._targets += joining
        self._asked |= {(target.name, target.key): target.base for target in self._targets}
        self._compile()

    def _let_join(self, target: Target) -> None:
        position = self._position
        own = target.name in self._spec.rules.get(target.key, {})
        if self.join == "fresh" or own:
            target.joined = position
        elif isinstance(self.join, Schedule) and target.key == "lr":
            target.schedule = target.schedule * self.join.shift(-position)
        _LOG.info("parameter group %s joined at update %d", target.name, position)

    # --- the clock -------------------------------------------------------------------------------------------------

    def _take_over(self) -> Scheduler | None:
        """Hook the optimizer; an earlier driver of it lets go."""
        earlier = driver_of(self.optimizer)
        if earlier is not None:
            earlier.detach()
        before, after = self._before_update, self._after_update
        if any(map(holds_tensors, self.optimizer.param_groups)):
            # A tensor's write counter cannot be traced: no compiler looks into the hooks.
            before, after = map(torch.compiler.disable, (before, after))
        self._handles = [
            self.optimizer.register_step_pre_hook(before),
            self.optimizer.register_step_post_hook(after),
            self.optimizer.register_load_state_dict_post_hook(self._after_load),
        ]
        return earlier

    def detach(self) -> None:
        """Let go of the optimizer: every driven number goes back to its base value, unless somebody else wrote it."""
        if self._handles:
            self._find_groups()
            for target, shown in zip(self._targets, self._all_shown(), strict=True):
                if is_ours(target.read(), shown):
                    target.write(target.base)
                if target.key == "lr":
                    target.group.pop("initial_lr", None)
        self._let_go()

    def _let_go(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._usual = False

    # Three methods run at every update and come to a microsecond or so together; what is rare is left to others.

    def _before_update(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        groups = optimizer.param_groups
        if groups is not self._groups or len(groups) != self._count:
            self._regroup()
        if self._even:
            shown = self._shown_by_all
            for group in groups:
                if group["lr"] is not shown:
                    self._check_foreign()
                    break
        elif not self._plain or [*map(_RATE, groups)] != self._shown:
            self._check_foreign()
        if self._shown_at != self._position:
            self._settle()

    def _settle(self) -> None:
        """Before an update: forget what was only looked at, write what step() has not written, see the end."""
        if not self._updating:
            refuse_sharded(self._groups)
            self._updating = True
            self._usual = self.on_skip == "hold" and self._last_shown == math.inf
            self._previewed = 0
        self._write()
        if self._position >= self._end:
            self._warn_past_end()

    def _after_update(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        # A fused optimizer is called even when the gradients overflowed, and then does nothing. Reading the flag waits
        # for the device, but only under a GradScaler.
        if "found_inf" in optimizer.__dict__ and bool(optimizer.__dict__["found_inf"]):
            self._skip()
            return
        if self._plain:
            self._use(self._factor)
        else:
            for column, factor in zip(self._chapter.columns, self._factors, strict=True):
                column.append(factor)
        self._position += 1

    def _skip(self) -> None:
        self.skipped.append(self._position)
        if self.on_skip == "advance":
            self._position += 1

    def _after_load(self, *_: Any) -> None:
        """The optimizer's state was loaded over the groups: show our values in them again."""
        self._find_groups()
        self._regroup()
        self._publish()

    def _find_groups(self) -> None:
        """After load_state_dict the groups are new dictionaries in the old order."""
        groups = self.optimizer.param_groups
        if groups is self._groups or len(groups) != len(self._rates):
            return
        homes = {id(target.group): group for target, group in zip(self._rates, groups, strict=True)}
        for target in self._targets:
            target.group = homes.get(id(target.group), target.group)
        self._groups = groups

    def _write(self) -> None:
        """Write the value of the coming update (or of the previewed one) into every group."""
        position = self._position + self._previewed
        if self._plain:
            if position != self._shown_at + 1 or not position:
                self._next_factor = self._lines[0]._from(position).__next__
            self._shown_at = position if position < self._end else -1
            self._factor = factor = self._next_factor()
            if self._even:
                self._shown_by_all = value = self._base * factor
                for group in self._groups:
                    group["lr"] = value
            else:
                self._shown = shown = [base * factor for base in self._bases]
                for group, value in zip(self._groups, shown):  # noqa: B905 - they are as many
                    group["lr"] = value
            return
        self._shown_at = position
        self._factors = [schedule(position) for schedule in self._lines]
        values = [t.base * self._factors[column] for t, column in zip(self._targets, self._columns, strict=True)]
        for target, value in zip(self._targets, values, strict=True):
            target.write(value)
        # When all is written: a tensor may be shared by several groups.
        self._shown = [mark(target.read(), value) for target, value in zip(self._targets, values, strict=True)]

    def _publish(self) -> None:
        """Show the coming value in the groups, and the base value where torch keeps it."""
        self._write()
        if not self._updating:
            self._shown_at = -1
        for target in self._rates:
            target.group["initial_lr"] = target.base

    def _all_shown(self) -> list[Any]:
        """What was written last, by target."""
        return [self._shown_by_all] * self._count if self._even else self._shown

    def _check_foreign(self) -> None:
        """Find numbers that somebody else has written since we did, and do what was asked for."""
        foreign = [
            (target, shown)
            for target, shown in zip(self._targets, self._all_shown(), strict=True)
            if shown is not None and not is_ours(target.read(), shown)
        ]
        for target, shown in foreign:
            found, ours = float(target.read()), float(shown[0] if isinstance(shown, tuple) else shown)
            what = f"{target.key} of group {target.name}"
            if self.on_foreign == "error":
                advice = "Change the schedule, or pass on_foreign='adopt' to go on from that value, or 'warn'."
                raise ScheduleError(refusal(what, f"left to the scheduler, which wrote {ours:g}", found, advice))
            _LOG.warning("%s was set to %g where the scheduler had written %g", what, found, ours)
            if self.on_foreign == "adopt":
                target.base = found * target.base / ours if ours else found
        if foreign:
            if self.on_foreign == "adopt":
                self._compile()
            self._publish()

    def _warn_past_end(self) -> None:
        """Once: the schedule is over and the run is not."""
        end, self._end = self._end, math.inf
        _LOG.warning(
            "update %d is past the schedule's horizon of %g updates; the learning rate is held at %g."
            " Plan more updates, or extend the schedule.",
            self._position, end, self._shown_rates()[0],
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_handles", "_use", "_next_factor")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy drives the optimizer that was copied with it."""
        self.__dict__.update(state)
        self._use = self._chapter.columns[0].append
        self._shown_at = -1
        self._handles = []
        self._take_over()

    # --- what trainers call ----------------------------------------------------------------------------------------

    def step(self, epoch: int | None = None) -> None:
        """Show the value of the next update in the groups. Until an update has happened, each call shows the next."""
        if self._usual and epoch is None:
            if self._shown_at != self._position:
                self._write()
            return
        self._refuse_to_step(epoch)
        if self.on_skip == "advance" and self._position == self._stepped_at:
            self._skip()
        elif not self._updating:
            self._previewed += 1
        self._stepped_at = self._position
        if self._position + self._previewed < self._last_shown:
            self._write()
            if not self._updating:
                self._shown_at = -1

    def _refuse_to_step(self, epoch: int | None) -> None:
        if epoch is not None:
            raise ScheduleError(refusal("epoch", "left out of step()", epoch, COMPOSE))
        if not self._handles:
            advice = "Another scheduler took the optimizer over, or detach() was called: step that one."
            raise ScheduleError(refusal("scheduler", "attached to its optimizer", "a detached one", advice))

    def report(self, metric: float) -> None:
        """Tell the metric-driven parts of the schedules what was measured after the updates so far."""
        self._spec = self._spec.map(lambda schedule: schedule.report(metric, self._position))
        for target in self._targets:
            target.schedule = target.schedule.report(metric, self._position - target.joined)
        self._compile()
        self._publish()

    # --- saving ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Position, base values and the schedules themselves, as plain data ready for JSON."""
        return saved_state(self)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], *, resume: str | None = None, bridge: int | None = None
    ) -> None:
        """Go on from a saved state, whatever is in the optimizer's groups.

        Args:
            state_dict: what :meth:`state_dict` gave.
            resume: what to do if the schedule or a base value is another one now; None takes the constructor's.
            bridge: updates a bridge takes; None takes the constructor's.

        Raises:
            StateError: if the state is not one of ours; or, unless a policy says what wins, if it belongs to another
                schedule or other base values: with the fields that differ and the learning rates before and after.
        """
        policy = self.resume if resume is None else choice("resume", resume, RESUME)
        updates = self.bridge if bridge is None else int(count("bridge", bridge, 1))
        load_state(self, read_state(state_dict), policy, updates)


def driver_of(optimizer: Optimizer) -> Scheduler | None:
    """The scheduler that drives the optimizer now: the owner of its hook."""
    hooks = (getattr(hook, "__wrapped__", hook) for hook in optimizer._optimizer_step_pre_hooks.values())
    owners = (getattr(hook, "__self__", None) for hook in hooks)
    return next((owner for owner in owners if isinstance(owner, Scheduler)), None)
