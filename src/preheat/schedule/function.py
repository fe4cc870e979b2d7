"""A user's own function as a schedule, named by its import path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count, count, number
from preheat.schedule.namespaces import Scalar


@dataclass(frozen=True, slots=True)
class UserFunction(Schedule):
    """``function(position) -> factor``, found at ``path`` (``"package.module:name"``).

    Args:
        path: where it can be imported from; imported when the first value is asked for, not when a file is read.
        length: updates the function is shaped for; None if it has no end.

    Raises:
        ScheduleError: when used, if nothing callable is there or it returns anything but a finite number >= 0.
    """

    path: str
    length: int | None = None
    _function: list[Callable[[int], float]] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        module, colon, name = str(self.path).partition(":")
        if not colon or not all(word.isidentifier() for word in (*module.split("."), *name.split("."))):
            advice = "Name a function that can be imported."
            raise ScheduleError(refusal("path", "written package.module:name", self.path, advice))
        if self.length is not None:
            object.__setattr__(self, "length", count("length", self.length, 1))
        object.__setattr__(self, "_function", [])

    def __reduce__(self) -> Any:
        return UserFunction, (self.path, self.length)

    @property
    def horizon(self) -> Count | None:
        return self.length

    @property
    def borders(self) -> tuple[Count, ...]:
        return () if self.length is None else (self.length,)

    def _value(self, position: Any, xp: Any) -> Any:
        if xp is Scalar:
            return self._call(position)
        if xp.__name__ != "numpy":
            advice = "A Python function runs on plain integers: write the curve with phases."
            raise ScheduleError(refusal("xp", "numpy for a user's own function", xp.__name__, advice))
        return xp.array([self._call(one) for one in position.flat], dtype=float).reshape(position.shape)

    def _call(self, position: Count) -> float:
        if not self._function:
            self._function.append(_import(self.path))
        if position != int(position):
            raise ScheduleError(refusal("position", "whole for a user's own function", position, "Do not stretch it."))
        factor = number(f"the value of {self.path}", self._function[0](int(position)), "A factor of 1.0 is the peak.")
        if factor < 0:
            raise ScheduleError(refusal(f"the value of {self.path}", ">= 0", factor, "A factor of 1.0 is the peak."))
        return float(factor)

    def _stretched(self, ratio: float) -> Schedule:  # noqa: ARG002 - it is refused, whatever it is
        advice = "Its shape is in its own hands: write the curve with phases."
        raise ScheduleError(refusal("schedule", "made of phases to be stretched", self.path, advice))


def from_function(function: Callable[[int], float], length: int | None = None) -> UserFunction:
    """A schedule of a function of the completed updates, importable by name.

    Lambdas, local functions and those of ``__main__`` are refused at once: no saved state or worker process could
    find them again.

    >>> import math
    >>> from_function(math.log1p)(0)
    0.0
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    path = f"{module}:{name}"
    if module in (None, "__main__") or not _is_at(function, path):
        advice = "Define it at the top of a module that can be imported."
        raise ScheduleError(refusal("function", "importable by its name", function, advice))
    schedule = UserFunction(path, length)
    schedule(0)
    return schedule


def _is_at(function: Any, path: str) -> bool:
    try:
        return _import(path) is function
    except ScheduleError:
        return False


def _import(path: str) -> Callable[[int], float]:
    from functools import reduce
    from importlib import import_module

    module, _, name = path.partition(":")
    try:
        found: Any = reduce(getattr, name.split("."), import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        advice = f"It could not be imported: {error}."
        raise ScheduleError(refusal("path", "the place of a function", path, advice)) from None
    if not callable(found):
        raise ScheduleError(refusal("path", "the place of a function", path, "What is there cannot be called."))
    return found  # type: ignore[no-any-return]
