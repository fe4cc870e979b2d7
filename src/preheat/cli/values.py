"""How words of the command line become values, the same way in every command."""

from __future__ import annotations

import json
from typing import Any

import typer

from preheat.errors import ConfigError, refusal


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


def print_json(data: Any) -> None:
    """One report on standard output, as JSON."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
