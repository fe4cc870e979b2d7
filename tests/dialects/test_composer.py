"""composer's schedulers: rates measured with mosaicml 0.32.1 and llm-foundry 0.22.0 in November 2026.

Each row trained a linear layer with the real Trainer for 100 batches at lr 1 and noted the rate in every
``optimizer.step()``: twenty batches an epoch, four samples a batch, seven tokens a sample.
"""

import pytest

from preheat.dialects import detect, read, write
from preheat.errors import PreheatError
from preheat.schedule import get_schedule
from support.recorded_rates import assert_runs_at

UPDATES = (0, 1, 2, 9, 10, 11, 12, 55, 98, 99)
CLIMB = (0, 0, 0.1, 0.8, 0.9, 1)  # of ten batches: the schedulers are stepped before the clock
LINE = (*CLIMB, 0.98888889, 0.51111111, 0.03333333, 0.02222222)
W = {"t_warmup": "10ba"}
ROOT = {"t_scale": "20ba", "alpha_f_decay": 0.2, "alpha_f_cooldown": 0.1}
MEASURED = [
    ("ConstantWithWarmupScheduler", W, (*CLIMB, 1, 1, 1, 1)),
    ("LinearWithWarmupScheduler", W, LINE),
    (
        "LinearWithWarmupScheduler",
        {**W, "alpha_i": 0.8, "alpha_f": 0.1},
        (0, 0, 0.08, 0.64, 0.72, 0.8, 0.79222222, 0.45777778, 0.12333333, 0.11555556),
    ),
    (
        "CosineAnnealingWithWarmupScheduler",
        {"t_warmup": "0.1dur", "alpha_f": 0.1},
        (*CLIMB, 0.99972587, 0.56570477, 0.10246515, 0.10109618),
    ),
    (
        "CosineAnnealingWithWarmupScheduler",
        {**W, "t_max": "200ba"},
        (*CLIMB, 0.99993165, 0.87341074, 0.56594609, 0.55774232),
    ),
    ("PolynomialWithWarmupScheduler", W, (*CLIMB, 0.97790123, 0.26123457, 0.00111111, 0.00049383)),
    (
        "InverseSquareRootWithWarmupScheduler",
        {**W, "t_scale": "10ba", "t_cooldown": "20ba"},
        (*CLIMB, 0.95346259, 0.43033148, 0.05303301, 0.03535534),
    ),
    (
        "InverseSquareRootWithWarmupScheduler",
        {**W, **ROOT, "t_cooldown": "0ba"},
        (*CLIMB, 0.98072006, 0.6472136, 0.54587016, 0.54426519),
    ),
    (
        "InverseSquareRootWithWarmupScheduler",
        {**W, **ROOT, "t_cooldown": "50ba"},
        (*CLIMB, 0.98072006, 0.6169298, 0.13371281, 0.12247521),
    ),
    (
        "MultiStepWithWarmupScheduler",
        {**W, "milestones": ["0.5dur", "98ba"], "gamma": 0.5},
        (*CLIMB, 1, 0.5, 0.5, 0.25),
    ),
    ("ConstantScheduler", {"alpha": 0.5, "t_max": "0.1dur"}, (0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1, 1)),
    ("LinearScheduler", {"alpha_f": 0.1}, (1, 1, 0.991, 0.928, 0.919, 0.91, 0.901, 0.514, 0.127, 0.118)),
    (
        "CosineAnnealingScheduler",
        {"t_max": "50ba"},
        (1, 1, 0.99901336, 0.93815334, 0.92216396, 0.9045085, 0.88525662, 0, 0, 0),
    ),
    ("PolynomialScheduler", {"power": 2.0}, (1, 1, 0.9801, 0.8464, 0.8281, 0.81, 0.7921, 0.2116, 0.0009, 0.0004)),
    (
        "ExponentialScheduler",
        {"gamma": 0.5, "decay_period": "10ba"},
        (1, 1, 0.93303299, 0.57434918, 0.53588673, 0.5, 0.4665165, 0.02368307, 0.00120229, 0.00112178),
    ),
    (
        "StepScheduler",
        {"step_size": "10ba", "gamma": 0.5},
        (1, 1, 1, 1, 1, 0.5, 0.5, 0.03125, 0.00195312, 0.00195312),
    ),
    (
        "MultiStepScheduler",
        {"milestones": ["10ba", "54ba"], "gamma": 0.5},
        (1, 1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25),
    ),
    (  # cycles of 11, 16, 24, 36 and 54 batches
        "CosineAnnealingWarmRestartsScheduler",
        {"t_0": "11ba", "t_mult": 1.5},
        (1, 1, 0.97974649, 0.17256963, 0.07937323, 0.02025351, 1, 0.98296291, 0.91774391, 0.9010616),
    ),
    (
        "CosineAnnealingWarmRestartsScheduler",
        {"t_0": "10ba", "alpha_f": 0.1},
        (1, 1, 0.97797543, 0.18594235, 0.12202457, 1, 0.97797543, 0.68905765, 0.28549664, 0.18594235),
    ),
]
MEASURED_IN_UNITS = [
    ("5ep", "0.1dur", LINE),
    ("5ep", "1ep", (0, 0, 0.05, 0.4, 0.45, 0.5, 0.55, 0.575, 0.0375, 0.025)),
    (  # 10.5 of 100 batches
        "400sp",
        "42sp",
        (0, 0, 0.0952381, 0.76190476, 0.85714286, 0.95238095, 0.99441341, 0.51396648, 0.03351955, 0.02234637),
    ),
    ("2800tok", "0.1dur", LINE),
    (  # 10.25 of 99.6 batches: the run ends with the batch that reaches it
        "2790tok",
        "287tok",
        (0, 0, 0.09756098, 0.7804878, 0.87804878, 0.97560976, 0.99161007, 0.5105873, 0.02956452, 0.01837795),
    ),
]
REST = LINE[6:]
MEASURED_SCALED = [
    ("50ba", 2.0, {"scale_warmup": True}, (0, 0, 0.05, 0.4, 0.45, 1, *REST)),  # from 0.45 to 1 at once
    ("200ba", 0.5, {"scale_warmup": True}, (0, 0, 0.2, 1, 1, 1, *REST)),
    ("200ba", 0.5, {}, LINE),
]


def config(name, own, duration="100ba", **root):
    return {"max_duration": duration, "optimizer": {"lr": 1.0}, "scheduler": {"name": name, **own}, **root}


@pytest.mark.parametrize(("name", "own", "rates"), MEASURED)
def test_the_rates_are_those_composer_used(name, own, rates):
    found = read(config(name, own))
    assert found.total == 100
    assert_runs_at(found, rates, UPDATES)


@pytest.mark.parametrize(("duration", "warmup", "rates"), MEASURED_IN_UNITS)
def test_epochs_samples_and_tokens_are_updates(duration, warmup, rates):
    written = config("linear_decay_with_warmup", {"t_warmup": warmup}, duration)
    found = read(written, updates_per_epoch=20, samples_per_update=4, tokens_per_update=28)
    assert found.total == 100
    assert_runs_at(found, rates, UPDATES)
    beside = read({**written, "global_train_batch_size": 4, "max_seq_len": 7}, updates_per_epoch=20)
    assert beside.schedule == found.schedule


@pytest.mark.parametrize(("duration", "ratio", "own", "rates"), MEASURED_SCALED)
def test_the_ratio_stretches_the_run_but_not_the_hand_over(duration, ratio, own, rates):
    """scale_warmup stretches the ramp of ten batches alone, which composer leaves at the tenth all the same."""
    found = read(config("LinearWithWarmupScheduler", {**W, **own}, duration, scale_schedule_ratio=ratio))
    assert found.total == 100
    assert_runs_at(found, rates, UPDATES)
    assert any("hand-over stays at 10" in note for note in found.notes) == bool(own)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("constant_with_warmup", "ConstantWithWarmupScheduler"),
        ("cosine_with_warmup", "CosineAnnealingWithWarmupScheduler"),
        ("linear_decay_with_warmup", "LinearWithWarmupScheduler"),
    ],
)
def test_every_spelling_means_the_same(alias, name):
    """llm-foundry's name, composer's class by name, path or call, the section alone, a job's parameters."""
    expected = read(config(alias, W)).schedule
    path = {"_target_": f"composer.optim.{name}", **W}
    job = {"name": "run", "parameters": config(alias, W)}
    for spelling in (config(name, W), {**config(alias, W), "scheduler": path}, job):
        assert read(spelling).schedule == expected
    for alone in ({"name": alias, **W}, f'composer.optim.{name}(t_warmup="10ba")'):
        assert detect(alone) == "composer"
        assert read(alone, total=100).schedule == expected


def test_other_classes_are_refused():
    with pytest.raises(PreheatError, match="scheduler._target_ must be a scheduler of composer's; got 'my.Own'"):
        read({"max_duration": "100ba", "scheduler": {"_target_": "my.Own"}}, "composer")
    with pytest.raises(PreheatError, match="t_warmups must be a field known here"):
        read({"name": "ConstantScheduler", "t_warmups": "10ba"}, total=100)


def test_a_number_of_epochs_is_a_duration():
    written = config("linear_decay_with_warmup", {"t_warmup": "10ba"}, 5)
    assert read(written, updates_per_epoch=20).total == 100


def test_the_constant_goes_back_to_one():
    notes = read(config("ConstantScheduler", {"alpha": 0.5, "t_max": "10ba"})).notes
    assert notes == ("after 10 updates the factor goes back to 1",)


@pytest.mark.parametrize(
    ("name", "own", "message"),
    [
        ("cosine_with_warmup", {"t_warmup": 10}, 't_warmup must be a time such as "100ba", .*; got 10. Write it'),
        ("cosine_with_warmup", {"t_warmup": "10"}, "t_warmup must be a time such as"),
        ("cosine_with_warmup", {"t_warmup": "1.5ba"}, "t_warmup must be a time such as"),
        ("cosine_with_warmup", {"t_warmup": "10sec"}, "t_warmup must be a time such as"),
        ("cosine_with_warmup", {}, "scheduler.t_warmup must be given"),
        ("cosine_with_warmup", {"t_warmup": "100ba"}, "t_warmup must be below t_max, 100ba; got '100ba'"),
        ("cosine_with_warmup", {"t_warmup": "10sp"}, "t_warmup must be in the unit of t_max, ba; got '10sp'"),
        ("cosine_with_warmup", {**W, "t_max": "90ba"}, "t_max must be at least 100ba, max_duration; got '90ba'"),
        ("cosine_with_warmup", {**W, "t_max": "0.9dur"}, "t_max must be at least 100ba, max_duration; got '0.9dur'"),
        ("cosine_with_warmup", {**W, "alpha": 0.5}, "alpha must be a field.*Did you mean 'alpha_f'"),
        ("inv_sqrt_with_warmup", {**W, **ROOT}, "t_cooldown must be given"),
        (
            "inv_sqrt_with_warmup",
            {"t_warmup": "0.1dur", **ROOT, "t_cooldown": "0ba"},
            "t_warmup must be in the unit of max_duration, ba; got '0.1dur'",
        ),
        (
            "inv_sqrt_with_warmup",
            {**W, **ROOT, "t_cooldown": "0ba", "alpha_f_decay": 0.05},
            "alpha_f_decay must be at least alpha_f_cooldown=0.1; got 0.05",
        ),
        ("MultiStepScheduler", {"milestones": ["5ba", 6]}, "scheduler.milestones must be a time such as .*; got 6"),
        ("StepScheduler", {"step_size": "0ba"}, "step_size must be above 0; got '0ba'"),
        ("CosineAnnealingWarmRestartsScheduler", {"t_0": "5ba", "t_mult": 0.5}, "t_0 must be long enough"),
        ("LinearWithWarmup", W, "name must be one .*Did you mean 'linear_decay_with_warmup'"),
    ],
)
def test_refusals_name_the_field(name, own, message):
    with pytest.raises(PreheatError, match=message):
        read(config(name, own), "composer")


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ({"scale_schedule_ratio": 0}, "scale_schedule_ratio must be above 0; got 0"),
        ({"scale_schedule_ratio": 0.001}, "max_duration must be above 0 after scale_schedule_ratio=0.001; got '100ba'"),
        ({"step_schedulers_every_batch": False}, "step_schedulers_every_batch must be true; got False"),
        ({"max_duration": "5ep"}, "max_duration must be countable in epochs"),
        ({"max_duration": "1dur"}, "max_duration must be in ba, ep, sp or tok; got '1dur'"),
        ({"max_duration": "400sp"}, "max_duration must be countable in samples"),
    ],
)
def test_refusals_name_the_trainers_field(root, message):
    with pytest.raises(PreheatError, match=message):
        read({**config("linear_decay_with_warmup", {"t_warmup": "0.1dur"}), **root})


def test_what_is_written_is_yaml():
    """Nothing of composer's is on time: transformers' line is written with the error of one update of ten."""
    written = write(get_schedule("linear", warmup=10, total=100), "composer", base_lr=1e-3)
    assert (
        'max_duration: "100ba"\noptimizer:\n  lr: 0.001\nscheduler:\n  name: linear_decay_with_warmup' in written.text
    )
    assert 0.09e-3 < written.error < 0.11e-3
