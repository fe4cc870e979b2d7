"""``preheat surface``: the loss over shape and peak together, from four finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.probes import Warmup
from preheat.cli.values import print_json, schedule_as_said
from preheat.errors import ConfigError, refusal

if TYPE_CHECKING:
    from preheat.schedule import Schedule
    from preheat.theory import FinishedRun, Surface


def surface(
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Length of all runs.")],
    runs: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="SCHEDULE@PEAK=LOSS", help="A finished run and its final loss; four or more."),
    ] = None,
    study: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A study: its runs of this length, means over seeds.")
    ] = None,
    ask: Annotated[
        list[str] | None, typer.Option(metavar="SCHEDULE", help="A shape whose best peak is wanted; may be repeated.")
    ] = None,
    peaks: Annotated[
        list[float] | None, typer.Option("--peak", metavar="RATE", help="A peak the next run may have.")
    ] = None,
    warmup: Warmup = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Fit the loss over shapes and peaks to four finished runs; tell the best peak of any shape, and what to run next.

    Example: preheat surface --updates 3000 --run "hold > linear 20%@1e-4=2.9" --run "hold > linear 20%@1e-3=2.7"
      --run "hold > linear 20%@1e-2=2.8" --run "linear to 0@1e-3=2.72" --ask "cosine to 0"
    """
    from preheat.theory import surface as fit

    finished = [_finished(words, updates, warmup) for words in runs or ()]
    if study is not None:
        from preheat.study.answers import outcomes

        finished += outcomes(study, updates)
    found = fit(finished, updates=updates)
    wanted = {words: schedule_as_said(words, updates, warmup, 1.0) for words in ask or ()}
    asked = {words: found.best(schedule) for words, schedule in wanted.items()}
    upcoming = _next(found, [*wanted.values()], peaks)
    if as_json:
        answers = [{"schedule": words, "peak": peak, "loss": loss} for words, (peak, loss) in asked.items()]
        print_json({**found.to_dict(), "asked": answers, "next": {"schedule": upcoming[0], "peak": upcoming[1]}})
        return
    typer.echo(found.explain())
    for words, (peak, loss) in asked.items():
        typer.echo(f"{words}: best at {peak:.3g}, {loss:.4f}")
    typer.echo(f"the run that would tell most: {upcoming[0]} at {upcoming[1]:.3g}")


def _finished(words: str, updates: int, warmup: str | None) -> FinishedRun:
    """One ``SCHEDULE@PEAK=LOSS``."""
    from preheat.theory import FinishedRun

    left, equals, loss = words.rpartition("=")
    shape, at, peak = left.rpartition("@")
    try:
        numbers = float(peak), float(loss)
    except ValueError:
        equals = ""
    if not equals or not at:
        advice = "For example --run 'hold 80% > linear to 0@1e-3=2.71'."
        raise ConfigError(refusal("run", "written SCHEDULE@PEAK=LOSS", words, advice))
    return FinishedRun(schedule_as_said(shape, updates, warmup, numbers[0]), *numbers)


def _next(found: Surface, asked: list[Schedule], peaks: list[float] | None) -> tuple[str, float]:
    """The most informative run among the shapes known and asked about, at the peaks given or those of the runs."""
    shapes = [*dict.fromkeys([*(run.schedule for run in found.runs), *asked])]
    schedule, peak = found.next_run(shapes, peaks or sorted({run.peak for run in found.runs}))
    return str(schedule), peak
