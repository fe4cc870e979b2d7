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
from preheat.schedule import untuned_warmup
from preheat.study.estimates import Estimate, estimate
from preheat.study.lines import Line, lines_of
from preheat.study.table import RunRow, StudyTable
from preheat.theory import RungCheck, run_log, rung_check
from preheat.train.config import TrainConfig

RUNGS = (0.2, 0.5, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Compared:
    """A line among those of its horizon.

    Attributes:
        line: itself.
        loss: over seeds, at peaks that the other seeds chose; None while runs are missing.
        behind: how much more that is than the best line's, seed by seed; None for the best, and without common seeds.
        target: updates until the smoothed training loss came to what every line reaches; None where none is recorded.
        total_rate: sum of the learning rates of its best cell's runs.
    """

    line: Line
    loss: Estimate | None
    behind: Estimate | None
    target: float | None
    total_rate: float | None

    @property
    def verdict(self) -> str:
        """In words, against the best line of the horizon."""
        if self.loss is None:
            return "not trained yet"
        if self.behind is None:
            return "lowest"
        if self.behind.margin is None:
            return "one seed tells no difference"
        if self.behind.apart:
            return f"worse by {self.behind.words()}"
        return f"not distinguishable with {self.behind.seeds} seeds"


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
    losses = {name: _smooth([line["loss"] for line in lines]) for name, lines in records.items() if lines}
    rates = {name: sum(line["lr"] for line in lines) for name, lines in records.items()}
    settings = table.folder.header()["design"].get("train") or {}
    untuned = untuned_warmup(settings.get("beta2", TrainConfig.model_fields["beta2"].default))
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
    ends = [mean(losses[row.name][-1] for row in runs) for runs in of_best.values() if runs]
    aim = max(ends, default=None)
    held = {line.name: line.held_out() for line in lines}
    first = min(
        (line for line in lines if held[line.name]), key=lambda line: mean(held[line.name].values()), default=None
    )
    compared = []
    for line in lines:
        runs = of_best[line.name]
        behind = None if first is None or line is first else _behind(held[line.name], held[first.name])
        reached = [_reached(losses[row.name], aim) for row in runs if aim is not None]
        known = [one for one in reached if one is not None]
        total = mean(rates[row.name] for row in runs) if runs else None
        compared.append(Compared(
            line, estimate([*held[line.name].values()]), behind, mean(known) if known else None, total
        ))  # fmt: skip
    compared.sort(key=lambda one: (one.loss is None, one.loss.mean if one.loss else 0.0))
    rungs, why = _rungs([row for row in rows if row.horizon == updates], losses)
    return Horizon(updates, tuple(compared), aim, rungs, why, tuple(_advice(compared, rungs, why, untuned)))


def _best_runs(line: Line, rows: Sequence[RunRow]) -> list[RunRow]:
    """The finished runs of a line at its best peak."""
    best = line.best
    cell = None if best is None else (line.schedule, line.warmup, best.lr, line.horizon)
    return [row for row in rows if row.cell == cell and row.state == "done"]


def _behind(losses: Mapping[int, float], best: Mapping[int, float]) -> Estimate | None:
    return estimate([losses[seed] - best[seed] for seed in losses if seed in best])


def _smooth(losses: Sequence[float | None]) -> list[float]:
    """The running mean over a fortieth of a run: batches differ more than updates do."""
    import numpy as np

    from preheat.train.reporting.thinning import running_mean

    values = np.array([np.nan if loss is None else loss for loss in losses], dtype=float)
    found: list[float] = running_mean(values, max(2, len(values) // 40)).tolist()
    return found


def _reached(losses: Sequence[float], aim: float) -> int | None:
    """Updates made when the loss first was at or below ``aim``."""
    return next((update + 1 for update, loss in enumerate(losses) if loss <= aim), None)


def _rungs(rows: Sequence[RunRow], losses: Mapping[str, Sequence[float]]) -> tuple[RungCheck | None, str]:
    """The check on cells, each the mean over its seeds: runs of other seeds see other batches."""
    cells: dict[Any, list[RunRow]] = {}
    for row in rows:
        if row.state == "done":
            cells.setdefault(row.cell, []).append(row)
    logs = []
    for same in cells.values():
        way = [mean(at) for at in zip(*(losses[row.name] for row in same), strict=True)]
        final = mean(float(row.loss or 0.0) for row in same)
        logs.append(run_log(same[0].name, range(len(way) + 1), [*way, final]))
    shapes = [same[0].schedule for same in cells.values()]
    try:
        return rung_check(logs, RUNGS, groups=shapes if len({*shapes}) > 1 else None), ""
    except DataError as error:
        return None, str(error)


def _advice(compared: Sequence[Compared], rungs: RungCheck | None, why: str, untuned: int) -> list[str]:
    """What to take, and why."""
    known = [one for one in compared if one.loss is not None]
    if not known:
        return ["No line has a seed that has ended at every peak yet."]
    best, others = known[0], known[1:]
    usable, point = best.line.usable(), best.line.best
    assert usable is not None
    assert point is not None
    said = [
        f"Lowest loss: {best.line.name}, peak {point.lr:g}; within 1 % of it: {usable.words()}. "
        f"Adam's untuned warm-up (Ma & Yarats 2019) would be {untuned} updates."
    ]
    if best.loss is not None and best.loss.margin is None:
        said.append("One seed tells no difference: add seeds with --extend.")
    close = [one for one in others if one.behind is not None and one.behind.margin is not None and not one.behind.apart]
    worse = [one for one in others if one.behind is not None and one.behind.apart]
    if close:
        said.append(f"Not distinguishable from it: {'; '.join(one.line.name for one in close)}.")
    if worse:
        said.append("Worse: " + "; ".join(f"{one.line.name} by {_of(one.behind)}" for one in worse) + ".")
    said += _of_warmup(known)
    if any(place in (0, len(best.line.points) - 1) for place in [best.line.points.index(point)]):
        said.append("The best peak is the last one tried on its side: widen the range before believing it.")
    return [*said, _early(rungs, why)]


def _of(behind: Estimate | None) -> str:
    return "" if behind is None else behind.words()


def _of_warmup(known: Sequence[Compared]) -> list[str]:
    """What the warm-up changed, of each schedule that was tried with several."""
    said = []
    for schedule in dict.fromkeys(one.line.schedule for one in known):
        lines = sorted((one.line for one in known if one.line.schedule == schedule), key=_length_of_warmup)
        first, others = lines[0], lines[1:]
        gained = {line.warmup: _behind(line.held_out(), first.held_out()) for line in others}
        if gained and not any(one is not None and one.apart for one in gained.values()):
            seeds = min((one.seeds for one in gained.values() if one is not None), default=0)
            said.append(
                f"{schedule}: at its best peak the length of the warm-up makes no difference that {seeds} seeds show."
            )
        spared = {line.warmup: _behind(line.sensitivities(), first.sensitivities()) for line in others}
        words = [f"{warmup}: {one.words()}" for warmup, one in spared.items() if one is not None and one.apart]
        if words:
            said.append(f"{schedule}: LR sensitivity against warm-up {first.warmup}, by warm-up, {'; '.join(words)}.")
        if others:
            limits = "; ".join(f"{line.warmup}: {line.boundary()}" for line in lines)
            said.append(f"{schedule}: the peak at which half of the seeds fail, by warm-up, {limits}.")
    return said


def _length_of_warmup(line: Line) -> float:
    """Updates of the climb; shares of the run and ``untuned`` are put among them by what they come to."""
    words = str(line.warmup)
    number = float(words.removesuffix("%")) / 100 if words.endswith("%") else line.warmup
    if isinstance(number, str) or number is None:
        return float("inf")
    return number * line.horizon if isinstance(number, float) else float(number)


def _early(rungs: RungCheck | None, why: str) -> str:
    if rungs is None:
        return f"Whether runs may be stopped early is not known: {why}"
    half = rungs.rung(0.5)
    where = "across shapes" if rungs.groups > 1 else "over peaks and warm-ups"
    known = f"Spearman between training loss half-way and final loss, {where}: {half.agreement:.2f}"
    if rungs.groups > 1 and half.within is not None:
        known += f" (within a shape {half.within:.2f})"
    may = "may be stopped there" if half.agreement >= rungs.least else "are to be run to their end"
    return f"{known}: runs like these {may} ({rungs.least:g} is asked for)."


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
