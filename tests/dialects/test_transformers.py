"""TrainingArguments against the real ones."""

import math

import numpy as np
import pytest

from preheat.dialects import read
from preheat.errors import PreheatError

OPTIONS = {
    "polynomial": {"lr_end": 1e-6, "power": 2.0},
    "cosine_with_restarts": {"num_cycles": 3},
    "cosine_with_min_lr": {"min_lr": 1e-5},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2},
    "warmup_stable_decay": {"num_decay_steps": 20, "min_lr_ratio": 0.1},
    "inverse_sqrt": {"timescale": 33},
}
NAMES = ["linear", "cosine", "constant", "constant_with_warmup", *OPTIONS]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("warmup", [0, 7, 0.07, 1.0, 1.5, 0.3])
def test_the_rates_are_those_of_the_real_trainer(name, warmup):
    """The real class counts the warm-up, the real factory makes the curve."""
    import torch
    from transformers import TrainingArguments, get_scheduler

    kwargs = OPTIONS.get(name)
    real = TrainingArguments("unused", learning_rate=1e-4, lr_scheduler_type=name, warmup_steps=warmup, max_steps=100)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    scheduler = get_scheduler(name, optimizer, real.get_warmup_steps(100), 100, scheduler_specific_kwargs=kwargs)
    expected = []
    for _ in range(100):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    config = {"learning_rate": "1e-4", "lr_scheduler_type": name, "warmup_steps": warmup, "max_steps": 100}
    found = read({**config, "lr_scheduler_kwargs": kwargs}, "transformers")
    np.testing.assert_allclose(1e-4 * found.schedule(np.arange(100)), expected, rtol=1e-12, atol=1e-20)


@pytest.mark.parametrize(
    ("version", "fields", "warmup"),
    [
        ("4", {"warmup_ratio": 0}, 0),
        ("4", {"warmup_ratio": 0.03}, 3),
        ("4", {"warmup_ratio": 0.07}, 8),  # 0.07 * 100 is above 7 in binary
        ("4", {"warmup_ratio": 0.5, "warmup_steps": 50}, 50),
        ("4", {"warmup_steps": 1.0}, 1),
        ("4", {"warmup_steps": 1.5}, None),
        ("4", {"warmup_ratio": 1.0}, None),  # the peak would never be used
        ("5", {"warmup_steps": 0.03}, 3),
        ("5", {"warmup_steps": 1.0}, 1),
        ("5", {"warmup_steps": 1.5}, 1),
        ("5", {"warmup_steps": 50}, 50),
        ("5", {"warmup_steps": 0.999}, None),
        ("5", {"warmup_ratio": 0.03}, None),
        (None, {"warmup_ratio": 0.03}, 3),
    ],
)
def test_warm_up_by_the_rules_of_each_version(version, fields, warmup):
    """Pain 8's table: what each spelling means, and which are refused."""
    config = {"lr_scheduler_type": "linear", **fields}
    if warmup is None:
        with pytest.raises(PreheatError):
            read(config, total=100, version=version)
    else:
        schedule = read(config, total=100, version=version).schedule
        assert schedule.warmup_updates == warmup
        assert schedule(warmup) == 1.0


def test_notes_say_what_the_trainer_does_in_silence():
    found = read({"lr_scheduler_type": "constant", "warmup_steps": 20}, total=100)
    assert any("ignores its 20 updates" in note for note in found.notes)
    assert any("5e-5" in note for note in found.notes)
    assert found.base_lr == 5e-5
    assert any("not a share" in note for note in read({"warmup_steps": 1.0, "learning_rate": 1}, total=9).notes)


def test_updates_are_counted_as_the_trainer_counts():
    """1000 rows in batches of 8, four to an update, three epochs: 32 an epoch, the last group flushed."""
    config = {"num_train_epochs": 3, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 4}
    found = read({**config, "lr_scheduler_type": "linear", "warmup_steps": 0.1}, examples=1000)
    assert found.total == 96
    assert found.schedule.warmup_updates == math.ceil(96 * 0.1)


def test_yaml_and_json_files(tmp_path):
    """The forms people have: numbers as text, kwargs as JSON text."""
    path = tmp_path / "args.yaml"
    path.write_text("learning_rate: 1e-4\nlr_scheduler_type: cosine_with_min_lr\nmax_steps: 100\nwarmup_steps: 0.1\n"
                    "lr_scheduler_kwargs: '{\"min_lr_rate\": 0.1}'\n")  # fmt: skip
    found = read(path)
    assert (found.base_lr, found.total, found.schedule(100)) == (1e-4, 100, 0.1)
