"""What a study asks of whoever trains its stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from preheat.study.stage import Task


@dataclass(frozen=True, slots=True)
class Done:
    """A task that has ended.

    Attributes:
        id: of its stage.
        error: what went wrong, in words; None if the stage is in its place.
        lost: whether its process or machine went away under it: the task can be given out again.
    """

    id: str
    error: str | None = None
    lost: bool = False


class Executor(Protocol):
    """Trains stages with :func:`preheat.study.stage.carry_out`, several at a time.

    The study hands out a task only while ``free`` is above 0, the most urgent first, and each task again only after it
    was reported lost. Results are not sent back: they are in the study's folder.
    """

    @property
    def processes(self) -> int:
        """Tasks that can be trained at a time."""

    @property
    def free(self) -> int:
        """Tasks that can be taken now."""

    def submit(self, task: Task) -> None:
        """Begin a task."""

    def ready(self) -> list[Done]:
        """Wait until a task has ended; those that have."""

    def close(self) -> None:
        """End everything at once, running tasks too."""
