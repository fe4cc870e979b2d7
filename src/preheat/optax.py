"""``preheat.optax``: schedules for JAX and optax."""

from preheat.frameworks.optax import schedule as schedule
