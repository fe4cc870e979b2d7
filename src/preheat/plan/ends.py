"""What ends a run: one of several numbers, and never before the first update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.errors import PlanError, refusal
from preheat.plan.conventions import CONVENTIONS

if TYPE_CHECKING:
    from preheat.plan.plan import Plan

ENDS = ("epochs", "max_steps", "max_samples", "max_tokens")


def refuse_ends(plan: Plan) -> None:
    """One end, or two where the trainer says which counts; none only where the data has no known end either."""
    custom = CONVENTIONS[plan.trainer]
    given = [name for name in ENDS if getattr(plan, name) is not None]
    if plan.examples is None and plan.epochs is not None:
        advice = "Give max_steps, max_samples or max_tokens: nobody knows how long an epoch is."
        raise PlanError(refusal("epochs", "left out where examples is unknown", plan.epochs, advice))
    if len(given) > 1 and (custom.both == "none" or given != ["epochs", "max_steps"]):
        advice = f"{given[0]} or {given[1]} ends the run: leave one out."
        raise PlanError(refusal(given[1], f"left out where {given[0]} is given", getattr(plan, given[1]), advice))
    if not given and plan.examples is not None:
        advice = "Or give max_steps, max_samples or max_tokens."
        raise PlanError(refusal("epochs", "given where nothing else ends the run", None, advice))
    if not given and not custom.endless:
        advice = f"{custom.title} needs it where examples is unknown."
        raise PlanError(refusal("max_steps", "given", None, advice))
    if plan.max_tokens is not None and plan.tokens_per_sample is None:
        raise PlanError(refusal("tokens_per_sample", "given with max_tokens", None, "Give the tokens a row has."))
    if plan.epochs is not None and custom.parts == "none" and not isinstance(plan.epochs, int):
        raise PlanError(refusal("epochs", f"whole in {custom.title}", plan.epochs, "Give max_steps instead."))


def refuse_nothing(plan: Plan) -> None:
    """Zero updates, by the number that is at fault."""
    batches = plan.batches_per_epoch
    if not batches:
        advice = "0 updates: lower batch_size or world_size, or set drop_last=False."
        raise PlanError(refusal("examples", "enough for one full batch a process", plan.examples, advice))
    if plan.tail == "drop" and not plan.updates_per_epoch:
        advice = "0 updates: lower it, or set tail='flush'."
        rule = f"at most {batches}, the batches of an epoch"
        raise PlanError(refusal("accumulation", rule, plan.accumulation, advice))
    if plan.updates == 0:
        advice = "0 updates: give more of them, lower accumulation, or set tail='flush'."
        raise PlanError(refusal("epochs", "enough for one update", plan.epochs, advice))
