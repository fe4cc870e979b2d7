"""A study's folder read: every run with its scores, and its records joined over the stages it went through."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any, Literal

from preheat.errors import RunError, refusal
from preheat.study.folder import StudyFolder
from preheat.train.saving.records import EVALUATIONS, RECORDS, read_lines

State = Literal["done", "went wrong", "missing"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run.

    Attributes:
        name: of the run.
        lr: peak learning rate.
        warmup: as given; None where the schedule says it.
        schedule: name or words.
        horizon: updates planned.
        seed: of the run.
        state: ``done``; ``went wrong``: its numbers were no longer finite; ``missing``: not trained to its end yet.
        updates: made so far.
        loss: on the validation split after the last update, in nats; None unless done, as are those below.
        accuracy: the share of rows classified rightly there.
        macro_f1: the mean over the classes of their F1 scores there.
        weights: SHA-256 of the last weights.
    """

    name: str
    lr: float
    warmup: int | float | str | None
    schedule: str
    horizon: int
    seed: int
    state: State
    updates: int
    loss: float | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    weights: str | None = None

    @property
    def cell(self) -> tuple[str, int | float | str | None, float, int]:
        """What runs of other seeds have in common with it."""
        return self.schedule, self.warmup, self.lr, self.horizon


@dataclass(frozen=True, slots=True)
class StudyTable:
    """All runs of a study, in the order of its design.

    Attributes:
        folder: the study's.
        question: what it is to answer.
        rows: the runs.
        stages: ids of the stages that each run goes through, by the run's name.
    """

    folder: StudyFolder
    question: str
    rows: tuple[RunRow, ...]
    stages: dict[str, list[str]]

    def row(self, name: str) -> RunRow:
        """The run called ``name``.

        Raises:
            RunError: if there is none.
        """
        found = next((row for row in self.rows if row.name == name), None)
        if found is None:
            raise RunError(refusal("run", "one of the study's", name, f"It has {', '.join(self.stages)}."))
        return found

    def records(self, name: str) -> list[dict[str, Any]]:
        """The records of a run, one an update from its first to its last, as ``preheat train`` would have them."""
        return self._lines(name, RECORDS)

    def evaluations(self, name: str) -> list[dict[str, Any]]:
        """The evaluations of a run, after each epoch and after its last update."""
        row, lines = self.row(name), self._lines(name, EVALUATIONS)
        if row.state == "done" and (not lines or lines[-1]["update"] != row.updates):
            epoch = self.records(name)[-1]["epoch"]
            result = self.folder.result(self.stages[name][-1])
            assert result is not None
            lines.append({"epoch": epoch, "update": row.updates, "split": "validation", **result["scores"]})
        return lines

    def to_rows(self) -> list[dict[str, Any]]:
        """The table as plain data."""
        return [asdict(row) for row in self.rows]

    def _lines(self, name: str, file: str) -> list[dict[str, Any]]:
        self.row(name)
        return [line for stage in self.stages[name] for line in read_lines(self.folder.stage(stage) / file)]


def read(folder: str | os.PathLike[str]) -> StudyTable:
    """The table of a study's runs, as far as they are trained.

    Raises:
        RunError: for a folder that is no study's.
    """
    study = StudyFolder(folder)
    header = study.header()
    known: dict[str, dict[str, Any] | None] = {}
    rows = []
    for run in header["runs"]:
        for stage in run["stages"]:
            if stage not in known:
                known[stage] = study.result(stage)
        rows.append(_row(run, [known[stage] for stage in run["stages"]]))
    stages = {run["name"]: run["stages"] for run in header["runs"]}
    return StudyTable(study, header["question"], tuple(rows), stages)


def _row(run: dict[str, Any], results: list[dict[str, Any] | None]) -> RunRow:
    values = {key: run[key] for key in ("name", "lr", "warmup", "schedule", "horizon", "seed")}
    updates = 0
    for result in results:
        if result is None:
            return RunRow(**values, state="missing", updates=updates)
        if result["failed"] is not None:
            return RunRow(**values, state="went wrong", updates=result["failed"]["update"])
        updates = result["until"]
    last = results[-1]
    assert last is not None
    scores = {key: last["scores"][key] for key in ("loss", "accuracy", "macro_f1")}
    return RunRow(**values, state="done", updates=updates, **scores, weights=last["weights"])
