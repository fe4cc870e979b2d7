"""Schedules by name: the article's five, transformers' own, the rest of the field's, and a decay along any curve."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count, count, positive
from preheat.schedule.curve_names import CURVE_NAMES, curve_class, curve_options
from preheat.schedule.lengths import Length, Timeline, as_length, in_updates
from preheat.schedule.library import LIBRARY, decay_along
from preheat.schedule.shapes import BUILDERS
from preheat.schedule.text import parse

ARTICLE_NAMES: dict[str, str] = {
    "constantlr": "constant",
    "warmupconstant": "constant_with_warmup",
    "warmuplinear": "linear",
    "warmupcosine": "cosine",
    "warmupcosinewithhardrestarts": "cosine_with_restarts",
}
_DECAYS = {
    name: partial(decay_along, name) for name in CURVE_NAMES if name not in (*BUILDERS, *LIBRARY, "cosine_restarts")
}
_BUILDERS: dict[str, Callable[..., Schedule]] = {**BUILDERS, **LIBRARY, **_DECAYS}
SCHEDULE_NAMES: tuple[str, ...] = (*ARTICLE_NAMES, *_BUILDERS)
_LENGTHS = {
    *("num_decay_steps", "num_stable_steps", "decay", "hold", "period", "up", "down", "cooldown", "anneal", "rewarm")
}
_METRIC_DRIVEN = ("reduce_lr_on_plateau", "greedy")


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
            :mod:`preheat.schedule.library`, or a curve to decay along after a climb.
        warmup: the climb, in updates (int >= 0), as ``"10%"`` of ``total`` or as a float fraction in (0, 1), rounded
            up, or in another unit (``"2 epochs"``) if total is a plan; 0 means no climb. At least one update has to
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
    **options: Any,
) -> Schedule:
    """The schedule that a command line or a file asks for: a name with its arguments, or a whole text.

    A text says everything itself, so a warm-up or options beside it are refused.

    >>> read_schedule("warmup 10% > cosine to 0.1", total=100) == read_schedule("warmup 10 > cosine 90 to 0.1")
    True
    """
    if not is_text(words):
        return get_schedule(words, warmup=0 if warmup is None else warmup, total=total, lr=lr, **options)
    if warmup is not None:
        advice = "The text says how it climbs: leave warmup out."
        raise ScheduleError(refusal("warmup", f"part of {words!r}", warmup, advice))
    if options:
        raise ScheduleError(refusal("options", f"part of {words!r}", options, "Write them into the text."))
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
        advice = "It follows a metric: multiply a schedule by preheat.plateau() or preheat.greedy()."
        raise ScheduleError(refusal("name", "a schedule that is a function of the update", name, advice))
    advice = f"Known: {', '.join(SCHEDULE_NAMES)}.{_nearest(key, SCHEDULE_NAMES)}"
    raise ScheduleError(refusal("name", "the name of a schedule", name, advice))


def takes_warmup(name: str) -> bool:
    """Whether the schedule called ``name`` has a climb at all (``constant`` has none)."""
    return "warmup" in inspect.signature(_BUILDERS[schedule_name(name)]).parameters


def usual_warmup(name: str, given: Any = None) -> Any:
    """The warm-up of a named schedule where people may leave it out: a tenth of the run; 0 where it has no climb.

    >>> usual_warmup("cosine"), usual_warmup("cosine", 50), usual_warmup("constant")
    ('10%', 50, 0)
    """
    return 0 if not takes_warmup(name) else "10%" if given is None else given


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
    plan = total if hasattr(total, "in_updates") else None
    total = plan.updates if plan is not None else total
    arguments: dict[str, Any] = {}
    if total is not None:
        total = count(total_name, total, 1, whole=whole)
        if "total" in parameters:
            arguments["total"] = total
    elif "total" in parameters and parameters["total"].default is inspect.Parameter.empty:
        endless = [key for key, make in _BUILDERS.items() if _needs_no_total(make)]
        raise ScheduleError(
            refusal(total_name, f"given for {name!r}", None, f"Without it only these work: {', '.join(endless)}.")
        )
    updates = _updates(warmup_name, warmup, total, plan, whole)
    if total is not None and updates > total - 1:
        highest = f"no update would come higher than {(total - 1) / updates:.3g} of it"
        advice = f"The peak would never be used: {highest}. Shorten the warm-up or plan more updates."
        raise ScheduleError(refusal(warmup_name, f"below {total_name}={total}", warmup, advice))
    if "warmup" in parameters:
        arguments["warmup"] = updates
    elif updates:
        other = "take 'constant_with_warmup'" if name == "constant" else "its shape begins by itself"
        advice = f"This schedule has no climb: {other}, or leave the warm-up out."
        raise ScheduleError(refusal(warmup_name, f"0 for {name!r}", warmup, advice))
    lr = positive("lr", lr, "It is the peak learning rate.")
    if "lr" in parameters:
        arguments["lr"] = lr
    _refuse_unknown(name, options, _options_of(name))
    for key in _LENGTHS & {key for key, value in options.items() if value is not None}:
        options[key] = _updates(key, options[key], total, plan, whole)
    return _call(name, arguments, options)


def _call(name: str, arguments: dict[str, Any], options: dict[str, Any]) -> Schedule:
    missing = [
        key
        for key, item in inspect.signature(_BUILDERS[name]).parameters.items()
        if item.kind is item.KEYWORD_ONLY and item.default is item.empty and key not in options
    ]
    if missing:
        advice = f"{name!r} cannot do without: give {', '.join(missing)}."
        raise ScheduleError(refusal(missing[0], f"given for {name!r}", None, advice))
    return _BUILDERS[name](**arguments, **options)


def _updates(name: str, value: Any, total: Count | None, plan: Timeline | None, whole: bool) -> Count:
    if not whole:
        return count(name, value, whole=False, advice="Give a number of updates.")
    return in_updates(name, as_length(name, value), total, plan)


def _needs_no_total(builder: Callable[..., Schedule]) -> bool:
    total = inspect.signature(builder).parameters.get("total")
    endless = not isinstance(builder, partial) or curve_class(builder.args[0]).endless
    return total is not None and total.default is not inspect.Parameter.empty and endless


def _options_of(name: str) -> list[str]:
    """The options a schedule takes, those of its curve among them."""
    builder = _BUILDERS[name]
    own = [key for key, item in inspect.signature(builder).parameters.items() if item.kind is item.KEYWORD_ONLY]
    return own + curve_options(builder.args[0]) if isinstance(builder, partial) else own


def refuse_reserved(options: Mapping[str, Any]) -> None:
    """Refuse options, as read from a file or flags, that are arguments of :func:`get_schedule` itself."""
    for name in ("name", "warmup", "total", "lr", "convention"):
        if name in options:
            advice = f"{name!r} is an argument of its own: give it there."
            raise ScheduleError(refusal("option", "one of the schedule's own", name, advice))


def _refuse_unknown(name: str, options: dict[str, Any], parameters: list[str]) -> None:
    known = [key for key in parameters if key != "lr"]
    for option in options:
        if option not in known:
            advice = f"Options of {name!r}: {', '.join(known) or 'none'}.{_nearest(option, known)}"
            raise ScheduleError(refusal("option", f"one that {name!r} takes", option, advice))


def _nearest(word: str, known: Any) -> str:
    import difflib

    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
