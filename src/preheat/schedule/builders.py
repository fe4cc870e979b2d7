"""Phases to write schedules with: ``warmup("10%") >> hold() >> decay("1-sqrt", "20%")``.

All are in the native convention: the first update of a warm-up is above its start, and a decay's last update is at its
end. Lengths are those of :func:`preheat.schedule.lengths.as_length`; left out, a phase takes the rest of the run, which
:meth:`Schedule.over` fills in.
"""

from __future__ import annotations

import math
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.checks import number
from preheat.schedule.curve_names import named_curve
from preheat.schedule.curves import Constant
from preheat.schedule.factors import Factor
from preheat.schedule.lengths import Length, as_length, rest
from preheat.schedule.phases import Phase
from preheat.schedule.sequence import PhaseSchedule


def warmup(
    length: int | float | str | Length, curve: str = "linear", *, start: Factor = 0.0, **options: Any
) -> PhaseSchedule:
    """The climb from ``start`` to the peak.

    Args:
        length: updates, or any other length; 0 means no climb.
        curve: ``linear``, ``cosine``, ``1-sqrt``, ``square`` (quadratic), ``geometric`` (a ratio option = start),
            ``logarithmic``, ``rectification``, or any other curve's name.
        start: where it comes from, a share of the peak. Its first update is one step above it: 1 / length for 0.
        options: the curve's own.

    >>> warmup(4)(range(6))
    array([0.25, 0.5 , 0.75, 1.  , 1.  , 1.  ])
    """
    return _phase(curve, length, start, 1.0, options)


def hold(length: int | float | str | Length | None = None, at: Factor | None = None) -> PhaseSchedule:
    """A constant stretch, at ``at`` or where the phase before arrived; ``"forever"`` needs no horizon."""
    return PhaseSchedule((Phase(curve=Constant(), length=_length(length), start=at, end=None),))


def decay(
    curve: str,
    length: int | float | str | Length | None = None,
    to: Factor = 0.0,
    *,
    start: Factor | None = None,
    **options: Any,
) -> PhaseSchedule:
    """A fall along any curve from where the phase before arrived (or ``start``) to ``to``.

    Args:
        curve: a curve's name: linear, cosine, 1-sqrt, sqrt, square, mirror_cosine, geometric, inverse_sqrt, ...
        length: None takes the rest of the run; ``"forever"`` for curves without an end.
        to: a share of the peak, or :func:`preheat.absolute` learning rate; reached by the last update.
        start: None goes on from where the phase before arrived.
        options: the curve's own.

    >>> decay("1-sqrt", 4)(range(5))
    array([0.5       , 0.29289322, 0.1339746 , 0.        , 0.        ])
    """
    return _phase(curve, length, start, to, options)


def linear(length: Any = None, to: Factor = 0.0, *, start: Factor | None = None) -> PhaseSchedule:
    """A straight line to ``to``; arguments as :func:`decay`."""
    return _phase("linear", length, start, to, {})


def cosine(length: Any = None, to: Factor = 0.0, *, start: Factor | None = None, **options: Any) -> PhaseSchedule:
    """Half a cosine wave to ``to``; arguments as :func:`decay`, options ``cycles``, ``power``, ``k``."""
    return _phase("cosine", length, start, to, options)


def untuned_warmup(beta2: float = 0.999) -> int:
    """The linear warm-up length that Adam's second beta asks for: ``2 / (1 - beta2)`` updates.

    Ma & Yarats 2021, arXiv:1910.04209. Exact in decimals, so 2000 for 0.999; pytorch_warmup has 1999, from binary
    floats. For their exponential form take ``warmup("forever", "exponential", rate=exp(-(1 - beta2)))``.

    >>> untuned_warmup(0.999), untuned_warmup(0.95)
    (2000, 40)
    """
    from fractions import Fraction

    beta2 = number("beta2", beta2)
    if not 0 <= beta2 < 1:
        raise ScheduleError(refusal("beta2", "in [0, 1)", beta2, "It is Adam's second beta."))
    return math.floor(2 / (1 - Fraction(repr(float(beta2)))))


def _phase(curve: str, length: Any, start: Factor | None, end: Factor, options: dict[str, Any]) -> PhaseSchedule:
    shape = named_curve(curve, **options)
    if isinstance(shape, Constant):
        raise ScheduleError(refusal("curve", "one that moves", curve, "Take hold(length, at=...)."))
    return PhaseSchedule((Phase(curve=shape, length=_length(length), start=start, end=end, convention="native"),))


def _length(length: Any) -> int | Length | None:
    if length is None:
        return rest()
    return None if length == "forever" else as_length("length", length)
