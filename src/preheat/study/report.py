"""What a study found, cell by cell: mean and spread over seeds, and a ranking only where intervals are apart.

Interval the mean over seeds, plus and minus t times the standard deviation over the root of their number: with normal
         losses 95 % of such intervals hold the mean over all seeds.
Ranking  by validation loss after the last update, among runs of one horizon: a longer run is another question.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from preheat.study.estimates import interval
from preheat.study.findings import Findings, find
from preheat.study.table import RunRow, StudyTable
from preheat.train.config import BBC, SYNTHETIC


@dataclass(frozen=True, slots=True)
class CellSummary:
    """The runs that differ in their seed alone.

    Attributes:
        schedule, warmup, lr, horizon: what they have in common.
        seeds: runs that are done.
        wrong: runs whose numbers went bad.
        missing: runs that are not there yet.
        loss: mean final validation loss of those done; None without any.
        spread: its standard deviation over seeds; None below two.
        margin: half the 95 % interval of the mean; None below two.
        accuracy: mean final accuracy.
        verdict: in words, against the best of the horizon.
    """

    schedule: str
    warmup: int | float | str | None
    lr: float
    horizon: int
    seeds: int
    wrong: int
    missing: int
    loss: float | None
    spread: float | None
    margin: float | None
    accuracy: float | None
    verdict: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def summarise(table: StudyTable) -> list[CellSummary]:
    """Every cell of a study, by horizon and then by loss, each with its verdict."""
    cells: dict[Any, list[RunRow]] = {}
    for row in table.rows:
        cells.setdefault(row.cell, []).append(row)
    found = [_summary(rows) for rows in cells.values()]
    found.sort(key=lambda cell: (cell.horizon, math.inf if cell.loss is None else cell.loss))
    best: dict[int, CellSummary] = {}
    for cell in found:
        if cell.loss is not None and not cell.wrong:
            best.setdefault(cell.horizon, cell)
    return [_judged(cell, best.get(cell.horizon)) for cell in found]


def _summary(rows: list[RunRow]) -> CellSummary:
    losses = [row.loss for row in rows if row.loss is not None]
    accuracies = [row.accuracy for row in rows if row.accuracy is not None]
    first = rows[0]
    return CellSummary(
        *(first.schedule, first.warmup, first.lr, first.horizon),
        seeds=len(losses),
        wrong=sum(row.state == "went wrong" for row in rows),
        missing=sum(row.state == "missing" for row in rows),
        loss=mean(losses) if losses else None,
        spread=stdev(losses) if len(losses) > 1 else None,
        margin=interval(losses),
        accuracy=mean(accuracies) if accuracies else None,
    )


def _judged(cell: CellSummary, best: CellSummary | None) -> CellSummary:
    return CellSummary(**{**cell.to_dict(), "verdict": _verdict(cell, best)})


def _verdict(cell: CellSummary, best: CellSummary | None) -> str:
    """How a cell compares with the best of its horizon."""
    if cell.wrong:
        return f"{cell.wrong} of {cell.wrong + cell.seeds + cell.missing} went wrong"
    if cell.loss is None or best is None or best.loss is None:
        return "not trained yet"
    if cell is best:
        return "lowest mean"
    if cell.margin is None or best.margin is None or cell.loss - cell.margin <= best.loss + best.margin:
        least = min(cell.seeds, best.seeds)
        return f"not distinguishable with {least} seed{'s' * (least > 1)}"
    return "worse"


def report_text(table: StudyTable) -> str:
    """The report for a terminal."""
    return text_of(table, find(table))


def text_of(table: StudyTable, findings: Findings | None) -> str:
    """The report of a study whose findings are known."""
    lines = [f"question: {table.question}"] if table.question else []
    lines += [data_of(table), cost_of(table)] if table.folder.exists else [cost_of(table)]
    cells = summarise(table)
    for horizon in dict.fromkeys(cell.horizon for cell in cells):
        rows = [_words(cell) for cell in cells if cell.horizon == horizon]
        heads = ("schedule", "warm-up", "lr", "seeds", "loss", "± 95 %", "spread", "accuracy", "")
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines += ["", f"{horizon:,} updates: validation loss at the end, lowest first"]
        lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *rows)]
    if findings is not None:
        for one in findings.horizons:
            lines += ["", f"{one.updates:,} updates: what that says, {_counted(findings)}"]
            lines += [f"- {sentence}" for sentence in one.advice]
    return "\n".join(lines)


def _counted(findings: Findings) -> str:
    """How a line's loss is another number than its best cell's."""
    return f"each seed at the peak the others choose, losses at most an untrained model's {findings.initial:.4f}"


def data_of(table: StudyTable) -> str:
    """What was trained on; rows that were made are called so."""
    name = table.folder.header()["design"].get("train", {}).get("data", BBC)
    return f"data: {name}" + (", made headlines and not news" if name == SYNTHETIC else "")


def _words(cell: CellSummary) -> tuple[str, ...]:
    def number(value: float | None, digits: int = 4) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    warmup = "-" if cell.warmup is None else str(cell.warmup)
    figures = (number(cell.loss), number(cell.margin), number(cell.spread), number(cell.accuracy, 3))
    return (cell.schedule, warmup, f"{cell.lr:g}", str(cell.seeds), *figures, cell.verdict)


def cost_of(table: StudyTable) -> str:
    """What was trained, against brute force."""
    done = [row for row in table.rows if row.state != "missing"]
    stages = dict.fromkeys(stage for row in table.rows for stage in table.stages[row.name])
    results = [result for stage in stages if (result := table.folder.result(stage)) is not None]
    trained = sum(
        (result["failed"]["update"] if result["failed"] is not None else result["until"]) - result["start"]
        for result in results
    )
    alone = sum(row.updates for row in table.rows)
    ratio = f" ({trained / alone:.0%})" if alone else ""
    return f"runs: {len(done)} of {len(table.rows)}; {trained:,} updates trained for {alone:,} updates of runs{ratio}"
