"""A real cluster on this machine: a scheduler, two nodes of workers; workers, nodes and the study itself are killed."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import preheat
from preheat.lab.studies.design import StudyDesign
from preheat.lab.studies.driver import prepare, run_study
from preheat.lab.studies.executors import DaskCluster, LocalProcesses
from preheat.lab.studies.executors import dask as adapter
from preheat.lab.studies.folder import StudyFolder
from preheat.lab.studies.table import read_study
from support import stopping_stages
from support.runs import Child, quiet
from support.warm_process import WarmProcess

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers under /proc")

SHAPES = ["hold > linear 20% to 0", "hold > 1-sqrt 50% to 0"]


@pytest.fixture
def design(settings):
    """Two cool-downs at two horizons after one climb, two seeds: eight runs in twelve stages or so."""
    return StudyDesign(schedule=SHAPES, warmup=3, horizon=[40, 60], seed=[0, 1], lr=1e-2, shortest=2, train=settings)


class Cluster:
    """A scheduler and nodes, each a process group of its own, as other machines would be."""

    def __init__(self, folder, warm=None):
        self.folder, self.nodes = folder, {}
        self.file = folder / "scheduler.json"
        self._start("scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", warm=warm)
        self.address = wait_for(self._said)["address"]

    def _said(self):
        """What the scheduler has written of itself; it writes in place, so that half of it may be there."""
        try:
            return json.loads(self.file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def _start(self, name, program, *words, warm):
        program, words = f"distributed.cli.{program}", ["--scheduler-file", str(self.file), *words]
        log = self.folder / f"{name}.log"
        if warm is not None:
            number = warm.start(program, words, folder=self.folder, output=log, errors=log, session=True)
            self.nodes[name] = number, functools.partial(warm.wait, number)
            return
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", program, *words], stdout=file, stderr=file, start_new_session=True,
                cwd=self.folder, env={**os.environ, **QUIET},
            )  # fmt: skip
        self.nodes[name] = process.pid, process.wait

    def node(self, name, workers, warm=None):
        """Start workers, as ``docs/cluster.md`` says; all of it in forks of a process, where one is given."""
        words = ["--nthreads", "1", "--resources", "stage=1", "--nworkers", str(workers), "--memory-limit", "0"]
        place = ["--host", "127.0.0.1", "--no-dashboard", "--local-directory", str(self.folder / name)]
        self._start(name, "dask_worker", *words, *place, warm=warm)

    def kill(self, name):
        """SIGKILL to all processes of a node."""
        number, wait = self.nodes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)
        wait()

    def close(self):
        """End everything."""
        for name in [*self.nodes]:
            self.kill(name)


# Workers find the stages that stop.
PLACES = os.pathsep.join(
    [str(Path(stopping_stages.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
)
QUIET = {
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "warning",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",  # looks at each worker a hundred times a second
    "PYTHONPATH": PLACES,
}


def wait_for(value, seconds=300):
    """The value, once there is one."""
    deadline = time.monotonic() + seconds
    while not (found := value()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def warm():
    """A process that has loaded what workers need: the nodes of its forks are there at once, and so are new workers."""
    studies = ("preheat.lab.studies.driver", "preheat.lab.studies.executors.dask", "preheat.lab.training.session")
    forked = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "fork"}
    process = WarmProcess("distributed.nanny", "distributed.scheduler", *studies, environment={**QUIET, **forked})
    yield process
    process.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, warm):
    """A scheduler with a node of two workers, in forks, and one of one, as people start it."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    made.node("first", 2, warm)
    made.node("second", 1)
    looking = DaskCluster(made.address, patience=300)
    wait_for(lambda: looking.processes == 3)
    looking.close()
    yield made
    made.close()


class Watch:
    """Sees every result that is put in its place, and that none is put there twice."""

    def __init__(self, folder):
        self.folder, self.seen, self.twice = folder, {}, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_often)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()
        self._look()  # at what came after the last time

    def _look_often(self):
        while not self._over.wait(0.005):
            self._look()

    def _look(self):
        for path in self.folder.glob("stages/[0-9a-f]*/result.json"):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                now = found.st_ino, found.st_mtime_ns
                if self.seen.setdefault(path.parent.name, now) != now:
                    self.twice.append(path.parent.name)


def on_cluster(design, folder, address, say):
    run_study(design, folder, executor=DaskCluster(address, say=say), say=say)


def stopped(child, folder):
    """Stages that have stopped in the middle."""
    child.wait_for(lambda: stopping_stages.stopped(folder), 300)
    found = stopping_stages.stopped(folder)
    assert found, child.log.read_text()
    return found


def test_kills_of_workers_nodes_and_the_study_change_nothing(tmp_path, design, cluster, monkeypatch):
    """SIGKILL to a worker, to a node, to the study's process; what is there is never made again; the same table."""
    whole = run_study(design, tmp_path / "whole", executor=LocalProcesses(2, start="fork"), say=quiet)
    folder = tmp_path / "study"
    with Watch(folder) as watch:
        monkeypatch.setattr(DaskCluster, "_work", staticmethod(stopping_stages.train_stage))
        stopping_stages.stop_after(folder, 1)
        child = Child(tmp_path / "log", on_cluster, design, folder, cluster.address)
        os.kill(stopping_stages.process_of(stopped(child, folder)[0]), signal.SIGKILL)
        stopping_stages.stop_after(folder, 3)
        stopped(child, folder)
        cluster.kill("second")
        stopping_stages.stop_after(folder, 5)
        stopped(child, folder)
        child.send(signal.SIGKILL)
        assert 5 <= stopping_stages.done(folder) < len(prepare(design).tree.stages)
        stopping_stages.stop_after(folder, None)
        again = subprocess.run(
            [sys.executable, "-m", "preheat", "study", "resume", str(folder), "--scheduler", cluster.address],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert read_study(folder).rows == whole.rows
    assert watch.twice == []
    assert set(watch.seen) == {path.name for path in (folder / "stages").iterdir()}  # and nothing else is left there
    assert len(watch.seen) == len(prepare(design).tree.stages)


def test_what_goes_wrong_is_a_result_and_what_follows_is_left_out(tmp_path, design, cluster):
    """As on one machine: a run whose numbers go bad ends its branch; a damaged state is named; the rest is trained."""
    wild = design.model_copy(update={"lr": (1e-2, 1e30), "seed": (0,)})
    found = {}
    for name, executor in (("local", LocalProcesses(2, start="fork")), ("cluster", DaskCluster(cluster.address))):
        found[name] = run_study(wild, tmp_path / name, executor=executor, say=quiet).rows
    assert found["local"] == found["cluster"]
    assert {row.state for row in found["cluster"]} == {"done", "went wrong"}
    folder, tree = StudyFolder(tmp_path / "cluster"), prepare(wild).tree
    first, *_, last = tree.path(tree.runs[0].name)
    (folder.stage(last.id) / "result.json").unlink()
    (folder.state(tree.stages[last.parent].id, last.start) / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(preheat.RunError, match=r"model\.safetensors"):
        run_study(wild, tmp_path / "cluster", executor=DaskCluster(cluster.address), say=quiet)
    assert first.start == 0


def test_workers_that_cannot_train_the_study_are_refused(tmp_path, design, cluster, monkeypatch):
    """Other releases, another folder, several stages in one process; nothing has been begun."""
    monkeypatch.setattr(adapter, "versions", lambda: {"torch": "1.0"})
    sentence = r"worker tcp://\S+ must be able to train this study; got 'torch \S+, not 1\.0'"
    with pytest.raises(preheat.ConfigError, match=sentence):
        run_study(design, tmp_path / "releases", executor=DaskCluster(cluster.address), say=quiet)
    monkeypatch.undo()
    monkeypatch.setattr(adapter, "mark_of", lambda study: "another")
    with pytest.raises(preheat.ConfigError, match="got 'no such study at "):
        run_study(design, tmp_path / "elsewhere", executor=DaskCluster(cluster.address), say=quiet)
    monkeypatch.undo()
    crowded = {"tcp://a": {"resources": {"stage": 2.0}, "nthreads": 2}}
    monkeypatch.setattr(DaskCluster, "_all_workers", lambda self: crowded)
    with pytest.raises(preheat.ConfigError, match="worker must be one with 1 of stage and 1 thread; got '2 of stage"):
        run_study(design, tmp_path / "crowded", executor=DaskCluster(cluster.address), say=quiet)
    assert [read_study(tmp_path / name).rows[0].state for name in ("releases", "elsewhere", "crowded")] == [
        "missing"
    ] * 3


def test_worker_without_locks_or_preheat_is_refused(tmp_path, design, cluster, monkeypatch):
    """A folder in which nobody's locks are seen; a worker that cannot load what it is sent."""
    monkeypatch.setattr(StudyFolder, "lock", lambda self: contextlib.nullcontext(self.path.mkdir()))
    with pytest.raises(preheat.ConfigError, match="got 'locks that other machines hold are not seen in "):
        run_study(design, tmp_path / "locks", executor=DaskCluster(cluster.address), say=quiet)
    monkeypatch.undo()
    monkeypatch.setattr(adapter, "misfit_of", _Unloadable())
    with pytest.raises(preheat.ConfigError, match=r"worker tcp://\S+ must be able to train .*no_such_package"):
        run_study(design, tmp_path / "load", executor=DaskCluster(cluster.address), say=quiet)


class _Unloadable:
    """What a worker cannot make of what it is sent."""

    def __reduce__(self):
        return __import__, ("no_such_package",)


def test_stage_that_workers_die_of_is_named(tmp_path, design, cluster, monkeypatch):
    """After so many of them; what does not follow it is trained, and the next study has it all."""

    def die_in_seed_one(task, before, known):  # sent as it is: workers do not have this file
        from preheat.lab.studies.executors.dask import train_stage

        if task.config["seed"] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return train_stage(task, before, known)

    monkeypatch.setattr(DaskCluster, "_work", staticmethod(die_in_seed_one))
    monkeypatch.setattr(adapter, "_MOST_LOST", 1)
    few = design.model_copy(update={"horizon": (20,)})
    with pytest.raises(preheat.RunError, match="its worker was lost again and again"):
        run_study(few, tmp_path / "study", executor=DaskCluster(cluster.address), say=quiet)
    rows = read_study(tmp_path / "study").rows
    assert {row.state for row in rows if row.seed == 0} == {"done"}
    assert {row.state for row in rows if row.seed == 1} == {"missing"}
    monkeypatch.undo()
    table = run_study(few, tmp_path / "study", executor=DaskCluster(cluster.address), say=quiet)
    assert {row.state for row in table.rows} == {"done"}


def test_worker_that_dies_after_its_stage_is_no_end_of_the_scheduler(tmp_path, design, cluster, monkeypatch):
    """What it said is lost with it, as Dask has it; what it wrote stays, and nothing is run twice."""
    took, lost = DaskCluster._done, []

    def slowly(task, before, known):  # sent as it is: workers do not have this file
        from preheat.lab.studies.executors.dask import train_stage

        time.sleep(0.5)  # so that it is seen to be lost before the scheduler has had it done again
        return train_stage(task, before, known)

    def kill_before(self, future):
        if not lost:
            (address,) = self.client.who_has([future])[future.key]
            os.kill(self.client.run(os.getpid, workers=[address])[address], signal.SIGKILL)
            lost.append(wait_for(lambda: future.status if future.status != "finished" else None))
        return took(self, future)

    monkeypatch.setattr(DaskCluster, "_work", staticmethod(slowly))
    monkeypatch.setattr(DaskCluster, "_done", kill_before)
    few = design.model_copy(update={"horizon": (20,)})
    with Watch(tmp_path / "study") as watch:
        table = run_study(few, tmp_path / "study", executor=DaskCluster(cluster.address), say=quiet)
    assert lost == ["lost"]
    assert {row.state for row in table.rows} == {"done"}
    assert watch.twice == []


def test_cluster_is_used_again_after_an_interrupt(tmp_path, design, cluster):
    """What was taken back then says so in a study that has ended."""
    executor = DaskCluster(cluster.address)

    def interrupt(line):
        if line.startswith("1/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(design, tmp_path / "study", executor=executor, say=interrupt)
    few = design.model_copy(update={"seed": (7,)})
    table = run_study(few, tmp_path / "other", executor=executor, say=quiet)
    assert {row.state for row in table.rows} == {"done"}


def test_cluster_that_is_not_there_is_said(tmp_path, design, cli, warm):
    """No scheduler, a scheduler without workers, a scheduler that goes away."""
    with pytest.raises(preheat.ConfigError, match="scheduler must be the address of a Dask scheduler; got 'tcp://127"):
        run_study(design, tmp_path / "none", executor=DaskCluster("tcp://127.0.0.1:1", patience=0.5), say=quiet)
    empty = Cluster(tmp_path, warm)
    try:
        few = DaskCluster(empty.address)
        assert few.client.status == "running"  # to connect may take a busy machine longer than
        few.patience = 0.5  # what is waited for a worker
        with pytest.raises(preheat.ConfigError, match="workers must be one or more with the resource stage; got 'none"):
            run_study(design, tmp_path / "empty", executor=few, say=quiet)
        few.close()
        waiting = DaskCluster(empty.address)
        assert waiting.client.status == "running"
        empty.kill("scheduler")
        with pytest.raises(preheat.RunError, match="scheduler must be there until the study has ended"):
            waiting.ready()
        waiting.close()
    finally:
        empty.close()
    code, _, err = cli("study", "resume", tmp_path / "none", "--scheduler", "tcp://a:1", "--processes", 2)
    assert code == 2
    assert "processes must be left out with --scheduler; got 2" in err
