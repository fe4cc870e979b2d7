"""OLMo-core's schedulers: rates of ai2-olmo-core 3.0.0's own classes at the count the trainer asks them for, n + 1.

Taken in November 2026: ``get_lr(1.0, n + 1, 100)`` of each, in tokens ``get_lr(1.0, 100 (n + 1), 9990)``.
"""

import pytest

from preheat.dialects import detect, read
from preheat.errors import PreheatError
from support.recorded_rates import assert_runs_at

UPDATES = (0, 1, 8, 9, 10, 54, 97, 98, 99)
CLIMB = (0.1, 0.2, 0.9, 1)
W = {"warmup": 10}
RISE = {"duration": 10, "start_lr": 0.0, "end_lr_fraction": 1.0}
FALL = {"duration": 40, "shape": "cosine", "end_lr": 0.5}
FLAT = {"duration": 20, "start_lr": 0.25, "end_lr": 0.25}
PARTS = [
    {"type": "linear_with_warmup", **W, "alpha_f": 0.5},
    {"type": "wsd", **W, "decay_fraction": 0.5},
]
PERIODS = {"period_lengths": [50, 50], **W, "decay_fraction": 0.2, "period_lr_multipliers": [1.0, 0.8]}
MEASURED = [
    ("constant", {}, (1, 1, 1, 1, 1, 1, 1, 1, 1)),
    ("constant_with_warmup", {**W, "warmup_min_lr": 0.1}, (0.19, 0.28, 0.91, 1, 1, 1, 1, 1, 1)),
    ("linear_with_warmup", W, (*CLIMB, 0.99, 0.55, 0.12, 0.11, 0.1)),
    (  # 25 of 200 updates
        "linear_with_warmup",
        {"warmup_fraction": 0.125, "t_max": 200, "alpha_f": 0.0},
        (0.04, 0.08, 0.36, 0.4, 0.44, 0.82857143, 0.58285714, 0.57714286, 0.57142857),
    ),
    ("inv_sqrt_with_warmup", W, (*CLIMB, 0.95811633, 0.48376129, 0.38749445, 0.38603878, 0.38460499)),
    ("cos_with_warmup", W, (*CLIMB, 0.99972587, 0.55, 0.10109618, 0.10027413, 0.1)),
    (
        "half_cos_with_warmup",
        W,
        (0.055, 0.11, 0.495, 0.55, 0.54214642, 0.23180195, 0.10027413, 0.10006854, 0.1),
    ),
    ("cos_with_warmup_and_linear_decay", W, (*CLIMB, 0.99972587, 0.55, 0.02542766, 0.01271383, 0)),
    ("wsd", {**W, "decay_min_lr": 0.1}, (*CLIMB, 1, 1, 0.28, 0.19, 0.1)),
    ("wsd", {"warmup_steps": 10, "decay_steps": 30}, (*CLIMB, 1, 1, 0.06666667, 0.03333333, 0)),
    ("power_lr", {**W, "decay_fraction": 0.2}, (*CLIMB, 0.95255428, 0.41919397, 0.03462774, 0.01731387, 0)),
    (
        "exponential",
        {"lr_min": 1e-4},
        (0.00010965, 0.00012023, 0.00022909, 0.00025119, 0.00027542, 0.01584893, 0.83176377, 0.91201084, 1),
    ),
    ("composable", {"stages": [RISE, FALL, FLAT]}, (*CLIMB, 0.99922933, 0.25, 0.25, 0.25, 0.25)),
    (
        "composable",
        {"stages": [RISE, FALL], "override_decay": {"start": 90, "duration": 10, "end_lr": 0.0}},
        (*CLIMB, 0.99922933, 0.5, 0.1, 0.05, 0),
    ),
    ("sequential", {"schedulers": PARTS, "schedulers_max": [50]}, (*CLIMB, 0.9875, 0.25, 0.04, 0.02, 0)),
    ("wsds", {**PERIODS, "decay_min_lr": 0.05}, (*CLIMB, 1, 0.8, 0.2, 0.125, 0.05)),
]


def config(name, own, duration=(100, "steps")):
    value, unit = duration
    module = {"optim": {"lr": 1.0}, "scheduler": {"type": name, **own}}
    return {"train_module": module, "trainer": {"max_duration": {"value": value, "unit": unit}}}


@pytest.mark.parametrize(("name", "own", "rates"), MEASURED)
def test_the_rates_are_those_of_its_classes(name, own, rates):
    found = read(config(name, own))
    assert found.total == 100
    assert_runs_at(found, rates, UPDATES)


@pytest.mark.parametrize(
    ("name", "own", "rates"),
    [
        ("wsds", {**PERIODS, "decay_min_lr": 0.05}, (0.145, 0.05, 0.8, 0.8, 0.8)),
        ("sequential", {"schedulers": PARTS, "schedulers_max": [50]}, (0.5125, 0.5, 0.05, 0.1, 0.15)),
    ],
)
def test_a_part_owns_its_last_update(name, own, rates):
    """Measured at updates 48 to 52, with the rows above: the next part goes on from its own second value."""
    assert_runs_at(read(config(name, own)), rates, (48, 49, 50, 51, 52))


def test_tokens_are_updates_with_a_part():
    """10.5 of 99.9 updates of 100 tokens; in the last one OLMo-core's line is at -0.005 where a decay is timed."""
    written = config("linear_with_warmup", {"units": "tokens", "warmup": 1050, "alpha_f": 0.0}, (9990, "tokens"))
    found = read({**written, "data_loader": {"global_batch_size": 100}})
    rates = (0.0952381, 0.19047619, 0.85714286, 0.95238095, 0.99440716, 0.50223714, 0.0212528, 0.01006711, 0)
    assert found.total == 100
    assert_runs_at(found, rates, UPDATES)
    stable = config("wsd", {"units": "tokens", "warmup": 1050, "decay_fraction": 0.2}, (9990, "tokens"))
    found = read(stable, tokens_per_update=100)
    assert_runs_at(found, (0.0952381, 0.19047619, 0.85714286, 0.95238095, 1, 1, 0.0950951, 0.04504505, 0), UPDATES)
    assert any("past the budget of tokens" in note for note in found.notes)


def test_every_spelling_means_the_same():
    """By class in a saved file, by registered name, as a call, the section alone; epochs and tokens in steps."""
    expected = read(config("cos_with_warmup", W)).schedule
    saved = {"_CLASS_": "olmo_core.optim.scheduler.CosWithWarmup", **W}
    module = {"optim": {"lr": 1.0}, "scheduler": saved}
    assert read({"train_module": module}, total=100).schedule == expected
    for alone in (saved, {"scheduler": {"name": "cos_with_warmup", **W}}, "CosWithWarmup(warmup=10)"):
        assert detect(alone) == "olmo-core"
        assert read(alone, total=100, peak=1.0).schedule == expected
    assert read(config("cos_with_warmup", W, (2, "epochs")), updates_per_epoch=50).schedule == expected
    assert read(config("cos_with_warmup", W, (9950, "tokens")), tokens_per_update=100).schedule == expected


def test_what_needs_no_run_is_read_without():
    found = read({"scheduler": {"type": "composable", "stages": [{"duration": 10, "end_lr_fraction": 0.5}]}})
    assert (found.total, found.schedule(4), found.schedule(10_000)) == (None, 0.75, 0.5)


@pytest.mark.parametrize(
    ("name", "own", "message"),
    [
        ("cos_with_warmup", {}, "scheduler.warmup must be given, or warmup_fraction; got None"),
        ("cos_with_warmup", {**W, "warmup_fraction": 0.1}, "warmup_fraction must be left out; got 0.1. warmup says it"),
        ("cos_with_warmup", {"warmup": 100}, r"warmup must be below 100 updates \(it is 100\); got 100"),
        ("cos_with_warmup", {**W, "decay": 5}, "scheduler.decay must be a field known here"),
        ("inv_sqrt_with_warmup", {"warmup": 0}, "warmup must be above 0 for the inverse square root; got 0"),
        ("wsd", {**W, "decay": 0}, "decay must be above 0 and at most 90 updates"),
        ("wsd", {**W, "decay": 91}, "decay must be above 0 and at most 90 updates"),
        ("wsd", {**W, "lr_field": "momentum"}, "lr_field must be left out; got 'momentum'"),
        ("wsd", {**W, "decay_min_lr": 2}, "decay_min_lr must be at most the peak, 1.0; got 2"),
        ("power_lr", {**W, "b": 0.5}, "power must be > 0; got -0.5"),
        ("exponential", {"lr_min": 1.0}, "lr_min must be above 0 and below the peak; got 1.0"),
        ("composable", {"stages": []}, "stages must be one or more; got"),
        ("composable", {"stages": [{"duration": 5}]}, r"scheduler.stages\[0\].end_lr must be given"),
        ("composable", {"stages": [{**RISE, "end_lr": 0.5}]}, "end_lr_fraction must be left out; got 1.0"),
        ("composable", {"stages": [{**RISE, "shap": "linear"}]}, "shap must be a field.*Did you mean 'shape'"),
        ("sequential", {"schedulers": PARTS}, "schedulers_max must be one for each but the last of 2"),
        (
            "sequential",
            {"schedulers": [PARTS[1], PARTS[0]], "schedulers_max": [50]},
            "decay_min_lr must be above 0 before another scheduler",
        ),
        ("wsds", {**PERIODS, "period_lr_multipliers": [1.0]}, "period_lr_multipliers must be as many as"),
        ("wsds", {**PERIODS, "decay_fraction": 0.9}, "decay must be above 0 and inside every period"),
        ("cos", W, "scheduler.type must be the name of a scheduler or its class; got .cos."),
    ],
)
def test_refusals_name_the_field(name, own, message):
    with pytest.raises(PreheatError, match=message):
        read(config(name, own), "olmo-core")


def test_periods_and_overrides_have_to_be_whole_batches():
    """Where tokens are counted, a border between two updates cannot be told."""
    tokens = {"units": "tokens"}
    periods = {**tokens, "period_lengths": [5050], "warmup": 1000, "decay": 500}
    with pytest.raises(PreheatError, match="period_lengths must be multiples of 100"):
        read(config("wsds", periods, (10_000, "tokens")), tokens_per_update=100)
    decay = {"start": 150, "duration": 10, "end_lr": 0.0}
    stages = {**tokens, "stages": [{"duration": 100, "end_lr_fraction": 0.5}], "override_decay": decay}
    with pytest.raises(PreheatError, match="override_decay.start must be a multiple of 100"):
        read(config("composable", stages, (10_000, "tokens")), tokens_per_update=100)
