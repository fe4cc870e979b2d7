"""What Dask's scheduler costs a large study: over 10,000 stages on 256 workers that only write a result.

The design is a real one (cool-downs x horizons x seeds), its tree goes through the real driver and executor to a
scheduler in a process of its own. The workers are 256 of Dask's own in two processes; a task writes the stage's result
and is done. Printed are the scheduler's processor time a task and its memory, and how long driver and cluster took.
"""

import argparse
import asyncio
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from preheat.lab.studies.design import StudyDesign
from preheat.lab.studies.driver import _Driver, prepare
from preheat.lab.studies.executors import DaskCluster, Done
from preheat.lab.studies.folder import StudyFolder

RESULT = {"failed": None, "checkpoint": "none", "scores": {"loss": 0.0}, "seconds": 0.0}


def nothing(task, _before, _known):
    """The result of a stage without the stage."""
    folder = Path(task.folder)
    (folder / f"update-{task.until:06d}").mkdir(parents=True)
    kept = f"update-{task.until:06d}"
    result = {**RESULT, "id": task.id, "start": task.spec["start"], "until": task.until, "checkpoint": kept}
    (folder / "result.json").write_text(json.dumps(result))
    return Done(task.id)


class Simulated(DaskCluster):
    """The real executor, with tasks that do nothing."""

    _work = staticmethod(nothing)


def serve(address, many):
    """So many workers in one process, without the profiler that each has: they would take turns at two cores."""
    import dask
    from distributed import Worker

    dask.config.set({"distributed.worker.profile.enabled": False})

    async def all_of_them():
        workers = [Worker(address, nthreads=1, resources={"stage": 1}, dashboard=False) for _ in range(many)]
        await asyncio.gather(*workers)
        await asyncio.gather(*(worker.finished() for worker in workers))

    asyncio.run(all_of_them())


def main():
    """Carry out the study and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cooldowns", type=int, default=16)
    parser.add_argument("--horizons", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--workers", type=int, default=256)
    asked = parser.parse_args()
    shapes = [f"hold > linear {5 + 5 * place}% to 0" for place in range(asked.cooldowns)]
    horizons = [1000 + 500 * place for place in range(asked.horizons)]
    design = StudyDesign(schedule=shapes, horizon=horizons, seed=[*range(asked.seeds)], warmup=100)
    clock = time.monotonic()
    prepared = prepare(design)
    many = len(prepared.tree.stages)
    print(f"{len(prepared.tree.runs):,} runs in {many:,} stages, planned in {time.monotonic() - clock:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        simulate(prepared, Path(folder), asked.workers, many)


def simulate(prepared, folder, workers, many):
    """Start the cluster, give it the tree, wait for the end."""
    file = folder / "scheduler.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with (folder / "scheduler.log").open("w") as log:
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", *words], stdout=log, stderr=log
        )
    while not file.exists():
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    spawn = multiprocessing.get_context("spawn")
    nodes = [spawn.Process(target=serve, args=(address, workers // 2), daemon=True) for _ in range(2)]
    for node in nodes:
        node.start()
    executor = Simulated(address)
    while executor.processes < workers:
        time.sleep(0.5)
    study = StudyFolder(folder / "study")
    study.stages.mkdir(parents=True)
    process = psutil.Process(scheduler.pid)
    before, small = process.cpu_times(), process.memory_info().rss
    (study.path / "study.json").write_text("{}")
    driver = _Driver(prepared.tree, study, executor, lambda _line: None)
    clock, own = time.monotonic(), time.process_time()
    with study.lock():
        driver.run()
    wall, used, after = time.monotonic() - clock, time.process_time() - own, process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    print(f"{many:,} stages on {workers} workers in {wall:.0f} s of wall time")
    print(f"scheduler: {1e3 * spent / many:.2f} ms of processor time a stage")
    print(f"scheduler: {process.memory_info().rss / 2**20:.0f} MiB at the end, {small / 2**20:.0f} before")
    print(f"the study's process: {1e3 * used / many:.2f} ms a stage")
    executor.close()
    scheduler.terminate()


if __name__ == "__main__":
    main()
