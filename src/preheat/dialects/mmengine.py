"""mmengine (mmdetection, mmpretrain, ...): ``param_scheduler`` lists.

Shape    a list of ``dict(type='LinearLR', ...)``, or a configuration that has it as ``param_scheduler``, with
         ``optim_wrapper.optimizer`` (lr) and ``train_cfg`` (max_epochs or max_iters); as data or as Python text.
Types    ConstantLR (factor 1/3), LinearLR (start_factor 1/3, end_factor 1), ExponentialLR (gamma), StepLR (step_size,
         gamma 0.1), MultiStepLR (milestones, gamma 0.1), CosineAnnealingLR (T_max = end - begin, eta_min 0 or
         eta_min_ratio), PolyLR (eta_min 0, power 1), CosineRestartLR (periods, restart_weights, eta_min or
         eta_min_ratio), OneCycleLR (eta_max, total_steps = end - begin, pct_start 0.3, anneal_strategy cos, div_factor
         25, final_div_factor 1e4, three_phase); each with by_epoch (True), begin (0), end (of the run) and
         convert_to_iter_based. ``...Momentum`` drives the momentum, ``...ParamScheduler`` its param_name.
Step     a scheduler moves at every update from ``begin`` to ``end - 1``, by_epoch at every epoch (then the rate is a
         staircase). LinearLR and PolyLR arrive at their last step, end - 1; ConstantLR is back at 1 there;
         CosineAnnealingLR would arrive at T_max, one after it.
Several  each multiplies what the others left, so one may warm up what another decays. One with a floor, and the
         restarts, have to have the rate to themselves while they move; OneCycleLR for the whole run.
Ends     what a scheduler has reached at end - 1 stays. CosineAnnealingLR rises again past T_max: here it holds.
Read     mmengine 0.10.7: optim/scheduler/*.py, runner/runner.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.loading import assigned_in, run_of_calls
from preheat.dialects.phases import hold, plateaus
from preheat.errors import ConfigError, refusal
from preheat.messages import _
from preheat.schedule import Phase, Schedule, get_schedule
from preheat.schedule.combine import Product
from preheat.schedule.curves import Cosine, Curve, Exponential, Linear, OneMinusPower, Polynomial
from preheat.schedule.sequence import PhaseSchedule

_TYPE = re.compile(r"(\w+?)(LR|Momentum|ParamScheduler)")
_COMMON = ("type", "by_epoch", "begin", "end", "convert_to_iter_based", "last_step", "verbose", "param_name")
# One phase for each: longer rows are slow to make and nothing to read.
_MOST = 10_000  # steps of a by_epoch staircase


def read(config: Fields | Any, context: Context) -> Imported:
    """A param_scheduler list, or a configuration that has one."""
    data = _parsed(config) if isinstance(config, str) else config.raw if isinstance(config, Fields) else config
    entries, whole = _entries(data)
    wrapper = Fields(whole, "").section("optim_wrapper", {})
    optimizer = wrapper.section("optimizer", {})
    run = _run(Fields(whole).section("train_cfg", {}), context)
    own = optimizer.rate("lr", None)
    base = context.rate("optim_wrapper.optimizer.lr", own)
    schedulers = [_scheduler(entry, index, run) for index, entry in enumerate(entries)]
    driven = {"lr": [one for one in schedulers if one.drives == "lr"]}
    if not driven["lr"]:
        raise ConfigError(refusal("param_scheduler", _("a list with one for the rate"), entries, _("Give a ...LR.")))
    for one in schedulers:
        if one.drives != "lr":
            driven.setdefault(_key(one.drives, optimizer), []).append(one)
    # It writes rates of its own, whatever the optimizer has.
    if driven["lr"][0].kind == "OneCycle":
        base = driven["lr"][0].fields.rate("eta_max")
    schedules = {key: _together(those, _value(key, base, optimizer)) for key, those in driven.items()}
    return Imported(schedules.pop("lr"), base, tuple(dict.fromkeys(run.notes)), total=run.updates, also=schedules)


def _parsed(text: str) -> Any:
    """Python text: what it assigns, or the list that it is."""
    assigned = assigned_in(text)
    if "param_scheduler" in assigned:
        return assigned
    values = run_of_calls(text)
    return values[-1] if values else None


def _entries(data: Any) -> tuple[list[Any], Mapping[str, Any]]:
    whole = data if isinstance(data, Mapping) and "param_scheduler" in data else {}
    entries = whole["param_scheduler"] if whole else data
    if isinstance(entries, Mapping):
        entries = [entries]
    if not isinstance(entries, (list, tuple)) or not entries:
        raise ConfigError(
            refusal("param_scheduler", _("a list of schedulers"), entries, _("Each is a dict with a type."))
        )
    return list(entries), whole


def _run(train: Fields, context: Context) -> _Run:
    epochs, iters = train.count("max_epochs", None, low=1), train.count("max_iters", None, low=1)
    told = context.total if context.plan is None else context.plan.updates
    run = _Run(context, told, epochs, [])
    if iters is not None:
        run.updates = context.updates("train_cfg.max_iters", iters)
    elif epochs is not None and (context.updates_per_epoch is not None or context.plan is not None):
        run.updates = context.updates("train_cfg.max_epochs", epochs * run.epoch())
    return run


@dataclass(slots=True)
class _Run:
    """What schedulers are read with: the run's length in updates and epochs, and how long an epoch is."""

    context: Context
    updates: int | None
    epochs: int | None
    notes: list[str]

    def epoch(self) -> int:
        """Updates of an epoch."""
        each = self.context.per("epoch", "by_epoch")
        if each != int(each):
            raise ConfigError(refusal("by_epoch", _("off, or epochs of whole updates"), each, _("Round it.")))
        return int(each)


# An entry of the list.


@dataclass(frozen=True, slots=True)
class _Scheduler:
    """One entry of the list.

    Attributes:
        kind: its type without the ending.
        drives: the number it moves: ``lr``, ``momentum`` or another of the group.
        fields: its fields, counts of epochs turned into updates where it is converted.
        begin: the first step it moves at.
        end: the step after the last; None if nobody says.
        unit: updates a step takes.
        notes: what the reader should know.
        base: what the number is before anybody moves it, if known.
        reached: the share of it that the others have reached when this one begins.
    """

    kind: str
    drives: str
    fields: Fields
    begin: int
    end: int | None
    unit: int
    notes: list[str]
    base: float | None = None
    reached: float = 1.0

    @property
    def steps(self) -> int:
        """Steps it moves."""
        if self.end is None:
            advice = _("Say where it ends, or how long the run is (total=).")
            raise self.fields.refusal("end", _("known for {scheduler}", scheduler=self.kind), advice)
        return self.end - self.begin


def _scheduler(entry: Any, index: int, run: _Run) -> _Scheduler:
    where = f"param_scheduler[{index}]"
    fields = Fields(entry, where)
    name = fields.word("type", _NAMES)
    match = _TYPE.fullmatch(name)
    assert match is not None
    kind = match[1]
    if kind == "ReduceOnPlateau":
        raise fields.refusal("type", _("a function of the update"), _("Multiply by preheat.plateau() instead."))
    drives = "lr" if match[2] == "LR" else "momentum" if match[2] == "Momentum" else fields.text("param_name")
    by_epoch, convert = fields.flag("by_epoch", True), fields.flag("convert_to_iter_based")
    fields.refuse("last_step", why=_("It is for going on from a state."), unless=(-1,))
    fields.value("verbose", None)
    if convert and not by_epoch:
        raise fields.refusal("convert_to_iter_based", _("left out without by_epoch"), _("mmengine refuses it too."))
    times = run.epoch() if convert else 1
    unit = run.epoch() if by_epoch and not convert else 1
    begin = fields.number("begin", 0, low=0.0)
    end = fields.number("end", None, low=0.0)
    # mmengine's own default end is INF = 1e9.
    if end is None or end >= 10**9:
        end = _end_of_run(run, by_epoch)
    if not convert:
        begin = fields.count("begin", 0)
        end = end if end is None else int(end)
    # In epochs, converted, begin and end may have parts: mmengine cuts the product.
    first, last = int(begin * times), None if end is None else int(end * times)
    if last is not None and last <= first:
        raise fields.refusal("end", _("above begin={begin}", begin=begin), _("It moves in between."))
    return _Scheduler(kind, drives, _stretched(fields, times), first, last, unit, run.notes)


def _end_of_run(run: _Run, by_epoch: bool) -> int | None:
    """Where the runner lets a scheduler end that does not say it."""
    if not by_epoch:
        return run.updates
    if run.epochs is None and run.updates is not None:
        return -(-run.updates // run.epoch())
    return run.epochs


def _stretched(fields: Fields, times: int) -> Fields:
    """The fields that count epochs in updates, where they are converted."""
    if times == 1:
        return fields
    values = {str(name): value for name, value in fields.raw.items()}
    for name in ("T_max", "step_size", "total_steps"):
        if values.get(name) is not None:
            values[name] = fields.number(name, low=0.0) * times
    for name in ("milestones", "periods"):
        if values.get(name) is not None:
            values[name] = [at * times for at in fields.numbers(name, low=0.0)]
    return Fields(values, fields.where)


# Several entries that move one number.


def _together(schedulers: list[_Scheduler], base: float | None) -> Schedule:
    """The product of all, each as 1 before it begins and as it is left after its end."""
    if len(schedulers) > 1 and any(one.kind == "OneCycle" for one in schedulers):
        fields = next(one.fields for one in schedulers if one.kind == "OneCycle")
        raise fields.refusal("type", _("the only scheduler of its number"), _("OneCycleLR writes rates of its own."))
    placed: dict[int, Schedule] = {}
    # First those that multiply, which the order of the list does not change; then those that depend on what the
    # others have reached.
    multiplying = [index for index, one in enumerate(schedulers) if not _has_level(one)]
    levelled = [index for index in range(len(schedulers)) if index not in multiplying]
    for index in multiplying:
        placed[index] = _placed(schedulers[index], 1.0, base)
    for index in sorted(levelled, key=lambda place: schedulers[place].begin * schedulers[place].unit):
        one = schedulers[index]
        others = list(placed.values())
        at, until = one.begin * one.unit, (one.begin + one.steps) * one.unit
        reached = _product(others, at)
        # A cosine with a floor pulls from wherever the rate stands: exact only while nobody else moves it.
        if any(_product(others, position) != reached for position in _probes(others, at, until)):
            advice = _("With a floor its way depends on what the others do: let one end before the other begins.")
            raise one.fields.refusal("begin", _("outside of what other schedulers move in"), advice)
        if not reached:
            raise one.fields.refusal(
                "begin", _("where something is left of the rate"), _("The others have brought it to 0.")
            )
        placed[index] = _placed(one, reached, base)
    parts = [placed[index] for index in range(len(schedulers))]
    return parts[0] if len(parts) == 1 else Product(tuple(parts))


def _product(schedules: list[Schedule], position: int) -> float:
    value = 1.0
    for schedule in schedules:
        value *= schedule(position)
    return value


def _probes(schedules: list[Schedule], begin: int, end: int) -> list[int]:
    """Places where schedules of phases would show that they move between two updates."""
    borders = [int(border) for schedule in schedules for border in schedule.borders]
    # Phases change only at their borders: an update to each side, and the middle, shows any that moves.
    near = {at + off for at in (begin, end - 1, *borders) for off in (-1, 0, 1)}
    return sorted(at for at in near | {(begin + end) // 2} if begin <= at < end)


def _has_level(one: _Scheduler) -> bool:
    """Whether it moves toward a value of its own instead of multiplying what it finds."""
    if one.kind in ("CosineRestart", "OneCycle"):
        return True
    if one.kind not in ("CosineAnnealing", "Poly"):
        return False
    return any(one.fields.number(name, None, low=0.0) for name in ("eta_min", "eta_min_ratio"))


def _placed(one: _Scheduler, reached: float, base: float | None) -> Schedule:
    """A scheduler in the run: 1 until it begins, its last value after its end."""
    shape = _SHAPES[one.kind](replace(one, reached=reached, base=base))
    for common in _COMMON:
        one.fields.value(common, None)
    one.fields.finish()
    if one.unit > 1:
        if one.begin + one.steps > _MOST:
            raise one.fields.refusal("end", _("at most {most} epochs", most=_MOST), _("Each is laid out."))
        before = [1.0] * one.begin
        return plateaus([*before, *(shape(min(step, one.steps - 1)) for step in range(one.steps))], one.unit)
    if one.end is not None:
        # Its last step is end - 1, and what it has reached there stays.
        shape = shape.until(one.end - one.begin - 1) if shape.horizon != one.end - one.begin - 1 else shape
    return PhaseSchedule((hold(one.begin), shape)) if one.begin else shape


def _key(drives: str, optimizer: Fields) -> str:
    """What the number is called in a torch group: Adam's momentum is the first of its betas."""
    if drives != "momentum":
        return drives
    kind = str(optimizer.value("type", "")).lower()
    # mmengine looks for betas in the group first, as Adam and Lion have them, then for momentum.
    return "betas[0]" if "adam" in kind or "lion" in kind or "betas" in optimizer else "momentum"


def _value(key: str, base: float | None, optimizer: Fields) -> float | None:
    """What the group's number is before anybody moves it."""
    if key == "lr":
        return base
    if key == "betas[0]":
        betas = optimizer.numbers("betas", [0.9, 0.999], low=0.0)
        return float(betas[0]) if betas else None
    value = optimizer.number(key, None, low=0.0)
    return None if value is None else float(value)


# The types as schedules over their own steps.


def _constant(one: _Scheduler) -> Schedule:
    factor = one.fields.number("factor", 1.0 / 3, low=0.0, high=1.0, advice=_("mmengine refuses it too."))
    if factor == 0:
        raise one.fields.refusal("factor", _("> 0"), _("mmengine divides by it at the end."))
    if one.end is None:
        return _row(hold(None, factor))
    # Back at 1 in the last step already, not after it.
    return _row(hold(one.steps - 1, factor), hold(None)) if one.steps > 1 else _row(hold(None, factor))


def _linear(one: _Scheduler) -> Schedule:
    start = one.fields.number("start_factor", 1.0 / 3, low=0.0, high=1.0, advice=_("mmengine refuses it too."))
    end = one.fields.number("end_factor", 1.0, low=0.0, high=1.0, advice=_("mmengine refuses it too."))
    # Its recursive form divides by what it has multiplied with before.
    if start == 0:
        raise one.fields.refusal("start_factor", _("> 0"), _("From 0 mmengine divides by 0 at the second step."))
    if one.steps == 1:
        return _row(hold(None, start))
    return _row(Phase(curve=Linear(), length=one.steps - 1, start=start, end=end))


def _exponential(one: _Scheduler) -> Schedule:
    return _row(Phase(curve=Exponential(_gamma(one.fields)), length=None, start=1.0))


def _step(one: _Scheduler) -> Schedule:
    curve = Exponential(_gamma(one.fields, 0.1), one.fields.count("step_size", low=1), staircase=True)
    return _row(Phase(curve=curve, length=None, start=1.0))


def _gamma(fields: Fields, *default: float) -> float:
    gamma: float = fields.number("gamma", *default, low=0.0, advice=_("It multiplies the rate."))
    if not 0 < gamma <= 1:
        raise fields.refusal("gamma", _("in (0, 1]"), _("It multiplies the rate."))
    return gamma


def _multistep(one: _Scheduler) -> Schedule:
    gamma = one.fields.number("gamma", 0.1, low=0.0, high=1.0, advice=_("It multiplies the rate."))
    times = Counter(one.fields.numbers("milestones", low=0, whole=True))
    borders = sorted(times)
    powers = [0, *accumulate(times[border] for border in borders)]
    lengths = [after - before for before, after in pairwise([0, *borders])]
    holds = [hold(length, gamma**power) for length, power in zip(lengths, powers, strict=False) if length]
    return _row(*holds, hold(None, gamma ** powers[-1]))


def _cosine(one: _Scheduler) -> Schedule:
    # T_max counts from begin; one after the last step when it is left out, so that the floor is not quite reached.
    length = one.fields.count("T_max", None, low=0) or one.steps
    if one.end is not None and length < one.steps - 1:
        one.notes.append(_("past T_max mmengine's cosine rises again; here the end value is held"))
    return _row(Phase(curve=Cosine(), length=length, start=1.0, end=_floor(one)))


def _floor(one: _Scheduler) -> float:
    """The value it moves to, as a share of what the rate is when it begins."""
    absolute, share = (one.fields.number(name, None, low=0.0) for name in ("eta_min", "eta_min_ratio"))
    if absolute is not None and share is not None:
        raise one.fields.refusal("eta_min_ratio", _("left out beside eta_min"), _("mmengine refuses both."))
    if share is not None:
        return float(share) / one.reached
    if absolute and one.base is None:
        raise one.fields.refusal("eta_min", _("a share of a known rate"), _("Give peak= (--lr) or the optimizer's lr."))
    return float(absolute) / (one.base * one.reached) if absolute and one.base else 0.0


def _poly(one: _Scheduler) -> Schedule:
    power, floor = one.fields.number("power", 1.0), _floor(one)
    if one.steps == 1:
        return _row(hold(None))
    # The formula stays as it is when it rises, where a phase runs its curve backwards.
    curve: Curve = OneMinusPower(power) if floor > 1 else Polynomial(power)
    return _row(Phase(curve=curve, length=one.steps - 1, start=1.0, end=floor))


def _restarts(one: _Scheduler) -> Schedule:
    periods = one.fields.numbers("periods", low=1, whole=True)
    weights = one.fields.numbers("restart_weights", [1], low=0.0)
    if not periods or len(periods) != len(weights):
        raise one.fields.refusal("restart_weights", _("as many as periods"), _("Each period has its own."))
    if "eta_min" not in one.fields and "eta_min_ratio" not in one.fields:
        raise one.fields.refusal(
            "eta_min", _("given, or eta_min_ratio in its place"), _("mmengine asks for one of them.")
        )
    floor = _floor(one)
    # Restarts write base * weight, over whatever the others have reached.
    tops = [weight / one.reached for weight in weights]
    phases = [Phase(curve=Cosine(), length=n, start=top, end=floor) for n, top in zip(periods, tops, strict=True)]
    return PhaseSchedule(tuple(phases)).until(sum(periods) - 1)  # the last step of the last period stays


def _one_cycle(one: _Scheduler) -> Schedule:
    fields = one.fields
    total = fields.count("total_steps", None, low=1) or one.steps
    fields.rate("eta_max")
    return get_schedule(
        "one_cycle",
        total=total,
        pct_start=fields.number("pct_start", 0.3, low=0.0, high=1.0),
        div_factor=fields.number("div_factor", 25.0),
        final_div_factor=fields.number("final_div_factor", 1e4),
        shape="linear" if fields.word("anneal_strategy", ("cos", "linear"), "cos") == "linear" else "cosine",
        three_phase=fields.flag("three_phase"),
    )


def _row(*phases: Phase) -> Schedule:
    return PhaseSchedule(phases)


_SHAPES: dict[str, Callable[[_Scheduler], Schedule]] = {
    "Constant": _constant,
    "Linear": _linear,
    "Exponential": _exponential,
    "Step": _step,
    "MultiStep": _multistep,
    "CosineAnnealing": _cosine,
    "Poly": _poly,
    "CosineRestart": _restarts,
    "OneCycle": _one_cycle,
}
_NAMES = tuple(
    f"{kind}{ending}"
    for kind in (*_SHAPES, "ReduceOnPlateau")
    for ending in ("LR", "Momentum", "ParamScheduler")
    if (kind, ending) != ("OneCycle", "Momentum")
)


# The dialect.


def matches(config: Any) -> int:
    """3 for a param_scheduler, or a list of mappings with one of its types; 2 for text that has them."""
    if isinstance(config, str):
        return 2 if re.search(r"\btype\s*=\s*['\"]\w+(LR|Momentum|ParamScheduler)['\"]", config) else 0
    if isinstance(config, Mapping):
        return 3 if "param_scheduler" in config else 0
    entries = config if isinstance(config, list) else []
    types = [entry.get("type") for entry in entries if isinstance(entry, Mapping)]
    return 3 if types and all(name in _NAMES for name in types) else 0


def _entry(name: str, **more: Any) -> dict[str, Any]:
    return {"type": name, "by_epoch": False, "begin": 0, "end": 100, **more}


def _example(name: str, **more: Any) -> Example:
    config = {"param_scheduler": [_entry(name, **more)], "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}}}
    return Example(name, config, {"total": 100})


DIALECT = Dialect(
    name="mmengine",
    title="mmengine param_scheduler",
    source="mmengine 0.10.7",
    convention=_(
        "step n from begin to end - 1: LinearLR and PolyLR arrive at the last one, CosineAnnealingLR after it"
    ),
    read=read,
    matches=matches,
    examples=(
        Example(
            _("LinearLR and CosineAnnealingLR"),
            [
                {"type": "LinearLR", "start_factor": 0.001, "by_epoch": False, "begin": 0, "end": 10},
                {"type": "CosineAnnealingLR", "T_max": 90, "by_epoch": False, "begin": 10, "end": 100},
            ],
            {"total": 100, "peak": 0.1},
        ),
        _example("ConstantLR", end=20),
        _example("ExponentialLR", gamma=0.98),
        _example("StepLR", step_size=30),
        Example(
            "MultiStepLR",
            "param_scheduler = [\n    dict(type='MultiStepLR', begin=0, end=12, by_epoch=True, milestones=[8, 11])]",
            {"total": 120, "updates_per_epoch": 10},
        ),
        _example("PolyLR", eta_min=1e-4, power=0.9),
        _example("CosineRestartLR", periods=[40, 60], restart_weights=[1, 0.5], eta_min=1e-3),
        _example("OneCycleLR", eta_max=0.1),
    ),
)
