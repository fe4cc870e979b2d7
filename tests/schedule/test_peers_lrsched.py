"""Our schedules beside lrsched's, the other library of schedules as pure functions, at every update."""

import lrsched
import pytest

import preheat
from support.peers import Peer, ids, worst

TOLERANCE = 1e-12


def over(make):
    """The values of the function ``make(o)`` returns at every update."""

    def values(o):
        schedule = make(o)
        return [schedule(position) for position in range(o.updates)]

    return values


def plain(draw):
    return {
        "lr": 10 ** draw.uniform(-5, 0),
        "total": draw.randint(2, 140),
        "low": draw.choice([0.0, draw.random()]),
        "power": draw.choice([1.0, 2.0, draw.uniform(0.2, 4)]),
        "every": draw.randint(1, 40),
        "rate": draw.uniform(0.1, 0.999),
        "growth": draw.randint(1, 3),
    }


def multistep(draw):
    return {**plain(draw), "milestones": sorted(draw.sample(range(1, 150), draw.randint(1, 6)))}


def three_phases(draw):
    total = draw.randint(3, 140)
    warmup = draw.randint(0, total - 1)
    return {
        **plain(draw),
        "total": total,
        "warmup": warmup,
        "decay": draw.randint(0, total - warmup),
        "start": draw.random(),
        "shape": draw.choice(["linear", "1-sqrt"]),
    }


def one_cycle(draw):
    total = draw.randint(2, 140)
    return {**plain(draw), "total": total, "share": draw.uniform(0.05, 0.95), "div": draw.uniform(1, 50)}


def two_parts(draw):
    first, second = draw.randint(1, 60), draw.randint(1, 60)
    # lrsched holds the last value used, ours the one that would have come next
    return {**plain(draw), "first": first, "second": second, "updates": first + second}


def peak_of(o):
    """The update of lrsched's peak: rounded to even, and kept inside the run."""
    return min(max(1, round(o.share * o.total)), o.total - 1)


PEERS = [
    Peer("constant", plain, over(lambda o: lrsched.constant(lr=o.lr)), lambda o: preheat.get_schedule("constant")),
    Peer(
        "step_decay",
        plain,
        over(lambda o: lrsched.step_decay(base_lr=o.lr, drop=o.rate, step_size=o.every)),
        lambda o: preheat.get_schedule("step", steps=o.every, rate=o.rate),
    ),
    Peer(
        "multi_step",
        multistep,
        over(lambda o: lrsched.multi_step(base_lr=o.lr, milestones=o.milestones, gamma=o.rate)),
        lambda o: preheat.get_schedule("multistep", total=200, milestones=o.milestones, rate=o.rate),
    ),
    Peer(
        "exponential",
        plain,
        over(lambda o: lrsched.exponential(base_lr=o.lr, gamma=o.rate)),
        lambda o: preheat.get_schedule("exponential", rate=o.rate),
    ),
    Peer(
        "exponential_decay",
        plain,
        over(lambda o: lrsched.exponential_decay(base_lr=o.lr, decay_rate=o.rate, decay_steps=o.every)),
        lambda o: preheat.get_schedule("exponential", rate=o.rate, steps=o.every),
    ),
    *(
        Peer(
            name,
            plain,
            over(
                lambda o, make=make, first=first: make(
                    **{first: o.lr}, end_lr=o.low * o.lr, total_steps=o.total, power=o.power
                )
            ),
            lambda o: preheat.get_schedule("polynomial", total=o.total, power=o.power, lr_end=o.low),
        )
        for name, make, first in (
            ("polynomial", lrsched.polynomial, "base_lr"),
            ("polynomial_decay", lrsched.polynomial_decay, "start_lr"),
        )
    ),
    Peer(
        "linear",
        plain,
        over(lambda o: lrsched.linear(base_lr=o.lr, end_lr=o.low * o.lr, total_steps=o.total)),
        lambda o: preheat.parse(f"transformers: linear {o.total} to {o.low!r}"),
    ),
    Peer(
        "cosine",
        plain,
        over(lambda o: lrsched.cosine(base_lr=o.lr, min_lr=o.low * o.lr, total_steps=o.total)),
        lambda o: preheat.get_schedule("cosine_with_min_lr", total=o.total, min_lr_rate=o.low),
    ),
    Peer(
        "cosine_restarts",
        plain,
        over(
            lambda o: lrsched.cosine_restarts(base_lr=o.lr, min_lr=o.low * o.lr, period=o.every, t_mult=o.growth),
        ),
        lambda o: preheat.get_schedule("sgdr", period=o.every, growth=o.growth, floor=o.low),
    ),
    Peer(
        "inverse_sqrt",
        plain,
        over(lambda o: lrsched.inverse_sqrt(base_lr=o.lr, warmup_steps=o.every)),
        lambda o: preheat.get_schedule("inverse_sqrt", warmup=o.every),
    ),
    Peer(
        "one_cycle",  # its peak is at round(pct T) and its end at T, torch's are one update earlier
        one_cycle,
        over(
            lambda o: lrsched.one_cycle(
                max_lr=o.lr, total_steps=o.total, pct_start=o.share, initial_div=o.div, final_div=100 * o.div
            )
        ),
        lambda o: preheat.parse(
            f"transformers: warmup cosine {peak_of(o)} from {1 / o.div!r}"
            f" > cosine {o.total - peak_of(o)} to {0.01 / o.div!r}"
        ),
    ),
    Peer(
        "warmup_stable_decay",
        three_phases,
        over(
            lambda o: lrsched.warmup_stable_decay(
                base_lr=o.lr,
                warmup_steps=o.warmup,
                decay_steps=o.decay,
                total_steps=o.total,
                final_lr=o.low * o.lr,
                warmup_start=o.start * o.lr,
                decay_shape=o.shape,
            )
        ),
        lambda o: preheat.parse(
            f"transformers: warmup {o.warmup} from {o.start!r} > hold {o.total - o.warmup - o.decay}"
            + (f" > {o.shape} {o.decay} to {o.low!r}" if o.decay else "")  # with none lrsched stays at the peak
        ),
    ),
    *(
        Peer(
            name,
            plain,
            over(
                lambda o, name=name: getattr(lrsched, name)(
                    min_lr=o.low * o.lr,
                    max_lr=o.lr,
                    step_size=o.every,
                    **({"gamma": o.rate} if name == "exp_range" else {}),
                )
            ),
            lambda o, name=name: preheat.get_schedule(
                name, up=o.every, floor=o.low, **({"rate": o.rate} if name == "exp_range" else {})
            ),
        )
        for name in ("triangular", "triangular2", "exp_range")
    ),
    Peer(
        "with_warmup",
        lambda draw: {**plain(draw), "start": draw.random()},
        over(
            lambda o: lrsched.with_warmup(
                lrsched.exponential(base_lr=o.lr, gamma=o.rate), warmup_steps=o.every, start_lr=o.start * o.lr
            )
        ),
        lambda o: preheat.parse(
            f"transformers: warmup {o.every} from {o.start!r} > exponential(rate={o.rate!r}) forever"
        ),
    ),
    Peer(
        "sequential",
        two_parts,
        over(
            lambda o: lrsched.sequential(
                [
                    (o.first, lrsched.cosine(base_lr=o.lr, min_lr=0.0, total_steps=o.total)),
                    (o.second, lrsched.exponential(base_lr=o.low * o.lr, gamma=o.rate)),
                ]
            )
        ),
        lambda o: (
            preheat.get_schedule("cosine", total=o.total).until(o.first)
            >> o.low * preheat.get_schedule("exponential", rate=o.rate)
        ),
    ),
]


@pytest.mark.parametrize("peer", PEERS, ids=ids(PEERS))
def test_equals_lrsched_at_every_update(peer):
    """Each of its schedules is one of ours, within 1e-12 of the peak, past the end too."""
    assert worst(peer) <= TOLERANCE


def test_every_schedule_of_lrsched_has_a_row():
    """A schedule it gains shows up here; its types, samples and per-group scales are no schedules."""
    others = {"Schedule", "GroupSchedule", "sample", "scale_by_group"}
    assert set(lrsched.__all__) - others == set(ids(PEERS))
