"""DeepSpeed: its engine owns the clock, so calls of ``step()`` are counted and not the optimizer's updates.

Source (DeepSpeed 0.19, ``runtime/engine.py`` and ``runtime/zero``): ``deepspeed.initialize`` calls ``lr_scheduler``
with the torch optimizer inside its own. At an accumulation boundary the engine updates and then calls
``lr_scheduler.step()``, unless the update overflowed. ZeRO calls the torch optimizer once a parameter group (stages 1
and 2, with the other groups taken away) or once a sub-group (stage 3), so counting there would count too much. A
``scheduler`` section in the configuration is dropped without a word when ``lr_scheduler`` is given. A checkpoint's
optimizer is loaded after its scheduler.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from preheat import torch as driver
from preheat._driver.runs import as_schedule
from preheat.errors import ConfigError, ScheduleError, refusal
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.lengths import Timeline

if TYPE_CHECKING:
    import torch

__all__ = ["Scheduler", "scheduler"]


class Scheduler(driver.Scheduler):
    """A :class:`preheat.torch.Scheduler` whose clock is its owner's calls of :meth:`step`, one after each update."""

    _stepping = False  # whether the torch optimizer has been stepped since the last step() of ours
    _seen = False  # whether it has ever been: with some kinds of offloading another one is stepped

    def _take_over(self) -> driver.Scheduler | None:
        earlier = driver.driver_of(self.optimizer)
        if earlier is not None:
            earlier.detach()
        # No hook after the update: there are as many calls as groups, and the clock is step()'s.
        self._handles = [
            self.optimizer.register_step_pre_hook(self._before_update),
            self.optimizer.register_load_state_dict_post_hook(self._after_load),
        ]
        return earlier

    def _before_update(self, *_unused: Any) -> None:
        """Once a group or sub-group: look whether somebody else has written, and whether there is a value at all."""
        self._stepping = self._seen = True
        # The groups in the engine's hands are ours, one at a time: they are read from the targets, not from the list.
        self._check_foreign()
        if self._position >= self._last_shown:
            self._write()

    def step(self, epoch: int | None = None) -> None:
        """An update has happened: record what it used, and write the value of the next one.

        A second call for one update, as Accelerate's wrapper makes it for every process, changes nothing.

        Raises:
            ScheduleError: if ``epoch`` is given, or another scheduler has taken the optimizer over.
        """
        self._refuse_to_step(epoch)
        # Where the torch optimizer was never stepped, every call has to be believed.
        if self._seen and not self._stepping:
            return
        self._updating, self._stepping = True, False
        if self._position >= self._end:
            self._warn_past_end()
        self._after_update(self.optimizer, (), {})
        if self._position < self._last_shown:
            self._write()

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The learning rate that the latest update used in each group; before the first, the one it will use.

        Trainers log after an update: whether the engine has called :meth:`step` by then makes no difference.
        """
        used = self._segment.columns
        if self._stepping or not used[0]:
            return super().get_last_lr()
        columns = zip(self._targets, self._columns, strict=True)
        return [target.base * used[column][-1] for target, column in columns if target.key == "lr"]


def scheduler(
    schedule: Schedule | str,
    config: Mapping[str, Any] | str | os.PathLike[str],
    *,
    total: int | Timeline | None = None,
    **options: Any,
) -> Callable[[Any], Scheduler]:
    """What ``deepspeed.initialize(lr_scheduler=...)`` takes: a function of the optimizer that gives its scheduler.

    Args:
        schedule: a schedule, or one in words. Each group's ``lr`` is its base value, the peak.
        config: the DeepSpeed configuration of the run, as a dictionary or the path of its JSON file: a ``scheduler``
            section in it is refused, since only one of the two would run.
        total: updates of the run or a :class:`preheat.Plan`, for a schedule that waits for one.
        **options: ``groups``, ``also``, ``on_foreign``, ``resume`` and ``bridge`` of :class:`preheat.torch.Scheduler`.
            The engine does not tell of updates that it skipped, and its groups are fixed: no ``on_skip``, no ``join``.

    Raises:
        ConfigError: if the configuration has a scheduler of its own, or cannot be read.
        ScheduleError: for a schedule or an option that cannot be.

    >>> import torch
    >>> make = scheduler("warmup 10% > linear", {"zero_optimization": {"stage": 2}}, total=100)
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> make(optimizer).next_lr
    0.1
    """
    given = as_schedule(schedule)
    _refuse_scheduler_section(config, given)
    for name in ("on_skip", "join"):
        if name in options:
            advice = _("DeepSpeed's engine counts updates that happened, in groups that stay.")
            raise ScheduleError(refusal(name, _("left out with DeepSpeed"), options[name], advice))
    resolved = given if total is None else given.over(total)

    # A function of the optimizer, since the engine makes its own out of what it is given.
    def make(optimizer: Any) -> Scheduler:
        while hasattr(optimizer, "optimizer"):  # DeepSpeed's own, and Accelerate's around it
            optimizer = optimizer.optimizer
        return Scheduler(optimizer, resolved, **options)

    return make


def _refuse_scheduler_section(config: Mapping[str, Any] | str | os.PathLike[str], schedule: Schedule) -> None:
    if isinstance(config, (str, os.PathLike)):
        try:
            with open(config, encoding="utf-8") as file:  # noqa: PTH123 - a path or its text
                config = json.load(file)
        except (OSError, ValueError) as error:
            advice = _("It could not be read: {error}.", error=error)
            raise ConfigError(
                refusal("config", _("a DeepSpeed configuration or its JSON file"), config, advice)
            ) from None
    if not isinstance(config, Mapping):
        advice = _("Give the one that deepspeed.initialize gets.")
        raise ConfigError(refusal("config", _("a DeepSpeed configuration or its JSON file"), config, advice))
    section = config.get("scheduler")
    if section:
        theirs = section.get("type") if isinstance(section, Mapping) else section
        advice = _("Take the section out of the configuration, or leave lr_scheduler out.")
        both = _("{theirs} beside {ours}", theirs=theirs, ours=schedule)
        raise ConfigError(refusal("scheduler", _("the only one of the run"), both, advice))
