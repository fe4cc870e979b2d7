"""``preheat train``: its flags are the fields of ``TrainConfig``, so a file and flags say the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preheat.cli.settings import ConfigFile, read_settings, with_settings
from preheat.cli.values import print_json, show_found
from preheat.train.changes import Wins
from preheat.train.processes import is_main, leave

if TYPE_CHECKING:
    from preheat.train.config import TrainConfig


@with_settings
def train(
    config: ConfigFile = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest complete checkpoint in --out.")
    ] = False,
    checkpoint: Annotated[
        str | None, typer.Option(metavar="NAME", help="Go on from this checkpoint, update-000120 say; needs --resume.")
    ] = None,
    wins: Annotated[
        Wins | None, typer.Option(help="At resume, which side's settings are taken where they differ.")
    ] = None,
    bridge: Annotated[
        int, typer.Option(metavar="N", min=0, help="With --wins new, updates to come to the new learning rate in.")
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
    from preheat.train.session import run_path
    from preheat.train.session import train as run_training
    from preheat.train.stopping import STOPPED_EXIT

    checked = read_settings(config, settings)
    if resume and checked.out is None:
        raise ConfigError(refusal("out", "given with --resume", None, "Name the folder of the run to go on with."))
    for name, value in (("checkpoint", checkpoint), ("wins", wins), ("bridge", bridge)):
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
            wins=wins,
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
    from preheat.train.estimating import estimate

    found = estimate(config)
    show_found(found, as_json=as_json)
