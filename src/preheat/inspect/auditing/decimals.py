"""The number people meant: the one with the fewest digits in an interval."""

from __future__ import annotations

import math


def shortest_between(low: float, high: float) -> float:
    """The decimal with the fewest significant digits in [low, high].

    >>> shortest_between(0.000099984, 0.00010002), shortest_between(-1e-9, 1e-9), shortest_between(0.3332, 0.3334)
    (0.0001, 0.0, 0.3333)
    """
    if low <= 0.0 <= high:
        return 0.0
    middle = (low + high) / 2
    for digits in range(16):
        near = float(f"{middle:.{digits}e}")
        if low <= near <= high:
            return near
        # An interval narrower than its distance from the middle's own rounding may still hold a short number.
        unit = 10.0 ** (math.floor(math.log10(abs(middle))) - digits)
        for other in (math.ceil(low / unit), math.floor(high / unit)):
            short = float(f"{other * unit:.{digits}e}")
            if low <= short <= high:
                return short
    return middle
