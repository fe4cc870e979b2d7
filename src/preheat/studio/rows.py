"""The phases of a schedule as rows that can be edited: words in, words out.

Only a sequence of phases has rows; a schedule made of schedules (``repeat(...)``, a product) is edited as text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule import Phase, PhaseSchedule, parse
from preheat.schedule.curve_names import CURVE_NAMES, name_of, named_curve
from preheat.schedule.curves import Constant
from preheat.schedule.factors import absolute
from preheat.schedule.lengths import Length, as_length, rest
from preheat.studio.design import Design, in_words, parse_foreign

_CENTS, _SHARES = Decimal("0.01"), Decimal("0.0001")  # to which dragged epochs and shares are rounded
KINDS = ("warmup", "hold", "decay")
_BY_OPTIONS = ("exponential", "step", "rectification")  # whose shape is in their options: written in words
MOVING = tuple(name for name in CURVE_NAMES if name not in ("constant", *_BY_OPTIONS))


@dataclass(frozen=True, slots=True)
class Row:
    """One phase as people edit it.

    Attributes:
        kind: ``warmup`` (a climb to the peak), ``hold`` or ``decay`` (any other change).
        curve: its curve's name; ``constant`` of a hold.
        length: as written: ``100``, ``10%``, ``2 epochs``, ``rest`` or ``forever``.
        start, end: as written, empty where it goes on from the phase before, or has none.
        updates: how long it is in this run; None for ever.
        first: the update it begins at.
    """

    kind: str
    curve: str
    length: str
    start: str
    end: str
    updates: float | None
    first: float


def rows_of(design: Design, index: int) -> list[Row] | None:
    """The phases of a curve; None where it is no plain sequence of phases."""
    phases = _phases(design.curves[index])
    if phases is None:
        return None
    found, begin = [], 0.0
    resolved = design.schedule(index)
    assert isinstance(resolved, PhaseSchedule)
    for phase, known in zip(phases, resolved.phases, strict=True):
        assert isinstance(known, Phase)
        taken = known.updates
        found.append(_row(phase, taken, begin))
        begin += taken or 0
    return found


def _phases(words: str) -> tuple[Phase, ...] | None:
    if not in_words(words):
        return None
    schedule = parse_foreign(words)
    if not isinstance(schedule, PhaseSchedule) or not all(isinstance(part, Phase) for part in schedule.phases):
        return None
    return schedule.phases  # type: ignore[return-value]


def _row(phase: Phase, updates: float | None, first: float) -> Row:
    name, options = name_of(phase.curve)
    steady = isinstance(phase.curve, Constant)
    written = f"{name}({', '.join(f'{key}={value}' for key, value in options.items())})" if options else name
    length = "forever" if phase.length is None else str(phase.length)
    return Row(
        kind_of(phase), written, length, _factor(phase.start), "" if steady else _factor(phase.end), updates, first
    )


def kind_of(phase: Phase) -> str:
    """``hold`` for a constant, ``warmup`` for a climb to the peak, else ``decay``."""
    if isinstance(phase.curve, Constant):
        return "hold"
    return "warmup" if phase.end == 1.0 and phase.start is not None and phase.start != 1.0 else "decay"


def _factor(factor: Any) -> str:
    return "" if factor is None else str(factor) if not isinstance(factor, float) else f"{factor:g}"


# --- changes: each gives the words of the changed schedule -----------------------------------------------------------


def changed(words: str, at: int, **new: str) -> str:
    """A row with another ``curve``, ``length``, ``start`` or ``end``, as people write them.

    >>> changed("warmup 10% > cosine to 0", 0, length="200")
    'warmup 200 > cosine to 0'
    """
    return _edited(words, lambda phases: [*phases[:at], _with(phases[at], new), *phases[at + 1 :]])


def added(words: str, at: int, kind: str) -> str:
    """A new phase of a kind, before the row ``at``: a tenth of the run long.

    >>> added("warmup 10% > cosine to 0", 1, "hold")
    'warmup 10% > hold 10% > cosine to 0'
    """
    text = {"warmup": "warmup 10%", "hold": "hold 10%", "decay": "linear 10% to 0"}[kind]
    (new,) = parse(text).phases  # type: ignore[attr-defined]

    def insert(phases: list[Phase]) -> list[Phase]:
        moving = [phase.convention for phase in phases if not isinstance(phase.curve, Constant)]
        return [*phases[:at], replace(new, convention=(moving or ["native"])[0]), *phases[at:]]

    return _edited(words, insert)


def removed(words: str, at: int) -> str:
    """Without one row; the last one stays."""
    return _edited(words, lambda phases: [*phases[:at], *phases[at + 1 :]])


def moved(words: str, at: int, to: int) -> str:
    """A row in another place.

    >>> moved("warmup 10% > hold 20% > cosine to 0", 1, 2)
    'warmup 10% > cosine to 0 > hold 20%'
    """

    def move(phases: list[Phase]) -> list[Phase]:
        phases.insert(to, phases.pop(at))
        return phases

    return _edited(words, move)


def dragged(design: Design, index: int, at: int, updates: int) -> str:
    """A row of a curve about ``updates`` long, so that the phases still fill the run.

    Its length keeps its unit. The phase that has the rest of the run gives or takes the difference; where it is the
    rest itself that is dragged, its neighbour does; where no phase has the rest, the next one has it from now on.

    >>> design = Design(("warmup 10% > hold > 1-sqrt 20% to 0",), updates=1000)
    >>> dragged(design, 0, 0, 256), dragged(design, 0, 1, 650)
    ('warmup 25.6% > hold > 1-sqrt 20% to 0', 'warmup 10% > hold > 1-sqrt 25% to 0')
    """
    words, rows = design.curves[index], rows_of(design, index)
    assert rows is not None
    neighbour = at + 1 if at + 1 < len(rows) else at - 1
    rest = next((place for place, row in enumerate(rows) if row.length == "rest"), None)
    known = rows[at].updates
    if known is None or all(row.length.isdigit() or row.length == "forever" for row in rows):
        return _resized(words, {at: _length(rows[at], updates, design)})  # nothing has to fill the run
    if rest == at:
        if neighbour < 0:
            return words  # one phase, and it is the whole run
        least = (rows[neighbour].updates or 0) + known - updates
        return dragged(design, index, neighbour, max(1, round(least)))
    if rest is not None:
        updates = min(updates, round(known + (rows[rest].updates or 0)))
        return _resized(words, {at: _length(rows[at], updates, design)})
    if neighbour < 0:
        return words
    updates = min(updates, round(known + (rows[neighbour].updates or 0)))
    return _resized(words, {at: _length(rows[at], updates, design), neighbour: Length(Decimal(0), "rest")})


def _length(row: Row, updates: int, design: Design) -> int | Length:
    """So many updates, in the unit of a row."""
    unit = row.length.rpartition(" ")[2]
    per = {"epochs": design.epoch, "tokens": design.tokens and 1.0 / design.tokens}.get(unit)
    if per:
        amount = Decimal(repr(updates / per)).quantize(_CENTS) if unit == "epochs" else Decimal(int(updates / per))
        return Length(amount.normalize(), unit) if amount else updates
    if row.length.isdigit():
        return updates
    # Rounded down: shares are rounded up to whole updates, and must not come to more than the run together.
    share = (Decimal(updates) / Decimal(design.updates)).quantize(_SHARES, rounding=ROUND_DOWN)
    return Length(share.normalize(), "fraction") if share else updates


def _resized(words: str, lengths: dict[int, int | Length]) -> str:
    def resize(phases: list[Phase]) -> list[Phase]:
        for at, length in lengths.items():
            phases[at] = replace(phases[at], length=length)
        return phases

    return _edited(words, resize)


def _edited(words: str, change: Callable[[list[Phase]], list[Phase]]) -> str:
    phases = _phases(words)
    if phases is None:
        raise ScheduleError(refusal("schedule", "a plain sequence of phases", words, "Edit it as text."))
    return str(PhaseSchedule(tuple(change(list(phases)))))


def _with(phase: Phase, new: dict[str, str]) -> Phase:
    values: dict[str, Any] = {}
    for name, text in new.items():
        if name == "curve":
            values |= _curve(phase, text)
        elif name == "length":
            values["length"] = None if text == "forever" else as_length("length", text) if text.strip() else rest()
        else:
            values[name] = _read_factor(name, text)
    if isinstance(values.get("curve", phase.curve), Constant):
        values["end"] = None if values.get("start", phase.start) is None else values.get("start", phase.start)
    return replace(phase, **values)


def _curve(phase: Phase, name: str) -> dict[str, Any]:
    """Another curve; a climb stays one, and what held falls to 0."""
    found: Any = parse_foreign(name).phases[0].curve if "(" in name else named_curve(name)  # type: ignore[attr-defined]
    if isinstance(found, Constant):
        return {"curve": found, "start": None, "end": None}
    return {"curve": found} if not isinstance(phase.curve, Constant) else {"curve": found, "start": None, "end": 0.0}


def _read_factor(name: str, text: str) -> Any:
    word = text.strip()
    if not word:
        return None
    try:
        return absolute(float(word[3:])) if word.startswith("lr ") else float(word)
    except ValueError:
        advice = "As in 0.1, or lr 1e-6 for a learning rate."
        raise ScheduleError(refusal(name, "a share of the peak, or a learning rate", text, advice)) from None
