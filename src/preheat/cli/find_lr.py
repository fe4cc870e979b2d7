"""``preheat find-lr``: a range test on the model, data and settings of a run; its flags are ``preheat train``'s."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from preheat.cli.settings import ConfigFile, read_settings, with_settings
from preheat.cli.values import new_file, show_found


@with_settings
def find_lr(
    config: ConfigFile = None,
    start: Annotated[float, typer.Option(metavar="RATE", help="First learning rate of the test.")] = 1e-6,
    end: Annotated[float, typer.Option(metavar="RATE", help="Last learning rate of the test.")] = 1.0,
    updates: Annotated[int, typer.Option(metavar="N", help="Learning rates tried, one an update.")] = 200,
    spacing: Annotated[str, typer.Option(metavar="log|linear", help="Equal factors, or equal differences.")] = "log",
    smoothing: Annotated[
        float, typer.Option(metavar="NUMBER", help="Weight of one update over its neighbour's, in [0, 1).")
    ] = 0.8,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the test: .png, .svg or .pdf.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over the picture's file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole test as JSON.")] = False,
    **settings: Any,
) -> None:
    """Try learning rates on the run that the other flags describe, and suggest a peak. Nothing is trained or written.

    The learning rate climbs from update to update; several rules read the loss, each gives a rate or why it has none.

    Example: preheat find-lr --data news.csv --text-column title --label-column topic --save range-test.png
    """
    if save is not None:
        new_file(save, force)
    checked = read_settings(config, settings)
    from preheat.train.finding.rehearsal import find_lr_of_run

    found = find_lr_of_run(
        checked, say=lambda line: typer.echo(line, err=True),
        start=start, end=end, updates=updates, spacing=spacing, smoothing=smoothing,
    )  # fmt: skip
    if save is not None:
        found.plot(save)
    show_found(found, as_json=as_json)
