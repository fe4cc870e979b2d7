"""``preheat plan``: how many updates a run takes, with the arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from preheat.cli.values import print_json

if TYPE_CHECKING:
    from preheat.plan import Plan

_CHOICES = "plain_loop, hf_trainer, accelerate or lightning"


def plan(
    batch_size: Annotated[int, typer.Option(metavar="ROWS", help="Rows in one batch of one process.")],
    examples: Annotated[
        int | None, typer.Option(metavar="ROWS", help="Rows of the training set; left out for a stream.")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(metavar="EPOCHS", help="Passes over the data, parts allowed: 1.5.")
    ] = None,
    accumulation: Annotated[int, typer.Option(metavar="BATCHES", help="Batches that make one update.")] = 1,
    world_size: Annotated[int, typer.Option(metavar="PROCESSES", help="Processes that share the data.")] = 1,
    drop_last: Annotated[bool, typer.Option("--drop-last", help="Leave an incomplete batch out.")] = False,
    tail: Annotated[
        str, typer.Option(metavar="WORD", help="Last, smaller group of batches of an epoch: flush, drop or carry.")
    ] = "",
    sharding: Annotated[
        str, typer.Option(metavar="WORD", help="How rows come to processes: pad, drop or batches.")
    ] = "",
    max_steps: Annotated[int | None, typer.Option(metavar="UPDATES", help="End after so many updates.")] = None,
    max_samples: Annotated[float | None, typer.Option(metavar="ROWS", help="End after so many rows.")] = None,
    max_tokens: Annotated[float | None, typer.Option(metavar="TOKENS", help="End after so many tokens: 2e9.")] = None,
    tokens_per_sample: Annotated[float | None, typer.Option(metavar="TOKENS", help="Tokens a row has.")] = None,
    trainer: Annotated[str, typer.Option(metavar="TRAINER", help=f"Whose rounding counts: {_CHOICES}.")] = "plain_loop",
    warmup: Annotated[
        str | None, typer.Option(metavar="LENGTH", help='Climb: updates, a fraction, "10%" or "2 epochs".')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Count the updates of a run and of its warm-up.

    Example: preheat plan --examples 3821 --batch-size 32 --epochs 30 --warmup 10%
    """
    from preheat.plan import Plan

    counted = Plan(
        examples,
        batch_size,
        epochs,
        accumulation,
        world_size,
        drop_last,
        tail=tail,
        sharding=sharding,
        max_steps=max_steps,
        # Typed as floats so that 2e9 can be written; the plan takes whole ones only.
        max_samples=max_samples,  # type: ignore[arg-type]
        max_tokens=max_tokens,  # type: ignore[arg-type]
        tokens_per_sample=tokens_per_sample,
        trainer=trainer,
    )
    if as_json:
        print_json(_numbers(counted, warmup))
    else:
        typer.echo(counted.explain(warmup))


def _numbers(plan: Plan, warmup: str | None) -> dict[str, Any]:
    """The counts as JSON has them: null for what nobody knows, the average where an epoch is no whole number."""
    known = plan.examples is not None
    per_epoch = plan.updates_per_epoch if known else None
    found: dict[str, Any] = {
        "batches_per_epoch": plan.batches_per_epoch if known else None,
        "updates_per_epoch": per_epoch if per_epoch is None or isinstance(per_epoch, int) else float(per_epoch),
        "updates": plan.updates,
        "samples_per_update": plan.samples_per_update,
    }
    if plan.tokens_per_update is not None:
        found["tokens_per_update"] = plan.tokens_per_update
    return found if warmup is None else {**found, "warmup": plan.warmup(warmup)}
