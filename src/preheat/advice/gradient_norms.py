"""A schedule refined from the gradient norms that one run logged: warm-up and decay both come out of the norms.

Formula   w_t = G_t^-2 (SGD, l2 norms) or 1 / G_t (Adam, l1 norms); shape_t proportional to w_t (w_t + ... + w_T).
Filter    a running median over a tenth of the run first, the ends repeated; weights over 10 times their median are cut.
Rate      D / sqrt(sum_t G_t^-2), half of what the last-iterate bound gives the refined shape.
Source    Defazio, Cutkosky, Mehta & Mishchenko 2023, arXiv:2310.07831, algorithm 1.
Differs   the sum over later updates includes the present one, so that flat norms give the line that ends after the last
          update, and no update runs at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.advice.last_iterate import Answer, bound, noted
from preheat.advice.runs import RunLog
from preheat.errors import ScheduleError, refusal
from preheat.messages import _, data, joined
from preheat.schedule import Schedule, get_schedule
from preheat.schedule.lengths import choice, count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_WIDTH = 0.1  # of the run, under the median; the paper's choice
# Of the median: a few huge weights would raise a mean, and with it the limit they are held to.
_CAP = 10.0  # times the median weight
_LEAST = 20  # norms, below which a tenth of the run is no more than one
_KNOTS = 100  # the median over a tenth of the run leaves nothing finer
_STRETCHES = 1000  # means of the norms: a hundred to the width of the median
ASSUMES = (
    _("assumes: norms before clipping, logged evenly; the next run's norms will be like this one's."),
    _(
        "measured: on a 124M run the warm-up this gives peaks at 5 % of training;"
        " the authors saw it fail on some tasks."
    ),
    _("cannot say: what the refined run will gain. Tune its peak by itself, and confirm it with a run."),
)


@dataclass(frozen=True, slots=True)
class RefinedSchedule(Answer):
    """A schedule made of logged gradient norms.

    Attributes:
        schedule: its values between knots on straight lines.
        updates: length of the run.
        warmup: updates before its peak.
        ratio: its bound at the filtered norms over that of plain linear decay; below 1 is better.
        over_rate: its bound over the closed rate ``D / sqrt(sum G^-2)``: 2 where the weights are those of SGD.
        capped: share of the updates whose weight was cut.
        optimizer: whose weights, ``"sgd"`` or ``"adam"``.
        notes: what makes it doubtful.
    """

    schedule: Schedule
    updates: int
    warmup: int
    ratio: float
    over_rate: float
    capped: float
    optimizer: str
    notes: tuple[str, ...]

    def explain(self) -> str:
        """What came out, doubts, and what it assumes."""
        first = self.schedule(0)
        lines = [
            _(
                "refined over {updates} updates with the weights of {optimizer}: begins at {first:.3g} of the"
                " peak, reaches it at update {warmup} ({share:.1%}), falls to 0 at the end",
                updates=self.updates,
                optimizer=self.optimizer,
                first=first,
                warmup=self.warmup,
                share=self.warmup / self.updates,
            ),
            _(
                "bound at the measured norms: {ratio:.4f} times that of linear decay without a warm-up,"
                " {over_rate:.4f} times the closed rate",
                ratio=self.ratio,
                over_rate=self.over_rate,
            ),
        ]
        return joined("\n", [*lines, *noted(self.notes), *ASSUMES])

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON; the schedule as :meth:`preheat.Schedule.to_dict`."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "schedule"}
        return {
            **plain, "schedule": self.schedule.to_dict(), "notes": list(self.notes),
            "note_messages": [data(note) for note in self.notes], "assumptions": list(ASSUMES),
        }  # fmt: skip


def from_gradient_norms(
    norms: RunLog | Sequence[float] | Floats, updates: int, *, optimizer: str = "sgd"
) -> RefinedSchedule:
    """The schedule that logged gradient norms ask for.

    Args:
        norms: a run with gradient norms, or norms, each of an equal stretch of the run; 20 at least, > 0.
        updates: length of the refined run, >= 2.
        optimizer: ``"sgd"`` weighs with l2 norms squared, ``"adam"`` with l1 norms.

    Raises:
        DataError: for a run that logged none.
        ScheduleError: for too few norms, or norms that are not > 0.

    >>> refined = from_gradient_norms([3.0] * 100, 1000)
    >>> refined.warmup, round(refined.schedule(250), 6), round(refined.ratio, 6)
    (0, 0.75, 1.0)
    """
    choice("optimizer", optimizer, ("sgd", "adam"))
    updates = int(count("updates", updates, 2))
    known = _even(norms)
    smooth = _median(known)
    # A norm stands for a stretch of the run, and sits in its middle.
    at = (np.arange(len(smooth)) + 0.5) * updates / len(smooth)
    filtered = np.interp(np.arange(updates), at, smooth)
    weights = filtered**-2.0 if optimizer == "sgd" else 1.0 / filtered
    # A stretch of tiny norms, as after convergence, would take nearly the whole schedule.
    limit = _CAP * float(np.median(weights))
    capped = float((weights > limit).mean())
    weights = np.minimum(weights, limit)
    shape = weights * np.cumsum(weights[::-1])[::-1]
    shape /= shape.max()
    schedule = _through(shape)
    # Both at the filtered norms, which the shape was made for: of raw ones a spike would decide the ratio.
    own = bound(schedule, updates=updates, grad_norms=filtered)
    linear = bound("transformers: linear to 0", updates=updates, grad_norms=filtered)
    # With D = 1, as the bounds above have it.
    rate = 1.0 / float(np.sqrt((filtered**-2.0).sum()))
    notes = [*norms.notes] if isinstance(norms, RunLog) else []
    if capped:
        notes.append(
            _("weights of {share:.1%} of the updates were above 10 times the median, and are cut there", share=capped)
        )
    if optimizer == "adam":
        notes.append(_("Adam's weights want l1 norms; most logs have l2 norms"))
    return RefinedSchedule(
        schedule, updates, int(np.argmax(shape)), own.bound / linear.bound, own.bound / rate, capped, optimizer,
        tuple(notes),
    )  # fmt: skip


def _even(norms: RunLog | Sequence[float] | Floats) -> Floats:
    """Norms, each of an equal stretch."""
    if isinstance(norms, RunLog):
        norms.refuse_few_norms(_LEAST)
        return _means(norms.norms_over(int(norms.norm_updates[-1]) + 1))
    given = np.asarray(norms, dtype=np.float64)
    if given.ndim != 1 or len(given) < _LEAST or not (np.isfinite(given) & (given > 0)).all():
        advice = _("Give the norms in order, before clipping.")
        raise ScheduleError(
            refusal(
                "norms",
                _("{least} or more finite numbers > 0", least=_LEAST),
                _("shape {shape}", shape=given.shape),
                advice,
            )
        )
    return _means(given)


def _means(norms: Floats) -> Floats:
    """Means of equal stretches where there are many: the median over a tenth would cost the square of their number."""
    if len(norms) <= _STRETCHES:
        return norms
    begins = np.arange(_STRETCHES) * len(norms) // _STRETCHES
    return np.asarray(np.add.reduceat(norms, begins) / np.diff(np.append(begins, len(norms))))


def _median(norms: Floats) -> Floats:
    """The running median over a tenth of the norms, the first and the last repeated beyond the ends."""
    half = max(1, int(_WIDTH * len(norms) / 2))
    # An odd width: the median is then one of the norms, and stays in the middle.
    padded = np.pad(norms, half, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1))


def _through(shape: Floats) -> Schedule:
    """A schedule through the values at evenly spaced knots and at the peak, and 0 after the last update."""
    updates, peak = len(shape), int(np.argmax(shape))
    even = np.linspace(0, updates, min(_KNOTS, updates) + 1).round().astype(int)[:-1]
    # The peak has a knot of its own: between two even ones it would be cut off.
    knots = sorted({0, peak, *even.tolist()})
    values = [float(shape[knot]) for knot in knots]
    return get_schedule("piecewise", total=updates, milestones=[*knots, updates], values=[*values, 0.0])
