"""A plan: from examples, batch and epochs to optimizer updates, with its arithmetic shown.

Formula  share = examples / world_size, batches = share / batch_size, updates = batches / accumulation, times epochs.
         Each quotient is rounded up; with ``drop_last`` the first two are rounded down.
Tail     the last, smaller group of batches of an epoch makes an update of its own, as in HF Trainer and Accelerate.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from preheat.errors import PlanError, ScheduleError, refusal
from preheat.schedule.checks import count
from preheat.schedule.lengths import Length, as_length, in_updates


@dataclass(frozen=True, slots=True)
class Plan:
    """How many updates a training run takes.

    Args:
        examples: rows of the training set, >= 1.
        batch_size: rows in one batch of one process, >= 1.
        epochs: passes over the data, >= 1.
        accumulation: batches that make one update, >= 1.
        world_size: processes that share the data, >= 1.
        drop_last: leave an incomplete batch out instead of training on it.

    Raises:
        PlanError: for anything but whole numbers >= 1, and where no update is left.

    >>> plan = Plan(examples=3821, batch_size=32, epochs=30)
    >>> plan.updates_per_epoch, plan.updates, plan.warmup(0.1)
    (120, 3600, 360)
    >>> print(plan.explain())
    batches per epoch: ceil(3821 examples / 32) = 120
    updates: 120 batches x 30 epochs = 3600
    """

    examples: int
    batch_size: int
    epochs: int
    accumulation: int = 1
    world_size: int = 1
    drop_last: bool = False

    def __post_init__(self) -> None:
        for item in fields(self)[:5]:
            try:
                value = count(item.name, getattr(self, item.name), 1, advice="Give a whole number, 1 or more.")
            except ScheduleError as error:
                raise PlanError(str(error)) from None
            object.__setattr__(self, item.name, value)
        if not isinstance(self.drop_last, bool):
            raise PlanError(refusal("drop_last", "True or False", self.drop_last, "Say whether to leave the tail out."))
        if not self.updates:
            advice = "Lower batch_size or world_size, or set drop_last=False."
            raise PlanError(refusal("examples", "enough for one full batch a process", self.examples, advice))

    @property
    def examples_per_process(self) -> int:
        """Rows one process sees in an epoch; samplers repeat rows (or drop some) so that all see as many."""
        return self.examples // self.world_size if self.drop_last else -(-self.examples // self.world_size)

    @property
    def batches_per_epoch(self) -> int:
        """Batches one process sees in an epoch."""
        rows = self.examples_per_process
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    @property
    def updates_per_epoch(self) -> int:
        """Updates in an epoch, the smaller last group of batches included."""
        return -(-self.batches_per_epoch // self.accumulation)

    @property
    def updates(self) -> int:
        """Updates of the whole run: the ``total`` of a schedule."""
        return self.updates_per_epoch * self.epochs

    def warmup(self, warmup: int | float | str | Length) -> int:
        """Warm-up in updates, from a fraction in (0, 1), a ``"10%"`` text or updates; fractions are rounded up.

        >>> Plan(examples=1000, batch_size=8, epochs=3).warmup("10%")
        38
        """
        return int(in_updates("warmup", as_length("warmup", warmup), self.updates, None))

    def explain(self, warmup: Length | None = None) -> str:
        """The arithmetic, one line a step; steps that change nothing are left out."""
        rounding = "floor" if self.drop_last else "ceil"
        lines = []
        if self.world_size > 1:
            lines.append(
                f"examples per process: {rounding}({self.examples} / {self.world_size}) = {self.examples_per_process}"
            )
        lines.append(
            f"batches per epoch: {rounding}({self.examples_per_process} examples / {self.batch_size})"
            f" = {self.batches_per_epoch}"
        )
        unit = "batches"
        if self.accumulation > 1:
            unit = "updates"
            lines.append(
                f"updates per epoch: ceil({self.batches_per_epoch} batches / {self.accumulation})"
                f" = {self.updates_per_epoch}"
            )
        lines.append(f"updates: {self.updates_per_epoch} {unit} x {self.epochs} epochs = {self.updates}")
        if warmup is not None:
            lines.append(f"warm-up: {warmup} of {self.updates} updates = {self.warmup(warmup)}")
        return "\n".join(lines)
