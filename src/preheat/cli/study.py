"""Compare schedules, peaks and warm-up lengths over seeds, training what runs have in common once.

Example: preheat study run --schedule linear --schedule cosine --warmup 100 --horizon 500 --seed 0..2
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preheat.cli.values import ConfigFile, given_settings, print_json, read_settings, show_found, with_settings
from preheat.errors import ConfigError, refusal

if TYPE_CHECKING:
    from preheat.lab.studies.design import StudyDesign
    from preheat.lab.studies.executors import Executor
    from preheat.lab.studies.table import StudyTable


# --- ``preheat study warmup``: advice on a warm-up from pilots of a run; its flags are ``preheat train``'s ----------


@with_settings
def warmup(
    config: ConfigFile = None,
    pilot_updates: Annotated[
        int, typer.Option(metavar="N", help="Updates of a pilot; climbs of half are tried.")
    ] = 100,
    sets: Annotated[int, typer.Option(metavar="N", help="Sets of batches a critical rate is measured on.")] = 5,
    probed: Annotated[int, typer.Option(metavar="N", help="Batches in a set.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print the advice and its trace as JSON.")] = False,
    **settings: Any,
) -> None:
    """Say whether the peak of --lr needs a warm-up, how long and from where, by short pilots. Nothing is written.

    It keeps every update below the rate at which it would raise the loss; a study says what the final loss asks for.

    Example: preheat study warmup --lr 3e-3 --pilot-updates 100
    """
    checked = read_settings(config, settings)
    from preheat.lab.finding.rehearsal import advise_warmup_of_run

    found = advise_warmup_of_run(
        checked, say=lambda line: typer.echo(line, err=True), updates=pilot_updates, sets=sets, probed=probed
    )
    show_found(found, as_json=as_json)


# --- Compare schedules, peaks and warm-up lengths over seeds, training what runs have in common once ----------------


COMMANDS = ("plan", "run", "resume", "report", "export", "warmup")
# Axes, and what a study decides for all of its runs.
_NO_FLAGS = {
    *("lr", "warmup", "schedule", "schedule_options", "seed", "max_updates", "out", "save_every", "keep_last"),
    *("keep_models", "trackers", "workers", "bad_numbers", "spikes"),
}

File = Annotated[
    Path | None,
    typer.Option("--design", metavar="FILE", help="TOML or JSON file: the axes, and a [train] table; flags win."),
]
Question = Annotated[str | None, typer.Option(metavar="TEXT", help="What the study is to answer, for people.")]
Rates = Annotated[
    list[str] | None, typer.Option("--lr", metavar="RATE", help="Peak, or a range as 1e-4..1e-2x5; may be repeated.")
]
Warmups = Annotated[
    list[str] | None, typer.Option("--warmup", metavar="LENGTH", help="Warm-up: updates, 0.1 or 10%; may be repeated.")
]
Shapes = Annotated[list[str] | None, typer.Option("--schedule", metavar="SPEC", help="Name or words; may be repeated.")]
Horizons = Annotated[
    list[str] | None, typer.Option("--horizon", metavar="UPDATES", help="Updates of a run; may be repeated.")
]
Seeds = Annotated[
    list[str] | None, typer.Option("--seed", metavar="N", help="Seed, or a range as 0..4; may be repeated.")
]
Shortest = Annotated[
    int | None,
    typer.Option(metavar="N", help="Fewest updates that runs share: shorter stretches are not. Default: 10."),
]
Processes = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Stages trained at a time; without it one for every core.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Train on the workers of this Dask scheduler, tcp://host:8786, instead."),
]
Alone = Annotated[bool, typer.Option("--alone", help="Train every run by itself, for a comparison.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The study's folder.")]


@partial(with_settings, without=_NO_FLAGS)
def plan(
    design: File = None,
    question: Question = None,
    lr: Rates = None,
    warmup: Warmups = None,
    schedule: Shapes = None,
    horizon: Horizons = None,
    seed: Seeds = None,
    shortest: Shortest = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="A study that was begun: what is left.")] = None,
    processes: Processes = None,
    alone: Alone = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Train a few updates, keeping nothing, to say how long it will take.")
    ] = False,
    as_json: AsJson = False,
    **settings: Any,
) -> None:
    """Print runs, updates, what is shared and why not more, disk and time; nothing is kept.

    Example: preheat study plan --schedule "hold > linear 20% to 0" --warmup 100 --horizon 500 --horizon 1000
    """
    from preheat.lab.studies.driver import plan_study
    from preheat.lab.studies.folder import StudyFolder

    axes = {"lr": lr, "warmup": warmup, "schedule": schedule, "horizon": horizon, "seed": seed}
    asked = _design(design, {**axes, "question": question, "shortest": shortest}, settings)
    folder = StudyFolder(out) if out is not None else None
    if folder is not None:
        folder.header()  # of a slip of the pen nothing would be left, or all
    found = plan_study(asked, folder, processes=processes, share=not alone, measure=measure)
    show_found(found, as_json=as_json)


@partial(with_settings, without=_NO_FLAGS)
def run(
    design: File = None,
    question: Question = None,
    lr: Rates = None,
    warmup: Warmups = None,
    schedule: Shapes = None,
    horizon: Horizons = None,
    seed: Seeds = None,
    shortest: Shortest = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="New, or this very study's; without it studies/<name>-<date>.")
    ] = None,
    extend: Annotated[
        bool, typer.Option("--extend", help="Take this design in the place of --out's own, with more seeds say.")
    ] = False,
    processes: Processes = None,
    scheduler: Scheduler = None,
    alone: Alone = False,
    as_json: AsJson = False,
    **settings: Any,
) -> None:
    """Train every run of a study that is not in its folder yet, and print the report.

    Example: preheat study run --design study.toml --out studies/warmup
    """
    from preheat.lab.studies.driver import run_study

    axes = {"lr": lr, "warmup": warmup, "schedule": schedule, "horizon": horizon, "seed": seed}
    asked = _design(design, {**axes, "question": question, "shortest": shortest}, settings)
    name = design.stem if design is not None else "study"
    folder = out or Path(f"studies/{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    where = _executor(scheduler, processes)
    table = run_study(asked, folder, executor=where, processes=processes, share=not alone, extend=extend)
    _print_report(table, as_json=as_json)


def resume(folder: Folder, processes: Processes = None, scheduler: Scheduler = None, as_json: AsJson = False) -> None:
    """Go on with a study that was cut off: train what is missing, and print the report.

    Example: preheat study resume studies/warmup
    """
    from preheat.lab.studies.design import read_design
    from preheat.lab.studies.driver import run_study
    from preheat.lab.studies.folder import StudyFolder

    header = StudyFolder(folder).header()
    asked = read_design(None, header["design"])
    where = _executor(scheduler, processes)
    table = run_study(asked, folder, executor=where, processes=processes, share=header["share"])
    _print_report(table, as_json=as_json)


def report(
    folder: Folder,
    files: Annotated[bool, typer.Option("--files/--no-files", help="Write report.html and pictures too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Print what a study says, ranked only where intervals are apart; write report.html and pictures into its folder.

    Example: preheat study report studies/warmup
    """
    from preheat.lab.studies.table import read_study

    _print_report(read_study(folder), files=files, as_json=as_json)


def export(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the files go; without it the study's folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write the runs, their updates and their evaluations as Parquet files.

    Example: preheat study export studies/warmup
    """
    from preheat.lab.studies.table import export_study as write

    for path in write(folder, out or folder, force=force):
        typer.echo(f"wrote {path}")


def _design(file: Path | None, flags: dict[str, Any], settings: dict[str, Any]) -> StudyDesign:
    """The design that a file and the flags that were given make."""
    from preheat.lab.studies.design import read_design

    given = {name: value for name, value in flags.items() if value not in (None, [])}
    return read_design(file, {**given, "train": given_settings(settings)})


def _executor(scheduler: str | None, processes: int | None) -> Executor | None:
    """The cluster that was named; None for this machine."""
    if scheduler is None:
        return None
    from preheat.lab.studies.executors import DaskCluster

    if processes is not None:
        advice = "The cluster has as many as were started there: leave it out."
        raise ConfigError(refusal("processes", "left out with --scheduler", processes, advice))
    return DaskCluster(scheduler, say=partial(typer.echo, err=True))


def _print_report(table: StudyTable, *, as_json: bool, files: bool = True) -> None:
    from preheat.lab.studies.findings import analyze_study
    from preheat.lab.studies.report import summarize_cells, text_of, write_page

    findings = analyze_study(table)
    page = write_page(table, findings) if files and findings is not None else None
    if as_json:
        cells = [cell.to_dict() for cell in summarize_cells(table)]
        found = None if findings is None else findings.to_dict()
        print_json({"question": table.question, "runs": table.to_rows(), "cells": cells, "findings": found})
        return
    typer.echo(text_of(table, findings))
    typer.echo(f"\nstudy folder {table.folder.path}" + (f"; report {page}" if page is not None else ""))
