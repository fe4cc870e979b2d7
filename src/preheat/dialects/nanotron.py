"""nanotron's ``learning_rate_scheduler``, alone, under ``optimizer``, or in a whole configuration.

Fields   learning_rate, lr_warmup_steps (0), lr_warmup_style linear|constant (has to be given), lr_decay_style (linear)
         linear|cosine|1-sqrt, lr_decay_starting_step (the end of the warm-up), lr_decay_steps (what the warm-up
         leaves of tokens.train_steps, wherever the decay starts), min_decay_lr (the learning rate: no decay).
Warm-up  n / W up to and with update W, also where the decay starts before it. Linear with W = 0 runs update 0 at 0.
Ends     min_decay_lr, from lr_decay_starting_step + lr_decay_steps on.
Read     nanotron 0.4 and its main branch of 2026 (1-sqrt): helpers.py, config/config.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.dialects.phases import Phases, hold, warm_up
from preheat.messages import _
from preheat.schedule import Phase, PhaseSchedule
from preheat.schedule.curves import Cosine, Curve, Linear, OneMinusPower

# lr_decay_style; the examples below and the table in the docs take their names from here.
_CURVES: dict[str, Curve] = {"linear": Linear(), "cosine": Cosine(), "1-sqrt": OneMinusPower(0.5)}


def read(fields: Fields, context: Context) -> Imported:
    """A nanotron configuration, or its scheduler section, as a schedule."""
    optimizer = fields.section("optimizer") if "optimizer" in fields else fields
    own = optimizer.section("learning_rate_scheduler") if "learning_rate_scheduler" in optimizer else optimizer
    notes: list[str] = []
    peak = context.rate("learning_rate", own.rate("learning_rate", None))
    total = context.updates("tokens.train_steps", fields.section("tokens", {}).count("train_steps", None, low=1))
    warmup = own.count("lr_warmup_steps", 0)
    if warmup >= total:
        advice = _("The peak would never be used: shorten it or plan more updates.")
        raise own.refusal("lr_warmup_steps", _("below {total} updates", total=total), advice)
    length = own.count("lr_decay_steps", total - warmup)
    if not length and not warmup:
        raise own.refusal(
            "lr_decay_steps", _("above 0 without a warm-up"), _("nanotron would train at the rate's square.")
        )
    rise = _warm_up(own.word("lr_warmup_style", ("linear", "constant")), warmup, notes)
    # nanotron's lambda tries the warm-up first, so a decay that starts inside it is joined on its way.
    begin = own.count("lr_decay_starting_step", warmup)
    # Left out it is the rate itself, in config.py: easily overlooked, hence the note.
    floor = own.share("min_decay_lr", peak) if "min_decay_lr" in own else 1.0
    if "min_decay_lr" not in own:
        notes.append(_("min_decay_lr is left at nanotron's own, the learning rate: nothing decays"))
    if begin < warmup:
        notes.append(_("the decay starts at update {begin}, inside the warm-up", begin=begin))
    if begin + length > total:
        notes.append(_("the decay ends at update {end}, after the run's {total}", end=begin + length, total=total))
    fall = Phase(
        curve=_CURVES[own.word("lr_decay_style", _CURVES, "linear")],
        length=length,
        start=1.0,
        end=floor,
        # The warm-up has update W too, so that the decay is seen from W + 1 on.
        skip=min(length, max(0, warmup + 1 - begin)),
    )
    own.finish()
    phases = (*rise, hold(max(0, begin - warmup - 1)), fall, hold(0, floor))
    return Imported(PhaseSchedule(phases), peak, tuple(notes), total=total)


def _warm_up(style: str, warmup: int, notes: list[str]) -> Phases:
    """Updates 0 to W."""
    if style == "constant":
        return (hold(warmup + 1),)
    if not warmup:
        notes.append(_("without warm-up steps a linear warm-up runs update 0 at 0"))
        return (hold(1, 0.0),)
    return (*warm_up(warmup), hold(1))


def matches(config: Any) -> int:
    """3 for its section, named or with a field of its own."""
    if not isinstance(config, Mapping):
        return 0
    optimizer = config.get("optimizer", config)
    if isinstance(optimizer, Mapping) and "learning_rate_scheduler" in optimizer:
        return 3 * int(isinstance(optimizer["learning_rate_scheduler"], Mapping))
    return 3 * int(bool({"lr_warmup_style", "min_decay_lr", "lr_decay_starting_step"} & {*config}))


def _example(name: str, **own: Any) -> Example:
    section = {"learning_rate": 1e-3, "lr_warmup_steps": 10, "lr_warmup_style": "linear", "min_decay_lr": 1e-4, **own}
    return Example(name, {"optimizer": {"learning_rate_scheduler": section}, "tokens": {"train_steps": 100}})


DIALECT = Dialect(
    name="nanotron",
    title="nanotron",
    source="nanotron 0.4",
    convention=_("update n runs at n / W in the warm-up; the end value falls on the update after the decay"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(style, lr_decay_style=style) for style in _CURVES),
        _example(_("cosine, then constant"), lr_decay_style="cosine", lr_decay_steps=70),
        _example("warm-up, stable, decay", lr_decay_style="linear", lr_decay_starting_step=80, lr_decay_steps=20),
        _example(_("constant warm-up"), lr_warmup_style="constant"),
    ),
)
