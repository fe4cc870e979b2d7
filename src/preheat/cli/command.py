"""The form every command has, over Click: arguments with help, hints for mistyped words, summaries that are not cut.

A group shows each command with the first sentence of its help, wrapped where the terminal ends. An unknown flag or
command is refused with the nearest known one (:func:`preheat.errors.near_miss`), as every other name in preheat is.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from preheat.errors import near_miss

if TYPE_CHECKING:
    from pathlib import Path

COMPLETE = "_PREHEAT_COMPLETE"  # the variable in which the scripts that Click makes for shells ask

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _PathType(click.Path):
    """Gives a :class:`pathlib.Path`; Click's own way would load pathlib (a fifth of a start) before there is any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path that a word names; whether it exists is the command's to ask."""
        from pathlib import Path

        return Path(super().convert(value, param, ctx))  # type: ignore[arg-type]


PATH = _PathType()


class Argument(click.Argument):
    """An argument with help of its own, which Click knows only since 8.5."""

    def __init__(self, words: Sequence[str], help: str = "", **attributes: Any) -> None:
        super().__init__(words, **attributes)
        self.help = help

    def make_metavar(self, ctx: click.Context) -> str:
        """The words of the usage line, as written where the argument stands: Click would bracket them again."""
        return self.metavar or super().make_metavar(ctx)


class _Hinting(click.Command):
    """Refuses an unknown flag with the nearest one of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            flags = [flag for one in self.get_params(ctx) for flag in (*one.opts, *one.secondary_opts)]
            # Long ones only: a short flag is one letter away from every other.
            known = [flag for flag in flags if flag.startswith("--")]
            hint = near_miss(error.option_name, known)
            raise click.UsageError(f"No such option {error.option_name!r}. {hint}".rstrip(), ctx) from None


class Command(_Hinting):
    """A command whose help lists its arguments before its options."""

    def invoke(self, ctx: click.Context) -> Any:
        """Do what the command is for."""
        # Off while modules load (preheat.cli.launch). They stay to the end: neither the collector nor the interpreter
        # as it ends needs to look through them, which is a tenth of a short command's time.
        gc.freeze()
        gc.enable()
        return super().invoke(ctx)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Click from 8.5 on calls this, under a heading of its own; :meth:`format_options` writes them in all."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The arguments, then the options."""
        rows = [(one.make_metavar(ctx), one.help or "") for one in self.params if isinstance(one, Argument)]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


class Group(_Hinting, click.Group):
    """Commands under one name."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order they are defined in, which is the order of the help page."""
        return list(self.commands)

    def summary(self, name: str) -> str:
        """One sentence about a command."""
        return first_sentence(self.commands[name].help or "")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and summaries; Click cuts a summary that is longer than a line."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summary(name)) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names."""
        names = self.list_commands(ctx)
        # While a shell completes, words are half written, and nothing is refused.
        if args[0] not in names and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. {near_miss(args[0], names)}".rstrip())
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Commands that begin so, without loading any, and flags."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [
            *(CompletionItem(name, help=self.summary(name)) for name in names),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


def first_sentence(text: str) -> str:
    """The first sentence of a help text, on one line.

    >>> first_sentence("Rank schedules. Nothing is trained.")
    'Rank schedules.'
    """
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


def command(name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function; its docstring is the help."""
    return click.command(name, cls=Command)


def argument(name: str, metavar: str, help: str, **attributes: Any) -> Decorator:
    """An argument; ``attributes`` are Click's."""
    return click.argument(name, cls=Argument, metavar=metavar, help=help, **attributes)


def flag(name: str, help: str) -> Decorator:
    """An option that is given or not."""
    return click.option(name, is_flag=True, help=help)


def json_flag(what: str) -> Decorator:
    """``--json``, which every command with an answer has; the function takes it as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")
