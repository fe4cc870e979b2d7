"""A schedule as phases in one row, for writers of frameworks that know sequences and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from preheat.schedule import Phase, Schedule
from preheat.schedule.clocks import Repeat, Until
from preheat.schedule.combine import Product
from preheat.schedule.curves import Constant
from preheat.schedule.factors import known
from preheat.schedule.sequence import PhaseSchedule

_MOST = 200  # phases: longer rows are nothing to read


@dataclass(frozen=True, slots=True)
class Piece:
    """One phase of a row: it owns the updates from ``begin`` to ``end`` (None: all that follow)."""

    phase: Phase
    begin: int
    end: int | None

    @property
    def updates(self) -> int | None:
        """How many it owns."""
        return None if self.end is None else self.end - self.begin

    @property
    def start(self) -> float:
        """The factor its curve falls from, or rises from."""
        return known(1.0 if self.phase.start is None else self.phase.start)

    @property
    def goal(self) -> float:
        """The factor its curve moves to."""
        return known(self.phase.end or 0.0)

    @property
    def arrival(self) -> float | None:
        """The factor its curve arrives at and stays at; None for one that is cut, has no end or does not move."""
        whole = self.updates is not None and self.updates == self.phase.updates
        return self.goal if whole and not self.phase.curve.endless else None


class _NotFlatError(Exception):
    """The schedule is no row of phases."""


def flat(schedule: Schedule, total: int) -> list[Piece] | None:
    """The phases of a run of ``total`` updates, and what is held after them; None for what is no row of phases.

    >>> from preheat import parse
    >>> [(piece.begin, piece.end) for piece in flat(parse("repeat(cosine 4, times=2)"), 20)]
    [(0, 4), (4, 8), (8, None)]
    """
    try:
        found = list(_pieces(schedule, 0, float(total)))
    except _NotFlatError:
        return None
    if not found or len(found) > _MOST:
        return None
    last = found[-1]
    if last.end is not None and isinstance(last.phase.curve, Constant):
        held = schedule(last.end) if last.end < total or schedule.horizon is not None else last.start
        if held == last.start:
            found[-1] = Piece(last.phase, last.begin, None)
            return found
    if last.end is not None:
        held = schedule(last.end)
        found.append(Piece(Phase(curve=Constant(), length=None, start=held), last.end, None))
    return found


def _pieces(schedule: Schedule, begin: int, limit: float) -> Iterator[Piece]:
    """The pieces of a schedule that starts at ``begin``, up to ``limit``."""
    if isinstance(schedule, Until):
        yield from _pieces(schedule.of, begin, min(limit, begin + schedule.updates))
    elif isinstance(schedule, Repeat):
        cycle = 0
        while begin + schedule._begin(cycle) < limit and cycle != schedule.times and cycle <= _MOST:
            first, last = begin + schedule._begin(cycle), begin + schedule._begin(cycle + 1)
            for piece in _pieces(schedule._cycle(cycle), _whole(first), min(limit, last)):
                yield _scaled(piece, schedule.scale**cycle, schedule.floor)
            cycle += 1
    elif isinstance(schedule, Product):
        yield from _product(schedule, begin, limit)
    elif isinstance(schedule, PhaseSchedule):
        for first, last, part in schedule._spans:
            if first < last and begin + first < limit:
                if isinstance(part, Schedule):
                    yield from _pieces(part, _whole(begin + first), min(limit, begin + last))
                else:
                    end = min(limit, begin + last)
                    endless = part.updates is None and end == limit and begin == 0
                    yield Piece(part, _whole(begin + first), None if endless else _whole(end))
    else:
        raise _NotFlatError


def _product(schedule: Product, begin: int, limit: float) -> Iterator[Piece]:
    """One schedule times a number."""
    numbers = [part for part in schedule.of if _is_number(part)]
    others = [part for part in schedule.of if part not in numbers]
    if len(others) != 1:
        raise _NotFlatError
    scale = 1.0
    for number in numbers:
        scale *= number(0)
    for piece in _pieces(others[0], begin, limit):
        yield _scaled(piece, scale, 0.0)


def _is_number(schedule: Schedule) -> bool:
    phases = schedule.phases if isinstance(schedule, PhaseSchedule) else ()
    return len(phases) == 1 and isinstance(phases[0], Phase) and isinstance(phases[0].curve, Constant)


def _scaled(piece: Piece, scale: float, floor: float) -> Piece:
    """The piece with its height above ``floor`` times ``scale``."""
    if scale == 1.0:
        return piece
    start, goal = (floor + (factor - floor) * scale for factor in (piece.start, piece.goal))
    if isinstance(piece.phase.curve, Constant):
        goal = start
    return Piece(replace(piece.phase, start=start, end=goal), piece.begin, piece.end)


def _whole(position: float) -> int:
    if position != int(position):
        raise _NotFlatError
    return int(position)
