"""transformers' scheduler functions under their own names and signatures, on preheat's driver.

Change the import line and a script runs on: ``from preheat import get_linear_schedule_with_warmup``. The values over
0..num_training_steps are transformers'; past them the end value is held. Counts may be floats, as in transformers
(``0.1 * total_steps``). ``lr_end`` and ``min_lr`` refer to ``optimizer.defaults["lr"]``. Source: transformers 5.23.

Each is a name of :func:`preheat.get_schedule` with its options, on a :class:`preheat.torch.Scheduler`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from preheat.schedule.lengths import Count
from preheat.schedule.named import build, takes_warmup
from preheat.torch import Scheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer


def _scheduler(
    name: str, optimizer: Optimizer, warmup: Count | None, total: Count | None, last_epoch: int, **options: Any
) -> Scheduler:
    schedule = build(
        name,
        warmup,
        total,
        # Not the groups' own: transformers turns lr_end and min_lr into shares of this one for every group.
        lr=float(optimizer.defaults["lr"]),
        # transformers takes counts such as 0.1 * total_steps, and does not round them.
        whole=False,
        warmup_name="num_warmup_steps",
        total_name="num_training_steps",
        **options,
    )
    return Scheduler(optimizer, schedule, last_epoch)


def get_constant_schedule(optimizer: Optimizer, last_epoch: int = -1) -> Scheduler:
    """The optimizer's own learning rate at every update."""
    return _scheduler("constant", optimizer, 0, None, last_epoch)


def get_constant_schedule_with_warmup(optimizer: Optimizer, num_warmup_steps: Count, last_epoch: int = -1) -> Scheduler:
    """A warm-up from 0 over ``num_warmup_steps`` updates, then constant."""
    return _scheduler("constant_with_warmup", optimizer, num_warmup_steps, None, last_epoch)


def get_linear_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: Count, num_training_steps: Count, last_epoch: int = -1
) -> Scheduler:
    """A warm-up from 0 over ``num_warmup_steps`` updates, then a straight line to 0 at ``num_training_steps``.

    >>> import torch
    >>> optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=1e-4)
    >>> scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=100, num_training_steps=3600)
    >>> scheduler.schedule(50)
    0.5
    """
    return _scheduler("linear", optimizer, num_warmup_steps, num_training_steps, last_epoch)


def get_cosine_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: Count,
    num_training_steps: Count,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
) -> Scheduler:
    """A warm-up from 0, then ``num_cycles`` cosine waves; 0.5 is one descent to 0."""
    return _scheduler("cosine", optimizer, num_warmup_steps, num_training_steps, last_epoch, num_cycles=num_cycles)


def get_cosine_with_hard_restarts_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: Count,
    num_training_steps: Count,
    num_cycles: int = 1,
    last_epoch: int = -1,
) -> Scheduler:
    """A warm-up from 0, then ``num_cycles`` cosine descents, each from the peak."""
    return _scheduler(
        "cosine_with_restarts", optimizer, num_warmup_steps, num_training_steps, last_epoch, num_cycles=num_cycles
    )


def get_polynomial_decay_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: Count,
    num_training_steps: Count,
    # Defaults are transformers' throughout: scripts rely on them without a word.
    lr_end: float = 1e-7,
    power: float = 1.0,
    last_epoch: int = -1,
) -> Scheduler:
    """A warm-up from 0, then a power of what is left, down to ``lr_end``."""
    return _scheduler(
        "polynomial", optimizer, num_warmup_steps, num_training_steps, last_epoch, lr_end=lr_end, power=power
    )


def get_inverse_sqrt_schedule(
    optimizer: Optimizer, num_warmup_steps: Count, timescale: float | None = None, last_epoch: int = -1
) -> Scheduler:
    """A warm-up from 0, then the inverse square root, without end."""
    return _scheduler("inverse_sqrt", optimizer, num_warmup_steps, None, last_epoch, timescale=timescale)


def get_cosine_with_min_lr_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: Count,
    num_training_steps: Count,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> Scheduler:
    """A warm-up from 0, then a cosine to a floor: ``min_lr`` (a rate) or ``min_lr_rate`` (a share of the peak)."""
    return _scheduler(
        "cosine_with_min_lr",
        optimizer,
        num_warmup_steps,
        num_training_steps,
        last_epoch,
        num_cycles=num_cycles,
        min_lr=min_lr,
        min_lr_rate=min_lr_rate,
    )


def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    optimizer: Optimizer,
    num_warmup_steps: Count,
    num_training_steps: Count,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> Scheduler:
    """As above, but the warm-up starts at ``warmup_lr_rate`` of the peak and everything is one update earlier."""
    return _scheduler(
        "cosine_warmup_with_min_lr",
        optimizer,
        num_warmup_steps,
        num_training_steps,
        last_epoch,
        num_cycles=num_cycles,
        min_lr=min_lr,
        min_lr_rate=min_lr_rate,
        warmup_lr_rate=warmup_lr_rate,
    )


def get_wsd_schedule(
    optimizer: Optimizer,
    num_warmup_steps: Count,
    num_decay_steps: Count,
    num_training_steps: Count | None = None,
    num_stable_steps: Count | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
) -> Scheduler:
    """A warm-up, a plateau and a descent over ``num_decay_steps``."""
    return _scheduler(
        "warmup_stable_decay",
        optimizer,
        num_warmup_steps,
        num_training_steps,
        last_epoch,
        num_decay_steps=num_decay_steps,
        num_stable_steps=num_stable_steps,
        warmup_type=warmup_type,
        decay_type=decay_type,
        min_lr_ratio=min_lr_ratio,
        num_cycles=num_cycles,
    )


def get_scheduler(
    name: str,
    optimizer: Optimizer,
    num_warmup_steps: Count | None = None,
    num_training_steps: Count | None = None,
    scheduler_specific_kwargs: Mapping[str, Any] | None = None,
) -> Scheduler:
    """Any of the schedules by its name: transformers' ``SchedulerType`` members and names, or the article's.

    As in transformers, ``constant`` pays no attention to the counts. Unlike there, an option that a schedule does not
    take is refused.
    """
    options = dict(scheduler_specific_kwargs or {})
    # Scripts pass their counts whatever the name is: of these schedules they are not even looked at.
    if not takes_warmup(name):
        return _scheduler(name, optimizer, 0, None, -1, **options)
    return _scheduler(name, optimizer, num_warmup_steps, num_training_steps, -1, **options)
