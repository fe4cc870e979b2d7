"""``preheat rung-check``: whether runs may be stopped early, asked of finished ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.values import show_found
from preheat.errors import ConfigError, DataError, refusal

if TYPE_CHECKING:
    from preheat.theory import RunLog

_OF_CELLS = (
    "every cell of the study counts once, by means over its seeds: training losses on the way, validation at the end"
)


def rung_check(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Logs of finished runs, their folders, or a study's.")
    ],
    at: Annotated[
        list[float] | None, typer.Option(metavar="FRACTION", help="A rung [0.2 0.5 0.8 0.9 0.95]; may be repeated.")
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Each run's shape, in the order of the runs.")
    ] = None,
    updates: Annotated[
        int | None, typer.Option(metavar="UPDATES", help="Of a study with runs of several lengths, those of this one.")
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
    from preheat.theory import rung_check as check
    from preheat.theory.rungs import RUNGS

    shares = [*(at or RUNGS), *([] if prune_at is None else [prune_at])]
    logs, shapes = _logs(runs, updates, loss)
    found = check(logs, shares, groups=groups or shapes, least=least)
    if shapes is not None:
        found = replace(found, notes=(_OF_CELLS, *found.notes))
    show_found(found, as_json=as_json)
    if prune_at is not None:
        try:
            found.prune(prune_at)
        except DataError as refused:
            typer.echo(f"preheat: {refused}", err=True)
            raise typer.Exit(1) from None


def _logs(paths: list[Path], updates: int | None, loss: str | None) -> tuple[list[RunLog], list[str] | None]:
    """The runs and, where a study knows them, their shapes."""
    from preheat.study.answers import is_study, logs
    from preheat.theory import read_run

    twice = [path for index, path in enumerate(paths) if path.resolve() in {one.resolve() for one in paths[:index]}]
    if twice:
        raise ConfigError(
            refusal("runs", "each named once", str(twice[0]), "A run that counts twice agrees with itself.")
        )
    if len(paths) == 1 and is_study(paths[0]):
        return logs(paths[0], updates)
    studies = [str(path) for path in paths if is_study(path)]
    if studies:
        raise ConfigError(refusal("runs", "one study, or runs", studies[0], "Ask about one study at a time."))
    if updates is not None:
        raise ConfigError(
            refusal("updates", "left out for runs", updates, "It picks runs of a study; name those you mean.")
        )
    return [read_run(path, loss=loss) for path in paths], None
