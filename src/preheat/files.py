"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PART = ".part"  # what a kill left can be told from a file of the user's by its name


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path beside ``path`` to write to; renamed onto it in the end, removed if the writing fails.

    Afterwards it is on the disk: the file's content before the rename, the rename before this returns. Without the
    first, a power cut leaves the new name with nothing in it.

    Several may write one file at the same time: each writes its own, and the last to end stays.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with replacing(target) as beside:
    ...     _ = beside.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    target = Path(path)
    # In the same folder, because a rename is one step only within a file system; hidden, so that no pattern of data
    # files matches it; of a random name, so that two writers never share one.
    beside = target.with_name(f".{target.name}.{os.urandom(4).hex()}{_PART}")
    try:
        yield beside
        if beside.is_file():
            synced(beside)
        os.replace(beside, target)
        synced(target.parent)
    except BaseException:  # a stop by the keyboard leaves nothing behind either
        beside.unlink(missing_ok=True)
        raise


def synced(path: str | os.PathLike[str]) -> None:
    """Wait until a file or folder is on the disk; a system that cannot say so of folders is left alone."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder on Windows
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unfinished(name: str) -> bool:
    """Whether a file of this name is what a kill left of a :func:`replacing`."""
    return name.startswith(".") and name.endswith(_PART)
