"""What a number or a count may be: one validator for each rule.

Nothing is repaired: a value either passes unchanged (as a plain Python number) or is refused with its name.
"""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any

from preheat.errors import ScheduleError, refusal

Count = int | float


def number(name: str, value: Any, advice: str = "Give a plain finite number.") -> int | float:
    """``value`` as a plain finite number; bools, text, NaN and infinities are refused.

    >>> number("power", 2)
    2
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ScheduleError(refusal(name, "a finite number", value, advice))
    if isinstance(value, numbers.Integral):
        return operator.index(value)
    return float(value)


def positive(name: str, value: Any, advice: str) -> float:
    """``value`` as a float above zero."""
    plain = number(name, value, advice)
    if plain <= 0:
        raise ScheduleError(refusal(name, "> 0", value, advice))
    return float(plain)


def ratio(name: str, value: Any, advice: str = "It is a share of the peak.") -> float:
    """``value`` as a float in [0, 1]."""
    plain = number(name, value, advice)
    if not 0 <= plain <= 1:
        raise ScheduleError(refusal(name, "in [0, 1]", value, advice))
    return float(plain)


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """``value`` if it is one of ``allowed``."""
    if value not in allowed:
        known = ", ".join(repr(item) for item in allowed)
        raise ScheduleError(refusal(name, f"one of {known}", value, "Pick one of these."))
    return str(value)


def count(name: str, value: Any, least: int = 0, *, whole: bool = True, advice: str = "") -> Count:
    """``value`` as a number of updates, at least ``least``.

    A whole float such as ``360.0`` becomes an int. With ``whole=False`` other floats pass as they are:
    the drop-in functions take ``0.1 * total_steps`` as transformers does.
    """
    advice = advice or "Give a whole number of updates."
    plain = number(name, value, advice)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    if whole and isinstance(plain, float):
        raise ScheduleError(refusal(name, "a whole number", value, advice))
    if plain < least:
        raise ScheduleError(refusal(name, f">= {least}", value, advice))
    return plain
