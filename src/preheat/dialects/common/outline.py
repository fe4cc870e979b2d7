"""What a writer needs to know of a schedule: lengths, floors and powers that its own vocabulary might repeat."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from preheat.schedule import Phase, Schedule
from preheat.schedule.clocks import everything_in
from preheat.schedule.sequence import PhaseSchedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NEAR = 1e-9  # of the peak: as high


@dataclass(frozen=True, slots=True)
class Outline:
    """A schedule over a run, seen from outside.

    Attributes:
        schedule: the schedule itself, resolved.
        total: updates of the run, T.
        peak: the highest learning rate.
        factors: the values of updates 0 to T (one past the last), as shares of the peak; shape (T + 1,).
        climbs: lengths its warm-up may have, in the conventions of the field; (0,) without one.
        starts: factors the warm-up may begin at.
        decays: lengths its last descent may have, beyond the run too.
        floors: factors its last descent may end at.
        options: numbers that its curves carry (``power``, ``cycles``, ``timescale``...), by name.
    """

    schedule: Schedule
    total: int
    peak: float
    factors: NDArray[np.float64]
    climbs: tuple[int, ...]
    starts: tuple[float, ...]
    decays: tuple[int, ...]
    floors: tuple[float, ...]
    options: dict[str, tuple[float, ...]]

    def option(self, name: str, *others: float) -> tuple[float, ...]:
        """The values a curve of the schedule has for ``name``, and ``others`` to try."""
        return tuple(dict.fromkeys((*self.options.get(name, ()), *others)))

    def below(self, peak: float) -> Outline:
        """The same outline in shares of ``peak``, a rate that need not be that of any update."""
        ratio = self.peak / peak
        starts, floors = (tuple(share * ratio for share in shares) for shares in (self.starts, self.floors))
        return replace(self, peak=peak, factors=self.factors * ratio, starts=starts, floors=floors)


def outline(schedule: Schedule, total: int, base_lr: float) -> Outline:
    """The outline of ``schedule`` over ``total`` updates at base ``base_lr``."""
    import numpy as np

    factors = schedule(np.arange(total + 1))
    top = float(factors.max())
    unit = top or 1.0  # a schedule that is 0 all along is refused elsewhere
    shares = factors / unit
    at_peak = np.flatnonzero(shares >= 1.0 - _NEAR)
    first, last = (int(at_peak[0]), int(at_peak[-1])) if len(at_peak) else (0, 0)
    climbs = (0,) if first == 0 else tuple(w for w in (first, first + 1, first - 1) if w > 0)
    if first == 0 and len(at_peak):
        climbs = (0, 1)
    descent = [total - last, total - last - 1, total - last + 1]
    ends = (float(shares[-1]), float(shares[-2]), 0.0)
    step = float(shares[1] - shares[0]) if first > 1 else 0.0
    starts = (float(shares[0]), max(0.0, float(shares[0]) - step), 0.0)
    return Outline(
        schedule=schedule,
        total=total,
        peak=top * base_lr,
        factors=shares,
        climbs=climbs,
        starts=_distinct(starts),
        decays=tuple(dict.fromkeys(length for length in (*_last_lengths(schedule), *descent) if length > 0)),
        floors=_distinct((*ends, *(end / unit for end in _ends(schedule)))),
        options=_options(schedule),
    )


def _distinct(values: tuple[float, ...]) -> tuple[float, ...]:
    kept: list[float] = []
    for value in values:
        if all(abs(value - other) > 1e-15 for other in kept):
            kept.append(value)
    return tuple(kept)


def _phases(schedule: Schedule) -> list[Phase]:
    return [
        part
        for whole in everything_in(schedule)
        if isinstance(whole, PhaseSchedule)
        for part in whole.phases
        if isinstance(part, Phase)
    ]


def _last_lengths(schedule: Schedule) -> list[int]:
    """Lengths of the phases, the last first."""
    return [phase.length for phase in reversed(_phases(schedule)) if isinstance(phase.length, int)]


def _ends(schedule: Schedule) -> list[float]:
    """Factors that the phases move towards, also where the run stops before."""
    return [phase.end for phase in _phases(schedule) if isinstance(phase.end, float) and phase.end < 1]


def _options(schedule: Schedule) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {}
    for phase in _phases(schedule):
        for item in fields(phase.curve):
            value = getattr(phase.curve, item.name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found.setdefault(item.name, []).append(float(value))
    return {name: tuple(dict.fromkeys(values)) for name, values in found.items()}
