"""JAX and optax: a schedule as the function of the update count that optax takes.

Computed in float64 inside the trace, whatever ``jax_enable_x64`` says outside, and rounded once at the end. In float32
a position beyond 2 ** 24 has no number of its own, and waves and powers lose a digit long before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from preheat._driver.traced import refuse_floats, traceable
from preheat.errors import MissingExtraError
from preheat.messages import _
from preheat.schedule import Schedule
from preheat.schedule.lengths import Timeline

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    needed = _("{module} is not installed: {install}", module="jax", install="pip install 'optax>=0.2.6' 'jax>=0.8'")
    raise MissingExtraError(needed) from error

__all__ = ["schedule"]


def schedule(schedule: Schedule | str, lr: float, *, total: int | Timeline | None = None) -> Callable[[Any], jax.Array]:
    """The learning rate as a function of completed updates, wherever optax takes a schedule.

    Args:
        schedule: a schedule, or one in words.
        lr: the peak learning rate, > 0; learning rates inside the schedule become shares of it.
        total: updates of the run or a :class:`preheat.Plan`, for a schedule that waits for one.

    Returns:
        A function of an integer count (or an array of counts) >= 0, up to the end of its type. It can be compiled,
        mapped, scanned and differentiated around. Its values are of JAX's default float type: within half a unit in
        the last place of the float64 values.

    Raises:
        ScheduleError: for what cannot be compiled (metric-driven parts, a user's function, ``after_end("error")``,
            endless growing cycles), and from the function for counts that are floats, or negative where it can tell.

    >>> rate = schedule("warmup 10% > cosine to 0.1", lr=1e-3, total=100)
    >>> float(jax.jit(rate)(9)) == float(jnp.float32(1e-3))
    True
    """
    resolved, base = traceable(schedule, "lr", lr, total)

    def rate(count: Any) -> jax.Array:
        default = jnp.result_type(float)  # asked outside of the float64 part, where it would be float64
        refuse_floats(str(getattr(count, "dtype", type(count).__name__)), count)
        if not isinstance(count, jax.Array):  # plain and NumPy's numbers: looking at them costs nothing
            resolved(count)
        # Set inside the trace, so that it holds however the function around is compiled.
        with jax.enable_x64(True):
            position = jnp.asarray(count).astype(jnp.float64)
            value: jax.Array = (base * resolved(position, jnp)).astype(default)
        return value

    return rate
