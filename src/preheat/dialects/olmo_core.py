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
from collections.abc import Mapping
from typing import Any

from preheat.dialects.common.fields import Fields
from preheat.dialects.common.loading import call
from preheat.dialects.common.values import Context, Dialect, Example, Imported
from preheat.dialects.olmo_core_shapes import BUILDERS, CLASSES, Part, build

# Names that other trainers have too.
_SHARED = ("constant", "constant_with_warmup", "linear_with_warmup", "inv_sqrt_with_warmup", "exponential")


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
    updates, amount = _run(root, context, each)
    schedule = build(Part(own, amount, each, peak)).shift(1)
    notes: tuple[str, ...] = ()
    if amount is not None and amount % each:
        notes = (
            "the last update lies past the budget of tokens: OLMo-core's line goes below its floor, here it is held",
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


def matches(config: Any) -> int:
    """3 for a class or a registered name of its own, or a shared one in a train_module."""
    root = _mapping(config)
    module = None if root is None else root.get("train_module", root)
    own = module.get("scheduler", module) if isinstance(module, Mapping) else None
    if not isinstance(own, Mapping):
        return 0
    given = str(own.get("_CLASS_") or own.get("type") or own.get("name"))
    name = CLASSES.get(given.rpartition(".")[2], given)
    certain = "olmo" in given or module is not root or name not in _SHARED
    return 3 * int(name in BUILDERS and certain)


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
    convention="update n runs at (n + 1) / W in the climb, the peak at W - 1; the last update is at the end value",
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(name) for name in BUILDERS if name not in ("sequential", "composable", "wsds")),
        _example("sequential", schedulers=[*_PARTS], schedulers_max=[50]),
        _example("composable", stages=[*_STAGES], override_decay={"start": 80, "duration": 20, "end_lr": 0.0}),
        _example("wsds", period_lengths=[50, 50], warmup=10, decay_fraction=0.2, period_lr_multipliers=[1.0, 0.8]),
    ),
)
