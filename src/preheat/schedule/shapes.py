"""The named schedules, as phases.

Formulas    k = completed updates, W = warmup, T = total, u = (k - W) / (T - W).
Convention  ``transformers``: the climb is k / W, so update 0 runs at 0, and the end value falls on k = T, one update
            after the last. ``cosine_warmup_with_min_lr`` alone is one update earlier at both ends.
Past T      every schedule holds its end value (transformers' cosines climb again: the one difference).
Source      transformers 5.23, ``optimization.py``; the article's five names are those of sentence-transformers.

Counts arrive here checked and in updates; a builder checks its own options. Rates that transformers takes as absolute
(``lr_end``, ``min_lr``) are divided by ``lr``, the peak learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from preheat.errors import ScheduleError, refusal
from preheat.schedule.checks import Count, choice, number, positive, ratio
from preheat.schedule.curves import (
    Constant,
    Cosine,
    CosineRestarts,
    Curve,
    Linear,
    OneMinusPower,
    Polynomial,
    PowerLaw,
)
from preheat.schedule.phases import Phase
from preheat.schedule.sequence import PhaseSchedule

_FLOOR = "A floor lies between 0 and the peak."


def climb(warmup: Count, start: float = 0.0, curve: Curve | None = None) -> tuple[Phase, ...]:
    """The warm-up from ``start`` to the peak; no phase at all when it takes no update."""
    return (Phase(curve=curve or Linear(), length=warmup, start=start, end=1.0),) if warmup else ()


def stay_at(factor: float) -> Phase:
    """A phase of no update: what is held from there on."""
    return Phase(curve=Constant(), length=0, start=factor, end=factor)


def rest_of(warmup: Count, total: Count | None) -> Count | None:
    """What the climb leaves of the run."""
    return None if total is None else total - warmup


def constant(total: Count | None = None) -> PhaseSchedule:
    """1 at every update."""
    return PhaseSchedule((Phase(curve=Constant(), length=total),))


def constant_with_warmup(warmup: Count, total: Count | None = None) -> PhaseSchedule:
    """k / W, then 1 for ever."""
    return PhaseSchedule((*climb(warmup), Phase(curve=Constant(), length=rest_of(warmup, total))))


def linear(warmup: Count, total: Count) -> PhaseSchedule:
    """k / W, then (T - k) / (T - W); 0 from T on. Devlin et al. 2018, arXiv:1810.04805."""
    return PhaseSchedule((*climb(warmup), Phase(curve=Linear(), length=total - warmup)))


def cosine(warmup: Count, total: Count, *, num_cycles: float = 0.5) -> PhaseSchedule:
    """k / W, then (1 + cos(2 pi num_cycles u)) / 2; 0.5 cycles is one descent to 0, 1 cycle ends back at the peak.

    Loshchilov & Hutter 2017, arXiv:1608.03983.
    """
    return PhaseSchedule((*climb(warmup), Phase(curve=_cosine(num_cycles), length=total - warmup)))


def cosine_with_restarts(warmup: Count, total: Count, *, num_cycles: float = 1) -> PhaseSchedule:
    """k / W, then num_cycles equal cosine descents from 1 towards 0; exactly 0 from T on.

    A fractional count stops its last descent midway, as transformers does. Loshchilov & Hutter 2017, arXiv:1608.03983.
    """
    curve = CosineRestarts(positive("num_cycles", num_cycles, "It counts the descents."))
    return PhaseSchedule((*climb(warmup), Phase(curve=curve, length=total - warmup), stay_at(0.0)))


def polynomial(
    warmup: Count, total: Count, *, lr: float = 1.0, lr_end: float = 1e-7, power: float = 1.0
) -> PhaseSchedule:
    """k / W, then f + (1 - f) (1 - u)^power with the floor f = lr_end / lr; f from T on."""
    curve = Polynomial(positive("power", power, "1 is a straight line."))
    floor = _absolute_floor("lr_end", lr_end, lr)
    if floor >= 1:
        raise ScheduleError(
            refusal("lr_end", f"below the peak, lr={lr!r}", lr_end, "Lower it, or give the lr it refers to.")
        )
    return PhaseSchedule((*climb(warmup), Phase(curve=curve, length=total - warmup, end=floor)))


def inverse_sqrt(warmup: Count, total: Count | None = None, *, timescale: float | None = None) -> PhaseSchedule:
    """k / W, then 1 / sqrt(1 + (k - W) / timescale); without end unless total is given, then its value at T is held.

    timescale (updates) defaults to W, or 10 000 without warm-up. Vaswani et al. 2017, arXiv:1706.03762, has W.
    """
    curve = PowerLaw(timescale=warmup or 10_000) if timescale is None else _inverse_sqrt(timescale)
    return PhaseSchedule((*climb(warmup), Phase(curve=curve, length=rest_of(warmup, total))))


def cosine_with_min_lr(
    warmup: Count,
    total: Count,
    *,
    lr: float = 1.0,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> PhaseSchedule:
    """k / W from 0, then f + (1 - f) (1 + cos(2 pi num_cycles u)) / 2; the floor f is min_lr_rate or min_lr / lr."""
    floor = _either_floor(lr, min_lr, min_lr_rate)
    return PhaseSchedule((*climb(warmup), Phase(curve=_cosine(num_cycles), length=total - warmup, end=floor)))


def cosine_warmup_with_min_lr(
    warmup: Count,
    total: Count,
    *,
    lr: float = 1.0,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> PhaseSchedule:
    """One update early at both ends: (k + 1) / W, or r + (1 - r) k / (W - 1) with r = warmup_lr_rate, then the cosine.

    The peak is update W - 1 and the floor update T - 1, held from there on (transformers climbs again at T already:
    with every other schedule it does so only past T).
    """
    floor = _either_floor(lr, min_lr, min_lr_rate)
    start = None
    if warmup_lr_rate is not None:
        start = ratio("warmup_lr_rate", warmup_lr_rate, "It is the share of the peak that the climb starts at.")
    rise = _early_climb(warmup, start) if warmup else ()
    late = math.ceil(warmup) - warmup  # 0 for whole counts
    descent = Phase(
        curve=_cosine(num_cycles), length=total - warmup, start=1.0, end=floor, skip=late, convention="native"
    )
    return PhaseSchedule((*rise, descent))


def _early_climb(warmup: Count, start: float | None) -> tuple[Phase, ...]:
    """The climb that reaches the peak at update ``warmup - 1``.

    For a float count, which only the drop-in functions let through, transformers keeps climbing past the peak until
    ``warmup`` itself: so the line goes on, over as many updates.
    """
    updates = math.ceil(warmup)
    if start is None:
        return (Phase(curve=Linear(), length=updates, start=0.0, end=updates / max(1, warmup), convention="native"),)
    top = start + (1.0 - start) * updates / max(1, warmup - 1)
    return (Phase(curve=Linear(), length=updates, start=start, end=top),)


def warmup_stable_decay(
    warmup: Count,
    total: Count | None = None,
    *,
    num_decay_steps: Count | None = None,
    num_stable_steps: Count | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0.0,
    num_cycles: float = 0.5,
) -> PhaseSchedule:
    """A climb from r = min_lr_ratio to 1, a plateau, a descent over num_decay_steps to r; r from T on.

    Shapes: linear, cosine or 1-sqrt, the climb being the descent mirrored in time. Hu et al. 2024, arXiv:2404.06395.
    """
    floor = ratio("min_lr_ratio", min_lr_ratio, _FLOOR)
    shapes = {"linear": Linear(), "cosine": Cosine(), "1-sqrt": OneMinusPower()}
    rise = climb(warmup, floor, shapes[choice("warmup_type", warmup_type, tuple(shapes))])
    shapes["cosine"] = _cosine(num_cycles)
    descent = shapes[choice("decay_type", decay_type, tuple(shapes))]
    stable, decay = _stable_and_decay(warmup, total, num_stable_steps, num_decay_steps)
    plateau = Phase(curve=Constant(), length=stable)
    return PhaseSchedule((*rise, plateau, Phase(curve=descent, length=decay, end=floor), stay_at(floor)))


def _stable_and_decay(
    warmup: Count, total: Count | None, stable: Count | None, decay: Count | None
) -> tuple[Count, Count]:
    """The plateau and the descent in updates; with a total the three phases have to fill it exactly."""
    if decay is None:
        advice = 'Say how long the descent takes, for example num_decay_steps="10%".'
        raise ScheduleError(refusal("num_decay_steps", "given for 'warmup_stable_decay'", None, advice))
    if total is None:
        if stable is None:
            raise ScheduleError(refusal("total", "given for 'warmup_stable_decay'", None, "Or give num_stable_steps."))
    elif stable is None:
        stable = total - warmup - decay
        if stable < 0:
            sums = f"{warmup} warm-up + {decay} decay = {warmup + decay}, more than {total}"
            raise ScheduleError(
                refusal("num_decay_steps", f"at most {total - warmup}", decay, f"{sums}. Shorten a phase.")
            )
    elif warmup + stable + decay != total:
        sums = f"{warmup} warm-up + {stable} stable + {decay} decay = {warmup + stable + decay}, not {total}"
        raise ScheduleError(refusal("num_stable_steps", f"{total - warmup - decay}", stable, f"{sums}. Leave it out."))
    return stable, decay


def _cosine(num_cycles: float) -> Cosine:
    return Cosine(positive("num_cycles", num_cycles, "0.5 is one descent."))


def _inverse_sqrt(timescale: float) -> PowerLaw:
    return PowerLaw(timescale=positive("timescale", timescale, "It is a number of updates."))


def _absolute_floor(name: str, value: float, lr: float) -> float:
    if number(name, value, _FLOOR) < 0:
        raise ScheduleError(refusal(name, ">= 0", value, _FLOOR))
    return value / lr


def _either_floor(lr: float, min_lr: float | None, min_lr_rate: float | None) -> float:
    """The floor as a share of the peak, from exactly one of the two options."""
    if (min_lr is None) == (min_lr_rate is None):
        advice = "Give min_lr_rate (a share of the peak) or min_lr (a learning rate, with the lr it refers to)."
        raise ScheduleError(refusal("min_lr_rate", "given alone, or min_lr in its place", min_lr_rate, advice))
    if min_lr is None:
        return ratio("min_lr_rate", min_lr_rate, _FLOOR)
    floor = _absolute_floor("min_lr", min_lr, lr)
    if floor > 1:
        raise ScheduleError(
            refusal("min_lr", f"at most the peak, lr={lr!r}", min_lr, "Lower it, or give the lr it refers to.")
        )
    return floor


BUILDERS: dict[str, Callable[..., PhaseSchedule]] = {
    "constant": constant,
    "constant_with_warmup": constant_with_warmup,
    "linear": linear,
    "cosine": cosine,
    "cosine_with_restarts": cosine_with_restarts,
    "polynomial": polynomial,
    "inverse_sqrt": inverse_sqrt,
    "cosine_with_min_lr": cosine_with_min_lr,
    "cosine_warmup_with_min_lr": cosine_warmup_with_min_lr,
    "warmup_stable_decay": warmup_stable_decay,
}
