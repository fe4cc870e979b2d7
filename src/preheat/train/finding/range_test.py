"""The range test: the learning rate climbs from update to update, and the loss shows what each rate does.

Rates    lr_k = start * (end / start)**(k / (updates - 1)), or evenly spaced; both ends are tried. Reported and
         suggested rates are the first group's (of the first with a rate above 0); all groups keep their ratios.
Loss     of update k's own batches, in training mode, before that update.
Stop     at the end of the range; once the loss is not finite; or once its running average, an exponential one with bias
         correction, is above ``stop_at`` times its best (for losses below 0: as far above it).
Source   Smith 2015, arXiv:1506.01186, section 3.3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn
from torch.optim import Optimizer

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Schedule, parse
from preheat.schedule.checks import choice, count, number, positive
from preheat.train.finding.critical import critical_lr
from preheat.train.finding.curve import Curve, curve_of
from preheat.train.finding.kept import untouched
from preheat.train.finding.measuring import Feed, Loss, fresh_gradients, model_loss
from preheat.train.finding.result import RangeTest
from preheat.train.finding.suggestions import suggest
from preheat.train.finding.twin import Twin, relative_rates, stepped, weights_of
from preheat.train.finding.validity import holds_for

_FEW = 50  # finite points below which the test says so
_PROBED = 4  # batches of the critical learning rate


def find_lr(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Any,
    loss: Loss | None = None,
    *,
    start: float = 1e-6,
    end: float = 1.0,
    updates: int = 200,
    spacing: str = "log",
    accumulation: int = 1,
    smoothing: float = 0.8,
    stop_at: float = 4.0,
    clip: float | None = None,
    schedule: Schedule | str | None = None,
) -> RangeTest:
    """A range test of the peak learning rate. It measures and suggests; it never sets a rate.

    Everything is as before when it is over, after an error or Ctrl-C too, bit for bit: weights, buffers, gradients,
    modes, random numbers, the loader's generators. The optimizer is never stepped (a twin of it is), so its state, its
    groups, its hooks and a scheduler on it see nothing.

    Args:
        model: any module; the test runs it in training mode.
        optimizer: any torch optimizer that steps without a closure, or a wrapper of one. The test begins from its
            state, and its groups keep the ratios of their base values (``initial_lr`` where a scheduler left one).
        batches: a loader, a list, or anything else that can be iterated anew; begun again when it is through. A
            generator is refused, since it would be used up.
        loss: ``(model, batch)`` to a tensor of one number; None takes ``model(**batch).loss``.
        start: first learning rate, > 0.
        end: last learning rate, > ``start``.
        updates: how many rates are tried, >= 10; more are less noisy.
        spacing: ``"log"``, equal factors, or ``"linear"``, equal differences.
        accumulation: batches an update; their mean loss is the update's.
        smoothing: in [0, 1), see :attr:`RangeTest.smoothed`. 0 leaves the losses as they are; 0.8 to both sides is as
            smooth as 0.9 to one.
        stop_at: how many times its best the running average may be, > 1.
        clip: largest norm of all gradients together, where training clips.
        schedule: the schedule the rate is wanted for, or its words: the result says what the test means for it.

    Returns:
        The curve with several suggestions, each a rate or the reason why there is none.

    Raises:
        ScheduleError: for settings, an optimizer or a loss that cannot be.
        DataError: for batches that cannot be taken.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> inputs = torch.randn(64, 4)
    >>> batch = {"x": inputs, "y": inputs.sum(dim=1, keepdim=True)}
    >>> model = nn.Linear(4, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    >>> def loss(model, batch):
    ...     return (model(batch["x"]) - batch["y"]).square().mean()
    >>> test = find_lr(model, optimizer, [batch], loss, start=1e-5, end=10)
    >>> print(test.suggestion("steepest"))
    steepest: 0.018, the loss falls fastest there, by 4.34 a decade
    >>> optimizer.param_groups[0]["lr"]
    0.01
    """
    inner = stepped(optimizer)
    ladder, share, factor = checked_range(start, end, updates, spacing, smoothing, stop_at)
    many = int(count("accumulation", accumulation, 1, advice="It is a number of batches."))
    clip = None if clip is None else positive("clip", clip, "It is the largest norm of the gradients.")
    planned = parse(schedule) if isinstance(schedule, str) else schedule
    feed = Feed(batches)
    ratios = relative_rates(inner, base=True)

    climb = _Climb(model, inner, loss or model_loss, many, clip, share, factor)
    with untouched(model, weights_of(inner), batches):
        climb.run(ladder, feed, ratios)

    curve = curve_of(climb.lrs, climb.losses, share, complete=climb.complete)
    at = float(curve.lrs[curve.least]) if len(curve.lrs) else ladder[0]
    critical = critical_lr(model, inner, climb.first, loss, at=at, clip=clip)
    smoothed = [*curve.smoothed.tolist(), *[math.nan] * (len(climb.losses) - len(curve.lrs))]
    return RangeTest(
        lrs=tuple(climb.lrs), losses=tuple(climb.losses), smoothed=tuple(smoothed),
        start=ladder[0], end=ladder[-1], updates=len(ladder), spacing=spacing, smoothing=share, stop_at=factor,
        accumulation=many, stopped=climb.stopped, ratios=ratios,
        suggestions=suggest(curve, critical), critical=critical,
        notes=tuple(_notes(curve, feed.passes, inner)), holds_for=holds_for(len(climb.lrs), planned),
    )  # fmt: skip


@dataclass(slots=True)
class _Climb:
    """The updates of a test, and what they recorded."""

    model: nn.Module
    optimizer: Optimizer
    loss: Loss
    accumulation: int
    clip: float | None
    smoothing: float
    stop_at: float
    lrs: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    first: list[Any] = field(default_factory=list)
    stopped: str = ""
    complete: bool = False

    def run(self, ladder: Sequence[float], feed: Feed, ratios: tuple[float, ...]) -> None:
        """Update by update up the ladder, until the loss says stop."""
        twin = Twin(self.optimizer, self.model, ratios)
        batches = iter(feed)
        probed = max(_PROBED, self.accumulation)
        average = weight = 0.0
        best = math.inf
        self.model.train()
        for update, lr in enumerate(ladder):
            taken = list(itertools.islice(batches, self.accumulation))
            self.first += taken[: probed - len(self.first)]
            loss = fresh_gradients(self.model, self.optimizer, taken, self.loss, self.clip)
            self.lrs.append(lr)
            self.losses.append(loss)
            if not math.isfinite(loss):
                self.stopped = f"after {update} updates, the loss is {loss} at {lr:.3g}"
                return
            average = self.smoothing * average + (1 - self.smoothing) * loss
            weight = self.smoothing * weight + (1 - self.smoothing)
            best = min(best, average / weight)
            if average / weight > best + (self.stop_at - 1) * abs(best):
                times = f"{self.stop_at:g} times its best"
                self.stopped = f"after {update} updates, the average loss is above {times} at {lr:.3g}"
                return
            twin.update(lr)
        self.stopped, self.complete = "at the end of the range", True


def checked_range(
    start: float = 1e-6,
    end: float = 1.0,
    updates: int = 200,
    spacing: str = "log",
    smoothing: float = 0.8,
    stop_at: float = 4.0,
) -> tuple[list[float], float, float]:
    """The learning rates of a range test, its smoothing and its stop, or the refusal of :func:`find_lr`."""
    low = positive("start", start, "It is the first learning rate.")
    high = positive("end", end, "It is the last learning rate.")
    if high <= low:
        raise ScheduleError(refusal("end", f"above start={low:g}", end, "The rate climbs from start to end."))
    many = int(count("updates", updates, 10, advice="200 are usual."))
    logarithmic = choice("spacing", spacing, ("log", "linear")) == "log"
    share = float(number("smoothing", smoothing))
    if not 0 <= share < 1:
        raise ScheduleError(refusal("smoothing", "in [0, 1)", smoothing, "0 leaves the losses as they are."))
    factor = float(number("stop_at", stop_at))
    if factor <= 1:
        raise ScheduleError(refusal("stop_at", "> 1", stop_at, "It is how many times its best the loss may be."))
    rates = np.geomspace(low, high, many) if logarithmic else np.linspace(low, high, many)
    return [float(rate) for rate in rates], share, factor


def _notes(curve: Curve, passes: int, optimizer: Optimizer) -> list[str]:
    """What makes a test doubtful."""
    notes = []
    if len(curve.lrs) < _FEW:
        notes.append(f"{len(curve.lrs)} points are few: plan more updates, in a range where the loss falls")
    if len(curve.lrs) and not curve.falls:
        if curve.rises:
            why = "the model is trained already, start is above what it can take, or more updates are needed"
            notes.append(f"the loss never falls and then rises: {why}")
        else:
            notes.append("the loss stays level: no rate in the range moves it by more than the batches differ")
    elif len(curve.lrs) and curve.fall < 10 * curve.noise:
        notes.append(f"the loss falls by {curve.fall:.3g}, and the noise of its average is {curve.noise:.3g}")
    if passes > 1:
        notes.append(f"the batches were gone through {passes} times: the loss of data seen before is lower")
    momentum = max(float(group.get("momentum") or 0.0) for group in optimizer.param_groups)
    if momentum and not optimizer.state:
        longer = f"a momentum of {momentum:g} makes later updates up to {1 / (1 - momentum):.3g} times as long"
        notes.append(f"the critical learning rate is of the first update: {longer}")
    return notes
