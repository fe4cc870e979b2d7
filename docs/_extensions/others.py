"""Other libraries' names for a shape: examples of the dialects that read as the same curves in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby

from preheat import Schedule
from preheat.dialects import DIALECTS, dialect, read
from preheat.schedule import Phase, PhaseSchedule
from preheat.schedule.combine import Repeat, Shift, Until
from preheat.schedule.curves import name_of

Curves = tuple[str, ...] | None  # None: made of parts that do not come one after the other
_SAME = {"sqrt": "polynomial", "square": "polynomial"}


_MOST_STEPS = 8  # a staircase of more is a curve sampled once an epoch


def curves_of(schedule: Schedule) -> Curves:
    """The curves after the warm-up, in order, with what is held at the end left out; levels in a row are ``steps``."""
    curves = _flat(schedule)
    if curves is None:
        return None
    names: list[str] = []
    for name, same in groupby(curves, lambda name: "constant" if name == "for ever" else name):
        count = len(list(same))
        if name == "constant" and count > _MOST_STEPS:
            return None
        names += ["steps" if count > 1 else name] if name == "constant" else [name] * count
    held = curves[-1:] == ("for ever",) and names[-1] == "constant" and len(names) > 1
    return tuple(names[:-1] if held else names)


def _flat(schedule: Schedule) -> Curves:
    if isinstance(schedule, (Shift, Until)):
        return _flat(schedule.of)
    if isinstance(schedule, Repeat):
        inner = _flat(schedule.of)
        return None if inner is None else ("again", *inner)
    if not isinstance(schedule, PhaseSchedule):
        return None
    curves: list[str] = []
    for number, part in enumerate(schedule.phases):
        names = _of_phase(part, number == 0) if isinstance(part, Phase) else _flat(part)
        if names is None:
            return None
        curves += names
    return tuple(curves)


def _of_phase(phase: Phase, first: bool) -> tuple[str, ...]:
    """The phase's curve; nothing for a plain warm-up at the beginning, and for what is held for an update at most."""
    name = name_of(phase.curve)[0]
    rises = isinstance(phase.start, float) and isinstance(phase.end, float) and phase.start < phase.end
    short = name == "constant" and phase.length is not None and phase.length <= 1
    if short or (first and rises and name != "cosine"):  # a rising cosine is one cycle's
        return ()
    return ("for ever",) if name == "constant" and phase.length is None else (_SAME.get(name, name),)


@cache
def _examples() -> list[tuple[str, str, Curves, Schedule, int]]:
    examples = []
    for one in map(dialect, DIALECTS):
        for example in one.examples:
            imported = read(example.config, one.name, **example.context)
            total = imported.total or example.context.get("total", 100)
            examples.append((one.name, example.name, curves_of(imported.schedule), imported.schedule, total))
    return examples


def rows(schedule: Schedule) -> Iterator[list[str]]:
    """Dialect, its name, and shares of the peak at update 0, at the last one and after it, for each that fits."""
    wanted = curves_of(schedule)
    seen = set()
    for name, called, curves, other, total in _examples():
        if wanted and curves == wanted and (name, called) not in seen:
            seen.add((name, called))
            values = (f"{other(update):.4g}" for update in (0, total - 1, total))
            yield [f"``{name}``", f"``{called}``", *values]
