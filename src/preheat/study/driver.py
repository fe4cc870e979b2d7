"""A study carried out: stages handed out as their parents end, until every run is there.

A study is its folder, not a process: what is in it is never trained again, and what is missing is what is left to do.
So going on after a kill is the same as beginning.
"""

from __future__ import annotations

import heapq
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, RunError, refusal
from preheat.schedule.operations import changed_fields
from preheat.study.design import StudyDesign, anchored, read_design
from preheat.study.executors import Done, Executor, LocalProcesses
from preheat.study.folder import StudyFolder
from preheat.study.ground import Ground, hardware, survey
from preheat.study.plan import StudyPlan, plan_of
from preheat.study.runs import StudyRun, expand
from preheat.study.stage import Task
from preheat.study.timing import time_updates
from preheat.study.tree import Stage, StageTree, grow
from preheat.train.config import read_config

if TYPE_CHECKING:
    from preheat.study.table import StudyTable

Say = Callable[[str], None]
_MOST_LOST = 3  # times that the process of one stage may be lost before there must be a reason


def say_to_stderr(line: str) -> None:
    """Print a line for people."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A design with what it comes to.

    Attributes:
        design: what is asked.
        ground: the data and versions it stands on.
        tree: its runs as stages.
        share: whether runs share stages.
    """

    design: StudyDesign
    ground: Ground
    tree: StageTree
    share: bool = True

    def header(self) -> dict[str, Any]:
        """What ``study.json`` says."""
        return {
            "question": self.design.question,
            "design": self.design.to_dict(),
            "share": self.share,
            "command": shlex.join(sys.argv),
            "begun": time.strftime("%Y-%m-%d %H:%M:%S"),
            "ground": self.ground.to_dict(),
            "hardware": hardware(),
            "runs": [_run(run, path) for run, path in self.tree.paths()],
        }


def prepare(design: StudyDesign, *, share: bool = True) -> Prepared:
    """Read the data and work out runs and stages; nothing is written.

    Args:
        design: what is asked.
        share: False gives every run stages of its own: what brute force would cost.
    """
    ground = survey(read_config(None, design.common))
    runs = expand(design, ground)
    # Without sharing no stretch is long enough for a stage of its own.
    shortest = design.shortest if share else 1 + max(run.updates for run in runs)
    return Prepared(design, ground, grow(runs, shortest), share)


def plan_study(
    design: StudyDesign,
    folder: StudyFolder | None = None,
    *,
    processes: int | None = None,
    share: bool = True,
    measure: bool = False,
) -> StudyPlan:
    """What a study will train; with a folder, what is left of it; with ``measure``, how long, by a few updates."""
    prepared = prepare(design, share=share)
    many = LocalProcesses(processes).processes
    plan = _plan(prepared.tree, {} if folder is None else folder.results(prepared.tree), many)
    if not measure or plan.update_seconds is not None:
        return plan
    update, stage = time_updates(prepared.tree)
    return replace(plan, update_seconds=update, stage_seconds=stage)


def run_study(
    design: StudyDesign,
    out: str | os.PathLike[str],
    *,
    executor: Executor | None = None,
    processes: int | None = None,
    share: bool = True,
    extend: bool = False,
    say: Say = say_to_stderr,
) -> StudyTable:
    """Train every run of a design that is not in the folder yet, and give the table of all.

    Args:
        design: what is asked.
        out: the study's folder: new or empty, or that of this very study, which is then gone on with.
        executor: where stages are trained; None takes processes of this machine.
        processes: how many of them; None takes one for every core.
        share: False trains every run by itself, for a comparison.
        extend: take this design in the place of the folder's own, on the same rows and versions: with more seeds, say.
            What is trained stays and is used where it fits; ``study.json`` keeps the earlier design.
        say: receives every line for people.

    Returns:
        The table of runs. Those whose numbers went bad are in it, as what they are.

    Raises:
        ConfigError, DataError: before anything is written, for what cannot be trained.
        RunError: for a folder of something else or of another design, for one that is in use, and, when all that can be
            trained is, for stages that failed for another reason than their numbers.
    """
    from preheat.study.index import write_index
    from preheat.study.table import read

    prepared = prepare(anchored(design), share=share)
    folder = StudyFolder(out)
    with folder.lock():
        _settle(folder, prepared, extend=extend)
        folder.clear()
        executor = executor or LocalProcesses(processes, log=folder.path / "workers.log")
        driver = _Driver(prepared.tree, folder, executor, say)
        say(str(_plan(prepared.tree, driver.results, executor.processes)))
        try:
            driver.run()
        except KeyboardInterrupt:
            say(f"interrupted: what is done is kept; go on with: preheat study resume {folder.path}")
            raise
        finally:
            executor.close()
            folder.clear()  # of stages whose process was lost
            write_index(folder.path)
        return read(folder.path)


class _Driver:
    """Hands out stages."""

    def __init__(self, tree: StageTree, folder: StudyFolder, executor: Executor, say: Say) -> None:
        self.tree, self.folder, self.executor, self.say = tree, folder, executor, say
        self.results = folder.results(tree)
        self.lost: Counter[str] = Counter()
        self.errors: list[str] = []
        self._waiting: list[tuple[int, int, str]] = []
        self._children = tree.children()
        self._longest = tree.longest_after()
        self._urgency = {name: (-self._longest[name], place) for place, name in enumerate(tree.stages)}

    def run(self) -> None:
        """Until nothing is left that can be trained."""
        self._release(None)
        running = 0
        while self._waiting or running:
            while self._waiting and self.executor.free > 0:
                self._submit(self.tree.stages[heapq.heappop(self._waiting)[2]])
                running += 1
            for done in self.executor.ready():
                running -= 1
                self._take(done)
        if self.errors:
            raise RunError("\n".join(dict.fromkeys(self.errors)))
        if left := len(self.tree.stages) - len(self.results):
            self.say(
                f"{left} of {len(self.tree.stages)} stages follow what went wrong: there is nothing to begin them with"
            )

    def _release(self, parent: str | None) -> None:
        """Queue what can begin now that a stage is there, or is to be."""
        todo = [*self._children.get(parent, ())]
        while todo:
            stage = todo.pop()
            result = self.results.get(stage.id)
            if result is None:
                heapq.heappush(self._waiting, (*self._urgency[stage.id], stage.id))
            elif result["failed"] is None:  # what follows a run that went wrong cannot be trained
                todo += self._children.get(stage.id, ())

    def _submit(self, stage: Stage) -> None:
        parent = None if stage.parent is None else self.tree.stages[stage.parent]
        start = None if parent is None else str(self.folder.state(parent.id, parent.until).resolve())
        self.folder.log("begun", stage=stage.id, start=stage.start, until=stage.until, runs=len(stage.runs))
        config = stage.lead.config.model_dump()
        where = str(self.folder.stage(stage.id).resolve())
        task = Task(stage.id, stage.spec, config, stage.until, start, stage.branches, where)
        after = None if stage.parent in self.results else stage.parent
        self.executor.submit(task, after=after, urgency=self._longest[stage.id])
        if self.executor.ahead:
            self._release(stage.id)

    def _take(self, done: Done) -> None:
        if done.skipped:
            return
        stage = self.tree.stages[done.id]
        about = f"updates {stage.start} to {stage.until} of {_named(stage)}"
        there = done.lost and stage.id in self.folder.results(StageTree({stage.id: stage}, (), {}))
        if done.error is None or there:  # a process may end after its stage is in its place and before it says so
            self._finished(stage, about)
            return
        self.folder.log("lost" if done.lost else "failed", stage=stage.id, error=done.error)
        self.say(f"{about}: {done.error}")
        self.lost[stage.id] += done.lost
        if done.lost and self.lost[stage.id] < _MOST_LOST:
            heapq.heappush(self._waiting, (*self._urgency[stage.id], stage.id))
        elif done.lost:
            advice = "Is there memory for so many processes? Take fewer, and go on with preheat study resume."
            self.errors.append(refusal(about, "trained", f"{done.error}, {_MOST_LOST} times", advice))
        else:
            self.errors.append(f"{about}: {done.error}")

    def _finished(self, stage: Stage, about: str) -> None:
        result = self.folder.result(stage.id)
        assert result is not None
        self.results[stage.id] = result
        self.folder.log("done", stage=stage.id)
        count = f"{len(self.results)}/{len(self.tree.stages)}"
        if result["failed"] is not None:
            self.say(f"{count} {about}: went wrong after update {result['failed']['update']}: it ends there")
            return
        self.say(f"{count} {about}: loss {result['scores']['loss']:.4f}, {result['seconds']:.1f} s")
        if not self.executor.ahead:
            self._release(stage.id)


def _plan(tree: StageTree, results: dict[str, dict[str, Any]], processes: int) -> StudyPlan:
    """The plan with what finished stages have measured."""
    out_of_reach = {name for name, result in results.items() if result["failed"] is not None}
    for stage in tree.stages.values():  # parents come first
        if stage.parent in out_of_reach:
            out_of_reach.add(stage.id)
    timed = [result for result in results.values() if result["failed"] is None]
    updates = sum(result["until"] - result["start"] for result in timed)
    sizes = [result["checkpoint_bytes"] for result in results.values() if result["checkpoint_bytes"]]
    return plan_of(
        tree,
        done={*results, *out_of_reach},
        processes=processes,
        update_seconds=sum(result["seconds"] for result in timed) / updates if updates else None,
        checkpoint_bytes=max(sizes, default=_state_bytes(tree)),
    )


def _state_bytes(tree: StageTree) -> int | None:
    """About what the state of a small model takes: its weights and AdamW's two moments; None for a pretrained one."""
    config = tree.runs[0].config
    if config.pretrained:
        return None
    block = 12 * config.width**2 + 13 * config.width
    weights = (config.vocabulary + config.max_tokens + 2) * config.width + config.layers * block
    return 3 * 4 * weights


def _settle(folder: StudyFolder, prepared: Prepared, *, extend: bool) -> None:
    """Begin a study, go on with the folder's own, or extend it; refuse to mix two."""
    now = prepared.header()
    if not folder.exists:
        folder.begin(now)
        return
    saved = folder.header()
    ground = changed_fields(saved["ground"], now["ground"], "ground")
    begun = anchored(read_design(None, saved["design"])).to_dict()  # or those of before would be others
    design = changed_fields(begun, now["design"], "design")
    if not design and saved["runs"] != now["runs"]:
        design = ["the way runs are cut into stages"]
    if ground or (design and not extend):
        advice = "Begin another folder for it." if ground else "Begin another folder for it, or add --extend."
        found = "; ".join([*ground, *design][:8])
        raise ConfigError(refusal("study", "the one that the folder was begun with", found, advice))
    if design:
        earlier = {key: saved[key] for key in ("question", "design", "share", "command", "begun")}
        folder.extend({**now, "earlier": [*saved.get("earlier", ()), earlier]})


def _run(run: StudyRun, path: list[Stage]) -> dict[str, Any]:
    """A run as ``study.json`` has it."""
    cell = run.cell
    values = {"lr": cell.lr, "warmup": cell.warmup, "schedule": cell.schedule, "horizon": cell.horizon}
    return {"name": run.name, **values, "seed": run.seed, "stages": [stage.id for stage in path]}


def _named(stage: Stage) -> str:
    return stage.runs[0] if len(stage.runs) == 1 else f"{len(stage.runs)} runs"
