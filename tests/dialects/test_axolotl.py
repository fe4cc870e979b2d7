"""axolotl against rates measured with its own schedulers, and its own defaults."""

import numpy as np
import pytest

from preheat.dialects import read
from preheat.errors import PreheatError

AT = (0, 1, 8, 9, 10, 11, 24, 25, 55, 97, 98, 99)
# What the optimizer held at these updates: the schedulers of axolotl 0.19.0 (utils/schedulers.py), chosen and built as
# its SchedulerMixin does, with torch 2.13 and transformers 5.23, November 2026. learning_rate 0.1, 100 updates, cosine
# unless said. 500 drawn configurations agreed within 1e-9 of the peak at every update.
MEASURED = [
    (
        {},
        (
            0,
            0.033333333,
            0.099345835,
            0.099058909,
            0.098720526,
            0.098331043,
            0.088874278,
            0.087835641,
            0.044344309,
            0.00023582894,
            0.00010485869,
            2.6221548e-05,
        ),
    ),
    (
        {"warmup_ratio": 0.1},
        (
            0,
            0.01,
            0.08,
            0.09,
            0.1,
            0.099969541,
            0.09414738,
            0.09330127,
            0.05,
            0.00027390523,
            0.00012179749,
            3.0458649e-05,
        ),
    ),
    (
        {"warmup_steps": 1},
        (
            0,
            0.05,
            0.099077958,
            0.098746396,
            0.098364743,
            0.097933393,
            0.088072298,
            0.0870139,
            0.043606142,
            0.00023104435,
            0.00010273036,
            2.568919e-05,
        ),
    ),
    (
        {"warmup_steps": 0},
        (
            0.1,
            0.099975328,
            0.098429158,
            0.098014684,
            0.097552826,
            0.097044038,
            0.086448431,
            0.085355339,
            0.042178277,
            0.00022190177,
            9.8663579e-05,
            2.4671982e-05,
        ),
    ),
    (
        {"warmup_steps": 10, "lr_quadratic_warmup": True, "cosine_min_lr_ratio": 0.1},
        (
            0,
            0.001,
            0.064,
            0.081,
            0.1,
            0.099969541,
            0.09414738,
            0.09330127,
            0.05,
            0.00027390523,
            0.00012179749,
            3.0458649e-05,
        ),
    ),
    (
        {"warmup_steps": 10, "cosine_min_lr_ratio": 0.1},
        (0, 0.01, 0.08, 0.09, 0.1, 0.099972587, 0.094732642, 0.093971143, 0.055, 0.010246515, 0.010109618, 0.010027413),
    ),
    (
        {"warmup_steps": 10, "cosine_min_lr_ratio": 0.1, "cosine_constant_lr_ratio": 0.75},
        (0, 0.01, 0.08, 0.09, 0.1, 0.09994745, 0.090085346, 0.088682984, 0.029437086, 0.01, 0.01, 0.01),
    ),
    (
        {"warmup_steps": 10, "lr_scheduler": "rex"},
        (
            0.01,
            0.02,
            0.09,
            0.1,
            0.099887767,
            0.099773243,
            0.098039216,
            0.097883598,
            0.090534979,
            0.018518519,
            0.01010101,
            0,
        ),
    ),
    (
        {"warmup_steps": 0, "lr_scheduler": "rex", "cosine_min_lr_ratio": 0.1},
        (
            0.099909183,
            0.099816701,
            0.099118607,
            0.099010989,
            0.098901221,
            0.098789238,
            0.097096774,
            0.09694517,
            0.08983871,
            0.025254237,
            0.018256881,
            0.01,
        ),
    ),
    (
        {"warmup_steps": 10, "lr_scheduler": "one_cycle"},
        (
            0.004,
            0.0068947542,
            0.097105246,
            0.1,
            0.099969541,
            0.099878203,
            0.093301297,
            0.092402435,
            0.048255232,
            0.000122197,
            3.0858527e-05,
            4e-07,
        ),
    ),
    (
        {
            "warmup_steps": 10,
            "lr_scheduler": "one_cycle",
            "lr_scheduler_kwargs": {"anneal_strategy": "linear", "div_factor": 5.0},
        },
        (
            0.02,
            0.028888889,
            0.091111111,
            0.1,
            0.098888911,
            0.097777822,
            0.083333667,
            0.082222578,
            0.048889911,
            0.0022241778,
            0.0011130889,
            2e-06,
        ),
    ),
    (
        {"warmup_steps": 10, "jagged_restart_steps": 30},
        (
            0.01,
            0.02,
            0.09,
            0.1,
            0.099969541,
            0.099878203,
            0.09330127,
            0.092402405,
            0.048255025,
            9.7462349e-05,
            2.741583e-05,
            0,
        ),
    ),
    (
        {
            "warmup_steps": 10,
            "lr_scheduler": "linear",
            "jagged_restart_steps": 25,
            "jagged_restart_warmup_steps": 5,
            "jagged_restart_anneal_steps": 3,
        },
        (
            0.01,
            0.02,
            0.09,
            0.1,
            0.098888889,
            0.097777778,
            8.3333333e-05,
            0.016510222,
            0.048888889,
            0.0014822222,
            0.00037111111,
            0,
        ),
    ),
    (
        {
            "warmup_steps": 10,
            "lr_scheduler": "rex",
            "jagged_restart_steps": 25,
            "jagged_restart_warmup_steps": 5,
            "jagged_restart_anneal_steps": 3,
        },
        (
            0.02,
            0.03,
            0.1,
            0.099887767,
            0.099773243,
            0.099656357,
            0.019655026,
            0.039148327,
            0.090146751,
            0.0033737374,
            0,
            0,
        ),
    ),
]


@pytest.mark.parametrize("name", ["linear", "constant_with_warmup", "polynomial", "inverse_sqrt"])
def test_names_of_transformers_are_its_schedules(name):
    """axolotl hands them on."""
    own = read({"lr_scheduler": name, "learning_rate": 0.1, "warmup_steps": 10}, "axolotl", total=100)
    theirs = {"lr_scheduler_type": name, "learning_rate": 0.1, "warmup_steps": 10}
    assert own.schedule == read(theirs, "transformers", total=100).schedule


@pytest.mark.parametrize(("config", "rates"), MEASURED)
def test_the_rates_are_those_that_axolotl_set(config, rates):
    found = read({"learning_rate": 0.1, "micro_batch_size": 2, **config}, total=100)
    assert (found.dialect, found.base_lr) == ("axolotl", 0.1)
    np.testing.assert_allclose(0.1 * found.schedule(np.array(AT)), rates, rtol=2e-7, atol=1e-12)


@pytest.mark.parametrize(
    ("config", "total", "warmup"),
    [
        ({}, 1000, 30),
        ({}, 100_000, 100),  # 3 %, 100 at most
        ({}, 99, 2),  # int(2.97)
        ({}, 50, 2),  # one update is made two
        ({"warmup_ratio": 0.07}, 100, 7),  # int(7.000000000000001): transformers itself rounds up, to 8
        ({"warmup_ratio": 0.019}, 100, 2),
        ({"warmup_steps": 0}, 100, 0),
        ({"warmup_steps": 12, "warmup_ratio": 0}, 100, 12),
    ],
)
def test_warm_up_by_axolotls_own_defaults(config, total, warmup):
    found = read({"learning_rate": 0.1, "base_model": "x", **config}, total=total)
    assert found.schedule.warmup_updates == warmup


def test_a_yaml_file_counts_its_updates():
    """1000 rows, batches of 2 in groups of 4, 3 epochs: 125 updates an epoch."""
    text = "base_model: gpt2\nlearning_rate: 2e-4\nlr_scheduler: cosine\nnum_epochs: 3\nmicro_batch_size: 2\n"
    found = read(f"{text}gradient_accumulation_steps: 4\nwarmup_ratio: 0.1\n", examples=1000)
    assert (found.dialect, found.total, found.schedule.warmup_updates, found.base_lr) == ("axolotl", 375, 37, 2e-4)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"warmup_steps": 5, "warmup_ratio": 0.1}, "warmup_ratio must be left out beside warmup_steps; got 0.1"),
        ({"lr_scheduler": "rexx"}, "Did you mean 'rex'"),
        ({"lr_scheduler": "greedy"}, "Multiply by preheat.plateau() instead"),
        ({"warmup_steps": 50, "cosine_min_lr_ratio": 0.1, "cosine_constant_lr_ratio": 0.4}, "It says 40 of 100"),
        ({"cosine_min_lr_ratio": 1.5}, "cosine_min_lr_ratio must be in [0, 1]; got 1.5"),
        ({"warmup_steps": 100, "lr_scheduler": "rex"}, "warmup must be below total=100"),
        (
            {"warmup_steps": 9, "lr_scheduler": "one_cycle", "jagged_restart_steps": 20},
            "left out with one_cycle; got 20",
        ),
        ({"lr_scheduler": "one_cycle", "warmup_steps": 0}, "pct_start must be a share that leaves every phase"),
        ({"learning_rate": None}, "learning_rate must be known; got None"),
    ],
)
def test_refusals_name_the_field(config, message):
    with pytest.raises(PreheatError) as caught:
        read({"learning_rate": 0.1, **config}, "axolotl", total=100)
    assert message in str(caught.value)


def test_packed_rows_cannot_be_counted():
    with pytest.raises(PreheatError, match="sample_packing must be off where updates are counted from examples"):
        read({"learning_rate": 0.1, "sample_packing": True}, "axolotl", examples=1000)
