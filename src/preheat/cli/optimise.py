"""``preheat optimise``: the schedules that a law fitted to short runs likes best."""

from __future__ import annotations

from typing import Annotated

import typer

from preheat.cli.probes import FromStudy, Law, LossColumn, Peak, Runs, Warmup, read_probes
from preheat.cli.values import schedule_as_said, show_found


def optimise(
    reference: Annotated[str, typer.Argument(metavar="SCHEDULE", help="What would be run otherwise.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run to be planned.")],
    lr: Peak,
    runs: Runs = None,
    study: FromStudy = None,
    climb: Annotated[
        int | None, typer.Option(metavar="UPDATES", help="Warm-up of the planned run [as SCHEDULE's].")
    ] = None,
    floors: Annotated[
        list[float] | None, typer.Option("--floor", metavar="FRACTION", help="An end it may have [0 0.02 0.1].")
    ] = None,
    warmup: Warmup = None,
    law: Law = None,
    loss: LossColumn = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the set and all numbers as JSON.")] = False,
) -> None:
    """Find the best schedules under a law fitted to short runs, and say whether the gain is more than its error.

    Example: preheat optimise cosine --updates 50000 --lr 1e-3 --climb 300 --run a.csv --run b.csv
    """
    from preheat.theory import optimise as search

    probes = read_probes(runs, study, lr, warmup, loss)
    known = schedule_as_said(reference, updates, warmup, lr)
    options = {} if not floors else {"floors": floors}
    found = search(probes, known, lr=lr, updates=updates, climb=climb, law=law, **options)
    show_found(found, as_json=as_json)
