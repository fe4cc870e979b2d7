"""``preheat forecast``: the loss of a schedule nobody has run yet, from two or three short runs."""

from __future__ import annotations

from typing import Annotated

import typer

from preheat.cli.completion import schedule_names
from preheat.cli.probes import FromStudy, Law, LossColumn, Peak, Runs, Warmup, read_probes
from preheat.cli.values import schedule_as_said, show_found


def forecast(
    schedule: Annotated[
        str, typer.Argument(metavar="SCHEDULE", autocompletion=schedule_names, help="A name, or a schedule in words.")
    ],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run asked about.")],
    lr: Peak,
    runs: Runs = None,
    study: FromStudy = None,
    warmup: Warmup = None,
    law: Law = None,
    loss: LossColumn = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the curve and all numbers as JSON.")] = False,
) -> None:
    """Predict the loss of a schedule from two or more short runs at the same peak with different decays.

    Without =SCHEDULE the logged learning rates are taken.

    Example: preheat forecast "warmup 300 > hold > linear 40% to 0" --updates 50000 --lr 1e-3 --run a.csv --run b.csv
    """
    from preheat.theory import forecast as predict

    probes = read_probes(runs, study, lr, warmup, loss)
    asked = schedule_as_said(schedule, updates, warmup, lr)
    found = predict(probes, asked, updates=updates, lr=lr, law=law)
    show_found(found, as_json=as_json)
