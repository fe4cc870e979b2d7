"""A run's folder: nothing overwritten, nothing half written, nothing executable.

RUN/config.json        the run's settings, classes, schedule, plan, data fingerprint, environment
    records.jsonl      one line an update; evaluations.jsonl one an evaluation; events.jsonl what else happened
    update-000120/     checkpoints, see :mod:`preheat.lab.training.checkpoints`
    result.json        written when the run is complete; report.html, lr.png and loss.png beside it
    bad_rows.jsonl     the rows that were left out, if any
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from preheat.errors import RunError, refusal
from preheat.files import unfinished
from preheat.lab.training.checkpoints import PART, Checkpoints, damage, updates_of
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.lock import LOCK, FolderLock
from preheat.lab.training.records import EVALUATIONS, EVENTS, RECORDS, keep_lines, read_json, read_lines, write_json
from preheat.messages import _, joined

FORMAT = 2
_HEADER = "config.json"
_FILES = (
    *(_HEADER, RECORDS, EVALUATIONS, EVENTS, "result.json", "report.html", "lr.png", "loss.png", "bad_rows.jsonl"),
    *("trackers", LOCK),
)


class RunFolder:
    """One run's folder."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.checkpoints = Checkpoints(self.path)

    def refuse_if_used(self, *, force: bool) -> None:
        """Refuse a folder that holds anything; with ``force``, one that holds anything but a run of ours."""
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise RunError(refusal("out", _("a folder"), str(self.path), _("Name another one.")))
        # What a killed process left of a write is nobody's: it does not make a folder used.
        content = {entry.name for entry in self.path.iterdir() if not unfinished(entry.name)} - {LOCK}
        if not content:
            return
        if not force:
            advice = _("Name another folder, go on with --resume, or start over with --force.")
            raise RunError(refusal("out", _("a new or empty folder"), str(self.path), advice))
        # --force is for a run of ours and takes nothing else away: a typing error must not cost anything else.
        foreign = content - set(_FILES) - self._checkpoint_names() if _HEADER in content else content
        if foreign:
            advice = _("It holds {files}: remove it yourself.", files=joined(", ", sorted(foreign)))
            raise RunError(refusal("out", _("an earlier run's folder"), str(self.path), advice))

    def lock(self) -> FolderLock:
        """Holds the folder for one run while it is entered."""
        return FolderLock(self.path)

    def start(self) -> None:
        """Make the folder empty: an earlier run in it goes."""
        for name in self._checkpoint_names():
            # What is behind a link is not this run's to remove.
            (Path.unlink if (self.path / name).is_symlink() else shutil.rmtree)(self.path / name)
        # The lock is held by this very run.
        for name in set(_FILES) - {LOCK}:
            if (self.path / name).is_dir():
                shutil.rmtree(self.path / name)
            else:
                (self.path / name).unlink(missing_ok=True)
        self.clear()

    def clear(self) -> None:
        """Remove what interrupted writes left."""
        self.checkpoints.clear()
        for entry in self.path.iterdir():
            if unfinished(entry.name) and entry.is_file():
                entry.unlink()

    def write_header(self, header: dict[str, Any]) -> None:
        """Write ``config.json``."""
        write_json(self.path / _HEADER, {"format": FORMAT, **header})

    def header(self) -> dict[str, Any]:
        """What :meth:`write_header` wrote."""
        if not (self.path / _HEADER).is_file():
            raise RunError(
                refusal(
                    "run",
                    _("a folder that preheat train wrote"),
                    str(self.path),
                    _("It has no {file}.", file=_HEADER),
                )
            )
        try:
            header: dict[str, Any] = read_json(self.path / _HEADER)
        except ValueError as error:
            advice = _("Restore the file, or start a new run.")
            raise RunError(
                refusal("run", _("a folder whose {file} can be read", file=_HEADER), str(error), advice)
            ) from None
        if header.get("format") != FORMAT:
            raise RunError(
                refusal(
                    "run",
                    _("of format {format}", format=FORMAT),
                    header.get("format"),
                    _("Use the release that wrote it."),
                )
            )
        return header

    def config(self) -> TrainConfig:
        """The settings of the run."""
        return TrainConfig.model_validate(self.header()["config"])

    def evaluations(self) -> list[dict[str, Any]]:
        """The scores on the validation split, in the order they were taken."""
        return read_lines(self.path / EVALUATIONS)

    def best(self) -> dict[str, Any] | None:
        """The evaluation with the highest accuracy, the earliest of equal ones; None before the first."""
        return max(self.evaluations(), key=lambda line: (line["accuracy"], -line["update"]), default=None)

    def marked(self, name: str) -> Path:
        """The folder of the ``"last"`` or the ``"best"`` checkpoint, or of the one of that name; whole and checked.

        Raises:
            RunError: if there is none, or it is damaged.
        """
        there = self.checkpoints.all()
        if not there:
            advice = _("The run ended before its first checkpoint: go on with --resume.")
            raise RunError(refusal("run", _("one with a checkpoint"), str(self.path), advice))
        if name == "best":
            best = self.best()
            if best is None:
                advice = _("The run ended before its first evaluation: ask for the last one.")
                raise RunError(refusal("checkpoint", _("one that was evaluated"), name, advice))
            scored = [path for path in there if updates_of(path.name) == best["update"]]
            if not scored:
                advice = _("It was removed: restore it, or ask for the last one, {last}.", last=there[-1].name)
                raise RunError(refusal(_("the best checkpoint"), _("in the run"), f"update {best['update']}", advice))
            path = scored[0]
        else:
            path = there[-1] if name == "last" else self.checkpoints.named(name)
        problem = damage(path)
        if problem:
            whole = [one.name for one in there if damage(one) is None]
            advice = (
                _("Undamaged: {checkpoints}.", checkpoints=joined(", ", whole)) if whole else _("No other one is left.")
            )
            what = _("the {name} checkpoint", name=name)
            raise RunError(refusal(what, _("undamaged"), _("{path}, {problem}", path=path, problem=problem), advice))
        return path

    def keep_until(self, updates: int) -> None:
        """Drop what was recorded after so many updates: it is about to be done again."""
        # Records carry the number of the update, from 0; evaluations and events the number of updates made.
        for name, last in ((RECORDS, updates - 1), (EVALUATIONS, updates), (EVENTS, updates)):
            if (self.path / name).exists():
                keep_lines(self.path / name, [line for line in read_lines(self.path / name) if line["update"] <= last])

    def _checkpoint_names(self) -> set[str]:
        folders = (entry.name for entry in self.path.iterdir() if entry.is_dir())
        # By the whole name: copies that somebody made are not this run's.
        return {name for name in folders if updates_of(_unmarked(name)) >= 0}


def _unmarked(name: str) -> str:
    """The name of the checkpoint that was set aside, or that a kill left half written or half removed."""
    return name.removeprefix("aside-") if name[0] != "." else name[1:].removesuffix(PART)
