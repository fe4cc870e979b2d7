"""Lightning: callbacks that attach schedules to the optimizers of a run, and that watch somebody else's schedulers.

The schedules are made in ``on_train_start``: checkpoint and data are in place then, so asking Lightning how long the
run is (``estimated_stepping_batches``) loads nothing. Asked in ``configure_optimizers`` it sets the data up before the
checkpoint is read, and draws a first batch from a stream. Source: lightning 2.6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from preheat._driver.pace import Pace
from preheat._driver.runs import Run, as_schedule, refuse_unknown_options
from preheat.errors import MissingExtraError, ScheduleError, StateError, refusal
from preheat.messages import _, joined
from preheat.plan import Plan
from preheat.schedule import Schedule
from preheat.torch import Scheduler

try:
    from lightning.pytorch.callbacks import Callback, GradientAccumulationScheduler
    from torch.utils.data import DataLoader, IterableDataset
except ImportError as error:
    needed = _("{module} is not installed: {install}", module="lightning", install="pip install 'lightning>=2.6.6'")
    raise MissingExtraError(needed) from error

__all__ = ["Guard", "Schedules"]


class Schedules(Callback):
    """Drives every optimizer of a Lightning run: ``Trainer(callbacks=[Schedules("warmup 10% > cosine to 0.1")])``.

    Args:
        schedule: a schedule, or one in words, for all optimizers; or a list with one for each. One that waits for a
            plan is resolved when training begins, for ``trainer.estimated_stepping_batches`` updates; lengths in
            epochs, samples and tokens as :meth:`preheat.Plan.lightning` does.
        tokens_per_sample: tokens a row has, for lengths in tokens.
        **options: those of :class:`preheat.torch.Scheduler`: ``groups``, ``also``, ``join``, ``on_foreign``,
            ``on_skip``, ``resume``, ``bridge``.

    Attributes:
        schedulers: one :class:`preheat.torch.Scheduler` for each optimizer, once training has begun.

    ``configure_optimizers`` returns the optimizers alone. The optimizers' own updates are counted, so accumulation and
    manual optimization need nothing. With manual optimization the run of an optimizer is one update a batch. The state
    is saved with the checkpoint, in the callback's part. LearningRateMonitor shows what the coming update uses.

    Raises:
        ScheduleError: for what cannot be; when training begins, for schedulers that ``configure_optimizers`` returned
            (all are named), for a strategy that does not step torch optimizers, for lengths that do not fit the run.
        StateError: when a checkpoint of another schedule is resumed from, unless ``resume`` says what wins, or one that
            was saved without this callback.
    """

    def __init__(
        self,
        schedule: Schedule | str | Sequence[Schedule | str],
        *,
        tokens_per_sample: float | None = None,
        **options: Any,
    ) -> None:
        many = isinstance(schedule, Sequence) and not isinstance(schedule, str)
        self._asked = [as_schedule(one) for one in (schedule if many else [schedule])]  # type: ignore[union-attr]
        self._one_for_all = not many
        refuse_unknown_options(options)
        self._options = options
        self._tokens_per_sample = tokens_per_sample
        # A checkpoint's callbacks are loaded before its optimizers are there.
        self._saved: list[dict[str, Any]] = []
        self._attempted: set[int] = set()
        self.schedulers: list[Scheduler] = []

    @property
    def state_key(self) -> str:
        """The callback's place in a checkpoint."""
        return "preheat.lightning.Schedules"

    def state_dict(self) -> dict[str, Any]:
        """The schedulers' states, one for each optimizer."""
        states = [scheduler.state_dict() for scheduler in self.schedulers] or self._saved
        return {"schedulers": states} if states else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the states until the optimizers are there."""
        self._saved = list(state_dict.get("schedulers", []))

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - Lightning names them
        """Refuse what cannot work before any data is loaded."""
        if trainer.strategy.handles_gradient_accumulation:
            kind = type(trainer.strategy).__name__
            advice = _("Give its engine preheat.deepspeed.scheduler instead.")
            raise ScheduleError(refusal("strategy", _("one that steps torch optimizers itself"), kind, advice))
        foreign = [type(config.scheduler).__name__ for config in trainer.lr_scheduler_configs]
        if foreign:
            both = _("{theirs} beside {ours}", theirs=", ".join(foreign), ours=", ".join(map(str, self._asked)))
            advice = _("Return the optimizers alone from configure_optimizers, or leave the callback out.")
            raise ScheduleError(refusal("scheduler", _("the only one of its optimizer"), both, advice))
        if not self._one_for_all and len(self._asked) != len(trainer.optimizers):
            advice = _("Give one for each optimizer, or a single one for all.")
            rule = _("as many as the {optimizers} optimizers", optimizers=len(trainer.optimizers))
            raise ScheduleError(refusal("schedule", rule, len(self._asked), advice))

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Make the schedulers, and go on where a checkpoint or an earlier fit stopped."""
        states = self._states(trainer)
        run = replace(_run(trainer, pl_module.automatic_optimization), plan=_plan(trainer, self._tokens_per_sample))
        asked = self._asked * len(trainer.optimizers) if self._one_for_all else self._asked
        resolved = {schedule: run.resolve(schedule) for schedule in dict.fromkeys(asked)}
        self.schedulers = [
            Scheduler(optimizer, resolved[schedule], **self._options)
            for optimizer, schedule in zip(trainer.optimizers, asked, strict=True)
        ]
        for scheduler, state in zip(self.schedulers, states, strict=bool(states)):
            scheduler.load_state_dict(state)
        self._saved = []

    def _states(self, trainer: Any) -> list[dict[str, Any]]:
        """What to go on from; nothing at the beginning of a run."""
        if not trainer.global_step:
            return []
        states = self._saved or [scheduler.state_dict() for scheduler in self.schedulers]
        if len(states) != len(trainer.optimizers):
            counts = _("{states} for {optimizers} optimizers", states=len(states), optimizers=len(trainer.optimizers))
            advice = _("Load the weights alone, or a checkpoint that was saved with this callback.")
            raise StateError(refusal("checkpoint", _("one with a state for every optimizer"), counts, advice))
        return states

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:  # noqa: ARG002
        """Remember whose update is about to happen."""
        self._attempted.add(id(getattr(optimizer, "optimizer", optimizer)))

    def on_train_batch_end(self, *_unused: Any) -> None:
        """Show the rates of the coming updates, for whoever logs before them."""
        # Only of those stepped in this batch: with accumulation most batches have no update.
        for scheduler in self.schedulers:
            if id(scheduler.optimizer) in self._attempted:
                scheduler.step()
        self._attempted.clear()


class Guard(Callback):
    """Watches the schedulers that ``configure_optimizers`` returned, and warns once if they do not keep the run's pace.

    Lightning steps a scheduler once an *epoch* unless told ``"interval": "step"``; a scheduler that is shaped for
    updates then hardly moves at all. See :class:`preheat.torch.Pace`.

    Args:
        after: updates to look at before judging, >= 1.
    """

    def __init__(self, after: int = 50) -> None:
        self._after = after
        self.paces: list[Pace] = []

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to watch."""
        run = _run(trainer, pl_module.automatic_optimization)
        self.paces = [
            Pace(config.scheduler, run.updates, after=self._after)
            for config in trainer.lr_scheduler_configs
            if not config.reduce_on_plateau and not isinstance(config.scheduler, Scheduler)
        ]

    def on_train_end(self, *_unused: Any) -> None:
        """Stop watching."""
        for pace in self.paces:
            pace.remove()


def _run(trainer: Any, automatic: bool) -> Run:
    """Lightning's estimate with its arithmetic."""
    estimate = trainer.estimated_stepping_batches
    arithmetic = _(
        "{batches} batches an epoch, accumulate_grad_batches={accumulation}, max_epochs={epochs}, max_steps={steps}:"
        " estimated_stepping_batches={estimate}",
        batches=trainer.num_training_batches,
        accumulation=trainer.accumulate_grad_batches,
        epochs=trainer.max_epochs,
        steps=trainer.max_steps,
        estimate=estimate,
    )
    if estimate in (math.inf, -1):
        return Run("Lightning", None, arithmetic)
    # global_step, which max_steps ends, counts every optimizer's updates there.
    if not automatic and len(trainer.optimizers) > 1 and estimate == trainer.max_steps:
        together = _("max_steps counts the updates of all optimizers together")
        return Run("Lightning", None, joined("; ", (arithmetic, together)))
    changes = _accumulation_changes(trainer)
    if changes:
        return Run("Lightning", None, _("accumulation changes on the way: {changes}", changes=changes))
    return Run("Lightning", int(estimate), arithmetic)


def _accumulation_changes(trainer: Any) -> dict[int, int]:
    """Epoch -> batches an update, where that is not the same in all of them."""
    for callback in trainer.callbacks:
        if isinstance(callback, GradientAccumulationScheduler) and len(set(callback.scheduling.values())) > 1:
            return dict(callback.scheduling)
    return {}


def _plan(trainer: Any, tokens_per_sample: float | None) -> Plan | None:
    """Our plan of the run; None where its loader is not an ordinary one, or nothing ends it."""
    loader = trainer.train_dataloader
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset) or loader.batch_size is None:
        return None
    if trainer.max_epochs == trainer.max_steps == -1 or _accumulation_changes(trainer):
        return None
    # On several processes the sampler is Lightning's own and holds one process's share already.
    rows = len(loader.sampler) if trainer.world_size == 1 else len(loader.dataset)  # type: ignore[arg-type]
    # A limit counts batches: as many rows as fill them come to the same.
    if trainer.limit_train_batches != 1.0 or trainer.overfit_batches:
        rows = int(trainer.num_training_batches) * loader.batch_size * trainer.world_size
    return Plan.lightning(
        rows,
        loader.batch_size,
        None if trainer.max_epochs == -1 else trainer.max_epochs,
        accumulation=trainer.accumulate_grad_batches,
        world_size=trainer.world_size,
        drop_last=loader.drop_last,
        max_steps=None if trainer.max_steps == -1 else trainer.max_steps,
        tokens_per_sample=tokens_per_sample,
    )
