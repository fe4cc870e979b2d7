"""The reference of the command line: a page for each command, made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import markup
from sphinx.application import Sphinx

from preheat.cli.command import first_sentence
from preheat.cli.main import COMMANDS, root


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def commands() -> dict[str, click.Command]:
    """Every command by its words, in the order of the help page; those of ``study`` come last."""
    context = click.Context(root)
    named = {name: root.get_command(context, name) for name in COMMANDS}
    study = named.pop("study")
    assert isinstance(study, click.Group)
    every = named | {f"study {name}": command for name, command in study.commands.items()}
    return {name: command for name, command in every.items() if command is not None}


def generate(app: Sphinx) -> None:
    """Write the pages and their index."""
    place = markup.folder(app, "commands")
    every = commands()
    for name, command in every.items():
        markup.write(place / f"{_file(name)}.rst", page(name, command))
    markup.write(place / "index.rst", index(every))
    markup.keep_only(place, map(_file, every))


def _file(name: str) -> str:
    return name.replace(" ", "-")


def index(every: dict[str, click.Command]) -> Iterator[str]:
    """All commands, each with the first sentence of its help."""
    yield from markup.title("Commands")
    yield "What ``preheat COMMAND --help`` says, for every command."
    yield ""
    rows = [
        [f":doc:`preheat {name} <{_file(name)}>`", _plain(first_sentence(one.help or ""))]
        for name, one in every.items()
    ]
    yield from markup.table(["command", "what it does"], rows)
    yield from [".. toctree::", "   :hidden:", "", *markup.indented(map(_file, every)), ""]


def page(name: str, command: click.Command) -> Iterator[str]:
    """One command: its help, then its arguments and flags."""
    yield from markup.title(f"preheat {name}")
    yield f".. program:: preheat {name}"
    yield ""
    yield from _help(command.help or "")
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    words = " ".join(one.metavar or "" for one in arguments)
    yield from markup.code([f"preheat {name} [OPTIONS] {words}".rstrip()], "text")
    for heading, group in (("Arguments", arguments), ("Options", options)):
        if group:
            yield from markup.title(heading, "-")
            for one in group:
                yield from _entry(one)


def _help(text: str) -> Iterator[str]:
    """The docstring; its example, which may go on over several lines, as a block of its own."""
    said, _, example = text.partition("Example:")
    for paragraph in said.strip().split("\n\n"):
        yield from [_plain(paragraph), ""]
    if example:
        first, _, after = example.strip().partition("\n\n")
        yield from markup.code([" ".join(first.split())], "bash")
        if after.strip():
            yield from [_plain(after), ""]


def _entry(parameter: click.Parameter) -> Iterator[str]:
    """An argument, or a flag with what it takes."""
    if not isinstance(parameter, click.Option):
        yield from [f"``{parameter.metavar}``", f"   {_plain(getattr(parameter, 'help', ''))}", ""]
        return
    flags = [*parameter.opts, *parameter.secondary_opts]
    takes = "" if parameter.is_flag else f" {parameter.metavar or _choices(parameter.type)}"
    yield f".. option:: {', '.join(flag + takes for flag in flags)}"
    yield ""
    notes = [_plain(parameter.help or "")]
    if parameter.required:
        notes.append("Needed.")
    default = parameter.default
    if isinstance(default, (str, int, float)) and not isinstance(default, bool) and default != "":
        notes.append(f"Left out: ``{default}``.")
    yield from [f"   {' '.join(filter(None, notes))}", ""]


def _choices(kind: Any) -> str:
    return "|".join(kind.choices)


def _plain(text: str) -> str:
    """Words of a terminal as reStructuredText: one line, nothing in them a mark-up."""
    joined = " ".join(text.split())
    joined = re.sub(r"(?<![\w`-])(--[a-z][\w-]*)(?![\w`])", r"``\1``", joined)
    parts = re.split(r"(``[^`]*``)", joined)
    return "".join(part if part.startswith("``") else re.sub(r"([\\*`_|])", r"\\\1", part) for part in parts)
