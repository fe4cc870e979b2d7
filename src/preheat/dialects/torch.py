"""torch.optim.lr_scheduler: code that makes a scheduler, and the state that one saves.

Code     calls as people write them, read and never run: ``SequentialLR(optimizer, [warmup, decay], milestones=[10])``
         with names assigned before, the optimizer's ``lr=`` among them; or as data, ``{"class": "CosineAnnealingLR",
         "T_max": 100}``, also with ``class_path`` and ``init_args`` or ``_target_``. A LambdaLR is read if its lambda
         is one of the formulas in :mod:`preheat.dialects.writing`.
State    what ``scheduler.state_dict()`` gives, told apart by its keys; OneCycleLR keeps its rates in the optimizer's
         groups, so a checkpoint with both (``{"scheduler": ..., "optimizer": ...}``) says more. LambdaLR's state says
         nothing of its shape. The state of :class:`preheat.torch.Scheduler` gives back the schedule it holds.
Step     update n uses the value of ``last_epoch`` = n: the constructor makes the first one, ``step()`` the next. An
         end value falls on the update ``T_max`` or ``total_iters``; OneCycleLR alone is one earlier at every knot.
Ends     CosineAnnealingLR rises again past T_max and OneCycleLR raises past total_steps: here both hold.
Read     torch 2.13: optim/lr_scheduler.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported, Outline
from preheat.dialects.fields import Fields
from preheat.dialects.loading import Call, Function, last_call, run_of_calls
from preheat.dialects.phases import cut, hold
from preheat.dialects.writing import FORMS, Piece, flat, formula_of, phase_in
from preheat.errors import ConfigError, refusal, unknown_name
from preheat.messages import _, joined, plural
from preheat.schedule import Phase, Schedule, get_schedule
from preheat.schedule.combine import Lift, Product, Repeat, Until
from preheat.schedule.curves import Constant, Cosine, Curve, Exponential, Linear, Polynomial
from preheat.schedule.lengths import known, lr
from preheat.schedule.sequence import PhaseSchedule

# Of torch.optim, those whose groups have a momentum of their own; the others that cycle have it as betas[0].
_WITH_MOMENTUM = ("SGD", "RMSprop")


def read(config: Fields | Any, context: Context) -> Imported:
    """Code, a class with its arguments, or a saved state as a schedule."""
    if isinstance(config, str):
        return _read_code(config, context)
    if not isinstance(config, Fields):
        raise ConfigError(refusal("config", _("code, a class or a state"), config, _("Give one of these.")))
    state, groups = _state_of(config.raw)
    if state is None:
        # A class alone says nothing of the optimizer: its rate is what the caller names.
        reading = _Reading(context.peak, context.peak)
        return _imported(_build_spelled(config, reading), reading, context)
    kept = saved(state, groups, peak=context.peak)
    notes = (*kept.notes, _("saved after {updates} updates", updates=kept.position))
    base = context.rate("base_lrs", kept.bases[0])
    return Imported(kept.schedules[0], base, notes, total=context.total, also=kept.also)


def _state_of(config: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, list[Any] | None]:
    """The scheduler's state in a mapping, which may be a checkpoint, and the optimizer's groups."""
    if {*config} >= OWN_KEYS or state_class(config) is not None:
        return config, None
    # A checkpoint made by hand has one of the first two names; Lightning's has lists, one entry for each optimizer.
    state = config.get("scheduler") or config.get("lr_scheduler") or _first(config.get("lr_schedulers"))
    optimizer = config.get("optimizer") or _first(config.get("optimizer_states"))
    groups = optimizer.get("param_groups") if isinstance(optimizer, Mapping) else None
    if isinstance(state, Mapping) and ({*state} >= OWN_KEYS or state_class(state) is not None):
        return state, groups if isinstance(groups, list) and all(isinstance(one, Mapping) for one in groups) else None
    return None, None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _read_code(text: str, context: Context) -> Imported:
    values = run_of_calls(text)
    # The last scheduler is the one that is stepped: those before it are what it is made of.
    made = last_call(values, CLASSES)
    if made is None:
        advice = _("Known: {names}.", names=joined(", ", CLASSES))
        raise ConfigError(refusal("config", _("code that makes a torch scheduler"), text[:80], advice))
    # The optimizer may be of any library, so it is known by an lr, by name or second, not by its class.
    calls = [value for value in values if isinstance(value, Call)]
    optimizers = [
        call for call in calls if call.function not in CLASSES and ("lr" in call.keywords or _by_position(call))
    ]
    own = optimizers[-1].fields(("params", "lr")).rate("lr") if optimizers else None
    reading = _Reading(context.rate("lr", own), context.peak)
    if optimizers and optimizers[-1].function in _WITH_MOMENTUM:
        reading.momentum = "momentum"
    return _imported(_build_spelled(made, reading), reading, context)


def _by_position(call: Call) -> bool:
    """Whether a call is an optimizer's, with its rate second."""
    return call.name.startswith(("torch.optim.", "optim.")) and len(call.args) > 1


def _imported(part: _Part, reading: _Reading, context: Context) -> Imported:
    base = reading.base if part.base is None else part.base
    return Imported(part.schedule, base, tuple(dict.fromkeys(reading.notes)), total=context.total, also=part.also)


# Reading a scheduler, with those inside it: from a call, or from a mapping that names its class.


_SPELLINGS = ("class", "class_path", "_target_")  # a class' name: ours, Lightning's (jsonargparse), Hydra's


@dataclass(frozen=True, slots=True)
class _Part:
    """One scheduler as a schedule.

    Attributes:
        schedule: shares of ``base``.
        base: a learning rate; None if it is the optimizer's own and nobody told it.
        also: other numbers it drives.
        multiplies: whether it multiplies what the group holds, as members of a chain do, or writes its own rate.
    """

    schedule: Schedule
    base: float | None = None
    also: Mapping[str, Schedule] = field(default_factory=dict)
    multiplies: bool = False


@dataclass(slots=True)
class _Reading:
    """What schedulers are read with.

    Attributes:
        base: the optimizer's own learning rate in the group that is read.
        peak: the peak learning rate, as the caller knows it.
        index: the group's.
        group: the group in the optimizer's state.
        onwards: whether to do what torch does past the end, instead of holding.
        momentum: what a cycled momentum is called in the group.
        notes: what the reader should know, filled while reading.
    """

    base: float | None = None
    peak: float | None = None
    index: int = 0
    group: Mapping[str, Any] | None = None
    onwards: bool = False
    momentum: str = "betas[0]"
    notes: list[str] = field(default_factory=list)

    def share(self, fields: Fields, name: str) -> float:
        """A learning rate in a field, 0 if absent, as a share of the base rate."""
        value = fields.number(name, 0.0, low=0.0, advice=_("It is a learning rate."))
        if value and not self.base:
            raise fields.refusal(name, _("a share of a known rate"), _("Give peak= (--lr), the optimizer's own rate."))
        return lr(value).share(self.base) if value and self.base else 0.0


def _build_spelled(config: Call | Fields, reading: _Reading) -> _Part:
    """The schedule of a call, or of a mapping that names the class and its arguments."""
    raw: Call | Mapping[str, Any] = config if isinstance(config, Call) else config.raw
    name = raw.function if isinstance(raw, Call) else _spelled_class(raw) or ""
    if name not in CLASSES:
        raise ConfigError(unknown_name("class", _("a scheduler class known here"), name or raw, CLASSES))
    fields = _arguments(name, raw)
    parts: list[_Part] = []
    if name in _COMPOSED:
        inside = fields.list("schedulers")
        if not inside or not all(isinstance(one, (Call, Mapping)) for one in inside):
            raise fields.refusal("schedulers", _("a list of schedulers"), _("Give one at least."))
        parts = [_build_spelled(one if isinstance(one, Call) else Fields(one), reading) for one in inside]
    part = _build(name, fields, reading, parts)
    fields.refuse("last_epoch", why=_("Read the state to go on from it."), unless=(-1,))
    # Read and without effect on the rates: said here so that finish() does not take them for slips.
    for ignored in ("optimizer", "verbose", *_SPELLINGS, "_partial_"):
        fields.value(ignored, None)
    fields.finish()
    return part


def _spelled_class(config: Any) -> str | None:
    """The class that a mapping names."""
    if isinstance(config, Mapping):
        for name in _SPELLINGS:
            if isinstance(config.get(name), str):
                return str(config[name]).rpartition(".")[2]
    return None


def _arguments(name: str, raw: Call | Mapping[str, Any]) -> Fields:
    if isinstance(raw, Call):
        if name == "ChainedScheduler":
            # Alone among torch's, it takes the optimizer second, and may do without it.
            return raw.fields(("schedulers", "optimizer"))
        parameters = _SINGLE[name][0].split() if name in _SINGLE else ["schedulers", "milestones"]
        return raw.fields(("optimizer", *parameters, "last_epoch"))
    # Lightning's command line keeps the arguments under a name of their own.
    if isinstance(raw.get("init_args"), Mapping):
        return Fields(raw["init_args"], name)
    return Fields(raw, name)


def _build(name: str, fields: Fields, reading: _Reading, parts: Sequence[_Part] = ()) -> _Part:
    """The schedule of the class ``name``; ``parts`` are those of the schedulers inside it."""
    return _COMPOSED[name](fields, reading, parts) if name in _COMPOSED else _SINGLE[name][1](fields, reading)


# The classes, from a constructor's arguments or from the fields of a state.


_ADVICE = _("torch refuses it too.")


def _cosine(fields: Fields, reading: _Reading) -> _Part:
    updates, floor = fields.count("T_max", low=1), reading.share(fields, "eta_min")
    if reading.onwards:
        # torch has no guard at T_max: its cosine goes on, back up to the peak at 2 T_max.
        wave = _single(Cosine(cycles=1.0), 2 * updates, 1.0, floor)
        return _Part(wave.repeat(), reading.base)
    reading.notes.append(_("past T_max torch rises again; here the end value is held"))
    # Its recursive form multiplies what the group holds only while the floor is 0; with one it pulls toward the floor.
    return _Part(_single(Cosine(), updates, 1.0, floor), reading.base, multiplies=not floor)


def _linear(fields: Fields, reading: _Reading) -> _Part:
    start = fields.number("start_factor", 1.0 / 3, low=0.0, high=1.0, advice=_ADVICE)
    if start <= 0:
        raise fields.refusal("start_factor", _("in (0, 1]"), _ADVICE)
    end = fields.number("end_factor", 1.0, low=0.0, high=1.0, advice=_ADVICE)
    return _Part(_single(Linear(), fields.count("total_iters", 5, low=1), start, end), reading.base, multiplies=True)


def _constant(fields: Fields, reading: _Reading) -> _Part:
    factor = fields.number("factor", 1.0 / 3, low=0.0, high=1.0, advice=_ADVICE)
    updates = fields.count("total_iters", 5)
    if factor == 1.0:
        return _Part(PhaseSchedule((hold(None),)), reading.base, multiplies=True)
    if factor == 0:
        raise fields.refusal("factor", _("> 0"), _("torch divides by it at the end."))
    if not updates:
        # Stepped without an epoch it never comes to the update that takes the factor off; stepped with one it does.
        raise fields.refusal("total_iters", _(">= 1"), _("With 0 torch keeps the factor in one way of stepping only."))
    return _Part(PhaseSchedule((hold(updates, factor), hold(None))), reading.base, multiplies=True)


def _polynomial(fields: Fields, reading: _Reading) -> _Part:
    curve = Polynomial(fields.number("power", 1.0))
    return _Part(_single(curve, fields.count("total_iters", 5, low=1)), reading.base, multiplies=True)


def _exponential(fields: Fields, reading: _Reading) -> _Part:
    return _Part(_single(Exponential(_gamma(fields)), None), reading.base, multiplies=True)


def _step(fields: Fields, reading: _Reading) -> _Part:
    curve = Exponential(_gamma(fields, 0.1), fields.count("step_size", low=1), staircase=True)
    return _Part(_single(curve, None), reading.base, multiplies=True)


def _multistep(fields: Fields, reading: _Reading) -> _Part:
    gamma = fields.number("gamma", 0.1, low=0.0, high=1.0, advice=_("It multiplies the rate."))
    given = fields.value("milestones")
    if isinstance(given, Mapping):  # a Counter: how often each milestone counts
        times = Fields(given, fields.path("milestones"))
        given = [name for name in given for _unused in range(times.count(str(name), low=0))]
    else:
        given = fields.list("milestones")
    # A milestone named twice counts twice, as in torch: two borders at one update, and a level of no length.
    borders = [0, *sorted(Fields({"milestones": given}, fields.where).numbers("milestones", low=0, whole=True))]
    holds = [
        hold(after - before, gamma**index) for index, (before, after) in enumerate(pairwise(borders)) if after > before
    ]
    return _Part(PhaseSchedule((*holds, hold(None, gamma ** (len(borders) - 1)))), reading.base, multiplies=True)


def _warm_restarts(fields: Fields, reading: _Reading) -> _Part:
    period, growth = fields.count("T_0", low=1), fields.count("T_mult", 1, low=1)
    descent = _single(Cosine(), period, 1.0, reading.share(fields, "eta_min"))
    return _Part(descent.repeat(growth=float(growth)), reading.base)


def _lambda(fields: Fields, reading: _Reading) -> _Part:
    value = fields.value("lr_lambda")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    # The lambda is matched, never called: code of a stranger does not run here.
    phase = phase_in(value) if isinstance(value, Function) else None
    if phase is None:
        advice = _("Write the schedule with phases, or as one of: {formulas}.", formulas=joined("; ", FORMS))
        raise fields.refusal("lr_lambda", _("a formula known here"), advice)
    if phase.length is not None:
        reading.notes.append(_("past its end a lambda goes on along its formula; here the end value is held"))
    return _Part(PhaseSchedule((phase,)), reading.base)


def _single(curve: Curve, length: Any, start: float = 1.0, end: float | None = None) -> PhaseSchedule:
    return PhaseSchedule((Phase(curve=curve, length=length, start=start, end=end),))


def _gamma(fields: Fields, *default: float) -> float:
    """A factor that multiplies the rate again and again."""
    gamma: float = fields.number("gamma", *default, low=0.0, advice=_("It multiplies the rate."))
    if not 0 < gamma <= 1:
        raise fields.refusal("gamma", _("in (0, 1]"), _("Other rates run away, or are 0 at once."))
    return gamma


def _metric(fields: Fields, _reading: _Reading) -> _Part:
    advice = _("It follows a metric: multiply a schedule by preheat.plateau().")
    raise fields.refusal("patience", _("absent: a function of the update"), advice)


def _product(fields: Fields, _reading: _Reading) -> _Part:
    raise fields.refusal("lr_lambda", _("of a LambdaLR"), _("MultiplicativeLR multiplies up a function of the past."))


def _sequential(fields: Fields, reading: _Reading, parts: Sequence[_Part]) -> _Part:
    name = "_milestones" if "_milestones" in fields else "milestones"
    milestones = fields.numbers(name, low=0, whole=True)
    # torch counts them, does not look at their order, and bisects.
    if len(milestones) != len(parts) - 1 or sorted(milestones) != milestones:
        advice = plural("There is {n} scheduler.", "There are {n} schedulers.", len(parts))
        raise fields.refusal(name, _("a rising number between each two schedulers"), advice)
    base = _base(parts, reading)
    taken = []
    for part, (begin, end) in zip(parts, pairwise([0, *milestones, None]), strict=True):
        schedule = _rebased(part, base, fields)
        if end is None:
            taken.append(schedule)
        elif end > begin:
            taken.append(cut(schedule, end - begin))
    return _Part(PhaseSchedule(tuple(taken)), base)


def _chained(fields: Fields, reading: _Reading, parts: Sequence[_Part]) -> _Part:
    # Each step torch lets every member change the rate that the one before left, so only multipliers are a product.
    if not all(part.multiplies for part in parts):
        rule = _("made of schedulers that multiply the rate")
        advice = _("Those with a floor, and CyclicLR, OneCycleLR, LambdaLR and warm restarts, overwrite it.")
        raise ConfigError(
            refusal("ChainedScheduler.schedulers", rule, plural("{n} scheduler", "{n} schedulers", len(parts)), advice)
        )
    base = _base(parts, reading)
    schedules = [_rebased(part, base, fields) for part in parts]
    return _Part(schedules[0] if len(schedules) == 1 else Product(tuple(schedules)), base, multiplies=True)


def _base(parts: Sequence[_Part], reading: _Reading) -> float | None:
    """The rate the whole is a share of: the largest of its parts'."""
    bases = [part.base for part in parts if part.base is not None]
    # The largest, so that shares stay within 0 and 1 where the parts' own do.
    return max(bases) if bases else reading.base


def _rebased(part: _Part, base: float | None, fields: Fields) -> Schedule:
    if part.base == base:
        return part.schedule
    if part.base is None or base is None:
        raise fields.refusal(
            "schedulers", _("of one known base rate"), _("Give peak= (--lr), the optimizer's own rate.")
        )
    return part.schedule * (part.base / base)


# The two that cycle: they write rates of their own, and move the momentum against them.


_DIVISORS = {"div_factor": 25.0, "final_div_factor": 1e4}
_PAST_ONE_CYCLE = _("past total_steps torch raises; here the end value is held")


def _cyclic(fields: Fields, reading: _Reading) -> _Part:
    """CyclicLR, whose base rate is its highest one."""
    saved = "max_lrs" in fields
    if saved:
        size, ratio = fields.number("total_size", low=1.0), fields.number("step_ratio", low=0.0, high=1.0)
        up = round(size * ratio)
        # A state has the length of a cycle and the share of its rise, floats both: rounding brings back whole updates.
        down = round(size - up)
        low, high = _of_group(fields, "base_lrs", reading), _of_group(fields, "max_lrs", reading)
    else:
        up = fields.count("step_size_up", 2000, low=1)
        down = fields.count("step_size_down", up, low=1)
        low, high = fields.number("base_lr", low=0.0), fields.number("max_lr", low=0.0)
        fields.refuse("scale_fn", "scale_mode", why=_("Take one of the three modes."), unless=("cycle", "iterations"))
    if high <= 0:
        raise fields.refusal("max_lrs" if saved else "max_lr", _("> 0"), _("It is the peak learning rate."))
    if low > high:
        raise fields.refusal(
            "base_lrs" if saved else "base_lr", _("at most the highest rate, {high}", high=high), _("Swap them.")
        )
    # None in the state of a cycle with one of the three modes.
    fields.refuse("_scale_fn_custom", why=_("Its shape is a function of the user's own."))
    mode = fields.word("mode", ("triangular", "triangular2", "exp_range"), "triangular")
    decay: dict[str, Any] = {"rate": _gamma(fields, 1.0)} if mode == "exp_range" else {}
    # torch takes a gamma for every mode, and uses it in one.
    fields.value("gamma", None)
    schedule = get_schedule(mode, up=up, down=down, floor=low / high, **decay)
    also = {}
    if fields.flag("cycle_momentum", True):
        names = ("base_momentums", "max_momentums") if saved else ("base_momentum", "max_momentum")
        least, most = (
            _of_group(fields, name, reading) if saved else fields.number(name, default, low=0.0, high=1.0)
            for name, default in zip(names, (0.8, 0.9), strict=True)
        )
        if mode == "exp_range":
            # There the depth of its wave shrinks by gamma at every update: no schedule here says so.
            reading.notes.append(_("CyclicLR moves the momentum too: in this mode it is left out"))
        elif most > 0:
            # Lowest where the rate is highest, and each cycle of triangular2 half as deep.
            wave = _momentum_wave(up, down, least / most)
            also[_momentum(fields, reading)] = wave.repeat(scale=0.5 if mode == "triangular2" else 1.0, floor=1.0)
    return _Part(schedule, float(high), also)


def _momentum_wave(up: int, down: int, low: float) -> PhaseSchedule:
    falling = Phase(curve=Linear(), length=up, start=1.0, end=low)
    return PhaseSchedule((falling, Phase(curve=Linear(), length=down, start=low, end=1.0)))


def _one_cycle(fields: Fields, reading: _Reading) -> _Part:
    """OneCycleLR, whose base rate is its peak."""
    if "_schedule_phases" in fields:
        return _one_cycle_saved(fields, reading)
    epochs, each = fields.count("epochs", None, low=1), fields.count("steps_per_epoch", None, low=1)
    total = fields.count("total_steps", None if epochs is None or each is None else epochs * each, low=1)
    if total is None:
        raise fields.refusal("total_steps", _("given, or epochs and steps_per_epoch"), _("Say how long the cycle is."))
    options = {
        "pct_start": fields.number("pct_start", 0.3, low=0.0, high=1.0),
        "shape": _shape(fields, "anneal_strategy", "cos"),
        "three_phase": fields.flag("three_phase"),
    }
    peak = fields.rate("max_lr")
    divisors = {name: fields.number(name, default) for name, default in _DIVISORS.items()}
    schedule = get_schedule("one_cycle", total=total, **options, **divisors)
    momenta = {
        "base_momentum": fields.number("base_momentum", 0.85, low=0.0, high=1.0),
        "max_momentum": fields.number("max_momentum", 0.95, low=0.0, high=1.0),
    }
    also = {}
    if fields.flag("cycle_momentum", True):
        also[_momentum(fields, reading)] = get_schedule("one_cycle_momentum", total=total, **options, **momenta)
    reading.notes.append(_PAST_ONE_CYCLE)
    return _Part(schedule, peak, also)


def _one_cycle_saved(fields: Fields, reading: _Reading) -> _Part:
    """From a state, which has the start rate; the others are in the optimizer's group, or told."""
    total, phases = fields.count("total_steps", low=1), fields.list("_schedule_phases")
    if len(phases) not in (2, 3) or not all(isinstance(phase, Mapping) for phase in phases):
        raise fields.refusal("_schedule_phases", _("two phases or three"), _("The state is damaged."))
    knot = Fields(phases[0], fields.path("_schedule_phases[0]")).number("end_step", low=0.0)
    start = _of_group(fields, "base_lrs", reading)
    group = Fields(reading.group or {}, "optimizer.param_groups")
    peak = group.rate("max_lr", None) or reading.peak
    if peak is None or not start:
        advice = _("OneCycleLR keeps its peak in the optimizer's groups: hand over those too, or give peak= (--lr).")
        raise fields.refusal("base_lrs", _("beside a known peak rate"), advice)
    final = group.number("min_lr", None, low=0.0)
    if final is None:
        reading.notes.append(_("final_div_factor is taken as torch's own 1e4: the state does not hold it"))
        final = start / 1e4
    # torch keeps the knot as pct_start * total_steps - 1, one update before where a reader would look for the peak.
    options = {"pct_start": (knot + 1) / total, "shape": _shape(fields, "_anneal_func_type", "cos")}
    options["three_phase"] = len(phases) == 3
    if final <= 0:
        raise group.refusal("min_lr", _("> 0"), _("torch divides the start rate by a number."))
    schedule = get_schedule(
        "one_cycle", total=total, div_factor=peak / start, final_div_factor=start / final, **options
    )
    reading.notes.append(_PAST_ONE_CYCLE)
    also: dict[str, Schedule] = {}
    if fields.flag("cycle_momentum", True):
        low, high = (group.number(name, None, low=0.0, high=1.0) for name in ("base_momentum", "max_momentum"))
        if low is None or high is None:
            reading.notes.append(_("it moves the momentum too, between bounds in the optimizer's groups"))
        else:
            momenta = {"base_momentum": low, "max_momentum": high}
            also[_momentum(fields, reading)] = get_schedule("one_cycle_momentum", total=total, **options, **momenta)
    return _Part(schedule, float(peak), also)


def _shape(fields: Fields, name: str, *default: str) -> str:
    return "linear" if fields.word(name, ("cos", "linear"), *default) == "linear" else "cosine"


def _of_group(fields: Fields, name: str, reading: _Reading) -> float:
    values = fields.numbers(name, low=0.0)
    if not values:
        raise fields.refusal(name, _("one number at least"), _("Each parameter group has one."))
    value: float = values[min(reading.index, len(values) - 1)]
    return value


def _momentum(fields: Fields, reading: _Reading) -> str:
    """What the cycled momentum is called in the optimizer: SGD has it by itself, Adam among its betas."""
    if "use_beta1" not in fields:
        return reading.momentum
    return "betas[0]" if fields.flag("use_beta1") else "momentum"


# What a class takes after the optimizer, in order, and what makes the schedule.
_SINGLE: dict[str, tuple[str, Callable[[Fields, _Reading], _Part]]] = {
    "CosineAnnealingLR": ("T_max eta_min", _cosine),
    "LinearLR": ("start_factor end_factor total_iters", _linear),
    "ConstantLR": ("factor total_iters", _constant),
    "PolynomialLR": ("total_iters power", _polynomial),
    "ExponentialLR": ("gamma", _exponential),
    "StepLR": ("step_size gamma", _step),
    "MultiStepLR": ("milestones gamma", _multistep),
    "CosineAnnealingWarmRestarts": ("T_0 T_mult eta_min", _warm_restarts),
    "CyclicLR": (
        "base_lr max_lr step_size_up step_size_down mode gamma scale_fn scale_mode cycle_momentum base_momentum"
        " max_momentum",
        _cyclic,
    ),
    "OneCycleLR": (
        "max_lr total_steps epochs steps_per_epoch pct_start anneal_strategy cycle_momentum base_momentum max_momentum"
        " div_factor final_div_factor three_phase",
        _one_cycle,
    ),
    "LambdaLR": ("lr_lambda", _lambda),
    "MultiplicativeLR": ("lr_lambda", _product),
    "ReduceLROnPlateau": ("mode factor patience", _metric),
}
_COMPOSED = {"SequentialLR": _sequential, "ChainedScheduler": _chained}
CLASSES = (*_SINGLE, *_COMPOSED)


# Saved states, told apart by their keys.


# The first whose keys are all there.
# The more telling first: a state of OneCycleLR also has base_lrs, one of MultiStepLR also gamma.
_STATES: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (name, frozenset(keys.split()))
    for name, keys in (
        ("SequentialLR", "_milestones _schedulers"),
        ("ChainedScheduler", "_schedulers _last_lr"),
        ("OneCycleLR", "_schedule_phases total_steps"),
        ("CyclicLR", "max_lrs total_size"),
        ("CosineAnnealingWarmRestarts", "T_0 T_mult"),
        ("CosineAnnealingLR", "T_max base_lrs"),
        ("ReduceLROnPlateau", "patience num_bad_epochs"),
        ("LinearLR", "start_factor base_lrs"),
        ("ConstantLR", "factor total_iters base_lrs"),
        ("PolynomialLR", "power total_iters base_lrs"),
        ("LambdaLR", "lr_lambdas base_lrs"),
        ("StepLR", "step_size base_lrs"),
        ("MultiStepLR", "milestones base_lrs"),
        ("ExponentialLR", "gamma base_lrs"),
    )
)
OWN_KEYS = {"schedules", "position", "fingerprint", "groups"}


@dataclass(frozen=True, slots=True)
class Saved:
    """What a scheduler's saved state says.

    Attributes:
        schedules: one a parameter group, from update 0 of the run, as shares of that group's base.
        bases: the base learning rate of each group.
        position: updates completed when it was saved.
        notes: what a reader should know.
        also: schedules of other numbers of the first group (``momentum``, ``betas[0]``).
    """

    schedules: tuple[Schedule, ...]
    bases: tuple[float, ...]
    position: int
    notes: tuple[str, ...] = ()
    also: Mapping[str, Schedule] = field(default_factory=dict)


def saved(
    state: Mapping[str, Any],
    groups: list[Mapping[str, Any]] | None = None,
    *,
    peak: float | None = None,
    onwards: bool = False,
) -> Saved:
    """The schedule, base values and position in ``scheduler.state_dict()``.

    Args:
        state: plain data; also that of :class:`preheat.torch.Scheduler`.
        groups: the optimizer's ``state_dict()["param_groups"]``, where OneCycleLR keeps its rates.
        peak: the peak learning rate of the first group, for a OneCycleLR without ``groups``.
        onwards: what torch itself does past the end (CosineAnnealingLR rises again) instead of holding.

    Raises:
        ConfigError: naming what the state lacks, or that it follows a metric or a function.

    >>> state = {"T_max": 100, "eta_min": 0.0, "base_lrs": [0.5], "last_epoch": 100}
    >>> kept = saved(state)
    >>> kept.position, kept.bases[0] * kept.schedules[0](kept.position)
    (100, 0.0)
    """
    if {*state} >= OWN_KEYS:
        return _own_state(Fields(state))
    name = state_class(state)
    if name is None:
        advice = _("It is recognized by keys such as T_max, _milestones or lr_lambdas.")
        raise ConfigError(refusal("state", _("that of a torch scheduler"), ", ".join(map(str, state)), advice))
    # Each group has rates of its own, and so may have a schedule of its own: a floor is another share of each base.
    count = len(_base_rates(Fields(state)))
    each: list[tuple[_Part, _Reading]] = []
    for index in range(count):
        group = groups[index] if groups is not None and index < len(groups) else None
        reading = _Reading(None, peak if index == 0 else None, index, group, onwards)
        each.append((_read_state(state, reading), reading))
    first, reading = each[0]
    bases = tuple(_known_base(part) for part, _unused in each)
    position = _position(Fields(state))
    notes = [*reading.notes, *_disagreement(state, first, position)]
    if len({*bases}) > 1:
        notes.append(
            _(
                "the groups have base rates {rates}: this is the schedule of the first",
                rates=joined(", ", map(str, bases)),
            )
        )
    return Saved(
        tuple(part.schedule for part, _unused in each), bases, position, tuple(dict.fromkeys(notes)), first.also
    )


def state_class(state: Mapping[str, Any]) -> str | None:
    """The class a state belongs to, by its keys."""
    return next((name for name, keys in _STATES if keys <= {*state}), None)


def _read_state(state: Mapping[str, Any], reading: _Reading) -> _Part:
    """One scheduler's state, those inside it too, for the parameter group that ``reading`` is about."""
    name = state_class(state)
    fields = Fields(state, name or "state")
    if name in ("SequentialLR", "ChainedScheduler"):
        inside = fields.list("_schedulers")
        parts = [_read_state(_state_in(part, fields), reading) for part in inside]
        return _build(name, fields, reading, parts)
    if name is None:
        raise fields.refusal(
            "_schedulers",
            _("states of torch schedulers"),
            _("One has the keys {state}.", state=joined(", ", map(str, state))),
        )
    if name == "LambdaLR":
        advice = _("It holds no shape. Say which schedule it was: its name, warm-up and horizon.")
        raise fields.refusal("lr_lambdas", _("known: a function of the update is not saved"), advice)
    # That one keeps no base rates; it is refused a line below, by its reader.
    if name != "ReduceLROnPlateau":
        rates = _base_rates(fields)
        reading.base = rates[min(reading.index, len(rates) - 1)]
    return _build(name, fields, reading)


def _state_in(part: Any, fields: Fields) -> Mapping[str, Any]:
    if not isinstance(part, Mapping):
        raise fields.refusal("_schedulers", _("a list of states"), _("Each is a mapping."))
    return part


def _base_rates(fields: Fields) -> list[float]:
    """The base rate of each group, also of a scheduler made of others."""
    if "_schedulers" in fields and "base_lrs" not in fields:
        inside = fields.list("_schedulers")
        if not inside:
            raise fields.refusal("_schedulers", _("one state at least"), _("It holds no scheduler."))
        return _base_rates(Fields(_state_in(inside[0], fields), "_schedulers[0]"))
    if "base_lrs" not in fields and "patience" in fields:
        return [1.0]  # it is refused for another reason
    rates: list[float] = fields.numbers("base_lrs", low=0.0)
    if not rates:
        raise fields.refusal("base_lrs", _("one rate at least"), _("Each parameter group has one."))
    return rates


def _position(fields: Fields) -> int:
    if "last_epoch" in fields or "_schedulers" not in fields:
        return max(0, int(fields.count("last_epoch", 0, low=-1)))
    return _position(Fields(_state_in(fields.list("_schedulers")[0], fields), "_schedulers[0]"))


def _known_base(part: _Part) -> float:
    assert part.base is not None
    return part.base


def _disagreement(state: Mapping[str, Any], part: _Part, position: int) -> list[str]:
    """A note where the rate that was saved is not the schedule's."""
    last = state.get("_last_lr")
    value = last[0] if isinstance(last, (list, tuple)) and last else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or part.base is None:
        return []
    horizon = part.schedule.horizon
    if horizon is not None and position > horizon:  # what torch does there is another thing
        return []
    # The rate of a state is rounded by torch's recursion: a millionth of the base is far above that.
    ours = part.base * part.schedule(position)
    if abs(ours - value) <= 1e-6 * part.base:
        return []
    return [
        _(
            "the saved rate at update {position} is {value:g}, the schedule's {ours:g}: somebody else wrote it",
            position=position,
            value=value,
            ours=ours,
        )
    ]


def _own_state(fields: Fields) -> Saved:
    """The state of preheat's own scheduler."""
    schedules = fields.section("schedules")
    rates = schedules.section("lr").raw
    if "*" not in rates:
        raise schedules.refusal("lr", _("given for all groups ('*')"), _("The state is damaged."))
    groups = fields.section("groups")
    names = [*groups.raw]
    if not names:
        raise fields.refusal("groups", _("one at least"), _("The state is damaged."))
    bases = [Fields(groups.raw[name], f"groups.{name}").rate("lr") for name in names]
    others = {key: rules for key, rules in schedules.raw.items() if key != "lr" and isinstance(rules, Mapping)}
    try:
        each = [Schedule.from_dict(rates.get(name, rates["*"])) for name in names]
        also = {str(key): Schedule.from_dict(rules["*"]) for key, rules in others.items() if "*" in rules}
    except (AttributeError, TypeError, KeyError) as error:
        raise fields.refusal("schedules", _("readable"), _("The state is damaged: {error}.", error=error)) from None
    # Floors given as rates become shares here, each of its own group.
    lr = [schedule.for_base(base) for schedule, base in zip(each, bases, strict=True)]
    notes = [_("groups have schedules of their own: this is that of the first")] if len({*lr}) > 1 else []
    return Saved(tuple(lr), tuple(bases), fields.count("position"), tuple(notes), also)


# Writing: the classes people use where one fits, else one scheduler a phase.


_HOLD_THEMSELVES = ("LinearLR", "PolynomialLR")  # their end value, as schedules here do


def write(asked: Outline) -> Iterator[str]:
    """Programs that make the schedule, the plainest first."""
    # The optimizer's rate: factors of 1 are it, whatever the highest factor is. Fifteen digits, so that it reads
    # as it was given.
    scale = float(asked.schedule(range(asked.total + 1)).max())
    base = float(f"{asked.peak / scale:.15g}")
    for expression in _whole(asked.schedule, base):
        yield _program(expression, base)
    for expression in _as_one_cycle(asked):
        yield _program(expression, asked.peak)
    exact = _compiled(asked.schedule, base, asked.total)
    if exact is not None:
        yield _program(exact, base)
    for expression in _fitted(asked):
        yield _program(expression, asked.peak)


def _program(expression: str, base: float) -> str:
    """A scheduler's expression as a program, with what it needs.

    >>> print(_program("ExponentialLR(optimizer, gamma=0.9)", 0.1))
    import torch
    from torch.optim.lr_scheduler import ExponentialLR
    <BLANKLINE>
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = ExponentialLR(optimizer, gamma=0.9)
    """
    used = ", ".join(sorted(name for name in CLASSES if f"{name}(" in expression))
    lines = ["import math", ""] if "math." in expression else []
    lines += ["import torch", f"from torch.optim.lr_scheduler import {used}", ""]
    lines += [f"optimizer = torch.optim.AdamW(model.parameters(), lr={base!r})", f"scheduler = {expression}"]
    return "\n".join(lines)


def _whole(schedule: Schedule, base: float) -> Iterator[str]:
    """Classes that are a whole schedule: warm restarts, triangles, steps."""
    # What ends with the run needs no end in code.
    if isinstance(schedule, Until):
        schedule = schedule.of
    if isinstance(schedule, Repeat):
        yield from _restarts(schedule, base)
        yield from _triangles(schedule, known(schedule.floor), "", base)
    elif isinstance(schedule, Lift) and isinstance(schedule.of, Product) and len(schedule.of.of) == 2:
        wave, fall = schedule.of.of
        curve = fall.phases[0].curve if isinstance(fall, PhaseSchedule) and isinstance(fall.phases[0], Phase) else None
        if isinstance(wave, Repeat) and isinstance(curve, Exponential) and curve.steps == 1:
            yield from _triangles(wave, known(schedule.floor), f"gamma={curve.rate!r}", base)
    elif isinstance(schedule, PhaseSchedule):
        yield from _milestones(schedule)


def _restarts(schedule: Repeat, base: float) -> Iterator[str]:
    """One cosine, repeated."""
    phases = schedule.of.phases if isinstance(schedule.of, PhaseSchedule) else ()
    if len(phases) == 1 and isinstance(phases[0], Phase) and schedule.scale == 1 and not schedule.growth % 1:
        phase = phases[0]
        plain = phase.start == 1.0 and phase.convention == "transformers" and not phase.skip
        if plain and phase.curve == Cosine() and isinstance(phase.length, int):
            more = f"T_mult={int(schedule.growth)}, eta_min={known(phase.end or 0.0) * base!r}"
            yield f"CosineAnnealingWarmRestarts(optimizer, T_0={phase.length}, {more})"


def _triangles(wave: Repeat, floor: float, gamma: str, base: float) -> Iterator[str]:
    sides = wave.of.phases if isinstance(wave.of, PhaseSchedule) else ()
    if len(sides) != 2 or wave.growth != 1:
        return
    up, down = sides
    if isinstance(up, Phase) and isinstance(down, Phase) and isinstance(up.length, int) and down.length:
        mode = "exp_range" if gamma else "triangular" if wave.scale == 1 else "triangular2"
        rates = f"base_lr={floor * base!r}, max_lr={base!r}, step_size_up={up.length}, step_size_down={down.length}"
        yield f"CyclicLR(optimizer, {rates}, mode={mode!r}{gamma and ', ' + gamma})"


def _milestones(schedule: PhaseSchedule) -> Iterator[str]:
    """Constant stretches, each the same share of the one before."""
    if not all(isinstance(phase, Phase) and isinstance(phase.curve, Constant) for phase in schedule.phases):
        return
    held = [phase.at(0, 0) for _unused, _unused, phase in schedule._spans if isinstance(phase, Phase)]
    if held[0] == 1.0 and len(held) > 1 and all(held):
        ratio = held[1] / held[0]
        borders = [int(border) for border in schedule.borders][: len(held) - 1]
        # MultiStepLR has one gamma: levels have to be its powers.
        if all(abs(after / before - ratio) < 1e-12 for before, after in pairwise(held)):
            yield f"MultiStepLR(optimizer, milestones={borders!r}, gamma={ratio!r})"


def _as_one_cycle(asked: Outline) -> Iterator[str]:
    factors, total = asked.factors, asked.total
    first, last, top = float(factors[0]), float(factors[total - 1]), int(factors.argmax())
    if 0 < last <= first < 1 and 0 < top < total - 1:
        # pct_start counts to the knot before the peak, see _one_cycle_saved.
        for shape in ("cos", "linear"):
            yield (
                f"OneCycleLR(optimizer, max_lr={asked.peak!r}, total_steps={total}, pct_start={(top + 1) / total!r},"
                f" anneal_strategy={shape!r}, div_factor={1 / first!r}, final_div_factor={first / last!r})"
            )


def _compiled(schedule: Schedule, base: float, total: int) -> str | None:
    """One scheduler a phase, or a chain of them for a product; None for what torch has no parts for."""
    pieces = flat(schedule, total)
    if pieces is not None:
        made: list[str] = []
        for piece in pieces:
            expression = _piece(piece, base)
            if expression is None:
                return None
            made.append(expression)
        # A level at the end is what these do by themselves.
        if len(made) > 1 and made[-2].startswith(_HOLD_THEMSELVES) and pieces[-2].arrival == pieces[-1].start:
            made.pop()
        borders = [piece.begin for piece in pieces[1 : len(made)]]
        return _in_a_row(made, borders) if borders else made[0]
    if isinstance(schedule, Product):
        inside = [_compiled(part, base, total) for part in schedule.of]
        return None if None in inside else f"ChainedScheduler([{', '.join(map(str, inside))}])"
    return None


def _in_a_row(expressions: list[str], milestones: list[int]) -> str:
    """Several schedulers, one after the other."""
    inside = "".join(f"        {expression},\n" for expression in expressions)
    return f"SequentialLR(\n    optimizer,\n    [\n{inside}    ],\n    milestones={milestones!r},\n)"


def _piece(piece: Piece, base: float) -> str | None:
    phase = piece.phase
    if isinstance(phase.curve, Constant):
        return _held(piece.start, piece.updates)
    if isinstance(phase.curve, Linear) and phase.updates is not None:
        return _line(phase)
    if piece.start == 1.0 and not phase.skip and phase.convention == "transformers":
        named = _named(phase, base, piece.goal)
        if named:
            return named
    formula = formula_of(phase)
    return None if formula is None else f"LambdaLR(optimizer, lambda n: {formula})"


def _line(phase: Phase) -> str:
    first, last = phase.at(0, phase.updates), phase.value(phase.length, 0)
    # One step less where the last update is at the end already: LinearLR arrives at total_iters.
    steps = int(phase.updates or 0) - int(phase.convention == "native")
    if not steps:
        return _held(first)
    # torch refuses a start of 0 and factors above 1: a lambda takes them.
    if 0 < first <= 1 and last <= 1:
        return f"LinearLR(optimizer, start_factor={first!r}, end_factor={last!r}, total_iters={steps})"
    line = f"n / {steps}" if (first, last) == (0.0, 1.0) else f"{first!r} + {last - first!r} * n / {steps}"
    return f"LambdaLR(optimizer, lambda n: {line})"


def _held(factor: float, updates: int | None = None) -> str:
    if factor == 1.0:
        return "ConstantLR(optimizer, factor=1.0)"
    # ConstantLR goes back to 1 when it is over, which nobody sees where another scheduler follows.
    if updates is not None and 0 < factor < 1:
        return f"ConstantLR(optimizer, factor={factor!r}, total_iters={updates})"
    return f"LambdaLR(optimizer, lambda n: {factor!r})"


def _named(phase: Phase, base: float, end: float) -> str | None:
    """A class of torch's that is the phase."""
    curve, length = phase.curve, phase.length
    whole = isinstance(length, int)
    if curve == Cosine() and whole:
        return f"CosineAnnealingLR(optimizer, T_max={length}, eta_min={end * base!r})"
    if isinstance(curve, Polynomial) and curve.k == 1.0 and end == 0 and whole:
        return f"PolynomialLR(optimizer, total_iters={length}, power={curve.power!r})"
    if isinstance(curve, Exponential) and end == 0:
        if not curve.staircase and curve.steps == 1:
            return f"ExponentialLR(optimizer, gamma={curve.rate!r})"
        if curve.staircase and curve.steps == int(curve.steps):
            return f"StepLR(optimizer, step_size={int(curve.steps)}, gamma={curve.rate!r})"
    return None


def _fitted(asked: Outline) -> Iterator[str]:
    """A warm-up, perhaps a plateau, and a descent of the run's own lengths and floors."""
    factors, total, peak = asked.factors, asked.total, asked.peak
    at_peak = [position for position in range(total) if factors[position] >= 1 - 1e-9]
    if not at_peak:
        return
    first, last = at_peak[0], at_peak[-1]
    floors = [floor for floor in asked.floors if floor < 1]
    for begin in dict.fromkeys((last, first, max(0, last - 1))):
        # Frameworks differ by an update in where the end falls: try both.
        for length in range(max(1, total - begin - 1), total - begin + 1):
            descents = [f"CosineAnnealingLR(optimizer, T_max={length}, eta_min={floor * peak!r})" for floor in floors]
            descents += [f"LinearLR(optimizer, 1.0, {floor!r}, total_iters={length})" for floor in floors]
            # Beside its own: the two that nearly any decay is near.
            powers = asked.option("power", 2.0, 0.5)
            descents += [f"PolynomialLR(optimizer, total_iters={length}, power={power!r})" for power in powers]
            # The inverse square root, which torch has no class for.
            descents += [f"LambdaLR(optimizer, lambda n: (1 + n / {max(1, begin)}) ** -0.5)"]
            for descent in descents:
                yield _with_warmup(float(factors[0]), first, begin, descent)


def _with_warmup(start: float, first: int, begin: int, descent: str) -> str:
    parts: list[str] = []
    borders: list[int] = []
    if first:
        parts.append(_line(Phase(curve=Linear(), length=first, start=start, end=1.0)))
        borders.append(first)
    if begin > first:
        parts.append(_held(1.0))
        borders.append(begin)
    return _in_a_row([*parts, descent], borders) if parts else descent


# The dialect.


def matches(config: Any) -> int:
    """3 for a state or a class of torch's, 2 for code that calls one."""
    if isinstance(config, Mapping):
        state, _unused = _state_of(config)
        return 3 if state is not None or _spelled_class(config) in CLASSES else 0
    if isinstance(config, str):
        return 2 if re.search(rf"\b({'|'.join(CLASSES)})\s*\(", config) else 0
    return 0


def _state(position: int = 40, **fields: Any) -> dict[str, Any]:
    return {**fields, "base_lrs": [0.1], "last_epoch": position}


# Code with an lr needs the run's length alone; without one it needs the peak too.
_CONTEXT = {"total": 100}
_BASE = {"total": 100, "peak": 0.1}
DIALECT = Dialect(
    name="torch",
    title="torch.optim.lr_scheduler",
    source="torch 2.13",
    convention=_("update n uses the value of last_epoch = n; an end value falls on update T_max or total_iters"),
    read=read,
    matches=matches,
    examples=(
        Example("CosineAnnealingLR", "CosineAnnealingLR(optimizer, T_max=100, eta_min=1e-6)", _BASE),
        Example(
            "SequentialLR",
            "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)\n"
            "warmup = LinearLR(optimizer, start_factor=0.1, total_iters=10)\n"
            "decay = CosineAnnealingLR(optimizer, T_max=90)\n"
            "scheduler = SequentialLR(optimizer, [warmup, decay], milestones=[10])",
            _CONTEXT,
        ),
        Example("LinearLR", {"class": "LinearLR", "start_factor": 0.25, "total_iters": 20}, _CONTEXT),
        Example("ConstantLR", {"class": "ConstantLR", "factor": 0.5, "total_iters": 20}, _CONTEXT),
        Example("PolynomialLR", "PolynomialLR(optimizer, total_iters=100, power=2.0)", _CONTEXT),
        Example("ExponentialLR", "ExponentialLR(optimizer, gamma=0.98)", _CONTEXT),
        Example("StepLR", "StepLR(optimizer, step_size=30, gamma=0.1)", _CONTEXT),
        Example("MultiStepLR", "MultiStepLR(optimizer, milestones=[50, 80], gamma=0.1)", _CONTEXT),
        Example("CyclicLR", "CyclicLR(optimizer, base_lr=0.01, max_lr=0.1, step_size_up=10)", _CONTEXT),
        Example("CosineAnnealingWarmRestarts", "CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=2)", _CONTEXT),
        Example("OneCycleLR", "OneCycleLR(optimizer, max_lr=0.1, total_steps=100)", _CONTEXT),
        Example(
            "ChainedScheduler", "ChainedScheduler([LinearLR(optimizer, 0.1, 1.0, 10), StepLR(optimizer, 40)])", _BASE
        ),
        Example("LambdaLR", "LambdaLR(optimizer, lambda n: (1 + n / 100) ** -0.5)", _CONTEXT),
        Example(_("state of CosineAnnealingLR"), _state(T_max=100, eta_min=0.001), _CONTEXT),
    ),
    write=write,
)
