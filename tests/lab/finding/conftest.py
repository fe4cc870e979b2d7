"""Small models with their batches, and hashes of everything that a trial may disturb."""

import hashlib
import pickle
import random

import numpy as np
import pytest
import torch
from torch import nn


def classes_loss(model, batch):
    """Cross-entropy of (inputs, classes)."""
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def make_batches(many=12, rows=16, seed=0):
    """Batches of a task that a linear model half solves."""
    draw = torch.Generator().manual_seed(seed)
    weights = torch.randn(8, 4, generator=draw)
    inputs = torch.randn(many, rows, 8, generator=draw)
    return [(part, (part @ weights).argmax(dim=1)) for part in inputs]


def make_model(seed=0):
    """Batch norm has buffers, dropout draws random numbers, one layer is frozen and one is in evaluation mode."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        *(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4)),
    )
    model[4].weight.requires_grad_(False)
    model[5].eval()
    return model


def digest(*parts):
    """One hash of tensors, arrays and plain data."""
    plain = [
        part.detach().numpy().tobytes() if isinstance(part, torch.Tensor) else pickle.dumps(part) for part in parts
    ]
    return hashlib.sha256(b"|".join(plain)).hexdigest()


def world(model, optimizer=None, generators=()):
    """Everything a trial may disturb, by name: hashes of values, and identities of what has to stay itself."""
    seen = {
        "weights": digest(*model.parameters()),
        "buffers": digest(*model.buffers()),
        "storage": [tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())],
        "objects": [id(tensor) for tensor in (*model.parameters(), *model.buffers())],
        "modes": [module.training for module in model.modules()],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "requires_grad": [weight.requires_grad for weight in model.parameters()],
        "gradients": [None if w.grad is None else (id(w.grad), digest(w.grad)) for w in model.parameters()],
        "torch": digest(torch.get_rng_state()),
        "numpy": digest(np.random.get_state()),
        "python": digest(random.getstate()),
        "generators": [digest(generator.get_state()) for generator in generators],
    }
    if optimizer is not None:
        state = [value for slot in optimizer.state.values() for value in slot.values()]
        tensors = [value for value in state if isinstance(value, torch.Tensor)]
        groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
        seen |= {
            "optimizer": digest(*state, groups),
            "optimizer storage": [tensor.data_ptr() for tensor in tensors],
            "groups": [id(group) for group in (optimizer.param_groups, *optimizer.param_groups)],
            "hooks": digest(list(optimizer._optimizer_step_pre_hooks), list(optimizer._optimizer_step_post_hooks)),
            "attributes of the optimizer": sorted(vars(optimizer)),
        }
    return seen


@pytest.fixture
def finding():
    """The tools of this folder, under one name."""

    class Tools:
        loss = staticmethod(classes_loss)
        batches = staticmethod(make_batches)
        model = staticmethod(make_model)
        world = staticmethod(world)
        digest = staticmethod(digest)

    return Tools
