"""Megatron's schedules: rates measured with OptimizerParamScheduler of megatron-core 0.16.1 in November 2026.

Each row ran the real class for 102 updates, its lengths in samples as training.py counts them, noting the rate before
every update and calling ``step(global_batch_size)`` after it.
"""

import numpy as np
import pytest

from preheat.dialects import read, write
from preheat.errors import ConfigError
from preheat.schedule import get_schedule, parse
from support.recorded_rates import UPDATES, assert_runs_at

BASE = {"lr": 1.0, "train_iters": 100, "lr_warmup_iters": 10}
SAMPLES = {"lr": 1.0, "global_batch_size": 8, "lr_decay_style": "linear"}
COSINE = {"lr_decay_style": "cosine", "min_lr": 0.1}
WSD = {"lr_decay_style": "WSD", "lr_wsd_decay_iters": 20, "min_lr": 0.1}
INSIDE = {"lr_decay_style": "WSD", "lr_wsd_decay_iters": 95, "lr_wsd_decay_style": "linear"}  # begins at update 5
ROOT = {"lr_decay_style": "inverse-square-root"}
MEASURED = [
    ({"lr_decay_style": "constant"}, (0, 0.1, 0.9, 1, 1, 1, 1, 1, 1, 1)),
    ({"min_lr": 0.1}, (0, 0.1, 0.9, 1, 0.99, 0.55, 0.12, 0.11, 0.1, 0.1)),
    ({**COSINE, "lr_warmup_init": 0.1}, (0.1, 0.19, 0.91, 1, 0.99972587, 0.55, 0.10109618, 0.10027413, 0.1, 0.1)),
    ({**COSINE, "lr_decay_iters": 50}, (0, 0.1, 0.9, 1, 0.9986128, 0.1, 0.1, 0.1, 0.1, 0.1)),
    ({**ROOT, "min_lr": 0.4}, (0, 0.1, 0.9, 1, 0.95346259, 0.42640143, 0.4, 0.4, 0.4, 0.4)),
    (  # single samples count, and it falls to min_lr after update 100
        {**ROOT, "lr_warmup_iters": 0, "global_batch_size": 8},
        (1, 0.35355339, 0.11785113, 0.1118034, 0.10660036, 0.04767313, 0.03571429, 0.03553345, 0.03535534, 0),
    ),
    (WSD, (0, 0.1, 0.9, 1, 1, 1, 0.16459612, 0.13173843, 0.1, 0.1)),
    ({**WSD, "lr_wsd_decay_style": "linear"}, (0, 0.1, 0.9, 1, 1, 1, 0.19, 0.145, 0.1, 0.1)),
    ({**WSD, "lr_wsd_decay_style": "cosine"}, (0, 0.1, 0.9, 1, 1, 1, 0.12202457, 0.10554025, 0.1, 0.1)),
    ({**WSD, "lr_wsd_decay_style": "minus_sqrt"}, (0, 0.1, 0.9, 1, 1, 1, 0.14618503, 0.12278851, 0.1, 0.1)),
    (INSIDE, (0, 0.1, 0.9, 1, 0.93684211, 0.47368421, 0.02105263, 0.01052632, 0, 0)),
]
# 76 of 800 samples are 9.5 updates; 84 of 793 samples 10.5 of 99.125.
MEASURED_IN_SAMPLES = [
    (
        {"train_samples": 800, "lr_warmup_fraction": 0.095},
        (0, 0.10526316, 0.94736842, 0.99447514, 0.98342541, 0.49723757, 0.02209945, 0.01104972, 0, 0),
    ),
    (
        {"train_samples": 806, "lr_warmup_samples": 84, "lr_decay_samples": 793},
        (0, 0.0952381, 0.85714286, 0.95238095, 0.99435825, 0.49788434, 0.01269394, 0.00141044, 0, 0),
    ),
]


@pytest.mark.parametrize(("flags", "rates"), MEASURED)
def test_the_rates_are_those_megatron_used(flags, rates):
    assert_runs_at(read({**BASE, **flags}), rates)


@pytest.mark.parametrize(("flags", "rates"), MEASURED_IN_SAMPLES)
def test_samples_are_updates_with_a_part(flags, rates):
    """The run drops the incomplete last batch: 806 samples are 100 updates of 8."""
    found = read({**SAMPLES, **flags})
    assert found.total == 100
    assert_runs_at(found, rates)
    beside = read({**SAMPLES, **flags, "global_batch_size": None}, samples_per_update=8)
    assert beside.schedule == found.schedule


def test_flags_mapping_and_sections_are_the_same():
    """A launch script, its namespace, and the configuration that Megatron saves, with its own results in samples."""
    script = "torchrun pretrain_gpt.py --lr 1 --train-iters 100 --lr-warmup-iters 10 --lr-decay-style cosine"
    expected = read({**BASE, "lr_decay_style": "cosine"}).schedule
    assert read(script).schedule == expected
    saved = {"lr_warmup_iters": 10, "lr_decay_style": "cosine", "lr_warmup_steps": 80, "lr_decay_steps": 800}
    sections = {"train": {"train_iters": 100}, "optimizer": {"lr": 1.0}, "scheduler": saved}
    assert read(sections).schedule == expected


def test_the_fraction_is_of_the_decay_length():
    """10 % of 50 updates, though the run takes 100; 7 % of 100 is 7, not the 7.000000000000001 of binary floats."""
    share = {"lr": 1.0, "train_iters": 100}
    assert read({**share, "lr_warmup_fraction": 0.1, "lr_decay_iters": 50}).schedule.warmup_updates == 5
    assert read({**share, "lr_warmup_fraction": "0.07"}).schedule.warmup_updates == 7
    assert read({**share, "lr_warmup_fraction": 0}).schedule(0) == 1.0


@pytest.mark.parametrize(
    ("style", "decay"),
    [
        ("linear", (0.1, 0.103, 0.127, 0.13, 0.133, 0.265, 0.394, 0.397, 0.4, 0.4)),
        (
            "cosine",
            (0.1, 0.10007402, 0.10595595, 0.10734152, 0.10886788, 0.27346517, 0.39970401, 0.39992598, 0.4, 0.4),
        ),
    ],
)
def test_the_weight_decay_climbs(style, decay):
    """Measured with the rows above, from 0.1 to 0.4 over the run, whatever the learning rate does."""
    flags = {"weight_decay_incr_style": style, "start_weight_decay": 0.1, "end_weight_decay": 0.4}
    found = read({**BASE, **flags, "lr_decay_iters": 50})
    np.testing.assert_allclose(0.4 * found.also["weight_decay"](UPDATES), decay, atol=6e-9)
    assert any("end_weight_decay=0.4" in note for note in found.notes)


@pytest.mark.parametrize(
    "names",
    [
        ("max_lr", "lr_warmup_steps", "lr_decay_steps", "lr_decay_style"),
        ("start_lr", "warmup_steps", "decay_steps", "decay_style"),
    ],
)
def test_a_saved_state_is_read(names):
    """As the class above saved it after 50 updates of 8; the older names too."""
    state = dict(zip(names, (1.0, 80, 800, "cosine"), strict=True))
    state |= {"min_lr": 0.1, "num_steps": 400, "start_wd": 0.01, "end_wd": 0.01, "wd_incr_style": "constant"}
    found = read({**state, "wd_incr_steps": 800}, samples_per_update=8, total=100)
    assert found.schedule == read({**BASE, **COSINE}).schedule
    assert any("after 400 samples" in note for note in found.notes)


@pytest.mark.parametrize(
    ("flags", "note"),
    [
        (ROOT, "after update 100 Megatron falls to min_lr at once"),
        (INSIDE, "begins at update 5, inside the warm-up"),
        ({"decoupled_lr": 0.5}, "decoupled_lr=0.5"),
        ({"use_checkpoint_opt_param_scheduler": True}, "win over these"),
    ],
)
def test_notes_say_what_megatron_does_in_silence(flags, note):
    assert any(note in found for found in read({**BASE, **flags}).notes)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"lr_warmup_iters": 100}, "lr_warmup_iters must be below the decay's 100 updates; got 100"),
        ({"lr_warmup_iters": 0, "lr_warmup_fraction": 1.0}, "lr_warmup_fraction must be below the decay's 100 updates"),
        ({"lr_warmup_fraction": 0.1}, "lr_warmup_iters must be left out; got 10. lr_warmup_fraction says it already"),
        ({"min_lr": 2}, "min_lr must be at most the peak, 1.0; got 2"),
        ({"lr_decay_style": "inverse-sqrt"}, "lr_decay_style must be one .*Did you mean 'inverse-square-root'"),
        ({"lr_decay_style": "WSD"}, "lr_wsd_decay_iters must be given; got None"),
        ({"lr_decay_style": "WSD", "lr_wsd_decay_iters": 0}, "lr_wsd_decay_iters must be >= 1; got 0"),
        ({"lr_decay_iter": 50}, "lr_decay_iter must be a field.*Did you mean 'lr_decay_iters'"),
        ({"rampup_batch_size": ["32", "32", "1000"]}, "rampup_batch_size must be left out"),
        ({"train_samples": 800}, "train_iters must be left out; got 100. Everything else is in samples"),
        ({"train_iters": None, "train_samples": 800, "global_batch_size": 8}, "lr_warmup_iters must be left out"),
        ({"start_weight_decay": 0.1, "end_weight_decay": 0.2}, "end_weight_decay must be 0.1, as start_weight_decay"),
        ({"weight_decay_incr_style": "linear"}, "start_weight_decay must be given"),
        (
            {"weight_decay_incr_style": "linear", "start_weight_decay": 0.2, "end_weight_decay": 0.1},
            "end_weight_decay must be at least start_weight_decay=0.2, and above 0; got 0.1",
        ),
        ({**ROOT, "lr_warmup_iters": 0}, "global_batch_size must be countable in samples; got None"),
    ],
)
def test_refusals_name_the_field(flags, message):
    with pytest.raises(ConfigError, match=message):
        read({**BASE, **flags}, "megatron")


def test_too_few_samples_are_no_run():
    with pytest.raises(ConfigError, match="train_samples must be at least one batch of 8; got 7"):
        read({**SAMPLES, "train_samples": 7})


def test_what_is_written_is_a_launch_script():
    written = write(get_schedule("cosine", warmup=10, total=100), "megatron")
    assert written.exact
    assert "--lr-decay-style cosine \\\n" in written.text
    assert written.config == {**BASE, "lr_decay_style": "cosine", "min_lr": 0.0}
    stable = parse("transformers: warmup 10 > hold 70 > 1-sqrt 20 to 0.1")
    written = write(stable, "megatron")
    assert written.exact
    assert (written.config["lr_wsd_decay_style"], written.config["lr_wsd_decay_iters"]) == ("minus_sqrt", 20)
