"""composer's schedulers as phases in the trainer's time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from preheat.dialects.common.fields import REQUIRED, Fields
from preheat.dialects.common.ramps import hold
from preheat.dialects.composer_times import Job
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.checks import Count
from preheat.schedule.curves import Cosine, Curve, Exponential, Linear, Polynomial, PowerLaw

Parts = tuple[Phase | Schedule, ...]

_MANY = 10_000  # restarts a schedule may have


def _climb(job: Job, top: float = 1.0) -> tuple[Parts, Count]:
    """The ramp up to the hand-over, and the time of that."""
    time = job.time("t_warmup")
    begin = ramped = job.updates(job.counted(time))
    if job.own.flag("scale_warmup"):
        ramped = job.updates(job.counted(time, job.ratio))
    if begin and not ramped:
        raise job.own.refusal("t_warmup", "above 0 once it is scaled", "composer divides by it.")
    if not begin:
        return (), 0
    rise = Phase(curve=Linear(), length=ramped, start=0.0, end=top)
    if ramped == begin:
        return (rise,), begin
    job.notes.append(f"scale_warmup stretches the ramp to {ramped:g} updates, but the hand-over stays at {begin:g}")
    return ((rise, hold(begin - ramped, top)) if ramped < begin else (PhaseSchedule((rise,)).until(begin),)), begin


def _climb_and_end(job: Job, top: float = 1.0) -> tuple[Parts, Count, Count]:
    """As :func:`_climb`, and the time of t_max, which has to reach the run's end."""
    last = job.time("t_max", "1dur")
    (warmup, unit), (end, end_unit) = job.counted(job.time("t_warmup")), job.counted(last, job.ratio)
    if unit != end_unit:
        raise job.own.refusal("t_warmup", f"in the unit of t_max, {end_unit}", "composer cannot compare them.")
    for ratio in (1.0, job.ratio):  # composer asks before it scales max_duration, and after
        whole, whole_unit = job.whole(job.ratio if last[1] == "dur" else ratio)
        if whole_unit == end_unit and end < whole:
            advice = "composer asks for a schedule that covers the run."
            raise job.own.refusal("t_max", f"at least {whole}{whole_unit}, max_duration", advice)
    if warmup >= end:
        raise job.own.refusal("t_warmup", f"below t_max, {end}{unit}", "The peak would never be used.")
    rise, begin = _climb(job, top)
    return rise, begin, job.updates((end, unit))


def _after_warmup(job: Job, curve: Curve, top: float = 1.0) -> Schedule:
    rise, begin, last = _climb_and_end(job, top)
    return PhaseSchedule((*rise, Phase(curve=curve, length=last - begin, start=top, end=job.factor("alpha_f", 0.0))))


def _constant_after_warmup(job: Job) -> Schedule:
    alpha = job.factor("alpha", 1.0)
    return PhaseSchedule((*_climb_and_end(job, alpha)[0], hold(None, alpha)))


def _inverse_sqrt(job: Job) -> Schedule:
    unit = job.duration[1]
    for name in ("t_warmup", "t_scale", "t_cooldown"):
        if job.time(name)[1] != unit:
            raise job.own.refusal(name, f"in the unit of max_duration, {unit}", "llm-foundry asks.")
    low, last = job.factor("alpha_f_decay", 0.0), job.factor("alpha_f_cooldown", 0.0)
    if low < last:
        raise job.own.refusal("alpha_f_decay", f"at least alpha_f_cooldown={last:g}", "Raise it.")
    if job.counted(job.time("t_max", "1dur"))[1] != job.whole(job.ratio)[1]:
        raise job.own.refusal("t_max", f"in the unit of max_duration, {unit}", "llm-foundry cannot compare them.")
    rise, begin = _climb(job)
    scale, cooldown = job.length("t_scale"), job.length("t_cooldown")
    if not scale:
        raise job.own.refusal("t_scale", "above 0", "It divides the time.")
    down = max(begin, job.length("t_max", "1dur") - cooldown)
    stands = low + (1.0 - low) / ((down - begin + scale) / scale) ** 0.5
    fall = Phase(curve=PowerLaw(timescale=scale), length=down - begin, start=1.0, end=low)
    cool = Phase(curve=Linear(), length=cooldown, start=stands, end=last if cooldown else stands)
    return PhaseSchedule((*rise, fall, cool))


def _steps(job: Job, begin: Count = 0) -> Parts:
    """1, times gamma at every milestone that is reached."""
    gamma = job.own.number("gamma", 0.1, low=0.0)
    listed = job.own.list("milestones")
    times = [job.time("milestones", fields=Fields({"milestones": item}, job.own.where)) for item in listed]
    borders = sorted(job.updates(job.counted(time, job.ratio)) for time in times)
    parts: list[Phase | Schedule] = []
    for passed, border in enumerate([*borders, None]):
        if border is None:
            parts.append(hold(None, gamma**passed))
        elif border > begin:
            parts.append(hold(border - begin, gamma**passed))
            begin = border
    return tuple(parts)


def _steps_after_warmup(job: Job) -> Schedule:
    rise, begin = _climb(job)
    return PhaseSchedule((*rise, *_steps(job, begin)))


def _falling(curve: Callable[[Job], Curve], name: str = "t_max", default: Any = "1dur") -> Callable[[Job], Schedule]:
    """A curve from 1, or alpha_i, to alpha_f over t_max."""

    def build(job: Job) -> Schedule:
        length = job.length(name, default)
        if not length:
            raise job.own.refusal(name, "above 0", "composer divides by it.")
        shape = curve(job)
        top = job.factor("alpha_i", 1.0) if isinstance(shape, Linear) else 1.0
        return PhaseSchedule((Phase(curve=shape, length=length, start=top, end=job.factor("alpha_f", 0.0)),))

    return build


def _endless(job: Job, name: str, default: Any, gamma: Any, *, staircase: bool) -> Schedule:
    period = job.length(name, default)
    if not period:
        raise job.own.refusal(name, "above 0", "composer divides by it.")
    curve = Exponential(job.own.number("gamma", gamma), period, staircase)
    return PhaseSchedule((Phase(curve=curve, length=None),))


def _constant(job: Job) -> Schedule:
    alpha, length = job.factor("alpha", 1.0), job.length("t_max", "1dur")
    if alpha != 1.0 and length < job.total():
        job.notes.append(f"after {length:g} updates the factor goes back to 1")
    return PhaseSchedule((hold(length, alpha), hold(None)))


def _restarts(job: Job) -> Schedule:
    """Cycles of t_0, and t_mult times the one before rounded down to whole units, as many as the run needs."""
    first, unit = job.counted(job.time("t_0"), job.ratio)
    growth, floor = job.own.number("t_mult", 1.0, low=0.0), job.factor("alpha_f", 0.0)
    cycles, total = [first], job.total()
    covered: Count = job.updates((first, unit))
    while covered < total and cycles[-1] and growth != 1.0 and len(cycles) < _MANY:
        cycles.append(int(growth * cycles[-1]))
        covered += job.updates((cycles[-1], unit))
    if not cycles[-1] or len(cycles) == _MANY:
        raise job.own.refusal("t_0", "long enough for cycles of one unit at least", "They shrink to nothing.")
    falls = [Phase(curve=Cosine(), length=job.updates((c, unit)), start=1.0, end=floor) for c in cycles]
    return PhaseSchedule(tuple(falls)).repeat() if growth == 1.0 else PhaseSchedule(tuple(falls))


def _power(default: Any) -> Callable[[Job], Curve]:
    return lambda job: Polynomial(job.own.number("power", default))


SHAPES: dict[str, Callable[[Job], Schedule]] = {
    "ConstantWithWarmupScheduler": _constant_after_warmup,
    "LinearWithWarmupScheduler": lambda job: _after_warmup(job, Linear(), job.factor("alpha_i", 1.0)),
    "CosineAnnealingWithWarmupScheduler": lambda job: _after_warmup(job, Cosine()),
    "PolynomialWithWarmupScheduler": lambda job: _after_warmup(job, _power(2.0)(job)),
    "InverseSquareRootWithWarmupScheduler": _inverse_sqrt,
    "MultiStepWithWarmupScheduler": _steps_after_warmup,
    "ConstantScheduler": _constant,
    "LinearScheduler": _falling(lambda _: Linear()),
    "CosineAnnealingScheduler": _falling(lambda _: Cosine()),
    "PolynomialScheduler": _falling(_power(REQUIRED)),
    "ExponentialScheduler": lambda job: _endless(job, "decay_period", "1ep", REQUIRED, staircase=False),
    "StepScheduler": lambda job: _endless(job, "step_size", REQUIRED, 0.1, staircase=True),
    "MultiStepScheduler": lambda job: PhaseSchedule(_steps(job)),
    "CosineAnnealingWarmRestartsScheduler": _restarts,
}
