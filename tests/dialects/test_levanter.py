"""levanter's schedules: what its lr_scheduler builds, out of optax 0.2.8's own pieces in float64, in November 2026.

The pieces and borders are those of levanter 928e69f, optim/config.py; its package on PyPI is of 2023 and older.
"""

import pytest

from preheat.dialects import read
from preheat.errors import PreheatError
from support.recorded_rates import UPDATES, assert_runs_at

USED = UPDATES[:8]  # up to update 99
CLIMB = (0, 0.1, 0.9)
POWER = {"type": "power", "batch_size": 8, "seq_length": 1024, "a": 2.0}
LINE = {"lr_schedule": "linear"}
MEASURED = [
    ({"lr_schedule": "constant"}, (*CLIMB, 1, 1, 1, 1, 1)),
    ({}, (*CLIMB, 1, 0.99972587, 0.55, 0.10109618, 0.10027413)),
    (
        {"lr_schedule": {"type": "cosine", "exponent": 2.0}},
        (*CLIMB, 1, 0.99945183, 0.325, 0.10000134, 0.10000008),
    ),
    ({**LINE, "decay": 0.2}, (*CLIMB, 1, 1, 1, 0.19, 0.145)),
    ({**LINE, "warmup": 0}, (1, 0.991, 0.919, 0.91, 0.901, 0.505, 0.118, 0.109)),
    ({"lr_schedule": "inv_sqrt"}, (*CLIMB, 1, 1, 1, 1, 1)),  # by name alone it falls from update 10000 on
    (
        {"lr_schedule": {"type": "inv_sqrt", "timescale": 20.0}},
        (*CLIMB, 1, 1, 0.60302269, 0.45175395, 0.44946657),
    ),
    (
        {"lr_schedule": {"type": "inv_sqrt", "timescale": 5.0}},
        (*CLIMB, 0.70710678, 0.67419986, 0.30151134, 0.22587698, 0.22473329),
    ),
    ({"lr_schedule": "inv"}, (*CLIMB, 0.90909091, 0.90909091, 0.18181818, 0.10204082, 0.1010101)),
    ({"lr_schedule": POWER}, (*CLIMB, 1, 0.1615441, 0.0231821, 0.01646664, 0.01637202)),
    ({"cycles": 4, "rewarmup": 0.2}, (*CLIMB, 1, 0.99016642, 1, 0.12202457, 0.10554025)),
    (  # 30, 30 and what is left, 40
        {**LINE, "cycle_length": 30, "rewarmup": 5},
        (*CLIMB, 1, 0.955, 0.28, 0.15142857, 0.12571429),
    ),
    ({**LINE, "cooldown": 0.1, "min_lr_ratio": 0.2}, (*CLIMB, 1, 0.99, 0.55, 0.2, 0.2)),
    (  # a quarter of the first 40 updates
        {**LINE, "cycle_length": [40, 60], "warmup": 0.25, "min_lr_ratio": 0.0},
        (*CLIMB, 1, 0.96666667, 0.75, 0.03333333, 0.01666667),
    ),
]


def config(own):
    optimizer = {"type": "adam", "learning_rate": 1.0, "warmup": 10, **own}
    return {"trainer": {"num_train_steps": 100, "train_batch_size": 8}, "optimizer": optimizer}


@pytest.mark.parametrize(("own", "rates"), MEASURED)
def test_the_rates_are_those_of_its_pieces(own, rates):
    found = read(config(own))
    assert (found.total, found.base_lr) == (100, 1.0)
    assert_runs_at(found, rates, USED)


@pytest.mark.parametrize(
    ("own", "same"),
    [
        ({"cycle_length": 0.5}, {"cycles": 2}),
        ({"cycles": [50]}, {"cycles": 2}),
        ({"haps": [50, 100]}, {"cycles": 2}),
        ({"cycle_length": [50, 50]}, {"cycles": 2}),
        ({"decay": 1.0, "warmup": 0}, {"warmup": 0}),  # 1 is all of the cycle, not one update
    ],
)
def test_cycles_have_several_spellings(own, same):
    assert read(config(own)).schedule == read(config(same)).schedule


def test_the_section_alone_is_enough():
    own = config(LINE)["optimizer"]
    assert read(own, total=100).schedule == read(config(LINE)).schedule
    notes = read({**own, "learning_rate": None}, total=100).notes
    assert notes == ("learning_rate is left at levanter's own 6e-4",)


def test_the_weight_decay_may_follow():
    """adamc_weight_decay multiplies it with the rate's share of the peak."""
    found = read(config({"adamc_weight_decay": True}))
    assert found.also == {"weight_decay": found.schedule}
    assert not read(config({})).also


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"warmup": 1.0}, "decay must be at most the cycle's 100 updates together with warmup=100"),
        ({"decay": 95}, "decay must be at most the cycle's 100 updates together with warmup=10"),
        ({"decay": 0.001}, "decay must be above 0 updates for cosine"),
        ({"warmup": 10.5}, "warmup must be a share up to 1, or a whole number of updates; got 10.5"),
        ({"warmup_ratio": 0.1}, "warmup_ratio must be left out; got 0.1"),
        ({"cycles": 2, "haps": [50]}, "cycles must be left out beside haps"),
        ({"cycles": [80, 20]}, r"cycles must be rising, and inside the 100 updates; got \[80, 20\]"),
        ({"cycle_length": 0.001}, "cycle_length must be one update at least"),
        ({"haps": 3}, "haps must be a list of updates; got 3"),
        ({"lr_schedule": "cosin"}, "lr_schedule.type must be one .*Did you mean 'cosine'"),
        ({"lr_schedule": {"type": "cosine", "exponen": 2}}, "exponen must be a field.*Did you mean 'exponent'"),
        ({"lr_schedule": {"type": "power", "seq_length": 8}}, "lr_schedule.batch_size must be given"),
        ({"lr_schedule": {**POWER, "b": 0.5}}, "b must be below 0, and a above 0; got 0.5"),
        ({"lr_schedule": "inv", "min_lr_ratio": 0}, "min_lr_ratio must be above 0 and below 1 for inv; got 0.0"),
    ],
)
def test_refusals_name_the_field(own, message):
    with pytest.raises(PreheatError, match=message):
        read(config(own), "levanter")
