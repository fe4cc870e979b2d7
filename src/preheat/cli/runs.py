"""Commands about what runs did or would do: ``audit`` a log, ``watch`` a script, ``resume-check`` a checkpoint."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preheat.cli.command import PATH, argument, command, json_flag, option
from preheat.cli.flags import force_flag, new_file, plan_flags, print_json, read_plan, say, say_written, write_text
from preheat.errors import ConfigError, DataError, PreheatError, RunError, refusal, system_words
from preheat.messages import _, data, joined, plural
from preheat.messages.languages import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from preheat.auditing import Audit, Finding, Recognized
    from preheat.auditing.logs import Log
    from preheat.schedule import Schedule
    from preheat.view import Figure
    from preheat.watching import Report, Watched

_PAGE, _PICTURES = ".html", (".png", ".svg", ".pdf")

# --- A log ----------------------------------------------------------------------------------------------------------


@command()
@argument("log", "LOG", _("trainer_state.json, TensorBoard events, CSV, JSON Lines, or a run folder."), type=PATH)
@option("--against", metavar="SPEC", help=_("The plan: a name, words, or a file (a schedule's, or a trainer's own)."))
@plan_flags()
@option("--column", metavar="NAME", help=_("Column or tag of the learning rate, if its name does not say so."))
@option("--first", type=click.IntRange(0, 1), metavar="0|1", help=_("The log's step number of the first update."))
@option("--save", type=PATH, metavar="FILE", help=_("Report it as .html, or draw plan and log as .png, .svg or .pdf."))
@force_flag
@json_flag(_("Print the findings as JSON."))
def audit(
    log: Path,
    against: str | None,
    updates: int | None,
    warmup: str | None,
    lr: float | None,
    schedule_options: tuple[str, ...],
    column: str | None,
    first: int | None,
    save: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Say what a run's learning rate did, from its log. Exit 1 if that is not the plan.

    Without a plan, print the schedule that the rates look like.

    Example: preheat audit runs/news/trainer_state.json --against warmuplinear --warmup 100 --lr 5e-5
    """
    from preheat.auditing.audits import audit as audited
    from preheat.auditing.logs import read_log

    if save is not None:
        _refuse_kind(save)  # before a log of a million rows is read
        new_file(save, force)
    read = read_log(log, column)
    if against is None:
        _recognize(read, first, save, as_json)
        return
    # The log's own total where none is said: trainer_state.json has max_steps.
    plan, peak = read_plan(against, updates or read.total, warmup, lr, schedule_options, _("the log"))
    result = audited(read, plan, lr=peak, total=updates, first=first)
    if save is not None:
        _save_audit(result, save)
    if as_json:
        print_json(_audit_data(result))
    else:
        _print_audit(result)
    # As check and diff do, so that a script can ask.
    if not result.equal:
        sys.exit(1)


def _refuse_kind(path: Path) -> None:
    """What the file is to be, its name says."""
    if path.suffix.lower() not in (_PAGE, *_PICTURES):
        *others, last = _PAGE, *_PICTURES
        rule = _("a {endings} or {last} file", endings=joined(", ", others), last=last)
        raise ConfigError(refusal("save", rule, str(path), _("Name one of these.")))


def _print_audit(result: Audit) -> None:
    from preheat.auditing.report import audit_figure
    from preheat.view import to_terminal

    read = result.log
    rates = sum(len(series) for series in read.series)
    print(
        tell(
            plural(
                "log: {file} ({kind}), {n} learning rate",
                "log: {file} ({kind}), {n} learning rates",
                rates,
                file=read.path,
                kind=read.kind,
            )
        )
    )
    if result.base_lr is None:
        plan = _("plan: {schedule}", schedule=result.schedule)
    else:
        plan = _("plan: {schedule}, peak {peak:g}", schedule=result.schedule, peak=result.base_lr)
    print(f"{tell(plan)}\n")
    _say_notes(read.notes)
    for finding in result.findings:
        # Of several groups only those that went another way are drawn.
        if len(finding.updates) > 1 and (not finding.equal or len(result.findings) == 1):
            print(tell(to_terminal(audit_figure(result.schedule, finding))))
    print(tell(result))


def _say_notes(notes: Iterable[str]) -> None:
    for note in notes:
        say(_("note: {note}", note=note))


def _save_audit(result: Audit, path: Path) -> None:
    from preheat.auditing.report import audit_figure, audit_html
    from preheat.view import to_image

    if path.suffix.lower() == _PAGE:
        write_text(audit_html(result), path)
        return
    # A picture has room for one group: the first that is not as planned.
    finding = next((one for one in result.findings if not one.equal), result.findings[0])
    to_image(replace(audit_figure(result.schedule, finding), title=finding.sentence), path)
    say_written(path)


def _audit_data(result: Audit) -> dict[str, Any]:
    return {
        "log": str(result.log.path),
        "kind": result.log.kind,
        "plan": str(result.schedule),
        "base_lr": result.base_lr,
        "equal": result.equal,
        "notes": list(result.log.notes),
        "findings": [{**_finding_data(finding), "rates": len(finding.updates)} for finding in result.findings],
    }


def _finding_data(finding: Finding) -> dict[str, Any]:
    return {
        "group": finding.group,
        "kind": finding.kind,
        "sentence": finding.sentence,
        **data(finding.sentence),
        "cause": finding.cause,
        "scale": finding.scale,
        "offset": finding.offset,
        "evidence": list(finding.evidence),
    }


def _recognize(read: Log, first: int | None, save: Path | None, as_json: bool) -> None:
    """The answer where no plan was given."""
    from preheat.auditing import recognise_log

    if save is not None and save.suffix.lower() != _PAGE and all(len(series) < 2 for series in read.series):
        raise ConfigError(
            refusal("save", _("left out for a log with one rate"), str(save), _("There is nothing to draw."))
        )
    recognized = recognise_log(read, first=first)
    if save is not None:
        _save_recognized(read, recognized, first, save)
    _say_notes(read.notes)
    if as_json:
        print_json({name: None if one is None else _recognized_data(one) for name, one in recognized.items()})
        return
    for name, one in recognized.items():
        if one is None:
            print(tell(_("{group}: too few rates above zero to say", group=name)))
            continue
        print(f"{name}: {one.schedule}")
        if one.exact:
            found = _("peak {peak:g}, every logged rate agrees", peak=one.base_lr)
        else:
            found = _("peak {peak:g}, nearest known shape", peak=one.base_lr)
        for line in (found, *one.notes):
            print(f"  {tell(line)}")


def _recognized_data(one: Recognized) -> dict[str, Any]:
    return {
        "spec": str(one.schedule),
        "base_lr": one.base_lr,
        "exact": one.exact,
        "error": one.error,
        "notes": list(one.notes),
        "schedule": one.schedule.to_dict(),
    }


def _save_recognized(read: Log, recognized: Mapping[str, Recognized | None], first: int | None, path: Path) -> None:
    from preheat.auditing.report import logged_figure, recognized_page
    from preheat.view import to_image

    if path.suffix.lower() == _PAGE:
        write_text(recognized_page(read, recognized, first=first), path)
        return
    to_image(logged_figure(read), path)
    say_written(path)


# --- A script, while it runs ----------------------------------------------------------------------------------------


@command()
@argument(
    "command", "-- COMMAND...", _("The training command: python train.py, torchrun, ..."), nargs=-1, required=True
)
@option("--against", metavar="SPEC", help=_("The plan: a name, words, or a file; left out, what the script asks for."))
@plan_flags()
@option("--out", type=PATH, metavar="FOLDER", help=_("Keep the record, the report and a picture there."))
@option("--force", is_flag=True, help=_("Use a folder that has something in it."))
def watch(
    command: tuple[str, ...],
    against: str | None,
    updates: int | None,
    warmup: str | None,
    lr: float | None,
    schedule_options: tuple[str, ...],
    out: Path | None,
    force: bool,
) -> None:
    """Run a training script and say what its learning rate did. Exits with the script's own code.

    Example: preheat watch --against warmuplinear --warmup 100 --updates 3600 -- python train.py
    """
    from preheat.watching import read_record, run_watched

    plan = None
    if against is not None:
        # Before the script starts: a mistyped plan should not cost a training run.
        plan = read_plan(against, updates, warmup, lr, schedule_options, _("the command line"))
    if out is not None and out.exists() and any(out.iterdir()) and not force:
        raise RunError(refusal("out", _("a new or empty folder"), str(out), _("Name another one, or add --force.")))
    with tempfile.TemporaryDirectory(prefix="preheat-watch-") as temporary:
        folder = Path(temporary) if out is None else out / "record"
        folder.mkdir(parents=True, exist_ok=True)
        # With --force an earlier run's records would be read as processes of this one.
        for old in folder.glob("*.jsonl"):
            old.unlink()
        try:
            # Absolute, since the script may change its working directory.
            code = run_watched(list(command), folder.resolve())
        except OSError as error:
            raise ConfigError(
                refusal("command", _("one that can be run"), command[0], _("{problem}.", problem=system_words(error)))
            ) from error
        # However the script ended: by an error or a kill too.
        _say_verdict(read_record(folder), plan, out)
    sys.exit(code)


def _say_verdict(watched: Watched, plan: tuple[Schedule, float | None] | None, out: Path | None) -> None:
    """The verdict on standard error, since standard output is the script's."""
    from preheat.watching import report

    for problem in watched.problems:
        _say_watch(problem)
    if not watched.lines:
        _say_watch(_("no update of a torch optimizer was seen. Python started with -I or -E cannot be watched."))
        return
    schedule, lr = plan if plan is not None else (None, None)
    try:
        reports = report(watched, schedule, lr)
    except PreheatError as error:  # the script's exit code is passed on, whatever the plan is worth
        _say_watch(error.args[0])
        return
    texts = [_verdict(one) for one in reports]
    say("")
    say(joined("\n\n", texts))
    if out is not None:
        _keep(reports, texts, out)


def _verdict(one: Report) -> str:
    from preheat.view import to_terminal

    picture = to_terminal(_watched_figure(one), stream=sys.stderr) if len(one.line.updates) > 1 else ""
    return joined("\n", ["preheat watch", picture, str(one)])


def _say_watch(problem: str) -> None:
    say(_("preheat watch: {problem}", problem=problem))


def _watched_figure(one: Report) -> Figure:
    """The used rates over the plan, of the first group that was not as planned."""
    import numpy as np

    from preheat.view import Axis, Figure, Series
    from preheat.view.figure import thinned

    # One group again, as in the picture of an audit.
    wrong = [finding for finding in one.findings if not finding.equal] or [*one.findings]
    held = one.plan is not None and bool(wrong)
    x, y = thinned(np.asarray(one.line.updates), one.line.rates(wrong[0].group if held else one.line.groups[0]))
    series = [Series(label=_("used"), role="used", x=x, y=y, style="points" if held else "line")]
    if held:
        x, y = thinned(wrong[0].updates, wrong[0].planned)
        series.append(Series(label=_("plan"), role="planned", x=x, y=y, style="plan"))
    title = one.findings[0].sentence if one.findings else one.title
    return Figure(title=title, y=Axis(title=_("learning rate")), series=tuple(series))


def _keep(reports: list[Report], texts: list[str], out: Path) -> None:
    """``report.txt``, ``report.json`` and a picture of each optimizer."""
    from preheat.files import replacing
    from preheat.view import to_image

    data = [
        {
            "optimizers": one.line.optimizers,
            "updates": len(one.line.updates),
            "skipped": len(one.line.skips),
            "plan": None if one.plan is None else str(one.plan),
            "source": one.source,
            "equal": one.equal,
            "notes": list(one.notes),
            "findings": [_finding_data(finding) for finding in one.findings],
        }
        for one in reports
    ]
    for name, text in (
        ("report.txt", tell(joined("\n\n", texts)) + "\n"),
        ("report.json", json.dumps(data, indent=2) + "\n"),
    ):
        with replacing(out / name) as beside:
            beside.write_text(text, encoding="utf-8")
    for index, one in enumerate(reports):
        if len(one.line.updates) > 1:
            to_image(_watched_figure(one), out / (f"watch-{index}.png" if index else "watch.png"))
    say_written(out)


# --- A checkpoint, before it is resumed -----------------------------------------------------------------------------


@command()
@argument(
    "checkpoint", "CHECKPOINT", _("A file, or the folder of a checkpoint or run; nothing in it is run."), type=PATH
)
@option(
    "--with", "spec", required=True, metavar="SPEC", help=_("The schedule to go on with: a name, words, or a file.")
)
@plan_flags(lr=_("Its peak; left out, the saved base rate is kept."))
@option("--bridge", default=100, metavar="UPDATES", help=_("Updates of the bridge shown."))
@json_flag(_("Print the forecast as JSON."))
def resume_check(
    checkpoint: Path,
    spec: str,
    updates: int | None,
    warmup: str | None,
    lr: float | None,
    schedule_options: tuple[str, ...],
    bridge: int,
    as_json: bool,
) -> None:
    """Say what resuming a checkpoint does to the learning rate. Exit 1 if it is not what is asked for.

    It says so for the checkpoint's own framework, and for preheat.

    Example: preheat resume-check runs/gpt2/checkpoint-500 --with warmuplinear --warmup 100 --updates 2000
    """
    from preheat.checkpoints import check_resume

    # Whoever mistyped the path should not first be asked for --updates.
    if not checkpoint.exists():
        raise DataError(refusal("checkpoint", _("a file or folder that exists"), str(checkpoint), _("Check the path.")))
    schedule, peak = read_plan(spec, updates, warmup, lr, schedule_options, _("the checkpoint"))
    forecast = check_resume(checkpoint, schedule, lr=peak, total=updates, bridge=bridge)
    if as_json:
        print_json(
            {
                "checkpoint": str(forecast.checkpoint.path),
                "framework": forecast.checkpoint.framework,
                "position": forecast.position,
                "saved": None if forecast.saved is None else str(forecast.saved),
                "saved_base": forecast.saved_base,
                "asked": str(forecast.asked),
                "asked_base": forecast.asked_base,
                "sentence": forecast.sentence,
                "preheat": forecast.ours,
                "as_asked": forecast.as_asked,
                "updates": list(forecast.updates),
                "courses": {curve.name: list(curve.rates) for curve in forecast.curves},
                "notes": list(forecast.notes),
            }
        )
    else:
        print(tell(forecast))
    if not forecast.as_asked:
        sys.exit(1)
