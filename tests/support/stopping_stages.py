"""Stages that stop in the middle: whoever is to kill their process need not be quick.

A file ``stop`` beside the study's folder has a number: once so many stages are done, every other stops after an update,
and says so, until the file has another number or is gone.
"""

import sys
import time
from pathlib import Path
from unittest import mock

from preheat.files import replacing
from preheat.lab.training.records import RECORDS, Records

_add = Records.add


def stop_after(folder, least):
    """Let the stages of a study stop once ``least`` of them are done; None lets them go on."""
    for marker in folder.parent.glob("stuck-*"):
        marker.unlink(missing_ok=True)
    if least is None:
        (folder.parent / "stop").unlink()
        return
    with replacing(folder.parent / "stop") as beside:
        beside.write_text(str(least))


def stopped(folder):
    """Where stages that have stopped are being written."""
    parts = (folder / "stages" / marker.name.removeprefix("stuck-") for marker in folder.parent.glob("stuck-*"))
    return [part for part in parts if part.is_dir()]


def process_of(part):
    """The process that writes a stage, as the name of its folder says."""
    return int(part.name.removesuffix(".part").rpartition("-")[2])


def done(folder):
    """How many stages are in their place."""
    return len(list((folder / "stages").glob("[0-9a-f]*/result.json")))


def add(records, record):
    """Write a record, as :meth:`Records.add`; and stop, if that was of a stage and stages are to stop."""
    written = _add(records, record)
    path = Path(records._file.name)
    if path.name == RECORDS and path.parent.name.endswith(".part"):
        part, folder = path.parent, path.parents[2]
        while _stops(folder):
            (folder.parent / f"stuck-{part.name}").touch()
            time.sleep(0.02)
    return written


def _stops(folder):
    try:
        return done(folder) >= int((folder.parent / "stop").read_text())
    except FileNotFoundError:
        return False


def stopping():
    """Stages of this process, and of those forked from it, stop where they are told to."""
    return mock.patch.object(Records, "add", add)


def train_stage(task, before, known):
    """What a worker of a cluster does, stopping."""
    from preheat.lab.studies.executors.dask import train_stage as as_usual

    with stopping():
        return as_usual(task, before, known)


if __name__ == "__main__":
    from preheat.cli.launch import main

    with stopping():
        sys.exit(main())
