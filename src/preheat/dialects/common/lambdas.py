"""Formulas in ``lambda`` as phases, and phases as formulas: one table, read in both directions.

Letters in capitals stand for numbers. A curve is written ``F + H * (...)``, F being its low factor and H its height;
``U`` is the share done of a falling curve, of a rising one the share left.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import product
from typing import Any

from preheat.dialects.common.calls import Function, number_in
from preheat.errors import PreheatError
from preheat.schedule import Phase
from preheat.schedule.curves import (
    Constant,
    Cosine,
    CosineEnvelope,
    CosineRestarts,
    Curve,
    Exponential,
    Geometric,
    HalfCosine,
    Linear,
    MirrorCosine,
    OneMinusPower,
    Polynomial,
    PowerLaw,
    Rex,
    Tanh,
)
from preheat.schedule.factors import known
from preheat.schedule.sequence import PhaseSchedule

_LATE = 10**6  # an update at which a wild exponent shows
Slots = Mapping[str, float]

_DONE = ("n / L", "(n + S) / L", "(M - n) / L")
# The first form that says all of a curve is the one that is written.
_CURVES: dict[str, tuple[type[Curve], dict[str, str]]] = {
    "1 - U": (Linear, {}),
    "(1 + math.cos(math.pi * U)) / 2": (Cosine, {}),
    "((1 + math.cos(2 * math.pi * C * U)) / 2) ** P": (Cosine, {"cycles": "C", "power": "P"}),
    "(1 + math.cos(math.pi * (C * U % 1))) / 2": (CosineRestarts, {"cycles": "C"}),
    "1 - math.sin(math.pi * U / 2)": (HalfCosine, {}),
    "2 * (1 - U) - (1 + math.cos(math.pi * U)) / 2": (MirrorCosine, {}),
    "(1 - U) * (1 + math.cos(math.pi * U)) / 2": (CosineEnvelope, {}),
    "(1 - U) ** P": (Polynomial, {"power": "P"}),
    "1 - U ** P": (OneMinusPower, {"power": "P"}),
    "(R ** U - R) / (1 - R)": (Geometric, {"ratio": "R"}),
    "(1 - U) / (1 - B * U)": (Rex, {"beta": "B"}),
    "(1 - math.tanh(A * (1 - U) + B * U)) / 2": (Tanh, {"lower": "A", "upper": "B"}),
    "(1 + U) ** -P": (PowerLaw, {"power": "P"}),
    "R ** U": (Exponential, {"rate": "R"}),
}
_AROUND = ("{}", "H * ({})", "F + H * ({})", "max(0, {})")
# Other ways people write a phase.
_OTHERS: dict[str, Callable[[Slots], Phase]] = {
    "F": lambda s: Phase(curve=Constant(), length=None, start=s["F"]),
    "n / L": lambda s: _climb(s["L"]),
    "(n + 1) / L": lambda s: _climb(s["L"], "native"),
    "min(1, n / L)": lambda s: _climb(s["L"]),
    "min(1, (n + 1) / L)": lambda s: _climb(s["L"], "native"),
    "F + H * n / L": lambda s: _rise(s),
    "min(1, F + H * n / L)": lambda s: _rise(s),
    "R ** n": lambda s: Phase(curve=Exponential(s["R"]), length=None, start=1.0),
    "R ** (n // S)": lambda s: Phase(curve=Exponential(s["R"], s["S"], True), length=None, start=1.0),
    "1 / (1 + D * n)": lambda s: Phase(curve=PowerLaw(1.0, 1.0 / s["D"]), length=None, start=1.0),
    "0.5 * (1 + math.cos(math.pi * n / L))": lambda s: Phase(curve=Cosine(), length=s["L"], start=1.0),
}
FORMS = (*_OTHERS, *(form.replace("U", "n / L") for form in _CURVES))


def phase_in(function: Function) -> Phase | None:
    """The phase that a formula is; None for one that is not in the table.

    >>> from preheat.dialects.common.calls import run_of_calls
    >>> [found] = run_of_calls("lambda step: min(1.0, (step + 1) / 100)")
    >>> phase_in(found).length, phase_in(found).convention
    (100, 'native')
    """
    found = _matches(function.body, function.argument)
    return next((phase for phase in map(_made, found) if phase is not None), None)


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

    >>> formula_of(Phase(curve=Rex(), length=10, start=1.0, end=0.5))
    '0.5 + 0.5 * ((1 - n / 10) / (1 - 0.5 * (n / 10)))'
    """
    if isinstance(phase.curve, Constant):
        return repr(known(phase.start if phase.start is not None else 1.0))
    mirrored, _, low, height, done, _, length = phase.laid_out(0, 0)
    for form, (curve, options) in _CURVES.items():
        if type(phase.curve) is not curve or not _says_all(phase.curve, options):
            continue
        scale = getattr(phase.curve, "timescale", getattr(phase.curve, "steps", length))
        scale = _number(scale)
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


def _climb(length: float, convention: str = "transformers") -> Phase:
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
