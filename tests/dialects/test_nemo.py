"""NeMo's schedulers: rates measured with nemo_toolkit 3.0.0 in November 2026.

Each row ran the real class on an optimizer of lr 1 for 102 updates, noting the rate before every update and calling
``step()`` after it (ExponentialLR: after every tenth, the epoch).
"""

import pytest

from preheat.dialects import read
from preheat.errors import PreheatError
from support.recorded_rates import UPDATES, assert_runs_at

BASE = {"warmup_steps": 10, "max_steps": 100}
HOLD = {**BASE, "hold_steps": 20}
CYCLE = {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 10}
SLOW = {**CYCLE, "step_size_down": 30, "mode": "triangular2"}
TAIL = (0.016855, 0.01262691, 0.01256297, 0.0125, 0.01243796)  # of NoamAnnealing, 1 / sqrt(64 n)
CLIMB = (0.09090909, 0.18181818, 0.90909091, 1)  # updates 0, 1, 9, 10: 1 / 11, 2 / 11, 10 / 11, 11 / 11
MEASURED = [
    ("WarmupPolicy", BASE, (*CLIMB, 1, 1, 1, 1, 1, 0)),
    ("WarmupHoldPolicy", HOLD, (*CLIMB, 1, 1, 1, 1, 1, 0)),
    ("WarmupAnnealing", {**BASE, "min_lr": 0.1}, (*CLIMB, 0.99, 0.55, 0.12, 0.11, 0.1, 0.1)),
    ("WarmupAnnealing", {"max_steps": 100}, (1, 0.99, 0.91, 0.9, 0.89, 0.45, 0.02, 0.01, 0, 0)),
    ("CosineAnnealing", {**BASE, "min_lr": 0.1}, (*CLIMB, 0.99972587, 0.55, 0.10109618, 0.10027413, 0.1, 0.1)),
    (
        "CosineAnnealing",
        {**BASE, "min_lr": 0.1, "constant_steps": 20},
        (0, 0.1, 0.9, 1, 0.99954688, 0.35475232, 0.1, 0.1, 0.1, 0.1),
    ),
    (  # 19 and 28 updates: shares are rounded down, and 0.29 * 100 is below 29 in binary
        "CosineAnnealing",
        {"max_steps": 100, "warmup_ratio": 0.19, "constant_ratio": 0.29},
        (0, 0.05263158, 0.47368421, 0.52631579, 0.57894737, 0.23308831, 0, 0, 0, 0),
    ),
    ("SquareAnnealing", {**BASE, "min_lr": 0.2}, (*CLIMB, 0.97790123, 0.25, 0.2, 0.2, 0.2, 0.2)),
    ("SquareRootAnnealing", {**BASE, "min_lr": 0.2}, (*CLIMB, 0.94339811, 0.67082039, 0.2, 0.2, 0.2, 0.2)),
    (
        "InverseSquareRootAnnealing",
        {**BASE, "min_lr": 0.2},
        (*CLIMB, 0.95742711, 0.44320263, 0.33333333, 0.33166248, 0.3300165, 0.2),
    ),
    (
        "PolynomialDecayAnnealing",
        {**BASE, "power": 2.0, "min_lr": 0.1, "cycle": True},
        (*CLIMB, 0.98011111, 0.325, 0.10044444, 0.10011111, 0.1, 0.1),
    ),
    (
        "PolynomialHoldDecayAnnealing",
        {**HOLD, "power": 2.0, "min_lr": 0.1},
        (*CLIMB, 1, 0.47193878, 0.10073469, 0.10018367, 0.1, 0.1),
    ),
    ("PolynomialHoldDecayAnnealing", {**BASE, "min_lr": 0.1}, (*CLIMB, 0.89, 0.45, 0.1, 0.1, 0.1, 0.1)),
    (
        "NoamHoldAnnealing",
        {**BASE, "hold_ratio": 0.2, "decay_rate": 1.0, "min_lr": 0.15},
        (*CLIMB, 1, 0.28571429, 0.15, 0.15, 0.15, 0.15),
    ),
    ("NoamHoldAnnealing", BASE, (*CLIMB, 0.95346259, 0.42640143, 0.31943828, 0.31782086, 0.31622777, 0)),
    (
        "WarmupHoldAnnealLinear",
        {**HOLD, "min_lr": 0.1},
        (*CLIMB, 1, 0.67857143, 0.12571429, 0.11285714, 0.1, 0.1),
    ),
    ("WarmupHoldAnnealLinear", BASE, (*CLIMB, 0.89, 0.45, 0.02, 0.01, 0, 0)),
    (
        "WarmupHoldAnnealOneMinusSquareRoot",
        {**HOLD, "min_lr": 0.1},
        (*CLIMB, 1, 0.4023857, 0.1, 0.1, 0.1, 0.1),
    ),
    (
        "NoamAnnealing",
        {"d_model": 64, "warmup_steps": 10},
        (*(0.00395285, 0.00395285, 0.03557562, 0.03952847, 0.03768892), *TAIL),
    ),
    (
        "NoamAnnealing",
        {"d_model": 64},
        (0.125, 0.125, 0.04166667, 0.03952847, 0.03768892, 0.016855, 0.01262691, 0.01256297, 0.0125, 0.01243796),
    ),
    (
        "T5InverseSquareRootAnnealing",
        {"constant_steps": 25, "max_steps": 100, "min_lr": 0.01},
        (0.2, 0.2, 0.2, 0.2, 0.2, 0.13483997, 0.10101525, 0.10050378, 0.1, 0.01),
    ),
    (
        "StepLR",
        {"step_size": 10, "gamma": 0.5},
        (1, 1, 1, 0.5, 0.5, 0.03125, 0.00195312, 0.00195312, 0.00097656, 0.00097656),
    ),
    (
        "ExponentialLR",
        {"gamma": 0.9},
        (1, 1, 1, 0.9, 0.9, 0.59049, 0.38742049, 0.38742049, 0.34867844, 0.34867844),
    ),
    ("CyclicLR", CYCLE, (0.1, 0.19, 0.91, 1, 0.91, 0.55, 0.28, 0.19, 0.1, 0.19)),
    ("CyclicLR", SLOW, (0.1, 0.19, 0.91, 1, 0.97, 0.475, 0.265, 0.2575, 0.25, 0.2425)),
    (
        "CyclicLR",
        {**CYCLE, "mode": "exp_range", "gamma": 0.99, "cycle_momentum": False},
        (0.1, 0.1891, 0.83994897, 0.91394387, 0.82522399, 0.35890964, 0.16722357, 0.13327567, 0.1, 0.13261348),
    ),
]


def config(name, fields, lr=1.0):
    return {"optim": {"name": "sgd", "lr": lr, "sched": {"name": name, **fields}}}


@pytest.mark.parametrize(("name", "fields", "rates"), MEASURED)
def test_the_rates_are_those_nemo_used(name, fields, rates):
    """Past update 100 too, where min_lr begins at once."""
    assert_runs_at(read(config(name, fields), updates_per_epoch=10 if name == "ExponentialLR" else None), rates)


def test_noam_has_its_floor_after_the_warm_up_only():
    """Measured: 0.00395285 at updates 0 and 1, far below it; 0.02 at update 55 and later."""
    found = read(config("NoamAnnealing", {"d_model": 64, "warmup_steps": 10, "min_lr": 0.02}))
    assert_runs_at(found, (0.00395285, 0.00395285, 0.03557562, 0.03952847, 0.03768892, 0.02, 0.02, 0.02, 0.02, 0.02))
    assert found.schedule.warmup_updates == 10
    assert any("0.0395285 of optim.lr" in note for note in found.notes)


def test_cyclic_lr_mirrors_the_momentum():
    """Measured with the row above, between 0.9 and 0.8, half as deep in the second cycle."""
    found = read(config("CyclicLR", {**SLOW, "max_momentum": 0.9, "base_momentum": 0.8}))
    momentum = (0.9, 0.89, 0.81, 0.8, 0.80333333, 0.85833333, 0.88166667, 0.8825, 0.88333333, 0.88416667)
    assert [round(0.9 * found.also["momentum"](update), 8) for update in UPDATES] == list(momentum)
    adam = config("CyclicLR", CYCLE)
    adam["optim"]["name"] = "adamw"
    assert [*read(adam).also] == ["betas[0]"]


def test_a_whole_experiment_and_older_sections_are_read():
    """model.optim.sched with the trainer's max_steps; parameters in args.params."""
    sched = {"name": "CosineAnnealing", "warmup_steps": 10, "min_lr": 0.1, "monitor": "val_loss"}
    whole = {"trainer": {"max_steps": 100}, "model": {"optim": {"name": "adamw", "lr": 1.0, "sched": sched}}}
    expected = read(config("CosineAnnealing", {**BASE, "min_lr": 0.1}))
    assert read(whole).schedule == expected.schedule
    assert (read(whole).total, read(whole).base_lr) == (100, 1.0)
    parameters = {"name": "auto", "params": {"warmup_steps": 10, "min_lr": 0.1}}
    older = {"lr": 1.0, "sched": {"name": "CosineAnnealing", "max_steps": 100, "args": parameters}}
    assert read(older).schedule == expected.schedule
    alone = {"name": "CosineAnnealing", **BASE, "min_lr": 0.1}
    assert read(alone, peak=1.0).schedule == expected.schedule


@pytest.mark.parametrize(
    ("name", "fields", "note"),
    [
        ("WarmupPolicy", BASE, "after update 100 NeMo falls to min_lr=0 at once"),
        ("SquareRootAnnealing", BASE, "counts from update 0: it drops after update 10"),
        ("WarmupHoldAnnealLinear", BASE, "without a hold the decay counts from update 0"),
        ("T5InverseSquareRootAnnealing", {"constant_steps": 25, "max_steps": 100}, "optim.lr=1.0 is not used"),
        ("CyclicLR", CYCLE, "momentum refers to max_momentum=0.9"),
    ],
)
def test_notes_say_what_nemo_does_in_silence(name, fields, note):
    assert any(note in found for found in read(config(name, fields)).notes)


def test_the_trainer_may_run_for_another_number_of_updates():
    found = read({**config("WarmupAnnealing", BASE), "trainer": {"max_steps": 120}})
    assert found.total == 120
    assert any("max_steps shapes the schedule for 100 updates" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("CosineAnnealing", {**BASE, "warmup_ratio": 0.1}, "sched.warmup_steps must be left out; got 10"),
        ("CosineAnnealing", {**BASE, "warmup_steps": 100}, r"max_steps must be above its parts \(100 of warm-up"),
        ("WarmupAnnealing", {"max_steps": -1}, "max_steps must be above 0; got -1. NeMo makes no scheduler"),
        ("WarmupAnnealing", {}, "optim.sched.max_steps must be in the file, or the run's updates given"),
        ("CosineAnnealing", {**BASE, "min_lr": 2}, "min_lr must be at most the peak, 1.0; got 2"),
        ("CosineAnnealing", {**BASE, "hold_steps": 5}, "hold_steps must be a field known here"),
        ("CosineAnneal", BASE, "name must be one .*Did you mean 'CosineAnnealing'"),
        ("PolynomialHoldDecayAnnealing", {**BASE, "cycle": True}, "cycle must be left out; got True"),
        ("NoamHoldAnnealing", {"max_steps": 100}, "warmup_steps must be above 0 for NoamHoldAnnealing"),
        ("NoamAnnealing", {"warmup_steps": 10}, "d_model must be given"),
        ("T5InverseSquareRootAnnealing", {"constant_ratio": 0.1, "max_steps": 100}, "constant_steps must be given"),
        ("ReduceLROnPlateau", {}, "name must be a function of the update; got 'ReduceLROnPlateau'"),
        ("ExponentialLR", {"gamma": 0.9}, "optim.sched.name must be countable in epochs"),
        ("StepLR", {"step_size": 10, "gamma": 1.5}, r"rate must be in \(0, 1\]; got 1.5"),
        ("CyclicLR", {**CYCLE, "scale_fn": "f"}, "scale_fn must be left out"),
        ("CyclicLR", {**CYCLE, "mode": "exp_range"}, "cycle_momentum must be false for exp_range; got None"),
        ("CosineAnnealing", {**BASE, "last_epoch": 7}, "last_epoch must be left out; got 7"),
    ],
)
def test_refusals_name_the_field(name, fields, message):
    with pytest.raises(PreheatError, match=message):
        read(config(name, fields), "nemo")
