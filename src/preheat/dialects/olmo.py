"""OLMo's ``scheduler`` section, alone or in a training configuration.

Fields   name (cosine_with_warmup), units (steps) steps|tokens, t_warmup (100), t_max (the run's), alpha_f (0.1, a share
         of the peak), warmup_min_lr (10 % of the peak); optimizer.learning_rate (1e-4), max_duration (10000) as steps,
         "2e12T" tokens or "2ep", global_train_batch_size and model.max_sequence_length for tokens.
Step     the trainer adds 1 to its count before it sets the rate: update n runs at the schedule's value for n + 1.
Warm-up  (n + 1) / W from warmup_min_lr: the peak at update W - 1.
Ends     alpha_f on the last update, and held.
Read     ai2-olmo 0.6.0: olmo/optim.py, config.py, train.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import hold, warm_up
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule, maximum
from preheat.schedule.curves import Cosine, CosineEnvelope, Curve, Linear, PowerLaw
from preheat.schedule.lengths import Count

# At most fifteen digits and a short exponent: a number of a file is bounded before it is computed.
_DURATION = re.compile(r"\s*(\d{1,15}(?:\.\d+)?(?:[eE]\+?\d{1,2})?)\s*(T|ep)?\s*")


@dataclass(frozen=True, slots=True)
class _Shape:
    """What every scheduler reads: W and T in updates, the shares of the peak it starts from and falls to."""

    own: Fields
    warmup: Count
    total: Count
    start: float
    floor: float

    def falling(self, curve: Curve) -> Schedule:
        """The warm-up, then the curve to alpha_f."""
        if self.warmup >= self.total:
            advice = _("The peak would never be used: shorten the warm-up or plan more updates.")
            raise self.own.refusal("t_warmup", _("below the schedule's {total:g} updates", total=self.total), advice)
        fall = Phase(curve=curve, length=self.total - self.warmup, start=1.0, end=self.floor)
        return PhaseSchedule((*warm_up(self.warmup, self.start), fall))

    def inverse_sqrt(self) -> Schedule:
        """The warm-up, then (W / n)^1/2 without end."""
        if not self.warmup:
            raise self.own.refusal("t_warmup", _("above 0 for the inverse square root"), _("OLMo would train at 0."))
        fall = Phase(curve=PowerLaw(timescale=self.warmup), length=None, start=1.0)
        return PhaseSchedule((*warm_up(self.warmup, self.start), fall))


_NAMES: dict[str, Callable[[_Shape], Schedule]] = {
    "cosine_with_warmup": lambda shape: shape.falling(Cosine()),
    "linear_with_warmup": lambda shape: shape.falling(Linear()),
    "inverse_sqrt_with_warmup": lambda shape: shape.inverse_sqrt(),
    "max_scheduler": lambda shape: maximum(shape.falling(Cosine()), shape.inverse_sqrt()),
    "constant": lambda _unused: PhaseSchedule((hold(None),)),
    "cosine_linear_envelope": lambda shape: shape.falling(CosineEnvelope()),
    "constant_with_warmup": lambda shape: PhaseSchedule((*warm_up(shape.warmup, shape.start), hold(None))),
}
_SHARED = ("cosine_with_warmup", "constant", "constant_with_warmup")  # names of other trainers too


def read(fields: Fields, context: Context) -> Imported:
    """An OLMo configuration, or its scheduler section, as a schedule."""
    notes: list[str] = []
    own = fields.section("scheduler") if "scheduler" in fields else fields
    rate = fields.section("optimizer", {}).rate("learning_rate", None)
    if rate is None and context.peak is None and own is not fields:
        rate = 1e-4
        notes.append(_("optimizer.learning_rate is left at OLMo's own 1e-4"))
    peak = context.rate("optimizer.learning_rate", rate)
    by_tokens = own.word("units", ("steps", "tokens"), "steps") == "tokens"
    each = _tokens(fields, context) if by_tokens else 1.0
    total, whole = _run(fields, context, notes, named=own is not fields, by_tokens=by_tokens)
    # In its own unit; the run may be of another length, which OLMo does not mind.
    last = own.number("t_max", None, low=1.0)
    if last is not None:
        last = _updates(int(last), each)
        if last != total:
            notes.append(
                _("t_max shapes the schedule for {shaped:g} updates, the run takes {total}", shaped=last, total=total)
            )
    # optim.py: 10 % of the peak, unless said otherwise; 0 is said otherwise.
    start = own.share("warmup_min_lr", peak) if "warmup_min_lr" in own else 0.1
    shape = _Shape(
        own,
        warmup=_updates(int(own.number("t_warmup", 100, low=0.0)), each),
        total=whole if last is None else last,
        start=start,
        floor=own.number("alpha_f", 0.1, low=0.0, high=1.0),
    )
    # The trainer adds 1 to its count before it sets the rate.
    schedule = _NAMES[own.word("name", _NAMES, "cosine_with_warmup")](shape).shift(1)
    # They stand in the scheduler's section and warm up the clipping of gradients.
    for of_the_gradient in ("grad_clip_warmup_steps", "grad_clip_warmup_factor"):
        own.value(of_the_gradient, None)
    own.finish()
    return Imported(schedule, peak, tuple(notes), total=total)


def _tokens(fields: Fields, context: Context) -> float:
    """Tokens that make an update."""
    rows = fields.number("global_train_batch_size", None, low=1.0)
    length = fields.section("model", {}).number("max_sequence_length", None, low=1.0)
    return context.per("token", "scheduler.units") if rows is None or length is None else float(rows * length)


def _updates(amount: int, each: float) -> Count:
    """Steps or tokens in updates, parts of one kept."""
    return int(amount // each) if amount % each == 0 else amount / each


def _run(fields: Fields, context: Context, notes: list[str], *, named: bool, by_tokens: bool) -> tuple[int, Count]:
    """Updates of the run, and what the schedule takes them for: a budget of tokens keeps the part of an update."""
    given = fields.value("max_duration", None)
    if given is None and named and context.told is None:
        notes.append(_("max_duration is left at OLMo's own 10000"))
        given = 10_000
    if given is None:
        total = context.updates("max_duration")
        return total, total
    match = None if isinstance(given, bool) else _DURATION.fullmatch(str(given))
    # Text such as "2e12T" is a float first, cut as OLMo cuts it.
    amount = int(float(match[1])) if match else 0
    if match is None or not 1 <= amount <= 2**53:
        raise fields.refusal("max_duration", _('steps, "2e12T" tokens or "2ep"'), _("Write one of these."))
    whole: Count = amount
    if match[2] == "T":
        whole = _updates(amount, _tokens(fields, context))
    elif match[2] == "ep":
        whole = amount * int(context.per("epoch", "max_duration"))
    total = context.updates("max_duration", math.ceil(whole))
    return total, whole if by_tokens else total


def matches(config: Any) -> int:
    """3 for a scheduler of its own name, or of a shared one, or none, beside a field of OLMo's."""
    section = config.get("scheduler", config) if isinstance(config, Mapping) else None
    if not isinstance(section, Mapping):
        return 0
    name, optimizer = section.get("name"), config.get("optimizer")
    fields = {*section, *(optimizer if isinstance(optimizer, Mapping) else ())}
    own = bool({"units", "warmup_min_lr", "grad_clip_warmup_steps", "learning_rate"} & fields)
    if name is None:
        return 3 * int(own and "t_warmup" in section)
    if name in _SHARED:
        return 3 * int(own or isinstance(section.get("t_warmup"), (int, float)))
    return 3 * int(name in tuple(_NAMES))


def _example(name: str, **own: Any) -> Example:
    run = {"max_duration": 100, "optimizer": {"name": "adamw", "learning_rate": 1e-3}}
    return Example(name, {**run, "scheduler": {"name": name, "t_warmup": 10, **own}})


DIALECT = Dialect(
    name="olmo",
    title="OLMo",
    source="ai2-olmo 0.6.0",
    convention=_("update n runs at (n + 1) / W in the warm-up, the peak at W - 1; the last update is at the end value"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(name) for name in _NAMES),
        _example("cosine_with_warmup", warmup_min_lr=0.0, alpha_f=0.0),
    ),
)
