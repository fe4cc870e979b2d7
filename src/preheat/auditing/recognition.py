"""A schedule from its curve alone: shape, warm-up, horizon, floor and peak.

For each family of curves the lengths are searched in whole updates; peak, floor and start follow from them by least
squares, and are then rounded to the shortest numbers that still fit every point. The plainest family that fits all
points to the digits they are written with is the answer; if none does, the one that comes nearest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain, product
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.auditing.observed import SLACK, Observed, shortest_between
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import (
    CURVES,
    Constant,
    Cosine,
    Curve,
    Exponential,
    Geometric,
    Linear,
    OneMinusPower,
    PowerLaw,
    named_curve,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from preheat.auditing.observed import Counts, Floats


# --- The curves a recognizer knows: a warm-up, a plateau, a descent along one of the field's curves -----------------


# Rates per step as people write them; any other is taken as the fit has it.
_RATES = (0.1, 0.5, 0.9, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 0.999, 0.9999)
_LINE = Linear()
_COMMON = ("polynomial", "cosine_restarts", "cosine")  # of two curves that both fit, the one people use more
# A curve of any family goes through three points: the fourth is the first that can object.
_LEAST = 4
_NEAR = 1e-3


@dataclass(frozen=True, slots=True)
class Family:
    """Schedules that differ in lengths, peak, start and floor only.

    Attributes:
        curve: what it descends along; None stays at the peak.
        plateau: whether a plateau comes between warm-up and descent.
        rise: what it climbs along.
        native: the step convention: False is transformers'.
        waits: whether the curve's own time scale is the length of the warm-up.
        starts: whether the warm-up begins above 0.
        floors: whether the descent ends above 0.
    """

    curve: Curve | None
    plateau: bool = False
    rise: Curve = _LINE
    native: bool = False
    waits: bool = False
    starts: bool = False
    floors: bool = False

    @property
    def endless(self) -> bool:
        """Whether there is no horizon to find."""
        return self.curve is None or self.curve.endless

    def lengths(self, point: Point) -> tuple[int, int, int]:
        """Warm-up, plateau and descent in updates, from the numbers searched (warm-up, end of the plateau, horizon)."""
        warmup = point[0]
        held = point[1] - warmup if self.plateau else 0
        return warmup, held, 0 if self.endless else point[-1] - warmup - held

    def start_of(self, warmup: int, top: int, last: int) -> Iterator[Point]:
        """Where to begin the search, given the update of the highest rate and one past the last."""
        if self.endless:
            yield (warmup,)
            return
        # The log's end; beyond it for runs that were cut off or go on; before it for those trained past theirs.
        for end in (last, round(1.3 * last), 2 * last, max(top + 2, last * 2 // 3)):
            if not self.plateau:
                yield warmup, max(end, warmup + 1)
                continue
            for held in (top, (top + end) // 2, end * 9 // 10):
                yield warmup, max(held, warmup), max(end, held + 1, warmup + 1)

    def basis(self, updates: Counts, points: Sequence[Point]) -> tuple[list[int], Floats]:
        """How much of peak, floor and start is in the factor of each update, for several points at once.

        Returns:
            The indices of the points whose lengths can be, and their parts, shape (those, 3, updates).
        """
        lengths = [self.lengths(point) for point in points]
        kept = [
            index
            for index, (warmup, held, descent) in enumerate(lengths)
            if min(warmup, held) >= 0 and (descent >= 1 or self.endless)
        ]
        parts = np.zeros((len(kept), 3, len(updates)))
        if kept:
            # Lengths as columns against updates as a row: a curve's formula takes them all in one call.
            warmup, held, descent = np.array([lengths[index] for index in kept], dtype=np.float64).T[:, :, None]
            clock = np.asarray(updates + self.native, dtype=np.float64)[None]
            climbing = clock < warmup
            whole = np.maximum(warmup, 1.0)  # without a warm-up 0 / 0 would warn
            done = np.clip(clock, 0.0, whole)
            climbed = self.rise.fall(whole - done, done, whole, np)
            fallen = 1.0 - self._height(np.maximum(clock - warmup - held, 0.0), descent, warmup)
            parts[:, 0] = np.where(climbing, climbed, 1.0 - fallen)
            parts[:, 1] = np.where(climbing, 0.0, fallen)
            parts[:, 2] = np.where(climbing, 1.0 - climbed, 0.0)
        return kept, parts

    def _height(self, done: Floats, descent: Floats, warmup: Floats) -> Any:
        """What is left of the descent, by row; each argument has a row for every point."""
        if self.curve is None:
            return np.ones(done.shape)
        if self.endless:
            if not self.waits:
                return self.curve.fall(done, done, None, np)
            curves = [self._timed(int(one)) for one in warmup[:, 0]]
            return np.stack([curve.fall(row, row, None, np) for curve, row in zip(curves, done, strict=True)])
        done = np.minimum(done, descent)
        return self.curve.fall(done, descent - done, descent, np)

    def _timed(self, warmup: int) -> Curve:
        assert self.curve is not None
        if self.waits and warmup and isinstance(self.curve, PowerLaw):
            return replace(self.curve, timescale=float(warmup))
        return self.curve

    def schedule(self, point: Point, start: float, floor: float) -> PhaseSchedule:
        """The schedule with these lengths, from ``start`` by way of 1 to ``floor``."""
        warmup, held, descent = self.lengths(point)
        convention = "native" if self.native else "transformers"
        phases: list[Phase] = []
        if warmup:
            phases.append(Phase(curve=self.rise, length=warmup, start=start, end=1.0, convention=convention))
        if held:
            phases.append(Phase(curve=Constant(), length=held, convention=convention))
        if self.curve is None:
            phases.append(Phase(curve=Constant(), length=None, convention=convention))
        else:
            length = None if self.endless else descent
            curve = self._timed(warmup)
            phases.append(Phase(curve=curve, length=length, end=floor, convention=convention))
        return PhaseSchedule(tuple(phases))


def families(seen: Observed) -> Iterator[list[Family]]:
    """All of them, the plainest first; together those that differ in floor, start and convention, the freest first."""
    for family in chain(_plain(), _exponentials(seen), _rare()):
        yield [
            replace(family, native=native, starts=starts, floors=floors)
            # The freest fit first: where even that is far off, none of the others is tried.
            for floors in ((False,) if family.endless else (True, False))
            for starts in (True, False)
            for native in (False, True)
        ]


def _plain() -> Iterator[Family]:
    cosine, linear = named_curve("cosine"), named_curve("linear")
    yield Family(None)
    yield Family(linear)
    yield Family(cosine)
    yield Family(PowerLaw(), waits=True)
    for name in ("linear", "1-sqrt", "cosine"):
        yield Family(named_curve(name), plateau=True)


def _rare() -> Iterator[Family]:
    """Descents along every other curve, with the options that stand with it."""
    cosine, linear = named_curve("cosine"), named_curve("linear")
    yield from _along(*_COMMON)
    yield Family(cosine, rise=cosine)
    yield Family(linear, rise=cosine)
    yield from _along(*(name for name in ("1-power", "rex", *CURVES) if name not in _COMMON))


def _along(*names: str) -> Iterator[Family]:
    for name in dict.fromkeys(names):
        for options in CURVES[name].facts.in_logs:
            curve = named_curve(name, **options)
            if curve in (Linear(), Cosine()):
                continue  # plain, and looked for before
            if isinstance(curve, Geometric):  # a cool-down more often than a whole descent
                yield Family(curve, plateau=True)
            yield Family(curve)


def _exponentials(seen: Observed) -> Iterator[Family]:
    """Falls by equal ratios, with a rate people write and the updates it takes; for those that look like one."""
    tail = seen.part(slice(int(seen.rates.argmax()), None))
    above = tail.part(tail.rates > 0)
    # Equal ratios never reach 0: a tail that does is another curve.
    if len(above) < _LEAST or len(above) < len(tail):
        return
    slope, level = np.polyfit(above.updates, np.log(above.rates), 1)
    apart = np.abs(np.exp(slope * above.updates + level) - above.rates)
    if slope >= 0 or apart.max() > _NEAR * seen.peak:
        return
    for rate in _RATES:
        steps = math.log(rate) / slope
        if round(steps) >= 1 and abs(steps - round(steps)) < _NEAR * steps:
            yield Family(Exponential(rate, float(round(steps))))
    # The shortest rate within a millionth of the slope's: a fit has all sixteen digits.
    yield Family(Exponential(shortest_between(math.exp(slope * (1 + 1e-6)), math.exp(slope * (1 - 1e-6)))))


# --- Rates that stay and jump: a few plateaus, or a curve that moves only every so many updates ---------------------


# With more levels it is mostly a curve that moves once an epoch, and its shape says more than a list.
_MOST_PLATEAUS = 6
_LEAST_STEPS = 4


def first_of_each(seen: Observed) -> Counts:
    """Indices of the points at which the rate is another one than at the point before."""
    moved = np.abs(np.diff(seen.rates)) > 2 * np.minimum(seen.rounding[1:], seen.rounding[:-1])
    return np.concatenate(([0], np.flatnonzero(moved) + 1))


def plateaus(seen: Observed) -> PhaseSchedule | None:
    """A few constant stretches, or falls by equal ratios in equal steps, perhaps after a warm-up; else None.

    Its factors are shares of the highest rate.
    """
    top = int(seen.rates.argmax())
    warmup = _straight_warmup(seen, top)
    stretches = seen.part(slice(top, None)) if warmup is not None else seen
    begun = warmup.length if warmup is not None else 0
    begins = first_of_each(stretches)
    sizes = np.diff(np.append(begins, len(stretches)))
    # A level of one point is a point of a curve; only the last may be cut short by the end of the log.
    if len(begins) < 2 or (sizes[:-1] < 2).any():
        return None
    factors = [float(f"{rate / seen.peak:.6g}") for rate in stretches.rates[begins]]
    lengths = np.diff([begun, *(int(stretches.updates[index]) for index in begins[1:])]).tolist()
    phases = (warmup,) if warmup is not None else ()
    if len(begins) > _LEAST_STEPS and factors[0] == 1.0:
        usual = int(np.median(lengths))
        # Rows that miss move the borders.
        for steps, convention in product((usual, usual - 1, usual + 1), ("transformers", "native")):
            curve = Exponential(rate=factors[1], steps=float(max(1, steps)), staircase=True)
            stepped = PhaseSchedule((*phases, Phase(curve=curve, length=None, convention=convention)))
            if seen.agrees(seen.peak * stepped(seen.updates)).all():
                return stepped
    if len(begins) > _MOST_PLATEAUS:
        return None
    held = [
        Phase(curve=Constant(), length=length, start=factor, end=factor)
        for length, factor in zip([*lengths, None], factors, strict=True)
    ]
    whole = PhaseSchedule((*phases, *held))
    return whole if seen.agrees(seen.peak * whole(seen.updates)).all() else None


def _straight_warmup(seen: Observed, top: int) -> Phase | None:
    """A straight warm-up from 0 to the point ``top``, in either step convention."""
    if top < 1 or seen.rates[top] <= seen.rates[0]:
        return None
    slope = float((seen.rates[top] - seen.rates[0]) / (seen.updates[top] - seen.updates[0]))
    for late, convention in ((0, "transformers"), (1, "native")):
        length = round(seen.peak / slope) if slope else 0
        if length > late:
            phase = Phase(curve=Linear(), length=length, start=0.0, end=1.0, convention=convention)
            before = seen.part(slice(0, top))
            if before.agrees(seen.peak * PhaseSchedule((phase,))(before.updates)).all():
                return phase
    return None


def every(seen: Observed) -> int | None:
    """Every how many updates the rate moves, where it is more than one; None where it moves at will.

    Asked of logs that have nearly every update: of others one cannot tell.
    """
    if len(seen) < 2 or np.median(np.diff(seen.updates)) > 1:
        return None
    begins = seen.updates[first_of_each(seen)][1:]
    if len(begins) < _LEAST_STEPS:
        return None
    shared = int(np.gcd.reduce(np.diff(begins)))
    return shared if shared > 1 else None


# --- Searching whole numbers: lengths of phases that make a curve come nearest to a log -----------------------------


Point = tuple[int, ...]
_MOST = 600  # points looked at


def descend(
    cost: Callable[[Point], float], start: Point, low: Sequence[int], high: Sequence[int]
) -> tuple[Point, float]:
    """The best point a pattern search finds from ``start``, by steps longer while they help, then ever shorter.

    Where there is no bottom, as with a horizon that a log says nothing of, it gives up after some hundred points.

    Args:
        cost: what to make small; called at most once a point.
        start: where to begin.
        low: smallest value of each number.
        high: largest value of each number.

    >>> descend(lambda p: (p[0] - 37) ** 2 + (p[1] - p[0]) ** 2, (1, 1), (0, 0), (100, 100))
    ((37, 37), 0.0)
    """
    return descend_together(lambda points: [cost(point) for point in points], start, low, high)


def descend_together(
    costs: Callable[[list[Point]], Sequence[float]], start: Point, low: Sequence[int], high: Sequence[int]
) -> tuple[Point, float]:
    """As :func:`descend`, with the costs of all neighbors of a point asked for at once."""
    best = tuple(min(max(at, least), most) for at, least, most in zip(start, low, high, strict=True))
    known = {best: float(costs([best])[0])}
    # A quarter to begin with: starts are guesses of the right size, not of the right digits.
    steps = [max(1, at // 4) for at in best]
    while True:
        around = list(dict.fromkeys(_around(best, steps, low, high)))
        new = [point for point in around if point not in known]
        known.update(zip(new, map(float, costs(new)) if new else (), strict=True))
        better = min(around, key=known.__getitem__, default=best)
        if known[better] < known[best] and len(known) < _MOST:
            best, steps = better, [2 * step for step in steps]
        elif any(step > 1 for step in steps):
            steps = [max(1, step // 2) for step in steps]
        else:
            return best, known[best]


def _around(point: Point, steps: Sequence[int], low: Sequence[int], high: Sequence[int]) -> Iterable[Point]:
    """The neighbors of a point: along each number, and along each pair together, since lengths trade places."""
    moves = [(index, sign) for index in range(len(point)) for sign in (-1, 1)]
    for first, sign in moves:
        yield from _moved(point, {first: sign * steps[first]}, low, high)
        for second, other in moves:
            if second > first:
                yield from _moved(point, {first: sign * steps[first], second: other * steps[second]}, low, high)


def _moved(point: Point, move: dict[int, int], low: Sequence[int], high: Sequence[int]) -> Iterable[Point]:
    moved = tuple(at + move.get(index, 0) for index, at in enumerate(point))
    if all(least <= at <= most for at, least, most in zip(moved, low, high, strict=True)):
        yield moved


# --- A schedule from its curve alone: shape, warm-up, horizon, floor and peak ---------------------------------------


_POINTS = 120
_LONGEST = 64  # times the log: a horizon beyond that cannot be told from it
_LIKELY = 0.02  # of the peak: the family is worth a closer look
_FLOORS = (0.1, 0.01, 0.05, 0.2, 0.5)
_GOOD = 2e-3  # of the peak, root mean square: near enough to try whether it is exact
_SOUND = 1e-8  # smallest eigenvalue of scaled normal equations: below, columns are nearly one, and lstsq is asked


@dataclass(frozen=True, slots=True)
class Recognized:
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
        return _("{schedule}, peak {peak:g}", schedule=self.schedule, peak=self.base_lr)


def recognize(seen: Observed, total: int | None = None) -> Recognized | None:
    """The plainest schedule that gives the logged rates; None for too few points, or rates that are all zero.

    Args:
        seen: the logged rates.
        total: updates of the run, where they are known: a first guess for the horizon.
    """
    if len(seen) < _LEAST or seen.peak <= 0:
        return None
    # Before any curve: through a few levels none goes exactly, and saying so takes the whole search.
    steps = plateaus(seen)
    if steps is not None:
        error, at = seen.distance(seen.peak * steps(seen.updates))
        return Recognized(steps, seen.peak, exact=True, error=error, error_at=at)
    # A point far off, as the first update after a resume, would keep every family from being exact.
    few = seen.without_odd().thinned(_POINTS)
    tried: list[tuple[float, int, Family, Point]] = []
    for alike in families(few):
        exact: list[tuple[int, int, Recognized]] = []
        loosest, point = _nearest(alike[0], few, total)
        tried.append((loosest, len(tried), alike[0], point))
        for family in alike if loosest < _LIKELY else ():
            cost, point = _nearest(family, few, total)
            tried.append((cost, len(tried), family, point))
            if cost < _GOOD:
                digits, near = _rounded(family, point, seen, total)
                if near is not None and near.exact:
                    exact.append((digits, len(exact), near))
        if exact:
            # Of those that fit the one with the fewest digits: a floor of 0.1, and not 0.0998 with a horizon to match.
            return _with_notes(min(exact)[2], seen)
    for _size, _order, family, point in sorted(tried, key=lambda one: one[:2]):
        near = _rounded(family, point, seen, total)[1]
        if near is not None:
            return _with_notes(near, seen)
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

    def costs(points: list[Point]) -> list[float]:
        return _distances(family, points, few)

    best: tuple[float, Point] = (math.inf, starts[0])
    starts = list(dict.fromkeys(starts))
    nearest = sorted(zip(costs(starts), range(len(starts)), starts, strict=True))
    # Two, since the nearest start may lie in another valley than the best lengths.
    for _size, _order, start in nearest[:2]:
        point, least = descend_together(costs, start, [0] * len(start), [_LONGEST * last] * len(start))
        best = min(best, (least, point))
    return best


def _distances(family: Family, points: list[Point], seen: Observed) -> list[float]:
    """The distance of the fit at each point, as :func:`_fit` gives it; infinite where lengths cannot be.

    All at once by normal equations: one solver call for the 18 neighbors of a point instead of 18, which was four
    fifths of an audit that nothing explains.
    """
    distances = [math.inf] * len(points)
    kept, columns = family.basis(seen.updates, points)
    if not kept:
        return distances
    if not family.floors:
        columns[:, 1] = 0.0
    if not family.starts:
        columns[:, 2] = 0.0
    solved, sound = _solved_together(columns, seen.rates)
    negative = sound & (solved[:, 1:].min(axis=1) < 0)
    if negative.any():
        # A floor or start below 0 is none: its column goes, and the others are solved for anew.
        left = columns[negative]
        left[:, 1:] *= (solved[negative, 1:] > 0)[:, :, None]
        solved[negative], sound[negative] = _solved_together(left, seen.rates)
        columns[negative] = left
    apart = seen.rates - np.einsum("pc,pcu->pu", solved, columns)
    sizes = np.sqrt(np.square(apart).mean(axis=1)) / seen.peak
    for index, size, well in zip(kept, sizes.tolist(), sound.tolist(), strict=True):
        fitted = None if well else _fit(family, points[index], seen)
        distances[index] = size if fitted is None else fitted[0]
    return distances


def _solved_together(columns: Floats, rates: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Least squares for each stack of columns, and whether it can be trusted: normal equations square the condition."""
    products = columns @ columns.transpose(0, 2, 1)
    sizes = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    sizes = np.where(sizes > 0, sizes, 1.0)
    scaled = products / (sizes[:, :, None] * sizes[:, None, :])
    # A column of zeros takes no part: a 1 on its diagonal makes its coefficient 0.
    empty = np.diagonal(scaled, axis1=1, axis2=2) == 0
    scaled += empty[:, :, None] * np.eye(columns.shape[1])
    sound = np.linalg.eigvalsh(scaled)[:, 0] > _SOUND
    scaled[~sound] = np.eye(columns.shape[1])
    right = (columns @ rates) / sizes
    return np.linalg.solve(scaled, right[:, :, None])[:, :, 0] / sizes, sound


def _fit(family: Family, point: Point, seen: Observed) -> tuple[float, float, float, float] | None:
    """Distance, peak, floor and start of the least-squares fit; a floor or start below 0 is 0."""
    kept, parts = family.basis(seen.updates, [point])
    if not kept:
        return None
    columns = [*parts[0]]
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


def _rounded(family: Family, point: Point, seen: Observed, total: int | None) -> tuple[int, Recognized | None]:
    """The fit with the shortest numbers that still explain the points, or as it is; and how many digits it takes."""
    calm = seen.without_odd()
    likely = dict.fromkeys(_likely(family, point, calm, total))
    fits = [near for lengths in likely for near in _fits(family, lengths, seen, calm)]
    exact = [
        (digits, _digits_of(*near.schedule.borders), index) for index, (digits, near) in enumerate(fits) if near.exact
    ]
    if exact:
        return fits[min(exact)[-1]]
    return min(fits, key=lambda fit: fit[1].error, default=(0, None))


def _fits(family: Family, lengths: Point, seen: Observed, calm: Observed) -> Iterator[tuple[int, Recognized]]:
    """A fit of these lengths with ever more digits, up to the first that explains every point."""
    fitted = _fit(family, lengths, calm)
    if fitted is None or fitted[1] <= 0:
        return
    _size, peak, floor, start = fitted
    for digits, low, begin in _short(floor / peak, start / peak):
        if begin > 1.0 - 1e-6 and lengths[0]:
            continue  # a warm-up that climbs nowhere
        schedule = family.schedule(lengths, begin, low)
        base = _base(schedule, calm, peak)
        error, at = seen.distance(base * schedule(seen.updates))
        exact = bool(calm.agrees(base * schedule(calm.updates)).all())
        yield digits + _digits_of(base), Recognized(schedule, base, exact, error, at)
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
        yield (last,)  # still climbing: any longer warm-up to a higher peak is the same so far
    if family.plateau and point[0] <= seen.updates[0]:
        point = (0, *point[1:])  # nobody has seen a warm-up
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
    # 0 is what most schedules end at: it is tried first, and costs no digit.
    if value < 1e-3:
        yield 0, 0.0
    if value:
        for digits in range(6):
            yield digits + 1, min(float(f"{value:.{digits}e}"), 1.0)
        yield 16, min(value, 1.0)


def _base(schedule: Schedule, seen: Observed, peak: float) -> float:
    """The shortest base value with which the schedule fits every point; the fit's own if none does."""
    factors = schedule(seen.updates)
    # Near 0 the rounding of a rate covers every base.
    large = factors > 0.05
    if not large.any():
        return peak
    part, shares = seen.part(large), factors[large]
    low = float(((part.rates - SLACK * part.rounding) / shares).max())
    high = float(((part.rates + SLACK * part.rounding) / shares).min())
    return shortest_between(low, high) if 0 < low <= high else peak


def _with_notes(near: Recognized, seen: Observed) -> Recognized:
    notes: list[str] = []
    last, horizon = int(seen.updates[-1]), near.schedule.horizon
    if 0 < near.schedule.warmup_updates <= seen.updates[0]:
        notes.append(_("the log begins at update {first}: what climbed before it is a guess", first=seen.updates[0]))
    if near.schedule.warmup_updates > last:
        notes.append(_("the log ends while the rate climbs: peak, warm-up and horizon cannot be told"))
    elif horizon is None and seen.rates[-1] >= seen.peak * (1 - 1e-6):
        notes.append(_("the log ends at the peak: whether a descent follows cannot be told"))
    elif horizon is not None and horizon > last + 1:
        notes.append(
            _(
                "the log ends at update {last}: the horizon is where the curve points to, for a floor as given",
                last=last,
            )
        )
    if not near.exact:
        notes.append(
            _(
                "the nearest of the known shapes; off by {error:.3g} at update {at}",
                error=near.error,
                at=near.error_at,
            )
        )
    return Recognized(near.schedule, near.base_lr, near.exact, near.error, near.error_at, tuple(notes))
