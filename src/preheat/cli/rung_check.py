"""``preheat rung-check``: whether runs may be stopped early, asked of finished ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from preheat.cli.values import show_found
from preheat.errors import DataError


def rung_check(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Logs of finished runs, or their folders.")],
    at: Annotated[
        list[float] | None, typer.Option(metavar="FRACTION", help="A rung [0.2 0.5 0.8 0.9 0.95]; may be repeated.")
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Each run's shape, in the order of the runs.")
    ] = None,
    loss: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of the loss.")] = None,
    least: Annotated[float, typer.Option(metavar="FRACTION", help="Spearman needed to stop runs early.")] = 0.8,
    prune_at: Annotated[
        float | None, typer.Option(metavar="FRACTION", help="Exit 1 unless runs may be stopped there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rungs as JSON.")] = False,
) -> None:
    """Ask finished runs whether their losses on the way told which would end best.

    Example: preheat rung-check runs/linear runs/cosine runs/wsd-10 runs/wsd-20 runs/wsd-40 runs/constant --at 0.5
    """
    from preheat.theory import read_run
    from preheat.theory import rung_check as check
    from preheat.theory.rungs import RUNGS

    shares = [*(at or RUNGS), *([] if prune_at is None else [prune_at])]
    found = check([read_run(path, loss=loss) for path in runs], shares, groups=groups or None, least=least)
    show_found(found, as_json=as_json)
    if prune_at is not None:
        try:
            found.prune(prune_at)
        except DataError as refused:
            typer.echo(f"preheat: {refused}", err=True)
            raise typer.Exit(1) from None
