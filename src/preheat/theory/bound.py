"""The last-iterate bound of stochastic subgradient descent with a schedule, on arrays.

Setting   x_{t+1} = x_t - eta_t g_t, f convex, |x_1 - x*| <= D, E|g_t|^2 <= G_t^2; eta_t = peak * shape_t, t = 1..T.
Formula   f(x_T) - f* <= T1 / peak + peak * (T2 + T3), with S(k) = shape_k + ... + shape_T,
          T1 = D^2 / (2 S(1)),   T2 = sum_t shape_t^2 G_t^2 / (2 S(1)),
          T3 = 1/2 sum_{k<T} shape_k / S(k+1) * sum_{t>=k} shape_t^2 G_t^2 / S(k).
Best      peak* = sqrt(T1 / (T2 + T3)), where the bound is 2 sqrt(T1 (T2 + T3)).
Source    Schaipp et al. 2025, arXiv:2501.18965, after Defazio et al. 2023, arXiv:2310.07831, Theorem 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """The three terms of the bound for one shape, at peak 1, with what each update adds to them.

    Attributes:
        start: T1, of how far the start is from the solution; divided by the peak in the bound.
        noise: T2, of the gradients' size over the whole run; times the peak in the bound.
        last: T3, of the last iterate being one iterate and no average; times the peak in the bound.
        start_parts: each update's share of the sum that T1 is divided by, shape (T,), adding up to 1.
        noise_parts: each update's part of T2, shape (T,).
        last_parts: each update's part of T3, shape (T,); 0 for the last.
    """

    start: float
    noise: float
    last: float
    start_parts: Floats
    noise_parts: Floats
    last_parts: Floats

    @property
    def best_peak(self) -> float:
        """The peak at which the bound is lowest."""
        return float(np.sqrt(self.start / (self.noise + self.last)))

    @property
    def best(self) -> float:
        """The bound at that peak."""
        return float(2.0 * np.sqrt(self.start * (self.noise + self.last)))

    def at(self, peak: float) -> float:
        """The bound at any peak > 0."""
        return self.start / peak + peak * (self.noise + self.last)


def terms(shape: Floats, norms: Floats | float = 1.0, distance: float = 1.0) -> Terms:
    """The three terms for a shape, in O(T).

    Args:
        shape: factor of each update, shape (T,), all > 0.
        norms: gradient norm of each update, shape (T,), or one for all, > 0.
        distance: D, from the start to the solution, > 0.

    >>> round(terms(np.ones(100)).best, 6)  # (1 / 10) sqrt(1 + H(99))
    0.248543
    """
    squares = (shape * norms) ** 2
    # Suffix sums taken from the end: a total minus a prefix cancels where the rates are small.
    ahead, squares_ahead = (np.cumsum(part[::-1])[::-1] for part in (shape, squares))
    total = ahead[0]
    last_parts = np.zeros(len(shape))
    last_parts[:-1] = 0.5 * (shape[:-1] / ahead[1:]) * (squares_ahead[:-1] / ahead[:-1])
    noise_parts = squares / (2.0 * total)
    start = distance**2 / (2.0 * total)
    return Terms(
        float(start), float(noise_parts.sum()), float(last_parts.sum()), shape / total, noise_parts, last_parts
    )


def constant_bound(updates: int) -> tuple[float, float]:
    """The bound and the best peak of a constant schedule in closed form, at D = G = 1.

    >>> abs(terms(np.ones(50)).best - constant_bound(50)[0]) < 1e-15
    True
    """
    harmonic = 1.0 + float(np.sum(1.0 / np.arange(1, updates)))
    return float(np.sqrt(harmonic / updates)), float(1.0 / np.sqrt(updates * harmonic))


def wsd_limit(updates: int, cooldown_at: int) -> float:
    """An upper limit of the bound for a constant stretch and a linear cool-down to 0, in closed form, at D = G = 1.

    Args:
        updates: T, the last with a rate above 0.
        cooldown_at: T0, the update the cool-down starts from, in [1, T - 2].

    Without a logarithm of T as long as T0 is a fixed share of it.
    """
    ends, begins = updates, cooldown_at
    both, tail = ends + begins, ends - begins
    inner = (
        2.0 / 3.0
        + (ends + 2 * begins) / (3.0 * both)
        + _harmonic(both - 2)
        - _harmonic(tail + 1)
        - tail * (begins - 1) / (3.0 * (tail + 2) * both)
        + 1.0 / tail**2
        + _harmonic(tail - 1) / (tail + 1)
    )
    return float(np.sqrt(4.0 / both * inner))


def _harmonic(count: int) -> float:
    return float(np.sum(1.0 / np.arange(1, count + 1)))
