"""Values equal those of the installed transformers, over 0..T, for hundreds of drawn parameter sets a name."""

import random

import numpy as np
import pytest
import torch
from transformers import SchedulerType, optimization

import preheat
from preheat.schedule.named import ARTICLE_NAMES

DRAWS = 500
SHAPES = ("linear", "cosine", "1-sqrt")


def cycles(draw):
    return {"num_cycles": draw.choice([0.5, 1, 1.5, 2, 3, draw.uniform(0.05, 5)])}


def floor(draw):
    rate = draw.choice([0.0, 0.1, 1.0, draw.random()])
    return {"min_lr_rate": rate} if draw.random() < 0.5 else {"min_lr": rate * 1e-3}


def early(draw):
    return {**cycles(draw), **floor(draw), "warmup_lr_rate": draw.choice([None, 0.0, 1.0, draw.random()])}


def powers(draw):
    return {"power": draw.choice([1.0, 2, 0.5, draw.uniform(0.05, 6)]), "lr_end": draw.choice([0.0, 1e-7, 5e-4])}


def phases(draw):
    return {
        "warmup_type": draw.choice(SHAPES),
        "decay_type": draw.choice(SHAPES),
        "min_lr_ratio": draw.choice([0.0, 0.1, draw.random()]),
        **cycles(draw),
    }


OPTIONS = {
    "constant": lambda draw: {},
    "constant_with_warmup": lambda draw: {},
    "linear": lambda draw: {},
    "cosine": cycles,
    "cosine_with_restarts": cycles,
    "polynomial": powers,
    "inverse_sqrt": lambda draw: {"timescale": draw.choice([None, 1, 50, draw.uniform(0.5, 1000)])},
    "cosine_with_min_lr": lambda draw: {**cycles(draw), **floor(draw)},
    "cosine_warmup_with_min_lr": early,
    "warmup_stable_decay": phases,
}


def oracle(name, warmup, total, options, lr=1e-3):
    """transformers' factors over 0..total, through its own factory."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)
    made = optimization.get_scheduler(name, optimizer, warmup, total, options)
    return [float(made.lr_lambdas[0](position)) for position in range(total + 1)]


def draw_counts(draw):
    total = draw.choice([1, 2, 3, draw.randint(1, 40), draw.randint(1, 400)])
    return draw.choice([0, 1, total - 1, draw.randint(0, total - 1)]) % total, total


@pytest.mark.parametrize("name", [*ARTICLE_NAMES, *OPTIONS])
def test_values_equal_transformers(name):
    """Bit for bit for the article's five, within 1e-15 of the peak for the rest; arrays within 1e-15 of scalars."""
    theirs = ARTICLE_NAMES.get(name, name)
    exact = theirs in ARTICLE_NAMES.values()
    draw = random.Random(name)
    for _ in range(DRAWS):
        warmup, total = draw_counts(draw)
        options = OPTIONS[theirs](draw)
        if theirs == "constant":
            warmup = 0
        if theirs == "warmup_stable_decay":
            options["num_decay_steps"] = draw.randint(0, total - warmup)
        schedule = preheat.get_schedule(name.upper(), warmup=warmup, total=total, lr=1e-3, **options)
        # cosine_warmup_with_min_lr ends at update T - 1, and transformers rises again at T already
        last = total if theirs == "cosine_warmup_with_min_lr" else total + 1
        expected = oracle(theirs, warmup, total, options)[:last]

        scalars = [schedule(position) for position in range(last)]
        array = schedule(np.arange(last))

        worst = max(abs(ours - value) for ours, value in zip(scalars, expected, strict=True))
        assert worst <= (0 if exact else 1e-15), (warmup, total, options)
        assert np.abs(array - scalars).max() <= 1e-15, (warmup, total, options)
        assert schedule(total + 1) == schedule(total) == schedule(10 * total + 7)


def test_every_name_of_transformers_is_known_or_metric_driven():
    """A name added to SchedulerType shows up here."""
    for member in SchedulerType:
        if member.value in ("reduce_lr_on_plateau", "greedy"):
            with pytest.raises(preheat.ScheduleError, match="follows a metric"):
                preheat.get_schedule(member.value)
        else:
            assert member.value in preheat.SCHEDULE_NAMES


def test_golden_numbers_of_the_survey():
    """P=1, W=10, T=100: the values printed in the field's own code, to five digits."""
    golden = {
        ("linear",): [0, 0.1, 0.9, 1, 0.98889, 0.5, 0.02222, 0.01111, 0, 0],
        ("cosine",): [0, 0.1, 0.9, 1, 0.99970, 0.5, 0.00122, 0.00030, 0, 0],
        ("cosine_with_min_lr", ("min_lr_rate", 0.1)): [0, 0.1, 0.9, 1, 0.99973, 0.55, 0.10110, 0.10027, 0.1, 0.1],
        ("cosine_warmup_with_min_lr", ("min_lr_rate", 0.1)): [
            *(0.1, 0.2, 1, 0.99973, 0.99890, 0.53430, 0.10027, 0.1),
            *(0.1, 0.1),
        ],
        ("cosine_with_restarts", ("num_cycles", 2)): [0, 0.1, 0.9, 1, 0.99878, 1, 0.00487, 0.00122, 0, 0],
        ("warmup_stable_decay", ("num_decay_steps", 20)): [0, 0.1, 0.9, 1, 1, 1, 0.02447, 0.00616, 0, 0],
    }
    for (name, *options), expected in golden.items():
        schedule = preheat.get_schedule(name, warmup=10, total=100, **dict(options))
        got = [round(schedule(position), 5) for position in (0, 1, 9, 10, 11, 55, 98, 99, 100, 101)]
        assert got == expected, name


def test_float_options_keep_cosine_ends_exact():
    """The end of a single descent is exactly 0, never a rounding error below it."""
    for total in range(2, 60):
        schedule = preheat.get_schedule("cosine", warmup=1, total=total)
        assert schedule(total) == 0.0
        assert min(schedule(np.arange(3 * total))) >= 0.0
