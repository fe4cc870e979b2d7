"""The PyTorch driver: the optimizer's own updates drive the clock.

Before an update the driver writes ``base * schedule(position)`` into every parameter group; after an update that
really happened the position grows by one. So it does not matter how often ``step()`` is called, whether AMP skips an
update, or in which order optimizer, scheduler and saved states are loaded.

:class:`Scheduler` is the driver, :func:`layer_groups` makes parameter groups with layer-wise rates, :func:`group_table`
shows groups, and :class:`Pace` watches somebody else's scheduler.
"""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from preheat._driver.layers import group_table, layer_groups
from preheat._driver.pace import Pace
from preheat._driver.targets import (
    EVERY,
    Group,
    Rule,
    Spec,
    Target,
    base_value,
    build_spec,
    check_ranges,
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
from preheat.messages import _, joined
from preheat.messages.languages import logged
from preheat.schedule import Schedule
from preheat.schedule.combine import Strict, everything_in
from preheat.schedule.lengths import choice, count, number
from preheat.schedule.operations import changed_fields, first_of

try:
    import torch
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler
except ImportError as error:
    raise missing_extra("torch", "train") from error

__all__ = ["Pace", "Scheduler", "group_table", "layer_groups"]

_LOG = logging.getLogger("preheat")
_RATE = itemgetter("lr")
_JOIN = ("current", "fresh")
_RESUME = ("error", "keep", "replace", "rescale", "bridge", "rebase")
_COMPOSE = _("The optimizer's updates move the clock: compose schedules, or load a state, to start elsewhere.")
_STATE_VERSION = 1
_STATE_KEYS = {"version", "position", "previewed", "skipped", "schedules", "fingerprint", "groups"}
_DAMAGED = _("The state is damaged.")


class Scheduler(LRScheduler):
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
            ``"fresh"`` the shared schedule from its own beginning; a Schedule multiplies the present value by a
            warm-up of its own, from its own beginning.
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
            raise ScheduleError(
                refusal("optimizer", _("a torch optimizer"), optimizer, _("Give the optimizer to drive."))
            )
        if not isinstance(schedule, Schedule):
            advice = _("Make one with preheat.get_schedule.")
            raise ScheduleError(refusal("schedule", _("a preheat Schedule"), schedule, advice))
        start = int(count("last_epoch", last_epoch, -1, advice=_("-1 starts at update 0."))) + 1
        self.join = join if isinstance(join, Schedule) else choice("join", join, _JOIN)
        self.on_foreign = choice("on_foreign", on_foreign, ("error", "warn", "adopt"))
        self.on_skip = choice("on_skip", on_skip, ("hold", "advance"))
        self.resume = choice("resume", resume, _RESUME)
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
        self._usage = UsageLog()
        self._step_count = 1  # read by Accelerate
        if start and driver_of(self.optimizer) is None:
            refuse_without_initial_lr(self.optimizer)
        # Before the base values are read: an earlier driver puts back those that it has overwritten.
        earlier = self._take_over()
        try:
            self._targets = self._new_targets(names, self.optimizer.param_groups)
            self._asked = {(target.name, target.key): target.base for target in self._targets}
            self._compile()
        except ScheduleError:
            self._let_go()
            if earlier is not None:  # a scheduler that could not be made leaves everything as it was
                earlier._take_over()
                earlier._publish()
            raise
        self._publish()

    # --- what it tells: the rates that were used, the ones that come, and what trainers read ---------------------

    @property
    def schedule(self) -> Schedule:
        """The schedule of the groups without one of their own."""
        return self._spec.shared

    @property
    def position(self) -> int:
        """Completed updates."""
        return self._position

    @property
    def history(self) -> list[float]:
        """The learning rate used by every update since this object was made or loaded, in the first group."""
        return self.group_history(self._rates[0].name)

    def group_history(self, group: str | int, key: str = "lr") -> list[float]:
        """As :attr:`history`, for any group (by name or index) and any driven number, ``"weight_decay"`` say."""
        return self._usage.used(str(group), key)

    @property
    def used_lr(self) -> float | None:
        """The learning rate the latest update used, in the first group; None before the first."""
        # Asked for once an update by those who log: the whole history is built only where a segment has just begun.
        factors = self._segment.columns[self._columns[0]] if self._columns else None
        if factors:
            return self._rates[0].base * factors[-1]
        history = self.history
        return history[-1] if history else None

    @property
    def next_lr(self) -> float:
        """The learning rate the coming update will use, in the first group."""
        return float(self.get_lr()[0])

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override] # torch keeps a list anyone may write to
        """Each group's base learning rate."""
        return [target.base for target in self._rates]

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The learning rate shown in each group, as plain floats: the one the next update uses once ``step()`` ran."""
        # Not read from the groups: a tensor on a device would have to be waited for.
        factors = [self._factor if self._plain else self._factors[column] for column in self._columns]
        return [t.base * factor for t, factor in zip(self._targets, factors, strict=True) if t.key == "lr"]

    def get_lr(self) -> list[Any]:
        """The learning rate of the coming update for each group, as plain floats."""
        position = self._position + self._previewed
        return [target.base * target.effective()(position) for target in self._rates]

    @property
    def last_epoch(self) -> int:
        """torch's name for the position (while previewing: for the value shown)."""
        return self._position + self._previewed

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        raise ScheduleError(refusal("last_epoch", _("left to the optimizer's updates"), value, _COMPOSE))

    # --- what is driven ------------------------------------------------------------------------------------------

    def _new_targets(self, names: list[str], groups: list[Group]) -> list[Target]:
        """A target for every number of ``groups`` that the spec has a schedule for."""
        targets = []
        for name, group in zip(names, groups, strict=True):
            for key in self._spec.rules:
                schedule = self._spec.of(key, name)
                if schedule is None:
                    continue
                held = "initial_lr" if key == "lr" and "initial_lr" in group else key
                targets.append(Target(group, name, key, base_value(group, held), schedule))
        check_ranges(targets)
        return targets

    def _compile(self) -> None:
        """Lay out who is written what, for the methods of every update, and open a segment of the usage log.

        Equal schedules are evaluated once: ``_lines`` are the different ones, and ``_columns`` says for each target
        which of them it follows. ``_plain`` is one schedule for learning rates that are plain floats, and ``_even``
        that all groups have the same base value besides: the cases of nearly every run, with short ways of their own.
        """
        order = {id(group): index for index, group in enumerate(self.optimizer.param_groups)}
        self._targets.sort(key=lambda target: order[id(target.group)])
        refuse_shared_tensors(self._targets)
        effective = [target.effective() for target in self._targets]
        for schedule in effective:
            schedule._refuse_waiting()
        self._lines = list(dict.fromkeys(effective))
        columns = {schedule: column for column, schedule in enumerate(self._lines)}
        self._columns = [columns[schedule] for schedule in effective]
        self._rates = [target for target in self._targets if target.key == "lr"]
        self._groups = self.optimizer.param_groups
        self._bases = [target.base for target in self._targets]
        self._count = len(self._rates)
        self._plain = len(self._lines) == 1 and all(
            target.key == "lr" and not isinstance(target.group["lr"], torch.Tensor) for target in self._targets
        )
        self._even = self._plain and len(set(self._bases)) == 1
        self._base = self._bases[0]
        # What was written last: one object for all groups, or a list with one for each target.
        self._shown_by_all: float | None = None
        self._shown: list[Any] = [None] * len(self._targets)
        self._factors = [0.0] * len(self._lines)
        self._streams: list[Callable[[], float]] = []
        self._shown_at = -1  # the position whose values the groups hold; -1 if there is something to settle first
        horizons = [schedule.horizon for schedule in self._lines]
        self._end = math.inf if None in horizons else max(math.ceil(h) for h in horizons if h is not None)
        # after_end("error") is for an update past the end. step() after the last update must not set it off.
        strict = any(isinstance(part, Strict) for schedule in self._lines for part in everything_in(schedule))
        self._last_shown = self._end if strict else math.inf
        slots = [(target.name, target.key) for target in self._targets]
        bases = dict(zip(slots, zip(self._bases, self._columns, strict=True), strict=True))
        self._segment = self._usage.begin(bases, len(self._lines))
        self._use = self._segment.columns[0].append

    # --- the clock: three methods run at every update and come to a microsecond or so together -------------------
    # What they read is laid out by _compile(); whatever is rare is left to other methods.

    def _before_update(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        groups = optimizer.param_groups
        if groups is not self._groups or len(groups) != self._count:
            self._regroup()
        if self._even:
            # Every group was given the same float object, so that looking for foreign writes is comparing addresses.
            shown = self._shown_by_all
            for group in groups:
                if group["lr"] is not shown:
                    self._check_foreign()
                    break
        elif not self._plain or [*map(_RATE, groups)] != self._shown:
            self._check_foreign()
        if self._shown_at != self._position:
            self._settle()

    def _after_update(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        # A fused optimizer is called even when the gradients overflowed, and then does nothing. Reading the flag waits
        # for the device, but only under a GradScaler.
        if "found_inf" in optimizer.__dict__ and bool(optimizer.__dict__["found_inf"]):
            self._skip()
            return
        if self._plain:
            self._use(self._factor)
        else:
            for factors, factor in zip(self._segment.columns, self._factors, strict=True):
                factors.append(factor)
        self._position += 1

    def step(self, epoch: int | None = None) -> None:
        """Show the value of the next update in the groups. Until an update has happened, each call shows the next."""
        if self._usual and epoch is None:
            if self._shown_at != self._position:
                self._write()
            return
        self._refuse_to_step(epoch)
        if self.on_skip == "advance" and self._position == self._stepped_at:
            # Stepped twice at one position: in between a GradScaler has skipped the update without calling anybody.
            self._skip()
        elif not self._updating:
            self._previewed += 1
        self._stepped_at = self._position
        if self._position + self._previewed < self._last_shown:
            self._write()
            if not self._updating:
                self._shown_at = -1

    def _write(self) -> None:
        """Write the value of the coming update (or of the previewed one) into every group."""
        position = self._position + self._previewed
        # Factors come from a stream, one an update: at less than half of a call's price. 0 always begins a new one,
        # since -1, "nothing is shown", is no position that a stream has come to.
        if position != self._shown_at + 1 or not position:
            self._streams = [schedule._from(position).__next__ for schedule in self._lines]
            self._next_factor = self._streams[0]
        # From the end on -1, so that the next update settles, and sees that it is past the end.
        self._shown_at = position if position < self._end else -1
        if self._plain:
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
        self._factors = factors = [next_factor() for next_factor in self._streams]
        values = [base * factors[column] for base, column in zip(self._bases, self._columns, strict=True)]
        for target, value in zip(self._targets, values, strict=True):
            target.write(value)
        # When all is written: a tensor may be shared by several groups.
        self._shown = [mark(target.read(), value) for target, value in zip(self._targets, values, strict=True)]

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

    def _skip(self) -> None:
        self.skipped.append(self._position)
        if self.on_skip == "advance":
            self._position += 1

    def _refuse_to_step(self, epoch: int | None) -> None:
        if epoch is not None:
            raise ScheduleError(refusal("epoch", _("left out of step()"), epoch, _COMPOSE))
        if not self._handles:
            advice = _("Another scheduler took the optimizer over, or detach() was called: step that one.")
            raise ScheduleError(refusal("scheduler", _("attached to its optimizer"), _("a detached one"), advice))

    def _warn_past_end(self) -> None:
        """Once: the schedule is over and the run is not."""
        end, self._end = self._end, math.inf
        warning = _(
            "update {update} is past the schedule's horizon of {horizon:g} updates;"
            " the learning rate is held at {rate:g}. Plan more updates, or extend the schedule.",
            update=self._position,
            horizon=end,
            rate=float(self._rates[0].read()),
        )
        _LOG.warning("%s", logged(warning))

    def _publish(self) -> None:
        """Show the coming value in the groups, and the base value where torch keeps it."""
        self._write()
        if not self._updating:
            self._shown_at = -1
        for target in self._rates:
            target.group["initial_lr"] = target.base

    def report(self, metric: float) -> None:
        """Tell the metric-driven parts of the schedules what was measured after the updates so far."""
        self._spec = self._spec.map(lambda schedule: schedule.report(metric, self._position))
        for target in self._targets:
            target.schedule = target.schedule.report(metric, self._position - target.joined)
        self._compile()
        self._publish()

    # --- groups that join or leave, and numbers that somebody else writes ----------------------------------------

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

    def _check_foreign(self) -> None:
        """Find numbers that somebody else has written since we did, and do what was asked for."""
        foreign = [
            (target, shown)
            for target, shown in zip(self._targets, self._all_shown(), strict=True)
            if shown is not None and not is_ours(target.read(), shown)
        ]
        for target, shown in foreign:
            theirs, ours = float(target.read()), float(shown[0] if isinstance(shown, tuple) else shown)
            what = _("{key} of group {group}", key=target.key, group=target.name)
            if self.on_foreign == "error":
                advice = _("Change the schedule, or pass on_foreign='adopt' to go on from that value, or 'warn'.")
                raise ScheduleError(
                    refusal(what, _("left to the scheduler, which wrote {ours:g}", ours=ours), theirs, advice)
                )
            warning = _(
                "{what} was set to {theirs:g} where the scheduler had written {ours:g}",
                what=what,
                theirs=theirs,
                ours=ours,
            )
            _LOG.warning("%s", logged(warning))
            if self.on_foreign == "adopt":
                # The base whose schedule passes through their value; where the schedule is at 0 none does.
                target.base = theirs * target.base / ours if ours else theirs
        if foreign:
            if self.on_foreign == "adopt":
                self._compile()
            self._publish()

    def _all_shown(self) -> list[Any]:
        """What was written last, by target."""
        return [self._shown_by_all] * self._count if self._even else self._shown

    # --- holding on to the optimizer, and letting go -------------------------------------------------------------

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
        self._usual = False  # so that step() comes to its refusal

    def _after_load(self, *_unused: Any) -> None:
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

    def __getstate__(self) -> dict[str, Any]:
        # Hooks belong to one optimizer, a bound append and running streams to one process.
        left_out = ("_handles", "_use", "_streams", "_next_factor")
        return {key: value for key, value in self.__dict__.items() if key not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy drives the optimizer that was copied with it."""
        self.__dict__.update(state)
        self._use = self._segment.columns[0].append
        self._shown_at = -1
        self._handles = []
        self._take_over()

    # --- saving, and going on ------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Position, base values and the schedules themselves, as plain data ready for JSON.

        The fingerprint is that of the schedules that were asked for, so that a later run can tell whether it asks for
        the same; the schedules are those followed, with what metrics and earlier resumes have made of them.
        """
        groups: dict[str, dict[str, Any]] = {}
        for target in self._targets:
            group = groups.setdefault(target.name, {})
            group[target.key] = target.base
            if target.joined:
                group["joined"] = target.joined
        return {
            "version": _STATE_VERSION,
            "position": self._position,
            "previewed": self._previewed,
            "skipped": list(self.skipped),
            "schedules": self._spec.to_data(),
            "fingerprint": self._given.fingerprint,
            "groups": groups,
        }

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
        policy = self.resume if resume is None else choice("resume", resume, _RESUME)
        updates = self.bridge if bridge is None else int(count("bridge", bridge, 1))
        # Everything is checked before anything is changed: a refused state leaves the scheduler as it was.
        state = _SavedState.read(state_dict)
        asked = self._asked
        bases = {slot: base for slot, base in state.bases.items() if slot in asked}
        missing = {name for name, _unused in state.bases} - {name for name, _unused in asked}
        if missing:
            there = joined(", ", dict.fromkeys(name for name, _unused in asked))
            advice = _("The optimizer has no such group; it has {groups}.", groups=there)
            got = _("no {groups}", groups=joined(", ", sorted(missing)))
            raise StateError(refusal("groups", _("those of the saved state"), got, advice))
        other_schedule = state.fingerprint != self._given.fingerprint
        other_base = any(base != asked[slot] for slot, base in bases.items())
        if (other_schedule or other_base) and policy == "error":
            raise self._difference(state, other_schedule)
        if policy in ("error", "keep", "rebase") or not (other_schedule or other_base):
            spec = state.spec
        else:
            # What the saved rates come to as shares of the new base values: the past that is gone on from.
            ratios = {
                name: base / asked[name, key] for (name, key), base in bases.items() if key == "lr" and asked[name, key]
            }
            spec = resumed(state.spec, self._given, state.position, policy, updates, ratios)
        self._position, self._previewed = state.position, state.previewed
        self.skipped = list(state.skipped)
        self._spec = spec
        self._updating = self._usual = False
        self._usage.segments.clear()
        for target in self._targets:
            slot = (target.name, target.key)
            target.base = bases.get(slot, asked[slot]) if policy in ("error", "keep") else asked[slot]
            target.schedule = spec.of(target.key, target.name) or target.schedule
            target.joined = state.joined.get(target.name, target.joined)
        self._compile()
        self._publish()

    def _difference(self, state: _SavedState, other_schedule: bool) -> StateError:
        """The refusal that shows what is another thing now, and which learning rates it would change."""
        lines = []
        if other_schedule:
            saved_data, asked_data = (
                spec.map(lambda schedule: schedule.fresh()).to_data() for spec in (state.spec, self._given)
            )
            lines += changed_fields(saved_data, asked_data, within="lr.*.")
        lines += [
            _(
                "base {key} of group {group}: {saved:g} -> {asked:g}",
                key=key,
                group=name,
                saved=base,
                asked=self._asked[name, key],
            )
            for (name, key), base in state.bases.items()
            if self._asked.get((name, key), base) != base
        ]
        slot, base = next(item for item in state.bases.items() if item[0][1] == "lr")
        before, after = state.spec.of("lr", slot[0]), self._given.of("lr", slot[0])
        assert before is not None
        assert after is not None
        now, position = self._asked.get(slot, base), state.position
        advice = _(
            "{changes}. At update {update} the learning rate was {was:g} and would be {would:g}."
            " Say what wins: resume='keep', 'replace', 'rescale', 'bridge' (with bridge=updates) or 'rebase'.",
            changes=first_of(lines, 8),
            update=position,
            was=base * before.for_base(base)(position),
            would=now * after.for_base(now)(position),
        )
        rule = _("the saved one, {schedule}", schedule=state.spec.shared)
        return StateError(refusal("schedule", rule, str(self._given.shared), advice))


def driver_of(optimizer: Optimizer) -> Scheduler | None:
    """The scheduler that drives the optimizer now: the owner of its hook."""
    # torch.compiler.disable wraps a hook in a function, which keeps the bound method in __wrapped__.
    hooks = (getattr(hook, "__wrapped__", hook) for hook in optimizer._optimizer_step_pre_hooks.values())
    owners = (getattr(hook, "__self__", None) for hook in hooks)
    return next((owner for owner in owners if isinstance(owner, Scheduler)), None)


# --- What every update used -----------------------------------------------------------------------------------------
# Factors, and the base values they belong to: an update costs one number, eight bytes, however many groups there are.


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
    """The segments of a run, in order."""

    segments: list[Segment] = field(default_factory=list)

    def begin(self, bases: dict[tuple[str, str], tuple[float, int]], columns: int) -> Segment:
        """Open a segment; one in which nothing happened is replaced."""
        if self.segments and not any(self.segments[-1].columns):
            self.segments.pop()
        segment = Segment(bases, [array("d") for _unused in range(columns)])
        self.segments.append(segment)
        return segment

    def used(self, group: str, key: str) -> list[float]:
        """The values of one number, an update each; a group that joined late has fewer."""
        values: list[float] = []
        for segment in self.segments:
            if (group, key) in segment.bases:
                base, column = segment.bases[group, key]
                values += [base * factor for factor in segment.columns[column]]
        return values


# --- A saved state, checked -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _SavedState:
    """What :meth:`Scheduler.state_dict` wrote, with every field checked and the schedules read.

    Attributes:
        position: completed updates.
        previewed: calls of ``step()`` before the first update.
        skipped: as in the scheduler.
        spec: the schedules that were followed.
        fingerprint: of those that were asked for.
        bases: (group name, key) -> base value.
        joined: group name -> the position its clock starts at.
    """

    position: int
    previewed: int
    skipped: list[int]
    spec: Spec
    fingerprint: str
    bases: dict[tuple[str, str], float]
    joined: dict[str, int]

    @staticmethod
    def read(state: Any) -> _SavedState:
        """The checked state.

        Raises:
            StateError: for anything that this release did not write.
        """
        if not isinstance(state, Mapping) or set(state) != _STATE_KEYS:
            keys = sorted(map(str, state)) if isinstance(state, Mapping) else state
            raise StateError(
                refusal("state_dict", _("one that preheat wrote"), keys, _("Load the state of this scheduler."))
            )
        if state["version"] != _STATE_VERSION:
            advice = _("It was written by another release of preheat.")
            raise StateError(refusal("version", str(_STATE_VERSION), state["version"], advice))
        for name in ("position", "previewed"):
            value = state[name]
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise StateError(refusal(name, _("an int >= 0"), value, _DAMAGED))
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
            got = error.args[0] if isinstance(error, ScheduleError) else str(error)
            raise StateError(refusal("state_dict", _("readable"), got, _DAMAGED)) from None
        return _SavedState(
            state["position"], state["previewed"], state["skipped"], spec, state["fingerprint"], bases, joined
        )
