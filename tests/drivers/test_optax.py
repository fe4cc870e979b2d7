"""JAX and optax: the same numbers, rounded once to float32, whatever is compiled around them."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import preheat
from support.named_schedules import named

LR = 1e-3
WORDS = "warmup 10% > cosine to 0.1"
SCHEDULE = preheat.parse(WORDS).over(100)
LAST = 2**31 - 1


def rate_of(schedule=SCHEDULE, lr=LR, **options):
    return preheat.optax.schedule(schedule, lr, **options)


def rounded(schedule, positions, lr=LR):
    """What float32 makes of the float64 values."""
    return (lr * schedule(np.asarray(positions))).astype(np.float32)


def ulps(values, exact):
    """The largest distance, in units of float32's last place at the peak."""
    return float(np.abs(np.asarray(values, np.float64) - exact).max() / (LR * 2**-24))


@pytest.mark.parametrize("name", preheat.SCHEDULE_NAMES)
def test_every_schedule_is_rounded_once(name):
    """A hundred thousand updates and what follows them: within half a unit in the last place, 6e-8 of the peak."""
    total = 100_000
    schedule = named(name, total)
    values = jax.jit(rate_of(schedule))(jnp.arange(total + 50))
    assert values.dtype == jnp.float32
    assert ulps(values, LR * schedule(np.arange(total + 50))) <= 1.0


def scanned(rate, updates):
    return jax.lax.scan(lambda count, _: (count + 1, rate(count)), jnp.int32(0), None, length=updates)[1]


WAYS = {
    "called": lambda rate, counts: rate(counts),
    "one by one": lambda rate, counts: jnp.stack([rate(int(count)) for count in counts]),
    "compiled": lambda rate, counts: jax.jit(rate)(counts),
    "mapped": lambda rate, counts: jax.vmap(rate)(counts),
    "compiled and mapped": lambda rate, counts: jax.jit(jax.vmap(rate))(counts),
    "scanned": lambda rate, counts: scanned(rate, len(counts)),
    "compiled around": lambda rate, counts: jax.jit(lambda n: 2.0 * rate(n) + 0.0 * n)(counts) / 2.0,
    "a branch": lambda rate, counts: jax.vmap(lambda n: jax.lax.cond(n < 50, rate, lambda m: rate(m), n))(counts),
    "checkpointed": lambda rate, counts: jax.checkpoint(rate)(counts),
    "without jit": lambda rate, counts: _without_jit(rate, counts),
}


def _without_jit(rate, counts):
    with jax.disable_jit():
        return rate(counts)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["int32", "uint8"])
def test_the_values_are_the_same_however_it_is_compiled(way, kind):
    """float32 outside, float64 inside: equal to the rounded values, to the bit."""
    counts = jnp.arange(130, dtype=kind)
    values = WAYS[way](rate_of(), counts)
    assert values.dtype == jnp.float32
    assert (np.asarray(values) == rounded(SCHEDULE, range(130))).all()
    assert not jax.config.jax_enable_x64
    assert jnp.arange(1.0).dtype == jnp.float32


def test_differentiating_around_it():
    """The rate is a constant of the count; what is multiplied by it has its gradient."""
    rate = rate_of()
    gradient = jax.jit(jax.grad(lambda weight, count: weight**2 * rate(count)))
    assert float(gradient(3.0, jnp.int32(5))) == pytest.approx(6.0 * LR * SCHEDULE(5), rel=1e-6)


def test_counts_to_the_end_of_their_type():
    """Beyond 2 ** 24 float32 has no number for every update; the rate goes on for each of them."""
    schedule = preheat.warmup(1000) >> preheat.linear(LAST - 1000) >> preheat.hold("forever")
    counts = np.array([*range(2**24 - 2, 2**24 + 6), 2**30 + 1, LAST - 1, LAST], dtype=np.int32)
    steep = preheat.hold(2**24) >> preheat.linear(100)
    for one in (schedule, steep):
        rate = rate_of(one)
        for values in (rate(counts), jax.jit(rate)(jnp.asarray(counts))):
            assert (np.asarray(values) == rounded(one, counts)).all()
    assert len(set(np.asarray(jax.jit(rate)(jnp.asarray(counts)))[3:9])) == 6


def test_with_64_bit_types_it_is_float64():
    """Where JAX's default float is float64, so is the rate: within 1e-15 of the peak."""
    with jax.enable_x64(True):
        values = jax.jit(rate_of())(jnp.arange(130))
        assert values.dtype == jnp.float64
    assert np.abs(np.asarray(values) - LR * SCHEDULE(np.arange(130))).max() <= 1e-15 * LR


def used_by(optimizer, updates=100, skipping=()):
    """The rate each update used: gradients are the unit vectors in turn, so the weights are the rates."""

    @jax.jit
    def step(weights, state, update):
        gradient = jax.nn.one_hot(update, updates)
        gradient = jnp.where(jnp.isin(update, jnp.array([*skipping, -1])), jnp.nan, gradient)
        changes, state = optimizer.update(gradient, state, weights)
        return optax.apply_updates(weights, changes), state

    weights, state = jnp.zeros(updates), optimizer.init(jnp.zeros(updates))
    for update in range(updates):
        weights, state = step(weights, state, update)
    return -np.asarray(weights), state


@pytest.mark.parametrize(
    "make",
    [
        optax.sgd,
        lambda rate: optax.chain(optax.identity(), optax.scale_by_schedule(lambda count: -rate(count))),
        lambda rate: optax.inject_hyperparams(optax.sgd)(learning_rate=rate),
    ],
    ids=["sgd", "scale_by_schedule", "inject_hyperparams"],
)
def test_every_update_of_optax_uses_it(make):
    """Wherever a schedule is taken, in a compiled training step."""
    used, _ = used_by(make(rate_of()))
    assert (used == rounded(SCHEDULE, range(100))).all()


def test_adam_uses_it_too():
    """A first update of Adam is the rate itself, in the direction of the gradient."""
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=rate_of(SCHEDULE.shift(9)), eps=0.0)
    state = optimizer.init(jnp.zeros(1))
    changes, state = jax.jit(optimizer.update)(jnp.ones(1), state)
    assert float(changes[0]) == pytest.approx(-LR * SCHEDULE(9), rel=1e-6)
    assert float(state.hyperparams["learning_rate"]) == np.float32(LR * SCHEDULE(9))


def test_only_updates_that_happen_count():
    """optax counts where its optimizer is applied: not on micro-batches, not on gradients that are not finite."""
    accumulating = optax.MultiSteps(optax.sgd(rate_of()), every_k_schedule=4)
    used, _ = used_by(accumulating, updates=100)
    each = np.float32(rounded(SCHEDULE, range(25)) / 4)
    assert used == pytest.approx(each.repeat(4), rel=1e-6)
    skipping = optax.apply_if_finite(optax.sgd(rate_of()), max_consecutive_errors=5)
    used, _ = used_by(skipping, skipping=(0, 7))
    happened = [update for update in range(100) if update not in (0, 7)]
    assert (used[happened] == rounded(SCHEDULE, range(98))).all()


def test_words_plans_and_learning_rates_inside():
    """Resolved for a number of updates or a plan; a floor given as a rate is that rate."""
    plan = preheat.Plan(examples=1000, batch_size=10, epochs=1)
    for total in (100, plan):
        values = rate_of(WORDS, total=total)(np.arange(100))
        assert (np.asarray(values) == rounded(SCHEDULE, range(100))).all()
    floor = rate_of("warmup 10 > cosine 90 to lr 1e-6", lr=3e-4)
    assert float(floor(99)) == float(np.float32(1e-6))


def test_counts_that_cannot_be_right_are_refused():
    """Floats of any kind; negative ones where it can tell."""
    rate = rate_of()
    for count in (0.5, jnp.float32(3), np.arange(3.0), True, "3", None, [1, 2]):
        with pytest.raises(preheat.ScheduleError, match="count must be an integer or an array of them; got"):
            rate(count)
    with pytest.raises(preheat.ScheduleError, match="count must be an integer"):
        jax.jit(rate)(jnp.arange(3.0))
    for count in (-1, np.array([3, -2])):
        with pytest.raises(preheat.ScheduleError, match="position must be >= 0; got -"):
            rate(count)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (preheat.hold("forever") * preheat.plateau(), "use the framework's own plateau rule"),
        (preheat.from_function(abs), "A Python function runs on plain integers"),
        (SCHEDULE.after_end("error"), "leave after_end.'error'. out"),
        (preheat.cosine(10).repeat(growth=2), "say how many, repeat.times"),
        (preheat.parse(WORDS), "schedule must be resolved"),
        ("warmupcosine", "Did you mean 'warmup'"),
        (3, "schedule must be a preheat Schedule; got 3"),
    ],
)
def test_what_cannot_be_compiled_is_refused_at_once(schedule, message):
    """When it is made, not in the middle of a trace."""
    with pytest.raises(preheat.ScheduleError, match=message):
        rate_of(schedule)


@pytest.mark.parametrize("lr", [0, -1, float("nan"), "1e-3", True])
def test_learning_rates_that_cannot_be(lr):
    """By name."""
    with pytest.raises(preheat.ScheduleError, match="lr must be"):
        rate_of(lr=lr)


def test_without_jax_it_is_one_line():
    """What to install."""
    code = "import sys; sys.modules['jax'] = None\nimport preheat\npreheat.optax"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "preheat.errors.MissingExtraError: jax is not installed: pip install 'optax>=0.2.6' 'jax>=0.8'"
    )
