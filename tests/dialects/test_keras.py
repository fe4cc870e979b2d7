"""Keras' serialized schedules against the real ones, at every update."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import preheat
from preheat.dialects import read, write
from preheat.errors import PreheatError

UPDATES = 160
schedules = keras.optimizers.schedules
# The real schedule, and how near its values are in float64: Keras' cosines are float32 all the same.
REAL = [
    (lambda: schedules.CosineDecay(0.1, 100, 0.2), 1e-6),
    (lambda: schedules.CosineDecay(0.1, 90, warmup_target=0.5, warmup_steps=10), 1e-6),
    (lambda: schedules.CosineDecay(0.0, 90, 0.1, warmup_target=0.5, warmup_steps=10), 1e-6),
    (lambda: schedules.CosineDecay(0.2, 90, 0.1, warmup_target=0.5, warmup_steps=0), 1e-6),
    (lambda: schedules.CosineDecay(0.9, 90, 0.1, warmup_target=0.5, warmup_steps=20), 1e-6),
    (lambda: schedules.CosineDecay(0.1, 100, warmup_steps=20), 1e-6),
    (lambda: schedules.CosineDecayRestarts(0.1, 10), 1e-6),
    (lambda: schedules.CosineDecayRestarts(0.1, 30, t_mul=1.0, m_mul=0.5, alpha=0.1), 1e-6),
    (lambda: schedules.PolynomialDecay(0.1, 100), 1e-12),
    (lambda: schedules.PolynomialDecay(0.1, 100, 0.01, 2.5), 1e-12),
    (lambda: schedules.PolynomialDecay(0.1, 30, 0.01, 0.5, cycle=True), 1e-12),
    (lambda: schedules.ExponentialDecay(0.1, 20, 0.9), 1e-12),
    (lambda: schedules.ExponentialDecay(0.1, 20, 0.9, staircase=True), 1e-12),
    (lambda: schedules.InverseTimeDecay(0.1, 20, 0.5), 1e-12),
    (lambda: schedules.InverseTimeDecay(0.1, 20, 0.5, staircase=True), 1e-12),
    (lambda: schedules.PiecewiseConstantDecay([50, 80], [0.1, 0.01, 0.02]), 1e-12),
    (lambda: schedules.PiecewiseConstantDecay([0], [0.1, 0.01]), 1e-12),
]


def of_real(schedule):
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(schedule)(jnp.arange(UPDATES)), dtype=np.float64)


@pytest.mark.parametrize(("make", "near"), REAL)
def test_equals_the_real_schedule_at_every_update(make, near):
    """Through Keras' own serialization."""
    with jax.enable_x64(True):
        real = make()
    found = read(schedules.serialize(real), total=UPDATES)
    assert found.dialect == "keras"
    expected = of_real(real)
    np.testing.assert_allclose(found.base_lr * found.schedule(np.arange(UPDATES)), expected, atol=near * expected.max())


def test_the_learning_rate_of_a_saved_optimizer_is_read():
    real = schedules.PolynomialDecay(0.5, 100, 0.05)
    found = read(keras.optimizers.serialize(keras.optimizers.SGD(real)))
    assert (found.dialect, found.base_lr, found.schedule(100)) == ("keras", 0.5, 0.1)


def test_a_boundary_still_has_the_old_value():
    """Pain 28: torch and optax change at 50, Keras at 51."""
    config = {"class_name": "PiecewiseConstantDecay", "config": {"boundaries": [50], "values": [1.0, 0.1]}}
    assert [read(config).schedule(position) for position in (49, 50, 51)] == [1.0, 1.0, 0.1]


def test_a_warm_up_without_its_target_does_nothing_and_is_said():
    config = {"initial_learning_rate": 0.1, "decay_steps": 100, "warmup_steps": 20}
    found = read({"class_name": "CosineDecay", "config": config})
    assert found.schedule(0) == 1.0
    assert "warmup_steps=20 does nothing without warmup_target" in found.notes


def test_what_is_written_is_taken_by_keras_itself():
    """A warm-up and a cosine: decay_steps leaves the warm-up out."""
    schedule = preheat.get_schedule("cosine_with_min_lr", warmup=10, total=100, min_lr_rate=0.1)
    written = write(schedule, "keras", base_lr=0.5)
    assert written.exact
    assert written.config["config"]["decay_steps"] == 90
    real = schedules.deserialize({**written.config, "module": "keras.optimizers.schedules", "registered_name": None})
    np.testing.assert_allclose(of_real(real), 0.5 * schedule(np.arange(UPDATES)), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 0}, "config.decay_steps must be > 0; got 0"),
        ("CosineDecay", {"decay_steps": 10}, "config.initial_learning_rate must be given; got None"),
        ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 10}, "a peak above zero; got 0.0"),
        ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "alhpa": 0.1}, "Did you mean 'alpha'"),
        ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "warmup_steps": 1.5}, "a whole number"),
        ("CosineDekay", {}, "Did you mean 'CosineDecay'"),
        (
            "CosineDecayRestarts",
            {"initial_learning_rate": 0.1, "first_decay_steps": 9, "t_mul": 0.5},
            "t_mul must be >=",
        ),
        ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 2}, "in (0, 1]; got 2"),
        ("PolynomialDecay", {"initial_learning_rate": 1e-5, "decay_steps": 9}, "end_learning_rate must be at most"),
        ("PolynomialDecay", {"initial_learning_rate": 1, "decay_steps": 9, "cycle": True}, "cycle must be in the file"),
        ("PiecewiseConstantDecay", {"boundaries": [5, 3], "values": [1, 2, 3]}, "boundaries must be rising"),
        ("PiecewiseConstantDecay", {"boundaries": [5], "values": [1]}, "values must be one more than boundaries"),
        ("PiecewiseConstantDecay", {"boundaries": [5], "values": [0, 0]}, "a peak above zero"),
    ],
)
def test_refusals_name_the_field(name, config, message):
    with pytest.raises(PreheatError) as caught:
        read({"class_name": name, "config": config}, "keras")
    assert message in str(caught.value)
