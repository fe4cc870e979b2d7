"""A study, planned and run: stages handed out as their parents end, until every run is there.

A study is its folder, not a process: what is in it is never trained again, and what is missing is what is left to do.
So going on after a kill is the same as beginning. Before it runs, :func:`plan_study` says what it will train, what that
saves, why some of it cannot be shared, and, by a few updates of its first stage, how long it will take.
"""

from __future__ import annotations

import heapq
import math
import os
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, RunError, refusal
from preheat.lab.studies.design import StudyDesign, anchored, read_design
from preheat.lab.studies.executors import Done, Executor, LocalProcesses
from preheat.lab.studies.folder import StudyFolder
from preheat.lab.studies.runs import (
    Stage,
    StageTree,
    StudyInputs,
    StudyRun,
    agree,
    digest_of,
    expand,
    grow,
    hardware,
    read_inputs,
)
from preheat.lab.studies.stage import Task
from preheat.lab.training.config import read_config
from preheat.lab.training.records import RECORDS, read_json, read_lines
from preheat.messages import _, joined
from preheat.messages.languages import tell
from preheat.schedule.operations import changed_fields
from preheat.schedule.text import vouch_for

if TYPE_CHECKING:
    from preheat.lab.studies.table import StudyTable


# --- The study -------------------------------------------------------------------------------------------------------


Say = Callable[[str], None]
# Once is a machine that was taken away; three times is a stage that does not fit into memory.
_MOST_LOST = 3  # times that the process of one stage may be lost before there must be a reason


def say_to_stderr(line: str) -> None:
    """Print a line for people."""
    print(tell(line), file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A design with what it comes to.

    Attributes:
        design: what is asked.
        inputs: the data and versions that all runs have in common.
        tree: its runs as stages.
        share: whether runs share stages.
    """

    design: StudyDesign
    inputs: StudyInputs
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
            "ground": self.inputs.to_dict(),
            "hardware": hardware(),
            "runs": [_run(run, path) for run, path in self.tree.paths()],
        }


def prepare(design: StudyDesign, *, share: bool = True) -> Prepared:
    """Read the data and work out runs and stages; nothing is written.

    Args:
        design: what is asked.
        share: False gives every run stages of its own: what brute force would cost.
    """
    inputs = read_inputs(read_config(None, design.common))
    runs = expand(design, inputs)
    # Without sharing no stretch is long enough for a stage of its own.
    shortest = design.shortest if share else 1 + max(run.updates for run in runs)
    return Prepared(design, inputs, grow(runs, shortest), share)


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
    from preheat.lab.studies.table import read_study, write_study_index

    for shape in design.schedule or ():
        vouch_for(shape)
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
            command = f"preheat study resume {folder.path}"
            say(_("interrupted: what is done is kept; go on with: {command}", command=command))
            raise
        finally:
            executor.close()
            folder.clear()  # of stages whose process was lost
            write_study_index(folder.path)
        return read_study(folder.path)


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
        # The longest way to an end first: what is left of it cannot be shortened by more processes. Then the order of
        # the design.
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
        # After everything that can be trained is: one stage that fails takes only what follows it.
        if self.errors:
            raise RunError(joined("\n", dict.fromkeys(self.errors)))
        if left := len(self.tree.stages) - len(self.results):
            self.say(
                _(
                    "{left} of {stages} stages follow what went wrong: there is nothing to begin them with",
                    left=left, stages=len(self.tree.stages),
                )
            )  # fmt: skip

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
        # A parent that is there is no task of this study: a cluster has nothing to wait for.
        after = None if stage.parent in self.results else stage.parent
        self.executor.submit(task, after=after, urgency=self._longest[stage.id])
        if self.executor.ahead:
            self._release(stage.id)

    def _take(self, done: Done) -> None:
        if done.skipped:
            return
        stage = self.tree.stages[done.id]
        about = _about(stage)
        there = done.lost and stage.id in self.folder.results(StageTree({stage.id: stage}, (), {}))
        if done.error is None or there:  # a process may end after its stage is in its place and before it says so
            self._finished(stage, about)
            return
        self.folder.log("lost" if done.lost else "failed", stage=stage.id, error=done.error)
        self.say(joined(": ", [about, done.error]))
        self.lost[stage.id] += done.lost
        if done.lost and self.lost[stage.id] < _MOST_LOST:
            heapq.heappush(self._waiting, (*self._urgency[stage.id], stage.id))
        elif done.lost:
            advice = _("Is there memory for so many processes? Take fewer, and go on with preheat study resume.")
            got = _("{error}, {times} times", error=done.error, times=_MOST_LOST)
            self.errors.append(refusal(about, _("trained"), got, advice))
        else:
            self.errors.append(joined(": ", [about, done.error]))

    def _finished(self, stage: Stage, about: str) -> None:
        result = self.folder.result(stage.id)
        assert result is not None
        self.results[stage.id] = result
        self.folder.log("done", stage=stage.id)
        count = f"{len(self.results)}/{len(self.tree.stages)}"
        if result["failed"] is not None:
            update = result["failed"]["update"]
            self.say(
                _(
                    "{count} {stage}: went wrong after update {update}: it ends there",
                    count=count, stage=about, update=update,
                )
            )  # fmt: skip
            return
        loss, seconds = result["scores"]["loss"], result["seconds"]
        self.say(
            _(
                "{count} {stage}: loss {loss:.4f}, {seconds:.1f} s",
                count=count, stage=about, loss=loss, seconds=seconds,
            )
        )  # fmt: skip
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
    # A block of GPT-2: attention 4 w^2, MLP 8 w^2, and its biases and norms; tokens and positions, and the last norm.
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
    inputs = changed_fields(saved["ground"], now["ground"], "ground")
    begun = anchored(read_design(None, saved["design"])).to_dict()  # or those of before would be others
    design = changed_fields(begun, now["design"], "design")
    # The same design and other runs: begun with or without sharing, or by a release that cuts otherwise.
    if not design and saved["runs"] != now["runs"]:
        design = [_("the way runs are cut into stages")]
    if inputs or (design and not extend):
        advice = _("Begin another folder for it.") if inputs else _("Begin another folder for it, or add --extend.")
        changes = joined("; ", [*inputs, *design][:8])
        raise ConfigError(refusal("study", _("the one that the folder was begun with"), changes, advice))
    if design:
        earlier = {key: saved[key] for key in ("question", "design", "share", "command", "begun")}
        folder.extend({**now, "earlier": [*saved.get("earlier", ()), earlier]})


def _run(run: StudyRun, path: list[Stage]) -> dict[str, Any]:
    """A run as ``study.json`` has it."""
    cell = run.cell
    values = {"lr": cell.lr, "warmup": cell.warmup, "schedule": cell.schedule, "horizon": cell.horizon}
    return {"name": run.name, **values, "seed": run.seed, "stages": [stage.id for stage in path]}


def _about(stage: Stage) -> str:
    """Which stage it is, for people."""
    if len(stage.runs) == 1:
        return _("updates {start} to {until} of {run}", start=stage.start, until=stage.until, run=stage.runs[0])
    return _("updates {start} to {until} of {runs} runs", start=stage.start, until=stage.until, runs=len(stage.runs))


# --- The plan of a study ---------------------------------------------------------------------------------------------


# Neighbors share alike, and each comparison goes through the rates of two runs.
_MOST_PAIRS = 2000  # pairs of runs that are compared to say what an axis shares
_AXES = ("lr", "warmup", "schedule", "horizon", "seed")
_NAMES = {
    "lr": _("peaks"),
    "warmup": _("warm-up lengths"),
    "schedule": _("shapes"),
    "horizon": _("horizons"),
    "seed": _("seeds"),
}


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """The arithmetic of a study. All counts are of optimizer updates unless they say otherwise.

    Attributes:
        runs: how many.
        alone: updates, if every run were trained by itself.
        shared: updates of all stages: what the study trains.
        stages: how many stages.
        checkpoints: states that are kept, one at the end of every stage that runs go on from.
        left: updates of the stages that are still to be trained.
        stages_left: how many those are.
        longest: updates in succession that no number of processes can shorten.
        processes: stages trained at a time.
        turns: updates until the last process is done, if all updates take as long.
        update_seconds: a measured update; None before the first stage.
        stage_seconds: what a stage takes beside its updates, where that was measured by itself.
        checkpoint_bytes: of one kept state; None where it cannot be told yet.
        sharing: for every axis with several values, what runs that differ in it alone share, and why.
    """

    runs: int
    alone: int
    shared: int
    stages: int
    checkpoints: int
    left: int
    stages_left: int
    longest: int
    processes: int
    turns: int
    update_seconds: float | None = None
    stage_seconds: float = 0.0
    checkpoint_bytes: int | None = None
    sharing: dict[str, str] = field(default_factory=dict)

    @property
    def saved(self) -> int:
        """Updates that need not be trained."""
        return self.alone - self.shared

    @property
    def seconds(self) -> float | None:
        """Estimated time until all is done; None before an update has been measured."""
        if self.update_seconds is None:
            return None
        return self.turns * self.update_seconds + math.ceil(self.stages_left / self.processes) * self.stage_seconds

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {**fields, "saved": self.saved, "seconds": self.seconds}

    def __str__(self) -> str:
        share = self.shared / self.alone if self.alone else 1.0
        lines: list[str] = [
            _("runs: {runs:,} in {stages:,} stages", runs=self.runs, stages=self.stages),
            _("updates one by one: {updates:,}", updates=self.alone),
            _(
                "updates with shared stages: {updates:,} ({share:.0%}, {times:.2f}x; {saved:,} saved)",
                updates=self.shared, share=share, times=1 / share, saved=self.saved,
            ),
        ]  # fmt: skip
        lines += [joined(": ", [_NAMES[axis], words]) for axis, words in self.sharing.items()]
        lines.append(self._disk())
        if self.stages_left < self.stages:
            lines.append(
                _(
                    "to do: {updates:,} updates in {stages:,} stages; the others are there",
                    updates=self.left, stages=self.stages_left,
                )
            )  # fmt: skip
        lines.append(
            _(
                "longest path: {longest:,} updates; {turns:,} with {processes} at a time",
                longest=self.longest, turns=self.turns, processes=self.processes,
            )
        )  # fmt: skip
        if self.seconds is None:
            lines.append(_("time: unknown before the first stage; study plan --measure tries a few updates"))
        else:
            lines.append(_("time: about {time}", time=_duration(self.seconds)))
        return joined("\n", lines)

    def _disk(self) -> str:
        if self.checkpoint_bytes is None:
            return _(
                "checkpoints kept: {checkpoints:,} (their size shows with the first)", checkpoints=self.checkpoints
            )
        return _(
            "checkpoints kept: {checkpoints:,} (about {size:,.3g} MB)",
            checkpoints=self.checkpoints, size=self.checkpoints * self.checkpoint_bytes / 1e6,
        )  # fmt: skip


def plan_of(
    tree: StageTree,
    *,
    done: Iterable[str] = (),
    processes: int = 1,
    update_seconds: float | None = None,
    checkpoint_bytes: int | None = None,
) -> StudyPlan:
    """The plan of a tree.

    Args:
        tree: the stages.
        done: ids of stages that need not be trained again.
        processes: stages that can be trained at a time, >= 1.
        update_seconds: a measured update.
        checkpoint_bytes: of one state.
    """
    finished = set(done)
    left = {name: stage for name, stage in tree.stages.items() if name not in finished}
    branching = sum(stage.branches for stage in tree.stages.values())
    return StudyPlan(
        runs=len(tree.runs),
        alone=sum(run.updates for run in tree.runs),
        shared=sum(stage.updates for stage in tree.stages.values()),
        stages=len(tree.stages),
        checkpoints=branching,
        left=sum(stage.updates for stage in left.values()),
        stages_left=len(left),
        longest=max((run.updates for run in tree.runs), default=0),
        processes=processes,
        turns=_turns(tree, finished, processes),
        update_seconds=update_seconds,
        checkpoint_bytes=checkpoint_bytes,
        sharing=sharing_of(tree.runs),
    )


def _turns(tree: StageTree, done: set[str], processes: int) -> int:
    """Updates until the last process is done: stages begin as their parents end, the longest way to go first."""
    weight, children = tree.longest_after(), tree.children()
    ready: list[tuple[int, str]] = []
    running: list[tuple[int, str]] = []
    now = 0

    def release(parent: str | None) -> None:
        for stage in children.get(parent, ()):
            if stage.id in done:
                release(stage.id)
            else:
                heapq.heappush(ready, (-weight[stage.id], stage.id))

    release(None)
    while ready or running:
        while ready and len(running) < processes:
            name = heapq.heappop(ready)[1]
            heapq.heappush(running, (now + tree.stages[name].updates, name))
        now, name = heapq.heappop(running)
        release(name)
    return now


def sharing_of(runs: Iterable[StudyRun]) -> dict[str, str]:
    """For every axis of several values: the updates shared by runs that are neighbors on it and else the same."""
    shared: dict[str, str] = {}
    every = list(runs)
    for axis in _AXES:
        lines: dict[tuple[Any, ...], list[StudyRun]] = {}
        for run in every:
            values = _values(run)
            lines.setdefault(tuple(value for name, value in values.items() if name != axis), []).append(run)
        pairs = [pair for line in lines.values() for pair in pairwise(line)][:_MOST_PAIRS]
        if pairs:
            shared[axis] = _said(axis, pairs)
    return shared


def _values(run: StudyRun) -> Mapping[str, Any]:
    return {**{axis: getattr(run.cell, axis) for axis in _AXES if axis != "seed"}, "seed": run.seed}


def _said(axis: str, pairs: list[tuple[StudyRun, StudyRun]]) -> str:
    """What neighbors on an axis share, in words, with the reason where it is little."""
    if axis == "seed":
        return _("nothing shared: other weights, dropout and order of the rows")
    shared = [
        agree(one, two, 0, min(one.updates, two.updates)) if one.standing == two.standing else 0 for one, two in pairs
    ]
    low, high = min(shared), max(shared)
    amount = _("{low:,} to {high:,} updates", low=low, high=high)
    if low == high:
        amount = _("{updates:,} updates", updates=low)
    if high > 1:
        return _("{updates} shared by neighbors", updates=amount)
    one, two = pairs[shared.index(high)]
    if high >= min(one.updates, two.updates):
        return _("nothing shared ({updates}): a run ends there", updates=amount)
    return _(
        "nothing shared ({updates}): {reason}; at update {update} they are {one:.3g} and {two:.3g}",
        updates=amount, reason=_REASONS[axis], update=high, one=float(one.rates[high]), two=float(two.rates[high]),
    )  # fmt: skip


_REASONS = {
    "lr": _("every update from the first on uses another rate"),
    "warmup": _("a warm-up of another length has other rates from its second update on"),
    "schedule": _("the shapes differ from the beginning"),
    "horizon": _("the whole schedule is shaped for its horizon, its warm-up too"),
}


def _duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> _duration(42), _duration(3900)
    ('42 s', '1 h 5 min')
    """
    minutes = round(seconds) // 60
    if minutes < 2:
        return _("{seconds} s", seconds=round(seconds))
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return _("{minutes} min", minutes=minutes)
    return _("{hours} h {minutes} min", hours=hours, minutes=minutes)


# --- Timing ----------------------------------------------------------------------------------------------------------


# Enough for a median of the eleven that count; a second or so on a small model.
_UPDATES = 12  # the first, which sets things up, is not counted


def time_updates(tree: StageTree) -> tuple[float, float]:
    """Seconds of an update, and of all that a stage does besides: reading rows, building the model, evaluating.

    Trained in a process of its own, as a stage is, and in a temporary folder: nothing of it stays.

    Raises:
        RunError: if these updates cannot be trained.
    """
    first = next(iter(tree.stages.values()))
    until = min(_UPDATES, first.until)
    spec = {**first.spec, "until": until}
    with tempfile.TemporaryDirectory(prefix="preheat-") as place:
        stage = Path(place) / "stages" / "timed"
        executor = LocalProcesses(1)
        try:
            config = first.lead.config.model_dump()
            executor.submit(Task(digest_of(spec), spec, config, until, None, keep=False, folder=str(stage)))
            (done,) = executor.ready()
        finally:
            executor.close()
        if done.error is not None:
            advice = _("Leave --measure out for the rest of the plan.")
            raise RunError(refusal(_("updates"), _("trained to be timed"), done.error, advice))
        each = [line["seconds"] for line in read_lines(stage / RECORDS)]
        whole = read_json(stage / "result.json")["seconds"]
    if not each:  # its numbers went bad at once
        return 0.0, whole
    # The median: another program may take the cores for a moment. What the stage takes beside its updates can come
    # out below 0 by rounding only.
    return median(each[1:] or each), max(whole - sum(each), 0.0)
