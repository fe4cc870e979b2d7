"""The Multi-Power Law: a loss curve from its learning rates.

Formula  L(t) = L0 + A (sum of rates so far)^-alpha - B sum_k (eta_{k-1} - eta_k) G(eta_k^-gamma (eta_k + ... + eta_t)),
         G(x) = 1 - (1 + C x)^-beta, over every update k <= t at which the rate changed.
Climb    left out of the sum over k, as in the paper. The published parameters were fitted with it inside: the same
         curve with an L0 about B * peak lower.
Source   Luo et al. 2025, arXiv:2503.12811.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from preheat.theory.laws.rates import Changes, changes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_AT_ONCE = 4_000_000  # changes times losses: what is held at once where nothing is gathered


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiPowerLaw:
    """The law with its seven parameters.

    Args:
        floor: L0, what no training gets below.
        scale: A, of the power of the sum of rates.
        power: alpha.
        gain: B, of what falling rates give.
        speed: C, how fast they give it.
        fade: beta.
        bend: gamma, how much slower at high rates.
        climb: whether the warm-up's changes count.

    >>> law = MultiPowerLaw(floor=3.0, scale=0.5, power=0.5, gain=400.0, speed=2.0, fade=0.6, bend=0.6)
    >>> rates = np.full(1000, 3e-4)
    >>> float(law(rates, np.array([999]))[0].round(4)) == round(3 + 0.5 * 0.3**-0.5, 4)
    True
    """

    floor: float
    scale: float
    power: float
    gain: float
    speed: float
    fade: float
    bend: float
    climb: bool = False

    name: ClassVar[str] = "multi-power"
    # Start, and width of the prior on the logarithm: without one, a few curves leave the last three free to wander.
    shape: ClassVar[dict[str, tuple[float, float]]] = {
        "power": (0.45, 2.0), "speed": (2.0, 0.15), "fade": (0.6, 0.15), "bend": (0.64, 0.15)
    }  # fmt: skip

    def __call__(self, rates: Floats, at: NDArray[np.int64], *, blocks: int = 0) -> Floats:
        """The loss at updates ``at`` of a run with these rates; ``blocks`` gathers changes, 0 takes each by itself."""
        found = np.empty(len(at))
        step = len(at) if blocks else max(1, _AT_ONCE // len(rates))
        for begin in range(0, len(at), step):
            part = changes(rates, at[begin : begin + step], climb=self.climb, blocks=blocks)
            columns = self.columns(part, (self.power, self.speed, self.fade, self.bend))
            found[begin : begin + step] = columns @ (self.floor, self.scale, self.gain)
        return found

    @classmethod
    def columns(cls, seen: Changes, shape: tuple[float, ...] | Floats) -> Floats:
        """What floor, scale and gain multiply, shape (n, 3), for given exponents."""
        power, speed, fade, bend = shape
        reached = 1.0 - (1.0 + speed * seen.rates**-bend * seen.since) ** -fade
        given = (seen.drops * reached).sum(axis=1)
        return np.stack([np.ones(len(seen.at)), seen.sums**-power, -given], axis=1)

    @classmethod
    def of(cls, linear: Floats, shape: Floats) -> MultiPowerLaw:
        """The law with fitted parameters."""
        floor, scale, gain = (float(one) for one in linear)
        power, speed, fade, bend = (float(one) for one in shape)
        return cls(floor=floor, scale=scale, power=power, gain=gain, speed=speed, fade=fade, bend=bend)
