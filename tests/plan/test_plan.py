"""What a plan says of itself, the lengths it counts, and what it refuses."""

from fractions import Fraction

import pytest

import preheat
from preheat.messages.languages import tell
from preheat.schedule.lengths import as_length


def test_the_articles_numbers():
    """3821 examples, batch 32, 30 epochs; a warm-up ratio of 0.1."""
    plan = preheat.Plan(examples=3821, batch_size=32, epochs=30)
    assert (plan.updates_per_epoch, plan.updates) == (120, 3600)
    assert plan.warmup(0.1) == plan.warmup("10%") == plan.warmup(360) == plan.warmup("3 epochs") == 360
    assert plan.explain(0.1).splitlines() == [
        "batches per epoch: ceil(3821 examples / 32) = 120",
        "updates: 120 batches x 30 epochs = 3600",
        "warm-up: 0.1 of 3600 updates = 360",
    ]


EXPLAINED = {
    "processes": (
        {"epochs": 3, "accumulation": 4, "world_size": 3},
        "examples per process: ceil(1000 / 3) = 334",
        "batches per epoch: ceil(334 examples / 8) = 42",
        "updates per epoch: ceil(42 batches / 4) = 11",
        "updates: 11 updates x 3 epochs = 33",
    ),
    "drop everywhere": (
        {"epochs": 3, "accumulation": 4, "world_size": 3, "drop_last": True, "tail": "drop", "sharding": "drop"},
        "examples per process: floor(1000 / 3) = 333",
        "batches per epoch: floor(333 examples / 8) = 41",
        "updates per epoch: floor(41 batches / 4) = 10",
        "updates: 10 updates x 3 epochs = 30",
    ),
    "whole batches, carried": (
        {"epochs": 3, "accumulation": 4, "world_size": 3, "sharding": "batches", "tail": "carry"},
        "examples per batch of all processes: 8 x 3 = 24",
        "batches per epoch: ceil(1000 examples / 24) = 42",
        "updates per epoch: 42 batches / 4 = 10.5, batches left over count for the next epoch",
        "updates: floor(42 batches x 3 epochs / 4) = 31",
    ),
    "part of an epoch": (
        {"epochs": 1.5, "accumulation": 4},
        "batches per epoch: ceil(1000 examples / 8) = 125",
        "updates per epoch: ceil(125 batches / 4) = 32",
        "updates: 32 updates x 1 epochs + ceil(63 batches / 4) = 48",
    ),
    "part of an epoch, carried": (
        {"epochs": 1.5, "accumulation": 4, "tail": "carry"},
        "batches per epoch: ceil(1000 examples / 8) = 125",
        "updates per epoch: 125 batches / 4 = 31.25, batches left over count for the next epoch",
        "updates: floor(ceil(125 batches x 1.5 epochs) / 4) = 47",
    ),
    "steps": (
        {"max_steps": 50},
        "batches per epoch: ceil(1000 examples / 8) = 125",
        "updates: max_steps = 50",
        "epochs: 50 updates / 125 = 0.4",
    ),
    "samples": (
        {"max_samples": 10_001},
        "batches per epoch: ceil(1000 examples / 8) = 125",
        "updates: ceil(10001 samples / 8) = 1251",
        "epochs: 1251 updates / 125 = 10.008",
    ),
    "streamed tokens": (
        {"examples": None, "max_tokens": 2e9, "tokens_per_sample": 512.5, "world_size": 4},
        "tokens per update: 32 samples x 512.5 = 16400",
        "updates: ceil(2000000000 tokens / 16400) = 121952",
    ),
    "no end": ({"examples": None}, "updates: unknown, the run has no end yet"),
    "HF Trainer, part of an epoch": (
        {"epochs": 1.5, "accumulation": 4, "trainer": "hf_trainer"},
        "counted as HF Trainer does",
        "batches per epoch: ceil(1000 examples / 8) = 125",
        "updates per epoch: ceil(125 batches / 4) = 32",
        "updates: ceil(32 x 1.5 epochs) = 48",
    ),
    "HF Trainer, two ends": (
        {"epochs": 3, "max_steps": 500, "trainer": "hf_trainer"},
        "counted as HF Trainer does",
        "batches per epoch: ceil(1000 examples / 8) = 125",
        "updates: 125 batches x 3 epochs = 375",
        "updates: max_steps = 500, which wins over epochs",
    ),
    "Lightning, two ends": (
        {"epochs": 3, "max_steps": 500, "trainer": "lightning"},
        "counted as Lightning does",
        "batches per epoch: ceil(1000 examples / 8) = 125",
        "updates: 125 batches x 3 epochs = 375",
        "updates: min(375, max_steps 500) = 375",
    ),
}


@pytest.mark.parametrize("case", EXPLAINED)
def test_explain_shows_every_step_that_matters(case):
    """Line by line, the last number being the answer."""
    settings, *lines = EXPLAINED[case]
    plan = preheat.Plan(**{"examples": 1000, "batch_size": 8, **settings})
    assert plan.explain().splitlines() == lines
    assert plan.updates is None or any(line.endswith(f"= {plan.updates}") or "wins" in line for line in lines)


def test_updates_per_epoch_is_exact_when_carried():
    """An int where it is whole."""
    carried = preheat.Plan(10, 1, 3, accumulation=4, tail="carry")
    assert carried.updates_per_epoch == Fraction(5, 2)
    assert type(preheat.Plan(12, 1, 3, accumulation=4, tail="carry").updates_per_epoch) is int
    assert [carried.updates_at_epoch(epoch) for epoch in (1, 2, 2.5, 3, 4)] == [2, 5, 6, 7, 10]


@pytest.mark.parametrize(
    ("text", "updates"),
    [
        ("4000 updates", 4000),
        ("2 epochs", 200),
        ("0.25 epochs", 25),
        ("640 samples", 20),
        ("641 samples", 21),
        ("16384 tokens", 1),
        ("16385 tokens", 2),
        ("7%", 700),
    ],
)
def test_lengths_of_every_unit(text, updates):
    """A run of 100 epochs of 100 updates, 32 samples of 512 tokens in each."""
    plan = preheat.Plan(800, 8, 100, world_size=1, tokens_per_sample=512)
    wide = preheat.Plan(3200, 8, 100, accumulation=2, world_size=2, tokens_per_sample=512)
    assert (plan.updates, wide.updates, wide.samples_per_update, wide.tokens_per_update) == (10_000, 10_000, 32, 16_384)
    assert wide.warmup(text) == updates
    length = as_length("warmup", text)
    assert isinstance(length, int) or wide.in_updates(length) == updates


def test_a_stream_needs_no_length():
    """Steps or a budget end it; without them lengths in updates, samples and tokens still count."""
    assert preheat.Plan(None, 8, max_steps=500).warmup("10%") == 50
    endless = preheat.Plan(None, 8, tokens_per_sample=100)
    assert endless.updates is None
    assert (endless.warmup(9), endless.warmup("80 samples"), endless.warmup("8001 tokens")) == (9, 10, 11)
    assert endless.explain("80 samples").splitlines()[-1] == "warm-up: 80 samples = 10"
    with pytest.raises(
        preheat.PlanError, match="warmup must be a number of updates where the run has no known end; got '10%'"
    ):
        endless.warmup("10%")
    for count in ("batches_per_epoch", "updates_per_epoch", "examples_per_process"):
        with pytest.raises(preheat.PlanError, match="examples must be known to count in epochs; got None"):
            getattr(endless, count)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"examples": 0}, "examples must be >= 1; got 0. 0 updates: the data set is empty."),
        ({"examples": -3}, "examples must be >= 1; got -3"),
        ({"examples": float("inf")}, "examples must be a finite number; got inf"),
        ({"batch_size": 2.5}, "batch_size must be a whole number; got 2.5"),
        ({"batch_size": None}, "batch_size must be a finite number; got None"),
        ({"epochs": True}, "epochs must be a finite number; got True"),
        ({"epochs": "3"}, "epochs must be a finite number; got '3'"),
        ({"epochs": 0}, "epochs must be > 0; got 0"),
        ({"epochs": float("nan")}, "epochs must be a finite number; got nan"),
        ({"epochs": None}, "epochs must be given where nothing else ends the run; got None"),
        ({"accumulation": -1}, "accumulation must be >= 1; got -1"),
        ({"world_size": float("nan")}, "world_size must be a finite number; got nan"),
        ({"drop_last": 1}, "drop_last must be True or False; got 1"),
        ({"tail": "keep"}, "tail must be one of 'flush', 'drop', 'carry'; got 'keep'"),
        ({"sharding": "rows"}, "sharding must be one of 'pad', 'drop', 'batches'; got 'rows'"),
        (
            {"trainer": "hftrainer"},
            "trainer must be the name of a trainer; got 'hftrainer'. Did you mean 'hf_trainer'? Known: plain_loop",
        ),
        ({"trainer": "keras"}, "trainer must be the name of a trainer; got 'keras'. Known: plain_loop, hf_trainer"),
        ({"tail": "carry", "trainer": "lightning"}, "tail must be one of 'flush'; got 'carry'. Lightning does nothing"),
        ({"sharding": "pad", "trainer": "hf_trainer"}, "sharding must be one of 'batches'; got 'pad'. HF Trainer does"),
        ({"max_steps": 5}, "max_steps must be left out where epochs is given; got 5. epochs or max_steps ends the run"),
        ({"max_samples": 5, "trainer": "lightning"}, "max_samples must be left out where epochs is given; got 5"),
        ({"epochs": None, "max_steps": 0}, "max_steps must be >= 1; got 0"),
        ({"epochs": None, "max_samples": -1}, "max_samples must be >= 1; got -1"),
        ({"epochs": None, "max_tokens": 1.5}, "max_tokens must be a whole number; got 1.5"),
        ({"epochs": None, "max_tokens": 9}, "tokens_per_sample must be given with max_tokens; got None"),
        ({"tokens_per_sample": 0}, "tokens_per_sample must be > 0; got 0"),
        ({"examples": None}, "epochs must be left out where examples is unknown; got 1"),
        ({"examples": None, "epochs": None, "trainer": "hf_trainer"}, "max_steps must be given; got None. HF Trainer"),
        ({"epochs": 1.5, "trainer": "lightning"}, "epochs must be whole in Lightning; got 1.5"),
        ({"examples": 7, "drop_last": True}, "examples must be enough for one full batch a process; got 7. 0 updates:"),
        (
            {"accumulation": 14, "tail": "drop"},
            "accumulation must be at most 13, the batches of an epoch; got 14. 0 updates: lower it",
        ),
        ({"accumulation": 14, "tail": "carry"}, "epochs must be enough for one update; got 1. 0 updates: give more"),
        ({"epochs": 0.1, "accumulation": 3, "tail": "drop"}, "epochs must be enough for one update; got 0.1"),
    ],
)
def test_plan_refuses(settings, message):
    """By name and value, at construction."""
    with pytest.raises(preheat.PlanError) as caught:
        preheat.Plan(**{"examples": 100, "batch_size": 8, "epochs": 1, **settings})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("warmup", "message"),
    [
        (39, "warmup must be below the 39 updates of the run; got 39. The peak would never be used"),
        ("3 epochs", "warmup must be below the 39 updates of the run; got '3 epochs'"),
        ("100%", "warmup must be below the 39 updates of the run; got '100%'"),
        ("0.01 epochs", "warmup must be one update at least; got '0.01 epochs'"),
        ("5 tokens", "tokens_per_sample must be given to count in tokens; got None"),
        ("soon", "warmup must be a length; got 'soon'"),
        ("rest", "warmup must be a length of its own; got 'rest'"),
        (1.0, "warmup must be an int, or a float in (0, 1); got 1.0"),
        (float("nan"), "warmup must be a finite number; got nan"),
        (-1, "warmup must be >= 0; got -1"),
        (True, "warmup must be a finite number; got True"),
    ],
)
def test_warmup_refuses(warmup, message):
    """Three epochs of 13 updates, the last, smaller group of batches being carried."""
    plan = preheat.Plan(104, 4, 3, accumulation=2, tail="carry")
    with pytest.raises((preheat.PlanError, preheat.ScheduleError)) as caught:
        plan.warmup(warmup)
    assert str(caught.value).startswith(message)


def test_a_fraction_and_an_epoch_are_refused_as_lengths_of_themselves():
    """A length has to be an update long, and a part of an epoch above zero."""
    with pytest.raises(preheat.PlanError, match="length must be one update at least; got '1 epochs'"):
        preheat.Plan(2, 1, 4, accumulation=4, tail="carry").in_updates(as_length("decay", "1 epochs"))
    with pytest.raises(preheat.PlanError, match="epoch must be > 0; got 0"):
        preheat.Plan(2, 1, 4).updates_at_epoch(0)


def test_a_plan_is_explained_in_chinese():
    """The same arithmetic, line by line."""
    plan = preheat.Plan.hf_trainer(1000, 8, 3.5, accumulation=4, world_size=2)
    assert tell(plan.explain("10%"), "zh").splitlines() == [
        "按 HF Trainer 的方式计算",
        "所有进程的批大小：8 x 2 = 16",
        "每轮批数：ceil(1000 个样本 / 16) = 63",
        "每轮步数：ceil(63 批 / 4) = 16",
        "总步数：ceil(16 x 3.5 轮) = 56",
        "预热：10%（共 56 步）= 6 步",
    ]
    assert tell(preheat.Plan(1000, 8, 4).replan(at=250, batch_size=4).explain(), "zh").splitlines() == [
        "第 0 至 249 步：每步 8 个样本，共 2000 个样本",
        "第 250 至 749 步：每步 4 个样本，共 2000 个样本",
        "总步数：750（原为 500），共 4000 个样本",
    ]
