"""The commands together, and what every one of them does with an error."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from preheat import __version__
from preheat.cli.values import name_only, words_before
from preheat.errors import ConfigError, DataError, PlanError, PreheatError, ScheduleError, missing_extra

# Every command with its module, in the order of the help page; a module, with all it needs, loads when it is called.
COMMANDS = {
    "show": "show",
    "check": "check",
    "resume-check": "resume_check",
    "diff": "check",
    "convert": "convert",
    "plan": "plan",
    "score": "score",
    "transfer": "score",
    "refine": "score",
    "rung-check": "forecast",
    "forecast": "forecast",
    "optimize": "forecast",
    "surface": "forecast",
    "audit": "audit",
    "watch": "watch",
    "find-lr": "train",
    "train": "train",
    "evaluate": "train",
    "classify": "train",
    "studio": "studio",
}
# What only the extra train brings, wherever a command comes to need it first.
TRAINING = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "tqdm")
_MISUSE = (ConfigError, DataError, PlanError, ScheduleError)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"preheat {__version__}")
        raise typer.Exit


def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Learning-rate warm-up and schedules: see them, count their updates, train with them.

    Example: preheat show warmuplinear --warmup 100 --updates 3600 --lr 1e-4
    """


def _app(words: list[str]) -> typer.Typer:
    """The command that ``words`` name alone; all of them for the help page and for what is no command.

    Where a shell completes, its words are meant, and of all of them it is told the names alone.
    """
    completing = words_before()
    words = words if completing is None else completing
    app = typer.Typer(
        name="preheat",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    plain = [word for word in words if not word.startswith("-")]
    if plain[:1] == ["study"]:
        app.add_typer(_study(), name="study")
        return app
    named = next(iter(plain), None)
    if completing is not None and named not in COMMANDS:
        for name in (*COMMANDS, "study"):
            app.command(name)(name_only)
        return app
    for name in (named,) if named in COMMANDS else COMMANDS:
        app.command()(getattr(import_module(f"preheat.cli.{COMMANDS[name]}"), name.replace("-", "_")))
    if named not in COMMANDS:
        app.add_typer(_study(), name="study")
    return app


def _study() -> typer.Typer:
    """``study plan``, ``study run`` and the others: commands of two words."""
    from preheat.cli import study

    group = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help=study.__doc__)
    for name in study.COMMANDS:
        group.command()(getattr(study, name))
    return group


def _sentence(error: Exception) -> str:
    """What went wrong, in words: ours as they are, the system's with the file, anything else with its type."""
    if isinstance(error, PreheatError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    if isinstance(error, ModuleNotFoundError) and error.name in TRAINING:
        return str(missing_extra(error.name, "train"))
    return f"{type(error).__name__}: {error} (preheat --debug ... shows where)"


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; exit 0 when done, 2 on misuse, 1 on failure, 130 when interrupted."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        _app(words)(words, standalone_mode=True)
    except Exception as error:
        if "--debug" in words:
            raise
        print(f"preheat: {_sentence(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, _MISUSE) else 1)
    except KeyboardInterrupt:
        print("preheat: interrupted", file=sys.stderr)
        sys.exit(130)
