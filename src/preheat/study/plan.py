"""A study before it runs: what it trains, what that saves, and why some of it cannot be shared."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from preheat.study.runs import StudyRun
from preheat.study.tree import StageTree, agree

_MOST_PAIRS = 2000  # pairs of runs that are compared to say what an axis shares
_HOW = "study plan --measure tries a few updates"
_AXES = ("lr", "warmup", "schedule", "horizon", "seed")
_NAMES = {
    "lr": "peaks",
    "warmup": "warm-up lengths",
    "schedule": "shapes",
    "horizon": "horizons",
    "seed": "seeds",
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
        lines = [
            f"runs: {self.runs:,} in {self.stages:,} stages",
            f"updates one by one: {self.alone:,}",
            f"updates with shared stages: {self.shared:,} ({share:.0%}, {1 / share:.2f}x; {self.saved:,} saved)",
        ]
        lines += [f"{_NAMES[axis]}: {words}" for axis, words in self.sharing.items()]
        size = "their size shows with the first" if self.checkpoint_bytes is None else self._disk()
        lines.append(f"checkpoints kept: {self.checkpoints:,} ({size})")
        if self.stages_left < self.stages:
            lines.append(f"to do: {self.left:,} updates in {self.stages_left:,} stages; the others are there")
        lines.append(f"longest path: {self.longest:,} updates; {self.turns:,} with {self.processes} at a time")
        seconds = self.seconds
        time = f"unknown before the first stage; {_HOW}" if seconds is None else f"about {_duration(seconds)}"
        return "\n".join([*lines, f"time: {time}"])

    def _disk(self) -> str:
        return f"about {self.checkpoints * (self.checkpoint_bytes or 0) / 1e6:,.3g} MB"


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
    """For every axis of several values: the updates shared by runs that are neighbours on it and else the same."""
    found: dict[str, str] = {}
    every = list(runs)
    for axis in _AXES:
        lines: dict[tuple[Any, ...], list[StudyRun]] = {}
        for run in every:
            values = _values(run)
            lines.setdefault(tuple(value for name, value in values.items() if name != axis), []).append(run)
        pairs = [pair for line in lines.values() for pair in pairwise(line)][:_MOST_PAIRS]
        if pairs:
            found[axis] = _said(axis, pairs)
    return found


def _values(run: StudyRun) -> Mapping[str, Any]:
    return {**{axis: getattr(run.cell, axis) for axis in _AXES if axis != "seed"}, "seed": run.seed}


def _said(axis: str, pairs: list[tuple[StudyRun, StudyRun]]) -> str:
    """What neighbours on an axis share, in words, with the reason where it is little."""
    if axis == "seed":
        return "nothing shared: other weights, dropout and order of the rows"
    shared = [
        agree(one, two, 0, min(one.updates, two.updates)) if one.standing == two.standing else 0 for one, two in pairs
    ]
    low, high = min(shared), max(shared)
    amount = f"{low:,} updates" if low == high else f"{low:,} to {high:,} updates"
    if high > 1:
        return f"{amount} shared by neighbours"
    one, two = pairs[shared.index(high)]
    if high >= min(one.updates, two.updates):
        return f"nothing shared ({amount}): a run ends there"
    rates = f"at update {high} they are {one.rates[high]:.3g} and {two.rates[high]:.3g}"
    return f"nothing shared ({amount}): {_REASONS[axis]}; {rates}"


_REASONS = {
    "lr": "every update from the first on uses another rate",
    "warmup": "a climb of another length has other rates from its second update on",
    "schedule": "the shapes differ from the beginning",
    "horizon": "the whole schedule is shaped for its horizon, its warm-up too",
}


def _duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> _duration(42), _duration(3900)
    ('42 s', '1 h 5 min')
    """
    minutes = round(seconds) // 60
    if minutes < 2:
        return f"{round(seconds)} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
