"""The critical learning rate: the smallest at which the optimizer's own next update would raise the loss.

Along the update's direction u (what the update does to the weights, per unit of learning rate) the loss
L(w + eta u) is followed by a line search. Kalra et al. 2026, arXiv:2601.16979, who call 2 / eta_c critical sharpness
and find that it follows the sharpness of the Hessian up to 7B parameters. For gradient descent on a quadratic along an
eigenvector, eta_c = 2 / lambda. It bounds the peak; it does not say which rate is best below it.

What is held still  The model is in training mode, and every loss is computed with the same random numbers: the same
                    dropout masks, batch norms on the batch's own statistics. Evaluation mode would be another function,
                    at the start of training a very different one: batch norms would use statistics they do not have.
Momentum            counts as far as it has built up. After a first update SGD's grow by up to 1 / (1 - momentum), and
                    the critical rate shrinks by as much; Adam's momentum is an average and does not.
Trial update        At learning rate 1, so that rounding cannot hide it; the optimizers people use (SGD, Adam, AdamW,
                    Lion, Muon, ...) are proportional to the rate, their decoupled weight decay too. Schedule-Free and
                    ASGD are not. Groups keep their ratios.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from preheat.errors import ScheduleError, refusal
from preheat.lab.finding.search import (
    CriticalLR,
    Loss,
    Snapshot,
    TrialOptimizer,
    add_gradients,
    clip_gradients,
    fixed_batches,
    line_search,
    mean_loss,
    model_loss,
    present_rate,
    refuse_without_gradients,
    relative_rates,
    stepped,
    untouched,
    weights_of,
)
from preheat.messages import _
from preheat.schedule.lengths import positive

# In units of eps times the norm of the weights. 4: below that the moved weights differ from the others by single
# roundings, each up or down. 1024: the direction is then right to about 0.1 %. 32: losses of float32 models repeat to
# a few roundings, and a sum over a batch has more of them.
_LOST = 4  # a move of fewer roundings of the weights than this has no direction
_CLEAR = 1024  # a move of more is as good as exact
_BLURRED = 32  # roundings of the weights by which a loss may differ without meaning anything
# Adam's usual rate. The search reaches a factor of 2**40 to both sides, so it costs losses and not the answer.
_FIRST = 1e-3  # where the search starts if nobody has named a rate


def critical_lr(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Sequence[Any],
    loss: Loss | None = None,
    *,
    at: float | None = None,
    clip: float | None = None,
    bisections: int = 3,
) -> CriticalLR:
    """The smallest learning rate at which the optimizer's next update would raise the loss on ``batches``.

    Nothing is changed: weights, optimizer, gradients, random numbers and modes are as before, after an error too.

    Args:
        model: any module.
        optimizer: any torch optimizer that steps without a closure, or a wrapper of one. Its state counts: momentum
            is part of the update. Its hooks do not run, so a scheduler on it sees nothing.
        batches: a list of a few batches, four say. The update is that of their mean loss, and so is the loss that has
            to rise.
        loss: ``(model, batch)`` to a tensor of one number; None takes ``model(**batch).loss``.
        at: the rate the search starts from, > 0; None takes the first group's, its base value (``initial_lr``) while
            a warm-up is at 0, or 1e-3.
        clip: largest norm of all gradients together, where training clips.
        bisections: as for :func:`~preheat.lab.finding.search.line_search`.

    Returns:
        The critical rate of the first group (of the first with a rate above 0), the others at their ratios to it; or
        why there is none. One forward and backward pass a batch, and about 8 to 20 forward passes.

    Raises:
        ScheduleError: for an optimizer or a loss that cannot be measured.
        DataError: for batches that cannot be gone through again.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> model = torch.nn.ParameterList([weight])
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    >>> critical = critical_lr(model, optimizer, [8.0], lambda model, curvature: 0.5 * curvature * weight.square())
    >>> critical.bracket[0] <= 2 / 8 <= critical.bracket[1]
    True
    """
    inner = stepped(optimizer)
    fixed = fixed_batches(batches)
    measure = loss or model_loss
    start = _FIRST if at is None else positive("at", at, _("It is a learning rate."))
    if at is None:
        # Where training is, or is about to be: usually within a few doublings of the answer.
        start = present_rate(inner) or start
    weights = weights_of(inner)
    with untouched(model, weights) as snapshot:
        model.train()
        add_gradients(model, fixed, measure)
        refuse_without_gradients(inner)
        clip_gradients(inner, clip)
        ratios = relative_rates(inner, base=False)

        def move(rate: float) -> list[Tensor]:
            """What the update at a rate does to the weights, each time from the optimizer's present state."""
            # Made anew each time: the state of the last trial must not be in this one.
            TrialOptimizer(inner, model, ratios).update(rate)
            moved = [weight.data - snapshot.value(weight) for weight in weights]
            for weight in weights:
                weight.data.copy_(snapshot.value(weight))
            return moved

        rate, moves = _clear_move(move, [snapshot.value(weight) for weight in weights])
        along = _Line(model, weights, [snapshot.value(weight) for weight in weights], moves, rate)
        return along.search(snapshot, lambda: mean_loss(model, fixed, measure), start, bisections)


def critical_lr_of_update(
    model: nn.Module,
    before: Sequence[Tensor],
    batches: Sequence[Any],
    loss: Loss | None = None,
    *,
    lr: float,
    bisections: int = 3,
) -> CriticalLR:
    """The critical learning rate along an update that was just made: for training loops that have both ends of it.

    Args:
        model: after the update; it is left exactly so.
        before: a copy of every trainable weight from before the update, in the order of ``model.parameters()``.
        batches: a list of batches on which the loss is followed, those of the update say.
        loss: as for :func:`critical_lr`.
        lr: the first group's learning rate that the update used, >= 0. After an update at 0 there is no direction, and
            the result says so.
        bisections: as for :func:`~preheat.lab.finding.search.line_search`.

    Returns:
        As :func:`critical_lr`. The loss is followed with the random numbers that come next, the same at each size.

    Raises:
        ScheduleError: if ``before`` does not fit the model.
        DataError: for batches that cannot be gone through again.

    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> batch = torch.tensor([[2.0]])
    >>> def loss(model, batch):
    ...     return model(batch).square().mean()
    >>> loss(model, batch).backward()
    >>> before = [weight.detach().clone() for weight in model.parameters() if weight.requires_grad]
    >>> optimizer.step()
    >>> critical = critical_lr_of_update(model, before, [batch], loss, lr=0.1)
    >>> critical.bracket[0] <= 2 / 8 <= critical.bracket[1]
    True
    """
    fixed = fixed_batches(batches)
    measure = loss or model_loss
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if [weight.shape for weight in weights] != [old.shape for old in before]:
        advice = _("Take [w.detach().clone() for w in model.parameters() if w.requires_grad] before the update.")
        got = _("{many} tensors", many=len(before))
        raise ScheduleError(refusal("before", _("a copy of every trainable weight"), got, advice))
    if not lr:
        return CriticalLR(None, None, math.nan, 0, _("the update ran at a learning rate of 0, which has no direction"))
    rate = positive("lr", lr, _("It is the rate the update used."))
    with untouched(model) as snapshot:
        moves = [weight.data - old for weight, old in zip(weights, before, strict=True)]
        along = _Line(model, weights, before, moves, rate)
        return along.search(snapshot, lambda: mean_loss(model, fixed, measure), rate, bisections)


def _clear_move(move: Callable[[float], list[Tensor]], values: Sequence[Tensor]) -> tuple[float, list[Tensor]]:
    """A rate at which the update is not lost in the rounding of the weights, and what it does to them."""
    rate = 1.0
    moves = move(rate)
    share = _roundings(moves, values)
    # A larger rate is the same direction, for optimizers that are proportional to it, with more digits left. 2**20
    # where nothing moved at all: it may have been rounded away wholly.
    if share < _CLEAR:  # the update is tiny even at a rate of 1
        rate = _CLEAR**2 / share if share else 2.0**20
        moves = move(rate)
    return rate, moves


def _roundings(moves: Sequence[Tensor], values: Sequence[Tensor]) -> float:
    """How large a move is, in units of what rounding does to the weights."""
    moved = math.hypot(*(float(torch.linalg.vector_norm(one, dtype=torch.float64)) for one in moves))
    rounding = math.hypot(
        *(torch.finfo(one.dtype).eps * float(torch.linalg.vector_norm(one, dtype=torch.float64)) for one in values)
    )
    # All weights are 0, as in a first layer that starts there: any move is a clear one.
    if not rounding:
        return math.inf if moved else 0.0
    return moved / rounding


class _Line:
    """The loss along an update: weights ``before + size / rate * move``."""

    def __init__(
        self, model: nn.Module, weights: Sequence[Tensor], before: Sequence[Tensor], moves: list[Tensor], rate: float
    ) -> None:
        self.model, self.weights, self.before, self.moves, self.rate = model, weights, before, moves, rate

    def search(self, snapshot: Snapshot, loss: Callable[[], float], start: float, bisections: int) -> CriticalLR:
        """The critical size, or why the update has none."""

        def loss_along(size: float) -> float:
            for weight, old, moved in zip(self.weights, self.before, self.moves, strict=True):
                # From where they were, each time: adding a step and taking it away again would round.
                weight.data.copy_(old)
                if size:  # an infinite move times 0 is no number
                    weight.data.add_(moved, alpha=size / self.rate)
            snapshot.rewind()
            self.model.train()
            return loss()

        reason = self._no_direction()
        if reason:
            level = loss_along(0.0)
            if not math.isfinite(level):
                reason = _("the loss is {loss} before any step", loss=level)
            return CriticalLR(None, None, level, 1, reason)
        rounding = _BLURRED * torch.finfo(self.weights[0].dtype).eps
        return line_search(loss_along, start, bisections=bisections, rounding=rounding)

    def _no_direction(self) -> str:
        share = _roundings(self.moves, self.before)
        if not math.isfinite(share) and not all(bool(one.isfinite().all()) for one in self.moves):
            return _("the update is not finite")
        if not share:
            return _("the update moves no weight")
        if share < _LOST:
            return _("the update is lost in the rounding of the weights")
        return ""
