"""The plan that a log or a checkpoint is held against, as a command line names it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.values import named_schedule
from preheat.errors import ConfigError, refusal

if TYPE_CHECKING:
    from preheat.schedule import Schedule

# Flags of every command that takes a plan.
Updates = Annotated[int | None, typer.Option(metavar="UPDATES", help="Updates of the run, for plans in shares of it.")]
Warmup = Annotated[
    str | None, typer.Option(metavar="LENGTH", help='Climb of a named plan: updates, a fraction or "10%" [10%].')
]
Rate = Annotated[
    float | None, typer.Option(metavar="RATE", help="The plan's peak; left out, only shapes are compared.")
]
Options = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of a named plan; may be repeated.")
]

_FILES = (".json", ".toml", ".yaml", ".yml", ".cfg", ".ini")


def read_plan(
    spec: str, updates: int | None, warmup: str | None, lr: float | None, options: list[str] | None
) -> tuple[Schedule, float | None]:
    """The schedule that ``spec`` names, and its peak if that is known.

    Args:
        spec: the name of a schedule, one in words, a file of one, or another framework's configuration.
        updates: updates of the run, if known.
        warmup: the climb of a named one.
        lr: its peak, if known.
        options: ``name=value`` words of a named one.
    """
    path = Path(spec)
    if path.suffix.lower() in _FILES or path.is_file():
        return _from_file(path, updates, lr)
    from preheat.schedule import parse
    from preheat.schedule.named import is_text

    if is_text(spec):
        return parse(spec), lr
    if updates is None:
        advice = "Give --updates, or words that need no total."
        raise ConfigError(refusal("updates", f"given for {spec!r}, which the log does not say", None, advice))
    return named_schedule(spec, updates, warmup, 1.0 if lr is None else lr, options), lr


def _from_file(path: Path, updates: int | None, lr: float | None) -> tuple[Schedule, float | None]:
    from collections.abc import Mapping

    from preheat.dialects import read
    from preheat.dialects.common.loading import load
    from preheat.schedule.files import schedule_from_file

    data = load(path)
    if isinstance(data, Mapping) and "version" in data and {"kind", "schedule"} & {*data}:
        return schedule_from_file(data), lr
    found = read(data, total=updates, peak=lr)
    return found.schedule, found.base_lr
