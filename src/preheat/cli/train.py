"""``preheat train``: its flags are the fields of ``TrainConfig``, so a file and flags say the same."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from preheat.cli.values import parse_length, parse_options, print_json
from preheat.train.changes import Wins
from preheat.train.processes import is_main

if TYPE_CHECKING:
    from preheat.train.config import TrainConfig

_METAVARS = {
    "out": "FOLDER",
    "warmup": "LENGTH",
    "schedule_options": "NAME=VALUE",
    "text_column": "COLUMN",
    "label_column": "COLUMN",
    "split_column": "COLUMN",
    "id_column": "COLUMN",
    "classes": "CLASS",
    "cache": "FOLDER|off",
    "compile": "BACKEND",
    "trackers": "NAME",
}


def train(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML or JSON file whose keys are the flags; flags win.")
    ] = None,
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
    from preheat.train.config import read_config
    from preheat.train.session import run_path
    from preheat.train.session import train as run_training
    from preheat.train.stopping import STOPPED_EXIT

    flags = {name: value for name, value in settings.items() if value not in (None, [])}
    if "warmup" in flags:
        flags["warmup"] = parse_length(flags["warmup"])
    if "schedule_options" in flags:
        flags["schedule_options"] = parse_options(flags["schedule_options"])
    checked = read_config(config, flags)
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
        raise typer.Exit(STOPPED_EXIT) from None
    if not is_main():
        return
    if as_json:
        print_json(result)
        return
    typer.echo(f"test accuracy {result['test']['accuracy']:.4f}, macro F1 {result['test']['macro_f1']:.4f}")
    typer.echo(f"run folder {folder}; learning-rate curve {folder / 'lr.png'}")


def _show_plan(config: TrainConfig, *, as_json: bool) -> None:
    """What the run would be."""
    from preheat.train.estimate import estimate

    found = estimate(config)
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(str(found))


def _flags() -> list[inspect.Parameter]:
    """A parameter for every field of the configuration; all default to None, "not given"."""
    from preheat.train.config import TrainConfig

    parameters = []
    for name, field in TrainConfig.model_fields.items():
        default = "" if field.default in (None, {}, [], "", False) else f" Default: {_shown(field.default)}."
        kind = _word_type(name, field.annotation)
        option = typer.Option(
            f"--{name.replace('_', '-')}",
            help=f"{field.description}{default}",
            show_default=False,
            metavar=_METAVARS.get(name) or _metavar(field.annotation, kind),
        )
        kind = Annotated[kind | None, option]
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind))
    return parameters


def _shown(default: Any) -> str:
    return ", ".join(default) if isinstance(default, list) else f"{default}"


def _metavar(annotation: Any, kind: Any) -> str:
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    return {int: "N", float: "NUMBER"}.get(kind, "TEXT")


def _word_type(name: str, annotation: Any) -> Any:
    """The type that Typer parses a field's words as."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)] or [annotation]
    if name == "schedule_options" or get_origin(kinds[0]) is list or get_origin(annotation) is list:
        return list[str]
    if name == "warmup" or get_origin(annotation) is Literal:
        return str
    return kinds[0]


def _take_the_flags() -> None:
    """Give :func:`train` the parameters that Typer reads: its own and one for every field."""
    own = [
        item
        for item in inspect.signature(train, eval_str=True).parameters.values()
        if item.kind is not item.VAR_KEYWORD
    ]
    everything = [*(item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own), *_flags()]
    train.__signature__ = inspect.Signature(everything)  # type: ignore[attr-defined]
    train.__annotations__ = {item.name: item.annotation for item in everything}


_take_the_flags()
