"""A problem whose truth is known: the exact expected loss of any schedule on a power-law quadratic.

Problem   loss = 1/2 sum_i lam_i w_i^2, plain SGD with gradient noise of variance lam_i * noise in mode i.
Spectrum  lam_i = i^-spectrum, lam_i E[w_i(0)^2] = i^-(source * spectrum + 1), i = 1..modes.
Formula   E[w_i^2] <- (1 - eta lam_i)^2 E[w_i^2] + eta^2 lam_i noise: nothing is sampled.
Easy      source >= 1 - 1/spectrum: the best decay is a power of the time left, (1 - t/T)^(2 spectrum - 1).
Hard      source below that: a constant rate, the largest that is stable, and a short cool-down.
Source    Li et al. 2026, arXiv:2602.06797, for the two phases.
Differs   from a network: curvature is fixed, so there is no use for a warm-up and no edge to be driven to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.advice.last_iterate import factors, resolved
from preheat.errors import ScheduleError, refusal
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.lengths import count, number, positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# The largest curvature is 1, and gradient descent is stable below 2 over that.
STABLE = 2.0  # rates from here on let the first mode grow
# Twelve, a factor of 1.5 apart, up to what leaves room below 2.
PEAKS = tuple(np.geomspace(0.02, 1.6, 12).tolist())


@dataclass(frozen=True, slots=True)
class Tuned:
    """One schedule at its best peak of a grid.

    Attributes:
        name: what it was called.
        loss: the lowest expected final loss.
        peak: the peak it is had at.
        at_edge: whether that is an end of the grid, so that the best lies beyond, or at the edge of stability.
        losses: (peak, loss) pairs of the whole grid.
    """

    name: str
    loss: float
    peak: float
    at_edge: bool
    losses: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quadratic:
    """A power-law quadratic with gradient noise.

    Args:
        spectrum: how fast curvatures fall, > 0.
        source: how much of the start lies in the strong modes, > 0.
        noise: variance of the gradient noise over curvature, >= 0.
        modes: how many modes, >= 1.

    >>> easy = Quadratic(spectrum=1.5, source=1.0, modes=200)
    >>> easy.best_power, Quadratic(spectrum=2.0, source=0.25).best_power
    (2.0, None)
    >>> bool(easy.losses(np.full((1, 100), 0.1))[0] < easy.losses(np.full((1, 50), 0.1))[0])
    True
    """

    spectrum: float
    source: float
    noise: float = 0.01
    modes: int = 600

    def __post_init__(self) -> None:
        for name in ("spectrum", "source"):
            object.__setattr__(self, name, positive(name, getattr(self, name), _("It is an exponent.")))
        noise = number("noise", self.noise)
        if noise < 0:
            raise ScheduleError(refusal("noise", _(">= 0"), self.noise, _("It is a variance.")))
        object.__setattr__(self, "noise", float(noise))
        object.__setattr__(self, "modes", int(count("modes", self.modes, 1)))

    @property
    def curvatures(self) -> Floats:
        """Curvature of each mode, falling from 1, shape (modes,)."""
        return np.asarray(np.arange(1.0, self.modes + 1.0) ** -self.spectrum)

    @property
    def best_power(self) -> float | None:
        """The power of the time left that theory has as the best decay; None on hard problems."""
        return 2.0 * self.spectrum - 1.0 if self.source >= 1.0 - 1.0 / self.spectrum else None

    def losses(self, rates: Floats) -> Floats:
        """The exact expected loss after the last update of every run.

        Args:
            rates: learning rates, shape (runs, updates); from 2 on the first mode grows.

        Returns:
            shape (runs,); infinite where a run has diverged.
        """
        return self.curves(rates, (np.asarray(rates).shape[-1],))[:, 0]

    def curves(self, rates: Floats, at: Sequence[int]) -> Floats:
        """The exact expected loss of every run when ``at`` updates are completed, shape (runs, len(at)).

        Args:
            rates: learning rates, shape (runs, updates).
            at: rising counts of completed updates, in [0, updates].
        """
        # Updates first: the loop below goes through them, all runs and modes at once.
        rates = np.ascontiguousarray(np.asarray(rates, dtype=np.float64).T)
        if rates.ndim != 2 or not np.isfinite(rates).all() or (rates < 0).any():
            advice = _("Stack the runs' rates: one row a run.")
            raise ScheduleError(
                refusal(
                    "rates",
                    _("finite, >= 0, of shape (runs, updates)"),
                    _("shape {shape}", shape=str(rates.shape)),
                    advice,
                )
            )
        curvatures = self.curvatures[:, None]
        spread = self._start()[:, None] * np.ones(rates.shape[1])
        growth, wanted = np.empty_like(spread), {int(one) for one in at}
        losses = [0.5 * (curvatures * spread).sum(axis=0)] if 0 in wanted else []
        with np.errstate(over="ignore", invalid="ignore"):
            for done, rate in enumerate(rates, 1):
                # In place: over 1,000 updates of 600 modes and many runs, new arrays would take most of the time.
                np.multiply(curvatures, -rate, out=growth)
                growth += 1.0
                spread *= growth
                spread *= growth
                np.multiply(curvatures, rate * rate * self.noise, out=growth)
                spread += growth
                if done in wanted:
                    losses.append(0.5 * (curvatures * spread).sum(axis=0))
        # inf - inf in a run that has diverged is NaN: it counts as infinite too.
        return np.asarray(np.nan_to_num(np.stack(losses, axis=1), nan=np.inf, posinf=np.inf))

    def gradient_norms(self, rates: Floats) -> Floats:
        """The root mean square gradient norm of each update of one run, noise included, shape (updates,)."""
        curvatures, spread = self.curvatures, self._start()
        noise = float(self.noise * curvatures.sum())
        norms = np.empty(len(rates))
        for done, rate in enumerate(rates):
            norms[done] = np.sqrt((curvatures**2 * spread).sum() + noise)
            spread = (1.0 - rate * curvatures) ** 2 * spread + rate**2 * curvatures * self.noise
        return norms

    def tune(
        self, schedules: Mapping[str, Schedule | str], updates: int, peaks: Sequence[float] = PEAKS
    ) -> tuple[Tuned, ...]:
        """Every schedule at its best peak, the lowest loss first: what a sweep would find, without its noise.

        Args:
            schedules: by name; schedules or words.
            updates: length of every run.
            peaks: peak learning rates tried, > 0.
        """
        if not schedules or not len(peaks):
            raise ScheduleError(
                refusal("schedules", _("at least one, with peaks to try"), len(schedules), _("Name some."))
            )
        tried = [positive("peaks", peak, _("They are learning rates.")) for peak in peaks]
        shapes = [factors(*resolved(one, updates)) for one in schedules.values()]
        losses = self.losses(np.concatenate([np.outer(tried, shape) for shape in shapes])).reshape(len(shapes), -1)
        tuned = [
            Tuned(
                name, float(row.min()), tried[int(row.argmin())], int(row.argmin()) in (0, len(tried) - 1),
                tuple(zip(tried, row.tolist(), strict=True)),
            )
            for name, row in zip(schedules, losses, strict=True)
        ]  # fmt: skip
        return tuple(sorted(tuned, key=lambda one: one.loss))

    def _start(self) -> Any:
        return np.arange(1.0, self.modes + 1.0) ** -(self.source * self.spectrum + 1.0) / self.curvatures
