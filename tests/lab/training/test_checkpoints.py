"""Checkpoints that cannot lie: kills inside a save, damaged files, full disks, what is kept and what runs."""

import hashlib
import itertools
import json
import os
import pickle
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import torch

import preheat
from preheat import files
from preheat.lab.training import checkpoints, folder, read_config
from preheat.lab.training.checkpoints import Checkpoints, damage
from preheat.lab.training.evaluation import Classifier
from preheat.lab.training.session import train
from support.rows import tiny_settings, write_rows
from support.runs import Child, checkpoints_of, child_train, lines_of, quiet, read_lines, records_of, same_run


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """34 updates in two epochs, saved every 5 and at 17 and 34."""
    news = write_rows(tmp_path_factory.mktemp("rows") / "news.csv")
    return read_config(flags={**tiny_settings(news), "save_every": 5, "epochs": 2})


@pytest.fixture(scope="module")
def uncut(tmp_path_factory, config):
    """The run that nothing happened to."""
    folder = tmp_path_factory.mktemp("runs") / "uncut"
    train(config, folder, say=quiet)
    return folder


def acting_after_every_write(act, *args, **options):
    """Train; once ten updates are made, call ``act(n)`` after the n-th thing that is done to the disk."""
    run, made = args[1], itertools.count()

    def watched(real):
        def done(*arguments, **keywords):
            result = real(*arguments, **keywords)
            if lines_of(run) >= 10:
                act(next(made))
            return result

        return done

    checkpoints.synced = files.synced = watched(files.synced)
    checkpoints._digest = watched(checkpoints._digest)
    checkpoints.write_json = watched(checkpoints.write_json)
    checkpoints.os = Patched(os, replace=watched(os.replace))
    checkpoints.shutil = Patched(shutil, rmtree=watched(shutil.rmtree))
    folder.write_json = watched(folder.write_json)
    train(*args, **options)


class Patched:
    """A module with some functions replaced."""

    def __init__(self, module, **functions):
        self.__dict__.update({**vars(module), **functions})


def kill_at(point):
    """An act for :func:`acting_after_every_write`: the process dies there."""
    return lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == point else None


def copy_to(copies, run):
    """An act for :func:`acting_after_every_write`: the folder is copied as a kill would have left it there.

    What a process has written stays when it is killed and what it holds in buffers of its own is lost: a copy taken
    through the file system, as this one, has the one and lacks the other. Equal copies are kept once.
    """
    seen = set()

    def copy(number):
        content = contents_of(run)
        state = hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()
        if state not in seen:
            seen.add(state)
            shutil.copytree(run, copies / f"{number:03d}")
        (copies / "points").write_text(str(number + 1))

    return copy


def contents_of(run):
    """Every file of a folder by its name, and its bytes; what is beside a file until it is whole has a random name."""
    files = [path for path in run.rglob("*") if path.is_file()]
    return {re.sub(r"\.[0-9a-f]{8}\.part$", ".part", str(path.relative_to(run))): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def copies(tmp_path_factory, config):
    """Copies of a run's folder in every state that a kill in a save after update 10 can leave, by number of the point.

    The run itself goes on from point to point, so that one process shows all of them.
    """
    into = tmp_path_factory.mktemp("copies")
    run = into / "run"
    child = Child(into / "log", acting_after_every_write, copy_to(into, run), config, run)
    assert child.end() == 0, child.log.read_text()
    assert int((into / "points").read_text()) > 200
    states = {int(path.name): path for path in sorted(into.glob("[0-9]*"))}
    assert len(states) >= 40
    return states


def test_kill_after_every_write_of_a_save(tmp_path, config, uncut, copies, without_pictures):
    """Every point in the saves after update 10, renames and removals included: resumed, the run ends the same."""
    for point, copy in copies.items():
        assert checkpoints_of(copy)
        assert all(damage(path) is None for path in Checkpoints(copy).all())
        run = tmp_path / copy.name
        shutil.copytree(copy, run)
        train(config, run, resume=True, say=quiet)
        assert same_run(run, uncut), point
        assert not [*run.glob(".*")]


def test_a_kill_leaves_what_a_copy_has(tmp_path, config, uncut, copies):
    """Processes that are really killed, inside a checkpoint and after its renaming; resumed, pictures and all."""
    for point, inside in ((15, True), (31, False)):
        run = tmp_path / f"killed-{point}"
        child = Child(tmp_path / f"{point}.log", acting_after_every_write, kill_at(point), config, run)
        assert child.end() == -signal.SIGKILL, child.log.read_text()
        assert bool([*run.glob(".update-000010.part")]) == inside
        assert (run / "update-000010").exists() != inside
        copy = copies[max(state for state in copies if state <= point)]
        assert set(contents_of(run)) == set(contents_of(copy))
        assert records_of(run) == records_of(copy)
        train(config, run, resume=True, say=quiet)
        assert same_run(run, uncut)
        assert (run / "report.html").exists()


@pytest.fixture(scope="module")
def stopped_run(tmp_path_factory, config):
    """A run with the checkpoints of updates 10 and 15, both whole: to be copied, not touched."""

    def stop(line):
        if line.startswith("update 15: average"):
            signal.raise_signal(signal.SIGTERM)

    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(preheat.RunError, match="stopped"):
        train(config.model_copy(update={"log_every": 15}), folder, say=stop)
    assert checkpoints_of(folder) == ["update-000010", "update-000015"]
    return folder


@pytest.fixture
def stopped(tmp_path, stopped_run):
    """A copy of that run, to be damaged."""
    return Path(shutil.copytree(stopped_run, tmp_path / "run"))


def halve(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file):
    file.write_bytes(b"")


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


FILES = (
    *("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"),
    *("optimizer.safetensors", "optimizer.json", "random.json", "run.json", "manifest.json"),
)


def test_every_file_of_a_checkpoint_is_in_the_manifest(stopped):
    """And in the list that the next test damages."""
    assert {path.name for path in (stopped / "update-000015").iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("hurt", [halve, os.remove, empty, flip])
def test_damaged_checkpoint_is_named_and_not_used(tmp_path, stopped, hurt, name):
    """The one before is; the damaged one asked for by name is an error."""
    newest = stopped / "update-000015"
    hurt(newest / name)
    with pytest.raises(preheat.RunError, match=rf"the last checkpoint must be undamaged; got .*{name}.* Undamaged: up"):
        Classifier(stopped, "last")
    problem = damage(newest)
    assert name in problem
    path, damaged = Checkpoints(stopped).newest()
    assert path.name == "update-000010"
    assert [str(one) for one in damaged] == [f"update-000015: {problem}"]
    with pytest.raises(preheat.RunError, match="checkpoint must be complete and undamaged; got .*update-000015"):
        train(preheat.lab.training.TrainConfig(), stopped, resume=True, checkpoint="update-000015", say=quiet)


def test_resume_falls_back_to_the_newest_whole_checkpoint(stopped, uncut):
    """Says which it skipped and why, and ends where the uncut run ends."""
    flip(stopped / "update-000015" / "model.safetensors")
    lines = []
    train(preheat.lab.training.TrainConfig(), stopped, resume=True, say=lines.append)
    assert "skipped update-000015: model.safetensors has changed since it was written" in lines
    assert any(line.startswith("update 10: resume: from update-000010") for line in lines)
    assert same_run(stopped, uncut)


def test_nothing_whole_is_left(stopped):
    """An error that names all of them; the run does not start over by itself."""
    for name in checkpoints_of(stopped):
        flip(stopped / name / "optimizer.safetensors")
    lines = []
    with pytest.raises(preheat.RunError, match="out must be a run with an undamaged checkpoint"):
        train(preheat.lab.training.TrainConfig(), stopped, resume=True, say=lines.append)
    assert sum(line.startswith("skipped update-0000") for line in lines) == 2


def test_resume_from_an_older_checkpoint_by_name(stopped, uncut):
    """The later one is set aside, so that a kill soon after cannot go back to it."""
    lines = []
    train(preheat.lab.training.TrainConfig(), stopped, resume=True, checkpoint="update-000010", say=lines.append)
    assert "set aside, as aside-...: update-000015" in lines
    assert (stopped / "aside-update-000015").is_dir()
    assert same_run(stopped, uncut)
    with pytest.raises(preheat.RunError, match="checkpoint must be one of .*; got 'update-7'. There are: update-0000"):
        train(preheat.lab.training.TrainConfig(), stopped, resume=True, checkpoint="update-7", say=quiet)


def with_small_files(limit, work, *args, **options):
    """Work in a process that may write files of so many bytes: as a full disk, to whoever writes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    work(*args, **options)


@pytest.mark.parametrize("limit", [4_000, 30_000, 60_000])
def test_full_disk_in_a_save(tmp_path, stopped, uncut, limit):
    """Clear, the checkpoint before intact, no half of one left; with room again the run ends the same."""
    sizes = {path.name: path.stat().st_size for path in (stopped / "update-000015").iterdir()}
    assert sizes["model.safetensors"] > 40_000  # so that the limits fall into different files
    for name in ("records.jsonl", "evaluations.jsonl"):  # what is written all along fits
        assert (stopped / name).stat().st_size < limit
    child = Child(
        tmp_path / "log",
        with_small_files,
        limit,
        train,
        preheat.lab.training.TrainConfig(),
        stopped,
        resume=True,
    )
    assert child.end() == 1, child.log.read_text()
    said = child.log.read_text()
    assert "File too large" in said
    assert "update-000015 is intact: mend that and go on with --resume" in said or "records.jsonl" in said
    assert not [*stopped.glob(".*")]
    assert checkpoints_of(stopped) == ["update-000010", "update-000015"]
    train(preheat.lab.training.TrainConfig(), stopped, resume=True, say=quiet)
    assert same_run(stopped, uncut)


def test_full_file_system_in_a_save(tmp_path, config, uncut):
    """A tmpfs of 260 kB that fills up: the same, by ENOSPC."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=260k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount file systems; RLIMIT_FSIZE above covers the rest")
    try:
        run = small / "run"
        child = child_train(tmp_path, config, run)
        assert child.end() == 1, child.log.read_text()
        assert "No space left on device" in child.log.read_text()
        assert "mend that and go on with --resume" in child.log.read_text()
        assert all(damage(path) is None for path in Checkpoints(run).all())
        subprocess.run(["mount", "-o", "remount,size=2m", str(small)], check=True)
        train(config, run, resume=True, say=quiet)
        assert same_run(run, uncut)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_rotation_keeps_what_was_asked_for(tmp_path, tiny):
    """The newest whole, epochs' models or the best alone; nothing goes while the newest is not known to be whole."""
    train(tiny(save_every=4, keep_last=1), tmp_path / "epochs", say=quiet)
    assert checkpoints_of(tmp_path / "epochs") == ["update-000017", "update-000034", "update-000051"]
    train(tiny(save_every=4, keep_last=3, keep_models="best"), tmp_path / "best", say=quiet)
    lines = read_lines(tmp_path / "best" / "evaluations.jsonl")
    best = max(lines, key=lambda line: (line["accuracy"], -line["update"]))["update"]
    newest = ["update-000044", "update-000048", "update-000051"]
    assert checkpoints_of(tmp_path / "best") == sorted({f"update-{best:06d}", *newest})

    there = Checkpoints(tmp_path / "epochs")
    there.rotate(1, [])  # nobody has read the newest back since this object was made
    assert len(there.all()) == 3
    there.newest()
    there.rotate(1, [])
    assert checkpoints_of(tmp_path / "epochs") == ["update-000051"]


def test_models_kept_without_their_state_are_whole_and_not_resumed_from(tmp_path, tiny):
    """The manifest knows what was dropped on purpose."""
    train(tiny(epochs=3), tmp_path / "run", say=quiet)
    first = tmp_path / "run" / "update-000017"
    assert not (first / "optimizer.safetensors").exists()
    assert damage(first) is None
    assert Classifier(tmp_path / "run", "update-000017").classify(["goal match"])
    with pytest.raises(preheat.RunError, match="only its model was kept"):
        train(preheat.lab.training.TrainConfig(), tmp_path / "run", resume=True, checkpoint="update-000017", say=quiet)


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


def test_nothing_in_a_run_folder_can_execute_code(tmp_path, stopped):
    """A payload under every name that a trainer somewhere unpickles, and in place of every file of ours."""
    mark, newest = tmp_path / "executed", stopped / "update-000015"
    known = ("pytorch_model.bin", "optimizer.pt", "scheduler.pt", "state.pt", "training_args.bin", "rng_state.pth")
    for name in (*known, *FILES):
        kept = (newest / name).read_bytes() if (newest / name).exists() else None
        for write in (lambda file: pickle.dump(Payload(mark), file), lambda file: torch.save(Payload(mark), file)):
            with (newest / name).open("wb") as file:
                write(file)
            manifest(newest)  # sealed again, as somebody who means harm would
            for use in (lambda: Classifier(stopped, "last"), lambda: resume(stopped)):
                try:
                    use()
                except Exception as error:
                    assert not isinstance(error, pytest.fail.Exception)
                assert not mark.exists()
        (newest / name).unlink()
        if kept is not None:
            (newest / name).write_bytes(kept)
            manifest(newest)
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists()  # the payload would have worked


def resume(run):
    """As far as the first update."""

    def stop(line):
        if line.startswith("update 15: resume"):
            signal.raise_signal(signal.SIGTERM)

    train(preheat.lab.training.TrainConfig(), run, resume=True, say=stop)


def manifest(path):
    """A checkpoint's manifest written anew over what is there."""
    (path / "manifest.json").unlink(missing_ok=True)
    checkpoints._seal(path)


def test_interrupted_write_is_cleared_and_never_taken_for_a_checkpoint(stopped, uncut):
    """What a kill leaves of one that was being written, or of a file."""
    part, file = stopped / ".update-000016.part", stopped / ".result.json.0123abcd.part"
    shutil.copytree(stopped / "update-000015", part)
    file.touch()
    train(preheat.lab.training.TrainConfig(), stopped, resume=True, say=quiet)
    assert not part.exists()
    assert not file.exists()
    assert same_run(stopped, uncut)


def test_header_that_cannot_be_read_is_one_line(stopped):
    """Half of config.json, or of another release."""
    header = json.loads((stopped / "config.json").read_text())
    (stopped / "config.json").write_text(json.dumps({**header, "format": 1}))
    with pytest.raises(preheat.RunError, match="run must be of format 2; got 1"):
        train(preheat.lab.training.TrainConfig(), stopped, resume=True, say=quiet)
    halve(stopped / "config.json")
    with pytest.raises(preheat.RunError, match=r"run must be a folder whose config\.json can be read"):
        train(preheat.lab.training.TrainConfig(), stopped, resume=True, say=quiet)


def test_records_go_on_from_the_checkpoint(stopped, uncut):
    """What a killed run had written after its last checkpoint is done again, once."""
    ahead = records_of(uncut)[15:18]
    with (stopped / "records.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in ahead)
        file.write('{"update": 18, "lo')
    train(preheat.lab.training.TrainConfig(), stopped, resume=True, say=quiet)
    assert same_run(stopped, uncut)
