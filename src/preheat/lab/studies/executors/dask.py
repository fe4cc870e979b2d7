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
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, PreheatError, RunError, missing_extra, refusal
from preheat.lab.studies.folder import STUDY, StudyFolder
from preheat.lab.studies.runs import versions
from preheat.lab.studies.stage import Done, Task, run_stage
from preheat.messages import _, joined
from preheat.messages.languages import tell

if TYPE_CHECKING:
    from distributed import Client, Future


# --- On a worker -----------------------------------------------------------------------------------------------------


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
    # The parent is whole and has no state to begin with: its numbers went bad.
    if before is not None and _went_wrong(study, before.id):
        return Done(task.id, skipped=True)
    if misfit_of(str(study), None, known) is not None:  # a worker that has come later; the study tells people
        time.sleep(_AWAY)
        raise Reschedule
    try:
        with _ALONE:
            run_stage(task)
    except PreheatError as error:
        return Done(task.id, error.args[0])
    return Done(task.id)


def mark_of(study: Path) -> str:
    """What tells this study's folder from another one of the same path."""
    return hashlib.sha256((study / STUDY).read_bytes()).hexdigest()


def misfit_of(study: str, mark: str | None, known: dict[str, str]) -> str | None:
    """Why this worker cannot train a study; None if it can."""
    folder = Path(study)
    if not StudyFolder(folder).exists or mark not in (None, mark_of(folder)):
        return _("no such study at {folder}", folder=study)
    if not os.access(folder, os.W_OK):
        return _("no right to write to {folder}", folder=study)
    if mark is None:
        return _other_releases(known)
    with suppress(RunError), StudyFolder(folder).lock():  # the study's own process holds it
        return _("locks that other machines hold are not seen in {folder}", folder=study)
    return _other_releases(known)


def _other_releases(known: dict[str, str]) -> str | None:
    here = versions()
    other = [
        _("{package} {found}, not {wanted}", package=name, found=here[name], wanted=release)
        for name, release in known.items()
        if here[name] != release
    ]
    return joined("; ", other) or None


def refusal_of(worker: str, misfit: str) -> str:
    """The sentence about a worker that cannot train a study."""
    advice = _("Every worker needs the study's folder at the same path, and the same releases; see docs/cluster.md.")
    return refusal(_("worker {address}", address=worker), _("able to train this study"), misfit, advice)


def _went_wrong(study: Path, stage: str) -> bool:
    result = StudyFolder(study).result(stage)
    return result is not None and result["failed"] is not None


# --- On the study's side ---------------------------------------------------------------------------------------------


RESOURCE = "stage"
START = 'dask worker ADDRESS --nthreads 1 --resources "stage=1"'
# The scheduler queues: the whole tree is given to it at once.
_ENDLESS = 10**9  # tasks that a scheduler takes
_RETRIES = 2  # of a stage whose worker has met an error that is none of ours: a full or slow disk, say
_LOOK = 15.0  # seconds without an end, after which the scheduler is looked at
_MOST_LOST = 3  # times that Dask may give up on a stage, each after four workers that had it among theirs


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
    _work = staticmethod(train_stage)

    def __init__(
        self, address: str, *, patience: float = 60.0, say: Callable[[str], None] = lambda line: print(tell(line))
    ) -> None:
        try:
            import distributed  # noqa: F401 - the import is the question
        except ImportError as error:
            raise missing_extra("distributed", "study") from error
        self.address, self.patience, self.say = address, patience, say
        self._client: Client | None = None
        self._known: set[str] = set()  # workers that were looked at
        self._given: Counter[str] = Counter()
        self._tasks: dict[str, tuple[Task, int]] = {}
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
                advice = _("Start it with: dask scheduler")
                raise ConfigError(
                    refusal("scheduler", _("the address of a Dask scheduler"), self.address, advice)
                ) from error
        return self._client

    @property
    def processes(self) -> int:
        """Worker processes that can train a stage; waits for the first."""
        limit = time.monotonic() + self.patience
        while not (workers := self._workers()):
            if time.monotonic() > limit:
                many = len(self._all_workers())
                there = _("none at {address}", address=self.address)
                if many:
                    there = _("{workers} without it at {address}", workers=many, address=self.address)
                advice = _("Start one with: {command}", command=self._start())
                rule = _("one or more with the resource {resource}", resource=RESOURCE)
                raise ConfigError(refusal("workers", rule, there, advice))
            time.sleep(0.2)
        return len(workers)

    @property
    def free(self) -> int:
        """All tasks there are: the scheduler keeps those that have to wait."""
        return _ENDLESS

    def submit(self, task: Task, *, after: str | None = None, urgency: int = 0) -> None:
        """Give a task to the scheduler."""
        if not self._known:
            self._study, self._releases = StudyFolder(Path(task.folder).parent.parent), versions()
            self._look_at_workers()
        if self.client.status != "running":
            raise self._gone()
        self._tasks[task.id], self._after[task.id] = (task, urgency), after
        self._give(task.id)

    def ready(self) -> list[Done]:
        """Wait until a task has ended, saying so while there is nobody to train it."""
        while True:
            try:
                ended = self._done(self._ended.get(timeout=_LOOK))
            except queue.Empty:
                self._look_again()
                continue
            if ended:
                return ended

    def close(self) -> None:
        """Take back what has not begun; a stage that is being trained goes on to its end, and its result stays."""
        if self._client is not None:
            self._client.close(timeout=5)
        self._client, self._known = None, set()
        self._tasks, self._after, self._futures = {}, {}, {}
        self._ended = queue.Queue()  # what is taken back says so late, in the queue of before
        self._given = Counter()

    def _give(self, name: str) -> None:
        """Give a task to the scheduler; again under another key, because it keeps the error of the one before."""
        task, urgency = self._tasks[name]
        before = self._after[name]
        self._given[name] += 1
        future = self.client.submit(
            self._work, task, None if before is None else self._futures[before], self._releases,
            key=f"{name}-{self._given[name]}", priority=urgency, resources={RESOURCE: 1}, retries=_RETRIES, pure=True,
        )  # fmt: skip
        self._futures[name] = future
        future.add_done_callback(self._ended.put)

    def _done(self, future: Future[Any]) -> list[Done]:
        """What the end of a future says of tasks; nothing, if it says nothing new."""
        name = str(future.key).rpartition("-")[0]
        if self._futures[name] is not future:  # given again since
            return []
        if future.status == "finished":
            return [self._finished(name, future)]
        if future.status == "lost":  # the worker that kept what it said died since; the stage is in the folder
            if self._study.result(name) is not None:
                return [Done(name)]
            self._give(name)
            return []
        if future.status != "error":  # canceled: nobody but the scheduler's end does that
            raise self._gone()
        before = self._after[name]
        if before is not None and self._futures[before].status == "error":  # it is that one's error, which comes too
            return []
        following = self._following(name)
        error = future.exception()
        # A dead worker counts against every task it had, begun or not.
        if type(error).__name__ == "KilledWorker" and self._given[name] < _MOST_LOST:
            for one in (name, *following):
                self._give(one)
            return []
        return [Done(name, _words(error)), *(Done(one, skipped=True) for one in following)]

    def _following(self, name: str) -> list[str]:
        """Tasks given so far that wait for this one, parents before children."""
        following = [name]
        for one, before in self._after.items():  # in the order they were given
            if before in following:
                following.append(one)
        return following[1:]

    def _finished(self, name: str, future: Future[Any]) -> Done:
        """What came of a task: its result is in the folder, and only without one has the worker more to say.

        To ask a worker each time would cost more than the scheduler does.
        """
        if self._study.result(name) is not None:
            return Done(name)
        said: Done = future.result()
        limit = time.monotonic() + self.patience
        while said.error is None and not said.skipped and self._study.result(name) is None:
            if time.monotonic() > limit:
                advice = _("Other machines have to see a file soon after it was renamed; see docs/cluster.md.")
                rule = _("one that shows a stage when it is there")
                raise RunError(refusal(_("shared folder"), rule, name, advice))
            # Network file systems show a rename to other machines with a delay.
            time.sleep(0.5)
            list(self._study.stages.iterdir())  # or a network file system goes on with the answer it has kept
        return said

    def _gone(self) -> RunError:
        advice = _("What is done is kept; go on with preheat study resume when there is one again.")
        got = _("{address}, gone", address=self.address)
        return RunError(refusal("scheduler", _("there until the study has ended"), got, advice))

    def _start(self) -> str:
        return START.replace("ADDRESS", self.address)

    def _workers(self) -> dict[str, Any]:
        """Addresses of the workers that have the resource."""
        # Others may be connected to the same scheduler for other work: they are left alone.
        able = {name: worker for name, worker in self._all_workers().items() if worker["resources"].get(RESOURCE)}
        for address, worker in able.items():
            if worker["resources"][RESOURCE] != 1 or worker["nthreads"] != 1:
                has = _(
                    "{units:g} of {resource} and {threads} threads at {address}",
                    units=worker["resources"][RESOURCE], resource=RESOURCE, threads=worker["nthreads"], address=address,
                )  # fmt: skip
                advice = _(
                    "Random numbers are a process's: start it with {command}; --nworkers N starts several.",
                    command=self._start(),
                )
                rule = _("one with 1 of {resource} and 1 thread", resource=RESOURCE)
                raise ConfigError(refusal("worker", rule, has, advice))
        return able

    def _all_workers(self) -> dict[str, Any]:
        known: dict[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return known

    def _misfits(self) -> dict[str, str]:
        """Of the workers not looked at yet, those that would train something else, with the reason."""
        study = self._study.path
        # Each worker is asked once: asking costs more than a stage's worth of scheduling.
        new = [address for address in self._workers() if address not in self._known]
        asked = (misfit_of, str(study), mark_of(study), self._releases)
        misfits = self.client.run(*asked, workers=new, on_error="return")  # a worker without preheat returns that
        self._known.update(new)
        return {
            address: misfit if isinstance(misfit, str) else str(misfit)
            for address, misfit in misfits.items()
            if misfit is not None
        }

    def _look_at_workers(self) -> None:
        """Refuse workers that would train something else."""
        for address, misfit in self._misfits().items():
            raise ConfigError(refusal_of(address, misfit))

    def _look_again(self) -> None:
        """After a while without an end: is there still a scheduler, a worker, and are new ones fit?"""
        if self.client.status != "running":
            raise self._gone()
        if not self._workers():
            self.say(
                _(
                    "no worker at {address}: waiting for one started with {command}",
                    address=self.address, command=self._start(),
                )
            )  # fmt: skip
            return
        for address, misfit in self._misfits().items():
            self.say(refusal_of(address, misfit))


def _words(error: BaseException | None) -> str:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return _(
            "its worker was lost again and again, at last {address}. Is there memory enough?",
            address=error.last_worker.address,
        )
    return f"{type(error).__name__}: {error}"
