"""GPT-NeoX's configuration, and the state its scheduler saves.

Fields   lr_decay_style (linear) constant|linear|cosine|exponential; train_iters; D = lr_decay_iters, or the share
         lr_decay_fraction of train_iters rounded down (all of them); warmup (0.01), a share of D, never rounded;
         min_lr (0), which cuts off; the optimizer's params.lr.
Warm-up  n / W with W = warmup D, the peak at update W.
Decay    k = n - W updates after the peak a line is at 1 - k / D, the cosine at (1 + cos(pi k / D)) / 2, the exponential
         at exp(-0.693 k / D). k stops at D - 2 W, so no style arrives where there is a warm-up.
Ends     what is reached at update D - W is held.
State    start_lr, min_lr, warmup_iter, end_iter, decay_style, num_iters.
Read     gpt-neox 0535bfbb, megatron/learning_rates.py, training.py, neox_arguments/neox_args.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import Phases, hold, warm_up
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule, Schedule
from preheat.schedule.curves import Cosine, Exponential, Linear
from preheat.schedule.lengths import Count

_STYLES = ("constant", "linear", "cosine", "exponential")
_STATE = ("start_lr", "warmup_iter", "end_iter")


def read(fields: Fields, context: Context) -> Imported:
    """A GPT-NeoX configuration as a schedule."""
    if all(name in fields for name in _STATE):
        return _state(fields, context)
    notes: list[str] = []
    optimizer = fields.section("optimizer", {}).section("params", {})
    lr = fields.rate("lr", optimizer.rate("lr", None))
    peak = context.rate("optimizer.params.lr", lr)
    total = context.updates("train_iters", fields.count("train_iters", None, low=1))
    # Above a half the decay, which stops 2 W early, would be over before it begins.
    share = fields.number("warmup", 0.01, low=0.0, high=0.5, advice=_("It is a share of the decay length."))
    decay = _decay_length(fields, total, notes)
    style = fields.word("lr_decay_style", _STYLES, "linear")
    if fields.flag("use_mup"):
        notes.append(_("groups with a width_mult run at the rate divided by it"))
    # A configuration has a hundred fields for other things: slips are looked for among those of the rate alone.
    own = Fields({name: value for name, value in fields.raw.items() if str(name).startswith(("lr_", "lr-"))})
    for name in ("lr_decay_style", "lr_decay_iters", "lr_decay_fraction"):
        own.value(name, None)
    own.finish()
    return Imported(_schedule(style, share * decay, decay, fields, peak, notes), peak, tuple(notes), total=total)


def _decay_length(fields: Fields, total: int, notes: list[str]) -> int:
    """D, at least one update."""
    length: int | None = fields.count("lr_decay_iters", None, low=1)
    share = fields.number("lr_decay_fraction", None, low=0.0)
    if length is None:
        # neox_args.py cuts it to a whole number.
        return total if share is None else max(1, math.floor(total * share))
    if share is not None:
        notes.append(_("lr_decay_iters={length} wins over lr_decay_fraction={share}", length=length, share=share))
    return length


def _state(fields: Fields, context: Context) -> Imported:
    notes: list[str] = [_("a state after {updates} updates", updates=fields.count("num_iters"))]
    peak = context.rate("start_lr", fields.rate("start_lr"))
    decay = fields.count("end_iter", low=1)
    warmup = fields.number("warmup_iter", low=0.0, high=decay / 2)
    style = fields.word("decay_style", _STYLES)
    return Imported(_schedule(style, warmup, decay, fields, peak, notes), peak, tuple(notes), total=context.told)


def _schedule(style: str, warmup: Count, decay: int, fields: Fields, peak: float | None, notes: list[str]) -> Schedule:
    floor = fields.share("min_lr", peak)
    # A share of D is never rounded by GPT-NeoX; what misses a whole number by rounding alone is that number.
    rise = warm_up(round(warmup) if math.isclose(warmup, round(warmup), rel_tol=1e-12) else warmup)
    if style == "constant":
        return PhaseSchedule((*rise, hold(None)))
    falls: dict[str, Phases] = {
        "linear": (Phase(curve=Linear(), length=decay, start=1.0),),
        "cosine": (Phase(curve=Cosine(), length=decay, start=1.0),),
        # learning_rates.py writes ln 2 as 0.693.
        "exponential": (Phase(curve=Exponential(math.exp(-0.693), decay), length=None, start=1.0),),
    }
    # Its count stops at D - W, from which W is taken off once more.
    fall = PhaseSchedule(falls[style]).until(decay - 2 * (rise[0].length if rise else 0))  # type: ignore[operator]
    if warmup and style != "exponential":
        notes.append(
            _("the {style} decay does not arrive: it stops 2 x {warmup:g} updates early", style=style, warmup=warmup)
        )
    return PhaseSchedule((*rise, fall.clip(floor=floor) if floor else fall))


def matches(config: Any) -> int:
    """3 for its decay style beside ``warmup`` or a DeepSpeed optimizer, and for a saved state; 2 without the style."""
    if not isinstance(config, Mapping):
        return 0
    names = {str(name).replace("-", "_"): value for name, value in config.items()}
    optimizer = names.get("optimizer")
    deepspeed = isinstance(optimizer, Mapping) and "params" in optimizer
    if {*_STATE} <= {*names} or ("lr_decay_style" in names and ("warmup" in names or deepspeed)):
        return 3
    return 2 * int(deepspeed and "train_iters" in names)


def _example(name: str, **fields: Any) -> Example:
    adam = {"type": "Adam", "params": {"lr": 1e-3}}
    return Example(name, {"train_iters": 100, "lr_decay_style": name, "warmup": 0.1, "optimizer": adam, **fields})


DIALECT = Dialect(
    name="gpt-neox",
    title="GPT-NeoX",
    source="gpt-neox 0535bfbb",
    convention=_("update n runs at n / W in the warm-up; the decay is shaped for D updates, and stops after D - 2 W"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(name) for name in ("constant", "linear", "exponential")),
        _example("cosine", min_lr=1e-4, lr_decay_iters=80),
        Example(
            _("saved state"),
            {"start_lr": 1e-3, "min_lr": 0.0, "warmup_iter": 10, "end_iter": 100}
            | {"decay_style": "cosine", "num_iters": 50},
        ),
    ),
)
