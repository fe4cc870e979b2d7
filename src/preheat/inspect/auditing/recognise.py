"""A schedule from its curve alone: shape, warm-up, horizon, floor and peak.

For each family of curves the lengths are searched in whole updates; peak, floor and start follow from them by least
squares, and are then rounded to the shortest numbers that still fit every point. The plainest family that fits all
points to the digits they are written with is the answer; if none does, the one that comes nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from preheat.inspect.auditing.decimals import shortest_between
from preheat.inspect.auditing.families import Family, families
from preheat.inspect.auditing.observed import SLACK, Observed
from preheat.inspect.auditing.search import Point, descend
from preheat.inspect.auditing.stairs import plateaus
from preheat.schedule import Schedule
from preheat.schedule.curves import Linear, OneMinusPower

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.inspect.auditing.observed import Floats

_POINTS = 120
_LEAST = 4
_LONGEST = 64  # times the log: a horizon beyond that cannot be told from it
_LIKELY = 0.02  # of the peak: the family is worth a closer look
_FLOORS = (0.1, 0.01, 0.05, 0.2, 0.5)
_GOOD = 2e-3  # of the peak, root mean square: near enough to try whether it is exact


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a logged curve looks like.

    Attributes:
        schedule: shares of ``base_lr`` by update.
        base_lr: the peak.
        exact: whether every point agrees to the digits it is written with.
        error: largest distance, in learning rate.
        error_at: the update it is at.
        notes: what the log cannot tell.
    """

    schedule: Schedule
    base_lr: float
    exact: bool
    error: float
    error_at: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.schedule}, peak {self.base_lr:g}"


def recognise(seen: Observed, total: int | None = None) -> Recognised | None:
    """The plainest schedule that gives the logged rates; None for too few points, or rates that are all zero.

    Args:
        seen: the logged rates.
        total: updates of the run, where they are known: a first guess for the horizon.
    """
    if len(seen) < _LEAST or seen.peak <= 0:
        return None
    steps = plateaus(seen)
    if steps is not None:
        error, at = seen.distance(seen.peak * steps(seen.updates))
        return Recognised(steps, seen.peak, exact=True, error=error, error_at=at)
    few = seen.without_odd().thinned(_POINTS)
    tried: list[tuple[float, int, Family, Point]] = []
    for alike in families(few):
        exact: list[tuple[int, int, Recognised]] = []
        loosest, point = _nearest(alike[0], few, total)
        tried.append((loosest, len(tried), alike[0], point))
        for family in alike if loosest < _LIKELY else ():
            cost, point = _nearest(family, few, total)
            tried.append((cost, len(tried), family, point))
            if cost < _GOOD:
                digits, found = _rounded(family, point, seen, total)
                if found is not None and found.exact:
                    exact.append((digits, len(exact), found))
        if exact:
            return _with_notes(min(exact)[2], seen)
    for _, _, family, point in sorted(tried, key=lambda one: one[:2]):
        found = _rounded(family, point, seen, total)[1]
        if found is not None:
            return _with_notes(found, seen)
    return None


def _nearest(family: Family, few: Observed, total: int | None) -> tuple[float, Point]:
    """The best lengths of a family, and how far the curve is from the points (of the peak, root mean square)."""
    top, last = int(few.updates[few.rates.argmax()]), int(few.updates[-1]) + 1
    warmups = dict.fromkeys((top + int(family.native), 0))
    starts = [
        point
        for warmup in warmups
        for end in dict.fromkeys((total or last, last))
        for point in family.start_of(warmup, top, end)
    ]

    def cost(point: Point) -> float:
        fitted = _fit(family, point, few)
        return float("inf") if fitted is None else fitted[0]

    best: tuple[float, Point] = (float("inf"), starts[0])
    for start in sorted(dict.fromkeys(starts), key=cost)[:2]:
        point, least = descend(cost, start, [0] * len(start), [_LONGEST * last] * len(start))
        best = min(best, (least, point))
    return best


def _fit(family: Family, point: Point, seen: Observed) -> tuple[float, float, float, float] | None:
    """Distance, peak, floor and start of the least-squares fit; a floor or start below 0 is 0."""
    basis = family.basis(seen.updates, point)
    if basis is None:
        return None
    columns = list(basis)
    if not family.floors:
        columns[1] = np.zeros(len(seen))
    if not family.starts:
        columns[2] = np.zeros(len(seen))
    solved = _solved(columns, seen.rates)
    if min(solved[1:]) < 0:
        columns = [
            columns[0],
            *(
                column if value > 0 else np.zeros(len(seen))
                for column, value in zip(columns[1:], solved[1:], strict=True)
            ),
        ]
        solved = _solved(columns, seen.rates)
    apart = seen.rates - sum(value * column for value, column in zip(solved, columns, strict=True))
    return float(np.sqrt(np.square(apart).mean())) / seen.peak, solved[0], max(solved[1], 0.0), max(solved[2], 0.0)


def _solved(columns: list[Floats], rates: Floats) -> list[float]:
    """Least squares over the columns that are not all zero."""
    used = [index for index, column in enumerate(columns) if column.any()]
    values = [0.0] * len(columns)
    if used:
        matrix = np.stack([columns[index] for index in used], axis=1)
        for index, value in zip(used, np.linalg.lstsq(matrix, rates, rcond=None)[0].tolist(), strict=True):
            values[index] = value
    return values


def _rounded(family: Family, point: Point, seen: Observed, total: int | None) -> tuple[int, Recognised | None]:
    """The fit with the shortest numbers that still explain the points, or as it is; and how many digits it takes."""
    calm = seen.without_odd()
    likely = dict.fromkeys(_likely(family, point, calm, total))
    fits = [found for lengths in likely for found in _fits(family, lengths, seen, calm)]
    exact = [
        (digits, _digits_of(*found.schedule.borders), index)
        for index, (digits, found) in enumerate(fits)
        if found.exact
    ]
    if exact:
        return fits[min(exact)[-1]]
    return min(fits, key=lambda fit: fit[1].error, default=(0, None))


def _fits(family: Family, lengths: Point, seen: Observed, calm: Observed) -> Iterator[tuple[int, Recognised]]:
    """A fit of these lengths with ever more digits, up to the first that explains every point."""
    fitted = _fit(family, lengths, calm)
    if fitted is None or fitted[1] <= 0:
        return
    _, peak, floor, start = fitted
    for digits, low, begin in _short(floor / peak, start / peak):
        if begin > 1.0 - 1e-6 and lengths[0]:
            continue  # a climb that climbs nowhere
        schedule = family.schedule(lengths, begin, low)
        base = _base(schedule, calm, peak)
        error, at = seen.distance(base * schedule(seen.updates))
        exact = bool(calm.agrees(base * schedule(calm.updates)).all())
        yield digits + _digits_of(base), Recognised(schedule, base, exact, error, at)
        if exact:
            return


def _digits_of(*values: float) -> int:
    """How many digits it takes to write the values down."""
    return sum(len(Decimal(repr(value)).normalize().as_tuple().digits) for value in values)


def _likely(family: Family, point: Point, seen: Observed, total: int | None) -> Iterator[Point]:
    """The lengths found, after others that may give the same curve and are likelier.

    A line's end trades with its floor, a root's too: runs mostly end where their schedules do, or floors are round.
    """
    last = int(seen.updates[-1]) + 1
    if family.curve is None and point[0] > last:
        yield (last,)  # still climbing: any longer climb to a higher peak is the same so far
    if family.plateau and point[0] <= seen.updates[0]:
        point = (0, *point[1:])  # nobody has seen a climb
    if family.floors and isinstance(family.curve, (Linear, OneMinusPower)):
        ends = [(*point[:-1], end) for end in (total, last) if end is not None]
        yield from ends
        yield from _ends_of_round_floors(family, point, seen)
    yield point


def _ends_of_round_floors(family: Family, point: Point, seen: Observed) -> Iterator[Point]:
    """Where a line, or a root, through the same points reaches floors that people choose."""
    fitted = _fit(family, point, seen)
    begin = point[-2]
    if fitted is None or fitted[1] <= 0 or not 0 <= fitted[2] < fitted[1]:
        return
    power = family.curve.power if isinstance(family.curve, OneMinusPower) else 1.0
    for floor in _FLOORS:
        length = (point[-1] - begin) * ((1.0 - floor) / (1.0 - fitted[2] / fitted[1])) ** (1.0 / power)
        if round(length) > 0:
            yield (*point[:-1], begin + round(length))


def _short(floor: float, start: float) -> list[tuple[int, float, float]]:
    """Floor and start as shares of the peak, from the roundest numbers to the fit's own, with their digits."""
    choices = [(first + second, low, begin) for first, low in _digits(floor) for second, begin in _digits(start)]
    return sorted(choices)


def _digits(value: float) -> Iterator[tuple[int, float]]:
    """``value`` with ever more significant digits."""
    if value < 1e-3:
        yield 0, 0.0
    if value:
        for digits in range(6):
            yield digits + 1, min(float(f"{value:.{digits}e}"), 1.0)
        yield 16, min(value, 1.0)


def _base(schedule: Schedule, seen: Observed, peak: float) -> float:
    """The shortest base value with which the schedule fits every point; the fit's own if none does."""
    factors = schedule(seen.updates)
    large = factors > 0.05
    if not large.any():
        return peak
    part, shares = seen.part(large), factors[large]
    low = float(((part.rates - SLACK * part.rounding) / shares).max())
    high = float(((part.rates + SLACK * part.rounding) / shares).min())
    return shortest_between(low, high) if 0 < low <= high else peak


def _with_notes(found: Recognised, seen: Observed) -> Recognised:
    notes: list[str] = []
    last, horizon = int(seen.updates[-1]), found.schedule.horizon
    if 0 < found.schedule.climb <= seen.updates[0]:
        notes.append(f"the log begins at update {seen.updates[0]}: what climbed before it is a guess")
    if found.schedule.climb > last:
        notes.append("the log ends while the rate climbs: peak, warm-up and horizon cannot be told")
    elif horizon is None and seen.rates[-1] >= seen.peak * (1 - 1e-6):
        notes.append("the log ends at the peak: whether a descent follows cannot be told")
    elif horizon is not None and horizon > last + 1:
        notes.append(f"the log ends at update {last}: the horizon is where the curve points to, for a floor as given")
    if not found.exact:
        notes.append(f"the nearest of the known shapes; off by {found.error:.3g} at update {found.error_at}")
    return Recognised(found.schedule, found.base_lr, found.exact, found.error, found.error_at, tuple(notes))
