"""Studies carried out for real: every run as if it were alone, kills of workers and of the study itself."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import preheat
from preheat.lab.studies import driver
from preheat.lab.studies.design import StudyDesign
from preheat.lab.studies.driver import prepare, run_study
from preheat.lab.studies.executors import LocalProcesses
from preheat.lab.studies.folder import StudyFolder
from preheat.lab.studies.table import read_study
from preheat.lab.training.model import load_model
from preheat.lab.training.records import read_lines
from preheat.lab.training.session import train, weights_digest
from support import stopping_stages
from support.runs import CLOCK, Child, checkpoints_of, quiet, records_of

# JAX, which other tests of this process may have loaded, warns at every fork; the children use torch only.
pytestmark = pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")

SHAPES = ["hold > linear 20% to 0", "hold > 1-sqrt 50% to 0"]


@pytest.fixture
def design(settings):
    """Two cool-downs at two horizons after one climb, two seeds: eight runs."""
    return StudyDesign(schedule=SHAPES, warmup=3, horizon=[20, 35], seed=[0, 1], lr=1e-2, shortest=2, train=settings)


def run_stage(design, folder, **options):
    return run_study(design, folder, executor=LocalProcesses(2, start="fork"), say=quiet, **options)


def without_clock(records):
    return [{key: value for key, value in line.items() if key not in CLOCK} for line in records]


def begun(folder):
    """How often each stage was begun."""
    names = [event["stage"] for event in StudyFolder(folder).events() if event["event"] == "begun"]
    return {name: names.count(name) for name in names}


def test_every_run_is_the_run_alone(tmp_path, design):
    """Records, evaluations and last weights, to the last bit; and what that saved."""
    table = run_stage(design, tmp_path / "study")
    tree = prepare(design).tree
    assert [row.state for row in table.rows] == ["done"] * 8
    assert set(begun(tmp_path / "study").values()) == {1}
    trained = sum(len(read_lines(path)) for path in (tmp_path / "study" / "stages").glob("*/records.jsonl"))
    # Two seeds: trunks to the last branch at 28, cool-downs of 4, 7, 10 and 17 or 18 updates.
    assert trained == sum(stage.updates for stage in tree.stages.values()) < 0.65 * sum(r.updates for r in tree.runs)
    for number, run in enumerate(tree.runs):
        alone = tmp_path / f"alone-{number}"
        train(run.config, alone, say=quiet)
        assert without_clock(table.records(run.name)) == records_of(alone)
        assert [line["lr"] for line in records_of(alone)] == list(run.rates)
        assert table.evaluations(run.name) == read_lines(alone / "evaluations.jsonl")
        last = load_model(alone / checkpoints_of(alone)[-1], run.config)
        assert table.row(run.name).weights == weights_digest(last)


def test_states_are_kept_where_runs_branch_only(tmp_path, design):
    """And the folder says what it is."""
    run_stage(design, tmp_path / "study")
    tree = prepare(design).tree
    folder = StudyFolder(tmp_path / "study")
    for stage in tree.stages.values():
        kept = [f"update-{stage.until:06d}"] if stage.branches else []
        assert checkpoints_of(folder.stage(stage.id)) == kept
        assert json.loads((folder.stage(stage.id) / "spec.json").read_text()) == stage.spec
    assert len(list(folder.stages.iterdir())) == len(tree.stages)
    header = folder.header()
    assert StudyDesign.model_validate(header["design"]) == design
    assert header["ground"]["versions"]["preheat"] == preheat.__version__
    assert [run["name"] for run in header["runs"]] == [run.name for run in tree.runs]


def test_finished_study_trains_nothing_again(tmp_path, design):
    """What is missing is done, nothing else; a state that is gone is made again with the same bits."""
    table = run_stage(design, tmp_path / "study")
    folder = StudyFolder(tmp_path / "study")
    before = folder.events()
    assert run_stage(design, tmp_path / "study").rows == table.rows
    assert folder.events() == before
    tree = prepare(design).tree
    leaf = folder.stage(tree.path(tree.runs[0].name)[-1].id)
    (leaf / "result.json").unlink()
    assert read_study(folder.path).rows[0].state == "missing"
    assert run_stage(design, tmp_path / "study").rows == table.rows
    assert len(folder.events()) == len(before) + 2


def test_other_study_in_the_folder_is_refused(tmp_path, design, news):
    """Another design, other rows, another folder's content; what differs is named."""
    few = design.model_copy(update={"seed": (0,), "horizon": (20,)})
    run_stage(few, tmp_path / "study")
    with pytest.raises(preheat.ConfigError, match=r"study must be the one that the folder was begun with; got .*seed"):
        run_stage(design, tmp_path / "study")
    rows = news.read_text()
    news.write_text(rows.replace("goal", "aim", 1))
    with pytest.raises(preheat.ConfigError, match=r"ground\.data"):
        run_stage(few, tmp_path / "study")
    news.write_text(rows)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(preheat.RunError, match="It holds thesis.tex"):
        run_stage(few, tmp_path / "full")
    with pytest.raises(preheat.RunError, match=r"It has no study\.json"):
        read_study(tmp_path / "full")


def test_study_is_gone_on_with_from_another_folder(tmp_path, design, news, cli, monkeypatch):
    """It may have been moved, and its rows named from where it was begun; one that says them so is the same study."""
    monkeypatch.chdir(tmp_path)
    few = design.model_copy(update={"seed": (0,), "train": {**design.train, "data": news.name}})
    table = run_stage(few, "study")
    header = json.loads(Path("study/study.json").read_text())
    assert header["design"]["train"]["data"] == str(news)
    header["design"]["train"]["data"] = news.name  # as an earlier release wrote it
    Path("study/study.json").write_text(json.dumps(header))
    assert run_stage(few, "study").rows == table.rows
    Path("moved").mkdir()
    Path("study").rename("moved/study")
    last = StudyFolder("moved/study").stage(table.stages[table.rows[0].name][-1])
    (last / "result.json").unlink()
    header["design"]["train"]["data"] = str(news)
    Path("moved/study/study.json").write_text(json.dumps(header))
    monkeypatch.chdir(tmp_path / "moved")
    code, _, err = cli("study", "resume", "study", "--processes", "1")
    assert code == 0, err
    assert read_study("study").rows == table.rows


def test_study_is_extended_by_what_is_new(tmp_path, design):
    """More seeds and a longer horizon: what fits is used again, and the table is that of a study begun so."""
    few = design.model_copy(update={"seed": (0,), "horizon": (20,)})
    first = run_stage(few, tmp_path / "study")
    with pytest.raises(preheat.ConfigError, match="or add --extend"):
        run_stage(design, tmp_path / "study")
    rows = run_stage(design, tmp_path / "study", extend=True).rows
    assert rows == run_stage(design, tmp_path / "whole").rows
    assert {row.name: row for row in first.rows}.items() <= {row.name: row for row in rows}.items()
    # One stage of the small study is cut in two by the branches of the longer runs; the others are used as they are.
    assert len(set(begun(tmp_path / "study")) - set(begun(tmp_path / "whole"))) == 1
    assert set(begun(tmp_path / "study").values()) == {1}
    header = StudyFolder(tmp_path / "study").header()
    assert [StudyDesign.model_validate(earlier["design"]) for earlier in header["earlier"]] == [few]


def test_run_that_goes_wrong_is_a_result(tmp_path, settings):
    """Its row says where; what would have followed is not trained; the others are."""
    design = StudyDesign(
        lr=[1e-2, 1e30], schedule=["hold > linear 5 to 0", "hold > linear 10 to 0"], horizon=20, train=settings
    )
    table = run_stage(design, tmp_path / "study")
    states = {row.name: (row.state, row.updates) for row in table.rows}
    good = [row for row in table.rows if row.lr == 1e-2]
    assert [row.state for row in good] == ["done", "done"]
    bad = [row for row in table.rows if row.lr == 1e30]
    assert [row.state for row in bad] == ["went wrong", "went wrong"], states
    assert bad[0].updates == bad[1].updates < 10
    assert bad[0].loss is None
    assert len(table.records(bad[0].name)) == bad[0].updates
    assert sum(begun(tmp_path / "study").values()) == 4
    said = []
    again = run_study(design, tmp_path / "study", executor=LocalProcesses(2, start="fork"), say=said.append)
    assert again.rows == table.rows
    assert said[-1] == "2 of 6 stages follow what went wrong: there is nothing to begin them with"
    assert sum(begun(tmp_path / "study").values()) == 4


def _status(pid):
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


def _workers_of(pid):
    """The processes that a process has started."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [number for number in numbers if f"\nPPid:\t{pid}\n" in _status(number)]


def _alive(pid):
    return "State" in _status(pid) and "State:\tZ" not in _status(pid)


def _study(design, folder, say):
    with stopping_stages.stopping():
        run_study(design, folder, processes=2, say=say)


def _stopped_study(log, design, folder, least):
    """A study in a child, and the stages that have stopped in the middle after ``least`` were done."""
    stopping_stages.stop_after(folder, least)
    child = Child(log, _study, design, folder)
    child.wait_for(lambda: stopping_stages.stopped(folder), 300)
    found = stopping_stages.stopped(folder)
    assert found, log.read_text()
    return child, found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers under /proc")
@pytest.mark.parametrize("finished", [0, 2])
def test_killed_worker_costs_the_stage_it_was_in(tmp_path, design, finished):
    """SIGKILL: another one begins that stage again; the table is that of a study to which nothing happened."""
    table = run_stage(design, tmp_path / "whole")
    folder = tmp_path / "study"
    child, (part, *_) = _stopped_study(tmp_path / "log", design, folder, finished)
    assert stopping_stages.process_of(part) in _workers_of(child.process.pid)
    os.kill(stopping_stages.process_of(part), signal.SIGKILL)
    stopping_stages.stop_after(folder, None)
    assert child.end(300) == 0, child.log.read_text()
    assert read_study(folder).rows == table.rows
    lost = [event["stage"] for event in StudyFolder(folder).events() if event["event"] == "lost"]
    assert [name[:20] for name in lost] == [part.name.split(".")[1]]
    assert list(folder.glob("stages/.*")) == []
    assert begun(folder) == {name: 1 + (name in lost) for name in begun(tmp_path / "whole")}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers under /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_study_goes_on_where_it_was(tmp_path, design, number):
    """Its workers end with it; what was done is not done again; two kills, the same table."""
    table = run_stage(design, tmp_path / "whole")
    folder = tmp_path / "study"
    for finished in (1, 4):
        child, parts = _stopped_study(tmp_path / "log", design, folder, finished)
        workers = _workers_of(child.process.pid)
        assert {stopping_stages.process_of(part) for part in parts} <= {*workers}
        child.send(number)
        deadline = time.monotonic() + 120
        while any(map(_alive, workers)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not any(map(_alive, workers))
        assert finished <= stopping_stages.done(folder) < len(begun(tmp_path / "whole"))
    stopping_stages.stop_after(folder, None)
    done = {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("stages/[0-9a-f]*/result.json")}
    run_stage(design, folder)
    assert read_study(folder).rows == table.rows
    assert [path.name for path in folder.glob("stages/.*")] == []
    for name, made in done.items():
        assert (folder / "stages" / name / "result.json").stat().st_mtime_ns == made
    again = sum(begun(folder).values()) - len(begun(tmp_path / "whole"))
    assert again <= 2 * 2  # at most the stages that two workers were in at either kill


def test_stage_whose_process_is_always_lost_is_named(tmp_path, design, monkeypatch):
    """After three times; what does not follow it is trained."""
    monkeypatch.setattr("preheat.lab.studies.executors.local.run_stage", _die_in_seed_one)
    with pytest.raises(preheat.RunError, match=r"updates 0 to .* must be trained; got .*SIGKILL, 3 times.*memory"):
        run_stage(design, tmp_path / "study")
    rows = read_study(tmp_path / "study").rows
    assert [row.state for row in rows] == ["done" if row.seed == 0 else "missing" for row in rows]
    monkeypatch.undo()
    assert {row.state for row in run_stage(design, tmp_path / "study").rows} == {"done"}


def _die_in_seed_one(task):
    from preheat.lab.studies.stage import run_stage as as_usual

    if task.config["seed"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return as_usual(task)


def test_damaged_state_is_named(tmp_path, design):
    """A stage never goes on from bits that have changed."""
    few = design.model_copy(update={"seed": (0,), "horizon": (20,)})
    run_stage(few, tmp_path / "study")
    folder, tree = StudyFolder(tmp_path / "study"), prepare(few).tree
    first, last = tree.path(tree.runs[0].name)
    (folder.stage(last.id) / "result.json").unlink()
    file = folder.state(first.id, first.until) / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(preheat.RunError, match=r"model\.safetensors has changed since it was written"):
        run_stage(few, tmp_path / "study")


def test_two_studies_in_one_folder_at_once_are_refused(tmp_path, design):
    """The second is told who holds it."""
    with StudyFolder(tmp_path / "study").lock(), pytest.raises(preheat.RunError, match="no other run is using"):
        run_stage(design, tmp_path / "study")


def test_stage_may_end_while_what_was_cut_off_is_cleared(tmp_path, monkeypatch):
    """Its part was listed, and is in its place before its lock is had; what was really cut off goes."""
    folder = StudyFolder(tmp_path / "study")
    for stage in ("a", "b"):
        (folder.stages / f".{stage}.host-1.part").mkdir(parents=True)

    @contextlib.contextmanager
    def held_once_it_ended(stage):
        if stage.name == "a":
            os.replace(folder.stages / ".a.host-1.part", stage)
        yield

    monkeypatch.setattr("preheat.lab.studies.folder.held", held_once_it_ended)
    folder.clear()
    assert [path.name for path in folder.stages.iterdir()] == ["a"]


def test_study_without_sharing_is_brute_force(tmp_path, design):
    """Every run a stage of its own; the same table."""
    few = design.model_copy(update={"seed": (0,)})
    shared, alone = run_stage(few, tmp_path / "shared"), run_stage(few, tmp_path / "alone", share=False)
    assert shared.rows == alone.rows
    assert {len(stages) for stages in alone.stages.values()} == {1}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_usual_processes_are_the_cores_that_may_be_used(monkeypatch):
    """A job on a shared machine has fewer than there are."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3, 5, 8})
    assert LocalProcesses().processes == 3


def test_end_by_a_signal_without_a_name_is_said(tmp_path, design, monkeypatch):
    """Real-time signals have numbers only."""
    monkeypatch.setattr("preheat.lab.studies.executors.local.run_stage", _die_of_a_number)
    few = design.model_copy(update={"seed": (0,), "horizon": (20,)})
    with pytest.raises(preheat.RunError, match=f"its process ended with signal {signal.SIGRTMIN + 3}, 3 times"):
        run_stage(few, tmp_path / "study")


def _die_of_a_number(_task):
    os.kill(os.getpid(), signal.SIGRTMIN + 3)


def test_processes_that_cannot_be_are_refused():
    """One, at least."""
    for many in (0, -1, 1.5, True):
        with pytest.raises(preheat.ConfigError, match="processes must be a whole number >= 1"):
            LocalProcesses(many)
    assert driver.LocalProcesses(3).processes == 3


def test_spawned_processes_do_the_same(tmp_path, design):
    """Where forking is not safe, each worker loads what it needs; a script needs no guard for them."""
    few = design.model_copy(update={"seed": (0,), "horizon": (20,)})
    script = tmp_path / "script.py"
    script.write_text(
        "from preheat.lab.studies import LocalProcesses, StudyDesign, run_study\n"
        f"design = StudyDesign.model_validate({few.to_dict()!r})\n"
        f"run_study(design, {str(tmp_path / 'spawned')!r}, executor=LocalProcesses(1, start='spawn'))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert read_study(tmp_path / "spawned").rows == run_stage(few, tmp_path / "forked").rows
