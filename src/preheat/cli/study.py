"""``preheat study``: schedules, peaks and warm-up lengths compared over seeds, and advice on a warm-up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preheat.cli.command import PATH, Group, argument, flag, json_flag, option
from preheat.cli.flags import (
    config_flag,
    flags,
    given_settings,
    print_answer,
    print_json,
    read_settings,
    say,
    setting_flags,
)
from preheat.errors import ConfigError, refusal
from preheat.messages import _
from preheat.messages.languages import tell

if TYPE_CHECKING:
    from preheat.lab.studies.design import StudyDesign
    from preheat.lab.studies.executors import Executor
    from preheat.lab.studies.table import StudyTable

# Axes, and what a study decides for all of its runs: settings that have no flag of their own here.
_NO_FLAGS = {
    *("lr", "warmup", "schedule", "schedule_options", "seed", "max_updates", "out", "save_every", "keep_last"),
    *("keep_models", "trackers", "workers", "bad_numbers", "spikes"),
}
# The axes; whatever else is given belongs to the [train] table.
_DESIGN = ("question", "lr", "warmup", "schedule", "horizon", "seed", "shortest")

design_flags = flags(
    option(
        "--design",
        type=PATH,
        metavar="FILE",
        help=_("TOML or JSON file: the axes, and a [train] table; flags win."),
    ),
    option("--question", metavar="TEXT", help=_("What the study is to answer, for people.")),
    option("--lr", multiple=True, metavar="RATE", help=_("Peak, or a range as 1e-4..1e-2x5; may be repeated.")),
    option("--warmup", multiple=True, metavar="LENGTH", help=_("Warm-up: updates, 0.1 or 10%; may be repeated.")),
    option("--schedule", multiple=True, metavar="SPEC", help=_("Name or words; may be repeated.")),
    option("--horizon", multiple=True, metavar="UPDATES", help=_("Updates of a run; may be repeated.")),
    option("--seed", multiple=True, metavar="N", help=_("Seed, or a range as 0..4; may be repeated.")),
    option(
        "--shortest",
        type=int,
        metavar="N",
        help=_("Fewest updates that runs share; a shorter common stretch is trained by each. Default: 10."),
    ),
)
processes_flag = option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help=_("Stages trained at a time; without it one for every core."),
)
scheduler_flag = option(
    "--scheduler",
    metavar="ADDRESS",
    help=_("Train on the workers of this Dask scheduler, tcp://host:8786, instead."),
)
alone_flag = flag("--alone", _("Train every run by itself, for a comparison."))
folder_argument = argument("folder", "FOLDER", _("The study's folder."), type=PATH)


@click.group(cls=Group)
def study() -> None:
    """Compare schedules, peaks and warm-up lengths over seeds. What runs have in common is trained once.

    Example: preheat study run --schedule linear --schedule cosine --warmup 100 --horizon 500 --seed 0..2
    """


@study.command()
@design_flags
@option("--out", type=PATH, metavar="FOLDER", help=_("A study that was begun: what is left."))
@processes_flag
@alone_flag
@flag("--measure", _("Train a few updates, keeping nothing, to say how long it will take."))
@json_flag(_("Print the result as JSON."))
@setting_flags(without=_NO_FLAGS)
def plan(
    design: Path | None,
    out: Path | None,
    processes: int | None,
    alone: bool,
    measure: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Print what a study will train, and how long it will take. Nothing is kept.

    Runs and updates, what is shared and why not more, disk and time.

    Example: preheat study plan --schedule "hold > linear 20% to 0" --warmup 100 --horizon 500 --horizon 1000
    """
    from preheat.lab.studies.driver import plan_study
    from preheat.lab.studies.folder import StudyFolder

    asked = _design(design, settings)
    folder = StudyFolder(out) if out is not None else None
    if folder is not None:
        folder.header()  # refuses a mistyped folder, of which everything would seem to be left
    print_answer(plan_study(asked, folder, processes=processes, share=not alone, measure=measure), as_json=as_json)


@study.command()
@design_flags
@option("--out", type=PATH, metavar="FOLDER", help=_("New, or this very study's; without it studies/<name>-<date>."))
@flag("--extend", _("Take this design in place of --out's own, with more seeds, say."))
@processes_flag
@scheduler_flag
@alone_flag
@json_flag(_("Print the result as JSON."))
@setting_flags(without=_NO_FLAGS)
def run(
    design: Path | None,
    out: Path | None,
    extend: bool,
    processes: int | None,
    scheduler: str | None,
    alone: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train every run that a study's folder lacks, and print the report.

    Example: preheat study run --design study.toml --out studies/warmup
    """
    from preheat.lab.studies.driver import run_study

    asked = _design(design, settings)
    name = design.stem if design is not None else "study"
    # With the time in it: two studies begun without --out do not meet in one folder.
    folder = out or Path(f"studies/{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    executor = _executor(scheduler, processes)
    table = run_study(asked, folder, executor=executor, processes=processes, share=not alone, extend=extend)
    _print_report(table, as_json=as_json)


@study.command()
@folder_argument
@processes_flag
@scheduler_flag
@json_flag(_("Print the result as JSON."))
def resume(folder: Path, processes: int | None, scheduler: str | None, as_json: bool) -> None:
    """Train what an interrupted study lacks, and print the report.

    Example: preheat study resume studies/warmup
    """
    from preheat.lab.studies.design import read_design
    from preheat.lab.studies.driver import run_study
    from preheat.lab.studies.folder import StudyFolder

    header = StudyFolder(folder).header()
    asked = read_design(None, header["design"])
    executor = _executor(scheduler, processes)
    # As it was begun: --alone is for a comparison, which sharing the rest would spoil.
    table = run_study(asked, folder, executor=executor, processes=processes, share=header["share"])
    _print_report(table, as_json=as_json)


@study.command()
@folder_argument
@option("--files/--no-files", default=True, show_default=False, help=_("Write report.html and pictures too."))
@json_flag(_("Print the result as JSON."))
def report(folder: Path, files: bool, as_json: bool) -> None:
    """Print a study's results, ranked only where intervals are apart. Its folder gets report.html and pictures.

    Example: preheat study report studies/warmup
    """
    from preheat.lab.studies.table import read_study

    _print_report(read_study(folder), files=files, as_json=as_json)


@study.command()
@folder_argument
@option("--out", type=PATH, metavar="DIR", help=_("Where the files go; without it the study's folder."))
@flag("--force", _("Replace files that are there."))
def export(folder: Path, out: Path | None, force: bool) -> None:
    """Write the runs, their updates and their evaluations as Parquet files.

    Example: preheat study export studies/warmup
    """
    from preheat.lab.studies.table import export_study as write

    for path in write(folder, out or folder, force=force):
        print(tell(_("wrote {path}", path=path)))


@study.command()
@config_flag
@option("--pilot-updates", default=100, metavar="N", help=_("Updates of a pilot; warm-ups of half of them are tried."))
@option("--sets", default=5, metavar="N", help=_("Sets of batches a critical rate is measured on."))
@option("--probed", default=4, metavar="N", help=_("Batches in a set."))
@json_flag(_("Print the advice and its trace as JSON."))
@setting_flags()
def warmup(config: Path | None, pilot_updates: int, sets: int, probed: int, as_json: bool, **settings: Any) -> None:
    """Say whether a peak needs a warm-up, how long and from where. Short pilots of --lr tell; nothing is written.

    It keeps every update below the rate at which it would raise the loss; a study says what the final loss asks for.

    Example: preheat study warmup --lr 3e-3 --pilot-updates 100
    """
    # Settings are checked before torch is loaded: a mistyped one is refused at once.
    checked = read_settings(config, settings)
    from preheat.lab.finding.rehearsal import advise_warmup_of_run

    advice = advise_warmup_of_run(checked, say=say, updates=pilot_updates, sets=sets, probed=probed)
    print_answer(advice, as_json=as_json)


def _design(file: Path | None, given: Mapping[str, Any]) -> StudyDesign:
    """The design that a file and the flags that were given make: those of the axes, and settings of all runs."""
    from preheat.lab.studies.design import read_design
    from preheat.schedule.text import vouch_for

    own = {name: value for name, value in given.items() if name in _DESIGN}
    settings = {name: value for name, value in given.items() if name not in _DESIGN}
    axes = {name: list(value) if isinstance(value, tuple) else value for name, value in own.items()}
    # What was not said comes from Click as an empty tuple: there the file's axes have to stay.
    said = {name: value for name, value in axes.items() if value not in (None, [])}
    for words in said.get("schedule", ()):
        vouch_for(words)
    return read_design(file, {**said, "train": given_settings(settings)})


def _executor(scheduler: str | None, processes: int | None) -> Executor | None:
    """The cluster that was named; None for this machine."""
    if scheduler is None:
        return None
    from preheat.lab.studies.executors import DaskCluster

    if processes is not None:
        advice = _("The cluster has as many as were started there: leave it out.")
        raise ConfigError(refusal("processes", _("left out with --scheduler"), processes, advice))
    return DaskCluster(scheduler, say=say)


def _print_report(table: StudyTable, *, as_json: bool, files: bool = True) -> None:
    from preheat.lab.studies.findings import analyze_study
    from preheat.lab.studies.report import summarize_cells, text_of, write_page

    findings = analyze_study(table)
    # Before any run has begun there is nothing to draw.
    page = write_page(table, findings) if files and findings is not None else None
    if as_json:
        cells = [cell.to_dict() for cell in summarize_cells(table)]
        data = None if findings is None else findings.to_dict()
        print_json({"question": table.question, "runs": table.to_rows(), "cells": cells, "findings": data})
        return
    print(tell(text_of(table, findings)))
    if page is None:
        where = _("study folder {folder}", folder=table.folder.path)
    else:
        where = _("study folder {folder}; report {page}", folder=table.folder.path, page=page)
    print(f"\n{tell(where)}")
