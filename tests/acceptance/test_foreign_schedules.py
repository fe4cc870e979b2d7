"""A schedule that names a function, in what of somebody else's a command reads: refused, and nothing is run."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

import preheat
from preheat.schedule import base


def command(*words, folder):
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "preheat", *map(str, words)], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def payload(tmp_path_factory):
    """A folder with a module that leaves a mark when it is imported, and files that name it."""
    folder = tmp_path_factory.mktemp("payload")
    (folder / "evil.py").write_text("import pathlib\npathlib.Path('ran').touch()\ndef f(update): return 1.0\n")
    schedule = {"version": 1, "kind": "function", "path": "evil:f"}
    (folder / "schedule.json").write_text(json.dumps(schedule))
    (folder / "schedule.toml").write_text("version = 1\nschedule = \"function('evil:f', length=9) > hold 1\"\n")
    (folder / "train.toml").write_text("schedule = \"function('evil:f', length=9)\"\nmax_updates = 9\n")
    (folder / "log.csv").write_text("update,lr\n" + "".join(f"{k},{1 - k / 9}\n" for k in range(9)))
    (folder / "study.toml").write_text("schedule = [\"function('evil:f', length=9)\"]\nhorizon = 9\n")
    return SimpleNamespace(folder=folder, schedule=schedule)


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "log.csv", "--against", "schedule.json", "--lr", "1"),
        ("audit", "log.csv", "--against", "schedule.toml", "--lr", "1"),
        ("train", "--config", "train.toml", "--out", "run"),
        ("study", "run", "--design", "study.toml", "--out", "runs"),
    ],
)
def test_commands_on_files_of_somebody(payload, words):
    """Refused in a line; nothing was imported."""
    done = command(*words, folder=payload.folder)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "function must be given by code; got 'evil:f'" in done.stderr
    assert not (payload.folder / "ran").exists()


def test_a_checkpoint_of_somebody(payload):
    """What the finding was: the schedule of a saved state called what it named, with the position."""
    path = payload.folder / "hf" / "checkpoint-5"
    path.mkdir(parents=True)
    for name in ("os:_exit", "evil:f"):
        schedule = payload.schedule | {"path": name}
        base._NAMED_BY_CODE.add(name)
        fingerprint = preheat.Schedule.from_dict(schedule).fingerprint
        base._NAMED_BY_CODE.clear()
        state = {
            "version": 1,
            "position": 77,
            "previewed": 0,
            "skipped": [],
            "schedules": {"lr": {"*": schedule}},
            "fingerprint": fingerprint,
            "groups": {"0": {"lr": 1e-3}},
        }
        torch.save(state, path / "scheduler.pt")
        done = command("resume-check", "hf", "--with", "warmup 5 > linear 1900", folder=payload.folder)
        assert done.returncode == 2, done
        assert f"function must be given by code; got '{name}'" in done.stderr
    assert not (payload.folder / "ran").exists()


def test_words_typed_on_a_command_line_may(payload):
    """They are their user's own."""
    done = command("show", "function('evil:f', length=9)", "--updates", "9", folder=payload.folder)
    assert done.returncode == 0, done.stderr
    assert (payload.folder / "ran").exists()
    (payload.folder / "ran").unlink()
