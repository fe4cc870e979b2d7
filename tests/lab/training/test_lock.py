"""One run a folder: the second is refused at once, a dead holder blocks nobody."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import preheat
from preheat.lab.training.lock import LOCK, FolderLock
from preheat.lab.training.session import train
from support.runs import Child, child_train, lines_of, quiet, same_run

# What is compared is what the run computed; its pictures are test_run's and test_report's.
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.mark.parametrize("options", [{}, {"force": True}, {"resume": True}], ids=str)
def test_second_run_in_a_folder_names_the_first(tmp_path, tiny, options):
    """Before data is read, whatever it was asked to do; the first goes on undisturbed."""
    config, folder = tiny(epochs=2), tmp_path / "run"
    train(config, tmp_path / "uncut", say=quiet)
    first = child_train(tmp_path, config, folder)
    first.wait_for(lambda: lines_of(folder) >= 3)
    os.kill(first.process.pid, signal.SIGSTOP)  # it holds the folder for as long as we look
    try:
        with pytest.raises(preheat.RunError, match=rf"in use by process {first.process.pid} on \S+ since 20\d\d-"):
            train(tiny(data="nowhere.csv"), folder, say=quiet, **options)
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    assert first.end() == 0
    assert same_run(folder, tmp_path / "uncut")
    assert not (folder / LOCK).exists()


def test_lock_of_a_dead_process_does_not_block(tmp_path, tiny):
    """Killed with SIGKILL, workers and all: its file stays and says nothing any more."""
    config, folder = tiny(epochs=2, workers=2), tmp_path / "run"
    child = child_train(tmp_path, config, folder)
    child.wait_for(lambda: lines_of(folder) >= 3)
    child.send(signal.SIGKILL)
    assert json.loads((folder / LOCK).read_text())["process"] == child.process.pid
    train(config, folder, resume=True, say=quiet)


def test_two_runs_of_one_process_do_not_share_a_folder(tmp_path):
    """The system's locks are a process's; ours are a run's."""
    found = []

    def second():
        try:
            with FolderLock(tmp_path):
                pass
        except preheat.RunError as error:
            found.append(str(error))

    with FolderLock(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "another run of this process" in found[0]
    with FolderLock(tmp_path):
        pass


def test_racing_processes_take_a_folder_one_at_a_time(tmp_path):
    """Six of them take and leave it; what each writes and reads back inside is its own."""
    script = f"""
import os, time
from pathlib import Path
from preheat.errors import RunError
from preheat.lab.training.lock import FolderLock
mark, taken = Path({str(tmp_path)!r}) / "mark", 0
while taken < 30:
    try:
        with FolderLock(Path({str(tmp_path)!r})):
            mark.write_text(str(os.getpid()))
            time.sleep(0.0005)
            assert mark.read_text() == str(os.getpid())
            taken += 1
    except RunError:
        time.sleep(0.0002)
"""
    racers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(6)]
    assert [racer.wait(60) for racer in racers] == [0] * 6


def test_folder_made_for_a_run_that_never_began_goes_again(tmp_path):
    """With those above it; one that was there stays."""
    with FolderLock(tmp_path / "runs" / "a"):
        assert (tmp_path / "runs" / "a" / LOCK).exists()
    assert not (tmp_path / "runs").exists()
    (tmp_path / "b").mkdir()
    with FolderLock(tmp_path / "b"):
        pass
    assert (tmp_path / "b").exists()


def unprivileged(work, *args, **options):
    """Work as nobody: root may write anywhere."""
    if os.getuid() == 0:
        os.setuid(65534)
    work(*args, **options)


def test_read_only_folder_is_refused_at_once(tmp_path, tiny):
    """Before data is read, in one line; and one in the way of a folder."""
    with tempfile.TemporaryDirectory() as open_to_all:
        closed = Path(open_to_all) / "closed"
        closed.mkdir()
        closed.chmod(0o555)
        Path(open_to_all).chmod(0o755)
        for folder in (closed, closed / "run"):
            child = Child(tmp_path / "log", unprivileged, train, tiny(data="nowhere.csv"), folder)
            assert child.end() == 1, child.log.read_text()
            said = f"out must be a folder that can be written to; got '{folder}: Permission denied'"
            assert said in child.log.read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(preheat.RunError, match="out must be a folder that can be written to; got .*file"):
        train(tiny(), tmp_path / "file", say=quiet)


def test_waiting_holders_follow_one_another(tmp_path):
    """Each in its turn, though the folder goes with its holder; nothing is left."""
    turns = tmp_path / "turns"
    children = [multiprocessing.get_context("fork").Process(target=_in_turn, args=(tmp_path, turns)) for _ in range(6)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    lines = turns.read_text().split()
    assert lines == ["in", "out"] * 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["turns"]


def _in_turn(folder, turns):
    for _ in range(10):
        with FolderLock(folder / "held", wait=True), turns.open("a") as file:
            file.write("in\n")
            file.flush()
            time.sleep(0.002)
            file.write("out\n")


def test_folders_come_and_go_under_many_holders(tmp_path):
    """Without a pause between them: each meets a folder that another is just taking away, or one above it."""
    context = multiprocessing.get_context("fork")
    places = [(tmp_path / "held", True)] * 4 + [(tmp_path / "runs" / name, False) for name in "ab"]
    children = [context.Process(target=_come_and_go, args=place) for place in places]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert not (tmp_path / "held").exists()


def _come_and_go(folder, wait):
    for _ in range(10_000 if "PREHEAT_DEEP" in os.environ else 250):
        with FolderLock(folder, wait=wait):
            pass
