"""What every run of a study stands on: its rows, and the versions of the code that trains them."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
from dataclasses import dataclass
from typing import Any

from preheat.train.config import TrainConfig
from preheat.train.data import load_data
from preheat.train.parts import order_of, tokenise

# Whose release may change the bits of a run.
PACKAGES = ("preheat", "torch", "transformers", "accelerate", "tokenizers", "numpy")


@dataclass(frozen=True, slots=True)
class Ground:
    """What is the same for all runs and no setting of them.

    Attributes:
        data: fingerprint of the rows and their splits.
        classes: names of the classes, in the model's order.
        lengths: tokens of every training row where batches are sized by them; elsewhere 1 each, for their number.
        versions: of the packages that train, by name.
    """

    data: str
    classes: tuple[str, ...]
    lengths: tuple[int, ...]
    versions: dict[str, str]

    def per_epoch(self, config: TrainConfig) -> int:
        """Updates of one pass over the data."""
        return math.ceil(len(order_of(config, 1).epoch(self.lengths, 0)) / config.accumulation)

    def to_dict(self) -> dict[str, Any]:
        """What the study's folder says of it."""
        rows = len(self.lengths)
        return {"data": self.data, "classes": list(self.classes), "training_rows": rows, "versions": self.versions}


def survey(config: TrainConfig) -> Ground:
    """Read the rows that the runs of a study have in common.

    Raises:
        DataError: for whatever cannot be trained on, as :func:`preheat.train.data.load_data` finds it.
    """
    config = config.filled()
    data = load_data(config)
    if config.batch_tokens:  # only then does the number of batches depend on how long the texts are
        lengths = tuple(tokenise(config, data).tokens["train"].lengths.tolist())
    else:
        lengths = (1,) * len(data.train)
    return Ground(data.fingerprint, data.classes, lengths, versions())


def versions() -> dict[str, str]:
    """The releases that are installed."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def hardware() -> dict[str, Any]:
    """This machine, for people who read the study's folder later."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }
