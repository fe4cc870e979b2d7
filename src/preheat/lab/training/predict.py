"""Using a trained run: scores on a split, classes for new texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.errors import ConfigError, DataError, missing_extra, refusal
from preheat.lab.data import load_data
from preheat.lab.data.rows import Row
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.folder import RunFolder

if TYPE_CHECKING:
    from preheat.lab.training.evaluation import Outputs, Scores


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
        from preheat.lab.data.tokens import TokenCache
        from preheat.lab.training.evaluation import run_over

        tokens = TokenCache(None).encode(self.tokenizer, texts, self.config.max_tokens)
        pad = int(self.tokenizer.pad_token_id or 0)
        return run_over(self.model, Split(tokens, labels, self.config.batch_size, pad))

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """The class of each text, in order; empty texts are refused."""
        for number, text in enumerate(texts, 1):
            if not text.strip():
                raise ConfigError(refusal(f"text {number}", "text that is not empty", text, "Leave it out."))
        guesses = []
        rows = self._outputs(texts, [0] * len(texts)).logits.softmax(dim=-1).tolist() if texts else []
        for text, row in zip(texts, rows, strict=True):
            shares = dict(zip(self.classes, row, strict=True))
            guesses.append(Guess(text, max(shares, key=shares.__getitem__), shares))
        return guesses

    def evaluate(self, split: str = "test") -> Scores:
        """Loss, accuracy and macro F1 on a split of the run's own data."""
        data = load_data(self.config)
        if data.fingerprint != self._fingerprint:
            advice = "Restore the rows the run was trained with, or score other data with evaluate_rows()."
            raise DataError(refusal("data", "the rows of the run", data.summary(), advice))
        return self.evaluate_rows(data.split(split))

    def evaluate_rows(self, rows: Sequence[Row]) -> Scores:
        """The same on any labeled rows; every label has to be a class of the run."""
        index = {label: number for number, label in enumerate(self.classes)}
        for row in rows:
            if row.label not in index:
                advice = f"The run knows {', '.join(self.classes)}."
                raise DataError(refusal(f"{row.where}: label", "a class of the run", row.label, advice))
        return self._outputs([row.text for row in rows], [index[row.label] for row in rows]).scores()
