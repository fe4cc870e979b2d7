"""torch optimizers as they are found: inside wrappers, restored, or in the hands of an engine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal

if TYPE_CHECKING:
    from torch.optim import Optimizer


def innermost(optimizer: Optimizer) -> Optimizer:
    """The optimizer that is really stepped: wrappers such as Accelerate's keep it in ``.optimizer``."""
    from torch.optim import Optimizer

    inner = getattr(optimizer, "optimizer", None)
    return innermost(inner) if isinstance(inner, Optimizer) else optimizer


def refuse_without_initial_lr(optimizer: Optimizer) -> None:
    """Refuse to go on after an update in groups that carry no base value."""
    if not all("initial_lr" in group for group in optimizer.param_groups):
        advice = "Load the optimizer's state first, or resume with the scheduler's own state."
        raise ScheduleError(refusal("last_epoch", "-1 for groups without initial_lr", "a later update", advice))


def refuse_parts() -> None:
    """Refuse another list of groups before an update where DeepSpeed is at work: ZeRO 1 and 2 step group by group."""
    if "deepspeed" in sys.modules:
        raise _by_an_engine("ZeRO, which takes its groups away to step them one by one")


def refuse_sharded(groups: list[dict[str, Any]]) -> None:
    """Refuse parameters that ZeRO 3 has cut up: it steps the optimizer once for each piece."""
    if any(hasattr(weight, "ds_id") for group in groups for weight in group["params"]):
        raise _by_an_engine("ZeRO 3, which steps it piece by piece")


def _by_an_engine(engine: str) -> ScheduleError:
    advice = "Give deepspeed.initialize(lr_scheduler=preheat.deepspeed.scheduler(schedule, config)) instead."
    return ScheduleError(refusal("optimizer", "stepped once an update", engine, advice))
