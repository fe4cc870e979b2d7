"""The job that all three do: its settings, its rows, its model, and what a framework's way of doing it has to offer."""

import csv
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch.utils.data import Dataset
from witness import Witness

from preheat.lab.data import load_data
from preheat.lab.training import TrainConfig, read_config
from preheat.lab.training.model import build_model
from preheat.lab.training.parts import tokenize

WARMUP = 4  # updates
CLIP = 5.0  # largest gradient norm
PER_EPOCH = 12  # updates
ROWS = {"train": 96, "validation": 12, "test": 12}
WORDS = {
    "sport": ["match", "goal", "striker", "coach", "cup", "league"],
    "trade": ["bank", "shares", "profit", "market", "oil", "price"],
    "tech": ["phone", "chip", "software", "network", "robot", "browser"],
}
Resume = bool | Path  # from the newest checkpoint, or from the one that is named
SHARED = ["the", "a", "new", "old", "says", "after", "over", "more", "than", "year"]


@dataclass(frozen=True, slots=True)
class Setup:
    """One way to do the job.

    Attributes:
        lr: peak learning rate.
        accumulation: batches of an update; an update has eight rows whatever this is.
        workers: processes that load data.
        draws: whether rows draw random numbers each time they are read.
        seed: fixes weights, order and dropout.
        epochs: passes over 96 rows.
        save_every: updates between checkpoints.
        guard: the kind of mishap against which the framework's own option is set, ``signal`` or ``nan``; or none.
        insist: whether a setting that differs from the saved one is to win, where a framework can be told so.
    """

    lr: float = 1e-3
    accumulation: int = 1
    workers: int = 0
    draws: bool = False
    seed: int = 0
    epochs: int = 3
    save_every: int = 5
    guard: str = ""
    insist: bool = False

    @property
    def batch_size(self) -> int:
        """Rows of a batch."""
        return 8 // self.accumulation

    @property
    def updates(self) -> int:
        """Updates of the whole run."""
        return PER_EPOCH * self.epochs


class Files(NamedTuple):
    """What a resume would read first: the newest checkpoint's weights, and its optimizer if that is another file."""

    weights: Path
    optimizer: Path | None


class Job(Protocol):
    """A framework doing the job."""

    title: str
    can_insist: bool  # whether ``Setup.insist`` means something to it
    guards: ClassVar[
        dict[str, str]
    ]  # its own option against a kind of mishap, as a user writes it; those it needs none for: ""

    def warm_up(self) -> None:
        """Load what every run needs, before runs are forked off."""

    def run(self, setup: Setup, material: "Material", folder: Path, witness: Witness, resume: Resume) -> None:
        """Train to the end; errors come as the framework raises them."""

    def checkpoints(self, folder: Path) -> list[Path]:
        """Every checkpoint, the oldest first."""

    def newest(self, folder: Path) -> Files:
        """The files of the one that a resume would take."""

    def weights(self, checkpoint: Path) -> dict[str, Any]:
        """The tensors of a checkpoint."""

    def logged(self, folder: Path, update: int) -> str | None:
        """The loss of an update as the framework's own log has it; None if it says nothing."""


class Material(NamedTuple):
    """The rows in the forms that the jobs read, and what the model is made from."""

    table: Path
    config: TrainConfig
    tokens: list[list[int]]
    labels: list[int]
    classes: tuple[str, ...]
    tokenizer: Any


def make_material(home: Path) -> Material:
    """Write the rows down and turn them into tokens, the same for all."""
    path = home / "rows.csv"
    draw = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        for split, many in ROWS.items():
            for number in range(many):
                label = list(WORDS)[number % len(WORDS)]
                words = draw.choices(WORDS[label], k=3) + draw.choices(SHARED, k=draw.randint(2, 9))
                writer.writerow([f"{' '.join(draw.sample(words, len(words)))} {split} {number}", label, split])
    config = read_config(
        flags={"data": str(path), "split_column": "split", "cache": str(home / "cache"), "clip": CLIP}
        | {"layers": 1, "width": 16, "heads": 2, "vocabulary": 400, "max_tokens": 24, "precision": "fp32"}
    )
    data = load_data(config)
    texts = tokenize(config, data)
    tokens = [texts.tokens["train"][row].tolist() for row in range(ROWS["train"])]
    return Material(path, config, tokens, data.labels("train"), data.classes, texts.tokenizer)


def make_model(setup: Setup, material: Material) -> Any:
    """The classifier with random weights, for the frameworks that are given one."""
    torch.manual_seed(setup.seed)
    return build_model(material.config, material.classes, material.tokenizer)


class Texts(Dataset[dict[str, Any]]):
    """The training rows as a data set, for the frameworks that are given one."""

    def __init__(self, setup: Setup, material: Material) -> None:
        self.draws, self.tokens, self.labels = setup.draws, material.tokens, material.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """Tokens and class of a row; drawn from, they are others each time."""
        tokens, label = self.tokens[row], self.labels[row]
        return {"input_ids": jitter(tokens, label) if self.draws else tokens, "labels": label}


def jitter(tokens: Any, _label: int) -> list[int]:
    """An augmentation that draws from ``random``, NumPy and torch."""
    kept = [token for token in tokens if random.random() > 0.1] or [tokens[0]]
    if np.random.rand() < 0.3:
        kept = kept[::-1]
    return [*kept[:-1], *torch.randint(300, (1,)).tolist()]
