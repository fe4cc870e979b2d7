"""A plan: from examples, batch and epochs to optimizer updates, with its arithmetic shown.

Formula  batches = examples / processes / batch_size, updates = batches / accumulation, times epochs; what each quotient
         is rounded to, ``sharding``, ``drop_last`` and ``tail`` say.
Units    lengths in samples or tokens are counted in full updates of ``samples_per_update`` rows, so the smaller last
         update of an epoch counts as a full one: the clock runs evenly.
Differs  trainers disagree on tails, on parts of an epoch and on two ends at once: see :mod:`preheat.plan.conventions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from preheat.errors import PlanError, refusal
from preheat.plan.conventions import CONVENTIONS, SHARDINGS, TAILS, TRAINERS
from preheat.plan.ends import ENDS, refuse_ends, refuse_nothing
from preheat.plan.explain import explain
from preheat.plan.presets import Presets
from preheat.plan.values import above_zero, ceil_div, exact, flag, whole, word
from preheat.schedule.lengths import Length, as_length, in_updates

if TYPE_CHECKING:
    from preheat.plan.replan import Replanned

_COUNTS = ("batch_size", "accumulation", "world_size")


@dataclass(frozen=True, slots=True)
class Plan(Presets):
    """How many updates a training run takes.

    Args:
        examples: rows of the training set, >= 1; None where nobody knows, as in streaming.
        batch_size: rows in one batch of one process, >= 1.
        epochs: passes over the data, > 0; parts of one are allowed.
        accumulation: batches that make one update, >= 1.
        world_size: processes that share the data, >= 1.
        drop_last: leave an incomplete batch out instead of training on it.
        tail: what becomes of the last, smaller group of batches of an epoch: ``flush`` (an update of its own),
            ``drop`` (left out) or ``carry`` (filled up from the next epoch; left out at the end of the run). Left
            empty, it is what the trainer does, like the next one: ``flush`` and ``pad`` in a plain loop.
        sharding: how rows come to processes: ``pad`` (dealt one by one, the first rows repeated until all have as
            many: torch's DistributedSampler), ``drop`` (the same, surplus rows left out) or ``batches`` (whole
            batches, or equal pieces of a bigger one: Accelerate). It matters only with several processes.
        max_steps: updates of the run, >= 1, instead of epochs.
        max_samples: samples of the run over all processes, >= 1, instead of epochs.
        max_tokens: tokens of the run over all processes, >= 1, instead of epochs.
        tokens_per_sample: tokens a row has, on average, > 0; needed for everything in tokens.
        trainer: whose rounding counts: ``plain_loop``, ``hf_trainer``, ``accelerate`` or ``lightning``. The methods
            of these names are shorter to write.

    Exactly one of ``epochs``, ``max_steps``, ``max_samples`` and ``max_tokens`` ends the run. Without any, and with
    ``examples=None``, ``updates`` is None: only schedules that need no horizon can be used.

    Raises:
        PlanError: for numbers that cannot be, for two ends or none, and where no update is left.

    >>> plan = Plan(examples=3821, batch_size=32, epochs=30)
    >>> plan.updates_per_epoch, plan.updates, plan.warmup(0.1), plan.warmup("2 epochs")
    (120, 3600, 360, 240)
    >>> print(plan.explain())
    batches per epoch: ceil(3821 examples / 32) = 120
    updates: 120 batches x 30 epochs = 3600
    >>> [Plan(10, 1, 3, accumulation=4, tail=tail).updates for tail in ("flush", "drop", "carry")]
    [9, 6, 7]
    """

    examples: int | None
    batch_size: int
    epochs: float | None = None
    accumulation: int = 1
    world_size: int = 1
    drop_last: bool = False
    tail: str = ""
    sharding: str = ""
    max_steps: int | None = None
    max_samples: int | None = None
    max_tokens: int | None = None
    tokens_per_sample: float | None = None
    trainer: str = "plain_loop"

    def __post_init__(self) -> None:
        word("trainer", self.trainer, TRAINERS)
        custom = CONVENTIONS[self.trainer]
        for name, known, own in (("tail", TAILS, custom.tails), ("sharding", SHARDINGS, custom.shardings)):
            chosen = word(name, getattr(self, name) or own[0], known)
            self._set(name, word(name, chosen, own, f"{custom.title} does nothing else."))
        if self.examples is not None:
            advice = "0 updates: the data set is empty." if self.examples == 0 else "Give a whole number, 1 or more."
            self._set("examples", whole("examples", self.examples, advice=advice))
        for name in _COUNTS:
            self._set(name, whole(name, getattr(self, name)))
        flag("drop_last", self.drop_last, "Say whether to leave the tail out.")
        self._check("epochs", above_zero)
        self._check("tokens_per_sample", above_zero)
        for name in ENDS[1:]:
            self._check(name, whole)
        refuse_ends(self)
        if self.examples is not None:
            refuse_nothing(self)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check(self, name: str, rule: Callable[[str, Any], Any]) -> None:
        if getattr(self, name) is not None:
            self._set(name, rule(name, getattr(self, name)))

    def _known(self) -> int:
        if self.examples is None:
            advice = "Count in updates, samples or tokens instead."
            raise PlanError(refusal("examples", "known to count in epochs", None, advice))
        return self.examples

    @property
    def examples_per_process(self) -> int:
        """Rows the first process sees in an epoch, before an incomplete batch is left out.

        Samplers repeat rows, or leave some out, so that all processes see as many.
        """
        examples = self._known()
        if self.sharding == "batches" and self.world_size > 1:
            return self.batches_per_epoch * self.batch_size
        return examples // self.world_size if self.sharding == "drop" else ceil_div(examples, self.world_size)

    @property
    def batches_per_epoch(self) -> int:
        """Batches one process sees in an epoch."""
        if self.sharding == "batches":
            rows, size = self._known(), self.batch_size * self.world_size
        else:
            rows, size = self.examples_per_process, self.batch_size
        return rows // size if self.drop_last else ceil_div(rows, size)

    @property
    def updates_per_epoch(self) -> int | Fraction:
        """Updates in an epoch; with ``tail="carry"`` exactly batches / accumulation, on average, as a Fraction."""
        batches = self.batches_per_epoch
        if self.tail == "carry":
            share = Fraction(batches, self.accumulation)
            return int(share) if share.denominator == 1 else share
        return ceil_div(batches, self.accumulation) if self.tail == "flush" else batches // self.accumulation

    @property
    def updates(self) -> int | None:
        """Updates of the whole run, the ``total`` of a schedule; None if the run has no known end."""
        if self.max_samples is not None:
            return ceil_div(self.max_samples, self.samples_per_update)
        if self.max_tokens is not None:
            return math.ceil(self.max_tokens / self._tokens())
        by_epochs = None if self.epochs is None else self.updates_at_epoch(self.epochs)
        if by_epochs is None or self.max_steps is None:
            return self.max_steps if by_epochs is None else by_epochs
        return min(by_epochs, self.max_steps) if CONVENTIONS[self.trainer].both == "first" else self.max_steps

    @property
    def samples_per_update(self) -> int:
        """Rows of a full update over all processes: the global batch."""
        return self.batch_size * self.accumulation * self.world_size

    @property
    def tokens_per_update(self) -> float | None:
        """Tokens of a full update over all processes; None without ``tokens_per_sample``."""
        if self.tokens_per_sample is None:
            return None
        return self.tokens_per_sample * self.samples_per_update

    def _tokens(self) -> Fraction:
        if self.tokens_per_sample is None:
            raise PlanError(refusal("tokens_per_sample", "given to count in tokens", None, "Give tokens in a row."))
        return exact(self.tokens_per_sample) * self.samples_per_update

    def samples_at(self, position: int) -> int:
        """Samples seen after ``position`` completed updates, each counted as a full one."""
        return self.samples_per_update * whole("position", position, 0, "Positions count completed updates.")

    def updates_at_epoch(self, epoch: float | Fraction) -> int:
        """Updates of a run that ends after ``epoch`` epochs, counted from the start; parts of one are allowed.

        Of a part, batches are rounded up (in HF Trainer: updates), and its last group follows ``tail``.

        >>> plan = Plan(10, 1, 3, accumulation=4)
        >>> [plan.updates_at_epoch(epoch) for epoch in (1, 1.5, 2, 3)]
        [3, 5, 6, 9]
        """
        if not isinstance(epoch, Fraction):
            epoch = exact(above_zero("epoch", epoch))
        batches = self.batches_per_epoch
        if CONVENTIONS[self.trainer].parts == "updates":
            # In binary floats, as transformers multiplies: 0.07 epochs of 100 updates are 8 there.
            return math.ceil(float(epoch) * self.updates_per_epoch)
        full, part = divmod(epoch, 1)
        seen = math.ceil(part * batches)
        if self.tail == "carry":
            return (full * batches + seen) // self.accumulation
        last = ceil_div(seen, self.accumulation) if self.tail == "flush" else seen // self.accumulation
        return int(full * self.updates_per_epoch) + last

    def in_updates(self, length: Length) -> int:
        """A length from the start of the run, in updates.

        Epochs end with their last update (:meth:`updates_at_epoch`). Samples and tokens are rounded up to full updates.

        Raises:
            PlanError: where examples or tokens_per_sample would have to be known, and for less than one update.

        >>> from preheat.schedule.lengths import as_length
        >>> plan = Plan(1000, 8, 3, accumulation=4, tokens_per_sample=512)
        >>> [plan.in_updates(as_length("decay", text)) for text in ("2 epochs", "500 samples", "1e6 tokens")]
        [64, 16, 62]
        """
        if length.unit == "epochs":
            found = self.updates_at_epoch(Fraction(length.value))
        elif length.unit in ("samples", "tokens"):
            size = self._tokens() if length.unit == "tokens" else Fraction(self.samples_per_update)
            found = math.ceil(Fraction(length.value) / size)
        else:
            found = int(in_updates("length", length, self.updates, None))
        if not found:
            raise PlanError(refusal("length", "one update at least", str(length), "Give more of them."))
        return found

    def warmup(self, warmup: int | float | str | Length) -> int:
        """Warm-up in updates, from any length; fractions are rounded up.

        Args:
            warmup: updates (100), a share ("10%", 0.1), or "2 epochs", "500 samples", "2e6 tokens".

        Raises:
            ScheduleError: for what is no length.
            PlanError: for a length this plan cannot count, and a warm-up that leaves no update at the peak.

        >>> Plan(examples=1000, batch_size=8, epochs=3).warmup("10%")
        38
        """
        length = as_length("warmup", warmup)
        total = self.updates
        if isinstance(length, Length) and length.unit == "fraction" and total is None:
            advice = "The run has no known end: give max_steps or a budget."
            raise PlanError(refusal("warmup", "no share of an endless run", warmup, advice))
        try:
            found = int(in_updates("warmup", length, total, self))
        except PlanError as error:
            raise PlanError(str(error).replace("length must", "warmup must", 1)) from None
        if total is not None and found >= total:
            advice = "The peak would never be used: shorten the warm-up or plan more updates."
            raise PlanError(refusal("warmup", f"below the {total} updates of the run", warmup, advice))
        return found

    def replan(
        self,
        at: int,
        *,
        batch_size: int | None = None,
        accumulation: int | None = None,
        world_size: int | None = None,
        tokens_per_sample: float | None = None,
        clock: str = "samples",
    ) -> Replanned:
        """The run with another batch from some update on, and as many samples (or tokens) in all.

        Args:
            at: completed updates at which the change happens, >= 0.
            batch_size: new rows in one batch of one process; None keeps them. So do the next three.
            accumulation: new batches that make one update.
            world_size: new number of processes.
            tokens_per_sample: new tokens a row has.
            clock: what is kept: ``samples`` or ``tokens``.

        >>> later = Plan(1000, 8, 4).replan(at=250, batch_size=4)
        >>> later.updates, later.samples_at(250), later.samples_at(750), later.original_position(251)
        (750, 2000, 4000, Fraction(501, 2))
        """
        from preheat.plan.replan import first

        return first(self, clock).replan(at, batch_size, accumulation, world_size, tokens_per_sample)

    def explain(self, warmup: int | float | str | Length | None = None) -> str:
        """The arithmetic, one line a step; steps that change nothing are left out."""
        return explain(self, warmup)
