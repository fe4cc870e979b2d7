"""Learning-rate scaling with the batch: explicit rules, never applied behind anyone's back.

Formula  r = batch / reference_batch;  none: lr,  linear: lr * r,  sqrt: lr * sqrt(r).
Units    a batch is what one update sees: rows x accumulation x processes (``Plan.samples_per_update``), or tokens.
Source   linear: Goyal et al. 2017, arXiv:1706.02677, with a warm-up. sqrt: Krizhevsky 2014, arXiv:1404.5997, and
         Hoffer et al. 2017, arXiv:1705.08741.
"""

from __future__ import annotations

import math

from preheat.plan.values import above_zero, exact, word

RULES = ("none", "linear", "sqrt")


def scale_lr(lr: float, *, reference_batch: float, batch: float, rule: str) -> float:
    """The learning rate for another batch size.

    Args:
        lr: the rate that was right at ``reference_batch``, > 0.
        reference_batch: what an update saw there, in samples or tokens over all processes, > 0.
        batch: what an update sees now, in the same unit, > 0.
        rule: ``none`` (unchanged), ``linear`` (usual for SGD) or ``sqrt`` (keeps the noise of the gradient).

    Raises:
        PlanError: for numbers that are not above zero, and unknown rules.

    >>> scale_lr(0.1, reference_batch=256, batch=1024, rule="linear")
    0.4
    >>> scale_lr(0.1, reference_batch=256, batch=1024, rule="sqrt")
    0.2
    """
    rate = float(above_zero("lr", lr))
    share = exact(above_zero("batch", batch)) / exact(above_zero("reference_batch", reference_batch))
    rule = word("rule", rule, RULES)
    if rule == "linear":
        return float(exact(rate) * share)  # in decimals: 0.1 x 3 is 0.3
    return rate * math.sqrt(share) if rule == "sqrt" else rate


def explain_scaling(lr: float, *, reference_batch: float, batch: float, rule: str) -> str:
    """:func:`scale_lr` as one line: both batches, the factor and the rates.

    >>> print(explain_scaling(0.1, reference_batch=256, batch=1024, rule="sqrt"))
    learning rate: sqrt rule, reference batch 256, batch 1024: factor 2, 0.1 -> 0.2
    """
    rate = scale_lr(lr, reference_batch=reference_batch, batch=batch, rule=rule)
    factor = f"factor {rate / lr:g}, {lr:g} -> {rate:g}"
    return f"learning rate: {rule} rule, reference batch {reference_batch}, batch {batch}: {factor}"
