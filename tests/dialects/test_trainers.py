"""The dialects that call transformers' own functions: LLaMA-Factory, sentence-transformers, diffusers."""

import numpy as np
import pytest
import torch
import transformers

from preheat.dialects import read
from preheat.errors import PreheatError

UPDATES = 100


def real(make, *arguments, **options):
    """The rates of a transformers function at every update, from 0.1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make(optimizer, *arguments, **options)
    rates = []
    for _ in range(UPDATES):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


def same(found, expected):
    base = found.base_lr or 0.1
    np.testing.assert_allclose(base * found.schedule(np.arange(UPDATES)), expected, rtol=1e-12, atol=1e-18)


# What sentence_transformers 6.2 calls for each name (FitMixin._get_scheduler).
FIT = {
    "ConstantLR": lambda warmup: real(transformers.get_constant_schedule),
    "WarmupConstant": lambda warmup: real(transformers.get_constant_schedule_with_warmup, warmup),
    "WarmupLinear": lambda warmup: real(transformers.get_linear_schedule_with_warmup, warmup, UPDATES),
    "WarmupCosine": lambda warmup: real(transformers.get_cosine_schedule_with_warmup, warmup, UPDATES),
    "WarmupCosineWithHardRestarts": lambda warmup: real(
        transformers.get_cosine_with_hard_restarts_schedule_with_warmup, warmup, UPDATES
    ),
}


@pytest.mark.parametrize("name", FIT)
@pytest.mark.parametrize("warmup", [0, 7])
def test_fit_has_the_rates_of_the_functions_it_calls(name, warmup):
    """Any letter case, as fit() lowers it."""
    config = {"scheduler": name.lower(), "warmup_steps": warmup, "optimizer_params": {"lr": 0.1}}
    found = read({**config, "steps_per_epoch": UPDATES})
    assert (found.dialect, found.total) == ("sentence-transformers", UPDATES)
    same(found, FIT[name](warmup))


def test_fit_counts_whole_batches_and_has_its_defaults():
    """103 rows in batches of 10, 10 epochs: the schedule is shaped for 100 updates, the run takes 110."""
    found = read({"scheduler": "WarmupLinear", "warmup_steps": 5, "batch_size": 10, "epochs": 10}, examples=103)
    assert (found.total, found.base_lr, found.schedule(100)) == (100, 2e-5, 0.0)
    assert any("incomplete batches" in note for note in found.notes)
    assert any("2e-5" in note for note in found.notes)


def test_fits_own_warm_up_of_10000_updates_is_refused_in_a_short_run():
    with pytest.raises(PreheatError, match="warmup must be below total=300; got 10000"):
        read({"scheduler": "WarmupLinear", "steps_per_epoch": 300})
    with pytest.raises(PreheatError, match="Did you mean 'WarmupCosine'"):
        read({"scheduler": "WarmupCosin"}, "sentence-transformers", total=9)


# The measured rates of piecewise_constant are diffusers 0.42.1's own; all seven names agreed at every update.
AT, RULES = (0, 9, 10, 49, 50, 99), (0.1, 0.1, 0.01, 0.01, 0.001, 0.001)
NAMES = {
    "constant_with_warmup": (transformers.get_constant_schedule_with_warmup, {}),
    "linear": (transformers.get_linear_schedule_with_warmup, {}),
    "cosine": (transformers.get_cosine_schedule_with_warmup, {}),  # lr_num_cycles does not reach it
    "cosine_with_restarts": (transformers.get_cosine_with_hard_restarts_schedule_with_warmup, {"num_cycles": 3}),
    "polynomial": (transformers.get_polynomial_decay_schedule_with_warmup, {"power": 2.0}),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("warmup", [0, 7])
def test_diffusers_has_the_rates_of_transformers(name, warmup):
    make, options = NAMES[name]
    config = {"lr_scheduler": name, "lr_warmup_steps": warmup, "lr_num_cycles": 3, "lr_power": 2.0}
    found = read({**config, "learning_rate": 0.1, "max_train_steps": UPDATES})
    assert found.dialect == "diffusers"
    lengths = (warmup,) if name == "constant_with_warmup" else (warmup, UPDATES)
    same(found, real(make, *lengths, **options))


def test_rules_of_diffusers_hold_below_their_update():
    found = read({"name": "piecewise_constant", "step_rules": "1:10,0.1:50,0.01", "learning_rate": 0.1})
    np.testing.assert_allclose(0.1 * found.schedule(np.array(AT)), RULES)
    script = read("--lr_scheduler constant --lr_warmup_steps 0 --learning_rate 1e-5 --max_train_steps 800")
    assert (script.dialect, script.base_lr, script.total, script.schedule(0)) == ("diffusers", 1e-5, 800, 1.0)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "piecewise_constant", "step_rules": "1:10,x"}, "factor:update pairs and a last factor; got '1:10,x'"),
        ({"name": "piecewise_constant"}, "step_rules must be given"),
        ({"lr_scheduler": "cosin", "lr_warmup_steps": 3}, "Did you mean 'cosine'"),
        ({"lr_scheduler": "polynomial", "lr_warmup_steps": 3}, "polynomial ends at a rate of 1e-7"),
        ({"lr_scheduler": "linear"}, "warmup must be below total=100; got 500"),
    ],
)
def test_diffusers_refusals_name_the_field(config, message):
    with pytest.raises(PreheatError) as caught:
        read(config, "diffusers", total=100)
    assert message in str(caught.value)


def test_llama_factory_fills_what_transformers_asks_for():
    """Warm-up 10 of 100: 30 stable (90 // 3), 60 of decay; bare transformers refuses the same file."""
    config = {"stage": "sft", "learning_rate": 0.1, "lr_scheduler_type": "warmup_stable_decay", "warmup_ratio": 0.1}
    found = read(config, total=100)
    assert found.dialect == "llama-factory"
    same(found, real(transformers.get_wsd_schedule, 10, 60, num_stable_steps=30))
    assert "LLaMA-Factory adds num_stable_steps=30, num_decay_steps=60: a third stable, the rest decay" in found.notes
    with pytest.raises(PreheatError, match="num_decay_steps must be given"):
        read(config, "transformers", total=100)
    own = read({**config, "lr_scheduler_kwargs": {"num_decay_steps": 20}}, total=100)
    same(own, real(transformers.get_wsd_schedule, 10, 20, num_stable_steps=30))  # and the floor for the last 40
    assert "the phases take 60 updates, the run 100" in own.notes


def test_llama_factory_is_transformers_otherwise():
    text = "stage: sft\nfinetuning_type: lora\nlearning_rate: 0.1\nlr_scheduler_type: cosine\nwarmup_ratio: 0.1\n"
    found = read(text, total=100)
    assert found.dialect == "llama-factory"
    same(found, real(transformers.get_cosine_schedule_with_warmup, 10, UPDATES))
