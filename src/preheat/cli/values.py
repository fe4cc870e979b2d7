"""How words of the command line become values, the same way in every command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from preheat.errors import ConfigError, RunError, refusal

if TYPE_CHECKING:
    from preheat.schedule import Schedule


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
