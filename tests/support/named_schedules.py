"""Every named schedule with options that make one, for runs of any length from twenty updates on."""

from typing import Any

import preheat
from preheat import Schedule

# What a name cannot do without, or is plainest with; every other name needs nothing.
OPTIONS: dict[str, dict[str, Any]] = {
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1},
    "cosine_with_restarts": {"num_cycles": 3},
    "warmupcosinewithhardrestarts": {"num_cycles": 3},
    "warmup_stable_decay": {"num_decay_steps": "20%"},
    "wsd": {"decay": "20%", "floor": 0.1},
    "trapezoidal": {"decay": "20%"},
    "wsd_s": {"decay": "5%", "periods": 3},
    "slanted_triangular": {"cut": 0.2},
    "infinite": {"cooldown": "30%", "anneal": "20%", "floor": 0.01},
    "triangular": {"up": "10%", "down": "15%"},
    "triangular2": {"up": "10%", "down": "15%"},
    "exp_range": {"up": "10%", "down": "15%"},
    "sgdr": {"period": "15%", "growth": 2.0, "scale": 0.9, "floor": 0.05},
    "power": {"decay": "20%"},
    "inverse_sqrt_cooldown": {"decay": "20%"},
    "cosine_then_constant": {"hold": "20%"},
    "flat_cosine": {"decay": "25%"},
    "cosine_with_linear_tail": {"decay": "20%"},
    "tri_stage": {"decay": "20%"},
    "jagged_cosine": {"period": "20%", "rewarm": "5%", "anneal": "5%"},
    "1-power": {"power": 1.5},
    "polynomial": {"power": 2.0},
    "exponential": {"steps": 200.0},
    "step": {"steps": 30.0},
    "inverse_time": {"timescale": 50.0},
    "power_law": {"timescale": 50.0},
}
NO_WARMUP = {
    *("constant", "constantlr", "one_cycle", "one_cycle_momentum", "slanted_triangular"),
    *("triangular", "triangular2", "exp_range", "piecewise"),
}


def named(name: str, total: int = 100, convention: str | None = None, **changes: Any) -> Schedule:
    """The schedule called ``name`` over ``total`` updates, a tenth of them warm-up where it has one."""
    options = {**OPTIONS.get(name, {}), **changes}
    if name == "multistep":
        options = {"milestones": [total // 2, 4 * total // 5], **options}
    if name == "piecewise":
        options = {"milestones": [0, total // 4, total // 2], "values": [0.1, 1.0, 0.3], **options}
    options = {"warmup": 0 if name in NO_WARMUP else total // 10, **options}
    return preheat.get_schedule(name, total=total, convention=convention, **options)
