"""Checkpoints that cannot lie: complete and checked, or not used.

RUN/update-000120/     named by the updates completed
    model.safetensors, config.json, tokenizer.json, ...   model and tokenizer in save_pretrained form
    optimizer.safetensors, optimizer.json, random.json    what a run needs to go on; the newest checkpoints have them
    run.json           where the run is, its settings, the scheduler's state
    manifest.json      size and SHA-256 of every other file, and of itself

Written in a folder beside, every file synced, and renamed as the last step: a kill or a full disk at any point leaves
the checkpoint before. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preheat.errors import RunError, refusal
from preheat.files import synced
from preheat.lab.training.records import read_json, write_json
from preheat.messages import Message, _, joined

# --- Checkpoints -----------------------------------------------------------------------------------------------------


MANIFEST = "manifest.json"
STATE_FILES = ("optimizer.safetensors", "optimizer.json", "random.json")
# Raised when a reader of this release could not read what is written; others are refused by name.
_FORMAT = 1
PART = ".part"  # what an interrupted write or removal leaves


@dataclass(frozen=True, slots=True)
class Damage:
    """A checkpoint that is not used, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return joined(": ", [self.path.name, self.reason])


class Checkpoints:
    """The checkpoints of one run folder."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self._whole: set[Path] = set()  # those that were read back and found whole

    def all(self) -> list[Path]:
        """Every checkpoint's folder, whole or damaged, the oldest first."""
        # By the whole name: a copy of somebody's, update-000010.bak, is neither gone on from nor removed.
        named = [path for path in self.run.glob("update-*") if updates_of(path.name) >= 0 and path.is_dir()]
        return sorted(named, key=lambda path: updates_of(path.name))

    def write(self, updates: int, fill: Callable[[Path], None]) -> Path:
        """Write the checkpoint after so many updates.

        Args:
            updates: completed updates.
            fill: writes the files into the folder it is given.

        Raises:
            RunError: if that fails, for a full disk say; the checkpoints there are stay as they are.
        """
        final = self.run / f"update-{updates:06d}"
        part = self.run / f".{final.name}{PART}"
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir()
            fill(part)
            _seal(part)
            # os.replace cannot put a folder in the place of one that holds anything.
            if final.is_symlink():
                final.unlink()  # what is behind it stays
            elif final.exists():  # of a run that was resumed from an older one; damaged, or it would have been resumed
                shutil.rmtree(final)
            os.replace(part, final)
            synced(self.run)
        except Exception as error:  # whatever the writers of tensors raise when a disk is full
            shutil.rmtree(part, ignore_errors=True)
            raise self._failed(final, error) from error
        # Read back before anything older may be removed: a disk may say "written" and not have it.
        problem = damage(final)
        if problem:
            raise self._failed(final, OSError(_("read back, {problem}", problem=problem)))
        self._whole.add(final)
        return final

    def _failed(self, path: Path, error: Exception) -> RunError:
        earlier = [kept.name for kept in self.all() if kept != path]
        said = error.args[0] if error.args else None
        reason = said if isinstance(said, Message) else str(error).split("\n")[0]
        if not earlier:
            return RunError(
                _(
                    "checkpoint {path} cannot be written: {reason}. There is none before it: mend that and go on with"
                    " --resume.",
                    path=path, reason=reason,
                )
            )  # fmt: skip
        return RunError(
            _(
                "checkpoint {path} cannot be written: {reason}. {kept} is intact: mend that and go on with --resume.",
                path=path, reason=reason, kept=earlier[-1],
            )
        )  # fmt: skip

    def newest(self) -> tuple[Path | None, list[Damage]]:
        """The newest complete checkpoint a run can go on from, and the newer ones that are not."""
        skipped: list[Damage] = []
        # The newest first; an older one is looked at only if this one is damaged, since sums over gigabytes take
        # time.
        for path in reversed(self.all()):
            problem = damage(path) or _missing_state(path)
            if problem is None:
                self._whole.add(path)
                return path, skipped
            skipped.append(Damage(path, problem))
        return None, skipped

    def named(self, name: str, *, resumable: bool = False) -> Path:
        """The checkpoint of that name, if it is complete; ``resumable`` asks for more than its model.

        Raises:
            RunError: if it is not, naming the file.
        """
        path = self.run / name
        if not path.is_dir() or path not in self.all():
            known = joined(", ", [one.name for one in self.all()]) or _("none")
            advice = _("There are: {checkpoints}.", checkpoints=known)
            raise RunError(refusal("checkpoint", _("one of {folder}", folder=self.run), name, advice))
        problem = damage(path) or (_missing_state(path) if resumable else None)
        if problem:
            what = _("{path}, {problem}", path=path, problem=problem)
            raise RunError(refusal("checkpoint", _("complete and undamaged"), what, _("Name another one.")))
        return path

    def clear(self) -> None:
        """Remove what an interrupted write left; nothing that was ever a checkpoint."""
        for path in self.run.glob(f".update-*{PART}"):
            shutil.rmtree(path)

    def set_aside(self, after: Path) -> list[str]:
        """Rename the checkpoints that follow ``after``, which the run leaves behind, so that none is taken for its own.

        Returns:
            Their old names.
        """
        later = [path for path in self.all() if updates_of(path.name) > updates_of(after.name)]
        for path in later:
            away = path.with_name(f"aside-{path.name}")
            shutil.rmtree(away, ignore_errors=True)
            os.replace(path, away)
        return [path.name for path in later]

    def rotate(self, keep_last: int, models: Iterable[str]) -> None:
        """Make room: of the newest ``keep_last`` everything stays, of those named in ``models`` the model.

        Nothing is removed unless the newest has been read back and is whole.
        """
        everything = self.all()
        # Nothing is removed on the word of a checkpoint that this process has not read back.
        if not everything or everything[-1] not in self._whole:
            return
        kept = set(models)
        for path in everything[:-keep_last]:
            if path.is_symlink():
                continue  # somebody moved it elsewhere to keep it: what is behind a link is not ours to remove
            if path.name in kept:
                _drop_state(path)
            else:
                # Out of sight first: a kill in between must not leave half a checkpoint.
                away = path.with_name(f".{path.name}{PART}")
                os.replace(path, away)
                shutil.rmtree(away)


def updates_of(name: str) -> int:
    """The completed updates in a checkpoint's name; -1 if it is the name of something else.

    >>> updates_of("update-000120"), updates_of("update-000120.bak"), updates_of("update-120")
    (120, -1, -1)
    """
    digits = name.removeprefix("update-")
    # As it is written, so that one checkpoint has one name.
    return int(digits) if digits.isascii() and digits.isdigit() and name == f"update-{int(digits):06d}" else -1


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint; None if every file is as it was written."""
    if not (path / MANIFEST).is_file():
        return _("{file} is missing", file=MANIFEST)
    try:
        manifest = read_json(path / MANIFEST)
        files, said = manifest["files"], manifest["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return _("{file} cannot be read", file=MANIFEST)
    if manifest.get("format") != _FORMAT:
        return _("{file} is of another release", file=MANIFEST)
    # The manifest vouches for all others, so it vouches for itself too: a flipped bit in it would otherwise blame
    # another file.
    if said != _checksum(files):
        return _("{file} has changed since it was written", file=MANIFEST)
    for name, entry in files.items():
        file = path / name
        if not file.is_file():
            return _("{file} is missing", file=name)
        # The size first: it says more to people, and costs nothing.
        if file.stat().st_size != entry["bytes"]:
            size = file.stat().st_size
            return _("{file} has {size:,} bytes of {bytes:,}", file=name, size=size, bytes=entry["bytes"])
        if _digest(file) != entry["sha256"]:
            return _("{file} has changed since it was written", file=name)
    return None


def _missing_state(path: Path) -> str | None:
    """Whether a complete checkpoint is one of those whose state was dropped to save room."""
    return None if (path / STATE_FILES[0]).is_file() else _("only its model was kept")


def _seal(path: Path) -> None:
    """Write the manifest over all files, and have the disk hold everything."""
    files = {
        file.relative_to(path).as_posix(): {"bytes": file.stat().st_size, "sha256": _digest(file)}
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }
    write_json(path / MANIFEST, {"format": _FORMAT, "files": files, "sha256": _checksum(files)})
    # Each file, then the folder: the entry of a file in its folder is data of the folder.
    for entry in (*path.rglob("*"), path):
        synced(entry)


def _drop_state(path: Path) -> None:
    """Leave the model alone: first the manifest forgets the state's files, then they go."""
    files = read_json(path / MANIFEST)["files"]
    # The manifest first: killed in between, files that it does not name are no damage.
    if any(name in files for name in STATE_FILES):
        files = {name: entry for name, entry in files.items() if name not in STATE_FILES}
        write_json(path / MANIFEST, {"format": _FORMAT, "files": files, "sha256": _checksum(files)})
    for name in STATE_FILES:
        (path / name).unlink(missing_ok=True)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _checksum(files: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


# --- Random states ---------------------------------------------------------------------------------------------------


def random_states() -> dict[str, Any]:
    """The states of ``random``, NumPy's global generator, torch on the CPU and on every GPU, ready for JSON."""
    # As plain numbers: pickles of these states would have to be unpickled.
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": [version, list(words), gauss],
        "numpy": [name, [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
        "torch": _hex(torch.get_rng_state()),
        "cuda": [_hex(state) for state in torch.cuda.get_rng_state_all()] if torch.cuda.is_available() else [],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Go on drawing from where :func:`random_states` was taken."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), position, has_gauss, cached))
    torch.set_rng_state(_tensor(states["torch"]))
    if states["cuda"]:
        torch.cuda.set_rng_state_all([_tensor(state) for state in states["cuda"]])


def _hex(state: torch.Tensor) -> str:
    return state.numpy().tobytes().hex()


def _tensor(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)
