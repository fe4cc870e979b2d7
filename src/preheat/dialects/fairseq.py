"""fairseq: command-line flags, and the ``lr_scheduler`` section of its hydra files.

Fields   lr_scheduler (its ``_name`` in hydra), lr (a list), max_update, both also under ``optimization``; then
         fixed             warmup_updates (0), force_anneal, lr_shrink (0.1); a rate per epoch in lr
         inverse_sqrt      warmup_updates (4000), warmup_init_lr (-1: 0)
         polynomial_decay  warmup_updates (0), total_num_update (max_update), end_learning_rate (0), power (1)
         cosine            warmup_updates (0), warmup_init_lr (-1: min_lr), min_lr (0), t_mult (1), lr_shrink (0.1),
                           lr_period_updates (-1: max_update less the warm-up)
         triangular        max_lr, lr_period_updates (5000), lr_shrink (0.1), shrink_min; lr is the lower rate
         tri_stage         warmup_steps, hold_steps, decay_steps (0) or phase_ratio of max_update, in whole updates;
                           init_lr_scale (0.01), final_lr_scale (0.01)
         step              warmup_updates (0), warmup_init_lr (-1: min_lr), lr_deacy_period (so spelt; 25000),
                           lr_decay (0.5), min_lr (0)
         manual            update2lr, epoch2lr: dictionaries, with ranges "2-5" and lists "3,4"
Step     update n uses ``step_update(n)``: a warm-up is n / W, that of fixed (n + 1) / W.
Ends     cosine starts over at lr_shrink of the peak, the floor shrunk too; polynomial_decay and tri_stage hold.
Floors   min_lr and end_learning_rate are rates and rescale; that of step clips.
Read     fairseq 0.12: optim/lr_scheduler/*.py, trainer.py.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import early_warm_up, hold, plateaus, warm_up
from preheat.errors import ConfigError, refusal
from preheat.messages import _
from preheat.schedule import Phase, Schedule
from preheat.schedule.curves import Cosine, Exponential, Geometric, Linear, Polynomial, PowerLaw
from preheat.schedule.sequence import PhaseSchedule

_OTHERS = ("reduce_lr_on_plateau", "pass_through")


def read(fields: Fields, context: Context) -> Imported:
    """Flags, or a hydra file."""
    section = fields.value("lr_scheduler", None)
    nested = isinstance(section, Mapping)
    # hydra keeps rates and lengths under optimization; flags have all in one.
    general = {key: value for key, value in fields.raw.items() if key != "lr_scheduler"}
    if isinstance(general.get("optimization"), Mapping):
        general |= general.pop("optimization")
    inner = Fields({**general, **(section if nested else {})}, "lr_scheduler" if nested else "")
    name = (inner if nested else fields).word("_name" if nested else "lr_scheduler", (*_SHAPES, *_OTHERS), "fixed")
    if name in _OTHERS:
        advice = (
            _("Multiply by preheat.plateau() instead.")
            if name.startswith("reduce")
            else _("The optimizer has its own.")
        )
        raise fields.refusal("lr_scheduler", _("a function of the update"), advice)
    own = _rates(inner)
    # 0 is fairseq's own default, no limit.
    total = inner.count("max_update", 0) or None
    if total is None and (context.total is not None or context.plan is not None):
        total = context.updates("max_update")
    elif total is not None:
        total = context.updates("max_update", total)
    arguments = _Arguments(inner, own or [context.known_rate("lr")], total, context)
    schedule, base = _SHAPES[name](arguments)
    if nested:
        # A section of hydra is closed, so an unknown field is a slip; flags hold the whole of a command line.
        for ignored in ("_name", *general):
            inner.value(str(ignored).replace("-", "_"), None)
        inner.finish()
    if base <= 0:
        raise inner.refusal("lr", _("> 0"), _("It is a learning rate."))
    return Imported(schedule, context.rate("lr", base) if own else base, tuple(arguments.notes), total=total)


def _rates(fields: Fields) -> list[float]:
    value = fields.value("lr", None)
    if value is None:
        return []
    if isinstance(value, (list, tuple)) or str(value).lstrip().startswith("["):
        rates: list[float] = fields.numbers("lr", low=0.0)
        if not rates:
            raise fields.refusal("lr", _("one rate at least"), _("It is a list of them."))
        return rates
    return [fields.number("lr", low=0.0, advice=_("It is a learning rate."))]


# Schedulers from their arguments, each with the rate its factors are shares of.


class _Arguments:
    """The scheduler's fields, the run's rates and its updates."""

    def __init__(self, fields: Fields, rates: list[float], total: int | None, context: Context) -> None:
        self.fields = fields
        self.rates = rates
        self.total = total
        self.context = context
        self.notes: list[str] = []

    @property
    def rate(self) -> float:
        """The one learning rate."""
        if len(self.rates) > 1:
            raise self.fields.refusal("lr", _("one rate for this scheduler"), _("Only fixed takes one an epoch."))
        if self.rates[0] <= 0:
            raise self.fields.refusal("lr", _("> 0"), _("It is the learning rate that all others are shares of."))
        return self.rates[0]

    @property
    def updates(self) -> int:
        """Updates of the run, where the shape depends on them."""
        return self.context.updates("max_update", self.total)

    def warmup(self, default: int = 0, low: int = 0) -> int:
        """Updates of the warm-up."""
        return int(self.fields.count("warmup_updates", default, low=low))

    def share(self, name: str, default: float = 0.0) -> float:
        """A learning rate as a share of the peak; negative ones say that it is not given."""
        value = self.fields.number(name, -1.0, advice=_("It is a learning rate."))
        return default if value < 0 else float(value) / self.rate


_Read = tuple[Schedule, float]


def _fixed(arguments: _Arguments) -> _Read:
    fields, rates = arguments.fields, arguments.rates
    warmup, anneal = arguments.warmup(), fields.count("force_anneal", None, low=1)
    shrink = fields.number("lr_shrink", 0.1, low=0.0, high=1.0)
    base = max(rates)
    if base <= 0:
        return PhaseSchedule((hold(None, 0.0),)), base
    # fixed multiplies the epoch's rate by (n + 1) / W.
    rise = PhaseSchedule((*early_warm_up(warmup), hold(None)))
    if len(rates) == 1 and anneal is None:
        return rise, base
    each = arguments.context.per("epoch", "lr")
    if each != int(each):
        raise fields.refusal("lr", _("of a whole number of updates each"), _("An epoch has {each:g}.", each=each))
    # Without force_anneal the last rate stays for good.
    epochs = len(rates) if anneal is None else math.ceil(arguments.updates / each)
    held = []
    for epoch in range(1, epochs + 1):
        if anneal is None or epoch < anneal:
            held.append(rates[min(epoch, len(rates)) - 1] / base)
        else:
            # From force_anneal on, once an epoch.
            held.append(rates[-1] / base * shrink ** (epoch + 1 - anneal))
    arguments.notes.append(_("lr changes at the beginning of an epoch"))
    steps = plateaus(held, int(each))
    return (rise * steps if warmup else steps), base


def _inverse_sqrt(arguments: _Arguments) -> _Read:
    warmup = arguments.warmup(4000, low=1)
    rise = warm_up(warmup, arguments.share("warmup_init_lr"))
    return PhaseSchedule((*rise, Phase(curve=PowerLaw(timescale=warmup), length=None, start=1.0))), arguments.rate


def _polynomial(arguments: _Arguments) -> _Read:
    fields, warmup = arguments.fields, arguments.warmup()
    total = fields.count("total_num_update", None, low=1) or arguments.updates
    if total <= warmup:
        raise fields.refusal(
            "total_num_update", _("above warmup_updates={warmup}", warmup=warmup), _("Nothing would be left to decay.")
        )
    # No function of the update: lr_shrink is applied to whatever stood before.
    fields.refuse("force_anneal", why=_("From that epoch on the rate depends on what it was."))
    curve = Polynomial(fields.number("power", 1.0))
    end = arguments.share("end_learning_rate")
    if end > 1:
        raise fields.refusal("end_learning_rate", _("at most lr"), _("It is what is decayed to."))
    fall = Phase(curve=curve, length=total - warmup, start=1.0, end=end)
    return PhaseSchedule((*warm_up(warmup), fall)), arguments.rate


def _cosine(arguments: _Arguments) -> _Read:
    fields, warmup = arguments.fields, arguments.warmup()
    floor = arguments.share("min_lr")
    if floor >= 1:
        raise fields.refusal("min_lr", _("below lr"), _("fairseq refuses it too."))
    # Below 0 fairseq takes what the warm-up leaves of max_update.
    period = fields.number("lr_period_updates", -1)
    if period <= 0:
        period = arguments.updates - warmup
        if period <= 0:
            raise fields.refusal(
                "warmup_updates", _("below max_update={updates}", updates=arguments.updates), _("Shorten the warm-up.")
            )
    growth = fields.number("t_mult", 1.0, low=1.0, advice=_("Periods that shrink come to an end."))
    shrink = fields.number("lr_shrink", 0.1, low=0.0, high=1.0)
    cycle = PhaseSchedule((Phase(curve=Cosine(), length=period, start=1.0, end=floor),))
    arguments.notes.append(
        _("after each period it starts over, at lr_shrink={shrink:g} of the one before, floor and all", shrink=shrink)
    )
    rise = warm_up(warmup, arguments.share("warmup_init_lr", floor))
    return PhaseSchedule((*rise, cycle.repeat(growth=growth, scale=shrink))), arguments.rate


def _triangular(arguments: _Arguments) -> _Read:
    fields = arguments.fields
    peak = fields.rate("max_lr")
    low = arguments.rates[0] / peak
    if len(arguments.rates) > 1 or low >= 1:
        raise fields.refusal("lr", _("one rate below max_lr"), _("It is the lower one."))
    side = int(fields.number("lr_period_updates", 5000, low=2) // 2)
    shrink, shrink_low = fields.number("lr_shrink", 0.1, low=0.0, high=1.0), fields.flag("shrink_min")
    # Then all of a cycle shrinks alike, and the cycles are a repetition.
    if shrink_low or shrink == 1:
        return _triangle(side, low, 1.0).repeat(scale=shrink), peak
    # Only the upper rate shrinks, so every cycle has another shape: they are laid out for the run.
    cycles = math.ceil(arguments.updates / (2 * side))
    if cycles > 1000:
        raise fields.refusal("lr_period_updates", _("at most 1000 periods long"), _("Each is laid out."))
    arguments.notes.append(_("only the upper rate shrinks: laid out for {updates} updates", updates=arguments.updates))
    phases = [phase for cycle in range(cycles) for phase in _triangle(side, low, shrink**cycle).phases]
    return PhaseSchedule(tuple(phases)), peak


def _triangle(side: int, low: float, high: float) -> PhaseSchedule:
    up = Phase(curve=Linear(), length=side, start=low, end=high)
    return PhaseSchedule((up, Phase(curve=Linear(), length=side, start=high, end=low)))


def _tri_stage(arguments: _Arguments) -> _Read:
    fields = arguments.fields
    shares = fields.numbers("phase_ratio", None, low=0.0)
    steps = [fields.count(name, 0) for name in ("warmup_steps", "hold_steps", "decay_steps")]
    if shares is not None:
        if len(shares) != 3 or sum(shares) != 1:
            raise fields.refusal("phase_ratio", _("three shares that add up to 1"), _("fairseq refuses it too."))
        # Rounded down each by itself, so that the three may be short of the run.
        steps = [int(arguments.updates * share) for share in shares]
    warmup, held, decay = steps
    if not decay:
        name = "decay_steps" if shares is None else "phase_ratio"
        raise fields.refusal(name, _("a descent of one update at least"), _("fairseq divides by its length."))
    start = fields.number("init_lr_scale", 0.01, low=0.0, advice=_("It is a share of lr."))
    end = fields.number("final_lr_scale", 0.01, low=0.0, high=1.0, advice=_("It is a share of lr."))
    if end <= 0:
        raise fields.refusal("final_lr_scale", _("> 0"), _("A geometric fall never reaches 0."))
    fall = hold(decay) if end == 1 else Phase(curve=Geometric(end), length=decay, start=1.0, end=end)
    return PhaseSchedule((*warm_up(warmup, start), hold(held), fall)), arguments.rate


def _step(arguments: _Arguments) -> _Read:
    fields, floor = arguments.fields, arguments.share("min_lr")
    # fairseq's own slip, the name that works; the right spelling is taken too.
    every = fields.count("lr_deacy_period", None, low=1) or fields.count("lr_decay_period", 25000, low=1)
    factor = fields.number("lr_decay", 0.5, low=0.0, high=1.0)
    if factor <= 0:
        raise fields.refusal("lr_decay", _("in (0, 1]"), _("It multiplies the rate."))
    if floor >= 1:
        raise fields.refusal("min_lr", _("below lr"), _("fairseq refuses it too."))
    fall: Schedule = PhaseSchedule((Phase(curve=Exponential(factor, every, staircase=True), length=None, start=1.0),))
    rise = warm_up(arguments.warmup(), arguments.share("warmup_init_lr", floor))
    return PhaseSchedule((*rise, fall.clip(floor=floor) if floor else fall)), arguments.rate


def _manual(arguments: _Arguments) -> _Read:
    fields = arguments.fields
    by_update, by_epoch = (_table(fields, name) for name in ("update2lr", "epoch2lr"))
    changes = {0: arguments.rate}
    if by_epoch:
        each = arguments.context.per("epoch", "epoch2lr")
        changes |= {max(0, math.ceil((epoch - 1) * each)): rate for epoch, rate in sorted(by_epoch.items())}
    if by_update:  # from the first of them on they have the word
        first = min(by_update)
        changes = {at: rate for at, rate in changes.items() if at < first} | by_update
    base = max(changes.values())
    if base <= 0:
        return PhaseSchedule((hold(None, 0.0),)), base
    at = sorted(changes)
    holds = [hold(after - before, changes[before] / base) for before, after in pairwise(at)]
    return PhaseSchedule((*holds, hold(None, changes[at[-1]] / base))), base


def _table(fields: Fields, name: str) -> dict[int, float]:
    """``{"2-5": 0.1, "7,8": 0.01}`` by its first updates: what a later one says again changes nothing."""
    value = fields.value(name, {})
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise fields.refusal(name, _("a dictionary"), _('As in {{"0": 0.1, "100-200": 0.01}}.')) from None
    if not isinstance(value, Mapping):
        raise fields.refusal(name, _("a dictionary"), _('As in {{"0": 0.1, "100-200": 0.01}}.'))
    rates_at: dict[int, float] = {}
    rates = Fields(value, fields.path(name))
    for key, raw in value.items():
        rate = Fields({"rate": raw}, rates.where).number("rate", low=0.0, advice=_("It is a learning rate."))
        # fairseq expands "2-5" and "7,8" into single keys; a range matters by its first alone, see above.
        ranged = "," not in str(key) and "-" in str(key)
        places = str(key).split("-")[:1] if ranged else str(key).split(",")
        for place in places:
            if not place.strip().isdigit():
                raise ConfigError(refusal(rates.where, _("keyed by whole numbers"), key, _('As "3", "3,4" or "3-7".')))
            rates_at[int(place)] = rate
    return rates_at


_SHAPES: dict[str, Callable[[_Arguments], _Read]] = {
    "fixed": _fixed,
    "inverse_sqrt": _inverse_sqrt,
    "polynomial_decay": _polynomial,
    "cosine": _cosine,
    "triangular": _triangular,
    "tri_stage": _tri_stage,
    "step": _step,
    "manual": _manual,
}


# The dialect.


_ALONE = {
    *("warmup_updates", "warmup_init_lr", "total_num_update", "lr_period_updates", "phase_ratio", "update2lr"),
    *("epoch2lr", "lr_deacy_period", "force_anneal", "stop_min_lr", "max_update", "update_freq", "init_lr_scale"),
}


def matches(config: Any) -> int:
    """3 for its names of fields beside a scheduler, or a section with ``_name``; 2 for names of schedulers alone."""
    if not isinstance(config, Mapping):
        return 0
    section = config.get("lr_scheduler", config.get("lr-scheduler"))
    if isinstance(section, Mapping):
        return 3 if section.get("_name") in (*_SHAPES, *_OTHERS) else 0
    if section not in (*_SHAPES, *_OTHERS):
        return 0
    if {str(name).replace("-", "_") for name in config} & _ALONE:
        return 3
    return 2 if section in ("polynomial_decay", "triangular", "tri_stage", "manual", "fixed") else 0


def _example(name: str, **more: Any) -> Example:
    return Example(name, {"lr_scheduler": name, "lr": [0.1], "max_update": 100, **more})


DIALECT = Dialect(
    name="fairseq",
    title="fairseq",
    source="fairseq 0.12",
    convention=_("update n runs at n / W in the warm-up, with fixed at (n + 1) / W; end values fall on the last count"),
    read=read,
    matches=matches,
    examples=(
        _example("fixed", warmup_updates=10),
        _example("inverse_sqrt", warmup_updates=10, warmup_init_lr=1e-3),
        _example("polynomial_decay", warmup_updates=10, power=2.0, end_learning_rate=1e-3),
        _example("cosine", warmup_updates=10, lr_period_updates=45, lr_shrink=0.5),
        _example("triangular", max_lr=0.5, lr_period_updates=20, lr_shrink=0.8),
        _example("tri_stage", phase_ratio=[0.1, 0.4, 0.5]),
        _example("step", warmup_updates=10, lr_deacy_period=20, min_lr=1e-3),
        _example("manual", update2lr='{"0": 0.1, "50-99": 0.01}'),
        Example(
            "hydra",
            {
                "optimization": {"lr": [0.1], "max_update": 100},
                "lr_scheduler": {"_name": "cosine", "warmup_updates": 10},
            },
        ),
    ),
)
