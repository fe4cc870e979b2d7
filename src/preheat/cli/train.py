"""``preheat train``: its flags are the fields of ``TrainConfig``, so a file and flags say the same."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from preheat.cli.values import parse_length, parse_options, print_json

_METAVARS = {"out": "FOLDER", "warmup": "LENGTH", "schedule_options": "NAME=VALUE", "text_column": "COLUMN"}


def train(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML or JSON file whose keys are the flags; flags win.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    **settings: Any,
) -> None:
    """Fine-tune or train a text classifier with a learning-rate schedule.

    Example: preheat train --data news.csv --text-column title --label-column topic --model gpt2 --out runs/news
    """
    from preheat.errors import ConfigError, refusal
    from preheat.train.config import read_config
    from preheat.train.loop import run_path
    from preheat.train.loop import train as run_training

    flags = {name: value for name, value in settings.items() if value not in (None, [])}
    if "warmup" in flags:
        flags["warmup"] = parse_length(flags["warmup"])
    if "schedule_options" in flags:
        flags["schedule_options"] = parse_options(flags["schedule_options"])
    checked = read_config(config, flags)
    if resume and checked.out is None:
        raise ConfigError(refusal("out", "given with --resume", None, "Name the folder of the run to go on with."))
    folder = run_path(checked)
    try:
        result = run_training(checked, folder, resume=resume, force=force, given=set(checked.model_fields_set))
    except KeyboardInterrupt:
        saved = (folder / "checkpoints.json").exists()
        how = f"; go on with: preheat train --resume --out {folder}" if saved else " before the first checkpoint"
        typer.echo(f"stopped{how}", err=True)
        raise
    if as_json:
        print_json(result)
        return
    typer.echo(f"test accuracy {result['test']['accuracy']:.4f}, macro F1 {result['test']['macro_f1']:.4f}")
    typer.echo(f"run folder {folder}; learning-rate curve {folder / 'lr.png'}")


def _flags() -> list[inspect.Parameter]:
    """A parameter for every field of the configuration; all default to None, "not given"."""
    from preheat.train.config import TrainConfig

    parameters = []
    for name, field in TrainConfig.model_fields.items():
        default = "" if field.default in (None, {}, "") else f" Default: {_shown(field.default)}."
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
    if name in ("text_column", "schedule_options"):
        return list[str]
    if name == "warmup" or get_origin(annotation) is Literal:
        return str
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if kinds else annotation


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
