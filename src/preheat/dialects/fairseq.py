"""fairseq: command-line flags, and the ``lr_scheduler`` section of its hydra files.

Fields   lr_scheduler (its ``_name`` in hydra), lr (a list), max_update, both also under ``optimization``; then
         fixed             warmup_updates (0), force_anneal, lr_shrink (0.1); a rate per epoch in lr
         inverse_sqrt      warmup_updates (4000), warmup_init_lr (-1: 0)
         polynomial_decay  warmup_updates (0), total_num_update (max_update), end_learning_rate (0), power (1)
         cosine            warmup_updates (0), warmup_init_lr (-1: min_lr), min_lr (0), t_mult (1), lr_shrink (0.1),
                           lr_period_updates (-1: max_update less the climb)
         triangular        max_lr, lr_period_updates (5000), lr_shrink (0.1), shrink_min; lr is the lower rate
         tri_stage         warmup_steps, hold_steps, decay_steps (0) or phase_ratio of max_update, in whole updates;
                           init_lr_scale (0.01), final_lr_scale (0.01)
         step              warmup_updates (0), warmup_init_lr (-1: min_lr), lr_deacy_period (so spelt; 25000),
                           lr_decay (0.5), min_lr (0)
         manual            update2lr, epoch2lr: dictionaries, with ranges "2-5" and lists "3,4"
Step     update n uses ``step_update(n)``: a climb is n / W, that of fixed (n + 1) / W.
Ends     cosine starts over at lr_shrink of the peak, the floor shrunk too; polynomial_decay and tri_stage hold.
Floors   min_lr and end_learning_rate are rates and rescale; that of step clips.
Read     fairseq 0.12: optim/lr_scheduler/*.py, trainer.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preheat.dialects.common.fields import Fields
from preheat.dialects.common.values import Context, Dialect, Example, Imported
from preheat.dialects.fairseq_shapes import SHAPES, Arguments

_OTHERS = ("reduce_lr_on_plateau", "pass_through")


def read(fields: Fields, context: Context) -> Imported:
    """Flags, or a hydra file."""
    section = fields.value("lr_scheduler", None)
    nested = isinstance(section, Mapping)
    general = {key: value for key, value in fields.raw.items() if key != "lr_scheduler"}
    if isinstance(general.get("optimization"), Mapping):
        general |= general.pop("optimization")
    inner = Fields({**general, **(section if nested else {})}, "lr_scheduler" if nested else "")
    name = (inner if nested else fields).word("_name" if nested else "lr_scheduler", (*SHAPES, *_OTHERS), "fixed")
    if name in _OTHERS:
        advice = "Multiply by preheat.plateau() instead." if name.startswith("reduce") else "The optimizer has its own."
        raise fields.refusal("lr_scheduler", "a function of the update", advice)
    own = _rates(inner)
    total = inner.count("max_update", 0) or None
    if total is None and (context.total is not None or context.plan is not None):
        total = context.updates("max_update")
    elif total is not None:
        total = context.updates("max_update", total)
    arguments = Arguments(inner, own or [context.known_rate("lr")], total, context)
    schedule, base = SHAPES[name](arguments)
    if nested:
        for ignored in ("_name", *general):
            inner.value(str(ignored).replace("-", "_"), None)
        inner.finish()
    if base <= 0:
        raise inner.refusal("lr", "> 0", "It is a learning rate.")
    return Imported(schedule, context.rate("lr", base) if own else base, tuple(arguments.notes), total=total)


def _rates(fields: Fields) -> list[float]:
    value = fields.value("lr", None)
    if value is None:
        return []
    if isinstance(value, (list, tuple)) or str(value).lstrip().startswith("["):
        rates: list[float] = fields.numbers("lr", low=0.0)
        if not rates:
            raise fields.refusal("lr", "one rate at least", "It is a list of them.")
        return rates
    return [fields.number("lr", low=0.0, advice="It is a learning rate.")]


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
        return 3 if section.get("_name") in (*SHAPES, *_OTHERS) else 0
    if section not in (*SHAPES, *_OTHERS):
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
    convention="update n runs at n / W in the climb, with fixed at (n + 1) / W; end values fall on the last count",
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
