"""Forecasts of our own models: of each seed the two shortest runs with linear cool-downs predict all its others.

    preheat study run --design docs/studies/forecast.toml --out studies/forecast
    python benchmarks/own_forecasts.py studies/forecast

Truth is the mean training loss over the last 2.5 % of a run: in one pass without dropout that of rows never seen.
"""

import sys
from statistics import mean

from preheat.advice import forecast
from preheat.errors import DataError
from preheat.lab.studies import read_study
from preheat.lab.studies.findings import study_probes

SHAPES = ("hold > linear 20% to 0", "hold > linear 90% to 0")
WARMUP, LR = 40, 1e-3


def main(folder):
    """Print a line a shape and horizon: forecast, interval, truth, by seed."""
    table = read_study(folder)
    runs = {one.name: one for one in study_probes(folder, LR)}
    shortest = min(row.horizon for row in table.rows)
    errors, held = {}, []
    for row in sorted(table.rows, key=lambda row: (row.horizon, row.schedule, row.seed)):
        if row.horizon == shortest and row.schedule in SHAPES:
            continue
        known = [
            one for one in table.rows if (one.horizon, one.seed) == (shortest, row.seed) and one.schedule in SHAPES
        ]
        records = table.records(row.name)
        truth = mean(line["loss"] for line in records[-len(records) // 40 :])
        words = f"warmup {WARMUP} > {row.schedule}"
        try:
            found = forecast([runs[one.name] for one in known], words, updates=row.horizon, lr=LR)
        except DataError as refused:
            print(f"{row.name}: refused: {refused}")
            continue
        errors.setdefault(row.horizon, []).append(found.final - truth)
        held.append(found.low <= truth <= found.high)
        print(
            f"{row.horizon} {row.schedule}, seed {row.seed}: {found.final:.3f} ({found.low:.3f} to {found.high:.3f},"
            f" {found.law}), truth {truth:.3f}, validation {row.loss:.3f}"
        )
    for horizon, each in errors.items():
        print(f"{horizon} updates: mean error {mean(map(abs, each)):.4f}, bias {mean(each):+.4f}, {len(each)} runs")
    print(f"intervals that held the truth: {sum(held)} of {len(held)}")


if __name__ == "__main__":
    main(sys.argv[1])
