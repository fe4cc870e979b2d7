"""Schedules by name: the article's five, transformers' own, the rest of the field's, and a decay along any curve.

Each is a function that builds phases, and its own name is the schedule's: writing it below is all a new name takes.
Counts arrive in updates and checked; a builder checks its own options.

Formulas    k = completed updates, W = warmup, T = total, u = (k - W) / (T - W); ``floor`` is a share of the peak.
Convention  ``transformers``, unless a docstring says otherwise: the warm-up is k / W, so update 0 runs at 0, and the
            end value falls on k = T, one update after the last. ``get_schedule(convention="native")`` turns any over.
Past T      every schedule holds its end value (transformers' cosines rise again: the one difference).
Source      transformers 5.23, ``optimization.py``; the article's five names are those of sentence-transformers. Papers
            and other libraries' differences stand with each schedule, those of a curve with the curve.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

from preheat.errors import ScheduleError, refusal, unknown_name
from preheat.messages import _, joined
from preheat.schedule.base import Schedule
from preheat.schedule.combine import Maximum
from preheat.schedule.curves import (
    CURVE_NAMES,
    Constant,
    Cosine,
    CosineEnvelope,
    CosineRestarts,
    Curve,
    Exponential,
    HalfCosine,
    Linear,
    OneMinusPower,
    Polynomial,
    PowerLaw,
    curve_class,
    curve_options,
    named_curve,
)
from preheat.schedule.lengths import (
    Count,
    Length,
    Timeline,
    as_length,
    choice,
    count,
    in_updates,
    number,
    positive,
    ratio,
)
from preheat.schedule.sequence import Phase, PhaseSchedule
from preheat.schedule.text import parse

BUILDERS: dict[str, Callable[..., PhaseSchedule]] = {}  # transformers' own, by name
LIBRARY: dict[str, Callable[..., Schedule]] = {}  # the rest of the field's

_FLOOR = _("A floor lies between 0 and the peak.")
# Options that are lengths: they may be shares of the run, and have a unit where total is a plan.
_LENGTHS = {
    *("num_decay_steps", "num_stable_steps", "decay", "hold", "period", "up", "down", "cooldown", "anneal", "rewarm")
}
_METRIC_DRIVEN = ("reduce_lr_on_plateau", "greedy")  # names of transformers' that are no function of the update

# --- A schedule for a name --------------------------------------------------------------------------------------------


def get_schedule(
    name: str,
    *,
    warmup: int | float | str | Length = 0,
    total: int | Timeline | None = None,
    lr: float = 1.0,
    convention: str | None = None,
    **options: Any,
) -> Schedule:
    """A schedule by its name, any letter case.

    Args:
        name: one of ``preheat.SCHEDULE_NAMES``: the article's five, transformers' names, the other schedules of
            :mod:`preheat.schedule.named`, or a curve to decay along after the warm-up.
        warmup: its length, in updates (int >= 0), as ``"10%"`` of ``total`` or as a float fraction in (0, 1), rounded
            up, or in another unit (``"2 epochs"``) if total is a plan; 0 means none. At least one update has to
            follow it.
        total: updates of the whole run, >= 1, or a :class:`preheat.Plan`; not needed by schedules without an end.
            Past it every schedule holds its end value.
        lr: the peak learning rate that ``lr_end`` and ``min_lr`` refer to; with 1.0 they are shares of the peak.
        convention: ``"native"`` makes the first update above zero and the last one reach the end value;
            ``"transformers"`` the opposite. None keeps the schedule's own, which is transformers' for nearly all.
        options: the schedule's own. Those of transformers' schedules have its names: ``num_cycles``, ``power``,
            ``lr_end``, ``timescale``, ``min_lr``, ``min_lr_rate``, ``warmup_lr_rate``, ``num_decay_steps``,
            ``num_stable_steps``, ``warmup_type``, ``decay_type``, ``min_lr_ratio``.

    Returns:
        A :class:`Schedule`: completed updates in, share of the peak out. The values of transformers' schedules over
        0..total are transformers'.

    Raises:
        ScheduleError: for an unknown name or option (with the nearest known one) and for every value that cannot be.

    >>> schedule = get_schedule("warmupcosine", warmup=0.1, total=3600)
    >>> schedule(0), schedule(360), schedule(1980)
    (0.0, 1.0, 0.5)
    """
    schedule = build(name, warmup, total, lr=lr, **options)
    return schedule if convention is None else schedule.with_convention(convention)


def read_schedule(
    words: str,
    *,
    warmup: int | float | str | Length | None = None,
    total: int | Timeline | None = None,
    lr: float = 1.0,
    total_name: str = "total",
    **options: Any,
) -> Schedule:
    """The schedule that a command line or a file asks for: a name with its arguments, or a whole text.

    A text says everything itself, so a warm-up or options beside it are refused. ``total_name`` is what messages call
    the run's length.

    >>> read_schedule("warmup 10% > cosine to 0.1", total=100) == read_schedule("warmup 10 > cosine 90 to 0.1")
    True
    """
    if not is_text(words):  # a curve's name alone could be either: it is a schedule's
        return get_schedule(
            words, warmup=0 if warmup is None else warmup, total=total, lr=lr, total_name=total_name, **options
        )
    if warmup is not None:
        advice = _("The text says how it warms up: leave warmup out.")
        raise ScheduleError(refusal("warmup", _("part of {words!r}", words=words), warmup, advice))
    if options:
        raise ScheduleError(
            refusal("options", _("part of {words!r}", words=words), options, _("Write them into the text."))
        )
    return parse(words).over(total)


def is_text(words: Any) -> bool:
    """Whether ``words`` are a whole schedule in words rather than the name of one."""
    return isinstance(words, str) and any(sign in words.strip() for sign in " >(*")


def schedule_name(name: Any) -> str:
    """The name in lower case, and transformers' for one of the article's.

    >>> schedule_name("WarmupLinear")
    'linear'
    """
    key = str.lower(name) if isinstance(name, str) else repr(name)  # an enum member that is a str gives its value
    key = ARTICLE_NAMES.get(key, key)
    if key in _BUILDERS:
        return key
    if key in _METRIC_DRIVEN:
        advice = _("It follows a metric: multiply a schedule by preheat.plateau() or preheat.greedy().")
        raise ScheduleError(refusal("name", _("a schedule that is a function of the update"), name, advice))
    raise ScheduleError(unknown_name("name", _("the name of a schedule"), name, SCHEDULE_NAMES, groups=_GROUPS))


def takes_warmup(name: str) -> bool:
    """Whether the schedule called ``name`` has a warm-up at all (``constant`` has none)."""
    return "warmup" in inspect.signature(_BUILDERS[schedule_name(name)]).parameters


def usual_warmup(name: str, given: Any = None) -> Any:
    """The warm-up of a named schedule where people may leave it out: a tenth of the run; 0 where it has none.

    >>> usual_warmup("cosine"), usual_warmup("cosine", 50), usual_warmup("constant")
    ('10%', 50, 0)
    """
    return 0 if not takes_warmup(name) else "10%" if given is None else given


def refuse_reserved(options: Mapping[str, Any]) -> None:
    """Refuse options, as read from a file or flags, that are arguments of :func:`get_schedule` itself."""
    for name in ("name", "warmup", "total", "total_name", "lr", "convention"):
        if name in options:
            advice = _("{name!r} is an argument of its own: give it there.", name=name)
            raise ScheduleError(refusal("option", _("one of the schedule's own"), name, advice))


def build(
    name: str,
    warmup: int | float | str | Length | None,
    total: Any,
    *,
    lr: float = 1.0,
    whole: bool = True,
    warmup_name: str = "warmup",
    total_name: str = "total",
    **options: Any,
) -> Schedule:
    """:func:`get_schedule` for callers with their own words: checks every argument, then builds.

    ``warmup_name`` and ``total_name`` are what messages call the two; a warm-up of None was forgotten, and is refused
    like any other that is no number. ``whole=False`` takes any float as a count of updates, as transformers does.
    """
    name = schedule_name(name)
    parameters = inspect.signature(_BUILDERS[name]).parameters
    plan = total if hasattr(total, "in_updates") else None  # a Plan, told by what it does: its room is above this one
    total = plan.updates if plan is not None else total
    arguments: dict[str, Any] = {}
    if total is not None:
        total = count(total_name, total, 1, whole=whole)
        if "total" in parameters:
            arguments["total"] = total
    elif "total" in parameters and parameters["total"].default is inspect.Parameter.empty:
        endless = [key for key, make in _BUILDERS.items() if _needs_no_total(make)]
        raise ScheduleError(
            refusal(
                total_name,
                _("given for {name!r}", name=name),
                None,
                _("Without it only these work: {schedules}.", schedules=joined(", ", endless)),
            )
        )
    updates = _updates(warmup_name, warmup, total, plan, whole)
    # transformers takes a warm-up as long as the run: its peak is then a learning rate that no update uses.
    if total is not None and updates > total - 1:
        advice = _(
            "The peak would never be used: no update would come higher than {share:.3g} of it."
            " Shorten the warm-up or plan more updates.",
            share=(total - 1) / updates,
        )
        raise ScheduleError(
            refusal(warmup_name, _("below {total_name}={total}", total_name=total_name, total=total), warmup, advice)
        )
    if "warmup" in parameters:
        arguments["warmup"] = updates
    elif updates:
        if name == "constant":
            advice = _("This schedule has no warm-up: take 'constant_with_warmup', or leave it out.")
        else:
            advice = _("This schedule has a rise of its own: leave the warm-up out.")
        raise ScheduleError(refusal(warmup_name, _("0 for {name!r}", name=name), warmup, advice))
    lr = positive("lr", lr, _("It is the peak learning rate."))
    if "lr" in parameters:
        arguments["lr"] = lr
    _refuse_unknown(name, options, _options_of(name))
    # After the names are known to be right: a misspelled option is named before a length that cannot be.
    for key in _LENGTHS & {key for key, value in options.items() if value is not None}:
        options[key] = _updates(key, options[key], total, plan, whole)
    return _call(name, arguments, options)


def _updates(name: str, value: Any, total: Count | None, plan: Timeline | None, whole: bool) -> Count:
    if not whole:
        return count(name, value, whole=False, advice=_("Give a number of updates."))
    return in_updates(name, as_length(name, value), total, plan)


def _call(name: str, arguments: dict[str, Any], options: dict[str, Any]) -> Schedule:
    # Python's own TypeError would name the builder's function, which the caller never wrote.
    missing = [
        key
        for key, item in inspect.signature(_BUILDERS[name]).parameters.items()
        if item.kind is item.KEYWORD_ONLY and item.default is item.empty and key not in options
    ]
    if missing:
        given = " ".join(f"{key}=10%" if key in _LENGTHS else f"{key}=..." for key in missing)
        advice = _(
            "{name!r} needs {options}. On the command line: --schedule-options {given}",
            name=name,
            options=joined(", ", missing),
            given=given,
        )
        raise ScheduleError(refusal(missing[0], _("given for {name!r}", name=name), None, advice))
    return _BUILDERS[name](**arguments, **options)


def _options_of(name: str) -> list[str]:
    """The options a schedule takes, those of its curve among them."""
    builder = _BUILDERS[name]
    own = [key for key, item in inspect.signature(builder).parameters.items() if item.kind is item.KEYWORD_ONLY]
    return own + curve_options(builder.args[0]) if isinstance(builder, partial) else own


def _needs_no_total(builder: Callable[..., Schedule]) -> bool:
    total = inspect.signature(builder).parameters.get("total")
    endless = not isinstance(builder, partial) or curve_class(builder.args[0]).endless
    return total is not None and total.default is not inspect.Parameter.empty and endless


def _refuse_unknown(name: str, options: dict[str, Any], parameters: list[str]) -> None:
    known = [key for key in parameters if key != "lr"]
    for option in options:
        if option not in known:
            raise ScheduleError(unknown_name("option", _("one that {name!r} takes", name=name), option, known))


# --- What schedules are built of --------------------------------------------------------------------------------------

_Builder = TypeVar("_Builder", bound=Callable[..., Schedule])


def _called(table: dict[str, Any]) -> Callable[[_Builder], _Builder]:
    """Enter a builder under its own name."""

    def enter(builder: _Builder) -> _Builder:
        table[builder.__name__] = builder
        return builder

    return enter


def _warmup(warmup: Count, start: float = 0.0, curve: Curve | None = None) -> tuple[Phase, ...]:
    """The warm-up from ``start`` to the peak; no phase at all when it takes no update."""
    return (Phase(curve=curve or Linear(), length=warmup, start=start, end=1.0),) if warmup else ()


def _stay_at(factor: float) -> Phase:
    """A phase of no update: what is held from there on."""
    return Phase(curve=Constant(), length=0, start=factor, end=factor)


def _rest_of(warmup: Count, total: Count | None) -> Count | None:
    """What the warm-up leaves of the run."""
    return None if total is None else total - warmup


def _left(total: Count, **taken: Count) -> Count:
    """What named phases leave of ``total``; refused with the sums if they take more."""
    left = total - sum(taken.values())
    if left < 0:
        sums = " + ".join(f"{length:g} {name}" for name, length in taken.items())
        # The last one named is the one to shorten: warm-up and lengths before it are what the rest is fitted around.
        name = list(taken)[-1]
        advice = _(
            "{sums} = {taken:g}, more than {total:g}. Shorten a phase.",
            sums=sums,
            taken=sum(taken.values()),
            total=total,
        )
        raise ScheduleError(
            refusal(name, _("at most {total:g}", total=total - sum(taken.values()) + taken[name]), taken[name], advice)
        )
    return left


def _rising(name: str, values: Any, above: Count, below: Count) -> list[int]:
    """Whole positions in rising order between two others."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ScheduleError(refusal(name, _("a list of positions"), values, _("Give whole numbers.")))
    positions = [int(count(name, value)) for value in values]
    if any(a >= b for a, b in pairwise([above, *positions, below])):
        raise ScheduleError(
            refusal(
                name, _("rising, above {above} and below {below}", above=above, below=below), values, _("Sort them.")
            )
        )
    return positions


def _cut(schedule: Schedule, total: Count | None) -> Schedule:
    return schedule if total is None else schedule.until(total)


# --- transformers' own ------------------------------------------------------------------------------------------------
# Rates that transformers takes as absolute (``lr_end``, ``min_lr``) are divided by ``lr``, the peak learning rate.


@_called(BUILDERS)
def constant(total: Count | None = None) -> PhaseSchedule:
    """1 at every update."""
    return PhaseSchedule((Phase(curve=Constant(), length=total),))


@_called(BUILDERS)
def constant_with_warmup(warmup: Count, total: Count | None = None) -> PhaseSchedule:
    """k / W, then 1 for ever."""
    return PhaseSchedule((*_warmup(warmup), Phase(curve=Constant(), length=_rest_of(warmup, total))))


@_called(BUILDERS)
def linear(warmup: Count, total: Count) -> PhaseSchedule:
    """k / W, then (T - k) / (T - W); 0 from T on. Devlin et al. 2018, arXiv:1810.04805."""
    return PhaseSchedule((*_warmup(warmup), Phase(curve=Linear(), length=total - warmup)))


@_called(BUILDERS)
def cosine(warmup: Count, total: Count, *, num_cycles: float = 0.5) -> PhaseSchedule:
    """k / W, then (1 + cos(2 pi num_cycles u)) / 2; 0.5 cycles is one descent to 0, 1 cycle ends back at the peak.

    Loshchilov & Hutter 2017, arXiv:1608.03983.
    """
    return PhaseSchedule((*_warmup(warmup), Phase(curve=_cosine(num_cycles), length=total - warmup)))


@_called(BUILDERS)
def cosine_with_restarts(warmup: Count, total: Count, *, num_cycles: float = 1) -> PhaseSchedule:
    """k / W, then num_cycles equal cosine descents from 1 toward 0; exactly 0 from T on.

    A fractional count stops its last descent midway, as transformers does. Loshchilov & Hutter 2017, arXiv:1608.03983.
    """
    # transformers returns 0 from T on, where the wave itself would stand at the top of a cycle that is never run.
    curve = CosineRestarts(positive("num_cycles", num_cycles, _("It counts the descents.")))
    return PhaseSchedule((*_warmup(warmup), Phase(curve=curve, length=total - warmup), _stay_at(0.0)))


@_called(BUILDERS)
def polynomial(
    warmup: Count, total: Count, *, lr: float = 1.0, lr_end: float = 1e-7, power: float = 1.0
) -> PhaseSchedule:
    """k / W, then f + (1 - f) (1 - u)^power with the floor f = lr_end / lr; f from T on."""
    curve = Polynomial(positive("power", power, _("1 is a straight line.")))
    floor = _absolute_floor("lr_end", lr_end, lr)
    # transformers refuses it too: a floor at the peak would be no decay.
    if floor >= 1:
        raise ScheduleError(
            refusal(
                "lr_end", _("below the peak, lr={lr!r}", lr=lr), lr_end, _("Lower it, or give the lr it refers to.")
            )
        )
    return PhaseSchedule((*_warmup(warmup), Phase(curve=curve, length=total - warmup, end=floor)))


@_called(BUILDERS)
def inverse_sqrt(warmup: Count, total: Count | None = None, *, timescale: float | None = None) -> PhaseSchedule:
    """k / W, then 1 / sqrt(1 + (k - W) / timescale); without end unless total is given, then its value at T is held.

    timescale (updates) defaults to W, or 10 000 without warm-up. Vaswani et al. 2017, arXiv:1706.03762, has W.
    """
    # Without a warm-up transformers falls back to 10 000, whatever the run's length.
    scale = warmup or 10_000 if timescale is None else positive("timescale", timescale, _("It is a number of updates."))
    curve = PowerLaw(timescale=scale)
    return PhaseSchedule((*_warmup(warmup), Phase(curve=curve, length=_rest_of(warmup, total))))


@_called(BUILDERS)
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
    return PhaseSchedule((*_warmup(warmup), Phase(curve=_cosine(num_cycles), length=total - warmup, end=floor)))


@_called(BUILDERS)
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

    The peak is update W - 1 and the floor update T - 1, held from there on (transformers rises again at T already:
    with every other schedule it does so only past T).
    """
    floor = _either_floor(lr, min_lr, min_lr_rate)
    start = None
    if warmup_lr_rate is not None:
        start = ratio("warmup_lr_rate", warmup_lr_rate, _("It is the share of the peak that the warm-up starts at."))
    rise = _early_warmup(warmup, start) if warmup else ()
    # The descent is counted from the float count itself, so a part of its first update is already over.
    late = math.ceil(warmup) - warmup  # 0 for whole counts
    descent = Phase(
        curve=_cosine(num_cycles), length=total - warmup, start=1.0, end=floor, skip=late, convention="native"
    )
    return PhaseSchedule((*rise, descent))


def _early_warmup(warmup: Count, start: float | None) -> tuple[Phase, ...]:
    """The warm-up that reaches the peak at update ``warmup - 1``.

    For a float count, which only the drop-in functions let through, transformers keeps rising past the peak until
    ``warmup`` itself: so the line goes on, over as many updates.
    """
    updates = math.ceil(warmup)
    if start is None:
        return (Phase(curve=Linear(), length=updates, start=0.0, end=updates / max(1, warmup), convention="native"),)
    # max(1, ...) as transformers has it: a warm-up of one update has no line to draw.
    top = start + (1.0 - start) * updates / max(1, warmup - 1)
    return (Phase(curve=Linear(), length=updates, start=start, end=top),)


@_called(BUILDERS)
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
    """A warm-up from r = min_lr_ratio to 1, a plateau, a descent over num_decay_steps to r; r from T on.

    Shapes: linear, cosine or 1-sqrt, the warm-up being the descent mirrored in time. Hu et al. 2024, arXiv:2404.06395.
    """
    floor = ratio("min_lr_ratio", min_lr_ratio, _FLOOR)
    shapes = {"linear": Linear(), "cosine": Cosine(), "1-sqrt": OneMinusPower()}
    rise = _warmup(warmup, floor, shapes[choice("warmup_type", warmup_type, tuple(shapes))])
    shapes["cosine"] = _cosine(num_cycles)  # num_cycles shapes the descent alone: transformers' warm-up has half a wave
    descent = shapes[choice("decay_type", decay_type, tuple(shapes))]
    stable, decay = _stable_and_decay(warmup, total, num_stable_steps, num_decay_steps)
    plateau = Phase(curve=Constant(), length=stable)
    return PhaseSchedule((*rise, plateau, Phase(curve=descent, length=decay, end=floor), _stay_at(floor)))


def _stable_and_decay(
    warmup: Count, total: Count | None, stable: Count | None, decay: Count | None
) -> tuple[Count, Count]:
    """The plateau and the descent in updates; with a total the three phases have to fill it exactly."""
    # transformers takes phases that do not add up to the run: the floor then comes too early, or never.
    if decay is None:
        advice = _('Say how long the descent takes, for example num_decay_steps="10%".')
        raise ScheduleError(refusal("num_decay_steps", _("given for 'warmup_stable_decay'"), None, advice))
    if total is None:
        if stable is None:
            raise ScheduleError(
                refusal("total", _("given for 'warmup_stable_decay'"), None, _("Or give num_stable_steps."))
            )
    elif stable is None:
        stable = total - warmup - decay
        if stable < 0:
            advice = _(
                "{warmup} warm-up + {decay} decay = {taken}, more than {total}. Shorten a phase.",
                warmup=warmup,
                decay=decay,
                taken=warmup + decay,
                total=total,
            )
            raise ScheduleError(refusal("num_decay_steps", _("at most {most}", most=total - warmup), decay, advice))
    elif warmup + stable + decay != total:
        advice = _(
            "{warmup} warm-up + {stable} stable + {decay} decay = {taken}, not {total}. Leave it out.",
            warmup=warmup,
            stable=stable,
            decay=decay,
            taken=warmup + stable + decay,
            total=total,
        )
        raise ScheduleError(refusal("num_stable_steps", f"{total - warmup - decay}", stable, advice))
    return stable, decay


def _cosine(num_cycles: float) -> Cosine:
    return Cosine(positive("num_cycles", num_cycles, _("0.5 is one descent.")))


def _absolute_floor(name: str, value: float, lr: float) -> float:
    if number(name, value, _FLOOR) < 0:
        raise ScheduleError(refusal(name, _(">= 0"), value, _FLOOR))
    return value / lr


def _either_floor(lr: float, min_lr: float | None, min_lr_rate: float | None) -> float:
    """The floor as a share of the peak, from exactly one of the two options."""
    if (min_lr is None) == (min_lr_rate is None):
        advice = _("Give min_lr_rate (a share of the peak) or min_lr (a learning rate, with the lr it refers to).")
        raise ScheduleError(refusal("min_lr_rate", _("given alone, or min_lr in its place"), min_lr_rate, advice))
    if min_lr is None:
        return ratio("min_lr_rate", min_lr_rate, _FLOOR)
    # A floor at the peak is let pass: transformers does, and a flat schedule may be meant.
    floor = _absolute_floor("min_lr", min_lr, lr)
    if floor > 1:
        raise ScheduleError(
            refusal(
                "min_lr", _("at most the peak, lr={lr!r}", lr=lr), min_lr, _("Lower it, or give the lr it refers to.")
            )
        )
    return floor


# --- The rest of the field's ------------------------------------------------------------------------------------------


@_called(LIBRARY)
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
    tri-stage. transformers' ``warmup_stable_decay`` lifts the warm-up by the floor too; here it starts at 0.
    """
    plateau = _left(total, warmup=warmup, decay=decay)
    return PhaseSchedule(
        (
            *_warmup(warmup, curve=named_curve(warmup_shape)),
            Phase(curve=Constant(), length=plateau, start=1.0, end=1.0),
            Phase(curve=named_curve(shape), length=decay, end=ratio("floor", floor)),
        )
    )


@_called(LIBRARY)
def trapezoidal(warmup: Count, total: Count, *, decay: Count, floor: float = 0.0) -> PhaseSchedule:
    """A straight warm-up, a plateau, a straight descent over ``decay`` updates. Zhai et al. 2021, arXiv:2106.04560."""
    return wsd(warmup, total, decay=decay, shape="linear", floor=floor)


@_called(LIBRARY)
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
    """One warm-up, then ``periods`` equal plateaus that each end in a cool-down of ``decay`` updates.

    The rate jumps back to the peak (times ``scale`` for each period) and the run goes on from the cooled-down weights.
    Wen et al. 2024, arXiv:2410.05192; OLMo-core's wsds.
    """
    periods = int(count("periods", periods, 1, advice=_("It counts the cool-downs.")))
    length, left = divmod(_left(total, warmup=warmup), periods)
    if left:
        advice = _("{total} - {warmup} updates do not divide by it.", total=total, warmup=warmup)
        raise ScheduleError(refusal("periods", _("a divisor of what follows the warm-up"), periods, advice))
    # From 1 again in every period: the jump back is what the method is.
    period = PhaseSchedule(
        (
            Phase(curve=Constant(), length=_left(length, decay=decay), start=1.0, end=1.0),
            Phase(curve=named_curve(shape), length=decay, start=1.0, end=ratio("floor", floor)),
        )
    )
    repeated = period.repeat(periods, scale=scale)
    return PhaseSchedule((*_warmup(warmup), repeated))


@_called(LIBRARY)
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
    # Equal ratios never reach 0, so there a line takes their place.
    last = named_curve("geometric", ratio=floor / level) if 0 < floor < level else Linear()
    held = _left(total, warmup=warmup, cooldown=cooldown, anneal=anneal)
    return PhaseSchedule(
        (
            *_warmup(warmup),
            Phase(curve=named_curve(shape), length=cooldown, end=level),
            Phase(curve=Constant(), length=held, start=level, end=level),
            Phase(curve=last, length=anneal, start=level, end=floor),
        )
    )


@_called(LIBRARY)
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
    reached by update T - 1, then held (torch rises again at T and raises at T + 1). ``three_phase`` falls back to the
    start over as many updates first. optax peaks at int(pct T) and ends at T; fastai ends at 1e-5; Paddle's end is
    absolute.
    """
    share = number("pct_start", pct_start)
    # Both ends are given as torch gives them: the start by div_factor, the end by final_div_factor below the start.
    start = 1.0 / positive("div_factor", div_factor, _("It divides the peak."))
    end = start / positive("final_div_factor", final_div_factor, _("It divides the start."))
    top, middle = _one_cycle_knots(total, share, three_phase)
    curve = _one_cycle_curve(shape)
    back = (Phase(curve=curve, length=middle - top, start=1.0, end=start),) if three_phase else ()
    return PhaseSchedule(
        (
            Phase(curve=curve, length=top, start=start, end=1.0),
            *back,
            Phase(curve=curve, length=total - 1 - middle, start=start if three_phase else 1.0, end=end),
            Phase(curve=Constant(), length=1, start=end, end=end),
        )
    )


@_called(LIBRARY)
def one_cycle_momentum(
    total: Count,
    *,
    pct_start: float = 0.3,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    shape: str = "cosine",
    three_phase: bool = False,
) -> PhaseSchedule:
    """The momentum of :func:`one_cycle`, mirrored: down while the rate rises; a share of ``max_momentum``.

    Give it to the optimizer's ``betas[0]`` (or ``momentum``) with ``max_momentum`` as the base value.
    """
    low = ratio("base_momentum", base_momentum) / positive("max_momentum", max_momentum, _("torch has 0.95."))
    top, middle = _one_cycle_knots(total, number("pct_start", pct_start), three_phase)
    curve = _one_cycle_curve(shape)
    up = middle - top if three_phase else total - 1 - top
    return PhaseSchedule(
        (
            Phase(curve=curve, length=top, start=1.0, end=ratio("base_momentum / max_momentum", low)),
            Phase(curve=curve, length=up, start=low, end=1.0),
            Phase(curve=Constant(), length=total - top - up, start=1.0, end=1.0),
        )
    )


def _one_cycle_curve(shape: str) -> Curve:
    return Cosine() if choice("shape", shape, ("linear", "cosine")) == "cosine" else Linear()


def _one_cycle_knots(total: Count, share: float, three_phase: bool) -> tuple[Count, Count]:
    """The positions of the peak and of the end of the fall back (the peak again, without one)."""
    top = share * total - 1  # torch counts updates from 0 and phases to the last of them, hence one less everywhere
    middle = 2 * share * total - 2 if three_phase else top
    if not 0 < top <= middle < total - 1:
        advice = _("Of {total} updates the warm-up would take {top:g}.", total=total, top=top + 1)
        raise ScheduleError(refusal("pct_start", _("a share that leaves every phase an update"), share, advice))
    return top, middle


@_called(LIBRARY)
def slanted_triangular(total: Count, *, cut: float = 0.1, ratio: float = 32.0) -> PhaseSchedule:
    """A straight rise from 1 / ratio over the first ``cut`` of the run, a straight fall back to it by update T.

    Howard & Ruder 2018, arXiv:1801.06146. thinc counts from 1 and is not clamped; allennlp re-estimates the total.
    """
    low = 1.0 / positive("ratio", ratio, _("It divides the peak."))
    top = int(total * number("cut", cut))  # cut down, as the paper does
    if low > 1 or not 0 < top < total:
        raise ScheduleError(
            refusal("cut", _("a share that leaves both sides an update"), cut, _("Of {total} updates.", total=total))
        )
    rise = Phase(curve=Linear(), length=top, start=low, end=1.0)
    return PhaseSchedule((rise, Phase(curve=Linear(), length=total - top, end=low)))


@_called(LIBRARY)
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


@_called(LIBRARY)
def triangular2(total: Count | None = None, *, up: Count, down: Count | None = None, floor: float = 0.1) -> Schedule:
    """As triangular, each cycle half as high above the floor as the one before. Smith 2017, arXiv:1506.01186."""
    return triangular(total, up=up, down=down, floor=floor, scale=0.5)


@_called(LIBRARY)
def exp_range(
    total: Count | None = None, *, up: Count, down: Count | None = None, floor: float = 0.1, rate: float = 0.9999
) -> Schedule:
    """As triangular, the height above the floor times ``rate ^ k`` (torch's gamma). Smith 2017, arXiv:1506.01186."""
    # torch shrinks the height above the floor by update, not by cycle: a product lifted to the floor, no repetition.
    shrinking = PhaseSchedule((Phase(curve=Exponential(rate), length=None),))
    wave = triangular(None, up=up, down=down, floor=0.0)
    return _cut((wave * shrinking).lift(ratio("floor", floor)), total)


@_called(LIBRARY)
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
    times = None  # equal cycles go on for ever at no cost
    if total is not None and number("growth", growth) > 1:  # as many as the run needs: compilers lay them all out
        times = int(math.log1p((total - warmup) * (growth - 1) / max(1, period)) / math.log(growth)) + 2
    restarts = descent.repeat(times, growth=growth, scale=scale, floor=low)
    return _cut(PhaseSchedule((*_warmup(warmup), restarts)), total)


@_called(LIBRARY)
def noam(warmup: Count, total: Count | None = None) -> PhaseSchedule:
    """min(k / W, sqrt(W / k)): Vaswani et al. 2017, arXiv:1706.03762, with the peak, (d_model W)^-1/2, as the base.

    allennlp's and Paddle's classes put d_model into the rate itself; NeMo multiplies both.
    """
    # Without a warm-up its formula has no value at update 0, and no peak.
    return inverse_sqrt(int(count("warmup", warmup, 1, advice=_("noam's time scale is its warm-up."))), total)


@_called(LIBRARY)
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
    curve = PowerLaw(power=power, timescale=timescale or warmup or 10_000)  # as inverse_sqrt has it
    return PhaseSchedule(
        (
            *_warmup(warmup),
            Phase(curve=curve, length=_left(total, warmup=warmup, decay=decay)),
            Phase(curve=Linear(), length=decay, start=None, end=ratio("floor", floor)),
        )
    )


@_called(LIBRARY)
def inverse_sqrt_cooldown(
    warmup: Count, total: Count, *, decay: Count, timescale: float | None = None, shape: str = "linear"
) -> PhaseSchedule:
    """k / W, the inverse square root, then a cool-down from where it stands to 0 over ``decay`` updates.

    Zhai et al. 2021, arXiv:2106.04560; llm-foundry. big_vision and timm multiply the two instead.
    """
    curve = PowerLaw(timescale=timescale or warmup or 10_000)  # as inverse_sqrt has it
    return PhaseSchedule(
        (
            *_warmup(warmup),
            Phase(curve=curve, length=_left(total, warmup=warmup, decay=decay)),
            Phase(curve=named_curve(shape), length=decay, start=None, end=0.0),
        )
    )


@_called(LIBRARY)
def cosine_then_constant(warmup: Count, total: Count, *, hold: Count, floor: float = 0.1) -> PhaseSchedule:
    """k / W, a cosine to ``floor``, and the floor for the last ``hold`` updates. axolotl, NeMo (constant_steps)."""
    low = ratio("floor", floor)
    return PhaseSchedule(
        (
            *_warmup(warmup),
            Phase(curve=Cosine(), length=_left(total, warmup=warmup, hold=hold), end=low),
            Phase(curve=Constant(), length=hold, start=low, end=low),
        )
    )


@_called(LIBRARY)
def flat_cosine(warmup: Count, total: Count, *, decay: Count, floor: float = 0.0) -> PhaseSchedule:
    """A plateau, then a cosine over the last ``decay`` updates. fastai's fit_flat_cos has decay 25 %."""
    return wsd(warmup, total, decay=decay, shape="cosine", floor=floor)


@_called(LIBRARY)
def cosine_with_linear_tail(warmup: Count, total: Count, *, decay: Count, floor: float = 0.1) -> PhaseSchedule:
    """k / W, a cosine shaped for the whole run, and for the last ``decay`` updates a line from it to 0. OLMo-core."""
    whole = PhaseSchedule((*_warmup(warmup), Phase(curve=Cosine(), length=total - warmup, end=ratio("floor", floor))))
    tail = Phase(curve=Linear(), length=decay, start=None, end=0.0)  # from wherever the cosine stands
    return PhaseSchedule((whole.until(_left(total, decay=decay)), tail))


@_called(LIBRARY)
def half_cosine(warmup: Count, total: Count, *, floor: float = 0.0) -> PhaseSchedule:
    """k / W, then the lower half of a cosine, from 0.5 at once: OLMo-core's half_cos_with_warmup."""
    return PhaseSchedule(
        (
            *_warmup(warmup),
            Phase(curve=HalfCosine(), length=total - warmup, start=(1 + ratio("floor", floor)) / 2, end=floor),
        )
    )


@_called(LIBRARY)
def cosine_envelope(warmup: Count, total: Count, *, floor: float = 0.0) -> PhaseSchedule:
    """k / W, then (1 - u) (1 + cos(pi u)) / 2, down to ``floor``: OLMo's cosine_linear_envelope."""
    descent = Phase(curve=CosineEnvelope(), length=total - warmup, end=ratio("floor", floor))
    return PhaseSchedule((*_warmup(warmup), descent))


@_called(LIBRARY)
def max_cosine_inverse_sqrt(warmup: Count, total: Count, *, floor: float = 0.0) -> Schedule:
    """The larger of a cosine and the inverse square root: OLMo's max_scheduler."""
    low = ratio("floor", floor)
    return Maximum((cosine(warmup, total).lift(low), inverse_sqrt(warmup, total)))


@_called(LIBRARY)
def tri_stage(warmup: Count, total: Count, *, decay: Count, start: float = 0.01, end: float = 0.01) -> PhaseSchedule:
    """A straight warm-up from ``start``, a plateau, a geometric fall to ``end``: fairseq's tri_stage.

    Park et al. 2019, arXiv:1904.08779.
    """
    # fairseq writes the end as a ratio of the peak: the curve's ratio and its end are one number.
    last = positive("end", end, _("A geometric fall never reaches 0."))
    return PhaseSchedule(
        (
            *_warmup(warmup, ratio("start", start)),
            Phase(curve=Constant(), length=_left(total, warmup=warmup, decay=decay), start=1.0, end=1.0),
            Phase(curve=named_curve("geometric", ratio=last), length=decay, end=last),
        )
    )


@_called(LIBRARY)
def multistep(warmup: Count, total: Count, *, milestones: Sequence[int], rate: float = 0.1) -> PhaseSchedule:
    """k / W, then 1, times ``rate`` from each milestone (a position) on: it changes at the milestone itself.

    torch, optax, Paddle, composer do so too; Keras one update later, timm one earlier.
    """
    factor = ratio("rate", rate)
    borders = [warmup, *_rising("milestones", milestones, warmup, total), total]
    return PhaseSchedule(
        (
            *_warmup(warmup),
            # A power and no running product: the bits do not depend on how many milestones came before.
            *(
                Phase(curve=Constant(), length=after - before, start=factor**index, end=factor**index)
                for index, (before, after) in enumerate(pairwise(borders))
            ),
        )
    )


@_called(LIBRARY)
def piecewise(
    total: Count | None = None, *, milestones: Sequence[int], values: Sequence[float], shape: str = "linear"
) -> PhaseSchedule:
    """The factors ``values`` at the positions ``milestones`` (the first 0), a curve between each two, the last held.

    ignite's PiecewiseLinear, optax' piecewise_interpolate, OLMo-core's composable.
    """
    if len(milestones) != len(values) or len(values) < 2:
        raise ScheduleError(
            refusal("values", _("as many as milestones, two or more"), values, _("Give a factor for each."))
        )
    borders = _rising("milestones", milestones, -1, math.inf if total is None else total + 1)
    # ignite holds the first value before the first milestone; to move the knot in silence would hide a mistake.
    if borders[0]:
        raise ScheduleError(refusal("milestones", _("0 at first"), milestones, _("Say where the schedule begins.")))
    last = borders[-1] if total is None else total
    phases = [
        Phase(curve=named_curve(shape), length=after - before, start=start, end=end)
        for (before, after), (start, end) in zip(pairwise(borders), pairwise(values), strict=True)
    ]
    if last > borders[-1]:
        phases.append(Phase(curve=Constant(), length=last - borders[-1], start=None, end=None))
    return PhaseSchedule(tuple(phases))


@_called(LIBRARY)
def jagged_cosine(
    warmup: Count, total: Count, *, period: Count, rewarm: Count = 10, anneal: Count = 1, low: float = 0.001
) -> Schedule:
    """A cosine whose rate dips to ``low`` of itself every ``period`` updates and comes back: ReLoRA.

    Lialin et al. 2023, arXiv:2307.05695; axolotl's jagged restarts: down over ``anneal`` updates, up over ``rewarm``.
    """
    return cosine(warmup, total) * dips(period, rewarm, anneal, low)


def dips(period: Count, rewarm: Count, anneal: Count, low: float) -> PhaseSchedule:
    """1, but for the last ``anneal`` updates of each period, which fall to ``low``, and ``rewarm`` that come back."""
    low = ratio("low", low)
    # A dip belongs to the end of its period, the way back to the beginning of the next.
    dip = PhaseSchedule(
        (
            Phase(curve=Linear(), length=rewarm, start=low, end=1.0),
            Phase(curve=Constant(), length=_left(period, rewarm=rewarm, anneal=anneal), start=1.0, end=1.0),
            Phase(curve=Linear(), length=anneal, start=1.0, end=low),
        )
    )
    # The first period has nothing to come back from.
    first = Phase(curve=Constant(), length=_left(period, anneal=anneal), start=1.0, end=1.0)
    last = Phase(curve=Linear(), length=anneal, start=1.0, end=low)
    return PhaseSchedule((first, last, dip.repeat()))


# --- A warm-up, then a decay along one curve ------------------------------------------------------------------------


def decay_along(
    curve: str, warmup: Count, total: Count | None = None, *, floor: float = 0.0, **options: Any
) -> PhaseSchedule:
    """k / W, then the curve of that name down to ``floor``; its formula and source stand with the curve."""
    shape = named_curve(curve, **options)
    if total is None and not shape.endless:
        raise ScheduleError(
            refusal("total", _("given for {curve!r}", curve=curve), None, _("This curve needs an end."))
        )
    descent = Phase(curve=shape, length=_rest_of(warmup, total), end=ratio("floor", floor))
    return PhaseSchedule((*_warmup(warmup), descent))


# --- All names --------------------------------------------------------------------------------------------------------

ARTICLE_NAMES: dict[str, str] = {
    "constantlr": "constant",
    "warmupconstant": "constant_with_warmup",
    "warmuplinear": "linear",
    "warmupcosine": "cosine",
    "warmupcosinewithhardrestarts": "cosine_with_restarts",
}
# Curves whose name is a schedule's already are that schedule; cosine_restarts is transformers' cosine_with_restarts.
_DECAYS = {
    name: partial(decay_along, name) for name in CURVE_NAMES if name not in (*BUILDERS, *LIBRARY, "cosine_restarts")
}
_BUILDERS: dict[str, Callable[..., Schedule]] = {**BUILDERS, **LIBRARY, **_DECAYS}
SCHEDULE_NAMES: tuple[str, ...] = (*ARTICLE_NAMES, *_BUILDERS)
# As a refusal lists them: 57 names in one row are read by nobody.
_GROUPS: dict[str, Iterable[str]] = {
    _("the article's"): ARTICLE_NAMES,
    _("transformers'"): BUILDERS,
    _("of other libraries and papers"): LIBRARY,
    _("a decay along a curve"): _DECAYS,
}
