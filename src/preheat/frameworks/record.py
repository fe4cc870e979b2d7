"""What every update used: factors, and the base values they belong to, so that an update costs one number."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field


@dataclass(slots=True)
class Chapter:
    """Updates during which groups, base values and schedules stayed the same.

    Attributes:
        bases: (group name, key) -> (base value, number of the factor column).
        columns: the factors used, one column a distinct schedule.
    """

    bases: dict[tuple[str, str], tuple[float, int]]
    columns: list[array[float]]


@dataclass(slots=True)
class Record:
    """The chapters of a run, in order."""

    chapters: list[Chapter] = field(default_factory=list)

    def begin(self, bases: dict[tuple[str, str], tuple[float, int]], columns: int) -> Chapter:
        """Open a chapter; one in which nothing happened is replaced."""
        if self.chapters and not any(self.chapters[-1].columns):
            self.chapters.pop()
        chapter = Chapter(bases, [array("d") for _ in range(columns)])
        self.chapters.append(chapter)
        return chapter

    def used(self, group: str, key: str) -> list[float]:
        """The values of one number, an update each; a group that joined late has fewer."""
        values: list[float] = []
        for chapter in self.chapters:
            if (group, key) in chapter.bases:
                base, column = chapter.bases[group, key]
                values += [base * factor for factor in chapter.columns[column]]
        return values
