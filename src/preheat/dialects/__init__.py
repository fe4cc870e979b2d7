"""Other frameworks' configurations as schedules, and back. One file a framework.

>>> from preheat import dialects
>>> imported = dialects.read({"lr_scheduler_type": "cosine", "warmup_steps": 0.1, "learning_rate": 1e-4}, total=100)
>>> imported.dialect, imported.base_lr, imported.schedule(10)
('transformers', 0.0001, 1.0)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from preheat.dialects.definition import Context as Context
from preheat.dialects.definition import Dialect as Dialect
from preheat.dialects.definition import Exported as Exported
from preheat.dialects.definition import Imported as Imported
from preheat.dialects.fields import Fields
from preheat.dialects.loading import load
from preheat.errors import ConfigError, refusal, unknown_name
from preheat.messages import _, joined
from preheat.plan import Plan
from preheat.schedule import Schedule
from preheat.schedule.lengths import count, positive

# In the order people are likely to need them; each is a module of this folder with dashes as underscores.
DIALECTS = (
    "transformers",
    "torch",
    "keras",
    "optax",
    "timm",
    "fairseq",
    "axolotl",
    "llama-factory",
    "sentence-transformers",
    "diffusers",
    "thinc",
    "mmengine",
    "deepspeed",
    "megatron",
    "gpt-neox",
    "nemo",
    "torchtitan",
    "composer",
    "olmo",
    "olmo-core",
    "levanter",
    "nanotron",
)


def read(config: Any, dialect_name: str = "auto", **context: Any) -> Imported:
    """A configuration of another framework as a schedule, with that framework's exact step convention.

    Args:
        config: a mapping or a list, the text of a file (JSON, TOML, YAML, flags), or its path.
        dialect_name: one of ``preheat.dialects.DIALECTS``; ``"auto"`` recognizes it.
        **context: what the file leaves to its trainer: the fields of :class:`Context` (``total``, ``peak``,
            ``warmup``, ``plan``, ``examples``, ``world_size``, ``updates_per_epoch``, ``samples_per_update``,
            ``tokens_per_update``, ``version``).

    Raises:
        ConfigError: naming the field that is missing, wrong, or cannot be expressed as a function of the update.
        ScheduleError: for lengths that do not fit together.

    >>> read({"lr_scheduler_type": "linear", "warmup_steps": 10, "max_steps": 100}).schedule(55)
    0.5
    """
    data = load(config)
    name = detect(data) if dialect_name == "auto" else dialect_name
    spoken = dialect(name)
    # A dialect may take calls or plain data beside fields; what it does not know as such is no business of its
    # reader's.
    if spoken.only_fields and not isinstance(data, Mapping) and not spoken.matches(data):
        raise ConfigError(
            refusal("config", _("one of {title}", title=spoken.title), _short(data), _("Give a mapping of its fields."))
        )
    imported = spoken.read(Fields(data) if isinstance(data, Mapping) else data, _context(context))
    return Imported(
        imported.schedule, imported.base_lr, imported.notes, spoken.name, imported.total, dict(imported.also)
    )


def write(schedule: Schedule, dialect_name: str, *, total: int | None = None, base_lr: float = 1.0) -> Exported:
    """A schedule as a configuration of another framework: exact where its vocabulary allows, else the nearest.

    Args:
        schedule: any schedule.
        dialect_name: a dialect that is written; see the table in the docs.
        total: updates of the run; None takes the horizon.
        base_lr: the learning rate that the factors multiply.

    Returns:
        The configuration with its largest error over all updates, 0.0 where it is exact.

    Raises:
        ConfigError: for a dialect that is only read, or that has nothing near the schedule.

    >>> from preheat import get_schedule
    >>> done = write(get_schedule("cosine", warmup=10, total=100), "transformers", base_lr=1e-3)
    >>> done.exact, done.config["lr_scheduler_type"], done.config["warmup_steps"]
    (True, 'cosine', 10)
    """
    from preheat.dialects.writing import export

    spoken = dialect(dialect_name)
    if spoken.write is None:
        written = joined(", ", [name for name in DIALECTS if dialect(name).write is not None])
        raise ConfigError(
            refusal(
                "dialect", _("one that is written ({written})", written=written), dialect_name, _("Pick one of these.")
            )
        )
    base = positive("base_lr", base_lr, _("It is the learning rate the factors multiply."))
    # An end between two updates is reached by the one that goes past it.
    if total is None and schedule.horizon is not None:
        total = math.ceil(schedule.horizon)
    if total is None:
        raise ConfigError(
            refusal("total", _("given for a schedule without an end"), None, _("Give the run's updates."))
        )
    updates = int(count("total", total, 1))
    whole = (schedule.over(updates) if schedule.waits_for == "a plan" else schedule).for_base(base)
    return export(spoken, whole, updates, base)


def detect(config: Any) -> str:
    """The dialect a configuration is written in.

    Args:
        config: as :func:`read` takes it.

    Raises:
        ConfigError: if no dialect, or more than one, fits.

    >>> detect({"lr_scheduler_type": "linear"})
    'transformers'
    """
    data = load(config)
    sure = {name: dialect(name).matches(data) for name in DIALECTS}
    # How sure each is: 3 for a field of nobody else's, 2 and 1 for what others might write too.
    best = max(sure.values())
    likeliest = [name for name, score in sure.items() if score == best]
    if not best:
        advice = _("Say which with dialect_name= (--from): {names}.", names=joined(", ", DIALECTS))
        raise ConfigError(refusal("config", _("of a dialect known here"), _short(data), advice))
    if len(likeliest) > 1:
        raise ConfigError(
            refusal(
                "config",
                _("of one dialect"),
                _short(data),
                _("It could be any of {names}.", names=joined(", ", likeliest)),
            )
        )
    return likeliest[0]


def dialect(name: str) -> Dialect:
    """The dialect called ``name``, refused with the nearest one known."""
    if name not in DIALECTS:
        raise ConfigError(unknown_name("dialect", _("one known here"), name, DIALECTS))
    # Here and not at the top: a dialect that nobody asks for is not loaded.
    spoken: Dialect = import_module(f"preheat.dialects.{name.replace('-', '_')}").DIALECT
    return spoken


def _context(given: dict[str, Any]) -> Context:
    known = Context.__dataclass_fields__
    # Checked here, once: readers take what a caller says as it is.
    for name, value in given.items():
        if name not in known:
            raise ConfigError(
                unknown_name("context", _("something a trainer knows"), name, known, _("Correct it, or take it out."))
            )
        if value is None or name == "version":
            continue
        if name == "plan":
            if not isinstance(value, Plan):
                raise ConfigError(refusal("plan", _("a preheat.Plan"), value, _("Make one with preheat.Plan.")))
        elif name in ("total", "examples", "world_size"):
            count(name, value, 1)
        elif name == "warmup":
            count(name, value)
        else:
            positive(name, value, _("It is a number above zero."))
    if given.get("total") is not None and given.get("plan") is not None:
        raise ConfigError(
            refusal("total", _("left out beside a plan"), given["total"], _("The plan counts the updates."))
        )
    return Context(**given)


def _short(data: Any) -> str:
    text = ", ".join(map(str, data)) if isinstance(data, Mapping) else str(data)
    return text if len(text) <= 120 else text[:117] + "..."
