"""The shapes a phase can follow, each written once over an array namespace.

A curve *falls*: ``fall(done, left, length, xp)`` is 1 where its phase begins and, unless it waves, 0 where the phase
ends. ``done`` and ``left`` are updates since the beginning and until the end (``done + left == length``); ``xp`` is
``math`` for one update, NumPy (or a namespace like it) for many. A rising phase runs the same curve backwards in time,
so the climb of ``1-sqrt`` is the mirror of its descent. Both ends are handed in because ``left / length`` and
``1 - done / length`` differ in the last bit, and a schedule has to agree with its peers to that bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from preheat.schedule.checks import positive


@dataclass(frozen=True, slots=True)
class Curve(ABC):
    """Abstract: a falling shape. ``endless`` says whether it can run without an end."""

    endless: ClassVar[bool] = False

    @abstractmethod
    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        """The share of the height still to fall, 1 at the beginning of the phase."""


@dataclass(frozen=True, slots=True)
class Constant(Curve):
    """Stays where it begins: ``1``."""

    endless: ClassVar[bool] = True

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0


@dataclass(frozen=True, slots=True)
class Linear(Curve):
    """A straight line: ``left / length``."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return left / length


@dataclass(frozen=True, slots=True)
class Cosine(Curve):
    """Half a cosine wave, or several: ``(1 + cos(2 pi cycles u)) / 2`` with ``u = done / length``.

    ``cycles`` = 0.5 is one descent (Loshchilov & Hutter 2017, arXiv:1608.03983), 1 goes down and back up.
    """

    cycles: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "cycles", positive("cycles", self.cycles, "0.5 is one descent."))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 0.5 * (1.0 + xp.cos(xp.pi * self.cycles * 2.0 * (done / length)))


@dataclass(frozen=True, slots=True)
class CosineRestarts(Curve):
    """``cycles`` equal cosine descents, each starting at the top again: ``(1 + cos(pi (cycles u mod 1))) / 2``.

    At the very end the wave stands at the top of a cycle that is never run: give the schedule its ``end`` value.
    Loshchilov & Hutter 2017, arXiv:1608.03983, with equal periods.
    """

    cycles: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "cycles", positive("cycles", self.cycles, "It counts the descents."))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 0.5 * (1.0 + xp.cos(xp.pi * ((self.cycles * (done / length)) % 1.0)))


@dataclass(frozen=True, slots=True)
class Polynomial(Curve):
    """A power of what is left: ``(left / length) ** power``."""

    power: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "power", positive("power", self.power, "1 is a straight line."))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return (left / length) ** self.power


@dataclass(frozen=True, slots=True)
class OneMinusSqrt(Curve):
    """Steep first, flat at the end: ``1 - sqrt(done / length)``. Haegele et al. 2024, arXiv:2405.18392."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0 - xp.sqrt(done / length)


@dataclass(frozen=True, slots=True)
class InverseSqrt(Curve):
    """``1 / sqrt(1 + done / timescale)``: never reaches its end, so it can run for ever; ``timescale`` in updates."""

    endless: ClassVar[bool] = True

    timescale: float = 10_000.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "timescale", positive("timescale", self.timescale, "It is a number of updates."))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0 / xp.sqrt((done + self.timescale) / self.timescale)


# The explicit table of names used in files: with slots=True a registering __init_subclass__ would fire twice.
CURVES: dict[str, type[Curve]] = {
    "constant": Constant,
    "linear": Linear,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "polynomial": Polynomial,
    "1-sqrt": OneMinusSqrt,
    "inverse_sqrt": InverseSqrt,
}
CURVE_NAMES: dict[type[Curve], str] = {curve: name for name, curve in CURVES.items()}
