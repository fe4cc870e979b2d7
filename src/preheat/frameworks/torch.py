"""The PyTorch driver: the optimizer's own updates drive the clock.

Before an update the driver writes ``base * schedule(position)`` into every parameter group; after an update that
really happened the position grows by one. So it does not matter how often ``step()`` is called, whether AMP skips an
update, or in which order optimizer, scheduler and saved states are loaded.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from preheat.errors import ScheduleError, StateError, missing_extra, refusal
from preheat.schedule import Schedule
from preheat.schedule.checks import count, number

try:
    import torch
    from torch.optim import Optimizer as Optimizer
    from torch.optim.lr_scheduler import LRScheduler
except ImportError as error:
    raise missing_extra("torch", "train") from error

STATE_VERSION = 1
_STATE_KEYS = {"version", "position", "previewed", "base_lrs", "schedule", "fingerprint"}


class Scheduler(LRScheduler):
    """Drives the learning rates of an optimizer along a schedule.

    Attach it and train: nothing has to be called. ``step()`` may be called as with any torch scheduler, once, never or
    several times per update; it only shows the next value in the groups.

    Args:
        optimizer: any torch optimizer. Each group's ``lr`` is its base value, the peak.
        schedule: completed updates to a share of the peak.
        last_epoch: -1 starts at update 0; ``n`` goes on after update n, from groups that carry ``initial_lr``
            (torch's convention for resuming without a scheduler state).

    Attributes:
        position: completed updates.
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
    def __init__(self, optimizer: Optimizer, schedule: Schedule, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ScheduleError(refusal("optimizer", "a torch optimizer", optimizer, "Give the optimizer to drive."))
        if not isinstance(schedule, Schedule):
            advice = "Make one with preheat.get_schedule."
            raise ScheduleError(refusal("schedule", "a preheat Schedule", schedule, advice))
        start = int(count("last_epoch", last_epoch, -1, advice="-1 starts at update 0.")) + 1
        self.optimizer = _innermost(optimizer)
        self.schedule = schedule
        self.base_lrs: list[Any] = _base_values(self.optimizer, resuming=start > 0)
        self._position = start
        self._previewed = 0  # calls of step() while no update has happened yet
        self._updating = False  # whether this object has seen an update
        self._factor_at, self._factor = -1, 0.0  # the schedule's latest value and its position
        self._written: list[float] = []
        self._used: list[array[float]] = []
        self._step_count = 1  # read by Accelerate
        self._take_over()
        self._publish()

    # --- the clock -------------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Hook the optimizer; an earlier driver of it lets go."""
        earlier = _driver(self.optimizer)
        if earlier is not None:
            earlier.detach()
        self._handles = [
            self.optimizer.register_step_pre_hook(self._before_update),
            self.optimizer.register_step_post_hook(self._after_update),
            self.optimizer.register_load_state_dict_post_hook(self._after_load),
        ]

    def detach(self) -> None:
        """Let go of the optimizer: its groups keep the values they show, and later updates no longer move them."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _before_update(self, *_: Any) -> None:
        self._previewed = 0
        self._updating = True
        self._write()

    def _after_update(self, optimizer: Optimizer, *_: Any) -> None:
        # A fused optimizer is called even when the gradients overflowed, and then does nothing. Reading the flag waits
        # for the device, but only under a GradScaler.
        skipped = getattr(optimizer, "found_inf", None)
        if skipped is not None and bool(skipped):
            return
        self._position += 1
        while len(self._used) < len(self._written):
            self._used.append(array("d"))
        for used, value in zip(self._used, self._written, strict=False):
            used.append(value)

    def _after_load(self, *_: Any) -> None:
        """The optimizer's state was loaded over the groups: show our values in them again."""
        self._publish()

    def _write(self) -> None:
        """Write the value of the coming update (or of the previewed one) into every group."""
        groups = self.optimizer.param_groups
        for group in groups[len(self.base_lrs) :]:  # joined after the scheduler was made
            self.base_lrs.append(float(group["lr"]))
        self._written = self.get_lr()
        for group, value in zip(groups, self._written, strict=True):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(value)
            else:
                group["lr"] = value

    def _publish(self) -> None:
        """Show the coming value in the groups, and the base value where torch keeps it."""
        self._write()
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=False):
            group["initial_lr"] = base

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_handles"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy drives the optimizer that was copied with it."""
        self.__dict__.update(state)
        self._take_over()

    # --- what trainers call ----------------------------------------------------------------------------------------

    def step(self, epoch: int | None = None) -> None:
        """Show the value of the next update in the groups. Until an update has happened, each call shows the next."""
        if epoch is not None:
            raise ScheduleError(refusal("epoch", "left out of step()", epoch, _COMPOSE))
        if not self._handles:
            advice = "Another scheduler took the optimizer over, or detach() was called: step that one."
            raise ScheduleError(refusal("scheduler", "attached to its optimizer", "a detached one", advice))
        if not self._updating:
            self._previewed += 1
        self._write()

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The learning rate shown in each group, as plain floats: the one the next update uses once ``step()`` ran."""
        return list(self._written)

    def get_lr(self) -> list[Any]:
        """The learning rate of the coming update for each group, as plain floats."""
        position = self._position + self._previewed
        if position != self._factor_at:
            self._factor_at, self._factor = position, self.schedule(position)
        factor = self._factor
        return [base * factor for base in self.base_lrs[: len(self.optimizer.param_groups)]]

    @property
    def position(self) -> int:
        """Completed updates."""
        return self._position

    @property
    def history(self) -> list[float]:
        """The learning rate used by every update since this object was made or loaded, in the first group."""
        return self.group_history(0)

    @property
    def last_used_lr(self) -> float | None:
        """The learning rate the latest update used, in the first group; None before the first."""
        return self._used[0][-1] if self._used else None

    def group_history(self, index: int) -> list[float]:
        """As :attr:`history`, for the group at ``index``; a group that joined later has a shorter one."""
        return list(self._used[index]) if index < len(self._used) else []

    @property
    def last_epoch(self) -> int:
        """torch's name for the position (while previewing: for the value shown)."""
        return self._position + self._previewed

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        raise ScheduleError(refusal("last_epoch", "left to the optimizer's updates", value, _COMPOSE))

    # --- saving ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Position, base values and the schedule itself, as plain data ready for JSON."""
        return {
            "version": STATE_VERSION,
            "position": self._position,
            "previewed": self._previewed,
            "base_lrs": list(self.base_lrs),
            "schedule": self.schedule.to_dict(),
            "fingerprint": self.schedule.fingerprint,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state, whatever is in the optimizer's groups.

        Raises:
            StateError: if the state is not one of ours, or belongs to another schedule or to other groups.
        """
        if set(state_dict) != _STATE_KEYS:
            keys = sorted(map(str, state_dict))
            raise StateError(refusal("state_dict", "one that preheat wrote", keys, "Load the state of this scheduler."))
        if state_dict["version"] != STATE_VERSION:
            advice = "It was written by another release of preheat."
            raise StateError(refusal("version", str(STATE_VERSION), state_dict["version"], advice))
        self._refuse_other_schedule(state_dict)
        counts = [state_dict["position"], state_dict["previewed"]]
        if any(isinstance(value, bool) or not isinstance(value, int) or value < 0 for value in counts):
            raise StateError(refusal("position", "an int >= 0", counts[0], "The state is damaged."))
        self.base_lrs = [float(number("base_lrs", value, "The state is damaged.")) for value in state_dict["base_lrs"]]
        self._position, self._previewed = counts
        self._updating = False
        self._used = []
        self._publish()

    def _refuse_other_schedule(self, state: Mapping[str, Any]) -> None:
        position = state["position"]
        if state["fingerprint"] != self.schedule.fingerprint:
            saved = Schedule.from_dict(state["schedule"])
            advice = (
                f"At update {position} the saved one gives {saved(position):g} of the peak, this one"
                f" {self.schedule(position):g}. Build the scheduler with the saved schedule, or leave its state out."
            )
            raise StateError(refusal("schedule", f"the saved one, {saved!r}", self.schedule, advice))
        groups = len(self.optimizer.param_groups)
        if len(state["base_lrs"]) != groups:
            advice = f"The optimizer has {groups} groups."
            raise StateError(refusal("base_lrs", f"{groups} values", state["base_lrs"], advice))


_COMPOSE = "The optimizer's updates move the clock: compose schedules, or load a state, to start elsewhere."


def _innermost(optimizer: Optimizer) -> Optimizer:
    """The optimizer that is really stepped: wrappers such as Accelerate's keep it in ``.optimizer``."""
    inner = getattr(optimizer, "optimizer", None)
    return _innermost(inner) if isinstance(inner, Optimizer) else optimizer


def _driver(optimizer: Optimizer) -> Scheduler | None:
    """The scheduler that drives the optimizer now: the owner of its hook."""
    owners = (getattr(hook, "__self__", None) for hook in optimizer._optimizer_step_pre_hooks.values())
    return next((owner for owner in owners if isinstance(owner, Scheduler)), None)


def _base_values(optimizer: Optimizer, *, resuming: bool) -> list[float]:
    """Each group's base learning rate.

    The groups hold what a scheduler wrote last, not the base. If that was ours and nobody changed it since, the base is
    the one it had. Otherwise torch's ``initial_lr`` counts (a restored optimizer carries it), then ``lr``.
    """
    earlier = _driver(optimizer)
    bases = []
    for index, group in enumerate(optimizer.param_groups):
        shown = float(group["lr"])
        if resuming and "initial_lr" not in group:
            advice = "Load the optimizer's state first, or resume with the scheduler's own state."
            raise ScheduleError(refusal("last_epoch", "-1 for groups without initial_lr", "a later update", advice))
        if earlier is not None and index < len(earlier._written):
            ours = torch.tensor(earlier._written[index], dtype=_kind(group["lr"])).item()
            bases.append(earlier.base_lrs[index] if shown == ours else shown)
        else:
            bases.append(float(group.get("initial_lr", shown)))
    return bases


def _kind(value: Any) -> torch.dtype:
    return value.dtype if isinstance(value, torch.Tensor) else torch.float64
