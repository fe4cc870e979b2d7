"""Runs as a tree of stages: what several have in common from their first update on is trained once.

Sharing  Two runs share every update before the first one at which their learning rates differ in any bit, if all other
         settings that decide an update are equal.
Stage    a stretch [start, until) of updates that the same runs go through; it begins where its parent ended.
Id       SHA-256 of the stage's specification: the settings, the data, the versions, every learning rate from update 0
         to ``until``, and the two ends. The same stage of another study, or of this one asked again, has the same id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from preheat.lab.studies.runs import StudyRun, digest_of

FORMAT = 1
_CHUNK = 1024  # updates compared at a time, to begin with


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A stretch of training that one or more runs go through.

    Attributes:
        id: of its specification.
        parent: the stage whose last state it begins with; None for the start of a run.
        start: completed updates at its beginning.
        until: completed updates at its end.
        spec: everything that decides what comes of it.
        lead: the run as which it is trained; its rates are those of all.
        runs: names of the runs that go through it.
        ends: names of those that end with it.
    """

    id: str
    parent: str | None
    start: int
    until: int
    spec: dict[str, Any] = field(repr=False)
    lead: StudyRun = field(repr=False)
    runs: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()

    @property
    def updates(self) -> int:
        """Updates it makes."""
        return self.until - self.start

    @property
    def branches(self) -> bool:
        """Whether runs go on from its end."""
        return len(self.ends) < len(self.runs)


@dataclass(frozen=True, slots=True, eq=False)
class StageTree:
    """All stages of a study.

    Attributes:
        stages: by id, parents before their children.
        runs: in the order of the design.
        last: for every run's name the id of the stage it ends with.
    """

    stages: dict[str, Stage]
    runs: tuple[StudyRun, ...]
    last: dict[str, str] = field(repr=False)

    def path(self, run: str) -> list[Stage]:
        """The stages of the run called ``run``, from its first update to its last."""
        path: list[Stage] = []
        at: str | None = self.last[run]
        while at is not None:
            path.append(self.stages[at])
            at = path[-1].parent
        return path[::-1]

    def paths(self) -> Iterator[tuple[StudyRun, list[Stage]]]:
        """Every run with its stages."""
        return ((run, self.path(run.name)) for run in self.runs)

    def children(self) -> dict[str | None, list[Stage]]:
        """The stages that begin where a stage ends, by its id; under None those that begin a run."""
        found: dict[str | None, list[Stage]] = {}
        for stage in self.stages.values():
            found.setdefault(stage.parent, []).append(stage)
        return found

    def longest_after(self) -> dict[str, int]:
        """For every stage the most updates that are still to come when it begins, its own among them."""
        below: dict[str, int] = {}
        for stage in reversed(self.stages.values()):  # children before their parents
            below[stage.id] = below.get(stage.id, 0) + stage.updates
            if stage.parent is not None:
                below[stage.parent] = max(below.get(stage.parent, 0), below[stage.id])
        return below


def grow(runs: Sequence[StudyRun], shortest: int = 1) -> StageTree:
    """The stages of so many runs.

    Args:
        runs: with names that differ.
        shortest: updates that a shared stretch needs, >= 1; a shorter one is trained by each branch itself, because to
            save and load a state takes time too.
    """
    standings: dict[str, list[StudyRun]] = {}
    for run in runs:
        standings.setdefault(run.standing, []).append(run)
    stages: dict[str, Stage] = {}
    for group in standings.values():
        for stage in _stages_of(group, shortest):
            stages[stage.id] = stage
    last = {name: stage.id for stage in stages.values() for name in stage.ends}
    return StageTree(stages, tuple(runs), last)


@dataclass(slots=True)
class _Branch:
    """Runs that are equal before update ``at`` and trained together from update ``start`` on."""

    runs: list[StudyRun]
    start: int
    at: int
    parent: str | None
    past: Any  # the hash of all rates before ``start``
    alone: bool = False  # whether they end at ``at``


def _stages_of(group: list[StudyRun], shortest: int) -> Iterator[Stage]:
    """The stages of runs that differ in nothing but their rates."""
    todo = [_Branch(group, 0, 0, None, hashlib.sha256())]
    while todo:
        branch = todo.pop()
        end = branch.at if branch.alone else _agree_until(branch.runs, branch.at)
        ending = [run for run in branch.runs if run.updates == end]
        ways: dict[float, list[StudyRun]] = {}
        for run in branch.runs:
            if run.updates > end:
                ways.setdefault(float(run.rates_of(end, end + 1)[0]), []).append(run)
        several = len(ways) + bool(ending) > 1
        if several and end - branch.start < shortest:  # not worth a stage of its own
            start, parent, past = branch.start, branch.parent, branch.past
            if ending:
                todo.append(_Branch(ending, start, end, parent, past, alone=True))
        else:
            stage, past = _stage(branch, end, ending)
            yield stage
            start, parent = end, stage.id
        todo += [_Branch(way, start, end, parent, past) for way in reversed(ways.values())]


def _stage(branch: _Branch, end: int, ending: list[StudyRun]) -> tuple[Stage, Any]:
    """The stage of a branch up to ``end``, and the hash of all rates before that."""
    lead = branch.runs[0]
    past = branch.past.copy()
    past.update(lead.rates_of(branch.start, end).astype("<f8").tobytes())
    spec = {"format": FORMAT, **lead.settings, "start": branch.start, "until": end, "rates": past.hexdigest()}
    names = tuple(run.name for run in branch.runs)
    ends = tuple(run.name for run in ending)
    return Stage(digest_of(spec), branch.parent, branch.start, end, spec, lead, names, ends), past


def _agree_until(runs: list[StudyRun], at: int) -> int:
    """Where the first of the runs ends or differs from the others, all being equal before ``at``."""
    first = runs[0]
    end = min(run.updates for run in runs)
    for run in runs[1:]:
        end = agree(first, run, at, end)
    return end


def agree(one: StudyRun, other: StudyRun, start: int, end: int) -> int:
    """The first update in [start, end) whose rates differ in any bit; ``end`` if there is none."""
    if one.factors is other.factors and one.cell.lr == other.cell.lr:
        return end
    size = _CHUNK
    while start < end:
        stop = min(start + size, end)
        differing = (one.rates_of(start, stop) != other.rates_of(start, stop)).nonzero()[0]
        if len(differing):
            return start + int(differing[0])
        start, size = stop, 2 * size
    return end
