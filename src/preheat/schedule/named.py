"""Schedules by name: the article's five and every shape transformers knows that is a function of the update."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.base import Schedule
from preheat.schedule.checks import Count, Length, count, length, positive
from preheat.schedule.shapes import BUILDERS

ARTICLE_NAMES: dict[str, str] = {
    "constantlr": "constant",
    "warmupconstant": "constant_with_warmup",
    "warmuplinear": "linear",
    "warmupcosine": "cosine",
    "warmupcosinewithhardrestarts": "cosine_with_restarts",
}
SCHEDULE_NAMES: tuple[str, ...] = (*ARTICLE_NAMES, *BUILDERS)
_LENGTHS = {"num_decay_steps", "num_stable_steps"}
_METRIC_DRIVEN = ("reduce_lr_on_plateau", "greedy")


def get_schedule(
    name: str, *, warmup: Length = 0, total: int | None = None, lr: float = 1.0, **options: Any
) -> Schedule:
    """A schedule by its name, any letter case.

    Args:
        name: one of ``preheat.SCHEDULE_NAMES``: the article's five and transformers' names.
        warmup: the climb, in updates (int >= 0), as ``"10%"`` of ``total`` or as a float fraction in (0, 1), rounded
            up; 0 means no climb. At least one update has to follow it.
        total: updates of the whole run, >= 1; not needed by ``constant``, ``constant_with_warmup`` and
            ``inverse_sqrt``. Past it every schedule holds its end value.
        lr: the peak learning rate that ``lr_end`` and ``min_lr`` refer to; with 1.0 they are shares of the peak.
        options: the schedule's own, named as in transformers: ``num_cycles``, ``power``, ``lr_end``, ``timescale``,
            ``min_lr``, ``min_lr_rate``, ``warmup_lr_rate``, ``num_decay_steps``, ``num_stable_steps``,
            ``warmup_type``, ``decay_type``, ``min_lr_ratio``.

    Returns:
        A :class:`Schedule`: completed updates in, share of the peak out. Its values over 0..total are transformers'.

    Raises:
        ScheduleError: for an unknown name or option (with the nearest known one) and for every value that cannot be.

    >>> schedule = get_schedule("warmupcosine", warmup=0.1, total=3600)
    >>> schedule(0), schedule(360), schedule(1980)
    (0.0, 1.0, 0.5)
    """
    return build(name, warmup, total, lr=lr, **options)


def schedule_name(name: Any) -> str:
    """The transformers name that ``name`` stands for.

    >>> schedule_name("WarmupLinear")
    'linear'
    """
    key = str.lower(name) if isinstance(name, str) else repr(name)  # an enum member that is a str gives its value
    key = ARTICLE_NAMES.get(key, key)
    if key in BUILDERS:
        return key
    if key in _METRIC_DRIVEN:
        advice = "It reacts to a metric and is no function of the update: use transformers' own."
        raise ScheduleError(refusal("name", "a schedule that is a function of the update", name, advice))
    advice = f"Known: {', '.join(SCHEDULE_NAMES)}.{_nearest(key, SCHEDULE_NAMES)}"
    raise ScheduleError(refusal("name", "the name of a schedule", name, advice))


def takes_warmup(name: str) -> bool:
    """Whether the schedule called ``name`` has a climb at all (``constant`` has none)."""
    return "warmup" in inspect.signature(BUILDERS[schedule_name(name)]).parameters


def build(
    name: str,
    warmup: Length | None,
    total: Count | None,
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
    parameters = inspect.signature(BUILDERS[name]).parameters
    arguments: dict[str, Any] = {}
    if total is not None:
        arguments["total"] = total = count(total_name, total, 1, whole=whole)
    elif parameters["total"].default is inspect.Parameter.empty:
        advice = "Without it only constant, constant_with_warmup and inverse_sqrt work."
        raise ScheduleError(refusal(total_name, f"given for {name!r}", None, advice))
    updates = length(warmup_name, warmup, total, whole=whole)
    if total is not None and updates > total - 1:
        advice = "The peak would never be used: shorten the warm-up or plan more updates."
        raise ScheduleError(refusal(warmup_name, f"below {total_name}={total}", warmup, advice))
    if "warmup" in parameters:
        arguments["warmup"] = updates
    elif updates:
        advice = "This schedule has no climb: take 'constant_with_warmup', or leave the warm-up out."
        raise ScheduleError(refusal(warmup_name, f"0 for {name!r}", warmup, advice))
    lr = positive("lr", lr, "It is the peak learning rate.")
    if "lr" in parameters:
        arguments["lr"] = lr
    _refuse_unknown(name, options, [key for key, item in parameters.items() if item.kind is item.KEYWORD_ONLY])
    for key in _LENGTHS & {key for key, value in options.items() if value is not None}:
        options[key] = length(key, options[key], total, whole=whole)
    return BUILDERS[name](**arguments, **options)


def refuse_reserved(options: Mapping[str, Any]) -> None:
    """Refuse options, as read from a file or flags, that are arguments of :func:`get_schedule` itself."""
    for name in ("name", "warmup", "total", "lr"):
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
