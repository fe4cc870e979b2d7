"""The plan counts what a loop does."""

import random

import pytest

import preheat


def brute_force(examples, batch_size, epochs, accumulation, world_size, drop_last):
    """Deal rows to processes, batches to rows and updates to batches, and count the updates of process 0."""
    updates = 0
    for _ in range(epochs):
        rows = list(range(examples))
        if drop_last:
            rows = rows[: examples // world_size * world_size]
        else:
            while len(rows) % world_size:
                rows.append(rows[len(rows) % examples])
        mine = rows[0::world_size]
        batches = [mine[start : start + batch_size] for start in range(0, len(mine), batch_size)]
        if drop_last:
            batches = [batch for batch in batches if len(batch) == batch_size]
        waiting = 0
        for number, _ in enumerate(batches, 1):
            waiting += 1
            if waiting == accumulation or number == len(batches):
                updates, waiting = updates + 1, 0
    return updates


def test_plan_agrees_with_a_loop_on_drawn_settings():
    """2,000 settings; those without an update are refused."""
    draw = random.Random(0)
    refused = 0
    for _ in range(2000):
        settings = (
            draw.randint(1, 200),
            draw.randint(1, 20),
            draw.randint(1, 4),
            draw.randint(1, 6),
            draw.randint(1, 5),
            draw.random() < 0.5,
        )
        expected = brute_force(*settings)
        if expected:
            assert preheat.Plan(*settings).updates == expected, settings
        else:
            refused += 1
            with pytest.raises(preheat.PlanError, match="examples must be enough for one full batch"):
                preheat.Plan(*settings)
    assert refused


def test_the_articles_numbers():
    """3821 examples, batch 32, 30 epochs; a warm-up ratio of 0.1."""
    plan = preheat.Plan(examples=3821, batch_size=32, epochs=30)
    assert (plan.updates_per_epoch, plan.updates) == (120, 3600)
    assert plan.warmup(0.1) == plan.warmup("10%") == plan.warmup(360) == 360
    assert plan.explain(0.1).splitlines() == [
        "batches per epoch: ceil(3821 examples / 32) = 120",
        "updates: 120 batches x 30 epochs = 3600",
        "warm-up: 0.1 of 3600 updates = 360",
    ]


def test_explain_shows_every_step_that_matters():
    """Processes and accumulation get a line of their own."""
    plan = preheat.Plan(1000, 8, 3, accumulation=4, world_size=3)
    assert plan.updates == 33
    assert plan.explain().splitlines() == [
        "examples per process: ceil(1000 / 3) = 334",
        "batches per epoch: ceil(334 examples / 8) = 42",
        "updates per epoch: ceil(42 batches / 4) = 11",
        "updates: 11 updates x 3 epochs = 33",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"examples": 0}, "examples must be >= 1; got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number; got 2.5"),
        ({"epochs": True}, "epochs must be a finite number; got True"),
        ({"epochs": "3"}, "epochs must be a finite number; got '3'"),
        ({"accumulation": -1}, "accumulation must be >= 1; got -1"),
        ({"world_size": float("nan")}, "world_size must be a finite number; got nan"),
        ({"drop_last": 1}, "drop_last must be True or False; got 1"),
    ],
)
def test_plan_refuses(settings, message):
    """By name and value, at construction."""
    with pytest.raises(preheat.PlanError, match=message):
        preheat.Plan(**{"examples": 100, "batch_size": 8, "epochs": 1, **settings})
