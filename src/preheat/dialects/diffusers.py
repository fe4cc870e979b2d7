"""diffusers: its ``get_scheduler`` and the flags of its training scripts.

Fields   lr_scheduler (constant; constant_with_warmup, linear, cosine, cosine_with_restarts, polynomial,
         piecewise_constant), lr_warmup_steps (500), lr_num_cycles (1, for restarts only), lr_power (1, for polynomial
         only), max_train_steps, learning_rate; or the function's own name, num_warmup_steps, num_training_steps,
         num_cycles, power, step_rules ("1:10,0.1:20,0.01").
Step     transformers': n / W, the end on update T. A rule of step_rules holds for updates below its number. The scripts
         multiply both lengths by the processes, which Accelerate's stepping takes back.
Ends     cosine rises again past the end: here it is held. polynomial ends at 1e-7, whatever the floor should be.
Read     diffusers 0.42: optimization.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from preheat.dialects import transformers
from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import hold
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.sequence import PhaseSchedule

_NAMES = (
    *("constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"),
    "piecewise_constant",
)


def read(fields: Fields, context: Context) -> Imported:
    """Flags of a training script, or arguments of ``get_scheduler``."""
    notes: list[str] = []
    # The scripts' flags and the function's arguments have other names for the same.
    script = "lr_scheduler" in fields or "name" not in fields
    name = fields.word("lr_scheduler" if script else "name", _NAMES, "constant")
    total = fields.count("max_train_steps" if script else "num_training_steps", None, low=1)
    peak = context.rate("learning_rate", fields.rate("learning_rate", None))
    if name == "piecewise_constant":
        told = total is not None or context.total is not None or context.plan is not None
        updates = context.updates("max_train_steps", total) if told else None
        return Imported(_rules(fields), peak, total=updates)
    # The scripts' default, and the function's.
    warmup = fields.count("lr_warmup_steps", 500) if script else fields.count("num_warmup_steps", 0)
    updates = context.updates("max_train_steps", total)
    # 500 is nobody's wish here: constant takes no warm-up.
    if name == "constant" and script and "lr_warmup_steps" not in fields:
        warmup = 0
    options: dict[str, Any] = {}
    if name == "cosine_with_restarts":
        options["num_cycles"] = fields.number("lr_num_cycles" if script else "num_cycles", 1)
    if name == "polynomial":
        options["power"] = fields.number("lr_power" if script else "power", 1.0)
        # lr_end is 1e-7 in get_scheduler, and cannot be changed.
        peak = context.known_rate("learning_rate", peak, _("polynomial ends at a rate of 1e-7"))
    schedule = transformers.build(name, warmup, updates, peak or 1.0, options, notes)
    return Imported(schedule, peak, tuple(notes), total=updates)


def _rules(fields: Fields) -> Schedule:
    """``"1:10,0.1:20,0.01"``: 1 below update 10, 0.1 below 20, then 0.01."""
    text = fields.text("step_rules")
    *rules, last = text.split(",")
    pairs = [rule.split(":") for rule in rules]
    try:
        factors = {int(at): float(factor) for factor, at in pairs}
        final = float(last)
    except ValueError:
        advice = _('As in "1:10,0.1:20,0.01".')
        raise fields.refusal("step_rules", _("factor:update pairs and a last factor"), advice) from None
    borders = [0, *sorted(factors)]
    if borders[1:2] and borders[1] <= 0:
        raise fields.refusal("step_rules", _("rules for updates above 0"), _("Each holds below its number."))
    held = [hold(after - before, factors[after]) for before, after in pairwise(borders)]
    return PhaseSchedule((*held, hold(None, final)))


def matches(config: Any) -> int:
    """3 for a scheduler beside its scripts' own flags or step_rules, 2 for the flags alone."""
    if not isinstance(config, Mapping):
        return 0
    names = {str(name).replace("-", "_") for name in config}
    if config.get("lr_scheduler", config.get("name")) in _NAMES:
        return 3 if names & {"lr_warmup_steps", "lr_num_cycles", "lr_power", "step_rules"} else 0
    return 2 if {"lr_warmup_steps", "max_train_steps"} <= names else 0


def _example(name: str, **more: Any) -> Example:
    config = {"lr_scheduler": name, "lr_warmup_steps": 10, "learning_rate": 1e-4, "max_train_steps": 100, **more}
    return Example(name, config)


DIALECT = Dialect(
    name="diffusers",
    title="diffusers",
    source="diffusers 0.42",
    convention=_("transformers': n / W, the end on update T; a rule of step_rules holds below its update"),
    read=read,
    matches=matches,
    examples=(
        *(_example(name) for name in ("constant", "constant_with_warmup", "linear", "cosine")),
        _example("cosine_with_restarts", lr_num_cycles=3),
        _example("polynomial", lr_power=2.0),
        Example("piecewise_constant", {"name": "piecewise_constant", "step_rules": "1:10,0.1:50,0.01"}, {"total": 100}),
    ),
)
