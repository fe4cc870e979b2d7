"""``preheat score``: schedules judged before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.forecast import Warmup
from preheat.cli.values import new_file, print_json, schedule_as_said, schedule_names, show_found
from preheat.errors import ConfigError, refusal

if TYPE_CHECKING:
    from preheat.advice import LongerRun, Transfer
    from preheat.schedule import Schedule


# --- ``preheat transfer``: a learning rate for another shape or horizon, or a longer run that keeps it --------------


def transfer(
    source: Annotated[str, typer.Option("--from", metavar="SCHEDULE", help="What the rate is good for.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of that run.")],
    lr: Annotated[float | None, typer.Option(metavar="RATE", help="Its best peak learning rate.")] = None,
    to: Annotated[
        str | None, typer.Option(metavar="SCHEDULE", help="What to run; left out: as before, with a new cool-down.")
    ] = None,
    to_updates: Annotated[
        int | None, typer.Option(metavar="UPDATES", help="Updates of the new run, if others.")
    ] = None,
    warmup: Warmup = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Carry a peak learning rate to another schedule or horizon; without --to, find the cool-down that keeps it.

    Example: preheat transfer --lr 1e-3 --from "hold 80% > linear to 0" --to "linear to 0" --updates 4000

    Example: preheat transfer --from "warmup 300 > hold > linear 20% to 0" --updates 50000 --to-updates 100000
    """
    from preheat.advice import transfer as carry
    from preheat.advice import transfer_horizon

    def named(words: str, length: int) -> Schedule:
        return schedule_as_said(words, length, warmup, 1.0)

    found: Transfer | LongerRun
    if to is None:
        if to_updates is None:
            advice = "Give --to for another schedule, --to-updates for a longer run, or both."
            raise ConfigError(refusal("to", "given, or to-updates", None, advice))
        found = transfer_horizon(named(source, updates), to_updates, updates=updates)
    else:
        if lr is None:
            raise ConfigError(refusal("lr", "given", None, "It is the best peak of the schedule after --from."))
        length = to_updates or updates
        pair = named(source, updates), named(to, length)
        found = carry(lr, *pair, updates=updates, target_updates=length)
    if to is None and lr is not None:
        _show_peak(found, lr, as_json=as_json)
    else:
        show_found(found, as_json=as_json)


def _show_peak(found: Transfer | LongerRun, lr: float, *, as_json: bool) -> None:
    """A longer run with the rate it is to have."""
    from preheat.schedule.lengths import positive

    peak = positive("lr", lr, "It is the best peak of the schedule after --from.") * found.ratio
    if as_json:
        print_json({**found.to_dict(), "lr": peak})
    else:
        typer.echo(f"at the peak {peak:.4g}:\n{found}")


# --- ``preheat refine``: a schedule from the gradient norms that one run logged -------------------------------------


def refine(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's log with gradient norms, or its folder.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Length of the next run.")],
    optimizer: Annotated[str, typer.Option(metavar="NAME", help="Whose weights: sgd or adam.")] = "sgd",
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the schedule to a .json or .toml file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file after --save.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the schedule and all numbers as JSON.")] = False,
) -> None:
    """Make a schedule of the gradient norms that a run logged: warm-up and decay both come out of them.

    Example: preheat refine runs/linear --updates 4000 --save refined.json
    """
    from preheat.advice import from_gradient_norms, read_run
    from preheat.schedule.text import save_schedule

    if save is not None:
        new_file(save, force)
    found = from_gradient_norms(read_run(run), updates, optimizer=optimizer)
    show_found(found, as_json=as_json)
    if save is not None:
        save_schedule(found.schedule, save)
        typer.echo(f"wrote {save}", err=True)


# --- ``preheat score``: schedules judged before training ------------------------------------------------------------


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
    from preheat.advice import rank, read_run

    values = [schedule_as_said(words, updates, warmup, 1.0, schedule_options) for words in schedules]
    norms = None
    if grad_norms is not None:
        log = read_run(grad_norms)
        norms = log.norms_over(updates)
        for note in log.notes:
            typer.echo(f"note: {note}", err=True)
    found = rank(values, updates=updates, grad_norms=norms)
    if as_json:
        print_json(found.to_dict())
    elif phases or len(found.bounds) == 1:
        typer.echo("\n\n".join(one.explain() for one in found.bounds))
    else:
        typer.echo(found.explain())
