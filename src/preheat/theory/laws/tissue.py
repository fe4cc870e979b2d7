"""Tissue's law: a loss curve from the sum of its learning rates and a momentum of their falls.

Formula  L(t) = L0 + A (sum of rates so far)^-alpha - C S2(t), with S2(t) = sum_{i<=t} m_i and
         m_i = decay m_{i-1} + (eta_{i-1} - eta_i).
Source   Tissue et al. 2024, arXiv:2408.11029.
Climb    left out of S2: it would shift L0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from preheat.theory.laws.rates import Changes, changes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueLaw:
    """The law with its four parameters, and the momentum's decay.

    Args:
        floor: L0, what no training gets below.
        scale: A, of the power of the sum of rates.
        power: alpha.
        gain: C, of what falling rates give.
        decay: of the momentum, in (0, 1); 0.999 in the paper.

    >>> law = TissueLaw(floor=3.0, scale=0.5, power=0.5, gain=1.0)
    >>> rates = np.full(1000, 3e-4)
    >>> float(law(rates, np.array([999]))[0].round(4)) == round(3 + 0.5 * 0.3**-0.5, 4)
    True
    """

    floor: float
    scale: float
    power: float
    gain: float
    decay: float = 0.999

    name: ClassVar[str] = "tissue"
    shape: ClassVar[dict[str, tuple[float, float]]] = {"power": (0.45, 2.0)}

    def __call__(self, rates: Floats, at: NDArray[np.int64], *, blocks: int = 256) -> Floats:
        """The loss at updates ``at`` of a run with these rates."""
        seen = changes(rates, at, blocks=blocks)
        return np.asarray(self.columns(seen, (self.power,), self.decay) @ (self.floor, self.scale, self.gain))

    @classmethod
    def columns(cls, seen: Changes, shape: tuple[float, ...] | Floats, decay: float = 0.999) -> Floats:
        """What floor, scale and gain multiply, shape (n, 3), for a given power."""
        # A fall counts 1 + decay + decay^2 + ... from its own update on.
        given = (seen.drops * (1.0 - decay ** (seen.ages + 1.0))).sum(axis=1) / (1.0 - decay)
        return np.stack([np.ones(len(seen.at)), seen.sums ** -shape[0], -given], axis=1)

    @classmethod
    def of(cls, linear: Floats, shape: Floats) -> TissueLaw:
        """The law with fitted parameters."""
        floor, scale, gain = (float(one) for one in linear)
        return cls(floor=floor, scale=scale, power=float(shape[0]), gain=gain)
