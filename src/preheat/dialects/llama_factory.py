"""LLaMA-Factory: TrainingArguments with one default of its own.

Fields   those of :mod:`preheat.dialects.transformers`, beside LLaMA-Factory's (stage, finetuning_type, ...).
Differs  for warmup_stable_decay num_stable_steps is a third of what follows the warm-up, cut to a whole number, and
         num_decay_steps the rest, where lr_scheduler_kwargs leave them out; transformers itself refuses that.
Step     transformers'.
Read     LLaMA-Factory 0.9.5: train/trainer_utils.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from preheat.dialects import transformers
from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.messages import _, joined


def read(fields: Fields, context: Context) -> Imported:
    """LLaMA-Factory's YAML."""
    notes: list[str] = []
    if fields.value("lr_scheduler_type", None) == "warmup_stable_decay":
        total = transformers.updates_of(fields, context)
        warmup = transformers.warmup_of(fields, context, total, [])
        # trainer_utils.py: a third, cut; the rest of the run decays.
        stable = (total - warmup) // 3
        own = {"num_stable_steps": stable, "num_decay_steps": total - warmup - stable}
        given = fields.section("lr_scheduler_kwargs", {}).raw
        left_out = [f"{name}={value}" for name, value in own.items() if given.get(name) is None]
        if left_out:
            notes.append(
                _("LLaMA-Factory adds {options}: a third stable, the rest decay", options=joined(", ", left_out))
            )
        fields = Fields({**fields.raw, "lr_scheduler_kwargs": {**own, **given}})
    if "loraplus_lr_ratio" in fields:
        notes.append(_("loraplus_lr_ratio gives some groups a rate of their own: this is the schedule they share"))
    imported = transformers.read(fields, context)
    return replace(imported, notes=(*notes, *imported.notes))


_ALONE = {"finetuning_type", "stage", "cutoff_len", "dataset_dir", "template", "neat_packing", "loraplus_lr_ratio"}


def matches(config: Any) -> int:
    """3 for fields of its own beside those of TrainingArguments."""
    if not isinstance(config, Mapping) or not ({"lr_scheduler_type", "learning_rate"} & {*config}):
        return 0
    return 3 if _ALONE & {*config} else 0


def _example(name: str, **more: Any) -> Example:
    config = {"stage": "sft", "learning_rate": 1e-4, "lr_scheduler_type": name, "warmup_ratio": 0.1, **more}
    return Example(name, config, {"total": 100})


DIALECT = Dialect(
    name="llama-factory",
    title="LLaMA-Factory",
    source="LLaMA-Factory 0.9.5",
    convention=_("transformers': update n runs at n / W in the warm-up; the end value falls on update T"),
    read=read,
    matches=matches,
    examples=(_example("cosine"), _example("warmup_stable_decay")),
)
