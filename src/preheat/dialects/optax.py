"""optax schedules: the calls that make them, as text or as data.

Shape    text such as ``optax.warmup_cosine_decay_schedule(0.0, 1e-3, 100, 1000)``, also with names assigned before and
         inside an optimizer's call, read and never run; or ``{"function": "linear_schedule", "init_value": ...}`` with
         the arguments beside the name or under ``kwargs``.
Fields   those of the functions, with optax' defaults.
Step     update n uses ``schedule(count)`` with count = n. A climb is n / W; ``decay_steps`` of the warm-up schedules is
         the whole run, warm-up included; boundaries change at the update itself.
Ends     the end value is held.
Floors   ``end_value`` is a rate, ``alpha`` a share; both rescale, exponential_decay's ``end_value`` clips.
W = 0    warmup_cosine_decay starts at the peak; warmup_constant_schedule stays at ``init_value`` for ever.
Read     optax 0.2.8: schedules/_schedule.py, _join.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from preheat.dialects.common.calls import last_call, run_of_calls
from preheat.dialects.common.fields import Fields
from preheat.dialects.common.values import Context, Dialect, Example, Imported
from preheat.dialects.optax_code import write
from preheat.dialects.optax_functions import FUNCTIONS, named_in, part_of
from preheat.errors import ConfigError, refusal


def read(config: Fields | Any, context: Context) -> Imported:
    """A call, or data that names a function and its arguments."""
    notes: list[str] = []
    call: Any = config.raw if isinstance(config, Fields) else config
    if isinstance(config, str):
        call = last_call(run_of_calls(config), FUNCTIONS)
        if call is None:
            advice = f"Known: {', '.join(FUNCTIONS)}."
            raise ConfigError(refusal("config", "code that makes an optax schedule", config[:80], advice))
    part = part_of(call, notes)
    base = part.peak or context.peak
    if not base:
        raise ConfigError(refusal("schedule", "above zero somewhere", 0.0, "Nothing would train."))
    schedule = part.over(base)
    return Imported(schedule, context.rate("peak_value", base), tuple(dict.fromkeys(notes)), total=context.total)


def matches(config: Any) -> int:
    """3 for data that names one of the functions, 2 for code that calls one."""
    if isinstance(config, Mapping):
        return 3 if named_in(config) in FUNCTIONS else 0
    if isinstance(config, str):
        return 2 if re.search(rf"\b({'|'.join(FUNCTIONS)})\s*\(", config) else 0
    return 0


def _example(call: str) -> Example:
    return Example(call.partition("(")[0], f"optax.{call}", {"total": 100})


DIALECT = Dialect(
    name="optax",
    title="optax schedules",
    source="optax 0.2.8",
    convention="update n uses schedule(n): n / W in the climb; decay_steps of the warm-up schedules is the whole run",
    read=read,
    matches=matches,
    examples=(
        _example("constant_schedule(0.1)"),
        _example("linear_schedule(init_value=0.1, end_value=0.01, transition_steps=100)"),
        _example("polynomial_schedule(0.1, 0.01, 2.0, 100)"),
        _example("exponential_decay(0.1, transition_steps=10, decay_rate=0.9, end_value=0.05)"),
        _example("cosine_decay_schedule(0.1, decay_steps=100, alpha=0.1, exponent=1.5)"),
        _example("piecewise_constant_schedule(0.1, {50: 0.1, 80: 0.5})"),
        _example("piecewise_interpolate_schedule('cosine', 0.1, {20: 5.0, 100: 0.1})"),
        _example("cosine_onecycle_schedule(transition_steps=100, peak_value=0.1)"),
        _example("linear_onecycle_schedule(transition_steps=100, peak_value=0.1)"),
        _example("warmup_constant_schedule(init_value=0.0, peak_value=0.1, warmup_steps=10)"),
        _example("warmup_cosine_decay_schedule(0.0, 0.1, warmup_steps=10, decay_steps=100, end_value=0.01)"),
        _example("warmup_exponential_decay_schedule(0.0, 0.1, 10, transition_steps=20, decay_rate=0.5)"),
        Example(
            "sgdr_schedule",
            {
                "function": "optax.sgdr_schedule",
                "cosine_kwargs": [
                    {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 5, "decay_steps": 40},
                    {"init_value": 0.0, "peak_value": 0.05, "warmup_steps": 5, "decay_steps": 60},
                ],
            },
            {"total": 100},
        ),
        Example(
            "join_schedules",
            "warmup = optax.linear_schedule(0.0, 0.1, 10)\n"
            "schedule = optax.join_schedules([warmup, optax.cosine_decay_schedule(0.1, 90)], boundaries=[10])",
            {"total": 100},
        ),
    ),
    write=write,
)
