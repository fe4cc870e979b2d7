"""Learning rates as the loss-curve laws see them: sums so far, and changes gathered into few blocks.

A law adds something for every update at which the rate changed, at every update where a loss is wanted: millions of
terms for one curve. Changes next to each other act alike, so they are gathered into blocks of equal count; a block that
a loss lies inside of counts with the changes made so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from preheat.errors import DataError, refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BLOCKS = 256
_LOWEST = 1e-12  # of the peak: a rate of 0 has no power of its own


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Where a run's losses are wanted, and what its rates did until then.

    Attributes:
        at: completed updates of each loss, shape (n,).
        sums: sum of the rates until then, the climb's included, shape (n,).
        drops: by how much the rates of each block have fallen until then (negative: risen), shape (n, blocks).
        since: sum of the rates since each block's mean change, its own included, shape (n, blocks).
        rates: mean rate after a change of each block, shape (n, blocks).
        ages: mean number of updates since the changes of each block, shape (n, blocks).
    """

    at: NDArray[np.int64]
    sums: Floats
    drops: Floats
    since: Floats
    rates: Floats
    ages: Floats


def changes(rates: Floats, at: NDArray[np.int64], *, climb: bool = False, blocks: int = BLOCKS) -> Changes:
    """Gather the changes of a run's rates.

    Args:
        rates: learning rate of every update, > 0 somewhere, shape (updates,).
        at: update numbers of the losses, each in [0, updates), shape (n,).
        climb: whether the changes of the warm-up count, as in the published code of the Multi-Power Law.
        blocks: into how many; 0 keeps every change by itself.
    """
    if len(at) and not 0 <= at.min() <= at.max() < len(rates):
        advice = f"The rates cover updates 0 to {len(rates) - 1}."
        raise DataError(refusal("updates of the losses", "within the run", [int(at.min()), int(at.max())], advice))
    total = np.cumsum(rates)
    fallen = np.concatenate([[0.0], rates[:-1] - rates[1:]])
    if not climb:
        fallen[: int(np.argmax(rates >= rates.max() * (1.0 - 1e-12))) + 1] = 0.0
    before = total - rates
    floor = np.maximum(rates, _LOWEST * rates.max())
    if blocks:
        drops, starts, levels, when = _in_blocks(fallen, before, floor, at, blocks)
    else:
        drops, starts, levels, when = _one_by_one(fallen, before, floor, at)
    since = np.maximum(total[at][:, None] - starts, 0.0)
    return Changes(at, total[at], drops, since, levels, np.maximum(at[:, None] - when, 0.0))


def _one_by_one(fallen: Floats, before: Floats, level: Floats, at: NDArray[np.int64]) -> tuple[Floats, ...]:
    """Every change by itself, those after a loss at 0."""
    where = np.flatnonzero(fallen)
    made = where[None, :] <= at[:, None]
    return np.where(made, fallen[where], 0.0), before[where][None], level[where][None], where[None].astype(float)


def _in_blocks(fallen: Floats, before: Floats, level: Floats, at: NDArray[np.int64], blocks: int) -> tuple[Floats, ...]:
    parts = [_gathered(group, fallen, before, level, at) for group in _groups(fallen, blocks)]
    if not parts:
        return (np.zeros((len(at), 0)),) * 4
    return tuple(np.stack([part[index] for part in parts], axis=1) for index in range(4))


def _groups(fallen: Floats, blocks: int) -> Iterator[NDArray[np.int64]]:
    """Blocks of neighbouring changes of one sign, of about equal count."""
    many = np.count_nonzero(fallen)
    for one in (np.flatnonzero(fallen > 0), np.flatnonzero(fallen < 0)):
        if len(one):
            yield from np.array_split(one, max(1, min(len(one), round(blocks * len(one) / many))))


def _gathered(
    group: NDArray[np.int64], fallen: Floats, before: Floats, level: Floats, at: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats, Floats]:
    """One block until each loss: the sum of its changes, and means over them, weighted by their size."""
    weights = fallen[group]
    reached = np.searchsorted(group, at, "right")  # changes made so far
    sums = [np.concatenate([[0.0], np.cumsum(weights * one)]) for one in (1.0, before[group], level[group], group)]
    drops = sums[0][reached]
    safe = np.where(drops == 0.0, 1.0, drops)
    starts, levels, when = (
        np.where(drops == 0.0, fallback, one[reached] / safe)
        for one, fallback in zip(sums[1:], (before[group[0]], level[group[0]], float(group[0])), strict=True)
    )
    return drops, starts, levels, when
