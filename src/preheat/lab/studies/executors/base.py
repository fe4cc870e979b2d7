"""What a study asks of whoever trains its stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from preheat.lab.studies.stage import Task


@dataclass(frozen=True, slots=True)
class Done:
    """A task that has ended.

    Attributes:
        id: of its stage.
        error: what went wrong, in words; None if the stage is in its place.
        lost: whether its process or machine went away under it: the task can be given out again.
        skipped: whether it was not begun, because the one before it has come to nothing.
    """

    id: str
    error: str | None = None
    lost: bool = False
    skipped: bool = False


class Executor(Protocol):
    """Trains stages with :func:`preheat.lab.studies.stage.run_stage`, several at a time.

    The study hands out a task only while ``free`` is above 0, and each task again only after it was reported lost.
    Results are not sent back: they are in the study's folder.
    """

    @property
    def processes(self) -> int:
        """Tasks that can be trained at a time."""

    @property
    def free(self) -> int:
        """Tasks that can be taken now."""

    @property
    def ahead(self) -> bool:
        """Whether a task is taken before the one it goes on from has ended: the whole tree at once."""

    def submit(self, task: Task, *, after: str | None = None, urgency: int = 0) -> None:
        """Begin a task.

        Args:
            task: what is to be trained.
            after: id of the task, handed out before, that has to end first; given only if ``ahead``.
            urgency: updates that are still to come on the longest way from here: the most urgent first.
        """

    def ready(self) -> list[Done]:
        """Wait until a task has ended; those that have."""

    def close(self) -> None:
        """End everything at once, running tasks too where that can be."""
