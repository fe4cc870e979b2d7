"""Worker processes on this machine: started once, each training one stage after the other.

Starting  where processes can be forked safely (Linux, no other threads, no GPU in use yet) they inherit torch and
          transformers loaded; elsewhere each loads them once.
Ending    a worker that is killed is replaced, and its task reported lost. When the study's own process ends, however
          that is, so do its workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from preheat.errors import ConfigError, PreheatError, refusal
from preheat.lab.studies.stage import Done, Task, run_stage
from preheat.messages import _

Start = Literal["fork", "spawn"]
# Longer than the interpreter needs to shut down with torch loaded; after that it is killed.
_PATIENCE = 5.0  # seconds that an idle worker has for its end


class LocalProcesses:
    """So many worker processes.

    Args:
        processes: how many, >= 1; None takes one for every core.
        log: file that the workers' standard error is added to; None leaves it as it is.
        start: how processes are started; None forks where that is safe.

    Raises:
        ConfigError: for fewer than one process.
    """

    def __init__(self, processes: int | None = None, *, log: Path | None = None, start: Start | None = None) -> None:
        many = _cores() if processes is None else processes
        if type(many) is not int or many < 1:
            raise ConfigError(
                refusal("processes", _("a whole number >= 1"), processes, _("One for each core is usual."))
            )
        self.processes = many
        self._log, self._start = log, start
        self._context: Any = None
        self._workers: list[_Worker] = []
        self._alive: Connection | None = None
        self._lifeline: Connection | None = None  # held by this process alone: workers end when it closes

    @property
    def free(self) -> int:
        """Tasks that can be taken now."""
        return self.processes - sum(worker.task is not None for worker in self._workers)

    @property
    def ahead(self) -> bool:
        """Tasks come when they can begin: in the order of their urgency, which is not looked at again."""
        return False

    def submit(self, task: Task, *, after: str | None = None, urgency: int = 0) -> None:  # noqa: ARG002 - protocol
        """Begin a task, in a worker that is idle or a new one."""
        worker = next((worker for worker in self._workers if worker.task is None), None)
        if worker is None:
            worker = self._new_worker()
        worker.task = task.id
        with suppress(OSError):  # if it died while it was idle, ready() will say so
            worker.connection.send(task)

    def ready(self) -> list[Done]:
        """Wait until a task has ended, or its worker has."""
        ended: list[Done] = []
        while not ended:
            busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                task, worker.task = str(worker.task), None
                try:
                    ended.append(worker.connection.recv())
                except (EOFError, OSError):
                    ended.append(Done(task, _("its process ended with {how}", how=worker.end()), lost=True))
                    self._workers.remove(worker)
        return ended

    def close(self) -> None:
        """End all workers: those that are idle in order, the others at once."""
        for worker in self._workers:
            if worker.task is not None:
                worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join(_PATIENCE)
            worker.process.kill()
            worker.end()
        self._workers = []
        for end in (self._alive, self._lifeline):
            if end is not None:
                end.close()
        self._alive = self._lifeline = None

    def _new_worker(self) -> _Worker:
        # At the first task and not before: a plan makes an executor only to count processes.
        if self._context is None:
            self._context = multiprocessing.get_context(self._start or _safe_start())
            if self._context.get_start_method() == "fork":
                _load()
        forked = self._context.get_start_method() == "fork"
        if self._lifeline is None:
            self._alive, self._lifeline = self._context.Pipe(duplex=False)
        ours, theirs = self._context.Pipe()
        # A forked worker has copies of all of these; as long as one of them is open, nobody is told that the study
        # has ended.
        inherited = [self._lifeline, ours, *(worker.connection for worker in self._workers)] if forked else []
        process = self._context.Process(
            target=_work, args=(theirs, self._alive, inherited, self._log), name="preheat-stage"
        )
        with _main_module_hidden():
            process.start()
        # Or a dead worker would not be noticed: this end would stay open here.
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker


class _Worker:
    """A worker as the study's process sees it."""

    def __init__(self, process: Any, connection: Connection) -> None:
        self.process, self.connection = process, connection
        self.task: str | None = None

    def end(self) -> str:
        """Wait for the end; how it came."""
        self.process.join()
        self.connection.close()
        code = self.process.exitcode
        if code >= 0:
            return _("exit code {code}", code=code)
        return signal.Signals(-code).name if -code in {*signal.Signals} else _("signal {number}", number=-code)


def _cores() -> int:
    """Cores that this process may use: on a shared machine a job has often fewer than there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _load() -> None:
    """Load what every worker needs, once for all."""
    import preheat.lab.training.session  # noqa: F401 - the import is the point


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """While a process is spawned: or it would run the user's script once more, for names that no worker needs."""
    main = sys.modules["__main__"]
    shown = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    for name in shown:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in shown.items():
            setattr(main, name, value)


def _safe_start() -> Start:
    """How to start a process here."""
    # macOS's own libraries do not survive a fork; a lock that another thread holds stays locked in the child for
    # ever.
    if sys.platform != "linux" or threading.active_count() > 1:
        return "spawn"
    torch = sys.modules.get("torch")
    # A forked process cannot use CUDA that its parent has begun to use.
    return "spawn" if torch is not None and torch.cuda.is_initialized() else "fork"


def _work(tasks: Connection, alive: Connection, inherited: list[Connection], log: Path | None) -> None:
    """The life of a worker: tasks until there are no more."""
    for connection in inherited:  # or this process itself would hold open what tells it that the study has ended
        connection.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the study decides
    # Not the handler of the process it was forked from.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A thread, because a worker may be in the middle of an update when the study is killed.
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    if log is not None:
        with log.open("a") as file:
            # The file descriptor itself: libraries write to it past Python.
            os.dup2(file.fileno(), 2)
    with suppress(EOFError, OSError):
        while True:
            task: Task = tasks.recv()
            tasks.send(_outcome(task))


def _outcome(task: Task) -> Done:
    try:
        run_stage(task)
    except PreheatError as error:
        return Done(task.id, error.args[0])
    except Exception as error:
        traceback.print_exc()
        return Done(task.id, f"{type(error).__name__}: {error}")
    return Done(task.id)


def _end_with(alive: Connection) -> None:
    """End this process when the study's has ended, whatever it is doing."""
    with suppress(EOFError, OSError):
        alive.recv()
    # At once: an orderly end would go on training, or wait for the pipe that nobody reads any more.
    os._exit(1)
