"""The same curves over JAX and torch: one formula, every array library.

float32 (JAX unless told otherwise) rounds at 6e-8. A schedule adds a few such roundings, so it stays within 2e-7 of the
peak; what amplifies them (a power near its zero, a wave of several periods) is held to 2e-6.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import preheat
from support.named_schedules import named
from support.strategies import schedules

FLOAT32 = 2e-7
AMPLIFIED = 2e-6
FLOAT64 = 1e-12
WAVES = {"cosine_with_restarts", "warmupcosinewithhardrestarts", "tanh", "exp_range"}


def difference(schedule, values, updates):
    """The largest difference from NumPy's values over the first updates."""
    return float(np.abs(np.asarray(values) - schedule(np.arange(updates))).max())


def compiled(schedule):
    return jax.jit(lambda positions: schedule(positions, jnp))


def length_of(schedule):
    return 2 * int(schedule.horizon) + 5


@given(schedules)
@settings(max_examples=200)
def test_torch_gives_the_same_values(schedule):
    """In float64, past the end too, whatever the type of the counts."""
    for kind in (torch.int64, torch.int32, torch.float32):
        values = schedule(torch.arange(length_of(schedule), dtype=kind), torch)
        assert values.dtype == torch.float64
        assert difference(schedule, values, len(values)) <= 1e-14


@given(schedules)
@settings(max_examples=15)
def test_jax_gives_the_same_values_in_float64(schedule):
    """Compiled, over arrays."""
    with jax.enable_x64(True):
        values = compiled(schedule)(jnp.arange(length_of(schedule)))
        assert values.dtype == jnp.float64
        assert difference(schedule, values, len(values)) <= FLOAT64


@pytest.mark.parametrize("name", [name for name in preheat.SCHEDULE_NAMES if name != "rectification"])
def test_jax_gives_the_same_values_over_a_hundred_thousand_updates(name):
    """In float32 within 2e-7 of the peak. (RAdam's rectification is a difference of nearly equal numbers: below.)"""
    total = 100_000
    schedule = named(name, total)
    values = schedule(jnp.arange(total + 50), jnp)
    assert values.dtype == jnp.float32
    assert difference(schedule, values, total + 50) <= (AMPLIFIED if name in WAVES else FLOAT32)


def test_rectification_loses_digits_in_float32():
    """Within 4e-4 of the peak for beta2 = 0.999, and 1e-12 in float64."""
    schedule = preheat.parse("transformers: warmup rectification forever")
    assert difference(schedule, schedule(jnp.arange(5000), jnp), 5000) <= 4e-4
    with jax.enable_x64(True):
        assert difference(schedule, schedule(jnp.arange(5000), jnp), 5000) <= FLOAT64


MAPPED = [
    "transformers: warmup 10 > cosine 90 to 0.1",
    "warmup 10% > hold 70% > 1-sqrt to 0",
    "transformers: warmup 5 > repeat(cosine 49, scale=0.9)",
    "repeat(linear 7, times=4, growth=1.5)",
    "max(cosine 60, (warmup 10 > inverse_sqrt forever)) * 0.5",
]


@pytest.mark.parametrize("text", MAPPED)
def test_jit_and_vmap_give_the_same_values(text):
    """One traced update at a time, mapped and compiled, in float32 and float64."""
    schedule = preheat.parse(text).over(100)
    for x64, tolerance in ((False, FLOAT32), (True, FLOAT64)):
        with jax.enable_x64(x64):
            mapped = jax.jit(jax.vmap(lambda position: schedule(position, jnp)))(jnp.arange(250))
            assert difference(schedule, mapped, 250) <= tolerance
            one = compiled(schedule)
            assert all(abs(float(one(k)) - schedule(k)) <= tolerance for k in (0, 9, 10, 54, 99, 100, 249))


@given(st.integers(1, 200), st.integers(1, 12))
@settings(max_examples=10)
def test_compiled_cycles_begin_when_they_should(length, cycles):
    """XLA divides by a constant with its reciprocal, and 49 times 1 / 49 is below 1: no restart may come late."""
    steps = preheat.get_schedule("step", steps=length, rate=0.5)
    restarts = preheat.get_schedule("sgdr", period=length)
    with jax.enable_x64(True):
        for schedule in (steps, restarts):
            values = compiled(schedule)(jnp.arange(length * cycles + 1))
            assert difference(schedule, values, length * cycles + 1) <= FLOAT64


def test_growing_cycles_without_an_end_are_refused_while_traced():
    """A compiler has to lay them out; said, with what to do."""
    endless = preheat.cosine(10).repeat(growth=2)
    with pytest.raises(preheat.ScheduleError, match="times must be given for growing cycles"):
        compiled(endless)(jnp.arange(5))
    assert difference(endless, endless(torch.arange(500), torch), 500) <= 1e-14
    assert endless(torch.arange(0), torch).shape == (0,)
