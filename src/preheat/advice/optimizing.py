"""The schedule a fitted law likes best, as the set of those it cannot tell apart, with what is left of its promise.

Family   a warm-up, the peak, then from a share of the run on (time left over time of the decay) ** power, to a floor.
Measured on published laws its best is within 0.0004 of 24 000 free rates (Luo et al. 2025, arXiv:2503.12811). Laws
         over-state gains: real ones were 0.3 to 0.6 of those promised, so a gain is shrunk, and withheld below the
         law's own error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.advice.forecasting import fit_runs, refuse_below_zero
from preheat.advice.last_iterate import Answer, factors, resolved
from preheat.advice.laws import BLOCKS
from preheat.advice.short_runs import ShortRun, refuse_unfit
from preheat.errors import ScheduleError, refusal
from preheat.messages import _, joined
from preheat.schedule import Schedule, parse
from preheat.schedule.lengths import count, positive, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STARTS = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.84, 0.88, 0.9, 0.95)  # of the run; dense near the end, where it matters
# Above 1 the fall is convex, as the schedules are that Luo et al. 2025 optimized freely; below 1 it comes late.
POWERS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
SHRUNK = (0.3, 0.6)  # of a promised gain, on public data
ASSUMES = (
    _("assumes: what the forecast assumes, and that the law holds for shapes further from the runs than any was."),
    _("measured: gains came out at 0.3 to 0.6 of what laws promised."),
    _(
        "cannot say: how long to warm up; which of the set is best: train one of them beside the reference, with the"
        " same seed and data."
    ),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One schedule of the family.

    Attributes:
        start: share of the run at which its decay begins.
        power: of the time left.
        floor: share of the peak it ends at.
        loss: predicted final loss.
    """

    start: float
    power: float
    floor: float
    loss: float


@dataclass(frozen=True, slots=True)
class Optimized(Answer):
    """The best schedules of a law, held against a reference.

    Attributes:
        schedule: the best of the family.
        updates, lr: the run's length and peak.
        loss: its predicted final loss.
        reference: what it is held against, as text.
        reference_loss: the reference's predicted final loss.
        gain: what is to be expected of the difference, (low, high), shrunk; None if the law cannot tell.
        error: the law's mean error on what it had not seen.
        law: its name.
        within: all candidates whose predicted loss is within ``error`` of the best, the best first.
    """

    schedule: Schedule
    updates: int
    lr: float
    loss: float
    reference: str
    reference_loss: float
    gain: tuple[float, float] | None
    error: float
    law: str
    within: tuple[Candidate, ...]

    def explain(self) -> str:
        """The best, the set, the gain or why there is none, and what to do."""
        promised = self.reference_loss - self.loss
        if self.gain is None:
            verdict = _(
                "no gain is claimed: {promised:.2g} is promised, and the law errs by {error:.2g} on average",
                promised=promised,
                error=self.error,
            )
        else:
            low, high = self.gain
            verdict = _(
                "gain to expect: {low:.2g} to {high:.2g} ({promised:.2g} promised, law error {error:.2g})",
                low=low,
                high=high,
                promised=promised,
                error=self.error,
            )
        starts, powers, floors = zip(*((one.start, one.power, one.floor) for one in self.within), strict=True)
        return joined(
            "\n",
            [
                _("best by the {law} law: {schedule}", law=self.law, schedule=str(self.schedule)),
                _(
                    "over {updates} updates at {lr:g}, against {reference}",
                    updates=self.updates,
                    lr=self.lr,
                    reference=self.reference,
                ),
                verdict,
                _(
                    "as good to the law: {schedules} schedules, decays from {early:.0%} to {late:.0%}"
                    " of the run on, powers {low_power:g} to {high_power:g}, floors {low_floor:g} to {high_floor:g}",
                    schedules=len(self.within),
                    early=min(starts),
                    late=max(starts),
                    low_power=min(powers),
                    high_power=max(powers),
                    low_floor=min(floors),
                    high_floor=max(floors),
                ),
                _("to do: one run of the best beside one of the reference"),
                *ASSUMES,
            ],
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON."""
        plain = ("updates", "lr", "loss", "reference", "reference_loss", "error", "law")
        return {
            "schedule": self.schedule.to_dict(),
            "text": str(self.schedule),
            **{name: getattr(self, name) for name in plain},
            "gain": None if self.gain is None else list(self.gain),
            "within": [
                {"start": one.start, "power": one.power, "floor": one.floor, "loss": one.loss} for one in self.within
            ],
            "assumptions": list(ASSUMES),
        }


def optimize(
    runs: Sequence[ShortRun],
    reference: Schedule | str,
    *,
    lr: float,
    updates: int,
    warmup: int | None = None,
    floors: Sequence[float] = (0.0, 0.02, 0.1),
    law: str | None = None,
) -> Optimized:
    """The schedules a law fitted to runs likes best, under constraints.

    Args:
        runs: as for :func:`preheat.advice.forecasting.forecast`, with the same gates.
        reference: what would be run otherwise.
        lr: peak of all runs.
        updates: length of the run to be planned.
        warmup: updates of its linear warm-up, in [0, updates); None takes the reference's, since no law here can tell
            what leaving it out would do.
        floors: shares of the peak it may end at, each in [0, 1].
        law: as for the forecast.

    Raises:
        DataError: where the runs do not carry the answer.
        ScheduleError: for constraints that leave nothing.
    """
    lr = positive("lr", lr, _("It is the peak learning rate."))
    updates = int(count("updates", updates, 2))
    floors = [ratio("floors", floor) for floor in floors]
    if not floors:
        raise ScheduleError(refusal("floors", _("one or more"), floors, _("0 lets a run end at 0.")))
    known, total = resolved(reference, updates, lr)
    # A share of the run need not be a whole number of updates; the words of the planned run take one.
    warmup = math.ceil(known.warmup_updates) if warmup is None else int(count("warmup", warmup))
    if warmup >= updates:
        raise ScheduleError(
            refusal("warmup", _("below updates={updates}", updates=updates), warmup, _("Leave updates for the peak."))
        )
    used = [one.settled() for one in runs]
    refuse_unfit(used, total, lr)
    name, fitted, errors, _unused = fit_runs(used, law)

    def final(schedule: Schedule) -> float:
        rates = lr * factors(schedule, total + 1)  # one more: the loss after the last update
        return float(fitted.law(rates, np.array([total]), blocks=BLOCKS)[0])

    # All of them, 210 with the usual floors: the optimum is flat, and a search would give one point of the set.
    tried = [
        (Candidate(start, power, floor, final(one)), one)
        for start, power, floor in product(STARTS, POWERS, floors)
        if (one := _member(updates, warmup, start, power, floor)) is not None
    ]
    tried.sort(key=lambda pair: pair[0].loss)
    best, schedule = tried[0]
    refuse_below_zero(best.loss, name)
    # By the law too, even if the reference has been run: what it errs on both alike cancels.
    there = final(known)
    promised = there - best.loss
    # Below its own error a law cannot tell the two apart, and a choice of the best of many flatters the best.
    gain = None if promised <= errors[name] else (SHRUNK[0] * promised, SHRUNK[1] * promised)
    within = tuple(one for one, _unused in tried if one.loss <= best.loss + errors[name])
    return Optimized(schedule, updates, lr, best.loss, str(reference), there, gain, errors[name], name, within)


def _member(updates: int, warmup: int, start: float, power: float, floor: float) -> Schedule | None:
    """One schedule of the family; None where its decay would begin within the warm-up."""
    begin = max(warmup, round(start * updates))
    # Starts within the warm-up are all one: that of 0 stands for them.
    if start and begin <= warmup:
        return None
    words = [f"warmup {warmup}"] if warmup else []
    words += [f"hold {begin - warmup} at 1"] if begin > warmup else []
    return parse(" > ".join([*words, f"polynomial(power={power:g}) {updates - begin} from 1 to {floor:g}"]))
