"""Phases to write schedules with, and what is done to a schedule in the middle of a run.

Phases   ``warmup("10%") >> hold() >> decay("1-sqrt", "20%")``, all in the native convention: the first update of a
         warm-up is above its start, and a decay's last update is at its end. Lengths are those of
         :func:`preheat.schedule.lengths.as_length`; left out, a phase takes the rest of the run, which
         :meth:`Schedule.over` fills in.
Mid-run  cool down, extend, resume with another one: functions from schedules to a schedule. The past stays as it is,
         bit for bit, so one saved run can go on along any number of branches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.messages import _, in_context, joined
from preheat.schedule.base import Schedule
from preheat.schedule.curves import Constant, named_curve
from preheat.schedule.lengths import Factor, Length, as_length, choice, count, in_updates, number, rest
from preheat.schedule.sequence import Phase, PhaseSchedule

# --- Phases -----------------------------------------------------------------------------------------------------------


def warmup(
    length: int | float | str | Length, curve: str = "linear", *, start: Factor = 0.0, **options: Any
) -> PhaseSchedule:
    """The warm-up: from ``start`` to the peak.

    Args:
        length: updates, or any other length; 0 means none.
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
        to: a share of the peak, or :func:`preheat.lr` learning rate; reached by the last update.
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
        raise ScheduleError(refusal("beta2", _("in [0, 1)"), beta2, _("It is Adam's second beta.")))
    # Through its shortest text: in binary 1 - 0.999 is a little above 0.001, and the quotient below 2000.
    return math.floor(2 / (1 - Fraction(repr(float(beta2)))))


def _phase(curve: str, length: Any, start: Factor | None, end: Factor, options: dict[str, Any]) -> PhaseSchedule:
    shape = named_curve(curve, **options)
    # A constant "decay to 0" would be neither: it stays, whatever its end.
    if isinstance(shape, Constant):
        raise ScheduleError(refusal("curve", _("one that moves"), curve, _("Take hold(length, at=...).")))
    return PhaseSchedule((Phase(curve=shape, length=_length(length), start=start, end=end, convention="native"),))


def _length(length: Any) -> int | Length | None:
    if length is None:
        return rest()
    return None if length == "forever" else as_length("length", length)


# --- In the middle of a run -------------------------------------------------------------------------------------------


POLICIES = ("keep", "replace", "rescale", "bridge")


def cooldown(schedule: Schedule, at: int, length: int, shape: str = "1-sqrt", to: Factor = 0.0) -> Schedule:
    """``schedule`` until update ``at``, then a decay of ``length`` updates from the value it would have used there.

    Args:
        schedule: the trunk; it need not have an end.
        at: completed updates at the branch, >= 0.
        length: updates of the cool-down, >= 1; the last of them is at ``to``.
        shape: any curve's name.
        to: where it ends, a share of the peak or ``preheat.lr``.

    Haegele et al. 2024 (arXiv:2405.18392): 1-sqrt over 20 % of the run. Hu et al. 2024 (arXiv:2404.06395): over 10 %.

    >>> from preheat import hold, warmup
    >>> trunk = warmup(100) >> hold("forever")
    >>> branch = cooldown(trunk, at=800, length=200, shape="linear")
    >>> branch(799), branch(899), branch(999)
    (1.0, 0.5, 0.0)
    """
    at, length = int(count("at", at)), int(count("length", length, 1))
    return schedule.until(at) >> decay(shape, length, to)


def extend(
    schedule: Schedule,
    extra: int,
    how: str = "rewarm",
    *,
    at: int | None = None,
    level: float | None = None,
    warmup: Any = "10%",
    shape: str = "cosine",
) -> Schedule:
    """``schedule`` until its end, then ``extra`` updates more.

    Args:
        schedule: a schedule with a horizon (or one cut by ``at``).
        extra: further updates, >= 1.
        how: ``"rewarm"`` rises to ``level`` and decays to where the schedule had ended; ``"constant_tail"`` stays at
            ``level``; ``"rescale"`` goes on as if the horizon had been that long from the start: it jumps to the value
            the longer schedule has there.
        at: the update to go on from; None takes the horizon.
        level: factor to rise to (default 1.0) or to stay at (default: the last value used).
        warmup: length of the rise, in updates or as a share of ``extra``.
        shape: curve of the decay after it.

    Raises:
        ScheduleError: if a constant tail would train at 0.

    >>> from preheat import get_schedule
    >>> longer = extend(get_schedule("linear", warmup=10, total=100), 50)
    >>> longer(99) == get_schedule("linear", warmup=10, total=100)(99), longer(104), longer(149)
    (True, 1.0, 0.0)
    """
    choice("how", how, ("rewarm", "constant_tail", "rescale"))
    extra = int(count("extra", extra, 1))
    end = schedule.horizon if at is None else int(count("at", at))
    if end is None:
        raise ScheduleError(
            refusal("at", _("given for a schedule without an end"), None, _("Say where to go on from."))
        )
    past = schedule.until(end)
    # The longer schedule as it would stand by now: its first part is never used, so the rate jumps.
    if how == "rescale":
        return past >> schedule.stretch(int(end) + extra).shift(int(end))
    if how == "constant_tail":
        # The last value used and not the end value: in transformers' convention that is 0, and nothing would train.
        stay = number("level", schedule(max(0, int(end) - 1)) if level is None else level)
        if not stay:
            raise ScheduleError(
                refusal("level", _("> 0"), stay, _("Updates at 0 change nothing: give the level to stay at."))
            )
        return past >> hold(extra, at=stay)
    updates = int(in_updates("warmup", as_length("warmup", warmup), extra, None))
    if updates >= extra:
        raise ScheduleError(
            refusal("warmup", _("below extra={extra}", extra=extra), warmup, _("Leave updates for the decay."))
        )
    ended = schedule(int(end))
    rise = decay("linear", updates, 1.0 if level is None else level)
    return past >> rise >> decay(shape, extra - updates, ended)


def resume(saved: Schedule, new: Schedule, position: int, policy: str, *, bridge: int = 0) -> Schedule:
    """The schedule of a run that followed ``saved`` for ``position`` updates and goes on with ``new``.

    Args:
        saved: what the run followed.
        new: what it is asked to follow now.
        position: completed updates, >= 0.
        policy: ``"keep"``: the saved one. ``"replace"``: the new one, at the same update. ``"rescale"``: the new one,
            at the same fraction of its horizon. ``"bridge"``: the new one at the same update, come to from the saved
            value in a line over ``bridge`` updates, so that no step is larger than its own plus gap / bridge.
        bridge: updates the bridge takes, >= 1 for that policy.

    >>> from preheat import get_schedule
    >>> saved, new = get_schedule("linear", total=100), get_schedule("linear", total=200)
    >>> [resume(saved, new, 50, policy)(50) for policy in ("keep", "replace", "rescale")]
    [0.5, 0.75, 0.5]
    >>> resume(saved, new, 50, "bridge", bridge=10)(50)
    0.5
    """
    choice("policy", policy, POLICIES)
    position = int(count("position", position))
    if policy == "keep":
        return saved
    past = saved.until(position)
    if policy == "replace":
        return past >> new.shift(position)
    # A line from the saved value to the new one, so that an optimizer's moments meet no jump.
    if policy == "bridge":
        updates = int(count("bridge", bridge, 1, advice=_("It is the number of updates that the bridge takes.")))
        return past >> new.shift(position).blend(updates)
    if not saved.horizon or not new.horizon:
        advice = _("Only schedules with an end can be rescaled.")
        raise ScheduleError(refusal("policy", _("'replace' or 'bridge' for schedules without an end"), policy, advice))
    return past >> new.shift(round(position * new.horizon / saved.horizon))


def changed_fields(saved: Any, now: Any, path: str = "", *, within: str = "") -> list[str]:
    """The fields in which the data of two schedules differ, as ``phases[1].length: 3500 -> 7000``.

    ``within`` is a beginning of paths that goes without saying.

    >>> changed_fields({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}], "c": 4})
    ['a[1].b: 2 -> 3', 'c: nothing -> 4']
    """
    if isinstance(saved, Mapping) and isinstance(now, Mapping):
        return [
            line
            for key in dict.fromkeys((*saved, *now))
            for line in changed_fields(
                saved.get(key, _NOTHING), now.get(key, _NOTHING), f"{path}.{key}" if path else str(key), within=within
            )
        ]
    if isinstance(saved, (list, tuple)) and isinstance(now, (list, tuple)):
        longest = max(len(saved), len(now))
        both = [[*side, *([_NOTHING] * (longest - len(side)))] for side in (saved, now)]
        return [
            line
            for index, (before, after) in enumerate(zip(*both, strict=True))
            for line in changed_fields(before, after, f"{path}[{index}]", within=within)
        ]
    if saved == now:
        return []
    return [joined("", (f"{path.removeprefix(within)}: ", _shown(saved), " -> ", _shown(now)))]


def first_of(lines: list[str], most: int) -> str:
    """The first few of these, for a sentence: of a schedule of many phases all would fill the screen.

    >>> first_of(["a: 1 -> 2", "b: 2 -> 3"], 1)
    'a: 1 -> 2; ...'
    """
    return joined("; ", [*lines[:most], *(["..."] if len(lines) > most else [])])


_NOTHING = object()  # None is a value that data may have


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return in_context("of a setting", "nothing")
    return "..." if isinstance(value, (dict, list)) else f"{value}"
