"""How good a classifier is on a split: loss, accuracy, macro F1, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from preheat.lab.data.batches import Batch


@dataclass(frozen=True, slots=True)
class Scores:
    """Mean cross-entropy (nats), accuracy and macro F1, the last two in [0, 1]."""

    loss: float
    accuracy: float
    macro_f1: float

    def to_dict(self) -> dict[str, float]:
        """The scores by name."""
        return asdict(self)

    def __str__(self) -> str:
        return f"loss {self.loss:.4f}, accuracy {self.accuracy:.4f}, macro F1 {self.macro_f1:.4f}"


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a model made of every row, in the order of ``rows``.

    Attributes:
        rows: row numbers, (n,).
        losses: cross-entropy of each, in nats, (n,), float64.
        logits: the score of every class, (n, classes).
        truths: the class of the row, (n,).
    """

    rows: torch.Tensor
    losses: torch.Tensor
    logits: torch.Tensor
    truths: torch.Tensor

    @staticmethod
    def joined(parts: Iterable[Outputs]) -> Outputs:
        """Several together, in the order of the rows, so that sums come out the same however they were shared."""
        columns = [(part.rows, part.losses, part.logits, part.truths) for part in parts]
        every = [torch.cat(column) for column in zip(*columns, strict=True)]
        order = every[0].argsort()
        return Outputs(*(column[order] for column in every))

    @property
    def guesses(self) -> torch.Tensor:
        """The class with the highest score."""
        return self.logits.argmax(dim=-1)

    def scores(self) -> Scores:
        """The three numbers."""
        guesses = self.guesses
        accuracy = (guesses == self.truths).double().mean().item()
        return Scores(self.losses.mean().item(), accuracy, macro_f1(guesses, self.truths))

    def confusion(self) -> list[list[int]]:
        """Rows of each true class (outer) that were taken for each class (inner)."""
        classes = self.logits.shape[1]
        counts = torch.bincount(self.truths * classes + self.guesses, minlength=classes * classes)
        return counts.view(classes, classes).tolist()


@torch.no_grad()
def run_over(
    model: torch.nn.Module,
    batches: Iterable[Batch],
    device: torch.device | str = "cpu",
    between: Callable[[], Any] = lambda: None,
) -> Outputs:
    """What the model makes of every row, in evaluation mode; ``between`` is called between batches and may raise."""
    was_training = model.training
    model.eval()
    parts = []
    try:
        for batch in batches:
            between()
            inputs = batch.to(device)
            labels = inputs.pop("labels")
            logits = model(**inputs).logits.float()
            losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none").double()
            # A process that has no row left runs a stand-in: nothing of it is kept.
            columns = (torch.tensor(batch.rows, dtype=torch.long), losses, logits, labels)
            parts.append(Outputs(*(column[: batch.own].cpu() for column in columns)))
    finally:
        model.train(was_training)
    return Outputs.joined(parts)


def macro_f1(guess: torch.Tensor, truth: torch.Tensor) -> float:
    """The mean over the classes in ``truth`` or ``guess`` of 2 TP / (2 TP + FP + FN).

    >>> round(macro_f1(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1])), 4)
    0.7333
    """
    scores: list[float] = []
    for label in torch.cat([guess, truth]).unique():
        hit = ((guess == label) & (truth == label)).sum().item()
        claimed, true = (guess == label).sum().item(), (truth == label).sum().item()
        scores.append(2 * hit / (claimed + true))
    return sum(scores) / len(scores)
