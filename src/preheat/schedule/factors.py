"""Factors: shares of the peak, or learning rates that become one once a base value is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.checks import number


@dataclass(frozen=True, slots=True)
class Absolute:
    """A learning rate instead of a share of the peak: each parameter group makes its own share of it.

    >>> absolute(1e-6).share(1e-3)
    0.001
    """

    value: float

    def __str__(self) -> str:
        return f"lr {self.value:.17g}" if float(f"{self.value:g}") != self.value else f"lr {self.value:g}"

    def share(self, base: float) -> float:
        """The share of ``base`` whose product with it is this value, to the last bit where one exists."""
        share = self.value / base
        for near in (share, math.nextafter(share, 0.0), math.nextafter(share, math.inf)):
            if near * base == self.value:
                return near
        return share


Factor = float | Absolute


def absolute(value: Any) -> Absolute:
    """A floor or an end given as a learning rate, >= 0: ``cosine(to=absolute(1e-6))``."""
    return Absolute(_not_negative("absolute", value, "Give a learning rate."))


def as_factor(name: str, value: Any) -> Factor:
    """``value`` as a factor >= 0: a number (1.0 is the peak) or an :class:`Absolute`."""
    if isinstance(value, Absolute):
        return value
    return _not_negative(name, value, "A factor of 1.0 is the peak.")


def share_of(factor: Factor, base: float | None) -> Factor:
    """``factor`` as a share of ``base``; without a base as it is."""
    return factor.share(base) if isinstance(factor, Absolute) and base is not None else factor


def known(factor: Factor) -> float:
    """``factor`` as a number, or the error that says what is missing."""
    if isinstance(factor, Absolute):
        advice = "Tell it: schedule.for_base(lr). A Scheduler does so for every group."
        raise ScheduleError(refusal("base", f"known to reach a learning rate of {factor.value:g}", None, advice))
    return factor


def _not_negative(name: str, value: Any, advice: str) -> float:
    plain = float(number(name, value, advice))
    if plain < 0:
        raise ScheduleError(refusal(name, ">= 0", value, "A learning rate cannot be negative."))
    return plain
