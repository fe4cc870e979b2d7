"""A plan's arithmetic in words, one line a step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from preheat.plan.conventions import CONVENTIONS
from preheat.plan.values import exact

if TYPE_CHECKING:
    from preheat.plan.plan import Plan
    from preheat.schedule.lengths import Length


def explain(plan: Plan, warmup: int | float | str | Length | None) -> str:
    """What :meth:`Plan.explain` gives."""
    lines = []
    if plan.trainer != "plain_loop":
        lines.append(f"counted as {CONVENTIONS[plan.trainer].title} does")
    if plan.examples is not None:
        lines += _batches(plan)
        if plan.accumulation > 1:
            lines.append(_per_epoch(plan))
    if plan.max_tokens is not None:
        lines.append(
            f"tokens per update: {plan.samples_per_update} samples x {plan.tokens_per_sample}"
            f" = {_shown(plan.tokens_per_update or 0)}"
        )
    lines += _updates(plan)
    if warmup is not None:
        of = "" if plan.updates is None else f" of {plan.updates} updates"
        lines.append(f"warm-up: {warmup}{of} = {plan.warmup(warmup)}")
    return "\n".join(lines)


def _batches(plan: Plan) -> Iterator[str]:
    """From rows to the batches one process sees."""
    rounding = "floor" if plan.drop_last else "ceil"
    if plan.sharding == "batches" and plan.world_size > 1:
        rows = plan.batch_size * plan.world_size
        yield f"examples per batch of all processes: {plan.batch_size} x {plan.world_size} = {rows}"
        yield f"batches per epoch: {rounding}({plan.examples} examples / {rows}) = {plan.batches_per_epoch}"
        return
    share = plan.examples_per_process
    if plan.world_size > 1:
        dealt = "floor" if plan.sharding == "drop" else "ceil"
        yield f"examples per process: {dealt}({plan.examples} / {plan.world_size}) = {share}"
    yield f"batches per epoch: {rounding}({share} examples / {plan.batch_size}) = {plan.batches_per_epoch}"


def _per_epoch(plan: Plan) -> str:
    quotient = f"{plan.batches_per_epoch} batches / {plan.accumulation}"
    found = _shown(plan.updates_per_epoch)
    if plan.tail == "carry":
        return f"updates per epoch: {quotient} = {found}, batches left over count for the next epoch"
    return f"updates per epoch: {'ceil' if plan.tail == 'flush' else 'floor'}({quotient}) = {found}"


def _updates(plan: Plan) -> Iterator[str]:
    """From epochs, steps or a budget to the updates of the run."""
    if plan.max_samples is not None:
        yield f"updates: ceil({plan.max_samples} samples / {plan.samples_per_update}) = {plan.updates}"
    elif plan.max_tokens is not None:
        yield f"updates: ceil({plan.max_tokens} tokens / {_shown(plan.tokens_per_update or 0)}) = {plan.updates}"
    elif plan.epochs is None and plan.max_steps is None:
        yield "updates: unknown, the run has no end yet"
    else:
        if plan.epochs is not None:
            yield _by_epochs(plan, plan.epochs)
        if plan.max_steps is not None:
            yield _by_steps(plan, plan.max_steps)
    if plan.epochs is None and plan.examples is not None and plan.updates is not None:
        yield f"epochs: {plan.updates} updates / {_shown(plan.updates_per_epoch)} = {_shown(_passes(plan))}"


def _passes(plan: Plan) -> Fraction:
    return Fraction(plan.updates or 0) / Fraction(plan.updates_per_epoch)


def _by_epochs(plan: Plan, epochs: float) -> str:
    found = plan.updates_at_epoch(epochs)
    if CONVENTIONS[plan.trainer].parts == "updates" and not isinstance(epochs, int):
        return f"updates: ceil({plan.updates_per_epoch} x {epochs} epochs) = {found}"
    full, part = divmod(exact(epochs), 1)
    batches = plan.batches_per_epoch
    if plan.tail == "carry" and plan.accumulation > 1:
        seen = f"{batches} batches x {epochs} epochs"
        return f"updates: floor({seen if not part else f'ceil({seen})'} / {plan.accumulation}) = {found}"
    unit = "updates" if plan.accumulation > 1 else "batches"
    line = f"updates: {plan.updates_per_epoch} {unit} x {full} epochs"
    if part:
        rounding = "floor" if plan.tail == "drop" else "ceil"
        line += f" + {rounding}({math.ceil(part * batches)} batches / {plan.accumulation})"
    return f"{line} = {found}"


def _by_steps(plan: Plan, steps: int) -> str:
    if plan.epochs is None:
        return f"updates: max_steps = {steps}"
    if CONVENTIONS[plan.trainer].both == "first":
        return f"updates: min({plan.updates_at_epoch(plan.epochs)}, max_steps {steps}) = {plan.updates}"
    return f"updates: max_steps = {steps}, which wins over epochs"


def _shown(value: float | Fraction) -> str:
    """Whole numbers as they are, others short."""
    return str(int(value)) if value == int(value) else f"{float(value):.6g}"
