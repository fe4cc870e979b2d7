"""Accelerate: one list of rates whatever the number of processes, split batches, accumulation, prepared or not.

Nothing of ours is needed for it: a Scheduler is prepared like any other, or not at all.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.scheduler import AcceleratedScheduler
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import DataLoaderConfiguration

import preheat
from preheat.torch import Scheduler

SCRIPT = Path(__file__).with_name("accelerate_script.py")
WORDS = "warmup 20% > cosine to 0.1"
PLANNED = [0.1 * preheat.parse(WORDS).over(20)(update) for update in range(20)]


@pytest.fixture(autouse=True)
def fresh_state():
    AcceleratorState._reset_state(True)
    GradientState._reset_state()
    yield
    AcceleratorState._reset_state(True)
    GradientState._reset_state()


def parts(accumulation=1, split=False, fused=False):
    """An accelerator with its model and optimizer prepared, and the scheduler of the bare optimizer."""
    accelerator = Accelerator(
        cpu=True,
        gradient_accumulation_steps=accumulation,
        dataloader_config=DataLoaderConfiguration(split_batches=split),
    )
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=fused)
    scheduler = Scheduler(optimizer, preheat.parse(WORDS).over(20))
    model, optimizer = accelerator.prepare(model, optimizer)
    return accelerator, model, optimizer, scheduler


def train(accelerator, model, optimizer, stepped, batches, seed=1, and_step=None):
    if seed is not None:
        torch.manual_seed(seed)
    for _ in range(batches):
        with accelerator.accumulate(model):
            accelerator.backward(model(torch.randn(4, 2)).square().mean())
            optimizer.step()
            stepped.step()
            if and_step is not None:
                and_step.step()
            optimizer.zero_grad()


@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "bare"])
@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("split", [True, False], ids=["split", "whole"])
@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_one_list_of_rates(monkeypatch, processes, split, accumulation, prepared):
    """``step()`` on every micro-batch, as Accelerate's examples write it; its wrapper multiplies by the processes."""
    accelerator, model, optimizer, scheduler = parts(accumulation, split)
    monkeypatch.setitem(PartialState._shared_state, "num_processes", processes)
    stepped = accelerator.prepare(scheduler) if prepared else scheduler
    other = Counter()
    theirs = AcceleratedScheduler(
        SimpleNamespace(step=lambda: other.update("s"), _step_count=0), optimizer, True, split
    )
    train(accelerator, model, optimizer, stepped, 20 * accumulation, and_step=theirs)
    assert other["s"] == 20 * (1 if split else processes)  # what any other scheduler would have been stepped
    assert scheduler.history == PLANNED
    assert scheduler.position == 20


CASES = [(False, 1, True, 20), (True, 1, True, 20), (False, 4, True, 20), (True, 4, False, 20), (False, 1, False, 20)]


def test_two_real_processes():
    """torchrun with gloo: split or not, accumulation or not, prepared or not, the same in both."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    done = subprocess.run([*command, json.dumps(CASES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = Counter(line for line in done.stdout.splitlines() if line.startswith("{"))
    assert sum(lines.values()) == 2 * len(CASES)
    assert all(count % 2 == 0 for count in lines.values())  # both processes: same rates, same weights
    assert all(json.loads(line)["processes"] == 2 for line in lines)
    assert all(json.loads(line)["history"] == PLANNED for line in lines)


def test_made_from_the_prepared_optimizer():
    """The wrapper is looked through: it is the inner optimizer that is really stepped."""
    accelerator, model, optimizer, first = parts(accumulation=4)
    scheduler = Scheduler(optimizer, first.schedule)
    assert scheduler.optimizer is optimizer.optimizer
    train(accelerator, model, optimizer, scheduler, 80)
    assert scheduler.history == PLANNED


@pytest.mark.parametrize("way", ["prepared", "registered"])
@pytest.mark.parametrize("cut", [1, 4, 13])
def test_saved_and_loaded_states_go_on_exactly(tmp_path, way, cut):
    """``save_state`` and ``load_state``: rates and weights of the run that was not cut, bit for bit."""

    def prepared():
        accelerator, model, optimizer, scheduler = parts()
        if way == "registered":
            accelerator.register_for_checkpointing(scheduler)
            return accelerator, model, optimizer, scheduler, scheduler
        return accelerator, model, optimizer, accelerator.prepare(scheduler), scheduler

    *whole, uncut = prepared()
    train(*whole, 20)
    *first, _ = prepared()
    train(*first, cut)
    first[0].save_state(str(tmp_path))
    *second, scheduler = prepared()
    second[0].load_state(str(tmp_path))  # the random state too
    train(*second, 20 - cut, seed=None)
    assert scheduler.history == uncut.history[cut:] == PLANNED[cut:]
    pairs = zip(whole[1].parameters(), second[1].parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("policy", ["hold", "advance"])
def test_skipped_updates_under_accelerates_wrapper(fused, policy):
    """A fused optimizer is called even when the gradients overflow, so Accelerate takes the skip for an update."""
    Accelerator(cpu=True)
    weight = torch.nn.Parameter(torch.ones(2))
    inner = torch.optim.AdamW([weight], lr=0.1, fused=fused)
    scheduler = Scheduler(inner, preheat.parse(WORDS).over(20), on_skip=policy)
    optimizer = AcceleratedOptimizer(inner, scaler=torch.amp.GradScaler("cpu", init_scale=4.0))
    skipped = {0, 3, 11}
    hidden = []
    for attempt in range(20):
        optimizer.scaler.scale(weight.sum() * (float("inf") if attempt in skipped else 1.0)).backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        hidden.append(attempt in skipped and not optimizer.step_was_skipped)
    assert any(hidden) == fused
    assert scheduler.history == (
        PLANNED[:17] if policy == "hold" else [PLANNED[at] for at in range(20) if at not in skipped]
    )
