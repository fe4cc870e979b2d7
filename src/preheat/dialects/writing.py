"""Writing: of all configurations that might say it, the one whose own reader comes nearest.

A writer proposes configurations; each is read back by the dialect's reader and held against the schedule at every
update. So a writer cannot disagree with its reader, and the error it states is the one a user would get.

What helps writers with their proposals follows: the outline of a schedule (lengths, floors and powers that a vocabulary
may repeat), a schedule as phases in one row, and formulas in ``lambda`` (one table, read in both directions). At the
end, configurations as text.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from itertools import chain, product
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from preheat.dialects.definition import Context, Dialect, Exported, Imported, Outline
from preheat.dialects.fields import Fields
from preheat.dialects.loading import Function, number_in
from preheat.errors import ConfigError, PreheatError, refusal
from preheat.limits import MOST_COMPARED
from preheat.messages import _
from preheat.schedule import Phase, Schedule
from preheat.schedule.combine import Product, Repeat, Until, everything_in
from preheat.schedule.curves import CURVES, Constant, Cosine, Curve, Exponential, Linear, PowerLaw
from preheat.schedule.lengths import known
from preheat.schedule.sequence import PhaseSchedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_EXACT = 1e-9  # of the peak: rounding of decimals in a file, not another curve
_FINALISTS = 8  # held against every update: the sample may have missed a jump
_SAMPLED = 2048  # updates of a long run that proposals, often hundreds, are compared at first


def export(dialect: Dialect, schedule: Schedule, total: int, base_lr: float) -> Exported:
    """The configuration of ``dialect`` nearest to ``schedule``; see :func:`preheat.dialects.write`."""
    import numpy as np

    assert dialect.write is not None
    if total > MOST_COMPARED:
        advice = _(
            "Every update is compared with what was asked: write it for a shorter run, and change its length there."
        )
        raise ConfigError(refusal("total", _("at most {most:,} updates", most=MOST_COMPARED), total, advice))
    asked = outline(schedule, total, base_lr)
    if asked.peak <= 0:
        raise ConfigError(refusal("schedule", _("above zero at some update"), str(schedule), _("Nothing would train.")))
    context = Context(total=total)
    every = np.arange(total)
    sampled = every if total <= _SAMPLED else np.unique(np.linspace(0, total - 1, _SAMPLED).astype(np.int64))
    rough: list[tuple[float, int, Any]] = []
    # A floor or a warm-up may be a share of the optimizer's own rate, which no update need reach.
    outlines = (asked,) if asked.peak == base_lr else (asked, asked.below(base_lr))
    for index, config in enumerate(_distinct(chain.from_iterable(map(dialect.write, outlines)))):
        imported = _read_back(dialect, config, context, base_lr)
        if imported is not None:
            merit = _merit(_apart(imported, asked, sampled))
            rough.append((merit, index, config))
            if merit == 0.0 and (sampled is every or not _apart(imported, asked, every).any()):
                break  # none is nearer, and of several that are exact the first proposed is taken
    if not rough:
        advice = _("{title} has nothing near it.", title=dialect.title)
        raise ConfigError(
            refusal("schedule", _("one that {title} can say", title=dialect.title), str(schedule), advice)
        )
    rough.sort(key=lambda proposal: proposal[:2])
    finalists = []
    for place, (_unused, _unused, config) in enumerate(rough[:_FINALISTS]):
        imported = _read_back(dialect, config, context, base_lr)
        assert imported is not None
        apart = _apart(imported, asked, every)
        finalists.append((_merit(apart), place, apart, config, imported.notes))
    _unused, _unused, apart, config, notes = min(finalists, key=lambda finalist: finalist[:2])
    at = int(apart.argmax())
    error = float(apart[at])
    render = dialect.render or as_json
    exact = error <= _EXACT * asked.peak
    return Exported(config, render(config), dialect.name, 0.0 if exact else error, at, exact, notes)


def _read_back(dialect: Dialect, config: Any, context: Context, peak: float) -> Imported | None:
    """What the dialect's reader makes of a proposal, beside an optimizer at ``peak``; None if it refuses it."""
    given = Fields(config) if isinstance(config, Mapping) else config
    try:
        imported = dialect.read(given, context)
        # Without a peak first: where the file names one, a second could only contradict it.
        return imported if imported.base_lr is not None else dialect.read(given, replace(context, peak=peak))
    except PreheatError:
        return None


def _merit(apart: NDArray[np.float64]) -> float:
    """What makes one proposal nearer than another: its largest distance, and how far it is on average."""
    # The largest alone would not tell apart two that miss one update and fit the rest, or nothing, equally badly.
    return float(apart.max() + apart.mean())


def _apart(imported: Imported, asked: Outline, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance in learning rate at each of ``positions``."""
    import numpy as np

    base = asked.peak if imported.base_lr is None else imported.base_lr
    apart: NDArray[np.float64] = np.abs(base * imported.schedule(positions) - asked.peak * asked.factors[positions])
    return np.where(apart <= _EXACT * asked.peak, 0.0, apart)


def _distinct(configs: Iterable[Any]) -> Iterator[Any]:
    # Lengths and floors coincide often, and every proposal is read back.
    seen: set[str] = set()
    for config in configs:
        key = json.dumps(config, sort_keys=True, default=str)
        if key not in seen:
            seen.add(key)
            yield config


# The outline of a schedule: what a writer may repeat.


_NEAR = 1e-9  # of the peak: as high


def outline(schedule: Schedule, total: int, base_lr: float) -> Outline:
    """The outline of ``schedule`` over ``total`` updates at base ``base_lr``."""
    import numpy as np

    factors = schedule(np.arange(total + 1))
    top = float(factors.max())
    unit = top or 1.0  # a schedule that is 0 all along is refused elsewhere
    shares = factors / unit
    at_peak = np.flatnonzero(shares >= 1.0 - _NEAR)
    first, last = (int(at_peak[0]), int(at_peak[-1])) if len(at_peak) else (0, 0)
    # The conventions of the field differ by one update in where the peak is.
    warmups = (0,) if first == 0 else tuple(w for w in (first, first + 1, first - 1) if w > 0)
    if first == 0 and len(at_peak):
        # A warm-up of one update that begins at the peak is none.
        warmups = (0, 1)
    descent = [total - last, total - last - 1, total - last + 1]
    # The end value falls on the last update or on the one after it.
    ends = (float(shares[-1]), float(shares[-2]), 0.0)
    # A warm-up that begins a step up, (n + 1) / W, would have begun at one step less.
    step = float(shares[1] - shares[0]) if first > 1 else 0.0
    starts = (float(shares[0]), max(0.0, float(shares[0]) - step), 0.0)
    return Outline(
        schedule=schedule,
        total=total,
        peak=top * base_lr,
        factors=shares,
        warmups=warmups,
        starts=_distinct_values(starts),
        decays=tuple(dict.fromkeys(length for length in (*_last_lengths(schedule), *descent) if length > 0)),
        floors=_distinct_values((*ends, *(end / unit for end in _ends(schedule)))),
        options=_options(schedule),
    )


def _distinct_values(values: tuple[float, ...]) -> tuple[float, ...]:
    kept: list[float] = []
    for value in values:
        # Floats of one number reached in two ways.
        if all(abs(value - other) > 1e-15 for other in kept):
            kept.append(value)
    return tuple(kept)


def _phases(schedule: Schedule) -> list[Phase]:
    return [
        part
        for whole in everything_in(schedule)
        if isinstance(whole, PhaseSchedule)
        for part in whole.phases
        if isinstance(part, Phase)
    ]


def _last_lengths(schedule: Schedule) -> list[int]:
    """Lengths of the phases, the last first."""
    return [phase.length for phase in reversed(_phases(schedule)) if isinstance(phase.length, int)]


def _ends(schedule: Schedule) -> list[float]:
    """Factors that the phases move toward, also where the run stops before."""
    return [phase.end for phase in _phases(schedule) if isinstance(phase.end, float) and phase.end < 1]


def _options(schedule: Schedule) -> dict[str, tuple[float, ...]]:
    numbers: dict[str, list[float]] = {}
    for phase in _phases(schedule):
        for item in fields(phase.curve):
            value = getattr(phase.curve, item.name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                numbers.setdefault(item.name, []).append(float(value))
    return {name: tuple(dict.fromkeys(values)) for name, values in numbers.items()}


# A schedule as phases in one row, for frameworks that know sequences and nothing else.


_MOST = 200  # phases: longer rows are nothing to read


@dataclass(frozen=True, slots=True)
class Piece:
    """One phase of a row: it owns the updates from ``begin`` to ``end`` (None: all that follow)."""

    phase: Phase
    begin: int
    end: int | None

    @property
    def updates(self) -> int | None:
        """How many it owns."""
        return None if self.end is None else self.end - self.begin

    @property
    def start(self) -> float:
        """The factor its curve falls from, or rises from."""
        return known(1.0 if self.phase.start is None else self.phase.start)

    @property
    def goal(self) -> float:
        """The factor its curve moves to."""
        return known(self.phase.end or 0.0)

    @property
    def arrival(self) -> float | None:
        """The factor its curve arrives at and stays at; None for one that is cut, has no end or does not move."""
        whole = self.updates is not None and self.updates == self.phase.updates
        return self.goal if whole and not self.phase.curve.endless else None


class _NotFlatError(Exception):
    """The schedule is no row of phases."""


def flat(schedule: Schedule, total: int) -> list[Piece] | None:
    """The phases of a run of ``total`` updates, and what is held after them; None for what is no row of phases.

    >>> from preheat import parse
    >>> [(piece.begin, piece.end) for piece in flat(parse("repeat(cosine 4, times=2)"), 20)]
    [(0, 4), (4, 8), (8, None)]
    """
    try:
        pieces = list(_pieces(schedule, 0, float(total)))
    except _NotFlatError:
        return None
    if not pieces or len(pieces) > _MOST:
        return None
    last = pieces[-1]
    # A level at the end needs no end, unless something else is held after it.
    if last.end is not None and isinstance(last.phase.curve, Constant):
        held = schedule(last.end) if last.end < total or schedule.horizon is not None else last.start
        if held == last.start:
            pieces[-1] = Piece(last.phase, last.begin, None)
            return pieces
    if last.end is not None:
        held = schedule(last.end)
        pieces.append(Piece(Phase(curve=Constant(), length=None, start=held), last.end, None))
    return pieces


def _pieces(schedule: Schedule, begin: int, limit: float) -> Iterator[Piece]:
    """The pieces of a schedule that starts at ``begin``, up to ``limit``."""
    if isinstance(schedule, Until):
        yield from _pieces(schedule.of, begin, min(limit, begin + schedule.updates))
    elif isinstance(schedule, Repeat):
        cycle = 0
        # As many cycles as the run has, at most so many that the row is refused for its length anyway.
        while begin + schedule._begin(cycle) < limit and cycle != schedule.times and cycle <= _MOST:
            first, last = begin + schedule._begin(cycle), begin + schedule._begin(cycle + 1)
            for piece in _pieces(schedule._cycle(cycle), _whole(first), min(limit, last)):
                yield _scaled(piece, schedule.scale**cycle, schedule.floor)
            cycle += 1
    elif isinstance(schedule, Product):
        yield from _product(schedule, begin, limit)
    elif isinstance(schedule, PhaseSchedule):
        for first, last, part in schedule._spans:
            if first < last and begin + first < limit:
                if isinstance(part, Schedule):
                    yield from _pieces(part, _whole(begin + first), min(limit, begin + last))
                else:
                    end = min(limit, begin + last)
                    endless = part.updates is None and end == limit and begin == 0
                    yield Piece(part, _whole(begin + first), None if endless else _whole(end))
    else:
        raise _NotFlatError


def _product(schedule: Product, begin: int, limit: float) -> Iterator[Piece]:
    """One schedule times a number."""
    numbers = [part for part in schedule.of if _is_number(part)]
    others = [part for part in schedule.of if part not in numbers]
    if len(others) != 1:
        raise _NotFlatError
    scale = 1.0
    for number in numbers:
        scale *= number(0)
    for piece in _pieces(others[0], begin, limit):
        yield _scaled(piece, scale, 0.0)


def _is_number(schedule: Schedule) -> bool:
    phases = schedule.phases if isinstance(schedule, PhaseSchedule) else ()
    return len(phases) == 1 and isinstance(phases[0], Phase) and isinstance(phases[0].curve, Constant)


def _scaled(piece: Piece, scale: float, floor: float) -> Piece:
    """The piece with its height above ``floor`` times ``scale``."""
    if scale == 1.0:
        return piece
    # Repeat scales what is above its floor, cycle by cycle.
    start, goal = (floor + (factor - floor) * scale for factor in (piece.start, piece.goal))
    if isinstance(piece.phase.curve, Constant):
        goal = start
    return Piece(replace(piece.phase, start=start, end=goal), piece.begin, piece.end)


def _whole(position: float) -> int:
    if position != int(position):
        raise _NotFlatError
    return int(position)


# Formulas in ``lambda`` as phases, and phases as formulas: one table, read in both directions.
# Letters in capitals stand for numbers. A curve is written ``F + H * (...)``, F being its low factor and H its height;
# ``U`` is the share done of a falling curve, of a rising one the share left.


_LATE = 10**6  # an update at which a wild exponent shows
Slots = Mapping[str, float]

_DONE = ("n / L", "(n + S) / L", "(M - n) / L")
_RESERVED = "FHLMNSU"  # letters that mean something else in a form
_FUNCTIONS = re.compile(r"\b(cos|sin|tanh|exp|log|sqrt|pi)\b")


def _forms() -> Iterator[tuple[str, tuple[type[Curve], dict[str, str]]]]:
    """The formulas that stand with the curves, as forms: each with its curve, and the letters of its options.

    >>> dict(_forms())["((1 + math.cos(2 * math.pi * C * U)) / 2) ** P"]
    (<class 'preheat.schedule.curves.Cosine'>, {'cycles': 'C', 'power': 'P'})
    """
    for kind in CURVES.values():
        for formula in (*kind.facts.plainer, kind.facts.formula):
            if not re.search(r"\bu\b", formula):
                continue  # no function of the share done
            letters: dict[str, str] = {}
            form = re.sub(r"\bu\b", "U", _FUNCTIONS.sub(r"math.\1", formula))
            for item in fields(kind):
                if re.search(rf"\b{item.name}\b", form):
                    free = (one for one in (item.name[0].upper(), *ascii_uppercase) if one not in _RESERVED)
                    letters[item.name] = next(one for one in free if one not in letters.values())
                    form = re.sub(rf"\b{item.name}\b", letters[item.name], form)
            yield form, (kind, letters)


# The first form that says all of a curve is the one that is written.
_CURVES = dict(_forms())
_AROUND = ("{}", "H * ({})", "F + H * ({})", "max(0, {})")
# Other ways people write a phase.
_OTHERS: dict[str, Callable[[Slots], Phase]] = {
    "F": lambda s: Phase(curve=Constant(), length=None, start=s["F"]),
    "n / L": lambda s: _warm_up(s["L"]),
    "(n + 1) / L": lambda s: _warm_up(s["L"], "native"),
    "min(1, n / L)": lambda s: _warm_up(s["L"]),
    "min(1, (n + 1) / L)": lambda s: _warm_up(s["L"], "native"),
    "F + H * n / L": lambda s: _rise(s),
    "min(1, F + H * n / L)": lambda s: _rise(s),
    "R ** n": lambda s: Phase(curve=Exponential(s["R"]), length=None, start=1.0),
    "R ** (n // S)": lambda s: Phase(curve=Exponential(s["R"], s["S"], True), length=None, start=1.0),
    "1 / (1 + D * n)": lambda s: Phase(curve=PowerLaw(1.0, 1.0 / s["D"]), length=None, start=1.0),
    "0.5 * (1 + math.cos(math.pi * n / L))": lambda s: Phase(curve=Cosine(), length=s["L"], start=1.0),
}
FORMS = (*_OTHERS, *(ast.unparse(ast.parse(form.replace("U", "(n / L)"))) for form in _CURVES))


def phase_in(function: Function) -> Phase | None:
    """The phase that a formula is; None for one that is not in the table.

    >>> from preheat.dialects.loading import run_of_calls
    >>> [function] = run_of_calls("lambda step: min(1.0, (step + 1) / 100)")
    >>> phase_in(function).length, phase_in(function).convention
    (100, 'native')
    """
    makers = _matches(function.body, function.argument)
    return next((phase for phase in map(_made, makers) if phase is not None), None)


def _matches(body: ast.expr, argument: str) -> Iterator[Callable[[], Phase]]:
    """What makes the phase, of every entry that fits."""
    for form, make in _OTHERS.items():
        slots = _matched(form, body, argument)
        if slots is not None:
            yield partial(make, slots)
    for form, (curve, options) in _CURVES.items():
        for around, done in product(_AROUND, _DONE):
            slots = _matched(around.format(form.replace("U", f"({done})")), body, argument)
            if slots is not None:
                yield partial(_phase, curve, options, {"F": 0.0, "H": 1.0, **slots})


def formula_of(phase: Phase) -> str | None:
    """The formula of a phase, over ``n`` updates since it began; None for a curve that is not in the table.

    >>> from preheat.schedule.curves import Rex
    >>> formula_of(Phase(curve=Rex(), length=10, start=1.0, end=0.5))
    '0.5 + 0.5 * ((1 - n / 10) / (1 - 0.5 * (n / 10)))'
    """
    if isinstance(phase.curve, Constant):
        return repr(known(phase.start if phase.start is not None else 1.0))
    mirrored, _unused, low, height, done, _unused, length = phase.laid_out(0, 0)
    for form, (curve, options) in _CURVES.items():
        if type(phase.curve) is not curve or not _says_all(phase.curve, options):
            continue
        scale = _number(getattr(phase.curve, curve.clocks[0]) if curve.endless else length)
        share = f"({_number(length - done)} - n) / {scale}" if mirrored else f"(n + {_number(done)}) / {scale}"
        share = f"n / {scale}" if not mirrored and done == 0 else share
        filled = form.replace("U", f"({share})")
        for option, letter in options.items():
            filled = _with(filled, letter, _number(getattr(phase.curve, option)))
        if height == 1.0 and not low:
            return filled
        return f"{low!r} + {height!r} * ({filled})" if low else f"{height!r} * ({filled})"
    return None


def _says_all(curve: Curve, options: Mapping[str, str]) -> bool:
    """Whether a form with these options tells everything about the curve."""
    told = {name: getattr(curve, name) for name in (*options, *curve.clocks)}
    return type(curve)(**told) == curve


def _number(value: float) -> str:
    return repr(int(value) if value == int(value) else value)


def _with(form: str, letter: str, number: str) -> str:
    """``form`` with a letter that stands alone replaced."""
    tree = ast.parse(form, mode="eval")
    put = ast.parse(number, mode="eval").body
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.Name) and value.id == letter:
                setattr(node, field, put)
    return ast.unparse(tree)


def _rise(slots: Slots) -> Phase:
    return Phase(curve=Linear(), length=slots["L"], start=slots["F"], end=slots["F"] + slots["H"])


def _warm_up(length: float, convention: str = "transformers") -> Phase:
    return Phase(curve=Linear(), length=length, start=0.0, end=1.0, convention=convention)


def _phase(kind: type[Curve], options: Mapping[str, str], slots: Slots) -> Phase:
    if slots["H"] < 0 or (kind.endless and "M" in slots):
        raise ArithmeticError("another curve than the table's")
    low, high, length = slots["F"], slots["F"] + slots["H"], slots["L"]
    values: dict[str, Any] = {option: slots[letter] for option, letter in options.items()}
    if kind.endless:
        values[kind.clocks[0]] = length
        return Phase(curve=kind(**values), length=None, start=high, end=low, skip=slots.get("S", 0))
    curve = kind(**values)
    if "M" not in slots:
        return Phase(curve=curve, length=length, start=high, end=low, skip=slots.get("S", 0))
    return Phase(curve=curve, length=length, start=low, end=high, skip=length - slots["M"])


def _made(make: Callable[[], Phase]) -> Phase | None:
    """What ``make`` gives; None where its numbers are none for the phase, or for any value of it."""
    try:
        phase = make()
        PhaseSchedule((phase,))(_LATE)
        return phase
    except (PreheatError, ArithmeticError):
        return None


def _matched(form: str, node: ast.expr, argument: str) -> dict[str, float] | None:
    slots: dict[str, float] = {}
    return slots if _same(_tree(form), node, argument, slots) else None


@cache
def _tree(form: str) -> ast.expr:
    return ast.parse(form, mode="eval").body


def _same(form: Any, node: Any, argument: str, slots: dict[str, float]) -> bool:
    """Whether ``node`` is ``form`` with numbers for its letters, which go into ``slots``."""
    if isinstance(form, ast.Name) and len(form.id) == 1 and form.id.isupper():
        value = number_in(node) if isinstance(node, ast.expr) else None
        return value is not None and slots.setdefault(form.id, value) == value
    if isinstance(form, ast.Name) and form.id == "n":
        return isinstance(node, ast.Name) and node.id == argument
    if isinstance(form, ast.Constant):
        return isinstance(node, ast.expr) and number_in(node) == form.value
    if type(form) is not type(node):
        return False
    return all(_alike(value, getattr(node, field), argument, slots) for field, value in ast.iter_fields(form))


def _alike(form: Any, node: Any, argument: str, slots: dict[str, float]) -> bool:
    if isinstance(form, list):
        return len(form) == len(node) and all(
            _same(one, other, argument, slots) for one, other in zip(form, node, strict=True)
        )
    if isinstance(form, ast.AST):
        return _same(form, node, argument, slots)
    return bool(form == node)


# Configurations as text.


def as_json(config: Any) -> str:
    """A configuration as indented JSON; text as it is."""
    return config if isinstance(config, str) else json.dumps(config, indent=2)


def as_flags(config: Mapping[str, Any]) -> str:
    r"""A configuration as command-line flags, one a line.

    >>> print(as_flags({"lr_decay_style": "cosine", "lr": 0.001, "use_it": True}))
    --lr-decay-style cosine \
    --lr 0.001 \
    --use-it
    """
    words = [f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}") for name, value in config.items()]
    return " \\\n".join(words)


def as_toml(config: Mapping[str, Any]) -> str:
    """Sections of plain values as TOML.

    >>> print(as_toml({"lr_scheduler": {"warmup_steps": 10, "decay_type": "linear"}}))
    [lr_scheduler]
    warmup_steps = 10
    decay_type = "linear"
    """
    blocks = []
    for section, values in config.items():
        blocks.append("\n".join([f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]))
    return "\n\n".join(blocks)


def as_yaml(config: Mapping[str, Any], indent: int = 0) -> str:
    """Nested mappings of plain values as YAML.

    >>> print(as_yaml({"scheduler": {"name": "cosine_with_warmup", "alpha_f": 0.1}}))
    scheduler:
      name: cosine_with_warmup
      alpha_f: 0.1
    """
    lines = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            lines += [" " * indent + f"{name}:", as_yaml(value, indent + 2)]
        else:
            plain = isinstance(value, str) and value.replace("_", "").replace("-", "").isalnum() and value[0].isalpha()
            lines.append(" " * indent + f"{name}: {value if plain else json.dumps(value)}")
    return "\n".join(lines)
