"""sentence-transformers' ``model.fit``: its arguments.

Fields   scheduler (WarmupLinear; ConstantLR, WarmupConstant, WarmupCosine, WarmupCosineWithHardRestarts, any letter
         case), warmup_steps (10 000), epochs (1), steps_per_epoch, batch_size, optimizer_params.lr (2e-5).
Total    steps_per_epoch for one epoch; else int(examples // batch_size * epochs): it leaves incomplete batches out,
         which the Trainer behind it trains on.
Step     transformers': n / W, the end on update T, one after the last.
Read     sentence-transformers 6.2: sentence_transformer/fit_mixin.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preheat.dialects import transformers
from preheat.dialects.definition import Context, Dialect, Example, Imported
from preheat.dialects.fields import Fields
from preheat.messages import _
from preheat.schedule.named import ARTICLE_NAMES

# fit()'s own default, longer than many runs.
_WARMUP = 10_000


def read(fields: Fields, context: Context) -> Imported:
    """The arguments of ``fit``."""
    notes: list[str] = []
    name = str(fields.value("scheduler", "WarmupLinear")).lower()
    # fit() lowers the case; a slip is refused with the five in their usual spelling.
    if name not in ARTICLE_NAMES:
        fields.word("scheduler", _SPELLINGS, "WarmupLinear")
    warmup = fields.count("warmup_steps", _WARMUP)
    if "warmup_steps" not in fields:
        notes.append(_("warmup_steps is left at sentence-transformers' own 10000"))
    total = _updates(fields, context, notes)
    own = fields.section("optimizer_params", {}).rate("lr", None)
    if own is None and context.peak is None:
        notes.append(_("optimizer_params.lr is left at sentence-transformers' own 2e-5"))
    peak = context.rate("optimizer_params.lr", own) or 2e-5
    known = ARTICLE_NAMES[name]
    # ConstantLR takes no warm-up in fit(), so transformers' note about one would be wrong.
    schedule = transformers.build(known, 0 if known == "constant" else warmup, total, peak, {}, notes)
    return Imported(schedule, peak, tuple(notes), total=total)


def _updates(fields: Fields, context: Context, notes: list[str]) -> int:
    epochs, steps = fields.number("epochs", 1, low=0.0), fields.count("steps_per_epoch", None)
    if steps and epochs == 1:
        return context.updates("steps_per_epoch", steps)
    if steps:
        notes.append(_("with more than one epoch steps_per_epoch does nothing"))
    if context.examples is None:
        return context.updates("steps_per_epoch")
    size = fields.count("batch_size", 8, low=1)
    if context.examples % size:
        notes.append(_("the schedule leaves incomplete batches out; the Trainer trains on them too, past its end"))
    return context.updates("epochs", int(context.examples // size * epochs))


_SPELLINGS = ("ConstantLR", "WarmupConstant", "WarmupLinear", "WarmupCosine", "WarmupCosineWithHardRestarts")


def matches(config: Any) -> int:
    """3 for one of its five names as ``scheduler``."""
    name = config.get("scheduler") if isinstance(config, Mapping) else None
    return 3 if isinstance(name, str) and name.lower() in ARTICLE_NAMES else 0


DIALECT = Dialect(
    name="sentence-transformers",
    title="sentence-transformers fit()",
    source="sentence-transformers 6.2",
    convention=_("transformers': update n runs at n / W in the warm-up; the end value falls on update T"),
    read=read,
    matches=matches,
    examples=tuple(Example(name, {"scheduler": name, "warmup_steps": 10}, {"total": 100}) for name in _SPELLINGS),
)
