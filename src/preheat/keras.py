"""Keras 3: a learning-rate schedule that its optimizers take, and that is saved with the model.

Computed in float64 over the backend's own arrays, and rounded once at the end. Source (keras 3.15,
``optimizers/base_optimizer.py``): the optimizer hands over ``iterations`` as an integer, 0 before the first batch; with
``gradient_accumulation_steps`` it counts batches, and updates on the last of each group.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Self

from preheat._driver.traced import refuse_floats, traceable
from preheat.errors import MissingExtraError, ScheduleError, refusal, unknown_name
from preheat.messages import _
from preheat.schedule import Schedule as Value
from preheat.schedule.lengths import Timeline, count

try:
    import keras
    from keras import ops
except ImportError as error:
    # Keras without a backend fails on the backend's name (TensorFlow's, unless told otherwise).
    absent = str(error.name).split(".")[0]
    install = "pip install 'keras>=3.12' jax"
    if absent == "keras":
        needed = _("keras is not installed: {install}, and set KERAS_BACKEND to jax (or torch)", install=install)
    else:
        needed = _(
            "{backend}, the backend of keras, is not installed: {install}, and set KERAS_BACKEND to jax (or torch)",
            backend=absent,
            install=install,
        )
    raise MissingExtraError(needed) from error

__all__ = ["Schedule", "use"]

_NAMESPACES = {"jax": "jax.numpy", "torch": "torch", "numpy": "numpy"}


@keras.saving.register_keras_serializable(package="preheat")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A preheat schedule as a Keras one: ``keras.optimizers.AdamW(preheat.keras.Schedule(schedule, 1e-3))``.

    Args:
        schedule: a schedule, or one in words.
        learning_rate: the peak, > 0; learning rates inside the schedule become shares of it.
        total: updates of the run or a :class:`preheat.Plan`, for a schedule that waits for one.
        accumulation: the optimizer's ``gradient_accumulation_steps``. Keras tells a schedule the batches it has seen,
            not the updates: without this it would be over that many times too early. :func:`use` fills it in.

    Raises:
        ScheduleError: for what cannot be compiled (metric-driven parts, a user's function, ``after_end("error")``,
            endless growing cycles); when called, for steps that are no integers.

    >>> rate = Schedule("warmup 10% > cosine to 0.1", 1e-3, total=100)
    >>> round(float(rate(9)), 9)
    0.001
    """

    def __init__(
        self,
        schedule: Value | str,
        learning_rate: float,
        *,
        total: int | Timeline | None = None,
        accumulation: int = 1,
    ) -> None:
        super().__init__()
        self.schedule, self.base = traceable(schedule, "learning_rate", learning_rate, total)
        advice = _("It is the optimizer's gradient_accumulation_steps.")
        self.accumulation = int(count("accumulation", accumulation, 1, advice=advice))

    def __call__(self, step: Any) -> Any:
        """The learning rate of the batch after ``step`` batches, in Keras' default float type."""
        namespace = _namespace()
        # float32 has no numbers of its own beyond 2 ** 24 updates, whatever floatx is.
        with _float64():
            position = ops.convert_to_tensor(step)
            refuse_floats(keras.backend.standardize_dtype(position.dtype), step)
            if self.accumulation > 1:  # batches to updates, while it is an integer
                position = position // self.accumulation
            value = self.base * self.schedule(ops.cast(position, "float64"), namespace)
            return ops.cast(value, keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        """Plain data, from which :meth:`from_config` makes the same schedule."""
        return {
            "schedule": self.schedule.to_dict(),
            "learning_rate": self.base,
            "accumulation": self.accumulation,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The schedule that :meth:`get_config` told of.

        Raises:
            ScheduleError: for data of a release that this one does not know.
        """
        return cls(**{**config, "schedule": Value.from_dict(config["schedule"])})


def use(optimizer: Any, schedule: Value | str, *, total: int | Timeline | None = None) -> None:
    """Make a Keras optimizer follow ``schedule`` from its own learning rate, its gradient accumulation minded.

    Args:
        optimizer: a ``keras.optimizers.Optimizer`` with a plain learning rate, before training.
        schedule: a schedule, or one in words.
        total: updates of the run or a :class:`preheat.Plan`, for a schedule that waits for one.

    Raises:
        ScheduleError: for an optimizer that has a schedule already (both are named), and as :class:`Schedule`.

    >>> optimizer = keras.optimizers.SGD(0.5, gradient_accumulation_steps=4)
    >>> use(optimizer, "linear 10")
    >>> [round(float(optimizer.learning_rate), 3)]  # of the coming batch: the first update
    [0.45]
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    if not isinstance(inner, keras.optimizers.Optimizer):
        raise ScheduleError(
            refusal("optimizer", _("a Keras optimizer"), optimizer, _("Give the one that is to train."))
        )
    held = inner._learning_rate  # learning_rate itself would give the value that a schedule has now
    if callable(held) and not isinstance(held, keras.Variable):
        both = _("{theirs} beside {ours}", theirs=type(held).__name__, ours=schedule)
        raise ScheduleError(refusal("optimizer", _("without a schedule of its own"), both, _("Give it a plain rate.")))
    accumulation = inner.gradient_accumulation_steps or 1
    rate = float(ops.convert_to_tensor(inner.learning_rate))
    inner.learning_rate = Schedule(schedule, rate, total=total, accumulation=accumulation)


def _namespace() -> Any:
    """The backend's own arrays."""
    # Not keras.ops, which takes the waves of float64 numbers in float32.
    name = keras.backend.backend()
    if name == "tensorflow":
        return _tensorflow()
    if name not in _NAMESPACES:
        advice = _("Set KERAS_BACKEND to one of them.")
        known = (*_NAMESPACES, "tensorflow")
        raise ScheduleError(unknown_name("backend", _("one with arrays of float64"), name, known, advice))
    return import_module(_NAMESPACES[name])


def _tensorflow() -> Any:
    """TensorFlow under the names of an array namespace; its own ``where`` takes plain numbers for float32."""
    import tensorflow as tf

    def where(condition: Any, yes: Any, no: Any) -> Any:
        return tf.where(condition, tf.cast(yes, tf.float64), tf.cast(no, tf.float64))

    names = {name: getattr(tf, name) for name in ("cos", "exp", "floor", "sin", "sqrt", "tanh")}
    return SimpleNamespace(__name__="tensorflow", pi=math.pi, log=tf.math.log, where=where, **names)


def _float64() -> Any:
    """JAX has 64-bit types only where they are asked for."""
    if keras.backend.backend() != "jax":
        return nullcontext()
    import jax

    return jax.enable_x64(True)
