"""``preheat forecast``: the loss of a schedule nobody has run yet, from two or three short runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.values import named_schedule, print_json
from preheat.errors import ConfigError, refusal

if TYPE_CHECKING:
    from preheat.theory import Probe


def forecast(
    schedule: Annotated[str, typer.Argument(metavar="SCHEDULE", help="A name, or a schedule in words.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run asked about.")],
    lr: Annotated[float, typer.Option(metavar="RATE", help="Peak learning rate of all runs.")],
    runs: Annotated[
        list[str],
        typer.Option("--run", metavar="LOG[=SCHEDULE@UPDATES]", help="A short run, what it followed and its length."),
    ],
    warmup: Annotated[
        str | None, typer.Option(metavar="LENGTH", help='Climb of named ones: updates, a fraction or "10%" [10%].')
    ] = None,
    law: Annotated[str | None, typer.Option(metavar="NAME", help="tissue or multi-power [by left-out error].")] = None,
    loss: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of the loss.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the curve and all numbers as JSON.")] = False,
) -> None:
    """Predict the loss of a schedule from two or more short runs at the same peak with different decays.

    Without =SCHEDULE the logged learning rates are taken.

    Example: preheat forecast "warmup 300 > hold > linear 40% to 0" --updates 50000 --lr 1e-3 --run a.csv --run b.csv
    """
    from preheat.theory import forecast as predict

    probes = [read_probe(words, lr, warmup, loss) for words in runs]
    asked = named_schedule(schedule, updates, climb_of_named(schedule, warmup), lr, None)
    found = predict(probes, asked, updates=updates, lr=lr, law=law)
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(found.explain())


def climb_of_named(words: str, warmup: str | None) -> str | None:
    """The flag's climb for a name; words say their own."""
    from preheat.schedule.named import is_text

    return None if is_text(words) else warmup


def read_probe(words: str, lr: float, warmup: str | None, loss: str | None) -> Probe:
    """One ``LOG`` or ``LOG=SCHEDULE@UPDATES``."""
    from preheat.theory import probe, read_run

    path, said, followed = words.partition("=")
    log = read_run(Path(path), loss=loss)
    if not said:
        return probe(log)
    text, at, length = followed.rpartition("@")
    if not at or not length.strip().isdigit():
        advice = "For example --run 'a.csv=warmup 300 > hold > linear 20% to 0@25000'."
        raise ConfigError(refusal("run", "written LOG=SCHEDULE@UPDATES", words, advice))
    updates = int(length)
    return probe(log, named_schedule(text, updates, climb_of_named(text, warmup), lr, None), updates=updates, lr=lr)
