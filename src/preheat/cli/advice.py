"""Commands that answer before a long run is paid for.

``score``, ``transfer`` and ``refine`` ask theory or a log of gradient norms; ``forecast``, ``optimize`` and ``surface``
fit laws to short runs; ``rung-check`` asks finished runs whether they could have been stopped early.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.cli.command import PATH, argument, command, flag, json_flag, option
from preheat.cli.completion import schedule_names
from preheat.cli.flags import (
    new_file,
    options_flag,
    print_answer,
    print_json,
    say,
    say_written,
    schedule_as_said,
    warmup_flag,
)
from preheat.errors import ConfigError, DataError, refusal
from preheat.messages import _
from preheat.messages.languages import tell

if TYPE_CHECKING:
    from preheat.advice import FinishedRun, LongerRun, RunLog, ShortRun, Surface, Transfer
    from preheat.schedule import Schedule

# Flags of every command that fits a law to short runs.
runs_flag = option(
    "--run",
    "runs",
    multiple=True,
    metavar="LOG[=SCHEDULE@UPDATES]",
    help=_("A short run, what it followed and its length; without =SCHEDULE the logged learning rates are taken."),
)
study_flag = option("--study", type=PATH, metavar="FOLDER", help=_("A study: its finished runs at this peak."))
peak_flag = option("--lr", type=float, required=True, metavar="RATE", help=_("Peak learning rate of all runs."))
law_flag = option("--law", metavar="NAME", help=_("tissue or multi-power [by left-out error]."))
loss_flag = option("--loss", metavar="COLUMN", help=_("The column of the loss."))

# --- Theory ---------------------------------------------------------------------------------------------------------


@command()
@argument(
    "schedules",
    "SCHEDULE...",
    _("Names, or schedules in words."),
    nargs=-1,
    required=True,
    shell_complete=schedule_names,
)
@option("--updates", type=int, required=True, metavar="UPDATES", help=_("Updates of the run."))
@warmup_flag
@options_flag
@option("--grad-norms", type=PATH, metavar="LOG", help=_("A run's log with gradient norms; else constant ones."))
@flag("--phases", _("Show what each phase has of the bound."))
@json_flag(_("Print the scores as JSON."))
def score(
    schedules: tuple[str, ...],
    updates: int,
    warmup: str | None,
    schedule_options: tuple[str, ...],
    grad_norms: Path | None,
    phases: bool,
    as_json: bool,
) -> None:
    """Rank schedules by a bound, before any training. It bounds the last iterate, each at its own best peak.

    Without measured gradient norms all need the same warm-up: the bound cannot choose one.

    Example: preheat score linear cosine "warmup 10% > hold > linear 20% to 0" --updates 4000
    """
    # Inside, as in every command: help and completion answer without NumPy.
    from preheat.advice import rank, read_run

    # A peak of 1, since the bound judges shapes.
    values = [schedule_as_said(words, updates, warmup, 1.0, schedule_options) for words in schedules]
    norms = None
    if grad_norms is not None:
        log = read_run(grad_norms)
        norms = log.norms_over(updates)
        for note in log.notes:
            # On standard error: with --json standard output is for programs.
            say(_("note: {note}", note=note))
    ranking = rank(values, updates=updates, grad_norms=norms)
    if as_json:
        print_json(ranking.to_dict())
    elif phases or len(ranking.bounds) == 1:
        print("\n\n".join(tell(one.explain()) for one in ranking.bounds))
    else:
        print(tell(ranking.explain()))


@command()
@option("--from", "source", required=True, metavar="SCHEDULE", help=_("What the rate is good for."))
@option("--updates", type=int, required=True, metavar="UPDATES", help=_("Updates of that run."))
@option("--lr", type=float, metavar="RATE", help=_("Its best peak learning rate."))
@option("--to", metavar="SCHEDULE", help=_("What to run; left out, the same schedule with a new cool-down."))
@option("--to-updates", type=int, metavar="UPDATES", help=_("Updates of the new run, if different."))
@warmup_flag
@json_flag(_("Print the answer as JSON."))
def transfer(
    source: str,
    updates: int,
    lr: float | None,
    to: str | None,
    to_updates: int | None,
    warmup: str | None,
    as_json: bool,
) -> None:
    """Carry a peak learning rate to another schedule or run length. Without --to, find the cool-down that keeps it.

    Example: preheat transfer --lr 1e-3 --from "hold 80% > linear to 0" --to "linear to 0" --updates 4000

    Example: preheat transfer --from "warmup 300 > hold > linear 20% to 0" --updates 50000 --to-updates 100000
    """
    from preheat.advice import transfer as carry
    from preheat.advice import transfer_horizon

    def named(words: str, length: int) -> Schedule:
        return schedule_as_said(words, length, warmup, 1.0)

    if to is not None:
        if lr is None:
            raise ConfigError(refusal("lr", _("given"), None, _("It is the best peak of the schedule after --from.")))
        length = to_updates or updates
        pair = named(source, updates), named(to, length)
        print_answer(carry(lr, *pair, updates=updates, target_updates=length), as_json=as_json)
        return
    if to_updates is None:
        advice = _("Give --to for another schedule, --to-updates for a longer run, or both.")
        raise ConfigError(refusal("to", _("given, or to-updates"), None, advice))
    # The peak stays: the cool-down can be told without knowing what it is.
    lengthened = transfer_horizon(named(source, updates), to_updates, updates=updates)
    if lr is None:
        print_answer(lengthened, as_json=as_json)
    else:
        _print_with_peak(lengthened, lr, as_json=as_json)


def _print_with_peak(answer: Transfer | LongerRun, lr: float, *, as_json: bool) -> None:
    """A longer run with the rate it is to have."""
    from preheat.schedule.lengths import positive

    peak = positive("lr", lr, _("It is the best peak of the schedule after --from.")) * answer.ratio
    if as_json:
        print_json({**answer.to_dict(), "lr": peak})
    else:
        at = tell(_("at the peak {peak:.4g}:", peak=peak))
        print(f"{at}\n{tell(answer)}")


@command()
@argument("run", "RUN", _("A run's log with gradient norms, or its folder."), type=PATH)
@option("--updates", type=int, required=True, metavar="UPDATES", help=_("Length of the next run."))
@option("--optimizer", default="sgd", metavar="NAME", help=_("Whose weights: sgd or adam."))
@option("--save", type=PATH, metavar="FILE", help=_("Write the schedule to a .json or .toml file."))
@option("--force", is_flag=True, help=_("Replace the file if it exists."))
@json_flag(_("Print the schedule and all numbers as JSON."))
def refine(run: Path, updates: int, optimizer: str, save: Path | None, force: bool, as_json: bool) -> None:
    """Make a schedule from the gradient norms that a run logged. Warm-up and decay both come out of them.

    Example: preheat refine runs/linear --updates 4000 --save refined.json
    """
    from preheat.advice import from_gradient_norms, read_run
    from preheat.schedule.text import save_schedule

    if save is not None:
        new_file(save, force)
    refined = from_gradient_norms(read_run(run), updates, optimizer=optimizer)
    print_answer(refined, as_json=as_json)
    if save is not None:
        save_schedule(refined.schedule, save)
        say_written(save)


# --- Laws fitted to short runs --------------------------------------------------------------------------------------


def read_probes(
    runs: Sequence[str], study: Path | None, lr: float, warmup: str | None, loss: str | None
) -> list[ShortRun]:
    """The runs named one by one, and those of a study."""
    probes = [_read_probe(words, lr, warmup, loss) for words in runs]
    if study is not None:
        from preheat.lab.studies.findings import study_probes

        probes += study_probes(study, lr)
    return probes


def _read_probe(words: str, lr: float, warmup: str | None, loss: str | None) -> ShortRun:
    """One ``LOG`` or ``LOG=SCHEDULE@UPDATES``."""
    from preheat.advice import ShortRun, read_run

    path, said, followed = _split(words)
    log = read_run(Path(path), loss=loss)
    if not said:
        return ShortRun.from_log(log)
    # From the right: the length is the last word, whatever the schedule's own words are.
    text, at, length = followed.rpartition("@")
    if not at or not length.strip().isdigit():
        advice = _("For example --run 'a.csv=warmup 300 > hold > linear 20% to 0@25000'.")
        raise ConfigError(refusal("run", _("written LOG=SCHEDULE@UPDATES"), words, advice))
    updates = int(length)
    return ShortRun.from_log(log, schedule_as_said(text, updates, warmup, lr), updates=updates, lr=lr)


def _split(words: str) -> tuple[str, str, str]:
    """The log, ``=`` and what it followed; the log's name may have ``=`` in it, as ``lr=0.001/log.csv`` has."""
    parts = words.split("=")
    for many in range(len(parts), 0, -1):
        if Path(path := "=".join(parts[:many])).exists():
            return path, "=" if many < len(parts) else "", "=".join(parts[many:])
    return words.partition("=")


@command()
@argument("schedule", "SCHEDULE", _("A name, or a schedule in words."), shell_complete=schedule_names)
@option("--updates", type=int, required=True, metavar="UPDATES", help=_("Updates of the run asked about."))
@peak_flag
@runs_flag
@study_flag
@warmup_flag
@law_flag
@loss_flag
@json_flag(_("Print the curve and all numbers as JSON."))
def forecast(
    schedule: str,
    updates: int,
    lr: float,
    runs: tuple[str, ...],
    study: Path | None,
    warmup: str | None,
    law: str | None,
    loss: str | None,
    as_json: bool,
) -> None:
    """Predict the loss of a schedule from short runs. Two or more are needed, at the same peak with different decays.

    Example: preheat forecast "warmup 300 > hold > linear 40% to 0" --updates 50000 --lr 1e-3 --run a.csv --run b.csv
    """
    from preheat.advice import forecast as predict

    probes = read_probes(runs, study, lr, warmup, loss)
    asked = schedule_as_said(schedule, updates, warmup, lr)
    print_answer(predict(probes, asked, updates=updates, lr=lr, law=law), as_json=as_json)


@command()
@argument("reference", "SCHEDULE", _("What would be run otherwise."), shell_complete=schedule_names)
@option("--updates", type=int, required=True, metavar="UPDATES", help=_("Updates of the run to be planned."))
@peak_flag
@runs_flag
@study_flag
@option("--planned-warmup", type=int, metavar="UPDATES", help=_("Warm-up of the planned run [as SCHEDULE's]."))
@option(
    "--floor",
    "floors",
    type=float,
    multiple=True,
    metavar="FRACTION",
    help=_("An end it may have [0 0.02 0.1]; may be repeated."),
)
@warmup_flag
@law_flag
@loss_flag
@json_flag(_("Print the set and all numbers as JSON."))
def optimize(
    reference: str,
    updates: int,
    lr: float,
    runs: tuple[str, ...],
    study: Path | None,
    planned_warmup: int | None,
    floors: tuple[float, ...],
    warmup: str | None,
    law: str | None,
    loss: str | None,
    as_json: bool,
) -> None:
    """Find the best schedules under a law fitted to short runs. It says whether the gain is more than the law's error.

    Example: preheat optimize cosine --updates 50000 --lr 1e-3 --planned-warmup 300 --run a.csv --run b.csv
    """
    from preheat.advice import optimize as search

    probes = read_probes(runs, study, lr, warmup, loss)
    known = schedule_as_said(reference, updates, warmup, lr)
    # Left out where none is said: the usual ones are the function's own.
    options: dict[str, Any] = {"floors": list(floors)} if floors else {}
    answer = search(probes, known, lr=lr, updates=updates, warmup=planned_warmup, law=law, **options)
    print_answer(answer, as_json=as_json)


@command()
@option("--updates", type=int, required=True, metavar="UPDATES", help=_("Length of all runs."))
@option(
    "--run",
    "runs",
    multiple=True,
    metavar="SCHEDULE@PEAK=LOSS",
    help=_("A finished run and its final loss; four or more."),
)
@option("--study", type=PATH, metavar="FOLDER", help=_("A study: its runs of this length, means over seeds."))
@option("--ask", multiple=True, metavar="SCHEDULE", help=_("A shape whose best peak is wanted; may be repeated."))
@option(
    "--peak",
    "peaks",
    type=float,
    multiple=True,
    metavar="RATE",
    help=_("A peak the next run may have; may be repeated."),
)
@warmup_flag
@json_flag(_("Print the answer as JSON."))
def surface(
    updates: int,
    runs: tuple[str, ...],
    study: Path | None,
    ask: tuple[str, ...],
    peaks: tuple[float, ...],
    warmup: str | None,
    as_json: bool,
) -> None:
    """Fit the loss over shapes and peaks to finished runs. Four are enough.

    It tells the best peak of any shape, and what to run next.

    Example: preheat surface --updates 3000 --run "hold > linear 20%@1e-4=2.9" --run "hold > linear 20%@1e-3=2.7"
      --run "hold > linear 20%@1e-2=2.8" --run "linear to 0@1e-3=2.72" --ask "cosine to 0"
    """
    from preheat.advice import fit_surface as fit

    finished = [_finished(words, updates, warmup) for words in runs]
    if study is not None:
        from preheat.lab.studies.findings import study_outcomes

        finished += study_outcomes(study, updates)
    fitted = fit(finished, updates=updates)
    wanted = {words: schedule_as_said(words, updates, warmup, 1.0) for words in ask}
    best = {words: fitted.best(schedule) for words, schedule in wanted.items()}
    # Everything is worked out before the first line is printed: a refusal comes alone.
    schedule, peak = _next(fitted, [*wanted.values()], peaks)
    if as_json:
        answers = [{"schedule": words, "peak": at, "loss": loss} for words, (at, loss) in best.items()]
        print_json({**fitted.to_dict(), "asked": answers, "next": {"schedule": schedule, "peak": peak}})
        return
    print(tell(fitted.explain()))
    for words, (at, loss) in best.items():
        print(tell(_("{schedule}: best at {peak:.3g}, {loss:.4f}", schedule=words, peak=at, loss=loss)))
    print(tell(_("the run that would tell most: {schedule} at {peak:.3g}", schedule=schedule, peak=peak)))


def _finished(words: str, updates: int, warmup: str | None) -> FinishedRun:
    """One ``SCHEDULE@PEAK=LOSS``."""
    from preheat.advice import FinishedRun

    # From the right: words such as polynomial(power=2) have = in them.
    left, equals, loss = words.rpartition("=")
    shape, at, peak = left.rpartition("@")
    try:
        numbers = float(peak), float(loss)
    except ValueError:
        equals = ""
    if not equals or not at:
        advice = _("For example --run 'hold 80% > linear to 0@1e-3=2.71'.")
        raise ConfigError(refusal("run", _("written SCHEDULE@PEAK=LOSS"), words, advice))
    return FinishedRun(schedule_as_said(shape, updates, warmup, numbers[0]), *numbers)


def _next(fitted: Surface, asked: list[Schedule], peaks: Sequence[float]) -> tuple[str, float]:
    """The most informative run among the shapes known and asked about, at the peaks given or those of the runs."""
    shapes = [*dict.fromkeys([*(run.schedule for run in fitted.runs), *asked])]
    schedule, peak = fitted.next_run(shapes, list(peaks) or sorted({run.peak for run in fitted.runs}))
    return str(schedule), peak


# --- Early stopping -------------------------------------------------------------------------------------------------

_OF_CELLS = _(
    "every cell of the study counts once, by means over its seeds: training losses on the way, validation at the end"
)


@command("rung-check")
@argument(
    "runs", "RUN...", _("Logs of finished runs, their folders, or a study's."), nargs=-1, required=True, type=PATH
)
@option(
    "--at",
    type=float,
    multiple=True,
    metavar="FRACTION",
    help=_("A rung [0.2 0.5 0.8 0.9 0.95]; may be repeated."),
)
@option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help=_("Each run's shape, in the order of the runs; may be repeated."),
)
@option("--updates", type=int, metavar="UPDATES", help=_("Of a study with runs of several lengths, those of this one."))
@loss_flag
@option("--least", default=0.8, metavar="FRACTION", help=_("Spearman needed to stop runs early."))
@option("--prune-at", type=float, metavar="FRACTION", help=_("Exit 1 unless runs may be stopped there."))
@json_flag(_("Print the rungs as JSON."))
def rung_check(
    runs: tuple[Path, ...],
    at: tuple[float, ...],
    groups: tuple[str, ...],
    updates: int | None,
    loss: str | None,
    least: float,
    prune_at: float | None,
    as_json: bool,
) -> None:
    """Say whether finished runs could have been stopped early. Did their losses on the way tell which would end best?

    Example: preheat rung-check runs/linear runs/cosine runs/wsd-10 runs/wsd-20 runs/wsd-40 runs/constant --at 0.5
    """
    from preheat.advice import check_early_stopping as check
    from preheat.advice.early_stopping import RUNGS

    # The rung to stop at is always asked about, or there would be no answer to it.
    shares = [*(at or RUNGS), *([] if prune_at is None else [prune_at])]
    logs, shapes = _logs(runs, updates, loss)
    verdict = check(logs, shares, groups=list(groups) or shapes, least=least)
    if shapes is not None:
        verdict = replace(verdict, notes=(_OF_CELLS, *verdict.notes))
    # Before it is refused: who is not to stop early wants to see the table.
    print_answer(verdict, as_json=as_json)
    if prune_at is not None:
        try:
            verdict.prune(prune_at)
        except DataError as refused:
            say(_("preheat: {problem}", problem=refused.args[0]))
            sys.exit(1)


def _logs(paths: Sequence[Path], updates: int | None, loss: str | None) -> tuple[list[RunLog], list[str] | None]:
    """The runs and, where a study knows them, their shapes."""
    from preheat.advice import read_run
    from preheat.lab.studies.folder import StudyFolder

    # By where they are: one folder may be named in two ways.
    twice = [path for index, path in enumerate(paths) if path.resolve() in {one.resolve() for one in paths[:index]}]
    if twice:
        raise ConfigError(
            refusal("runs", _("each named once"), str(twice[0]), _("A run that counts twice agrees with itself."))
        )
    studies = [str(path) for path in paths if StudyFolder(path).exists]
    if studies and len(paths) == 1:
        from preheat.lab.studies.findings import study_logs

        return study_logs(paths[0], updates)
    if studies:
        raise ConfigError(refusal("runs", _("one study, or runs"), studies[0], _("Ask about one study at a time.")))
    if updates is not None:
        raise ConfigError(
            refusal("updates", _("left out for runs"), updates, _("It picks runs of a study; name those you mean."))
        )
    return [read_run(path, loss=loss) for path in paths], None
