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
from preheat.train.finding.measuring import Feed, Loss, fresh_gradients
from preheat.train.finding.search import CriticalLR, finite_or_none
from preheat.train.finding.twin import Twin, relative_rates, weights_of


@dataclass(frozen=True, slots=True)
class Probe:
    """The critical learning rate before one update of a pilot, on several sets of batches.

    Attributes:
        update: completed updates.
        lr: the rate of the update to come.
        found: what the line search found on each set.
    """

    update: int
    lr: float
    found: tuple[CriticalLR, ...]

    @property
    def critical(self) -> float:
        """The lower quartile of the sets: infinite where the loss never rises, 0 where every size raises it."""
        return sorted(map(_bound, self.found))[(len(self.found) - 1) // 4]

    @property
    def ratio(self) -> float:
        """``lr`` over the critical rate."""
        return self.lr / self.critical if self.critical else math.inf

    @property
    def spread(self) -> float:
        """The largest of the sets over the smallest; infinite where one has no critical rate."""
        bounds = sorted(map(_bound, self.found))
        return bounds[-1] / bounds[0] if bounds[0] else math.inf

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; infinite numbers become None."""
        return {
            "update": self.update,
            "lr": self.lr,
            "critical_lr": finite_or_none(self.critical),
            "ratio": finite_or_none(self.ratio),
            "sets": [{"lr": one.lr, "reason": one.reason} for one in self.found],
        }


def _bound(found: CriticalLR) -> float:
    """What a search says of the rates below which its update is safe."""
    if found.lr is not None:
        return found.lr
    harmless = "never rises" in found.reason or "stays at" in found.reason or "moves no weight" in found.reason
    return math.inf if harmless else 0.0


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

    @property
    def keeps(self) -> bool:
        """Whether no probe's rate was above the critical one, and every loss was a finite number."""
        return self.finite and all(probe.ratio <= 1 for probe in self.probes)

    @property
    def worst(self) -> Probe:
        """The probe of the largest ratio."""
        return max(self.probes, key=lambda probe: probe.ratio)

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
        probed: the sets of batches of the probes.
        loss: ``(model, batch)`` to a tensor of one number.
        lr: the peak of the first group.
        updates: of each pilot.
        accumulation: batches an update.
        clip: largest gradient norm, or None.
    """

    model: nn.Module
    optimizer: Optimizer
    batches: Any
    probed: Sequence[Sequence[Any]]
    loss: Loss
    lr: float
    updates: int
    accumulation: int
    clip: float | None

    def run(self, warmup: int, first: float = 0.0) -> Pilot:
        """The pilot of a climb over so many updates.

        It ends early after a probe whose rate is above the critical one, or a loss that is no finite number.

        Args:
            warmup: updates of the climb, 0 for none.
            first: share of the peak that its first update uses, at most, as for :func:`ramp`.
        """
        schedule = ramp(warmup, first)
        ratios = relative_rates(self.optimizer, base=True)
        losses: list[float] = []
        probes: list[Probe] = []
        with untouched(self.model, weights_of(self.optimizer), self.batches):
            twin = Twin(self.optimizer, self.model, ratios)
            feed = iter(Feed(self.batches))
            self.model.train()
            for update in range(self.updates):
                rate = self.lr * float(schedule(update))
                if update & (update - 1) == 0:  # 0 and the powers of 2
                    probes.append(self.probe(twin, update, rate))
                    if probes[-1].ratio > 1:
                        break
                taken = list(itertools.islice(feed, self.accumulation))
                losses.append(fresh_gradients(self.model, self.optimizer, taken, self.loss, self.clip))
                if not math.isfinite(losses[-1]):
                    break
                twin.update(rate)
        return Pilot(schedule, warmup, tuple(losses), tuple(probes), sum(map(self.passes_of, probes)))

    def probe(self, twin: Twin, update: int, rate: float) -> Probe:
        """The critical rate of the next update of a twin, which stays as it is."""
        # The search reads the ratios of groups from the rates the twin has; before its first update it has none yet.
        for group, ratio in zip(twin.optimizer.param_groups, twin.ratios, strict=True):
            group["lr"] = group["lr"].fill_(self.lr * ratio) if hasattr(group["lr"], "fill_") else self.lr * ratio
        found = [
            critical_lr(self.model, twin.optimizer, batches, self.loss, at=rate, clip=self.clip)
            for batches in self.probed
        ]
        return Probe(update, rate, tuple(found))

    def passes_of(self, probe: Probe) -> int:
        """Forward passes: each batch of each set, for the gradient and for every size tried."""
        return sum((1 + one.evaluations) * len(self.probed[0]) for one in probe.found)


def ramp(warmup: int, first: float = 0.0) -> Schedule:
    """A linear climb, then the peak for ever.

    Args:
        warmup: updates of the climb; the last of them is at the peak.
        first: share of the peak that its first update uses, in [0, 1]; 1 / ``warmup`` where that is more.

    >>> print(ramp(40, 0.22))
    warmup 40 from 0.2 > hold forever
    >>> round(ramp(40, 0.22)(0), 12), ramp(40, 0.22)(39)
    (0.22, 1.0)
    """
    if not warmup:
        return parse("hold forever")
    # A climb makes its first step before the first update; rounded down, so that the bound holds.
    begin = math.floor(1000 * (first * warmup - 1) / (warmup - 1) + 1e-9) / 1000 if warmup > 1 else 0.0
    climb = f"warmup {warmup} from {begin:g}" if begin > 0 else f"warmup {warmup}"
    return parse(f"{climb} > hold forever")
