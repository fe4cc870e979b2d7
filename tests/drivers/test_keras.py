"""Keras 3: the same numbers in every fit step, on JAX here and on torch in a child process that runs this file again.

``KERAS_BACKEND=tensorflow pytest tests/drivers/test_keras.py`` is the same for TensorFlow, where it is installed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import preheat
from support.named_schedules import named

# Keras, turning its variables into NumPy's.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
HERE = Path(__file__).parent
LR = 1e-3
WORDS = "warmup 10% > cosine to 0.1"
SCHEDULE = preheat.parse(WORDS).over(100)


def rate_of(schedule=SCHEDULE, lr=LR, **options):
    return preheat.keras.Schedule(schedule, lr, **options)


def rounded(schedule, positions, lr=LR):
    """What float32 makes of the float64 values."""
    return (lr * schedule(np.asarray(positions))).astype(np.float32)


def plain(values):
    return np.asarray(keras.ops.convert_to_numpy(values))


@pytest.mark.parametrize("name", preheat.SCHEDULE_NAMES)
def test_every_schedule_is_rounded_once(name):
    """A hundred thousand updates and what follows them: within half a unit in the last place, 6e-8 of the peak."""
    total = 100_000
    schedule = named(name, total)
    values = plain(rate_of(schedule)(keras.ops.arange(total + 50, dtype="int32")))
    assert values.dtype == np.float32
    assert np.abs(values.astype(float) - LR * schedule(np.arange(total + 50))).max() <= LR * 2**-24


def test_counts_to_the_end_of_their_type():
    """Beyond 2 ** 24, where float32 has no number for every update, up to the last int32."""
    last = 2**31 - 1
    steep = preheat.hold(2**24) >> preheat.linear(100)
    slow = preheat.warmup(1000) >> preheat.linear(last - 1000)
    counts = np.array([*range(2**24 - 2, 2**24 + 6), 2**30 + 1, last - 1, last], dtype=np.int32)
    for schedule in (steep, slow):
        assert (plain(rate_of(schedule)(counts)) == rounded(schedule, counts)).all()
        assert [float(rate_of(schedule)(int(count))) for count in counts] == rounded(schedule, counts).tolist()


class OneAtATime(keras.layers.Layer):
    """A weight for every update, all 0: batch k has gradient 1 for weight k alone, which ends at minus its rate."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(shape[-1],), initializer="zeros")

    def call(self, x):
        return keras.ops.sum(x * self.weight, axis=-1, keepdims=True)


def model_of(optimizer):
    model = keras.Sequential([OneAtATime()])
    model.compile(optimizer=optimizer, loss="mean_absolute_error")
    return model


def fitted(model, rows):
    """The weights after fitting on ``rows`` towards far lower targets, sign turned: the rate of each update."""
    model.fit(rows, np.full((len(rows), 1), -10.0), batch_size=1, shuffle=False, verbose=0)
    return -plain(model.layers[0].weight)


def rates_of(optimizer, batches):
    return fitted(model_of(optimizer), np.eye(batches, dtype="float32"))


def test_every_fit_step_uses_it():
    """The whole way, in the compiled training step."""
    assert (rates_of(keras.optimizers.SGD(rate_of()), 100) == rounded(SCHEDULE, range(100))).all()


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_the_optimizers_learning_rate_is_that_of_the_coming_update(kind):
    """As read after every epoch (in the middle of one JAX's trainer has the variables elsewhere)."""
    optimizer = getattr(keras.optimizers, kind)(rate_of())
    seen = []
    reading = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(float(plain(optimizer.learning_rate)))
    )
    rows = np.eye(10, dtype="float32")
    model_of(optimizer).fit(rows, np.zeros((10, 1)), batch_size=1, epochs=6, verbose=0, callbacks=[reading])
    assert seen == rounded(SCHEDULE, range(10, 61, 10)).tolist()


@pytest.mark.parametrize("accumulation", [2, 4])
def test_with_gradient_accumulation_keras_counts_batches(accumulation):
    """Keras hands over batches: told of the accumulation the schedule counts updates, untold it is over too early."""
    short = preheat.get_schedule("linear", total=20)
    batches, updates = 20 * accumulation, range(20)
    told = keras.optimizers.SGD(rate_of(short, accumulation=accumulation), gradient_accumulation_steps=accumulation)
    used = rates_of(told, batches).reshape(20, accumulation) * accumulation
    assert used == pytest.approx(rounded(short, updates)[:, None].repeat(accumulation, 1), rel=1e-6)
    untold = keras.optimizers.SGD(rate_of(short), gradient_accumulation_steps=accumulation)
    used = rates_of(untold, batches).reshape(20, accumulation)[:, 0] * accumulation
    assert (used[20 // accumulation :] == 0.0).all()


@pytest.mark.parametrize("accumulation", [None, 4])
def test_use_reads_rate_and_accumulation_off_the_optimizer(accumulation):
    """One line, before training; also for an optimizer inside a LossScaleOptimizer."""
    short = preheat.parse("linear 20")
    for wrap in (lambda one: one, keras.optimizers.LossScaleOptimizer):
        inner = keras.optimizers.SGD(0.5, gradient_accumulation_steps=accumulation)
        optimizer = wrap(inner)
        preheat.keras.use(optimizer, "linear", total=20)
        assert inner._learning_rate.accumulation == (accumulation or 1)
        batches = 20 * (accumulation or 1)
        used = rates_of(optimizer, batches).reshape(20, -1) * (accumulation or 1)
        assert used == pytest.approx(rounded(short, range(20), 0.5)[:, None].repeat(used.shape[1], 1), rel=1e-6)


def test_the_config_is_plain_data():
    """Through Keras' own serialization, as JSON."""
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(rate_of(accumulation=2))))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.schedule, again.base, again.accumulation) == (SCHEDULE, LR, 2)
    config["config"]["schedule"]["version"] = 99
    with pytest.raises(preheat.ScheduleError, match="version must be"):
        keras.saving.deserialize_keras_object(config)


CHILD = """
import sys
sys.path[:0] = {paths!r}
import preheat.keras  # registers the schedule
from test_keras import *
loaded = keras.models.load_model({path!r}, custom_objects={{"OneAtATime": OneAtATime}})
print(json.dumps(fitted(loaded, np.eye(100, dtype="float32")[40:]).tolist()))
"""


def test_a_saved_model_goes_on_in_a_new_process(tmp_path):
    """40 updates, saved, 60 more in another process: each used its own rate."""
    model = model_of(keras.optimizers.SGD(rate_of()))
    fitted(model, np.eye(100, dtype="float32")[:40])
    path = str(tmp_path / "model.keras")
    model.save(path)
    code = CHILD.format(paths=[str(HERE), str(HERE.parent)], path=path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    used = np.array(json.loads(done.stdout.splitlines()[-1]), dtype=np.float32)
    assert (used == rounded(SCHEDULE, range(100))).all()


def test_words_plans_and_learning_rates_inside():
    """Resolved for a number of updates or a plan; a floor given as a rate is that rate."""
    plan = preheat.Plan(examples=1000, batch_size=10, epochs=1)
    for total in (100, plan):
        assert rate_of(WORDS, total=total).schedule == SCHEDULE
    assert float(rate_of("warmup 10 > cosine 90 to lr 1e-6", 3e-4)(99)) == float(np.float32(1e-6))


@pytest.mark.parametrize("step", [0.5, np.float32(3), np.arange(3.0)])
def test_steps_that_are_no_integers_are_refused(step):
    """float32 skips counts beyond 2 ** 24."""
    with pytest.raises(preheat.ScheduleError, match="count must be an integer or an array of them; got"):
        rate_of()(step)


def test_refusals():
    """What cannot be compiled, two owners, no optimizer, no accumulation: by name."""
    with pytest.raises(preheat.ScheduleError, match="use the framework's own plateau rule"):
        rate_of(preheat.hold("forever") * preheat.plateau())
    with pytest.raises(preheat.ScheduleError, match="learning_rate must be > 0; got 0"):
        rate_of(lr=0)
    with pytest.raises(preheat.ScheduleError, match="accumulation must be >= 1; got 0"):
        rate_of(accumulation=0)
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 100))
    with pytest.raises(
        preheat.ScheduleError, match="without a schedule of its own; got 'CosineDecay beside linear 10'"
    ):
        preheat.keras.use(optimizer, "linear 10")
    with pytest.raises(preheat.ScheduleError, match="optimizer must be a Keras optimizer; got 3"):
        preheat.keras.use(3, "linear 10")


def test_unknown_backends_are_refused(monkeypatch):
    """There is no way to be exact over ``keras.ops`` alone: it takes float64 waves in float32."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    with pytest.raises(
        preheat.ScheduleError,
        match="backend must be one with arrays of float64; got 'openvino'. .*Known: jax, torch, numpy, tensorflow",
    ):
        rate_of()(3)


@pytest.mark.skipif("KERAS_CHILD" in os.environ, reason="this is the child")
def test_the_torch_backend_does_the_same():
    """All of the above in a process of its own: the backend is chosen at import."""
    environment = {**os.environ, "KERAS_BACKEND": "torch", "KERAS_CHILD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "1 skipped" in done.stdout


def test_without_keras_or_its_backend_it_is_one_line():
    """What to install, and what is missing."""
    for module, missing in (("keras", "keras"), ("tensorflow", "tensorflow, the backend of keras,")):
        code = f"import sys; sys.modules[{module!r}] = None\nimport preheat\npreheat.keras"
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert done.stderr.splitlines()[-1].startswith(f"preheat.errors.MissingExtraError: {missing} is not installed:")
