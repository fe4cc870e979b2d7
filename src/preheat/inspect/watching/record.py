"""What a watched run wrote down, put together: one line of updates for each set of parameters in each process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(slots=True)
class Line:
    """The updates of one optimizer, and of those that took its parameters over from it.

    Attributes:
        optimizers: their classes, in order.
        rank: the process's number among those that train together.
        groups: names of the parameter groups.
        updates: number of each update, from 0 or from where a resumed optimizer's state says.
        values: (key, group) -> the value used by each update.
        positions: the scheduler's position at each update; nan without one.
        backwards: backward passes for each update.
        seconds: when each update was made, since the process began.
        skips: the update before which an attempt was skipped, once for each.
        schedulers: (update, class, what it is shaped by), in order.
        resumed: updates that the first optimizer's state had counted before.
    """

    rank: int = 0
    optimizers: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    positions: list[float] = field(default_factory=list)
    backwards: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    skips: list[int] = field(default_factory=list)
    schedulers: list[tuple[int, str, Any]] = field(default_factory=list)
    resumed: int = 0

    @property
    def next_update(self) -> int:
        """The number that the coming update will have."""
        return self.updates[-1] + 1 if self.updates else self.resumed

    def rates(self, group: str) -> Any:
        """The learning rate each update used, as an array; nan before the group was there."""
        return np.array(self.values["lr", group])


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything that was recorded.

    Attributes:
        lines: those of the first process with the most updates come first.
        processes: how many processes made updates.
        problems: what the recorders could not do, in words.
    """

    lines: tuple[Line, ...]
    processes: int
    problems: tuple[str, ...]


def read_record(folder: Path) -> Watched:
    """Read the files of a folder that a run was recorded into."""
    lines: list[Line] = []
    problems: list[str] = []
    processes = 0
    for path in sorted(folder.glob("*.jsonl")):
        found = _process(path, problems)
        processes += any(line.updates for line in found)
        lines += [line for line in found if line.updates]
    lines.sort(key=lambda line: (line.rank, -len(line.updates)))
    return Watched(tuple(lines), processes, tuple(dict.fromkeys(problems)))


def _process(path: Path, problems: list[str]) -> list[Line]:
    rank = 0
    lines: list[Line] = []
    of: dict[int, Line] = {}
    readers: dict[int, _Values] = {}
    for event in _events(path):
        match event:
            case ["process", about]:
                rank = int(about["rank"])
            case ["optimizer", number, kind, groups, keys, seen, before]:
                line = of.get(number) or of.get(before)
                if line is None:
                    line = Line(rank=rank, resumed=seen)
                    lines.append(line)
                of[number] = line
                line.groups += [group for group in groups if group not in line.groups]
                if not readers.get(number):
                    line.optimizers.append(str(kind).rpartition(".")[2])
                readers[number] = _Values(groups, keys)
            case ["scheduler", number, kind, description]:
                of[number].schedulers.append((of[number].next_update, kind, description))
            case ["update", number, seconds, backwards, position, rows]:
                _add(of[number], readers[number].taken(rows), seconds, backwards, position)
            case ["skip", number, *_]:
                of[number].skips.append(of[number].next_update)
            case ["broken", what]:
                problems.append(f"the recorder stopped: {what}")
    return lines


class _Values:
    """The last known value of every number of an optimizer's groups."""

    def __init__(self, groups: list[str], keys: list[str]) -> None:
        self.groups, self.keys = groups, keys
        self.last: dict[tuple[str, str], float] = {}

    def taken(self, rows: list[Any]) -> dict[tuple[str, str], float]:
        """The values after an update's rows; a row of null has not changed."""
        for key, row in zip(self.keys, rows, strict=True):
            for group, value in zip(self.groups, row or (), strict=bool(row)):
                if isinstance(value, list):
                    self.last |= {(f"{key}[{index}]", group): float(item) for index, item in enumerate(value)}
                elif value is not None:
                    self.last[key, group] = float(value)
        return self.last


def _add(line: Line, values: dict[tuple[str, str], float], seconds: float, backwards: int, position: Any) -> None:
    count = len(line.updates)
    line.updates.append(line.next_update)
    line.seconds.append(seconds)
    line.backwards.append(backwards)
    line.positions.append(float("nan") if not isinstance(position, (int, float)) else float(position))
    for slot in (*line.values, *(slot for slot in values if slot not in line.values)):
        line.values.setdefault(slot, [float("nan")] * count).append(values.get(slot, float("nan")))


def _events(path: Path) -> Iterator[Any]:
    """The lines of a file; the zeros it ends with, and a line that a kill cut off, are no lines."""
    for text in path.read_bytes().rstrip(b"\0").split(b"\n"):
        if text:
            try:
                yield json.loads(text)
            except ValueError:
                return
