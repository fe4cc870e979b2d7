"""Hugging Face's Trainer: the schedule is made when the Trainer makes its scheduler, for the Trainer's own count.

``trainer.create_scheduler`` is called once a ``train()``, with the number of updates and after the optimizer is in
place (transformers 5.23). Everything else is the torch driver, or DeepSpeed's where the Trainer runs on DeepSpeed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from preheat._driver.runs import Run, as_schedule, refuse_unknown_options
from preheat._driver.targets import innermost
from preheat.errors import ScheduleError, missing_extra, refusal
from preheat.messages import _
from preheat.messages.languages import logged
from preheat.plan import Plan
from preheat.schedule import Schedule

if TYPE_CHECKING:
    from transformers import Trainer

    from preheat.torch import Scheduler

__all__ = ["use"]

_LOG = logging.getLogger("preheat")


def use(trainer: Trainer, schedule: Schedule | str, *, tokens_per_sample: float | None = None, **options: Any) -> None:
    """Make ``trainer`` train along ``schedule``. Call it before ``trainer.train()``.

    Args:
        trainer: a ``transformers.Trainer`` without a scheduler of its own.
        schedule: a schedule, or one in words. One that waits for a plan (``"warmup 10% > cosine to 0.1"``) is resolved
            when training begins, for the number of updates the Trainer counts; lengths in epochs, samples and tokens as
            :meth:`preheat.Plan.hf_trainer` does.
        tokens_per_sample: tokens a row has, for lengths in tokens.
        **options: those of :class:`preheat.torch.Scheduler`: ``groups``, ``also``, ``join``, ``on_foreign``,
            ``on_skip``, ``resume``, ``bridge``.

    ``lr_scheduler_type``, ``lr_scheduler_kwargs`` and ``warmup_steps`` of the TrainingArguments are not used: a warning
    names those that say anything. A subclass's own ``create_scheduler`` is not called. After training
    ``trainer.lr_scheduler`` is the Scheduler, with its ``history``.

    Raises:
        ScheduleError: for anything but a Trainer, for one that has a scheduler already (both are named), for a schedule
            or an option that cannot be; when training begins, for lengths that do not fit the run.
        StateError: when a checkpoint of another schedule is resumed from, unless ``resume`` says what wins.
    """
    try:
        from transformers import Trainer
    except ImportError as error:
        raise missing_extra("transformers", "train") from error
    if not isinstance(trainer, Trainer):
        raise ScheduleError(
            refusal("trainer", _("a transformers.Trainer"), trainer, _("Give the one that is to train."))
        )
    chosen = as_schedule(schedule)
    if trainer.lr_scheduler is not None:
        owner = _("{theirs} beside {ours}", theirs=type(trainer.lr_scheduler).__name__, ours=chosen)
        advice = _("Leave the scheduler out of optimizers=(...), or use() out.")
        raise ScheduleError(refusal("trainer", _("without a scheduler of its own"), owner, advice))
    # Now, and not an hour later when the data is loaded and training begins.
    refuse_unknown_options(options)
    trainer.create_scheduler = _Creator(trainer, chosen, tokens_per_sample, options)  # type: ignore[method-assign]


@dataclass(slots=True)
class _Creator:
    """Stands in for ``trainer.create_scheduler``."""

    trainer: Any
    schedule: Schedule
    tokens_per_sample: float | None
    options: dict[str, Any]
    made: Any = None

    def __call__(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """What the Trainer asks for when its optimizer is in place; DeepSpeed hands over an optimizer of its own."""
        trainer = self.trainer
        if optimizer is None and trainer.lr_scheduler is not None:
            if getattr(trainer.lr_scheduler, "scheduler", None) is self.made is not None:
                return trainer.lr_scheduler  # DeepSpeed's engine has asked before, and Accelerate has wrapped it
            owner = _("{theirs} beside {ours}", theirs=type(trainer.lr_scheduler).__name__, ours=self.schedule)
            advice = _("Take the scheduler out of DeepSpeed's configuration, or leave use() out.")
            raise ScheduleError(refusal("scheduler", _("the only one of the run"), owner, advice))
        _say_what_is_not_used(trainer.args)
        schedule = _run(trainer, num_training_steps, self.tokens_per_sample).resolve(self.schedule)
        self.made = self._scheduler(trainer.optimizer if optimizer is None else optimizer, schedule)
        if optimizer is None:
            trainer.lr_scheduler = self.made
            trainer._created_lr_scheduler = True  # the next train() makes another one
        return self.made

    def _scheduler(self, optimizer: Any, schedule: Schedule) -> Scheduler:
        if self.trainer.is_deepspeed_enabled:
            from preheat.deepspeed import scheduler

            config = self.trainer.args.deepspeed or self.trainer.accelerator.state.deepspeed_plugin.deepspeed_config
            return scheduler(schedule, config, **self.options)(optimizer)
        from preheat.torch import Scheduler

        stepped = innermost(optimizer)
        # Layer-wise optimizers (GaLore) step one real optimizer a parameter in its backward hook; this one is a dummy.
        if hasattr(stepped, "optimizer_dict"):
            advice = _("Take an optim of TrainingArguments that is not layer-wise.")
            raise ScheduleError(refusal("optim", _("one optimizer for all layers"), type(stepped).__name__, advice))
        return Scheduler(optimizer, schedule, **self.options)


def _run(trainer: Any, updates: int, tokens_per_sample: float | None) -> Run:
    """The Trainer's count with its arithmetic, and our plan from its arguments."""
    # _train_batch_size is what auto_find_batch_size has come to, which the arguments do not tell.
    args, rows, size = trainer.args, _length(trainer.train_dataset), trainer._train_batch_size
    accumulation = args.gradient_accumulation_steps
    processes = trainer.get_total_train_batch_size(args) // (size * accumulation)
    if args.max_steps > 0:
        arithmetic = f"max_steps={args.max_steps}"
    else:
        arithmetic = _(
            "num_train_epochs={epochs:g} with batches of {size} on {processes} processes and"
            " gradient_accumulation_steps={accumulation} make {updates}",
            epochs=args.num_train_epochs,
            size=size,
            processes=processes,
            accumulation=accumulation,
            updates=updates,
        )
    if rows is None and args.max_steps <= 0:
        return Run("HF Trainer", updates, arithmetic)
    plan = Plan.hf_trainer(
        rows,
        size,
        None if rows is None else args.num_train_epochs,
        accumulation=accumulation,
        # With split_batches the size is that of all processes together.
        world_size=1 if trainer.accelerator.split_batches else processes,
        drop_last=args.dataloader_drop_last,
        max_steps=args.max_steps if args.max_steps > 0 else None,
        tokens_per_sample=tokens_per_sample,
    )
    return Run("HF Trainer", updates, arithmetic, plan)


def _length(rows: Any) -> int | None:
    try:
        return len(rows)
    except (TypeError, AttributeError):  # a stream, or no data set at all
        return None


def _say_what_is_not_used(args: Any) -> None:
    """Log the scheduler settings of the TrainingArguments that say something."""
    fields = type(args).__dataclass_fields__
    names = ("lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps")
    values = {name: getattr(args, name, None) for name in names}
    said = {name: value for name, value in values.items() if value not in (None, {}, fields[name].default)}
    if said:
        given = ", ".join(f"{name}={getattr(value, 'value', value)}" for name, value in said.items())
        warning = _(
            "of the TrainingArguments {given}: not used, the learning rate follows preheat's schedule.", given=given
        )
        _LOG.warning("%s", logged(warning))
