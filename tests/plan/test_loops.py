"""The plan counts what a loop does: rows, batches and updates really dealt."""

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat


def rows_of_first_process(examples, world_size, sharding):
    """Deal the rows of an epoch one by one; ``pad`` repeats the first ones, ``drop`` leaves the surplus out."""
    rows = list(range(examples))
    if sharding == "drop":
        rows = rows[: examples // world_size * world_size]
    while len(rows) % world_size:
        rows.append(rows[len(rows) % examples])
    return rows[0::world_size]


def cut(rows, size, drop_last):
    """Rows in batches."""
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    return [batch for batch in batches if len(batch) == size or not drop_last]


def batches_of_an_epoch(examples, batch_size, world_size, drop_last, sharding):
    """The batches of the first process."""
    if sharding == "batches":  # every full or short round of one batch a process; the first process always has its own
        rounds = cut(list(range(examples)), batch_size * world_size, drop_last)
        return [batch[:batch_size] for batch in rounds]
    return cut(rows_of_first_process(examples, world_size, sharding), batch_size, drop_last)


def run(batches, accumulation, tail, epochs=None, max_steps=None):
    """Walk through the batches and count updates, until the end of the last (part of an) epoch or ``max_steps``."""
    updates = waiting = epoch = 0
    while epochs is None or epoch < epochs:
        part = 1 if epochs is None else min(Fraction(1), epochs - epoch)
        seen = batches[: math.ceil(part * len(batches))]
        for number, _ in enumerate(seen, 1):
            waiting += 1
            if waiting == accumulation or (tail == "flush" and number == len(seen)):
                updates, waiting = updates + 1, 0
                if updates == max_steps:
                    return updates, epoch + 1
        if tail == "drop":
            waiting = 0
        epoch += 1
    return updates, epoch


def settings_of(draw):
    """One drawn plan: small numbers, where the corners are."""
    return {
        "examples": draw.randint(1, 150),
        "batch_size": draw.randint(1, 16),
        "accumulation": draw.randint(1, 6),
        "world_size": draw.randint(1, 5),
        "drop_last": draw.random() < 0.4,
        "sharding": draw.choice(("pad", "drop", "batches")),
        "tail": draw.choice(("flush", "drop", "carry")),
    }


def simulate(settings, epochs=None, max_steps=None):
    batches = batches_of_an_epoch(
        *(settings[name] for name in ("examples", "batch_size", "world_size", "drop_last", "sharding"))
    )
    exact = None if epochs is None else Fraction(str(epochs))
    if not batches or (settings["tail"] == "drop" and len(batches) < settings["accumulation"]):
        return len(batches), 0, 0
    return len(batches), *run(batches, settings["accumulation"], settings["tail"], exact, max_steps)


def test_plan_agrees_with_a_loop_on_drawn_settings():
    """12,000 settings, whole and broken epochs and step limits; those without an update are refused."""
    draw = random.Random(0)
    refused = 0
    for number in range(12_000):
        settings = settings_of(draw)
        epochs = draw.randint(1, 5) if number % 3 else draw.randint(1, 40) / draw.choice((4, 10))
        end = {"max_steps": draw.randint(1, 60)} if number % 4 == 0 else {"epochs": epochs}
        batches, updates, _ = simulate(settings, **end)
        if not updates:
            refused += 1
            with pytest.raises(preheat.PlanError, match=r"(examples|accumulation|epochs) must be .* 0 updates: "):
                preheat.Plan(**settings, **end)
            continue
        plan = preheat.Plan(**settings, **end)
        assert (plan.batches_per_epoch, plan.updates) == (batches, updates), (settings, end)
        assert f"= {updates}" in plan.explain()
        if "epochs" in end:
            assert plan.updates_at_epoch(end["epochs"]) == updates
            per_epoch = plan.updates_per_epoch
            assert isinstance(end["epochs"], float) or math.floor(per_epoch * end["epochs"]) == updates
    assert 500 < refused < 4000


def test_max_steps_ends_in_the_epoch_the_plan_says():
    """1,000 settings: the loop stops in that pass over the data."""
    draw = random.Random(1)
    for _ in range(1000):
        settings = settings_of(draw)
        steps = draw.randint(1, 50)
        _, updates, epochs = simulate(settings, max_steps=steps)
        if updates:
            plan = preheat.Plan(**settings, max_steps=steps)
            assert plan.updates_at_epoch(epochs) >= steps
            assert epochs == 1 or plan.updates_at_epoch(epochs - 1) < steps


@given(
    examples=st.integers(1, 10**12),
    batch_size=st.integers(1, 10**6),
    accumulation=st.integers(1, 10**4),
    world_size=st.integers(1, 10**4),
    drop_last=st.booleans(),
    sharding=st.sampled_from(("pad", "drop", "batches")),
    epochs=st.fractions(min_value="1/1000", max_value=1000).map(float),
)
def test_tails_bound_each_other(examples, batch_size, accumulation, world_size, drop_last, sharding, epochs):
    """drop <= carry <= flush, at any size; more epochs never give fewer updates; lengths fit into the run."""
    found = {}
    for tail in ("drop", "carry", "flush"):
        try:
            plan = preheat.Plan(
                examples, batch_size, epochs, accumulation, world_size, drop_last, tail=tail, sharding=sharding
            )
        except preheat.PlanError as error:
            assert "0 updates: " in str(error)
            found[tail] = 0
            continue
        found[tail] = plan.updates
        assert plan.updates >= 1
        assert plan.updates_at_epoch(epochs * 2) >= plan.updates == plan.updates_at_epoch(epochs)
        samples = preheat.Plan(examples, batch_size, None, accumulation, world_size, max_samples=10**9)
        assert 0 <= samples.updates * samples.samples_per_update - 10**9 < samples.samples_per_update
    assert found["drop"] <= found["carry"] <= found["flush"]


def torch_updates(loader, accumulation, tail, epochs):
    """A loop over a real DataLoader with a real optimizer, which counts its updates."""
    import torch

    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    done = []
    optimizer.register_step_post_hook(lambda *_: done.append(1))
    waiting = 0
    for _ in range(epochs):
        for number, batch in enumerate(loader, 1):
            (weight * batch.float().mean()).backward()
            waiting += 1
            if waiting == accumulation or (tail == "flush" and number == len(loader)):
                optimizer.step()
                optimizer.zero_grad()
                waiting = 0
        if tail == "drop":
            optimizer.zero_grad()
            waiting = 0
    return len(done)


@pytest.mark.parametrize(("tail", "updates"), [("flush", 9), ("drop", 6), ("carry", 7)])
def test_ten_batches_three_epochs_on_a_real_loader(tail, updates):
    """Ten batches, accumulation 4, three epochs."""
    import torch

    loader = torch.utils.data.DataLoader(torch.arange(20), batch_size=2)
    plan = preheat.Plan(20, 2, 3, accumulation=4, tail=tail)
    assert torch_updates(loader, 4, tail, 3) == plan.updates == updates


@pytest.mark.parametrize(
    ("drop_last", "tail", "updates"), [(False, "flush", 33), (True, "drop", 30), (False, "carry", 31)]
)
def test_three_ranks_on_a_real_loader(drop_last, tail, updates):
    """1000 samples, batch 8, accumulation 4, three epochs; each rank's DistributedSampler, both ways to even rows."""
    import torch

    data = torch.arange(1000)
    for sharding in ("pad", "drop"):
        plan = preheat.Plan(1000, 8, 3, 4, 3, drop_last, tail=tail, sharding=sharding)
        for rank in range(3):
            sampler = torch.utils.data.DistributedSampler(data, 3, rank, drop_last=sharding == "drop")
            loader = torch.utils.data.DataLoader(data, batch_size=8, sampler=sampler, drop_last=drop_last)
            assert len(sampler) == plan.examples_per_process
            assert len(loader) == plan.batches_per_epoch
            assert torch_updates(loader, 4, tail, 3) == plan.updates == updates
