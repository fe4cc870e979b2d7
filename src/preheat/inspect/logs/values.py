"""What a log says about learning rates: series of rates by step number, and how finely they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import DataError, refusal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EXACT_DIGITS = 15  # a float64 that was not rounded on purpose has as many, mostly
_FEW = 8  # distinct values, below which digits say little about rounding
_AT_LEAST = 2  # significant digits assumed then
_CLEARLY = 0.1  # shares of rates that tell digits from decimals
_TELLING = 2  # digits from which on two rates that have them are no chance
_FLOAT64 = 1e-9  # of the peak: several formulas for one curve
_FLOAT32 = 3e-7  # the same, where the values were computed in float32


@dataclass(frozen=True, slots=True)
class Series:
    """The learning rate of one parameter group, as logged.

    Attributes:
        name: the log's own word for it.
        steps: the log's step numbers, rising, each once; shape (n,), int64.
        rates: the learning rate at each.
        rounding: how far each may lie from the value that was used, by the digits it is written with.
        epochs: epochs passed at each step, where the log says so.
        restarts: indices into ``steps`` before which the log went back to an earlier step: a resume, mostly.
    """

    name: str
    steps: NDArray[np.int64]
    rates: NDArray[np.float64]
    rounding: NDArray[np.float64]
    epochs: NDArray[np.float64] | None = None
    restarts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Log:
    """A log file as read.

    Attributes:
        path: where it is.
        kind: what wrote it: ``"Hugging Face Trainer"``, ``"TensorBoard"``, ``"CSV"``, ...
        series: the learning rates in it, one series or more.
        first: the step number that belongs to the first update: 0, 1, or None where the kind of log does not say.
        total: updates planned, where the log says so.
        notes: what was left out or repaired while reading, in words.
    """

    path: Path
    kind: str
    series: tuple[Series, ...]
    first: int | None = None
    total: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Rows:
    """Rates as they come out of a file, before they are sorted; one for each column.

    Attributes:
        name: the column.
        steps: step numbers.
        rates: rates, as Decimal where they were text, so that no digit is lost.
        epochs: epochs, None where a row has none.
    """

    name: str
    steps: list[int] = field(default_factory=list)
    rates: list[Decimal] = field(default_factory=list)
    epochs: list[float | None] = field(default_factory=list)

    def add(self, step: Any, rate: Any, epoch: Any = None) -> bool:
        """Take one row; False, and nothing taken, if its step or rate is no number."""
        number, value = as_decimal(step), as_decimal(rate)
        if number is None or value is None or number != int(number) or not 0 <= number < 2**53:
            return False
        self.steps.append(int(number))
        self.rates.append(value)
        passed = as_decimal(epoch)
        self.epochs.append(None if passed is None else float(passed))
        return True

    def series(self, *, float32: bool = False) -> Series:
        """Sorted by step; of a step that comes again, the last value, since a resumed run writes over its past."""
        import numpy as np

        steps = np.array(self.steps, dtype=np.int64)
        order = np.argsort(steps, kind="stable")
        last_of_each = np.append(np.diff(steps[order]) > 0, True)
        kept = order[last_of_each]
        went_back = {self.steps[index] for index in range(1, len(steps)) if self.steps[index] < self.steps[index - 1]}
        rates = [self.rates[index] for index in kept]
        known = [self.epochs[index] for index in kept]
        return Series(
            self.name,
            steps[kept],
            np.array([float(rate) for rate in rates]),
            rounding(rates, float32=float32),
            np.array(known, dtype=np.float64) if known and None not in known else None,
            tuple(index for index, step in enumerate(steps[kept].tolist()) if step in went_back and index),
        )


def as_decimal(value: Any) -> Decimal | None:
    """A finite number as the digits it is written with; None for anything else.

    >>> as_decimal("1.50e-04"), as_decimal(0.1), as_decimal("nan"), as_decimal("")
    (Decimal('0.000150'), Decimal('0.1'), None, None)
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except ArithmeticError:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 300 else None


def rounding(rates: Sequence[Decimal], *, float32: bool = False) -> NDArray[np.float64]:
    """How far each written rate may lie from the true one: half a unit of its last digit, or the arithmetic's own.

    Printed with a fixed number of decimals, large rates have as many of them as small ones; printed with so many
    significant digits, large ones have fewer. What has fifteen digits or more was not rounded.

    >>> rounding([Decimal(text) for text in ("0.000100", "0.000050", "0.000001")]).tolist()
    [5e-07, 5e-07, 5e-07]
    """
    import numpy as np

    values = np.array([float(rate) for rate in rates])
    least = arithmetic(values, float32=float32)
    digits = max((_digits(rate) for rate in rates), default=0)
    half = np.zeros(len(values)) if digits >= _EXACT_DIGITS or float32 else _half_units(rates, digits)
    return np.maximum(half, least)


def arithmetic(values: NDArray[np.float64], *, float32: bool = False) -> float:
    """How far rates that nobody rounded may lie from a plan's: several formulas for a curve, in float32 or float64."""
    import numpy as np

    peak = float(np.abs(values).max()) if len(values) else 0.0
    return (_FLOAT32 if float32 or _is_float32(values) else _FLOAT64) * peak


def _half_units(rates: Sequence[Decimal], digits: int) -> NDArray[np.float64]:
    """Half a unit of the last digit, with as many digits or as many decimals as most of the rates have."""
    import numpy as np

    distinct = {rate for rate in rates if rate}
    decimals = max(_decimals(rate) for rate in rates)
    by_digits = _filled(distinct, _digits, digits, digits)
    by_decimals = _filled(distinct, _decimals, decimals, digits)
    if len(rates) > 1 and any(_has_trailing_zero(rate) for rate in rates) and {*map(_decimals, rates)} == {decimals}:
        by_decimals = 1.0  # spelled out: 0.000100
    fixed = 0.5 * 10.0**-decimals
    shown = digits if by_digits else max(digits, _AT_LEAST)
    halves = np.array([0.5 * 10.0 ** (rate.adjusted() - shown + 1) if rate else fixed for rate in rates])
    if by_decimals > by_digits + _CLEARLY:
        return np.full(len(rates), fixed)
    return np.maximum(halves, fixed) if by_decimals >= by_digits - _CLEARLY and by_decimals else halves


def _filled(distinct: set[Decimal], measure: Callable[[Decimal], int], most: int, digits: int) -> float:
    """Which share of the rates has the most digits (or decimals); 0.0 where that may be chance."""
    reaching = sum(measure(rate) == most for rate in distinct)
    return reaching / len(distinct) if reaching >= (2 if digits >= _TELLING else _FEW) else 0.0


def _digits(rate: Decimal) -> int:
    return len(rate.as_tuple().digits) if rate else 0


def _decimals(rate: Decimal) -> int:
    return -int(rate.as_tuple().exponent)


def _has_trailing_zero(rate: Decimal) -> bool:
    return rate.as_tuple().digits[-1] == 0 and _decimals(rate) > 1


def _is_float32(values: NDArray[np.float64]) -> bool:
    """Whether every value is one that float32 has, and they are not just short numbers."""
    import numpy as np

    long = [value for value in values.tolist() if len(repr(value)) > 12]
    return bool(long) and all(float(np.float32(value)) == value for value in long)


def refuse_without_rates(path: Path, seen: Iterable[str]) -> DataError:
    """The error for a log that has no learning rate, with what it has."""
    names = sorted(dict.fromkeys(seen))
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else "nothing"
    advice = f"It holds {shown}. Log the learning rate, or name its column with column= (--column)."
    return DataError(refusal("log", "one with learning rates", str(path), advice))
