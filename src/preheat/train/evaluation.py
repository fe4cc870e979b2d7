"""How good a classifier is on a split: loss, accuracy, macro F1."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch


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


@torch.no_grad()
def evaluate(model: torch.nn.Module, loader: Any, device: torch.device | str = "cpu") -> Scores:
    """Scores over every row of ``loader``, once each, in evaluation mode."""
    was_training = model.training
    model.eval()
    losses, guesses, truths = [], [], []
    for batch in loader:
        batch = {key: value.to(device) for key, value in batch.items()}
        labels = batch.pop("labels")
        logits = model(**batch).logits.float()
        losses.append(torch.nn.functional.cross_entropy(logits, labels, reduction="none").double())
        guesses.append(logits.argmax(dim=-1))
        truths.append(labels)
    model.train(was_training)
    guess, truth = torch.cat(guesses), torch.cat(truths)
    accuracy = (guess == truth).double().mean().item()
    return Scores(torch.cat(losses).mean().item(), accuracy, macro_f1(guess, truth))


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
