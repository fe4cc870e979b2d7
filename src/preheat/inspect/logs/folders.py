"""Which file of a run's folder is its log."""

from __future__ import annotations

from pathlib import Path

IN_FOLDERS = ("records.jsonl", "trainer_state.json", "metrics.csv")


def log_in(folder: Path) -> Path | None:
    """The log file of a run folder, or of its last checkpoint: by their numbers, times do not survive a copy."""
    for name in IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    checkpoints = [path for path in folder.glob("checkpoint-*/trainer_state.json") if path.parent.name[11:].isdigit()]
    return max(checkpoints, key=lambda path: int(path.parent.name[11:]), default=None)
