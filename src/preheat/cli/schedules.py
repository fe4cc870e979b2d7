"""Commands about schedules and plans themselves: ``show``, ``check``, ``diff``, ``convert``, ``plan``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from preheat.cli.command import PATH, argument, command, flag, json_flag, option
from preheat.cli.completion import dialect_names, schedule_names
from preheat.cli.flags import (
    force_flag,
    named_schedule,
    new_file,
    options_flag,
    print_json,
    say,
    say_written,
    warmup_flag,
    write_text,
)
from preheat.errors import ConfigError, refusal
from preheat.messages import _, data
from preheat.messages.languages import tell

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.dialects import Exported, Imported
    from preheat.plan import Plan


@command()
@argument(
    "names",
    "SCHEDULE...",
    _('Names, as warmuplinear, or words, as "warmup 10% > cosine to 0.1".'),
    nargs=-1,
    required=True,
    shell_complete=schedule_names,
)
@option("--updates", default=1000, metavar="UPDATES", help=_("Updates of the whole run."))
@warmup_flag
@option("--lr", default=1.0, metavar="RATE", help=_("Peak learning rate; 1 shows shares of the peak."))
@options_flag
@option("--save", type=PATH, metavar="FILE", help=_("Write a .png, .svg, .pdf, .html or .csv file."))
@flag("--log", _("Logarithmic learning-rate axis."))
@force_flag
@json_flag(_("Print the schedules as JSON."))
def show(
    names: tuple[str, ...],
    updates: int,
    warmup: str | None,
    lr: float,
    schedule_options: tuple[str, ...],
    save: Path | None,
    log: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Draw one schedule, or several in one picture.

    Example: preheat show warmuplinear warmupcosine --warmup 100 --updates 3600 --lr 1e-4 --save curves.png
    """
    # An end given as a rate is a share only once the peak is known.
    schedules = {name: named_schedule(name, updates, warmup, lr, schedule_options).for_base(lr) for name in names}
    if save is not None:
        from preheat.view import plot, to_csv, to_html

        new_file(save, force)
        write = {".csv": to_csv, ".html": to_html}.get(save.suffix.lower())
        if write is not None:
            write_text(write(schedules, updates=updates, lr=lr), save)
        else:
            plot(schedules, path=save, updates=updates, lr=lr, title=", ".join(names), log=log)
            say_written(save)
    if as_json:
        print_json(
            {name: {**schedule.to_dict(), "fingerprint": schedule.fingerprint} for name, schedule in schedules.items()}
        )
    elif save is None:
        from preheat.view.terminal import draw

        # Whatever NO_COLOR is set to, it means no (no-color.org).
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(tell(draw(schedules, updates=updates, lr=lr, log=log, color=color)))
        for name, schedule in schedules.items():
            print(f"\n{name}\n{tell(schedule.describe(lr, updates))}")


@command()
@argument("schedule", "SCHEDULE", _("A name, or a schedule in words."), shell_complete=schedule_names)
@option("--updates", type=int, required=True, metavar="UPDATES", help=_("Updates of the run."))
@option("--horizon", type=int, metavar="UPDATES", help=_("Updates the schedule is shaped for, if not the run's."))
@warmup_flag
@option("--lr", default=1.0, metavar="RATE", help=_("Peak learning rate."))
@options_flag
@flag("--strict", _("Exit 1 for warnings too."))
@json_flag(_("Print the findings as JSON."))
def check(
    schedule: str,
    updates: int,
    horizon: int | None,
    warmup: str | None,
    lr: float,
    schedule_options: tuple[str, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Look for mistakes before the run does. Exit 1 if there is an error, 0 otherwise.

    Example: preheat check "warmup 10% > cosine to 0.1" --updates 3600 --lr 1e-4
    """
    from dataclasses import asdict

    from preheat.checking import check as findings_of

    # A schedule shaped for another length than the run's is one of the mistakes looked for.
    value = named_schedule(schedule, horizon or updates, warmup, lr, schedule_options)
    findings = findings_of(value, updates=updates, lr=lr)
    if as_json:
        print_json([{**asdict(finding), **data(finding.message)} for finding in findings])
    else:
        print(tell(value.for_base(lr).describe(lr, updates)))
        for finding in findings:
            print(tell(finding))
        if not findings:
            print(tell(_("nothing found")))
    failing = {"error", "warning"} if strict else {"error"}
    if any(finding.severity in failing for finding in findings):
        sys.exit(1)


@command()
@argument("first", "SCHEDULE", _("A name, or a schedule in words."), shell_complete=schedule_names)
@argument("second", "SCHEDULE", _("The other."), shell_complete=schedule_names)
@option("--updates", default=1000, metavar="UPDATES", help=_("Updates of the run."))
@warmup_flag
@option("--lr", default=1.0, metavar="RATE", help=_("Peak learning rate; 1 compares shares of it."))
@json_flag(_("Print the numbers as JSON."))
def diff(first: str, second: str, updates: int, warmup: str | None, lr: float, as_json: bool) -> None:
    """Compare two schedules update by update. Exit 0 if they are the same, 1 if not.

    Example: preheat diff warmuplinear "warmup 10% > linear" --updates 3600
    """
    from dataclasses import asdict

    from preheat.checking import diff as compare

    pair = (named_schedule(words, updates, warmup, lr, ()) for words in (first, second))
    difference = compare(*pair, updates=updates, lr=lr)
    if as_json:
        print_json(asdict(difference))
    else:
        print(tell(difference))
    # As diff(1) does.
    if not difference.same:
        sys.exit(1)


# --- Configurations of other frameworks -----------------------------------------------------------------------------


@command()
@argument("config", "CONFIG", _("A file (JSON, YAML, TOML, INI), or its text: flags, code, ..."))
@option(
    "--from",
    "source",
    default="auto",
    metavar="DIALECT",
    shell_complete=dialect_names,
    help=_("What it is written in; auto recognizes it."),
)
@option(
    "--to",
    "target",
    default="preheat",
    metavar="DIALECT",
    shell_complete=dialect_names,
    help=_("What to write; preheat gives the schedule in words."),
)
@option("--updates", type=int, metavar="UPDATES", help=_("Updates of the run, if the file does not say."))
@option("--lr", type=float, metavar="RATE", help=_("Peak learning rate, if the file does not say."))
@option("--warmup", type=int, metavar="UPDATES", help=_("Warm-up, for files that leave it to their trainer (auto)."))
@option("--examples", type=int, metavar="ROWS", help=_("Rows of the training set, for files with epochs and a batch."))
@option("--world-size", default=1, metavar="PROCESSES", help=_("Processes that share the data."))
@option("--updates-per-epoch", type=float, metavar="UPDATES", help=_("For files that count in epochs."))
@option(
    "--samples-per-update", type=float, metavar="ROWS", help=_("The global batch, for files that count in samples.")
)
@option("--tokens-per-update", type=float, metavar="TOKENS", help=_("For files that count in tokens."))
@option("--dialect-version", metavar="VERSION", help=_("Of the framework, where it matters: 4 or 5 of transformers."))
@option("--save", type=PATH, metavar="FILE", help=_("Write the result to a new file."))
@force_flag
@flag("--strict", _("Exit 1 if the result is only the nearest."))
@json_flag(_("Print result, error and notes as JSON."))
def convert(
    config: str,
    source: str,
    target: str,
    updates: int | None,
    lr: float | None,
    warmup: int | None,
    examples: int | None,
    world_size: int,
    updates_per_epoch: float | None,
    samples_per_update: float | None,
    tokens_per_update: float | None,
    dialect_version: str | None,
    save: Path | None,
    force: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Translate another framework's learning-rate configuration. What the target cannot say is refused.

    Each side keeps its own step convention.

    Example: preheat convert ds_config.json --from deepspeed --to transformers --updates 3600
    """
    from preheat.dialects import read, write

    imported = read(
        config,
        source,
        total=updates,
        peak=lr,
        warmup=warmup,
        examples=examples,
        world_size=world_size,
        updates_per_epoch=updates_per_epoch,
        samples_per_update=samples_per_update,
        tokens_per_update=tokens_per_update,
        version=dialect_version,
    )
    written = None
    if target != "preheat":
        # A configuration holds rates, a schedule shares of the peak: without one nothing can be written.
        base = imported.base_lr if imported.base_lr is not None else lr
        if base is None:
            raise ConfigError(refusal("lr", _("known to write a configuration"), None, _("Give it with --lr.")))
        written = write(imported.schedule, target, total=imported.total or updates, base_lr=base)
    text = str(imported.schedule) if written is None else written.text
    if save is not None:
        new_file(save, force)
        write_text(text + "\n", save)
    if as_json:
        print_json(_conversion_data(imported, written, text))
    elif save is None:
        print(text)
    if not as_json:
        # On standard error, so that the result can be piped into a file; JSON has them as fields.
        for line in _conversion_notes(imported, written):
            say(line)
    if strict and written is not None and not written.exact:
        sys.exit(1)


def _conversion_notes(imported: Imported, written: Exported | None) -> list[str]:
    """What a reader should know, a line each."""
    said = {"dialect": imported.dialect, "schedule": imported.schedule}
    if imported.base_lr is None:
        lines = [_("read as {dialect}: {schedule}", **said)]
    else:
        lines = [_("read as {dialect}: {schedule}, peak {peak:g}", **said, peak=imported.base_lr)]
    lines += [
        _("also driven: {key} by {schedule}", key=key, schedule=schedule) for key, schedule in imported.also.items()
    ]
    if written is not None and written.exact:
        lines.append(_("exact: the same rate at every update"))
    elif written is not None:
        lines.append(
            _("nearest: off by {error:.4g} at most, at update {update}", error=written.error, update=written.error_at)
        )
    # A reader and a writer may say the same.
    notes = dict.fromkeys((*imported.notes, *(written.notes if written is not None else ())))
    return [*lines, *(_("note: {note}", note=one) for one in notes)]


def _conversion_data(imported: Imported, written: Exported | None, text: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "from": imported.dialect,
        "schedule": str(imported.schedule),
        "base_lr": imported.base_lr,
        "total": imported.total,
        "notes": list(imported.notes),
        "also": {key: str(schedule) for key, schedule in imported.also.items()},
    }
    if written is not None:
        data |= {
            "to": written.dialect,
            "text": text,
            "config": written.config,
            "exact": written.exact,
            "error": written.error,
            "error_at": written.error_at,
            "written_notes": list(written.notes),
        }
    return data


# --- Plans ----------------------------------------------------------------------------------------------------------


@command()
@option("--batch-size", type=int, required=True, metavar="ROWS", help=_("Rows in one batch of one process."))
@option("--examples", type=int, metavar="ROWS", help=_("Rows of the training set; left out for a stream."))
@option("--epochs", type=float, metavar="EPOCHS", help=_("Passes over the data, parts allowed: 1.5."))
@option("--accumulation", default=1, metavar="BATCHES", help=_("Batches that make one update."))
@option("--world-size", default=1, metavar="PROCESSES", help=_("Processes that share the data."))
@flag("--drop-last", _("Leave an incomplete batch out."))
@option("--tail", metavar="WORD", help=_("Last, smaller group of batches of an epoch: flush, drop or carry."))
@option("--sharding", metavar="WORD", help=_("How rows come to processes: pad, drop or batches."))
@option("--max-steps", type=int, metavar="UPDATES", help=_("End after so many updates."))
# Floats, so that 2e9 can be written; the plan takes whole ones only.
@option("--max-samples", type=float, metavar="ROWS", help=_("End after so many rows."))
@option("--max-tokens", type=float, metavar="TOKENS", help=_("End after so many tokens: 2e9."))
@option("--tokens-per-sample", type=float, metavar="TOKENS", help=_("Tokens a row has."))
@option(
    "--trainer",
    default="plain_loop",
    metavar="TRAINER",
    help=_("Whose rounding counts: plain_loop, hf_trainer, accelerate or lightning."),
)
@option("--warmup", metavar="LENGTH", help=_('Warm-up: updates, a fraction, "10%" or "2 epochs".'))
@json_flag(_("Print the numbers as JSON."))
def plan(
    batch_size: int,
    examples: int | None,
    epochs: float | None,
    accumulation: int,
    world_size: int,
    drop_last: bool,
    tail: str | None,
    sharding: str | None,
    max_steps: int | None,
    max_samples: float | None,
    max_tokens: float | None,
    tokens_per_sample: float | None,
    trainer: str,
    warmup: str | None,
    as_json: bool,
) -> None:
    """Count the updates of a run and of its warm-up.

    Example: preheat plan --examples 3821 --batch-size 32 --epochs 30 --warmup 10%
    """
    from preheat.plan import Plan

    counted = Plan(
        examples,
        batch_size,
        epochs,
        accumulation,
        world_size,
        drop_last,
        # Unsaid, both are as the trainer does it.
        tail=tail or "",
        sharding=sharding or "",
        max_steps=max_steps,
        max_samples=max_samples,  # type: ignore[arg-type]
        max_tokens=max_tokens,  # type: ignore[arg-type]
        tokens_per_sample=tokens_per_sample,
        trainer=trainer,
    )
    if as_json:
        print_json(_counts(counted, warmup))
    else:
        print(tell(counted.explain(warmup)))


def _counts(plan: Plan, warmup: str | None) -> dict[str, Any]:
    """The counts as JSON has them: null for what nobody knows, the average where an epoch is no whole number."""
    known = plan.examples is not None
    per_epoch = plan.updates_per_epoch if known else None
    counts: dict[str, Any] = {
        "batches_per_epoch": plan.batches_per_epoch if known else None,
        "updates_per_epoch": per_epoch if per_epoch is None or isinstance(per_epoch, int) else float(per_epoch),
        "updates": plan.updates,
        "samples_per_update": plan.samples_per_update,
    }
    if plan.tokens_per_update is not None:
        counts["tokens_per_update"] = plan.tokens_per_update
    return counts if warmup is None else {**counts, "warmup": plan.warmup(warmup)}
