"""The form every command has, over Click: arguments with help, the reader's language, refusals in preheat's own words.

A group shows each command with the first sentence of its help, wrapped where the terminal ends. What Click would refuse
in words of its own is refused as everything else in preheat is: ``<name> must be <rule>; got <value>. <what to do>.``,
unknown flags and commands with the nearest known one (:func:`preheat.errors.near_miss`).
"""

from __future__ import annotations

import gc
import inspect
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from preheat.errors import ConfigError, near_miss, refusal, sentences
from preheat.messages import _, cells, joined
from preheat.messages.languages import look_up, reader, tell

if TYPE_CHECKING:
    from pathlib import Path

COMPLETE = "_PREHEAT_COMPLETE"  # the variable in which the scripts that Click makes for shells ask
LANGUAGE = "--lang"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _PathType(click.Path):
    """Gives a :class:`pathlib.Path`; Click's own way would load pathlib (a fifth of a start) before there is any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path that a word names; whether it exists is the command's to ask."""
        from pathlib import Path

        return Path(super().convert(value, param, ctx))  # type: ignore[arg-type]


PATH = _PathType()

# --- Help pages -----------------------------------------------------------------------------------------------------

# What stands before a sign, or after it, goes to its line: no line of Chinese begins with a comma.
_CLOSING, _OPENING = frozenset("，。；：、！？）》」』”’…,.;:!?)]}"), frozenset("（《「『“‘([{")


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most so many cells, broken at blanks and between Chinese signs.

    >>> wrapped("运行共 3600 步，其中预热 100 步。", 17)
    ['运行共 3600 步，', '其中预热 100 步。']
    """
    lines, line = [], ""
    for piece in _pieces(text):
        if line and cells(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()]


def _pieces(text: str) -> list[str]:
    """What no line is broken in: words, and single Chinese signs, with the punctuation and blanks that go with them."""
    pieces = [""]
    for sign in text:
        before = pieces[-1][-1:]
        narrow = not before or (cells(before) == 1 and cells(sign) == 1 and before != " ")
        if narrow or sign == " " or sign in _CLOSING or before in _OPENING:
            pieces[-1] += sign
        else:
            pieces.append(sign)
    return pieces


class Formatter(click.HelpFormatter):
    """Click's pages with headings and widths of the reader's language."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line that says how a command is called."""
        usage = tell(_("Usage:"))
        # Chinese has its blank in the sign itself.
        usage += " " if usage.isascii() else ""
        super().write_usage(prog, args, usage if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        """The heading of a list."""
        told = tell(_("{heading}:", heading=heading))
        self.write(f"{'':>{self.current_indent}}{told}\n")

    def write_text(self, text: str) -> None:
        """Paragraphs."""
        if reader() == "en":
            super().write_text(text)
            return
        indent = " " * self.current_indent
        paragraphs = [wrapped(one, self.width - self.current_indent) for one in text.split("\n\n")]
        self.write("\n\n".join("\n".join(indent + line for line in lines) for lines in paragraphs) + "\n")

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        """Names, none in Chinese, with what each means."""
        if reader() == "en":
            super().write_dl(rows, col_max, col_spacing)
            return
        rows, indent = list(rows), " " * self.current_indent
        column = min(max(len(name) for name, _said in rows), col_max) + col_spacing
        for name, said in rows:
            first, *more = wrapped(said, max(self.width - column - 2, 10))
            beside = len(name) <= column - col_spacing
            self.write(
                f"{indent}{name:{column}}{first}\n" if beside else f"{indent}{name}\n{indent}{'':{column}}{first}\n"
            )
            for line in more:
                self.write(f"{indent}{'':{column}}{line}\n")


class Context(click.Context):
    """A call with pages as above."""

    formatter_class = Formatter


def first_sentence(text: str) -> str:
    """The first sentence of a help text, on one line.

    >>> first_sentence("Rank schedules. Nothing is trained.")
    'Rank schedules.'
    """
    return re.split(r"(?<=\.)\s|(?<=。)", " ".join(text.split()), maxsplit=1)[0]


def _told(paragraph: str) -> str:
    """A paragraph of a docstring in the reader's language."""
    words = " ".join(paragraph.split())
    example = words.removeprefix("Example: ")
    return look_up(words) if example == words else tell(_("Example: {command}", command=example))


# --- Arguments and flags --------------------------------------------------------------------------------------------


class _Parameter(click.Parameter):
    """Refuses what does not fit in preheat's words."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """The words of the command line as a value."""
        try:
            return super().type_cast_value(ctx, value)
        except click.BadParameter:
            for one in value if self.multiple or self.nargs == -1 else [value]:
                try:
                    self.type(one, self, ctx)
                except click.BadParameter:
                    advice = sentences(_hint(self.type, one), _more(ctx))
                    raise ConfigError(refusal(_called(self), _rule(self.type), one, advice)) from None
            raise

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """The value, which has to be there if it is needed."""
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter:
            if isinstance(self, click.Option):
                advice = sentences(_("Add {flag}.", flag=_written(self, ctx)), _more(ctx))
            else:
                advice = _how(ctx)
            raise ConfigError(refusal(_called(self), _("given"), None, advice)) from None


class Argument(_Parameter, click.Argument):
    """An argument with help of its own, which Click knows only since 8.5."""

    def __init__(self, words: Sequence[str], help: str = "", **attributes: Any) -> None:
        super().__init__(words, **attributes)
        self.help = help

    def make_metavar(self, ctx: click.Context) -> str:
        """The words of the usage line, as written where the argument stands: Click would bracket them again."""
        return self.metavar or super().make_metavar(ctx)


class Option(_Parameter, click.Option):
    """An option whose help is a message."""

    def __init__(self, words: Sequence[str], help: str = "", **attributes: Any) -> None:
        super().__init__(words, help=help, **attributes)
        self.says = help  # Click's own copy is plain text

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Its words, and what they mean."""
        if self.hidden:
            return None
        extra = self.get_help_extra(ctx)
        notes: list[object] = []
        if "default" in extra:
            notes.append(_("default: {value}", value=extra["default"]))
        if "range" in extra:
            notes.append(extra["range"])
        if "required" in extra:
            notes.append(_("required"))
        ending = f"  [{tell(joined('; ', notes))}]" if notes else ""
        record = super().get_help_record(ctx)
        assert record is not None  # it is not hidden
        return record[0], f"{tell(self.says)}{ending}"


def _called(parameter: click.Parameter) -> str:
    """What a refusal calls it."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len).lstrip("-")
    return (parameter.metavar or parameter.name or "").strip("[].- ")


def _rule(kind: click.ParamType[Any]) -> str:
    match kind:
        case click.IntRange(min=int() as least, max=int() as most):
            return _("a whole number from {least} to {most}", least=least, most=most)
        case click.IntRange(min=int() as least):
            return _("a whole number, {least} or more", least=least)
        case click.Choice():
            return _("one of {choices}", choices=joined(", ", kind.choices))
        case click.types.FloatParamType():
            return _("a number")
    return _("a whole number")


def _hint(kind: click.ParamType[Any], word: Any) -> str:
    """What was probably meant."""
    if isinstance(kind, click.Choice):
        return near_miss(word, kind.choices)
    text = str(word).strip()
    if isinstance(kind, click.types.FloatParamType):
        if re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", text):
            return _("The decimal mark is a point: {number}.", number=text.replace(",", "."))
        return ""
    plain = text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", text) else text
    try:
        number = float(plain)
    except ValueError:
        return ""
    # 1e3, 3600.0 and 3,600 are whole numbers written in another way.
    return _("Write {number}.", number=int(number)) if number.is_integer() and abs(number) < 2**53 else ""


def _more(ctx: click.Context) -> str:
    return _("{help} says more.", help=_help(ctx))


def _how(ctx: click.Context) -> str:
    """How the command is called."""
    return _("Usage: {usage}", usage=" ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)]))


def _written(option: click.Option, ctx: click.Context) -> str:
    return f"{max(option.opts, key=len)} {option.make_metavar(ctx)}"


# --- Commands -------------------------------------------------------------------------------------------------------


class _Own(click.Command):
    """What commands and groups have in common."""

    context_class = Context

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its arguments and flags; the language may be said after every command's name."""
        own = super().get_params(ctx)
        if any(LANGUAGE in one.opts for one in own):
            return own
        return [*own[:-1], _hidden_language(), *own[-1:]]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """``--help``."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = tell(_("Show this message and exit."))
        return option

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it does."""
        if reader() == "en":
            super().format_help_text(ctx, formatter)
            return
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text("\n\n".join(map(_told, inspect.cleandoc(self.help or "").split("\n\n"))))

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Click from 8.5 on calls this, under a heading of its own; :meth:`format_options` writes them in all."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The arguments, then the options."""
        shown = self.get_params(ctx)
        arguments = [(one.make_metavar(ctx), tell(one.help)) for one in shown if isinstance(one, Argument)]
        options = [one.get_help_record(ctx) for one in shown if isinstance(one, click.Option)]
        for heading, rows in ((_("Arguments"), arguments), (_("Options"), [row for row in options if row is not None])):
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of a call."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            flags = [flag for one in self.get_params(ctx) for flag in (*one.opts, *one.secondary_opts)]
            # Long ones only: a short flag is one letter away from every other.
            known = [flag for flag in flags if flag.startswith("--")]
            advice = sentences(near_miss(error.option_name, known), _("{help} lists them.", help=_help(ctx)))
            rule = _("one that {command} has", command=ctx.command_path)
            raise ConfigError(refusal(_("flag"), rule, error.option_name, advice)) from None
        except click.BadOptionUsage as error:
            self._refuse_use(ctx, error.option_name)

    def _refuse_use(self, ctx: click.Context, flag: str) -> NoReturn:
        """A flag without the value it takes, or with one where it takes none."""
        option = next(one for one in self.get_params(ctx) if flag in (*one.opts, *one.secondary_opts))
        assert isinstance(option, click.Option)
        if option.is_flag:
            advice = _("Write {flag} alone.", flag=flag)
            problem = refusal(flag.lstrip("-"), _("written without a value"), f"{flag}=...", advice)
        else:
            advice = sentences(_("Write {flag}.", flag=_written(option, ctx)), _more(ctx))
            problem = refusal(flag.lstrip("-"), _("followed by a value"), None, advice)
        raise ConfigError(problem) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Flags that begin so, with what each means."""
        # Click's own of a group would load every command.
        offered = click.Command.shell_complete(self, ctx, incomplete)
        says = {flag: one.says for one in self.get_params(ctx) if isinstance(one, Option) for flag in one.opts}
        for one in offered:
            one.help = tell(says[one.value]) if one.value in says else one.help
        return offered


def _help(ctx: click.Context) -> str:
    return f"{ctx.command_path} --help"


def _hidden_language() -> Option:
    return Option([LANGUAGE], metavar="CODE", hidden=True, expose_value=False)


class Command(_Own):
    """A command."""

    def invoke(self, ctx: click.Context) -> Any:
        """Do what the command is for."""
        # Off while modules load (preheat.cli.launch). They stay to the end: neither the collector nor the interpreter
        # as it ends needs to look through them, which is a tenth of a short command's time.
        gc.freeze()
        gc.enable()
        return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of a call, all of which have to mean something."""
        ctx.allow_extra_args = True  # or Click refuses them in words of its own
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            quoted = _("Words that belong together stand in quotes.")
            rule = _("what {command} takes", command=ctx.command_path)
            raise ConfigError(refusal(_("arguments"), rule, rest[0], sentences(quoted, _how(ctx))))
        return rest


class Group(_Own, click.Group):
    """Commands under one name."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order they are defined in, which is the order of the help page."""
        return list(self.commands)

    def summary(self, name: str) -> str:
        """One sentence about a command."""
        paragraph = inspect.cleandoc(self.commands[name].help or "").split("\n\n")[0]
        return first_sentence(_told(paragraph))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, then names and summaries of the commands; Click cuts a summary that is longer than a line."""
        super().format_options(ctx, formatter)
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, self.summary(name)) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command that is named."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            # Whatever else Click refuses is refused above, in our words.
            if type(error) is not click.UsageError:
                raise
            raise ConfigError(
                refusal(_("command"), _("given"), None, _("{help} lists them.", help=_help(ctx)))
            ) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names."""
        names = self.list_commands(ctx)
        # While a shell completes, words are half written, and nothing is refused.
        if args[0] not in names and not ctx.resilient_parsing:
            advice = sentences(near_miss(args[0], names), _("{help} lists them.", help=_help(ctx)))
            raise ConfigError(refusal(_("command"), _("one of {group}'s", group=ctx.command_path), args[0], advice))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Commands that begin so, without loading any, and flags."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [
            *(CompletionItem(name, help=self.summary(name)) for name in names),
            *super().shell_complete(ctx, incomplete),
        ]


def command(name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function; its docstring is the help."""
    return click.command(name, cls=Command)


def argument(name: str, metavar: str, help: str, **attributes: Any) -> Decorator:
    """An argument; ``attributes`` are Click's."""
    return click.argument(name, cls=Argument, metavar=metavar, help=help, **attributes)


def option(*words: str, **attributes: Any) -> Decorator:
    """An option; ``attributes`` are Click's, its help a message."""
    return click.option(*words, cls=Option, **attributes)


def flag(name: str, help: str) -> Decorator:
    """An option that is given or not."""
    return option(name, is_flag=True, help=help)


def json_flag(help: str) -> Decorator:
    """``--json``, which every command with an answer has; the function takes it as ``as_json``."""
    return option("--json", "as_json", is_flag=True, help=help)
