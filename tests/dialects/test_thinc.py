"""thinc's schedules against rates measured with thinc's own."""

import numpy as np
import pytest

from preheat.dialects import read
from preheat.errors import PreheatError

AT = (0, 1, 8, 9, 10, 11, 19, 20, 55, 95)
# schedule(step=n) of thinc 9.1.1 at these updates, November 2026; its optimizer starts at step 0 and counts one up in
# step_schedules(). 3,000 drawn schedules agreed within 1e-9 of the peak at every update.
MEASURED = [
    ("constant", {"rate": 0.1}, (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)),
    (
        "constant_then",
        {"rate": 0.1, "steps": 20, "schedule": {"@schedules": "decaying.v1", "base_rate": 0.1, "decay": 0.01}},
        (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.083333333, 0.064516129, 0.051282051),
    ),
    (
        "warmup_linear",
        {"initial_rate": 0.1, "warmup_steps": 10, "total_steps": 100},
        (0, 0.01, 0.08, 0.09, 0.1, 0.098888889, 0.09, 0.088888889, 0.05, 0.0055555556),
    ),
    (
        "warmup_linear",
        {"initial_rate": 0.1, "warmup_steps": 0, "total_steps": 100},
        (0.1, 0.099, 0.092, 0.091, 0.09, 0.089, 0.081, 0.08, 0.045, 0.005),
    ),
    (
        "slanted_triangular",
        {"max_rate": 0.1, "num_steps": 100},
        (
            0.0128125,
            0.0225,
            0.0903125,
            0.1,
            0.098923611,
            0.097847222,
            0.089236111,
            0.088159722,
            0.050486111,
            0.0074305556,
        ),
    ),
    (
        "slanted_triangular",
        {"max_rate": 0.1, "num_steps": 100, "cut_frac": 0.25, "ratio": 10, "t": 3.0},
        (0.0244, 0.028, 0.0532, 0.0568, 0.0604, 0.064, 0.0928, 0.0964, 0.0592, 0.0112),
    ),
    (
        "cyclic_triangular",
        {"min_lr": 0.01, "max_lr": 0.1, "period": 10},
        (0.019, 0.028, 0.091, 0.1, 0.091, 0.082, 0.01, 0.019, 0.046, 0.046),
    ),
    (
        "decaying",
        {"base_rate": 0.1, "decay": 0.01, "t": 5.0},
        (0.095238095, 0.094339623, 0.088495575, 0.087719298, 0.086956522, 0.086206897, 0.080645161, 0.08, 0.0625, 0.05),
    ),
    (
        "compounding",
        {"start": 0.01, "stop": 0.1, "compound": 1.05},
        (0.01, 0.0105, 0.014774554, 0.015513282, 0.016288946, 0.017103394, 0.025269502, 0.026532977, 0.1, 0.1),
    ),
    (
        "compounding",
        {"start": 0.1, "stop": 0.01, "compound": 0.9, "t": 2.0},
        (0.081, 0.0729, 0.034867844, 0.03138106, 0.028242954, 0.025418658, 0.010941899, 0.01, 0.01, 0.01),
    ),
    (
        "compounding",
        {"start": 0.01, "stop": 0.1, "compound": 0.9},
        (
            0.01,
            0.009,
            0.0043046721,
            0.0038742049,
            0.0034867844,
            0.003138106,
            0.0013508517,
            0.0012157665,
            3.0432527e-05,
            4.4981962e-07,
        ),
    ),
]


@pytest.mark.parametrize(("name", "fields", "rates"), MEASURED)
def test_the_rates_are_thincs(name, fields, rates):
    found = read({"learn_rate": {"@schedules": f"{name}.v1", **fields}})
    assert found.dialect == "thinc"
    np.testing.assert_allclose(found.base_lr * found.schedule(np.array(AT)), rates, rtol=1e-7)


def test_a_configuration_file_of_spacy():
    """INI text with JSON values, as spacy writes it."""
    text = (
        '[training]\nmax_steps = 20000\n\n[training.optimizer]\n@optimizers = "Adam.v1"\nbeta1 = 0.9\n\n'
        '[training.optimizer.learn_rate]\n@schedules = "warmup_linear.v1"\nwarmup_steps = 250\n'
        "total_steps = 20000\ninitial_rate = 5e-5\n"
    )
    found = read(text)
    assert (found.dialect, found.base_lr, found.schedule.warmup_updates, found.schedule.horizon) == (
        "thinc",
        5e-5,
        250,
        20000,
    )
    nested = '[training.optimizer.learn_rate]\n@schedules = "constant_then.v1"\nrate = 0.1\nsteps = 5\n\n'
    nested += '[training.optimizer.learn_rate.schedule]\n@schedules = "constant.v1"\nrate = 0.05\n'
    assert [read(nested).schedule(position) for position in (4, 5)] == [1.0, 0.5]


def test_a_plain_number_is_a_constant_rate():
    found = read({"training": {"optimizer": {"learn_rate": 0.002}}}, "thinc")
    assert (found.base_lr, found.schedule(10**6)) == (0.002, 1.0)


def test_the_second_schedule_has_been_running_since_the_beginning():
    """constant_then hands its step on as it is: at update 60 the decay stands where it would anyway."""
    inner = {"@schedules": "warmup_linear.v1", "initial_rate": 0.1, "warmup_steps": 10, "total_steps": 100}
    whole = {"@schedules": "constant_then.v1", "rate": 0.1, "steps": 60, "schedule": inner}
    assert read(whole).schedule(60) == read(inner).schedule(60)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"@schedules": "plateau.v1", "max_patience": 2}, "Multiply by preheat.plateau() instead"),
        ({"@schedules": "warmup_liner.v1"}, "Did you mean 'warmup_linear'"),
        ({"@schedules": "constant.v1", "rate": 0.1, "raet": 1}, "Did you mean 'rate'"),
        ({"@schedules": "warmup_linear.v1", "initial_rate": 0.1, "warmup_steps": 10}, "total_steps must be given"),
        ({"@schedules": "slanted_triangular.v1", "max_rate": 0.1, "num_steps": 5}, "Of 5 updates it cuts 0"),
        ({"@schedules": "compounding.v1", "start": 0.1, "stop": 0.01, "compound": 1.1}, "It would grow for ever"),
        (
            {"@schedules": "cyclic_triangular.v1", "min_lr": 1, "max_lr": 0.1, "period": 9},
            "min_lr must be at most max_lr",
        ),
        ({"@schedules": "constant.v1", "rate": 0}, "training.optimizer.learn_rate must be above zero"),
    ],
)
def test_refusals_name_the_field(section, message):
    with pytest.raises(PreheatError) as caught:
        read({"training": {"optimizer": {"learn_rate": section}}}, "thinc")
    assert message in str(caught.value)
