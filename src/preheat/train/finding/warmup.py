"""Warm-up advice for a target peak: how long, and from which rate, by pilots with critical learning rates on the way.

Rule     No warm-up where the peak is at most 0.8 of the critical rate of the first update, the lower quartile over
         sets of batches, and a pilot at the peak stays at or below the critical rate at all its probes. Else a linear
         climb whose first update is at half of that critical rate (1 / W of the peak if that is more), over the fewest
         of W = 2, 4, 8, ... updates whose own pilot stays so. A pilot for each length, because the critical rate
         follows the rate: held near it, weights find flatter places.
Source   initial rates near the critical one: Kalra & Barkeshli 2024, arXiv:2406.09405; the line search: Kalra et al.
         2026, arXiv:2601.16979; Adam's untuned warm-up, 2 / (1 - beta2): Ma & Yarats 2019, arXiv:1910.04209.
Differs  The rule is preheat's own, and bounds what does not raise the loss at once; the length with the best final loss
         may be longer. What it was worth on a full sweep: docs/studies/warmup-advice.md.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from preheat.errors import ScheduleError, refusal
from preheat.schedule import untuned_warmup
from preheat.schedule.checks import count, positive
from preheat.theory.answer import Answer
from preheat.train.finding.kept import untouched
from preheat.train.finding.measuring import Feed, Loss, model_loss
from preheat.train.finding.pilot import Pilot, Pilots, Probe
from preheat.train.finding.twin import Twin, present_rate, relative_rates, stepped, weights_of

SAFE = 0.8  # of the critical rate of the first update: a peak below needs no warm-up
BEGIN = 0.5  # of the same: where a warm-up begins
_APART = 4.0  # critical rates of sets that differ by more make the advice doubtful
_ASSUMES = (
    "assumes: the run begins from these weights and this optimizer state, with this batch size and clipping.",
    "cannot say: which length gives the lowest final loss; it bounds updates that raise the loss of their own batches.",
    "measured: in one full study it ordered peaks, and was within a factor of 2 of the best length in 2 of 6 cases.",
)


@dataclass(frozen=True, slots=True)
class WarmupAdvice(Answer):
    """How long a warm-up to a target peak has to be, and from where.

    Attributes:
        lr: the target peak of the first group.
        warmup: updates of the climb; 0 where none is needed, None where none that was tried is long enough.
        start: share of the peak that the first update is to use, in (0, 1]; 1 without a climb.
        first: the probe of the first update.
        pilots: one for each length tried, from the shortest on; the last is that of the advice.
        untuned: Adam's untuned warm-up in updates; None for an optimizer without a second beta.
        updates: made by all pilots together.
        passes: forward passes of their probes, a batch each; for each set one backward pass comes on top.
    """

    lr: float
    warmup: int | None
    start: float
    first: Probe
    pilots: tuple[Pilot, ...]
    untuned: int | None
    updates: int
    passes: int

    @property
    def schedule(self) -> str:
        """The climb as words of a schedule; empty where there is none."""
        return str(self.pilots[-1].schedule).partition(" > ")[0] if self.warmup else ""

    @property
    def confidence(self) -> str:
        """How far the probes agree, in words."""
        margin = self.lr / (SAFE * self.first.critical) if self.first.critical else math.inf
        if not 0.5 <= margin <= 2 and self.first.spread <= _APART:
            return "fair: sets of batches agree on the first critical rate, and the peak is not near the limit"
        why = []
        if self.first.spread > _APART:
            why.append(f"the first critical rate differs {_times(self.first.spread)} between sets of batches")
        if 0.5 <= margin <= 2:
            why.append("the peak is within a factor of 2 of the limit")
        return f"low: {' and '.join(why)}"

    def explain(self) -> str:
        """The advice in words, with its trace, its cost and its limits."""
        last = self.pilots[-1]
        share = _share(self.lr, self.first.critical)
        sets = f"lower quartile of {len(self.first.found)} sets of batches"
        first = f"critical rate of the first update: {self.first.critical:.3g}, {sets}; the peak is {share} of it"
        lines = [*self._verdict(), first]
        for pilot in self.pilots[:-1]:
            worst = pilot.worst
            lines.append(f"tried {pilot.schedule}: rate / critical {worst.ratio:.3g} before update {worst.update}")
        lines.append(f"trace of {last.schedule}")
        lines += [
            f"  update {probe.update}: rate {probe.lr:.3g}, critical {probe.critical:.3g}, ratio {probe.ratio:.2g}"
            for probe in last.probes
        ]
        if self.untuned is not None:
            lines.append(f"Adam's untuned warm-up, 2 / (1 - beta2): {self.untuned} updates (arXiv:1910.04209)")
        lines.append(f"confidence: {self.confidence}")
        pilots = f"{len(self.pilots)} pilot{'s' if len(self.pilots) > 1 else ''}"
        lines.append(f"cost: {self.updates} updates in {pilots}, {self.passes} more forward passes")
        return "\n".join([*lines, *_ASSUMES])

    def _verdict(self) -> list[str]:
        peak = f"a peak of {self.lr:.3g}"
        if self.warmup is None:
            tried = f"{len(self.pilots)} pilots, warm-up up to {self.pilots[-1].warmup}"
            return [f"no warm-up found for {peak}: some update was above its critical rate in all of {tried}"]
        if not self.warmup:
            return [f"no warm-up needed for {peak}, by this rule", f"use: preheat train --lr {self.lr:g} --warmup 0"]
        words = f'--schedule "{self.schedule} > linear to 0", or any decay after it'
        return [
            f"warm-up for {peak}: {self.warmup} updates, the first at {self.lr * self.start:.3g}",
            f"use: preheat train --lr {self.lr:g} {words}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "lr": self.lr,
            "warmup": self.warmup,
            "start": self.start,
            "schedule": self.schedule,
            "first": self.first.to_dict(),
            "pilots": [pilot.to_dict() for pilot in self.pilots],
            "untuned": self.untuned,
            "confidence": self.confidence,
            "updates": self.updates,
            "passes": self.passes,
            "assumes": list(_ASSUMES),
        }


def advise_warmup(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Any,
    loss: Loss | None = None,
    *,
    lr: float | None = None,
    updates: int = 100,
    sets: int = 5,
    probed: int = 4,
    accumulation: int = 1,
    clip: float | None = None,
) -> WarmupAdvice:
    """Whether a target peak needs a warm-up, how long and from where, by pilots; nothing is changed by it.

    Model, optimizer, random numbers and loader are as before when it is over, as after :func:`preheat.find_lr`.

    Args:
        model: any module.
        optimizer: any torch optimizer that steps without a closure, before its first update.
        batches: a loader, a list, or anything else that can be iterated anew. Probes are made on its first ones, which
            a pilot also trains on.
        loss: ``(model, batch)`` to a tensor of one number; None takes ``model(**batch).loss``.
        lr: the target peak of the first group, > 0; None takes its base value. Groups keep their ratios.
        updates: of each pilot, >= 4; warm-ups of up to half as many are tried.
        sets: sets of batches a probe is made on, >= 1; their lower quartile counts.
        probed: batches in a set, >= 1.
        accumulation: batches an update.
        clip: largest norm of all gradients together, where training clips.

    Returns:
        The advice with its trace. It costs a line search a probe and set, about ten forward passes for each of
        ``probed`` batches.

    Raises:
        ScheduleError: for settings, an optimizer or a loss that cannot be.
        DataError: for batches that cannot be taken.

    >>> weight = nn.Parameter(__import__("torch").tensor([1.0]))
    >>> model = nn.ParameterList([weight])
    >>> def loss(model, curvature):
    ...     return 0.5 * curvature * weight.square()
    >>> optimizer = __import__("torch").optim.SGD(model.parameters(), lr=0.1)
    >>> advise_warmup(model, optimizer, [8.0], loss, updates=8).warmup  # 2 / 8 is the critical rate
    0
    >>> print(advise_warmup(model, optimizer, [8.0], loss, lr=1.0, updates=8).warmup)  # at no time can it take 1
    None
    """
    inner = stepped(optimizer)
    many, taken, each = checked_pilot(updates, sets, probed)
    peak = present_rate(inner) if lr is None else positive("lr", lr, "It is the target peak.")
    if not peak:
        raise ScheduleError(refusal("lr", "a target peak above 0", lr, "The optimizer has none to take: give lr."))
    accumulation = int(count("accumulation", accumulation, 1, advice="It is a number of batches."))
    clip = None if clip is None else positive("clip", clip, "It is the largest norm of the gradients.")
    with untouched(model, batches=batches):
        ahead = list(itertools.islice(Feed(batches), taken * each))
    fixed = [ahead[at * each : (at + 1) * each] for at in range(taken)]
    maker = Pilots(model, inner, batches, fixed, loss or model_loss, float(peak), many, accumulation, clip)
    with untouched(model, weights_of(inner), batches):
        first = maker.probe(Twin(inner, model, relative_rates(inner, base=True)), 0, maker.lr)
    return _advised(maker, first, _untuned(inner))


def checked_pilot(updates: int = 100, sets: int = 5, probed: int = 4) -> tuple[int, int, int]:
    """The counts of a pilot, or the refusal of :func:`advise_warmup`."""
    return (
        int(count("updates", updates, 4, advice="100 to 300 are usual.")),
        int(count("sets", sets, 1, advice="5 have a quartile.")),
        int(count("probed", probed, 1, advice="It is batches in a set, 4 say.")),
    )


def _advised(maker: Pilots, first: Probe, untuned: int | None) -> WarmupAdvice:
    """The shortest climb whose pilot keeps below the critical rate."""
    first_share = min(BEGIN * first.critical / maker.lr, BEGIN)
    calm = maker.lr <= SAFE * first.critical
    lengths = [2**power for power in range(1, maker.updates.bit_length()) if 2**power <= maker.updates / 2]
    pilots: list[Pilot] = []
    for length in [*([0] if calm else []), *lengths]:
        pilots.append(maker.run(length, first_share))
        if pilots[-1].keeps:
            break
    kept = pilots[-1].keeps
    return WarmupAdvice(
        maker.lr, pilots[-1].warmup if kept else None, pilots[-1].schedule(0), first, tuple(pilots), untuned,
        updates=sum(len(pilot.losses) for pilot in pilots),
        passes=sum(pilot.passes for pilot in pilots) + maker.passes_of(first),
    )  # fmt: skip


def _untuned(optimizer: Optimizer) -> int | None:
    betas = optimizer.param_groups[0].get("betas")
    return untuned_warmup(float(betas[1])) if betas and 0 <= float(betas[1]) < 1 else None


def _share(lr: float, critical: float) -> str:
    return f"{lr / critical:.2g}" if critical else "any number of times"


def _times(factor: float) -> str:
    return f"{factor:.0f} times" if math.isfinite(factor) else "without bound"
