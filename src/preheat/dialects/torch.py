"""torch.optim.lr_scheduler: code that makes a scheduler, and the state that one saves.

Code     calls as people write them, read and never run: ``SequentialLR(optimizer, [warmup, decay], milestones=[10])``
         with names assigned before, the optimizer's ``lr=`` among them; or as data, ``{"class": "CosineAnnealingLR",
         "T_max": 100}``, also with ``class_path`` and ``init_args`` or ``_target_``. A LambdaLR is read if its lambda
         is one of the formulas in :mod:`preheat.dialects.common.lambdas`.
State    what ``scheduler.state_dict()`` gives, told apart by its keys; OneCycleLR keeps its rates in the optimizer's
         groups, so a checkpoint with both (``{"scheduler": ..., "optimizer": ...}``) says more. LambdaLR's state says
         nothing of its shape. The state of :class:`preheat.torch.Scheduler` gives back the schedule it holds.
Step     update n uses the value of ``last_epoch`` = n: the constructor makes the first one, ``step()`` the next. An
         end value falls on the update ``T_max`` or ``total_iters``; OneCycleLR alone is one earlier at every knot.
Ends     CosineAnnealingLR climbs again past T_max and OneCycleLR raises past total_steps: here both hold.
Read     torch 2.13: optim/lr_scheduler.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from preheat.dialects.common.calls import Call, last_call, run_of_calls
from preheat.dialects.common.fields import Fields
from preheat.dialects.common.values import Context, Dialect, Example, Imported
from preheat.dialects.torch_classes import CLASSES, build_spelled, spelled_class
from preheat.dialects.torch_code import write
from preheat.dialects.torch_cycles import Part, Reading
from preheat.dialects.torch_states import OWN_KEYS, state_class
from preheat.dialects.torch_states import Saved as Saved
from preheat.dialects.torch_states import saved as saved
from preheat.errors import ConfigError, refusal


def read(config: Fields | Any, context: Context) -> Imported:
    """Code, a class with its arguments, or a saved state as a schedule."""
    if isinstance(config, str):
        return _read_code(config, context)
    if not isinstance(config, Fields):
        raise ConfigError(refusal("config", "code, a class or a state", config, "Give one of these."))
    state, groups = _state_of(config.raw)
    if state is None:
        reading = Reading(context.peak, context.peak)
        return _imported(build_spelled(config, reading), reading, context)
    found = saved(state, groups, peak=context.peak)
    notes = (*found.notes, f"saved after {found.position} updates")
    base = context.rate("base_lrs", found.bases[0])
    return Imported(found.schedules[0], base, notes, total=context.total, also=found.also)


def _state_of(config: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, list[Any] | None]:
    """The scheduler's state in a mapping, which may be a checkpoint, and the optimizer's groups."""
    if {*config} >= OWN_KEYS or state_class(config) is not None:
        return config, None
    state = config.get("scheduler") or config.get("lr_scheduler") or _first(config.get("lr_schedulers"))
    optimizer = config.get("optimizer") or _first(config.get("optimizer_states"))
    groups = optimizer.get("param_groups") if isinstance(optimizer, Mapping) else None
    if isinstance(state, Mapping) and ({*state} >= OWN_KEYS or state_class(state) is not None):
        return state, groups if isinstance(groups, list) and all(isinstance(one, Mapping) for one in groups) else None
    return None, None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _read_code(text: str, context: Context) -> Imported:
    values = run_of_calls(text)
    made = last_call(values, CLASSES)
    if made is None:
        advice = f"Known: {', '.join(CLASSES)}."
        raise ConfigError(refusal("config", "code that makes a torch scheduler", text[:80], advice))
    calls = [value for value in values if isinstance(value, Call)]
    optimizers = [
        call for call in calls if call.function not in CLASSES and ("lr" in call.keywords or _by_position(call))
    ]
    own = optimizers[-1].fields(("params", "lr")).rate("lr") if optimizers else None
    reading = Reading(context.rate("lr", own), context.peak)
    if optimizers and optimizers[-1].function in _WITH_MOMENTUM:
        reading.momentum = "momentum"
    return _imported(build_spelled(made, reading), reading, context)


_WITH_MOMENTUM = ("SGD", "RMSprop")


def _by_position(call: Call) -> bool:
    """Whether a call is an optimizer's, with its rate second."""
    return call.name.startswith(("torch.optim.", "optim.")) and len(call.args) > 1


def _imported(part: Part, reading: Reading, context: Context) -> Imported:
    base = reading.base if part.base is None else part.base
    return Imported(part.schedule, base, tuple(dict.fromkeys(reading.notes)), total=context.total, also=part.also)


def matches(config: Any) -> int:
    """3 for a state or a class of torch's, 2 for code that calls one."""
    if isinstance(config, Mapping):
        state, _ = _state_of(config)
        return 3 if state is not None or spelled_class(config) in CLASSES else 0
    if isinstance(config, str):
        return 2 if re.search(rf"\b({'|'.join(CLASSES)})\s*\(", config) else 0
    return 0


def _state(position: int = 40, **fields: Any) -> dict[str, Any]:
    return {**fields, "base_lrs": [0.1], "last_epoch": position}


_CONTEXT = {"total": 100}
_BASE = {"total": 100, "peak": 0.1}
DIALECT = Dialect(
    name="torch",
    title="torch.optim.lr_scheduler",
    source="torch 2.13",
    convention="update n uses the value of last_epoch = n; an end value falls on update T_max or total_iters",
    read=read,
    matches=matches,
    examples=(
        Example("CosineAnnealingLR", "CosineAnnealingLR(optimizer, T_max=100, eta_min=1e-6)", _BASE),
        Example(
            "SequentialLR",
            "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)\n"
            "warmup = LinearLR(optimizer, start_factor=0.1, total_iters=10)\n"
            "decay = CosineAnnealingLR(optimizer, T_max=90)\n"
            "scheduler = SequentialLR(optimizer, [warmup, decay], milestones=[10])",
            _CONTEXT,
        ),
        Example("LinearLR", {"class": "LinearLR", "start_factor": 0.25, "total_iters": 20}, _CONTEXT),
        Example("ConstantLR", {"class": "ConstantLR", "factor": 0.5, "total_iters": 20}, _CONTEXT),
        Example("PolynomialLR", "PolynomialLR(optimizer, total_iters=100, power=2.0)", _CONTEXT),
        Example("ExponentialLR", "ExponentialLR(optimizer, gamma=0.98)", _CONTEXT),
        Example("StepLR", "StepLR(optimizer, step_size=30, gamma=0.1)", _CONTEXT),
        Example("MultiStepLR", "MultiStepLR(optimizer, milestones=[50, 80], gamma=0.1)", _CONTEXT),
        Example("CyclicLR", "CyclicLR(optimizer, base_lr=0.01, max_lr=0.1, step_size_up=10)", _CONTEXT),
        Example("CosineAnnealingWarmRestarts", "CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=2)", _CONTEXT),
        Example("OneCycleLR", "OneCycleLR(optimizer, max_lr=0.1, total_steps=100)", _CONTEXT),
        Example(
            "ChainedScheduler", "ChainedScheduler([LinearLR(optimizer, 0.1, 1.0, 10), StepLR(optimizer, 40)])", _BASE
        ),
        Example("LambdaLR", "LambdaLR(optimizer, lambda n: (1 + n / 100) ** -0.5)", _CONTEXT),
        Example("state of CosineAnnealingLR", _state(T_max=100, eta_min=0.001), _CONTEXT),
    ),
    write=write,
)
