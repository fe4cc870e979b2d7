"""What a number, a count or a length may be: one validator for each rule.

Nothing is repaired: a value either passes unchanged (as a plain Python number) or is refused with its name.
"""

from __future__ import annotations

import math
import numbers
import operator
import re
from fractions import Fraction
from typing import Any

from preheat.errors import ScheduleError, refusal

Count = int | float
Length = int | float | str

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


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


def length(name: str, value: Any, total: Count | None, *, whole: bool = True) -> Count:
    """A phase length in updates: an int, a ``"10%"`` text or a float fraction in (0, 1).

    Fractions are taken of ``total`` in decimals and rounded up, so 7 % of 100 is 7 (binary floats say 8).
    ``1.0`` is refused: it could mean one update or the whole run.

    >>> length("warmup", "10%", 3600), length("warmup", 0.07, 100), length("warmup", 25, 100)
    (360, 7, 25)
    """
    if whole:
        share = _share(name, value)
        if share is not None:
            if total is None:
                advice = "Give total=, of which it is a share, or a number of updates."
                raise ScheduleError(refusal(name, "a number of updates where total is not given", value, advice))
            return math.ceil(share * Fraction(total))
    advice = 'Give whole updates (100), a percent text ("10%") or a fraction in (0, 1).'
    return count(name, value, whole=whole, advice=advice if whole else "Give a number of updates.")


def _share(name: str, value: Any) -> Fraction | None:
    """The exact share that a percent text or a float in (0, 1) stands for; None for anything else."""
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value.strip())
        if not found or Fraction(found[1]) > 100:
            advice = 'Give whole updates as a number (100), a fraction in (0, 1) or a percent text ("10%").'
            raise ScheduleError(refusal(name, "a number or a percent text", value, advice))
        return Fraction(found[1]) / 100
    if isinstance(value, float):
        if value == 1.0:
            advice = 'Write 1 for one update, or "100%" for all of them.'
            raise ScheduleError(refusal(name, "an int, or a float in (0, 1)", value, advice))
        if 0 < value < 1:
            return Fraction(repr(float(value)))
    return None
