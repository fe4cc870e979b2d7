"""``preheat plan``: how many updates a run takes, with the arithmetic."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from preheat.cli.values import parse_length, print_json


def plan(
    examples: Annotated[int, typer.Option(metavar="ROWS", help="Rows of the training set.")],
    batch_size: Annotated[int, typer.Option(metavar="ROWS", help="Rows in one batch of one process.")],
    epochs: Annotated[int, typer.Option(metavar="EPOCHS", help="Passes over the data.")],
    accumulation: Annotated[int, typer.Option(metavar="BATCHES", help="Batches that make one update.")] = 1,
    world_size: Annotated[int, typer.Option(metavar="PROCESSES", help="Processes that share the data.")] = 1,
    drop_last: Annotated[bool, typer.Option("--drop-last", help="Leave an incomplete batch out.")] = False,
    warmup: Annotated[str | None, typer.Option(metavar="LENGTH", help='Climb: updates, a fraction or "10%".')] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Count the updates of a run and of its warm-up.

    Example: preheat plan --examples 3821 --batch-size 32 --epochs 30 --warmup 10%
    """
    from preheat.plan import Plan

    counted = Plan(examples, batch_size, epochs, accumulation, world_size, drop_last)
    length: Any = None if warmup is None else parse_length(warmup)
    if as_json:
        numbers = {
            "batches_per_epoch": counted.batches_per_epoch,
            "updates_per_epoch": counted.updates_per_epoch,
            "updates": counted.updates,
        }
        print_json(numbers if length is None else {**numbers, "warmup": counted.warmup(length)})
    else:
        typer.echo(counted.explain(length))
