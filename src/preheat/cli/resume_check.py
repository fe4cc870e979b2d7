"""``preheat resume-check``: what going on from a checkpoint will do to the learning rate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from preheat.cli.values import Options, Updates, Warmup, print_json, read_plan


def resume_check(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT", help="A file, or the folder of a checkpoint or run; nothing in it is run."
        ),
    ],
    asked: Annotated[
        str, typer.Option("--with", metavar="SPEC", help="The schedule to go on with: a name, words, or a file.")
    ],
    updates: Updates = None,
    warmup: Warmup = None,
    lr: Annotated[
        float | None, typer.Option(metavar="RATE", help="Its peak; left out, the saved base rate is kept.")
    ] = None,
    schedule_options: Options = None,
    bridge: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the bridge shown.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print the forecast as JSON.")] = False,
) -> None:
    """Say what resuming a checkpoint does, in its framework and here. Exit 1 if it is not what is asked for.

    Example: preheat resume-check runs/gpt2/checkpoint-500 --with warmuplinear --warmup 100 --updates 2000
    """
    from preheat.checkpoints import check_resume

    schedule, peak = read_plan(asked, updates, warmup, lr, schedule_options)
    found = check_resume(checkpoint, schedule, lr=peak, total=updates, bridge=bridge)
    if as_json:
        data: dict[str, Any] = {
            "checkpoint": str(found.checkpoint.path),
            "framework": found.checkpoint.framework,
            "position": found.position,
            "saved": None if found.saved is None else str(found.saved),
            "saved_base": found.saved_base,
            "asked": str(found.asked),
            "asked_base": found.asked_base,
            "sentence": found.sentence,
            "preheat": found.ours,
            "as_asked": found.as_asked,
            "updates": list(found.updates),
            "courses": {curve.name: list(curve.rates) for curve in found.curves},
            "notes": list(found.notes),
        }
        print_json(data)
    else:
        typer.echo(str(found))
    if not found.as_asked:
        raise typer.Exit(1)
