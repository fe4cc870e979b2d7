"""What an update did to the weights, at some updates: how far they moved, by which angle matrices
turned, and at which learning rate it would have raised the loss.

Angular updates: arccos of <w, w'> / (|w| |w'|) for every weight matrix, before and after (Kosson et al. 2024,
arXiv:2410.23922). Critical learning rate: :mod:`preheat.train.finding.critical`, on the update's own batches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from preheat.train.config import TrainConfig
from preheat.train.data.batches import Batch
from preheat.train.engine import Engine
from preheat.train.finding import critical_lr_of_update


class Measuring:
    """Holds the weights of before an update and compares.

    Args:
        engine: whose trainable weights are looked at.
        config: its ``measure_every``, ``angles`` and ``critical_every``.
    """

    def __init__(self, engine: Engine, config: TrainConfig) -> None:
        self.engine, self.config = engine, config
        self.named = [(name, weight) for name, weight in engine.bare.named_parameters() if weight.requires_grad]
        self._before: list[torch.Tensor] | None = None

    @torch.no_grad()
    def before(self, update: int) -> None:
        """Keep a copy of the weights, if this update is one to measure."""
        due = _due(update, self.config.measure_every) or _due(update, self.config.critical_every)
        self._before = [weight.detach().clone() for _, weight in self.named] if due else None

    def after(self, update: int, batches: Sequence[Batch], lr: float) -> dict[str, Any]:
        """What is due after this update, which was made of these batches at this learning rate; or nothing.

        ``update_ratio``, the norm of the change over that of the weights, ``angles`` in radians, and ``critical_lr``,
        in terms of ``lr``: None where the update has none.
        """
        before, self._before = self._before, None
        found: dict[str, Any] = {}
        if before is None:
            return found
        if _due(update, self.config.measure_every):
            found |= self._moves(before)
        if _due(update, self.config.critical_every):
            along = critical_lr_of_update(self.engine.bare, before, [batches], self._loss, lr=lr)
            found["critical_lr"] = along.lr
        return found

    @torch.no_grad()
    def _moves(self, before: list[torch.Tensor]) -> dict[str, Any]:
        after = [weight.detach() for _, weight in self.named]
        moved = _norm(torch._foreach_sub(after, before))
        found: dict[str, Any] = {"update_ratio": moved / _norm(before)}
        if self.config.angles:
            pairs = zip(self.named, before, after, strict=True)
            found["angles"] = {name: _angle(old, new) for (name, _), old, new in pairs if new.ndim > 1}
        return found

    def _loss(self, _model: Any, batches: Sequence[Batch]) -> torch.Tensor:
        return self.engine.loss_of(batches)


def _due(update: int, every: int) -> bool:
    return bool(every) and update % every == 0


def _norm(tensors: Any) -> float:
    return float(torch.nn.utils.get_total_norm(tensors))


def _angle(old: torch.Tensor, new: torch.Tensor) -> float:
    """By the difference of the unit vectors: arccos of a number close to 1 would lose all digits of a small angle."""
    old, new = old.double().flatten(), new.double().flatten()
    lengths = old.norm(), new.norm()
    if not (lengths[0] and lengths[1]):
        return 0.0
    return 2 * math.asin(min(1.0, float((new / lengths[1] - old / lengths[0]).norm()) / 2))
