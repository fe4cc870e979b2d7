"""How good a classifier is: loss, accuracy, macro F1, and which classes are taken for which; and a trained run in use.

A split is gone through once (:func:`run_over`); every figure is worked out from what the model made of its rows, in
the order of the rows, so that it comes out the same however the rows were shared among processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from preheat.errors import ConfigError, DataError, missing_extra, refusal

try:
    import torch
except ImportError as error:  # Classifier is loaded from here where nothing else has asked for torch yet
    raise missing_extra("torch", "train") from error

from preheat.lab.data import load_data
from preheat.lab.data.batches import Batch
from preheat.lab.data.rows import Row
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.folder import RunFolder
from preheat.messages import _, joined


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
        return _(
            "loss {loss:.4f}, accuracy {accuracy:.4f}, macro F1 {macro_f1:.4f}",
            loss=self.loss, accuracy=self.accuracy, macro_f1=self.macro_f1,
        )  # fmt: skip


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
        # Sums of floats depend on their order: by row number they come out the same from one process or eight.
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
    # Put back also when between() raises: the run goes on to save.
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
    # Classes that are neither guessed nor there have no F1 and do not count, as scikit-learn has it.
    for label in torch.cat([guess, truth]).unique():
        hit = ((guess == label) & (truth == label)).sum().item()
        claimed, true = (guess == label).sum().item(), (truth == label).sum().item()
        scores.append(2 * hit / (claimed + true))
    return sum(scores) / len(scores)


# --- A trained run in use: scores on a split, classes for new texts --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Guess:
    """A text's class and the probability of every class, in [0, 1]."""

    text: str
    label: str
    probabilities: dict[str, float]


class Classifier:
    """The best (or last) checkpoint of a run.

    Args:
        run: the run folder.
        checkpoint: ``"best"`` or ``"last"``.
    """

    def __init__(self, run: str | os.PathLike[str], checkpoint: str = "best") -> None:
        folder = RunFolder(run)
        header = folder.header()
        self.folder = folder.marked(checkpoint)
        try:
            from preheat.lab.training.model import load_model, load_tokenizer
        except ImportError as error:
            raise missing_extra(error.name or "torch", "train") from error
        self.config = TrainConfig.model_validate(header["config"])
        self.classes: list[str] = header["classes"]
        self.ceiling: dict[str, float] | None = header.get("ceiling")  # of synthetic headlines
        self._fingerprint: str = header["data"]
        self.model, self.tokenizer = load_model(self.folder, self.config).eval(), load_tokenizer(self.folder)

    def _outputs(self, texts: Sequence[str], labels: Sequence[int]) -> Outputs:
        from preheat.lab.data.batches import Split
        from preheat.lab.data.token_cache import TokenCache

        # Without a cache: these texts come once.
        tokens = TokenCache(None).encode(self.tokenizer, texts, self.config.max_tokens)
        pad = int(self.tokenizer.pad_token_id or 0)
        return run_over(self.model, Split(tokens, labels, self.config.batch_size, pad))

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """The class of each text, in order; empty texts are refused."""
        for number, text in enumerate(texts, 1):
            if not text.strip():
                raise ConfigError(
                    refusal(_("text {number}", number=number), _("text that is not empty"), text, _("Leave it out."))
                )
        guesses = []
        rows = self._outputs(texts, [0] * len(texts)).logits.softmax(dim=-1).tolist() if texts else []
        for text, row in zip(texts, rows, strict=True):
            shares = dict(zip(self.classes, row, strict=True))
            guesses.append(Guess(text, max(shares, key=shares.__getitem__), shares))
        return guesses

    def evaluate(self, split: str = "test") -> Scores:
        """Loss, accuracy and macro F1 on a split of the run's own data."""
        data = load_data(self.config)
        # Scores on other rows would be read as if they could be compared with the run's.
        if data.fingerprint != self._fingerprint:
            advice = _("Restore the rows the run was trained with, or score other data with evaluate_rows().")
            raise DataError(refusal("data", _("the rows of the run"), data.summary(), advice))
        return self.evaluate_rows(data.split(split))

    def evaluate_rows(self, rows: Sequence[Row]) -> Scores:
        """The same on any labeled rows; every label has to be a class of the run."""
        index = {label: number for number, label in enumerate(self.classes)}
        for row in rows:
            if row.label not in index:
                advice = _("The run knows {classes}.", classes=joined(", ", self.classes))
                where = joined("", [row.where, ": label"])
                raise DataError(refusal(where, _("a class of the run"), row.label, advice))
        return self._outputs([row.text for row in rows], [index[row.label] for row in rows]).scores()
