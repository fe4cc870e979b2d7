"""A twin of an optimizer: the same weights, copies of everything else. Trial updates are the twin's.

So the optimizer itself, its state, its groups and whatever follows its updates (a scheduler, a recorder) see nothing of
a trial: hooks of the optimizer, and torch's global ones, do not run.
"""

from __future__ import annotations

import copy
import inspect
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from preheat.errors import ScheduleError, refusal
from preheat.frameworks.optimizers import innermost


def stepped(optimizer: Any) -> Optimizer:
    """The optimizer that is really stepped, if trial updates of it can be made."""
    if not isinstance(optimizer, Optimizer):
        raise ScheduleError(refusal("optimizer", "a torch optimizer", optimizer, "Give the one you train with."))
    inner = innermost(optimizer)
    closure = inspect.signature(type(inner).step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        advice = "It evaluates the loss itself, by rules of its own: there is no one update at a learning rate."
        raise ScheduleError(refusal("optimizer", "one that steps without a closure", type(inner).__name__, advice))
    return inner


def weights_of(optimizer: Optimizer) -> list[Tensor]:
    """Every tensor the optimizer updates."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


class Twin:
    """Makes trial updates of an optimizer's weights.

    Args:
        optimizer: stays as it is.
        model: what the optimizer may refer to, and must not copy.
        ratios: the learning rate of each group over that of the reference.
    """

    def __init__(self, optimizer: Optimizer, model: nn.Module, ratios: Sequence[float]) -> None:
        self.optimizer: Optimizer = object.__new__(type(optimizer))
        self.ratios = ratios
        shared = (*weights_of(optimizer), *model.modules(), *model.parameters(), *model.buffers())
        memo: dict[int, Any] = {id(one): one for one in shared}
        memo[id(optimizer)] = self.optimizer
        for name, value in vars(optimizer).items():
            hooks = name.startswith("_optimizer_") and name.endswith("_hooks")
            vars(self.optimizer)[name] = OrderedDict() if hooks else _copied(name, value, memo)
        # The class's own step without torch's wrapper, which calls global hooks; schedulers put one into the instance.
        step = type(optimizer).step
        self._step: Any = step.__wrapped__ if getattr(step, "hooked", False) else step  # type: ignore[attr-defined]

    def update(self, lr: float) -> None:
        """One update at a learning rate, with the gradients that are there."""
        for group, ratio in zip(self.optimizer.param_groups, self.ratios, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr * ratio)
            else:
                group["lr"] = lr * ratio
        self._step(self.optimizer)


def clip_gradients(optimizer: Optimizer, most: float | None) -> None:
    """Clip the norm of all gradients together, as training does."""
    if most is not None:
        torch.nn.utils.clip_grad_norm_(weights_of(optimizer), most)


def relative_rates(optimizer: Optimizer, *, base: bool) -> tuple[float, ...]:
    """The learning rate of each group over the reference, which is the first group that has one above 0.

    Args:
        optimizer: with any number of groups.
        base: take the base values a scheduler keeps (``initial_lr``) before the present ones; else after them.

    Returns:
        A factor a group; all 1 where no group has any rate.
    """
    now = [float(group["lr"]) for group in optimizer.param_groups]
    kept = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
    for rates in (kept, now) if base else (now, kept):
        reference = next((rate for rate in rates if rate > 0), None)
        if reference is not None:
            return tuple(rate / reference for rate in rates)
    return (1.0,) * len(now)


def present_rate(optimizer: Optimizer) -> float | None:
    """The reference's learning rate now, or its base value during a warm-up that is still at 0; None without any."""
    for key in ("lr", "initial_lr"):
        rates = [float(group.get(key, 0.0)) for group in optimizer.param_groups]
        if any(rates):
            return next(rate for rate in rates if rate > 0)
    return None


def _copied(name: str, value: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception as error:
        advice = f"A trial update needs a copy of everything but the weights: {error}"
        raise ScheduleError(refusal("optimizer", "one whose state can be copied", f".{name}", advice)) from error
