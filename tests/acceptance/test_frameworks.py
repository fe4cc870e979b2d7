"""What people run into between frameworks, reproduced with the real ones, then shown right.

torch 2.13, transformers 5.23, accelerate 1.15, lightning 2.6.6, optax 0.2.8, keras 3.15.
"""

import io
import json
import logging
import multiprocessing
import pickle

import jax
import keras
import lightning.pytorch as pl
import numpy as np
import optax
import pytest
import torch
from accelerate import Accelerator
from accelerate.scheduler import AcceleratedScheduler
from accelerate.state import AcceleratorState, PartialState
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR
from transformers import get_linear_schedule_with_warmup, get_scheduler

import preheat
from preheat import dialects
from preheat.torch import Pace, Scheduler

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec:FutureWarning"),
]


def sgd(lr=1.0):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=lr)


def update(optimizer):
    for weight in optimizer.param_groups[0]["params"]:
        weight.grad = torch.ones_like(weight)
    optimizer.step()


def on_processes(optimizer, scheduler, processes, monkeypatch):
    """Accelerate's wrapper, told of so many processes."""
    AcceleratorState._reset_state(True)
    Accelerator(cpu=True)
    monkeypatch.setitem(PartialState._shared_state, "num_processes", processes)
    optimizer.step_was_skipped = False
    return AcceleratedScheduler(scheduler, optimizer)


def test_s1_four_pretend_gpus(monkeypatch):
    """transformers' schedule is over after 25 of 100 updates, its warm-up after 3; ours ends at update 99 on 1 to 8."""
    optimizer = sgd()
    peer = on_processes(optimizer, get_linear_schedule_with_warmup(optimizer, 10, 100), 4, monkeypatch)
    used = []
    for _ in range(100):
        used.append(optimizer.param_groups[0]["lr"])
        update(optimizer)
        peer.step()
    assert used[3] == pytest.approx(1.0, abs=0.05)
    assert used[25:] == [0.0] * 75

    schedule = preheat.get_schedule("linear", warmup=10, total=100)
    for processes in (1, 2, 4, 8):
        optimizer = sgd()
        ours = Scheduler(optimizer, schedule)
        wrapped = on_processes(optimizer, ours, processes, monkeypatch)
        for _ in range(100):
            update(optimizer)
            wrapped.step()
        assert ours.history == [schedule(position) for position in range(100)]
        assert ours.used_lr == schedule(99) > 0


def test_s3_a_foreign_scheduler_on_micro_batches_is_told_on(caplog):
    """step() on each of four micro-batches says nothing by itself; watched, it does, with both rates."""
    optimizer = sgd()
    peer = get_linear_schedule_with_warmup(optimizer, 10, 100)
    Pace(peer, run=100)
    with caplog.at_level(logging.WARNING, logger="preheat"):
        for _ in range(60):
            update(optimizer)
            for _ in range(4):
                peer.step()
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "LambdaLR moved 196 times in 50 updates: shaped for 100 of them, it makes about 392 in a run of 100 updates."
    )


class Module(pl.LightningModule):
    """A weight; ``scheduler`` makes the second half of what people return without an ``interval``."""

    def __init__(self, scheduler=None):
        super().__init__()
        self.weight, self.scheduler, self.used = torch.nn.Parameter(torch.ones(1)), scheduler, []

    def training_step(self, batch, _):
        return (self.weight * batch).square().mean()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        optimizer.register_step_post_hook(lambda one, *_: self.used.append(one.param_groups[0]["lr"]))
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])


class StopAfterThree(pl.Callback):
    """Three of the hundred epochs are enough."""

    def on_train_epoch_end(self, trainer, _):
        trainer.should_stop = trainer.current_epoch == 2


def test_s11_the_epoch_interval(caplog):
    """OneCycle for the 10,000 updates of 100 epochs moves once an epoch: 3 steps in 300 updates, told in the first."""

    def fit(module, *callbacks):
        off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        trainer = pl.Trainer(accelerator="cpu", max_epochs=100, callbacks=[StopAfterThree(), *callbacks], **off)
        trainer.fit(module, torch.utils.data.DataLoader(torch.ones(100, 1)))
        return trainer

    module = Module(lambda optimizer: OneCycleLR(optimizer, max_lr=0.1, total_steps=10_000))
    guard = preheat.lightning.Guard()
    with caplog.at_level(logging.WARNING, logger="preheat"):
        trainer = fit(module, guard)
    assert trainer.lr_scheduler_configs[0].scheduler.last_epoch == 3
    assert len(set(module.used)) == 3
    assert [record.getMessage().split(".")[0] for record in caplog.records if record.name == "preheat"] == [
        "OneCycleLR moved 0 times in 50 updates: shaped for 10000 of them, it makes about 0 in a run of 10000 updates"
    ]

    module = Module()
    fit(module, preheat.lightning.Schedules("warmup 30% > cosine"))
    planned = preheat.parse("warmup 3000 > cosine 7000")
    assert module.used == [0.1 * planned(position) for position in range(300)]


def test_s12_what_was_logged():
    """At a restart 0.001 is used and 1.0 logged after step(); a history of the groups' tensor holds one value."""
    optimizer = sgd()
    peer = get_scheduler("cosine_with_restarts", optimizer, 0, 100, {"num_cycles": 2})
    used, logged = [], []
    for _ in range(100):
        used.append(optimizer.param_groups[0]["lr"])
        update(optimizer)
        peer.step()
        logged.append(peer.get_last_lr()[0])
    assert (used[49], logged[49]) == (pytest.approx(0.001, abs=1e-4), 1.0)
    tensors = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=torch.tensor(1.0))
    peer, history = CosineAnnealingLR(tensors, T_max=100), []
    for _ in range(100):
        history.append(tensors.param_groups[0]["lr"])
        update(tensors)
        peer.step()
    assert len({float(value) for value in history}) == 1

    schedule = preheat.get_schedule("cosine_with_restarts", total=100, num_cycles=2)
    for lr in (1.0, torch.tensor(1.0)):
        optimizer = sgd(lr)
        ours = Scheduler(optimizer, schedule)
        logged = []
        for _ in range(100):
            update(optimizer)
            logged.append(ours.used_lr)
            ours.step()
        assert ours.history == logged == [schedule(position) for position in range(100)]
        assert {type(value) for value in ours.history} == {float}
        assert json.loads(json.dumps(ours.history)) == ours.history  # every digit, on paper too


def test_s15_one_spec_in_every_framework():
    """Keras takes the same numbers for ten updates more; ours is one list in all, and read from transformers."""
    theirs = keras.optimizers.schedules.CosineDecay(0.0, 100, 0.1, warmup_target=1.0, warmup_steps=10)
    optaxs = optax.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100, 0.1)
    assert float(optaxs(100)) == pytest.approx(0.1)
    assert float(theirs(100)) > 0.12  # its decay_steps come after the warm-up
    assert float(theirs(110)) == pytest.approx(0.1)

    schedule = preheat.get_schedule("cosine_with_min_lr", warmup=10, total=100, min_lr_rate=0.1)
    plain = [schedule(position) for position in range(120)]
    optimizer = sgd()
    scheduler = Scheduler(optimizer, schedule)
    for _ in range(120):
        update(optimizer)
    assert scheduler.history == plain
    rounded = np.float32(plain)
    assert (np.asarray(jax.jit(preheat.optax.schedule(schedule, 1.0))(np.arange(120))) == rounded).all()
    in_keras = preheat.keras.Schedule(schedule, 1.0)
    assert [float(in_keras(position)) for position in range(120)] == rounded.tolist()
    config = {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}}
    imported = dialects.read({**config, "warmup_steps": 10, "max_steps": 100})
    assert [imported.schedule(position) for position in range(120)] == plain


def test_s15_saved_states_travel():
    """Under 4 KiB; by JSON, pickle, torch.load(weights_only) and into a spawned process; no function without a name."""
    schedule = preheat.get_schedule("cosine_with_min_lr", warmup=10, total=100, min_lr_rate=0.1)
    state = Scheduler(sgd(), schedule).state_dict()
    assert len(json.dumps(state)) < 4096
    saved = io.BytesIO()
    torch.save(state, saved)
    saved.seek(0)
    for again in (
        json.loads(json.dumps(state)),
        pickle.loads(pickle.dumps(state)),
        torch.load(saved, weights_only=True),
    ):
        optimizer = sgd()
        Scheduler(optimizer, schedule).load_state_dict(again)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(pickle.loads, (pickle.dumps(schedule),)) == schedule
    with pytest.raises(preheat.ScheduleError, match="function must be importable by its name"):
        preheat.from_function(lambda position: 1.0)
