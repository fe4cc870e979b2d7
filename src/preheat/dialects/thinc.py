"""thinc and spaCy: schedules as their configuration files hold them.

Shape    ``[training.optimizer.learn_rate]`` with ``@schedules = "warmup_linear.v1"``, as INI text or a mapping; or the
         section by itself; a plain number is a constant rate.
Fields   constant.v1            rate
         constant_then.v1       rate, steps, schedule
         warmup_linear.v1       initial_rate (the peak), warmup_steps, total_steps
         slanted_triangular.v1  max_rate, num_steps, cut_frac (0.1), ratio (32), t (0)
         cyclic_triangular.v1   min_lr, max_lr, period (updates of one side)
         decaying.v1            base_rate, decay, t (0)
         compounding.v1         start, stop, compound, t (0)
Step     update n uses ``schedule(step=n)``. The two triangular ones count from 1; constant_then does not start its
         second schedule anew: that has been running from update 0.
Ends     warmup_linear stays at 0. slanted_triangular falls on below its last value, and below 0: here it holds.
Read     thinc 9.1: schedules.py, optimizers.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import hold
from preheat.errors import ConfigError, refusal
from preheat.messages import _
from preheat.schedule import Phase, Schedule, get_schedule
from preheat.schedule.curves import Exponential, Geometric, Linear, PowerLaw
from preheat.schedule.sequence import PhaseSchedule

_KEY = "@schedules"
# Where spaCy keeps it, where thinc's own examples do, and alone.
_PATHS = (("training", "optimizer", "learn_rate"), ("optimizer", "learn_rate"), ("learn_rate",))
# Highest rate, and what makes the schedule as shares of a base.
_Part = tuple[float, Callable[[float], Schedule]]


def read(config: Fields | Any, context: Context) -> Imported:
    """A configuration with a learn_rate, or a schedule's own section."""
    if not isinstance(config, Fields):
        raise ConfigError(
            refusal("config", _("thinc's configuration"), config, _("Give a section with {key}.", key=_KEY))
        )
    notes: list[str] = []
    where, section = _section(config.raw)
    if section is None:
        raise config.refusal("training.optimizer.learn_rate", _("given"), _("Give a section with {key}.", key=_KEY))
    peak, over = _part(section, where, notes)
    if peak <= 0:
        raise ConfigError(refusal(where or "rate", _("above zero at some update"), peak, _("Nothing would train.")))
    return Imported(over(peak), context.rate("learn_rate", peak), tuple(notes), total=context.total)


def _section(config: Mapping[str, Any]) -> tuple[str, Any]:
    """The learn_rate in a configuration, with its place."""
    if _KEY in config:
        return "", config
    for path in _PATHS:
        section: Any = config
        for name in path:
            section = section.get(name) if isinstance(section, Mapping) else None
        if section is not None:
            return ".".join(path), section
    return "", None


def _part(section: Any, where: str, notes: list[str]) -> _Part:
    if not isinstance(section, Mapping):
        rate = Fields({"rate": section}, where).number("rate", low=0.0, advice=_("It is a learning rate."))
        return float(rate), lambda base: PhaseSchedule((hold(None, rate / base),))
    # @schedules is no name that Fields would take for a slip's neighbor.
    named = {str(key): value for key, value in section.items() if key != _KEY}
    fields = Fields({**named, "schedules": _plain_name(section.get(_KEY))}, where)
    name = fields.word("schedules", (*_READERS, "plateau"))
    if name == "plateau":
        raise fields.refusal("schedules", _("a function of the update"), _("Multiply by preheat.plateau() instead."))
    part = _READERS[name](fields, notes)
    fields.finish()
    return part


def _plain_name(name: Any) -> Any:
    return name.removesuffix(".v1") if isinstance(name, str) else name


def _rate(fields: Fields, name: str) -> float:
    return float(fields.number(name, low=0.0, advice=_("It is a learning rate.")))


def _constant(fields: Fields, _notes: list[str]) -> _Part:
    rate = _rate(fields, "rate")
    return rate, lambda base: PhaseSchedule((hold(None, rate / base),))


def _constant_then(fields: Fields, notes: list[str]) -> _Part:
    rate, steps = _rate(fields, "rate"), fields.count("steps")
    peak, over = _part(fields.value("schedule"), fields.path("schedule"), notes)
    # The second schedule has been counting since update 0: shifted, so that it is not begun anew.
    return max(rate, peak), lambda base: PhaseSchedule((hold(steps, rate / base), over(base).shift(steps)))


def _warmup_linear(fields: Fields, _notes: list[str]) -> _Part:
    peak, warmup, total = (
        _rate(fields, "initial_rate"),
        fields.count("warmup_steps"),
        fields.count("total_steps", low=1),
    )
    schedule = get_schedule("linear", warmup=warmup, total=total)
    return peak, lambda base: schedule if base == peak else schedule * (peak / base)


def _slanted(fields: Fields, notes: list[str]) -> _Part:
    peak, steps = _rate(fields, "max_rate"), fields.count("num_steps", low=1)
    share, low = fields.number("cut_frac", 0.1), fields.number("ratio", 32, low=1.0)
    cut, done = int(steps * share), fields.count("t", 0)
    if not 0 < share < 1 or not cut:
        raise fields.refusal(
            "cut_frac",
            _("a share that leaves both sides an update"),
            _("Of {steps} updates it cuts {cut}.", steps=steps, cut=cut),
        )
    notes.append(_("past its last update thinc falls on, below 0 in the end; here the last value is held"))

    def over(base: float) -> Schedule:
        top, end = peak / base, peak / base / low
        up = Phase(curve=Linear(), length=cut, start=end, end=top, skip=min(done, cut), convention="native")
        # thinc divides by cut * (1 / cut_frac - 1), which is not num_steps - cut where the cut was rounded.
        after = cut * (1 / share - 1)
        late = min(max(0, done - cut), after)
        return PhaseSchedule(
            (up, Phase(curve=Linear(), length=after, start=top, end=end, skip=late, convention="native"))
        )

    return peak, over


def _cyclic(fields: Fields, _notes: list[str]) -> _Part:
    low, peak, side = _rate(fields, "min_lr"), _rate(fields, "max_lr"), fields.count("period", low=1)
    if low > peak:
        raise fields.refusal("min_lr", _("at most max_lr"), _("Swap them."))
    # thinc counts from 1: update 0 is a step above min_lr.
    shape = get_schedule("triangular", up=side, floor=low / peak if peak else 0.0).shift(1)
    return peak, lambda base: shape if base == peak else shape * (peak / base)


def _decaying(fields: Fields, _notes: list[str]) -> _Part:
    rate, decay = _rate(fields, "base_rate"), fields.number("decay", low=0.0)
    done = fields.number("t", 0.0, low=0.0)
    if not decay:
        return rate, lambda base: PhaseSchedule((hold(None, rate / base),))
    # rate / (1 + decay t), in the table's words.
    curve = PowerLaw(1.0, 1.0 / decay)
    return rate, lambda base: PhaseSchedule((Phase(curve=curve, length=None, start=rate / base, skip=done),))


def _compounding(fields: Fields, _notes: list[str]) -> _Part:
    start, stop, compound = _rate(fields, "start"), _rate(fields, "stop"), fields.number("compound", low=0.0)
    done = fields.number("t", 0.0, low=0.0)
    # Neither ever moves.
    if compound == 1 or (compound > 1 and start == stop):
        return start, lambda base: PhaseSchedule((hold(None, start / base),))
    if compound > 1:
        if not 0 < start < stop:
            raise fields.refusal("compound", _("at most 1 where the rate is to fall"), _("It would grow for ever."))
        # When it arrives, between two updates: thinc cuts off there.
        length = math.log(stop / start) / math.log(compound)
        curve = Geometric(start / stop)
        skip = min(done, length)
        return stop, lambda base: PhaseSchedule(
            (Phase(curve=curve, length=length, start=start / base, end=stop / base, skip=skip), hold(None, stop / base))
        )
    if compound <= 0:
        raise fields.refusal("compound", _("> 0"), _("It multiplies the rate."))
    fall = Exponential(compound)

    def over(base: float) -> Schedule:
        whole = PhaseSchedule((Phase(curve=fall, length=None, start=start / base, skip=done),))
        return whole.clip(floor=stop / base) if start > stop else whole

    return start, over


_READERS: dict[str, Callable[[Fields, list[str]], _Part]] = {
    "constant": _constant,
    "constant_then": _constant_then,
    "warmup_linear": _warmup_linear,
    "slanted_triangular": _slanted,
    "cyclic_triangular": _cyclic,
    "decaying": _decaying,
    "compounding": _compounding,
}


def matches(config: Any) -> int:
    """3 for a learn_rate with ``@schedules``, or a section that names one of its schedules."""
    if not isinstance(config, Mapping):
        return 0
    _unused, section = _section(config)
    return 3 if isinstance(section, Mapping) and _KEY in section else 0


def _example(name: str, **fields: Any) -> Example:
    section = {_KEY: f"{name}.v1", **fields}
    return Example(name, {"training": {"optimizer": {"learn_rate": section}}}, {"total": 100})


DIALECT = Dialect(
    name="thinc",
    title=_("thinc and spaCy"),
    source="thinc 9.1",
    convention=_("update n uses schedule(n): n / W in the warm-up; the triangular ones count from 1"),
    read=read,
    matches=matches,
    examples=(
        _example("constant", rate=0.1),
        _example(
            "constant_then",
            rate=0.1,
            steps=20,
            schedule={_KEY: "decaying.v1", "base_rate": 0.1, "decay": 0.01},
        ),
        _example("warmup_linear", initial_rate=0.1, warmup_steps=10, total_steps=100),
        _example("slanted_triangular", max_rate=0.1, num_steps=100),
        _example("cyclic_triangular", min_lr=0.01, max_lr=0.1, period=10),
        _example("decaying", base_rate=0.1, decay=0.01),
        _example("compounding", start=0.01, stop=0.1, compound=1.05),
    ),
)
