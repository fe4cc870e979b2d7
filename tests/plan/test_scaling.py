"""Scaling rules say what they do, and do nothing unasked."""

import pytest

import preheat
from preheat.plan import explain_scaling, scale_lr


def test_rules_give_the_papers_rates():
    """Goyal et al.: 0.1 at 256 is 3.2 at 8192. The square root keeps the noise of a gradient."""
    assert preheat.scale_lr is scale_lr
    assert scale_lr(0.1, reference_batch=256, batch=8192, rule="linear") == 3.2
    assert scale_lr(0.1, reference_batch=100, batch=300, rule="linear") == 0.3
    assert scale_lr(0.1, reference_batch=256, batch=1024, rule="sqrt") == 0.2
    assert scale_lr(3e-4, reference_batch=2**20, batch=2**19, rule="sqrt") == pytest.approx(3e-4 / 2**0.5, rel=1e-15)
    assert scale_lr(0.1, reference_batch=256, batch=8192, rule="none") == 0.1


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("none", "learning rate: none rule, reference batch 256, batch 1024: factor 1, 0.1 -> 0.1"),
        ("linear", "learning rate: linear rule, reference batch 256, batch 1024: factor 4, 0.1 -> 0.4"),
        ("sqrt", "learning rate: sqrt rule, reference batch 256, batch 1024: factor 2, 0.1 -> 0.2"),
    ],
)
def test_explain_scaling_shows_both_batches_and_the_factor(rule, line):
    """One line."""
    assert explain_scaling(0.1, reference_batch=256, batch=1024, rule=rule) == line


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0}, "lr must be > 0; got 0"),
        ({"lr": float("inf")}, "lr must be a finite number; got inf"),
        ({"batch": -8}, "batch must be > 0; got -8"),
        ({"batch": True}, "batch must be a finite number; got True"),
        ({"reference_batch": "256"}, "reference_batch must be a finite number; got '256'"),
        ({"rule": "cubic"}, "rule must be one of 'none', 'linear', 'sqrt'; got 'cubic'. Pick one of these."),
    ],
)
def test_scale_lr_refuses(settings, message):
    """By name and value."""
    with pytest.raises(preheat.PlanError) as caught:
        scale_lr(**{"lr": 0.1, "reference_batch": 256, "batch": 512, "rule": "linear", **settings})
    assert str(caught.value).startswith(message)
