"""The range test as a value: the curve, what it suggests, what it means; as text, picture and plain data."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.errors import ScheduleError, refusal
from preheat.train.finding.search import CriticalLR, finite_or_none
from preheat.train.finding.suggestions import Suggestion

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class RangeTest:
    """What :func:`~preheat.train.finding.find_lr` measured.

    Attributes:
        lrs: the first group's learning rate of each update, rising.
        losses: the loss of each update's batches, before the update; the last may not be finite.
        smoothed: the same smoothed: exponential weights ``smoothing ** distance`` to both sides, divided by their sum.
            NaN where the curve is not read: from where the loss, after its lowest average, is above all it was before.
        start, end: the range asked for.
        updates: how many were asked for; fewer were made if the loss went up.
        spacing: ``"log"`` or ``"linear"``.
        smoothing: weight of one point over that of its neighbour, in [0, 1).
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
        known = ", ".join(repr(suggestion.name) for suggestion in self.suggestions)
        raise ScheduleError(refusal("name", f"one of {known}", name, "Pick one of these."))

    def explain(self) -> str:
        """The whole test in words: how it went, every suggestion, doubts, and what it holds for."""
        many = f"{self.updates} updates of {self.accumulation} batches" if self.accumulation > 1 else self.updates
        first = f"range test: {self.start:.3g} to {self.end:.3g} in {many}{'' if self.accumulation > 1 else ' updates'}"
        lines = [f"{first}, {self.spacing} spacing, smoothing {self.smoothing:g}", f"stopped: {self.stopped}"]
        finite = [loss for loss in self.smoothed if loss == loss]
        if finite:
            lowest = self.lrs[self.smoothed.index(min(finite))]
            lines.append(f"smoothed loss: {finite[0]:.4g} at first, lowest {min(finite):.4g} at {lowest:.3g}")
        if len(self.ratios) > 1:
            ratios = ", ".join(f"{ratio:.4g}" for ratio in self.ratios)
            lines.append(f"learning rates are the first group's; the groups' are {ratios} times that")
        lines += ["suggestions", *(f"  {suggestion}" for suggestion in self.suggestions)]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, *self.holds_for])

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
            "suggestions": [{"name": one.name, "lr": one.lr, "reason": one.reason} for one in self.suggestions],
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
        from preheat.view import plot_against

        read = [at for at, loss in enumerate(self.smoothed) if loss == loss]
        rates, smoothed = [self.lrs[at] for at in read], [self.smoothed[at] for at in read]
        finite = [at for at, loss in enumerate(self.losses) if math.isfinite(loss)]
        series: dict[str, tuple[list[float], list[float]]] = {
            "loss of each update": ([self.lrs[at] for at in finite], [self.losses[at] for at in finite]),
            "smoothed": (rates, smoothed),
        }
        lines = {}
        for one in self.suggestions:
            if one.lr is None or not rates or not rates[0] <= one.lr <= self.lrs[-1]:
                continue
            if one.name == "critical":
                lines[f"{one.name}: {one.lr:.2g}"] = one.lr
            else:
                at_rate = float(np.interp(math.log(one.lr), np.log(rates), smoothed))
                series[f"{one.name}: {one.lr:.2g}"] = ([one.lr], [at_rate])
        return plot_against(
            series, path=path, xlabel="learning rate", ylabel="loss", faint=["loss of each update"],
            log_x=self.spacing == "log", lines=lines, limits=_limits([self.losses[at] for at in read]),
        )  # fmt: skip


def _limits(losses: list[float]) -> tuple[float, float] | None:
    """The heights of the part that is read: what comes after it may be many times as high."""
    losses = [loss for loss in losses if math.isfinite(loss)]
    if len(losses) < 2:
        return None
    low, high = min(losses), max(losses[:-1])  # the last one read may be on its way up
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room
