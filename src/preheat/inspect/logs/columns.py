"""Which columns of a table are step numbers and learning rates, by the names trainers give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Step numbers, the most telling first, and what number the first update has in them (None: nobody can tell).
_STEPS: tuple[tuple[str, int | None], ...] = (
    ("update", 0),
    ("train/global_step", 1),  # transformers' Trainer through W&B: counted after the update
    ("trainer/global_step", 0),  # Lightning through W&B: counted before it
    ("global_step", None),
    ("num_updates", None),
    ("step", None),
    ("_step", None),
    ("iteration", None),
    ("iter", None),
    ("steps", None),
    ("batch", None),
)
_RATE = re.compile(r"(?:^|[/_.\-\s:])(?:lr|learning[_\- ]?rate)(?:$|[/_.\-\s:\d])", re.IGNORECASE)
# Rates that are not the one in use, other numbers that are named after it, and W&B's columns of extremes.
_NOT_RATE = re.compile(
    r"(?:^|[/_.\-\s])(?:min|max|base|initial|peak|target|init|end)[_\- ](?:lr|learning)|momentum|weight[_\- ]?decay"
    r"|betas?|__(?:min|max)$|loss|scheduler|next_lr",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"(?:.*/)?epoch", re.IGNORECASE)


def rate_columns(names: Iterable[str], asked: str | None = None) -> list[str]:
    """The columns that hold learning rates; the one asked for, where one is.

    >>> rate_columns(["step", "lr-AdamW/pg1", "lr-AdamW/pg1-momentum", "min_lr", "train/learning_rate", "loss"])
    ['lr-AdamW/pg1', 'train/learning_rate']
    """
    if asked is not None:
        return [name for name in names if name == asked]
    return [name for name in names if _RATE.search(name) and not _NOT_RATE.search(name)]


def step_column(names: Iterable[str]) -> tuple[str, int | None] | None:
    """The column of step numbers, and which number the first update has in it.

    >>> step_column(["epoch", "train/global_step", "_step"])
    ('train/global_step', 1)
    """
    plain = {name.strip().lower(): name for name in names}
    return next(((plain[known], first) for known, first in _STEPS if known in plain), None)


def epoch_column(names: Iterable[str]) -> str | None:
    """The column that says how many epochs have passed."""
    return next((name for name in names if _EPOCH.fullmatch(name)), None)


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """One record with what is nested in it under joined names; a list gives one entry an item.

    >>> flat({"step": 1, "optim": {"lr": [0.1, 0.2]}})
    {'step': 1, 'optim/lr/0': 0.1, 'optim/lr/1': 0.2}
    """
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list) and len(value) <= 64:
            value = {str(index): item for index, item in enumerate(value)}
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}/")
        else:
            found[f"{prefix}{name}"] = value
    return found
