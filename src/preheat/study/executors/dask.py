"""Workers of a Dask cluster, on any number of machines that share the study's folder.

The tree of stages is the task graph: a stage depends on the one it goes on from. Each takes one unit of the resource
``stage``, of which a worker process has one: torch's random state is a process's. The scheduler's priorities are the
updates still to come; a worker that dies has its stage given to another one.

Dask keeps nothing when its scheduler or the study's process ends. So a task looks into the folder before it trains:
what is there is not trained again, and what a worker still trains for a process that has ended is waited for.
"""

from __future__ import annotations

import hashlib
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, PreheatError, RunError, missing_extra, refusal
from preheat.study.executors.base import Done
from preheat.study.folder import STUDY, StudyFolder
from preheat.study.ground import versions
from preheat.study.stage import Task, carry_out

if TYPE_CHECKING:
    from distributed import Client, Future

RESOURCE = "stage"
START = 'dask worker ADDRESS --nthreads 1 --resources "stage=1"'
_ENDLESS = 10**9  # tasks that a scheduler takes
_RETRIES = 2  # of a stage whose worker has met an error that is none of ours: a full or slow disk, say
_LOOK = 15.0  # seconds without an end, after which the scheduler is looked at
_ALONE = threading.Lock()  # one stage at a time in a process, also where Dask has forgotten the one before


def _train(task: Task, before: Done | None, known: dict[str, str]) -> Done:
    """One stage, on a worker; after ``before``, whose end was waited for."""
    if before is not None and (before.skipped or before.error is not None):
        return Done(task.id, skipped=True)
    study = Path(task.folder).parent.parent
    if before is not None and _went_wrong(study, before.id):
        return Done(task.id, skipped=True)
    misfit = _misfit(str(study), None, known)  # for a worker that has come later
    if misfit is not None:
        return Done(task.id, _refusal(socket.gethostname(), misfit))
    try:
        with _ALONE:
            carry_out(task)
    except PreheatError as error:
        return Done(task.id, str(error))
    return Done(task.id)


class DaskCluster:
    """A running Dask scheduler and its workers.

    Args:
        address: the scheduler's, as ``tcp://host:8786``.
        patience: seconds to wait for the scheduler, and for a first worker, > 0.
        say: receives a line when there is nobody to train.

    Raises:
        ConfigError: when first used, if the scheduler is not there, or no worker, or one that cannot train this study.
    """

    ahead = True
    _work = staticmethod(_train)

    def __init__(self, address: str, *, patience: float = 60.0, say: Callable[[str], None] = print) -> None:
        try:
            import distributed  # noqa: F401 - the import is the question
        except ImportError as error:
            raise missing_extra("distributed", "study") from error
        self.address, self.patience, self.say = address, patience, say
        self._client: Client | None = None
        self._looked = False
        self._ended: queue.Queue[Future[Any]] = queue.Queue()
        self._futures: dict[str, Future[Any]] = {}
        self._after: dict[str, str | None] = {}

    @property
    def client(self) -> Client:
        """The connection, made when it is first needed."""
        if self._client is None:
            from distributed import Client

            try:
                self._client = Client(self.address, timeout=self.patience, set_as_default=False)
            except (OSError, ValueError) as error:
                advice = "Start it with: dask scheduler"
                raise ConfigError(
                    refusal("scheduler", "the address of a Dask scheduler", self.address, advice)
                ) from error
        return self._client

    @property
    def processes(self) -> int:
        """Worker processes that can train a stage; waits for the first."""
        limit = time.monotonic() + self.patience
        while not (workers := self._workers()):
            if time.monotonic() > limit:
                many = len(self._all_workers())
                found = f"{many} without it at {self.address}" if many else f"none at {self.address}"
                advice = f"Start one with: {self._start()}"
                raise ConfigError(refusal("workers", f"one or more with the resource {RESOURCE}", found, advice))
            time.sleep(0.2)
        return len(workers)

    @property
    def free(self) -> int:
        """All tasks there are: the scheduler keeps those that have to wait."""
        return _ENDLESS

    def submit(self, task: Task, *, after: str | None = None, urgency: int = 0) -> None:
        """Give a task to the scheduler."""
        if not self._looked:
            self._study = StudyFolder(Path(task.folder).parent.parent)
            self._look_at_workers(self._study.path)
        if self.client.status != "running":
            raise self._gone()
        before = None if after is None else self._futures[after]
        future = self.client.submit(
            self._work, task, before, versions(),
            key=task.id, priority=urgency, resources={RESOURCE: 1}, retries=_RETRIES, pure=True,
        )  # fmt: skip
        self._futures[task.id], self._after[task.id] = future, after
        future.add_done_callback(self._ended.put)

    def ready(self) -> list[Done]:
        """Wait until a task has ended, saying so while there is nobody to train it."""
        while True:
            try:
                return [self._done(self._ended.get(timeout=_LOOK))]
            except queue.Empty:
                if self.client.status != "running":
                    raise self._gone() from None
                if not self._workers():
                    self.say(f"no worker at {self.address}: waiting for one started with {self._start()}")

    def close(self) -> None:
        """Take back what has not begun; a stage that is being trained goes on to its end, and its result stays."""
        if self._client is not None:
            self._client.close(timeout=5)
        self._client, self._looked, self._futures, self._after = None, False, {}, {}

    def _done(self, future: Future[Any]) -> Done:
        if future.status == "finished":
            return self._finished(future)
        if future.status != "error":  # cancelled, lost: nobody but the scheduler's end does that
            raise self._gone()
        name = str(future.key)
        before = self._after[name]
        if before is not None and self._futures[before].status == "error":  # it is the same error
            return Done(name, skipped=True)
        return Done(name, _words(future.exception()))

    def _finished(self, future: Future[Any]) -> Done:
        """What came of a task: its result is in the folder, and only without one has the worker more to say.

        To ask a worker each time would cost more than the scheduler does.
        """
        name = str(future.key)
        if self._study.result(name) is not None:
            return Done(name)
        said: Done = future.result()
        limit = time.monotonic() + self.patience
        while said.error is None and not said.skipped and self._study.result(name) is None:
            if time.monotonic() > limit:
                advice = "Other machines have to see a file soon after it was renamed; see docs/cluster.md."
                raise RunError(refusal("shared folder", "one that shows a stage when it is there", name, advice))
            time.sleep(0.5)
            list(self._study.stages.iterdir())  # or a network file system goes on with the answer it has kept
        return said

    def _gone(self) -> RunError:
        advice = "What is done is kept; go on with preheat study resume when there is one again."
        return RunError(refusal("scheduler", "there until the study has ended", f"{self.address}, gone", advice))

    def _start(self) -> str:
        return START.replace("ADDRESS", self.address)

    def _workers(self) -> dict[str, Any]:
        """Addresses of the workers that have the resource."""
        able = {name: worker for name, worker in self._all_workers().items() if worker["resources"].get(RESOURCE)}
        for address, worker in able.items():
            if worker["resources"][RESOURCE] != 1 or worker["nthreads"] != 1:
                found = f"{worker['resources'][RESOURCE]:g} of {RESOURCE} and {worker['nthreads']} threads at {address}"
                advice = f"Random numbers are a process's: start it with {self._start()}; --nworkers N starts several."
                raise ConfigError(refusal("worker", f"one with 1 of {RESOURCE} and 1 thread", found, advice))
        return able

    def _all_workers(self) -> dict[str, Any]:
        known: dict[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return known

    def _look_at_workers(self, study: Path) -> None:
        """Refuse workers that would train something else."""
        asked = (_misfit, str(study), _mark(study), versions())
        found = self.client.run(*asked, workers=[*self._workers()], on_error="return")
        for address, misfit in found.items():
            if misfit is not None:
                raise ConfigError(_refusal(address, str(misfit)))
        self._looked = True


def _words(error: BaseException | None) -> str:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return f"its worker was lost again and again, at last {error.last_worker.address}; is there memory enough?"
    return f"{type(error).__name__}: {error}"


def _refusal(worker: str, misfit: str) -> str:
    advice = "Every worker needs the study's folder at the same path, and the same releases; see docs/cluster.md."
    return refusal(f"worker {worker}", "able to train this study", misfit, advice)


def _mark(study: Path) -> str:
    """What tells this study's folder from another one of the same path."""
    return hashlib.sha256((study / STUDY).read_bytes()).hexdigest()


def _misfit(study: str, mark: str | None, known: dict[str, str]) -> str | None:
    """Why this worker cannot train a study; None if it can."""
    folder = Path(study)
    if not StudyFolder(folder).exists or mark not in (None, _mark(folder)):
        return f"no such study at {study}"
    if not os.access(folder, os.W_OK):
        return f"no right to write to {study}"
    here = versions()
    other = [f"{name} {here[name]}, not {release}" for name, release in known.items() if here[name] != release]
    return "; ".join(other) or None


def _went_wrong(study: Path, stage: str) -> bool:
    result = StudyFolder(study).result(stage)
    return result is not None and result["failed"] is not None
