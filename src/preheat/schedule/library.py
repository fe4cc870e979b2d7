"""The other named schedules of the field, built from phases; ``get_schedule`` finds them beside transformers' own.

Counts arrive checked and in updates; ``floor`` is a share of the peak. The step convention is transformers' (an end
value is reached one update after the last) unless a docstring says otherwise; ``get_schedule(convention="native")``
turns any of them over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count, choice, count, number, positive, ratio
from preheat.schedule.combine import Maximum
from preheat.schedule.curve_names import named_curve
from preheat.schedule.curves import Constant, Cosine, CosineEnvelope, Exponential, HalfCosine, Linear, PowerLaw
from preheat.schedule.phases import Phase
from preheat.schedule.sequence import PhaseSchedule
from preheat.schedule.shapes import climb, cosine, inverse_sqrt, rest_of

_ONE_CYCLE_SHAPES = ("linear", "cosine")


def decay_along(
    curve: str, warmup: Count, total: Count | None = None, *, floor: float = 0.0, **options: Any
) -> PhaseSchedule:
    """k / W, then the curve of that name down to ``floor``; its formula and source stand with the curve."""
    shape = named_curve(curve, **options)
    if total is None and not shape.endless:
        raise ScheduleError(refusal("total", f"given for {curve!r}", None, "This curve needs an end."))
    descent = Phase(curve=shape, length=rest_of(warmup, total), end=ratio("floor", floor))
    return PhaseSchedule((*climb(warmup), descent))


def wsd(
    warmup: Count,
    total: Count,
    *,
    decay: Count,
    shape: str = "1-sqrt",
    floor: float = 0.0,
    warmup_shape: str = "linear",
) -> PhaseSchedule:
    """k / W, a plateau at 1, a cool-down of any curve over the last ``decay`` updates.

    Hu et al. 2024, arXiv:2404.06395; Haegele et al. 2024, arXiv:2405.18392. Also called trapezoidal (linear) and
    tri-stage. transformers' ``warmup_stable_decay`` lifts the climb by the floor too; here it starts at 0.
    """
    plateau = _left(total, warmup=warmup, decay=decay)
    return PhaseSchedule(
        (
            *climb(warmup, curve=named_curve(warmup_shape)),
            Phase(curve=Constant(), length=plateau, start=1.0, end=1.0),
            Phase(curve=named_curve(shape), length=decay, end=ratio("floor", floor)),
        )
    )


def trapezoidal(warmup: Count, total: Count, *, decay: Count, floor: float = 0.0) -> PhaseSchedule:
    """A straight climb, a plateau, a straight descent over ``decay`` updates. Zhai et al. 2021, arXiv:2106.04560."""
    return wsd(warmup, total, decay=decay, shape="linear", floor=floor)


def wsd_s(
    warmup: Count,
    total: Count,
    *,
    periods: int = 4,
    decay: Count,
    shape: str = "linear",
    floor: float = 0.1,
    scale: float = 1.0,
) -> Schedule:
    """One climb, then ``periods`` equal plateaus that each end in a cool-down of ``decay`` updates.

    The rate jumps back to the peak (times ``scale`` for each period) and the run goes on from the cooled-down weights.
    Wen et al. 2024, arXiv:2410.05192; OLMo-core's wsds.
    """
    periods = int(count("periods", periods, 1, advice="It counts the cool-downs."))
    length, left = divmod(_left(total, warmup=warmup), periods)
    if left:
        advice = f"{total} - {warmup} updates do not divide by it."
        raise ScheduleError(refusal("periods", "a divisor of what follows the warm-up", periods, advice))
    period = PhaseSchedule(
        (
            Phase(curve=Constant(), length=_left(length, decay=decay), start=1.0, end=1.0),
            Phase(curve=named_curve(shape), length=decay, start=1.0, end=ratio("floor", floor)),
        )
    )
    repeated = period.repeat(periods, scale=scale)
    return PhaseSchedule((*climb(warmup), repeated))


def infinite(
    warmup: Count,
    total: Count,
    *,
    cooldown: Count,
    anneal: Count,
    plateau: float = 0.5,
    shape: str = "cosine",
    floor: float = 0.0,
) -> PhaseSchedule:
    """k / W, a cool-down to ``plateau`` over ``cooldown`` updates, that plateau, an anneal over the last ``anneal``.

    Ibrahim et al. 2024, arXiv:2403.08763; the anneal is theirs, geometric, for a floor above 0 and linear to 0.
    """
    level, floor = ratio("plateau", plateau), ratio("floor", floor)
    last = named_curve("geometric", ratio=floor / level) if 0 < floor < level else Linear()
    held = _left(total, warmup=warmup, cooldown=cooldown, anneal=anneal)
    return PhaseSchedule(
        (
            *climb(warmup),
            Phase(curve=named_curve(shape), length=cooldown, end=level),
            Phase(curve=Constant(), length=held, start=level, end=level),
            Phase(curve=last, length=anneal, start=level, end=floor),
        )
    )


def one_cycle(
    total: Count,
    *,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    shape: str = "cosine",
    three_phase: bool = False,
) -> PhaseSchedule:
    """From 1 / div_factor up to 1, then down to 1 / (div_factor final_div_factor).

    Smith & Topin 2017, arXiv:1708.07120. Convention: torch's. The peak is update pct_start T - 1 and the end is
    reached by update T - 1, then held (torch climbs again at T and raises at T + 1). ``three_phase`` falls back to the
    start over as many updates first. optax peaks at int(pct T) and ends at T; fastai ends at 1e-5; Paddle's end is
    absolute.
    """
    share = number("pct_start", pct_start)
    start = 1.0 / positive("div_factor", div_factor, "It divides the peak.")
    end = start / positive("final_div_factor", final_div_factor, "It divides the start.")
    top, middle = _one_cycle_knots(total, share, three_phase)
    curve = Cosine() if choice("shape", shape, _ONE_CYCLE_SHAPES) == "cosine" else Linear()
    back = (Phase(curve=curve, length=middle - top, start=1.0, end=start),) if three_phase else ()
    return PhaseSchedule(
        (
            Phase(curve=curve, length=top, start=start, end=1.0),
            *back,
            Phase(curve=curve, length=total - 1 - middle, start=start if three_phase else 1.0, end=end),
            Phase(curve=Constant(), length=1, start=end, end=end),
        )
    )


def one_cycle_momentum(
    total: Count,
    *,
    pct_start: float = 0.3,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    shape: str = "cosine",
    three_phase: bool = False,
) -> PhaseSchedule:
    """The momentum of :func:`one_cycle`, mirrored: down while the rate climbs; a share of ``max_momentum``.

    Give it to the optimizer's ``betas[0]`` (or ``momentum``) with ``max_momentum`` as the base value.
    """
    low = ratio("base_momentum", base_momentum) / positive("max_momentum", max_momentum, "torch has 0.95.")
    top, middle = _one_cycle_knots(total, number("pct_start", pct_start), three_phase)
    curve = Cosine() if choice("shape", shape, _ONE_CYCLE_SHAPES) == "cosine" else Linear()
    up = middle - top if three_phase else total - 1 - top
    return PhaseSchedule(
        (
            Phase(curve=curve, length=top, start=1.0, end=ratio("base_momentum / max_momentum", low)),
            Phase(curve=curve, length=up, start=low, end=1.0),
            Phase(curve=Constant(), length=total - top - up, start=1.0, end=1.0),
        )
    )


def _one_cycle_knots(total: Count, share: float, three_phase: bool) -> tuple[Count, Count]:
    """The positions of the peak and of the end of the fall back (the peak again, without one)."""
    top = share * total - 1
    middle = 2 * share * total - 2 if three_phase else top
    if not 0 < top <= middle < total - 1:
        advice = f"Of {total} updates the climb would take {top + 1:g}."
        raise ScheduleError(refusal("pct_start", "a share that leaves every phase an update", share, advice))
    return top, middle


def slanted_triangular(total: Count, *, cut: float = 0.1, ratio: float = 32.0) -> PhaseSchedule:
    """A straight climb from 1 / ratio over the first ``cut`` of the run, a straight fall back to it by update T.

    Howard & Ruder 2018, arXiv:1801.06146. thinc counts from 1 and is not clamped; allennlp re-estimates the total.
    """
    low = 1.0 / positive("ratio", ratio, "It divides the peak.")
    top = int(total * number("cut", cut))
    if low > 1 or not 0 < top < total:
        raise ScheduleError(refusal("cut", "a share that leaves both sides an update", cut, f"Of {total} updates."))
    climbing = Phase(curve=Linear(), length=top, start=low, end=1.0)
    return PhaseSchedule((climbing, Phase(curve=Linear(), length=total - top, end=low)))


def triangular(
    total: Count | None = None, *, up: Count, down: Count | None = None, floor: float = 0.1, scale: float = 1.0
) -> Schedule:
    """Straight up from ``floor`` to 1 over ``up`` updates and down over ``down`` (as many), over and over.

    ``scale`` shrinks the height above the floor from cycle to cycle. Smith 2017, arXiv:1506.01186; torch CyclicLR.
    """
    low = ratio("floor", floor)
    wave = PhaseSchedule(
        (
            Phase(curve=Linear(), length=up, start=low, end=1.0),
            Phase(curve=Linear(), length=up if down is None else down, end=low),
        )
    )
    return _cut(wave.repeat(scale=scale, floor=low), total)


def triangular2(total: Count | None = None, *, up: Count, down: Count | None = None, floor: float = 0.1) -> Schedule:
    """As triangular, each cycle half as high above the floor as the one before. Smith 2017, arXiv:1506.01186."""
    return triangular(total, up=up, down=down, floor=floor, scale=0.5)


def exp_range(
    total: Count | None = None, *, up: Count, down: Count | None = None, floor: float = 0.1, rate: float = 0.9999
) -> Schedule:
    """As triangular, the height above the floor times ``rate ^ k`` (torch's gamma). Smith 2017, arXiv:1506.01186."""
    shrinking = PhaseSchedule((Phase(curve=Exponential(rate), length=None),))
    wave = triangular(None, up=up, down=down, floor=0.0)
    return _cut((wave * shrinking).lift(ratio("floor", floor)), total)


def sgdr(
    warmup: Count,
    total: Count | None = None,
    *,
    period: Count,
    growth: float = 1.0,
    scale: float = 1.0,
    floor: float = 0.0,
) -> Schedule:
    """k / W, then cosine descents of ``period``, period growth, period growth^2... updates, peaks times scale^i.

    Loshchilov & Hutter 2017, arXiv:1608.03983. torch: T_mult whole, scale 1; Keras: growth 2 by default; fairseq:
    scale 0.1 by default and the floor shrinks too.
    """
    low = ratio("floor", floor)
    descent = PhaseSchedule((Phase(curve=Cosine(), length=period, start=1.0, end=low),))
    times = None
    if total is not None and number("growth", growth) > 1:  # as many as the run needs: compilers lay them all out
        times = int(math.log1p((total - warmup) * (growth - 1) / max(1, period)) / math.log(growth)) + 2
    restarts = descent.repeat(times, growth=growth, scale=scale, floor=low)
    return _cut(PhaseSchedule((*climb(warmup), restarts)), total)


def noam(warmup: Count, total: Count | None = None) -> PhaseSchedule:
    """min(k / W, sqrt(W / k)): Vaswani et al. 2017, arXiv:1706.03762, with the peak, (d_model W)^-1/2, as the base.

    allennlp's and Paddle's classes put d_model into the rate itself; NeMo multiplies both.
    """
    return inverse_sqrt(int(count("warmup", warmup, 1, advice="noam's time scale is its warm-up.")), total)


def power(
    warmup: Count,
    total: Count,
    *,
    decay: Count,
    power: float = 0.51,
    timescale: float | None = None,
    floor: float = 0.0,
) -> PhaseSchedule:
    """k / W, (1 + (k - W) / timescale)^-power, then a straight line from there to ``floor`` over ``decay`` updates.

    The power scheduler of Shen et al. 2024, arXiv:2408.13359, in OLMo-core's form (timescale W).
    """
    curve = PowerLaw(power=power, timescale=timescale or warmup or 10_000)
    return PhaseSchedule(
        (
            *climb(warmup),
            Phase(curve=curve, length=_left(total, warmup=warmup, decay=decay)),
            Phase(curve=Linear(), length=decay, start=None, end=ratio("floor", floor)),
        )
    )


def inverse_sqrt_cooldown(
    warmup: Count, total: Count, *, decay: Count, timescale: float | None = None, shape: str = "linear"
) -> PhaseSchedule:
    """k / W, the inverse square root, then a cool-down from where it stands to 0 over ``decay`` updates.

    Zhai et al. 2021, arXiv:2106.04560; llm-foundry. big_vision and timm multiply the two instead.
    """
    curve = PowerLaw(timescale=timescale or warmup or 10_000)
    return PhaseSchedule(
        (
            *climb(warmup),
            Phase(curve=curve, length=_left(total, warmup=warmup, decay=decay)),
            Phase(curve=named_curve(shape), length=decay, start=None, end=0.0),
        )
    )


def cosine_then_constant(warmup: Count, total: Count, *, hold: Count, floor: float = 0.1) -> PhaseSchedule:
    """k / W, a cosine to ``floor``, and the floor for the last ``hold`` updates. axolotl, NeMo (constant_steps)."""
    low = ratio("floor", floor)
    return PhaseSchedule(
        (
            *climb(warmup),
            Phase(curve=Cosine(), length=_left(total, warmup=warmup, hold=hold), end=low),
            Phase(curve=Constant(), length=hold, start=low, end=low),
        )
    )


def flat_cosine(warmup: Count, total: Count, *, decay: Count, floor: float = 0.0) -> PhaseSchedule:
    """A plateau, then a cosine over the last ``decay`` updates. fastai's fit_flat_cos has decay 25 %."""
    return wsd(warmup, total, decay=decay, shape="cosine", floor=floor)


def cosine_with_linear_tail(warmup: Count, total: Count, *, decay: Count, floor: float = 0.1) -> PhaseSchedule:
    """k / W, a cosine shaped for the whole run, and for the last ``decay`` updates a line from it to 0. OLMo-core."""
    whole = PhaseSchedule((*climb(warmup), Phase(curve=Cosine(), length=total - warmup, end=ratio("floor", floor))))
    tail = Phase(curve=Linear(), length=decay, start=None, end=0.0)
    return PhaseSchedule((whole.until(_left(total, decay=decay)), tail))


def half_cosine(warmup: Count, total: Count, *, floor: float = 0.0) -> PhaseSchedule:
    """k / W, then the lower half of a cosine, from 0.5 at once: OLMo-core's half_cos_with_warmup."""
    return PhaseSchedule(
        (
            *climb(warmup),
            Phase(curve=HalfCosine(), length=total - warmup, start=(1 + ratio("floor", floor)) / 2, end=floor),
        )
    )


def cosine_envelope(warmup: Count, total: Count, *, floor: float = 0.0) -> PhaseSchedule:
    """k / W, then (1 - u) (1 + cos(pi u)) / 2, down to ``floor``: OLMo's cosine_linear_envelope."""
    descent = Phase(curve=CosineEnvelope(), length=total - warmup, end=ratio("floor", floor))
    return PhaseSchedule((*climb(warmup), descent))


def max_cosine_inverse_sqrt(warmup: Count, total: Count, *, floor: float = 0.0) -> Schedule:
    """The larger of a cosine and the inverse square root: OLMo's max_scheduler."""
    low = ratio("floor", floor)
    return Maximum((cosine(warmup, total).lift(low), inverse_sqrt(warmup, total)))


def tri_stage(warmup: Count, total: Count, *, decay: Count, start: float = 0.01, end: float = 0.01) -> PhaseSchedule:
    """A straight climb from ``start``, a plateau, a geometric fall to ``end``: fairseq's tri_stage.

    Park et al. 2019, arXiv:1904.08779.
    """
    last = positive("end", end, "A geometric fall never reaches 0.")
    return PhaseSchedule(
        (
            *climb(warmup, ratio("start", start)),
            Phase(curve=Constant(), length=_left(total, warmup=warmup, decay=decay), start=1.0, end=1.0),
            Phase(curve=named_curve("geometric", ratio=last), length=decay, end=last),
        )
    )


def multistep(warmup: Count, total: Count, *, milestones: Sequence[int], rate: float = 0.1) -> PhaseSchedule:
    """k / W, then 1, times ``rate`` from each milestone (a position) on: it changes at the milestone itself.

    torch, optax, Paddle, composer do so too; Keras one update later, timm one earlier.
    """
    factor = ratio("rate", rate)
    borders = [warmup, *_rising("milestones", milestones, warmup, total), total]
    return PhaseSchedule(
        (
            *climb(warmup),
            *(
                Phase(curve=Constant(), length=after - before, start=factor**index, end=factor**index)
                for index, (before, after) in enumerate(pairwise(borders))
            ),
        )
    )


def piecewise(
    total: Count | None = None, *, milestones: Sequence[int], values: Sequence[float], shape: str = "linear"
) -> PhaseSchedule:
    """The factors ``values`` at the positions ``milestones`` (the first 0), a curve between each two, the last held.

    ignite's PiecewiseLinear, optax' piecewise_interpolate, OLMo-core's composable.
    """
    if len(milestones) != len(values) or len(values) < 2:
        raise ScheduleError(refusal("values", "as many as milestones, two or more", values, "Give a factor for each."))
    borders = _rising("milestones", milestones, -1, math.inf if total is None else total + 1)
    if borders[0]:
        raise ScheduleError(refusal("milestones", "0 at first", milestones, "Say where the schedule begins."))
    last = borders[-1] if total is None else total
    phases = [
        Phase(curve=named_curve(shape), length=after - before, start=start, end=end)
        for (before, after), (start, end) in zip(pairwise(borders), pairwise(values), strict=True)
    ]
    if last > borders[-1]:
        phases.append(Phase(curve=Constant(), length=last - borders[-1], start=None, end=None))
    return PhaseSchedule(tuple(phases))


def jagged_cosine(
    warmup: Count, total: Count, *, period: Count, rewarm: Count = 10, anneal: Count = 1, low: float = 0.001
) -> Schedule:
    """A cosine whose rate dips to ``low`` of itself every ``period`` updates and climbs back: ReLoRA.

    Lialin et al. 2023, arXiv:2307.05695; axolotl's jagged restarts: down over ``anneal`` updates, up over ``rewarm``.
    """
    return cosine(warmup, total) * dips(period, rewarm, anneal, low)


def dips(period: Count, rewarm: Count, anneal: Count, low: float) -> PhaseSchedule:
    """1, but for the last ``anneal`` updates of each period, which fall to ``low``, and ``rewarm`` that climb back."""
    low = ratio("low", low)
    dip = PhaseSchedule(
        (
            Phase(curve=Linear(), length=rewarm, start=low, end=1.0),
            Phase(curve=Constant(), length=_left(period, rewarm=rewarm, anneal=anneal), start=1.0, end=1.0),
            Phase(curve=Linear(), length=anneal, start=1.0, end=low),
        )
    )
    first = Phase(curve=Constant(), length=_left(period, anneal=anneal), start=1.0, end=1.0)
    last = Phase(curve=Linear(), length=anneal, start=1.0, end=low)
    return PhaseSchedule((first, last, dip.repeat()))


def _left(total: Count, **taken: Count) -> Count:
    """What named phases leave of ``total``; refused with the sums if they take more."""
    left = total - sum(taken.values())
    if left < 0:
        sums = " + ".join(f"{length:g} {name}" for name, length in taken.items())
        name = list(taken)[-1]
        advice = f"{sums} = {sum(taken.values()):g}, more than {total:g}. Shorten a phase."
        raise ScheduleError(
            refusal(name, f"at most {total - sum(taken.values()) + taken[name]:g}", taken[name], advice)
        )
    return left


def _rising(name: str, values: Any, above: Count, below: Count) -> list[int]:
    """Whole positions in rising order between two others."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ScheduleError(refusal(name, "a list of positions", values, "Give whole numbers."))
    positions = [int(count(name, value)) for value in values]
    if any(a >= b for a, b in pairwise([above, *positions, below])):
        raise ScheduleError(refusal(name, f"rising, above {above} and below {below}", values, "Sort them."))
    return positions


def _cut(schedule: Schedule, total: Count | None) -> Schedule:
    return schedule if total is None else schedule.until(total)


LIBRARY: dict[str, Callable[..., Schedule]] = {
    "wsd": wsd,
    "trapezoidal": trapezoidal,
    "wsd_s": wsd_s,
    "infinite": infinite,
    "one_cycle": one_cycle,
    "one_cycle_momentum": one_cycle_momentum,
    "slanted_triangular": slanted_triangular,
    "triangular": triangular,
    "triangular2": triangular2,
    "exp_range": exp_range,
    "sgdr": sgdr,
    "noam": noam,
    "power": power,
    "inverse_sqrt_cooldown": inverse_sqrt_cooldown,
    "cosine_then_constant": cosine_then_constant,
    "flat_cosine": flat_cosine,
    "cosine_with_linear_tail": cosine_with_linear_tail,
    "half_cosine": half_cosine,
    "cosine_envelope": cosine_envelope,
    "max_cosine_inverse_sqrt": max_cosine_inverse_sqrt,
    "tri_stage": tri_stage,
    "multistep": multistep,
    "piecewise": piecewise,
    "jagged_cosine": jagged_cosine,
}
