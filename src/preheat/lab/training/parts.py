"""What a run is made of, put together once: data, tokens, plan, schedule."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.lab.data import SPLITS, NewsData
from preheat.lab.data.batches import DataPosition, Order
from preheat.lab.data.token_cache import TokenCache, Tokens
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.folder import RunFolder
from preheat.messages import Joined, _, joined, packed
from preheat.plan import Plan
from preheat.schedule import Schedule

if TYPE_CHECKING:
    from accelerate import Accelerator

    from preheat.lab.data.batches import Examples, Split, Transform

# Whose release may change the bits of a run.
_PACKAGES = ("preheat", "torch", "transformers", "accelerate", "tokenizers", "numpy")


@dataclass(frozen=True, slots=True)
class Texts:
    """The splits as tokens, and the tokenizer that made them."""

    tokenizer: Any
    tokens: dict[str, Tokens]

    @property
    def pad(self) -> int:
        """The token id that fills up."""
        return int(self.tokenizer.pad_token_id or 0)


@dataclass(frozen=True, slots=True)
class RunLength:
    """How long a run is and what its learning rate does.

    Attributes:
        total: updates of the run.
        schedule: of the learning rate, made for them.
        words: the arithmetic, line by line.
    """

    total: int
    schedule: Schedule
    words: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a run begins: at its first update, or where a checkpoint was taken.

    Attributes:
        checkpoint: the folder gone on from; None for the start.
        data_position: how far into the data.
        position: completed updates.
        state: what the checkpoint's ``run.json`` says.
        forked: whether the checkpoint is another run's, which this one goes on from as if its past were its own.
    """

    checkpoint: Path | None = None
    data_position: DataPosition = field(default_factory=DataPosition)
    position: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    forked: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a run is made of but its moving parts.

    Attributes:
        config: the settings, filled.
        folder: where the run is.
        data: the rows.
        texts: their tokens.
        order: how they come in batches.
        run_length: updates and schedule.
        beginning: where the run begins.
        transform: name of the function that changes texts on their way into a batch; empty if there is none.
        environment: what it runs on.
    """

    config: TrainConfig
    folder: RunFolder
    data: NewsData
    texts: Texts
    order: Order
    run_length: RunLength
    beginning: Beginning
    transform: str
    environment: dict[str, Any]

    @property
    def tokenizer(self) -> Any:
        """The run's tokenizer."""
        return self.texts.tokenizer

    def examples(self, split: str, transform: Transform | None = None) -> Examples:
        """The rows of a split as a data set."""
        from preheat.lab.data.batches import Examples

        rows = self.texts.tokens[split], self.data.labels(split)
        return Examples(*rows, transform, self.config.seed, self.config.max_tokens)

    def split(self, name: str, rank: int, world_size: int) -> Split:
        """A split to score, or a process's share of it."""
        from preheat.lab.data.batches import Split

        rows = self.texts.tokens[name], self.data.labels(name)
        return Split(*rows, self.config.batch_size, self.texts.pad, rank=rank, world_size=world_size)

    def identity(self) -> dict[str, Any]:
        """What a run that is resumed has to have in common with the one that was saved."""
        return {
            # A folder may be moved between a stop and a resume: where it lies is no part of the run.
            "config": self.config.model_dump(exclude={"out"}),
            "classes": list(self.data.classes),
            "data": self.data.fingerprint,
            "updates": self.run_length.total,
            "processes": self.order.world_size,
            "transform": self.transform,
        }

    def ceiling(self) -> dict[str, Any]:
        """What no classifier exceeds, under its name, where it is known: of synthetic headlines."""
        return {"ceiling": self.data.ceiling.to_dict()} if self.data.ceiling else {}

    def header(self) -> dict[str, Any]:
        """What ``config.json`` says of the run."""
        return {
            **self.identity(),
            "schedule": self.run_length.schedule.to_dict(),
            "plan": self.run_length.words,
            "plan_message": packed(self.run_length.words),
            "rows": {name: len(self.data.split(name)) for name in SPLITS},
            **self.ceiling(),
            "environment": self.environment,
        }


def tokenize(config: TrainConfig, data: NewsData, checkpoint: Path | None = None) -> Texts:
    """The tokens of every split, by the run's tokenizer: a new one, a pretrained one, or the checkpoint's."""
    from preheat.lab.training.model import build_tokenizer, load_tokenizer

    cache = TokenCache.from_setting(config.cache)
    tokenizer = load_tokenizer(checkpoint) if checkpoint else build_tokenizer(config, data.texts("train"), cache)
    tokens = {name: cache.encode(tokenizer, data.texts(name), config.max_tokens) for name in SPLITS}
    return Texts(tokenizer, tokens)


def order_of(config: TrainConfig, world_size: int) -> Order:
    """How the run's rows come in batches."""
    rows = None if config.batch_tokens else config.batch_size
    return Order(rows, config.batch_tokens, world_size, config.seed)


def run_length_of(
    config: TrainConfig, order: Order, lengths: list[int], beginning: Beginning, total: int | None = None
) -> RunLength:
    """Updates and schedule of a run.

    Args:
        config: the settings.
        order: how the rows come in batches.
        lengths: tokens of every training row.
        beginning: where the run begins; after a change, updates made count as they are.
        total: updates of the run, where they are known; None works them out.
    """
    epochs = config.epochs or 1
    batches = len(order.epoch(lengths, 0))
    if config.batch_tokens:
        plan = Plan(batches, 1, epochs, config.accumulation)
        words = joined("\n", [_batches(batches, config.batch_tokens, order.world_size), _without_rows(plan)])
    else:
        sharding = "batches" if order.world_size > 1 else ""
        plan = Plan(len(lengths), config.batch_size, epochs, config.accumulation, order.world_size, sharding=sharding)
        words = plan.explain()
    if total is None:
        position = beginning.data_position
        # From where the run stands: after a change of the batch size the updates made stay as they are.
        left = math.ceil(len(position.remaining(order, lengths)) / config.accumulation)
        rest = math.ceil(batches / config.accumulation) * (epochs - position.epoch - 1)
        total = beginning.position + left + rest
        if beginning.position:
            changed = _(
                "after the change: {made} updates made + {left} to come = {total}",
                made=beginning.position, left=left + rest, total=total,
            )  # fmt: skip
            words = joined("\n", [words, changed])
        if config.max_updates and config.max_updates < total:
            total = config.max_updates
            words = joined("\n", [words, _("stopped by max_updates: {total}", total=total)])
    # A run that ends elsewhere than its epochs: the schedule is shaped for the updates it will have.
    run = plan if total == plan.updates else replace(plan, epochs=None, max_steps=total)
    return RunLength(total, config.build_schedule(run), words)


def _batches(batches: int, tokens: int, processes: int) -> str:
    if processes == 1:
        return _("batches per epoch: {batches} of up to {tokens} tokens", batches=batches, tokens=tokens)
    return _(
        "batches per epoch: {batches} of up to {tokens} tokens in each of {processes} processes",
        batches=batches, tokens=tokens, processes=processes,
    )  # fmt: skip


def _without_rows(plan: Plan) -> str:
    """The plan's arithmetic without its first line, about rows: the plan counts batches as examples here."""
    words = plan.explain()
    if isinstance(words, Joined):
        return joined("\n", words.items[1:])
    return words.split("\n", 1)[1]


def environment(accelerator: Accelerator) -> dict[str, Any]:
    """What the run ran on: versions, device, processes, precision."""
    import torch

    device = accelerator.device
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {
        "python": platform.python_version(),
        **versions,
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processes": accelerator.num_processes,
        "distribution": accelerator.distributed_type.value.lower(),
        "precision": "fp32" if accelerator.mixed_precision == "no" else accelerator.mixed_precision,
        "threads": torch.get_num_threads(),
    }
