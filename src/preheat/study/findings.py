"""What a study says: its lines held against each other, a recommendation with its reason, and when runs may be stopped.

Comparison  at each line's best peak. The peak at which a seed counts is the best of the other seeds, so that a line is
            not flattered by the choice; differences are taken seed by seed, which all lines share, and lines are ranked
            only where the 95 % interval of the mean difference leaves out 0.
Early stop  Spearman between training losses on the way (running means) and final validation losses, of the means of
            cells over their seeds, before any advice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from preheat.errors import DataError
from preheat.study.advice import Compared, advice
from preheat.study.estimates import Estimate, differences, estimate
from preheat.study.lines import Line, lines_of
from preheat.study.table import RunRow, StudyTable
from preheat.theory import RungCheck, RunLog, run_log, rung_check
from preheat.train.config import untuned_of

RUNGS = (0.2, 0.5, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Horizon:
    """All that a study says of one horizon.

    Attributes:
        updates: the horizon.
        compared: its lines, the lowest loss first.
        aim: the training loss that ``Compared.target`` counts to.
        rungs: whether its runs might have been stopped early; None with the reason in ``no_rungs``.
        no_rungs: why there is no check.
        advice: sentences: what to take, and why.
    """

    updates: int
    compared: tuple[Compared, ...]
    aim: float | None
    rungs: RungCheck | None
    no_rungs: str
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a study says.

    Attributes:
        initial: loss of an untrained model, in nats.
        lowest, highest: the peaks tried, between which every sensitivity is taken.
        untuned: Adam's untuned warm-up for the study's second beta, in updates.
        horizons: by rising horizon.
        losses: training loss of every update of a run, by its name, running means.
    """

    initial: float
    lowest: float
    highest: float
    untuned: int
    horizons: tuple[Horizon, ...]
    losses: Mapping[str, Sequence[float]] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        return {
            "initial_loss": self.initial,
            "peaks": [self.lowest, self.highest],
            "untuned_warmup": self.untuned,
            "horizons": [_horizon_data(one) for one in self.horizons],
        }


def find(table: StudyTable) -> Findings | None:
    """All that the runs of a study say so far; None before any has begun."""
    records = {row.name: table.records(row.name) for row in table.rows}
    firsts = [lines[0]["loss"] for lines in records.values() if lines and lines[0]["update"] == 0]
    if not firsts:
        return None
    initial = mean(firsts)
    losses = {name: smooth([line["loss"] for line in lines]) for name, lines in records.items() if lines}
    rates = {name: sum(line["lr"] for line in lines) for name, lines in records.items()}
    untuned = untuned_of(table.folder.header()["design"].get("train") or {})
    peaks = [row.lr for row in table.rows]
    lines = lines_of(table.rows, initial)
    horizons = tuple(
        _horizon([line for line in lines if line.horizon == updates], table.rows, losses, rates, untuned)
        for updates in sorted({line.horizon for line in lines})
    )
    return Findings(initial, min(peaks), max(peaks), untuned, horizons, losses)


def _horizon(
    lines: list[Line],
    rows: Sequence[RunRow],
    losses: Mapping[str, Sequence[float]],
    rates: Mapping[str, float],
    untuned: int,
) -> Horizon:
    updates = lines[0].horizon
    of_best = {line.name: _best_runs(line, rows) for line in lines}
    curves = {name: mean_curve([losses[row.name] for row in runs]) for name, runs in of_best.items() if runs}
    aim = max((curve[-1] for curve in curves.values()), default=None)
    held = {line.name: line.held_out() for line in lines}
    first = min(
        (line for line in lines if held[line.name]), key=lambda line: mean(held[line.name].values()), default=None
    )
    compared = []
    for line in lines:
        runs = of_best[line.name]
        behind = None if first is None or line is first else differences(held[line.name], held[first.name])
        total = mean(rates[row.name] for row in runs) if runs else None
        target = None if aim is None or not runs else _reached(curves[line.name], aim)
        compared.append(Compared(line, estimate([*held[line.name].values()]), behind, target, total))
    compared.sort(key=lambda one: (one.loss is None, one.loss.mean if one.loss else 0.0))
    rungs, why = _rungs([row for row in rows if row.horizon == updates], losses)
    return Horizon(updates, tuple(compared), aim, rungs, why, tuple(advice(compared, rungs, why, untuned)))


def _best_runs(line: Line, rows: Sequence[RunRow]) -> list[RunRow]:
    """The finished runs of a line at its best peak."""
    best = line.best
    cell = None if best is None else (line.schedule, line.warmup, best.lr, line.horizon)
    return [row for row in rows if row.cell == cell and row.state == "done"]


def mean_curve(curves: Sequence[Sequence[float]]) -> list[float]:
    """The mean over runs of one length, update by update."""
    return [mean(at) for at in zip(*curves, strict=True)]


def smooth(losses: Sequence[float | None]) -> list[float]:
    """The running mean over a fortieth of a run: batches differ more than updates do."""
    import numpy as np

    from preheat.view.report.thinning import mean_width, running_mean

    values = np.array([np.nan if loss is None else loss for loss in losses], dtype=float)
    found: list[float] = running_mean(values, mean_width(len(values))).tolist()
    return found


def _reached(losses: Sequence[float], aim: float) -> int:
    """Updates made when the loss first was at or below ``aim``, as it is in the end."""
    return next(update + 1 for update, loss in enumerate(losses) if loss <= aim)


def cell_logs(rows: Sequence[RunRow], losses: Mapping[str, Sequence[float]]) -> tuple[list[RunLog], list[str]]:
    """A log of every cell and its shape: the mean over its seeds, since those see other batches.

    Args:
        rows: runs of one length.
        losses: running means of the training losses, by the names of the runs; a log ends with the validation loss.
    """
    cells: dict[Any, list[RunRow]] = {}
    for row in rows:
        if row.state == "done":
            cells.setdefault(row.cell, []).append(row)
    logs = []
    for same in cells.values():
        way = mean_curve([losses[row.name] for row in same])
        final = mean(float(row.loss or 0.0) for row in same)
        logs.append(run_log(same[0].name, range(len(way) + 1), [*way, final]))
    return logs, [same[0].schedule for same in cells.values()]


def _rungs(rows: Sequence[RunRow], losses: Mapping[str, Sequence[float]]) -> tuple[RungCheck | None, str]:
    logs, shapes = cell_logs(rows, losses)
    try:
        return rung_check(logs, RUNGS, groups=shapes if len({*shapes}) > 1 else None), ""
    except DataError as error:
        return None, str(error)


def _horizon_data(one: Horizon) -> dict[str, Any]:
    return {
        "updates": one.updates,
        "lines": [_line_data(each) for each in one.compared],
        "training_loss_aimed_at": one.aim,
        "rungs": None if one.rungs is None else one.rungs.to_dict(),
        "advice": [*one.advice],
    }


def _line_data(one: Compared) -> dict[str, Any]:
    def plain(value: Estimate | None) -> dict[str, Any] | None:
        return None if value is None else {"mean": value.mean, "margin": value.margin, "seeds": value.seeds}

    line, usable = one.line, one.line.usable()
    best = line.best
    return {
        "schedule": line.schedule,
        "warmup": line.warmup,
        "loss": plain(one.loss),
        "behind": plain(one.behind),
        "verdict": one.verdict,
        "best_peak": None if best is None else best.lr,
        "usable": None if usable is None else [usable.low, usable.high],
        "sensitivity": plain(line.sensitivity()),
        "boundary": line.boundary(),
        "updates_to_target": one.target,
        "sum_of_lr": one.total_rate,
    }
