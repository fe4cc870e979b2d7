"""The runs of a study as what :mod:`preheat.advice` asks of: logs, short runs to fit a law to, outcomes."""

from __future__ import annotations

import math
import os
from statistics import mean

from preheat.advice import FinishedRun, Probe, RunLog, probe, run_log
from preheat.errors import DataError, refusal
from preheat.lab.studies.findings import cell_logs, smooth
from preheat.lab.studies.folder import StudyFolder
from preheat.lab.studies.table import RunRow, StudyTable, read
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.records import read_json
from preheat.schedule import Schedule


def is_study(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is a study's."""
    return StudyFolder(path).exists


def logs(folder: str | os.PathLike[str], updates: int | None = None) -> tuple[list[RunLog], list[str]]:
    """A log of every cell (of this length), the mean over its finished seeds, and the shape each belongs to.

    Its training losses are running means, its end is the validation loss, as in the study's report: the losses of
    single batches would order the runs by chance.

    Raises:
        DataError: if there is none, or no length is given and the runs have several: at one share of each they are no
            rungs.
    """
    table = read(folder)
    rows = [row for row in table.rows if updates in (None, row.horizon)]
    rows = _done(table, rows, "" if updates is None else f"of {updates} updates")
    lengths = sorted({row.horizon for row in rows})
    if len(lengths) > 1:
        advice = "Ask about those of one length: preheat rung-check --updates N."
        raise DataError(refusal("runs of the study", "of one length", lengths, advice))
    return cell_logs(rows, {row.name: smooth([line["loss"] for line in table.records(row.name)]) for row in rows})


def probes(folder: str | os.PathLike[str], lr: float) -> list[Probe]:
    """The finished runs at one peak, to fit a law to."""
    table = read(folder)
    rows = _done(table, [row for row in table.rows if math.isclose(row.lr, lr, rel_tol=1e-9)], f"at the peak {lr:g}")
    return [probe(_log(table, row), updates=row.updates) for row in rows]


def outcomes(folder: str | os.PathLike[str], updates: int) -> list[FinishedRun]:
    """The finished runs of one length: a final validation loss for every schedule and peak, the mean over seeds.

    A cell of which a seed went wrong is left out: its mean would be that of the lucky ones.
    """
    table = read(folder)
    rows = [row for row in table.rows if row.horizon == updates]
    wrong = {row.cell for row in rows if row.state == "went wrong"}
    cells: dict[object, list[RunRow]] = {}
    for row in _done(table, rows, f"of {updates} updates"):
        if row.cell not in wrong:
            cells.setdefault(row.cell, []).append(row)
    return [
        FinishedRun(_schedule(table, same[0]), same[0].lr, mean(float(row.loss or 0.0) for row in same))
        for same in cells.values()
    ]


def _done(table: StudyTable, rows: tuple[RunRow, ...] | list[RunRow], which: str = "") -> list[RunRow]:
    done = [row for row in rows if row.state == "done"]
    if not done:
        advice = f"It is {table.folder.path}: look with preheat study report."
        raise DataError(refusal("study", f"one with finished runs {which}".rstrip(), len(done), advice))
    return done


def _log(table: StudyTable, row: RunRow) -> RunLog:
    records = table.records(row.name)
    return run_log(row.name, *([line[key] for line in records] for key in ("update", "loss", "lr")))


def _schedule(table: StudyTable, row: RunRow) -> Schedule:
    """What a run followed. Its last stage may be one that a longer run goes on from: of equal rates, so long."""
    settings = read_json(table.folder.stage(table.stages[row.name][-1]) / "config.json")["config"]
    config = TrainConfig.model_validate(settings)
    return config.build_schedule(config.max_updates or row.horizon)
