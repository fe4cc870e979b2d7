"""Plans that count as a trainer does, by the trainer's name.

Each preset fixes what the trainer fixes (how rows come to processes, the tail, which end wins) and takes the rest. The
counts are those of transformers 5.23, accelerate 1.15 and lightning 2.6: tests call the libraries and compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from preheat.errors import PlanError, refusal
from preheat.plan.values import flag, whole

if TYPE_CHECKING:
    from preheat.plan.plan import Plan


def _plan(examples: int | None, batch_size: int, epochs: float | None, **settings: Any) -> Plan:
    from preheat.plan.plan import Plan

    return Plan(examples, batch_size, epochs, **settings)


def _piece(batch_size: int, world_size: int) -> int:
    """What one process gets of a batch that is cut up."""
    rows, processes = whole("batch_size", batch_size), whole("world_size", world_size)
    if rows % processes:
        rule = f"a multiple of world_size={processes} with split_batches"
        raise PlanError(refusal("batch_size", rule, batch_size, "Each process gets an equal piece."))
    return rows // processes


class Presets:
    """The presets, as class methods of :class:`~preheat.plan.plan.Plan`; abstract without it."""

    __slots__ = ()

    @classmethod
    def plain_loop(cls, examples: int | None, batch_size: int, epochs: float | None = None, **settings: Any) -> Plan:
        """A loop of one's own over a torch DataLoader (and DistributedSampler): every choice is open.

        Args:
            examples: rows of the training set; None if unknown.
            batch_size: rows in one batch of one process.
            epochs: passes over the data; parts of one end after whole batches.
            **settings: any other of Plan.

        >>> from preheat import Plan
        >>> Plan.plain_loop(10, 1, 3, accumulation=4, tail="carry").updates
        7
        """
        return _plan(examples, batch_size, epochs, **settings)

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

        >>> from preheat import Plan
        >>> Plan.hf_trainer(10, 1, 1.5, accumulation=4).updates
        5
        >>> Plan.hf_trainer(10, 1, 3, max_steps=100).updates
        100
        """
        return _plan(
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

        >>> from preheat import Plan
        >>> Plan.accelerate(1000, 24, 3, accumulation=4, world_size=3, split_batches=True).updates
        33
        """
        flag("split_batches", split_batches, "It is Accelerate's setting.")
        flag("sync_with_dataloader", sync_with_dataloader, "It is Accelerate's setting.")
        if split_batches:
            batch_size = _piece(batch_size, world_size)
        return _plan(
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

        >>> from preheat import Plan
        >>> Plan.lightning(1000, 8, 3, accumulation=4, world_size=3, max_steps=20).updates
        20
        """
        return _plan(
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
