"""Laws fitted to curves by variable projection: what is linear is solved for, what is not is searched.

Weights   residuals over 1e-3 of the loss: runs log it to about as much.
Prior     normal in the logarithm of every exponent, as each law has it; a few curves do not fix them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from preheat.theory.laws.multi_power import MultiPowerLaw
from preheat.theory.laws.rates import Changes
from preheat.theory.laws.tissue import TissueLaw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Law = MultiPowerLaw | TissueLaw

LAWS: dict[str, type[MultiPowerLaw] | type[TissueLaw]] = {law.name: law for law in (TissueLaw, MultiPowerLaw)}
ACCURACY = 1e-3  # of a loss
_ROUNDS = 60
_STEP = 1e-5  # in the logarithm, for slopes
_DONE = 1e-9
_REACH, _FURTHEST = 14.0, 3.0  # widths of the prior, and logarithms: beyond, powers overflow before they fit anything


@dataclass(frozen=True, slots=True)
class Fitted:
    """A law with what it leaves unexplained.

    Attributes:
        law: with its parameters.
        residuals: measured minus predicted losses, of all curves in order.
    """

    law: Law
    residuals: Floats


def fit(kind: str, seen: Sequence[Changes], losses: Sequence[Floats], start: Law | None = None) -> Fitted:
    """Fit a law to curves.

    Args:
        kind: a name in ``LAWS``.
        seen: the changes of each curve's rates.
        losses: the losses of each, at the updates of ``seen``.
        start: a law of this kind near the answer, to begin at; None begins at the prior.
    """
    law = LAWS[kind]
    targets = np.concatenate(losses)
    weights = 1.0 / (ACCURACY * targets)
    centre, width = (np.array(side) for side in zip(*law.shape.values(), strict=True))
    centre = np.log(centre)

    reach = np.minimum(_REACH * width, _FURTHEST)

    def solve(point: Floats) -> tuple[Floats, Floats]:
        columns = np.concatenate([law.columns(one, shape_at(point)) for one in seen])
        return columns, not_negative(columns * weights[:, None], targets * weights)

    def shape_at(point: Floats) -> Floats:
        return np.asarray(np.exp(np.clip(point, centre - reach, centre + reach)))

    def residuals(point: Floats) -> Floats:
        columns, linear = solve(point)
        return np.concatenate([(columns @ linear - targets) * weights, (point - centre) / width])

    begin = centre if start is None else np.log([getattr(start, name) for name in law.shape])
    best = least_squares(residuals, begin)
    columns, linear = solve(best)
    return Fitted(law.of(linear, shape_at(best)), targets - columns @ linear)


def not_negative(columns: Floats, targets: Floats) -> Floats:
    """Least squares with coefficients >= 0, for the few columns of a law: the best of every choice of columns.

    >>> not_negative(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([2.0, -1.0])).tolist()
    [2.0, 0.0]
    """
    many = columns.shape[1]
    sizes = np.sqrt((columns**2).sum(axis=0))
    scaled = columns / np.where(sizes == 0.0, 1.0, sizes)
    best, least = np.zeros(many), float((targets**2).sum())
    for size in range(many, 0, -1):
        for chosen in combinations(range(many), size):
            part = scaled[:, chosen]
            found = np.linalg.lstsq(part, targets, rcond=None)[0]
            left = float(((part @ found - targets) ** 2).sum())
            if (found >= 0).all() and left < least:
                best = np.zeros(many)
                best[list(chosen)], least = found, left
        if best.any() and size == many:
            break  # nothing with fewer columns is nearer
    return np.asarray(best / np.where(sizes == 0.0, 1.0, sizes))


def least_squares(residuals: Callable[[Floats], Floats], start: Floats) -> Floats:
    """The point of least squares, by Levenberg's and Marquardt's method with forward differences.

    >>> least_squares(lambda point: point - np.array([1.0, -2.0]), np.zeros(2)).round(6).tolist()
    [1.0, -2.0]
    """
    point, here, damping = start.copy(), residuals(start), 1e-3
    for _ in range(_ROUNDS):
        slopes = np.stack([(residuals(point + step) - here) / _STEP for step in _STEP * np.eye(len(point))], axis=1)
        normal, down = slopes.T @ slopes, slopes.T @ here
        moved = False
        while damping < 1e12:
            tried = point - np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), down)
            there = residuals(tried)
            if np.isfinite(there).all() and (there**2).sum() < (here**2).sum():
                moved = True
                break
            damping *= 10.0
        if not moved:
            break
        done = (here**2).sum() - (there**2).sum() < _DONE * (here**2).sum()
        point, here, damping = tried, there, max(damping / 10.0, 1e-12)
        if done:
            break
    return point
