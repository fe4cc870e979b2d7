"""A run whose batch changes on the way: the same samples (or tokens) in another number of updates.

A plan's own updates are a clock; samples are a finer one that a change of batch cannot disturb. After the change an
update is worth more or less of the old clock. To keep the learning rate as a function of samples,

* write the schedule in samples, ``get_schedule(name, warmup=plan.samples_at(W), total=plan.samples_at(T))``, and ask it
  for ``schedule(replanned.samples_at(k))``; or
* keep it in the plan's updates, and read it at ``replanned.original_position(k)``, which may lie between two of them.

Units  every update counts as a full one of ``samples_per_update`` rows, as in :class:`~preheat.plan.plan.Plan`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from preheat.errors import PlanError, refusal
from preheat.plan.values import above_zero, exact, whole, word
from preheat.schedule.lengths import Length

if TYPE_CHECKING:
    from preheat.plan.plan import Plan

CLOCKS = ("samples", "tokens")


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of updates of one size, from ``start`` completed updates on."""

    start: int
    batch_size: int
    accumulation: int
    world_size: int
    tokens_per_sample: float | None = None

    @property
    def samples_per_update(self) -> int:
        """Rows of an update over all processes."""
        return self.batch_size * self.accumulation * self.world_size

    def size(self, unit: str) -> Fraction:
        """What an update is worth, in ``samples`` or ``tokens``."""
        if unit == "samples":
            return Fraction(self.samples_per_update)
        if self.tokens_per_sample is None:
            advice = "Give the tokens a row has."
            raise PlanError(refusal("tokens_per_sample", "given to count in tokens", None, advice))
        return exact(self.tokens_per_sample) * self.samples_per_update


@dataclass(frozen=True, slots=True)
class Replanned:
    """A plan with changes of its batch; made by :meth:`Plan.replan`, and a timeline for lengths like the plan.

    Args:
        plan: the original, whose updates are the clock its schedule was written in.
        legs: stretches of updates of one size, in order, the first from update 0.
        clock: what the changes keep: ``samples`` or ``tokens``.

    >>> from preheat import Plan
    >>> halved = Plan(1000, 8, 4).replan(at=250, batch_size=4)
    >>> print(halved.explain())
    updates 0 to 249: 8 samples each, 2000 samples
    updates 250 to 749: 4 samples each, 2000 samples
    updates: 750, instead of 500 for 4000 samples
    """

    plan: Plan
    legs: tuple[Leg, ...]
    clock: str = "samples"

    @property
    def updates(self) -> int | None:
        """Updates of the whole run, those before the changes included; None if the plan has no known end."""
        if self.plan.updates is None:
            return None
        return self._position(self.plan.updates * self.legs[0].size(self.clock), self.clock)

    @property
    def samples_per_update(self) -> int:
        """Rows of an update after the last change."""
        return self.legs[-1].samples_per_update

    def samples_at(self, position: int) -> int:
        """Samples seen after ``position`` completed updates."""
        return int(self._amount(position, "samples"))

    def tokens_at(self, position: int) -> float | Fraction:
        """Tokens seen after ``position`` completed updates."""
        found = self._amount(position, "tokens")
        return int(found) if found.denominator == 1 else found

    def position_of_samples(self, samples: int) -> int:
        """The completed updates by which ``samples`` were seen: the inverse of :meth:`samples_at`, rounded up."""
        return self._position(Fraction(whole("samples", samples, 0, "Give a whole number.")), "samples")

    def original_position(self, position: int) -> Fraction:
        """Where ``position`` lies on the original plan's clock; it may lie between two of its updates."""
        return self._amount(position, self.clock) / self.legs[0].size(self.clock)

    def in_updates(self, length: Length) -> int:
        """A length from the start of the run, in updates of this timeline, rounded up.

        >>> from preheat import Plan
        >>> from preheat.schedule.lengths import epochs, samples
        >>> halved = Plan(1000, 8, 4).replan(at=250, batch_size=4)
        >>> halved.in_updates(epochs(3)), halved.in_updates(samples(1000))
        (500, 125)
        """
        if length.unit in CLOCKS:
            return self._position(Fraction(length.value), length.unit)
        return self._position(self.plan.in_updates(length) * self.legs[0].size(self.clock), self.clock)

    def replan(
        self,
        at: int,
        batch_size: int | None = None,
        accumulation: int | None = None,
        world_size: int | None = None,
        tokens_per_sample: float | None = None,
    ) -> Replanned:
        """One more change; see :meth:`Plan.replan`. ``at`` counts completed updates of this timeline."""
        last = self.legs[-1]
        begin = whole("at", at, last.start, "Updates already planned stay: give completed updates.")
        total = self.updates
        if total is not None and begin >= total:
            rule = f"below the {total} updates of the run"
            raise PlanError(refusal("at", rule, at, "Change the batch before the end."))

        def chosen(name: str, value: Any) -> int:
            return int(getattr(last, name)) if value is None else whole(name, value)

        tokens = last.tokens_per_sample
        if tokens_per_sample is not None:
            tokens = above_zero("tokens_per_sample", tokens_per_sample)
        leg = Leg(
            begin,
            chosen("batch_size", batch_size),
            chosen("accumulation", accumulation),
            chosen("world_size", world_size),
            tokens,
        )
        return Replanned(self.plan, (*self.legs, leg), self.clock)

    def explain(self) -> str:
        """Every stretch with its updates and samples, and the new total, one line each."""
        total = self.updates
        unit = self.clock
        lines = []
        for leg, end in zip(self.legs, [*(leg.start for leg in self.legs[1:]), total], strict=True):
            size = leg.size(unit)
            if end is None:
                lines.append(f"updates {leg.start} on: {float(size):.12g} {unit} each")
            elif end > leg.start:
                amount = float(size * (end - leg.start))
                lines.append(f"updates {leg.start} to {end - 1}: {float(size):.12g} {unit} each, {amount:.12g} {unit}")
        if total is None or self.plan.updates is None:
            return "\n".join([*lines, "updates: unknown, the run has no end yet"])
        kept = float(self.plan.updates * self.legs[0].size(unit))
        return "\n".join([*lines, f"updates: {total}, instead of {self.plan.updates} for {kept:.12g} {unit}"])

    def _amount(self, position: int, unit: str) -> Fraction:
        """Samples or tokens seen after ``position`` updates."""
        position = whole("position", position, 0, "Positions count completed updates.")
        seen = Fraction(0)
        for leg, end in zip(self.legs, [*(leg.start for leg in self.legs[1:]), math.inf], strict=True):
            if position > leg.start:
                seen += leg.size(unit) * int(min(position, end) - leg.start)
        return seen

    def _position(self, amount: Fraction, unit: str) -> int:
        """The first position by which ``amount`` was seen."""
        for leg in reversed(self.legs):
            before = self._amount(leg.start, unit)
            if amount > before:
                return leg.start + math.ceil((amount - before) / leg.size(unit))
        return 0


def first(plan: Plan, clock: str) -> Replanned:
    """``plan`` as a timeline of one stretch."""
    word("clock", clock, CLOCKS)
    leg = Leg(0, plan.batch_size, plan.accumulation, plan.world_size, plan.tokens_per_sample)
    leg.size(clock)  # tokens need tokens_per_sample: refused here, not at the first question
    return Replanned(plan, (leg,), clock)
