"""What the loss-curve laws predict of public curves they have not seen: one Markdown table on standard output.

PREHEAT_LOSS_CURVES=folder python benchmarks/forecasts.py    # two minutes on one core

Rows are sets of short runs of 124M models, and of 25M and 100M ones; columns are mean errors on all other curves of the
same peak up to three times as long, on their ends, how often the interval held the end, and the rank correlation of
predicted and real ends.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from preheat.advice.early_stopping import spearman
from preheat.advice.forecasting import _interval, fit_runs
from preheat.advice.laws import LAWS
from preheat.advice.short_runs import FURTHEST, ShortRun
from support.loss_curves import FOLDER, power_law_run, schaipp_rates, schaipp_runs

# The authors' split of the curves of 25M and 100M models.
TRAIN = ("constant_24000", "cosine_24000", "wsdcon_9")
TEST = ("constant_72000", "cosine_72000", "wsd_20000_24000", "wsdld_20000_24000", "wsdcon_3", "wsdcon_18")
COOLDOWNS = {"25k: 20, 90 %": (25_000, (0.2, 0.9)), "15k: 10, 20, 90 %": (15_000, (0.1, 0.2, 0.9))}


def public(number: int, run: dict[str, Any]) -> ShortRun:
    """A 124M run as it can be fitted to, its end included."""
    rates = run["peak"] * schaipp_rates(run, run["total"] + 1)
    updates, losses = np.append(run["updates"], run["total"]), np.append(run["losses"], run["last"])
    return ShortRun(str(number), rates, updates, losses, run["total"]).settled()


def figures(train: Sequence[ShortRun], others: Sequence[ShortRun], law: str | None) -> str:
    """One row's cells."""
    name, found, errors, left_out = fit_runs(train, law)
    ends, real, curves, held = [], [], [], []
    for one in others:
        predicted = found.law(one.rates, one.updates, blocks=256)
        low, high = _interval(name, train, found, one.rates, int(one.updates[-1]), left_out)
        curves.append(np.abs(predicted - one.losses).mean())
        ends.append(float(predicted[-1]))
        real.append(float(one.losses[-1]))
        held.append(low <= real[-1] <= high)
    off = np.abs(np.subtract(ends, real))
    cells = (errors[name], np.mean(curves), off.mean(), off.max())
    numbers = " | ".join(f"{cell:.4f}" for cell in cells)
    return f"{name} | {len(others)} | {numbers} | {np.mean(held):.2f} | {spearman(ends, real):.2f}"


def power_law_probe(size: str, name: str) -> ShortRun:
    """A curve of the Multi-Power Law's authors as it can be fitted to."""
    at, losses, rates = power_law_run(f"{size}_{name}")
    return ShortRun(name, rates, at, losses, len(rates) - 1).settled()


def gap(size: str) -> str:
    """Promised and real gains of a plateau with a cool-down over a cosine, 24k updates."""
    runs = {
        name: power_law_run(f"{size}_{name}")
        for name in ("constant_24000", "cosine_24000", "wsdcon_9", "wsd_20000_24000")
    }
    train = [ShortRun(name, rates, at, losses, int(at[-1])) for name, (at, losses, rates) in runs.items()][:3]
    _, found, _, _ = fit_runs(train, "multi-power")
    ends = {}
    for name in ("cosine_24000", "wsd_20000_24000"):
        at, losses, rates = runs[name]
        ends[name] = (float(found.law(rates, at[-3:], blocks=256).mean()), float(losses[-3:].mean()))
    promised, real = (ends["cosine_24000"][side] - ends["wsd_20000_24000"][side] for side in (0, 1))
    return f"{size}: promised {promised:.4f}, real {real:.4f}"


def main() -> None:
    """Print the table."""
    if not FOLDER.exists():
        sys.exit(f"public loss curves are not here: {FOLDER} (set PREHEAT_LOSS_CURVES)")
    print("| runs | peak | law | others | left-out | curve | end | worst end | held | Spearman |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for label, (total, cooldowns) in COOLDOWNS.items():
        for peak in (5e-4, 1e-3, 2e-3):
            kept = {
                number: run
                for number, run in schaipp_runs().items()
                if run["group"] == "main" and run["peak"] == peak and (run["cooldown"] or run["schedule"] == "cos")
            }
            chosen = [
                number
                for number, run in kept.items()
                if run["total"] == total and run["cooldown"] in cooldowns and run["shape"] == "linear"
            ]
            train = [public(number, kept[number]) for number in chosen]
            others = [
                public(number, run)
                for number, run in kept.items()
                if number not in chosen and run["total"] <= FURTHEST * total
            ]
            for law in LAWS:
                print(f"| {label} | {peak:g} | {figures(train, others, law)} |", flush=True)
    for size in ("25M", "100M"):
        train, others = ([power_law_probe(size, name) for name in names] for names in (TRAIN, TEST))
        for law in LAWS:
            print(f"| {size}, 24k and 16k: {', '.join(TRAIN)} | 0.0003 | {figures(train, others, law)} |", flush=True)
    print("\nA plateau with a cool-down over a cosine, by the multi-power law:", "; ".join(map(gap, ("25M", "100M"))))


if __name__ == "__main__":
    main()
