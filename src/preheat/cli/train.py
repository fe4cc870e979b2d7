"""Commands about single runs: ``train``, ``find-lr``, ``evaluate``, ``classify``.

The flags of the first two are the settings of a run (:mod:`preheat.lab.training.settings`), so that a file and flags
say the same.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from preheat.cli.command import PATH, argument, command, flag, json_flag, option
from preheat.cli.flags import (
    config_flag,
    new_file,
    print_answer,
    print_json,
    read_settings,
    say,
    setting_flags,
)
from preheat.errors import ConfigError, DataError, RunStoppedError, refusal, system_words
from preheat.messages import _
from preheat.messages.languages import tell

if TYPE_CHECKING:
    from pathlib import Path

run_flag = option("--run", type=PATH, required=True, metavar="FOLDER", help=_("Run folder that preheat train wrote."))


@command()
@config_flag
@flag("--resume", _("Go on from the newest complete checkpoint in --out."))
@option("--checkpoint", metavar="NAME", help=_("Go on from this checkpoint, update-000120 say; needs --resume."))
@option(
    "--on-conflict",
    type=click.Choice(["saved", "new"]),
    help=_("At resume, which side's settings are taken where they differ."),
)
@option(
    "--bridge",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help=_("With --on-conflict new, updates to come to the new learning rate in."),
)
@flag("--force", _("Replace an earlier run in --out."))
@flag("--dry-run", _("Print plan, schedule, batches and memory, and train nothing."))
@json_flag(_("Print the result as JSON."))
@setting_flags()
def train(
    config: Path | None,
    resume: bool,
    checkpoint: str | None,
    on_conflict: str | None,
    bridge: int,
    force: bool,
    dry_run: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Fine-tune or train a text classifier with a schedule.

    Exit code 75: a signal asked for the end, everything is saved, and --resume goes on from there.

    Example: preheat train --data news.csv --text-column title --label-column topic --model gpt2 --out runs/news
    """
    from preheat.lab.training.processes import is_main, leave
    from preheat.lab.training.run_logger import STOPPED_EXIT
    from preheat.lab.training.session import run_path
    from preheat.lab.training.session import train as run_training

    checked = read_settings(config, settings)
    if resume and checked.out is None:
        raise ConfigError(
            refusal("out", _("given with --resume"), None, _("Name the folder of the run to go on with."))
        )
    # Without --resume they would be ignored in silence.
    for name, value in (("checkpoint", checkpoint), ("on-conflict", on_conflict), ("bridge", bridge)):
        if value and not resume:
            raise ConfigError(
                refusal(name, _("given with --resume only"), value, _("A new run has nothing to differ from."))
            )
    if dry_run:  # before a folder is made: nothing is written
        from preheat.lab.training.estimating import estimate

        print_answer(estimate(checked), as_json=as_json)
        return
    folder = run_path(checked)
    try:
        result = run_training(
            checked,
            folder,
            resume=resume,
            checkpoint=checkpoint,
            on_conflict=on_conflict,  # type: ignore[arg-type]
            bridge=bridge,
            force=force,
            # Only what was said again can differ from what was saved: a default is no wish.
            given=set(checked.model_fields_set),
        )
    except RunStoppedError as stopped:
        say(_("preheat: {problem}", problem=stopped.args[0]))
        # Of several processes each ends here; a single one goes on to the line after it.
        leave(STOPPED_EXIT)
        sys.exit(STOPPED_EXIT)
    # One of several processes speaks for all.
    if is_main():
        _print_result(result, folder, as_json=as_json)
    leave(0)


def _print_result(result: dict[str, Any], folder: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    scores = result["test"]
    lines = [_("test accuracy {accuracy:.4f}, macro F1 {f1:.4f}", accuracy=scores["accuracy"], f1=scores["macro_f1"])]
    if "ceiling" in result:
        lines.append(_ceiling(result["ceiling"]))
    lines.append(_("run folder {folder}; learning-rate curve {picture}", folder=folder, picture=folder / "lr.png"))
    for line in lines:
        print(tell(line))


def _ceiling(best: Mapping[str, float]) -> str:
    return _("synthetic headlines: Bayes-optimal accuracy {accuracy:.4f}", accuracy=best["accuracy"])


@command()
@config_flag
@option("--start", default=1e-6, metavar="RATE", help=_("First learning rate of the test."))
@option("--end", default=1.0, metavar="RATE", help=_("Last learning rate of the test."))
@option("--updates", default=200, metavar="N", help=_("Learning rates tried, one an update."))
@option("--spacing", default="log", metavar="log|linear", help=_("Equal factors, or equal differences."))
@option("--smoothing", default=0.8, metavar="NUMBER", help=_("Weight of one update over its neighbor's, in [0, 1)."))
@option("--save", type=PATH, metavar="FILE", help=_("Draw the test: .png, .svg or .pdf."))
@flag("--force", _("Replace the file if it exists."))
@json_flag(_("Print the whole test as JSON."))
@setting_flags()
def find_lr(
    config: Path | None,
    start: float,
    end: float,
    updates: int,
    spacing: str,
    smoothing: float,
    save: Path | None,
    force: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Try learning rates on a run, and suggest a peak. Nothing is trained or written.

    The run is the one that the other flags describe. Its learning rate rises from update to update; several rules read
    the loss, and each gives a rate, or says why it has none.

    Example: preheat find-lr --data news.csv --text-column title --label-column topic --save range-test.png
    """
    if save is not None:
        new_file(save, force)
    checked = read_settings(config, settings)
    from preheat.lab.finding.rehearsal import find_lr_of_run

    test = find_lr_of_run(checked, say=say, start=start, end=end, updates=updates, spacing=spacing, smoothing=smoothing)
    if save is not None:
        test.plot(save)
    print_answer(test, as_json=as_json)


@command()
@run_flag
@option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    help=_("Rows of the run's own data to score."),
)
@option("--data", metavar="DATA", help=_("Other data with the run's columns, scored whole."))
@option("--checkpoint", type=click.Choice(["best", "last"]), default="best", help=_("Which checkpoint."))
@json_flag(_("Print the scores as JSON."))
def evaluate(run: Path, split: str, data: str | None, checkpoint: str, as_json: bool) -> None:
    """Score a trained run: loss, accuracy and macro F1.

    Example: preheat evaluate --run runs/news --split validation
    """
    from preheat.lab.data.rows import read_rows
    from preheat.lab.training.evaluation import Classifier

    classifier = Classifier(run, checkpoint)
    if data is None:
        scores = classifier.evaluate(split)
    else:
        rows = read_rows(classifier.config.model_copy(update={"data": data}))
        scores = classifier.evaluate_rows(rows.good)
    # The best possible accuracy is that of the generator's own rows, not of other data.
    best = {"ceiling": classifier.ceiling} if classifier.ceiling and data is None else {}
    if as_json:
        known = {"run": str(run), "checkpoint": classifier.folder.name, "rows": data or split}
        print_json({**known, **scores.to_dict(), **best})
    else:
        print(tell(scores))
        if best:
            print(tell(_ceiling(best["ceiling"])))


@command()
@run_flag
@argument("texts", "[TEXT]...", _("Texts; none, or -, reads lines from standard input."), nargs=-1)
@option("--file", type=PATH, metavar="FILE", help=_("Text file, one text a line."))
@json_flag(_("Print classes and probabilities as JSON."))
def classify(run: Path, texts: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Classify texts from arguments, a file or standard input.

    Example: preheat classify --run runs/news "Shares fall as oil price climbs"
    """
    from preheat.lab.training.evaluation import Classifier

    if texts and file:
        raise ConfigError(refusal("texts", _("left out with --file"), list(texts), _("Give one of the two.")))
    lines = _lines(texts, file)
    if not lines:
        raise ConfigError(
            refusal(
                "texts", _("one text or more"), lines, _("Give texts as arguments, in a file or on standard input.")
            )
        )
    guesses = Classifier(run).classify(lines)
    if as_json:
        print_json([asdict(guess) for guess in guesses])
        return
    for guess in guesses:
        print(f"{guess.label}\t{guess.probabilities[guess.label]:.3f}\t{guess.text}")


def _said(error: Exception) -> str:
    return _("{problem}.", problem=system_words(error) if isinstance(error, OSError) else error)


def _lines(texts: Sequence[str], file: Path | None) -> list[str]:
    """The texts to classify; blank lines of a file or of standard input are left out."""
    if texts and list(texts) != ["-"]:
        return list(texts)
    if file is None:
        # At a terminal nothing would happen, and nobody would know why.
        if sys.stdin.isatty():
            say(_("reading one text a line; end with Ctrl-D"))
        content = sys.stdin.read()
    else:
        try:
            content = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(refusal("file", _("a UTF-8 text file"), str(file), _said(error))) from None
    return [line.strip() for line in content.splitlines() if line.strip()]
