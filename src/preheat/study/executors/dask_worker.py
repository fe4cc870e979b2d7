"""What a worker of a cluster does: see whether it can train a study at all, and train one stage of it."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from preheat.errors import PreheatError, RunError, refusal
from preheat.study.executors.base import Done
from preheat.study.folder import STUDY, StudyFolder
from preheat.study.ground import versions
from preheat.study.stage import Task, carry_out

_ALONE = threading.Lock()  # one stage at a time in a process, also where Dask has forgotten the one before
_AWAY = 10.0  # seconds that a worker which cannot train keeps away from the next stage


def train_stage(task: Task, before: Done | None, known: dict[str, str]) -> Done:
    """One stage, on a worker; after ``before``, whose end was waited for.

    A worker that cannot train the study leaves the stage to others.
    """
    from distributed import Reschedule

    if before is not None and (before.skipped or before.error is not None):
        return Done(task.id, skipped=True)
    study = Path(task.folder).parent.parent
    if before is not None and _went_wrong(study, before.id):
        return Done(task.id, skipped=True)
    if misfit_of(str(study), None, known) is not None:  # a worker that has come later; the study tells people
        time.sleep(_AWAY)
        raise Reschedule
    try:
        with _ALONE:
            carry_out(task)
    except PreheatError as error:
        return Done(task.id, str(error))
    return Done(task.id)


def mark_of(study: Path) -> str:
    """What tells this study's folder from another one of the same path."""
    return hashlib.sha256((study / STUDY).read_bytes()).hexdigest()


def misfit_of(study: str, mark: str | None, known: dict[str, str]) -> str | None:
    """Why this worker cannot train a study; None if it can."""
    folder = Path(study)
    if not StudyFolder(folder).exists or mark not in (None, mark_of(folder)):
        return f"no such study at {study}"
    if not os.access(folder, os.W_OK):
        return f"no right to write to {study}"
    if mark is None:
        return _other_releases(known)
    with suppress(RunError), StudyFolder(folder).lock():  # the study's own process holds it
        return f"locks that other machines hold are not seen in {study}"
    return _other_releases(known)


def _other_releases(known: dict[str, str]) -> str | None:
    here = versions()
    other = [f"{name} {here[name]}, not {release}" for name, release in known.items() if here[name] != release]
    return "; ".join(other) or None


def refusal_of(worker: str, misfit: str) -> str:
    """The sentence about a worker that cannot train a study."""
    advice = "Every worker needs the study's folder at the same path, and the same releases; see docs/cluster.md."
    return refusal(f"worker {worker}", "able to train this study", misfit, advice)


def _went_wrong(study: Path, stage: str) -> bool:
    result = StudyFolder(study).result(stage)
    return result is not None and result["failed"] is not None
