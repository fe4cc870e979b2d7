"""What an update did to the weights, at some updates: how far they moved, and by which angle matrices turned.

Angular updates: arccos of <w, w'> / (|w| |w'|) for every weight matrix, before and after (Kosson et al. 2024,
arXiv:2410.23922).
"""

from __future__ import annotations

import math
from typing import Any

import torch


class Measuring:
    """Holds the weights of before an update and compares.

    Args:
        model: whose trainable weights are looked at.
        every: updates between measurements; 0 makes none.
        angles: whether the matrices' angles are taken too.
    """

    def __init__(self, model: torch.nn.Module, every: int, *, angles: bool = False) -> None:
        self.every, self.angles = every, angles
        self.named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        self._before: list[torch.Tensor] | None = None

    @torch.no_grad()
    def before(self, update: int) -> None:
        """Keep a copy of the weights, if this update is one to measure."""
        due = self.every and update % self.every == 0
        self._before = [weight.detach().clone() for _, weight in self.named] if due else None

    @torch.no_grad()
    def after(self) -> dict[str, Any]:
        """``update_ratio``, the norm of the change over that of the weights, and ``angles`` in radians; or nothing."""
        if self._before is None:
            return {}
        before, self._before = self._before, None
        after = [weight.detach() for _, weight in self.named]
        moved = _norm(torch._foreach_sub(after, before))
        found: dict[str, Any] = {"update_ratio": moved / _norm(before)}
        if self.angles:
            pairs = zip(self.named, before, after, strict=True)
            found["angles"] = {name: _angle(old, new) for (name, _), old, new in pairs if new.ndim > 1}
        return found


def _norm(tensors: Any) -> float:
    return float(torch.nn.utils.get_total_norm(tensors))


def _angle(old: torch.Tensor, new: torch.Tensor) -> float:
    """By the difference of the unit vectors: arccos of a number close to 1 would lose all digits of a small angle."""
    old, new = old.double().flatten(), new.double().flatten()
    lengths = old.norm(), new.norm()
    if not (lengths[0] and lengths[1]):
        return 0.0
    return 2 * math.asin(min(1.0, float((new / lengths[1] - old / lengths[0]).norm()) / 2))
