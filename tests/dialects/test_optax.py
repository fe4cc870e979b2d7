"""optax' calls against the real functions, at every update, and the code that is written, run."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import preheat
from preheat.dialects import read, write
from preheat.errors import PreheatError
from support.named_schedules import named

UPDATES = 150
CALLS = [
    "optax.constant_schedule(0.1)",
    "optax.linear_schedule(0.1, 0.01, 100)",
    "optax.linear_schedule(init_value=0.0, end_value=0.1, transition_steps=50, transition_begin=20)",
    "optax.linear_schedule(0.1, 0.0, 0)",
    "optax.linear_schedule(0.1, 0.0, 10, -5)",
    "optax.polynomial_schedule(0.1, 0.01, 2.5, 100, 7)",
    "optax.polynomial_schedule(0.01, 0.1, 2.5, 100)",
    "optax.exponential_decay(0.1, 20, 0.5)",
    "optax.exponential_decay(0.1, 20, 0.5, transition_begin=30, staircase=True, end_value=0.02)",
    "optax.exponential_decay(0.1, 20, 0)",
    "optax.cosine_decay_schedule(0.1, 100)",
    "optax.cosine_decay_schedule(0.1, decay_steps=100, alpha=0.2, exponent=2.0)",
    "optax.cosine_decay_schedule(0.01, 100, alpha=3.0)",
    "optax.piecewise_constant_schedule(0.1, {50: 0.1, 20: 0.5})",
    "optax.piecewise_constant_schedule(0.1)",
    "optax.piecewise_constant_schedule(0.1, {0: 0.5, 60: 2.0})",
    "optax.piecewise_interpolate_schedule('linear', 0.1, {10: 2.0, 100: 0.1})",
    "optax.piecewise_interpolate_schedule('cosine', 0.1, {0: 3.0, 30: 2.0, 100: 0.1})",
    "optax.cosine_onecycle_schedule(100, 0.1)",
    "optax.cosine_onecycle_schedule(transition_steps=99, peak_value=0.1, pct_start=0.25, div_factor=5.0)",
    "optax.linear_onecycle_schedule(100, 0.1)",
    "optax.linear_onecycle_schedule(99, 0.1, 0.2, 0.7, 10.0, 100.0)",
    "optax.warmup_constant_schedule(0.01, 0.1, 30)",
    "optax.warmup_constant_schedule(0.01, 0.1, 0)",
    "optax.warmup_cosine_decay_schedule(0.0, 0.1, 10, 100)",
    "optax.warmup_cosine_decay_schedule(0.01, 0.1, 0, 100, 0.02, 1.5)",
    "optax.warmup_cosine_decay_schedule(init_value=0.2, peak_value=0.1, warmup_steps=10, decay_steps=100)",
    "optax.warmup_exponential_decay_schedule(0.0, 0.1, 10, 20, 0.5)",
    "optax.warmup_exponential_decay_schedule(0.0, 0.1, 10, 20, 0.5, 5, True, 0.03)",
    "optax.sgdr_schedule([dict(init_value=0.0, peak_value=0.1, warmup_steps=5, decay_steps=40),"
    " dict(init_value=0.0, peak_value=0.05, warmup_steps=0, decay_steps=60, end_value=0.01)])",
    "optax.join_schedules([optax.linear_schedule(0.0, 0.1, 10), optax.cosine_decay_schedule(0.1, 100)], [10])",
    "optax.join_schedules([optax.cosine_decay_schedule(0.1, 100), optax.constant_schedule(0.02)], [30])",
    "optax.join_schedules([optax.constant_schedule(0.02), optax.constant_schedule(1.0),"
    " optax.exponential_decay(0.1, 20, 0.5)], boundaries=[40, 40])",
]


def of_real(schedule):
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(lambda count: schedule(count) + 0.0 * count)(jnp.arange(UPDATES)))


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_read_as_optax_runs_it(call):
    with jax.enable_x64(True):
        expected = of_real(eval(call, {"optax": optax}))
    found = read(call)
    assert found.dialect == "optax"
    np.testing.assert_allclose(found.base_lr * found.schedule(np.arange(UPDATES)), expected, atol=1e-9 * expected.max())


def test_the_same_as_data():
    """Names with or without the module, arguments beside them or under kwargs, boundaries as JSON has them."""
    flat = {"function": "optax.piecewise_constant_schedule", "init_value": 0.1, "boundaries_and_scales": {"50": 0.1}}
    nested = {"name": "piecewise_constant_schedule", "kwargs": {"init_value": 0.1, "boundaries_and_scales": {50: 0.1}}}
    call = "optax.piecewise_constant_schedule(0.1, {50: 0.1})"
    assert read(flat).schedule == read(nested).schedule == read(call).schedule
    joined = {"function": "join_schedules", "schedules": [flat, 0.5], "boundaries": [10]}
    assert read(joined).schedule(10) == 1.0


def test_a_schedule_inside_an_optimizer_is_found():
    text = "total = 10 * 100\ntx = optax.chain(optax.clip(1.0), optax.adamw(optax.cosine_decay_schedule(0.1, total)))"
    assert read(text).schedule.horizon == 1000


def test_a_warm_up_of_no_updates_stays_at_its_start_for_ever():
    """optax' own behavior, in a note."""
    found = read("optax.warmup_constant_schedule(0.0, 0.1, 0)")
    assert (found.base_lr, found.schedule(500)) == (0.1, 0.0)
    assert "with warmup_steps=0 optax stays at init_value for ever: peak_value is never used" in found.notes


@pytest.mark.parametrize("name", preheat.SCHEDULE_NAMES)
@pytest.mark.parametrize("convention", [None, "native"])
def test_written_code_runs_in_optax_and_keeps_its_word(name, convention):
    """Every named schedule: the real values are as near as the writer says."""
    schedule = named(name, UPDATES, convention)
    written = write(schedule, "optax", total=UPDATES, base_lr=0.5)
    scope = {}
    with jax.enable_x64(True):
        exec(written.text, scope)
        values = of_real(scope["schedule"])
    apart = np.abs(values - 0.5 * schedule(np.arange(UPDATES)))
    assert apart.max() == pytest.approx(written.error, abs=1e-8)
    assert written.error < 0.01 or name in ("exp_range", "sgdr", *RESTARTS)


RESTARTS = ("warmupcosinewithhardrestarts", "cosine_with_restarts", "jagged_cosine", "tanh")


def test_plain_schedules_are_written_as_people_write_them():
    text = write(preheat.get_schedule("cosine", warmup=10, total=100), "optax", base_lr=1e-3).text
    arguments = "init_value=0.0, peak_value=0.001, warmup_steps=10, decay_steps=100"
    assert text == f"import optax\n\nschedule = optax.warmup_cosine_decay_schedule({arguments})"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("optax.cosine_decay_schedule(0.1, 0)", "cosine_decay_schedule.decay_steps must be >= 1; got 0"),
        ("optax.cosine_decay_schedule(0.1, steps)", "decay_steps must be a finite number; got steps"),
        ("optax.cosine_decay_schedule(0.1, 9, 2.0, 3.0)", "alpha must be at most 1 with an exponent"),
        ("optax.exponential_decay(0.1, 10, 1.1)", "decay_rate must be in [0, 1]; got 1.1"),
        ("optax.linear_schedule(-0.1, 0.1, 10)", "init_value must be >= 0"),
        (
            "optax.warmup_cosine_decay_schedule(0.0, 0.1, 100, 100)",
            "decay_steps must be above warmup_steps=100; got 100",
        ),
        ("optax.linear_schedule(0.1, 0.0, 10, begin=3)", "begin must be a field known here"),
        ("optax.linear_schedule(0.1, 0.0)", "transition_steps must be given"),
        ("optax.join_schedules([optax.constant_schedule(1.0)], [3])", "There is 1 schedule"),
        ("optax.join_schedules([my_schedule, optax.constant_schedule(1.0)], [3])", "got my_schedule. Write it out"),
        ("optax.constant_schedule(0.0)", "schedule must be above zero somewhere"),
        ("optax.adam(1e-3)", "config must be code that makes an optax schedule"),
        ({"function": "cosine_decay_shedule"}, "Did you mean 'cosine_decay_schedule'"),
        ({"function": "sgdr_schedule", "cosine_kwargs": []}, "cosine_kwargs must be one cycle at least"),
        ({"function": "piecewise_constant_schedule", "init_value": 1, "boundaries_and_scales": [3]}, "a mapping of"),
    ],
)
def test_refusals_name_the_field(config, message):
    with pytest.raises(PreheatError) as caught:
        read(config, "optax")
    assert message in str(caught.value)
