"""Hugging Face TrainingArguments, of transformers 4 and 5.

Fields   learning_rate (5e-5), lr_scheduler_type (linear), lr_scheduler_kwargs (mapping or JSON text), warmup_steps,
         warmup_ratio (4 only), max_steps, num_train_epochs with batch size and accumulation.
Warm-up  4: warmup_steps if above 0, else ceil(updates * warmup_ratio). 5: one number; below 1 it is a share, rounded
         up in binary floats (7 % of 100 is 8), from 1 on its whole part is updates: 1.0 is one update, not all.
Read     transformers 5.23: training_args.py, trainer.py, optimization.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from preheat.dialects.definition import Context, Dialect, Example, Imported, Outline
from preheat.dialects.fields import Fields
from preheat.errors import ConfigError, refusal
from preheat.messages import _, joined, plural
from preheat.plan import Plan
from preheat.schedule import Schedule, get_schedule
from preheat.schedule.named import BUILDERS

# Both follow a metric; greedy is of transformers 5.
_METRIC = ("reduce_lr_on_plateau", "greedy")
# They lack the guard that linear and polynomial have.
_CLIMBS_AGAIN = ("cosine", "cosine_with_min_lr", "cosine_warmup_with_min_lr")
PAST_END = _("past the last update transformers rises again; here the end value is held")


def read(fields: Fields, context: Context) -> Imported:
    """TrainingArguments as a schedule."""
    notes: list[str] = []
    name = fields.word("lr_scheduler_type", (*BUILDERS, *_METRIC), "linear")
    if name in _METRIC:
        raise fields.refusal(
            "lr_scheduler_type", _("a function of the update"), _("Multiply by preheat.plateau() instead.")
        )
    own = fields.rate("learning_rate", None)
    if own is None and context.peak is None:
        notes.append(_("learning_rate is left at transformers' own 5e-5"))
    # training_args.py's default, for whoever leaves it out.
    peak = context.rate("learning_rate", own) or 5e-5
    total = updates_of(fields, context)
    options = dict(fields.section("lr_scheduler_kwargs", {}).raw)
    warmup = warmup_of(fields, context, total, notes)
    return Imported(build(name, warmup, total, peak, options, notes), peak, tuple(notes), total=total)


def build(name: str, warmup: int, total: int, peak: float, options: Mapping[str, Any], notes: list[str]) -> Schedule:
    """What transformers' ``get_scheduler`` makes of a name; adds to ``notes`` what it drops in silence."""
    if name == "constant":
        if warmup:
            notes.append(
                plural(
                    "'constant' ignores its {n} update of warm-up: take constant_with_warmup for one",
                    "'constant' ignores its {n} updates of warm-up: take constant_with_warmup for one",
                    warmup,
                )
            )
        warmup = 0
    if name in ("constant", "constant_with_warmup") and options:
        notes.append(_("{name!r} ignores its options {options}", name=name, options=joined(", ", options)))
        options = {}
    if name in _CLIMBS_AGAIN:
        notes.append(PAST_END)
    shaped = total
    if name == "warmup_stable_decay" and options.get("num_stable_steps") is not None:
        section = Fields(options, "lr_scheduler_kwargs")
        shaped = warmup + section.count("num_stable_steps") + section.count("num_decay_steps")
        if shaped != total:
            notes.append(_("the phases take {shaped} updates, the run {total}", shaped=shaped, total=total))
    # Our own arguments: handed on they would say something that transformers never reads.
    for reserved in ("name", "warmup", "total", "lr", "convention"):
        if reserved in options:
            advice = _("transformers takes no such option.")
            raise ConfigError(
                refusal("lr_scheduler_kwargs", _("without {reserved}", reserved=reserved), options[reserved], advice)
            )
    return get_schedule(name, warmup=warmup, total=shaped, lr=peak, **options)


def updates_of(fields: Fields, context: Context) -> int:
    """Updates of the run: ``max_steps``, or counted from epochs where the number of examples is known."""
    steps = fields.count("max_steps", None, low=-1)
    # -1 is transformers' own "not given".
    if steps is not None and steps > 0:
        return context.updates("max_steps", steps)
    if context.examples is None:
        return context.updates("max_steps")
    plan = Plan.hf_trainer(
        context.examples,
        fields.count("per_device_train_batch_size", 8, low=1),
        fields.number("num_train_epochs", 3.0, low=0.0),
        fields.count("gradient_accumulation_steps", 1, low=1),
        context.world_size,
        fields.flag("dataloader_drop_last"),
    )
    return context.updates("num_train_epochs", plan.updates)


def warmup_of(fields: Fields, context: Context, total: int, notes: list[str]) -> int:
    """Updates of the warm-up, by the rules of the version that the file is written for."""
    ratio = fields.number("warmup_ratio", None, low=0.0, high=1.0, advice=_("It is a share of the run."))
    steps = fields.number("warmup_steps", 0, low=0.0, high=2**53)
    if context.version not in (None, "4", "5"):
        raise ConfigError(refusal("version", _('"4" or "5"'), context.version, _("Those are transformers' own rules.")))
    # Without a ratio both versions agree on whole numbers: only shares are told apart by the version.
    if ratio is None and context.version != "4":
        if isinstance(steps, float) and steps >= 1:
            notes.append(
                plural(
                    "warmup_steps={steps} is {n} update to transformers 5, not a share",
                    "warmup_steps={steps} is {n} updates to transformers 5, not a share",
                    int(steps),
                    steps=steps,
                )
            )
        return int(steps) if steps >= 1 else math.ceil(total * steps)
    if context.version == "5":
        raise fields.refusal("warmup_ratio", _("left out"), _("transformers 5 takes the share as warmup_steps."))
    if steps != int(steps):
        raise fields.refusal(
            "warmup_steps", _("a whole number beside warmup_ratio"), _("transformers 4 counts updates.")
        )
    if steps and ratio:
        notes.append(_("warmup_steps={whole} wins over warmup_ratio={ratio}", whole=int(steps), ratio=ratio))
    return int(steps) if steps else math.ceil(total * (ratio or 0))


def write(asked: Outline) -> Iterator[dict[str, Any]]:
    """Every lr_scheduler_type with the lengths, floors and powers of the outline."""
    for warmup in asked.warmups:
        for name, options in _choices(asked):
            config = {"learning_rate": asked.peak, "lr_scheduler_type": name, "warmup_steps": warmup}
            config["max_steps"] = asked.total
            yield {**config, "lr_scheduler_kwargs": options} if options else config


def _choices(asked: Outline) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("constant", "constant_with_warmup", "linear", "cosine", "inverse_sqrt"):
        yield name, {}
    for timescale in asked.option("timescale"):
        yield "inverse_sqrt", {"timescale": timescale}
    for cycles in asked.option("cycles", 0.5):
        yield "cosine", {"num_cycles": cycles}
        yield "cosine_with_restarts", {"num_cycles": cycles}
    for floor in asked.floors:
        for cycles in asked.option("cycles", 0.5):
            yield "cosine_with_min_lr", {"min_lr_rate": floor, "num_cycles": cycles}
            yield "cosine_warmup_with_min_lr", {"min_lr_rate": floor, "num_cycles": cycles}
        # Beside its own: the line, the square and the root, which nearly any decay is near.
        for power in asked.option("power", 1.0, 2.0, 0.5):
            yield "polynomial", {"power": power, "lr_end": floor * asked.peak}
        for decay in asked.decays:
            for shape in ("linear", "cosine", "1-sqrt"):
                options = {"num_decay_steps": decay, "decay_type": shape, "min_lr_ratio": floor}
                yield "warmup_stable_decay", options


def matches(config: Any) -> int:
    """2 for its own field, 1 for a learning rate with a warm-up and no scheduler of another name."""
    if not isinstance(config, Mapping):
        return 0
    if "lr_scheduler_type" in config:
        return 2
    return int("learning_rate" in config and bool({"warmup_steps", "warmup_ratio"} & {*config}))


def _example(name: str, **options: Any) -> Example:
    config = {"learning_rate": 1e-4, "lr_scheduler_type": name, "warmup_steps": 10}
    return Example(name, {**config, "lr_scheduler_kwargs": options} if options else config, {"total": 100})


DIALECT = Dialect(
    name="transformers",
    title="transformers TrainingArguments",
    source="transformers 5.23",
    convention=_("update n runs at n / W in the warm-up; the end value falls on update T, one after the last"),
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        *(_example(name) for name in ("linear", "cosine", "constant_with_warmup", "inverse_sqrt")),
        _example("cosine_with_restarts", num_cycles=3),
        _example("polynomial", power=2.0, lr_end=1e-6),
        _example("cosine_with_min_lr", min_lr_rate=0.1),
        _example("cosine_warmup_with_min_lr", min_lr_rate=0.1),
        _example("warmup_stable_decay", num_decay_steps=20, decay_type="1-sqrt"),
        Example("constant", {"learning_rate": 1e-4, "lr_scheduler_type": "constant"}, {"total": 100}),
    ),
    write=write,
)
