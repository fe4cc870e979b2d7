"""Public loss curves of two projects, where they are: ``PREHEAT_LOSS_CURVES``, or ``shared`` beside the checkout.

``multi_power_law``: 25M and 100M models (arXiv:2503.12811). ``schaipp_124m``: 124M models (arXiv:2501.18965).
Tests that need them are skipped with a reason where they are absent.
"""

import csv
import os
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(
    os.environ.get("PREHEAT_LOSS_CURVES") or Path(__file__).parents[2].parent / "shared" / "data" / "loss_curves"
)
needs_curves = pytest.mark.skipif(
    not (FOLDER / "schaipp_124m" / "runs.csv").exists(),
    reason=f"public loss curves are not here: {FOLDER} (set PREHEAT_LOSS_CURVES)",
)


def _rows(name):
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def schaipp_runs():
    """Every run's settings by its number, with its logged (updates, losses)."""
    logged = defaultdict(list)
    for row in _rows("schaipp_124m/val_curves.csv"):
        logged[int(row["run_id"])].append((int(row["iter"]), float(row["val_loss"])))
    runs = {}
    for row in _rows("schaipp_124m/runs.csv"):
        number = int(row["run_id"])
        updates, losses = (np.array(side) for side in zip(*logged[number], strict=True))
        runs[number] = {
            "group": row["group"],
            "schedule": row["schedule"],
            "shape": row["cooldown_shape"],
            "cooldown": float(row["cooldown_fraction"] or 0),
            "peak": float(row["peak_lr"]),
            "floor": float(row["final_lr"]) / float(row["peak_lr"]),
            "total": int(row["iterations"]),
            "updates": updates,
            "losses": losses,
            "last": float(row["last_val_loss_subset"]),
            "final": float(row["final_val_loss_full"]),
        }
    return runs


@cache
def schaipp_norms(number):
    """Mean gradient norms of 500-update blocks of one run."""
    rows = [row for row in _rows("schaipp_124m/grad_norm.csv") if int(row["run_id"]) == number]
    return np.array([float(row["grad_norm_mean"]) for row in rows])


def schaipp_rates(run, total=None):
    """The learning rate of every update over the peak, as those runs used it."""
    updates = np.arange(run["total"] if total is None else total)
    climb = np.minimum(0.01 + 0.99 * updates / 300, 1)
    if run["schedule"] == "cos":
        through = np.clip((updates - 300) / (run["total"] - 300), 0, 1)
        return climb * (run["floor"] + (1 - run["floor"]) * (1 + np.cos(np.pi * through)) / 2)
    if not run["cooldown"]:
        return climb
    begin = (1 - run["cooldown"]) * run["total"]
    through = np.clip((updates - begin) / (run["total"] - begin), 0, 1)
    return climb * (1 - np.sqrt(through) if run["shape"] == "sqrt" else 1 - through)


@cache
def power_law_run(name):
    """(updates, losses, rates of every update) of one of the Multi-Power Law's curves, by file name."""
    rows = _rows(f"multi_power_law/{name}.csv")
    updates, losses = np.array([int(row["step"]) for row in rows]), np.array([float(row["loss"]) for row in rows])
    kind, *numbers = name.split("_")[1:]
    total = int(numbers[-1]) if kind != "wsdcon" else 16000
    return updates, losses, power_law_rates(kind, [int(number) for number in numbers], total)


def power_law_rates(kind, numbers, total):
    """The learning rates of their schedules: peak 3e-4, end 3e-5, 2160 updates from 0 to the peak, both included."""
    peak, end, climb = 3e-4, 3e-5, 2160
    t = np.arange(total + 1, dtype=float)
    rates = np.full(total + 1, peak)
    if kind == "cosine":
        rates = end + (peak - end) * (1 + np.cos(np.pi * (t - climb) / (total - climb))) / 2
    elif kind in ("wsd", "wsdld"):
        through = np.clip((t - numbers[0]) / (numbers[1] - numbers[0]), 0, 1)
        rates = peak * (end / peak) ** through if kind == "wsd" else peak + (end - peak) * through
    elif kind == "wsdcon":
        rates = np.where(t < 8000, peak, numbers[0] * 1e-5)
    return np.where(t < climb, peak * t / (climb - 1), rates)
