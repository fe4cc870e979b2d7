"""The schedule a script asked for, from what its scheduler says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preheat.dialects import read
from preheat.errors import PreheatError
from preheat.schedule import Schedule
from preheat.schedule.named import build

# transformers' private functions, which its schedulers are partials of (5.23, optimization.py).
_TRANSFORMERS = {
    "_get_constant_schedule_with_warmup_lr_lambda": "constant_with_warmup",
    "_get_linear_schedule_with_warmup_lr_lambda": "linear",
    "_get_cosine_schedule_with_warmup_lr_lambda": "cosine",
    "_get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda": "cosine_with_restarts",
    "_get_polynomial_decay_schedule_with_warmup_lr_lambda": "polynomial",
    "_get_inverse_sqrt_schedule_lr_lambda": "inverse_sqrt",
    "_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda": "cosine_warmup_with_min_lr",
    "_get_wsd_scheduler_lambda": "warmup_stable_decay",
}


def asked_for(description: Any) -> tuple[Schedule, float | None] | None:
    """The schedule that a recorded scheduler follows and the base of the first group; None where it does not say."""
    if not isinstance(description, Mapping):
        return None
    try:
        if "lambdas" in description:
            first = description["lambdas"][0]
            schedule = _transformers(first["function"], dict(first["keywords"]))
            bases = description.get("bases")
            return None if schedule is None else (schedule, float(bases[0]) if bases and bases[0] else None)
        found = read({"scheduler": description["state"], "optimizer": {"param_groups": description["groups"]}}, "torch")
        return None if found.schedule.waits_for else (found.schedule, found.base_lr)
    except (PreheatError, KeyError, IndexError, TypeError):
        return None


def _transformers(function: str, options: dict[str, Any]) -> Schedule | None:
    name = _TRANSFORMERS.get(function)
    if name is None:
        return None
    if name == "cosine" and "min_lr_rate" in options:
        name = "cosine_with_min_lr"
    warmup, total = options.pop("num_warmup_steps", 0), options.pop("num_training_steps", None)
    lr = options.pop("lr_init", 1.0)
    known = {option: value for option, value in options.items() if value is not None}
    if name == "warmup_stable_decay":
        total = None if known.get("num_stable_steps") is not None else total
    return build(name, warmup, total, lr=lr, whole=False, **known)
