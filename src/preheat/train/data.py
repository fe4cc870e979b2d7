"""From rows to the three splits of a run, with everything that would spoil it found first."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from preheat.errors import refusal
from preheat.train.config import TrainConfig
from preheat.train.rows import Row, read_rows, refuse_all

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class NewsData:
    """The rows of each split and the names of the classes, sorted; a row's label is an index into them."""

    classes: tuple[str, ...]
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]

    def split(self, name: str) -> tuple[Row, ...]:
        """The rows of the split called ``name``."""
        rows: tuple[Row, ...] = getattr(self, name)
        return rows

    def labels(self, name: str) -> list[int]:
        """The class of every row of a split, as an index."""
        index = {label: number for number, label in enumerate(self.classes)}
        return [index[row.label] for row in self.split(name)]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all splits: two runs with the same one trained on the same rows in the same order."""
        digest = hashlib.sha256()
        for name in SPLITS:
            for row in self.split(name):
                digest.update(repr((name, row.text, row.label)).encode())
        return digest.hexdigest()

    def summary(self) -> str:
        """Rows a split, classes, and texts of the test split that also stand in training."""
        sizes = ", ".join(f"{len(self.split(name)):,} {name}" for name in SPLITS)
        seen = {row.text for row in self.train}
        leaks = sum(row.text in seen for row in self.test)
        leak = f"; {leaks} test texts also stand in training" if leaks else ""
        return f"rows: {sizes}; {len(self.classes)} classes: {', '.join(self.classes)}{leak}"


def load_data(config: TrainConfig) -> NewsData:
    """The three splits, by the data's own split or by a hash of each text (8 : 1 : 1 in every class, on any machine).

    Raises:
        DataError: for what :func:`read_rows` finds, for a class with no row in a split, and for a label that training
            never sees.
    """
    rows = read_rows(config)
    parts: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for row, split in zip(rows, hash_split(rows), strict=True):
        parts[row.split or split].append(row)
    if not parts["validation"]:  # a data set with training and test rows only: set rows of training aside
        training = parts["train"]
        aside = [split == "validation" for split in hash_split(training)]
        parts["validation"] = [row for row, away in zip(training, aside, strict=True) if away]
        parts["train"] = [row for row, away in zip(training, aside, strict=True) if not away]
    classes = tuple(sorted({row.label for row in rows}))
    _refuse_gaps(parts, classes)
    return NewsData(classes, tuple(parts["train"]), tuple(parts["validation"]), tuple(parts["test"]))


def hash_split(rows: Sequence[Row]) -> list[str]:
    """The split of each row: of every class, the tenth with the smallest SHA-256 of its text is test.

    The next tenth is validation, the rest training; at least one row of each for a class of three or more.
    """
    by_class: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        by_class.setdefault(row.label, []).append(number)
    splits = ["train"] * len(rows)
    for numbers in by_class.values():
        numbers.sort(key=lambda number: hashlib.sha256(rows[number].text.encode()).digest())
        tenth = max(1, len(numbers) // 10)
        for place, number in enumerate(numbers[: 2 * tenth]):
            splits[number] = "test" if place < tenth else "validation"
    return splits


def _refuse_gaps(parts: dict[str, list[Row]], classes: tuple[str, ...]) -> None:
    problems = []
    if len(classes) < 2:
        problems.append(refusal("data", "rows of two classes or more", list(classes), "Check the label column."))
    trained = {row.label for row in parts["train"]}
    for name, rows in parts.items():
        many = Counter(row.label for row in rows)
        for row in rows:
            if row.label not in trained and name != "train":
                advice = "Training has no row of this class: add some, or remove the row."
                problems.append(refusal(f"{row.where}: label", "one that training sees", row.label, advice))
        missing = [label for label in classes if not many[label] and label in trained]
        if missing:
            advice = f"Class {', '.join(missing)} has no row in the {name} split: add rows."
            problems.append(refusal(name, "a split with rows of every class", sorted(many), advice))
    refuse_all(problems)
