"""timm's arguments against rates measured with timm's own schedulers."""

import numpy as np
import pytest

from preheat.dialects import read
from preheat.errors import ConfigError

AT = (0, 1, 9, 10, 11, 52, 98, 99, 100, 101)
# What the optimizer held at these updates: timm 1.0.31, create_scheduler stepped as train.py does (step_update after
# each of 5 updates an epoch, step after each epoch), November 2026. lr 0.1, 20 epochs, 2 of warm-up; then the updates
# of the run. 3,000 drawn sets of arguments agreed within 1e-9 of the peak at every update when this was written.
MEASURED = [
    ("cosine", {}, 100, (1e-5, 1e-5, 0.050005, 0.097552826, 0.097552826, 0.05, 0.00061558297, 0.00061558297, 0, 0)),
    (
        "cosine",
        {"warmup_prefix": True},
        110,
        (1e-05, 1e-05, 0.050005, 0.1, 0.1, 0.06545085, 0.0054496738, 0.0054496738, 0.0024471742, 0.0024471742),
    ),
    (
        "cosine",
        {"sched_on_updates": True, "warmup_prefix": True, "min_lr": 0.01, "lr_k_decay": 1.5},
        110,
        (1e-05, 0.010009, 0.090001, 0.1, 0.099999778, 0.084525976, 0.016593336, 0.015591813, 0.014662742, 0.013809326),
    ),
    (
        "cosine",
        {"lr_cycle_limit": 2, "lr_cycle_mul": 1.5, "min_lr": 0.01, "cooldown_epochs": 1, "warmup_epochs": 0},
        255,
        (0.1, 0.1, 0.099445975, 0.097797543, 0.097797543, 0.055, 0.010554025, 0.010554025, 0.05, 0.05),
    ),
    (
        "tanh",
        {"sched_on_updates": True},
        100,
        (1e-05, 0.010008939, 0.090000447, 0.099999386, 0.09999925, 0.097340301, 0.00036842399, 0.00030184163, 0, 0),
    ),
    (
        "tanh",
        {"warmup_epochs": 0},
        100,
        (0.1, 0.1, 0.099999774, 0.099999386, 0.099999386, 0.098201379, 0.00066928509, 0.00066928509, 0, 0),
    ),
    (
        "step",
        {"decay_epochs": 2.4, "decay_rate": 0.97},
        100,
        (1e-05, 1e-05, 0.050005, 0.1, 0.1, 0.088529281, 0.080798284, 0.080798284, 0.078374336, 0.078374336),
    ),
    (
        "step",
        {"decay_epochs": 5, "sched_on_updates": True},
        100,
        (1e-05, 0.010009, 0.090001, 0.1, 0.1, 0.001, 0.0001, 0.0001, 1e-05, 1e-05),
    ),
    (
        "multistep",
        {"decay_milestones": [10, 15]},
        100,
        (1e-05, 1e-05, 0.050005, 0.1, 0.1, 0.01, 0.001, 0.001, 0.001, 0.001),
    ),
    (
        "multistep",
        {"decay_milestones": [1, 15], "warmup_epochs": 0, "sched_on_updates": True},
        100,
        (0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.001),
    ),
    (
        "poly",
        {"decay_rate": 2.0, "sched_on_updates": True, "lr_k_decay": 0.5},
        100,
        (1e-05, 0.010009, 0.090001, 0.046754447, 0.044667504, 0.007777949, 1.0101268e-05, 2.5125787e-06, 0, 0),
    ),
    ("constant", {}, 100, (1e-05, 1e-05, 0.050005, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)),
    (
        "wsd",
        {"sched_on_updates": True},
        100,
        (1e-05, 0.010009, 0.090001, 0.1, 0.1, 0.1, 0.0057190958, 0.0028174684, 0, 0),
    ),
    (
        "wsd",
        {"min_lr": 0.01, "lr_decay_fn": "exp", "decay_epochs": 4},
        100,
        (1e-05, 1e-05, 0.050005, 0.1, 0.1, 0.1, 0.017782794, 0.017782794, 0.01, 0.01),
    ),
    (
        "wsd",
        {"lr_decay_fn": "cosine", "sched_on_updates": True, "warmup_prefix": True},
        110,
        (1e-05, 0.010009, 0.090001, 0.1, 0.1, 0.1, 0.06545085, 0.057821723, 0.05, 0.042178277),
    ),
    (
        "rsqrt",
        {"sched_on_updates": True},
        100,
        (1e-05, 0.010009, 0.090001, 0.1, 0.095346259, 0.043852901, 0.0035493142, 0.0017656715, 0, 0),
    ),
    (
        "rsqrt",
        {"lr_stable_timescale": 5, "lr_decay_fn": "cosine"},
        100,
        (1e-05, 1e-05, 0.050005, 0.1, 0.1, 0.062017367, 0.0069815682, 0.0069815682, 0, 0),
    ),
    ("none", {}, 100, (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)),
]
BASE = {"lr": 0.1, "epochs": 20, "warmup_epochs": 2}


@pytest.mark.parametrize(("sched", "more", "total", "rates"), MEASURED)
def test_the_rates_are_those_that_timm_set(sched, more, total, rates):
    found = read({"sched": sched, **BASE, **more}, updates_per_epoch=5)
    assert (found.dialect, found.total, found.base_lr) == ("timm", total, 0.1)
    np.testing.assert_allclose(0.1 * found.schedule(np.array(AT)), rates, rtol=1e-7, atol=1e-12)


def test_without_prefix_the_peak_is_never_reached():
    """Pain 28: the warm-up of 2 epochs ends in the middle of the cosine; with the prefix it ends at its start."""
    bare = read({"sched": "cosine", **BASE, "sched_on_updates": True}, updates_per_epoch=5)
    assert bare.schedule(np.arange(100)).max() < 0.98
    assert "without warmup_prefix the rate jumps from the warm-up to 0.9755 of the peak" in bare.notes
    assert read({"sched": "cosine", **BASE, "warmup_prefix": True}, updates_per_epoch=5).schedule(10) == 1.0


def test_flags_as_people_write_them():
    flags = (
        "python train.py /data --sched cosine --lr 5e-4 --epochs 20 --warmup-epochs 2 --warmup-prefix --lr-k-decay 1.5"
    )
    found = read(flags, updates_per_epoch=5)
    assert (found.base_lr, found.total, found.schedule(10)) == (5e-4, 110, 1.0)


@pytest.mark.parametrize(
    ("more", "rate"),
    [
        ({"batch_size": 256}, 0.2),  # SGD: linear in the global batch of 256 x 2 processes
        ({"batch_size": 256, "opt": "lamb"}, 0.1 * 2**0.5),
        ({"batch_size": 256, "opt": "adamw", "lr_base": 1e-3}, 1e-3 * 2**0.5),
        ({"batch_size": 128, "grad_accum_steps": 4, "lr_base_scale": "sqrt"}, 0.2),
        (
            {"batch_size": 128, "grad_accum_steps": 4, "opt": "lamb", "lr_base_scale": "linear", "lr_base_size": 128},
            0.8,
        ),
    ],
)
def test_without_lr_it_is_scaled_from_lr_base(more, rate):
    found = read({"sched": "cosine", "epochs": 20, **more}, world_size=2, updates_per_epoch=5)
    assert found.base_lr == pytest.approx(rate)
    assert any("lr = lr_base, scaled" in note for note in found.notes)


def test_updates_are_counted_from_the_data():
    """1000 rows, batches of 64, 2 processes: 500 rows and 7 whole batches each, 4 updates of 2 batches an epoch."""
    arguments = {"sched": "cosine", **BASE, "batch_size": 64, "grad_accum_steps": 2}
    assert read(arguments, examples=1000, world_size=2).total == 4 * 20


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lr_noise": [0.4, 0.9]}, "lr_noise must be left out; got [0.4, 0.9]. Noise is no function of the update"),
        ({"sched": "plateau"}, "sched must be a function of the update; got 'plateau'"),
        ({"sched": "cosin"}, "Did you mean 'cosine'"),
        ({"sched": "rsqrt", "min_lr": 0.01}, "min_lr must be 0 for rsqrt; got 0.01"),
        ({"sched": "rsqrt", "warmup_epochs": 0}, "lr_stable_timescale must be > 0"),
        ({"sched": "wsd", "decay_epochs": 30}, "decay_epochs must be more than none and at most 18 steps; got 30"),
        ({"lr_cycle_limit": 4, "lr_cycle_decay": 0.1, "min_lr": 0.01}, "every cycle beginning above min_lr"),
        ({"sched": "step", "decay_epochs": 0}, "decay_epochs must be > 0; got 0"),
    ],
)
def test_refusals_name_the_field(config, message):
    with pytest.raises(ConfigError) as caught:
        read({"sched": "cosine", **BASE, **config}, "timm", updates_per_epoch=5)
    assert message in str(caught.value)


def test_epochs_have_to_be_countable():
    with pytest.raises(ConfigError, match="Give updates_per_epoch= or a plan"):
        read({"sched": "cosine", **BASE})
    with pytest.raises(ConfigError, match="epochs must be of a whole number of updates each; got 20"):
        read({"sched": "cosine", **BASE}, updates_per_epoch=2.5)
