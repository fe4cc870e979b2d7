"""Our schedules beside optax's and Keras' (on its JAX backend), at every update.

Both compute in float32 unless told otherwise, so each row is held twice: as installed, within a few float32 roundings
of the peak, and in float64, within 1e-12. Each row says how a user of preheat writes the peer's schedule.
"""

import math
from itertools import accumulate, pairwise

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

import preheat
from support.peers import Peer, ids, worst

FLOAT32 = 1e-6  # of the peak
FLOAT64 = 1e-12
DRAWS = 3
keras_schedules = keras.optimizers.schedules


def over(make):
    """The values of the function ``make(o)`` returns, mapped over every update."""
    return lambda o: np.asarray(jax.vmap(make(o))(jnp.arange(o.updates)))


def steps(boundaries, values):
    """Constant stretches between boundaries, the last for ever."""
    lengths = [after - before for before, after in pairwise([0, *boundaries])]
    stretches = [f"hold {length} at {value!r}" for length, value in zip([*lengths, "forever"], values, strict=True)]
    return preheat.parse(" > ".join(stretches))


def cumulative(scales):
    return list(accumulate([1.0, *scales], lambda a, b: a * b))


def plain(draw):
    return {
        "lr": 10 ** draw.uniform(-5, 0),
        "start": draw.random(),
        "low": draw.choice([0.0, draw.random()]),
        "begin": draw.randint(0, 20),
        "total": draw.randint(2, 120),
        "power": draw.choice([1.0, 2.0, draw.uniform(0.5, 4)]),
        "rate": draw.uniform(0.1, 0.999),
        "every": draw.randint(1, 40),
        "staircase": draw.choice([False, True]),
    }


def warm(draw):
    total = draw.randint(3, 140)
    return {**plain(draw), "total": total, "warmup": draw.randint(1, total - 1)}


def knots(draw):
    boundaries = sorted(draw.sample(range(1, 150), draw.randint(1, 4)))
    scales = [draw.uniform(0.1, 1.5) for _ in boundaries]
    values = [draw.random() for _ in range(len(boundaries) + 1)]
    return {**plain(draw), "boundaries": boundaries, "scales": scales, "values": values}


def one_cycle(draw):
    return {
        "lr": 10 ** draw.uniform(-5, 0),
        "total": draw.randint(20, 140),
        "share": draw.uniform(0.1, 0.5),
        "share_final": draw.uniform(0.6, 0.9),
        "div": draw.uniform(1, 50),
        "final_div": draw.uniform(1, 1e4),
    }


def cycles(draw):
    return {"lr": 10 ** draw.uniform(-5, 0), "cycles": [warm(draw) for _ in range(draw.randint(1, 4))], "updates": 300}


def restarts(draw):
    return {
        **plain(draw),
        "every": draw.randint(5, 40),
        "growth": draw.choice([1.0, 1.5, 2.0, 3.0]),
        "scale": draw.choice([1.0, draw.uniform(0.3, 1)]),
    }


def optax_cycles(o):
    return optax.sgdr_schedule(
        {
            "init_value": c["start"] * c["rate"] * o.lr,
            "peak_value": c["rate"] * o.lr,
            "warmup_steps": c["warmup"],
            "decay_steps": c["total"],
            "end_value": c["low"] * c["rate"] * o.lr,
            "exponent": c["power"],
        }
        for c in o.cycles
    )


def our_cycles(o):
    parts = [
        f"warmup {c['warmup']} from {c['start'] * c['rate']!r} to {c['rate']!r}"
        f" > cosine(power={c['power']!r}) {c['total'] - c['warmup']} to {c['low'] * c['rate']!r}"
        for c in o.cycles
    ]
    return preheat.parse("transformers: " + " > ".join(parts))


def polynomial_cycle(o):
    """Keras' cycle=True: the total grows by itself whenever it is passed, one update after the end was used."""
    curve, end = f"polynomial(power={o.power!r})", f"to {o.low!r}"
    parts = [f"{curve} {o.total} from 1 {end} > hold 1"]
    for cycle in range(2, 2 + math.ceil(o.updates / o.total)):
        parts.append(f"{curve} {cycle * o.total} from 1 {end} skip {(cycle - 1) * o.total + 1} > hold 1")
    return preheat.parse("transformers: " + " > ".join(parts))


OPTAX = [
    Peer(
        "constant_schedule",
        plain,
        lambda o: [optax.constant_schedule(o.lr)(position) for position in range(o.updates)],
        lambda o: preheat.get_schedule("constant"),
    ),
    Peer(
        "linear_schedule",
        plain,
        over(lambda o: optax.linear_schedule(o.lr * o.start, o.lr * o.low, o.total, o.begin)),
        lambda o: preheat.parse(f"transformers: hold {o.begin} at {o.start!r} > linear {o.total} to {o.low!r}"),
    ),
    Peer(
        "polynomial_schedule falling",
        plain,
        over(lambda o: optax.polynomial_schedule(o.lr, o.lr * o.low, o.power, o.total, o.begin)),
        lambda o: preheat.parse(
            f"transformers: hold {o.begin} at 1 > polynomial(power={o.power!r}) {o.total} to {o.low!r}"
        ),
    ),
    Peer(
        "polynomial_schedule rising",  # optax keeps the formula, ours mirrors a curve in time: so it is 1-power
        plain,
        over(lambda o: optax.polynomial_schedule(o.lr * o.low, o.lr, o.power, o.total)),
        lambda o: preheat.parse(f"transformers: warmup 1-power(power={o.power!r}) {o.total} from {o.low!r}"),
    ),
    Peer(
        "cosine_decay_schedule",
        plain,
        over(lambda o: optax.cosine_decay_schedule(o.lr, o.total, o.low, o.power)),
        lambda o: preheat.parse(f"transformers: cosine(power={o.power!r}) {o.total} to {o.low!r}"),
    ),
    Peer(
        "exponential_decay",
        plain,
        over(
            lambda o: optax.exponential_decay(
                o.lr, o.every, o.rate, o.begin, staircase=o.staircase, end_value=o.low * o.lr
            )
        ),
        lambda o: preheat.parse(
            f"transformers: hold {o.begin} at 1"
            f" > exponential(rate={o.rate!r}, steps={o.every}, staircase={str(o.staircase).lower()}) forever"
        ).clip(floor=o.low),
    ),
    Peer(
        "warmup_constant_schedule",
        warm,
        over(lambda o: optax.warmup_constant_schedule(o.lr * o.start, o.lr, o.warmup)),
        lambda o: preheat.parse(f"transformers: warmup {o.warmup} from {o.start!r} > hold forever"),
    ),
    Peer(
        "warmup_cosine_decay_schedule",  # its decay_steps is the whole run
        warm,
        over(
            lambda o: optax.warmup_cosine_decay_schedule(o.lr * o.start, o.lr, o.warmup, o.total, o.lr * o.low, o.power)
        ),
        lambda o: preheat.parse(
            f"transformers: warmup {o.warmup} from {o.start!r} > cosine(power={o.power!r}) to {o.low!r}"
        ).over(o.total),
    ),
    Peer(
        "warmup_exponential_decay_schedule",
        warm,
        over(lambda o: optax.warmup_exponential_decay_schedule(o.lr * o.start, o.lr, o.warmup, o.every, o.rate)),
        lambda o: preheat.parse(
            f"transformers: warmup {o.warmup} from {o.start!r} > exponential(rate={o.rate!r}, steps={o.every}) forever"
        ),
    ),
    Peer(
        "cosine_onecycle_schedule",  # its peak is at int(pct T), its end at T: torch's are one update earlier
        one_cycle,
        over(lambda o: optax.cosine_onecycle_schedule(o.total, o.lr, o.share, o.div, o.final_div)),
        lambda o: preheat.get_schedule(
            "piecewise",
            milestones=[0, int(o.share * o.total), o.total],
            values=[1 / o.div, 1, 1 / (o.div * o.final_div)],
            shape="cosine",
        ),
    ),
    Peer(
        "linear_onecycle_schedule",
        one_cycle,
        over(lambda o: optax.linear_onecycle_schedule(o.total, o.lr, o.share, o.share_final, o.div, o.final_div)),
        lambda o: preheat.get_schedule(
            "piecewise",
            milestones=[0, int(o.share * o.total), int(o.share_final * o.total), o.total],
            values=[1 / o.div, 1, 1 / o.div, 1 / (o.div * o.final_div)],
        ),
    ),
    Peer("sgdr_schedule", cycles, over(optax_cycles), our_cycles),
    Peer(
        "piecewise_constant_schedule",  # it changes at the boundary itself
        knots,
        over(lambda o: optax.piecewise_constant_schedule(o.lr, dict(zip(o.boundaries, o.scales, strict=True)))),
        lambda o: steps(o.boundaries, cumulative(o.scales)),
    ),
    *(
        Peer(
            f"piecewise_interpolate_schedule {shape}",
            knots,
            over(
                lambda o, shape=shape: optax.piecewise_interpolate_schedule(
                    shape, o.lr, dict(zip(o.boundaries, o.scales, strict=True))
                )
            ),
            lambda o, shape=shape: preheat.get_schedule(
                "piecewise", milestones=[0, *o.boundaries], values=cumulative(o.scales), shape=shape
            ),
        )
        for shape in ("linear", "cosine")
    ),
    Peer(
        "join_schedules",
        warm,
        over(
            lambda o: optax.join_schedules(
                [
                    optax.cosine_decay_schedule(o.lr, o.total),
                    optax.exponential_decay(o.low * o.lr, o.every, o.rate),
                    optax.linear_schedule(o.lr, 0.0, o.every),
                ],
                [o.warmup, o.warmup + 30],
            )
        ),
        lambda o: (
            preheat.get_schedule("cosine", total=o.total).until(o.warmup)
            >> (o.low * preheat.get_schedule("exponential", rate=o.rate, steps=o.every)).until(30)
            >> preheat.parse(f"transformers: linear {o.every} from 1 to 0")
        ),
    ),
]
KERAS = [
    Peer(
        "CosineDecay",
        plain,
        over(lambda o: keras_schedules.CosineDecay(o.lr, o.total, o.low)),
        lambda o: preheat.get_schedule("cosine_with_min_lr", total=o.total, min_lr_rate=o.low),
    ),
    Peer(
        "CosineDecay with warm-up",  # its decay_steps leaves the warm-up out
        warm,
        over(
            lambda o: keras_schedules.CosineDecay(
                o.lr * o.start, o.total, o.low, warmup_target=o.lr, warmup_steps=o.warmup
            )
        ),
        lambda o: preheat.parse(f"transformers: warmup {o.warmup} from {o.start!r} > cosine {o.total} to {o.low!r}"),
    ),
    Peer(
        "CosineDecayRestarts",
        restarts,
        over(lambda o: keras_schedules.CosineDecayRestarts(o.lr, o.every, o.growth, o.scale, o.low)),
        lambda o: preheat.get_schedule("sgdr", period=o.every, growth=o.growth, scale=o.scale, floor=o.low),
    ),
    Peer(
        "PolynomialDecay",
        plain,
        over(lambda o: keras_schedules.PolynomialDecay(o.lr, o.total, o.lr * o.low, o.power)),
        lambda o: preheat.get_schedule("polynomial", total=o.total, lr_end=o.low, power=o.power),
    ),
    Peer(
        "PolynomialDecay cycling",
        plain,
        over(lambda o: keras_schedules.PolynomialDecay(o.lr, o.total, o.lr * o.low, o.power, cycle=True)),
        polynomial_cycle,
    ),
    Peer(
        "ExponentialDecay",
        plain,
        over(lambda o: keras_schedules.ExponentialDecay(o.lr, o.every, o.rate, o.staircase)),
        lambda o: preheat.get_schedule("exponential", steps=o.every, rate=o.rate, staircase=o.staircase),
    ),
    Peer(
        "InverseTimeDecay",  # its staircase has no counterpart
        plain,
        over(lambda o: keras_schedules.InverseTimeDecay(o.lr, o.every, o.rate)),
        lambda o: preheat.get_schedule("inverse_time", timescale=o.every / o.rate),
    ),
    Peer(
        "PiecewiseConstantDecay",  # it changes one update after the boundary, so ours are one later
        knots,
        over(lambda o: keras_schedules.PiecewiseConstantDecay(o.boundaries, [o.lr * value for value in o.values])),
        lambda o: steps([boundary + 1 for boundary in o.boundaries], o.values),
    ),
]


@pytest.mark.parametrize("peer", OPTAX, ids=ids(OPTAX))
def test_equals_the_optax_schedule_at_every_update(peer):
    """Within float32 as installed, and within 1e-12 of the peak in float64."""
    assert worst(peer, DRAWS) <= FLOAT32
    with jax.enable_x64(True):
        assert worst(peer, DRAWS) <= FLOAT64


@pytest.mark.parametrize("peer", KERAS, ids=ids(KERAS))
def test_equals_the_keras_schedule_at_every_update(peer):
    """Within float32 as installed, and within 1e-12 of the peak in float64; its cosines are float32 in both."""
    if peer.name != "PolynomialDecay cycling":  # which, in float32, may take the end of a cycle for the next one
        assert worst(peer, DRAWS) <= FLOAT32
    with jax.enable_x64(True):
        assert worst(peer, DRAWS) <= (FLOAT32 if peer.name.startswith("CosineDecay") else FLOAT64)


def test_keras_optimizers_use_the_schedule_at_the_completed_updates():
    """Update k of a Keras optimizer reads its schedule at k, as ours: no shift between the two."""
    schedule = preheat.parse("transformers: warmup 3 > cosine 5 to 0.1")
    keras_schedule = keras_schedules.CosineDecay(0.0, 5, 0.1, warmup_target=1.0, warmup_steps=3)
    optimizer = keras.optimizers.SGD(keras_schedule)
    weight = keras.Variable(jnp.zeros(()))
    optimizer.build([weight])
    for position in range(12):
        before = float(weight.value)
        optimizer.apply([jnp.ones(())])
        assert before - float(weight.value) == pytest.approx(schedule(position), abs=FLOAT32)
