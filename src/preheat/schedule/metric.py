"""Factors that follow a metric: cut on a plateau, or greedily raised and cut.

They are schedules like any other, and values too: what the reports have changed so far is part of them. A report makes
a new schedule (:meth:`Schedule.report`), so a factor can be read for any update, past ones too, and state saves itself.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from preheat.errors import ScheduleError, refusal
from preheat.messages import _
from preheat.schedule.base import Schedule, kind
from preheat.schedule.curves import Scalar
from preheat.schedule.lengths import Count, choice, count, number, positive


@dataclass(frozen=True, slots=True)
class MetricFactor(Schedule):
    """Abstract: 1 until reports change it.

    Args:
        factor: what a cut multiplies by, in (0, 1).
        patience: checks without improvement that are let pass; the cut comes at the next one, as in torch and
            transformers (Keras, optax and thinc cut one check earlier).
        threshold: smallest change that counts, >= 0.
        threshold_mode: ``"rel"`` (a share of the best) or ``"abs"``.
        mode: ``"min"`` if less is better, ``"max"`` otherwise.
        cooldown: checks after a cut in which nothing is counted.
        least: the factor is never cut below this, in [0, 1].
        during_warmup: whether reports count during the warm-up of the schedule around it; they do not unless told.
        changes: (update, factor) pairs, the first update each factor is used by; state, like the following.
        best: best metric so far.
        good: checks in a row with an improvement.
        bad: checks in a row without one.
        quiet: checks still to be passed over.
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    mode: str = "min"
    cooldown: int = 0
    least: float = 0.0
    during_warmup: bool = False
    changes: tuple[tuple[int, float], ...] = ()
    best: float | None = None
    good: int = 0
    bad: int = 0
    quiet: int = 0

    _least_advice: ClassVar[str] = _("The factor is a share of the peak.")

    def __post_init__(self) -> None:
        factor = positive("factor", self.factor, _("It multiplies the learning rate."))
        if factor >= 1:
            raise ScheduleError(refusal("factor", _("below 1"), self.factor, _("It is what a cut multiplies by.")))
        object.__setattr__(self, "factor", factor)
        for name in ("patience", "cooldown", "good", "bad", "quiet"):
            object.__setattr__(self, name, count(name, getattr(self, name), advice=_("It counts checks.")))
        for name in ("threshold", "least"):
            value = number(name, getattr(self, name))
            if value < 0:
                raise ScheduleError(refusal(name, _(">= 0"), value, self._least_advice))
            object.__setattr__(self, name, float(value))
        choice("threshold_mode", self.threshold_mode, ("rel", "abs"))
        choice("mode", self.mode, ("min", "max"))
        if self.least > 1:
            raise ScheduleError(refusal("least", _("at most 1"), self.least, self._least_advice))
        changes = tuple((int(count("changes", at)), positive("changes", value, "")) for at, value in self.changes)
        object.__setattr__(self, "changes", changes)
        if self.best is not None:  # a text writes 2.0 as 2: the same value has one fingerprint
            object.__setattr__(self, "best", float(number("best", self.best)))

    @property
    def horizon(self) -> Count | None:
        return None

    @property
    def borders(self) -> tuple[Count, ...]:
        return tuple(at for at, _unused in self.changes if at)

    @property
    def latest(self) -> float:
        """The factor in use after all reports so far."""
        return self.changes[-1][1] if self.changes else 1.0

    def _value(self, position: Any, xp: Any) -> Any:
        if xp is Scalar:
            index = bisect_right(self.changes, position, key=lambda change: change[0])
            return self.changes[index - 1][1] if index else 1.0
        value = 1.0 + 0.0 * position
        for at, factor in self.changes:
            value = xp.where(position >= at, factor, value)
        return value

    def report(self, metric: float, position: int) -> Self:
        """The factor after one check: ``metric`` was measured when ``position`` updates were completed."""
        return self._report(metric, position, in_warmup=False)

    def _report(self, metric: float, position: int, *, in_warmup: bool) -> Self:
        # During the warm-up the metric follows the rising rate: a cut would answer to the warm-up.
        if position < 0 or (in_warmup and not self.during_warmup):
            return self
        checked, wanted = self._check(float(number("metric", metric, _("A check needs a finite number."))))
        if wanted == checked.latest:
            return checked
        import logging  # at a cut only: `import preheat` stays quick

        logging.getLogger("preheat").info(
            "%s: factor %g -> %g from update %d on (metric %g, best %g)",
            type(self).__name__.lower(), self.latest, wanted, position, metric, checked.best,
        )  # fmt: skip
        # A report made again (after a resume, say) replaces the one of the same update and all after it.
        earlier = tuple(change for change in self.changes if change[0] < position)
        return replace(checked, changes=(*earlier, (position, wanted)))

    @abstractmethod
    def _check(self, metric: float) -> tuple[Self, float]:
        """The counters after one check, and the factor from then on."""

    def fresh(self) -> Self:
        """The rule alone, nothing reported."""
        return replace(self, changes=(), best=None, good=0, bad=0, quiet=0)

    def _better(self, metric: float) -> bool:
        if self.best is None:
            return True
        if self.threshold_mode == "abs":
            least, most = self.best - self.threshold, self.best + self.threshold
        else:
            least, most = self.best * (1.0 - self.threshold), self.best * (1.0 + self.threshold)
        return metric < least if self.mode == "min" else metric > most

    def _cut(self) -> float:
        # torch's min_lr, as a share of the peak: the same rule then serves groups of any base value.
        return max(self.latest * self.factor, self.least)


@kind("plateau")
@dataclass(frozen=True, slots=True)
class Plateau(MetricFactor):
    """Cut when a metric has stopped improving, with the counting of torch's ReduceLROnPlateau.

    >>> rule = Plateau(factor=0.5, patience=1)
    >>> for update, loss in ((100, 2.0), (200, 2.0), (300, 2.0)):
    ...     rule = rule.report(loss, update)
    >>> rule(299), rule(300)
    (1.0, 0.5)
    """

    def _check(self, metric: float) -> tuple[Self, float]:
        checked = replace(self, best=metric, bad=0) if self._better(metric) else replace(self, bad=self.bad + 1)
        # torch's order: the cool-down is counted before the patience, and clears it.
        if checked.quiet:
            checked = replace(checked, quiet=checked.quiet - 1, bad=0)
        if checked.bad > self.patience:
            return replace(checked, bad=0, quiet=self.cooldown), self._cut()
        return checked, self.latest


@kind("greedy")
@dataclass(frozen=True, slots=True)
class Greedy(MetricFactor):
    """Raise while a metric improves, cut when it does not: transformers' GreedyLR (arXiv:2512.14527).

    The bounds are factors (``least``, ``most``), not learning rates: with transformers' own defaults (1e-3 and 1.0 as
    rates) a fine-tuning rate could only rise. Its smoothing and its reset at the floor are left out.

    Args:
        most: the factor is never raised above this, >= 1.
        pause: checks after a raise in which nothing is counted (transformers' ``warmup``).
    """

    # transformers' own defaults, but for the bounds.
    factor: float = 0.95
    threshold: float = 1e-6
    threshold_mode: str = "abs"
    most: float = 10.0
    pause: int = 0

    def __post_init__(self) -> None:
        MetricFactor.__post_init__(self)
        most = positive("most", self.most, _("It bounds the raises."))
        if most < 1:
            raise ScheduleError(refusal("most", _(">= 1"), self.most, _("It bounds the raises.")))
        object.__setattr__(self, "most", most)
        object.__setattr__(self, "pause", count("pause", self.pause, advice=_("It counts checks.")))

    def _check(self, metric: float) -> tuple[Self, float]:
        if self.quiet:
            return replace(self, quiet=self.quiet - 1, good=0, bad=0), self.latest
        if self._better(metric):
            checked = replace(self, best=metric, bad=0, good=self.good + 1)
        else:
            checked = replace(self, bad=self.bad + 1, good=0)
        if checked.good > self.patience:
            # As transformers': a raise divides by what a cut multiplies by.
            return replace(checked, good=0, quiet=self.pause), min(self.latest / self.factor, self.most)
        if checked.bad > self.patience:
            return replace(checked, bad=0, quiet=self.cooldown), self._cut()
        return checked, self.latest


def plateau(**options: Any) -> Plateau:
    """A factor cut when a metric stops improving; options as :class:`MetricFactor`."""
    return Plateau(**options)


def greedy(**options: Any) -> Greedy:
    """A factor raised while a metric improves and cut when it does not; options as :class:`Greedy`."""
    return Greedy(**options)
