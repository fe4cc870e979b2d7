"""What stands in a schedule instead of a plain number: lengths with a unit, and learning rates.

Numbers  one validator for each rule. Nothing is repaired: a value either passes unchanged, as a plain Python number, or
         is refused with its name.
Factors  shares of the peak, or learning rates that become shares once a base value is known.
Lengths  updates, epochs, samples, tokens, a fraction of the whole, or the rest. A plain whole number is a number of
         updates. Everything else is a :class:`Length`, and a plan turns it into updates: fractions are exact in
         decimals and rounded up, so 7 % of 100 is 7 (binary floats say 8).
"""

from __future__ import annotations

import math
import numbers
import operator
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from preheat.errors import PreheatError, ScheduleError, refusal
from preheat.limits import MOST_AMOUNT, MOST_DIGITS, MOST_UPDATES
from preheat.messages import _, joined

# --- Numbers ----------------------------------------------------------------------------------------------------------

Count = int | float  # updates: a float only where transformers' callers give one, or a cycle is stretched


def number(
    name: str, value: Any, advice: str = _("Give a plain finite number."), *, error: type[PreheatError] = ScheduleError
) -> int | float:
    """``value`` as a plain finite number; bools, text, NaN and infinities are refused.

    ``error`` is the class of the refusal, here and below: a plan's numbers follow the same rules as a schedule's.

    >>> number("power", 2)
    2
    """
    # True is an int to Python: as a number of updates it is a mistake.
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not _is_finite(value):
        raise error(refusal(name, _("a finite number"), shortened(value), advice))
    if isinstance(value, numbers.Integral):
        return operator.index(value)
    return float(value)


def _is_finite(value: Any) -> bool:
    """Whether a float holds it: an int may have more digits than any."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def shortened(value: Any) -> Any:
    """A value as a refusal shows it: an int of more digits than Python likes to write out by how many they are."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 1024:
        return _("about 10^{digits:.0f}", digits=value.bit_length() * math.log10(2))
    return value


def positive(name: str, value: Any, advice: str, *, error: type[PreheatError] = ScheduleError) -> float:
    """``value`` as a float above zero."""
    plain = number(name, value, advice, error=error)
    if plain <= 0:
        raise error(refusal(name, _("> 0"), value, advice))
    return float(plain)


def ratio(
    name: str, value: Any, advice: str = _("It is a share of the peak."), *, error: type[PreheatError] = ScheduleError
) -> float:
    """``value`` as a float in [0, 1]."""
    plain = number(name, value, advice, error=error)
    if not 0 <= plain <= 1:
        raise error(refusal(name, _("in [0, 1]"), value, advice))
    return float(plain)


def choice(
    name: str,
    value: Any,
    allowed: tuple[str, ...],
    advice: str = _("Pick one of these."),
    *,
    error: type[PreheatError] = ScheduleError,
) -> str:
    """``value`` if it is one of ``allowed``."""
    if value not in allowed:
        known = joined(", ", map(repr, allowed))
        raise error(refusal(name, _("one of {known}", known=known), value, advice))
    return str(value)


def count(
    name: str,
    value: Any,
    least: int = 0,
    *,
    whole: bool = True,
    advice: str = "",
    error: type[PreheatError] = ScheduleError,
) -> Count:
    """``value`` as a number of updates, at least ``least``.

    A whole float such as ``360.0`` becomes an int. With ``whole=False`` other floats pass as they are:
    the drop-in functions take ``0.1 * total_steps`` as transformers does.
    """
    advice = advice or _("Give a whole number of updates.")
    plain = number(name, value, advice, error=error)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    if whole and isinstance(plain, float):
        raise error(refusal(name, _("a whole number"), value, advice))
    if plain < least:
        raise error(refusal(name, _(">= {least}", least=least), value, advice))
    if plain > MOST_UPDATES:
        raise error(refusal(name, _("at most {most:g}", most=MOST_UPDATES), value, advice))
    return plain


# --- Factors ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Absolute:
    """A learning rate instead of a share of the peak: each parameter group makes its own share of it.

    >>> lr(1e-6).share(1e-3)
    0.001
    """

    value: float

    def __str__(self) -> str:
        # Six digits where they are the value, all of them where not: the text reads back to the bit.
        return f"lr {self.value:.17g}" if float(f"{self.value:g}") != self.value else f"lr {self.value:g}"

    def share(self, base: float) -> float:
        """The share of ``base`` whose product with it is this value, to the last bit where one exists."""
        # A quotient times its divisor may miss by one bit; a neighbor of it often does not.
        share = self.value / base
        for near in (share, math.nextafter(share, 0.0), math.nextafter(share, math.inf)):
            if near * base == self.value:
                return near
        return share


Factor = float | Absolute


def lr(value: Any) -> Absolute:
    """A floor or an end given as a learning rate, >= 0, where a share of the peak is expected; in words ``lr 1e-6``.

    >>> from preheat import cosine
    >>> print(cosine(100, to=lr(1e-6)), cosine(100, to=lr(1e-6)).for_base(1e-3)(99))
    cosine 100 to lr 1e-06 0.001
    """
    return Absolute(_not_negative("lr", value, _("Give a learning rate.")))


def as_factor(name: str, value: Any) -> Factor:
    """``value`` as a factor >= 0: a number (1.0 is the peak) or an :class:`Absolute`."""
    if isinstance(value, Absolute):
        return value
    return _not_negative(name, value, _("A factor of 1.0 is the peak."))


def share_of(factor: Factor, base: float | None) -> Factor:
    """``factor`` as a share of ``base``; without a base as it is."""
    return factor.share(base) if isinstance(factor, Absolute) and base is not None else factor


def known(factor: Factor) -> float:
    """``factor`` as a number, or the error that says what is missing."""
    if isinstance(factor, Absolute):
        advice = _("Tell it: schedule.for_base(lr). A Scheduler does so for every group.")
        raise ScheduleError(
            refusal("base", _("known to reach a learning rate of {value:g}", value=factor.value), None, advice)
        )
    return factor


def _not_negative(name: str, value: Any, advice: str) -> float:
    plain = float(number(name, value, advice))
    if plain < 0:
        raise ScheduleError(refusal(name, _(">= 0"), value, _("A learning rate cannot be negative.")))
    return plain


# --- Lengths ----------------------------------------------------------------------------------------------------------

# No sign, and no second unit: what is not plainly a length is refused instead of guessed.
_NUMBER = r"(?:\d+(?:_\d+)*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_TEXT = re.compile(rf"({_NUMBER})\s*(%|[A-Za-z]+)?")
# People write "1 epoch" and "2 epochs".
_SINGULAR = {unit[:-1]: unit for unit in ("updates", "epochs", "samples", "tokens")}
_LEAST_AMOUNT = Decimal("1e-21")  # as far below one as MOST_AMOUNT is above: fractions of it stay fractions of integers
_ADVICE = _('Give whole updates (100), a percent text ("10%"), a fraction in (0, 1), or a unit as in "2 epochs".')


@dataclass(frozen=True, slots=True)
class Length:
    """A stretch of training in a unit that a plan has to resolve.

    Args:
        value: an exact decimal > 0; 0 for ``rest``.
        unit: ``epochs``, ``samples``, ``tokens``, ``fraction`` (value in (0, 1]) or ``rest``.

    Make one with :func:`epochs`, :func:`samples`, :func:`tokens`, :func:`fraction` or :func:`rest`, or let
    :func:`as_length` read it.

    >>> str(fraction(0.1)), str(epochs(1.5)), str(tokens(2e9)), str(rest())
    ('10%', '1.5 epochs', '2000000000 tokens', 'rest')
    """

    value: Decimal
    unit: str

    def __str__(self) -> str:
        if self.unit == "rest":
            return "rest"
        shown = self.value * 100 if self.unit == "fraction" else self.value
        return f"{shown.normalize():f}{'%' if self.unit == 'fraction' else ' ' + self.unit}"

    def of(self, total: Count | Fraction) -> int:
        """This share of ``total``, rounded up; for fractions only."""
        return math.ceil(Fraction(self.value) * Fraction(total))


class Timeline(Protocol):
    """What turns lengths into updates: a plan."""

    @property
    def updates(self) -> int | None:
        """Updates of the whole run; None if nobody knows."""

    def in_updates(self, length: Length) -> int:
        """``length`` (epochs, samples or tokens) as a number of updates; an error where the plan cannot say."""


def updates(value: Any) -> int:
    """A number of optimizer updates: what a plain int means."""
    return int(count("updates", value))


def epochs(value: Any) -> Length:
    """Passes over the data; parts of one are allowed."""
    return _amount("epochs", value)


def samples(value: Any) -> Length:
    """Training examples, over all processes."""
    return _amount("samples", value)


def tokens(value: Any) -> Length:
    """Training tokens, over all processes."""
    return _amount("tokens", value)


def fraction(value: Any) -> Length:
    """A share of the whole run, in (0, 1].

    >>> fraction(0.07).of(100)
    7
    """
    length = _amount("fraction", value)
    if length.value > 1:
        raise ScheduleError(refusal("fraction", _("in (0, 1]"), value, _("1 is the whole run.")))
    return length


def rest() -> Length:
    """Whatever the other phases leave."""
    return Length(Decimal(0), "rest")


def as_length(name: str, value: Any) -> int | Length:
    """Read a length: an int (updates), a float in (0, 1) (a fraction), a text, or a :class:`Length` as it is.

    Texts are ``"100"``, ``"100 updates"``, ``"10%"``, ``"0.1"`` (a fraction), ``"2 epochs"``, ``"5e5 samples"``,
    ``"2e9 tokens"`` and ``"rest"``. ``1.0`` is refused: it could mean one update or the whole run.

    Raises:
        ScheduleError: for anything else.

    >>> as_length("warmup", 100), str(as_length("warmup", 0.1)), str(as_length("warmup", "2 epochs"))
    (100, '10%', '2 epochs')
    """
    if isinstance(value, Length):
        return value
    if isinstance(value, str):
        return _read(name, value)
    if isinstance(value, float):
        # In transformers 1.0 warm-up steps are one update, in others' ratios the whole run.
        if value == 1.0:
            advice = _('Write 1 for one update, or "100%" for all of them.')
            raise ScheduleError(refusal(name, _("an int, or a float in (0, 1)"), value, advice))
        if 0 < value < 1:
            return fraction(value)
    return int(count(name, value, advice=_ADVICE))


def in_updates(name: str, length: Count | Length, total: Count | Fraction | None, plan: Timeline | None) -> Count:
    """``length`` as updates: a count as it is, a fraction of ``total``, anything else as ``plan`` says."""
    if not isinstance(length, Length):
        return length
    if length.unit == "fraction":
        if total is None:
            advice = _("Give total=, of which it is a share, or a number of updates.")
            raise ScheduleError(refusal(name, _("a number of updates where total is not given"), str(length), advice))
        return length.of(total)
    if length.unit == "rest":
        raise ScheduleError(refusal(name, _("a length of its own"), "rest", _("Only phases in a row have a rest.")))
    if plan is None:
        advice = _("Only a Plan knows how long that is: give one, or a number of updates.")
        raise ScheduleError(refusal(name, _("in updates or a fraction without a plan"), str(length), advice))
    return plan.in_updates(length)


def _read(name: str, text: str) -> int | Length:
    word = text.strip()
    if word.lower() == "rest":
        return rest()
    parts = _TEXT.fullmatch(word)
    unit = parts[2] if parts else None
    plural = _SINGULAR.get(unit.lower(), unit.lower()) if unit else None
    if not parts or (unit and plural not in ("%", *_SINGULAR.values())):
        raise ScheduleError(refusal(name, _("a length"), text, _ADVICE))
    if len(parts[1]) > MOST_DIGITS:
        raise ScheduleError(refusal(name, _("at most {most} digits long", most=MOST_DIGITS), len(parts[1]), _ADVICE))
    value = _decimal(name, parts[1], text)
    if plural == "%":
        if not 0 <= value <= 100:
            raise ScheduleError(refusal(name, _("at most 100%"), text, _("100% is the whole run.")))
        return fraction(value / 100) if value else 0
    if plural in ("epochs", "samples", "tokens"):
        return _amount(plural, value) if value else 0
    if plural is None and 0 < value < 1:
        return fraction(value)
    if plural is None and "." in parts[1]:
        advice = _("A bare number is a whole number of updates, or a fraction below 1.")
        raise ScheduleError(refusal(name, _("a length"), text, advice))
    # Compared as decimals: int() of 1e9999999 would first write out all its digits.
    if value > MOST_UPDATES:
        raise ScheduleError(refusal(name, _("at most {most:g}", most=MOST_UPDATES), text, _ADVICE))
    if value != value.to_integral_value():
        raise ScheduleError(refusal(name, _("a whole number of updates"), text, _ADVICE))
    return int(value)


def _decimal(name: str, digits: str, text: str) -> Decimal:
    """The number that digits write; exponents that decimals do not reach are refused."""
    try:
        return Decimal(digits.replace("_", ""))
    except ArithmeticError:
        raise ScheduleError(refusal(name, _("at most {most:g}", most=MOST_UPDATES), text, _ADVICE)) from None


def _amount(unit: str, value: Any) -> Length:
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, Decimal)):
        raise ScheduleError(refusal(unit, _("a number"), value, _("Give a number above zero.")))
    if isinstance(value, Decimal):
        exact = value
    elif not _is_finite(value):
        raise ScheduleError(refusal(unit, _("a finite number"), shortened(value), _("Give a number above zero.")))
    else:
        # Through its shortest text: 0.07 then is seven hundredths, and not the binary float a little above.
        exact = Decimal(int(value)) if isinstance(value, numbers.Integral) else Decimal(repr(float(value)))
    if not exact.is_finite() or exact <= 0:
        raise ScheduleError(refusal(unit, _("> 0"), value, _("Give a number above zero.")))
    if exact > MOST_AMOUNT or exact < _LEAST_AMOUNT:
        rule = _("between {least:g} and {most:g}", least=float(_LEAST_AMOUNT), most=MOST_AMOUNT)
        raise ScheduleError(refusal(unit, rule, str(value), _("Give the length in another unit.")))
    return Length(exact.normalize(), unit)
