"""One run a folder: a lock that says who holds it and ends with its holder, however that ends.

Why not filelock, which is installed with transformers: it says nothing of the holder; its lock is ``flock``, which
processes that were forked off inherit (tried: with release 3.16 a process killed with SIGKILL blocked its folder for as
long as a child of it lived, and 4.2 lets go only in forks that Python makes); and it leaves its file, so that a folder
made for a run that never began could not go again. What it would add is Windows, where folders are not guarded.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from preheat.errors import RunError, refusal, system_words
from preheat.messages import _

try:
    import fcntl

    _LOCKS = True
except ImportError:  # no such locks on Windows: there the folder is not guarded
    _LOCKS = False

LOCK = ".lock"
_ATTEMPTS = 100  # to make a folder that others make and take away: each lasts some microseconds
_HELD: set[Path] = set()  # the system's locks are a process's: one process could take its own twice


class FolderLock:
    """Holds a folder while it is entered; one that was made for it and is still empty goes again.

    The lock is the system's on the file ``.lock`` (``lockf``): it goes when the process goes, killed or not, and a
    process that was forked off does not inherit it. What the file says is for people.

    Args:
        folder: to be held.
        wait: whether to wait for another process that holds it, instead of refusing; the folder is then one that is
            there for the lock alone, and goes with its last holder.

    Raises:
        RunError: on entering, if another process, or another run of this one, holds it, naming the holder; if the
            folder cannot be made or written to.
    """

    def __init__(self, folder: Path, *, wait: bool = False) -> None:
        self.path = folder.resolve() / LOCK
        self._wait = wait
        # Without LOCK_NB the system queues those who wait; nobody polls.
        self._how = 0 if wait or not _LOCKS else fcntl.LOCK_NB
        self._file: int | None = None
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        if self.path in _HELD:
            raise self._refusal(_("another run of this process"))
        try:
            return self._enter()
        except OSError as error:
            rule = _("a folder that can be written to")
            place = _("{folder}: {problem}", folder=self.path.parent, problem=system_words(error))
            raise RunError(refusal("out", rule, place, _("Name another one."))) from error

    def _enter(self) -> Self:
        self._make()
        # Again from the start where the file was removed between opening and locking it: the lock was on a file that
        # nobody else can find.
        while _LOCKS and self._file is None:
            self._file = self._take()
        _HELD.add(self.path)
        return self

    def _make(self) -> None:
        """The folder; what was not there before goes again when it is left empty."""
        folder = self.path.parent
        for left in reversed(range(_ATTEMPTS)):
            # Worked out before it is made: parents may come into being from somewhere else meanwhile, and those are
            # not ours to remove.
            self._made = [one for one in (folder, *folder.parents) if not one.exists()]
            try:
                folder.mkdir(parents=True, exist_ok=True)
                return
            except (FileExistsError, FileNotFoundError):  # a holder leaving at this moment takes its folders away
                if not left:  # a file is in the way
                    raise

    def _take(self) -> int | None:
        """The locked file; None if it was removed meanwhile and has to be tried again."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # its last holder removes the folder too, if it was made for the lock
            self._make()
            return None
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | self._how)
            if not self._is_ours(file):
                os.close(file)
                return None
            # The file of a dead holder still has that one's words.
            os.ftruncate(file, 0)
            holder = {
                "process": os.getpid(),
                "host": socket.gethostname(),
                "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            }
            os.write(file, json.dumps(holder).encode())
        except BlockingIOError:
            os.close(file)
            raise self._refusal(_holder(self.path)) from None
        except BaseException:
            os.close(file)
            raise
        return file

    def _is_ours(self, file: int) -> bool:
        """Whether the file that was locked is still the one in the folder: its last holder removes it."""
        try:
            return os.fstat(file).st_ino == self.path.stat().st_ino
        except FileNotFoundError:
            return False

    def _refusal(self, holder: str) -> RunError:
        advice = _("Wait for it, stop it, or name another folder.")
        what = _("{folder}, {holder}", folder=self.path.parent, holder=holder)
        return RunError(refusal("out", _("a folder that no other run is using"), what, advice))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Removed while it is still locked: whoever opens the path from here on makes a new file, and whoever waits
        # for the old one finds that it is gone.
        _HELD.discard(self.path)
        with suppress(OSError):
            self.path.unlink()
        if self._file is not None:
            os.close(self._file)
            self._file = None
        with suppress(OSError):
            # rmdir refuses a folder that holds anything: only what is still empty goes.
            for folder in self._made or ([self.path.parent] if self._wait else []):
                folder.rmdir()


def _holder(path: Path) -> str:
    """Who holds a lock, as its file says."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return _(
            "in use by process {process} on {host} since {since}",
            process=said["process"], host=said["host"], since=said["since"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError):
        return _("in use by another process")
