"""The short runs that a law is fitted to, as a command line names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.values import schedule_as_said
from preheat.errors import ConfigError, refusal

if TYPE_CHECKING:
    from preheat.theory import Probe

# Flags of every command that fits a law.
Runs = Annotated[
    list[str] | None,
    typer.Option("--run", metavar="LOG[=SCHEDULE@UPDATES]", help="A short run, what it followed and its length."),
]
FromStudy = Annotated[
    Path | None, typer.Option("--study", metavar="FOLDER", help="A study: its finished runs at this peak.")
]
Peak = Annotated[float, typer.Option(metavar="RATE", help="Peak learning rate of all runs.")]
Warmup = Annotated[
    str | None, typer.Option(metavar="LENGTH", help='Climb of named ones: updates, a fraction or "10%" [10%].')
]
Law = Annotated[str | None, typer.Option(metavar="NAME", help="tissue or multi-power [by left-out error].")]
LossColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of the loss.")]


def read_probes(
    runs: list[str] | None, study: Path | None, lr: float, warmup: str | None, loss: str | None
) -> list[Probe]:
    """The runs named one by one, and those of a study."""
    found = [_read_probe(words, lr, warmup, loss) for words in runs or ()]
    if study is not None:
        from preheat.study.answers import probes

        found += probes(study, lr)
    return found


def _read_probe(words: str, lr: float, warmup: str | None, loss: str | None) -> Probe:
    """One ``LOG`` or ``LOG=SCHEDULE@UPDATES``."""
    from preheat.theory import probe, read_run

    path, said, followed = _split(words)
    log = read_run(Path(path), loss=loss)
    if not said:
        return probe(log)
    text, at, length = followed.rpartition("@")
    if not at or not length.strip().isdigit():
        advice = "For example --run 'a.csv=warmup 300 > hold > linear 20% to 0@25000'."
        raise ConfigError(refusal("run", "written LOG=SCHEDULE@UPDATES", words, advice))
    updates = int(length)
    return probe(log, schedule_as_said(text, updates, warmup, lr), updates=updates, lr=lr)


def _split(words: str) -> tuple[str, str, str]:
    """The log, ``=`` and what it followed; the log's name may have ``=`` in it, as ``lr=0.001/log.csv`` has."""
    parts = words.split("=")
    for many in range(len(parts), 0, -1):
        if Path(path := "=".join(parts[:many])).exists():
            return path, "=" if many < len(parts) else "", "=".join(parts[many:])
    return words.partition("=")
