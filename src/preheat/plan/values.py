"""What a plan's numbers and words may be: floor 0's rules, refused as plan errors."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from preheat.errors import PlanError, ScheduleError, refusal
from preheat.schedule.checks import choice, count, number

WHOLE = "Give a whole number, 1 or more."


def whole(name: str, value: Any, least: int = 1, advice: str = WHOLE) -> int:
    """``value`` as an int of at least ``least``."""
    try:
        return int(count(name, value, least, advice=advice))
    except ScheduleError as error:
        raise PlanError(str(error)) from None


def above_zero(name: str, value: Any, advice: str = "Give a number above zero.") -> int | float:
    """``value`` as a finite number > 0; whole floats become ints."""
    try:
        plain = number(name, value, advice)
    except ScheduleError as error:
        raise PlanError(str(error)) from None
    if plain <= 0:
        raise PlanError(refusal(name, "> 0", value, advice))
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def word(name: str, value: Any, allowed: tuple[str, ...], advice: str = "Pick one of these.") -> str:
    """``value`` if it is one of ``allowed``."""
    try:
        return choice(name, value, allowed)
    except ScheduleError as error:
        raise PlanError(str(error).replace("Pick one of these.", advice)) from None


def flag(name: str, value: Any, advice: str) -> bool:
    """``value`` if it is True or False."""
    if not isinstance(value, bool):
        raise PlanError(refusal(name, "True or False", value, advice))
    return value


def exact(value: float) -> Fraction:
    """The decimal people wrote, without the noise of binary floats: 0.1 is one tenth.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


def ceil_div(amount: int, size: int) -> int:
    """``amount / size``, rounded up."""
    return -(-amount // size)
