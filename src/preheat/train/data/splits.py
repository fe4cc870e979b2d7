"""From rows to the three splits of a run, with everything that would spoil it found first."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from preheat.errors import DataError, refusal
from preheat.train.config import TrainConfig
from preheat.train.data.faults import Fault, count_faults, fault, refuse_faults
from preheat.train.data.rows import Row, read_rows, synthetic_source
from preheat.train.data.synthetic import Ceiling

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class NewsData:
    """The rows of each split and the names of the classes, sorted; a row's label is an index into them.

    ``faults`` has the rows that were left out, with ``bad_rows="skip"``; ``ceiling`` what no classifier exceeds, where
    it is known: of synthetic rows.
    """

    classes: tuple[str, ...]
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]
    faults: tuple[Fault, ...] = ()
    ceiling: Ceiling | None = None

    def split(self, name: str) -> tuple[Row, ...]:
        """The rows of the split called ``name``."""
        rows: tuple[Row, ...] = getattr(self, name)
        return rows

    def texts(self, name: str) -> list[str]:
        """The texts of a split."""
        return [row.text for row in self.split(name)]

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
        """Rows a split, classes, texts of the test split that also stand in training, rows left out."""
        sizes = ", ".join(f"{len(self.split(name)):,} {name}" for name in SPLITS)
        seen = {row.text for row in self.train}
        leaks = sum(row.text in seen for row in self.test)
        leak = f"; {leaks} test texts also stand in training" if leaks else ""
        left_out = f"\nbad rows left out: {count_faults(self.faults)}" if self.faults else ""
        made = f"\nsynthetic headlines, not news: {self.ceiling}" if self.ceiling else ""
        return f"rows: {sizes}; {len(self.classes)} classes: {', '.join(self.classes)}{leak}{left_out}{made}"


def load_data(config: TrainConfig) -> NewsData:
    """The three splits, by the data's own split or by a hash of each text (8 : 1 : 1 in every class, on any machine).

    Raises:
        DataError: for what :func:`read_rows` finds, for a class with no row in a split, and for a label that training
            never sees.
    """
    rows = read_rows(config)
    parts: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for row, split in zip(rows.good, hash_split(rows.good), strict=True):
        parts[row.split or split].append(row)
    if not parts["validation"]:  # a data set with training and test rows only: set rows of training aside
        training = parts["train"]
        aside = [split == "validation" for split in hash_split(training)]
        parts["validation"] = [row for row, away in zip(training, aside, strict=True) if away]
        parts["train"] = [row for row, away in zip(training, aside, strict=True) if not away]
    unseen = _drop_unseen(parts)
    if config.bad_rows == "strict":
        refuse_faults(unseen)
    made = synthetic_source(config).classes if config.synthetic else None
    classes = tuple(sorted(made or config.classes or {row.label for part in parts.values() for row in part}))
    _refuse_gaps(parts, classes)
    ceiling = synthetic_source(config).ceiling() if config.synthetic else None
    train, validation, test = (tuple(parts[name]) for name in SPLITS)
    return NewsData(classes, train, validation, test, (*rows.faults, *unseen), ceiling)


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


def _drop_unseen(parts: dict[str, list[Row]]) -> list[Fault]:
    """Take the rows out whose label training never sees, and say which they are."""
    trained = {row.label for row in parts["train"]}
    advice = "Training has no row of this class: add some, or remove the row."
    faults = []
    for name in SPLITS[1:]:
        unseen = [row for row in parts[name] if row.label not in trained]
        faults += [fault(row.where, "label", "one that training sees", row.label, advice) for row in unseen]
        parts[name] = [row for row in parts[name] if row.label in trained]
    return faults


def _refuse_gaps(parts: dict[str, list[Row]], classes: tuple[str, ...]) -> None:
    problems = []
    if len(classes) < 2:
        problems.append(refusal("data", "rows of two classes or more", list(classes), "Check the label column."))
    for name, rows in parts.items():
        many = Counter(row.label for row in rows)
        missing = [label for label in classes if not many[label]]
        if missing:
            advice = f"Class {', '.join(missing)} has no row in the {name} split: add rows."
            problems.append(refusal(name, "a split with rows of every class", sorted(many), advice))
    if problems:
        raise DataError("\n".join(problems))
