"""Final loss over shape and peak together, from four runs: three numbers on top of the convex bound.

Formula   loss = C + a T1 / peak + b peak (T2 + T3), with the terms of the shape's bound; linear in C, a, b >= 0.
Next run  the one that most raises the determinant of the runs' information (D-optimal).
Measured  four 124M runs of 50k updates (cool-down 20 % at 1e-4, 1e-3, 3e-3; 80 % at 1e-3) predict 57 others, of ten
          shapes, to 0.009 on average; the same run twice differs by 0.0015.
Source    the bound: Schaipp et al. 2025, arXiv:2501.18965.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.advice.last_iterate import Answer, Terms, factors, resolved, terms
from preheat.advice.laws import not_negative
from preheat.errors import DataError, ScheduleError, refusal
from preheat.messages import _, joined
from preheat.schedule import Schedule
from preheat.schedule.lengths import count, number, positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Three numbers are fitted: a fourth run is the first that leaves an error to be seen.
_LEAST = 4
ASSUMES = (
    _("assumes: runs of one length that differ in shape and peak only; final losses on the same data."),
    _("measured: 0.009 on average on 57 unseen 124M runs; too hopeful of short cool-downs and of floors, by 0.02."),
    _(
        "cannot say: another horizon (a common shift of 0.1 and more), peaks beyond those tried,"
        " or how long to warm up."
    ),
)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """One run's outcome.

    Attributes:
        schedule: what it followed, or words.
        peak: its peak learning rate, > 0.
        loss: its final loss.
    """

    schedule: Schedule | str
    peak: float
    loss: float


@dataclass(frozen=True, slots=True)
class Surface(Answer):
    """Loss over shape and peak.

    Attributes:
        updates: the length of all runs.
        floor: C, what is left of the loss with the best of schedules and no end.
        far: a, of the way from the start.
        noise: b, of the gradients' noise.
        error: mean error on the runs themselves.
        left_out: mean error on a run left out; None with four runs, where three would fix all numbers.
        runs: what it was fitted to.
    """

    updates: int
    floor: float
    far: float
    noise: float
    error: float
    left_out: float | None
    runs: tuple[FinishedRun, ...]

    def loss(self, schedule: Schedule | str, peak: float) -> float:
        """The predicted final loss of a schedule at a peak."""
        peak = positive("peak", peak, _("It is the peak learning rate."))
        return float(_row(_terms(schedule, self.updates), peak) @ (self.floor, self.far, self.noise))

    def best(self, schedule: Schedule | str) -> tuple[float, float]:
        """The best peak of a schedule, and the loss there."""
        peak = float(np.sqrt(self.far / self.noise)) * _terms(schedule, self.updates).best_peak
        return peak, self.loss(schedule, peak)

    def next_run(self, schedules: Sequence[Schedule | str], peaks: Sequence[float]) -> tuple[Schedule | str, float]:
        """The schedule and peak, of those given, whose run would tell most about the three numbers.

        Runs made already come into question only where nothing else is given.
        """
        if not schedules or not len(peaks):
            raise ScheduleError(
                refusal(_("schedules and peaks"), _("one or more"), (len(schedules), len(peaks)), _("Name some."))
            )
        known = np.stack([_row(_terms(one.schedule, self.updates), one.peak) for one in self.runs])
        # The columns differ by orders of magnitude, with the unit of the peak: unscaled they spoil the inverse.
        scale = np.abs(known).max(axis=0)
        inverse = np.linalg.pinv((known / scale).T @ (known / scale))

        def told(pair: tuple[Schedule | str, float]) -> float:
            # A run multiplies the determinant by 1 + row inverse row: the largest product is the D-optimal run.
            row = _row(_terms(pair[0], self.updates), pair[1]) / scale
            return float(row @ inverse @ row)

        pairs = [(one, float(peak)) for one in schedules for peak in peaks]
        made = [(self._text(one.schedule), one.peak) for one in self.runs]
        new = [
            pair
            for pair in pairs
            if not any(self._text(pair[0]) == text and math.isclose(pair[1], peak) for text, peak in made)
        ]
        return max(new or pairs, key=told)

    def _text(self, schedule: Schedule | str) -> str:
        """A schedule's text with its lengths known: the same for what is the same run."""
        return str(resolved(schedule, self.updates)[0])

    def explain(self) -> str:
        """The three numbers, each run's shape at its best peak, errors, and what it assumes."""
        fitted = {"runs": len(self.runs), "updates": self.updates, "error": self.error}
        lines = [
            _(
                "loss = {floor:.4f} + {far:.4g} T1 / peak + {noise:.4g} peak (T2 + T3)",
                floor=self.floor,
                far=self.far,
                noise=self.noise,
            ),
            _("fitted to {runs} runs of {updates} updates with a mean error of {error:.4f}", **fitted)
            if self.left_out is None
            else _(
                "fitted to {runs} runs of {updates} updates with a mean error of {error:.4f},"
                " {left_out:.4f} on a run left out",
                **fitted,
                left_out=self.left_out,
            ),
        ]
        for schedule in dict.fromkeys(one.schedule for one in self.runs):
            peak, loss = self.best(schedule)
            lines.append(
                _("  {schedule}: best at {peak:.3g}, {loss:.4f}", schedule=str(schedule), peak=peak, loss=loss)
            )
        return joined("\n", [*lines, *ASSUMES])

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        runs = [{"schedule": str(one.schedule), "peak": one.peak, "loss": one.loss} for one in self.runs]
        return {**asdict(self), "runs": runs, "assumptions": list(ASSUMES)}


def fit_surface(runs: Sequence[FinishedRun], *, updates: int) -> Surface:
    """Fit the three numbers to finished runs.

    Args:
        runs: four or more of one length; peaks on both sides of the best.
        updates: that length.

    Raises:
        DataError: for fewer runs, runs that do not tell the three numbers apart, peaks on one side of the best only, or
            losses that the formula does not fit.

    >>> shapes = ("hold 80% > linear to 0", "linear to 0")
    >>> made = [FinishedRun(shapes[0], peak, 3 + 1e-4 / peak + 30 * peak) for peak in (1e-4, 1e-3, 1e-2)]
    >>> fitted = fit_surface([*made, FinishedRun(shapes[0], 2e-3, 3.11)], updates=1000)
    >>> round(fitted.best(shapes[1])[0] / fitted.best(shapes[0])[0], 2)
    1.95
    """
    updates = int(count("updates", updates, 2))
    if len(runs) < _LEAST:
        advice = _("One shape at three peaks, on both sides of the best, and another shape at the middle one.")
        raise DataError(refusal("runs", _("{fewest} or more", fewest=_LEAST), len(runs), advice))
    shapes = [_terms(one.schedule, updates) for one in runs]
    peaks = [positive("peak", one.peak, _("It is the run's peak learning rate.")) for one in runs]
    losses = np.array([float(number("loss", one.loss)) for one in runs])
    rows = np.stack([_row(shape, peak) for shape, peak in zip(shapes, peaks, strict=True)])
    # Scaled as well, so that the rank does not depend on the unit of the peak.
    if np.linalg.matrix_rank(rows / np.abs(rows).max(axis=0), tol=1e-6) < 3:
        advice = _("Three different peaks are needed.")
        raise DataError(refusal("runs", _("different enough to tell three numbers apart"), len({*peaks}), advice))
    numbers = not_negative(rows, losses)
    # On public 124M runs three peaks on one side of the best gave errors of 0.087, ten times the usual.
    if numbers[1] <= 0 or numbers[2] <= 0 or not _on_both_sides(shapes, peaks, numbers):
        advice = _("Where the loss only falls, or only rises, with the peak there is no best: go to the other side.")
        raise DataError(refusal("peaks", _("on both sides of the best"), sorted({*peaks}), advice))
    left_out = _left_out(rows, losses) if len(runs) > _LEAST else None
    error = float(np.abs(rows @ numbers - losses).mean())
    usual = float(np.median(np.abs(losses - np.median(losses))))  # one diverged run must not hide behind its own size
    if error > usual:
        advice = _(
            "The losses differ by {usual:.4g} as a rule: the formula does not hold. Leave out runs that diverged.",
            usual=usual,
        )
        raise DataError(
            refusal(_("error of the fit"), _("below what the losses differ by"), float(f"{error:.4g}"), advice)
        )
    floor, far, noise = (float(one) for one in numbers)
    return Surface(updates, floor, far, noise, error, left_out, tuple(runs))


def _left_out(rows: Floats, losses: Floats) -> float:
    """Mean error on each run by the numbers fitted to all others."""
    each = np.arange(len(losses))
    errors = [rows[out] @ not_negative(rows[each != out], losses[each != out]) - losses[out] for out in each]
    return float(np.abs(errors).mean())


def _on_both_sides(shapes: Sequence[Terms], peaks: Sequence[float], numbers: Floats) -> bool:
    scale = float(np.sqrt(numbers[1] / numbers[2]))
    ratios = [peak / (scale * shape.best_peak) for shape, peak in zip(shapes, peaks, strict=True)]
    return min(ratios) < 1.0 < max(ratios)


def _terms(schedule: Schedule | str, updates: int) -> Terms:
    known, length = resolved(schedule, updates)
    # As in the bound: updates at 0 change nothing, and a last one would make it infinite.
    values = factors(known, length)
    return terms(values[values > 0])


def _row(shape: Terms, peak: float) -> Floats:
    return np.array([1.0, shape.start / peak, peak * (shape.noise + shape.last)])
