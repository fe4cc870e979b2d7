"""The reference of the command line: a page for each command, made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import markup
import typer
import typer.main
from sphinx.application import Sphinx

from preheat.cli.main import COMMANDS


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def commands() -> dict[str, Callable[..., Any]]:
    """Every command by its words, in the order of the help page."""
    found = {
        name: getattr(import_module(f"preheat.cli.{module}"), name.replace("-", "_"))
        for name, module in COMMANDS.items()
    }
    study = import_module("preheat.cli.study")
    return found | {f"study {name}": getattr(study, name) for name in study.COMMANDS}


def generate(app: Sphinx) -> None:
    """Write the pages and their index."""
    place = markup.folder(app, "commands")
    found = commands()
    for name, function in found.items():
        markup.write(place / f"{_file(name)}.rst", page(name, function))
    markup.write(place / "index.rst", index(found))
    markup.keep_only(place, map(_file, found))


def _file(name: str) -> str:
    return name.replace(" ", "-")


def _parsed(function: Callable[..., Any]) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(function)
    return typer.main.get_command(app)


def index(found: dict[str, Callable[..., Any]]) -> Iterator[str]:
    """All commands, each with the first sentence of its help."""
    yield from markup.title("Commands")
    yield "What ``preheat COMMAND --help`` says, for every command."
    yield ""
    rows = [[f":doc:`preheat {name} <{_file(name)}>`", _first(_parsed(one).help)] for name, one in found.items()]
    yield from markup.table(["command", "what it does"], rows)
    yield from [".. toctree::", "   :hidden:", "", *markup.indented(map(_file, found)), ""]


def _first(text: str) -> str:
    return _plain(re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0])


def page(name: str, function: Callable[..., Any]) -> Iterator[str]:
    """One command: its help, then its arguments and flags."""
    command = _parsed(function)
    yield from markup.title(f"preheat {name}")
    yield f".. program:: preheat {name}"
    yield ""
    yield from _help(command.help)
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    words = " ".join(_shown(one) for one in arguments)
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


def _shown(parameter: Any) -> str:
    word = parameter.metavar or parameter.name.upper()
    word = word.strip("[].")
    word += "..." if parameter.nargs == -1 else ""
    return word if parameter.required else f"[{word}]"


def _entry(parameter: Any) -> Iterator[str]:
    """An argument, or a flag with what it takes."""
    if parameter.param_type_name == "argument":
        yield from [f"``{_shown(parameter)}``", f"   {_plain(getattr(parameter, 'help', None) or 'Needed.')}", ""]
        return
    flags = [*parameter.opts, *parameter.secondary_opts]
    takes = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    yield f".. option:: {', '.join(flag + takes for flag in flags)}"
    yield ""
    notes = [_plain(parameter.help or "")]
    if parameter.required:
        notes.append("Needed.")
    default = parameter.default
    if isinstance(default, (str, int, float)) and not isinstance(default, bool) and default != "":
        notes.append(f"Left out: ``{default}``.")
    yield from [f"   {' '.join(filter(None, notes))}", ""]


def _plain(text: str) -> str:
    """Words of a terminal as reStructuredText: one line, nothing in them a mark-up."""
    joined = " ".join(text.split())
    joined = re.sub(r"(?<![\w`-])(--[a-z][\w-]*)(?![\w`])", r"``\1``", joined)
    parts = re.split(r"(``[^`]*``)", joined)
    return "".join(part if part.startswith("``") else re.sub(r"([\\*`_|])", r"\\\1", part) for part in parts)
