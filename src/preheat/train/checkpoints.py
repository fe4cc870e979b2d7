"""Run folders and checkpoints: nothing overwritten, nothing half written, nothing executable.

RUN/config.json        the run's settings, classes and data fingerprint
    records.jsonl      one line an update; evaluations.jsonl one an evaluation
    epoch-003/         model and tokenizer in save_pretrained form, run.json
        state.pt       optimizer and random state, in the last checkpoint only
    checkpoints.json   which checkpoint is the last and which the best
    result.json        written when the run is complete; lr.png and loss.png beside it
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from preheat.errors import ConfigError, RunError, refusal
from preheat.train.config import TrainConfig
from preheat.train.records import keep_lines, read_json, read_lines, write_json

FORMAT = 1
_FILES = ("config.json", "records.jsonl", "evaluations.jsonl", "checkpoints.json", "result.json", "lr.png", "loss.png")
# Settings that may differ at resume: they change what is shown and saved, never a number of the run.
_FREE = {"out", "log_every", "save_every", "threads"}


class RunFolder:
    """One run's folder."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def refuse_if_used(self, *, force: bool) -> None:
        """Refuse a folder that holds anything; with ``force``, one that holds anything but a run of ours."""
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise RunError(refusal("out", "a folder", str(self.path), "Name another one."))
        content = {entry.name for entry in self.path.iterdir()}
        if not content:
            return
        if not force:
            advice = "Name another folder, go on with --resume, or start over with --force."
            raise RunError(refusal("out", "a new or empty folder", str(self.path), advice))
        foreign = content - set(_FILES) - self._checkpoint_names() if "config.json" in content else content
        if foreign:
            advice = f"It holds {', '.join(sorted(foreign))}: remove it yourself."
            raise RunError(refusal("out", "an earlier run's folder", str(self.path), advice))

    def start(self, header: dict[str, Any]) -> None:
        """Make the folder (an earlier run in it goes) and write what the run is."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in self._checkpoint_names():
            shutil.rmtree(self.path / name)
        for name in _FILES:
            (self.path / name).unlink(missing_ok=True)
        write_json(self.path / "config.json", {"format": FORMAT, **header})

    def header(self) -> dict[str, Any]:
        """What :meth:`start` wrote."""
        if not (self.path / "config.json").is_file():
            raise RunError(
                refusal("run", "a folder that preheat train wrote", str(self.path), "It has no config.json.")
            )
        header: dict[str, Any] = read_json(self.path / "config.json")
        if header.get("format") != FORMAT:
            raise RunError(
                refusal("run", f"of format {FORMAT}", header.get("format"), "Use the release that wrote it.")
            )
        return header

    def config(self) -> TrainConfig:
        """The settings of the run."""
        return TrainConfig.model_validate(self.header()["config"])

    def marked(self, mark: str) -> Path:
        """The folder of the ``"last"`` or the ``"best"`` checkpoint."""
        marks = self.path / "checkpoints.json"
        if not marks.is_file():
            advice = "The run ended before its first checkpoint: start it over with --force."
            raise RunError(refusal("run", "one with a checkpoint", str(self.path), advice))
        return self.path / str(read_json(marks)[mark])

    def save(self, epoch: int, run: dict[str, Any], write: Any, state: dict[str, Any], *, best: bool) -> Path:
        """Write a checkpoint beside its place and rename it; then mark it, and drop the older state."""
        import torch

        final = self.path / f"epoch-{epoch:03d}"
        part = self.path / f".{final.name}.part"
        for stale in (part, final):
            shutil.rmtree(stale, ignore_errors=True)
        part.mkdir()
        write(part)
        write_json(part / "run.json", run)
        torch.save(state, part / "state.pt")
        os.replace(part, final)
        marks = self.path / "checkpoints.json"
        earlier = read_json(marks) if marks.exists() else {}
        write_json(marks, {"last": final.name, "best": final.name if best else earlier.get("best", final.name)})
        if earlier and earlier["last"] != final.name:
            (self.path / earlier["last"] / "state.pt").unlink(missing_ok=True)
        return final

    def load_last(self) -> tuple[Path, dict[str, Any], dict[str, Any]]:
        """Folder, ``run.json`` and state of the last checkpoint; records written after it are dropped."""
        import torch

        folder = self.marked("last")
        run = read_json(folder / "run.json")
        state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
        for name in ("records.jsonl", "evaluations.jsonl"):
            kept = [line for line in read_lines(self.path / name) if line["epoch"] <= run["epoch"]]
            keep_lines(self.path / name, kept)
        return folder, run, state

    def _checkpoint_names(self) -> set[str]:
        found = (entry.name for entry in self.path.iterdir() if entry.is_dir())
        return {name for name in found if name.strip(".").removesuffix(".part").startswith("epoch-")}


def refuse_other_config(saved: TrainConfig, now: TrainConfig, given: set[str]) -> None:
    """Refuse a resumed run whose given settings differ from the saved ones.

    Only settings in ``given`` are compared: what was not said this time is taken from the run.
    """
    differing = [
        f"{key}: saved {getattr(saved, key)!r}, now {getattr(now, key)!r}"
        for key in sorted(given - _FREE)
        if getattr(saved, key) != getattr(now, key)
    ]
    if differing:
        listed = "\n  ".join(differing)
        raise ConfigError(
            f"the settings of a resumed run must be the saved ones; got\n  {listed}\n"
            "Leave them out, or start a new run."
        )
