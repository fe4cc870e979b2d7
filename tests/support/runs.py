"""Runs of the harness, in this process and in children that can be killed; what they left, without the clock."""

import contextlib
import hashlib
import multiprocessing
import os
import signal
import time

from preheat.errors import PreheatError
from preheat.lab.training.records import read_lines
from preheat.lab.training.session import train

CLOCK = ("seconds", "tokens_per_second")


def quiet(line):
    """Receives the lines of a run."""


def records_of(folder):
    """Every update's record, without what the clock says."""
    lines = read_lines(folder / "records.jsonl")
    return [{key: value for key, value in line.items() if key not in CLOCK} for line in lines]


def checkpoints_of(folder):
    """The names of the checkpoints, the oldest first."""
    return sorted(path.name for path in folder.glob("update-*"))


def weights_of(folder):
    """A hash of the newest checkpoint's weights."""
    return hashlib.sha256((folder / checkpoints_of(folder)[-1] / "model.safetensors").read_bytes()).hexdigest()


def same_run(folder, other):
    """Whether two runs are equal to the last bit: every record, every score, the final weights."""
    return (
        records_of(folder) == records_of(other)
        and read_lines(folder / "evaluations.jsonl") == read_lines(other / "evaluations.jsonl")
        and weights_of(folder) == weights_of(other)
    )


class Child:
    """A run in a forked process, which inherits torch and transformers loaded.

    Its exit code is 0, 75 for a stop, 1 for an error of preheat's; its lines and the error are in ``log``.
    """

    def __init__(self, log, work, *args, **options):
        self.log = log
        self.process = multiprocessing.get_context("fork").Process(target=self._run, args=(work, args, options))
        self.process.start()

    def _run(self, work, args, options):
        with (
            self.log.open("w", buffering=1) as file,
            contextlib.redirect_stderr(file),
            contextlib.redirect_stdout(file),
        ):
            try:
                work(*args, say=lambda line: print(line, file=file), **options)
            except PreheatError as error:
                print(f"{type(error).__name__}: {error}", file=file)
                file.flush()
                os._exit(75 if type(error).__name__ == "RunStoppedError" else 1)
            except BaseException as error:
                print(f"unexpected {type(error).__name__}: {error}", file=file)
                file.flush()
                os._exit(9)
            file.flush()
            os._exit(0)

    def wait_for(self, condition, seconds=180):
        """Until something is so, or the child has ended."""
        deadline = time.monotonic() + seconds
        while not condition() and self.process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.002)

    def send(self, number):
        """Send a signal and wait for the end."""
        os.kill(self.process.pid, number)
        return self.end()

    def end(self, seconds=180):
        """The exit code; a child that does not end is killed."""
        self.process.join(seconds)
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.join()
            raise AssertionError(f"still running after {seconds} s:\n{self.log.read_text()}")
        return self.process.exitcode


def child_train(tmp_path, config, folder, **options):
    """:func:`preheat.lab.training.session.train` in a child."""
    return Child(tmp_path / f"{folder.name}.log", train, config, folder, **options)


def lines_of(folder):
    """How many updates are recorded, cheaply."""
    try:
        return (folder / "records.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
