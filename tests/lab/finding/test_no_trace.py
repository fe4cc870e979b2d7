"""A range test leaves no trace: weights, optimizer, random numbers, modules and loaders are as before, bit for bit."""

import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset

import preheat
from preheat.lab import find_lr
from preheat.lab.finding import search as kept
from preheat.torch import Scheduler

SHORT = {"start": 1e-4, "end": 1.0, "updates": 12}


OPTIMIZERS = {
    "SGD": lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9),
    "AdamW": lambda weights: torch.optim.AdamW(weights, lr=1e-2),
    "fused AdamW": lambda weights: torch.optim.AdamW(weights, lr=1e-2, fused=True),
    "AdamW with a tensor rate": lambda weights: torch.optim.AdamW(weights, lr=torch.tensor(1e-2), foreach=False),
    "Adafactor": lambda weights: torch.optim.Adafactor(weights, lr=1e-2),
}


def several_groups(model, kind):
    """Three groups with rates of their own."""
    optimizer = OPTIMIZERS[kind](list(model[0].parameters()))
    for index, lr in ((4, 3e-3), (7, 1e-3)):
        group = {"params": list(model[index].parameters())}
        held = optimizer.param_groups[0]["lr"]
        optimizer.add_param_group({**group, "lr": torch.tensor(lr) if isinstance(held, torch.Tensor) else lr})
    return optimizer


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("trained", [0, 2], ids=["fresh", "trained"])
def test_leaves_no_trace(finding, kind, trained):
    """Hashes of weights, buffers, optimizer, gradients, modes and random numbers; identities of what holds them."""
    model, batches = finding.model(), finding.batches()
    optimizer = several_groups(model, kind)
    scheduler = Scheduler(optimizer, preheat.get_schedule("warmuplinear", warmup=5, total=50))
    for batch in batches[:trained]:
        finding.loss(model, batch).backward()
        optimizer.step()
    own = torch.Generator().manual_seed(7)
    rows = TensorDataset(*(torch.cat(parts) for parts in zip(*batches, strict=True)))
    loader = DataLoader(rows, batch_size=16, shuffle=True, generator=own)
    before = finding.world(model, optimizer, [own]), scheduler.position, list(scheduler.history), scheduler.next_lr
    first = find_lr(model, optimizer, loader, finding.loss, accumulation=2, clip=5.0, **SHORT)
    after = finding.world(model, optimizer, [own]), scheduler.position, list(scheduler.history), scheduler.next_lr
    assert after == before
    assert find_lr(model, optimizer, loader, finding.loss, accumulation=2, clip=5.0, **SHORT) == first
    optimizer.step()  # and nobody complains
    assert scheduler.position == trained + 1


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("call", [0, 5, 12, 13, 14])
def test_leaves_no_trace_when_it_is_interrupted(finding, stop, call):
    """In the middle of the climb, and of the line search after it."""
    model, batches = finding.model(), finding.batches()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    finding.loss(model, batches[0]).backward()
    optimizer.step()
    before = finding.world(model, optimizer)
    calls = itertools.count()

    def loss(model, batch):
        if next(calls) == call:
            random.random()
            raise stop
        return finding.loss(model, batch)

    with pytest.raises(stop):
        find_lr(model, optimizer, batches, loss, **SHORT)
    assert finding.world(model, optimizer) == before


def test_control_c_while_it_puts_things_back_does_not_stop_it(finding, monkeypatch):
    """It is raised when all is back."""
    model, batches = finding.model(), finding.batches()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    before = finding.world(model, optimizer)
    write, calls = kept._write, itertools.count()

    def interrupted(tensors):
        if next(calls) < 2:
            raise KeyboardInterrupt
        write(tensors)

    monkeypatch.setattr(kept, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        find_lr(model, optimizer, batches, finding.loss, **SHORT)
    assert next(calls) > 3
    assert finding.world(model, optimizer) == before


def test_modules_that_keep_things_of_their_own(finding):
    """A counter, a plain tensor written in place, a buffer that is replaced, an attribute that appears."""

    class Keeper(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 4)
            self.register_buffer("mean", torch.zeros(4))
            self.calls = 0
            self.total = torch.zeros(1)

        def forward(self, inputs):
            self.calls += 1
            self.total += 1
            self.mean = self.mean + 1
            self.cache = inputs
            return self.linear(inputs)

    model = Keeper()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before, mean, total = finding.world(model, optimizer), model.mean, model.total
    find_lr(model, optimizer, finding.batches(), finding.loss, **SHORT)
    assert finding.world(model, optimizer) == before
    assert (model.calls, model.mean is mean, model.total is total, model.total.item()) == (0, True, True, 0.0)
    assert not hasattr(model, "cache")


def test_flags_that_the_loss_sets_are_set_back(finding):
    """One that freezes a layer as it goes, and drops the gradients."""
    model = finding.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = finding.world(model, optimizer)

    def loss(model, batch):
        model[0].weight.requires_grad_(False)
        model[4].weight.requires_grad_(True)
        return finding.loss(model, batch)

    find_lr(model, optimizer, finding.batches(), loss, **SHORT)
    assert finding.world(model, optimizer) == before


class NeverCopied(nn.Sequential):
    """A model too large to be copied by the way."""

    def __deepcopy__(self, memo):
        raise AssertionError


def test_optimizers_of_other_peoples_making(finding):
    """One that assigns ``.data``, keeps numbers outside of its state, and refers to the model and to itself."""

    class Own(torch.optim.Optimizer):
        def __init__(self, model, lr):
            super().__init__(model.parameters(), {"lr": lr})
            self.model = model
            self.done = [0]
            self.after = self.count

        def count(self):
            self.done[0] += 1

        def step(self):
            done = self.done[0]
            self.after()
            assert self.done[0] == done + 1
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.data = weight.data - group["lr"] * weight.grad

    model = NeverCopied(*finding.model())
    optimizer = Own(model, 0.1)
    before = finding.world(model, optimizer)
    test = find_lr(model, optimizer, finding.batches(), finding.loss, **SHORT)
    assert finding.world(model, optimizer) == before
    assert optimizer.done == [0]
    assert optimizer.model is model
    plain = find_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), finding.batches(), finding.loss, **SHORT)
    assert test.losses == pytest.approx(plain.losses, rel=1e-6)


def test_no_hook_runs(finding):
    """Neither torch's global ones, which recorders use, nor those of a class that calls its parent's step."""

    class Child(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    model = finding.model()
    calls = []
    handle = register_optimizer_step_post_hook(lambda *_: calls.append("global"))
    try:
        find_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), finding.batches(), finding.loss, **SHORT)
    finally:
        handle.remove()
    child = Child(model.parameters(), lr=0.1)
    child.register_step_pre_hook(lambda *_: calls.append("own"))
    find_lr(model, child, finding.batches(), finding.loss, **SHORT)
    assert calls == []


def test_other_schedulers_and_wrappers_are_not_stepped(finding):
    """torch's own scheduler counts calls of the optimizer's step; Accelerate wraps the optimizer."""
    from accelerate import Accelerator

    model = finding.model()
    bare = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(bare, lambda update: 1 / (1 + update))
    wrapped = Accelerator(cpu=True).prepare_optimizer(bare)
    before, state = finding.world(model, bare), scheduler.state_dict()
    find_lr(model, wrapped, finding.batches(), finding.loss, **SHORT)
    assert finding.world(model, bare) == before
    assert scheduler.state_dict() == state
    assert not getattr(bare, "_opt_called", False)


class Drawing(Dataset):
    """Rows that draw random numbers of their own."""

    def __init__(self):
        self.draws = np.random.default_rng(3)
        self.python = random.Random(3)
        self.legacy = np.random.RandomState(3)

    def __len__(self):
        return 64

    def __getitem__(self, index):
        noise = self.draws.normal(size=8) + self.python.random() + self.legacy.normal() + np.random.normal()
        return torch.tensor(noise, dtype=torch.float32), index % 4


class Counting(RandomSampler):
    """A sampler that knows how often it was begun, as Accelerate's does."""

    begun = 0

    def __iter__(self):
        self.begun += 1
        return super().__iter__()


def test_loader_goes_on_where_it_was(finding):
    """Generators of loader, sampler and data set, and the sampler's own count: the epoch after the test is the same."""

    def epoch(with_test):
        torch.manual_seed(1)
        np.random.seed(1)
        rows = Drawing()
        sampler = Counting(rows, generator=torch.Generator().manual_seed(5))
        loader = DataLoader(rows, batch_size=8, sampler=sampler, generator=torch.Generator().manual_seed(6))
        torch.manual_seed(0)
        model = finding.model()
        if with_test:
            find_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), loader, finding.loss, **SHORT)
        assert sampler.begun == 0
        return finding.digest(*(tensor for batch in loader for tensor in batch))

    assert epoch(with_test=True) == epoch(with_test=False)


def test_an_epoch_under_way_goes_on(finding):
    """Persistent workers too: the test has workers of its own."""
    rows = TensorDataset(*finding.batches(1, rows=64)[0])
    loader = DataLoader(rows, batch_size=8, num_workers=1, persistent_workers=True, multiprocessing_context="fork")
    under_way = iter(loader)
    taken = [next(under_way)]
    model = finding.model()
    find_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), loader, finding.loss, **SHORT)
    taken += list(under_way)
    assert len(taken) == 8
    assert torch.equal(torch.cat([inputs for inputs, _ in taken]), rows.tensors[0])
    loader._iterator = under_way = None
