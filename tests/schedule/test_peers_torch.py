"""Our schedules beside torch's own schedulers, transformers' GreedyLR and pytorch_warmup, at every update.

Each row says how a user of preheat writes the peer's scheduler. torch walks from one learning rate to the next, so its
values carry the rounding of all updates before; where it has a closed form too, that is held as well.
"""

import math
import random
import warnings
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_warmup
import torch
from torch.optim import lr_scheduler as theirs
from transformers.optimization import GreedyLR

import preheat
from support.peers import Peer, ids, worst

TOLERANCE = 1e-12
BETAS = (0.9, 0.999)


def optimizer_of(lr: float, betas: tuple[float, float] = BETAS) -> torch.optim.Optimizer:
    return torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=lr, betas=betas)


def walk(make: Callable[..., Any], read: Callable[[dict], float] = lambda group: group["lr"]) -> Callable[..., Any]:
    """What the optimizer's group holds at every update while the scheduler of ``make(optimizer, o)`` is stepped."""

    def values(o: Any) -> list[float]:
        optimizer = optimizer_of(getattr(o, "lr", 1.0))
        scheduler = make(optimizer, o)
        rates = []
        for _ in range(o.updates):
            rates.append(read(optimizer.param_groups[0]))
            optimizer.step()
            scheduler.step()
        return rates

    return values


def closed(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same of the scheduler's closed form."""

    def values(o: Any) -> list[float]:
        scheduler = make(optimizer_of(o.lr), o)
        rates = []
        for position in range(o.updates):
            scheduler.last_epoch = position
            rates.append(scheduler._get_closed_form_lr()[0])
        return rates

    return values


def momentum(group: dict) -> float:
    return group["betas"][0]


def rate(draw: random.Random) -> float:
    return 10 ** draw.uniform(-5, 0)


def step(draw):
    return {"lr": rate(draw), "every": draw.randint(1, 40), "gamma": draw.uniform(0.1, 1)}


def multistep(draw):
    return {
        "lr": rate(draw),
        "gamma": draw.uniform(0.05, 1),
        "milestones": sorted(draw.sample(range(1, 150), draw.randint(1, 6))),
    }


def stretch(draw):
    return {"lr": rate(draw), "total": draw.randint(1, 140), "start": draw.uniform(0.01, 1), "end": draw.random()}


def polynomial(draw):
    return {"lr": rate(draw), "total": draw.randint(1, 140), "power": draw.choice([1.0, 2.0, draw.uniform(0.2, 4)])}


def cosine(draw):
    lr, total = rate(draw), draw.randint(1, 140)
    # torch rises again past T_max; ours holds
    return {"lr": lr, "total": total, "least": lr * draw.choice([0.0, draw.random()]), "updates": total + 1}


def restarts(growth, draw):
    lr = rate(draw)
    return {"lr": lr, "period": draw.randint(1, 30), "growth": growth, "least": lr * draw.choice([0, draw.random()])}


def cyclic(draw):
    lr = rate(draw)
    return {
        "lr": lr,
        "low": lr * draw.random(),
        "up": draw.randint(1, 30),
        "down": draw.choice([None, draw.randint(1, 30)]),
        "gamma": draw.uniform(0.9, 1),
        "base_momentum": draw.uniform(0.5, 0.85),
        "max_momentum": draw.uniform(0.85, 0.99),
    }


def one_cycle(three_phase, draw):
    total = draw.randint(12, 150)
    return {
        "lr": rate(draw),
        "total": total,
        "share": draw.uniform(0.2, 0.45 if three_phase else 0.9),
        "strategy": draw.choice(["cos", "linear"]),
        "div": draw.uniform(1, 50),
        "final_div": draw.uniform(1, 1e5),
        "three_phase": three_phase,
        "base_momentum": draw.uniform(0.5, 0.85),
        "max_momentum": draw.uniform(0.85, 0.99),
        "updates": total,  # torch rises again at T and raises past it; ours holds
    }


def warm_then_cosine(draw):
    warmup = draw.randint(1, 40)
    options = cosine(draw)
    return {**options, "warmup": warmup, "start": draw.uniform(0.01, 1), "updates": warmup + options["updates"]}


def anneal(draw):
    lr = rate(draw)
    return {
        "lr": lr,
        "epochs": draw.randint(1, 100),
        "low": lr * draw.random(),
        "shape": draw.choice(["cos", "linear"]),
    }


def make_cyclic(mode, optimizer, o):
    return theirs.CyclicLR(
        optimizer, o.low, o.lr, o.up, o.down, mode, o.gamma,
        base_momentum=o.base_momentum, max_momentum=o.max_momentum,
    )  # fmt: skip


def make_one_cycle(optimizer, o):
    return theirs.OneCycleLR(
        optimizer, o.lr, o.total, pct_start=o.share, anneal_strategy=o.strategy, div_factor=o.div,
        final_div_factor=o.final_div, three_phase=o.three_phase,
        base_momentum=o.base_momentum, max_momentum=o.max_momentum,
    )  # fmt: skip


def make_sequential(optimizer, o):
    warmup = theirs.LinearLR(optimizer, start_factor=o.start, total_iters=o.warmup)
    with warnings.catch_warnings():  # torch's own constructor steps its parts in a way torch deprecates
        warnings.simplefilter("ignore", UserWarning)
        cosine = theirs.CosineAnnealingLR(optimizer, o.total, o.least)
        return theirs.SequentialLR(optimizer, [warmup, cosine], milestones=[o.warmup])


def our_one_cycle(o):
    return preheat.get_schedule(
        "one_cycle", total=o.total, pct_start=o.share, div_factor=o.div, final_div_factor=o.final_div,
        shape={"cos": "cosine", "linear": "linear"}[o.strategy], three_phase=o.three_phase,
    )  # fmt: skip


def our_one_cycle_momentum(o):
    return preheat.get_schedule(
        "one_cycle_momentum", total=o.total, pct_start=o.share, base_momentum=o.base_momentum,
        max_momentum=o.max_momentum, shape={"cos": "cosine", "linear": "linear"}[o.strategy],
        three_phase=o.three_phase,
    )  # fmt: skip


def our_cyclic_momentum(scale, o):
    """The wave of the rate upside down: from 1 to the lowest share and back, its depth below 1 scaled."""
    low, down = o.base_momentum / o.max_momentum, o.up if o.down is None else o.down
    wave = preheat.parse(f"transformers: linear {o.up} from 1 to {low!r} > linear {down} from {low!r} to 1")
    return wave.repeat(scale=scale, floor=1.0)


def of_max_momentum(o):
    return o.max_momentum


WALKED = [
    Peer(
        "StepLR",
        step,
        walk(lambda optimizer, o: theirs.StepLR(optimizer, o.every, o.gamma)),
        lambda o: preheat.get_schedule("step", steps=o.every, rate=o.gamma),
    ),
    Peer(
        "MultiStepLR",
        multistep,
        walk(lambda optimizer, o: theirs.MultiStepLR(optimizer, o.milestones, o.gamma)),
        lambda o: preheat.get_schedule("multistep", total=200, milestones=o.milestones, rate=o.gamma),
    ),
    Peer(
        "ConstantLR",
        stretch,
        walk(lambda optimizer, o: theirs.ConstantLR(optimizer, o.start, o.total)),
        lambda o: preheat.parse(f"hold {o.total} at {o.start!r} > hold forever at 1"),
    ),
    Peer(
        "LinearLR",
        stretch,
        walk(lambda optimizer, o: theirs.LinearLR(optimizer, o.start, o.end, o.total)),
        lambda o: preheat.parse(f"transformers: linear {o.total} from {o.start!r} to {o.end!r}"),
    ),
    Peer(
        "ExponentialLR",
        step,
        walk(lambda optimizer, o: theirs.ExponentialLR(optimizer, o.gamma)),
        lambda o: preheat.get_schedule("exponential", rate=o.gamma),
    ),
    Peer(
        "PolynomialLR",
        polynomial,
        walk(lambda optimizer, o: theirs.PolynomialLR(optimizer, o.total, o.power)),
        lambda o: preheat.get_schedule("polynomial", total=o.total, power=o.power, lr_end=0.0),
    ),
    Peer(
        "CosineAnnealingLR",
        cosine,
        walk(lambda optimizer, o: theirs.CosineAnnealingLR(optimizer, o.total, o.least)),
        lambda o: preheat.get_schedule("cosine_with_min_lr", total=o.total, min_lr=o.least, lr=o.lr),
    ),
    *(
        Peer(
            f"CosineAnnealingWarmRestarts T_mult={growth}",
            partial(restarts, growth),
            walk(lambda optimizer, o: theirs.CosineAnnealingWarmRestarts(optimizer, o.period, o.growth, o.least)),
            lambda o: preheat.get_schedule("sgdr", period=o.period, growth=o.growth, floor=o.least / o.lr),
        )
        for growth in (1, 2, 3)
    ),
    *(
        Peer(
            f"CyclicLR {mode}",
            cyclic,
            walk(partial(make_cyclic, mode)),
            lambda o, mode=mode: preheat.get_schedule(
                mode, up=o.up, down=o.down, floor=o.low / o.lr, **({"rate": o.gamma} if mode == "exp_range" else {})
            ),
        )
        for mode in ("triangular", "triangular2", "exp_range")
    ),
    *(
        Peer(
            f"CyclicLR {mode} momentum",
            cyclic,
            walk(partial(make_cyclic, mode), momentum),
            partial(our_cyclic_momentum, scale),
            of_max_momentum,
        )
        for mode, scale in (("triangular", 1.0), ("triangular2", 0.5))
    ),
    *(
        Peer(f"OneCycleLR {phases}", partial(one_cycle, phases == "three phases"), walk(make_one_cycle), our_one_cycle)
        for phases in ("two phases", "three phases")
    ),
    *(
        Peer(
            f"OneCycleLR {phases} momentum",
            partial(one_cycle, phases == "three phases"),
            walk(make_one_cycle, momentum),
            our_one_cycle_momentum,
            of_max_momentum,
        )
        for phases in ("two phases", "three phases")
    ),
    Peer(
        "SequentialLR of LinearLR and CosineAnnealingLR",
        warm_then_cosine,
        walk(make_sequential),
        lambda o: preheat.parse(
            f"transformers: warmup {o.warmup} from {o.start!r} > cosine {o.total} to {o.least / o.lr!r}"
        ),
    ),
    Peer(
        "ChainedScheduler of ConstantLR and ExponentialLR",
        lambda draw: {**stretch(draw), "gamma": draw.uniform(0.9, 1)},
        walk(
            lambda optimizer, o: theirs.ChainedScheduler(
                [theirs.ConstantLR(optimizer, o.start, o.total), theirs.ExponentialLR(optimizer, o.gamma)]
            )
        ),
        lambda o: (
            preheat.parse(f"(hold {o.total} at {o.start!r} > hold forever at 1)")
            * preheat.get_schedule("exponential", rate=o.gamma)
        ),
    ),
    Peer(
        "SWALR",
        anneal,
        walk(lambda optimizer, o: torch.optim.swa_utils.SWALR(optimizer, o.low, o.epochs, o.shape)),
        lambda o: preheat.parse(
            f"transformers: {'cosine' if o.shape == 'cos' else 'linear'} {o.epochs} to {o.low / o.lr!r}"
        ),
    ),
]
CLOSED = [
    Peer(
        "StepLR",
        lambda draw: {**step(draw), "updates": 3000},
        closed(lambda optimizer, o: theirs.StepLR(optimizer, o.every, o.gamma)),
        lambda o: preheat.get_schedule("step", steps=o.every, rate=o.gamma),
    ),
    Peer(
        "MultiStepLR",
        multistep,
        closed(lambda optimizer, o: theirs.MultiStepLR(optimizer, o.milestones, o.gamma)),
        lambda o: preheat.get_schedule("multistep", total=200, milestones=o.milestones, rate=o.gamma),
    ),
    Peer(
        "ConstantLR",
        stretch,
        closed(lambda optimizer, o: theirs.ConstantLR(optimizer, o.start, o.total)),
        lambda o: preheat.parse(f"hold {o.total} at {o.start!r} > hold forever at 1"),
    ),
    Peer(
        "LinearLR",
        lambda draw: {**stretch(draw), "total": draw.randint(1, 4000), "updates": 5000},
        closed(lambda optimizer, o: theirs.LinearLR(optimizer, o.start, o.end, o.total)),
        lambda o: preheat.parse(f"transformers: linear {o.total} from {o.start!r} to {o.end!r}"),
    ),
    Peer(
        "ExponentialLR",
        lambda draw: {"lr": rate(draw), "gamma": draw.uniform(0.9, 1), "updates": 3000},
        closed(lambda optimizer, o: theirs.ExponentialLR(optimizer, o.gamma)),
        lambda o: preheat.get_schedule("exponential", rate=o.gamma),
    ),
    Peer(
        "PolynomialLR",
        lambda draw: {**polynomial(draw), "total": draw.randint(1, 4000), "updates": 5000},
        closed(lambda optimizer, o: theirs.PolynomialLR(optimizer, o.total, o.power)),
        lambda o: preheat.get_schedule("polynomial", total=o.total, power=o.power, lr_end=0.0),
    ),
    Peer(
        "CosineAnnealingLR",
        lambda draw: {**cosine(draw), "total": 4000, "updates": 4001},
        closed(lambda optimizer, o: theirs.CosineAnnealingLR(optimizer, o.total, o.least)),
        lambda o: preheat.get_schedule("cosine_with_min_lr", total=o.total, min_lr=o.least, lr=o.lr),
    ),
]


@pytest.mark.parametrize("peer", WALKED, ids=ids(WALKED))
def test_equals_the_torch_scheduler_at_every_update(peer):
    """The learning rate (or momentum) torch puts into the optimizer is ours, within 1e-12 of the peak."""
    assert worst(peer) <= TOLERANCE


@pytest.mark.parametrize("peer", CLOSED, ids=ids(CLOSED))
def test_equals_the_closed_form_of_the_torch_scheduler(peer):
    """Over thousands of updates too, where torch's recursion has drifted."""
    assert worst(peer, 5) <= TOLERANCE


def dampened(make):
    """What the group holds at every update while a warm-up of pytorch_warmup dampens a constant rate."""

    def values(o):
        optimizer = optimizer_of(1.0, betas=(0.9, o.beta2))
        dampener = make(optimizer, o)
        rates = []
        for _ in range(o.updates):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            with dampener.dampening():
                pass
        return rates

    return values


def beta2(draw):
    # one length that is exact in binary floats too: see the next test for those that are not
    return {"beta2": draw.choice([0.75, 0.875, 1 - 2**-5, 1 - 2**-7, 1 - 2**-9]), "updates": 600}


WARMUPS = [
    Peer(
        "LinearWarmup",
        lambda draw: {"beta2": 0.999, "period": draw.randint(1, 200)},
        dampened(lambda optimizer, o: pytorch_warmup.LinearWarmup(optimizer, o.period)),
        lambda o: preheat.parse(f"warmup {o.period}"),
    ),
    Peer(
        "ExponentialWarmup",
        lambda draw: {"beta2": 0.999, "period": draw.randint(1, 200)},
        dampened(lambda optimizer, o: pytorch_warmup.ExponentialWarmup(optimizer, o.period)),
        lambda o: preheat.warmup("forever", "exponential", rate=math.exp(-1 / o.period)),
    ),
    Peer(
        "UntunedLinearWarmup",
        beta2,
        dampened(lambda optimizer, o: pytorch_warmup.UntunedLinearWarmup(optimizer)),
        lambda o: preheat.warmup(preheat.untuned_warmup(o.beta2)),
    ),
    Peer(
        "UntunedExponentialWarmup",
        beta2,
        dampened(lambda optimizer, o: pytorch_warmup.UntunedExponentialWarmup(optimizer)),
        lambda o: preheat.warmup("forever", "exponential", rate=math.exp(-(1 - o.beta2))),
    ),
    Peer(
        "RAdamWarmup",
        lambda draw: {"beta2": draw.choice([0.9, 0.95, 0.98, 0.99, 0.999, draw.uniform(0.61, 0.9995)])},
        dampened(lambda optimizer, o: pytorch_warmup.RAdamWarmup(optimizer)),
        lambda o: preheat.parse(f"transformers: warmup rectification(beta2={o.beta2!r}) forever"),
    ),
]


@pytest.mark.parametrize("peer", WARMUPS, ids=ids(WARMUPS))
def test_equals_pytorch_warmup_at_every_update(peer):
    """Its dampening of a constant rate is our warm-up, within 1e-12 of the peak."""
    assert worst(peer, 10) <= TOLERANCE


def test_untuned_warmup_is_one_update_longer_than_pytorch_warmup_makes_it():
    """2 / (1 - 0.999) is 2000; in binary floats it is 1999.999..., which pytorch_warmup cuts to 1999."""
    dampener = pytorch_warmup.UntunedLinearWarmup(optimizer_of(1.0))
    assert dampener.warmup_params[0]["warmup_period"] == 1999
    assert preheat.untuned_warmup(0.999) == 2000


def metrics(draw):
    """A falling, noisy loss with stretches where nothing moves, and the options of a rule."""
    checks, value, metrics = 150, draw.uniform(0.5, 5), []
    for _ in range(checks):
        value = draw.choice([value, value, value * draw.uniform(0.8, 1.01), value + draw.uniform(-0.1, 0.2)])
        metrics.append(value)
    if draw.random() < 0.5:  # round ones, as accuracies are: differences equal to the threshold happen
        metrics = [round(value, 2) for value in metrics]
    mode = draw.choice(["min", "max"])
    return {
        "lr": rate(draw),
        "metrics": metrics if mode == "min" else [-value for value in metrics],
        "mode": mode,
        "factor": draw.uniform(0.1, 0.95),
        "patience": draw.randint(0, 8),
        "threshold": draw.choice([0.0, 1e-4, 0.01, 0.05]),
        "threshold_mode": draw.choice(["rel", "abs"]),
        "cooldown": draw.randint(0, 5),
        "pause": draw.randint(0, 5),
        "least": draw.choice([0.0, 0.01, 0.3]),
        "most": draw.choice([1.0, 2.0, 10.0]),
    }


def torch_plateau(optimizer, o):
    return theirs.ReduceLROnPlateau(
        optimizer, o.mode, o.factor, o.patience, o.threshold, o.threshold_mode, o.cooldown, o.least * o.lr, eps=0.0
    )


def transformers_greedy(optimizer, o):
    return GreedyLR(
        optimizer, o.mode, o.factor, o.patience, o.threshold, o.threshold_mode, o.cooldown, o.pause,
        min_lr=o.least * o.lr, max_lr=o.most * o.lr, eps=0.0, reset_start=10**9,
    )  # fmt: skip


RULES = ("factor", "patience", "threshold", "threshold_mode", "mode", "cooldown", "least")
METRIC_DRIVEN = [
    ("ReduceLROnPlateau", torch_plateau, lambda o: preheat.plateau(**{name: getattr(o, name) for name in RULES})),
    (
        "GreedyLR",
        transformers_greedy,
        lambda o: preheat.greedy(**{name: getattr(o, name) for name in (*RULES, "most", "pause")}),
    ),
]


@pytest.mark.parametrize(("name", "make", "ours"), METRIC_DRIVEN, ids=[row[0] for row in METRIC_DRIVEN])
def test_equals_the_metric_driven_scheduler_after_every_check(name, make, ours):
    """Drawn metrics, rules and bounds: the rate after each check is ours, within 1e-12 of the peak."""
    draw = random.Random(name)
    moved = 0
    for _ in range(60):
        o = SimpleNamespace(**metrics(draw))
        optimizer = optimizer_of(o.lr)
        scheduler, schedule = make(optimizer, o), ours(o)
        for position, metric in enumerate(o.metrics):
            optimizer.step()
            scheduler.step(metric)
            schedule = schedule.report(metric, position)
            assert abs(schedule(position) - optimizer.param_groups[0]["lr"] / o.lr) <= TOLERANCE, (position, o)
        moved += len(schedule.changes)
    assert moved > 200
