"""What the scripts of this folder share: a tiny model, an update, a log."""

import csv
import sys
from pathlib import Path

import torch

TOTAL, WARMUP, RATE = 120, 12, 1e-3


def linear(step, warmup=WARMUP, total=TOTAL):
    """transformers' linear schedule with warm-up, as people paste it into their loops."""
    return step / warmup if step < warmup else max(0.0, (total - step) / (total - warmup))


def tiny_model():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 2)


def micro_batch(model, scale=1.0):
    """One forward and backward pass."""
    (scale * model(torch.ones(8, 4)).square().mean()).backward()


class Log:
    """Rows of update and learning rate, written to the file the script is given, if it is given one."""

    def __init__(self):
        self.rows = []

    def add(self, update, rate, **more):
        self.rows.append({"update": update, "lr": float(rate), **more})

    def write(self):
        if len(sys.argv) > 1:
            with Path(sys.argv[1]).open("w", newline="") as file:
                writer = csv.DictWriter(file, list(self.rows[0]))
                writer.writeheader()
                writer.writerows(self.rows)
