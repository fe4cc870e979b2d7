"""composer's schedulers: llm-foundry's YAML, a scheduler section alone, or a constructor call.

Step     the trainer steps its schedulers before its clock: the first two updates run at time 0, update n at the time
         after n - 1 updates. One batch is one update.
Times    "100ba", "2ep" (batches, by the loader's length), "1e6sp", "2e9tok", "0.5dur" (of max_duration, rounded down to
         batches, samples or tokens). scale_schedule_ratio multiplies max_duration and every time but dur and the
         warm-up, and rounds down.
Warm-up  time / t_warmup, in the unit of t_max. scale_warmup stretches the ramp by the ratio, but not the hand-over: it
         jumps, or waits, at t_warmup.
Fields   scheduler.name: *_with_warmup of llm-foundry's registry, or a class. t_max (1dur, >= max_duration behind a
         warm-up), alpha_f (0), alpha_i (1), alpha (1), power (2 with a warm-up), gamma (0.1), milestones, step_size,
         decay_period (1ep), t_0, t_mult (1); inv_sqrt_with_warmup: t_scale, t_cooldown, alpha_f_decay (0),
         alpha_f_cooldown (0). optimizer.lr, global_train_batch_size, max_seq_len beside it.
         Update 0 alone is set before max_duration is scaled; a dur that only then rounds to 0 is not told apart here.
Ends     all stay where they arrive at t_max; ConstantScheduler goes back to 1.
Read     mosaicml 0.32.1, optim/scheduler.py, trainer/trainer.py, core/time.py; llm-foundry 0.22.0, optim/scheduler.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported, Outline
from preheat.dialects.fields import REQUIRED, Fields
from preheat.dialects.loading import call
from preheat.dialects.phases import hold
from preheat.dialects.writing import as_yaml
from preheat.errors import ConfigError, unknown_name
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Cosine, Curve, Exponential, Linear, Polynomial, PowerLaw
from preheat.schedule.lengths import Count

# llm-foundry's registry; the first two are names of OLMo too.
_NAMES = {
    "constant_with_warmup": "ConstantWithWarmupScheduler",
    "cosine_with_warmup": "CosineAnnealingWithWarmupScheduler",
    "linear_decay_with_warmup": "LinearWithWarmupScheduler",
    "inv_sqrt_with_warmup": "InverseSquareRootWithWarmupScheduler",
}


def read(config: Any, context: Context) -> Imported:
    """A composer configuration, its scheduler section, or a scheduler's constructor call, as a schedule."""
    root = Fields(_mapping(config.raw if isinstance(config, Fields) else config) or {})
    # MosaicML's platform keeps the training configuration under that name.
    root = root.section("parameters") if "parameters" in root else root
    own = root.section("scheduler") if "scheduler" in root else root
    # Stepped once an epoch every schedule would be a staircase of another one.
    if not root.flag("step_schedulers_every_batch", True):
        raise root.refusal("step_schedulers_every_batch", _("true"), _("A schedule here moves with every update."))
    ratio = root.number("scale_schedule_ratio", 1.0, low=0.0)
    if not ratio:
        raise root.refusal("scale_schedule_ratio", _("above 0"), _("It multiplies the run's length."))
    job = _Job(own, root, context, ratio, [])
    # The trainer steps its schedulers before its clock: the first two updates run at time 0.
    schedule = _SHAPES[_name(own)](job).shift(-1)
    total = context.updates("max_duration", job.total())
    peak = context.rate("optimizer.lr", root.section("optimizer", {}).rate("lr", None))
    own.finish()
    return Imported(schedule, peak, tuple(job.notes), total=total)


def _name(own: Fields) -> str:
    """The class that is meant: by its path, its name, or llm-foundry's."""
    path = own.text("_target_", None)
    if path is None:
        name = own.word("name", (*_NAMES, *_SHAPES))
        return str(_NAMES.get(name, name))
    if path.rpartition(".")[2] not in _SHAPES:
        raise ConfigError(unknown_name(own.path("_target_"), _("a scheduler of composer's"), path, _SHAPES))
    return str(path.rpartition(".")[2])


def _mapping(config: Any) -> Mapping[str, Any] | None:
    """The configuration; a constructor call as one with a scheduler of that name."""
    if isinstance(config, str):
        name, fields = call(config) or ("", None)
        return None if fields is None else {"scheduler": {"name": name.rpartition(".")[2], **fields}}
    return config if isinstance(config, Mapping) else None


# Times, such as "100ba" and "0.5dur", in updates.


_Time = tuple[float, str]
_Counted = tuple[int, str]
# Units of composer's core/time.py; iterations and seconds cannot be counted in updates, and are refused below.
_TIME = re.compile(r"(.+?)(iter|ep|ba|sp|tok|dur|sec)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Job:
    """A scheduler's fields, the trainer's around them, scale_schedule_ratio, and what is to be said."""

    own: Fields
    root: Fields
    context: Context
    ratio: float
    notes: list[str]

    def time(self, name: str, default: Any = REQUIRED, fields: Fields | None = None) -> _Time:
        """A field as a number and its unit: ba, ep, sp, tok or dur."""
        fields = fields or self.own
        value = fields.value(name, default)
        match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
        try:
            number = float(match[1]) if match else math.nan
        except ValueError:
            number = math.nan
        unit = match[2].lower() if match else ""
        # composer takes parts of a duration alone: 1.5ba is an error there too.
        if not 0 <= number < math.inf or unit in ("iter", "sec") or (unit != "dur" and number != int(number)):
            raise fields.refusal(
                name, _('a time such as "100ba", "2ep", "1e9tok" or "0.5dur"'), _("Write it with its unit.")
            )
        return number, unit

    @property
    def duration(self) -> _Time:
        """max_duration as the file has it; a plain number counts epochs, the caller's total batches."""
        # A plain number is epochs to the trainer; the caller counts updates, and a batch is one.
        value = self.root.value("max_duration", None)
        if value is None:
            return float(self.context.updates("max_duration")), "ba"
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return float(value), "ep"
        time = self.time("max_duration", fields=self.root)
        if time[1] == "dur":
            raise self.root.refusal("max_duration", _("in ba, ep, sp or tok"), _("dur is a share of it."))
        return time

    def whole(self, ratio: float) -> _Counted:
        """max_duration scaled, in batches, samples or tokens."""
        value, unit = self.duration
        if int(value * ratio) < 1:
            raise self.root.refusal(
                "max_duration", _("above 0 after scale_schedule_ratio={ratio:g}", ratio=ratio), _("Nothing is left.")
            )
        return self.counted((int(value * ratio), unit))

    def counted(self, time: _Time, ratio: float = 1.0) -> _Counted:
        """A time scaled, in batches, samples or tokens, rounded as composer rounds it; dur is never scaled."""
        value, unit = time
        if unit == "dur":
            # A share is of max_duration as it stands after scaling, so it is never scaled itself.
            whole, unit = self.duration
            whole = int(whole * self.ratio)
            return (int(value * self.epoch * whole), "ba") if unit == "ep" else (int(value * whole), unit)
        if unit == "ep":
            value, unit = value * self.epoch, "ba"
        return int(value * ratio), unit

    @property
    def epoch(self) -> int:
        """Batches in an epoch."""
        return int(self.context.per("epoch", "max_duration"))

    def updates(self, counted: _Counted) -> Count:
        """A count in updates; parts of one are kept, and every batch is a full one."""
        amount, unit = counted
        if unit == "ba":
            return amount
        each: float | None = self.root.number("global_train_batch_size", None, low=1.0)
        if unit == "tok" and each is not None:
            length = self.root.number("max_seq_len", None, low=1.0)
            each = None if length is None else each * length
        if each is None:
            each = self.context.per("sample" if unit == "sp" else "token", "max_duration")
        # Whole updates stay integers: schedules print and compare by them.
        if amount % each == 0:
            return int(amount // each)
        parts = amount / each  # rounded down, so that a step that falls on an update is not missed
        return parts if Fraction(parts) * Fraction(each) <= amount else math.nextafter(parts, 0.0)

    def length(self, name: str, default: Any = REQUIRED) -> Count:
        """A field in updates, stretched by the ratio."""
        return self.updates(self.counted(self.time(name, default), self.ratio))

    def factor(self, name: str, default: float) -> float:
        """A field that is a share of the optimizer's rate."""
        return float(self.own.number(name, default, low=0.0))

    def total(self) -> int:
        """Updates of the run: it ends with the batch that reaches max_duration."""
        return math.ceil(self.updates(self.whole(self.ratio)))


# Schedulers as phases in the trainer's time.


_Parts = tuple[Phase | Schedule, ...]
_MANY = 10_000  # restarts a schedule may have


def _warm_up(job: _Job, top: float = 1.0) -> tuple[_Parts, Count]:
    """The warm-up to the hand-over, and the time of that."""
    time = job.time("t_warmup")
    begin = ramped = job.updates(job.counted(time))
    if job.own.flag("scale_warmup"):
        ramped = job.updates(job.counted(time, job.ratio))
    # A ratio below 1 may round the stretched ramp to nothing, which composer divides by.
    if begin and not ramped:
        raise job.own.refusal("t_warmup", _("above 0 once it is scaled"), _("composer divides by it."))
    if not begin:
        return (), 0
    rise = Phase(curve=Linear(), length=ramped, start=0.0, end=top)
    if ramped == begin:
        return (rise,), begin
    job.notes.append(
        _(
            "scale_warmup stretches the ramp to {ramped:g} updates, but the hand-over stays at {begin:g}",
            ramped=ramped,
            begin=begin,
        )
    )
    return ((rise, hold(begin - ramped, top)) if ramped < begin else (PhaseSchedule((rise,)).until(begin),)), begin


def _warm_up_and_end(job: _Job, top: float = 1.0) -> tuple[_Parts, Count, Count]:
    """As :func:`_warm_up`, and the time of t_max, which has to reach the run's end."""
    last = job.time("t_max", "1dur")
    # The warm-up is compared unscaled, t_max scaled: composer does so.
    (warmup, unit), (end, end_unit) = job.counted(job.time("t_warmup")), job.counted(last, job.ratio)
    if unit != end_unit:
        raise job.own.refusal(
            "t_warmup", _("in the unit of t_max, {end_unit}", end_unit=end_unit), _("composer cannot compare them.")
        )
    for ratio in (1.0, job.ratio):  # composer asks before it scales max_duration, and after
        whole, whole_unit = job.whole(job.ratio if last[1] == "dur" else ratio)
        if whole_unit == end_unit and end < whole:
            advice = _("composer asks for a schedule that covers the run.")
            raise job.own.refusal(
                "t_max", _("at least {whole}{whole_unit}, max_duration", whole=whole, whole_unit=whole_unit), advice
            )
    if warmup >= end:
        raise job.own.refusal(
            "t_warmup", _("below t_max, {end}{unit}", end=end, unit=unit), _("The peak would never be used.")
        )
    rise, begin = _warm_up(job, top)
    return rise, begin, job.updates((end, unit))


def _after_warmup(job: _Job, curve: Curve, top: float = 1.0) -> Schedule:
    rise, begin, last = _warm_up_and_end(job, top)
    return PhaseSchedule((*rise, Phase(curve=curve, length=last - begin, start=top, end=job.factor("alpha_f", 0.0))))


def _constant_after_warmup(job: _Job) -> Schedule:
    alpha = job.factor("alpha", 1.0)
    return PhaseSchedule((*_warm_up_and_end(job, alpha)[0], hold(None, alpha)))


def _inverse_sqrt(job: _Job) -> Schedule:
    unit = job.duration[1]
    for name in ("t_warmup", "t_scale", "t_cooldown"):
        if job.time(name)[1] != unit:
            raise job.own.refusal(name, _("in the unit of max_duration, {unit}", unit=unit), _("llm-foundry asks."))
    low, last = job.factor("alpha_f_decay", 0.0), job.factor("alpha_f_cooldown", 0.0)
    if low < last:
        raise job.own.refusal("alpha_f_decay", _("at least alpha_f_cooldown={last:g}", last=last), _("Raise it."))
    if job.counted(job.time("t_max", "1dur"))[1] != job.whole(job.ratio)[1]:
        raise job.own.refusal(
            "t_max", _("in the unit of max_duration, {unit}", unit=unit), _("llm-foundry cannot compare them.")
        )
    rise, begin = _warm_up(job)
    scale, cooldown = job.length("t_scale"), job.length("t_cooldown")
    if not scale:
        raise job.own.refusal("t_scale", _("above 0"), _("It divides the time."))
    # A cool-down longer than what follows the warm-up begins at the hand-over.
    down = max(begin, job.length("t_max", "1dur") - cooldown)
    # llm-foundry cools down from where the inverse root stands, not from the peak.
    stands = low + (1.0 - low) / ((down - begin + scale) / scale) ** 0.5
    fall = Phase(curve=PowerLaw(timescale=scale), length=down - begin, start=1.0, end=low)
    cool = Phase(curve=Linear(), length=cooldown, start=stands, end=last if cooldown else stands)
    return PhaseSchedule((*rise, fall, cool))


def _steps(job: _Job, begin: Count = 0) -> _Parts:
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


def _steps_after_warmup(job: _Job) -> Schedule:
    rise, begin = _warm_up(job)
    return PhaseSchedule((*rise, *_steps(job, begin)))


def _falling(curve: Callable[[_Job], Curve], name: str = "t_max", default: Any = "1dur") -> Callable[[_Job], Schedule]:
    """A curve from 1, or alpha_i, to alpha_f over t_max."""

    def build(job: _Job) -> Schedule:
        length = job.length(name, default)
        if not length:
            raise job.own.refusal(name, _("above 0"), _("composer divides by it."))
        shape = curve(job)
        # alpha_i is a field of the linear scheduler alone.
        top = job.factor("alpha_i", 1.0) if isinstance(shape, Linear) else 1.0
        return PhaseSchedule((Phase(curve=shape, length=length, start=top, end=job.factor("alpha_f", 0.0)),))

    return build


def _power(default: Any) -> Callable[[_Job], Curve]:
    return lambda job: Polynomial(job.own.number("power", default))


def _endless(job: _Job, name: str, default: Any, gamma: Any, *, staircase: bool) -> Schedule:
    period = job.length(name, default)
    if not period:
        raise job.own.refusal(name, _("above 0"), _("composer divides by it."))
    curve = Exponential(job.own.number("gamma", gamma), period, staircase)
    return PhaseSchedule((Phase(curve=curve, length=None),))


def _constant(job: _Job) -> Schedule:
    alpha, length = job.factor("alpha", 1.0), job.length("t_max", "1dur")
    if alpha != 1.0 and length < job.total():
        job.notes.append(_("after {length:g} updates the factor goes back to 1", length=length))
    return PhaseSchedule((hold(length, alpha), hold(None)))


def _restarts(job: _Job) -> Schedule:
    """Cycles of t_0, and t_mult times the one before rounded down to whole units, as many as the run needs."""
    first, unit = job.counted(job.time("t_0"), job.ratio)
    growth, floor = job.own.number("t_mult", 1.0, low=0.0), job.factor("alpha_f", 0.0)
    cycles, total = [first], job.total()
    covered: Count = job.updates((first, unit))
    # Laid out, because composer rounds each cycle down to whole units: no closed form says so.
    while covered < total and cycles[-1] and growth != 1.0 and len(cycles) < _MANY:
        cycles.append(int(growth * cycles[-1]))
        covered += job.updates((cycles[-1], unit))
    if not cycles[-1] or len(cycles) == _MANY:
        raise job.own.refusal("t_0", _("long enough for cycles of one unit at least"), _("They shrink to nothing."))
    falls = [Phase(curve=Cosine(), length=job.updates((c, unit)), start=1.0, end=floor) for c in cycles]
    return PhaseSchedule(tuple(falls)).repeat() if growth == 1.0 else PhaseSchedule(tuple(falls))


_SHAPES: dict[str, Callable[[_Job], Schedule]] = {
    "ConstantWithWarmupScheduler": _constant_after_warmup,
    "LinearWithWarmupScheduler": lambda job: _after_warmup(job, Linear(), job.factor("alpha_i", 1.0)),
    "CosineAnnealingWithWarmupScheduler": lambda job: _after_warmup(job, Cosine()),
    "PolynomialWithWarmupScheduler": lambda job: _after_warmup(job, _power(2.0)(job)),
    "InverseSquareRootWithWarmupScheduler": _inverse_sqrt,
    "MultiStepWithWarmupScheduler": _steps_after_warmup,
    "ConstantScheduler": _constant,
    "LinearScheduler": _falling(lambda _unused: Linear()),
    "CosineAnnealingScheduler": _falling(lambda _unused: Cosine()),
    "PolynomialScheduler": _falling(_power(REQUIRED)),
    "ExponentialScheduler": lambda job: _endless(job, "decay_period", "1ep", REQUIRED, staircase=False),
    "StepScheduler": lambda job: _endless(job, "step_size", REQUIRED, 0.1, staircase=True),
    "MultiStepScheduler": lambda job: PhaseSchedule(_steps(job)),
    "CosineAnnealingWarmRestartsScheduler": _restarts,
}


# Writing.


def write(asked: Outline) -> Iterator[dict[str, Any]]:
    """llm-foundry's names and composer's classes with the lengths, floors and powers of the outline."""
    for name, fields in (*_written_after_warmup(asked), *_written_without(asked)):
        own = {key: f"{value}ba" if key.startswith("t_") else value for key, value in fields.items()}
        scheduler = {"name": name, **own}
        # Batches, the one unit in which every border is whole.
        yield {"max_duration": f"{asked.total}ba", "optimizer": {"lr": asked.peak}, "scheduler": scheduler}


def _written_after_warmup(asked: Outline) -> Iterator[tuple[str, dict[str, Any]]]:
    for warmup in asked.warmups:
        warmup_fields = {"t_warmup": warmup}
        yield "constant_with_warmup", warmup_fields
        yield from _milestones(asked, "MultiStepWithWarmupScheduler", warmup_fields)
        for floor in asked.floors:
            end = {**warmup_fields, "alpha_f": floor}
            for last in dict.fromkeys((asked.total, *(warmup + length for length in asked.decays))):
                ends = end if last == asked.total else {**end, "t_max": last}
                yield "linear_decay_with_warmup", ends
                yield "cosine_with_warmup", ends
                for power in asked.option("power", 2.0, 0.5):
                    yield "PolynomialWithWarmupScheduler", {**ends, "power": power}
            for cooldown in (0, *asked.decays):
                for scale in asked.option("timescale"):
                    down = {"t_scale": int(scale), "t_cooldown": cooldown, "alpha_f_decay": floor}
                    for tail in dict.fromkeys((0.0, floor)):
                        yield "inv_sqrt_with_warmup", {**warmup_fields, **down, "alpha_f_cooldown": tail}


def _written_without(asked: Outline) -> Iterator[tuple[str, dict[str, Any]]]:
    for gamma in asked.option("rate"):
        for steps in asked.option("steps"):
            yield "StepScheduler", {"step_size": f"{steps:g}ba", "gamma": gamma}
            yield "ExponentialScheduler", {"decay_period": f"{steps:g}ba", "gamma": gamma}
    for length in (asked.total, *asked.decays):
        yield "ConstantScheduler", {"alpha": float(asked.factors[0]), "t_max": length}
        for floor in asked.floors:
            yield "LinearScheduler", {"t_max": length, "alpha_f": floor}
            yield "CosineAnnealingScheduler", {"t_max": length, "alpha_f": floor}
            yield "CosineAnnealingWarmRestartsScheduler", {"t_0": length, "alpha_f": floor}
            for power in asked.option("power"):
                yield "PolynomialScheduler", {"t_max": length, "alpha_f": floor, "power": power}
    yield from _milestones(asked, "MultiStepScheduler", {})


def _milestones(asked: Outline, name: str, warmup_fields: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every border of the schedule behind the warm-up, an update earlier by composer's clock."""
    # By composer's clock everything is an update earlier, the border of the warm-up too.
    first = warmup_fields.get("t_warmup", 0) + 1
    borders = [int(border) for border in asked.schedule.borders if first < border < asked.total]
    rates = [float(asked.factors[border]) for border in borders]
    for gamma in dict.fromkeys(after / before for before, after in pairwise((1.0, *rates)) if 0 < after < before):
        yield name, {**warmup_fields, "milestones": [f"{border - 1}ba" for border in borders], "gamma": gamma}


# The dialect.


def matches(config: Any) -> int:
    """3 for a name of composer's alone, or one it shares with OLMo whose times have composer's units."""
    root = _mapping(config)
    root = root.get("parameters", root) if root is not None else None
    own = root.get("scheduler", root) if isinstance(root, Mapping) else None
    if not isinstance(own, Mapping):
        return 0
    name = str(own.get("name") or own.get("_target_")).rpartition(".")[2]
    # OLMo has two of the names, and writes its lengths as plain numbers.
    timed = any(isinstance(value, str) and _TIME.fullmatch(value) for value in own.values())
    shared = name in ("constant_with_warmup", "cosine_with_warmup")
    return 3 * int(name in _SHAPES or (name in _NAMES and (timed or not shared)))


def _example(name: str, **own: Any) -> Example:
    run = {"max_duration": "100ba", "optimizer": {"name": "decoupled_adamw", "lr": 1e-3}}
    return Example(name, {**run, "scheduler": {"name": name, **own}})


DIALECT = Dialect(
    name="composer",
    title=_("composer and llm-foundry"),
    source="mosaicml 0.32.1, llm-foundry 0.22.0",
    convention=_("updates 0 and 1 run at time 0, update n at the time after n - 1 updates; the warm-up is time / W"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        _example("constant_with_warmup", t_warmup="10ba"),
        _example("cosine_with_warmup", t_warmup="0.1dur", alpha_f=0.1),
        _example("linear_decay_with_warmup", t_warmup="10ba", t_max="120ba"),
        _example("inv_sqrt_with_warmup", t_warmup="10ba", t_scale="10ba", t_cooldown="20ba"),
        _example("PolynomialWithWarmupScheduler", t_warmup="10ba"),
        _example("MultiStepWithWarmupScheduler", t_warmup="10ba", milestones=["0.5dur", "80ba"]),
        _example("ConstantScheduler", alpha=0.5, t_max="0.2dur"),
        _example("LinearScheduler", alpha_f=0.1),
        _example("CosineAnnealingScheduler", t_max="90ba"),
        _example("PolynomialScheduler", power=2.0),
        _example("ExponentialScheduler", gamma=0.9, decay_period="10ba"),
        _example("StepScheduler", step_size="30ba", gamma=0.5),
        _example("MultiStepScheduler", milestones=["30ba", "60ba"], gamma=0.5),
        _example("CosineAnnealingWarmRestartsScheduler", t_0="30ba"),
    ),
    write=write,
    render=as_yaml,
)
