"""Warm-up advice for a target peak: how long, and from which rate, by pilots with critical learning rates on the way.

Rule     No warm-up where the peak is at most 0.8 of the critical rate of the first update, the lower quartile over
         sets of batches, and a pilot at the peak stays at or below the critical rate at all its probes. Else a linear
         warm-up whose first update is at half of that critical rate (1 / W of the peak if that is more), over the
         fewest of W = 2, 4, 8, ... updates whose own pilot stays so. A pilot for each length, because the critical rate
         follows the rate: held near it, weights find flatter places.
Pilot    the first updates of a run under a warm-up. Probes: before updates 0, 1, 2, 4, 8, ... the critical rate of the
         optimizer's next update is found by line search on a few fixed batches
         (:mod:`preheat.lab.finding.critical`), momentum and second moments as far as they have built up. The rate that
         update will use, over the critical one, is the probe's ratio.
Source   initial rates near the critical one: Kalra & Barkeshli 2024, arXiv:2406.09405; the line search: Kalra et al.
         2026, arXiv:2601.16979; Adam's untuned warm-up, 2 / (1 - beta2): Ma & Yarats 2019, arXiv:1910.04209.
Differs  The rule is preheat's own, and bounds what does not raise the loss at once; the length with the best final loss
         may be longer. What it was worth on a full sweep: docs/studies/warmup-advice.md.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from preheat.advice.last_iterate import Answer
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
    present_rate,
    relative_rates,
    stepped,
    untouched,
    weights_of,
)
from preheat.messages import _, joined, plural
from preheat.schedule import Schedule, parse, untuned_warmup
from preheat.schedule.lengths import count, positive

# --- Pilots ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """The critical learning rate before one update of a pilot, on several sets of batches.

    Attributes:
        update: completed updates.
        lr: the rate of the update to come.
        searches: what the line search found on each set.
    """

    update: int
    lr: float
    searches: tuple[CriticalLR, ...]

    @property
    def critical(self) -> float:
        """The lower quartile of the sets: infinite where the loss never rises, 0 where every size raises it."""
        # The lower quartile: a warm-up that suits the median set raises the loss on half of them, and the lowest of
        # five is as noisy as a minimum is.
        return sorted(map(_bound, self.searches))[(len(self.searches) - 1) // 4]

    @property
    def ratio(self) -> float:
        """``lr`` over the critical rate."""
        return self.lr / self.critical if self.critical else math.inf

    @property
    def spread(self) -> float:
        """The largest of the sets over the smallest; infinite where one has no critical rate."""
        bounds = sorted(map(_bound, self.searches))
        return bounds[-1] / bounds[0] if bounds[0] else math.inf

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; infinite numbers become None."""
        return {
            "update": self.update,
            "lr": self.lr,
            "critical_lr": finite_or_none(self.critical),
            "ratio": finite_or_none(self.ratio),
            "sets": [{"lr": one.lr, "reason": one.reason} for one in self.searches],
        }


def _bound(search: CriticalLR) -> float:
    """What a search says of the rates below which its update is safe."""
    if search.lr is not None:
        return search.lr
    # The reasons are those of line_search: a loss that does not rise allows any rate, all other reasons allow none.
    harmless = "never rises" in search.reason or "stays at" in search.reason or "moves no weight" in search.reason
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
        optimizer: what is really stepped in training; a copy of it is stepped here.
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
        """The pilot of a warm-up of so many updates.

        It ends early after a probe whose rate is above the critical one, or a loss that is no finite number.

        Args:
            warmup: its updates, 0 for none.
            first: share of the peak that its first update uses, at most, as for :func:`ramp`.
        """
        schedule = ramp(warmup, first)
        ratios = relative_rates(self.optimizer, base=True)
        losses: list[float] = []
        probes: list[Probe] = []
        with untouched(self.model, weights_of(self.optimizer), self.batches):
            trial = TrialOptimizer(self.optimizer, self.model, ratios)
            feed = iter(Feed(self.batches))
            self.model.train()
            for update in range(self.updates):
                rate = self.lr * float(schedule(update))
                # Powers of 2: the critical rate moves fastest at first, and a probe costs ten passes or so.
                if update & (update - 1) == 0:  # 0 and the powers of 2
                    probes.append(self.probe(trial, update, rate))
                    if probes[-1].ratio > 1:
                        break
                taken = list(itertools.islice(feed, self.accumulation))
                losses.append(fresh_gradients(self.model, self.optimizer, taken, self.loss, self.clip))
                if not math.isfinite(losses[-1]):
                    break
                trial.update(rate)
        return Pilot(schedule, warmup, tuple(losses), tuple(probes), sum(map(self.passes_of, probes)))

    def probe(self, trial: TrialOptimizer, update: int, rate: float) -> Probe:
        """The critical rate of the next update of a trial optimizer, which stays as it is."""
        # The search reads the ratios of groups from the rates the copy has; before its first update it has none yet.
        for group, ratio in zip(trial.optimizer.param_groups, trial.ratios, strict=True):
            group["lr"] = group["lr"].fill_(self.lr * ratio) if hasattr(group["lr"], "fill_") else self.lr * ratio
        searches = [
            critical_lr(self.model, trial.optimizer, batches, self.loss, at=rate, clip=self.clip)
            for batches in self.probed
        ]
        return Probe(update, rate, tuple(searches))

    def passes_of(self, probe: Probe) -> int:
        """Forward passes: each batch of each set, for the gradient and for every size tried."""
        return sum((1 + one.evaluations) * len(self.probed[0]) for one in probe.searches)


def ramp(warmup: int, first: float = 0.0) -> Schedule:
    """A linear warm-up, then the peak for ever.

    Args:
        warmup: updates of the warm-up; the last of them is at the peak.
        first: share of the peak that its first update uses, in [0, 1]; 1 / ``warmup`` where that is more.

    >>> print(ramp(40, 0.22))
    warmup 40 from 0.2 > hold forever
    >>> round(ramp(40, 0.22)(0), 12), ramp(40, 0.22)(39)
    (0.22, 1.0)
    """
    if not warmup:
        return parse("hold forever")
    # Natively a warm-up makes its first step before the first update: (1 - from) / W above `from`. Rounded down to
    # three digits, so that the bound holds and the words stay short.
    begin = math.floor(1000 * (first * warmup - 1) / (warmup - 1) + 1e-9) / 1000 if warmup > 1 else 0.0
    words = f"warmup {warmup} from {begin:g}" if begin > 0 else f"warmup {warmup}"
    return parse(f"{words} > hold forever")


# --- The advice ------------------------------------------------------------------------------------------------------


# Shares of the critical rate of the first update: a peak below SAFE needs no warm-up; a warm-up begins at BEGIN. Both
# were chosen with room below 1, since the line search ends within 9 % and the sets of batches differ by more. What they
# were worth on one full study: docs/studies/warmup-advice.md.
SAFE = 0.8
BEGIN = 0.5
_APART = 4.0  # critical rates of sets that differ by more make the advice doubtful
_ASSUMES = (
    _("assumes: the run begins from these weights and this optimizer state, with this batch size and clipping."),
    _(
        "cannot say: which length gives the lowest final loss; it bounds updates that raise the loss of their own"
        " batches."
    ),
    _("measured: in one full study it ordered peaks, and was within a factor of 2 of the best length in 2 of 6 cases."),
)


@dataclass(frozen=True, slots=True)
class WarmupAdvice(Answer):
    """How long a warm-up to a target peak has to be, and from where.

    Attributes:
        lr: the target peak of the first group.
        warmup: updates of the warm-up; 0 where none is needed, None where none that was tried is long enough.
        start: share of the peak that the first update is to use, in (0, 1]; 1 without a warm-up.
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
        """The warm-up as words of a schedule; empty where there is none."""
        return str(self.pilots[-1].schedule).partition(" > ")[0] if self.warmup else ""

    @property
    def confidence(self) -> str:
        """How far the probes agree, in words."""
        margin = self.lr / (SAFE * self.first.critical) if self.first.critical else math.inf
        if not 0.5 <= margin <= 2 and self.first.spread <= _APART:
            return _("fair: sets of batches agree on the first critical rate, and the peak is not near the limit")
        near = _("the peak is within a factor of 2 of the limit")
        if self.first.spread <= _APART:
            return _("low: {why}", why=near)
        if math.isfinite(self.first.spread):
            differs = _(
                "the first critical rate differs {factor:.0f} times between sets of batches", factor=self.first.spread
            )
        else:
            differs = _("the first critical rate differs without bound between sets of batches")
        if 0.5 <= margin <= 2:
            return _("low: {why} and {also}", why=differs, also=near)
        return _("low: {why}", why=differs)

    def explain(self) -> str:
        """The advice in words, with its trace, its cost and its limits."""
        last = self.pilots[-1]
        lines: list[str] = [*self._verdict(), self._first()]
        for pilot in self.pilots[:-1]:
            worst = pilot.worst
            lines.append(
                _(
                    "tried {schedule}: rate / critical {ratio:.3g} before update {update}",
                    schedule=str(pilot.schedule), ratio=worst.ratio, update=worst.update,
                )
            )  # fmt: skip
        lines.append(_("trace of {schedule}", schedule=str(last.schedule)))
        lines += [
            _(
                "  update {update}: rate {lr:.3g}, critical {critical:.3g}, ratio {ratio:.2g}",
                update=probe.update, lr=probe.lr, critical=probe.critical, ratio=probe.ratio,
            )
            for probe in last.probes
        ]  # fmt: skip
        if self.untuned is not None:
            lines.append(
                _(
                    "Adam's untuned warm-up, 2 / (1 - beta2): {updates} updates (arXiv:1910.04209)",
                    updates=self.untuned,
                )
            )
        lines.append(_("confidence: {confidence}", confidence=self.confidence))
        lines.append(
            plural(
                "cost: {updates} updates in {n} pilot, {passes} more forward passes",
                "cost: {updates} updates in {n} pilots, {passes} more forward passes",
                len(self.pilots), updates=self.updates, passes=self.passes,
            )
        )  # fmt: skip
        return joined("\n", [*lines, *_ASSUMES])

    def _first(self) -> str:
        """What the first update can take."""
        if not self.first.critical:
            return _(
                "critical rate of the first update: {critical:.3g}, lower quartile of {sets} sets of batches; the peak"
                " is any number of times that",
                critical=self.first.critical, sets=len(self.first.searches),
            )  # fmt: skip
        return _(
            "critical rate of the first update: {critical:.3g}, lower quartile of {sets} sets of batches; the peak is"
            " {share:.2g} of it",
            critical=self.first.critical, sets=len(self.first.searches), share=self.lr / self.first.critical,
        )  # fmt: skip

    def _verdict(self) -> list[str]:
        if self.warmup is None:
            return [
                _(
                    "no warm-up found for a peak of {lr:.3g}: some update was above its critical rate in all of"
                    " {pilots} pilots, warm-up up to {longest}",
                    lr=self.lr, pilots=len(self.pilots), longest=self.pilots[-1].warmup,
                )
            ]  # fmt: skip
        if not self.warmup:
            command = f"preheat train --lr {self.lr:g} --warmup 0"
            return [
                _("no warm-up needed for a peak of {lr:.3g}, by this rule", lr=self.lr),
                _("use: {command}", command=command),
            ]
        command = f'preheat train --lr {self.lr:g} --schedule "{self.schedule} > linear to 0"'
        return [
            _(
                "warm-up for a peak of {lr:.3g}: {updates} updates, the first at {first:.3g}",
                lr=self.lr, updates=self.warmup, first=self.lr * self.start,
            ),
            _("use: {command}, or any decay after it", command=command),
        ]  # fmt: skip

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

    Model, optimizer, random numbers and loader are as before when it is over, as after :func:`preheat.lab.find_lr`.

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
    peak = present_rate(inner) if lr is None else positive("lr", lr, _("It is the target peak."))
    if not peak:
        raise ScheduleError(
            refusal("lr", _("a target peak above 0"), lr, _("The optimizer has none to take: give lr."))
        )
    accumulation = int(count("accumulation", accumulation, 1, advice=_("It is a number of batches.")))
    clip = None if clip is None else positive("clip", clip, _("It is the largest norm of the gradients."))
    # Taking batches from the loader moves its generators: that is undone too, so that each pilot sees the same ones.
    with untouched(model, batches=batches):
        ahead = list(itertools.islice(Feed(batches), taken * each))
    fixed = [ahead[at * each : (at + 1) * each] for at in range(taken)]
    maker = Pilots(model, inner, batches, fixed, loss or model_loss, float(peak), many, accumulation, clip)
    with untouched(model, weights_of(inner), batches):
        first = maker.probe(TrialOptimizer(inner, model, relative_rates(inner, base=True)), 0, maker.lr)
    return _advised(maker, first, _untuned(inner))


def checked_pilot(updates: int = 100, sets: int = 5, probed: int = 4) -> tuple[int, int, int]:
    """The counts of a pilot, or the refusal of :func:`advise_warmup`."""
    return (
        int(count("updates", updates, 4, advice=_("100 to 300 are usual."))),
        int(count("sets", sets, 1, advice=_("5 have a quartile."))),
        int(count("probed", probed, 1, advice=_("It is batches in a set, 4 say."))),
    )


def _advised(maker: Pilots, first: Probe, untuned: int | None) -> WarmupAdvice:
    """The shortest warm-up whose pilot keeps below the critical rate."""
    first_share = min(BEGIN * first.critical / maker.lr, BEGIN)
    calm = maker.lr <= SAFE * first.critical
    # At most half of the pilot: its second half is at the peak, where the critical rate has to keep up.
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
