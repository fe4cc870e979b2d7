"""``preheat forecast``: the loss of a schedule nobody has run yet, from two or three short runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.values import print_json, schedule_as_said, schedule_names, show_found
from preheat.errors import ConfigError, DataError, refusal

if TYPE_CHECKING:
    from preheat.advice import FinishedRun, RunLog, ShortRun, Surface
    from preheat.schedule import Schedule


# --- ``preheat rung-check``: whether runs may be stopped early, asked of finished ones ------------------------------


_OF_CELLS = (
    "every cell of the study counts once, by means over its seeds: training losses on the way, validation at the end"
)


def rung_check(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Logs of finished runs, their folders, or a study's.")
    ],
    at: Annotated[
        list[float] | None, typer.Option(metavar="FRACTION", help="A rung [0.2 0.5 0.8 0.9 0.95]; may be repeated.")
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Each run's shape, in the order of the runs.")
    ] = None,
    updates: Annotated[
        int | None, typer.Option(metavar="UPDATES", help="Of a study with runs of several lengths, those of this one.")
    ] = None,
    loss: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of the loss.")] = None,
    least: Annotated[float, typer.Option(metavar="FRACTION", help="Spearman needed to stop runs early.")] = 0.8,
    prune_at: Annotated[
        float | None, typer.Option(metavar="FRACTION", help="Exit 1 unless runs may be stopped there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rungs as JSON.")] = False,
) -> None:
    """Ask finished runs whether their losses on the way told which would end best.

    Example: preheat rung-check runs/linear runs/cosine runs/wsd-10 runs/wsd-20 runs/wsd-40 runs/constant --at 0.5
    """
    from preheat.advice import check_early_stopping as check
    from preheat.advice.early_stopping import RUNGS

    shares = [*(at or RUNGS), *([] if prune_at is None else [prune_at])]
    logs, shapes = _logs(runs, updates, loss)
    found = check(logs, shares, groups=groups or shapes, least=least)
    if shapes is not None:
        found = replace(found, notes=(_OF_CELLS, *found.notes))
    show_found(found, as_json=as_json)
    if prune_at is not None:
        try:
            found.prune(prune_at)
        except DataError as refused:
            typer.echo(f"preheat: {refused}", err=True)
            raise typer.Exit(1) from None


def _logs(paths: list[Path], updates: int | None, loss: str | None) -> tuple[list[RunLog], list[str] | None]:
    """The runs and, where a study knows them, their shapes."""
    from preheat.advice import read_run
    from preheat.lab.studies.findings import is_study, study_logs

    twice = [path for index, path in enumerate(paths) if path.resolve() in {one.resolve() for one in paths[:index]}]
    if twice:
        raise ConfigError(
            refusal("runs", "each named once", str(twice[0]), "A run that counts twice agrees with itself.")
        )
    if len(paths) == 1 and is_study(paths[0]):
        return study_logs(paths[0], updates)
    studies = [str(path) for path in paths if is_study(path)]
    if studies:
        raise ConfigError(refusal("runs", "one study, or runs", studies[0], "Ask about one study at a time."))
    if updates is not None:
        raise ConfigError(
            refusal("updates", "left out for runs", updates, "It picks runs of a study; name those you mean.")
        )
    return [read_run(path, loss=loss) for path in paths], None


# --- The short runs that a law is fitted to, as a command line names them -------------------------------------------


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
) -> list[ShortRun]:
    """The runs named one by one, and those of a study."""
    found = [_read_probe(words, lr, warmup, loss) for words in runs or ()]
    if study is not None:
        from preheat.lab.studies.findings import study_probes

        found += study_probes(study, lr)
    return found


def _read_probe(words: str, lr: float, warmup: str | None, loss: str | None) -> ShortRun:
    """One ``LOG`` or ``LOG=SCHEDULE@UPDATES``."""
    from preheat.advice import ShortRun, read_run

    path, said, followed = _split(words)
    log = read_run(Path(path), loss=loss)
    if not said:
        return ShortRun.from_log(log)
    text, at, length = followed.rpartition("@")
    if not at or not length.strip().isdigit():
        advice = "For example --run 'a.csv=warmup 300 > hold > linear 20% to 0@25000'."
        raise ConfigError(refusal("run", "written LOG=SCHEDULE@UPDATES", words, advice))
    updates = int(length)
    return ShortRun.from_log(log, schedule_as_said(text, updates, warmup, lr), updates=updates, lr=lr)


def _split(words: str) -> tuple[str, str, str]:
    """The log, ``=`` and what it followed; the log's name may have ``=`` in it, as ``lr=0.001/log.csv`` has."""
    parts = words.split("=")
    for many in range(len(parts), 0, -1):
        if Path(path := "=".join(parts[:many])).exists():
            return path, "=" if many < len(parts) else "", "=".join(parts[many:])
    return words.partition("=")


# --- ``preheat optimize``: the schedules that a law fitted to short runs likes best ---------------------------------


def optimize(
    reference: Annotated[str, typer.Argument(metavar="SCHEDULE", help="What would be run otherwise.")],
    updates: Annotated[int, typer.Option(metavar="UPDATES", help="Updates of the run to be planned.")],
    lr: Peak,
    runs: Runs = None,
    study: FromStudy = None,
    climb: Annotated[
        int | None, typer.Option(metavar="UPDATES", help="Warm-up of the planned run [as SCHEDULE's].")
    ] = None,
    floors: Annotated[
        list[float] | None, typer.Option("--floor", metavar="FRACTION", help="An end it may have [0 0.02 0.1].")
    ] = None,
    warmup: Warmup = None,
    law: Law = None,
    loss: LossColumn = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the set and all numbers as JSON.")] = False,
) -> None:
    """Find the best schedules under a law fitted to short runs, and say whether the gain is more than its error.

    Example: preheat optimize cosine --updates 50000 --lr 1e-3 --climb 300 --run a.csv --run b.csv
    """
    from preheat.advice import optimize as search

    probes = read_probes(runs, study, lr, warmup, loss)
    known = schedule_as_said(reference, updates, warmup, lr)
    options = {} if not floors else {"floors": floors}
    found = search(probes, known, lr=lr, updates=updates, warmup=climb, law=law, **options)
    show_found(found, as_json=as_json)


# --- ``preheat surface``: the loss over shape and peak together, from four finished runs ----------------------------


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
    from preheat.advice import fit_surface as fit

    finished = [_finished(words, updates, warmup) for words in runs or ()]
    if study is not None:
        from preheat.lab.studies.findings import study_outcomes

        finished += study_outcomes(study, updates)
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
    from preheat.advice import FinishedRun

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


# --- ``preheat forecast``: the loss of a schedule nobody has run yet, from two or three short runs ------------------


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
    from preheat.advice import forecast as predict

    probes = read_probes(runs, study, lr, warmup, loss)
    asked = schedule_as_said(schedule, updates, warmup, lr)
    found = predict(probes, asked, updates=updates, lr=lr, law=law)
    show_found(found, as_json=as_json)
