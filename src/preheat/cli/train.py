"""``preheat train``: its flags are the fields of ``TrainConfig``, so a file and flags say the same."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from preheat.cli.values import ConfigFile, new_file, print_json, read_settings, show_found, with_settings
from preheat.errors import ConfigError, DataError, refusal
from preheat.lab.training.processes import is_main, leave

if TYPE_CHECKING:
    from preheat.lab.training.config import TrainConfig


# --- ``preheat evaluate``: a run's scores on its own test split or on other data ------------------------------------


def evaluate(
    run: Annotated[Path, typer.Option(metavar="FOLDER", help="Run folder that preheat train wrote.")],
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Rows of the run's own data to score.")
    ] = "test",
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Other data with the run's columns, scored whole.")
    ] = None,
    checkpoint: Annotated[Literal["best", "last"], typer.Option(help="Which checkpoint.")] = "best",
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
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
    best = {"ceiling": classifier.ceiling} if classifier.ceiling and data is None else {}
    if as_json:
        known = {"run": str(run), "checkpoint": classifier.folder.name, "rows": data or split}
        print_json({**known, **scores.to_dict(), **best})
    else:
        typer.echo(str(scores))
        if best:
            typer.echo(f"synthetic headlines: Bayes-optimal accuracy {best['ceiling']['accuracy']:.4f}")


# --- ``preheat classify``: classes for new texts --------------------------------------------------------------------


def classify(
    run: Annotated[Path, typer.Option(metavar="FOLDER", help="Run folder that preheat train wrote.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Texts; none, or -, reads lines from standard input."),
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Text file, one text a line.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print classes and probabilities as JSON.")] = False,
) -> None:
    """Classify texts from arguments, a file or standard input.

    Example: preheat classify --run runs/news "Shares fall as oil price climbs"
    """
    from preheat.lab.training.evaluation import Classifier

    if texts and file:
        raise ConfigError(refusal("texts", "left out with --file", texts, "Give one of the two."))
    lines = _lines(texts, file)
    if not lines:
        raise ConfigError(
            refusal("texts", "one text or more", lines, "Give texts as arguments, in a file or on standard input.")
        )
    guesses = Classifier(run).classify(lines)
    if as_json:
        print_json([asdict(guess) for guess in guesses])
        return
    for guess in guesses:
        typer.echo(f"{guess.label}\t{guess.probabilities[guess.label]:.3f}\t{guess.text}")


def _lines(texts: list[str] | None, file: Path | None) -> list[str]:
    """The texts to classify; blank lines of a file or of standard input are left out."""
    if texts and texts != ["-"]:
        return texts
    if file is None:
        if sys.stdin.isatty():
            typer.echo("reading one text a line; end with Ctrl-D", err=True)
        content = sys.stdin.read()
    else:
        try:
            content = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(refusal("file", "a UTF-8 text file", str(file), f"{error}.")) from None
    return [line.strip() for line in content.splitlines() if line.strip()]


# --- ``preheat find-lr``: a range test on the model, data and settings of a run; its flags are ``preheat train``'s


@with_settings
def find_lr(
    config: ConfigFile = None,
    start: Annotated[float, typer.Option(metavar="RATE", help="First learning rate of the test.")] = 1e-6,
    end: Annotated[float, typer.Option(metavar="RATE", help="Last learning rate of the test.")] = 1.0,
    updates: Annotated[int, typer.Option(metavar="N", help="Learning rates tried, one an update.")] = 200,
    spacing: Annotated[str, typer.Option(metavar="log|linear", help="Equal factors, or equal differences.")] = "log",
    smoothing: Annotated[
        float, typer.Option(metavar="NUMBER", help="Weight of one update over its neighbor's, in [0, 1).")
    ] = 0.8,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the test: .png, .svg or .pdf.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over the picture's file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole test as JSON.")] = False,
    **settings: Any,
) -> None:
    """Try learning rates on the run that the other flags describe, and suggest a peak. Nothing is trained or written.

    The learning rate climbs from update to update; several rules read the loss, each gives a rate or why it has none.

    Example: preheat find-lr --data news.csv --text-column title --label-column topic --save range-test.png
    """
    if save is not None:
        new_file(save, force)
    checked = read_settings(config, settings)
    from preheat.lab.finding.rehearsal import find_lr_of_run

    found = find_lr_of_run(
        checked, say=lambda line: typer.echo(line, err=True),
        start=start, end=end, updates=updates, spacing=spacing, smoothing=smoothing,
    )  # fmt: skip
    if save is not None:
        found.plot(save)
    show_found(found, as_json=as_json)


# --- ``preheat train``: its flags are the fields of ``TrainConfig``, so a file and flags say the same ---------------


@with_settings
def train(
    config: ConfigFile = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest complete checkpoint in --out.")
    ] = False,
    checkpoint: Annotated[
        str | None, typer.Option(metavar="NAME", help="Go on from this checkpoint, update-000120 say; needs --resume.")
    ] = None,
    on_conflict: Annotated[
        Literal["saved", "new"] | None,
        typer.Option(help="At resume, which side's settings are taken where they differ."),
    ] = None,
    bridge: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="With --on-conflict new, updates to come to the new learning rate in."),
    ] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run in --out.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print plan, schedule, batches and memory, and train nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    **settings: Any,
) -> None:
    """Fine-tune or train a text classifier with a learning-rate schedule.

    Exit code 75: a signal asked for the end, everything is saved, and --resume goes on from there.

    Example: preheat train --data news.csv --text-column title --label-column topic --model gpt2 --out runs/news
    """
    from preheat.errors import ConfigError, RunStoppedError, refusal
    from preheat.lab.training.run_logger import STOPPED_EXIT
    from preheat.lab.training.session import run_path
    from preheat.lab.training.session import train as run_training

    checked = read_settings(config, settings)
    if resume and checked.out is None:
        raise ConfigError(refusal("out", "given with --resume", None, "Name the folder of the run to go on with."))
    for name, value in (("checkpoint", checkpoint), ("wins", on_conflict), ("bridge", bridge)):
        if value and not resume:
            raise ConfigError(refusal(name, "given with --resume only", value, "A new run has nothing to differ from."))
    if dry_run:  # nothing is written
        _show_plan(checked, as_json=as_json)
        return
    folder = run_path(checked)
    given = set(checked.model_fields_set)
    try:
        result = run_training(
            checked,
            folder,
            resume=resume,
            checkpoint=checkpoint,
            on_conflict=on_conflict,
            bridge=bridge,
            force=force,
            given=given,
        )
    except RunStoppedError as stopped:
        typer.echo(f"preheat: {stopped}", err=True)
        leave(STOPPED_EXIT)
        raise typer.Exit(STOPPED_EXIT) from None
    if is_main():
        _show_result(result, folder, as_json=as_json)
    leave(0)


def _show_result(result: dict[str, Any], folder: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    typer.echo(f"test accuracy {result['test']['accuracy']:.4f}, macro F1 {result['test']['macro_f1']:.4f}")
    if "ceiling" in result:
        typer.echo(f"synthetic headlines: Bayes-optimal accuracy {result['ceiling']['accuracy']:.4f}")
    typer.echo(f"run folder {folder}; learning-rate curve {folder / 'lr.png'}")


def _show_plan(config: TrainConfig, *, as_json: bool) -> None:
    """What the run would be."""
    from preheat.lab.training.estimating import estimate

    found = estimate(config)
    show_found(found, as_json=as_json)
