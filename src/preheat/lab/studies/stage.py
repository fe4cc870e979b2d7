"""A stage as a task: what an executor is given, what it does with it in whichever process, and what it says of its end.

:func:`run_stage` is the work. :class:`Executor` is what a study asks of whoever hands it to processes or machines;
:mod:`preheat.lab.studies.executors` has the two there are.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from preheat.errors import BadNumbersError
from preheat.lab.studies.folder import RESULT, SPEC, StudyFolder, held, part_of, put_in_place, serves
from preheat.lab.studies.runs import digest_of
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.records import RECORDS, read_lines, write_json
from preheat.schedule.text import vouch_for


@dataclass(frozen=True, slots=True)
class Task:
    """A stage to be trained, as plain data: it can be sent to another process or machine.

    Attributes:
        id: of the stage.
        spec: of which the id is the hash.
        config: settings of the run as which it is trained.
        until: completed updates at its end.
        start: folder of the checkpoint it begins with; None for the start of a run.
        keep: whether the state at its end is kept.
        folder: where the stage belongs.
    """

    id: str
    spec: dict[str, Any]
    config: dict[str, Any]
    until: int
    start: str | None
    keep: bool
    folder: str


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


def run_stage(task: Task) -> dict[str, Any]:
    """Train a stage and put it in its place; what came of it, as in its ``result.json``.

    A run that goes wrong (a loss, gradients or weights that are no finite numbers) is a result too. One process at a
    time trains a stage: if somebody else has it, this waits for the end, and takes what it has left.
    """
    # A task that was changed on its way would be trained under somebody else's name.
    assert task.id == digest_of(task.spec)
    stage = Path(task.folder)
    stage.parent.mkdir(exist_ok=True)
    with held(stage, wait=True):
        return _trained_before(task) or _train_anew(task, stage)


def _trained_before(task: Task) -> dict[str, Any] | None:
    """What came of a stage, if somebody has trained it."""
    result = StudyFolder(Path(task.folder).parent.parent).result(task.id)
    return result if result is not None and serves(Path(task.folder), result, keep=task.keep) else None


def _train_anew(task: Task, stage: Path) -> dict[str, Any]:
    """Train a stage beside its place, and put it there once it is whole."""
    part = part_of(stage)
    # Of this process's own number, from a life before: nobody else writes there.
    shutil.rmtree(part, ignore_errors=True)
    clock = time.monotonic()
    result = {"id": task.id, "start": task.spec["start"], "until": task.until, **_train(task, part)}
    result["seconds"] = round(time.monotonic() - clock, 3)  # all that the stage takes: loading and saving too
    about = {"host": socket.gethostname(), "process": os.getpid(), "processor": _processor()}
    write_json(part / SPEC, task.spec)
    write_json(part / RESULT, {**result, **about})
    put_in_place(part, stage)
    return result


def _train(task: Task, part: Path) -> dict[str, Any]:
    from preheat.lab.training.session import train_stretch

    config = TrainConfig.model_validate(task.config)
    vouch_for(config.schedule)  # the driver did, in its own process, and hands the task over
    start = None if task.start is None else Path(task.start)
    try:
        done = train_stretch(config, part, until=task.until, start=start, save=task.keep, say=lambda _line: None)
    except BadNumbersError as error:
        # The update that went wrong is the first that has no record.
        made = task.spec["start"] + len(read_lines(part / RECORDS))
        words = str(error).split("; rows")[0]
        nothing = dict.fromkeys(("scores", "weights", "checkpoint", "checkpoint_bytes"))
        return {**nothing, "failed": {"update": made, "words": words}}
    kept = done.checkpoint
    size = None if kept is None else sum(file.stat().st_size for file in kept.iterdir())
    return {
        "scores": done.scores,
        "weights": done.weights,
        "checkpoint": None if kept is None else kept.name,
        "checkpoint_bytes": size,
        "failed": None,
    }


def _processor() -> str:
    """What the arithmetic was done on: other kinds of processor make other bits."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else torch.backends.cpu.get_cpu_capability()
