"""Flags for every field of ``TrainConfig``, for the commands that take a run: a file and flags say the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from preheat.cli.values import parse_length, parse_options

if TYPE_CHECKING:
    from preheat.train.config import TrainConfig

ConfigFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="TOML or JSON file whose keys are the flags; flags win.")
]

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


def with_settings(command: Callable[..., None], without: Collection[str] = ()) -> Callable[..., None]:
    """Give a command that ends in ``**settings`` the parameters that Typer reads: its own and one for every field.

    ``without`` names fields that have no flag.
    """
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    own = [item for item in parameters if item.kind is not item.VAR_KEYWORD]
    everything = [*(item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own), *_flags(without)]
    command.__signature__ = inspect.Signature(everything)  # type: ignore[attr-defined]
    command.__annotations__ = {item.name: item.annotation for item in everything}
    return command


def read_settings(file: Path | None, settings: dict[str, Any]) -> TrainConfig:
    """The configuration that a file and the flags that were given make."""
    from preheat.train.config import read_config

    return read_config(file, given_settings(settings))


def given_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given as flags, in their own types."""
    flags = {name: value for name, value in settings.items() if value not in (None, [])}
    if "warmup" in flags:
        flags["warmup"] = parse_length(flags["warmup"])
    if "schedule_options" in flags:
        flags["schedule_options"] = parse_options(flags["schedule_options"])
    return flags


def _flags(without: Collection[str]) -> list[inspect.Parameter]:
    """A parameter for every field of the configuration; all default to None, "not given"."""
    from preheat.train.config import TrainConfig

    parameters = []
    for name, field in TrainConfig.model_fields.items():
        if name in without:
            continue
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
