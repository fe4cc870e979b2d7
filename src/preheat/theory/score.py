"""Schedules judged before training, by the last-iterate bound: values, results in words, rankings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Schedule
from preheat.schedule.checks import count, positive
from preheat.theory.answer import Answer
from preheat.theory.bound import Terms, terms
from preheat.theory.shapes import climb_of, factors, linear_after, norms_over, resolved, same_climb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_HANGS = 0.02  # of the bound: what one last update may add before it is said
_SHOWN = 12  # phases written out
ASSUMES = (
    "assumes: a convex loss, plain SGD on one path, gradient norms as said; the bound is of the last iterate.",
    "says: which shape is better when each runs at its own best peak, and how the best peaks compare.",
    "cannot say: what the loss will be, or how long to warm up; nothing of momentum, weight decay or repeated data.",
)


@dataclass(frozen=True, slots=True)
class PhaseShare:
    """What one phase has of a schedule's bound.

    Attributes:
        first, last: its updates, both included.
        share: of the bound at the best peak, in [0, 1]; the shares of all phases add up to 1.
        start, noise, iterate: of the terms T1, T2 and T3, each in [0, 1].
    """

    first: int
    last: int
    share: float
    start: float
    noise: float
    iterate: float


@dataclass(frozen=True, slots=True)
class Score(Answer):
    """The bound of one schedule.

    Attributes:
        schedule: its text.
        updates: length of the run.
        bound: at the best peak, in units of distance times gradient norm; only its ratio to others means something.
        best_peak: the peak at which the bound is lowest, in units of distance over gradient norm.
        ratio: ``bound`` over that of a straight line to 0 after the same climb; below 1 only for measured norms.
        peak_ratio: ``best_peak`` over the same line's.
        start, noise, last: the terms T1 (divided by the peak in the bound), T2 and T3 (times the peak).
        phases: what each phase has of them.
        curve: (updates, bound) pairs along the run at the best peak of the whole; empty unless asked for.
        measured: whether gradient norms were given.
        climb: updates before the peak.
        notes: what was left out, and what makes the number doubtful.
    """

    schedule: str
    updates: int
    bound: float
    best_peak: float
    ratio: float
    peak_ratio: float
    start: float
    noise: float
    last: float
    phases: tuple[PhaseShare, ...]
    curve: tuple[tuple[int, float], ...]
    measured: bool
    climb: int
    notes: tuple[str, ...]

    def explain(self) -> str:
        """The score in words: numbers, phases, doubts, and what it assumes."""
        norms = "measured gradient norms" if self.measured else "constant gradient norms"
        lines = [
            f"{self.schedule} over {self.updates} updates, {norms}",
            f"bound {self.bound:.6g} at the peak {self.best_peak:.6g}: {self.ratio:.4f} times a straight line's"
            f" at {self.peak_ratio:.4f} times its peak",
            f"terms at peak 1: start {self.start:.6g}, noise {self.noise:.6g}, last iterate {self.last:.6g}",
        ]
        lines += [
            f"  updates {one.first} to {one.last}: {one.share:.1%} of the bound"
            f" (start {one.start:.1%}, noise {one.noise:.1%}, last iterate {one.iterate:.1%})"
            for one in self.phases[:_SHOWN]
        ]
        if len(self.phases) > _SHOWN:
            lines.append(f"  and {len(self.phases) - _SHOWN} phases more")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes), *ASSUMES])

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        return {**asdict(self), "phases": [asdict(one) for one in self.phases], "notes": list(self.notes)}


@dataclass(frozen=True, slots=True)
class Ranking(Answer):
    """Several schedules in the order of their bounds, the lowest first.

    Attributes:
        scores: one of each schedule.
    """

    scores: tuple[Score, ...]

    def explain(self) -> str:
        """The table, doubts, and what it assumes."""
        width = max(len("schedule"), *(len(one.schedule) for one in self.scores))
        lines = [f"{'schedule':<{width}}  {'bound':>10}  {'of linear':>9}  {'best peak':>10}  {'of linear':>9}"]
        lines += [
            f"{one.schedule:<{width}}  {one.bound:>10.6f}  {one.ratio:>9.4f}  {one.best_peak:>10.6f}"
            f"  {one.peak_ratio:>9.4f}"
            for one in self.scores
        ]
        return "\n".join([*lines, *self._notes(), *ASSUMES])

    def _notes(self) -> list[str]:
        """Each note once: by itself where it is of all schedules, else with theirs."""
        owners: dict[str, list[str]] = {}
        for one in self.scores:
            for note in one.notes:
                owners.setdefault(note, []).append(one.schedule)
        of_all = len(self.scores)
        return [
            f"note: {note}" if len(whose) == of_all else f"note on {'; '.join(whose)}: {note}"
            for note, whose in owners.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        return {"scores": [one.to_dict() for one in self.scores], "assumptions": list(ASSUMES)}


def score(
    schedule: Schedule | str,
    *,
    updates: int | None = None,
    grad_norms: Sequence[float] | Floats | None = None,
    distance: float = 1.0,
    curve: int = 0,
) -> Score:
    """Judge a schedule by the convex bound of its last iterate, before any training.

    Args:
        schedule: a schedule, or one in words.
        updates: length of the run, >= 2; None takes the horizon.
        grad_norms: measured norms, > 0: one for each update, or fewer, each the mean of an equal stretch of the run.
            None takes 1 for all.
        distance: from the start to the solution, > 0. It cancels from every ratio.
        curve: how many points of the bound along the run to give, 0 or >= 2; each costs as much as the score.

    Returns:
        The bound at its best peak, the best peak, both over a straight line's, and what each phase has of them.

    Raises:
        ScheduleError: for a run without end, a schedule that is 0 throughout, norms that do not fit.

    The bound: Schaipp et al. 2025 (arXiv:2501.18965). On 124M runs of 11 shapes its order agreed with that of the final
    losses at each one's best peak (Spearman 0.90). Updates at 0 change nothing and are left out. With constant norms a
    warm-up can only cost, so :func:`rank_schedules` refuses to compare warm-ups by it.

    >>> from preheat import get_schedule
    >>> found = score(get_schedule("cosine", warmup=0, total=400))
    >>> round(found.bound, 6), round(found.best_peak, 6), round(found.ratio, 3)
    (0.103386, 0.048242, 1.027)
    """
    known, length = resolved(schedule, updates)
    distance = positive("distance", distance, "It is the distance from the start to the solution.")
    points = int(count("curve", curve))
    values = factors(known, length)
    norms = norms_over(grad_norms, length)
    kept = values > 0
    found = terms(values[kept], norms[kept], distance)
    line = linear_after(values)
    reference = terms(line[line > 0], norms[line > 0], distance)
    return Score(
        str(schedule), length, found.best, found.best_peak, found.best / reference.best,
        found.best_peak / reference.best_peak, found.start, found.noise, found.last,
        _by_phase(known.borders, kept, found), _along(values, norms, distance, found.best_peak, points),
        grad_norms is not None, climb_of(values), _notes(values, norms, distance, found, grad_norms is not None),
    )  # fmt: skip


def rank_schedules(
    schedules: Sequence[Schedule | str],
    *,
    updates: int | None = None,
    grad_norms: Sequence[float] | Floats | None = None,
) -> Ranking:
    """Several schedules by their bounds, the lowest first; each at its own best peak.

    Args:
        schedules: one or more, in words or not.
        updates: length of every run; None takes the horizons, which then have to be the same.
        grad_norms: as in :func:`score`.

    Raises:
        ScheduleError: if the runs differ in length, or their warm-ups differ while gradient norms are constant: the
            bound then always prefers the shorter one, whatever the truth.

    >>> print(rank_schedules(["linear to 0", "hold 80% > linear to 0"], updates=1000).scores[0].schedule)
    linear to 0
    """
    if isinstance(schedules, (str, Schedule)) or not schedules:
        raise ScheduleError(refusal("schedules", "a list of one or more", schedules, "Put them into a list."))
    runs = [resolved(one, updates) for one in schedules]
    if len({length for _, length in runs}) > 1:
        lengths = [length for _, length in runs]
        raise ScheduleError(refusal("updates", "the same in every run", lengths, "Give one number for all."))
    if grad_norms is None:
        _refuse_climbs([factors(one, length) for one, length in runs])
    scores = [score(one, updates=updates, grad_norms=grad_norms) for one in schedules]
    return Ranking(tuple(sorted(scores, key=lambda one: one.bound)))


def _refuse_climbs(runs: list[Floats]) -> None:
    for values in runs[1:]:
        if not same_climb(runs[0], values):
            climbs = sorted({climb_of(one) for one in runs})
            advice = (
                "At constant gradient norms the bound can only count what a warm-up costs:"
                " give grad_norms, or the same warm-up to all."
            )
            raise ScheduleError(refusal("warm-up", "the same in schedules to be ranked", climbs, advice))


def _by_phase(borders: Sequence[float], kept: NDArray[np.bool_], found: Terms) -> tuple[PhaseShare, ...]:
    length = len(kept)
    begins = [0, *sorted({int(np.ceil(border)) for border in borders if 0 < np.ceil(border) < length})]
    parts = np.zeros((3, length))
    slow = found.noise + found.last
    parts[:, kept] = found.start_parts, found.noise_parts / found.noise, found.last_parts / (found.last or 1.0)
    sums = np.add.reduceat(parts, begins, axis=1)
    shares = 0.5 * sums[0] + 0.5 * (sums[1] * found.noise + sums[2] * found.last) / slow
    ends = [*(begin - 1 for begin in begins[1:]), length - 1]
    return tuple(
        PhaseShare(first, last, float(share), *(float(part) for part in each))
        for first, last, share, each in zip(begins, ends, shares, sums.T, strict=True)
    )


def _along(values: Floats, norms: Floats, distance: float, peak: float, points: int) -> tuple[tuple[int, float], ...]:
    if not points:
        return ()
    trained = np.flatnonzero(values > 0) + 1
    ends = sorted({int(end) for end in np.geomspace(trained[1], trained[-1], max(2, points)).round()})
    found = []
    for end in ends:
        kept = values[:end] > 0
        found.append((end, terms(values[:end][kept], norms[:end][kept], distance).at(peak)))
    return tuple(found)


def _notes(values: Floats, norms: Floats, distance: float, found: Terms, measured: bool) -> tuple[str, ...]:
    notes = []
    kept = values > 0
    if not kept.all():
        notes.append(f"{np.count_nonzero(~kept)} of {len(values)} updates at 0 change nothing and are left out")
    if climb_of(values) and not measured:
        notes.append("constant gradient norms: a warm-up can only cost here, and the line it is held to has the same")
    lowest, ends = min((_without(values[kept], norms[kept], distance, left), left) for left in (0, 1, 2, 8, 64))
    if found.best > lowest * (1.0 + _HANGS):
        notes.append(
            f"the last {ends} updates, from {values[kept][-ends]:.3g} of the peak down, raise the bound from"
            f" {lowest:.4g} to {found.best:.4g}: it blows up where the rate falls to almost 0 in one step;"
            " judge the shape without them"
        )
    return tuple(notes)


def _without(values: Floats, norms: Floats, distance: float, left: int) -> float:
    """The bound of a run that stops ``left`` updates early; infinite where that leaves almost none."""
    stay = len(values) - left
    return terms(values[:stay], norms[:stay], distance).best if stay > 2 else math.inf
