"""A pilot: the first updates of a run under a warm-up, with the critical learning rate measured on the way.

Probes   before updates 0, 1, 2, 4, 8, ... the critical rate of the optimizer's next update is found by line search on
         a few fixed batches (:mod:`preheat.train.finding.critical`), momentum and second moments as far as they have
         built up. The rate that update will use, over the critical one, is the probe's ratio.
Source   Kalra et al. 2026, arXiv:2601.16979, for the search; Kalra & Barkeshli 2024, arXiv:2406.09405, for reading it
         during warm-up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from preheat.schedule import Schedule, parse
from preheat.train.finding.critical import critical_lr
from preheat.train.finding.kept import untouched
from preheat.train.finding.measuring import Feed, Loss, add_gradients, refuse_without_gradients
from preheat.train.finding.search import CriticalLR, finite_or_none
from preheat.train.finding.twin import Twin, clip_gradients, relative_rates, weights_of


@dataclass(frozen=True, slots=True)
class Probe:
    """The critical learning rate before one update of a pilot.

    Attributes:
        update: completed updates.
        lr: the rate of the update to come.
        critical: what the line search found.
    """

    update: int
    lr: float
    critical: CriticalLR

    @property
    def ratio(self) -> float:
        """``lr`` over the critical rate: 0 where the loss never rises, infinite where every size raises it."""
        if self.critical.lr is not None:
            return self.lr / self.critical.lr
        return math.inf if "raises the loss" in self.critical.reason or "finite" in self.critical.reason else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "update": self.update,
            "lr": self.lr,
            "critical_lr": self.critical.lr,
            "ratio": finite_or_none(self.ratio),
            "reason": self.critical.reason,
        }


@dataclass(frozen=True, slots=True)
class Pilot:
    """What the first updates under one warm-up came to.

    Attributes:
        schedule: of the pilot: a warm-up, then the peak.
        warmup: updates of the warm-up.
        losses: of each update's batches, before it.
        probes: in the order of updates.
        passes: forward passes of the probes, a batch each.
    """

    schedule: Schedule
    warmup: int
    losses: tuple[float, ...]
    probes: tuple[Probe, ...]
    passes: int

    @property
    def finite(self) -> bool:
        """Whether every loss is a finite number."""
        return all(math.isfinite(loss) for loss in self.losses)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schedule": str(self.schedule),
            "warmup": self.warmup,
            "losses": [finite_or_none(loss) for loss in self.losses],
            "probes": [probe.to_dict() for probe in self.probes],
        }


@dataclass(frozen=True, slots=True)
class Pilots:
    """Makes pilots of one model, each from the same weights and random numbers, and leaves no trace.

    Attributes:
        model: in training mode while a pilot runs.
        optimizer: what is really stepped in training; its twin is stepped here.
        batches: where the updates' batches come from.
        probed: the batches of the probes.
        loss: ``(model, batch)`` to a tensor of one number.
        lr: the peak of the first group.
        updates: of each pilot.
        accumulation: batches an update.
        clip: largest gradient norm, or None.
    """

    model: nn.Module
    optimizer: Optimizer
    batches: Any
    probed: Sequence[Any]
    loss: Loss
    lr: float
    updates: int
    accumulation: int
    clip: float | None

    def run(self, warmup: int, start: float = 0.0, *, probing: bool = True) -> Pilot:
        """The pilot of a climb from a share of the peak over so many updates; it ends early where a loss is no number.

        Args:
            warmup: updates of the climb, 0 for none.
            start: share of the peak it begins from.
            probing: whether critical rates are measured.
        """
        schedule = ramp(warmup, start)
        ratios = relative_rates(self.optimizer, base=True)
        losses: list[float] = []
        probes: list[Probe] = []
        with untouched(self.model, weights_of(self.optimizer), self.batches):
            twin = Twin(self.optimizer, self.model, ratios)
            feed = iter(Feed(self.batches))
            self.model.train()
            for update in range(self.updates):
                rate = self.lr * float(schedule(update))
                if probing and update & (update - 1) == 0:  # 0 and the powers of 2
                    probes.append(self._probe(twin, update, rate))
                losses.append(self._gradients(list(itertools.islice(feed, self.accumulation))))
                if not math.isfinite(losses[-1]):
                    break
                twin.update(rate)
        passes = sum(probe.critical.evaluations + 1 for probe in probes) * len(self.probed)
        return Pilot(schedule, warmup, tuple(losses), tuple(probes), passes)

    def _probe(self, twin: Twin, update: int, rate: float) -> Probe:
        found = critical_lr(self.model, twin.optimizer, self.probed, self.loss, at=rate, clip=self.clip)
        return Probe(update, rate, found)

    def _gradients(self, batches: Sequence[Any]) -> float:
        for weight in (*self.model.parameters(), *weights_of(self.optimizer)):
            weight.grad = None
        loss = add_gradients(self.model, batches, self.loss)
        refuse_without_gradients(self.optimizer)
        clip_gradients(self.optimizer, self.clip)
        return loss


def ramp(warmup: int, start: float = 0.0) -> Schedule:
    """A linear climb from a share of the peak, then the peak for ever.

    >>> print(ramp(40, 0.2))
    warmup 40 from 0.2 > hold forever
    """
    if not warmup:
        return parse("hold forever")
    climb = f"warmup {warmup} from {start:g}" if start else f"warmup {warmup}"
    return parse(f"{climb} > hold forever")
