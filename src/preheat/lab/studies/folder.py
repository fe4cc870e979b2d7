"""The folder of a study: what was asked, what came of it. A stage is there whole or not at all; nothing is overwritten.

STUDY/study.json       question, design, command, versions, hardware, the runs and the stages each goes through
    log.jsonl          what happened: a line a stage begun, done, lost or failed
    stages/<id>/       records.jsonl, evaluations.jsonl, events.jsonl, config.json of the stage; spec.json, of which the
                       id is the hash; update-000200/, the state at its end, if runs go on from it; result.json
    workers.log        what the processes that trained wrote to standard error
    index.sqlite       the same as tables; report.html, pictures/: what they say; made from the above at any time
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import RunError, refusal
from preheat.files import synced, unfinished
from preheat.lab.training.lock import FolderLock
from preheat.lab.training.records import Records, keep_lines, read_json, read_lines, write_json
from preheat.messages import _, joined

if TYPE_CHECKING:
    from preheat.lab.studies.runs import StageTree

FORMAT = 1
STUDY, LOG, STAGES, RESULT, SPEC = "study.json", "log.jsonl", "stages", "result.json", "spec.json"
_PART, _HELD = ".part", ".held"
_SAID = ("question", "design", "share", "ground", "runs")  # by study.json, whatever else is in it
# 80 bits of the hash: enough that two stages never meet, short enough for file systems. The whole id stands in
# result.json and is compared.
_ID_SHOWN = 20  # hexadecimal digits of an id in a folder's name


class StudyFolder:
    """One study's folder."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.stages = self.path / STAGES

    def lock(self) -> FolderLock:
        """Holds the folder for one driver while it is entered."""
        return FolderLock(self.path)

    # --- what was asked --------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether a study was begun here."""
        return (self.path / STUDY).is_file()

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write ``study.json`` for a new study.

        Raises:
            RunError: for a folder that holds anything else.
        """
        # What a kill may have left of an earlier attempt is nobody's.
        foreign = sorted({entry.name for entry in self.path.iterdir() if not unfinished(entry.name)} - {".lock"})
        if foreign:
            advice = _("It holds {files}: name another one.", files=joined(", ", foreign[:4]))
            raise RunError(refusal("out", _("a new or empty folder, or that of a study"), str(self.path), advice))
        write_json(self.path / STUDY, {"format": FORMAT, **header})

    def extend(self, header: Mapping[str, Any]) -> None:
        """Write ``study.json`` for another design on the same rows and versions; stages stay."""
        write_json(self.path / STUDY, {"format": FORMAT, **header})

    def header(self) -> dict[str, Any]:
        """What :meth:`begin` wrote.

        Raises:
            RunError: for a folder that is no study's.
        """
        if not self.exists:
            raise RunError(
                refusal("study", _("the folder of a study"), str(self.path), _("It has no {file}.", file=STUDY))
            )
        try:
            header: Any = read_json(self.path / STUDY)
        except ValueError as error:
            raise RunError(
                refusal("study", _("one whose {file} can be read", file=STUDY), str(error), _("Restore it."))
            ) from None
        said = header.get("format") if isinstance(header, dict) else type(header).__name__
        if said != FORMAT:
            raise RunError(
                refusal("study", _("of format {format}", format=FORMAT), said, _("Use the release that wrote it."))
            )
        absent = [name for name in _SAID if name not in header]
        if absent:
            what = _("{file}, without {keys}", file=self.path / STUDY, keys=joined(", ", absent))
            raise RunError(refusal("study", _("one whose {file} is whole", file=STUDY), what, _("Restore it.")))
        return dict(header)

    def log(self, event: str, **details: Any) -> None:
        """Add a line to the log."""
        with Records(self.path / LOG) as log:
            log.add({"time": time.strftime("%Y-%m-%d %H:%M:%S"), "event": event, **details})

    def events(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        return read_lines(self.path / LOG)

    # --- stages ----------------------------------------------------------------------------------------------------

    def stage(self, name: str) -> Path:
        """Where the stage of an id is, or will be."""
        return self.stages / name[:_ID_SHOWN]

    def result(self, name: str) -> dict[str, Any] | None:
        """What came of a stage; None if it has not been trained, or belongs to another id."""
        try:
            result: dict[str, Any] = read_json(self.stage(name) / RESULT)
        except FileNotFoundError:  # not there yet, or moved aside at this moment for one that holds a state too
            return None
        return result if result["id"] == name else None

    def results(self, tree: StageTree) -> dict[str, dict[str, Any]]:
        """What came of every stage of a tree that need not be trained again, by id.

        A stage that runs go on from counts only with the state they go on from.
        """
        results = {}
        for name, stage in tree.stages.items():
            result = self.result(name)
            if result is None:
                continue
            if serves(self.stage(name), result, keep=stage.branches):
                results[name] = result
        return results

    def state(self, name: str, until: int) -> Path:
        """Where the state at the end of a stage is, or will be."""
        return self.stage(name) / f"update-{until:06d}"

    def clear(self) -> None:
        """Make ready for stages: what those that were cut off have left goes. For the holder of the lock.

        What somebody is still writing stays: a worker elsewhere may not know yet that its study has ended.
        """
        self.stages.mkdir(exist_ok=True)
        log = self.path / LOG
        if log.exists() and not log.read_bytes().endswith(b"\n"):
            keep_lines(log, self.events())  # without the half of a last line that a full disk has left
        # A stage that somebody holds is being trained: its part stays.
        for part in sorted(self.stages.glob(f".*{_PART}")):
            with suppress(RunError), held(self.stages / part.name.split(".")[1]):
                if part.exists():  # its worker may have ended the stage since the parts were listed
                    shutil.rmtree(part)
        for left in self.stages.glob(f".*{_HELD}"):
            with suppress(RunError, OSError):
                with FolderLock(left):  # nobody's any more
                    pass
                left.rmdir()


def held(stage: Path, *, wait: bool = False) -> FolderLock:
    """Holds a stage for whoever trains it, on any machine that shares the folder."""
    return FolderLock(stage.with_name(f".{stage.name}{_HELD}"), wait=wait)


def serves(stage: Path, result: Mapping[str, Any], *, keep: bool) -> bool:
    """Whether a result is all that is wanted of its stage: its state too, if runs go on from it (``keep``)."""
    if result["failed"] is not None or not keep:
        return True
    return result["checkpoint"] is not None and (stage / result["checkpoint"]).is_dir()


def part_of(stage: Path) -> Path:
    """Where this process prepares a stage before it is put in its place."""
    # Host and process: two machines may prepare one stage, where one of them was taken for dead.
    return stage.with_name(f".{stage.name}.{socket.gethostname()}-{os.getpid()}{_PART}")


def put_in_place(part: Path, stage: Path) -> None:
    """Make a prepared stage count: the last step, and one that cannot be half done.

    A stage that is there already, without the state that is wanted now, is moved aside for it: both hold the same bits.
    """
    for entry in (*part.rglob("*"), part):
        synced(entry)
    if stage.exists():
        away = part.with_name(f"{part.name.removesuffix(_PART)}-old{_PART}")
        os.replace(stage, away)
        shutil.rmtree(away)
    os.replace(part, stage)
