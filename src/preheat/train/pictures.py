"""A run's two pictures, drawn from what it recorded."""

from __future__ import annotations

from pathlib import Path

from preheat.train.saving.records import EVALUATIONS, RECORDS, read_lines
from preheat.view import plot_series


def draw_run(folder: Path) -> None:
    """``lr.png``: the rate every update used. ``loss.png``: each update's loss, its running mean, and validation."""
    records = read_lines(folder / RECORDS)
    evaluations = read_lines(folder / EVALUATIONS)
    updates = [record["update"] for record in records]
    rates = {"lr": (updates, [record["lr"] for record in records])}
    plot_series(rates, path=folder / "lr.png", ylabel="learning rate used")
    losses = [float("nan") if record["loss"] is None else record["loss"] for record in records]
    width = max(1, len(losses) // 40)
    series = {
        "each update": (updates, losses),
        f"mean of {width} updates": (updates, _running_mean(losses, width)),
        "validation": ([line["update"] for line in evaluations], [line["loss"] for line in evaluations]),
    }
    plot_series(series, path=folder / "loss.png", ylabel="cross-entropy (nats)", faint=["each update"])


def _running_mean(values: list[float], width: int) -> list[float]:
    means = []
    for index in range(len(values)):
        window = values[max(0, index + 1 - width) : index + 1]
        means.append(sum(window) / len(window))
    return means
