"""``preheat check``: what a schedule will do that its author may not have meant."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from preheat.cli.values import named_schedule, print_json, schedule_names, what_is_checked

# --- ``preheat diff``: where two schedules differ, and by how much --------------------------------------------------


def diff(
    first: Annotated[
        str, typer.Argument(metavar="SCHEDULE", autocompletion=schedule_names, help="A name, or a schedule in words.")
    ],
    second: Annotated[str, typer.Argument(metavar="SCHEDULE", autocompletion=schedule_names, help="The other.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run.")] = 1000,
    warmup: Annotated[
        str | None, typer.Option(metavar="LENGTH", help='Climb of named ones: updates, a fraction or "10%" [10%].')
    ] = None,
    lr: Annotated[float, typer.Option(metavar="RATE", help="Peak learning rate; 1 compares shares of it.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Compare two schedules update by update. Exit 0 if they are the same, 1 if not.

    Example: preheat diff warmuplinear "warmup 10% > linear" --updates 3600
    """
    from preheat.checking import diff as compare

    found = compare(
        *(named_schedule(words, updates, warmup, lr, None) for words in (first, second)), updates=updates, lr=lr
    )
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo(str(found))
    if not found.same:
        raise typer.Exit(1)


# --- ``preheat check``: what a schedule will do that its author may not have meant ----------------------------------


def check(
    schedule: Annotated[
        str, typer.Argument(metavar="SCHEDULE", autocompletion=what_is_checked, help="A name, or a schedule in words.")
    ],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run.")],
    horizon: Annotated[
        int | None, typer.Option(metavar="UPDATES", help="Updates the schedule is shaped for, if not the run's.")
    ] = None,
    warmup: Annotated[
        str | None, typer.Option(metavar="LENGTH", help='Climb of a named one: updates, a fraction or "10%" [10%].')
    ] = None,
    lr: Annotated[float, typer.Option(metavar="RATE", help="Peak learning rate.")] = 1.0,
    schedule_options: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of a named one; may be repeated.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look for mistakes before the run does. Exit 1 if there is an error, 0 otherwise.


    Example: preheat check "warmup 10% > cosine to 0.1" --updates 3600 --lr 1e-4
    """
    from preheat.checking import check as findings_of

    value = named_schedule(schedule, horizon or updates, warmup, lr, schedule_options)
    findings = findings_of(value, updates=updates, lr=lr)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        typer.echo(value.for_base(lr).describe(lr, updates))
        for finding in findings:
            typer.echo(str(finding))
        if not findings:
            typer.echo("nothing found")
    failing = {"error", "warning"} if strict else {"error"}
    if any(finding.severity in failing for finding in findings):
        raise typer.Exit(1)
