"""DeepSpeed's ``scheduler`` section, alone or in a whole ds_config.

Step     the constructor writes the floor and the first step() brings index 0, the floor again: the first two updates
         of every warm-up run at its start, and update n stands at index n - 1. OneCycle and LRRangeTest are on time.
Warm-up  linear: index / W. log, the default: ln(index + 1) / ln(W). Of warmup_num_steps (1000) at least 2 are taken.
Fields   WarmupLR: warmup_min_lr (0), warmup_max_lr (the optimizer's lr), warmup_num_steps, warmup_type.
         WarmupDecayLR: the same and total_num_steps; warmup_max_lr is 0.001 unless given, whatever the optimizer says.
         WarmupCosineLR: total_num_steps, warmup_min_ratio (0), warmup_num_steps, cos_min_ratio (1e-4), warmup_type;
         ratios of the optimizer's lr, and update 0 runs at 0 whatever the first of them.
         OneCycle: cycle_min_lr, cycle_max_lr, cycle_first_step_size (2000), cycle_second_step_size (the first),
         cycle_first_stair_count (0), cycle_second_stair_count (the first), decay_step_size (0), decay_lr_rate (0),
         cycle_momentum (true), cycle_min_mom (0.8), cycle_max_mom (0.9), decay_mom_rate (0).
         LRRangeTest: lr_range_test_min_lr (0.001), _step_size (2000), _step_rate (1), _staircase (false).
"auto"   as transformers fills it: warmup_min_lr 0, warmup_max_lr the learning rate, warmup_num_steps max(1, warm-up),
         total_num_steps the updates of the run.
Ends     WarmupDecayLR reaches warmup_min_lr, WarmupCosineLR its floor, one update after the last, and stay there.
Read     DeepSpeed 0.19.8, runtime/lr_schedules.py and engine.py; transformers 5.23, integrations/deepspeed.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported, Outline
from preheat.dialects.fields import Fields
from preheat.dialects.phases import Phases, hold, warm_up
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Cosine, Linear, Logarithmic, PowerLaw

_AUTO = ("warmup_min_lr", "warmup_max_lr", "warmup_num_steps", "total_num_steps")
# Without betas in their defaults, where DeepSpeed leaves the momentum alone.
_WITHOUT_BETAS = ("SGD", "RMSprop", "Adagrad", "Adadelta", "ASGD", "Rprop")
_MANY = 10_000  # stairs a schedule may have


def read(fields: Fields, context: Context) -> Imported:
    """A ds_config or its scheduler section as a schedule."""
    section = fields.section("scheduler") if "scheduler" in fields else fields
    optimizer = fields.section("optimizer", {})
    name = section.word("type", _READERS)
    own = optimizer.section("params", {})
    # transformers fills it in too: then it is what the caller says.
    lr = None if own.value("lr", None) == "auto" else own.rate("lr", None)
    params = _filled(section.section("params", {}), lr, context)
    section.finish()
    notes: list[str] = []
    schedule, base = _READERS[name](_Section(params, lr, context, notes))
    params.refuse("last_batch_iteration", why=_("A schedule starts at its beginning."), unless=(-1,))
    also: dict[str, Schedule] = {}
    # Without a type the optimizer is the script's own, Adam in most.
    if name == "OneCycle" and optimizer.value("type", None) not in _WITHOUT_BETAS:
        mirrored, largest = _momentum(params)
        if mirrored is not None:
            also = {"betas[0]": mirrored}
            notes.append(
                _(
                    "betas[0] refers to cycle_max_mom={largest}: the optimizer needs that, and betas[1] = 0.99",
                    largest=largest,
                )
            )
    params.finish()
    return Imported(schedule, base, tuple(notes), total=context.told, also=also)


def _filled(params: Fields, lr: float | None, context: Context) -> Fields:
    """``params`` with what transformers writes for ``"auto"``."""
    values = dict(params.raw)
    # transformers fills in the four of _AUTO and no other: DeepSpeed gets the rest as the word.
    for name in [name for name, value in values.items() if value == "auto"]:
        path = params.path(name)
        if name == "warmup_min_lr":
            values[name] = 0.0
        elif name == "warmup_max_lr":
            values[name] = context.known_rate(path, lr, _('it is "auto"'))
        elif name == "total_num_steps":
            values[name] = context.updates(path)
        elif name == "warmup_num_steps" and context.warmup is not None:
            values[name] = max(1, context.warmup)
        elif name == "warmup_num_steps":
            raise params.refusal(name, _("a number, or the warm-up given"), _("Give warmup= (--warmup)."))
        else:
            raise params.refusal(name, _("a number"), _("transformers does not fill this one."))
    return Fields(values, params.where)


@dataclass(frozen=True, slots=True)
class _Section:
    """A scheduler's params, the optimizer's lr, what the caller says, and what is to be said."""

    params: Fields
    lr: float | None
    context: Context
    notes: list[str]


_Read = tuple[Schedule, float | None]  # a schedule and the rate it refers to


# Warm-ups, by index: all of them stand one update late.


def _warmup(section: _Section) -> _Read:
    peak, start = _rates(section, default=None)
    return _late((*_warm_up(section, _length(section), start), hold(None))), peak


def _decay(section: _Section) -> _Read:
    peak, start = _rates(section, default=0.001)
    warmup, total = _lengths(section)
    descent = Phase(curve=Linear(), length=total - warmup, start=1.0, end=start)
    return _late((*_warm_up(section, warmup, start), descent)), peak


def _cosine(section: _Section) -> _Read:
    base = section.context.rate("optimizer.params.lr", section.lr)
    if section.lr is None:
        if base is None:
            section.notes.append(_("the ratios are of the optimizer's lr"))
        else:
            section.notes.append(_("the ratios are of the optimizer's lr, which has to be {base}", base=base))
    params = section.params
    start = params.number("warmup_min_ratio", 0.0, low=0.0, high=1.0)
    floor = params.number("cos_min_ratio", 1e-4, low=0.0, high=1.0)
    warmup, total = _lengths(section)
    descent = Phase(curve=Cosine(), length=total - warmup, start=1.0, end=floor, skip=1)
    phases = (*_warm_up(section, warmup, start), descent)
    if not start:
        return _late(phases), base
    # The constructor writes 0, whatever warmup_min_ratio is: one update at 0, then the phases by index, not late.
    return PhaseSchedule((Phase(curve=Linear(), length=1, start=0.0, end=start), *phases)), base


def _rates(section: _Section, default: float | None) -> tuple[float | None, float]:
    """The peak, and the share of it that the warm-up starts from."""
    params, lr = section.params, section.lr
    own = params.rate("warmup_max_lr", None)
    # Left out, it is DeepSpeed's own 0.001; null, it is the optimizer's lr.
    if own is None and default is not None and "warmup_max_lr" not in params.raw:
        own = default
        section.notes.append(_("warmup_max_lr is left at DeepSpeed's own {default}", default=default))
    _overridden(section, "warmup_max_lr", own)
    peak = section.context.rate(params.path("warmup_max_lr"), lr if own is None else own)
    return peak, params.share("warmup_min_lr", peak)


def _overridden(section: _Section, name: str, own: float | None) -> None:
    if own is not None and section.lr is not None and own != section.lr:
        section.notes.append(
            _("{name}={own} is what trains: the optimizer's lr={lr} is overridden", name=name, own=own, lr=section.lr)
        )


def _lengths(section: _Section) -> tuple[int, int]:
    warmup, params = _length(section), section.params
    own = params.count("total_num_steps", None, low=1)
    total = section.context.shaped(params.path("total_num_steps"), own, section.notes)
    if warmup >= total:
        advice = _("The peak would never be used: shorten the warm-up or plan more updates.")
        raise params.refusal("warmup_num_steps", _("below {total} updates", total=total), advice)
    return warmup, total


def _length(section: _Section) -> int:
    given: int = section.params.count("warmup_num_steps", 1000, low=1)
    if given < 2:
        section.notes.append(_("warmup_num_steps=1 is 2 to DeepSpeed"))
    # ln(1) = 0 would divide, so DeepSpeed takes 2.
    return max(2, given)


def _warm_up(section: _Section, warmup: int, start: float) -> Phases:
    """Indices 0 to W - 1."""
    kind = section.params.text("warmup_type", "log")
    # DeepSpeed warns in its log and goes on.
    if kind not in ("log", "linear"):
        section.notes.append(
            _("warmup_type={kind!r} is unknown to DeepSpeed, which warms up along the logarithm", kind=kind)
        )
    return warm_up(warmup, start) if kind == "linear" else (*warm_up(warmup - 1, start, Logarithmic()), hold(1))


def _late(phases: Phases) -> Schedule:
    """Phases by index: update 0 has its value already, so update 1 runs at the same."""
    # The constructor brings index 0, and so does the first step().
    return PhaseSchedule(phases).shift(-1)


# OneCycle, up and down in a line or in stairs, for the rate and, mirrored, for the momentum; and the range test.


def _one_cycle(section: _Section) -> _Read:
    params = section.params
    peak = section.context.rate(params.path("cycle_max_lr"), params.rate("cycle_max_lr"))
    _overridden(section, "cycle_max_lr", peak)
    params.value("cycle_min_lr")
    low = params.share("cycle_min_lr", peak)
    rate, every = params.number("decay_lr_rate", 0.0, low=0.0), params.number("decay_step_size", 0, low=0.0)
    after = (Phase(curve=PowerLaw(1.0, every / rate), length=None, start=low),) if rate and every else ()
    return PhaseSchedule((*_cycle(params, low, 1.0), *after)), peak


def _cycle(params: Fields, rest: float, top: float) -> Phases:
    """From ``rest`` to ``top`` and back, in a line or in stairs; update n stands at n."""
    up = params.count("cycle_first_step_size", 2000, low=1)
    down = params.count("cycle_second_step_size", up, low=1)
    first = params.count("cycle_first_stair_count", 0)
    second = params.count("cycle_second_stair_count", first)
    rise: Phases = (Phase(curve=Linear(), length=up, start=rest, end=top),)
    fall: Phases = (Phase(curve=Linear(), length=down, start=top, end=rest),)
    if first:
        rise = tuple(_stairs(params, "cycle_first_stair_count", up, first, rest, top))
    if second:
        # The stairs of the way down are those of the way up, backwards: the top is used once, the last step a little
        # shorter.
        stairs = [*_stairs(params, "cycle_second_stair_count", down, second, rest, top)]
        shorter = hold(stairs[0].length - 1, rest)  # type: ignore[operator]
        fall = (hold(1, top), *reversed(stairs[1:]), shorter)
    return (*rise, *fall)


def _stairs(params: Fields, name: str, updates: int, stairs: int, rest: float, top: float) -> Iterator[Phase]:
    """Step k of so many, at rest + (top - rest) k / stairs."""
    if stairs > min(updates, _MANY):
        raise params.refusal(name, _("at most {most}", most=min(updates, _MANY)), _("0 makes it smooth."))
    # The first update of each stair, rounded up as floor(n stairs / updates) is.
    borders = [-(-step * updates // stairs) for step in range(stairs + 1)]
    for step, (begin, end) in enumerate(pairwise(borders)):
        yield hold(end - begin, rest + (top - rest) * step / stairs)


def _momentum(params: Fields) -> tuple[Schedule | None, float]:
    """The mirrored cycle of betas[0] (None where it is off), and cycle_max_mom, of which it is a share.

    The constructor starts it at the wrong end: update 0 runs at cycle_min_mom.
    """
    largest = params.number("cycle_max_mom", 0.9, low=0.0, high=1.0)
    smallest = params.number("cycle_min_mom", 0.8, low=0.0, high=1.0)
    # Either at 0 turns it off.
    growing = params.number("decay_mom_rate", 0.0) and params.number("decay_step_size", 0)
    if not params.flag("cycle_momentum", True):
        return None, largest
    if growing:
        raise params.refusal("decay_mom_rate", _("0"), _("The momentum would grow without end."))
    if largest == 0 or smallest > largest:
        raise params.refusal(
            "cycle_min_mom", _("at most cycle_max_mom={largest}, above 0", largest=largest), _("Lower it.")
        )
    low = smallest / largest
    return PhaseSchedule((hold(1, low), PhaseSchedule(_cycle(params, 1.0, low)).shift(1))), largest


def _range_test(section: _Section) -> _Read:
    params, context = section.params, section.context
    total = context.updates("total")
    lowest = params.rate("lr_range_test_min_lr", 1e-3)
    size = params.count("lr_range_test_step_size", 2000, low=1)
    rate = params.number("lr_range_test_step_rate", 1.0, low=0.0)
    stepped = params.flag("lr_range_test_staircase")
    # What the last update stands at, or the line's end one after it: the highest rate, which factors are shares of.
    steps = (total - 1) // size if stepped else total / size
    top = 1.0 + rate * steps
    section.notes.append(_("the rate would go on rising: here it is held after {total} updates", total=total))
    base = context.rate(_("the last rate of the range test"), lowest * top)
    if not stepped:
        return PhaseSchedule((Phase(curve=Linear(), length=total, start=1.0 / top, end=1.0),)), base
    if steps > _MANY:
        raise params.refusal(
            "lr_range_test_step_size", _("at least {least}", least=-(-total // _MANY)), _("It makes too many steps.")
        )
    return PhaseSchedule(tuple(hold(size, (1.0 + rate * step) / top) for step in range(int(steps) + 1))), base


_READERS: dict[str, Callable[[_Section], _Read]] = {
    "WarmupLR": _warmup,
    "WarmupDecayLR": _decay,
    "WarmupCosineLR": _cosine,
    "OneCycle": _one_cycle,
    "LRRangeTest": _range_test,
}


# Writing.


def write(asked: Outline) -> Iterator[dict[str, Any]]:
    """Every scheduler type with the lengths, floors and rates of the outline."""
    for name, params in (*_warmups(asked), *_cycles(asked), *_range_tests(asked)):
        yield {"scheduler": {"type": name, "params": params}}


def _warmups(asked: Outline) -> Iterator[tuple[str, dict[str, Any]]]:
    # DeepSpeed's warm-ups stand one update late, so one that is an update shorter is nearer.
    lengths = sorted({max(2, length) for warmup in asked.warmups for length in (warmup, warmup - 1)})
    for warmup, kind in product(lengths, ("linear", "log")):
        warmup_fields = {"warmup_num_steps": warmup, "warmup_type": kind}
        totals = [{"total_num_steps": total} for total in (asked.total, asked.total - 1)]
        for low in dict.fromkeys((*asked.starts, *asked.floors)):
            rates = {"warmup_min_lr": low * asked.peak, "warmup_max_lr": asked.peak, **warmup_fields}
            yield "WarmupLR", rates
            yield from (("WarmupDecayLR", {**rates, **total}) for total in totals)
        for start, floor, total in product(asked.starts, asked.floors, totals):
            yield "WarmupCosineLR", {"warmup_min_ratio": start, "cos_min_ratio": floor, **warmup_fields, **total}


def _cycles(asked: Outline) -> Iterator[tuple[str, dict[str, Any]]]:
    for up in asked.warmups:
        for down in (asked.total - up, *asked.decays):
            arrived = float(asked.factors[min(up + down, asked.total)])
            for rest in dict.fromkeys((arrived, *asked.floors)):
                rates = {"cycle_min_lr": rest * asked.peak, "cycle_max_lr": asked.peak, "cycle_momentum": False}
                params = {**rates, "cycle_first_step_size": up, "cycle_second_step_size": down}
                yield "OneCycle", params
                for timescale in asked.option("timescale"):
                    yield "OneCycle", {**params, "decay_lr_rate": 1.0, "decay_step_size": timescale}


def _range_tests(asked: Outline) -> Iterator[tuple[str, dict[str, Any]]]:
    low = float(asked.factors[0]) * asked.peak
    if low <= 0:
        return
    params = {"lr_range_test_min_lr": low, "lr_range_test_step_size": asked.total}
    yield "LRRangeTest", {**params, "lr_range_test_step_rate": asked.peak / low - 1.0}
    for size in asked.decays:
        rate = float(asked.factors[min(size, asked.total)]) * asked.peak / low - 1.0
        params = {"lr_range_test_min_lr": low, "lr_range_test_step_size": size, "lr_range_test_step_rate": rate}
        yield "LRRangeTest", {**params, "lr_range_test_staircase": True}


# The dialect.


def matches(config: Any) -> int:
    """3 for one of its own scheduler names, 2 for a scheduler of type and params under another name."""
    section = config.get("scheduler", config) if isinstance(config, Mapping) else None
    if not isinstance(section, Mapping) or "type" not in section:
        return 0
    if section["type"] in tuple(_READERS) and (section is not config or "params" in config):
        return 3
    return 2 * int(section is not config and {*section} <= {"type", "params"})


def _example(name: str, params: Mapping[str, Any], **context: Any) -> Example:
    config: dict[str, Any] = {"scheduler": {"type": name, "params": params}}
    if name == "WarmupCosineLR":
        config["optimizer"] = {"type": "AdamW", "params": {"lr": 1e-3}}
    return Example(name, config, context or {"total": 100})


_WARMUP = {"warmup_num_steps": 10, "warmup_type": "linear"}
_CYCLE = {"cycle_min_lr": 1e-4, "cycle_max_lr": 1e-3, "cycle_first_step_size": 10, "cycle_second_step_size": 60}
_RANGE = {"lr_range_test_min_lr": 1e-5, "lr_range_test_step_size": 10}
DIALECT = Dialect(
    name="deepspeed",
    title="DeepSpeed ds_config",
    source="DeepSpeed 0.19.8",
    convention=_("warm-ups stand one update late: updates 0 and 1 run at the start, update n at index n - 1"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        _example("WarmupLR", {"warmup_max_lr": 1e-3, "warmup_num_steps": 10}),
        _example("WarmupLR", {"warmup_max_lr": 1e-3, **_WARMUP}),
        _example("WarmupDecayLR", {"warmup_max_lr": 1e-3, "total_num_steps": 100, **_WARMUP}),
        _example("WarmupDecayLR", dict.fromkeys(_AUTO, "auto"), total=100, peak=1e-3, warmup=10),
        _example("WarmupCosineLR", {"total_num_steps": 100, **_WARMUP}),
        _example("OneCycle", {**_CYCLE, "decay_step_size": 10, "decay_lr_rate": 0.5}),
        _example("LRRangeTest", _RANGE),
        _example("LRRangeTest", {**_RANGE, "lr_range_test_staircase": True}),
    ),
    write=write,
)
