"""NeMo's ``optim.sched``: alone, under ``optim``, or in a whole model or experiment configuration.

Fields   name; max_steps (the trainer's); warmup_steps (0) or warmup_ratio; hold_steps or hold_ratio; constant_steps or
         constant_ratio; min_lr (0; SquareAnnealing 1e-5); d_model, power (1), cycle, decay_rate (0.5). Shares are of
         max_steps, rounded down. optim.lr beside it.
Warm-up  (n + 1) / (W + 1) up to and with update W; CosineAnnealing with constant_steps and NoamAnnealing have n / W.
Decay    from W to max_steps = T; min_lr rescales WarmupAnnealing, CosineAnnealing, WarmupHoldAnnealLinear and the
         polynomials, and cuts the others off. SquareRootAnnealing forgets W: (1 - n / T)^1/2. Without a
         hold WarmupHoldAnneal* and PolynomialHoldDecayAnnealing count from update 0, and drop at the peak.
Noam     lr d_model^-1/2 min(k^-1/2, k W^-3/2), k = max(n, 1). T5InverseSquareRootAnnealing: max(n, C)^-1/2, without lr.
Ends     after update T min_lr, from wherever the rate stands; NoamAnnealing and torch's own go on.
torch    StepLR and CyclicLR are stepped every update, ExponentialLR every epoch.
Read     nemo_toolkit 3.0.0, core/optim/lr_scheduler.py, core/config/schedulers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import hold, warm_up, wide_warm_up
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Cosine, Curve, Exponential, Linear, OneMinusPower, Polynomial, PowerLaw
from preheat.schedule.named import exp_range, triangular, triangular2

# Fields NeMo's own trainer fills in or takes for itself; the schedule does not depend on them.
_OF_THE_TRAINER = (
    *("monitor", "reduce_on_plateau", "iters_per_batch", "t_max_epochs"),
    *("t_accumulate_grad_batches", "t_limit_train_batches", "t_num_workers"),
)


def read(fields: Fields, context: Context) -> Imported:
    """A NeMo configuration as a schedule."""
    model = fields.section("model") if "model" in fields else fields
    optim = model.section("optim") if "optim" in model else model
    sched = optim.section("sched") if "sched" in optim else optim
    name = sched.word("name", _NAMES)
    if name == "ReduceLROnPlateau":
        raise sched.refusal("name", _("a function of the update"), _("Multiply by preheat.plateau() instead."))
    steps = fields.section("trainer", {}).count("max_steps", None, low=-1)
    lr, optimizer = (None, "") if optim is sched else (optim.rate("lr", None), str(optim.value("name", "")))
    own = _parameters(sched)
    section = _Section(own, lr, optimizer, steps if steps and steps > 0 else None, context)
    imported = _policy(name, section) if name in _POLICIES else _OTHERS[name](section)
    for ignored in ("name", "max_steps", *_OF_THE_TRAINER):
        own.value(ignored, None)
    own.refuse("last_epoch", why=_("A schedule starts at its beginning."), unless=(-1,))
    own.finish()
    total = context.told or section.trainer_steps or own.count("max_steps", None)
    return replace(imported, notes=tuple(dict.fromkeys(section.notes)), total=total)


def _parameters(sched: Fields) -> Fields:
    """The section, with what older files keep in ``args.params``."""
    if "args" not in sched:
        return sched
    # A scheduler of an older file, which newer NeMo still takes.
    inner = sched.section("args").section("params", {})
    return Fields({**{k: v for k, v in sched.raw.items() if k != "args"}, **inner.raw}, sched.where)


# A scheduler's section, and what stands around it.


@dataclass(frozen=True, slots=True)
class _Section:
    """The fields of a scheduler, what stands around them, and what is to be said about them."""

    fields: Fields
    lr: float | None
    optimizer: str
    trainer_steps: int | None
    context: Context
    notes: list[str] = field(default_factory=list)

    def peak(self, name: str = "optim.lr", own: float | None = None) -> float | None:
        return self.context.rate(name, self.lr if own is None else own)

    def total(self) -> int:
        """Updates the schedule is shaped for."""
        own = self.fields.count("max_steps", None, low=-1)
        # A number below 1 turns NeMo's scheduler off.
        if own is not None and own <= 0:
            raise self.fields.refusal("max_steps", _("above 0"), _("NeMo makes no scheduler then."))
        if own is not None and self.trainer_steps not in (None, own):
            self.notes.append(
                _("max_steps shapes the schedule for {own} updates, trainer.max_steps says otherwise", own=own)
            )
        return self.context.shaped("optim.sched.max_steps", self.trainer_steps if own is None else own, self.notes)

    def length(self, stem: str) -> int | None:
        """``<stem>_steps``, or ``<stem>_ratio`` of the total rounded down; None without either."""
        share = self.fields.number(f"{stem}_ratio", None, low=0.0, high=1.0, advice=_("It is a share of max_steps."))
        if share is None:
            steps: int | None = self.fields.count(f"{stem}_steps", None)
            return steps
        self.fields.refuse(f"{stem}_steps", why=_("{stem}_ratio says it already.", stem=stem))
        return int(share * self.total())


# NeMo's own policies, which share their warm-up, their hold and their floor.


def _policy(name: str, section: _Section) -> Imported:
    peak, total = section.peak(), section.total()
    warmup = section.length("warmup") or 0
    held = section.length("hold") if name in _HOLDING else None
    constant = (section.length("constant") if name == "CosineAnnealing" else None) or 0
    floor = section.fields.share("min_lr", peak, 1e-5 if name == "SquareAnnealing" else 0.0)
    # That one holds to the end, so its hold may be as long as the run.
    if warmup + (0 if name == "WarmupHoldPolicy" else held or 0) + constant >= total:
        rule = _(
            "above its parts ({warmup} of warm-up, {held} held, {constant} constant)",
            warmup=warmup,
            held=held or 0,
            constant=constant,
        )
        raise section.fields.refusal("max_steps", rule, _("The decay would have no update."))
    if constant:
        # With constant_steps NeMo goes another way through its code, with n / W.
        fall = Phase(curve=Cosine(), length=total - warmup - constant, start=1.0, end=floor)
        return Imported(PhaseSchedule((*warm_up(warmup), fall, hold(constant, floor))), peak)
    run = _Run(section.fields, total, warmup, None if held is None else held + warmup, floor, section.notes)
    return Imported(_POLICIES[name](run), peak)


@dataclass(frozen=True, slots=True)
class _Run:
    """A policy of NeMo's own: T, W, the update that ends a hold (None without one), the floor."""

    fields: Fields
    total: int
    warmup: int
    held: int | None
    floor: float
    notes: list[str]

    def rescaled(self, curve: Curve, origin: int | None = None, length: int | None = None) -> Schedule:
        """The curve from ``origin`` (W) down to the floor at T, joined on its way where the warm-up is later."""
        return self._joined(curve, self.warmup if origin is None else origin, length, self.floor)

    def cut(self, curve: Curve, origin: int | None = None, length: int | None = None) -> Schedule:
        """The curve from ``origin`` (W) to 0 at T, but never below the floor."""
        return self._joined(curve, self.warmup if origin is None else origin, length, None)

    def _joined(self, curve: Curve, origin: int, length: int | None, end: float | None) -> Schedule:
        # (n + 1) / (W + 1) is used up to and with update W, so the decay is asked for the first time after it.
        first = self.warmup + 1 if self.warmup else 0
        length = self.total - origin if length is None else length
        begin = max(first, origin)
        fall = Phase(curve=curve, length=length, start=1.0, end=end or 0.0, skip=min(begin - origin, length))
        falling: Schedule = PhaseSchedule((hold(begin - first), fall))
        # A floor that cuts off is not a floor that rescales: the curve arrives at it before T.
        if end is None and self.floor:
            falling = falling.clip(floor=self.floor)
        return PhaseSchedule((*wide_warm_up(self.warmup), falling, hold(0, self.floor)))

    def cliff(self) -> int:
        """Updates from W up to and with T, after which the rate falls to the floor at once."""
        self.notes.append(
            _(
                "after update {update} NeMo falls to min_lr={floor} at once",
                update=self.total,
                floor=self.fields.number("min_lr", 0),
            )
        )
        return self.total + 1 - self.warmup


def _constant(run: _Run) -> Schedule:
    # A hold longer than the run keeps the peak past T, where the others fall to min_lr.
    held = max(run.cliff() + run.warmup, run.held or 0)
    first = run.warmup + 1 if run.warmup else 0
    return PhaseSchedule((*wide_warm_up(run.warmup), hold(held - first), hold(0, run.floor)))


def _polynomial(run: _Run) -> Schedule:
    run.fields.flag("cycle")  # it would start again after T, where min_lr is taken
    return run.rescaled(Polynomial(run.fields.number("power", 1.0)))


def _polynomial_after_hold(run: _Run) -> Schedule:
    curve = Polynomial(run.fields.number("power", 1.0))
    if run.held is not None:
        run.fields.flag("cycle")
        return run.rescaled(curve, run.held)
    run.fields.refuse("cycle", why=_("Without a hold the rate would rise again."), unless=(False, "false", "False"))
    return run.rescaled(curve, _end_of_hold(run), run.total - run.warmup)


def _square_root(run: _Run) -> Schedule:
    if run.warmup:
        run.notes.append(_("the square root counts from update 0: it drops after update {update}", update=run.warmup))
    return run.cut(Polynomial(0.5), 0)


def _inverse_root(run: _Run) -> Schedule:
    fall = Phase(curve=PowerLaw(timescale=run.warmup + 1), length=run.cliff(), skip=int(run.warmup > 0))
    return PhaseSchedule((*wide_warm_up(run.warmup), fall, hold(0, run.floor)))


def _noam_after_hold(run: _Run) -> Schedule:
    if not run.warmup:
        raise run.fields.refusal("warmup_steps", _("above 0 for NoamHoldAnnealing"), _("NeMo refuses it too."))
    origin = run.warmup if run.held is None else run.held
    curve = PowerLaw(run.fields.number("decay_rate", 0.5), timescale=run.warmup)
    return run.cut(curve, origin, run.cliff() + run.warmup - origin)


def _end_of_hold(run: _Run) -> int:
    if run.held is None and run.warmup:
        run.notes.append(
            _("without a hold the decay counts from update 0: it drops after update {update}", update=run.warmup)
        )
    return run.held or 0


_POLICIES: dict[str, Callable[[_Run], Schedule]] = {
    "WarmupPolicy": _constant,
    "WarmupHoldPolicy": _constant,
    "WarmupAnnealing": lambda run: run.rescaled(Linear()),
    "CosineAnnealing": lambda run: run.rescaled(Cosine()),
    "SquareAnnealing": lambda run: run.cut(Polynomial(2.0)),
    "SquareRootAnnealing": _square_root,
    "InverseSquareRootAnnealing": _inverse_root,
    "PolynomialDecayAnnealing": _polynomial,
    "PolynomialHoldDecayAnnealing": _polynomial_after_hold,
    "NoamHoldAnnealing": _noam_after_hold,
    "WarmupHoldAnnealLinear": lambda run: run.rescaled(Linear(), _end_of_hold(run)),
    "WarmupHoldAnnealOneMinusSquareRoot": lambda run: run.cut(OneMinusPower(0.5), _end_of_hold(run)),
}
_HOLDING = tuple(name for name in _POLICIES if "Hold" in name)


# The others: two that make their own peak, and three of torch's.


def _noam(section: _Section) -> Imported:
    warmup = section.length("warmup") or 0
    d_model = section.fields.number("d_model", low=1.0)
    # The two branches of the formula meet at n = W, and there is its peak.
    share = (d_model * max(1, warmup)) ** -0.5
    section.notes.append(_("the peak is {share:.6g} of optim.lr, (d_model x warmup_steps)^-1/2", share=share))
    peak = section.peak(own=None if section.lr is None else section.lr * share)
    floor = section.fields.share("min_lr", peak)
    fall: Schedule = PhaseSchedule((Phase(curve=PowerLaw(timescale=max(1, warmup)), length=None),))
    if floor:
        fall = fall.clip(floor=floor)
    # Its count starts at 1 and goes on with 1: update 0 is like update 1.
    return Imported(PhaseSchedule((*(warm_up(warmup) or (hold(1),)), fall)).shift(1).shift(-1), peak)


def _t5(section: _Section) -> Imported:
    total = section.total()
    constant = section.fields.count("constant_steps", low=1)  # NeMo's own constant_ratio fails
    peak = section.context.rate(_("the rate that constant_steps makes"), constant**-0.5)
    if section.lr is not None:
        section.notes.append(
            _("optim.lr={lr} is not used: the rate is constant_steps^-1/2 = {peak:.6g}", lr=section.lr, peak=peak)
        )
    section.notes.append(_("after update {update} NeMo falls to min_lr at once", update=total))
    fall = Phase(curve=PowerLaw(timescale=constant), length=max(1, total + 1 - constant))
    return Imported(PhaseSchedule((hold(constant), fall, hold(0, section.fields.share("min_lr", peak)))), peak)


def _step(section: _Section) -> Imported:
    # torch's class, which NeMo steps at every update, so step_size counts updates.
    rate, steps = section.fields.number("gamma", 0.1), section.fields.count("step_size", low=1)
    curve = Exponential(rate, steps, staircase=True)
    return Imported(PhaseSchedule((Phase(curve=curve, length=None),)), section.peak())


def _exponential(section: _Section) -> Imported:
    epoch = section.context.per("epoch", "optim.sched.name")
    # This one it steps once an epoch.
    curve = Exponential(section.fields.number("gamma"), epoch, staircase=True)
    return Imported(PhaseSchedule((Phase(curve=curve, length=None),)), section.peak())


def _cyclic(section: _Section) -> Imported:
    fields = section.fields
    peak = section.context.rate("optim.sched.max_lr", fields.rate("max_lr"))
    fields.value("base_lr")
    mode = fields.word("mode", ("triangular", "triangular2", "exp_range"), "triangular")
    fields.refuse("scale_fn", why=_("A function cannot be read."))
    fields.refuse("scale_mode", why=_("It belongs to a scale_fn."), unless=("cycle",))
    up = fields.count("step_size_up", 2000, low=1)
    wave = {"up": up, "down": fields.count("step_size_down", up, low=1), "floor": fields.share("base_lr", peak)}
    gamma = fields.number("gamma", 1.0)
    lowest, highest = fields.number("base_momentum", 0.8, low=0.0), fields.number("max_momentum", 0.9, low=0.0)
    if mode == "exp_range":
        if fields.flag("cycle_momentum", True):
            # Its depth shrinks at every update, not at every cycle.
            raise fields.refusal("cycle_momentum", _("false for exp_range"), _("Its momentum has no schedule here."))
        return Imported(exp_range(None, **wave, rate=gamma), peak)
    rate = (triangular if mode == "triangular" else triangular2)(None, **wave)
    if not fields.flag("cycle_momentum", True):
        return Imported(rate, peak)
    if not 0 < highest >= lowest:
        raise fields.refusal(
            "max_momentum", _("at least base_momentum={lowest}, above 0", lowest=lowest), _("Change one of them.")
        )
    fall = Phase(curve=Linear(), length=up, start=1.0, end=lowest / highest)
    rise = Phase(curve=Linear(), length=wave["down"], start=lowest / highest, end=1.0)
    mirrored = PhaseSchedule((fall, rise)).repeat(scale=1.0 if mode == "triangular" else 0.5, floor=1.0)
    driven = "momentum" if "sgd" in section.optimizer.lower() else "betas[0]"
    section.notes.append(
        _("{driven} refers to max_momentum={highest}: give the optimizer that value", driven=driven, highest=highest)
    )
    return Imported(rate, peak, also={driven: mirrored})


_OTHERS: dict[str, Callable[[_Section], Imported]] = {
    "NoamAnnealing": _noam,
    "T5InverseSquareRootAnnealing": _t5,
    "StepLR": _step,
    "ExponentialLR": _exponential,
    "CyclicLR": _cyclic,
}
_NAMES = (*_POLICIES, *_OTHERS, "ReduceLROnPlateau")


# The dialect.


def matches(config: Any) -> int:
    """3 for a scheduler of its own name, 2 for any other under ``optim.sched``."""
    section, inside = config, False
    for part in ("model", "optim", "sched"):
        if isinstance(section, Mapping) and part in section:
            section, inside = section[part], part == "sched"
    if not isinstance(section, Mapping) or "name" not in section:
        return 0
    # Names of torch's stand in many files: they are proof only under optim.sched.
    own = [name for name in _NAMES if not name.endswith("LR") and name != "ReduceLROnPlateau"]
    return 3 if section["name"] in (_NAMES if inside else own) else 2 * int(inside)


def _example(name: str, context: Mapping[str, Any] | None = None, **fields: Any) -> Example:
    sched = {"name": name, **fields}
    if name in _POLICIES:
        sched = {"name": name, "warmup_steps": 10, "max_steps": 100, **fields}
    return Example(name, {"optim": {"name": "adamw", "lr": 1e-3, "sched": sched}}, context or {})


DIALECT = Dialect(
    name="nemo",
    title="NeMo optim.sched",
    source="nemo_toolkit 3.0.0",
    convention=_("update n runs at (n + 1) / (W + 1) in the warm-up, the peak at W; the end value falls on update T"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(name) for name in _POLICIES if name not in _HOLDING),
        *(_example(name, hold_steps=20) for name in _HOLDING),
        _example("CosineAnnealing", min_lr=1e-4, constant_steps=20),
        _example("NoamAnnealing", d_model=64, warmup_steps=10),
        _example("T5InverseSquareRootAnnealing", constant_steps=25, max_steps=100),
        _example("StepLR", step_size=30, gamma=0.5),
        _example("ExponentialLR", {"updates_per_epoch": 10}, gamma=0.9),
        _example("CyclicLR", base_lr=1e-4, max_lr=1e-3, step_size_up=10),
    ),
)
