"""Logs as programs write them: a schedule's rates with the noise of real files."""

import csv
import random

import numpy as np

from preheat.auditing.logs import Log, Rows

# How trainers print numbers. The last two round to decimals, which leaves a rate of 5e-5 two digits.
FORMATS = {
    "all digits": lambda value: repr(float(value)),
    "float32": lambda value: repr(float(np.float32(value))),
    "six digits": lambda value: f"{value:.6g}",
    "six digits, scientific": lambda value: f"{value:.5e}",
    "four digits": lambda value: f"{value:.4g}",
    "three digits, scientific": lambda value: f"{value:.2e}",
    "eight decimals": lambda value: f"{value:.8f}",
    "rounded to eight decimals": lambda value: repr(round(float(value), 8)),
}


def noisy(schedule, base, total, shown, seed, *, every=1, first=0, known=True):
    """A log of a correct run: every n-th row, a tenth of them missing, a twentieth twice."""
    draw = random.Random(seed)
    rows = Rows("lr")
    for update in range(0, total, every):
        if draw.random() < 0.1 and update:
            continue
        for _ in range(2 if draw.random() < 0.05 else 1):
            rows.add(update + first, FORMATS[shown](base * schedule(update)))
    return Log("noisy", "a test", (rows.series(),), first if known else None)


def write_csv(path, columns, rows):
    """A CSV file with a header."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path
