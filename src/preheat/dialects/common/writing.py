"""Writing: of all configurations that might say it, the one whose own reader comes nearest.

A writer proposes configurations; each is read back by the dialect's reader and held against the schedule at every
update. So a writer cannot disagree with its reader, and the error it states is the one a user would get.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from preheat.dialects.common.fields import Fields
from preheat.dialects.common.outline import Outline, outline
from preheat.dialects.common.values import Context, Dialect, Exported, Imported
from preheat.errors import ConfigError, PreheatError, refusal
from preheat.schedule import Schedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EXACT = 1e-9  # of the peak: rounding of decimals in a file, not another curve
_FINALISTS = 8
_SAMPLED = 2048


def export(dialect: Dialect, schedule: Schedule, total: int, base_lr: float) -> Exported:
    """The configuration of ``dialect`` nearest to ``schedule``; see :func:`preheat.dialects.write`."""
    import numpy as np

    assert dialect.write is not None
    asked = outline(schedule, total, base_lr)
    if asked.peak <= 0:
        raise ConfigError(refusal("schedule", "above zero at some update", str(schedule), "Nothing would train."))
    context = Context(total=total)
    every = np.arange(total)
    sampled = every if total <= _SAMPLED else np.unique(np.linspace(0, total - 1, _SAMPLED).astype(np.int64))
    rough: list[tuple[float, int, Any]] = []
    outlines = (asked,) if asked.peak == base_lr else (asked, asked.below(base_lr))
    for index, config in enumerate(_distinct(chain.from_iterable(map(dialect.write, outlines)))):
        imported = read_back(dialect, config, context, base_lr)
        if imported is not None:
            rough.append((_merit(_apart(imported, asked, sampled)), index, config))
    if not rough:
        advice = f"{dialect.title} has nothing near it."
        raise ConfigError(refusal("schedule", f"one that {dialect.title} can say", str(schedule), advice))
    rough.sort(key=lambda found: found[:2])
    finalists = []
    for place, (_, _, config) in enumerate(rough[:_FINALISTS]):
        imported = read_back(dialect, config, context, base_lr)
        assert imported is not None
        apart = _apart(imported, asked, every)
        finalists.append((_merit(apart), place, apart, config, imported.notes))
    _, _, apart, config, notes = min(finalists, key=lambda finalist: finalist[:2])
    at = int(apart.argmax())
    error = float(apart[at])
    render = dialect.render or as_json
    exact = error <= _EXACT * asked.peak
    return Exported(config, render(config), dialect.name, 0.0 if exact else error, at, exact, notes)


def read_back(dialect: Dialect, config: Any, context: Context, peak: float) -> Imported | None:
    """What the dialect's reader makes of a proposal, beside an optimizer at ``peak``; None if it refuses it."""
    try:
        imported = dialect.read(Fields(config) if isinstance(config, Mapping) else config, context)
        if imported.base_lr is None:
            imported = dialect.read(
                Fields(config) if isinstance(config, Mapping) else config, Context(total=context.total, peak=peak)
            )
    except PreheatError:
        return None
    return imported


def _merit(apart: NDArray[np.float64]) -> float:
    """What makes one proposal nearer than another: its largest distance, and how far it is on average."""
    return float(apart.max() + apart.mean())


def _apart(imported: Imported, asked: Outline, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance in learning rate at each of ``positions``."""
    import numpy as np

    base = asked.peak if imported.base_lr is None else imported.base_lr
    apart: NDArray[np.float64] = np.abs(base * imported.schedule(positions) - asked.peak * asked.factors[positions])
    return np.where(apart <= _EXACT * asked.peak, 0.0, apart)  # of several that are exact the first proposed is taken


def _distinct(configs: Iterable[Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for config in configs:
        found.setdefault(json.dumps(config, sort_keys=True, default=str), config)
    return [*found.values()]


def as_json(config: Any) -> str:
    """A configuration as indented JSON; text as it is."""
    return config if isinstance(config, str) else json.dumps(config, indent=2)


def as_flags(config: Mapping[str, Any]) -> str:
    r"""A configuration as command-line flags, one a line.

    >>> print(as_flags({"lr_decay_style": "cosine", "lr": 0.001, "use_it": True}))
    --lr-decay-style cosine \
    --lr 0.001 \
    --use-it
    """
    words = [f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}") for name, value in config.items()]
    return " \\\n".join(words)


def as_toml(config: Mapping[str, Any]) -> str:
    """Sections of plain values as TOML.

    >>> print(as_toml({"lr_scheduler": {"warmup_steps": 10, "decay_type": "linear"}}))
    [lr_scheduler]
    warmup_steps = 10
    decay_type = "linear"
    """
    blocks = []
    for section, values in config.items():
        blocks.append("\n".join([f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]))
    return "\n\n".join(blocks)


def as_yaml(config: Mapping[str, Any], indent: int = 0) -> str:
    """Nested mappings of plain values as YAML.

    >>> print(as_yaml({"scheduler": {"name": "cosine_with_warmup", "alpha_f": 0.1}}))
    scheduler:
      name: cosine_with_warmup
      alpha_f: 0.1
    """
    lines = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            lines += [" " * indent + f"{name}:", as_yaml(value, indent + 2)]
        else:
            plain = isinstance(value, str) and value.replace("_", "").replace("-", "").isalnum() and value[0].isalpha()
            lines.append(" " * indent + f"{name}: {value if plain else json.dumps(value)}")
    return "\n".join(lines)
