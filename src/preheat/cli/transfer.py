"""``preheat transfer``: a learning rate for another shape or horizon, or a longer run that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.probes import Warmup
from preheat.cli.values import print_json, schedule_as_said, show_found
from preheat.errors import ConfigError, refusal

if TYPE_CHECKING:
    from preheat.schedule import Schedule
    from preheat.theory import Lengthened, Transfer


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
    from preheat.theory import lengthen, transfer_lr

    def named(words: str, length: int) -> Schedule:
        return schedule_as_said(words, length, warmup, 1.0)

    found: Transfer | Lengthened
    if to is None:
        if to_updates is None:
            advice = "Give --to for another schedule, --to-updates for a longer run, or both."
            raise ConfigError(refusal("to", "given, or to-updates", None, advice))
        found = lengthen(named(source, updates), to_updates, updates=updates)
    else:
        if lr is None:
            raise ConfigError(refusal("lr", "given", None, "It is the best peak of the schedule after --from."))
        length = to_updates or updates
        pair = named(source, updates), named(to, length)
        found = transfer_lr(lr, *pair, updates=updates, target_updates=length)
    if to is None and lr is not None:
        _show_peak(found, lr, as_json=as_json)
    else:
        show_found(found, as_json=as_json)


def _show_peak(found: Transfer | Lengthened, lr: float, *, as_json: bool) -> None:
    """A longer run with the rate it is to have."""
    from preheat.schedule.checks import positive

    peak = positive("lr", lr, "It is the best peak of the schedule after --from.") * found.ratio
    if as_json:
        print_json({**found.to_dict(), "lr": peak})
    else:
        typer.echo(f"at the peak {peak:.4g}:\n{found}")
