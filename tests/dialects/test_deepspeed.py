"""DeepSpeed's schedulers: learning rates measured with DeepSpeed 0.19.8 in November 2026.

Each row ran the real class on an optimizer of lr 1e-3 (AdamW) for 102 updates, noting the rate before every update and
calling ``step()`` after it, as the engine does.
"""

import pytest

from preheat import get_schedule
from preheat.dialects import read, write
from preheat.errors import ConfigError, PreheatError
from support.recorded_rates import UPDATES, assert_runs_at

LOG = {"warmup_num_steps": 10}
LINEAR = {**LOG, "warmup_type": "linear"}
TOTAL = {"total_num_steps": 100}
CYCLE = {"cycle_min_lr": 1e-4, "cycle_max_lr": 1e-3, "cycle_first_step_size": 10}
STAIRS = {"cycle_second_step_size": 40, "cycle_first_stair_count": 3, "cycle_second_stair_count": 4}
RANGE = {"lr_range_test_min_lr": 1e-4, "lr_range_test_step_size": 10}
MEASURED = [
    ("WarmupLR", LOG, (0, 0, 9.542425094e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3)),
    (
        "WarmupLR",
        {**LINEAR, "warmup_min_lr": 1e-4},
        (1e-4, 1e-4, 8.2e-4, 9.1e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3),
    ),
    ("WarmupLR", {**LINEAR, "warmup_num_steps": 1}, (0, 0, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3)),
    (
        "WarmupDecayLR",
        {**TOTAL, **LOG},
        (0, 0, 9.542425094e-4, 1e-3, 1e-3, 5.111111111e-4, 3.333333333e-5, 2.222222222e-5, 1.111111111e-5, 0),
    ),
    (
        "WarmupDecayLR",
        {**TOTAL, **LINEAR, "warmup_max_lr": 2e-3, "warmup_min_lr": 1e-4},
        (1e-4, 1e-4, 1.62e-3, 1.81e-3, 2e-3, 1.071111111e-3, 1.633333333e-4, 1.422222222e-4, 1.211111111e-4, 1e-4),
    ),
    (
        "WarmupCosineLR",
        {**TOTAL, **LOG},
        (0, 0, 9.542425094e-4, 1e-3, 9.99695444e-4, 5.0005e-4, 1.317853073e-6, 4.045560318e-7, 1e-7, 1e-7),
    ),
    (
        "WarmupCosineLR",
        {**TOTAL, **LINEAR, "warmup_min_ratio": 0.1, "cos_min_ratio": 0.2},
        (0, 1e-4, 8.2e-4, 9.1e-4, 9.997563308e-4, 6e-4, 2.009743799e-4, 2.002436692e-4, 2e-4, 2e-4),
    ),
    ("OneCycle", CYCLE, (1e-4, 1.9e-4, 9.1e-4, 1e-3, 9.1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4)),
    (
        "OneCycle",
        {**CYCLE, **STAIRS, "decay_step_size": 10, "decay_lr_rate": 0.5},
        (1e-4, 1e-4, 7e-4, 1e-3, 7.75e-4, 8e-5, 2.941176471e-5, 2.898550725e-5, 2.857142857e-5, 2.816901408e-5),
    ),
    # The real class climbs on past the run: 1.11e-3 and 6e-4 at update 101.
    ("LRRangeTest", RANGE, (1e-4, 1.1e-4, 1.9e-4, 2e-4, 2.1e-4, 6.5e-4, 1.08e-3, 1.09e-3, 1.1e-3, 1.1e-3)),
    (
        "LRRangeTest",
        {**RANGE, "lr_range_test_step_rate": 0.5, "lr_range_test_staircase": True},
        (1e-4, 1e-4, 1e-4, 1.5e-4, 1.5e-4, 3.5e-4, 5.5e-4, 5.5e-4, 5.5e-4, 5.5e-4),
    ),
]


def config(name, params, lr=1e-3):
    return {"optimizer": {"type": "AdamW", "params": {"lr": lr}}, "scheduler": {"type": name, "params": params}}


@pytest.mark.parametrize(("name", "params", "rates"), MEASURED)
def test_the_rates_are_those_deepspeed_used(name, params, rates):
    assert_runs_at(read(config(name, params), total=100), rates, scale=1e-3)


@pytest.mark.parametrize(
    ("stairs", "momentum"),
    [
        ({}, (0.8, 0.89, 0.81, 0.8, 0.81, 0.9, 0.9, 0.9, 0.9, 0.9)),
        (STAIRS, (0.8, 0.9, 0.8333333333, 0.8, 0.825, 0.9, 0.9, 0.9, 0.9, 0.9)),
    ],
)
def test_one_cycle_mirrors_the_momentum(stairs, momentum):
    """Measured with the rows above: the constructor leaves update 0 at the wrong end."""
    found = read(config("OneCycle", {**CYCLE, **stairs}))
    assert [round(0.9 * found.also["betas[0]"](update), 10) for update in UPDATES] == list(momentum)
    assert any("cycle_max_mom=0.9" in note for note in found.notes)


@pytest.mark.parametrize("change", [{"cycle_momentum": False}, {}])
def test_no_momentum_to_drive(change):
    """Neither where it is switched off nor for an optimizer without betas."""
    written = config("OneCycle", {**CYCLE, **change})
    if not change:
        written["optimizer"]["type"] = "SGD"
    assert not read(written).also


def test_auto_is_what_transformers_fills_in():
    """warmup_min_lr 0, the learning rate, max(1, warm-up), the updates of the run; W = 0 is 1, and 2 to DeepSpeed."""
    auto = dict.fromkeys(("warmup_min_lr", "warmup_max_lr", "warmup_num_steps", "total_num_steps"), "auto")
    plain = {"warmup_min_lr": 0, "warmup_max_lr": 5e-5, "warmup_num_steps": 10, "total_num_steps": 100}
    found = read(config("WarmupDecayLR", auto, "auto"), total=100, peak=5e-5, warmup=10)
    assert found.schedule == read(config("WarmupDecayLR", plain, 5e-5)).schedule
    assert (found.base_lr, found.total) == (5e-5, 100)
    assert read(config("WarmupDecayLR", auto), total=100, warmup=0).schedule.warmup_updates == 2
    with pytest.raises(ConfigError, match="warmup_num_steps must be a number, or the warm-up given; got 'auto'"):
        read(config("WarmupDecayLR", auto), total=100)
    with pytest.raises(ConfigError, match='scheduler.params.warmup_max_lr must be known: it is "auto"; got None'):
        read({"scheduler": config("WarmupLR", auto)["scheduler"]}, total=100, warmup=10)


def test_the_warm_up_given_is_a_number_of_updates():
    with pytest.raises(PreheatError, match="warmup must be >= 0; got -1"):
        read(config("WarmupLR", LOG), warmup=-1)
    with pytest.raises(PreheatError, match="warmup must be a whole number; got 0.1"):
        read(config("WarmupLR", LOG), warmup=0.1)


@pytest.mark.parametrize(
    ("name", "params", "note"),
    [
        ("WarmupDecayLR", {**TOTAL, **LOG}, "warmup_max_lr is left at DeepSpeed's own 0.001"),
        ("WarmupLR", {**LOG, "warmup_max_lr": 2e-3}, "warmup_max_lr=0.002 is what trains"),
        ("WarmupLR", {**LOG, "warmup_type": "liner"}, "warmup_type='liner' is unknown to DeepSpeed"),
        ("WarmupLR", {"warmup_num_steps": 1}, "warmup_num_steps=1 is 2 to DeepSpeed"),
        ("WarmupDecayLR", {"total_num_steps": 80, **LOG}, "shapes the schedule for 80 updates, the run takes 100"),
        ("OneCycle", {**CYCLE, "cycle_max_lr": 2e-3}, "cycle_max_lr=0.002 is what trains"),
        ("LRRangeTest", RANGE, "would go on rising"),
    ],
)
def test_notes_say_what_deepspeed_does_in_silence(name, params, note):
    assert any(note in found for found in read(config(name, params), total=100).notes)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("WarmupLR", {"warmup_num_step": 10}, "warmup_num_step must be a field.*Did you mean 'warmup_num_steps'"),
        ("WarmupLR", {"warmup_num_steps": 0}, "scheduler.params.warmup_num_steps must be >= 1; got 0"),
        ("WarmupLR", {**LOG, "warmup_max_lr": [1e-3, 1e-4]}, "warmup_max_lr must be a finite number"),
        ("WarmupLR", {**LOG, "warmup_min_lr": 2e-3}, "warmup_min_lr must be at most the peak, 0.001; got 0.002"),
        ("WarmupDecayLR", {**LOG, "total_num_steps": 10}, "warmup_num_steps must be below 10 updates; got 10"),
        ("WarmupCosineLR", {**TOTAL, "cos_min_ratio": 1.1}, r"cos_min_ratio must be in \[0, 1\]; got 1.1"),
        ("OneCycle", {**CYCLE, "cycle_min_lr": "auto"}, "cycle_min_lr must be a number; got 'auto'"),
        ("OneCycle", {"cycle_max_lr": 1e-3}, "cycle_min_lr must be given; got None"),
        ("OneCycle", {**CYCLE, "cycle_first_stair_count": 11}, "cycle_first_stair_count must be at most 10; got 11"),
        ("OneCycle", {**CYCLE, "cycle_min_mom": 0.95}, "cycle_min_mom must be at most cycle_max_mom=0.9"),
        ("OneCycle", {**CYCLE, "decay_mom_rate": 1, "decay_step_size": 5}, "decay_mom_rate must be 0; got 1"),
        ("WarmupLr", LOG, "scheduler.type must be one of .*; got 'WarmupLr'. Did you mean 'WarmupLR'"),
        ("StepLR", {}, "scheduler.type must be one of"),
        ("WarmupLR", {**LOG, "last_batch_iteration": 5}, "last_batch_iteration must be left out; got 5"),
    ],
)
def test_refusals_name_the_field(name, params, message):
    with pytest.raises(ConfigError, match=message):
        read(config(name, params), total=100)


def test_text_is_no_configuration_of_one_that_reads_mappings():
    with pytest.raises(ConfigError, match="config must be one of DeepSpeed ds_config; got 'WarmupLR'"):
        read("WarmupLR", "deepspeed")


def test_a_section_alone_is_enough():
    """And without the optimizer the cosine's ratios refer to the rate that is given beside it."""
    alone = {"type": "WarmupCosineLR", "params": {**TOTAL, **LOG}}
    found = read(alone, peak=2e-3)
    assert (found.dialect, found.base_lr) == ("deepspeed", 2e-3)
    assert any("the optimizer's lr, which has to be 0.002" in note for note in found.notes)


def test_a_linear_schedule_of_transformers_is_written_as_one_cycle():
    """The warm-up classes would delay it by an update; the two halves of a cycle do not."""
    written = write(get_schedule("linear", warmup=10, total=100), "deepspeed", base_lr=1e-3)
    assert written.exact
    assert written.config["scheduler"]["type"] == "OneCycle"
    cosine = write(get_schedule("cosine", warmup=10, total=100), "deepspeed", base_lr=1e-3)
    assert cosine.config["scheduler"]["type"] == "WarmupCosineLR"
    assert 0.09e-3 < cosine.error < 0.11e-3  # the climb is one update of ten late
