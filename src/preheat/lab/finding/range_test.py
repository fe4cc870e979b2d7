"""The range test: the learning rate rises from update to update, and the loss shows what each rate does.

Rates    lr_k = start * (end / start)**(k / (updates - 1)), or evenly spaced; both ends are tried. Reported and
         suggested rates are the first group's (of the first with a rate above 0); all groups keep their ratios.
Loss     of update k's own batches, in training mode, before that update.
Stop     at the end of the range; once the loss is not finite; or once its running average, an exponential one with bias
         correction, is above ``stop_at`` times its best (for losses below 0: as far above it).
Cut      after the lowest running average, the first loss above all losses before it ends the curve, and counts as
         they do: what comes later are the heights of a divergence, which would leak into the average of the fall.
Smooth   s_k = sum_j b**|j - k| loss_j / sum_j b**|j - k|: exponential weights to both sides, divided by their sum.
         A one-sided average lags by b / (1 - b) updates, nine at b = 0.9: over seven decades in 100 updates that is a
         factor of 4 in the learning rate, and another factor for every number of updates.
Rules    read the smoothed loss against the logarithm of the learning rate, so that neither the spacing nor the number
         of points moves a suggestion (Lightning's took slopes by index: issue 14248 there).
Holds    for a constant rate without warm-up, for as long as the test was; the result says what a schedule has of both.
         A warm-up tolerates a higher peak: Kalra & Barkeshli 2024, arXiv:2406.09405. The best rate of one shape falls
         as T**-0.5; linear and cosine decay to 0 take 1.95 and 1.89 times the best rate of a constant one with a
         cooldown of 20 %: the bound of Schaipp et al. 2025, arXiv:2501.18965; on its authors' runs of a 124M Llama,
         1.95 and 1.87.
Source   Smith 2015, arXiv:1506.01186, section 3.3, for the test; fastai (fastai/fastai pull request 3377) for the names
         of the rules.
"""

from __future__ import annotations

import bisect
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

from preheat.errors import ScheduleError, refusal
from preheat.lab.finding.critical import critical_lr
from preheat.lab.finding.search import (
    CriticalLR,
    Feed,
    Loss,
    TrialOptimizer,
    finite_or_none,
    fresh_gradients,
    model_loss,
    relative_rates,
    stepped,
    untouched,
    weights_of,
)
from preheat.messages import _, data, joined
from preheat.schedule import Schedule, parse
from preheat.schedule.lengths import choice, count, number, positive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from preheat.view import Figure as Picture


# --- What a test holds for -------------------------------------------------------------------------------------------


def holds_for(updates: int, schedule: Schedule | None) -> tuple[str, ...]:
    """What the suggestions of a test of so many updates mean for a schedule, a sentence each."""
    if schedule is None:
        words = _(
            "the suggestions hold for a constant learning rate without warm-up and decay, over {updates} updates; name"
            " a schedule to read what that means for it",
            updates=updates,
        )
        return (words,)
    words = _(
        "the suggestions hold for a constant learning rate without warm-up and decay, over {updates} updates; this"
        " schedule is {schedule}",
        updates=updates, schedule=str(schedule),
    )  # fmt: skip
    return (words, *_differences(updates, schedule))


def _differences(updates: int, schedule: Schedule) -> Iterator[str]:
    if schedule.waits_for:
        yield _("its lengths are not known: it waits for {what}", what=schedule.waits_for)
        return
    if schedule.warmup_updates:
        yield _(
            "it warms up for {updates:g} updates: a warm-up tolerates a higher peak than the test, which had none"
            " (arXiv:2406.09405)",
            updates=schedule.warmup_updates,
        )
    horizon = schedule.horizon
    if not horizon:
        return
    if horizon > updates:
        yield _(
            "it is {updates:g} updates long: in theory the best rate of a shape falls with the square root of its"
            " length (arXiv:2501.18965), here by a factor of {factor:.3g}",
            updates=horizon, factor=math.sqrt(horizon / updates),
        )  # fmt: skip
    if schedule(math.ceil(horizon) - 1) < 0.5:
        yield _(
            "it decays: linear and cosine decay to 0 take about 1.9 times the best rate of a constant one with a"
            " cool-down of 20 % (arXiv:2501.18965)"
        )


# --- The curve, made ready for reading -------------------------------------------------------------------------------


Floats = NDArray[np.float64]
# Ten points are what `valley` needs for its shortest fall of five; fewer make a curve that any rule can read anything
# into.
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses against learning rates, as the rules of suggestion read them.

    Attributes:
        lrs: rising learning rates up to the cut, shape (n,).
        smoothed: their smoothed losses.
        noise: standard deviation of a smoothed value, from the differences of neighboring raw ones.
        complete: whether the curve reaches the end of the range.
        rises: whether the test ended at a higher loss than it began with.
    """

    lrs: Floats
    smoothed: Floats
    noise: float
    complete: bool
    rises: bool

    @property
    def least(self) -> int:
        """Index of the lowest smoothed loss."""
        return int(self.smoothed.argmin())

    @property
    def fall(self) -> float:
        """How far the smoothed loss falls from its beginning to its lowest value."""
        return float(self.smoothed[0] - self.smoothed.min())

    @property
    def falls(self) -> bool:
        """Whether that is more than noise does."""
        # The lowest of a hundred flat values lies about 3 deviations down, so 4 are more than chance.
        return self.fall > 4 * self.noise

    @property
    def still_falls(self) -> bool:
        """Whether the loss is lowest where the range ends, so that the curve says nothing of what comes after."""
        # The last point alone can be a little higher by chance: the one before it counts as the end too.
        return self.complete and self.least >= len(self.lrs) - 2

    def slopes(self) -> Floats:
        """The slope of the smoothed loss at each point, per decade of the learning rate."""
        return np.gradient(self.smoothed, np.log10(self.lrs))


def curve_of(lrs: Sequence[float], losses: Sequence[float], smoothing: float, complete: bool) -> Curve:
    """The curve of a test's points.

    Args:
        lrs: rising learning rates, one at least.
        losses: a loss each; only the last may be no finite number.
        smoothing: weight of one point over that of its neighbor, in [0, 1).
        complete: whether the test came to the end of its range.
    """
    values = np.asarray(losses, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Curve(finite, finite, 0.0, complete=False, rises=True)
    best = int(np.argmin(running_averages(finite, smoothing)))
    highest = finite[: best + 1].max()
    above = np.flatnonzero(finite[best + 1 :] > highest)
    end = best + 2 + int(above[0]) if len(above) else len(finite)
    # The first loss of a divergence stays in the curve, as high as the highest before it: the curve has to turn up
    # there, and by no more than that.
    kept = np.minimum(finite[:end], highest)
    one = _noise(kept)
    # Medians of the first and the last tenth: single losses differ by their batches.
    tenth = max(1, len(finite) // 10)
    risen = float(np.median(finite[-tenth:]) - np.median(finite[:tenth])) > 4 * one
    return Curve(
        np.asarray(lrs[:end], dtype=np.float64), smooth(kept, smoothing), one * _left(smoothing),
        complete=complete and end == len(values), rises=risen or len(finite) < len(values),
    )  # fmt: skip


def smooth(values: Floats, smoothing: float) -> Floats:
    """Exponential weights to both sides: the formula of this module's docstring.

    >>> smooth(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), 0.5).round(3).tolist()
    [0.129, 0.211, 0.4, 0.211, 0.129]
    """
    indices = np.arange(len(values))
    weights = smoothing ** np.abs(np.subtract.outer(indices, indices))
    averaged: Floats = weights @ values / weights.sum(axis=1)
    return averaged


def running_averages(values: Floats, smoothing: float) -> Floats:
    """Exponential averages of each value and those before it, with bias correction.

    >>> running_averages(np.array([1.0, 0.0, 0.0]), 0.5).round(3).tolist()
    [1.0, 0.333, 0.143]
    """
    averages = np.empty_like(values)
    total = weight = 0.0
    for index, value in enumerate(values):
        total, weight = smoothing * total + value, smoothing * weight + 1
        averages[index] = total / weight
    return averages


def _noise(values: Floats) -> float:
    """The standard deviation of one value, from the median step between neighbors, which no trend or spike moves."""
    # 0.6745: the median absolute value of a standard normal variable; sqrt(2): a difference has two values in it.
    return float(np.median(np.abs(np.diff(values)))) / (0.6745 * math.sqrt(2)) if len(values) > 2 else 0.0


def _left(smoothing: float) -> float:
    """The share of one value's noise that is left in the smoothed one."""
    square = smoothing**2
    return math.sqrt((1 + square) / (1 - square)) * (1 - smoothing) / (1 + smoothing)


# --- Suggestions: one rule a function --------------------------------------------------------------------------------


# The "slide" rule's numbers are fastai's, 15 points and 0.005 a point of its own test: 100 points over 8 decades.
_WINDOW = 15 * 0.08  # decades
_LEVEL = 0.005 / 0.08  # loss per decade


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A learning rate that one rule reads off a range test.

    Attributes:
        name: the rule.
        lr: the first group's learning rate; None where the rule finds none.
        reason: what the rule saw, or why it finds none.
    """

    name: str
    lr: float | None
    reason: str

    def __str__(self) -> str:
        if self.lr:
            return _("{rule}: {lr:.3g}, {reason}", rule=self.name, lr=self.lr, reason=self.reason)
        return _("{rule}: none, because {reason}", rule=self.name, reason=self.reason)


def suggest(curve: Curve, critical: CriticalLR) -> tuple[Suggestion, ...]:
    """Every rule's suggestion, in one order always."""
    rules: dict[str, Callable[[Curve], tuple[float | None, str]]] = {
        "steepest": _steepest,
        "minimum / 10": _below_minimum,
        "valley": _valley,
        "slide": _slide,
    }
    why_none = _unreadable(curve)
    read = [Suggestion(name, *((None, why_none) if why_none else rule(curve))) for name, rule in rules.items()]
    return (*read, _critical(critical))


def _unreadable(curve: Curve) -> str:
    """What keeps every rule from reading the curve; empty if nothing does."""
    many = len(curve.lrs)
    if many < FEWEST:
        if curve.rises:
            return _(
                "{needed} points are needed and {read} can be read: the loss rises at once, so start lower, unless the"
                " model is trained already",
                needed=FEWEST, read=many,
            )  # fmt: skip
        return _("{needed} points are needed and {read} can be read", needed=FEWEST, read=many)
    if curve.falls:
        return ""
    if curve.fall > 0:
        return _(
            "the smoothed loss falls by {fall:.3g} at most, which is within the noise of the batches", fall=curve.fall
        )
    return _("the loss never falls below its beginning")


def _steepest(curve: Curve) -> tuple[float | None, str]:
    """Where the smoothed loss falls fastest, before its lowest value."""
    # Beyond the lowest value a fall is one from a divergence that came back.
    slopes = curve.slopes()[: curve.least + 1]
    at = int(slopes.argmin())
    if curve.still_falls and at >= len(curve.lrs) - 2:
        return None, _("the loss falls fastest at the end of the range, {end:.3g}: raise it", end=curve.lrs[-1])
    if at == 0:
        return None, _("the loss falls fastest at the start of the range, {start:.3g}: lower it", start=curve.lrs[0])
    return float(curve.lrs[at]), _("the loss falls fastest there, by {slope:.3g} a decade", slope=-slopes[at])


def _below_minimum(curve: Curve) -> tuple[float | None, str]:
    """A tenth of the rate with the lowest smoothed loss."""
    if curve.still_falls:
        return None, _("the loss still falls at the end of the range, {end:.3g}: raise it", end=curve.lrs[-1])
    lowest = float(curve.lrs[curve.least])
    return lowest / 10, _("a tenth of {lr:.3g}, where the loss is lowest", lr=lowest)


def _valley(curve: Curve) -> tuple[float | None, str]:
    """Half-way, in decades, through the longest falling subsequence of the smoothed losses.

    fastai's rule as its code has it (its documentation speaks of two thirds).
    """
    first, last, many = longest_fall(curve.smoothed.tolist())
    # Five points in succession do not fall by chance on a smoothed curve often; fastai has no such limit.
    if many < FEWEST // 2:
        return None, _("the longest fall has {points} points", points=many)
    if curve.complete and last >= len(curve.lrs) - 2:
        return None, _("the longest fall goes on to the end of the range, {end:.3g}: raise it", end=curve.lrs[-1])
    low, high = float(curve.lrs[first]), float(curve.lrs[last])
    words = _("half-way through the longest fall, from {low:.3g} to {high:.3g}", low=low, high=high)
    return math.sqrt(low * high), words


def _slide(curve: Curve) -> tuple[float | None, str]:
    """A window slid down from the right until the slopes at its ends agree: its left end one point before that."""
    decades, slopes = np.log10(curve.lrs).tolist(), curve.slopes().tolist()
    left_end = None
    for right in range(len(decades) - 1, 0, -1):
        # 1e-9: a point exactly a window away is inside, whatever its logarithm was rounded to.
        left = bisect.bisect_right(decades, decades[right] - _WINDOW + 1e-9) - 1
        if left < 0:
            return None, _("no {decades:g} decades of the curve have the same slope at both ends", decades=_WINDOW)
        if abs(slopes[right] - slopes[left]) <= _LEVEL:
            break
        left_end = left
    if left_end is None:
        return None, _(
            "the slope at the curve's end is that of {decades:g} decades before: there is no turn to slide from",
            decades=_WINDOW,
        )
    words = _("{decades:g} decades to the left of where the curve turns up, roughly", decades=_WINDOW)
    return float(curve.lrs[left_end]), words


def _critical(critical: CriticalLR) -> Suggestion:
    """The bound from the other measurement."""
    if critical.lr is None:
        return Suggestion("critical", None, critical.reason)
    words = _("above it the first update raises the loss: a bound on the peak, which may lie far below")
    return Suggestion("critical", critical.lr, words)


def longest_fall(values: list[float]) -> tuple[int, int, int]:
    """The longest strictly falling subsequence: index of its first value, of its last, and how many they are.

    >>> longest_fall([5.0, 9.0, 4.0, 6.0, 3.0, 7.0])
    (1, 4, 3)
    """
    tails: list[float] = []  # for each length, minus the largest last value of a fall that long
    ends: list[int] = []
    before: list[int | None] = []
    for index, value in enumerate(values):
        length = bisect.bisect_left(tails, -value)
        before.append(ends[length - 1] if length else None)
        if length == len(tails):
            tails.append(-value)
            ends.append(index)
        else:
            tails[length], ends[length] = -value, index
    first = last = ends[-1]
    while (earlier := before[first]) is not None:
        first = earlier
    return first, last, len(ends)


# --- The result ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RangeTest:
    """What :func:`~preheat.lab.finding.find_lr` measured.

    Attributes:
        lrs: the first group's learning rate of each update, rising.
        losses: the loss of each update's batches, before the update; the last may not be finite.
        smoothed: the same smoothed: exponential weights ``smoothing ** distance`` to both sides, divided by their sum.
            NaN where the curve is not read: from where the loss, after its lowest average, is above all it was before.
        start, end: the range asked for.
        updates: how many were asked for; fewer were made if the loss went up.
        spacing: ``"log"`` or ``"linear"``.
        smoothing: weight of one point over that of its neighbor, in [0, 1).
        stop_at: the test stops once the running average is above so many times its best.
        accumulation: batches an update.
        stopped: why it stopped, in words.
        ratios: each group's learning rate over the first's.
        suggestions: one of each rule, with or without a rate.
        critical: the critical learning rate of the first update, measured by itself.
        notes: what makes the test doubtful.
        holds_for: what the suggestions mean for the schedule asked about.
    """

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    start: float
    end: float
    updates: int
    spacing: str
    smoothing: float
    stop_at: float
    accumulation: int
    stopped: str
    ratios: tuple[float, ...]
    suggestions: tuple[Suggestion, ...]
    critical: CriticalLR
    notes: tuple[str, ...]
    holds_for: tuple[str, ...]

    def suggestion(self, name: str) -> Suggestion:
        """The suggestion of one rule: ``"steepest"``, ``"minimum / 10"``, ``"valley"``, ``"slide"``, ``"critical"``.

        Raises:
            ScheduleError: for a rule that does not exist.
        """
        for suggestion in self.suggestions:
            if suggestion.name == name:
                return suggestion
        known = joined(", ", [repr(suggestion.name) for suggestion in self.suggestions])
        raise ScheduleError(refusal("name", _("one of {known}", known=known), name, _("Pick one of these.")))

    def explain(self) -> str:
        """The whole test in words: how it went, every suggestion, doubts, and what it holds for."""
        many = _("{updates} updates", updates=self.updates)
        if self.accumulation > 1:
            many = _("{updates} updates of {batches} batches", updates=self.updates, batches=self.accumulation)
        first = _(
            "range test: {start:.3g} to {end:.3g} in {updates}, {spacing} spacing, smoothing {smoothing:g}",
            start=self.start, end=self.end, updates=many, spacing=self.spacing, smoothing=self.smoothing,
        )  # fmt: skip
        lines: list[str] = [first, _("stopped: {why}", why=self.stopped)]
        finite = [loss for loss in self.smoothed if loss == loss]
        if finite:
            lowest = self.lrs[self.smoothed.index(min(finite))]
            lines.append(
                _(
                    "smoothed loss: {first:.4g} at first, lowest {lowest:.4g} at {lr:.3g}",
                    first=finite[0], lowest=min(finite), lr=lowest,
                )
            )  # fmt: skip
        if len(self.ratios) > 1:
            ratios = ", ".join(f"{ratio:.4g}" for ratio in self.ratios)
            lines.append(_("learning rates are the first group's; the groups' are {ratios} times that", ratios=ratios))
        lines += [_("suggestions"), *(joined("", ["  ", str(suggestion)]) for suggestion in self.suggestions)]
        lines += [_("note: {note}", note=note) for note in self.notes]
        return joined("\n", [*lines, *self.holds_for])

    def __str__(self) -> str:
        return self.explain()

    def to_dict(self) -> dict[str, Any]:
        """Plain data ready for JSON; what is not finite becomes None."""
        plain = ("start", "end", "updates", "spacing", "smoothing", "stop_at", "accumulation", "stopped")
        return {
            "lrs": list(self.lrs),
            "losses": [finite_or_none(loss) for loss in self.losses],
            "smoothed": [finite_or_none(loss) for loss in self.smoothed],
            **{name: getattr(self, name) for name in plain},
            "ratios": list(self.ratios),
            "suggestions": [
                {"name": one.name, "lr": one.lr, "reason": one.reason, **data(one.reason)} for one in self.suggestions
            ],
            "critical": self.critical.to_dict(),
            "notes": list(self.notes),
            "holds_for": list(self.holds_for),
        }

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw the raw and the smoothed loss over the learning rate, the suggestions marked.

        Args:
            path: ``.png``, ``.svg`` or ``.pdf`` file to write; None only returns the figure. Losses from where the
                curve is no longer read may leave the picture at its top.

        Raises:
            MissingExtraError: if matplotlib is not installed.
        """
        from preheat.view import to_image

        return to_image(self.figure(), path)

    def figure(self) -> Picture:
        """The picture as a value: see :meth:`plot`."""
        from preheat.view import Axis, Mark, Series
        from preheat.view import Figure as Picture

        read = [at for at, loss in enumerate(self.smoothed) if loss == loss]
        rates, smoothed = [self.lrs[at] for at in read], [self.smoothed[at] for at in read]
        series = [
            Series(label=_("loss of each update"), role="each", x=self.lrs, y=self.losses, style="faint"),
            Series(label=_("smoothed"), role="mean", x=rates, y=smoothed),
        ]
        marks = []
        for one in self.suggestions:
            if one.lr is None or not rates or not rates[0] <= one.lr <= self.lrs[-1]:
                continue
            label = _("{rule}: {lr:.2g}", rule=one.name, lr=one.lr)
            if one.name == "critical":  # measured by itself, so it has no place on the curve
                marks.append(Mark(position=one.lr, label=label, kind="event", role="critical"))
            else:
                at_rate = float(np.interp(math.log(one.lr), np.log(rates), smoothed))
                role = _ROLE + len(series) - 2
                series.append(Series(label=label, role=role, x=[one.lr], y=[at_rate]))
        low, high = _limits([self.losses[at] for at in read]) or (None, None)
        return Picture(
            name="range-test", x=Axis(title=_("learning rate"), log=self.spacing == "log"),
            y=Axis(title=_("loss"), low=low, high=high), series=tuple(series), marks=tuple(marks),
        )  # fmt: skip


_ROLE = 5  # of the first suggestion: the colors before it are taken by the curves and the critical rate


def _limits(losses: list[float]) -> tuple[float, float] | None:
    """The heights of the part that is read: what comes after it may be many times as high."""
    losses = [loss for loss in losses if math.isfinite(loss)]
    if len(losses) < 2:
        return None
    low, high = min(losses), max(losses[:-1])  # the last one read may be on its way up
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


# --- The test --------------------------------------------------------------------------------------------------------


# Below the usual 200 by so much that neighboring points are steps in the rate rather than an average.
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
    modes, random numbers, the loader's generators. The optimizer is never stepped (a copy of it is), so its state, its
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
    many = int(count("accumulation", accumulation, 1, advice=_("It is a number of batches.")))
    clip = None if clip is None else positive("clip", clip, _("It is the largest norm of the gradients."))
    planned = parse(schedule) if isinstance(schedule, str) else schedule
    feed = Feed(batches)
    ratios = relative_rates(inner, base=True)

    sweep = _Sweep(model, inner, loss or model_loss, many, clip, share, factor)
    with untouched(model, weights_of(inner), batches):
        sweep.run(ladder, feed, ratios)

    curve = curve_of(sweep.lrs, sweep.losses, share, complete=sweep.complete)
    # The search begins near its answer, which saves losses: the rate with the lowest loss is the best guess there is.
    at = float(curve.lrs[curve.least]) if len(curve.lrs) else ladder[0]
    critical = critical_lr(model, inner, sweep.first, loss, at=at, clip=clip)
    smoothed = [*curve.smoothed.tolist(), *[math.nan] * (len(sweep.losses) - len(curve.lrs))]
    return RangeTest(
        lrs=tuple(sweep.lrs), losses=tuple(sweep.losses), smoothed=tuple(smoothed),
        start=ladder[0], end=ladder[-1], updates=len(ladder), spacing=spacing, smoothing=share, stop_at=factor,
        accumulation=many, stopped=sweep.stopped, ratios=ratios,
        suggestions=suggest(curve, critical), critical=critical,
        notes=tuple(_notes(curve, feed.passes, inner)), holds_for=holds_for(len(sweep.lrs), planned),
    )  # fmt: skip


@dataclass(slots=True)
class _Sweep:
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
        trial = TrialOptimizer(self.optimizer, self.model, ratios)
        batches = iter(feed)
        # The first batches are kept for the critical rate, at least those of a whole update.
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
                self.stopped = _(
                    "after {updates} updates, the loss is {loss} at {lr:.3g}", updates=update, loss=loss, lr=lr
                )
                return
            # As running_averages works it out, one value at a time: the test has to stop while it runs.
            average = self.smoothing * average + (1 - self.smoothing) * loss
            weight = self.smoothing * weight + (1 - self.smoothing)
            best = min(best, average / weight)
            # Written with abs so that it works for losses below 0: as far above the best as it is from 0.
            if average / weight > best + (self.stop_at - 1) * abs(best):
                self.stopped = _(
                    "after {updates} updates, the average loss is above {times:g} times its best at {lr:.3g}",
                    updates=update, times=self.stop_at, lr=lr,
                )  # fmt: skip
                return
            trial.update(lr)
        self.stopped, self.complete = _("at the end of the range"), True


def checked_range(
    start: float = 1e-6,
    end: float = 1.0,
    updates: int = 200,
    spacing: str = "log",
    smoothing: float = 0.8,
    stop_at: float = 4.0,
) -> tuple[list[float], float, float]:
    """The learning rates of a range test, its smoothing and its stop, or the refusal of :func:`find_lr`."""
    low = positive("start", start, _("It is the first learning rate."))
    high = positive("end", end, _("It is the last learning rate."))
    if high <= low:
        raise ScheduleError(
            refusal("end", _("above start={low:g}", low=low), end, _("The rate climbs from start to end."))
        )
    many = int(count("updates", updates, 10, advice=_("200 are usual.")))
    logarithmic = choice("spacing", spacing, ("log", "linear")) == "log"
    share = float(number("smoothing", smoothing))
    if not 0 <= share < 1:
        raise ScheduleError(refusal("smoothing", _("in [0, 1)"), smoothing, _("0 leaves the losses as they are.")))
    factor = float(number("stop_at", stop_at))
    if factor <= 1:
        raise ScheduleError(refusal("stop_at", _("> 1"), stop_at, _("It is how many times its best the loss may be.")))
    rates = np.geomspace(low, high, many) if logarithmic else np.linspace(low, high, many)
    return [float(rate) for rate in rates], share, factor


def _notes(curve: Curve, passes: int, optimizer: Optimizer) -> list[str]:
    """What makes a test doubtful."""
    notes: list[str] = []
    if len(curve.lrs) < _FEW:
        notes.append(
            _("{points} points are few: plan more updates, in a range where the loss falls", points=len(curve.lrs))
        )
    if len(curve.lrs) and not curve.falls:
        if curve.rises:
            notes.append(
                _(
                    "the loss never falls and then rises: the model is trained already, start is above what it can"
                    " take, or more updates are needed"
                )
            )
        else:
            notes.append(_("the loss stays level: no rate in the range moves it by more than the batches differ"))
    # More than noise (4 deviations), but little enough that the place of the steepest fall is mostly chance.
    elif len(curve.lrs) and curve.fall < 10 * curve.noise:
        notes.append(
            _(
                "the loss falls by {fall:.3g}, and the noise of its average is {noise:.3g}",
                fall=curve.fall, noise=curve.noise,
            )
        )  # fmt: skip
    if passes > 1:
        notes.append(
            _("the batches were gone through {times} times: the loss of data seen before is lower", times=passes)
        )
    momentum = max(float(group.get("momentum") or 0.0) for group in optimizer.param_groups)
    # With state the momentum has built up, and the first update is as long as later ones.
    if momentum and not optimizer.state:
        notes.append(
            _(
                "the critical learning rate is of the first update: a momentum of {momentum:g} makes later updates up"
                " to {times:.3g} times as long",
                momentum=momentum, times=1 / (1 - momentum),
            )
        )  # fmt: skip
    return notes
