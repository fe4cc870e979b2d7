"""What studies say: with one seed and several, whole and unfinished, with good and hopeless peaks."""

import pytest

from preheat.advice.early_stopping import EarlyStoppingCheck, Rung, check_early_stopping
from preheat.advice.runs import run_log
from preheat.errors import DataError
from preheat.lab.studies.findings import Compared, Estimate, advice, differences, estimate, lines_of
from preheat.lab.studies.report import cost_of, summarize_cells
from preheat.lab.studies.table import RunRow


def _rows(warmup, losses, schedule="linear", peaks=(1e-4, 1e-3, 1e-2)):
    return [
        RunRow(
            f"{schedule} {warmup} {lr} {seed}", lr, warmup, schedule, 100, seed,
            "went wrong" if loss is None else "missing" if loss == "missing" else "done", 41,
            loss=None if loss == "missing" else loss, accuracy=None if loss in (None, "missing") else 0.5,
        )
        for lr, each in zip(peaks, losses, strict=False)
        for seed, loss in enumerate(each)
    ]  # fmt: skip


STUDIES = [
    [_rows(0, [[1.5, 1.52], [1.0, 1.01], [1.9, 1.95]]), _rows("10%", [[1.6, 1.63], [1.3, 1.31], [1.2, 1.22]])],
    [_rows(0, [[1.0, 1.4, 1.2], [1.1, 1.3, 1.0]]), _rows(10, [[1.1, 1.2, 1.3], [1.2, 1.3, 1.1]], "cosine")],
    [_rows(0, [[1.5], [1.0], [1.9]]), _rows("untuned", [[1.6], [1.005], [1.004]])],
    [_rows(0, [[1.0, 1.1]]), _rows(0.1, [[1.2, 1.3]])],
    [_rows(None, [[1.0, 1.001], [1.001, 1.002], [1.7, None]], "hold > linear 10% to 0")],
    [_rows(0, [["missing"], ["missing"]]), _rows(10, [["missing", 1.2], [1.4, "missing"]])],
    [_rows(0, [[1.9, 1.9], [1.0, 1.1], [1.0, 1.1]]), _rows(10, [[1.0, 1.1], [1.0, 1.1], [1.9, 2.0]])],
    [_rows(0, [[1.0, 1.1], [1.001, 1.101], [1.002, 1.102]])],
    [_rows(0, [[2.0, 2.0], [2.0, 2.0]])],
    [_rows(0, [[2.0, 2.0], [2.0, 2.0], [2.0, 2.0]]), _rows(5, [[1.0, 1.0], [2.0, 2.0], [2.0, 2.0]])],
]  # fmt: skip


def _compared(lines):
    held = {line.name: line.held_out() for line in lines}
    known = sorted((line for line in lines if held[line.name]), key=lambda line: min(held[line.name].values()))
    compared = []
    for line in [*known, *(line for line in lines if line not in known)]:
        behind = None if line in known[:1] else differences(held[line.name], held[(known or [line])[0].name])
        compared.append(Compared(line, estimate([*held[line.name].values()]), behind, None, None))
    return compared


class _Table:
    """What the cost of a study is counted from."""

    question = ""

    def __init__(self, rows, updates):
        self.rows, self.folder = rows, self
        self.stages = {row.name: [row.name] for row in rows}
        self.updates = updates

    def result(self, name):
        return {"failed": None, "until": self.updates, "start": 0}


def _no_rungs():
    """Why a study has no check of early stopping: too few runs, and losses too far apart."""
    for many, every in ((3, 10), (6, 50)):
        at = range(0, 101, every)
        runs = [run_log(f"linear 0 0.001 {seed}", at, [2 - seed / 10 - k / 200 for k in at]) for seed in range(many)]
        with pytest.raises(DataError) as refused:
            check_early_stopping(runs, [0.2])
        yield refused.value.args[0]


def of_studies():
    """Costs, verdicts, peaks, names and advice."""
    no_rungs = [*_no_rungs()]
    said = [cost_of(_Table([], 0))]
    rungs = [
        EarlyStoppingCheck(("a", "b"), 100, (Rung(0.5, agreement, within, 0.1),), 0.8, groups)
        for agreement, within, groups in ((0.91, None, 1), (-0.2, 0.85, 2), (0.4, None, 2))
    ]
    for place, study in enumerate(STUDIES):
        rows = [row for each in study for row in each]
        lines = lines_of(rows, 2.0)
        compared = _compared(lines)
        why = no_rungs[place % 2]
        said += [cost_of(_Table(rows, 30)), *advice(compared, None, why, 100)]
        said += [sentence for rung in rungs for sentence in advice(compared, rung, "", 2000)]
        for one in compared:
            usable = one.line.usable()
            said += [one.verdict, one.line.boundary(), *([usable.words()] if usable else [])]
            said += [one.line.name] if one.line.warmup is not None else []
        said += [cell.verdict for cell in summarize_cells(_Table(rows, 30))]
    far = Estimate(0.5, 0.1, 3)
    return [*said, Compared(lines[0], far, far, None, None).verdict]
