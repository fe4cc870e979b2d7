"""The scheduler in other people's checkpoints: its state, the optimizer's groups, and what says how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preheat.dialects.torch_states import OWN_KEYS, state_class
from preheat.errors import DataError, refusal
from preheat.inspect.resuming.inert import plain, read_inert

_FILES = ("scheduler.pt", "scheduler.bin", "run.json")  # the last is preheat's
_OPTIMIZERS = {"scheduler.pt": "optimizer.pt", "scheduler.bin": "optimizer.bin"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says of its schedule.

    Attributes:
        path: the file that was read.
        kind: what wrote it, in words.
        framework: ``"preheat"``, ``"transformers"``, ``"lightning"``, ``"accelerate"`` or ``"torch"``.
        state: the scheduler's state, as plain data.
        groups: the optimizer's parameter groups; empty where the checkpoint has none.
        arguments: the trainer's arguments (transformers), as far as they are plain data.
        updates: updates the run has made, by the trainer's own count.
        total: updates the run was planned for, by the trainer's own count.
        others: how many more schedulers there are.
    """

    path: Path
    kind: str
    framework: str
    state: Mapping[str, Any]
    groups: tuple[Mapping[str, Any], ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    updates: int | None = None
    total: int | None = None
    others: int = 0

    @property
    def saved_rate(self) -> float | None:
        """The learning rate in the optimizer's first group."""
        value = self.groups[0].get("lr") if self.groups else None
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def read_checkpoint(path: Path) -> Checkpoint:
    """Find the scheduler's state in a checkpoint, running nothing that is in it.

    Args:
        path: a file (``.pt``, ``.ckpt``, ``.bin``, ``.pth``, a scheduler's state as ``.json``) or the folder of a
            checkpoint: of transformers' Trainer, Accelerate, or preheat (the whole run too).

    Raises:
        DataError: if there is none.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise DataError(refusal("checkpoint", "a file or folder that exists", str(path), "Check the path."))
    data = _data(path)
    if path.name in _OPTIMIZERS:
        return _beside(path, data)
    states = [*_states(data)]
    if not states:
        advice = "No scheduler's state is in it. Give the file that has one, or the checkpoint's folder."
        raise DataError(refusal("checkpoint", "one with a scheduler", str(path), advice))
    updates = data.get("global_step") if isinstance(data, Mapping) else None
    lightning = isinstance(data, Mapping) and "pytorch-lightning_version" in data
    own = {*states[0]} >= OWN_KEYS
    framework = "preheat" if own else "lightning" if lightning else "torch"
    kind = {"preheat": "preheat", "lightning": "Lightning", "torch": "torch"}[framework]
    return Checkpoint(
        path,
        f"a checkpoint of {kind}",
        framework,
        states[0],
        _groups(data),
        updates=updates if isinstance(updates, int) else None,
        others=len(states) - 1,
    )


def _folder(path: Path) -> Checkpoint:
    """The checkpoint in a folder, or the last one of the run it belongs to."""
    for name in _FILES:
        if (path / name).is_file():
            return read_checkpoint(path / name)
    numbered = [folder for folder in path.glob("checkpoint*-*") if folder.name.rpartition("-")[2].isdigit()]
    own = sorted(path.glob("update-*/run.json"))  # preheat's, named by updates
    files = sorted((*path.glob("**/*.ckpt"), *path.glob("*.pt")), key=lambda file: file.stat().st_mtime)
    if numbered:
        return _folder(max(numbered, key=lambda folder: int(folder.name.rpartition("-")[2])))
    if own or files:
        return read_checkpoint((own or files)[-1])
    advice = f"Looked for {', '.join(_FILES)}, checkpoint-*, update-* and *.ckpt."
    raise DataError(refusal("checkpoint", "a folder with one", str(path), advice))


def _beside(path: Path, data: Any) -> Checkpoint:
    """A folder of transformers' Trainer or of Accelerate: the optimizer and the trainer's own state lie beside."""
    if not isinstance(data, Mapping):
        raise DataError(refusal("checkpoint", "one with a scheduler", str(path), "Its state is no mapping."))
    optimizer = path.with_name(_OPTIMIZERS[path.name])
    groups = _groups({"optimizer": _data(optimizer)}) if optimizer.is_file() else ()
    trainer = path.with_name("trainer_state.json")
    counts = json.loads(trainer.read_text(encoding="utf-8")) if trainer.is_file() else {}
    arguments = path.with_name("training_args.bin")
    given = plain(read_inert(arguments)) if arguments.is_file() else {}
    transformers = path.suffix == ".pt"
    return Checkpoint(
        path,
        "a checkpoint of transformers' Trainer" if transformers else "a state saved by Accelerate",
        "preheat" if {*data} >= OWN_KEYS else "transformers" if transformers else "accelerate",
        data,
        groups,
        given if isinstance(given, dict) else {},
        counts.get("global_step"),
        counts.get("max_steps"),
    )


def _data(path: Path) -> Any:
    if path.suffix.lower() == ".json":
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(refusal("checkpoint", "JSON", str(path), f"{error}.")) from error
    return plain(read_inert(path))


def _states(data: Any, depth: int = 3) -> Iterator[Mapping[str, Any]]:
    """Every scheduler's state in a nest of mappings and lists, the outermost first."""
    if isinstance(data, Mapping):
        if {*data} >= OWN_KEYS or state_class(data) is not None:
            yield data
            return
        inside = [value for value in data.values() if isinstance(value, (Mapping, list))]
    else:
        inside = [value for value in data if isinstance(value, (Mapping, list))] if isinstance(data, list) else []
    for value in inside if depth else ():
        yield from _states(value, depth - 1)


def _groups(data: Any, depth: int = 3) -> tuple[Mapping[str, Any], ...]:
    """The first optimizer's parameter groups in a nest of mappings and lists."""
    if isinstance(data, Mapping):
        groups = data.get("param_groups")
        if isinstance(groups, list) and groups and all(isinstance(group, Mapping) for group in groups):
            return tuple({key: value for key, value in group.items() if key != "params"} for group in groups)
    inside = data.values() if isinstance(data, Mapping) else data if isinstance(data, list) else ()
    for value in inside if depth else ():
        found = _groups(value, depth - 1) if isinstance(value, (Mapping, list)) else ()
        if found:
            return found
    return ()
