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
        os.replace(beside, target)
    except BaseException:  # a stop by the keyboard leaves nothing behind either
        beside.unlink(missing_ok=True)
        raise


def unfinished(name: str) -> bool:
    """Whether a file of this name is what a kill left of a :func:`replacing`."""
    return name.startswith(".") and name.endswith(_PART)
