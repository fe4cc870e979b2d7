"""Phases in sequence: the schedule that every named schedule is built as."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count, number
from preheat.schedule.phases import Phase

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PhaseSchedule(Schedule):
    """Phases one after the other.

    Args:
        phases: at least one; only the last may be endless.
        end: factor held from the end of the last phase on; None holds the value the last phase arrives at.

    A phase owns the positions from its beginning up to, not including, its end.

    >>> from preheat.schedule.curves import Linear
    >>> climb = Phase(curve=Linear(), length=2, start=0.0, end=1.0)
    >>> fall = Phase(curve=Linear(), length=4, start=1.0, end=0.0)
    >>> PhaseSchedule((climb, fall))(range(8))
    array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
    """

    phases: tuple[Phase, ...]
    end: float | None = None
    _spans: tuple[tuple[Count, float, Phase], ...] = field(init=False, repr=False, compare=False)
    _held: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "phases", tuple(self.phases))
        if not self.phases or not all(isinstance(phase, Phase) for phase in self.phases):
            raise ScheduleError(refusal("phases", "one Phase or more", self.phases, "Give at least one phase."))
        if any(phase.length is None for phase in self.phases[:-1]):
            advice = "Only the last phase may be endless."
            raise ScheduleError(refusal("length", "given before the last phase", None, advice))
        if self.end is not None:
            end = number("end", self.end)
            if end < 0:
                raise ScheduleError(refusal("end", ">= 0", self.end, "A learning rate cannot be negative."))
            object.__setattr__(self, "end", float(end))
        object.__setattr__(self, "_spans", tuple(self._lay_out()))
        object.__setattr__(self, "_held", self._end_value())

    def _lay_out(self) -> Iterator[tuple[Count, float, Phase]]:
        """Each phase with the positions of its beginning and its end."""
        begin: Count = 0
        for phase in self.phases:
            if phase.updates is None:
                yield begin, math.inf, phase
            else:
                yield begin, begin + phase.updates, phase
                begin += phase.updates

    def _end_value(self) -> float:
        """What is held past the last phase (never reached if that is endless)."""
        phase = self.phases[-1]
        if self.end is not None:
            return self.end
        if phase.length is None:
            return phase.end
        return float(phase.at(phase.length, 0)) if phase.length else phase.end

    @property
    def horizon(self) -> Count | None:
        return None if self.phases[-1].length is None else cast("Count", self._spans[-1][1])

    @property
    def borders(self) -> tuple[Count, ...]:
        return tuple(dict.fromkeys(cast("Count", end) for begin, end, _ in self._spans if begin < end < math.inf))

    def _at(self, position: int) -> float:
        for begin, end, phase in self._spans:
            if position < end:
                return float(phase.at(position - begin + phase.skip, end - position))
        return self._held

    def _over(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        import numpy as np

        factors = np.full(positions.shape, self._held)
        for begin, end, phase in self._spans:
            inside = (positions >= begin) & (positions < end)
            if inside.any():
                here = positions[inside]
                factors[inside] = phase.at(here - begin + phase.skip, end - here, np)
        return factors

    def to_dict(self) -> dict[str, Any]:
        from preheat.schedule.files import phases_to_dict

        return phases_to_dict(self)

    def describe(self, lr: float = 1.0) -> str:
        """The phases, one a line, then the values at update 0, at the peak, at the last update and after it.

        >>> from preheat.schedule import get_schedule
        >>> print(get_schedule("warmuplinear", warmup=100, total=3600).describe(lr=1e-4))
        updates 0 to 99: linear, 0 -> 0.0001
        updates 100 to 3599: linear, 0.0001 -> 0
        learning rate at update 0: 0; peak 0.0001 at update 100; at the last update, 3599: 2.85714e-08; then held at 0
        """
        from preheat.schedule.description import describe

        return describe(self, lr)
