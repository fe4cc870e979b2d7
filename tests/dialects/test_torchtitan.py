"""torchtitan's schedule: rates measured with torchtitan 0.3.0 in November 2026.

Each row built the real scheduler for 100 steps on an optimizer of lr 1, noting the rate before every update and
stepping after it, as the trainer does.
"""

from dataclasses import make_dataclass

import pytest

from preheat.dialects import detect, read, write
from preheat.errors import ConfigError
from preheat.schedule import parse
from support.recorded_rates import UPDATES, assert_runs_at

USED = UPDATES[:8]  # up to update 99
MEASURED = [
    ({}, (0.1, 0.2, 1, 1, 0.98888889, 0.5, 0.02222222, 0.01111111)),
    ({"decay_type": "sqrt"}, (0.1, 0.2, 1, 1, 0.89459074, 0.29289322, 0.01117354, 0.00557107)),
    (
        {"decay_type": "cosine", "min_lr_factor": 0.1},
        (0.1, 0.2, 1, 1, 0.99972587, 0.55, 0.10109618, 0.10027413),
    ),
    ({"decay_ratio": 0.2}, (0.1, 0.2, 1, 1, 1, 1, 0.1, 0.05)),
    (
        {"decay_ratio": 0.2, "decay_type": "sqrt", "min_lr_factor": 0.1},
        (0.1, 0.2, 1, 1, 1, 1, 0.14618503, 0.12278851),
    ),
    ({"decay_ratio": 0.2, "decay_type": "cosine"}, (0.1, 0.2, 1, 1, 1, 1, 0.02447174, 0.00615583)),
    ({"decay_ratio": 0.0}, (0.1, 0.2, 1, 1, 1, 1, 1, 1)),
    ({"decay_ratio": 0.125}, (0.1, 0.2, 1, 1, 1, 1, 0.16666667, 0.08333333)),  # 12.5 updates are 12
    ({"decay_ratio": 0.95}, (0.1, 0.2, 1, 1, 0.98888889, 0.5, 0.02222222, 0.01111111)),  # cut to 90 updates
    ({"warmup_steps": 0}, (1, 0.99, 0.91, 0.9, 0.89, 0.45, 0.02, 0.01)),
    ({"warmup_steps": 120}, (0.01, 0.02, 0.1, 0.11, 0.12, 0.56, 0.99, 1)),  # cut to 100 updates
    ({"total_steps": 200}, (0.1, 0.2, 1, 1, 0.99473684, 0.76315789, 0.53684211, 0.53157895)),
]


def config(**own):
    return {"optimizer": {"lr": 1.0}, "lr_scheduler": {"warmup_steps": 10, **own}, "training": {"steps": 100}}


@pytest.mark.parametrize(("own", "rates"), MEASURED)
def test_the_rates_are_those_torchtitan_used(own, rates):
    found = read(config(**own))
    assert found.total == 100
    assert_runs_at(found, rates, USED)


@pytest.mark.parametrize("own", [{}, {"decay_type": "cosine", "decay_ratio": 0.5, "min_lr_factor": 0.1}])
def test_past_the_end_the_floor_is_held(own):
    """Measured at updates 100 to 103: 0, -0.011, -0.022, -0.033 for the line, and the cosine climbs again."""
    found = read(config(**own))
    assert [found.schedule(update) for update in (100, 101, 500)] == [own.get("min_lr_factor", 0.0)] * 3
    assert any("past update 100" in note for note in found.notes)


SECTION = {"warmup_steps": 10, "total_steps": None, "decay_ratio": 0.2, "decay_type": "sqrt", "min_lr_factor": 0.1}
GROUP = {"pattern": ".*", "optimizer_name": "AdamW", "optimizer_kwargs": {"lr": 1.0}}
TOML = """
[optimizer]
lr = 1.0
[lr_scheduler]
warmup_steps = 10
decay_ratio = 0.2
decay_type = "sqrt"
lr_min = 0.1
[training]
steps = 100
"""
CODE = """Trainer.Config(
    model_spec=model_registry("debugmodel"),
    optimizer=default_adamw(lr=1.0),
    lr_scheduler=LRSchedulersContainer.Config(warmup_steps=10, decay_ratio=0.2, decay_type="sqrt", min_lr_factor=0.1),
    training=TrainingConfig(seq_len=2048, steps=100),
)"""
FLAGS = (
    "--optimizer.lr 1.0 --training.steps=100 --lr_scheduler.warmup_steps 10 --lr_scheduler.decay_ratio 0.2"
    " --lr_scheduler.decay_type sqrt --lr_scheduler.min_lr_factor 0.1"
)


def as_dataclass(**fields):
    """An object with these fields, as the configuration of 2026 is one."""
    return make_dataclass("Config", fields)(**fields)


OBJECT = as_dataclass(
    lr_scheduler=as_dataclass(**SECTION),
    training=as_dataclass(steps=100),
    optimizer={"param_groups": [GROUP, GROUP]},
)


@pytest.mark.parametrize(
    "spelling",
    [TOML, CODE, FLAGS, OBJECT],
    ids=["toml", "code", "flags", "dataclass"],
)
def test_every_spelling_means_the_same(spelling):
    """The TOML of 2025 with its older name of the floor, a config_registry of 2026, overrides, the object itself."""
    found = read(spelling)
    assert detect(spelling) == "torchtitan"
    assert (found.base_lr, found.total) == (1.0, 100)
    assert found.schedule == read(config(decay_ratio=0.2, decay_type="sqrt", min_lr_factor=0.1)).schedule


def test_the_section_alone_is_enough():
    """As a constructor call, or named as a dialect; the run's length comes from the caller."""
    call = "LRSchedulersContainer.Config(warmup_steps=10)"
    assert read(call, total=100).schedule == read(config()).schedule
    assert read({"warmup_steps": 10}, "torchtitan", total=100).schedule == read(config()).schedule


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"lr_scheduler": {"warmup_steps": 120, "decay_type": "linear"}}, "warmup_steps=120 is cut to 100"),
        ({"lr_scheduler": {"warmup_steps": 10, "decay_ratio": 0.95}}, "the decay of 95 updates is cut to 90"),
        ({"training": {}}, "training.steps is left at torchtitan's own 10000"),
        (
            {"optimizer": {"param_groups": [GROUP, {**GROUP, "optimizer_kwargs": {"lr": 0.5}}]}},
            "the groups of the optimizer have rates of their own: [1.0, 0.5]",
        ),
    ],
)
def test_notes_say_what_torchtitan_does_in_silence(changed, note):
    assert any(note in found for found in read({**config(), **changed}).notes)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"warmup_step": 10}, "lr_scheduler.warmup_step must be a field.*Did you mean 'warmup_steps'"),
        ({"decay_type": "sqr"}, "lr_scheduler.decay_type must be one .*; got 'sqr'. Did you mean 'sqrt'"),
        ({"min_lr_factor": 0.1, "lr_min": 0.1}, "lr_min must be left out beside min_lr_factor; got 0.1"),
        ({"min_lr_factor": 1.5}, r"min_lr_factor must be in \[0, 1\]; got 1.5"),
        ({"decay_ratio": 1.5}, r"decay_ratio must be in \[0, 1\]; got 1.5. It is a share of the run"),
    ],
)
def test_refusals_name_the_field(own, message):
    with pytest.raises(ConfigError, match=message):
        read(config(**own), "torchtitan")


def test_the_warm_up_of_older_snapshots_is_refused():
    with pytest.raises(ConfigError, match="training.warmup_steps must be left out; got 200"):
        read({**config(), "training": {"steps": 100, "warmup_steps": 200}})
    with pytest.raises(ConfigError, match="config must be one of torchtitan; got '7'"):
        read(7, "torchtitan")


def test_what_is_written_is_toml():
    """A native warm-up with a cool-down one step longer than the run's end is exact."""
    schedule = parse("warmup 10 > hold 71 > 1-sqrt 20 to 0.1")
    written = write(schedule, "torchtitan", total=100, base_lr=1e-3)
    assert written.exact
    assert written.text.startswith("[optimizer]\nlr = 0.001\n\n[lr_scheduler]\nwarmup_steps = 10\n")
