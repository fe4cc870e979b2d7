"""A plan: from examples, batch and epochs to optimizer updates, with its arithmetic shown.

Formula  batches = examples / processes / batch_size, updates = batches / accumulation, times epochs; what each quotient
         is rounded to, ``sharding``, ``drop_last`` and ``tail`` say.
Units    lengths in samples or tokens are counted in full updates of ``samples_per_update`` rows, so the smaller last
         update of an epoch counts as a full one: the clock runs evenly.
Differs  trainers disagree on tails, on parts of an epoch and on two ends at once: see the table.
Source   read from transformers 5.23, accelerate 1.15 and lightning 2.6, and held to them by tests that call them.

==========  =====================================  =================  ==================  =======================
trainer     rows over processes                    tail of an epoch   part of an epoch    epochs and max_steps
==========  =====================================  =================  ==================  =======================
plain_loop  any                                    any                whole batches       one of them only
hf_trainer  whole batches                          flush              whole updates       max_steps wins
accelerate  whole batches, or pieces of one        flush, or carry    whole batches       one of them only
lightning   rows, repeated until all have as many  flush              none                whichever comes first
==========  =====================================  =================  ==================  =======================

:class:`Plan` has a method for each of these trainers. When the batch changes on the way, :class:`Replanned`
counts on; for another batch size, :func:`scale_lr` gives the learning rate. Neither is ever applied unasked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from preheat.errors import PlanError, refusal, unknown_name
from preheat.messages import _, joined
from preheat.schedule.lengths import Length, as_length, choice, count, in_updates, number

TAILS = ("flush", "drop", "carry")
SHARDINGS = ("pad", "drop", "batches")
CLOCKS = ("samples", "tokens")
RULES = ("none", "linear", "sqrt")
_ENDS = ("epochs", "max_steps", "max_samples", "max_tokens")
_WHOLE = _("Give a whole number, 1 or more.")


@dataclass(frozen=True, slots=True)
class Convention:
    """What a trainer lets one choose; the first of each choice is its default.

    Args:
        title: the name people know it by.
        tails: what may happen to the last, smaller group of batches.
        shardings: how rows may be dealt to processes.
        parts: what a part of an epoch is rounded up to: ``batches`` or ``updates``; ``none`` refuses parts.
        both: which end counts if epochs and max_steps are given: ``max_steps``, ``first``, or ``none`` to refuse.
        endless: whether a run without a known end is possible.
    """

    title: str
    tails: tuple[str, ...] = TAILS
    shardings: tuple[str, ...] = SHARDINGS
    parts: str = "batches"
    both: str = "none"
    endless: bool = True


CONVENTIONS = {
    "plain_loop": Convention(_("a plain loop")),
    # An iterable without a length and without max_steps is refused by the Trainer itself: no endless runs.
    "hf_trainer": Convention(
        "HF Trainer", tails=("flush",), shardings=("batches",), parts="updates", both="max_steps", endless=False
    ),
    # Its one choice of a tail is sync_with_dataloader; batches dropped at an epoch's end are not among its settings.
    "accelerate": Convention("Accelerate", tails=("flush", "carry"), shardings=("batches",)),
    # Its Trainer puts in torch's DistributedSampler, which pads; max_epochs is an int there.
    "lightning": Convention("Lightning", tails=("flush",), shardings=("pad",), parts="none", both="first"),
}
TRAINERS = tuple(CONVENTIONS)


@dataclass(frozen=True, slots=True)
class Plan:
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

    # --- as a trainer counts: each preset fixes what the trainer fixes, and takes the rest -----------------------

    @classmethod
    def plain_loop(cls, examples: int | None, batch_size: int, epochs: float | None = None, **settings: Any) -> Plan:
        """A loop of one's own over a torch DataLoader (and DistributedSampler): every choice is open.

        Args:
            examples: rows of the training set; None if unknown.
            batch_size: rows in one batch of one process.
            epochs: passes over the data; parts of one end after whole batches.
            **settings: any other of Plan.

        >>> Plan.plain_loop(10, 1, 3, accumulation=4, tail="carry").updates
        7
        """
        return cls(examples, batch_size, epochs, **settings)

    @classmethod
    def hf_trainer(
        cls,
        examples: int | None,
        batch_size: int,
        epochs: float | None = None,
        accumulation: int = 1,
        world_size: int = 1,
        drop_last: bool = False,
        *,
        max_steps: int | None = None,
        tokens_per_sample: float | None = None,
    ) -> Plan:
        """As transformers' Trainer counts.

        The last group of an epoch is flushed, ``epochs * updates per epoch`` is rounded up, and ``max_steps`` wins over
        ``epochs``. Each process has one device; with several GPUs in one process (DataParallel) multiply
        ``batch_size`` by their number.

        Args:
            examples: rows of the training set; None if unknown, which needs ``max_steps``.
            batch_size: ``per_device_train_batch_size``.
            epochs: ``num_train_epochs`` (3 unless set there).
            accumulation: ``gradient_accumulation_steps``.
            world_size: processes.
            drop_last: ``dataloader_drop_last``.
            max_steps: as there; leave out for -1.
            tokens_per_sample: tokens a row has, for lengths in tokens.

        >>> Plan.hf_trainer(10, 1, 1.5, accumulation=4).updates
        5
        >>> Plan.hf_trainer(10, 1, 3, max_steps=100).updates
        100
        """
        return cls(
            examples,
            batch_size,
            epochs,
            accumulation=accumulation,
            world_size=world_size,
            drop_last=drop_last,
            max_steps=max_steps,
            tokens_per_sample=tokens_per_sample,
            trainer="hf_trainer",
        )

    @classmethod
    def accelerate(
        cls,
        examples: int | None,
        batch_size: int,
        epochs: float | None = None,
        accumulation: int = 1,
        world_size: int = 1,
        drop_last: bool = False,
        *,
        split_batches: bool = False,
        sync_with_dataloader: bool = True,
        max_steps: int | None = None,
        max_samples: int | None = None,
        max_tokens: int | None = None,
        tokens_per_sample: float | None = None,
    ) -> Plan:
        """As a loop with Accelerate's ``prepare`` and ``accumulate`` counts.

        ``even_batches=False`` changes only what the processes after the first see: they may have a batch less.

        Args:
            examples: rows of the training set; None if unknown.
            batch_size: that of the DataLoader handed to ``prepare``.
            epochs: passes of the loop.
            accumulation: ``gradient_accumulation_steps``.
            world_size: processes.
            drop_last: that of the DataLoader.
            split_batches: Accelerate's setting: a batch is cut into ``world_size`` pieces.
            sync_with_dataloader: Accelerate's setting: False carries the last group over the epoch border.
            max_steps: updates after which the loop stops, instead of epochs; so do the next two.
            max_samples: samples of the run.
            max_tokens: tokens of the run.
            tokens_per_sample: tokens a row has, for lengths in tokens.

        Raises:
            PlanError: also for a batch that cannot be split evenly.

        >>> Plan.accelerate(1000, 24, 3, accumulation=4, world_size=3, split_batches=True).updates
        33
        """
        _flag("split_batches", split_batches, _("It is Accelerate's setting."))
        _flag("sync_with_dataloader", sync_with_dataloader, _("It is Accelerate's setting."))
        if split_batches:
            rows, processes = _whole("batch_size", batch_size), _whole("world_size", world_size)
            if rows % processes:
                rule = _("a multiple of world_size={processes} with split_batches", processes=processes)
                raise PlanError(refusal("batch_size", rule, batch_size, _("Each process gets an equal piece.")))
            batch_size = rows // processes
        return cls(
            examples,
            batch_size,
            epochs,
            accumulation=accumulation,
            world_size=world_size,
            drop_last=drop_last,
            tail="flush" if sync_with_dataloader else "carry",
            max_steps=max_steps,
            max_samples=max_samples,
            max_tokens=max_tokens,
            tokens_per_sample=tokens_per_sample,
            trainer="accelerate",
        )

    @classmethod
    def lightning(
        cls,
        examples: int | None,
        batch_size: int,
        epochs: int | None = None,
        accumulation: int = 1,
        world_size: int = 1,
        drop_last: bool = False,
        *,
        max_steps: int | None = None,
        tokens_per_sample: float | None = None,
    ) -> Plan:
        """As Lightning's Trainer counts: ``estimated_stepping_batches``.

        The last group of an epoch is flushed, and of ``epochs`` and ``max_steps`` whichever comes first ends the run.

        Args:
            examples: rows of the training set; None if unknown.
            batch_size: that of the DataLoader.
            epochs: ``max_epochs`` (leave out for -1), a whole number.
            accumulation: ``accumulate_grad_batches``.
            world_size: devices x nodes.
            drop_last: that of the DataLoader.
            max_steps: as there; leave out for -1.
            tokens_per_sample: tokens a row has, for lengths in tokens.

        >>> Plan.lightning(1000, 8, 3, accumulation=4, world_size=3, max_steps=20).updates
        20
        """
        return cls(
            examples,
            batch_size,
            epochs,
            accumulation=accumulation,
            world_size=world_size,
            drop_last=drop_last,
            max_steps=max_steps,
            tokens_per_sample=tokens_per_sample,
            trainer="lightning",
        )

    # --- what may be given ---------------------------------------------------------------------------------------

    def __post_init__(self) -> None:
        if self.trainer not in TRAINERS:
            raise PlanError(unknown_name("trainer", _("the name of a trainer"), self.trainer, TRAINERS))
        custom = self._convention
        for name, known, own in (("tail", TAILS, custom.tails), ("sharding", SHARDINGS, custom.shardings)):
            # Twice, so that a word nobody knows and one that this trainer does not do are refused differently.
            chosen = choice(name, getattr(self, name) or own[0], known, error=PlanError)
            self._set(
                name, choice(name, chosen, own, _("{title} does nothing else.", title=custom.title), error=PlanError)
            )
        if self.examples is not None:
            advice = _("0 updates: the data set is empty.") if self.examples == 0 else _WHOLE
            self._set("examples", _whole("examples", self.examples, advice=advice))
        for name in ("batch_size", "accumulation", "world_size"):
            self._set(name, _whole(name, getattr(self, name)))
        _flag("drop_last", self.drop_last, _("Say whether to leave the tail out."))
        rules: dict[str, Callable[[str, Any], Any]] = {
            "epochs": _above_zero,
            "tokens_per_sample": _above_zero,
            **dict.fromkeys(_ENDS[1:], _whole),
        }
        for name, rule in rules.items():
            if getattr(self, name) is not None:
                self._set(name, rule(name, getattr(self, name)))
        self._refuse_ends()
        if self.examples is not None:
            self._refuse_no_updates()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the class is frozen for everybody else

    @property
    def _convention(self) -> Convention:
        return CONVENTIONS[self.trainer]

    def _refuse_ends(self) -> None:
        """One end, or two where the trainer says which counts; none only where the data has no known end either."""
        custom = self._convention
        given = [name for name in _ENDS if getattr(self, name) is not None]
        if self.examples is None and self.epochs is not None:
            advice = _("Give max_steps, max_samples or max_tokens: nobody knows how long an epoch is.")
            raise PlanError(refusal("epochs", _("left out where examples is unknown"), self.epochs, advice))
        if len(given) > 1 and (custom.both == "none" or given != ["epochs", "max_steps"]):
            advice = _("{first} or {second} ends the run: leave one out.", first=given[0], second=given[1])
            raise PlanError(
                refusal(given[1], _("left out where {other} is given", other=given[0]), getattr(self, given[1]), advice)
            )
        if not given and self.examples is not None:
            advice = _("Or give max_steps, max_samples or max_tokens.")
            raise PlanError(refusal("epochs", _("given where nothing else ends the run"), None, advice))
        if not given and not custom.endless:
            advice = _("{title} needs it where examples is unknown.", title=custom.title)
            raise PlanError(refusal("max_steps", _("given"), None, advice))
        if self.max_tokens is not None and self.tokens_per_sample is None:
            raise PlanError(
                refusal("tokens_per_sample", _("given with max_tokens"), None, _("Give the tokens a row has."))
            )
        if self.epochs is not None and custom.parts == "none" and not isinstance(self.epochs, int):
            raise PlanError(
                refusal("epochs", _("whole in {title}", title=custom.title), self.epochs, _("Give max_steps instead."))
            )

    def _refuse_no_updates(self) -> None:
        """Refuse a run of zero updates, by the number that is at fault."""
        batches = self.batches_per_epoch
        if not batches:
            advice = _("0 updates: lower batch_size or world_size, or set drop_last=False.")
            raise PlanError(refusal("examples", _("enough for one full batch a process"), self.examples, advice))
        if self.tail == "drop" and not self.updates_per_epoch:
            advice = _("0 updates: lower it, or set tail='flush'.")
            rule = _("at most {batches}, the batches of an epoch", batches=batches)
            raise PlanError(refusal("accumulation", rule, self.accumulation, advice))
        if self.updates == 0:
            advice = _("0 updates: give more of them, lower accumulation, or set tail='flush'.")
            raise PlanError(refusal("epochs", _("enough for one update"), self.epochs, advice))

    def _known_examples(self) -> int:
        if self.examples is None:
            advice = _("Count in updates, samples or tokens instead.")
            raise PlanError(refusal("examples", _("known to count in epochs"), None, advice))
        return self.examples

    # --- counts --------------------------------------------------------------------------------------------------

    @property
    def examples_per_process(self) -> int:
        """Rows the first process sees in an epoch, before an incomplete batch is left out.

        Samplers repeat rows, or leave some out, so that all processes see as many.
        """
        examples = self._known_examples()
        if self.sharding == "batches" and self.world_size > 1:
            # Accelerate deals batches round by round, and fills the last round with rows from the beginning.
            return self.batches_per_epoch * self.batch_size
        return examples // self.world_size if self.sharding == "drop" else _ceil_div(examples, self.world_size)

    @property
    def batches_per_epoch(self) -> int:
        """Batches one process sees in an epoch."""
        if self.sharding == "batches":
            rows, size = self._known_examples(), self.batch_size * self.world_size
        else:
            rows, size = self.examples_per_process, self.batch_size
        return rows // size if self.drop_last else _ceil_div(rows, size)

    @property
    def updates_per_epoch(self) -> int | Fraction:
        """Updates in an epoch; with ``tail="carry"`` exactly batches / accumulation, on average, as a Fraction."""
        batches = self.batches_per_epoch
        if self.tail == "carry":
            # Not rounded here: 10 batches at accumulation 4 make 7 updates in 3 epochs, neither 6 nor 9.
            share = Fraction(batches, self.accumulation)
            return int(share) if share.denominator == 1 else share
        return _ceil_div(batches, self.accumulation) if self.tail == "flush" else batches // self.accumulation

    @property
    def updates(self) -> int | None:
        """Updates of the whole run, the ``total`` of a schedule; None if the run has no known end."""
        if self.max_samples is not None:
            return _ceil_div(self.max_samples, self.samples_per_update)
        if self.max_tokens is not None:
            # Exact: a float quotient just above a whole number would plan an update more.
            return math.ceil(self.max_tokens / self._exact_tokens_per_update())
        by_epochs = None if self.epochs is None else self.updates_at_epoch(self.epochs)
        if by_epochs is None or self.max_steps is None:
            return self.max_steps if by_epochs is None else by_epochs
        return min(by_epochs, self.max_steps) if self._convention.both == "first" else self.max_steps

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

    def _exact_tokens_per_update(self) -> Fraction:
        if self.tokens_per_sample is None:
            raise PlanError(
                refusal("tokens_per_sample", _("given to count in tokens"), None, _("Give tokens in a row."))
            )
        return _exact(self.tokens_per_sample) * self.samples_per_update

    def samples_at(self, position: int) -> int:
        """Samples seen after ``position`` completed updates, each counted as a full one."""
        return self.samples_per_update * _whole("position", position, 0, _("Positions count completed updates."))

    def updates_at_epoch(self, epoch: float | Fraction) -> int:
        """Updates of a run that ends after ``epoch`` epochs, counted from the start; parts of one are allowed.

        Of a part, batches are rounded up (in HF Trainer: updates), and its last group follows ``tail``.

        >>> plan = Plan(10, 1, 3, accumulation=4)
        >>> [plan.updates_at_epoch(epoch) for epoch in (1, 1.5, 2, 3)]
        [3, 5, 6, 9]
        """
        if not isinstance(epoch, Fraction):
            epoch = _exact(_above_zero("epoch", epoch))
        batches = self.batches_per_epoch
        if self._convention.parts == "updates":
            # In binary floats, as transformers multiplies: 0.07 epochs of 100 updates are 8 there.
            return math.ceil(float(epoch) * self.updates_per_epoch)
        full, part = divmod(epoch, 1)
        seen = math.ceil(part * batches)  # a loop stops after a whole batch
        if self.tail == "carry":
            return (full * batches + seen) // self.accumulation
        last = _ceil_div(seen, self.accumulation) if self.tail == "flush" else seen // self.accumulation
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
        return self._counted("length", length)

    def _counted(self, name: str, length: Length) -> int:
        """:meth:`in_updates` of a length that messages call ``name``."""
        if length.unit == "epochs":
            updates = self.updates_at_epoch(Fraction(length.value))
        elif length.unit in CLOCKS:
            size = self._exact_tokens_per_update() if length.unit == "tokens" else Fraction(self.samples_per_update)
            updates = math.ceil(Fraction(length.value) / size)
        else:
            updates = int(in_updates(name, length, self.updates, None))
        if not updates:
            raise PlanError(refusal(name, _("one update at least"), str(length), _("Give more of them.")))
        return updates

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
            advice = _("Or give max_steps, max_samples or max_tokens: a share needs a run with an end.")
            raise PlanError(refusal("warmup", _("a number of updates where the run has no known end"), warmup, advice))
        updates = self._counted("warmup", length) if isinstance(length, Length) else length
        if total is not None and updates >= total:
            advice = _("The peak would never be used: shorten the warm-up or plan more updates.")
            raise PlanError(refusal("warmup", _("below the {total} updates of the run", total=total), warmup, advice))
        return updates

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
        choice("clock", clock, CLOCKS, error=PlanError)
        whole_run = Leg(0, self.batch_size, self.accumulation, self.world_size, self.tokens_per_sample)
        whole_run.size(clock)  # tokens need tokens_per_sample: refused here, not at the first question
        return Replanned(self, (whole_run,), clock).replan(at, batch_size, accumulation, world_size, tokens_per_sample)

    def explain(self, warmup: int | float | str | Length | None = None) -> str:
        """The arithmetic, one line a step; steps that change nothing are left out."""
        lines = []
        if self.trainer != "plain_loop":
            lines.append(_("counted as {trainer} does", trainer=self._convention.title))
        if self.examples is not None:
            lines += _explain_batches(self)
            if self.accumulation > 1:
                lines.append(_explain_updates_per_epoch(self))
        if self.max_tokens is not None:
            lines.append(
                _(
                    "tokens per update: {samples} samples x {tokens_per_sample} = {tokens}",
                    samples=self.samples_per_update,
                    tokens_per_sample=self.tokens_per_sample,
                    tokens=_shown(self.tokens_per_update or 0),
                )
            )
        lines += _explain_updates(self)
        if warmup is not None:
            updates = self.warmup(warmup)
            if self.updates is None:
                lines.append(_("warm-up: {warmup} = {updates}", warmup=warmup, updates=updates))
            else:
                lines.append(
                    _(
                        "warm-up: {warmup} of {total} updates = {updates}",
                        warmup=warmup,
                        total=self.updates,
                        updates=updates,
                    )
                )
        return joined("\n", lines)


# --- Another batch on the way: the same samples (or tokens) in another number of updates ------------------------------
# A plan's own updates are a clock; samples are a finer one that a change of batch cannot disturb. After the change an
# update is worth more or less of the old clock. To keep the learning rate as a function of samples,
#
# * write the schedule in samples, ``get_schedule(name, warmup=plan.samples_at(W), total=plan.samples_at(T))``, and ask
#   it for ``schedule(replanned.samples_at(k))``; or
# * keep it in the plan's updates, and read it at ``replanned.original_position(k)``, which may lie between two of them.


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of updates of one size, from ``start`` completed updates on."""

    start: int
    batch_size: int
    accumulation: int
    world_size: int
    tokens_per_sample: float | None = None

    @property
    def samples_per_update(self) -> int:
        """Rows of an update over all processes."""
        return self.batch_size * self.accumulation * self.world_size

    def size(self, unit: str) -> Fraction:
        """What an update is worth, in ``samples`` or ``tokens``."""
        if unit == "samples":
            return Fraction(self.samples_per_update)
        if self.tokens_per_sample is None:
            advice = _("Give the tokens a row has.")
            raise PlanError(refusal("tokens_per_sample", _("given to count in tokens"), None, advice))
        return _exact(self.tokens_per_sample) * self.samples_per_update


@dataclass(frozen=True, slots=True)
class Replanned:
    """A plan with changes of its batch; made by :meth:`Plan.replan`, and a timeline for lengths like the plan.

    Args:
        plan: the original, whose updates are the clock its schedule was written in.
        legs: stretches of updates of one size, in order, the first from update 0.
        clock: what the changes keep: ``samples`` or ``tokens``.

    >>> halved = Plan(1000, 8, 4).replan(at=250, batch_size=4)
    >>> print(halved.explain())
    updates 0 to 249: 8 samples each, 2000 samples
    updates 250 to 749: 4 samples each, 2000 samples
    updates: 750, instead of 500 for 4000 samples
    """

    plan: Plan
    legs: tuple[Leg, ...]
    clock: str = "samples"

    @property
    def updates(self) -> int | None:
        """Updates of the whole run, those before the changes included; None if the plan has no known end."""
        if self.plan.updates is None:
            return None
        return self._position(self.plan.updates * self.legs[0].size(self.clock), self.clock)

    @property
    def samples_per_update(self) -> int:
        """Rows of an update after the last change."""
        return self.legs[-1].samples_per_update

    def samples_at(self, position: int) -> int:
        """Samples seen after ``position`` completed updates."""
        return int(self._amount(position, "samples"))

    def tokens_at(self, position: int) -> float | Fraction:
        """Tokens seen after ``position`` completed updates."""
        tokens = self._amount(position, "tokens")
        return int(tokens) if tokens.denominator == 1 else tokens

    def position_of_samples(self, samples: int) -> int:
        """The completed updates by which ``samples`` were seen: the inverse of :meth:`samples_at`, rounded up."""
        return self._position(Fraction(_whole("samples", samples, 0, _("Give a whole number."))), "samples")

    def original_position(self, position: int) -> Fraction:
        """Where ``position`` lies on the original plan's clock; it may lie between two of its updates."""
        return self._amount(position, self.clock) / self.legs[0].size(self.clock)

    def in_updates(self, length: Length) -> int:
        """A length from the start of the run, in updates of this timeline, rounded up.

            >>> from preheat.schedule.lengths import epochs, samples
        >>> halved = Plan(1000, 8, 4).replan(at=250, batch_size=4)
        >>> halved.in_updates(epochs(3)), halved.in_updates(samples(1000))
        (500, 125)
        """
        if length.unit in CLOCKS:
            return self._position(Fraction(length.value), length.unit)
        return self._position(self.plan.in_updates(length) * self.legs[0].size(self.clock), self.clock)

    def replan(
        self,
        at: int,
        batch_size: int | None = None,
        accumulation: int | None = None,
        world_size: int | None = None,
        tokens_per_sample: float | None = None,
    ) -> Replanned:
        """One more change; see :meth:`Plan.replan`. ``at`` counts completed updates of this timeline."""
        last = self.legs[-1]
        begin = _whole("at", at, last.start, _("Updates already planned stay: give completed updates."))
        total = self.updates
        if total is not None and begin >= total:
            rule = _("below the {total} updates of the run", total=total)
            raise PlanError(refusal("at", rule, at, _("Change the batch before the end.")))

        def chosen(name: str, value: Any) -> int:
            return int(getattr(last, name)) if value is None else _whole(name, value)

        tokens = last.tokens_per_sample
        if tokens_per_sample is not None:
            tokens = _above_zero("tokens_per_sample", tokens_per_sample)
        leg = Leg(
            begin,
            chosen("batch_size", batch_size),
            chosen("accumulation", accumulation),
            chosen("world_size", world_size),
            tokens,
        )
        return Replanned(self.plan, (*self.legs, leg), self.clock)

    def explain(self) -> str:
        """Every stretch with its updates and samples, and the new total, one line each."""
        total = self.updates
        unit = self.clock
        lines = []
        for leg, end in zip(self.legs, [*(leg.start for leg in self.legs[1:]), total], strict=True):
            size = leg.size(unit)
            each = _in_unit(size, unit)
            if end is None:
                lines.append(_("updates {first} on: {size} each", first=leg.start, size=each))
            elif end > leg.start:
                lines.append(
                    _(
                        "updates {first} to {last}: {size} each, {amount}",
                        first=leg.start,
                        last=end - 1,
                        size=each,
                        amount=_in_unit(size * (end - leg.start), unit),
                    )
                )
        if total is None or self.plan.updates is None:
            return joined("\n", [*lines, _("updates: unknown, the run has no end yet")])
        kept = _in_unit(self.plan.updates * self.legs[0].size(unit), unit)
        changed = _(
            "updates: {total}, instead of {planned} for {amount}", total=total, planned=self.plan.updates, amount=kept
        )
        return joined("\n", [*lines, changed])

    def _amount(self, position: int, unit: str) -> Fraction:
        """Samples or tokens seen after ``position`` updates."""
        position = _whole("position", position, 0, _("Positions count completed updates."))
        seen = Fraction(0)
        for leg, end in zip(self.legs, [*(leg.start for leg in self.legs[1:]), math.inf], strict=True):
            if position > leg.start:
                seen += leg.size(unit) * int(min(position, end) - leg.start)
        return seen

    def _position(self, amount: Fraction, unit: str) -> int:
        """The first position by which ``amount`` was seen."""
        for leg in reversed(self.legs):
            before = self._amount(leg.start, unit)
            if amount > before:
                return leg.start + math.ceil((amount - before) / leg.size(unit))
        return 0


def _in_unit(amount: Fraction, unit: str) -> str:
    """So many samples or tokens, in words."""
    number = f"{float(amount):.12g}"
    return _("{number} tokens", number=number) if unit == "tokens" else _("{number} samples", number=number)


# --- A plan's arithmetic in words, one line a step --------------------------------------------------------------------


def _explain_batches(plan: Plan) -> Iterator[str]:
    """From rows to the batches one process sees."""
    rounding = "floor" if plan.drop_last else "ceil"
    if plan.sharding == "batches" and plan.world_size > 1:
        size, rows = plan.batch_size * plan.world_size, plan.examples
        yield _(
            "examples per batch of all processes: {batch_size} x {processes} = {rows}",
            batch_size=plan.batch_size,
            processes=plan.world_size,
            rows=size,
        )
    else:
        size, rows = plan.batch_size, plan.examples_per_process
        if plan.world_size > 1:
            yield _(
                "examples per process: {rounding}({examples} / {processes}) = {share}",
                rounding="floor" if plan.sharding == "drop" else "ceil",
                examples=plan.examples,
                processes=plan.world_size,
                share=rows,
            )
    yield _(
        "batches per epoch: {rounding}({examples} examples / {size}) = {batches}",
        rounding=rounding,
        examples=rows,
        size=size,
        batches=plan.batches_per_epoch,
    )


def _explain_updates_per_epoch(plan: Plan) -> str:
    counts = {
        "batches": plan.batches_per_epoch,
        "accumulation": plan.accumulation,
        "updates": _shown(plan.updates_per_epoch),
    }
    if plan.tail == "carry":
        return _(
            "updates per epoch: {batches} batches / {accumulation} = {updates},"
            " batches left over count for the next epoch",
            **counts,
        )
    return _(
        "updates per epoch: {rounding}({batches} batches / {accumulation}) = {updates}",
        rounding="ceil" if plan.tail == "flush" else "floor",
        **counts,
    )


def _explain_updates(plan: Plan) -> Iterator[str]:
    """From epochs, steps or a budget to the updates of the run."""
    if plan.max_samples is not None:
        yield _(
            "updates: ceil({samples} samples / {size}) = {updates}",
            samples=plan.max_samples,
            size=plan.samples_per_update,
            updates=plan.updates,
        )
    elif plan.max_tokens is not None:
        yield _(
            "updates: ceil({tokens} tokens / {size}) = {updates}",
            tokens=plan.max_tokens,
            size=_shown(plan.tokens_per_update or 0),
            updates=plan.updates,
        )
    elif plan.epochs is None and plan.max_steps is None:
        yield _("updates: unknown, the run has no end yet")
    else:
        if plan.epochs is not None:
            yield _explain_epochs(plan, plan.epochs)
        if plan.max_steps is not None:
            yield _explain_max_steps(plan, plan.max_steps)
    if plan.epochs is None and plan.examples is not None and plan.updates is not None:
        passes = Fraction(plan.updates) / Fraction(plan.updates_per_epoch)
        yield _(
            "epochs: {updates} updates / {per_epoch} = {epochs}",
            updates=plan.updates,
            per_epoch=_shown(plan.updates_per_epoch),
            epochs=_shown(passes),
        )


def _explain_epochs(plan: Plan, epochs: float) -> str:
    counts: dict[str, Any] = {
        "updates": plan.updates_at_epoch(epochs),
        "per_epoch": plan.updates_per_epoch,
        "epochs": epochs,
    }
    if plan._convention.parts == "updates" and not isinstance(epochs, int):
        return _("updates: ceil({per_epoch} x {epochs} epochs) = {updates}", **counts)
    full, part = divmod(_exact(epochs), 1)
    batches = plan.batches_per_epoch
    counts |= {"batches": batches, "accumulation": plan.accumulation}
    if plan.tail == "carry" and plan.accumulation > 1:
        if part:
            return _("updates: floor(ceil({batches} batches x {epochs} epochs) / {accumulation}) = {updates}", **counts)
        return _("updates: floor({batches} batches x {epochs} epochs / {accumulation}) = {updates}", **counts)
    counts |= {
        "epochs": full,
        "part": math.ceil(part * batches),
        "rounding": "floor" if plan.tail == "drop" else "ceil",
    }
    if plan.accumulation > 1:
        if part:
            return _(
                "updates: {per_epoch} updates x {epochs} epochs"
                " + {rounding}({part} batches / {accumulation}) = {updates}",
                **counts,
            )
        return _("updates: {per_epoch} updates x {epochs} epochs = {updates}", **counts)
    if part:
        return _(
            "updates: {per_epoch} batches x {epochs} epochs + {rounding}({part} batches / {accumulation}) = {updates}",
            **counts,
        )
    return _("updates: {per_epoch} batches x {epochs} epochs = {updates}", **counts)


def _explain_max_steps(plan: Plan, steps: int) -> str:
    if plan.epochs is None:
        return _("updates: max_steps = {steps}", steps=steps)
    if plan._convention.both == "first":
        return _(
            "updates: min({by_epochs}, max_steps {steps}) = {updates}",
            by_epochs=plan.updates_at_epoch(plan.epochs),
            steps=steps,
            updates=plan.updates,
        )
    return _("updates: max_steps = {steps}, which wins over epochs", steps=steps)


def _shown(value: float | Fraction) -> str:
    """Whole numbers as they are, others short."""
    return str(int(value)) if value == int(value) else f"{float(value):.6g}"


# --- The learning rate for another batch: explicit rules --------------------------------------------------------------
# Formula  r = batch / reference_batch;  none: lr,  linear: lr * r,  sqrt: lr * sqrt(r).
# Units    a batch is what one update sees: rows x accumulation x processes (``Plan.samples_per_update``), or tokens.
# Source   linear: Goyal et al. 2017, arXiv:1706.02677, with a warm-up. sqrt: Krizhevsky 2014, arXiv:1404.5997, and
#          Hoffer et al. 2017, arXiv:1705.08741.


def scale_lr(lr: float, *, reference_batch: float, batch: float, rule: str) -> float:
    """The learning rate for another batch size.

    Args:
        lr: the rate that was right at ``reference_batch``, > 0.
        reference_batch: what an update saw there, in samples or tokens over all processes, > 0.
        batch: what an update sees now, in the same unit, > 0.
        rule: ``none`` (unchanged), ``linear`` (usual for SGD) or ``sqrt`` (keeps the noise of the gradient).

    Raises:
        PlanError: for numbers that are not above zero, and unknown rules.

    >>> scale_lr(0.1, reference_batch=256, batch=1024, rule="linear")
    0.4
    >>> scale_lr(0.1, reference_batch=256, batch=1024, rule="sqrt")
    0.2
    """
    rate = float(_above_zero("lr", lr))
    share = _exact(_above_zero("batch", batch)) / _exact(_above_zero("reference_batch", reference_batch))
    rule = choice("rule", rule, RULES, error=PlanError)
    if rule == "linear":
        return float(_exact(rate) * share)  # in decimals: 0.1 x 3 is 0.3
    return rate * math.sqrt(share) if rule == "sqrt" else rate


def explain_scaling(lr: float, *, reference_batch: float, batch: float, rule: str) -> str:
    """:func:`scale_lr` as one line: both batches, the factor and the rates.

    >>> print(explain_scaling(0.1, reference_batch=256, batch=1024, rule="sqrt"))
    learning rate: sqrt rule, reference batch 256, batch 1024: factor 2, 0.1 -> 0.2
    """
    rate = scale_lr(lr, reference_batch=reference_batch, batch=batch, rule=rule)
    return _(
        "learning rate: {rule} rule, reference batch {reference_batch}, batch {batch}:"
        " factor {factor:g}, {lr:g} -> {scaled:g}",
        rule=rule,
        reference_batch=reference_batch,
        batch=batch,
        factor=rate / lr,
        lr=lr,
        scaled=rate,
    )


# --- Checks and quotients -------------------------------------------------------------------------------------------


def _whole(name: str, value: Any, least: int = 1, advice: str = _WHOLE) -> int:
    """``value`` as an int of at least ``least``."""
    return int(count(name, value, least, advice=advice, error=PlanError))


def _above_zero(name: str, value: Any) -> int | float:
    """``value`` as a finite number > 0; whole floats become ints, so that 3.0 epochs are counted like 3."""
    advice = _("Give a number above zero.")
    plain = number(name, value, advice, error=PlanError)
    if plain <= 0:
        raise PlanError(refusal(name, _("> 0"), value, advice))
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def _flag(name: str, value: Any, advice: str) -> None:
    if not isinstance(value, bool):
        raise PlanError(refusal(name, _("True or False"), value, advice))


def _exact(value: float) -> Fraction:
    """The decimal people wrote, without the noise of binary floats: 0.1 is one tenth.

    >>> _exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


def _ceil_div(amount: int, size: int) -> int:
    """``amount / size``, rounded up, in whole numbers: a float quotient is wrong beyond 2 ** 53."""
    return -(-amount // size)
