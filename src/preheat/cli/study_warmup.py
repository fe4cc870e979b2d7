"""``preheat study warmup``: advice on a warm-up from pilots of a run; its flags are ``preheat train``'s."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from preheat.cli.settings import ConfigFile, read_settings, with_settings
from preheat.cli.values import show_found


@with_settings
def warmup(
    config: ConfigFile = None,
    pilot_updates: Annotated[
        int, typer.Option(metavar="N", help="Updates of a pilot; climbs of half are tried.")
    ] = 100,
    sets: Annotated[int, typer.Option(metavar="N", help="Sets of batches a critical rate is measured on.")] = 5,
    probed: Annotated[int, typer.Option(metavar="N", help="Batches in a set.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print the advice and its trace as JSON.")] = False,
    **settings: Any,
) -> None:
    """Say whether the peak of --lr needs a warm-up, how long and from where, by short pilots. Nothing is written.

    It keeps every update below the rate at which it would raise the loss; a study says what the final loss asks for.

    Example: preheat study warmup --lr 3e-3 --pilot-updates 100
    """
    checked = read_settings(config, settings)
    from preheat.train.finding.rehearsal import advise_warmup_of_run

    found = advise_warmup_of_run(
        checked, say=lambda line: typer.echo(line, err=True), updates=pilot_updates, sets=sets, probed=probed
    )
    show_found(found, as_json=as_json)
