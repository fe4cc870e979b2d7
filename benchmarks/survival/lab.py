"""Runs as processes of their own, forked from this one, and what is known of them when they have ended."""

import faulthandler
import json
import os
import re
import resource
import signal
import sys
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from job import Job, Resume, Setup, make_material
from witness import Mishap, Witness, sent

KILLED_AT = 18  # updates made, in the middle of the second epoch; the newest checkpoint is that of update 15
NEWEST = 15
_PATIENCE = 120  # seconds after which a run is taken to hang


@dataclass(slots=True)
class Ended:
    """A run that has ended.

    Attributes:
        code: its exit code, or minus the signal that ended it.
        start: updates made when its training began; None if it did not.
        updates: of every update it made, the losses of its batches and the learning rate, as hexadecimal floats.
        weights: a hash of the weights at its end; None if it was killed or trained nothing.
        finite: whether they were finite numbers.
        warnings: those the user got to see.
        error: the error's kind and message; empty if there was none.
    """

    code: int
    start: int | None = None
    updates: dict[int, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    weights: str | None = None
    finite: bool | None = None
    warnings: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def shown_code(self) -> int:
        """The exit code as a shell gives it."""
        return self.code if self.code >= 0 else 128 - self.code


class Running:
    """A run in a process of its own; what it prints goes to ``<report>.log``."""

    def __init__(self, work: Any, report: Path) -> None:
        self.report = report
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that threads are not forked: libraries loaded here have idle ones
            self.process = os.fork()
        if self.process == 0:
            _be_the_child(work, report.with_suffix(".log"))

    def updates(self) -> int:
        """Updates made so far."""
        return self.report.read_text().count('"update"') if self.report.exists() else 0

    def wait_for(self, updates: int) -> None:
        """Until so many updates are made."""
        deadline = time.monotonic() + _PATIENCE
        while self.updates() < updates and time.monotonic() < deadline:
            time.sleep(0.005)

    def end(self) -> Ended:
        """Wait for the end; a run that hangs is killed and is an error of the benchmark."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process:
                return _read(self.report, os.waitstatus_to_exitcode(status))
            if time.monotonic() > deadline:
                os.kill(self.process, signal.SIGKILL)
                os.waitpid(self.process, 0)
                raise TimeoutError(f"{self.report} has not ended after {_PATIENCE} s")
            time.sleep(0.005)


def _be_the_child(work: Any, log: Path) -> None:
    """Run, and leave with the code that Python would leave with."""
    code = 0
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _read(report: Path, code: int) -> Ended:
    ended = Ended(code)
    for line in report.read_text().splitlines() if report.exists() else ():
        said = json.loads(line)
        if "update" in said:
            ended.updates[said["update"]] = (tuple(said["losses"]), said["lr"])
        elif "begin" in said:
            ended.start = said["begin"]
        elif "warning" in said:
            ended.warnings.append(said["warning"])
        elif "error" in said:
            ended.error = said["error"]
        else:
            ended.weights, ended.finite = said["weights"], said["finite"]
    return ended


class Lab:
    """Where runs are made; everything they leave is under ``home``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.material = make_material(home)
        self._uncut: dict[tuple[str, Setup], tuple[Path, Ended]] = {}
        self._undamaged: dict[tuple[str, Setup], Ended] = {}
        self._made = 0

    def folder(self, job: Job) -> Path:
        """A run folder that does not exist yet."""
        self._made += 1
        return self.home / f"{self._made:03d}-{type(job).__name__.lower()}"

    def start(
        self, job: Job, setup: Setup, folder: Path, *, resume: Resume = False, mishap: Mishap | None = None
    ) -> Running:
        """Start a run in a folder, from a checkpoint there if asked."""
        self._made += 1
        report = self.home / f"{self._made:03d}-{type(job).__name__.lower()}.seen"

        def work() -> None:
            os.chdir(self.home)
            witness = Witness(report, mishap)
            witness.look()
            try:
                job.run(setup, self.material, folder, witness, resume)
            except Exception as error:
                witness.write(error=f"{type(error).__name__}: {_message(error)}")
                raise
            finally:
                witness.finish()

        return Running(work, report)

    def run(
        self, job: Job, setup: Setup, folder: Path, *, resume: Resume = False, mishap: Mishap | None = None
    ) -> Ended:
        """A run to its end."""
        return self.start(job, setup, folder, resume=resume, mishap=mishap).end()

    def uncut(self, job: Job, setup: Setup) -> tuple[Path, Ended]:
        """The run that nothing happens to, made once; its folder and what it did."""
        key = (job.title, setup)
        if key not in self._uncut:
            folder = self.folder(job)
            ended = self.run(job, setup, folder)
            if ended.code or sorted(ended.updates) != list(range(setup.updates)):
                raise RuntimeError(f"{job.title} does not do the job: {ended.error or ended}")
            self._uncut[key] = folder, ended
        return self._uncut[key]

    def undamaged(self, job: Job, setup: Setup) -> Ended:
        """The run that was killed after 18 updates and resumed, and to which nothing else happened; made once.

        What it does has to be repeatable, or one could not tell what damage does.
        """
        key = (job.title, setup)
        if key not in self._undamaged:
            one, other = (self.run(job, setup, self.killed(job, setup), resume=True) for _ in range(2))
            if (one.updates, one.weights) != (other.updates, other.weights):
                raise RuntimeError(f"{job.title} resumes differently each time")
            self._undamaged[key] = one
        return self._undamaged[key]

    def killed(self, job: Job, setup: Setup) -> Path:
        """The folder of a run that was killed after 18 updates, at which its newest checkpoint is that of update 15."""
        folder = self.folder(job)
        ended = self.run(job, setup, folder, mishap=Mishap(KILLED_AT, sent(signal.SIGKILL)))
        if ended.code != -signal.SIGKILL:
            raise RuntimeError(f"{job.title} was not killed: {ended.error or ended}")
        return folder


def _message(error: BaseException) -> str:
    """A message in one line, with folders left out of paths."""
    return re.sub(r"(?<![\w.])/(?:[^\s/'\"]+/)+", "", " ".join(str(error).split()))
