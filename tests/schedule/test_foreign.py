"""What is read from a file, a link, a state or a checkpoint imports and calls nothing."""

import json
import pickle
import subprocess
import sys
from types import SimpleNamespace

import pytest

import preheat
from preheat.schedule import base
from preheat.schedule.base import foreign

# Ends the process where it is called: nothing could look like a refusal.
DEADLY = {"version": 1, "kind": "function", "path": "os:_exit"}


def halved(update):
    """A user's own curve."""
    return 0.5**update


PATH = f"{__name__}:halved"


@pytest.fixture(autouse=True)
def named_by_nobody(monkeypatch):
    """As in a process that has just begun."""
    monkeypatch.setattr(base, "_NAMED_BY_CODE", set())


@pytest.mark.parametrize(
    "data",
    [
        DEADLY,
        {"version": 1, "kind": "product", "of": [DEADLY | {"version": 1}, DEADLY]},
        {"version": 1, "kind": "repeat", "of": {"kind": "function", "path": "os:abort", "length": 3}, "times": 2},
        {"version": 1, "kind": "phases", "phases": [{"kind": "function", "path": "os:abort", "length": 3}]},
    ],
)
def test_data_name_no_function(data):
    """At once, wherever in it the function stands."""
    for part in data.get("of", ()) if isinstance(data.get("of"), list) else ():
        part.pop("version", None)
    with pytest.raises(preheat.ScheduleError, match=r"function must be given by code; got 'os:(_exit|abort)'\."):
        preheat.Schedule.from_dict(data)


def test_who_reads_may_hand_functions_over():
    """By the path that the data have; another one stays refused."""
    data = {"version": 1, "kind": "function", "path": PATH}
    assert preheat.Schedule.from_dict(data, functions={PATH: halved})(3) == 0.125
    with pytest.raises(preheat.ScheduleError, match="function must be given by code"):
        preheat.Schedule.from_dict(data, functions={"elsewhere:halved": halved})
    with pytest.raises(preheat.ScheduleError, match="must be a function; got 7"):
        preheat.Schedule.from_dict(data, functions={PATH: 7})


@pytest.mark.parametrize("name", [lambda: preheat.parse(f"function('{PATH}')"), lambda: preheat.from_function(halved)])
def test_what_code_has_named_may_come_back(name):
    """A saved state of its own schedule, say."""
    schedule = name()
    again = preheat.Schedule.from_dict(json.loads(json.dumps(schedule.to_dict())))
    assert again == schedule
    assert again(3) == 0.125
    assert pickle.loads(pickle.dumps(again))(3) == 0.125


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_files_of_a_schedule(suffix, tmp_path):
    """Words and dictionaries alike."""
    path = tmp_path / f"schedule{suffix}"
    preheat.save_schedule(preheat.parse(f"function('{PATH}', length=4)"), path)
    base._NAMED_BY_CODE.clear()
    with pytest.raises(preheat.ScheduleError, match="function must be given by code"):
        preheat.load_schedule(path)
    assert preheat.load_schedule(path, functions={PATH: halved})(1) == 0.5


def test_reading_ends_with_the_reading():
    """Also where it was refused: code may name functions again."""
    with pytest.raises(preheat.ScheduleError), foreign():
        preheat.parse("function('os:abort')")
    assert preheat.parse("function('os:abort')").horizon is None


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
    if words[0] in ("train", "study"):
        pytest.importorskip("torch")
    done = command(*words, folder=payload.folder)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "function must be given by code; got 'evil:f'" in done.stderr
    assert not (payload.folder / "ran").exists()


def test_a_checkpoint_of_somebody(payload):
    """What the finding was: the schedule of a saved state called what it named, with the position."""
    torch = pytest.importorskip("torch")
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
