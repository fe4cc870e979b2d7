"""axolotl: the training section of its YAML files.

Fields   learning_rate, lr_scheduler (cosine; transformers' names, one_cycle, rex), lr_scheduler_kwargs, warmup_steps or
         warmup_ratio, lr_quadratic_warmup, cosine_min_lr_ratio and cosine_constant_lr_ratio (with cosine; the first
         with rex too), jagged_restart_steps, _warmup_steps (10), _anneal_steps (1); max_steps, or num_epochs (1) with
         micro_batch_size (1) and gradient_accumulation_steps (1).
Warm-up  warmup_steps; else int(updates * warmup_ratio); else int(3 % of the updates), 100 at most. One update is made
         two.
Step     transformers': n / W, the end on update T. rex alone is one update early: (n + 1) / W, its end on T - 1.
         one_cycle is torch's OneCycleLR with its peak at update W - 1. Jagged restarts run one update ahead.
Ends     transformers' cosines rise again past the end: here it is held.
Read     axolotl 0.19: utils/schedulers.py, core/trainers/mixins/scheduler.py, core/builders/base.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preheat.dialects import transformers
from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import early_warm_up, hold, warm_up
from preheat.messages import _
from preheat.schedule import Phase, Schedule, get_schedule
from preheat.schedule.curves import Cosine, Polynomial, Rex
from preheat.schedule.named import BUILDERS, dips, refuse_reserved
from preheat.schedule.sequence import PhaseSchedule

_METRIC = ("reduce_lr_on_plateau", "greedy")
# Fields that give some parameters a rate of their own beside the one that is read here.
_OWN_RATES = ("lr_groups", "embedding_lr", "embedding_lr_scale", "loraplus_lr_ratio")


def read(fields: Fields, context: Context) -> Imported:
    """axolotl's YAML."""
    notes: list[str] = []
    name = fields.word("lr_scheduler", (*BUILDERS, "one_cycle", "rex", *_METRIC), "cosine")
    if name in _METRIC:
        raise fields.refusal("lr_scheduler", _("a function of the update"), _("Multiply by preheat.plateau() instead."))
    # axolotl has no default of its own, so a file without it does not run.
    peak = context.known_rate("learning_rate", fields.rate("learning_rate", None))
    total = updates_of(fields, context)
    warmup = warmup_of(fields, total, notes)
    options = dict(fields.section("lr_scheduler_kwargs", {}).raw)
    schedule = _schedule(fields, name, warmup, total, peak, options, notes)
    if any(name in fields for name in _OWN_RATES):
        notes.append(_("some groups have rates of their own: this is the schedule that all of them share"))
    return Imported(_jagged(fields, schedule, name, notes), peak, tuple(notes), total=total)


def updates_of(fields: Fields, context: Context) -> int:
    """Updates of the run, counted as transformers does from axolotl's names."""
    renamed = {
        "max_steps": fields.number("max_steps", None),
        "num_train_epochs": fields.number("num_epochs", 1.0, low=0.0),
        "per_device_train_batch_size": fields.count("micro_batch_size", 1, low=1),
        "gradient_accumulation_steps": fields.count("gradient_accumulation_steps", 1, low=1),
    }
    # Rows are packed by length, so their number is known to axolotl alone.
    if context.examples is not None and renamed["max_steps"] is None and fields.flag("sample_packing"):
        advice = _("Packed rows are fewer than examples: give total= (--updates) as axolotl logs it.")
        raise fields.refusal("sample_packing", _("off where updates are counted from examples"), advice)
    return transformers.updates_of(Fields(renamed), context)


def warmup_of(fields: Fields, total: int, notes: list[str]) -> int:
    """Updates of the warm-up, by axolotl's own defaults."""
    steps = fields.count("warmup_steps", None)
    ratio = fields.number("warmup_ratio", None, low=0.0, high=1.0, advice=_("It is a share of the run."))
    if steps and ratio:
        raise fields.refusal("warmup_ratio", _("left out beside warmup_steps"), _("axolotl refuses both."))
    if steps is None and ratio is None:
        # core/builders/base.py; rounded down, where transformers rounds up.
        steps = min(int(0.03 * total), 100)
        notes.append(
            _(
                "without warmup_steps or warmup_ratio axolotl warms up for {steps} updates: 3 %, 100 at most",
                steps=steps,
            )
        )
    elif steps is None:
        steps = int(ratio * total)
    if steps == 1:
        notes.append(_("axolotl makes one update of warm-up two"))
        return 2
    return int(steps)


def _schedule(
    fields: Fields, name: str, warmup: int, total: int, peak: float, options: dict[str, Any], notes: list[str]
) -> Schedule:
    floor = fields.number("cosine_min_lr_ratio", None, low=0.0, high=1.0, advice=_("It is a share of the peak."))
    constant = fields.number("cosine_constant_lr_ratio", None, low=0.0, high=1.0, advice=_("It is a share of the run."))
    if name == "one_cycle":
        # Handed to torch's OneCycleLR as they are: its words are ours but for the shape, and its momentum is Adam's.
        shape = "linear" if options.pop("anneal_strategy", "cos") == "linear" else "cosine"
        refuse_reserved(options)
        for ignored in ("cycle_momentum", "base_momentum", "max_momentum"):
            options.pop(ignored, None)
        return get_schedule("one_cycle", total=total, **{"pct_start": warmup / total, "shape": shape, **options})
    if name == "rex":
        return _rex(warmup, total, floor or 0.0)
    if name != "cosine":
        if floor is not None or fields.flag("lr_quadratic_warmup"):
            notes.append(_("cosine_min_lr_ratio and lr_quadratic_warmup do nothing with {name!r}", name=name))
        return transformers.build(name, warmup, total, peak, options, notes)
    if fields.flag("lr_quadratic_warmup"):
        if floor is not None:
            notes.append(_("lr_quadratic_warmup wins over cosine_min_lr_ratio"))
        notes.append(transformers.PAST_END)
        return _falls_to(0.0, warmup, total, Polynomial(2.0))
    if floor and constant:
        # axolotl cuts it; at or before the peak its cosine would divide by 0.
        border = int(total * constant)
        if border <= warmup:
            rule = _("a share of the run that leaves the cosine an update after {warmup} of warm-up", warmup=warmup)
            raise fields.refusal(
                "cosine_constant_lr_ratio", rule, _("It says {border} of {total}.", border=border, total=total)
            )
        cosine = Phase(curve=Cosine(), length=border - warmup, start=1.0, end=floor)
        return PhaseSchedule((*warm_up(warmup), cosine, hold(total - border, floor)))
    if constant:
        notes.append(_("cosine_constant_lr_ratio does nothing without cosine_min_lr_ratio"))
    if floor:
        notes.append(transformers.PAST_END)
        return _falls_to(floor, warmup, total)
    return transformers.build(name, warmup, total, peak, options, notes)


def _falls_to(floor: float, warmup: int, total: int, warmup_curve: Polynomial | None = None) -> Schedule:
    """A cosine to a floor after a warm-up of any shape; the lengths are checked as those of every schedule are."""
    get_schedule("cosine", warmup=warmup, total=total)
    return PhaseSchedule(
        (*warm_up(warmup, curve=warmup_curve), Phase(curve=Cosine(), length=total - warmup, start=1.0, end=floor))
    )


def _rex(warmup: int, total: int, floor: float) -> Schedule:
    """Its counter stands at 1 when the first update runs."""
    get_schedule("cosine", warmup=warmup, total=total)
    fall = Phase(curve=Rex(0.9), length=total - warmup, start=1.0, end=floor, convention="native")
    return PhaseSchedule((*early_warm_up(warmup), fall))


def _jagged(fields: Fields, schedule: Schedule, name: str, notes: list[str]) -> Schedule:
    period = fields.count("jagged_restart_steps", None, low=1)
    if period is None:
        return schedule
    if name == "one_cycle":
        advice = _("Run one ahead, torch's OneCycleLR raises before the run is over.")
        raise fields.refusal("jagged_restart_steps", _("left out with one_cycle"), advice)
    # axolotl takes 0 for not given, here and below.
    rewarm = fields.count("jagged_restart_warmup_steps", None) or 10
    anneal = fields.count("jagged_restart_anneal_steps", None) or 1
    # Where the dips end: the floor of the cosine serves for both.
    low = fields.number("cosine_min_lr_ratio", None) or 0.001
    notes.append(_("jagged restarts run one update ahead of the schedule around which they are wrapped"))
    ahead = 2 if name == "rex" else 1  # rex' own counter is one ahead already
    # Wrapped, both ask for the update after the one that is made.
    return schedule.shift(1) * dips(period, rewarm, anneal, low).shift(ahead)


_ALONE = {
    *("micro_batch_size", "base_model", "sequence_len", "cosine_min_lr_ratio", "cosine_constant_lr_ratio"),
    *("lr_quadratic_warmup", "jagged_restart_steps", "sample_packing", "lr_groups"),
}


def matches(config: Any) -> int:
    """3 for fields of its own beside a rate or a scheduler, 2 for a scheduler of its own beside a rate."""
    if not isinstance(config, Mapping) or "lr_scheduler_type" in config:
        return 0
    scheduler = config.get("lr_scheduler")
    if not isinstance(scheduler, (str, type(None))) or not ({"learning_rate", "lr_scheduler"} & {*config}):
        return 0
    if _ALONE & {*config}:
        return 3
    return 2 if scheduler in ("rex", "one_cycle") and "learning_rate" in config else 0


def _example(name: str, label: str = "", **more: Any) -> Example:
    config = {"micro_batch_size": 2, "learning_rate": 1e-4, "lr_scheduler": name, "warmup_steps": 10, **more}
    return Example(label or name, config, {"total": 100})


DIALECT = Dialect(
    name="axolotl",
    title="axolotl",
    source="axolotl 0.19",
    convention=_("transformers': n / W, the end on update T; rex one update early, jagged restarts one ahead"),
    read=read,
    matches=matches,
    examples=(
        *(_example(name) for name in ("cosine", "linear", "constant_with_warmup", "one_cycle", "rex")),
        _example("cosine", _("cosine with a quadratic warm-up"), lr_quadratic_warmup=True),
        _example("cosine", _("cosine to a floor"), cosine_min_lr_ratio=0.1),
        _example("cosine", _("cosine, then constant"), cosine_min_lr_ratio=0.1, cosine_constant_lr_ratio=0.8),
        _example("cosine", _("cosine with jagged restarts"), jagged_restart_steps=30, jagged_restart_warmup_steps=5),
    ),
)
