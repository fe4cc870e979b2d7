"""A run before it runs: plan, schedule, batches, and the memory an update takes, found without computing one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from preheat.lab.data import load_data
from preheat.lab.data.batches import Order
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.model import build_model
from preheat.lab.training.parts import Beginning, order_of, run_length_of, tokenize
from preheat.lab.training.processes import choose_precision
from preheat.messages import _, joined
from preheat.schedule import Schedule


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """The batches of the first epoch.

    Attributes:
        batches: how many.
        rows: texts of the smallest and the largest.
        tokens: padded tokens of the smallest, the mean and the largest.
        padding: share of the padded tokens that is padding, in [0, 1).
        largest: (rows, tokens a row) of the batch with the most padded tokens.
    """

    batches: int
    rows: tuple[int, int]
    tokens: tuple[int, float, int]
    padding: float
    largest: tuple[int, int]

    @staticmethod
    def of(order: Order, lengths: list[int]) -> BatchFigures:
        """Of the batches that an order makes of texts of these lengths."""
        epoch = order.epoch(lengths, 0)
        shapes = [(len(rows), max(lengths[row] for row in rows)) for rows in epoch]
        sizes = [rows * longest for rows, longest in shapes]
        many, counts = sum(sizes), [rows for rows, _unused in shapes]
        return BatchFigures(
            len(epoch),
            (min(counts), max(counts)),
            (min(sizes), many / len(sizes), max(sizes)),
            1 - sum(lengths) / many,
            max(shapes, key=lambda shape: shape[0] * shape[1]),
        )

    def __str__(self) -> str:
        low, mean, high = self.tokens
        rows = "-".join(map(str, dict.fromkeys(self.rows)))
        return _(
            "batches: {batches:,} of {rows} texts; {low:,} to {high:,} tokens, {mean:,.0f} on average,"
            " {padding:.1%} of them padding",
            batches=self.batches, rows=rows, low=low, high=high, mean=mean, padding=self.padding,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that an update holds at its peak, in one process, before what torch and the device take for themselves.

    Attributes:
        parameters: trainable numbers.
        weights: bytes of the weights.
        gradients: of the gradients.
        optimizer: of AdamW's two moments.
        activations: kept from the forward pass of the largest batch for the backward pass.
        measuring: of the copy of the weights that measurements compare with.
    """

    parameters: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    measuring: int

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.measuring

    def __str__(self) -> str:
        parts = [
            _("weights {size}", size=_size(self.weights)),
            _("gradients {size}", size=_size(self.gradients)),
            _("optimizer {size}", size=_size(self.optimizer)),
            _("activations {size}", size=_size(self.activations)) if self.activations else "",
            _("measuring {size}", size=_size(self.measuring)) if self.measuring else "",
        ]
        return _(
            "memory: about {total} an update ({parts}); {parameters:,} parameters",
            total=_size(self.total), parts=joined(", ", filter(None, parts)), parameters=self.parameters,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a configuration comes to."""

    data: str
    plan: str
    updates: int
    schedule: Schedule
    lr: float
    batches: BatchFigures
    memory: Memory
    precision: str

    def __str__(self) -> str:
        lines = (self.data, self.plan, self.schedule.describe(self.lr), str(self.batches), str(self.memory))
        return joined("\n", (*lines, _("precision: {precision}", precision=self.precision)))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "data": self.data,
            "plan": self.plan,
            "updates": self.updates,
            "schedule": self.schedule.to_dict(),
            "batches": asdict(self.batches),
            "memory": {**asdict(self.memory), "total": self.memory.total},
            "precision": self.precision,
        }


def estimate(config: TrainConfig, world_size: int = 1) -> Estimate:
    """Everything about a run that can be known without training.

    Args:
        config: the run's settings.
        world_size: processes it is to run in.

    Raises:
        ConfigError, DataError: for whatever would stop the run.
    """
    config = config.filled()
    data = load_data(config)
    texts = tokenize(config, data)
    order = order_of(config, world_size)
    lengths = texts.tokens["train"].lengths.tolist()
    run_length = run_length_of(config, order, lengths, Beginning())
    figures = BatchFigures.of(order, lengths)
    rows, longest = figures.largest
    precision = choose_precision(config.precision)
    # Shapes, types and devices are computed and no numbers: a model larger than this machine is estimated in seconds.
    with FakeTensorMode():
        model = build_model(config, data.classes, texts.tokenizer, weights=False)
        memory = measure_memory(model, -(-rows // world_size), longest, precision, copy=bool(config.measure_every))
    return Estimate(
        data.summary(),
        run_length.words,
        run_length.total,
        run_length.schedule,
        config.lr or 1.0,
        figures,
        memory,
        precision,
    )


def measure_memory(model: Any, rows: int, longest: int, precision: str, *, copy: bool) -> Memory:
    """What a model keeps in an update; under ``FakeTensorMode``, where shapes are computed and no numbers.

    The activations are those that autograd saves in a forward pass, each storage once, the weights left out.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    everything = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    # The address of the storage itself: views of one weight are one.
    own = {weight.untyped_storage()._cdata for weight in model.parameters()}
    seen: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            seen[storage._cdata] = storage  # held, so that no later one gets its address
        return tensor

    model.train()
    ids, labels = torch.zeros(rows, longest, dtype=torch.long), torch.zeros(rows, dtype=torch.long)
    mask = torch.ones(rows, 1, longest, longest, dtype=torch.bool)  # whole: of one to be worked out, values are asked
    # Half precision keeps half as much of most activations.
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=half, enabled=half is not None),
    ):
        model(input_ids=ids, attention_mask=mask, labels=labels)
    activations = sum(storage.nbytes() for storage in seen.values())
    many = sum(weight.numel() for weight in weights)
    # AdamW keeps two moments a weight, in the type of the weight.
    return Memory(many, everything, size, 2 * size, activations, size if copy else 0)


def _size(count: float) -> str:
    """Bytes as people read them.

    >>> _size(5_800_000)
    '5.8 MB'
    """
    # Powers of 1000, as disks and GPUs are sold; terabytes are the last.
    power = min(int(math.log10(max(count, 1))) // 3, 4)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
