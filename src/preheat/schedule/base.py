"""The schedule as a value: completed optimizer updates in, a dimensionless factor out.

Convention  position k = optimizer updates already completed; ``lr(k) = base * schedule(k)`` is what update k uses.
Range       any k >= 0, in O(1); past its last phase a schedule holds its end value.
"""

from __future__ import annotations

import numbers
import operator
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from preheat.errors import ScheduleError, refusal
from preheat.schedule.checks import Count

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Positions = NDArray[np.integer[Any]] | Sequence[int] | range

COUNTS = "Count completed updates: 0 before the first."


class Schedule(ABC):
    """Abstract: a pure function from completed updates to a factor (1.0 is the peak).

    Schedules are immutable, comparable, hashable, picklable and round-trip through :meth:`to_dict`.
    They know no optimizer and count nothing.

    >>> from preheat.schedule import get_schedule
    >>> schedule = get_schedule("warmuplinear", warmup=100, total=3600)
    >>> schedule(0), schedule(50), schedule(100), schedule(3600), schedule(10_000)
    (0.0, 0.5, 1.0, 0.0, 0.0)
    >>> import numpy as np
    >>> schedule(np.array([0, 25, 50]))
    array([0.  , 0.25, 0.5 ])
    """

    __slots__ = ()

    @overload
    def __call__(self, position: int) -> float: ...
    @overload
    def __call__(self, position: Positions) -> NDArray[np.float64]: ...
    def __call__(self, position: int | Positions) -> float | NDArray[np.float64]:
        """The factor at ``position`` completed updates.

        Args:
            position: an int >= 0, or an integer array (any shape), list or range of them.

        Returns:
            A float for one int, a float64 array of the same shape for an array.

        Raises:
            ScheduleError: if a position is negative, a float, a bool or text.
        """
        if type(position) is int and position >= 0:  # once an update in every run: the rest is for the others
            return self._at(position)
        if isinstance(position, numbers.Integral) and not isinstance(position, bool):
            return self._at(_not_negative(operator.index(position)))
        if isinstance(position, (numbers.Real, str)):
            raise ScheduleError(refusal("position", "an int or an array of integers", position, COUNTS))
        return self._over(_positions(position))

    @property
    @abstractmethod
    def horizon(self) -> Count | None:
        """Updates the schedule is shaped for; None if it has no end."""

    @property
    @abstractmethod
    def borders(self) -> tuple[Count, ...]:
        """Positions where one phase hands over to the next, rising, the horizon last."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The schedule as plain data (text, numbers, lists, dicts), ready for JSON."""

    @abstractmethod
    def describe(self, lr: float = 1.0) -> str:
        """The phases and the values that matter, for people; ``lr`` is the peak learning rate."""

    @abstractmethod
    def _at(self, position: int) -> float: ...

    @abstractmethod
    def _over(self, positions: NDArray[np.float64]) -> NDArray[np.float64]: ...

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Schedule:
        """The schedule that :meth:`to_dict` wrote.

        Raises:
            ScheduleError: for missing or unknown keys, and for versions this release does not know.

        >>> from preheat.schedule import get_schedule
        >>> schedule = get_schedule("cosine", warmup="10%", total=3600)
        >>> Schedule.from_dict(schedule.to_dict()) == schedule
        True
        """
        from preheat.schedule.files import schedule_from_dict

        return schedule_from_dict(data)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of :meth:`to_dict`: equal schedules, equal text, on any machine."""
        from preheat.schedule.files import fingerprint

        return fingerprint(self)

    def plot(self, path: str | os.PathLike[str] | None = None, **options: Any) -> Any:
        """Draw the curve with matplotlib; see :func:`preheat.view.plot` for the options.

        Args:
            path: ``.png`` or ``.svg`` file to write; None returns the figure only.
            **options: ``updates``, ``lr`` and ``title``.

        Returns:
            The ``matplotlib.figure.Figure``.
        """
        # The one door upstairs: a method people expect on the value, opened by name when it is called.
        from importlib import import_module

        return import_module("preheat.view").plot(self, path=path, **options)


def _not_negative(position: int) -> int:
    if position < 0:
        raise ScheduleError(refusal("position", ">= 0", position, COUNTS))
    return position


def _positions(positions: Any) -> NDArray[np.float64]:
    """Whole, non-negative positions as float64 (exact up to 2**53)."""
    import numpy as np

    array = np.asarray(positions)
    if array.size:
        if not np.issubdtype(array.dtype, np.integer):
            raise ScheduleError(refusal("position", "an int or an array of integers", positions, COUNTS))
        _not_negative(int(array.min()))
    return array.astype(np.float64)
