"""A run folder that others put things into: what is not the run's own is neither used nor removed."""

import json

import pytest

from preheat import RunError
from preheat.lab.training.checkpoints import damage, updates_of
from preheat.lab.training.folder import FORMAT, RunFolder
from preheat.lab.training.records import EVALUATIONS, RECORDS, read_lines, read_run


def filled(path):
    """What a checkpoint has at least."""
    (path / "model.safetensors").write_bytes(b"weights")
    for name in ("optimizer.safetensors", "optimizer.json", "random.json", "run.json"):
        (path / name).write_text("{}")


@pytest.fixture
def run(tmp_path):
    """A run of two checkpoints, evaluated at both."""
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    (folder.path / "config.json").write_text(json.dumps({"format": FORMAT}))
    for updates in (10, 20):
        folder.checkpoints.write(updates, filled)
    lines = [{"update": 10, "accuracy": 0.9}, {"update": 20, "accuracy": 0.8}]
    (folder.path / EVALUATIONS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.mark.parametrize("name", ["update-000010.bak", "update-000010-orig", "update-10", "update-", "update-0000١0"])
def test_copies_are_no_checkpoints(run, name):
    """Neither gone on from nor rotated away, and a reason for --force to stop."""
    copy = run.path / name
    copy.mkdir()
    (copy / "precious").touch()
    assert updates_of(name) == -1
    assert [path.name for path in run.checkpoints.all()] == ["update-000010", "update-000020"]
    run.checkpoints.write(30, filled)
    run.checkpoints.rotate(1, [])
    assert [path.name for path in run.checkpoints.all()] == ["update-000030"]
    with pytest.raises(RunError, match=f"It holds {name}: remove it yourself"):
        run.refuse_if_used(force=True)
    run.start()
    assert (copy / "precious").exists()


def test_a_checkpoint_that_was_moved_and_linked(run, tmp_path):
    """It is read like any other; nothing is removed through the link, and the run goes on."""
    elsewhere = tmp_path / "big-disk"
    (run.path / "update-000010").rename(elsewhere)
    (run.path / "update-000010").symlink_to(elsewhere, target_is_directory=True)
    assert run.marked("update-000010") == run.path / "update-000010"
    run.checkpoints.write(30, filled)
    run.checkpoints.rotate(1, [])
    assert damage(elsewhere) is None
    run.checkpoints.write(10, filled)  # a run that was set back makes it again: in its own place
    assert not (run.path / "update-000010").is_symlink()
    assert damage(elsewhere) is None
    (run.path / "update-000040").symlink_to(elsewhere, target_is_directory=True)
    run.refuse_if_used(force=True)
    run.start()
    assert damage(elsewhere) is None
    assert list(run.path.iterdir()) == []


def test_the_best_checkpoint_is_the_best_or_none(run):
    """Never another one under its name."""
    assert run.marked("best").name == "update-000010"
    (run.path / "update-000010").rename(run.path / "gone")
    with pytest.raises(RunError, match=r"the best checkpoint must be in the run; got 'update 10'\. .*update-000020\."):
        run.marked("best")
    assert run.marked("last").name == "update-000020"
    (run.path / EVALUATIONS).unlink()
    with pytest.raises(RunError, match="checkpoint must be one that was evaluated; got 'best'"):
        run.marked("best")


@pytest.mark.parametrize("bad", [b"{garbage", b"\x00\x00\x00", b"[1]", b"\xff", b"", b"7"])
@pytest.mark.parametrize("file", [RECORDS, EVALUATIONS])
def test_a_damaged_line_is_named(run, file, bad):
    """Wherever the file is read: by a resume, or for a report."""
    (run.path / file).write_bytes(b'{"update": 0}\n' + bad + b'\n{"update": 2}\n')
    for read in (lambda: read_lines(run.path / file), lambda: run.keep_until(1)):
        with pytest.raises(RunError, match=f"{file}, line 2"):
            read()
    header = {"format": FORMAT, "config": {"lr": 1.0}, "classes": [], "data": {}, "updates": 3}
    header["schedule"] = {"version": 1, "kind": "phases", "phases": [{"curve": "linear", "length": 3}]}
    (run.path / "config.json").write_text(json.dumps(header))
    with pytest.raises(RunError, match=f"{file}, line 2"):
        read_run(run.path)


def test_half_a_last_line_is_what_a_kill_leaves(run):
    """It is dropped, and nothing else is."""
    (run.path / RECORDS).write_bytes(b'{"update": 0}\n{"update": 1}\n{"upd')
    assert read_lines(run.path / RECORDS) == [{"update": 0}, {"update": 1}]
