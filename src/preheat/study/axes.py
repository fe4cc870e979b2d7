"""The values of an axis as people write them: one, a list, or a range.

``1e-4..1e-2 x 5``  five values from 1e-4 to 1e-2, each as many times the one before; rounded to six digits
``0..4``            whole numbers, one by one
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from preheat.errors import ConfigError, refusal

_RANGE = re.compile(r"\s*(\S+?)\s*\.\.\s*(\S+?)(?:\s*[x×]\s*(\S+))?\s*")
_MOST = 100_000  # values of one axis: more is a slip of the pen
_MOST_UPDATES = 10_000_000  # of a run: the rate of every one is worked out beforehand


def read_axis(name: str, given: Any, one: Callable[[str, Any], Any]) -> tuple[Any, ...]:
    """Every value of an axis, in the order given.

    Args:
        name: of the axis, for messages.
        given: a value, a range in words, or a list of both.
        one: checks a single value (its name and itself) and gives it in its own type.

    Raises:
        ConfigError: for an empty axis, a value that cannot be, and one that is given twice.

    >>> read_axis("lr", ["1e-4..1e-2 x 3", 0.1], rate)
    (0.0001, 0.001, 0.01, 0.1)
    >>> read_axis("seed", "0..3", whole)
    (0, 1, 2, 3)
    """
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    values: list[Any] = []
    for item in items:
        found = _RANGE.fullmatch(item) if isinstance(item, str) else None
        values += _range(name, item, found, one) if found and _both_numbers(found) else [one(name, item)]
    if not values:
        raise ConfigError(refusal(name, "one value or more", given, "Leave the axis out for the usual value."))
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ConfigError(refusal(name, "values that differ", value, "It is given twice: remove one."))
    return tuple(values)


def rate(name: str, value: Any) -> float:
    """A learning rate: a number above 0, also in words."""
    number = _number(value)
    if number is None or not 0 < number < math.inf:
        raise ConfigError(refusal(name, "a number > 0", value, "As in 1e-3, or 1e-4..1e-2 x 5."))
    return number


def whole(name: str, value: Any, least: int = 0) -> int:
    """A whole number of at least ``least``, also in words."""
    number = _number(value)
    if number is None or not math.isfinite(number) or number != int(number) or number < least:
        raise ConfigError(refusal(name, f"a whole number >= {least}", value, "As in 3, or 0..4."))
    return int(number)


def seed(name: str, value: Any) -> int:
    """A seed: a whole number below 2^32."""
    number = whole(name, value)
    if number >= 2**32:
        raise ConfigError(refusal(name, "a whole number below 2^32", value, "As in 3, or 0..4."))
    return number


def updates(name: str, value: Any) -> int:
    """A number of updates, from one to ten million."""
    number = whole(name, value, 1)
    if number > _MOST_UPDATES:
        raise ConfigError(refusal(name, f"at most {_MOST_UPDATES:,} updates", value, "As in 3000, or 100..800 x 4."))
    return number


def length(name: str, value: Any) -> int | float | str:
    """A warm-up: updates, a fraction, or words such as ``10%``; whether it fits is the schedule's to say."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or value == "":
        raise ConfigError(refusal(name, 'updates, a fraction or "10%"', value, "0 is no warm-up."))
    if isinstance(value, str):
        number = _number(value)
        return value.strip() if number is None else int(number) if value.strip().isdecimal() else number
    return value


def _range(name: str, item: str, found: re.Match[str], one: Callable[[str, Any], Any]) -> list[Any]:
    """The values of a range in words."""
    low, high = float(found[1]), float(found[2])
    advice = "As in 1e-4..1e-2 x 5: from the lower to the higher one, and how many."
    if not 0 <= low < high < math.inf:
        raise ConfigError(refusal(name, "a range that rises", item, advice))
    if found[3] is None:
        if low != int(low) or high != int(high) or high - low > _MOST:
            raise ConfigError(refusal(name, "a range with the number of its values", item, advice))
        return [one(name, number) for number in range(int(low), int(high) + 1)]
    many = int(found[3]) if found[3].isdecimal() and len(found[3]) <= len(str(_MOST)) else 0
    if not 2 <= many <= _MOST or not low:
        raise ConfigError(refusal(name, f"a range of 2 to {_MOST:,} values, from above 0", item, advice))
    ratio = (high / low) ** (1 / (many - 1))
    between = [float(f"{low * ratio**number:.6g}") for number in range(1, many - 1)]
    if one is not rate:
        between = [round(value) for value in between]
    return [one(name, value) for value in (found[1], *between, found[2])]


def _both_numbers(found: re.Match[str]) -> bool:
    return _number(found[1]) is not None and _number(found[2]) is not None


def _number(value: Any) -> float | None:
    """A number, also one in words; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None
