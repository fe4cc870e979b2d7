"""What a confusion matrix says of each class.

Matrix   rows are the true classes, columns the guesses; entries count rows of the test split.
Scores   precision = right / guessed, recall = right / true, F1 = 2 right / (guessed + true). Where one would divide by
         zero there is no score (None): a class that was never guessed has no precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from preheat.errors import RunError, refusal


@dataclass(frozen=True, slots=True)
class ClassScores:
    """One class: how many rows have it, how many were guessed to, and the scores, each in [0, 1] or None."""

    name: str
    rows: int
    guessed: int
    right: int

    @property
    def precision(self) -> float | None:
        """Of the rows guessed to be of the class, the share that is."""
        return self.right / self.guessed if self.guessed else None

    @property
    def recall(self) -> float | None:
        """Of the rows of the class, the share that was found."""
        return self.right / self.rows if self.rows else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both."""
        return 2 * self.right / (self.guessed + self.rows) if self.guessed + self.rows else None


def by_class(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[ClassScores]:
    """The scores of every class, in the order of ``classes``.

    Raises:
        RunError: if the matrix is not square, as many rows as there are classes.

    >>> sport, trade = by_class(["sport", "trade"], [[8, 2], [1, 9]])
    >>> sport.rows, sport.guessed, sport.recall, trade.precision
    (10, 9, 0.8, 0.8181818181818182)
    """
    many = len(classes)
    if [len(row) for row in confusion] != [many] * many:
        shape = f"{len(confusion)} rows of {sorted({len(row) for row in confusion})}"
        advice = "Restore result.json, or remove confusion from it."
        raise RunError(refusal("confusion", f"{many} rows of {many} counts, one for each class", shape, advice))
    return [
        ClassScores(name, sum(confusion[index]), sum(row[index] for row in confusion), confusion[index][index])
        for index, name in enumerate(classes)
    ]


def worst_pairs(confusion: Sequence[Sequence[int]], most: int) -> list[tuple[int, int, int]]:
    """The most frequent mistakes: (true class, guess, rows) by index, most rows first.

    >>> worst_pairs([[8, 2, 0], [1, 9, 0], [3, 0, 5]], most=2)
    [(2, 0, 3), (0, 1, 2)]
    """
    pairs = [
        (true, guess, rows)
        for true, counts in enumerate(confusion)
        for guess, rows in enumerate(counts)
        if rows and true != guess
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))[:most]
