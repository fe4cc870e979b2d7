"""The schedule as a value: completed optimizer updates in, a dimensionless factor out.

Convention  position k = optimizer updates already completed; ``lr(k) = base * schedule(k)`` is what update k uses.
Range       any k >= 0, in O(1); past its last phase a schedule holds its end value.
Kinds       a schedule is a frozen dataclass; those inside it stand in a field ``of``, its other fields are its options.
            Data, words, resolving and stretching are written here once, over the fields. Each kind registers itself
            under a name with :func:`kind`, and this module, which all others import, looks kinds up and imports none.
Data        what has its default value is left out, so a field that a later release adds changes neither the data nor
            the fingerprint of the schedules there are.
"""

from __future__ import annotations

import math
import numbers
import operator
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast, overload

from preheat.errors import ScheduleError, reading, refusal, unknown_name
from preheat.limits import MOST_NESTED
from preheat.messages import _, joined
from preheat.schedule.curves import Scalar
from preheat.schedule.lengths import Absolute, Count, Factor, Length, as_factor, choice, count, lr, positive

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from preheat.schedule.lengths import Timeline

    Positions = NDArray[np.integer[Any]] | Sequence[int] | range

VERSION = 1  # of the data format
AFTER_END = ("hold", "zero", "repeat", "error")
COUNTS = _("Count completed updates: 0 before the first.")
# What a schedule may wait for: equal to these words, and told to people in theirs.
A_PLAN, A_BASE = _("a plan"), _("a base")
_SUMMED = 2_000_000  # updates added up one by one (16 MB, a few hundredths of a second); of longer runs as many, spaced
# Positions worked on at once. Of 8,192 to 65,536 among the fastest over 10^6: a few arrays of that size stay in a
# core's cache, and what a call of NumPy costs is spread over enough of them.
_BLOCK = 32_768
# Up to so many updates without NumPy: a microsecond each, against the 100 ms that loading it takes.
_ONE_BY_ONE = 20_000
_LOW = 0.01  # of the peak: below this an update does next to nothing

# Classes of schedules by the name that files and texts give them. `Any`: what their constructors take differs.
KINDS: dict[str, Any] = {}
_Kind = TypeVar("_Kind", bound="type[Schedule]")


def kind(name: str) -> Callable[[_Kind], _Kind]:
    """Register a class of schedules as ``name``: what files call it, and texts, as in ``name(schedule, times=2)``."""

    # A decorator above @dataclass: with slots=True a class is made twice, and __init_subclass__ would see both.
    def register(cls: _Kind) -> _Kind:
        cls._kind = name
        KINDS[name] = cls
        return cls

    return register


def options_of(cls: type[Schedule]) -> dict[str, Any]:
    """The options of a kind with their defaults (``MISSING`` where one has to be given); ``of`` is no option."""
    return {item.name: item.default for item in fields(cast("Any", cls)) if item.init and item.name != "of"}


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

    _kind: ClassVar[str] = ""  # its name in KINDS
    _several: ClassVar[bool] = False  # whether ``of`` holds any number of schedules

    @overload
    def __call__(self, position: int) -> float: ...
    @overload
    def __call__(self, position: Positions) -> NDArray[np.float64]: ...
    @overload
    def __call__(self, position: Any, xp: Any) -> Any: ...
    def __call__(self, position: Any, xp: Any = None) -> Any:
        """The factor at ``position`` completed updates.

        Args:
            position: an int >= 0, or an integer array (any shape), list or range of them. Of a range, the fastest for
                a whole curve, no array is made.
            xp: an array namespace other than NumPy, ``jax.numpy`` or ``torch``; ``position`` is then one of its
                arrays (traced ones too) and is not checked.

        Returns:
            A float for one int, a float64 array of the same shape for an array; with ``xp`` an array of that
            namespace (torch: float64; jax: its own default).

        Raises:
            ScheduleError: if a position is negative, a float, a bool or text, and while the schedule still waits for
                a plan (:meth:`over`) or a base value (:meth:`for_base`).
        """
        # Asked for once an update in every run: a plain int takes the shortest way, all others the checks below.
        if type(position) is int and position >= 0:
            return self._at(position)
        if xp is not None:
            # torch makes float32 of whole numbers divided: exact up to 2**24 only, and a schedule is float64.
            return self._over(position.double() if xp.__name__ == "torch" else position, xp)
        if isinstance(position, numbers.Integral) and not isinstance(position, bool):
            return self._at(_not_negative(operator.index(position)))
        if isinstance(position, (numbers.Real, str)):
            raise ScheduleError(refusal("position", _("an int or an array of integers"), position, COUNTS))
        return self._curve(position if isinstance(position, range) else _whole_numbers(position))

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
        """The factors at an array of positions, as an array of its shape (a constant's value is a plain number)."""
        return self._value(positions, xp) + 0.0 * positions

    def _curve(self, positions: NDArray[np.integer[Any]] | range) -> NDArray[np.float64]:
        """The factors at whole positions, block by block: what fits into a cache is worked out twice as fast."""
        import numpy as np

        if isinstance(positions, range):
            # No array of 8 MB to be made and read again: each block is counted up in the cache, its ends are known.
            factors = np.empty(len(positions))
            for first in range(0, len(positions), _BLOCK):
                block = positions[first : first + _BLOCK]
                low, high = sorted((block[0], block[-1]))
                here = np.arange(block.start, block.stop, block.step, dtype=np.float64)
                self._fill(factors[first : first + _BLOCK], here, _not_negative(low), high)
            return factors
        factors = np.empty(positions.shape)
        flat, given = factors.reshape(-1), positions.reshape(-1)
        for first in range(0, len(given), _BLOCK):
            part = given[first : first + _BLOCK]
            low, high = int(part.min()), int(part.max())
            # float64 holds whole numbers up to 2**53 exactly.
            self._fill(flat[first : first + _BLOCK], part.astype(np.float64), _not_negative(low), high)
        return factors

    def _fill(self, factors: Any, positions: Any, low: float, high: float) -> None:  # noqa: ARG002 - phases look at them
        """Write the factors at ``positions``, the least of which is ``low`` and the largest ``high``."""
        import numpy as np

        factors[:] = self._over(positions, np)

    # --- composing -------------------------------------------------------------------------------------------------

    def __rshift__(self, other: Schedule) -> Schedule:
        """``self`` for its horizon, then ``other`` from its own beginning; sequences of phases join into one.

        >>> from preheat import hold, warmup
        >>> (warmup(4) >> hold())(range(6))
        Traceback (most recent call last):
        ...
        preheat.errors.ScheduleError: schedule must be resolved; got 'warmup 4 > hold'. Call over(total) or over(plan).
        """
        if not isinstance(other, Schedule):
            raise ScheduleError(
                refusal("schedule", _("a Schedule on both sides of >>"), other, _("Compose schedules."))
            )
        return _made("phases", (self, other))

    def __mul__(self, other: Schedule | float) -> Schedule:
        """The product, at every update; of a number too."""
        if not isinstance(other, Schedule):
            other = _constant(as_factor("factor", other))
        return _made("product", (*self._multiplied(), *other._multiplied()))

    __rmul__ = __mul__

    def _multiplied(self) -> tuple[Schedule, ...]:
        """What it brings into a product: itself, or the parts of a product."""
        return (self,)

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
        return _made("repeat", self, times, growth, scale, floor)

    def until(self, updates: Count) -> Schedule:
        """The first ``updates`` updates of the schedule: what a later part follows with ``>>``."""
        return _made("until", self, updates)

    def shift(self, updates: int) -> Schedule:
        """``updates`` further on (as if they were done already); negative holds the first value for as long."""
        return _made("shift", self, updates)

    def stretch(self, horizon: int) -> Schedule:
        """The same shape over another horizon: every length in proportion, borders rounded to whole updates."""
        horizon = int(count("horizon", horizon, 1))
        if not self.horizon:
            advice = _("Only a schedule with an end has a length to change.")
            raise ScheduleError(refusal("schedule", _("with a horizon"), str(self), advice))
        return self._stretched(horizon / self.horizon)._with_whole_borders()

    def blend(self, updates: int, start: float | None = None) -> Schedule:
        """Come from ``start`` (None: where the part before arrived): the gap closes in a line over ``updates``."""
        return _made("blend", self, updates, start)

    def clip(self, floor: Any = None, ceiling: Any = None) -> Schedule:
        """Never below ``floor`` nor above ``ceiling``: shares of the peak, or ``preheat.lr`` learning rates."""
        return _made("clip", self, floor, ceiling)

    def lift(self, floor: Any) -> Schedule:
        """Rescaled between ``floor`` and the peak: ``floor + (1 - floor) * self``."""
        return _made("lift", self, floor)

    def after_end(self, then: str) -> Schedule:
        """What follows the horizon: ``"hold"`` (as it is), ``"zero"``, ``"repeat"`` or ``"error"``."""
        choice("then", then, AFTER_END)
        if then == "zero":
            return self >> _constant(0.0, 0)
        if then == "repeat":
            return self.repeat()
        return _made("strict", self) if then == "error" else self

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
        # Anything but a number is a plan, told by what it does: the class is in a room above this one.
        plan = None if run is None or isinstance(run, int) else run
        total = run if isinstance(run, int) or run is None else run.updates
        if total is not None:
            total = int(count("updates", total, 1))
        return self._resolved(total, plan)

    @property
    def waits_for(self) -> str:
        """What is missing before there are values: ``"a plan"``, ``"a base"``, or nothing (an empty text)."""
        return next((part.waits_for for part in self.parts if part.waits_for), "")

    def _refuse_waiting(self) -> None:
        """Raise if something is missing."""
        missing = self.waits_for
        if missing == A_PLAN:
            advice = _("Call over(total) or over(plan).")
            raise ScheduleError(refusal("schedule", _("resolved"), str(self), advice))
        if missing:
            advice = _("It names a learning rate: call for_base(lr) (a Scheduler does so for every group).")
            raise ScheduleError(refusal("schedule", _("resolved"), str(self), advice))

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

    def _with_whole_borders(self) -> Schedule:
        """The same schedule with its borders on whole updates, where that can be had."""
        return self

    def _with(self, change: Callable[[Any], Any]) -> Self:
        """A copy with ``change`` made to every schedule directly inside."""
        if not is_dataclass(self):  # a user's own subclass: nothing is known of what is inside
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
        values = [getattr(self, item.name) for item in fields(cast("Any", self)) if item.init]
        return tuple(
            part
            for value in values
            for part in (value if isinstance(value, tuple) else (value,))
            if isinstance(part, Schedule)
        )

    # --- metrics -----------------------------------------------------------------------------------------------------

    def report(self, metric: float, position: int) -> Schedule:
        """The schedule after a check: ``metric`` as measured when ``position`` updates were completed.

        Only metric-driven parts (:func:`preheat.plateau`, :func:`preheat.greedy`) change, and only after the warm-up
        unless they are told otherwise; a schedule without any comes back as it is.

        >>> from preheat import hold, plateau, warmup
        >>> schedule = (warmup(10) >> hold("forever")) * plateau(factor=0.5, patience=0)
        >>> for update in (5, 20, 30):
        ...     schedule = schedule.report(2.0, update)
        >>> schedule(29), schedule(30)
        (1.0, 0.5)
        """
        return self._report(metric, position, in_warmup=position < self.warmup_updates)

    def _report(self, metric: float, position: int, *, in_warmup: bool) -> Schedule:
        return self._with(lambda part: part._report(metric, position, in_warmup=in_warmup))

    def fresh(self) -> Schedule:
        """The schedule as if nothing had been reported to it."""
        return self._with(lambda part: part.fresh())

    @property
    def warmup_updates(self) -> Count:
        """Updates at the beginning during which the schedule rises: its warm-up."""
        return max((part.warmup_updates for part in self.parts), default=0)

    # --- data and words ----------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The schedule as plain data (text, numbers, lists, dicts), ready for JSON or TOML; defaults are left out."""
        return {"version": VERSION, **self._data()}

    @staticmethod
    def from_dict(
        data: Mapping[str, Any], *, functions: Mapping[str, Callable[[int], float]] | None = None
    ) -> Schedule:
        """The schedule that :meth:`to_dict` wrote.

        Args:
            data: as it was read from wherever it was kept. It imports and calls nothing.
            functions: what a ``function(...)`` in it may call, by its path ``"package.module:name"``. Those that code
                in this process has named before need not be given.

        Raises:
            ScheduleError: for missing or unknown keys, for versions this release does not know, and for a function
                that nobody gave.

        >>> from preheat.schedule import get_schedule
        >>> schedule = get_schedule("cosine", warmup="10%", total=3600)
        >>> Schedule.from_dict(schedule.to_dict()) == schedule
        True
        """
        with foreign(functions), reading("schedule", ScheduleError, _("Write it with to_dict().")):
            _refuse_deep(data)
            return _versioned(data)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of :meth:`to_dict`: equal schedules, equal text, on any machine."""
        import hashlib
        import json

        # Sorted keys, no spaces, shortest floats: one text a value.
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def __str__(self) -> str:
        """The canonical text, which :func:`preheat.parse` reads back."""
        if set(self._conventions()) == {"transformers"}:
            return f"transformers: {self._words('transformers')}"
        return self._words("native")

    def _given(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        return {
            name: getattr(self, name)
            for name, default in options_of(type(self)).items()
            if default is MISSING or getattr(self, name) != default
        }

    def _data(self) -> dict[str, Any]:
        """The schedule as a dictionary, without the version."""
        # The order of the keys is that of files already written.
        data: dict[str, Any] = {"kind": self._kind}
        if self.parts:
            data["of"] = [part._data() for part in self.parts] if self._several else self.parts[0]._data()
        return {**data, **{name: plain(value) for name, value in self._given().items()}}

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> Schedule:
        options = options_of(cls)
        needed = {name for name, default in options.items() if default is MISSING} | {"kind"}
        if takes_schedules(cls):
            needed.add("of")
        only(_("schedule of kind {kind}", kind=cls._kind), data, needed, needed | set(options))
        values = {name: value_in(value) for name, value in data.items() if name not in ("kind", "of")}
        if "of" in data:
            inside = data["of"]
            if cls._several and not isinstance(inside, (list, tuple)):
                raise ScheduleError(refusal("of", _("a list"), inside, _("Give one dictionary a schedule.")))
            values["of"] = tuple(map(schedule_in, inside)) if cls._several else schedule_in(inside)
        return cls(**values)

    def _words(self, convention: str) -> str:
        """The schedule in words, inside a text of that step convention."""
        options = [f"{name}={literal(value)}" for name, value in self._given().items()]
        return f"{self._kind}({', '.join([*(part._words(convention) for part in self.parts), *options])})"

    def _factor_words(self, convention: str) -> str:
        """The same as one factor of a product."""
        return self._words(convention)

    def _conventions(self) -> Iterator[str]:
        """The step convention of every phase inside that has one."""
        for part in self.parts:
            yield from part._conventions()

    # --- for people --------------------------------------------------------------------------------------------------

    def describe(self, lr: float = 1.0, updates: int | None = None) -> str:
        """The phases and the values that matter, for people: a line a phase, learning rates, their sum, the end.

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
        self._refuse_waiting()
        lr = positive("lr", lr, _("It is the peak learning rate."))
        run = None if updates is None else int(count("updates", updates, 1))
        lines = [*self._described(lr), _described_values(self, lr, run)]
        last = run or (None if self.horizon is None else math.ceil(self.horizon))
        if last:
            lines.append(_described_sums(self, lr, last))
        if run is not None and self.horizon is not None and run != self.horizon:
            lines.append(_described_mismatch(self, self.horizon, lr, run))
        return joined("\n", lines)

    def _described(self, lr: float) -> list[str]:  # noqa: ARG002 - phases say theirs in learning rates
        """The lines about its shape."""
        return [str(self)]

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


def known_kinds() -> dict[str, Any]:
    """:data:`KINDS` with every kind in it: nobody may have needed the modules that define them yet."""
    from importlib import import_module

    for module in ("sequence", "combine"):  # combine stands on metric
        import_module(f"preheat.schedule.{module}")
    return KINDS


def _made(kind: str, *arguments: Any) -> Schedule:
    """A schedule of the kind called so."""
    return cast("Schedule", known_kinds()[kind](*arguments))


def _constant(factor: Factor, length: Count | None = None) -> Schedule:
    """``factor`` at every update."""
    return cast("Schedule", known_kinds()["phases"].constant(factor, length))


def takes_schedules(cls: type[Schedule]) -> bool:
    """Whether schedules of this kind are made of others."""
    return any(item.name == "of" for item in fields(cast("Any", cls)))


# --- Positions --------------------------------------------------------------------------------------------------------


def _not_negative(position: int) -> int:
    if position < 0:
        raise ScheduleError(refusal("position", _(">= 0"), position, COUNTS))
    return position


def _whole_numbers(positions: Any) -> NDArray[np.integer[Any]]:
    """An array of integers; an empty list, which NumPy takes for floats, is one too."""
    import numpy as np

    array = np.asarray(positions)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ScheduleError(refusal("position", _("an int or an array of integers"), positions, COUNTS))
    return array


# --- Data and words of options --------------------------------------------------------------------------------------

# As texts write them; a string that reads like one of them is put in quotes.
WORDS = {"true": True, "false": False, "none": None}


# Who speaks: None is code, or words typed on a command line, which may name any function. Everything else is read from
# somewhere, and may name those its reader hands over; it must not choose what runs here.
_FUNCTIONS: ContextVar[Mapping[str, Callable[[int], float]] | None] = ContextVar("functions", default=None)
_NAMED_BY_CODE: set[str] = set()


@contextmanager
def foreign(functions: Mapping[str, Callable[[int], float]] | None = None) -> Iterator[None]:
    """While schedules are read from somewhere else: a function in them is one of ``functions``, or named by code.

    >>> from preheat.schedule.text import parse
    >>> with foreign():
    ...     parse("function('os:abort')")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    preheat.errors.ScheduleError: function must be given by code; got 'os:abort'. What is read from a file, ...
    """
    before = _FUNCTIONS.set(functions or {})
    try:
        yield
    finally:
        _FUNCTIONS.reset(before)


def allowed_function(path: str) -> Callable[[int], float] | None:
    """The function that a path stands for; None where code named it, so that it is imported when it is first used.

    Raises:
        ScheduleError: it was named by what was read from somewhere, and nobody gave it.
    """
    given = _FUNCTIONS.get()
    if given is None:
        _NAMED_BY_CODE.add(path)
        return None
    function = given.get(path)
    if function is None and path not in _NAMED_BY_CODE:
        advice = _(
            "What is read from a file, a link or a checkpoint runs nothing. If you trust it, give "
            "functions={{{path!r}: ...}}, or name it in code before.",
            path=path,
        )
        raise ScheduleError(refusal("function", _("given by code"), path, advice))
    if function is not None and not callable(function):
        raise ScheduleError(refusal(f"functions[{path!r}]", _("a function"), function, _("Give the function itself.")))
    return function


def _refuse_deep(data: Any) -> None:
    """Refuse data nested deeper than any schedule: what is made of them asks itself as deep down, again and again."""
    level, depth = [data], 0
    while level:
        # A schedule in a schedule is a dictionary in a list.
        if depth > 2 * MOST_NESTED:
            rule = _("nested at most {most} deep", most=MOST_NESTED)
            raise ScheduleError(refusal("schedule", rule, _("deeper data"), _("Write it with to_dict().")))
        inner = [one.values() if isinstance(one, Mapping) else one for one in level if isinstance(one, Mapping | list)]
        level, depth = [item for items in inner for item in items], depth + 1


def _versioned(data: Any) -> Schedule:
    """The schedule that :meth:`Schedule.to_dict` wrote; anything else, from a file perhaps, is refused."""
    if not isinstance(data, Mapping) or "version" not in data:
        raise ScheduleError(refusal("schedule", _("a dictionary with a version"), data, _("Write it with to_dict().")))
    if data["version"] != VERSION:
        advice = _("It was written by another release of preheat: upgrade to read it.")
        raise ScheduleError(refusal("version", str(VERSION), data["version"], advice))
    return schedule_in({key: value for key, value in data.items() if key != "version"})


def schedule_in(data: Any) -> Schedule:
    """The schedule that a dictionary without a version describes; anything unexpected in it is refused."""
    name = data.get("kind") if isinstance(data, Mapping) else None
    kinds = known_kinds()
    if not isinstance(name, str) or name not in kinds:
        raise ScheduleError(
            unknown_name("kind", _("the kind of a schedule"), name, kinds, _("Write it with to_dict()."))
        )
    return cast("Schedule", kinds[name]._from_data(data))


def only(what: str, data: Mapping[str, Any], needed: set[str], known: set[str]) -> None:
    """Refuse a dictionary that lacks a needed key or has an unknown one."""
    missing, unknown = sorted(needed - set(data)), sorted(map(str, set(data) - known))
    if missing or unknown:
        keys = joined(", ", missing or unknown)
        wrong = _("{keys} missing", keys=keys) if missing else _("{keys} unknown", keys=keys)
        rule = _("a dictionary with the keys {keys}", keys=joined(", ", sorted(known)))
        raise ScheduleError(refusal(what, rule, wrong, _("Correct it.")))


def plain(value: Any) -> Any:
    """An option as data: learning rates and lengths as text, tuples as lists."""
    if isinstance(value, (Absolute, Length)):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def value_in(value: Any) -> Any:
    """An option from data: lists as tuples, and ``"lr 1e-6"`` as a learning rate."""
    if isinstance(value, str) and value.startswith("lr "):
        try:
            return lr(float(value[3:]))
        except ValueError:
            raise ScheduleError(
                refusal(_("a factor"), _("a number or 'lr' and a number"), value, _("As in lr 1e-6."))
            ) from None
    return tuple(value_in(item) for item in value) if isinstance(value, list) else value


def number_words(value: float) -> str:
    """A number as short as it can be read back."""
    return repr(value).removesuffix(".0")


def literal(value: Any) -> str:
    """An option as a text writes it and :func:`preheat.parse` takes it back."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, str):
        return value if value.isidentifier() and value.lower() not in WORDS else f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    return number_words(value) if isinstance(value, float) else str(value)


# --- A schedule in words and numbers: what people read before they burn hours --------------------------------------


def peak_position(schedule: Schedule) -> int:
    """The first position with the largest factor among the borders of the phases, where curves have their tops."""
    # Curves are monotone inside a phase but for waves, whose tops are as high as their ends: no update between the
    # borders is higher. Before and at a border, since the two step conventions have the top on either side.
    candidates = {0}
    for border in schedule.borders:
        candidates |= {max(0, math.ceil(border) - 1), math.ceil(border)}
    return min(candidates, key=lambda position: (-schedule(position), position))


def _described_values(schedule: Schedule, lr: float, run: int | None) -> str:
    peak = peak_position(schedule)
    parts = [
        _("learning rate at update 0: {rate:g}", rate=lr * schedule(0)),
        _("peak {rate:g} at update {update}", rate=lr * schedule(peak), update=peak),
    ]
    last = None if run is None else run - 1
    if schedule.horizon is not None:
        last = max(0, math.ceil(schedule.horizon) - 1)
    if last is not None:
        parts.append(_("at the last update, {update}: {rate:g}", update=last, rate=lr * schedule(last)))
    if last is not None and schedule.horizon is not None:
        parts.append(_("then held at {rate:g}", rate=lr * schedule(last + 1)))
    return joined("; ", parts)


def _described_sums(schedule: Schedule, lr: float, updates: int) -> str:
    """The area under the curve, and how much of the run is spent near zero."""
    exact = updates <= _SUMMED
    if updates <= _ONE_BY_ONE:
        each = [schedule(position) for position in range(updates)]
        total, peak = math.fsum(each), max(each)
        low = sum(factor < _LOW * peak for factor in each)
    else:
        import numpy as np

        factors = schedule(range(updates) if exact else np.linspace(0, updates - 1, _SUMMED).astype(np.int64))
        share = updates / len(factors)
        total, peak = share * float(factors.sum()), float(factors.max())
        low = round(share * int((factors < _LOW * peak).sum()))
    numbers = {"sum": lr * total, "at_peak": total / peak if peak else 0, "low": low}
    if exact:
        return _(
            "sum of the learning rates: {sum:g}, as {at_peak:.6g} updates at the peak;"
            " {low} updates below 1 % of the peak",
            **numbers,
        )
    return _(
        "sum of the learning rates: about {sum:g}, as {at_peak:.6g} updates at the peak;"
        " {low} updates below 1 % of the peak",
        **numbers,
    )


def _described_mismatch(schedule: Schedule, horizon: Count, lr: float, run: int) -> str:
    last = lr * schedule(run - 1)
    if run < horizon:
        return _(
            "the run stops at update {run} of {horizon:g}: the learning rate is {rate:g} there,"
            " and the rest of the schedule is never used",
            run=run,
            horizon=horizon,
            rate=last,
        )
    return _(
        "the run goes on for {updates:g} updates past the schedule's end, at {rate:g}",
        updates=run - horizon,
        rate=last,
    )
