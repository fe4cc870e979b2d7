"""``preheat optimise``: the schedules that a law fitted to short runs likes best."""

from __future__ import annotations

from typing import Annotated

import typer

from preheat.cli.forecast import climb_of_named, read_probe
from preheat.cli.values import named_schedule, print_json


def optimise(
    reference: Annotated[str, typer.Argument(metavar="SCHEDULE", help="What would be run otherwise.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run to be planned.")],
    lr: Annotated[float, typer.Option(metavar="RATE", help="Peak learning rate of all runs.")],
    runs: Annotated[
        list[str],
        typer.Option("--run", metavar="LOG[=SCHEDULE@UPDATES]", help="A short run, what it followed and its length."),
    ],
    climb: Annotated[int, typer.Option(metavar="UPDATES", help="Warm-up of the planned run.")] = 0,
    floors: Annotated[
        list[float] | None, typer.Option("--floor", metavar="FRACTION", help="An end it may have [0 0.02 0.1].")
    ] = None,
    warmup: Annotated[
        str | None, typer.Option(metavar="LENGTH", help='Climb of named ones: updates, a fraction or "10%" [10%].')
    ] = None,
    law: Annotated[str | None, typer.Option(metavar="NAME", help="tissue or multi-power [by left-out error].")] = None,
    loss: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of the loss.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the set and all numbers as JSON.")] = False,
) -> None:
    """Find the best schedules under a law fitted to short runs, and say whether the gain is more than its error.

    Example: preheat optimise cosine --updates 50000 --lr 1e-3 --climb 300 --run a.csv --run b.csv
    """
    from preheat.theory import optimise as search

    probes = [read_probe(words, lr, warmup, loss) for words in runs]
    known = named_schedule(reference, updates, climb_of_named(reference, warmup), lr, None)
    options = {} if not floors else {"floors": floors}
    found = search(probes, known, lr=lr, updates=updates, climb=climb, law=law, **options)
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(found.explain())
