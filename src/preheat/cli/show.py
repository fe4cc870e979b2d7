"""``preheat show``: schedules in the terminal, as a picture or as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from preheat.cli.values import parse_length, parse_options, print_json
from preheat.errors import RunError, refusal
from preheat.files import replacing


def show(
    names: Annotated[
        list[str],
        typer.Argument(metavar="SCHEDULE", help='Names, as warmuplinear, or words, as "warmup 10% > cosine to 0.1".'),
    ],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the whole run.")] = 1000,
    warmup: Annotated[
        str | None, typer.Option(metavar="LENGTH", help='Climb of the named ones: updates, a fraction or "10%" [10%].')
    ] = None,
    lr: Annotated[float, typer.Option(metavar="RATE", help="Peak learning rate; 1 shows shares of the peak.")] = 1.0,
    schedule_options: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the schedule; may be repeated.")
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a .png, .svg, .pdf or .csv file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the schedules as JSON.")] = False,
) -> None:
    """Draw one schedule, or several in one picture.

    Example: preheat show warmuplinear warmupcosine --warmup 100 --updates 3600 --lr 1e-4 --save curves.png
    """
    from preheat.schedule import Schedule
    from preheat.schedule.named import is_text, read_schedule, refuse_reserved, takes_warmup
    from preheat.view import draw, plot, to_csv

    options: dict[str, Any] = parse_options(schedule_options or [])
    refuse_reserved(options)
    schedules: dict[str, Schedule] = {}
    for name in names:
        length: Any = None if warmup is None else parse_length(warmup)
        if not is_text(name):
            length = 0 if not takes_warmup(name) else "10%" if length is None else length
        schedules[name] = read_schedule(name, warmup=length, total=updates, lr=lr, **options).for_base(lr)
    if save is not None:
        if save.exists() and not force:
            raise RunError(refusal("save", "a new file", str(save), "Name another one, or add --force."))
        if save.suffix.lower() == ".csv":
            with replacing(save) as beside:
                beside.write_text(to_csv(schedules, updates=updates, lr=lr), encoding="utf-8")
        else:
            plot(schedules, path=save, updates=updates, lr=lr, title=", ".join(names))
        typer.echo(f"wrote {save}", err=True)
    if as_json:
        print_json(
            {name: {**schedule.to_dict(), "fingerprint": schedule.fingerprint} for name, schedule in schedules.items()}
        )
    elif save is None:
        typer.echo(draw(schedules, updates=updates, lr=lr))
        for name, schedule in schedules.items():
            typer.echo(f"\n{name}\n{schedule.describe(lr)}")
