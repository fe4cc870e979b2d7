"""``preheat show``: schedules in the terminal, as a picture or as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from preheat.cli.values import named_schedule, new_file, print_json, schedule_names
from preheat.files import replacing


def show(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="SCHEDULE",
            autocompletion=schedule_names,
            help='Names, as warmuplinear, or words, as "warmup 10% > cosine to 0.1".',
        ),
    ],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the whole run.")] = 1000,
    warmup: Annotated[
        str | None, typer.Option(metavar="LENGTH", help='Climb of the named ones: updates, a fraction or "10%" [10%].')
    ] = None,
    lr: Annotated[float, typer.Option(metavar="RATE", help="Peak learning rate; 1 shows shares of the peak.")] = 1.0,
    schedule_options: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the schedule; may be repeated.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a .png, .svg, .pdf, .html or .csv file.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic learning-rate axis.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the schedules as JSON.")] = False,
) -> None:
    """Draw one schedule, or several in one picture.

    Example: preheat show warmuplinear warmupcosine --warmup 100 --updates 3600 --lr 1e-4 --save curves.png
    """
    from preheat.view import draw, plot, to_csv, to_html

    schedules = {name: named_schedule(name, updates, warmup, lr, schedule_options).for_base(lr) for name in names}
    if save is not None:
        new_file(save, force)
        write = {".csv": to_csv, ".html": to_html}.get(save.suffix.lower())
        if write is None:
            plot(schedules, path=save, updates=updates, lr=lr, title=", ".join(names), log=log)
        else:
            with replacing(save) as beside:
                beside.write_text(write(schedules, updates=updates, lr=lr), encoding="utf-8")
        typer.echo(f"wrote {save}", err=True)
    if as_json:
        print_json(
            {name: {**schedule.to_dict(), "fingerprint": schedule.fingerprint} for name, schedule in schedules.items()}
        )
    elif save is None:
        typer.echo(draw(schedules, updates=updates, lr=lr, log=log))
        for name, schedule in schedules.items():
            typer.echo(f"\n{name}\n{schedule.describe(lr, updates)}")
