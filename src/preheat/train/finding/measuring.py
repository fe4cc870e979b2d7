"""Batches and their loss: what range test and line search measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from preheat.errors import DataError, ScheduleError, refusal
from preheat.train.finding.twin import clip_gradients, weights_of

Loss = Callable[[Any, Any], Tensor]


class Feed:
    """Batches one after the other, from the beginning again when they are gone.

    Attributes:
        batches: where they come from: a loader, a list, anything that can be iterated anew.
        passes: how often they were begun.
    """

    def __init__(self, batches: Any) -> None:
        if isinstance(batches, Iterator):
            advice = "It would be used up. Give the loader itself, or a list: list(itertools.islice(batches, 100))."
            raise DataError(refusal("batches", "something that can be iterated anew", type(batches).__name__, advice))
        if not isinstance(batches, Iterable) or isinstance(batches, Mapping | Tensor | str):
            advice = "One batch is a list of one."
            raise DataError(refusal("batches", "a loader or a list of batches", type(batches).__name__, advice))
        self.batches = batches
        self.passes = 0

    def __iter__(self) -> Iterator[Any]:
        """Without end, unless there is no batch at all."""
        while True:
            self.passes += 1
            empty = True
            for batch in self.batches:
                empty = False
                yield batch
            if empty:
                raise DataError(refusal("batches", "at least one batch", "none", "Look at the loader."))


def fixed_batches(batches: Any) -> list[Any]:
    """Batches that can be gone through at every step size."""
    if not isinstance(batches, list | tuple) or not batches:
        advice = "Take a few from a loader: list(itertools.islice(loader, 4))."
        raise DataError(refusal("batches", "a list of at least one batch", type(batches).__name__, advice))
    return list(batches)


def model_loss(model: Any, batch: Any) -> Tensor:
    """``model(**batch).loss``, as Hugging Face models compute it, the batch moved to the model's device.

    Raises:
        DataError: if the batch is no mapping.
    """
    if not isinstance(batch, Mapping):
        advice = "Say how its loss is computed: loss=lambda model, batch: ..."
        raise DataError(refusal("batch", "a mapping where no loss is given", type(batch).__name__, advice))
    device = next(model.parameters()).device
    inputs = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in batch.items()}
    loss: Tensor = model(**inputs).loss
    return loss


def mean_loss(model: nn.Module, batches: Sequence[Any], loss: Loss) -> float:
    """The mean of the batches' losses, each batch counted alike."""
    with torch.no_grad():
        return sum(_scalar(loss(model, batch)).item() for batch in batches) / len(batches)


def add_gradients(model: nn.Module, batches: Sequence[Any], loss: Loss) -> float:
    """The mean of the batches' losses; its gradients are added to those that are there, a batch at a time."""
    total = 0.0
    with torch.enable_grad():
        for batch in batches:
            value = _scalar(loss(model, batch))
            if not value.requires_grad:
                raise ScheduleError(refusal("loss", "made from the model's trainable weights", value, "Unfreeze some."))
            (value / len(batches)).backward()
            total += value.item()
    return total / len(batches)


def fresh_gradients(
    model: nn.Module, optimizer: Optimizer, batches: Sequence[Any], loss: Loss, clip: float | None
) -> float:
    """The mean of the batches' losses; its gradients, clipped, in the place of those that are there."""
    for weight in (*model.parameters(), *weights_of(optimizer)):
        weight.grad = None
    found = add_gradients(model, batches, loss)
    refuse_without_gradients(optimizer)
    clip_gradients(optimizer, clip)
    return found


def refuse_without_gradients(optimizer: Optimizer) -> None:
    """Refuse an optimizer of other weights than the loss is made from."""
    if all(weight.grad is None for weight in weights_of(optimizer)):
        advice = "Its gradients went to other weights: make the optimizer from model.parameters()."
        raise ScheduleError(refusal("optimizer", "one of weights that the loss depends on", "none of them", advice))


def _scalar(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        got = tuple(loss.shape) if isinstance(loss, Tensor) else loss
        raise ScheduleError(refusal("loss", "a tensor of one number", got, "Take its mean over the batch."))
    return loss
