"""``preheat diff``: where two schedules differ, and by how much."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from preheat.cli.completion import schedule_names
from preheat.cli.values import named_schedule, print_json


def diff(
    first: Annotated[
        str, typer.Argument(metavar="SCHEDULE", autocompletion=schedule_names, help="A name, or a schedule in words.")
    ],
    second: Annotated[str, typer.Argument(metavar="SCHEDULE", autocompletion=schedule_names, help="The other.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run.")] = 1000,
    warmup: Annotated[
        str | None, typer.Option(metavar="LENGTH", help='Climb of named ones: updates, a fraction or "10%" [10%].')
    ] = None,
    lr: Annotated[float, typer.Option(metavar="RATE", help="Peak learning rate; 1 compares shares of it.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Compare two schedules update by update. Exit 0 if they are the same, 1 if not.

    Example: preheat diff warmuplinear "warmup 10% > linear" --updates 3600
    """
    from preheat.inspect import diff as compare

    found = compare(
        *(named_schedule(words, updates, warmup, lr, None) for words in (first, second)), updates=updates, lr=lr
    )
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo(str(found))
    if not found.same:
        raise typer.Exit(1)
