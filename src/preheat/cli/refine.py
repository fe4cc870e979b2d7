"""``preheat refine``: a schedule from the gradient norms that one run logged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from preheat.cli.values import new_file, show_found


def refine(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's log with gradient norms, or its folder.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Length of the next run.")],
    optimizer: Annotated[str, typer.Option(metavar="NAME", help="Whose weights: sgd or adam.")] = "sgd",
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the schedule to a .json or .toml file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file after --save.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the schedule and all numbers as JSON.")] = False,
) -> None:
    """Make a schedule of the gradient norms that a run logged: warm-up and decay both come out of them.

    Example: preheat refine runs/linear --updates 4000 --save refined.json
    """
    from preheat.schedule.files import save_schedule
    from preheat.theory import read_run
    from preheat.theory import refine as refined_by

    if save is not None:
        new_file(save, force)
    found = refined_by(read_run(run), updates, optimizer=optimizer)
    show_found(found, as_json=as_json)
    if save is not None:
        save_schedule(found.schedule, save)
        typer.echo(f"wrote {save}", err=True)
