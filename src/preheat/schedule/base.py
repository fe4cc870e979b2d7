"""The schedule as a value: completed optimizer updates in, a dimensionless factor out.

Convention  position k = optimizer updates already completed; ``lr(k) = base * schedule(k)`` is what update k uses.
Range       any k >= 0, in O(1); past its last phase a schedule holds its end value.
"""

from __future__ import annotations

import numbers
import operator
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast, overload

from preheat.errors import ScheduleError, refusal
from preheat.schedule.curves import Scalar
from preheat.schedule.lengths import Count

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from preheat.schedule.lengths import Timeline

    Positions = NDArray[np.integer[Any]] | Sequence[int] | range

COUNTS = "Count completed updates: 0 before the first."


class Schedule(ABC):
    """Abstract: a pure function from completed updates to a factor (1.0 is the peak).

    Schedules are immutable, comparable, hashable and picklable; they round-trip through :meth:`to_dict` and, as text,
    through ``str`` and :func:`preheat.parse`. They know no optimizer and count nothing.

    Composing: ``a >> b`` (then), ``a * b``, ``0.5 * a``, and :meth:`repeat`, :meth:`until`, :meth:`shift`,
    :meth:`stretch`, :meth:`blend`, :meth:`clip`, :meth:`lift`, :meth:`after_end`; ``preheat.minimum`` and
    ``preheat.maximum`` of several.

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
    @overload
    def __call__(self, position: Any, xp: Any) -> Any: ...
    def __call__(self, position: Any, xp: Any = None) -> Any:
        """The factor at ``position`` completed updates.

        Args:
            position: an int >= 0, or an integer array (any shape), list or range of them.
            xp: an array namespace other than NumPy, ``jax.numpy`` or ``torch``; ``position`` is then one of its
                arrays (traced ones too) and is not checked.

        Returns:
            A float for one int, a float64 array of the same shape for an array; with ``xp`` an array of that
            namespace (torch: float64; jax: its own default).

        Raises:
            ScheduleError: if a position is negative, a float, a bool or text, and while the schedule still waits for
                a plan (:meth:`over`) or a base value (:meth:`for_base`).
        """
        if type(position) is int and position >= 0:  # once an update in every run: the rest is for the others
            return self._at(position)
        if xp is not None:
            return self._over(position.double() if xp.__name__ == "torch" else position, xp)
        if isinstance(position, numbers.Integral) and not isinstance(position, bool):
            return self._at(_not_negative(operator.index(position)))
        if isinstance(position, (numbers.Real, str)):
            raise ScheduleError(refusal("position", "an int or an array of integers", position, COUNTS))
        import numpy as np

        return self._over(_positions(position), np)

    @property
    @abstractmethod
    def horizon(self) -> Count | None:
        """Updates the schedule is shaped for; None if it has no end."""

    @property
    @abstractmethod
    def borders(self) -> tuple[Count, ...]:
        """Positions where one phase hands over to the next, rising, the horizon last."""

    @abstractmethod
    def _value(self, position: Any, xp: Any) -> Any:
        """The factor at a position (a number for the namespace ``Scalar``, else an array of ``xp``), >= 0."""

    def _at(self, position: Count) -> float:
        return float(self._value(position, Scalar))

    def _from(self, position: int) -> Iterator[float]:
        """The factors from ``position`` on, one an update: what a training loop asks for, at less than a call each."""
        while True:
            yield self._at(position)
            position += 1

    def _over(self, positions: Any, xp: Any) -> Any:
        return self._value(positions, xp) + 0.0 * positions

    # --- composing -------------------------------------------------------------------------------------------------

    def __rshift__(self, other: Schedule) -> Schedule:
        """``self`` for its horizon, then ``other`` from its own beginning."""
        from preheat.schedule.sequence import then

        return then(self, other)

    def __mul__(self, other: Schedule | float) -> Schedule:
        """The product, at every update; of a number too."""
        from preheat.schedule.combine import product

        return product(self, other)

    __rmul__ = __mul__

    def repeat(
        self, times: int | None = None, *, growth: float = 1.0, scale: float = 1.0, floor: float = 0.0
    ) -> Schedule:
        """The schedule over and over: ``times`` cycles, or without end. See :class:`preheat.schedule.combine.Repeat`.

        Args:
            times: cycles, >= 1; None repeats for ever.
            growth: each cycle is this many times as long as the one before, >= 1.
            scale: each cycle is this many times as high above ``floor``, in (0, 1].
            floor: the factor that ``scale`` leaves alone.
        """
        from preheat.schedule.combine import Repeat

        return Repeat(self, times, growth, scale, floor)

    def until(self, updates: Count) -> Schedule:
        """The first ``updates`` updates of the schedule: what a later part follows with ``>>``."""
        from preheat.schedule.combine import Until

        return Until(self, updates)

    def shift(self, updates: int) -> Schedule:
        """``updates`` further on (as if they were done already); negative holds the first value for as long."""
        from preheat.schedule.combine import Shift

        return Shift(self, updates)

    def stretch(self, horizon: int) -> Schedule:
        """The same shape over another horizon: every length in proportion, borders rounded to whole updates."""
        from preheat.schedule.combine import stretch

        return stretch(self, horizon)

    def blend(self, updates: int, start: float | None = None) -> Schedule:
        """Come from ``start`` (None: where the part before arrived): the gap closes in a line over ``updates``."""
        from preheat.schedule.combine import Blend

        return Blend(self, updates, start)

    def clip(self, floor: Any = None, ceiling: Any = None) -> Schedule:
        """Never below ``floor`` nor above ``ceiling``: shares of the peak, or ``preheat.absolute`` learning rates."""
        from preheat.schedule.combine import Clip

        return Clip(self, floor, ceiling)

    def lift(self, floor: Any) -> Schedule:
        """Rescaled between ``floor`` and the peak: ``floor + (1 - floor) * self``."""
        from preheat.schedule.combine import Lift

        return Lift(self, floor)

    def after_end(self, then: str) -> Schedule:
        """What follows the horizon: ``"hold"`` (as it is), ``"zero"``, ``"repeat"`` or ``"error"``."""
        from preheat.schedule.combine import after_end

        return after_end(self, then)

    # --- what a schedule may still wait for --------------------------------------------------------------------------

    def over(self, run: int | Timeline | None) -> Schedule:
        """The schedule with every length in updates.

        Args:
            run: updates of the whole run, or a :class:`preheat.Plan` (epochs, samples and tokens need one); None or a
                plan of unknown length serves schedules that need no horizon.

        Raises:
            ScheduleError: where lengths do not add up to the run, or cannot be told.

        >>> from preheat import parse
        >>> print(parse("warmup 10% > hold > 1-sqrt 20% to 0").over(1000))
        warmup 100 > hold 700 > 1-sqrt 200 to 0
        """
        from preheat.schedule.sequence import over

        return over(self, run)

    @property
    def waits_for(self) -> str:
        """What is missing before there are values: ``"a plan"``, ``"a base"``, or nothing (an empty text)."""
        return next((part.waits_for for part in self.parts if part.waits_for), "")

    def _refuse_waiting(self) -> None:
        """Raise if something is missing."""
        missing = self.waits_for
        if missing == "a plan":
            advice = "Call over(total) or over(plan)."
            raise ScheduleError(refusal("schedule", "resolved", str(self), advice))
        if missing:
            advice = "It names a learning rate: call for_base(lr) (a Scheduler does so for every group)."
            raise ScheduleError(refusal("schedule", "resolved", str(self), advice))

    def following(self, arrived: float) -> Schedule:  # noqa: ARG002 - most have a start of their own
        """The schedule with its start known: ``arrived`` where it has none of its own."""
        return self

    def for_base(self, base: float) -> Schedule:
        """The schedule of a parameter group whose base value (peak learning rate) is ``base``."""
        return self._with(lambda part: part.for_base(base))

    def with_convention(self, convention: str) -> Schedule:
        """The same phases in the ``"transformers"`` or the ``"native"`` step convention (see :class:`Phase`)."""
        return self._with(lambda part: part.with_convention(convention))

    def _resolved(self, total: Any, plan: Any) -> Schedule:
        """Every length inside in updates, for a stretch of ``total`` (None: unknown)."""
        return self._with(lambda part: part._resolved(total, plan))

    def _stretched(self, ratio: float) -> Schedule:
        """Every length inside times ``ratio``."""
        return self._with(lambda part: part._stretched(ratio))

    def _with(self, change: Callable[[Any], Any]) -> Self:
        """A copy with ``change`` made to every schedule directly inside."""
        if not is_dataclass(self):
            return self
        changed: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Schedule):
                changed[item.name] = change(value)
            elif item.init and isinstance(value, tuple) and any(isinstance(part, Schedule) for part in value):
                changed[item.name] = tuple(change(part) for part in value)
        return cast("Self", replace(cast("Any", self), **changed)) if changed else self

    @property
    def parts(self) -> tuple[Schedule, ...]:
        """The schedules directly inside this one."""
        found: list[Schedule] = []
        for item in fields(cast("Any", self)):
            value = getattr(self, item.name)
            if item.init:
                found += [
                    part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, Schedule)
                ]
        return tuple(found)

    # --- metrics -----------------------------------------------------------------------------------------------------

    def report(self, metric: float, position: int) -> Schedule:
        """The schedule after a check: ``metric`` as measured when ``position`` updates were completed.

        Only metric-driven parts (:func:`preheat.plateau`, :func:`preheat.greedy`) change, and only once the schedule
        has climbed, unless they are told otherwise; a schedule without any comes back as it is.

        >>> from preheat import hold, plateau, warmup
        >>> schedule = (warmup(10) >> hold("forever")) * plateau(factor=0.5, patience=0)
        >>> for update in (5, 20, 30):
        ...     schedule = schedule.report(2.0, update)
        >>> schedule(29), schedule(30)
        (1.0, 0.5)
        """
        return self._report(metric, position, climbing=position < self.warmup_updates)

    def _report(self, metric: float, position: int, *, climbing: bool) -> Schedule:
        return self._with(lambda part: part._report(metric, position, climbing=climbing))

    def fresh(self) -> Schedule:
        """The schedule as if nothing had been reported to it."""
        return self._with(lambda part: part.fresh())

    @property
    def warmup_updates(self) -> Count:
        """Updates at the beginning during which the schedule rises: its warm-up."""
        return max((part.warmup_updates for part in self.parts), default=0)

    # --- data, text, pictures ----------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The schedule as plain data (text, numbers, lists, dicts), ready for JSON or TOML; defaults are left out."""
        from preheat.schedule.text import schedule_to_dict

        return schedule_to_dict(self)

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
        from preheat.schedule.text import schedule_from_dict

        return schedule_from_dict(data)

    def __str__(self) -> str:
        """The canonical text, which :func:`preheat.parse` reads back."""
        from preheat.schedule.text import to_text

        return to_text(self)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of :meth:`to_dict`: equal schedules, equal text, on any machine."""
        from preheat.schedule.text import fingerprint

        return fingerprint(self)

    def describe(self, lr: float = 1.0, updates: int | None = None) -> str:
        """The phases and the values that matter, for people.

        Args:
            lr: the peak learning rate; 1.0 shows shares of the peak.
            updates: the run's length, where it is another number than the horizon.

        >>> from preheat.schedule import get_schedule
        >>> print(get_schedule("warmuplinear", warmup=100, total=3600).describe(lr=1e-4))
        updates 0 to 99: linear, 0 -> 0.0001
        updates 100 to 3599: linear, 0.0001 -> 0
        learning rate at update 0: 0; peak 0.0001 at update 100; at the last update, 3599: 2.85714e-08; then held at 0
        sum of the learning rates: 0.18, as 1800 updates at the peak; 35 updates below 1 % of the peak
        """
        from preheat.schedule.description import describe

        return describe(self, lr, updates)

    def plot(self, path: str | os.PathLike[str] | None = None, **options: Any) -> Any:
        """Draw the curve with matplotlib; see :func:`preheat.view.plot` for the options.

        Args:
            path: ``.png`` or ``.svg`` file to write; None returns the figure only.
            **options: ``updates``, ``lr`` and ``title``.

        Returns:
            The ``matplotlib.figure.Figure``.
        """
        return _view().plot(self, path=path, **options)

    def _repr_html_(self) -> str:
        """The curve as a small drawing, for notebooks."""
        return str(_view().to_html(self))


def _view() -> Any:
    """The one door upstairs: drawings people expect on the value, opened by name when they are asked for."""
    from importlib import import_module

    return import_module("preheat.view")


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
