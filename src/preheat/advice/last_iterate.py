"""Schedules judged before training, by the last-iterate bound of stochastic subgradient descent.

Setting   x_{t+1} = x_t - eta_t g_t, f convex, |x_1 - x*| <= D, E|g_t|^2 <= G_t^2; eta_t = peak * shape_t, t = 1..T.
Formula   f(x_T) - f* <= T1 / peak + peak * (T2 + T3), with S(k) = shape_k + ... + shape_T,
          T1 = D^2 / (2 S(1)),   T2 = sum_t shape_t^2 G_t^2 / (2 S(1)),
          T3 = 1/2 sum_{k<T} shape_k / S(k+1) * sum_{t>=k} shape_t^2 G_t^2 / S(k).
Best      peak* = sqrt(T1 / (T2 + T3)), where the bound is 2 sqrt(T1 (T2 + T3)).
Source    Schaipp et al. 2025, arXiv:2501.18965, after Defazio et al. 2023, arXiv:2310.07831, Theorem 10.

First the terms on arrays, then schedules as such arrays (the laws use them too), then the answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.errors import ScheduleError, refusal
from preheat.messages import _, columns, data, joined, plural
from preheat.schedule import Schedule, parse
from preheat.schedule.lengths import count, positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """The three terms of the bound for one shape, at peak 1, with what each update adds to them.

    Attributes:
        start: T1, of how far the start is from the solution; divided by the peak in the bound.
        noise: T2, of the gradients' size over the whole run; times the peak in the bound.
        last: T3, of the last iterate being one iterate and no average; times the peak in the bound.
        start_parts: each update's share of the sum that T1 is divided by, shape (T,), adding up to 1.
        noise_parts: each update's part of T2, shape (T,).
        last_parts: each update's part of T3, shape (T,); 0 for the last.
    """

    start: float
    noise: float
    last: float
    start_parts: Floats
    noise_parts: Floats
    last_parts: Floats

    @property
    def best_peak(self) -> float:
        """The peak at which the bound is lowest."""
        return float(np.sqrt(self.start / (self.noise + self.last)))

    @property
    def best(self) -> float:
        """The bound at that peak."""
        return float(2.0 * np.sqrt(self.start * (self.noise + self.last)))

    def at(self, peak: float) -> float:
        """The bound at any peak > 0."""
        return self.start / peak + peak * (self.noise + self.last)


def terms(shape: Floats, norms: Floats | float = 1.0, distance: float = 1.0) -> Terms:
    """The three terms for a shape, in O(T).

    Args:
        shape: factor of each update, shape (T,), all > 0.
        norms: gradient norm of each update, shape (T,), or one for all, > 0.
        distance: D, from the start to the solution, > 0.

    >>> round(terms(np.ones(100)).best, 6)  # (1 / 10) sqrt(1 + H(99))
    0.248543
    """
    squares = (shape * norms) ** 2
    # Suffix sums taken from the end: a total minus a prefix cancels where the rates are small.
    ahead, squares_ahead = (np.cumsum(part[::-1])[::-1] for part in (shape, squares))
    total = ahead[0]
    # The last update has no such part: nothing comes after it, and the formula would divide by 0.
    last_parts = np.zeros(len(shape))
    last_parts[:-1] = 0.5 * (shape[:-1] / ahead[1:]) * (squares_ahead[:-1] / ahead[:-1])
    noise_parts = squares / (2.0 * total)
    start = distance**2 / (2.0 * total)
    return Terms(
        float(start), float(noise_parts.sum()), float(last_parts.sum()), shape / total, noise_parts, last_parts
    )


def constant_bound(updates: int) -> tuple[float, float]:
    """The bound and the best peak of a constant schedule in closed form, at D = G = 1.

    >>> abs(terms(np.ones(50)).best - constant_bound(50)[0]) < 1e-15
    True
    """
    harmonic = 1.0 + float(np.sum(1.0 / np.arange(1, updates)))
    return float(np.sqrt(harmonic / updates)), float(1.0 / np.sqrt(updates * harmonic))


def wsd_limit(updates: int, cooldown_at: int) -> float:
    """An upper limit of the bound for a constant stretch and a linear cool-down to 0, in closed form, at D = G = 1.

    Args:
        updates: T, the last with a rate above 0.
        cooldown_at: T0, the update the cool-down starts from, in [1, T - 2].

    Without a logarithm of T as long as T0 is a fixed share of it.
    """
    ends, begins = updates, cooldown_at
    both, tail = ends + begins, ends - begins
    inner = (
        2.0 / 3.0
        + (ends + 2 * begins) / (3.0 * both)
        + _harmonic(both - 2)
        - _harmonic(tail + 1)
        - tail * (begins - 1) / (3.0 * (tail + 2) * both)
        + 1.0 / tail**2
        + _harmonic(tail - 1) / (tail + 1)
    )
    return float(np.sqrt(4.0 / both * inner))


def _harmonic(count: int) -> float:
    return float(np.sum(1.0 / np.arange(1, count + 1)))


# --- Schedules as the arrays that the bound and the laws work on ----------------------------------------------------


MOST = 20_000_000  # updates: an array of them is 160 MB, and the bound of one takes 3 GB and 10 seconds


def resolved(schedule: Schedule | str, updates: int | None, lr: float = 1.0) -> tuple[Schedule, int]:
    """A schedule, or one in words, with its lengths known, and the updates of its run.

    Raises:
        ScheduleError: if there is neither a run length nor a horizon, or the run is too long for one array.
    """
    given = parse(schedule) if isinstance(schedule, str) else schedule
    if not isinstance(given, Schedule):
        raise ScheduleError(refusal("schedule", _("a Schedule, or one in words"), given, _("Compose one, or name it.")))
    known = (given.over(updates) if given.waits_for == "a plan" else given).for_base(lr)
    length = known.horizon if updates is None else count("updates", updates, 2)
    if length is None:
        raise ScheduleError(
            refusal("updates", _("given"), None, _("This schedule has no end: say how long the run is."))
        )
    length = math.ceil(length)
    if not 2 <= length <= MOST:
        advice = _("Ask about a shorter run of the same shape: for a fixed shape the bound falls as 1 / sqrt(updates).")
        raise ScheduleError(refusal("updates", _("in [2, {most}]", most=MOST), length, advice))
    return known, length


def factors(schedule: Schedule, updates: int) -> Floats:
    """The factor of every update, shape (updates,).

    Raises:
        ScheduleError: if no update, or only one, is above 0.
    """
    values: Any = schedule(np.arange(updates))
    if np.count_nonzero(values) < 2:
        advice = _("Updates at 0 change nothing.")
        raise ScheduleError(refusal("schedule", _("above 0 for two updates at least"), str(schedule), advice))
    return values  # type: ignore[no-any-return]


def warmup_of(values: Floats) -> int:
    """Updates before the first of those at the peak: the warm-up, as the values have it.

    >>> warmup_of(np.array([0.0, 0.5, 1.0, 1.0, 0.5])), warmup_of(np.array([1.0, 0.5]))
    (2, 0)
    """
    # Curves that pass 1 by rounding reach it a few last digits off.
    return int(np.argmax(values >= values.max() * (1.0 - 1e-12)))


def same_warmup(one: Floats, other: Floats) -> bool:
    """Whether two runs warm up alike: two step conventions of one warm-up do."""
    length = max(warmup_of(one), warmup_of(other))
    if not length:
        return True
    # On a straight rise one update is 1 / length of the peak; half as much again is left for rounding.
    apart = np.abs(one[:length] / one.max() - other[:length] / other.max()).max()
    return abs(warmup_of(one) - warmup_of(other)) <= 1 and bool(apart <= 1.5 / length)


def linear_after(values: Floats) -> Floats:
    """The same warm-up, then the line that reaches 0 right after the last update: what a shape is held to."""
    warmup, length = warmup_of(values), len(values)
    # After the same warm-up: what that costs would else count against every shape but those without one.
    line = np.arange(length - warmup, 0, -1) / (length - warmup)
    return np.concatenate([values[:warmup] / values.max(), line])


def norms_over(given: Sequence[float] | Floats | None, updates: int) -> Floats:
    """Gradient norms as one for each update; fewer are each held over an equal stretch."""
    if given is None:
        return np.ones(updates)
    norms = np.asarray(given, dtype=np.float64)
    if norms.ndim != 1 or not 0 < len(norms) <= updates:
        advice = _(
            "Give one for each of the {updates} updates, or fewer, each of an equal stretch of the run.",
            updates=updates,
        )
        raise ScheduleError(
            refusal("grad_norms", _("a list of numbers"), _("shape {shape}", shape=norms.shape), advice)
        )
    if not np.isfinite(norms).all() or (norms <= 0).any():
        bad = norms[~(np.isfinite(norms) & (norms > 0))][0].item()
        raise ScheduleError(refusal("grad_norms", _("finite and > 0"), bad, _("Leave out updates that were not made.")))
    # In whole numbers: shares in floating point would put a border one update off now and then.
    return norms[np.arange(updates) * len(norms) // updates]


# --- What all answers have in common --------------------------------------------------------------------------------


class Answer:
    """Printed, an answer is its explanation."""

    __slots__ = ()

    def explain(self) -> str:
        """The answer in words, with what it assumes and cannot say."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.explain()


def noted(notes: Iterable[str]) -> list[str]:
    """Notes as the lines of an explanation."""
    return [_("note: {note}", note=note) for note in notes]


# --- The bound of one schedule, and several in its order --------------------------------------------------------------


_HANGS = 0.02  # of the bound: what the last updates may add before it is said; cosine and linear differ by 0.03
_SHOWN = 12  # phases written out
ASSUMES = (
    _("assumes: a convex loss, plain SGD on one path, gradient norms as said; the bound is of the last iterate."),
    _("says: which shape is better when each runs at its own best peak, and how the best peaks compare."),
    _("cannot say: what the loss will be, or how long to warm up; nothing of momentum, weight decay or repeated data."),
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
class Bound(Answer):
    """The bound of one schedule.

    Attributes:
        schedule: its text.
        updates: length of the run.
        bound: at the best peak, in units of distance times gradient norm; only its ratio to others means something.
        best_peak: the peak at which the bound is lowest, in units of distance over gradient norm.
        ratio: ``bound`` over that of a straight line to 0 after the same warm-up; below 1 only for measured norms.
        peak_ratio: ``best_peak`` over the same line's.
        start, noise, last: the terms T1 (divided by the peak in the bound), T2 and T3 (times the peak).
        phases: what each phase has of them.
        curve: (updates, bound) pairs along the run at the best peak of the whole; empty unless asked for.
        measured: whether gradient norms were given.
        warmup: updates before the peak.
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
    warmup: int
    notes: tuple[str, ...]

    def explain(self) -> str:
        """The score in words: numbers, phases, doubts, and what it assumes."""
        norms = _("measured gradient norms") if self.measured else _("constant gradient norms")
        lines = [
            _(
                "{schedule} over {updates} updates, {norms}",
                schedule=self.schedule,
                updates=self.updates,
                norms=norms,
            ),
            _(
                "bound {bound:.6g} at the peak {peak:.6g}: {ratio:.4f} times a straight line's"
                " at {peak_ratio:.4f} times its peak",
                bound=self.bound,
                peak=self.best_peak,
                ratio=self.ratio,
                peak_ratio=self.peak_ratio,
            ),
            _(
                "terms at peak 1: start {start:.6g}, noise {noise:.6g}, last iterate {last:.6g}",
                start=self.start,
                noise=self.noise,
                last=self.last,
            ),
        ]
        lines += [
            _(
                "  updates {first} to {last}: {share:.1%} of the bound"
                " (start {start:.1%}, noise {noise:.1%}, last iterate {iterate:.1%})",
                first=one.first,
                last=one.last,
                share=one.share,
                start=one.start,
                noise=one.noise,
                iterate=one.iterate,
            )
            for one in self.phases[:_SHOWN]
        ]
        if len(self.phases) > _SHOWN:
            lines.append(plural("  and {n} phase more", "  and {n} phases more", len(self.phases) - _SHOWN))
        return joined("\n", [*lines, *noted(self.notes), *ASSUMES])

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        return {
            **asdict(self),
            "phases": [asdict(one) for one in self.phases],
            "notes": list(self.notes),
            "note_messages": [data(note) for note in self.notes],
        }


@dataclass(frozen=True, slots=True)
class Ranking(Answer):
    """Several schedules in the order of their bounds, the lowest first.

    Attributes:
        bounds: one of each schedule.
    """

    bounds: tuple[Bound, ...]

    def explain(self) -> str:
        """The table, doubts, and what it assumes."""
        rows = [[_("schedule"), _("bound"), _("of linear"), _("best peak"), _("of linear")]]
        for one in self.bounds:
            numbers = f"{one.bound:10.6f}", f"{one.ratio:.4f}", f"{one.best_peak:10.6f}", f"{one.peak_ratio:.4f}"
            rows.append([one.schedule, *numbers])
        return joined("\n", [columns(rows, right=(1, 2, 3, 4)), *self._notes(), *ASSUMES])

    def _notes(self) -> list[str]:
        """Each note once: by itself where it is of all schedules, else with theirs."""
        owners: dict[str, list[str]] = {}
        for one in self.bounds:
            for note in one.notes:
                owners.setdefault(note, []).append(one.schedule)
        of_all = len(self.bounds)
        return [
            _("note: {note}", note=note)
            if len(whose) == of_all
            else _("note on {schedules}: {note}", schedules=joined("; ", whose), note=note)
            for note, whose in owners.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        # "scores" is what the JSON of ``preheat score`` has always called them.
        return {"scores": [one.to_dict() for one in self.bounds], "assumptions": list(ASSUMES)}


def bound(
    schedule: Schedule | str,
    *,
    updates: int | None = None,
    grad_norms: Sequence[float] | Floats | None = None,
    distance: float = 1.0,
    curve: int = 0,
) -> Bound:
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
    warm-up can only cost, so :func:`rank` refuses to compare warm-ups by it.

    >>> from preheat import get_schedule
    >>> cosine = bound(get_schedule("cosine", warmup=0, total=400))
    >>> round(cosine.bound, 6), round(cosine.best_peak, 6), round(cosine.ratio, 3)
    (0.103386, 0.048242, 1.027)
    """
    known, length = resolved(schedule, updates)
    distance = positive("distance", distance, _("It is the distance from the start to the solution."))
    points = int(count("curve", curve))
    values = factors(known, length)
    norms = norms_over(grad_norms, length)
    kept = values > 0
    # Without updates at 0: where the last is one, the sum that the last iterate's term divides by would be 0.
    own = terms(values[kept], norms[kept], distance)
    line = linear_after(values)
    reference = terms(line[line > 0], norms[line > 0], distance)
    return Bound(
        str(schedule), length, own.best, own.best_peak, own.best / reference.best,
        own.best_peak / reference.best_peak, own.start, own.noise, own.last,
        _by_phase(known.borders, kept, own), _along(values, norms, distance, own.best_peak, points),
        grad_norms is not None, warmup_of(values), _notes(values, norms, distance, own, grad_norms is not None),
    )  # fmt: skip


def rank(
    schedules: Sequence[Schedule | str],
    *,
    updates: int | None = None,
    grad_norms: Sequence[float] | Floats | None = None,
) -> Ranking:
    """Several schedules by their bounds, the lowest first; each at its own best peak.

    Args:
        schedules: one or more, in words or not.
        updates: length of every run; None takes the horizons, which then have to be the same.
        grad_norms: as in :func:`bound`.

    Raises:
        ScheduleError: if the runs differ in length, or their warm-ups differ while gradient norms are constant: the
            bound then always prefers the shorter one, whatever the truth.

    >>> print(rank(["linear to 0", "hold 80% > linear to 0"], updates=1000).bounds[0].schedule)
    linear to 0
    """
    if isinstance(schedules, (str, Schedule)) or not schedules:
        raise ScheduleError(refusal("schedules", _("a list of one or more"), schedules, _("Put them into a list.")))
    runs = [resolved(one, updates) for one in schedules]
    if len({length for _unused, length in runs}) > 1:
        lengths = [length for _unused, length in runs]
        raise ScheduleError(refusal("updates", _("the same in every run"), lengths, _("Give one number for all.")))
    if grad_norms is None:
        _refuse_other_warmups([factors(one, length) for one, length in runs])
    bounds = [bound(one, updates=updates, grad_norms=grad_norms) for one in schedules]
    return Ranking(tuple(sorted(bounds, key=lambda one: one.bound)))


def _refuse_other_warmups(runs: list[Floats]) -> None:
    for values in runs[1:]:
        if not same_warmup(runs[0], values):
            lengths = sorted({warmup_of(one) for one in runs})
            advice = _(
                "At constant gradient norms the bound can only count what a warm-up costs: give "
                "grad_norms, or the same warm-up to all."
            )
            raise ScheduleError(refusal(_("warm-up"), _("the same in schedules to be ranked"), lengths, advice))


def _by_phase(borders: Sequence[float], kept: NDArray[np.bool_], own: Terms) -> tuple[PhaseShare, ...]:
    length = len(kept)
    begins = [0, *sorted({int(np.ceil(border)) for border in borders if 0 < np.ceil(border) < length})]
    parts = np.zeros((3, length))
    slow = own.noise + own.last
    parts[:, kept] = own.start_parts, own.noise_parts / own.noise, own.last_parts / (own.last or 1.0)
    sums = np.add.reduceat(parts, begins, axis=1)
    # At the best peak T1 / peak and peak (T2 + T3) are equal: each makes half of the bound.
    shares = 0.5 * sums[0] + 0.5 * (sums[1] * own.noise + sums[2] * own.last) / slow
    ends = [*(begin - 1 for begin in begins[1:]), length - 1]
    return tuple(
        PhaseShare(first, last, float(share), *(float(part) for part in each))
        for first, last, share, each in zip(begins, ends, shares, sums.T, strict=True)
    )


def _along(values: Floats, norms: Floats, distance: float, peak: float, points: int) -> tuple[tuple[int, float], ...]:
    if not points:
        return ()
    trained = np.flatnonzero(values > 0) + 1
    # Closer together early on, where the bound falls fastest.
    ends = sorted({int(end) for end in np.geomspace(trained[1], trained[-1], max(2, points)).round()})
    points_of_run = []
    for end in ends:
        kept = values[:end] > 0
        points_of_run.append((end, terms(values[:end][kept], norms[:end][kept], distance).at(peak)))
    return tuple(points_of_run)


def _notes(values: Floats, norms: Floats, distance: float, own: Terms, measured: bool) -> tuple[str, ...]:
    notes = []
    kept = values > 0
    if not kept.all():
        notes.append(
            _(
                "{zeros} of {updates} updates at 0 change nothing and are left out",
                zeros=np.count_nonzero(~kept),
                updates=len(values),
            )
        )
    if warmup_of(values) and not measured:
        notes.append(
            _("constant gradient norms: a warm-up can only cost here, and the line it is held to has the same")
        )
    # A handful of ends instead of all: each costs as much as the whole score.
    lowest, ends = min((_without(values[kept], norms[kept], distance, left), left) for left in (0, 1, 2, 8, 64))
    if own.best > lowest * (1.0 + _HANGS):
        notes.append(
            _(
                "the last {updates} updates, from {share:.3g} of the peak down, raise the bound from"
                " {lowest:.4g} to {bound:.4g}: it blows up where the rate falls to almost 0 in one step;"
                " judge the shape without them",
                updates=ends,
                share=values[kept][-ends],
                lowest=lowest,
                bound=own.best,
            )
        )
    return tuple(notes)


def _without(values: Floats, norms: Floats, distance: float, left: int) -> float:
    """The bound of a run that stops ``left`` updates early; infinite where that leaves almost none."""
    stay = len(values) - left
    return terms(values[:stay], norms[:stay], distance).best if stay > 2 else math.inf
