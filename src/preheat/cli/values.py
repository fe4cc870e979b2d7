"""How words of the command line become values, the same way in every command."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from preheat.errors import ConfigError, RunError, refusal

if TYPE_CHECKING:
    from preheat.lab.training.config import TrainConfig
    from preheat.schedule import Schedule


# --- What a shell asks when somebody presses Tab: which words stand before the one that is to be completed ----------
# Typer answers the shell, from the environment variables that its scripts set. What is read here is only which command
# is meant, so that no other has to be loaded.


def words_before() -> list[str] | None:
    """The words between ``preheat`` and the one being completed; None where no shell asks."""
    if not os.environ.get("_PREHEAT_COMPLETE", "").startswith("complete_"):
        return None
    if "COMP_WORDS" in os.environ:  # bash: all words of the line, and which of them the cursor is in
        return os.environ["COMP_WORDS"].split()[1 : int(os.environ["COMP_CWORD"])]
    line = os.environ.get("_TYPER_COMPLETE_ARGS", "")  # the others: the line up to the cursor
    words = line.split()[1:]
    return words if not line or line[-1].isspace() else words[:-1]


def name_only() -> None:
    """Stands for a command of which no more than the name is asked."""


def schedule_names(incomplete: str) -> list[str]:
    """The named schedules that begin so; words of a schedule are nobody's to guess."""
    from preheat.schedule.named import SCHEDULE_NAMES

    return [name for name in SCHEDULE_NAMES if name.startswith(incomplete)]


def what_is_checked(incomplete: str) -> list[str]:
    """The named schedules that begin so, and ``resume``: it stands where a schedule does."""
    return [name for name in ("resume",) if name.startswith(incomplete)] + schedule_names(incomplete)


def dialect_names(incomplete: str) -> list[str]:
    """The frameworks with configurations of their own that begin so."""
    from preheat.dialects import DIALECTS

    return [name for name in DIALECTS if name.startswith(incomplete)]


# --- How words of the command line become values, the same way in every command -------------------------------------


def parse_length(word: str) -> int | float | str:
    """``100`` updates, ``0.1`` of the run or ``10%`` of it; anything else is left for the schedule to refuse.

    >>> parse_length("100"), parse_length("0.1"), parse_length("10%")
    (100, 0.1, '10%')
    """
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return word


def parse_options(pairs: list[str]) -> dict[str, int | float | str]:
    """``name=value`` words as a dictionary.

    >>> parse_options(["num_cycles=3", "decay_type=linear"])
    {'num_cycles': 3, 'decay_type': 'linear'}
    """
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            advice = "For example --schedule-options num_cycles=3."
            raise ConfigError(refusal("schedule option", "written name=value", pair, advice))
        options[name.strip()] = parse_length(value.strip())
    return options


def named_schedule(words: str, updates: int, warmup: str | None, lr: float, options: list[str] | None) -> Schedule:
    """The schedule a command line asks for: a name with its arguments (a climb of 10 % unless told), or words."""
    from preheat.schedule.named import is_text, read_schedule, refuse_reserved, usual_warmup

    own: dict[str, Any] = parse_options(options or [])
    refuse_reserved(own)
    length: Any = None if warmup is None else parse_length(warmup)
    if not is_text(words):
        length = usual_warmup(words, length)
    return read_schedule(words, warmup=length, total=updates, lr=lr, **own)


def schedule_as_said(
    words: str, updates: int, warmup: str | None, lr: float, options: list[str] | None = None
) -> Schedule:
    """As :func:`named_schedule` where one set of flags serves several: they are for names, words say their own."""
    from preheat.schedule.named import is_text

    return named_schedule(words, updates, *(None, lr, None) if is_text(words) else (warmup, lr, options))


def new_file(path: Path, force: bool) -> None:
    """Refuse to write over a file that is there, unless told to."""
    if path.exists() and not force:
        raise RunError(refusal("save", "a new file", str(path), "Name another one, or add --force."))


def print_json(data: Any) -> None:
    """One report on standard output, as JSON."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def show_found(found: Any, *, as_json: bool) -> None:
    """An answer on standard output: its words, or its numbers as JSON."""
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(str(found))


# --- The plan that a log or a checkpoint is held against, as a command line names it --------------------------------


# Flags of every command that takes a plan.
Updates = Annotated[int | None, typer.Option(metavar="UPDATES", help="Updates of the run, for plans in shares of it.")]
Warmup = Annotated[
    str | None, typer.Option(metavar="LENGTH", help='Climb of a named plan: updates, a fraction or "10%" [10%].')
]
Rate = Annotated[
    float | None, typer.Option(metavar="RATE", help="The plan's peak; left out, only shapes are compared.")
]
Options = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of a named plan; may be repeated.")
]

_FILES = (".json", ".toml", ".yaml", ".yml", ".cfg", ".ini")


def read_plan(
    spec: str, updates: int | None, warmup: str | None, lr: float | None, options: list[str] | None
) -> tuple[Schedule, float | None]:
    """The schedule that ``spec`` names, and its peak if that is known.

    Args:
        spec: the name of a schedule, one in words, a file of one, or another framework's configuration.
        updates: updates of the run, if known.
        warmup: the climb of a named one.
        lr: its peak, if known.
        options: ``name=value`` words of a named one.
    """
    path = Path(spec)
    if path.suffix.lower() in _FILES or path.is_file():
        return _from_file(path, updates, lr)
    from preheat.schedule import parse
    from preheat.schedule.named import is_text

    if is_text(spec):
        return parse(spec), lr
    if updates is None:
        advice = "Give --updates, or words that need no total."
        raise ConfigError(refusal("updates", f"given for {spec!r}, which the log does not say", None, advice))
    return named_schedule(spec, updates, warmup, 1.0 if lr is None else lr, options), lr


def _from_file(path: Path, updates: int | None, lr: float | None) -> tuple[Schedule, float | None]:
    from collections.abc import Mapping

    from preheat.dialects import read
    from preheat.dialects.loading import load
    from preheat.schedule.text import schedule_from_file

    data = load(path)
    if isinstance(data, Mapping) and "version" in data and {"kind", "schedule"} & {*data}:
        return schedule_from_file(data), lr
    found = read(data, total=updates, peak=lr)
    return found.schedule, found.base_lr


# --- Flags for every field of ``TrainConfig``, for the commands that take a run: a file and flags say the same


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
    from preheat.lab.training.config import read_config

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
    from preheat.lab.training.config import TrainConfig

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
