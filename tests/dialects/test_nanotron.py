"""nanotron's schedule: rates of nanotron 0.4's own lr_scheduler_builder in November 2026, asked as LambdaLR asks."""

import pytest

from preheat.dialects import detect, read
from preheat.errors import PreheatError
from support.recorded_rates import assert_runs_at

BASE = {"learning_rate": 1.0, "lr_warmup_steps": 10, "lr_warmup_style": "linear", "min_decay_lr": 0.1}
STABLE = {"lr_decay_starting_step": 80}
MEASURED = [
    ({}, (0, 0.1, 0.9, 1, 0.99, 0.55, 0.12, 0.11, 0.1, 0.1)),
    ({"lr_decay_style": "cosine"}, (0, 0.1, 0.9, 1, 0.99972587, 0.55, 0.10109618, 0.10027413, 0.1, 0.1)),
    (
        {"lr_decay_style": "cosine", "lr_decay_steps": 50},
        (0, 0.1, 0.9, 1, 0.99911203, 0.12202457, 0.1, 0.1, 0.1, 0.1),
    ),
    ({**STABLE, "lr_decay_steps": 20}, (0, 0.1, 0.9, 1, 1, 1, 0.19, 0.145, 0.1, 0.1)),
    (STABLE, (0, 0.1, 0.9, 1, 1, 1, 0.82, 0.81, 0.8, 0.79)),  # 90 updates from 80 on: it does not arrive
    (
        {"lr_decay_starting_step": 5, "lr_decay_steps": 50},
        (0, 0.1, 0.9, 1, 0.892, 0.1, 0.1, 0.1, 0.1, 0.1),
    ),
    ({"lr_warmup_style": "constant"}, (1, 1, 1, 1, 0.99, 0.55, 0.12, 0.11, 0.1, 0.1)),
    ({"lr_warmup_steps": 0}, (0, 0.991, 0.919, 0.91, 0.901, 0.505, 0.118, 0.109, 0.1, 0.1)),
    ({"min_decay_lr": None}, (0, 0.1, 0.9, 1, 1, 1, 1, 1, 1, 1)),
    ({"lr_decay_steps": 0}, (0, 0.1, 0.9, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)),
]


def config(own):
    section = {**BASE, **own}
    return {"optimizer": {"zero_stage": 0, "learning_rate_scheduler": section}, "tokens": {"train_steps": 100}}


@pytest.mark.parametrize(("own", "rates"), MEASURED)
def test_the_rates_are_those_nanotron_used(own, rates):
    found = read(config(own))
    assert (found.total, found.base_lr) == (100, 1.0)
    assert_runs_at(found, rates)


def test_one_minus_sqrt_falls_fast_then_slowly():
    """1 - ((n - start) / length)^1/2, as helpers.py writes it: half of the way down after a quarter of the decay."""
    section = {"learning_rate": 0.003, "lr_warmup_steps": 50, "lr_warmup_style": "linear", "min_decay_lr": 0}
    decay = {"lr_decay_style": "1-sqrt", "lr_decay_starting_step": 800, "lr_decay_steps": 200}
    found = read({"optimizer": {"learning_rate_scheduler": {**section, **decay}}, "tokens": {"train_steps": 1000}})
    rates = (0, 0.0015, 0.003, 0.003, 0.003, 0.0015, 0.000401923788647, 7.509398511e-06, 0)
    assert_runs_at(found, rates, (0, 25, 50, 799, 800, 850, 950, 999, 1000), scale=1e-6)


def test_the_section_alone_is_enough():
    assert detect(BASE) == "nanotron"
    assert read(BASE, total=100).schedule == read(config({})).schedule


@pytest.mark.parametrize(
    ("own", "note"),
    [
        ({"min_decay_lr": None}, "nothing decays"),
        ({"lr_warmup_steps": 0}, "runs update 0 at 0"),
        (STABLE, "the decay ends at update 170, after the run's 100"),
        ({"lr_decay_starting_step": 5}, "the decay starts at update 5, inside the warm-up"),
    ],
)
def test_notes_say_what_nanotron_does_in_silence(own, note):
    assert any(note in found for found in read(config(own)).notes)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"lr_warmup_style": None}, "lr_warmup_style must be given; got None"),
        ({"lr_decay_style": "cosin"}, "lr_decay_style must be one .*; got 'cosin'. Did you mean 'cosine'"),
        ({"lr_warmup_steps": 100}, "lr_warmup_steps must be below 100 updates; got 100"),
        ({"lr_warmup_steps": 0, "lr_decay_steps": 0}, "lr_decay_steps must be above 0 without a warm-up; got 0"),
        ({"min_decay_lr": 2}, "min_decay_lr must be at most the peak, 1.0; got 2"),
        ({"lr_decay_step": 5}, "lr_decay_step must be a field.*Did you mean 'lr_decay_steps'"),
    ],
)
def test_refusals_name_the_field(own, message):
    with pytest.raises(PreheatError, match=message):
        read(config(own))
