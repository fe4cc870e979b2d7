"""``preheat score``: schedules judged before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from preheat.cli.completion import schedule_names
from preheat.cli.probes import Warmup
from preheat.cli.values import print_json, schedule_as_said


def score(
    schedules: Annotated[
        list[str],
        typer.Argument(metavar="SCHEDULE...", autocompletion=schedule_names, help="Names, or schedules in words."),
    ],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run.")],
    warmup: Warmup = None,
    schedule_options: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the named ones; may be repeated.")
    ] = None,
    grad_norms: Annotated[
        Path | None,
        typer.Option(metavar="LOG", help="A run's log with gradient norms; else constant ones."),
    ] = None,
    phases: Annotated[bool, typer.Option("--phases", help="Show what each phase has of the bound.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Rank schedules by a bound on the last iterate, each at its own best peak, before any training.

    Without measured gradient norms all need the same warm-up: the bound cannot choose one.

    Example: preheat score linear cosine "warmup 10% > hold > linear 20% to 0" --updates 4000
    """
    from preheat.theory import rank_schedules, read_run

    values = [schedule_as_said(words, updates, warmup, 1.0, schedule_options) for words in schedules]
    norms = None
    if grad_norms is not None:
        log = read_run(grad_norms)
        norms = log.norms_over(updates)
        for note in log.notes:
            typer.echo(f"note: {note}", err=True)
    found = rank_schedules(values, updates=updates, grad_norms=norms)
    if as_json:
        print_json(found.to_dict())
    elif phases or len(found.scores) == 1:
        typer.echo("\n\n".join(one.explain() for one in found.scores))
    else:
        typer.echo(found.explain())
