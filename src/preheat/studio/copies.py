"""A design as text to paste: words, a file, Python, other frameworks' configurations; and as a file to keep."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from preheat.errors import ConfigError, refusal
from preheat.schedule import Schedule
from preheat.schedule.files import VERSION
from preheat.studio.design import Design

MOST_CHECKED = 10_000_000  # updates over which a copy is compared with the design


@dataclass(frozen=True, slots=True)
class Copy:
    """Text to paste.

    Attributes:
        text: what is copied.
        notes: how far it is the design: exact, or how much off, and what else to know.
    """

    text: str
    notes: tuple[str, ...] = ()


def targets() -> dict[str, str]:
    """What a design can be copied as: name to what people call it.

    >>> list(targets())[:7]
    ['words', 'yaml', 'python', 'transformers', 'torch', 'keras', 'optax']
    """
    from preheat.dialects import DIALECTS, dialect

    written = {name: dialect(name).title for name in DIALECTS if dialect(name).write is not None}
    return {"words": "preheat: words", "yaml": "preheat: YAML", "python": "preheat: Python", **written}


def copy_as(design: Design, index: int, target: str) -> Copy:
    """A curve of a design as text.

    Args:
        design: what is shown.
        index: which of its curves.
        target: one of :func:`targets`.

    Raises:
        ScheduleError, PlanError: if the curve is no schedule over this run.
        ConfigError: for an unknown target, one that has nothing near the curve, and runs too long to compare.
    """
    schedule = design.schedule(index)
    if target == "words":
        return Copy(design.curves[index])
    if target == "yaml":
        return Copy(_yaml(schedule, design))
    if target == "python":
        return Copy(_python(schedule, design))
    if design.updates > MOST_CHECKED:
        rule = f"at most {MOST_CHECKED} to compare a copy with the design"
        raise ConfigError(refusal("updates", rule, design.updates, "Use preheat's own words."))
    from preheat.dialects import write

    done = write(schedule, target, total=design.updates, base_lr=design.lr)
    off = f"nearest: off by {done.error:.4g} at most, at update {done.error_at:,}"
    notes = ("exact: the same rate at every update" if done.exact else off, *done.notes)
    return Copy(_arguments(done.config) if target == "transformers" else done.text, notes)


def _yaml(schedule: Schedule, design: Design) -> str:
    return f"# the peak learning rate is {design.lr!r}\nversion: {VERSION}\nschedule: {json.dumps(str(schedule))}\n"


def _python(schedule: Schedule, design: Design) -> str:
    return (
        "import preheat\nimport torch\n\n"
        f"schedule = preheat.parse({json.dumps(str(schedule))})\n"
        f"optimizer = torch.optim.AdamW(model.parameters(), lr={design.lr!r})\n"
        "scheduler = preheat.torch.Scheduler(optimizer, schedule)\n"
    )


def _arguments(config: dict[str, Any]) -> str:
    """TrainingArguments as code: what people have in their scripts."""
    lines = "".join(f"    {name}={value!r},\n" for name, value in config.items())
    return (
        f'from transformers import TrainingArguments\n\narguments = TrainingArguments(\n    output_dir="out",\n{lines})'
    )
