"""OLMo-core's schedulers: a section by class or registered name, a saved experiment, or a constructor call.

Fields   units (steps) steps|tokens; warmup or warmup_fraction (older: warmup_steps), warmup_min_lr (0), decay or
         decay_fraction (0.1; older: decay_steps), decay_min_lr (0), alpha_f (0.1), t_max (the run's), b (-0.51), lr_min
         (1e-9), period_lengths, period_lr_multipliers, stages, schedulers, schedulers_max, override_decay. Fractions,
         rounded half to even, are of the run; of a period, for wsds. optim.lr, trainer.max_duration and
         data_loader.global_batch_size (in tokens) beside it.
Step     the trainer adds 1 to its count before it sets the rate: update n runs at the schedule's value for n + 1.
Warm-up  (n + 1) / W from warmup_min_lr: the peak at update W - 1.
Ends     reached by the last update, and held; a part of sequential owns its last update.
Read     ai2-olmo-core 3.0.0: optim/scheduler.py, train/trainer.py, config.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.loading import call
from preheat.dialects.phases import Phases, hold, warm_up
from preheat.errors import ConfigError, unknown_name
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Cosine, Curve, Geometric, HalfCosine, Linear, PowerLaw
from preheat.schedule.lengths import Count


def read(config: Any, context: Context) -> Imported:
    """An OLMo-core scheduler, its section or a saved experiment, as a schedule."""
    root = Fields(_mapping(config.raw if isinstance(config, Fields) else config) or {})
    module = root.section("train_module") if "train_module" in root else root
    own = module.section("scheduler") if "scheduler" in module else module
    lr = module.section("optim", {}).rate("lr", None) if own is not module else None
    peak = context.rate("optim.lr", lr)
    each = 1.0
    if own.word("units", ("steps", "tokens"), "steps") == "tokens":
        each = _tokens(root, context)
    # In tokens a run need not be whole updates: the schedule ends at the budget, the run with the update that
    # reaches it.
    updates, amount = _run(root, context, each)
    # The trainer counts the update it is about to make: it asks for the value of n + 1.
    schedule = _build(_Part(own, amount, each, peak)).shift(1)
    notes: tuple[str, ...] = ()
    if amount is not None and amount % each:
        notes = (
            _("the last update lies past the budget of tokens: OLMo-core's line goes below its floor, here it is held"),
        )
    return Imported(schedule, peak, notes, total=updates)


def _tokens(root: Fields, context: Context) -> float:
    """Tokens that make an update."""
    own = root.section("data_loader", {}).number("global_batch_size", None, low=1.0)
    return context.per("token", "units") if own is None else float(own)


def _run(root: Fields, context: Context, each: float) -> tuple[int | None, float | None]:
    """Updates of the run, and its length in the scheduler's unit, of which ``each`` make an update."""
    trainer = root.section("trainer", {})
    if "max_duration" not in trainer:
        return context.told, None if context.told is None else context.told * each
    duration = trainer.section("max_duration")
    amount, unit = duration.count("value", low=1), duration.word("unit", ("steps", "epochs", "tokens"))
    if unit == "epochs":
        amount *= int(context.per("epoch", "trainer.max_duration"))
    elif unit == "tokens":
        updates = context.updates("trainer.max_duration", math.ceil(amount / _tokens(root, context)))
        return updates, float(amount if each != 1.0 else updates)
    return context.updates("trainer.max_duration", amount), amount * each


def _mapping(config: Any) -> Mapping[str, Any] | None:
    """The configuration; a constructor call as one with a scheduler of that class."""
    if isinstance(config, str):
        name, fields = call(config) or ("", None)
        return None if fields is None else {"scheduler": {"_CLASS_": name, **fields}}
    return config if isinstance(config, Mapping) else None


# A section, in the schedule's own count.


@dataclass(frozen=True, slots=True)
class _Part:
    """A scheduler section: ``total`` in its own unit, of which ``each`` make an update; ``lr`` is its factor 1."""

    own: Fields
    total: float | None
    each: float
    lr: float | None

    def updates(self, amount: float) -> Count:
        """Steps or tokens in updates, parts of one kept."""
        return int(amount // self.each) if amount % self.each == 0 else amount / self.each

    def length(self, name: str, default: Any = None, of: float | None = None) -> float:
        """``name``, or its share ``<name>_fraction`` of a period (of the run), in the section's own unit."""
        # Both spellings stand in saved experiments: the older one before the _steps were dropped.
        older, share = f"{name}_steps", f"{name}_fraction"
        given = self.own.count(name, self.own.count(older, None))
        fraction = self.own.number(share, default if given is None else None, low=0.0, high=1.0)
        if given is not None and fraction is not None:
            raise self.own.refusal(share, _("left out"), _("{field} says it already.", field=name))
        if given is None and fraction is None:
            raise self.own.refusal(name, _("given, or {share}", share=share), _("The schedule cannot do without it."))
        return float(given) if fraction is None else float(round((of or self.run()) * fraction))

    def run(self) -> float:
        """The run in the section's own unit, or its own t_max."""
        if self.total is None:
            raise self.own.refusal("t_max", _("known: the run's length"), _("Give total= (--updates)."))
        return self.total

    def warm_up(self, top: float = 1.0, of: float | None = None) -> tuple[Phases, Count]:
        """The warm-up to ``top``, and its updates."""
        warmup = self.updates(self.length("warmup", of=of))
        start = self.own.share("warmup_min_lr", self.lr)
        # A half cosine begins below the peak, and so its warm-up ends there.
        return tuple(replace(phase, end=top) for phase in warm_up(warmup, start)), warmup

    def decay(self, room: Count) -> Count:
        """The last stretch, which OLMo-core divides by."""
        updates = self.updates(self.length("decay", 0.1))
        if not 0 < updates <= room:
            raise self.own.refusal(
                "decay",
                _("above 0 and at most {room:g} updates (it is {updates:g})", room=room, updates=updates),
                _("Change it."),
            )
        return updates

    def refuse_warmup(self, warmup: Count, room: Count) -> None:
        """Refuse a warm-up that leaves no update of ``room``."""
        if warmup >= room:
            advice = _("The peak would never be used: shorten it or plan more updates.")
            raise self.own.refusal(
                "warmup", _("below {room:g} updates (it is {warmup:g})", room=room, warmup=warmup), advice
            )


def _build(part: _Part) -> Schedule:
    """A section in the schedule's own count, which the trainer begins at 1."""
    own = part.own
    given = own.text("_CLASS_", None)
    name = own.text("type", own.text("name", None)) if given is None else given.rpartition(".")[2]
    field = next((field for field in ("_CLASS_", "type", "name") if field in own), "_CLASS_")
    if _CLASSES.get(name, name) not in _BUILDERS:
        raise ConfigError(unknown_name(own.path(field), _("the name of a scheduler or its class"), name, _BUILDERS))
    schedule = _BUILDERS[_CLASSES.get(name, name)][1](part)
    own.refuse("lr_field", why=_("It schedules another number than the rate."), unless=("lr",))
    for read in ("type", "name", "units", "initial_lr_field", "warmup_steps", "decay_steps"):
        own.value(read, None)
    own.finish()
    return schedule


# Schedulers as phases.


_SHAPES: dict[str, Curve] = {"linear": Linear(), "cosine": Cosine()}


def _constant(_unused: _Part) -> Schedule:
    return PhaseSchedule((hold(None),))


def _constant_after_warmup(part: _Part) -> Schedule:
    return PhaseSchedule((*part.warm_up()[0], hold(None)))


def _falling(curve: Curve) -> Callable[[_Part], Schedule]:
    def shape(part: _Part) -> Schedule:
        given = part.own.count("t_max", None, low=1)
        shaped = part if given is None else replace(part, total=float(given))
        total, floor = shaped.updates(shaped.run()), part.own.number("alpha_f", 0.1, low=0.0, high=1.0)
        # OLMo-core's half cosine is the second half of a cosine: it begins in the middle between peak and floor.
        top = (1.0 + floor) / 2.0 if isinstance(curve, HalfCosine) else 1.0
        rise, warmup = shaped.warm_up(top)
        part.refuse_warmup(warmup, total)
        return PhaseSchedule((*rise, Phase(curve=curve, length=total - warmup, start=top, end=floor)))

    return shape


def _inverse_sqrt(part: _Part) -> Schedule:
    rise, warmup = part.warm_up()
    if not warmup:
        raise part.own.refusal(
            "warmup", _("above 0 for the inverse square root"), _("OLMo-core would train at alpha_f.")
        )
    floor = part.own.number("alpha_f", 0.1, low=0.0, high=1.0)
    return PhaseSchedule((*rise, Phase(curve=PowerLaw(timescale=warmup), length=None, start=1.0, end=floor)))


def _wsd(part: _Part) -> Schedule:
    rise, warmup = part.warm_up()
    total = part.updates(part.run())
    part.refuse_warmup(warmup, total)
    decay = part.decay(total - warmup)
    last = Phase(curve=Linear(), length=decay, start=1.0, end=part.own.share("decay_min_lr", part.lr))
    return PhaseSchedule((*rise, hold(total - warmup - decay), last))


def _power(part: _Part) -> Schedule:
    rise, warmup = part.warm_up()
    total = part.updates(part.run())
    if not warmup:
        raise part.own.refusal("warmup", _("above 0 for power_lr"), _("It divides by it."))
    part.refuse_warmup(warmup, total)
    decay = part.decay(total - warmup)
    # b is the exponent as the paper on the power scheduler has it, below 0 (arXiv:2408.13359).
    power = -part.own.number("b", -0.51)
    stands = (warmup / (total - decay)) ** power
    fall = Phase(curve=PowerLaw(power, warmup), length=total - decay - warmup, start=1.0)
    last = Phase(curve=Linear(), length=decay, start=stands, end=part.own.share("decay_min_lr", part.lr))
    return PhaseSchedule((*rise, fall, last))


def _cosine_with_tail(part: _Part) -> Schedule:
    whole, total = _falling(Cosine())(part), part.updates(part.run())
    decay = part.decay(total)
    # From wherever the cosine stands at that update.
    tail = Phase(curve=Linear(), length=decay, start=None, end=part.own.share("decay_min_lr", part.lr))
    return PhaseSchedule((whole.until(total - decay), tail))


def _wsds(part: _Part) -> Schedule:
    """Each period owns its last update, at the floor: the next begins one later, a step further on."""
    lengths = [Fields({"period": item}, part.own.path("period_lengths")).count("period", low=1)
               for item in part.own.list("period_lengths")]  # fmt: skip
    multipliers = part.own.list("period_lr_multipliers", [1.0] * len(lengths))
    if not lengths or len(multipliers) != len(lengths):
        raise part.own.refusal(
            "period_lr_multipliers",
            _("as many as period_lengths, {lengths}", lengths=len(lengths)),
            _("Give one each."),
        )
    # A period that ends inside an update would begin the next one between two updates.
    if any(length % part.each for length in lengths):
        raise part.own.refusal(
            "period_lengths", _("multiples of {each:g}, the tokens of an update", each=part.each), _("Round them.")
        )
    peaks = [Fields({"multiplier": item}, part.own.where).rate("multiplier") for item in multipliers]
    low = part.own.share("decay_min_lr", part.lr)
    rise, warmup = part.warm_up(peaks[0], of=lengths[0])
    phases: list[Phase] = [*rise]
    for index, (length, peak) in enumerate(zip(lengths, peaks, strict=True)):
        decay = part.updates(part.length("decay", of=length))
        stable = part.updates(length) - decay - (0 if index else warmup)
        if not decay or stable < 0:
            raise part.own.refusal(
                "decay",
                _("above 0 and inside every period"),
                _("Period {index} is {length} long.", index=index, length=length),
            )
        if not isinstance(decay, int) or not isinstance(warmup, int):
            rule = _("multiples of {each:g}, the tokens of an update, like the warm-up", each=part.each)
            raise part.own.refusal("decay", rule, _("Round them."))
        # Its first update is a step down already and its last one at the floor, hence native and the odd
        # update of hold.
        fall = Phase(curve=Linear(), length=decay, start=peak, end=low, convention="native")
        phases += [hold(stable + (0 if index else 1), peak), fall]
    return PhaseSchedule(tuple(phases))


def _exponential(part: _Part) -> Schedule:
    low = part.own.share("lr_min", part.lr, 1e-9)
    if not 0 < low < 1:
        raise part.own.refusal("lr_min", _("above 0 and below the peak"), _("It rises from there by equal ratios."))
    length = part.updates(part.run())
    return PhaseSchedule((Phase(curve=Geometric(low), length=length, start=low, end=1.0),))


def _composable(part: _Part) -> Schedule:
    phases: list[Phase] = []
    for index, item in enumerate(part.own.list("stages")):
        stage = Fields(item, f"{part.own.path('stages')}[{index}]")
        start = _end(stage, part, "start")
        length = part.updates(stage.count("duration", low=1))
        phases.append(_stretch(stage, part, length, start if start is not None or phases else 1.0))
    if not phases:
        raise part.own.refusal("stages", _("one or more"), _("Give at least one stage."))
    return _overridden(part, PhaseSchedule(tuple(phases)))


def _stretch(stage: Fields, part: _Part, length: Count, start: float | None) -> Phase:
    end = _end(stage, part, "end")
    if end is None:
        raise stage.refusal("end_lr", _("given, or end_lr_fraction"), _("Say where it goes."))
    phase = Phase(curve=_SHAPES[stage.word("shape", _SHAPES, "linear")], length=length, start=start, end=end)
    for read in ("_CLASS_", "duration", "start"):
        stage.value(read, None)
    stage.finish()
    return phase


def _end(stage: Fields, part: _Part, name: str) -> float | None:
    """``<name>_lr`` or ``<name>_lr_fraction`` as a share of the rate."""
    value = stage.number(f"{name}_lr", None, low=0.0)
    share = stage.number(f"{name}_lr_fraction", None, low=0.0)
    if value is not None and share is not None:
        raise stage.refusal(f"{name}_lr_fraction", _("left out"), _("{stem}_lr says it already.", stem=name))
    if value is not None and part.lr is None:
        raise stage.refusal(f"{name}_lr", _("a fraction while the peak is not known"), _("Give peak= (--lr)."))
    return share if value is None else float(value) / float(part.lr or 1.0)


def _sequential(part: _Part) -> Schedule:
    """Each scheduler up to and with its last update; the next takes the rate it arrives at for its own 1."""
    own = part.own
    sections = [Fields(item, f"{own.path('schedulers')}[{index}]") for index, item in enumerate(own.list("schedulers"))]
    # The last scheduler has all that is left; a length given for it is not used.
    given = own.list("schedulers_max", own.list("schedulers_max_steps", []))[: max(0, len(sections) - 1)]
    if not sections or len(given) != len(sections) - 1:
        raise own.refusal(
            "schedulers_max",
            _("one for each but the last of {sections}", sections=len(sections)),
            _("Give the lengths."),
        )
    lengths = [Fields({"length": item}, own.path("schedulers_max")).count("length", low=1) for item in given]
    parts: list[Schedule] = []
    begin, position, level, left = 0.0, 0, 1.0, part.total
    for section, length in zip(sections, [*lengths, None], strict=True):
        known = [span for span in (left, length) if span is not None]
        lr = None if part.lr is None else part.lr * level
        schedule = _build(replace(part, own=section, total=min(known, default=None), lr=lr))
        schedule = schedule if level == 1.0 else schedule * level
        # Borders in tokens fall between updates: a part is asked from its own beginning, wherever that is.
        placed = schedule if position == begin else schedule.shift(position - begin)  # type: ignore[arg-type]
        if length is not None:
            # OLMo-core hands the rate reached to the next scheduler as its initial one: everything after
            # is a share of it.
            level = schedule._at(part.updates(length))
            if not level:
                raise section.refusal("decay_min_lr", _("above 0 before another scheduler"), _("It would go on at 0."))
            begin, left = begin + part.updates(length), None if left is None else left - length
            following = math.floor(begin) + 1
            placed, position = placed.until(following - position), following
        parts.append(placed)
    return _overridden(part, PhaseSchedule(tuple(parts)))


def _overridden(part: _Part, main: Schedule) -> Schedule:
    """``main`` until override_decay begins, then that from where it stands."""
    if "override_decay" not in part.own:
        return main
    section = part.own.section("override_decay")
    begin, length = (part.updates(section.count(name, low=low)) for name, low in (("start", 0), ("duration", 1)))
    if not isinstance(begin, int):
        raise section.refusal(
            "start", _("a multiple of {each:g}, the tokens of an update", each=part.each), _("Round it.")
        )
    return PhaseSchedule((main.until(begin), _stretch(section, part, length, None)))


_BUILDERS: dict[str, tuple[str, Callable[[_Part], Schedule]]] = {
    "constant": ("ConstantScheduler", _constant),
    "constant_with_warmup": ("ConstantWithWarmup", _constant_after_warmup),
    "linear_with_warmup": ("LinearWithWarmup", _falling(Linear())),
    "inv_sqrt_with_warmup": ("InvSqrtWithWarmup", _inverse_sqrt),
    "cos_with_warmup": ("CosWithWarmup", _falling(Cosine())),
    "half_cos_with_warmup": ("HalfCosWithWarmup", _falling(HalfCosine())),
    "cos_with_warmup_and_linear_decay": ("CosWithWarmupAndLinearDecay", _cosine_with_tail),
    "wsd": ("WSD", _wsd),
    "power_lr": ("PowerLR", _power),
    "sequential": ("SequentialScheduler", _sequential),
    "composable": ("ComposableScheduler", _composable),
    "wsds": ("WSDS", _wsds),
    "exponential": ("ExponentialScheduler", _exponential),
}
_CLASSES = {name: registered for registered, (name, _unused) in _BUILDERS.items()}


# The dialect.


# Names that other trainers have too.
_SHARED = ("constant", "constant_with_warmup", "linear_with_warmup", "inv_sqrt_with_warmup", "exponential")


def matches(config: Any) -> int:
    """3 for a class or a registered name of its own, or a shared one in a train_module."""
    root = _mapping(config)
    module = None if root is None else root.get("train_module", root)
    own = module.get("scheduler", module) if isinstance(module, Mapping) else None
    if not isinstance(own, Mapping):
        return 0
    given = str(own.get("_CLASS_") or own.get("type") or own.get("name"))
    name = _CLASSES.get(given.rpartition(".")[2], given)
    # A module path, or a section inside a train_module, is proof enough for a name that others share.
    certain = "olmo" in given or module is not root or name not in _SHARED
    return 3 * int(name in _BUILDERS and certain)


def _example(name: str, **own: Any) -> Example:
    scheduler = {"type": name, **own} if name in ("constant", "composable", "sequential", "wsds", "exponential") else {
        "type": name, "warmup": 10, **own}  # fmt: skip
    module = {"optim": {"lr": 1e-3}, "scheduler": scheduler}
    return Example(name, {"train_module": module, "trainer": {"max_duration": {"value": 100, "unit": "steps"}}})


_STAGES = ({"duration": 10, "start_lr": 0.0, "end_lr_fraction": 1.0}, {"duration": 60, "end_lr_fraction": 0.5})
_PARTS = ({"type": "constant_with_warmup", "warmup": 10}, {"type": "wsd", "warmup": 10, "decay_fraction": 0.5})
DIALECT = Dialect(
    name="olmo-core",
    title="OLMo-core",
    source="ai2-olmo-core 3.0.0",
    convention=_("update n runs at (n + 1) / W in the warm-up, the peak at W - 1; the last update is at the end value"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(name) for name in _BUILDERS if name not in ("sequential", "composable", "wsds")),
        _example("sequential", schedulers=[*_PARTS], schedulers_max=[50]),
        _example("composable", stages=[*_STAGES], override_decay={"start": 80, "duration": 20, "end_lr": 0.0}),
        _example("wsds", period_lengths=[50, 50], warmup=10, decay_fraction=0.2, period_lr_multipliers=[1.0, 0.8]),
    ),
)
