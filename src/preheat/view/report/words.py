"""Numbers as a report writes them. Shares are 0 to 1; what is missing says so and is never a number."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

NOT_RECORDED = "not recorded"


def number(value: Any, digits: int = 4) -> str:
    """A number with ``digits`` significant digits, small ones as 8.2e-5; "not recorded" for None.

    >>> number(0.00008215), number(12345.6), number(0.5), number(None), number(float("nan"))
    ('8.215e-5', '12,350', '0.5', 'not recorded', 'not finite')
    """
    if value is None:
        return NOT_RECORDED
    if not math.isfinite(value):
        return "not finite"
    if value == 0 or 1e-3 <= abs(value) < 1e15:
        rounded = float(f"{value:.{digits}g}")
        return f"{rounded:,.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def score(value: Any) -> str:
    """A loss, an accuracy, an F1: four decimals, so that they stand below each other.

    >>> score(0.5), score(None)
    ('0.5000', 'not recorded')
    """
    return number(value) if value is None or not math.isfinite(value) else f"{value:.4f}"


def count(value: Any) -> str:
    """A whole number with separators.

    >>> count(1234567), count(None)
    ('1,234,567', 'not recorded')
    """
    return number(value) if value is None or not math.isfinite(value) else f"{int(value):,}"


def duration(seconds: Any) -> str:
    """Seconds as people say them.

    >>> duration(7.25), duration(75), duration(3_725), duration(200_000), duration(None)
    ('7.2 s', '1 min 15 s', '1 h 2 min', '2 days 7 h', 'not recorded')
    """
    if seconds is None or not math.isfinite(seconds):
        return number(seconds)
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def of(part: int, whole: int) -> str:
    """A part of a whole, with its share.

    >>> of(7, 144), of(0, 0)
    ('7 of 144 (0.049)', '0 of 0')
    """
    return f"{part:,} of {whole:,}" + (f" ({part / whole:.3f})" if whole else "")


def listing(numbers: Sequence[float], most: int = 8) -> str:
    """Update numbers one after the other, the first few.

    >>> listing([3, 5]), listing(range(20), 3)
    ('3, 5', '0, 1, 2 and 17 more')
    """
    shown = ", ".join(count(value) for value in numbers[:most])
    return f"{shown} and {len(numbers) - most:,} more" if len(numbers) > most else shown


def value(setting: Any) -> str:
    """A setting or a fact about the machine, as one would type it.

    >>> value(True), value(None), value(1e-05), value(["text"]), value({"num_cycles": 2}), value("a")
    ('yes', 'none', '1e-05', 'text', 'num_cycles=2', 'a')
    """
    if isinstance(setting, bool):
        return "yes" if setting else "no"
    if setting is None:
        return "none"
    if isinstance(setting, list):
        return ", ".join(value(item) for item in setting) or "none"
    if isinstance(setting, dict):
        return ", ".join(f"{key}={value(item)}" for key, item in setting.items()) or "none"
    return setting if isinstance(setting, str) else json.dumps(setting)
