"""The runs and studies below a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from preheat.errors import RunError, refusal
from preheat.study.folder import STAGES, STUDY
from preheat.train.saving.records import RECORDS

_DEEP = 3  # folders below the one that is served
_MOST = 500  # that are listed
_MOST_LOOKED_AT = 20_000  # folders: somebody's home may have more, and a page waits for them


def inside(folder: Path, name: str) -> Path:
    """A folder below ``folder`` by its relative name.

    Raises:
        RunError: for a name that leads out of it, also by a link.
    """
    advice = "Choose one on its page."
    if not name or "\0" in name or len(name) > 1000:
        raise RunError(refusal("name", "that of a folder", name[:80], advice))
    place = (folder / name).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise RunError(refusal("name", "that of a folder inside the one served", name[:80], advice))
    return place


def runs_in(folder: Path) -> list[str]:
    """Run folders, the one written to last first, by their names relative to ``folder``; stages of studies are none."""
    places = (place for place in _folders(folder) if place.parent.name != STAGES)
    return _newest(folder, places, RECORDS)


def studies_in(folder: Path) -> list[str]:
    """Study folders, likewise."""
    return _newest(folder, _folders(folder), STUDY)


def _newest(folder: Path, places: Iterable[Path], holds: str) -> list[str]:
    """Those of ``places`` that hold a file, the one whose file was written to last first."""
    written: dict[Path, float] = {}
    for place in places:
        with suppress(OSError):  # it is no such folder, or was removed meanwhile
            found = (place / holds).stat()
            if stat.S_ISREG(found.st_mode):
                written[place] = found.st_mtime
    newest = sorted(written, key=lambda place: -written[place])[:_MOST]
    return [str(place.relative_to(folder)) for place in newest]


def _folders(folder: Path) -> Iterator[Path]:
    """``folder`` and those below it, hidden ones and links left out."""
    for path, names, _ in islice(os.walk(folder), _MOST_LOOKED_AT):
        place = Path(path)
        depth = len(place.relative_to(folder).parts)
        names[:] = [] if depth >= _DEEP else sorted(name for name in names if not name.startswith("."))
        yield place
