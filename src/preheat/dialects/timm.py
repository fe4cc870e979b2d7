"""timm's training script: its arguments, as flags, an args.yaml or a mapping.

Fields   sched (cosine, tanh, step, multistep, poly, constant, wsd, rsqrt, none; not plateau), epochs (300),
         warmup_epochs (5), warmup_lr (1e-5), warmup_prefix, min_lr (0), cooldown_epochs (0), lr_cycle_mul (1),
         lr_cycle_decay (0.5), lr_cycle_limit (1), lr_k_decay (1), decay_epochs (90; wsd and rsqrt 0.2, a share),
         decay_milestones (90 180 270), decay_rate (0.1, and the power of poly), lr_decay_fn, lr_stable_timescale,
         sched_on_updates; lr, or lr_base (0.1) times (global batch / lr_base_size (256)), its root for optimizers
         with ada or lamb in their names.
Step     t counts epochs, so the rate is a staircase, or with ``sched_on_updates`` updates; value t is used during
         epoch (update) t. A warm-up is t / W from warmup_lr, W = warmup_epochs.
Prefix   without ``warmup_prefix`` the curve has begun when the warm-up ends: it jumps from the peak into the curve at W
         (tanh rises to the curve instead). wsd and rsqrt always follow the warm-up.
Ends     the end value falls on t = epochs, one after the last; min_lr from there on, which cooldown_epochs train at.
         A milestone m counts from t = m - 1. lr_min is not shrunk by lr_cycle_decay.
Read     timm 1.0.31: scheduler/*.py; train.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import hold, plateaus
from preheat.messages import _
from preheat.plan import Plan
from preheat.schedule import Phase, Schedule
from preheat.schedule.curves import (
    Cosine,
    Curve,
    Exponential,
    Geometric,
    Linear,
    OneMinusPower,
    Polynomial,
    PowerLaw,
    Tanh,
)
from preheat.schedule.lengths import Count
from preheat.schedule.sequence import PhaseSchedule

_SCHEDS = ("cosine", "tanh", "step", "multistep", "poly", "constant", "wsd", "rsqrt", "plateau", "none")
# Each is a level of the staircase: a file with more has its epochs and updates mixed up.
_MOST = 100_000  # epochs
_CYCLIC = ("cosine", "tanh", "poly")
_COOLED = (*_CYCLIC, "wsd", "rsqrt")
# timm calls 1 - sqrt(u) by two names; its power has an exponent of 1/2 unless one calls the class by hand.
_DECAYS = {"1-sqrt": OneMinusPower(), "power": OneMinusPower(), "linear": Linear(), "cosine": Cosine()}


class _Arguments:
    """The arguments in steps of the schedule: epochs, or updates with ``sched_on_updates``."""

    def __init__(self, fields: Fields, rate: float, unit: int) -> None:
        self.fields = fields
        self.rate = rate
        self.unit = unit
        self.sched = fields.word("sched", _SCHEDS, "cosine")
        self.warmup = self.steps("warmup_epochs", 5)
        self.prefix = fields.flag("warmup_prefix")
        self.floor = self.share("min_lr", 0.0)
        self.epochs = fields.count("epochs", 300, low=1)
        if self.epochs > _MOST:
            raise fields.refusal("epochs", _("at most {most}", most=_MOST), _("Each is laid out."))

    def steps(self, name: str, default: Any) -> Any:
        """A number of epochs in steps."""
        value = self.fields.number(name, default, low=0.0, high=_MOST)
        return value if value is None else _whole(value * self.unit)

    def share(self, name: str, default: float) -> float:
        """A learning rate as a share of the peak."""
        return float(self.fields.number(name, default, low=0.0, advice=_("It is a learning rate."))) / self.rate


def read(fields: Fields, context: Context) -> Imported:
    """The arguments of timm's training script."""
    notes: list[str] = []
    # It is seeded by the step, but drawn by torch: nothing to compute here.
    fields.refuse("lr_noise", why=_("Noise is no function of the update."))
    rate = _rate(fields, context, notes)
    on_updates = fields.flag("sched_on_updates")
    per_epoch = _updates_per_epoch(fields, context)
    arguments = _Arguments(fields, rate, per_epoch if on_updates else 1)
    if arguments.sched == "plateau":
        raise fields.refusal("sched", _("a function of the update"), _("Multiply by preheat.plateau() instead."))
    if fields.number("layer_decay", None) is not None:
        notes.append(_("layer_decay scales each layer's rate: this is the schedule that all of them share"))
    schedule, total = _schedule(arguments, notes)
    # The cool-down trains at min_lr: other schedulers have no end after which to add it.
    if arguments.sched in _COOLED:
        total += arguments.steps("cooldown_epochs", 0)
    epochs = int(total // per_epoch) if on_updates else math.ceil(total)
    if epochs != arguments.epochs:
        notes.append(
            _(
                "the run takes {epochs} epochs, not {asked}: warm-up, cycles and cool-down are added",
                epochs=epochs,
                asked=arguments.epochs,
            )
        )
    if not on_updates:
        notes.append(_("the rate changes once an epoch (sched_on_updates moves it at every update)"))
        # The value at the end too: what is held after the run.
        schedule = plateaus([schedule(epoch) for epoch in range(epochs + 1)], per_epoch)
    updates = context.updates("epochs", epochs * per_epoch)
    return Imported(schedule, context.rate("lr", rate), tuple(notes), total=updates)


def _rate(fields: Fields, context: Context, notes: list[str]) -> float:
    own = fields.number("lr", None, low=0.0, advice=_("It is a learning rate."))
    if own:
        return float(own)
    if context.peak is not None:
        return context.peak
    # timm's defaults for the whole chain, from train.py.
    batch = fields.count("batch_size", 128, low=1) * fields.count("grad_accum_steps", 1, low=1) * context.world_size
    ratio = batch / fields.count("lr_base_size", 256, low=1)
    scale = fields.value("lr_base_scale", "") or ""
    if not scale:
        # train.py looks for the letters anywhere in the name: adamw, adafactor and lamb are among them.
        name = str(fields.value("opt", "sgd")).lower()
        scale = "sqrt" if "ada" in name or "lamb" in name else "linear"
    if scale not in ("sqrt", "linear"):
        raise fields.refusal("lr_base_scale", _("sqrt or linear"), _("Say one of them."))
    rate = float(fields.number("lr_base", 0.1, low=1e-300)) * (math.sqrt(ratio) if scale == "sqrt" else ratio)
    notes.append(
        _(
            "lr = lr_base, scaled ({scale}) to a global batch of {batch}, = {rate:g}",
            scale=scale,
            batch=batch,
            rate=rate,
        )
    )
    return rate


def _updates_per_epoch(fields: Fields, context: Context) -> int:
    """From the context, or counted: the loader leaves an incomplete batch out."""
    if context.updates_per_epoch is None and context.plan is None and context.examples is not None:
        plan = Plan(
            context.examples,
            fields.count("batch_size", 128, low=1),
            1,
            accumulation=fields.count("grad_accum_steps", 1, low=1),
            world_size=context.world_size,
            # timm's training loader always does.
            drop_last=True,
        )
        return int(plan.updates_per_epoch)
    each = context.per("epoch", "epochs")
    if each != int(each):
        raise fields.refusal("epochs", _("of a whole number of updates each"), _("An epoch has {each:g}.", each=each))
    return int(each)


def _whole(value: float) -> Count:
    return int(value) if value == int(value) else value


def _schedule(arguments: _Arguments, notes: list[str]) -> tuple[Schedule, Count]:
    """The schedule over steps, and how many of them it plans, without the cool-down."""
    if arguments.sched == "none":
        total = arguments.epochs * arguments.unit
        return PhaseSchedule((hold(None),)), total + (arguments.warmup if arguments.prefix else 0)
    if arguments.sched in ("wsd", "rsqrt"):
        return _wsd(arguments, notes)
    if arguments.sched in _CYCLIC:
        after, total = _cycles(arguments, notes)
    else:
        after, total = _steps(arguments), arguments.epochs * arguments.unit
    warmup = arguments.warmup
    if arguments.prefix:
        total += warmup
    if not warmup:
        return _from_the_peak(after), total
    # timm's tanh takes its own value at W for the peak of its warm-up; the others jump.
    top = after._at(warmup) if arguments.sched == "tanh" and not arguments.prefix else 1.0
    rise = PhaseSchedule((_warm_up(arguments, top),))
    if arguments.prefix:
        return rise >> after, total
    reached = after._at(warmup)
    if reached < 1 and arguments.sched != "tanh":
        notes.append(
            _("without warmup_prefix the rate jumps from the warm-up to {reached:.4g} of the peak", reached=reached)
        )
    return rise >> after.shift(warmup), total


def _warm_up(arguments: _Arguments, top: float = 1.0) -> Phase:
    start = arguments.share("warmup_lr", 1e-5)
    return Phase(curve=Linear(), length=arguments.warmup, start=start, end=top)


def _from_the_peak(schedule: Schedule) -> Schedule:
    """Before the first step the optimizer has its own rate, whatever the curve says of t = 0."""
    return schedule if schedule(0) == 1 else PhaseSchedule((hold(1),)) >> schedule.shift(1)


def _cycles(arguments: _Arguments, notes: list[str]) -> tuple[Schedule, Count]:
    """Descents to min_lr, each longer and lower than the one before, then min_lr."""
    fields = arguments.fields
    length, floor = arguments.epochs * arguments.unit, arguments.floor
    growth = fields.number("lr_cycle_mul", 1.0, low=1e-9)
    shrink = fields.number("lr_cycle_decay", 0.5, low=0.0)
    limit = fields.count("lr_cycle_limit", 1, low=1)
    k = fields.number("lr_k_decay", 1.0, low=1e-9)
    # A schedule of more phases is slow to make and nothing to read.
    if limit > 1000:
        raise fields.refusal("lr_cycle_limit", _("at most 1000"), _("Each cycle is laid out."))
    if arguments.sched == "tanh":
        curve: Curve = Tanh()
    elif arguments.sched == "cosine":
        curve = Cosine(k=k)
    else:
        # train.py hands decay_rate to poly as its power, whatever the name says.
        curve = Polynomial(fields.number("decay_rate", 0.1), k)
        notes.append(_("decay_rate={power:g} is the power of poly", power=curve.power))
    if shrink ** (limit - 1) < floor or (limit > 1 and not 0 < shrink <= 1):
        rule = _("in (0, 1], every cycle beginning above min_lr")
        raise fields.refusal("lr_cycle_decay", rule, _("Lower min_lr, or take fewer cycles."))
    phases = [
        Phase(curve=curve, length=_whole(length * growth**cycle), start=shrink**cycle, end=floor)
        for cycle in range(limit)
    ]
    # timm's own sum of a geometric row, rounded down as it does.
    total = length * limit if growth == 1 else math.floor(length * (growth**limit - 1) / (growth - 1))
    return PhaseSchedule((*phases, hold(None, floor))), total


def _steps(arguments: _Arguments) -> Schedule:
    """step, multistep and constant."""
    fields = arguments.fields
    if arguments.sched == "constant":
        return PhaseSchedule((hold(None),))
    rate = fields.number("decay_rate", 0.1, low=0.0, high=1.0)
    if arguments.sched == "multistep":
        given = fields.numbers("decay_milestones", [90, 180, 270], low=0.0)
        # A milestone m counts from t = m - 1: timm bisects with t + 1.
        return _falling([max(0, math.ceil(milestone * arguments.unit) - 1) for milestone in sorted(given)], rate)
    every = arguments.steps("decay_epochs", 90)
    if every <= 0 or rate <= 0:
        raise fields.refusal("decay_epochs" if every <= 0 else "decay_rate", _("> 0"), _("It is a step."))
    if isinstance(every, int):
        return PhaseSchedule((Phase(curve=Exponential(rate, every, staircase=True), length=None, start=1.0),))
    # Python's // knows the parts of an epoch better than a quotient that is rounded first.
    # Twice the run, for whoever looks past its end.
    last = int(2 * arguments.epochs * arguments.unit // every)
    if last > _MOST:
        raise fields.refusal(
            "decay_epochs", _("so long that there are {most} steps at most", most=_MOST), _("Each is laid out.")
        )
    return _falling([_first(every, step) for step in range(1, last + 1)], rate)


def _falling(changes: list[int], rate: float) -> Schedule:
    """1, times ``rate`` from each of some steps on."""
    held = [hold(after - before, rate**times) for times, (before, after) in enumerate(pairwise([0, *changes]))]
    return PhaseSchedule((*held, hold(None, rate ** len(changes))))


def _first(every: float, times: int) -> int:
    """The first step t with t // every = times."""
    step = math.ceil(times * every)
    while (step - 1) // every >= times:
        step -= 1
    while step // every < times:
        step += 1
    return step


def _wsd(arguments: _Arguments, notes: list[str]) -> tuple[Schedule, Count]:
    """A plateau, falling for rsqrt, under a descent to min_lr over the last part."""
    fields, warmup, floor = arguments.fields, arguments.warmup, arguments.floor
    length = arguments.epochs * arguments.unit - (0 if arguments.prefix else warmup)
    share = fields.number("decay_epochs", 0.2, low=0.0)
    # A share below 1, else epochs: timm tells them apart so.
    decay = round(share * length) if 0 < share < 1 else round(share * arguments.unit)
    if not 0 < decay <= length:
        raise fields.refusal(
            "decay_epochs",
            _("more than none and at most {length:g} steps", length=length),
            _("It is {decay} of them.", decay=decay),
        )
    own = "linear" if arguments.sched == "rsqrt" else "1-sqrt"
    name = fields.word("lr_decay_fn", (*_DECAYS, "exp"), own)
    # timm's exp falls to a tenth, moved and stretched to arrive at min_lr.
    curve: Curve = Geometric(0.1) if name == "exp" else _DECAYS[name]
    rise = (_warm_up(arguments),) if warmup else ()
    fall = (hold(length - decay), Phase(curve=curve, length=decay, start=1.0, end=floor))
    shape: Schedule = PhaseSchedule((*rise, *fall))
    if arguments.sched == "rsqrt":
        scale = arguments.steps("lr_stable_timescale", None)
        scale = warmup if scale is None else scale
        if scale <= 0:
            raise fields.refusal("lr_stable_timescale", _("> 0"), _("Without a warm-up timm has none of its own."))
        if floor:
            raise fields.refusal(
                "min_lr", _("0 for rsqrt"), _("A plateau that falls toward a floor is no product of curves.")
            )
        plateau = (hold(warmup),) if warmup else ()
        shape = shape * PhaseSchedule((*plateau, Phase(curve=PowerLaw(timescale=scale), length=None, start=1.0)))
    if not floor and name != "exp":
        notes.append(_("the last step is 1 of {decay} above min_lr: a cooldown epoch would train at it", decay=decay))
    return shape, length + warmup


def matches(config: Any) -> int:
    """3 for its own names beside ``sched``, 2 for ``sched`` alone."""
    if not isinstance(config, Mapping):
        return 0
    names = {str(name).replace("-", "_") for name in config}
    if names & {"sched_on_updates", "lr_k_decay", "lr_cycle_limit", "lr_cycle_decay", "warmup_prefix"}:
        return 3
    return 2 if isinstance(config.get("sched"), str) else 0


def _example(sched: str, **more: Any) -> Example:
    config = {"sched": sched, "lr": 0.1, "epochs": 20, "warmup_epochs": 2, **more}
    return Example(sched, config, {"updates_per_epoch": 5})


DIALECT = Dialect(
    name="timm",
    title="timm train.py",
    source="timm 1.0.31",
    convention=_("step t (an epoch, or an update) runs at t / W in the warm-up; the end value falls on t = epochs"),
    read=read,
    matches=matches,
    examples=(
        _example("cosine", warmup_prefix=True),
        _example("tanh"),
        _example("step", decay_epochs=2.4, decay_rate=0.97),
        _example("multistep", decay_milestones=[10, 15]),
        _example("poly", decay_rate=2.0, sched_on_updates=True),
        _example("constant"),
        _example("wsd", sched_on_updates=True),
        _example("rsqrt", sched_on_updates=True),
        Example("none", {"sched": "none", "lr": 0.1, "epochs": 20}, {"updates_per_epoch": 5}),
    ),
)
