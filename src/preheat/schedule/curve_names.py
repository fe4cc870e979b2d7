"""Curves by name, as texts and files write them."""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.curves import (
    Constant,
    Cosine,
    CosineEnvelope,
    CosineRestarts,
    Curve,
    Exponential,
    Geometric,
    HalfCosine,
    Hyperbolic,
    Linear,
    Logarithmic,
    MirrorCosine,
    OneMinusPower,
    Polynomial,
    PowerLaw,
    Rectification,
    Rex,
    Tanh,
)

# The explicit table of names used in files: with slots=True a registering __init_subclass__ would fire twice.
CURVES: dict[str, type[Curve]] = {
    "constant": Constant,
    "linear": Linear,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "half_cosine": HalfCosine,
    "mirror_cosine": MirrorCosine,
    "cosine_envelope": CosineEnvelope,
    "polynomial": Polynomial,
    "1-power": OneMinusPower,
    "geometric": Geometric,
    "logarithmic": Logarithmic,
    "rex": Rex,
    "tanh": Tanh,
    "hyperbolic": Hyperbolic,
    "power_law": PowerLaw,
    "exponential": Exponential,
    "rectification": Rectification,
}
# Names for a curve with some of its options fixed.
SPECIAL: dict[str, tuple[type[Curve], dict[str, Any]]] = {
    "sqrt": (Polynomial, {"power": 0.5}),
    "square": (Polynomial, {"power": 2.0}),
    "1-sqrt": (OneMinusPower, {"power": 0.5}),
    "1-square": (OneMinusPower, {"power": 2.0}),
    "inverse_sqrt": (PowerLaw, {"power": 0.5}),
    "inverse_time": (PowerLaw, {"power": 1.0}),
    "step": (Exponential, {"staircase": True}),
}
CURVE_NAMES = (*CURVES, *SPECIAL)


def named_curve(name: Any, **options: Any) -> Curve:
    """The curve called ``name``, one of ``CURVE_NAMES``.

    >>> named_curve("1-sqrt")
    OneMinusPower(power=0.5)
    """
    kind = curve_class(name)
    known = curve_options(name)
    for option in options:
        if option not in known:
            advice = f"Options of {name}: {', '.join(known) or 'none'}."
            raise ScheduleError(refusal("option", f"one that {name} takes", option, advice))
    return kind(**SPECIAL.get(name, (kind, {}))[1], **options)


def curve_class(name: Any) -> type[Curve]:
    """The class of the curve called ``name``."""
    if name in SPECIAL:
        return SPECIAL[name][0]
    if name not in CURVES:
        near = difflib.get_close_matches(str(name), CURVE_NAMES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ScheduleError(refusal("curve", "the name of a curve", name, f"Known: {', '.join(CURVE_NAMES)}.{hint}"))
    return CURVES[name]


def curve_options(name: str) -> list[str]:
    """The options that the curve called ``name`` takes."""
    fixed = SPECIAL.get(name, (None, {}))[1]
    return [item.name for item in fields(curve_class(name)) if item.name not in fixed]


def name_of(curve: Curve) -> tuple[str, dict[str, Any]]:
    """The shortest name of a curve and the options that differ from that name's own."""
    for name, (kind, fixed) in SPECIAL.items():
        if type(curve) is kind and all(getattr(curve, option) == value for option, value in fixed.items()):
            return name, _given(curve, fixed)
    return next(name for name, kind in CURVES.items() if type(curve) is kind), _given(curve, {})


def _given(curve: Curve, fixed: dict[str, Any]) -> dict[str, Any]:
    return {
        item.name: getattr(curve, item.name)
        for item in fields(curve)
        if item.name not in fixed and getattr(curve, item.name) != item.default
    }
