"""The kinds of schedules there are, by the name files and texts give them."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from preheat.schedule.base import Schedule
from preheat.schedule.combine import (
    Blend,
    Clip,
    Lift,
    Maximum,
    Minimum,
    Product,
    Repeat,
    Shift,
    Strict,
    Until,
    UserFunction,
)
from preheat.schedule.metric import Greedy, Plateau

# Phases in sequence have a form of their own, in files and in texts.
KINDS: dict[str, type[Schedule]] = {
    "product": Product,
    "min": Minimum,
    "max": Maximum,
    "clip": Clip,
    "lift": Lift,
    "strict": Strict,
    "repeat": Repeat,
    "until": Until,
    "shift": Shift,
    "blend": Blend,
    "plateau": Plateau,
    "greedy": Greedy,
    "function": UserFunction,
}


def kind_of(schedule: Schedule) -> str:
    """The name of a schedule's kind."""
    return next(name for name, kind in KINDS.items() if type(schedule) is kind)


def options_of(kind: type[Schedule]) -> dict[str, Any]:
    """The options of a kind with their defaults (``MISSING`` where one has to be given); ``of`` is no option."""
    return {item.name: item.default for item in fields(kind) if item.init and item.name != "of"}  # type: ignore[arg-type]


def given(schedule: Schedule) -> dict[str, Any]:
    """The options that differ from their defaults."""
    return {
        name: getattr(schedule, name)
        for name, default in options_of(type(schedule)).items()
        if default is MISSING or getattr(schedule, name) != default
    }
